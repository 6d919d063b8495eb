//! Versions 2 and 4 by hand, from RFC 3176 §4 and the memo of version 4.

use super::*;
use crate::sflow::Datagram;
use std::vec::Vec;

/// The octets of these words.
fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// Agent 192.0.2.1, sequence 7, uptime 1,000,000 ms.
fn header(version: u32, samples: u32) -> Vec<u8> {
    words(&[version, 1, 0xc000_0201, 7, 1_000_000, samples])
}

/// Sequence 9, interface 258, 1 in 1000, pool 9000, 2 dropped, in 258, out of 3 interfaces.
fn flow() -> Vec<u8> {
    words(&[1, 9, 258, 1000, 9000, 2, 258, 0x8000_0003])
}

/// A header of 18 octets of a frame of 1418, Ethernet.
fn packet() -> Vec<u8> {
    let frame = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0x05, 0x78];
    [&words(&[1, 1, 1418, 18])[..], &frame, &[0, 0]].concat()
}

/// The generic counters of interface 4.
fn interface() -> Vec<u8> {
    words(&[4, 6, 0, 1_000_000_000, 1, 3, 1, 0, 10, 20, 30, 0, 0, u32::MAX, 0, 99, 5, 6, 7, 8, 9, 2])
}

fn samples(bytes: &[u8]) -> Vec<Result<Sample<'_>, Error>> {
    Datagram::new_checked(bytes).unwrap().samples().collect()
}

#[track_caller]
fn flow_records<'a>(sample: &Result<Sample<'a>, Error>) -> (FlowHeader, Vec<FlowRecord<'a>>) {
    let Ok(Sample::Flow(sample)) = sample else { panic!("{sample:?}") };
    (sample.header, sample.records().map(Result::unwrap).collect())
}

#[test]
fn a_flow_sample_of_each_version() {
    let extensions = |gateway: &[u32]| {
        let user = [&words(&[4, 5])[..], b"alice\0\0\0", &words(&[0])].concat();
        let url = [&words(&[5, 1, 2])[..], b"/a\0\0"].concat();
        let parts = [words(&[5, 1, 10, 0, 20, 1]), words(&[2, 1, 0x0a00_0001, 24, 16]), words(gateway)];
        [parts.concat(), user, url].concat()
    };
    let v2 = extensions(&[3, 64_500, 64_501, 64_502, 2, 64_503, 64_504]);
    let v4 = extensions(&[3, 64_500, 64_501, 64_502, 1, 2, 2, 64_503, 64_504, 2, 98, 99, 100]);
    for (version, extensions) in [(2, v2), (4, v4)] {
        let bytes =
            [header(version, 2), flow(), packet(), extensions, flow(), packet(), words(&[0])].concat();
        let datagram = Datagram::new_checked(&bytes).unwrap();
        assert_eq!(datagram.version(), version);
        let said = datagram.header();
        assert_eq!((said.agent, said.sub_agent), ([192, 0, 2, 1].into(), 0));
        assert_eq!((said.sequence, said.uptime_ms, said.samples), (7, 1_000_000, 2));
        let all = samples(&bytes);
        assert_eq!(all.len(), 2);
        let (head, records) = flow_records(&all[0]);
        assert_eq!((head.sequence, head.source), (9, Source { kind: 0, index: 258 }));
        assert_eq!(head.sampling_interval.map(NonZeroU32::get), Some(1000));
        assert_eq!((head.pool, head.drops), (9000, 2));
        assert_eq!((head.ingress, head.egress), (Interface::Known(258), Interface::Multiple(3)));
        let FlowRecord::RawHeader(raw) = records[0] else { panic!("{:?}", records[0]) };
        assert_eq!((raw.protocol, raw.frame_length, raw.stripped, raw.header.len()), (1, 1418, 0, 18));
        let switch =
            Switch { src_vlan: Some(10), src_priority: Some(0), dst_vlan: Some(20), dst_priority: Some(1) };
        assert_eq!(records[1], FlowRecord::Switch(switch));
        let hop = Some([10, 0, 0, 1].into());
        let router = Router { next_hop: hop, src_mask: Some(24), dst_mask: Some(16) };
        assert_eq!(records[2], FlowRecord::Router(router));
        let FlowRecord::Gateway(gateway) = records[3] else { panic!("{:?}", records[3]) };
        assert_eq!((gateway.as_number, gateway.src_as, gateway.src_peer_as), (64_500, 64_501, 64_502));
        assert_eq!((gateway.dst_peer_as, gateway.dst_as), (Some(64_503), Some(64_504)));
        assert_eq!(gateway.next_hop, None);
        assert_eq!(gateway.path.segments().map(|s| (s.kind, s.numbers.len())).collect::<Vec<_>>(), [(2, 2)]);
        let (communities, preference) = if version == 2 { (0, None) } else { (2, Some(100)) };
        assert_eq!((gateway.communities.len(), gateway.local_preference), (communities, preference));
        let user = User { src_charset: None, src: b"alice", dst_charset: None, dst: b"" };
        assert_eq!(records[4], FlowRecord::User(user));
        assert_eq!(records[5], FlowRecord::Url(Url { direction: 1, url: b"/a", host: None }));
        assert_eq!(records.len(), 6);
        // The second sample begins where the first ended.
        assert_eq!(flow_records(&all[1]).1.len(), 1);
    }
}

#[test]
fn packets_that_are_not_headers() {
    let v4 = words(&[2, 1400, 6, 0x0a00_0001, 0x0a00_0002, 443, 50_000, 0x18, 0xb8]);
    let v6 = words(&[3, 1400, 17, 1, 2, 3, 4, 5, 6, 7, 8, 53, 5353, 0, 0]);
    let bytes = [header(4, 2), flow(), v4, words(&[0]), flow(), v6, words(&[0])].concat();
    let all = samples(&bytes);
    let FlowRecord::Ipv4(ip) = flow_records(&all[0]).1[0] else { panic!() };
    assert_eq!((ip.octets, ip.proto, ip.dst_port), (1400, Some(6), Some(50_000)));
    let FlowRecord::Ipv6(ip) = flow_records(&all[1]).1[0] else { panic!() };
    assert_eq!((ip.src.segments()[1], ip.src_port), (1, Some(53)));
}

#[test]
fn counters_of_every_kind() {
    // Kind, words of the specific counters, their format in version 5.
    for (kind, len, format) in [(1, 0, 0), (2, 13, 2), (3, 18, 3), (4, 0, 0), (5, 20, 4), (6, 0, 0)] {
        let head = words(&[2, 3, 4, 20, kind]);
        let specific = words(&(0..len).collect::<Vec<_>>());
        let bytes =
            [header(2, 2), head, interface(), specific.clone(), flow(), packet(), words(&[0])].concat();
        let all = samples(&bytes);
        assert_eq!(all.len(), 2, "kind {kind}");
        let Ok(Sample::Counter(sample)) = &all[0] else { panic!("{:?}", all[0]) };
        assert_eq!((sample.sequence, sample.source.index), (3, 4));
        let records: Vec<_> = sample.records().map(Result::unwrap).collect();
        let CounterRecord::Interface(counters) = records[0] else { panic!("{records:?}") };
        assert_eq!((counters.index, counters.speed_bps), (4, Some(1_000_000_000)));
        assert_eq!((counters.ingress.octets, counters.egress.octets), (Some(1 << 32), Some(99)));
        assert_eq!((counters.unknown_protocols, counters.promiscuous), (None, Some(2)));
        let other = CounterRecord::Other { enterprise: 0, format, body: &specific };
        assert_eq!(records.get(1), (len > 0).then_some(&other), "kind {kind}");
        assert!(all[1].is_ok());
    }
    let bytes = [header(2, 1), words(&[2, 3, 4, 20, 7, 100, 0, 1, 2, 3, 4, 5])].concat();
    let all = samples(&bytes);
    let Ok(Sample::Counter(sample)) = &all[0] else { panic!("{:?}", all[0]) };
    let other = CounterRecord::Other { enterprise: 0, format: 5, body: &bytes[44..] };
    assert_eq!(sample.records().collect::<Vec<_>>(), [Ok(other)]);
}

#[test]
fn what_is_not_known_ends_the_datagram() {
    let good = [flow(), packet(), words(&[0])].concat();
    let error = |tail: Vec<u8>, count: u32| {
        let bytes = [header(2, count), good.clone(), tail].concat();
        let all = samples(&bytes);
        assert_eq!(all.len(), 2);
        assert!(all[0].is_ok());
        *all[1].as_ref().map(|_| ()).unwrap_err()
    };
    let at = 24 + good.len();
    assert_eq!(error(words(&[3]), 2), Error::new(Reason::Unsupported, at));
    assert_eq!(error([flow(), words(&[4])].concat(), 2), Error::new(Reason::Unsupported, at + 32));
    let extended = [flow(), packet(), words(&[1, 6])].concat();
    assert_eq!(error(extended.clone(), 2), Error::new(Reason::Unsupported, at + extended.len() - 4));
    assert_eq!(error(words(&[2, 3, 4, 20, 8]), 2), Error::new(Reason::Unsupported, at + 16));
    // Counts: more promised than there, more there than promised, four thousand million promised.
    assert_eq!(error(Vec::new(), 2), Error::new(Reason::CountMismatch, at));
    assert_eq!(error(words(&[1]), 1), Error::new(Reason::CountMismatch, at));
    let endless = [flow(), packet(), words(&[u32::MAX])].concat();
    assert_eq!(error(endless.clone(), 2), Error::new(Reason::Truncated, at + endless.len()));
    let zeros = [header(2, 1), good.clone(), words(&[0; 5])].concat();
    assert_eq!(samples(&zeros).len(), 1);
}

#[test]
fn every_cut_is_an_error_in_its_place() {
    let whole = [header(4, 1), flow(), packet(), words(&[1, 1, 10, 0, 20, 1])].concat();
    assert!(samples(&whole)[0].is_ok());
    for len in 25..whole.len() {
        let all = samples(&whole[..len]);
        let error = all[0].as_ref().map(|_| ()).unwrap_err();
        assert!(error.offset <= len && error.reason == Reason::Truncated, "{len}: {error}");
        assert_eq!(all.len(), 1);
    }
}
