//! Reads data sets by their compiled template: one loop a column, then what columns owe each other.

use super::clock::{Clock, Form};
use super::gather::{Place, Records};
use super::plan::{At, Dense, Event, Move, Plan, Side};
use super::rows::{self, Origin, STAMPED};
use super::sampling::{self, Sampling};
use super::total::Scheme;
use super::{Session, Shared, name, text};
use crate::health::Counter;
use crate::names;
use crate::schema::Column;
use crate::{Batch, Bytes, Values};
use weir_wire::Error;

/// Room reused from set to set.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    dense: Dense,
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

/// The counters of a side, with their columns.
fn counters(side: &Side) -> [(Option<Place>, Column); 2] {
    [(side.octets, Column::MeasuredOctets), (side.packets, Column::MeasuredPackets)]
}

impl Session {
    pub(super) fn ingest_flows(
        &mut self,
        plan: &Plan,
        body: &[u8],
        clock: Clock,
        shared: &mut Shared,
        batch: &mut Batch,
    ) -> (usize, Option<Error>) {
        let mut scratch = std::mem::take(&mut shared.scratch);
        let mut dense = std::mem::take(&mut scratch.dense);
        let origin = self.origin(clock);
        let read = plan.records(body, &mut dense, |records, dense| {
            let base = batch.len();
            self.append_side(plan, &plan.forward, records, dense, &origin, (&mut scratch, shared), batch);
            self.append_other(plan, records, dense, base, batch);
            if let Some(side) = &plan.reverse {
                self.append_reverse(plan, side, records, dense, &origin, (&mut scratch, shared), batch);
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

    /// Appends one direction of a data set's flows, column by column.
    #[expect(clippy::too_many_arguments, reason = "the parts of one data set, each another's to lend")]
    fn append_side(
        &mut self,
        plan: &Plan,
        side: &Side,
        records: Records<'_>,
        dense: &Dense,
        origin: &Origin,
        (scratch, shared): (&mut Scratch, &mut Shared),
        batch: &mut Batch,
    ) {
        let measured = counters(side).into_iter().filter_map(|(place, column)| Some((place?, column)));
        let mask = measured.clone().fold(side.mask | STAMPED, |mask, (_, column)| mask | column.bit());
        let base = batch.extend_rows(records.len(), mask);
        for mv in &side.moves {
            records.append(mv.place, batch.open(mv.column, base));
            if mv.shift > 0
                && let Values::U32(values) = batch.values_mut(mv.column)
            {
                values.iter_mut().skip(base).for_each(|value| *value >>= mv.shift);
            }
        }
        for mv in &side.overlays {
            records.overlay(mv.place, base, batch.values_mut(mv.column));
        }
        for (place, column) in measured {
            records.append(place, batch.open(column, base));
        }
        self.settle_firewall(plan, side, records, base, (scratch, shared), batch);
        self.settle_totals(plan, side, records, base, shared, batch);
        icmp(plan, side, records, base, scratch, batch);
        if plan.is_variable() {
            forget_unknown(plan, side, dense, base, batch);
        }
        event(plan, records, base, batch);
        self.append_texts(plan, records, dense, base, batch);
        rows::stamp(batch, base, origin);
        if !spans(plan, records, base, &origin.clock, batch) {
            scratch.times(plan, records);
            let said = (0..records.len()).map(|i| scratch.said(plan, &origin.clock, i));
            rows::times(batch, base, &origin.clock, &mut self.counts, said);
        }
        self.scale(plan, side, records, base, (scratch, origin.clock.received), batch);
    }

    /// Scales by what is known of sampling, and takes note of what is not.
    fn scale(
        &mut self,
        plan: &Plan,
        side: &Side,
        records: Records<'_>,
        base: usize,
        (scratch, now): (&mut Scratch, i64),
        batch: &mut Batch,
    ) {
        let mut unknown = false;
        if self.sampling.is_per_record(plan) {
            let has_ingress = side.mask & Column::IngressIf.bit() != 0;
            let ingress = if has_ingress { batch.u32s(Column::IngressIf) } else { &[] };
            let ingress = ingress.get(base..).unwrap_or_default();
            let intervals = self.sampling.per_record(plan, records, ingress, &mut scratch.sampling);
            unknown |= intervals.iter().any(|interval| Sampling::is_open(*interval));
            rows::scale_each(batch, base, &mut self.counts, intervals);
        } else {
            let interval = self.sampling.uniform(None);
            unknown |= Sampling::is_open(interval);
            rows::scale(batch, base, &mut self.counts, interval);
        }
        if unknown {
            self.note_unknown(plan, base, now, batch);
        }
    }

    /// Appends text columns, and applications by their names.
    fn append_texts(
        &mut self,
        plan: &Plan,
        records: Records<'_>,
        dense: &Dense,
        base: usize,
        batch: &mut Batch,
    ) {
        let each = |at: At, push: &mut dyn FnMut(&[u8])| match at {
            At::Place(place) => records.octets(place).for_each(push),
            At::Strings(list) => dense.strings.get(list).into_iter().flat_map(Bytes::iter).for_each(push),
        };
        for wanted in &plan.texts {
            let Values::Bytes(column) = batch.open(wanted.column, base) else { continue };
            each(wanted.at, &mut |octets| text::push(column, octets));
            text::mark(batch, wanted.column, base);
        }
        let Some(at) = plan.application else { return };
        let Values::Bytes(column) = batch.open(Column::Application, base) else { return };
        each(at, &mut |id| name::push_application(&self.names, id, column));
        text::mark(batch, Column::Application, base);
    }

    /// Appends the elements that no column holds to the rows from `base` on.
    fn append_other(
        &mut self,
        plan: &Plan,
        records: Records<'_>,
        dense: &Dense,
        base: usize,
        batch: &mut Batch,
    ) {
        if !self.keeps_other || (plan.rest.is_empty() && !plan.is_variable()) {
            return;
        }
        let Values::Bytes(column) = batch.open(Column::Other, base) else { return };
        if plan.is_variable() {
            self.append_opened(plan, &dense.other, column);
        } else if plan.has_lists {
            let mut runs = Bytes::new();
            plan.rest.append(records, &mut runs);
            self.append_opened(plan, &runs, column);
        } else {
            plan.rest.append(records, column);
        }
        text::mark(batch, Column::Other, base);
    }

    /// Of a firewall's events, counts each octet once.
    fn settle_firewall(
        &mut self,
        plan: &Plan,
        side: &Side,
        records: Records<'_>,
        base: usize,
        (scratch, shared): (&mut Scratch, &mut Shared),
        batch: &mut Batch,
    ) {
        let (Some(Event::Firewall(event)), Some(connection)) = (plan.event, plan.connection) else { return };
        if side.octets.is_none() {
            return;
        }
        let Scratch { events, connections, .. } = scratch;
        for (place, values) in [(event, &mut *events), (connection, &mut *connections)] {
            values.clear();
            records.unsigned(place, values, |x| x);
        }
        let owner = self.owner(plan.forward.octets != side.octets);
        let forgotten = shared.firewall.settle(events, connections, owner, base, batch);
        for _ in 0..forgotten {
            self.counts.add_reason(Counter::Evictions, "connection");
        }
    }

    /// Of totals that are reported again and again, counts each octet once.
    fn settle_totals(
        &mut self,
        plan: &Plan,
        side: &Side,
        records: Records<'_>,
        base: usize,
        shared: &mut Shared,
        batch: &mut Batch,
    ) {
        let [octets, packets] = side.is_total;
        if !octets && !packets {
            return;
        }
        let owner = self.owner(plan.forward.octets != side.octets);
        let (identity, end_reason) = (&*plan.identity, plan.end_reason);
        let scheme = Scheme { identity, end_reason, octets, packets, owner };
        let forgotten = shared.totals.settle(&scheme, records, base, batch);
        for _ in 0..forgotten {
            self.counts.add_reason(Counter::Evictions, "flow_total");
        }
    }

    /// Stands for this session and one of the two directions of its flows.
    fn owner(&self, back: bool) -> u64 {
        self.tag ^ u64::from(back)
    }

    /// Appends the way back, of those flows that have one.
    #[expect(clippy::too_many_arguments, reason = "as append_side")]
    fn append_reverse(
        &mut self,
        plan: &Plan,
        side: &Side,
        records: Records<'_>,
        dense: &Dense,
        origin: &Origin,
        (scratch, shared): (&mut Scratch, &mut Shared),
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
            let base = batch.len();
            self.append_side(plan, side, records, dense, origin, (scratch, shared), batch);
            self.retain(base, &keep, batch);
        }
        scratch.keep = keep;
    }

    /// Takes rows from `base` on away again, and out of the counts.
    fn retain(&mut self, base: usize, keep: &[bool], batch: &mut Batch) {
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

/// Takes away what was sent in a length that no number has: it is unknown, not zero.
fn forget_unknown(plan: &Plan, side: &Side, dense: &Dense, base: usize, batch: &mut Batch) {
    for (record, offset) in &dense.unknown {
        // The code comes from the number that holds both, where there is one.
        let is_code = |mv: &&Move| plan.icmp.is_some() && mv.column == Column::IcmpCode;
        let moved = side.moves.iter().filter(|mv| !is_code(mv)).map(|mv| (mv.place, mv.column.bit()));
        let measured = counters(side).into_iter().filter_map(|(place, column)| Some((place?, column.bit())));
        let icmp = plan.icmp.map(|place| (place, Column::IcmpType.bit() | Column::IcmpCode.bit()));
        let columns = moved.chain(measured).chain(icmp);
        let bits = columns.filter(|(place, _)| place.offset == *offset).fold(0, |all, (_, bit)| all | bit);
        if let Some(mask) = batch.present_mut().get_mut(base + record) {
            *mask &= !bits;
        }
    }
}

/// What a firewall or a translator reports, in words.
fn event(plan: &Plan, records: Records<'_>, base: usize, batch: &mut Batch) {
    let Some(event) = plan.event else { return };
    batch.open(Column::Event, base);
    let (place, word): (_, fn(u64) -> Option<names::Event>) = match event {
        Event::Firewall(place) => (place, names::Event::of_firewall),
        Event::Translator(place) => (place, names::Event::of_translator),
    };
    for (i, octets) in records.octets(place).enumerate() {
        let word = weir_wire::value::unsigned(octets).and_then(word);
        batch.u8s_mut(Column::Event).push(word.map_or(0, names::Event::code));
        if word.is_some()
            && let Some(mask) = batch.present_mut().get_mut(base + i)
        {
            *mask |= Column::Event.bit();
        }
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
