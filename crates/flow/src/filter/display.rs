//! Writes an expression as a text that parses to an equal one, and that a person would have typed.

use super::expr::{Expr, Set, Test};
use super::range::Ranges;
use super::subject::{Domain, Subject};
use super::value::{write, write_first};
use super::{address, civil, flag, lexer};
use std::fmt;

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(members) if members.is_empty() => f.write_str("any"),
            Self::All(members) => joined(f, members, " and "),
            Self::Any(members) => joined(f, members, " or "),
            // In front of several flags `not` alone would be read as nfdump reads it; the parser refuses it.
            Self::Not(inner) if inner.is_several_flags() => write!(f, "not ({inner})"),
            Self::Not(inner) => {
                f.write_str("not ")?;
                enclosed(f, inner)
            }
            Self::Test(test) => test.fmt(f),
        }
    }
}

fn joined(f: &mut fmt::Formatter<'_>, members: &[Expr], word: &str) -> fmt::Result {
    for (i, member) in members.iter().enumerate() {
        if i > 0 {
            f.write_str(word)?;
        }
        enclosed(f, member)?;
    }
    Ok(())
}

/// In parentheses, if it has parts. Not every pair is needed; all of them help the reader.
fn enclosed(f: &mut fmt::Formatter<'_>, expr: &Expr) -> fmt::Result {
    match expr {
        Expr::All(members) | Expr::Any(members) if !members.is_empty() => write!(f, "({expr})"),
        _ => fmt::Display::fmt(expr, f),
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.subject.name();
        match &self.set {
            Set::Ranges(ranges) | Set::Civil { ranges, .. } => {
                let (sign, items) = compared(self.subject, ranges);
                write!(f, "{name}{sign}{}", listed(sign, &items))
            }
            Set::Bits { mask, value } if mask == value => write!(f, "{name} {}", flag::letters(*value)),
            Set::Bits { mask, value } => {
                write!(f, "{name} {}/{}", flag::letters(*value), flag::letters(*mask))
            }
            Set::Names { names, excluded } => {
                let items: Vec<String> = names.iter().map(|name| lexer::quote(name)).collect();
                let sign = match (excluded, items.len()) {
                    (true, 1) => " != ",
                    (true, _) => " not in ",
                    (false, 1) => " ",
                    (false, _) => " in ",
                };
                write!(f, "{name}{sign}{}", listed(sign, &items))
            }
        }
    }
}

/// After a sign the item as it is, after `in` a list.
fn listed(sign: &str, items: &[String]) -> String {
    match items {
        [single] if !sign.ends_with("in ") => single.clone(),
        several => format!("[{}]", several.join(", ")),
    }
}

/// The shortest of the ways to say the same: a comparison sign, and the items after it.
fn compared(subject: Subject, ranges: &Ranges) -> (&'static str, Vec<String>) {
    let domain = subject.domain();
    if let (true, [(low, high)]) = (domain.is_ordered() && !domain.is_civil(), ranges.pairs())
        && low != high
    {
        if *high == domain.max() {
            let least = write_first(*low, domain);
            let below = low.checked_sub(1).map(|n| write(n, domain)).filter(|text| text.len() < least.len());
            return below.map_or_else(|| (" >= ", vec![least]), |text| (" > ", vec![text]));
        }
        if *low == 0 {
            let greatest = write(*high, domain);
            let above = Some(write_first(high + 1, domain)).filter(|text| text.len() < greatest.len());
            return above.map_or_else(|| (" <= ", vec![greatest]), |text| (" < ", vec![text]));
        }
    }
    let items = written(ranges, domain);
    if items.len() > 1 && !subject.is_several() && !domain.is_civil() {
        let others = written(&ranges.complement(domain.max()), domain);
        match others.as_slice() {
            [single] if !single.contains("..") => return (" != ", others),
            fewer if (1..items.len()).contains(&fewer.len()) => return (" not in ", others),
            _ => {}
        }
    }
    match (items.len(), domain) {
        (1, Domain::Count | Domain::Duration | Domain::Time | Domain::Flags) => (" = ", items),
        (1, _) => (" ", items),
        _ => (" in ", items),
    }
}

/// Each range as an item of a list.
fn written(ranges: &Ranges, domain: Domain) -> Vec<String> {
    match domain {
        Domain::Addr | Domain::Exporter => address::write(ranges),
        Domain::Word(words) => {
            let held = (0..words.len() as u128).filter(|code| ranges.contains(*code));
            held.map(|code| write(code, domain)).collect()
        }
        Domain::Clock => ranges.pairs().iter().map(|(low, high)| civil::write_times(*low, *high)).collect(),
        Domain::Weekday => {
            ranges.pairs().iter().map(|(low, high)| civil::write_weekdays(*low, *high)).collect()
        }
        _ => ranges.pairs().iter().map(|(low, high)| write_range(*low, *high, domain)).collect(),
    }
}

fn write_range(low: u128, high: u128, domain: Domain) -> String {
    if low == high {
        return write(low, domain);
    }
    // A day, a minute and a second are ranges that have a name of their own.
    let first = write_first(low, domain);
    let last = write(high, domain);
    if super::value::means(&first, domain) == Some((low, high)) { first } else { format!("{first}..{last}") }
}

impl Domain {
    /// Whether its values have an order that people compare by.
    pub(super) fn is_ordered(self) -> bool {
        !matches!(
            self,
            Self::Addr | Self::Exporter | Self::Mac | Self::Word(_) | Self::Name | Self::Text | Self::Weekday
        )
    }

    /// Whether its values come round again: they are written as spans.
    fn is_civil(self) -> bool {
        matches!(self, Self::Clock | Self::Weekday)
    }
}
