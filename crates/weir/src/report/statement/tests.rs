//! Papers of a small month, made by hand: what stands on them, and that nothing a tenant is called can break a page.

use super::*;
use crate::config::Config;
use crate::statement::{Adjustment, Charges, QuotaUse};
use std::collections::BTreeMap;
use weir_account::money::{Currency, Decimal, Money, Rounding};
use weir_account::shared::Proportion;
use weir_account::statement::{Basis, Daily, ShareLine, Unit};
use weir_account::tariff::{Charge, Meter, Proration, Rule, Tariff, Tax};
use weir_account::usage::{Kind, Share, Usage};
use weir_account::{Balance, Completeness, Span, Statement, Sums, Zone};
use weir_flow::Addr;
use weir_flow::health::Row;

const CORE: Addr = Addr::v4([192, 0, 2, 1]);
const DAY_MS: i64 = 86_400_000;

/// A statement for October 2026 in UTC: so many hosts with n × 1,000,000 octets in and a tenth of it out, on the n-th day.
fn document(tenant: &str, hosts: u32, lost: i64) -> Document {
    let period = Period::parse("2026-10", &Zone::utc(), 1).unwrap();
    let (mut usage, mut daily) = (Usage::new([tenant]), Daily::new(&period));
    for n in 1..=hosts {
        let bin = period.from_ms() + i64::from((n - 1) % 31) * DAY_MS;
        let [high, low] = u16::try_from(n).unwrap().to_be_bytes();
        let host = Addr::v4([10, 0, high, low]);
        for (kind, octets) in [(Kind::In, u64::from(n) * 1_000_000), (Kind::Out, u64::from(n) * 100_000)] {
            let sums = Sums::new(octets, octets / 1000, 1);
            usage.add(kind, Some(tenant), Some(host), CORE, sums).unwrap();
            usage.add(Kind::Decoded, None, None, CORE, sums).unwrap();
            daily.add(bin, kind, sums).unwrap();
        }
    }
    let mut health = Completeness::builder();
    for (what, value) in [("datagrams", 100), ("records_lost", lost), ("octets_lost_estimate", lost * 1000)] {
        health
            .add(&Row { bin: period.from_ms(), exporter: CORE, domain: 0, what: what.into(), value })
            .unwrap();
    }
    let completeness = health.finish(usage.total().decoded.octets);
    let basis = Basis {
        counts: vec![("core".into(), "all".into())],
        networks: vec!["10.0.0.0/8".into()],
        unit: Unit::Decimal,
    };
    let used = usage.tenant(tenant).unwrap();
    let statement = Statement::new(tenant, daily, used, Balance::of(&usage), completeness, basis).unwrap();
    Document {
        statement,
        as_of: None,
        charges: None,
        names: BTreeMap::from([(Addr::v4([10, 0, 0, 1]), "desk & <chair>".to_owned())]),
        exporters: BTreeMap::from([(CORE, "core".to_owned())]),
        style: Config::default().style(None),
        adjustments: Vec::new(),
        quotas: Vec::new(),
        rules: BTreeMap::new(),
    }
}

/// Five euros for the month, 20 % tax.
fn charged(document: Document) -> Document {
    let decimal = |text: &str| Decimal::parse(text).unwrap();
    let tariff = Tariff {
        name: "flat".into(),
        currency: Currency::by_code("EUR").unwrap(),
        rounding: Rounding::HalfUp,
        overhead: 0,
        rules: vec![Rule {
            name: "line".into(),
            charge: Charge::Flat { amount: decimal("5.00"), proration: Proration::None },
        }],
        minimum: None,
        taxes: vec![Tax { name: "VAT".into(), percent: decimal("20") }],
    };
    let period = &document.statement.period;
    let bill = tariff.rate(&Meter::new(period.zone(), period.from_ms(), period.to_ms())).unwrap();
    Document { charges: Some(Charges { tariff, bill }), ..document }
}

#[test]
fn adjustments_and_quotas_stand_on_it_and_in_what_is_to_pay() {
    let adjustment = Adjustment {
        statement: Some(20_267),
        period: "2026-09".into(),
        elsewhere: None,
        in_octets: 5_000_000,
        out_octets: -1_000,
        amount: Some(Money { minor: -150 }),
    };
    let quota = QuotaUse { name: "monthly".into(), used_octets: 800_000_000, limit_octets: 1_000_000_000 };
    let document = charged(document("a", 2, 0)).with_adjustments(vec![adjustment]);
    let document = Document { quotas: vec![quota], ..document };
    let text = document.text();
    for part in ["20267", "came, or were", "+5,000,000", "−1,000", "80.0 %", "4.50 EUR"] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let json = document.json();
    assert_eq!(json["adjustments"][0]["in_octets"], 5_000_000);
    assert_eq!(json["adjustments"][0]["amount"], "-1.50");
    assert_eq!(json["charges"]["gross"], "6.00", "of this period");
    assert_eq!(json["to_pay"], "4.50");
    assert!(
        document.csv().ends_with("adjustment,20267,,,,,,,,,,,,,-1.50,EUR\nto_pay,,,,,,,,,,,,,,4.50,EUR\n")
    );
}

#[test]
fn names_of_hosts_are_shown_and_not_stated() {
    let document = document("a", 1, 0);
    assert!(document.text().contains("10.0.0.1 desk & <chair>"));
    assert!(document.html().contains("10.0.0.1 desk &amp; &lt;chair&gt;"));
    assert_eq!(document.named_json()["hosts"][0]["name"], "desk & <chair>");
    assert!(document.json()["hosts"][0].get("name").is_none());
}

#[test]
fn notices_are_where_something_is_missing() {
    let whole = document("a", 3, 0);
    assert!(of(&whole).notices.is_empty() && !whole.is_empty() && !whole.is_incomplete());
    let empty = document("a", 0, 0);
    assert!(empty.is_empty() && !empty.is_incomplete());
    assert_eq!(of(&empty).notices, ["No traffic was seen in this period."]);
    // 6,600,000 arrived; 733,334 records of estimated 1000 octets did not: 0.8 %.
    let lossy = document("a", 3, 733_334);
    assert!(lossy.is_incomplete());
    let notice = of(&lossy).notices.concat();
    assert!(notice.contains("it holds 0.89 % of the traffic"), "{notice}");
    let text = lossy.text();
    assert!(text.contains("733,334") && text.contains("733.334 MB"), "{text}");
}

/// Whatever a tenant is called, a page is well-formed: every element that begins ends, in order.
#[test]
fn pages_are_well_formed() {
    for tenant in ["a", "<script>alert(1)</script>", "\"&'", "Ünïcödé Ω Ж 漢字 \u{202e}"] {
        for language in Language::ALL {
            let mut document = charged(document(tenant, 40, 5));
            document.style.language = language;
            document.style.issuer = vec!["<i>".into(), "&".into()];
            document.style.footer = Some("</body>".into());
            let html = document.html();
            let mut open: Vec<&str> = Vec::new();
            for tag in html.split('<').skip(1).filter_map(|rest| rest.split_once('>')).map(|(tag, _)| tag) {
                let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap();
                match tag {
                    _ if tag.starts_with('!') || tag.ends_with('/') || ["meta", "br"].contains(&name) => {}
                    _ if tag.starts_with('/') => assert_eq!(open.pop(), Some(name), "{tenant}"),
                    _ => open.push(name),
                }
            }
            assert!(open.is_empty(), "{open:?}");
            assert_eq!(html.matches("<script").count(), 0);
            assert_eq!(html.matches("<h1>").count(), 1);
        }
    }
}

#[test]
fn a_formula_is_no_formula_in_a_spreadsheet() {
    let csv = document("=1+1", 1, 0).csv();
    assert!(csv.lines().nth(1).unwrap().starts_with("total,'=1+1,1000000,"), "{csv}");
}

/// A PDF of many hosts has many pages, says so on each, and is the same whenever it is made.
#[test]
fn a_pdf_has_pages_and_is_the_same_again() {
    let mut long = document("a", 300, 0);
    long.style.hosts = 1000;
    let pdf = long.pdf().unwrap();
    assert!(pdf == long.pdf().unwrap());
    let count = |what: &[u8]| pdf.windows(what.len()).filter(|window| window == &what).count();
    assert!(pdf.starts_with(b"%PDF-1.7") && pdf.ends_with(b"%%EOF"));
    // 300 rows of 13 points and 740 points a page are at least 6 pages.
    let pages = count(b"/Type/Page/");
    assert!((6..=8).contains(&pages), "{pages}");
    assert!(count(b"/StructElem") > 300 * 8, "each cell is told apart");
    let short = document("a", 3, 0).pdf().unwrap();
    assert!(short.len() < 60_000, "{}", short.len());
}

#[test]
fn what_is_too_much_is_one_line() {
    let mut document = document("a", 10, 0);
    document.style.hosts = 4;
    let text = document.text();
    // The least six of ten: 1 to 6 million octets, 21,000,000 of 55,000,000.
    let line = text.lines().find(|line| line.starts_with("others: 6")).unwrap();
    assert!(line.contains("21,000,000") && line.contains("2.100 MB") && line.ends_with("38.2 %"), "{line}");
    assert_eq!(document.csv().lines().filter(|line| line.starts_with("host,")).count(), 10);
}

/// A share of 2,000,000 of 3,000,000 octets in.
#[test]
fn a_share_is_told_in_every_language_and_form() {
    let mut document = document("a", 1, 0);
    let octets = |octets| Used { r#in: Sums::new(octets, 2, 1), ..Used::default() };
    let share = Share { used: octets(2_000_000), whole: octets(3_000_000) };
    document.statement.shares = vec![ShareLine { shared: "nat <1>".into(), share }];
    let period = document.statement.period.clone();
    let always = Proportion { time: Span::from(&period), share: 2, of: 3 };
    document.rules = BTreeMap::from([("nat <1>".to_owned(), vec![always])]);
    let said = [
        "your share (2 of 3) of the shared address nat <1>: 2.000 MB of 3.000 MB in",
        "Ihr Anteil (2 von 3) an der gemeinsamen Adresse nat <1>: 2,000 MB von 3,000 MB eingehend",
        "ваша доля (2 из 3) общего адреса nat <1>: 2,000 МБ из 3,000 МБ входящего трафика",
    ];
    for (language, said) in Language::ALL.into_iter().zip(said) {
        document.style.language = language;
        let text = document.text();
        assert!(text.contains(said), "{said}\n{text}");
        assert!(document.html().contains(&said.replace('<', "&lt;").replace('>', "&gt;")), "{said}");
        assert!(document.pdf().unwrap().starts_with(b"%PDF"));
        // The share is more than the host has, and stands before it.
        let rows = [text.find("nat <1> (").unwrap(), text.find("10.0.0.1").unwrap()];
        assert!(rows.is_sorted(), "{text}");
    }
    assert_eq!(document.json()["shares"][0]["whole"]["in"]["octets"], 3_000_000);
    assert!(document.csv().contains("share_of,nat <1>,3000000,2,1,"), "{}", document.csv());
    // On the 14th the rule changed.
    document.style.language = Language::English;
    let turn = Some(period.from_ms() + 13 * DAY_MS);
    let before = Proportion { time: Span { to_ms: turn, ..Span::from(&period) }, share: 2, of: 3 };
    let after = Proportion { time: Span { from_ms: turn, ..Span::from(&period) }, share: 1, of: 2 };
    document.rules = BTreeMap::from([("nat <1>".to_owned(), vec![before, after])]);
    assert!(document.text().contains(
        "your share (2 of 3 · 2026-10-01 – 2026-10-14; 1 of 2 · 2026-10-14 – 2026-11-01) of the shared"
    ));
}
