//! Whose records are, decided again: a store that was told wrongly becomes, to the octet, the store of one who was told
//! rightly from the beginning. Closed periods stand.

use crate::closing::{flow, import};
use crate::daemon::Daemon;
use crate::flowgen::generate;
use crate::run::{Place, named, number};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// The month that flowgen exports in,
const PERIOD: &str = "--period 2026-01";
/// and all time that its flows are of: the first begin a little before it.
const ALL: &str = "--from 2025-12-01 --to 2026-02-01";

/// The generator's tenants, otherwise: the first is forgotten, the second has moved into the third's rooms at a quarter
/// past midnight and the third out, the fourth has a tenant inside, the fifth is called something else.
fn corrected(truth: &Value) -> String {
    let tenants = truth["tenants"].as_array().unwrap();
    let name = |i: usize| tenants[i]["name"].as_str().unwrap();
    let networks = |i: usize| tenants[i]["prefixes"].as_array().unwrap();
    let dated = |i: usize, when: &str| -> String {
        let list = networks(i).iter().map(|network| format!("{{ network = {network}, {when} }}"));
        list.collect::<Vec<_>>().join(", ")
    };
    let plain =
        |i: usize| -> String { networks(i).iter().map(ToString::to_string).collect::<Vec<_>>().join(", ") };
    let turn = "2026-01-01T00:15:00Z";
    let mut text = "[store]\npath = \"store\"\n".to_owned();
    let mut tenant = |name: &str, networks: &str, more: &str| {
        write!(text, "\n[[tenant]]\nname = \"{name}\"\nnetworks = [{networks}]\n{more}").unwrap();
    };
    let (before, after) = (format!("until = \"{turn}\""), format!("from = \"{turn}\""));
    tenant(name(1), &format!("{}, {}", dated(1, &before), dated(2, &after)), "");
    tenant(name(2), &dated(2, &before), "");
    tenant(name(3), &plain(3), "");
    let inside = networks(3).iter().find_map(|network| network.as_str()?.strip_suffix(".0/24")).unwrap();
    tenant("lodger", &format!("\"{inside}.0/25\""), "nested = true\n");
    tenant("renamed", &plain(4), "");
    (5..tenants.len()).for_each(|i| tenant(name(i), &plain(i), ""));
    text
}

/// Everything that says whose the traffic was.
fn answers(place: &Place, tenants: &[&str]) -> Vec<Value> {
    let mut answers = vec![
        place.json(&format!("usage {PERIOD} --hosts -o json")),
        place
            .json(&format!("top tenant,host,direction -n 0 {} -o json", "--from 2026-01-01 --to 2026-02-01")),
    ];
    answers.extend(tenants.iter().map(|name| place.json(&format!("statement {name} {PERIOD} -o json"))));
    answers
}

/// Octets of the moves that begin or end with this tenant as the one accounted.
fn octets(done: &Value, side: &str, tenant: &str, direction: &str) -> u64 {
    let moves = done["moves"].as_array().unwrap().iter();
    let of = moves.filter(|one| one[side]["tenant"] == tenant && one[side]["direction"] == direction);
    of.map(|one| one["octets"].as_u64().unwrap()).sum()
}

#[test]
fn a_store_attributed_again_is_the_store_that_would_have_been() {
    let test = "a_store_attributed_again_is_the_store_that_would_have_been";
    let place = Place::new();
    let Some(truth) = generate(test, &place, "mix", 40_000, 77) else { return };
    place.done("import export.pcap");
    let before = place.json(&format!("usage {ALL} -o json"));
    let first = truth["tenants"][0]["name"].as_str().unwrap();
    let fifth = truth["tenants"][4]["name"].as_str().unwrap();

    place.write("weir.toml", corrected(&truth));
    let would = place.json(&format!("reattribute {ALL} --dry-run -o json"));
    assert_eq!(place.json(&format!("usage {ALL} -o json"))["balance"], before["balance"], "nothing was done");
    let done = place.json(&format!("reattribute {ALL} -o json"));
    assert_eq!((&would["moves"], &would["changed"]), (&done["moves"], &done["changed"]));
    assert!(number(&done, "files_written") > 0 && number(&done, "changed") > 1000, "{done:#}");
    assert_eq!(number(&done, "records"), truth["flows"].as_u64().unwrap());

    let fresh = Place::new();
    fresh.bring(&place.path("export.pcap"), "export.pcap");
    fresh.write("weir.toml", corrected(&truth));
    fresh.done("import export.pcap");
    let second = truth["tenants"][1]["name"].as_str().unwrap();
    let third = truth["tenants"][2]["name"].as_str().unwrap();
    let tenants = [second, third, "lodger", "renamed"];
    for (again, would) in answers(&place, &tenants).iter().zip(answers(&fresh, &tenants)) {
        assert_eq!(again, &would);
    }
    // All that the forgotten one had went away, and what the renamed one had came from one tenant.
    let used = |usage: &Value, tenant: &str, way: &str| {
        number(named(&usage["tenants"], "tenant", tenant), &format!("{way}.octets"))
    };
    for way in ["in", "out"] {
        assert_eq!(octets(&done, "from", first, way), used(&before, first, way), "{way}");
        assert_eq!(octets(&done, "from", fifth, way), used(&before, fifth, way), "{way}");
    }
    let now = place.json(&format!("usage {ALL} -o json"));
    assert_eq!(now["balance"]["decoded"], before["balance"]["decoded"]);
    assert_eq!(number(&now, "balance.difference"), 0);
    assert!(used(&now, second, "in") > 0 && used(&now, third, "in") > 0);
    place.done("verify");

    // Once more nothing happens, and the books tell of one time.
    let again = place.json(&format!("reattribute {ALL} -o json"));
    assert_eq!((number(&again, "changed"), number(&again, "files_written")), (0, 0));
    let books = Connection::open(place.path("store/books.sqlite")).unwrap();
    let entries: Vec<(String, String)> = books
        .prepare("select subject, why from audit where what = 'reattribute'")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let [(subject, why)] = &entries[..] else { panic!("{entries:?}") };
    assert_eq!(subject, "from 2025-12-01 until 2026-02-01");
    assert!(why.contains(" records changed: ") && why.contains(&format!("from {first} ")), "{why}");
}

/// The generator's tenants with classes of the other end; `second` of them changed, and with the second tenant's ports above 32767
/// another's.
fn classed(truth: &Value, second: bool) -> String {
    let tenants = truth["tenants"].as_array().unwrap();
    let mut text = "[store]\npath = \"store\"\n".to_owned();
    for (at, tenant) in tenants.iter().enumerate() {
        let networks = tenant["prefixes"].as_array().unwrap().iter();
        let ports = if second && at == 1 { ", ports = \"1-32767\"" } else { "" };
        let networks: Vec<String> =
            networks.map(|network| format!("{{ network = {network}{ports} }}")).collect();
        let (name, networks) = (&tenant["name"], networks.join(", "));
        write!(text, "\n[[tenant]]\nname = {name}\nnetworks = [{networks}]\n").unwrap();
        if second && at == 1 {
            let above = networks.replace("1-32767", "32768-65535");
            write!(text, "\n[[tenant]]\nname = \"upper\"\nnetworks = [{above}]\n").unwrap();
        }
    }
    let (free, national) = ("[\"0.0.0.0/2\"]", "[\"0.0.0.0/1\", \"2000::/3\"]");
    let classes = if second {
        [("national", free), ("cheap", national)]
    } else {
        [("free", free), ("national", national)]
    };
    for (name, networks) in classes {
        write!(text, "\n[[class]]\nname = \"{name}\"\nnetworks = {networks}\n").unwrap();
    }
    text
}

#[test]
fn classes_and_ports_are_decided_again() {
    let test = "classes_and_ports_are_decided_again";
    let place = Place::new();
    let Some(truth) = generate(test, &place, "mix", 40_000, 78) else { return };
    place.write("weir.toml", classed(&truth, false));
    place.done("import export.pcap");
    place.write("weir.toml", classed(&truth, true));
    let done = place.json(&format!("reattribute {ALL} -o json"));
    assert!(number(&done, "changed") > 10_000, "{done:#}");

    let fresh = Place::new();
    fresh.bring(&place.path("export.pcap"), "export.pcap");
    fresh.write("weir.toml", classed(&truth, true));
    fresh.done("import export.pcap");
    let name = |at: usize| truth["tenants"][at]["name"].as_str().unwrap();
    let tenants = [name(0), name(1), "upper"];
    for (again, would) in answers(&place, &tenants).iter().zip(answers(&fresh, &tenants)) {
        assert_eq!(again, &would);
    }
    // The classes that records went from and to are told by name, also where the tenant stayed.
    let moves = done["moves"].as_array().unwrap();
    let went = |from: &str, to: &str| {
        let is_one = |one: &&Value| {
            (&one["from"]["class"], &one["to"]["class"]) == (&json!(from), &json!(to))
                && one["from"]["tenant"] == name(0)
                && one["to"]["tenant"] == name(0)
        };
        moves.iter().filter(is_one).map(|one| one["octets"].as_u64().unwrap()).sum::<u64>()
    };
    assert!(went("free", "national") > 0 && went("national", "cheap") > 0, "{done:#}");
    assert_eq!((went("other", "cheap"), went("free", "cheap")), (0, 0));
    // Who has the upper ports has what the lower's tenant has not: what has no port is nobody's now.
    let now = place.json(&format!("usage {ALL} -o json"));
    assert!(number(named(&now["tenants"], "tenant", "upper"), "in.octets") > 0, "{now:#}");
    assert!(octets(&done, "from", name(1), "in") > 0);
    assert_eq!(number(&now, "balance.difference"), 0);
    place.done("verify");
}

/// Noon of the 10th of October and of November 2025, UTC. Flows begin ten seconds before they are exported.
const OCTOBER_S: u32 = 1_760_097_600;
const NOVEMBER_S: u32 = 1_762_776_000;
const ROOM: [u8; 4] = [10, 31, 0, 5];
const PEER: [u8; 4] = [203, 0, 113, 77];

fn tenants(acme: &str, bolt: &str) -> String {
    format!(
        "[store]\npath = \"store\"\n\n[[tenant]]\nname = \"acme\"\nnetworks = [{acme}]\n\n[[tenant]]\nname = \"bolt\"\n\
         networks = [{bolt}]\n\n[billing]\nzone = \"Europe/Berlin\"\n"
    )
}

#[test]
fn a_room_goes_from_one_to_the_other_at_an_instant() {
    let place = Place::new();
    // Half past one and fifty seconds in Berlin is ten seconds before noon, UTC.
    let turn = "2025-10-10T13:59:50";
    place.write(
        "weir.toml",
        tenants(
            &format!("{{ network = \"10.31.0.0/24\", until = \"{turn}\" }}"),
            &format!("{{ network = \"10.31.0.0/24\", from = \"{turn}\" }}"),
        ),
    );
    let early = [flow(PEER, ROOM, 5000, 5)];
    let late = [flow(PEER, ROOM, 700, 7), flow(ROOM, PEER, 30, 3)];
    // The first begins a second before the move and ends eight seconds after it.
    import(&place, "moves.pcap", &[(OCTOBER_S - 1, 0, &early), (OCTOBER_S, 1, &late)]);
    let usage = place.json("usage --period 2025-10 -o json");
    let (acme, bolt) =
        (named(&usage["tenants"], "tenant", "acme"), named(&usage["tenants"], "tenant", "bolt"));
    assert_eq!([number(acme, "in.octets"), number(acme, "out.octets")], [5000, 0]);
    assert_eq!([number(bolt, "in.octets"), number(bolt, "out.octets")], [700, 30]);
    let networks =
        |tenant: &str| place.json(&format!("statement {tenant} --period 2025-10 -o json")).to_string();
    assert!(networks("acme").contains("10.31.0.0/24 until 2025-10-10T13:59:50+02:00"));
    assert!(networks("bolt").contains("10.31.0.0/24 from 2025-10-10T13:59:50+02:00"));
    // In November acme is gone: it is told nothing.
    let november = place.json("usage --period 2025-11 -o json");
    let names: Vec<&str> =
        november["tenants"].as_array().unwrap().iter().map(|t| t["tenant"].as_str().unwrap()).collect();
    assert_eq!(names, ["bolt"]);
    assert!(
        place
            .done("check -c weir.toml")
            .contains("note: tenant \"acme\" has no network since 2025-10-10T13:59:50")
    );
}

#[test]
fn what_is_closed_stands() {
    let place = Place::new();
    place.write("weir.toml", tenants("\"10.31.0.0/24\"", "\"10.32.0.0/24\""));
    let flows = [flow(PEER, ROOM, 5000, 5)];
    // In one file, so that the same segment has records of both months; and a third record that reaches over the turn:
    // begun at 22:59:56Z on the 31st of October, which is 4 s before November in Berlin.
    let turn_s = 1_761_951_600;
    import(
        &place,
        "both.pcap",
        &[(OCTOBER_S, 0, &flows), (NOVEMBER_S, 1, &flows), (turn_s + 6, 2, &[flow(PEER, ROOM, 900, 9)])],
    );
    place.done("close --period 2025-10");
    place.write("weir.toml", tenants("\"10.33.0.0/24\"", "\"10.31.0.0/24\""));
    for time in ["--period 2025-10", "--from 2025-10-31 --to 2025-11-03"] {
        let said = place.fails(&format!("reattribute {time}"), 1);
        assert!(said.contains("2025-10 is closed, from 2025-10-01T00:00:00+02:00"), "{said}");
    }
    assert!(place.fails("reattribute", 2).contains("of which time?"));
    let done = place.json("reattribute --period 2025-11 -o json");
    assert_eq!((number(&done, "records"), number(&done, "changed")), (1, 1));
    assert_eq!(
        done["moves"],
        json!([{
            "from": {"direction": "in", "tenant": "acme", "peer_tenant": null},
            "to": {"direction": "in", "tenant": "bolt", "peer_tenant": null},
            "octets": 5000, "packets": 5, "flows": 1,
        }])
    );
    // The one over the turn began in October and is acme's, also in November.
    let usage = place.json("usage --period 2025-11 -o json");
    assert_eq!(number(named(&usage["tenants"], "tenant", "bolt"), "in.octets"), 5000);
    place.done("verify");
}

#[test]
fn a_daemon_must_be_stopped_but_may_be_asked_beside() {
    let place = Place::new();
    place.write("weir.toml", tenants("\"10.31.0.0/24\"", "\"10.32.0.0/24\""));
    import(&place, "some.pcap", &[(OCTOBER_S, 0, &[flow(PEER, ROOM, 5000, 5)])]);
    place.write("weir.toml", tenants("\"10.33.0.0/24\"", "\"10.31.0.0/24\""));
    let daemon = Daemon::start(&place);
    assert!(place.fails("reattribute --period 2025-10", 1).contains("is being written by process"));
    assert_eq!(number(&place.json("reattribute --period 2025-10 --dry-run -o json"), "changed"), 1);
    daemon.stop();
    let text = place.done("reattribute --period 2025-10");
    assert!(text.starts_with("2025-10: 1 of 1 record changed\n"), "{text}");
    assert!(text.contains("acme in") && text.contains("bolt in") && text.contains("5,000"), "{text}");
}

#[test]
fn two_sites_with_the_same_addresses_are_kept_apart() {
    let place = Place::new();
    let site = |name: &str, exporter: &str| {
        format!(
            "\n[[tenant]]\nname = \"{name}\"\nnetworks = [\"10.31.0.0/24\"]\nexporters = [\"{exporter}\"]\n"
        )
    };
    let text = format!(
        "[store]\npath = \"store\"\n\n[[exporter]]\nname = \"north\"\naddress = \"192.0.2.1\"\n{}{}",
        site("here", "north"),
        site("there", "192.0.2.2")
    );
    place.write("weir.toml", text);
    import(&place, "some.pcap", &[(OCTOBER_S, 0, &[flow(PEER, ROOM, 5000, 5)])]);
    let usage = place.json("usage --period 2025-10 -o json");
    let came = |name: &str| number(named(&usage["tenants"], "tenant", name), "in.octets");
    assert_eq!([came("here"), came("there")], [5000, 0]);
}
