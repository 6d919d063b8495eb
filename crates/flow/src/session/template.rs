//! What a session keeps of v9 and IPFIX: templates compiled, options, and data sets that came before their
//! template. Both protocols meet here; [`super::v9`] and [`super::ipfix`] hold what differs.

use super::clock::{Clock, Form};
use super::gather::Records;
use super::hold::Held;
use super::plan::{Plan, Side};
use super::rows::{self, Origin, STAMPED};
use super::sequence::Extent;
use super::{Session, Shared, options, sampling};
use crate::Batch;
use crate::health::Counter;
use crate::schema::Column;
use hashbrown::HashMap;
use std::sync::Arc;
use weir_wire::template::{Set, SetKind, Sets, Template};
use weir_wire::{Error, Reason};

/// Templates kept per session. Routers define some dozens; a firewall with an application catalogue some
/// hundreds.
const TEMPLATES_MAX: usize = 2048;

/// A template in the form its data sets are read with.
#[derive(Debug, Clone)]
enum Compiled {
    Flows(Arc<Plan>),
    Options(Arc<options::Plan>),
}

/// A template that is known.
#[derive(Debug)]
struct Known {
    compiled: Compiled,
    /// As it was sent: the same again is no news.
    raw: Box<[u8]>,
}

/// The templates of one session, by id: one name space for both kinds, the last definition wins (RFC 7011 §8).
#[derive(Debug, Default)]
pub(super) struct Templates {
    known: HashMap<u16, Known, foldhash::fast::RandomState>,
}

/// Room reused from set to set.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    dense: Vec<u8>,
    start: Vec<u64>,
    end: Vec<u64>,
    duration: Vec<u64>,
    init: Vec<u64>,
    icmp: Vec<u16>,
    sampling: sampling::Scratch,
    events: Vec<u64>,
    connections: Vec<u64>,
    reverse: [Vec<u64>; 2],
    keep: Vec<bool>,
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
                        Ok(template) => self.define(&template, shared, batch),
                        Err(error) if first.is_ok() => first = Err(error),
                        Err(error) => self.counts.add_reason(Counter::Malformed, error.reason.as_str()),
                    }
                }
                first
            }
            SetKind::Data(id) => {
                let Some(compiled) = self.templates.known.get(&id).map(|known| known.compiled.clone()) else {
                    self.hold(id, set.body, clock, shared);
                    read.extent = UNKNOWN;
                    return Ok(());
                };
                let (records, problem) = self.ingest_data(&compiled, set.body, clock, shared, batch);
                read.count(&compiled, records);
                problem.map_or(Ok(()), |error| {
                    Err(Error::new(error.reason, set.offset.saturating_add(error.offset)))
                })
            }
            SetKind::Reserved(_) => Err(Error::new(Reason::Unsupported, set.offset.saturating_sub(4))),
        }
    }

    /// Takes in a template, its replacement or its withdrawal, then what waited for it.
    fn define(&mut self, template: &Template<'_>, shared: &mut Shared, batch: &mut Batch) {
        if template.is_withdrawal() {
            let all = template.is_withdrawal_of_all();
            self.templates.known.retain(|id, known| {
                let same_kind = matches!(known.compiled, Compiled::Options(_)) == template.is_options;
                !(same_kind && all) && (all || *id != template.id)
            });
            return;
        }
        let counter = if template.is_options { Counter::OptionsTemplates } else { Counter::Templates };
        self.counts.add(counter, 1);
        let room = self.templates.known.len() < TEMPLATES_MAX;
        let known = self.templates.known.get(&template.id);
        match known {
            Some(known) if known.is(template) => return,
            None if !room => return self.counts.add_reason(Counter::Evictions, "template"),
            _ => {}
        }
        let is_new = known.is_none();
        let compiled = if template.is_options {
            Compiled::Options(Arc::new(options::Plan::compile(template)))
        } else {
            Compiled::Flows(shared.shelf.plan(template))
        };
        let known = Known { compiled: compiled.clone(), raw: template.raw.into() };
        self.templates.known.insert(template.id, known);
        if is_new {
            self.release(template.id, &compiled, shared, batch);
        }
    }

    /// Puts a set aside until its template comes.
    fn hold(&mut self, id: u16, body: &[u8], clock: Clock, shared: &mut Shared) {
        let held = Held { id, clock, body: body.into() };
        if self.held.push(held, &mut shared.held_bytes, shared.held_bytes_max) {
            self.counts.add(Counter::Awaiting, 1);
        } else {
            self.counts.add(Counter::HeldDropped, 1);
        }
    }

    /// Reads the sets that waited for this template, as of the time they came.
    fn release(&mut self, id: u16, compiled: &Compiled, shared: &mut Shared, batch: &mut Batch) {
        for held in self.held.take(id, &mut shared.held_bytes) {
            self.counts.add(Counter::Awaiting, -1);
            self.counts.add(Counter::Released, 1);
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
            Compiled::Options(plan) => self.ingest_options(plan, body),
            Compiled::Flows(plan) => {
                let mut scratch = std::mem::take(&mut shared.scratch);
                let mut dense = std::mem::take(&mut scratch.dense);
                let origin = self.origin(clock);
                let read = plan.records(body, &mut dense, |records| {
                    self.append_side(plan, &plan.forward, records, &origin, &mut scratch, batch);
                    if let Some(side) = &plan.reverse {
                        self.append_reverse(plan, side, records, &origin, &mut scratch, batch);
                    }
                    records.len()
                });
                scratch.dense = dense;
                shared.scratch = scratch;
                self.counts.add_len(Counter::Records, read.0);
                if plan.event.is_some() {
                    self.counts.add_len(Counter::Events, read.0);
                }
                read
            }
        };
        (u32::try_from(records).unwrap_or(u32::MAX), problem)
    }

    fn ingest_options(&mut self, plan: &options::Plan, body: &[u8]) -> (usize, Option<Error>) {
        let mut records = 0;
        let problem = plan.records(body, |record| {
            records += 1;
            if !self.sampling.learn(record.sampling) {
                self.counts.add_reason(Counter::Evictions, "sampler");
            }
            if let Some(init) = record.init.and_then(|ms| i64::try_from(ms).ok()) {
                self.init = Some(init);
            }
        });
        self.counts.add_len(Counter::OptionsRecords, records);
        (records, problem)
    }

    /// Appends one direction of a data set's flows, column by column.
    fn append_side(
        &mut self,
        plan: &Plan,
        side: &Side,
        records: Records<'_>,
        origin: &Origin,
        scratch: &mut Scratch,
        batch: &mut Batch,
    ) {
        let mut mask = side.mask | STAMPED;
        for (place, column) in
            [(side.octets, Column::MeasuredOctets), (side.packets, Column::MeasuredPackets)]
        {
            mask |= place.map_or(0, |_| column.bit());
        }
        let base = batch.extend_rows(records.len(), mask);
        for mv in &side.moves {
            records.append(mv.place, batch.open(mv.column, base));
        }
        for mv in &side.overlays {
            records.overlay(mv.place, base, batch.values_mut(mv.column));
        }
        for (place, column) in
            [(side.octets, Column::MeasuredOctets), (side.packets, Column::MeasuredPackets)]
        {
            if let Some(place) = place {
                records.append(place, batch.open(column, base));
            }
        }
        self.settle_firewall(plan, side, records, base, scratch, batch);
        icmp(plan, side, records, base, scratch, batch);
        rows::stamp(batch, base, origin);
        if !spans(plan, records, base, &origin.clock, batch) {
            scratch.times(plan, records);
            let said = (0..records.len()).map(|i| scratch.said(plan, &origin.clock, i));
            rows::times(batch, base, &origin.clock, &mut self.counts, said);
        }
        if self.sampling.is_per_record(plan) {
            let has_ingress = side.mask & Column::IngressIf.bit() != 0;
            let ingress = if has_ingress { batch.u32s(Column::IngressIf) } else { &[] };
            let ingress = ingress.get(base..).unwrap_or_default();
            let intervals = self.sampling.per_record(plan, records, ingress, &mut scratch.sampling);
            rows::scale_each(batch, base, &mut self.counts, intervals);
        } else {
            rows::scale(batch, base, &mut self.counts, self.sampling.uniform(None));
        }
    }

    /// Of a firewall's events, counts each octet once.
    fn settle_firewall(
        &mut self,
        plan: &Plan,
        side: &Side,
        records: Records<'_>,
        base: usize,
        scratch: &mut Scratch,
        batch: &mut Batch,
    ) {
        let Some((event, connection)) = plan.firewall.filter(|_| side.octets.is_some()) else { return };
        let Scratch { events, connections, .. } = scratch;
        for (place, values) in [(event, &mut *events), (connection, &mut *connections)] {
            values.clear();
            records.unsigned(place, values, |x| x);
        }
        let back = plan.forward.octets != side.octets;
        let forgotten = self.firewall.settle(events, connections, back, base, batch);
        for _ in 0..forgotten {
            self.counts.add_reason(Counter::Evictions, "connection");
        }
    }

    /// Appends the way back, of those flows that have one.
    fn append_reverse(
        &mut self,
        plan: &Plan,
        side: &Side,
        records: Records<'_>,
        origin: &Origin,
        scratch: &mut Scratch,
        batch: &mut Batch,
    ) {
        let mut keep = std::mem::take(&mut scratch.keep);
        keep.clear();
        keep.resize(records.len(), false);
        for (place, values) in [side.octets, side.packets].into_iter().zip(&mut scratch.reverse) {
            let Some(place) = place else { continue };
            values.clear();
            records.unsigned(place, values, |x| x);
            for (kept, value) in keep.iter_mut().zip(values) {
                *kept |= *value > 0;
            }
        }
        if keep.contains(&true) {
            self.append_kept(plan, side, records, origin, &keep, scratch, batch);
        }
        scratch.keep = keep;
    }

    #[expect(clippy::too_many_arguments, reason = "what a side is read with, and which rows of it stay")]
    fn append_kept(
        &mut self,
        plan: &Plan,
        side: &Side,
        records: Records<'_>,
        origin: &Origin,
        keep: &[bool],
        scratch: &mut Scratch,
        batch: &mut Batch,
    ) {
        let base = batch.len();
        self.append_side(plan, side, records, origin, scratch, batch);
        let dropped = keep.iter().filter(|kept| !**kept).count();
        if dropped > 0 {
            batch.seal();
            self.counts.add(Counter::Flows, -i64::try_from(dropped).unwrap_or_default());
            let unknown = (base..batch.len())
                .zip(keep)
                .filter(|(row, kept)| !**kept && !batch.is_present(*row, Column::SamplingInterval))
                .count();
            self.counts.add(Counter::UnknownSamplingRecords, -i64::try_from(unknown).unwrap_or_default());
            batch.retain_from(base, keep);
        }
    }
}

/// Start and end, where both are said in one of the usual ways and make sense; false where they are to be looked
/// at one by one.
fn spans(plan: &Plan, records: Records<'_>, base: usize, clock: &Clock, batch: &mut Batch) -> bool {
    let (Some((form, start)), Some((end_form, end))) = (plan.start, plan.end) else { return false };
    if form != end_form || start.width != end.width {
        return false;
    }
    let (start, end) = (start.offset, end.offset);
    match (form, plan.start.map_or(0, |(_, place)| place.width)) {
        (Form::Uptime, 4) => clock.uptimes().is_some_and(|time| {
            let read = |at| records.fields(at).map(|octets| time(u32::from_be_bytes(octets)));
            rows::spans(batch, base, clock, read(start), read(end))
        }),
        // What does not fit is negative, and looked at again.
        (Form::Millis, 8) => {
            let read = |at| records.fields(at).map(i64::from_be_bytes);
            rows::spans(batch, base, clock, read(start), read(end))
        }
        (Form::Seconds, 4) => {
            let read = |at| records.fields(at).map(|octets| i64::from(u32::from_be_bytes(octets)) * 1000);
            rows::spans(batch, base, clock, read(start), read(end))
        }
        _ => false,
    }
}

/// Type and code from one number (elements 32 and 139), where the record has no separate ones.
fn icmp(
    plan: &Plan,
    side: &Side,
    records: Records<'_>,
    base: usize,
    scratch: &mut Scratch,
    batch: &mut Batch,
) {
    let Some(place) = plan.icmp else { return };
    if side.mask & Column::IcmpType.bit() != 0 {
        return;
    }
    scratch.icmp.clear();
    records.unsigned(place, &mut scratch.icmp, |x| u16::try_from(x).unwrap_or(u16::MAX));
    for column in [Column::IcmpType, Column::IcmpCode] {
        batch.open(column, base);
    }
    for pair in &scratch.icmp {
        let [kind, code] = pair.to_be_bytes();
        batch.u8s_mut(Column::IcmpType).push(kind);
        batch.u8s_mut(Column::IcmpCode).push(code);
    }
    for mask in batch.present_mut().iter_mut().skip(base) {
        *mask |= Column::IcmpType.bit() | Column::IcmpCode.bit();
    }
}

impl Scratch {
    /// Gathers what the records say of time.
    fn times(&mut self, plan: &Plan, records: Records<'_>) {
        let pairs = [
            (&mut self.start, plan.start.map(|s| s.1)),
            (&mut self.end, plan.end.map(|e| e.1)),
            (&mut self.duration, plan.duration),
            (&mut self.init, plan.init),
        ];
        for (column, place) in pairs {
            column.clear();
            if let Some(place) = place {
                records.unsigned(place, column, |x| x);
            }
        }
    }

    /// Start and end of record `i`; of one end and the duration the other follows.
    #[inline]
    fn said(&self, plan: &Plan, clock: &Clock, i: usize) -> (Option<i64>, Option<i64>) {
        let mut clock = *clock;
        if let Some(init) = self.init.get(i) {
            clock.init = i64::try_from(*init).ok();
        }
        let time = |form: Option<Form>, raw: &[u64]| clock.time(form?, *raw.get(i)?);
        let start = time(plan.start.map(|s| s.0), &self.start);
        let end = time(plan.end.map(|e| e.0), &self.end);
        let duration = || i64::try_from(*self.duration.get(i)?).ok();
        match (start, end) {
            (Some(start), None) => {
                (Some(start), duration().and_then(|d| start.checked_add(d)).or(Some(start)))
            }
            (None, Some(end)) => (duration().and_then(|d| end.checked_sub(d)).or(Some(end)), Some(end)),
            both => both,
        }
    }
}
