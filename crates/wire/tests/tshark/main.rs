//! What the emitters write, decoded by Wireshark: every field it shows is the one that was put in.
//!
//! Wireshark's dissectors were written by others from the same documents, so agreement is not our own opinion
//! twice. Without tshark the tests say so and pass.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod sflow;
mod v8;

use serde_json::Value;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use weir_wire::file::pcap::{Header, Order, Resolution};
use weir_wire::packet::{Link, udp_frame};

/// Decodes these datagrams as `protocol` (`cflow`, `sflow`) and returns one tree each; `None` where tshark is not
/// installed.
fn decode(test: &str, protocol: &str, datagrams: &[Vec<u8>]) -> Option<Vec<Value>> {
    let Some(tshark) = weir_testkit::program("tshark") else {
        weir_testkit::skip(test, "tshark is not installed");
        return None;
    };
    let file = capture(test, datagrams);
    let decode_as = format!("udp.port==2055,{protocol}");
    let output = Command::new(tshark)
        .args(["-n", "-T", "json", "--no-duplicate-keys", "-d", &decode_as, "-J", protocol, "-r"])
        .arg(&file)
        .output()
        .unwrap();
    std::fs::remove_file(&file).unwrap();
    let frames: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(frames.len(), datagrams.len(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(frames.iter().map(|frame| frame["_source"]["layers"][protocol].clone()).collect())
}

/// Writes the datagrams into a capture.
fn capture(test: &str, datagrams: &[Vec<u8>]) -> PathBuf {
    let header =
        Header { order: Order::Little, resolution: Resolution::Micro, link: Link::Ethernet, snap_len: 65535 };
    let mut bytes = header.emit().to_vec();
    let ends: [SocketAddr; 2] = ["192.0.2.1:49152".parse().unwrap(), "198.51.100.7:2055".parse().unwrap()];
    for datagram in datagrams {
        let mut frame = vec![0; datagram.len() + 100];
        let len = udp_frame(ends[0], ends[1], datagram, &mut frame).unwrap();
        let mut record = vec![0; len + 100];
        let orig_len = u32::try_from(len).unwrap();
        let end =
            header.emit_record(1_704_067_200_000_000_000, orig_len, &frame[..len], &mut record).unwrap();
        bytes.extend(&record[..end]);
    }
    let path = std::env::temp_dir().join(format!("weir-{test}-{}.pcap", std::process::id()));
    std::fs::write(&path, bytes).unwrap();
    path
}

/// Every value of this name, anywhere below, in order.
fn all<'a>(tree: &'a Value, name: &str, out: &mut Vec<&'a str>) {
    match tree {
        Value::Object(object) => {
            for (key, value) in object {
                if key == name {
                    match value {
                        Value::String(text) => out.push(text),
                        Value::Array(list) => out.extend(list.iter().filter_map(Value::as_str)),
                        _ => {}
                    }
                } else {
                    all(value, name, out);
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| all(value, name, out)),
        _ => {}
    }
}
