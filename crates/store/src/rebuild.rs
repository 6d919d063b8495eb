//! Accounts computed again from the rows, on demand, and what damage is put aside for.

use crate::bins::{self, Accumulator, BinRow, Counts, Kind, SumRow, Sums};
use crate::disk::Disk;
use crate::manifest::{BinsFile, Line, MemoryFile, Rebuild, Replace, SegmentFile};
use crate::seal::BINS;
use crate::snapshot::SegmentEntry;
use crate::unit::Unit;
use crate::writer::Writer;
use crate::{Damage, Error, day, manifest, memory};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use weir_flow::Addr;
use weir_flow::memory::Memory;

/// So many differences are told one by one.
const DIFFERENCES_MAX: usize = 1000;

/// An account whose rows say something else than it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Start of the bin, ms since 1970.
    pub bin: i64,
    /// Who exported.
    pub exporter: Addr,
    /// The place in the trial balance.
    pub kind: Kind,
    /// The tenant and its host, of kinds that have them.
    pub tenant: Option<String>,
    /// The host.
    pub host: Option<Addr>,
    /// The class, where there are classes.
    pub class: Option<String>,
    /// What it said,
    pub before: Counts,
    /// and what its rows say.
    pub after: Counts,
}

/// What was computed again.
#[derive(Debug, Default)]
pub struct Rebuilt {
    /// Units of files whose accounts were compared with their rows.
    pub units: u64,
    /// Rows read for that.
    pub rows: u64,
    /// Units passed over, because some of their rows were given up: what their accounts say cannot be checked.
    pub partial: u64,
    /// Files of accounts written anew.
    pub files: u64,
    /// Accounts that differed, the first thousand of them.
    pub differences: Vec<Difference>,
    /// How many differed.
    pub differing: u64,
    /// Files that cannot be read. Where they are segments, their accounts are left as they were.
    pub damage: Vec<Error>,
}

/// An account, without what it counts: its kind, tenant and class, host, bin and exporter.
type Key = (Kind, [Option<String>; 2], Option<Addr>, i64, Addr);

/// Accounts before and after.
#[derive(Default)]
struct Comparison {
    accounts: BTreeMap<Key, (Exact, Exact)>,
}

/// Octets, packets, flows, and both as measured: the same account may have several rows, where a sum exceeds 64 bits.
type Exact = [u128; 5];

/// As near as 64 bits come.
fn counts(exact: Exact) -> Counts {
    let [octets, packets, flows, measured_octets, measured_packets] =
        exact.map(|sum| u64::try_from(sum).unwrap_or(u64::MAX));
    Counts { octets, packets, flows, measured_octets, measured_packets }
}

impl Comparison {
    fn add(&mut self, row: &BinRow<'_>, is_new: bool) {
        let named = [row.tenant, row.class].map(|name| name.map(str::to_owned));
        let key = (row.kind, named, row.host, row.bin, row.exporter);
        let (before, after) = self.accounts.entry(key).or_default();
        let slot = if is_new { after } else { before };
        let c = row.counts;
        let more = [c.octets, c.packets, c.flows, c.measured_octets, c.measured_packets];
        slot.iter_mut().zip(more).for_each(|(sum, more)| *sum += u128::from(more));
    }

    fn differences(self) -> impl Iterator<Item = Difference> {
        let differing = self.accounts.into_iter().filter(|(_, (before, after))| before != after);
        differing.map(|((kind, [tenant, class], host, bin, exporter), (before, after))| Difference {
            bin,
            exporter,
            kind,
            tenant,
            host,
            class,
            before: counts(before),
            after: counts(after),
        })
    }
}

/// The accounts of a unit by host, of tenants, and what these add up to over bins: each is a file of its own, and may be
/// wrong alone.
#[derive(Default)]
struct Levels {
    hosts: Comparison,
    tenants: Comparison,
    sums: Comparison,
}

impl Levels {
    /// Reads what there is, and gives the damage that is met.
    fn read(&mut self, disk: &Disk, files: &[BinsFile]) -> Result<Vec<Error>, Error> {
        let (always, source) = (i64::MIN..i64::MAX, |name: &str| disk.path(name).into());
        let mut damage = Vec::new();
        let mut sums = Sums::default();
        for file in files {
            let hosts = bins::read(&source(&file.name), file, &always, &mut |row| self.hosts.add(row, false));
            let tenants = bins::read_tenants(source, file, &always, &mut |row| self.tenants.add(row, false));
            // Where there are no sums, the accounts of tenants stand for them, and are read already.
            let sums = if file.sums.is_some() { sums.add_file(source, file, &always) } else { Ok(()) };
            for read in [hosts, tenants, sums] {
                match read {
                    Ok(()) => {}
                    Err(error) if error.is_damaged() => damage.push(error),
                    Err(error) => return Err(error),
                }
            }
        }
        if files.iter().all(|file| file.sums.is_some()) {
            sums.for_each(|row| self.sums.add(&over_bins(row), false));
        }
        Ok(damage)
    }

    /// Adds what the rows say.
    fn compare(&mut self, accounts: &Accumulator, files: &[BinsFile]) {
        let has_sums = files.iter().all(|file| file.sums.is_some());
        accounts.for_each(|row| {
            self.hosts.add(row, true);
            self.tenants.add(&BinRow { host: None, ..*row }, true);
            if has_sums {
                self.sums.add(&over_bins(&row.into()), true);
            }
        });
    }

    /// Where those of hosts differ, those that are made of them are not told once more.
    fn differences(self) -> Vec<Difference> {
        let levels = [self.hosts, self.tenants, self.sums].into_iter();
        let mut levels = levels.map(|level| level.differences().collect::<Vec<_>>());
        levels.find(|differences| !differences.is_empty()).unwrap_or_default()
    }
}

/// A sum as an account whose bin is told by none.
fn over_bins<'a>(row: &SumRow<'a>) -> BinRow<'a> {
    let SumRow { exporter, kind, tenant, class, counts } = *row;
    BinRow { bin: 0, exporter, kind, tenant, host: None, class, counts }
}

impl Writer {
    /// Computes the accounts of all units again that have a bin in the range (ms since 1970), and puts them in the
    /// place of those that differ, all in one step.
    ///
    /// # Errors
    /// The disk refuses: then nothing is changed. A file that is damaged is in what is returned.
    pub fn rebuild(&mut self, range: &Range<i64>, now_ms: i64) -> Result<Rebuilt, Error> {
        self.seal(now_ms)?;
        while self.is_running() {
            let done = self.worker.wait();
            self.finish(done, now_ms);
        }
        let mut rebuilt = Rebuilt::default();
        let mut parts = Vec::new();
        for unit in self.log.manifest.units.clone() {
            let is_asked = unit.files.bins.iter().any(|file| file.overlaps(range));
            if !is_asked || unit.files.segments.is_empty() {
                rebuilt.partial += u64::from(is_asked);
                continue;
            }
            if unit.is_partial {
                rebuilt.partial += 1;
                continue;
            }
            let name = format!("b{}-{}", self.log.manifest.lines, parts.len());
            parts.extend(one(&self.disk, &unit, &name, &mut rebuilt, now_ms)?);
        }
        if parts.is_empty() {
            return Ok(rebuilt);
        }
        let names: Vec<String> = parts.iter().flat_map(|part| part.names.clone()).collect();
        rebuilt.files = parts.len() as u64;
        self.log.append(&self.disk, Line::Rebuild(Rebuild { at: now_ms, parts, memory: None }))?;
        self.doomed.extend(names.into_iter().map(|name| (now_ms, name)));
        Ok(rebuilt)
    }

    /// What sessions remembered cannot be read: the file is put aside, and from here on they remember what the
    /// journal still has. Told as damage when the store is opened.
    pub(crate) fn put_memory_aside(&mut self, file: &MemoryFile) -> Result<(), Error> {
        let path = self.disk.path(&file.name);
        if path.exists() {
            self.disk.rename(&path, &path.with_extension("bin.damaged"))?;
        }
        let name = format!("{}/r{}.bin", memory::FOLDER, self.log.manifest.lines);
        let empty = memory::write(&self.disk, &name, &Memory::new(), file.sequence)?;
        let line = Rebuild { at: 0, parts: Vec::new(), memory: Some(empty) };
        self.log.append(&self.disk, Line::Rebuild(line))
    }
}

/// Computes the accounts of a unit; what is to be there instead, if that differs.
fn one(
    disk: &Disk,
    unit: &Unit,
    name: &str,
    rebuilt: &mut Rebuilt,
    now_ms: i64,
) -> Result<Option<Replace>, Error> {
    let accounts = match accounts(disk, &unit.files.segments, &mut rebuilt.rows) {
        Ok(accounts) => accounts,
        Err(error) if error.is_damaged() => {
            rebuilt.damage.push(error);
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    rebuilt.units += 1;
    let mut levels = Levels::default();
    let damage = levels.read(disk, &unit.files.bins)?;
    let is_damaged = !damage.is_empty();
    rebuilt.damage.extend(damage);
    levels.compare(&accounts, &unit.files.bins);
    let before = rebuilt.differing;
    for difference in levels.differences() {
        rebuilt.differing += 1;
        if rebuilt.differences.len() < DIFFERENCES_MAX {
            rebuilt.differences.push(difference);
        }
    }
    if rebuilt.differing == before && !is_damaged {
        return Ok(None);
    }
    let first = unit.files.bins.iter().map(|file| file.bin.0).min().unwrap_or_default();
    let name = format!("{BINS}/{}/{name}.parquet", day::folder(first));
    let names = unit.files.bins.iter().flat_map(BinsFile::each).map(|file| file.name.clone()).collect();
    let mut files = crate::manifest::Files::default();
    files.bins.push(bins::write(disk, &name, &accounts)?);
    Ok(Some(Replace { at: now_ms, names, files }))
}

/// The accounts of the rows of these segments; `rows` counts them.
pub(crate) fn accounts<'a>(
    disk: &Disk,
    segments: impl IntoIterator<Item = &'a SegmentFile>,
    rows: &mut u64,
) -> Result<Accumulator, Error> {
    let mut accounts = Accumulator::new();
    for entry in segments {
        let reader = SegmentEntry::new(disk.root(), entry).open()?;
        for group in 0..reader.row_groups().len() {
            let batch = reader.read_all(group, bins::COLUMNS)?;
            *rows += batch.len() as u64;
            accounts.add(&batch);
        }
    }
    Ok(accounts)
}

impl Damage {
    /// Of the manifest of this store: a bit of this byte was flipped.
    pub(crate) fn of_manifest(root: &Path, at: u64) -> Self {
        let how = "one bit in it was flipped, and is put right by the checksum of its line; what writes the store next writes \
                   it anew";
        Self { path: root.join(manifest::NAME), bytes: at..at.saturating_add(1), how: how.to_owned() }
    }

    /// Of what sessions remembered.
    pub(crate) fn of_memory(error: Error) -> Self {
        let mut damage = error.into_damage();
        damage.how += ": templates, names and sampling intervals are forgotten until exporters say them again; the \
                       file is kept with .damaged added to its name";
        damage
    }
}
