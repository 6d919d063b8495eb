//! Decodes the datagrams of a capture, in memory, with somebody else's decoder, as often as asked.
//!
//! ```text
//! weir-peers netflow_parser|netgauze FILE PASSES
//! ```
//! Prints how many flow records one pass gave. Every pass begins with no templates, as weir's does with no sessions. What
//! comes out is looked at as little as can be (records are counted), so that nothing is charged to a decoder but its
//! decoding: neither sequence numbers, nor sampling, nor duplicates, nor counters are followed, and nothing is put
//! into columns.

use netgauze_flow_pkt::{ipfix, netflow};
use netgauze_parse_utils::reader::SliceReader;
use netgauze_parse_utils::traits::ParseFromWithOneInput;
use std::hint::black_box;

/// The datagrams in a capture of Ethernet, IPv4 and UDP without options, as the generator writes it.
fn datagrams(file: &[u8]) -> Vec<&[u8]> {
    const FRAME_HEADERS: usize = 14 + 20 + 8;
    assert!(file.starts_with(&[0xd4, 0xc3, 0xb2, 0xa1]), "a little-endian pcap");
    let (mut rest, mut found) = (&file[24..], Vec::new());
    while let Some((head, tail)) = rest.split_first_chunk::<16>() {
        let length = u32::from_le_bytes([head[8], head[9], head[10], head[11]]) as usize;
        let (frame, after) = tail.split_at(length);
        assert_eq!((&frame[12..15], frame[23]), (&[8, 0, 0x45][..], 17), "UDP over IPv4 without options");
        let udp = usize::from(u16::from_be_bytes([frame[38], frame[39]]));
        found.push(&frame[FRAME_HEADERS..34 + udp]);
        rest = after;
    }
    found
}

/// netflow_parser, as its README says: one parser, one call for each datagram.
fn netflow_parser(datagrams: &[&[u8]]) -> usize {
    use netflow_parser::variable_versions::{ipfix, v9};
    use netflow_parser::{NetflowPacket, NetflowParser};
    let mut parser = NetflowParser::default();
    let mut records = 0;
    for datagram in datagrams {
        let result = parser.parse_bytes(datagram);
        assert!(result.error.is_none(), "{:?}", result.error);
        for packet in &result.packets {
            records += match packet {
                NetflowPacket::V5(packet) => packet.flowsets.len(),
                NetflowPacket::V9(packet) => packet
                    .flowsets
                    .iter()
                    .map(|set| match &set.body {
                        v9::FlowSetBody::Data(data) => data.fields.len(),
                        _ => 0,
                    })
                    .sum(),
                NetflowPacket::IPFix(packet) => packet
                    .flowsets
                    .iter()
                    .map(|set| match &set.body {
                        ipfix::FlowSetBody::Data(data) => data.fields.len(),
                        _ => 0,
                    })
                    .sum(),
                _ => 0,
            };
        }
        black_box(&result);
    }
    records
}

/// netgauze-flow-pkt, as its examples say: a map of templates, one call for each message. It has no v5.
fn netgauze(datagrams: &[&[u8]]) -> usize {
    let (mut v9, mut v10) = (netflow::TemplatesMap::new(), ipfix::TemplatesMap::new());
    let mut records = 0;
    for datagram in datagrams {
        let mut reader = SliceReader::new(datagram);
        if datagram.starts_with(&[0, 9]) {
            let packet = netflow::NetFlowV9Packet::parse(&mut reader, &mut v9).expect("a good packet");
            for set in packet.sets() {
                if let netflow::Set::Data { records: of_set, .. } = set {
                    // Options data are records with a scope.
                    records += of_set.iter().filter(|record| record.scope_fields().is_empty()).count();
                }
            }
            black_box(&packet);
        } else {
            let packet = ipfix::IpfixPacket::parse(&mut reader, &mut v10).expect("a good packet");
            for set in packet.sets() {
                if let ipfix::Set::Data { records: of_set, .. } = set {
                    records += of_set.iter().filter(|record| record.scope_fields().is_empty()).count();
                }
            }
            black_box(&packet);
        }
    }
    records
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [decoder, path, passes] = arguments.as_slice() else {
        eprintln!("weir-peers netflow_parser|netgauze FILE PASSES");
        std::process::exit(2);
    };
    let file = std::fs::read(path).expect("a readable file");
    let datagrams = datagrams(&file);
    let decode = match decoder.as_str() {
        "netflow_parser" => netflow_parser,
        "netgauze" => netgauze,
        other => panic!("there is no decoder {other}"),
    };
    let mut records = 0;
    for _ in 0..passes.parse::<usize>().expect("a number of passes") {
        records = decode(&datagrams);
    }
    println!("{{\"flows\":{records}}}");
}
