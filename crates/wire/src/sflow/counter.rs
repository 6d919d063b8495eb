//! Counter records. Only the generic interface counters (0:1) are read: they are what samples can be checked
//! against.
//!
//! ```text
//! index | type | speed (8) | direction | status
//! | in:  octets (8) | unicast | multicast | broadcast | discards | errors | unknown protocols
//! | out: octets (8) | unicast | multicast | broadcast | discards | errors
//! | promiscuous
//! ```
//! A counter of all ones is one that the device does not have.

use super::block::Block;
use crate::error::Error;
use crate::reader::Reader;

/// One record of a counter sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CounterRecord<'a> {
    /// Counters of an interface.
    Interface(InterfaceCounters),
    /// Anything else.
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
            (0, 1) => InterfaceCounters::parse(&mut body).map(Self::Interface),
            (enterprise, format) => Ok(Self::Other { enterprise, format, body: body.rest() }),
        }
    }
}

/// Counters of an interface since it came up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InterfaceCounters {
    /// Its index (`ifIndex`).
    pub index: u32,
    /// Its type (`ifType`).
    pub kind: u32,
    /// Bits per second.
    pub speed_bps: u64,
    /// 0 unknown, 1 full duplex, 2 half duplex, 3 in only, 4 out only.
    pub direction: u32,
    /// Bit 0: administratively up, bit 1: operationally up.
    pub status: u32,
    /// What it received.
    pub ingress: DirectionCounters,
    /// Packets received for protocols that the device does not speak.
    pub unknown_protocols: Option<u32>,
    /// What it sent.
    pub egress: DirectionCounters,
    /// Whether it takes frames that are not for it.
    pub promiscuous: u32,
}

/// Counters of one direction; `None` where the device does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirectionCounters {
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

impl InterfaceCounters {
    fn parse(reader: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self {
            index: reader.u32()?,
            kind: reader.u32()?,
            speed_bps: reader.u64()?,
            direction: reader.u32()?,
            status: reader.u32()?,
            ingress: DirectionCounters::parse(reader)?,
            unknown_protocols: counter(reader)?,
            egress: DirectionCounters::parse(reader)?,
            promiscuous: reader.u32()?,
        })
    }
}

impl DirectionCounters {
    fn parse(reader: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self {
            octets: Some(reader.u64()?).filter(|value| *value != u64::MAX),
            unicast: counter(reader)?,
            multicast: counter(reader)?,
            broadcast: counter(reader)?,
            discards: counter(reader)?,
            errors: counter(reader)?,
        })
    }
}

fn counter(reader: &mut Reader<'_>) -> Result<Option<u32>, Error> {
    Ok(Some(reader.u32()?).filter(|value| *value != u32::MAX))
}
