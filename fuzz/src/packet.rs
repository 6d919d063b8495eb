//! A metered packet: the first octet chooses the link, the rest is the frame.

use std::net::{IpAddr, SocketAddr};
use weir_wire::packet::{Ip, Link, Packet, Transport, dissect, udp_frame};

/// One frame.
pub fn packet(data: &[u8]) {
    let Some((&choice, frame)) = data.split_first() else { return };
    let link = Link::from_linktype(match choice {
        0xfe => 219, // numbers past one octet
        0xff => 276,
        small => u16::from(small),
    });
    assert_eq!(Link::from_linktype(link.linktype()), link);
    let whole = check(link, frame);
    // A frame cut short is read as far as it goes: what it says, the whole frame says too.
    for len in [frame.len() / 2, frame.len().saturating_sub(1)] {
        let cut = check(link, &frame[..len]);
        assert!(cut.src_mac.is_none() || cut.src_mac == whole.src_mac);
        assert!(cut.vlan.is_none() || cut.vlan == whole.vlan);
        if let (Some(cut), Some(whole)) = (cut.network, whole.network) {
            assert_eq!((cut.src, cut.dst, cut.header_at), (whole.src, whole.dst, whole.header_at));
        }
    }
    emit(frame);
}

fn check(link: Link, frame: &[u8]) -> Packet<'_> {
    let packet = dissect(link, frame);
    assert!(packet.problem.is_none_or(|error| error.offset <= frame.len()), "{:?}", packet.problem);
    assert!(packet.payload.len() <= frame.len());
    assert!(packet.transport.is_none() || packet.network.is_some());
    assert!(packet.inner_vlan.is_none() || packet.vlan.is_some());
    if let Some(ip) = packet.network {
        check_ip(&ip, frame);
    }
    packet
}

fn check_ip(ip: &Ip<'_>, frame: &[u8]) {
    let header_len = match (ip.version, ip.src, ip.dst) {
        (4, IpAddr::V4(_), IpAddr::V4(_)) => 20,
        (6, IpAddr::V6(_), IpAddr::V6(_)) => 40,
        other => panic!("{other:?}"),
    };
    assert!(ip.header_at + header_len <= frame.len());
    assert!(ip.payload.len() <= frame.len() - ip.header_at - header_len);
    for on_the_wire in [frame.len(), frame.len() + 1000] {
        let octets = ip.octets_in(u32::try_from(on_the_wire).unwrap()).unwrap();
        assert!(usize::try_from(octets).unwrap() <= on_the_wire - ip.header_at);
    }
}

/// A datagram that is put into a frame comes out of it again.
fn emit(data: &[u8]) {
    let Some((ports, payload)) = data.split_first_chunk::<5>() else { return };
    let [version, ports @ ..] = *ports;
    let [src_port, dst_port] = [[ports[0], ports[1]], [ports[2], ports[3]]].map(u16::from_be_bytes);
    let address = |last: u8| match version & 1 {
        0 => IpAddr::from([192, 0, 2, last]),
        _ => IpAddr::from([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]),
    };
    let (src, dst) = (SocketAddr::new(address(1), src_port), SocketAddr::new(address(2), dst_port));
    let mut out = vec![0; payload.len() + 100];
    let Ok(len) = udp_frame(src, dst, payload, &mut out) else {
        return assert!(payload.len() > 65_000);
    };
    let packet = dissect(Link::Ethernet, &out[..len]);
    assert_eq!((packet.problem, packet.payload), (None, payload));
    let ip = packet.network.unwrap();
    assert_eq!((ip.src, ip.dst, ip.proto), (src.ip(), dst.ip(), 17));
    assert_eq!(ip.octets, Some(u32::try_from(len - 14).unwrap()));
    assert_eq!(packet.transport.and_then(Transport::ports), Some((src.port(), dst.port())));
}
