//! Adds batches up into accounts.

use super::{BinRow, Counts, Kind};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::hash::{BuildHasher, Hash};
use weir_flow::names::Direction;
use weir_flow::schema::Column;
use weir_flow::time::{BIN_MS, Part, bin, spread};
use weir_flow::{Addr, Batch};

/// What an account is of, in few bytes: bin, exporter and tenant by their places in lists.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
struct Key {
    host: u128,
    bin: u32,
    exporter: u32,
    tenant: u32,
    kind: u8,
    has_host: bool,
}

impl Key {
    /// A number that differs where keys do, mostly.
    #[inline]
    fn mix(&self, state: &RandomState) -> u64 {
        let places = u128::from(self.bin) << 96
            | u128::from(self.exporter) << 64
            | u128::from(self.tenant) << 32
            | u128::from(self.kind);
        state.hash_one(self.host ^ places.rotate_left(17))
    }
}

/// What an account is of, written out. `tenant` is a place among the sorted tenants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Account {
    pub bin: i64,
    pub exporter: Addr,
    pub kind: Kind,
    pub tenant: u32,
    pub host: Option<Addr>,
}

/// The place of a tenant that is none.
pub(super) const NOBODY: u32 = u32::MAX;

/// So many accounts are at hand while rows are added: few enough for the processor's nearest caches (and so few
/// in tests that all of this happens).
const RECENT: usize = if cfg!(test) { 8 } else { 1024 };

/// Accounts put away are added together when so many more have come.
const MERGE_EVERY: usize = if cfg!(test) { 64 } else { 1 << 18 };

/// Accounts being added up.
///
/// Rows mostly belong to an account that a row shortly before belonged to, above all when they are sorted. So a
/// few accounts are at hand in a small table; one that has to make room is put away in a list, and the same
/// account may be there several times. Now and then the list is sorted and its like are added together. (One
/// large hash table costs a cache miss for every row, and that is several times the time.)
#[derive(Debug, Default)]
pub struct Accumulator {
    recent: Vec<(Key, Counts)>,
    away: Vec<(Key, Counts)>,
    /// How many were left in `away` when it was last merged.
    merged: usize,
    state: RandomState,
    tenants: Interned<Box<str>>,
    exporters: Interned<Addr>,
    bins: Interned<i64>,
}

/// Values by place, each once.
#[derive(Debug)]
struct Interned<T> {
    values: Vec<T>,
    places: HashMap<T, u32, RandomState>,
    /// Neighbouring rows mostly share exporter and bin.
    last: Option<(T, u32)>,
}

impl<T> Default for Interned<T> {
    fn default() -> Self {
        Self { values: Vec::new(), places: HashMap::default(), last: None }
    }
}

impl<T: Hash + Eq + Clone> Interned<T> {
    #[inline]
    fn place(&mut self, value: &T) -> u32 {
        match &self.last {
            Some((last, place)) if last == value => *place,
            _ => self.look_up(value),
        }
    }

    fn look_up(&mut self, value: &T) -> u32 {
        // There are fewer rows than places.
        let next = u32::try_from(self.values.len()).unwrap_or(NOBODY);
        let place = *self.places.entry_ref(value).or_insert_with(|| {
            self.values.push(value.clone());
            next
        });
        self.last = Some((value.clone(), place));
        place
    }

    /// What each place is in the sorted order, and the values in that order.
    fn ranks(&self) -> (Vec<u32>, Vec<T>)
    where
        T: Ord,
    {
        let mut order: Vec<(&T, u32)> = self.values.iter().zip(0u32..).collect();
        order.sort_unstable();
        let mut ranks = vec![0; order.len()];
        for (rank, (_, place)) in (0u32..).zip(&order) {
            if let Some(slot) = ranks.get_mut(*place as usize) {
                *slot = rank;
            }
        }
        (ranks, order.into_iter().map(|(value, _)| value.clone()).collect())
    }
}

/// The columns of a batch that accounts are made from.
struct View<'a> {
    batch: &'a Batch,
    present: &'a [u64],
    start: &'a [i64],
    end: &'a [i64],
    exporter: &'a [Addr],
    direction: &'a [u8],
    /// Octets, packets, and both as measured.
    amounts: [&'a [u64]; 4],
}

/// What a row adds.
#[derive(Clone, Copy)]
struct Amounts {
    start: i64,
    end: i64,
    counts: Counts,
}

const AMOUNTS: [Column; 4] =
    [Column::Octets, Column::Packets, Column::MeasuredOctets, Column::MeasuredPackets];

impl<'a> View<'a> {
    fn new(batch: &'a Batch) -> Self {
        Self {
            batch,
            present: batch.present(),
            start: batch.times(Column::Start),
            end: batch.times(Column::End),
            exporter: batch.addrs(Column::Exporter),
            direction: batch.u8s(Column::Direction),
            amounts: AMOUNTS.map(|c| batch.u64s(c)),
        }
    }

    /// Unknown octets add nothing, but the flow counts.
    #[inline]
    fn amounts(&self, row: usize, mask: u64) -> Amounts {
        let [octets, packets, measured_octets, measured_packets] = self.amounts;
        let amount = |column: Column, values: &[u64]| {
            if mask & column.bit() != 0 { values.get(row).copied().unwrap_or(0) } else { 0 }
        };
        Amounts {
            start: self.start.get(row).copied().unwrap_or_default(),
            end: self.end.get(row).copied().unwrap_or_default(),
            counts: Counts {
                octets: amount(Column::Octets, octets),
                packets: amount(Column::Packets, packets),
                flows: 1,
                measured_octets: amount(Column::MeasuredOctets, measured_octets),
                measured_packets: amount(Column::MeasuredPackets, measured_packets),
            },
        }
    }

    fn addr(&self, row: usize, mask: u64, column: Column) -> Option<Addr> {
        (mask & column.bit() != 0).then(|| self.batch.addrs(column).get(row).copied()).flatten()
    }

    fn direction(&self, row: usize, mask: u64) -> Direction {
        let code = self.direction.get(row).filter(|_| mask & Column::Direction.bit() != 0);
        code.and_then(|c| Direction::from_code(*c)).unwrap_or(Direction::Unmatched)
    }
}

impl Amounts {
    /// Calls `part` with each bin's share.
    #[inline]
    fn spread(&self, mut part: impl FnMut(i64, Counts)) {
        let first = bin(self.start);
        if self.end <= first.saturating_add(BIN_MS) {
            return part(first, self.counts);
        }
        self.spread_long(&mut part);
    }

    #[cold]
    fn spread_long(&self, part: &mut dyn FnMut(i64, Counts)) {
        let c = &self.counts;
        let mut scaled: Vec<Part> = Vec::new();
        spread(self.start, self.end, c.octets, c.packets, |p| scaled.push(p));
        let mut scaled = scaled.into_iter();
        spread(self.start, self.end, c.measured_octets, c.measured_packets, |measured| {
            // Both are spread over the same bins.
            let Some(scaled) = scaled.next() else { return };
            let counts = Counts {
                octets: scaled.octets,
                packets: scaled.packets,
                flows: scaled.flows,
                measured_octets: measured.octets,
                measured_packets: measured.packets,
            };
            part(scaled.bin, counts);
        });
    }
}

impl Accumulator {
    /// No accounts yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether there are no accounts.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.away.is_empty() && self.at_hand().next().is_none()
    }

    /// Adds the rows of a batch, of which at least [`COLUMNS`](super::COLUMNS) are loaded.
    pub fn add(&mut self, batch: &Batch) {
        let view = View::new(batch);
        let tenants: Vec<u32> = batch.names().iter().map(|name| self.tenants.place(name)).collect();
        let tenant = |row: usize, mask: u64, column: Column| {
            if mask & column.bit() == 0 {
                return NOBODY;
            }
            let place = batch.u32s(column).get(row).map_or(usize::MAX, |p| *p as usize);
            tenants.get(place).copied().unwrap_or(NOBODY)
        };
        for (row, (mask, exporter)) in view.present.iter().copied().zip(view.exporter).enumerate() {
            let amounts = view.amounts(row, mask);
            let exporter = self.exporters.place(exporter);
            let direction = view.direction(row, mask);
            let own = || (tenant(row, mask, Column::Tenant), view.addr(row, mask, Column::Host));
            let (kind, (who, host)) = match direction {
                Direction::In => (Kind::In, own()),
                Direction::Out => (Kind::Out, own()),
                Direction::Local => (Kind::LocalOut, own()),
                Direction::Transit => (Kind::Transit, (NOBODY, None)),
                Direction::Unmatched => (Kind::Unmatched, (NOBODY, None)),
                Direction::Duplicate => (Kind::Duplicate, (NOBODY, None)),
            };
            self.add_row(&amounts, exporter, kind, who, host);
            if direction == Direction::Local {
                let who = tenant(row, mask, Column::PeerTenant);
                let nat = view.addr(row, mask, Column::NatDstAddr);
                let host = nat.or_else(|| view.addr(row, mask, Column::DstAddr));
                self.add_row(&amounts, exporter, Kind::LocalIn, who, host);
            }
        }
        self.add_decoded(&view);
    }

    #[inline]
    fn add_row(&mut self, amounts: &Amounts, exporter: u32, kind: Kind, tenant: u32, host: Option<Addr>) {
        let has_host = host.is_some();
        let host = host.unwrap_or_default().bits();
        amounts.spread(|bin, counts| {
            let bin = self.bins.place(&bin);
            self.add_to(Key { host, bin, exporter, tenant, kind: kind as u8, has_host }, counts);
        });
    }

    /// The other side of the trial balance. Neighbouring rows mostly share exporter and bin, so they are added up
    /// before the table is asked.
    fn add_decoded(&mut self, view: &View<'_>) {
        let mut current: Option<(i64, Addr, Counts)> = None;
        for (row, (mask, exporter)) in view.present.iter().copied().zip(view.exporter).enumerate() {
            view.amounts(row, mask).spread(|bin, counts| {
                let same = current.filter(|(b, e, _)| *b == bin && e == exporter);
                let sum = same.and_then(|(_, _, sum)| sum.checked_add(counts));
                if sum.is_none() {
                    self.flush_decoded(current);
                }
                current = Some((bin, *exporter, sum.unwrap_or(counts)));
            });
        }
        self.flush_decoded(current);
    }

    fn flush_decoded(&mut self, sum: Option<(i64, Addr, Counts)>) {
        let Some((bin, exporter, counts)) = sum else { return };
        let (bin, exporter) = (self.bins.place(&bin), self.exporters.place(&exporter));
        let kind = Kind::Decoded as u8;
        self.add_to(Key { host: 0, bin, exporter, tenant: NOBODY, kind, has_host: false }, counts);
    }

    #[inline]
    fn add_to(&mut self, key: Key, counts: Counts) {
        if self.recent.is_empty() {
            self.recent.resize(RECENT, Default::default());
        }
        let place = usize::try_from(key.mix(&self.state) % RECENT as u64).unwrap_or_default();
        let Some(slot) = self.recent.get_mut(place) else { return };
        let sum = if slot.0 == key { slot.1.checked_add(counts) } else { None };
        if let Some(sum) = sum {
            slot.1 = sum;
            return;
        }
        let before = std::mem::replace(slot, (key, counts));
        if before.1 != Counts::default() {
            self.put_away(before);
        }
    }

    fn put_away(&mut self, account: (Key, Counts)) {
        self.away.push(account);
        if self.away.len() >= 2 * self.merged + MERGE_EVERY {
            self.away.sort_unstable_by_key(|(key, counts)| (*key, counts.octets, counts.packets));
            merge(&mut self.away);
            self.merged = self.away.len();
        }
    }

    /// The accounts at hand; an empty slot counts nothing.
    fn at_hand(&self) -> impl Iterator<Item = &(Key, Counts)> {
        self.recent.iter().filter(|(_, counts)| *counts != Counts::default())
    }

    /// Forgets accounts of bins that do not begin in the range.
    pub fn retain(&mut self, range: &std::ops::Range<i64>) {
        let inside: Vec<bool> = self.bins.values.iter().map(|bin| range.contains(bin)).collect();
        let inside = |key: &Key| inside.get(key.bin as usize).copied().unwrap_or(false);
        self.recent.iter_mut().filter(|(key, _)| !inside(key)).for_each(|slot| *slot = Default::default());
        self.away.retain(|(key, _)| inside(key));
    }

    /// Calls `f` with every account, in the order of files: kind, tenant, host, bin, exporter.
    pub fn for_each(&self, mut f: impl FnMut(&BinRow<'_>)) {
        let (tenants, rows) = self.sorted();
        for (account, counts) in rows {
            let Account { bin, exporter, kind, tenant, host } = account;
            let tenant = tenants.get(tenant as usize).map(|t| &**t);
            f(&BinRow { bin, exporter, kind, tenant, host, counts });
        }
    }

    /// All accounts in the order of files, and the tenants in their order.
    pub(super) fn sorted(&self) -> (Vec<Box<str>>, Vec<(Account, Counts)>) {
        let (ranks, names) = self.tenants.ranks();
        let (bin_ranks, bins) = self.bins.ranks();
        let (exporter_ranks, exporters) = self.exporters.ranks();
        let rank = |ranks: &[u32], place: u32| ranks.get(place as usize).copied().unwrap_or(NOBODY);
        let mut rows: Vec<(Key, Counts)> = self.away.iter().chain(self.at_hand()).copied().collect();
        for (key, _) in &mut rows {
            key.tenant = rank(&ranks, key.tenant);
            key.bin = rank(&bin_ranks, key.bin);
            key.exporter = rank(&exporter_ranks, key.exporter);
        }
        rows.sort_unstable_by_key(|(k, counts)| {
            let by = u64::from(k.kind) << 33 | u64::from(k.tenant) << 1 | u64::from(!k.has_host);
            (by, k.host, u64::from(k.bin) << 32 | u64::from(k.exporter), counts.octets, counts.packets)
        });
        merge(&mut rows);
        let written = rows.into_iter().filter_map(|(key, counts)| {
            let account = Account {
                bin: *bins.get(key.bin as usize)?,
                exporter: *exporters.get(key.exporter as usize)?,
                kind: Kind::from_code(key.kind)?,
                tenant: key.tenant,
                host: key.has_host.then(|| Addr::from_bits(key.host)),
            };
            Some((account, counts))
        });
        (names, written.collect())
    }
}

/// Adds neighbours of the same account together, unless the sum would exceed 64 bits.
fn merge(accounts: &mut Vec<(Key, Counts)>) {
    accounts.dedup_by(|(key, counts), (before, sum)| {
        let both = if before == key { sum.checked_add(*counts) } else { None };
        both.map(|both| *sum = both).is_some()
    });
}
