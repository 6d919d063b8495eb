//! IOS-XR.

use crate::advice::order::Order;
use crate::advice::snippet::Script;
use crate::advice::{Device, Protocol, Sampling, Source, TEMPLATE_S, Tells, Timeout, Topic};

pub(super) const DEVICE: Device = Device {
    name: "cisco-ios-xr",
    title: "Cisco IOS-XR (ASR 9000, NCS 5500, 8000)",
    also: &["ios-xr", "iosxr", "xr", "asr9k", "asr9000", "ncs5500"],
    protocols: &[Protocol::NetFlow9, Protocol::Ipfix],
    sampling: Sampling::Always(1000, 65_535),
    exact: &[],
    active: Some(Timeout::seconds(1, 604_800)),
    source: Source::Interface("Loopback0"),
    interface: Some("GigabitEthernet0/0/0/0"),
    to_ipv6: true,
    templates: "every 60 s",
    once: "ingress only, on every routed interface",
    tells: Tells { names: true, sampling: true },
    comment: "!",
    place: "in configuration mode (configure), and commit",
    notes: &[
        "it always samples: a monitor on an interface must name a sampler; records carry the sampler's number, and \
         its interval comes in options data, so the sampler-table below is what makes octets right",
        "NCS 5500: intervals that are powers of two, and one interval for the whole line card",
        "export leaves by the data plane: the collector must be reached through a line card, not MgmtEth",
    ],
    check: &[
        "show flow exporter WEIR location 0/0/CPU0",
        "show flow monitor WEIR4 cache summary location 0/0/CPU0",
        "show sampler-map WEIR",
    ],
    cures: &[
        (
            Topic::Template,
            "flow exporter-map WEIR\n version v9\n  template data timeout 60\n  template options timeout 60",
        ),
        (Topic::Sampling, "flow exporter-map WEIR\n version v9\n  options sampler-table timeout 60"),
        (Topic::Clock, "ntp server 192.0.2.123\nclock timezone UTC 0"),
        (Topic::Active, "flow monitor-map WEIR4\n cache timeout active 60"),
        (
            Topic::Ingress,
            "interface GigabitEthernet0/0/0/0\n no flow ipv4 monitor WEIR4 egress\n flow ipv4 monitor WEIR4 sampler WEIR ingress",
        ),
        (Topic::Source, "flow exporter-map WEIR\n source Loopback0"),
        (Topic::Load, "flow monitor-map WEIR4\n cache timeout rate-limit 2000"),
    ],
    write,
};

fn write(order: &Order, script: &mut Script) {
    let version = if order.is(Protocol::Ipfix) { "ipfix" } else { "v9" };
    script.part("Where to: templates, interface names and samplers are told every minute.");
    script.line("flow exporter-map WEIR");
    script.line(format!(" version {version}"));
    for option in ["interface-table", "sampler-table", "vrf-table"] {
        script.line(format!("  options {option} timeout {TEMPLATE_S}"));
    }
    script.line(format!("  template data timeout {TEMPLATE_S}"));
    script.line(format!("  template options timeout {TEMPLATE_S}"));
    script.line(" !");
    script.line(format!(" transport udp {}", order.port));
    script.line(format!(" source {}", order.source()));
    script.line(format!(" destination {}", order.collector));
    script.line("!");
    script.part("One packet in so many, at random.");
    script.line("sampler-map WEIR");
    script.line(format!(" random 1 out-of {}", order.sampling.unwrap_or(1)));
    script.line("!");
    script.part("How long a flow is kept before it is told.");
    for (name, record) in [("WEIR4", "ipv4"), ("WEIR6", "ipv6")] {
        script.line(format!("flow monitor-map {name}"));
        script.line(format!(" record {record}"));
        script.line(" exporter WEIR");
        script.line(" cache entries 100000");
        script.line(format!(" cache timeout active {}", order.active_s));
        script.line(format!(" cache timeout inactive {}", order.inactive_s));
        script.line("!");
    }
    script.part("Interfaces keep their numbers across a reload.");
    script.line("snmp-server ifindex persist");
    script.part("On every routed interface, ingress only: each packet comes in once.");
    for interface in &order.interfaces {
        script.line(format!("interface {interface}"));
        script.line(" flow ipv4 monitor WEIR4 sampler WEIR ingress");
        script.line(" flow ipv6 monitor WEIR6 sampler WEIR ingress");
        script.line("!");
    }
    script.line("commit");
}
