//! Juniper: inline jflow of the MX (and PTX), the SRX, and sFlow of the EX and QFX.

use super::order::Order;
use super::snippet::Script;
use super::{Device, Protocol, Sampling, Source, TEMPLATE_S, Tells, Timeout, Topic};

pub(super) const DEVICES: &[Device] = &[MX, SRX, EX];

const MX: Device = Device {
    name: "junos",
    title: "Juniper Junos (MX and PTX, inline jflow)",
    also: &["juniper", "mx", "junos-mx", "jflow", "ptx"],
    protocols: &[Protocol::Ipfix, Protocol::NetFlow9],
    sampling: Sampling::Always(1000, 16_000_000),
    exact: &[],
    active: Some(Timeout::seconds(10, 600)),
    source: Source::Address,
    interface: Some("ge-0/0/0.0"),
    to_ipv6: true,
    templates: "every 60 s",
    once: "sampling input only, on every unit with family inet or inet6",
    tells: Tells { names: false, sampling: true },
    comment: "#",
    place: "in configuration mode (configure), and commit",
    notes: &[
        "inline jflow always samples: 1 packet in 1000 unless --sampling says otherwise; --sampling 1 is every packet, \
         as far as the line card's flow table goes",
        "flows are told at multiples of 60 seconds from the active timeout on",
        "interface names are not exported: name those you use in weir.toml, by show interfaces … | match SNMP",
        "flex-flow-sizing gives IPv4 and IPv6 one table; a line card without it takes flow-table-size instead \
         (and restarts its FPC)",
    ],
    check: &[
        "show services accounting flow inline-jflow fpc-slot 0",
        "show services accounting errors inline-jflow fpc-slot 0",
        "show services accounting status inline-jflow fpc-slot 0",
    ],
    cures: &[
        (
            Topic::Template,
            "set services flow-monitoring version-ipfix template WEIR4 template-refresh-rate seconds 60",
        ),
        (
            Topic::Sampling,
            "set services flow-monitoring version-ipfix template WEIR4 option-refresh-rate seconds 60",
        ),
        (Topic::Clock, "set system ntp server 192.0.2.123\nset system time-zone UTC"),
        (Topic::Active, "set services flow-monitoring version-ipfix template WEIR4 flow-active-timeout 60"),
        (Topic::Ingress, "delete interfaces ge-0/0/0 unit 0 family inet sampling output"),
        (
            Topic::Source,
            "set forwarding-options sampling instance WEIR family inet output inline-jflow source-address 192.0.2.1",
        ),
        (
            Topic::Load,
            "set forwarding-options sampling instance WEIR family inet output inline-jflow flow-export-rate 10",
        ),
    ],
    write: inline,
};

const SRX: Device = Device {
    name: "junos-srx",
    title: "Juniper Junos (SRX)",
    also: &["srx", "vsrx"],
    protocols: &[Protocol::NetFlow9],
    notes: &[
        "the SRX samples with the same commands as the MX and exports v9; --sampling 1 is every packet",
        "flows are told at multiples of 60 seconds from the active timeout on",
        "interface names are not exported: name those you use in weir.toml",
    ],
    check: &["show services accounting flow inline-jflow", "show services accounting errors inline-jflow"],
    cures: &[
        (
            Topic::Template,
            "set services flow-monitoring version9 template WEIR4 template-refresh-rate seconds 60",
        ),
        (
            Topic::Sampling,
            "set services flow-monitoring version9 template WEIR4 option-refresh-rate seconds 60",
        ),
        (Topic::Clock, "set system ntp server 192.0.2.123\nset system time-zone UTC"),
        (Topic::Active, "set services flow-monitoring version9 template WEIR4 flow-active-timeout 60"),
        (Topic::Ingress, "delete interfaces ge-0/0/0 unit 0 family inet sampling output"),
        (
            Topic::Source,
            "set forwarding-options sampling instance WEIR family inet output inline-jflow source-address 192.0.2.1",
        ),
    ],
    write: inline,
    ..MX
};

const EX: Device = Device {
    name: "junos-sflow",
    title: "Juniper Junos (EX and QFX, sFlow)",
    also: &["ex", "qfx", "junos-ex", "junos-qfx"],
    protocols: &[Protocol::Sflow],
    sampling: Sampling::Always(1000, 16_777_215),
    active: None,
    templates: "",
    once: "sample-rate ingress only, on every interface",
    notes: &["sFlow on the EX and QFX takes an IPv4 collector on most releases"],
    check: &["show sflow", "show sflow collector"],
    cures: &[
        (Topic::Clock, "set system ntp server 192.0.2.123\nset system time-zone UTC"),
        (Topic::Ingress, "delete protocols sflow sample-rate egress"),
        (Topic::Source, "set protocols sflow agent-id 192.0.2.1\nset protocols sflow source-ip 192.0.2.1"),
        (Topic::Load, "set protocols sflow sample-rate ingress 4096"),
    ],
    write: sflow,
    ..MX
};

fn inline(order: &Order, script: &mut Script) {
    let version = if order.is(Protocol::Ipfix) { "version-ipfix" } else { "version9" };
    script.part("How long a flow is kept, and how often templates and options come, in seconds.");
    for (name, family) in [("WEIR4", "ipv4-template"), ("WEIR6", "ipv6-template")] {
        let template = format!("set services flow-monitoring {version} template {name}");
        script.line(format!("{template} {family}"));
        script.line(format!("{template} flow-active-timeout {}", order.active_s));
        script.line(format!("{template} flow-inactive-timeout {}", order.inactive_s.max(10)));
        script.line(format!("{template} template-refresh-rate seconds {TEMPLATE_S}"));
        script.line(format!("{template} option-refresh-rate seconds {TEMPLATE_S}"));
    }
    script.part("The sampling instance: one packet in so many, and where to.");
    let instance = "set forwarding-options sampling instance WEIR";
    script.line(format!("{instance} input rate {}", order.sampling.unwrap_or(1)));
    for (family, name) in [("inet", "WEIR4"), ("inet6", "WEIR6")] {
        let server = format!("{instance} family {family} output flow-server {}", order.collector);
        script.line(format!("{server} port {}", order.port));
        script.line(format!("{server} {version} template {name}"));
        script.line(format!(
            "{instance} family {family} output inline-jflow source-address {}",
            order.source()
        ));
    }
    script.part("The instance on every line card that has such an interface.");
    let mut cards: Vec<u32> = order.interfaces.iter().map(|name| card(name)).collect();
    cards.sort_unstable();
    cards.dedup();
    for card in cards {
        script.line(format!("set chassis fpc {card} sampling-instance WEIR"));
        script.line(format!("set chassis fpc {card} inline-services flex-flow-sizing"));
    }
    script.part("On every unit, input only: each packet comes in once.");
    for interface in &order.interfaces {
        let (name, unit) = interface.split_once('.').unwrap_or((interface, "0"));
        script.line(format!("set interfaces {name} unit {unit} family inet sampling input"));
        script.line(format!("set interfaces {name} unit {unit} family inet6 sampling input"));
    }
    script.line("commit");
}

/// The line card of an interface: 2 of `xe-2/0/1`; 0 where the name has none.
fn card(interface: &str) -> u32 {
    let place = interface.split_once('-').map_or("", |(_, place)| place);
    place.split_once('/').and_then(|(card, _)| card.parse().ok()).unwrap_or(0)
}

fn sflow(order: &Order, script: &mut Script) {
    script.part("Who it is, and where to.");
    script.line(format!("set protocols sflow agent-id {}", order.source()));
    script.line(format!("set protocols sflow source-ip {}", order.source()));
    script.line(format!("set protocols sflow collector {} udp-port {}", order.collector, order.port));
    script.part("One packet in so many, of those that come in.");
    script.line(format!("set protocols sflow sample-rate ingress {}", order.sampling.unwrap_or(1)));
    script.line("set protocols sflow polling-interval 30");
    script.part("On every interface.");
    for interface in &order.interfaces {
        let unit = if interface.contains('.') { "" } else { ".0" };
        script.line(format!("set protocols sflow interfaces {interface}{unit}"));
    }
    script.line("commit");
}

#[cfg(test)]
mod tests {
    use super::card;

    #[test]
    fn line_cards_are_in_the_names() {
        assert_eq!(card("xe-2/0/1.0"), 2);
        assert_eq!(card("et-11/1/0"), 11);
        assert_eq!(card("ae0.100"), 0);
        assert_eq!(card("irb.5"), 0);
    }
}
