//! Capture files: the same file, read from a growing buffer and from one slice, gives the same frames.

use weir_wire::file::{Next, Reader, detect, frames};
use weir_wire::{Error, Reason};

/// The first octet says by how many octets the buffer grows; the rest is a file.
pub fn pcap(data: &[u8]) {
    let Some((&step, file)) = data.split_first() else { return };
    let whole = read(file, file.len());
    let grown = read(file, usize::from(step) + 1);
    assert_eq!(whole, grown);
    let (seen, end) = whole;
    assert!(seen.is_empty() || detect(file).is_some());
    let iterated: Vec<_> = frames(file).collect();
    let ends_with_error = usize::from(end != End::Clean);
    assert_eq!(iterated.len(), seen.len() + ends_with_error);
}

/// How a file ends.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Clean,
    Cut,
    Unreadable(Error),
}

/// A frame, without the octets, or what was wrong with one.
type Seen = Result<(Option<u64>, u64, usize, u32), Error>;

fn read(file: &[u8], step: usize) -> (Vec<Seen>, End) {
    let mut reader = Reader::new();
    let (mut start, mut end) = (0, step.min(file.len()));
    let mut seen = Vec::new();
    loop {
        let buffer = &file[start..end];
        let consumed = match reader.next(buffer) {
            Ok(Next::Frame { consumed, frame }) => {
                super::assert_at(file, usize::try_from(frame.offset).unwrap(), frame.bytes);
                assert!(consumed >= frame.bytes.len());
                seen.push(Ok((frame.at_ns, frame.offset, frame.bytes.len(), frame.orig_len)));
                consumed
            }
            Ok(Next::Skip { consumed, problem }) => {
                seen.extend(problem.map(Err));
                consumed
            }
            Ok(Next::More { needed }) => {
                assert!(needed > buffer.len());
                if end == file.len() {
                    return (seen, End::Cut);
                }
                end = (end + step).min(file.len());
                continue;
            }
            Ok(Next::End) => {
                assert!(buffer.is_empty());
                if end == file.len() {
                    return (seen, End::Clean);
                }
                end = (end + step).min(file.len());
                continue;
            }
            Err(error) => {
                assert_ne!(error.reason, Reason::Truncated);
                return (seen, End::Unreadable(error));
            }
        };
        assert!((1..=buffer.len()).contains(&consumed), "{consumed} of {} octets consumed", buffer.len());
        start += consumed;
    }
}
