//! Sampling intervals that came late, brought to the rows that came before them.
//!
//! A row knows itself whether its interval is known, so an interval is brought to it once however often it is
//! tried. Rows of the journal are scaled when they are sealed, and until then for every reader; a unit that is
//! sealed is read, scaled, and written anew, with its accounts and with the counts that this changes.

use crate::disk::Disk;
use crate::error::What;
use crate::journal::{Frame, Maker, Summary};
use crate::manifest::{BinsFile, Files, SegmentFile};
use crate::seal::{BINS, Parts};
use crate::segment::{Bound, PageBounds, Reader};
use crate::snapshot::SegmentEntry;
use crate::unit::{Late, Unit};
use crate::{Error, bins, day, health, rebuild};
use weir_flow::names::SamplingSource;
use weir_flow::time::BIN_MS;
use weir_flow::{Batch, Column, Rescale, health::Row};

/// The columns that scaling changes.
const CHANGED: [Column; 4] =
    [Column::Octets, Column::Packets, Column::SamplingInterval, Column::SamplingSource];

/// The columns that it reads beside them.
const READ: u64 = Column::Received.bit()
    | Column::Exporter.bit()
    | Column::Domain.bit()
    | Column::Sampler.bit()
    | Column::IngressIf.bit()
    | Column::MeasuredOctets.bit()
    | Column::MeasuredPackets.bit();

fn changed() -> u64 {
    CHANGED.iter().fold(0, |mask, column| mask | column.bit())
}

/// Those of the intervals, which are in the order of places, that may be for rows of this frame.
pub(crate) fn concerning(sequence: u64, summary: &Summary, late: &[Late]) -> Vec<Rescale> {
    let (first, last) = summary.bounds.received;
    let concerns = |late: &&Late| {
        summary.rows() > 0
            && sequence <= late.place.sequence
            && late.rescale.overlaps(first, last)
            && summary.may_hold(late.rescale.exporter)
    };
    late.iter().filter(concerns).map(|late| late.rescale).collect()
}

/// What becomes of a frame's rows: the columns that change, and what that counts; `None` if none of the intervals is
/// for any row.
pub(crate) fn scaled(frame: &Frame, rescales: &[Rescale]) -> Option<(Batch, Vec<Row>)> {
    if rescales.is_empty() {
        return None;
    }
    let mut batch = frame.batch(READ | changed());
    let mut counts = Vec::new();
    let rows: usize = rescales.iter().map(|rescale| rescale.apply(&mut batch, &mut counts)).sum();
    (rows > 0).then_some((batch, counts))
}

/// Puts the columns that changed in the place of those of a batch of the same rows, where it has them.
pub(crate) fn overlay(batch: &mut Batch, scaled: &Batch) {
    let loaded = CHANGED.into_iter().filter(|column| batch.is_loaded(*column)).collect::<Vec<_>>();
    let mut mask = 0;
    for column in loaded {
        *batch.values_mut(column) = scaled.values(column).clone();
        mask |= column.bit();
    }
    for (present, scaled) in batch.present_mut().iter_mut().zip(scaled.present()) {
        *present |= scaled & mask;
    }
}

/// The frame with its rows scaled, and its accounts computed from these.
pub(crate) fn scale(disk: &Disk, frame: Frame, late: &[Late], counts: &mut Vec<Row>) -> Result<Frame, Error> {
    let rescales = concerning(frame.sequence, &frame.summary, late);
    let Some((scaled, mut more)) = scaled(&frame, &rescales) else { return Ok(frame) };
    counts.append(&mut more);
    let mut batch = frame.batch(u64::MAX);
    overlay(&mut batch, &scaled);
    reframe(disk, &batch, frame.sequence)
}

/// Rows as a frame of no journal.
pub(crate) fn reframe(disk: &Disk, batch: &Batch, sequence: u64) -> Result<Frame, Error> {
    let frame = Maker::new().frame(sequence, batch);
    frame.map_err(|how| Error::new(disk.root(), What::Batch(how)))
}

/// A unit to be written anew.
#[derive(Debug)]
pub(crate) struct Rewrite {
    pub unit: Unit,
    /// The intervals that may be for its rows, in their order.
    pub rescales: Vec<Rescale>,
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

impl Rewrite {
    /// What is to be there instead of segments that change, and of the unit's bins and counts; `None` if no row
    /// changes. One segment is in memory at a time: units that were put together have many.
    pub(crate) fn perform(&self, disk: &Disk, prefix: &str) -> Result<Option<Rewritten>, Error> {
        let Self { unit, accounts_before, .. } = self;
        let mut written = Rewritten::default();
        let (mut counts, mut kept) = (Vec::new(), Vec::new());
        for (number, entry) in unit.files.segments.iter().enumerate() {
            match self.segment(disk, &format!("{prefix}s{number}"), entry, &mut counts)? {
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
        counts.retain(|row| row.bin.saturating_add(BIN_MS) > *accounts_before);
        for file in &unit.files.health {
            let mut keep = |row: &Row| counts.push(row.clone());
            health::read(&disk.path(&file.name).into(), file, &(i64::MIN..i64::MAX), &mut keep)?;
        }
        let parts = Parts { counts, ..Parts::default() };
        written.files.health = parts.write(disk, prefix)?.health;
        if let Some(first) = unit.files.bins.iter().map(|file| file.bin.0).min() {
            let accounts = rebuild::accounts(disk, kept.into_iter().chain(&written.files.segments), &mut 0)?;
            let name = format!("{BINS}/{}/{prefix}-0.parquet", day::folder(first));
            written.files.bins.push(bins::write(disk, &name, &accounts)?);
        }
        let small = unit.files.bins.iter().flat_map(BinsFile::each).chain(&unit.files.health);
        written.names.extend(small.map(|file| file.name.clone()));
        Ok(Some(written))
    }

    /// A segment with its rows scaled, written anew; `None` if none of them changes.
    fn segment(
        &self,
        disk: &Disk,
        prefix: &str,
        entry: &SegmentFile,
        counts: &mut Vec<Row>,
    ) -> Result<Option<Vec<SegmentFile>>, Error> {
        let reader = SegmentEntry::new(disk.root(), entry).open()?;
        if !self.rescales.iter().any(|rescale| may_hold(&reader, rescale)) {
            return Ok(None);
        }
        let (mut frames, mut rows) = (Vec::new(), 0);
        for group in 0..reader.row_groups().len() {
            let mut batch = reader.read_all(group, u64::MAX)?;
            rows += self.rescales.iter().map(|r| r.apply(&mut batch, counts)).sum::<usize>();
            frames.push(reframe(disk, &batch, 0)?);
        }
        if rows == 0 {
            return Ok(None);
        }
        let parts = Parts { frames, ..Parts::default() };
        Ok(Some(parts.write(disk, prefix)?.segments))
    }
}

/// Whether the statistics of a segment allow rows that an interval is for.
fn may_hold(reader: &Reader, rescale: &Rescale) -> bool {
    let number = |n: u32| Bound::Unsigned(n.into());
    let default = Bound::Text(SamplingSource::Default.word().into());
    (0..reader.row_groups().len()).any(|group| {
        let any = |column, test: &dyn Fn(&PageBounds) -> bool| {
            reader.page_ranges(group, column).is_none_or(|pages| pages.iter().any(test))
        };
        let holds = |column, low: &Bound, high: &Bound| any(column, &|page| page.may_hold(low, high));
        let is = |column, bound: &Bound| holds(column, bound, bound);
        holds(Column::Received, &Bound::Time(rescale.from), &Bound::Time(rescale.until))
            && is(Column::Exporter, &Bound::Addr(rescale.exporter))
            && is(Column::Domain, &number(rescale.domain))
            && rescale.sampler.is_none_or(|id| is(Column::Sampler, &Bound::Unsigned(id)))
            && rescale.ingress_if.is_none_or(|index| is(Column::IngressIf, &number(index)))
            && (any(Column::SamplingInterval, &|page| page.nulls != Some(0))
                || is(Column::SamplingSource, &default))
    })
}
