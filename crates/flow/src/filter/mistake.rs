//! What is wrong with a filter's text, where, and what was probably meant.

use std::fmt;
use std::ops::Range;

/// A mistake in the text of a filter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mistake {
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// Where, in octets of the text; empty where something is missing. Its ends lie between characters.
    pub place: Range<usize>,
    /// What to write at [`Mistake::place`] instead, where there is a good guess.
    pub suggestion: Option<String>,
}

impl Mistake {
    /// A mistake without a guess at what was meant.
    pub(super) fn new(place: Range<usize>, message: impl Into<String>) -> Self {
        Self { message: message.into(), place, suggestion: None }
    }

    /// Adds what to write instead.
    pub(super) fn suggest(mut self, suggestion: impl Into<String>) -> Self {
        self.suggestion = Some(suggestion.into());
        self
    }

    /// Adds what to write instead, where there is a guess.
    pub(super) fn suggest_maybe(mut self, suggestion: Option<impl Into<String>>) -> Self {
        self.suggestion = suggestion.map(Into::into);
        self
    }

    /// The mistake for people: what is wrong, the line it is on with carets under the place, and the
    /// suggestion. Several lines, without a newline at the end.
    #[must_use]
    pub fn render(&self, text: &str) -> String {
        let start = floor(text, self.place.start);
        let end = floor(text, self.place.end.max(start));
        let before = text.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let rest = text.get(line_start..).unwrap_or_default();
        let line = rest.split('\n').next().unwrap_or_default().trim_end();
        // Tabs stay tabs, so that the carets stand under the place whatever a tab's width.
        let indent: String = text
            .get(line_start..start)
            .unwrap_or_default()
            .chars()
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
        let marked = text.get(start..end).unwrap_or_default();
        let carets = marked.split('\n').next().unwrap_or_default().chars().count().max(1);
        let mut out = format!("{}\n  {line}\n  {indent}{}", self.message, "^".repeat(carets));
        if let Some(suggestion) = &self.suggestion {
            out.push_str("\n  ");
            out.push_str(&indent);
            out.push_str("did you mean `");
            out.push_str(suggestion);
            out.push_str("`?");
        }
        out
    }
}

/// The last place between two characters at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// One line, for logs: the message, and the suggestion.
impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.suggestion {
            Some(suggestion) => write!(f, " (did you mean `{suggestion}`?)"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Mistake {}

/// The candidate nearest to a misspelt word, if one is near enough to be what was meant. Of equally near ones the
/// first.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    nearest_all(word, candidates).first().copied()
}

/// All candidates that are equally near to a misspelt word and nearer than the others. At most a third of the
/// word's letters may be wrong.
pub(super) fn nearest_all<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let word: Vec<char> = word.chars().flat_map(char::to_lowercase).take(WORD_CHARS_MAX).collect();
    let mut least = (word.len() / 3).max(1);
    let mut best: Vec<&str> = Vec::new();
    for candidate in candidates {
        let letters: Vec<char> =
            candidate.chars().flat_map(char::to_lowercase).take(WORD_CHARS_MAX).collect();
        let distance = distance(&word, &letters);
        // A word of which nothing is left is not a misspelling.
        if distance > least || distance >= word.len().max(letters.len()) {
            continue;
        }
        if distance < least {
            least = distance;
            best.clear();
        }
        best.push(candidate);
    }
    best
}

/// Longer words are compared by their beginning: the comparison costs the product of the lengths.
const WORD_CHARS_MAX: usize = 64;

/// How many letters must be inserted, left out, replaced or swapped with their neighbour.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], j: usize| row.get(j).copied().unwrap_or(usize::MAX / 2);
            let mut cost =
                (at(&last, j) + usize::from(x != y)).min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if swapped {
                cost = cost.min(at(&before_last, j - 1) + 1);
            }
            row.push(cost);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(a.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_the_textbook() {
        let d = |a: &str, b: &str| distance(&a.chars().collect::<Vec<_>>(), &b.chars().collect::<Vec<_>>());
        assert_eq!(d("", ""), 0);
        assert_eq!(d("", "abc"), 3);
        assert_eq!(d("abc", ""), 3);
        assert_eq!(d("kitten", "sitting"), 3);
        assert_eq!(d("prot", "proto"), 1);
        assert_eq!(d("prto", "prot"), 1);
        assert_eq!(d("ca", "abc"), 3);
    }

    #[test]
    fn the_nearest_word_is_near() {
        assert_eq!(nearest("prot", ["port", "proto", "tcp"]), Some("port"));
        assert_eq!(nearest("exproter", ["port", "exporter"]), Some("exporter"));
        assert_eq!(nearest("zzz", ["port", "exporter"]), None);
        assert_eq!(nearest("x", ["y"]), None);
        assert_eq!(nearest("ОООАвто", ["ОООАвтo", "b"]), Some("ОООАвтo"));
    }

    #[test]
    fn carets_stand_under_the_place() {
        let text = "port 80 and\n\tprot tcp # два";
        let mistake = Mistake::new(13..17, "no such word `prot`").suggest("proto");
        assert_eq!(
            mistake.render(text),
            "no such word `prot`\n  \tprot tcp # два\n  \t^^^^\n  \tdid you mean `proto`?"
        );
        // An empty place still has a caret; places past the end or within a character do no harm.
        assert_eq!(Mistake::new(3..3, "m").render("abc"), "m\n  abc\n     ^");
        assert_eq!(Mistake::new(9..99, "m").render("abc"), "m\n  abc\n     ^");
        assert_eq!(Mistake::new(1..2, "m").render("да"), "m\n  да\n  ^");
    }
}
