//! `weir top` grown up: others, comparisons, both directions as one, percentiles, means, and every form. What is
//! expected is added up here from the records that `weir flows` lists.

use crate::cli::with_capture;
use crate::daemon::{Daemon, until};
use crate::netflow::{self, Flow};
use crate::run::{Place, csv, number};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::net::UdpSocket;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

fn imported() -> Place {
    let place = with_capture();
    place.done("import export.pcap");
    place
}

fn rows(answer: &Value) -> &[Value] {
    answer["rows"].as_array().unwrap()
}

fn sum(rows: &[Value], name: &str) -> u64 {
    rows.iter().map(|row| number(row, name)).sum()
}

#[test]
fn shown_and_others_add_up_in_every_form() {
    let place = imported();
    let top = place.json("top src,dst_port -n 3 --others -o json");
    for measure in ["octets", "packets", "flows"] {
        let shown = sum(rows(&top), measure);
        assert_eq!(shown + number(&top["others"], measure), number(&top["total"], measure));
        let lines = place.done("top src,dst_port -n 3 --others -o ndjson");
        let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(
            lines.iter().map(|l| l["row"].as_str().unwrap()).collect::<Vec<_>>(),
            ["group", "group", "group", "others"]
        );
        assert_eq!(sum(&lines, measure), number(&top["total"], measure));
    }
    let text = place.done("top src,dst_port -n 3 --others -o csv");
    let (heads, lines) = csv(&text);
    assert_eq!(heads.last(), Some(&"row"));
    assert_eq!(lines.len(), 4);
    let table = place.done("top src,dst_port -n 3 --others");
    assert!(table.lines().any(|line| line.starts_with("others")) && !table.contains('█'), "{table}");
    assert_eq!(rows(&place.json("top src,dst_port -n 0 -o json")).len() as u64, number(&top, "groups"));
}

#[test]
fn what_is_grouped_by_a_measure_has_both() {
    let place = imported();
    let document = place.json("top octets -n 0 -o json");
    let rows = document["rows"].as_array().unwrap();
    for row in rows {
        assert_eq!(number(row, "octets"), number(row, "by_octets") * number(row, "flows"), "{row}");
    }
    let flows: u64 = rows.iter().map(|row| number(row, "flows")).sum();
    assert_eq!(flows, number(&document, "total.flows"));
    // So many as there are, where 0 is said of records, too.
    assert_eq!(place.done("flows -n 0 -o ndjson").lines().count() as u64, flows);
    assert!(place.fails("flows -n 0 --sort octets", 2).contains("say how many"));
    assert!(place.fails("flows -n 100000000 --sort octets", 1).contains("ask for fewer"));
}

#[test]
fn several_measures_are_shown_in_their_order_and_the_first_orders() {
    let place = imported();
    let text = place.done("top proto --by packets,octets,measured_octets -o csv");
    let (heads, lines) = csv(&text);
    assert_eq!(heads, ["proto", "packets", "octets", "measured_octets", "flows"]);
    let packets: Vec<u64> = lines.iter().map(|line| line[1].parse().unwrap()).collect();
    assert!(packets.is_sorted_by(|a, b| a >= b));
    assert!(place.done("top proto --by packets,octets").lines().next().unwrap().contains("% packets"));
}

/// The two directions of a conversation, put together here from the records.
#[test]
fn both_directions_are_one_row() {
    let place = imported();
    let flows = place.json("flows -o json");
    let mut truth: BTreeMap<String, [u64; 2]> = BTreeMap::new();
    for flow in flows.as_array().unwrap() {
        let end = |addr: &str, port: &str| (flow[port].as_u64(), flow[addr].as_str().unwrap().to_owned());
        let (source, destination) = (end("src_addr", "src_port"), end("dst_addr", "dst_port"));
        if source.0.is_none() || source.0 == destination.0 {
            continue;
        }
        let out = source.0 > destination.0;
        let (asks, answers) = if out { (source, destination) } else { (destination, source) };
        let key = json!([asks, answers, flow["proto"]]).to_string();
        truth.entry(key).or_default()[usize::from(!out)] += number(flow, "octets");
    }
    let top = place.json("top conversation --bi -n 0 -o json");
    let mut compared = 0;
    for row in rows(&top) {
        if row["src_port"].is_null() || row["src_port"] == row["dst_port"] {
            continue;
        }
        let end = |addr: &str, port: &str| json!([row[port], row[addr]]);
        let key = json!([end("src_addr", "src_port"), end("dst_addr", "dst_port"), row["proto"]]).to_string();
        assert_eq!([number(row, "out_octets"), number(row, "in_octets")], truth[&key], "{row}");
        assert_eq!(number(row, "octets"), number(row, "out_octets") + number(row, "in_octets"));
        compared += 1;
    }
    assert!(compared == truth.len() && compared > 20, "{compared}");
    assert_eq!(sum(rows(&top), "octets"), sum(flows.as_array().unwrap(), "octets"));
}

/// Two captures' worth of time: what was before stands beside what is, and nothing is lost between.
#[test]
fn a_comparison_shows_what_came_what_stayed_and_what_is_gone() {
    let place = Place::new();
    place.done("demo --dir . --period 2026-10 --scale 25");
    let ask = |from: &str, to: &str, more: &str| {
        place.json(&format!("top host --from {from} --to {to} --zone UTC -n 0 -o json {more}"))
    };
    let day = |answer: &Value| -> BTreeMap<String, u64> {
        rows(answer).iter().map(|row| (row["host"].to_string(), number(row, "octets"))).collect()
    };
    let now = day(&ask("2026-10-15", "2026-10-16", "--inside"));
    for (when, from, to) in [("previous", "2026-10-14", "2026-10-15"), ("1w", "2026-10-08", "2026-10-09")] {
        let before = day(&ask(from, to, "--inside"));
        let compared = ask("2026-10-15", "2026-10-16", &format!("--compare {when}"));
        let mut seen = 0;
        for row in rows(&compared) {
            let host = row["host"].to_string();
            let (a, b) = (now.get(&host).copied(), before.get(&host).copied());
            assert_eq!(number(row, "octets"), a.unwrap_or(0), "{row}");
            assert_eq!(number(row, "previous_octets"), b.unwrap_or(0), "{row}");
            let change = i64::try_from(a.unwrap_or(0)).unwrap() - i64::try_from(b.unwrap_or(0)).unwrap();
            assert_eq!(row["octets_change"], json!(change));
            let word = match (a, b) {
                (Some(_), None) => json!("new"),
                (None, Some(_)) => json!("gone"),
                _ => Value::Null,
            };
            assert_eq!(row["change"], word, "{row}");
            seen += 1;
        }
        let mut all: Vec<&String> = now.keys().chain(before.keys()).collect();
        all.sort();
        all.dedup();
        assert_eq!(seen, all.len());
        assert_eq!(number(&compared, "previous_total.octets"), before.values().sum::<u64>());
    }
    percentiles_are_of_five_minutes(&place);
    usage_and_days_agree(&place);
}

/// The 95th of all five minutes of a day, found here in what `time/5m` says.
fn percentiles_are_of_five_minutes(place: &Place) {
    let span = "--from 2026-10-15 --to 2026-10-16 --zone UTC";
    let top = place.json(&format!("top tenant {span} --inside --percentile 95 --averages -o json"));
    let bins = place.json(&format!("top tenant,time/5m {span} -n 0 -o json"));
    let mut compared = 0;
    for row in rows(&top) {
        let mut octets: Vec<u64> = rows(&bins)
            .iter()
            .filter(|bin| bin["tenant"] == row["tenant"])
            .map(|bin| number(bin, "octets"))
            .collect();
        octets.resize(288, 0);
        octets.sort_unstable();
        // 0.95 × 288 = 273.6: the 274th of them.
        assert_eq!(number(row, "p95_bps"), (octets[273] * 8 + 150) / 300, "{row}");
        let mean = (u128::from(number(row, "octets")) * 8000 + 43_200_000) / 86_400_000;
        assert_eq!(u128::from(number(row, "bps")), mean);
        compared += 1;
    }
    assert!(compared >= 7);
}

/// Days of the month as `top` and as `usage` say them, in a zone whose clocks change.
fn usage_and_days_agree(place: &Place) {
    let days = place.json("top day,direction 'own tenant okafor' --zone Europe/Berlin --from 2026-10-24 --to 2026-10-27 -o json");
    assert_eq!(days["read_from"], "accounts");
    for (day, next) in
        [("2026-10-24", "2026-10-25"), ("2026-10-25", "2026-10-26"), ("2026-10-26", "2026-10-27")]
    {
        let usage =
            place.json(&format!("usage okafor --zone Europe/Berlin --from {day} --to {next} -o json"));
        for direction in ["in", "out"] {
            let found = rows(&days).iter().find(|row| {
                row["day_local"].as_str().unwrap().starts_with(day) && row["direction"] == direction
            });
            let octets = found.map_or(0, |row| number(row, "octets"));
            assert_eq!(octets, number(&usage, &format!("tenants.0.{direction}.octets")), "{day} {direction}");
        }
    }
    let explained = place.weir("top tenant --explain");
    assert!(explained.err.contains("accounts of five minutes, and no record"), "{}", explained.err);
    let explained = place.weir("top proto --explain");
    assert!(
        explained.err.contains("proto is read from proto, which accounts do not say"),
        "{}",
        explained.err
    );
}

const PARQUET: &str = "
import duckdb, json, sys
rows = duckdb.sql(f\"from '{sys.argv[1]}'\")
names = rows.columns
plain = lambda name, kind: f'epoch_ms(\"{name}\")' if 'TIME' in str(kind) else f'\"{name}\"'
values = ', '.join(plain(*column) for column in zip(names, rows.types))
for row in duckdb.sql(f\"select {values} from '{sys.argv[1]}'\").fetchall():
    print(json.dumps(dict(zip(names, row))))
";

/// Every form of every command with rows, and Parquet read by DuckDB.
#[test]
fn the_same_figures_in_every_form() {
    let place = imported();
    let python = weir_testkit::duckdb_python();
    if python.is_none() {
        weir_testkit::skip(
            "the_same_figures_in_every_form",
            "WEIR_DUCKDB_PYTHON names no Python with DuckDB",
        );
    }
    for line in [
        "top src/24,service,minute --others -n 5",
        "top host,direction --averages",
        "top pair --bi",
        "flows",
        "flows --sort octets -n 7",
        "usage --hosts",
    ] {
        let ndjson = place.done(&format!("{line} -o ndjson"));
        let objects: Vec<Value> = ndjson.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let text = place.done(&format!("{line} -o csv"));
        let (heads, lines) = csv(&text);
        if line.starts_with("usage") {
            // Objects within objects: the figures are compared in `answers`.
            assert!(!lines.is_empty());
        } else {
            assert_eq!(lines.len(), objects.len(), "{line}");
        }
        let Some(python) = &python else { continue };
        let output = place.command(&format!("{line} -o parquet")).output().unwrap();
        assert!(output.status.success(), "{line}");
        place.write("answer.parquet", output.stdout);
        let read =
            Command::new(python).args(["-c", PARQUET]).arg(place.path("answer.parquet")).output().unwrap();
        let read = String::from_utf8(read.stdout).unwrap();
        let files: Vec<Value> = read.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(files.len(), lines.len(), "{line}");
        for (cells, file) in lines.iter().zip(&files) {
            for (head, cell) in heads.iter().zip(cells) {
                let value = match &file[*head] {
                    Value::Null => String::new(),
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                assert_eq!(value, *cell, "{line}: {head}");
            }
        }
    }
    let largest = place.json("flows --sort octets -n 7 -o json");
    let mut octets: Vec<u64> =
        place.json("flows -o json").as_array().unwrap().iter().map(|flow| number(flow, "octets")).collect();
    octets.sort_unstable_by(|a, b| b.cmp(a));
    let sorted: Vec<u64> = largest.as_array().unwrap().iter().map(|flow| number(flow, "octets")).collect();
    assert_eq!(sorted, octets[..7]);
}

/// Every command in `docs/ask.md` that is meant to be typed.
#[test]
fn the_examples_in_the_documentation_run() {
    let text = std::fs::read_to_string(weir_testkit::repository().join("docs/ask.md")).unwrap();
    let place = Place::new();
    place.done("demo --dir . --period 2026-10 --scale 10");
    let examples: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("weir ")).collect();
    assert!(examples.len() > 20, "{}", examples.len());
    for example in examples {
        // What goes into a file goes nowhere here.
        let into = example.rsplit_once(" > ").filter(|(_, file)| file.ends_with(".parquet"));
        let line = into.map_or(example, |(line, _)| line);
        let output = place.command(line).output().unwrap();
        assert!(output.status.success(), "weir {line}\n{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// What is stored while one looks is shown, each record as often as it was stored, and nothing of before.
#[test]
fn following_shows_what_comes() {
    let place = Place::new();
    let daemon = Daemon::start(&place);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let flow = |octets| Flow {
        src: [10, 31, 0, 1],
        dst: [198, 51, 100, 1],
        src_port: 40_000,
        dst_port: 443,
        octets,
        packets: 1,
    };
    socket.send_to(&netflow::v5(0, &[flow(11)]), daemon.to).unwrap();
    until("the first flow to be stored", || place.done("flows -o ndjson").lines().count() == 1);
    let mut follower =
        place.command("flows --follow -n 3 -o csv 'dst port 443'").stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    let heads = lines.next().unwrap().unwrap();
    let at = heads.split(',').position(|head| head == "octets").unwrap();
    // Two that are alike in everything, and one before them.
    socket.send_to(&netflow::v5(1, &[flow(22)]), daemon.to).unwrap();
    socket.send_to(&netflow::v5(2, &[flow(44), flow(44)]), daemon.to).unwrap();
    let mut octets: Vec<String> =
        lines.map(|line| line.unwrap().split(',').nth(at).unwrap().to_owned()).collect();
    octets.sort();
    assert_eq!(octets, ["22", "44", "44"]);
    assert!(follower.wait().unwrap().success());
}

/// Groups that do not fit in memory go to disk, and the answer is the same. Whatever ends a question ends it at once, also
/// while nobody takes its answer, and leaves nothing behind.
#[test]
fn a_question_on_disk_is_answered_the_same_and_leaves_nothing() {
    let place = Place::new();
    place.done("demo --dir . --period 2026-10 --scale 10");
    std::fs::create_dir(place.path("disk")).unwrap();
    let keys = "top src,dst,sport,dport,start";
    let little = format!("{keys} -n 100 --memory 800K --spill disk");
    let mut asked = place.json(&format!("{little} -o json"));
    let mut plain = place.json(&format!("{keys} -n 100 -o json"));
    assert!(number(&plain, "groups") > 40_000, "{}", plain["groups"]);
    assert_eq!(asked.as_object_mut().unwrap(), plain.as_object_mut().unwrap());
    let explained = place.weir(&format!("{little} --explain")).err;
    assert!(explained.contains("bytes were kept on disk meanwhile"), "{explained}");
    assert!(!place.weir(&format!("{keys} --explain")).err.contains("on disk"));
    let refused = place.fails(&format!("{keys} --memory 800K --spill none"), 1);
    assert!(refused.contains("do not fit in 800 KiB of memory") && refused.contains("narrow"), "{refused}");
    let refused = place.fails(&format!("{little} --spill-max 100K"), 1);
    assert!(refused.contains("nor on the disk of disk, where there may be 100 KiB"), "{refused}");
    for (signal, number) in [("INT", 2), ("KILL", 9)] {
        for (line, is_read) in [
            (little.clone(), false),
            (format!("{keys} -n 0 -o ndjson"), true),
            ("flows -o ndjson".into(), true),
        ] {
            let mut child = place.command(&line).stdout(Stdio::piped()).spawn().unwrap();
            if is_read {
                // Its answer has begun, and is longer than a pipe is wide.
                child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
            }
            let id = child.id().to_string();
            assert!(Command::new("kill").args(["-s", signal, &id]).status().unwrap().success());
            let ended = child.wait().unwrap();
            // One whose answer nobody waited for may be done.
            let is_done = !is_read && ended.success();
            assert!(is_done || ended.signal() == Some(number), "{line}: {ended}");
        }
    }
    assert_eq!(std::fs::read_dir(place.path("disk")).unwrap().count(), 0);
}
