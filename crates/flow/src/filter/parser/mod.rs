//! Makes an expression of a text, by recursive descent.
//!
//! ```text
//! filter     := [ either ]                              nothing is everything
//! either     := both { ("or" | "||") both }
//! both       := negated { ("and" | "&&") negated }
//! negated    := { "not" | "!" } ( "(" either ")" | term )
//! term       := "@" file                                a filter in a file
//!             | protocol [ [ends] "port" values ]       tcp · udp dst port 53
//!             | "icmp" [ "type" values ] [ "code" values ]
//!             | [ends] noun values                      src or dst net 10.0.0.0/8
//!             | column values | "ipv4" | "ipv6" | "any"
//!             | value                                   belongs to the words before it, or is an address
//! values     := [ "=" | "==" | "!=" | "<" | "<=" | ">" | ">=" ] value
//!             | [ "not" ] [ "in" ] "[" value { [","] value } "]"
//!             | [ "in" ] "@" file                       src in @networks.txt
//!             | "(" either ")"                          port (80 or 443)
//! ```
//!
//! What nfdump and tcpdump say in other words is in `foreign`, and tcpdump's tests of a packet's octets in `packet`.

mod comparison;
mod file;
mod foreign;
mod packet;
mod term;

use super::expr::Expr;
use super::lexer::{Kind, Token, lex};
use super::mistake::nearest;
use super::subject::Subject;
use super::{DEPTH_MAX, Mistake, Names, TEXT_BYTES_MAX};

/// Reads a filter.
pub(super) fn parse(text: &str, names: &Names) -> Result<Expr, Mistake> {
    if text.len() > TEXT_BYTES_MAX {
        let message = format!("the filter is {} bytes long; at most {TEXT_BYTES_MAX} are read", text.len());
        return Err(Mistake::new(0..0, message));
    }
    let mut expr = Parser::new(text, names, 0, Vec::new())?.whole()?;
    expr.in_zone(&names.zone);
    Ok(expr)
}

/// Where the parser stands in the text.
struct Parser<'t> {
    /// The last one is [`Kind::End`].
    tokens: Vec<Token<'t>>,
    at: usize,
    /// How many parentheses are open.
    depth: usize,
    names: &'t Names,
    /// What a value without words before it is about: that of the comparison right before, as in `port 80 or 443`.
    last: Option<Subject>,
    /// The protocol or family that stood before that comparison, as in `tcp port 80 or 443`.
    over: Option<Expr>,
    /// Whether the values that come next are networks, which may be short: `net 10`.
    nets: bool,
    /// Whether they are groups of tenants.
    groups: bool,
    /// The files whose text this is in, the outermost first.
    files: Vec<String>,
}

impl<'t> Parser<'t> {
    /// A parser of a text that stands so many parentheses deep, in these files.
    fn new(text: &'t str, names: &'t Names, depth: usize, files: Vec<String>) -> Result<Self, Mistake> {
        let tokens = lex(text)?;
        let (last, over, nets, groups) = (None, None, false, false);
        Ok(Self { tokens, at: 0, depth, names, last, over, nets, groups, files })
    }

    /// All of the text.
    fn whole(&mut self) -> Result<Expr, Mistake> {
        if self.peek().kind == Kind::End {
            return Ok(Expr::EVERYTHING);
        }
        let expr = self.either()?;
        if self.peek().kind == Kind::End { Ok(expr) } else { Err(self.left_over()) }
    }

    /// The token to be read next.
    fn peek(&self) -> &Token<'t> {
        self.peek_at(0)
    }

    /// The token so many places further; at the end, the end.
    fn peek_at(&self, ahead: usize) -> &Token<'t> {
        static NONE: Token<'static> = Token { kind: Kind::End, text: "", place: 0..0 };
        self.tokens.get(self.at + ahead).or(self.tokens.last()).unwrap_or(&NONE)
    }

    /// Where the last token that was taken ends.
    fn end_before(&self) -> usize {
        self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).map_or(0, |token| token.place.end)
    }

    /// Takes the next token.
    fn next(&mut self) -> Token<'t> {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    /// Takes the next token if it is of this kind.
    fn take(&mut self, kind: &Kind) -> bool {
        let found = self.peek().kind == *kind;
        self.at += usize::from(found);
        found
    }

    /// Takes the next token if it is this word.
    fn take_word(&mut self, word: &str) -> bool {
        let found = self.peek().is(word);
        self.at += usize::from(found);
        found
    }

    fn either(&mut self) -> Result<Expr, Mistake> {
        let mut alternatives = vec![self.both()?];
        while self.take(&Kind::Or) {
            alternatives.push(self.both()?);
        }
        Ok(Expr::any_of(alternatives))
    }

    fn both(&mut self) -> Result<Expr, Mistake> {
        let mut expr = self.negated()?;
        while self.take(&Kind::And) {
            expr = expr.and(self.negated()?);
        }
        Ok(expr)
    }

    fn negated(&mut self) -> Result<Expr, Mistake> {
        let start = self.peek().place.start;
        let mut negative = false;
        while self.take(&Kind::Not) {
            negative = !negative;
        }
        let in_parentheses = self.peek().kind == Kind::Open;
        let expr = if self.peek().kind == Kind::Open {
            let expr = self.enclosed()?;
            self.last = None;
            expr
        } else {
            self.term()?
        };
        if negative && !in_parentheses && expr.is_several_flags() {
            return Err(self.not_flags(start));
        }
        Ok(if negative { expr.negate() } else { expr })
    }

    /// `not flags SA`, which began here: in nfdump it means that neither is set, in logic that one is missing.
    fn not_flags(&self, start: usize) -> Mistake {
        let last = self.tokens.get(self.at.saturating_sub(1));
        let (letters, end) = last.map_or(("", start), |token| (token.text, token.place.end));
        let message = format!(
            "`not flags {letters}` may mean that none of them is set, or that one is missing: for the latter write \
             `not (flags {letters})`"
        );
        Mistake::new(start..end, message).suggest(format!("flags 0/{letters}"))
    }

    /// What stands in parentheses; the next token is the opening one.
    fn enclosed(&mut self) -> Result<Expr, Mistake> {
        let open = self.next();
        if self.depth == DEPTH_MAX {
            let message = format!("parentheses are more than {DEPTH_MAX} deep");
            return Err(Mistake::new(open.place, message));
        }
        if self.peek().kind == Kind::Close {
            return Err(Mistake::new(
                open.place.start..self.peek().place.end,
                "there is nothing in these parentheses",
            ));
        }
        self.depth += 1;
        let expr = self.either()?;
        self.depth -= 1;
        if self.take(&Kind::Close) {
            return Ok(expr);
        }
        if self.peek().kind == Kind::End {
            let line =
                format!("a parenthesis is open that began with `{}`", self.beginning(open.place.start));
            return Err(Mistake::new(self.peek().place.clone(), line).suggest(")"));
        }
        Err(self.left_over())
    }

    /// The few tokens from a place on, to remind the reader of it.
    fn beginning(&self, from: usize) -> String {
        let tokens = self.tokens.iter().filter(|token| token.place.start >= from).take(3);
        tokens.map(|token| token.text).collect::<Vec<_>>().join(" ")
    }

    /// The mistake of a token that follows a whole condition and does not continue it.
    fn left_over(&self) -> Mistake {
        let token = self.peek();
        let mistake = |message: String| Mistake::new(token.place.clone(), message);
        match token.kind {
            Kind::Close => mistake("this parenthesis was never opened".into()),
            Kind::ListOpen | Kind::ListClose | Kind::Comma => {
                mistake(format!("`{}` belongs to a list like `port in [80, 443]`", token.text))
            }
            Kind::Compare(_) => mistake(format!("`{}` has nothing before it to compare", token.text)),
            Kind::BitAnd | Kind::BitOr => self.single_sign(),
            _ => {
                let mistake = mistake(format!("`and` or `or` is missing before `{}`", token.text));
                // A word in this place may be a misspelt `and`, if something follows that it would join.
                let joins = token.kind == Kind::Word && self.peek_at(1).kind != Kind::End;
                match nearest(token.text, ["and", "or"]).filter(|_| joins) {
                    Some(word) => mistake.suggest(word),
                    None if self.is_bare_value() => mistake.suggest(format!("or {}", token.text)),
                    None => mistake.suggest(format!("and {}", token.text)),
                }
            }
        }
    }

    /// The mistake of a `&` or `|` that is next.
    pub(super) fn single_sign(&self) -> Mistake {
        let Token { text, place, .. } = self.peek();
        Mistake::new(place.clone(), format!("`{text}` alone means nothing here")).suggest(text.repeat(2))
    }
}
