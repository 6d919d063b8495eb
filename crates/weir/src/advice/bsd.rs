//! FreeBSD's ng_netflow, and the firewalls built on FreeBSD.

use super::order::Order;
use super::snippet::Script;
use super::{Device, Protocol, Sampling, Source, TEMPLATE_S, Tells, Timeout, Topic};

pub(super) const DEVICES: &[Device] = &[OPNSENSE, PFSENSE, FREEBSD];

const OPNSENSE: Device = Device {
    name: "opnsense",
    title: "OPNsense (its NetFlow exporter, ng_netflow)",
    also: &["opn-sense", "flowd"],
    protocols: &[Protocol::NetFlow9, Protocol::NetFlow5],
    sampling: Sampling::Never,
    exact: &[],
    active: Some(Timeout::seconds(1, 86_400)),
    source: Source::Fixed,
    interface: Some("lan"),
    to_ipv6: false,
    templates: "every 500 datagrams or 10 minutes (the kernel's own; the page has no field for it)",
    once: "internal interfaces only: the WAN would show the same traffic again behind NAT, with other addresses",
    tells: Tells { names: false, sampling: false },
    comment: "#",
    place: "in a shell of the firewall with an API key, or by hand in Reporting > NetFlow",
    notes: &[
        "list the inside interfaces (lan, opt1): traffic of the WAN is on one of them, too, unless it is the \
         firewall's own; a parent interface beside its VLANs counts twice as well",
        "until the first template comes, data waits at weir and is counted then",
        "the local collector (Insight) is not needed for export; with it, its address is a second destination",
        "it does not sample, and interface names are not exported: name those you use in weir.toml",
        "to meter with softflowd instead (one interface, both directions): weir exporter-config softflowd",
    ],
    check: &["ngctl list | grep netflow", "flowctl netflow_em0: show", "Reporting > NetFlow > Cache"],
    cures: &[
        (Topic::Template, "ngctl msg netflow_em0: settemplate '{ time=60 packets=500 }'"),
        (Topic::Clock, "Services > Network Time: a server"),
        (Topic::Active, "Reporting > NetFlow: Active timeout 60"),
        (Topic::Ingress, "Reporting > NetFlow: Listening interfaces without WAN"),
    ],
    write: opnsense,
};

const PFSENSE: Device = Device {
    name: "pfsense",
    title: "pfSense (package softflowd)",
    also: &["pf-sense", "netgate"],
    protocols: &[Protocol::NetFlow9, Protocol::Ipfix, Protocol::NetFlow5],
    sampling: Sampling::Optional(65_535),
    active: Some(Timeout::seconds(1, 86_400)),
    interface: Some("WAN"),
    to_ipv6: true,
    templates: "every 16 datagrams (softflowd's own)",
    once: "one interface that all counted traffic passes; softflowd sees both directions of it",
    tells: Tells { names: false, sampling: true },
    place: "in the pages, after System > Package Manager > Available Packages > softflowd",
    notes: &[
        "take LAN to see inside addresses, or WAN to see the public one: not both, which counts twice",
        "pfSense Plus 24.03 and later can export from the packet filter itself (Firewall > NetFlow): the same values, \
         IPFIX, port and timeouts",
        "interface names are not exported: name those you use in weir.toml",
    ],
    check: &["ps ax | grep softflowd", "softflowctl -c /var/run/softflowd.wan.ctl statistics"],
    cures: &[
        (Topic::Clock, "System > General Setup: NTP servers, Timezone"),
        (Topic::Active, "Services > softflowd: Maximum Lifetime 60"),
        (Topic::Ingress, "Services > softflowd: Interface, only one of LAN and WAN"),
    ],
    write: pfsense,
    ..OPNSENSE
};

const FREEBSD: Device = Device {
    name: "freebsd",
    title: "FreeBSD (ng_netflow)",
    also: &["ng_netflow", "ng-netflow", "ngctl", "netgraph"],
    protocols: &[Protocol::NetFlow9, Protocol::NetFlow5],
    source: Source::Chosen,
    interface: Some("em0"),
    templates: "every 60 s",
    once: "conf=1: what comes in by each interface, nothing of what leaves",
    place: "in a root shell, and in a script at boot (/etc/rc.local)",
    notes: &[
        "v5 carries no IPv6; ng_netflow does not sample",
        "the index given to an interface is the one in the records: the kernel's, as ifconfig -v shows it; names are \
         not exported: name those you use in weir.toml",
        "behind NAT: meter the inside interface, the outside one shows translated addresses",
    ],
    check: &["ngctl msg weir: info", "flowctl weir: show"],
    cures: &[
        (Topic::Template, "ngctl msg weir: settemplate '{ time=60 packets=500 }'"),
        (Topic::Clock, "sysrc ntpd_enable=YES ntpd_sync_on_start=YES && service ntpd start"),
        (Topic::Active, "ngctl msg weir: settimeouts '{ inactive=15 active=60 }'"),
        (Topic::Ingress, "ngctl msg weir: setconfig '{ iface=0 conf=1 }'"),
        (Topic::Source, "ngctl msg weir:export9 bind inet/192.0.2.1:0"),
    ],
    write: freebsd,
    ..OPNSENSE
};

fn opnsense(order: &Order, script: &mut Script) {
    let interfaces = order.interfaces.join(",");
    script.part("What Reporting > NetFlow holds, set by its API; KEY and SECRET are in the environment.");
    script.line("curl -sk -u \"$KEY:$SECRET\" -H 'Content-Type: application/json' \\");
    script.line("  https://127.0.0.1/api/diagnostics/netflow/setconfig -d '{\"netflow\": {");
    script.line(format!(
        "    \"capture\": {{\"interfaces\": \"{interfaces}\", \"egress_only\": \"\", \"version\": \"v{}\", \"targets\": \"{}\"}},",
        order.protocol.number(),
        order.target()
    ));
    script.line(format!(
        "    \"collect\": {{\"enable\": \"0\"}}, \"activeTimeout\": \"{}\", \"inactiveTimeout\": \"{}\"}}}}'",
        order.active_s, order.inactive_s
    ));
    script.line("curl -sk -u \"$KEY:$SECRET\" -X POST https://127.0.0.1/api/diagnostics/netflow/reconfigure");
}

fn pfsense(order: &Order, script: &mut Script) {
    script.part("Fields of Services > softflowd, and what to put into them.");
    script.line(format!("Interface          {}", order.interfaces.join(", ")));
    script.line(format!("Host               {}", order.collector));
    script.line(format!("Port               {}", order.port));
    script.line(format!(
        "Sampling           {}",
        order.sampling.map_or_else(|| "(empty)".to_owned(), |n| n.to_string())
    ));
    script.line(format!("Netflow version    {}", order.protocol.number()));
    script.line("Flow Tracking Level  full");
    script.line(format!("Maximum Lifetime   {}", order.active_s));
    script.line("Expire Interval    10");
    for field in ["General", "TCP", "TCP RST", "TCP FIN", "UDP"] {
        script.line(format!("{field:<18} {}", order.inactive_s));
    }
}

fn freebsd(order: &Order, script: &mut Script) {
    let export = if order.is(Protocol::NetFlow9) { "export9" } else { "export" };
    script.part("The modules.");
    script.line("kldload -n ng_ether ng_netflow ng_ksocket");
    script
        .part("Each interface's packets pass the meter on their way in; timeouts, templates, and where to.");
    script.line("ngctl -f - <<'EOF'");
    for (i, interface) in order.interfaces.iter().enumerate() {
        if i == 0 {
            script.line(format!("mkpeer {interface}: netflow lower iface0"));
            script.line(format!("name {interface}:lower weir"));
        } else {
            script.line(format!("connect {interface}: weir: lower iface{i}"));
        }
        script.line(format!("connect {interface}: weir: upper out{i}"));
        script.line(format!("msg weir: setconfig {{ iface={i} conf=1 }}"));
    }
    script
        .line(format!("msg weir: settimeouts {{ inactive={} active={} }}", order.inactive_s, order.active_s));
    if order.is(Protocol::NetFlow9) {
        script.line(format!("msg weir: settemplate {{ time={TEMPLATE_S} packets=500 }}"));
    }
    script.line(format!("mkpeer weir: ksocket {export} inet/dgram/udp"));
    if let Some(source) = &order.source {
        script.line(format!("msg weir:{export} bind inet/{source}:0"));
    }
    script.line(format!("msg weir:{export} connect inet/{}", order.target()));
    script.line("EOF");
    script.part("Each interface under its own index.");
    for (i, interface) in order.interfaces.iter().enumerate() {
        script.line(format!(
            "ngctl msg weir: setifindex \"{{ iface={i} index=$(ifconfig -v {interface} | sed -n 's/.*index \\([0-9]*\\).*/\\1/p') }}\""
        ));
    }
}
