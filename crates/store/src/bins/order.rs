//! Accounts in the order of files: kind, tenant, host, class, bin, exporter.

use super::tally::Key;
use super::{Counts, Kind, NOBODY, UNCLASSED};
use crate::segment::parts::{Ranked, sort, width};
use weir_flow::Addr;

/// What accounts are sorted by has so many bits at most (and so few in tests that both ways of sorting happen).
const SORTED_BITS: u32 = if cfg!(test) { 24 } else { u64::BITS };

/// What the places that keys hold are in the order of what they stand for.
pub(super) struct Ranks {
    pub tenants: Vec<u32>,
    pub classes: Vec<u32>,
    pub bins: Vec<u32>,
    pub exporters: Vec<u32>,
}

impl Ranks {
    /// A key of ranks; those of no tenant and of no class are the last.
    fn of(&self, key: &Key) -> Key {
        let rank = |ranks: &[u32], place: u32| ranks.get(place as usize).copied().unwrap_or(NOBODY);
        Key {
            tenant: rank(&self.tenants, key.tenant),
            class: u16::try_from(rank(&self.classes, key.class.into())).unwrap_or(UNCLASSED),
            bin: rank(&self.bins, key.bin),
            exporter: rank(&self.exporters, key.exporter),
            ..*key
        }
    }
}

/// Calls `f` with the accounts in the order of files, those of the same added together; their keys are of ranks. What
/// an account is sorted by and its place are put into one number of 64 bits where they fit, which they mostly do.
pub(super) fn in_order(rows: &[&(Key, Counts)], ranks: &Ranks, mut f: impl FnMut(&Key, Counts)) {
    let Some((mut packed, row_bits)) = pack(rows, ranks) else {
        let mut rows: Vec<_> = rows.iter().map(|(key, counts)| (ranks.of(key), *counts)).collect();
        rows.sort_unstable_by_key(|(k, counts)| {
            let by = u64::from(k.kind) << 33 | u64::from(k.tenant) << 1 | u64::from(!k.has_host);
            let at = (k.class, u64::from(k.bin) << 32 | u64::from(k.exporter));
            (by, k.host, at, counts.octets, counts.packets)
        });
        merge(&mut rows);
        return rows.iter().for_each(|(key, counts)| f(key, *counts));
    };
    let bits = u32::from(width(packed.iter().fold(0, |all, by| all | by)));
    sort(&mut packed, row_bits, bits.saturating_sub(row_bits));
    let row = |packed: &u64| rows.get(usize::try_from(packed & ((1 << row_bits) - 1)).ok()?);
    let mut few: Vec<(Key, Counts)> = Vec::new();
    for alike in packed.chunk_by(|a, b| a >> row_bits == b >> row_bits) {
        few.clear();
        few.extend(alike.iter().filter_map(row).map(|(key, counts)| (ranks.of(key), *counts)));
        if few.len() > 1 {
            few.sort_unstable_by_key(|(_, counts)| (counts.octets, counts.packets));
            merge(&mut few);
        }
        few.iter().for_each(|(key, counts)| f(key, *counts));
    }
}

/// For each account a number that is less where it comes before, above its place in so many bits; `None` if they would
/// have more than 64.
fn pack(rows: &[&(Key, Counts)], ranks: &Ranks) -> Option<(Vec<u64>, u32)> {
    let hosts = Ranked::new(rows.iter().map(|(key, _)| Addr::from_bits(key.host)));
    // What there is none of comes after all.
    let lens = [
        Kind::ALL.len(),
        ranks.tenants.len(),
        hosts.list.len(),
        ranks.classes.len(),
        ranks.bins.len(),
        ranks.exporters.len(),
    ];
    let widths = lens.map(|len| u32::from(width(len as u64)));
    let row_bits = u32::from(width(rows.len() as u64));
    if widths.iter().sum::<u32>() + row_bits > SORTED_BITS {
        return None;
    }
    let number = |((row, (key, _)), host): ((usize, &&(Key, Counts)), &u32)| {
        let host = if key.has_host { hosts.numeric.get(*host as usize).copied() } else { None };
        let Key { tenant, class, bin, exporter, .. } = ranks.of(key);
        let parts = [u32::from(key.kind), tenant, host.unwrap_or(NOBODY), class.into(), bin, exporter];
        let part = |by: u64, ((part, len), width): ((&u32, usize), u32)| {
            by << width | u64::from(*part).min(len as u64)
        };
        let by = parts.iter().zip(lens).zip(widths).fold(0, part);
        by.checked_shl(row_bits).unwrap_or_default() | row as u64
    };
    Some((rows.iter().enumerate().zip(&hosts.places).map(number).collect(), row_bits))
}

/// Adds neighbours of the same account together, unless the sum would exceed 64 bits.
pub(super) fn merge(accounts: &mut Vec<(Key, Counts)>) {
    accounts.dedup_by(|(key, counts), (before, sum)| {
        let both = if before == key { sum.checked_add(*counts) } else { None };
        both.map(|both| *sum = both).is_some()
    });
}
