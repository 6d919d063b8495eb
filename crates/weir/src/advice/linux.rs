//! Meters inside a Linux machine: the ipt_NETFLOW module, Host sFlow, Open vSwitch.

use super::order::Order;
use super::snippet::Script;
use super::{Device, Protocol, Sampling, Source, Tells, Timeout, Topic};

pub(super) const DEVICES: &[Device] = &[IPT_NETFLOW, HSFLOWD, OPENVSWITCH];

const IPT_NETFLOW: Device = Device {
    name: "ipt-netflow",
    title: "Linux kernel module ipt_NETFLOW",
    also: &["ipt_netflow", "iptables", "linux", "iptables-netflow"],
    protocols: &[Protocol::Ipfix, Protocol::NetFlow9, Protocol::NetFlow5],
    sampling: Sampling::Optional(16_383),
    exact: &[],
    active: Some(Timeout::seconds(1, 3600)),
    source: Source::Chosen,
    interface: None,
    to_ipv6: true,
    templates: "every minute, or 20 datagrams",
    once: "FORWARD, INPUT and OUTPUT: a packet passes exactly one of them",
    tells: Tells { names: true, sampling: true },
    comment: "#",
    place: "in a root shell (Debian: apt install iptables-netflow-dkms); the first line keeps it across a reboot",
    notes: &[
        "its sampler leaves out whole flows, not packets, and exists only when built with --enable-sampler: leave \
         --sampling out where you can",
        "where nftables rules, the same by nft is not possible: the module is an iptables target",
        "in FORWARD addresses are those inside of source NAT: the inside host is accounted",
    ],
    check: &["cat /proc/net/stat/ipt_netflow", "iptables -L -nvx | grep NETFLOW"],
    cures: &[
        (Topic::Template, "sysctl net.netflow.timeout-rate=1 net.netflow.refresh-rate=20"),
        (Topic::Clock, "timedatectl set-ntp true"),
        (Topic::Active, "sysctl net.netflow.active_timeout=60"),
        (Topic::Ingress, "iptables -D PREROUTING -t raw -j NETFLOW ; iptables -I FORWARD -j NETFLOW"),
        (Topic::Source, "sysctl net.netflow.destination=192.0.2.10:2055@192.0.2.1"),
        (Topic::Load, "sysctl net.netflow.sndbuf=4194304 net.netflow.hashsize=1048576"),
    ],
    write: ipt_netflow,
};

const HSFLOWD: Device = Device {
    name: "hsflowd",
    title: "Host sFlow (hsflowd)",
    also: &["host-sflow", "hostsflow"],
    protocols: &[Protocol::Sflow],
    sampling: Sampling::Always(400, 16_777_215),
    active: None,
    source: Source::ChosenInterface,
    interface: Some("eth0"),
    templates: "",
    once: "one interface that all counted traffic passes: both directions of it are sampled",
    place: "in /etc/hsflowd.conf, and restart: systemctl restart hsflowd",
    notes: &[
        "a second pcap interface on a machine that routes counts twice",
        "counters of all interfaces and of the host come along, and are no traffic to weir",
    ],
    check: &["systemctl status hsflowd", "cat /etc/hsflowd.auto", "tcpdump -ni any udp port 2055"],
    cures: &[
        (Topic::Clock, "timedatectl set-ntp true"),
        (Topic::Ingress, "pcap { dev = eth0 }   (one interface only)"),
        (Topic::Source, "agent = eth0"),
        (Topic::Load, "sampling = 4000"),
    ],
    write: hsflowd,
    ..IPT_NETFLOW
};

const OPENVSWITCH: Device = Device {
    name: "openvswitch",
    title: "Open vSwitch",
    also: &["ovs", "open-vswitch"],
    protocols: &[Protocol::Sflow, Protocol::Ipfix, Protocol::NetFlow5],
    sampling: Sampling::Always(64, 4_294_967_295),
    exact: &[Protocol::NetFlow5],
    active: Some(Timeout::seconds(1, 4200)),
    source: Source::ChosenInterface,
    interface: Some("br0"),
    to_ipv6: false,
    templates: "every 10 minutes (its own; it has no setting for it)",
    once: "one bridge that all counted traffic passes (--interface is the bridge); IPFIX without output sampling",
    tells: Tells { names: false, sampling: true },
    place: "in a root shell; it is kept in the switch's database",
    notes: &[
        "IPFIX: its counts are multiplied by the interval already, and it tells each packet twice, in and out, unless \
         output sampling is off; the switch takes that option the wrong way round (seen in 3.1: true is off), so if weir \
         doctor finds traffic counted twice, write false",
        "IPFIX has no inactive timeout; after a restart weir keeps data until the template comes, at most 10 minutes",
        "NetFlow v5: octets are frames' (14 more a packet), every packet, and IPv4 only: take sFlow or IPFIX to bill",
        "--source is the interface whose address sFlow datagrams name (agent)",
    ],
    check: &["ovs-vsctl list sflow", "ovs-vsctl list ipfix", "ovs-vsctl list netflow"],
    cures: &[
        (Topic::Clock, "timedatectl set-ntp true"),
        (Topic::Active, "ovs-vsctl set ipfix $(ovs-vsctl get bridge br0 ipfix) cache_active_timeout=60"),
        (
            Topic::Ingress,
            "ovs-vsctl set ipfix $(ovs-vsctl get bridge br0 ipfix) other_config:enable-output-sampling=true",
        ),
        (Topic::Load, "ovs-vsctl set sflow $(ovs-vsctl get bridge br0 sflow) sampling=1000"),
    ],
    write: openvswitch,
    ..IPT_NETFLOW
};

fn ipt_netflow(order: &Order, script: &mut Script) {
    let source = order.source.as_ref().map_or_else(String::new, |address| format!("@{address}"));
    let sampler = order.sampling.map_or_else(String::new, |n| format!(" sampler=random:{n}"));
    script.part("Where to, and how long a flow is kept; templates after so many minutes or datagrams.");
    script.line(format!(
        "echo 'options ipt_NETFLOW destination={}{source} protocol={} active_timeout={} inactive_timeout={} \
         timeout_rate=1 refresh_rate=20{sampler}' > /etc/modprobe.d/weir.conf",
        order.target(),
        order.protocol.number(),
        order.active_s,
        order.inactive_s
    ));
    script.line("modprobe ipt_NETFLOW");
    script.part("A packet is forwarded, received or sent: each is metered once.");
    let mut tools = vec!["iptables"];
    if order.protocol.has_templates() {
        tools.push("ip6tables");
    }
    for tool in tools {
        for chain in ["FORWARD", "INPUT", "OUTPUT"] {
            // Only if it is not there yet: pasted twice, it would count twice.
            script.line(format!("{tool} -C {chain} -j NETFLOW 2>/dev/null || {tool} -I {chain} -j NETFLOW"));
        }
    }
}

fn hsflowd(order: &Order, script: &mut Script) {
    script.line("sflow {");
    script.line(format!("  sampling = {}", order.sampling.unwrap_or(1)));
    script.line("  polling = 30");
    if let Some(source) = &order.source {
        script.line(format!("  agent = {source}"));
    }
    script.line(format!("  collector {{ ip = {} udpport = {} }}", order.collector, order.port));
    for interface in &order.interfaces {
        script.line(format!("  pcap {{ dev = {interface} }}"));
    }
    script.line("}");
}

fn openvswitch(order: &Order, script: &mut Script) {
    let n = order.sampling.unwrap_or(1);
    let target = format!("targets='\"{}\"'", order.target());
    script.part("One record for the bridge; what was there before is replaced.");
    for (i, bridge) in order.interfaces.iter().enumerate() {
        let line = match order.protocol {
            Protocol::Sflow => {
                let agent = order.source.as_ref().map_or_else(String::new, |name| format!(" agent={name}"));
                format!(
                    "ovs-vsctl -- --id=@weir create sflow {target} sampling={n} header=128 polling=30{agent} \
                     -- set bridge {bridge} sflow=@weir"
                )
            }
            Protocol::NetFlow5 => format!(
                "ovs-vsctl -- --id=@weir create netflow {target} active_timeout={} engine_id={i} \
                 -- set bridge {bridge} netflow=@weir",
                order.active_s
            ),
            Protocol::Ipfix | Protocol::NetFlow9 => format!(
                "ovs-vsctl -- --id=@weir create ipfix {target} obs_domain_id={} obs_point_id=1 sampling={n} \\\n  \
                 cache_active_timeout={} cache_max_flows=65536 other_config:enable-output-sampling=true \
                 -- set bridge {bridge} ipfix=@weir",
                i + 1,
                order.active_s
            ),
        };
        script.line(line);
    }
}
