//! Ubiquiti: EdgeOS by its command line, UniFi gateways by their pages.

use super::order::Order;
use super::snippet::Script;
use super::{Device, Protocol, Sampling, Source, Tells, Timeout, Topic};

pub(super) const DEVICES: &[Device] = &[EDGE, UNIFI];

const EDGE: Device = Device {
    name: "ubiquiti-edgeos",
    title: "Ubiquiti EdgeOS (EdgeRouter)",
    also: &["edgeos", "edgerouter", "edgemax", "ubiquiti"],
    protocols: &[Protocol::NetFlow9, Protocol::NetFlow5, Protocol::Sflow],
    sampling: Sampling::Optional(65_535),
    exact: &[],
    active: Some(Timeout::seconds(1, 3600)),
    source: Source::Chosen,
    interface: Some("eth0"),
    to_ipv6: false,
    templates: "every 18 datagrams (pmacct's own; EdgeOS has no setting for it)",
    once: "what comes in by each interface (ingress-capture), before NAT changes it",
    tells: Tells { names: false, sampling: true },
    comment: "#",
    place: "in configuration mode (configure)",
    notes: &[
        "hardware offloading must be off for what is to be metered: offloaded packets never reach the meter \
         (set system offload ipv4 forwarding disable), and the router is slower then",
        "it meters IPv4; interface names are not exported: name those you use in weir.toml",
    ],
    check: &["show flow-accounting", "sudo tcpdump -ni any udp port 2055"],
    cures: &[
        (Topic::Clock, "set system ntp server 192.0.2.123\nset system time-zone UTC"),
        (Topic::Active, "set system flow-accounting netflow timeout max-active-life 60"),
        (
            Topic::Ingress,
            "set system flow-accounting ingress-capture pre-dnat\ndelete system flow-accounting netflow enable-egress",
        ),
        (Topic::Source, "set system flow-accounting netflow source-ip 192.0.2.1"),
    ],
    write: edge,
};

const UNIFI: Device = Device {
    name: "ubiquiti-unifi",
    title: "Ubiquiti UniFi gateways (Network 9 and later)",
    also: &["unifi", "udm", "dream-machine", "ucg", "uxg"],
    protocols: &[Protocol::Ipfix, Protocol::NetFlow9, Protocol::NetFlow5],
    sampling: Sampling::Never,
    exact: &[],
    active: Some(Timeout::seconds(60, 3600)),
    source: Source::Fixed,
    interface: None,
    to_ipv6: false,
    templates: "every 20 datagrams, or as Refresh Rate says",
    once: "the gateway meters a packet once on its way through",
    tells: Tells { names: true, sampling: true },
    comment: "#",
    place: "in the UniFi Network application, page by page",
    notes: &[
        "only the gateway exports; what a UniFi switch forwards between ports of one network is not metered",
        "leave sampling off: the gateway leaves out whole flows then, not packets",
        "datagrams come from the gateway's address towards the collector",
    ],
    check: &["cat /proc/net/stat/ipt_netflow (by SSH on the gateway)"],
    cures: &[
        (Topic::Template, "Settings > CyberSecure > Traffic Logging > NetFlow (IPFIX): Refresh Rate 20"),
        (Topic::Clock, "Settings > System > Advanced: NTP"),
        (Topic::Active, "Settings > CyberSecure > Traffic Logging > NetFlow (IPFIX): Active Timeout 60"),
    ],
    write: unifi,
};

fn edge(order: &Order, script: &mut Script) {
    let accounting = "set system flow-accounting";
    script.part("On every interface, what comes in; no table in memory.");
    script.line(format!("{accounting} disable-memory-table"));
    script.line(format!("{accounting} ingress-capture pre-dnat"));
    for interface in &order.interfaces {
        script.line(format!("{accounting} interface {interface}"));
    }
    if order.is(Protocol::Sflow) {
        script.part("Where to.");
        script.line(format!("{accounting} sflow sampling-rate {}", order.sampling.unwrap_or(1)));
        if let Some(source) = &order.source {
            script.line(format!("{accounting} sflow agent-address {source}"));
        }
        script.line(format!("{accounting} sflow server {} port {}", order.collector, order.port));
        script.line("commit ; save");
        return;
    }
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
        script.line(format!("{accounting} netflow source-ip {source}"));
    }
    script.line(format!("{accounting} netflow server {} port {}", order.collector, order.port));
    script.line("commit ; save");
}

fn unifi(order: &Order, script: &mut Script) {
    script.part("Fields of the page, and what to put into them.");
    script.line("Settings > CyberSecure > Traffic Logging > NetFlow (IPFIX): Enabled");
    script.line(format!("  Server Address   {}", order.collector));
    script.line(format!("  Port             {}", order.port));
    script.line(format!("  Version          {}", order.protocol.number()));
    script.line(format!("  Active Timeout   {}", order.active_s));
    script.line(format!("  Inactive Timeout {}", order.inactive_s));
    script.line("  Sampling         Off");
}
