//! The pages a newcomer reads first, checked against the tree they describe.

use super::Finding;
use super::edge::ROOMS;
use super::source::has_word;
use super::tree::Tree;

const ARCHITECTURE: &str = "ARCHITECTURE.md";
const CHANGELOG: &str = "CHANGELOG.md";
const README: &str = "README.md";

/// The pages whose backticked paths must exist.
const PAGES: &[&str] = &[ARCHITECTURE, README, "CONTRIBUTING.md"];

/// What a backticked path begins with.
const FOLDERS: &[&str] =
    &[".cargo/", ".ci/", "benches/", "crates/", "docs/", "fuzz/", "testdata/", "ui/", "xtask/"];

/// What a newcomer types.
const COMMANDS: &[&str] = &["cargo run --release -- demo", "cargo test --workspace"];

/// Every crate is named on the map as `weir-NAME` or `crates/NAME`, and every crate named there exists.
pub(super) fn crates_are_named(tree: &Tree) -> Vec<Finding> {
    let map = tree.text(ARCHITECTURE);
    let mut findings = Vec::new();
    for room in tree.crates() {
        if !words(map).any(|word| named(word) == Some(room)) {
            findings.push(Finding::about(ARCHITECTURE, format!("crates/{room} is not named")));
        }
    }
    for (index, line) in map.lines().enumerate() {
        for room in words(line).filter_map(named).filter(|room| !tree.crates().any(|one| one == *room)) {
            findings.push(Finding::at(ARCHITECTURE, index + 1, format!("there is no crate {room}")));
        }
    }
    findings
}

/// `text` in words that may contain `-`, `_` and `/`.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && !"-_/".contains(c))
}

/// The room that `word` names.
fn named(word: &str) -> Option<&str> {
    let folder = word.strip_prefix("crates/").and_then(|rest| rest.split('/').next());
    folder.or_else(|| word.strip_prefix("weir-")).filter(|room| !room.is_empty())
}

/// Every path in backticks is a file or a folder.
pub(super) fn paths_exist(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for page in PAGES {
        for (index, line) in tree.text(page).lines().enumerate() {
            for path in line.split('`').skip(1).step_by(2).map(|path| path.trim_end_matches('/')) {
                let is_path = FOLDERS.iter().any(|folder| path.starts_with(folder));
                // A capital word, a star or a brace stands for something else.
                let pattern = path.contains(|c: char| c.is_whitespace() || "*{}<>…".contains(c))
                    || path.split(['/', '.']).any(|part| {
                        part.len() > 1
                            && part.chars().all(|c| c.is_ascii_uppercase())
                            && !path.ends_with(".md")
                    });
                if is_path && !pattern && !tree.has(path) {
                    findings.push(Finding::at(page, index + 1, format!("there is no {path}")));
                }
            }
        }
    }
    findings
}

/// The map draws exactly the arrows that [`ROOMS`] allows, a line for each room: `flow → wire`.
pub(super) fn arrows_are_drawn(tree: &Tree) -> Vec<Finding> {
    let map = tree.text(ARCHITECTURE);
    let mut findings = Vec::new();
    for (room, known) in ROOMS {
        let drawn = map.lines().find_map(|line| {
            let (from, to) = line.split_once('→')?;
            (from.trim() == *room).then(|| to.trim())
        });
        let wanted = if known.is_empty() { "nothing".to_owned() } else { known.join(", ") };
        if drawn != Some(wanted.as_str()) {
            findings.push(Finding::about(ARCHITECTURE, format!("draw the arrows `{room} → {wanted}`")));
        }
    }
    findings
}

/// The map numbers its invariants from 1 without a gap, and the source refers to none beyond them.
pub(super) fn invariants_are_numbered(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut last = 0;
    for (index, line) in tree.text(ARCHITECTURE).lines().enumerate() {
        if let Some(number) =
            line.trim_start_matches(['*', '-', ' ']).strip_prefix("Invariant ").and_then(leading)
        {
            if number != last + 1 {
                findings.push(Finding::at(
                    ARCHITECTURE,
                    index + 1,
                    format!("Invariant {} comes here", last + 1),
                ));
            }
            last = number;
        }
    }
    if last == 0 {
        findings.push(Finding::about(ARCHITECTURE, "has no line `Invariant 1`"));
    }
    for file in tree.sources() {
        for (index, line) in file.text.lines().enumerate() {
            let mut numbers = line.split("nvariant ").skip(1).filter_map(leading);
            if let Some(number) = numbers.find(|number| *number > last) {
                findings.push(Finding::at(&file.path, index + 1, format!("there is no Invariant {number}")));
            }
        }
    }
    findings
}

/// The number that `text` begins with.
fn leading(text: &str) -> Option<u32> {
    text.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// README shows the two commands.
pub(super) fn commands_are_in_the_readme(tree: &Tree) -> Vec<Finding> {
    let missing = COMMANDS.iter().filter(|command| !tree.text(README).contains(**command));
    missing.map(|command| Finding::about(README, format!("does not say `{command}`"))).collect()
}

/// What can change a number on a report comes first in the changelog.
pub(super) fn figures_come_first(tree: &Tree) -> Vec<Finding> {
    let mut lines = tree.text(CHANGELOG).lines();
    let unreleased = lines.any(|line| line.starts_with("## ") && has_word(line, "Unreleased"));
    let first = lines.take_while(|line| !line.starts_with("## ")).find(|line| line.starts_with("### "));
    if unreleased && first.map(str::trim_end) == Some("### Figures") {
        return Vec::new();
    }
    vec![Finding::about(CHANGELOG, "the first heading under `## Unreleased` is `### Figures`")]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::places;

    #[test]
    fn a_crate_that_is_not_on_the_map_is_found_and_so_is_one_that_is_gone() {
        let map = "`weir-wire` says what the bytes say.\n`crates/flow/src` means it, `weir-gone` did.\n";
        let files = [
            (ARCHITECTURE, map),
            ("crates/wire/Cargo.toml", ""),
            ("crates/flow/Cargo.toml", ""),
            ("crates/new/Cargo.toml", ""),
        ];
        assert_eq!(places(crates_are_named, &files), ["ARCHITECTURE.md", "ARCHITECTURE.md:2"]);
    }

    #[test]
    fn a_path_that_is_gone_is_found() {
        let page =
            "`crates/wire/src/` and `xtask/`\n`docs/gone.md`\n`crates/NAME/src`, `docs/*.md`, crates/none\n";
        let files = [(README, page), ("crates/wire/src/lib.rs", ""), ("xtask/Cargo.toml", "")];
        assert_eq!(places(paths_exist, &files), ["README.md:2"]);
    }

    #[test]
    fn an_arrow_drawn_wrongly_is_found() {
        let mut map = String::new();
        for (room, known) in ROOMS {
            let known = if known.is_empty() { "nothing".to_owned() } else { known.join(", ") };
            map.push_str(&format!("    {room:<8} → {known}\n"));
        }
        assert!(places(arrows_are_drawn, &[(ARCHITECTURE, &map)]).is_empty());
        let wrong = map.replace("wire     → nothing", "wire     → flow");
        assert_eq!(places(arrows_are_drawn, &[(ARCHITECTURE, &wrong)]).len(), 1);
    }

    #[test]
    fn a_gap_in_the_invariants_is_found_and_a_reference_beyond_them() {
        let map = "**Invariant 1.** A.\n**Invariant 3.** B.\n";
        assert_eq!(places(invariants_are_numbered, &[(ARCHITECTURE, map)]), ["ARCHITECTURE.md:2"]);
        let source = "// Invariant 1 holds\n// see invariant 2\n";
        let files = [(ARCHITECTURE, "- **Invariant 1.** A.\n"), ("crates/a/src/b.rs", source)];
        assert_eq!(places(invariants_are_numbered, &files), ["crates/a/src/b.rs:2"]);
        assert_eq!(places(invariants_are_numbered, &[]), ["ARCHITECTURE.md"]);
    }

    #[test]
    fn a_readme_without_its_commands_is_found() {
        assert_eq!(places(commands_are_in_the_readme, &[(README, "cargo test --workspace")]).len(), 1);
    }

    #[test]
    fn figures_that_do_not_come_first_are_found() {
        let check = |text: &str, found: usize| {
            assert_eq!(places(figures_come_first, &[(CHANGELOG, text)]).len(), found, "{text}");
        };
        check("# Changelog\n\n## [Unreleased]\n\n### Figures\n- none\n### Added\n", 0);
        check("## Unreleased\n### Added\n### Figures\n", 1);
        check("## Unreleased\n## 0.1.0\n### Figures\n", 1);
        check("", 1);
    }
}
