//! Export datagrams, put together octet by octet as their papers say: Cisco's NetFlow v5, RFC 3954 (v9),
//! RFC 7011 (IPFIX), sFlow version 5. weir's own emitters have no part in it.

use std::time::{SystemTime, UNIX_EPOCH};

/// A flow, over IPv4 and TCP, of the last ten seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flow {
    pub(crate) src: [u8; 4],
    pub(crate) dst: [u8; 4],
    pub(crate) src_port: u16,
    pub(crate) dst_port: u16,
    pub(crate) octets: u32,
    pub(crate) packets: u32,
}

/// Uptime of every exporter here, ms: an hour.
const UPTIME_MS: u32 = 3_600_000;
/// The template of [`data`]: source, destination, ports, protocol, octets, packets, first and last uptime.
const TEMPLATE: [(u16, u16); 9] =
    [(8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (1, 4), (2, 4), (22, 4), (21, 4)];
/// Its id.
pub(crate) const TEMPLATE_ID: u16 = 256;

/// Puts big-endian numbers one after the other.
#[derive(Default)]
pub(crate) struct Octets(pub(crate) Vec<u8>);

impl Octets {
    pub(crate) fn u8(mut self, value: u8) -> Self {
        self.0.push(value);
        self
    }
    pub(crate) fn u16(mut self, value: u16) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }
    pub(crate) fn u32(mut self, value: u32) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }
    pub(crate) fn all(mut self, octets: &[u8]) -> Self {
        self.0.extend_from_slice(octets);
        self
    }
}

/// Seconds since 1970.
pub(crate) fn now_s() -> u32 {
    u32::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

/// A v5 datagram of now; `sequence` is how many flows its exporter sent before.
pub(crate) fn v5(sequence: u32, flows: &[Flow]) -> Vec<u8> {
    v5_at(now_s(), sequence, flows)
}

/// One that was sent at this time.
pub(crate) fn v5_at(sent_s: u32, sequence: u32, flows: &[Flow]) -> Vec<u8> {
    let count = u16::try_from(flows.len()).unwrap();
    let head = Octets::default().u16(5).u16(count).u32(UPTIME_MS).u32(sent_s).u32(0).u32(sequence).u32(0);
    let datagram = flows.iter().fold(head, |out, flow| {
        out.all(&flow.src)
            .all(&flow.dst)
            .u32(0) // next hop
            .u16(1) // ingress
            .u16(2) // egress
            .u32(flow.packets)
            .u32(flow.octets)
            .u32(UPTIME_MS - 10_000)
            .u32(UPTIME_MS - 1000)
            .u16(flow.src_port)
            .u16(flow.dst_port)
            .u16(0x0018) // a zero, TCP flags PSH and ACK
            .u16(0x0600) // protocol TCP, type of service 0
            .u32(0) // autonomous systems
            .u32(0x1818_0000) // prefix lengths 24
    });
    datagram.0
}

/// A set, or flow set: id, length, contents.
pub(crate) fn set(id: u16, contents: &[u8]) -> Vec<u8> {
    let len = u16::try_from(contents.len() + 4).unwrap();
    Octets::default().u16(id).u16(len).all(contents).0
}

/// The contents of a template set with one template.
pub(crate) fn template(id: u16, fields: &[(u16, u16)]) -> Vec<u8> {
    let head = Octets::default().u16(id).u16(u16::try_from(fields.len()).unwrap());
    fields.iter().fold(head, |out, (element, len)| out.u16(*element).u16(*len)).0
}

/// The template set of [`data`]: set id 0 in v9, 2 in IPFIX.
pub(crate) fn templates(set_id: u16) -> Vec<u8> {
    set(set_id, &template(TEMPLATE_ID, &TEMPLATE))
}

/// A data set of the usual template.
pub(crate) fn data(flows: &[Flow]) -> Vec<u8> {
    let records = flows.iter().fold(Octets::default(), |out, flow| {
        let out = out.all(&flow.src).all(&flow.dst).u16(flow.src_port).u16(flow.dst_port).u8(6);
        out.u32(flow.octets).u32(flow.packets).u32(UPTIME_MS - 10_000).u32(UPTIME_MS - 1000)
    });
    set(TEMPLATE_ID, &records.0)
}

/// A v9 datagram of now: how many records it has, how many datagrams its exporter sent before.
pub(crate) fn v9(records: u16, sequence: u32, sets: &[Vec<u8>]) -> Vec<u8> {
    v9_at(now_s(), records, sequence, sets)
}

/// One that was sent at this time.
pub(crate) fn v9_at(sent_s: u32, records: u16, sequence: u32, sets: &[Vec<u8>]) -> Vec<u8> {
    let head = Octets::default().u16(9).u16(records).u32(UPTIME_MS).u32(sent_s).u32(sequence).u32(0);
    head.all(&sets.concat()).0
}

/// An IPFIX message; `sequence` is how many data records its exporter sent before.
pub(crate) fn ipfix(sequence: u32, sets: &[Vec<u8>]) -> Vec<u8> {
    let sets = sets.concat();
    let len = u16::try_from(16 + sets.len()).unwrap();
    Octets::default().u16(10).u16(len).u32(now_s()).u32(sequence).u32(0).all(&sets).0
}

/// An sFlow datagram of these samples.
pub(crate) fn sflow(sequence: u32, samples: &[Vec<u8>]) -> Vec<u8> {
    let head = Octets::default().u32(5).u32(1).all(&[192, 0, 2, 9]).u32(0).u32(sequence).u32(UPTIME_MS);
    head.u32(u32::try_from(samples.len()).unwrap()).all(&samples.concat()).0
}

/// A flow sample, 1 in 1, of a TCP segment with this many octets of IP.
pub(crate) fn sample(sequence: u32, flow: &Flow) -> Vec<u8> {
    let len = u16::try_from(flow.octets).unwrap();
    let header = Octets::default()
        .all(&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2])
        .u16(0x0800)
        .u16(0x4500)
        .u16(len)
        .u32(0)
        .u16(0x4006)
        .u16(0)
        .all(&flow.src)
        .all(&flow.dst)
        .u16(flow.src_port)
        .u16(flow.dst_port)
        .u32(1)
        .u32(2)
        .u16(0x5018)
        .all(&[0; 8]);
    let captured = u32::try_from(header.0.len()).unwrap();
    let frame = flow.octets + 18; // Ethernet's header and checksum
    let record = Octets::default().u32(1).u32(frame).u32(4).u32(captured).all(&header.0);
    let body = Octets::default().u32(sequence).u32(1).u32(1).u32(sequence).u32(0).u32(1).u32(2).u32(1);
    let body = body.u32(1).u32(u32::try_from(record.0.len()).unwrap()).all(&record.0);
    Octets::default().u32(1).u32(u32::try_from(body.0.len()).unwrap()).all(&body.0).0
}
