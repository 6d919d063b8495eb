//! Hours of the week, as people in a zone count them.

use crate::zone::Zone;
use jiff::civil::Weekday;

/// Minutes of a day.
const DAY_MIN: u16 = 24 * 60;

/// Some hours of some weekdays: half-open, in civil time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    /// From Monday to Sunday: whether they are on that day.
    days: [bool; 7],
    from_min: u16,
    to_min: u16,
}

impl Hours {
    /// From one minute of the day to another, on these days from Monday on. Where the end is before the beginning they
    /// go over midnight, and the hours after it are those of the day that they began on. `None` if there is no such
    /// minute, or no time in between; the end may be 24:00.
    #[must_use]
    pub fn new(days: [bool; 7], from_min: u16, to_min: u16) -> Option<Self> {
        let is_some = from_min < DAY_MIN && to_min <= DAY_MIN && from_min != to_min && days.contains(&true);
        is_some.then_some(Self { days, from_min, to_min })
    }

    /// From and to which minute of the day.
    #[must_use]
    pub const fn minutes(&self) -> (u16, u16) {
        (self.from_min, self.to_min)
    }

    /// On which days, from Monday on.
    #[must_use]
    pub const fn days(&self) -> [bool; 7] {
        self.days
    }

    /// Whether an instant (ms since 1970) lies in them, in this zone.
    #[must_use]
    pub fn contains(&self, ms: i64, zone: &Zone) -> bool {
        let Some(at) = zone.datetime(ms) else { return false };
        let minute = u16::try_from(at.hour()).unwrap_or(0).saturating_mul(60);
        let minute = minute.saturating_add(u16::try_from(at.minute()).unwrap_or(0));
        let is_on = |day: Weekday| {
            let place = usize::try_from(day.to_monday_zero_offset()).unwrap_or(0);
            self.days.get(place).copied().unwrap_or(false)
        };
        let day = at.weekday();
        if self.from_min < self.to_min {
            return is_on(day) && (self.from_min..self.to_min).contains(&minute);
        }
        (is_on(day) && minute >= self.from_min) || (is_on(day.previous()) && minute < self.to_min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKDAYS: [bool; 7] = [true, true, true, true, true, false, false];

    /// 2026-10-01 was a Thursday.
    fn at(zone: &Zone, text: &str) -> i64 {
        let civil: jiff::civil::DateTime = text.parse().unwrap();
        zone.rules().to_zoned(civil).unwrap().timestamp().as_millisecond()
    }

    #[test]
    fn hours_are_civil_and_half_open() {
        let zone = Zone::parse("Europe/Berlin").unwrap();
        let day = Hours::new(WORKDAYS, 8 * 60, 18 * 60).unwrap();
        let is_in = |text| day.contains(at(&zone, text), &zone);
        assert!(is_in("2026-10-01T08:00") && is_in("2026-10-01T17:59"));
        assert!(!is_in("2026-10-01T07:59") && !is_in("2026-10-01T18:00"));
        // Saturday; and the same hour after the clocks went back on the 25th.
        assert!(!is_in("2026-10-03T10:00") && is_in("2026-10-26T08:00"));
    }

    #[test]
    fn a_night_belongs_to_the_day_it_began_on() {
        let zone = Zone::utc();
        let night = Hours::new(WORKDAYS, 22 * 60, 6 * 60).unwrap();
        let is_in = |text| night.contains(at(&zone, text), &zone);
        // Friday's night reaches into Saturday; Sunday's is none, so Monday morning is not in it.
        assert!(is_in("2026-10-02T23:00") && is_in("2026-10-03T05:59") && !is_in("2026-10-03T06:00"));
        assert!(!is_in("2026-10-04T23:00") && !is_in("2026-10-05T05:00") && is_in("2026-10-05T22:00"));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        assert!(Hours::new(WORKDAYS, 0, 24 * 60).is_some());
        for (from, to) in [(5, 5), (24 * 60, 5), (0, 24 * 60 + 1)] {
            assert_eq!(Hours::new(WORKDAYS, from, to), None);
        }
        assert_eq!(Hours::new([false; 7], 0, 60), None);
    }
}
