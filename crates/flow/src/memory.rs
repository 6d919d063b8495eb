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
        memory.apply(&Change::Forget { prefix: (*b"").into() });
        assert_eq!((memory.is_empty(), memory.bytes()), (true, 0));
    }
}
