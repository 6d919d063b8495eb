//! What is known of an address besides its number: shown beside it, never instead of it.
//!
//! Files are read once. The DNS is asked for what no file and no earlier answer has, of all addresses at once, and may hold
//! an answer up for [`wait`](crate::config::Names::wait) of every minute that it takes, whatever name servers do.

use super::cache::Cache;
use super::place::Places;
use super::reverse;
use crate::clock::Moment;
use crate::config::Config;
use crate::exit::Outcome;
use crate::hosts::Hosts;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use weir_flow::Addr;

/// Questions in a minute; of more addresses the first are asked about.
const ASKED_MAX: usize = 10_000;
/// How long what was spent of the DNS's time and questions counts.
const MINUTE: Duration = Duration::from_secs(60);

/// What is known of one address; what is unknown is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Known {
    /// Its name.
    pub(crate) name: Option<String>,
    /// Who says so: `names`, `exporter` (the configuration), `store`, `system` (files) or `dns`.
    pub(crate) source: Option<&'static str>,
    /// When the DNS said so, ms since 1970.
    pub(crate) as_of: Option<i64>,
    /// The country, by its code of two letters.
    pub(crate) country: Option<String>,
    /// The autonomous system.
    pub(crate) system: Option<u32>,
    /// Who runs the system.
    pub(crate) organization: Option<String>,
}

/// What is known of the addresses of an answer, and of its autonomous systems.
#[derive(Debug, Default)]
pub(crate) struct Glossary {
    addresses: BTreeMap<Addr, Known>,
    systems: BTreeMap<u32, String>,
}

impl Glossary {
    /// What is known of an address.
    pub(crate) fn address(&self, address: Addr) -> Option<&Known> {
        self.addresses.get(&address)
    }

    /// Who runs an autonomous system.
    pub(crate) fn system(&self, number: u64) -> Option<&str> {
        self.systems.get(&u32::try_from(number).ok()?).map(String::as_str)
    }
}

/// Everything that knows names.
pub(crate) struct Book {
    /// Files of names, the first one first, and what they are called.
    files: Vec<(&'static str, Hosts)>,
    geo: Option<Places>,
    asn: Option<Places>,
    servers: Vec<SocketAddr>,
    /// Whether public servers are asked of private addresses.
    private: bool,
    cache: Cache,
    wait: Duration,
    /// What was spent since when.
    begun: Instant,
    spent: Duration,
    asked: usize,
    /// What went wrong, for a remark.
    silent: BTreeSet<SocketAddr>,
    withheld: usize,
    unasked: usize,
}

impl Book {
    /// Opens what the configuration names.
    ///
    /// # Errors
    /// A file that the configuration names cannot be read.
    pub(crate) fn open(config: &Config, now: Moment) -> Outcome<Self> {
        let names = &config.names;
        let own = names.hosts.as_deref().map(Hosts::read).transpose()?.unwrap_or_default();
        let exporters = config.exporters.iter().map(|e| (e.address, e.name.clone())).collect();
        let system =
            std::fs::read_to_string("/etc/hosts").map(|text| Hosts::parse(&text)).unwrap_or_default();
        let places = |path: &Option<PathBuf>| path.as_deref().map(Places::open).transpose();
        let servers = names.servers.clone().unwrap_or_else(|| {
            std::fs::read_to_string("/etc/resolv.conf")
                .map(|text| reverse::servers(&text))
                .unwrap_or_default()
        });
        Ok(Self {
            files: vec![
                ("names", own),
                ("exporter", exporters),
                ("store", Hosts::of_store(&config.store)),
                ("system", system),
            ],
            geo: places(&names.geo)?,
            asn: places(&names.asn)?,
            servers,
            private: names.private,
            cache: Cache::open(cache_path(), now.ms),
            wait: names.wait,
            begun: now.at,
            spent: Duration::ZERO,
            asked: 0,
            silent: BTreeSet::new(),
            withheld: 0,
            unasked: 0,
        })
    }

    /// Forgets what the DNS said before of these addresses, so that it is asked again.
    pub(crate) fn doubt(&mut self, addresses: &[Addr]) {
        self.cache.doubt(addresses);
    }

    /// What is known of these addresses and systems.
    pub(crate) fn look_up(&mut self, addresses: &[Addr], systems: &BTreeSet<u32>, now: Moment) -> Glossary {
        self.ask(addresses, now);
        let files = [self.asn.as_ref(), self.geo.as_ref()];
        let mut named = BTreeMap::new();
        for places in files.into_iter().flatten().filter(|_| !systems.is_empty()) {
            let left = systems.iter().filter(|system| !named.contains_key(*system)).copied().collect();
            named.extend(places.organizations(&left));
        }
        Glossary {
            addresses: addresses.iter().map(|address| (*address, self.known(*address))).collect(),
            systems: named,
        }
    }

    /// Asks the DNS for what nobody else knows, as long as it may be waited for.
    fn ask(&mut self, addresses: &[Addr], now: Moment) {
        if now.at.duration_since(self.begun) >= MINUTE {
            (self.begun, self.spent, self.asked) = (now.at, Duration::ZERO, 0);
        }
        let mut seen = BTreeSet::new();
        let is_open = |a: &Addr| seen.insert(*a) && self.said(*a).is_none() && !self.cache.knows(*a, now.ms);
        let mut open: Vec<Addr> = addresses.iter().copied().filter(is_open).collect();
        if self.servers.is_empty() || open.is_empty() {
            return;
        }
        let room = if self.spent < self.wait { ASKED_MAX.saturating_sub(self.asked) } else { 0 };
        self.unasked += open.len().saturating_sub(room);
        open.truncate(room);
        if open.is_empty() {
            return;
        }
        let asked = reverse::ask(&self.servers, &open, self.private, self.wait - self.spent);
        self.spent += now.at.elapsed();
        self.asked += open.len();
        self.silent.extend(asked.silent);
        self.withheld += asked.withheld;
        self.cache.add(asked.answers, now.ms);
    }

    /// The name in a file, and whose the file is.
    fn said(&self, address: Addr) -> Option<(&'static str, String)> {
        self.files.iter().find_map(|(source, hosts)| Some((*source, hosts.name(address)?)))
    }

    fn known(&self, address: Addr) -> Known {
        let (asn, geo) = (self.asn.as_ref(), self.geo.as_ref());
        // Some files have both.
        let [systems, countries] = [[asn, geo], [geo, asn]].map(|files| files.into_iter().flatten());
        let known = Known {
            country: countries.clone().find_map(|places| places.country(address)),
            system: systems.clone().find_map(|places| places.system(address)),
            organization: systems.clone().find_map(|places| places.organization(address)),
            ..Known::default()
        };
        match (self.said(address), self.cache.name(address)) {
            (Some((source, name)), _) => Known { name: Some(name), source: Some(source), ..known },
            (None, Some((name, when))) => {
                Known { name: Some(name.to_owned()), source: Some("dns"), as_of: Some(when), ..known }
            }
            (None, None) => known,
        }
    }

    /// What whoever reads the names should know: a sentence each.
    pub(crate) fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        if !self.silent.is_empty() {
            let servers: Vec<String> = self.silent.iter().map(ToString::to_string).collect();
            let wait = self.wait.as_millis();
            remarks.push(format!(
                "no answer from the name server {} (it may take {wait} ms, [names] wait_ms): names may be missing",
                servers.join(", ")
            ));
        }
        if self.withheld > 0 {
            remarks.push(format!(
                "not asked about private addresses: {}, for the name servers are public ([names] private = true asks)",
                self.withheld
            ));
        }
        if self.unasked > 0 {
            let wait = self.wait.as_millis();
            remarks.push(format!(
                "not asked about all addresses, {} are left: the DNS may take {wait} ms ([names] wait_ms) and \
                 {ASKED_MAX} questions of a minute",
                self.unasked
            ));
        }
        remarks
    }
}

impl Drop for Book {
    fn drop(&mut self) {
        self.cache.keep(Moment::now().ms);
    }
}

/// Where answers of the DNS are kept: the user's folder for what can be had again.
fn cache_path() -> Option<PathBuf> {
    let folder =
        |variable: &str| std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = folder("XDG_CACHE_HOME").or_else(|| folder("HOME").map(|home| home.join(".cache")))?;
    Some(cache.join("weir").join("names"))
}
