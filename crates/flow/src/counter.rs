//! What interfaces count themselves: sFlow's counter samples, later SNMP's.
//!
//! Flow records say what was metered; an interface's counters say what passed. Kept beside each other, one checks
//! the other.

use crate::Addr;

/// An interface's counters at one moment. Counters grow from an unknown beginning and wrap or restart: only
/// differences mean something. What the device does not count is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// When the datagram arrived, ms since 1970.
    pub received: i64,
    /// Who counted.
    pub exporter: Addr,
    /// The sub-agent.
    pub domain: u32,
    /// The interface's index.
    pub interface: u32,
    /// Its type, as IANA numbers them (ifType).
    pub kind: Option<u32>,
    /// Its speed in bits per second.
    pub speed: Option<u64>,
    /// Whether it is up, by its administrator's will (bit 0) and in fact (bit 1).
    pub status: Option<u32>,
    /// Coming in.
    pub ingress: Side,
    /// Leaving.
    pub egress: Side,
}

/// One direction's counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Side {
    /// Octets, link headers included.
    pub octets: Option<u64>,
    /// Unicast packets.
    pub unicast: Option<u64>,
    /// Multicast packets.
    pub multicast: Option<u64>,
    /// Broadcast packets.
    pub broadcast: Option<u64>,
    /// Packets given up though nothing was wrong with them.
    pub discards: Option<u64>,
    /// Packets with errors.
    pub errors: Option<u64>,
}
