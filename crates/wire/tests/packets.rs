//! Real packet captures against what Wireshark says they hold: frames, their octets, and the packets and octets
//! of the outermost IPv4 and IPv6 headers.
//!
//! The captures are not part of the repository; without them the test says so and passes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod truth;

use truth::Truth;
use weir_wire::file;
use weir_wire::packet::dissect;

/// Rows in which we differ from Wireshark's figures, with ours and who is right.
///
/// Its IPv6 figure is "40 + payload length" of every header of which the length was captured.
const DIFFERENCES: [(&str, &str, &str); 6] = [
    (
        "pkt-tcpdump-bigtcp-ipv6-hbh.pcap",
        "frames=1/80094B v4=0/0B v6=1/80080B",
        "we are right: payload length 0 with a jumbo payload option of 80040 (RFC 2675); the frame confirms it",
    ),
    (
        "pkt-tcpdump-ipv6-jumbogram-1.pcap",
        "frames=1/65590B v4=0/0B v6=1/65576B",
        "we are right: payload length 0 with a jumbo payload option of 65536 (RFC 2675); the frame confirms it",
    ),
    (
        "pkt-tcpdump-ipv6-too-long-jumbo.pcap",
        "frames=1/490B v4=0/0B v6=1/476B",
        "we are right: the jumbo payload option claims 3.8 GB in a frame of 490; 476 is what it had room for",
    ),
    (
        "pkt-tcpdump-ipv6-frag6-negative-len.pcap",
        "frames=1/32896B v4=0/0B v6=1/32882B",
        "we are right about the wire: payload length 0 without a jumbo option is unknown, the frame had 32896",
    ),
    (
        "pkt-tcpdump-ipv6-39-byte-header.pcap",
        "frames=1/118B v4=0/0B v6=0/0B",
        "both are: the header is cut in its destination address, so the octets can be read but belong to nobody",
    ),
    (
        "pkt-tcpdump-ipv6-invalid-length.pcap",
        "frames=1/53B v4=0/0B v6=0/0B",
        "both are: 39 octets of a header of 40, so the octets can be read but belong to nobody",
    ),
];

/// Our figures of a capture, in the words of [`expected`].
fn ours(bytes: &[u8]) -> String {
    let (mut frames, mut frame_octets) = (0, 0);
    let mut packets = [(0, 0); 2];
    for frame in file::frames(bytes) {
        let frame = frame.unwrap();
        frames += 1;
        frame_octets += u64::from(frame.orig_len);
        assert!(frame.at_ns.is_some());
        if let Some(ip) = dissect(frame.link, frame.bytes).network {
            let (count, octets) = &mut packets[usize::from(ip.version == 6)];
            *count += 1;
            *octets += u64::from(ip.octets_in(frame.orig_len).unwrap());
        }
    }
    let [(v4, v4_octets), (v6, v6_octets)] = packets;
    format!("frames={frames}/{frame_octets}B v4={v4}/{v4_octets}B v6={v6}/{v6_octets}B")
}

/// The figures of a row of the truth.
fn expected(row: &Truth) -> String {
    let cell = |column| row.cell(column);
    format!(
        "frames={}/{}B {} {}",
        cell("packets_total"),
        cell("bytes_total"),
        cell("option_records"),
        cell("flow_records")
    )
}

#[test]
fn captures_hold_what_wireshark_says() {
    let Some(folder) = truth::folder("captures_hold_what_wireshark_says") else { return };
    let (mut compared, mut differing, mut wrong) = (0, 0, Vec::new());
    for row in truth::rows(&folder).iter().filter(|row| row.name().starts_with("pkt-")) {
        let ours = ours(&std::fs::read(folder.join(row.name())).unwrap());
        match DIFFERENCES.iter().find(|(name, ..)| *name == row.name()) {
            Some((name, listed, why)) => {
                println!("DIFFERS {name}: {ours}, Wireshark {}: {why}", expected(row));
                assert_ne!(ours, expected(row), "{name} does not differ any more");
                differing += 1;
                if ours != *listed {
                    wrong.push(format!("{name}: {ours}, listed as {listed}"));
                }
            }
            None if ours == expected(row) => compared += 1,
            None => wrong.push(format!("{}: {ours}, Wireshark {}", row.name(), expected(row))),
        }
    }
    println!("{compared} captures agree, {differing} differ as listed");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert_eq!((compared, differing), (44, DIFFERENCES.len()));
}

/// A frame in the words of tcpdump's own test outputs, as far as this crate reads it.
fn described(frame: &file::Frame<'_>) -> String {
    let packet = dissect(frame.link, frame.bytes);
    let mut text = format!("{}.{:06}", seconds(frame), frame.at_ns.unwrap() / 1_000 % 1_000_000);
    for tag in [packet.vlan, packet.inner_vlan].into_iter().flatten() {
        text += &format!(" vlan {} p {}", tag.vlan, tag.priority);
    }
    for label in packet.mpls.labels() {
        text += &format!(" label {label}");
    }
    if let Some(ip) = packet.network {
        let ports = packet.transport.and_then(weir_wire::packet::Transport::ports);
        let port = |port: Option<u16>| port.map_or(String::new(), |port| format!(".{port}"));
        let (src, dst) = (port(ports.map(|(src, _)| src)), port(ports.map(|(_, dst)| dst)));
        text += &format!(" {}{src} > {}{dst} proto {} ttl {}", ip.src, ip.dst, ip.proto, ip.ttl);
        text += &format!(" payload {}", packet.payload.len());
    }
    text
}

/// Seconds of the day in which a frame was captured.
fn seconds(frame: &file::Frame<'_>) -> u64 {
    frame.at_ns.unwrap() / 1_000_000_000 % 86_400
}

/// Single frames against what tcpdump prints for them in its own test suite.
#[test]
fn frames_say_what_tcpdump_prints() {
    let Some(folder) = truth::folder("frames_say_what_tcpdump_prints") else { return };
    let frame = |name: &str, number: usize| {
        let bytes = std::fs::read(folder.join(name)).unwrap();
        described(&file::frames(&bytes).nth(number - 1).unwrap().unwrap())
    };
    for (name, number, expected) in [
        // 21:59:54.599412 QinQ vlan 200 p 0, 802.1Q vlan 2001 p 0, ARP
        ("pkt-tcpdump-802-1ad-qinq.pcap", 1, "79194.599412 vlan 200 p 0 vlan 2001 p 0"),
        // 10:13:29.315598 label 100704, UDP of 12 octets; 10:13:29.316413 ICMP of 148, its own 8 included
        (
            "pkt-tcpdump-mpls-traceroute.pcap",
            1,
            "36809.315598 label 100704 12.4.4.4.42315 > 12.1.1.1.33435 proto 17 ttl 1 payload 12",
        ),
        (
            "pkt-tcpdump-mpls-traceroute.pcap",
            2,
            "36809.316413 10.5.0.1 > 12.4.4.4 proto 1 ttl 255 payload 144",
        ),
        // 16:51:33.575585 hop limit 4, a routing header, then UDP of no octets
        (
            "pkt-tcpdump-ipv6-routing-header.pcap",
            3,
            "60693.575585 2200::244:212:3fff:feae:22f7.5645 > 2200::240:2:0:0:4.5642 proto 17 ttl 4 payload 0",
        ),
        // DCCP request, ports 52667 and 5001, length 52; printed without its time
        (
            "pkt-tcpdump-dccp-partial-csum-v4-simple.pcap",
            1,
            " 139.133.209.176.52667 > 139.133.209.65.5001 proto 33 ttl 64 payload 20",
        ),
    ] {
        let described = frame(name, number);
        assert!(described.ends_with(expected), "{name}: {described}, tcpdump {expected}");
    }
}
