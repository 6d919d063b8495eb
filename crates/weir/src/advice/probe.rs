//! Probes that watch an interface: softflowd, fprobe, pmacct's nfprobe, nProbe.

use super::order::Order;
use super::snippet::Script;
use super::{Device, Protocol, Sampling, Source, Tells, Timeout, Topic};

pub(super) const DEVICES: &[Device] = &[SOFTFLOWD, FPROBE, PMACCTD, NPROBE];

const SOFTFLOWD: Device = Device {
    name: "softflowd",
    title: "softflowd (Linux)",
    also: &["softflow"],
    protocols: &[Protocol::NetFlow9, Protocol::Ipfix, Protocol::NetFlow5],
    sampling: Sampling::Optional(65_535),
    exact: &[],
    active: Some(Timeout::seconds(1, 86_400)),
    source: Source::ChosenInterface,
    interface: Some("eth0"),
    to_ipv6: true,
    templates: "every 16 datagrams (softflowd's own, it has no option for it)",
    once: "one interface that all counted traffic passes: softflowd sees both directions of it, a second one counts twice",
    tells: Tells { names: false, sampling: true },
    comment: "#",
    place: "in a root shell, or in /etc/softflowd/default.conf as its options",
    notes: &[
        "it watches packets as they pass, so switch off what joins them on the way in: ethtool -K eth0 gro off lro off",
        "Debian's ends without a word where /run/softflowd/chroot is missing (tmpfiles.d makes it at boot)",
        "with little traffic packets stay in the capture ring until a block of it is full",
        "interface names are not exported, but the number is the kernel's: name it in weir.toml, by ip link",
    ],
    check: &["softflowctl -c /run/weir-softflowd-eth0.ctl statistics", "ss -unp | grep softflowd"],
    cures: &[
        (Topic::Template, "systemctl restart softflowd"),
        (Topic::Clock, "timedatectl set-ntp true"),
        (Topic::Active, "softflowd … -t maxlife=60 -t expint=10"),
        (Topic::Ingress, "softflowd -i eth0 …   (one interface only)"),
        (Topic::Source, "softflowd … -S eth0"),
        (Topic::Load, "softflowd … -m 65536 -B 33554432"),
    ],
    write: softflowd,
};

const FPROBE: Device = Device {
    name: "fprobe",
    title: "fprobe (Linux)",
    also: &[],
    protocols: &[Protocol::NetFlow5],
    sampling: Sampling::Never,
    source: Source::Chosen,
    to_ipv6: false,
    templates: "",
    once: "one interface that all counted traffic passes: fprobe sees both directions of it",
    tells: Tells { names: false, sampling: false },
    place: "in a root shell",
    notes: &["it measures IPv4 only, and gives interfaces the number after -x: in and out are the same"],
    check: &["ss -unp | grep fprobe", "journalctl -t fprobe"],
    cures: &[
        (Topic::Clock, "timedatectl set-ntp true"),
        (Topic::Active, "fprobe … -e 60"),
        (Topic::Source, "fprobe … -a 192.0.2.1"),
        (Topic::Load, "fprobe … -q 10000 -B 4096 -t 100:1000000"),
    ],
    write: fprobe,
    ..SOFTFLOWD
};

const PMACCTD: Device = Device {
    name: "pmacctd",
    title: "pmacctd (pmacct's nfprobe and sfprobe)",
    also: &["nfprobe", "pmacct", "sfprobe"],
    protocols: &[Protocol::Ipfix, Protocol::NetFlow9, Protocol::NetFlow5, Protocol::Sflow],
    source: Source::Chosen,
    templates: "every 18 datagrams (pmacct's own, it has no option for it)",
    once: "one interface that all counted traffic passes: pmacctd sees both directions of it",
    comment: "!",
    place: "in a file, weir-pmacctd.conf, and start: pmacctd -f weir-pmacctd.conf",
    notes: &[
        "it watches packets as they pass, so switch off what joins them on the way in: ethtool -K eth0 gro off lro off",
        "interface names are not exported; records have no interface numbers unless nfprobe_ifindex gives one",
        "several pmacctd on one machine need each its own nfprobe_engine, or their sequence numbers mix",
    ],
    check: &["ss -unp | grep nfprobe", "pmacctd -f weir-pmacctd.conf (says on its terminal what it does)"],
    cures: &[
        (Topic::Template, "systemctl restart pmacctd"),
        (Topic::Clock, "timedatectl set-ntp true"),
        (
            Topic::Active,
            "nfprobe_timeouts: tcp=15:tcp.rst=15:tcp.fin=15:udp=15:icmp=15:general=15:maxlife=60:expint=10",
        ),
        (Topic::Ingress, "pcap_interface: eth0"),
        (Topic::Source, "nfprobe_source_ip: 192.0.2.1"),
        (Topic::Load, "nfprobe_maxflows: 65536\nplugin_pipe_size: 67108864\nplugin_buffer_size: 65536"),
    ],
    write: pmacctd,
    ..SOFTFLOWD
};

const NPROBE: Device = Device {
    name: "nprobe",
    title: "nProbe (ntop)",
    also: &["ntop"],
    protocols: &[Protocol::Ipfix, Protocol::NetFlow9, Protocol::NetFlow5],
    source: Source::Fixed,
    templates: "every 10 datagrams (-o)",
    once: "one interface that all counted traffic passes: nProbe sees both directions of it",
    place: "in a root shell, or in /etc/nprobe/nprobe.conf, an option a line",
    notes: &[
        "with --sampling, -S @N:1:1 says that packets are sampled already; without it nProbe measures every one",
        "the template below has what accounting needs; nProbe's own (without -T) has it, too",
    ],
    check: &["systemctl status nprobe", "nprobe … -b 1 (prints statistics)"],
    cures: &[
        (Topic::Template, "nprobe … -o 10"),
        (Topic::Clock, "timedatectl set-ntp true"),
        (Topic::Active, "nprobe … -t 60 -d 15"),
        (Topic::Load, "nprobe … -w 524288 -e 10"),
    ],
    write: nprobe,
    ..SOFTFLOWD
};

fn softflowd(order: &Order, script: &mut Script) {
    script
        .part("maxlife is the active timeout, the others are inactive; flows are looked through every 10 s.");
    let idle: String = ["general", "tcp", "tcp.rst", "tcp.fin", "udp", "icmp"]
        .iter()
        .map(|name| format!(" -t {name}={}", order.inactive_s))
        .collect();
    let sampling = order.sampling.map_or_else(String::new, |n| format!(" -s {n}"));
    let source = order.source.as_ref().map_or_else(String::new, |name| format!(" -S {name}"));
    for interface in &order.interfaces {
        script.line(format!(
            "softflowd -i \"$(cat /sys/class/net/{interface}/ifindex):{interface}\" -n \"{}\" -v {} -m 65536 -B 33554432 \\",
            order.target(),
            order.protocol.number()
        ));
        script.line(format!("  -t maxlife={} -t expint=10{idle}{sampling}{source} \\", order.active_s));
        script
            .line(format!("  -p /run/weir-softflowd-{interface}.pid -c /run/weir-softflowd-{interface}.ctl"));
    }
}

fn fprobe(order: &Order, script: &mut Script) {
    script.part("-e is the active timeout, -d the inactive one; expired flows are looked for every 5 s.");
    let source = order.source.as_ref().map_or_else(String::new, |address| format!(" -a {address}"));
    for interface in &order.interfaces {
        script.line(format!(
            "fprobe -i {interface} -f ip -n 5 -e {} -d {} -s 5 -q 10000 -B 4096 -x \"$(cat /sys/class/net/{interface}/ifindex)\"{source} {}",
            order.active_s,
            order.inactive_s,
            order.target()
        ));
    }
}

fn pmacctd(order: &Order, script: &mut Script) {
    let interface = order.interfaces.first().map_or("eth0", String::as_str);
    let is_sflow = order.is(Protocol::Sflow);
    script.part("What is watched.");
    script.line("daemonize: false");
    script.line(format!("pcap_interface: {interface}"));
    script.line("aggregate: src_host, dst_host, src_port, dst_port, proto, tos");
    script.line(format!("plugins: {}", if is_sflow { "sfprobe" } else { "nfprobe" }));
    if let Some(n) = order.sampling {
        script.part("One packet in so many.");
        script.line(format!("sampling_rate: {n}"));
    }
    script.part("Where to.");
    let plugin = if is_sflow { "sfprobe" } else { "nfprobe" };
    script.line(format!("{plugin}_receiver: {}", order.target()));
    if let Some(source) = &order.source {
        script.line(format!("{plugin}_source_ip: {source}"));
    }
    if is_sflow {
        if let Some(source) = &order.source {
            script.line(format!("sfprobe_agentip: {source}"));
        }
        return;
    }
    script.line(format!("nfprobe_version: {}", order.protocol.number()));
    script.part("maxlife is the active timeout, the others are inactive ones; expired flows are looked for every 10 s.");
    let idle: String = ["tcp", "tcp.rst", "tcp.fin", "udp", "icmp", "general"]
        .iter()
        .map(|name| format!("{name}={}:", order.inactive_s))
        .collect();
    script.line(format!("nfprobe_timeouts: {idle}maxlife={}:expint=10", order.active_s));
    script.line("nfprobe_maxflows: 65536");
}

fn nprobe(order: &Order, script: &mut Script) {
    script.part("-t is the active timeout, -d the inactive one; templates every 10 datagrams.");
    let interfaces = order.interfaces.join(",");
    let sampling = order.sampling.map_or_else(String::new, |n| format!(" -S @{n}:1:1"));
    let fields = "%IPV4_SRC_ADDR %IPV4_DST_ADDR %IPV6_SRC_ADDR %IPV6_DST_ADDR %L4_SRC_PORT %L4_DST_PORT %PROTOCOL \
                  %SRC_TOS %TCP_FLAGS %INPUT_SNMP %OUTPUT_SNMP %IN_BYTES %IN_PKTS %FIRST_SWITCHED %LAST_SWITCHED";
    script.line(format!(
        "nprobe -i {interfaces} -n {} -V {} -t {} -d {} -o 10{sampling} \\",
        order.target(),
        order.protocol.number(),
        order.active_s,
        order.inactive_s
    ));
    script.line(format!("  -T \"{fields}\""));
}
