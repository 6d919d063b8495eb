//! The same figures in every form and from every command.

use crate::cli::with_capture;
use crate::run::{Place, csv, named, number};
use serde_json::{Map, Value, json};

const WAYS: [&str; 4] = ["in", "out", "local_in", "local_out"];
const UNITS: [&str; 3] = ["octets", "packets", "flows"];

/// The columns that the contract names.
const CONTRACT: &str = "
    start end received exporter domain src_addr dst_addr src_port dst_port proto tcp_flags tos
    ingress_if egress_if src_as dst_as src_mask dst_mask next_hop src_vlan dst_vlan src_mac dst_mac
    icmp_type icmp_code nat_src_addr nat_dst_addr nat_src_port nat_dst_port octets packets
    measured_octets measured_packets sampling_interval sampling_source flow_direction protocol_version
    tenant direction
";

fn imported() -> Place {
    let place = with_capture();
    place.done("import export.pcap");
    place
}

#[test]
fn flows_are_the_same_in_every_form_and_the_oldest_come_first() {
    let place = imported();
    let list = place.json("flows -o json");
    let list = list.as_array().unwrap();
    assert_eq!(list.len(), 192);
    let lines = place.done("flows -o ndjson");
    let parsed: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(&parsed, list);
    let text = place.done("flows -o csv");
    let (heads, rows) = csv(&text);
    assert_eq!(rows.len(), 192);
    for (row, flow) in rows.iter().zip(list) {
        let flow = flow.as_object().unwrap();
        // Names stand beside their numbers, and in CSV behind everything.
        let (names, columns): (Vec<_>, Vec<_>) = flow.iter().partition(|(key, _)| key.ends_with("_name"));
        let (fixed, named) = heads.split_at(columns.len());
        assert_eq!(fixed, columns.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>());
        let (values, said) = row.split_at(columns.len());
        assert_eq!(values, columns.iter().map(|(_, value)| plain(value)).collect::<Vec<_>>());
        for (head, cell) in named.iter().zip(said) {
            let known = names.iter().find(|(key, _)| key == head).map(|(_, value)| plain(value));
            assert_eq!(*cell, known.unwrap_or_default());
        }
    }
    // Without any store, the same, but for the order of those that begin at the same instant.
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert!(sorted(&place.done("flows -o csv -r export.pcap")) == sorted(&text));
    let starts: Vec<u64> = list.iter().map(|flow| number(flow, "start")).collect();
    assert!(starts.is_sorted());
    assert_eq!(place.json("flows -o json -n 5"), json!(list[..5]));
    assert_eq!(place.done("flows").lines().count(), 193);

    // What is in them: what the kernel counted, and the names of the contract.
    let total: u64 = list.iter().map(|flow| number(flow, "octets")).sum();
    assert_eq!(total, 1_055_064);
    for name in CONTRACT.split_whitespace() {
        assert!(heads.contains(&name), "{name}");
    }
    // Unknown is null, never 0: this exporter says nothing of autonomous systems.
    assert!(list.iter().all(|flow| flow["src_as"].is_null() && flow["next_hop"].is_null()));
}

/// A value as CSV has it.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[test]
fn top_has_the_shape_of_the_contract_and_sums_what_flows_list() {
    let place = imported();
    let flows = place.json("flows -o json");
    let top = place.json("top tenant,proto -o json");
    assert_eq!(top["keys"], json!(["tenant", "proto"]));
    assert_eq!(
        (&top["groups"], &top["scanned_records"]),
        (&json!(top["rows"].as_array().unwrap().len()), &json!(192))
    );
    let sum = |rows: &mut dyn Iterator<Item = &Value>| {
        let (mut octets, mut packets, mut flows) = (0, 0, 0);
        for row in rows {
            octets += number(row, "octets");
            packets += number(row, "packets");
            flows += 1;
        }
        json!({"octets": octets, "packets": packets, "flows": flows})
    };
    assert_eq!(top["total"], sum(&mut flows.as_array().unwrap().iter()));
    let mut last = u64::MAX;
    for row in top["rows"].as_array().unwrap() {
        assert_eq!(
            row.as_object().unwrap().keys().collect::<Vec<_>>(),
            ["tenant", "proto", "octets", "packets", "flows"]
        );
        let same = |flow: &&Value| flow["tenant"] == row["tenant"] && flow["proto"] == row["proto"];
        let expected = sum(&mut flows.as_array().unwrap().iter().filter(same));
        assert_eq!(
            json!({"octets": row["octets"], "packets": row["packets"], "flows": row["flows"]}),
            expected
        );
        assert!(number(row, "octets") <= last);
        last = number(row, "octets");
    }
    let text = place.done("top tenant,proto -o csv");
    let (heads, rows) = csv(&text);
    assert_eq!(heads, ["tenant", "proto", "octets", "packets", "flows"]);
    let lines = place.done("top tenant,proto -o ndjson");
    for ((row, line), object) in rows.iter().zip(lines.lines()).zip(top["rows"].as_array().unwrap()) {
        assert_eq!(&serde_json::from_str::<Value>(line).unwrap(), object);
        assert_eq!(row, &object.as_object().unwrap().values().map(plain).collect::<Vec<_>>());
    }
    for by in UNITS {
        let rows = place.json(&format!("top src_addr --by {by} -n 3 -o json"))["rows"].clone();
        let values: Vec<u64> = rows.as_array().unwrap().iter().map(|row| number(row, by)).collect();
        assert!(values.len() == 3 && values.is_sorted_by(|a, b| a >= b), "{by}: {values:?}");
    }
}

/// The report, its CSV, its lines, the statement and `top` all tell the same of a tenant.
#[test]
fn usage_and_statement_agree_to_the_octet() {
    let place = imported();
    let usage = place.json("usage --period 2026-11 --hosts -o json");
    let period = json!({"name": "2026-11", "from": "2026-11-01T00:00:00+01:00", "to": "2026-12-01T00:00:00+01:00",
        "zone": "Europe/Berlin"});
    assert_eq!(usage["period"], period);
    let table = place.done("usage --period 2026-11 -o csv");
    let (heads, rows) = csv(&table);
    let lines = place.done("usage --period 2026-11 --hosts -o ndjson");
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(&lines, usage["tenants"].as_array().unwrap());
    for tenant in ["avtotrade", "bolt"] {
        let used = named(&usage["tenants"], "tenant", tenant);
        let row = rows.iter().find(|row| row[0] == tenant).unwrap();
        assert_eq!(sums(&heads, row), ways(used), "{tenant}");
        assert_eq!(added(used["hosts"].as_array().unwrap()), ways(used), "{tenant}'s hosts");
        let alone = place.json(&format!("usage {tenant} --period 2026-11 --hosts -o json"));
        assert_eq!((&alone["tenants"], &alone["balance"]), (&json!([used]), &usage["balance"]));

        let statement = place.json(&format!("statement {tenant} --period 2026-11 -o json"));
        assert_eq!((&statement["tenant"], &statement["period"]), (&json!(tenant), &period));
        assert_eq!(ways(&statement), ways(used), "{tenant}'s statement");
        for part in ["hosts", "days"] {
            assert_eq!(added(statement[part].as_array().unwrap()), ways(used), "{tenant}'s {part}");
        }
        assert_eq!(statement["days"].as_array().unwrap().len(), 30);
        assert_eq!(
            (&statement["balance"], &statement["completeness"]),
            (&usage["balance"], &usage["completeness"])
        );
        let text = place.done(&format!("statement {tenant} --period 2026-11 -o csv"));
        let (heads, rows) = csv(&text);
        for (i, row) in rows.iter().enumerate() {
            let object = match row[0] {
                "total" => &statement,
                "host" => named(&statement["hosts"], "address", row[1]),
                "day" => named(&statement["days"], "date", row[1]),
                other => panic!("{other}"),
            };
            assert_eq!(sums(&heads, row), ways(object), "line {i} of {tenant}");
        }
        let text = place.done(&format!("statement {tenant} --period 2026-11"));
        for way in ["in", "out"] {
            let octets = grouped(number(used, &format!("{way}.octets")));
            assert!(text.contains(&octets), "{octets}\n{text}");
        }
        assert!(text.contains("trial balance of the period: closes to the octet"), "{text}");
        let direction = place.json(&format!("top direction 'tenant {tenant}' -o json"));
        for way in ["in", "out"] {
            let row = named(&direction["rows"], "direction", way);
            assert_eq!(UNITS.map(|unit| &row[unit]), UNITS.map(|unit| &used[way][unit]), "{tenant} {way}");
        }
    }
    let text = place.done("usage --period 2026-11");
    assert!(text.contains(&grouped(1_055_064)), "{text}");
}

/// Periods cut the time without a gap and without an overlap: the parts of November sum to November.
#[test]
fn periods_add_up() {
    let place = imported();
    let decoded = |span: &str| place.json(&format!("usage {span} -o json"))["balance"]["decoded"].clone();
    let whole = decoded("");
    assert_eq!(whole, json!({"octets": 1_055_064, "packets": 1692, "flows": 192}));
    assert_eq!(decoded("--period 2026-11"), whole);
    assert_eq!(decoded("--period 2026"), whole);
    // Recorded from 23:33 on the 21st in this zone; of the day after only another zone knows.
    assert_eq!(decoded("--period 2026-11-21"), whole);
    assert_eq!(decoded("--period 2026-11-22 --zone Asia/Kolkata"), whole);
    let nothing = json!({"octets": 0, "packets": 0, "flows": 0});
    assert_eq!(decoded("--period 2026-11-20"), nothing);
    assert_eq!(decoded("--period 2026-10"), nothing);
    let mut sum = [0; 3];
    for minute in (20..60).step_by(5) {
        let to = if minute == 55 { "22T00:00".to_owned() } else { format!("21T23:{:02}", minute + 5) };
        let part = decoded(&format!("--from 2026-11-21T23:{minute:02}:00+01:00 --to 2026-11-{to}:00+01:00"));
        for (sum, unit) in sum.iter_mut().zip(UNITS) {
            *sum += part[unit].as_u64().unwrap();
        }
    }
    assert_eq!(json!(sum), json!(UNITS.map(|unit| &whole[unit])));
}

fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|g| std::str::from_utf8(g).unwrap()).collect();
    groups.join(",")
}

/// The four ways of a tenant, host or day.
fn ways(object: &Value) -> Value {
    Value::Object(WAYS.iter().map(|way| ((*way).to_owned(), object[*way].clone())).collect())
}

/// The four ways of all of these, added up.
fn added(list: &[Value]) -> Value {
    let sum =
        |way: &str, unit: &str| list.iter().map(|item| number(item, &format!("{way}.{unit}"))).sum::<u64>();
    built(|way, unit| sum(way, unit))
}

/// The four ways of a row of CSV, whose heads are like `local_in_octets`.
fn sums(heads: &[&str], row: &[&str]) -> Value {
    built(|way, unit| {
        let at = heads.iter().position(|head| *head == format!("{way}_{unit}")).unwrap();
        row[at].parse().unwrap()
    })
}

fn built(value: impl Fn(&str, &str) -> u64) -> Value {
    let units = |way: &str| UNITS.iter().map(|unit| ((*unit).to_owned(), json!(value(way, unit)))).collect();
    Value::Object(
        WAYS.iter().map(|way| ((*way).to_owned(), Value::Object(units(way)))).collect::<Map<_, _>>(),
    )
}
