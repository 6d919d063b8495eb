//! The records of the 14 aggregations, and where in them which field is.
//!
//! Schemes 1 to 5 came first (IOS 12.0(3)T), 6 to 8 are those of Catalyst switches, 9 to 14 add the type of
//! service to the first ones. Two plans cover all but the switches': five counters and times, then the key.
//!
//! ```text
//! 1–5, 9–14   0 flows    4 packets    8 octets    12 first_ms    16 last_ms    20 the key
//!  1 AS             20 src_as          22 dst_as      24 ingress_if   26 egress_if
//!  2 ports          20 proto, 3 zeros                 24 src_port     26 dst_port
//!  3 source         20 src_addr    24 src_mask    26 src_as    28 ingress_if    (2 zeros)
//!  4 destination    20 dst_addr    24 dst_mask    26 dst_as    28 egress_if     (2 zeros)
//!  5 both           20 src_addr    24 dst_addr    28 dst_mask, src_mask, 2 zeros
//!                   32 src_as      34 dst_as      36 ingress_if    38 egress_if
//!  9 as 1, 28 tos   10 as 2, 21 tos, 28 ingress_if, 30 egress_if   11 as 3, 25 tos   12 as 4, 25 tos
//! 13 as 5, 30 tos   14 as 5, 30 tos, 31 proto, 32 src_port, 34 dst_port
//!
//!  6   0 dst_addr   4 packets   8 octets   12 first_ms   16 last_ms
//!     20 egress_if   22 tos   23 marked_tos   24 extra_packets   28 router
//!  7   0 dst_addr   4 src_addr   8 packets   12 octets   16 first_ms   20 last_ms
//!     24 egress_if   26 ingress_if   28 tos   29 marked_tos   30 (2 zeros)   32 extra_packets   36 router
//!  8   0 dst_addr   4 src_addr   8 dst_port   10 src_port   12 packets   16 octets   20 first_ms   24 last_ms
//!     28 egress_if   30 ingress_if   32 tos   33 proto   34 marked_tos   35 (1 zero)
//!     36 extra_packets   40 router
//! ```
//! The destination's mask before the source's is no slip: flow-tools and pmacct, which were run against routers,
//! have it so (Wireshark has not). A router that knows no prefix sends 0.0.0.0 with a mask of 0.

/// No octet of a record: the field is not in it.
const NONE: u8 = u8::MAX;

/// An integer or address of a record.
trait Value<const N: usize> {
    fn from_octets(octets: [u8; N]) -> Self;
    fn octets(self) -> [u8; N];
}

macro_rules! integer {
    ($($type:ty, $len:literal;)+) => {$(
        impl Value<$len> for $type {
            fn from_octets(octets: [u8; $len]) -> Self {
                Self::from_be_bytes(octets)
            }

            fn octets(self) -> [u8; $len] {
                self.to_be_bytes()
            }
        }
    )+};
}

integer! { u8, 1; u16, 2; u32, 4; }

impl Value<4> for [u8; 4] {
    fn from_octets(octets: Self) -> Self {
        octets
    }

    fn octets(self) -> Self {
        self
    }
}

/// Reads a field; `None` where the layout has none.
fn read<const N: usize, T: Value<N>>(bytes: &[u8], at: u8) -> Option<T> {
    if at == NONE {
        return None;
    }
    bytes.get(usize::from(at)..)?.first_chunk().copied().map(T::from_octets)
}

/// Writes a field where the layout has it and there is a value.
fn write<const N: usize, T: Value<N>>(out: &mut [u8], at: u8, value: Option<T>) {
    let slot = out.get_mut(usize::from(at)..).and_then(|rest| rest.first_chunk_mut());
    if let (Some(slot), Some(value)) = (slot, value) {
        *slot = value.octets();
    }
}

/// One list from which come the record, the layout's offsets, and the way from one to the other.
macro_rules! fields {
    ($($(#[$doc:meta])+ $field:ident: $type:ty,)+) => {
        /// The sum of all flows that agree in the key of a [`Scheme`]. `None` is what the scheme does not know.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct Record {
            $($(#[$doc])+ pub $field: Option<$type>,)+
        }

        /// Where a scheme has its fields: octets from the record's beginning, or [`NONE`].
        struct Layout {
            /// Octets of a record.
            len: usize,
            $($field: u8,)+
        }

        /// A record without fields.
        const EMPTY: Layout = Layout { len: 0, $($field: NONE,)+ };

        impl Scheme {
            /// Reads a record of [`record_len`](Self::record_len) octets; of fewer, what is there.
            #[must_use]
            pub fn parse(self, bytes: &[u8]) -> Record {
                let layout = self.layout();
                Record { $($field: read(bytes, layout.$field),)+ }
            }

            /// Writes a record into [`record_len`](Self::record_len) octets, all others of `out` as zeros.
            pub fn emit(self, record: &Record, out: &mut [u8]) {
                let layout = self.layout();
                out.fill(0);
                $(if layout.$field != NONE { write(out, layout.$field, record.$field); })+
            }
        }
    };
}

fields! {
    /// Flows that were added up.
    flows: u32,
    /// Their packets, as measured: not multiplied by a sampling interval.
    packets: u32,
    /// Their octets from the IP header on, as measured.
    octets: u32,
    /// Uptime in milliseconds at the first packet.
    first_ms: u32,
    /// Uptime in milliseconds at the last packet.
    last_ms: u32,
    /// Source IPv4 address; with a mask, the network it is in.
    src_addr: [u8; 4],
    /// Destination IPv4 address; with a mask, the network it is in.
    dst_addr: [u8; 4],
    /// Bits of the source's prefix.
    src_mask: u8,
    /// Bits of the destination's prefix.
    dst_mask: u8,
    /// Autonomous system of the source, origin or peer as configured.
    src_as: u16,
    /// Autonomous system of the destination, origin or peer as configured.
    dst_as: u16,
    /// Interface index the packets came in by.
    ingress_if: u16,
    /// Interface index the packets left by.
    egress_if: u16,
    /// Source port; 0 where the protocol has none.
    src_port: u16,
    /// Destination port.
    dst_port: u16,
    /// IP protocol number.
    proto: u8,
    /// Type of service octet.
    tos: u8,
    /// Type of service of packets beyond the contract (Catalyst).
    marked_tos: u8,
    /// Packets beyond the contract (Catalyst).
    extra_packets: u32,
    /// The router that was bypassed (Catalyst).
    router: [u8; 4],
}

/// What a record is the sum over: the key that its flows agree in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    /// 1: the two autonomous systems and interfaces.
    As,
    /// 2: protocol and ports.
    ProtoPort,
    /// 3: the source's prefix, its autonomous system, the interface in.
    SrcPrefix,
    /// 4: the destination's prefix, its autonomous system, the interface out.
    DstPrefix,
    /// 5: both prefixes, autonomous systems and interfaces.
    Prefix,
    /// 6: the destination's address (Catalyst).
    Dst,
    /// 7: both addresses (Catalyst).
    SrcDst,
    /// 8: addresses, ports and protocol (Catalyst).
    Full,
    /// 9: as 1, and type of service.
    AsTos,
    /// 10: as 2, type of service and interfaces.
    ProtoPortTos,
    /// 11: as 3, and type of service.
    SrcPrefixTos,
    /// 12: as 4, and type of service.
    DstPrefixTos,
    /// 13: as 5, and type of service.
    PrefixTos,
    /// 14: both prefixes, ports, protocol, type of service and interfaces.
    PrefixPortTos,
}

/// What schemes 1 to 5 and 9 to 14 begin with.
const SUMS: Layout = Layout { flows: 0, packets: 4, octets: 8, first_ms: 12, last_ms: 16, ..EMPTY };

static AS: Layout = Layout { len: 28, src_as: 20, dst_as: 22, ingress_if: 24, egress_if: 26, ..SUMS };
static PROTO_PORT: Layout = Layout { len: 28, proto: 20, src_port: 24, dst_port: 26, ..SUMS };
static SRC_PREFIX: Layout =
    Layout { len: 32, src_addr: 20, src_mask: 24, src_as: 26, ingress_if: 28, ..SUMS };
static DST_PREFIX: Layout = Layout { len: 32, dst_addr: 20, dst_mask: 24, dst_as: 26, egress_if: 28, ..SUMS };
const BOTH: Layout = Layout {
    len: 40,

    src_addr: 20,
    dst_addr: 24,
    dst_mask: 28,
    src_mask: 29,
    ingress_if: 36,
    egress_if: 38,
    ..SUMS
};
static PREFIX: Layout = Layout { src_as: 32, dst_as: 34, ..BOTH };
static DST: Layout = Layout {
    len: 32,

    dst_addr: 0,
    packets: 4,
    octets: 8,
    first_ms: 12,
    last_ms: 16,
    egress_if: 20,
    tos: 22,
    marked_tos: 23,
    extra_packets: 24,
    router: 28,
    ..EMPTY
};
static SRC_DST: Layout = Layout {
    len: 40,

    dst_addr: 0,
    src_addr: 4,
    packets: 8,
    octets: 12,
    first_ms: 16,
    last_ms: 20,
    egress_if: 24,
    ingress_if: 26,
    tos: 28,
    marked_tos: 29,
    extra_packets: 32,
    router: 36,
    ..EMPTY
};
static FULL: Layout = Layout {
    len: 44,

    dst_addr: 0,
    src_addr: 4,
    dst_port: 8,
    src_port: 10,
    packets: 12,
    octets: 16,
    first_ms: 20,
    last_ms: 24,
    egress_if: 28,
    ingress_if: 30,
    tos: 32,
    proto: 33,
    marked_tos: 34,
    extra_packets: 36,
    router: 40,
    ..EMPTY
};
static AS_TOS: Layout =
    Layout { len: 32, src_as: 20, dst_as: 22, ingress_if: 24, egress_if: 26, tos: 28, ..SUMS };
static PROTO_PORT_TOS: Layout =
    Layout { len: 32, proto: 20, tos: 21, src_port: 24, dst_port: 26, ingress_if: 28, egress_if: 30, ..SUMS };
static SRC_PREFIX_TOS: Layout =
    Layout { len: 32, src_addr: 20, src_mask: 24, tos: 25, src_as: 26, ingress_if: 28, ..SUMS };
static DST_PREFIX_TOS: Layout =
    Layout { len: 32, dst_addr: 20, dst_mask: 24, tos: 25, dst_as: 26, egress_if: 28, ..SUMS };
static PREFIX_TOS: Layout = Layout { tos: 30, src_as: 32, dst_as: 34, ..BOTH };
static PREFIX_PORT_TOS: Layout = Layout { tos: 30, proto: 31, src_port: 32, dst_port: 34, ..BOTH };

impl Scheme {
    /// Every scheme, in the order of its number.
    pub const ALL: [Self; 14] = [
        Self::As,
        Self::ProtoPort,
        Self::SrcPrefix,
        Self::DstPrefix,
        Self::Prefix,
        Self::Dst,
        Self::SrcDst,
        Self::Full,
        Self::AsTos,
        Self::ProtoPortTos,
        Self::SrcPrefixTos,
        Self::DstPrefixTos,
        Self::PrefixTos,
        Self::PrefixPortTos,
    ];

    /// The scheme of this number, 1 to 14.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number).checked_sub(1)?).copied()
    }

    /// Its number in a header.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::As => 1,
            Self::ProtoPort => 2,
            Self::SrcPrefix => 3,
            Self::DstPrefix => 4,
            Self::Prefix => 5,
            Self::Dst => 6,
            Self::SrcDst => 7,
            Self::Full => 8,
            Self::AsTos => 9,
            Self::ProtoPortTos => 10,
            Self::SrcPrefixTos => 11,
            Self::DstPrefixTos => 12,
            Self::PrefixTos => 13,
            Self::PrefixPortTos => 14,
        }
    }

    /// Octets of a record.
    #[must_use]
    pub const fn record_len(self) -> usize {
        self.layout().len
    }

    /// Records that a datagram may have: as many as fit into a packet of 1500 octets.
    #[must_use]
    #[expect(clippy::arithmetic_side_effects, reason = "constants: no layout has a length of 0")]
    pub const fn records_max(self) -> usize {
        (1500 - 20 - 8 - super::HEADER_LEN) / self.layout().len
    }

    const fn layout(self) -> &'static Layout {
        match self {
            Self::As => &AS,
            Self::ProtoPort => &PROTO_PORT,
            Self::SrcPrefix => &SRC_PREFIX,
            Self::DstPrefix => &DST_PREFIX,
            Self::Prefix => &PREFIX,
            Self::Dst => &DST,
            Self::SrcDst => &SRC_DST,
            Self::Full => &FULL,
            Self::AsTos => &AS_TOS,
            Self::ProtoPortTos => &PROTO_PORT_TOS,
            Self::SrcPrefixTos => &SRC_PREFIX_TOS,
            Self::DstPrefixTos => &DST_PREFIX_TOS,
            Self::PrefixTos => &PREFIX_TOS,
            Self::PrefixPortTos => &PREFIX_PORT_TOS,
        }
    }
}
