use super::*;
use std::vec;
use std::vec::Vec;

/// A header of stream version 3 with these fields.
fn header(order: Order, fields: &[(u16, &[u8])]) -> Vec<u8> {
    let mut out = vec![0xcf, 0x10, if order == Order::Big { 2 } else { 1 }, 3];
    let body: Vec<u8> = fields
        .iter()
        .flat_map(|(kind, value)| {
            let len = u16::try_from(value.len()).unwrap();
            [&order.bytes_u16(*kind)[..], &order.bytes_u16(len), value].concat()
        })
        .collect();
    let len = (8 + body.len()).next_multiple_of(4);
    out.extend(order.bytes_u32(u32::try_from(len).unwrap()));
    out.extend(body);
    out.resize(len, 0);
    out
}

#[test]
fn a_header_says_what_its_fields_say_in_both_orders() {
    for order in [Order::Big, Order::Little] {
        let word = |value: u32| order.bytes_u32(value);
        let bytes = header(
            order,
            &[
                (0x02, &order.bytes_u16(5)),
                (0x05, &word(0x0a00_0001)),
                (0x06, &word(1_000)),
                (0x07, &word(1_300)),
                (0x08, &word(3)),
                (0x0a, &word(77)),
                (0x0b, &word(5)),
                (0x0c, &word(2)),
                (0x0d, &word(1)),
                (0x0e, &word(4)),
                (0x0f, b"probe\0"),
                (0x63, b"what nobody knows"),
            ],
        );
        let header = Header::parse(&bytes).unwrap();
        assert_eq!((header.len, header.order, header.layout), (bytes.len(), order, Layout::Five));
        assert_eq!((header.is_closed, header.is_compressed, header.is_stream), (true, true, false));
        assert_eq!(header.exporter, Some([10, 0, 0, 1]));
        assert_eq!((header.begun_s, header.ended_s, header.flows), (Some(1_000), Some(1_300), Some(77)));
        assert_eq!((header.flows_lost, header.misordered), (Some(5), Some(2)));
        assert_eq!((header.corrupt, header.resets), (Some(1), Some(4)));
        assert_eq!(header.host, Some(&b"probe"[..]));
        for end in 0..bytes.len() {
            let cut = Header::parse(&bytes[..end]).map_err(|e| e.reason);
            assert_eq!(cut.map(|_| ()), Err(Reason::Truncated), "{end}");
        }
    }
}

#[test]
fn versions_that_do_not_exist_are_refused() {
    let version = |fields: &[(u16, &[u8])]| Header::parse(&header(Order::Big, fields)).map(|h| h.layout);
    let unsupported = |offset| Err(Error::new(Reason::Unsupported, offset));
    assert_eq!(version(&[]), unsupported(8));
    assert_eq!(version(&[(2, &[0, 9])]), unsupported(12));
    // Version 8 needs the aggregation, in version 2 of it.
    assert_eq!(version(&[(2, &[0, 8])]), unsupported(12));
    assert_eq!(version(&[(2, &[0, 8]), (3, &[1]), (4, &[1])]), unsupported(12));
    assert_eq!(version(&[(2, &[0, 8]), (3, &[2]), (4, &[15])]), unsupported(12));
    let scheme = v8::Scheme::from_number(14).unwrap();
    assert_eq!(version(&[(2, &[0, 8]), (3, &[2]), (4, &[14])]), Ok(Layout::Eight(scheme)));
    for (number, layout) in [(1, Layout::One), (6, Layout::Six), (7, Layout::Seven), (1005, Layout::Tagged)] {
        let number: u16 = number;
        assert_eq!(version(&[(2, &number.to_be_bytes())]), Ok(layout));
    }
    let needed = |bytes: &[u8]| Header::needed(bytes).map_err(|e| (e.reason, e.offset));
    assert_eq!(needed(&[0xcf, 0x10, 2, 3]), Ok(8));
    assert_eq!(needed(&[0xcf, 0x10, 3, 3, 0, 0, 0, 8]), Err((Reason::BadMagic, 2)));
    assert_eq!(needed(&[0xcf, 0x10, 2, 2, 0, 0, 0, 8]), Err((Reason::BadVersion, 3)));
    assert_eq!(needed(&[0xcf, 0x10, 2, 3, 0, 0, 0, 7]), Err((Reason::BadLength, 4)));
    assert_eq!(needed(&[0xcf, 0x10, 2, 3, 0xff, 0, 0, 0]), Err((Reason::LimitExceeded, 4)));
    assert_eq!(needed(&[0xcf, 0x10, 1, 1, 5, 0, 0, 0]), Ok(360));
}

#[test]
fn the_first_stream_version_has_a_header_of_its_own() {
    let mut bytes = vec![0; 360];
    bytes[..6].copy_from_slice(&[0xcf, 0x10, 1, 1, 5, 0]);
    for (at, value) in [(8, 100_u32), (12, 200), (16, 1), (24, 9), (28, 3), (32, 2)] {
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
    bytes[36..40].copy_from_slice(b"host");
    let header = Header::parse(&bytes).unwrap();
    assert_eq!((header.len, header.layout, header.is_closed), (360, Layout::FirstFive, true));
    assert_eq!((header.begun_s, header.ended_s, header.flows), (Some(100), Some(200), Some(9)));
    assert_eq!((header.datagrams_lost, header.misordered, header.flows_lost), (Some(3), Some(2), None));
    assert_eq!(header.host, Some(&b"host"[..]));
    bytes[4..6].copy_from_slice(&[0xff, 0xff]);
    assert_eq!(Header::parse(&bytes).unwrap().layout, Layout::FirstOne);
    bytes[4..6].copy_from_slice(&[7, 0]);
    assert_eq!(Header::parse(&bytes), Err(Error::new(Reason::Unsupported, 4)));
}

/// Octets 0, 1, 2, …: what stands at a place is the place.
fn places(len: usize) -> Vec<u8> {
    (0..len).map(|at| u8::try_from(at).unwrap()).collect()
}

#[test]
fn records_are_read_where_flow_tools_has_them() {
    // By lib/ftlib.h, a field at a time: struct fts3rec_v7.
    let record = Layout::Seven.parse(Order::Big, &places(68));
    assert_eq!(record.export_s, Some(0x0001_0203));
    assert_eq!((record.uptime_ms, record.exporter), (Some(0x0809_0a0b), Some([12, 13, 14, 15])));
    assert_eq!((record.src_addr, record.dst_addr), (Some([16, 17, 18, 19]), Some([20, 21, 22, 23])));
    assert_eq!((record.next_hop, record.ingress_if), (Some([24, 25, 26, 27]), Some(0x1c1d)));
    assert_eq!((record.egress_if, record.packets), (Some(0x1e1f), Some(0x2021_2223)));
    assert_eq!((record.octets, record.first_ms), (Some(0x2425_2627), Some(0x2829_2a2b)));
    assert_eq!((record.last_ms, record.src_port), (Some(0x2c2d_2e2f), Some(0x3031)));
    assert_eq!((record.dst_port, record.proto, record.tos), (Some(0x3233), Some(52), Some(53)));
    assert_eq!((record.tcp_flags, record.engine_type, record.engine_id), (Some(54), Some(56), Some(57)));
    assert_eq!((record.src_mask, record.dst_mask), (Some(58), Some(59)));
    assert_eq!((record.src_as, record.dst_as), (Some(0x3c3d), Some(0x3e3f)));
    assert_eq!(record.router, Some([64, 65, 66, 67]));
    let one = Layout::One.parse(Order::Little, &places(60));
    assert_eq!((one.src_as, one.packets, one.src_port), (None, Some(0x2322_2120), Some(0x3130)));
    assert_eq!(one.exporter, Some([15, 14, 13, 12]));
}

#[test]
fn every_aggregation_has_the_length_of_flow_tools() {
    let lens = [48, 48, 48, 48, 56, 52, 56, 64, 48, 48, 48, 48, 60, 60];
    for (scheme, len) in v8::Scheme::ALL.into_iter().zip(lens) {
        let layout = Layout::Eight(scheme);
        assert_eq!(layout.record_len(), len, "{scheme:?}");
        let record = layout.parse(Order::Big, &places(len));
        // What its key has is what the datagram's has, at whatever place.
        let wire = scheme.parse(&places(scheme.record_len()));
        assert_eq!(record.flows.is_some(), wire.flows.is_some(), "{scheme:?}");
        assert_eq!(record.src_addr.is_some(), wire.src_addr.is_some(), "{scheme:?}");
        assert_eq!(record.dst_addr.is_some(), wire.dst_addr.is_some(), "{scheme:?}");
        assert_eq!(record.src_mask.is_some(), wire.src_mask.is_some(), "{scheme:?}");
        assert_eq!(record.dst_mask.is_some(), wire.dst_mask.is_some(), "{scheme:?}");
        assert_eq!(record.src_as.is_some(), wire.src_as.is_some(), "{scheme:?}");
        assert_eq!(record.dst_as.is_some(), wire.dst_as.is_some(), "{scheme:?}");
        assert_eq!(record.ingress_if.is_some(), wire.ingress_if.is_some(), "{scheme:?}");
        assert_eq!(record.egress_if.is_some(), wire.egress_if.is_some(), "{scheme:?}");
        assert_eq!(record.src_port.is_some(), wire.src_port.is_some(), "{scheme:?}");
        assert_eq!(record.dst_port.is_some(), wire.dst_port.is_some(), "{scheme:?}");
        assert_eq!(record.proto.is_some(), wire.proto.is_some(), "{scheme:?}");
        assert_eq!(record.tos.is_some(), wire.tos.is_some(), "{scheme:?}");
        assert!(record.octets.is_some() && record.packets.is_some() && record.last_ms.is_some());
        // 8.3, 8.11 and 8.12 have the exporter before the uptime.
        let is_turned = matches!(scheme.number(), 3 | 11 | 12);
        assert_eq!(record.exporter, Some(if is_turned { [8, 9, 10, 11] } else { [12, 13, 14, 15] }));
    }
}
