//! What of a message is understood, by whom: the templates and intervals that a session has been told so far, and
//! the sets that wait for theirs.

use super::Scope;
use super::stream::Stream;
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
    templates: BTreeSet<u16>,
    of_domain: u32,
    of_samplers: BTreeMap<u64, u32>,
    waiting: Vec<Waiting>,
}

/// A set that came before its template.
#[derive(Debug)]
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
    pub(super) fn new(operator: Operator) -> Self {
        Self { operator, ..Self::default() }
    }

    /// Whether all of these templates are known and nothing waits.
    pub(super) fn knows(&self, ids: &[u16]) -> bool {
        self.waiting.is_empty() && ids.iter().all(|id| self.templates.contains(id))
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
                        Some(id) if !self.templates.contains(id) => {
                            let message = Rc::clone(message);
                            let is_cut = cut.is_some();
                            self.waiting.push(Waiting { id: *id, records: whole, is_cut, message, received });
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
        if !self.templates.insert(definition.id) {
            return;
        }
        let (released, left): (Vec<_>, Vec<_>) =
            self.waiting.drain(..).partition(|waiting| waiting.id == definition.id);
        self.waiting = left;
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
                    self.learn(said);
                    out.count("options_records", 1);
                }
                What::Flow(told) => {
                    let interval = self.interval(told.interval);
                    out.count("clock_doubts", told.doubtful.into());
                    out.row(row(told, interval, stamp, town));
                }
            }
        }
    }

    fn learn(&mut self, said: &Said) {
        match said.sampler {
            _ if said.interval == 0 => {}
            Some(sampler) => {
                self.of_samplers.insert(sampler, said.interval);
            }
            None => self.of_domain = said.interval,
        }
    }

    /// The interval that holds for a record, best source first.
    fn interval(&self, told: Interval) -> Option<(u32, SamplingSource)> {
        let known = |interval: u32, source| (interval > 0).then_some((interval, source));
        let of_sampler = |id| self.of_samplers.get(&id).copied().unwrap_or(0);
        let by_record = match told {
            Interval::Record(interval) => known(interval, SamplingSource::Record),
            Interval::Sampler(id) => known(of_sampler(id), SamplingSource::Sampler),
            Interval::None | Interval::Header(_) => None,
        };
        let header = if let Interval::Header(interval) = told { interval } else { 0 };
        known(self.operator.overriding, SamplingSource::Override)
            .or(by_record)
            .or(known(self.of_domain, SamplingSource::Options))
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
