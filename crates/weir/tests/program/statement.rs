//! Statements: a building with seven tenants, one month, and every figure worked by hand.
//!
//! The building is that of the article by which many began (a sum and a table of hosts by mail to each tenant, at the
//! month's end); the figures are made up here. Once an hour the router tells what went through since it told last, so
//! that no hour is silent. October 2026 has 745 hours in Berlin: the 25th has 25.

use crate::capture::Capture;
use crate::netflow::{self, Flow};
use crate::run::{Place, named, number};
use serde_json::{Value, json};
use std::process::Command;

/// 2026-10-01T00:00:00+02:00, seconds since 1970.
const BEGIN_S: u32 = 1_790_805_600;
const HOURS: u32 = 745;

const CONFIGURATION: &str = r#"
[billing]
zone = "Europe/Berlin"

[statement]
title = "Internet"
issuer = ["Haus <GmbH> & Co.", "Straße 1"]
footer = "not a certified bill"
hosts = 2
currencies = { EUR = "€" }

[[exporter]]
name = "core"
address = "10.255.0.1"

[[tenant]]
name = "avtotrade"
networks = ["192.168.31.0/24"]
tariff = "standard"

[[tenant]]
name = "rent3233"
networks = ["192.168.32.0/24", "192.168.33.0/24"]

[[tenant]]
name = "drei <b>"
networks = ["192.168.34.0/24"]
language = "de"

[[tenant]]
name = "vier"
networks = ["192.168.35.0/24"]

[[tenant]]
name = "fünf"
networks = ["192.168.36.0/24"]
tariff = "standard"

[[tenant]]
name = "vacant"
networks = ["192.168.37.0/24"]

[[tenant]]
name = "Пекарня"
networks = ["192.168.38.0/24"]
language = "ru"
unit = 1024

[[quota]]
name = "fair use"
tenants = ["rent3233"]
limit = "1490 MB"
direction = "in"

[[quota]]
name = "a day's"
tenants = ["rent3233"]
limit = "1 GB"
cycle = "day"

[[tariff]]
name = "standard"
currency = "EUR"
tax = [{ name = "VAT", percent = "19" }]

[[tariff.rule]]
name = "line"
flat = "25.00"

[[tariff.rule]]
name = "traffic"
per = "GB"
price = "0.08"
direction = "in"
"#;

const OUTSIDE: [u8; 4] = [203, 0, 113, 7];

/// What goes through every hour: from, to, octets. A packet has 1000 of them.
const HOURLY: [([u8; 4], [u8; 4], u32); 9] = [
    (OUTSIDE, [192, 168, 31, 2], 60_000_000),
    (OUTSIDE, [192, 168, 31, 3], 30_000_000),
    ([192, 168, 31, 2], OUTSIDE, 2_000_000),
    (OUTSIDE, [192, 168, 32, 10], 1_000_000),
    (OUTSIDE, [192, 168, 33, 10], 500_000),
    (OUTSIDE, [192, 168, 34, 2], 100_000),
    ([192, 168, 34, 2], [192, 168, 35, 2], 10_000),
    (OUTSIDE, [192, 168, 36, 2], 300_000),
    (OUTSIDE, [192, 168, 38, 2], 1_048_576),
];
/// And once, in the first hour: so that the first tenant's total is the one of the article.
const ONCE: ([u8; 4], [u8; 4], u32) = (OUTSIDE, [192, 168, 31, 4], 623_187_000);

/// Such a flow: a packet has 1000 octets.
fn flow((src, dst, octets): ([u8; 4], [u8; 4], u32)) -> Flow {
    Flow { src, dst, src_port: 443, dst_port: 50_000, octets, packets: octets.div_ceil(1000) }
}

/// A capture of a month of them.
fn capture(skip: impl Fn(u32) -> bool) -> Vec<u8> {
    let mut file = Capture::new();
    let mut sequence = 0;
    for hour in 0..HOURS {
        let mut flows = HOURLY.map(flow).to_vec();
        if hour == 0 {
            flows.push(flow(ONCE));
        }
        let sent_s = BEGIN_S + hour * 3600 + 600;
        if !skip(hour) {
            file.add(sent_s, [10, 255, 0, 1], &netflow::v5_at(sent_s, sequence, &flows));
        }
        sequence += u32::try_from(flows.len()).unwrap();
    }
    file.0
}

/// The building, with a month imported.
fn building() -> Place {
    building_without(|_| false)
}

fn building_without(skip: impl Fn(u32) -> bool) -> Place {
    let place = Place::with(CONFIGURATION);
    place.write("month.pcap", capture(skip));
    place.done("import month.pcap");
    place
}

/// The first line of each mail, and the table of hosts, as the article has them.
#[test]
fn seven_tenants_are_told_their_month() {
    let place = building();
    let text = |tenant: &str| place.done(&format!("statement '{tenant}' --period 2026-10"));
    let first = [
        // 745 × (60 + 30) + 623.187
        ("avtotrade", "Total incoming: 67673.187 MB"),
        ("rent3233", "Total incoming: 1117.500 MB"),
        ("drei <b>", "Eingehend gesamt: 74,500 MB"),
        ("vier", "Total incoming: 0.000 MB"),
        ("fünf", "Total incoming: 223.500 MB"),
        ("Пекарня", "Всего входящего: 745,000 МиБ"),
    ];
    for (tenant, line) in first {
        assert_eq!(text(tenant).lines().next(), Some(line), "{tenant}");
    }
    assert_eq!(text("vacant").lines().next(), Some("! No traffic was seen in this period."));

    let avtotrade = text("avtotrade");
    for part in [
        "Total outgoing: 1490.000 MB",
        "1 MB is 1,000,000 octets",
        "2026-10: 2026-10-01 00:00 +02:00 to 2026-11-01 00:00 +01:00 (Europe/Berlin)",
        "Complete: everything that the meters reported arrived and was counted.",
        "counted at core: everything it reports",
        "Haus <GmbH> & Co.",
        "not a certified bill",
        // Local traffic of two others is 7,450,000 octets; nothing belongs to nobody.
        "trial balance of the period: closes to the octet",
    ] {
        assert!(avtotrade.contains(part), "{part}\n{avtotrade}");
    }
    let row = |name: &str| -> Vec<String> {
        let line = avtotrade
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap_or_else(|| panic!("{name}: {avtotrade}"));
        line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect()
    };
    // flows, octets, packets in; out; local; share of 69,163,187,000 in all. Two hosts are shown, as configured.
    assert_eq!(
        row("192.168.31.2"),
        ["192.168.31.2", "745", "44,700,000,000", "44,700,000", "1.490 GB", "0 B", "66.8 %"]
    );
    assert_eq!(
        row("192.168.31.3"),
        ["192.168.31.3", "745", "22,350,000,000", "22,350,000", "0 B", "0 B", "32.3 %"]
    );
    assert_eq!(row("others: 1"), ["others: 1", "1", "623,187,000", "623,187", "0 B", "0 B", "0.9 %"]);
    assert_eq!(row("all"), ["all", "1,491", "67,673,187,000", "67,673,187", "1.490 GB", "0 B", "100.0 %"]);
    // The day on which clocks go back has 25 hours of 90 MB in and 2 MB out.
    assert_eq!(row("2026-10-25")[..4], ["2026-10-25", "2.250 GB", "50.000 MB", "0 B"]);
    assert_eq!(row("2026-10-26")[..4], ["2026-10-26", "2.160 GB", "48.000 MB", "0 B"]);
    // 67.673187 × 0.08 = 5.41385…; 30.41 × 0.19 = 5.7779.
    assert_eq!(row("line"), ["line", "25.00 a period", "25.00"]);
    assert_eq!(row("traffic"), ["traffic", "67.673 GB incoming at 0.08 a GB", "5.41"]);
    assert_eq!(row("net"), ["net", "30.41"]);
    assert_eq!(row("VAT"), ["VAT", "19 % of 30.41", "5.78"]);
    assert_eq!(row("to pay"), ["to pay", "36.19 €"]);
}

#[test]
fn programs_are_told_the_same() {
    let place = building();
    let one = place.json("statement avtotrade --period 2026-10 -o json");
    let sums = |octets: u64, flows: u64| json!({"octets": octets, "packets": octets / 1000, "flows": flows});
    assert_eq!(one["in"], sums(67_673_187_000, 1491));
    assert_eq!(one["out"], sums(1_490_000_000, 745));
    assert_eq!((&one["charges"]["net"], &one["charges"]["gross"]), (&json!("30.41"), &json!("36.19")));
    assert_eq!(one["hosts"].as_array().unwrap().len(), 3, "all of them, however many are shown");
    assert_eq!(named(&one["days"], "date", "2026-10-25")["in"], sums(2_250_000_000, 50));
    assert_eq!(one["completeness"]["percent"], "100.00 %");
    let vier = place.json("statement vier --period 2026-10 -o json");
    assert_eq!(vier["local_in"], json!({"octets": 7_450_000, "packets": 7450, "flows": 745}));
    let other = place.json("statement rent3233 --period 2026-10 -o json");
    assert_eq!(other["basis"]["networks"], json!(["192.168.32.0/24", "192.168.33.0/24"]));
    assert!(other.get("charges").is_none());
    // 1,117.5 of 1,490 MB are 75 %; what a day may have is no matter of a month.
    assert_eq!(
        other["quotas"],
        json!([{"quota": "fair use", "used_octets": 1_117_500_000, "limit_octets": 1_490_000_000}])
    );
    assert!(place.done("statement rent3233 --period 2026-10").contains("75.0 %"));

    let csv = place.done("statement avtotrade --period 2026-10 -o csv");
    let line = |start: &str| {
        csv.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start}: {csv}"))
    };
    assert_eq!(line("host,192.168.31.3"), "host,192.168.31.3,22350000000,22350000,745,0,0,0,0,0,0,0,0,0,,");
    assert_eq!(line("charge,traffic"), "charge,traffic,,,,,,,,,,,,,5.41,EUR");
    assert_eq!(line("gross"), "gross,,,,,,,,,,,,,,36.19,EUR");
}

/// The manager's page: its rows sum to the trial balance, in octets and in money.
#[test]
fn the_summary_sums_to_the_balance() {
    let place = building();
    let all = place.json("statement --summary --period 2026-10 -o json");
    let sum =
        |path: &str| all["tenants"].as_array().unwrap().iter().map(|one| number(one, path)).sum::<u64>();
    // 67,673,187,000 + 1,117,500,000 + 74,500,000 + 223,500,000 + 745 × 1,048,576.
    let came = 69_088_687_000 + 781_189_120;
    assert_eq!((sum("in.octets"), number(&all, "balance.tenant_in.octets")), (came, came));
    assert_eq!(
        (sum("out.octets"), number(&all, "balance.tenant_out.octets")),
        (1_490_000_000, 1_490_000_000)
    );
    assert_eq!((sum("local_in.octets"), sum("local_out.octets")), (7_450_000, 7_450_000));
    assert_eq!(number(&all, "balance.local.octets"), 7_450_000);
    assert_eq!(number(&all, "balance.difference"), 0);
    // fünf: 25 + 0.2235 × 0.08 = 25.02; with 19 %: 29.77 (4.7538). Together 65.96.
    assert_eq!(named(&all["tenants"], "tenant", "fünf")["charges"]["gross"], "29.77");
    assert_eq!(all["gross"], json!({"EUR": "65.96"}));
    let text = place.done("statement --summary --period 2026-10");
    for part in ["Total incoming: 69869.876 MB", "36.19 €", "65.96 €", "everything reported", "drei <b>"]
    {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

/// A lost day is said before anything else, and how much it is.
#[test]
fn what_is_missing_is_said_first() {
    // The whole of the 10th: nine days of 24 datagrams before it.
    let place = building_without(|hour| (216..240).contains(&hour));
    let text = place.done("statement avtotrade --period 2026-10");
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("! This statement is incomplete: it holds "), "{text}");
    assert!(lines.contains(&"Total incoming: 65513.187 MB"), "2160 MB less\n{text}");
    // 24 datagrams of 9 records; the hours before and after them have data.
    assert!(text.contains("Records that were lost on their way here: 216\n"), "{text}");
    assert!(text.contains("came from 2026-10-10 00:00 +02:00 to 2026-10-11 00:00 +02:00"), "{text}");
    let empty = place.done("statement vacant --period 2026-10");
    assert!(empty.starts_with("! No traffic was seen in this period. Because data is missing"), "{empty}");
    let never = place.done("statement avtotrade --period 2026-08");
    assert!(never.contains("Nothing was heard from any meter in this period"), "{never}");
}

#[test]
fn every_tenants_files_are_written() {
    let place = building();
    let said =
        place.done("statement --all --period 2026-10 --out papers --forms html,pdf,text,csv,json --summary");
    assert_eq!(said, "7 statements of 2026-10: 40 files in papers\n");
    let read = |name: &str| std::fs::read(place.path(&format!("papers/{name}"))).unwrap();
    for name in ["avtotrade", "rent3233", "drei__b_", "vier", "fünf", "vacant", "Пекарня", "all-tenants"]
    {
        for extension in ["html", "pdf", "txt", "csv", "json"] {
            assert!(!read(&format!("{name}-2026-10.{extension}")).is_empty(), "{name} {extension}");
        }
    }
    // The same again, and one by itself, are the same bytes.
    for (option, name) in [("--html again.html", "html"), ("--pdf again.pdf", "pdf")] {
        place.done(&format!("statement avtotrade --period 2026-10 {option}"));
        let again = std::fs::read(place.path(&format!("again.{name}"))).unwrap();
        assert!(again == read(&format!("avtotrade-2026-10.{name}")), "{name}");
    }
    let json: Value = serde_json::from_slice(&read("Пекарня-2026-10.json")).unwrap();
    assert_eq!(json["in"]["octets"], 781_189_120);
    let html = String::from_utf8(read("drei__b_-2026-10.html")).unwrap();
    assert!(
        html.contains("<html lang=\"de\">") && html.contains("drei &lt;b&gt;") && !html.contains("<b>\"")
    );
    assert!(
        html.contains("Haus &lt;GmbH&gt; &amp; Co.") && !html.contains("<script") && !html.contains("http:")
    );
}

/// What a PDF reader finds in it.
#[test]
fn the_pdf_holds_the_text() {
    let Some(reader) = weir_testkit::program("pdftotext") else {
        return weir_testkit::skip("the_pdf_holds_the_text", "no pdftotext");
    };
    let place = building();
    let text = |tenant: &str| {
        place.done(&format!("statement {tenant} --period 2026-10 --pdf one.pdf"));
        let read = Command::new(&reader)
            .args(["-layout", "one.pdf", "-"])
            .current_dir(place.path(""))
            .output()
            .unwrap();
        assert!(read.stderr.is_empty(), "{}", String::from_utf8_lossy(&read.stderr));
        String::from_utf8(read.stdout).unwrap()
    };
    let english = text("avtotrade");
    for part in [
        "Total incoming: 67673.187 MB",
        "192.168.31.3",
        "22,350,000,000",
        "36.19 €",
        "Page 1 of 1",
        "Straße 1",
    ] {
        assert!(english.contains(part), "{part}\n{english}");
    }
    let russian = text("Пекарня");
    for part in ["Всего входящего: 745,000 МиБ", "Арендатор", "Пекарня", "Страница 1 из 1"]
    {
        assert!(russian.contains(part), "{part}\n{russian}");
    }
}

#[test]
fn what_cannot_be_stated_is_said() {
    let place = building();
    for (line, code, why) in [
        ("statement avtotrad --period 2026-10", 1, "did you mean avtotrade?"),
        ("statement --period 2026-10", 2, "TENANT"),
        ("statement --all --period 2026-10", 2, "--out"),
        ("statement avtotrade --all --out x --period 2026-10", 2, "cannot be used with"),
        ("statement avtotrade --period 2026-10 --html nowhere/at/all.html", 1, "nowhere/at/all.html"),
        ("statement avtotrade --period 2026-10 -o parquet", 2, "use -o table"),
    ] {
        let said = place.fails(line, code);
        assert!(said.contains(why), "{line}: {said}");
    }
}
