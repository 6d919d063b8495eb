//! `weir exporter-config`: what it prints is run, exactly as printed, by the exporters that Debian has. In a
//! network namespace of its own, so that nothing else passes the interface that they watch.

use crate::run::{Place, number};
use std::process::{Command, Stdio};

/// Datagrams that are sent past the exporter, and the octets of payload in each.
const DATAGRAMS: u64 = 2000;
const PAYLOAD: u64 = 1000;

/// What the script answers when something it needs is missing.
const MISSING: i32 = 77;

/// Runs an exporter as told, and gives octets and packets of the flow it saw. `None` if it cannot run here.
fn exported(test: &str, kind: &str, more: &str) -> Option<(u64, u64)> {
    if !weir_testkit::is_root() {
        weir_testkit::skip(test, "namespaces need root");
        return None;
    }
    let place = Place::new();
    let bridge = if kind == "openvswitch" { "br0" } else { "lo" };
    let line = format!("exporter-config {kind} --collector 127.0.0.1 --interface {bridge} {more}");
    // The whole of it for a file, the lines alone for a shell: both are ways to paste it.
    let is_file = kind == "pmacctd";
    let snippet = place.done(&if is_file { line.clone() } else { format!("{line} --bare") });
    place.write("snippet", snippet);
    let run = Command::new("unshare")
        .args(["--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child", "bash"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/program/exporter_config.sh"))
        .args([env!("CARGO_BIN_EXE_weir"), kind, &DATAGRAMS.to_string(), &PAYLOAD.to_string()])
        .current_dir(place.path(""))
        .env_remove("WEIR_STORE")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stderr);
    if run.status.code() == Some(MISSING) {
        let why = said.lines().find_map(|line| line.strip_prefix("MISSING ")).unwrap_or("the exporter");
        weir_testkit::skip(test, &format!("{why} is not installed"));
        return None;
    }
    assert!(run.status.success() && !said.contains("panicked"), "{said}");
    let top = place.json("top proto 'proto udp and src port 40001 and dst port 40002' -o json");
    Some((number(&top, "total.octets"), number(&top, "total.packets")))
}

/// Everything that was sent arrived: IPv4 and UDP headers are 28 octets.
fn exact(test: &str, kind: &str, more: &str) {
    let Some((octets, packets)) = exported(test, kind, more) else { return };
    assert_eq!((octets, packets), (DATAGRAMS * (PAYLOAD + 28), DATAGRAMS), "{kind} {more}");
}

#[test]
fn softflowd_exports_as_told() {
    for protocol in ["netflow9", "ipfix", "netflow5"] {
        exact("softflowd_exports_as_told", "softflowd", &format!("--protocol {protocol}"));
    }
}

#[test]
fn pmacctd_exports_as_told() {
    for protocol in ["ipfix", "netflow9", "netflow5"] {
        exact("pmacctd_exports_as_told", "pmacctd", &format!("--protocol {protocol} --source 127.0.0.1"));
    }
    exact("pmacctd_exports_as_told", "pmacctd", "--protocol sflow --sampling 1 --source 127.0.0.1");
}

#[test]
fn fprobe_exports_as_told() {
    exact("fprobe_exports_as_told", "fprobe", "--source 127.0.0.1");
}

/// Open vSwitch tells each packet once, because it is told not to tell it again on the way out.
#[test]
fn openvswitch_exports_as_told() {
    exact("openvswitch_exports_as_told", "openvswitch", "--protocol ipfix --sampling 1");
}

/// 1 packet in 10, said by softflowd and undone by weir: what is accounted is what was sent, within what sampling
/// allows (every tenth packet: at most ten packets of difference).
#[test]
fn a_sampling_interval_that_is_told_is_undone() {
    let test = "a_sampling_interval_that_is_told_is_undone";
    let Some((octets, packets)) = exported(test, "softflowd", "--sampling 10") else { return };
    assert_eq!(packets % 10, 0);
    assert!(packets.abs_diff(DATAGRAMS) <= 10, "{packets}");
    assert_eq!(octets, packets * (PAYLOAD + 28));
}

/// Every kind can be asked for with nothing but the collector.
#[test]
fn every_kind_that_is_listed_is_printed() {
    let place = Place::new();
    let list = place.done("exporter-config --list");
    let kinds: Vec<&str> = list.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    assert!(kinds.len() >= 30, "{list}");
    for kind in kinds {
        let said = place.done(&format!("exporter-config {kind} --collector 192.0.2.10"));
        assert!(said.contains("192.0.2.10") && said.contains("2055"), "{said}");
    }
}

#[test]
fn wrong_orders_end_with_2_and_say_what_is_right() {
    let place = Place::new();
    for (line, says) in [
        ("exporter-config", "--collector"),
        ("exporter-config junos", "--collector"),
        ("exporter-config mikrotk --collector 192.0.2.10", "did you mean mikrotik?"),
        ("exporter-config cisco --collector 192.0.2.10", "did you mean cisco-ios?"),
        ("exporter-config zzz --collector 192.0.2.10", "weir exporter-config --list"),
        ("exporter-config junos --collector weir.example.com", "is no address"),
        ("exporter-config junos --collector 192.0.2.10:0", "port 0"),
        ("exporter-config junos --collector 192.0.2.10 --protocol sflow", "it does ipfix, netflow9"),
        ("exporter-config junos --collector 192.0.2.10 --protocol sflw", "sflow"),
        ("exporter-config cisco-asa --collector 192.0.2.10 --sampling 5", "cannot sample"),
        (
            "exporter-config softflowd --collector 192.0.2.10 --interface 'a; reboot'",
            "is no name of an interface",
        ),
        ("exporter-config cisco-asa --collector 2001:db8::1", "IPv4 addresses only"),
    ] {
        let said = place.fails(line, 2);
        assert!(said.contains(says), "weir {line}: {says}\n{said}");
    }
}
