//! `[[schedule]]`: what the daemon does by itself, and when.

use super::dump::quote;
use super::read::{Reader, Table};
use jiff::civil::{Date, Weekday};
use std::fmt::{self, Display, Write};
use std::ops::Range;

const KEYS: [&str; 4] = ["do", "period", "on", "after"];
const EXAMPLE: &str = "on = \"1st 06:00\", \"monday 06:00\" or \"06:00\"";
const WEEKDAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];
/// Periods that are over, by their words: what is done once must not be done of one that still runs.
const PERIODS: [(&str, &str); 5] = [
    ("last", "last"),
    ("last-month", "last"),
    ("last-week", "last-week"),
    ("yesterday", "yesterday"),
    ("last-year", "last-year"),
];
const MINUTE_MS: i64 = 60_000;
/// A month is settled before the next one ends.
const AFTER_MAX_MS: i64 = 31 * 24 * 60 * MINUTE_MS;

/// One `[[schedule]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Schedule {
    /// What is done, in this order.
    pub(crate) acts: Vec<Act>,
    /// Of which period, as a word that is about the moment it is done.
    pub(crate) period: String,
    /// When; without it as soon as the period is over for `after_ms`.
    pub(crate) on: Option<On>,
    /// How long the period must be over, ms: late records are waited for.
    pub(crate) after_ms: i64,
}

/// Something that is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    Close,
    Mail,
}

impl Act {
    /// In the order in which they are done.
    const ALL: [Self; 2] = [Self::Close, Self::Mail];

    /// The word in `do`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Close => "close",
            Self::Mail => "mail",
        }
    }
}

/// A time of certain days, as clocks in the zone of billing show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct On {
    pub(crate) day: Day,
    pub(crate) hour: i8,
    pub(crate) minute: i8,
}

/// Which days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Day {
    Each,
    /// Of the month; its last where it has fewer.
    OfMonth(i8),
    OfWeek(Weekday),
}

impl On {
    /// Reads `1st 06:00`, `15 06:00`, `monday 06:00`, `daily 06:00` or `06:00`.
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let (day, time) = match (words.next()?, words.next(), words.next()) {
            (time, None, _) => (Day::Each, time),
            (day, Some(time), None) => (Day::parse(&day.to_lowercase())?, time),
            _ => return None,
        };
        let (hour, minute) = time.split_once(':')?;
        let number = |digits: &str, below: i8| match digits.len() == 2 {
            true => digits.parse::<u8>().ok().and_then(|n| i8::try_from(n).ok()).filter(|n| *n < below),
            false => None,
        };
        Some(Self { day, hour: number(hour, 24)?, minute: number(minute, 60)? })
    }

    /// Whether it is one of its days.
    pub(crate) fn is_day(&self, date: Date) -> bool {
        match self.day {
            Day::Each => true,
            Day::OfMonth(day) => date.day() == day.min(date.days_in_month()),
            Day::OfWeek(weekday) => date.weekday() == weekday,
        }
    }
}

impl Day {
    fn parse(text: &str) -> Option<Self> {
        if matches!(text, "daily" | "day") {
            return Some(Self::Each);
        }
        if let Some((_, weekday)) =
            WEEKDAYS.iter().find(|(name, _)| *name == text || name.get(..3) == Some(text))
        {
            return Some(Self::OfWeek(*weekday));
        }
        let digits = ["st", "nd", "rd", "th"].iter().find_map(|end| text.strip_suffix(end)).unwrap_or(text);
        let day = digits.parse::<i8>().ok()?;
        (1..=31).contains(&day).then_some(Self::OfMonth(day))
    }
}

impl Display for On {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.day {
            Day::Each => f.write_str("daily")?,
            Day::OfMonth(day) => write!(f, "{day}{}", ordinal(day))?,
            Day::OfWeek(weekday) => {
                f.write_str(WEEKDAYS.iter().find(|(_, one)| *one == weekday).map_or("", |(name, _)| name))?;
            }
        }
        write!(f, " {:02}:{:02}", self.hour, self.minute)
    }
}

fn ordinal(day: i8) -> &'static str {
    match (day / 10, day % 10) {
        (1, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    }
}

impl Display for Schedule {
    /// What is done, of what and when: by this the books know it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let acts: Vec<&str> = self.acts.iter().map(|act| act.word()).collect();
        write!(f, "{} of {}", acts.join(", "), self.period)?;
        if let Some(on) = self.on {
            write!(f, " on {on}")?;
        }
        if self.after_ms > 0 || self.on.is_none() {
            write!(f, " after {}", span(self.after_ms))?;
        }
        Ok(())
    }
}

/// `6h`, `90m`, `2d`.
fn span(ms: i64) -> String {
    let minutes = ms / MINUTE_MS;
    match minutes {
        0 => "0m".to_owned(),
        n if n % 1440 == 0 => format!("{}d", n / 1440),
        n if n % 60 == 0 => format!("{}h", n / 60),
        n => format!("{n}m"),
    }
}

fn span_ms(text: &str) -> Option<i64> {
    let (digits, minutes) = [("d", 1440), ("h", 60), ("m", 1)]
        .into_iter()
        .find_map(|(unit, minutes)| Some((text.trim().strip_suffix(unit)?, minutes)))?;
    let n: i64 = digits.trim().parse::<u32>().ok()?.into();
    let ms = n.checked_mul(minutes)?.checked_mul(MINUTE_MS)?;
    (ms <= AFTER_MAX_MS).then_some(ms)
}

impl Schedule {
    pub(super) fn write(&self, out: &mut String) -> fmt::Result {
        let acts: Vec<&str> = self.acts.iter().map(|act| act.word()).collect();
        writeln!(out, "\n[[schedule]]\ndo = \"{}\"\nperiod = {}", acts.join(", "), quote(&self.period))?;
        if let Some(on) = self.on {
            writeln!(out, "on = \"{on}\"")?;
        }
        writeln!(out, "after = \"{}\"", span(self.after_ms))
    }
}

impl Reader {
    /// One `[[schedule]]`; `has_mail`: whether there is a `[mail]`.
    pub(super) fn schedule(
        &mut self,
        table: Table<'_>,
        at: Range<usize>,
        has_mail: bool,
    ) -> Option<Schedule> {
        self.keys(table, "[[schedule]]", &KEYS);
        let acts = self.acts(table, &at, has_mail);
        let period = self.word(table, "period", &PERIODS);
        if !table.contains_key("period") {
            self.missing(at.clone(), "[[schedule]]", "period", "period = \"last\"");
        }
        let on = self.string(table, "on").and_then(|(text, place)| {
            let on = On::parse(text);
            if on.is_none() {
                self.note(place, format!("\"{text}\" is no day and time"), format!("write {EXAMPLE}"));
            }
            on
        });
        let after = self.string(table, "after").and_then(|(text, place)| {
            let after = span_ms(text);
            if after.is_none() {
                let cure = "write after = \"6h\", \"90m\" or \"2d\", at most 31 days";
                self.note(place, format!("\"{text}\" is no time to wait"), cure);
            }
            after
        });
        if !table.contains_key("on") && !table.contains_key("after") {
            self.missing(at, "[[schedule]]", "on", &format!("{EXAMPLE}, or after = \"6h\""));
        }
        Some(Schedule { acts, period: period?.to_owned(), on, after_ms: after.unwrap_or_default() })
    }

    fn acts(&mut self, table: Table<'_>, at: &Range<usize>, has_mail: bool) -> Vec<Act> {
        let Some((text, place)) = self.string(table, "do") else {
            if !table.contains_key("do") {
                self.missing(at.clone(), "[[schedule]]", "do", "do = \"mail\", \"close\" or \"close, mail\"");
            }
            return Vec::new();
        };
        let words: Vec<&str> = text.split(',').map(str::trim).collect();
        let unknown = words.iter().find(|word| !Act::ALL.iter().any(|act| act.word() == **word));
        if let Some(word) = unknown {
            let cure = "write do = \"mail\", \"close\" or \"close, mail\"";
            self.note(place.clone(), format!("\"{word}\" is nothing that can be done"), cure);
        }
        let acts: Vec<Act> = Act::ALL.into_iter().filter(|act| words.contains(&act.word())).collect();
        if acts.contains(&Act::Mail) && !has_mail {
            let cure = "add [mail] with from and server (docs/mail.md)";
            self.note(place, "mail is to be sent, and nothing says how", cure);
        }
        acts
    }
}

#[cfg(test)]
mod tests {
    use super::super::{mistake, read};
    use super::*;
    use std::path::Path;

    const MAIL: &str = "[mail]\nfrom = \"a@b.org\"\nserver = \"mx\"\n";

    fn mistakes(text: &str) -> Vec<String> {
        let mistakes = read(text).unwrap_err();
        mistake::render(Path::new("w"), text, &mistakes).lines().map(str::to_owned).collect()
    }

    #[test]
    fn schedules_are_understood_and_dumped() {
        let text = format!(
            "{MAIL}[[schedule]]\ndo = \"mail,close\"\nperiod = \"last-month\"\non = \"1st 06:00\"\nafter = \"6h\"\n\
             [[schedule]]\ndo = \"mail\"\nperiod = \"last-week\"\non = \"Mon 23:59\"\n\
             [[schedule]]\ndo = \"close\"\nperiod = \"yesterday\"\nafter = \"90m\"\n"
        );
        let config = read(&text).unwrap();
        let names: Vec<String> = config.schedules.iter().map(ToString::to_string).collect();
        let expected = [
            "close, mail of last on 1st 06:00 after 6h",
            "mail of last-week on monday 23:59",
            "close of yesterday after 90m",
        ];
        assert_eq!(names, expected);
        let again = read(&config.dump()).unwrap();
        assert_eq!((again.schedules.clone(), again.dump()), (config.schedules.clone(), config.dump()));
    }

    #[test]
    fn days_and_times() {
        let on = |text| On::parse(text).map(|on| on.to_string());
        for (text, meant) in [
            ("1st 06:00", "1st 06:00"),
            ("2 06:00", "2nd 06:00"),
            ("11th 00:00", "11th 00:00"),
            ("23rd 23:59", "23rd 23:59"),
            ("sunday 12:30", "sunday 12:30"),
            ("daily 12:30", "daily 12:30"),
            ("12:30", "daily 12:30"),
        ] {
            assert_eq!(on(text).as_deref(), Some(meant), "{text}");
        }
        for text in
            ["", "6:00", "24:00", "12:60", "32nd 06:00", "0th 06:00", "1st", "1st 2nd 06:00", "someday 06:00"]
        {
            assert_eq!(on(text), None, "{text}");
        }
        let end = On::parse("31st 06:00").unwrap();
        let days = [(2026, 2, 28), (2028, 2, 28), (2028, 2, 29), (2026, 4, 30), (2026, 5, 30), (2026, 5, 31)];
        let is_day = days.map(|(y, m, d)| end.is_day(Date::new(y, m, d).unwrap()));
        assert_eq!(is_day, [true, false, true, true, false, true]);
        assert_eq!(
            ["6h", "90m", "2d", "32d", "6", "h"].map(span_ms),
            [Some(6 * 60 * MINUTE_MS), Some(90 * MINUTE_MS), Some(2 * 1440 * MINUTE_MS), None, None, None]
        );
    }

    #[test]
    fn mistakes_about_schedules() {
        let text = "[[schedule]]\ndo = \"mail, dance\"\nperiod = \"this\"\non = \"noon\"\nafter = \"soon\"\n\
                    [[schedule]]\n";
        assert_eq!(
            mistakes(text),
            [
                "w:2: \"dance\" is nothing that can be done; write do = \"mail\", \"close\" or \"close, mail\"",
                "w:2: mail is to be sent, and nothing says how; add [mail] with from and server (docs/mail.md)",
                "w:3: period = \"this\" is not known; write one of \"last\", \"last-month\", \"last-week\", \"yesterday\", \"last-year\"",
                "w:4: \"noon\" is no day and time; write on = \"1st 06:00\", \"monday 06:00\" or \"06:00\"",
                "w:5: \"soon\" is no time to wait; write after = \"6h\", \"90m\" or \"2d\", at most 31 days",
                "w:6: [[schedule]] has no do; add do = \"mail\", \"close\" or \"close, mail\"",
                "w:6: [[schedule]] has no period; add period = \"last\"",
                "w:6: [[schedule]] has no on; add on = \"1st 06:00\", \"monday 06:00\" or \"06:00\", or after = \"6h\"",
            ]
        );
    }
}
