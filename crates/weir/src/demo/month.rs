//! A month of the office: datagrams in the order of their arrival, and the truth about them.
//!
//! ```text
//! office, internet ── who there is        app ── what they do
//!         └──────── traffic ─── hour by hour ────────┘
//!                      │ sessions
//!                   session ── cut into flow records, translated, put before a meter
//!                      │ in the order of their export
//!                   export ── three exporters, their clocks, numbers and one outage ── format ── datagrams
//!                      └───── truth
//! ```
//!
//! Two things happen in every month, so that there is something to see: the router's 32-bit uptime wraps (the
//! flows around it must not move by 49.7 days), and some datagrams of the firewall are lost around the middle
//! (the completeness line must say so).

use super::export::{Datagram, Export, Fate};
use super::flow::Flow;
use super::session::whole_second;
use super::traffic::{DAY_MS, HOUR_MS, Hour, Traffic};
use super::truth::Truth;
use std::ops::Range;
use weir_wire::Error;

/// Datagrams of the firewall that get lost.
pub(crate) const LOST_DATAGRAMS: u64 = 8;
/// The hour of the day at which they do.
const OUTAGE_HOUR: u64 = 10;

/// An office building, and the time for which its traffic is made.
#[derive(Debug)]
pub(crate) struct Office {
    /// The same seed gives the same datagrams, to the byte.
    seed: u64,
    span_ms: Range<i64>,
    /// Local time minus UTC for each hour of the span, ms.
    offsets_ms: Vec<i64>,
    scale_percent: u64,
}

impl Office {
    /// An office from the first instant of `span_ms` (ms since 1970, UTC) to before its last.
    ///
    /// `offset_ms` says how far clocks on the wall are ahead of UTC at an instant: people come to work by them.
    /// At 100 `scale_percent` a month has about 470 000 flow records.
    pub(crate) fn month(
        seed: u64,
        span_ms: Range<i64>,
        offset_ms: impl Fn(i64) -> i64,
        scale_percent: u32,
    ) -> Self {
        let offsets_ms = hours(&span_ms).map(offset_ms).collect();
        Self { seed, span_ms, offsets_ms, scale_percent: scale_percent.into() }
    }

    /// The datagrams, in the order of their arrival, all within the span. Take them all, then ask for the
    /// [`truth`](Play::truth).
    pub(crate) fn play(&self) -> Play<'_> {
        let Range { start, end } = self.span_ms;
        let days = Hour::new(start, self.offset_ms(0)).day..Hour::new(end, self.offset_ms(usize::MAX)).day;
        let third = (days.end - days.start) / 3;
        let traffic = Traffic {
            seed: self.seed,
            scale_percent: self.scale_percent,
            to_ms: end,
            offence: days.start + third..days.start + 2 * third.max(1),
        };
        Play {
            office: self,
            traffic,
            export: Export::new(whole_second(start), &self.fate()),
            cached: Vec::new(),
            hour: 0,
        }
    }

    fn offset_ms(&self, hour: usize) -> i64 {
        self.offsets_ms.get(hour).or(self.offsets_ms.last()).copied().unwrap_or_default()
    }

    /// When the router's uptime wraps and when the outage is.
    fn fate(&self) -> Fate {
        let Range { start, end } = self.span_ms;
        let wraps_ms = start + (end - start) * 2 / 5;
        let middle_ms = start + (end - start) / 2;
        // The first of these hours on a workday after the middle, or the middle itself in a short span.
        let outage_ms = hours(&self.span_ms)
            .zip(&self.offsets_ms)
            .map(|(at_ms, offset_ms)| Hour::new(at_ms, *offset_ms))
            .find(|hour| hour.at_ms >= middle_ms && hour.hour == OUTAGE_HOUR && hour.is_workday())
            .map_or(middle_ms, |hour| hour.at_ms + 1);
        Fate {
            // The firewall's start is said nowhere; the switch was started eleven days before.
            boot_ms: [wraps_ms - (1 << 32), start, start - 11 * DAY_MS],
            outage_ms,
            outage_datagrams: LOST_DATAGRAMS,
        }
    }
}

/// The first instant of each hour of a span.
fn hours(span_ms: &Range<i64>) -> impl Iterator<Item = i64> + use<> {
    let Range { start, end } = *span_ms;
    (0..).map(move |hour| start + hour * HOUR_MS).take_while(move |at_ms| *at_ms < end)
}

/// An office at work: yields its datagrams.
#[derive(Debug)]
pub(crate) struct Play<'a> {
    office: &'a Office,
    traffic: Traffic,
    export: Export,
    /// Records that leave their exporters later.
    cached: Vec<Flow>,
    /// The hour to come next.
    hour: usize,
}

impl Play<'_> {
    /// What the datagrams said that were handed out; complete when there are no more of them.
    pub(crate) fn truth(self) -> Truth {
        self.export.truth
    }

    /// Makes the datagrams of the next hour. False at the end.
    fn work(&mut self) -> Result<bool, Error> {
        let Some(offset_ms) = self.office.offsets_ms.get(self.hour) else { return Ok(false) };
        let from_ms = self.office.span_ms.start + HOUR_MS * i64::try_from(self.hour).unwrap_or(i64::MAX);
        self.hour += 1;
        self.traffic.hour(Hour::new(from_ms, *offset_ms), &mut self.cached);
        let is_last = self.hour == self.office.offsets_ms.len();
        let until_ms = if is_last { self.office.span_ms.end } else { from_ms + HOUR_MS };
        // Stable: records of one second leave in the order in which they were made.
        self.cached.sort_by_key(|flow| flow.export_ms);
        let due = self.cached.partition_point(|flow| flow.export_ms < until_ms);
        for flow in self.cached.drain(..due) {
            self.export.take(flow)?;
        }
        if is_last {
            self.export.finish(until_ms.div_euclid(1000) * 1000 - 1000)?;
        }
        Ok(true)
    }
}

impl Iterator for Play<'_> {
    /// The error is a defect of the model: a record that its protocol cannot say.
    type Item = Result<Datagram, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(datagram) = self.export.ready.pop_front() {
                return Some(Ok(datagram));
            }
            match self.work() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

#[cfg(test)]
mod tests;
