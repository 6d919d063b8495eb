//! What follows the words of a comparison: a sign and a value, a list, or parentheses.

use super::super::expr::{Expr, Set, Test};
use super::super::interface::{self, is_interface};
use super::super::lexer::{Comparison, Kind, Token};
use super::super::mistake::nearest;
use super::super::range::Ranges;
use super::super::subject::{Domain, Subject};
use super::super::{Mistake, flag, value};
use super::Parser;
use std::ops::Range;

impl Parser<'_> {
    /// The values of a subject.
    pub(super) fn values(&mut self, subject: Subject) -> Result<Expr, Mistake> {
        let begin = self.at;
        let token = self.peek().clone();
        let negative = token.kind == Kind::Not;
        let list = if negative { self.is_list_at(1) } else { self.is_list_at(0) };
        if list {
            return self.list(subject, negative);
        }
        if let Some(expr) = self.interface(subject)? {
            return Ok(expr);
        }
        match token.kind {
            Kind::Compare(comparison) => {
                self.next();
                self.last = None;
                let at = self.next();
                let set = self.read(&at, subject)?;
                if comparison == Comparison::Equal {
                    self.last = Some(subject);
                }
                compared(subject, comparison, set, token.place.start..at.place.end)
            }
            Kind::Open => {
                self.last = Some(subject);
                let expr = self.enclosed()?;
                self.last = Some(subject);
                Ok(expr)
            }
            _ => {
                let token = self.next();
                let set = match subject.domain() {
                    Domain::Flags => flags(&token),
                    _ => self.read(&token, subject),
                };
                let set = set.map_err(|mistake| self.explained(mistake, subject, begin))?;
                self.last = Some(subject);
                Ok(Expr::Test(Test { subject, set }))
            }
        }
    }

    /// Whether a list stands so many tokens ahead.
    fn is_list_at(&self, ahead: usize) -> bool {
        let next = self.peek_at(ahead);
        next.kind == Kind::ListOpen || (next.is("in") && self.peek_at(ahead + 1).kind == Kind::ListOpen)
    }

    /// `[a, b c]` with `in` or `not in` before it. Commas may be left out, as nfdump does.
    fn list(&mut self, subject: Subject, negative: bool) -> Result<Expr, Mistake> {
        let start = self.peek().place.start;
        if negative {
            self.next();
        }
        self.take_word("in");
        let open = self.next();
        let mut sum: Option<Set> = None;
        let mut named = Vec::new();
        while !self.take(&Kind::ListClose) {
            let token = self.next();
            match token.kind {
                Kind::Word | Kind::Quoted(_) => {}
                Kind::End => {
                    return Err(Mistake::new(token.place, "a list does not end").suggest("]"));
                }
                _ => return Err(value::missing(&token, subject.domain())),
            }
            if is_interface(subject) && is_name(&token) {
                named.push(self.interface_named(subject, &token)?);
                self.take(&Kind::Comma);
                continue;
            }
            let set = self.read(&token, subject)?;
            match &mut sum {
                // All values of one subject are of one kind.
                Some(sum) => drop(sum.join(set)),
                None => sum = Some(set),
            }
            self.take(&Kind::Comma);
        }
        let end = self.tokens.get(self.at - 1).map_or(open.place.end, |token| token.place.end);
        if !named.is_empty() {
            self.last = Some(subject);
            named.extend(sum.map(|set| Expr::Test(Test { subject, set })));
            let expr = Expr::any_of(named);
            return Ok(if negative { another(subject, expr) } else { expr });
        }
        let Some(mut sum) = sum else {
            return Err(Mistake::new(open.place.start..end, "there is nothing in this list"));
        };
        sum.settle();
        self.last = Some(subject);
        let comparison = if negative { Comparison::Unequal } else { Comparison::Equal };
        compared(subject, comparison, sum, start..end)
    }

    /// An interface by its name, with or without a sign before it; `None` if something else stands here.
    fn interface(&mut self, subject: Subject) -> Result<Option<Expr>, Mistake> {
        let comparison = match self.peek().kind {
            Kind::Compare(c @ (Comparison::Equal | Comparison::Unequal)) => Some(c),
            _ => None,
        };
        let at = usize::from(comparison.is_some());
        let token = self.peek_at(at).clone();
        if !is_interface(subject) || !is_name(&token) || SIGNS.iter().any(|(word, _)| token.is(word)) {
            return Ok(None);
        }
        let expr = self.interface_named(subject, &token)?;
        self.at += at + 1;
        self.last = None;
        Ok(Some(if comparison == Some(Comparison::Unequal) { another(subject, expr) } else { expr }))
    }

    fn interface_named(&self, subject: Subject, token: &Token<'_>) -> Result<Expr, Mistake> {
        let name = match &token.kind {
            Kind::Quoted(name) => name,
            _ => token.text,
        };
        interface::named(subject, name, self.names).ok_or_else(|| {
            let message = format!("no exporter has said the name of an interface `{name}`");
            let guess = nearest(name, self.names.interfaces.iter().map(|i| i.name.as_str()));
            Mistake::new(token.place.clone(), message).suggest_maybe(guess.map(value::word))
        })
    }

    fn read(&self, token: &Token<'_>, subject: Subject) -> Result<Set, Mistake> {
        value::read(token, subject.domain(), self.names)
    }

    /// Where no value follows the words, the mistake names them; and where the token was meant for a sign, the
    /// sign is the guess.
    fn explained(&self, mistake: Mistake, subject: Subject, begin: usize) -> Mistake {
        let Some(token) = self.tokens.get(begin) else { return mistake };
        if matches!(token.kind, Kind::Word | Kind::Quoted(_)) {
            let sign = SIGNS.iter().find(|(word, _)| token.is(word));
            return match sign {
                Some((_, sign)) => mistake.suggest(*sign),
                None => mistake,
            };
        }
        let message = format!("`{}` needs a value: {}", subject.name(), value::expected(subject.domain()));
        Mistake { message, ..mistake }
    }
}

/// Whether a token can be a name: numbers are none.
fn is_name(token: &Token<'_>) -> bool {
    match token.kind {
        Kind::Quoted(_) => true,
        Kind::Word => !token.text.starts_with(|c: char| c.is_ascii_digit()),
        _ => false,
    }
}

/// A value, but none for which `expr` holds.
fn another(subject: Subject, expr: Expr) -> Expr {
    let any = Ranges::between(0, subject.domain().max());
    Expr::Test(Test::ranges(subject, any)).and(expr.negate())
}

/// Signs as words, as nfdump has them.
const SIGNS: &[(&str, &str)] =
    &[("eq", "="), ("ne", "!="), ("lt", "<"), ("le", "<="), ("gt", ">"), ("ge", ">="), ("is", "=")];

/// The expression of `subject comparison set`, which stands at `place`.
fn compared(
    subject: Subject,
    comparison: Comparison,
    set: Set,
    place: Range<usize>,
) -> Result<Expr, Mistake> {
    if comparison == Comparison::Unequal {
        return unequal(subject, set, place);
    }
    if comparison == Comparison::Equal {
        return Ok(Expr::Test(Test { subject, set }));
    }
    let domain = subject.domain();
    let (Set::Ranges(ranges), true) = (set, domain.is_ordered()) else {
        let message = format!("the values of `{}` have no order: compare with `=` or a list", subject.name());
        return Err(Mistake::new(place, message));
    };
    let Some((low, high)) = ranges.hull() else { return Err(nothing(place)) };
    let max = domain.max();
    let bounds = match comparison {
        Comparison::Less => low.checked_sub(1).map(|high| (0, high)),
        Comparison::AtMost => Some((0, high)),
        Comparison::Greater => high.checked_add(1).map(|low| (low, max)),
        _ => Some((low, max)),
    };
    let ranges = bounds.map_or(Ranges::from_pairs(Vec::new()), |(low, high)| Ranges::between(low, high));
    if ranges.is_empty() { Err(nothing(place)) } else { Ok(Expr::Test(Test::ranges(subject, ranges))) }
}

/// A value, but none of these.
fn unequal(subject: Subject, set: Set, place: Range<usize>) -> Result<Expr, Mistake> {
    if subject.is_several() {
        let name = subject.name();
        let message =
            format!("`{name}` looks at several columns, of which one may differ: write `not {name} …`");
        return Err(Mistake::new(place, message));
    }
    let set = match set {
        Set::Ranges(ranges) => Set::Ranges(ranges.complement(subject.domain().max())),
        Set::Names { names, .. } => Set::Names { names, excluded: true },
        bits @ Set::Bits { .. } => bits,
    };
    match &set {
        Set::Ranges(ranges) if ranges.is_empty() => Err(nothing(place)),
        _ => Ok(Expr::Test(Test { subject, set })),
    }
}

fn nothing(place: Range<usize>) -> Mistake {
    Mistake::new(place, "no value is left that could match")
}

/// `flags S`: these flags are set, whatever else is; `flags S/SA`: of the second, just the first are.
fn flags(token: &Token<'_>) -> Result<Set, Mistake> {
    if token.kind != Kind::Word {
        return Err(value::missing(token, Domain::Flags));
    }
    let bits = |text: &str| -> Option<u16> {
        let (low, high) = value::means(text, Domain::Flags)?;
        u16::try_from(low).ok().filter(|_| low == high)
    };
    let (value, mask) = token.text.split_once('/').unwrap_or((token.text, token.text));
    let (Some(value), Some(mask)) = (bits(value), bits(mask)) else {
        let message = format!("`{}` is not {}", token.text, value::expected(Domain::Flags));
        let guess = nearest(token.text, ["syn", "ack", "fin", "rst", "psh", "urg"]);
        return Err(Mistake::new(token.place.clone(), message).suggest_maybe(guess));
    };
    if value & !mask != 0 {
        let message = format!("`{}` asks for flags that it does not look at", token.text);
        let all = flag::letters(value | mask);
        return Err(
            Mistake::new(token.place.clone(), message).suggest(format!("{}/{all}", flag::letters(value)))
        );
    }
    if mask == 0 {
        // No flag to look at: what is meant is that none is set.
        return Ok(Set::Ranges(Ranges::between(0, 0)));
    }
    Ok(Set::Bits { mask, value })
}
