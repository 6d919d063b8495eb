//! Who has how much memory.
//!
//! What a consumer has is estimated from what it holds. The rest of the process is the program, its stacks, what the
//! kernel maps, and what the allocator keeps for later: `program` is what no consumer owns up to.

use super::hub::Hub;
use super::process::Process;
use super::pulse::Ear;
use crate::config::memory::BATCH_BYTES;
use std::sync::atomic::Ordering;

/// One consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Share {
    /// Its name.
    pub(crate) consumer: &'static str,
    /// Bytes.
    pub(crate) bytes: u64,
    /// The most it may have, where it has a limit.
    pub(crate) limit_bytes: Option<u64>,
}

/// All consumers, the biggest first.
pub(crate) fn shares(hub: &Hub) -> Vec<Share> {
    let status = hub.status();
    let ears = hub.ears();
    let sum = |figure: fn(&Ear) -> u64| ears.iter().map(|(_, ear)| figure(ear)).sum::<u64>();
    let share = |consumer, bytes, limit_bytes| Share { consumer, bytes, limit_bytes };
    let mut shares = vec![
        share("sessions", sum(|ear| Ear::get(&ear.session_bytes)), None),
        share("journal", status.held_bytes, Some(hub.held_max)),
        share("remembered", status.memory_bytes, Some(REMEMBERED_BYTES_MAX)),
        share(
            "queue",
            hub.queued.load(Ordering::Relaxed).saturating_mul(BATCH_BYTES),
            Some(hub.queue_max.saturating_mul(BATCH_BYTES)),
        ),
        // Each listener's thread fills one batch and has up to two to use again.
        share("batches", u64::try_from(ears.len()).unwrap_or(u64::MAX).saturating_mul(BATCH_BYTES), None),
    ];
    let named = shares.iter().fold(0u64, |sum, share| sum.saturating_add(share.bytes));
    if let Some(resident) = Process::now().resident_bytes {
        shares.push(share("program", resident.saturating_sub(named), None));
    }
    shares.sort_by_key(|share| std::cmp::Reverse(share.bytes));
    shares
}

/// What the store refuses to remember more of sessions than.
const REMEMBERED_BYTES_MAX: u64 = 256 << 20;
