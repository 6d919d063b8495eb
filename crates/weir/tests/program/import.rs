//! A million generated flows of each protocol, imported: every figure is the generator's.

use crate::flowgen::generate;
use crate::run::{Place, named, number};
use serde_json::{Value, json};
use std::process::Stdio;
use std::time::Instant;

#[test]
fn a_million_flows_of_netflow_v5_are_exact() {
    exact("a_million_flows_of_netflow_v5_are_exact", "v5", 1_000_000);
}

#[test]
fn a_million_flows_of_netflow_v9_are_exact() {
    exact("a_million_flows_of_netflow_v9_are_exact", "v9", 1_000_000);
}

#[test]
fn a_million_flows_of_ipfix_are_exact() {
    exact("a_million_flows_of_ipfix_are_exact", "ipfix", 1_000_000);
}

#[test]
fn a_million_samples_of_sflow_are_exact() {
    exact("a_million_samples_of_sflow_are_exact", "sflow", 1_000_000);
}

#[test]
fn four_exporters_of_four_protocols_are_exact() {
    exact("four_exporters_of_four_protocols_are_exact", "mix", 400_000);
}

fn exact(test: &str, proto: &str, flows: u64) {
    let place = Place::new();
    // Another month each day would make a failure hard to repeat; another for each protocol finds more.
    let seed = 40 + u64::try_from(proto.len()).unwrap();
    let Some(truth) = generate(test, &place, proto, flows, seed) else { return };
    let import = place.json("import -o json export.pcap");
    let (octets, packets) = (&truth["bytes"], &truth["packets"]);
    assert_eq!(import["datagrams"], truth["pcap"]["datagrams"]);
    assert_eq!([&import["octets"], &import["packets"]], [octets, packets]);
    assert_eq!([&import["records"], &import["flows"]], [&json!(flows), &json!(flows)]);
    assert_eq!((&import["undecodable"], &import["malformed"]), (&json!({}), &json!({})));
    for loss in
        ["records_lost", "datagrams_lost", "duplicate_datagrams", "reordered", "restarts", "other_frames"]
    {
        assert_eq!(import[loss], 0, "{loss}");
    }
    let usage = place.json("usage -o json");
    assert_accounts(&usage, &truth, 1);

    // The same file again counts nothing more: by this name or another.
    place.bring(&place.path("export.pcap"), "other.pcap");
    let again = place.json("import -o json export.pcap other.pcap");
    assert_eq!((number(&again, "files"), number(&again, "records")), (0, 0));
    assert_eq!(again["already_imported"], json!(["export.pcap", "other.pcap"]));
    assert_eq!(place.json("usage -o json"), usage);
}

#[test]
fn a_file_imported_again_on_purpose_counts_twice() {
    let place = Place::new();
    let test = "a_file_imported_again_on_purpose_counts_twice";
    let Some(truth) = generate(test, &place, "mix", 60_000, 3) else { return };
    for times in 1..=3 {
        let import = place.json("import --again -o json export.pcap");
        assert_eq!(import["octets"], truth["bytes"]);
        assert_accounts(&place.json("usage -o json"), &truth, times);
    }
}

/// Killed at any moment an import leaves nothing, and the next does it all.
#[test]
fn an_import_that_is_killed_leaves_nothing() {
    let place = Place::new();
    let test = "an_import_that_is_killed_leaves_nothing";
    let Some(truth) = generate(test, &place, "ipfix", 300_000, 5) else { return };
    let begun = Instant::now();
    place.done("import --store measured export.pcap");
    let whole = begun.elapsed();
    let mut killed = 0;
    for percent in [10, 30, 50, 70, 80, 90] {
        let mut child = place.command("import export.pcap").stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(whole * percent / 100);
        child.kill().unwrap();
        if child.wait().unwrap().success() {
            // It was quicker this time; then it is there, once.
            break;
        }
        killed += 1;
        let usage = place.weir("usage -o json");
        if usage.code == Some(0) {
            let usage: Value = serde_json::from_str(&usage.out).unwrap();
            assert_eq!(
                usage["balance"]["decoded"],
                json!({"octets": 0, "packets": 0, "flows": 0}),
                "{percent} %"
            );
            assert_eq!(number(&usage, "completeness.datagrams_received"), 0);
        } else {
            assert!(usage.err.contains("no weir store"), "{}", usage.err);
        }
    }
    assert!(killed > 0, "imports of {whole:?} were over before they could be killed");
    place.done("import export.pcap");
    assert_accounts(&place.json("usage -o json"), &truth, 1);
    assert_eq!(orphans(&place), 0);
}

/// Parquet files that belong to no committed import: each import of this size makes one of each kind for each
/// part of the day, so that what two stores of the same file hold must be as many.
fn orphans(place: &Place) -> usize {
    let files = |store: &str| {
        let found =
            std::process::Command::new("find").arg(place.path(store)).args(["-name", "*.parquet"]).output();
        String::from_utf8(found.unwrap().stdout).unwrap().lines().count()
    };
    files("store").abs_diff(files("measured"))
}

/// Every tenant's figures, the local traffic and the whole are the generator's, so many times.
fn assert_accounts(usage: &Value, truth: &Value, times: u64) {
    let sums = |truth: &Value| {
        let n = |key: &str| times * truth[key].as_u64().unwrap();
        json!({"octets": n("bytes"), "packets": n("packets"), "flows": n("flows")})
    };
    let tenants = truth["tenants"].as_array().unwrap();
    assert_eq!(usage["tenants"].as_array().unwrap().len(), tenants.len());
    for tenant in tenants {
        let name = tenant["name"].as_str().unwrap();
        for way in ["in", "out", "local_in", "local_out"] {
            assert_eq!(named(&usage["tenants"], "tenant", name)[way], sums(&tenant[way]), "{name} {way}");
        }
    }
    let balance = &usage["balance"];
    assert_eq!(balance["decoded"], sums(truth));
    assert_eq!(balance["local"], sums(&truth["local"]));
    let all = |way: &str, unit: &str| -> u64 { tenants.iter().map(|t| t[way][unit].as_u64().unwrap()).sum() };
    assert_eq!(number(balance, "tenant_in.octets"), times * all("in", "bytes"));
    assert_eq!(number(balance, "tenant_out.packets"), times * all("out", "packets"));
    for difference in ["difference", "difference_packets", "difference_flows"] {
        assert_eq!(balance[difference], 0, "{difference}");
    }
    let lines = ["tenant_in", "tenant_out", "local", "transit", "unmatched", "duplicate", "discarded"];
    for unit in ["octets", "packets", "flows"] {
        let sum: u64 = lines.iter().map(|line| number(balance, &format!("{line}.{unit}"))).sum();
        assert_eq!(sum, number(balance, &format!("decoded.{unit}")), "{unit}");
    }
    // Nothing is lost on the way from a file, and the line says so.
    assert_eq!(number(usage, "completeness.records_lost"), 0);
    assert_eq!(usage["completeness"]["percent"], "100.00 %");
}
