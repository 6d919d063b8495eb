//! The writing loop of `weir run`: batches from the listeners into the store, and what the store says back.
//!
//! Nothing the disk does ends it. What cannot be stored is discarded and counted, and stored again when there is
//! room; the log says so once, each minute while it lasts, and when it is over.

use super::{Delivery, udp};
use crate::clock;
use crate::exit::Outcome;
use crate::metrics::Hub;
use crate::relay::Relays;
use crate::report::number::{grouped, things};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use weir_account::Zone;
use weir_flow::Batch;
use weir_store::{Outage, Writer};

/// The same trouble is said again after so long.
const AGAIN_MS: i64 = 60_000;
/// So many troubles are told apart; more are not told within [`AGAIN_MS`].
const TROUBLES_MAX: usize = 64;

/// Stores batches as they come, until all listeners are gone; then seals. What is stored goes to the relays.
pub(super) fn write(
    mut writer: Writer,
    receiver: &Receiver<Delivery>,
    mut relays: Relays,
    hub: &Hub,
) -> Outcome {
    let mut voice = Voice::default();
    loop {
        match receiver.recv_timeout(udp::WAIT) {
            Ok(Delivery { batch, back }) => {
                hub.queued.fetch_sub(1, Ordering::Relaxed);
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
        let ticked = writer.tick(clock::now_ms());
        voice.tell(&mut writer, ticked.err(), clock::now_ms());
        hub.turn(&mut writer, clock::now_ms());
    }
    if let Some(counts) = relays.close(clock::now_ms()) {
        take(&mut writer, &counts, hub)?;
    }
    close(writer)
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
    match outage {
        None => tracing::info!("stopped; everything received is stored"),
        Some(outage) => tracing::error!(
            "stopped while nothing could be stored ({}): {} discarded since {} ({} octets) are in no counter of the \
             store",
            outage.error,
            things(outage.flows, "flow"),
            utc(outage.since_ms),
            grouped(outage.octets)
        ),
    }
