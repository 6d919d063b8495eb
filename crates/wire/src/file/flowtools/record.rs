//! The records: what a collector made of NetFlow v1 to v8, its own clock's and exporter's address before each.
//!
//! ```text
//! all of stream version 3    0 export_s    4 export_ns    8 uptime_ms    12 exporter
//!                            (8.3, 8.11 and 8.12 have the exporter before the uptime)
//! 1, 5, 6, 7                16 src_addr   20 dst_addr   24 next_hop   28 ingress_if   30 egress_if
//!                           32 packets    36 octets     40 first_ms   44 last_ms      48 src_port   50 dst_port
//!                           52 proto      53 tos        54 tcp_flags
//!    5, 6, 7                56 engine_type, engine_id, src_mask, dst_mask, 60 src_as, 62 dst_as
//!    6                      64 two encapsulations   68 peer_next_hop        7  64 router
//!    1005                   64 two tags that an operator gave
//! 8 but for the switches'   16 flows   20 packets   24 octets   28 first_ms   32 last_ms   36 the key
//! 8.6, 8.7, 8.8             16 packets   20 octets   24 first_ms   28 last_ms   32 the key
//! stream version 1           0 the second, 4 the millisecond that times count from    8 src_addr, and so on
//! ```
//! The order within the key is not that of the datagram.

use super::super::order::Order;
use crate::netflow::v8::Scheme;
use crate::reader::Reader;

/// What the records of a file are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Stream version 1, NetFlow v1.
    FirstOne,
    /// Stream version 1, NetFlow v5.
    FirstFive,
    /// NetFlow v1.
    One,
    /// NetFlow v5.
    Five,
    /// NetFlow v6.
    Six,
    /// NetFlow v7.
    Seven,
    /// NetFlow v8.
    Eight(Scheme),
    /// NetFlow v5 with tags that an operator gave (flow-tools' own number 1005).
    Tagged,
}

/// No octet of a record: the field is not in it.
const NONE: u8 = u8::MAX;

/// An integer or address of a record.
trait Value: Sized {
    fn read(order: Order, reader: &mut Reader<'_>) -> Option<Self>;
}

impl Value for u8 {
    fn read(_: Order, reader: &mut Reader<'_>) -> Option<Self> {
        reader.u8().ok()
    }
}

impl Value for u16 {
    fn read(order: Order, reader: &mut Reader<'_>) -> Option<Self> {
        order.u16(reader).ok()
    }
}

impl Value for u32 {
    fn read(order: Order, reader: &mut Reader<'_>) -> Option<Self> {
        order.u32(reader).ok()
    }
}

impl Value for [u8; 4] {
    fn read(order: Order, reader: &mut Reader<'_>) -> Option<Self> {
        order.u32(reader).ok().map(u32::to_be_bytes)
    }
}

fn read<T: Value>(order: Order, bytes: &[u8], at: u8) -> Option<T> {
    if at == NONE {
        return None;
    }
    T::read(order, &mut Reader::new(bytes.get(usize::from(at)..)?))
}

macro_rules! fields {
    ($($(#[$doc:meta])+ $field:ident: $type:ty,)+) => {
        /// A record. `None` is what its layout does not have.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct Record {
            $($(#[$doc])+ pub $field: Option<$type>,)+
        }

        /// Where a layout has its fields: octets from the record's beginning, or [`NONE`].
        struct Places {
            /// Octets of a record.
            len: usize,
            $($field: u8,)+
        }

        /// A record without fields.
        const EMPTY: Places = Places { len: 0, $($field: NONE,)+ };

        impl Layout {
            /// Reads a record of [`record_len`](Self::record_len) octets; of fewer, what is there.
            #[must_use]
            pub fn parse(self, order: Order, bytes: &[u8]) -> Record {
                let places = self.places();
                Record { $($field: read(order, bytes, places.$field),)+ }
            }
        }
    };
}

fields! {
    /// Seconds since 1970 at which the exporter sent it; in stream version 1, at which its uptime was 0.
    export_s: u32,
    /// Nanoseconds past that.
    export_ns: u32,
    /// Milliseconds past that, in stream version 1.
    export_ms: u32,
    /// Milliseconds since the exporter started, when it sent it.
    uptime_ms: u32,
    /// The exporter's address, as the collector saw it.
    exporter: [u8; 4],
    /// Flows that were added up (version 8).
    flows: u32,
    /// Packets, as measured.
    packets: u32,
    /// Octets from the IP header on, as measured.
    octets: u32,
    /// Uptime in milliseconds at the first packet.
    first_ms: u32,
    /// Uptime in milliseconds at the last packet.
    last_ms: u32,
    /// Source address.
    src_addr: [u8; 4],
    /// Destination address.
    dst_addr: [u8; 4],
    /// Address of the next router.
    next_hop: [u8; 4],
    /// Interface index the packets came in by.
    ingress_if: u16,
    /// Interface index the packets left by.
    egress_if: u16,
    /// Source port.
    src_port: u16,
    /// Destination port; of ICMP, type × 256 + code.
    dst_port: u16,
    /// IP protocol.
    proto: u8,
    /// Type of service.
    tos: u8,
    /// TCP flags seen.
    tcp_flags: u8,
    /// Kind of the flow switching engine.
    engine_type: u8,
    /// Slot of the flow switching engine.
    engine_id: u8,
    /// Bits of the source's prefix.
    src_mask: u8,
    /// Bits of the destination's prefix.
    dst_mask: u8,
    /// Autonomous system of the source.
    src_as: u16,
    /// Autonomous system of the destination.
    dst_as: u16,
    /// The router that a switch took a short cut around.
    router: [u8; 4],
}

const PREFIX: Places = Places { export_s: 0, export_ns: 4, uptime_ms: 8, exporter: 12, ..EMPTY };
const ONE: Places = Places {
    len: 60,
    src_addr: 16,
    dst_addr: 20,
    next_hop: 24,
    ingress_if: 28,
    egress_if: 30,
    packets: 32,
    octets: 36,
    first_ms: 40,
    last_ms: 44,
    src_port: 48,
    dst_port: 50,
    proto: 52,
    tos: 53,
    tcp_flags: 54,
    ..PREFIX
};
const FIVE: Places = Places {
    len: 64,
    engine_type: 56,
    engine_id: 57,
    src_mask: 58,
    dst_mask: 59,
    src_as: 60,
    dst_as: 62,
    ..ONE
};
const SIX: Places = Places { len: 72, ..FIVE };
const SEVEN: Places = Places { len: 68, router: 64, ..FIVE };
const TAGGED: Places = Places { len: 72, ..FIVE };
const FIRST_ONE: Places = Places {
    len: 60,
    export_s: 0,
    export_ms: 4,
    src_addr: 8,
    dst_addr: 12,
    next_hop: 16,
    ingress_if: 20,
    egress_if: 22,
    packets: 24,
    octets: 28,
    first_ms: 32,
    last_ms: 36,
    src_port: 40,
    dst_port: 42,
    proto: 46,
    tos: 47,
    tcp_flags: 48,
    ..EMPTY
};
const FIRST_FIVE: Places = Places { src_as: 52, dst_as: 54, src_mask: 56, dst_mask: 57, ..FIRST_ONE };
const SUM: Places = Places { flows: 16, packets: 20, octets: 24, first_ms: 28, last_ms: 32, ..PREFIX };
const SWITCH: Places = Places { packets: 16, octets: 20, first_ms: 24, last_ms: 28, dst_addr: 32, ..PREFIX };

#[rustfmt::skip]
static EIGHT: [Places; 14] = [
    Places { len: 48, src_as: 36, dst_as: 38, ingress_if: 40, egress_if: 42, engine_type: 44, engine_id: 45, ..SUM },
    Places { len: 48, proto: 36, src_port: 40, dst_port: 42, engine_type: 44, engine_id: 45, ..SUM },
    Places { len: 48, exporter: 8, uptime_ms: 12, src_addr: 36, src_mask: 40, src_as: 42, ingress_if: 44, engine_type: 46,
        engine_id: 47, ..SUM },
    Places { len: 48, dst_addr: 36, dst_mask: 40, engine_type: 42, engine_id: 43, dst_as: 44, egress_if: 46, ..SUM },
    Places { len: 56, src_addr: 36, dst_addr: 40, dst_mask: 44, src_mask: 45, engine_type: 46, engine_id: 47, src_as: 48,
        dst_as: 50, ingress_if: 52, egress_if: 54, ..SUM },
    Places { len: 52, router: 40, egress_if: 44, tos: 48, engine_type: 50, engine_id: 51, ..SWITCH },
    Places { len: 56, src_addr: 36, router: 44, egress_if: 48, ingress_if: 50, tos: 52, engine_type: 54, engine_id: 55,
        ..SWITCH },
    Places { len: 64, src_addr: 36, router: 44, dst_port: 48, src_port: 50, egress_if: 52, ingress_if: 54, tos: 56,
        engine_type: 58, engine_id: 59, proto: 60, ..SWITCH },
    Places { len: 48, src_as: 36, dst_as: 38, ingress_if: 40, egress_if: 42, engine_type: 44, engine_id: 45, tos: 46,
        ..SUM },
    Places { len: 48, src_port: 36, dst_port: 38, ingress_if: 40, egress_if: 42, engine_type: 44, engine_id: 45, proto: 46,
        tos: 47, ..SUM },
    Places { len: 48, exporter: 8, uptime_ms: 12, src_addr: 36, src_mask: 40, tos: 41, src_as: 42, ingress_if: 44,
        engine_type: 46, engine_id: 47, ..SUM },
    Places { len: 48, exporter: 8, uptime_ms: 12, dst_addr: 36, egress_if: 40, dst_as: 42, dst_mask: 44, tos: 45,
        engine_type: 46, engine_id: 47, ..SUM },
    Places { len: 60, src_addr: 36, dst_addr: 40, src_as: 44, dst_as: 46, ingress_if: 48, egress_if: 50, dst_mask: 52,
        src_mask: 53, engine_type: 54, engine_id: 55, tos: 56, ..SUM },
    Places { len: 60, src_addr: 36, dst_addr: 40, src_port: 44, dst_port: 46, ingress_if: 48, egress_if: 50, dst_mask: 52,
        src_mask: 53, engine_type: 54, engine_id: 55, tos: 56, proto: 57, ..SUM },
];

impl Layout {
    fn places(self) -> &'static Places {
        match self {
            Self::FirstOne => &FIRST_ONE,
            Self::FirstFive => &FIRST_FIVE,
            Self::One => &ONE,
            Self::Five => &FIVE,
            Self::Six => &SIX,
            Self::Seven => &SEVEN,
            Self::Tagged => &TAGGED,
            // Schemes are numbered from 1 to 14.
            Self::Eight(scheme) => EIGHT.get(usize::from(scheme.number()).wrapping_sub(1)).unwrap_or(&EMPTY),
        }
    }

    /// Octets of a record.
    #[must_use]
    pub fn record_len(self) -> usize {
        self.places().len
    }
}
