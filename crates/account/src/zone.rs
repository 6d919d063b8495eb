//! A civil time zone, from the database that is compiled into the program: the same on every machine, whatever
//! the machine's own files say, so that a closed period stays as it is.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use std::fmt;

/// A zone of the IANA time zone database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    name: String,
    rules: TimeZone,
}

/// A text that names no zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownZone {
    /// The text as given.
    pub text: String,
    /// A zone that may be meant.
    pub suggestion: Option<String>,
}

impl fmt::Display for UnknownZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" is no time zone: ", self.text)?;
        match &self.suggestion {
            Some(zone) => write!(f, "did you mean \"{zone}\"?"),
            None => write!(f, "write a name of the IANA database, such as Europe/Berlin, or UTC"),
        }
    }
}

impl std::error::Error for UnknownZone {}

impl Default for Zone {
    fn default() -> Self {
        Self::utc()
    }
}

impl Zone {
    /// Coordinated universal time.
    #[must_use]
    pub fn utc() -> Self {
        Self { name: "UTC".into(), rules: TimeZone::UTC }
    }

    /// The zone of this name, in any case of letters: `Europe/Berlin`, `UTC`.
    ///
    /// # Errors
    /// [`UnknownZone`], with the zone whose city is given (`Berlin`) where there is one.
    pub fn parse(text: &str) -> Result<Self, UnknownZone> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("utc") || text.eq_ignore_ascii_case("z") {
            return Ok(Self::utc());
        }
        let database = TimeZoneDatabase::bundled();
        let Ok(rules) = database.get(text) else {
            return Err(UnknownZone { text: text.into(), suggestion: suggestion(&database, text) });
        };
        let name = rules.iana_name().unwrap_or(text).to_owned();
        Ok(Self { name, rules })
    }

    /// Its name in the database.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Local time less UTC at this instant, in ms; 0 for an instant that no calendar holds.
    #[must_use]
    pub fn offset_ms(&self, ms: i64) -> i64 {
        let instant = Timestamp::from_millisecond(ms);
        instant.map_or(0, |at| i64::from(self.rules.to_offset(at).seconds()).saturating_mul(1000))
    }

    /// When the clocks change in `[from_ms, to_ms)`: the instants in order, each with local time less UTC from then
    /// on, all in ms. What holds before the first is [`Zone::offset_ms`]'s.
    #[must_use]
    pub fn changes(&self, from_ms: i64, to_ms: i64) -> Vec<(i64, i64)> {
        let Ok(from) = Timestamp::from_millisecond(from_ms) else { return Vec::new() };
        let following = self.rules.following(from).take_while(|at| at.timestamp().as_millisecond() < to_ms);
        following
            .map(|at| {
                (at.timestamp().as_millisecond(), i64::from(at.offset().seconds()).saturating_mul(1000))
            })
            .collect()
    }

    /// The instant as RFC 3339 with the offset that holds then: `2026-10-01T00:00:00+02:00`. Empty for an
    /// instant outside of the years -9999 to 9999.
    #[must_use]
    pub fn rfc3339(&self, ms: i64) -> String {
        let Ok(instant) = Timestamp::from_millisecond(ms) else { return String::new() };
        instant.display_with_offset(self.rules.to_offset(instant)).to_string()
    }

    /// The civil date at an instant: `2026-10-01`. Empty where [`Zone::rfc3339`] is.
    #[must_use]
    pub fn date_text(&self, ms: i64) -> String {
        self.date(ms).map_or_else(String::new, |date| date.to_string())
    }

    /// An edge of a span: the date where a civil day begins, else as [`Zone::rfc3339`] has it. Read in this zone it is
    /// the same instant again.
    #[must_use]
    pub fn edge_text(&self, ms: i64) -> String {
        match self.date(ms) {
            Some(date) if self.first_instant(date) == Some(ms) => date.to_string(),
            _ => self.rfc3339(ms),
        }
    }

    /// The first instant of the civil day in another zone that has the date of this instant here, ms since 1970. `None`
    /// outside of the years -9999 to 9999.
    #[must_use]
    pub fn same_date_in(&self, other: &Self, ms: i64) -> Option<i64> {
        other.first_instant(self.date(ms)?)
    }

    /// The civil time at an instant, if it is within jiff's range.
    pub(crate) fn datetime(&self, ms: i64) -> Option<DateTime> {
        Some(self.rules.to_datetime(Timestamp::from_millisecond(ms).ok()?))
    }

    pub(crate) fn date(&self, ms: i64) -> Option<Date> {
        self.datetime(ms).map(DateTime::date)
    }

    pub(crate) fn rules(&self) -> &TimeZone {
        &self.rules
    }

    /// The first instant of a civil day, ms since 1970. Midnight where there is one; the earlier where the
    /// clocks go back over it; where they go forward over it, the instant they do. A day that a zone left out
    /// begins (and ends) where the next one begins.
    pub(crate) fn first_instant(&self, date: Date) -> Option<i64> {
        let midnight = date.at(0, 0, 0, 0);
        let instant = match self.rules.to_ambiguous_timestamp(midnight).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(midnight).ok()?,
            AmbiguousOffset::Fold { before, .. } => before.to_timestamp(midnight).ok()?,
            AmbiguousOffset::Gap { after, .. } => {
                // With the later offset, a time within the gap is an instant before the change.
                let earlier = after.to_timestamp(midnight).ok()?;
                self.rules.following(earlier).next()?.timestamp()
            }
        };
        Some(instant.as_millisecond())
    }
}

/// The zone whose last part is this text, spaces for underscores.
fn suggestion(database: &TimeZoneDatabase, text: &str) -> Option<String> {
    let wanted = text.replace(' ', "_");
    let city = wanted.rsplit('/').next().unwrap_or(&wanted);
    database
        .available()
        .map(|name| name.as_str().to_owned())
        .find(|name| name.rsplit('/').next().is_some_and(|last| last.eq_ignore_ascii_case(city)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn zones_are_found_or_suggested() {
        assert_eq!(Zone::parse("europe/berlin").unwrap().name(), "Europe/Berlin");
        assert_eq!(Zone::parse("UTC").unwrap(), Zone::utc());
        assert_eq!(
            Zone::parse("Berlin").unwrap_err().to_string(),
            "\"Berlin\" is no time zone: did you mean \"Europe/Berlin\"?"
        );
        assert_eq!(
            Zone::parse("US/Los Angeles").unwrap_err().suggestion.as_deref(),
            Some("America/Los_Angeles")
        );
        assert_eq!(Zone::parse("Nowhere").unwrap_err().suggestion, None);
        assert!(Zone::parse("").is_err());
    }

    #[test]
    fn instants_are_written_with_the_offset_of_the_day() {
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        // 2026-10-25T01:00:00Z is the end of summer time.
        assert_eq!(berlin.rfc3339(1_792_890_000_000), "2026-10-25T02:00:00+01:00");
        assert_eq!(berlin.rfc3339(1_792_889_999_000), "2026-10-25T02:59:59+02:00");
        assert_eq!(Zone::utc().rfc3339(0), "1970-01-01T00:00:00+00:00");
        assert_eq!(Zone::utc().rfc3339(i64::MAX), "");
        assert_eq!(berlin.date_text(1_792_889_999_000), "2026-10-25");
    }

    #[test]
    fn changes_of_the_offset_are_those_of_the_clocks() {
        let hour = 3_600_000;
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        // 2026-03-29T01:00Z and 2026-10-25T01:00Z.
        let (spring, autumn) = (1_774_746_000_000, 1_792_890_000_000);
        let year = 1_767_225_600_000..1_798_761_600_000;
        let changes: Vec<_> = berlin.changes(year.start, year.end);
        assert_eq!(changes, [(spring, 2 * hour), (autumn, hour)]);
        assert_eq!(Zone::utc().changes(year.start, year.end), []);
        // As far as anybody asks, for every zone with rules: the last change before an instant says its offset.
        for name in ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"] {
            let zone = Zone::parse(name).unwrap();
            let changes: Vec<_> = zone.changes(0, 7_258_118_400_000);
            for ms in (0..7_258_118_400_000).step_by(86_399_999_999) {
                let last =
                    changes.iter().rev().find(|(at, _)| *at <= ms).map_or(zone.offset_ms(0), |(_, o)| *o);
                assert_eq!(last, zone.offset_ms(ms), "{name} at {ms}");
            }
        }
    }

    fn first(zone: &str, day: Date) -> String {
        let zone = Zone::parse(zone).unwrap();
        zone.rfc3339(zone.first_instant(day).unwrap())
    }

    #[test]
    fn days_begin_at_their_first_instant() {
        assert_eq!(first("Europe/Berlin", date(2026, 3, 29)), "2026-03-29T00:00:00+01:00");
        // Clocks go forward at midnight: the day begins at one.
        assert_eq!(first("America/Sao_Paulo", date(2017, 10, 15)), "2017-10-15T01:00:00-02:00");
        assert_eq!(first("Asia/Beirut", date(2022, 3, 27)), "2022-03-27T01:00:00+03:00");
        // Clocks go back over midnight, from 1:00 to 0:00: the earlier midnight.
        assert_eq!(first("America/Havana", date(2022, 11, 6)), "2022-11-06T00:00:00-04:00");
        // A gap that begins before midnight: 1919-03-30 23:30 became 00:30.
        assert_eq!(first("America/Toronto", date(1919, 3, 31)), "1919-03-31T00:30:00-04:00");
        // A day that Samoa never had begins where the next one begins.
        assert_eq!(first("Pacific/Apia", date(2011, 12, 30)), first("Pacific/Apia", date(2011, 12, 31)));
    }
}
