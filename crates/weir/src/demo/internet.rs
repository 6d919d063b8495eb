//! The world outside: sites by trade, and computers at home.
//!
//! It has addresses that nobody was given (RFC 2544's 198.18.0.0/15 and the documentation prefix of IPv6), so
//! that a demonstration accuses no real host of anything.

use super::app::Trade;
use super::dice::Dice;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Somebody who serves the world from a few machines.
#[derive(Debug)]
struct Site {
    name: &'static str,
    trade: Trade,
    /// Machines of the site, the first being the busiest.
    machines: u8,
}

const fn site(name: &'static str, trade: Trade, machines: u8) -> Site {
    Site { name, trade, machines }
}

/// The sites; of one trade the first is the most popular. A site's place is in its addresses.
static SITES: &[Site] = &[
    site("search", Trade::Web, 12),
    site("social", Trade::Web, 16),
    site("frontpage", Trade::Web, 4),
    site("webshop", Trade::Web, 8),
    site("maps", Trade::Web, 6),
    site("encyclopedia", Trade::Web, 3),
    site("bank", Trade::Web, 2),
    site("ads", Trade::Web, 20),
    site("metrics", Trade::Web, 5),
    site("travel-booking", Trade::Web, 6),
    site("car-parts", Trade::Web, 2),
    site("weather", Trade::Web, 2),
    site("court-register", Trade::Web, 1),
    site("photos", Trade::Web, 10),
    site("streaming", Trade::Video, 24),
    site("clips", Trade::Video, 16),
    site("radio", Trade::Video, 3),
    site("meeting", Trade::Call, 8),
    site("voice", Trade::Call, 4),
    site("mail", Trade::Mail, 6),
    site("post", Trade::Mail, 2),
    site("drive", Trade::Storage, 12),
    site("vault", Trade::Storage, 4),
    site("head-office", Trade::Office, 3),
    site("cloud-vm", Trade::Office, 9),
    site("arena", Trade::Game, 12),
    site("game-store", Trade::Game, 8),
    site("os-updates", Trade::Updates, 10),
    site("packages", Trade::Updates, 3),
    site("dns", Trade::Names, 2),
    site("time", Trade::Time, 4),
];

/// AS numbers for documentation (RFC 5398).
const AS_FIRST: u16 = 64_496;
const AS_COUNT: u16 = 15;
/// The AS of the computers at home.
const AS_HOMES: u16 = AS_FIRST + AS_COUNT;
/// The first group of the sites' /48 networks, and of the homes'.
const SITE_NET: u16 = 0xf000;
const HOME_NET: u16 = 0xe000;

/// An address outside, and what routing knows of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outside {
    pub(super) address: IpAddr,
    pub(super) as_number: u16,
    /// Bits of the route.
    pub(super) mask: u8,
}

/// A machine of some site of this trade.
pub(super) fn machine(trade: Trade, is_v6: bool, dice: &mut Dice) -> Outside {
    let of_trade = || (0u8..).zip(SITES).filter(|(_, site)| site.trade == trade);
    let count = u64::try_from(of_trade().count()).unwrap_or_default();
    let place = usize::try_from(dice.popular(count)).unwrap_or_default();
    let (place, machines) = of_trade().nth(place).map_or((0, 1), |(place, site)| (place, site.machines));
    let number = u8::try_from(dice.popular(machines.into())).unwrap_or_default() + 1;
    let address = if is_v6 { site_v6(place, number) } else { site_v4(place, number) };
    let as_number = AS_FIRST + u16::from(place) % AS_COUNT;
    Outside { address, as_number, mask: if is_v6 { 48 } else { 24 } }
}

/// Some computer at home, of many thousands.
pub(super) fn home(is_v6: bool, dice: &mut Dice) -> Outside {
    let [street, house, room, ..] = dice.draw().to_be_bytes();
    let address = if is_v6 {
        let net = HOME_NET + u16::from(street) % 16;
        Ipv6Addr::new(0x2001, 0xdb8, net, house.into(), 0, 0, 0, u16::from(room) + 1).into()
    } else {
        Ipv4Addr::new(198, 19, street, house).into()
    };
    Outside { address, as_number: AS_HOMES, mask: if is_v6 { 36 } else { 16 } }
}

fn site_v4(place: u8, number: u8) -> IpAddr {
    Ipv4Addr::new(198, 18, place + 1, number).into()
}

fn site_v6(place: u8, number: u8) -> IpAddr {
    Ipv6Addr::new(0x2001, 0xdb8, SITE_NET + u16::from(place), 0, 0, 0, 0, number.into()).into()
}

/// The sites' machines with their names.
pub(super) fn names() -> impl Iterator<Item = (IpAddr, String)> {
    (0u8..).zip(SITES).flat_map(|(place, site)| {
        (1..=site.machines).flat_map(move |number| {
            let name = || format!("{}-{number}.{}.example", prefix(site.trade), site.name);
            [(site_v4(place, number), name()), (site_v6(place, number), name())]
        })
    })
}

/// What a machine of this trade is called.
const fn prefix(trade: Trade) -> &'static str {
    match trade {
        Trade::Web => "www",
        Trade::Video => "edge",
        Trade::Call => "relay",
        Trade::Mail => "mx",
        Trade::Storage => "store",
        Trade::Office => "gate",
        Trade::Game => "play",
        Trade::Updates => "mirror",
        Trade::Names | Trade::Time => "ns",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_has_these_addresses() {
        let mut dice = Dice::of(&[7]);
        let known: Vec<_> = names().collect();
        for site in SITES {
            for is_v6 in [false, true] {
                let found = machine(site.trade, is_v6, &mut dice);
                assert_eq!(found.address.is_ipv6(), is_v6);
                let (_, name) = known.iter().find(|(address, _)| *address == found.address).unwrap();
                assert!(name.starts_with(prefix(site.trade)), "{name}");
                assert!((64_496..=64_511).contains(&found.as_number));
            }
        }
        for _ in 0..1000 {
            let IpAddr::V4(home) = home(false, &mut dice).address else { panic!("not of IPv4") };
            assert_eq!(home.octets()[..2], [198, 19]);
        }
    }
}
