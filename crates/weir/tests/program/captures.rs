//! Captures of real routers, imported, against totals on which independent decoders agree
//! (`../shared/captures/truth.tsv`).

use crate::run::Place;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

#[path = "../../../flow/tests/differ/mod.rs"]
mod differ;

/// Octets of a frame that are no IP octets, as sFlow counts them: Ethernet's header and checksum.
const ETHERNET: u64 = 14 + 4;

#[test]
fn captures_import_as_independent_decoders_read_them() {
    let Some(shared) = weir_testkit::shared() else {
        return weir_testkit::skip("captures_import_as_independent_decoders_read_them", "no ../shared");
    };
    let truth = fs::read_to_string(shared.join("captures/truth.tsv")).unwrap();
    let (mut compared, mut wrong) = (0, Vec::new());
    for line in truth.lines().skip(1) {
        let cell: Vec<&str> = line.split('\t').collect();
        let agreed = cell[9].split('+').count() >= 2;
        if agreed && !cell[0].starts_with("pkt") && !cell[0].starts_with("ft") {
            compared += 1;
            wrong.extend(compare(&shared.join("captures").join(cell[0]), &cell));
        }
    }
    assert!(compared > 85, "only {compared} rows");
    assert!(wrong.is_empty(), "{} figures of {compared} files differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// Every figure that is not as it should be.
fn compare(path: &Path, cell: &[&str]) -> Vec<String> {
    let place = Place::new();
    place.bring(path, cell[0]);
    let import = place.json(&format!("import -o json {}", cell[0]));
    let expected = if cell[0].starts_with("sflow5") { sampled(cell) } else { exported(cell) };
    let mut wrong: Vec<String> = expected
        .into_iter()
        .map(|(name, value)| (name, differs(cell[0], name).unwrap_or(value)))
        .filter(|(name, value)| import[name] != *value)
        .map(|(name, value)| {
            format!("{}: {name} is {}, should be {value} [{}]", cell[0], import[name], cell[9])
        })
        .collect();
    let usage = place.json("usage -o json");
    for (stored, counted) in [("octets", "octets"), ("packets", "packets"), ("flows", "flows")] {
        if usage["balance"]["decoded"][stored] != import[counted] {
            wrong.push(format!("{}: {counted} imported are not those stored", cell[0]));
        }
    }
    if usage["balance"]["difference"] != 0 {
        wrong.push(format!("{}: the balance does not close", cell[0]));
    }
    wrong
}

/// A row of NetFlow or IPFIX.
fn exported(cell: &[&str]) -> Vec<(&'static str, u64)> {
    let (templates, options) = cell[2].trim_end_matches("opt").split_once('+').unwrap();
    let number = |text: &str| text.parse().unwrap();
    vec![
        ("datagrams", number(cell[1])),
        ("templates", number(templates)),
        ("options_templates", number(options)),
        ("options_records", number(cell[3])),
        ("records", number(cell[4])),
        ("measured_octets", number(cell[5])),
        ("measured_packets", number(cell[6])),
    ]
}

/// A row of sFlow: its octets are those of frames.
fn sampled(cell: &[&str]) -> Vec<(&'static str, u64)> {
    let number = |text: &str| text.trim_start_matches("counters=").parse::<u64>().unwrap();
    let (samples, frames) = (number(cell[4]), number(cell[5]));
    let mut expected =
        vec![("datagrams", number(cell[1])), ("records", samples), ("counter_samples", number(cell[3]))];
    if frames > 0 {
        expected.push(("measured_octets", frames - samples * ETHERNET));
    }
    expected
}

/// What is right where weir differs on purpose.
fn differs(file: &str, counter: &str) -> Option<u64> {
    let row = differ::DIFFER.iter().find(|row| row.0 == file && row.1 == counter)?;
    Some(u64::try_from(row.2).unwrap())
}

/// Whatever a file holds, the program takes it or says in one sentence why not.
#[test]
fn no_file_makes_it_panic() {
    let Some(shared) = weir_testkit::shared() else {
        return weir_testkit::skip("no_file_makes_it_panic", "no ../shared");
    };
    let place = Place::new();
    let mut files: Vec<PathBuf> =
        fs::read_dir(shared.join("captures")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 150);
    for path in files {
        let name = path.file_name().unwrap().to_str().unwrap();
        place.bring(&path, name);
        for command in ["import --again -o json", "flows -o ndjson -r", "import --kind datagrams -o json"] {
            let answer = place.weir(&format!("{command} {name}"));
            assert!(!answer.err.contains("panicked"), "weir {command} {name}\n{}", answer.err);
            // The daemon's log lines begin with their time; what ends the program does not.
            let sentences = answer.err.lines().filter(|line| line.starts_with("weir: ")).count();
            match answer.code {
                Some(0) => {
                    assert!(!answer.out.is_empty() || command.starts_with("flows"), "{command} {name}");
                }
                Some(1) => {
                    assert_eq!((sentences, answer.out.as_str()), (1, ""), "{command} {name}: {}", answer.err);
                }
                other => panic!("weir {command} {name} ended with {other:?}\n{}", answer.err),
            }
        }
    }
    let usage: Value = place.json("usage -o json");
    assert_eq!(usage["balance"]["difference"], 0);
    assert_eq!(usage["balance"]["decoded"], place.json("top proto -n 1 -o json")["total"]);
}
