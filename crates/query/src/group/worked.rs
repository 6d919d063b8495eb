//! Keys that are no columns, worked out row by row beside a batch: the service, the other side's address, the
//! group of the tenant, the bucket of time.

use crate::civil::Civil;
use crate::key::{Address, Key};
use crate::membership::Membership;
use crate::name::Numbers;
use crate::rows::Rows;
use weir_flow::filter::service_of;
use weir_flow::names::Direction;
use weir_flow::schema::COUNT;
use weir_flow::{Addr, Batch, Column};

/// What belongs to a batch beside its columns.
#[derive(Default, Debug)]
pub(crate) struct Beside {
    /// Of its names and text.
    pub(crate) numbers: Numbers,
    /// The values of each key that is worked out, by row, in the order of the layout.
    pub(super) worked: Vec<Values>,
    /// The presence of columns and worked keys, by row; empty where no key is worked out: then it is the batch's.
    pub(super) present: Vec<u64>,
    /// Where rows are parts of flows.
    pub(crate) shares: Shares,
    /// What buckets begin when, lately.
    pub(super) starts: Vec<Recent>,
}

/// What rows stand for that are parts of flows, by row; each is empty where the batch itself says it. The columns of
/// such rows are still the flow's, for keys are read from them.
#[derive(Clone, Default, Debug)]
pub(crate) struct Shares {
    /// When the part begins.
    pub(crate) starts: Vec<i64>,
    /// What falls to it, in the order of [`AMOUNTS`].
    pub(crate) amounts: [Vec<u64>; 4],
    /// How many flows it counts for; else each row is one.
    pub(crate) weights: Vec<u64>,
}

/// The columns that are spread over time.
pub(crate) const AMOUNTS: [Column; 4] =
    [Column::Octets, Column::Packets, Column::MeasuredOctets, Column::MeasuredPackets];

impl Shares {
    /// What of a column falls to each row.
    pub(super) fn amounts<'a>(&'a self, batch: &'a Batch, column: Column) -> &'a [u64] {
        let of_parts = AMOUNTS.iter().zip(&self.amounts).find(|(c, v)| **c == column && !v.is_empty());
        of_parts.map_or_else(|| batch.u64s(column), |(_, amounts)| amounts)
    }
}

/// Worked values of one key, by row.
#[derive(Debug)]
pub(super) enum Values {
    Words(Vec<u64>),
    Addrs(Vec<Addr>),
}

/// How keys are worked out in one query.
#[derive(Debug)]
pub(crate) struct Work {
    pub(super) keys: Vec<Key>,
    pub(super) civil: Civil,
    pub(super) membership: Membership,
    /// The width that flows are spread over.
    pub(super) fine_ms: i64,
}

/// The presence bit of the worked key at this place.
pub(super) fn bit(at: usize) -> u64 {
    1 << (COUNT + at).min(63)
}

impl Work {
    /// How far the paths of groups are told, of the keys that are groups.
    pub(super) fn depths(&self) -> impl Iterator<Item = u8> {
        self.keys.iter().filter_map(|key| match key {
            Key::Group(depth) => Some(*depth),
            _ => None,
        })
    }
}

impl Beside {
    /// The presence masks of a batch's rows, with those of worked keys.
    pub(crate) fn present<'a>(&'a self, batch: &'a Batch) -> &'a [u64] {
        if self.present.is_empty() { batch.present() } else { &self.present }
    }

    /// Works out all keys of these rows.
    pub(crate) fn work(&mut self, work: &Work, batch: &Batch, rows: Rows<'_>) {
        self.present.clear();
        if work.keys.is_empty() {
            return;
        }
        self.present.extend_from_slice(batch.present());
        self.worked.resize_with(work.keys.len(), || Values::Words(Vec::new()));
        self.starts.resize_with(work.keys.len(), Recent::default);
        for (at, key) in work.keys.iter().enumerate() {
            let values = match key {
                Key::Service => Values::Words(services(batch, rows, &mut self.present, bit(at))),
                Key::Remote | Key::Net(Address::Remote, _) => {
                    Values::Addrs(remotes(*key, batch, rows, &mut self.present, bit(at)))
                }
                Key::Group(depth) => {
                    let groups = self.numbers.of_groups(*depth);
                    Values::Words(tenant_groups(groups, batch, rows, &mut self.present, bit(at)))
                }
                _ => {
                    let Some(recent) = self.starts.get_mut(at) else { continue };
                    let starts = match self.shares.starts.as_slice() {
                        [] => batch.times(Column::Start),
                        parts => parts,
                    };
                    Values::Words(times(*key, work, recent, starts, rows, &mut self.present, bit(at)))
                }
            };
            if let Some(slot) = self.worked.get_mut(at) {
                *slot = values;
            }
        }
    }
}

/// A service as a number: protocol, whether there is a port, the port.
fn services(batch: &Batch, rows: Rows<'_>, present: &mut [u64], bit: u64) -> Vec<u64> {
    let (protos, sources, destinations) =
        (batch.u8s(Column::Proto), batch.u16s(Column::SrcPort), batch.u16s(Column::DstPort));
    let mut services = vec![0; batch.len()];
    for row in rows.places().map(|row| row as usize) {
        let Some(proto) = protos.get(row).filter(|_| batch.is_present(row, Column::Proto)) else { continue };
        let port = |column, ports: &[u16]| ports.get(row).copied().filter(|_| batch.is_present(row, column));
        let ports = [port(Column::SrcPort, sources), port(Column::DstPort, destinations)];
        let port = if has_ports(*proto) { telling(ports) } else { None };
        let port = port.map_or(0, |port| 1 << 16 | u64::from(port));
        if let (Some(service), Some(present)) = (services.get_mut(row), present.get_mut(row)) {
            *service = u64::from(*proto) << 17 | port;
            *present |= bit;
        }
    }
    services
}

/// TCP, UDP, DCCP, SCTP and UDP-Lite: exporters send ports of others, too, where an ICMP type is meant.
fn has_ports(proto: u8) -> bool {
    matches!(proto, 6 | 17 | 33 | 132 | 136)
}

/// The port that tells the service.
fn telling(ports: [Option<u16>; 2]) -> Option<u16> {
    match ports {
        [Some(a), Some(b)] => match (service_of(a), service_of(b)) {
            (Some(_), None) => Some(a),
            (None, Some(_)) => Some(b),
            _ => Some(a.min(b)),
        },
        [a, b] => a.or(b),
    }
}

/// The addresses at the other side.
fn remotes(key: Key, batch: &Batch, rows: Rows<'_>, present: &mut [u64], bit: u64) -> Vec<Addr> {
    let mut remotes = vec![Addr::UNSPECIFIED; batch.len()];
    for row in rows.places().map(|row| row as usize) {
        let Some(addr) = remote(batch, row) else { continue };
        if let (Some(remote), Some(present)) = (remotes.get_mut(row), present.get_mut(row)) {
            *remote = if let Key::Net(_, lengths) = key { lengths.first(addr) } else { addr };
            *present |= bit;
        }
    }
    remotes
}

fn remote(batch: &Batch, row: usize) -> Option<Addr> {
    let code = batch.u8s(Column::Direction).get(row).filter(|_| batch.is_present(row, Column::Direction))?;
    let addr = |column| batch.addrs(column).get(row).copied().filter(|_| batch.is_present(row, column));
    match Direction::from_code(*code)? {
        Direction::In => addr(Column::SrcAddr),
        Direction::Out => addr(Column::DstAddr),
        Direction::Local => addr(Column::NatDstAddr).or_else(|| addr(Column::DstAddr)),
        Direction::Transit | Direction::Unmatched | Direction::Duplicate => None,
    }
}

/// The groups of tenants: `groups` are those of the batch's names.
fn tenant_groups(
    groups: &[Option<u32>],
    batch: &Batch,
    rows: Rows<'_>,
    present: &mut [u64],
    bit: u64,
) -> Vec<u64> {
    let tenants = batch.u32s(Column::Tenant);
    let mut values = vec![0; batch.len()];
    for row in rows.places().map(|row| row as usize) {
        let tenant = tenants.get(row).filter(|_| batch.is_present(row, Column::Tenant));
        let Some(group) = tenant.and_then(|tenant| *groups.get(*tenant as usize)?) else { continue };
        if let (Some(value), Some(present)) = (values.get_mut(row), present.get_mut(row)) {
            *value = u64::from(group);
            *present |= bit;
        }
    }
    values
}

/// The keys of time of rows that each lie in one part, by when they begin. Every record has a time.
fn times(
    key: Key,
    work: &Work,
    recent: &mut Recent,
    starts: &[i64],
    rows: Rows<'_>,
    present: &mut [u64],
    bit: u64,
) -> Vec<u64> {
    let mut values = vec![0; present.len()];
    for row in rows.places().map(|row| row as usize) {
        let Some(start) = starts.get(row) else { continue };
        let part = start.saturating_sub(start.rem_euclid(work.fine_ms));
        if let (Some(value), Some(present)) = (values.get_mut(row), present.get_mut(row)) {
            *value = recent.of(part, work.fine_ms, |part| time(key, part, &work.civil));
            *present |= bit;
        }
    }
    values
}

/// The value of a key of time for the part that begins then, as it is packed.
pub(crate) fn time(key: Key, part: i64, civil: &Civil) -> u64 {
    match key {
        Key::Time(bucket) => ordered(bucket.start(part, civil)),
        Key::HourOfDay => civil.hour(part),
        Key::Weekday => civil.weekday(part),
        _ => 0,
    }
}

/// The number that makes times sort as they do, also before 1970.
pub(super) const fn ordered(ms: i64) -> u64 {
    ms.cast_unsigned() ^ (1 << 63)
}

/// What was worked out lately: segments are not in the order of time, but of the same days.
#[derive(Debug, Default)]
pub(super) struct Recent(Vec<Option<(i64, u64)>>);

/// Bins of more than three days.
const RECENT: i64 = 1024;

impl Recent {
    fn of(&mut self, part: i64, fine_ms: i64, work: impl FnOnce(i64) -> u64) -> u64 {
        let place = usize::try_from(part.div_euclid(fine_ms).rem_euclid(RECENT)).unwrap_or_default();
        if place >= self.0.len() {
            self.0.resize(place + 1, None);
        }
        match self.0.get_mut(place) {
            Some(Some((known, value))) if *known == part => *value,
            Some(slot) => slot.insert((part, work(part))).1,
            None => work(part),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_with_a_name_tells_the_service_else_the_lower() {
        assert_eq!(telling([Some(443), Some(51_000)]), Some(443));
        assert_eq!(telling([Some(1024), Some(51_820)]), Some(51_820), "wireguard, though it is the higher");
        assert_eq!(telling([Some(80), Some(443)]), Some(80));
        assert_eq!(telling([Some(40_000), Some(30_000)]), Some(30_000));
        assert_eq!(telling([None, Some(9)]), Some(9));
        assert_eq!(telling([None, None]), None);
    }
}
