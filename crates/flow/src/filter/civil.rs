//! Time of day and day of the week: `time 08:00-18:00`, `weekday mon-fri`, as clocks on the wall show them.
//!
//! This crate knows no zones. Whoever asks hands in the clocks ([`Civil`](crate::civil::Civil)).

use super::amount::Why;
use super::range::Ranges;

/// The milliseconds of a day of 24 hours.
pub(super) const DAY_MS: u128 = 86_400_000;

/// Days of the week, Monday first.
pub(super) const WEEKDAYS: &[&str] = &["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// The days' names in full, beside [`WEEKDAYS`].
pub(super) const FULL: &[&str] =
    &["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// `mon`, or `fri-mon`, which goes over the end of the week.
pub(super) fn read_weekdays(text: &str) -> Result<Ranges, Why> {
    let text = text.to_lowercase();
    let day = |name: &str| {
        let place = |names: &[&str]| names.iter().position(|known| *known == name);
        place(WEEKDAYS).or_else(|| place(FULL)).map(|day| day as u128).ok_or(Why::Form)
    };
    let Some((first, last)) = ends(&text) else { return day(&text).map(|day| Ranges::between(day, day)) };
    Ok(around(day(first)?, day(last)?, 6))
}

/// `08:00`, which is that minute; `08:00:30`, that second; or `08:00-18:00`: from the first, and before the last,
/// over midnight where the last is earlier.
pub(super) fn read_times(text: &str) -> Result<Ranges, Why> {
    let Some((first, last)) = ends(text) else {
        return read_time(text).map(|(low, high)| Ranges::between(low, high));
    };
    let (first, last) = (read_time(first)?.0, read_end(last)?);
    if first == last {
        return Err(Why::Form);
    }
    // Before midnight is the end of the day.
    Ok(around(first, last.checked_sub(1).unwrap_or(DAY_MS - 1), DAY_MS - 1))
}

/// The two ends of a span.
fn ends(text: &str) -> Option<(&str, &str)> {
    text.split_once("..").or_else(|| text.split_once('-'))
}

/// From the first to the last of 0 to `max`, starting over at 0 where the last comes before the first.
fn around(first: u128, last: u128, max: u128) -> Ranges {
    if first <= last {
        return Ranges::between(first, last);
    }
    Ranges::from_pairs(vec![(first, max), (0, last)])
}

/// The end of a span: a day also ends at `24:00`.
fn read_end(text: &str) -> Result<u128, Why> {
    if matches!(text, "24:00" | "24:00:00") { Ok(DAY_MS) } else { read_time(text).map(|(low, _)| low) }
}

/// `8:00`, `08:00`, `08:00:30` or `08:00:30.250`: the first and the last millisecond of what it names.
fn read_time(text: &str) -> Result<(u128, u128), Why> {
    let (clock, fraction) = text.split_once('.').map_or((text, None), |(clock, f)| (clock, Some(f)));
    let mut parts = clock.split(':');
    let mut part = |least: usize, max: u128| -> Option<u128> {
        let digits = parts.next().filter(|d| (least..=2).contains(&d.len()))?;
        let number: u128 = digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())??;
        (number <= max).then_some(number)
    };
    let (hour, minute) = (part(1, 23).ok_or(Why::Form)?, part(2, 59).ok_or(Why::Form)?);
    let second = part(2, 59);
    let low = (hour * 60 + minute) * 60_000 + second.unwrap_or(0) * 1000;
    let count = clock.split(':').count();
    match (count, second, fraction) {
        (2, None, None) => Ok((low, low + 59_999)),
        (3, Some(_), None) => Ok((low, low + 999)),
        (3, Some(_), Some(f)) if f.len() == 3 && f.bytes().all(|b| b.is_ascii_digit()) => {
            let ms = low + f.parse::<u128>().map_err(|_| Why::Form)?;
            Ok((ms, ms))
        }
        _ => Err(Why::Form),
    }
}

/// Times of day as texts that [`read_times`] reads.
pub(super) fn write_times(low: u128, high: u128) -> String {
    format!("{}-{}", write_time(low), write_time(high + 1))
}

fn write_time(ms: u128) -> String {
    let (minutes, second, fraction) = (ms / 60_000, ms / 1000 % 60, ms % 1000);
    let (hour, minute) = (minutes / 60, minutes % 60);
    match (second, fraction) {
        (0, 0) => format!("{hour:02}:{minute:02}"),
        (_, 0) => format!("{hour:02}:{minute:02}:{second:02}"),
        _ => format!("{hour:02}:{minute:02}:{second:02}.{fraction:03}"),
    }
}

/// Days as a text that [`read_weekdays`] reads.
pub(super) fn write_weekdays(low: u128, high: u128) -> String {
    let name =
        |day: u128| usize::try_from(day).ok().and_then(|d| WEEKDAYS.get(d)).copied().unwrap_or_default();
    if low == high { name(low).into() } else { format!("{}-{}", name(low), name(high)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::civil::Civil;
    use proptest::prelude::*;

    /// Berlin in 2026: summer from 2026-03-29T01:00Z to 2026-10-25T01:00Z.
    fn berlin() -> Civil {
        let hour = 3_600_000;
        Civil::new(hour, [(1_774_746_000_000, 2 * hour), (1_792_890_000_000, hour)])
    }

    #[test]
    fn the_clocks_of_a_day_of_25_hours() {
        let at = |ms: i64| (berlin().weekday(ms), berlin().time_of_day_ms(ms) / 60_000);
        // `TZ=Europe/Berlin date -d @…`: Sunday 02:59 twice, an hour apart; before and after it.
        assert_eq!(at(1_792_889_940_000), (6, 2 * 60 + 59));
        assert_eq!(at(1_792_890_000_000), (6, 2 * 60));
        assert_eq!(at(1_792_893_540_000), (6, 2 * 60 + 59));
        assert_eq!(at(1_792_893_600_000), (6, 3 * 60));
        // In spring there is no 02:00: 01:59 is followed by 03:00.
        assert_eq!((at(1_774_745_940_000), at(1_774_746_000_000)), ((6, 119), (6, 180)));
        // 2026-10-01T00:30 in Berlin is the day before in UTC: Thursday, and Wednesday.
        let night = 1_790_807_400_000;
        assert_eq!((at(night), Civil::default().weekday(night)), ((3, 30), 2));
        assert_eq!(u128::from(Civil::default().time_of_day_ms(-1)), DAY_MS - 1);
        assert_eq!(Civil::default().weekday(0), 3);
    }

    #[test]
    fn spans_go_over_midnight_and_over_sunday() {
        let times = |text| read_times(text).map(|r| r.pairs().to_vec());
        let hour = 3_600_000;
        assert_eq!(times("08:00-18:00"), Ok(vec![(8 * hour, 18 * hour - 1)]));
        assert_eq!(times("22:00..6:00"), Ok(vec![(0, 6 * hour - 1), (22 * hour, 24 * hour - 1)]));
        assert_eq!(times("18:00-24:00"), Ok(vec![(18 * hour, 24 * hour - 1)]));
        assert_eq!(times("18:00-00:00"), Ok(vec![(18 * hour, 24 * hour - 1)]));
        assert_eq!(times("08:00"), Ok(vec![(8 * hour, 8 * hour + 59_999)]));
        assert_eq!(times("08:00:01"), Ok(vec![(8 * hour + 1000, 8 * hour + 1999)]));
        for text in
            ["8", "08", "08:0", "24:00", "08:60", "08:00-08:00", "08:00.5", "8:00:00.1", "1:2:3:4", "", "-"]
        {
            assert_eq!(times(text), Err(Why::Form), "{text}");
        }
        let days = |text| read_weekdays(text).map(|r| r.pairs().to_vec());
        assert_eq!(days("Mon-Friday"), Ok(vec![(0, 4)]));
        assert_eq!(days("sat-mon"), Ok(vec![(0, 0), (5, 6)]));
        assert_eq!(days("SUN"), Ok(vec![(6, 6)]));
        assert_eq!(days("someday"), Err(Why::Form));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(a in 0..DAY_MS, b in 0..DAY_MS, minutes: bool) {
            let round = |ms: u128| if minutes { ms / 60_000 * 60_000 } else { ms };
            let (low, high) = (round(a.min(b)), round(a.max(b)));
            prop_assert_eq!(read_times(&write_times(low, high)), Ok(Ranges::between(low, high)));
        }
    }
}
