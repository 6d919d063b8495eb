//! Counter records. Only the generic interface counters (0:1) are read: they are what samples can be checked
//! against. Others have a [`name`] and are stepped over.
//!
//! ```text
//! index | type | speed (8) | direction | status
//! | in:  octets (8) | unicast | multicast | broadcast | discards | errors | unknown protocols
//! | out: octets (8) | unicast | multicast | broadcast | discards | errors
//! | promiscuous
//! ```
//! A counter of all ones is one that the device does not have (sFlow version 5 §5, "Counter Data").

use super::block::Block;
use crate::error::Error;
use crate::reader::Reader;
use crate::writer::Writer;

/// Octets of the generic interface counters.
pub(super) const INTERFACE_LEN: usize = 88;

/// One record of a counter sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CounterRecord<'a> {
    /// Counters of an interface.
    Interface(Interface),
    /// Anything else; see [`name`].
    Other {
        /// Who defined the format; 0 is sflow.org.
        enterprise: u32,
        /// The format's number.
        format: u32,
        /// Its octets.
        body: &'a [u8],
    },
}

impl<'a> CounterRecord<'a> {
    pub(super) fn parse(block: &Block<'a>) -> Result<Self, Error> {
        let mut body = block.body;
        match (block.enterprise, block.format) {
            (0, 1) => Interface::parse(&mut body).map(Self::Interface),
            (enterprise, format) => Ok(Self::Other { enterprise, format, body: body.rest() }),
        }
    }
}

/// The name of a counter format, for a log or a list: sflow.org's word for it.
#[must_use]
pub const fn name(enterprise: u32, format: u32) -> Option<&'static str> {
    Some(match (enterprise, format) {
        (0, 1) => "if_counters",
        (0, 2) => "ethernet_counters",
        (0, 3) => "tokenring_counters",
        (0, 4) => "vg_counters",
        (0, 5) => "vlan_counters",
        (0, 6) => "ieee80211_counters",
        (0, 7) => "lag_port_stats",
        (0, 9) => "ib_counters",
        (0, 10) => "sfp",
        (0, 11) => "pfc_counters",
        (0, 1001) => "processor",
        (0, 1002) => "radio_utilization",
        (0, 1003) => "queue_length",
        (0, 1004) => "of_port",
        (0, 1005) => "port_name",
        (0, 2000) => "host_descr",
        (0, 2001) => "host_adapters",
        (0, 2002) => "host_parent",
        (0, 2003) => "host_cpu",
        (0, 2004) => "host_memory",
        (0, 2005) => "host_disk_io",
        (0, 2006) => "host_net_io",
        (0, 2007) => "mib2_ip_group",
        (0, 2008) => "mib2_icmp_group",
        (0, 2009) => "mib2_tcp_group",
        (0, 2010) => "mib2_udp_group",
        (0, 2100) => "virt_node",
        (0, 2101) => "virt_cpu",
        (0, 2102) => "virt_memory",
        (0, 2103) => "virt_disk_io",
        (0, 2104) => "virt_net_io",
        (0, 2105) => "jvm_runtime",
        (0, 2106) => "jvm_statistics",
        (0, 2200) => "memcache_counters_deprecated",
        (0, 2201) => "http_counters",
        (0, 2202) => "app_operations",
        (0, 2203) => "app_resources",
        (0, 2204) => "memcache_counters",
        (0, 2205) => "virtual_desktop",
        (0, 2206) => "app_workers",
        (0, 2207) => "ovs_dp_stats",
        (0, 3000) => "energy",
        (0, 3001) => "temperature",
        (0, 3002) => "humidity",
        (0, 3003) => "fans",
        (4413, 1) => "bst_device_buffers",
        (4413, 2) => "bst_port_buffers",
        (4413, 3) => "hw_tables",
        (5703, 1) => "nvidia_gpu",
        _ => return None,
    })
}

/// Counters of an interface since it came up; `None` where the device does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Interface {
    /// Its index (`ifIndex`).
    pub index: u32,
    /// Its type (`ifType`).
    pub kind: Option<u32>,
    /// Bits per second.
    pub speed_bps: Option<u64>,
    /// 0 unknown, 1 full duplex, 2 half duplex, 3 in only, 4 out only.
    pub direction: Option<u32>,
    /// Bit 0: administratively up, bit 1: operationally up.
    pub status: Option<u32>,
    /// What it received.
    pub ingress: Direction,
    /// Packets received for protocols that the device does not speak.
    pub unknown_protocols: Option<u32>,
    /// What it sent.
    pub egress: Direction,
    /// Whether it takes frames that are not for it: 1 it does, 2 it does not.
    pub promiscuous: Option<u32>,
}

/// Counters of one direction; `None` where the device does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Direction {
    /// Octets, link headers included.
    pub octets: Option<u64>,
    /// Packets to one host.
    pub unicast: Option<u32>,
    /// Packets to a group.
    pub multicast: Option<u32>,
    /// Packets to all.
    pub broadcast: Option<u32>,
    /// Packets dropped without fault.
    pub discards: Option<u32>,
    /// Packets with faults.
    pub errors: Option<u32>,
}

impl Interface {
    pub(super) fn parse(reader: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self {
            index: reader.u32()?,
            kind: known(reader)?,
            speed_bps: known_wide(reader)?,
            direction: known(reader)?,
            status: known(reader)?,
            ingress: Direction::parse(reader)?,
            unknown_protocols: known(reader)?,
            egress: Direction::parse(reader)?,
            promiscuous: known(reader)?,
        })
    }

    pub(super) fn emit(&self, out: &mut Writer<'_>) -> Result<(), Error> {
        let word = |value: Option<u32>| value.unwrap_or(u32::MAX);
        out.u32(self.index)?;
        out.u32(word(self.kind))?;
        out.u64(self.speed_bps.unwrap_or(u64::MAX))?;
        out.u32(word(self.direction))?;
        out.u32(word(self.status))?;
        self.ingress.emit(out)?;
        out.u32(word(self.unknown_protocols))?;
        self.egress.emit(out)?;
        out.u32(word(self.promiscuous))
    }
}

impl Direction {
    fn parse(reader: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self {
            octets: known_wide(reader)?,
            unicast: known(reader)?,
            multicast: known(reader)?,
            broadcast: known(reader)?,
            discards: known(reader)?,
            errors: known(reader)?,
        })
    }

    fn emit(&self, out: &mut Writer<'_>) -> Result<(), Error> {
        out.u64(self.octets.unwrap_or(u64::MAX))?;
        for value in [self.unicast, self.multicast, self.broadcast, self.discards, self.errors] {
            out.u32(value.unwrap_or(u32::MAX))?;
        }
        Ok(())
    }
}

/// A number, unless it is all ones.
fn known(reader: &mut Reader<'_>) -> Result<Option<u32>, Error> {
    Ok(Some(reader.u32()?).filter(|value| *value != u32::MAX))
}

/// The same of 64 bits.
fn known_wide(reader: &mut Reader<'_>) -> Result<Option<u64>, Error> {
    Ok(Some(reader.u64()?).filter(|value| *value != u64::MAX))
}
