//! Holes in the list of tenants: networks that are somebody's before and after, and nobody's in between.
//!
//! That may be meant (a room stands empty), so it is no error. Traffic of that time is *unmatched*.

use crate::network::left_over;
use crate::prefix::Prefix;
use crate::span::Span;
use crate::tenant::{Tenant, Tenants};
use std::collections::BTreeSet;

/// A time in which a network that was somebody's and will be again is nobody's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The network.
    pub network: Prefix,
    /// When it is nobody's.
    pub time: Span,
    /// Who had it until then.
    pub before: String,
    /// Who has it afterwards.
    pub after: String,
}

impl Tenants {
    /// All holes between two times of a network, in the order of networks and times. What encloses a network covers it.
    #[must_use]
    pub fn gaps(&self) -> Vec<Gap> {
        // Networks of other exporters are others.
        let mut named: BTreeSet<(Prefix, &[weir_flow::Addr])> = BTreeSet::new();
        for tenant in self.iter() {
            let dated = tenant.networks.iter().filter(|network| network.time != Span::default());
            named.extend(dated.map(|network| (network.prefix, tenant.exporters.as_slice())));
        }
        let gaps = named.into_iter().flat_map(|(network, exporters)| {
            let is_seen = |tenant: &&Tenant| tenant.exporters.is_empty() || tenant.exporters == exporters;
            let entries = self.iter().filter(is_seen).flat_map(|tenant| {
                tenant.networks.iter().map(move |entry| (entry.prefix, entry.time, tenant))
            });
            of_network(network, &entries.filter(|(outer, ..)| outer.encloses(&network)).collect::<Vec<_>>())
        });
        gaps.collect()
    }
}

/// The gaps of one network, of those that enclose it.
fn of_network(network: Prefix, covering: &[(Prefix, Span, &Tenant)]) -> Vec<Gap> {
    let own = || covering.iter().filter(|(prefix, ..)| *prefix == network);
    let from_ms = own().map(|(_, time, _)| time.from_ms).min().flatten();
    let is_open = own().any(|(_, time, _)| time.to_ms.is_none());
    let to_ms = if is_open { None } else { own().filter_map(|(_, time, _)| time.to_ms).max() };
    let times: Vec<Span> = covering.iter().map(|(_, time, _)| *time).collect();
    let left = left_over(Span { from_ms, to_ms }, &times).into_iter();
    let name = |found: Option<&(Prefix, Span, &Tenant)>| found.map(|(_, _, tenant)| tenant.name.clone());
    left.filter_map(|time| {
        let before = name(covering.iter().find(|(_, other, _)| other.to_ms == time.from_ms))?;
        let after = name(covering.iter().find(|(_, other, _)| other.from_ms == time.to_ms))?;
        Some(Gap { network, time, before, after })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Network;

    fn tenant(name: &str, networks: &[(&str, Option<i64>, Option<i64>)]) -> Tenant {
        let network = |(prefix, from_ms, to_ms): &(&str, Option<i64>, Option<i64>)| Network {
            prefix: prefix.parse().unwrap(),
            time: Span { from_ms: *from_ms, to_ms: *to_ms },
        };
        Tenant {
            name: name.into(),
            networks: networks.iter().map(network).collect(),
            nested: true,
            ..Tenant::default()
        }
    }

    fn gaps(list: Vec<Tenant>) -> Vec<(String, Option<i64>, Option<i64>, String)> {
        let gaps = Tenants::new(list).unwrap().gaps().into_iter();
        gaps.map(|gap| {
            let who = format!("{} {}", gap.before, gap.after);
            (gap.network.to_string(), gap.time.from_ms, gap.time.to_ms, who)
        })
        .collect()
    }

    #[test]
    fn a_network_that_is_nobodys_between_two_times_is_found() {
        let list = || {
            vec![
                tenant("a", &[("10.0.0.0/24", None, Some(10)), ("10.0.1.0/24", Some(3), Some(9))]),
                tenant("b", &[("10.0.0.0/24", Some(12), Some(20)), ("10.0.0.0/24", Some(30), None)]),
            ]
        };
        assert_eq!(
            gaps(list()),
            [
                ("10.0.0.0/24".into(), Some(10), Some(12), "a b".into()),
                ("10.0.0.0/24".into(), Some(20), Some(30), "b b".into()),
            ]
        );
        // The landlord has what nobody else has: from 11 on, and always.
        let mut some = list();
        some.push(tenant("house", &[("10.0.0.0/8", Some(11), None)]));
        assert_eq!(gaps(some), [("10.0.0.0/24".into(), Some(10), Some(11), "a house".into())]);
        let mut all = list();
        all.push(tenant("house", &[("10.0.0.0/8", None, None)]));
        assert_eq!(gaps(all), []);
    }
}
