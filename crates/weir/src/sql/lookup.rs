//! Names for `host_name()`, `service()` and `tenant()`: from files and the configuration, never from the network.

use crate::clock;
use crate::config::Config;
use crate::hosts::Hosts;
use crate::name;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use weir_account::Tenants;
use weir_flow::Addr;
use weir_flow::filter::service_of;
use weir_sql::Lookup;

/// Where systems keep names of hosts.
const HOSTS: &str = "/etc/hosts";

/// Protocols whose ports are services: TCP, UDP, DCCP, SCTP.
const WITH_PORTS: [u8; 4] = [6, 17, 33, 132];

/// All names. Files are read when somebody asks.
#[derive(Debug)]
pub(super) struct Known {
    store: PathBuf,
    config: Arc<Config>,
    hosts: OnceLock<[Hosts; 2]>,
    services: OnceLock<HashMap<(u8, u16), String>>,
    owners: OnceLock<Owners>,
}

impl Known {
    pub(super) fn new(store: &Path, config: Arc<Config>) -> Self {
        let (hosts, services, owners) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Self { store: store.to_path_buf(), config, hosts, services, owners }
    }

    /// The store's own names come before the system's.
    fn hosts(&self) -> &[Hosts; 2] {
        self.hosts.get_or_init(|| [Hosts::of_store(&self.store), Hosts::of_file(Path::new(HOSTS))])
    }
}

impl Lookup for Known {
    fn host_name(&self, addr: Addr) -> Option<String> {
        self.hosts().iter().find_map(|hosts| hosts.name(addr))
    }

    fn service(&self, proto: u8, port: u16) -> Option<String> {
        // First as `top service` calls it, then as this machine does.
        let usual = service_of(port).filter(|_| WITH_PORTS.contains(&proto)).map(str::to_owned);
        usual.or_else(|| self.services.get_or_init(name::of_ports).get(&(proto, port)).cloned())
    }

    fn tenant(&self, addr: Addr) -> Option<String> {
        let owners = self.owners.get_or_init(|| Owners::new(&self.config.tenants, clock::now_ms()));
        self.config.tenants.iter().nth(owners.of(addr)?).map(|tenant| tenant.name.clone())
    }
}

/// Whose networks are at an instant, in the records of any exporter.
#[derive(Debug, Default)]
struct Owners {
    /// The bits of an address that a network leaves open, for each length there is: the longest network's first.
    open: Vec<u128>,
    /// By first address and open bits, the tenant's place; `None` where several have it, each at exporters of its own.
    places: HashMap<(u128, u128), Option<usize>>,
}

impl Owners {
    fn new(tenants: &Tenants, now_ms: i64) -> Self {
        let mut owners = Self::default();
        for (place, tenant) in tenants.iter().enumerate() {
            // Of an address alone nobody knows whose port is meant.
            let whole = tenant.networks.iter().filter(|network| network.ports.is_none());
            for network in whole.filter(|network| network.holds(now_ms)) {
                let (first, last) = (network.prefix.first().bits(), network.prefix.last().bits());
                let known = owners.places.entry((first, first ^ last)).or_insert(Some(place));
                *known = known.filter(|one| *one == place);
                owners.open.push(first ^ last);
            }
        }
        owners.open.sort_unstable();
        owners.open.dedup();
        owners
    }

    /// The place of the tenant whose longest network has the address.
    fn of(&self, addr: Addr) -> Option<usize> {
        let network = |open: &u128| self.places.get(&(addr.bits() & !open, *open));
        *self.open.iter().find_map(network)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_account::{Network, Span, Tenant};

    #[test]
    fn the_longest_network_that_holds_now_decides() {
        let from = |text: &str, from_ms| Network {
            prefix: text.parse().unwrap(),
            time: Span { from_ms, to_ms: None },
            ports: None,
        };
        let tenant = |name: &str, networks: Vec<Network>, exporters: &[&str]| Tenant {
            name: name.to_owned(),
            networks,
            exporters: exporters.iter().map(|addr| addr.parse().unwrap()).collect(),
            nested: true,
            ..Tenant::default()
        };
        let list = vec![
            tenant("house", vec![from("10.0.0.0/8", None), from("2001:db8::/32", None)], &[]),
            tenant("shop", vec![from("10.1.0.0/16", Some(100))], &[]),
            tenant("east", vec![from("172.16.0.0/24", None)], &["192.0.2.1"]),
            tenant("west", vec![from("172.16.0.0/24", None)], &["192.0.2.2"]),
        ];
        let tenants = Tenants::new(list).unwrap();
        let of = |text: &str, now_ms| {
            let place = Owners::new(&tenants, now_ms).of(text.parse().unwrap());
            place.and_then(|place| tenants.iter().nth(place)).map(|tenant| tenant.name.as_str())
        };
        assert_eq!(of("10.1.2.3", 100), Some("shop"));
        // Before it is let.
        assert_eq!(of("10.1.2.3", 99), Some("house"));
        assert_eq!(of("10.2.2.3", 100), Some("house"));
        assert_eq!(of("2001:db8::9", 100), Some("house"));
        assert_eq!(of("192.0.2.9", 100), None);
        // Whose it is depends on the exporter.
        assert_eq!(of("172.16.0.9", 100), None);
    }
}
