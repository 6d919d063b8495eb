//! A bounded map that forgets what was not touched for longest.
//!
//! Two generations: what is touched moves into the young one; when that is full, the old one is forgotten and the
//! young one becomes it. No list to keep in order, and never more than the maximum.

use hashbrown::HashMap;
use std::hash::Hash;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Recent<K, V> {
    young: HashMap<K, V, foldhash::fast::RandomState>,
    old: HashMap<K, V, foldhash::fast::RandomState>,
    /// Of one generation.
    max: usize,
    forgotten: usize,
}

impl<K: Hash + Eq + Copy, V> Recent<K, V> {
    /// Of at most so many entries.
    pub(super) fn new(max: usize) -> Self {
        Self { young: HashMap::default(), old: HashMap::default(), max: (max / 2).max(1), forgotten: 0 }
    }

    /// The entry of this key, made if there is none.
    pub(super) fn entry(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        if !self.young.contains_key(&key) {
            let value = self.old.remove(&key).unwrap_or_default();
            if self.young.len() >= self.max {
                self.forgotten += self.old.len();
                self.old = std::mem::take(&mut self.young);
            }
            self.young.insert(key, value);
        }
        self.young.entry(key).or_default()
    }

    /// Takes an entry out.
    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        self.young.remove(key).or_else(|| self.old.remove(key))
    }

    /// How many entries were forgotten since this was asked last.
    pub(super) fn take_forgotten(&mut self) -> usize {
        std::mem::take(&mut self.forgotten)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_touched_stays_and_the_rest_is_bounded() {
        let mut recent: Recent<u32, u32> = Recent::new(8);
        for round in 0..100u32 {
            *recent.entry(7) += 1;
            *recent.entry(1000 + round) += 1;
            assert!(recent.young.len() + recent.old.len() <= 8, "{round}");
        }
        assert_eq!(recent.remove(&7), Some(100));
        assert_eq!(recent.remove(&7), None);
        assert_eq!(recent.remove(&1000), None);
        assert_eq!(recent.remove(&1099), Some(1));
        // 101 keys came; two were taken out; what is neither there nor taken was forgotten.
        let left = recent.young.len() + recent.old.len();
        assert_eq!(recent.take_forgotten() + left + 2, 101);
    }
}
