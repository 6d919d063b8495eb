//! Which networks are blocked when somebody is: those that are the tenant's now, less what must never be blocked and less
//! what lies inside them and is another's now.

use super::whose::Whose;
use crate::config::Config;
use crate::config::quota::Allow;
use weir_account::{Prefix, Tenant};
use weir_flow::Addr;

/// The networks of whom a quota is looked at for, that may be blocked at this time: none encloses another. A group has those
/// of all its tenants.
pub(super) fn elements(config: &Config, whose: &Whose, now_ms: i64) -> Vec<Prefix> {
    match whose {
        Whose::Tenant(tenant) => of_tenant(config, tenant, None, now_ms),
        Whose::Host(tenant, host) => of_tenant(config, tenant, Some(*host), now_ms),
        Whose::Group(group) => {
            let tenants = config.tenants.in_group(group);
            apart(tenants.flat_map(|tenant| of_tenant(config, &tenant.name, None, now_ms)).collect())
        }
    }
}

/// The networks of a tenant, or of one host of it. A host whose network is no longer the tenant's is none of it.
fn of_tenant(config: &Config, tenant: &str, host: Option<Addr>, now_ms: i64) -> Vec<Prefix> {
    let networks = |tenant: &Tenant| -> Vec<Prefix> {
        let whole = tenant.networks.iter().filter(|one| one.ports.is_none());
        whole.filter(|one| one.holds(now_ms)).map(|one| one.prefix).collect()
    };
    let is_allowed = |allow: &Allow| matches!(allow, Allow::Tenant(name) if name == tenant);
    if config.quotas.allow.iter().any(is_allowed) {
        return Vec::new();
    }
    // Behind an address whose ports are several's are others too: it is never blocked.
    let named = config.tenants.iter().flat_map(|tenant| &tenant.networks);
    let divided = named.filter(|one| one.ports.is_some() && one.holds(now_ms));
    let mut holes: Vec<Prefix> = divided.map(|one| one.prefix).collect();
    for allow in &config.quotas.allow {
        match allow {
            Allow::Network(network) => holes.push(*network),
            Allow::Tenant(name) => {
                holes.extend(config.tenants.get(name).into_iter().flat_map(networks));
            }
        }
    }
    let mut found = Vec::new();
    let Some(host) = host else {
        let Some(own) = config.tenants.get(tenant) else { return found };
        let others = config.tenants.iter().filter(|other| other.name != tenant);
        let others: Vec<Prefix> = others.flat_map(networks).collect();
        for network in networks(own) {
            // What encloses it is whoever's this one lies in.
            let inside = others.iter().filter(|other| network.encloses(other) && **other != network).copied();
            let holes: Vec<Prefix> = holes.iter().copied().chain(inside).collect();
            without(network, &holes, &mut found);
        }
        return apart(found);
    };
    let holding = |own: &Tenant| {
        let mut its = own.networks.iter().filter(|one| one.prefix.contains(host)).peekable();
        its.peek().is_none() || its.any(|one| one.holds(now_ms))
    };
    if !config.tenants.get(tenant).is_none_or(holding) {
        return found;
    }
    without(Prefix::host(host), &holes, &mut found);
    found
}

/// A network less what lies in the holes, in as few networks as can be.
fn without(network: Prefix, holes: &[Prefix], out: &mut Vec<Prefix>) {
    if holes.iter().any(|hole| hole.encloses(&network)) {
        return;
    }
    if !holes.iter().any(|hole| network.encloses(hole)) {
        out.push(network);
        return;
    }
    // A hole lies inside, so there is a half to go on with.
    let Some(length) = network.length().checked_add(1) else { return };
    for end in [network.first(), network.last()] {
        if let Some(half) = Prefix::containing(end, length) {
            without(half, holes, out);
        }
    }
}

/// Without those that another encloses.
fn apart(mut networks: Vec<Prefix>) -> Vec<Prefix> {
    networks.sort_unstable();
    let mut kept: Vec<Prefix> = Vec::new();
    for network in networks {
        if !kept.last().is_some_and(|before| before.encloses(&network)) {
            kept.push(network);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CONFIGURATION: &str = r#"
[[tenant]]
name = "block"
networks = ["10.0.0.0/16", "10.0.9.0/24", "2001:db8::/32"]

[[tenant]]
name = "shop"
networks = ["10.0.1.0/24"]
nested = true

[[tenant]]
name = "kiosk"
networks = ["10.0.1.7"]
nested = true

[quotas]
allow = ["10.0.1.5", "10.0.128.0/17", "kiosk"]
"#;

    fn found(tenant: &str, host: Option<&str>) -> Vec<String> {
        let config = crate::config::read(CONFIGURATION).unwrap();
        let host = host.map(|host| host.parse().unwrap());
        of_tenant(&config, tenant, host, 0).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_anothers_or_allowed_is_left_out() {
        assert_eq!(
            found("block", None),
            [
                "10.0.0.0/24",
                "10.0.2.0/23",
                "10.0.4.0/22",
                "10.0.8.0/21",
                "10.0.16.0/20",
                "10.0.32.0/19",
                "10.0.64.0/18",
                "2001:db8::/32"
            ]
        );
        // .5 is allowed, .7 another's.
        assert_eq!(
            found("shop", None),
            [
                "10.0.1.0/30",
                "10.0.1.4/32",
                "10.0.1.6/32",
                "10.0.1.8/29",
                "10.0.1.16/28",
                "10.0.1.32/27",
                "10.0.1.64/26",
                "10.0.1.128/25"
            ]
        );
        assert!(found("kiosk", None).is_empty() && found("nobody", None).is_empty());
        assert_eq!(found("shop", Some("10.0.1.4")), ["10.0.1.4/32"]);
        assert!(found("shop", Some("10.0.1.5")).is_empty());
        assert_eq!(found("block", Some("2001:db8::1")), ["2001:db8::1/128"]);
    }

    #[test]
    fn what_has_moved_away_is_not_blocked() {
        let text = "[[tenant]]\nname = \"a\"\nnetworks = [\"10.0.0.0/24\", { network = \"10.0.1.0/24\", until = \
                    \"2026-10-14\" }]\n[[tenant]]\nname = \"b\"\nnetworks = [{ network = \"10.0.1.0/24\", from = \
                    \"2026-10-14\" }]\n";
        let config = crate::config::read(text).unwrap();
        let found = |tenant: &str, host: Option<&str>, now_ms: i64| -> Vec<String> {
            let host = host.map(|host| host.parse().unwrap());
            of_tenant(&config, tenant, host, now_ms).iter().map(ToString::to_string).collect()
        };
        // 2026-10-14T00:00Z.
        let turn = 1_791_936_000_000;
        assert_eq!(found("a", None, turn - 1), ["10.0.0.0/24", "10.0.1.0/24"]);
        assert_eq!(found("a", None, turn), ["10.0.0.0/24"]);
        assert_eq!((found("b", None, turn - 1).len(), found("b", None, turn).len()), (0, 1));
        let host = Some("10.0.1.9");
        assert_eq!((found("a", host, turn - 1).len(), found("a", host, turn).len()), (1, 0));
        assert_eq!(found("b", host, turn), ["10.0.1.9/32"]);
    }

    #[test]
    fn an_address_that_several_are_behind_is_not_blocked() {
        let text = "[[tenant]]\nname = \"a\"\nnetworks = [\"203.0.113.8/31\", { network = \"203.0.113.7\", ports = \
                    \"1024-2047\" }]\n[[tenant]]\nname = \"b\"\nnested = true\nnetworks = [{ network = \"203.0.113.9\", \
                    ports = \"80\" }]\n";
        let config = crate::config::read(text).unwrap();
        let found = |tenant: &str, host: Option<&str>| -> Vec<String> {
            let tenant = tenant.to_owned();
            let whose = match host {
                None => Whose::Tenant(tenant),
                Some(host) => Whose::Host(tenant, host.parse().unwrap()),
            };
            elements(&config, &whose, 0).iter().map(ToString::to_string).collect()
        };
        assert_eq!(found("a", None), ["203.0.113.8/32"]);
        assert!(found("b", None).is_empty() && found("a", Some("203.0.113.7")).is_empty());
        assert_eq!(found("a", Some("203.0.113.8")), ["203.0.113.8/32"]);
    }

    #[test]
    fn a_group_has_the_networks_of_all_its_tenants() {
        let group = |name: &str| format!("name = \"{name}\"\ngroup = \"campus/{name}\"");
        let text = ["block", "shop"].iter().fold(CONFIGURATION.to_owned(), |text, name| {
            text.replace(&format!("name = \"{name}\""), &group(name))
        });
        let config = crate::config::read(&text).unwrap();
        let found = |path: &str| elements(&config, &Whose::Group(path.parse().unwrap()), 0);
        // The shop's networks fill the hole that they are in the block's; the kiosk's stay out.
        let both: Vec<Prefix> = [found("campus/block"), found("campus/shop")].concat();
        assert_eq!(found("campus"), apart(both));
        assert_eq!(found("campus/shop").len(), 8);
    }

    proptest! {
        /// Every address of the network is in exactly one part, or in a hole.
        #[test]
        fn parts_and_holes_make_the_network(
            holes in prop::collection::vec((any::<u8>(), 24u8..=32), 0..6),
            address in any::<u8>(),
        ) {
            let network: Prefix = "10.0.0.0/24".parse().unwrap();
            let hole = |(last, length): (u8, u8)| Prefix::containing(Addr::v4([10, 0, 0, last]), length).unwrap();
            let holes: Vec<Prefix> = holes.into_iter().map(hole).collect();
            let mut parts = Vec::new();
            without(network, &holes, &mut parts);
            let address = Addr::v4([10, 0, 0, address]);
            let times = parts.iter().filter(|part| part.contains(address)).count();
            let is_in_hole = holes.iter().any(|hole| hole.contains(address));
            prop_assert_eq!(times, usize::from(!is_in_hole));
        }
    }
}
