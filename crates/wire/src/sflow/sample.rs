//! Samples: of packets (flow samples) and of counters.

use core::num::NonZeroU32;

use super::block::{Block, Blocks};
use super::counter::CounterRecord;
use super::legacy;
use super::record::FlowRecord;
use crate::error::{Error, Reason};
use crate::reader::Reader;

/// Sample formats of enterprise 0.
pub(super) mod format {
    pub(in crate::sflow) const FLOW: u32 = 1;
    pub(in crate::sflow) const COUNTER: u32 = 2;
    pub(in crate::sflow) const FLOW_EXPANDED: u32 = 3;
    pub(in crate::sflow) const COUNTER_EXPANDED: u32 = 4;
}

/// One sample.
#[derive(Debug, Clone, Copy)]
pub enum Sample<'a> {
    /// A packet.
    Flow(FlowSample<'a>),
    /// Counters.
    Counter(CounterSample<'a>),
    /// Anything else, such as a notice of a discarded packet (0:5).
    Other {
        /// Who defined the format; 0 is sflow.org.
        enterprise: u32,
        /// The format's number.
        format: u32,
        /// Its octets.
        body: &'a [u8],
    },
}

impl<'a> Sample<'a> {
    #[inline]
    pub(super) fn parse(block: &Block<'a>) -> Result<Self, Error> {
        let mut body = block.body;
        match (block.enterprise, block.format) {
            (0, format::FLOW) => FlowSample::parse(&mut body, false).map(Self::Flow),
            (0, format::FLOW_EXPANDED) => FlowSample::parse(&mut body, true).map(Self::Flow),
            (0, format::COUNTER) => CounterSample::parse(&mut body, false).map(Self::Counter),
            (0, format::COUNTER_EXPANDED) => CounterSample::parse(&mut body, true).map(Self::Counter),
            (enterprise, format) => Ok(Self::Other { enterprise, format, body: body.rest() }),
        }
    }
}

/// What sampled: which part of the device counts these samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Source {
    /// 0: an interface by its index (`ifIndex`), 1: a VLAN, 2: a physical entity.
    pub kind: u32,
    /// Its number.
    pub index: u32,
}

impl Source {
    pub(super) fn parse(reader: &mut Reader<'_>, expanded: bool) -> Result<Self, Error> {
        let first = reader.u32()?;
        if expanded {
            return Ok(Self { kind: first, index: reader.u32()? });
        }
        Ok(Self { kind: first >> 24, index: first & 0x00ff_ffff })
    }
}

/// Where a packet came in or went out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Interface {
    /// The interface with this index (`ifIndex`).
    Known(u32),
    /// The agent does not know.
    Unknown,
    /// The device itself sent or received the packet.
    Internal,
    /// The packet was discarded (as an egress only), with the agent's reason code.
    Discarded(u32),
    /// The packet went out of several interfaces (as an egress only): how many, 0 if not known.
    Multiple(u32),
    /// A form this version of sFlow does not define.
    Other {
        /// Its number: 3 in compact samples.
        format: u32,
        /// Its value.
        value: u32,
    },
}

impl Interface {
    /// The index that means "the device itself": all ones in the 30 bits that a compact sample has for it.
    const INTERNAL: u32 = 0x3fff_ffff;

    /// The meaning of a format and its value.
    #[must_use]
    pub const fn from_parts(format: u32, value: u32) -> Self {
        match (format, value) {
            (0, 0) => Self::Unknown,
            (0, Self::INTERNAL) => Self::Internal,
            (0, index) => Self::Known(index),
            (1, reason) => Self::Discarded(reason),
            (2, count) => Self::Multiple(count),
            (format, value) => Self::Other { format, value },
        }
    }

    /// Format and value.
    #[must_use]
    pub const fn parts(self) -> (u32, u32) {
        match self {
            Self::Unknown => (0, 0),
            Self::Internal => (0, Self::INTERNAL),
            Self::Known(index) => (0, index),
            Self::Discarded(reason) => (1, reason),
            Self::Multiple(count) => (2, count),
            Self::Other { format, value } => (format, value),
        }
    }

    /// The interface's index, if it is one known interface.
    #[must_use]
    pub const fn index(self) -> Option<u32> {
        match self {
            Self::Known(index) => Some(index),
            _ => None,
        }
    }

    fn parse(reader: &mut Reader<'_>, expanded: bool) -> Result<Self, Error> {
        let first = reader.u32()?;
        if expanded {
            return Ok(Self::from_parts(first, reader.u32()?));
        }
        Ok(Self::from_parts(first >> 30, first & 0x3fff_ffff))
    }
}

/// What a flow sample says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlowHeader {
    /// Counts the flow samples of this source.
    pub sequence: u32,
    /// What sampled.
    pub source: Source,
    /// One packet in this many was sampled. `None` (0 on the wire) is unknown, not a factor.
    pub sampling_interval: Option<NonZeroU32>,
    /// Packets that could have been sampled so far, modulo 2^32.
    pub pool: u32,
    /// Samples that the agent had to drop so far, for want of resources.
    pub drops: u32,
    /// Where the packet came in.
    pub ingress: Interface,
    /// Where it went out.
    pub egress: Interface,
    /// Whether the sample has the expanded form, for interface indexes beyond 24 or 30 bits.
    pub expanded: bool,
}

impl FlowHeader {
    /// The compact form as a whole, and the number of records behind it: the same as word by word, without looking
    /// at the length for each.
    #[inline]
    fn compact(octets: [u8; 32]) -> (Self, u32) {
        let (words, _) = octets.as_chunks();
        let word = |at: usize| words.get(at).copied().map_or(0, u32::from_be_bytes);
        let source = Source { kind: word(1) >> 24, index: word(1) & 0x00ff_ffff };
        let interface = |word: u32| Interface::from_parts(word >> 30, word & 0x3fff_ffff);
        let header = Self {
            sequence: word(0),
            source,
            sampling_interval: NonZeroU32::new(word(2)),
            pool: word(3),
            drops: word(4),
            ingress: interface(word(5)),
            egress: interface(word(6)),
            expanded: false,
        };
        (header, word(7))
    }
}

/// One sampled packet.
#[derive(Debug, Clone, Copy)]
pub struct FlowSample<'a> {
    /// What the sample says of itself.
    pub header: FlowHeader,
    records: FlowRecords<'a>,
}

/// What is known of a sampled packet: an iterator of records.
#[derive(Debug, Clone, Copy)]
pub struct FlowRecords<'a>(FlowForm<'a>);

#[derive(Debug, Clone, Copy)]
enum FlowForm<'a> {
    /// Version 5: every record has a length.
    Blocks(Blocks<'a>),
    /// Versions 2 and 4.
    Legacy(legacy::FlowRecords<'a>),
}

impl<'a> Iterator for FlowRecords<'a> {
    type Item = Result<FlowRecord<'a>, Error>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            FlowForm::Blocks(blocks) => {
                Some(blocks.next()?.and_then(|block| FlowRecord::parse(&whole(block)?)))
            }
            FlowForm::Legacy(records) => records.next(),
        }
    }
}

impl<'a> FlowSample<'a> {
    #[inline]
    fn parse(reader: &mut Reader<'a>, expanded: bool) -> Result<Self, Error> {
        if !expanded && let Ok(octets) = reader.array() {
            let (header, count) = FlowHeader::compact(octets);
            return Ok(Self { header, records: FlowRecords(FlowForm::Blocks(Blocks::new(*reader, count))) });
        }
        let header = FlowHeader {
            sequence: reader.u32()?,
            source: Source::parse(reader, expanded)?,
            sampling_interval: NonZeroU32::new(reader.u32()?),
            pool: reader.u32()?,
            drops: reader.u32()?,
            ingress: Interface::parse(reader, expanded)?,
            egress: Interface::parse(reader, expanded)?,
            expanded,
        };
        let count = reader.u32()?;
        Ok(Self { header, records: FlowRecords(FlowForm::Blocks(Blocks::new(*reader, count))) })
    }

    pub(super) const fn legacy(header: FlowHeader, records: legacy::FlowRecords<'a>) -> Self {
        Self { header, records: FlowRecords(FlowForm::Legacy(records)) }
    }

    /// What is known of the packet. A record that cannot be read is an `Err`, and the next one follows.
    #[must_use]
    pub const fn records(&self) -> FlowRecords<'a> {
        self.records
    }
}

/// Counters of one source.
#[derive(Debug, Clone, Copy)]
pub struct CounterSample<'a> {
    /// Counts the counter samples of this source.
    pub sequence: u32,
    /// What the counters are about.
    pub source: Source,
    /// Whether the sample has the expanded form.
    pub expanded: bool,
    records: CounterRecords<'a>,
}

/// The counters of a sample: an iterator of records.
#[derive(Debug, Clone, Copy)]
pub struct CounterRecords<'a>(CounterForm<'a>);

#[derive(Debug, Clone, Copy)]
enum CounterForm<'a> {
    /// Version 5: every record has a length.
    Blocks(Blocks<'a>),
    /// Versions 2 and 4.
    Legacy(legacy::CounterRecords<'a>),
}

impl<'a> Iterator for CounterRecords<'a> {
    type Item = Result<CounterRecord<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            CounterForm::Blocks(blocks) => {
                Some(blocks.next()?.and_then(|block| CounterRecord::parse(&whole(block)?)))
            }
            CounterForm::Legacy(records) => records.next(),
        }
    }
}

impl<'a> CounterSample<'a> {
    fn parse(reader: &mut Reader<'a>, expanded: bool) -> Result<Self, Error> {
        let sequence = reader.u32()?;
        let source = Source::parse(reader, expanded)?;
        let count = reader.u32()?;
        let records = CounterRecords(CounterForm::Blocks(Blocks::new(*reader, count)));
        Ok(Self { sequence, source, expanded, records })
    }

    pub(super) const fn legacy(sequence: u32, source: Source, records: legacy::CounterRecords<'a>) -> Self {
        Self { sequence, source, expanded: false, records: CounterRecords(CounterForm::Legacy(records)) }
    }

    /// The counters. A record that cannot be read is an `Err`, and the next one follows.
    #[must_use]
    pub const fn records(&self) -> CounterRecords<'a> {
        self.records
    }
}

/// Refuses a record that runs past the end of its sample.
fn whole(block: Block<'_>) -> Result<Block<'_>, Error> {
    if block.is_cut { Err(Error::new(Reason::BadLength, block.length_at)) } else { Ok(block) }
}
