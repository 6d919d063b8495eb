//! Tenants and their networks: which address belongs to whom and when, without two answers.
//!
//! At any time a network belongs to one tenant. A tenant may be nested inside another's network (a shop within a
//! building whose owner has the whole block), but only by saying so; then the longest prefix decides. Where several sites
//! use the same addresses, tenants name the exporters whose records their networks are about. Who has no addresses of its own
//! is known by where it is attached. What is wrong with a list of tenants is found in [`Conflict`]'s module.

use crate::conflict;
pub use crate::conflict::{Conflict, Place};
use crate::group::Group;
use crate::network::Network;
use crate::port::Attachment;
use crate::shared::Member;
use crate::span::Span;
use crate::zone::Zone;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use weir_flow::Addr;

/// Somebody who is accounted for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tenant {
    /// The name: in reports, filters and file names. Unique.
    pub name: String,
    /// The networks whose addresses are this tenant's, and when.
    pub networks: Vec<Network>,
    /// Interfaces, VLANs and MAC addresses that are this tenant's, and when: whose end has no tenant's address.
    pub ports: Vec<Attachment>,
    /// The exporters in whose records all that is this tenant's; in all, if none is named.
    pub exporters: Vec<Addr>,
    /// Whether networks may lie inside those of another tenant.
    pub nested: bool,
    /// Where statements are sent.
    pub mail: Vec<String>,
    /// The name of the tariff that says what its traffic costs, if any does.
    pub tariff: Option<String>,
    /// Whether it is an address that others share, and pays nothing itself ([`crate::shared`]).
    pub is_shared: bool,
    /// Among whom what it has is shared out, if it is.
    pub among: Vec<Member>,
    /// The group that it is in, if it is in one. Nothing but reports and quotas depends on it.
    pub group: Option<Group>,
    /// The zone of its calendar, where that is not everybody's.
    pub zone: Option<Zone>,
    /// The day of the month on which its periods begin, 1 to 31, where that is not everybody's.
    pub day: Option<u8>,
}

impl Tenant {
    /// The times of everything that is its own.
    pub fn times(&self) -> impl Iterator<Item = Span> + Clone {
        let networks = self.networks.iter().map(|network| network.time);
        networks.chain(self.ports.iter().map(|port| port.time))
    }

    /// The time from its first network (or port) to its last; open where one of them is, and for a tenant that names none.
    #[must_use]
    pub fn presence(&self) -> Span {
        let times = self.times();
        let from_ms = times.clone().map(|time| time.from_ms).min().flatten();
        let is_open = times.clone().any(|time| time.to_ms.is_none());
        let to_ms = if is_open { None } else { times.filter_map(|time| time.to_ms).max() };
        Span { from_ms, to_ms }
    }

    /// Whether it has a network or a port at some time in this range (ms since 1970). One that names none may be there always.
    #[must_use]
    pub fn is_present(&self, range: &std::ops::Range<i64>) -> bool {
        let range = Span { from_ms: Some(range.start), to_ms: Some(range.end) };
        self.times().next().is_none() || self.times().any(|time| time.intersection(range).is_some())
    }

    /// Whether the same record may be about both.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        self.exporters.is_empty()
            || other.exporters.is_empty()
            || self.exporters.iter().any(|exporter| other.exporters.contains(exporter))
    }
}

/// A checked list of tenants, in the order given.
#[derive(Clone, Debug, Default)]
pub struct Tenants {
    list: Vec<Tenant>,
    names: Arc<[Box<str>]>,
    by_name: HashMap<Box<str>, usize>,
}

impl Tenants {
    /// Checks the list.
    ///
    /// # Errors
    /// Every [`Conflict`] there is, in the order of the networks.
    pub fn new(list: Vec<Tenant>) -> Result<Self, Vec<Conflict>> {
        let mut conflicts = Vec::new();
        let mut by_name = HashMap::new();
        for (at, tenant) in list.iter().enumerate() {
            if tenant.name.trim().is_empty() {
                conflicts.push(Conflict::Unnamed { tenant: at });
            } else if by_name.insert(tenant.name.clone().into_boxed_str(), at).is_some() {
                conflicts.push(Conflict::Name { name: tenant.name.clone(), tenant: at });
            }
        }
        conflict::of_networks(&list, &mut conflicts);
        conflict::of_ports(&list, &mut conflicts);
        if !conflicts.is_empty() {
            return Err(conflicts);
        }
        let names = list.iter().map(|tenant| tenant.name.clone().into_boxed_str()).collect();
        Ok(Self { list, names, by_name })
    }

    /// The tenant of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Tenant> {
        self.list.get(*self.by_name.get(name)?)
    }

    /// When the tenant of this name is there ([`Tenant::presence`]); always, if there is none of it.
    #[must_use]
    pub fn presence(&self, name: &str) -> Span {
        self.get(name).map_or_else(Span::default, Tenant::presence)
    }

    /// The tenants in the order given.
    pub fn iter(&self) -> std::slice::Iter<'_, Tenant> {
        self.list.iter()
    }

    /// The tenants in a group, and in all groups that are in it; in the order given.
    pub fn in_group<'a>(&'a self, group: &'a Group) -> impl Iterator<Item = &'a Tenant> {
        self.list.iter().filter(|tenant| tenant.group.as_ref().is_some_and(|own| group.encloses(own)))
    }

    /// Every group that a tenant is in, and every one that those are in; each once, in order.
    #[must_use]
    pub fn groups(&self) -> BTreeSet<Group> {
        self.list.iter().filter_map(|tenant| tenant.group.as_ref()).flat_map(Group::levels).collect()
    }

    /// How many tenants there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The names in the order given, as a batch's name columns point into them.
    #[must_use]
    pub fn names(&self) -> &Arc<[Box<str>]> {
        &self.names
    }

    /// Each tenant with its place in [`Tenants::names`].
    pub(crate) fn placed(&self) -> impl Iterator<Item = (u32, &Tenant)> {
        (0u32..).zip(&self.list)
    }
}

impl<'a> IntoIterator for &'a Tenants {
    type Item = &'a Tenant;
    type IntoIter = std::slice::Iter<'a, Tenant>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Attribution, Port};

    fn tenant(name: &str, networks: &[&str]) -> Tenant {
        Tenant {
            name: name.into(),
            networks: networks.iter().map(|n| n.parse().unwrap()).collect(),
            ..Tenant::default()
        }
    }

    fn nested(name: &str, networks: &[&str]) -> Tenant {
        Tenant { nested: true, ..tenant(name, networks) }
    }

    fn conflicts(list: Vec<Tenant>) -> Vec<String> {
        Tenants::new(list).unwrap_err().iter().map(ToString::to_string).collect()
    }

    /// A tenant whose networks are its own from and until these instants.
    fn dated(name: &str, networks: &[(&str, Option<i64>, Option<i64>)]) -> Tenant {
        let network = |(prefix, from_ms, to_ms): &(&str, Option<i64>, Option<i64>)| Network {
            prefix: prefix.parse().unwrap(),
            time: Span { from_ms: *from_ms, to_ms: *to_ms },
            ports: None,
        };
        Tenant { name: name.into(), networks: networks.iter().map(network).collect(), ..Tenant::default() }
    }

    #[test]
    fn an_address_has_one_tenant() {
        let tenants = Tenants::new(vec![
            tenant("block", &["192.168.0.0/16", "2001:db8::/32"]),
            nested("shop", &["192.168.31.0/24", "2001:db8:31::/64", "192.168.32.7"]),
        ])
        .unwrap();
        let attribution = Attribution::new(&tenants, &[], []);
        let who = |addr: &str| attribution.tenant(Addr::UNSPECIFIED, addr.parse().unwrap(), 0);
        assert_eq!(who("192.168.30.255"), Some("block"));
        assert_eq!(who("192.168.31.0"), Some("shop"));
        assert_eq!(who("192.168.31.255"), Some("shop"));
        assert_eq!(who("192.168.32.0"), Some("block"));
        assert_eq!(who("192.168.32.7"), Some("shop"));
        assert_eq!(who("192.168.32.8"), Some("block"));
        assert_eq!(who("192.167.255.255"), None);
        assert_eq!(who("192.169.0.0"), None);
        assert_eq!(who("2001:db8:31::ffff"), Some("shop"));
        assert_eq!(who("2001:db8:31:1::"), Some("block"));
        assert_eq!(who("2001:db9::"), None);
        assert_eq!(tenants.names().iter().map(AsRef::as_ref).collect::<Vec<&str>>(), ["block", "shop"]);
        assert_eq!(tenants.get("shop").map(|t| t.networks.len()), Some(3));
        let nobody = Attribution::new(&Tenants::default(), &[], []);
        assert_eq!(nobody.tenant(Addr::UNSPECIFIED, "10.0.0.1".parse().unwrap(), 0), None);
    }

    #[test]
    fn one_network_of_two_tenants_is_refused() {
        let found =
            Tenants::new(vec![tenant("a", &["10.0.0.0/24"]), nested("b", &["10.0.1.0/24", "10.0.0.0/24"])]);
        let Err(found) = found else { panic!("accepted") };
        assert_eq!(
            found,
            [Conflict::Shared {
                network: "10.0.0.0/24".parse().unwrap(),
                ports: None,
                first: "a".into(),
                second: "b".into(),
                time: Span::default(),
                place: Place { tenant: 1, network: 1 },
            }]
        );
        assert_eq!(
            found[0].to_string(),
            "network 10.0.0.0/24 belongs to both \"a\" and \"b\": take it out of one"
        );
    }

    #[test]
    fn nesting_must_be_said_by_the_inner_tenant() {
        assert_eq!(
            conflicts(vec![nested("outer", &["10.0.0.0/8"]), tenant("inner", &["10.1.0.0/16"])]),
            ["network 10.1.0.0/16 of \"inner\" lies inside 10.0.0.0/8 of \"outer\": \
              if that is meant, say `nested = true` for \"inner\""]
        );
        // Whoever comes first in the list.
        assert_eq!(
            conflicts(vec![tenant("inner", &["10.1.0.0/16"]), tenant("outer", &["10.0.0.0/8"])]).len(),
            1
        );
        // Back inside one's own network, behind another's.
        assert_eq!(
            conflicts(vec![
                tenant("outer", &["10.0.0.0/8", "10.1.1.0/24"]),
                nested("inner", &["10.1.0.0/16"]),
            ])
            .len(),
            1
        );
        // A tenant's own networks may overlap, and catch-alls do not cross families.
        assert!(Tenants::new(vec![tenant("a", &["10.0.0.0/8", "10.1.0.0/16", "10.0.0.0/8"])]).is_ok());
        assert!(Tenants::new(vec![tenant("a", &["::/0"]), tenant("b", &["10.0.0.0/8"])]).is_ok());
    }

    #[test]
    fn names_are_unique_and_given() {
        assert_eq!(conflicts(vec![tenant("a", &[]), tenant("a", &[]), tenant(" ", &[])]).len(), 2);
    }

    #[test]
    fn a_network_may_move_but_have_two_tenants_at_no_time() {
        let (monday, tuesday) = (1_791_756_000_000, 1_791_842_400_000);
        let move_at = |until, from| {
            Tenants::new(vec![
                dated("a", &[("10.0.0.0/24", None, Some(until))]),
                dated("b", &[("10.0.0.0/24", Some(from), None)]),
            ])
        };
        assert!(move_at(monday, monday).is_ok(), "half-open");
        assert!(move_at(monday, tuesday).is_ok(), "nobody's in between");
        let both: Vec<String> =
            move_at(tuesday, monday).unwrap_err().iter().map(ToString::to_string).collect();
        assert_eq!(
            both,
            ["network 10.0.0.0/24 belongs to both \"a\" and \"b\" from 2026-10-11T22:00:00+00:00 until \
              2026-10-12T22:00:00+00:00: let one end where the other begins"]
        );
        let backwards = conflicts(vec![dated("a", &[("10.0.0.0/24", Some(tuesday), Some(tuesday))])]);
        assert!(backwards[0].contains("ends before it begins"), "{backwards:?}");
        // There and back again.
        let again = vec![
            dated("a", &[("10.0.0.0/24", None, Some(1)), ("10.0.0.0/24", Some(5), None)]),
            dated("b", &[("10.0.0.0/24", Some(1), Some(5))]),
        ];
        assert!(Tenants::new(again).is_ok());
    }

    #[test]
    fn a_network_inside_another_is_asked_for_only_while_that_is_there() {
        let outer = || dated("outer", &[("10.0.0.0/8", Some(0), Some(10))]);
        assert!(Tenants::new(vec![outer(), dated("inner", &[("10.1.0.0/16", Some(10), None)])]).is_ok());
        let found = conflicts(vec![outer(), dated("inner", &[("10.1.0.0/16", Some(9), None)])]);
        assert!(
            found[0].contains("from 1970-01-01T00:00:00.009+00:00 until 1970-01-01T00:00:00.01+00:00: if"),
            "{found:?}"
        );
        // What lies between them at all that time is one's own.
        let own = dated("inner", &[("10.0.0.0/12", None, None), ("10.1.0.0/16", Some(9), None)]);
        assert_eq!(conflicts(vec![outer(), own]).len(), 1, "the /12 only");
    }

    #[test]
    fn other_exporters_have_other_addresses() {
        let of = |name: &str, exporters: &[u8]| Tenant {
            exporters: exporters.iter().map(|last| Addr::v4([192, 0, 2, *last])).collect(),
            ..tenant(name, &["10.0.0.0/24"])
        };
        assert!(Tenants::new(vec![of("a", &[1, 2]), of("b", &[3])]).is_ok());
        assert_eq!(conflicts(vec![of("a", &[1, 2]), of("b", &[2])]).len(), 1);
        assert_eq!(conflicts(vec![of("a", &[]), of("b", &[2])]).len(), 1);
    }

    #[test]
    fn a_tenant_is_there_from_its_first_network_to_its_last() {
        let span = |from_ms, to_ms| Span { from_ms, to_ms };
        let moved = dated("a", &[("10.0.0.0/24", Some(2), Some(4)), ("10.0.1.0/24", Some(7), Some(9))]);
        assert_eq!(moved.presence(), span(Some(2), Some(9)));
        assert_eq!(
            [1..2, 2..3, 4..7, 8..20, 9..10].map(|range| moved.is_present(&range)),
            [false, true, false, true, false]
        );
        let open = dated("a", &[("10.0.0.0/24", None, Some(4)), ("10.0.1.0/24", Some(7), None)]);
        assert_eq!((open.presence(), tenant("b", &[]).presence()), (Span::default(), Span::default()));
    }

    #[test]
    fn a_port_is_one_tenants_at_a_time() {
        let with = |name: &str, port, from_ms, to_ms| Tenant {
            ports: vec![Attachment { port, time: Span { from_ms, to_ms } }],
            ..tenant(name, &["10.0.0.0/24"])
        };
        let other =
            |name: &str, port, from_ms| Tenant { networks: Vec::new(), ..with(name, port, from_ms, None) };
        let core = Addr::v4([192, 0, 2, 1]);
        let port = Port::Interface(core, 31);
        assert!(Tenants::new(vec![with("a", port, None, Some(5)), other("b", port, Some(5))]).is_ok());
        assert!(Tenants::new(vec![with("a", port, None, None), other("b", Port::Vlan(31), None)]).is_ok());
        assert_eq!(
            conflicts(vec![with("a", port, None, None), other("b", port, None)]),
            ["interface 31 of exporter 192.0.2.1 belongs to both \"a\" and \"b\": take it out of one"]
        );
        let found =
            Tenants::new(vec![with("a", port, None, Some(6)), other("b", port, Some(5))]).unwrap_err();
        let Conflict::Port { time, place, .. } = found[0] else { panic!("{found:?}") };
        assert_eq!((time.from_ms, time.to_ms, place), (Some(5), Some(6), Place { tenant: 1, network: 0 }));
        assert_eq!(with("a", port, None, Some(6)).presence(), Span::default());
        assert_eq!(other("a", port, Some(6)).presence().from_ms, Some(6));
    }
}
