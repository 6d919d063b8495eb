//! What interfaces counted themselves, as files.

use crate::Error;
use crate::disk::Disk;
use crate::manifest::BinsFile;
use crate::source::Source;
use crate::table::{self, Definition, Table, nullable, required};
use std::ops::Range;
use weir_flow::counter::{Sample, Side};
use weir_flow::schema::Kind;
use weir_flow::{Addr, Values};

/// Columns that every row has: when, who, where.
const ALWAYS: usize = 4;

/// The columns of a file of counters.
const COLUMNS: [Definition; 19] = [
    required("received", Kind::Time),
    required("exporter", Kind::Addr),
    required("domain", Kind::Unsigned(32)),
    required("interface", Kind::Unsigned(32)),
    nullable("kind", Kind::Unsigned(32)),
    nullable("status", Kind::Unsigned(32)),
    nullable("speed", Kind::Unsigned(64)),
    nullable("in_octets", Kind::Unsigned(64)),
    nullable("in_unicast", Kind::Unsigned(64)),
    nullable("in_multicast", Kind::Unsigned(64)),
    nullable("in_broadcast", Kind::Unsigned(64)),
    nullable("in_discards", Kind::Unsigned(64)),
    nullable("in_errors", Kind::Unsigned(64)),
    nullable("out_octets", Kind::Unsigned(64)),
    nullable("out_unicast", Kind::Unsigned(64)),
    nullable("out_multicast", Kind::Unsigned(64)),
    nullable("out_broadcast", Kind::Unsigned(64)),
    nullable("out_discards", Kind::Unsigned(64)),
    nullable("out_errors", Kind::Unsigned(64)),
];

/// The order of files: by interface, then by time.
pub(crate) fn order(sample: &Sample) -> (Addr, u32, u32, i64) {
    (sample.exporter, sample.domain, sample.interface, sample.received)
}

/// The numbers that may be unknown, in the order of their columns.
fn numbers(sample: &Sample) -> [Option<u64>; 15] {
    let side = |s: &Side| [s.octets, s.unicast, s.multicast, s.broadcast, s.discards, s.errors];
    let mut all = [None; 15];
    let head = [sample.kind.map(u64::from), sample.status.map(u64::from), sample.speed];
    let values = head.into_iter().chain(side(&sample.ingress)).chain(side(&sample.egress));
    all.iter_mut().zip(values).for_each(|(slot, value)| *slot = value);
    all
}

/// Writes counters as the file of this name.
pub(crate) fn write(disk: &Disk, name: &str, mut samples: Vec<Sample>) -> Result<BinsFile, Error> {
    samples.sort_by_key(order);
    let times = || samples.iter().map(|s| s.received);
    let span = (times().min().unwrap_or_default(), times().max().unwrap_or_default());
    let rows: Vec<[Option<u64>; 15]> = samples.iter().map(numbers).collect();
    let mut columns = vec![
        Values::Time(times().collect()),
        Values::Addr(samples.iter().map(|s| s.exporter).collect()),
        Values::U32(samples.iter().map(|s| s.domain).collect()),
        Values::U32(samples.iter().map(|s| s.interface).collect()),
    ];
    for (at, definition) in COLUMNS.iter().skip(ALWAYS).enumerate() {
        let values = rows.iter().map(|row| row.get(at).copied().flatten().unwrap_or_default());
        columns.push(match definition.kind {
            Some(Kind::Unsigned(32)) => {
                Values::U32(values.map(|v| u32::try_from(v).unwrap_or(u32::MAX)).collect())
            }
            _ => Values::U64(values.collect()),
        });
    }
    let mask = |row: &[Option<u64>; 15]| {
        row.iter().rev().fold(0u64, |mask, value| mask << 1 | u64::from(value.is_some())) << ALWAYS
            | ((1 << ALWAYS) - 1)
    };
    let table = Table { present: rows.iter().map(mask).collect(), columns, names: Vec::new() };
    table::write(disk, name, &COLUMNS, &table, span)
}

/// Calls `f` with every sample of the file that arrived in the range.
pub(crate) fn read(
    source: &Source,
    entry: &BinsFile,
    range: &Range<i64>,
    f: &mut dyn FnMut(Sample),
) -> Result<(), Error> {
    let table = table::read(source, entry, &COLUMNS)?;
    let [
        Values::Time(received),
        Values::Addr(exporter),
        Values::U32(domain),
        Values::U32(interface),
        rest @ ..,
    ] = &table.columns[..]
    else {
        return Err(Error::damaged(source.path(), "it has other columns"));
    };
    let rows = received.iter().zip(exporter).zip(domain.iter().zip(interface)).zip(&table.present);
    for (row, (((received, exporter), (domain, interface)), mask)) in rows.enumerate() {
        if !range.contains(received) {
            continue;
        }
        let number = |at: usize| {
            let value = match rest.get(at)? {
                Values::U32(v) => u64::from(*v.get(row)?),
                Values::U64(v) => *v.get(row)?,
                _ => return None,
            };
            (mask >> (ALWAYS + at) & 1 == 1).then_some(value)
        };
        let narrow = |at| number(at).and_then(|n| u32::try_from(n).ok());
        let side = |from: usize| Side {
            octets: number(from),
            unicast: number(from + 1),
            multicast: number(from + 2),
            broadcast: number(from + 3),
            discards: number(from + 4),
            errors: number(from + 5),
        };
        f(Sample {
            received: *received,
            exporter: *exporter,
            domain: *domain,
            interface: *interface,
            kind: narrow(0),
            status: narrow(1),
            speed: number(2),
            ingress: side(3),
            egress: side(9),
        });
    }
    Ok(())
}
