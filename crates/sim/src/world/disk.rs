//! What befalls the collector's disk, and the collector with it.

use super::World;
use crate::check;
use crate::collector::{Death, Outcome, Refusal};
use crate::ledger::{Expected, Origin};
use crate::rot;
use weir_flow::Batch;
use weir_store::Taken;

/// What was being done when the collector died, and may be done or not.
#[derive(Debug)]
pub(super) enum Amid {
    Nothing,
    /// Appends: they would have the next sequences.
    Append(Vec<Expected>),
    Import([u8; 32], Expected),
    /// Giving up what ended before this.
    Retire(i64),
}

impl World {
    /// Whether something was done: the disk may have refused it, and the collector may have died of it and come back.
    pub(super) fn survives<T>(&mut self, outcome: Outcome<T>) -> Result<Option<T>, String> {
        match outcome {
            Ok(done) => Ok(Some(done)),
            Err(Refusal::Disk) => Ok(None),
            Err(Refusal::Dead) => self.revive(Amid::Nothing).map(|()| None),
            Err(Refusal::Wrong(wrong)) => Err(wrong),
        }
    }

    /// The collector dies between two steps.
    pub(super) fn die(&mut self) -> Result<(), String> {
        self.collector.drive.kill();
        self.revive(Amid::Nothing)
    }

    /// The collector will die in one of the next steps of its disk.
    pub(super) fn doom(&mut self) -> Result<(), String> {
        let steps = self.dice.size(1, 200) - 1;
        self.tell(format_args!("the collector is to die in {steps} steps of the disk"));
        self.collector.drive.arm(steps);
        Ok(())
    }

    /// The collector is dead, and comes back.
    pub(super) fn revive(&mut self, amid: Amid) -> Result<(), String> {
        let death = self.dice.pick([Death::Killed, Death::PowerCut]);
        match death {
            Death::Killed => self.summary.kills += 1,
            Death::PowerCut => self.summary.power_cuts += 1,
        }
        self.summary.amid += u64::from(!matches!(amid, Amid::Nothing));
        let acknowledged = if death == Death::Killed { self.acknowledged } else { self.synced };
        let again = self.dice.percent(30).then(|| self.dice.below(30));
        let survival = self.collector.die(death, again)?;
        self.tell(format_args!("the collector dies ({death:?}) and finds batches up to {}", survival.last()));
        let mut appended = self.acknowledged;
        let mut retiring = None;
        match amid {
            Amid::Nothing => {}
            Amid::Append(batches) => {
                for expected in batches {
                    appended += 1;
                    self.ledger.store(Origin::Journal(appended), expected);
                }
            }
            Amid::Import(digest, expected) => {
                if self.collector.is_imported(&digest)? {
                    self.ledger.store(Origin::Import, expected);
                }
            }
            Amid::Retire(before) => retiring = Some(before),
        }
        if survival.last() > appended || (1..=acknowledged).any(|sequence| !survival.holds(sequence)) {
            return Err(format!(
                "{death:?}: batches up to {} and {:?} are there, {} were durable and {appended} appended: {:?}",
                survival.sealed, survival.found, self.synced, survival.recovery
            ));
        }
        // A file that is damaged stays until it is sealed: it may be met again.
        let is_damaged = !survival.recovery.damage.is_empty();
        if is_damaged && !survival.cut.inside && !self.has_damage {
            return Err(format!("{death:?}: a crash is taken for damage: {:?}", survival.recovery.damage));
        }
        self.ledger.crash(|sequence| survival.holds(sequence));
        self.acknowledged = survival.last();
        self.synced = self.collector.synced()?;
        self.appended.clear();
        self.due = 0;
        self.is_doubtful = false;
        self.held = None;
        self.is_unsettled = true;
        self.network.lose_all();
        if let Some(before) = retiring {
            // What was settled for it is settled, whether or not it was given up.
            let gone = check::retired(&self.ledger, &self.collector.snapshot()?, before)?;
            self.ledger.retire(gone);
        }
        self.has_damage = is_damaged;
        if survival.has_hole() {
            if !is_damaged {
                return Err(format!("{death:?}: a gap in the journal was left: {:?}", survival.found));
            }
            // A part of it looks like damage, behind which things may be durable. What sessions remember then is not
            // what they did at any moment: the world ends here.
            self.is_over = true;
            self.tell("a batch is lost and a later one is there");
            return self.check();
        }
        self.announce()?;
        self.check()
    }

    /// What was given another layout may have been forgotten: it is told again before anything else.
    fn announce(&mut self) -> Result<(), String> {
        for at in self.redefined.clone() {
            let Some(exporter) = self.exporters.get_mut(at) else { continue };
            let messages = exporter
                .announce(&self.town, self.now_ms, &mut self.dice)
                .map_err(|error| format!("emit: {error:?}"))?;
            for message in messages {
                self.network.send(self.now_ms, &message, crate::network::Care::Registered, &mut self.dice);
            }
        }
        let arrivals = self.network.arrivals(self.now_ms);
        self.deliver(arrivals)
    }

    /// The disk has no more room, or some again.
    pub(super) fn fill(&mut self) -> Result<(), String> {
        let is_full = !self.collector.drive.is_full();
        self.summary.full_spells += u64::from(is_full);
        self.tell(if is_full { "the disk is full" } else { "there is room again" });
        self.collector.drive.set_full(is_full);
        Ok(())
    }

    /// The disk is slow, or quick again.
    pub(super) fn slow(&mut self) -> Result<(), String> {
        let is_slow = !self.collector.drive.is_slow();
        self.tell(if is_slow { "the disk is slow" } else { "the disk is quick again" });
        self.collector.drive.set_slow(is_slow);
        self.due = 0;
        Ok(())
    }

    /// The disk refuses one step.
    pub(super) fn stumble(&mut self) -> Result<(), String> {
        self.tell("the disk refuses once");
        self.collector.drive.stumble();
        Ok(())
    }

    /// Lets the store do what is due. What was due before must be durable by then, unless the disk is slow or refused
    /// to flush.
    pub(super) fn tick(&mut self) -> Result<(), String> {
        let now = self.clock();
        match self.collector.tick(now) {
            Ok(()) => {}
            Err(Refusal::Disk) => self.is_doubtful = true,
            Err(Refusal::Dead) => {
                let held = self.held.take().into_iter().collect();
                return self.revive(Amid::Append(held));
            }
            Err(Refusal::Wrong(wrong)) => return Err(wrong),
        }
        self.note_held()?;
        self.synced = self.collector.synced()?;
        if self.is_doubtful || self.collector.drive.is_slow() {
            return Ok(());
        }
        if self.synced < self.due {
            return Err(format!(
                "the window of loss: batch {} was to be durable a tick ago, and {} is",
                self.due, self.synced
            ));
        }
        let old = |at: &i64| now.saturating_sub(*at) >= self.group_ms;
        self.due = self.appended.iter().filter(|(_, at)| old(at)).map(|(seq, _)| *seq).max().unwrap_or(0);
        self.appended.retain(|sequence, _| *sequence > self.synced);
        Ok(())
    }

    /// Takes what was decoded and stores it.
    pub(super) fn hand_over(&mut self) -> Result<(), String> {
        match self.take()? {
            Some((batch, expected)) => self.append(&batch, expected),
            None => Ok(()),
        }
    }

    /// Stores a batch. If the disk refuses, its rows are discarded, and the rest is held with what is held already.
    fn append(&mut self, batch: &Batch, mut expected: Expected) -> Result<(), String> {
        if batch.is_void() {
            return Ok(());
        }
        self.is_unsettled |= !batch.rescales.is_empty();
        let now = self.clock();
        match self.collector.store(batch, now) {
            Ok(Taken::Stored(sequence)) => {
                self.tell(format_args!("batch {sequence} of {} rows", batch.len()));
                if let Some(held) = self.held.take() {
                    self.acknowledge(held);
                }
                self.acknowledge(expected);
                if self.acknowledged != sequence {
                    return Err(format!("batch {} has the sequence {sequence}", self.acknowledged));
                }
                Ok(())
            }
            Ok(Taken::Held) => {
                self.tell(format_args!("a batch of {} rows is discarded", batch.len()));
                self.note_held()?;
                expected.discard();
                match &mut self.held {
                    Some(held) => held.append(expected),
                    none => *none = Some(expected),
                }
                Ok(())
            }
            Err(Refusal::Dead) => {
                let held = self.held.take().into_iter().chain([expected]).collect();
                self.revive(Amid::Append(held))
            }
            Err(Refusal::Disk) => Err("store: the disk's refusal was handed on".to_owned()),
            Err(Refusal::Wrong(wrong)) => Err(wrong),
        }
    }

    /// The store has taken this batch, under the next sequence.
    fn acknowledge(&mut self, batch: Expected) {
        self.acknowledged += 1;
        self.ledger.store(Origin::Journal(self.acknowledged), batch);
        self.appended.insert(self.acknowledged, self.clock());
    }

    /// Notes if what was held is stored by now.
    fn note_held(&mut self) -> Result<(), String> {
        let (last, _) = self.collector.reached()?;
        if last > self.acknowledged
            && let Some(held) = self.held.take()
        {
            self.tell(format_args!("what was held is stored as batch {last}"));
            self.acknowledge(held);
        }
        if last == self.acknowledged { Ok(()) } else { Err(format!("where does batch {last} come from?")) }
    }

    /// The batch comes into the store as an import does; or the import is given up, and it comes as usual.
    pub(super) fn import(&mut self) -> Result<(), String> {
        self.hand_over()?;
        self.emit_all()?;
        if self.held.is_some() {
            return Ok(());
        }
        let Some((batch, expected)) = self.take()? else { return Ok(()) };
        if batch.is_void() {
            return Ok(());
        }
        let commits = self.dice.percent(70);
        self.imports += 1;
        let mut digest = [0; 32];
        digest[..4].copy_from_slice(&self.imports.to_be_bytes());
        let now = self.clock();
        match self.collector.import(&batch, digest, commits, now) {
            Ok(()) if commits => {
                self.tell(format_args!("an import of {} rows", batch.len()));
                self.is_unsettled |= !batch.rescales.is_empty();
                self.ledger.store(Origin::Import, expected);
                Ok(())
            }
            Ok(()) | Err(Refusal::Disk) => self.append(&batch, expected),
            Err(Refusal::Dead) => self.revive(Amid::Import(digest, expected)),
            Err(Refusal::Wrong(wrong)) => Err(wrong),
        }
    }

    /// Brings late sampling intervals to all their rows; whether that is done.
    pub(super) fn settle(&mut self) -> Result<bool, String> {
        let outcome = self.collector.settle(self.clock());
        let is_done = self.survives(outcome)?.is_some();
        if is_done {
            self.is_unsettled = false;
            self.is_doubtful = false;
            self.due = 0;
            self.synced = self.collector.synced()?;
        }
        Ok(is_done)
    }

    /// Old flow records are given up.
    pub(super) fn retire(&mut self) -> Result<(), String> {
        if !self.settle()? {
            return Ok(());
        }
        let Some((first, last)) = self.collector.snapshot()?.span() else { return Ok(()) };
        let before = first + (last - first) * self.dice.between::<i64>(0, 70) / 100;
        let now = self.clock();
        match self.collector.retire(before, now) {
            Ok(rows) => {
                let gone = check::retired(&self.ledger, &self.collector.snapshot()?, before)?;
                self.tell(format_args!("{rows} rows from before {before} are given up"));
                if gone.len() as u64 != rows {
                    return Err(format!("retired: {rows} rows were to go, and {} are gone", gone.len()));
                }
                self.ledger.retire(gone);
                Ok(())
            }
            Err(Refusal::Disk) => Ok(()),
            Err(Refusal::Dead) => self.revive(Amid::Retire(before)),
            Err(Refusal::Wrong(wrong)) => Err(wrong),
        }
    }

    /// Bits flip in a copy of the store.
    pub(super) fn rot(&mut self) -> Result<(), String> {
        if self.is_unsettled && !self.settle()? {
            return Ok(());
        }
        self.summary.bit_flips += rot::try_out(self.collector.path(), &mut self.dice)?;
        Ok(())
    }
}
