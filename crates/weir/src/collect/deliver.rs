//! The writing loop of `weir run`: batches from the listeners into the store, and what the store says back.

use super::share::Inbox;
use super::{Delivery, udp};
use crate::clock;
use crate::exit::Outcome;
use crate::relay::Relays;
use std::sync::mpsc::RecvTimeoutError;
use weir_store::Writer;

/// Stores batches as they come, until all listeners are gone; then seals. What is stored goes to the relays.
pub(super) fn write(mut writer: Writer, receiver: &Inbox, mut relays: Relays) -> Outcome {
    let mut refused = 0;
    loop {
        match receiver.recv_timeout(udp::WAIT) {
            Ok(Delivery { batch, back }) => {
                writer.append(&batch, clock::now_ms())?;
                if let Some(batch) = relays.export(batch) {
                    // If the worker has enough of them, or is gone, its memory is given up.
                    let _ = back.try_send(batch);
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if let Some(counts) = relays.counts(clock::now_ms()) {
            writer.append(&counts, clock::now_ms())?;
        }
        writer.tick(clock::now_ms())?;
        tell_trouble(&mut writer, &mut refused);
    }
    if let Some(counts) = relays.close(clock::now_ms()) {
        writer.append(&counts, clock::now_ms())?;
    }
    writer.close(clock::now_ms())?;
    tracing::info!("stopped; everything received is stored");
    Ok(())
}

/// Says what the store found wrong while it went on working.
fn tell_trouble(writer: &mut Writer, refused: &mut u64) {
    for damage in writer.take_damage() {
        tracing::error!(
            "{} is damaged: {}; what can be read of it is used",
            damage.path.display(),
            damage.how
        );
    }
    let now = writer.memory_refused();
    if now > *refused {
        tracing::warn!(
            "the memory of sessions is full: {} templates, names or waiting sets more will not survive a restart; \
             see [collect] for limits",
            now - *refused
        );
        *refused = now;
    }
}
