//! Information elements: what the numbers in a template are called, and what their values are.
//!
//! An element is known by an enterprise (0 is IANA) and a number. [`lookup`] finds it; [`iana`], [`cisco`]
//! and the other lists have a constant for every one, and [`format`](fn@format) writes its values as text:
//!
//! ```
//! use weir_wire::element::{self, Type, Unit, iana};
//!
//! let octets = element::lookup(0, iana::OCTET_DELTA_COUNT).unwrap();
//! assert_eq!((octets.id, octets.name), (1, "octetDeltaCount"));
//! assert_eq!((octets.data_type, octets.unit), (Type::Unsigned64, Some(Unit::Octets)));
//! ```
//!
//! The tables are generated from lists in `crates/wire/element`, one line an element, and committed, so that
//! they can be read and reviewed.
//!
//! # Reverse
//! Enterprise 29305 (RFC 5103 §6.1) is IANA's list once more, for the way back of a biflow. Such an element has
//! [`Element::reverse`] set and the *forward* name in [`Element::name`]; printed, it is `reverse` and the name
//! with a capital.
//!
//! # NetFlow version 9
//! Its field types have no enterprise. Below 32768 they are IANA's, at least up to 127; beyond, vendors put
//! their own: see [`lookup_v9`].

mod kind;
mod registry;
mod text;

use core::fmt;

pub use kind::{Semantics, Type, Unit};
pub use registry::{
    barracuda, cert, cesnet, cisco, flowmon, gigamon, huawei, iana, ixia, juniper, netscaler, niagara, nokia,
    ntop, paloalto, plixer, procera, viptela, vmware,
};
pub use text::format;

/// Private enterprise numbers of the lists here.
pub mod enterprise {
    /// IANA itself.
    pub const IANA: u32 = 0;
    /// Cisco Systems.
    pub const CISCO: u32 = 9;
    /// Nokia.
    pub const NOKIA: u32 = 637;
    /// Huawei.
    pub const HUAWEI: u32 = 2011;
    /// Juniper Networks.
    pub const JUNIPER: u32 = 2636;
    /// Ixia, now Keysight.
    pub const IXIA: u32 = 3054;
    /// Citrix NetScaler.
    pub const NETSCALER: u32 = 5951;
    /// CERT: YAF and SiLK.
    pub const CERT: u32 = 6871;
    /// VMware.
    pub const VMWARE: u32 = 6876;
    /// CESNET.
    pub const CESNET: u32 = 8057;
    /// Barracuda Networks.
    pub const BARRACUDA: u32 = 10704;
    /// Plixer.
    pub const PLIXER: u32 = 13745;
    /// Procera Networks, now Sandvine.
    pub const PROCERA: u32 = 15397;
    /// Palo Alto Networks.
    pub const PALOALTO: u32 = 25461;
    /// Gigamon.
    pub const GIGAMON: u32 = 26866;
    /// IANA's elements in the reverse direction (RFC 5103).
    pub const REVERSE: u32 = 29305;
    /// ntop.
    pub const NTOP: u32 = 35632;
    /// Flowmon Networks.
    pub const FLOWMON: u32 = 39499;
    /// Viptela, now Cisco SD-WAN.
    pub const VIPTELA: u32 = 41916;
    /// Niagara Networks.
    pub const NIAGARA: u32 = 47729;
}

/// What is known of an information element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Element {
    /// Its number within the enterprise.
    pub id: u16,
    /// Who defined it: a private enterprise number, 0 for IANA.
    pub enterprise: u32,
    /// Its name in the registry; of a reverse element, the name of the forward one.
    pub name: &'static str,
    /// What its values are. On the wire they may be shorter (reduced-size encoding, RFC 7011 §6.2).
    pub data_type: Type,
    /// What may be done with its values.
    pub semantics: Semantics,
    /// What its values count.
    pub unit: Option<Unit>,
    /// Whether it is about the way back of a biflow.
    pub reverse: bool,
}

impl fmt::Display for Element {
    /// The name; of a reverse element, in the form of RFC 5103 §6.1: `reverseOctetDeltaCount`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.name.chars();
        match rest.next() {
            Some(first) if self.reverse => {
                write!(f, "reverse{}{}", first.to_ascii_uppercase(), rest.as_str())
            }
            _ => f.write_str(self.name),
        }
    }
}

/// IANA's elements in the reverse direction.
static REVERSE: [Element; iana::TABLE.len()] = reversed(iana::TABLE);

const fn reversed<const N: usize>(mut table: [Element; N]) -> [Element; N] {
    let mut rest: &mut [Element] = &mut table;
    while let Some((element, tail)) = rest.split_first_mut() {
        element.enterprise = enterprise::REVERSE;
        element.reverse = true;
        rest = tail;
    }
    table
}

/// Every enterprise that has a list here, but for the reverse one; IANA first.
pub const ENTERPRISES: [u32; 19] = [
    enterprise::IANA,
    enterprise::CISCO,
    enterprise::NOKIA,
    enterprise::HUAWEI,
    enterprise::JUNIPER,
    enterprise::IXIA,
    enterprise::NETSCALER,
    enterprise::CERT,
    enterprise::VMWARE,
    enterprise::CESNET,
    enterprise::BARRACUDA,
    enterprise::PLIXER,
    enterprise::PROCERA,
    enterprise::PALOALTO,
    enterprise::GIGAMON,
    enterprise::NTOP,
    enterprise::FLOWMON,
    enterprise::VIPTELA,
    enterprise::NIAGARA,
];

/// The elements of an enterprise, sorted by number; empty if it is not known here.
#[must_use]
pub fn table(enterprise: u32) -> &'static [Element] {
    match enterprise {
        enterprise::IANA => &iana::TABLE,
        enterprise::CISCO => &cisco::TABLE,
        enterprise::NOKIA => &nokia::TABLE,
        enterprise::HUAWEI => &huawei::TABLE,
        enterprise::JUNIPER => &juniper::TABLE,
        enterprise::IXIA => &ixia::TABLE,
        enterprise::NETSCALER => &netscaler::TABLE,
        enterprise::CERT => &cert::TABLE,
        enterprise::VMWARE => &vmware::TABLE,
        enterprise::CESNET => &cesnet::TABLE,
        enterprise::BARRACUDA => &barracuda::TABLE,
        enterprise::PLIXER => &plixer::TABLE,
        enterprise::PROCERA => &procera::TABLE,
        enterprise::PALOALTO => &paloalto::TABLE,
        enterprise::GIGAMON => &gigamon::TABLE,
        enterprise::REVERSE => &REVERSE,
        enterprise::NTOP => &ntop::TABLE,
        enterprise::FLOWMON => &flowmon::TABLE,
        enterprise::VIPTELA => &viptela::TABLE,
        enterprise::NIAGARA => &niagara::TABLE,
        _ => &[],
    }
}

/// The element of this enterprise (0 is IANA) and number, if it is known.
#[must_use]
pub fn lookup(enterprise: u32, id: u16) -> Option<&'static Element> {
    let table = table(enterprise);
    let at = table.binary_search_by_key(&id, |element| element.id).ok()?;
    table.get(at)
}

/// The element of a NetFlow version 9 field type, if it is known.
///
/// Types from 57472 on are ntop's, 56701 and 56702 those of Palo Alto's firewalls; other types from 32768 on are
/// taken to be Cisco's, whose IPFIX elements have the same numbers less 32768. Other vendors use that range as well, so this is a name to show and
/// nothing to compute with.
#[must_use]
pub fn lookup_v9(field_type: u16) -> Option<&'static Element> {
    if let Some(id) = field_type.checked_sub(57_472) {
        return lookup(enterprise::NTOP, id);
    }
    if let Some(element) = lookup(enterprise::PALOALTO, field_type) {
        return Some(element);
    }
    match field_type.checked_sub(32_768) {
        Some(id) => lookup(enterprise::CISCO, id),
        None => lookup(enterprise::IANA, field_type),
    }
}

/// The element of this name, looked for in IANA's list first, then in those of the enterprises; a name in the
/// form `reverseOctetDeltaCount` gives the reverse element.
///
/// Reads the lists from front to back: for configuration, not for records.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static Element> {
    let forward = ENTERPRISES.into_iter().flat_map(table);
    forward.into_iter().find(|element| element.name == name).or_else(|| {
        let mut rest = name.strip_prefix("reverse")?.chars();
        let first = rest.next().filter(char::is_ascii_uppercase)?;
        let is_meant = |element: &&Element| {
            let mut chars = element.name.chars();
            chars.next().is_some_and(|own| own.to_ascii_uppercase() == first)
                && chars.as_str() == rest.as_str()
        };
        REVERSE.iter().find(is_meant)
    })
}

#[cfg(test)]
mod tests;
