//! What the kernel offers and no safe wrapper does: many datagrams in one call, together with how many were dropped
//! before them; a program that chooses between sockets of one port; a socket that was there before us.
//!
//! Files with `unsafe` in them are named in `xtask/src/tidy/room.rs`, and each use says why it is sound. `rustix` has no `recvmmsg`; that of `nix` does not give the room for control messages back between
//! calls, so that after one datagram without them there would never be any again.

#![expect(
    unsafe_code,
    reason = "recvmmsg, SO_ATTACH_REUSEPORT_CBPF and inherited descriptors have no safe wrapper"
)]

use std::io;
use std::mem::{self, offset_of};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

/// Datagrams taken in one call: what they are fits into a second-level cache, and more made nothing cheaper.
pub(super) const BUNDLE: usize = 64;
/// Room that is made for the first, and for a trickle: what is made ready costs a little for each.
const FEW: usize = 4;
/// The largest payload there is, and a little.
const ROOM_BYTES: usize = 65_536;
/// From one datagram's room to the next. Not a power of two: else the beginnings of all would share a few lines of
/// the cache.
const STRIDE_BYTES: usize = ROOM_BYTES + 1664;
/// An IPv6 socket address, which is longer than an IPv4 one.
const NAME_BYTES: usize = size_of::<libc::sockaddr_in6>();
/// One control message with a 32-bit number.
const CONTROL_BYTES: usize = 24;

/// Room for the address that a datagram came from.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Name([u8; NAME_BYTES]);

/// Room for what the kernel says beside a datagram.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; CONTROL_BYTES]);

/// Room for a bundle of datagrams, used again and again.
pub(super) struct Bundle {
    octets: Vec<u8>,
    names: Vec<Name>,
    controls: Vec<Control>,
    parts: Vec<libc::iovec>,
    headers: Vec<libc::mmsghdr>,
    /// How many the last call gave.
    received: usize,
    /// For how many room was made ready then.
    asked: usize,
    /// For how many it is to be made ready next: more if as many came last time, less if far fewer did.
    ready: usize,
}

impl Bundle {
    pub(super) fn new() -> Self {
        Self {
            // Memory that no datagram reaches is never touched, so takes no room.
            octets: vec![0; BUNDLE * STRIDE_BYTES],
            names: vec![Name([0; NAME_BYTES]); BUNDLE],
            controls: vec![Control([0; CONTROL_BYTES]); BUNDLE],
            parts: Vec::with_capacity(BUNDLE),
            headers: Vec::with_capacity(BUNDLE),
            received: 0,
            asked: 0,
            ready: FEW,
        }
    }

    /// Receives what is there, up to [`BUNDLE`] datagrams and fewer where few came before; how many. If it `waits`, and
    /// nothing is there, it waits for the first as long as the socket's timeout says.
    ///
    /// # Errors
    /// Those of the system call; `WouldBlock` if nothing is there.
    pub(super) fn receive(&mut self, socket: &impl AsFd, waits: bool) -> io::Result<usize> {
        (self.received, self.asked) = (0, self.ready);
        self.point();
        let flags = if waits { libc::MSG_WAITFORONE } else { libc::MSG_DONTWAIT };
        let fd = socket.as_fd().as_raw_fd();
        let (headers, len) = (self.headers.as_mut_ptr(), u32::try_from(self.headers.len()).unwrap_or(0));
        // SAFETY: `headers` points to `len` headers, whose pointers `point` has just set to buffers of the lengths
        // that stand beside them. All belong to `self`, which is borrowed until the call is over, and nothing else
        // points into them. The kernel writes within those lengths, and needs none of it after the call.
        let received = unsafe { libc::recvmmsg(fd, headers, len, flags, std::ptr::null_mut()) };
        match usize::try_from(received) {
            Ok(received) => {
                self.received = received;
                if received == self.ready {
                    self.ready = BUNDLE.min(2 * received);
                } else if received < self.ready / 4 {
                    self.ready = FEW.max(self.ready / 2);
                }
                Ok(received)
            }
            Err(_) => Err(io::Error::last_os_error()),
        }
    }

    /// Whether there may be more where these came from.
    pub(super) fn may_have_more(&self) -> bool {
        self.received == self.asked
    }

    /// Sets all pointers and lengths: the kernel has written into the lengths last time.
    fn point(&mut self) {
        self.parts.clear();
        for room in self.octets.chunks_exact_mut(STRIDE_BYTES).take(self.ready) {
            self.parts.push(libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len: ROOM_BYTES });
        }
        self.headers.clear();
        let rooms = self.parts.iter_mut().zip(&mut self.names).zip(&mut self.controls);
        for ((part, name), control) in rooms {
            // SAFETY: all of it are integers and pointers, for which zero is a value.
            let mut header: libc::mmsghdr = unsafe { mem::zeroed() };
            header.msg_hdr.msg_name = name.0.as_mut_ptr().cast();
            header.msg_hdr.msg_namelen = libc::socklen_t::try_from(NAME_BYTES).unwrap_or(0);
            header.msg_hdr.msg_iov = part;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_control = control.0.as_mut_ptr().cast();
            header.msg_hdr.msg_controllen = CONTROL_BYTES;
            self.headers.push(header);
        }
    }

    /// The datagrams that the last call gave, and where they came from.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], SocketAddr)> {
        let rooms = self.octets.chunks_exact(STRIDE_BYTES);
        let received = rooms.zip(&self.names).zip(&self.headers).take(self.received);
        received.filter_map(|((room, name), header)| {
            let payload = room.get(..usize::try_from(header.msg_len).ok()?)?;
            Some((payload, address(&name.0)?))
        })
    }

    /// How many datagrams the kernel had dropped for this socket, since it was made and modulo 2^32, when the newest of
    /// these was queued; `None` if it says nothing, which it does while there are none.
    pub(super) fn dropped(&self) -> Option<u32> {
        let newest = self.received.checked_sub(1)?;
        let (header, control) = (self.headers.get(newest)?, self.controls.get(newest)?);
        let number = |at: usize| Some(*control.0.get(at..)?.first_chunk::<4>()?);
        let kind = [offset_of!(libc::cmsghdr, cmsg_level), offset_of!(libc::cmsghdr, cmsg_type)];
        let [level, what] = [number(kind[0])?, number(kind[1])?].map(i32::from_ne_bytes);
        let is_it = header.msg_hdr.msg_controllen >= size_of::<libc::cmsghdr>() + 4
            && level == libc::SOL_SOCKET
            && what == libc::SO_RXQ_OVFL;
        is_it.then(|| number(size_of::<libc::cmsghdr>()).map(u32::from_ne_bytes)).flatten()
    }
}

/// A socket address as the kernel writes it: the family in this machine's order, the port in the network's, then the
/// IPv4 address; or the flow label, the IPv6 address and the scope.
fn address(name: &[u8; NAME_BYTES]) -> Option<SocketAddr> {
    let family = i32::from(u16::from_ne_bytes(*name.first_chunk()?));
    let port = u16::from_be_bytes(*name.get(2..)?.first_chunk()?);
    if family == libc::AF_INET {
        let octets: [u8; 4] = *name.get(4..)?.first_chunk()?;
        return Some(SocketAddr::from((Ipv4Addr::from(octets), port)));
    }
    let octets: [u8; 16] = *name.get(8..)?.first_chunk()?;
    let scope = u32::from_ne_bytes(*name.get(24..)?.first_chunk()?);
    (family == libc::AF_INET6).then(|| SocketAddrV6::new(Ipv6Addr::from(octets), port, 0, scope).into())
}

/// One instruction of a program for the kernel (classic BPF): code, jumps if true and false, operand.
pub(super) type Instruction = libc::sock_filter;

/// Has this program choose the socket that gets a datagram, for all sockets that share this one's port.
///
/// # Errors
/// The kernel does not take it.
pub(super) fn attach_chooser(socket: &impl AsFd, program: &mut [Instruction]) -> io::Result<()> {
    let len = u16::try_from(program.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let program = libc::sock_fprog { len, filter: program.as_mut_ptr() };
    set(socket, libc::SO_ATTACH_REUSEPORT_CBPF, &program)
}

/// Has the kernel say with each datagram how many it dropped before.
///
/// # Errors
/// The kernel does not know of it.
pub(super) fn tell_drops(socket: &impl AsFd) -> io::Result<()> {
    set(socket, libc::SO_RXQ_OVFL, &1i32)
}

fn set<T>(socket: &impl AsFd, option: i32, value: &T) -> io::Result<()> {
    let len = libc::socklen_t::try_from(size_of::<T>()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let value = std::ptr::from_ref(value).cast();
    // SAFETY: `value` points to `len` octets that live through the call. The kernel only reads them, and checks what it
    // finds in them, pointers included, before it follows it.
    let result =
        unsafe { libc::setsockopt(socket.as_fd().as_raw_fd(), libc::SOL_SOCKET, option, value, len) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The descriptors that this process was started with, each with its number and its name (`LISTEN_FDS` of
/// `sd_listen_fds(3)`). They are given away once: whoever asks again gets none.
///
/// # Errors
/// What the environment says of them is not usable.
pub(super) fn inherited() -> io::Result<Vec<(OwnedFd, RawFd, String)>> {
    static GIVEN: AtomicBool = AtomicBool::new(false);
    let numbers = sd_notify::listen_fds_with_names()?;
    if GIVEN.swap(true, Ordering::Relaxed) {
        return Ok(Vec::new());
    }
    // SAFETY: that these numbers are open and nobody else's is what the variables say, which name this very process
    // (`LISTEN_PID`); none is taken over twice, by the flag.
    let adopt = |(number, name)| (unsafe { OwnedFd::from_raw_fd(number) }, number, name);
    Ok(numbers.map(adopt).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    #[test]
    fn a_bundle_is_the_datagrams_that_were_sent() {
        for here in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(socket) = UdpSocket::bind(here) else { continue };
            let sender = UdpSocket::bind(here).unwrap();
            let from = sender.local_addr().unwrap();
            let sent: Vec<Vec<u8>> = (0..100u8).map(|i| vec![i; 5 * usize::from(i)]).collect();
            for datagram in &sent {
                sender.send_to(datagram, socket.local_addr().unwrap()).unwrap();
            }
            let mut bundle = Bundle::new();
            let mut received: Vec<Vec<u8>> = Vec::new();
            // Room is made for more as more come.
            for expected in [4, 8, 16, 32, 40] {
                assert_eq!(bundle.receive(&socket, true).unwrap(), expected);
                assert!(bundle.iter().all(|(_, address)| address == from));
                received.extend(bundle.iter().map(|(payload, _)| payload.to_vec()));
            }
            assert_eq!(received, sent);
            assert_eq!(bundle.receive(&socket, false).unwrap_err().kind(), io::ErrorKind::WouldBlock);
            assert_eq!((bundle.iter().count(), bundle.dropped()), (0, None));
        }
    }

    #[test]
    fn the_largest_datagram_comes_whole() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let large = vec![7; 65_507];
        socket.send_to(&large, socket.local_addr().unwrap()).unwrap();
        let mut bundle = Bundle::new();
        assert_eq!(bundle.receive(&socket, true).unwrap(), 1);
        assert_eq!(bundle.iter().next().unwrap().0, large);
    }
}
