//! What both formats promise: any split of the input gives the same frames, and no input panics.

use super::*;
use proptest::prelude::*;
use std::vec::Vec;

/// What a frame was, without the buffer it was in.
type Seen = (Option<u64>, u32, u64, Vec<u8>);

/// A file of either kind with these frames.
fn file(kind: Kind, payloads: &[Vec<u8>]) -> Vec<u8> {
    let mut out = [0; 400];
    let header = pcap::Header {
        order: pcap::Order::Big,
        resolution: pcap::Resolution::Nano,
        link: Link::Ethernet,
        snap_len: 0,
    };
    let mut file = match kind {
        Kind::Pcap => Vec::from(header.emit()),
        Kind::Pcapng => {
            let mut len = pcapng::emit_section(&mut out).unwrap();
            len += pcapng::emit_interface(Link::Ethernet, 0, &mut out[len..]).unwrap();
            Vec::from(&out[..len])
        }
    };
    for (number, payload) in (1_u64..).zip(payloads) {
        let at_ns = 1_700_000_000_000_000_000 + number;
        let len = match kind {
            Kind::Pcap => header.emit_record(at_ns, 1500, payload, &mut out),
            Kind::Pcapng => pcapng::emit_packet(0, at_ns, 1500, payload, &mut out),
        };
        file.extend_from_slice(&out[..len.unwrap()]);
    }
    file
}

fn seen(frame: &Frame<'_>) -> Seen {
    (frame.at_ns, frame.orig_len, frame.offset, Vec::from(frame.bytes))
}

/// Reads `file` through a buffer that grows by `step` octets at a time.
fn stream(file: &[u8], step: usize) -> Result<Vec<Seen>, Reason> {
    let mut reader = Reader::new();
    let (mut start, mut end) = (0, 0);
    let mut frames = Vec::new();
    loop {
        match reader.next(&file[start..end]).map_err(|error| error.reason)? {
            Next::Frame { consumed, frame } => {
                frames.push(seen(&frame));
                start += consumed;
            }
            Next::Skip { consumed, .. } => {
                assert!(consumed > 0);
                start += consumed;
            }
            Next::More { .. } if end == file.len() => return Err(Reason::Truncated),
            Next::End if end == file.len() => return Ok(frames),
            Next::More { needed } => {
                assert!(needed > end - start, "asks for what is there");
                end = (end + step).min(file.len());
            }
            Next::End => end = (end + step).min(file.len()),
        }
        assert!(start <= end);
    }
}

#[test]
fn kinds_are_told_apart() {
    assert_eq!(detect(&file(Kind::Pcap, &[])), Some(Kind::Pcap));
    assert_eq!(detect(&file(Kind::Pcapng, &[])), Some(Kind::Pcapng));
    assert_eq!(detect(&[0xd4, 0xc3, 0xb2]), None);
    assert_eq!(detect(b"GIF89a"), None);
    assert_eq!(frames(b"GIF89a").next(), Some(Err(Error::new(Reason::BadMagic, 0))));
}

#[test]
fn an_empty_file_is_cut_short_and_a_header_alone_is_not() {
    assert_eq!(frames(&[]).next(), Some(Err(Error::new(Reason::Truncated, 0))));
    for kind in [Kind::Pcap, Kind::Pcapng] {
        let file = file(kind, &[]);
        assert_eq!(frames(&file).next(), None);
        assert_eq!(stream(&file, 1), Ok(Vec::new()));
    }
}

proptest! {
    #[test]
    fn any_split_gives_the_same_frames(
        pcapng in any::<bool>(),
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..90), 0..8),
        step in 1_usize..300,
    ) {
        let file = file(if pcapng { Kind::Pcapng } else { Kind::Pcap }, &payloads);
        let whole: Vec<_> = frames(&file).map(|frame| seen(&frame.unwrap())).collect();
        prop_assert_eq!(whole.len(), payloads.len());
        for ((number, payload), (at_ns, orig_len, offset, bytes)) in (1..).zip(&payloads).zip(&whole) {
            prop_assert_eq!(*at_ns, Some(1_700_000_000_000_000_000 + number));
            prop_assert_eq!(*orig_len, 1500);
            prop_assert_eq!(bytes, payload);
            let start = usize::try_from(*offset).unwrap();
            prop_assert_eq!(&file[start..start + bytes.len()], &payload[..]);
        }
        prop_assert_eq!(stream(&file, step), Ok(whole));
    }

    #[test]
    fn a_cut_file_gives_the_frames_before_the_cut(
        pcapng in any::<bool>(),
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..90), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let file = file(if pcapng { Kind::Pcapng } else { Kind::Pcap }, &payloads);
        let cut = cut.index(file.len());
        let good = frames(&file[..cut]).filter(Result::is_ok).count();
        let bad = frames(&file[..cut]).filter(Result::is_err).count();
        prop_assert!(good < payloads.len());
        // Only a cut on a boundary goes unnoticed.
        prop_assert!(bad <= 1);
        prop_assert_eq!(bad == 0, stream(&file[..cut], 7).is_ok());
    }

    #[test]
    fn damage_never_panics_and_always_ends(
        pcapng in any::<bool>(),
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..90), 1..5),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        step in 1_usize..100,
    ) {
        let mut file = file(if pcapng { Kind::Pcapng } else { Kind::Pcap }, &payloads);
        for (at, value) in changes {
            let at = at.index(file.len());
            file[at] = value;
        }
        let good: Vec<_> = frames(&file).filter_map(Result::ok).map(|frame| seen(&frame)).collect();
        if let Ok(streamed) = stream(&file, step) {
            prop_assert_eq!(streamed, good);
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), kind in 0..3) {
        let magic: &[u8] = match kind {
            0 => &[0xa1, 0xb2, 0xc3, 0xd4, 0, 2, 0, 4],
            1 => &[0x0a, 0x0d, 0x0d, 0x0a, 0, 0, 0, 28, 0x1a, 0x2b, 0x3c, 0x4d, 0, 1, 0, 0],
            _ => &[],
        };
        let file = [magic, &bytes].concat();
        for frame in frames(&file).flatten() {
            prop_assert!(frame.bytes.len() <= file.len());
        }
    }
}
