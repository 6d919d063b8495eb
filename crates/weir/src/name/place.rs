//! Where an address is and whose network, from files in MaxMind's format (GeoLite2, DB-IP, IPinfo): the country, the
//! autonomous system and its organization.

use crate::exit::{Failure, Outcome};
use maxminddb::{PathElement, Reader};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use weir_flow::Addr;

/// Of an organization's name so many letters are shown.
const LETTERS_MAX: usize = 120;

/// One file.
pub(super) struct Places(Reader<Vec<u8>>);

/// What a file says of one network.
type Found<'a> = maxminddb::LookupResult<'a, Vec<u8>>;

impl Places {
    /// Reads the file.
    ///
    /// # Errors
    /// It cannot be read, or is none of these.
    pub(super) fn open(path: &Path) -> Outcome<Self> {
        Reader::open_readfile(path).map(Self).map_err(|error| {
            let path = path.display();
            Failure::new(format!("cannot read {path}: {error}: is it a file in MaxMind's format (.mmdb)?"))
        })
    }

    /// The country's code of two letters.
    pub(super) fn country(&self, address: Addr) -> Option<String> {
        let found = self.0.lookup(address.into()).ok()?;
        // GeoLite2 and DB-IP have a table of the country; IPinfo's has the code itself.
        let paths: [&[&str]; 3] =
            [&["country", "iso_code"], &["registered_country", "iso_code"], &["country_code"]];
        let code = paths.iter().find_map(|path| text(&found, path))?;
        Some(code).filter(|code| code.len() == 2 && code.bytes().all(|b| b.is_ascii_alphabetic()))
    }

    /// The number of the autonomous system.
    pub(super) fn system(&self, address: Addr) -> Option<u32> {
        system(&self.0.lookup(address.into()).ok()?)
    }

    /// Who runs the system.
    pub(super) fn organization(&self, address: Addr) -> Option<String> {
        organization(&self.0.lookup(address.into()).ok()?)
    }

    /// Who runs these systems. The file is by network, so it is gone through until all are found.
    pub(super) fn organizations(&self, wanted: &BTreeSet<u32>) -> BTreeMap<u32, String> {
        let mut found = BTreeMap::new();
        let Ok(networks) = self.0.networks(maxminddb::WithinOptions::default()) else { return found };
        for network in networks.map_while(Result::ok) {
            if found.len() == wanted.len() {
                break;
            }
            let Some(number) = system(&network).filter(|number| wanted.contains(number)) else { continue };
            if let Some(name) = (!found.contains_key(&number)).then(|| organization(&network)).flatten() {
                found.insert(number, name);
            }
        }
        found
    }
}

fn system(found: &Found<'_>) -> Option<u32> {
    let number = found.decode_path(&[PathElement::Key("autonomous_system_number")]).ok().flatten();
    // IPinfo writes `AS64500`.
    number.or_else(|| text(found, &["asn"])?.strip_prefix("AS")?.parse().ok())
}

/// Without what a terminal would take for commands.
fn organization(found: &Found<'_>) -> Option<String> {
    let said = text(found, &["autonomous_system_organization"]).or_else(|| text(found, &["as_name"]))?;
    let plain: String = said.chars().filter(|c| !c.is_control()).take(LETTERS_MAX).collect();
    Some(plain).filter(|plain| !plain.trim().is_empty())
}

fn text(found: &Found<'_>, path: &[&str]) -> Option<String> {
    let path: Vec<PathElement<'_>> = path.iter().map(|key| PathElement::Key(key)).collect();
    found.decode_path::<String>(&path).ok().flatten()
}
