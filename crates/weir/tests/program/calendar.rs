//! Tenants with calendars of their own: a zone, a day on which their months begin, or both.
//!
//! Four tenants have the same traffic at the same five instants, one octet sum each that no two sums share, so that what a
//! period says tells which of them lie in it. The edges of the periods are worked by hand.

use crate::closing::{flow, import};
use crate::run::{Place, named, number};
use serde_json::{Value, json};

const CONFIGURATION: &str = r#"
[[exporter]]
name = "core"
address = "192.0.2.1"

[[tenant]]
name = "acme"
networks = ["10.31.0.0/24"]
tariff = "setup"

[[tenant]]
name = "bolt"
networks = ["10.32.0.0/24"]
zone = "Asia/Kolkata"
tariff = "setup"

[[tenant]]
name = "coil"
networks = ["10.33.0.0/24"]
day = 15

[[tenant]]
name = "dune"
networks = ["10.34.0.0/24"]
zone = "Pacific/Honolulu"
tariff = "setup"

[[tariff]]
name = "setup"
currency = "EUR"

[[tariff.rule]]
name = "line"
flat = "10.00"

[[tariff.rule]]
name = "setup"
once = "7.00"
on = "2025-10-01"

[billing]
zone = "Europe/Berlin"
"#;

const PEER: [u8; 4] = [203, 0, 113, 77];
/// When there was traffic, and how many octets came in for each.
const TRAFFIC: [(u32, u32); 5] = [
    // 2025-09-30T20:00Z: October in Kolkata alone.
    (1_759_262_400, 1000),
    // 2025-10-20T12:00Z: October for everybody.
    (1_760_961_600, 20_000),
    // 2025-10-31T20:00Z: November in Kolkata alone, and for coil still October, until the 15th.
    (1_761_940_800, 300_000),
    // 2025-11-01T05:00Z: October in Honolulu still.
    (1_761_973_200, 4_000_000),
    // 2025-11-20T12:00Z: November for everybody.
    (1_763_640_000, 50_000_000),
];
const TENANTS: [(&str, u8); 4] = [("acme", 31), ("bolt", 32), ("coil", 33), ("dune", 34)];
const ALL: u64 = 54_321_000;

fn place() -> Place {
    let place = Place::with(CONFIGURATION);
    for (number, (at_s, octets)) in (0..).zip(TRAFFIC) {
        let flows = TENANTS.map(|(_, net)| flow(PEER, [10, net, 0, 5], octets, 1));
        import(&place, &format!("{number}.pcap"), &[(at_s, number, &flows)]);
    }
    place
}

/// What came in for a tenant in a period.
fn came_in(place: &Place, tenant: &str, period: &str) -> u64 {
    number(&place.json(&format!("statement {tenant} --period {period} -o json")), "in.octets")
}

#[test]
fn a_period_is_that_of_the_tenants_own_calendar() {
    let place = place();
    for (tenant, months) in [
        ("acme", [1000, 320_000, 54_000_000]),
        ("bolt", [0, 21_000, 54_300_000]),
        ("coil", [1000, 4_320_000, 50_000_000]),
        ("dune", [1000, 4_320_000, 50_000_000]),
    ] {
        let said = ["2025-09", "2025-10", "2025-11"].map(|month| came_in(&place, tenant, month));
        assert_eq!(said, months, "{tenant}");
        assert_eq!(said.iter().sum::<u64>(), ALL, "{tenant}: every octet is in one month");
        let usage = place.json(&format!("usage {tenant} --period 2025-10 -o json"));
        assert_eq!(number(named(&usage["tenants"], "tenant", tenant), "in.octets"), months[1], "{tenant}");
    }
    let bolt = place.json("statement bolt --period 2025-10 -o json");
    assert_eq!(
        bolt["period"],
        json!({
            "name": "2025-10", "from": "2025-10-01T00:00:00+05:30", "to": "2025-11-01T00:00:00+05:30", "zone": "Asia/Kolkata",
        })
    );
    // The day of the traffic at 20:00Z is the next one there.
    let days = bolt["days"].as_array().unwrap();
    let first = days.iter().find(|day| day["date"] == "2025-10-01").unwrap();
    assert_eq!(number(first, "in.octets"), 1000);
    let coil = place.json("statement coil --period 2025-10 -o json");
    assert_eq!(coil["period"]["from"], "2025-10-15T00:00:00+02:00");
    // What is charged on the 1st of October is charged in October, wherever that begins.
    let rated = place.json("rate --period 2025-10 -o json");
    let rated = rated.as_array().unwrap();
    let gross = |tenant: &str| {
        let bills = rated.iter().flat_map(|page| page["bills"].as_array().unwrap());
        bills
            .filter(|bill| bill["tenant"] == tenant)
            .map(|bill| bill["gross"].clone())
            .collect::<Vec<Value>>()
    };
    assert_eq!(["acme", "bolt", "dune"].map(gross), [[json!("17.00")], [json!("17.00")], [json!("17.00")]]);
    assert_eq!(place.json("rate dune --period 2025-09 -o json")["bills"][0]["gross"], "10.00");
}

/// Every page has everybody, so that its sum is the balance; what tenants pay is on the page of their own period.
#[test]
fn each_calendar_has_a_summary_whose_sum_is_the_balance() {
    let place = place();
    let pages = place.json("statement --summary --period 2025-10 -o json");
    let pages = pages.as_array().unwrap();
    let zones: Vec<&Value> = pages.iter().map(|page| &page["period"]["zone"]).collect();
    assert_eq!(zones, ["Europe/Berlin", "Asia/Kolkata", "Europe/Berlin", "Pacific/Honolulu"]);
    for (page, (each, own)) in
        pages.iter().zip([(320_000, "acme"), (21_000, "bolt"), (4_320_000, "coil"), (4_320_000, "dune")])
    {
        let tenants = page["tenants"].as_array().unwrap();
        assert_eq!(tenants.len(), 4);
        let sum: u64 = tenants.iter().map(|tenant| number(tenant, "in.octets")).sum();
        assert_eq!(sum, 4 * each, "{own}");
        assert_eq!(number(page, "balance.tenant_in.octets"), sum, "{own}");
        for tenant in tenants {
            let is_own = tenant["tenant"] == own;
            assert_eq!(tenant.get("calendar").is_none(), is_own, "{tenant:#}");
            assert_eq!(tenant.get("charges").is_some(), is_own && own != "coil", "{tenant:#}");
        }
    }
    assert_eq!(named(&pages[0]["tenants"], "tenant", "coil")["calendar"], "Europe/Berlin, day 15");
    let text = place.done("statement --summary --period 2025-10");
    assert!(
        text.contains("bolt *") && text.contains("Asia/Kolkata; Europe/Berlin, day 15; Pacific/Honolulu"),
        "{text}"
    );
    // Files of all.
    let said = place.done("statement --all --period 2025-10 --out papers --forms json --summary");
    assert_eq!(said.lines().count(), 4, "{said}");
    let mut files: Vec<String> = std::fs::read_dir(place.path("papers"))
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    assert_eq!(
        files,
        [
            "acme-2025-10.json",
            "all-tenants-2025-10.json",
            "all-tenants-2025-10_Asia_Kolkata.json",
            "all-tenants-2025-10_Europe_Berlin_from_2025-10-15.json",
            "all-tenants-2025-10_Pacific_Honolulu.json",
            "bolt-2025-10.json",
            "coil-2025-10.json",
            "dune-2025-10.json",
        ]
    );
}

/// Each calendar's period is a closing of its own, in one chain; nothing is twice on a statement, nothing on none.
#[test]
fn each_calendar_is_closed_by_itself_in_one_chain() {
    let place = place();
    let closed = place.done("close --period 2025-10 -o json");
    let pages: Value = serde_json::from_str(&closed).unwrap();
    let stated: Vec<Value> = pages
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|page| page["statements"].as_array().unwrap().iter())
        .map(|one| json!([one["number"], one["tenant"], one["in"]["octets"]]))
        .collect();
    assert_eq!(
        json!(stated),
        json!([[1, "acme", 320_000], [2, "bolt", 21_000], [3, "coil", 4_320_000], [4, "dune", 4_320_000]])
    );
    assert_eq!(place.done("close --period 2025-10 -o json"), closed, "the same again");
    let verified = place.json("verify -o json");
    assert_eq!(verified["problems"], json!([]), "{verified:#}");
    assert_eq!(verified["periods"].as_array().unwrap().len(), 4);
    assert!(place.done("statement bolt --period 2025-10").contains("21"));
    assert_eq!(number(&place.json("statement bolt --period 2025-10 -o json"), "in.octets"), 21_000);
    let explained = place.json("explain bolt/2025-10 in -o json");
    assert_eq!(number(&explained, "lines.0.records.by.0.octets"), 21_000, "{explained:#}");

    // 5 octets late, in Kolkata's October and Berlin's September, which nobody closed.
    import(&place, "late.pcap", &[(TRAFFIC[0].0, 9, &[flow(PEER, [10, 32, 0, 5], 5, 1)])]);
    let found = place.weir("verify");
    assert_eq!(found.code, Some(1));
    let late = "statement 2 of bolt, 2025-10: in.octets is closed as 21000, and the records say 21005";
    assert!(found.out.contains(late) && found.out.ends_with("1 problem\n"), "{}", found.out);
    let which = "2025-10 (from 2025-10-01T00:00:00-10:00, Pacific/Honolulu), 1 statement: computed again";
    assert!(found.out.contains(which), "{}", found.out);
    let pages = place.json("close --period 2025-11 -o json");
    let adjusted: Vec<(&Value, &Value)> = pages
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|page| {
            page["adjustments"].as_array().unwrap().iter().map(move |one| (&page["period"]["zone"], one))
        })
        .collect();
    assert_eq!(adjusted.len(), 1, "once");
    assert_eq!(adjusted[0].0, "Asia/Kolkata");
    let one = adjusted[0].1;
    assert_eq!(
        (&one["tenant"], &one["adjusts_statement"], &one["in"]["octets"]),
        (&json!("bolt"), &json!(2), &json!(5))
    );
    assert_eq!(place.json("verify -o json")["problems"], json!([]));
}

/// A zone that is changed must not bill an hour twice, and says of what is on no statement.
#[test]
fn a_zone_that_changes_overlaps_nothing_and_leaves_nothing_out_unsaid() {
    let place = place();
    place.done("close --period 2025-10");
    let moved = |zone: &str| {
        let text = std::fs::read_to_string(place.path("weir.toml")).unwrap();
        let changed = text.replacen("Pacific/Honolulu", zone, 1).replacen("Asia/Kolkata", zone, 1);
        assert_ne!(text, changed);
        place.write("weir.toml", changed);
    };
    // November in Auckland begins on 31 October at 11:00Z, before October ended in Kolkata and in Honolulu.
    moved("Pacific/Auckland");
    let answer = place.weir("close --period 2025-11");
    assert_eq!(answer.code, Some(1));
    let refused = "2025-11 in Pacific/Auckland overlaps 2025-10, which is closed";
    assert!(answer.err.contains(refused), "{}", answer.err);
    // The others are closed nevertheless.
    assert_eq!(number(&place.json("statement acme --period 2025-11 -o json"), "in.octets"), 54_000_000);
    assert_eq!(place.json("verify -o json")["periods"].as_array().unwrap().len(), 6);
    // In Samoa's summer less: what was 18:30Z to 10:00Z of the next day is on no statement of bolt.
    let text = std::fs::read_to_string(place.path("weir.toml")).unwrap();
    place.write("weir.toml", text.replace("Pacific/Auckland", "Pacific/Pago_Pago"));
    let answer = place.weir("close --period 2025-11 -o json");
    assert!(answer.err.contains("what \"bolt\" used from 2025-10-31T07:30:00-11:00 to 2025-11-01T00:00:00-11:00 is on no statement"), "{}", answer.err);
}
