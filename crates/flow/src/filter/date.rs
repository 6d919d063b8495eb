//! Times in filters: RFC 3339, or as much of it as is meant.
//!
//! A text that stops early means the whole of what it names: `2026-10-01` is that day, `2026-10-01T08:00` that
//! minute. Without an offset it is UTC. A plain number is milliseconds since 1970. The calendar is the proleptic
//! Gregorian one, the same in every implementation, so no library is asked.

const DAY_MS: i64 = 86_400_000;

/// The first and the last millisecond of what the text names.
pub(super) fn read(text: &str) -> Option<(i64, i64)> {
    if let Ok(ms) = text.parse::<i64>() {
        return Some((ms, ms));
    }
    let (day, rest) = (text.get(..10)?, text.get(10..)?);
    let midnight = read_day(day)?.checked_mul(DAY_MS)?;
    let (within, length, offset) = match rest.strip_prefix(['T', 't']) {
        Some(time) => read_time(time)?,
        None => (0, DAY_MS, read_offset(rest)?),
    };
    let low = midnight.checked_add(within)?.checked_sub(offset)?;
    Some((low, low.checked_add(length - 1)?))
}

/// `YYYY-MM-DD` as days since 1970.
fn read_day(text: &str) -> Option<i64> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let (year, month, day) = (digits(year, 4)?, digits(month, 2)?, digits(day, 2)?);
    let days = days(year, month, day);
    // The 31st of April is the 1st of May, which is not what was written.
    ((1..=12).contains(&month) && parts.next().is_none() && civil(days) == (year, month, day)).then_some(days)
}

/// `HH:MM[:SS[.fff]][offset]` as ms within the day, how many ms are meant, and the offset from UTC in ms.
fn read_time(text: &str) -> Option<(i64, i64, i64)> {
    let at = text.find(['Z', 'z', '+', '-']).unwrap_or(text.len());
    let (clock, offset) = text.split_at_checked(at)?;
    let (clock, fraction) = clock.split_once('.').map_or((clock, None), |(c, f)| (c, Some(f)));
    let mut parts = clock.split(':');
    let hour = digits(parts.next()?, 2).filter(|h| *h < 24)?;
    let minute = digits(parts.next()?, 2).filter(|m| *m < 60)?;
    let second =
        parts.next().map(|s| digits(s, 2).filter(|s| *s < 60)).map_or(Some(None), |s| s.map(Some))?;
    if parts.next().is_some() || (fraction.is_some() && second.is_none()) {
        return None;
    }
    let (fraction_ms, length) = match (second, fraction) {
        (None, _) => (0, 60_000),
        (Some(_), None) => (0, 1000),
        (Some(_), Some(text)) => read_fraction(text)?,
    };
    let whole = (hour * 60 + minute) * 60 + second.unwrap_or(0);
    Some((whole * 1000 + fraction_ms, length, read_offset(offset)?))
}

/// One to three digits after the point, in ms, and how many ms that many digits leave open.
fn read_fraction(text: &str) -> Option<(i64, i64)> {
    let unit = match text.len() {
        1 => 100,
        2 => 10,
        3 => 1,
        _ => return None,
    };
    Some((digits(text, text.len())? * unit, unit))
}

/// Nothing, `Z` or `±HH:MM`, in ms.
fn read_offset(text: &str) -> Option<i64> {
    if text.is_empty() || text.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = text.strip_prefix(['+', '-'])?.split_once(':')?;
    let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes) * 60_000)
}

/// A number of exactly so many digits.
fn digits(text: &str, count: usize) -> Option<i64> {
    (text.len() == count && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

/// Days since 1970 of a civil date. Years begin in March here, so that the leap day is the last of its year; 400
/// years are 146,097 days.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The civil date of days since 1970: the inverse of [`days`].
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// The shortest text whose first millisecond is this one.
pub(super) fn write(ms: i64) -> String {
    let (year, month, day) = civil(ms.div_euclid(DAY_MS));
    if !(0..=9999).contains(&year) {
        return ms.to_string();
    }
    let date = format!("{year:04}-{month:02}-{day:02}");
    let within = ms.rem_euclid(DAY_MS);
    let (minutes, second, fraction) = (within / 60_000, within / 1000 % 60, within % 1000);
    let (hour, minute) = (minutes / 60, minutes % 60);
    match (within, second, fraction) {
        (0, _, _) => date,
        (_, 0, 0) => format!("{date}T{hour:02}:{minute:02}Z"),
        (_, _, 0) => format!("{date}T{hour:02}:{minute:02}:{second:02}Z"),
        _ => format!("{date}T{hour:02}:{minute:02}:{second:02}.{fraction:03}Z"),
    }
}

/// A text for one millisecond, which [`read`] takes for no more.
pub(super) fn write_exact(ms: i64) -> String {
    let short = write(ms);
    if read(&short) == Some((ms, ms)) { short } else { ms.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_text_means_all_that_it_names() {
        // 2026-10-01T00:00:00Z is 1,790,812,800 s after 1970 (`date -u -d 2026-10-01 +%s`).
        let day = 1_790_812_800_000;
        assert_eq!(read("2026-10-01"), Some((day, day + 86_399_999)));
        assert_eq!(read("2026-10-01T08:00"), Some((day + 28_800_000, day + 28_859_999)));
        assert_eq!(read("2026-10-01T08:00:01Z"), Some((day + 28_801_000, day + 28_801_999)));
        assert_eq!(read("2026-10-01T08:00:01.25z"), Some((day + 28_801_250, day + 28_801_259)));
        assert_eq!(read("2026-10-01T02:00:00.001+02:00"), Some((day + 1, day + 1)));
        assert_eq!(read("2026-10-01-05:30"), Some((day + 19_800_000, day + 106_199_999)));
        assert_eq!(read("1790812800000"), Some((day, day)));
        assert_eq!(read("1970-01-01"), Some((0, 86_399_999)));
        assert_eq!(read("1969-12-31T23:59:59.999Z"), Some((-1, -1)));
        assert_eq!(read("2024-02-29").map(|t| t.0), Some(1_709_164_800_000));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "2026",
            "2026-10",
            "2026-13-01",
            "2026-00-10",
            "2025-02-29",
            "2026-04-31",
            "2026-10-01T",
            "2026-10-01T08",
            "2026-10-01T24:00",
            "2026-10-01T08:60",
            "2026-10-01T08:00.5",
            "2026-10-01T08:00:00.1234",
            "2026-10-01x",
            "2026-10-01T08:00+2",
            "2026-1-001",
            "+026-10-01",
            "2026-10-0é",
            "２０２６-10-01",
        ] {
            let known = text.parse::<i64>().is_ok();
            assert_eq!(read(text).is_some(), known, "{text}");
        }
    }

    #[test]
    fn the_calendar_agrees_with_itself_for_four_centuries() {
        let mut last = civil(-719_468 - 200_000);
        for day in -719_467 - 200_000..200_000 {
            let next = civil(day);
            assert!(next > last && days(next.0, next.1, next.2) == day);
            last = next;
        }
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(-719_468), (0, 3, 1));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(ms: i64, near in -4_000_000_000_000i64..4_000_000_000_000) {
            for ms in [ms, near, near - near.rem_euclid(1000), near - near.rem_euclid(DAY_MS)] {
                prop_assert_eq!(read(&write(ms)).map(|t| t.0), Some(ms));
                prop_assert_eq!(read(&write_exact(ms)), Some((ms, ms)));
            }
        }
    }
}
