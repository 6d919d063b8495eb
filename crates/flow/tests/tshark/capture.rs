//! Captures as both sides read them.

use std::path::{Path, PathBuf};
use std::process::Command;
use weir_flow::Addr;
use weir_wire::file::pcap;
use weir_wire::packet::{Link, Transport, dissect};
use weir_wire::{Protocol, detect, file, ipfix};

/// A datagram of export, with the frame it came in.
pub(crate) struct Datagram {
    /// Its place in the capture, from 0.
    pub(crate) frame: usize,
    pub(crate) received: i64,
    pub(crate) from: Addr,
    pub(crate) port: u16,
    /// The port it went to.
    pub(crate) to: u16,
    pub(crate) payload: Vec<u8>,
}

/// The datagrams of a capture.
pub(crate) fn datagrams(bytes: &[u8]) -> Vec<Datagram> {
    let mut datagrams = Vec::new();
    for (frame, captured) in file::frames(bytes).map_while(Result::ok).enumerate() {
        let packet = dissect(captured.link, captured.bytes);
        let (Some(ip), Some(Transport::Ports { src_port, dst_port })) = (packet.network, packet.transport)
        else {
            continue;
        };
        datagrams.push(Datagram {
            frame,
            received: i64::try_from(captured.at_ns.unwrap() / 1_000_000).unwrap(),
            from: ip.src.into(),
            port: src_port,
            to: dst_port,
            payload: packet.payload.to_vec(),
        });
    }
    datagrams
}

/// Where tests put files.
pub(crate) fn scratch(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// A file of IPFIX messages (RFC 5655) as a capture, each message a datagram: tshark reads it so.
pub(crate) fn wrap(messages: &[u8]) -> Vec<u8> {
    let mut at = 0;
    let mut datagrams = Vec::new();
    while let Ok(message) = ipfix::Message::from_datagram(&messages[at..]) {
        let seconds = u64::from(message.header().export_s);
        datagrams.push((seconds * 1_000_000_000, &messages[at..at + message.len()]));
        at += message.len();
    }
    pcap(&datagrams, 4739)
}

/// A capture of datagrams, each with the time of its arrival in ns.
pub(crate) fn pcap(datagrams: &[(u64, &[u8])], port: u16) -> Vec<u8> {
    let header = pcap::Header {
        order: pcap::Order::Little,
        resolution: pcap::Resolution::Micro,
        link: Link::Ethernet,
        snap_len: 262_144,
    };
    let mut out = header.emit().to_vec();
    for (at_ns, payload) in datagrams {
        let len = |extra: usize| u16::try_from(payload.len() + extra).unwrap().to_be_bytes();
        let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
        frame.extend([0x45, 0]);
        frame.extend(len(28));
        frame.extend([0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
        frame.extend(50_000u16.to_be_bytes());
        frame.extend(port.to_be_bytes());
        frame.extend(len(8));
        frame.extend([0, 0]);
        frame.extend_from_slice(payload);
        let mut record = vec![0; frame.len() + 16];
        let orig_len = u32::try_from(frame.len()).unwrap();
        let written = header.emit_record(*at_ns, orig_len, &frame, &mut record).unwrap();
        out.extend_from_slice(&record[..written]);
    }
    out
}

/// What tshark makes of a capture, as PDML.
///
/// It goes through it twice, so that a template also serves for what came before it, as weir has it. Which
/// dissector a port gets is what weir's own detection says of the datagrams sent there.
pub(crate) fn decode(tshark: &Path, capture: &Path, datagrams: &[Datagram]) -> String {
    let mut command = Command::new(tshark);
    command.args([
        "-2",
        "-n",
        "-T",
        "pdml",
        "-J",
        "cflow sflow",
        "-o",
        "ip.defragment:FALSE",
        "-o",
        "ipv6.defragment:FALSE",
    ]);
    command.arg("-r").arg(capture).env("TZ", "UTC").env("LC_ALL", "C.UTF-8");
    let mut ports: Vec<(u16, &str)> = datagrams
        .iter()
        .filter_map(|datagram| Some((datagram.to, dissector(detect(&datagram.payload)?))))
        .collect();
    ports.sort_unstable();
    ports.dedup_by_key(|(port, _)| *port);
    for (port, name) in ports {
        command.arg("-d").arg(format!("udp.port=={port},{name}"));
    }
    let output = command.output().unwrap();
    assert!(!output.stdout.is_empty(), "{}: {}", capture.display(), String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn dissector(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::SflowV2 | Protocol::SflowV4 | Protocol::SflowV5 => "sflow",
        _ => "cflow",
    }
}
