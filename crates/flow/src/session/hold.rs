//! Data sets that came before their template, kept until it comes.

use super::clock::Clock;
use std::collections::VecDeque;

/// Sets held per session: at one datagram a second, ten minutes until a router repeats its templates.
const SETS_MAX: usize = 4096;

/// A data set whose template is not known yet.
#[derive(Debug)]
pub(super) struct Held {
    /// The template it waits for.
    pub(super) id: u16,
    /// The clock of the message it came in.
    pub(super) clock: Clock,
    /// Its records.
    pub(super) body: Box<[u8]>,
}

/// The waiting sets of one session, oldest first.
#[derive(Debug, Default)]
pub(super) struct Holding {
    sets: VecDeque<Held>,
}

impl Holding {
    /// Keeps a set if there is room: in this session, and in all together.
    pub(super) fn push(&mut self, held: Held, bytes: &mut usize, bytes_max: usize) -> bool {
        let size = held.body.len();
        if self.sets.len() >= SETS_MAX || bytes.saturating_add(size) > bytes_max {
            return false;
        }
        *bytes = bytes.saturating_add(size);
        self.sets.push_back(held);
        true
    }

    /// Takes out the sets that wait for this template, oldest first.
    pub(super) fn take(&mut self, id: u16, bytes: &mut usize) -> Vec<Held> {
        if self.sets.is_empty() {
            return Vec::new();
        }
        let (taken, left): (VecDeque<Held>, VecDeque<Held>) =
            self.sets.drain(..).partition(|held| held.id == id);
        self.sets = left;
        for held in &taken {
            *bytes = bytes.saturating_sub(held.body.len());
        }
        taken.into()
    }

    /// How many sets wait, and how many octets they are.
    pub(super) fn len(&self) -> (usize, usize) {
        (self.sets.len(), self.sets.iter().map(|held| held.body.len()).sum())
    }
}
