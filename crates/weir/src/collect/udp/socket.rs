//! UDP sockets as a collector needs them: large, honest about how large, and several on one port where several
//! workers share it.

use super::super::activation::Inherited;
use super::super::kernel;
use super::steer;
use crate::config::Listen;
use crate::exit::{Failure, Outcome};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;

/// What is asked of the kernel as room for datagrams. The kernel counts some 2.3 KB for an export datagram of 1.4 KB, and
/// gives twice what it is asked for: 64 MiB are 58,000 datagrams, the better part of a second at 2 million flows a second.
/// Whoever decodes is seldom kept waiting so long; and a longer queue would only turn loss into lateness.
pub(super) const RECEIVE_BUFFER_BYTES: usize = 64 << 20;

/// The sockets of a listener, one for each worker; those that were there before us in place of new ones.
///
/// # Errors
/// The address is taken, or not allowed.
pub(in super::super) fn open(listen: &Listen, inherited: Vec<Inherited>) -> Outcome<Vec<UdpSocket>> {
    let opened = match inherited.is_empty() {
        true if listen.workers > 1 => share(listen.address, listen.workers),
        true => bind(listen.address, false).map(|socket| vec![socket]),
        false => Ok(inherited.into_iter().map(|one| one.socket).collect()),
    };
    let sockets = opened.map_err(|error| cannot_listen(listen, &error))?;
    if sockets.len() < listen.workers {
        let (has, wanted) = (sockets.len(), listen.workers);
        tracing::warn!(
            "{listen} has {has} of the {wanted} workers it was to have: there are no more sockets"
        );
    }
    for socket in &sockets {
        prepare(socket, listen.address).map_err(|error| cannot_listen(listen, &error))?;
    }
    Ok(sockets.into_iter().map(UdpSocket::from).collect())
}

/// Several sockets of one port, among which the kernel chooses by the exporter's address; only one where it does not.
fn share(address: SocketAddr, workers: usize) -> io::Result<Vec<Socket>> {
    // Sockets that share a port would share it with another weir as well, and each would hear half. That nobody has
    // it is found out by one that does not share.
    drop(bind(address, false)?);
    let first = bind(address, true)?;
    let address = first.local_addr()?.as_socket().unwrap_or(address);
    let mut program = steer::program(u32::try_from(workers).unwrap_or(1));
    if let Err(error) = kernel::attach_chooser(&first, &mut program) {
        tracing::warn!(
            "the kernel does not let us choose between the workers of {address} by the exporter's address ({error}): \
             one worker hears all"
        );
        return Ok(vec![first]);
    }
    let mut sockets = vec![first];
    for _ in 1..workers {
        sockets.push(bind(address, true)?);
    }
    Ok(sockets)
}

fn bind(address: SocketAddr, is_shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        // One socket for both families.
        socket.set_only_v6(false)?;
    }
    if is_shared {
        socket.set_reuse_port(true)?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Makes a socket ready to be heard, whoever bound it.
fn prepare(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    // With CAP_NET_ADMIN beyond rmem_max, else up to it; either way what we got is said.
    if rustix::net::sockopt::set_socket_recv_buffer_size_force(socket.as_fd(), RECEIVE_BUFFER_BYTES).is_err()
    {
        socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES)?;
    }
    // The kernel counts its own overhead: it reports twice what it was asked for.
    let granted = socket.recv_buffer_size()? / 2;
    if granted < RECEIVE_BUFFER_BYTES {
        tracing::warn!(
            "the kernel gives {granted} bytes of receive buffer on {address}: \
             `sysctl -w net.core.rmem_max={RECEIVE_BUFFER_BYTES}` gives room for bursts"
        );
    }
    socket.set_nonblocking(false)?;
    socket.set_read_timeout(Some(super::WAIT))?;
    // Where the kernel does not know of it, its table says the same, once a second.
    let _ = kernel::tell_drops(socket);
    Ok(())
}

fn cannot_listen(listen: &Listen, error: &io::Error) -> Failure {
    let cure = match error.kind() {
        io::ErrorKind::AddrInUse => "another program has the port: stop it, or listen on another",
        io::ErrorKind::PermissionDenied => "ports below 1024 need privileges: listen on another",
        _ => "see [[listen]] in the configuration",
    };
    Failure::new(format!("cannot listen on {}: {error}; {cure}", listen.address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;
    use std::net::{IpAddr, Ipv4Addr};

    /// Every datagram arrives once, and all of one address at the same socket, whatever port it comes from.
    #[test]
    fn an_exporter_always_meets_the_same_worker() {
        for here in ["127.0.0.1:0", "[::]:0"] {
            // A port of our choice: each socket is bound to it by number.
            let Ok(probe) = UdpSocket::bind(here) else { continue };
            let address = probe.local_addr().unwrap();
            drop(probe);
            let mut listen = Listen::udp(address);
            listen.workers = 3;
            let sockets = open(&listen, Vec::new()).unwrap();
            assert_eq!(sockets.len(), 3);
            let to = SocketAddr::from((Ipv4Addr::LOCALHOST, address.port()));
            let mut sent = 0u32;
            for host in 1..=60u8 {
                for _port in 0..5 {
                    let sender = UdpSocket::bind((Ipv4Addr::new(127, 0, 7, host), 0)).unwrap();
                    sender.send_to(&sent.to_be_bytes(), to).unwrap();
                    sent += 1;
                }
            }
            let mut met: HashMap<IpAddr, usize> = HashMap::new();
            let mut heard: Vec<u32> = Vec::new();
            let mut loads = Vec::new();
            for (worker, socket) in sockets.iter().enumerate() {
                socket.set_nonblocking(true).unwrap();
                let mut datagram = [0; 4];
                let mut load = 0;
                while let Ok((_, from)) = socket.recv_from(&mut datagram) {
                    assert_eq!(*met.entry(from.ip()).or_insert(worker), worker, "{from} met two workers");
                    heard.push(u32::from_be_bytes(datagram));
                    load += 1;
                }
                loads.push(load);
            }
            heard.sort_unstable();
            assert_eq!(heard, (0..sent).collect::<Vec<_>>());
            // Sixty neighbours are spread evenly, about.
            assert!(loads.iter().all(|load| (50..=150).contains(load)), "{loads:?}");
        }
    }

    #[test]
    fn a_port_that_another_has_is_not_shared_with_it() {
        let other = bind("127.0.0.1:0".parse().unwrap(), true).unwrap();
        let mut listen = Listen::udp(other.local_addr().unwrap().as_socket().unwrap());
        listen.workers = 2;
        let error = open(&listen, Vec::new()).unwrap_err().to_string();
        assert!(error.contains("another program has the port"), "{error}");
    }

    #[test]
    fn an_address_of_the_sixth_version_is_read_where_it_stands() {
        let Ok(probe) = UdpSocket::bind("[::1]:0") else { return };
        let mut listen = Listen::udp(probe.local_addr().unwrap());
        drop(probe);
        listen.workers = 2;
        let sockets = open(&listen, Vec::new()).unwrap();
        for _ in 0..20 {
            let sender = UdpSocket::bind("[::1]:0").unwrap();
            sender.send_to(&[6], listen.address).unwrap();
        }
        let heard: Vec<usize> = sockets
            .iter()
            .map(|socket| {
                socket.set_nonblocking(true).unwrap();
                std::iter::from_fn(|| socket.recv(&mut [0; 4]).ok()).count()
            })
            .collect();
        assert!(heard == [20, 0] || heard == [0, 20], "{heard:?}");
    }
}
