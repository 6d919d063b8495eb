//! sFlow version 5 (sflow.org, "sFlow Version 5", July 2004): an agent's random samples of packets, and its
//! interface counters.
//!
//! Everything is XDR: words of 4 octets, big endian, opaque data padded to 4.
//!
//! ```text
//! datagram    version 5 | address type (1 IPv4, 2 IPv6) | agent address (4 or 16)
//!             | sub-agent id | sequence | uptime (ms) | number of samples
//! sample      enterprise (20 bits), format (12 bits) | length | body
//! flow sample      (0:1)  sequence | source type (8 bits), index (24) | sampling interval | pool | drops
//!                         | ingress | egress | number of records
//!   expanded       (0:3)  the same with source, ingress and egress in two words each: format, value
//! counter sample   (0:2)  sequence | source | number of records        expanded (0:4)
//! record      enterprise (20 bits), format (12 bits) | length | body
//! ```
//! Samples and records are stepped over by their own length, so that one which contradicts itself costs
//! itself. The counts say how many there should be; what the bytes hold instead is an error behind the last
//! one that was there. A last sample that runs past the end of the datagram is given with what there is of
//! it, then as [`Reason::SampleOverrun`].
//!
//! [`FlowRecord`]s are in [`record`], interface counters in [`counter`], the way back in [`Writer`]. Versions 2 and
//! 4 are read too (`legacy`) and give the same samples and records; nothing writes them any more.

mod block;
pub mod counter;
mod emit;
mod legacy;
pub mod record;
pub mod sample;

use core::net::IpAddr;

pub use counter::CounterRecord;
pub use emit::Writer;
pub use record::{FlowRecord, RawHeader};
pub use sample::{CounterSample, FlowHeader, FlowSample, Interface, Sample, Source};

use crate::error::{Error, Reason};
use crate::reader::Reader;
use block::Blocks;

/// The version at the front of every datagram that is written here.
pub const VERSION: u32 = 5;

/// What a datagram says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The agent: which device this is about. Not always the address the datagram came from.
    pub agent: IpAddr,
    /// Tells apart the parts of an agent that count on their own; 0 in versions 2 and 4, which have none.
    pub sub_agent: u32,
    /// Counts the datagrams of this sub-agent.
    pub sequence: u32,
    /// Milliseconds since the agent started.
    pub uptime_ms: u32,
    /// How many samples there should be.
    pub samples: u32,
}

/// A datagram whose header is whole.
#[derive(Debug, Clone, Copy)]
pub struct Datagram<'a> {
    header: Header,
    /// `None` for version 5.
    legacy: Option<legacy::Version>,
    body: Reader<'a>,
}

impl<'a> Datagram<'a> {
    /// Checks that the header is there.
    ///
    /// # Errors
    /// [`Reason::BadVersion`], [`Reason::BadAddress`], [`Reason::Truncated`].
    pub fn new_checked(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut body = Reader::new(bytes);
        let bad_version = body.error(Reason::BadVersion);
        let legacy = match body.u32()? {
            VERSION => None,
            2 => Some(legacy::Version::V2),
            4 => Some(legacy::Version::V4),
            _ => return Err(bad_version),
        };
        let bad_address = body.error(Reason::BadAddress);
        let header = Header {
            agent: address(&mut body)?.ok_or(bad_address)?,
            sub_agent: if legacy.is_none() { body.u32()? } else { 0 },
            sequence: body.u32()?,
            uptime_ms: body.u32()?,
            samples: body.u32()?,
        };
        Ok(Self { header, legacy, body })
    }

    /// What the datagram says of itself.
    #[must_use]
    pub const fn header(&self) -> Header {
        self.header
    }

    /// The version: 2, 4 or 5.
    #[must_use]
    pub const fn version(&self) -> u32 {
        match self.legacy {
            None => VERSION,
            Some(legacy::Version::V2) => 2,
            Some(legacy::Version::V4) => 4,
        }
    }

    /// The samples, in their order.
    #[must_use]
    pub const fn samples(&self) -> Samples<'a> {
        let count = self.header.samples;
        let form = match self.legacy {
            None => Form::Blocks(Blocks::new(self.body, count)),
            Some(version) => Form::Legacy(legacy::Samples::new(version, self.body, count)),
        };
        Samples { form, pending: None }
    }
}

/// Iterator over the samples of a datagram.
#[derive(Debug, Clone)]
pub struct Samples<'a> {
    form: Form<'a>,
    /// What is wrong with the sample given last.
    pending: Option<Error>,
}

#[derive(Debug, Clone)]
enum Form<'a> {
    /// Version 5: every sample has a length.
    Blocks(Blocks<'a>),
    /// Versions 2 and 4.
    Legacy(legacy::Samples<'a>),
}

impl<'a> Iterator for Samples<'a> {
    type Item = Result<Sample<'a>, Error>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.pending.take() {
            return Some(Err(error));
        }
        let blocks = match &mut self.form {
            Form::Blocks(blocks) => blocks,
            Form::Legacy(samples) => return samples.next(),
        };
        let block = match blocks.next()? {
            Ok(block) => block,
            Err(error) => return Some(Err(error)),
        };
        let sample = Sample::parse(&block);
        if block.is_cut {
            let overrun = Error::new(Reason::SampleOverrun, block.length_at);
            if sample.is_err() {
                return Some(Err(overrun));
            }
            self.pending = Some(overrun);
        }
        Some(sample)
    }
}

/// An address: its type (0 unknown, 1 IPv4, 2 IPv6) and its octets.
fn address(reader: &mut Reader<'_>) -> Result<Option<IpAddr>, Error> {
    let bad_address = reader.error(Reason::BadAddress);
    match reader.u32()? {
        0 => Ok(None),
        1 => Ok(Some(IpAddr::from(reader.array::<4>()?))),
        2 => Ok(Some(IpAddr::from(reader.array::<16>()?))),
        _ => Err(bad_address),
    }
}

#[cfg(test)]
mod tests;
