//! What the rows of a batch add to which accounts.

use super::{Counts, Kind, NOBODY};
use weir_flow::names::Direction;
use weir_flow::schema::Column;
use weir_flow::time::{BIN_MS, Part, bin, spread};
use weir_flow::{Addr, Batch};

/// The columns of a batch that accounts are made from.
pub(super) struct View<'a> {
    present: &'a [u64],
    start: &'a [i64],
    end: &'a [i64],
    exporter: &'a [Addr],
    direction: &'a [u8],
    /// Octets, packets, and both as measured.
    amounts: [&'a [u64]; 4],
    /// Whether all rows have the same as measured: nothing is sampled.
    is_measured: bool,
    tenant: &'a [u32],
    peer_tenant: &'a [u32],
    host: &'a [Addr],
    class: &'a [u32],
    dst: &'a [Addr],
    nat_dst: &'a [Addr],
}

/// What a row adds.
#[derive(Clone, Copy)]
pub(super) struct Amounts {
    start: i64,
    end: i64,
    counts: Counts,
}

/// An account that a row adds to, but for bin and exporter.
#[derive(Clone, Copy)]
pub(super) struct Side {
    pub kind: Kind,
    /// A place in the batch's names, or [`NOBODY`].
    pub tenant: u32,
    pub host: Option<Addr>,
    /// A place in the batch's names, or [`NOBODY`].
    pub class: u32,
}

/// What a row adds to by the code of its direction, and which of the columns of a tenant's account that has. In a table, for
/// rows of all directions come in turns, and no processor foresees which is next.
const OWN: [(Kind, u64); Direction::WORDS.len()] = {
    let of_tenant = Column::Tenant.bit() | Column::Host.bit();
    let mut own = [(Kind::Unmatched, 0); Direction::WORDS.len()];
    own[Direction::In as usize] = (Kind::In, of_tenant | Column::Class.bit());
    own[Direction::Out as usize] = (Kind::Out, of_tenant | Column::Class.bit());
    // Traffic between tenants has no class.
    own[Direction::Local as usize] = (Kind::LocalOut, of_tenant);
    own[Direction::Transit as usize] = (Kind::Transit, 0);
    own[Direction::Duplicate as usize] = (Kind::Duplicate, 0);
    own
};

const AMOUNTS: [Column; 4] =
    [Column::Octets, Column::Packets, Column::MeasuredOctets, Column::MeasuredPackets];

impl<'a> View<'a> {
    pub(super) fn new(batch: &'a Batch) -> Self {
        let amounts = AMOUNTS.map(|c| batch.u64s(c));
        let [octets, packets, measured_octets, measured_packets] = amounts;
        // The bits of the twins, brought to one place.
        let [of, of_packets, twin, twin_packets] = AMOUNTS.map(Column::index);
        let differ = |mask: u64| (mask >> of ^ mask >> twin | mask >> of_packets ^ mask >> twin_packets) & 1;
        let is_measured = octets == measured_octets
            && packets == measured_packets
            && batch.present().iter().fold(0, |all, mask| all | differ(*mask)) == 0;
        Self {
            is_measured,
            present: batch.present(),
            start: batch.times(Column::Start),
            end: batch.times(Column::End),
            exporter: batch.addrs(Column::Exporter),
            direction: batch.u8s(Column::Direction),
            amounts,
            tenant: batch.u32s(Column::Tenant),
            peer_tenant: batch.u32s(Column::PeerTenant),
            host: batch.addrs(Column::Host),
            class: batch.u32s(Column::Class),
            dst: batch.addrs(Column::DstAddr),
            nat_dst: batch.addrs(Column::NatDstAddr),
        }
    }

    /// The rows: number, presence mask, exporter.
    #[inline]
    pub(super) fn rows(&self) -> impl Iterator<Item = (usize, u64, &'a Addr)> + use<'a> {
        self.present.iter().copied().zip(self.exporter).enumerate().map(|(row, (mask, e))| (row, mask, e))
    }

    /// Unknown octets add nothing, but the flow counts.
    #[inline]
    pub(super) fn amounts(&self, row: usize, mask: u64) -> Amounts {
        let [octets, packets, measured_octets, measured_packets] = self.amounts;
        let amount = |column: Column, values: &[u64]| {
            if mask & column.bit() != 0 { values.get(row).copied().unwrap_or(0) } else { 0 }
        };
        let (octets, packets) = (amount(Column::Octets, octets), amount(Column::Packets, packets));
        let (measured_octets, measured_packets) = match self.is_measured {
            true => (octets, packets),
            false => (
                amount(Column::MeasuredOctets, measured_octets),
                amount(Column::MeasuredPackets, measured_packets),
            ),
        };
        Amounts {
            start: self.start.get(row).copied().unwrap_or_default(),
            end: self.end.get(row).copied().unwrap_or_default(),
            counts: Counts { octets, packets, flows: 1, measured_octets, measured_packets },
        }
    }

    /// The accounts of a row, `decoded` apart: one, and for local traffic its mirror.
    #[inline]
    pub(super) fn sides(&self, row: usize, mask: u64) -> (Side, Option<Side>) {
        let code = self.direction.get(row).copied().filter(|_| mask & Column::Direction.bit() != 0);
        let own = code.and_then(|code| OWN.get(usize::from(code)).copied());
        let (kind, columns) = own.unwrap_or((Kind::Unmatched, 0));
        let has = mask & columns;
        let side = Side {
            kind,
            tenant: place(row, has, Column::Tenant, self.tenant),
            host: addr(row, has, Column::Host, self.host),
            class: place(row, has, Column::Class, self.class),
        };
        let mirror = (kind == Kind::LocalOut).then(|| self.peer(row, mask));
        (side, mirror)
    }

    fn peer(&self, row: usize, mask: u64) -> Side {
        let nat = addr(row, mask, Column::NatDstAddr, self.nat_dst);
        Side {
            kind: Kind::LocalIn,
            tenant: place(row, mask, Column::PeerTenant, self.peer_tenant),
            host: nat.or_else(|| addr(row, mask, Column::DstAddr, self.dst)),
            class: NOBODY,
        }
    }

    /// Calls `part` with the other side of the trial balance: bin, exporter, and what was decoded there. It is
    /// computed from octets and packets alone. Neighbouring rows mostly share exporter and bin, and come together.
    pub(super) fn decoded(&self, mut part: impl FnMut(i64, &Addr, Counts)) {
        let mut current: Option<(i64, &Addr, Counts)> = None;
        for (row, mask, exporter) in self.rows() {
            self.amounts(row, mask).spread(|bin, counts| {
                let same = current.filter(|(b, e, _)| *b == bin && *e == exporter);
                let sum = same.and_then(|(_, _, sum)| sum.checked_add(counts));
                if let (None, Some((bin, exporter, sum))) = (sum, current) {
                    part(bin, exporter, sum);
                }
                current = Some((bin, exporter, sum.unwrap_or(counts)));
            });
        }
        if let Some((bin, exporter, sum)) = current {
            part(bin, exporter, sum);
        }
    }
}

#[inline]
fn addr(row: usize, mask: u64, column: Column, values: &[Addr]) -> Option<Addr> {
    if mask & column.bit() != 0 { values.get(row).copied() } else { None }
}

#[inline]
fn place(row: usize, mask: u64, column: Column, values: &[u32]) -> u32 {
    if mask & column.bit() != 0 { values.get(row).copied().unwrap_or(NOBODY) } else { NOBODY }
}

impl Amounts {
    /// Of a row between these times, ms since 1970.
    #[inline]
    pub(super) fn new(start: i64, end: i64, counts: Counts) -> Self {
        Self { start, end, counts }
    }

    /// Calls `part` with each bin's share.
    #[inline]
    pub(super) fn spread(&self, mut part: impl FnMut(i64, Counts)) {
        let first = bin(self.start);
        if self.end <= first.saturating_add(BIN_MS) {
            return part(first, self.counts);
        }
        self.spread_long(&mut part);
    }

    #[cold]
    fn spread_long(&self, part: &mut dyn FnMut(i64, Counts)) {
        let c = &self.counts;
        if (c.octets, c.packets) == (c.measured_octets, c.measured_packets) {
            return spread(self.start, self.end, c.octets, c.packets, |p| {
                let Part { bin, octets, packets, flows } = p;
                let counts =
                    Counts { octets, packets, flows, measured_octets: octets, measured_packets: packets };
                part(bin, counts);
            });
        }
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
