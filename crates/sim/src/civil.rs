//! Civil days in zones, from a table of their own: when the clocks changed in 2026, by the laws of the places.

use weir_account::period::Period;
use weir_account::zone::Zone;

/// A zone: its name, its offset in minutes at the beginning of 2026, and its changes in 2026: when (ms since
/// 1970), and the offset from then on.
type Rule = (&'static str, i64, &'static [(i64, i64)]);

const ZONES: [Rule; 5] = [
    // 29 March 01:00 and 25 October 01:00 UTC.
    ("Europe/Berlin", 60, &[(1_774_746_000_000, 120), (1_792_890_000_000, 60)]),
    // 8 March 07:00 and 1 November 06:00 UTC: two o'clock on the wall.
    ("America/New_York", -300, &[(1_772_953_200_000, -240), (1_793_512_800_000, -300)]),
    ("Asia/Kolkata", 330, &[]),
    // By half an hour: 4 April 15:00 and 3 October 15:30 UTC.
    ("Australia/Lord_Howe", 660, &[(1_775_314_800_000, 630), (1_791_041_400_000, 660)]),
    ("UTC", 0, &[]),
];

/// Moments near which worlds begin: a new year, and the hours before clocks change.
pub(crate) const BEGINS_MS: [i64; 7] = [
    1_767_225_600_000,
    1_774_746_000_000,
    1_792_890_000_000,
    1_772_953_200_000,
    1_793_512_800_000,
    1_775_314_800_000,
    1_791_041_400_000,
];

const DAY_MS: i64 = 86_400_000;

fn offset_ms(rule: &Rule, at: i64) -> i64 {
    let minutes = rule.2.iter().rfind(|(since, _)| *since <= at).map_or(rule.1, |(_, offset)| *offset);
    minutes * 60_000
}

/// The first instant of the civil day that `at` lies in, and of the next.
fn day(rule: &Rule, at: i64) -> (i64, i64) {
    let midnight = (at + offset_ms(rule, at)).div_euclid(DAY_MS) * DAY_MS;
    // None of these zones changes at midnight, so a midnight has one offset: the one it lies behind.
    let instant = |local: i64| {
        let early = local - offset_ms(rule, local - 43_200_000 - offset_ms(rule, local));
        local - offset_ms(rule, early)
    };
    (instant(midnight), instant(midnight + DAY_MS))
}

/// The civil day of this number among the zones that an instant lies in, as the product computes it.
///
/// # Errors
/// It is not the one in the table.
pub(crate) fn check(zone: usize, at: i64) -> Result<std::ops::Range<i64>, String> {
    let rule = ZONES.get(zone % ZONES.len()).unwrap_or(&ZONES[0]);
    let parsed = Zone::parse(rule.0).map_err(|error| format!("civil: {error}"))?;
    let period = Period::day_of(at, &parsed).map_err(|error| format!("civil: {error}"))?;
    let (want, have) = (day(rule, at), (period.from_ms(), period.to_ms()));
    if want == have {
        return Ok(have.0..have.1);
    }
    Err(format!("civil: the day of {at} in {} should be {want:?} and is {have:?}", rule.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_as_long_as_the_clocks_say() {
        const HOUR: i64 = 3_600_000;
        let long = |zone: usize, at: i64| check(zone, at).map(|day| day.end - day.start);
        assert_eq!(long(0, 1_774_746_000_000), Ok(23 * HOUR));
        assert_eq!(long(0, 1_792_890_000_000), Ok(25 * HOUR));
        assert_eq!(long(1, 1_772_953_200_000 + 1), Ok(23 * HOUR));
        assert_eq!(long(1, 1_793_512_800_000 - 1), Ok(25 * HOUR));
        assert_eq!(long(3, 1_775_314_800_000), Ok(24 * HOUR + HOUR / 2));
        assert_eq!(long(3, 1_791_041_400_000), Ok(24 * HOUR - HOUR / 2));
        assert_eq!(long(2, 1_774_746_000_000), Ok(24 * HOUR));
    }

    #[test]
    fn every_hour_of_a_year_is_in_its_day() {
        for zone in 0..ZONES.len() {
            for hour in 0..365 * 24 {
                let at = 1_767_225_600_000 + hour * 3_600_000 + 1_234_567;
                let day = check(zone, at).unwrap();
                assert!(day.contains(&at), "{zone} {at}");
            }
        }
    }
}
