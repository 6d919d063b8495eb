//! The writing loop of `weir run`: batches from the listeners into the store, and what the store says back.
//!
//! Nothing the disk does ends it. What cannot be stored is discarded and counted, and stored again when there is
//! room; the log says so once, each minute while it lasts, and when it is over.

use super::share::{Inbox, Share};
use super::{Delivery, udp};
use crate::clock;
use crate::exit::{Failure, Outcome};
use crate::metrics::Hub;
use crate::relay::Relays;
use crate::report::number::{grouped, things};
use crate::report::outlook;
use crate::rollup;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::mpsc::RecvTimeoutError;
use weir_account::{Unit, Zone};
use weir_flow::Batch;
use weir_store::{Budget, Outage, Writer};

/// The same trouble is said again after so long.
const AGAIN_MS: i64 = 60_000;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// So many troubles are told apart; more are not told within [`AGAIN_MS`].
const TROUBLES_MAX: usize = 64;

/// Stores batches as they come, until all listeners are gone; then seals. What is stored goes to the relays.
pub(super) fn write(mut writer: Writer, receiver: &Inbox, mut relays: Relays, share: &Share) -> Outcome {
    let hub = &*share.hub;
    let mut voice = Voice::default();
    let mut version = share.version();
    loop {
        match receiver.recv_timeout(udp::WAIT) {
            Ok(Delivery { batch, back }) => {
                take(&mut writer, &batch, hub)?;
                if let Some(batch) = relays.export(batch) {
                    // If the worker has enough of them, or is gone, its memory is given up.
                    let _ = back.try_send(batch);
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if let Some(counts) = relays.counts(clock::now_ms()) {
            take(&mut writer, &counts, hub)?;
        }
        if share.version() != version {
            let (now, config) = share.config();
            version = now;
            set_budget(&mut writer, config.budget, hub, &mut voice);
            writer.set_heirs(rollup::heirs(&config));
        }
        let ticked = writer.tick(clock::now_ms());
        voice.tell(&mut writer, ticked.err(), clock::now_ms());
        hub.turn(&mut writer, clock::now_ms());
    }
    if let Some(counts) = relays.close(clock::now_ms()) {
        take(&mut writer, &counts, hub)?;
    }
    hub.is_going();
    close(writer)
}

/// Goes by the budget of a configuration that was read again.
fn set_budget(writer: &mut Writer, budget: Budget, hub: &Hub, voice: &mut Voice) {
    if hub.budget() != budget {
        writer.set_budget(budget);
        hub.set_budget(budget);
        // How long the disk lasts now is said at once.
        voice.forecast_told_ms = 0;
        tracing::info!("the store goes by the budget of the new configuration from now on");
    }
}

/// Stores a batch, or counts it as discarded, and enters it into the books.
fn take(writer: &mut Writer, batch: &Batch, hub: &Hub) -> Outcome {
    let now_ms = clock::now_ms();
    let taken = writer.take(batch, now_ms)?;
    hub.note(batch, taken, writer.outage(), now_ms);
    Ok(())
}

/// Seals what is journaled. Where the disk refuses, the journal stays for the next start.
fn close(writer: Writer) -> Outcome {
    let outage = writer.outage().cloned();
    if let Err(error) = writer.close(clock::now_ms()) {
        tracing::error!("{error}; what is journaled will be sealed at the next start");
    }
    let Some(outage) = outage else {
        tracing::info!("stopped; everything received is stored");
        return Ok(());
    };
    Err(Failure::new(format!(
        "stopped while nothing could be stored ({}): {} discarded since {} ({} octets) are in no counter of the store; \
         what exporters number is counted as lost when they are heard again",
        outage.error,
        things(outage.flows, "flow"),
        utc(outage.since_ms),
        grouped(outage.octets)
    )))
}

fn utc(ms: i64) -> String {
    Zone::utc().rfc3339(ms)
}

/// What the log has been told.
#[derive(Default)]
struct Voice {
    refused: u64,
    stalls: u64,
    outage: Option<Outage>,
    outage_told_ms: i64,
    over_told_ms: i64,
    forecast_told_ms: i64,
    retired: u64,
    /// When each trouble was told, by what it is about.
    troubles: HashMap<PathBuf, i64>,
}

impl Voice {
    /// Says what the store found wrong while it went on working.
    fn tell(&mut self, writer: &mut Writer, trouble: Option<weir_store::Error>, now_ms: i64) {
        self.tell_outage(writer.outage(), now_ms);
        self.tell_budget(writer, now_ms);
        // Who is told that nothing is stored need not hear of each seal that waits for the same.
        if let Some(error) = trouble.filter(|error| self.outage.is_none() || !error.is_full()) {
            self.tell_trouble(&error, now_ms);
        }
        for damage in writer.take_damage() {
            tracing::error!(
                "{} is damaged: {}; what can be read of it is used",
                damage.path.display(),
                damage.how
            );
        }
        let refused = writer.memory_refused();
        if refused > self.refused {
            tracing::warn!(
                "the memory of sessions is full: {} templates, names or waiting sets more will not survive a \
                 restart; see [collect] for limits",
                refused - self.refused
            );
            self.refused = refused;
        }
        if writer.stalls() > self.stalls {
            tracing::warn!(
                "sealing is slower than what arrives, and so much journal waits that storing waits for it: the disk \
                 or this machine is too slow"
            );
            self.stalls = writer.stalls();
        }
    }

    /// Once a day how long the disk lasts; each hour that accounts alone take more than they may.
    fn tell_budget(&mut self, writer: &Writer, now_ms: i64) {
        if now_ms.saturating_sub(self.forecast_told_ms) >= DAY_MS {
            let retired = writer.retired();
            tracing::info!("{}", outlook::sentence(&writer.forecast(), Unit::default()));
            if retired.rows > self.retired {
                tracing::info!(
                    "{} older than that were given up since yesterday; their accounts stay",
                    things(retired.rows - self.retired, "flow")
                );
                self.retired = retired.rows;
            }
            self.forecast_told_ms = now_ms;
        }
        if let Some((used, limit)) = writer.over_budget()
            && now_ms.saturating_sub(self.over_told_ms) >= HOUR_MS
        {
            tracing::error!(
                "the store takes {} bytes and may take {}: all flow records are given up, and what is left are accounts \
                 and the journal; raise [store] disk, or give accounts an age with [store] accounts",
                grouped(used),
                grouped(limit)
            );
            self.over_told_ms = now_ms;
        }
    }

    fn tell_outage(&mut self, outage: Option<&Outage>, now_ms: i64) {
        match (outage, self.outage.take()) {
            (Some(outage), before) => {
                if before.is_none() || now_ms.saturating_sub(self.outage_told_ms) >= AGAIN_MS {
                    let cure = match outage.is_full {
                        true => "free some room on its disk, or give [store] disk = a budget",
                        false => "see what the kernel's log says of this disk",
                    };
                    tracing::error!(
                        "nothing is stored: {}; {} discarded so far ({} octets), counted as discarded; {cure}; \
                         storing goes on by itself",
                        outage.error,
                        things(outage.flows, "flow"),
                        grouped(outage.octets)
                    );
                    self.outage_told_ms = now_ms;
                }
                self.outage = Some(outage.clone());
            }
            (None, Some(over)) => tracing::warn!(
                "stored again: {} ({} octets) were discarded since {}, and are counted as discarded",
                things(over.flows, "flow"),
                grouped(over.octets),
                utc(over.since_ms)
            ),
            (None, None) => {}
        }
    }

    fn tell_trouble(&mut self, error: &weir_store::Error, now_ms: i64) {
        self.troubles.retain(|_, told_ms| now_ms.saturating_sub(*told_ms) < AGAIN_MS);
        // Files of the same folder mostly have the same trouble.
        let about = error.path.parent().unwrap_or(&error.path).to_path_buf();
        if self.troubles.len() < TROUBLES_MAX && self.troubles.insert(about, now_ms).is_none() {
            tracing::error!("{error}; it is tried again, and nothing that was journaled is lost");
        }
    }
}
