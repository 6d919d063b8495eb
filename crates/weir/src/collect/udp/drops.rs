//! How many datagrams the kernel dropped because a socket's buffer was full.
//!
//! The kernel has one number for each socket, from its making on. It comes with every datagram once it is not zero
//! (`SO_RXQ_OVFL`), as it was when that datagram was queued; and it stands in `/proc/net/udp`, as it is now. The second
//! is what a socket is asked on which nothing comes any more, and last of all before it is closed.

use std::os::fd::AsFd;

/// One socket's drops, each told once.
#[derive(Debug)]
pub(super) struct Drops {
    inode: u64,
    /// Those that were told, modulo 2^32.
    told: u32,
}

impl Drops {
    /// `told`: how many there were before that are not to be told again.
    pub(super) fn of(socket: &impl AsFd, told: u32) -> Self {
        let inode = rustix::fs::fstat(socket).map_or(0, |stat| stat.st_ino);
        Self { inode, told }
    }

    /// What was remembered by the process that had the socket before: it has told so many.
    pub(super) fn recall(&mut self, remembered: Option<&[u8]>) {
        let Some((inode, told)) = remembered.and_then(|value| value.split_first_chunk()) else { return };
        if let (true, Some(told)) = (u64::from_be_bytes(*inode) == self.inode, told.first_chunk()) {
            self.told = u32::from_be_bytes(*told);
        }
    }

    /// What the process that has the socket after us must know: which socket it is, and how many were told.
    pub(super) fn remembered(&self) -> Box<[u8]> {
        [&self.inode.to_be_bytes()[..], &self.told.to_be_bytes()].concat().into()
    }

    /// How many are new, of so many that there were in all when a datagram was queued.
    pub(super) fn of_datagram(&mut self, total: Option<u32>) -> u32 {
        let Some(total) = total else { return 0 };
        let new = total.wrapping_sub(self.told);
        // A datagram that was queued before the kernel's table was read is behind it.
        if new > u32::MAX / 2 {
            return 0;
        }
        self.told = total;
        new
    }

    /// How many are new, by the kernel's own table.
    pub(super) fn of_table(&mut self) -> u32 {
        let total = ["/proc/net/udp", "/proc/net/udp6"]
            .iter()
            .filter_map(|path| std::fs::read_to_string(path).ok())
            .find_map(|table| dropped(&table, self.inode));
        self.of_datagram(total)
    }
}

/// The last column of the line whose tenth is the socket's inode.
fn dropped(table: &str, inode: u64) -> Option<u32> {
    let line = table.lines().skip(1).map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
    let found =
        line.into_iter().find(|columns| columns.get(9).and_then(|c| c.parse().ok()) == Some(inode))?;
    found.last()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::super::kernel::{self, Bundle};
    use super::*;
    use std::net::UdpSocket;

    #[test]
    fn the_kernels_table_is_read() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
                     9376: 00000000:0807 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 50914 2 0000000000000000 17\n";
        assert_eq!(dropped(table, 50_914), Some(17));
        assert_eq!(dropped(table, 1), None);
    }

    #[test]
    fn the_next_process_does_not_tell_them_again() {
        let mut drops = Drops { inode: 7, told: 0 };
        drops.of_datagram(Some(12));
        let remembered = drops.remembered();
        let mut next = Drops { inode: 7, told: 0 };
        next.recall(Some(&remembered));
        assert_eq!(next.of_datagram(Some(15)), 3);
        // Another socket begins at 0.
        let mut other = Drops { inode: 8, told: 0 };
        other.recall(Some(&remembered));
        other.recall(Some(&remembered[..5]));
        assert_eq!(other.of_datagram(Some(2)), 2);
    }

    #[test]
    fn each_drop_is_told_once_by_whichever_knows_first() {
        let mut drops = Drops { inode: 0, told: 0 };
        let new = [None, Some(3), Some(3), Some(10), Some(7), Some(11)].map(|total| drops.of_datagram(total));
        assert_eq!(new, [0, 3, 0, 7, 0, 1]);
        // The kernel counts in 32 bits.
        let mut drops = Drops { inode: 0, told: u32::MAX - 1 };
        assert_eq!([Some(1), Some(u32::MAX)].map(|total| drops.of_datagram(total)), [3, 0]);
    }

    #[test]
    fn what_the_kernel_drops_is_seen_by_both_ways_and_counted_once() {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        socket.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
        kernel::tell_drops(&socket).unwrap();
        let socket: UdpSocket = socket.into();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        let send = |n| (0..n).for_each(|_| _ = sender.send_to(&[0; 1400], socket.local_addr().unwrap()));
        let (mut drops, mut bundle) = (Drops::of(&socket, 0), Bundle::new());
        send(100);
        let mut received = bundle.receive(&socket, false).unwrap();
        // Those that were queued first came before anything was dropped.
        assert_eq!(drops.of_datagram(bundle.dropped()), 0);
        send(1);
        received += bundle.receive(&socket, false).unwrap();
        let by_datagram = drops.of_datagram(bundle.dropped());
        assert_eq!(received + by_datagram as usize, 101);
        assert_eq!(drops.of_table(), 0);
        send(50);
        let more = drops.of_table();
        received = bundle.receive(&socket, false).unwrap();
        assert_eq!(received + more as usize, 50);
        assert_eq!(drops.of_datagram(bundle.dropped()) + drops.of_table(), 0);
    }
}
