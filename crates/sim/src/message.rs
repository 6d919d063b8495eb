//! Datagrams with their meaning: the octets, and what a collector is to understand of them.

use crate::row::Row;
use crate::town::Place;
use std::fmt;
use std::rc::Rc;
use weir_flow::names::Version;
use weir_flow::{Addr, Column};
use weir_wire::Protocol;

/// What a collector keeps apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SessionId {
    pub from: Addr,
    pub port: u16,
    pub protocol: Protocol,
    pub domain: u32,
}

/// A datagram's place in what its session sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Number {
    /// What stands in the header.
    pub value: u32,
    /// How often the exporter had been started before.
    pub life: u32,
    /// Datagrams of this life before this one.
    pub order: u64,
    /// What the protocol counts (records or datagrams), of this life before this one,
    pub start: u64,
    /// and in it.
    pub units: u32,
}

/// A datagram that an exporter sent.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub session: SessionId,
    pub version: Version,
    /// None in v1.
    pub number: Option<Number>,
    /// The export time in the header, ms since 1970, if it is one that can be believed.
    pub export_ms: Option<i64>,
    /// Octets without which nothing can be understood; of the fixed formats all of them.
    pub indivisible: usize,
    pub sets: Vec<Set>,
    pub bytes: Vec<u8>,
}

/// What belongs together in a message: a set, or a sample.
#[derive(Debug, Clone)]
pub(crate) struct Set {
    /// The octet at which its contents begin; up to there nothing is seen of it.
    pub at: usize,
    pub content: Content,
}

/// What a set holds.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    Templates(Vec<Definition>),
    /// Records, of this template where there are templates.
    Data(Option<u16>, Vec<Record>),
}

/// A template.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Definition {
    pub id: u16,
    pub is_options: bool,
    /// The octet behind it.
    pub end: usize,
}

/// A record in a data set.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    /// The octet behind it.
    pub end: usize,
    pub what: What,
}

/// What a record says.
#[derive(Debug, Clone)]
pub(crate) enum What {
    Flow(Rc<Told>),
    Sampling(Said),
}

/// What an options record says of sampling; an interval of 0 says nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Said {
    pub sampler: Option<u64>,
    pub interval: u32,
}

/// A flow as its exporter tells it.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    /// The columns that do not depend on when and how it arrives.
    pub row: Row,
    /// Start and end; `None` if the record has none that could be believed.
    pub times: Option<(i64, i64)>,
    /// Whether what it says of times is absurd.
    pub doubtful: bool,
    pub octets: u64,
    pub packets: u64,
    /// The interval in the record or in the header; 0 says nothing.
    pub interval: Interval,
    pub place: Place,
}

/// Where a record has its sampling interval from, as far as that lies in its datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interval {
    None,
    Record(u32),
    Sampler(u64),
    Header(u32),
}

/// A datagram as it arrives.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub from: Addr,
    pub port: u16,
    pub bytes: Vec<u8>,
    pub sense: Sense,
}

/// What there is to be understood.
#[derive(Debug, Clone)]
pub(crate) enum Sense {
    /// Nothing.
    None,
    /// A v9 header of this source id, and a set of no kind behind it.
    Hollow(u32),
    /// A message, up to this octet if its end is missing.
    Message(Rc<Message>, Option<usize>),
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "from {} {}: {} octets", self.from, self.port, self.bytes.len())?;
        let (message, cut) = match &self.sense {
            Sense::None => return write!(f, " of nothing"),
            Sense::Hollow(domain) => return write!(f, " hollow of domain {domain}"),
            Sense::Message(message, cut) => (message, cut),
        };
        write!(f, " {} domain {}", message.version.word(), message.session.domain)?;
        if let Some(Number { value, life, order, units, .. }) = message.number {
            write!(f, " number {value}, life {life}, the {order}th, {units} units")?;
        }
        for set in &message.sets {
            match &set.content {
                Content::Templates(definitions) => write!(f, ", {} templates", definitions.len())?,
                Content::Data(Some(id), records) => write!(f, ", {} of {id}", records.len())?,
                Content::Data(None, records) => write!(f, ", {}", records.len())?,
            }
        }
        cut.map_or(Ok(()), |cut| write!(f, ", cut at {cut}"))
    }
}

impl Told {
    /// The sampler that the record names.
    pub(crate) fn sampler(&self) -> Option<u64> {
        let names = self.row.get(Column::Sampler).is_some();
        names.then(|| self.row.amount(Column::Sampler))
    }
}

impl Message {
    /// Whether its format is a fixed one: without templates and options, or sFlow's.
    pub(crate) fn is_fixed(&self) -> bool {
        !matches!(self.session.protocol, Protocol::NetflowV9 | Protocol::Ipfix)
    }

    /// Whether its number counts records, not datagrams.
    pub(crate) fn counts_records(&self) -> bool {
        !matches!(self.session.protocol, Protocol::NetflowV9 | Protocol::SflowV5)
    }

    /// How many flow records it holds.
    pub(crate) fn flows(&self) -> u64 {
        let records = self.sets.iter().filter_map(|set| match &set.content {
            Content::Data(_, records) => Some(records),
            Content::Templates(_) => None,
        });
        records.flatten().filter(|record| matches!(record.what, What::Flow(_))).count() as u64
    }

    /// The delivery of the whole message.
    pub(crate) fn whole(self: &Rc<Self>) -> Delivery {
        let SessionId { from, port, .. } = self.session;
        Delivery { from, port, bytes: self.bytes.clone(), sense: Sense::Message(Rc::clone(self), None) }
    }
}
