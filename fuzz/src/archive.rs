//! Other collectors' files: found piece by piece as in one slice, and every record read to its end.

use weir_wire::Error;
use weir_wire::file::flowtools::Header;
use weir_wire::file::nfcapd::{Blocks, Next, Record, Records};
use weir_wire::file::{Order, lzo};

/// The first octet says by how many octets the buffer grows; the rest is a file, whose blocks are read as if they were
/// not packed.
pub fn nfcapd(data: &[u8]) {
    let Some((&step, file)) = data.split_first() else { return };
    let whole = blocks(file, file.len());
    let grown = blocks(file, usize::from(step) + 1);
    assert_eq!(whole, grown);
    for order in [Order::Big, Order::Little] {
        for (offset, len) in &whole.0 {
            records(order, &file[*offset..offset + len]);
        }
        records(order, file);
    }
}

/// Where the blocks' octets are, and how it ended.
fn blocks(file: &[u8], step: usize) -> (Vec<(usize, usize)>, Option<Error>) {
    let mut blocks = Blocks::new();
    let (mut start, mut end) = (0, step.min(file.len()));
    let mut seen = Vec::new();
    loop {
        let buffer = &file[start..end];
        let consumed = match blocks.next(buffer) {
            Ok(Next::Header { consumed, .. }) => {
                assert!(start == 0);
                consumed
            }
            Ok(Next::Block { consumed, block }) => {
                let offset = usize::try_from(block.offset).unwrap();
                super::assert_at(file, offset, block.packed);
                seen.push((offset, block.packed.len()));
                consumed
            }
            Ok(Next::More { needed }) => {
                assert!(needed > buffer.len());
                if end == file.len() {
                    return (seen, None);
                }
                end = (end + step).min(file.len());
                continue;
            }
            Ok(Next::End) => {
                assert!(buffer.is_empty());
                if end == file.len() {
                    return (seen, None);
                }
                end = (end + step).min(file.len());
                continue;
            }
            Err(error) => return (seen, Some(error)),
        };
        assert!((1..=buffer.len()).contains(&consumed));
        start += consumed;
    }
}

/// Each record is at least its four octets, so there is an end; a flow is read with whatever map came before it.
fn records(order: Order, octets: &[u8]) {
    let (mut map, mut count) = (Vec::new(), 0);
    for record in Records::new(order, octets) {
        count += 1;
        match record {
            Ok(Record::Map(found)) => map = found.extensions().collect(),
            Ok(Record::Packed(packed)) => {
                let _ = packed.unpack(map.iter().copied());
                // All that there is, in one.
                let _ = packed.unpack(4..=48);
            }
            Ok(Record::Failures(failures)) => assert!(failures.each().count() <= octets.len() / 24),
            Ok(Record::Sampler(sampler)) => assert_ne!(sampler.one_in(), Some(0)),
            _ => {}
        }
    }
    assert!(count <= octets.len() / 4 + 1);
}

/// A file; behind its header, records as if they were not packed.
pub fn flowtools(data: &[u8]) {
    let Ok(header) = Header::parse(data) else { return };
    assert_eq!(Header::needed(data), Ok(header.len));
    let body = &data[header.len..];
    for record in body.chunks_exact(header.layout.record_len()) {
        let record = header.layout.parse(header.order, record);
        assert!(record.octets.is_some() && record.packets.is_some());
    }
}

/// A packed block. What is unpacked into less room than it needs is refused, and into more it is the same.
pub fn lzo(data: &[u8]) {
    let mut room = vec![0; 1 << 16];
    let Ok(len) = lzo::decompress(data, &mut room) else { return };
    let mut exact = vec![0xff; len];
    assert_eq!(lzo::decompress(data, &mut exact), Ok(len));
    assert_eq!(exact, room[..len]);
    if let Some(less) = len.checked_sub(1) {
        assert!(lzo::decompress(data, &mut vec![0; less]).is_err());
    }
}
