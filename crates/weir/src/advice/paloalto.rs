//! Palo Alto Networks PAN-OS.

use super::order::Order;
use super::snippet::Script;
use super::{Device, Protocol, Sampling, Source, Tells, Timeout, Topic};

pub(super) const DEVICES: &[Device] = &[Device {
    name: "palo-alto",
    title: "Palo Alto Networks PAN-OS",
    also: &["paloalto", "pan-os", "panos", "pan"],
    protocols: &[Protocol::NetFlow9],
    sampling: Sampling::Never,
    exact: &[],
    active: Some(Timeout::minutes(60)),
    source: Source::ChosenInterface,
    interface: Some("ethernet1/1"),
    to_ipv6: true,
    templates: "every minute, or 20 datagrams",
    once: "the profile on every layer-3 interface: a firewall tells what comes in by it",
    tells: Tells { names: false, sampling: false },
    comment: "#",
    place: "in configuration mode (configure), without these comments (--bare leaves them out)",
    notes: &[
        "every packet is measured, there is no sampling; records are one way each, with and without NAT fields",
        "enterprise fields (App-ID, User-ID) are left out here: set export-enterprise-fields yes to have them",
        "datagrams leave by the management port unless a service route (--source INTERFACE) says otherwise",
        "the inactive timeout is the firewall's own (sessions), and interface names are not exported",
        "an aggregate's members cannot have it: put it on the aggregate (ae1)",
    ],
    check: &["show netflow", "debug dataplane show netflow statistics"],
    cures: &[
        (
            Topic::Template,
            "set shared server-profile netflow WEIR template-refresh-rate minutes 1\nset shared server-profile netflow WEIR template-refresh-rate packets 20",
        ),
        (
            Topic::Clock,
            "set deviceconfig system ntp-servers primary-ntp-server ntp-server-address 192.0.2.123",
        ),
        (Topic::Active, "set shared server-profile netflow WEIR active-timeout 1"),
        (Topic::Source, "set deviceconfig system route service netflow source interface ethernet1/1"),
    ],
    write,
}];

fn write(order: &Order, script: &mut Script) {
    let profile = "set shared server-profile netflow WEIR";
    script.part("The profile: templates every minute, running sessions this often (minutes), where to.");
    script.line(format!("{profile} template-refresh-rate minutes 1"));
    script.line(format!("{profile} template-refresh-rate packets 20"));
    script.line(format!("{profile} active-timeout {}", order.active_min()));
    script.line(format!("{profile} export-enterprise-fields no"));
    script.line(format!("{profile} server weir host {}", order.collector));
    script.line(format!("{profile} server weir port {}", order.port));
    if let Some(source) = &order.source {
        script.part("Datagrams always leave by this interface.");
        script.line(format!("set deviceconfig system route service netflow source interface {source}"));
    }
    script.part("On every interface.");
    for interface in &order.interfaces {
        let base = interface.split('.').next().unwrap_or(interface);
        let kind = if base.starts_with("ae") { "aggregate-ethernet" } else { "ethernet" };
        let unit = if interface.contains('.') { format!(" units {interface}") } else { String::new() };
        script.line(format!("set network interface {kind} {base} layer3{unit} netflow-profile WEIR"));
    }
    script.line("commit");
}
