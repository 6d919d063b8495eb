//! Captures that we recorded ourselves from real exporters, against what independent decoders made of them and
//! against the kernel's counters (`testdata/captures`, each with its `truth.json`).

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests read captures and may panic")]

mod decode;

use decode::decode;
use serde_json::Value;

#[test]
fn totals_are_those_of_independent_decoders_and_nothing_is_lost() {
    let folder = weir_testkit::repository().join("testdata/captures");
    let mut wrong = Vec::new();
    let mut compared = 0;
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let Ok(truth) = std::fs::read_to_string(entry.path().join("truth.json")) else { continue };
        let truth: Value = serde_json::from_str(&truth).unwrap();
        let name = entry.file_name().into_string().unwrap();
        let got = decode(&std::fs::read(entry.path().join("export.pcap")).unwrap());
        compared += 1;
        let mut check = |what: &str, expected: Option<i64>| {
            let value = got.get(what).copied().unwrap_or_default();
            if expected.is_some_and(|e| e != value) {
                wrong.push(format!("{name}: {what} is {value}, should be {}", expected.unwrap_or_default()));
            }
        };
        let number = |key: &str| truth[key].as_i64();
        let sum = |a: &str, b: &str| Some(number(a)? + number(b).unwrap_or_default());
        check("seen", number("datagrams"));
        check("templates", number("templates"));
        check("options_templates", number("options_templates"));
        check("options_records", number("options_records"));
        check("records", number("records"));
        check("measured_octets", sum("octets", "reverse_octets").or(number("ip_octets")));
        check("measured_packets", sum("packets", "reverse_packets"));
        check("records_lost", Some(0));
        check("restarts", Some(0));
        check("duplicate_datagrams", Some(0));
    }
    assert!(compared >= 28, "only {compared} fixtures");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
