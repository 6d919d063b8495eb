//! Writes small files in MaxMind's format (version 2 of its specification), for what reads them.

use std::net::IpAddr;

/// A value of the data section.
pub(crate) enum Value {
    Text(&'static str),
    Number(u32),
    Map(Vec<(&'static str, Value)>),
}

/// A file that knows these networks, of which none lies in another: an address, the length of its prefix, and what is known of it.
pub(crate) fn write(networks: &[(&str, u32, Value)]) -> Vec<u8> {
    // A node is two records; a record is a node, nothing, or data.
    let mut nodes = vec![[Record::Nothing; 2]];
    let mut data = Vec::new();
    for (address, length, value) in networks {
        let (bits, length) = match address.parse::<IpAddr>().unwrap() {
            // IPv4 lies in ::/96 of a tree of IPv6.
            IpAddr::V4(v4) => (u128::from(v4.to_bits()), length + 96),
            IpAddr::V6(v6) => (v6.to_bits(), *length),
        };
        let at = data.len();
        encode(value, &mut data);
        let mut node = 0;
        for depth in 0..length {
            let side = usize::try_from(bits >> (127 - depth) & 1).unwrap();
            if depth + 1 == length {
                nodes[node][side] = Record::Data(at);
                break;
            }
            node = match nodes[node][side] {
                Record::Node(next) => next,
                _ => {
                    nodes.push([Record::Nothing; 2]);
                    let next = nodes.len() - 1;
                    nodes[node][side] = Record::Node(next);
                    next
                }
            };
        }
    }
    let count = nodes.len();
    let mut file = Vec::new();
    for record in nodes.iter().flatten() {
        let number = match record {
            Record::Node(node) => *node,
            Record::Nothing => count,
            Record::Data(at) => count + 16 + at,
        };
        file.extend(&u32::try_from(number).unwrap().to_be_bytes()[1..]);
    }
    file.extend([0; 16]);
    file.extend(data);
    file.extend(b"\xab\xcd\xefMaxMind.com");
    metadata(u32::try_from(count).unwrap(), &mut file);
    file
}

#[derive(Clone, Copy)]
enum Record {
    Node(usize),
    Nothing,
    Data(usize),
}

/// A control byte: the type, and a size below 29, or 29 and the rest.
fn control(kind: u8, size: usize, out: &mut Vec<u8>) {
    let (short, more) = if size < 29 { (u8::try_from(size).unwrap(), None) } else { (29, Some(size - 29)) };
    if kind < 8 {
        out.push(kind << 5 | short);
    } else {
        out.extend([short, kind - 7]);
    }
    out.extend(more.map(|more| u8::try_from(more).unwrap()));
}

fn encode(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Text(text) => {
            control(2, text.len(), out);
            out.extend(text.as_bytes());
        }
        Value::Number(number) => {
            control(6, 4, out);
            out.extend(number.to_be_bytes());
        }
        Value::Map(members) => {
            control(7, members.len(), out);
            for (key, value) in members {
                encode(&Value::Text(key), out);
                encode(value, out);
            }
        }
    }
}

fn metadata(count: u32, out: &mut Vec<u8>) {
    let short = |key: &'static str, number: u16, out: &mut Vec<u8>| {
        encode(&Value::Text(key), out);
        control(5, 2, out);
        out.extend(number.to_be_bytes());
    };
    control(7, 9, out);
    encode(&Value::Text("node_count"), out);
    encode(&Value::Number(count), out);
    short("record_size", 24, out);
    short("ip_version", 6, out);
    encode(&Value::Text("database_type"), out);
    encode(&Value::Text("Test"), out);
    encode(&Value::Text("languages"), out);
    control(11, 0, out);
    short("binary_format_major_version", 2, out);
    short("binary_format_minor_version", 0, out);
    encode(&Value::Text("build_epoch"), out);
    control(9, 8, out);
    out.extend(1_767_225_600u64.to_be_bytes());
    encode(&Value::Text("description"), out);
    control(7, 0, out);
}
