//! What a session keeps of v9 and IPFIX: templates compiled, options, and data sets that came before their
//! template. Both protocols meet here; [`super::v9`] and [`super::ipfix`] hold what differs.

use super::clock::Clock;
use super::gather::Records;
use super::hold::Held;
use super::plan::{Plan, Side};
use super::rows::{self, Origin, STAMPED};
use super::sequence::Extent;
use super::{Session, Shared, options};
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

/// The templates of one session, by id: one name space for both kinds, the last definition wins (RFC 7011 §8).
#[derive(Debug, Default)]
pub(super) struct Templates {
    compiled: HashMap<u16, Compiled, foldhash::fast::RandomState>,
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
                let Some(compiled) = self.templates.compiled.get(&id).cloned() else {
                    self.hold(id, set.body, clock, shared);
                    read.extent = UNKNOWN;
                    return Ok(());
                };
                let (records, problem) = self.ingest_data(&compiled, set.body, clock, shared, batch);
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
    fn define(&mut self, template: &Template<'_>, shared: &mut Shared, batch: &mut Batch) {
        if template.is_withdrawal() {
            let all = template.is_withdrawal_of_all();
            self.templates.compiled.retain(|id, compiled| {
                let same_kind = matches!(compiled, Compiled::Options(_)) == template.is_options;
                !(same_kind && all) && (all || *id != template.id)
            });
            return;
        }
        let (counter, compiled) = if template.is_options {
            (Counter::OptionsTemplates, Compiled::Options(Arc::new(options::Plan::compile(template))))
        } else {
            (Counter::Templates, Compiled::Flows(Arc::new(Plan::compile(template))))
        };
        self.counts.add(counter, 1);
        let known = self.templates.compiled.contains_key(&template.id);
        if !known && self.templates.compiled.len() >= TEMPLATES_MAX {
            self.counts.add_reason(Counter::Evictions, "template");
            return;
        }
        self.templates.compiled.insert(template.id, compiled.clone());
        if !known {
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
            batch.pad_column(mv.column, base);
            records.append(mv.place, batch.values_mut(mv.column));
        }
        for mv in &side.overlays {
            records.overlay(mv.place, base, batch.values_mut(mv.column));
        }
        for (place, column) in
            [(side.octets, Column::MeasuredOctets), (side.packets, Column::MeasuredPackets)]
        {
            if let Some(place) = place {
                batch.pad_column(column, base);
                records.append(place, batch.values_mut(column));
            }
        }
        self.settle_firewall(plan, side, records, base, batch);
        icmp(plan, side, records, base, scratch, batch);
        rows::stamp(batch, base, origin);
        scratch.times(plan, records);
        rows::times(batch, base, &origin.clock, &mut self.counts, |i| scratch.said(plan, &origin.clock, i));
        if self.sampling.is_per_record(plan) {
            let ingress = batch.u32s(Column::IngressIf).get(base..).unwrap_or_default();
            let intervals = self.sampling.per_record(plan, records, ingress);
            rows::scale(batch, base, &mut self.counts, |i| intervals.get(i).copied().flatten());
        } else {
            let interval = self.sampling.uniform(None);
            rows::scale(batch, base, &mut self.counts, |_| interval);
        }
    }

    /// Of a firewall's events, counts each octet once.
    fn settle_firewall(
        &mut self,
        plan: &Plan,
        side: &Side,
        records: Records<'_>,
        base: usize,
        batch: &mut Batch,
    ) {
        let Some((event, connection)) = plan.firewall.filter(|_| side.octets.is_some()) else { return };
        let (mut events, mut connections) = (Vec::new(), Vec::new());
        records.unsigned(event, &mut events, |x| x);
        records.unsigned(connection, &mut connections, |x| x);
        let back = plan.forward.octets != side.octets;
        let forgotten = self.firewall.settle(&events, &connections, back, base, batch);
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
        let column = |place: Option<_>| {
            let mut values: Vec<u64> = Vec::new();
            if let Some(place) = place {
                records.unsigned(place, &mut values, |x| x);
            }
            values
        };
        let (octets, packets) = (column(side.octets), column(side.packets));
        let carries = |v: &[u64], i: usize| v.get(i).is_some_and(|x| *x > 0);
        let keep: Vec<bool> =
            (0..records.len()).map(|i| carries(&octets, i) || carries(&packets, i)).collect();
        if !keep.contains(&true) {
            return;
        }
        let base = batch.len();
        self.append_side(plan, side, records, origin, scratch, batch);
        let dropped = keep.iter().filter(|kept| !**kept).count();
        if dropped > 0 {
            batch.seal();
            self.counts.add(Counter::Flows, -i64::try_from(dropped).unwrap_or_default());
            let unknown = (base..batch.len())
                .zip(&keep)
                .filter(|(row, kept)| !**kept && !batch.is_present(*row, Column::SamplingInterval))
                .count();
            self.counts.add(Counter::UnknownSamplingRecords, -i64::try_from(unknown).unwrap_or_default());
            batch.retain_from(base, &keep);
        }
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
        batch.pad_column(column, base);
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
        let time = |form: Option<super::clock::Form>, raw: &[u64]| clock.time(form?, *raw.get(i)?);
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
