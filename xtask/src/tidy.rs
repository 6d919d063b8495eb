//! `cargo xtask tidy`: the map is true, the arrows point one way, the habits are kept.
//!
//! A check is a function from the [`Tree`] (every text file git knows or would add) to its [`Finding`]s. It
//! touches nothing else, so its tests show it failing on a tree of a few lines.

mod edge;
mod habit;
mod manifest;
mod map;
mod room;
mod source;
mod tree;

use std::fmt;
use std::path::Path;

use tree::Tree;

/// Something to mend: where, and what.
#[derive(Debug, PartialEq)]
struct Finding {
    place: String,
    what: String,
}

type Check = fn(&Tree) -> Vec<Finding>;

/// All checks.
const CHECKS: &[Check] = &[
    map::crates_are_named,
    map::paths_exist,
    map::arrows_are_drawn,
    map::invariants_are_numbered,
    map::commands_are_in_the_readme,
    map::figures_come_first,
    edge::point_one_way,
    edge::wire_stands_alone,
    edge::versions_are_in_one_place,
    edge::reasons_are_given,
    room::unsafe_is_forbidden,
    room::unsafe_is_where_it_is_allowed,
    room::wire_is_bare,
    room::account_is_exact,
    room::clocks_are_disallowed,
    habit::files_are_short,
    habit::modules_have_names,
    habit::sampling_has_no_rate,
    habit::tests_are_not_ignored,
    habit::paths_are_relative,
    habit::fuzz_targets_have_a_format,
];

/// Runs all checks over the repository `root`.
///
/// # Errors
/// All findings, a line each, or why the tree cannot be read.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let tree = Tree::load(root)?;
    let findings: Vec<String> =
        CHECKS.iter().flat_map(|check| check(&tree)).map(|finding| finding.to_string()).collect();
    if findings.is_empty() {
        println!("tidy: {} files, {} checks, nothing to mend", tree.files().len(), CHECKS.len());
        return Ok(());
    }
    Err(format!("{}\ntidy: {} to mend", findings.join("\n"), findings.len()))
}

impl Finding {
    /// A finding about a whole file or folder.
    fn about(path: &str, what: impl Into<String>) -> Self {
        Self { place: path.to_owned(), what: what.into() }
    }

    /// A finding in `line` (counted from 1) of the file `path`.
    fn at(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { place: format!("{path}:{line}"), what: what.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.place, self.what)
    }
}

/// The places where `check` finds something in a tree of `(path, text)`.
#[cfg(test)]
fn places(check: Check, files: &[(&str, &str)]) -> Vec<String> {
    check(&Tree::of(files)).into_iter().map(|finding| finding.place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_reads_like_a_compilers() {
        assert_eq!(Finding::at("a/b.rs", 7, "too long").to_string(), "a/b.rs:7: too long");
        assert_eq!(Finding::about("a", "not named").to_string(), "a: not named");
    }
}
