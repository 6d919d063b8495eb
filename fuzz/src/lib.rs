//! What the fuzz targets do with octets: take every view, follow every iterator, and assert what must hold for
//! all input, not only that nothing panics.
//!
//! The functions take octets and return nothing, so that they serve libFuzzer and, with the stable compiler, a
//! test that replays the corpora (`crates/wire/tests/fuzz_corpus.rs` includes these files).

pub mod archive;
pub mod builder;
pub mod fixed;
pub mod packet;
pub mod pcap;
pub mod sets;
pub mod sflow;
pub mod structured;
pub mod value;

/// A target's name, which is also the name of its corpus, and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 17] = [
    ("v1", fixed::v1),
    ("v5", fixed::v5),
    ("v6", fixed::v6),
    ("v7", fixed::v7),
    ("v8", fixed::v8),
    ("v9", sets::v9),
    ("ipfix", sets::ipfix),
    ("sflow", sflow::sflow),
    ("legacy", sflow::sflow),
    ("builder", builder::builder),
    ("structured", structured::structured),
    ("value", value::value),
    ("packet", packet::packet),
    ("pcap", pcap::pcap),
    ("nfcapd", archive::nfcapd),
    ("flowtools", archive::flowtools),
    ("lzo", archive::lzo),
];

/// The parts of an input that stands for a sequence: each has its length in two octets before it. The last may
/// be shorter than it says.
pub fn parts(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = data;
    core::iter::from_fn(move || {
        let (&[high, low], after) = rest.split_first_chunk()?;
        let len = usize::from(u16::from_be_bytes([high, low])).min(after.len());
        let (part, after) = after.split_at(len);
        rest = after;
        Some(part)
    })
}

/// Asserts that `inner` is what stands at `offset` in `outer`.
pub fn assert_at(outer: &[u8], offset: usize, inner: &[u8]) {
    assert_eq!(outer.get(offset..offset + inner.len()), Some(inner), "octets are not at offset {offset}");
}
