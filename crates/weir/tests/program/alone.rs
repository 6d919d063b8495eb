//! One tenant asked about alone: of the others only what the balance needs is read, and every figure is the one that it has
//! among all.

use crate::closing::{flow, import, sums};
use crate::netflow::Flow;
use crate::run::{Place, csv, named, number};
use serde_json::Value;
use std::fs;

/// 00:05 in Berlin of the 1st of October 2025, 22:05 UTC of the day before.
const BEGIN_S: u32 = 1_759_269_900;
const PEER: [u8; 4] = [203, 0, 113, 77];
const FREE: [u8; 4] = [198, 51, 100, 9];
const NAT: [u8; 4] = [192, 0, 2, 200];

/// A tenant that moves in mid-month, groups, a shared address whose members change, one that is named as a class is,
/// and one without traffic.
const BUILDING: &str = r#"
[[class]]
name = "free"
networks = ["198.51.100.0/24"]

[[tenant]]
name = "alpha"
networks = ["10.31.0.0/24", { network = "10.35.0.0/24", until = "2025-10-02" }]
tariff = "gold"
group = "campus/north"

[[tenant]]
name = "beta"
networks = ["10.32.0.0/24", { network = "10.35.0.0/24", from = "2025-10-02" }]
tariff = "peak"
group = "campus/south"

[[tenant]]
name = "free"
networks = ["10.33.0.0/24"]
group = "campus"

[[tenant]]
name = "gone"
networks = [{ network = "10.34.0.0/24", until = "2025-10-03" }]

[[shared]]
name = "office-nat"
networks = ["192.0.2.200"]
among = [{ tenant = "alpha", share = 2, until = "2025-10-03" }, { tenant = "beta", share = 1 }]

[[shared]]
name = "lobby"
networks = ["192.0.2.201"]
among = { free = 1 }

[[tariff]]
name = "gold"
currency = "EUR"

[[tariff.rule]]
name = "traffic"
per = "MB"
direction = "in"
price = "1.00"

[[tariff]]
name = "peak"
currency = "EUR"

[[tariff.rule]]
name = "peak"
percentile = "95"
per = "Mbit/s"
price = "9.00"

[billing]
zone = "Europe/Berlin"
"#;

const NAMES: [&str; 6] = ["alpha", "beta", "free", "gone", "office-nat", "lobby"];

/// The same in every hour of four days, from the hour before the month: two hosts of alpha, one that becomes beta's, what was
/// free, what went between tenants, through both shared addresses, and past everybody.
fn flows() -> Vec<Flow> {
    vec![
        flow(PEER, [10, 31, 0, 5], 1_000_003, 10),
        flow([10, 31, 0, 6], PEER, 70_001, 7),
        flow(FREE, [10, 31, 0, 5], 5000, 5),
        flow(PEER, [10, 35, 0, 1], 20_000, 20),
        flow([10, 32, 0, 7], FREE, 3000, 3),
        flow(PEER, [10, 33, 0, 2], 44, 1),
        flow([10, 31, 0, 5], [10, 32, 0, 7], 900, 9),
        flow(PEER, NAT, 1_000_001, 100),
        flow(NAT, FREE, 101, 1),
        flow(PEER, [192, 0, 2, 201], 77, 7),
        flow(PEER, FREE, 13, 1),
    ]
}

const HOURS: u32 = 96;

fn place() -> Place {
    let place = Place::with(BUILDING);
    let flows = flows();
    let each = |hour: u32| (BEGIN_S - 3600 + hour * 3600, hour, &flows[..]);
    let sealed: Vec<_> = (0..HOURS - 1).map(each).collect();
    import(&place, "month.pcap", &sealed);
    import(&place, "last.pcap", &[each(HOURS - 1)]);
    place
}

/// A tenant's row, out of an answer about it alone and out of that about all, with what stands under both.
fn rows(place: &Place, tenant: &str, options: &str) -> [Value; 2] {
    let ask = |who: &str| place.json(&format!("usage {who} --period 2025-10 {options} -o json"));
    let (alone, all) = (ask(tenant), ask(""));
    assert_eq!(alone["tenants"].as_array().unwrap().len(), 1, "{alone:#}");
    assert_eq!(
        [&alone["balance"], &alone["completeness"]],
        [&all["balance"], &all["completeness"]],
        "{tenant}"
    );
    [alone, all].map(|answer| named(&answer["tenants"], "tenant", tenant).clone())
}

#[test]
fn usage_of_one_is_its_row_among_all() {
    let place = place();
    for tenant in NAMES {
        for options in ["", "--hosts"] {
            let [alone, all] = rows(&place, tenant, options);
            assert_eq!(alone, all, "{tenant} {options}");
        }
        let lines = |who: &str| place.done(&format!("usage {who} --period 2025-10"));
        let (alone, all) = (lines(tenant), lines(""));
        let words = |text: &str| -> Vec<String> {
            let line = text.lines().find(|line| line.starts_with(&format!("{tenant} "))).unwrap();
            line.split_whitespace().map(str::to_owned).collect()
        };
        assert_eq!(words(&alone), words(&all), "with its share of the whole");
    }
    // By hand: 95 hours of the month, of which 10.35.0.1 was alpha's for 24, and two thirds of the shared address were for 48.
    // 1,000,001 in three parts is 666,667.33 and 333,333.67: the octet that is left is beta's.
    let alpha = rows(&place, "alpha", "")[0].clone();
    let came = 95 * (1_000_003 + 5000) + 24 * 20_000 + 48 * 666_667;
    assert_eq!(number(&alpha, "in.octets"), came);
    assert_eq!(alpha["shares"][0]["whole"]["in"]["octets"], 48 * 1_000_001);
    assert_eq!(named(&alpha["classes"], "class", "free")["in"], sums(95 * 5000, 95 * 5, 95));
    assert!(
        place.fails("usage alpah --period 2025-10", 1).contains("did you mean alpha? there are alpha, beta")
    );
}

/// A span that cuts the files of accounts, and one in which nothing is.
#[test]
fn spans_that_cut_files_are_the_same_alone() {
    let place = place();
    for span in ["--from 2025-10-01T09:00 --to 2025-10-02T03:20", "--from 2025-09-01 --to 2025-09-02"] {
        for tenant in ["alpha", "beta", "free"] {
            let ask = |who: &str| place.json(&format!("usage {who} {span} -o json"));
            let (alone, all) = (ask(tenant), ask(""));
            assert_eq!(alone["balance"], all["balance"]);
            assert_eq!(alone["tenants"][0], *named(&all["tenants"], "tenant", tenant), "{span}");
        }
    }
}

#[test]
fn a_statement_alone_is_the_one_among_all() {
    let place = place();
    place.done("statement --all --period 2025-10 --out all --forms json,text,html,csv");
    for tenant in ["alpha", "beta", "free", "gone"] {
        let among_all =
            |form: &str| fs::read_to_string(place.path(&format!("all/{tenant}-2025-10.{form}"))).unwrap();
        for (option, form) in [("json", "json"), ("table", "txt"), ("csv", "csv")] {
            let alone = place.done(&format!("statement {tenant} --period 2025-10 -o {option}"));
            assert_eq!(alone, among_all(form), "{tenant} {form}");
        }
        assert_eq!(place.done(&format!("statement {tenant} --period 2025-10 --html -")), among_all("html"));
    }
    let alpha: Value = serde_json::from_str(&place.done("statement alpha --period 2025-10 -o json")).unwrap();
    assert_eq!(number(&alpha, "in.octets"), 95 * (1_000_003 + 5000) + 24 * 20_000 + 48 * 666_667);
    // Who there is instead is everybody.
    let said = place.fails("statement alpah --period 2025-10", 1);
    assert!(said.contains("did you mean alpha? there are alpha, beta, free, gone"), "{said}");
}

#[test]
fn the_paper_of_a_group_has_the_figures_of_all() {
    let place = place();
    let paper = place.done("statement --group campus --period 2025-10 -o csv");
    let (_, lines) = csv(&paper);
    let (all, usage) = (
        place.done("statement --summary --period 2025-10 -o csv"),
        place.json("usage --period 2025-10 -o json"),
    );
    let (_, among_all) = csv(&all);
    for tenant in ["alpha", "beta", "free"] {
        let of = |lines: &[Vec<&str>]| -> Vec<String> {
            let line = lines.iter().find(|line| line.contains(&tenant)).unwrap();
            line.iter().map(|&cell| cell.to_owned()).collect()
        };
        assert_eq!(of(&lines), of(&among_all));
        let octets = number(named(&usage["tenants"], "tenant", tenant), "in.octets").to_string();
        assert!(of(&lines).contains(&octets), "{octets} in {lines:?}");
    }
}

/// What was closed is printed from the books: the store's accounts are not needed for it.
#[test]
fn a_closed_statement_is_read_from_the_books() {
    let place = place();
    place.done("close --period 2025-10");
    let forms = ["-o json", "-o csv", "", "--html -"];
    let ask = |form: &str| place.done(&format!("statement alpha --period 2025-10 {form}"));
    let closed = forms.map(ask);
    let explained = place.json("explain alpha/2025-10 -o json");
    let came = named(&explained["lines"], "line", "in");
    assert_eq!(came["accounts"]["sums"], came["closed"], "{came:#}");
    for folder in ["bins", "tenants", "sums"] {
        fs::remove_dir_all(place.path(&format!("store/{folder}"))).unwrap();
    }
    place.fails("usage alpha --period 2025-10", 1);
    assert_eq!(forms.map(ask), closed);
    let said = place.fails("statement nobody --period 2025-10", 1);
    assert!(said.contains("\"nobody\" had no statement when 2025-10 was closed"), "{said}");
}
