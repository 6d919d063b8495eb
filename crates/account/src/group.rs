//! Groups of tenants: a path such as `campus/north/floor 3`, and what all in it come to.
//!
//! A tenant is in one group or in none, and so in every group that its path begins with: what is in `campus/north` is in
//! `campus`. [`Subtotals`] adds figures up level by level, whatever they are; each group's sum is that of the tenants in
//! it and below it, so that the outermost groups and the tenants without one sum to the whole, exactly.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// A group, by the path of names that leads to it, the outermost first.
///
/// Groups are in the order of their paths' parts, so that what is in a group comes right after it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Group(Box<str>);

/// Why a text is no path of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotGroup;

impl fmt::Display for NotGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the path of a group is names with / between them, none of them empty or with a space at its end",
        )
    }
}

impl std::error::Error for NotGroup {}

impl Group {
    /// Its path, as it is written.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.0
    }

    /// The names on its path.
    pub fn parts(&self) -> impl DoubleEndedIterator<Item = &str> + Clone {
        self.0.split('/')
    }

    /// The last name on its path.
    #[must_use]
    pub fn name(&self) -> &str {
        self.parts().next_back().unwrap_or_default()
    }

    /// How many names its path has; 1 is one that is in no other.
    #[must_use]
    pub fn level(&self) -> usize {
        self.parts().count()
    }

    /// Whether the other is this one, or is in it.
    #[must_use]
    pub fn encloses(&self, other: &Self) -> bool {
        let rest = other.0.strip_prefix(&*self.0);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// The groups that it is in, the outermost first, and itself at the end.
    pub fn levels(&self) -> impl Iterator<Item = Self> {
        let ends = self.0.match_indices('/').map(|(at, _)| at).chain([self.0.len()]);
        ends.filter_map(|end| Some(Self(self.0.get(..end)?.into())))
    }
}

impl FromStr for Group {
    type Err = NotGroup;

    fn from_str(text: &str) -> Result<Self, NotGroup> {
        let is_name =
            |part: &str| !part.is_empty() && part.trim() == part && !part.chars().any(char::is_control);
        if text.split('/').all(is_name) { Ok(Self(text.into())) } else { Err(NotGroup) }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Ord for Group {
    fn cmp(&self, other: &Self) -> Ordering {
        // By letters, `a b` would come between `a` and `a/c`.
        self.parts().cmp(other.parts())
    }
}

impl PartialOrd for Group {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// What tenants come to together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subtotal<T> {
    /// How many tenants.
    pub tenants: u64,
    /// Their sum.
    pub sum: T,
}

/// Figures of tenants added up: by group, of those in none, and of all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subtotals<T> {
    groups: BTreeMap<Group, Subtotal<T>>,
    rest: Subtotal<T>,
    whole: Subtotal<T>,
}

impl<T: Default> Subtotals<T> {
    /// Adds a tenant: `add` puts its figures to the sum of each group that it is in, or of the tenants that are in none, and
    /// to the whole.
    ///
    /// # Errors
    /// The first of `add`; the subtotals are then of no use.
    pub fn add<E>(&mut self, group: Option<&Group>, add: impl Fn(&mut T) -> Result<(), E>) -> Result<(), E> {
        let one = |subtotal: &mut Subtotal<T>| {
            subtotal.tenants = subtotal.tenants.saturating_add(1);
            add(&mut subtotal.sum)
        };
        match group {
            Some(group) => {
                group.levels().try_for_each(|level| one(self.groups.entry(level).or_default()))?;
            }
            None => one(&mut self.rest)?,
        }
        one(&mut self.whole)
    }
}

impl<T> Subtotals<T> {
    /// Whether any tenant is in a group.
    #[must_use]
    pub fn has_groups(&self) -> bool {
        !self.groups.is_empty()
    }

    /// Every group with what is in it and below it, each right before what is in it.
    pub fn groups(&self) -> impl Iterator<Item = (&Group, &Subtotal<T>)> {
        self.groups.iter()
    }

    /// A group's sum.
    #[must_use]
    pub fn get(&self, group: &Group) -> Option<&Subtotal<T>> {
        self.groups.get(group)
    }

    /// The tenants that are in no group, if there are any.
    #[must_use]
    pub fn rest(&self) -> Option<&Subtotal<T>> {
        Some(&self.rest).filter(|rest| rest.tenants > 0)
    }

    /// All tenants.
    #[must_use]
    pub const fn whole(&self) -> &Subtotal<T> {
        &self.whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sums::{Overflow, Sums};
    use proptest::prelude::*;

    fn group(path: &str) -> Group {
        path.parse().unwrap()
    }

    #[test]
    fn a_path_is_names_between_slashes() {
        let north = group("campus/north/floor 3");
        assert_eq!((north.name(), north.level(), north.path()), ("floor 3", 3, "campus/north/floor 3"));
        let levels: Vec<String> = north.levels().map(|level| level.to_string()).collect();
        assert_eq!(levels, ["campus", "campus/north", "campus/north/floor 3"]);
        for wrong in ["", "/", "a/", "/a", "a//b", " a", "a /b", "a\n", "a\tb/c"] {
            assert_eq!(wrong.parse::<Group>(), Err(NotGroup), "{wrong:?}");
        }
        assert_eq!(group("ж/ü").name(), "ü");
    }

    #[test]
    fn what_begins_with_the_same_letters_is_not_in_it() {
        let campus = group("campus");
        for (path, is_in) in [
            ("campus", true),
            ("campus/north", true),
            ("campus north", false),
            ("campusnorth/a", false),
            ("camp", false),
        ] {
            assert_eq!(campus.encloses(&group(path)), is_in, "{path}");
        }
        let mut all = ["a b", "a/b", "a", "b", "a/b/c", "a-b", "a/b c"].map(group);
        all.sort();
        let all: Vec<&str> = all.iter().map(Group::path).collect();
        assert_eq!(all, ["a", "a/b", "a/b/c", "a/b c", "a b", "a-b", "b"]);
    }

    /// Worked by hand: 1 in a, 10 and 100 in a/b, 1000 in a/b/c, 10000 in d, 100000 in none.
    #[test]
    fn sums_are_of_all_below() {
        let mut subtotals = Subtotals::<u64>::default();
        for (path, figure) in
            [("a", 1), ("a/b", 10), ("a/b/c", 1000), ("a/b", 100), ("d", 10_000), ("", 100_000)]
        {
            let of = (!path.is_empty()).then(|| group(path));
            let add = |sum: &mut u64| -> Result<(), Overflow> {
                *sum = sum.checked_add(figure).ok_or(Overflow)?;
                Ok(())
            };
            subtotals.add(of.as_ref(), add).unwrap();
        }
        let found: Vec<(&str, u64, u64)> =
            subtotals.groups().map(|(group, one)| (group.path(), one.tenants, one.sum)).collect();
        assert_eq!(found, [("a", 4, 1111), ("a/b", 3, 1110), ("a/b/c", 1, 1000), ("d", 1, 10_000)]);
        assert_eq!(subtotals.rest().map(|rest| (rest.tenants, rest.sum)), Some((1, 100_000)));
        assert_eq!((subtotals.whole().tenants, subtotals.whole().sum), (6, 111_111));
    }

    fn tenants() -> impl Strategy<Value = Vec<(Option<String>, Sums)>> {
        let part = prop::sample::select(vec!["a", "b", "a b", "c"]);
        let path = prop::collection::vec(part, 0..4).prop_map(|parts| parts.join("/"));
        let sums = (0..u64::MAX / 64, 0..u64::MAX / 64, 0..u64::MAX / 64);
        let tenant = (path, sums).prop_map(|(path, (octets, packets, flows))| {
            (Some(path).filter(|path| !path.is_empty()), Sums::new(octets, packets, flows))
        });
        prop::collection::vec(tenant, 0..40)
    }

    proptest! {
        /// The outermost groups and those in none are the whole; each group is what is told of it tenant by tenant.
        #[test]
        fn parts_of_groups_sum_to_the_whole(tenants in tenants()) {
            let mut subtotals = Subtotals::<Sums>::default();
            for (path, sums) in &tenants {
                let of = path.as_deref().map(group);
                subtotals.add(of.as_ref(), |sum| sum.add(*sums)).unwrap();
            }
            let outermost = subtotals.groups().filter(|(group, _)| group.level() == 1).map(|(_, one)| one.sum);
            let parts = outermost.chain(subtotals.rest().map(|rest| rest.sum));
            prop_assert_eq!(Sums::sum(parts), Ok(subtotals.whole().sum));
            prop_assert_eq!(Sums::sum(tenants.iter().map(|(_, sums)| *sums)), Ok(subtotals.whole().sum));
            for (one, subtotal) in subtotals.groups() {
                let inside = |path: &Option<String>| path.as_deref().is_some_and(|path| {
                    path == one.path() || path.starts_with(&format!("{}/", one.path()))
                });
                let of_it: Vec<Sums> =
                    tenants.iter().filter(|(path, _)| inside(path)).map(|(_, sums)| *sums).collect();
                prop_assert_eq!(subtotal.tenants, of_it.len() as u64);
                prop_assert_eq!(Sums::sum(of_it), Ok(subtotal.sum));
            }
        }
    }
}
