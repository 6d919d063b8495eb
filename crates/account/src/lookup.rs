//! Longest prefix match, flattened: every address of both families lies in exactly one of a sorted list of
//! ranges, and each range has one value.
//!
//! Networks do not change while a snapshot lives, so the nesting is resolved once, when the table is built, and
//! a lookup is one binary search without a pointer to follow. IPv4 has a front of [`FRONT_BITS`] bits, after
//! which most addresses of the internet are down to one range. With twenty tenants a lookup was measured at 6 ns
//! (IPv6 17 ns) against 14 ns (41 ns) in a trie (the `prefix-trie` crate); with twenty thousand both are level.

use crate::prefix::Prefix;
use weir_flow::Addr;

/// How many leading bits of an IPv4 address choose where the search begins.
const FRONT_BITS: u32 = 12;

/// How many bits of an IPv4 address are left then.
const BACK_BITS: u32 = 32 - FRONT_BITS;

/// Ranges with values. Addresses that no network holds have `T::default()`.
#[derive(Clone, Debug)]
pub(crate) struct Lookup<T> {
    /// For each value of the leading bits, the range that its first address lies in; one more at the end.
    front: Vec<u32>,
    v4_starts: Vec<u32>,
    v4_values: Vec<T>,
    v6_starts: Vec<u128>,
    v6_values: Vec<T>,
}

impl<T: Copy + Default + PartialEq> Lookup<T> {
    /// From networks and their values. Of two values of one network the later in the list wins.
    ///
    /// `inside` says which value a network's addresses have, given what the network itself says and what
    /// encloses it: for plain longest prefix match the first.
    pub(crate) fn new(networks: &[(Prefix, T)], inside: impl Fn(T, T) -> T) -> Self {
        let mut sorted = networks.to_vec();
        // Stable: of equal networks the later stays later.
        sorted.sort_by_key(|(prefix, _)| *prefix);
        let (v4, v6): (Vec<_>, Vec<_>) = sorted.into_iter().partition(|(prefix, _)| prefix.is_v4());
        let mut v4 = flatten(&v4, &inside);
        // What follows 255.255.255.255 is another family.
        v4.retain(|(start, _)| start >> 32 <= 0xffff);
        let v6 = flatten(&v6, &inside);
        let v4_starts: Vec<u32> = v4.iter().map(|(start, _)| low(*start)).collect();
        Self {
            front: front(&v4_starts),
            v4_starts,
            v4_values: v4.iter().map(|(_, value)| *value).collect(),
            v6_starts: v6.iter().map(|(start, _)| *start).collect(),
            v6_values: v6.iter().map(|(_, value)| *value).collect(),
        }
    }

    /// The value of the longest network that holds the address.
    #[inline]
    pub(crate) fn get(&self, addr: Addr) -> T {
        if addr.is_v4() { self.get_v4(low(addr.bits())) } else { self.get_v6(addr.bits()) }
    }

    #[inline]
    fn get_v4(&self, bits: u32) -> T {
        let front = (bits >> BACK_BITS) as usize;
        let (Some(&low), Some(&high)) = (self.front.get(front), self.front.get(front.saturating_add(1)))
        else {
            return T::default();
        };
        if low == high {
            return self.v4_values.get(low as usize).copied().unwrap_or_default();
        }
        // The range before the first one that starts past the address; range `low` does start before it.
        let starts = self.v4_starts.get(low as usize..=high as usize).unwrap_or_default();
        let past = starts.partition_point(|start| *start <= bits);
        let at = (low as usize).saturating_add(past.saturating_sub(1));
        self.v4_values.get(at).copied().unwrap_or_default()
    }

    #[inline]
    fn get_v6(&self, bits: u128) -> T {
        let at = self.v6_starts.partition_point(|start| *start <= bits).saturating_sub(1);
        self.v6_values.get(at).copied().unwrap_or_default()
    }
}

/// The low 32 bits: the IPv4 address of a mapped one.
#[inline]
fn low(bits: u128) -> u32 {
    u32::try_from(bits & u128::from(u32::MAX)).unwrap_or(u32::MAX)
}

/// For each value of the leading bits, the place of the range that its first address lies in.
fn front(starts: &[u32]) -> Vec<u32> {
    let mut front: Vec<u32> = (0..1u32 << FRONT_BITS)
        .map(|leading| {
            let first = leading << BACK_BITS;
            let at = starts.partition_point(|start| *start <= first).saturating_sub(1);
            u32::try_from(at).unwrap_or(u32::MAX)
        })
        .collect();
    front.push(u32::try_from(starts.len().saturating_sub(1)).unwrap_or(u32::MAX));
    front
}

/// The ranges of one family's sorted networks, from address 0 on, with neighbours of one value joined.
fn flatten<T: Copy + Default + PartialEq>(
    sorted: &[(Prefix, T)],
    inside: &impl Fn(T, T) -> T,
) -> Vec<(u128, T)> {
    let mut ranges = vec![(0, T::default())];
    // The networks that enclose the place we are at, outermost first: last address and value.
    let mut open: Vec<(u128, T)> = Vec::new();
    for (prefix, value) in sorted {
        close_until(&mut open, prefix.first().bits(), &mut ranges);
        let enclosing = open.last().map_or_else(T::default, |(_, value)| *value);
        let value = inside(*value, enclosing);
        ranges.push((prefix.first().bits(), value));
        open.push((prefix.last().bits(), value));
    }
    while let Some((last, _)) = open.pop() {
        reopen(&open, last, &mut ranges);
    }
    tidy(&ranges)
}

/// Ends every open network that ends before `first`.
fn close_until<T: Copy + Default>(open: &mut Vec<(u128, T)>, first: u128, ranges: &mut Vec<(u128, T)>) {
    while let Some(&(last, _)) = open.last() {
        if last >= first {
            return;
        }
        open.pop();
        reopen(open, last, ranges);
    }
}

/// After `last`, what encloses goes on.
fn reopen<T: Copy + Default>(open: &[(u128, T)], last: u128, ranges: &mut Vec<(u128, T)>) {
    if let Some(next) = last.checked_add(1) {
        ranges.push((next, open.last().map_or_else(T::default, |(_, value)| *value)));
    }
}

/// Of ranges with one start keeps the last, and joins neighbours of one value.
fn tidy<T: Copy + PartialEq>(ranges: &[(u128, T)]) -> Vec<(u128, T)> {
    let mut tidy: Vec<(u128, T)> = Vec::with_capacity(ranges.len());
    for (i, range) in ranges.iter().enumerate() {
        let replaced = ranges.get(i.saturating_add(1)).is_some_and(|next| next.0 == range.0);
        if !replaced && tidy.last().is_none_or(|last| last.1 != range.1) {
            tidy.push(*range);
        }
    }
    tidy
}
