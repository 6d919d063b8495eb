//! What traffic costs: amounts worked by hand, from datagrams to the bill.

use crate::daemon::{Daemon, usage_when};
use crate::netflow::{self, Flow};
use crate::run::Place;
use std::net::UdpSocket;

const CONFIGURATION: &str = r#"
[[tenant]]
name = "acme"
networks = ["192.168.31.0/24"]
tariff = "standard"

[[tenant]]
name = "zeta"
networks = ["192.168.32.0/24"]
tariff = "standard"

[[tenant]]
name = "free"
networks = ["192.168.33.0/24"]

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

[[tariff.rule]]
name = "steps"
per = "GB"
direction = "out"
tiers = [{ up_to = "1 GB", price = "0.10" }, { price = "0.05" }]
"#;

const OTHER: &str = r#"
[[tariff]]
name = "gold"
currency = "JPY"
rounding = "up"
minimum = "500"

[[tariff.rule]]
name = "traffic"
per = "GiB"
begun = true
price = "30"
direction = "in"
"#;

/// Acme had 7,500,000,000 octets in and 1,200,000,000 out, zeta nothing.
fn place() -> Place {
    let place = Place::with(CONFIGURATION);
    let daemon = Daemon::start(&place);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (us, them) = ([192, 168, 31, 2], [203, 0, 113, 7]);
    let flow = |src, dst, octets| Flow { src, dst, src_port: 443, dst_port: 50_000, octets, packets: 1 };
    let flows = [
        flow(them, us, 2_500_000_000),
        flow(them, us, 2_500_000_000),
        flow(them, us, 2_500_000_000),
        flow(us, them, 1_200_000_000),
    ];
    let sets = [netflow::templates(0), netflow::data(&flows)];
    socket.send_to(&netflow::v9(1, 0, &sets), daemon.to).unwrap();
    usage_when(&place, "all flows", |u| u["balance"]["decoded"]["flows"] == 4);
    daemon.stop();
    place
}

#[test]
fn a_bill_is_what_its_tariff_says() {
    let place = place();
    let bills = place.json("rate --period this-year -o json");
    let acme = &bills["bills"][0];
    let amounts: Vec<&str> =
        acme["lines"].as_array().unwrap().iter().map(|l| l["amount"].as_str().unwrap()).collect();
    // 7.5 × 0.08; 1.0 × 0.10 and 0.2 × 0.05. 19 % of 25.71 is 4.8849.
    assert_eq!(amounts, ["25.00", "0.60", "0.10", "0.01"]);
    assert_eq!((&acme["net"], &acme["gross"]), (&"25.71".into(), &"30.59".into()));
    assert_eq!(acme["lines"][1]["by"]["octets"], 7_500_000_000u64);
    // Who used nothing pays for the line; who has no tariff gets no bill.
    assert_eq!(
        (&bills["bills"][1]["tenant"], &bills["bills"][1]["gross"]),
        (&"zeta".into(), &"29.75".into())
    );
    assert_eq!(bills["bills"].as_array().unwrap().len(), 2);
    // The same in every form.
    let text = place.done("rate acme --period this-year");
    for part in [
        "25.00 a period",
        "7.500 GB incoming at 0.08 a GB",
        "200.000 MB outgoing in tier 2 (above 1.000 GB) at 0.05 a GB",
        "19 % of 25.71",
        "30.59",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let csv = place.done("rate acme --period this-year -o csv");
    assert!(csv.contains("acme,standard,to pay,,30.59,EUR\n"), "{csv}");
    // What the configuration is understood as gives the same bill.
    place.write("again.toml", place.done("check --dump"));
    assert_eq!(place.json("rate -c again.toml --period this-year -o json"), bills);
}

#[test]
fn another_tariff_is_tried_on_what_was() {
    let place = place();
    place.write("new.toml", OTHER);
    // 6.98 GiB: 7 begun, 210 yen; to the minimum 290.
    let bill = place.json("rate acme --period this-year --tariff new.toml -o json");
    let bill = &bill["bills"][0];
    assert_eq!((&bill["lines"][0]["amount"], &bill["lines"][1]["amount"]), (&"210".into(), &"290".into()));
    assert_eq!((&bill["gross"], &bill["currency"]), (&"500".into(), &"JPY".into()));
    // No rule is about what went out.
    assert_eq!(bill["unrated"][0]["out"], 1_200_000_000u64);
    let wrong = place.fails("rate acme --period this-year --tariff standart", 1);
    assert!(wrong.contains("did you mean standard?"), "{wrong}");
    let wrong = place.fails("rate free --period this-year", 1);
    assert!(wrong.contains("there is no tenant \"free\" with a tariff"), "{wrong}");
}
