//! A capture of export datagrams, put together as libpcap's own paper says: bare IPv4 packets (link type 101).

use crate::netflow::Octets;

/// The octets of the file so far.
pub(crate) struct Capture(pub(crate) Vec<u8>);

impl Capture {
    /// One without packets.
    pub(crate) fn new() -> Self {
        let head = Octets::default().u32(0xa1b2_c3d4).u16(2).u16(4).u32(0).u32(0);
        Self(head.u32(65_535).u32(101).0)
    }

    /// Adds the packet that brought a datagram from an exporter: UDP without a checksum.
    pub(crate) fn add(&mut self, at_s: u32, exporter: [u8; 4], datagram: &[u8]) {
        let udp = u16::try_from(datagram.len() + 8).unwrap();
        let ip = Octets::default()
            .u16(0x4500)
            .u16(udp + 20)
            .u32(0)
            .u16(0x4011) // 64 hops, UDP
            .u16(0)
            .all(&exporter)
            .all(&[10, 255, 255, 254]);
        let packet = ip.u16(50_000).u16(2055).u16(udp).u16(0).all(datagram).0;
        let len = u32::try_from(packet.len()).unwrap();
        self.0.extend(Octets::default().u32(at_s).u32(0).u32(len).u32(len).all(&packet).0);
    }
}
