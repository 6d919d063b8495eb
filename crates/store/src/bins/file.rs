//! Bins as files: the accounts of hosts, and beside each such file the accounts of tenants.

use super::accumulator::{Account, NameLists};
use super::fold::Fold;
use super::{Accumulator, BinRow, Counts, Kind, NOBODY, UNCLASSED};
use crate::Error;
use crate::disk::Disk;
use crate::manifest::BinsFile;
use crate::seal::TENANTS;
use crate::source::Source;
use crate::table::{self, Definition, Table, nullable, required};
use std::ops::Range;
use std::path::Path;
use weir_flow::schema::Kind as Type;
use weir_flow::{Addr, Values};

/// The columns of a file of bins.
const COLUMNS: [Definition; 11] = [
    required("bin", Type::Time),
    required("exporter", Type::Addr),
    required("kind", Type::Word(Kind::WORDS)),
    nullable("tenant", Type::Name),
    // Files written before there were classes lack it.
    nullable("class", Type::Name),
    nullable("host", Type::Addr),
    required("octets", Type::Unsigned(64)),
    required("packets", Type::Unsigned(64)),
    required("flows", Type::Unsigned(64)),
    required("measured_octets", Type::Unsigned(64)),
    required("measured_packets", Type::Unsigned(64)),
];
/// The place of the column that the accounts of tenants lack.
const HOST_PLACE: usize = 5;
/// Bits of the columns that rows may lack.
const TENANT: u64 = 1 << 3;
const CLASS: u64 = 1 << 4;
const HOST: u64 = 1 << HOST_PLACE;

/// The columns of a file of accounts without hosts.
fn tenant_columns() -> Vec<Definition> {
    COLUMNS.iter().filter(|definition| definition.name != "host").copied().collect()
}

/// Writes accounts as the file of this name, and what they add up to over hosts as the file of its name under
/// [`TENANTS`].
pub(crate) fn write(disk: &Disk, name: &str, bins: &Accumulator) -> Result<BinsFile, Error> {
    let (mut columns, mut fold) = (Columns::default(), Fold::default());
    let names = bins.each(|_, account, counts| {
        fold.add(&account, counts);
        columns.push(&account, &counts);
    });
    let span = columns.span();
    let mut file = table::write(disk, name, &COLUMNS, &columns.table(&names), span)?;
    let mut columns = Columns::default();
    fold.sorted().iter().for_each(|(account, counts)| columns.push(account, counts));
    let span = columns.span();
    let mut table = columns.table(&names);
    table.columns.remove(HOST_PLACE);
    let definitions = tenant_columns();
    for mask in &mut table.present {
        let always = ((1 << definitions.len()) - 1) & !TENANT & !CLASS;
        *mask = (*mask & (TENANT | CLASS)) | always;
    }
    let beside = name.split_once('/').map_or(name, |(_, rest)| rest);
    let beside = format!("{TENANTS}/{beside}");
    file.tenants = Some(Box::new(table::write(disk, &beside, &definitions, &table, span)?));
    Ok(file)
}

/// Accounts, column by column.
#[derive(Default)]
struct Columns {
    present: Vec<u64>,
    bin: Vec<i64>,
    exporter: Vec<Addr>,
    kind: Vec<u8>,
    tenant: Vec<u32>,
    class: Vec<u16>,
    host: Vec<Addr>,
    /// In the order of [`COLUMNS`].
    numbers: [Vec<u64>; 5],
}

impl Columns {
    fn push(&mut self, account: &Account, counts: &Counts) {
        const ALWAYS: u64 = ((1 << COLUMNS.len()) - 1) & !TENANT & !CLASS & !HOST;
        let tenant = if account.tenant == NOBODY { 0 } else { TENANT };
        let class = if account.class == UNCLASSED { 0 } else { CLASS };
        self.present.push(ALWAYS | tenant | class | if account.host.is_some() { HOST } else { 0 });
        self.bin.push(account.bin);
        self.exporter.push(account.exporter);
        self.kind.push(account.kind.code());
        self.tenant.push(account.tenant);
        self.class.push(account.class);
        self.host.push(account.host.unwrap_or_default());
        let Counts { octets, packets, flows, measured_octets, measured_packets } = *counts;
        let numbers = [octets, packets, flows, measured_octets, measured_packets];
        self.numbers.iter_mut().zip(numbers).for_each(|(column, number)| column.push(number));
    }

    /// The first and the last bin.
    fn span(&self) -> (i64, i64) {
        (
            self.bin.iter().min().copied().unwrap_or_default(),
            self.bin.iter().max().copied().unwrap_or_default(),
        )
    }

    /// Classes follow the tenants among the table's names.
    fn table(self, names: &NameLists) -> Table {
        let tenants = u32::try_from(names.tenants.len()).unwrap_or(NOBODY);
        let class = |class: u16| tenants.saturating_add(class.into());
        let mut columns = vec![
            Values::Time(self.bin),
            Values::Addr(self.exporter),
            Values::U8(self.kind),
            Values::U32(self.tenant),
            Values::U32(self.class.into_iter().map(class).collect()),
            Values::Addr(self.host),
        ];
        columns.extend(self.numbers.map(Values::U64));
        Table { present: self.present, columns, names: [&*names.tenants, &*names.classes].concat() }
    }
}

/// Calls `f` with every account of the file whose bin lies in the range.
pub(crate) fn read(
    source: &Source,
    entry: &BinsFile,
    range: &Range<i64>,
    f: &mut dyn FnMut(&BinRow<'_>),
) -> Result<(), Error> {
    each(source.path(), &table::read(source, entry, &COLUMNS)?, range, f)
}

/// The same without hosts: from the file beside it, or, if it has none, from itself.
pub(crate) fn read_tenants(
    source: impl Fn(&str) -> Source,
    entry: &BinsFile,
    range: &Range<i64>,
    f: &mut dyn FnMut(&BinRow<'_>),
) -> Result<(), Error> {
    let Some(beside) = &entry.tenants else {
        return read(&source(&entry.name), entry, range, &mut |row| f(&BinRow { host: None, ..*row }));
    };
    let source = source(&beside.name);
    let mut table = table::read(&source, beside, &tenant_columns())?;
    // No row has a host.
    table.columns.insert(HOST_PLACE, Values::Addr(Vec::new()));
    each(source.path(), &table, range, f)
}

fn each(path: &Path, table: &Table, range: &Range<i64>, f: &mut dyn FnMut(&BinRow<'_>)) -> Result<(), Error> {
    let [
        Values::Time(bin),
        Values::Addr(exporter),
        Values::U8(kind),
        Values::U32(tenant),
        Values::U32(class),
        Values::Addr(host),
        Values::U64(octets),
        Values::U64(packets),
        Values::U64(flows),
        Values::U64(measured_octets),
        Values::U64(measured_packets),
    ] = &table.columns[..]
    else {
        return Err(Error::damaged(path, "it has other columns"));
    };
    let number = |values: &[u64], row: usize| values.get(row).copied().unwrap_or_default();
    for (row, (bin, mask)) in bin.iter().copied().zip(&table.present).enumerate() {
        if !range.contains(&bin) {
            continue;
        }
        let name = |place: &u32| table.names.get(*place as usize).map(|n| &**n);
        let kind = kind.get(row).and_then(|k| Kind::from_code(*k));
        f(&BinRow {
            bin,
            exporter: exporter.get(row).copied().unwrap_or_default(),
            kind: kind.ok_or_else(|| Error::damaged(path, "it has an unknown kind"))?,
            tenant: tenant.get(row).filter(|_| mask & TENANT != 0).and_then(name),
            class: class.get(row).filter(|_| mask & CLASS != 0).and_then(name),
            host: host.get(row).copied().filter(|_: &Addr| mask & HOST != 0),
            counts: Counts {
                octets: number(octets, row),
                packets: number(packets, row),
                flows: number(flows, row),
                measured_octets: number(measured_octets, row),
                measured_packets: number(measured_packets, row),
            },
        });
    }
    Ok(())
}
