//! Whose addresses are: at a time, and behind one address by the port.
//!
//! Most addresses are wholly somebody's, and an answer costs what it costs in [`Dated`]. An address whose ports are divided
//! among several has a *division* instead: a short sorted list of ports, each since which it is whose. Divisions are made once,
//! with the table, each only once however many addresses are divided alike; ports are asked for only where there is one.

use crate::block::Block;
use crate::dated::Dated;
use crate::prefix::Prefix;
use crate::span::Span;
use crate::tenant::{Tenant, Tenants};
use std::collections::HashMap;
use weir_flow::Addr;

/// Whose an address is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Owner {
    /// Somebody else's.
    #[default]
    Foreign,
    /// The operator's own, and no tenant's.
    Own,
    /// A tenant's, by its place in the names.
    Tenant(u32),
    /// Several's, as the division at this place says. Never the answer to who it is.
    Divided(u32),
}

/// How the ports of an address are divided.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Division {
    /// Whose what has no port is.
    portless: Owner,
    /// Whose the ports are, each since which: ascending, the first since 0, no two neighbours alike.
    ports: Box<[(u16, Owner)]>,
}

impl Division {
    fn of(&self, port: Option<u16>) -> Owner {
        port.map_or(self.portless, |port| at(&self.ports, port))
    }
}

/// Whose a port is.
fn at(ports: &[(u16, Owner)], port: u16) -> Owner {
    let after = ports.partition_point(|(since, _)| *since <= port);
    ports.get(after.saturating_sub(1)).map_or(Owner::Own, |(_, owner)| *owner)
}

/// A list of ports in which a block is somebody else's.
fn laid(ports: &[(u16, Owner)], block: Block, owner: Owner) -> Vec<(u16, Owner)> {
    let mut laid: Vec<_> = ports.iter().filter(|(since, _)| *since < block.first()).copied().collect();
    laid.push((block.first(), owner));
    if let Some(after) = block.last().checked_add(1) {
        laid.push((after, at(ports, after)));
        laid.extend(ports.iter().filter(|(since, _)| *since > after).copied());
    }
    laid.dedup_by(|next, before| next.1 == before.1);
    laid
}

/// Everybody's addresses.
#[derive(Clone, Debug)]
pub(crate) struct Addresses {
    table: Dated<Owner>,
    divisions: Vec<Division>,
}

/// What a network says of its addresses.
#[derive(Clone, Copy)]
enum Said {
    /// Whose they are.
    Whole(Owner),
    /// Whose some ports of them are: the group at this place.
    Blocks(usize),
}

/// Blocks of one network at one time, and whose they are.
type Group = Vec<(Block, u32)>;

impl Addresses {
    /// The networks of the tenants that `is_of` takes. Own networks are always so.
    pub(crate) fn new(tenants: &Tenants, own: &[Prefix], is_of: impl Fn(&Tenant) -> bool) -> Self {
        let of_own = |network: &Prefix| (*network, (Span::default(), Said::Whole(Owner::Own)));
        let mut networks: Vec<_> = own.iter().map(of_own).collect();
        let mut groups: Vec<Group> = Vec::new();
        let mut divided = Vec::new();
        let mut places: HashMap<(Prefix, Option<i64>, Option<i64>), usize> = HashMap::new();
        // After the own networks, so that of two equal networks the tenant's wins.
        for (place, tenant) in tenants.placed().filter(|(_, tenant)| is_of(tenant)) {
            for network in &tenant.networks {
                let (prefix, time) = (network.prefix, network.time);
                let Some(block) = network.ports else {
                    networks.push((prefix, (time, Said::Whole(Owner::Tenant(place)))));
                    continue;
                };
                let group = *places.entry((prefix, time.from_ms, time.to_ms)).or_insert_with(|| {
                    groups.push(Group::new());
                    let group = groups.len().saturating_sub(1);
                    divided.push((prefix, (time, Said::Blocks(group))));
                    group
                });
                if let Some(group) = groups.get_mut(group) {
                    group.push((block, place));
                }
            }
        }
        // And after those, blocks: of the same network they are taken out of the whole.
        networks.extend(divided);
        let mut divisions = Divisions::default();
        let table = Dated::new(&networks, |said, enclosing| match (said, enclosing) {
            // An own network inside a tenant's takes nothing away from the tenant.
            (Said::Whole(Owner::Own), Owner::Tenant(_) | Owner::Divided(_)) => enclosing,
            (Said::Whole(owner), _) => owner,
            (Said::Blocks(group), _) => {
                divisions.lay(enclosing, groups.get(group).map(Vec::as_slice).unwrap_or_default())
            }
        });
        Self { table, divisions: divisions.list }
    }

    /// Whose an address is at an instant (ms since 1970). When it is and which port is asked for only where it matters.
    #[inline]
    pub(crate) fn get(
        &self,
        addr: Addr,
        at_ms: impl FnOnce() -> i64,
        port: impl FnOnce() -> Option<u16>,
    ) -> Owner {
        match self.table.get(addr, at_ms) {
            Owner::Divided(division) => self.divided(division, port()),
            owner => owner,
        }
    }

    #[cold]
    fn divided(&self, division: u32, port: Option<u16>) -> Owner {
        self.divisions.get(division as usize).map_or(Owner::Own, |division| division.of(port))
    }
}

/// All divisions there are, each once.
#[derive(Default)]
struct Divisions {
    list: Vec<Division>,
    places: HashMap<Division, u32>,
}

impl Divisions {
    /// What is enclosed by this, and some ports of which are these tenants'.
    fn lay(&mut self, enclosing: Owner, blocks: &[(Block, u32)]) -> Owner {
        let outer = match enclosing {
            Owner::Divided(division) => self.list.get(division as usize).cloned(),
            // An address that tenants share is the operator's: what none of them answers for is a hole, not through traffic.
            Owner::Foreign => None,
            owner => Some(Division { portless: owner, ports: Box::new([(0, owner)]) }),
        };
        let own = || Division { portless: Owner::Own, ports: Box::new([(0, Owner::Own)]) };
        let Division { portless, ports } = outer.unwrap_or_else(own);
        let mut ports = ports.into_vec();
        for (block, tenant) in blocks {
            ports = laid(&ports, *block, Owner::Tenant(*tenant));
        }
        let next = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        let division = Division { portless, ports: ports.into() };
        Owner::Divided(*self.places.entry(division).or_insert_with_key(|division| {
            self.list.push(division.clone());
            next
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Network;

    fn network(prefix: &str, ports: &str, from_ms: Option<i64>, to_ms: Option<i64>) -> Network {
        let ports = (!ports.is_empty()).then(|| ports.parse().unwrap());
        Network { prefix: prefix.parse().unwrap(), time: Span { from_ms, to_ms }, ports }
    }

    fn table(list: Vec<Vec<Network>>) -> Addresses {
        let tenant =
            |(at, networks)| Tenant { name: format!("{at}"), networks, nested: true, ..Tenant::default() };
        let tenants = Tenants::new(list.into_iter().enumerate().map(tenant).collect()).unwrap();
        Addresses::new(&tenants, &["10.0.0.0/8".parse().unwrap()], |_| true)
    }

    #[test]
    fn ports_decide_where_an_address_is_divided() {
        let table = table(vec![
            vec![network("203.0.113.7/32", "1024-2047", None, None), network("10.0.0.9", "5000", None, None)],
            vec![
                network("203.0.113.7/32", "2048-3071", None, None),
                network("203.0.113.8/32", "", None, None),
            ],
            // Of the same address, and of one that is another's for the rest.
            vec![
                network("203.0.113.7/32", "4096-5119", None, None),
                network("203.0.113.8/32", "0-1023", None, None),
            ],
        ]);
        let of = |addr: &str, port| table.get(addr.parse().unwrap(), || 0, || port);
        let ports =
            [Some(1), Some(1023), Some(1024), Some(2047), Some(2048), Some(3072), Some(5119), Some(65535)];
        assert_eq!(
            ports.map(|port| of("203.0.113.7", port)),
            [
                Owner::Own,
                Owner::Own,
                Owner::Tenant(0),
                Owner::Tenant(0),
                Owner::Tenant(1),
                Owner::Own,
                Owner::Tenant(2),
                Owner::Own
            ]
        );
        assert_eq!(of("203.0.113.7", None), Owner::Own);
        assert_eq!([Some(1023), Some(1024), None].map(|port| of("203.0.113.8", port)), {
            [Owner::Tenant(2), Owner::Tenant(1), Owner::Tenant(1)]
        });
        assert_eq!([Some(4999), Some(5000)].map(|port| of("10.0.0.9", port)), [Owner::Own, Owner::Tenant(0)]);
        assert_eq!(of("203.0.113.9", Some(1024)), Owner::Foreign);
        assert_eq!(size_of::<Owner>(), 8, "ports take no room in the table");
    }

    #[test]
    fn a_pool_is_divided_once_and_inner_networks_go_first() {
        let table = table(vec![
            vec![network("203.0.113.0/24", "0-32767", None, None)],
            vec![network("203.0.113.0/24", "32768-65535", None, None)],
            vec![
                network("203.0.113.128/25", "1000-1999", None, None),
                network("203.0.113.255", "", None, None),
            ],
        ]);
        let of = |addr: &str, port| table.get(addr.parse().unwrap(), || 0, || Some(port));
        assert_eq!([999, 1000, 40000].map(|port| of("203.0.113.7", port)), {
            [Owner::Tenant(0), Owner::Tenant(0), Owner::Tenant(1)]
        });
        assert_eq!([999, 1000, 40000].map(|port| of("203.0.113.200", port)), {
            [Owner::Tenant(0), Owner::Tenant(2), Owner::Tenant(1)]
        });
        assert_eq!(of("203.0.113.255", 40000), Owner::Tenant(2));
        assert_eq!(table.divisions.len(), 2);
    }

    #[test]
    fn blocks_come_and_go() {
        let table = table(vec![
            vec![network("203.0.113.7", "1024-2047", None, Some(100))],
            vec![network("203.0.113.7", "1024-2047", Some(100), Some(200))],
            vec![network("203.0.113.7", "2048-3071", Some(50), None)],
        ]);
        let of = |at_ms, port| table.get("203.0.113.7".parse().unwrap(), || at_ms, || Some(port));
        assert_eq!([99, 100, 199, 200].map(|ms| of(ms, 1024)), {
            [Owner::Tenant(0), Owner::Tenant(1), Owner::Tenant(1), Owner::Own]
        });
        assert_eq!([49, 50, 300].map(|ms| of(ms, 2048)), [Owner::Own, Owner::Tenant(2), Owner::Tenant(2)]);
    }
}
