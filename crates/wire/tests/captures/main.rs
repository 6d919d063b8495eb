//! Real captures against what independent decoders say they hold.
//!
//! `truth.tsv` has, for every capture, the figures on which other decoders agree: datagrams, templates, flow and
//! options records, the sums of elements 1 and 2, other counters, the smallest and largest address. This test
//! decodes the captures with nothing but this crate and a table of templates, and compares every column where at
//! least two decoders agree. The captures are not part of the repository; without them it says so and passes.

#![expect(clippy::unwrap_used, reason = "a test: what is not as expected ends it")]

mod payload;
mod tally;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tally::Tally;

/// Rows in which we differ on purpose, with our figures and the reason.
const DIFFERENCES: [(&str, &str, &str); 2] = [
    (
        "nf5-invalid-01.pcap",
        "1 0+0opt 0 0 0 0",
        "count 55582 with 30 records present: rejected whole, it must not be billed (two of four decoders agree)",
    ),
    (
        "nf5-invalid-02.pcap",
        "1 0+0opt 0 0 0 0",
        "count 163 with 30 records present: rejected whole, it must not be billed (two of four decoders agree)",
    ),
];

/// Rows on which no two decoders agree, with our figures: they are pinned so that a change is seen.
const OURS_ALONE: [(&str, &str, &str); 3] = [
    (
        "ipfix-calmh-aliasing.pcap",
        "2 6+0opt 0 30 0 0",
        "the last octet of the message is missing: 30 whole records are kept, the cut one is an error",
    ),
    (
        "ipfix-calmh-bad-encoding.pcap",
        "3 2+0opt 0 40 0 0",
        "a variable-length field runs past its set: the records before it are kept",
    ),
    (
        "ipfix-vflow-vmware-multitemplate.pcap",
        "1 9+1opt 0 2 48000 800",
        "the last set runs 43 octets past the message's length: what is inside the length is kept",
    ),
];

/// What is wrong in the captures, by reason: what others count in the notes, or do not say.
const PROBLEMS: [(&str, &str); 16] = [
    ("ipfix-telegraf-issue14370.pcap", "set_overrun=1"),
    ("nf5-invalid-01.pcap", "count_mismatch=1"),
    ("nf5-invalid-02.pcap", "count_mismatch=1"),
    ("nf9-graylog-nprobe-4.pcap", "no_template=2"),
    ("nf9-graylog-incomplete.pcap", "no_template=1"),
    ("ipfix-vflow-unknown-datasets.pcap", "no_template=2;truncated=1"),
    ("ipfix-vflow-variable-length.pcap", "no_template=3"),
    ("ipfix-calmh-interpreter.pcap", "no_template=4"),
    ("nf9-bitkeks-zero-padded.pcap", "no_template=5"),
    ("ipfixfile-cesnet-bad-length-in-set.ipfix", "truncated=2"),
    ("ipfixfile-cesnet-bad-template-field-count.ipfix", "no_template=3;truncated=1"),
    ("ipfixfile-cesnet-missing-template-258.ipfix", "no_template=1"),
    ("ipfixfile-cesnet-only-data-no-templates.ipfix", "no_template=3"),
    // Two faults: behind an options template there is what is neither template nor padding; the last set is too long.
    ("ipfix-vflow-vmware-multitemplate.pcap", "set_overrun=1;truncated=1"),
    ("ipfix-calmh-aliasing.pcap", "truncated=1"),
    ("ipfix-calmh-bad-encoding.pcap", "field_overrun=1"),
];

/// The captures' folder, if this checkout has them beside it.
fn folder() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    ["../../../shared/captures", "../../shared/captures"]
        .iter()
        .map(|relative| root.join(relative))
        .find(|path| path.join("truth.tsv").is_file())
}

/// One row of `truth.tsv`.
struct Truth {
    name: String,
    figures: String,
    other_counters: String,
    addresses: String,
    decoders: usize,
}

fn truths(folder: &Path) -> Vec<Truth> {
    let text = std::fs::read_to_string(folder.join("truth.tsv")).unwrap();
    let mut lines = text.lines();
    let columns: Vec<&str> = lines.next().unwrap().split('\t').collect();
    lines
        .map(|line| {
            let row: BTreeMap<&str, &str> = columns.iter().copied().zip(line.split('\t')).collect();
            let cell = |column| row.get(column).copied().unwrap_or_default();
            let figures =
                ["datagrams", "templates", "option_records", "flow_records", "bytes_total", "packets_total"];
            Truth {
                name: cell("path").to_owned(),
                figures: figures.map(cell).join(" "),
                other_counters: cell("other_counters").to_owned(),
                addresses: cell("addr_min_max").to_owned(),
                decoders: cell("decoders_agreed").split('+').filter(|name| !name.is_empty()).count(),
            }
        })
        .filter(|truth| ["nf1-", "nf5-", "nf9-", "ipfix"].iter().any(|kind| truth.name.starts_with(kind)))
        .collect()
}

fn tally(path: &Path) -> Tally {
    let bytes = std::fs::read(path).unwrap();
    let mut tally = Tally::default();
    if path.extension().is_some_and(|extension| extension == "ipfix") {
        tally.stream(&bytes);
    } else {
        for payload in payload::payloads(&bytes) {
            tally.datagram(payload.source, payload.bytes);
        }
    }
    tally
}

#[test]
fn captures_hold_what_others_say() {
    let Some(folder) = folder() else {
        println!("SKIPPED captures_hold_what_others_say: ../shared/captures is absent");
        return;
    };
    let (mut compared, mut wrong) = (0, Vec::new());
    for truth in truths(&folder) {
        let ours = tally(&folder.join(&truth.name));
        let figures = ours.figures();
        let problems = PROBLEMS.iter().find(|(name, _)| *name == truth.name).map_or("", |(_, list)| list);
        if ours.problems() != problems {
            wrong.push(format!("{}: problems {}, expected {problems}", truth.name, ours.problems()));
        }
        let listed = DIFFERENCES.iter().chain(&OURS_ALONE).find(|(name, ..)| *name == truth.name);
        if let Some((_, expected, why)) = listed {
            println!("DIFFERS {}: {why}", truth.name);
            if figures != *expected {
                wrong.push(format!("{}: {figures}, listed as {expected}", truth.name));
            }
            continue;
        }
        assert!(truth.decoders >= 2, "{}: one decoder alone; list it", truth.name);
        compared += 1;
        for (what, ours, theirs) in [
            ("figures", figures, &truth.figures),
            ("other counters", ours.other_counters(), &truth.other_counters),
            ("addresses", ours.addresses(), &truth.addresses),
        ] {
            if sorted(&ours) != sorted(theirs) {
                wrong.push(format!("{}: {what}: {ours}, others say {theirs}", truth.name));
            }
        }
    }
    println!("{compared} captures compared");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert_eq!(compared, 89);
}

/// The order of the counters in a cell means nothing.
fn sorted(cell: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = cell.split(';').collect();
    parts.sort_unstable();
    parts
}
