//! Whose rows are, decided again, after the operator was wrong about it.
//!
//! The store does not know whose an address is: whoever asks brings a function that attributes the rows of a batch,
//! the one that attributed them when they came. Every unit that holds rows of the time is written anew (`rewrite`), with
//! its accounts, and all of them take the place of the old ones by *one* line of the manifest: before it everything
//! is as it was, after it everything is as it should have been. What was written before a crash is no part of the store,
//! and is removed by the next writer. Done again, nothing changes: rows are compared, not believed.

use crate::manifest::{Line, Rebuild, Replace, SegmentFile};
use crate::rewrite::{Change, Rewrite};
use crate::segment::Reader;
use crate::writer::Writer;
use crate::{Error, Snapshot};
use std::collections::BTreeMap;
use std::ops::Range;
use weir_flow::batch::Value;
use weir_flow::health::Row;
use weir_flow::schema::{COLUMNS, Definition, Kind};
use weir_flow::time::bin;
use weir_flow::{Batch, Column};

/// The columns that say whose a row is: all names are the operator's.
fn attributed() -> Vec<Column> {
    let is_one = |definition: &&Definition| {
        matches!(definition.kind, Kind::Name) || matches!(definition.column, Column::Direction | Column::Host)
    };
    COLUMNS.iter().filter(is_one).map(|definition| definition.column).collect()
}

/// What is to be attributed again.
pub struct Reattribution<'a> {
    /// Rows that start in this range, ms since 1970.
    pub range: Range<i64>,
    /// Spans whose accounts must stay as they are, ms since 1970: rows that have a part there are left alone.
    pub closed: Vec<Range<i64>>,
    /// Sets direction, tenant, peer tenant, host and class of all rows of a batch, or takes them away, and its names. It
    /// decides row by row.
    pub attribute: &'a dyn Fn(&mut Batch),
}

/// Whose a row is.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Account {
    /// The word of its direction; `None` if it has none.
    pub direction: Option<&'static str>,
    /// Its tenant; of local traffic the source's.
    pub tenant: Option<String>,
    /// Of local traffic, the destination's.
    pub peer: Option<String>,
    /// Of traffic with the outside, its class, where there are classes.
    pub class: Option<String>,
}

/// What went from one account to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// Whose it was.
    pub from: Account,
    /// Whose it is.
    pub to: Account,
    /// Octets, sampling undone.
    pub octets: u128,
    /// Packets, sampling undone.
    pub packets: u128,
    /// Flow records.
    pub flows: u64,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reattributed {
    /// Rows that were looked at.
    pub rows: u64,
    /// Rows that changed.
    pub changed: u64,
    /// Rows that would have changed and have a part in a closed span, and their octets.
    pub left: (u64, u128),
    /// What went from whom to whom. Rows that changed their host only are not in it.
    pub moves: Vec<Move>,
    /// Segments and files of accounts that were written anew.
    pub files: u64,
    /// Before this instant, ms since 1970, there are rows of the time whose accounts cannot be computed again, because
    /// others that are in the same accounts were given up. Then nothing was changed.
    pub stuck_before: Option<i64>,
}

/// Octets, packets and flows.
type Sums = (u128, u128, u64);

/// It as what changes the rows of units.
struct Attribute<'a> {
    order: &'a Reattribution<'a>,
    columns: Vec<Column>,
    moves: BTreeMap<(Account, Account), Sums>,
    done: Reattributed,
}

impl Reattribution<'_> {
    /// What would change in a store as it is now; nothing is written.
    ///
    /// # Errors
    /// A file of the store cannot be read.
    pub fn preview(&self, snapshot: &Snapshot) -> Result<Reattributed, Error> {
        let mut attribute = Attribute::new(self);
        let overlaps = |first: i64, last: i64| first < self.range.end && last >= self.range.start;
        for segment in snapshot.segments.iter().filter(|s| overlaps(s.start_min, s.start_max)) {
            let reader = segment.open()?;
            for group in 0..reader.row_groups().len() {
                attribute.change(&mut reader.read_all(group, u64::MAX)?, &mut Vec::new());
            }
        }
        for entry in snapshot.tail.iter().filter(|e| e.rows > 0 && overlaps(e.start_min, e.start_max)) {
            attribute.change(&mut entry.read(u64::MAX)?, &mut Vec::new());
        }
        Ok(attribute.finish())
    }

    /// Whether a row is not to be touched, because accounts of a closed span would change.
    fn is_closed(&self, start_ms: i64, end_ms: i64) -> bool {
        let (first, end) = (bin(start_ms), end_ms.max(start_ms.saturating_add(1)));
        self.closed.iter().any(|span| first < span.end && end > span.start)
    }
}

impl<'a> Attribute<'a> {
    fn new(order: &'a Reattribution<'a>) -> Self {
        Self { order, columns: attributed(), moves: BTreeMap::new(), done: Reattributed::default() }
    }

    fn finish(self) -> Reattributed {
        let moves = self.moves.into_iter().map(|((from, to), (octets, packets, flows))| Move {
            from,
            to,
            octets,
            packets,
            flows,
        });
        Reattributed { moves: moves.collect(), ..self.done }
    }

    /// Takes in a row that changed.
    fn moved(&mut self, before: &Batch, after: &Batch, row: usize) {
        self.done.changed += 1;
        let (from, to) = (Account::of(before, row), Account::of(after, row));
        if from == to {
            return;
        }
        let (octets, packets, flows) = self.moves.entry((from, to)).or_default();
        *octets += amount(before, row, Column::Octets);
        *packets += amount(before, row, Column::Packets);
        *flows += 1;
    }
}

impl Change for Attribute<'_> {
    fn may_concern(&self, entry: &SegmentFile, _: &Reader) -> bool {
        concerns(&self.order.range, entry)
    }

    fn change(&mut self, batch: &mut Batch, _: &mut Vec<Row>) -> usize {
        let (starts, ends) = (batch.times(Column::Start), batch.times(Column::End));
        let rows = starts.iter().zip(ends).zip(0u32..);
        let (mut asked, mut others) = (Vec::new(), Vec::new());
        for ((start_ms, end_ms), row) in rows {
            match self.order.range.contains(start_ms) {
                true => asked.push((row, self.order.is_closed(*start_ms, *end_ms))),
                false => others.push(row),
            }
        }
        self.done.rows += asked.len() as u64;
        let places: Vec<u32> = asked.iter().map(|(row, _)| *row).collect();
        let before = batch.gather(&places);
        let mut after = before.clone();
        (self.order.attribute)(&mut after);
        after.seal();
        let (mut taken, mut changed) = (Vec::new(), 0);
        for ((row, is_closed), at) in asked.into_iter().zip(0u32..) {
            let place = at as usize;
            let is_same = self.columns.iter().all(|c| before.get(place, *c) == after.get(place, *c));
            if is_same {
                others.push(row);
            } else if is_closed {
                self.done.left.0 += 1;
                self.done.left.1 += amount(&before, place, Column::Octets);
                others.push(row);
            } else {
                self.moved(&before, &after, place);
                changed += 1;
                taken.push(at);
            }
        }
        if changed > 0 {
            *batch = batch.gather(&others);
            batch.append(&after.gather(&taken));
        }
        changed
    }
}

/// Whether a segment may hold rows that start in this range.
fn concerns(range: &Range<i64>, entry: &SegmentFile) -> bool {
    entry.start.0 < range.end && entry.start.1 >= range.start
}

/// A number of a row; an unknown one adds nothing.
fn amount(batch: &Batch, row: usize, column: Column) -> u128 {
    match batch.get(row, column) {
        Some(Value::Unsigned(amount)) => amount.into(),
        _ => 0,
    }
}

impl Account {
    fn of(batch: &Batch, row: usize) -> Self {
        let name = |column| match batch.get(row, column) {
            Some(Value::Name(name)) => Some(name.to_owned()),
            _ => None,
        };
        let direction = match batch.get(row, Column::Direction) {
            Some(Value::Word(word)) => Some(word),
            _ => None,
        };
        let [tenant, peer, class] = [Column::Tenant, Column::PeerTenant, Column::Class].map(name);
        Self { direction, tenant, peer, class }
    }
}

impl Writer {
    /// Attributes rows again. Everything journaled is sealed first, and late sampling intervals are brought to their
    /// rows. When all is written and nothing is changed yet, `agree` is asked with what will have changed; if it says
    /// no, or if nothing changes, the store stays as it is.
    ///
    /// # Errors
    /// The disk refuses, or a file that holds rows of the time is damaged: then nothing is changed.
    pub fn reattribute(
        &mut self,
        order: &Reattribution<'_>,
        now_ms: i64,
        agree: impl FnOnce(&Reattributed) -> bool,
    ) -> Result<Reattributed, Error> {
        self.settle(now_ms)?;
        while self.is_running() {
            let done = self.worker.wait();
            self.finish(done, now_ms);
        }
        if let Some(stuck) = self.stuck_before(&order.range) {
            return Ok(Reattributed { stuck_before: Some(stuck), ..Reattributed::default() });
        }
        let (mut attribute, mut parts) = (Attribute::new(order), Vec::new());
        let written = self.write_anew(&mut attribute, &mut parts, now_ms);
        let mut done = attribute.finish();
        done.files = parts.iter().map(|part| part.files.names().count() as u64).sum();
        let new: Vec<String> = parts.iter().flat_map(|part| part.files.names().map(str::to_owned)).collect();
        if written.is_err() || parts.is_empty() || !agree(&done) {
            self.doomed.extend(new.into_iter().map(|name| (now_ms, name)));
            return written.map(|()| done);
        }
        let old: Vec<String> = parts.iter().flat_map(|part| part.names.clone()).collect();
        // If this fails the line may stand for all that; the new files are left, for the next writer to judge.
        self.log.append(&self.disk, Line::Rebuild(Rebuild { at: now_ms, parts, memory: None }))?;
        self.doomed.extend(old.into_iter().map(|name| (now_ms, name)));
        Ok(done)
    }

    /// Writes every unit that has rows that change.
    fn write_anew(
        &self,
        attribute: &mut Attribute<'_>,
        parts: &mut Vec<Replace>,
        now_ms: i64,
    ) -> Result<(), Error> {
        let manifest = &self.log.manifest;
        for unit in &manifest.units {
            if !unit.files.segments.iter().any(|entry| concerns(&attribute.order.range, entry)) {
                continue;
            }
            let mut rewrite = Rewrite {
                unit: unit.clone(),
                change: &mut *attribute,
                accounts_before: manifest.accounts_before.unwrap_or(i64::MIN),
            };
            // No two lines of the manifest have the same number, so no other file has such a name.
            let prefix = format!("{}a{}", unit.prefix, manifest.lines);
            if let Some(written) = rewrite.perform(&self.disk, &prefix)? {
                parts.push(Replace { at: now_ms, names: written.names, files: written.files });
            }
        }
        Ok(())
    }

    /// The instant before which there are rows in the range whose unit is partial.
    fn stuck_before(&self, range: &Range<i64>) -> Option<i64> {
        let partial = self.log.manifest.units.iter().filter(|unit| unit.is_partial);
        let segments = partial.flat_map(|unit| &unit.files.segments);
        segments.filter(|entry| concerns(range, entry)).map(|entry| entry.start.1.saturating_add(1)).max()
    }
}
