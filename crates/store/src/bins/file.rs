//! Bins as files: the accounts of hosts; beside each such file the accounts of tenants, and what these add up to over bins.

use super::accumulator::{Account, NameLists};
use super::fold::{Fold, over_bins};
use super::{Accumulator, BinRow, Counts, Kind, NOBODY, SumRow, UNCLASSED};
use crate::Error;
use crate::disk::Disk;
use crate::manifest::BinsFile;
use crate::seal::{SUMS, TENANTS};
use crate::source::Source;
use crate::table::{self, Definition, Only, Others, Table, nullable, required};
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
/// Bits of the columns that rows may lack.
const TENANT_PLACE: usize = 3;
const TENANT: u64 = 1 << TENANT_PLACE;
const CLASS: u64 = 1 << 4;
const HOST: u64 = 1 << 5;
/// The places of the columns that the accounts of tenants lack,
const NO_HOST: &[usize] = &[5];
/// and those that their sums lack.
const NO_HOST_NO_BIN: &[usize] = &[0, 5];

/// Sums are written where they are so many times fewer than the accounts they are of: else these do.
const SUMS_PAY: usize = 4;

/// The columns but these.
fn without(lacking: &[usize]) -> Vec<Definition> {
    let kept = COLUMNS.iter().enumerate().filter(|(place, _)| !lacking.contains(place));
    kept.map(|(_, definition)| *definition).collect()
}

/// Writes accounts as the file of this name; what they add up to over hosts as the file of its name under [`TENANTS`]; and
/// what these add up to over bins under [`SUMS`], where they are far fewer.
pub(crate) fn write(disk: &Disk, name: &str, bins: &Accumulator) -> Result<BinsFile, Error> {
    let (mut columns, mut fold) = (Columns::default(), Fold::default());
    let names = bins.each(|_, account, counts| {
        fold.add(&account, counts);
        columns.push(&account, &counts);
    });
    let span = columns.span();
    let mut file = table::write(disk, name, &COLUMNS, &columns.table(&names), span)?;
    let name = name.split_once('/').map_or(name, |(_, rest)| rest);
    let beside = |top: &str, accounts: &[(Account, Counts)], lacking: &[usize]| {
        let mut columns = Columns::default();
        accounts.iter().for_each(|(account, counts)| columns.push(account, counts));
        let mut table = columns.table(&names);
        table.take_out(lacking);
        table::write(disk, &format!("{top}/{name}"), &without(lacking), &table, span).map(Box::new)
    };
    let tenants = fold.sorted();
    file.tenants = Some(beside(TENANTS, &tenants, NO_HOST)?);
    let sums = over_bins(&tenants);
    if sums.len().saturating_mul(SUMS_PAY) <= tenants.len() && !sums.is_empty() {
        file.sums = Some(beside(SUMS, &sums, NO_HOST_NO_BIN)?);
    }
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
    Rows::new(source.path(), &table::read(source, entry, &COLUMNS)?)?.each(range, f)
}

/// The same of these tenants only.
pub(crate) fn read_of(
    source: &Source,
    entry: &BinsFile,
    range: &Range<i64>,
    tenants: &[&str],
    f: &mut dyn FnMut(&BinRow<'_>),
) -> Result<(), Error> {
    let only = Only { place: TENANT_PLACE, names: tenants, others: Others::Skipped };
    Rows::new(source.path(), &table::read_asked(source, entry, &COLUMNS, Some(only))?)?.each(range, f)
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
    Rows::new(source.path(), &read_beside(&source, beside, NO_HOST, None)?)?.each(range, f)
}

/// The same of these tenants only.
pub(crate) fn read_tenants_of(
    source: impl Fn(&str) -> Source,
    entry: &BinsFile,
    range: &Range<i64>,
    tenants: &[&str],
    f: &mut dyn FnMut(&BinRow<'_>),
) -> Result<(), Error> {
    let Some(beside) = &entry.tenants else {
        let f = &mut |row: &BinRow<'_>| f(&BinRow { host: None, ..*row });
        return read_of(&source(&entry.name), entry, range, tenants, f);
    };
    let (source, others) = (source(&beside.name), Others::Skipped);
    Rows::new(source.path(), &read_beside(&source, beside, NO_HOST, Some((tenants, others)))?)?.each(range, f)
}

/// The same without bins, which are all in the range: from the file beside it, or, if it has none, from that of tenants.
pub(super) fn read_sums(
    source: impl Fn(&str) -> Source,
    entry: &BinsFile,
    range: &Range<i64>,
    f: &mut dyn FnMut(&SumRow<'_>),
) -> Result<(), Error> {
    let Some(beside) = entry.sums.as_ref().filter(|_| entry.is_within(range)) else {
        return read_tenants(source, entry, range, &mut |row| f(&row.into()));
    };
    let source = source(&beside.name);
    let table = read_beside(&source, beside, NO_HOST_NO_BIN, None)?;
    let rows = Rows::new(source.path(), &table)?;
    (0..table.present.len()).try_for_each(|row| {
        f(&rows.sum(row)?);
        Ok(())
    })
}

/// The same, of which only the accounts of these tenants are told apart: those of others come without a name and a class,
/// added up as far as they lie together.
pub(super) fn read_sums_of(
    source: impl Fn(&str) -> Source,
    entry: &BinsFile,
    range: &Range<i64>,
    tenants: &[&str],
    f: &mut dyn FnMut(&SumRow<'_>),
) -> Result<(), Error> {
    let is_whole = entry.is_within(range);
    let (beside, lacking) = match (&entry.sums, &entry.tenants) {
        (Some(sums), _) if is_whole => (&**sums, NO_HOST_NO_BIN),
        (_, Some(of_tenants)) => (&**of_tenants, NO_HOST),
        (_, None) => (entry, &[][..]),
    };
    let source = source(&beside.name);
    let table = read_beside(&source, beside, lacking, Some((tenants, Others::Unnamed)))?;
    Rows::new(source.path(), &table)?.added_up(range, f)
}

/// Reads a file that lacks these columns: all of it; or what is asked of tenants, of whom others are treated so.
fn read_beside(
    source: &Source,
    entry: &BinsFile,
    lacking: &[usize],
    tenants: Option<(&[&str], Others)>,
) -> Result<Table, Error> {
    let place = TENANT_PLACE - lacking.iter().filter(|lacking| **lacking < TENANT_PLACE).count();
    let only = tenants.map(|(names, others)| Only { place, names, others });
    let mut table = table::read_asked(source, entry, &without(lacking), only)?;
    table.put_in(lacking, |place| Values::new(COLUMNS.get(place).and_then(|d| d.kind).unwrap_or(Type::Time)));
    Ok(table)
}

/// The rows of a file of accounts. Columns that it lacks have no values.
struct Rows<'a> {
    path: &'a Path,
    table: &'a Table,
    bin: &'a [i64],
    exporter: &'a [Addr],
    kind: &'a [u8],
    tenant: &'a [u32],
    class: &'a [u32],
    host: &'a [Addr],
    /// In the order of [`COLUMNS`].
    numbers: [&'a [u64]; 5],
}

impl<'a> Rows<'a> {
    fn new(path: &'a Path, table: &'a Table) -> Result<Self, Error> {
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
        let numbers: [&[u64]; 5] = [octets, packets, flows, measured_octets, measured_packets];
        Ok(Self { path, table, bin, exporter, kind, tenant, class, host, numbers })
    }

    /// A row without its bin and its host.
    fn sum(&self, row: usize) -> Result<SumRow<'a>, Error> {
        let mask = self.table.present.get(row).copied().unwrap_or_default();
        let name = |of: &'a [u32], bit| {
            let place = of.get(row).filter(|_| mask & bit != 0)?;
            self.table.names.get(*place as usize).map(|name| &**name)
        };
        let kind = self.kind.get(row).and_then(|code| Kind::from_code(*code));
        let [octets, packets, flows, measured_octets, measured_packets] =
            self.numbers.map(|column| column.get(row).copied().unwrap_or_default());
        Ok(SumRow {
            exporter: self.exporter.get(row).copied().unwrap_or_default(),
            kind: kind.ok_or_else(|| Error::damaged(self.path, "it has an unknown kind"))?,
            tenant: name(self.tenant, TENANT),
            class: name(self.class, CLASS),
            counts: Counts { octets, packets, flows, measured_octets, measured_packets },
        })
    }

    /// Calls `f` with accounts without bins and hosts, of the range; those that lie together and are nobody's are added up.
    fn added_up(&self, range: &Range<i64>, f: &mut dyn FnMut(&SumRow<'_>)) -> Result<(), Error> {
        let mut nobodys: Option<SumRow<'_>> = None;
        for row in 0..self.table.present.len() {
            if self.bin.get(row).is_some_and(|bin| !range.contains(bin)) {
                continue;
            }
            let sum = self.sum(row)?;
            if sum.tenant.is_some() {
                f(&sum);
                continue;
            }
            let sum = SumRow { class: None, ..sum };
            let is_like = |one: &&mut SumRow<'_>| (one.kind, one.exporter) == (sum.kind, sum.exporter);
            let both = nobodys
                .as_mut()
                .filter(is_like)
                .and_then(|one| Some((one.counts.checked_add(sum.counts)?, one)));
            match both {
                Some((both, one)) => one.counts = both,
                None => nobodys.replace(sum).iter().for_each(&mut *f),
            }
        }
        nobodys.iter().for_each(f);
        Ok(())
    }

    fn each(&self, range: &Range<i64>, f: &mut dyn FnMut(&BinRow<'_>)) -> Result<(), Error> {
        for (row, (bin, mask)) in self.bin.iter().copied().zip(&self.table.present).enumerate() {
            if !range.contains(&bin) {
                continue;
            }
            let host = self.host.get(row).copied().filter(|_| mask & HOST != 0);
            let SumRow { exporter, kind, tenant, class, counts } = self.sum(row)?;
            f(&BinRow { bin, exporter, kind, tenant, host, class, counts });
        }
        Ok(())
    }
}
