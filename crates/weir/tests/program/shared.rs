//! Several tenants behind one public address: told apart by the ports that each was given, or shared out in proportions where
//! nobody can tell them apart. Every figure is worked by hand.

use crate::closing::{import, sums};
use crate::netflow::Flow;
use crate::run::{Place, named, number};
use serde_json::{Value, json};

/// Noon of the 10th of October and of November 2025, UTC. Flows begin ten seconds before they are exported.
const OCTOBER_S: u32 = 1_760_097_600;
const NOVEMBER_S: u32 = 1_762_776_000;
const NAT: [u8; 4] = [203, 0, 113, 7];
const PEER: [u8; 4] = [198, 51, 100, 80];
const OWN: [u8; 4] = [10, 31, 0, 5];

fn flow(from: ([u8; 4], u16), to: ([u8; 4], u16), octets: u32, packets: u32) -> Flow {
    Flow { src: from.0, src_port: from.1, dst: to.0, dst_port: to.1, octets, packets }
}

fn of<'a>(usage: &'a Value, tenant: &str) -> &'a Value {
    named(&usage["tenants"], "tenant", tenant)
}

fn ports(alpha: &str, beta: &str) -> String {
    let tenant = |name: &str, ports: &str| {
        format!(
            "[[tenant]]\nname = \"{name}\"\nnetworks = [{{ network = \"203.0.113.7\", ports = \"{ports}\" }}]\n\n"
        )
    };
    format!(
        "[store]\npath = \"store\"\n\n{}{}[billing]\nzone = \"Europe/Berlin\"\n",
        tenant("alpha", alpha),
        tenant("beta", beta)
    )
}

#[test]
fn who_is_behind_an_address_is_told_by_the_port() {
    let place = Place::new();
    place.write("weir.toml", ports("1024-2047", "2048-3071"));
    let flows = [
        flow((PEER, 443), (NAT, 1500), 5000, 5),
        flow((NAT, 2500), (PEER, 443), 300, 3),
        // Through the router and back.
        flow((NAT, 1500), (NAT, 2500), 70, 7),
        // A port that is nobody's.
        flow((PEER, 443), (NAT, 80), 900, 9),
    ];
    import(&place, "nat.pcap", &[(OCTOBER_S, 0, &flows)]);
    let usage = place.json("usage --period 2025-10 --hosts -o json");
    let (alpha, beta) = (of(&usage, "alpha"), of(&usage, "beta"));
    assert_eq!([&alpha["in"], &alpha["out"]], [&sums(5000, 5, 1), &sums(0, 0, 0)]);
    assert_eq!([&beta["in"], &beta["out"]], [&sums(0, 0, 0), &sums(300, 3, 1)]);
    assert_eq!([&alpha["local_out"], &beta["local_in"]], [&sums(70, 7, 1), &sums(70, 7, 1)]);
    assert_eq!(alpha["hosts"][0]["address"], "203.0.113.7");
    assert_eq!(number(&usage, "balance.unmatched.octets"), 900);
    assert_eq!(number(&usage, "balance.difference"), 0);
    assert!(place.done("check -c weir.toml").contains(
        "note: network 203.0.113.7/32: ports 0 to 1023 and 3072 to 65535 belong to nobody, nor does what has no port \
         (ICMP, later fragments)\n"
    ));
    let text = place.done("statement alpha --period 2025-10");
    assert!(text.contains("203.0.113.7/32 ports 1024-2047"), "{text}");

    // The ranges were the other way round: what was beta's is alpha's, and what was unmatched stays so.
    place.write("weir.toml", ports("2048-3071", "1024-2047"));
    let done = place.json("reattribute --period 2025-10 -o json");
    assert_eq!((number(&done, "records"), number(&done, "changed")), (4, 3));
    let fresh = Place::new();
    fresh.bring(&place.path("nat.pcap"), "nat.pcap");
    fresh.write("weir.toml", ports("2048-3071", "1024-2047"));
    fresh.done("import nat.pcap");
    let asked = ["usage --period 2025-10 --hosts -o json", "statement alpha --period 2025-10 -o json"];
    for line in asked {
        assert_eq!(place.json(line), fresh.json(line), "{line}");
    }
    assert_eq!(of(&place.json(asked[0]), "beta")["in"], sums(5000, 5, 1));
    place.done("close --period 2025-10");
    place.done("verify");
}

#[test]
fn two_on_one_address_without_a_rule_are_a_mistake() {
    let place = Place::new();
    let tenant = |name: &str| format!("[[tenant]]\nname = \"{name}\"\nnetworks = [\"203.0.113.7\"]\n");
    place.write("weir.toml", format!("{}{}", tenant("alpha"), tenant("beta")));
    let said = place.fails("check -c weir.toml", 1);
    assert!(
        said.contains("belongs to both \"alpha\" and \"beta\"") && said.contains("docs/tenants.md"),
        "{said}"
    );
}

const SHARED: &str = r#"
[[tenant]]
name = "alpha"
networks = ["10.31.0.0/24"]
tariff = "gold"

[[tenant]]
name = "beta"
networks = []

[[shared]]
name = "office-nat"
networks = ["203.0.113.7"]
among = { alpha = 2, beta = 1 }

[[tariff]]
name = "gold"
currency = "EUR"

[[tariff.rule]]
name = "traffic"
per = "MB"
direction = "in"
price = "1.00"

[billing]
zone = "Europe/Berlin"
"#;

/// alpha has 4,000,000 of its own. The shared address has 1,000,000 and 500,001 in, in two slots, and 100 out in the first.
fn place() -> Place {
    let place = Place::with(SHARED);
    let first = [
        flow((PEER, 443), (OWN, 9), 4_000_000, 40),
        flow((PEER, 443), (NAT, 1500), 1_000_000, 100),
        flow((NAT, 1500), (PEER, 443), 100, 3),
    ];
    let second = [flow((PEER, 443), (NAT, 1501), 500_001, 7)];
    import(&place, "nat.pcap", &[(OCTOBER_S, 0, &first), (OCTOBER_S + 600, 1, &second)]);
    place
}

/// 666,666.67 and 333,333.33, and 333,334 and 166,667 exactly; packets 66.67 and 33.33, 4.67 and 2.33; a record each.
/// Out 66.67 and 33.33, and 2 and 1.
#[test]
fn what_a_shared_address_had_is_its_members() {
    let place = place();
    let usage = place.json("usage --period 2025-10 -o json");
    let (alpha, beta, nat) = (of(&usage, "alpha"), of(&usage, "beta"), of(&usage, "office-nat"));
    assert_eq!([&alpha["in"], &alpha["out"]], [&sums(5_000_001, 112, 3), &sums(67, 2, 1)]);
    assert_eq!([&beta["in"], &beta["out"]], [&sums(500_000, 35, 0), &sums(33, 1, 0)]);
    let nothing = sums(0, 0, 0);
    let share = json!([{
        "shared": "office-nat",
        "in": sums(1_000_001, 72, 2), "out": sums(67, 2, 1), "local_in": nothing, "local_out": nothing,
        "whole": {"in": sums(1_500_001, 107, 2), "out": sums(100, 3, 1), "local_in": nothing, "local_out": nothing},
    }]);
    assert_eq!(alpha["shares"], share);
    assert_eq!(nat["shared_out"], share[0]["whole"]);
    assert_eq!([&nat["in"], &nat["out"]], [&nothing, &nothing]);
    assert_eq!(number(&usage, "balance.tenant_in.octets"), 5_500_001);
    assert_eq!(number(&usage, "balance.difference"), 0);
    let text = place.done("usage --period 2025-10");
    assert!(
        text.contains(
            "of alpha's, its share of office-nat: 1.000 MB in, 67 B out (of 1.500 MB in, 100 B out)"
        ),
        "{text}"
    );
    assert!(text.contains("office-nat is shared out: 1.500 MB in, 100 B out"), "{text}");
    // Nothing is attributed by guess: the records are the address's.
    let top = place.json("top tenant --from 2025-10-01 --to 2025-11-01 -o json").to_string();
    assert!(top.contains("office-nat") && !top.contains("beta"), "{top}");
    assert!(place.done("check -c weir.toml").contains("2 tenants, 1 shared address, "));
}

#[test]
fn a_share_stands_on_the_statement_in_every_form() {
    let place = place();
    let text = place.done("statement alpha --period 2025-10");
    for part in [
        "your share (2 of 3) of the shared address office-nat: 1.000 MB of 1.500 MB in",
        "your share (2 of 3) of the shared address office-nat: 67 B of 100 B out",
        "office-nat (shared: 2 of 3)",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let json = place.json("statement alpha --period 2025-10 -o json");
    let share = &json["shares"][0];
    assert_eq!(
        (&share["shared"], &share["rule"][0]["share"], &share["rule"][0]["of"]),
        (&json!("office-nat"), &json!(2), &json!(3))
    );
    assert_eq!([&share["in"], &share["whole"]["in"]], [&sums(1_000_001, 72, 2), &sums(1_500_001, 107, 2)]);
    assert_eq!(json["charges"]["gross"], "5.00");
    let csv = place.done("statement alpha --period 2025-10 -o csv");
    assert!(csv.contains("share,office-nat,1000001,72,2,67,2,1,0,0,0,0,0,0,,\n"), "{csv}");
    assert!(csv.contains("share_of,office-nat,1500001,107,2,100,3,1,0,0,0,0,0,0,,\n"), "{csv}");
    let beta = place.done("statement beta --period 2025-10");
    assert!(
        beta.contains("your share (1 of 3) of the shared address office-nat: 500.000 kB of 1.500 MB in"),
        "{beta}"
    );
    // The shared address itself is told nothing.
    let closed = place.json("close --period 2025-10 -o json");
    let told: Vec<&Value> =
        closed["statements"].as_array().unwrap().iter().map(|one| &one["tenant"]).collect();
    assert_eq!(told, ["alpha", "beta"]);
}

#[test]
fn shares_are_closed_adjusted_explained_and_proved() {
    let place = place();
    let closed = place.json("close --period 2025-10 -o json");
    let alpha = named(&closed["statements"], "tenant", "alpha");
    assert_eq!(alpha["in"], sums(5_000_001, 112, 3));
    assert!(place.done("verify").contains("every closed figure stands"));
    let explained = place.json("explain alpha/2025-10 in -o json");
    let line = &explained["lines"][0];
    assert_eq!(line["accounts"]["sums"], line["closed"]);
    assert_eq!(
        line["shares"],
        json!([{"shared": "office-nat", "sums": sums(1_000_001, 72, 2), "whole": sums(1_500_001, 107, 2)}])
    );
    let text = place.done("explain alpha/2025-10 in");
    assert!(
        text.contains(": the same") && text.contains("its share of office-nat: 1,000,001 octets"),
        "{text}"
    );

    place.done("evidence alpha --period 2025-10 --out pack");
    let shares = std::fs::read_to_string(place.path("pack/shares.csv")).unwrap();
    let rows: Vec<Vec<&str>> = shares.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let octets = |way: &str| -> u64 {
        rows.iter().filter(|row| row[1] == way).map(|row| row[4].parse::<u64>().unwrap()).sum()
    };
    assert_eq!((rows.len(), octets("in"), octets("out")), (3, 1_000_001, 67));

    // The rule changes, and the closed month stands by its own.
    let other = SHARED.replace("alpha = 2, beta = 1", "beta = 5");
    place.write("weir.toml", format!("[store]\npath = \"store\"\n\n{other}"));
    place.done("verify");
    // 500,000 octets more in the first slot: 1,500,000 of 150 packets in two records are 1,000,000 and 500,000, 100 and 50, 1 and 1.
    let late = [flow((PEER, 443), (NAT, 1502), 500_000, 50)];
    let november = [flow((PEER, 443), (NAT, 1500), 30, 1)];
    import(&place, "late.pcap", &[(OCTOBER_S, 2, &late), (NOVEMBER_S, 3, &november)]);
    let closed = place.json("close --period 2025-11 -o json");
    let adjusted = |tenant: &str| named(&closed["adjustments"], "tenant", tenant)["in"].clone();
    assert_eq!([adjusted("alpha"), adjusted("beta")], [sums(333_333, 33, 0), sums(166_667, 17, 1)]);
    let of_november = |tenant: &str| named(&closed["statements"], "tenant", tenant)["in"].clone();
    assert_eq!([of_november("alpha"), of_november("beta")], [sums(0, 0, 0), sums(30, 1, 1)]);
    place.done("verify");
}
