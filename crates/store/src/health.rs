//! What was counted beside the rows, as files.

use crate::Error;
use crate::disk::Disk;
use crate::journal::known_name;
use crate::manifest::BinsFile;
use crate::source::Source;
use crate::table::{self, Definition, Table, required, signed};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use weir_flow::health::Row;
use weir_flow::schema::Kind;
use weir_flow::{Addr, Values};

/// The columns of a file of counts.
const COLUMNS: [Definition; 5] = [
    required("bin", Kind::Time),
    required("exporter", Kind::Addr),
    required("domain", Kind::Unsigned(32)),
    required("what", Kind::Name),
    signed("value"),
];

/// Bin, exporter, domain, and what was counted.
type Key = (i64, Addr, u32, Cow<'static, str>);

/// Adds counts of the same thing together, in the order of files. Where a sum would exceed 64 bits there is a
/// second row.
pub(crate) fn sum(rows: impl IntoIterator<Item = Row>) -> Vec<Row> {
    let mut sums: BTreeMap<Key, Vec<i64>> = BTreeMap::new();
    for row in rows {
        let values = sums.entry((row.bin, row.exporter, row.domain, row.what)).or_default();
        match values.last_mut().and_then(|last| Some((last.checked_add(row.value)?, last))) {
            Some((total, last)) => *last = total,
            None => values.push(row.value),
        }
    }
    let rows = sums.into_iter().flat_map(|((bin, exporter, domain, what), values)| {
        values.into_iter().map(move |value| Row { bin, exporter, domain, what: what.clone(), value })
    });
    rows.collect()
}

/// Writes counts as the file of this name.
pub(crate) fn write(disk: &Disk, name: &str, rows: &[Row]) -> Result<BinsFile, Error> {
    let mut names: Vec<Box<str>> = rows.iter().map(|r| r.what.as_ref().into()).collect();
    names.sort_unstable();
    names.dedup();
    let place =
        |what: &str| names.binary_search_by(|n| (**n).cmp(what)).ok().and_then(|at| u32::try_from(at).ok());
    let bins = || rows.iter().map(|r| r.bin);
    let span = (bins().min().unwrap_or_default(), bins().max().unwrap_or_default());
    let columns = vec![
        Values::Time(bins().collect()),
        Values::Addr(rows.iter().map(|r| r.exporter).collect()),
        Values::U32(rows.iter().map(|r| r.domain).collect()),
        Values::U32(rows.iter().map(|r| place(&r.what).unwrap_or_default()).collect()),
        Values::Time(rows.iter().map(|r| r.value).collect()),
    ];
    let table = Table { present: vec![u64::MAX; rows.len()], columns, names };
    table::write(disk, name, &COLUMNS, &table, span)
}

/// Calls `f` with every count of the file whose bin lies in the range.
pub(crate) fn read(
    source: &Source,
    entry: &BinsFile,
    range: &Range<i64>,
    f: &mut dyn FnMut(&Row),
) -> Result<(), Error> {
    let table = table::read(source, entry, &COLUMNS)?;
    let [
        Values::Time(bin),
        Values::Addr(exporter),
        Values::U32(domain),
        Values::U32(what),
        Values::Time(value),
    ] = &table.columns[..]
    else {
        return Err(Error::damaged(source.path(), "it has other columns"));
    };
    let names: Vec<Cow<'static, str>> = table.names.iter().map(|n| known_name(n)).collect();
    for ((((bin, exporter), domain), what), value) in
        bin.iter().zip(exporter).zip(domain).zip(what).zip(value)
    {
        if range.contains(bin) {
            let what = names.get(*what as usize).cloned().unwrap_or_default();
            f(&Row { bin: *bin, exporter: *exporter, domain: *domain, what, value: *value });
        }
    }
    Ok(())
}
