//! Values that are words: closed lists that columns hold as a number and everybody reads as text.

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            /// The words in the order of their codes.
            pub const WORDS: &'static [&'static str] = &[$($text),+];
            /// Every value in the order of the codes.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The number a column holds for it: its place in [`Self::WORDS`].
            #[inline]
            #[must_use]
            pub const fn code(self) -> u8 {
                self as u8
            }

            /// The value with this code.
            #[must_use]
            pub fn from_code(code: u8) -> Option<Self> {
                Self::ALL.get(usize::from(code)).copied()
            }

            /// The word that people read and write.
            #[must_use]
            pub fn word(self) -> &'static str {
                Self::WORDS.get(usize::from(self.code())).copied().unwrap_or_default()
            }
        }
    };
}

words! {
    /// Where the octets of a record lie in the trial balance: exactly one place each.
    Direction {
        /// To a tenant from the outside.
        In = "in",
        /// From a tenant to the outside.
        Out = "out",
        /// Both ends are tenants, or the same one.
        Local = "local",
        /// Neither end is ours.
        Transit = "transit",
        /// An end is ours, or no end is known, and no tenant answers for it.
        Unmatched = "unmatched",
        /// Seen where the operator does not account it; kept, searchable, not accounted.
        Duplicate = "duplicate",
    }
}

words! {
    /// The export format a record came in.
    Version {
        /// NetFlow version 1.
        V1 = "1",
        /// NetFlow version 5.
        V5 = "5",
        /// NetFlow version 6.
        V6 = "6",
        /// NetFlow version 7.
        V7 = "7",
        /// NetFlow version 8: aggregates.
        V8 = "8",
        /// NetFlow version 9 (RFC 3954).
        V9 = "9",
        /// IPFIX (RFC 7011), which is version 10.
        Ipfix = "10",
        /// sFlow, version 2, 4 or 5.
        Sflow = "sflow",
    }
}

words! {
    /// Where a record's sampling interval was learned, best first.
    SamplingSource {
        /// The operator said so in the configuration.
        Override = "override",
        /// The record itself carries it.
        Record = "record",
        /// Options data for the sampler or selector that the record names.
        Sampler = "sampler",
        /// Options data for the record's interface.
        Interface = "interface",
        /// Options data for the whole observation domain.
        Options = "options",
        /// The header of the datagram (NetFlow v5).
        Header = "header",
        /// The operator's default for exporters that say nothing.
        Default = "default",
    }
}

words! {
    /// What `start` and `end` rest on.
    TimeSource {
        /// The record's own times.
        Flow = "flow",
        /// The record gave none: the export time of its message.
        Export = "export",
        /// Absent or absurd: the time of arrival.
        Received = "received",
    }
}

words! {
    /// Which way the packets crossed the observation point (information element 61).
    FlowDirection {
        /// Observed entering the exporter.
        Ingress = "ingress",
        /// Observed leaving the exporter.
        Egress = "egress",
    }
}

words! {
    /// What a firewall (element 233) or a translator (230) reports beside or instead of traffic.
    Event {
        /// A flow was created (233: 1).
        FlowCreated = "flow_created",
        /// A flow was deleted (233: 2).
        FlowDeleted = "flow_deleted",
        /// A flow was denied (233: 3).
        FlowDenied = "flow_denied",
        /// An alert (233: 4).
        FlowAlert = "flow_alert",
        /// A flow goes on (233: 5).
        FlowUpdated = "flow_updated",
        /// A translation was created (230: 1, 4, 6).
        NatCreated = "nat_created",
        /// A translation was deleted (230: 2, 5, 7).
        NatDeleted = "nat_deleted",
        /// Addresses or ports ran out (230: 3, 12).
        NatExhausted = "nat_exhausted",
        /// A quota was exceeded (230: 13).
        NatQuota = "nat_quota",
        /// A binding was made or removed (230: 8 to 11, 14, 15).
        NatBinding = "nat_binding",
        /// A block of ports was given to a subscriber (230: 16).
        PortsAllocated = "ports_allocated",
        /// A block of ports was taken back (230: 17).
        PortsReleased = "ports_released",
        /// A threshold was crossed (230: 18).
        NatThreshold = "nat_threshold",
    }
}

impl Event {
    /// By element 233 (firewallEvent).
    #[must_use]
    pub const fn of_firewall(code: u64) -> Option<Self> {
        Some(match code {
            1 => Self::FlowCreated,
            2 => Self::FlowDeleted,
            3 => Self::FlowDenied,
            4 => Self::FlowAlert,
            5 => Self::FlowUpdated,
            _ => return None,
        })
    }

    /// By element 230 (natEvent, RFC 8158 §4.3).
    #[must_use]
    pub const fn of_translator(code: u64) -> Option<Self> {
        Some(match code {
            1 | 4 | 6 => Self::NatCreated,
            2 | 5 | 7 => Self::NatDeleted,
            3 | 12 => Self::NatExhausted,
            8..=11 | 14 | 15 => Self::NatBinding,
            13 => Self::NatQuota,
            18 => Self::NatThreshold,
            16 => Self::PortsAllocated,
            17 => Self::PortsReleased,
            _ => return None,
        })
    }
}
