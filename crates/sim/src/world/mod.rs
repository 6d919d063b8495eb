//! The world of one seed: a town, exporters, a network and a collector, and what happens to them, step by step.

mod disk;
mod event;
mod order;
mod summary;

pub use order::Order;
pub use summary::{Failure, Summary};

use crate::chance::Dice;
use crate::check;
use crate::civil;
use crate::collector::Collector;
use crate::exporter::Exporter;
use crate::ledger::{Expected, Ledger, Origin};
use crate::message::Delivery;
use crate::network::{Care, Network};
use crate::town::Town;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use weir_flow::session::Settings;
use weir_flow::{Addr, Batch};
use weir_store::Options;
use weir_wire::Protocol;

/// How long an exporter runs at least before it is restarted: for its uptime to be seen going back.
const UPTIME_MS_MIN: i64 = 900_000;

/// Falsifies the ledger, for those who test the checkers.
pub(crate) type Sabotage = fn(&mut Vec<(Origin, Expected)>);

/// A folder for a world, in memory where the system has such a place: power is cut by changing files, so it does not
/// matter whether a disk flushes, and waiting for it is most of what a world takes.
///
/// # Errors
/// The system gives none.
pub fn folder() -> std::io::Result<tempfile::TempDir> {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())
}

/// Runs a world in an empty folder.
///
/// # Errors
/// What was found to be wrong first.
pub fn run(order: Order, folder: &Path) -> Result<Summary, Failure> {
    run_with(order, folder, |_| {})
}

/// The same; before the last check the ledger is falsified.
pub(crate) fn run_with(order: Order, folder: &Path, sabotage: Sabotage) -> Result<Summary, Failure> {
    let failure = |step, complaint| Failure { order, step, complaint };
    let mut world = World::new(order, folder).map_err(|complaint| failure(0, complaint))?;
    let result = world.live().and_then(|()| world.end(sabotage));
    result.map_err(|complaint| failure(world.summary.steps, complaint))?;
    (world.summary.disk_steps, world.summary.refused_steps) = world.collector.drive.steps();
    Ok(world.summary)
}

struct World {
    dice: Dice,
    begin_ms: i64,
    now_ms: i64,
    /// The collector's clock less the world's, ms.
    ahead_ms: i64,
    /// Steps that are taken, unless the time is up before.
    steps_max: u64,
    end_ms: i64,
    /// How long a step may take, ms.
    pace_ms: u64,
    /// How much goes wrong: of so many thousand steps as many as the table says of a thousand.
    calm: u64,
    group_ms: i64,
    /// Rows at which a batch is taken in any case.
    batch_rows: usize,
    town: Town,
    exporters: Vec<Exporter>,
    network: Network,
    collector: Collector,
    ledger: Ledger,
    /// What the collector holds while the disk takes nothing: batches without their rows.
    held: Option<Expected>,
    /// The last batch that the store took,
    acknowledged: u64,
    /// the last that it said to be durable,
    synced: u64,
    /// when those after it were appended,
    appended: BTreeMap<u64, i64>,
    /// and the last that was to be durable a tick ago.
    due: u64,
    /// Whether sampling intervals that came late are perhaps not everywhere yet.
    is_unsettled: bool,
    /// Whether a flush may have failed: then what was appended is durable when it is sealed.
    is_doubtful: bool,
    /// Whether nobody can say what the collector knows.
    is_over: bool,
    /// Whether a part of the journal was lost in a way that looks like damage.
    has_damage: bool,
    /// Exporters whose templates have been given another layout.
    redefined: BTreeSet<usize>,
    /// Exporters of protocols that number datagrams.
    by_datagram: BTreeSet<Addr>,
    strangers: u16,
    imports: u32,
    tells: bool,
    summary: Summary,
}

/// What the worlds' exporters speak.
const PROTOCOLS: [Protocol; 6] = [
    Protocol::NetflowV1,
    Protocol::NetflowV5,
    Protocol::NetflowV7,
    Protocol::NetflowV9,
    Protocol::Ipfix,
    Protocol::SflowV5,
];

impl World {
    fn new(order: Order, folder: &Path) -> Result<Self, String> {
        let mut dice = Dice::of(&[order.seed]);
        let town = Town::new(&mut dice);
        let begin_ms = dice.pick(civil::BEGINS_MS) - dice.between::<i64>(0, 7_200_000);
        let exporters = exporters(begin_ms, &mut dice);
        let operators: BTreeMap<Addr, u32> =
            exporters.iter().filter(|_| dice.percent(15)).map(|exporter| (exporter.address, 7)).collect();
        let default = dice.pick([0, 0, 5]);
        let settings = Settings {
            sampling: operators.clone().into_iter().collect(),
            sampling_default: (default > 0).then_some(default),
            ..Settings::default()
        };
        let rules: BTreeMap<_, _> = exporters.iter().map(|e| (e.address, e.rule.clone())).collect();
        let options = Options {
            group_ms: dice.pick([0, 200, 5_000, 60_000]),
            seal_rows: dice.between(100, 1_000),
            seal_ms: dice.pick([60_000, 600_000, 3_600_000]),
            ..Options::default()
        };
        let attribution = town.attribution(rules.into_iter().collect())?;
        let fate = Dice::of(&[dice.draw()]);
        let collector = Collector::new(&folder.join("store"), options, settings, attribution, fate)?;
        let by_datagram =
            |exporter: &&Exporter| matches!(exporter.protocol, Protocol::NetflowV9 | Protocol::SflowV5);
        let steps: u64 = dice.between(150, 350);
        Ok(Self {
            begin_ms,
            now_ms: begin_ms,
            ahead_ms: 0,
            steps_max: if order.hours.is_some() { u64::MAX } else { steps },
            end_ms: order.hours.map_or(i64::MAX, |hours| begin_ms + i64::from(hours) * 3_600_000),
            pace_ms: dice.pick([500, 5_000, 20_000]),
            calm: if order.is_deadly { 200 } else { dice.pick([500, 1_000, 1_000, 4_000]) },
            group_ms: options.group_ms,
            batch_rows: dice.between(20, 300),
            by_datagram: exporters.iter().filter(by_datagram).map(|exporter| exporter.address).collect(),
            network: Network::new(&mut dice),
            ledger: Ledger::new(town.clone(), operators, default),
            town,
            exporters,
            collector,
            dice,
            held: None,
            acknowledged: 0,
            synced: 0,
            appended: BTreeMap::new(),
            due: 0,
            is_unsettled: false,
            is_doubtful: false,
            is_over: false,
            has_damage: false,
            redefined: BTreeSet::new(),
            strangers: 0,
            imports: 0,
            tells: order.tells,
            summary: Summary::default(),
        })
    }

    fn live(&mut self) -> Result<(), String> {
        while self.summary.steps < self.steps_max && self.now_ms < self.end_ms && !self.is_over {
            self.summary.steps += 1;
            self.now_ms += self.dice.between::<i64>(0, self.pace_ms);
            self.emit_all()?;
            if self.dice.percent(20) || self.ledger.open_rows() >= self.batch_rows {
                self.hand_over()?;
            }
            if self.dice.percent(60) {
                self.tick()?;
            }
            self.happen()?;
        }
        Ok(())
    }

    /// What the collector's clock says.
    fn clock(&self) -> i64 {
        self.now_ms + self.ahead_ms
    }

    /// Exporters send what they send in a step, and what is to arrive arrives.
    fn emit_all(&mut self) -> Result<(), String> {
        for at in 0..self.exporters.len() {
            if self.dice.percent(35) {
                self.emit(at)?;
            }
        }
        let arrivals = self.network.arrivals(self.now_ms);
        self.deliver(arrivals)
    }

    /// Says what happens, if anybody wants to know.
    fn tell(&self, what: impl fmt::Display) {
        if self.tells {
            eprintln!("{:>4} {} {what}", self.summary.steps, self.now_ms);
        }
    }

    fn emit(&mut self, at: usize) -> Result<(), String> {
        let Some(exporter) = self.exporters.get_mut(at) else { return Ok(()) };
        let message =
            exporter.emit(&self.town, self.now_ms, &mut self.dice).map_err(|e| format!("emit: {e:?}"))?;
        self.network.send(self.now_ms, &message, Care::Usual, &mut self.dice);
        Ok(())
    }

    fn deliver(&mut self, deliveries: Vec<Delivery>) -> Result<(), String> {
        for delivery in deliveries {
            self.summary.datagrams += 1;
            self.tell(&delivery);
            let received = self.clock();
            self.ledger.deliver(received, &delivery);
            if let Some(problem) = self.collector.ingest(received, &delivery)? {
                self.tell(format_args!("  {:?}", problem.error));
            }
        }
        Ok(())
    }

    /// Takes the batch and checks it.
    fn take(&mut self) -> Result<Option<(Batch, Expected)>, String> {
        if self.ledger.is_open() {
            return Ok(None);
        }
        let batch = self.collector.take()?;
        let expected = self.ledger.take();
        check::batch(&expected, &batch, &self.unsure())?;
        self.summary.batches += 1;
        Ok(Some((batch, expected)))
    }

    fn unsure(&self) -> check::Unsure<'_> {
        check::Unsure { by_datagram: &self.by_datagram, murky: self.ledger.murky() }
    }

    fn check(&mut self) -> Result<(), String> {
        self.summary.checks += 1;
        self.summary.rows_checked += self.ledger.rows().count() as u64;
        if self.has_damage {
            // It is sealed without what was lost, and the file put aside.
            self.has_damage = !self.settle()?;
        }
        if self.has_damage || (self.is_unsettled && (self.dice.percent(50) || !self.settle()?)) {
            return if self.has_damage {
                Ok(())
            } else {
                check::unsettled(&self.ledger, &self.collector.snapshot()?)
            };
        }
        let snapshot = self.collector.snapshot()?;
        check::store(&self.ledger, &snapshot, &self.unsure())?;
        check::question(&self.ledger, &snapshot)?;
        let Some((first, last)) = snapshot.span() else { return Ok(()) };
        let day = civil::check(self.dice.between(0, 9), first + self.dice.between::<i64>(0, 86_400_000))?;
        check::bins(&self.ledger, &snapshot, &day)?;
        let (from, length) = (self.dice.between::<i64>(0, 40), self.dice.between::<i64>(1, 40));
        let bin = 300_000;
        let start = first - first.rem_euclid(bin) + (from * bin).min((last - first) / 2);
        let start = start - start.rem_euclid(bin);
        check::bins(&self.ledger, &snapshot, &(start..start + length * bin))
    }

    /// Everything is stored, and the store is closed and read.
    fn end(&mut self, sabotage: Sabotage) -> Result<(), String> {
        self.collector.drive.revive();
        self.collector.drive.set_full(false);
        self.collector.drive.set_slow(false);
        self.summary.simulated_ms = u64::try_from(self.now_ms - self.begin_ms).unwrap_or_default();
        if !self.is_over {
            self.say_good_bye()?;
        }
        self.check()?;
        self.settle()?;
        self.rot()?;
        self.collector.close(self.clock())?;
        sabotage(self.ledger.stored_mut());
        let snapshot = self.collector.snapshot()?;
        check::store(&self.ledger, &snapshot, &self.unsure())?;
        check::question(&self.ledger, &snapshot)?;
        check::verified(self.collector.path())?;
        self.summary.records = self.ledger.rows().count() as u64;
        Ok(())
    }

    /// Everybody says one thing more.
    fn say_good_bye(&mut self) -> Result<(), String> {
        self.now_ms += 3_600_000;
        for at in 0..self.exporters.len() {
            let arrivals = self.network.arrivals(self.now_ms);
            self.deliver(arrivals)?;
            let Some(exporter) = self.exporters.get_mut(at) else { continue };
            for lane in (0..exporter.lanes()).chain(0..exporter.lanes()) {
                let message = exporter.emit_from(lane, &self.town, self.now_ms, &mut self.dice);
                let message = message.map_err(|e| format!("emit: {e:?}"))?;
                self.network.send(self.now_ms, &message, Care::Registered, &mut self.dice);
            }
        }
        let arrivals = self.network.arrivals(self.now_ms);
        self.deliver(arrivals)?;
        self.hand_over()?;
        // What is held is stored a second later at the latest.
        self.now_ms += 1_000;
        self.tick()
    }
}

/// One of each protocol and some more; in some worlds somebody sends in the name of one of them.
fn exporters(now_ms: i64, dice: &mut Dice) -> Vec<Exporter> {
    let more: u8 = dice.between(0, 2);
    let protocols = PROTOCOLS.into_iter().chain((0..more).map(|_| Protocol::Ipfix));
    let mut exporters: Vec<Exporter> = (1u8..)
        .zip(protocols)
        .map(|(number, protocol)| Exporter::new(number, protocol, now_ms, dice))
        .collect();
    if dice.percent(40) {
        let at = dice.between::<usize>(0, exporters.len() as u64 - 1);
        let forger = exporters[at].forged(now_ms, dice);
        exporters.push(forger);
    }
    exporters
}
