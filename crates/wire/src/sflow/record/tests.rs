//! Records by hand from sflow.org's structures, those that few agents send.

use super::*;
use crate::sflow::{Datagram, Header, Sample, Source, Writer, sample};
use std::vec::Vec;

/// The octets of these words.
fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// A string in XDR.
fn string(text: &str) -> Vec<u8> {
    let mut octets = words(&[u32::try_from(text.len()).unwrap()]);
    octets.extend_from_slice(text.as_bytes());
    octets.resize(octets.len().next_multiple_of(4), 0);
    octets
}

/// Reads a record of this format and hands it on.
#[track_caller]
fn read<T>(format: u32, body: &[u8], check: impl FnOnce(Result<FlowRecord<'_>, Reason>) -> T) -> T {
    let header = Header { agent: [192, 0, 2, 1].into(), sub_agent: 0, sequence: 0, uptime_ms: 0, samples: 1 };
    let flow = sample::FlowHeader {
        sequence: 0,
        source: Source { kind: 0, index: 1 },
        sampling_interval: None,
        pool: 0,
        drops: 0,
        ingress: sample::Interface::Unknown,
        egress: sample::Interface::Unknown,
        expanded: true,
    };
    let mut out = [0; 500];
    let mut writer = Writer::new(&mut out, &header).unwrap();
    writer.begin_flow(&flow).unwrap();
    writer.other(0, format, body).unwrap();
    let len = writer.finish().unwrap();
    let Some(Ok(Sample::Flow(sample))) = Datagram::new_checked(&out[..len]).unwrap().samples().next() else {
        panic!("no sample");
    };
    let record = sample.records().next().unwrap();
    check(record.map_err(|error| error.reason))
}

#[test]
fn users_and_urls() {
    let body = [words(&[106]), string("alice"), words(&[0]), string("")].concat();
    let user = User { src_charset: Some(106), src: b"alice", dst_charset: None, dst: b"" };
    read(1004, &body, |record| assert_eq!(record, Ok(FlowRecord::User(user))));
    let body = [words(&[2]), string("/index"), string("www.example.net")].concat();
    let url = Url { direction: 2, url: b"/index", host: Some(b"www.example.net") };
    read(1005, &body, |record| assert_eq!(record, Ok(FlowRecord::Url(url))));
    read(1005, &body[..12], |record| assert_eq!(record, Err(Reason::Truncated)));
    let long = words(&[2, 0xffff_ffff, 0]);
    read(1005, &long, |record| assert_eq!(record, Err(Reason::Truncated)));
}

#[test]
fn labels() {
    // RFC 3032: label 16, class 5, not the bottom, TTL 64; label 1048575, class 0, bottom, TTL 255.
    let body = words(&[1, 0x0a00_0001, 2, 0x0001_0a40, 0xffff_f1ff, 0]);
    read(1006, &body, |record| {
        let Ok(FlowRecord::Mpls(mpls)) = record else { panic!("{record:?}") };
        assert_eq!(mpls.next_hop, Some([10, 0, 0, 1].into()));
        let labels: Vec<_> = mpls.ingress.entries().collect();
        let top = Label { label: 16, class: 5, is_bottom: false, ttl: 64 };
        let bottom = Label { label: 0xf_ffff, class: 0, is_bottom: true, ttl: 255 };
        assert_eq!(labels, [top, bottom]);
        assert_eq!(mpls.egress.entries().count(), 0);
    });
    let body = [string("lsp-1"), words(&[7, 3])].concat();
    let named = Named { name: b"lsp-1", id: 7, class: 3 };
    read(1008, &body, |record| assert_eq!(record, Ok(FlowRecord::MplsTunnel(named))));
    read(1009, &body, |record| assert_eq!(record, Ok(FlowRecord::MplsVc(named))));
    let body = [string("to AS 64500"), words(&[0x3f])].concat();
    let forwarding = Forwarding { description: b"to AS 64500", mask: 0x3f };
    read(1010, &body, |record| assert_eq!(record, Ok(FlowRecord::MplsFtn(forwarding))));
    read(1011, &words(&[24]), |record| assert_eq!(record, Ok(FlowRecord::MplsFec(24))));
    read(1012, &words(&[2, 0x88a8_0064, 0x8100_2065]), |record| {
        let Ok(FlowRecord::VlanTunnel(tags)) = record else { panic!("{record:?}") };
        assert_eq!(tags.into_iter().collect::<Vec<_>>(), [0x88a8_0064, 0x8100_2065]);
        assert!(!tags.is_empty());
    });
    read(1012, &words(&[3, 1, 2]), |record| assert_eq!(record, Err(Reason::Truncated)));
}

#[test]
fn radio_frames_with_and_without_padding() {
    let rest = words(&[3, 11, 0, 54_000_000, 30, 40, 1500]);
    let received = Received {
        ssid: b"guest",
        bssid: [2, 0, 0, 0, 0, 1],
        version: 3,
        channel: 11,
        speed_bps: 54_000_000,
        rsni: 30,
        rcpi: 40,
        duration_us: 1500,
    };
    let bssid = [2, 0, 0, 0, 0, 1];
    let padded = [string("guest"), bssid.to_vec(), [0, 0].to_vec(), rest.clone()].concat();
    read(1014, &padded, |record| assert_eq!(record, Ok(FlowRecord::Received(received))));
    let bare = [string("guest"), bssid.to_vec(), rest].concat();
    read(1014, &bare, |record| assert_eq!(record, Ok(FlowRecord::Received(received))));
    let rest = words(&[4, 2, 100, 50, 36, 0, 300_000_000, 20]);
    let sent = [string("guest"), bssid.to_vec(), [0, 0].to_vec(), rest].concat();
    let transmitted = Transmitted {
        ssid: b"guest",
        bssid,
        version: 4,
        transmissions: 2,
        duration_us: 100,
        failed_us: 50,
        channel: 36,
        speed_bps: 300_000_000,
        power_mw: 20,
    };
    read(1015, &sent, |record| assert_eq!(record, Ok(FlowRecord::Transmitted(transmitted))));
    let body = words(&[0x000f_ac04, 11, 60, 4, 4, 0x4500_0000]);
    let header = RawHeader { protocol: 11, frame_length: 60, stripped: 4, header: &[0x45, 0, 0, 0] };
    let payload = Payload { cipher_suite: 0x000f_ac04, header };
    read(1013, &body, |record| assert_eq!(record, Ok(FlowRecord::Wireless(payload))));
}

#[test]
fn tunnels_have_two_sides() {
    let ip = Ip {
        octets: 1450,
        proto: Some(47),
        src: Ipv4Addr::new(10, 0, 0, 1),
        dst: Ipv4Addr::new(10, 0, 0, 2),
        src_port: Some(0),
        dst_port: Some(0),
        tcp_flags: Some(0),
        tos: Some(8),
    };
    let body = words(&[1450, 47, 0x0a00_0001, 0x0a00_0002, 0, 0, 0, 8]);
    read(1023, &body, |record| assert_eq!(record, Ok(FlowRecord::Ipv4Tunnel(Side::Egress, ip))));
    read(1024, &body, |record| assert_eq!(record, Ok(FlowRecord::Ipv4Tunnel(Side::Ingress, ip))));
    let body = words(&[64, 0x0102_0304, 0x0506_0000, 0x0708_090a, 0x0b0c_0000, 0x0800]);
    read(1022, &body, |record| assert!(matches!(record, Ok(FlowRecord::EthernetTunnel(Side::Ingress, _)))));
    let body = words(&[1450, 41, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 8]);
    read(1025, &body, |record| assert!(matches!(record, Ok(FlowRecord::Ipv6Tunnel(Side::Egress, _)))));
    let one = words(&[5001]);
    read(1028, &one, |r| assert_eq!(r, Ok(FlowRecord::Decapsulation(Side::Ingress, 5001))));
    read(1029, &one, |r| assert_eq!(r, Ok(FlowRecord::VirtualNetwork(Side::Egress, 5001))));
    read(1030, &one, |r| assert_eq!(r, Ok(FlowRecord::VirtualNetwork(Side::Ingress, 5001))));
}

#[test]
fn the_rest_of_the_numbers() {
    let nat = NatPort { src: Some(1024), dst: None };
    read(1020, &words(&[1024, 65_536]), |r| assert_eq!(r, Ok(FlowRecord::NatPort(nat))));
    read(1036, &words(&[7]), |r| assert_eq!(r, Ok(FlowRecord::EgressQueue(7))));
    read(1038, &string("tcp_rcv"), |r| assert_eq!(r, Ok(FlowRecord::Function(b"tcp_rcv"))));
    read(1039, &words(&[u32::MAX]), |r| assert_eq!(r, Ok(FlowRecord::TransitDelay(u32::MAX))));
    read(1040, &words(&[4096]), |r| assert_eq!(r, Ok(FlowRecord::QueueDepth(4096))));
    let trap = [string("l2_drops"), string("ttl")].concat();
    let expected = Trap { group: b"l2_drops", name: b"ttl" };
    read(1041, &trap, |r| assert_eq!(r, Ok(FlowRecord::Trap(expected))));
    read(1042, &string("NO_SOCKET"), |r| assert_eq!(r, Ok(FlowRecord::DropReason(b"NO_SOCKET"))));
    let at = words(&[0x17a6, 0x1000_0000]);
    read(1043, &at, |r| assert_eq!(r, Ok(FlowRecord::Timestamp(0x17a6_1000_0000))));
    let socket = Socket {
        proto: Some(6),
        local: Ipv4Addr::new(10, 0, 0, 1),
        remote: Ipv4Addr::new(10, 0, 0, 2),
        local_port: Some(443),
        remote_port: Some(50_000),
    };
    let body = words(&[6, 0x0a00_0001, 0x0a00_0002, 443, 50_000]);
    read(2100, &body, |r| assert_eq!(r, Ok(FlowRecord::Socket4(socket))));
    read(2102, &body, |r| assert_eq!(r, Ok(FlowRecord::ProxySocket4(socket))));
    read(2101, &body, |r| assert_eq!(r, Err(Reason::Truncated)));
    let body = words(&[17, 0, 0, 0, 1, 0, 0, 0, 2, 53, 53]);
    read(2101, &body, |r| assert!(matches!(r, Ok(FlowRecord::Socket6(_)))));
    read(2103, &body, |r| assert!(matches!(r, Ok(FlowRecord::ProxySocket6(_)))));
    // Known by name, stepped over by length.
    let other = FlowRecord::Other { enterprise: 0, format: 2202, body: &body };
    read(2202, &body, |r| assert_eq!(r, Ok(other)));
}
