//! Times: from what an exporter says to milliseconds since 1970.
//!
//! NetFlow v1 to v9 give a flow's times as the exporter's uptime in a 32-bit number of milliseconds, which wraps
//! every 49.7 days; only the difference to the uptime in the header means anything, modulo 2^32. IPFIX has
//! seven other ways to say it (RFC 7011 §6.1.7 to 6.1.10). What cannot be true is replaced by the next best time
//! and marked.

use crate::names::TimeSource;
use crate::time::FLOW_MS_MAX;

/// 2000-01-01: no exporter of flows is older, so a clock that shows less was never set.
const EARLIEST_MS: i64 = 946_684_800_000;
/// How far ahead of the arrival a time may lie: clocks are wrong by zones, not by years.
const AHEAD_MS_MAX: i64 = 86_400_000;
/// A flow's uptime this little *after* the header's is jitter between an exporter's two readings of its clock,
/// not a flow of 49.7 days.
const JITTER_MS_MAX: u32 = 3_600_000;
/// Seconds from 1900 (NTP's epoch, which IPFIX micro- and nanoseconds use) to 1970.
const NTP_TO_UNIX_S: i64 = 2_208_988_800;

/// In which way a record says a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Milliseconds of uptime, 32 bits (elements 21, 22).
    Uptime,
    /// Seconds since 1970 (150, 151, 322).
    Seconds,
    /// Milliseconds since 1970 (152, 153, 323).
    Millis,
    /// NTP timestamps (154 to 157, 324, 325): seconds since 1900 and a fraction of 2^32.
    Ntp,
    /// Microseconds before the export time (158, 159).
    DeltaMicros,
}

/// One message's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Clock {
    /// When the datagram arrived, ms since 1970.
    pub(super) received: i64,
    /// When it was sent, by the exporter's clock, ms since 1970; `None` where the format does not say.
    pub(super) export: Option<i64>,
    /// The exporter's uptime at that moment, ms.
    pub(super) uptime: Option<u32>,
    /// When the exporter started, ms since 1970, if it told (element 160).
    pub(super) init: Option<i64>,
}

impl Clock {
    /// A flow's time in ms since 1970, as the record says it; not yet judged.
    #[inline]
    pub(super) fn time(&self, form: Form, raw: u64) -> Option<i64> {
        match form {
            Form::Millis => i64::try_from(raw).ok(),
            Form::Seconds => i64::try_from(raw).ok()?.checked_mul(1000),
            Form::Uptime => self.at_uptime(raw),
            Form::Ntp => {
                let since_1900 = i64::try_from(raw >> 32).ok()?;
                // From 2036 on the seconds have wrapped (RFC 7011 §6.1.9): those below 1970 are in the next era.
                let era = if since_1900 < NTP_TO_UNIX_S { 1 << 32 } else { 0 };
                let seconds = since_1900 + era - NTP_TO_UNIX_S;
                let ms = i64::try_from(((raw & 0xffff_ffff) * 1000) >> 32).ok()?;
                Some(seconds * 1000 + ms)
            }
            Form::DeltaMicros => self.export?.checked_sub(i64::try_from(raw.div_ceil(1000)).ok()?),
        }
    }

    /// `export − (uptime − then)`, modulo 2^32 ms. IPFIX has no uptime in its header: there it counts from
    /// when the exporter started, if that is known.
    #[inline]
    fn at_uptime(&self, raw: u64) -> Option<i64> {
        let Some(uptime) = self.uptime else {
            let init = self.init?;
            let at = init.checked_add(i64::try_from(raw).ok()?)?;
            // It wraps all the same: so often that the flow lies before the export. (A start in 1970 is none.)
            let before = if init >= EARLIEST_MS {
                self.export?.saturating_add(JITTER_MS_MAX.into()).saturating_sub(at).max(0)
            } else {
                0
            };
            return at.checked_add(before - before % (1 << 32));
        };
        let then = u32::try_from(raw).ok()?;
        let age = uptime.wrapping_sub(then);
        let ahead = then.wrapping_sub(uptime);
        let export = self.export?;
        Some(if ahead <= JITTER_MS_MAX { export + i64::from(ahead) } else { export - i64::from(age) })
    }

    /// How to read uptimes where the header has both clocks; the same as [`time`](Self::time), without a branch.
    #[inline]
    pub(super) fn uptimes(&self) -> Option<impl Fn(u32) -> i64 + use<>> {
        let (export, uptime) = (self.export?, self.uptime?);
        Some(move |then: u32| {
            let ahead = then.wrapping_sub(uptime);
            export.wrapping_add(i64::from(ahead)).wrapping_sub(i64::from(ahead > JITTER_MS_MAX) << 32)
        })
    }

    /// Whether all of these are what [`judge`](Self::judge) leaves as they are.
    #[inline]
    pub(super) fn are_good(&self, starts: &[i64], ends: &[i64]) -> bool {
        let latest = self.received.saturating_add(AHEAD_MS_MAX);
        // Of all differences together one sign bit tells that one of them is negative. None can wrap unnoticed: a
        // negative time shows by itself.
        let signs = starts.iter().zip(ends).fold(latest, |signs, (start, end)| {
            let duration = end.wrapping_sub(*start);
            signs
                | start
                | end
                | duration
                | start.wrapping_sub(EARLIEST_MS)
                | latest.wrapping_sub(*end)
                | FLOW_MS_MAX.wrapping_sub(duration)
        });
        signs >= 0
    }

    /// Whether a time can be one.
    #[inline]
    fn is_plausible(&self, ms: i64) -> bool {
        ms >= EARLIEST_MS && ms <= self.received.saturating_add(AHEAD_MS_MAX)
    }

    /// What to go by where a record's own times are missing or absurd.
    pub(super) fn fallback(&self) -> (i64, TimeSource) {
        match self.export {
            Some(export) if self.is_plausible(export) => (export, TimeSource::Export),
            _ => (self.received, TimeSource::Received),
        }
    }

    /// A record's start and end, what they rest on, and whether there was reason to doubt what it said.
    #[inline]
    pub(super) fn judge(&self, start: Option<i64>, end: Option<i64>) -> (i64, i64, TimeSource, bool) {
        match (start, end) {
            (Some(start), Some(end))
                if start <= end
                    && end - start <= FLOW_MS_MAX
                    && self.is_plausible(start)
                    && self.is_plausible(end) =>
            {
                (start, end, TimeSource::Flow, false)
            }
            (None, None) => {
                let (at, source) = self.fallback();
                (at, at, source, source == TimeSource::Received && self.export.is_some())
            }
            (start, end) => {
                // Half of it may be good: the end is the one nearer to the export.
                let good = |t: &i64| self.is_plausible(*t);
                match end.filter(good).or(start.filter(good)) {
                    Some(at) => (at, at, TimeSource::Flow, start.is_some() && end.is_some()),
                    None => {
                        let (at, source) = self.fallback();
                        (at, at, source, true)
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_767_225_600_000;

    fn clock(uptime: u32) -> Clock {
        Clock { received: NOW + 500, export: Some(NOW), uptime: Some(uptime), init: None }
    }

    #[test]
    fn a_wrap_of_the_uptime_does_not_move_a_flow() {
        // Uptime wrapped 10 s ago; the flow began 20 s and ended 5 s before the export.
        let c = clock(10_000);
        assert_eq!(c.time(Form::Uptime, u64::from(10_000u32.wrapping_sub(20_000))), Some(NOW - 20_000));
        assert_eq!(c.time(Form::Uptime, 5_000), Some(NOW - 5_000));
        // Jitter: the flow's last packet a millisecond "after" the header.
        assert_eq!(c.time(Form::Uptime, 10_001), Some(NOW + 1));
    }

    #[test]
    fn every_form_says_the_same_moment() {
        let c = clock(1_000_000);
        assert_eq!(c.time(Form::Seconds, 1_767_225_600), Some(NOW));
        assert_eq!(c.time(Form::Millis, 1_767_225_600_123), Some(NOW + 123));
        let ntp = ((1_767_225_600u64 + 2_208_988_800) << 32) | (1 << 31);
        assert_eq!(c.time(Form::Ntp, ntp), Some(NOW + 500));
        assert_eq!(c.time(Form::DeltaMicros, 2_500_000), Some(NOW - 2_500));
        // A fraction of a millisecond before: the millisecond that it lies in, as with all other forms.
        assert_eq!(c.time(Form::DeltaMicros, 2_500_001), Some(NOW - 2_501));
        // 2^32 s after 1900, the count begins again: one second later it is 2036-02-07T06:28:17Z.
        assert_eq!(c.time(Form::Ntp, 1 << 32), Some(2_085_978_497_000));
        let ipfix = Clock { uptime: None, ..c };
        assert_eq!(ipfix.time(Form::Uptime, 5), None);
        assert_eq!(Clock { init: Some(NOW - 100), ..ipfix }.time(Form::Uptime, 5), Some(NOW - 95));
    }

    #[test]
    fn a_wrap_of_the_uptime_does_not_move_a_flow_where_the_start_is_told() {
        // Started 60 days ago: the uptime, in 32 bits, wrapped ten days ago.
        let init = NOW - 60 * 86_400_000;
        let ipfix = Clock { uptime: None, init: Some(init), ..clock(0) };
        let uptime = u64::try_from((NOW - 20_000 - init) % (1 << 32)).unwrap();
        assert_eq!(ipfix.time(Form::Uptime, uptime), Some(NOW - 20_000));
        assert_eq!(ipfix.time(Form::Uptime, uptime + 25_000), Some(NOW + 5_000));
    }

    #[test]
    fn the_absurd_is_replaced_and_marked() {
        let c = clock(1_000_000);
        assert_eq!(c.judge(Some(NOW - 10), Some(NOW)), (NOW - 10, NOW, TimeSource::Flow, false));
        // 1970, as from a router that was never told the time.
        assert_eq!(c.judge(Some(12_345), Some(12_400)), (NOW, NOW, TimeSource::Export, true));
        // Its whole clock is in 1970: only the arrival is left.
        let unset = Clock { export: Some(60_000), ..c };
        assert_eq!(unset.judge(Some(1), Some(2)), (NOW + 500, NOW + 500, TimeSource::Received, true));
        // The end before the start: counted at the end.
        assert_eq!(c.judge(Some(NOW), Some(NOW - 7)), (NOW - 7, NOW - 7, TimeSource::Flow, true));
        // A year ahead.
        let year = 31_536_000_000;
        assert_eq!(c.judge(Some(NOW + year), Some(NOW + year)).2, TimeSource::Export);
        // Nothing said is no doubt.
        assert_eq!(c.judge(None, None), (NOW, NOW, TimeSource::Export, false));
    }
}
