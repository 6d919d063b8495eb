//! A unit written anew, because something is known now of its rows that was not known when they came: a sampling interval
//! (`rescale`), or whose they are (`reattribute`).
//!
//! What changes in the rows is the matter of a [`Change`]. What has to follow is the same for all of them and is here: the
//! segments that hold such rows, the accounts of the whole unit, and the counts that the change corrects. All of it
//! is written beside what is there, and takes its place by one line of the manifest.

use crate::disk::Disk;
use crate::error::What;
use crate::journal::{Frame, Maker};
use crate::manifest::{BinsFile, Files, SegmentFile};
use crate::seal::{BINS, Parts};
use crate::segment::Reader;
use crate::snapshot::SegmentEntry;
use crate::unit::Unit;
use crate::{Error, bins, day, health, rebuild};
use weir_flow::Batch;
use weir_flow::health::Row;
use weir_flow::time::BIN_MS;

/// Something that changes rows.
pub(crate) trait Change {
    /// Whether there may be rows in a segment that it changes, by what is known without reading them.
    fn may_concern(&self, entry: &SegmentFile, reader: &Reader) -> bool;

    /// Changes the rows of a sealed batch that it is for, and adds what that does to the counts. Rows may come in another
    /// order. Returns how many were changed.
    fn change(&mut self, batch: &mut Batch, counts: &mut Vec<Row>) -> usize;
}

impl<C: Change> Change for &mut C {
    fn may_concern(&self, entry: &SegmentFile, reader: &Reader) -> bool {
        (**self).may_concern(entry, reader)
    }

    fn change(&mut self, batch: &mut Batch, counts: &mut Vec<Row>) -> usize {
        (**self).change(batch, counts)
    }
}

/// A unit to be written anew.
#[derive(Debug)]
pub(crate) struct Rewrite<C> {
    pub unit: Unit,
    pub change: C,
    /// Counts of bins that ended before this are given up.
    pub accounts_before: i64,
}

/// The files that are to be there instead of others of a unit.
#[derive(Debug, Default)]
pub(crate) struct Rewritten {
    pub files: Files,
    /// The names of those others.
    pub names: Vec<String>,
}

impl<C: Change> Rewrite<C> {
    /// What is to be there instead of segments that change, and of the unit's bins and counts; `None` if no row
    /// changes. One segment is in memory at a time: units that were put together have many.
    pub(crate) fn perform(&mut self, disk: &Disk, prefix: &str) -> Result<Option<Rewritten>, Error> {
        let (unit, accounts_before) = (&self.unit, self.accounts_before);
        let mut written = Rewritten::default();
        let (mut counts, mut kept) = (Vec::new(), Vec::new());
        for (number, entry) in unit.files.segments.iter().enumerate() {
            match segment(&mut self.change, disk, &format!("{prefix}s{number}"), entry, &mut counts)? {
                Some(segments) => {
                    written.names.push(entry.name.clone());
                    written.files.segments.extend(segments);
                }
                None => kept.push(entry),
            }
        }
        if written.names.is_empty() {
            return Ok(None);
        }
        if let Some(first) = unit.files.bins.iter().map(|file| file.bin.0).min() {
            let accounts = rebuild::accounts(disk, kept.into_iter().chain(&written.files.segments), &mut 0)?;
            let name = format!("{BINS}/{}/{prefix}-0.parquet", day::folder(first));
            written.files.bins.push(bins::write(disk, &name, &accounts)?);
            let names = unit.files.bins.iter().flat_map(BinsFile::each).map(|file| file.name.clone());
            written.names.extend(names);
        }
        counts.retain(|row| row.bin.saturating_add(BIN_MS) > accounts_before);
        if !counts.is_empty() {
            for file in &unit.files.health {
                let mut keep = |row: &Row| counts.push(row.clone());
                health::read(&disk.path(&file.name).into(), file, &(i64::MIN..i64::MAX), &mut keep)?;
            }
            let parts = Parts { counts, ..Parts::default() };
            written.files.health = parts.write(disk, prefix)?.health;
            written.names.extend(unit.files.health.iter().map(|file| file.name.clone()));
        }
        Ok(Some(written))
    }
}

/// A segment with its rows changed, written anew; `None` if none of them changes.
fn segment(
    change: &mut impl Change,
    disk: &Disk,
    prefix: &str,
    entry: &SegmentFile,
    counts: &mut Vec<Row>,
) -> Result<Option<Vec<SegmentFile>>, Error> {
    let reader = SegmentEntry::new(disk.root(), entry).open()?;
    if !change.may_concern(entry, &reader) {
        return Ok(None);
    }
    let (mut frames, mut rows) = (Vec::new(), 0);
    for group in 0..reader.row_groups().len() {
        let mut batch = reader.read_all(group, u64::MAX)?;
        rows += change.change(&mut batch, counts);
        frames.push(reframe(disk, &batch, 0)?);
    }
    if rows == 0 {
        return Ok(None);
    }
    let parts = Parts { frames, ..Parts::default() };
    Ok(Some(parts.write(disk, prefix)?.segments))
}

/// Rows as a frame of no journal.
pub(crate) fn reframe(disk: &Disk, batch: &Batch, sequence: u64) -> Result<Frame, Error> {
    let frame = Maker::new().frame(sequence, batch);
    frame.map_err(|how| Error::new(disk.root(), What::Batch(how)))
}
