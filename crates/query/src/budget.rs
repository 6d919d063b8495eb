//! The memory a query may use, shared by its threads.

use std::sync::atomic::{AtomicUsize, Ordering};

/// A stated amount of memory and what of it is in use.
#[derive(Debug)]
pub(crate) struct Budget {
    limit_bytes: usize,
    used_bytes: AtomicUsize,
}

/// The budget is used up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Full;

impl Budget {
    pub(crate) fn new(limit_bytes: usize) -> Self {
        Self { limit_bytes, used_bytes: AtomicUsize::new(0) }
    }

    pub(crate) fn limit_bytes(&self) -> usize {
        self.limit_bytes
    }

    /// Takes so many bytes, or nothing if there are not so many left.
    pub(crate) fn take(&self, bytes: usize) -> Result<(), Full> {
        let take = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= self.limit_bytes);
        self.used_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).map_or(Err(Full), |_| Ok(()))
    }

    /// Gives back what was taken.
    pub(crate) fn give_back(&self, bytes: usize) {
        self.used_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_not_taken() {
        let budget = Budget::new(100);
        assert_eq!(budget.take(60), Ok(()));
        assert_eq!(budget.take(41), Err(Full));
        assert_eq!(budget.take(40), Ok(()));
        budget.give_back(60);
        assert_eq!(budget.take(usize::MAX), Err(Full));
        assert_eq!(budget.take(60), Ok(()));
    }
}
