//! Longest prefix match, flattened: every address of both families lies in exactly one of a sorted list of
//! ranges, and each range has one value.
//!
//! Networks do not change while a snapshot lives, so the nesting is resolved once, when the table is built, and
//! a lookup is one binary search without a pointer to follow, in IPv4 among the one or two ranges that a table by
//! leading bits ([`Front`]) leaves.

use crate::front::Front;
use crate::prefix::Prefix;
use weir_flow::Addr;

/// Ranges with values. Addresses that no network holds have `T::default()`.
#[derive(Clone, Debug)]
pub(crate) struct Lookup<T> {
    front: Front,
    v4_starts: Vec<u32>,
    v4_values: Vec<T>,
    v6_starts: Vec<u128>,
    v6_values: Vec<T>,
}

impl<T: Copy + Default + PartialEq> Lookup<T> {
    /// From networks and what each says. Of equal networks the later in the list lies inside the earlier.
    ///
    /// `inside` says which value a network's addresses have, given what the network itself says and the value of
    /// what encloses it: for plain longest prefix match the first.
    pub(crate) fn new<N: Copy>(networks: &[(Prefix, N)], mut inside: impl FnMut(N, T) -> T) -> Self {
        let mut sorted = networks.to_vec();
        // Stable: of equal networks the later stays later.
        sorted.sort_by_key(|(prefix, _)| *prefix);
        let (v4, v6): (Vec<_>, Vec<_>) = sorted.into_iter().partition(|(prefix, _)| prefix.is_v4());
        let mut v4 = flatten(&v4, &mut inside);
        // What follows 255.255.255.255 is another family.
        v4.retain(|(start, _)| start >> 32 <= 0xffff);
        let v6 = flatten(&v6, &mut inside);
        let v4_starts: Vec<u32> = v4.iter().map(|(start, _)| low(*start)).collect();
        Self {
            front: Front::new(&v4_starts),
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
        let Some((low, high)) = self.front.around(bits) else { return T::default() };
        // The last range that starts no later than the address; range `low` does.
        let others = self.v4_starts.get(low.saturating_add(1)..=high).unwrap_or_default();
        let more = match others {
            // Mostly there is none or one: no search is worth its beginning.
            [] => 0,
            [one] => usize::from(*one <= bits),
            many => many.partition_point(|start| *start <= bits),
        };
        let at = low.saturating_add(more);
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

/// The ranges of one family's sorted networks, from address 0 on, with neighbours of one value joined.
fn flatten<N: Copy, T: Copy + Default + PartialEq>(
    sorted: &[(Prefix, N)],
    inside: &mut impl FnMut(N, T) -> T,
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
