//! Civil periods against calendars that are known: hours of days when clocks change, half-hour zones, midnights
//! that do not exist, and the days of billing that some months do not have.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use proptest::prelude::*;
use weir_account::period::{PeriodError, days};
use weir_account::{Period, Zone};

const HOUR: i64 = 3_600_000;

fn zone(name: &str) -> Zone {
    Zone::parse(name).unwrap()
}

fn period(text: &str, zone_name: &str, day: u8) -> Period {
    Period::parse(text, &zone(zone_name), day).unwrap()
}

/// From, to and the length in hours.
fn edges(text: &str, zone_name: &str, day: u8) -> (String, String, i64) {
    let period = period(text, zone_name, day);
    assert_eq!((period.to_ms() - period.from_ms()) % (HOUR / 2), 0);
    (period.from(), period.to(), (period.to_ms() - period.from_ms()) / HOUR)
}

fn expect(from: &str, to: &str, hours: i64) -> (String, String, i64) {
    (from.into(), to.into(), hours)
}

#[test]
fn october_in_berlin_has_an_hour_more() {
    assert_eq!(
        edges("2026-10", "Europe/Berlin", 1),
        expect("2026-10-01T00:00:00+02:00", "2026-11-01T00:00:00+01:00", 31 * 24 + 1)
    );
    let october = period("2026-10", "Europe/Berlin", 1);
    // 2026-09-30T22:00Z and 2026-10-31T23:00Z, from a calendar.
    assert_eq!((october.from_ms(), october.to_ms()), (1_790_805_600_000, 1_793_487_600_000));
    let hours: Vec<i64> = october.days().iter().map(|d| (d.to_ms - d.from_ms) / HOUR).collect();
    assert_eq!(hours.len(), 31);
    assert_eq!(hours[24], 25);
    assert_eq!(hours.iter().filter(|h| **h == 24).count(), 30);
    assert_eq!(october.days()[24].date, "2026-10-25");
}

#[test]
fn days_have_23_24_or_25_hours() {
    assert_eq!(
        edges("2026-03-29", "Europe/Berlin", 1),
        expect("2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00", 23)
    );
    assert_eq!(
        edges("2026-10-25", "Europe/Berlin", 1),
        expect("2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00", 25)
    );
    assert_eq!(
        edges("2026-10-25", "UTC", 1),
        expect("2026-10-25T00:00:00+00:00", "2026-10-26T00:00:00+00:00", 24)
    );
    // Half an hour beside the hour, with summer time.
    assert_eq!(
        edges("2026-03-08", "America/St_Johns", 1),
        expect("2026-03-08T00:00:00-03:30", "2026-03-09T00:00:00-02:30", 23)
    );
    // In 2010 the clocks there changed at one minute past midnight.
    assert_eq!(
        edges("2010-11-07", "America/St_Johns", 1),
        expect("2010-11-07T00:00:00-02:30", "2010-11-08T00:00:00-03:30", 25)
    );
    assert_eq!(
        edges("2026-10", "Asia/Kolkata", 1),
        expect("2026-10-01T00:00:00+05:30", "2026-11-01T00:00:00+05:30", 744)
    );
    // Lord Howe moves by half an hour.
    let day = period("2026-10-04", "Australia/Lord_Howe", 1);
    assert_eq!((day.to_ms() - day.from_ms()) * 2 / HOUR, 47);
}

#[test]
fn a_day_without_midnight_begins_at_its_first_instant() {
    assert_eq!(
        edges("2017-10-15", "America/Sao_Paulo", 1),
        expect("2017-10-15T01:00:00-02:00", "2017-10-16T00:00:00-02:00", 23)
    );
    assert_eq!(
        edges("2022-03-27", "Asia/Beirut", 1),
        expect("2022-03-27T01:00:00+03:00", "2022-03-28T00:00:00+03:00", 23)
    );
    // A month that begins on such a day of billing.
    assert_eq!(
        edges("2017-10", "America/Sao_Paulo", 15),
        expect("2017-10-15T01:00:00-02:00", "2017-11-15T00:00:00-02:00", 31 * 24 - 1)
    );
    // Clocks go back at midnight: the day before has the hour twice.
    assert_eq!(
        edges("2018-02-17", "America/Sao_Paulo", 1),
        expect("2018-02-17T00:00:00-02:00", "2018-02-18T00:00:00-03:00", 25)
    );
}

#[test]
fn a_day_that_a_zone_left_out_is_none() {
    assert_eq!(
        Period::parse("2011-12-30", &zone("Pacific/Apia"), 1),
        Err(PeriodError::NoSuchDay { date: "2011-12-30".into(), zone: "Pacific/Apia".into() })
    );
    let before = period("2011-12-29", "Pacific/Apia", 1);
    assert_eq!(before.next().unwrap().name(), "2011-12-31");
    assert_eq!(before.next().unwrap().previous().unwrap(), before);
    assert_eq!(period("2011-12", "Pacific/Apia", 1).days().len(), 30);
}

#[test]
fn the_day_of_billing_clamps_and_returns() {
    let mut month = period("2026-01", "Europe/Berlin", 31);
    let mut starts = Vec::new();
    for _ in 0..6 {
        starts.push(month.from());
        month = month.next().unwrap();
    }
    assert_eq!(
        starts,
        [
            "2026-01-31T00:00:00+01:00",
            "2026-02-28T00:00:00+01:00",
            "2026-03-31T00:00:00+02:00",
            "2026-04-30T00:00:00+02:00",
            "2026-05-31T00:00:00+02:00",
            "2026-06-30T00:00:00+02:00",
        ]
    );
    assert_eq!(period("2028-02", "UTC", 30).from(), "2028-02-29T00:00:00+00:00");
    assert_eq!(period("2026-02", "UTC", 29).from(), "2026-02-28T00:00:00+00:00");
    assert_eq!(
        edges("2026", "UTC", 15),
        expect("2026-01-15T00:00:00+00:00", "2027-01-15T00:00:00+00:00", 365 * 24)
    );
    assert_eq!(Period::parse("2026-10", &zone("UTC"), 0), Err(PeriodError::Day { day: 0 }));
    assert_eq!(Period::parse("2026-10", &zone("UTC"), 32), Err(PeriodError::Day { day: 32 }));
}

#[test]
fn weeks_are_those_of_iso_8601() {
    assert_eq!(
        edges("2026-W41", "Europe/Berlin", 1),
        expect("2026-10-05T00:00:00+02:00", "2026-10-12T00:00:00+02:00", 168)
    );
    assert_eq!(
        edges("2026-W43", "Europe/Berlin", 1),
        expect("2026-10-19T00:00:00+02:00", "2026-10-26T00:00:00+01:00", 169)
    );
    assert_eq!(
        edges("2026-W53", "UTC", 1),
        expect("2026-12-28T00:00:00+00:00", "2027-01-04T00:00:00+00:00", 168)
    );
    assert_eq!(period("2026-W53", "UTC", 1).next().unwrap().name(), "2027-W01");
    assert_eq!(period("2027-W01", "UTC", 1).previous().unwrap().name(), "2026-W53");
    assert!(Period::parse("2027-W53", &zone("UTC"), 1).is_err());
}

#[test]
fn names_are_read_and_printed() {
    for text in [
        "2026",
        "2026-10",
        "2026-10-05",
        "2026-10-05..2026-10-18",
        "2026-10-05..2026-10-05",
        "2026-W41",
        "1970",
        "9997-12-31",
    ] {
        assert_eq!(period(text, "Europe/Berlin", 1).name(), text);
    }
    let utc = zone("UTC");
    for text in [
        "",
        "26-10",
        "2026-1",
        "2026-13",
        "2026-00",
        "2026-02-29",
        "2026-10-05-01",
        "2026-W1",
        "2026-W00",
        "+026",
        "2026-W-1",
        "x",
    ] {
        assert_eq!(Period::parse(text, &utc, 1), Err(PeriodError::Text { text: text.into() }), "{text}");
    }
    for text in ["1969-12-31", "9999", "0000"] {
        assert_eq!(Period::parse(text, &utc, 1), Err(PeriodError::Range { text: text.into() }), "{text}");
    }
    assert_eq!(
        Period::parse("October", &utc, 1).unwrap_err().to_string(),
        "\"October\" is no period: write a month 2026-10, a day 2026-10-05, days 2026-10-05..2026-10-18, a week \
         2026-W41, a year 2026, or this, last, this-week, last-week, today, yesterday, this-year, last-year"
    );
}

#[test]
fn days_of_ones_own_choice_follow_each_other() {
    // Fourteen days with the hour that came twice: from the 19th of October to and with the 1st of November.
    let fortnight = period("2026-10-19..2026-11-01", "Europe/Berlin", 1);
    assert_eq!(
        (fortnight.from(), fortnight.to(), fortnight.days().len()),
        ("2026-10-19T00:00:00+02:00".into(), "2026-11-02T00:00:00+01:00".into(), 14)
    );
    assert_eq!(fortnight.to_ms() - fortnight.from_ms(), (14 * 24 + 1) * 3_600_000);
    assert_eq!(fortnight.next().unwrap().name(), "2026-11-02..2026-11-15");
    assert_eq!(fortnight.previous().unwrap().name(), "2026-10-05..2026-10-18");
    assert_eq!(fortnight.next().unwrap().from_ms(), fortnight.to_ms());
    for wrong in [
        "2026-10-05..2026-10-04",
        "2026-10-05..",
        "..2026-10-05",
        "2026-10..2026-11",
        "2026-10-05..2026-10-06..2026-10-07",
    ] {
        assert!(Period::parse(wrong, &zone("UTC"), 1).is_err(), "{wrong}");
    }
}

#[test]
fn words_are_about_now() {
    // 2026-10-04 00:30 in Berlin, a Sunday: still the 3rd in UTC, and in Berlin still the month that began on the 15th of
    // September.
    let now = 1_791_066_600_000;
    assert_eq!(zone("Europe/Berlin").rfc3339(now), "2026-10-04T00:30:00+02:00");
    let named = |text, zone_name, day| Period::named(text, &zone(zone_name), day, now).unwrap().name();
    let words =
        ["this", "last", "this-week", "last-week", "today", "yesterday", "this-year", "last-year", "2026-08"];
    let expected =
        ["2026-10", "2026-09", "2026-W40", "2026-W39", "2026-10-04", "2026-10-03", "2026", "2025", "2026-08"];
    assert_eq!(words.map(|text| named(text, "Europe/Berlin", 1)), expected);
    assert_eq!(
        (named("this", "Europe/Berlin", 15), named("last", "Europe/Berlin", 15)),
        ("2026-09".into(), "2026-08".into())
    );
    assert_eq!(named("today", "UTC", 1), "2026-10-03");
    assert!(Period::named("next", &zone("UTC"), 1, now).is_err());
}

#[test]
fn the_month_of_an_instant_knows_the_day_of_billing() {
    let berlin = zone("Europe/Berlin");
    let month = |ms, day| Period::month_of(ms, &berlin, day).unwrap().name();
    let october = period("2026-10", "Europe/Berlin", 1);
    assert_eq!(month(october.from_ms(), 1), "2026-10");
    assert_eq!(month(october.from_ms() - 1, 1), "2026-09");
    assert_eq!(month(october.from_ms(), 15), "2026-09");
    let march = period("2026-03", "Europe/Berlin", 31);
    assert_eq!(month(march.from_ms(), 31), "2026-03");
    assert_eq!(month(march.from_ms() - 1, 31), "2026-02");
    assert_eq!(Period::day_of(october.from_ms() - 1, &berlin).unwrap().name(), "2026-09-30");
}

#[test]
fn days_of_a_span_are_cut_to_it() {
    let berlin = zone("Europe/Berlin");
    let day = period("2026-10-25", "Europe/Berlin", 1);
    let cut = days(&berlin, day.from_ms() - HOUR, day.to_ms() + 2 * HOUR);
    let hours: Vec<_> = cut.iter().map(|d| (d.date.as_str(), (d.to_ms - d.from_ms) / HOUR)).collect();
    assert_eq!(hours, [("2026-10-24", 1), ("2026-10-25", 25), ("2026-10-26", 2)]);
    assert!(days(&berlin, 5, 5).is_empty() && days(&berlin, 6, 5).is_empty());
}

/// Zones with every kind of oddity.
const ZONES: [&str; 10] = [
    "UTC",
    "Europe/Berlin",
    "America/St_Johns",
    "America/Sao_Paulo",
    "Asia/Beirut",
    "Asia/Kolkata",
    "Asia/Tehran",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Africa/Casablanca",
];

proptest! {
    /// Whatever the zone and the day of billing, periods follow each other without gap or overlap, and an
    /// instant lies in the one that `month_of` names.
    #[test]
    fn periods_tile_time(zone_at in 0..ZONES.len(), year in 1972i32..2060, month in 1i32..=12, day in 1u8..=31,
                         within in 0i64..1_000) {
        let zone = zone(ZONES[zone_at]);
        let this = Period::parse(&format!("{year:04}-{month:02}"), &zone, day).unwrap();
        let next = this.next().unwrap();
        prop_assert_eq!(this.to_ms(), next.from_ms());
        prop_assert_eq!(&next.previous().unwrap(), &this);
        prop_assert!((27 * 24 * HOUR..32 * 24 * HOUR).contains(&(this.to_ms() - this.from_ms())));
        // Bins are whole within periods.
        prop_assert_eq!(this.from_ms() % 300_000, 0);
        let at = this.from_ms() + (this.to_ms() - this.from_ms() - 1) / 999 * within;
        prop_assert_eq!(&Period::month_of(at, &zone, day).unwrap(), &this);
        prop_assert!(this.contains(at) && !next.contains(at));
        // Its days are its parts.
        let days = this.days();
        prop_assert_eq!(days.first().unwrap().from_ms, this.from_ms());
        prop_assert_eq!(days.last().unwrap().to_ms, this.to_ms());
        prop_assert!(days.windows(2).all(|pair| pair[0].to_ms == pair[1].from_ms));
        for day in &days {
            prop_assert_eq!(Period::parse(&day.date, &zone, 1).unwrap().from_ms(), day.from_ms);
        }
    }
}
