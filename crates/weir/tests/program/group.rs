//! Groups of tenants: every sum of a small campus worked by hand, in every form, and that what is closed does not know of them.

use crate::capture::Capture;
use crate::netflow::{self, Flow};
use crate::run::{Place, csv, named, number};
use serde_json::{Value, json};

/// alpha, beta and gamma are on the campus, delta is in no group.
const CONFIGURATION: &str = r#"
[[tenant]]
name = "alpha"
networks = ["10.1.0.0/16"]
tariff = "eur"
group = "campus/north/floor 3"

[[tenant]]
name = "beta"
networks = ["10.2.0.0/16"]
tariff = "eur"
group = "campus/north"

[[tenant]]
name = "gamma"
networks = ["10.3.0.0/16"]
tariff = "usd"
group = "campus/south"

[[tenant]]
name = "delta"
networks = ["10.4.0.0/16"]
tariff = "eur"

[[group]]
name = "campus/north"
title = "Campus, the north"
language = "de"
mail = ["dean@example.org"]

[[tariff]]
name = "eur"
currency = "EUR"
tax = [{ name = "VAT", percent = "19" }]

[[tariff.rule]]
name = "line"
flat = "10.00"

[[tariff.rule]]
name = "traffic"
per = "MB"
price = "0.10"
direction = "in"

[[tariff]]
name = "usd"
currency = "USD"

[[tariff.rule]]
name = "line"
flat = "20.00"

[[class]]
name = "free"
networks = ["198.51.100.0/24"]

[mail]
from = "weir@example.org"
server = "localhost:2525"
tls = "none"
manager = ["manager@example.org"]
"#;

/// Noon of the 10th of October 2025, UTC.
const OCTOBER_S: u32 = 1_760_097_600;
const OUTSIDE: [u8; 4] = [203, 0, 113, 7];
const FREE: [u8; 4] = [198, 51, 100, 7];
const ALPHA: [u8; 4] = [10, 1, 0, 1];
const BETA: [u8; 4] = [10, 2, 0, 1];
const GAMMA: [u8; 4] = [10, 3, 0, 1];
const DELTA: [u8; 4] = [10, 4, 0, 1];

/// A packet has 1000 octets.
fn flow(src: [u8; 4], dst: [u8; 4], octets: u32) -> Flow {
    Flow { src, dst, src_port: 443, dst_port: 50_000, octets, packets: octets / 1000 }
}

fn import(place: &Place, name: &str, at_s: u32, sequence: u32, flows: &[Flow]) {
    let mut capture = Capture::new();
    capture.add(at_s, [192, 0, 2, 1], &netflow::v5_at(at_s, sequence, flows));
    place.write(name, capture.0);
    place.done(&format!("import {name}"));
}

/// | | in | out | local in | local out | class free of it |
/// |---|--:|--:|--:|--:|---|
/// | alpha | 1,000,000 | 200,000 | | 50,000 | 200,000 out |
/// | beta | 3,000,000 | | | | |
/// | gamma | 5,000,000 | | | | 1,000,000 in |
/// | delta | 7,000,000 | | 50,000 | | |
fn campus() -> Place {
    campus_at(CONFIGURATION, OCTOBER_S)
}

fn campus_at(configuration: &str, at_s: u32) -> Place {
    let place = Place::with(configuration);
    let flows = [
        flow(OUTSIDE, ALPHA, 1_000_000),
        flow(ALPHA, FREE, 200_000),
        flow(OUTSIDE, BETA, 3_000_000),
        flow(OUTSIDE, GAMMA, 4_000_000),
        flow(FREE, GAMMA, 1_000_000),
        flow(OUTSIDE, DELTA, 7_000_000),
        flow(ALPHA, DELTA, 50_000),
    ];
    import(&place, "first.pcap", at_s, 0, &flows);
    place
}

/// Octets, packets and flows of a way.
fn sums(octets: u64, flows: u64) -> Value {
    json!({"octets": octets, "packets": octets / 1000, "flows": flows})
}

/// A group as `usage --groups -o json` has it: how many tenants, in, out and local out.
fn is(found: &Value, tenants: u64, ways: [(u64, u64); 3]) {
    assert_eq!(found["tenants"], tenants, "{found:#}");
    for (way, (octets, flows)) in ["in", "out", "local_out"].into_iter().zip(ways) {
        assert_eq!(found[way], sums(octets, flows), "{way} in {found:#}");
    }
}

#[test]
fn usage_of_groups_sums_to_the_whole_in_every_form() {
    let place = campus();
    let answer = place.json("usage --period 2025-10 --groups -o json");
    let groups = &answer["groups"];
    let names: Vec<&Value> = groups.as_array().unwrap().iter().map(|one| &one["group"]).collect();
    assert_eq!(
        names,
        [
            &json!("campus"),
            &json!("campus/north"),
            &json!("campus/north/floor 3"),
            &json!("campus/south"),
            &Value::Null
        ]
    );
    is(named(groups, "group", "campus"), 3, [(9_000_000, 4), (200_000, 1), (50_000, 1)]);
    is(named(groups, "group", "campus/north"), 2, [(4_000_000, 2), (200_000, 1), (50_000, 1)]);
    is(named(groups, "group", "campus/north/floor 3"), 1, [(1_000_000, 1), (200_000, 1), (50_000, 1)]);
    is(named(groups, "group", "campus/south"), 1, [(5_000_000, 2), (0, 0), (0, 0)]);
    is(&groups[4], 1, [(7_000_000, 1), (0, 0), (0, 0)]);
    assert_eq!(groups[4]["local_in"], sums(50_000, 1));
    is(&answer["whole"], 4, [(16_000_000, 5), (200_000, 1), (50_000, 1)]);
    let free = named(&groups[0]["classes"], "class", "free");
    assert_eq!((&free["in"], &free["out"]), (&sums(1_000_000, 1), &sums(200_000, 1)));
    // The whole is the trial balance's.
    assert_eq!(answer["balance"]["tenant_in"], answer["whole"]["in"]);
    assert_eq!(answer["balance"]["difference"], 0);

    let text = place.done("usage --period 2025-10 --groups -o csv");
    let (heads, rows) = csv(&text);
    assert_eq!(heads[..4], ["group", "level", "tenants", "in_octets"]);
    let rows: Vec<[&str; 4]> = rows.iter().map(|row| [row[0], row[1], row[2], row[3]]).collect();
    assert_eq!(
        rows,
        [
            ["campus", "1", "3", "9000000"],
            ["campus/north", "2", "2", "4000000"],
            ["campus/north/floor 3", "3", "1", "1000000"],
            ["campus/south", "2", "1", "5000000"],
            ["", "1", "1", "7000000"],
        ]
    );
    assert_eq!(place.done("usage --period 2025-10 --groups -o ndjson").lines().count(), 5);
    let table = place.done("usage --period 2025-10 --groups");
    let lines: Vec<&str> = table.lines().skip(2).take_while(|line| !line.is_empty()).collect();
    let firsts: Vec<&str> = lines
        .iter()
        .map(|line| line.split("  ").find(|cell| !cell.is_empty()).unwrap_or("").trim())
        .collect();
    assert_eq!(firsts[..6], ["group", "campus", "north", "floor 3", "south", "(in no group)"], "{table}");
    let last = lines.last().unwrap();
    assert!(last.starts_with("all") && last.contains("16.000 MB"), "{table}");
    let parquet = place.command("usage --period 2025-10 --groups -o parquet").output().unwrap();
    assert!(parquet.stdout.starts_with(b"PAR1"));
    assert!(place.fails("usage alpha --groups", 2).contains("--groups"));
}

#[test]
fn groups_are_grouped_by_and_filtered_by() {
    let place = campus();
    let octets = |line: &str| -> Vec<(Value, u64)> {
        let answer = place.json(&format!("{line} -o json"));
        let key = answer["keys"][0].as_str().unwrap().to_owned();
        answer["rows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| (row[&key].clone(), number(row, "octets")))
            .collect()
    };
    // A local record is its source's: alpha's 50,000.
    assert_eq!(
        octets("top group"),
        [
            (Value::Null, 7_000_000),
            (json!("campus/south"), 5_000_000),
            (json!("campus/north"), 3_000_000),
            (json!("campus/north/floor 3"), 1_250_000),
        ]
    );
    assert_eq!(octets("top group/1"), [(json!("campus"), 9_250_000), (Value::Null, 7_000_000)]);
    assert_eq!(
        octets("top group/2"),
        [(Value::Null, 7_000_000), (json!("campus/south"), 5_000_000), (json!("campus/north"), 4_250_000)]
    );
    assert_eq!(
        octets("top tenant 'own group campus/north'"),
        [(json!("beta"), 3_000_000), (json!("alpha"), 1_250_000)]
    );
    // Without `own`, either end's tenant: alpha to delta is delta's, too; nothing else of delta's is the campus's.
    assert_eq!(octets("top tenant 'group \"campus/north/floor 3\"'"), [(json!("alpha"), 1_250_000)]);
    assert_eq!(octets("top group/1 'not group campus'"), [(Value::Null, 7_000_000)]);
    // From the accounts, as from the records.
    let explained = place.weir("top group,day --explain -o json");
    assert!(explained.err.contains("account"), "{}", explained.err);
    assert!(place.fails("top tenant 'group nroth'", 2).contains("no tenant is in a group `nroth`"));
    assert!(place.fails("top group/0", 2).contains("group/0"));
}

/// alpha 10.00 + 1 × 0.10 = 10.10, with 19 % 12.02 (1.919); beta 10.30, 12.26 (1.957); delta 10.70, 12.73 (2.033);
/// gamma 20.00 USD.
#[test]
fn the_managers_page_has_the_sums_of_groups() {
    let place = campus();
    let page = place.json("statement --summary --period 2025-10 -o json");
    let groups = &page["groups"];
    let campus = named(groups, "group", "campus");
    assert_eq!(campus["gross"], json!({"EUR": "24.28", "USD": "20.00"}));
    assert_eq!(campus["net"], json!({"EUR": "20.40", "USD": "20.00"}));
    assert_eq!((&campus["in"], &campus["level"]), (&sums(9_000_000, 4), &json!(1)));
    assert_eq!(named(groups, "group", "campus/north")["gross"], json!({"EUR": "24.28"}));
    assert_eq!(named(groups, "group", "campus/north/floor 3")["gross"], json!({"EUR": "12.02"}));
    assert_eq!(groups[4]["gross"], json!({"EUR": "12.73"}));
    assert_eq!(page["gross"], json!({"EUR": "37.01", "USD": "20.00"}));
    assert_eq!(named(&page["tenants"], "tenant", "beta")["group"], "campus/north");

    let text = place.done("statement --summary --period 2025-10 -o csv");
    let (heads, rows) = csv(&text);
    let at = |name: &str| heads.iter().position(|head| *head == name).unwrap();
    let of = |row: &[&str]| {
        ["tenant", "group", "in_octets", "gross", "currency"].map(|name| row[at(name)].to_owned())
    };
    let rows: Vec<[String; 5]> = rows.iter().map(|row| of(row)).collect();
    let expected = [
        ["alpha", "campus/north/floor 3", "1000000", "12.02", "EUR"],
        ["beta", "campus/north", "3000000", "12.26", "EUR"],
        ["delta", "", "7000000", "12.73", "EUR"],
        ["gamma", "campus/south", "5000000", "20.00", "USD"],
        ["", "campus", "9000000", "24.28", "EUR"],
        ["", "campus", "", "20.00", "USD"],
        ["", "campus/north", "4000000", "24.28", "EUR"],
        ["", "campus/north/floor 3", "1000000", "12.02", "EUR"],
        ["", "campus/south", "5000000", "20.00", "USD"],
    ];
    assert_eq!(rows, expected.map(|row| row.map(str::to_owned)));

    let text = place.done("statement --summary --period 2025-10");
    let cells = |line: &str| -> Vec<String> {
        line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect()
    };
    let table = text.split("By class of traffic").next().unwrap();
    let rows: Vec<Vec<String>> = table.lines().map(cells).filter(|row| row.len() == 6).collect();
    let names: Vec<&str> = rows.iter().map(|row| row[0].trim_matches('\u{a0}')).collect();
    assert_eq!(
        names,
        [
            "Tenant",
            "campus/",
            "north/",
            "beta",
            "floor 3/",
            "alpha",
            "south/",
            "gamma",
            "in no group",
            "delta",
            "all"
        ]
    );
    assert_eq!(rows[1][1..], ["9.000 MB", "200.000 kB", "50.000 kB", "56.7 %", "24.28 EUR, 20.00 USD"]);
    assert_eq!(rows[10][5], "37.01 EUR");
    let html = place.done("statement --summary --period 2025-10 --html -");
    assert!(html.contains("floor 3/") && html.contains("24.28 EUR, 20.00 USD"), "{html}");
    place.done("statement --summary --period 2025-10 --pdf all.pdf");
    assert!(std::fs::read(place.path("all.pdf")).unwrap().starts_with(b"%PDF"));
}

#[test]
fn a_group_has_a_paper_of_its_own() {
    let place = campus();
    let text = place.done("statement --group campus/north --period 2025-10");
    // In its language, and with its title; most of the month nothing was heard.
    assert!(text.starts_with("! Diese Abrechnung ist unvollständig: Sie enthält 99,99 %"), "{text}");
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("Insgesamt sind 743 von 744 Stunden des Zeitraums ohne Nachricht."), "{text}");
    assert!(text.lines().any(|line| line == "Eingehend gesamt: 4,000 MB"), "{text}");
    for part in ["Campus, the north", "floor 3/", "24,28 EUR", "dies ist keine Rechnung"] {
        assert!(words.contains(part), "{part} in {text}");
    }
    for others in ["gamma", "delta", "in keiner Gruppe", "Probebilanz"] {
        assert!(!text.contains(others), "{others} in {text}");
    }
    // Of the class, and of the rest.
    let row = text
        .lines()
        .find(|line| line.starts_with("alpha") && line.contains("free"))
        .unwrap_or_else(|| panic!("{text}"));
    assert!(row.contains("200.000"), "{row}");
    let paper = place.json("statement --group campus/north --period 2025-10 -o json");
    assert_eq!((&paper["group"], &paper["closed"]), (&json!("campus/north"), &json!(false)));
    assert_eq!((&paper["sum"]["in"], &paper["sum"]["out"]), (&sums(4_000_000, 2), &sums(200_000, 1)));
    assert_eq!(
        (&paper["sum"]["gross"], &paper["sum"]["net"]),
        (&json!({"EUR": "24.28"}), &json!({"EUR": "20.40"}))
    );
    let tenants: Vec<&str> =
        paper["tenants"].as_array().unwrap().iter().map(|one| one["tenant"].as_str().unwrap()).collect();
    assert_eq!(tenants, ["alpha", "beta"]);
    // A tenant's charges are those of its own statement.
    let own = place.json("statement alpha --period 2025-10 -o json");
    assert_eq!(paper["tenants"][0]["charges"], own["charges"]);
    let groups: Vec<&Value> = paper["groups"].as_array().unwrap().iter().map(|one| &one["group"]).collect();
    assert_eq!(groups, [&json!("campus/north/floor 3")]);
    place.done("statement --group 'campus/north/floor 3' --period 2025-10 --pdf floor.pdf");
    assert!(
        place
            .fails("statement --group nort --period 2025-10", 1)
            .contains("no tenant is in a group \"nort\"")
    );
}

#[test]
fn what_is_closed_stands_whatever_is_in_which_group() {
    let place = campus();
    let without: String = CONFIGURATION
        .lines()
        .filter(|line| !line.starts_with("group = "))
        .map(|line| format!("{line}\n"))
        .collect::<String>()
        .replace("[[group]]\nname = \"campus/north\"\ntitle = \"Campus, the north\"\nlanguage = \"de\"\nmail = [\"dean@example.org\"]\n", "");
    assert!(!without.contains("group"));
    let configure = |more: &str| place.write("weir.toml", format!("[store]\npath = \"store\"\n\n{more}"));
    configure(&without);
    place.done("close --period 2025-10");
    let before = place.done("statement alpha --period 2025-10 -o json");
    // In groups afterwards: the same bytes, and the proof holds.
    configure(CONFIGURATION);
    assert_eq!(place.done("statement alpha --period 2025-10 -o json"), before);
    place.done("verify");
    // What comes late is in no paper of what was closed, nor in its sum; the manager's page tells of it.
    import(&place, "late.pcap", OCTOBER_S + 60, 7, &[flow(OUTSIDE, BETA, 9_000_000)]);
    let paper = place.json("statement --group campus/north --period 2025-10 -o json");
    assert_eq!((&paper["closed"], &paper["sum"]["in"]), (&json!(true), &sums(4_000_000, 2)));
    assert_eq!(paper["sum"]["gross"], json!({"EUR": "24.28"}));
    assert_eq!(named(&paper["tenants"], "tenant", "alpha")["charges"]["gross"], "12.02");
    let text = place.done("statement --group campus/north --period 2025-10");
    assert!(text.contains("Der Zeitraum ist abgeschlossen"), "{text}");
    let now = place.json("statement --summary --period 2025-10 -o json");
    assert_eq!(named(&now["groups"], "group", "campus/north")["in"], sums(4_000_000, 2));
    assert_eq!(now["closed"], true);
    let text = place.done("statement --summary --period 2025-10");
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("Since it was closed, records of it came"), "{text}");
}

#[test]
fn a_group_gets_its_paper_by_mail() {
    let place = campus();
    let letters = place.done("mail --period 2025-10 --preview=letters");
    let line =
        letters.lines().find(|line| line.contains("dean@example.org")).unwrap_or_else(|| panic!("{letters}"));
    assert!(line.contains("group-campus-north-2025-10.eml"), "{line}");
    let letter = std::fs::read_to_string(place.path("letters/group-campus-north-2025-10.eml")).unwrap();
    assert!(letter.contains("To: dean@example.org") && letter.contains("Campus, the north"), "{letter}");
    // Queued once, as a schedule does it.
    for _ in 0..2 {
        place.weir("mail --period 2025-10 --queue");
    }
    let status = place.json("mail --status -o json");
    let kinds: Vec<[&str; 2]> = status["letters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| ["kind", "recipient"].map(|key| one[key].as_str().unwrap()))
        .collect();
    assert_eq!(kinds, [["group", "dean@example.org"], ["summary", "manager@example.org"]]);
    // To somebody else, and of a group without an address.
    let one = place.done("mail --group campus/south --period 2025-10 --to me@example.org --preview=south");
    assert!(one.contains("group-campus-south-2025-10.eml") && one.lines().count() == 1, "{one}");
    assert!(
        place
            .fails("mail --group campus/south --period 2025-10 --preview=south", 1)
            .contains("has no address")
    );
}

/// What the campus may have come in together, and what the north may use of the class free, both ways.
const QUOTAS: &str = r#"
[[quota]]
name = "campus"
groups = ["campus"]
direction = "in"
limit = "10 MB"

[[quota]]
name = "north"
groups = ["campus/north"]
classes = ["free"]
limit = "1 MB"
"#;

#[test]
fn a_group_has_quotas_and_a_class_has() {
    let place = campus_at(&format!("{CONFIGURATION}{QUOTAS}"), netflow::now_s());
    let answer = place.json("quota -o json");
    let [campus, north] = ["campus", "north"].map(|name| named(&answer["quotas"], "quota", name).clone());
    let said = |one: &Value| [&one["group"], &one["used_octets"], &one["percent"]].map(Value::clone);
    assert_eq!(said(&campus), [json!("campus"), json!(9_000_000), json!(90)]);
    assert_eq!((&campus["tenant"], &campus["classes"]), (&Value::Null, &json!([])));
    // Of alpha and beta only what alpha sent to it.
    assert_eq!(said(&north), [json!("campus/north"), json!(200_000), json!(20)]);
    assert_eq!(north["classes"], json!(["free"]));
    let table = place.done("quota");
    assert!(table.contains("group campus/north") && table.contains("north of free"), "{table}");
    assert_eq!(place.done("quota campus/north -o csv").lines().count(), 2);
    assert!(place.fails("quota campus/nroth", 1).contains("did you mean campus/north?"));
    let paper = place.json("statement --group campus --period this -o json");
    assert_eq!(
        paper["quotas"],
        json!([{"quota": "campus", "used_octets": 9_000_000, "limit_octets": 10_000_000}])
    );
}

#[test]
fn wrong_groups_are_told() {
    let place = campus();
    place.write("weir.toml", CONFIGURATION.replace("name = \"campus/north\"", "name = \"campus/nroth\""));
    let said = place.weir("check").err;
    assert!(
        said.contains("no tenant is in a group \"campus/nroth\"; did you mean \"campus/north\"?"),
        "{said}"
    );
}
