//! The office of `testdata/office`: softflowd exports to `weir run`, and the router's kernel is the judge.

use crate::run::{Place, named, number};
use serde_json::Value;
use std::process::{Command, Stdio};
use std::sync::Mutex;

const TENANTS: &str = r#"
[[tenant]]
name = "t31"
networks = ["192.168.31.0/24", "2001:db8:31::/64"]

[[tenant]]
name = "t32"
networks = ["192.168.32.0/24", "2001:db8:32::/64"]
"#;

/// What the run reports when something it needs is missing.
const MISSING: i32 = 77;

/// There is one office at a time: its namespaces have names.
static OFFICE: Mutex<()> = Mutex::new(());

/// Runs the office with this collector; what kernel and exporters counted. `None` if it cannot run here.
fn office(test: &str, variables: &[(&str, &str)], collector: &[&str]) -> Option<Value> {
    let _one = OFFICE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let run = Command::new("bash")
        .arg(weir_testkit::repository().join("testdata/office/run.sh"))
        .arg("2055")
        .args(collector)
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stderr);
    if run.status.code() == Some(MISSING) {
        let why = said.lines().find_map(|line| line.strip_prefix("SKIPPED office: ")).unwrap_or("the office");
        weir_testkit::skip(test, why);
        return None;
    }
    assert!(run.status.success(), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    Some(serde_json::from_slice(&run.stdout).unwrap())
}

/// `weir run` and the configuration of the place, as words of a command.
fn collector(place: &Place, port: u16) -> Vec<String> {
    place.write("weir.toml", format!("[store]\npath = '{}'\n{TENANTS}", place.path("store").display()));
    let config = place.path("weir.toml").display().to_string();
    let listen = format!("127.0.0.1:{port}");
    [env!("CARGO_BIN_EXE_weir"), "run", "-c", &config, "--listen", &listen].map(str::to_owned).to_vec()
}

#[test]
fn every_tenant_has_what_softflowd_exported_with_netflow_v9() {
    exact("every_tenant_has_what_softflowd_exported_with_netflow_v9", "9");
}

#[test]
fn every_tenant_has_what_softflowd_exported_with_ipfix() {
    exact("every_tenant_has_what_softflowd_exported_with_ipfix", "10");
}

fn exact(test: &str, version: &str) {
    let place = Place::new();
    let collector = collector(&place, 2055);
    let words: Vec<&str> = collector.iter().map(String::as_str).collect();
    let Some(truth) = office(test, &[("OFFICE_VERSION", version)], &words) else { return };
    let usage = place.json("usage --hosts -o json");
    let mut exported = 0;
    for exporter in truth["exporters"].as_array().unwrap() {
        let tenant = format!("t{}", exporter["interface"]);
        let used = named(&usage["tenants"], "tenant", &tenant);
        let octets = number(used, "in.octets") + number(used, "out.octets");
        let packets = number(used, "in.packets") + number(used, "out.packets");
        assert_eq!(octets, number(exporter, "octets"), "{tenant}");
        assert_eq!(packets, number(exporter, "packets"), "{tenant}");
        exported += octets;
        // What the exporter missed is the exporter's; if it missed nothing, the kernel agrees to the octet.
        if exporter["dropped"] == 0 {
            assert_kernel_agrees(used, &truth["tenants"][&tenant], &tenant);
        }
    }
    assert_eq!(number(&usage, "balance.decoded.octets"), exported);
    assert_eq!(usage["balance"]["difference"], 0);
    let completeness = &usage["completeness"];
    assert_eq!(completeness["datagrams_received"], truth["export"]["datagrams"]);
    for missing in ["datagrams_lost", "records_lost", "socket_drops", "datagrams_undecodable", "restarts"] {
        assert_eq!(completeness[missing], 0, "{missing}");
    }
    assert_eq!(completeness["percent"], "100.00 %");
    let report = place.done("usage");
    assert!(report.contains("completeness: 100.00 % complete"), "{report}");
}

fn assert_kernel_agrees(used: &Value, kernel: &Value, tenant: &str) {
    for way in ["in", "out"] {
        for unit in ["octets", "packets"] {
            assert_eq!(used[way][unit], kernel[way][unit], "{tenant} {way} {unit}");
        }
    }
    for (address, counted) in kernel["hosts"].as_object().unwrap() {
        let host = named(&used["hosts"], "address", address);
        assert_eq!(host["in"]["octets"], counted["in"]["octets"], "{address} in");
        assert_eq!(host["out"]["octets"], counted["out"]["octets"], "{address} out");
    }
}

/// Datagrams that somebody dropped on the way: the completeness says how many, and how many records they held.
#[test]
fn datagrams_dropped_on_the_way_are_told() {
    let test = "datagrams_dropped_on_the_way_are_told";
    let place = Place::new();
    let relay = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/program/relay.py");
    let report = place.path("relay.json").display().to_string();
    let mut words = ["python3", relay, "2055", "2056", "2", &report].map(str::to_owned).to_vec();
    words.extend(collector(&place, 2056));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let Some(truth) = office(test, &[("OFFICE_VERSION", "5")], &words) else { return };
    let relay: Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
    let (came, dropped) = (&relay["came"], &relay["dropped"]);
    assert_eq!(came["datagrams"], truth["export"]["datagrams"]);
    assert!(number(dropped, "datagrams") > 0, "{relay}");

    let usage = place.json("usage -o json");
    let completeness = &usage["completeness"];
    let arrived = |unit: &str| number(came, unit) - number(dropped, unit);
    assert_eq!(number(completeness, "datagrams_received"), arrived("datagrams"));
    assert_eq!(completeness["records_lost"], dropped["records"]);
    assert_eq!(number(&usage, "balance.decoded.octets"), arrived("octets"));
    assert_eq!(number(&usage, "balance.decoded.flows"), arrived("records"));
    assert_eq!(usage["balance"]["difference"], 0);
    assert_ne!(completeness["percent"], "100.00 %");
    let text = place.done("usage");
    assert!(text.contains(&format!("  {} records lost on the way", dropped["records"])), "{text}");
    assert!(text.contains("lost from 127.0.0.1, domain 0"), "{text}");
}
