//! Sockets that the service manager opened for us and keeps while we are restarted (`sd_listen_fds(3)`): what is sent
//! meanwhile waits in the kernel, and nothing is lost.
//!
//! Each is matched to a `[[listen]]` by its address and its kind. One that nobody asked for is a mistake that is said:
//! whoever set it up believes that it is heard.

use super::kernel;
use crate::config::{Listen, Transport};
use crate::exit::{Failure, Outcome};
use socket2::{Protocol, Socket, Type};
use std::net::SocketAddr;

/// A socket that was there before us.
#[derive(Debug)]
pub(super) struct Inherited {
    pub(super) socket: Socket,
    pub(super) address: SocketAddr,
    kind: Kind,
    /// As the service manager calls it.
    name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Udp,
    /// Also what is to carry TLS.
    Tcp,
    Sctp,
}

impl Kind {
    fn of(transport: &Transport) -> Self {
        match transport {
            Transport::Udp => Self::Udp,
            Transport::Tcp | Transport::Tls(_) => Self::Tcp,
            Transport::Sctp => Self::Sctp,
        }
    }

    /// The key in `[[listen]]`.
    fn word(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Sctp => "sctp",
        }
    }
}

/// The sockets that we were started with. To be called once.
///
/// # Errors
/// One is none that flows can come from.
pub(super) fn sockets() -> Outcome<Vec<Inherited>> {
    let given = kernel::inherited()
        .map_err(|error| Failure::new(format!("LISTEN_FDS and its kin say nothing usable: {error}")))?;
    given.into_iter().map(|(socket, number, name)| Inherited::new(socket.into(), number, name)).collect()
}

impl Inherited {
    fn new(socket: Socket, number: i32, name: String) -> Outcome<Self> {
        let strange = |what: &str| {
            Failure::new(format!("the socket {number} ({name}) that we were started with is {what}"))
        };
        let address = socket.local_addr().ok().and_then(|address| address.as_socket());
        let address =
            address.ok_or_else(|| strange("none of IPv4 or IPv6: take it out of the .socket unit"))?;
        let kind = match (socket.r#type(), socket.protocol()) {
            (Ok(Type::DGRAM), Ok(Some(Protocol::UDP))) => Kind::Udp,
            (Ok(Type::STREAM), Ok(Some(Protocol::TCP))) => Kind::Tcp,
            (Ok(Type::STREAM), Ok(Some(Protocol::SCTP))) => Kind::Sctp,
            _ => return Err(strange("neither UDP nor TCP nor SCTP: take it out of the .socket unit")),
        };
        if kind != Kind::Udp && !socket.is_listener().unwrap_or(false) {
            return Err(strange("a connection and no listener: write Accept=no in the .socket unit"));
        }
        Ok(Self { socket, address, kind, name })
    }

    /// What would listen here.
    fn listen(&self) -> Option<Listen> {
        (self.kind == Kind::Udp).then(|| Listen::udp(self.address))
    }
}

/// Takes out those that this listener is to have.
pub(super) fn take(sockets: &mut Vec<Inherited>, listen: &Listen) -> Vec<Inherited> {
    let is_its =
        |one: &mut Inherited| one.kind == Kind::of(&listen.transport) && one.address == listen.address;
    sockets.extract_if(.., is_its).collect()
}

/// The listeners where nobody configured any: one for each UDP socket.
pub(super) fn listeners(sockets: &[Inherited]) -> Vec<Listen> {
    let mut listeners: Vec<Listen> = Vec::new();
    for listen in sockets.iter().filter_map(Inherited::listen) {
        if !listeners.contains(&listen) {
            listeners.push(listen);
        }
    }
    listeners
}

/// Sockets that no listener took are a mistake.
///
/// # Errors
/// There is one.
pub(super) fn none_left(sockets: &[Inherited]) -> Outcome {
    let Some(one) = sockets.first() else { return Ok(()) };
    let (word, address, name) = (one.kind.word(), one.address, &one.name);
    Err(Failure::new(format!(
        "we were started with a socket on {word} {address} ({name}) that no [[listen]] names: add one with {word} = \
         \"{address}\", or take the socket out of the .socket unit"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream, UdpSocket};

    #[test]
    fn sockets_go_to_the_listener_that_has_their_address() {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, other) = (udp.local_addr().unwrap(), tcp.local_addr().unwrap());
        let stranger = TcpStream::connect(other).unwrap();
        let new = |socket: Socket| Inherited::new(socket, 3, "weir.socket".to_owned());
        let mut sockets = vec![new(udp.into()).unwrap(), new(tcp.into()).unwrap()];
        assert_eq!(listeners(&sockets), [Listen::udp(address)]);
        assert!(take(&mut sockets, &Listen::udp(other)).is_empty());
        assert_eq!(take(&mut sockets, &Listen::udp(address)).len(), 1);
        let left = none_left(&sockets).unwrap_err().to_string();
        assert!(left.contains(&format!("tcp {other} (weir.socket) that no [[listen]] names")), "{left}");
        let wrong = new(stranger.into()).unwrap_err().to_string();
        assert!(wrong.contains("a connection and no listener"), "{wrong}");
        let unix = std::os::unix::net::UnixDatagram::unbound().unwrap();
        let wrong = Inherited::new(Socket::from(std::os::fd::OwnedFd::from(unix)), 4, String::new());
        assert!(wrong.unwrap_err().to_string().contains("none of IPv4 or IPv6"));
    }
}
