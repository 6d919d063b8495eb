//! Real captures against totals on which independent decoders agree (`../shared/captures/truth.tsv`).
//!
//! Octets and packets of the truth are elements 1 and 2 of flow records. Where a record has other counters only,
//! or the decoders agree on something that weir does on purpose in another way, `DIFFER` says what is right.

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests read captures and may panic")]

mod decode;
mod differ;

use decode::decode;
use differ::DIFFER;
use std::path::Path;

#[test]
fn totals_agree_with_independent_decoders() {
    let Some(shared) = weir_testkit::shared() else {
        return weir_testkit::skip("totals_agree_with_independent_decoders", "no ../shared");
    };
    let truth = std::fs::read_to_string(shared.join("captures/truth.tsv")).unwrap();
    let mut wrong = Vec::new();
    let mut compared = 0;
    for line in truth.lines().skip(1) {
        let cell: Vec<&str> = line.split('\t').collect();
        let agreed = cell[9].split('+').count() >= 2;
        if !(cell[0].starts_with("nf") || cell[0].starts_with("ipfix")) || !agreed {
            continue;
        }
        compared += 1;
        if let Err(difference) = compare(&shared.join("captures").join(cell[0]), &cell) {
            wrong.push(format!("{}: {difference}", cell[0]));
        }
    }
    assert!(compared > 80, "only {compared} rows");
    assert!(wrong.is_empty(), "{} of {compared} differ:\n{}", wrong.len(), wrong.join("\n"));
}

fn compare(path: &Path, cell: &[&str]) -> Result<(), String> {
    let got = decode(&std::fs::read(path).unwrap());
    let get = |name: &str| got.get(name).copied().unwrap_or_default();
    let (templates, options) = cell[2].trim_end_matches("opt").split_once('+').unwrap();
    let number = |i: usize| cell[i].parse::<i64>().unwrap();
    let mut expected: Vec<(&str, i64)> = vec![
        ("seen", number(1)),
        ("templates", templates.parse().unwrap()),
        ("options_templates", options.parse().unwrap()),
        ("options_records", number(3)),
        ("records", number(4)),
        ("measured_octets", number(5)),
        ("measured_packets", number(6)),
    ];
    for (name, value) in &mut expected {
        if let Some((_, _, right, _)) = DIFFER.iter().find(|d| d.0 == cell[0] && d.1 == *name) {
            *value = *right;
        }
    }
    let wrong: Vec<String> = expected
        .iter()
        .filter(|(name, value)| get(name) != *value)
        .map(|(name, value)| format!("{name} is {}, should be {value}", get(name)))
        .collect();
    if wrong.is_empty() { Ok(()) } else { Err(format!("{} [{}] {got:?}", wrong.join(", "), cell[7])) }
}
