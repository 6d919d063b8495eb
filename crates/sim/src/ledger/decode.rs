//! What of a message is understood, by whom: the templates and intervals that a session has been told so far, and
//! the sets that wait for theirs.

use super::Scope;
use super::late::{Late, Open, is_open};
use super::stream::{Position, Stream};
use crate::message::{Content, Definition, Interval, Message, Record, Said, Set, Told, What};
use crate::row::Row;
use crate::town::Town;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use weir_flow::Column;
use weir_flow::names::{SamplingSource, TimeSource, Version};

/// What the operator says about one exporter's sampling; 0 says nothing.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Operator {
    pub(super) overriding: u32,
    pub(super) default: u32,
}

/// All that is known of a session.
#[derive(Debug, Default)]
pub(super) struct Session {
    pub(super) stream: Stream,
    operator: Operator,
    pub(super) memory: Memory,
}

/// What a session remembers when the collector dies.
#[derive(Debug, Default, Clone)]
pub(crate) struct Memory {
    templates: BTreeSet<u16>,
    of_domain: u32,
    of_samplers: BTreeMap<u64, u32>,
    waiting: Vec<Waiting>,
    /// Rows of which the interval is not known yet.
    open: Open,
    /// Where its numbers stand.
    position: Option<Position>,
}

impl Memory {
    /// Whether all of these templates are known and nothing waits.
    pub(super) fn knows(&self, ids: &[u16]) -> bool {
        self.waiting.is_empty() && ids.iter().all(|id| self.templates.contains(id))
    }
}

/// A set that came before its template.
#[derive(Debug, Clone)]
struct Waiting {
    id: u16,
    /// The whole records in it.
    records: Vec<Record>,
    /// Whether its end is missing; of records of variable length that shows when they are read.
    is_cut: bool,
    message: Rc<Message>,
    received: i64,
}

/// A record as it will be a row: by whom it was sent, and when it came.
struct Stamp<'a> {
    message: &'a Message,
    received: i64,
}

impl Session {
    /// A session that remembers this.
    pub(super) fn new(operator: Operator, mut memory: Memory) -> Self {
        memory.open.forget_last();
        let stream = memory.position.map(Stream::resumed).unwrap_or_default();
        Self { operator, memory, stream }
    }

    /// What it remembers now.
    pub(super) fn remembered(&self) -> Memory {
        Memory { position: self.stream.position(), ..self.memory.clone() }
    }

    /// Reads the sets of a message, up to `cut` if it is cut; returns how many data records it held, if that can
    /// be told.
    pub(super) fn read(
        &mut self,
        message: &Rc<Message>,
        cut: Option<usize>,
        received: i64,
        town: &Town,
        out: &mut Scope<'_>,
    ) -> Option<u32> {
        let end = cut.unwrap_or(usize::MAX);
        let mut extent = if cut.is_some() { None } else { Some(0) };
        for Set { at, content } in &message.sets {
            if *at > end {
                break;
            }
            match content {
                Content::Templates(definitions) => {
                    for definition in definitions.iter().filter(|definition| definition.end <= end) {
                        self.define(definition, town, out);
                    }
                }
                Content::Data(id, records) => {
                    let whole: Vec<_> = records.iter().filter(|record| record.end <= end).cloned().collect();
                    let count = u32::try_from(whole.len()).unwrap_or_default();
                    match id {
                        Some(id) if !self.memory.templates.contains(id) => {
                            let message = Rc::clone(message);
                            let is_cut = cut.is_some();
                            self.memory.waiting.push(Waiting {
                                id: *id,
                                records: whole,
                                is_cut,
                                message,
                                received,
                            });
                            out.count("awaiting_template", 1);
                            extent = None;
                        }
                        _ => {
                            self.take(&whole, &Stamp { message, received }, town, out);
                            extent = extent.map(|extent| extent + count);
                        }
                    }
                }
            }
        }
        extent
    }

    fn define(&mut self, definition: &Definition, town: &Town, out: &mut Scope<'_>) {
        out.count(if definition.is_options { "options_templates" } else { "templates" }, 1);
        if !self.memory.templates.insert(definition.id) {
            return;
        }
        let (released, left): (Vec<_>, Vec<_>) =
            self.memory.waiting.drain(..).partition(|waiting| waiting.id == definition.id);
        self.memory.waiting = left;
        for waiting in released {
            out.count("awaiting_template", -1);
            out.count("released", 1);
            out.damage(0, waiting.is_cut.into());
            let stamp = Stamp { message: &waiting.message, received: waiting.received };
            self.take(&waiting.records, &stamp, town, out);
        }
    }

    fn take(&mut self, records: &[Record], stamp: &Stamp<'_>, town: &Town, out: &mut Scope<'_>) {
        for record in records {
            match &record.what {
                What::Sampling(said) => {
                    self.learn(said, stamp, out);
                    out.count("options_records", 1);
                }
                What::Flow(told) => {
                    let interval = self.interval(told.interval);
                    // What the fixed formats leave open nobody says later.
                    if is_open(interval) && !stamp.message.is_fixed() {
                        self.memory.open.add(told.sampler(), stamp.received);
                    }
                    out.count("clock_doubts", told.doubtful.into());
                    out.row(row(told, interval, stamp, town));
                }
            }
        }
    }

    fn learn(&mut self, said: &Said, stamp: &Stamp<'_>, out: &mut Scope<'_>) {
        if said.interval == 0 {
            return;
        }
        let before = match said.sampler {
            Some(sampler) => self.memory.of_samplers.insert(sampler, said.interval).unwrap_or(0),
            None => std::mem::replace(&mut self.memory.of_domain, said.interval),
        };
        // Another interval than before is for what comes after it.
        if before == 0
            && let Some((first, last)) = self.memory.open.settle(said.sampler)
        {
            out.lates.push(Late {
                exporter: stamp.message.session.from,
                domain: stamp.message.session.domain,
                sampler: said.sampler,
                span: (first, last.max(stamp.received)),
                interval: said.interval,
            });
        }
    }

    /// The interval that holds for a record, best source first.
    fn interval(&self, told: Interval) -> Option<(u32, SamplingSource)> {
        let known = |interval: u32, source| (interval > 0).then_some((interval, source));
        let of_sampler = |id| self.memory.of_samplers.get(&id).copied().unwrap_or(0);
        let by_record = match told {
            Interval::Record(interval) => known(interval, SamplingSource::Record),
            Interval::Sampler(id) => known(of_sampler(id), SamplingSource::Sampler),
            Interval::None | Interval::Header(_) => None,
        };
        let header = if let Interval::Header(interval) = told { interval } else { 0 };
        known(self.operator.overriding, SamplingSource::Override)
            .or(by_record)
            .or(known(self.memory.of_domain, SamplingSource::Options))
            .or(known(header, SamplingSource::Header))
            .or(known(self.operator.default, SamplingSource::Default))
    }
}

/// The row that a record is to become.
fn row(told: &Told, interval: Option<(u32, SamplingSource)>, stamp: &Stamp<'_>, town: &Town) -> Row {
    let Stamp { message, received } = *stamp;
    let mut row = told.row.clone();
    let (start, end, source) = match (told.times, message.export_ms) {
        (Some((start, end)), _) => (start, end, TimeSource::Flow),
        (None, Some(export)) if message.version != Version::Sflow => (export, export, TimeSource::Export),
        _ => (received, received, TimeSource::Received),
    };
    row.time(Column::Start, start);
    row.time(Column::End, end);
    row.time(Column::Received, received);
    row.word(Column::TimeSource, source.word());
    row.addr(Column::Exporter, message.session.from);
    row.number(Column::Domain, message.session.domain.into());
    row.word(Column::ProtocolVersion, message.version.word());
    let factor = interval.map_or(1, |(interval, _)| u64::from(interval));
    row.number(Column::MeasuredOctets, told.octets);
    row.number(Column::MeasuredPackets, told.packets);
    row.number(Column::Octets, told.octets * factor);
    row.number(Column::Packets, told.packets * factor);
    if let Some((interval, source)) = interval {
        row.number(Column::SamplingInterval, interval.into());
        row.word(Column::SamplingSource, source.word());
    }
    town.attribute(told.place, &mut row);
    row
}
