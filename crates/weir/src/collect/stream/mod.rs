//! IPFIX over connections: TCP, TLS over TCP, SCTP (RFC 7011 §10.2, §10.4).
//!
//! A connection is a transport session: its templates and its sequence numbers belong to it and end with it. One
//! thread serves a listener and all its connections, none of which it ever waits for; their messages go the way of
//! datagrams. If the thread is held up, or an exporter sends more than it may, connections are read more slowly and
//! the exporter feels it: nothing is thrown away.
//!
//! Everything has a maximum: connections of a listener (`connections` of `[[listen]]`), octets of an unfinished
//! message (what its length field can say), the time until the first message and until the end of one that has
//! begun ([`PATIENCE`]), and the silence between messages (`idle_s`). A peer that died is found by the kernel's
//! keepalive.
//!
//! SCTP is served as a connection too (one-to-one style, RFC 6458 §4). Its streams are not told apart: an exporter
//! that numbers several of them (RFC 7011 §3.1) looks as if it mixed up its sequence.

mod connection;
mod framing;
pub(crate) mod tls;

use super::udp::WAIT;
use super::worker::Worker;
use crate::clock::Moment;
use crate::config::{Config, Listen, Transport};
use crate::exit::{Failure, Outcome};
use connection::{Connection, End};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::sockopt;
use rustls::{ServerConfig, ServerConnection};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};
use weir_flow::Addr;
use weir_flow::health::Counter;

/// How long a connection may take until its first message (with TLS's handshake before it), and a message from
/// its first octet to its last.
const PATIENCE: Duration = Duration::from_secs(60);
/// Connections the kernel keeps until they are accepted.
const BACKLOG: i32 = 128;
/// Connections accepted before those that are open have their turn again.
const ACCEPTS_MAX: usize = 32;
/// After an accept that failed (no descriptors left) the next is tried so much later.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);
/// How long, when told to stop, what is under way is still taken.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// The number of SCTP among IP's protocols.
const SCTP: i32 = 132;

/// A listener for connections and those that are open.
pub(super) struct Streams {
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    open: Vec<Connection>,
    listen: Listen,
    accept_after: Option<Instant>,
}

impl Streams {
    /// Binds a listener.
    ///
    /// # Errors
    /// The address is taken or not allowed, the kernel does not have SCTP, a certificate cannot be used.
    pub(super) fn bind(listen: &Listen) -> Outcome<Self> {
        let socket = socket(listen).map_err(|error| cannot_listen(listen, &error))?;
        Self::over(listen, socket)
    }

    /// What it listens on.
    pub(super) fn name(&self) -> String {
        self.listen.to_string()
    }

    /// A listener over a socket that is bound and listens already.
    ///
    /// # Errors
    /// A certificate cannot be used.
    pub(super) fn over(listen: &Listen, socket: Socket) -> Outcome<Self> {
        let tls = tls_of(listen)?;
        socket.set_nonblocking(true).map_err(|error| cannot_listen(listen, &error))?;
        Ok(Self {
            listener: socket.into(),
            tls,
            open: Vec::new(),
            listen: listen.clone(),
            accept_after: None,
        })
    }

    /// Goes by what the configuration says of this listener now: its limits, and its certificate, which may be another
    /// in the same file. Connections that are open stay.
    fn renew(&mut self, config: &Config) {
        let Some(listen) = config.listen.iter().find(|listen| listen.is_same(&self.listen)) else { return };
        match tls_of(listen) {
            Ok(tls) => self.tls = tls,
            Err(failure) => tracing::error!("{listen} keeps its certificate: {failure}"),
        }
        self.listen = listen.clone();
    }

    /// Serves connections until told to stop; then still takes what has arrived.
    pub(super) fn hear(mut self, mut worker: Worker) {
        let mut buffer = vec![0; connection::CHUNK_BYTES];
        let mut stopping_since = None;
        let mut version = worker.version();
        loop {
            let is_stopping = worker.is_stopping();
            let ready = self.wait(is_stopping, &mut worker);
            let now = Moment::now();
            let has_any = ready.connections.iter().any(|is_ready| *is_ready);
            self.serve(&ready, &mut buffer, now, &mut worker);
            self.end_the_silent(now, &mut worker);
            if ready.listener && !is_stopping {
                self.accept(now, &mut worker);
            }
            let stopping_for =
                is_stopping.then(|| now.at.duration_since(*stopping_since.get_or_insert(now.at)));
            let is_last = stopping_for.is_some_and(|so_long| !has_any || so_long >= LAST_WORDS);
            if is_last {
                self.close(&mut worker);
            }
            if !worker.tick(now, is_last) || is_last {
                return;
            }
            if std::mem::replace(&mut version, worker.version()) != worker.version() {
                self.renew(&worker.config());
            }
        }
    }

    /// Waits until something can be done, or not at all.
    fn wait(&self, is_stopping: bool, worker: &mut Worker) -> Ready {
        let now = Moment::now();
        let accepts = self.accept_after.is_none_or(|after| now.at >= after);
        let mut fds = Vec::with_capacity(self.open.len() + 1);
        fds.push(PollFd::new(&self.listener, if accepts { PollFlags::IN } else { PollFlags::empty() }));
        // Connections that have to wait are left out: that one was closed would be told again and again.
        let mut asked = Vec::with_capacity(self.open.len());
        for connection in &self.open {
            let mut flags = PollFlags::empty();
            flags.set(PollFlags::IN, worker.may_read(connection.from, now));
            flags.set(PollFlags::OUT, connection.wants_write());
            asked.push(!flags.is_empty());
            if !flags.is_empty() {
                fds.push(PollFd::new(&connection.stream, flags));
            }
        }
        let wait = if is_stopping { Duration::ZERO } else { WAIT };
        let timeout = Timespec::try_from(wait).ok();
        // Interrupted by a signal: nothing is ready, and whether to stop is looked at again.
        let _ = poll(&mut fds, timeout.as_ref());
        let mut told = fds.iter().map(|fd| !fd.revents().is_empty());
        let listener = told.next().unwrap_or_default();
        let connections = asked.into_iter().map(|asked| asked && told.next().unwrap_or_default()).collect();
        Ready { listener, connections }
    }

    fn serve(&mut self, ready: &Ready, buffer: &mut [u8], now: Moment, worker: &mut Worker) {
        let mut is_ready = ready.connections.iter();
        let ended = self.open.extract_if(.., |connection| {
            if is_ready.next() != Some(&true) || !worker.may_read(connection.from, now) {
                return false;
            }
            let from = connection.from;
            let done = connection
                .write()
                .and_then(|()| connection.read(buffer, now.at, |message| worker.message(message, from, now)));
            let Err(end) = done else { return false };
            finish(from, &end, now, worker);
            true
        });
        ended.for_each(Connection::close);
    }

    fn end_the_silent(&mut self, now: Moment, worker: &mut Worker) {
        let idle = Duration::from_secs(self.listen.idle_s.into());
        let ended = self.open.extract_if(.., |connection| {
            let overdue = connection.overdue(now.at, idle, PATIENCE);
            if let Some(limit) = overdue {
                finish(connection.from, &End::Idle(limit.as_secs()), now, worker);
            }
            overdue.is_some()
        });
        ended.for_each(Connection::close);
    }

    fn accept(&mut self, now: Moment, worker: &mut Worker) {
        for _ in 0..ACCEPTS_MAX {
            match self.listener.accept() {
                Ok((stream, from)) => self.open(stream, from, now, worker),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // The one that was to be accepted is gone again.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    worker.refuse_connection(Addr::UNSPECIFIED, "accept", &error.to_string(), now);
                    self.accept_after = Some(now.at + ACCEPT_PAUSE);
                    return;
                }
            }
        }
    }

    /// Opens a connection, or turns it away by dropping it.
    fn open(&mut self, stream: TcpStream, from: SocketAddr, now: Moment, worker: &mut Worker) {
        if !worker.admits(from, now) {
            return;
        }
        // An exporter that lost its connection and comes back from the same port is a new transport session.
        if let Some(at) = self.open.iter().position(|connection| connection.from == from) {
            finish(from, &End::Superseded, now, worker);
            self.open.swap_remove(at).close();
        }
        if self.open.len() >= self.listen.connections {
            let explanation = "as many are open as `connections` of [[listen]] says";
            return worker.refuse_connection(from.ip().into(), "connection_limit", explanation, now);
        }
        let tls = self.tls.as_ref().map(|config| ServerConnection::new(Arc::clone(config)).map(Box::new));
        let tls = match tls.transpose() {
            Ok(tls) => tls,
            Err(error) => return finish(from, &End::Tls(error), now, worker),
        };
        if let Err(error) = stream.set_nonblocking(true) {
            return finish(from, &End::Io(error), now, worker);
        }
        keep_alive(&stream);
        worker.count(now.ms, from.ip().into(), Counter::Connections, 1);
        worker.connection_opened(from, now);
        self.open.push(Connection::new(stream, from, tls, now.at));
    }

    /// Ends all connections, because weir stops.
    fn close(&mut self, worker: &mut Worker) {
        for connection in self.open.drain(..) {
            worker.end(connection.from);
            connection.close();
        }
    }
}

/// What something can be done with.
struct Ready {
    listener: bool,
    connections: Vec<bool>,
}

/// A connection's sessions end with it; unless it was simply closed, why is counted and said.
fn finish(from: SocketAddr, end: &End, now: Moment, worker: &mut Worker) {
    worker.end(from);
    match (end, end.word()) {
        (End::Stranger(_), Some(reason)) => {
            worker.refuse_connection(from.ip().into(), reason, &end.to_string(), now);
        }
        (_, Some(reason)) => worker.connection_error(from, reason, &end.to_string(), now),
        (_, None) => worker.connection_closed(from, &end.to_string(), now),
    }
}

/// Finds peers that died without a word: asked after a minute of silence, given up after another. SCTP has
/// heartbeats of its own.
fn keep_alive(stream: &TcpStream) {
    let _ = sockopt::set_socket_keepalive(stream, true)
        .and_then(|()| sockopt::set_tcp_keepidle(stream, Duration::from_secs(60)))
        .and_then(|()| sockopt::set_tcp_keepintvl(stream, Duration::from_secs(15)))
        .and_then(|()| sockopt::set_tcp_keepcnt(stream, 4));
}

fn tls_of(listen: &Listen) -> Outcome<Option<Arc<ServerConfig>>> {
    match &listen.transport {
        Transport::Tls(identity) => tls::server(identity).map(Some),
        _ => Ok(None),
    }
}

fn socket(listen: &Listen) -> io::Result<Socket> {
    let address = listen.address;
    let protocol = match listen.transport {
        Transport::Sctp => Protocol::from(SCTP),
        _ => Protocol::TCP,
    };
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(protocol))?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        // One socket for both families.
        socket.set_only_v6(false)?;
    }
    // The port is free again as soon as the last weir is gone, whatever connections it left behind.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}

fn cannot_listen(listen: &Listen, error: &io::Error) -> Failure {
    let is_unknown = [Errno::PROTONOSUPPORT, Errno::SOCKTNOSUPPORT].map(Errno::raw_os_error);
    if listen.transport == Transport::Sctp
        && error.raw_os_error().is_some_and(|code| is_unknown.contains(&code))
    {
        return Failure::new(format!(
            "cannot listen on {listen}: the kernel has no SCTP: load the module `sctp`, or listen on tcp or udp"
        ));
    }
    let cure = match error.kind() {
        io::ErrorKind::AddrInUse => "another program has the port: stop it, or listen on another",
        io::ErrorKind::PermissionDenied => "ports below 1024 need privileges: listen on another",
        _ => "see [[listen]] in the configuration",
    };
    Failure::new(format!("cannot listen on {listen}: {error}; {cure}"))
}
