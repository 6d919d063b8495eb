//! Habits of writing: length, names, words, places.

use super::Finding;
use super::source::code;
use super::tree::Tree;

/// Past this a file wants to be two.
const LINES_MAX: usize = 1000;

/// A generated table may be as long as what it is generated from.
const GENERATED: &str = "@generated";

/// Names that say nothing about what is inside.
const NAMELESS: &[&str] = &["util", "utils", "helper", "helpers", "common", "manager", "v2"];

/// Sampling is an interval, 1 in N; a rate would be its inverse, a speed or a price.
const RATES: &[&str] = &["sampling_rate", "sample_rate", "SamplingRate", "SampleRate", "SAMPLING_RATE"];

/// Folders at the root of one machine, which no other has.
const PLACES: &[&str] = &["/work", "/tmp", "/root"];

/// Names of package registries' hosts: where packages come from is each machine's own setting.
const REGISTRIES: &[&str] = &[
    concat!("crates", ".io"),
    concat!("pypi", ".org"),
    concat!("pythonhosted", ".org"),
    concat!("npmjs", ".org"),
    concat!("proxy.golang", ".org"),
    concat!("maven", ".org"),
    concat!("maven.apache", ".org"),
    concat!("deb.debian", ".org"),
];

/// No Rust file but a generated one is longer than [`LINES_MAX`].
pub(super) fn files_are_short(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        let lines = file.text.lines().count();
        let generated = file.text.lines().take(5).any(|line| line.contains(GENERATED));
        if lines > LINES_MAX && !generated {
            findings.push(Finding::about(&file.path, format!("{lines} lines; {LINES_MAX} is the limit")));
        }
    }
    findings
}

/// No module is called by a name of [`NAMELESS`].
pub(super) fn modules_have_names(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        let parts = file.path.trim_end_matches(".rs").split('/');
        for part in parts.filter(|part| NAMELESS.iter().any(|word| names(part, word))) {
            findings.push(Finding::about(&file.path, format!("`{part}` does not say what is inside")));
        }
    }
    findings
}

/// True if `part` is `word`, or ends in it as `text_util` does.
fn names(part: &str, word: &str) -> bool {
    part.strip_suffix(word).is_some_and(|rest| rest.is_empty() || rest.ends_with('_'))
}

/// The sampling interval is called so.
pub(super) fn sampling_has_no_rate(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.sources() {
        for (index, line) in code(&file.text).lines().enumerate() {
            if RATES.iter().any(|word| line.contains(word)) {
                findings.push(Finding::at(&file.path, index + 1, "say sampling interval (1 in N), not rate"));
            }
        }
    }
    findings
}

/// A test that cannot run says so through the test kit, where CI can insist; it is never ignored.
pub(super) fn tests_are_not_ignored(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        for (index, line) in
            code(&file.text).lines().enumerate().filter(|(_, line)| line.contains("#[ignore"))
        {
            let what = format!("{}: call weir_testkit::skip instead", line.trim());
            findings.push(Finding::at(&file.path, index + 1, what));
        }
    }
    findings
}

/// No text names a place that is not on every machine. (`Cargo.lock` is cargo's.)
pub(super) fn paths_are_relative(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files().iter().filter(|file| !file.path.ends_with("Cargo.lock")) {
        // This file has to name what it looks for.
        let place_names = if file.path == "xtask/src/tidy/habit.rs" { &[] } else { PLACES };
        for (index, line) in file.text.lines().enumerate() {
            if let Some(place) = place_names.iter().find(|place| names_place(line, place)) {
                findings.push(Finding::at(&file.path, index + 1, format!("{place} is not on every machine")));
            }
            if let Some(host) = REGISTRIES.iter().find(|host| line.contains(**host)) {
                findings.push(Finding::at(&file.path, index + 1, format!("names the registry host {host}")));
            }
        }
    }
    findings
}

/// True if the folder `place` begins an absolute path somewhere in `line`.
fn names_place(line: &str, place: &str) -> bool {
    line.match_indices(place).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let after = line.get(at + place.len()..).and_then(|text| text.chars().next());
        before.is_none_or(|c| c.is_whitespace() || "\"'`(<[{=:,;|>".contains(c))
            && after.is_none_or(|c| !c.is_alphanumeric() && !"_-.".contains(c))
    })
}

/// The fuzz target `x` attacks a module `x`: one name for a format everywhere.
pub(super) fn fuzz_targets_have_a_format(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        let Some(name) =
            file.path.strip_prefix("fuzz/fuzz_targets/").and_then(|rest| rest.strip_suffix(".rs"))
        else {
            continue;
        };
        let (as_file, as_folder) = (format!("/{name}.rs"), format!("/{name}/"));
        if !tree.sources().any(|file| file.path.ends_with(&as_file) || file.path.contains(&as_folder)) {
            findings.push(Finding::about(&file.path, format!("there is no module `{name}` in any crate")));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::places;

    #[test]
    fn a_long_file_is_found_unless_generated() {
        let long = "\n".repeat(LINES_MAX + 1);
        let generated = format!("//! @generated by xtask\n{long}");
        let files = [("a.rs", long.as_str()), ("b.rs", generated.as_str()), ("c.md", long.as_str())];
        assert_eq!(places(files_are_short, &files), ["a.rs"]);
    }

    #[test]
    fn a_nameless_module_is_found() {
        let files = [
            ("crates/weir/src/util/mod.rs", ""),
            ("crates/weir/src/time_helpers.rs", ""),
            ("crates/wire/src/netflow/v9.rs", ""),
            ("crates/weir/src/commonplace.rs", ""),
        ];
        assert_eq!(
            places(modules_have_names, &files),
            ["crates/weir/src/util/mod.rs", "crates/weir/src/time_helpers.rs"]
        );
    }

    #[test]
    fn a_sampling_rate_is_found_in_code() {
        let text = "// the sampling_rate of the RFC\nlet sampling_rate = 1;\n";
        assert_eq!(
            places(sampling_has_no_rate, &[("crates/flow/src/a.rs", text)]),
            ["crates/flow/src/a.rs:2"]
        );
    }

    #[test]
    fn an_ignored_test_is_found() {
        let text = "#[test]\n#[ignore = \"slow\"]\nfn a() {}\n// #[ignore]\n";
        assert_eq!(
            places(tests_are_not_ignored, &[("crates/weir/tests/a.rs", text)]),
            ["crates/weir/tests/a.rs:2"]
        );
    }

    #[test]
    fn a_place_of_one_machine_is_found() {
        let check = |line: &str, found: usize| {
            assert_eq!(places(paths_are_relative, &[("README.md", line)]).len(), found, "{line}");
        };
        check("cd /work/main", 1);
        check("open(\"/tmp\")", 1);
        check("PATH=/usr/bin:/root/bin", 1);
        check("see ../work/x and net/root/y", 0);
        check("a /workspace and /tmpfs", 0);
        check(concat!("from https://crates", ".io/x"), 1);
        assert!(places(paths_are_relative, &[("fuzz/Cargo.lock", "cd /work/main")]).is_empty());
    }

    #[test]
    fn a_fuzz_target_without_its_format_is_found() {
        let files = [
            ("fuzz/fuzz_targets/v5.rs", ""),
            ("fuzz/fuzz_targets/filter.rs", ""),
            ("fuzz/fuzz_targets/gone.rs", ""),
            ("crates/wire/src/netflow/v5.rs", ""),
            ("crates/flow/src/filter/mod.rs", ""),
        ];
        assert_eq!(places(fuzz_targets_have_a_format, &files), ["fuzz/fuzz_targets/gone.rs"]);
    }
}
