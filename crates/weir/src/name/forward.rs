//! Files and hosts that a filter names.
//!
//! A host is looked up once a run: in the configuration's file of names and the store's own, then as the system does it (`/etc/hosts`, the
//! resolver). Files are found from the working directory, as the shell would.

use crate::config::Config;
use crate::hosts::Hosts;
use std::collections::HashMap;
use std::io::Read;
use std::net::ToSocketAddrs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, mpsc};
use std::time::Duration;
use weir_flow::Addr;
use weir_flow::filter::Outside;

/// How long the system may take to find a host.
const WAIT: Duration = Duration::from_secs(5);
/// The largest file that a filter may name: a million prefixes.
const FILE_BYTES_MAX: u64 = 32 << 20;

/// What lies outside of a filter.
#[derive(Debug)]
struct World {
    /// The configuration's file of names.
    names: Option<PathBuf>,
    /// The store, which may bring a file of names along.
    store: PathBuf,
    /// What was found of hosts, so that each is asked for once.
    found: Mutex<HashMap<String, Result<Vec<Addr>, String>>>,
}

/// Who reads the files and finds the hosts that a filter names: one for the whole run of the program.
pub(crate) fn outside(config: &Config) -> Arc<dyn Outside> {
    static WORLD: OnceLock<Arc<World>> = OnceLock::new();
    let world = WORLD.get_or_init(|| {
        Arc::new(World {
            names: config.names.hosts.clone(),
            store: config.store.clone(),
            found: Mutex::default(),
        })
    });
    Arc::clone(world) as Arc<dyn Outside>
}

/// The text of a file of values, if it has no more bytes than this.
///
/// # Errors
/// Why there is none, in a few words that can stand after a colon.
pub(crate) fn read_list(path: &str, bytes_max: u64) -> Result<String, String> {
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let mut text = String::new();
    let bytes = file.take(bytes_max.saturating_add(1)).read_to_string(&mut text);
    match bytes {
        Ok(bytes) if bytes as u64 > bytes_max => Err(format!("it has more than {} MiB", bytes_max >> 20)),
        Ok(_) => Ok(text),
        Err(error) => Err(error.to_string()),
    }
}

impl Outside for World {
    fn file(&self, path: &str) -> Result<String, String> {
        read_list(path, FILE_BYTES_MAX)
    }

    fn addresses(&self, host: &str) -> Result<Vec<Addr>, String> {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.entry(host.to_lowercase()).or_insert_with(|| self.find(host)).clone()
    }
}

impl World {
    fn find(&self, host: &str) -> Result<Vec<Addr>, String> {
        let own = match &self.names {
            Some(path) => Hosts::read(path).map_err(|failure| failure.to_string())?.addresses(host),
            None => Vec::new(),
        };
        let own = if own.is_empty() { Hosts::of_store(&self.store).addresses(host) } else { own };
        if own.is_empty() { ask_system(host) } else { Ok(own) }
    }
}

/// What the system knows of a host. It may take as long as it likes, so it is asked in a thread of its own, which
/// is left behind where it takes too long.
fn ask_system(host: &str) -> Result<Vec<Addr>, String> {
    let (tell, told) = mpsc::channel();
    let name = host.to_owned();
    std::thread::spawn(move || {
        let answer =
            (name.as_str(), 0).to_socket_addrs().map(|all| all.map(|a| Addr::from(a.ip())).collect());
        // Nobody listens any more where it took too long.
        drop(tell.send(answer.map_err(|error| error.to_string())));
    });
    match told.recv_timeout(WAIT) {
        Ok(answer) => answer.map(|mut all: Vec<Addr>| {
            all.sort_unstable();
            all.dedup();
            all
        }),
        Err(_) => Err(format!("the resolver has not answered within {} s", WAIT.as_secs())),
    }
}
