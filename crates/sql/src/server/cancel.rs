//! Stopping a question: because its client says so (over another connection), or because it takes too long.

use crate::stop::{Stop, Why};
use async_trait::async_trait;
use pgwire::api::ClientInfo;
use pgwire::api::cancel::CancelHandler;
use pgwire::messages::cancel::CancelRequest;
use pgwire::messages::startup::SecretKey;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::AbortHandle;

/// Questions that are being answered, by the number of their connection.
#[derive(Debug, Default)]
pub(super) struct Running(Mutex<HashMap<i32, Asked>>);

/// What one connection has asked: one question, mostly; several where they came in one text.
#[derive(Debug)]
struct Asked {
    key: SecretKey,
    stops: Vec<Stop>,
}

/// A question that is being answered: it stops when it is over its time, and when this is dropped.
#[derive(Debug)]
pub(super) struct Ticket {
    running: Arc<Running>,
    connection: i32,
    stop: Stop,
    clock: AbortHandle,
}

impl Running {
    fn lock(&self) -> MutexGuard<'_, HashMap<i32, Asked>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A question of this client begins, and may take so long: until its last row is on the way, however slowly
    /// the client takes them.
    pub(super) fn begin(self: &Arc<Self>, client: &impl ClientInfo, time_max: Duration) -> Ticket {
        let (connection, key) = client.pid_and_secret_key();
        let stop = Stop::default();
        let mut running = self.lock();
        let asked = running.entry(connection).or_insert_with(|| Asked { key, stops: Vec::new() });
        asked.stops.push(stop.clone());
        drop(running);
        let late = stop.clone();
        // By itself, for its client may not be waiting: it may be reading what it has got.
        let clock = tokio::spawn(async move {
            tokio::time::sleep(time_max).await;
            late.set(Why::Time(time_max));
        });
        Ticket { running: Arc::clone(self), connection, stop, clock: clock.abort_handle() }
    }
}

impl Ticket {
    /// What stops it.
    pub(super) fn stop(&self) -> Stop {
        self.stop.clone()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.clock.abort();
        self.stop.stop();
        let mut running = self.running.lock();
        let Some(asked) = running.get_mut(&self.connection) else { return };
        asked.stops.retain(|stop| !stop.is(&self.stop));
        if asked.stops.is_empty() {
            running.remove(&self.connection);
        }
    }
}

/// Takes requests to stop.
#[derive(Debug)]
pub(super) struct Canceller(pub(super) Arc<Running>);

#[async_trait]
impl CancelHandler for Canceller {
    async fn on_cancel_request(&self, request: CancelRequest) {
        if let Some(asked) = self.0.lock().get(&request.pid)
            && octets(&asked.key) == octets(&request.secret_key)
        {
            asked.stops.iter().for_each(Stop::stop);
        }
    }
}

/// A key as it is sent: a request to stop does not say its protocol's version, so that the same octets may be read as either.
fn octets(key: &SecretKey) -> Vec<u8> {
    match key {
        SecretKey::I32(number) => number.to_be_bytes().to_vec(),
        SecretKey::Bytes(octets) => octets.to_vec(),
    }
}
