//! Archives that nfcapd and flow-tools wrote (`testdata/archives`), against what nfdump and flow-export say of them.

use crate::run::{Place, number};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

fn folder() -> PathBuf {
    weir_testkit::repository().join("testdata/archives")
}

/// What the firewall of `make.py` said twice, which nfdump adds up: the update's octets are in the deletion's.
const SAID_TWICE: u64 = 600;
/// What went the other way, which nfdump leaves out: an update's 4,000 and the rest of the 9,000.
const WAY_BACK: u64 = 9_000;

#[test]
fn every_file_of_nfdump_has_nfdumps_totals() {
    let truth = fs::read_to_string(folder().join("nfdump.tsv")).unwrap();
    let mut files = 0;
    for line in truth.lines().skip(1) {
        let [name, flows, octets, packets] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let figure = |text: &str| text.parse::<u64>().unwrap();
        let place = Place::new();
        place.bring(&folder().join(name), name);
        let import = place.json(&format!("import -o json {name}"));
        // Without -T nfcapd 1.6 keeps nothing of firewalls: there weir knows no better.
        let has_firewall = name != "nfcapd-1.6.13-none";
        let (more, less, rows) = if has_firewall { (WAY_BACK, SAID_TWICE, 2) } else { (0, 0, 0) };
        assert_eq!(number(&import, "records"), figure(flows), "{name}");
        assert_eq!(number(&import, "flows"), figure(flows) + rows, "{name}");
        assert_eq!(number(&import, "octets"), figure(octets) + more - less, "{name}");
        assert_eq!(number(&import, "packets"), figure(packets), "{name}");
        // nfcapd saw eight gaps, on exporters that share its one address.
        assert_eq!(number(&import, "sequence_gaps"), 8, "{name}");
        assert_eq!((&import["malformed"], &import["undecodable"]), (&json!({}), &json!({})), "{name}");
        assert_eq!((&import["cut_short"], &import["not_as_they_say"]), (&json!([]), &json!([])), "{name}");
        assert_eq!(import["datagrams"], 0, "{name}");
        let usage = place.json("usage -o json");
        assert_eq!(usage["balance"]["decoded"]["octets"], import["octets"], "{name}");
        assert_eq!(usage["balance"]["difference"], 0, "{name}");
        assert_eq!(usage["completeness"]["sequence_gaps"], 8, "{name}");
        // Once, and once only.
        let again = place.json(&format!("import -o json {name}"));
        assert_eq!((&again["files"], &again["records"]), (&json!(0), &json!(0)));
        files += 1;
    }
    assert_eq!(files, 12);
}

const BY_SLOTS: &str = r#"
[[tenant]]
name = "ten-three"
networks = ["10.31.0.3/32"]
tariff = "slots"

[[tariff]]
name = "slots"
currency = "EUR"

[[tariff.rule]]
name = "90th"
percentile = "90"
per = "kbit/s"
price = "1.00"
reading = "in"
"#;

/// nfcapd received everything in the hour from 08:00 on 22 November: its twelve slots are known, and nothing was in them.
/// Traffic of the tenant is, by nfdump, of two slots of the evening before, with 305,856 and 164,708 octets in. Of 14 known
/// slots the 13th sets the 90th percentile; if only slots with traffic were known, it would be the 2nd of two.
#[test]
fn a_percentile_knows_the_hours_of_an_archive() {
    let place = Place::with(BY_SLOTS);
    place.bring(&folder().join("nfcapd-1.7.1-none"), "archive");
    place.done("import archive");
    let check = |charges: &Value| {
        let detail = &charges["lines"][0]["by"];
        assert_eq!(
            (number(detail, "slots"), number(detail, "missing"), number(detail, "above")),
            (14, 562, 1)
        );
        assert_eq!(detail["slot_octets"], json!({"numerator": 164_708, "denominator": 1}), "{detail}");
    };
    check(&place.json("rate ten-three --period 2026-11-21..2026-11-22 -o json")["bills"][0]);
    let statement = place.json("statement ten-three --period 2026-11-21..2026-11-22 -o json");
    check(&statement["charges"]);
    // And the exporter is known to have been heard then.
    let doctor = place.weir("doctor --from 2026-11-22 --to 2026-11-22T09:00:00Z -o json").out;
    let doctor: Value = serde_json::from_str(&doctor).unwrap();
    assert_eq!(doctor["exporters"][0]["last"], "2026-11-22T08:45:00+00:00");
}

/// Rows by what tells them apart: addresses, protocol, octets, packets; of one key in the order of the file.
type Rows = BTreeMap<String, Vec<Value>>;

fn keyed(rows: impl Iterator<Item = (String, Value)>) -> Rows {
    let mut keyed = Rows::new();
    for (key, row) in rows {
        keyed.entry(key).or_default().push(row);
    }
    keyed
}

#[test]
fn every_record_is_field_by_field_what_nfdump_reads() {
    let Some(nfdump) = weir_testkit::program("nfdump") else {
        return weir_testkit::skip(
            "every_record_is_field_by_field_what_nfdump_reads",
            "nfdump is not installed",
        );
    };
    for name in ["nfcapd-1.6.13-lzo", "nfcapd-1.6.24-bz2", "nfcapd-1.7.1-lz4", "nfcapd-1.7.8-none"] {
        let theirs = nfdump_rows(&nfdump, &folder().join(name)).unwrap();
        let place = Place::new();
        place.bring(&folder().join(name), name);
        let out = place.done(&format!("flows -r {name} --all -o ndjson"));
        let ours = out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let ours = keyed(ours.map(|row| (key(&row, |field| OURS[field]), row)));
        let mut compared = 0;
        for (key, rows) in &theirs {
            // nfdump knows nothing of what is said twice of a firewall's connections.
            if key.contains("10.0.0.5") {
                continue;
            }
            let Some(found) = ours.get(key) else {
                panic!("{name}: nfdump has {key}, weir has not: {rows:?}")
            };
            assert_eq!(found.len(), rows.len(), "{name}: {key}");
            let mut rows = rows.clone();
            let mut found = found.clone();
            found.sort_by_key(|row| (row["received"].as_i64(), row["start"].as_i64()));
            rows.sort_by_key(|row| (row["received"].to_string(), row["first"].to_string()));
            for (ours, theirs) in found.iter().zip(&rows) {
                compared += 1;
                compare(name, ours, theirs);
            }
        }
        assert_eq!(compared, 548, "{name}");
    }
}

/// Fields that make the key, as weir and as nfdump call them.
const OURS: [&str; 5] = ["src_addr", "dst_addr", "proto", "octets", "packets"];

fn key(row: &Value, name: impl Fn(usize) -> &'static str) -> String {
    let text = |at: usize| match &row[name(at)] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let ports = match row["proto"].as_u64() {
        Some(6 | 17) => format!("{} {}", row["src_port"], row["dst_port"]),
        _ => String::new(),
    };
    [0, 1, 2, 3, 4].map(text).join(" ") + " " + &ports
}

fn nfdump_rows(nfdump: &Path, file: &Path) -> io::Result<Rows> {
    let output = Command::new(nfdump).arg("-r").arg(file).args(["-o", "json"]).env("TZ", "UTC").output()?;
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout)?;
    Ok(keyed(rows.into_iter().map(|row| {
        let src = if row.get("src4_addr").is_some() { "src4_addr" } else { "src6_addr" };
        let dst = if row.get("dst4_addr").is_some() { "dst4_addr" } else { "dst6_addr" };
        let names = [src, dst, "proto", "in_bytes", "in_packets"];
        (key(&row, |field| names[field]), row)
    })))
}

/// What both say of a record. nfdump prints zero for what was not there, and weir nothing for a pair of zeros.
fn compare(name: &str, ours: &Value, theirs: &Value) {
    let has_ports = matches!(theirs["proto"].as_u64(), Some(6 | 17));
    let mut pairs = vec![
        ("input_snmp", "ingress_if"),
        ("output_snmp", "egress_if"),
        ("src_mask", "src_mask"),
        ("dst_mask", "dst_mask"),
        ("src_vlan", "src_vlan"),
        ("dst_vlan", "dst_vlan"),
        ("src_as", "src_as"),
        ("dst_as", "dst_as"),
        ("in_src_mac", "src_mac"),
        ("in_dst_mac", "dst_mac"),
        ("ip4_next_hop", "next_hop"),
        ("ip6_next_hop", "next_hop"),
        ("bgp4_next_hop", "bgp_next_hop"),
        ("bgp6_next_hop", "bgp_next_hop"),
        ("ip4_router", "exporter"),
        ("src_tos", "tos"),
        ("fwd_status", "forwarding_status"),
    ];
    if has_ports {
        pairs.extend([("src_port", "src_port"), ("dst_port", "dst_port")]);
    }
    for (theirs_name, ours_name) in pairs {
        let Some(value) = theirs.get(theirs_name) else { continue };
        let is_nothing = *value == 0 || value == "0.0.0.0" || value == "::" || value == "00:00:00:00:00:00";
        if is_nothing && ours[ours_name].is_null() {
            continue;
        }
        assert_eq!(ours[ours_name], *value, "{name}: {ours_name} of {ours:#} and {theirs:#}");
    }
    let ms = |field: &str| {
        let time: jiff::civil::DateTime = theirs[field].as_str()?.parse().unwrap();
        Some(time.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp().as_millisecond())
    };
    let same = |field: &str, value: i64| {
        assert_eq!(ours[field], value, "{name}: {field} of {ours:#} and {theirs:#}");
    };
    if let Some(received) = ms("received") {
        same("received", received);
    }
    match (ms("first"), ms("last")) {
        // The record says no time, which nfdump shows as 1970.
        (Some(0), Some(0)) => assert_eq!(ours["time_source"], "received", "{name}: {ours:#} and {theirs:#}"),
        (Some(first), Some(last)) => {
            // Exporters round: one that ends before it starts has no length.
            same("start", first.min(last));
            same("end", last);
        }
        other => panic!("{name}: {other:?} of {theirs:#}"),
    }
}

#[test]
fn every_version_of_flow_tools_is_what_flow_export_says() {
    let versions = ["1", "5", "6", "7"].map(str::to_owned).into_iter();
    let mut files = 0;
    for version in versions.chain((1..=14).map(|scheme| format!("8.{scheme}"))) {
        let text = fs::read_to_string(folder().join(format!("flowtools-{version}.csv"))).unwrap();
        let mut lines = text.lines().map(|line| line.trim_start_matches("#:").split(',').collect::<Vec<_>>());
        let heads = lines.next().unwrap();
        let rows: Vec<Vec<&str>> = lines.collect();
        for order in ["big", "little"] {
            let name = format!("flowtools-{version}-{order}");
            let place = Place::new();
            place.bring(&folder().join(&name), &name);
            let out = place.done(&format!("flows -r {name} -o ndjson"));
            let mut ours: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            // flow-gen counts packets from 1 on.
            ours.sort_by_key(|row| row["measured_packets"].as_u64());
            assert_eq!(ours.len(), rows.len(), "{name}");
            for (ours, theirs) in ours.iter().zip(&rows) {
                let theirs: BTreeMap<&str, &str> =
                    heads.iter().copied().zip(theirs.iter().copied()).collect();
                exported(&name, ours, &theirs);
            }
            files += 1;
        }
    }
    assert_eq!(files, 36);
}

fn exported(name: &str, ours: &Value, theirs: &BTreeMap<&str, &str>) {
    let is_sum = name.contains("-8.");
    for (their_name, our_name) in [
        ("dpkts", "measured_packets"),
        ("doctets", "measured_octets"),
        ("srcaddr", "src_addr"),
        ("dstaddr", "dst_addr"),
        ("input", "ingress_if"),
        ("output", "egress_if"),
        ("prot", "proto"),
        ("tos", "tos"),
        ("src_mask", "src_mask"),
        ("dst_mask", "dst_mask"),
        ("src_as", "src_as"),
        ("dst_as", "dst_as"),
    ] {
        let value = match (theirs.get(their_name), &ours[our_name]) {
            (None, found) => {
                // flow-export has no way to show the interfaces of 8.10, which flow-gen writes.
                assert!(
                    name.contains("-8.10-") || found.is_null(),
                    "{name}: {our_name} is {found}, and is not in it"
                );
                continue;
            }
            (Some(value), _) => *value,
        };
        // flow-tools forgets to turn this one when it writes in the order that is not the machine's.
        if name == "flowtools-8.12-big" && our_name == "dst_as" {
            continue;
        }
        let found = ours[our_name].as_str().map_or_else(|| ours[our_name].to_string(), str::to_owned);
        // AS 0 is none, and a prefix of no length of no address is none.
        let is_none = matches!(value, "0" | "0.0.0.0") && (our_name.ends_with("_as") || is_sum);
        assert!(found == value || (is_none && found == "null"), "{name}: {our_name} is {found}, not {value}");
    }
}

#[test]
fn real_files_of_flow_tools_have_their_totals() {
    let Some(shared) = weir_testkit::shared() else {
        return weir_testkit::skip("real_files_of_flow_tools_have_their_totals", "no ../shared");
    };
    let truth = fs::read_to_string(shared.join("captures/truth.tsv")).unwrap();
    let mut files = 0;
    for line in truth.lines().filter(|line| line.starts_with("ft-") && !line.contains("ftv8")) {
        let cell: Vec<&str> = line.split('\t').collect();
        let place = Place::new();
        place.bring(&shared.join("captures").join(cell[0]), "archive");
        let import = place.json("import -o json archive");
        for (at, name) in [(4, "records"), (5, "measured_octets"), (6, "measured_packets")] {
            assert_eq!(import[name].to_string(), cell[at], "{}: {name}", cell[0]);
        }
        let is_torn = cell[0].contains("corrupt");
        assert_eq!(import["cut_short"], if is_torn { json!(["archive"]) } else { json!([]) }, "{}", cell[0]);
        files += 1;
    }
    assert_eq!(files, 7);
    // 4,800 octets of records of 48, which nobody had read.
    let place = Place::new();
    place.bring(&shared.join("captures/ft-ftv8-2016-01-17-compress-7-bigend-sample.ft"), "archive");
    let import = place.json("import -o json archive");
    // flow-gen counts up from one: 1 + 2 + … + 100.
    assert_eq!((number(&import, "records"), number(&import, "measured_octets")), (100, 5_050));
}

#[test]
fn an_archive_is_no_capture_to_be_sent() {
    let place = Place::new();
    place.bring(&folder().join("nfcapd-1.7.1-lz4"), "archive");
    let sentence = place.fails("send archive --to 127.0.0.1:9", 1);
    assert!(sentence.contains("holds records and no datagrams"), "{sentence}");
    // What it is told to be, it is not.
    let sentence = place.fails("import archive --kind flow-tools", 1);
    assert!(sentence.contains("archive: bad_magic at octet 0"), "{sentence}");
}
