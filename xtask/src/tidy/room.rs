//! What each room is forbidden, and that the compiler is told so.

use super::Finding;
use super::source::{code, denies, has_word, inner_attributes};
use super::tree::Tree;

/// The rooms that contain no `unsafe` at all.
const SAFE: &[&str] = &["wire", "flow", "account", "store", "query", "sql", "testkit"];

/// The files where `unsafe` may stand: for the allocator, sockets and packet rings. A new one is a decision.
const UNSAFE: &[&str] = &["crates/weir/src/allocator.rs", "crates/weir/src/collect/kernel.rs"];

/// The rooms without clocks, files, sockets and threads (invariant 1).
const PURE: &[&str] = &["flow", "account"];

/// What the `clippy.toml` of a pure room says; it replaces the root's, so the limits are repeated.
const PURE_CLIPPY: &[&str] = &[
    "disallowed-methods",
    "disallowed-types",
    "std::time::SystemTime::now",
    "std::time::Instant::now",
    "too-many-lines-threshold = 70",
    "too-many-arguments-threshold",
];

/// The rooms in [`SAFE`] forbid `unsafe` in the first file the compiler reads.
pub(super) fn unsafe_is_forbidden(tree: &Tree) -> Vec<Finding> {
    let missing = |room: &&str| {
        let path = format!("crates/{room}/src/lib.rs");
        let forbids = inner_attributes(tree.text(&path)).iter().any(|one| one == "forbid(unsafe_code)");
        (tree.has(&path) && !forbids).then(|| Finding::about(&path, "write #![forbid(unsafe_code)]"))
    };
    SAFE.iter().filter_map(missing).collect()
}

/// `unsafe` stands in the named files only, and every one of them says why it is sound.
pub(super) fn unsafe_is_where_it_is_allowed(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        let lines: Vec<&str> = file.text.lines().collect();
        for (index, _) in code(&file.text).lines().enumerate().filter(|(_, line)| has_word(line, "unsafe")) {
            let mut before = lines.iter().take(index + 1).rev().take(6);
            if !UNSAFE.contains(&file.path.as_str()) {
                findings.push(Finding::at(
                    &file.path,
                    index + 1,
                    "unsafe in a file not named for it (room.rs)",
                ));
            } else if !before.any(|line| line.contains("SAFETY:") || line.contains("# Safety")) {
                findings.push(Finding::at(
                    &file.path,
                    index + 1,
                    "unsafe without a SAFETY: sentence above it",
                ));
            }
        }
    }
    findings
}

/// `wire` needs no standard library and takes nothing out of a slice that may not be there.
pub(super) fn wire_is_bare(tree: &Tree) -> Vec<Finding> {
    let path = "crates/wire/src/lib.rs";
    let text = tree.text(path);
    let mut findings = Vec::new();
    if !inner_attributes(text).iter().any(|one| has_word(one, "no_std")) {
        findings.push(Finding::about(path, "write #![no_std]"));
    }
    if !denies(text, "clippy::indexing_slicing") {
        findings.push(Finding::about(path, "write #![deny(clippy::indexing_slicing)]"));
    }
    findings
}

/// `account` has no floats and no arithmetic that could overflow unseen (invariant 8).
pub(super) fn account_is_exact(tree: &Tree) -> Vec<Finding> {
    let path = "crates/account/src/lib.rs";
    let lints = ["clippy::float_arithmetic", "clippy::arithmetic_side_effects"];
    let missing = lints.iter().filter(|lint| !denies(tree.text(path), lint));
    missing.map(|lint| Finding::about(path, format!("write #![deny({lint})]"))).collect()
}

/// The pure rooms have a `clippy.toml` that disallows what they must not touch.
pub(super) fn clocks_are_disallowed(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for room in PURE {
        let path = format!("crates/{room}/clippy.toml");
        for words in PURE_CLIPPY.iter().filter(|words| !tree.text(&path).contains(**words)) {
            findings.push(Finding::about(&path, format!("`{words}` is missing")));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::places;

    #[test]
    fn a_room_that_does_not_forbid_unsafe_is_found() {
        let files = [
            ("crates/wire/src/lib.rs", "//! Wire.\n#![forbid(unsafe_code)]\n"),
            ("crates/flow/src/lib.rs", "//! #![forbid(unsafe_code)]\n"),
            ("crates/store/src/lib.rs", "#![deny(unsafe_code)]\n"),
        ];
        assert_eq!(
            places(unsafe_is_forbidden, &files),
            ["crates/flow/src/lib.rs", "crates/store/src/lib.rs"]
        );
    }

    #[test]
    fn unsafe_in_code_is_found_and_in_words_is_not() {
        let text = "// unsafe is not used\nconst A: &str = \"unsafe\";\nunsafe { f() }\n";
        let found = places(unsafe_is_where_it_is_allowed, &[("crates/weir/src/x.rs", text)]);
        assert_eq!(found, ["crates/weir/src/x.rs:3"]);
    }

    #[test]
    fn a_wire_with_std_or_indexing_is_found() {
        let good = "#![no_std]\n#![deny(clippy::indexing_slicing)]\n";
        assert!(places(wire_is_bare, &[("crates/wire/src/lib.rs", good)]).is_empty());
        assert_eq!(places(wire_is_bare, &[("crates/wire/src/lib.rs", "//! no_std")]).len(), 2);
    }

    #[test]
    fn an_account_that_may_overflow_is_found() {
        let floats = "#![deny(clippy::float_arithmetic)]\n";
        assert_eq!(places(account_is_exact, &[("crates/account/src/lib.rs", floats)]).len(), 1);
        let both = "#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]\n";
        assert!(places(account_is_exact, &[("crates/account/src/lib.rs", both)]).is_empty());
    }

    #[test]
    fn a_pure_room_without_its_own_limits_is_found() {
        let full = PURE_CLIPPY.join("\n");
        let files = [
            ("crates/flow/clippy.toml", full.as_str()),
            ("crates/account/clippy.toml", "disallowed-methods"),
        ];
        let found = places(clocks_are_disallowed, &files);
        assert_eq!(found.len(), PURE_CLIPPY.len() - 1);
        assert!(found.iter().all(|place| place == "crates/account/clippy.toml"));
    }
}
