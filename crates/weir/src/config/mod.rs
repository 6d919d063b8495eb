//! The configuration: one TOML file, strict, and able to read its own dump.
//!
//! [`read()`] goes through the parsed document itself and notes every `Mistake` with its place, so that one run
//! of `weir check` says all there is to mend; what it gives is [`Config`], in which nothing needs checking again.

mod apart;
mod block;
mod cache;
mod calendar;
pub(crate) mod class;
mod collect;
mod dump;
mod exporter;
pub(crate) mod group;
mod listen;
mod mail;
pub(crate) mod memory;
mod mistake;
mod name;
mod port;
pub(crate) mod quota;
mod read;
mod relay;
mod rollup;
mod schedule;
mod shared;
mod sql;
mod statement;
mod store;
mod tariff;
mod tenant;
#[cfg(test)]
mod tests;
mod uplink;
mod web;

use crate::exit::{self, Failure, Outcome};
pub(crate) use calendar::Calendar;
pub(crate) use collect::Collect;
pub(crate) use listen::{Identity, Listen, Transport};
pub(crate) use mail::{Attach, Login, Mail, Security, Server, Way};
pub(crate) use memory::Memory;
pub(crate) use mistake::{nearest, zone_meant};
pub(crate) use name::Names;
pub(crate) use quota::Quotas;
#[cfg(test)]
pub(crate) use read::TABLES;
pub(crate) use read::{read, read_kept};
pub(crate) use relay::{Format, Mode, Relay, Source};
pub(crate) use schedule::{Act, Schedule};
pub(crate) use sql::Sql;
pub(crate) use statement::Statements;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
pub(crate) use tariff::percent;
pub(crate) use uplink::{Cost, Uplink};
pub(crate) use web::Web;
use weir_account::attribution::{Attribution, Count, own_networks_default};
use weir_account::tariff::Tariff;
use weir_account::{Classes, Prefix, Tenants, Unit, Zone};
use weir_flow::Addr;
use weir_flow::session::Settings;
use weir_flow::session::memory::Realm;
use weir_query::Rollup;
use weir_store::Budget;

/// Where the configuration is looked for if nobody says.
const PLACES: [&str; 2] = ["weir.toml", "/etc/weir/weir.toml"];

/// An exporter that the operator knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exporter {
    pub(crate) name: String,
    pub(crate) address: Addr,
    /// Overrides what it says: 1 in so many.
    pub(crate) sampling: Option<u32>,
    /// Which of its records are accounted.
    pub(crate) count: Count,
    /// Interface names that `count` and filters may use.
    pub(crate) interfaces: Vec<(String, u32)>,
}

/// The configuration as understood.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) store: PathBuf,
    /// What the store may take, and for how long.
    pub(crate) budget: Budget,
    /// How much of what questions found is kept for the next time; 0 is nothing.
    pub(crate) cache_bytes: u64,
    /// What is added up of every segment before anybody asks.
    pub(crate) rollups: Vec<Rollup>,
    pub(crate) listen: Vec<Listen>,
    /// Whether nobody said where to listen: then it is where the service manager gives us sockets, if it does.
    pub(crate) listens_by_default: bool,
    pub(crate) collect: Collect,
    /// Where the daemon is asked over HTTP, if anywhere.
    pub(crate) web: Option<Web>,
    /// Where the daemon is asked in SQL, if anywhere.
    pub(crate) sql: Option<Sql>,
    pub(crate) memory: Memory,
    /// Where the names of addresses are known.
    pub(crate) names: Names,
    pub(crate) exporters: Vec<Exporter>,
    pub(crate) relays: Vec<Relay>,
    pub(crate) tenants: Tenants,
    /// What is said of groups of tenants beside who is in them.
    pub(crate) groups: Vec<group::Entry>,
    /// Classes of traffic by its remote side.
    pub(crate) classes: Classes,
    /// What traffic costs.
    pub(crate) tariffs: Vec<Tariff>,
    /// What providers charge for, and by what that is shared out.
    pub(crate) uplinks: Vec<Uplink>,
    /// How statements look.
    pub(crate) statement: Statements,
    /// How statements are sent, if they are.
    pub(crate) mail: Option<Mail>,
    /// What the daemon does by itself.
    pub(crate) schedules: Vec<Schedule>,
    /// What may be used, and what happens when it was.
    pub(crate) quotas: Quotas,
    /// Networks that are ours without being a tenant's.
    pub(crate) own: Vec<Prefix>,
    /// The sampling interval of exporters that say nothing.
    pub(crate) sampling_default: Option<u32>,
    pub(crate) zone: Zone,
    /// The day of the month a period begins, 1 to 31.
    pub(crate) day: u8,
    pub(crate) unit: Unit,
    /// Whether periods are closed whose traffic looks counted more than once.
    pub(crate) accepts_counted_twice: bool,
    /// Whom this is not the configuration for, where it is that of some only ([`Config::of`]).
    pub(crate) without: Option<calendar::Without>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            store: "weir-store".into(),
            budget: Budget::default(),
            cache_bytes: cache::BYTES,
            rollups: Vec::new(),
            listen: vec![Listen::udp(SocketAddr::from((std::net::Ipv6Addr::UNSPECIFIED, 2055)))],
            listens_by_default: true,
            collect: Collect::default(),
            web: None,
            sql: None,
            memory: Memory::default(),
            names: Names::default(),
            exporters: Vec::new(),
            relays: Vec::new(),
            tenants: Tenants::default(),
            groups: Vec::new(),
            classes: Classes::default(),
            tariffs: Vec::new(),
            uplinks: Vec::new(),
            statement: Statements::default(),
            mail: None,
            schedules: Vec::new(),
            quotas: Quotas::default(),
            own: own_networks_default(),
            sampling_default: None,
            zone: Zone::utc(),
            day: 1,
            unit: Unit::default(),
            accepts_counted_twice: false,
            without: None,
        }
    }
}

impl Config {
    /// What decides where a record's octets go.
    pub(crate) fn attribution(&self) -> Attribution {
        let counts = self.exporters.iter().map(|e| (e.address, e.count.clone()));
        Attribution::new(&self.tenants, &self.own, counts).with_classes(&self.classes, self.calendar().zone)
    }

    /// What sessions must know of the exporters.
    pub(crate) fn settings(&self, realm: Realm) -> Settings {
        let sampling = self.exporters.iter().filter_map(|e| Some((e.address, e.sampling?))).collect();
        let templates_max = Some(self.collect.templates_per_exporter);
        Settings {
            sampling,
            sampling_default: self.sampling_default,
            templates_max,
            held_bytes_max: Some(
                self.memory.held_bytes(self.listen.iter().map(|listen| listen.workers).sum()),
            ),
            realm,
            without_other: !self.collect.other_elements,
        }
    }

    /// Names for filters: exporters by name.
    pub(crate) fn exporter_names(&self) -> HashMap<String, Addr> {
        self.exporters.iter().map(|e| (e.name.clone(), e.address)).collect()
    }

    /// The name of an exporter, or its address.
    pub(crate) fn exporter_name(&self, address: Addr) -> String {
        let known = self.exporters.iter().find(|e| e.address == address);
        known.map_or_else(|| address.to_string(), |e| e.name.clone())
    }
}

/// The configuration from `path`, or from the usual places, or the default where there is none.
///
/// # Errors
/// The file cannot be read, or holds mistakes: all of them, each with file, line and cure.
pub(crate) fn load(path: Option<&Path>) -> Outcome<(Config, Option<PathBuf>)> {
    let found =
        path.map(Path::to_path_buf).or_else(|| PLACES.iter().map(PathBuf::from).find(|p| p.is_file()));
    let Some(path) = found else { return Ok((Config::default(), None)) };
    let text = std::fs::read_to_string(&path)
        .map_err(|error| exit::io("cannot read the configuration", &path, &error))?;
    match read(&text) {
        Ok(config) => Ok((config, Some(path))),
        Err(mistakes) => Err(Failure::new(mistake::render(&path, &text, &mistakes))),
    }
}
