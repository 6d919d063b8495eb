//! The building: who rents in it, the hosts they have, and which address and name each of them carries.
//!
//! Everything lies in ranges that are nobody's: private and documentation addresses (RFC 1918, 5737, 3849), AS
//! numbers of RFC 5398, names under `.example`. A tenant is a VLAN, 31 to 37, with `192.168.VLAN.0/24` and
//! `2001:db8:VLAN::/64`.

use super::app::{self, App};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A tenant of the building.
#[derive(Debug)]
pub(crate) struct Tenant {
    /// The name in the accounts.
    pub(crate) name: &'static str,
    /// What they do, and where in the building.
    pub(crate) business: &'static str,
    /// The VLAN, which is also the third octet of the network.
    pub(crate) vlan: u8,
    /// Desks with a computer.
    pub(super) desks: u8,
    /// What a desk's computer is called, before its number.
    pub(super) desk: &'static str,
    /// Machines that are always on.
    pub(super) servers: &'static [&'static str],
    /// Which of the two providers the router sends them to.
    pub(super) uplink: Uplink,
    /// Desks of a thousand that are taken on a Saturday.
    pub(super) saturday_permille: u64,
    /// Connections of a thousand that use IPv6 where the other side has it.
    pub(super) ipv6_permille: u64,
    /// What somebody at a desk does, beside what everybody does: how often in a thousand hours.
    pub(super) habits: &'static [(&'static App, u64)],
}

/// One of the two lines to the internet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Uplink {
    North,
    South,
}

impl Uplink {
    /// The public address behind which the tenants sent this way are hidden.
    pub(super) const fn address(self) -> Ipv4Addr {
        match self {
            Self::North => Ipv4Addr::new(203, 0, 113, 2),
            Self::South => Ipv4Addr::new(198, 51, 100, 2),
        }
    }

    /// The interface of the core router.
    pub(super) const fn interface(self) -> u16 {
        match self {
            Self::North => 1,
            Self::South => 2,
        }
    }
}

/// The public address by which the world reaches the servers behind the firewall.
pub(super) const SERVED_AT: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 36);
/// The VLAN of the printers, that was forgotten when the tenants were written down.
pub(super) const PRINTER_VLAN: u8 = 99;
/// Printers in it.
pub(super) const PRINTERS: u8 = 3;
/// The place of the clinic, whose VLAN hangs on an old switch.
pub(super) const CLINIC: usize = 4;
/// The place of the tenant whose servers stand behind the firewall.
pub(super) const HOSTING: usize = 5;
/// The place of the tenant where they play at night.
pub(super) const STUDIO: usize = 6;
/// The place of the tenant who uses too much, and the number of the desk.
const OFFENDER: (usize, u8) = (3, 2);

/// The tenants, in the order of their VLANs.
pub(crate) static TENANTS: [Tenant; 7] = [
    Tenant {
        name: "avtotrade",
        business: "OOO Avtotrade, car parts, rooms 315 to 318",
        vlan: 31,
        desks: 18,
        desk: "pc",
        servers: &["ledger"],
        uplink: Uplink::North,
        saturday_permille: 150,
        ipv6_permille: 150,
        habits: &[(&app::VIDEO, 35), (&app::CALL, 25), (&app::SHARE, 300), (&app::PRINT, 120)],
    },
    Tenant {
        name: "lindqvist",
        business: "Lindqvist & Partners, solicitors, floor 4",
        vlan: 32,
        desks: 16,
        desk: "clerk",
        servers: &["archive"],
        uplink: Uplink::South,
        saturday_permille: 60,
        ipv6_permille: 250,
        habits: &[
            (&app::VIDEO, 12),
            (&app::CALL, 90),
            (&app::SYNC, 150),
            (&app::VPN, 12),
            (&app::PRINT, 250),
        ],
    },
    Tenant {
        name: "okafor",
        business: "Okafor Architects, floor 5",
        vlan: 33,
        desks: 22,
        desk: "studio",
        servers: &["nas", "render"],
        uplink: Uplink::North,
        saturday_permille: 120,
        ipv6_permille: 200,
        habits: &[
            (&app::VIDEO, 25),
            (&app::CALL, 70),
            (&app::SYNC, 420),
            (&app::SHARE, 500),
            (&app::PRINT, 60),
        ],
    },
    Tenant {
        name: "mori-travel",
        business: "Mori Travel, ground floor",
        vlan: 34,
        desks: 9,
        desk: "desk",
        servers: &["booking"],
        uplink: Uplink::South,
        saturday_permille: 500,
        ipv6_permille: 100,
        habits: &[(&app::WEB, 2500), (&app::VIDEO, 30), (&app::CALL, 40), (&app::PRINT, 200)],
    },
    Tenant {
        name: "delmar",
        business: "Clínica Dental Delmar, floor 1",
        vlan: 35,
        desks: 12,
        desk: "chair",
        servers: &["xray"],
        uplink: Uplink::North,
        saturday_permille: 400,
        ipv6_permille: 0,
        habits: &[(&app::VIDEO, 20), (&app::SYNC, 120), (&app::SHARE, 200), (&app::PRINT, 80)],
    },
    Tenant {
        name: "nordlicht",
        business: "Nordlicht Hosting, floor 6, servers in the basement",
        vlan: 36,
        desks: 8,
        desk: "dev",
        servers: &["www1", "www2", "mail", "db", "share"],
        uplink: Uplink::North,
        saturday_permille: 150,
        ipv6_permille: 450,
        habits: &[(&app::VIDEO, 20), (&app::CALL, 60), (&app::SSH, 700), (&app::VPN, 15)],
    },
    Tenant {
        name: "pixelforge",
        business: "Pixelforge Games, floor 7",
        vlan: 37,
        desks: 24,
        desk: "rig",
        servers: &["build", "depot"],
        uplink: Uplink::South,
        saturday_permille: 300,
        ipv6_permille: 300,
        habits: &[
            (&app::VIDEO, 35),
            (&app::CALL, 60),
            (&app::SYNC, 160),
            (&app::SSH, 250),
            (&app::SHARE, 300),
        ],
    },
];

/// What a host is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Desk,
    Server,
}

/// A host of a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Host {
    /// The place of its tenant in [`TENANTS`].
    pub(super) tenant: usize,
    /// The last octet of its addresses.
    pub(super) number: u8,
    pub(super) role: Role,
}

/// The last octet of the first server's and of the first desk's address.
const SERVER_FIRST: u8 = 2;
const DESK_FIRST: u8 = 11;

/// All hosts of all tenants, in the order of their addresses.
pub(super) fn hosts() -> impl Iterator<Item = Host> {
    TENANTS.iter().enumerate().flat_map(|(tenant, t)| servers(tenant).chain(t.desk_hosts(tenant)))
}

/// The servers of the tenant in this place.
pub(super) fn servers(tenant: usize) -> impl Iterator<Item = Host> {
    let names = TENANTS.get(tenant).map_or(&[][..], |t| t.servers);
    (SERVER_FIRST..).zip(names).map(move |(number, _)| Host { tenant, number, role: Role::Server })
}

/// The host that uses far too much, in the nights of some days.
pub(crate) fn offender() -> Host {
    let (tenant, desk) = OFFENDER;
    Host { tenant, number: DESK_FIRST + desk - 1, role: Role::Desk }
}

impl Tenant {
    fn desk_hosts(&self, tenant: usize) -> impl Iterator<Item = Host> {
        (0..self.desks).map(move |n| Host { tenant, number: DESK_FIRST + n, role: Role::Desk })
    }

    /// The networks, as the configuration names them.
    pub(crate) fn networks(&self) -> [String; 2] {
        [format!("192.168.{}.0/24", self.vlan), format!("{}/64", v6(self.vlan, 0))]
    }

    /// Where its statement is sent.
    pub(crate) fn mail(&self) -> String {
        format!("accounts@{}.example", self.name)
    }
}

impl Host {
    /// Its tenant.
    pub(crate) fn owner(&self) -> &'static Tenant {
        // Hosts are made in this file only, from places that exist.
        TENANTS.get(self.tenant).unwrap_or(&TENANTS[0])
    }

    /// Its address in the tenant's IPv4 network.
    pub(crate) fn v4(&self) -> IpAddr {
        v4(self.owner().vlan, self.number)
    }

    /// Its address in the tenant's IPv6 network.
    pub(super) fn v6(&self) -> IpAddr {
        v6(self.owner().vlan, self.number)
    }

    /// Its name.
    pub(crate) fn name(&self) -> String {
        let owner = self.owner();
        let place = |first: u8| self.number.saturating_sub(first);
        match self.role {
            Role::Desk => format!("{}-{:02}.{}.example", owner.desk, place(DESK_FIRST) + 1, owner.name),
            Role::Server => {
                let name = owner.servers.get(usize::from(place(SERVER_FIRST))).unwrap_or(&"server");
                format!("{name}.{}.example", owner.name)
            }
        }
    }
}

/// The address of a host in the IPv4 network of a VLAN.
pub(super) fn v4(vlan: u8, number: u8) -> IpAddr {
    Ipv4Addr::new(192, 168, vlan, number).into()
}

/// The address of a host in the IPv6 network of a VLAN, in which the VLAN can be read: 31 is `2001:db8:31::`.
fn v6(vlan: u8, number: u8) -> IpAddr {
    let read_as_hex = u16::from(vlan / 10) * 16 + u16::from(vlan % 10);
    Ipv6Addr::new(0x2001, 0xdb8, read_as_hex, 0, 0, 0, 0, number.into()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn hosts_have_their_own_addresses_and_names() {
        let hosts: Vec<_> = hosts().collect();
        assert_eq!(hosts.len(), 122);
        assert_eq!(hosts.iter().map(Host::v4).collect::<HashSet<_>>().len(), hosts.len());
        assert_eq!(hosts.iter().map(Host::v6).collect::<HashSet<_>>().len(), hosts.len());
        assert_eq!(hosts.iter().map(Host::name).collect::<HashSet<_>>().len(), hosts.len());
        let first = hosts[0];
        assert_eq!(
            (first.v4().to_string(), first.v6().to_string(), first.name()),
            ("192.168.31.2".into(), "2001:db8:31::2".into(), "ledger.avtotrade.example".into())
        );
        let offender = offender();
        assert_eq!(
            (offender.v4().to_string(), offender.name()),
            ("192.168.34.12".into(), "desk-02.mori-travel.example".into())
        );
        assert_eq!(TENANTS[0].networks(), ["192.168.31.0/24", "2001:db8:31::/64"]);
    }
}
