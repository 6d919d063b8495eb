//! What follows the words of a comparison: a sign and a value, a list, or parentheses.

use super::super::expr::{Expr, Set, Test};
use super::super::interface::{self, is_interface};
use super::super::lexer::{Comparison, Kind, Token};
use super::super::mistake::nearest;
use super::super::range::Ranges;
use super::super::subject::{Domain, Subject};
use super::super::{Mistake, address, flag, value};
use super::{Parser, file};
use std::net::Ipv4Addr;
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
        if let Some(set) = self.netmask()? {
            self.last = Some(subject);
            return Ok(Expr::Test(Test { subject, set }));
        }
        if let Some(comparison) = self.sign() {
            return self.comparison(subject, comparison);
        }
        match token.kind {
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

    /// The comparison sign that comes next, or nfdump's word for one in front of a value.
    fn sign(&self) -> Option<Comparison> {
        let token = self.peek();
        if let Kind::Compare(comparison) = token.kind {
            return Some(comparison);
        }
        let valued = matches!(self.peek_at(1).kind, Kind::Word | Kind::Quoted(_));
        SIGNS.iter().find(|(word, _)| valued && token.is(word)).map(|(_, comparison)| *comparison)
    }

    /// A sign, which comes next, and the value after it.
    fn comparison(&mut self, subject: Subject, comparison: Comparison) -> Result<Expr, Mistake> {
        let start = self.next().place.start;
        self.last = None;
        let token = self.next();
        let set = self.read(&token, subject)?;
        if comparison == Comparison::Equal {
            self.last = Some(subject);
        }
        compared(subject, comparison, set, start..token.place.end)
    }

    /// Whether a list, or a file that is one, stands so many tokens ahead.
    pub(super) fn is_list_at(&self, ahead: usize) -> bool {
        let next = self.peek_at(ahead);
        let after = self.peek_at(ahead + 1);
        let in_list = next.is("in") && (after.kind == Kind::ListOpen || file::is_file(after));
        next.kind == Kind::ListOpen || file::is_file(next) || in_list
    }

    /// `[a, b c]` with `in` or `not in` before it, or `@file`. Commas may be left out, as nfdump does.
    fn list(&mut self, subject: Subject, negative: bool) -> Result<Expr, Mistake> {
        let start = self.peek().place.start;
        if negative {
            self.next();
        }
        self.take_word("in");
        let open = self.next();
        let mut gathered = Gathered::default();
        if open.kind == Kind::ListOpen {
            while !self.take(&Kind::ListClose) {
                let token = self.next();
                self.item(subject, &token, &mut gathered)?;
                self.take(&Kind::Comma);
            }
        } else {
            self.item(subject, &open, &mut gathered)?;
        }
        let end = self.tokens.get(self.at - 1).map_or(open.place.end, |token| token.place.end);
        self.last = Some(subject);
        let Gathered { sum, mut named } = gathered;
        if !named.is_empty() {
            named.extend(sum.map(|set| Expr::Test(Test { subject, set })));
            let expr = Expr::any_of(named);
            return Ok(if negative { another(subject, expr) } else { expr });
        }
        let Some(mut sum) = sum else {
            return Err(Mistake::new(open.place.start..end, "there is nothing in this list"));
        };
        sum.settle();
        let comparison = if negative { Comparison::Unequal } else { Comparison::Equal };
        compared(subject, comparison, sum, start..end)
    }

    /// One item of a list, which has been read.
    pub(super) fn item(
        &mut self,
        subject: Subject,
        token: &Token<'_>,
        gathered: &mut Gathered,
    ) -> Result<(), Mistake> {
        match token.kind {
            Kind::Word if file::is_file(token) => return self.file(subject, token, gathered),
            Kind::Word | Kind::Quoted(_) => {}
            Kind::End => {
                return Err(Mistake::new(token.place.clone(), "a list does not end").suggest("]"));
            }
            _ => return Err(value::missing(token, subject.domain())),
        }
        if is_interface(subject) && is_name(token) {
            gathered.named.push(self.interface_named(subject, token)?);
            return Ok(());
        }
        let set = self.read(token, subject)?;
        match &mut gathered.sum {
            // All values of one subject are of one kind.
            Some(sum) => drop(sum.join(set)),
            None => gathered.sum = Some(set),
        }
        Ok(())
    }

    /// An interface by its name, with or without a sign before it; `None` if something else stands here.
    fn interface(&mut self, subject: Subject) -> Result<Option<Expr>, Mistake> {
        let comparison = self.sign().filter(|c| matches!(c, Comparison::Equal | Comparison::Unequal));
        let at = usize::from(comparison.is_some());
        let token = self.peek_at(at).clone();
        if !is_interface(subject) || !is_name(&token) {
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

    pub(super) fn read(&self, token: &Token<'_>, subject: Subject) -> Result<Set, Mistake> {
        let short = if self.nets && token.kind == Kind::Word { address::short_net(token.text) } else { None };
        match short {
            Some(ranges) => Ok(Set::Ranges(ranges)),
            None if self.groups => value::read_group(token, self.names),
            None => value::read(token, subject.domain(), self.names),
        }
    }

    /// `10.0.0.0 255.0.0.0` after `net`, as nfdump has it, or `10.0.0.0 mask 255.0.0.0`, as tcpdump does.
    fn netmask(&mut self) -> Result<Option<Set>, Mistake> {
        let network = self.peek().clone();
        let ahead = if self.peek_at(1).is("mask") { 2 } else { 1 };
        let mask = self.peek_at(ahead).clone();
        let parsed = network.text.parse::<Ipv4Addr>().ok().zip(mask.text.parse::<Ipv4Addr>().ok());
        let Some((address, bits)) = parsed.filter(|_| self.nets) else { return Ok(None) };
        let Some(length) = address::mask_length(bits) else {
            let message =
                format!("the ones of the netmask `{}` do not all stand at its beginning", mask.text);
            return Err(Mistake::new(mask.place, message));
        };
        self.at += ahead + 1;
        let prefix = format!("{address}/{length}");
        let place = network.place.start..mask.place.end;
        value::read(&Token { kind: Kind::Word, text: &prefix, place }, Domain::Addr, self.names).map(Some)
    }

    /// Where no value follows the words, the mistake names them.
    fn explained(&self, mistake: Mistake, subject: Subject, begin: usize) -> Mistake {
        let Some(token) = self.tokens.get(begin) else { return mistake };
        if matches!(token.kind, Kind::Word | Kind::Quoted(_)) {
            return mistake;
        }
        let name = if self.groups { "group" } else { subject.name() };
        let message = format!("`{name}` needs a value: {}", value::expected(subject.domain()));
        Mistake { message, ..mistake }
    }
}

/// The items of a list so far.
#[derive(Default)]
pub(super) struct Gathered {
    /// The values.
    sum: Option<Set>,
    /// Interfaces by their names.
    named: Vec<Expr>,
}

impl Gathered {
    /// Whether there is nothing yet.
    pub(super) fn is_empty(&self) -> bool {
        self.sum.is_none() && self.named.is_empty()
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
const SIGNS: &[(&str, Comparison)] = &[
    ("eq", Comparison::Equal),
    ("is", Comparison::Equal),
    ("ne", Comparison::Unequal),
    ("lt", Comparison::Less),
    ("le", Comparison::AtMost),
    ("gt", Comparison::Greater),
    ("ge", Comparison::AtLeast),
];

/// The expression of `subject comparison set`, which stands at `place`.
pub(super) fn compared(
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
        other @ (Set::Bits { .. } | Set::Civil { .. }) => other,
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
    if token.text.bytes().all(|b| b.is_ascii_digit()) && token.text != "0" {
        let message =
            format!("`flags {}` may mean nothing but these flags, or these and any others", token.text);
        return Err(Mistake::new(token.place.clone(), message).suggest(format!("= {}", token.text)));
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
