//! From a conversation to the flow records that a meter makes of it.
//!
//! A conversation has two directions, and a long one is reported in pieces: an exporter tells what it has seen
//! so far when the active timeout is over. Where it is measured, and with which addresses, follows from who
//! talks: the clinic behind the old switch, the servers and whoever visits a neighbour behind the firewall, all
//! others at the router, where their VLAN is metered in both directions. So everything is seen once.

use super::app::{App, Extent, Mostly};
use super::dice::Dice;
use super::flow::{End, Flow, Meter, Owner};
use super::internet::Outside;
use super::office::{self, CLINIC, HOSTING, Host, PRINTER_VLAN, SERVED_AT, Uplink};
use std::net::{IpAddr, Ipv4Addr};

/// A flow that goes on is reported after this time.
const ACTIVE_TIMEOUT_MS: i64 = 300_000;
/// One that is silent, or finished, after these.
const INACTIVE_TIMEOUT_MS: i64 = 15_000;
const FINISHED_MS: i64 = 2_000;
/// The last packets of a month are so long before its end that all records are exported within it.
pub(super) const QUIET_MS: i64 = 20_000;

const TCP: u8 = 6;
const ICMP: u8 = 1;

/// Somebody who talks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Party {
    address: IpAddr,
    as_number: u16,
    mask: u8,
    /// 0 outside, and for the router itself.
    vlan: u8,
    owner: Option<Owner>,
    /// Behind which public address it is hidden, and on which line.
    public: Ipv4Addr,
    uplink: Uplink,
}

impl Party {
    /// A tenant's host.
    pub(super) fn inside(host: Host, is_v6: bool) -> Self {
        let owner = host.owner();
        let address = if is_v6 { host.v6() } else { host.v4() };
        Self {
            address,
            as_number: 0,
            mask: if is_v6 { 64 } else { 24 },
            vlan: owner.vlan,
            owner: Some(Owner { tenant: host.tenant, host: address }),
            public: if host.tenant == HOSTING { SERVED_AT } else { owner.uplink.address() },
            uplink: owner.uplink,
        }
    }

    /// Somebody in the internet.
    pub(super) fn outside(outside: Outside) -> Self {
        let Outside { address, as_number, mask } = outside;
        let uplink = Uplink::North;
        Self { address, as_number, mask, vlan: 0, owner: None, public: Ipv4Addr::UNSPECIFIED, uplink }
    }

    /// A printer of the forgotten VLAN.
    pub(super) fn printer(number: u8) -> Self {
        let uplink = Uplink::North;
        Self {
            address: office::v4(PRINTER_VLAN, number),
            as_number: 0,
            mask: 24,
            vlan: PRINTER_VLAN,
            owner: None,
            public: uplink.address(),
            uplink,
        }
    }

    /// The router's own address on a line.
    pub(super) fn router(uplink: Uplink) -> Self {
        let public = uplink.address();
        Self { address: public.into(), as_number: 0, mask: 32, vlan: 0, owner: None, public, uplink }
    }

    fn is_outside(&self) -> bool {
        self.as_number != 0
    }

    fn is_of(&self, tenant: usize) -> bool {
        self.owner.is_some_and(|owner| owner.tenant == tenant)
    }
}

/// A conversation to come.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) client: Party,
    pub(super) server: Party,
    pub(super) app: &'static App,
    pub(super) start_ms: i64,
}

/// One direction of a conversation.
struct Way {
    src: End,
    dst: End,
    is_egress: bool,
    octets_per_packet: u64,
    delay_ms: i64,
}

impl Session {
    /// Adds its records to `flows`. All is over before `to_ms`.
    pub(super) fn cut(&self, to_ms: i64, dice: &mut Dice, flows: &mut Vec<Flow>) {
        let limit_ms = to_ms - QUIET_MS;
        if self.start_ms >= limit_ms {
            return;
        }
        let (mut octets, mut ms) = self.measure(dice);
        let left_ms = limit_ms - self.start_ms;
        if ms > left_ms {
            octets = share(octets, left_ms, ms);
            ms = left_ms;
        }
        let (there, back) = self.ways(dice);
        let back_permille = dice.between(self.app.back_permille);
        let pieces = pieces(ms, dice);
        let whole: i64 = pieces.iter().map(|piece| piece.weight).sum();
        let (mut weight, mut counted) = (0, 0);
        for (at, piece) in pieces.iter().enumerate() {
            weight += piece.weight;
            let so_far = share(octets, weight, whole);
            let main = (so_far - counted).max(60);
            counted = so_far;
            let is_end = [at == 0, at + 1 == pieces.len()];
            flows.push(self.record(&there, main, piece, is_end, limit_ms));
            if self.app.back_permille.1 > 0 {
                let other = main * back_permille / 1000 + 60;
                flows.push(self.record(&back, other, piece, is_end, limit_ms));
            }
        }
    }

    /// Octets of the main way, and how long it takes.
    fn measure(&self, dice: &mut Dice) -> (u64, i64) {
        let kbit = dice.between(self.app.kbit).max(1);
        match self.app.extent {
            Extent::Octets(low, high) => {
                let octets = dice.size((low, high));
                (octets, i64::try_from(octets * 8 / kbit).unwrap_or(i64::MAX))
            }
            Extent::Seconds(low, high) => {
                let ms = dice.between((low * 1000, high * 1000));
                (ms * kbit / 8, i64::try_from(ms).unwrap_or(i64::MAX))
            }
        }
    }

    /// The main way and the other one, as they are metered.
    fn ways(&self, dice: &mut Dice) -> (Way, Way) {
        let meter = self.meter();
        let port = |range: (u16, u16), dice: &mut Dice| {
            u16::try_from(dice.between((range.0.into(), range.1.into()))).unwrap_or(range.0)
        };
        let is_icmp = self.app.proto == ICMP;
        let (client_port, server_port) =
            if is_icmp { (0, 0) } else { (port((32_768, 60_999), dice), port(self.app.ports, dice)) };
        // A client's port changes under translation, a published server's does not.
        let client_nat = if is_icmp { 0 } else { port((1_024, 65_535), dice) };
        let client = Talker { party: &self.client, port: client_port, nat_port: client_nat };
        let server = Talker { party: &self.server, port: server_port, nat_port: server_port };
        let (mut up, mut down) = (way(meter, &client, &server), way(meter, &server, &client));
        if is_icmp {
            // An echo request has type 8, its answer 0; NetFlow puts type and code where the port was.
            (up.dst.port, up.dst.nat_port) = (8 << 8, 8 << 8);
        }
        let delay_ms = i64::try_from(dice.between((3, 60))).unwrap_or_default();
        let (main, other) = self.app.packet_octets;
        // No two conversations have packets of just the same size.
        let (main, other) = (dice.between((main * 9 / 10, main)), dice.between((other * 8 / 10, other)));
        down.delay_ms = delay_ms;
        let (mut there, mut back) = match self.app.mostly {
            Mostly::Up => (up, down),
            Mostly::Down => (down, up),
        };
        (there.octets_per_packet, back.octets_per_packet) = (main.max(60), other.max(60));
        (there, back)
    }

    fn meter(&self) -> Meter {
        let (a, b) = (&self.client, &self.server);
        let is_local = a.owner.is_some() && b.owner.is_some();
        if is_local || a.is_of(HOSTING) || b.is_of(HOSTING) {
            Meter::Dmz
        } else if a.is_of(CLINIC) || b.is_of(CLINIC) {
            Meter::Switch
        } else {
            Meter::Core
        }
    }

    fn record(&self, way: &Way, octets: u64, piece: &Piece, is_end: [bool; 2], limit_ms: i64) -> Flow {
        let packets = octets.div_ceil(way.octets_per_packet);
        let at = |ms: i64| (self.start_ms + way.delay_ms + ms).min(limit_ms);
        let (start_ms, last_ms) = (at(piece.from_ms), at(piece.to_ms));
        let end_ms = if packets == 1 { start_ms } else { last_ms };
        let is_tcp = self.app.proto == TCP;
        let [is_first, is_last] = is_end;
        let wait_ms = match (is_last, is_tcp) {
            (false, _) => 0,
            (true, true) => FINISHED_MS,
            (true, false) => INACTIVE_TIMEOUT_MS,
        };
        let syn = if is_first { 0x02 } else { 0 };
        let fin = if is_last { 0x01 } else { 0 };
        let is_unanswered = self.app.back_permille.1 == 0;
        let tcp_flags = match (is_tcp, is_unanswered) {
            (false, _) => 0,
            (true, true) => 0x02,
            (true, false) => 0x18 | syn | fin,
        };
        let export_ms = end_ms.max(last_ms) + wait_ms;
        Flow {
            meter: self.meter(),
            src: way.src,
            dst: way.dst,
            proto: self.app.proto,
            tos: self.app.tos,
            tcp_flags,
            is_egress: way.is_egress,
            octets: u32::try_from(octets).unwrap_or(u32::MAX),
            packets: u32::try_from(packets).unwrap_or(u32::MAX),
            start_ms,
            end_ms,
            export_ms: whole_second(export_ms),
        }
    }
}

/// The first whole second that is not before `ms`.
pub(super) const fn whole_second(ms: i64) -> i64 {
    (ms + 999).div_euclid(1000) * 1000
}

/// What falls to one piece of a conversation between two reports.
struct Piece {
    /// From its first packet.
    from_ms: i64,
    to_ms: i64,
    weight: i64,
}

/// Cuts a conversation of so many ms at the active timeout; nobody is equally busy all the time.
fn pieces(ms: i64, dice: &mut Dice) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut from_ms = 0;
    loop {
        let to_ms = ms.min(from_ms + ACTIVE_TIMEOUT_MS);
        let busy = i64::try_from(dice.between((90, 110))).unwrap_or(100);
        pieces.push(Piece { from_ms, to_ms, weight: (to_ms - from_ms).max(1) * busy });
        if to_ms >= ms {
            return pieces;
        }
        from_ms = to_ms;
    }
}

/// `part` of `whole` of the octets, rounded down.
fn share(octets: u64, part: i64, whole: i64) -> u64 {
    let product = u128::from(octets) * u128::from(part.unsigned_abs());
    u64::try_from(product / u128::from(whole.unsigned_abs().max(1))).unwrap_or(u64::MAX)
}

/// A party with its ports in this conversation.
struct Talker<'a> {
    party: &'a Party,
    port: u16,
    nat_port: u16,
}

/// How packets from `src` to `dst` look to the meter.
fn way(meter: Meter, src: &Talker<'_>, dst: &Talker<'_>) -> Way {
    let (from, to) = (src.party, dst.party);
    let is_translated = |inside: &Party, outside: &Party| {
        meter != Meter::Switch && inside.vlan > 0 && outside.is_outside() && inside.address.is_ipv4()
    };
    let mut src_end = end(meter, src, to);
    let mut dst_end = end(meter, dst, from);
    if is_translated(from, to) {
        (src_end.nat_address, src_end.nat_port) = (from.public.into(), src.nat_port);
    }
    // The router meters on the VLAN, where the translation is undone; the firewall on the line.
    if is_translated(to, from) && meter == Meter::Dmz {
        (dst_end.address, dst_end.port) = (to.public.into(), dst.nat_port);
    }
    let from_elsewhere = from.vlan == 0 || from.owner.is_none();
    let is_egress = meter == Meter::Core && to.vlan > 0 && from_elsewhere;
    Way { src: src_end, dst: dst_end, is_egress, octets_per_packet: 1, delay_ms: 0 }
}

/// One end as it is where nothing is translated. `other` is the party it talks with.
fn end(meter: Meter, talker: &Talker<'_>, other: &Party) -> End {
    let party = talker.party;
    let line = |uplink: Uplink| uplink.interface();
    let interface = match meter {
        Meter::Core if party.vlan > 0 => party.vlan.into(),
        Meter::Core if party.is_outside() => line(other.uplink),
        // The router itself.
        Meter::Core => 0,
        Meter::Dmz if party.vlan > 0 => 100 + u16::from(party.vlan),
        Meter::Dmz => 1,
        Meter::Switch if party.is_of(CLINIC) => 1,
        Meter::Switch => 24,
    };
    End {
        address: party.address,
        port: talker.port,
        nat_address: party.address,
        nat_port: talker.port,
        as_number: party.as_number,
        mask: party.mask,
        vlan: party.vlan,
        interface,
        owner: party.owner,
    }
}

#[cfg(test)]
mod tests {
    use super::super::app;
    use super::*;

    fn host(tenant: usize) -> Host {
        office::servers(tenant).next().unwrap()
    }

    fn somebody() -> Party {
        Party::outside(Outside { address: "198.18.1.1".parse().unwrap(), as_number: 64_496, mask: 24 })
    }

    fn cut(client: Party, server: Party, app: &'static App) -> Vec<Flow> {
        let mut flows = Vec::new();
        let session = Session { client, server, app, start_ms: 1_000_000_500 };
        session.cut(2_000_000_000, &mut Dice::of(&[5]), &mut flows);
        flows
    }

    fn text(end: &End) -> [String; 2] {
        [end.address.to_string(), end.nat_address.to_string()]
    }

    #[test]
    fn a_long_conversation_is_told_in_pieces() {
        let flows = cut(Party::inside(host(0), false), somebody(), &app::VPN);
        let there: Vec<_> = flows.iter().filter(|flow| flow.src.owner.is_none()).collect();
        assert!(there.len() > 10 && flows.len() == 2 * there.len());
        for pair in there.windows(2) {
            assert_eq!(pair[0].end_ms, pair[1].start_ms);
            assert_eq!(pair[0].end_ms - pair[0].start_ms, ACTIVE_TIMEOUT_MS);
        }
        for flow in &flows {
            assert_eq!(flow.export_ms % 1000, 0);
            assert!(flow.export_ms >= flow.end_ms);
        }
    }

    #[test]
    fn the_router_meters_on_the_vlan_and_hides_the_inside() {
        let flows = cut(Party::inside(host(0), false), somebody(), &app::DNS);
        let [down, up] = &flows[..] else { panic!("{flows:?}") };
        assert_eq!((up.meter, up.is_egress, down.is_egress), (Meter::Core, false, true));
        assert_eq!(text(&up.src), ["192.168.31.2", "203.0.113.2"]);
        assert_eq!(text(&up.dst), ["198.18.1.1", "198.18.1.1"]);
        assert_eq!(text(&down.dst), ["192.168.31.2", "192.168.31.2"]);
        assert_eq!((up.src.interface, up.dst.interface), (31, 1));
        assert_eq!((up.src.port, up.dst.port), (down.dst.port, 53));
        assert_ne!(up.src.port, up.src.nat_port);
        let south = cut(Party::inside(host(1), false), somebody(), &app::DNS);
        assert_eq!((text(&south[1].src)[1].as_str(), south[1].dst.interface), ("198.51.100.2", 2));
    }

    #[test]
    fn the_firewall_meters_on_the_line_and_between_tenants() {
        let server = host(HOSTING);
        let visit = cut(somebody(), Party::inside(server, false), &app::VISIT);
        let up = visit.iter().find(|flow| flow.dst.owner.is_some()).unwrap();
        assert_eq!(text(&up.dst), ["203.0.113.36", "192.168.36.2"]);
        assert_eq!((up.meter, up.dst.port, up.dst.nat_port), (Meter::Dmz, 443, 443));
        let six = cut(somebody(), Party::inside(server, true), &app::VISIT);
        let up = six.iter().find(|flow| flow.dst.owner.is_some()).unwrap();
        assert_eq!(text(&up.dst), ["2001:db8:36::2", "2001:db8:36::2"]);
        for (client, server) in [(0, 1), (CLINIC, 0)] {
            let local =
                cut(Party::inside(host(client), false), Party::inside(host(server), false), &app::DNS);
            assert!(local.iter().all(|flow| flow.meter == Meter::Dmz && flow.src.vlan != flow.dst.vlan));
        }
    }

    #[test]
    fn the_rest_is_seen_once_too() {
        let clinic = cut(Party::inside(host(CLINIC), false), somebody(), &app::DNS);
        assert!(clinic.iter().all(|flow| flow.meter == Meter::Switch));
        assert_eq!(text(&clinic[1].src), ["192.168.35.2", "192.168.35.2"]);
        let echo = cut(somebody(), Party::router(Uplink::South), &app::PING);
        let kinds: Vec<_> = echo.iter().map(|flow| (flow.proto, flow.src.port, flow.dst.port)).collect();
        // Type 0, the answer, and type 8, the request.
        assert_eq!(kinds, [(1, 0, 0), (1, 0, 2048)]);
        assert_eq!((echo[1].src.interface, echo[1].dst.interface), (2, 0));
        let scan = cut(somebody(), Party::router(Uplink::South), &app::SCAN);
        assert_eq!((scan.len(), scan[0].tcp_flags, scan[0].packets), (1, 0x02, 1));
        let prints = cut(Party::inside(host(0), false), Party::printer(10), &app::PRINT);
        assert_eq!(text(&prints[0].dst), ["192.168.99.10", "192.168.99.10"]);
    }
}
