//! Holes in the list of tenants: networks that are somebody's before and after, and nobody's in between; and ports of a shared
//! address that are nobody's while others of it are somebody's.
//!
//! Both may be meant (a room stands empty, a NAT gives out no low ports), so they are no errors. Their traffic is *unmatched*.

use crate::block::Block;
use crate::network::{Network, left_over};
use crate::prefix::Prefix;
use crate::span::Span;
use crate::tenant::{Tenant, Tenants};
use std::collections::{BTreeMap, BTreeSet};
use weir_flow::Addr;

/// A time in which a network that was somebody's and will be again is nobody's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The network.
    pub network: Prefix,
    /// The ports of it; `None` is all of it.
    pub ports: Option<Block>,
    /// When it is nobody's.
    pub time: Span,
    /// Who had it until then.
    pub before: String,
    /// Who has it afterwards.
    pub after: String,
}

/// Ports that are nobody's of networks whose other ports are somebody's, at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortGap {
    /// All networks with the same hole, in their order.
    pub networks: Vec<Prefix>,
    /// When.
    pub time: Span,
    /// The ports, in order; none where only what has no port is nobody's. That is so always: else there was no hole.
    pub ports: Vec<Block>,
}

/// From when until when which ports are nobody's.
type Hole = (Option<i64>, Option<i64>, Vec<Block>);

impl Tenants {
    /// All holes between two times of a network, in the order of networks and times. What encloses a network covers it.
    #[must_use]
    pub fn gaps(&self) -> Vec<Gap> {
        // Networks of other exporters are others.
        let mut named: BTreeSet<(Prefix, Option<Block>, &[Addr])> = BTreeSet::new();
        for tenant in self.iter() {
            let dated = tenant.networks.iter().filter(|network| network.time != Span::default());
            named.extend(dated.map(|one| (one.prefix, one.ports, tenant.exporters.as_slice())));
        }
        let gaps = named.into_iter().flat_map(|(network, ports, exporters)| {
            let covers = |one: &Network| one.prefix.encloses(&network) && one.has_ports_of(ports);
            let entries = self.seen_by(exporters).filter(|(entry, _)| covers(entry));
            of_network(network, ports, &entries.collect::<Vec<_>>())
        });
        gaps.collect()
    }

    /// All holes among the ports of shared addresses, in the order of their first networks and times.
    #[must_use]
    pub fn port_gaps(&self) -> Vec<PortGap> {
        let mut named: BTreeSet<(Prefix, &[Addr])> = BTreeSet::new();
        for tenant in self.iter() {
            let divided = tenant.networks.iter().filter(|network| network.ports.is_some());
            named.extend(divided.map(|network| (network.prefix, tenant.exporters.as_slice())));
        }
        let mut found: Vec<PortGap> = Vec::new();
        let mut alike: BTreeMap<Hole, usize> = BTreeMap::new();
        for (network, exporters) in named {
            let around = self.seen_by(exporters).map(|(entry, _)| *entry);
            let around: Vec<Network> = around.filter(|entry| entry.prefix.encloses(&network)).collect();
            for (time, ports) in of_ports(network, &around) {
                let known = *alike.entry((time.from_ms, time.to_ms, ports.clone())).or_insert_with(|| {
                    found.push(PortGap { networks: Vec::new(), time, ports });
                    found.len().saturating_sub(1)
                });
                found.get_mut(known).into_iter().for_each(|gap| gap.networks.push(network));
            }
        }
        found
    }

    /// The networks that hold in the records of these exporters, each with its tenant.
    fn seen_by<'a>(&'a self, exporters: &'a [Addr]) -> impl Iterator<Item = (&'a Network, &'a Tenant)> {
        let is_seen = move |tenant: &&Tenant| tenant.exporters.is_empty() || tenant.exporters == exporters;
        self.iter().filter(is_seen).flat_map(|tenant| tenant.networks.iter().map(move |one| (one, tenant)))
    }
}

/// The gaps of one network, or of ports of it, of those that enclose it.
fn of_network(network: Prefix, ports: Option<Block>, covering: &[(&Network, &Tenant)]) -> Vec<Gap> {
    let own = || covering.iter().filter(|(entry, _)| entry.prefix == network && entry.ports == ports);
    let from_ms = own().map(|(entry, _)| entry.time.from_ms).min().flatten();
    let is_open = own().any(|(entry, _)| entry.time.to_ms.is_none());
    let to_ms = if is_open { None } else { own().filter_map(|(entry, _)| entry.time.to_ms).max() };
    let times: Vec<Span> = covering.iter().map(|(entry, _)| entry.time).collect();
    let left = left_over(Span { from_ms, to_ms }, &times).into_iter();
    let name = |found: Option<&(&Network, &Tenant)>| found.map(|(_, tenant)| tenant.name.clone());
    left.filter_map(|time| {
        let before = name(covering.iter().find(|(other, _)| other.time.to_ms == time.from_ms))?;
        let after = name(covering.iter().find(|(other, _)| other.time.from_ms == time.to_ms))?;
        Some(Gap { network, ports, time, before, after })
    })
    .collect()
}

/// The ports of one network that are nobody's, of those that enclose it: at each time that some of its ports are somebody's.
fn of_ports(network: Prefix, around: &[Network]) -> Vec<(Span, Vec<Block>)> {
    let mut instants: Vec<Option<i64>> = vec![None];
    instants.extend(around.iter().flat_map(|one| [one.time.from_ms, one.time.to_ms]).filter(Option::is_some));
    instants.sort_unstable();
    instants.dedup();
    let ends = instants.iter().skip(1).copied().chain([None]);
    let mut found: Vec<(Span, Vec<Block>)> = Vec::new();
    for (from_ms, to_ms) in instants.iter().copied().zip(ends) {
        let at_ms = from_ms.unwrap_or(i64::MIN);
        let then: Vec<&Network> = around.iter().filter(|one| one.holds(at_ms)).collect();
        let is_divided = then.iter().any(|one| one.prefix == network && one.ports.is_some());
        if !is_divided || then.iter().any(|one| one.ports.is_none()) {
            continue;
        }
        let mut left = vec![Block::ALL];
        for ports in then.iter().filter_map(|one| one.ports) {
            left = left.into_iter().flat_map(|part| part.without(ports)).collect();
        }
        // Which is none: exporters write it for what has no port.
        left.retain(|ports| ports.last() > 0);
        match found.last_mut() {
            Some((time, ports)) if time.to_ms == from_ms && *ports == left => time.to_ms = to_ms,
            _ => found.push((Span { from_ms, to_ms }, left)),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Network;

    fn tenant(name: &str, networks: &[(&str, Option<i64>, Option<i64>)]) -> Tenant {
        let network = |(prefix, from_ms, to_ms): &(&str, Option<i64>, Option<i64>)| Network {
            prefix: prefix.parse().unwrap(),
            time: Span { from_ms: *from_ms, to_ms: *to_ms },
            ports: None,
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

    #[test]
    fn ports_that_are_nobodys_are_found() {
        let entry = |prefix: &str, ports: &str, from_ms, to_ms| Network {
            prefix: prefix.parse().unwrap(),
            time: Span { from_ms, to_ms },
            ports: (!ports.is_empty()).then(|| ports.parse().unwrap()),
        };
        let of = |name: &str, networks: Vec<Network>| Tenant {
            name: name.into(),
            networks,
            nested: true,
            ..Tenant::default()
        };
        let found = |list: Vec<Tenant>| -> Vec<(usize, Option<i64>, Option<i64>, String)> {
            let gaps = Tenants::new(list).unwrap().port_gaps().into_iter();
            gaps.map(|gap| {
                let ports: Vec<String> = gap.ports.iter().map(ToString::to_string).collect();
                (gap.networks.len(), gap.time.from_ms, gap.time.to_ms, ports.join(" "))
            })
            .collect()
        };
        let nat = |ports| entry("203.0.113.7", ports, None, None);
        let (a, b) = (of("a", vec![nat("1024-2047")]), of("b", vec![nat("2048-3071")]));
        assert_eq!(found(vec![a.clone(), b.clone()]), [(1, None, None, "0-1023 3072-65535".into())]);
        // Another address divided alike; what has no port is nobody's though all ports are somebody's.
        let other = |ports| entry("203.0.113.8", ports, None, None);
        let more = of("c", vec![other("1024-2047"), other("2048-3071")]);
        assert_eq!(found(vec![a.clone(), b.clone(), more]), [(2, None, None, "0-1023 3072-65535".into())]);
        let rest = of("c", vec![nat("1-1023"), nat("3072-65535")]);
        assert_eq!(found(vec![a.clone(), b.clone(), rest]), [(1, None, None, String::new())]);
        // The rest is the office's, from 50 on; b is there until 70.
        let office = of("office", vec![entry("203.0.113.0/24", "", Some(50), None)]);
        assert_eq!(
            found(vec![a.clone(), b, office.clone()]),
            [(1, None, Some(50), "0-1023 3072-65535".into())]
        );
        let late = of("b", vec![entry("203.0.113.7", "2048-3071", Some(20), Some(70))]);
        assert_eq!(
            found(vec![a.clone(), late.clone()]),
            [
                (1, None, Some(20), "0-1023 2048-65535".into()),
                (1, Some(20), Some(70), "0-1023 3072-65535".into()),
                (1, Some(70), None, "0-1023 2048-65535".into()),
            ]
        );
        // Ports that are nobody's between two times.
        let again = of("c", vec![entry("203.0.113.7", "2048-3071", Some(90), None)]);
        let gaps = Tenants::new(vec![a, late, again]).unwrap().gaps();
        let [gap] = &gaps[..] else { panic!("{gaps:?}") };
        assert_eq!(
            (gap.ports, gap.time),
            (Block::new(2048, 3071), Span { from_ms: Some(70), to_ms: Some(90) })
        );
        assert_eq!((gap.before.as_str(), gap.after.as_str()), ("b", "c"));
    }
}
