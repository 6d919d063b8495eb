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
        /// NetFlow version 7.
        V7 = "7",
        /// NetFlow version 9 (RFC 3954).
        V9 = "9",
        /// IPFIX (RFC 7011), which is version 10.
        Ipfix = "10",
        /// sFlow, of any version.
        Sflow = "sflow",
        /// NetFlow version 6.
        V6 = "6",
        /// NetFlow version 8: aggregates.
        V8 = "8",
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
