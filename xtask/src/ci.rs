//! `cargo xtask ci`: everything a change must pass, the cheapest first, all with the one development profile.
//!
//! Every step runs even when an earlier one failed, so that one run tells all there is to mend.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

/// How many seeds the simulator runs.
const SIMULATOR_SEEDS: &str = "200";

/// What the program has in packages beyond README's build: an SQL engine, which is many minutes of compiling. Every step
/// that builds names it, so that nothing is built twice.
const SQL: &str = "weir/sql";

/// What the test runner said, added up over all test binaries.
#[derive(Debug, Default, PartialEq)]
struct Tally {
    passed: u64,
    failed: u64,
    skipped: u64,
}

/// One run of all steps.
struct Run<'a> {
    root: &'a Path,
    tally: Tally,
}

/// What became of a step.
enum Outcome {
    Done,
    /// It could not run here, and why; in CI this is a failure.
    NotRun(String),
    Failed(String),
}

type Step = (&'static str, fn(&mut Run<'_>) -> Outcome);

/// The steps by name, in order.
const STEPS: &[Step] = &[
    ("format", |run| run.cargo(&["fmt", "--all", "--check"])),
    ("tidy", |run| outcome(crate::tidy::run(run.root))),
    ("codegen", |_| outcome(crate::codegen::run(true))),
    ("deny", deny),
    ("clippy", |run| run.cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])),
    ("clippy, all features", |run| {
        run.cargo(&["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"])
    }),
    ("test", test),
    ("simulator", simulator),
    ("doc", |run| {
        let mut command = run.command("cargo", &["doc", "--workspace", "--no-deps", "--all-features"]);
        finish(command.env("RUSTDOCFLAGS", "-D warnings"))
    }),
    ("fuzz targets", fuzz),
];

/// Runs every step in the repository `root` and prints each with its time.
///
/// # Errors
/// One sentence that names the steps that failed.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let strict = std::env::var_os("CI").is_some_and(|value| value == "true");
    let mut run = Run { root, tally: Tally::default() };
    let mut summary = Vec::new();
    let mut failed = Vec::new();
    for (name, step) in STEPS {
        println!("\n== {name}");
        let start = Instant::now();
        let said = match step(&mut run) {
            Outcome::Done => "ok".to_owned(),
            Outcome::NotRun(why) if !strict => format!("NOT RUN: {why}"),
            Outcome::NotRun(why) | Outcome::Failed(why) => {
                failed.push(*name);
                format!("FAILED: {why}")
            }
        };
        let line = format!("{name:<22}{:>7.1} s  {said}", start.elapsed().as_secs_f64());
        println!("{line}");
        summary.push(line);
    }
    println!("\n== summary\n{}", summary.join("\n"));
    let Tally { passed, failed: failed_tests, skipped } = run.tally;
    println!("{passed} passed, {failed_tests} failed, {skipped} skipped");
    if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join("; "))) }
}

/// README's test command with SQL, its output passed on and added up. What is tested is what packages have; that
/// everything compiles without SQL, which is what a newcomer builds, is clippy's to say.
fn test(run: &mut Run<'_>) -> Outcome {
    // The same command; only, one failing test binary does not hide the next.
    let mut command = run.command("cargo", &["test", "--workspace", "--features", SQL, "--no-fail-fast"]);
    let mut child = match command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn() {
        Ok(child) => child,
        Err(error) => return Outcome::Failed(format!("cargo test: {error}")),
    };
    let errors = child.stderr.take().map(|pipe| thread::spawn(|| pass_on(pipe, std::io::stderr())));
    if let Some(pipe) = child.stdout.take() {
        run.tally.add(&pass_on(pipe, std::io::stdout()));
    }
    if let Some(Ok(tally)) = errors.map(thread::JoinHandle::join) {
        run.tally.add(&tally);
    }
    match child.wait() {
        Ok(status) if status.success() && run.tally.passed > 0 => Outcome::Done,
        Ok(status) if status.success() => Outcome::Failed("no test ran".to_owned()),
        Ok(status) => Outcome::Failed(format!("cargo test: {status}")),
        Err(error) => Outcome::Failed(format!("cargo test: {error}")),
    }
}

/// The seeded world. Built together with the tests, so that nothing is compiled a second time with
/// another choice of features.
fn simulator(run: &mut Run<'_>) -> Outcome {
    if !run.root.join("crates/sim/src/main.rs").is_file() {
        println!("crates/sim has no program yet: its seeds run as tests");
        return Outcome::Done;
    }
    if let failed @ Outcome::Failed(_) =
        run.cargo(&["build", "--workspace", "--features", SQL, "--bins", "--tests"])
    {
        return failed;
    }
    let beside = std::env::current_exe().map(|path| path.with_file_name("sim"));
    match beside {
        Ok(program) => finish(&mut run.command(program, &["--seeds", SIMULATOR_SEEDS, "--jobs", &jobs()])),
        Err(error) => Outcome::Failed(format!("this program's own path: {error}")),
    }
}

/// As many worlds at once as there are cores.
fn jobs() -> String {
    thread::available_parallelism().map_or(1, usize::from).to_string()
}

/// Licences, banned crates and sources. Advisories need a database from the network, which CI has not.
fn deny(run: &mut Run<'_>) -> Outcome {
    let installed = Command::new("cargo-deny").arg("--version").stdout(Stdio::null()).status();
    if !installed.is_ok_and(|status| status.success()) {
        return Outcome::NotRun("no cargo-deny (cargo install cargo-deny --locked)".to_owned());
    }
    run.cargo(&["deny", "--all-features", "check", "licenses", "bans", "sources"])
}

/// The fuzz targets are a workspace of their own: they compile, and are formatted.
fn fuzz(run: &mut Run<'_>) -> Outcome {
    const MANIFEST: &str = "fuzz/Cargo.toml";
    if !run.root.join(MANIFEST).is_file() {
        println!("there is no {MANIFEST} yet");
        return Outcome::Done;
    }
    if let failed @ Outcome::Failed(_) = run.cargo(&["fmt", "--manifest-path", MANIFEST, "--check"]) {
        return failed;
    }
    run.cargo(&["check", "--manifest-path", MANIFEST, "--bins"])
}

impl Run<'_> {
    fn command(&self, program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.root).args(arguments).stdin(Stdio::null());
        command
    }

    fn cargo(&self, arguments: &[&str]) -> Outcome {
        println!("cargo {}", arguments.join(" "));
        finish(&mut self.command("cargo", arguments))
    }
}

impl Tally {
    fn add(&mut self, more: &Tally) {
        self.passed += more.passed;
        self.failed += more.failed;
        self.skipped += more.skipped;
    }

    /// Takes one line of output into account: a runner's `test result:` or a test's `SKIPPED`.
    fn line(&mut self, line: &str) {
        if line.starts_with("SKIPPED ") {
            self.skipped += 1;
        }
        let Some((_, figures)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". "))
        else {
            return;
        };
        for figure in figures.split("; ") {
            let Some((count, what)) = figure.split_once(' ') else { continue };
            let count = count.parse::<u64>().unwrap_or(0);
            match what {
                "passed" => self.passed += count,
                "failed" => self.failed += count,
                "ignored" => self.skipped += count,
                _ => {}
            }
        }
    }
}

/// Copies `pipe` to `out` line by line and adds up what the lines say.
fn pass_on(pipe: impl Read, mut out: impl Write) -> Tally {
    let mut tally = Tally::default();
    for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        tally.line(&line);
        // A closed output is nobody's loss: the exit code still tells.
        let _ = writeln!(out, "{line}");
    }
    tally
}

/// Runs `command` to its end.
fn finish(command: &mut Command) -> Outcome {
    match command.status() {
        Ok(status) if status.success() => Outcome::Done,
        Ok(status) => Outcome::Failed(status.to_string()),
        Err(error) => Outcome::Failed(format!("{}: {error}", command.get_program().display())),
    }
}

/// What a chore of this program said; its last line sums it up.
fn outcome(result: Result<(), String>) -> Outcome {
    let Err(message) = result else { return Outcome::Done };
    println!("{message}");
    Outcome::Failed(message.lines().last().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_passed_on_and_added_up() {
        let said = "running 3 tests\n\
            test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
            SKIPPED office: no root [1 in this binary]\n\
            test result: FAILED. 10 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1s\n";
        let mut out = Vec::new();
        assert_eq!(pass_on(said.as_bytes(), &mut out), Tally { passed: 13, failed: 2, skipped: 2 });
        assert_eq!(String::from_utf8_lossy(&out), said);
    }

    #[test]
    fn every_step_has_a_name_of_its_own() {
        let mut names: Vec<_> = STEPS.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), STEPS.len());
    }
}
