//! Cuts the text of a filter into tokens.
//!
//! A word is whatever stands between spaces, brackets, commas, quotes and comparison signs: `dst`, `10.0.0.0/8`,
//! `80-90`, `2026-10-01T08:00`, `автоторг`. What it means the parser says, by where it stands.

use super::Mistake;
use std::ops::Range;

/// A token and where it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Token<'t> {
    /// What it is.
    pub(super) kind: Kind,
    /// Its text, quotes included.
    pub(super) text: &'t str,
    /// Its place in the filter's text, in octets.
    pub(super) place: Range<usize>,
}

/// What a token is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// A keyword, a name or a value.
    Word,
    /// A quoted name, without its quotes.
    Quoted(String),
    /// `(`
    Open,
    /// `)`
    Close,
    /// `[`
    ListOpen,
    /// `]`
    ListClose,
    /// `,`
    Comma,
    /// `and` or `&&`
    And,
    /// `or` or `||`
    Or,
    /// `not` or `!`
    Not,
    /// `&` alone: bits that both sides have.
    BitAnd,
    /// `|` alone: bits that either side has.
    BitOr,
    /// A comparison sign.
    Compare(Comparison),
    /// The end of the text; its place is empty and right after the last token.
    End,
}

/// A comparison sign.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Comparison {
    /// `=` or `==`
    Equal,
    /// `!=`
    Unequal,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
}

impl Token<'_> {
    /// Whether this is the word, in upper or lower case.
    pub(super) fn is(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }
}

/// Signs, longer ones before those they begin with.
const SIGNS: &[(&str, Kind)] = &[
    ("&&", Kind::And),
    ("||", Kind::Or),
    ("==", Kind::Compare(Comparison::Equal)),
    ("!=", Kind::Compare(Comparison::Unequal)),
    ("<=", Kind::Compare(Comparison::AtMost)),
    (">=", Kind::Compare(Comparison::AtLeast)),
    ("=", Kind::Compare(Comparison::Equal)),
    ("<", Kind::Compare(Comparison::Less)),
    (">", Kind::Compare(Comparison::Greater)),
    ("!", Kind::Not),
    ("&", Kind::BitAnd),
    ("|", Kind::BitOr),
    ("(", Kind::Open),
    (")", Kind::Close),
    ("[", Kind::ListOpen),
    ("]", Kind::ListClose),
    (",", Kind::Comma),
];

/// The tokens of a text, the last one [`Kind::End`].
pub(super) fn lex(text: &str) -> Result<Vec<Token<'_>>, Mistake> {
    let mut tokens: Vec<Token<'_>> = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let skip = blank(rest);
        if skip > 0 {
            at += skip;
            continue;
        }
        let (kind, length) = token(rest, at)?;
        let place = at..at + length;
        tokens.push(Token { kind, text: rest.get(..length).unwrap_or_default(), place });
        at += length;
    }
    let end = tokens.last().map_or(0, |token| token.place.end);
    tokens.push(Token { kind: Kind::End, text: "", place: end..end });
    Ok(tokens)
}

/// How many octets of space, or of one comment, stand at the beginning.
fn blank(rest: &str) -> usize {
    if rest.starts_with('#') {
        return rest.find('\n').unwrap_or(rest.len());
    }
    rest.len() - rest.trim_start().len()
}

/// The token at the beginning of `rest`, and its length in octets.
fn token(rest: &str, at: usize) -> Result<(Kind, usize), Mistake> {
    if let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        return quoted(rest, quote, at);
    }
    if let Some((sign, kind)) = SIGNS.iter().find(|(sign, _)| rest.starts_with(sign)) {
        return Ok((kind.clone(), sign.len()));
    }
    let length = rest.find(|c: char| c.is_whitespace() || "()[],!=<>&|\"#".contains(c)).unwrap_or(rest.len());
    let kind = match rest.get(..length).unwrap_or_default() {
        word if word.eq_ignore_ascii_case("and") => Kind::And,
        word if word.eq_ignore_ascii_case("or") => Kind::Or,
        word if word.eq_ignore_ascii_case("not") => Kind::Not,
        _ => Kind::Word,
    };
    Ok((kind, length))
}

/// A name in quotes; `\` makes the next character an ordinary one.
fn quoted(rest: &str, quote: char, at: usize) -> Result<(Kind, usize), Mistake> {
    let mut name = String::new();
    let mut escaped = false;
    for (i, c) in rest.char_indices().skip(1) {
        if c == quote && !escaped {
            return Ok((Kind::Quoted(name), i + c.len_utf8()));
        }
        if c == '\\' && !escaped {
            escaped = true;
        } else {
            escaped = false;
            name.push(c);
        }
    }
    let mistake = Mistake::new(at..at + rest.len(), "a name in quotes does not end");
    Err(if escaped { mistake } else { mistake.suggest(format!("{rest}{quote}")) })
}

/// A name as [`quoted`] reads it.
pub(super) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<Kind> {
        lex(text).unwrap().into_iter().map(|t| t.kind).collect()
    }

    #[test]
    fn tokens_and_their_places() {
        let text = " src net 10.0.0.0/8# all\n&&!(port>=80)";
        let tokens = lex(text).unwrap();
        let words: Vec<&str> = tokens.iter().map(|t| t.text).collect();
        assert_eq!(words, ["src", "net", "10.0.0.0/8", "&&", "!", "(", "port", ">=", "80", ")", ""]);
        for token in &tokens {
            assert_eq!(text.get(token.place.clone()), Some(token.text));
        }
        assert_eq!(tokens.last().unwrap().place, 38..38);
        assert_eq!(lex("port 80 # and no more").unwrap().last().unwrap().place, 7..7);
    }

    #[test]
    fn names_may_be_quoted_or_of_any_script() {
        assert_eq!(kinds(r#""OOO \"Avto\" \\""#), [Kind::Quoted(r#"OOO "Avto" \"#.into()), Kind::End]);
        assert_eq!(kinds("'a # b'"), [Kind::Quoted("a # b".into()), Kind::End]);
        assert_eq!(kinds("O'Neil"), [Kind::Word, Kind::End]);
        assert_eq!(kinds("автоторг"), [Kind::Word, Kind::End]);
        for name in ["", "a", r#"x"y"#, r"a\", "ООО Авто"] {
            assert_eq!(kinds(&quote(name)), [Kind::Quoted(name.into()), Kind::End]);
        }
    }

    #[test]
    fn mistakes_have_places() {
        let open = lex("tenant \"abc").unwrap_err();
        assert_eq!((open.place, open.suggestion), (7..11, Some("\"abc\"".into())));
    }
}
