//! IOS and IOS-XE: Flexible NetFlow, and the classic commands of older releases.

use crate::advice::order::Order;
use crate::advice::snippet::Script;
use crate::advice::{Device, Protocol, Sampling, Source, TEMPLATE_S, Tells, Timeout, Topic};

pub(super) const FLEXIBLE: Device = Device {
    name: "cisco-ios",
    title: "Cisco IOS (Flexible NetFlow, 12.4(9)T and later)",
    also: &["ios", "fnf", "flexible-netflow", "isr"],
    protocols: &[Protocol::NetFlow9, Protocol::Ipfix],
    sampling: Sampling::Optional(32_768),
    exact: &[],
    active: Some(Timeout::seconds(1, 604_800)),
    source: Source::Interface("Loopback0"),
    interface: Some("GigabitEthernet0/0"),
    to_ipv6: true,
    templates: "every 60 s",
    once: "input only, on every routed interface",
    tells: Tells { names: true, sampling: true },
    comment: "!",
    place: "in configuration mode (configure terminal)",
    notes: &[
        "export-protocol ipfix needs 15.2(4)M or later; where the command is refused, v9 is what it speaks",
        "where flow monitors are full (show flow monitor WEIR4 statistics: \"Flows not added\"), raise cache entries",
    ],
    check: &["show flow exporter WEIR statistics", "show flow monitor WEIR4 cache", "show flow interface"],
    cures: CURES,
    write: flexible,
};

pub(super) const XE: Device = Device {
    name: "cisco-ios-xe",
    title: "Cisco IOS-XE (ISR 4000, ASR 1000, Catalyst 8000 and 9000)",
    also: &["ios-xe", "iosxe", "xe", "asr1000", "catalyst", "catalyst-9000"],
    interface: Some("GigabitEthernet0/0/0"),
    notes: &[
        "Catalyst 9000: leave out what the switch refuses (collect routing …, the masks, the flow sampler; it has \
         no packet sampler on most models), and put the monitor on routed ports, SVIs or access ports, input only",
        "options data may come from another source id than the flows: weir looks for the sampler in all of them",
    ],
    write: xe,
    ..FLEXIBLE
};

pub(super) const CLASSIC: Device = Device {
    name: "cisco-ios-classic",
    title: "Cisco IOS, the classic commands (12.x and 15.x routers)",
    also: &["ios-classic", "ip-flow-export"],
    protocols: &[Protocol::NetFlow9, Protocol::NetFlow5],
    sampling: Sampling::Optional(65_535),
    exact: &[],
    active: Some(Timeout::minutes(60)),
    source: Source::Interface("Loopback0"),
    interface: Some("GigabitEthernet0/0"),
    to_ipv6: false,
    templates: "every minute",
    once: "ip flow ingress on every routed interface, ip flow egress on none",
    tells: Tells { names: true, sampling: true },
    comment: "!",
    place: "in configuration mode (configure terminal)",
    notes: &[
        "it measures IPv4 only: for IPv6 take cisco-ios (Flexible NetFlow)",
        "on the newest releases these commands are gone: take cisco-ios",
    ],
    check: &["show ip flow export", "show ip cache flow"],
    cures: &[
        (Topic::Template, "ip flow-export template timeout-rate 1"),
        (
            Topic::Sampling,
            "ip flow-export template options sampler\nip flow-export template options timeout-rate 1",
        ),
        (Topic::Clock, "ntp server 192.0.2.123\nclock timezone UTC 0 0"),
        (Topic::Active, "ip flow-cache timeout active 1"),
        (Topic::Ingress, "interface GigabitEthernet0/0\n no ip flow egress\n ip flow ingress"),
        (Topic::Source, "ip flow-export source Loopback0"),
    ],
    write: classic,
};

const CURES: &[(Topic, &str)] = &[
    (Topic::Template, "flow exporter WEIR\n template data timeout 60"),
    (Topic::Sampling, "flow exporter WEIR\n option sampler-table timeout 60"),
    (Topic::Clock, "ntp server 192.0.2.123\nclock timezone UTC 0 0"),
    (Topic::Active, "flow monitor WEIR4\n cache timeout active 60"),
    (
        Topic::Ingress,
        "interface GigabitEthernet0/0\n no ip flow monitor WEIR4 output\n ip flow monitor WEIR4 input",
    ),
    (Topic::Source, "flow exporter WEIR\n source Loopback0"),
];

fn flexible(order: &Order, script: &mut Script) {
    record(script, "WEIR4", "ipv4", "sys-uptime", order.sampling.is_some());
    record(script, "WEIR6", "ipv6", "sys-uptime", order.sampling.is_some());
    rest(order, script);
    script.part("Interfaces keep their numbers across a reload.");
    script.line("snmp-server ifindex persist");
}

fn xe(order: &Order, script: &mut Script) {
    // Absolute times: no uptime that wraps, and the only ones that a Catalyst has.
    record(script, "WEIR4", "ipv4", "absolute", order.sampling.is_some());
    record(script, "WEIR6", "ipv6", "absolute", order.sampling.is_some());
    rest(order, script);
    script.part("Interfaces keep their numbers across a reload.");
    script.line("snmp ifmib ifindex persist");
}

fn record(script: &mut Script, name: &str, family: &str, times: &str, is_sampled: bool) {
    script.part(if family == "ipv4" {
        "What makes an IPv4 flow, and what is measured."
    } else {
        "The same for IPv6."
    });
    script.line(format!("flow record {name}"));
    let tos = if family == "ipv4" { "tos" } else { "traffic-class" };
    let next_hop = if family == "ipv4" { "ipv4" } else { "ipv6" };
    for field in ["source address", "destination address", "protocol", tos] {
        script.line(format!(" match {family} {field}"));
    }
    script.block(&[
        " match transport source-port",
        " match transport destination-port",
        " match interface input",
        " collect interface output",
        " collect routing source as 4-octet",
        " collect routing destination as 4-octet",
    ]);
    script.line(format!(" collect routing next-hop address {next_hop}"));
    script.line(format!(" collect {family} source mask"));
    script.line(format!(" collect {family} destination mask"));
    script.block(&[
        " collect transport tcp flags",
        " collect counter bytes long",
        " collect counter packets long",
    ]);
    script.line(format!(" collect timestamp {times} first"));
    script.line(format!(" collect timestamp {times} last"));
    if is_sampled {
        script.line(" collect flow sampler");
    }
}

fn rest(order: &Order, script: &mut Script) {
    let protocol = if order.is(Protocol::Ipfix) { "ipfix" } else { "netflow-v9" };
    script.part("Where to: templates, interface names and samplers are told every minute.");
    script.line("flow exporter WEIR");
    script.line(format!(" destination {}", order.collector));
    script.line(format!(" source {}", order.source()));
    script.line(format!(" transport udp {}", order.port));
    script.line(format!(" export-protocol {protocol}"));
    script.line(format!(" template data timeout {TEMPLATE_S}"));
    for option in ["interface-table", "sampler-table", "exporter-stats"] {
        script.line(format!(" option {option} timeout {TEMPLATE_S}"));
    }
    script.part("How long a flow is kept before it is told.");
    for name in ["WEIR4", "WEIR6"] {
        script.line(format!("flow monitor {name}"));
        script.line(format!(" record {name}"));
        script.line(" exporter WEIR");
        script.line(format!(" cache timeout active {}", order.active_s));
        script.line(format!(" cache timeout inactive {}", order.inactive_s));
    }
    let mut sampler = "";
    if let Some(n) = order.sampling {
        script.part("One packet in so many, at random.");
        script.line("sampler WEIR");
        script.line(format!(" mode random 1 out-of {n}"));
        sampler = " sampler WEIR";
    }
    script.part("On every routed interface, input only: each packet comes in once.");
    for interface in &order.interfaces {
        script.line(format!("interface {interface}"));
        script.line(format!(" ip flow monitor WEIR4{sampler} input"));
        script.line(format!(" ipv6 flow monitor WEIR6{sampler} input"));
    }
}

fn classic(order: &Order, script: &mut Script) {
    script.part("How long a flow is kept before it is told; the first in minutes.");
    script.line("ip cef");
    script.line(format!("ip flow-cache timeout active {}", order.active_min()));
    script.line(format!("ip flow-cache timeout inactive {}", order.inactive_s));
    script.part("Where to.");
    script.line(format!("ip flow-export version {}", order.protocol.number()));
    script.line(format!("ip flow-export destination {} {}", order.collector, order.port));
    script.line(format!("ip flow-export source {}", order.source()));
    if order.is(Protocol::NetFlow9) {
        script.part("Templates, interface names and samplers are told every minute.");
        script.block(&[
            "ip flow-export template timeout-rate 1",
            "ip flow-export template options timeout-rate 1",
            "ip flow-export template options export-stats",
            "ip flow-export template options sampler",
            "ip flow-export interface-names",
        ]);
    }
    script.part("Interfaces keep their numbers across a reload.");
    script.line("snmp-server ifindex persist");
    if let Some(n) = order.sampling {
        script.part("One packet in so many, at random.");
        script.line("flow-sampler-map WEIR");
        script.line(format!(" mode random one-out-of {n}"));
    }
    script.part("On every routed interface, ingress only: each packet comes in once.");
    for interface in &order.interfaces {
        script.line(format!("interface {interface}"));
        script.line(if order.sampling.is_some() { " flow-sampler WEIR" } else { " ip flow ingress" });
    }
}
