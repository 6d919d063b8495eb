//! Checks a store against itself: every byte of every file, every sum, every account.

use crate::bins::{BinRow, Kind, SumRow};
use crate::manifest::SegmentFile;
use crate::segment::Reader;
use crate::snapshot::{SegmentEntry, Snapshot};
use crate::{Damage, Error, Totals};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use weir_flow::Addr;
use weir_flow::schema::Column;

/// What `verify` found.
#[derive(Debug, Default)]
pub struct Report {
    /// Files that were read from beginning to end.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Rows in segments and in the journal.
    pub rows: u64,
    /// What is not as it should be; none means that all is well.
    pub problems: Vec<Error>,
    /// Parts of the journal that cannot be read.
    pub damage: Vec<Damage>,
}

/// Reads every file of the store in this folder, compares checksums and sums with the manifest, and computes the
/// accounts again from the rows.
///
/// # Errors
/// There is no store, or its manifest cannot be read. What is wrong with other files is in the report.
pub fn verify(path: &Path) -> Result<Report, Error> {
    let snapshot = Snapshot::open(path)?;
    let mut report = Report { damage: snapshot.damage().to_vec(), ..Report::default() };
    for segment in &snapshot.segments {
        report.check_bytes(&segment.path, segment.bytes, segment.entry().crc32c.0);
        if let Err(error) = check_sums(segment) {
            report.problems.push(error);
        }
    }
    for file in snapshot.files().small() {
        report.check_bytes(&path.join(&file.name), file.bytes, file.crc32c.0);
    }
    for part in snapshot.parts() {
        report.check_bytes(&path.join(&part.name), part.bytes, part.crc32c.0);
    }
    if let Some(file) = snapshot.memory_file() {
        report.check_bytes(&path.join(&file.name), file.bytes, file.crc32c.0);
    }
    let mut check = |result: Result<(), Error>| report.problems.extend(result.err());
    check(snapshot.counters(i64::MIN..i64::MAX).map(drop));
    check(snapshot.memory().map(drop));
    report.rows = snapshot.totals().rows;
    if report.problems.is_empty() {
        match check_accounts(&snapshot) {
            Ok(None) => {}
            Ok(Some(problem)) | Err(problem) => report.problems.push(problem),
        }
    }
    Ok(report)
}

impl Report {
    fn check_bytes(&mut self, path: &Path, bytes: u64, crc: u32) {
        match checksum(path) {
            Ok((len, sum)) => {
                self.files += 1;
                self.bytes += len;
                if (len, sum) != (bytes, crc) {
                    self.problems
                        .push(Error::damaged(path, "its length or checksum is not the one in the manifest"));
                }
            }
            Err(error) => self.problems.push(error),
        }
    }
}

/// Length and CRC-32C of a file.
fn checksum(path: &Path) -> Result<(u64, u32), Error> {
    let mut file = File::open(path).map_err(Error::doing(path, "read"))?;
    let mut buffer = vec![0; 1 << 18];
    let (mut len, mut crc) = (0, 0);
    loop {
        let read = file.read(&mut buffer).map_err(Error::doing(path, "read"))?;
        if read == 0 {
            return Ok((len, crc));
        }
        len += read as u64;
        crc = crc32c::crc32c_append(crc, buffer.get(..read).unwrap_or_default());
    }
}

/// Decodes every column of a segment, and compares its sums with those in its footer and in the manifest.
fn check_sums(segment: &SegmentEntry) -> Result<(), Error> {
    let reader = segment.open()?;
    let entry = segment.entry();
    let mut found = SegmentFile {
        totals: Totals::default(),
        start: (i64::MAX, i64::MIN),
        end: (i64::MAX, i64::MIN),
        received: (i64::MAX, i64::MIN),
        ..entry.clone()
    };
    for group in 0..reader.row_groups().len() {
        check_group(&reader, group, &mut found)?;
    }
    if found == *entry && reader.totals() == entry.totals {
        return Ok(());
    }
    Err(Error::damaged(&segment.path, "the sums of its rows are not those in the manifest"))
}

fn check_group(reader: &Reader, group: usize, found: &mut SegmentFile) -> Result<(), Error> {
    let batch = reader.read_all(group, u64::MAX)?;
    let sum = |column: Column| {
        let values = batch.u64s(column).iter().zip(batch.present());
        values.filter(|(_, mask)| *mask & column.bit() != 0).map(|(v, _)| u128::from(*v)).sum()
    };
    found.totals +=
        Totals { rows: batch.len() as u64, octets: sum(Column::Octets), packets: sum(Column::Packets) };
    let spans = [
        (&mut found.start, Column::Start),
        (&mut found.end, Column::End),
        (&mut found.received, Column::Received),
    ];
    for (span, column) in spans {
        for ms in batch.times(column) {
            *span = (span.0.min(*ms), span.1.max(*ms));
        }
    }
    Ok(())
}

/// An account (its names are tenant and class) without regard to the file it is in, and its counts in exact arithmetic.
/// Its bin is none where bins are added up.
type Accounts = BTreeMap<(Kind, [Option<String>; 2], Option<Addr>, Option<i64>, Addr), [i128; 5]>;

/// Compares the accounts with those computed from the rows, those of tenants with those of their hosts, and the sums with
/// those of tenants; gives the first that differs.
fn check_accounts(snapshot: &Snapshot) -> Result<Option<Error>, Error> {
    let ever = i64::MIN..i64::MAX;
    // Accounts from before that may have outlived their rows, or rows their accounts.
    let range = snapshot.whole_from()..i64::MAX;
    let mut accounts = Accounts::new();
    snapshot.bins(range.clone(), |row| add(&mut accounts, &row.into(), at(row), 1))?;
    snapshot.recompute_bins(range)?.for_each(|row| add(&mut accounts, &row.into(), at(row), -1));
    if let Some(wrong) = wrong(snapshot, &accounts, "its rows") {
        return Ok(Some(wrong));
    }
    accounts.clear();
    snapshot.tenants(ever.clone(), |row| add(&mut accounts, &row.into(), (None, Some(row.bin)), 1))?;
    snapshot.bins(ever.clone(), |row| add(&mut accounts, &row.into(), (None, Some(row.bin)), -1))?;
    if let Some(wrong) = wrong(snapshot, &accounts, "those of its hosts") {
        return Ok(Some(wrong));
    }
    accounts.clear();
    snapshot.sums(ever.clone(), |row| add(&mut accounts, row, (None, None), 1))?;
    snapshot.tenants(ever, |row| add(&mut accounts, &row.into(), (None, None), -1))?;
    Ok(wrong(snapshot, &accounts, "those of its five minutes"))
}

/// What an account is of that its sum is not.
fn at(row: &BinRow<'_>) -> (Option<Addr>, Option<i64>) {
    (row.host, Some(row.bin))
}

fn add(accounts: &mut Accounts, row: &SumRow<'_>, (host, bin): (Option<Addr>, Option<i64>), sign: i128) {
    let c = row.counts;
    let counts = [c.octets, c.packets, c.flows, c.measured_octets, c.measured_packets];
    let named = [row.tenant, row.class].map(|name| name.map(str::to_owned));
    let key = (row.kind, named, host, bin, row.exporter);
    let slot = accounts.entry(key).or_default();
    slot.iter_mut().zip(counts).for_each(|(s, c)| *s += sign * i128::from(c));
}

/// The first account that is not nothing: what it was compared with says something else.
fn wrong(snapshot: &Snapshot, accounts: &Accounts, against: &str) -> Option<Error> {
    let wrong = accounts.iter().find(|(_, counts)| **counts != [0; 5]);
    wrong.map(|((kind, named, host, bin, exporter), counts)| {
        let who = named.iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ");
        let host = host.map(|h| h.to_string()).unwrap_or_default();
        let when = bin.map_or_else(|| "over all bins".to_owned(), |bin| format!("in bin {bin}"));
        Error::damaged(
            snapshot.root(),
            format!(
                "the account {} {who} {host} of exporter {exporter} {when} says {:+} octets against {against}",
                kind.word(),
                counts.first().copied().unwrap_or_default()
            ),
        )
    })
}
