//! VyOS: 1.5 meters in the kernel, 1.4 with pmacct.

use super::order::Order;
use super::snippet::Script;
use super::{Device, Protocol, Sampling, Source, Tells, Timeout, Topic};

pub(super) const DEVICES: &[Device] = &[NEW, OLD];

const NEW: Device = Device {
    name: "vyos",
    title: "VyOS 1.5 (and rolling releases from 2025)",
    also: &["vyos-1.5", "vyatta"],
    protocols: &[Protocol::Ipfix, Protocol::NetFlow9, Protocol::NetFlow5, Protocol::Sflow],
    sampling: Sampling::Optional(16_383),
    exact: &[],
    active: Some(Timeout::seconds(1, 3600)),
    source: Source::Chosen,
    interface: Some("eth0"),
    to_ipv6: true,
    templates: "every 20 datagrams (the module's own; VyOS has no setting for it)",
    once: "what comes in by each interface; no enable-egress",
    tells: Tells { names: true, sampling: true },
    comment: "#",
    place: "in configuration mode (configure)",
    notes: &[
        "NetFlow is metered by the kernel module ipt_NETFLOW; with sampling it leaves out whole flows, not packets: \
         leave --sampling out, or take --protocol sflow",
        "sFlow is told by hsflowd (set system sflow)",
        "for 1.4 take vyos-1.4, whose options are others",
    ],
    check: &["show flow-accounting", "show sflow", "cat /proc/net/stat/ipt_netflow"],
    cures: &[
        (Topic::Clock, "set service ntp server 192.0.2.123\nset system time-zone UTC"),
        (Topic::Active, "set system flow-accounting netflow active-timeout 60"),
        (Topic::Ingress, "delete system flow-accounting enable-egress"),
        (Topic::Source, "set system flow-accounting netflow server 192.0.2.10 source-address 192.0.2.1"),
    ],
    write: new,
};

const OLD: Device = Device {
    name: "vyos-1.4",
    title: "VyOS 1.4 (Sagitta)",
    also: &["vyos-1.3", "sagitta"],
    protocols: &[Protocol::Ipfix, Protocol::NetFlow9, Protocol::NetFlow5, Protocol::Sflow],
    sampling: Sampling::Optional(65_535),
    templates: "every 18 datagrams (pmacct's own; VyOS has no setting for it)",
    tells: Tells { names: false, sampling: true },
    notes: &[
        "metered by pmacct in user space: disable-imt spares it a table that costs CPU and nobody reads",
        "interface names are not exported: name those you use in weir.toml",
    ],
    check: &["show flow-accounting", "sudo journalctl -u uacctd"],
    cures: &[
        (Topic::Clock, "set service ntp server 192.0.2.123\nset system time-zone UTC"),
        (Topic::Active, "set system flow-accounting netflow timeout max-active-life 60"),
        (Topic::Ingress, "delete system flow-accounting enable-egress"),
        (Topic::Source, "set system flow-accounting netflow source-address 192.0.2.1"),
        (Topic::Load, "set system flow-accounting buffer-size 100"),
    ],
    write: old,
    ..NEW
};

fn new(order: &Order, script: &mut Script) {
    if order.is(Protocol::Sflow) {
        return sflow(order, script);
    }
    let netflow = "set system flow-accounting netflow";
    script.part("On every interface, what comes in.");
    for interface in &order.interfaces {
        script.line(format!("{netflow} interface {interface}"));
    }
    script.part("How long a flow is kept, and where to.");
    script.line(format!("{netflow} version {}", order.protocol.number()));
    script.line(format!("{netflow} active-timeout {}", order.active_s));
    script.line(format!("{netflow} inactive-timeout {}", order.inactive_s));
    if let Some(n) = order.sampling {
        script.line(format!("{netflow} sampling-rate {n}"));
    }
    script.line(format!("{netflow} server {} port {}", order.collector, order.port));
    if let Some(source) = &order.source {
        script.line(format!("{netflow} server {} source-address {source}", order.collector));
    }
    script.line("commit ; save");
}

fn old(order: &Order, script: &mut Script) {
    if order.is(Protocol::Sflow) {
        return sflow(order, script);
    }
    let accounting = "set system flow-accounting";
    script.part("On every interface, what comes in.");
    for interface in &order.interfaces {
        script.line(format!("{accounting} interface {interface}"));
    }
    script.line(format!("{accounting} disable-imt"));
    script.part("How long a flow is kept: each kind of traffic has its own inactive timeout.");
    let timeout = format!("{accounting} netflow timeout");
    script.line(format!("{timeout} max-active-life {}", order.active_s));
    script.line(format!("{timeout} expiry-interval 10"));
    for kind in ["flow-generic", "icmp", "tcp-fin", "tcp-generic", "tcp-rst", "udp"] {
        script.line(format!("{timeout} {kind} {}", order.inactive_s));
    }
    script.part("Where to.");
    script.line(format!("{accounting} netflow version {}", order.protocol.number()));
    if let Some(n) = order.sampling {
        script.line(format!("{accounting} netflow sampling-rate {n}"));
    }
    if let Some(source) = &order.source {
        script.line(format!("{accounting} netflow source-address {source}"));
    }
    script.line(format!("{accounting} netflow server {} port {}", order.collector, order.port));
    script.line("commit ; save");
}

fn sflow(order: &Order, script: &mut Script) {
    script.part("One packet in so many, on every interface; counters every 30 seconds.");
    script.line(format!("set system sflow sampling-rate {}", order.sampling.unwrap_or(1)));
    script.line("set system sflow polling 30");
    for interface in &order.interfaces {
        script.line(format!("set system sflow interface {interface}"));
    }
    script.part("Where to.");
    script.line(format!("set system sflow server {} port {}", order.collector, order.port));
    if let Some(source) = &order.source {
        script.line(format!("set system sflow agent-address {source}"));
    }
    script.line("commit ; save");
}
