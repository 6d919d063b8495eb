//! Running the program in a folder of its own, and reading what it says.

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A folder with a `weir.toml`, where `weir` runs and keeps its store.
pub(crate) struct Place {
    folder: tempfile::TempDir,
}

/// What the program said, and how it ended.
pub(crate) struct Answer {
    /// The exit code; `None` after a signal.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

impl Place {
    /// With nothing in the configuration but the store.
    pub(crate) fn new() -> Self {
        Self::with("")
    }

    /// With more in the configuration.
    pub(crate) fn with(more: &str) -> Self {
        let place = Self { folder: tempfile::Builder::new().prefix("weir-test-").tempdir().unwrap() };
        place.write("weir.toml", format!("[store]\npath = \"store\"\n\n{more}"));
        place
    }

    /// The path of a file here.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file here.
    pub(crate) fn write(&self, name: &str, contents: impl AsRef<[u8]>) {
        fs::write(self.path(name), contents).unwrap();
    }

    /// Puts a file from elsewhere here under this name, without copying it.
    pub(crate) fn bring(&self, path: &Path, name: &str) {
        let _ = fs::remove_file(self.path(name));
        std::os::unix::fs::symlink(path, self.path(name)).unwrap();
    }

    /// The program with these arguments, to be run here. `line` is read as a shell would, single quotes included.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
        command.args(words(line)).current_dir(self.folder.path()).stdin(Stdio::null());
        command.env_remove("WEIR_STORE").env_remove("RUST_LOG").env("NO_COLOR", "1");
        // What the DNS says to a test is nobody else's.
        command.env("XDG_CACHE_HOME", self.path("cache"));
        command
    }

    /// Runs it to its end.
    pub(crate) fn weir(&self, line: &str) -> Answer {
        Answer::from(self.command(line).output().unwrap())
    }

    /// Runs what must succeed; its standard output.
    pub(crate) fn done(&self, line: &str) -> String {
        let answer = self.weir(line);
        assert_eq!(answer.code, Some(0), "weir {line}\n{}", answer.err);
        answer.out
    }

    /// Runs what must succeed and answers in JSON.
    pub(crate) fn json(&self, line: &str) -> Value {
        let out = self.done(line);
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("weir {line}: {error} in {out}"))
    }

    /// Runs what must fail with this code; what it says. Nothing is to be on standard output then, and on
    /// standard error no panic.
    pub(crate) fn fails(&self, line: &str, code: i32) -> String {
        let answer = self.weir(line);
        assert_eq!(answer.code, Some(code), "weir {line}\n{}", answer.err);
        assert_eq!(answer.out, "", "weir {line}");
        assert!(!answer.err.is_empty() && !answer.err.contains("panicked"), "weir {line}\n{}", answer.err);
        answer.err
    }
}

impl From<Output> for Answer {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// The integer at this path, as `balance.decoded.octets`; steps that are numbers go into lists.
pub(crate) fn number(json: &Value, path: &str) -> u64 {
    let pointer = format!("/{}", path.replace('.', "/"));
    let value = json.pointer(&pointer).and_then(Value::as_u64);
    value.unwrap_or_else(|| panic!("no number {path} in {json:#}"))
}

/// The element of a list of objects whose `key` is `name`.
pub(crate) fn named<'a>(list: &'a Value, key: &str, name: &str) -> &'a Value {
    let found = list.as_array().unwrap().iter().find(|item| item[key] == name);
    found.unwrap_or_else(|| panic!("no {key} {name} in {list:#}"))
}

/// Rows of CSV by their heads. None of the answers read with this has quotes in it.
pub(crate) fn csv(text: &str) -> (Vec<&str>, Vec<Vec<&str>>) {
    assert!(!text.contains('"'));
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    (lines.next().unwrap(), lines.collect())
}

fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (i, part) in line.split('\'').enumerate() {
        if i % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}
