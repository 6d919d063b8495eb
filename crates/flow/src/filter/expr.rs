//! A filter's meaning, as a tree.

use super::range::Ranges;
use super::subject::Subject;
use crate::civil::Civil;

/// Truth of a row, in two values: a comparison with an absent value is false, `Not` is the plain complement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Expr {
    /// Every one is true; of none, true. At least two members or none, none of them an `All`.
    All(Vec<Expr>),
    /// At least one is true. At least two members, none of them an `Any`.
    Any(Vec<Expr>),
    /// It is not true. Never holds another `Not`.
    Not(Box<Expr>),
    /// A comparison.
    Test(Test),
}

/// The subject has a value, and the value is in the set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Test {
    /// What is compared.
    pub(super) subject: Subject,
    /// With what.
    pub(super) set: Set,
}

/// Values that match. Never empty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Set {
    /// Those in the ranges, held as the subject's [`Domain`](super::subject::Domain) says.
    Ranges(Ranges),
    /// Those whose bits under the mask are these; `value` has no bit outside `mask`, which is not 0.
    Bits {
        /// Which bits matter.
        mask: u16,
        /// What they must be.
        value: u16,
    },
    /// Those in the ranges, of what the clocks of a zone show.
    Civil {
        /// Times of day or days of the week.
        ranges: Ranges,
        /// The zone's clocks.
        zone: Civil,
    },
    /// These names, sorted, each once; or every name but these.
    Names {
        /// The names.
        names: Vec<String>,
        /// Whether they are the ones that do not match.
        excluded: bool,
    },
}

impl Expr {
    /// What every row matches.
    pub(super) const EVERYTHING: Self = Self::All(Vec::new());

    /// Both are true.
    pub(super) fn and(self, other: Self) -> Self {
        let mut members = match self {
            Self::All(members) => members,
            single => vec![single],
        };
        match other {
            Self::All(more) => members.extend(more),
            single => members.push(single),
        }
        if members.len() == 1 {
            return members.remove(0);
        }
        Self::All(members)
    }

    /// At least one of these is true; there is at least one. Neighbours that compare the same subject become one
    /// comparison: `port 80 or port 443` is `port in [80, 443]`.
    pub(super) fn any_of(alternatives: Vec<Self>) -> Self {
        let mut members: Vec<Self> = Vec::with_capacity(alternatives.len());
        for alternative in alternatives {
            match alternative {
                Self::Any(inner) => {
                    for member in inner {
                        push_alternative(&mut members, member);
                    }
                }
                member => push_alternative(&mut members, member),
            }
        }
        for member in &mut members {
            if let Self::Test(test) = member {
                test.set.settle();
            }
        }
        if members.len() == 1 { members.remove(0) } else { Self::Any(members) }
    }

    /// It is not true.
    pub(super) fn negate(self) -> Self {
        match self {
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    /// Whether it asks that several flags are all set.
    pub(super) fn is_several_flags(&self) -> bool {
        matches!(self, Self::Test(Test { set: Set::Bits { mask, value }, .. }) if mask == value && mask.count_ones() > 1)
    }

    /// What asks for times of day asks for those of this zone.
    pub(super) fn in_zone(&mut self, zone: &Civil) {
        match self {
            Self::All(members) | Self::Any(members) => members.iter_mut().for_each(|e| e.in_zone(zone)),
            Self::Not(inner) => inner.in_zone(zone),
            Self::Test(Test { subject: Subject::TimeOfDay(_) | Subject::Weekday(_), set }) => {
                if let Set::Ranges(ranges) = set {
                    let ranges = std::mem::replace(ranges, Ranges::from_pairs(Vec::new()));
                    *set = Set::Civil { ranges, zone: zone.clone() };
                }
            }
            Self::Test(_) => {}
        }
    }

    /// The columns it reads, as a presence mask.
    pub(super) fn columns(&self) -> u64 {
        match self {
            Self::All(members) | Self::Any(members) => members.iter().fold(0, |mask, e| mask | e.columns()),
            Self::Not(inner) => inner.columns(),
            Self::Test(test) => test.subject.reads(),
        }
    }
}

impl Test {
    /// The subject has a value in these ranges.
    pub(super) fn ranges(subject: Subject, ranges: Ranges) -> Self {
        Self { subject, set: Set::Ranges(ranges) }
    }
}

/// Adds an alternative to the others, or to the comparison that is the last of them.
fn push_alternative(members: &mut Vec<Expr>, member: Expr) {
    match (members.last_mut(), member) {
        (Some(Expr::Test(last)), Expr::Test(test)) if last.subject == test.subject => {
            let subject = test.subject;
            if let Some(set) = last.set.join(test.set) {
                members.push(Expr::Test(Test { subject, set }));
            }
        }
        (_, member) => members.push(member),
    }
}

impl Set {
    /// Takes another set in, or gives it back where it is of another kind. After the last one comes
    /// [`Set::settle`]; putting a long list in order at every step would take the square of its length.
    pub(super) fn join(&mut self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Ranges(mine), Self::Ranges(more)) => mine.join(more),
            (Self::Names { names, excluded: false }, Self::Names { names: more, excluded: false }) => {
                names.extend(more);
            }
            (_, other) => return Some(other),
        }
        None
    }

    /// Puts what was joined in order.
    pub(super) fn settle(&mut self) {
        match self {
            Self::Ranges(ranges) => ranges.settle(),
            Self::Names { names, .. } => {
                names.sort_unstable();
                names.dedup();
            }
            // The parser puts these together before they are of a zone.
            Self::Bits { .. } | Self::Civil { .. } => {}
        }
    }
}
