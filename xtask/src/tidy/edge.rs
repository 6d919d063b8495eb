//! Which crate may know which: the arrows between the rooms, and the reasons for what comes from outside.

use super::Finding;
use super::manifest::{Dependency, dependencies};
use super::tree::Tree;

/// The rooms, and what each may know. `ARCHITECTURE.md` draws the same arrows: a new one is drawn twice, on
/// purpose.
pub(super) const ROOMS: &[(&str, &[&str])] = &[
    ("wire", &[]),
    ("flow", &["wire"]),
    ("store", &["flow"]),
    ("query", &["flow", "store"]),
    ("account", &["flow"]),
    ("books", &[]),
    ("sql", &["flow", "store", "query"]),
    ("weir", &["wire", "flow", "store", "query", "account", "books", "sql"]),
    ("sim", &["wire", "flow", "store", "query", "account"]),
    ("testkit", &[]),
];

/// Every dependency between our crates is an arrow of [`ROOMS`]; tests may ask the test kit besides.
pub(super) fn point_one_way(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for room in tree.crates() {
        let path = format!("crates/{room}/Cargo.toml");
        let Some((_, known)) = ROOMS.iter().find(|(name, _)| *name == room) else {
            findings
                .push(Finding::about(&path, "a crate without a place in xtask's table of rooms (edge.rs)"));
            continue;
        };
        for Dependency { name, development, line, .. } in dependencies(tree.text(&path)) {
            let Some(other) = name.strip_prefix("weir-") else { continue };
            let allowed = if other == "testkit" { development } else { known.contains(&other) };
            if !allowed {
                findings.push(Finding::at(&path, line, format!("{room} must not know {other}")));
            }
        }
    }
    findings
}

/// `wire` has no dependency at all but for its tests.
pub(super) fn wire_stands_alone(tree: &Tree) -> Vec<Finding> {
    let path = "crates/wire/Cargo.toml";
    let outside = dependencies(tree.text(path)).into_iter().filter(|one| !one.development);
    outside.map(|one| Finding::at(path, one.line, format!("wire must not depend on {}", one.name))).collect()
}

/// Versions stand in the root manifest, where the reasons are.
pub(super) fn versions_are_in_one_place(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.manifests() {
        for one in dependencies(&file.text).into_iter().filter(|one| !one.from_workspace) {
            let what = format!("{}: write `{}.workspace = true`", one.name, one.name);
            findings.push(Finding::at(&file.path, one.line, what));
        }
    }
    findings
}

/// Every dependency from outside says on its line why it is here.
pub(super) fn reasons_are_given(tree: &Tree) -> Vec<Finding> {
    let path = "Cargo.toml";
    let outside = dependencies(tree.text(path)).into_iter().filter(|one| !one.name.starts_with("weir-"));
    outside
        .filter(|one| one.text.rsplit_once(" # ").is_none_or(|(_, reason)| reason.split(' ').count() < 3))
        .map(|one| Finding::at(path, one.line, format!("{}: say why it is here: `# reason`", one.name)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::places;

    #[test]
    fn an_arrow_back_is_found() {
        let account = "[dependencies]\nweir-flow.workspace = true\nweir-store.workspace = true\n";
        let files = [("crates/account/Cargo.toml", account)];
        assert_eq!(places(point_one_way, &files), ["crates/account/Cargo.toml:3"]);
        let store = "[dependencies]\nweir-testkit.workspace = true\n[dev-dependencies]\nweir-testkit.workspace = true\n";
        assert_eq!(
            places(point_one_way, &[("crates/store/Cargo.toml", store)]),
            ["crates/store/Cargo.toml:2"]
        );
        assert_eq!(places(point_one_way, &[("crates/new/Cargo.toml", "")]), ["crates/new/Cargo.toml"]);
    }

    #[test]
    fn the_table_has_no_cycle() {
        // Every room comes after all it knows.
        for (index, (room, known)) in ROOMS.iter().enumerate() {
            for other in *known {
                let place = ROOMS.iter().position(|(name, _)| name == other);
                assert!(place.is_some_and(|place| place < index), "{room} knows {other}");
            }
        }
    }

    #[test]
    fn a_dependency_of_wire_is_found() {
        let wire = "[dependencies]\nlibc.workspace = true\n[dev-dependencies]\nproptest.workspace = true\n";
        assert_eq!(
            places(wire_stands_alone, &[("crates/wire/Cargo.toml", wire)]),
            ["crates/wire/Cargo.toml:2"]
        );
    }

    #[test]
    fn a_version_outside_the_root_is_found() {
        let flow = "[dependencies]\nserde = \"1\"\n";
        let found = places(versions_are_in_one_place, &[("crates/flow/Cargo.toml", flow)]);
        assert_eq!(found, ["crates/flow/Cargo.toml:2"]);
    }

    #[test]
    fn a_dependency_without_a_reason_is_found() {
        let root = "[workspace.dependencies]\nweir-wire = { path = \"crates/wire\" }\nserde = \"1\"\n\
            toml = \"1\" # why\nclap = \"4\" # the command line people know\n";
        assert_eq!(places(reasons_are_given, &[("Cargo.toml", root)]), ["Cargo.toml:3", "Cargo.toml:4"]);
    }
}
