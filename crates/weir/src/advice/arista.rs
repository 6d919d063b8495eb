//! Arista EOS: sFlow, and sampled flow tracking with IPFIX.

use super::order::Order;
use super::snippet::Script;
use super::{Device, Protocol, Sampling, Source, TEMPLATE_S, Tells, Timeout, Topic};

/// EOS takes a smaller interval only with a word of warning in the command.
const DANGEROUS: u32 = 16_384;

pub(super) const DEVICES: &[Device] = &[Device {
    name: "arista",
    title: "Arista EOS",
    also: &["eos", "arista-eos"],
    protocols: &[Protocol::Sflow, Protocol::Ipfix],
    sampling: Sampling::Always(16_384, 16_777_216),
    exact: &[],
    active: Some(Timeout::seconds(1, 3600)),
    source: Source::Interface("Loopback0"),
    interface: Some("Ethernet1"),
    to_ipv6: true,
    templates: "every 60 s",
    once: "ingress only: sFlow's egress sampling stays off, flow trackers see what comes in",
    tells: Tells { names: true, sampling: true },
    comment: "!",
    place: "in configuration mode (configure)",
    notes: &[
        "sFlow runs on every platform; --protocol ipfix (flow tracking sampled) needs EOS 4.23 or later and a platform \
         that has it; where it says so, flow tracking hardware takes the same lines",
        "intervals below 16384 are dangerous to EOS: see show sflow for dropped samples",
    ],
    check: &["show sflow", "show flow tracking sampled", "show flow tracking sampled counters"],
    cures: &[
        (
            Topic::Template,
            "flow tracking sampled\n tracker WEIR\n  exporter WEIR\n   template interval 60000",
        ),
        (Topic::Clock, "ntp server 192.0.2.123\nclock timezone UTC"),
        (Topic::Active, "flow tracking sampled\n tracker WEIR\n  record export on interval 60000"),
        (Topic::Ingress, "no sflow interface egress enable default"),
        (Topic::Source, "sflow source-interface Loopback0"),
        (Topic::Load, "sflow sample 16384"),
    ],
    write,
}];

fn write(order: &Order, script: &mut Script) {
    let n = order.sampling.unwrap_or(1);
    if order.is(Protocol::Ipfix) { tracking(order, n, script) } else { sflow(order, n, script) }
}

fn sflow(order: &Order, n: u32, script: &mut Script) {
    script.part("One packet in so many, of those that come in; counters every 30 seconds.");
    script.line(format!("sflow sample {}{n}", if n < DANGEROUS { "dangerous " } else { "" }));
    script.line("sflow polling-interval 30");
    script.part("Where to, and from whom.");
    script.line(format!("sflow destination {} {}", order.collector, order.port));
    script.line(format!("sflow source-interface {}", order.source()));
    script.part("On every interface.");
    script.line("sflow run");
    for interface in &order.interfaces {
        script.line(format!("interface {interface}"));
        script.line("   sflow enable");
    }
}

fn tracking(order: &Order, n: u32, script: &mut Script) {
    script.part("One packet in so many; timeouts and templates in milliseconds.");
    script.line("flow tracking sampled");
    script.line(format!("   sample {n}"));
    script.line("   tracker WEIR");
    script.line(format!("      record export on inactive timeout {}", order.inactive_s * 1000));
    script.line(format!("      record export on interval {}", order.active_s * 1000));
    script.part("Where to.");
    script.line("      exporter WEIR");
    script.line("         format ipfix version 10");
    script.line(format!("         collector {} port {}", order.collector, order.port));
    script.line(format!("         local interface {}", order.source()));
    script.line(format!("         template interval {}", TEMPLATE_S * 1000));
    script.line("   no shutdown");
    script.part("On every interface; a tracker sees what comes in.");
    for interface in &order.interfaces {
        script.line(format!("interface {interface}"));
        script.line("   flow tracker sampled WEIR");
    }
}
