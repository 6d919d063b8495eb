//! Adds batches up into accounts.

use super::{BinRow, Counts, Kind};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use std::sync::Arc;
use weir_flow::names::Direction;
use weir_flow::schema::Column;
use weir_flow::time::{BIN_MS, Part, bin, spread};
use weir_flow::{Addr, Batch};

/// What an account is of. `NOBODY` stands for no tenant.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Key {
    pub bin: i64,
    pub exporter: Addr,
    pub kind: Kind,
    pub tenant: u32,
    pub host: Option<Addr>,
}

/// The place of a tenant that is none.
pub(super) const NOBODY: u32 = u32::MAX;

/// Accounts being added up.
#[derive(Debug, Default)]
pub struct Accumulator {
    accounts: HashMap<Key, Counts, RandomState>,
    /// Accounts that could take no more without exceeding 64 bits; a new one was begun beside them.
    full: Vec<(Key, Counts)>,
    tenants: Vec<Box<str>>,
    places: HashMap<Box<str>, u32, RandomState>,
}

/// The columns of a batch that accounts are made from.
struct View<'a> {
    batch: &'a Batch,
    start: &'a [i64],
    end: &'a [i64],
    exporter: &'a [Addr],
    /// Octets, packets, and both as measured.
    amounts: [&'a [u64]; 4],
}

/// What a row adds.
#[derive(Clone, Copy)]
struct Amounts {
    start: i64,
    end: i64,
    octets: u64,
    packets: u64,
    measured_octets: u64,
    measured_packets: u64,
}

const AMOUNTS: [Column; 4] =
    [Column::Octets, Column::Packets, Column::MeasuredOctets, Column::MeasuredPackets];

impl<'a> View<'a> {
    fn new(batch: &'a Batch) -> Self {
        Self {
            batch,
            start: batch.times(Column::Start),
            end: batch.times(Column::End),
            exporter: batch.addrs(Column::Exporter),
            amounts: AMOUNTS.map(|c| batch.u64s(c)),
        }
    }

    /// Unknown octets add nothing, but the flow counts.
    fn amounts(&self, row: usize, mask: u64) -> Amounts {
        let amount = |i: usize| match (AMOUNTS.get(i), self.amounts.get(i)) {
            (Some(column), Some(values)) if mask & column.bit() != 0 => values.get(row).copied().unwrap_or(0),
            _ => 0,
        };
        Amounts {
            start: self.start.get(row).copied().unwrap_or_default(),
            end: self.end.get(row).copied().unwrap_or_default(),
            octets: amount(0),
            packets: amount(1),
            measured_octets: amount(2),
            measured_packets: amount(3),
        }
    }

    fn addr(&self, row: usize, mask: u64, column: Column) -> Option<Addr> {
        (mask & column.bit() != 0).then(|| self.batch.addrs(column).get(row).copied()).flatten()
    }

    fn exporter(&self, row: usize) -> Addr {
        self.exporter.get(row).copied().unwrap_or_default()
    }
}

impl Amounts {
    /// Calls `part` with each bin's share.
    fn spread(&self, mut part: impl FnMut(i64, Counts)) {
        let first = bin(self.start);
        if self.end <= first.saturating_add(BIN_MS) {
            let counts = Counts {
                octets: self.octets,
                packets: self.packets,
                flows: 1,
                measured_octets: self.measured_octets,
                measured_packets: self.measured_packets,
            };
            return part(first, counts);
        }
        let mut scaled: Vec<Part> = Vec::new();
        spread(self.start, self.end, self.octets, self.packets, |p| scaled.push(p));
        let mut scaled = scaled.into_iter();
        spread(self.start, self.end, self.measured_octets, self.measured_packets, |measured| {
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
        self.accounts.is_empty()
    }

    /// Adds the rows of a batch, of which at least [`COLUMNS`](super::COLUMNS) are loaded.
    pub fn add(&mut self, batch: &Batch) {
        let view = View::new(batch);
        let tenants: Vec<u32> = batch.names().iter().map(|name| self.place(name)).collect();
        let tenant = |row: usize, mask: u64, column: Column| {
            if mask & column.bit() == 0 {
                return NOBODY;
            }
            let place = batch.u32s(column).get(row).map_or(usize::MAX, |p| *p as usize);
            tenants.get(place).copied().unwrap_or(NOBODY)
        };
        for (row, mask) in batch.present().iter().copied().enumerate() {
            let amounts = view.amounts(row, mask);
            let exporter = view.exporter(row);
            let code = batch.u8s(Column::Direction).get(row).filter(|_| mask & Column::Direction.bit() != 0);
            let direction = code.and_then(|c| Direction::from_code(*c)).unwrap_or(Direction::Unmatched);
            let kind = match direction {
                Direction::In => Kind::In,
                Direction::Out => Kind::Out,
                Direction::Local => Kind::LocalOut,
                Direction::Transit => Kind::Transit,
                Direction::Unmatched => Kind::Unmatched,
                Direction::Duplicate => Kind::Duplicate,
            };
            let (who, host) = match kind {
                Kind::In | Kind::Out | Kind::LocalOut => {
                    (tenant(row, mask, Column::Tenant), view.addr(row, mask, Column::Host))
                }
                _ => (NOBODY, None),
            };
            amounts.spread(|bin, counts| self.add_to(Key { bin, exporter, kind, tenant: who, host }, counts));
            if direction == Direction::Local {
                let who = tenant(row, mask, Column::PeerTenant);
                let nat = view.addr(row, mask, Column::NatDstAddr);
                let host = nat.or_else(|| view.addr(row, mask, Column::DstAddr));
                let kind = Kind::LocalIn;
                amounts.spread(|bin, counts| {
                    self.add_to(Key { bin, exporter, kind, tenant: who, host }, counts)
                });
            }
        }
        self.add_decoded(&view);
    }

    /// The other side of the trial balance. Neighbouring rows mostly share exporter and bin, so they are added up
    /// before the table is asked.
    fn add_decoded(&mut self, view: &View<'_>) {
        let mut current: Option<(Key, Counts)> = None;
        for (row, mask) in view.batch.present().iter().copied().enumerate() {
            let exporter = view.exporter(row);
            view.amounts(row, mask).spread(|bin, counts| {
                let key = Key { bin, exporter, kind: Kind::Decoded, tenant: NOBODY, host: None };
                let sum = current.filter(|(k, _)| *k == key).and_then(|(_, sum)| sum.checked_add(counts));
                if sum.is_none()
                    && let Some((key, counts)) = current
                {
                    self.add_to(key, counts);
                }
                current = Some((key, sum.unwrap_or(counts)));
            });
        }
        if let Some((key, counts)) = current {
            self.add_to(key, counts);
        }
    }

    fn add_to(&mut self, key: Key, counts: Counts) {
        match self.accounts.entry(key) {
            Entry::Vacant(slot) => {
                slot.insert(counts);
            }
            Entry::Occupied(mut slot) => match slot.get().checked_add(counts) {
                Some(sum) => *slot.get_mut() = sum,
                None => self.full.push((key, slot.insert(counts))),
            },
        }
    }

    fn place(&mut self, name: &str) -> u32 {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        let place = u32::try_from(self.tenants.len()).unwrap_or(NOBODY);
        self.tenants.push(name.into());
        self.places.insert(name.into(), place);
        place
    }

    /// Forgets accounts of bins that do not begin in the range.
    pub fn retain(&mut self, range: &std::ops::Range<i64>) {
        self.accounts.retain(|key, _| range.contains(&key.bin));
        self.full.retain(|(key, _)| range.contains(&key.bin));
    }

    /// Calls `f` with every account, in the order of files: kind, tenant, host, bin, exporter.
    pub fn for_each(&self, mut f: impl FnMut(&BinRow<'_>)) {
        for (key, counts) in self.sorted() {
            let tenant = self.tenants.get(key.tenant as usize).map(|t| &**t);
            f(&BinRow {
                bin: key.bin,
                exporter: key.exporter,
                kind: key.kind,
                tenant,
                host: key.host,
                counts,
            });
        }
    }

    /// All accounts in the order of files.
    pub(super) fn sorted(&self) -> Vec<(Key, Counts)> {
        let mut order: Vec<u32> = (0u32..).take(self.tenants.len()).collect();
        order.sort_by_key(|place| self.tenants.get(*place as usize));
        let mut ranks = vec![0u32; order.len()];
        for (rank, place) in (0u32..).zip(order) {
            if let Some(slot) = ranks.get_mut(place as usize) {
                *slot = rank;
            }
        }
        let rank = |tenant: u32| ranks.get(tenant as usize).copied().unwrap_or(NOBODY);
        let mut rows: Vec<_> =
            self.accounts.iter().map(|(k, c)| (*k, *c)).chain(self.full.iter().copied()).collect();
        rows.sort_unstable_by_key(|(k, c)| {
            (k.kind, rank(k.tenant), k.host.is_none(), k.host, k.bin, k.exporter, c.octets, c.packets)
        });
        rows
    }

    /// The tenants that keys point into.
    pub(super) fn tenants(&self) -> &[Box<str>] {
        &self.tenants
    }

    /// All rows as shared names and plain values, for those who compare two accumulators.
    #[must_use]
    pub fn to_rows(&self) -> Vec<(i64, Addr, Kind, Option<Arc<str>>, Option<Addr>, Counts)> {
        let mut rows = Vec::new();
        self.for_each(|r| rows.push((r.bin, r.exporter, r.kind, r.tenant.map(Arc::from), r.host, r.counts)));
        rows
    }
}
