//! UDP payloads of a capture file, read as plainly as can be: this is the test's own yardstick.

use std::net::IpAddr;

/// One UDP payload and who sent it.
pub(crate) struct Payload<'a> {
    pub(crate) source: (IpAddr, u16),
    pub(crate) bytes: &'a [u8],
}

/// All UDP payloads of a pcap or pcapng file.
pub(crate) fn payloads(file: &[u8]) -> Vec<Payload<'_>> {
    frames(file).into_iter().filter_map(|(link, frame)| udp(link, frame)).collect()
}

fn number(bytes: &[u8], little: bool) -> usize {
    let fold = |acc, octet: &u8| acc << 8 | usize::from(*octet);
    if little { bytes.iter().rev().fold(0, fold) } else { bytes.iter().fold(0, fold) }
}

/// The frames with their link types.
fn frames(file: &[u8]) -> Vec<(usize, &[u8])> {
    let mut frames = Vec::new();
    if file.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]) {
        let little = file[8..12] == [0x4d, 0x3c, 0x2b, 0x1a];
        let (mut links, mut at) = (Vec::new(), 0);
        while at + 12 <= file.len() {
            let block = &file[at..];
            match number(&block[..4], little) {
                1 => links.push(number(&block[8..10], little)),
                6 => {
                    let len = number(&block[20..24], little);
                    frames.push((links[number(&block[8..12], little)], &block[28..28 + len]));
                }
                _ => {}
            }
            at += number(&block[4..8], little);
        }
    } else {
        let little = file[0] != 0xa1;
        let link = number(&file[20..24], little);
        let mut at = 24;
        while at < file.len() {
            let len = number(&file[at + 8..at + 12], little);
            frames.push((link, &file[at + 16..at + 16 + len]));
            at += 16 + len;
        }
    }
    frames
}

fn udp(link: usize, frame: &[u8]) -> Option<Payload<'_>> {
    let mut packet = match link {
        1 => &frame[12..],
        113 => &frame[14..],
        _ => panic!("link type {link}"),
    };
    while packet[..2] == [0x81, 0] {
        packet = &packet[4..];
    }
    let packet = &packet[2..];
    let (source, proto, segment): (IpAddr, _, _) = match packet[0] >> 4 {
        4 => {
            let source: [u8; 4] = packet[12..16].try_into().unwrap();
            let total = number(&packet[2..4], false);
            (source.into(), packet[9], &packet[usize::from(packet[0] & 15) * 4..total])
        }
        6 => {
            let source: [u8; 16] = packet[8..24].try_into().unwrap();
            (source.into(), packet[6], &packet[40..])
        }
        _ => return None,
    };
    if proto != 17 {
        return None;
    }
    let len = number(&segment[4..6], false);
    let port = u16::from_be_bytes([segment[0], segment[1]]);
    Some(Payload { source: (source, port), bytes: &segment[8..len] })
}
