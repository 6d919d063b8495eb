//! Longest prefix match at a time: which of the networks that held at an instant is the longest for an address.
//!
//! Networks that always hold are all there is for most addresses, and cost nothing more here than in a [`Lookup`]: a
//! range of addresses has its value, unless networks in it come and go. Then it has a *history*: the values that the
//! longest network of each time gives, each since when. Histories are made once, with the table; there are no more of
//! them than networks, however many moves there are, and however many epochs these would make of the whole table.

use crate::lookup::Lookup;
use crate::prefix::Prefix;
use crate::span::Span;
use std::collections::HashMap;
use std::hash::Hash;

/// What the addresses of a range have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Held<T> {
    /// This, at all times.
    Always(T),
    /// What the history at this place says.
    Since(u32),
}

impl<T: Default> Default for Held<T> {
    fn default() -> Self {
        Self::Always(T::default())
    }
}

/// Values, each since when (ms since 1970): ascending, the first since ever, no two neighbours alike.
type History<T> = Box<[(i64, T)]>;

/// Addresses at times, with values. Where and when no network holds it is `T::default()`.
#[derive(Clone, Debug)]
pub(crate) struct Dated<T> {
    ranges: Lookup<Held<T>>,
    histories: Vec<History<T>>,
}

impl<T: Copy + Default + Eq + Hash> Dated<T> {
    /// From networks, the time that each holds, and what they say. Of two values of one network at one time the later
    /// in the list wins.
    ///
    /// `inside` says which value a network's addresses have, given what the network itself says and what
    /// encloses it then: for plain longest prefix match the first.
    pub(crate) fn new<N: Copy>(networks: &[(Prefix, (Span, N))], mut inside: impl FnMut(N, T) -> T) -> Self {
        let mut histories = Histories::default();
        let ranges = Lookup::new(networks, |(time, value), enclosing| {
            histories.lay(time, enclosing, &mut |enclosing| inside(value, enclosing))
        });
        Self { ranges, histories: histories.list }
    }

    /// The value of the longest network that holds the address at an instant (ms since 1970), which is asked for only
    /// where it matters.
    #[inline]
    pub(crate) fn get(&self, addr: weir_flow::Addr, at_ms: impl FnOnce() -> i64) -> T {
        match self.ranges.get(addr) {
            Held::Always(value) => value,
            Held::Since(history) => self.then(history, at_ms()),
        }
    }

    #[cold]
    fn then(&self, history: u32, at_ms: i64) -> T {
        let Some(history) = self.histories.get(history as usize) else { return T::default() };
        let later = history.partition_point(|(since_ms, _)| *since_ms <= at_ms);
        history.get(later.saturating_sub(1)).map_or_else(T::default, |(_, value)| *value)
    }
}

/// All histories there are, each once.
struct Histories<T> {
    list: Vec<History<T>>,
    places: HashMap<History<T>, u32>,
}

impl<T> Default for Histories<T> {
    fn default() -> Self {
        Self { list: Vec::new(), places: HashMap::new() }
    }
}

impl<T: Copy + Eq + Hash> Histories<T> {
    /// What is enclosed by this, and for this time becomes something else.
    fn lay(&mut self, time: Span, enclosing: Held<T>, change: &mut impl FnMut(T) -> T) -> Held<T> {
        let before: History<T> = match enclosing {
            Held::Always(value) if time == Span::default() => return Held::Always(change(value)),
            Held::Always(value) => Box::new([(i64::MIN, value)]),
            Held::Since(history) => self.list.get(history as usize).cloned().unwrap_or_default(),
        };
        // The value of an instant changes there only.
        let mut instants: Vec<i64> = before.iter().map(|(since_ms, _)| *since_ms).collect();
        instants.extend([time.from_ms, time.to_ms].into_iter().flatten());
        instants.sort_unstable();
        instants.dedup();
        let mut after: Vec<(i64, T)> = Vec::with_capacity(instants.len());
        for since_ms in instants {
            let was = before.partition_point(|(earlier, _)| *earlier <= since_ms).saturating_sub(1);
            let Some((_, value)) = before.get(was) else { continue };
            let value = if time.contains(since_ms) { change(*value) } else { *value };
            if after.last().is_none_or(|(_, last)| *last != value) {
                after.push((since_ms, value));
            }
        }
        if let [(_, value)] = after.as_slice() {
            return Held::Always(*value);
        }
        Held::Since(self.place(after.into()))
    }

    fn place(&mut self, history: History<T>) -> u32 {
        let next = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        *self.places.entry(history).or_insert_with_key(|history| {
            self.list.push(history.clone());
            next
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn span(from_ms: impl Into<Option<i64>>, to_ms: impl Into<Option<i64>>) -> Span {
        Span { from_ms: from_ms.into(), to_ms: to_ms.into() }
    }

    fn table(networks: &[(&str, Span, u32)]) -> Dated<u32> {
        let networks: Vec<_> =
            networks.iter().map(|(p, time, v)| (p.parse().unwrap(), (*time, *v))).collect();
        Dated::new(&networks, |value, _| value)
    }

    #[test]
    fn a_network_goes_from_one_to_the_other_at_an_instant() {
        let table = table(&[
            ("10.0.0.0/8", Span::default(), 1),
            ("10.1.0.0/16", span(None, 100), 2),
            ("10.1.0.0/16", span(100, 200), 3),
            ("10.1.1.0/24", span(150, None), 4),
        ]);
        let at = |addr: &str, ms: i64| table.get(addr.parse().unwrap(), || ms);
        let times = [i64::MIN, 99, 100, 149, 150, 199, 200, i64::MAX];
        assert_eq!(times.map(|ms| at("10.1.0.1", ms)), [2, 2, 3, 3, 3, 3, 1, 1]);
        assert_eq!(times.map(|ms| at("10.1.1.1", ms)), [2, 2, 3, 3, 4, 4, 4, 4]);
        assert_eq!(times.map(|ms| at("10.2.0.1", ms)), [1; 8]);
        assert_eq!(times.map(|ms| at("11.0.0.1", ms)), [0; 8]);
        assert_eq!(table.histories.len(), 3, "the first move, the second, and with the /24");
    }

    #[test]
    fn what_has_no_dates_has_no_history() {
        let table = table(&[
            ("10.0.0.0/8", Span::default(), 1),
            ("10.1.0.0/16", Span::default(), 2),
            // Spans that meet, of the same: no change.
            ("10.2.0.0/16", span(None, 7), 3),
            ("10.2.0.0/16", span(7, None), 3),
            // Covered by what always holds.
            ("10.3.0.0/16", span(7, 8), 4),
            ("10.3.0.0/16", Span::default(), 5),
        ]);
        for (addr, value) in [("10.0.0.1", 1), ("10.1.0.1", 2), ("10.2.0.1", 3), ("10.3.0.1", 5)] {
            assert!(
                matches!(table.ranges.get(addr.parse().unwrap()), Held::Always(v) if v == value),
                "{addr}"
            );
        }
        assert_eq!(
            size_of::<Held<Option<u32>>>(),
            size_of::<Option<u32>>(),
            "dates take no room in the table"
        );
    }

    proptest! {
        #[test]
        fn the_longest_that_holds_then_decides(
            networks in prop::collection::vec(
                (0u8..4, 24u8..=32, prop::option::of(0i64..6), prop::option::of(0i64..6)), 0..12),
            addr in 0u8..=255,
        ) {
            let mut list = Vec::new();
            for ((last, length, from_ms, to_ms), value) in networks.into_iter().zip(1u32..) {
                let prefix = Prefix::containing(weir_flow::Addr::v4([10, 0, 0, last * 61]), length).unwrap();
                list.push((prefix, (Span { from_ms, to_ms }, value)));
            }
            let table = Dated::new(&list, |value, _| value);
            let addr = weir_flow::Addr::v4([10, 0, 0, addr]);
            for at_ms in -1..7 {
                let holds = list.iter().filter(|(p, (time, _))| p.contains(addr) && time.contains(at_ms));
                // Of equal ones the last.
                let expected = holds.max_by_key(|(p, _)| p.length()).map_or(0, |(_, (_, value))| *value);
                prop_assert_eq!(table.get(addr, || at_ms), expected, "at {}", at_ms);
            }
        }
    }
}
