//! Every capture, field by field, against tshark.
//!
//! Runs where tshark is installed. What is compared and where both differ on purpose is in `docs/decoding.md`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "tests read captures and may panic"
)]

mod capture;
mod compare;
mod differ;
mod expect;
mod feed;
mod generate;
mod list;
mod netflow;
mod page;
mod pdml;
mod sflow;
mod time;
mod value;

use compare::{Outcome, Said};
use differ::{GIVEN_UP, LINES};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// tshark's processes at once.
const PROCESSES: usize = 2;

/// Compares one capture, read from `path`.
fn compare_one(tshark: &Path, name: &str, path: &Path) -> Outcome {
    let mut bytes = std::fs::read(path).unwrap();
    let mut read_from = path.to_path_buf();
    if weir_wire::file::detect(&bytes).is_none() {
        bytes = capture::wrap(&bytes);
        read_from = capture::scratch(&format!("{name}.pcap"));
        std::fs::write(&read_from, &bytes).unwrap();
    }
    let datagrams = capture::datagrams(&bytes);
    let packets = pdml::packets(&capture::decode(tshark, &read_from, &datagrams));
    compare::compare(&datagrams, &said(&packets))
}

fn said(packets: &[pdml::Node]) -> Vec<Said> {
    let messages = netflow::messages(packets).into_iter();
    let said = messages.zip(packets).map(|(message, packet)| match (message, sflow::samples(packet)) {
        (Some(message), _) => Said::Netflow(message),
        (None, Some(samples)) => Said::Sflow(samples),
        (None, None) => Said::Nothing,
    });
    said.collect()
}

/// Compares many, [`PROCESSES`] at once.
fn compare_all(tshark: &Path, captures: &[(String, PathBuf)]) -> Vec<(String, Outcome)> {
    let next = Mutex::new(captures.iter());
    let outcomes = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..PROCESSES {
            scope.spawn(|| {
                loop {
                    let Some((name, path)) = next.lock().unwrap().next() else { break };
                    let outcome = compare_one(tshark, name, path);
                    outcomes.lock().unwrap().push((name.clone(), outcome));
                }
            });
        }
    });
    let mut outcomes = outcomes.into_inner().unwrap();
    outcomes.sort_by(|a, b| a.0.cmp(&b.0));
    outcomes
}

/// Datagrams, records and fields that are compared at least: of the repository's own captures, and with those of
/// `../shared`.
const FIXTURES: [usize; 3] = [502, 3658, 64_439];
const SHARED: [usize; 3] = [2768, 15_781, 294_434];

/// Messages of random templates in each capture.
const MESSAGES: usize = 300;

#[test]
fn random_templates_agree_with_tshark() {
    let Some(tshark) = weir_testkit::program("tshark") else {
        return weir_testkit::skip("random_templates_agree_with_tshark", "tshark is not installed");
    };
    let mut captures = Vec::new();
    for seed in 1..=8u64 {
        let is_ipfix = seed % 2 == 0;
        let mut exporter = generate::Exporter::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15), is_ipfix);
        let messages: Vec<Vec<u8>> = (0..MESSAGES).map(|_| exporter.message()).collect();
        let datagrams: Vec<(u64, &[u8])> =
            messages.iter().map(|message| (1_767_225_600_050_000_000, message.as_slice())).collect();
        let name = format!("random-{}-{seed}", if is_ipfix { "ipfix" } else { "v9" });
        let path = capture::scratch(&format!("{name}.pcap"));
        std::fs::write(&path, capture::pcap(&datagrams, 9995)).unwrap();
        captures.push((name, path));
    }
    judge(&compare_all(&tshark, &captures), [2300, 25_000, 330_000]);
}

/// Holds what was found against [`differ::LINES`], and what was compared against what it was once.
fn judge(outcomes: &[(String, Outcome)], least: [usize; 3]) {
    let mut all = Outcome::default();
    let mut wrong = Vec::new();
    let mut met = BTreeSet::new();
    for (name, outcome) in outcomes {
        all.add(outcome);
        let capture = if name.starts_with("random-") { "random" } else { name };
        let mut fields: BTreeMap<&str, (usize, &str)> = BTreeMap::new();
        for difference in &outcome.differences {
            fields.entry(&difference.field).or_insert((0, &difference.what)).0 += 1;
        }
        for (field, (count, what)) in fields {
            let too_many =
                capture == "random" && field == "malformed" && count > outcome.datagrams / GIVEN_UP;
            let line = LINES.iter().position(|line| (line.capture, line.field) == (capture, field));
            match line {
                Some(line) if !too_many => {
                    met.insert(line);
                }
                _ => wrong.push(format!("{name}: {field}, {count} times: {what}")),
            }
        }
    }
    for (at, line) in LINES.iter().enumerate() {
        let was_asked = outcomes.iter().any(|(name, _)| name.starts_with(line.capture));
        if was_asked && !met.contains(&at) {
            wrong.push(format!("{}: {} does not differ any more", line.capture, line.field));
        }
    }
    let Outcome { datagrams, records, fields, duplicates, waiting, .. } = all;
    println!(
        "{} captures: {datagrams} datagrams, {records} records, {fields} fields compared; {duplicates} datagrams sent \
         twice, {waiting} sets without a template",
        outcomes.len()
    );
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
    let compared = [datagrams, records, fields];
    assert!(
        compared.iter().zip(least).all(|(now, least)| *now >= least),
        "only {compared:?} compared, not {least:?}"
    );
}

#[test]
fn captures_agree_with_tshark() {
    let Some(tshark) = weir_testkit::program("tshark") else {
        return weir_testkit::skip("captures_agree_with_tshark", "tshark is not installed");
    };
    let mut captures = Vec::new();
    let is_shared = weir_testkit::shared().is_some();
    if let Some(shared) = weir_testkit::shared() {
        for entry in std::fs::read_dir(shared.join("captures")).unwrap().map(Result::unwrap) {
            let name = entry.file_name().into_string().unwrap();
            let is_export = ["nf", "ipfix", "sflow"].iter().any(|prefix| name.starts_with(prefix));
            if is_export {
                captures.push((name, entry.path()));
            }
        }
    }
    for entry in std::fs::read_dir(weir_testkit::repository().join("testdata/captures")).unwrap() {
        let path = entry.unwrap().path().join("export.pcap");
        if path.is_file() {
            captures.push((path.parent().unwrap().file_name().unwrap().to_str().unwrap().into(), path));
        }
    }
    captures.sort();
    let mut least = FIXTURES;
    if is_shared {
        least = SHARED;
    }
    judge(&compare_all(&tshark, &captures), least);
}
