//! Shared addresses: what several tenants had through one address, shared out among them in stated proportions.
//!
//! Where nobody knows which of them a packet was for, nothing is attributed by guess: records are the shared name's, as a
//! tenant's are, and so are their accounts. What is shared out is the accounts: for each five minutes, direction and class the
//! octets, the packets and the flow records, each in whole numbers, by largest remainder; of equal remainders the member whose name
//! comes first has the unit. So the parts are the whole, always, in every slot that a percentile looks at. A flow record is not
//! divisible: records are counted out in the same way, and no bill asks for them.
//!
//! The proportions of a slot are those that hold when it begins. While there is no member, all stays the shared name's own.

use crate::money;
use crate::network::left_over;
use crate::span::Span;
use crate::sums::{Overflow, Sums};
use crate::tenant::{Tenant, Tenants};
use crate::usage::Kind;
use std::collections::BTreeMap;

/// Somebody behind a shared address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The tenant's name.
    pub tenant: String,
    /// Its share: so many parts of the sum of all shares then.
    pub share: u32,
    /// When it is there: half-open, an edge that is not given is open.
    pub time: Span,
}

/// One's share for a time: so many of so many parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proportion {
    /// When.
    pub time: Span,
    /// Parts that are its own.
    pub share: u64,
    /// All parts.
    pub of: u64,
}

/// The members at an instant, in the order of names.
fn members(shared: &Tenant, at_ms: i64) -> Vec<&Member> {
    let mut there: Vec<&Member> =
        shared.among.iter().filter(|one| one.time.contains(at_ms) && one.share > 0).collect();
    there.sort_by(|a, b| a.tenant.cmp(&b.tenant));
    there
}

/// Which share a tenant has of a shared address within a time; in order, without the stretches in which it has none.
#[must_use]
pub fn proportions(shared: &Tenant, tenant: &str, within: Span) -> Vec<Proportion> {
    let mut instants = vec![within.from_ms];
    let edges = shared.among.iter().flat_map(|one| [one.time.from_ms, one.time.to_ms]).flatten();
    let mut edges: Vec<i64> =
        edges.filter(|ms| within.contains(*ms) && within.from_ms != Some(*ms)).collect();
    edges.sort_unstable();
    edges.dedup();
    instants.extend(edges.into_iter().map(Some));
    let ends = instants.iter().skip(1).copied().chain([within.to_ms]);
    let mut found: Vec<Proportion> = Vec::new();
    for (from_ms, to_ms) in instants.iter().copied().zip(ends) {
        let there = members(shared, from_ms.unwrap_or(i64::MIN));
        let sum = |of: &dyn Fn(&&&Member) -> bool| -> u64 {
            there.iter().filter(of).fold(0u64, |sum, one| sum.saturating_add(one.share.into()))
        };
        let (share, of) = (sum(&|one| one.tenant == tenant), sum(&|_| true));
        match found.last_mut() {
            _ if share == 0 => {}
            Some(last) if last.time.to_ms == from_ms && (last.share, last.of) == (share, of) => {
                last.time.to_ms = to_ms;
            }
            _ => found.push(Proportion { time: Span { from_ms, to_ms }, share, of }),
        }
    }
    found
}

/// The times in which a shared address is there and has no member.
#[must_use]
pub fn unshared(shared: &Tenant) -> Vec<Span> {
    let times: Vec<Span> = shared.among.iter().map(|one| one.time).collect();
    left_over(shared.presence(), &times)
}

/// A part of what a shared address had in a slot, and whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// The shared name.
    pub shared: &'a str,
    /// Whose part: a member's, or all of it the shared name's own if there is none.
    pub tenant: &'a str,
    /// The direction.
    pub kind: Kind,
    /// The class, if any was given.
    pub class: Option<&'a str>,
    /// When the slot begins, ms since 1970.
    pub start_ms: i64,
    /// The part.
    pub sums: Sums,
    /// What there was in all.
    pub whole: Sums,
}

/// A slot of a shared address: the place of its name, direction, class, and when it begins.
type Slot = (usize, Kind, Option<Box<str>>, i64);

/// What shared addresses had, until all of it is there and can be shared out.
#[derive(Clone, Debug, Default)]
pub struct Pool {
    shared: Vec<Tenant>,
    sums: BTreeMap<Slot, Sums>,
}

impl Pool {
    /// Of the shared addresses among these.
    #[must_use]
    pub fn new(tenants: &Tenants) -> Self {
        Self::that(tenants, |_| true)
    }

    /// Of those that any of these has a share of, or is: for who asks about few.
    #[must_use]
    pub fn behind(tenants: &Tenants, names: &[&str]) -> Self {
        let is_asked = |name: &str| names.contains(&name);
        let has_share = |shared: &Tenant| shared.among.iter().any(|one| is_asked(&one.tenant));
        Self::that(tenants, |shared| is_asked(&shared.name) || has_share(shared))
    }

    fn that(tenants: &Tenants, is_wanted: impl Fn(&Tenant) -> bool) -> Self {
        let wanted = tenants.iter().filter(|one| one.is_shared && is_wanted(one));
        let mut shared: Vec<Tenant> = wanted.cloned().collect();
        shared.sort_by(|a, b| a.name.cmp(&b.name));
        Self { shared, sums: BTreeMap::new() }
    }

    fn place(&self, name: &str) -> Option<usize> {
        if self.shared.is_empty() {
            return None;
        }
        self.shared.binary_search_by(|one| one.name.as_str().cmp(name)).ok()
    }

    /// The names of all shared addresses.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.shared.iter().map(|one| one.name.as_str())
    }

    /// Whether this is the name of a shared address.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.place(name).is_some()
    }

    /// Takes what an account of five minutes says, if it is of a shared address; says whether it is.
    ///
    /// # Errors
    /// [`Overflow`]
    pub fn take(
        &mut self,
        name: &str,
        kind: Kind,
        class: Option<&str>,
        start_ms: i64,
        sums: Sums,
    ) -> Result<bool, Overflow> {
        let Some(place) = self.place(name) else { return Ok(false) };
        self.sums.entry((place, kind, class.map(Into::into), start_ms)).or_default().add(sums)?;
        Ok(true)
    }

    /// Shares everything out, in the order of names, directions, classes and times.
    ///
    /// # Errors
    /// [`Overflow`], or what `give` says.
    pub fn share_out<E: From<Overflow>>(
        &self,
        mut give: impl FnMut(Part<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        for ((place, kind, class, start_ms), whole) in &self.sums {
            let Some(shared) = self.shared.get(*place) else { continue };
            let there = members(shared, *start_ms);
            let weights: Vec<u128> = there.iter().map(|one| one.share.into()).collect();
            let part = |tenant, sums| Part {
                shared: &shared.name,
                tenant,
                kind: *kind,
                class: class.as_deref(),
                start_ms: *start_ms,
                sums,
                whole: *whole,
            };
            if there.is_empty() {
                give(part(&shared.name, *whole))?;
                continue;
            }
            let [octets, packets, flows] =
                [whole.octets, whole.packets, whole.flows].map(|sum| divided(sum, &weights));
            let parts = octets?.into_iter().zip(packets?).zip(flows?);
            for (member, ((octets, packets), flows)) in there.iter().zip(parts) {
                give(part(&member.tenant, Sums { octets, packets, flows }))?;
            }
        }
        Ok(())
    }
}

/// A sum by these weights, in whole numbers that are the sum together.
fn divided(sum: u64, weights: &[u128]) -> Result<Vec<u64>, Overflow> {
    let (parts, _) = money::shares(sum.into(), weights).ok_or(Overflow)?;
    parts.into_iter().map(|part| u64::try_from(part).map_err(|_| Overflow)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn member(tenant: &str, share: u32, from_ms: Option<i64>, to_ms: Option<i64>) -> Member {
        Member { tenant: tenant.into(), share, time: Span { from_ms, to_ms } }
    }

    fn pool(members: Vec<Member>) -> Pool {
        let nat = Tenant { name: "nat".into(), among: members, is_shared: true, ..Tenant::default() };
        let own = Tenant { name: "a".into(), ..Tenant::default() };
        Pool::new(&Tenants::new(vec![own, nat]).unwrap())
    }

    fn out(pool: &Pool) -> Vec<(String, i64, [u64; 3])> {
        let mut parts = Vec::new();
        let give = |part: Part<'_>| {
            let sums = part.sums;
            parts.push((part.tenant.to_owned(), part.start_ms, [sums.octets, sums.packets, sums.flows]));
            Ok::<(), Overflow>(())
        };
        pool.share_out(give).unwrap();
        parts
    }

    #[test]
    fn a_slot_is_shared_out_to_the_octet() {
        let mut pool = pool(vec![member("b", 1, None, None), member("a", 2, None, None)]);
        let take =
            |pool: &mut Pool, name: &str, kind, sums| pool.take(name, kind, None, 300_000, sums).unwrap();
        assert!(!take(&mut pool, "a", Kind::In, Sums::new(9, 9, 9)), "its own is nobody's else");
        // 1000 of 3 parts: 666.67 and 333.33; 4 packets: 2.67 and 1.33; one flow.
        assert!(take(&mut pool, "nat", Kind::In, Sums::new(600, 1, 1)));
        assert!(take(&mut pool, "nat", Kind::In, Sums::new(400, 3, 0)));
        assert!(take(&mut pool, "nat", Kind::Out, Sums::new(2, 2, 2)));
        assert_eq!(
            out(&pool),
            [
                ("a".into(), 300_000, [667, 3, 1]),
                ("b".into(), 300_000, [333, 1, 0]),
                // 1.33 and 0.67.
                ("a".into(), 300_000, [1, 1, 1]),
                ("b".into(), 300_000, [1, 1, 1]),
            ]
        );
    }

    #[test]
    fn equal_remainders_go_to_the_first_name() {
        let mut pool =
            pool(vec![member("c", 1, None, None), member("b", 1, None, None), member("a", 1, None, None)]);
        pool.take("nat", Kind::In, Some("free"), 0, Sums::new(5, 4, 1)).unwrap();
        assert_eq!(
            out(&pool),
            [("a".into(), 0, [2, 2, 1]), ("b".into(), 0, [2, 1, 0]), ("c".into(), 0, [1, 1, 0])]
        );
    }

    #[test]
    fn members_come_and_go_by_the_slot() {
        let slot = 300_000;
        let list = vec![member("a", 1, Some(slot), None), member("b", 3, Some(slot + 1), Some(3 * slot))];
        let shared = Tenant { among: list.clone(), ..Tenant::default() };
        let mut pool = pool(list);
        for at in 0..4 {
            pool.take("nat", Kind::In, None, at * slot, Sums::new(8, 4, 4)).unwrap();
        }
        assert_eq!(
            out(&pool),
            [
                ("nat".into(), 0, [8, 4, 4]),
                ("a".into(), slot, [8, 4, 4]),
                ("a".into(), 2 * slot, [2, 1, 1]),
                ("b".into(), 2 * slot, [6, 3, 3]),
                ("a".into(), 3 * slot, [8, 4, 4]),
            ]
        );
        let of = |tenant: &str, from_ms, to_ms| -> Vec<(Option<i64>, Option<i64>, u64, u64)> {
            let found = proportions(&shared, tenant, Span { from_ms, to_ms }).into_iter();
            found.map(|one| (one.time.from_ms, one.time.to_ms, one.share, one.of)).collect()
        };
        assert_eq!(
            of("a", None, None),
            [
                (Some(slot), Some(slot + 1), 1, 1),
                (Some(slot + 1), Some(3 * slot), 1, 4),
                (Some(3 * slot), None, 1, 1)
            ]
        );
        assert_eq!(of("b", Some(2 * slot), Some(9 * slot)), [(Some(2 * slot), Some(3 * slot), 3, 4)]);
        assert_eq!(of("c", None, None), []);
        assert_eq!(unshared(&shared), [Span { from_ms: None, to_ms: Some(slot) }]);
    }

    proptest! {
        /// The parts are the whole in every figure, and nobody is further than one from what is due.
        #[test]
        fn parts_are_the_whole(
            shares in prop::collection::vec(1u32..1000, 1..6),
            sums in prop::array::uniform3(0u64..=u64::MAX),
        ) {
            let members: Vec<Member> =
                shares.iter().enumerate().map(|(at, share)| member(&at.to_string(), *share, None, None)).collect();
            let mut pool = pool(members);
            pool.take("nat", Kind::Out, None, 0, Sums::new(sums[0], sums[1], sums[2])).unwrap();
            let parts = out(&pool);
            let all: u128 = shares.iter().map(|share| u128::from(*share)).sum();
            for (at, sum) in sums.into_iter().enumerate() {
                prop_assert_eq!(parts.iter().map(|(_, _, part)| u128::from(part[at])).sum::<u128>(), u128::from(sum));
                for (share, (_, _, part)) in shares.iter().zip(&parts) {
                    let due = u128::from(sum) * u128::from(*share) / all;
                    prop_assert!((due..=due + 1).contains(&u128::from(part[at])));
                }
            }
        }
    }
}
