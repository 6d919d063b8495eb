//! Classes of traffic from the datagram to the bill. The traffic is made octet by octet, and which class it is of and what
//! that costs is worked by hand.

use crate::closing::{flow, import, sums};
use crate::netflow::Flow;
use crate::run::{Place, named, number};
use serde_json::{Value, json};

const CLASSES: &str = r#"
[[class]]
name = "other"                          # out of what is free
networks = ["198.51.100.128/25"]

[[class]]
name = "free"
networks = ["198.51.100.0/24"]

[[class]]
name = "national"
networks_file = "national.txt"

[[class]]
name = "night"
hours = "22:00-06:00"
"#;

const REST: &str = r#"
[[exporter]]
name = "core"
address = "192.0.2.1"

[[tenant]]
name = "acme"
networks = ["10.31.0.0/24"]
tariff = "by class"

[[tenant]]
name = "bolt"
networks = ["10.32.0.0/24"]

[billing]
zone = "Europe/Berlin"
"#;

const TARIFF: &str = r#"
[[tariff]]
name = "by class"
currency = "EUR"
overhead = 18

[[tariff.rule]]
name = "national"
per = "GB"
price = "0.50"
classes = ["national"]

[[tariff.rule]]
name = "night"
per = "MB"
price = "0.10"
classes = ["night"]

[[tariff.rule]]
name = "world"
per = "MB"
price = "1.00"
direction = "in"
classes = ["other"]
"#;

/// Slots matter to it, and it names classes.
const PEAK: &str = r#"
[[tariff]]
name = "peak"
currency = "EUR"

[[tariff.rule]]
name = "peak"
percentile = "100"
per = "kbit/s"
price = "1.00"
reading = "in"
classes = ["national", "night"]
"#;

/// Noon of the 10th of October 2025 UTC, and 23:00 of that day in Berlin.
const NOON_S: u32 = 1_760_097_600;
const NIGHT_S: u32 = 1_760_130_000;
const ACME: [u8; 4] = [10, 31, 0, 5];
const BOLT: [u8; 4] = [10, 32, 0, 7];
const FREE: [u8; 4] = [198, 51, 100, 9];
const EXCEPTED: [u8; 4] = [198, 51, 100, 200];
const NATIONAL: [u8; 4] = [203, 0, 113, 77];
const WORLD: [u8; 4] = [8, 8, 8, 8];

fn noon() -> Vec<Flow> {
    vec![
        flow(FREE, ACME, 400_000_000, 100),
        flow(EXCEPTED, ACME, 50_000_000, 5),
        flow(NATIONAL, ACME, 300_000_000, 200),
        flow(ACME, NATIONAL, 20_000_000, 10),
        flow(WORLD, ACME, 5_000_000, 3),
        flow(ACME, BOLT, 7000, 3),
        flow(WORLD, [10, 32, 0, 8], 99, 1),
    ]
}

fn place() -> Place {
    let place = Place::with(&format!("{CLASSES}{REST}{TARIFF}"));
    place.write(
        "national.txt",
        "# as the registry says\n192.0.2.0/25, 192.0.2.128/25\n203.0.113.0/24 # ours\n",
    );
    let night = [flow(WORLD, ACME, 10_000_000, 4)];
    import(&place, "first.pcap", &[(NOON_S, 0, &noon()), (NIGHT_S, 1, &night)]);
    place
}

const PERIOD: &str = "--period 2025-10";

/// Name, octets in and out of acme's classes.
fn of_acme() -> Vec<(&'static str, [u64; 2])> {
    vec![
        ("free", [400_000_000, 0]),
        ("national", [300_000_000, 20_000_000]),
        ("night", [10_000_000, 0]),
        ("other", [55_000_000, 0]),
    ]
}

fn classes(statement: &Value) -> Vec<(String, [u64; 2])> {
    let lines = statement["classes"].as_array().unwrap();
    let octets = |line: &Value| ["in", "out"].map(|way| number(line, &format!("{way}.octets")));
    lines.iter().map(|line| (line["class"].as_str().unwrap().to_owned(), octets(line))).collect()
}

#[test]
fn a_statement_has_a_line_a_class_and_they_are_the_whole() {
    let place = place();
    let statement = place.json(&format!("statement acme {PERIOD} -o json"));
    let expected: Vec<_> = of_acme().into_iter().map(|(name, octets)| (name.to_owned(), octets)).collect();
    assert_eq!(classes(&statement), expected);
    assert_eq!(
        [number(&statement, "in.octets"), number(&statement, "out.octets")],
        [765_000_000, 20_000_000]
    );
    assert_eq!(statement["balance"]["difference"], 0);
    // 320,000,000 octets in 210 packets with 18 around each: 320.003780 MB at 0.50 a GB; 10,000,072 at 0.10 a MB;
    // 55,000,144 at 1.00. What is free no rule is about.
    let charges = &statement["charges"];
    let amounts: Vec<&str> =
        charges["lines"].as_array().unwrap().iter().map(|line| line["amount"].as_str().unwrap()).collect();
    assert_eq!(amounts, ["0.16", "1.00", "55.00"]);
    assert_eq!(number(charges, "lines.0.by.octets"), 320_003_780);
    assert_eq!(number(charges, "lines.2.by.octets"), 55_000_144);
    assert_eq!(charges["lines"][0]["classes"], json!(["national"]));
    assert_eq!(charges["overhead_octets_a_packet"], 18);
    assert_eq!(charges["unrated"], json!([{"class": "free", "in": 400_001_800u64, "out": 0}]));

    let text = place.done(&format!("statement acme {PERIOD}"));
    for part in [
        "By class of traffic",
        "400,000,000",
        "18 B are charged besides",
        "Of the class \"free\"",
        ", of national",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let csv = place.done(&format!("statement acme {PERIOD} -o csv"));
    assert!(csv.contains("\nclass,national,300000000,200,1,20000000,10,1,0,0,0,0,0,0,,\n"), "{csv}");
    // All tenants together, and bolt's 99.
    let summary = place.json(&format!("statement --summary {PERIOD} -o json"));
    let mut expected = of_acme();
    expected[3].1[0] += 99;
    let expected: Vec<_> = expected.into_iter().map(|(name, octets)| (name.to_owned(), octets)).collect();
    assert_eq!(classes(&summary), expected);
}

#[test]
fn accounts_and_records_say_the_same_by_class() {
    let place = place();
    let rows = |line: &str| -> Vec<(Value, u64)> {
        let answer = place.json(line);
        let rows = answer["rows"].as_array().unwrap();
        rows.iter().map(|row| (row["class"].clone(), number(row, "octets"))).collect()
    };
    let expected = [
        (json!("free"), 400_000_000),
        (json!("national"), 320_000_000),
        (json!("other"), 55_000_099),
        (json!("night"), 10_000_000),
        // Between tenants there is none.
        (Value::Null, 7000),
    ];
    assert_eq!(rows("top class -o json"), expected);
    assert_eq!(place.json("top class -o json")["scanned_records"], 0);
    // Records are read for the protocol, of which there is one.
    assert_eq!(rows("top class,proto -o json"), expected);
    assert_eq!(rows("top class 'own tenant bolt' -o json"), [(json!("other"), 99)]);
    assert_eq!(
        rows("top class 'class national and direction out' -o json"),
        [(json!("national"), 20_000_000)]
    );
    let wrong = place.fails("top class 'class nationl'", 2);
    assert!(wrong.contains("national"), "{wrong}");
    // Computed again from the records, no account differs.
    let rebuilt = place.json("rebuild --from 2025-10-01 --to 2025-11-01 -o json");
    assert_eq!(number(&rebuilt, "accounts_differing"), 0, "{rebuilt:#}");
    assert!(number(&rebuilt, "records") > 0, "{rebuilt:#}");
}

#[test]
fn another_tariff_is_tried_by_class() {
    let place = place();
    place.write("new.toml", PEAK);
    let bill = place.json(&format!("rate acme {PERIOD} --tariff new.toml -o json"));
    // The greatest slot of these classes: 300,000,000 octets in five minutes are 8,000,000 bit/s.
    assert_eq!(bill["bills"][0]["gross"], "8000.00", "{bill:#}");
    // Whole days of October had no datagram; of what is metered some is of no rule.
    let unrated = &bill["bills"][0]["unrated"];
    assert_eq!(number(named(unrated, "class", "free"), "in"), 400_000_000);
    assert_eq!(number(named(unrated, "class", "national"), "out"), 20_000_000);
    let text = place.done(&format!("rate acme {PERIOD}"));
    assert!(text.contains("with 18 B a packet") && text.contains(" of class free"), "{text}");
    place.write("wrong.toml", PEAK.replace("national", "nationl"));
    let wrong = place.fails(&format!("rate acme {PERIOD} --tariff wrong.toml"), 1);
    assert!(wrong.contains("did you mean \"national\"?"), "{wrong}");
}

#[test]
fn closed_figures_by_class_are_proved_adjusted_and_explained() {
    let place = place();
    let closed = place.json(&format!("close {PERIOD} -o json"));
    assert!(place.done("verify").contains("every closed figure stands"));
    // The file of prefixes is not needed for what is closed.
    place.write("national.txt", "192.0.2.0/24\n");
    let verified = place.json("verify -o json");
    assert_eq!(verified["periods"][0]["computed_from"], "records");

    let explained = place.json("explain acme/2025-10 'class national' -o json");
    let lines = explained["lines"].as_array().unwrap();
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0]["line"], &lines[0]["class"]), (&json!("in"), &json!("national")));
    assert_eq!([&lines[0]["closed"], &lines[0]["accounts"]["sums"]], [&sums(300_000_000, 200, 1); 2]);
    assert_eq!(number(&lines[0], "records.by.0.octets"), 300_000_000);
    // A rule is about its classes only, and what no class is about is found, too.
    let world = place.json("explain acme/2025-10 world -o json");
    assert_eq!(world["lines"].as_array().unwrap().len(), 1);
    assert_eq!(world["lines"][0]["accounts"]["sums"], sums(55_000_000, 8, 2));
    assert_eq!(number(&world["lines"][0]["records"], "by.0.octets"), 55_000_000);
    assert_eq!(explained["bill"]["gross"], "56.16");
    let wrong = place.fails("explain acme/2025-10 'class nationl'", 2);
    assert!(wrong.contains("did you mean class national?"), "{wrong}");

    // Late records are adjusted in their class, which the list of today says: a change of classes is for what comes.
    import(&place, "late.pcap", &[(NOON_S + 60, 2, &[flow(NATIONAL, ACME, 1_000_000, 1)])]);
    let found = place.weir("verify -o json");
    assert_eq!(found.code, Some(1));
    let november = place.json("close --period 2025-11 -o json");
    let adjustment = &november["adjustments"][0];
    assert_eq!(adjustment["classes"], json!({"other": {"in": sums(1_000_000, 1, 1), "out": sums(0, 0, 0)}}));
    // 1,000,018 octets at 1.00 a MB.
    assert_eq!(adjustment["bill"]["gross"], "1.00");
    assert!(place.done("verify").contains("every closed figure stands"));
    assert_eq!(place.json(&format!("close {PERIOD} -o json")), closed);
}

#[test]
fn without_classes_nothing_is_said_of_any() {
    let place = Place::with(&format!("{REST}{TARIFF}").replace("classes = ", "# classes = "));
    import(&place, "first.pcap", &[(NOON_S, 0, &noon())]);
    let statement = place.json(&format!("statement acme {PERIOD} -o json"));
    assert!(
        statement.get("classes").is_none()
            && !place.done(&format!("statement acme {PERIOD}")).contains("class of traffic")
    );
    assert_eq!(statement["charges"]["unrated"], json!([]));
    place.done(&format!("close {PERIOD}"));
    assert!(place.done("verify").contains("every closed figure stands"));
    let rows = place.json("top class -o json");
    assert_eq!(rows["rows"].as_array().unwrap().len(), 1, "{rows:#}");
    // Classes come later: what is stored is of none, which is the last one as soon as there are some.
    place.write("weir.toml", format!("[store]\npath = \"store\"\n{CLASSES}{REST}{TARIFF}"));
    place.write("national.txt", "203.0.113.0/24\n");
    let bill = place.json(&format!("rate acme {PERIOD} -o json"));
    assert_eq!(number(&bill["bills"][0]["lines"][2], "by.octets"), 755_000_000 + 18 * 308);
    // And what is closed stays what it was.
    assert!(place.done("verify").contains("every closed figure stands"));
}

#[test]
fn what_is_understood_of_classes_is_read_back() {
    let place = place();
    let dump = place.done("check --dump");
    place.write("again.toml", &dump);
    assert_eq!(place.done("check -c again.toml --dump"), dump);
    for part in [
        "[[class]]\nname = \"other\"",
        "networks_file = \"national.txt\"",
        "overhead = 18",
        "classes = [\"night\"]",
    ] {
        assert!(dump.contains(part), "{part}: {dump}");
    }
    place.write("national.txt", "203.0.113.0/24\n203.0.113.1/24\n");
    let wrong = place.fails("check", 1);
    assert!(wrong.contains("national.txt, line 2") && wrong.contains("weir.toml:"), "{wrong}");
}
