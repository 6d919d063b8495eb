//! Names for `host_name()`, `service()` and `tenant()`: from files and the configuration, never from the network.

use crate::config::Config;
use crate::hosts::Hosts;
use crate::name;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
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
}

impl Known {
    pub(super) fn new(store: &Path, config: Arc<Config>) -> Self {
        Self { store: store.to_path_buf(), config, hosts: OnceLock::new(), services: OnceLock::new() }
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
        self.config.tenants.lookup(addr).map(|tenant| tenant.name.clone())
    }
}
