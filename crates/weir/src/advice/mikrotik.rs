//! MikroTik RouterOS 7.

use super::order::Order;
use super::snippet::Script;
use super::{Device, Protocol, Sampling, Source, Tells, Timeout, Topic};

pub(super) const DEVICES: &[Device] = &[Device {
    name: "mikrotik",
    title: "MikroTik RouterOS 7",
    also: &["routeros", "ros", "mikrotik-routeros", "rb"],
    protocols: &[Protocol::NetFlow9, Protocol::Ipfix, Protocol::NetFlow5],
    sampling: Sampling::Optional(65_535),
    exact: &[],
    active: Some(Timeout::minutes(60)),
    source: Source::Chosen,
    interface: None,
    to_ipv6: true,
    templates: "every minute, or 20 datagrams",
    once: "the router meters a packet once on its way through, with both interfaces in the record",
    tells: Tells { names: false, sampling: false },
    comment: "#",
    place: "in a terminal of the router",
    notes: &[
        "RouterOS sends no options data: no interface names, and not a word of sampling; packet-sampling came with 7.1",
        "it meters what its CPU forwards: what a switch chip or L3 hardware offloading forwards is not seen, so \
         compare with the interface's counters (/interface print stats)",
        "behind NAT a download names the inside host only in its post-NAT fields, which v5 has not: take v9 or IPFIX",
        "the default active timeout is 30 minutes, and 1 minute the least",
    ],
    check: &["/ip/traffic-flow/print", "/ip/traffic-flow/target/print", "/tool/sniffer/quick port=2055"],
    cures: &[
        (Topic::Template, "/ip/traffic-flow/target/set [find] v9-template-timeout=1m v9-template-refresh=20"),
        (Topic::Sampling, "/ip/traffic-flow/set packet-sampling=no"),
        (Topic::Clock, "/system/ntp/client/set enabled=yes servers=192.0.2.123"),
        (Topic::Active, "/ip/traffic-flow/set active-flow-timeout=1m"),
        (Topic::Ingress, "/ip/traffic-flow/set interfaces=all"),
        (Topic::Source, "/ip/traffic-flow/target/set [find] src-address=192.0.2.1"),
    ],
    write,
}];

fn write(order: &Order, script: &mut Script) {
    let interfaces = if order.interfaces.is_empty() { "all".to_owned() } else { order.interfaces.join(",") };
    script.part("What is metered, and how long a flow is kept before it is told.");
    script.line(format!(
        "/ip/traffic-flow/set enabled=yes interfaces={interfaces} cache-entries=64k \
         active-flow-timeout={}m inactive-flow-timeout={}s",
        order.active_min(),
        order.inactive_s
    ));
    if let Some(n) = order.sampling {
        script.part("One packet is taken, and so many are left out.");
        script.line(format!(
            "/ip/traffic-flow/set packet-sampling=yes sampling-interval=1 sampling-space={}",
            n - 1
        ));
    } else {
        script.line("/ip/traffic-flow/set packet-sampling=no");
    }
    script.part("Where to.");
    let version = match order.protocol {
        Protocol::Ipfix => "ipfix",
        Protocol::NetFlow5 => "5",
        Protocol::NetFlow9 | Protocol::Sflow => "9",
    };
    let refresh =
        if order.protocol.has_templates() { " v9-template-refresh=20 v9-template-timeout=1m" } else { "" };
    let source = order.source.as_ref().map_or_else(String::new, |source| format!(" src-address={source}"));
    script.line(format!(
        "/ip/traffic-flow/target/add dst-address={} port={}{source} version={version}{refresh}",
        order.collector, order.port
    ));
}
