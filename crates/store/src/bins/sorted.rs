//! The accounts of rows in the order of a segment. There the rows of a tenant's host lie together, so no table is asked,
//! row by row, whose account it is: a run of rows adds to the few bins that it lies in.

use super::accumulator::{Accumulator, Named};
use super::row::Amounts;
use super::tally::Key;
use super::{Counts, Kind, NOBODY, UNCLASSED};
use crate::journal::Frame;
use crate::segment::{Addrs, Rows};
use weir_flow::Addr;
use weir_flow::names::Direction;
use weir_flow::schema::Column;
use weir_flow::time::{BIN_MS, bin};

/// A run is of few accounts: so many are looked through for each row,
const LOOKED: usize = 16;
/// and so many wait until they are put away together.
const WAITING: usize = 64;
/// So many exporters are known by their places.
const EXPORTERS: usize = 8;
/// Bins of a run whose sums are found by their place.
const BINS: usize = 16;
/// So many rows are fetched at once.
const FETCHED: usize = if cfg!(test) { 8 } else { 512 };

/// What is needed of every row, together: rows are gone through in another order than they came in, and one look into
/// memory that is far away is cheaper than four. (Nor does one lie in two lines of the processor's caches.)
#[derive(Clone, Copy, Default)]
#[repr(align(32))]
struct Traffic {
    start: i64,
    end: i64,
    octets: u64,
    packets: u64,
}

impl Traffic {
    /// Of all rows, as they came.
    fn of(rows: &Rows) -> Vec<Self> {
        fn fill<T: Copy + Default>(out: &mut Vec<T>, frame: &Frame, column: Column, value: fn([u8; 8]) -> T) {
            out.clear();
            frame.raw(column).append(frame.rows(), &value, out);
        }
        let mut all = Vec::with_capacity(rows.len());
        let (mut start, mut end, mut octets, mut packets) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for frame in &rows.frames {
            fill(&mut start, frame, Column::Start, i64::from_le_bytes);
            fill(&mut end, frame, Column::End, i64::from_le_bytes);
            fill(&mut octets, frame, Column::Octets, u64::from_le_bytes);
            fill(&mut packets, frame, Column::Packets, u64::from_le_bytes);
            let times = start.iter().zip(&end);
            let each = times.zip(octets.iter().zip(&packets));
            all.extend(each.map(|((start, end), (octets, packets))| Self {
                start: *start,
                end: *end,
                octets: *octets,
                packets: *packets,
            }));
        }
        all
    }
}

/// What the next rows in the order they are written have, fetched some hundred at once.
///
/// What is done with a row branches on what it has. So, row by row, the processor would wait for each look into far memory
/// before it begins the next; where nothing is decided in between, a dozen of them are under way together.
struct Ahead<'a> {
    all: &'a [Traffic],
    order: &'a [u32],
    /// The first row that is fetched, in the order they are written.
    from: usize,
    fetched: Vec<Traffic>,
}

impl<'a> Ahead<'a> {
    fn new(all: &'a [Traffic], order: &'a [u32]) -> Self {
        Self { all, order, from: 0, fetched: Vec::with_capacity(FETCHED) }
    }

    /// What the row at this place has. The places asked for rise.
    #[inline]
    fn get(&mut self, at: usize) -> Traffic {
        if at >= self.from + self.fetched.len() {
            self.fetch(at);
        }
        self.fetched.get(at - self.from).copied().unwrap_or_default()
    }

    #[inline(never)]
    fn fetch(&mut self, from: usize) {
        let rows = self.order.get(from..).unwrap_or_default().iter().take(FETCHED);
        self.fetched.clear();
        self.fetched.extend(rows.map(|row| self.all.get(*row as usize).copied().unwrap_or_default()));
        self.from = from;
    }
}

/// The columns that accounts are made from, by row as it came; empty where no row has a value.
struct Columns<'a> {
    /// Octets and packets as measured, where they are others.
    measured: Option<[Vec<u64>; 2]>,
    direction: Vec<u8>,
    tenant: Vec<u32>,
    peer_tenant: Vec<u32>,
    class: Vec<u32>,
    exporter: Addrs<'a>,
    host: Addrs<'a>,
    dst: Addrs<'a>,
    nat_dst: Addrs<'a>,
}

impl<'a> Columns<'a> {
    fn new(rows: &'a Rows) -> Self {
        let number = |column| rows.numbers(column, u64::from_le_bytes);
        let twins = [(Column::Octets, Column::MeasuredOctets), (Column::Packets, Column::MeasuredPackets)];
        let is_measured = twins.iter().all(|(of, twin)| rows.are_equal(*of, *twin));
        Self {
            measured: (!is_measured).then(|| twins.map(|(_, twin)| number(twin))),
            direction: rows.numbers(Column::Direction, u8::from_le_bytes),
            tenant: rows.name_places(Column::Tenant),
            peer_tenant: rows.name_places(Column::PeerTenant),
            class: rows.name_places(Column::Class),
            exporter: rows.addrs(Column::Exporter),
            host: rows.addrs(Column::Host),
            dst: rows.addrs(Column::DstAddr),
            nat_dst: rows.addrs(Column::NatDstAddr),
        }
    }

    /// The kind of account that a row of a tenant's adds to; `None` of those that are nobody's.
    fn kind(&self, row: usize, mask: u64) -> Option<Kind> {
        let code = self.direction.get(row).filter(|_| mask & Column::Direction.bit() != 0);
        match Direction::from_code(*code?)? {
            Direction::In => Some(Kind::In),
            Direction::Out => Some(Kind::Out),
            Direction::Local => Some(Kind::LocalOut),
            _ => None,
        }
    }

    /// Whose account a row adds to, but for bin, exporter and class.
    fn own(&self, row: usize, mask: u64, kind: Kind, named: &Named<'_>) -> Key {
        let host = (mask & Column::Host.bit() != 0).then(|| self.host.get(row));
        key(kind, place(row, mask, Column::Tenant, &self.tenant, named), host)
    }

    /// Whose account a local row adds to at its destination.
    fn peer(&self, row: usize, mask: u64, named: &Named<'_>) -> Key {
        let nat = (mask & Column::NatDstAddr.bit() != 0).then(|| self.nat_dst.get(row));
        let host = nat.or_else(|| (mask & Column::DstAddr.bit() != 0).then(|| self.dst.get(row)));
        key(Kind::LocalIn, place(row, mask, Column::PeerTenant, &self.peer_tenant, named), host)
    }

    #[inline]
    fn amounts(&self, row: usize, mask: u64, traffic: Traffic) -> Amounts {
        let Traffic { start, end, octets, packets } = traffic;
        let known = |column: Column, amount: u64| if mask & column.bit() != 0 { amount } else { 0 };
        let (octets, packets) = (known(Column::Octets, octets), known(Column::Packets, packets));
        let (measured_octets, measured_packets) = match &self.measured {
            None => (octets, packets),
            Some([octets, packets]) => {
                let at = |values: &[u64]| values.get(row).copied().unwrap_or_default();
                (known(Column::MeasuredOctets, at(octets)), known(Column::MeasuredPackets, at(packets)))
            }
        };
        Amounts::new(start, end, Counts { octets, packets, flows: 1, measured_octets, measured_packets })
    }
}

fn key(kind: Kind, tenant: u32, host: Option<Addr>) -> Key {
    let (has_host, host) = (host.is_some(), host.unwrap_or_default().bits());
    Key { host, bin: 0, exporter: 0, tenant, class: UNCLASSED, kind: kind.code(), has_host }
}

/// What the place of a tenant's name is among the accounts'.
fn place(row: usize, mask: u64, column: Column, places: &[u32], named: &Named<'_>) -> u32 {
    let name = places.get(row).filter(|_| mask & column.bit() != 0);
    name.and_then(|name| named.tenants.get(*name as usize)).copied().unwrap_or(NOBODY)
}

/// Adds to one of the accounts that were added to last.
#[inline]
fn add(lately: &mut Vec<(Key, Counts)>, key: Key, counts: Counts) {
    let same = lately.iter_mut().rev().take(LOOKED).find(|(known, _)| *known == key);
    if let Some((_, sum)) = same
        && let Some(both) = sum.checked_add(counts)
    {
        *sum = both;
        return;
    }
    lately.push((key, counts));
}

/// What rows in succession add to one account in each of the bins from the first of all rows on. Which bin a row lies in changes
/// from row to row: a sum that is found by its place costs no branch that nobody could foresee.
struct ByBin {
    first: i64,
    sums: [Counts; BINS],
    /// Those that anything was added to, as bits.
    used: u32,
}

impl ByBin {
    /// Nothing of these rows yet.
    fn new(rows: &Rows) -> Self {
        let first = rows.frames.iter().map(|frame| frame.summary.bounds.start.0).min().unwrap_or_default();
        Self { first: bin(first), sums: Default::default(), used: 0 }
    }

    /// Adds to a bin. False, and nothing added, if it is not one of these, or its sum would exceed 64 bits.
    #[inline]
    fn add(&mut self, bin: i64, counts: Counts) -> bool {
        let at = bin.wrapping_sub(self.first).cast_unsigned() / BIN_MS.cast_unsigned();
        let sum = usize::try_from(at).ok().and_then(|at| self.sums.get_mut(at));
        let both = sum.and_then(|sum| Some((sum.checked_add(counts)?, sum)));
        let Some((both, sum)) = both else { return false };
        *sum = both;
        self.used |= 1 << at;
        true
    }

    /// Takes out the bins that anything was added to, and what.
    fn drain(&mut self) -> impl Iterator<Item = (i64, Counts)> {
        let mut used = std::mem::take(&mut self.used);
        std::iter::from_fn(move || {
            let at = used.trailing_zeros();
            used &= used.wrapping_sub(1);
            let sum = self.sums.get_mut(at as usize)?;
            Some((self.first.wrapping_add(i64::from(at) * BIN_MS), std::mem::take(sum)))
        })
    }
}

impl Accumulator {
    /// Adds the accounts of rows. Those of no tenant each frame has added up, unless there were too many.
    pub(crate) fn add_sorted(&mut self, rows: &Rows) {
        self.add_tenants(rows);
        for frame in &rows.frames {
            match frame.summary.folded() {
                Some(carried) => self.merge_nobodys(carried),
                None => self.add_nobodys(&frame.batch(super::COLUMNS)),
            }
        }
    }

    /// Adds what tenants have of these rows: all accounts but those of nobody.
    fn add_tenants(&mut self, rows: &Rows) {
        let columns = Columns::new(rows);
        let traffic = Traffic::of(rows);
        let mut ahead = Ahead::new(&traffic, &rows.order);
        let mut named = self.named(&rows.names);
        let mut lately: Vec<(Key, Counts)> = Vec::new();
        let mut exporters: Vec<(u32, u32)> = Vec::new();
        let (mut by_bin, mut whose) = (ByBin::new(rows), Key::default());
        for places in rows.runs() {
            let masks = rows.present.get(places.clone()).unwrap_or_default();
            let run = rows.order.get(places.clone()).unwrap_or_default();
            let first = run.first().zip(masks.first()).map(|(row, mask)| (*row as usize, *mask));
            let Some((first, mask)) = first else { continue };
            let Some(kind) = columns.kind(first, mask) else { continue };
            // Then all rows of the run have the same, and the same host.
            let has_tenant = mask & Column::Tenant.bit() != 0;
            let mut own = columns.own(first, mask, kind, &named);
            for (at, (row, mask)) in places.zip(run.iter().zip(masks)) {
                let (row, mask) = (*row as usize, *mask);
                if !has_tenant {
                    own = columns.own(row, mask, kind, &named);
                }
                own.exporter = self.exporter(&columns.exporter, row, &mut exporters);
                let class = columns.class.get(row).filter(|_| mask & Column::Class.bit() != 0);
                own.class = match (kind, class) {
                    // Traffic between tenants has no class.
                    (Kind::In | Kind::Out, Some(class)) => named.class(*class, &mut self.classes),
                    _ => UNCLASSED,
                };
                if own != whose {
                    self.take_bins(&mut by_bin, whose, &mut lately);
                    whose = own;
                }
                let amounts = columns.amounts(row, mask, ahead.get(at));
                amounts.spread(|bin, counts| {
                    if !by_bin.add(bin, counts) {
                        add(&mut lately, Key { bin: self.bins.bin(bin), ..own }, counts);
                    }
                });
                if kind == Kind::LocalOut {
                    let peer = Key { exporter: own.exporter, ..columns.peer(row, mask, &named) };
                    amounts.spread(|bin, counts| {
                        let bin = self.bins.bin(bin);
                        self.add_to(Key { bin, ..peer }, counts);
                    });
                }
                if lately.len() > WAITING {
                    self.keep(&mut lately);
                }
            }
            self.take_bins(&mut by_bin, whose, &mut lately);
            self.keep(&mut lately);
        }
    }

    /// Takes what was added to an account in each bin.
    fn take_bins(&mut self, by_bin: &mut ByBin, whose: Key, lately: &mut Vec<(Key, Counts)>) {
        for (bin, counts) in by_bin.drain() {
            add(lately, Key { bin: self.bins.bin(bin), ..whose }, counts);
        }
    }

    /// The place of a row's exporter. `known` are places in the list of addresses, and what they are here.
    fn exporter(&mut self, addrs: &Addrs<'_>, row: usize, known: &mut Vec<(u32, u32)>) -> u32 {
        let at = addrs.place(row);
        if let Some((_, place)) = known.iter().find(|(known, _)| *known == at) {
            return *place;
        }
        let place = self.exporters.place(&addrs.get(row));
        if known.len() < EXPORTERS {
            known.push((at, place));
        }
        place
    }
}
