//! A filter's meaning, as a tree.

use super::range::Ranges;
use super::subject::Subject;

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

    /// At least one is true. Neighbours that compare the same subject become one comparison.
    pub(super) fn or(self, other: Self) -> Self {
        let mut members = match self {
            Self::Any(members) => members,
            single => vec![single],
        };
        let more = match other {
            Self::Any(more) => more,
            single => vec![single],
        };
        for member in more {
            match (members.last_mut(), member) {
                (Some(Self::Test(last)), Self::Test(test)) => {
                    if let Some(test) = last.merge(test) {
                        members.push(Self::Test(test));
                    }
                }
                (_, member) => members.push(member),
            }
        }
        if members.len() == 1 {
            return members.remove(0);
        }
        Self::Any(members)
    }

    /// It is not true.
    pub(super) fn negate(self) -> Self {
        match self {
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
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

    /// Takes the other comparison in, so that this one is true where either was; gives it back where it is of
    /// another kind.
    fn merge(&mut self, other: Self) -> Option<Self> {
        if self.subject != other.subject {
            return Some(other);
        }
        match (&mut self.set, other.set) {
            (Set::Ranges(mine), Set::Ranges(theirs)) => *mine = mine.union(&theirs),
            (Set::Names { names, excluded: false }, Set::Names { names: theirs, excluded: false }) => {
                names.extend(theirs);
                names.sort_unstable();
                names.dedup();
            }
            (_, set) => return Some(Self { subject: other.subject, set }),
        }
        None
    }
}
