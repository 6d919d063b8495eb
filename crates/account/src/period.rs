//! Civil periods: a year, a month, a week, a day, as people in a zone count them.
//!
//! A month may begin on any day of billing (`day = 15`): the period is called after the month it begins in, and
//! a year is its twelve months. Days 29 to 31 clamp to the end of shorter months and return after, so that
//! periods follow each other without gap or overlap, always. All edges are first instants of civil days: a day
//! has 23 or 25 hours when the clocks change, and a week then 167 or 169.

use crate::zone::Zone;
use jiff::ToSpan;
use jiff::civil::{Date, ISOWeekDate, Weekday};
use std::fmt;

/// The first year a period may lie in: there was no NetFlow before.
const YEAR_MIN: i16 = 1970;

/// The last year a period may lie in; what follows still fits a four-digit year.
const YEAR_MAX: i16 = 9997;

/// Which stretch of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stretch {
    Year(i16),
    Month(i16, i8),
    Week(ISOWeekDate),
    Day(Date),
    /// From the first to the last of these days.
    Days(Date, Date),
}

/// A civil period in a zone: half-open, from its first instant to the first instant after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    stretch: Stretch,
    day: u8,
    zone: Zone,
    from_ms: i64,
    to_ms: i64,
}

/// A civil day, or the part of one that lies in a span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Day {
    /// The date, `2026-10-05`.
    pub date: String,
    /// Its first instant, ms since 1970.
    pub from_ms: i64,
    /// The first instant after it, ms since 1970.
    pub to_ms: i64,
}

/// Why there is no such period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeriodError {
    /// The text is none of the forms, or names what no calendar has.
    Text {
        /// The text as given.
        text: String,
    },
    /// The day of billing is not 1 to 31.
    Day {
        /// The day as given.
        day: u8,
    },
    /// The zone left this day out (Pacific/Apia, 2011-12-30).
    NoSuchDay {
        /// The day.
        date: String,
        /// The zone.
        zone: String,
    },
    /// Before 1970 or after 9997.
    Range {
        /// The period's name.
        text: String,
    },
}

impl fmt::Display for PeriodError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text { text } => write!(
                f,
                "\"{text}\" is no period: write a month 2026-10, a day 2026-10-05, days 2026-10-05..2026-10-18, a week \
                 2026-W41, a year 2026, or this, last, this-week, last-week, today, yesterday, this-year, last-year"
            ),
            Self::Day { day } => write!(f, "a period cannot begin on day {day} of a month: write 1 to 31"),
            Self::NoSuchDay { date, zone } => write!(f, "there was no {date} in {zone}"),
            Self::Range { text } => {
                write!(f, "period {text} lies outside of the years {YEAR_MIN} to {YEAR_MAX}")
            }
        }
    }
}

impl std::error::Error for PeriodError {}

impl Period {
    /// Reads `2026-10`, `2026-10-05`, `2026-10-05..2026-10-18` (to and with the second), `2026-W41` (ISO 8601 week, from
    /// Monday) or `2026`. Months and years begin on `day` of the month (1 to 31).
    ///
    /// # Errors
    /// See [`PeriodError`].
    pub fn parse(text: &str, zone: &Zone, day: u8) -> Result<Self, PeriodError> {
        let text = text.trim();
        let stretch = Stretch::parse(text).ok_or_else(|| PeriodError::Text { text: text.into() })?;
        Self::new(stretch, zone, day)
    }

    /// Reads what [`Period::parse`] reads, and the words that are about now: `this` and `last` month, `this-week`,
    /// `last-week`, `today`, `yesterday`, `this-year`, `last-year`.
    ///
    /// # Errors
    /// See [`PeriodError`].
    pub fn named(text: &str, zone: &Zone, day: u8, now_ms: i64) -> Result<Self, PeriodError> {
        let text = text.trim();
        let (is_last, stretch) = match text {
            "this" | "this-month" => (false, None),
            "last" | "last-month" => (true, None),
            "this-week" => (false, Some(Stretch::week as fn(Date) -> Stretch)),
            "last-week" => (true, Some(Stretch::week as fn(Date) -> Stretch)),
            "today" => (false, Some(Stretch::Day as fn(Date) -> Stretch)),
            "yesterday" => (true, Some(Stretch::Day as fn(Date) -> Stretch)),
            "this-year" | "last-year" => return Self::year_of(now_ms, zone, day, text == "last-year"),
            _ => return Self::parse(text, zone, day),
        };
        let now = match stretch {
            None => Self::month_of(now_ms, zone, day)?,
            Some(stretch) => {
                let date = zone.date(now_ms).ok_or_else(|| PeriodError::Range { text: text.into() })?;
                Self::new(stretch(date), zone, day)?
            }
        };
        if is_last { now.previous() } else { Ok(now) }
    }

    /// The year that an instant lies in, or the one before it. It is called after the year its first month lies in.
    fn year_of(ms: i64, zone: &Zone, day: u8, is_last: bool) -> Result<Self, PeriodError> {
        let month = Self::month_of(ms, zone, day)?;
        let Stretch::Month(year, _) = month.stretch else { return Ok(month) };
        let year = Self::new(Stretch::Year(year), zone, day)?;
        if is_last { year.previous() } else { Ok(year) }
    }

    /// The month period that an instant (ms since 1970) lies in.
    ///
    /// # Errors
    /// [`PeriodError::Range`] or [`PeriodError::Day`].
    pub fn month_of(ms: i64, zone: &Zone, day: u8) -> Result<Self, PeriodError> {
        let out_of_range = || PeriodError::Range { text: format!("of {ms} ms") };
        let date = zone.date(ms).ok_or_else(out_of_range)?;
        let month = Stretch::Month(date.year(), date.month());
        // Before the day of billing the month before still runs.
        let started = month.first_day(day).is_some_and(|first| first <= date);
        let stretch = if started { Some(month) } else { month.previous() };
        Self::new(stretch.ok_or_else(out_of_range)?, zone, day)
    }

    /// The civil day that an instant (ms since 1970) lies in.
    ///
    /// # Errors
    /// [`PeriodError::Range`].
    pub fn day_of(ms: i64, zone: &Zone) -> Result<Self, PeriodError> {
        let date = zone.date(ms).ok_or_else(|| PeriodError::Range { text: format!("of {ms} ms") })?;
        Self::new(Stretch::Day(date), zone, 1)
    }

    fn new(stretch: Stretch, zone: &Zone, day: u8) -> Result<Self, PeriodError> {
        if !(1..=31).contains(&day) {
            return Err(PeriodError::Day { day });
        }
        let out_of_range = || PeriodError::Range { text: stretch.to_string() };
        let edge = |stretch: Stretch| zone.first_instant(stretch.first_day(day)?);
        let from_ms = edge(stretch).ok_or_else(out_of_range)?;
        let to_ms = stretch.next().and_then(edge).ok_or_else(out_of_range)?;
        if from_ms == to_ms {
            return Err(PeriodError::NoSuchDay { date: stretch.to_string(), zone: zone.name().into() });
        }
        Ok(Self { stretch, day, zone: zone.clone(), from_ms, to_ms })
    }

    /// The period after this one, of the same kind. A day that the zone left out is passed over.
    ///
    /// # Errors
    /// [`PeriodError::Range`].
    pub fn next(&self) -> Result<Self, PeriodError> {
        self.step(Stretch::next)
    }

    /// The period before this one, of the same kind.
    ///
    /// # Errors
    /// [`PeriodError::Range`].
    pub fn previous(&self) -> Result<Self, PeriodError> {
        self.step(Stretch::previous)
    }

    fn step(&self, step: fn(Stretch) -> Option<Stretch>) -> Result<Self, PeriodError> {
        let mut at = self.stretch;
        loop {
            at = step(at).ok_or_else(|| PeriodError::Range { text: self.name() })?;
            match Self::new(at, &self.zone, self.day) {
                Err(PeriodError::NoSuchDay { .. }) => {}
                other => return other,
            }
        }
    }

    /// Its name: `2026-10`, `2026-10-05`, `2026-10-05..2026-10-18`, `2026-W41`, `2026`.
    #[must_use]
    pub fn name(&self) -> String {
        self.stretch.to_string()
    }

    /// Whether it is a month as bills have it, from the billing day on.
    #[must_use]
    pub fn is_billing_month(&self) -> bool {
        matches!(self.stretch, Stretch::Month(..))
    }

    /// Its first instant, ms since 1970.
    #[must_use]
    pub fn from_ms(&self) -> i64 {
        self.from_ms
    }

    /// The first instant after it, ms since 1970.
    #[must_use]
    pub fn to_ms(&self) -> i64 {
        self.to_ms
    }

    /// Its first instant, RFC 3339 with the zone's offset then.
    #[must_use]
    pub fn from(&self) -> String {
        self.zone.rfc3339(self.from_ms)
    }

    /// The first instant after it, RFC 3339 with the zone's offset then.
    #[must_use]
    pub fn to(&self) -> String {
        self.zone.rfc3339(self.to_ms)
    }

    /// The zone whose calendar it follows.
    #[must_use]
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// Whether an instant (ms since 1970) lies in it.
    #[must_use]
    pub fn contains(&self, ms: i64) -> bool {
        (self.from_ms..self.to_ms).contains(&ms)
    }

    /// Its civil days in order.
    #[must_use]
    pub fn days(&self) -> Vec<Day> {
        days(&self.zone, self.from_ms, self.to_ms)
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.stretch.fmt(f)
    }
}

/// The civil days in `[from_ms, to_ms)` in order, the first and last cut to the span. Days that the zone left
/// out are not among them. Outside of the years -9999 to 9999 there are none.
#[must_use]
pub fn days(zone: &Zone, from_ms: i64, to_ms: i64) -> Vec<Day> {
    let mut days = Vec::new();
    let mut date = zone.date(from_ms);
    let mut from = from_ms;
    while let Some(today) = date
        && from < to_ms
    {
        let tomorrow = today.tomorrow().ok();
        let end = tomorrow.and_then(|day| zone.first_instant(day)).map_or(to_ms, |end| end.min(to_ms));
        if from < end {
            days.push(Day { date: today.to_string(), from_ms: from, to_ms: end });
        }
        from = end;
        date = tomorrow;
    }
    days
}

impl Stretch {
    fn week(date: Date) -> Self {
        Self::Week(date.iso_week_date())
    }

    fn parse(text: &str) -> Option<Self> {
        if let Some((first, last)) = text.split_once("..") {
            let day = |text| match Self::parse(text)? {
                Self::Day(date) => Some(date),
                _ => None,
            };
            let (first, last) = (day(first)?, day(last)?);
            return (first <= last).then_some(Self::Days(first, last));
        }
        let mut parts = text.split('-');
        let year: i16 = digits(parts.next()?, 4)?;
        let stretch = match (parts.next(), parts.next(), parts.next()) {
            (None, ..) => Self::Year(year),
            (Some(second), None, _) => match second.strip_prefix(['W', 'w']) {
                Some(week) => Self::Week(ISOWeekDate::new(year, digits(week, 2)?, Weekday::Monday).ok()?),
                None => {
                    let month = digits(second, 2)?;
                    (1..=12).contains(&month).then_some(Self::Month(year, month))?
                }
            },
            (Some(month), Some(day), None) => {
                Self::Day(Date::new(year, digits(month, 2)?, digits(day, 2)?).ok()?)
            }
            _ => return None,
        };
        Some(stretch)
    }

    /// The first civil day, if it lies in the years that periods have.
    fn first_day(self, day: u8) -> Option<Date> {
        let first = match self {
            Self::Year(year) => clamped(year, 1, day)?,
            Self::Month(year, month) => clamped(year, month, day)?,
            Self::Week(week) => week.date(),
            Self::Day(date) | Self::Days(date, _) => date,
        };
        // One year past the last, for the end of the last period.
        (YEAR_MIN..=YEAR_MAX.saturating_add(1)).contains(&first.year()).then_some(first)
    }

    fn next(self) -> Option<Self> {
        Some(match self {
            Self::Year(year) => Self::Year(year.checked_add(1)?),
            Self::Month(year, 12) => Self::Month(year.checked_add(1)?, 1),
            Self::Month(year, month) => Self::Month(year, month.checked_add(1)?),
            Self::Week(week) => Self::Week(week.date().checked_add(1.week()).ok()?.iso_week_date()),
            Self::Day(date) => Self::Day(date.tomorrow().ok()?),
            Self::Days(first, last) => {
                let next = last.tomorrow().ok()?;
                Self::Days(next, next.checked_add(last.since(first).ok()?).ok()?)
            }
        })
    }

    fn previous(self) -> Option<Self> {
        Some(match self {
            Self::Year(year) => Self::Year(year.checked_sub(1)?),
            Self::Month(year, 1) => Self::Month(year.checked_sub(1)?, 12),
            Self::Month(year, month) => Self::Month(year, month.checked_sub(1)?),
            Self::Week(week) => Self::Week(week.date().checked_sub(1.week()).ok()?.iso_week_date()),
            Self::Day(date) => Self::Day(date.yesterday().ok()?),
            Self::Days(first, last) => {
                let before = first.yesterday().ok()?;
                Self::Days(before.checked_sub(last.since(first).ok()?).ok()?, before)
            }
        })
    }
}

impl fmt::Display for Stretch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Year(year) => write!(f, "{year:04}"),
            Self::Month(year, month) => write!(f, "{year:04}-{month:02}"),
            Self::Week(week) => write!(f, "{:04}-W{:02}", week.year(), week.week()),
            Self::Day(date) => write!(f, "{date}"),
            Self::Days(first, last) => write!(f, "{first}..{last}"),
        }
    }
}

/// The day of a month, or the month's last if it has fewer.
fn clamped(year: i16, month: i8, day: u8) -> Option<Date> {
    let first = Date::new(year, month, 1).ok()?;
    let day = i8::try_from(day).ok()?.min(first.days_in_month());
    Date::new(year, month, day).ok()
}

/// A number of exactly so many digits.
fn digits<T: std::str::FromStr>(text: &str, count: usize) -> Option<T> {
    (text.len() == count && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}
