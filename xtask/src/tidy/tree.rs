//! The repository as the checks see it: paths and texts.

use std::fs;
use std::path::Path;
use std::process::Command;

/// A text file.
#[derive(Debug)]
pub(super) struct File {
    /// Relative to the root, with `/` between its parts.
    pub(super) path: String,
    pub(super) text: String,
}

/// All text files of the repository, by path.
#[derive(Debug)]
pub(super) struct Tree {
    files: Vec<File>,
    /// Every path, those of binary files too.
    paths: Vec<String>,
}

impl Tree {
    /// Reads what git tracks, and what it would add.
    pub(super) fn load(root: &Path) -> Result<Self, String> {
        let listed = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(root)
            .output()
            .map_err(|error| format!("git ls-files: {error}"))?;
        if !listed.status.success() {
            return Err(format!("git ls-files: {}", String::from_utf8_lossy(&listed.stderr).trim()));
        }
        let mut paths: Vec<String> = String::from_utf8_lossy(&listed.stdout)
            .split_terminator('\0')
            // Deleted, and not yet committed.
            .filter(|path| root.join(path).is_file())
            .map(str::to_owned)
            .collect();
        paths.sort_unstable();
        paths.dedup();
        let mut files = Vec::new();
        for path in &paths {
            let bytes = fs::read(root.join(path)).map_err(|error| format!("{path}: {error}"))?;
            // What is not text is a recorded capture or the like.
            if let Ok(text) = String::from_utf8(bytes) {
                files.push(File { path: path.clone(), text });
            }
        }
        Ok(Self { files, paths })
    }

    /// A tree of `(path, text)`.
    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let paths = files.iter().map(|(path, _)| (*path).to_owned()).collect();
        let files = files
            .iter()
            .map(|(path, text)| File { path: (*path).to_owned(), text: (*text).to_owned() })
            .collect();
        Self { files, paths }
    }

    pub(super) fn files(&self) -> &[File] {
        &self.files
    }

    /// The text of the file `path`; empty where there is none, so that what it should say is found missing.
    pub(super) fn text(&self, path: &str) -> &str {
        self.files.iter().find(|file| file.path == path).map_or("", |file| &file.text)
    }

    /// True if `path` is a file or a folder.
    pub(super) fn has(&self, path: &str) -> bool {
        self.paths.iter().any(|known| {
            known.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }

    /// The folders directly under `crates/` that hold a crate.
    pub(super) fn crates(&self) -> impl Iterator<Item = &str> {
        self.paths.iter().filter_map(|path| path.strip_prefix("crates/")?.strip_suffix("/Cargo.toml"))
    }

    /// The Rust sources of every crate (`crates/NAME/src`), not their tests.
    pub(super) fn sources(&self) -> impl Iterator<Item = &File> {
        self.rust().filter(|file| file.path.starts_with("crates/") && file.path.contains("/src/"))
    }

    /// All Rust files.
    pub(super) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }

    /// The manifests of the workspace's members, but not of the workspace.
    pub(super) fn manifests(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| {
            file.path.ends_with("/Cargo.toml")
                && (file.path.starts_with("crates/") || file.path.starts_with("xtask/"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_exist_by_what_is_in_them() {
        let tree = Tree::of(&[("crates/wire/Cargo.toml", ""), ("crates/wire/src/lib.rs", "")]);
        assert!(tree.has("crates/wire") && tree.has("crates/wire/src/lib.rs"));
        assert!(!tree.has("crates/wi") && !tree.has("docs"));
        assert_eq!(tree.crates().collect::<Vec<_>>(), ["wire"]);
    }

    #[test]
    fn this_repository_is_read_with_this_very_file() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let tree = Tree::load(&root).unwrap();
        assert!(tree.text("xtask/src/tidy/tree.rs").contains("read_with_this_very_file"));
        assert!(!tree.has("target"));
    }
}
