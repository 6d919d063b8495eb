//! Counters of a flow's whole life (elements 85 and 86), reported again and again while it lasts.
//!
//! Added up, they would bill the beginning of a flow as often as it is reported. So the last report of each living
//! flow is remembered, and of the next one only the difference counts. A total below the last one began anew, and
//! counts whole.

use super::gather::{Place, Records};
use super::recent::Recent;
use crate::Batch;
use crate::schema::Column;
use std::hash::{BuildHasher, Hasher};

/// Flows whose last report is remembered, of all exporters together. Of one that is forgotten, the next report
/// counts whole; it is counted as an eviction.
const FLOWS_MAX: usize = 1 << 19;

/// Reasons (element 136) after which a flow is not reported again: idle, detected end, forced, out of room.
const ENDS: [u64; 4] = [1, 3, 4, 5];

/// The last reports of living flows.
#[derive(Debug)]
pub(super) struct Totals {
    last: Recent<u64, [u64; 2]>,
    hasher: foldhash::fast::RandomState,
}

impl Default for Totals {
    fn default() -> Self {
        Self { last: Recent::new(FLOWS_MAX), hasher: foldhash::fast::RandomState::default() }
    }
}

/// What tells a template's flows apart, and which of their counters are totals.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scheme<'p> {
    pub(super) identity: &'p [Place],
    pub(super) end_reason: Option<Place>,
    pub(super) octets: bool,
    pub(super) packets: bool,
    /// Whose flow: the session and the direction.
    pub(super) owner: u64,
}

impl Totals {
    /// Takes from the counters of the rows from `base` on what earlier reports said. Returns how many flows were
    /// forgotten for it.
    pub(super) fn settle(
        &mut self,
        scheme: &Scheme<'_>,
        records: Records<'_>,
        base: usize,
        batch: &mut Batch,
    ) -> usize {
        let columns = [(Column::MeasuredOctets, scheme.octets), (Column::MeasuredPackets, scheme.packets)];
        for (i, record) in records.iter().enumerate() {
            let field = |place: &Place| record.get(place.offset..place.offset.saturating_add(place.width));
            let mut hasher = self.hasher.build_hasher();
            hasher.write_u64(scheme.owner);
            for place in scheme.identity {
                hasher.write(field(place).unwrap_or_default());
            }
            let key = hasher.finish();
            let reason = scheme.end_reason.as_ref().and_then(field).and_then(weir_wire::value::unsigned);
            let ended = reason.is_some_and(|reason| ENDS.contains(&reason));
            let mut last =
                if ended { self.last.remove(&key).unwrap_or_default() } else { *self.last.entry(key) };
            for ((column, is_total), last) in columns.iter().zip(&mut last) {
                if let Some(value) = batch.u64s_mut(*column).get_mut(base + i).filter(|_| *is_total) {
                    let total = *value;
                    *value = if total >= *last { total - *last } else { total };
                    *last = total;
                }
            }
            if !ended {
                *self.last.entry(key) = last;
            }
        }
        self.last.take_forgotten()
    }
}
