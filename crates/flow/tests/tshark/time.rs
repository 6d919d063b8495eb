//! Times as tshark shows them, brought to milliseconds since 1970 (`docs/decoding.md`, "Time").

use super::expect::unsigned;
use super::netflow::{Field, Message};

/// 2000-01-01; no flow is older.
const EARLIEST: i64 = 946_684_800_000;
const DAY: i64 = 86_400_000;
/// A flow of more than so many days is none.
const LONGEST: i64 = weir_flow::time::FLOW_MS_MAX;

/// A time of day and year in UTC, `Dec 25, 2016 12:58:35.818000000 UTC`, in ms since 1970.
pub(crate) fn absolute(show: &str) -> Option<i64> {
    let mut words = show.split_whitespace();
    let month = words.next()?;
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = i64::try_from(months.iter().position(|name| *name == month)?).ok()? + 1;
    let day: i64 = words.next()?.trim_end_matches(',').parse().ok()?;
    let year: i64 = words.next()?.parse().ok()?;
    let (clock, fraction) = words.next()?.split_once('.')?;
    let mut of_day = 0;
    for part in clock.split(':') {
        of_day = of_day * 60 + part.parse::<i64>().ok()?;
    }
    // Days of the Gregorian calendar before a date, years beginning in March.
    let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    let days = 365 * year + year.div_euclid(4) - year.div_euclid(100)
        + year.div_euclid(400)
        + (153 * month + 2) / 5
        + day
        - 1
        - 719_468;
    let nanoseconds: i64 = format!("{fraction:0<9}").parse().ok()?;
    Some((days * 86_400 + of_day) * 1000 + (nanoseconds + 1) / 1_000_000)
}

/// What a message says of time.
pub(crate) struct Clock<'a> {
    pub(crate) received: i64,
    pub(crate) message: &'a Message,
    /// When the exporter started, as element 160 tells.
    pub(crate) init: Option<i64>,
}

impl Clock<'_> {
    /// Start, end, and what they rest on.
    pub(crate) fn span(
        &self,
        start: Option<&Field>,
        end: Option<&Field>,
        duration: Option<i64>,
    ) -> (i64, i64, &'static str) {
        let (mut start, mut end) = (start.and_then(|f| self.time(f)), end.and_then(|f| self.time(f)));
        match (start, end) {
            (Some(from), None) => end = Some(from + duration.unwrap_or(0)),
            (None, Some(to)) => start = Some(to - duration.unwrap_or(0)),
            _ => {}
        }
        let good = |at: &i64| (EARLIEST..=self.received + DAY).contains(at);
        let fallback = || match self.message.export {
            export if good(&export) => (export, export, "export"),
            _ => (self.received, self.received, "received"),
        };
        let (Some(start), Some(end)) = (start, end) else { return fallback() };
        if good(&start) && good(&end) && start <= end && end - start <= LONGEST {
            return (start, end, "flow");
        }
        // The end is nearer to the export.
        [end, start].into_iter().find(good).map_or_else(fallback, |at| (at, at, "flow"))
    }

    /// Of a binary fraction of a second (RFC 7011 §6.1.9) tshark shows a nanosecond less than there is: the octets
    /// decide in which millisecond that is.
    fn exactly(field: &Field, shown: i64) -> i64 {
        if !matches!(field.element, Some(154..=157 | 324 | 325)) {
            return shown;
        }
        let raw = unsigned(&field.octets);
        let fraction = i64::try_from(((raw & 0xffff_ffff) * 1000) >> 32).unwrap();
        let exact = (i64::try_from(raw >> 32).unwrap() - 2_208_988_800) * 1000 + fraction;
        assert!((exact - shown).abs() <= 1, "tshark shows {} for {raw:#x}", field.show);
        exact
    }

    /// One time of a record.
    fn time(&self, field: &Field) -> Option<i64> {
        let is_uptime = matches!(field.element, Some(21 | 22) | None);
        if let Some(at) = absolute(&field.show).filter(|_| !is_uptime) {
            return Some(Self::exactly(field, at));
        }
        // An uptime: seconds with decimals. Of some tshark shows nothing, and of zero 1970.
        if field.name.is_empty() && is_uptime {
            return self.at_uptime(i64::try_from(unsigned(&field.octets)).ok()?);
        }
        let is_none = field.show.contains("1970");
        let show = if is_none && field.octets == [0; 4] { "0.000" } else { &field.show };
        let (seconds, decimals) = show.split_once('.')?;
        let shown = seconds.parse::<i64>().ok()? * 1000 + decimals.get(..3)?.parse::<i64>().ok()?;
        let raw = i64::try_from(unsigned(&field.octets)).ok()?;
        assert_eq!(shown, raw, "tshark shows {show} for {raw} ms");
        self.at_uptime(raw)
    }

    /// A time by the exporter's uptime in ms.
    fn at_uptime(&self, raw: i64) -> Option<i64> {
        let Some(uptime) = self.message.uptime else {
            let (init, export) = (self.init?, self.message.export);
            // It wraps every 49.7 days: as often as fits before the export, give or take an hour.
            let wraps = (export + 3_600_000 - init - raw).max(0) / (1 << 32);
            return Some(init + raw + if init < EARLIEST { 0 } else { wraps << 32 });
        };
        let then = u32::try_from(raw).ok()?;
        let ahead = then.wrapping_sub(uptime);
        if ahead <= 3_600_000 {
            return Some(self.message.export + i64::from(ahead));
        }
        Some(self.message.export - i64::from(uptime.wrapping_sub(then)))
    }
}
