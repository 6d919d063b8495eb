//! Sampling intervals that came late, brought to the rows that came before them.
//!
//! A row knows itself whether its interval is known, so an interval is brought to it once however often it is
//! tried. Rows of the journal are scaled when they are sealed, and until then for every reader; a unit that is
//! sealed is read, scaled, and written anew, with its accounts and with the counts that this changes.

use crate::Error;
use crate::disk::Disk;
use crate::journal::{Frame, Summary};
use crate::manifest::SegmentFile;
use crate::rewrite::{Change, reframe};
use crate::segment::{Bound, PageBounds, Reader};
use crate::unit::Late;
use weir_flow::names::SamplingSource;
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

/// Late intervals, in their order, as what changes the rows of a unit.
#[derive(Debug)]
pub(crate) struct Intervals(pub Vec<Rescale>);

impl Change for Intervals {
    fn may_concern(&self, _: &SegmentFile, reader: &Reader) -> bool {
        self.0.iter().any(|rescale| may_hold(reader, rescale))
    }

    fn change(&mut self, batch: &mut Batch, counts: &mut Vec<Row>) -> usize {
        self.0.iter().map(|rescale| rescale.apply(batch, counts)).sum()
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
