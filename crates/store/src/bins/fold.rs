//! Accounts without hosts: what those of all hosts of a tenant add up to; and what these add up to over bins.

use super::Counts;
use super::accumulator::Account;
use foldhash::fast::RandomState;
use hashbrown::HashMap;

/// Accounts being added up over hosts. Like those they are made from, the same account may come twice, where its sum
/// would exceed 64 bits.
#[derive(Default)]
pub(super) struct Fold {
    folded: Vec<(Account, Counts)>,
    places: HashMap<(u8, u32, u16, i64, weir_flow::Addr), usize, RandomState>,
}

impl Fold {
    /// Adds an account.
    pub(super) fn add(&mut self, account: &Account, counts: Counts) {
        let key = (account.kind.code(), account.tenant, account.class, account.bin, account.exporter);
        let place = self.places.entry(key).or_insert(self.folded.len());
        match self.folded.get_mut(*place).map(|(_, sum)| (sum.checked_add(counts), sum)) {
            Some((Some(both), sum)) => *sum = both,
            // A new one, or one whose sum would be too large.
            _ => {
                *place = self.folded.len();
                self.folded.push((Account { host: None, ..*account }, counts));
            }
        }
    }

    /// All, in the order of files.
    pub(super) fn sorted(mut self) -> Vec<(Account, Counts)> {
        self.folded.sort_by_key(|(account, _)| {
            (account.kind, account.tenant, account.class, account.bin, account.exporter)
        });
        self.folded
    }
}

/// What accounts add up to over bins. They are given, and come, in the order of files. Their bin means nothing.
pub(super) fn over_bins(sorted: &[(Account, Counts)]) -> Vec<(Account, Counts)> {
    let mut summed: Vec<(Account, Counts)> = Vec::new();
    let of = |account: &Account| (account.kind, account.tenant, account.class);
    for like in sorted.chunk_by(|(one, _), (next, _)| of(one) == of(next)) {
        let begin = summed.len();
        for (account, counts) in like {
            // Few exporters tell of the same tenant. The last sum is the one that still has room.
            let known = summed.get_mut(begin..).unwrap_or_default().iter_mut();
            let sum = known.rev().find(|(known, _)| known.exporter == account.exporter);
            match sum.map(|(_, sum)| (sum.checked_add(*counts), sum)) {
                Some((Some(both), sum)) => *sum = both,
                _ => summed.push((*account, *counts)),
            }
        }
        summed.get_mut(begin..).unwrap_or_default().sort_by_key(|(account, _)| account.exporter);
    }
    summed
}
