//! Accounts without hosts: what those of all hosts of a tenant add up to.

use super::Counts;
use super::accumulator::Account;
use foldhash::fast::RandomState;
use hashbrown::HashMap;

/// The accounts added up over hosts, in the order of files. Like those they are made from, the same account may come
/// twice, where its sum would exceed 64 bits.
pub(super) fn fold(rows: &[(Account, Counts)]) -> Vec<(Account, Counts)> {
    let mut folded: Vec<(Account, Counts)> = Vec::new();
    let mut places: HashMap<(u8, u32, i64, weir_flow::Addr), usize, RandomState> = HashMap::default();
    for (account, counts) in rows {
        let key = (account.kind.code(), account.tenant, account.bin, account.exporter);
        let place = places.entry(key).or_insert(folded.len());
        match folded.get_mut(*place).map(|(_, sum)| (sum.checked_add(*counts), sum)) {
            Some((Some(both), sum)) => *sum = both,
            // A new one, or one whose sum would be too large.
            _ => {
                *place = folded.len();
                folded.push((Account { host: None, ..*account }, *counts));
            }
        }
    }
    folded.sort_by_key(|(account, _)| (account.kind, account.tenant, account.bin, account.exporter));
    folded
}
