//! `weir send`: plays the datagrams of a capture to a collector, paced, and says exactly what it sent.

use super::file;
use super::stream::tls;
use crate::clock;
use crate::exit::{Failure, Outcome};
use rustls::{ClientConnection, StreamOwned};
use serde_json::json;
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant};
use weir_flow::Addr;
use weir_wire::Protocol;

/// Sources that get a port of their own, so that the collector tells their sessions apart; more share the last.
const SOURCES_MAX: usize = 1024;

/// How fast.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Pace {
    /// So many datagrams a second.
    PerSecond(u64),
    /// As captured, so many hundredths as fast: 100 is the original pace.
    Captured(u64),
    /// As fast as the socket takes them.
    Unpaced,
}

/// Over what.
#[derive(Debug)]
pub(crate) enum Way {
    Udp,
    /// Only IPFIX goes over connections.
    Tcp,
    /// To a collector of this name.
    Tls(tls::Exporter, String),
}

/// What was sent.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    pub(crate) datagrams: u64,
    pub(crate) payload_bytes: u64,
    pub(crate) by_version: HashMap<&'static str, u64>,
    pub(crate) sources: usize,
    pub(crate) other_frames: u64,
    /// Datagrams that a connection does not take, because they are not IPFIX.
    pub(crate) not_ipfix: u64,
    pub(crate) elapsed_ms: u64,
}

impl Sent {
    pub(crate) fn document(&self) -> serde_json::Value {
        let mut versions: Vec<_> = self.by_version.iter().collect();
        versions.sort();
        json!({
            "datagrams": self.datagrams,
            "payload_bytes": self.payload_bytes,
            "by_version": versions.into_iter().map(|(k, v)| ((*k).to_owned(), json!(v))).collect::<serde_json::Map<_, _>>(),
            "sources": self.sources,
            "other_frames": self.other_frames,
            "not_ipfix": self.not_ipfix,
            "elapsed_ms": self.elapsed_ms,
        })
    }
}

/// Sends a file's datagrams.
///
/// # Errors
/// The file cannot be read, or a datagram not be sent: what was sent before stays sent.
pub(crate) fn send(
    path: &Path,
    to: SocketAddr,
    way: &Way,
    pace: Pace,
    kind: Option<file::Kind>,
) -> Outcome<Sent> {
    let begun = Instant::now();
    let mut sent = Sent::default();
    let mut lines: HashMap<(Addr, u16), Line> = HashMap::new();
    let mut shared: Option<(Addr, u16)> = None;
    let mut first_ms = None;
    let contents = file::read(
        path,
        kind,
        clock::now_ms(),
        &mut |item| {
            let file::Item::Datagram(arrival) = item else {
                return Err(Failure::new(format!(
                    "{}: an archive holds records and no datagrams: there is nothing to send",
                    path.display()
                )));
            };
            let protocol = weir_wire::detect(arrival.payload);
            let Some(payload) = way.payload(arrival.payload) else {
                sent.not_ipfix += 1;
                return Ok(());
            };
            let offset_ms = arrival.received.abs_diff(*first_ms.get_or_insert(arrival.received));
            wait(begun, due(pace, sent.datagrams, offset_ms));
            let mut source = (arrival.from, arrival.port);
            if lines.len() >= SOURCES_MAX && !lines.contains_key(&source) {
                source = shared.unwrap_or(source);
            }
            shared = Some(source);
            let line = match lines.entry(source) {
                std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::hash_map::Entry::Vacant(entry) => entry.insert(Line::open(way, to)?),
            };
            let cannot = |error| {
                Failure::new(format!("cannot send to {to}: {error}; {} datagrams were sent", sent.datagrams))
            };
            line.send(payload, to).map_err(cannot)?;
            sent.datagrams += 1;
            sent.payload_bytes += payload.len() as u64;
            *sent.by_version.entry(protocol.map_or("other", Protocol::as_str)).or_default() += 1;
            Ok(())
        },
        &|_| {},
    )?;
    sent.sources = lines.len();
    for line in lines.into_values() {
        line.close().map_err(|error| Failure::new(format!("{to} did not take what was sent: {error}")))?;
    }
    sent.other_frames = contents.other_frames;
    sent.elapsed_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(sent)
}

impl Way {
    /// What goes out of a datagram: over connections the one message that it is, without padding behind it.
    fn payload<'a>(&self, datagram: &'a [u8]) -> Option<&'a [u8]> {
        match self {
            Self::Udp => Some(datagram),
            Self::Tcp | Self::Tls(..) => {
                let message = weir_wire::ipfix::Message::new_checked(datagram).ok()?;
                datagram.get(..message.len())
            }
        }
    }
}

/// How one exporter of the capture reaches the collector.
enum Line {
    Udp(UdpSocket),
    Tcp(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Line {
    fn open(way: &Way, to: SocketAddr) -> Outcome<Self> {
        let connect = || {
            let cannot = |error| Failure::new(format!("cannot connect to {to}: {error}"));
            TcpStream::connect(to).map_err(cannot)
        };
        Ok(match way {
            Way::Udp => Self::Udp(socket_to(to)?),
            Way::Tcp => Self::Tcp(connect()?),
            Way::Tls(exporter, name) => {
                Self::Tls(Box::new(StreamOwned::new(tls::client(exporter, name)?, connect()?)))
            }
        })
    }

    fn send(&mut self, payload: &[u8], to: SocketAddr) -> io::Result<()> {
        match self {
            Self::Udp(socket) => socket.send_to(payload, to).map(|_| ()),
            Self::Tcp(stream) => stream.write_all(payload),
            Self::Tls(stream) => stream.write_all(payload).map_err(|error| match last_words(stream) {
                Ok(()) => error,
                Err(alert) => alert,
            }),
        }
    }

    /// Ends a connection, and hears whether the collector has anything against what came.
    fn close(self) -> io::Result<()> {
        const PATIENCE: Duration = Duration::from_secs(5);
        let heard = match self {
            Self::Udp(_) => return Ok(()),
            Self::Tcp(mut stream) => {
                stream.shutdown(Shutdown::Write)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.read(&mut [0; 1])
            }
            Self::Tls(mut stream) => {
                stream.conn.send_close_notify();
                // If it is gone already, it has said why.
                let _ = stream.flush();
                stream.sock.set_read_timeout(Some(PATIENCE))?;
                last_words(&mut stream).map(|()| 0)
            }
        };
        match heard {
            Ok(_) => Ok(()),
            // It may go without a word, or stay.
            Err(error)
                if matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::WouldBlock) =>
            {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

/// Hears what the collector says at the end, over TLS: an alert is an error.
fn last_words(stream: &mut StreamOwned<ClientConnection, TcpStream>) -> io::Result<()> {
    while stream.conn.read_tls(&mut stream.sock)? > 0 {
        let state = stream.conn.process_new_packets().map_err(io::Error::other)?;
        if state.peer_has_closed() {
            break;
        }
    }
    Ok(())
}

fn socket_to(to: SocketAddr) -> Outcome<UdpSocket> {
    let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    UdpSocket::bind(any)
        .map_err(|error| Failure::new(format!("cannot open a socket to send to {to}: {error}")))
}

/// When a datagram is due, after the beginning.
fn due(pace: Pace, datagrams: u64, offset_ms: u64) -> Duration {
    match pace {
        Pace::PerSecond(n) => Duration::from_nanos(datagrams.saturating_mul(1_000_000_000 / n.max(1))),
        Pace::Captured(hundredths) => {
            Duration::from_millis(offset_ms.saturating_mul(100) / hundredths.max(1))
        }
        Pace::Unpaced => Duration::ZERO,
    }
}

fn wait(begun: Instant, due: Duration) {
    let early = due.saturating_sub(begun.elapsed());
    // Shorter waits than a sleep can keep are not waited for; they add up and are waited for together.
    if early > Duration::from_millis(1) {
        std::thread::sleep(early);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paces() {
        assert_eq!(due(Pace::PerSecond(1000), 5, 99), Duration::from_millis(5));
        assert_eq!(due(Pace::Captured(200), 5, 99), Duration::from_micros(49_000));
        assert_eq!(due(Pace::Unpaced, 5, 99), Duration::ZERO);
    }
}
