//! The records of an unpacked block: flows, and what must be known to read them.
//!
//! ```text
//! any record   0  kind (2)    2  octets with this header (2)
//!  1  10       a flow of layout 1: see [`Packed`]         2  which extensions such flows have: see [`Map`]
//! 11           a flow of layout 2
//!  7           an exporter:  4 version (4)   8 address (16)   24 family (2)   26 number here (2)   28 domain (4)
//!  8           exporters' sequence failures:  4 how many (4), then each  number here (4), failures (4), packets (8), flows (8)
//!  9           a sampler:  4 id (4)   8 interval (4)   12 mode (2)   14 exporter's number here (2)
//! 15           a sampler:  4 exporter's number here (2)   6 algorithm (2)   8 id (8)   16 packets taken (4)   20 left out (4)
//! 8001 8002    the name of the source; totals
//! ```

use super::super::order::Order;
use super::packed::{Map, Packed};
use super::{Flow, Totals, third};
use crate::error::{Error, Reason};
use crate::reader::Reader;
use core::net::IpAddr;

/// One record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record<'a> {
    /// A flow.
    Flow(Flow<'a>),
    /// A flow that needs a map to be read.
    Packed(Packed<'a>),
    /// A map.
    Map(Map<'a>),
    /// An exporter.
    Exporter(Exporter),
    /// A sampler.
    Sampler(Sampler),
    /// Sequence failures.
    Failures(Failures<'a>),
    /// What the writer counted.
    Totals(Totals),
    /// Something else: names of applications, histograms, the name of the source.
    Other {
        /// Its kind.
        kind: u16,
    },
}

/// An exporter that the file knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exporter {
    /// The number by which the file knows it.
    pub number: u16,
    /// The export version: 1, 5, 7, 9, 10, or 9999 for sFlow.
    pub version: u32,
    /// The address its datagrams came from.
    pub address: IpAddr,
    /// The observation domain; of version 5, engine type and id.
    pub domain: u32,
}

/// A sampler of an exporter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sampler {
    /// The exporter's number in the file.
    pub exporter: u16,
    /// Its id; -1 stands for all of the exporter, -2 and -3 for what the operator of the collector said by default and
    /// above all others.
    pub id: i64,
    /// Packets taken together.
    pub taken: u32,
    /// Packets left out after those.
    pub space: u32,
}

impl Sampler {
    /// For all of an exporter.
    pub const GENERIC: i64 = -1;
    /// What the collector's operator said where the exporter says nothing.
    pub const DEFAULT: i64 = -2;
    /// What the collector's operator said whatever the exporter says.
    pub const OVERRIDE: i64 = -3;

    /// 1 packet in how many, if that is a whole number, and one at all.
    #[must_use]
    pub fn one_in(&self) -> Option<u32> {
        let whole = self.taken.checked_add(self.space)?;
        let one_in = whole.checked_div(self.taken)?;
        (whole.checked_rem(self.taken) == Some(0) && one_in > 0).then_some(one_in)
    }
}

/// How often each exporter's sequence number was not the expected one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failures<'a> {
    order: Order,
    bytes: &'a [u8],
}

impl Failures<'_> {
    /// The exporter's number in the file, and how often.
    pub fn each(&self) -> impl Iterator<Item = (u32, u32)> {
        let order = self.order;
        self.bytes.chunks_exact(24).filter_map(move |bytes| {
            let mut reader = Reader::new(bytes);
            Some((order.u32(&mut reader).ok()?, order.u32(&mut reader).ok()?))
        })
    }
}

/// The records of an unpacked block. After an error there is nothing more: what follows cannot be found.
#[derive(Debug, Clone)]
pub struct Records<'a> {
    order: Order,
    rest: Reader<'a>,
}

impl<'a> Records<'a> {
    /// Of a block's octets, unpacked.
    #[must_use]
    pub const fn new(order: Order, bytes: &'a [u8]) -> Self {
        Self { order, rest: Reader::new(bytes) }
    }

    fn read(&mut self) -> Result<Record<'a>, Error> {
        let (order, at) = (self.order, self.rest.offset());
        let mut head = self.rest;
        let kind = order.u16(&mut head)?;
        let len = usize::from(order.u16(&mut head)?);
        if len < 4 {
            return Err(Error::new(Reason::BadLength, at.saturating_add(2)));
        }
        let mut body = self.rest.sub(len)?;
        body.skip(4)?;
        Ok(match kind {
            1 | 10 => Record::Packed(Packed::parse(kind == 1, order, body)?),
            2 => Record::Map(Map::parse(order, body)?),
            7 => Record::Exporter(exporter(order, body)?),
            8 => {
                body.skip(4)?;
                Record::Failures(Failures { order, bytes: body.rest() })
            }
            9 => Record::Sampler(old_sampler(order, body)?),
            11 => Record::Flow(third::parse(order, body)?),
            15 => Record::Sampler(sampler(order, body)?),
            0x8002 => Record::Totals(Totals::two(order, &mut body)?),
            kind => Record::Other { kind },
        })
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let before = self.rest.len();
        let record = self.read();
        if record.is_err() && self.rest.len() == before {
            self.rest = Reader::at(&[], self.rest.offset());
        }
        Some(record)
    }
}

fn exporter(order: Order, mut body: Reader<'_>) -> Result<Exporter, Error> {
    let version = order.u32(&mut body)?;
    let (high, low) = (body.array::<8>()?, body.array::<8>()?);
    let _family = order.u16(&mut body)?;
    let number = order.u16(&mut body)?;
    let domain = order.u32(&mut body)?;
    Ok(Exporter { number, version, address: address(order, high, low), domain })
}

/// nfdump keeps an address as two numbers, of which the first is 0 for IPv4; newer versions as the octets of an IPv6
/// address, IPv4 mapped into it.
fn address(order: Order, high: [u8; 8], low: [u8; 8]) -> IpAddr {
    if let ([0, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0xff, 0xff, v4 @ ..]) = (high, low) {
        return IpAddr::from(v4);
    }
    let number = |octets: [u8; 8]| match order {
        Order::Big => u64::from_be_bytes(octets),
        Order::Little => u64::from_le_bytes(octets),
    };
    match (number(high), number(low)) {
        (0, low) if low >> 32 == 0 => {
            let [.., a, b, c, d] = low.to_be_bytes();
            IpAddr::from([a, b, c, d])
        }
        (high, low) => IpAddr::from((u128::from(high) << 64 | u128::from(low)).to_be_bytes()),
    }
}

/// One in `interval`, as a packet taken and the rest left out.
fn old_sampler(order: Order, mut body: Reader<'_>) -> Result<Sampler, Error> {
    let id = i64::from(order.u32(&mut body)?.cast_signed());
    let interval = order.u32(&mut body)?;
    body.skip(2)?;
    let exporter = order.u16(&mut body)?;
    let (taken, space) = interval.checked_sub(1).map_or((0, 0), |space| (1, space));
    Ok(Sampler { exporter, id, taken, space })
}

fn sampler(order: Order, mut body: Reader<'_>) -> Result<Sampler, Error> {
    let exporter = order.u16(&mut body)?;
    body.skip(2)?;
    let id = order.u64(&mut body)?.cast_signed();
    Ok(Sampler { exporter, id, taken: order.u32(&mut body)?, space: order.u32(&mut body)? })
}
