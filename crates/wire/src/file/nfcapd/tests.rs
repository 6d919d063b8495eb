use super::*;
use core::net::IpAddr;
use std::string::ToString;
use std::vec;
use std::vec::Vec;

/// What a file or a block is written with, in either order.
struct Pen(Order, Vec<u8>);

impl Pen {
    fn u8(mut self, value: u8) -> Self {
        self.1.push(value);
        self
    }

    fn u16(mut self, value: u16) -> Self {
        self.1.extend(self.0.bytes_u16(value));
        self
    }

    fn u32(mut self, value: u32) -> Self {
        self.1.extend(self.0.bytes_u32(value));
        self
    }

    fn u64(mut self, value: u64) -> Self {
        let bytes = if self.0 == Order::Big { value.to_be_bytes() } else { value.to_le_bytes() };
        self.1.extend(bytes);
        self
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.1.extend_from_slice(bytes);
        self
    }

    /// A record, or an extension, of this kind.
    fn tagged(self, kind: u16, body: &[u8]) -> Self {
        self.u16(kind).u16(u16::try_from(body.len() + 4).unwrap()).bytes(body)
    }
}

fn pen(order: Order) -> Pen {
    Pen(order, Vec::new())
}

const ORDERS: [Order; 2] = [Order::Big, Order::Little];

/// A file of layout 2.
fn file(order: Order, blocks: &[&[u8]]) -> Vec<u8> {
    let head = pen(order).u16(MAGIC).u16(2).u32(0x0107_0100).u64(1_700_000_000).u8(0).u8(0).u16(1).u32(1);
    let mut pen = head.u64(0).u32(1 << 20).u32(u32::try_from(blocks.len()).unwrap());
    for block in blocks {
        pen = pen.u32(1).u32(u32::try_from(block.len()).unwrap()).u16(3).u16(0).bytes(block);
    }
    pen.1
}

#[test]
fn blocks_are_found_piece_by_piece() {
    for order in ORDERS {
        let bytes = file(order, &[b"first", b"second one"]);
        for step in [1, 7, 1000] {
            let (mut blocks, mut start, mut end) = (Blocks::new(), 0, 0);
            let mut found = Vec::new();
            loop {
                match blocks.next(&bytes[start..end]).unwrap() {
                    Next::Header { consumed, header } => {
                        assert_eq!((header.order, header.layout, header.blocks), (order, 2, 2));
                        assert_eq!((header.created_s, header.is_closed), (Some(1_700_000_000), true));
                        start += consumed;
                    }
                    Next::Block { consumed, block } => {
                        assert_eq!(
                            &bytes[usize::try_from(block.offset).unwrap()..][..block.packed.len()],
                            block.packed
                        );
                        found.push(block.packed.to_vec());
                        start += consumed;
                    }
                    Next::More { needed } => {
                        assert!(needed > end - start && end < bytes.len());
                        end = (end + step).min(bytes.len());
                    }
                    Next::End if end == bytes.len() => break,
                    Next::End => end = (end + step).min(bytes.len()),
                }
            }
            assert_eq!(found, [&b"first"[..], b"second one"]);
        }
    }
}

#[test]
fn what_cannot_be_a_file_is_refused() {
    let reason = |bytes: &[u8]| Blocks::new().next(bytes).map_err(|e| (e.reason, e.offset)).map(|_| ());
    assert_eq!(reason(b"\x0c\xa6\x02\0"), Err((Reason::BadMagic, 0)));
    assert_eq!(reason(b"\x0c\xa5\x03\0"), Err((Reason::BadVersion, 2)));
    let mut bytes = file(Order::Little, &[b"x"]);
    bytes[16] = 5;
    assert_eq!(reason(&bytes), Err((Reason::Unsupported, 16)));
    (bytes[16], bytes[17]) = (0, 1);
    assert_eq!(reason(&bytes), Err((Reason::Unsupported, 17)));
    let block = |size: u32| {
        let mut bytes = file(Order::Little, &[b"x"]);
        bytes[44..48].copy_from_slice(&size.to_le_bytes());
        let mut blocks = Blocks::new();
        assert!(matches!(blocks.next(&bytes), Ok(Next::Header { consumed: 40, .. })));
        blocks.next(&bytes[40..]).map_err(|e| (e.reason, e.offset)).map(|_| ())
    };
    assert_eq!(block(0), Err((Reason::BadBlock, 44)));
    assert_eq!(block(1 << 30), Err((Reason::LimitExceeded, 44)));
    assert_eq!(block(1), Ok(()));
}

#[test]
fn layout_one_says_what_it_counted() {
    for order in ORDERS {
        let mut head = pen(order).u16(MAGIC).u16(1).u32(0x10).u32(3).bytes(&[0; 128]);
        head = head.u64(11).u64(22).u64(33).bytes(&[0; 96]).u32(1_000).u32(2_000).u16(5).u16(6).u32(7);
        assert_eq!(head.1.len(), 276);
        let (header, len) = Header::parse(&head.1).unwrap();
        assert_eq!((len, header.layout, header.compression), (276, 1, Compression::Lz4));
        let totals = Totals {
            flows: 11,
            octets: 22,
            packets: 33,
            first_ms: 1_000_005,
            last_ms: 2_000_006,
            failures: 7,
        };
        assert_eq!(header.totals, Some(totals));
    }
}

fn only(order: Order, record: &[u8]) -> Record<'_> {
    let mut records = Records::new(order, record);
    let first = records.next().unwrap().unwrap();
    assert!(records.next().is_none());
    first
}

#[test]
fn a_flow_of_layout_two_is_read_whole() {
    for order in ORDERS {
        let generic = pen(order).u64(1_000).u64(2_000).u64(3_000).u64(7).u64(700).u16(1234).u16(443);
        let generic = generic.u8(6).u8(0x1b).u8(64).u8(8).1;
        let v6 = |last: u64| pen(order).u64(0x2001_0db8_0000_0000).u64(last).1;
        let body = pen(order)
            .u16(12)
            .u8(1)
            .u8(2)
            .u16(9)
            .u8(SAMPLED | EVENT)
            .u8(10)
            .tagged(1, &generic)
            .tagged(3, &[v6(1), v6(2)].concat())
            .tagged(4, &pen(order).u32(3).u32(4).u8(24).u8(16).u8(1).u8(0).u8(2).bytes(&[0; 3]).1)
            .tagged(5, &pen(order).u64(1).u64(8).u64(800).1)
            .tagged(6, &pen(order).u32(100).u32(200).1)
            .tagged(12, &pen(order).u32(0x0a00_0001).1)
            .tagged(14, &pen(order).u32(0x12345).bytes(&[0; 36]).1)
            .tagged(15, &pen(order).u64(1).u64(2).u64(3).u64(4).1)
            .tagged(19, &pen(order).u64(5_000).u32(77).u16(0).u8(2).u8(0).1)
            .tagged(20, &pen(order).u32(0x0101_0101).u32(0x0202_0202).1)
            .tagged(24, &[&b"alice"[..], &[0; 63]].concat())
            .tagged(999, b"unknown")
            .1;
        let record = pen(order).tagged(11, &body).1;
        let Record::Flow(flow) = only(order, &record) else { panic!() };
        assert_eq!((flow.first_ms, flow.last_ms, flow.received_ms), (1_000, 2_000, Some(3_000)));
        assert_eq!((flow.packets, flow.octets, flow.src_port, flow.dst_port), (7, 700, 1234, 443));
        assert_eq!((flow.proto, flow.tcp_flags, flow.forwarding, flow.tos), (6, 0x1b, 64, 8));
        assert_eq!((flow.exporter, flow.engine_type, flow.engine_id, flow.version), (9, 1, 2, 10));
        assert!(flow.is_sampled && flow.is_event);
        let addr = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(flow.addrs, Some((addr("2001:db8::1"), addr("2001:db8::2"))));
        let misc = Misc { ingress_if: 3, egress_if: 4, src_mask: 24, dst_mask: 16, direction: 1, biflow: 2 };
        assert_eq!((flow.misc, flow.out, flow.vlans), (misc, Some((1, 8, 800)), Some((100, 200))));
        assert_eq!((flow.router, flow.mpls), (Some(addr("10.0.0.1")), Some(0x12345)));
        assert_eq!(flow.macs, Some(Macs { in_src: 1, out_dst: 2, in_dst: 3, out_src: 4 }));
        assert_eq!(flow.firewall, Some(Firewall { at_ms: 5_000, connection: 77, event: 2 }));
        assert_eq!(flow.nat_addrs, Some((addr("1.1.1.1"), addr("2.2.2.2"))));
        assert_eq!(flow.user, Some(&b"alice"[..]));
        for end in 0..record.len() {
            for record in Records::new(order, &record[..end]) {
                assert!(record.is_err(), "{end}");
            }
        }
    }
}

const EVENT: u8 = 1;
const SAMPLED: u8 = 2;

#[test]
fn a_flow_of_layout_one_is_read_with_its_map() {
    for order in ORDERS {
        let map = pen(order)
            .tagged(2, &pen(order).u16(5).u16(20).u16(5).u16(6).u16(8).u16(23).u16(27).u16(0).u16(0).1)
            .1;
        let Record::Map(map) = only(order, &map) else { panic!() };
        assert_eq!((map.number, map.extensions().collect::<Vec<_>>()), (5, vec![5, 6, 8, 23, 27]));
        for is_old in [false, true] {
            // IPv6, 64 bits of packets, 32 of octets, sampled.
            let head = if is_old { pen(order).u8(0x83).u8(3) } else { pen(order).u16(0x83) };
            let mut body =
                head.u16(5).u16(7).u16(8).u32(100).u32(200).u8(64).u8(2).u8(6).u8(0).u16(80).u16(90);
            if !is_old {
                body = body.u16(3).u8(1).u8(0);
            }
            let addrs = body.u64(0x2001_0db8_0000_0000).u64(1).u64(0x2001_0db8_0000_0000).u64(2);
            let body = addrs.u64(7).u32(700).u32(1).u32(2).u16(64_500).u16(3).u8(0).u8(1).u8(24).u8(25);
            let body = body.u32(0x0a00_0001).u64(4_000).1;
            let record = pen(order).tagged(if is_old { 1 } else { 10 }, &body).1;
            let Record::Packed(packed) = only(order, &record) else { panic!() };
            assert_eq!(packed.map, 5);
            let flow = packed.unpack(map.extensions()).unwrap();
            assert_eq!((flow.exporter, flow.is_sampled, flow.misc.biflow), (3, true, u8::from(!is_old)));
            assert_eq!((flow.first_ms, flow.last_ms), (100_007, 200_008));
            assert_eq!((flow.packets, flow.octets, flow.src_port, flow.dst_port), (7, 700, 80, 90));
            assert_eq!((flow.misc.ingress_if, flow.misc.egress_if), (1, 2));
            assert_eq!((flow.misc.direction, flow.misc.src_mask, flow.misc.dst_mask), (1, 24, 25));
            assert_eq!(flow.systems, Some((64_500, 3)));
            assert_eq!(flow.router, Some("10.0.0.1".parse().unwrap()));
            assert_eq!(flow.received_ms, Some(4_000));
            // A map that wants more than there is, and one with an extension of unknown length.
            let long = packed.unpack([5, 6, 8, 23, 27, 43].into_iter());
            assert_eq!(long.map_err(|e| e.reason).map(|_| ()), Err(Reason::Truncated));
            let unknown = packed.unpack([5, 60].into_iter());
            assert_eq!(unknown.map_err(|e| e.reason).map(|_| ()), Err(Reason::Unsupported));
        }
    }
}

#[test]
fn what_belongs_to_flows_is_read() {
    for order in ORDERS {
        let address = |high: u64, low: u64| pen(order).u64(high).u64(low).1;
        let exporter = |ip: &[u8]| {
            let record = pen(order).tagged(7, &pen(order).u32(9).bytes(ip).u16(2).u16(4).u32(256).1).1;
            let Record::Exporter(exporter) = only(order, &record) else { panic!() };
            assert_eq!((exporter.version, exporter.number, exporter.domain), (9, 4, 256));
            exporter.address.to_string()
        };
        assert_eq!(exporter(&address(0, 0x0a00_0001)), "10.0.0.1");
        assert_eq!(exporter(&address(0x2001_0db8_0000_0000, 7)), "2001:db8::7");
        // Since 1.7.4: the octets of an address.
        assert_eq!(exporter(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1]), "192.0.2.1");

        let record = pen(order).tagged(9, &pen(order).u32(u32::MAX).u32(100).u16(1).u16(4).1).1;
        let Record::Sampler(sampler) = only(order, &record) else { panic!() };
        assert_eq!(sampler, Sampler { exporter: 4, id: Sampler::GENERIC, taken: 1, space: 99 });
        assert_eq!(sampler.one_in(), Some(100));
        let record = pen(order).tagged(15, &pen(order).u16(4).u16(1).u64(7).u32(2).u32(198).1).1;
        let Record::Sampler(sampler) = only(order, &record) else { panic!() };
        assert_eq!((sampler.id, sampler.one_in()), (7, Some(100)));
        assert_eq!(Sampler { taken: 3, space: 1, ..sampler }.one_in(), None);
        assert_eq!(Sampler { taken: 0, ..sampler }.one_in(), None);

        let each = pen(order).u32(2).u32(4).u32(9).u64(1).u64(2).u32(5).u32(0).u64(1).u64(2).1;
        let record = pen(order).tagged(8, &each).1;
        let Record::Failures(failures) = only(order, &record) else { panic!() };
        assert_eq!(failures.each().collect::<Vec<_>>(), [(4, 9), (5, 0)]);

        let totals = pen(order).u64(1).u64(2).u64(3).bytes(&[0; 96]).u64(4).u64(5).u64(6).1;
        let record = pen(order).tagged(0x8002, &totals).1;
        let expected = Totals { flows: 1, octets: 2, packets: 3, first_ms: 4, last_ms: 5, failures: 6 };
        assert_eq!(only(order, &record), Record::Totals(expected));
        assert_eq!(only(order, &pen(order).tagged(12, b"name").1), Record::Other { kind: 12 });
    }
}

#[test]
fn a_record_that_cannot_be_found_ends_its_block() {
    // A length below that of the header would never move on.
    let bytes = pen(Order::Little).u16(11).u16(3).bytes(&[0; 40]).1;
    let all: Vec<_> = Records::new(Order::Little, &bytes).collect();
    assert_eq!(all, [Err(Error::new(Reason::BadLength, 2))]);
    // One that is inconsistent in itself costs itself.
    let bytes = pen(Order::Little).tagged(9, b"short").tagged(12, b"good").1;
    let all: Vec<_> = Records::new(Order::Little, &bytes).collect();
    assert!(matches!(all[..], [Err(_), Ok(Record::Other { kind: 12 })]), "{all:?}");
}
