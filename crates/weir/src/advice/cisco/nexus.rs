//! NX-OS: Nexus 9000 (and 3000), and the Nexus 7000 with its other timeouts.

use crate::advice::order::Order;
use crate::advice::snippet::Script;
use crate::advice::{Device, Protocol, Sampling, Source, TEMPLATE_S, Tells, Timeout, Topic};

pub(super) const N9000: Device = Device {
    name: "cisco-nx-os",
    title: "Cisco NX-OS (Nexus 9000)",
    also: &["nx-os", "nxos", "nexus", "nexus-9000", "n9k"],
    protocols: &[Protocol::NetFlow9],
    sampling: Sampling::Optional(65_536),
    exact: &[],
    active: Some(Timeout::seconds(5, 60)),
    source: Source::Interface("loopback0"),
    interface: Some("Ethernet1/1"),
    to_ipv6: true,
    templates: "every 60 s",
    once: "input only (NX-OS has no output NetFlow), on every routed interface",
    tells: Tells { names: true, sampling: true },
    comment: "!",
    place: "in configuration mode (configure terminal)",
    notes: &[
        "sampling is mode 1 out-of N, M packets of every N; 9300-EX, -FX and -GX keep every flow in hardware and \
         refuse a sampler: leave --sampling out there; 9500 with -R line cards only sample: give it there",
        "it has one timeout, not two: a flow is told when the table is flushed, every 5 to 60 seconds",
        "if the TCAM has no room: hardware access-list tcam region ing-netflow 512, and reload",
        "a flow that leaves by mgmt0 needs use-vrf management behind the destination",
    ],
    check: &["show flow exporter WEIR", "show flow cache ipv4", "show flow interface"],
    cures: CURES,
    write: n9000,
};

pub(super) const N7000: Device = Device {
    name: "cisco-nexus-7000",
    title: "Cisco NX-OS (Nexus 7000 and 7700)",
    also: &["nexus-7000", "n7k", "nexus-7700"],
    active: Some(Timeout::seconds(60, 4092)),
    notes: &[
        "sampling is mode 1 out-of N, M packets of every N: F2, F2e and F3 modules only sample (give --sampling), M \
         modules keep every flow",
        "M modules have the active and inactive timeouts below; F modules take only flow timeout SECONDS",
        "a flow that leaves by mgmt0 needs use-vrf management behind the destination",
    ],
    write: n7000,
    ..N9000
};

const CURES: &[(Topic, &str)] = &[
    (Topic::Template, "flow exporter WEIR\n version 9\n  template data timeout 60"),
    (Topic::Sampling, "flow exporter WEIR\n version 9\n  option sampler-table timeout 60"),
    (Topic::Clock, "ntp server 192.0.2.123\nclock timezone UTC 0 0"),
    (Topic::Active, "flow timeout 60"),
    (Topic::Ingress, "interface Ethernet1/1\n no ip flow monitor WEIR4 output\n ip flow monitor WEIR4 input"),
    (Topic::Source, "flow exporter WEIR\n source loopback0"),
];

fn n9000(order: &Order, script: &mut Script) {
    script.part("NetFlow is a feature to be switched on; flows are told this often.");
    script.line("feature netflow");
    script.line(format!("flow timeout {}", order.active_s));
    rest(order, script);
}

fn n7000(order: &Order, script: &mut Script) {
    script.part("NetFlow is a feature to be switched on; how long a flow is kept before it is told.");
    script.line("feature netflow");
    script.line(format!("flow timeout active {}", order.active_s));
    script.line(format!("flow timeout inactive {}", order.inactive_s.max(15)));
    rest(order, script);
}

fn rest(order: &Order, script: &mut Script) {
    script.part("What makes a flow, and what is measured; the switch adds the interfaces itself.");
    for (name, family) in [("WEIR4", "ipv4"), ("WEIR6", "ipv6")] {
        script.line(format!("flow record {name}"));
        script.line(format!(" match {family} source address"));
        script.line(format!(" match {family} destination address"));
        script.block(&[
            " match ip protocol",
            " match ip tos",
            " match transport source-port",
            " match transport destination-port",
            " collect transport tcp flags",
            " collect counter bytes long",
            " collect counter packets long",
            " collect timestamp sys-uptime first",
            " collect timestamp sys-uptime last",
        ]);
    }
    script.part("Where to: templates, interface names and samplers are told every minute.");
    script.line("flow exporter WEIR");
    script.line(format!(" destination {}", order.collector));
    script.line(format!(" source {}", order.source()));
    script.line(format!(" transport udp {}", order.port));
    script.line(" version 9");
    script.line(format!("  template data timeout {TEMPLATE_S}"));
    for option in ["interface-table", "sampler-table", "exporter-stats"] {
        script.line(format!("  option {option} timeout {TEMPLATE_S}"));
    }
    for name in ["WEIR4", "WEIR6"] {
        script.line(format!("flow monitor {name}"));
        script.line(format!(" record {name}"));
        script.line(" exporter WEIR");
    }
    let mut sampler = "";
    if let Some(n) = order.sampling {
        script.part("One packet in so many.");
        script.line("sampler WEIR");
        script.line(format!(" mode 1 out-of {n}"));
        sampler = " sampler WEIR";
    }
    script.part("On every routed interface, input only: each packet comes in once.");
    for interface in &order.interfaces {
        script.line(format!("interface {interface}"));
        script.line(format!(" ip flow monitor WEIR4 input{sampler}"));
        script.line(format!(" ipv6 flow monitor WEIR6 input{sampler}"));
    }
}
