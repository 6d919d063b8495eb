//! Just enough of Rust's lexical grammar to look at code without its comments and strings.

/// `text` with comments and the contents of literals blanked; the lines stay where they are.
pub(super) fn code(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = literal_or_comment(&chars, at);
        match end {
            Some(end) => {
                code.extend(chars.iter().take(end).skip(at).map(|&c| if c == '\n' { c } else { ' ' }));
                at = end;
            }
            None => {
                code.extend(chars.get(at));
                at += 1;
            }
        }
    }
    code
}

/// The inner attributes (`#![…]`) of `text`, without white space.
pub(super) fn inner_attributes(text: &str) -> Vec<String> {
    let bare: String = code(text).chars().filter(|c| !c.is_whitespace()).collect();
    bare.split("#![").skip(1).filter_map(|rest| rest.split_once(']')).map(|(one, _)| one.to_owned()).collect()
}

/// True if an inner attribute of `text` denies or forbids `lint`.
pub(super) fn denies(text: &str, lint: &str) -> bool {
    inner_attributes(text).iter().any(|attribute| {
        (attribute.contains("deny(") || attribute.contains("forbid("))
            && attribute.split(['(', ')', ',']).any(|word| word == lint)
    })
}

/// True if `word` stands in `text` as a word of its own.
pub(super) fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|one| one == word)
}

/// Where the comment or literal that starts at `at` ends, if one does.
fn literal_or_comment(chars: &[char], at: usize) -> Option<usize> {
    let get = |index: usize| chars.get(index).copied();
    match (get(at)?, get(at + 1)) {
        ('/', Some('/')) => Some(position(chars, at, |rest| rest.starts_with(&['\n']))),
        ('/', Some('*')) => Some(block_comment(chars, at)),
        ('"', _) => Some(string(chars, at)),
        ('r', Some('"' | '#')) if !in_word(chars, at) => raw_string(chars, at),
        // 'x' or '\…', but not the lifetime 'x
        ('\'', Some('\\')) => Some(position(chars, at + 3, |rest| rest.starts_with(&['\''])) + 1),
        ('\'', Some(_)) if get(at + 2) == Some('\'') => Some(at + 3),
        _ => None,
    }
}

/// The first index from `at` on where `found` holds for the rest, or the end.
fn position(chars: &[char], at: usize, found: impl Fn(&[char]) -> bool) -> usize {
    (at..chars.len()).find(|&index| chars.get(index..).is_some_and(&found)).unwrap_or(chars.len())
}

/// True if the character before `at` belongs to the same word (other than the b and c of `br""`, `cr""`).
fn in_word(chars: &[char], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|index| chars.get(index)).copied();
    before.is_some_and(|c| (c.is_alphanumeric() || c == '_') && c != 'b' && c != 'c')
}

fn block_comment(chars: &[char], at: usize) -> usize {
    let mut depth = 0_usize;
    let mut index = at;
    while let Some(rest) = chars.get(index..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with(&['/', '*']) {
            depth += 1;
            index += 2;
        } else if rest.starts_with(&['*', '/']) {
            depth -= 1;
            index += 2;
            if depth == 0 {
                return index;
            }
        } else {
            index += 1;
        }
    }
    chars.len()
}

fn string(chars: &[char], at: usize) -> usize {
    let mut index = at + 1;
    while let Some(&c) = chars.get(index) {
        match c {
            '"' => return index + 1,
            '\\' => index += 2,
            _ => index += 1,
        }
    }
    chars.len()
}

fn raw_string(chars: &[char], at: usize) -> Option<usize> {
    let hashes = chars.get(at + 1..)?.iter().take_while(|&&c| c == '#').count();
    let open = at + 1 + hashes;
    if chars.get(open) != Some(&'"') {
        return None; // r#keyword
    }
    let mut close = vec!['"'];
    close.resize(hashes + 1, '#');
    Some((position(chars, open + 1, |rest| rest.starts_with(&close)) + close.len()).min(chars.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked() {
        let check = |text: &str, left: &str| {
            let code = code(text);
            assert_eq!(code.lines().count(), text.lines().count(), "{text}");
            let words: Vec<&str> = code.split_whitespace().collect();
            assert_eq!(words.join(" "), left, "{text}");
        };
        check("a // unsafe\nb", "a b");
        check("a /* unsafe /* nested */ still */ b", "a b");
        check("f(\"unsafe \\\" still\") + g", "f( ) + g");
        check("f(r#\"unsafe \" still\"#) + g", "f( ) + g");
        check("f(br\"unsafe\\\") + g", "f(b ) + g");
        check("let r#type = '\"'; next", "let r#type = ; next");
        check(
            "fn f<'a>(x: &'a str, q: char) { q == '\\'' || q == '\\n' }",
            "fn f<'a>(x: &'a str, q: char) { q == || q == }",
        );
        check("\"never closed\nunsafe", "");
    }

    #[test]
    fn lints_are_found_in_inner_attributes_only() {
        let text = "//! deny(clippy::a)\n#![cfg_attr(not(test), deny(\n    clippy::b,\n    clippy::c\n))]\n#![allow(clippy::d)]";
        assert!(denies(text, "clippy::b") && denies(text, "clippy::c"));
        assert!(!denies(text, "clippy::a") && !denies(text, "clippy::d"));
    }

    #[test]
    fn a_word_is_a_whole_word() {
        assert!(has_word("pub unsafe fn", "unsafe"));
        assert!(!has_word("#![forbid(unsafe_code)]", "unsafe"));
    }
}
