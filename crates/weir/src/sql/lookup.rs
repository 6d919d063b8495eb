//! Names for `host_name()`, `service()` and `tenant()`: from files and the configuration, never from the network.

use crate::config::Config;
use crate::hosts::Hosts;
use crate::name;
use std::collections::HashMap;
use std::path::Path;
use weir_account::Tenants;
use weir_flow::Addr;
use weir_flow::filter::service_of;
use weir_sql::Lookup;

/// Where systems keep names of hosts.
const HOSTS: &str = "/etc/hosts";

/// Protocols whose ports are services: TCP, UDP, DCCP, SCTP.
const WITH_PORTS: [u8; 4] = [6, 17, 33, 132];

/// All names.
#[derive(Debug)]
pub(super) struct Known {
    /// The store's own names come before the system's.
    hosts: [Hosts; 2],
    services: HashMap<(u8, u16), String>,
    tenants: Tenants,
}

impl Known {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            hosts: [Hosts::of_store(&config.store), Hosts::of_file(Path::new(HOSTS))],
            services: name::of_ports(),
            tenants: config.tenants.clone(),
        }
    }
}

impl Lookup for Known {
    fn host_name(&self, addr: Addr) -> Option<String> {
        self.hosts.iter().find_map(|hosts| hosts.name(addr))
    }

    fn service(&self, proto: u8, port: u16) -> Option<String> {
        // First as `top service` calls it, then as this machine does.
        let usual = service_of(port).filter(|_| WITH_PORTS.contains(&proto)).map(str::to_owned);
        usual.or_else(|| self.services.get(&(proto, port)).cloned())
    }

    fn tenant(&self, addr: Addr) -> Option<String> {
        self.tenants.lookup(addr).map(|tenant| tenant.name.clone())
    }
}
