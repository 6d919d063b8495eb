//! What sessions remember across a restart.
//!
//! Templates, sampling intervals, names, and data sets that wait for their template are remembered as a map from
//! octets to octets. A [`Batch`](crate::Batch) carries what changed since the batch before it, and the store
//! writes both in one frame: after a crash, a set that waited is either still there or its records are, never
//! both and never neither. The store understands nothing of what it keeps; [`crate::session`] lays it out.

/// One change of what is remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// From now on the key has this value.
    Put {
        /// What it is remembered by.
        key: Box<[u8]>,
        /// What is remembered.
        value: Box<[u8]>,
    },
    /// Every key that begins so is forgotten.
    Forget {
        /// The beginning; the whole key forgets this key (and those that go on from it).
        prefix: Box<[u8]>,
    },
}

/// What an entry takes beside its key and its value, about.
pub const ENTRY_BYTES: usize = 64;

/// All that is remembered, in the order of the keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    entries: std::collections::BTreeMap<Box<[u8]>, Box<[u8]>>,
    bytes: usize,
}

impl Memory {
    /// Nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in a change.
    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::Put { key, value } => {
                self.bytes += key.len() + value.len();
                if let Some(old) = self.entries.insert(key.clone(), value.clone()) {
                    self.bytes -= key.len() + old.len();
                }
            }
            Change::Forget { prefix } => {
                let keys: Vec<_> = self.with_prefix(prefix).map(|(key, _)| Box::from(key)).collect();
                for key in keys {
                    if let Some(old) = self.entries.remove::<Box<[u8]>>(&key) {
                        self.bytes -= key.len() + old.len();
                    }
                }
            }
        }
    }

    /// Takes in a change, unless more would then be remembered than `limit_bytes` (keys, values and
    /// [`ENTRY_BYTES`] for each entry). Of a `Put` that is refused, the key is forgotten: what it had is out of
    /// date. Returns whether the change was taken.
    pub fn apply_within(&mut self, change: &Change, limit_bytes: usize) -> bool {
        if let Change::Put { key, value } = change {
            let (entries, before) = match self.entries.get(key) {
                Some(old) => (self.entries.len(), key.len() + old.len()),
                None => (self.entries.len() + 1, 0),
            };
            let bytes = self.bytes - before + key.len() + value.len();
            if bytes.saturating_add(entries.saturating_mul(ENTRY_BYTES)) > limit_bytes {
                if let Some(old) = self.entries.remove(key) {
                    self.bytes -= key.len() + old.len();
                }
                return false;
            }
        }
        self.apply(change);
        true
    }

    /// The entries whose key begins so, in order.
    pub fn with_prefix<'a>(&'a self, prefix: &'a [u8]) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        use std::ops::Bound;
        self.entries
            .range::<[u8], _>((Bound::Included(prefix), Bound::Unbounded))
            .take_while(move |(key, _)| key.starts_with(prefix))
            .map(|(key, value)| (&**key, &**value))
    }

    /// All entries, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.entries.iter().map(|(key, value)| (&**key, &**value))
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Octets of all keys and values.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(key: &str, value: &str) -> Change {
        Change::Put { key: key.as_bytes().into(), value: value.as_bytes().into() }
    }

    #[test]
    fn the_last_change_counts_and_prefixes_are_forgotten_together() {
        let mut memory = Memory::new();
        for change in [put("a1", "x"), put("a2", "yy"), put("b", "z"), put("a1", "www")] {
            memory.apply(&change);
        }
        assert_eq!((memory.len(), memory.bytes()), (3, 5 + 4 + 2));
        assert_eq!(
            memory.with_prefix(b"a").collect::<Vec<_>>(),
            [(&b"a1"[..], &b"www"[..]), (&b"a2"[..], &b"yy"[..])]
        );
        memory.apply(&Change::Forget { prefix: (*b"a").into() });
        assert_eq!(memory.iter().collect::<Vec<_>>(), [(&b"b"[..], &b"z"[..])]);
        let limit = 4 + 2 * ENTRY_BYTES;
        assert!(memory.apply_within(&put("c", "w"), limit), "two entries of two octets fit");
        assert!(!memory.apply_within(&put("d", ""), limit));
        assert!(memory.apply_within(&put("c", "v"), limit), "in place of what is there");
        assert!(!memory.apply_within(&put("c", "vv"), limit));
        assert_eq!(memory.iter().collect::<Vec<_>>(), [(&b"b"[..], &b"z"[..])], "not the old value");
        memory.apply(&Change::Forget { prefix: (*b"").into() });
        assert_eq!((memory.is_empty(), memory.bytes()), (true, 0));
    }
}
