//! Providers' bills, shared out: parts worked by hand from the flows that were imported.

use crate::capture::Capture;
use crate::closing::{self, flow};
use crate::dice::Dice;
use crate::netflow::{self, Flow};
use crate::run::{Place, csv, named, number};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use weir_store::{Options, Retention, Writer};

const CONFIGURATION: &str = r#"
[[exporter]]
name = "north"
address = "192.0.2.1"

[[exporter]]
name = "south"
address = "192.0.2.2"

[[class]]
name = "polar"
networks = ["198.51.100.0/24"]

[[class]]
name = "tropical"
networks = ["203.0.113.0/24"]

[[tenant]]
name = "acme"
networks = ["10.31.0.0/24"]

[[tenant]]
name = "bolt"
networks = ["10.32.0.0/24"]

[[tenant]]
name = "cafe"
networks = ["10.33.0.0/24"]

[billing]
zone = "Europe/Berlin"
"#;

const NORTH: &str = r#"
[[uplink]]
name = "north"
exporters = ["north"]
currency = "EUR"
bill = "100.00"
"#;

const SOUTH: &str = r#"
[[uplink]]
name = "south"
exporters = ["south"]
currency = "EUR"
bill = "100.00"
direction = "max"

[uplink.bills]
"2025-10" = "70.00"
"#;

/// Noon of the 10th of October 2025 UTC: the first of the twelve slots of the one hour in which anything came.
const NOON_S: u32 = 1_760_097_600;
const SLOT_S: u32 = 300;
/// The turn of that month in Berlin.
const TURN_MS: i64 = 1_761_951_600_000;
const TURN: &str = "2025-11-01T00:00:00+01:00";
const ACME: [u8; 4] = [10, 31, 0, 5];
const BOLT: [u8; 4] = [10, 32, 0, 7];
const CAFE: [u8; 4] = [10, 33, 0, 9];
/// Ours, and no tenant's.
const HOLE: [u8; 4] = [192, 168, 99, 9];
const POLAR: [u8; 4] = [198, 51, 100, 9];
const TROPICAL: [u8; 4] = [203, 0, 113, 9];
const WORLD: [u8; 4] = [8, 8, 8, 8];
const NORTH_ADDRESS: [u8; 4] = [192, 0, 2, 1];
const SOUTH_ADDRESS: [u8; 4] = [192, 0, 2, 2];

const MB: u32 = 1_000_000;
const PERIOD: &str = "--period 2025-10";

/// Flows that an exporter saw in a slot of the hour.
type Seen = (u32, [u8; 4], Vec<Flow>);

fn seen(slot: u32, exporter: [u8; 4], flows: &[([u8; 4], [u8; 4], u32)]) -> Seen {
    (slot, exporter, flows.iter().map(|(from, to, octets)| flow(*from, *to, *octets, 1)).collect())
}

/// Each flow lies wholly in its slot: it ends a second before the slot does, when its datagram comes.
fn import(place: &Place, all: &[Seen]) {
    let mut file = Capture::new();
    let mut sequences = BTreeMap::new();
    for (slot, exporter, flows) in all {
        let sequence = sequences.entry(exporter).or_insert(0);
        let at_s = NOON_S + (slot + 1) * SLOT_S;
        let records = u16::try_from(flows.len()).unwrap() + 1;
        let sets = [netflow::templates(0), netflow::data(flows)];
        file.add(at_s, *exporter, &netflow::v9_at(at_s, records, *sequence, &sets));
        *sequence += 1;
    }
    place.write("all.pcap", file.0);
    let imported = place.json("import -o json all.pcap");
    assert_eq!(number(&imported, "datagrams"), all.len() as u64);
}

/// Over the north, in MB: acme had 100 in the first slot, bolt 50, 30 and 10 in the next, and 10 in each were nobody's. Acme sent
/// bolt 5. Over the south cafe had 30 coming in and 10 going out, and acme 60 going out; it was heard an hour longer.
fn place() -> Place {
    let place = Place::with(&format!("{CONFIGURATION}{NORTH}{SOUTH}"));
    let traffic = [
        seen(0, NORTH_ADDRESS, &[(POLAR, ACME, 70 * MB), (ACME, POLAR, 30 * MB), (POLAR, HOLE, 10 * MB)]),
        seen(1, NORTH_ADDRESS, &[(POLAR, BOLT, 40 * MB), (BOLT, POLAR, 10 * MB), (HOLE, POLAR, 10 * MB)]),
        seen(1, NORTH_ADDRESS, &[(ACME, BOLT, 5 * MB)]),
        seen(2, NORTH_ADDRESS, &[(POLAR, BOLT, 30 * MB), (WORLD, POLAR, 10 * MB)]),
        seen(3, NORTH_ADDRESS, &[(BOLT, POLAR, 10 * MB), (POLAR, WORLD, 10 * MB)]),
        seen(1, SOUTH_ADDRESS, &[(TROPICAL, CAFE, 30 * MB), (CAFE, TROPICAL, 10 * MB)]),
        seen(2, SOUTH_ADDRESS, &[(ACME, TROPICAL, 60 * MB)]),
        seen(15, SOUTH_ADDRESS, &[(ACME, CAFE, 1)]),
    ];
    import(&place, &traffic);
    place
}

/// The parts with other uplinks.
fn split_by(place: &Place, uplinks: &str) -> Value {
    place.write("other.toml", format!("[store]\npath = \"store\"\n{CONFIGURATION}{uplinks}"));
    place.json(&format!("split -c other.toml {PERIOD} -o json"))
}

/// What acme, bolt and cafe pay, and what is left.
fn amounts(uplink: &Value) -> [&str; 4] {
    let part = |name| named(&uplink["parts"], "tenant", name)["amount"].as_str().unwrap();
    [part("acme"), part("bolt"), part("cafe"), uplink["remainder"]["amount"].as_str().unwrap()]
}

/// What it rests on, in the same order; then the whole uplink's.
fn weights(uplink: &Value) -> [u64; 5] {
    let part = |name| number(named(&uplink["parts"], "tenant", name), "weight");
    let whole = number(uplink, "uplink_weight");
    [part("acme"), part("bolt"), part("cafe"), number(uplink, "remainder.weight"), whole]
}

#[test]
fn a_bill_is_shared_out_by_volume_percentile_and_peak() {
    let place = place();
    let by = |more: &str| split_by(&place, &format!("{NORTH}{more}"))["uplinks"][0].clone();
    let mb = |all: [u64; 5]| all.map(|n| n * u64::from(MB));

    // 100, 90 and 40 of 230.
    let volume = by("");
    assert_eq!(weights(&volume), mb([100, 90, 0, 40, 230]));
    assert_eq!(amounts(&volume), ["43.48", "39.13", "0.00", "17.39"]);
    assert_eq!(
        (&volume["bill"], &volume["by"], &volume["direction"]),
        (&json!("100.00"), &json!("volume"), &json!("sum"))
    );
    assert_eq!(
        volume["traffic"],
        json!({
            "tenants_in": 140 * MB, "tenants_out": 50 * MB, "nobodys": 40 * MB, "nobodys_at_most": 40 * MB,
            "between_tenants": 5 * MB,
        })
    );
    let acme = named(&volume["parts"], "tenant", "acme");
    assert_eq!([number(acme, "in"), number(acme, "out")], [70, 30].map(|n| n * u64::from(MB)));
    // October has an hour twice: 8,940 slots, of which twelve are known.
    assert_eq!([number(&volume, "slots"), number(&volume, "slots_without_data")], [8940, 8928]);

    // 100 and 90 of 190.
    let shared = by("remainder = \"shared\"");
    assert_eq!(amounts(&shared), ["52.63", "47.37", "0.00", "0.00"]);
    assert_eq!(number(&shared, "remainder.weight"), 40 * u64::from(MB));

    // Twelve slots are known; the eleventh of them in rising order is acme's 0, bolt's 30, nobody's 10, the uplink's 60.
    let percentile = by("by = \"percentile\"\npercentile = \"90\"\nreading = \"sum\"");
    assert_eq!(weights(&percentile), mb([0, 30, 0, 10, 60]).map(|n| n * 10_000));
    assert_eq!(number(&percentile, "weights_per_octet"), 10_000);
    assert_eq!(amounts(&percentile), ["0.00", "75.00", "0.00", "25.00"]);
    assert_eq!([number(&percentile, "set_by.slots"), number(&percentile, "set_by.above")], [12, 1]);

    // The slot that set the uplink's 60 is the second, in which bolt had 50.
    let peak = by("by = \"peak\"\npercentile = \"90\"\nreading = \"sum\"");
    assert_eq!(weights(&peak), mb([0, 50, 0, 10, 60]));
    assert_eq!(amounts(&peak), ["0.00", "83.33", "0.00", "16.67"]);
    assert_eq!(peak["set_by"]["set_by"][0]["start"], "2025-10-10T14:05:00+02:00");

    // The highest is the first: 100 of 110 acme's.
    let highest = by("by = \"peak\"\nreading = \"sum\"");
    assert_eq!(amounts(&highest), ["90.91", "0.00", "0.00", "9.09"]);
}

#[test]
fn several_uplinks_are_told_alone_and_together() {
    let place = place();
    let split = place.json(&format!("split {PERIOD} -o json"));
    // Over the south more went out than came in: 60 and 10 of 70. Nobody had anything else there, which is known.
    let south = named(&split["uplinks"], "uplink", "south");
    assert_eq!(weights(south), [60, 0, 10, 0, 70].map(|n| n * u64::from(MB)));
    assert_eq!(amounts(south), ["60.00", "0.00", "10.00", "0.00"]);
    assert_eq!((&south["bill"], number(south, "traffic.nobodys")), (&json!("70.00"), 0));
    let parts = [("acme", "103.48"), ("bolt", "39.13"), ("cafe", "10.00")];
    let parts = parts.map(|(tenant, amount)| json!({"tenant": tenant, "amount": amount}));
    assert_eq!(
        split["totals"],
        json!([{"currency": "EUR", "tenants": parts, "remainder": "17.39", "bills": "170.00"}])
    );
    assert_eq!(number(&split, "completeness.datagrams_received"), 8);
    // What the south's exporter says in the second hour says nothing of the north.
    let known = |uplink: &Value| number(uplink, "slots") - number(uplink, "slots_without_data");
    assert_eq!([known(named(&split["uplinks"], "uplink", "north")), known(south)], [12, 24]);

    // The same in every form.
    let text = place.done(&format!("split {PERIOD}"));
    for part in [
        "north, at north, 2025-10, by volume (in and out together)",
        "acme        100.000 MB  43.5 %   43.48",
        "remainder    40.000 MB  17.4 %   17.39",
        "the uplink  230.000 MB          100.00",
        "8,928 of 8,940 slots of five minutes have no data",
        "5.000 MB between tenants are not the uplink's",
        "in the direction in which the uplink had more",
        "of all uplinks     EUR",
        "acme            103.48",
        "the bills       170.00",
        "completeness: 99.99 % complete, from 8 datagrams",
        " of 745 hours without data",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let lines = place.weir(&format!("split {PERIOD} -o csv"));
    assert!(lines.err.contains("north: 8,928 of 8,940 slots"), "{}", lines.err);
    let (heads, rows) = csv(&lines.out);
    assert_eq!(heads.len(), 9);
    assert_eq!(rows.len(), 8);
    assert_eq!(
        rows[0],
        ["north", "acme", "70000000", "30000000", "100000000", "230000000", "1", "43.48", "EUR"]
    );
    assert_eq!(rows[3], ["north", "", "", "", "40000000", "230000000", "1", "17.39", "EUR"]);
    assert_eq!(
        rows[6],
        ["south", "cafe", "30000000", "10000000", "10000000", "70000000", "1", "10.00", "EUR"]
    );
    let ndjson = place.done(&format!("split {PERIOD} -o ndjson"));
    let objects: Vec<Value> = ndjson.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(&Value::from(objects), &split["uplinks"]);
    // One alone is what it is among both.
    let alone = place.json(&format!("split south {PERIOD} -o json"));
    assert_eq!((&alone["uplinks"][0], alone["uplinks"].as_array().unwrap().len()), (south, 1));
    // What the configuration is understood as gives the same.
    place.write("again.toml", place.done("check --dump"));
    assert_eq!(place.json(&format!("split -c again.toml {PERIOD} -o json")), split);
    let checked = place.done("check");
    assert!(checked.contains("2 uplinks"), "{checked}");
    assert!(
        checked.contains("note: uplink \"north\" carries all that the exporter \"north\" accounts"),
        "{checked}"
    );
    // Amounts of two currencies are not added up.
    let both = split_by(&place, &format!("{NORTH}{}", SOUTH.replace("EUR", "KWD")));
    let totals: Vec<_> = both["totals"].as_array().unwrap().iter().map(|total| &total["bills"]).collect();
    assert_eq!(totals, ["100.00", "70.000"]);
}

#[test]
fn what_accounts_do_not_hold_is_not_known() {
    let place = place();
    // Classes: the accounts of what is nobody's have none. 40 MB at both exporters.
    let by_class = NORTH.replace("exporters = [\"north\"]", "classes = [\"polar\"]");
    let split = split_by(&place, &by_class);
    let uplink = &split["uplinks"][0];
    assert_eq!(amounts(uplink), ["52.63", "47.37", "0.00", "0.00"]);
    assert_eq!(uplink["remainder"]["weight"], Value::Null);
    assert_eq!(
        (&uplink["traffic"]["nobodys"], number(uplink, "traffic.nobodys_at_most")),
        (&Value::Null, 40_000_000)
    );
    assert_eq!(uplink["traffic"]["between_tenants"], Value::Null);
    let text = place.done(&format!("split -c other.toml {PERIOD}"));
    assert!(text.contains("do not hold of which class it is; at most 40.000 MB"), "{text}");
    assert!(text.contains("remainder    not known") && text.contains("the uplink   not known"), "{text}");
    assert_eq!(uplink["uplink_weight"], Value::Null);
    // The slot that the tenants set together: acme's 100.
    let peak = split_by(&place, &format!("{by_class}by = \"peak\"\nreading = \"sum\"\n"));
    assert_eq!(amounts(&peak["uplinks"][0]), ["100.00", "0.00", "0.00", "0.00"]);
    let note = peak["uplinks"][0]["notes"][0].as_str().unwrap();
    assert!(note.ends_with("those who are known pay all, by the slots that they set together"), "{note}");
    // A tariff is applied to what is known: 190 MB at 1.00 a GB.
    let tariff = "[[tariff]]\nname = \"carrier\"\ncurrency = \"EUR\"\n[[tariff.rule]]\nper = \"GB\"\nprice = \"1.00\"\n";
    let bill = by_class.replace("currency = \"EUR\"\nbill = \"100.00\"", "tariff = \"carrier\"");
    let rated = split_by(&place, &format!("{tariff}{bill}"));
    assert_eq!(amounts(&rated["uplinks"][0]), ["0.10", "0.09", "0.00", "0.00"]);
    let note = rated["uplinks"][0]["notes"][0].as_str().unwrap();
    assert!(note.ends_with("the tariff is applied to their traffic alone"), "{note}");
    // Of the other class acme had 60, cafe 40.
    let tropical = split_by(&place, &by_class.replace("polar", "tropical"));
    assert_eq!(amounts(&tropical["uplinks"][0]), ["60.00", "0.00", "40.00", "0.00"]);

    // A direction: 70 and 70 came in. Of what is nobody's it is not known which way it went.
    let one_way = split_by(&place, &format!("{NORTH}direction = \"in\"\n"));
    let uplink = &one_way["uplinks"][0];
    assert_eq!(amounts(uplink), ["50.00", "50.00", "0.00", "0.00"]);
    assert_eq!(
        (&uplink["remainder"]["weight"], number(uplink, "traffic.nobodys_at_most")),
        (&Value::Null, 40_000_000)
    );
    let note = uplink["notes"][0].as_str().unwrap();
    assert!(note.contains("in which direction it went"), "{note}");

    // Who is no tenant any more had what he had.
    let bolt = "[[tenant]]\nname = \"bolt\"\nnetworks = [\"10.32.0.0/24\"]\n";
    let fewer = format!("[store]\npath = \"store\"\n{CONFIGURATION}{NORTH}").replace(bolt, "");
    place.write("fewer.toml", fewer);
    let fewer = place.json(&format!("split -c fewer.toml {PERIOD} -o json"));
    assert_eq!(amounts(&fewer["uplinks"][0]), ["43.48", "39.13", "0.00", "17.39"]);
}

#[test]
fn the_provider_has_a_tariff() {
    let place = place();
    let carrier = r#"
[[tariff]]
name = "carrier"
currency = "EUR"
overhead = 20
tax = [{ name = "VAT", percent = "19" }]

[[tariff.rule]]
name = "burst"
percentile = "90"
per = "Mbit/s"
price = "100.00"
reading = "sum"

[[uplink]]
name = "north"
exporters = ["north"]
tariff = "carrier"
"#;
    let split = split_by(&place, carrier);
    let uplink = &split["uplinks"][0];
    // Each flow is a packet: 60,000,060 octets in the second slot are 1.6000016 Mbit/s, 160.00; with 19 % 190.40.
    assert_eq!((&uplink["bill"], &uplink["charges"]["net"]), (&json!("190.40"), &json!("160.00")));
    // Two flows were acme's, four bolt's, four nobody's. The cent that is left goes to bolt's 0.43.
    assert_eq!(weights(uplink), [100_000_040, 90_000_080, 0, 40_000_080, 230_000_200]);
    assert_eq!(amounts(uplink), ["82.78", "74.51", "0.00", "33.11"]);
    let text = place.done(&format!("split -c other.toml {PERIOD}"));
    assert!(text.contains("its bill, by the tariff \"carrier\"") && text.contains("20 B a packet"), "{text}");
    // A rule of one direction cannot be applied to what has none.
    let one_way = carrier.replace("reading = \"sum\"", "reading = \"in\"");
    place.write("other.toml", format!("[store]\npath = \"store\"\n{CONFIGURATION}{one_way}"));
    let wrong = place.fails(&format!("split -c other.toml {PERIOD}"), 1);
    assert!(wrong.contains("40000000 octets over the uplink belong to nobody"), "{wrong}");
    // Over the south nothing was nobody's. 30 MB came in and nothing in the other eleven slots: their 90th is 0.
    let south = split_by(&place, &one_way.replace("exporters = [\"north\"]", "exporters = [\"south\"]"));
    assert_eq!(south["uplinks"][0]["bill"], "0.00");
}

#[test]
fn what_cannot_be_shared_out_is_said() {
    let place = place();
    let other = |uplinks: &str| {
        place.write("other.toml", format!("[store]\npath = \"store\"\n{CONFIGURATION}{uplinks}"));
    };
    let fails = |uplinks: &str, line: &str| {
        other(uplinks);
        place.fails(&format!("split -c other.toml {line}"), 1)
    };
    let dated = NORTH.replace("bill = \"100.00\"", "bills = { \"2025-11\" = \"1.00\" }");
    let none = fails(&dated, PERIOD);
    assert!(
        none.contains("\"north\" cannot be shared out: there is no bill of 2025-10; write \"2025-10\" ="),
        "{none}"
    );
    let week = fails(NORTH, "--period 2025-W41");
    assert!(week.contains("its bill is of a billing month"), "{week}");
    let silent = fails(NORTH, "--period 2025-11");
    assert!(silent.contains("it is not known what went over the uplink"), "{silent}");
    let refused = fails(&format!("{NORTH}by = \"percentile\"\nmissing = \"refuse\"\n"), PERIOD);
    assert!(refused.contains("of the uplink: 8928 slots of five minutes have no data"), "{refused}");
    // A bill of a week is one of a week.
    other(&dated.replace("2025-11", "2025-W41"));
    let week = place.json("split -c other.toml --period 2025-W41 -o json");
    assert_eq!(week["uplinks"][0]["bill"], "1.00");
    // The other bill is shared out all the same.
    other(&format!("{dated}{SOUTH}"));
    let answer = place.weir(&format!("split -c other.toml {PERIOD} -o json"));
    assert_eq!(answer.code, Some(1));
    assert!(answer.err.contains("\"north\" cannot be shared out"), "{}", answer.err);
    let split: Value = serde_json::from_str(&answer.out).unwrap();
    assert!(split["uplinks"][0]["not_shared_out"].as_str().unwrap().contains("no bill of 2025-10"));
    assert_eq!(amounts(&split["uplinks"][1]), ["60.00", "0.00", "10.00", "0.00"]);
    assert_eq!(split["totals"][0]["bills"], "70.00");

    let wrong = place.fails(&format!("split nort {PERIOD}"), 1);
    assert!(wrong.contains("there is no uplink \"nort\"; did you mean north?"), "{wrong}");
    let wrong = fails("", PERIOD);
    assert!(wrong.contains("write [[uplink]]"), "{wrong}");
    other(&NORTH.replace("[\"north\"]", "[\"nrth\"]"));
    let wrong = place.fails("check -c other.toml", 1);
    let text = std::fs::read_to_string(place.path("other.toml")).unwrap();
    let line = text.lines().position(|line| line.contains("nrth")).unwrap() + 1;
    assert!(
        wrong.contains(&format!("other.toml:{line}: there is no exporter \"nrth\"; did you mean")),
        "{wrong}"
    );
}

#[test]
fn what_a_shared_address_had_is_its_members() {
    let shared = "[[shared]]\nname = \"roof\"\nnetworks = [\"10.34.0.1\"]\namong = { acme = 2, cafe = 1 }\n";
    let place = Place::with(&format!("{CONFIGURATION}{shared}{NORTH}"));
    // Of ten octets acme has seven and cafe three; at the other exporter it is another uplink's.
    let roof = [10, 34, 0, 1];
    import(
        &place,
        &[seen(0, NORTH_ADDRESS, &[(POLAR, roof, 10)]), seen(0, SOUTH_ADDRESS, &[(POLAR, roof, 300)])],
    );
    let split = place.json(&format!("split {PERIOD} -o json"));
    assert_eq!(weights(&split["uplinks"][0]), [7, 0, 3, 0, 10]);
    assert_eq!(amounts(&split["uplinks"][0]), ["70.00", "0.00", "30.00", "0.00"]);
}

const ONE_ROUTER: &str = r#"
[[exporter]]
name = "core"
address = "192.0.2.1"
interfaces = { north = 7, south = 8 }

[[class]]
name = "north"
exporter = "core"
interfaces = ["north"]

[[class]]
name = "south"
exporter = "core"
interfaces = ["south"]

[[tenant]]
name = "acme"
networks = ["10.31.0.0/24"]

[[tenant]]
name = "bolt"
networks = ["10.32.0.0/24"]

[[tenant]]
name = "house"
networks = ["192.168.99.0/24"]

[[uplink]]
name = "north"
classes = ["north"]
currency = "EUR"
bill = "90.00"

[[uplink]]
name = "south"
classes = ["south"]
currency = "EUR"
bill = "10.00"
"#;

/// Source, destination, protocol, octets, packets, the interfaces that it entered and left by, first and last uptime.
const WITH_INTERFACES: [(u16, u16); 9] =
    [(8, 4), (12, 4), (4, 1), (1, 4), (2, 4), (10, 4), (14, 4), (22, 4), (21, 4)];

#[test]
fn one_router_has_two_uplinks() {
    let place = Place::with(ONE_ROUTER);
    // By the north 60 to acme and 30 to the house; by the south 40 of acme's, 50 of the house's, 10 to bolt.
    let flows = [
        (POLAR, ACME, 60, 7, 1),
        (POLAR, HOLE, 30, 7, 1),
        (ACME, POLAR, 40, 1, 8),
        (HOLE, POLAR, 50, 1, 8),
        (POLAR, BOLT, 10, 8, 1),
    ];
    let records = flows.iter().fold(netflow::Octets::default(), |out, (from, to, octets, entered, left)| {
        let out = out.all(from).all(to).u8(6).u32(*octets).u32(1).u32(*entered).u32(*left);
        out.u32(3_590_000).u32(3_599_000)
    });
    let sets = [netflow::set(0, &netflow::template(300, &WITH_INTERFACES)), netflow::set(300, &records.0)];
    let mut file = Capture::new();
    let at_s = NOON_S + SLOT_S;
    file.add(at_s, NORTH_ADDRESS, &netflow::v9_at(at_s, 6, 0, &sets));
    place.write("all.pcap", file.0);
    place.done("import all.pcap");
    let split = place.json(&format!("split {PERIOD} -o json"));
    let parts = |at: usize| -> Vec<(&str, u64, &str)> {
        let parts = split["uplinks"][at]["parts"].as_array().unwrap().iter();
        parts
            .map(|part| {
                (part["tenant"].as_str().unwrap(), number(part, "weight"), part["amount"].as_str().unwrap())
            })
            .collect()
    };
    assert_eq!(parts(0), [("acme", 60, "60.00"), ("bolt", 0, "0.00"), ("house", 30, "30.00")]);
    assert_eq!(parts(1), [("acme", 40, "4.00"), ("bolt", 10, "1.00"), ("house", 50, "5.00")]);
    // Nothing is nobody's: that is known, though accounts have no class of it.
    for uplink in split["uplinks"].as_array().unwrap() {
        assert_eq!(number(uplink, "remainder.weight"), 0, "{uplink:#}");
    }
    assert!(!place.done("check").contains("note: uplink"));
}

#[test]
fn accounts_that_were_given_up_are_told() {
    let place = Place::with(&format!("{CONFIGURATION}{NORTH}[uplink.bills]\n\"2025\" = \"12.00\"\n"));
    closing::import(&place, "october.pcap", &[(NOON_S, 0, &[flow(POLAR, BOLT, 800_000_000, 10)])]);
    closing::import(&place, "november.pcap", &[(NOON_S + 31 * 86_400, 1, &[flow(POLAR, ACME, 2000, 2)])]);
    let year = |of: &str| place.weir(&format!("split --period 2025 -o {of}"));
    let whole: Value = serde_json::from_str(&year("json").out).unwrap();
    // 2,000 of 800,002,000 octets of 12.00 are less than half a cent.
    assert_eq!(amounts(&whole["uplinks"][0]), ["0.00", "12.00", "0.00", "0.00"]);
    assert_eq!(whole["completeness"].get("accounts_given_up_before"), None);
    let (mut writer, _) = Writer::open(&place.path("store"), Options::default()).unwrap();
    let before = Retention { accounts_before: Some(TURN_MS), ..Retention::default() };
    assert!(writer.retire(before, TURN_MS).unwrap().files > 0);
    drop(writer);
    let rest: Value = serde_json::from_str(&year("json").out).unwrap();
    assert_eq!(rest["completeness"]["accounts_given_up_before"], TURN);
    assert_eq!(rest["completeness"]["percent"], Value::Null);
    for of in ["table", "csv"] {
        let answer = year(of);
        let told = format!("{}{}", answer.out, answer.err);
        assert!(told.contains(&format!("accounts before {TURN} were given up")), "{told}");
    }
    // Of October nothing is known any more: it is not shared out as if there had been nothing.
    let gone = place.fails(&format!("split {PERIOD}"), 1);
    assert!(gone.contains("it is not known what went over the uplink"), "{gone}");
}

/// The first five are of both directions, and worked out here; of the others it is not known what was nobody's.
const KEYS: [&str; 9] = [
    "by = \"volume\"",
    "by = \"volume\"\nremainder = \"shared\"",
    "by = \"percentile\"\npercentile = \"80\"\nreading = \"sum\"",
    "by = \"peak\"\npercentile = \"80\"\nreading = \"sum\"",
    "by = \"peak\"\nreading = \"sum\"\nremainder = \"shared\"",
    "by = \"volume\"\ndirection = \"max\"",
    "by = \"percentile\"\nmethod = \"exclusive\"\nreading = \"max-each-slot\"\nmissing = \"zero\"",
    "by = \"peak\"\nmethod = \"inclusive\"\npercentile = \"55.5\"\nremainder = \"shared\"",
    "by = \"volume\"\nclasses = [\"polar\"]",
];

/// The value at rank ⌈p·12⌉ of twelve slots, and where it is; of equal ones the earlier has the lower rank.
fn ranked(slots: &[u64; 12], percent: usize) -> (u64, usize) {
    let mut sorted: Vec<(u64, usize)> = slots.iter().copied().zip(0..).collect();
    sorted.sort_unstable();
    sorted[(percent * 12).div_ceil(100) - 1]
}

#[test]
fn parts_and_remainder_are_the_bill_whatever_was_used() {
    for seed in 0..4 {
        let mut dice = Dice::new(seed);
        // Acme's, bolt's, cafe's and nobody's twelve slots.
        let mut had = [[0u64; 12]; 4];
        let mut traffic = Vec::new();
        for slot in 0..11u32 {
            let mut flows = Vec::new();
            for _ in 0..dice.below(6) {
                let octets = u32::try_from(dice.below(50_000_000)).unwrap() + 1;
                let who = dice.below(4);
                let inside = [ACME, BOLT, CAFE, HOLE][who];
                had[who][usize::try_from(slot).unwrap()] += u64::from(octets);
                flows.push(if dice.below(2) == 0 {
                    (POLAR, inside, octets)
                } else {
                    (inside, POLAR, octets)
                });
            }
            // So that something comes in the hour.
            flows.push((ACME, BOLT, 1));
            traffic.push(seen(slot, NORTH_ADDRESS, &flows));
        }
        let mut bills = Vec::new();
        let mut uplinks = String::new();
        for key in KEYS {
            let cents = i64::try_from(dice.below(200_000)).unwrap() - 20_000;
            let (sign, whole) = (if cents < 0 { "-" } else { "" }, cents.abs());
            let bill = format!("{sign}{}.{:02}", whole / 100, whole % 100);
            let head = format!("[[uplink]]\nname = \"{key:.1}{}\"\n", bills.len());
            uplinks +=
                &format!("{head}exporters = [\"north\"]\ncurrency = \"EUR\"\nbill = \"{bill}\"\n{key}\n");
            bills.push(cents);
        }
        let place = Place::with(&format!("{CONFIGURATION}{uplinks}"));
        import(&place, &traffic);
        let split = place.json(&format!("split {PERIOD} -o json"));
        let all: [u64; 12] = std::array::from_fn(|slot| had.iter().map(|slots| slots[slot]).sum());
        for (at, (uplink, bill)) in split["uplinks"].as_array().unwrap().iter().zip(bills).enumerate() {
            let cents = amounts(uplink).map(|amount| amount.replace('.', "").parse::<i64>().unwrap());
            assert_eq!(cents.iter().sum::<i64>(), bill, "seed {seed}, uplink {at}: {uplink:#}");
            if at > 4 {
                continue;
            }
            let weigh = |slots: &[u64; 12]| match at {
                0 | 1 => slots.iter().sum::<u64>(),
                2 => ranked(slots, 80).0 * 10_000,
                3 => slots[ranked(&all, 80).1],
                _ => slots[ranked(&all, 100).1],
            };
            let expected = [weigh(&had[0]), weigh(&had[1]), weigh(&had[2]), weigh(&had[3]), weigh(&all)];
            assert_eq!(weights(uplink), expected, "seed {seed}, uplink {at}: {uplink:#}");
            // Everybody pays what is due, but for less than a cent.
            let mut paying = expected;
            if at == 1 || at == 4 {
                paying[3] = 0;
            }
            let sum: i128 = paying[..4].iter().map(|weight| i128::from(*weight)).sum();
            for (paid, weight) in cents.iter().zip(&paying[..4]).filter(|_| sum > 0) {
                let off = i128::from(*paid) * sum - i128::from(bill) * i128::from(*weight);
                assert!(off.abs() < sum, "seed {seed}, uplink {at}: {uplink:#}");
            }
        }
    }
}
