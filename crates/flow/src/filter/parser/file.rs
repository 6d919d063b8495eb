//! Files that a filter names: lists of values (`src in @networks.txt`), and filters (`@office`).
//!
//! A file of values has them in lines, with spaces or commas between several; `#` begins a comment. Where it has a
//! mistake, the place in the filter is that of the file's name, and the message says the file's line.

use super::super::expr::Expr;
use super::super::lexer::{Kind, Token, lex};
use super::super::subject::Subject;
use super::super::{DEPTH_MAX, Mistake};
use super::Parser;
use super::comparison::Gathered;

/// How many files may name each other, one in the other.
const FILES_MAX: usize = 8;

/// Whether a token names a file; where it is `@` alone, the name follows it in quotes.
pub(super) fn is_file(token: &Token<'_>) -> bool {
    token.kind == Kind::Word && token.text.starts_with('@')
}

impl Parser<'_> {
    /// The values in the file of this token, which has been read.
    pub(super) fn file(
        &mut self,
        subject: Subject,
        token: &Token<'_>,
        gathered: &mut Gathered,
    ) -> Result<(), Mistake> {
        let (path, text, place) = self.contents(token)?;
        let explain = |mistake: Mistake| told(&mistake, &path, &text, &place);
        for item in lex(&text).map_err(explain)? {
            match item.kind {
                Kind::Comma => {}
                Kind::End => break,
                Kind::Word if is_file(&item) => {
                    return Err(explain(Mistake::new(item.place, "a list of values names no other file")));
                }
                _ => self.item(subject, &item, gathered).map_err(explain)?,
            }
        }
        if gathered.is_empty() {
            return Err(Mistake::new(place, format!("there is no value in `{path}`")));
        }
        Ok(())
    }

    /// The filter in the file of this token, which has been read; as if it stood in parentheses.
    pub(super) fn include(&mut self, token: &Token<'_>) -> Result<Expr, Mistake> {
        let mut token = token.clone();
        // nfdump's spelling is `@include file`; a file of that name is `@"include"`.
        if token.is("@include") && matches!(self.peek().kind, Kind::Word | Kind::Quoted(_)) {
            let name = self.peek().clone();
            let place = token.place.start..name.place.end;
            match name.kind {
                Kind::Quoted(_) => token = Token { kind: Kind::Word, text: "@", place },
                _ => {
                    self.next();
                    return self.filter_of(name.text, &Token { place, ..token });
                }
            }
        }
        let (path, text, place) = self.contents(&token)?;
        self.included(&path, &text, place)
    }

    fn filter_of(&mut self, path: &str, token: &Token<'_>) -> Result<Expr, Mistake> {
        let text = self.open(path, token)?;
        self.included(path, &text, token.place.clone())
    }

    fn included(&mut self, path: &str, text: &str, place: std::ops::Range<usize>) -> Result<Expr, Mistake> {
        if self.files.iter().any(|open| open == path) {
            return Err(Mistake::new(place, format!("`{path}` names itself")));
        }
        if self.files.len() == FILES_MAX {
            return Err(Mistake::new(place, format!("more than {FILES_MAX} files name each other")));
        }
        if self.depth == DEPTH_MAX {
            return Err(Mistake::new(place, format!("files and parentheses are more than {DEPTH_MAX} deep")));
        }
        self.last = None;
        let files = self.files.iter().cloned().chain([path.to_owned()]).collect();
        let parsed =
            Parser::new(text, self.names, self.depth + 1, files).and_then(|mut parser| parser.whole());
        parsed.map_err(|mistake| told(&mistake, path, text, &place))
    }

    /// The path and the text of a token's file, and where both are named.
    fn contents(&mut self, token: &Token<'_>) -> Result<(String, String, std::ops::Range<usize>), Mistake> {
        let mut token = token.clone();
        let name = token.text.strip_prefix('@').unwrap_or_default();
        let quoted = match &self.peek().kind {
            Kind::Quoted(path) if name.is_empty() => Some(path.clone()),
            _ => None,
        };
        if quoted.is_some() {
            token.place.end = self.next().place.end;
        }
        let path = quoted.unwrap_or_else(|| name.to_owned());
        if path.is_empty() {
            return Err(Mistake::new(token.place, "after `@` the name of a file is missing"));
        }
        let text = self.open(&path, &token)?;
        Ok((path, text, token.place))
    }

    fn open(&self, path: &str, token: &Token<'_>) -> Result<String, Mistake> {
        let mistake =
            |why: &str| Mistake::new(token.place.clone(), format!("cannot read the file `{path}`: {why}"));
        let Some(outside) = &self.names.outside else { return Err(mistake("no files are read here")) };
        outside.file(path).map_err(|why| mistake(&why))
    }
}

/// A mistake inside a file, told where the file is named.
fn told(mistake: &Mistake, path: &str, text: &str, place: &std::ops::Range<usize>) -> Mistake {
    let before = text.get(..mistake.place.start).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    Mistake::new(place.clone(), format!("in `{path}`, line {line}: {mistake}"))
}
