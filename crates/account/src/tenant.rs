//! Tenants and their networks: which address belongs to whom, without two answers.
//!
//! A network belongs to one tenant. A tenant may be nested inside another's network (a shop within a building
//! whose owner has the whole block), but only by saying so; then the longest prefix decides.

use crate::lookup::Lookup;
use crate::prefix::Prefix;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use weir_flow::Addr;

/// Somebody who is accounted for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tenant {
    /// The name: in reports, filters and file names. Unique.
    pub name: String,
    /// The networks whose addresses are this tenant's.
    pub networks: Vec<Prefix>,
    /// Whether networks may lie inside those of another tenant.
    pub nested: bool,
    /// Where statements are sent.
    pub mail: Vec<String>,
    /// The name of the tariff that says what its traffic costs, if any does.
    pub tariff: Option<String>,
}

/// The place of a network in the list that [`Tenants::new`] was given, so that an error can name its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The tenant's place in the list.
    pub tenant: usize,
    /// The network's place in the tenant's networks.
    pub network: usize,
}

/// Why a list of tenants is refused. Shown, it names both sides and the way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// A tenant has no name.
    Unnamed {
        /// Its place in the list.
        tenant: usize,
    },
    /// Two tenants have one name.
    Name {
        /// The name.
        name: String,
        /// The place in the list of the second.
        tenant: usize,
    },
    /// Two tenants name the same network.
    Shared {
        /// The network.
        network: Prefix,
        /// Who names it first.
        first: String,
        /// Who names it again.
        second: String,
        /// Where the second does.
        place: Place,
    },
    /// A network lies inside another tenant's, and the inner tenant does not say that this is meant.
    Nested {
        /// The inner network.
        network: Prefix,
        /// The inner tenant.
        tenant: String,
        /// The network it lies in.
        outer_network: Prefix,
        /// The tenant whose that is.
        outer_tenant: String,
        /// Where the inner tenant names it.
        place: Place,
    },
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unnamed { .. } => write!(f, "a tenant has no name"),
            Self::Name { name, .. } => {
                write!(
                    f,
                    "there are two tenants \"{name}\": give one of them another name, or join their networks"
                )
            }
            Self::Shared { network, first, second, .. } => {
                write!(
                    f,
                    "network {network} belongs to both \"{first}\" and \"{second}\": take it out of one"
                )
            }
            Self::Nested { network, tenant, outer_network, outer_tenant, .. } => write!(
                f,
                "network {network} of \"{tenant}\" lies inside {outer_network} of \"{outer_tenant}\": \
                 if that is meant, say `nested = true` for \"{tenant}\""
            ),
        }
    }
}

impl std::error::Error for Conflict {}

/// A checked list of tenants, in the order given.
#[derive(Clone, Debug)]
pub struct Tenants {
    list: Vec<Tenant>,
    names: Arc<[Box<str>]>,
    by_name: HashMap<Box<str>, usize>,
    lookup: Lookup<Option<u32>>,
}

impl Default for Tenants {
    fn default() -> Self {
        Self { list: Vec::new(), names: Arc::default(), by_name: HashMap::new(), lookup: table(&[]) }
    }
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
        network_conflicts(&list, &mut conflicts);
        if !conflicts.is_empty() {
            return Err(conflicts);
        }
        let names = list.iter().map(|tenant| tenant.name.clone().into_boxed_str()).collect();
        let lookup = table(&list);
        Ok(Self { list, names, by_name, lookup })
    }

    /// The tenant whose address this is: of nested networks the longest prefix decides.
    #[must_use]
    pub fn lookup(&self, addr: Addr) -> Option<&Tenant> {
        self.list.get(self.lookup.get(addr)? as usize)
    }

    /// The tenant of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Tenant> {
        self.list.get(*self.by_name.get(name)?)
    }

    /// The tenants in the order given.
    pub fn iter(&self) -> std::slice::Iter<'_, Tenant> {
        self.list.iter()
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

    /// Every network with the place of its tenant in [`Tenants::names`].
    pub(crate) fn networks(&self) -> impl Iterator<Item = (Prefix, u32)> {
        networks(&self.list)
    }
}

impl<'a> IntoIterator for &'a Tenants {
    type Item = &'a Tenant;
    type IntoIter = std::slice::Iter<'a, Tenant>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.iter()
    }
}

fn networks(list: &[Tenant]) -> impl Iterator<Item = (Prefix, u32)> {
    (0u32..).zip(list).flat_map(|(at, tenant)| tenant.networks.iter().map(move |network| (*network, at)))
}

fn table(list: &[Tenant]) -> Lookup<Option<u32>> {
    let networks: Vec<_> = networks(list).map(|(network, tenant)| (network, Some(tenant))).collect();
    Lookup::new(&networks, |network, _enclosing| network)
}

/// Finds networks named twice, and networks inside another tenant's that may not be there.
fn network_conflicts(list: &[Tenant], conflicts: &mut Vec<Conflict>) {
    let mut all: Vec<(Prefix, Place)> = Vec::new();
    for (tenant, Tenant { networks, .. }) in list.iter().enumerate() {
        all.extend(networks.iter().enumerate().map(|(network, p)| (*p, Place { tenant, network })));
    }
    // An enclosing network comes before what it encloses; of equal ones the first named.
    all.sort_by_key(|(prefix, _)| *prefix);
    let name = |place: Place| list.get(place.tenant).map_or_else(String::new, |t| t.name.clone());
    let may_nest = |place: Place| list.get(place.tenant).is_some_and(|t| t.nested);
    let mut open: Vec<(Prefix, Place)> = Vec::new();
    for &(network, place) in &all {
        while open.last().is_some_and(|(outer, _)| !outer.encloses(&network)) {
            open.pop();
        }
        if let Some(&(outer_network, outer)) = open.last()
            && outer.tenant != place.tenant
        {
            if outer_network == network {
                conflicts.push(Conflict::Shared { network, first: name(outer), second: name(place), place });
                continue;
            }
            if !may_nest(place) {
                let (tenant, outer_tenant) = (name(place), name(outer));
                conflicts.push(Conflict::Nested { network, tenant, outer_network, outer_tenant, place });
            }
        }
        open.push((network, place));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn an_address_has_one_tenant() {
        let tenants = Tenants::new(vec![
            tenant("block", &["192.168.0.0/16", "2001:db8::/32"]),
            nested("shop", &["192.168.31.0/24", "2001:db8:31::/64", "192.168.32.7"]),
        ])
        .unwrap();
        let who = |addr: &str| tenants.lookup(addr.parse().unwrap()).map(|t| t.name.as_str());
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
        assert_eq!(Tenants::default().lookup("10.0.0.1".parse().unwrap()), None);
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
                first: "a".into(),
                second: "b".into(),
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
}
