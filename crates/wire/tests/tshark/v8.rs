//! NetFlow v8: one datagram of two records for every scheme.

use super::{all, decode};
use serde_json::Value;
use std::net::Ipv4Addr;
use weir_wire::netflow::v5::Sampling;
use weir_wire::netflow::v8::{Header, Record, Scheme, emit};

/// A record in which no two fields are alike; `number` tells records apart.
fn record(number: u8) -> Record {
    let n = u32::from(number);
    Record {
        flows: Some(1000 + n),
        packets: Some(200_000 + n),
        octets: Some(3_000_000_000 + n),
        first_ms: Some(900_000 + n),
        last_ms: Some(999_000 + n),
        src_addr: Some([192, 0, 2, number]),
        dst_addr: Some([198, 51, 100, number]),
        src_mask: Some(24),
        dst_mask: Some(25),
        src_as: Some(64_496),
        dst_as: Some(64_511),
        ingress_if: Some(301),
        egress_if: Some(402),
        src_port: Some(40_000),
        dst_port: Some(443),
        proto: Some(17),
        tos: Some(0xb8),
        marked_tos: Some(0x28),
        extra_packets: Some(77),
        router: Some([203, 0, 113, number]),
    }
}

/// Fields that Wireshark reads elsewhere, and who is right.
const DIFFERENCES: [(&[Scheme], &[&str], &str); 2] = [
    (
        &[Scheme::Prefix, Scheme::PrefixTos, Scheme::PrefixPortTos],
        &["cflow.srcmask", "cflow.dstmask"],
        "flow-tools and pmacct, which were run against routers, have the destination's mask first; Wireshark and \
         one other have the source's, which nobody has to look up to write down",
    ),
    (
        &[Scheme::AsTos],
        &["cflow.inputint", "cflow.outputint", "cflow.tos"],
        "Cisco's figure 2 of the AS-ToS record has the interfaces at 24 and the type of service at 28, \
         and so has flow-tools; Wireshark takes the order of another scheme",
    ),
];

/// Wireshark's names, and the value as it writes it.
fn shown(record: &Record, scheme: Scheme) -> Vec<(&'static str, String)> {
    // It calls the addresses of prefixes something else.
    let is_network = !matches!(scheme, Scheme::Dst | Scheme::SrcDst | Scheme::Full);
    let (src, dst) =
        if is_network { ("cflow.srcnet", "cflow.dstnet") } else { ("cflow.srcaddr", "cflow.dstaddr") };
    let number = |value: Option<u32>| value.map(|value| value.to_string());
    let addr = |value: Option<[u8; 4]>| value.map(|octets| Ipv4Addr::from(octets).to_string());
    let ms = |value: Option<u32>| value.map(|ms| format!("{}.{:03}000000", ms / 1000, ms % 1000));
    let list = [
        ("cflow.flows", number(record.flows)),
        ("cflow.packets", number(record.packets)),
        ("cflow.octets", number(record.octets)),
        ("cflow.timestart", ms(record.first_ms)),
        ("cflow.timeend", ms(record.last_ms)),
        (src, addr(record.src_addr)),
        (dst, addr(record.dst_addr)),
        ("cflow.srcmask", number(record.src_mask.map(u32::from))),
        ("cflow.dstmask", number(record.dst_mask.map(u32::from))),
        ("cflow.srcas", number(record.src_as.map(u32::from))),
        ("cflow.dstas", number(record.dst_as.map(u32::from))),
        ("cflow.inputint", number(record.ingress_if.map(u32::from))),
        ("cflow.outputint", number(record.egress_if.map(u32::from))),
        ("cflow.srcport", number(record.src_port.map(u32::from))),
        ("cflow.dstport", number(record.dst_port.map(u32::from))),
        ("cflow.protocol", number(record.proto.map(u32::from))),
        ("cflow.tos", record.tos.map(|tos| format!("0x{tos:02x}"))),
        ("cflow.routersc", addr(record.router)),
    ];
    list.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

fn values<'a>(tree: &'a Value, name: &str) -> Vec<&'a str> {
    let mut out = Vec::new();
    all(tree, name, &mut out);
    out
}

#[test]
fn every_scheme_decodes_to_what_was_written() {
    let mut written = Vec::new();
    for scheme in Scheme::ALL {
        let sampling = Sampling { mode: 1, interval: 1000 };
        let header = Header {
            uptime_ms: 1_000_000,
            export_s: 1_704_067_200,
            export_ns: 0,
            sequence: 4096,
            engine_type: 1,
            engine_id: 2,
            scheme,
            sampling,
        };
        let mut out = vec![0; 2000];
        let len = emit(&header, &[record(1), record(2)], &mut out).unwrap();
        written.push(out[..len].to_vec());
    }
    let test = "every_scheme_decodes_to_what_was_written";
    let Some(trees) = decode(test, "cflow", &written) else { return };
    let mut wrong = Vec::new();
    for (scheme, (tree, datagram)) in Scheme::ALL.into_iter().zip(trees.iter().zip(&written)) {
        let number = scheme.number().to_string();
        assert_eq!(values(tree, "cflow.aggmethod"), [number.as_str()]);
        assert_eq!(values(tree, "cflow.aggversion"), ["2"]);
        assert_eq!(values(tree, "cflow.sequence"), ["4096"]);
        assert_eq!(values(tree, "cflow.engine_type"), ["1"]);
        assert_eq!(values(tree, "cflow.engine_id"), ["2"]);
        let body = weir_wire::netflow::v8::Datagram::new_checked(datagram).unwrap();
        let records: Vec<Record> = body.records().collect();
        for (first, second) in shown(&records[0], scheme).iter().zip(shown(&records[1], scheme)) {
            let ours = [first.1.as_str(), second.1.as_str()];
            let theirs = values(tree, first.0);
            let listed = DIFFERENCES
                .iter()
                .find(|(schemes, fields, _)| schemes.contains(&scheme) && fields.contains(&first.0));
            if let Some((_, _, why)) = listed {
                println!("DIFFERS {scheme:?} {}: {why}", first.0);
            }
            if (theirs != ours) != listed.is_some() {
                wrong.push(format!("{scheme:?} {}: {ours:?}, tshark {theirs:?}", first.0));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
