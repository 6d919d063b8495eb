//! Who lives where: tenants with networks of both families, nested ones among them, addresses that are the
//! operator's own and nobody's, and the rest of the world.
//!
//! A flow's place in the trial balance is chosen first and its addresses after it, so that the world knows the
//! place without asking whose an address is.

use crate::chance::Dice;
use std::collections::BTreeSet;
use weir_account::Tenant;
use weir_account::attribution::{Attribution, Count, own_networks_default};
use weir_account::tenant::Tenants;
use weir_flow::names::Direction;
use weir_flow::{Addr, Column};

use crate::row::Row;

/// Tenants and what belongs to none.
#[derive(Debug, Clone)]
pub(crate) struct Town {
    names: Vec<String>,
}

/// Where a flow lies in the trial balance, if it is accounted where it was seen. Tenants by their number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    In(usize, Addr),
    Out(usize, Addr),
    /// Source's tenant, destination's tenant, source.
    Local(usize, usize, Addr),
    Transit,
    Unmatched,
    Duplicate,
}

/// Both ends of a flow, before and after translation, and its place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ends {
    pub src: Addr,
    pub dst: Addr,
    pub nat_src: Addr,
    pub nat_dst: Addr,
    pub place: Place,
}

/// The third octet that nested tenants have in the network of the tenant around them.
const NESTED: u8 = 200;

impl Town {
    /// Two to five tenants. The second one's network lies inside the first one's.
    pub(crate) fn new(dice: &mut Dice) -> Self {
        let names = ["bakery", "attic", "clinic", "depot", "élan"];
        Self { names: names.iter().take(dice.between(2, 5)).map(|name| (*name).to_owned()).collect() }
    }

    /// The tenants' names, in the order of their numbers.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    fn name(&self, tenant: usize) -> &str {
        self.names.get(tenant).map_or("", String::as_str)
    }

    /// The tenants as an operator declares them.
    ///
    /// # Errors
    /// The list is refused, which is a mistake in this file.
    pub(crate) fn tenants(&self) -> Result<Tenants, String> {
        let list = self.names.iter().enumerate().map(|(number, name)| {
            let texts = match number {
                0 => ["10.0.0.0/16".to_owned(), "2001:db8::/48".to_owned()],
                1 => [format!("10.0.{NESTED}.0/24"), format!("2001:db8:0:{NESTED:x}::/64")],
                _ => [format!("192.168.{number}.0/24"), format!("2001:db8:{number:x}::/48")],
            };
            let networks = texts.iter().filter_map(|text| text.parse().ok()).collect();
            Tenant { name: name.clone(), networks, nested: number == 1, ..Tenant::default() }
        });
        Tenants::new(list.collect()).map_err(|conflicts| format!("tenants refused: {conflicts:?}"))
    }

    /// The attribution that follows from the tenants and the exporters' rules.
    ///
    /// # Errors
    /// As [`Town::tenants`].
    pub(crate) fn attribution(&self, rules: Vec<(Addr, Count)>) -> Result<Attribution, String> {
        Ok(Attribution::new(&self.tenants()?, &own_networks_default(), rules))
    }

    fn host(tenant: usize, v6: bool, dice: &mut Dice) -> Addr {
        let host: u8 = dice.between(1, 9);
        let number: u8 = dice.between(0, 100);
        match (tenant, v6) {
            (0, false) => Addr::v4([10, 0, number, host]),
            (1, false) => Addr::v4([10, 0, NESTED, host]),
            (_, false) => Addr::v4([192, 168, u8::try_from(tenant).unwrap_or_default(), host]),
            (0, true) => v6_address(0, number, host),
            (1, true) => v6_address(0, NESTED, host),
            (_, true) => v6_address(tenant, number, host),
        }
    }

    fn foreign(v6: bool, dice: &mut Dice) -> Addr {
        let host: u8 = dice.between(1, 200);
        if v6 {
            let mut octets = [0; 16];
            octets[..4].copy_from_slice(&[0x2a, 0, 0x14, 0x50]);
            octets[15] = host;
            return Addr::v6(octets);
        }
        let [a, b, c] = dice.pick([[198, 51, 100], [203, 0, 113], [8, 8, 8]]);
        Addr::v4([a, b, c, host])
    }

    /// The operator's own, and no tenant's.
    fn own(v6: bool, dice: &mut Dice) -> Addr {
        let host: u8 = dice.between(1, 200);
        if v6 {
            let mut octets = [0; 16];
            octets[0] = 0xfd;
            octets[15] = host;
            return Addr::v6(octets);
        }
        Addr::v4([172, 16, 9, host])
    }

    /// Ends of a flow. With `nat` tenants may be behind a translator.
    pub(crate) fn ends(&self, v6: bool, nat: bool, dice: &mut Dice) -> Ends {
        let count = self.names.len() as u64;
        let tenant = dice.between(0, count - 1);
        let inside = Self::host(tenant, v6, dice);
        let none = Addr::UNSPECIFIED;
        let (src, dst, place) = match dice.below(100) {
            0..30 => (inside, Self::foreign(v6, dice), Place::Out(tenant, inside)),
            30..65 => (Self::foreign(v6, dice), inside, Place::In(tenant, inside)),
            65..80 => {
                let peer = dice.between(0, count - 1);
                (inside, Self::host(peer, v6, dice), Place::Local(tenant, peer, inside))
            }
            80..90 => (Self::foreign(v6, dice), Self::foreign(v6, dice), Place::Transit),
            90..95 => (Self::own(v6, dice), Self::foreign(v6, dice), Place::Unmatched),
            _ => (Self::foreign(v6, dice), Self::own(v6, dice), Place::Unmatched),
        };
        let mut ends = Ends { src, dst, nat_src: none, nat_dst: none, place };
        if nat && !v6 && dice.percent(60) {
            let public = Addr::v4([203, 0, 113, 1]);
            match place {
                Place::Out(..) => ends.nat_src = public,
                Place::In(_, host) => (ends.dst, ends.nat_dst) = (public, host),
                _ => {}
            }
        }
        ends
    }

    /// Writes into a row what attribution is to write.
    pub(crate) fn attribute(&self, place: Place, row: &mut Row) {
        let direction = match place {
            Place::In(tenant, host) | Place::Out(tenant, host) => {
                row.word(Column::Tenant, self.name(tenant));
                row.addr(Column::Host, host);
                if matches!(place, Place::In(..)) { Direction::In } else { Direction::Out }
            }
            Place::Local(tenant, peer, host) => {
                row.word(Column::Tenant, self.name(tenant));
                row.word(Column::PeerTenant, self.name(peer));
                row.addr(Column::Host, host);
                Direction::Local
            }
            Place::Transit => Direction::Transit,
            Place::Unmatched => Direction::Unmatched,
            Place::Duplicate => Direction::Duplicate,
        };
        row.word(Column::Direction, direction.word());
    }
}

fn v6_address(third: usize, fourth: u8, host: u8) -> Addr {
    let mut octets = [0; 16];
    octets[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
    octets[5] = u8::try_from(third).unwrap_or_default();
    octets[7] = fourth;
    octets[15] = host;
    Addr::v6(octets)
}

/// A rule for one exporter: mostly all, sometimes less.
pub(crate) fn rule(dice: &mut Dice) -> Count {
    match dice.below(10) {
        0 => Count::None,
        1 => Count::Ingress,
        2 => Count::Egress,
        3 => Count::Interfaces(BTreeSet::from([1, 2])),
        _ => Count::All,
    }
}

/// Whether a record is accounted, seen between these interfaces and (if the exporter says) this way; `local` is
/// whether both ends are tenants.
pub(crate) fn is_accounted(rule: &Count, interfaces: [u32; 2], egress: Option<bool>, local: bool) -> bool {
    let [enters, leaves] = interfaces.map(|i| matches!(rule, Count::Interfaces(named) if named.contains(&i)));
    match (rule, egress) {
        (Count::All, _) => true,
        (Count::None, _) => false,
        (Count::Ingress, seen) => seen != Some(true),
        (Count::Egress, seen) => seen != Some(false),
        (Count::Interfaces(_), None) => enters || leaves,
        (Count::Interfaces(_), Some(false)) => enters,
        // Between two named interfaces it was counted on its way in.
        (Count::Interfaces(_), Some(true)) => leaves && !(enters && local),
    }
}
