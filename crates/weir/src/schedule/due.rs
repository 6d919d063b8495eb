//! When the jobs of a schedule are due, in civil time.
//!
//! A job is due at its time of the day, or when its period has been over for as long as late records are waited for,
//! whichever is later. What was missed while the daemon was down is found by looking from what was done last: each period
//! that was missed is due once, however many times of the day went by.

use crate::config::Schedule;
use crate::exit::{Failure, Outcome};
use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ToSpan};
use weir_account::{Period, Zone};

/// Periods that are caught up after a long time, the newest.
pub(super) const CATCH_UP_MAX: usize = 12;
const DAY_MS: i64 = 86_400_000;
/// As far back as is looked: a leap year and as long as may be waited for.
const BACK_MS: i64 = (366 + 32) * DAY_MS;

/// A job that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Due {
    /// Since when, ms since 1970.
    pub(crate) at_ms: i64,
    /// What it is to be done of.
    pub(crate) period: Period,
}

/// What is due of a schedule at `now_ms` and was not at `done_ms` (both ms since 1970), oldest first; of each period once.
///
/// # Errors
/// The times lie outside of the calendar.
pub(crate) fn due(schedule: &Schedule, zone: &Zone, day: u8, done_ms: i64, now_ms: i64) -> Outcome<Vec<Due>> {
    let from_ms = done_ms.max(now_ms.saturating_sub(BACK_MS));
    let mut found = match schedule.on {
        None => by_end(schedule, zone, day, from_ms, now_ms)?,
        Some(_) => by_clock(schedule, zone, day, from_ms, now_ms)?,
    };
    found.retain(|due| due.at_ms > done_ms && due.at_ms <= now_ms);
    let mut periods: Vec<Due> = Vec::new();
    for due in found {
        match periods.iter_mut().find(|known| known.period == due.period) {
            Some(known) => known.at_ms = known.at_ms.max(due.at_ms),
            None => periods.push(due),
        }
    }
    let missed = periods.len().saturating_sub(CATCH_UP_MAX);
    Ok(periods.split_off(missed))
}

/// When something is due next after `now_ms`, ms since 1970: of what was not done until `done_ms`, at once.
///
/// # Errors
/// As [`due`].
pub(crate) fn next_ms(
    schedule: &Schedule,
    zone: &Zone,
    day: u8,
    done_ms: i64,
    now_ms: i64,
) -> Outcome<Option<i64>> {
    if !due(schedule, zone, day, done_ms, now_ms)?.is_empty() {
        return Ok(Some(now_ms));
    }
    // Of a day, a week, a month or a year, each with what is waited.
    for days in [2, 9, 64, 400] {
        let until_ms = now_ms.saturating_add(days * DAY_MS);
        if let Some(first) = due(schedule, zone, day, now_ms.max(done_ms), until_ms)?.first() {
            return Ok(Some(first.at_ms));
        }
    }
    Ok(None)
}

/// As soon as each period is over for long enough.
fn by_end(schedule: &Schedule, zone: &Zone, day: u8, from_ms: i64, now_ms: i64) -> Outcome<Vec<Due>> {
    let mut period = period(schedule, zone, day, now_ms)?;
    let mut found = Vec::new();
    loop {
        let at_ms = period.to_ms().saturating_add(schedule.after_ms);
        if at_ms <= from_ms {
            break;
        }
        let before = period.previous().map_err(|error| Failure::new(error.to_string()))?;
        found.push(Due { at_ms, period: std::mem::replace(&mut period, before) });
    }
    found.reverse();
    Ok(found)
}

/// At a time of the day, of the last period then.
fn by_clock(schedule: &Schedule, zone: &Zone, day: u8, from_ms: i64, now_ms: i64) -> Outcome<Vec<Due>> {
    let rules = rules(zone);
    let first = civil(&rules, from_ms.saturating_sub(schedule.after_ms).saturating_sub(DAY_MS))?;
    let last = civil(&rules, now_ms)?;
    let mut found = Vec::new();
    let mut date = first;
    while date <= last {
        if let Some(clock_ms) = on(schedule, &rules, date) {
            let period = period(schedule, zone, day, clock_ms)?;
            let at_ms = clock_ms.max(period.to_ms().saturating_add(schedule.after_ms));
            found.push(Due { at_ms, period });
        }
        let Ok(next) = date.checked_add(1.day()) else { break };
        date = next;
    }
    Ok(found)
}

fn period(schedule: &Schedule, zone: &Zone, day: u8, at_ms: i64) -> Outcome<Period> {
    Period::named(&schedule.period, zone, day, at_ms).map_err(|error| Failure::new(error.to_string()))
}

/// The instant of a schedule's time on a day, if it is one of its days, ms since 1970. Where the clocks leave it out it is as
/// much later as they go forward; where they show it twice it is the first time.
fn on(schedule: &Schedule, rules: &TimeZone, date: Date) -> Option<i64> {
    let on = schedule.on.filter(|on| on.is_day(date))?;
    let instant = rules.to_ambiguous_timestamp(date.at(on.hour, on.minute, 0, 0)).compatible().ok()?;
    Some(instant.as_millisecond())
}

fn rules(zone: &Zone) -> TimeZone {
    TimeZoneDatabase::bundled().get(zone.name()).unwrap_or(TimeZone::UTC)
}

fn civil(rules: &TimeZone, ms: i64) -> Outcome<Date> {
    let instant = Timestamp::from_millisecond(ms).map_err(|error| Failure::new(error.to_string()))?;
    Ok(rules.to_datetime(instant).date())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn schedule(lines: &str) -> Schedule {
        let text = format!("[[schedule]]\ndo = \"close\"\n{lines}\n");
        crate::config::read(&text).unwrap().schedules.remove(0)
    }

    fn zone(name: &str) -> Zone {
        Zone::parse(name).unwrap()
    }

    fn ms(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    /// What is due of a schedule between two instants in a zone, as texts.
    fn found(lines: &str, name: &str, from: &str, to: &str) -> Vec<(String, String)> {
        let zone = zone(name);
        let due = due(&schedule(lines), &zone, 1, ms(from), ms(to)).unwrap();
        due.into_iter().map(|due| (zone.rfc3339(due.at_ms), due.period.name())).collect()
    }

    fn expect(found: &[(String, String)], expected: &[(&str, &str)]) {
        let found: Vec<(&str, &str)> =
            found.iter().map(|(at, period)| (at.as_str(), period.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn on_the_first_of_the_month_by_the_clock_of_the_zone() {
        let lines = "period = \"last\"\non = \"1st 06:00\"";
        expect(
            &found(lines, "Europe/Berlin", "2026-10-15T00:00:00Z", "2026-11-01T05:00:00Z"),
            &[("2026-11-01T06:00:00+01:00", "2026-10")],
        );
        expect(&found(lines, "Europe/Berlin", "2026-10-15T00:00:00Z", "2026-11-01T04:59:59Z"), &[]);
        // Done then is done.
        expect(&found(lines, "Europe/Berlin", "2026-11-01T05:00:00Z", "2026-11-30T00:00:00Z"), &[]);
        // Three months of downtime: three periods, each once.
        expect(
            &found(lines, "Europe/Berlin", "2026-08-15T00:00:00Z", "2026-11-20T00:00:00Z"),
            &[
                ("2026-09-01T06:00:00+02:00", "2026-08"),
                ("2026-10-01T06:00:00+02:00", "2026-09"),
                ("2026-11-01T06:00:00+01:00", "2026-10"),
            ],
        );
    }

    #[test]
    fn late_records_are_waited_for() {
        let both = "period = \"last\"\non = \"1st 06:00\"\nafter = \"12h\"";
        expect(
            &found(both, "UTC", "2026-10-15T00:00:00Z", "2026-11-02T00:00:00Z"),
            &[("2026-11-01T12:00:00+00:00", "2026-10")],
        );
        expect(&found(both, "UTC", "2026-10-15T00:00:00Z", "2026-11-01T11:59:59Z"), &[]);
        // Asked for while it is waited.
        expect(
            &found(both, "UTC", "2026-11-01T07:00:00Z", "2026-11-02T00:00:00Z"),
            &[("2026-11-01T12:00:00+00:00", "2026-10")],
        );
        let only = "period = \"yesterday\"\nafter = \"90m\"";
        expect(
            &found(only, "Asia/Kolkata", "2026-10-05T00:00:00Z", "2026-10-06T21:00:00Z"),
            &[("2026-10-06T01:30:00+05:30", "2026-10-05"), ("2026-10-07T01:30:00+05:30", "2026-10-06")],
        );
    }

    #[test]
    fn the_next_time_is_known_before() {
        let next = |lines: &str, now: &str| {
            let zone = zone("Europe/Berlin");
            let next = next_ms(&schedule(lines), &zone, 1, ms(now), ms(now)).unwrap();
            next.map(|ms| zone.rfc3339(ms)).unwrap()
        };
        let now = "2026-11-22T12:00:00Z";
        assert_eq!(next("period = \"last\"\non = \"1st 06:00\"", now), "2026-12-01T06:00:00+01:00");
        assert_eq!(next("period = \"last-week\"\non = \"monday 06:00\"", now), "2026-11-23T06:00:00+01:00");
        assert_eq!(next("period = \"yesterday\"\nafter = \"6h\"", now), "2026-11-23T06:00:00+01:00");
        assert_eq!(next("period = \"last-year\"\nafter = \"10d\"", now), "2027-01-11T00:00:00+01:00");
    }

    #[test]
    fn clocks_that_change() {
        // 02:30 is left out on the 29th of March, and comes twice on the 25th of October.
        let daily = "period = \"yesterday\"\non = \"02:30\"";
        expect(
            &found(daily, "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z"),
            &[("2026-03-29T03:30:00+02:00", "2026-03-28")],
        );
        expect(
            &found(daily, "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z"),
            &[("2026-10-25T02:30:00+02:00", "2026-10-24")],
        );
        // A day that Samoa never had.
        expect(
            &found(
                "period = \"yesterday\"\non = \"06:00\"",
                "Pacific/Apia",
                "2011-12-29T18:00:00Z",
                "2011-12-30T18:00:00Z",
            ),
            &[("2011-12-31T06:00:00+14:00", "2011-12-29")],
        );
    }

    #[test]
    fn more_often_than_the_period_ends_is_once_a_period() {
        // Every day, of the last month: 31 times of the day, one period.
        expect(
            &found(
                "period = \"last\"\non = \"06:00\"",
                "UTC",
                "2026-11-02T00:00:00Z",
                "2026-11-20T12:00:00Z",
            ),
            &[("2026-11-20T06:00:00+00:00", "2026-10")],
        );
        // Two years of days: the newest are caught up.
        let days = found(
            "period = \"yesterday\"\non = \"06:00\"",
            "UTC",
            "2024-01-01T00:00:00Z",
            "2026-01-01T12:00:00Z",
        );
        assert_eq!(days.len(), CATCH_UP_MAX);
        assert_eq!(days.last().unwrap().1, "2025-12-31");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        /// However often it is looked and whatever the pauses, each month is found exactly once, in order.
        #[test]
        fn nothing_is_missed_and_nothing_comes_twice(
            pauses in proptest::collection::vec(1i64..40 * DAY_MS, 1..40),
            lines in proptest::sample::select(vec![
                "on = \"1st 06:00\"", "on = \"31st 23:59\"", "after = \"6h\"", "on = \"15th 00:00\"\nafter = \"20d\"",
                "on = \"monday 06:00\"\nafter = \"3d\"",
            ]),
            name in proptest::sample::select(vec!["Europe/Berlin", "America/St_Johns", "Asia/Kolkata", "Pacific/Apia"]),
            day in 1u8..=31,
        ) {
            let (schedule, zone) = (schedule(&format!("period = \"last\"\n{lines}")), zone(name));
            let (mut done_ms, mut now_ms) = (ms("2011-06-15T00:00:00Z"), ms("2011-06-15T00:00:00Z"));
            let mut periods: Vec<Period> = Vec::new();
            for pause in pauses {
                now_ms += pause;
                for one in due(&schedule, &zone, day, done_ms, now_ms).unwrap() {
                    prop_assert!(one.at_ms > done_ms && one.at_ms <= now_ms);
                    prop_assert!(one.period.to_ms() + schedule.after_ms <= one.at_ms);
                    done_ms = one.at_ms;
                    // A schedule of every week does the month it did before, which is idempotent.
                    if periods.last() != Some(&one.period) {
                        if let Some(last) = periods.last() {
                            prop_assert_eq!(last.next().unwrap(), one.period.clone());
                        }
                        periods.push(one.period);
                    }
                }
            }
        }
    }
}
