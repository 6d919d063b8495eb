//! Huawei NetStream on NetEngine and CX routers (VRP 8).

use super::order::Order;
use super::snippet::Script;
use super::{Device, Protocol, Sampling, Source, Tells, Timeout, Topic};

pub(super) const DEVICES: &[Device] = &[Device {
    name: "huawei",
    title: "Huawei NetEngine (VRP 8, NetStream)",
    also: &["netstream", "huawei-netstream", "vrp", "ne40e", "ne8000"],
    protocols: &[Protocol::NetFlow9, Protocol::Ipfix],
    sampling: Sampling::Optional(65_535),
    exact: &[],
    active: Some(Timeout::minutes(60)),
    source: Source::Address,
    interface: Some("GigabitEthernet0/1/0"),
    to_ipv6: false,
    templates: "every minute",
    once: "inbound only, on every routed interface",
    tells: Tells { names: false, sampling: true },
    comment: "#",
    place: "in the system view (system-view), and commit",
    notes: &[
        "index-switch 32 sends interface numbers as SNMP has them; without it they are cut to 16 bits",
        "many boards need the slot's own line (ip netstream sampler to slot self): repeat it for every slot",
        "most boards only sample: if it refuses a monitor without a sampler, give --sampling",
        "interface names are not exported: name those you use in weir.toml, by display snmp-agent … ifIndex",
    ],
    check: &["display netstream statistics ip slot 1", "display ip netstream export template"],
    cures: &[
        (
            Topic::Template,
            "ip netstream export template timeout-rate 1\nipv6 netstream export template timeout-rate 1",
        ),
        (
            Topic::Sampling,
            "ip netstream export template option sampler\nip netstream export template option timeout-rate 1",
        ),
        (Topic::Clock, "ntp-service unicast-server 192.0.2.123\nclock timezone UTC add 00:00:00"),
        (Topic::Active, "ip netstream timeout active 1\nipv6 netstream timeout active 1"),
        (
            Topic::Ingress,
            "interface GigabitEthernet0/1/0\n undo ip netstream outbound\n ip netstream inbound",
        ),
        (Topic::Source, "ip netstream export source 192.0.2.1"),
    ],
    write,
}];

fn write(order: &Order, script: &mut Script) {
    let version = if order.is(Protocol::Ipfix) { "ipfix" } else { "9" };
    for family in ["ip", "ipv6"] {
        script.part(if family == "ip" {
            "IPv4: timeouts (active in minutes), templates and the sampler every minute, where to."
        } else {
            "The same for IPv6."
        });
        let stream = format!("{family} netstream");
        script.line(format!("{stream} timeout active {}", order.active_min()));
        script.line(format!("{stream} timeout inactive {}", order.inactive_s));
        script.line(format!("{stream} as-mode 32"));
        script.line(format!("{stream} tcp-flag enable"));
        script.line(format!("{stream} export version {version} origin-as"));
        script.line(format!("{stream} export index-switch 32"));
        script.line(format!("{stream} export template timeout-rate 1"));
        script.line(format!("{stream} export template option sampler"));
        script.line(format!("{stream} export template option timeout-rate 1"));
        script.line(format!("{stream} export source {}", order.source()));
        script.line(format!("{stream} export host {} {}", order.collector, order.port));
    }
    script.part("The board that does the work: its own slot.");
    script.block(&[
        "slot 1",
        " ip netstream sampler to slot self",
        " ipv6 netstream sampler to slot self",
        " quit",
    ]);
    script.part("On every routed interface, inbound only: each packet comes in once.");
    for interface in &order.interfaces {
        script.line(format!("interface {interface}"));
        for family in ["ip", "ipv6"] {
            script.line(format!(" {family} netstream inbound"));
            if let Some(n) = order.sampling {
                script.line(format!(" {family} netstream sampler fix-packets {n} inbound"));
            }
        }
        script.line(" quit");
    }
    script.line("commit");
}
