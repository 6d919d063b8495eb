//! Frames as agents sample them: tags, labels, both IP versions, options, fragments, and cut anywhere.

/// sFlow's number of the link, and the first octets of a frame. `below` gives numbers below its argument.
pub(super) fn frame(kind: u8, below: &mut dyn FnMut(u64) -> u64) -> (u8, Vec<u8>) {
    let mut number = |end: u64| u8::try_from(below(end)).unwrap_or_default();
    let mut out = Vec::new();
    let link = [1, 1, 1, 1, 7, 11, 12, 13][usize::from(kind & 7)];
    let mut is_v6 = kind & 8 != 0;
    let type_of = |is_v6: bool| if is_v6 { [0x86, 0xdd] } else { [8, 0] };
    match link {
        1 => {
            out.extend([2, 0, 0, 0, 0, number(4), 2, 0, 0, 0, 1, number(4)]);
            for tag in [[0x81, 0], [0x88, 0xa8], [0x91, 0]].iter().take(usize::from(number(4))) {
                out.extend(tag);
                out.extend([number(256), number(256)]);
            }
            match number(8) {
                0 => out.extend([0, 60, 0xaa, 0xaa, 3, 0, 0, 0]),
                1 => out.extend([0x88, 0x64, 0x11, number(2), 0, 1, 0, 9]),
                2 => out.extend([0x88, 0x47, 0, 0, 0x11, 64]),
                _ => {}
            }
            match out.len() % 4 {
                // Behind PPPoE comes PPP, behind labels nothing tells what.
                _ if out.ends_with(&[0, 1, 0, 9]) => out.extend(if is_v6 { [0, 0x57] } else { [0, 0x21] }),
                _ if out.ends_with(&[0x11, 64]) => {}
                _ => out.extend(type_of(is_v6)),
            }
        }
        7 => out.extend([0xff, 3, 0, if is_v6 { 0x57 } else { 0x21 }]),
        11 => is_v6 = false,
        12 => is_v6 = true,
        _ => out.extend([0, 0, number(2), 64, 0, 0, 1, 64]),
    }
    let proto = [6, 17, 1, 58, 132, 47, 0, 44, 43, 51][usize::from(number(10))];
    if is_v6 {
        v6(proto, &mut out, &mut number);
    } else {
        v4(proto, &mut out, &mut number);
    }
    out.extend((0..number(30)).collect::<Vec<u8>>());
    if number(3) == 0 {
        let len = out.len();
        out.truncate(usize::from(number(256)) % (len + 1));
    }
    (link, out)
}

fn v4(proto: u8, out: &mut Vec<u8>, number: &mut impl FnMut(u64) -> u8) {
    let words = 5 + number(3);
    let mut header = vec![0x40 | words, number(256), 0, number(120), 0, 1, 0, 0, 64, proto, 0, 0];
    header.extend([10, 0, number(2), number(256), 198, 51, 100, number(256)]);
    header.resize(usize::from(words) * 4, 1);
    match number(8) {
        0 => header[3] = 0,
        1 => header[7] = 9,
        2 => header[6] = 0x20,
        _ => {}
    }
    let sum: u32 = header.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    let [.., high, low] = (!((sum & 0xffff) + (sum >> 16))).to_be_bytes();
    (header[10], header[11]) = (high, low);
    out.extend(header);
    transport(out, number);
}

fn v6(proto: u8, out: &mut Vec<u8>, number: &mut impl FnMut(u64) -> u8) {
    out.extend([0x60 | number(16), number(256), 0, 0, 0, number(100), proto, 64]);
    out.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, number(256)]);
    out.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, number(256)]);
    match number(4) {
        0 => out.extend([6, 0, 0xc2, 4, 0, number(3), 0, number(256)]),
        1 => out.extend([17, 0, 0, number(9), 0, 0, 0, 1]),
        _ => {}
    }
    transport(out, number);
}

fn transport(out: &mut Vec<u8>, number: &mut impl FnMut(u64) -> u8) {
    out.extend([1, number(256), 0, 80, 0, 20, 0, 1, 0, 0, 0, 2, 0x50 | number(16), number(256), 0, 0]);
}
