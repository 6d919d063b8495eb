//! Decodes a whole capture, for the tests beside this folder.

use std::collections::BTreeMap;
use weir_flow::session::{Arrival, Sessions, Settings};
use weir_flow::{Addr, Batch};
use weir_wire::packet::{Transport, dissect};
use weir_wire::{file, ipfix};

/// What one file came to, by counter.
pub(crate) type Totals = BTreeMap<String, i64>;

/// Decodes a capture of export datagrams, or a file of IPFIX messages.
pub(crate) fn decode(bytes: &[u8]) -> Totals {
    let mut sessions = Sessions::new(Settings::default());
    let mut batch = Batch::new();
    let mut datagrams = 0;
    let mut ingest = |received, from: Addr, port, payload: &[u8]| {
        datagrams += 1;
        sessions.ingest(&Arrival { received, from, port, payload }, &mut batch);
    };
    if file::detect(bytes).is_some() {
        for frame in file::frames(bytes).map_while(Result::ok) {
            let packet = dissect(frame.link, frame.bytes);
            let (Some(ip), Some(Transport::Ports { src_port, .. })) = (packet.network, packet.transport)
            else {
                continue;
            };
            let received = i64::try_from(frame.at_ns.unwrap() / 1_000_000).unwrap();
            ingest(received, ip.src.into(), src_port, packet.payload);
        }
    } else {
        let mut at = 0;
        while let Ok(message) = ipfix::Message::from_datagram(&bytes[at..]) {
            let received = i64::from(message.header().export_s) * 1000;
            ingest(received, Addr::UNSPECIFIED, 0, &bytes[at..at + message.len()]);
            at += message.len();
        }
    }
    sessions.conclude(&mut batch);
    sessions.finish(&mut batch);
    let mut totals =
        Totals::from([("seen".into(), datagrams), ("rows".into(), i64::try_from(batch.len()).unwrap())]);
    for row in &batch.health {
        *totals.entry(row.what.to_string()).or_default() += row.value;
    }
    totals
}
