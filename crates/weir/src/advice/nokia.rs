//! Nokia SR OS, in the model-driven command line.

use super::order::Order;
use super::snippet::Script;
use super::{Device, Protocol, Sampling, Source, TEMPLATE_S, Tells, Timeout, Topic};

pub(super) const DEVICES: &[Device] = &[Device {
    name: "nokia",
    title: "Nokia SR OS (7750, 7250; MD-CLI)",
    also: &["sros", "sr-os", "nokia-sros", "alcatel", "cflowd"],
    protocols: &[Protocol::Ipfix, Protocol::NetFlow9],
    sampling: Sampling::Always(1000, 10_000),
    exact: &[],
    active: Some(Timeout::seconds(60, 600)),
    source: Source::Fixed,
    interface: Some("to-core"),
    to_ipv6: true,
    templates: "every 60 s",
    once: "ingress-only, on every routed interface",
    tells: Tells { names: false, sampling: true },
    comment: "#",
    place: "in the MD-CLI (edit-config exclusive), and commit",
    notes: &[
        "use-vrtr-if-index decides whether interfaces are numbered by router interface or by port; name those you use \
         in weir.toml",
        "datagrams come from the system interface's address",
        "inside a service, replace the router part by service ies NAME or service vprn NAME",
    ],
    check: &["show cflowd status", "show cflowd collector detail", "show cflowd interface"],
    cures: &[
        (Topic::Template, "/configure cflowd template-retransmit 60"),
        (Topic::Clock, "/configure system time ntp server 192.0.2.123 router-instance \"Base\""),
        (Topic::Active, "/configure cflowd active-flow-timeout 60"),
        (
            Topic::Ingress,
            "/configure router \"Base\" interface \"to-core\" cflowd-parameters sampling unicast direction ingress-only",
        ),
        (Topic::Load, "/configure cflowd sample-profile 1 sample-rate 2000"),
    ],
    write,
}];

fn write(order: &Order, script: &mut Script) {
    script.part("How long a flow is kept, templates every minute, one packet in so many.");
    script.line("/configure cflowd admin-state enable");
    script.line(format!("/configure cflowd template-retransmit {TEMPLATE_S}"));
    script.line(format!("/configure cflowd active-flow-timeout {}", order.active_s));
    script.line(format!("/configure cflowd inactive-flow-timeout {}", order.inactive_s));
    script.line(format!("/configure cflowd sample-profile 1 sample-rate {}", order.sampling.unwrap_or(1)));
    script.part("Where to.");
    let collector = format!("/configure cflowd collector {} port {}", order.collector, order.port);
    script.line(format!("{collector} admin-state enable"));
    script.line(format!("{collector} version {}", order.protocol.number()));
    script.line(format!("{collector} router-instance \"Base\""));
    script.part("On every routed interface, ingress only: each packet comes in once.");
    for interface in &order.interfaces {
        let unicast = format!(
            "/configure router \"Base\" interface \"{interface}\" cflowd-parameters sampling unicast"
        );
        script.line(format!("{unicast} type interface"));
        script.line(format!("{unicast} direction ingress-only"));
        script.line(format!("{unicast} sample-profile 1"));
    }
    script.line("commit");
}
