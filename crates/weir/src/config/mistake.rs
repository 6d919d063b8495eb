//! What is wrong in a configuration, where, and what would be right.

use jiff::tz::TimeZoneDatabase;
use std::ops::Range;
use std::path::Path;

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// Octets of the text that are wrong.
    pub(crate) place: Range<usize>,
    /// What is wrong.
    pub(crate) message: String,
    /// What to do.
    pub(crate) cure: String,
}

impl Mistake {
    pub(crate) fn new(place: Range<usize>, message: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { place, message: message.into(), cure: cure.into() }
    }

    /// The line it begins in, counted from 1.
    pub(crate) fn line(&self, text: &str) -> usize {
        let before = text.as_bytes().get(..self.place.start).unwrap_or(text.as_bytes());
        before.split(|b| *b == b'\n').count()
    }
}

/// All mistakes, a line each: file, line, what is wrong, what to do.
pub(crate) fn render(path: &Path, text: &str, mistakes: &[Mistake]) -> String {
    let lines: Vec<String> = mistakes
        .iter()
        .map(|m| {
            let cure = if m.cure.is_empty() { String::new() } else { format!("; {}", m.cure) };
            format!("{}:{}: {}{cure}", path.display(), m.line(text), m.message)
        })
        .collect();
    lines.join("\n")
}

/// The candidate nearest to a word, if it is near enough to be meant.
pub(crate) fn nearest<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let (distance, best) = candidates.iter().map(|c| (distance(word, c), *c)).min()?;
    (distance <= 2.max(word.len() / 3)).then_some(best)
}

/// The time zone that was meant: the one suggested, else the nearest name there is.
pub(crate) fn zone_meant(text: &str, suggestion: Option<String>) -> Option<String> {
    suggestion.or_else(|| {
        let database = TimeZoneDatabase::bundled();
        let names: Vec<_> = database.available().collect();
        let names: Vec<&str> = names.iter().map(jiff::tz::TimeZoneName::as_str).collect();
        nearest(text, &names).map(str::to_owned)
    })
}

/// Letters to insert, delete or replace (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (y, above) in b.iter().zip(row.iter_mut().skip(1)) {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = *above;
            left = replaced.min(diagonal + 1).min(left + 1);
            *above = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_suggested() {
        assert_eq!(nearest("adress", &["address", "name", "count"]), Some("address"));
        assert_eq!(nearest("zzzzzz", &["address", "name"]), None);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
    }

    #[test]
    fn the_nearest_zone_is_suggested() {
        assert_eq!(zone_meant("Europe/Berln", None).as_deref(), Some("Europe/Berlin"));
        assert_eq!(zone_meant("Kolkata", Some("Asia/Kolkata".to_owned())).as_deref(), Some("Asia/Kolkata"));
        assert_eq!(zone_meant("the moon, far side", None), None);
    }

    #[test]
    fn lines_count_from_one() {
        let mistake = |at: usize| Mistake::new(at..at, "", "");
        assert_eq!(mistake(0).line("a\nb"), 1);
        assert_eq!(mistake(2).line("a\nb"), 2);
    }
}
