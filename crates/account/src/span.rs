//! A stretch of time that somebody asks about: `--from`, `--to`, `--last`.
//!
//! An edge is an instant (`2026-10-05T14:00:00+02:00`), a civil time in the zone (`2026-10-05 14:00`), a
//! calendar's name, which means its first instant (`2026-10-05`, `2026-10`, `2026-W41`, `2026`), a word (`now`,
//! `today`, `yesterday`), or how long ago (`24h`, `7d`, `1h30m`). Spans are half-open: `--from 2026-10-01 --to
//! 2026-11-01` is October. Hours are hours; days and longer are the zone's, so that `7d` ago is the same time of
//! day though the clocks changed in between.

use crate::period::Period;
use crate::zone::Zone;
use jiff::civil::DateTime;
use jiff::{Timestamp, Zoned};
use std::fmt;
use std::ops::Range;
use weir_flow::time::{BIN_MS, bin};

/// A half-open span of time; an edge that is not given is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The first instant, ms since 1970.
    pub from_ms: Option<i64>,
    /// The first instant after it, ms since 1970.
    pub to_ms: Option<i64>,
}

/// The texts that a span is read from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpanText<'a> {
    /// `--from`
    pub from: Option<&'a str>,
    /// `--to`
    pub to: Option<&'a str>,
    /// `--last`
    pub last: Option<&'a str>,
}

/// Why texts are no span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpanError {
    /// Not a point in time.
    Time {
        /// The text as given.
        text: String,
    },
    /// Not a length of time.
    Length {
        /// The text as given.
        text: String,
    },
    /// `--last` together with `--from`, or with `--to`.
    LastAndEdge,
    /// The end is not after the start.
    Empty {
        /// The start, RFC 3339.
        from: String,
        /// The end, RFC 3339.
        to: String,
    },
}

impl fmt::Display for SpanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time { text } => write!(
                f,
                "\"{text}\" is no point in time: write 2026-10-05, 2026-10-05T14:00, \
                 2026-10-05T14:00:00+02:00, or how long ago: 24h, 7d"
            ),
            Self::Length { text } => {
                write!(
                    f,
                    "\"{text}\" is no length of time: write a number and a unit, such as 90m, 24h, 7d or 4w"
                )
            }
            Self::LastAndEdge => write!(f, "--last already says both ends: leave out --from and --to"),
            Self::Empty { from, to } => {
                write!(f, "the span ends at {to}, which is not after its start {from}")
            }
        }
    }
}

impl std::error::Error for SpanError {}

impl Span {
    /// Reads a span. `now_ms` (ms since 1970) is what relative texts are relative to.
    ///
    /// # Errors
    /// See [`SpanError`].
    pub fn parse(text: SpanText<'_>, zone: &Zone, now_ms: i64) -> Result<Self, SpanError> {
        if let Some(last) = text.last {
            if text.from.is_some() || text.to.is_some() {
                return Err(SpanError::LastAndEdge);
            }
            let from_ms = ago(last, zone, now_ms).ok_or_else(|| SpanError::Length { text: last.into() })?;
            return Ok(Self { from_ms: Some(from_ms), to_ms: Some(now_ms) });
        }
        let edge = |text: Option<&str>| text.map(|text| instant(text, zone, now_ms)).transpose();
        let span = Self { from_ms: edge(text.from)?, to_ms: edge(text.to)? };
        if let (Some(from), Some(to)) = (span.from_ms, span.to_ms)
            && to <= from
        {
            return Err(SpanError::Empty { from: zone.rfc3339(from), to: zone.rfc3339(to) });
        }
        Ok(span)
    }

    /// The smallest span of whole 5-minute bins that holds this one, and whether that is more than was asked.
    #[must_use]
    pub fn to_bins(self) -> (Self, bool) {
        let up = |ms: i64| {
            let down = bin(ms);
            if down == ms { ms } else { down.saturating_add(BIN_MS) }
        };
        let bins = Self { from_ms: self.from_ms.map(bin), to_ms: self.to_ms.map(up) };
        (bins, bins != self)
    }

    /// Whether an instant (ms since 1970) lies in it.
    #[must_use]
    pub fn contains(self, ms: i64) -> bool {
        self.from_ms.is_none_or(|from_ms| from_ms <= ms) && self.to_ms.is_none_or(|to_ms| ms < to_ms)
    }

    /// What both have; `None` if that is nothing.
    #[must_use]
    pub fn intersection(self, other: Self) -> Option<Self> {
        let from_ms = self.from_ms.max(other.from_ms);
        let to_ms = match (self.to_ms, other.to_ms) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
        let is_some = from_ms.zip(to_ms).is_none_or(|(from_ms, to_ms)| from_ms < to_ms);
        is_some.then_some(Self { from_ms, to_ms })
    }

    /// As a person reads it, after what it is the time of: ` from 2026-10-14 until 2026-11-01T12:00:00+01:00`; nothing
    /// for a span without edges.
    #[must_use]
    pub fn text(self, zone: &Zone) -> String {
        let edge = |word: &str, ms: Option<i64>| {
            ms.map_or_else(String::new, |ms| format!(" {word} {}", zone.edge_text(ms)))
        };
        format!("{}{}", edge("from", self.from_ms), edge("until", self.to_ms))
    }

    /// As a range of ms since 1970, where an open edge is the least or greatest number.
    #[must_use]
    pub fn range(self) -> Range<i64> {
        self.from_ms.unwrap_or(i64::MIN)..self.to_ms.unwrap_or(i64::MAX)
    }
}

impl From<&Period> for Span {
    fn from(period: &Period) -> Self {
        Self { from_ms: Some(period.from_ms()), to_ms: Some(period.to_ms()) }
    }
}

/// A point in time, ms since 1970. See the module's documentation for the forms.
///
/// # Errors
/// [`SpanError::Time`].
pub fn instant(text: &str, zone: &Zone, now_ms: i64) -> Result<i64, SpanError> {
    let text = text.trim();
    let day = |ms| Period::day_of(ms, zone).ok();
    let found = match text.to_ascii_lowercase().as_str() {
        "now" => Some(now_ms),
        "today" => day(now_ms).map(|today| today.from_ms()),
        "yesterday" => day(now_ms).and_then(|today| today.previous().ok()).map(|day| day.from_ms()),
        _ => None,
    };
    found
        .or_else(|| fixed(text, zone))
        .or_else(|| ago(text, zone, now_ms))
        .ok_or_else(|| SpanError::Time { text: text.into() })
}

/// A point in time that is not told from now, ms since 1970: `2026-10-05`, `2026-10`, `2026-10-05T14:00`,
/// `2026-10-05T14:00:00+02:00`. `None` if the text is none.
#[must_use]
pub fn fixed(text: &str, zone: &Zone) -> Option<i64> {
    let text = text.trim();
    let calendar = Period::parse(text, zone, 1).ok().map(|period| period.from_ms());
    calendar
        .or_else(|| text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond))
        .or_else(|| civil(text, zone))
}

/// A civil time in the zone: of two the earlier, and in a gap what the clock would have shown.
fn civil(text: &str, zone: &Zone) -> Option<i64> {
    let datetime: DateTime = text.parse().ok()?;
    Some(datetime.to_zoned(zone.rules().clone()).ok()?.timestamp().as_millisecond())
}

/// So long before now: `24h`, `7d`, `1h30m`. Must be more than nothing.
fn ago(text: &str, zone: &Zone, now_ms: i64) -> Option<i64> {
    let length: jiff::Span = text.trim().parse().ok()?;
    if !length.is_positive() {
        return None;
    }
    let now = Zoned::new(Timestamp::from_millisecond(now_ms).ok()?, zone.rules().clone());
    let then = now.checked_sub(length).ok()?.timestamp().as_millisecond();
    (then < now_ms).then_some(then)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-10-28T12:34:56Z, three days after the end of summer time.
    const NOW: i64 = 1_793_190_896_000;
    const HOUR: i64 = 3_600_000;

    fn berlin() -> Zone {
        Zone::parse("Europe/Berlin").unwrap()
    }

    fn at(text: &str) -> String {
        Zone::utc().rfc3339(instant(text, &berlin(), NOW).unwrap())
    }

    #[test]
    fn edges_are_read_in_every_form() {
        assert_eq!(at("now"), "2026-10-28T12:34:56+00:00");
        assert_eq!(at("2026-10-05"), "2026-10-04T22:00:00+00:00");
        assert_eq!(at("2026-10"), "2026-09-30T22:00:00+00:00");
        assert_eq!(at("2026"), "2025-12-31T23:00:00+00:00");
        assert_eq!(at("2026-10-05T14:00"), "2026-10-05T12:00:00+00:00");
        assert_eq!(at("2026-10-05 14:00:30"), "2026-10-05T12:00:30+00:00");
        assert_eq!(at("2026-10-05T14:00:00Z"), "2026-10-05T14:00:00+00:00");
        assert_eq!(at("2026-10-05T14:00:00-02:30"), "2026-10-05T16:30:00+00:00");
        assert_eq!(at("today"), "2026-10-27T23:00:00+00:00");
        assert_eq!(at("Yesterday"), "2026-10-26T23:00:00+00:00");
        assert_eq!(at("90m"), "2026-10-28T11:04:56+00:00");
        assert_eq!(at("1h30m"), "2026-10-28T11:04:56+00:00");
        // Hours are hours; days keep the time of day over the change of clocks.
        assert_eq!(at("168h"), "2026-10-21T12:34:56+00:00");
        assert_eq!(at("7d"), "2026-10-21T11:34:56+00:00");
        assert_eq!(at("1w"), at("7d"));
        for bad in ["", "soon", "24", "-24h", "0h", "2026-13", "2026-02-30", "10:00"] {
            assert_eq!(instant(bad, &berlin(), NOW), Err(SpanError::Time { text: bad.into() }), "{bad}");
        }
    }

    fn parse(from: Option<&str>, to: Option<&str>, last: Option<&str>) -> Result<Span, SpanError> {
        Span::parse(SpanText { from, to, last }, &berlin(), NOW)
    }

    #[test]
    fn spans_are_half_open_and_not_empty() {
        let october = parse(Some("2026-10-01"), Some("2026-11-01"), None).unwrap();
        assert_eq!(october, Span::from(&Period::parse("2026-10", &berlin(), 1).unwrap()));
        assert_eq!(
            parse(None, None, Some("24h")),
            Ok(Span { from_ms: Some(NOW - 24 * HOUR), to_ms: Some(NOW) })
        );
        assert_eq!(parse(None, None, None), Ok(Span::default()));
        assert_eq!(Span::default().range(), i64::MIN..i64::MAX);
        assert_eq!(parse(Some("7d"), None, Some("24h")), Err(SpanError::LastAndEdge));
        assert!(matches!(parse(None, None, Some("now")), Err(SpanError::Length { .. })));
        let empty = parse(Some("2026-10-02"), Some("2026-10-02"), None).unwrap_err();
        assert_eq!(
            empty.to_string(),
            "the span ends at 2026-10-02T00:00:00+02:00, which is not after its start 2026-10-02T00:00:00+02:00"
        );
    }

    #[test]
    fn spans_meet_or_do_not() {
        let span = |from_ms, to_ms| Span { from_ms, to_ms };
        let (early, late) = (span(None, Some(5)), span(Some(5), None));
        assert_eq!(early.intersection(late), None);
        assert_eq!(early.intersection(span(Some(3), Some(9))), Some(span(Some(3), Some(5))));
        assert_eq!(early.intersection(Span::default()), Some(early));
        assert_eq!(late.intersection(late), Some(late));
        assert_eq!([4, 5].map(|ms| (early.contains(ms), late.contains(ms))), [(true, false), (false, true)]);
        assert_eq!(fixed("2026-10-05T14:00", &berlin()), Some(1_791_201_600_000));
        assert_eq!(["now", "24h", "soon"].map(|text| fixed(text, &berlin())), [None; 3]);
    }

    #[test]
    fn spans_are_widened_to_whole_bins() {
        let span = Span { from_ms: Some(299_999), to_ms: Some(600_001) };
        assert_eq!(span.to_bins(), (Span { from_ms: Some(0), to_ms: Some(900_000) }, true));
        let whole = Span { from_ms: Some(300_000), to_ms: Some(600_000) };
        assert_eq!(whole.to_bins(), (whole, false));
        assert_eq!(Span::default().to_bins(), (Span::default(), false));
    }
}
