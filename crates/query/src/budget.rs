//! The memory a query may use: all of its threads together, and of that each thread its part.

use std::sync::atomic::{AtomicUsize, Ordering};

/// A stated amount of memory and what of it is in use. What a part takes is taken from the whole, too.
#[derive(Debug)]
pub(crate) struct Budget<'a> {
    whole: Option<&'a Budget<'a>>,
    limit_bytes: AtomicUsize,
    used_bytes: AtomicUsize,
}

/// The budget is used up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Full;

impl<'a> Budget<'a> {
    pub(crate) fn new(limit_bytes: usize) -> Self {
        Self { whole: None, limit_bytes: limit_bytes.into(), used_bytes: AtomicUsize::new(0) }
    }

    /// A part of it, of so much at most.
    pub(crate) fn part(&'a self, limit_bytes: usize) -> Self {
        Self { whole: Some(self), limit_bytes: limit_bytes.into(), used_bytes: AtomicUsize::new(0) }
    }

    pub(crate) fn limit_bytes(&self) -> usize {
        self.limit_bytes.load(Ordering::Relaxed)
    }

    /// From now on the part may be as large as the whole.
    pub(crate) fn lift(&self) {
        self.limit_bytes.store(self.whole.map_or(usize::MAX, Self::limit_bytes), Ordering::Relaxed);
    }

    /// Whether it is so large, used or not.
    pub(crate) fn has_room_for(&self, bytes: usize) -> bool {
        bytes <= self.limit_bytes() && self.whole.is_none_or(|whole| whole.has_room_for(bytes))
    }

    /// Takes so many bytes, or nothing if there are not so many left.
    pub(crate) fn take(&self, bytes: usize) -> Result<(), Full> {
        let limit_bytes = self.limit_bytes();
        let more = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= limit_bytes);
        self.used_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).map_err(|_| Full)?;
        let whole = self.whole.map_or(Ok(()), |whole| whole.take(bytes));
        if whole.is_err() {
            self.used_bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
        whole
    }

    /// Gives back what was taken.
    pub(crate) fn give_back(&self, bytes: usize) {
        self.used_bytes.fetch_sub(bytes, Ordering::Relaxed);
        if let Some(whole) = self.whole {
            whole.give_back(bytes);
        }
    }
}

/// A part that is gone gives back what it had.
impl Drop for Budget<'_> {
    fn drop(&mut self) {
        if let Some(whole) = self.whole {
            whole.give_back(*self.used_bytes.get_mut());
        }
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

    #[test]
    fn parts_take_from_the_whole() {
        let whole = Budget::new(100);
        let (one, other) = (whole.part(50), whole.part(80));
        assert_eq!(one.take(51), Err(Full), "more than its part");
        assert_eq!(one.take(50), Ok(()));
        assert_eq!(other.take(60), Err(Full), "more than is left");
        assert_eq!(other.take(50), Ok(()));
        assert_eq!(whole.take(1), Err(Full));
        other.give_back(50);
        one.lift();
        assert_eq!(one.take(50), Ok(()));
        drop(one);
        assert_eq!(whole.take(100), Ok(()));
    }
}
