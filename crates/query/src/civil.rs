//! The buckets that a question puts time into, as the clocks show it ([`Civil`]).

use std::fmt;
pub use weir_flow::civil::Civil;
use weir_flow::time::BIN_MS;

const SECOND_MS: i64 = 1000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// How time is cut. Buckets of 5 minutes and more are made of whole bins of the accounts; each of the smaller
/// ones lies in one bin.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Bucket {
    /// So many ms: one of [`WIDTHS_MS`]. Longer than an hour they begin where the clocks show a multiple, and one
    /// in which the clocks change is longer or shorter.
    Width(i64),
    /// From Monday to Sunday.
    Week,
    /// A month of the calendar.
    Month,
}

/// The widths there are: all divide a day, and divide five minutes or are a multiple of them.
pub const WIDTHS_MS: &[i64] = &[
    SECOND_MS,
    5 * SECOND_MS,
    10 * SECOND_MS,
    15 * SECOND_MS,
    20 * SECOND_MS,
    30 * SECOND_MS,
    MINUTE_MS,
    BIN_MS,
    10 * MINUTE_MS,
    15 * MINUTE_MS,
    20 * MINUTE_MS,
    30 * MINUTE_MS,
    HOUR_MS,
    2 * HOUR_MS,
    3 * HOUR_MS,
    4 * HOUR_MS,
    6 * HOUR_MS,
    8 * HOUR_MS,
    12 * HOUR_MS,
    DAY_MS,
];

impl Bucket {
    /// The bucket of this name: `5m`, `1h`, `minute`, `hour`, `day`, `week`, `month`.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        match name {
            "minute" => return Some(Self::Width(MINUTE_MS)),
            "hour" => return Some(Self::Width(HOUR_MS)),
            "day" => return Some(Self::Width(DAY_MS)),
            "week" | "1w" => return Some(Self::Week),
            "month" => return Some(Self::Month),
            _ => {}
        }
        let digits = name.find(|c: char| !c.is_ascii_digit())?;
        let (number, unit) = name.split_at_checked(digits)?;
        let unit = match unit {
            "s" | "sec" => SECOND_MS,
            "m" | "min" => MINUTE_MS,
            "h" => HOUR_MS,
            "d" => DAY_MS,
            _ => return None,
        };
        let width = number.parse::<i64>().ok()?.checked_mul(unit)?;
        WIDTHS_MS.contains(&width).then_some(Self::Width(width))
    }

    /// Whether it is made of whole bins of the accounts.
    #[must_use]
    pub fn is_of_bins(self) -> bool {
        self.fine_ms() == BIN_MS
    }

    /// The width that a flow must be spread over so that each part lies in one bucket: at most a bin's.
    pub(crate) fn fine_ms(self) -> i64 {
        match self {
            Self::Width(width) => width.clamp(1, BIN_MS),
            Self::Week | Self::Month => BIN_MS,
        }
    }

    /// The first instant of the bucket that an instant lies in.
    #[must_use]
    pub fn start(self, ms: i64, civil: &Civil) -> i64 {
        let local = civil.local(ms);
        let floor = |width: i64| local.saturating_sub(local.rem_euclid(width));
        match self {
            Self::Width(width) if width <= HOUR_MS => {
                // An hour that the clocks show twice is two buckets.
                let width = width.max(1);
                let start = floor(width).saturating_sub(civil.offset_ms(ms));
                civil.changed_ms(ms).map_or(start, |changed| start.max(changed))
            }
            Self::Width(width) => civil.instant(floor(width)),
            Self::Week => {
                let day = local.div_euclid(DAY_MS);
                civil.instant((day - (day + 3).rem_euclid(7)) * DAY_MS)
            }
            Self::Month => civil.instant(month_start(local.div_euclid(DAY_MS)).saturating_mul(DAY_MS)),
        }
    }

    /// The first instant after the bucket that begins at `start`.
    #[must_use]
    pub fn end(self, start: i64, civil: &Civil) -> i64 {
        let longest = match self {
            Self::Width(width) => width,
            Self::Week => 7 * DAY_MS,
            Self::Month => 31 * DAY_MS,
        };
        // The next bucket is found from a place that is surely within it; a change of the clocks is never
        // longer than a day, nor a bucket shorter than what is added.
        let next = match self {
            Self::Width(width) if width <= HOUR_MS => {
                let end = start.saturating_add(width);
                let changed = civil.changed_ms(end.saturating_sub(1)).filter(|at| *at > start);
                return changed.unwrap_or_else(|| self.start(end, civil));
            }
            Self::Width(_) => start.saturating_add(longest + longest / 2),
            Self::Week => start.saturating_add(longest + DAY_MS),
            Self::Month => start.saturating_add(longest + 2 * DAY_MS),
        };
        self.start(next, civil)
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Width(MINUTE_MS) => f.write_str("minute"),
            Self::Width(HOUR_MS) => f.write_str("hour"),
            Self::Width(DAY_MS) => f.write_str("day"),
            Self::Width(width) if width % HOUR_MS == 0 => write!(f, "time/{}h", width / HOUR_MS),
            Self::Width(width) if width % MINUTE_MS == 0 => write!(f, "time/{}m", width / MINUTE_MS),
            Self::Width(width) => write!(f, "time/{}s", width / SECOND_MS),
            Self::Week => f.write_str("week"),
            Self::Month => f.write_str("month"),
        }
    }
}

/// Of a day (days since 1970-01-01), the first day of its month in the Gregorian calendar.
fn month_start(day: i64) -> i64 {
    // Years begin in March, so that the leap day is the last; an era is 400 years (of 146,097 days).
    let of_era = (day + 719_468).rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    day - (of_year - (153 * month + 2) / 5)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-01T00:00:00Z.
    const NEW_YEAR: i64 = 1_767_225_600_000;

    /// Berlin in 2026: from 29 March 01:00 UTC to 25 October 01:00 UTC two hours ahead, else one.
    fn berlin() -> Civil {
        let day = |day: i64| NEW_YEAR + day * DAY_MS + HOUR_MS;
        Civil::new(HOUR_MS, [(day(87), 2 * HOUR_MS), (day(297), HOUR_MS)])
    }

    /// An instant of 2026 by its day from 0, hour and minute in UTC.
    fn at(day: i64, hour: i64, minute: i64) -> i64 {
        NEW_YEAR + day * DAY_MS + hour * HOUR_MS + minute * MINUTE_MS
    }

    #[test]
    fn days_have_23_24_and_25_hours() {
        let day = Bucket::Width(DAY_MS);
        let hours = |any| {
            let start = day.start(any, &berlin());
            (start, (day.end(start, &berlin()) - start) / HOUR_MS)
        };
        assert_eq!(hours(at(87, 12, 0)), (at(86, 23, 0), 23));
        assert_eq!(hours(at(88, 12, 0)), (at(87, 22, 0), 24));
        assert_eq!(hours(at(297, 12, 0)), (at(296, 22, 0), 25));
        assert_eq!(hours(at(297, 23, 30)), (at(297, 23, 0), 24));
    }

    #[test]
    fn an_hour_that_comes_twice_is_two() {
        let hour = Bucket::Width(HOUR_MS);
        assert_eq!(hour.start(at(297, 0, 30), &berlin()), at(297, 0, 0));
        assert_eq!(hour.start(at(297, 1, 30), &berlin()), at(297, 1, 0));
        assert_eq!([0, 1].map(|h| berlin().hour(at(297, h, 30))), [2, 2], "both are from two to three");
        let six = Bucket::Width(6 * HOUR_MS);
        assert_eq!(six.start(at(297, 1, 30), &berlin()), at(296, 22, 0));
        assert_eq!(six.end(at(296, 22, 0), &berlin()) - at(296, 22, 0), 7 * HOUR_MS);
    }

    #[test]
    fn half_an_hour_that_comes_twice_is_two_buckets_of_half_an_hour() {
        // Lord Howe Island goes back half an hour at 02:00.
        let change = at(94, 15, 0);
        let civil = Civil::new(11 * HOUR_MS, [(change, 10 * HOUR_MS + HOUR_MS / 2)]);
        let hour = Bucket::Width(HOUR_MS);
        assert_eq!(hour.start(change - MINUTE_MS, &civil), change - HOUR_MS);
        assert_eq!(hour.start(change + MINUTE_MS, &civil), change);
        assert_eq!(hour.end(change - HOUR_MS, &civil), change);
        assert_eq!(hour.end(change, &civil), change + HOUR_MS / 2);
    }

    #[test]
    fn weeks_and_months_begin_where_the_calendar_says() {
        let berlin = berlin();
        assert_eq!(berlin.weekday(at(0, 12, 0)), 3, "1 January 2026 is a Thursday");
        assert_eq!(berlin.weekday(at(3, 23, 30)), 0, "Monday has begun in Berlin");
        assert_eq!(Bucket::Week.start(at(6, 0, 0), &berlin), at(3, 23, 0));
        assert_eq!(Bucket::Week.end(at(85, 0, 0) - HOUR_MS, &berlin) % DAY_MS, 22 * HOUR_MS);
        assert_eq!(Bucket::Month.start(at(40, 0, 0), &berlin), at(30, 23, 0), "1 February");
        assert_eq!(Bucket::Month.end(at(30, 23, 0), &berlin), at(58, 23, 0), "28 days");
        assert_eq!(Bucket::Month.end(at(58, 23, 0), &berlin), at(89, 22, 0), "1 April, summer");
        assert_eq!(month_start(59), 59, "1 March 1970");
        assert_eq!(month_start(11_016), 10_988, "29 February 2000");
    }

    #[test]
    fn a_day_later_is_the_same_time_on_the_clocks() {
        assert_eq!(berlin().days_later(at(86, 10, 0), 1), at(87, 9, 0));
        assert_eq!(berlin().days_later(at(90, 10, 0), -7), at(83, 11, 0));
    }

    #[test]
    fn widths_have_names() {
        for width in WIDTHS_MS {
            let name = Bucket::Width(*width).to_string();
            let short = name.strip_prefix("time/").unwrap_or(&name);
            assert_eq!(Bucket::by_name(short), Some(Bucket::Width(*width)));
            assert!(DAY_MS % width == 0 && (BIN_MS % width == 0 || width % BIN_MS == 0));
        }
        assert_eq!(["7m", "0s", "2m", "99999999999999999999h"].map(Bucket::by_name), [None; 4]);
    }
}
