//! FortiGate.

use super::order::Order;
use super::snippet::Script;
use super::{Device, Protocol, Sampling, Source, TEMPLATE_S, Tells, Timeout, Topic};

pub(super) const DEVICES: &[Device] = &[Device {
    name: "fortinet",
    title: "Fortinet FortiGate (FortiOS 7.2.8, 7.4 and later)",
    also: &["fortigate", "fortios", "forti"],
    protocols: &[Protocol::NetFlow9, Protocol::Sflow],
    sampling: Sampling::Always(2000, 99_999),
    exact: &[Protocol::NetFlow9],
    active: Some(Timeout::seconds(60, 3600)),
    source: Source::Chosen,
    interface: Some("wan1"),
    to_ipv6: true,
    templates: "every 60 s, or 20 datagrams",
    once: "netflow-sampler rx (sFlow: sample-direction rx), on every interface",
    tells: Tells { names: false, sampling: true },
    comment: "#",
    place: "in the CLI (with VDOMs: config global, or config system vdom-netflow in a VDOM)",
    notes: &[
        "NetFlow is told from sessions, every packet of them; --sampling (10 at least) is for --protocol sflow",
        "FortiOS before 7.0 takes both timeouts in minutes and its one collector without config collectors",
        "sessions that an NPU offloads are told only as often as the NPU reports: compare with the interface's counters",
        "interface names are not exported: name those you use in weir.toml, by diagnose netlink interface list",
    ],
    check: &["diagnose test application sflowd 3", "diagnose test application sflowd 4"],
    cures: &[
        (
            Topic::Template,
            "config system netflow\n    set template-tx-timeout 60\n    set template-tx-counter 20\nend",
        ),
        (Topic::Clock, "config system ntp\n    set ntpsync enable\n    set type fortiguard\nend"),
        (Topic::Active, "config system netflow\n    set active-flow-timeout 60\nend"),
        (
            Topic::Ingress,
            "config system interface\n    edit \"wan1\"\n        set netflow-sampler rx\n    next\nend",
        ),
        (
            Topic::Source,
            "config system netflow\n    config collectors\n        edit 1\n            set source-ip \"192.0.2.1\"\n        next\n    end\nend",
        ),
    ],
    write,
}];

fn write(order: &Order, script: &mut Script) {
    if order.is(Protocol::Sflow) { sflow(order, script) } else { netflow(order, script) }
}

fn netflow(order: &Order, script: &mut Script) {
    script.part("Timeouts and templates in seconds, and where to.");
    script.line("config system netflow");
    script.line(format!("    set active-flow-timeout {}", order.active_s));
    script.line(format!("    set inactive-flow-timeout {}", order.inactive_s.max(10)));
    script.line(format!("    set template-tx-timeout {TEMPLATE_S}"));
    script.line("    set template-tx-counter 20");
    collectors(order, script);
    script.line("end");
    script.part("On every interface, what it receives: each packet comes in once.");
    interfaces(order, &["set netflow-sampler rx".to_owned()], script);
}

fn sflow(order: &Order, script: &mut Script) {
    script.part("Where to.");
    script.line("config system sflow");
    collectors(order, script);
    script.line("end");
    script.part("On every interface, one packet in so many of what it receives.");
    let lines = [
        "set sflow-sampler enable".to_owned(),
        format!("set sample-rate {}", order.sampling.unwrap_or(1)),
        "set polling-interval 30".to_owned(),
        "set sample-direction rx".to_owned(),
    ];
    interfaces(order, &lines, script);
}

fn collectors(order: &Order, script: &mut Script) {
    script.block(&["    config collectors", "        edit 1"]);
    script.line(format!("            set collector-ip \"{}\"", order.collector));
    script.line(format!("            set collector-port {}", order.port));
    if let Some(source) = &order.source {
        script.line(format!("            set source-ip \"{source}\""));
    }
    script.block(&["        next", "    end"]);
}

fn interfaces(order: &Order, lines: &[String], script: &mut Script) {
    script.line("config system interface");
    for interface in &order.interfaces {
        script.line(format!("    edit \"{interface}\""));
        lines.iter().for_each(|line| script.line(format!("        {line}")));
        script.line("    next");
    }
    script.line("end");
}
