//! What becomes of a datagram: every one that arrives is read, waits, or is refused, and is counted so once.
//!
//! `datagrams = datagrams_decoded + datagrams_held + datagrams_refused:{reason}`, at every moment at which a batch
//! leaves. The three are counted where it happens, and apart from `datagrams`, so that the sum is a check:
//!
//! * *decoded*: it was read as far as it can be. Its malformed sets are counted beside it (`malformed`), and so are
//!   those of its sets that wait, if anything else in it was read.
//! * *held*: all that could be read of it waits for a template, or it is open whether it is a duplicate. When that
//!   comes out, `held` is taken back and it is decoded or refused.
//! * *refused*: nothing of it is in the rows, and the reason says why: what was wrong with it (`truncated`, …),
//!   [`DUPLICATE`], [`NO_ROOM`], [`NO_TEMPLATE`], [`FORGOTTEN`], or what the gate said before it came here.
//!
//! The first set of a datagram that has to wait *leads*: the datagram's fate is that set's.

use super::count::Counts;
use crate::health::Counter;

/// It came before.
pub(super) const DUPLICATE: &str = "duplicate";
/// All its sets had to wait for a template, and there was no room to wait.
pub(super) const NO_ROOM: &str = "no_room_to_wait";
/// All its sets waited for a template that did not come before the session was over.
pub(super) const NO_TEMPLATE: &str = "no_template";
/// It was open whether it is a duplicate when its session had to make room for others.
pub(super) const FORGOTTEN: &str = "session_forgotten";

/// What has become of the datagram at hand so far.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nothing of it was read yet.
    #[default]
    Open,
    /// Something was read.
    Read,
    /// Nothing was read, and this set waits, by its number in the session.
    Waits(u64),
    /// Nothing was read, and there was no room to wait.
    GivenUp,
    /// It is not to be read; that is counted.
    Settled,
}

impl Fate {
    /// The end of the datagram: counts what nobody counted yet.
    pub(super) fn settle(self, counts: &mut Counts) {
        match self {
            Self::Open | Self::Read => counts.add(Counter::DatagramsDecoded, 1),
            Self::GivenUp => refuse(counts, NO_ROOM, 1),
            Self::Waits(_) | Self::Settled => {}
        }
    }
}

/// Counts datagrams that are refused.
pub(super) fn refuse(counts: &mut Counts, reason: &'static str, datagrams: i64) {
    if datagrams != 0 {
        counts.add_reason_value(Counter::DatagramsRefused, reason, datagrams);
    }
}

/// Counts datagrams that waited and are refused after all.
pub(super) fn give_up(counts: &mut Counts, reason: &'static str, datagrams: i64) {
    counts.add(Counter::DatagramsHeld, -datagrams);
    refuse(counts, reason, datagrams);
}

/// Counts datagrams that waited and are read now.
pub(super) fn release(counts: &mut Counts, datagrams: i64) {
    counts.add(Counter::DatagramsHeld, -datagrams);
    counts.add(Counter::DatagramsDecoded, datagrams);
}
