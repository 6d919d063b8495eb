//! One UDP socket: made, heard by a thread, watched for what the kernel drops.

use super::worker::Worker;
use crate::exit::{Failure, Outcome};
use crate::metrics::Ear;
use rustix::net::RecvFlags;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};
use weir_flow::Addr;
use weir_flow::health::Counter;

/// What is asked of the kernel as room for datagrams: a second and a half at 30,000 full datagrams a second.
pub(super) const RECEIVE_BUFFER_BYTES: usize = 64 << 20;
/// How long a receive waits before the worker looks at its clock.
pub(crate) const WAIT: Duration = Duration::from_millis(50);

/// How often the kernel is asked what it dropped.
const DROPS_EVERY: Duration = Duration::from_secs(1);

/// Hears a socket until told to stop; then still takes what the kernel holds.
pub(super) fn hear(socket: &UdpSocket, mut worker: Worker) {
    let mut drops = Drops::of(socket);
    let mut buffer = vec![0; 65_536];
    let mut drops_since = Instant::now();
    loop {
        let is_stopping = worker.is_stopping();
        // Who has something to send on does not wait for more.
        let received = match is_stopping || worker.is_holding() {
            true => receive_now(socket, &mut buffer),
            false => socket.recv_from(&mut buffer),
        };
        let is_idle = received.is_err();
        match received {
            Ok((len, from)) => worker.datagram(buffer.get(..len).unwrap_or_default(), from),
            Err(_) => worker.flush(),
        }
        let now = Instant::now();
        let is_last = is_stopping && is_idle;
        if now.duration_since(drops_since) >= DROPS_EVERY || is_last {
            count_drops(&mut drops, &mut worker);
            drops_since = now;
        }
        if !worker.tick(now, is_last) || is_last {
            return;
        }
    }
}

/// What is there, without waiting.
fn receive_now(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
    let (len, _, from) = rustix::net::recvfrom(socket, buffer, RecvFlags::DONTWAIT)?;
    let from = from.and_then(|from| SocketAddr::try_from(from).ok());
    Ok((len, from.ok_or(io::ErrorKind::InvalidData)?))
}

fn count_drops(drops: &mut Drops, worker: &mut Worker) {
    let dropped = drops.since();
    if dropped > 0 {
        tracing::warn!(
            "the kernel dropped {dropped} datagrams: the store or this machine is too slow for them"
        );
        let value = i64::try_from(dropped).unwrap_or(i64::MAX);
        worker.count(Addr::UNSPECIFIED, Counter::SocketDrops, value);
        Ear::add(&worker.ear().drops, dropped);
    }
}

/// A bound socket with as large a buffer as the kernel gives.
pub(crate) fn bind(address: SocketAddr) -> Outcome<UdpSocket> {
    let attempt = || -> std::io::Result<UdpSocket> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() && address.ip().is_unspecified() {
            // One socket for both families.
            socket.set_only_v6(false)?;
        }
        // With CAP_NET_ADMIN beyond rmem_max, else up to it; either way what we got is said.
        if rustix::net::sockopt::set_socket_recv_buffer_size_force(socket.as_fd(), RECEIVE_BUFFER_BYTES)
            .is_err()
        {
            socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES)?;
        }
        socket.bind(&address.into())?;
        socket.set_read_timeout(Some(WAIT))?;
        // The kernel counts its own overhead: it reports twice what it was asked for.
        let granted = socket.recv_buffer_size()? / 2;
        if granted < RECEIVE_BUFFER_BYTES {
            tracing::warn!(
                "the kernel gives {granted} bytes of receive buffer on {address}: \
                 `sysctl -w net.core.rmem_max={RECEIVE_BUFFER_BYTES}` gives room for bursts"
            );
        }
        Ok(socket.into())
    };
    attempt().map_err(|error| {
        let cure = match error.kind() {
            std::io::ErrorKind::AddrInUse => "another program has the port: stop it, or listen on another",
            std::io::ErrorKind::PermissionDenied => "ports below 1024 need privileges: listen on another",
            _ => "see [[listen]] in the configuration",
        };
        Failure::new(format!("cannot listen on {address}: {error}; {cure}"))
    })
}

/// The kernel's count of datagrams it dropped because a socket's buffer was full.
#[derive(Debug)]
pub(crate) struct Drops {
    inode: Option<u64>,
    last: u64,
}

impl Drops {
    pub(crate) fn of(socket: &UdpSocket) -> Self {
        let inode = rustix::fs::fstat(socket).ok().map(|stat| stat.st_ino);
        Self { inode, last: 0 }
    }

    /// How many were dropped since this was asked last.
    pub(crate) fn since(&mut self) -> u64 {
        let Some(inode) = self.inode else { return 0 };
        let total = ["/proc/net/udp", "/proc/net/udp6"]
            .iter()
            .filter_map(|path| std::fs::read_to_string(path).ok())
            .find_map(|table| drops(&table, inode))
            .unwrap_or(self.last);
        let new = total.saturating_sub(self.last);
        self.last = total;
        new
    }
}

/// The last column of the line whose tenth is the socket's inode.
fn drops(table: &str, inode: u64) -> Option<u64> {
    let line = table.lines().skip(1).map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
    let found =
        line.into_iter().find(|columns| columns.get(9).and_then(|c| c.parse().ok()) == Some(inode))?;
    found.last()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_table_is_read() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
                     9376: 00000000:0807 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 50914 2 0000000000000000 17\n";
        assert_eq!(drops(table, 50_914), Some(17));
        assert_eq!(drops(table, 1), None);
    }

    #[test]
    fn what_the_kernel_drops_is_seen() {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        socket.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
        let socket: UdpSocket = socket.into();
        let mut drops = Drops::of(&socket);
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..100 {
            sender.send_to(&[0; 1400], socket.local_addr().unwrap()).unwrap();
        }
        socket.set_nonblocking(true).unwrap();
        let mut received = 0;
        while socket.recv(&mut [0; 1500]).is_ok() {
            received += 1;
        }
        assert_eq!(received + drops.since(), 100);
        assert_eq!(drops.since(), 0);
    }
}
