//! What is said of a time whose accounts or records were given up: nothing there is complete, nothing of it is closed.

use crate::closing::{flow, import};
use crate::run::{Place, number};
use serde_json::{Value, json};
use weir_store::{Options, Retention, Writer};

const CONFIGURATION: &str = r#"
[[tenant]]
name = "acme"
networks = ["10.31.0.0/24"]
tariff = "gold"

[[tariff]]
name = "gold"
currency = "EUR"

[[tariff.rule]]
name = "traffic"
per = "GB"
direction = "in"
price = "0.10"

[[quota]]
name = "fair"
cycle = "month"
limit = "1 GB"
thresholds = [100]

[billing]
zone = "Europe/Berlin"
"#;

/// Noon of the 10th of October and of November 2025, UTC, and the turn of the month in Berlin.
const OCTOBER_S: u32 = 1_760_097_600;
const NOVEMBER_S: u32 = 1_762_776_000;
const TURN_MS: i64 = 1_761_951_600_000;
const TURN: &str = "2025-11-01T00:00:00+01:00";
const ACME: [u8; 4] = [10, 31, 0, 5];
const PEER: [u8; 4] = [203, 0, 113, 77];

/// In October acme had 800,000,000 octets in, in November 2,000; each in files of its own.
fn place() -> Place {
    let place = Place::with(CONFIGURATION);
    import(&place, "october.pcap", &[(OCTOBER_S, 0, &[flow(PEER, ACME, 800_000_000, 10)])]);
    import(&place, "november.pcap", &[(NOVEMBER_S, 1, &[flow(PEER, ACME, 2000, 2)])]);
    place
}

fn give_up(place: &Place, retention: Retention) {
    let (mut writer, _) = Writer::open(&place.path("store"), Options::default()).unwrap();
    assert!(writer.retire(retention, TURN_MS).unwrap().files > 0);
}

fn accounts(before_ms: i64) -> Retention {
    Retention { accounts_before: Some(before_ms), ..Retention::default() }
}

fn flows(before_ms: i64) -> Retention {
    Retention { flows_before: Some(before_ms), ..Retention::default() }
}

#[test]
fn a_period_whose_accounts_were_given_up_is_not_closed() {
    let place = place();
    give_up(&place, accounts(TURN_MS));
    let sentence = place.fails("close --period 2025-10", 1);
    assert!(sentence.contains(&format!("accounts before {TURN} were given up")), "{sentence}");
    assert!(!place.path("store/books.sqlite").exists());
    // What begins then is whole.
    let closed = place.json("close --period 2025-11 -o json");
    assert_eq!(closed["statements"][0]["in"]["octets"], 2000);
    assert!(place.weir("verify").out.contains("2025-11"));
    place.done("verify");
}

#[test]
fn nothing_says_that_it_is_complete_where_accounts_were_given_up() {
    let place = place();
    let whole = place.json("usage --period 2025-10 -o json");
    // It knows what it lacks: of the month's hours, clocks going back among them, all but one.
    assert_eq!(whole["completeness"]["percent"], "99.99 %");
    assert_eq!([&whole["completeness"]["silent_hours"], &whole["completeness"]["hours"]], [744, 745]);
    assert!(whole["completeness"].get("accounts_given_up_before").is_none());
    give_up(&place, accounts(TURN_MS));
    let check = |answer: &Value| {
        assert_eq!(answer["completeness"]["percent"], Value::Null, "{answer:#}");
        assert_eq!(answer["completeness"]["accounts_given_up_before"], TURN, "{answer:#}");
    };
    for asked in ["usage --period 2025-10", "usage", "usage --groups", "statement acme --period 2025-10"] {
        check(&place.json(&format!("{asked} -o json")));
    }
    check(&place.json("statement --summary --period 2025-10 -o json"));
    let text = place.done("usage --period 2025-10");
    let said = format!("completeness: not known, from 0 datagrams\n  accounts before {TURN} were given up");
    assert!(text.contains(&said) && !text.contains("100.00"), "{text}");
    // On paper, in every language.
    for (language, sentence) in [
        ("en", "Accounts from before 2025-11-01 00:00 +01:00 were given up"),
        ("de", "Die Zählungen von vor 01.11.2025 00:00 +01:00 wurden aufgegeben"),
        ("ru", "Данные учёта до 01.11.2025 00:00 +01:00 были удалены"),
    ] {
        let name = format!("{language}.toml");
        let head = "[store]\npath = \"store\"\n";
        place.write(&name, format!("{head}{CONFIGURATION}\n[statement]\nlanguage = \"{language}\"\n"));
        for form in ["-o table", "--html -"] {
            let paper = place.done(&format!("statement acme --period 2025-10 -c {name} {form}"));
            let paper = paper.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(paper.contains(sentence), "{language} {form}: {paper}");
        }
    }
    let bills = place.weir("rate --period 2025-10 -o json");
    assert!(bills.err.contains(&format!("accounts before {TURN} were given up")), "{}", bills.err);
    let bills: Value = serde_json::from_str(&bills.out).unwrap();
    assert_eq!(bills["accounts_given_up_before"], TURN);
    // What begins then is not touched by it.
    let november = place.json("usage --period 2025-11 -o json");
    assert_eq!(november["completeness"]["percent"], "99.99 %");
    assert!(november["completeness"].get("accounts_given_up_before").is_none());
    assert!(place.json("rate --period 2025-11 -o json").get("accounts_given_up_before").is_none());
    // The records are there, and answer in the place of the accounts.
    let top = place.json("top tenant -o json");
    assert_eq!((number(&top, "total.octets"), &top["read_from"]), (800_002_000, &json!("records")));
    place.done("rebuild --check");
    // The cycle of a quota is that of now.
    assert!(place.json("quota -o json").get("accounts_given_up_before").is_none());
    give_up(&place, accounts(4_000_000_000_000));
    assert!(place.json("quota -o json")["accounts_given_up_before"].is_string());
    assert!(place.done("quota").contains("were given up to make room"));
}

#[test]
fn whoever_asks_for_records_is_told_that_they_were_given_up() {
    let place = place();
    give_up(&place, flows(TURN_MS));
    let sentence = format!("weir: flow records before {TURN} were given up: they are not in this answer\n");
    for asked in ["flows", "top dst", "plot --by dst"] {
        let answer = place.weir(&format!("{asked} --from 2025-10-01"));
        assert_eq!((answer.code, answer.err.as_str()), (Some(0), sentence.as_str()), "{asked}");
        let answer = place.weir(&format!("{asked} --from 2025-11-01"));
        assert_eq!((answer.code, answer.err.as_str()), (Some(0), ""), "{asked}");
    }
    // The accounts stand: they were not given up.
    let october = place.json("usage --period 2025-10 -o json");
    assert_eq!(october["completeness"]["percent"], "99.99 %");
    let closed = place.json("close --period 2025-10 -o json");
    assert_eq!(closed["statements"][0]["in"]["octets"], 800_000_000);
    place.done("verify");
}

/// An evidence pack does not say that its tables agree where a part of the records is gone.
#[test]
fn evidence_says_which_records_are_gone() {
    let place = place();
    let agree = "so both tables are the same";
    place.done("evidence acme --period 2025-10 --out before");
    let page = std::fs::read_to_string(place.path("before/README.md")).unwrap();
    assert!(page.contains(agree) && !page.contains("given up"), "{page}");
    give_up(&place, flows(TURN_MS));
    let put = place.weir("evidence acme --period 2025-10 --out after -o json");
    assert!(put.err.contains(&format!("flow records before {TURN} were given up")), "{}", put.err);
    let put: Value = serde_json::from_str(&put.out).unwrap();
    assert_eq!((number(&put, "records"), &put["records_given_up_before"]), (0, &json!(TURN)));
    let page = std::fs::read_to_string(place.path("after/README.md")).unwrap();
    assert!(!page.contains(agree), "{page}");
    assert!(page.contains(&format!("The records of flows that ended before {TURN} were given up")), "{page}");
    assert!(page.contains("| in | 800000000 | 10 | 1 |") && page.contains("| in | 0 | 0 | 0 |"), "{page}");
}
