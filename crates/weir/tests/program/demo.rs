//! `weir demo`: what a newcomer types first.

use crate::run::{Place, number};
use serde_json::Value;

#[test]
fn a_month_is_made_accounted_and_everything_it_suggests_works() {
    let place = Place::new();
    let out = place.done("demo --dir office --period 2026-10");
    assert!(out.contains("usage 2026-10, Europe/Berlin"), "{out}");
    assert!(
        out.contains("The office kept its own figures: every tenant's in, out and local are the same"),
        "{out}"
    );
    let usage = place.json("usage -c office/weir.toml --period 2026-10 -o json");
    for difference in ["difference", "difference_packets", "difference_flows"] {
        assert_eq!(usage["balance"][difference], 0, "{difference}");
    }
    assert_eq!(usage["tenants"].as_array().unwrap().len(), 7);
    // What it lost on purpose is told, in records; IPFIX does not number its datagrams.
    let lost = out.split("On purpose, ").nth(1).unwrap().split(" with ").nth(1).unwrap();
    let lost: u64 = lost.split(' ').next().unwrap().parse().unwrap();
    assert_eq!(number(&usage, "completeness.records_lost"), lost);
    assert!(lost > 0 && number(&usage, "completeness.datagrams_lost") > 0);
    // The balance in the report is the one in JSON.
    let line = out.lines().find(|line| line.starts_with("decoded")).unwrap();
    let figures: Vec<String> =
        line.split_whitespace().skip(1).map(|figure| figure.replace(',', "")).collect();
    let decoded = ["octets", "packets", "flows"].map(|unit| usage["balance"]["decoded"][unit].to_string());
    assert_eq!(figures, decoded);
    assert!(out.lines().any(|line| line.split_whitespace().eq(["difference", "0", "0", "0"])), "{out}");
    let suggested: Vec<&str> = out.lines().filter_map(|line| line.strip_prefix("  weir ")).collect();
    assert!(suggested.len() >= 5, "{out}");
    for line in suggested.into_iter().filter(|line| !line.starts_with("run ")) {
        let answer = place.done(line);
        assert!(answer.lines().count() > 1, "weir {line}\n{answer}");
    }
    let said = place.fails("demo --dir office", 1);
    assert!(said.contains("has a store already"), "{said}");
}

/// The same seed makes the same month, another makes another.
#[test]
fn a_seed_makes_a_month() {
    let place = Place::new();
    let month = |dir: &str, seed: u32| -> Value {
        place.done(&format!("demo --dir {dir} --period 2026-02 --scale 2 --seed {seed}"));
        place.json(&format!("usage -c {dir}/weir.toml --period 2026-02 -o json"))
    };
    let (first, again, other) = (month("a", 5), month("b", 5), month("c", 6));
    assert_eq!(first, again);
    assert_ne!(first["balance"]["decoded"], other["balance"]["decoded"]);
}
