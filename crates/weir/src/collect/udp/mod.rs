//! One UDP socket: heard by a thread, watched for what the kernel drops.
//!
//! Datagrams are taken in bundles (`kernel`), and the clock is read once for each. UDP GRO is not asked for: a bundle
//! that the kernel made of forty datagrams and then has no room for, it counts as one dropped datagram (`docs/listen.md`).

mod drops;
mod socket;
mod steer;

use super::kernel::Bundle;
use super::worker::Worker;
use crate::clock::Moment;
use crate::metrics;
use drops::Drops;
pub(super) use socket::open;
use socket2::{SockFilter, SockRef};
use std::io;
use std::net::UdpSocket;
use std::time::{Duration, Instant};
use weir_flow::memory::{Change, Memory};

/// How long a receive waits before the worker looks at its clock.
pub(crate) const WAIT: Duration = Duration::from_millis(50);
/// How long more datagrams are waited for where they follow each other closely, at least and at most. To be woken for each
/// one costs more than to read it.
const LINGER: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(4));
/// So many are worth being woken for: half a bundle. The kernel has room for hundreds of times as many, if it gave what it
/// was asked for; where it gave less than this, nobody lingers long.
const COMPANY: u32 = 32;
const ROOMY_BYTES: usize = 4 << 20;
/// Datagrams follow each other closely if the last came so short a time before it was waited for more.
const CLOSELY: Duration = Duration::from_millis(1);
/// How often the kernel's table of drops is read.
const DROPS_EVERY: Duration = Duration::from_secs(1);
/// How often drops are worth a line in the log.
const SAID_EVERY: Duration = Duration::from_secs(10);
/// How long, when told to stop, a socket is emptied that stays open for the next process.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// The beginning of what the store remembers of sockets that outlive us; sessions have other letters.
const MEMORY: u8 = b'k';

/// A socket that is heard.
pub(super) struct Ear {
    socket: UdpSocket,
    /// What it listens on, for the log.
    name: String,
    /// Whether it was there before us and will be there after us: then by what key its drops are remembered.
    key: Option<Box<[u8]>>,
    drops: Drops,
    table_read: Instant,
    /// Drops that the log does not know of, and when it was told last.
    unsaid: (u64, Option<Instant>),
    stopping_since: Option<Instant>,
    /// How long it lingers at most.
    patience: Duration,
}

/// How long to linger until [`COMPANY`] has come, if so many came in this time.
fn linger(received: usize, time: Duration, most: Duration) -> Duration {
    let received = u32::try_from(received).unwrap_or(u32::MAX).max(1);
    (time * COMPANY / received).clamp(LINGER.0, most)
}

impl Ear {
    /// `name`: what it listens on. `memory`: what the store remembers, if the socket was there before us.
    pub(super) fn new(socket: UdpSocket, name: String, memory: Option<&Memory>) -> Self {
        let key = memory.map(|_| Box::from([&[MEMORY], name.as_bytes()].concat()));
        let mut drops = Drops::of(&socket, 0);
        if let (Some(memory), Some(key)) = (memory, &key) {
            drops.recall(memory.with_prefix(key).next().map(|(_, value)| value));
        }
        let (table_read, stopping_since) = (Instant::now(), None);
        let granted = SockRef::from(&socket).recv_buffer_size().unwrap_or_default();
        let patience = if granted >= ROOMY_BYTES { LINGER.1 } else { LINGER.0 };
        Self { socket, name, key, drops, table_read, unsaid: (0, None), stopping_since, patience }
    }

    /// What it listens on.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Leaves the size of the socket's buffer where it is asked for. The kernel counts its own overhead: it reports
    /// twice what it was asked for.
    pub(super) fn describe(&self, known: &metrics::Ear) {
        let wide = |len: usize| u64::try_from(len).unwrap_or(u64::MAX);
        let granted = SockRef::from(&self.socket).recv_buffer_size().unwrap_or_default() / 2;
        metrics::Ear::set(&known.buffer_bytes, wide(granted));
        metrics::Ear::set(&known.buffer_wanted_bytes, wide(socket::RECEIVE_BUFFER_BYTES));
    }

    /// Hears the socket until told to stop; then still takes what the kernel holds.
    pub(super) fn hear(mut self, mut worker: Worker) {
        let mut bundle = Bundle::new();
        let mut heard = Instant::now();
        let mut lingered = LINGER.0;
        loop {
            let is_stopping = worker.is_stopping();
            // Who has something to send on does not wait for more.
            let waits = !is_stopping && !worker.is_holding();
            let received = bundle.receive(&self.socket, waits);
            let now = Moment::now();
            // If the writer is gone, nobody wants the rest.
            if !bundle.iter().all(|(payload, from)| {
                worker.datagram(payload, from, now);
                worker.tick(now, false)
            }) {
                return;
            }
            let is_empty = received.is_err();
            let time = now.at.duration_since(std::mem::replace(&mut heard, now.at));
            let is_close = time < lingered + CLOSELY;
            lingered = LINGER.0;
            if let Ok(count) = received
                && is_close
                && waits
                && !bundle.may_have_more()
                && !worker.is_holding()
            {
                lingered = linger(count, time, self.patience);
                std::thread::sleep(lingered);
            }
            if let Err(error) = received {
                self.rest(&error, &mut worker);
            }
            let is_last = is_stopping && self.is_last(is_empty, now.at);
            self.count_drops(bundle.dropped(), now, is_last, &mut worker);
            if !worker.tick(now, is_last) || is_last {
                return;
            }
        }
    }

    /// Nothing came: what waits is sent on.
    fn rest(&self, error: &io::Error, worker: &mut Worker) {
        worker.flush();
        let is_usual = matches!(
            error.kind(),
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
        );
        if !is_usual {
            tracing::error!("cannot receive on {}: {error}", self.name);
            std::thread::sleep(Duration::from_secs(1));
        }
    }

    /// Told to stop: whether that is done, with nothing there any more.
    fn is_last(&mut self, is_empty: bool, now: Instant) -> bool {
        let Some(since) = self.stopping_since else {
            self.stopping_since = Some(now);
            self.close();
            return false;
        };
        // What is left in a socket that stays is the next one's.
        is_empty || (self.key.is_some() && now.duration_since(since) >= LAST_WORDS)
    }

    /// From now on the kernel takes nothing more in for this socket and counts it as dropped. So what it holds comes to
    /// an end, however much is sent, and what is sent while it is taken is not lost unseen.
    fn close(&self) {
        if self.key.is_some() {
            return;
        }
        let refuse_all = [SockFilter::new(RETURN, 0, 0, 0)];
        if let Err(error) = SockRef::from(&self.socket).attach_filter(&refuse_all) {
            tracing::warn!("cannot close {} to what is sent while it is emptied: {error}", self.name);
        }
    }

    fn count_drops(&mut self, dropped: Option<u32>, now: Moment, is_last: bool, worker: &mut Worker) {
        let mut new = self.drops.of_datagram(dropped);
        if is_last || now.at.duration_since(self.table_read) >= DROPS_EVERY {
            new = new.saturating_add(self.drops.of_table());
            self.table_read = now.at;
        }
        if new > 0 {
            let value = self.drops.remembered();
            let remembered = self.key.clone().map(|key| Change::Put { key, value });
            worker.dropped(new, remembered, now);
            self.unsaid.0 += u64::from(new);
        }
        self.say(now.at, is_last);
    }

    fn say(&mut self, now: Instant, is_last: bool) {
        let (dropped, said) = self.unsaid;
        let is_due = is_last || said.is_none_or(|said| now.duration_since(said) >= SAID_EVERY);
        if dropped > 0 && is_due {
            self.unsaid = (0, Some(now));
            let why = match self.stopping_since {
                None => "the store or this machine is too slow for them",
                Some(_) => "some or all of them came while weir was stopping",
            };
            tracing::warn!("the kernel dropped {dropped} datagrams for {}: {why}", self.name);
        }
    }
}

/// Classic BPF: ends the program with a constant, here how much of the datagram to keep.
const RETURN: u16 = 0x06;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_hears_much_is_woken_for_half_a_bundle() {
        let ms = Duration::from_millis;
        // 8 a millisecond, 1 a millisecond, 80 a millisecond.
        assert_eq!(linger(8, ms(1), LINGER.1), ms(4));
        assert_eq!(linger(16, ms(1), LINGER.1), ms(2));
        assert_eq!(linger(1, ms(1), LINGER.1), LINGER.1);
        assert_eq!(linger(80, ms(1), LINGER.1), LINGER.0);
        // Where the kernel has little room.
        assert_eq!(linger(8, ms(1), LINGER.0), LINGER.0);
        assert_eq!(linger(0, ms(1), LINGER.1), LINGER.1);
    }
}
