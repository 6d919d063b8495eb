//! What goes onward: datagrams as they came, and records in another format.
//!
//! Each `[[relay]]` has a thread and a bounded queue; nobody waits for it. Without `as` it copies datagrams
//! (`copy`): listeners fill its queue. With `as` it converts records (`convert`): the writer hands on each batch
//! that it has stored, so that what is sent onward is what is accounted. `balance` says which target an exporter
//! has, `own` and `raw` are the two ways to send, `tally` brings what was counted to the writer.

mod balance;
mod convert;
mod copy;
mod export;
mod own;
mod raw;
mod tally;

use crate::config::{Config, Relay, Source};
use crate::exit::{Failure, Outcome};
pub(crate) use copy::Feeds;
use copy::{Parcel, QUEUE_PARCELS};
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use tally::Tally;
use weir_flow::{Addr, Batch};

/// How often what was counted is stored.
const COUNTS_EVERY_MS: i64 = 1000;

/// Why a datagram was not sent onward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unsent {
    /// The kernel did not take it.
    SendError,
    /// An IPv4 exporter cannot be kept as the source of a packet to an IPv6 target, or the other way round.
    OtherFamily,
}

impl Unsent {
    /// The reason under which it is counted.
    fn word(self) -> &'static str {
        match self {
            Self::SendError => "send_error",
            Self::OtherFamily => "other_family",
        }
    }
}

/// A way to send.
#[derive(Debug)]
enum Out {
    Own(own::Ports),
    Keep(raw::Raw),
}

impl Out {
    fn open(relay: &Relay) -> Outcome<Self> {
        match relay.source {
            Source::Own => Ok(Self::Own(own::Ports::default())),
            Source::Keep => raw::Raw::open(&relay.to).map(Self::Keep).map_err(|error| cannot_keep(&error)),
        }
    }

    /// Sends a datagram of this exporter.
    fn send(&mut self, from: (Addr, u16), to: SocketAddr, payload: &[u8]) -> Result<(), Unsent> {
        match self {
            Self::Own(ports) => ports.send(from, to, payload).map_err(|_| Unsent::SendError),
            Self::Keep(raw) => raw.send(from, to, payload),
        }
    }
}

fn cannot_keep(error: &io::Error) -> Failure {
    let cure = "give weir CAP_NET_RAW (AmbientCapabilities=CAP_NET_RAW in a systemd unit, or setcap cap_net_raw+ep), \
                or write source = \"own\"";
    Failure::new(format!(
        "cannot send from the exporters' addresses (source = \"keep\" in [[relay]]): {error}; {cure}"
    ))
}

/// All relays, running.
#[derive(Debug, Default)]
pub(crate) struct Relays {
    copies: Vec<(Arc<Relay>, SyncSender<Parcel>)>,
    exports: Vec<export::Export>,
    threads: Vec<JoinHandle<()>>,
    tally: Arc<Tally>,
    counted_ms: i64,
}

impl Relays {
    /// Opens what the relays send with, and starts them.
    ///
    /// # Errors
    /// A target is our own listener, or a raw socket not permitted.
    pub(crate) fn open(config: &Config) -> Outcome<Self> {
        refuse_loops(config)?;
        let mut relays = Self::default();
        for relay in &config.relays {
            let out = Out::open(relay)?;
            let relay = Arc::new(relay.clone());
            let tally = Arc::clone(&relays.tally);
            let its = Arc::clone(&relay);
            tracing::info!("{}", announcement(&relay));
            if let Some(format) = relay.format {
                let (export, queue) = export::Export::new(Arc::clone(&relay), Arc::clone(&tally));
                relays.exports.push(export);
                relays.threads.push(thread::spawn(move || export::run(&its, format, out, &queue, &tally)));
            } else {
                let (sender, queue) = sync_channel(QUEUE_PARCELS);
                relays.copies.push((relay, sender));
                relays.threads.push(thread::spawn(move || copy::run(&its, out, &queue, &tally)));
            }
        }
        Ok(relays)
    }

    /// The way into the relays that copy, for listeners that may come later. The relays end when it is gone.
    pub(crate) fn tap(&self) -> Tap {
        Tap(self.copies.clone())
    }

    /// Hands a stored batch to the relays that convert; gives it back if there are none.
    pub(crate) fn export(&mut self, batch: Batch) -> Option<Batch> {
        if self.exports.is_empty() || batch.is_empty() {
            return Some(batch);
        }
        let batch = Arc::new(batch);
        for export in &self.exports {
            export.offer(&batch);
        }
        None
    }

    /// What was counted, once a second.
    pub(crate) fn counts(&mut self, now: i64) -> Option<Batch> {
        if now.abs_diff(self.counted_ms) < COUNTS_EVERY_MS.unsigned_abs() {
            return None;
        }
        self.counted_ms = now;
        self.tally.take(now)
    }

    /// Lets the relays finish what is queued; the last of what was counted.
    pub(crate) fn close(mut self, now: i64) -> Option<Batch> {
        self.copies.clear();
        self.exports.clear();
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a relay ended before its time");
            }
        }
        self.tally.take(now)
    }
}

/// The way into the relays that copy.
#[derive(Debug)]
pub(crate) struct Tap(Vec<(Arc<Relay>, SyncSender<Parcel>)>);

impl Tap {
    /// One listener's.
    pub(crate) fn feeds(&self) -> Feeds {
        Feeds::new(self.0.iter().cloned())
    }
}

fn announcement(relay: &Relay) -> String {
    let to: Vec<String> = relay.to.iter().map(SocketAddr::to_string).collect();
    let what = relay
        .format
        .map_or_else(|| "datagrams as they come".to_owned(), |f| format!("records as {}", f.word()));
    let source = match relay.source {
        Source::Keep => "from their exporters' addresses",
        Source::Own => "from our own address: receivers see weir as the exporter",
    };
    format!("relaying {what} to {}, {source}", to.join(", "))
}

/// A relay to one of our own listeners would go round for ever.
///
/// # Errors
/// There is one.
pub(crate) fn refuse_loops(config: &Config) -> Outcome {
    // Only an address of this machine can be bound.
    let is_ours = |ip: IpAddr| UdpSocket::bind((ip, 0)).is_ok();
    for to in config.relays.iter().flat_map(|relay| &relay.to) {
        if let Some(own) = config.listen.iter().find(|listen| listen.hears(*to, is_ours)) {
            return Err(Failure::new(format!(
                "the relay to {to} would send to our own listener {own}, and datagrams go round for ever: relay to \
                 another collector, or to another port"
            )));
        }
    }
    Ok(())
}
