//! One connection: octets in, by TLS or bare; whole messages out; and why it ended.

use super::framing::{Fault, Framing};
use rustls::ServerConnection;
use std::fmt;
use std::io::{self, Read};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Octets read at once.
pub(super) const CHUNK_BYTES: usize = 16 << 10;
/// Reads of one connection before the others have their turn.
const READS_MAX: usize = 16;

/// Why a connection ended.
#[derive(Debug)]
pub(super) enum End {
    /// The exporter closed it, between two messages.
    Closed,
    /// It went away with so many octets of an unfinished message.
    Cut(usize),
    /// What came is no IPFIX.
    Fault(Fault),
    /// The exporter shows no certificate, or one of a stranger: it was never let in.
    Stranger(rustls::Error),
    /// TLS failed otherwise.
    Tls(rustls::Error),
    /// The network failed.
    Io(io::Error),
    /// Nothing came for too long: so many seconds.
    Idle(u64),
    /// The same address and port opened another.
    Superseded,
}

impl End {
    /// The reason under which it is counted; `None` for the usual end.
    pub(super) fn word(&self) -> Option<&'static str> {
        Some(match self {
            Self::Closed => return None,
            Self::Cut(_) => "cut",
            Self::Fault(fault) => fault.word(),
            Self::Stranger(_) => "certificate",
            Self::Tls(_) => "tls",
            Self::Io(_) => "network",
            Self::Idle(_) => "idle",
            Self::Superseded => "superseded",
        })
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => write!(f, "closed by the exporter"),
            Self::Cut(octets) => write!(f, "it ended {octets} octets into a message, which is lost"),
            Self::Fault(fault) => fault.fmt(f),
            Self::Stranger(error) => {
                write!(f, "{error}: give it a certificate of the authority in client_ca")
            }
            Self::Tls(error) => write!(f, "TLS: {error}"),
            Self::Io(error) => write!(f, "{error}"),
            Self::Idle(seconds) => write!(f, "nothing whole came for {seconds} s"),
            Self::Superseded => write!(f, "the same address and port opened another"),
        }
    }
}

/// An open connection.
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    pub(super) from: SocketAddr,
    tls: Option<Box<ServerConnection>>,
    framing: Framing,
    /// When something came last.
    heard: Instant,
    /// Since when a message is awaited that has begun; or the first, since the connection was opened.
    awaited: Option<Instant>,
}

impl Connection {
    pub(super) fn new(
        stream: TcpStream,
        from: SocketAddr,
        tls: Option<Box<ServerConnection>>,
        now: Instant,
    ) -> Self {
        Self { stream, from, tls, framing: Framing::default(), heard: now, awaited: Some(now) }
    }

    /// Whether TLS has something to say to the other side.
    pub(super) fn wants_write(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.wants_write())
    }

    /// Whether it has been silent for `idle`, or has not finished for `patience` what it began; then for how long
    /// it may.
    pub(super) fn overdue(&self, now: Instant, idle: Duration, patience: Duration) -> Option<Duration> {
        let late = |since: Instant, limit: Duration| (now.duration_since(since) >= limit).then_some(limit);
        self.awaited.and_then(|since| late(since, patience)).or_else(|| late(self.heard, idle))
    }

    /// Reads what is there, within reason, and hands over the messages that are whole with it.
    pub(super) fn read(
        &mut self,
        buffer: &mut [u8],
        now: Instant,
        mut each: impl FnMut(&[u8]),
    ) -> Result<(), End> {
        for _ in 0..READS_MAX {
            let len = match self.octets(buffer) {
                Ok(0) => return Err(self.closed()),
                Ok(len) => len,
                Err(End::Io(error)) if is_for_later(&error) => return Ok(()),
                // A TLS stream that just stops: what counts is whether a message is missing a part.
                Err(End::Io(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Err(self.closed());
                }
                Err(end) => return Err(end),
            };
            self.heard = now;
            let awaited = &mut self.awaited;
            let octets = buffer.get(..len).unwrap_or_default();
            let fed = self.framing.feed(octets, |message| {
                *awaited = None;
                each(message);
            });
            fed.map_err(End::Fault)?;
            if self.framing.unfinished() > 0 {
                self.awaited.get_or_insert(now);
            }
        }
        Ok(())
    }

    fn closed(&self) -> End {
        match self.framing.unfinished() {
            0 => End::Closed,
            octets => End::Cut(octets),
        }
    }

    /// The next octets, decrypted; an error of kind `WouldBlock` if there are none yet.
    fn octets(&mut self, buffer: &mut [u8]) -> Result<usize, End> {
        let Some(tls) = &mut self.tls else {
            return self.stream.read(buffer).map_err(End::Io);
        };
        loop {
            match tls.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return result.map_err(End::Io),
            }
            let is_end = tls.read_tls(&mut self.stream).map_err(End::Io)? == 0;
            let processed = tls.process_new_packets();
            // Handshakes and alerts: also why it failed is said to the other side.
            let said = write(tls, &mut self.stream);
            processed
                .map_err(|error| if is_stranger(&error) { End::Stranger(error) } else { End::Tls(error) })?;
            said.map_err(End::Io)?;
            if is_end && tls.is_handshaking() {
                return Err(End::Closed);
            }
        }
    }

    /// Goes on with what TLS has to say.
    pub(super) fn write(&mut self) -> Result<(), End> {
        match &mut self.tls {
            Some(tls) => write(tls, &mut self.stream).map_err(End::Io),
            None => Ok(()),
        }
    }

    /// Says goodbye, if that can be done without waiting.
    pub(super) fn close(mut self) {
        // What is left unread would make the kernel reset the connection, and the other side not hear why.
        let mut rest = [0; CHUNK_BYTES];
        let unread = (0..READS_MAX).take_while(|_| matches!(self.stream.read(&mut rest), Ok(1..)));
        unread.count();
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            let _ = write(tls, &mut self.stream);
        }
    }
}

fn write(tls: &mut ServerConnection, stream: &mut TcpStream) -> io::Result<()> {
    while tls.wants_write() {
        match tls.write_tls(stream) {
            Ok(_) => {}
            Err(error) if is_for_later(&error) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn is_for_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// Whether the exporter's certificate is missing or not to be believed.
fn is_stranger(error: &rustls::Error) -> bool {
    matches!(error, rustls::Error::NoCertificatesPresented | rustls::Error::InvalidCertificate(_))
}
