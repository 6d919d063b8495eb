//! The world of one seed: a town, exporters, a network and a collector, and what happens to them, step by step.

use crate::chance::Dice;
use crate::check;
use crate::collector::{Collector, Death};
use crate::exporter::Exporter;
use crate::ledger::{Expected, Ledger, Origin};
use crate::message::{Delivery, Sense};
use crate::network::{Care, Network};
use crate::town::Town;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use weir_flow::Addr;
use weir_flow::session::Settings;
use weir_store::Options;
use weir_wire::Protocol;
use weir_wire::netflow::v9;

/// 2026-01-01.
const BEGIN_MS: i64 = 1_767_225_600_000;
/// How long an exporter runs at least before it is restarted: for its uptime to be seen going back.
const UPTIME_MS_MIN: i64 = 900_000;

/// How a run ended well.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// The steps taken.
    pub steps: u32,
    /// Datagrams that arrived.
    pub datagrams: u64,
    /// Records stored at the end.
    pub records: u64,
    /// Batches stored, some of which a crash took again.
    pub batches: u32,
    /// How often the collector was killed or lost power.
    pub deaths: u32,
    /// How often the whole store was checked.
    pub checks: u32,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { steps, datagrams, records, batches, deaths, checks } = self;
        write!(
            f,
            "{steps} steps, {datagrams} datagrams, {records} records in {batches} batches, {deaths} deaths, \
             {checks} checks"
        )
    }
}

/// How a run ended badly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// The step at which something was found.
    pub step: u32,
    /// Which checker complains, and of what; or what refused to work.
    pub complaint: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, step, complaint } = self;
        write!(
            f,
            "seed {seed} FAILED at step {step}: {complaint}\n  again: cargo run -p weir-sim -- --seed {seed}"
        )
    }
}

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

/// Runs the world of a seed in an empty folder; with `tells` it says on stderr what happens.
///
/// # Errors
/// What was found to be wrong first.
pub fn run(seed: u64, folder: &Path, tells: bool) -> Result<Summary, Failure> {
    run_with(seed, folder, tells, |_| {})
}

/// The same; before the last check the ledger is falsified.
pub(crate) fn run_with(
    seed: u64,
    folder: &Path,
    tells: bool,
    sabotage: Sabotage,
) -> Result<Summary, Failure> {
    let failure = |step, complaint| Failure { seed, step, complaint };
    let mut world = World::new(seed, folder).map_err(|complaint| failure(0, complaint))?;
    world.tells = tells;
    let result = world.live().and_then(|()| world.end(sabotage));
    result.map_err(|complaint| failure(world.summary.steps, complaint))?;
    Ok(world.summary)
}

struct World {
    dice: Dice,
    now_ms: i64,
    steps: u32,
    /// How long a step may take, ms.
    pace_ms: u64,
    /// Rows at which a batch is taken in any case.
    batch_rows: usize,
    town: Town,
    exporters: Vec<Exporter>,
    network: Network,
    collector: Collector,
    ledger: Ledger,
    /// Exporters of protocols that number datagrams.
    by_datagram: BTreeSet<Addr>,
    strangers: u16,
    imports: u8,
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
    fn new(seed: u64, folder: &Path) -> Result<Self, String> {
        let mut dice = Dice::of(&[seed]);
        let town = Town::new(&mut dice);
        let now_ms = BEGIN_MS + dice.between::<i64>(0, 86_400_000);
        let more: u8 = dice.between(0, 2);
        let protocols = PROTOCOLS.into_iter().chain((0..more).map(|_| Protocol::Ipfix));
        let exporters: Vec<Exporter> = (1u8..)
            .zip(protocols)
            .map(|(number, protocol)| Exporter::new(number, protocol, now_ms, &mut dice))
            .collect();
        let operators: BTreeMap<Addr, u32> =
            exporters.iter().filter(|_| dice.percent(15)).map(|exporter| (exporter.address, 7)).collect();
        let default = dice.pick([0, 0, 5]);
        let settings = Settings {
            sampling: operators.clone().into_iter().collect(),
            sampling_default: (default > 0).then_some(default),
            ..Settings::default()
        };
        let rules = exporters.iter().map(|exporter| (exporter.address, exporter.rule.clone())).collect();
        let options = Options {
            group_ms: dice.pick([0, 200, 5_000, 60_000]),
            seal_rows: dice.between(100, 1_000),
            seal_ms: dice.pick([60_000, 600_000, 3_600_000]),
            ..Options::default()
        };
        let store = folder.join("store");
        let collector = Collector::new(&store, options, settings, town.attribution(rules)?)?;
        let by_datagram =
            |exporter: &&Exporter| matches!(exporter.protocol, Protocol::NetflowV9 | Protocol::SflowV5);
        Ok(Self {
            now_ms,
            steps: dice.between(150, 350),
            pace_ms: dice.pick([500, 5_000, 20_000]),
            batch_rows: dice.between(20, 300),
            by_datagram: exporters.iter().filter(by_datagram).map(|exporter| exporter.address).collect(),
            network: Network::new(&mut dice),
            ledger: Ledger::new(town.clone(), operators, default),
            town,
            exporters,
            collector,
            dice,
            strangers: 0,
            imports: 0,
            tells: false,
            summary: Summary::default(),
        })
    }

    fn live(&mut self) -> Result<(), String> {
        for _ in 0..self.steps {
            self.summary.steps += 1;
            self.now_ms += self.dice.between::<i64>(0, self.pace_ms);
            for at in 0..self.exporters.len() {
                if self.dice.percent(35) {
                    self.emit(at)?;
                }
            }
            let arrivals = self.network.arrivals(self.now_ms);
            self.deliver(arrivals)?;
            if self.dice.percent(20) || self.ledger.open_rows() >= self.batch_rows {
                self.hand_over()?;
            }
            if self.dice.percent(60) {
                self.collector.tick(self.now_ms)?;
            }
            self.happen()?;
        }
        Ok(())
    }

    /// Says what happens, if anybody wants to know.
    fn tell(&self, what: impl fmt::Display) {
        if self.tells {
            eprintln!("{:>4} {} {what}", self.summary.steps, self.now_ms);
        }
    }

    /// What happens rarely.
    fn happen(&mut self) -> Result<(), String> {
        match self.dice.below(1000) {
            0..12 => self.die(),
            12..22 => self.restart(),
            22..32 => self.redefine(),
            32..60 => self.intrude(),
            60..70 => self.import(),
            70..80 => self.check(),
            80..90 => self.collector.settle(self.now_ms, 1),
            90..95 => {
                // A quiet while.
                self.now_ms += self.dice.between::<i64>(60_000, 3_600_000);
                Ok(())
            }
            95..105 => {
                let drops: u16 = self.dice.between(1, 500);
                self.ledger.count_drops(self.now_ms, drops.into());
                self.collector.count_drops(self.now_ms, drops.into())
            }
            _ => Ok(()),
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
            self.ledger.deliver(self.now_ms, &delivery);
            if let Some(problem) = self.collector.ingest(self.now_ms, &delivery)? {
                self.tell(format_args!("  {:?}", problem.error));
            }
        }
        Ok(())
    }

    /// Takes the batch and checks it.
    fn take(&mut self) -> Result<Option<(weir_flow::Batch, Expected)>, String> {
        if self.ledger.is_open() {
            return Ok(None);
        }
        let batch = self.collector.take()?;
        let expected = self.ledger.take();
        check::batch(&expected, &batch, &self.unsure())?;
        self.summary.batches += 1;
        Ok(Some((batch, expected)))
    }

    fn hand_over(&mut self) -> Result<(), String> {
        let Some((batch, expected)) = self.take()? else { return Ok(()) };
        let sequence = self.collector.append(&batch, self.now_ms)?;
        self.tell(format_args!("batch {sequence} of {} rows", batch.len()));
        self.ledger.store(Origin::Journal(sequence), expected);
        Ok(())
    }

    /// The batch comes into the store as an import does; or the import is given up, and it comes as usual.
    fn import(&mut self) -> Result<(), String> {
        let Some((batch, expected)) = self.take()? else { return Ok(()) };
        let commits = self.dice.percent(70);
        self.imports = self.imports.wrapping_add(1);
        self.collector.import(&batch, [self.imports; 32], commits, self.now_ms)?;
        let origin = if commits {
            Origin::Import
        } else {
            Origin::Journal(self.collector.append(&batch, self.now_ms)?)
        };
        self.ledger.store(origin, expected);
        Ok(())
    }

    fn unsure(&self) -> check::Unsure<'_> {
        check::Unsure { by_datagram: &self.by_datagram, murky: self.ledger.murky() }
    }

    fn check(&mut self) -> Result<(), String> {
        self.summary.checks += 1;
        let snapshot = self.collector.snapshot()?;
        check::store(&self.ledger, &snapshot, &self.unsure())?;
        check::question(&self.ledger, &snapshot)?;
        let Some((first, last)) = snapshot.span() else { return Ok(()) };
        let (from, length) = (self.dice.between::<i64>(0, 40), self.dice.between::<i64>(1, 40));
        let bin = 300_000;
        let start = first - first.rem_euclid(bin) + (from * bin).min((last - first) / 2);
        let start = start - start.rem_euclid(bin);
        check::bins(&self.ledger, &snapshot, &(start..start + length * bin))
    }

    /// The collector dies and comes back.
    fn die(&mut self) -> Result<(), String> {
        self.summary.deaths += 1;
        let death = self.dice.pick([Death::Killed, Death::PowerCut]);
        let (synced, appended) = (self.collector.synced()?, self.ledger.last_appended());
        let survival = self.collector.die(death, &mut self.dice)?;
        self.tell(format_args!("the collector dies ({death:?}) and finds batches up to {}", survival.last));
        let least = if death == Death::Killed { appended } else { synced };
        if survival.last < least || survival.last > appended {
            return Err(format!(
                "{death:?}: batches up to {} are there, {synced} were durable and {appended} appended: {:?}",
                survival.last, survival.recovery
            ));
        }
        if !survival.recovery.damage.is_empty() {
            return Err(format!("{death:?}: a crash is taken for damage: {:?}", survival.recovery.damage));
        }
        self.ledger.crash(survival.last);
        self.network.lose_all();
        self.check()
    }

    /// An exporter is switched off and on.
    fn restart(&mut self) -> Result<(), String> {
        let at = self.dice.between::<usize>(0, self.exporters.len() as u64 - 1);
        let Some(exporter) = self.exporters.get(at) else { return Ok(()) };
        if !exporter.restarts() || exporter.uptime_ms(self.now_ms) < UPTIME_MS_MIN {
            return Ok(());
        }
        let arrivals = self.network.drain(exporter.address);
        self.deliver(arrivals)?;
        if let Some(exporter) = self.exporters.get_mut(at) {
            exporter.restart(self.now_ms, &mut self.dice);
            let address = exporter.address;
            self.tell(format_args!("{address} is restarted"));
        }
        Ok(())
    }

    /// An exporter gives its templates other layouts, when nobody waits for the old ones.
    fn redefine(&mut self) -> Result<(), String> {
        let at = self.dice.between::<usize>(0, self.exporters.len() as u64 - 1);
        let Some(exporter) = self.exporters.get(at) else { return Ok(()) };
        let arrivals = self.network.drain(exporter.address);
        self.deliver(arrivals)?;
        let Some(exporter) = self.exporters.get_mut(at) else { return Ok(()) };
        let known: Vec<bool> = exporter.templates().map(|(id, ids)| self.ledger.knows(id, &ids)).collect();
        if known.is_empty() || known.contains(&false) {
            return Ok(());
        }
        let messages =
            exporter.redefine(&self.town, self.now_ms, &mut self.dice).map_err(|e| format!("emit: {e:?}"))?;
        for message in messages {
            self.network.send(self.now_ms, &message, Care::Registered, &mut self.dice);
        }
        let arrivals = self.network.arrivals(self.now_ms);
        self.deliver(arrivals)
    }

    /// Somebody sends what is no export.
    fn intrude(&mut self) -> Result<(), String> {
        self.strangers += 1;
        let from = Addr::v4([192, 0, 2, 240 + self.dice.between::<u8>(0, 3)]);
        let port = 10_000 + self.strangers;
        let mut bytes: Vec<u8> =
            (0..self.dice.between::<usize>(0, 200)).map(|_| self.dice.between(0, 255)).collect();
        let mut sense = Sense::None;
        if self.dice.percent(30) {
            let domain: u32 = self.dice.between(0, 5);
            let mut out = [0; v9::HEADER_LEN];
            let header =
                v9::Header { source_id: domain, sequence: self.dice.between(0, 99), ..v9::Header::default() };
            v9::Writer::new(&mut out, header)
                .and_then(v9::Writer::finish)
                .map_err(|e| format!("emit: {e:?}"))?;
            bytes = [&out[..], &[0, 5, 0, 8, 1, 2, 3, 4]].concat();
            sense = Sense::Hollow(domain);
        } else if let Some(first) = bytes.first_mut() {
            // No protocol begins so.
            *first |= 0x40;
        }
        self.network.post(self.now_ms, Delivery { from, port, bytes, sense });
        Ok(())
    }

    /// Everybody says one thing more, everything is stored, and the store is closed and read.
    fn end(&mut self, sabotage: Sabotage) -> Result<(), String> {
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
        self.check()?;
        self.collector.close(self.now_ms)?;
        sabotage(self.ledger.stored_mut());
        self.check()?;
        self.summary.records = self.ledger.rows().count() as u64;
        Ok(())
    }
}
