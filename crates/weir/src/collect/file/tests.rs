//! Damaged archives: whatever is cut or flipped, what is whole is given, and nothing more than there is.

use super::*;
use crate::collect::Decoder;
use crate::config::Config;
use std::sync::Arc;
use weir_flow::health::Counter;
use weir_flow::session::memory::Realm;

const NOW: i64 = 1_800_000_000_000;

fn archive(name: &str) -> Vec<u8> {
    std::fs::read(weir_testkit::repository().join("testdata/archives").join(name)).unwrap()
}

/// Records and octets of a file with these bytes, and what reading it came to.
fn decode(bytes: &[u8]) -> Result<(u64, u64, Contents), String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let mut decoder = Decoder::new(&Config::default(), Realm::Import, Arc::default());
    let mut sink = |item: Item<'_>| {
        if let Item::Records(piece) = item {
            while decoder.take_in(piece) {
                drop(decoder.take());
            }
        }
        Ok(())
    };
    let contents = read(file.path(), None, NOW, &mut sink, &|_| {}).map_err(|failure| failure.to_string())?;
    assert_eq!(contents.size, bytes.len() as u64, "the whole file counts for the digest");
    let batch = decoder.take();
    let sum = |counter: Counter| {
        let rows = batch.health.iter().filter(|row| row.what == counter.name());
        rows.fold(0_u64, |sum, row| sum.wrapping_add(row.value.unsigned_abs()))
    };
    Ok((sum(Counter::Records), sum(Counter::Octets), contents))
}

/// One file of each packing and layout.
const FILES: [&str; 8] = [
    "nfcapd-1.6.13-lzo",
    "nfcapd-1.6.24-bz2",
    "nfcapd-1.6.24-lz4",
    "nfcapd-1.7.1-none",
    "nfcapd-1.7.1-lz4",
    "nfcapd-1.7.8-zstd",
    "flowtools-7-big",
    "flowtools-8.14-little",
];

#[test]
fn whole_archives_are_whole() {
    for name in FILES {
        let (records, octets, contents) = decode(&archive(name)).unwrap();
        let expected = if name.starts_with("nfcapd") { 551 } else { 5 };
        assert_eq!((records, contents.is_whole(), contents.differs), (expected, true, None), "{name}");
        assert!(octets > 0);
    }
}

#[test]
fn a_torn_archive_gives_what_is_whole_and_says_that_it_is_torn() {
    for name in FILES {
        let whole = archive(name);
        let all = decode(&whole).unwrap().0;
        let mut before = 0;
        let step = if whole.len() > 5_000 { 97 } else { 7 };
        for end in (4..whole.len()).step_by(step) {
            let Ok((records, _, contents)) = decode(&whole[..end]) else { continue };
            assert!((before..=all).contains(&records), "{name} cut at {end}: {records}");
            // Between two records of a plain stream, which does not say how many it has, a cut does not show.
            let is_between = name == "flowtools-8.14-little" && end % 60 == 0;
            assert!(!contents.is_whole() || is_between, "{name} cut at {end} passes for whole");
            before = records;
        }
        assert!(
            before > 0 || all == 5 || name.ends_with("2") || name.ends_with("zstd") || name.contains("lz")
        );
    }
}

#[test]
fn flipped_bits_never_end_in_a_panic_and_give_no_record_twice() {
    for name in FILES {
        let whole = archive(name);
        let step = if whole.len() > 20_000 { 499 } else { 53 };
        for at in (0..whole.len()).step_by(step) {
            for flip in [1, 0x80] {
                let mut bytes = whole.clone();
                bytes[at] ^= flip;
                // A record cannot be shorter than four octets.
                if let Ok((records, ..)) = decode(&bytes) {
                    assert!(records <= 1000, "{name} with {at} flipped: {records}");
                }
            }
        }
    }
}

#[test]
fn a_file_that_claims_to_unpack_to_more_than_it_may_is_refused() {
    // A block of LZ4: one literal and a copy of it that goes on for 17 MiB.
    let mut block = vec![0x1f, b'x', 1, 0];
    block.extend(vec![255; 17 << 20 >> 8]);
    block.extend([0, 0x50, 1, 2, 3, 4, 5]);
    let mut file = archive("nfcapd-1.7.1-lz4")[..40].to_vec();
    file.extend(1_u32.to_le_bytes());
    file.extend(u32::try_from(block.len()).unwrap().to_le_bytes());
    file.extend([3, 0, 0, 0]);
    file.extend(block);
    let (records, _, contents) = decode(&file).unwrap();
    assert_eq!((records, contents.is_cut), (0, true));
}

#[test]
fn archives_packed_as_a_whole_are_the_same_archives() {
    use std::io::Write;
    let whole = archive("nfcapd-1.7.1-none");
    let (records, octets, _) = decode(&whole).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&whole).unwrap();
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bzip2.write_all(&whole).unwrap();
    let zstd = zstd::bulk::compress(&whole, 1).unwrap();
    for packed in [gzip.finish().unwrap(), bzip2.finish().unwrap(), zstd] {
        let read = decode(&packed).unwrap();
        assert_eq!((read.0, read.1, read.2.is_whole()), (records, octets, true));
        // Cut in the middle of the packing: what came before is there.
        let cut = decode(&packed[..packed.len() / 2]).unwrap();
        assert!(cut.0 <= records && cut.2.is_cut);
    }
    let xz = [&b"\xfd7zXZ\0"[..], &[0; 30]].concat();
    let sentence = decode(&xz).unwrap_err();
    assert!(sentence.contains("packed with xz") && sentence.contains("unxz -k"), "{sentence}");
}
