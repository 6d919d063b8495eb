//! Switches that speak sFlow: Extreme, Aruba, HPE.

use super::order::Order;
use super::snippet::Script;
use super::{Device, Protocol, Sampling, Source, Tells, Topic};

pub(super) const DEVICES: &[Device] = &[EXTREME, ARUBA_CX, PROCURVE];

const EXTREME: Device = Device {
    name: "extreme",
    title: "Extreme Networks (EXOS, Switch Engine; sFlow)",
    also: &["exos", "extremexos", "switch-engine"],
    protocols: &[Protocol::Sflow],
    sampling: Sampling::Always(1024, 536_870_912),
    exact: &[],
    active: None,
    source: Source::Address,
    interface: Some("all"),
    to_ipv6: false,
    templates: "",
    once: "ingress only, on every port",
    tells: Tells { names: false, sampling: true },
    comment: "#",
    place: "at the prompt",
    notes: &[
        "hardware takes powers of two and rounds other intervals; what it uses is what its samples say",
        "a collector behind the management port: vr VR-Mgmt instead of VR-Default",
    ],
    check: &["show sflow", "show sflow statistics"],
    cures: &[
        (Topic::Clock, "configure sntp-client primary 192.0.2.123\nenable sntp-client"),
        (Topic::Ingress, "enable sflow ports all ingress"),
        (Topic::Source, "configure sflow agent ipaddress 192.0.2.1"),
        (Topic::Load, "configure sflow sample-rate 4096"),
    ],
    write: extreme,
};

const ARUBA_CX: Device = Device {
    name: "aruba-cx",
    title: "HPE Aruba AOS-CX (sFlow)",
    also: &["aruba", "aos-cx", "arubaos-cx"],
    sampling: Sampling::Always(1024, 1_000_000_000),
    interface: Some("1/1/1"),
    to_ipv6: true,
    once: "mode ingress, on every interface",
    comment: "!",
    place: "in configuration mode (configure terminal)",
    notes: &["a collector behind the management port: vrf mgmt instead of vrf default"],
    check: &["show sflow", "show sflow interface 1/1/1"],
    cures: &[
        (Topic::Clock, "ntp server 192.0.2.123\nntp enable"),
        (Topic::Ingress, "sflow mode ingress"),
        (Topic::Source, "sflow agent-ip 192.0.2.1"),
        (Topic::Load, "sflow sampling 4096"),
    ],
    write: aruba_cx,
    ..EXTREME
};

const PROCURVE: Device = Device {
    name: "hp-procurve",
    title: "HPE ProCurve and ArubaOS-Switch (sFlow)",
    also: &["procurve", "aruba-os-switch", "arubaos-switch", "hp", "hpe", "aos-s"],
    sampling: Sampling::Always(1024, 16_441_700),
    source: Source::Fixed,
    interface: Some("all"),
    to_ipv6: true,
    once: "ports sample what comes in",
    comment: ";",
    place: "in configuration mode (configure)",
    notes: &[
        "the first of three receivers is used; the agent address is that of the VLAN towards the collector",
    ],
    check: &["show sflow 1 destination", "show sflow 1 sampling-polling all"],
    cures: &[
        (Topic::Clock, "sntp server priority 1 192.0.2.123\nsntp unicast\ntimesync sntp"),
        (Topic::Load, "sflow 1 sampling all 4096"),
    ],
    write: procurve,
    ..EXTREME
};

fn extreme(order: &Order, script: &mut Script) {
    script.part("Who it is, and where to.");
    script.line(format!("configure sflow agent ipaddress {}", order.source()));
    script.line(format!(
        "configure sflow collector ipaddress {} port {} vr VR-Default",
        order.collector, order.port
    ));
    script.part("One packet in so many; counters every 30 seconds.");
    script.line(format!("configure sflow sample-rate {}", order.sampling.unwrap_or(1)));
    script.line("configure sflow poll-interval 30");
    script.part("On every port, what comes in.");
    script.line("enable sflow");
    for ports in &order.interfaces {
        script.line(format!("enable sflow ports {ports} ingress"));
    }
    script.line("save configuration");
}

fn aruba_cx(order: &Order, script: &mut Script) {
    script.part("Who it is, and where to.");
    script.line(format!("sflow agent-ip {}", order.source()));
    script.line(format!("sflow collector {} port {} vrf default", order.collector, order.port));
    script.part("One packet in so many of what comes in; counters every 30 seconds.");
    script.line(format!("sflow sampling {}", order.sampling.unwrap_or(1)));
    script.line("sflow polling 30");
    script.line("sflow mode ingress");
    script.part("Everywhere.");
    script.line("sflow");
    for interface in &order.interfaces {
        script.line(format!("interface {interface}"));
        script.line("    sflow");
    }
}

fn procurve(order: &Order, script: &mut Script) {
    script.part("Where to.");
    script.line(format!("sflow 1 destination {} {}", order.collector, order.port));
    script.part("On every port, one packet in so many of what comes in; counters every 30 seconds.");
    for ports in &order.interfaces {
        script.line(format!("sflow 1 sampling {ports} {}", order.sampling.unwrap_or(1)));
        script.line(format!("sflow 1 polling {ports} 30"));
    }
}
