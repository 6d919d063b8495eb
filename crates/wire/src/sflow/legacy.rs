//! sFlow versions 2 and 4 (RFC 3176 is version 2; version 4 is sFlow.org's memo of 2003): what differs from
//! version 5.
//!
//! Nothing has a length. A sample ends where its parts end, so a part of an unknown kind is the end of what can be
//! read of a datagram, and what a sample's records are is found out before it is handed over. They leave as the
//! samples and records of version 5, with `None` for what these versions do not say.
//!
//! ```text
//! datagram        version | agent's address type, address | sequence | uptime (ms) | number of samples
//! flow sample     1 | sequence | source type (8 bits), index (24) | sampling interval | pool | drops
//!                 | ingress | egress (bit 31: so many interfaces) | packet | n, n extensions
//! packet          1 protocol | frame length | n, n octets     2 as (0:3) of version 5     3 as (0:4)
//! extension       1 as (0:1001)    2 as (0:1002)
//!                 3 version 4 as (0:1003) without the next hop; version 2: AS of the router, source, source's
//!                   peer | n, n AS of the path
//!                 4 as (0:1004) without charsets    5 as (0:1005) without the host
//! counter sample  2 | sequence | source | seconds between samples | kind | counters of the kind
//! counters        1 interface    2 interface, Ethernet    3 interface, token ring    4 FDDI: interface
//!                 5 interface, 100BaseVG    6 WAN: interface    7 VLAN
//! ```

use core::num::NonZeroU32;

use super::counter::{self, CounterRecord};
use super::record::{FlowRecord, Gateway, Ip, RawHeader, Router, Switch, Url, User};
use super::sample::{CounterSample, FlowHeader, FlowSample, Interface, Sample, Source};
use crate::error::{Error, Reason};
use crate::reader::Reader;

/// Which of the two it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    V2,
    V4,
}

/// The samples of a datagram.
#[derive(Debug, Clone, Copy)]
pub(super) struct Samples<'a> {
    version: Version,
    rest: Reader<'a>,
    left: u32,
}

impl<'a> Samples<'a> {
    /// The samples in `rest`, of which there should be `count`.
    pub(super) const fn new(version: Version, rest: Reader<'a>, count: u32) -> Self {
        Self { version, rest, left: count }
    }

    /// Ends the walk with this error.
    fn end(&mut self, error: Error) -> Option<Result<Sample<'a>, Error>> {
        self.rest = Reader::at(&[], error.offset);
        self.left = 0;
        Some(Err(error))
    }

    pub(super) fn next(&mut self) -> Option<Result<Sample<'a>, Error>> {
        let Some(left) = self.left.checked_sub(1) else {
            // Zeros behind the last one are padding.
            if self.rest.rest().iter().all(|octet| *octet == 0) {
                return None;
            }
            let mismatch = self.rest.error(Reason::CountMismatch);
            return self.end(mismatch);
        };
        if self.rest.is_empty() {
            let mismatch = self.rest.error(Reason::CountMismatch);
            return self.end(mismatch);
        }
        match sample(self.version, &mut self.rest) {
            Ok(sample) => {
                self.left = left;
                Some(Ok(sample))
            }
            Err(error) => self.end(error),
        }
    }
}

fn sample<'a>(version: Version, reader: &mut Reader<'a>) -> Result<Sample<'a>, Error> {
    let unsupported = reader.error(Reason::Unsupported);
    match reader.u32()? {
        1 => flow(version, reader).map(Sample::Flow),
        2 => counters(reader).map(Sample::Counter),
        _ => Err(unsupported),
    }
}

fn flow<'a>(version: Version, reader: &mut Reader<'a>) -> Result<FlowSample<'a>, Error> {
    let header = FlowHeader {
        sequence: reader.u32()?,
        source: Source::parse(reader, false)?,
        sampling_interval: NonZeroU32::new(reader.u32()?),
        pool: reader.u32()?,
        drops: reader.u32()?,
        ingress: interface(reader.u32()?),
        egress: interface(reader.u32()?),
        expanded: false,
    };
    let records = FlowRecords { version, rest: *reader, stage: Stage::Packet };
    let mut walk = records;
    // Bounded by the octets: every extension takes a word at least.
    while walk.step()?.is_some() {}
    *reader = walk.rest;
    Ok(FlowSample::legacy(header, records))
}

/// An interface: 0 is unknown; with the highest bit, so many of them.
const fn interface(word: u32) -> Interface {
    match word {
        0 => Interface::Unknown,
        1..=0x7fff_ffff => Interface::Known(word),
        _ => Interface::Multiple(word & 0x7fff_ffff),
    }
}

/// What comes next in a flow sample.
#[derive(Debug, Clone, Copy)]
enum Stage {
    Packet,
    Count,
    Extensions(u32),
}

/// The records of a flow sample that has been walked to its end once.
#[derive(Debug, Clone, Copy)]
pub(super) struct FlowRecords<'a> {
    version: Version,
    rest: Reader<'a>,
    stage: Stage,
}

impl<'a> FlowRecords<'a> {
    pub(super) fn next(&mut self) -> Option<Result<FlowRecord<'a>, Error>> {
        self.step().transpose()
    }

    fn step(&mut self) -> Result<Option<FlowRecord<'a>>, Error> {
        if matches!(self.stage, Stage::Packet) {
            self.stage = Stage::Count;
            return self.packet().map(Some);
        }
        let left = match self.stage {
            Stage::Extensions(left) => left,
            Stage::Packet | Stage::Count => self.rest.u32()?,
        };
        let Some(left) = left.checked_sub(1) else {
            self.stage = Stage::Extensions(0);
            return Ok(None);
        };
        self.stage = Stage::Extensions(left);
        self.extension().map(Some)
    }

    fn packet(&mut self) -> Result<FlowRecord<'a>, Error> {
        let unsupported = self.rest.error(Reason::Unsupported);
        let reader = &mut self.rest;
        match reader.u32()? {
            1 => RawHeader::parse_legacy(reader).map(FlowRecord::RawHeader),
            2 => Ip::parse(reader).map(FlowRecord::Ipv4),
            3 => Ip::parse(reader).map(FlowRecord::Ipv6),
            _ => Err(unsupported),
        }
    }

    fn extension(&mut self) -> Result<FlowRecord<'a>, Error> {
        let unsupported = self.rest.error(Reason::Unsupported);
        let reader = &mut self.rest;
        match (reader.u32()?, self.version) {
            (1, _) => Switch::parse(reader).map(FlowRecord::Switch),
            (2, _) => Router::parse(reader).map(FlowRecord::Router),
            (3, Version::V2) => Gateway::parse_v2(reader).map(FlowRecord::Gateway),
            (3, Version::V4) => Gateway::parse_v4(reader).map(FlowRecord::Gateway),
            (4, _) => User::parse_legacy(reader).map(FlowRecord::User),
            (5, _) => Url::parse_legacy(reader).map(FlowRecord::Url),
            _ => Err(unsupported),
        }
    }
}

fn counters<'a>(reader: &mut Reader<'a>) -> Result<CounterSample<'a>, Error> {
    let sequence = reader.u32()?;
    let source = Source::parse(reader, false)?;
    reader.skip(4)?; // seconds between samples
    let unsupported = reader.error(Reason::Unsupported);
    // Octets of what is common to all kinds, format number and octets of what is not.
    let (common, format, len) = match reader.u32()? {
        1 | 4 | 6 => (counter::INTERFACE_LEN, 0, 0),
        2 => (counter::INTERFACE_LEN, 2, 52),
        3 => (counter::INTERFACE_LEN, 3, 72),
        5 => (counter::INTERFACE_LEN, 4, 80),
        7 => (0, 5, 28),
        _ => return Err(unsupported),
    };
    let interface = reader.sub(common)?;
    let specific = reader.bytes(len)?;
    Ok(CounterSample::legacy(sequence, source, CounterRecords { interface, format, specific }))
}

/// The records of a counter sample, whose octets are all there.
#[derive(Debug, Clone, Copy)]
pub(super) struct CounterRecords<'a> {
    /// Generic interface counters; empty where there are none.
    interface: Reader<'a>,
    /// Version 5's number for the specific counters.
    format: u32,
    specific: &'a [u8],
}

impl<'a> CounterRecords<'a> {
    pub(super) fn next(&mut self) -> Option<Result<CounterRecord<'a>, Error>> {
        if !self.interface.is_empty() {
            return Some(counter::Interface::parse(&mut self.interface).map(CounterRecord::Interface));
        }
        let body = core::mem::take(&mut self.specific);
        (!body.is_empty()).then_some(Ok(CounterRecord::Other { enterprise: 0, format: self.format, body }))
    }
}

#[cfg(test)]
mod tests;
