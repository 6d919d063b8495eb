//! `weir run`: listeners, decoders, and the one writer of the store.
//!
//! Each listener has a thread with a decoder of its own, so that an exporter always meets the same sessions
//! and nothing is locked. Full batches, and every batch on the tick, go through one bounded channel to the
//! writer. If the writer is behind, the listeners wait for it, the kernel's buffers fill, and what the kernel
//! then drops is counted: loss is always a number with a reason.

use super::Decoder;
use super::udp::{self, Drops};
use crate::config::Config;
use crate::exit::{Failure, Outcome};
use crate::{clock, log};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::collections::HashSet;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};
use weir_flow::health::Counter;
use weir_flow::session::Arrival;
use weir_flow::{Addr, Batch};
use weir_store::{Options, Writer};

/// A batch that is not full leaves after so long: what arrived is seen by questions within it.
const TICK: Duration = Duration::from_millis(200);
/// Batches that may wait for the writer, of all listeners: a second and more at full pace.
const QUEUE_BATCHES: usize = 64;
/// How often the kernel is asked what it dropped.
const DROPS_EVERY: Duration = Duration::from_secs(1);
/// First-seen exporters are announced up to this many; beyond, forgers would write the log.
const ANNOUNCED_MAX: usize = 1024;

/// Runs the daemon until SIGTERM or SIGINT.
///
/// # Errors
/// The store cannot be opened or written, or a port not be bound.
pub(crate) fn run(config: &Config) -> Outcome {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop))
            .map_err(|error| Failure::new(format!("cannot listen for signals: {error}")))?;
    }
    let (writer, recovery) = Writer::open(&config.store, Options::default())?;
    let sockets = config.listen.iter().map(|a| Ok((*a, udp::bind(*a)?))).collect::<Outcome<Vec<_>>>()?;
    announce_recovery(config, &recovery);
    let (sender, receiver) = sync_channel(QUEUE_BATCHES);
    thread::scope(|scope| {
        for (address, socket) in sockets {
            let listener = Listener::new(config, socket, sender.clone(), Arc::clone(&stop));
            tracing::info!("listening on udp {address}");
            scope.spawn(move || listener.run());
        }
        drop(sender);
        let result = write(writer, &receiver);
        // If the store failed, the listeners must not wait for it for ever.
        stop.store(true, Ordering::Relaxed);
        drop(receiver);
        result
    })
}

fn announce_recovery(config: &Config, recovery: &weir_store::Recovery) {
    let listen: Vec<String> = config.listen.iter().map(SocketAddr::to_string).collect();
    tracing::info!("store {}, listening on {}", config.store.display(), listen.join(", "));
    if recovery.rows > 0 || recovery.torn_bytes > 0 || recovery.orphans > 0 {
        tracing::info!(
            "after a stop without warning: {} records in {} batches came back from the journal, {} bytes of \
             unfinished writes were cut, {} unfinished files removed",
            recovery.rows,
            recovery.frames,
            recovery.torn_bytes,
            recovery.orphans
        );
    }
    for damage in &recovery.damage {
        tracing::error!("the journal {} is damaged: {}", damage.path.display(), damage.how);
    }
}

/// Stores batches as they come, until all listeners are gone; then seals.
fn write(mut writer: Writer, receiver: &Receiver<Batch>) -> Outcome {
    loop {
        match receiver.recv_timeout(udp::WAIT) {
            Ok(batch) => {
                writer.append(&batch, clock::now_ms())?;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        writer.tick(clock::now_ms())?;
    }
    writer.close(clock::now_ms())?;
    tracing::info!("stopped; everything received is stored");
    Ok(())
}

/// One socket's thread.
struct Listener {
    socket: UdpSocket,
    decoder: Decoder,
    sender: SyncSender<Batch>,
    stop: Arc<AtomicBool>,
    drops: Drops,
    problems: log::Problems,
    known: HashSet<Addr>,
    declared: HashSet<Addr>,
}

impl Listener {
    fn new(config: &Config, socket: UdpSocket, sender: SyncSender<Batch>, stop: Arc<AtomicBool>) -> Self {
        let drops = Drops::of(&socket);
        Self {
            socket,
            decoder: Decoder::new(config),
            sender,
            stop,
            drops,
            problems: log::Problems::default(),
            known: HashSet::new(),
            declared: config.exporters.iter().map(|e| e.address).collect(),
        }
    }

    fn run(mut self) {
        let mut buffer = vec![0; 65_536];
        let mut batch_since = Instant::now();
        let mut drops_since = Instant::now();
        loop {
            // Asked to stop, the listener still takes what the kernel holds.
            let stopping = self.stop.load(Ordering::Relaxed);
            let received = self.socket.recv_from(&mut buffer);
            let is_idle = received.is_err();
            if let Ok((len, from)) = received {
                self.ingest(buffer.get(..len).unwrap_or_default(), from);
            }
            let now = Instant::now();
            if now.duration_since(drops_since) >= DROPS_EVERY || (stopping && is_idle) {
                self.count_drops();
                drops_since = now;
            }
            if self.decoder.is_full() || now.duration_since(batch_since) >= TICK || (stopping && is_idle) {
                batch_since = now;
                if !self.hand_over() {
                    return;
                }
            }
            if stopping && is_idle {
                return;
            }
        }
    }

    fn ingest(&mut self, payload: &[u8], from: SocketAddr) {
        let exporter = Addr::from(from.ip());
        if self.known.len() < ANNOUNCED_MAX
            && self.known.insert(exporter)
            && !self.declared.contains(&exporter)
        {
            tracing::info!("new exporter {exporter}: not named in the configuration, accounted all the same");
        }
        let arrival = Arrival { received: clock::now_ms(), from: exporter, port: from.port(), payload };
        if let Some(problem) = self.decoder.ingest(&arrival) {
            self.problems.note(&problem, Instant::now());
        }
    }

    fn count_drops(&mut self) {
        let dropped = self.drops.since();
        if dropped > 0 {
            tracing::warn!(
                "the kernel dropped {dropped} datagrams: the store or this machine is too slow for them"
            );
            let value = i64::try_from(dropped).unwrap_or(i64::MAX);
            let (sessions, batch) = self.decoder.sessions();
            sessions.count(clock::now_ms(), Addr::UNSPECIFIED, Counter::SocketDrops, value, batch);
        }
    }

    /// Sends the batch to the writer, waiting if it is behind; false if it is gone.
    fn hand_over(&mut self) -> bool {
        let batch = self.decoder.take();
        if batch.is_void() {
            return true;
        }
        self.sender.send(batch).is_ok()
    }
}
