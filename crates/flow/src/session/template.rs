//! What a session keeps of v9 and IPFIX: templates compiled, options, and data sets that came before their
//! template. Both protocols meet here; [`super::v9`] and [`super::ipfix`] hold what differs, [`super::data`] reads
//! the records.

use super::clock::Clock;
use super::memory::{self, TEMPLATE};
use super::plan::Plan;
use super::sequence::Extent;
use super::{Fate, Session, Shared, fate, options};
use crate::Batch;
use crate::health::Counter;
use hashbrown::HashMap;
use std::sync::Arc;
use weir_wire::template::{Dialect, Set, SetKind, Sets, Template};
use weir_wire::{Error, Protocol, Reason};

/// A template in the form its data sets are read with.
#[derive(Debug, Clone)]
enum Compiled {
    Flows(Arc<Plan>),
    Options(Arc<options::Plan>),
}

impl Compiled {
    fn new(template: &Template<'_>, shared: &mut Shared) -> Self {
        if template.is_options {
            Self::Options(Arc::new(options::Plan::compile(template)))
        } else {
            Self::Flows(shared.shelf.plan(template))
        }
    }
}

/// A template that is known.
#[derive(Debug)]
pub(super) struct Known {
    compiled: Compiled,
    /// As it was sent: the same again is no news.
    raw: Box<[u8]>,
    /// When this definition came, and when it was last repeated, ms since 1970.
    pub(super) defined: i64,
    pub(super) refreshed: i64,
    /// Records read with it.
    pub(super) records: u64,
}

impl Known {
    pub(super) fn is_options(&self) -> bool {
        matches!(self.compiled, Compiled::Options(_))
    }
}

/// The templates of one session, by id: one name space for both kinds, the last definition wins (RFC 7011 §8).
#[derive(Debug, Default)]
pub(super) struct Templates {
    known: HashMap<u16, Known, foldhash::fast::RandomState>,
}

impl Templates {
    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Takes back when templates that are still the same were last repeated.
    pub(super) fn refreshed_as(&mut self, recorded: &[super::record::Template]) {
        for then in recorded {
            if let Some(known) = self.known.get_mut(&then.id).filter(|k| k.defined == then.defined) {
                known.refreshed = known.refreshed.max(then.refreshed);
            }
        }
    }
}

impl Known {
    /// The template again, from what is kept of it.
    fn template(&self, dialect: Dialect) -> Option<Template<'_>> {
        parse(self.is_options(), &self.raw, dialect)
    }

    /// For the exporter's record.
    pub(super) fn describe(&self, id: u16, dialect: Dialect) -> super::record::Template {
        super::record::Template {
            id,
            options: self.is_options(),
            fields: self.template(dialect).map_or(0, |t| t.field_count),
            defined: self.defined,
            refreshed: self.refreshed,
            records: self.records,
        }
    }

    /// The enterprises whose elements it has.
    pub(super) fn enterprises(&self, dialect: Dialect) -> Vec<u32> {
        let fields = self.template(dialect).into_iter().flat_map(|t| t.fields());
        fields.map(|field| field.enterprise).filter(|enterprise| *enterprise != 0).collect()
    }
}

/// A template from its octets, as it was sent.
fn parse(is_options: bool, raw: &[u8], dialect: Dialect) -> Option<Template<'_>> {
    let id = match dialect {
        Dialect::Ipfix => 2 + u16::from(is_options),
        Dialect::V9 => u16::from(is_options),
    };
    let set = Set { dialect, id, offset: 0, body: raw, is_cut: false };
    set.templates().next()?.ok()
}

impl Templates {
    /// A template of flows, by its id.
    pub(super) fn flows(&self, id: u16, dialect: Dialect) -> Option<Template<'_>> {
        self.known.get(&id).filter(|known| !known.is_options())?.template(dialect)
    }

    /// All of them, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u16, &Known)> {
        self.known.iter().map(|(id, known)| (*id, known))
    }
}

/// What came of one message's sets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Read {
    /// Its data records; unknown when a set could not be counted.
    pub(super) extent: Extent,
    /// The first problem.
    pub(super) problem: Option<Error>,
}

/// The extent of a message of which a part could not be read.
const UNKNOWN: Extent = Extent { all: None, flows: None };

impl Default for Read {
    fn default() -> Self {
        Self { extent: Extent::of(0), problem: None }
    }
}

impl Templates {
    /// Reads the table's first line.
    pub(super) fn warm(&self) -> u64 {
        self.known.keys().next().copied().map_or(0, u64::from)
    }
}

impl Known {
    /// Whether it is this one, sent again.
    fn is(&self, template: &Template<'_>) -> bool {
        matches!(self.compiled, Compiled::Options(_)) == template.is_options && *self.raw == *template.raw
    }
}

impl Read {
    fn count(&mut self, compiled: &Compiled, records: u32) {
        let add = |n: Option<u32>| n.and_then(|n| n.checked_add(records));
        self.extent.all = add(self.extent.all);
        if matches!(compiled, Compiled::Flows(_)) {
            self.extent.flows = add(self.extent.flows);
        }
    }
}

impl Session {
    /// Reads the sets of a message in order: a template counts for what follows it, and for what waited.
    pub(super) fn ingest_sets(
        &mut self,
        sets: Sets<'_>,
        clock: Clock,
        shared: &mut Shared,
        batch: &mut Batch,
    ) -> Read {
        let mut read = Read::default();
        for set in sets {
            let result = match set {
                Err(error) => Err(error),
                Ok(set) => self.ingest_set(&set, clock, shared, batch, &mut read),
            };
            if let Err(error) = result {
                self.counts.add_reason(Counter::Malformed, error.reason.as_str());
                read.problem.get_or_insert(error);
                if !matches!(error.reason, Reason::BadTemplate | Reason::BadTemplateId) {
                    read.extent = UNKNOWN;
                }
            }
        }
        read
    }

    fn ingest_set(
        &mut self,
        set: &Set<'_>,
        clock: Clock,
        shared: &mut Shared,
        batch: &mut Batch,
        read: &mut Read,
    ) -> Result<(), Error> {
        match set.kind() {
            SetKind::Template | SetKind::OptionsTemplate => {
                let mut first = Ok(());
                for template in set.templates() {
                    match template {
                        Ok(template) => self.define(&template, clock.received, shared, batch),
                        Err(error) if first.is_ok() => first = Err(error),
                        Err(error) => self.counts.add_reason(Counter::Malformed, error.reason.as_str()),
                    }
                }
                first
            }
            SetKind::Data(id) => {
                let Some(known) = self.templates.known.get(&id) else {
                    self.hold(id, set.body, clock, shared, batch);
                    read.extent = UNKNOWN;
                    return Ok(());
                };
                let compiled = known.compiled.clone();
                self.read_some(batch);
                let (records, problem) = self.ingest_data(&compiled, set.body, clock, shared, batch);
                if let Some(known) = self.templates.known.get_mut(&id) {
                    known.records = known.records.saturating_add(records.into());
                }
                read.count(&compiled, records);
                // Of a set whose end is missing, that is the one problem.
                problem.filter(|_| !set.is_cut).map_or(Ok(()), |error| {
                    Err(Error::new(error.reason, set.offset.saturating_add(error.offset)))
                })
            }
            SetKind::Reserved(_) => Err(Error::new(Reason::Unsupported, set.offset.saturating_sub(4))),
        }
    }

    /// Takes in a template, its replacement or its withdrawal, then what waited for it.
    fn define(&mut self, template: &Template<'_>, now: i64, shared: &mut Shared, batch: &mut Batch) {
        self.read_some(batch);
        if template.is_withdrawal() {
            return self.withdraw(template, batch);
        }
        let counter = if template.is_options { Counter::OptionsTemplates } else { Counter::Templates };
        self.counts.add(counter, 1);
        let room = self.templates.known.len() < shared.templates_max;
        match self.templates.known.get_mut(&template.id) {
            Some(known) if known.is(template) => {
                known.refreshed = now;
                return;
            }
            None if !room => return self.counts.add_reason(Counter::Evictions, "template"),
            _ => {}
        }
        let value = [&[u8::from(template.is_options)], &now.to_be_bytes()[..], template.raw].concat();
        memory::put(batch, &self.prefix, TEMPLATE, &template.id.to_be_bytes(), value);
        let compiled = Compiled::new(template, shared);
        let raw = template.raw.into();
        let known = Known { compiled: compiled.clone(), raw, defined: now, refreshed: now, records: 0 };
        if self.templates.known.insert(template.id, known).is_none() {
            self.release(template.id, &compiled, shared, batch);
        }
    }

    /// Forgets the template, or all of its kind (RFC 7011 §8.1).
    fn withdraw(&mut self, template: &Template<'_>, batch: &mut Batch) {
        let all = template.is_withdrawal_of_all();
        let prefix = &self.prefix;
        self.templates.known.retain(|id, known| {
            let withdrawn = (all && known.is_options() == template.is_options) || *id == template.id;
            if withdrawn {
                memory::forget(batch, prefix, TEMPLATE, &id.to_be_bytes());
            }
            !withdrawn
        });
    }

    /// Takes back a template that is remembered; false if it is none.
    pub(super) fn restore_template(&mut self, value: &[u8], protocol: Protocol, shared: &mut Shared) -> bool {
        let Some((is_options, value)) = value.split_first() else { return false };
        let Some((defined, raw)) = value.split_first_chunk() else { return false };
        let defined = i64::from_be_bytes(*defined);
        let dialect = if protocol == Protocol::Ipfix { Dialect::Ipfix } else { Dialect::V9 };
        let Some(template) = parse(*is_options == 1, raw, dialect) else { return false };
        if template.is_withdrawal() || self.templates.known.len() >= shared.templates_max {
            return false;
        }
        let compiled = Compiled::new(&template, shared);
        let known = Known { compiled, raw: raw.into(), defined, refreshed: defined, records: 0 };
        self.templates.known.insert(template.id, known);
        true
    }

    /// Puts a set aside until its template comes.
    fn hold(&mut self, id: u16, body: &[u8], clock: Clock, shared: &mut Shared, batch: &mut Batch) {
        let leads = matches!(self.fate, Fate::Open | Fate::GivenUp);
        let set = (id, clock, body, leads);
        match self.held.push(set, &mut shared.held, &self.prefix, batch) {
            Some(number) => {
                self.counts.add(Counter::Awaiting, 1);
                if leads {
                    self.counts.add(Counter::DatagramsHeld, 1);
                    self.fate = Fate::Waits(number);
                }
            }
            None => {
                self.counts.add(Counter::HeldDropped, 1);
                if self.fate == Fate::Open {
                    self.fate = Fate::GivenUp;
                }
            }
        }
    }

    /// Something of the datagram at hand is read: it does not wait with those of its sets that do.
    fn read_some(&mut self, batch: &mut Batch) {
        if let Fate::Waits(number) = std::mem::replace(&mut self.fate, Fate::Read)
            && self.held.follow(number, &self.prefix, batch)
        {
            self.counts.add(Counter::DatagramsHeld, -1);
        }
    }

    /// Reads the sets that waited for this template, as of the time they came.
    fn release(&mut self, id: u16, compiled: &Compiled, shared: &mut Shared, batch: &mut Batch) {
        for held in self.held.take(id, &mut shared.held, &self.prefix, batch) {
            self.counts.add(Counter::Awaiting, -1);
            self.counts.add(Counter::Released, 1);
            fate::release(&mut self.counts, held.leads.into());
            let (_, problem) = self.ingest_data(compiled, &held.body, held.clock, shared, batch);
            if let Some(error) = problem {
                self.counts.add_reason(Counter::Malformed, error.reason.as_str());
            }
        }
    }

    /// Reads a data set; returns how many records it held and what was wrong behind them.
    fn ingest_data(
        &mut self,
        compiled: &Compiled,
        body: &[u8],
        clock: Clock,
        shared: &mut Shared,
        batch: &mut Batch,
    ) -> (u32, Option<Error>) {
        let clock = Clock { init: self.init, ..clock };
        let (records, problem) = match compiled {
            Compiled::Options(plan) => self.ingest_options(plan, body, clock.received, batch),
            Compiled::Flows(plan) => self.ingest_flows(plan, body, clock, shared, batch),
        };
        (u32::try_from(records).unwrap_or(u32::MAX), problem)
    }
}
