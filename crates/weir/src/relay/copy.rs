//! Copying datagrams onward, untouched.
//!
//! A listener never waits for a relay: it puts datagrams into parcels, and parcels into a bounded queue. What
//! does not fit is dropped and counted. Parcels come back to be filled again, so that nothing is allocated for a
//! datagram. A parcel leaves when it is full, and when the listener has nothing more to receive.

use super::tally::Tally;
use super::{Out, balance};
use crate::config::{Mode, Relay};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use weir_flow::Addr;
use weir_flow::health::Counter;

/// Octets of a parcel, about.
const PARCEL_BYTES: usize = 32 << 10;
/// Parcels that may wait for a relay: 8 MiB, and a fraction of a second at full pace.
pub(super) const QUEUE_PARCELS: usize = 256;

/// Datagrams on their way to a relay.
#[derive(Debug)]
pub(super) struct Parcel {
    octets: Vec<u8>,
    datagrams: Vec<Entry>,
    /// Where it goes when it is empty again.
    home: SyncSender<Parcel>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    exporter: Addr,
    port: u16,
    len: usize,
}

/// One listener's way into one relay.
#[derive(Debug)]
struct Feed {
    relay: Arc<Relay>,
    queue: SyncSender<Parcel>,
    parcel: Parcel,
    returned: Receiver<Parcel>,
}

impl Feed {
    fn new(relay: Arc<Relay>, queue: SyncSender<Parcel>) -> Self {
        let (home, returned) = sync_channel(QUEUE_PARCELS);
        Self { relay, queue, parcel: Parcel::new(home), returned }
    }

    /// Puts the parcel into the queue and takes an empty one.
    fn flush(&mut self, dropped: &mut Vec<(Addr, usize)>) {
        if self.parcel.datagrams.is_empty() {
            return;
        }
        let home = self.parcel.home.clone();
        let empty = self.returned.try_recv().unwrap_or_else(|_| Parcel::new(home));
        let full = std::mem::replace(&mut self.parcel, empty);
        if let Err(TrySendError::Full(mut parcel) | TrySendError::Disconnected(mut parcel)) =
            self.queue.try_send(full)
        {
            let copies = copies(&self.relay);
            dropped.extend(parcel.datagrams.iter().map(|entry| (entry.exporter, copies)));
            parcel.clear();
            self.parcel = parcel;
        }
    }
}

/// How often a relay sends a datagram.
fn copies(relay: &Relay) -> usize {
    if relay.mode == Mode::Balance { 1 } else { relay.to.len() }
}

impl Parcel {
    fn new(home: SyncSender<Parcel>) -> Self {
        Self { octets: Vec::with_capacity(PARCEL_BYTES + 2048), datagrams: Vec::new(), home }
    }

    fn clear(&mut self) {
        self.octets.clear();
        self.datagrams.clear();
    }
}

/// One listener's ways into all relays that copy.
#[derive(Debug, Default)]
pub(crate) struct Feeds {
    feeds: Vec<Feed>,
    dropped: Vec<(Addr, usize)>,
}

impl Feeds {
    pub(super) fn new(relays: impl Iterator<Item = (Arc<Relay>, SyncSender<Parcel>)>) -> Self {
        Self { feeds: relays.map(|(relay, queue)| Feed::new(relay, queue)).collect(), dropped: Vec::new() }
    }

    /// Whether nothing is to be copied at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.feeds.is_empty()
    }

    /// How many copies of what this exporter sends are to go onward.
    pub(crate) fn copies(&self, exporter: Addr) -> usize {
        self.feeds.iter().filter(|feed| feed.relay.takes(exporter)).map(|feed| copies(&feed.relay)).sum()
    }

    /// Whether there are datagrams that wait for company.
    pub(crate) fn is_holding(&self) -> bool {
        self.feeds.iter().any(|feed| !feed.parcel.datagrams.is_empty())
    }

    /// Copies a datagram into the parcels of those that take it.
    pub(crate) fn offer(&mut self, payload: &[u8], exporter: Addr, port: u16) {
        for feed in self.feeds.iter_mut().filter(|feed| feed.relay.takes(exporter)) {
            feed.parcel.octets.extend_from_slice(payload);
            feed.parcel.datagrams.push(Entry { exporter, port, len: payload.len() });
            if feed.parcel.octets.len() >= PARCEL_BYTES {
                feed.flush(&mut self.dropped);
            }
        }
    }

    /// Sends off what waits.
    pub(crate) fn flush(&mut self) {
        for feed in &mut self.feeds {
            feed.flush(&mut self.dropped);
        }
    }

    /// Exporters whose datagrams did not fit into a queue, and how many copies that is.
    pub(crate) fn take_dropped(&mut self) -> Option<Vec<(Addr, usize)>> {
        (!self.dropped.is_empty()).then(|| std::mem::take(&mut self.dropped))
    }
}

/// The relay's thread: sends what comes until all listeners are gone.
pub(super) fn run(relay: &Relay, mut out: Out, queue: &Receiver<Parcel>, tally: &Tally) {
    while let Ok(mut parcel) = queue.recv() {
        let mut done = Vec::with_capacity(parcel.datagrams.len());
        let mut rest = parcel.octets.as_slice();
        for entry in &parcel.datagrams {
            let (payload, after) = rest.split_at_checked(entry.len).unwrap_or_default();
            rest = after;
            for to in targets(relay, entry.exporter) {
                done.push((entry.exporter, out.send((entry.exporter, entry.port), *to, payload)));
            }
        }
        let mut tally = tally.hold();
        for (exporter, result) in done {
            match result {
                Ok(()) => tally.add(exporter, Counter::Relayed, "", 1),
                Err(unsent) => tally.add(exporter, Counter::RelayDropped, unsent.word(), 1),
            }
        }
        parcel.clear();
        let home = parcel.home.clone();
        // If nobody wants it back it is freed.
        let _ = home.try_send(parcel);
    }
}

/// The targets of an exporter's datagrams.
pub(super) fn targets(relay: &Relay, exporter: Addr) -> &[SocketAddr] {
    if relay.mode == Mode::All {
        return &relay.to;
    }
    let at = balance::target(exporter, &relay.to);
    relay.to.get(at..=at).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    fn relay(text: &str) -> Arc<Relay> {
        Arc::new(config::read(text).unwrap().relays.remove(0))
    }

    /// A relay that takes nothing out of its queue: the listener goes on, and every copy is either in the queue,
    /// with the listener, or counted.
    #[test]
    fn a_relay_that_stands_still_costs_copies_and_no_time() {
        const QUEUE: usize = 3;
        let (sender, queue) = sync_channel(QUEUE);
        let relay =
            relay("[[relay]]\nto = [\"192.0.2.9:1\", \"192.0.2.9:2\"]\nexporters = [\"10.0.0.0/8\"]\n");
        let mut feeds = Feeds::new([(relay, sender)].into_iter());
        let (ours, other) = (Addr::v4([10, 0, 0, 1]), Addr::v4([11, 0, 0, 1]));
        let mut dropped = 0;
        for _ in 0..1000 {
            feeds.offer(&[7; 1000], ours, 5);
            feeds.offer(&[7; 1000], other, 5);
            for (exporter, copies) in feeds.take_dropped().unwrap_or_default() {
                assert_eq!(exporter, ours);
                dropped += copies;
            }
        }
        assert!(feeds.is_holding());
        // 33 datagrams of 1000 octets fill a parcel; two copies each.
        let parcel = 33;
        assert_eq!(dropped, 2 * parcel * (1000 / parcel - QUEUE));
        let queued: usize = queue.try_iter().map(|parcel| parcel.datagrams.len()).sum();
        assert_eq!(queued, QUEUE * parcel);
        feeds.flush();
        assert_eq!(queue.try_iter().map(|parcel| parcel.datagrams.len()).sum::<usize>(), 1000 % parcel);
        assert_eq!([feeds.copies(ours), feeds.copies(other)], [2, 0]);
    }
}
