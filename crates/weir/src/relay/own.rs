//! Sending from our own address.
//!
//! The receiver sees us instead of the exporter. So that it can still tell exporters apart (two that call their
//! observation domain 0 would overwrite each other's templates), each transport session has a port of its own.

use super::balance::{halves, mix};
use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;
use weir_flow::Addr;

/// Ports of one relay; exporters beyond share them.
const PORTS_MAX: usize = 256;
/// How long a send may wait for a device.
const WAIT: Duration = Duration::from_millis(10);

/// An exporter's transport session, and the family of the target.
type Key = (Addr, u16, bool);

/// Our sockets by whom they speak for.
#[derive(Debug, Default)]
pub(super) struct Ports {
    by_exporter: HashMap<Key, usize>,
    sockets: Vec<(bool, UdpSocket)>,
    is_shared: bool,
}

impl Ports {
    pub(super) fn send(&mut self, from: (Addr, u16), to: SocketAddr, payload: &[u8]) -> io::Result<()> {
        let at = self.port((from.0, from.1, to.is_ipv4()))?;
        let (_, socket) = self.sockets.get(at).ok_or(io::ErrorKind::NotFound)?;
        socket.send_to(payload, to).map(|_| ())
    }

    fn port(&mut self, key: Key) -> io::Result<usize> {
        if let Some(at) = self.by_exporter.get(&key) {
            return Ok(*at);
        }
        if self.sockets.len() >= PORTS_MAX {
            return self.shared(key);
        }
        let socket = match key.2 {
            true => UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?,
            false => UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0))?,
        };
        socket.set_write_timeout(Some(WAIT))?;
        self.sockets.push((key.2, socket));
        self.by_exporter.insert(key, self.sockets.len() - 1);
        Ok(self.sockets.len() - 1)
    }

    /// One of the ports there are, always the same for an exporter.
    fn shared(&mut self, (exporter, port, is_v4): Key) -> io::Result<usize> {
        if !std::mem::replace(&mut self.is_shared, true) {
            tracing::warn!(
                "a relay speaks for more than {PORTS_MAX} exporters: those beyond share source ports, and a receiver \
                 may mix their templates; source = \"keep\" keeps them apart"
            );
        }
        let fitting = || self.sockets.iter().enumerate().filter(|(_, (v4, _))| *v4 == is_v4);
        let [high, low] = halves(exporter.bits());
        let word = high ^ low;
        let number =
            usize::try_from(mix(word ^ u64::from(port)) % (fitting().count().max(1) as u64)).unwrap_or(0);
        fitting().nth(number).map(|(at, _)| at).ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
    }
}
