//! The first octets of a frame: MAC addresses, VLAN, IP header, ports.

use super::{Value, number, octets, value, word};

/// What was read of a frame.
pub(super) struct Frame {
    pub(super) values: Vec<Value>,
    /// Whether there was an IP header.
    pub(super) is_ip: bool,
}

/// What follows a header.
enum Next {
    V4(usize),
    V6(usize),
}

/// Reads a sampled header as far as it goes. `protocol` by sFlow's numbers, `frame_len` octets on the wire.
pub(super) fn frame(protocol: u32, frame_len: u32, bytes: &[u8]) -> Frame {
    let mut values = Vec::new();
    let next = match protocol {
        1 => ethernet(bytes, &mut values),
        7 => ppp(bytes, 0, &mut values),
        11 => Some(Next::V4(0)),
        12 => Some(Next::V6(0)),
        13 => mpls(bytes, 0),
        _ => None,
    };
    let before = values.len();
    let _ = match next {
        Some(Next::V4(at)) => v4(bytes, at, frame_len, &mut values),
        Some(Next::V6(at)) => v6(bytes, at, frame_len, &mut values),
        None => None,
    };
    Frame { is_ip: values.len() > before, values }
}

fn ethernet(bytes: &[u8], values: &mut Vec<Value>) -> Option<Next> {
    let (dst, src, kind) = (octets(bytes, 0, 6)?, octets(bytes, 6, 6)?, number(bytes, 12, 2)?);
    values.push(value(80, dst));
    values.push(value(56, src));
    after_type(kind, bytes, 14, values)
}

/// What follows an EtherType that ends before `at`.
fn after_type(kind: u64, bytes: &[u8], at: usize, values: &mut Vec<Value>) -> Option<Next> {
    let (mut kind, mut at) = (kind, at);
    // IEEE 802.1Q, 802.1ad, and the number in use before. Rule: at most eight tags.
    for i in 0..8 {
        if !matches!(kind, 0x8100 | 0x88a8 | 0x9100) {
            break;
        }
        let tag = number(bytes, at, 2)?;
        if i == 0 && values.iter().all(|value| value.element != 58) {
            values.push(value(58, &[u8::try_from(tag / 256 % 16).ok()?, u8::try_from(tag % 256).ok()?]));
        }
        kind = number(bytes, at + 2, 2)?;
        at += 4;
    }
    // IEEE 802.3: a length, then LLC; RFC 1042: aa aa 03 and an organization of 0 before the EtherType.
    if kind < 0x0600 {
        if octets(bytes, at, 6)? != [0xaa, 0xaa, 3, 0, 0, 0] {
            return None;
        }
        kind = number(bytes, at + 6, 2)?;
        at += 8;
    }
    match kind {
        0x0800 => Some(Next::V4(at)),
        0x86dd => Some(Next::V6(at)),
        0x8847 | 0x8848 => mpls(bytes, at),
        // RFC 2516 §4: version and type, code (0 is data), session, length.
        0x8864 => {
            octets(bytes, at, 6)?;
            if number(bytes, at + 1, 1)? == 0 { ppp(bytes, at + 6, values) } else { None }
        }
        _ => None,
    }
}

/// RFC 1661 §2, RFC 1662 §3.1: perhaps ff 03, then a protocol, of one octet if that is odd.
fn ppp(bytes: &[u8], at: usize, values: &mut Vec<Value>) -> Option<Next> {
    let mut at = at;
    match octets(bytes, at, 2) {
        Some([0xff, 3]) => at += 2,
        // Rule: Cisco HDLC is found under the same number.
        Some([0x0f | 0x8f, 0]) => return after_type(number(bytes, at + 2, 2)?, bytes, at + 4, values),
        _ => {}
    }
    let mut protocol = number(bytes, at, 1)?;
    at += 1;
    if protocol % 2 == 0 {
        protocol = protocol * 256 + number(bytes, at, 1)?;
        at += 1;
    }
    match protocol {
        0x21 => Some(Next::V4(at)),
        0x57 => Some(Next::V6(at)),
        0x281 | 0x283 => mpls(bytes, at),
        _ => None,
    }
}

/// RFC 3032 §2.1: entries of four octets down to the bottom of the stack. **Rule**: at most 32; what follows is IPv4
/// if its checksum is right (RFC 4928 §3), IPv6 by its version.
fn mpls(bytes: &[u8], at: usize) -> Option<Next> {
    let mut at = at;
    for _ in 0..32 {
        let entry = word(bytes, at, 4)?;
        at += 4;
        if entry / 256 % 2 == 0 {
            continue;
        }
        let first = number(bytes, at, 1)?;
        return match first / 16 {
            4 => {
                let rest = bytes.get(at..)?;
                let len = usize::try_from(first % 16 * 4).ok()?;
                (sum(rest.get(..len).unwrap_or(rest)) == 0xffff).then_some(Next::V4(at))
            }
            6 => Some(Next::V6(at)),
            _ => None,
        };
    }
    None
}

/// The one's complement sum of RFC 1071; all ones if a header has its right checksum in it.
fn sum(bytes: &[u8]) -> u64 {
    let mut sum = 0;
    for pair in bytes.chunks(2) {
        sum += u64::from(pair[0]) * 256 + pair.get(1).map_or(0, |octet| u64::from(*octet));
    }
    while sum > 0xffff {
        sum = sum % 0x1_0000 + sum / 0x1_0000;
    }
    sum
}

/// Octets of the packet: what its header says, never more than the frame has room for; the room where the header
/// does not say (**Rule**).
fn length(stated: Option<u64>, at: usize, frame_len: u32) -> Option<Value> {
    let room = u64::from(frame_len).checked_sub(u64::try_from(at).ok()?)?;
    let octets = stated.map_or(room, |stated| stated.min(room));
    Some(value(1, &octets.to_be_bytes()))
}

/// RFC 791 §3.1.
fn v4(bytes: &[u8], at: usize, frame_len: u32, values: &mut Vec<Value>) -> Option<()> {
    let header = octets(bytes, at, 20)?;
    let header_len = usize::from(header[0] % 16) * 4;
    if header[0] / 16 != 4 || header_len < 20 {
        return None;
    }
    let total = number(header, 2, 2)?;
    let total_len = usize::try_from(total).ok()?;
    // Rule: a total of 0 is left to the network card; one below the header's is nonsense.
    let is_nonsense = total_len != 0 && total_len < header_len;
    let stated = (total_len != 0 && !is_nonsense).then_some(total);
    values.push(value(8, &header[12..16]));
    values.push(value(12, &header[16..20]));
    values.push(value(4, &header[9..10]));
    values.push(value(5, &header[1..2]));
    values.extend(length(stated, at, frame_len));
    // Only the first fragment has ports.
    let is_later = number(header, 6, 2)? % 8192 != 0;
    if is_nonsense || is_later {
        return None;
    }
    let captured = bytes.get(at..)?;
    let whole = if total_len == 0 { captured } else { captured.get(..total_len).unwrap_or(captured) };
    transport(header[9], whole.get(header_len..)?, values)
}

/// RFC 8200 §3.
fn v6(bytes: &[u8], at: usize, frame_len: u32, values: &mut Vec<Value>) -> Option<()> {
    let header = octets(bytes, at, 40)?;
    if header[0] / 16 != 6 {
        return None;
    }
    let captured = bytes.get(at + 40..)?;
    let payload = number(header, 4, 2)?;
    let mut is_broken = false;
    let stated = match (payload, header[6]) {
        (0, 59) => Some(0),
        (0, 0) => jumbo(captured).unwrap_or_else(|| {
            is_broken = true;
            None
        }),
        // Rule: a length of 0 is left to the network card.
        (0, _) => None,
        (len, _) => Some(len),
    };
    let inside = match stated {
        Some(len) => captured.get(..usize::try_from(len).ok()?).unwrap_or(captured),
        None => captured,
    };
    let class = (header[0] % 16) * 16 + header[1] / 16;
    let total = stated.map(|len| len + 40).filter(|total| u32::try_from(*total).is_ok());
    let mut proto = header[6];
    let upper = if is_broken { None } else { extensions(inside, &mut proto) };
    values.push(value(27, &header[8..24]));
    values.push(value(28, &header[24..40]));
    values.push(value(4, &[proto]));
    values.push(value(5, &[class]));
    values.extend(length(total, at, frame_len));
    transport(proto, upper?, values)
}

/// Walks the extension headers (RFC 8200 §4) to the upper layer; `None` if there is none to be read. `proto` is the
/// last that was found. **Rule**: at most sixteen.
fn extensions<'a>(bytes: &'a [u8], proto: &mut u8) -> Option<&'a [u8]> {
    let mut rest = bytes;
    for _ in 0..16 {
        let len = match *proto {
            // Hop-by-hop, routing, destination options: units of 8 octets, the first not counted.
            0 | 43 | 60 => (usize::from(*rest.get(1)?) + 1) * 8,
            // Authentication (RFC 4302 §2.2): units of 4, less 2.
            51 => (usize::from(*rest.get(1)?) + 2) * 4,
            44 => 8,
            _ => return Some(rest),
        };
        let header = rest.get(..len)?;
        let was = std::mem::replace(proto, header[0]);
        rest = &rest[len..];
        // Behind the first fragment there is no header.
        if was == 44 && number(header, 2, 2)? / 8 != 0 {
            return None;
        }
    }
    None
}

/// RFC 2675 §2: the length in a jumbo payload option. `None` if the options are broken.
fn jumbo(bytes: &[u8]) -> Option<Option<u64>> {
    let len = usize::from(*bytes.get(1)?) * 8 + 6;
    let rest = bytes.get(2..)?;
    let options = rest.get(..len).unwrap_or(rest);
    let mut at = 0;
    while at < options.len() {
        if options[at] == 0 {
            at += 1;
            continue;
        }
        let option_len = usize::from(*options.get(at + 1)?);
        if options[at] == 0xc2 {
            let jumbo = number(options, at + 2, 4)?;
            return if option_len == 4 && jumbo >= 65_536 { Some(Some(jumbo)) } else { None };
        }
        octets(options, at + 2, option_len)?;
        at += 2 + option_len;
    }
    Some(None)
}

/// Ports, flags, or ICMP's type and code, as far as they were captured.
fn transport(proto: u8, bytes: &[u8], values: &mut Vec<Value>) -> Option<()> {
    match proto {
        6 | 17 | 33 | 132 | 136 => {
            let ports = octets(bytes, 0, 4)?;
            values.push(value(7, &ports[..2]));
            values.push(value(11, &ports[2..]));
            if proto == 6 {
                let flags = octets(bytes, 12, 2)?;
                values.push(value(6, &[flags[0] % 16, flags[1]]));
            }
        }
        1 | 58 => {
            let icmp = octets(bytes, 0, 2)?;
            values.push(value(176, &icmp[..1]));
            values.push(value(177, &icmp[1..]));
        }
        _ => {}
    }
    Some(())
}
