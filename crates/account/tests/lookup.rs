//! Longest prefix match against a plain loop over all networks.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use proptest::prelude::*;
use weir_account::{Attribution, Prefix, Tenant, Tenants};
use weir_flow::batch::{RowBuilder, Value};
use weir_flow::{Addr, Batch, Column};

/// Addresses that meet often: few distinct octets, both families, the ends of the space.
fn addr() -> impl Strategy<Value = Addr> {
    let octet = prop_oneof![Just(0u8), Just(1), Just(10), Just(127), Just(128), Just(255), any::<u8>()];
    prop_oneof![
        prop::array::uniform4(octet.clone()).prop_map(Addr::v4),
        (prop::array::uniform4(octet.clone()), prop::array::uniform4(octet)).prop_map(|(a, b)| {
            let mut octets = [0; 16];
            octets[..4].copy_from_slice(&a);
            octets[12..].copy_from_slice(&b);
            Addr::v6(octets)
        }),
    ]
}

fn prefix() -> impl Strategy<Value = Prefix> {
    (addr(), 0u8..=128).prop_map(|(addr, length)| {
        let length = if addr.is_v4() { length % 33 } else { length };
        Prefix::containing(addr, length).unwrap()
    })
}

/// Tenants whose networks are all different, each allowed to be nested.
fn tenants(prefixes: &[Prefix]) -> Tenants {
    let mut seen = std::collections::HashSet::new();
    let mut list: Vec<Tenant> = Vec::new();
    for (i, prefix) in prefixes.iter().filter(|p| seen.insert(**p)).enumerate() {
        // Some have several networks.
        if i % 3 == 2 {
            list.last_mut().unwrap().networks.push((*prefix).into());
        } else {
            let name = format!("t{i}");
            list.push(Tenant { name, networks: vec![(*prefix).into()], nested: true, ..Tenant::default() });
        }
    }
    Tenants::new(list).unwrap()
}

fn naive(tenants: &Tenants, addr: Addr) -> Option<&Tenant> {
    let networks = tenants.iter().flat_map(|t| t.networks.iter().map(move |n| (n, t)));
    let holding = networks.filter(|(n, _)| n.prefix.contains(addr));
    holding.max_by_key(|(n, _)| n.prefix.length()).map(|(_, t)| t)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_longest_prefix_decides(prefixes in prop::collection::vec(prefix(), 0..40),
                                  addrs in prop::collection::vec(addr(), 0..40)) {
        let tenants = tenants(&prefixes);
        let attribution = Attribution::new(&tenants, &[], []);
        // Both sides of every edge, and some in between.
        let edges = prefixes.iter().flat_map(|p| {
            [p.first(), p.last(), Addr::from_bits(p.first().bits().wrapping_sub(1)),
             Addr::from_bits(p.last().bits().wrapping_add(1))]
        });
        for addr in edges.chain(addrs) {
            let found = attribution.tenant(Addr::UNSPECIFIED, addr, 0);
            prop_assert_eq!(found, naive(&tenants, addr).map(|t| t.name.as_str()), "{}", addr);
        }
    }

    #[test]
    fn networks_print_as_they_are_read(prefix in prefix(), addr in addr()) {
        prop_assert_eq!(prefix.to_string().parse(), Ok(prefix));
        prop_assert!(prefix.contains(prefix.first()) && prefix.contains(prefix.last()));
        prop_assert!(prefix.encloses(&prefix));
        if prefix.contains(addr) {
            prop_assert!(prefix.first() <= addr && addr <= prefix.last());
            prop_assert_eq!(Prefix::containing(addr, prefix.length()), Some(prefix));
        }
    }

    /// An own network within a tenant's takes nothing away, and a tenant's within an own network is found.
    #[test]
    fn own_networks_give_way_to_tenants(prefixes in prop::collection::vec(prefix(), 0..20),
                                        own in prop::collection::vec(prefix(), 0..20),
                                        addrs in prop::collection::vec(addr(), 1..20)) {
        let tenants = tenants(&prefixes);
        let attribution = Attribution::new(&tenants, &own, []);
        // The other end is foreign, unless a random network holds it.
        let far: Addr = "203.0.113.1".parse().unwrap();
        let holds = |addr| own.iter().any(|n| n.contains(addr));
        for addr in addrs.iter().copied().filter(|a| !a.is_unspecified()) {
            let mut batch = Batch::new();
            RowBuilder::new().addr(Column::SrcAddr, addr).addr(Column::DstAddr, far).push(&mut batch);
            attribution.attribute(&mut batch, 0);
            let expected = match (naive(&tenants, addr), naive(&tenants, far)) {
                (Some(_), Some(_)) => "local",
                (Some(_), None) => "out",
                (None, Some(_)) => "in",
                (None, None) if holds(addr) || holds(far) => "unmatched",
                (None, None) => "transit",
            };
            prop_assert_eq!(batch.get(0, Column::Direction), Some(Value::Word(expected)), "{}", addr);
        }
    }
}
