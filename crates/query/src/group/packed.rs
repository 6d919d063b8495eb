//! The groups of one whole segment as bytes, and back: what one question found is taken in by the next as it would take
//! in the groups of another thread.
//!
//! Numbers are little-endian, of 64 bits unless it says otherwise:
//!
//! 1. how many records are in the groups;
//! 2. the names and the text among the keys: how many (4 bytes), then of each its length (4) and its UTF-8;
//! 3. twice, of the groups whose keys are all known and of the others: the words of a key, the measures, 1 where sums are
//!    of 128 bits (else 0), the groups; then column by column the words of the keys, and the sums (of 128 bits the lower
//!    half first). Where a key is a name or text, its number is the place among the names in 2.
//!
//! How keys lie in words follows from the question ([`Layout`]), which is not in here: who reads knows it.

use super::key::Layout;
use super::map::Sums;
use super::spill::Page;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::sync::Arc;

/// Groups as they were read from bytes.
#[derive(Debug)]
pub(crate) struct Packed {
    /// How many records are in them.
    pub(crate) records: u64,
    /// What the numbers of names and text in the keys mean.
    pub(crate) names: Vec<Box<str>>,
    /// The groups whose keys are all known, then the others.
    pub(crate) halves: [Page; 2],
}

/// The bytes of these groups. `names` are by the numbers in their keys.
pub(super) fn encode(halves: [&dyn Sums; 2], layout: &Layout, names: &[Arc<str>], records: u64) -> Vec<u8> {
    let mut numbers: HashMap<u64, u64, RandomState> = HashMap::default();
    let mut met: Vec<u64> = Vec::new();
    let mut number = |old: u64| {
        Some(*numbers.entry(old).or_insert_with(|| {
            met.push(old);
            met.len() as u64 - 1
        }))
    };
    let keys = halves.map(|groups| {
        let mut keys = Vec::with_capacity(groups.len() * groups.key_words());
        for group in 0..groups.len() {
            let from = keys.len();
            keys.extend_from_slice(groups.key(group));
            if let Some(key) = keys.get_mut(from..) {
                layout.renumber(key, &mut number);
            }
        }
        keys
    });
    let mut out = Vec::new();
    let mut word = |word: u64| out.extend_from_slice(&word.to_le_bytes());
    word(records);
    out.extend_from_slice(&length(met.len()));
    for old in met {
        let name = usize::try_from(old).ok().and_then(|at| names.get(at)).map_or("", |name| name);
        out.extend_from_slice(&length(name.len()));
        out.extend_from_slice(name.as_bytes());
    }
    for (groups, keys) in halves.into_iter().zip(keys) {
        half(groups, &keys, &mut out);
    }
    out
}

/// A length in four bytes. What is longer is refused before it gets here: memory bounds it.
fn length(len: usize) -> [u8; 4] {
    u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes()
}

fn half(groups: &dyn Sums, keys: &[u64], out: &mut Vec<u8>) {
    let wide = groups.is_wide();
    let (words, measures, len) = (groups.key_words(), groups.measures(), groups.len());
    let mut word = |word: u64| out.extend_from_slice(&word.to_le_bytes());
    [words as u64, measures as u64, u64::from(wide), len as u64].into_iter().for_each(&mut word);
    for at in 0..words {
        keys.iter().skip(at).step_by(words).for_each(|key| word(*key));
    }
    for at in 0..measures {
        (0..len).for_each(|group| word(low_half(groups.sum(group, at))));
        if wide {
            (0..len).for_each(|group| word(low_half(groups.sum(group, at) >> 64)));
        }
    }
}

impl Packed {
    /// Reads them; `None` where the bytes are none.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut bytes = Bytes(bytes);
        let records = bytes.word()?;
        let count = bytes.length()?;
        let mut names = Vec::new();
        for _ in 0..count {
            let len = bytes.length()?;
            names.push(Box::from(str::from_utf8(bytes.take(len)?).ok()?));
        }
        let halves = [bytes.half()?, bytes.half()?];
        bytes.0.is_empty().then_some(Self { records, names, halves })
    }

    /// How many groups there are.
    pub(crate) fn len(&self) -> usize {
        self.halves.iter().map(Sums::len).sum()
    }
}

/// What is still to be read.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn word(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(*self.take(8)?.first_chunk()?))
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(u32::from_le_bytes(*self.take(4)?.first_chunk()?)).ok()
    }

    fn count(&mut self) -> Option<usize> {
        usize::try_from(self.word()?).ok()
    }

    fn half(&mut self) -> Option<Page> {
        let (key_words, measures, wide, len) = (self.count()?, self.count()?, self.word()?, self.count()?);
        let wide = match wide {
            0 => false,
            1 => true,
            _ => return None,
        };
        let sum_words = measures.checked_mul(if wide { 2 } else { 1 })?;
        let stride = key_words.checked_add(sum_words).filter(|stride| *stride > 0)?;
        // What is allocated is there as bytes.
        let all = self.take(len.checked_mul(stride)?.checked_mul(size_of::<u64>())?)?;
        let mut words = vec![0; all.len() / size_of::<u64>()];
        for (at, column) in all.as_chunks::<8>().0.chunks(len.max(1)).enumerate() {
            for (group, word) in column.iter().enumerate() {
                if let Some(slot) = words.get_mut(group * stride + at) {
                    *slot = u64::from_le_bytes(*word);
                }
            }
        }
        Some(Page::new(words, key_words, measures, wide))
    }
}

/// The low 64 bits.
#[expect(clippy::cast_possible_truncation, reason = "it is the purpose")]
const fn low_half(sum: u128) -> u64 {
    sum as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Key;

    fn layout() -> Layout {
        Layout::new(&["tenant", "src_port"].map(|name| Key::by_name(name).unwrap()))
    }

    #[test]
    fn what_is_packed_comes_out_again_with_numbers_of_its_own() {
        let names: Vec<Arc<str>> = (0..10).map(|n| Arc::from(format!("tenant{n}"))).collect();
        // A tenant takes the low 32 bits of the word, the port those above.
        let tenant = |n: u64, port: u64| n | port << 32;
        for wide in [false, true] {
            let sums = |a: u64, b: u64| if wide { vec![a, 1, b, 0] } else { vec![a, b] };
            let known = [vec![tenant(2, 80)], sums(10, 1), vec![tenant(9, 80)], sums(20, 2)].concat();
            let unknown = [vec![tenant(0, 443), 0], sums(5, 1)].concat();
            let pages = [Page::new(known, 1, 2, wide), Page::new(unknown, 2, 2, wide)];
            let bytes = encode([&pages[0], &pages[1]], &layout(), &names, 4);
            let packed = Packed::decode(&bytes).unwrap();
            assert_eq!((packed.records, packed.len()), (4, 3));
            assert_eq!(packed.names.iter().map(|n| &**n).collect::<Vec<_>>(), ["tenant2", "tenant9"]);
            let [known, unknown] = &packed.halves;
            assert_eq!((known.key(0), known.key(1)), (&[tenant(0, 80)][..], &[tenant(1, 80)][..]));
            let more = if wide { 1 << 64 } else { 0 };
            assert_eq!([0, 1].map(|group| known.sum(group, 0)), [10 + more, 20 + more]);
            assert_eq!([0, 1].map(|group| known.sum(group, 1)), [1, 2]);
            assert_eq!(unknown.key(0), [tenant(0, 443), 0], "no tenant, no number");
            for cut in 0..bytes.len() {
                assert!(Packed::decode(&bytes[..cut]).is_none(), "{cut} bytes");
            }
            assert!(Packed::decode(&[bytes, vec![0]].concat()).is_none());
        }
    }
}
