//! What is wrong with a list of tenants: what belongs to two at a time, and what lies inside another's without saying so.
//!
//! A network is a rectangle of addresses, times and ports. Networks enclose each other or have no address in common, so
//! one pass over them in their order finds, for each, what it lies in next: at each time, and for each of its ports.

use crate::block::Block;
use crate::network::Network;
use crate::port::{Attachment, Port};
use crate::prefix::Prefix;
use crate::span::Span;
use crate::tenant::Tenant;
use crate::zone::Zone;
use std::collections::HashMap;
use std::fmt;

/// The place of a network in the list that [`Tenants::new`](crate::Tenants::new) was given, so that an error can name its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The tenant's place in the list.
    pub tenant: usize,
    /// The network's place in the tenant's networks; of a port, after all of these its place in the tenant's ports.
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
        /// The ports of it that both name; `None` is all of it.
        ports: Option<Block>,
        /// Who names it first.
        first: String,
        /// Who names it again.
        second: String,
        /// When both do.
        time: Span,
        /// Where the second does.
        place: Place,
    },
    /// A network lies inside another tenant's, and the inner tenant does not say that this is meant.
    Nested {
        /// The inner network.
        network: Prefix,
        /// Its ports that do; `None` is all of it.
        ports: Option<Block>,
        /// The inner tenant.
        tenant: String,
        /// The network it lies in.
        outer_network: Prefix,
        /// The tenant whose that is.
        outer_tenant: String,
        /// When it does.
        time: Span,
        /// Where the inner tenant names it.
        place: Place,
    },
    /// Two tenants name the same port.
    Port {
        /// The port.
        port: Port,
        /// Who names it first.
        first: String,
        /// Who names it again.
        second: String,
        /// When both do.
        time: Span,
        /// Where the second does.
        place: Place,
    },
    /// Something is a tenant's from an instant on that is not before the one until which it is.
    Never {
        /// What: a network or a port.
        what: String,
        /// The tenant.
        tenant: String,
        /// Where it names it.
        place: Place,
    },
}

impl Conflict {
    /// As a person in this zone reads it.
    #[must_use]
    pub fn text(&self, zone: &Zone) -> String {
        match self {
            Self::Unnamed { .. } => "a tenant has no name".to_owned(),
            Self::Name { name, .. } => format!(
                "there are two tenants \"{name}\": give one of them another name, or join their networks"
            ),
            Self::Shared { network, ports, first, second, time, .. } => {
                let cure = match (*time == Span::default(), ports) {
                    (false, _) => "let one end where the other begins",
                    (true, None) if network.first() == network.last() => {
                        "take it out of one, or say how they share it: give each its `ports` (docs/tenants.md)"
                    }
                    (true, _) => "take it out of one",
                };
                let ports = ports.map_or_else(String::new, |ports| format!(", ports {},", ports.text()));
                let time = time.text(zone);
                format!("network {network}{ports} belongs to both \"{first}\" and \"{second}\"{time}: {cure}")
            }
            Self::Nested { network, ports, tenant, outer_network, outer_tenant, time, .. } => format!(
                "network {network}{} of \"{tenant}\" lies inside {outer_network} of \"{outer_tenant}\"{}: \
                 if that is meant, say `nested = true` for \"{tenant}\"",
                ports.map_or_else(String::new, |ports| format!(", ports {},", ports.text())),
                time.text(zone)
            ),
            Self::Port { port, first, second, time, .. } => {
                let cure = match *time == Span::default() {
                    true => "take it out of one",
                    false => "let one end where the other begins",
                };
                let time = time.text(zone);
                format!("{port} belongs to both \"{first}\" and \"{second}\"{time}: {cure}")
            }
            Self::Never { what, tenant, .. } => format!(
                "{what} of \"{tenant}\" ends before it begins: \
                 `until` is the first instant that it is no longer the tenant's, so it is after `from`"
            ),
        }
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(&Zone::utc()))
    }
}

impl std::error::Error for Conflict {}

/// Finds networks named twice, and networks inside another tenant's that may not be there.
pub(crate) fn of_networks(list: &[Tenant], conflicts: &mut Vec<Conflict>) {
    let mut all: Vec<Entry<'_>> = Vec::new();
    for (at, tenant) in list.iter().enumerate() {
        let entry = |(network, named): (usize, &Network)| Entry {
            network: *named,
            place: Place { tenant: at, network },
            tenant,
        };
        all.extend(tenant.networks.iter().enumerate().map(entry));
    }
    // An enclosing network comes before what it encloses, and the whole of one before ports of it; of equal ones the first named.
    all.sort_by_key(|entry| (entry.network.prefix, entry.network.ports.is_some()));
    let mut open: Vec<&Entry<'_>> = Vec::new();
    for entry in &all {
        if entry.network.time.intersection(entry.network.time).is_none() {
            conflicts.push(Conflict::Never {
                what: format!("network {}", entry.network.prefix),
                tenant: entry.tenant.name.clone(),
                place: entry.place,
            });
            continue;
        }
        while open.last().is_some_and(|outer| !outer.network.prefix.encloses(&entry.network.prefix)) {
            open.pop();
        }
        let before = conflicts.len();
        entry.conflicts(&open, conflicts);
        let is_shared = |conflict: &Conflict| matches!(conflict, Conflict::Shared { .. });
        if !conflicts.iter().skip(before).any(is_shared) {
            open.push(entry);
        }
    }
}

/// Finds ports that are two tenants' at a time.
pub(crate) fn of_ports(list: &[Tenant], conflicts: &mut Vec<Conflict>) {
    let mut known: HashMap<Port, Vec<(&Tenant, usize, Span)>> = HashMap::new();
    for (at, tenant) in list.iter().enumerate() {
        for (number, Attachment { port, time }) in tenant.ports.iter().enumerate() {
            let place = Place { tenant: at, network: tenant.networks.len().saturating_add(number) };
            if time.intersection(*time).is_none() {
                let (what, tenant) = (port.to_string(), tenant.name.clone());
                conflicts.push(Conflict::Never { what, tenant, place });
                continue;
            }
            let others = known.entry(*port).or_default();
            let meeting = others.iter().filter(|(other, whose, _)| *whose != at && other.meets(tenant));
            let shared = meeting.filter_map(|(other, _, span)| Some((other, span.intersection(*time)?)));
            conflicts.extend(shared.map(|(other, time)| Conflict::Port {
                port: *port,
                first: other.name.clone(),
                second: tenant.name.clone(),
                time,
                place,
            }));
            others.push((tenant, at, *time));
        }
    }
}

/// Ports at a time.
type Part = (Span, Block);

/// What both have.
fn common(one: Part, other: Part) -> Option<Part> {
    Some((one.0.intersection(other.0)?, one.1.intersection(other.1)?))
}

/// What of a part another leaves.
fn rest(of: Part, without: Part) -> Vec<Part> {
    let Some((time, ports)) = common(of, without) else { return vec![of] };
    let at_other_times = crate::network::left_over(of.0, &[time]).into_iter().map(|time| (time, of.1));
    at_other_times.chain(of.1.without(ports).map(|ports| (time, ports))).collect()
}

/// A network in the list.
struct Entry<'a> {
    network: Network,
    place: Place,
    tenant: &'a Tenant,
}

impl Entry<'_> {
    fn part(&self) -> Part {
        (self.network.time, self.network.ports.unwrap_or(Block::ALL))
    }

    /// What is wrong with it inside of these, the innermost last: with the one that it lies in next, at each time and port.
    fn conflicts(&self, open: &[&Entry<'_>], conflicts: &mut Vec<Conflict>) {
        let mut left = vec![self.part()];
        for outer in open.iter().rev().filter(|outer| outer.tenant.meets(self.tenant)) {
            let Some(found) = left.iter().find_map(|part| common(*part, outer.part())) else { continue };
            if outer.place.tenant != self.place.tenant {
                conflicts.extend(self.conflict(found, outer));
            }
            // Beyond one that is for some exporters only, others find what encloses that.
            if outer.tenant.exporters.is_empty() || outer.place.tenant == self.place.tenant {
                left = left.iter().flat_map(|part| rest(*part, outer.part())).collect();
            }
            if left.is_empty() {
                return;
            }
        }
    }

    fn conflict(&self, (time, ports): Part, outer: &Entry<'_>) -> Option<Conflict> {
        let (tenant, place) = (self.tenant.name.clone(), self.place);
        let (network, outer_network) = (self.network.prefix, outer.network.prefix);
        let outer_tenant = outer.tenant.name.clone();
        let ports = self.network.ports.is_some().then_some(ports);
        // Ports of a network that is another's for the rest lie inside of that.
        if outer_network == network && self.network.ports.is_some() == outer.network.ports.is_some() {
            return Some(Conflict::Shared {
                network,
                ports,
                first: outer_tenant,
                second: tenant,
                time,
                place,
            });
        }
        let nested = Conflict::Nested { network, ports, tenant, outer_network, outer_tenant, time, place };
        (!self.tenant.nested).then_some(nested)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Network, Span, Tenant, Tenants};

    /// A network with ports, from an instant on, until another.
    type Entry = (&'static str, &'static str, Option<i64>, Option<i64>);

    fn tenant(name: &str, networks: &[Entry]) -> Tenant {
        let network = |(prefix, ports, from_ms, to_ms): &Entry| Network {
            prefix: prefix.parse().unwrap(),
            time: Span { from_ms: *from_ms, to_ms: *to_ms },
            ports: (!ports.is_empty()).then(|| ports.parse().unwrap()),
        };
        Tenant { name: name.into(), networks: networks.iter().map(network).collect(), ..Tenant::default() }
    }

    fn conflicts(list: Vec<Tenant>) -> Vec<String> {
        match Tenants::new(list) {
            Ok(_) => Vec::new(),
            Err(found) => found.iter().map(ToString::to_string).collect(),
        }
    }

    const NAT: &str = "203.0.113.7/32";

    #[test]
    fn a_port_of_an_address_is_one_tenants_at_a_time() {
        let of = |name, ports| tenant(name, &[(NAT, ports, None, None)]);
        assert_eq!(conflicts(vec![of("a", "1024-2047"), of("b", "2048-3071"), of("c", "80")]), [""; 0]);
        assert_eq!(
            conflicts(vec![of("a", "1024-2047"), of("b", "0-1023"), of("c", "2000-3000")]),
            [
                "network 203.0.113.7/32, ports 2000 to 2047, belongs to both \"a\" and \"c\": take it out of one"
            ]
        );
        let turn = |name, from_ms, to_ms| tenant(name, &[(NAT, "1024-2047", from_ms, to_ms)]);
        assert_eq!(conflicts(vec![turn("a", None, Some(5)), turn("b", Some(5), None)]), [""; 0]);
        assert_eq!(
            conflicts(vec![turn("a", None, Some(6)), turn("b", Some(5), None)]),
            ["network 203.0.113.7/32, ports 1024 to 2047, belongs to both \"a\" and \"b\" from \
              1970-01-01T00:00:00.005+00:00 until 1970-01-01T00:00:00.006+00:00: let one end where the other begins"]
        );
        // Of the same tenant they may overlap.
        let own = tenant("a", &[(NAT, "1-9", None, None), (NAT, "5-12", None, None), (NAT, "", None, None)]);
        assert_eq!(conflicts(vec![own]), [""; 0]);
    }

    #[test]
    fn two_on_one_address_are_told_of_ports() {
        let of = |name| tenant(name, &[(NAT, "", None, None)]);
        assert_eq!(
            conflicts(vec![of("a"), of("b")]),
            [
                "network 203.0.113.7/32 belongs to both \"a\" and \"b\": take it out of one, or say how they share it: \
              give each its `ports` (docs/tenants.md)"
            ]
        );
    }

    #[test]
    fn ports_inside_another_tenants_network_are_said() {
        let whole = || tenant("office", &[(NAT, "", None, None)]);
        let part = || tenant("a", &[(NAT, "1024-2047", None, None)]);
        let said = "network 203.0.113.7/32, ports 1024 to 2047, of \"a\" lies inside 203.0.113.7/32 of \"office\": \
                    if that is meant, say `nested = true` for \"a\"";
        // Whoever comes first in the list.
        assert_eq!(conflicts(vec![whole(), part()]), [said]);
        assert_eq!(conflicts(vec![part(), whole()]), [said]);
        assert_eq!(conflicts(vec![whole(), Tenant { nested: true, ..part() }]), [""; 0]);
        // Other ports of a network around it are none of its business; the same are.
        let pool = |ports| tenant("pool", &[("203.0.113.0/24", ports, None, None)]);
        assert_eq!(conflicts(vec![pool("0-1023"), part()]), [""; 0]);
        assert_eq!(conflicts(vec![pool("2000-3000"), part()]).len(), 1);
        assert_eq!(conflicts(vec![pool("0-1023"), whole()]).len(), 1);
        // What lies between them, at each port, is one's own.
        let own = tenant("a", &[(NAT, "0-3000", None, None), ("203.0.113.7/32", "1024-2047", None, None)]);
        assert_eq!(conflicts(vec![pool("2000-4000"), own]).len(), 1, "the first only");
    }
}
