//! One numbering of names for a whole query.
//!
//! Every batch numbers its tenants' names for itself. Groups of different batches and threads can only be told
//! apart and merged by one numbering, which is kept here. There are as many names as the configuration has
//! tenants, so the lock is taken once for a batch and the list needs no limit of its own.

use hashbrown::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

type Map = HashMap<Arc<str>, u32, foldhash::fast::RandomState>;

/// The names met so far.
#[derive(Default, Debug)]
pub(crate) struct Names {
    met: Mutex<(Map, Vec<Arc<str>>)>,
}

impl Names {
    /// The numbers of these names, in the same order.
    pub(crate) fn translate(&self, names: &[Box<str>]) -> Vec<u32> {
        let mut met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        let (numbers, list) = &mut *met;
        names
            .iter()
            .map(|name| {
                if let Some(number) = numbers.get(&**name) {
                    return *number;
                }
                let number = u32::try_from(list.len()).unwrap_or(u32::MAX);
                let name: Arc<str> = Arc::from(&**name);
                list.push(Arc::clone(&name));
                numbers.insert(name, number);
                number
            })
            .collect()
    }

    /// All names by their numbers.
    pub(crate) fn list(&self) -> Vec<Arc<str>> {
        self.met.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_name_has_the_same_number_in_every_batch() {
        let names = Names::default();
        assert_eq!(names.translate(&["a".into(), "b".into()]), [0, 1]);
        assert_eq!(names.translate(&["c".into(), "b".into(), "a".into()]), [2, 1, 0]);
        assert_eq!(names.list().iter().map(|n| &**n).collect::<Vec<_>>(), ["a", "b", "c"]);
    }
}
