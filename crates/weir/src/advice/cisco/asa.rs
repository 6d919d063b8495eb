//! ASA and Firepower Threat Defense: NSEL, events in NetFlow v9.

use crate::advice::order::Order;
use crate::advice::snippet::Script;
use crate::advice::{Device, Protocol, Sampling, Source, Tells, Timeout, Topic};

pub(super) const DEVICE: Device = Device {
    name: "cisco-asa",
    title: "Cisco ASA and FTD (NSEL)",
    also: &["asa", "nsel", "ftd", "firepower"],
    protocols: &[Protocol::NetFlow9],
    sampling: Sampling::Never,
    exact: &[],
    active: Some(Timeout::minutes(60)),
    source: Source::Interface("inside"),
    interface: None,
    to_ipv6: false,
    templates: "every minute",
    once: "one record a connection, in both directions",
    tells: Tells { names: false, sampling: false },
    comment: "!",
    place: "in configuration mode; with FTD in a FlexConfig object",
    notes: &[
        "NSEL reports events of connections: creations and denials carry no octets, updates those since the last one, \
         the end the total. weir counts updates, and at the end what they had not told",
        "flow-update is what keeps a long connection from being told only when it ends: 8.4(5), 9.1(2) or later",
        "there is no sampling and there are no interface names: name those you use in weir.toml",
        "--source is the name (nameif) of the interface towards the collector",
    ],
    check: &["show flow-export counters", "show service-policy global flow ip host 192.0.2.1 host 192.0.2.2"],
    cures: &[
        (Topic::Template, "flow-export template timeout-rate 1"),
        (Topic::Clock, "ntp server 192.0.2.123\nclock timezone UTC 0"),
        (Topic::Active, "flow-export active refresh-interval 1"),
        (
            Topic::Traffic,
            "policy-map global_policy\n class class-default\n  flow-export event-type all destination 192.0.2.10",
        ),
        (Topic::Source, "flow-export destination inside 192.0.2.10 2055"),
    ],
    write,
};

fn write(order: &Order, script: &mut Script) {
    script.part("Where to; templates every minute, and running connections this often, both in minutes.");
    script.line(format!("flow-export destination {} {} {}", order.source(), order.collector, order.port));
    script.line("flow-export template timeout-rate 1");
    script.line(format!("flow-export active refresh-interval {}", order.active_min()));
    script.part("A connection that ends within so many seconds is told once, at its end.");
    script.line(format!("flow-export delay flow-create {}", order.inactive_s));
    script.part("All events: without updates and ends there are no octets.");
    script.line("policy-map global_policy");
    script.line(" class class-default");
    script.line(format!("  flow-export event-type all destination {}", order.collector));
    script.line("service-policy global_policy global");
    script.part("The same is not needed in syslog, too.");
    script.line("logging flow-export-syslogs disable");
}
