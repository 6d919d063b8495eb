//! sFlow in the four directions, then what agents get wrong.

use super::record::{AsPath, Ethernet, Gateway, Ip, Nat, Router, Segment, Switch, Words};
use super::*;
use core::num::NonZeroU32;
use proptest::prelude::*;
use std::vec::Vec;

const HEADER: Header = Header {
    agent: IpAddr::V4(core::net::Ipv4Addr::new(192, 0, 2, 1)),
    sub_agent: 3,
    sequence: 77,
    uptime_ms: 1_000_000,
    samples: 1,
};
const FLOW: FlowHeader = FlowHeader {
    sequence: 9,
    source: Source { kind: 0, index: 258 },
    sampling_interval: NonZeroU32::new(1000),
    pool: 9000,
    drops: 2,
    ingress: Interface::Known(258),
    egress: Interface::Discarded(1),
    expanded: false,
};
const ROUTER: Router = Router {
    next_hop: Some(IpAddr::V4(core::net::Ipv4Addr::new(10, 0, 0, 1))),
    src_mask: Some(24),
    dst_mask: Some(16),
};
/// Ethernet and the first octets of an IPv4 packet of 1,400 octets; the frame had 18 octets more.
#[rustfmt::skip]
static FRAME: [u8; 38] = [
    2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0,
    0x45, 0, 0x05, 0x78, 0, 0, 0x40, 0, 64, 17, 0, 0, 192, 0, 2, 1, 198, 51, 100, 7, 0, 53, 0x30, 0x39,
];
const RAW: RawHeader<'_> = RawHeader { protocol: 1, frame_length: 1418, stripped: 4, header: &FRAME };

/// A datagram with one compact flow sample: the frame, and what the router knows.
#[rustfmt::skip]
static DATAGRAM: [u8; 28 + 8 + 32 + 8 + 56 + 8 + 16] = [
    0, 0, 0, 5, 0, 0, 0, 1, 192, 0, 2, 1, 0, 0, 0, 3, 0, 0, 0, 77, 0, 0x0f, 0x42, 0x40, 0, 0, 0, 1,
    0, 0, 0, 1, 0, 0, 0, 120,
    0, 0, 0, 9, 0, 0, 1, 2, 0, 0, 3, 0xe8, 0, 0, 0x23, 0x28, 0, 0, 0, 2,
    0, 0, 1, 2, 0x40, 0, 0, 1, 0, 0, 0, 2,
    0, 0, 0, 1, 0, 0, 0, 56, 0, 0, 0, 1, 0, 0, 0x05, 0x8a, 0, 0, 0, 4, 0, 0, 0, 38,
    2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0,
    0x45, 0, 0x05, 0x78, 0, 0, 0x40, 0, 64, 17, 0, 0, 192, 0, 2, 1, 198, 51, 100, 7, 0, 53, 0x30, 0x39,
    0, 0,
    0, 0, 0x03, 0xea, 0, 0, 0, 16, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 24, 0, 0, 0, 16,
];

/// A datagram of samples given as type and body.
fn datagram(samples: &[(u32, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::from(&DATAGRAM[..24]);
    bytes.extend_from_slice(&u32::try_from(samples.len()).unwrap().to_be_bytes());
    for (kind, body) in samples {
        bytes.extend_from_slice(&kind.to_be_bytes());
        bytes.extend_from_slice(&u32::try_from(body.len()).unwrap().to_be_bytes());
        bytes.extend_from_slice(body);
    }
    bytes
}

/// The records of a flow sample given as type and body of words.
fn records(records: &[(u32, &[u32])]) -> Vec<Result<FlowRecord<'static>, Reason>> {
    let mut body = Vec::from(&DATAGRAM[36..64]);
    body.extend_from_slice(&u32::try_from(records.len()).unwrap().to_be_bytes());
    for (kind, words) in records {
        body.extend_from_slice(&kind.to_be_bytes());
        body.extend_from_slice(&u32::try_from(words.len() * 4).unwrap().to_be_bytes());
        words.iter().for_each(|word| body.extend_from_slice(&word.to_be_bytes()));
    }
    let bytes = datagram(&[(1, &body)]).leak();
    let sample = Datagram::new_checked(bytes).unwrap().samples().next().unwrap().unwrap();
    let Sample::Flow(sample) = sample else { panic!("{sample:?}") };
    sample.records().map(|record| record.map_err(|error| error.reason)).collect()
}

fn flow(bytes: &[u8]) -> FlowSample<'_> {
    match Datagram::new_checked(bytes).unwrap().samples().next().unwrap().unwrap() {
        Sample::Flow(sample) => sample,
        other => panic!("{other:?}"),
    }
}

fn construct(header: &Header, flow: &FlowHeader, out: &mut [u8]) -> Result<usize, Error> {
    let mut writer = Writer::new(out, header)?;
    writer.begin_flow(flow)?;
    writer.raw_header(&RAW)?;
    writer.router(&ROUTER)?;
    writer.finish()
}

#[test]
fn deconstruct() {
    let view = Datagram::new_checked(&DATAGRAM).unwrap();
    assert_eq!(view.header(), HEADER);
    assert_eq!(view.samples().count(), 1);
    let sample = flow(&DATAGRAM);
    assert_eq!(sample.header, FLOW);
    let records: Vec<_> = sample.records().collect();
    assert_eq!(records, [Ok(FlowRecord::RawHeader(RAW)), Ok(FlowRecord::Router(ROUTER))]);
}

#[test]
fn construct_datagram() {
    let mut out = [0xff; 200];
    let len = construct(&HEADER, &FLOW, &mut out).unwrap();
    assert_eq!(out[..len], DATAGRAM);
}

#[test]
fn octets_are_the_ip_header_s() {
    assert_eq!(RAW.ip_octets(), Some(1400));
    assert_eq!(RAW.dissect().transport.unwrap().ports(), Some((53, 12345)));
    // A padded frame: the IP packet is what counts.
    let mut short = FRAME;
    short[16..18].copy_from_slice(&[0, 29]);
    assert_eq!(RawHeader { frame_length: 64, header: &short, ..RAW }.ip_octets(), Some(29));
    // A forged length: not more than the frame had room for.
    assert_eq!(RawHeader { frame_length: 64, ..RAW }.ip_octets(), Some(50));
    // Bare IP, and what carries none.
    assert_eq!(RawHeader { protocol: 11, header: &FRAME[14..], ..RAW }.ip_octets(), Some(1400));
    assert_eq!(RawHeader { protocol: 12, header: &FRAME[14..], ..RAW }.ip_octets(), None);
    assert_eq!(RawHeader { protocol: 0, ..RAW }.ip_octets(), None);
    assert_eq!(RawHeader { header: &FRAME[..33], ..RAW }.ip_octets(), None);
}

#[test]
fn an_ipv6_agent() {
    let agent: IpAddr = "2001:db8::7".parse().unwrap();
    let mut out = [0; 200];
    let len = construct(&Header { agent, ..HEADER }, &FLOW, &mut out).unwrap();
    assert_eq!(len, DATAGRAM.len() + 12);
    assert_eq!(Datagram::new_checked(&out[..len]).unwrap().header().agent, agent);
}

#[test]
fn interfaces_have_meanings() {
    for (parts, interface) in [
        ((0, 7), Interface::Known(7)),
        ((0, 0), Interface::Unknown),
        ((0, 0x3fff_ffff), Interface::Internal),
        ((1, 256), Interface::Discarded(256)),
        ((2, 3), Interface::Multiple(3)),
        ((3, 9), Interface::Other { format: 3, value: 9 }),
    ] {
        assert_eq!(Interface::from_parts(parts.0, parts.1), interface);
        assert_eq!(interface.parts(), parts);
        assert_eq!(interface.index(), (parts == (0, 7)).then_some(7));
    }
}

#[test]
fn records_of_every_kind() {
    let got = records(&[
        (2, &[64, 0x0102_0304, 0x0506_0000, 0x0708_090a, 0x0b0c_0000, 0x0800]),
        (3, &[1400, 6, 0x0a00_0001, 0x0a00_0002, 443, 50_000, 0x18, 0xb8]),
        (4, &[1400, 17, 1, 2, 3, 4, 5, 6, 7, 8, 53, 70_000, 0, 300]),
        (1001, &[10, 0, 4096, 7]),
        (1002, &[0, 24, 129]),
        (1003, &[1, 0x0a00_0009, 64_500, 64_501, 64_502, 2, 2, 2, 64_503, 64_504, 1, 1, 64_505, 1, 99, 100]),
        (1007, &[1, 0x0a00_0001, 0]),
        (4413 << 12 | 5, &[1]),
    ]);
    let v6 = |bits: [u16; 8]| core::net::Ipv6Addr::from(bits);
    let Ok(FlowRecord::Gateway(Gateway { path, communities, .. })) = got[5] else { panic!("{:?}", got[5]) };
    let expected = [
        FlowRecord::Ethernet(Ethernet {
            frame_length: 64,
            src_mac: [1, 2, 3, 4, 5, 6],
            dst_mac: [7, 8, 9, 10, 11, 12],
            ether_type: Some(0x0800),
        }),
        FlowRecord::Ipv4(Ip {
            octets: 1400,
            proto: Some(6),
            src: [10, 0, 0, 1].into(),
            dst: [10, 0, 0, 2].into(),
            src_port: Some(443),
            dst_port: Some(50_000),
            tcp_flags: Some(0x18),
            tos: Some(0xb8),
        }),
        FlowRecord::Ipv6(Ip {
            octets: 1400,
            proto: Some(17),
            src: v6([0, 1, 0, 2, 0, 3, 0, 4]),
            dst: v6([0, 5, 0, 6, 0, 7, 0, 8]),
            src_port: Some(53),
            dst_port: None,
            tcp_flags: Some(0),
            tos: None,
        }),
        FlowRecord::Switch(Switch {
            src_vlan: Some(10),
            src_priority: Some(0),
            dst_vlan: None,
            dst_priority: Some(7),
        }),
        FlowRecord::Router(Router { next_hop: None, src_mask: Some(24), dst_mask: None }),
        FlowRecord::Gateway(Gateway {
            next_hop: Some([10, 0, 0, 9].into()),
            as_number: 64_500,
            src_as: 64_501,
            src_peer_as: 64_502,
            path,
            dst_peer_as: Some(64_503),
            dst_as: Some(64_505),
            communities,
            local_preference: Some(100),
        }),
        FlowRecord::Nat(Nat { src: Some([10, 0, 0, 1].into()), dst: None }),
        FlowRecord::Other { enterprise: 4413, format: 5, body: &[0, 0, 0, 1] },
    ];
    assert_eq!(got, expected.map(Ok));
}

#[test]
fn a_path_has_segments() {
    let words = [1, 0x0a00_0009, 64_500, 64_501, 64_502, 2, 2, 2, 64_503, 64_504, 1, 1, 64_505, 1, 99, 100];
    let got = records(&[(1003, &words)]);
    let Ok(FlowRecord::Gateway(Gateway { path, communities, .. })) = got[0] else { panic!("{:?}", got[0]) };
    let segments: Vec<_> =
        path.segments().map(|s| (s.kind, s.numbers.into_iter().collect::<Vec<_>>())).collect();
    let (sequence, set) = (Segment::SEQUENCE, Segment::SET);
    assert_eq!(segments, [(sequence, [64_503, 64_504].to_vec()), (set, [64_505].to_vec())]);
    assert_eq!((communities.into_iter().collect::<Vec<_>>(), communities.len()), ([99].to_vec(), 1));
    let none = FlowRecord::Gateway(Gateway {
        next_hop: None,
        as_number: 64_500,
        src_as: 0,
        src_peer_as: 0,
        path: AsPath::default(),
        dst_peer_as: None,
        dst_as: None,
        communities: Words::default(),
        local_preference: Some(0),
    });
    assert_eq!(records(&[(1003, &[0, 64_500, 0, 0, 0, 0, 0])]), [Ok(none)]);
}

#[test]
fn a_record_that_is_short_costs_itself() {
    let got = records(&[
        (1002, &[1, 0x0a00_0001, 24]),
        (1003, &[0, 1, 2, 3, 0xffff_ffff, 1, 0xffff_ffff, 5]),
        (1003, &[0, 1, 2, 3, 0, 0xffff_ffff, 5]),
        (1002, &[9, 24, 16]),
        (1002, &[0, 24, 16]),
    ]);
    assert_eq!(
        got[..4],
        [Reason::Truncated, Reason::Truncated, Reason::Truncated, Reason::BadAddress].map(Err)
    );
    assert!(got[4].is_ok());
}

#[test]
fn a_record_that_runs_out_of_its_sample_ends_it() {
    let mut bytes = DATAGRAM;
    // The router record claims a word more than the sample has.
    bytes[28 + 8 + 32 + 8 + 56 + 7] = 20;
    let records: Vec<_> = flow(&bytes).records().collect();
    assert_eq!(records, [Ok(FlowRecord::RawHeader(RAW)), Err(Error::new(Reason::BadLength, 136))]);
}

#[test]
fn counts_are_checked_and_not_trusted() {
    // Two samples promised, one there.
    let mut bytes = DATAGRAM;
    bytes[27] = 2;
    let samples: Vec<_> = Datagram::new_checked(&bytes).unwrap().samples().collect();
    assert_eq!(samples.len(), 2);
    assert_eq!(samples[1].unwrap_err(), Error::new(Reason::CountMismatch, bytes.len()));
    // One promised, more there; zeros are only padding.
    for (tail, expected) in [(&[0, 0, 0, 1][..], 2), (&[0; 12], 1)] {
        let bytes = [&DATAGRAM[..], tail].concat();
        let samples: Vec<_> = Datagram::new_checked(&bytes).unwrap().samples().collect();
        assert_eq!(samples.len(), expected);
        if let Some(last) = samples.get(1) {
            assert_eq!(last.unwrap_err(), Error::new(Reason::CountMismatch, DATAGRAM.len()));
        }
    }
    // Four thousand million records promised.
    let mut bytes = DATAGRAM;
    bytes[64..68].copy_from_slice(&[0xff; 4]);
    let records: Vec<_> = flow(&bytes).records().collect();
    assert_eq!(records.len(), 3);
    assert_eq!(records[2], Err(Error::new(Reason::CountMismatch, DATAGRAM.len())));
}

#[test]
fn a_sample_cut_by_the_end_is_given_and_named() {
    let cut = &DATAGRAM[..DATAGRAM.len() - 24];
    let samples: Vec<_> = Datagram::new_checked(cut).unwrap().samples().collect();
    assert_eq!(samples.len(), 2);
    assert!(matches!(samples[0], Ok(Sample::Flow(_))));
    assert_eq!(samples[1].unwrap_err(), Error::new(Reason::SampleOverrun, 32));
    let records: Vec<_> = flow(cut).records().collect();
    assert_eq!(records[0], Ok(FlowRecord::RawHeader(RAW)));
    assert_eq!(records[1], Err(Error::new(Reason::CountMismatch, cut.len())));
    // Cut inside its own header there is nothing to give.
    let samples: Vec<_> = Datagram::new_checked(&DATAGRAM[..60]).unwrap().samples().collect();
    assert_eq!(samples.len(), 1);
    assert_eq!(samples[0].unwrap_err(), Error::new(Reason::SampleOverrun, 32));
}

#[test]
fn a_sample_that_is_short_costs_itself() {
    let bytes = datagram(&[(1, &[0; 8]), (5, &[1, 2, 3]), (1, &DATAGRAM[36..])]);
    // The length of the second is no multiple of 4, its octets are padded all the same.
    let at = 28 + 16 + 8 + 3;
    let padded = [&bytes[..at], &[0], &bytes[at..]].concat();
    let samples: Vec<_> = Datagram::new_checked(&padded).unwrap().samples().collect();
    assert_eq!(samples[0].unwrap_err(), Error::new(Reason::Truncated, 44));
    assert!(matches!(samples[1], Ok(Sample::Other { enterprise: 0, format: 5, body: [1, 2, 3] })));
    let Ok(Sample::Flow(sample)) = samples[2] else { panic!("{:?}", samples[2]) };
    assert_eq!(sample.header, FLOW);
    assert_eq!(samples.len(), 3);
}

#[test]
fn interface_counters() {
    let words = [
        4,
        6,
        0,
        1_000_000_000,
        1,
        3,
        1,
        0,
        10,
        20,
        30,
        0,
        0,
        u32::MAX,
        u32::MAX,
        u32::MAX,
        5,
        6,
        7,
        8,
        9,
        0,
    ];
    let mut body = std::vec![0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 88];
    words.iter().for_each(|word: &u32| body.extend_from_slice(&word.to_be_bytes()));
    let bytes = datagram(&[(2, &body)]);
    let sample = Datagram::new_checked(&bytes).unwrap().samples().next().unwrap().unwrap();
    let Sample::Counter(sample) = sample else { panic!("{sample:?}") };
    assert_eq!((sample.sequence, sample.source), (1, Source { kind: 0, index: 4 }));
    let Some(Ok(CounterRecord::Interface(counters))) = sample.records().next() else { panic!() };
    assert_eq!((counters.index, counters.speed_bps), (4, Some(1_000_000_000)));
    assert_eq!(counters.ingress.octets, Some(1 << 32));
    assert_eq!((counters.ingress.broadcast, counters.unknown_protocols), (Some(30), None));
    // Counters that the device does not have are unknown.
    assert_eq!((counters.egress.octets, counters.egress.unicast), (None, Some(5)));
}

#[test]
fn counters_are_written_as_they_are_read() {
    let direction = |base: u32| counter::Direction {
        octets: Some(u64::from(base) << 32),
        unicast: Some(base),
        multicast: None,
        broadcast: Some(base + 1),
        discards: Some(0),
        errors: None,
    };
    let counters = counter::Interface {
        index: 7,
        kind: Some(6),
        speed_bps: Some(100_000_000_000),
        direction: Some(1),
        status: Some(3),
        ingress: direction(10),
        unknown_protocols: None,
        egress: direction(20),
        promiscuous: Some(2),
    };
    for expanded in [false, true] {
        let mut out = [0; 400];
        let mut writer = Writer::new(&mut out, &HEADER).unwrap();
        writer.begin_counter(5, Source { kind: 0, index: 7 }, expanded).unwrap();
        writer.interface_counters(&counters).unwrap();
        writer.other(0, 1001, &[0; 28]).unwrap();
        let len = writer.finish().unwrap();
        let mut samples = Datagram::new_checked(&out[..len]).unwrap().samples();
        let Some(Ok(Sample::Counter(sample))) = samples.next() else { panic!() };
        assert_eq!((sample.sequence, sample.source.index, sample.expanded), (5, 7, expanded));
        let other = CounterRecord::Other { enterprise: 0, format: 1001, body: &[0; 28] };
        let records: Vec<_> = sample.records().map(Result::unwrap).collect();
        assert_eq!(records, [CounterRecord::Interface(counters), other]);
        assert!(samples.next().is_none());
    }
    assert_eq!(counter::name(0, 1001), Some("processor"));
    assert_eq!((counter::name(0, 999), record::name(0, 2202)), (None, Some("app_operation")));
}

#[test]
fn refuses_other_headers() {
    let error = |bytes: &[u8]| Datagram::new_checked(bytes).unwrap_err();
    assert_eq!(error(&[0, 0, 0, 3, 0, 0, 0, 1]), Error::new(Reason::BadVersion, 0));
    assert_eq!(error(&[0, 0, 0, 6, 0, 0, 0, 1]), Error::new(Reason::BadVersion, 0));
    assert_eq!(error(&[0, 0, 0, 5, 0, 0, 0, 3, 1]), Error::new(Reason::BadAddress, 4));
    assert_eq!(error(&[0, 0, 0, 5, 0, 0, 0, 0, 1]), Error::new(Reason::BadAddress, 4));
    assert_eq!(error(&DATAGRAM[..25]), Error::new(Reason::Truncated, 24));
}

#[test]
fn emit_refuses_what_cannot_be() {
    let mut out = [0; 200];
    let big = FlowHeader { ingress: Interface::Known(1 << 30), ..FLOW };
    assert_eq!(construct(&HEADER, &big, &mut out).unwrap_err().reason, Reason::BadLength);
    assert!(construct(&HEADER, &FlowHeader { expanded: true, ..big }, &mut out).is_ok());
    // An index of version 4 that would be read as the device itself, or as unknown.
    for index in [0x3fff_ffff, 0] {
        let other = FlowHeader { ingress: Interface::Known(index), ..FLOW };
        assert_eq!(construct(&HEADER, &other, &mut out).unwrap_err().reason, Reason::BadLength);
    }
    let mut writer = Writer::new(&mut out, &HEADER).unwrap();
    assert_eq!(writer.router(&ROUTER), Err(Error::new(Reason::BadOrder, 28)));
    for len in 0..DATAGRAM.len() {
        assert_eq!(construct(&HEADER, &FLOW, &mut out[..len]).unwrap_err().reason, Reason::NoSpace);
    }
}

fn any_interface() -> impl Strategy<Value = Interface> {
    (0_u32..4, 0_u32..1 << 30).prop_map(|(format, value)| Interface::from_parts(format, value))
}

/// Walks everything there is to walk.
fn exhaust(bytes: &[u8]) -> usize {
    let Ok(datagram) = Datagram::new_checked(bytes) else { return 0 };
    let records = |sample| match sample {
        Ok(Sample::Flow(flow)) => flow.records().count(),
        Ok(Sample::Counter(counter)) => counter.records().count(),
        _ => 0,
    };
    datagram.samples().map(records).sum()
}

proptest! {
    #[test]
    fn emit_then_parse(
        (sequence, index, interval, pool, drops) in (any::<u32>(), 0_u32..1 << 24, any::<u32>(), any::<u32>(), any::<u32>()),
        (ingress, egress, expanded) in (any_interface(), any_interface(), any::<bool>()),
        frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..130), 0..5),
        (vlan, mask) in (proptest::option::of(0_u16..4096), proptest::option::of(0_u8..=128)),
    ) {
        let header = FlowHeader {
            sequence, source: Source { kind: 2, index }, sampling_interval: NonZeroU32::new(interval),
            pool, drops, ingress, egress, expanded,
        };
        let switch = Switch { src_vlan: vlan, src_priority: Some(1), dst_vlan: None, dst_priority: None };
        let router = Router { src_mask: mask, ..ROUTER };
        let mut out = [0; 1500];
        let mut writer = Writer::new(&mut out, &HEADER).unwrap();
        for frame in &frames {
            writer.begin_flow(&header).unwrap();
            writer.raw_header(&RawHeader { header: frame, ..RAW }).unwrap();
            writer.switch(&switch).unwrap();
            writer.router(&router).unwrap();
        }
        let len = writer.finish().unwrap();
        let view = Datagram::new_checked(&out[..len]).unwrap();
        prop_assert_eq!(view.header().samples as usize, frames.len());
        let mut count = 0;
        for (sample, frame) in view.samples().zip(&frames) {
            let Sample::Flow(sample) = sample.unwrap() else { panic!() };
            prop_assert_eq!(sample.header, header);
            let records: Vec<_> = sample.records().map(Result::unwrap).collect();
            let expected = [
                FlowRecord::RawHeader(RawHeader { header: frame, ..RAW }),
                FlowRecord::Switch(switch),
                FlowRecord::Router(router),
            ];
            prop_assert_eq!(&records[..], &expected[..]);
            count += 1;
        }
        prop_assert_eq!(count, frames.len());
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(exhaust(&[&DATAGRAM[..24], &bytes].concat()) <= bytes.len());
    }

    #[test]
    fn damage_never_panics(changes in prop::collection::vec((0..DATAGRAM.len(), any::<u8>()), 1..6)) {
        let mut bytes = DATAGRAM;
        for (at, value) in changes {
            bytes[at] = value;
        }
        prop_assert!(exhaust(&bytes) <= bytes.len());
    }
}
