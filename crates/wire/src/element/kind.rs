//! What an element is made of: data types, semantics and units (RFC 7012 §3, §6.2 and IANA's registries of
//! them).

/// An enum of the registry's words, with the words.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[doc = $doc:literal])+ $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name { $($(#[doc = $doc])+ $variant,)+ }

        impl $name {
            /// Every one, in the order of its declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The registry's word for it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }
    };
}

words! {
    /// Abstract data types (RFC 7012 §3.1, RFC 6313, RFC 9740).
    Type {
        /// Octets without a meaning of their own.
        OctetArray = "octetArray",
        /// An integer of at most 8 bits.
        Unsigned8 = "unsigned8",
        /// An integer of at most 16 bits.
        Unsigned16 = "unsigned16",
        /// An integer of at most 32 bits.
        Unsigned32 = "unsigned32",
        /// An integer of at most 64 bits.
        Unsigned64 = "unsigned64",
        /// An integer of at most 8 bits, two's complement.
        Signed8 = "signed8",
        /// An integer of at most 16 bits, two's complement.
        Signed16 = "signed16",
        /// An integer of at most 32 bits, two's complement.
        Signed32 = "signed32",
        /// An integer of at most 64 bits, two's complement.
        Signed64 = "signed64",
        /// IEEE 754, 32 bits.
        Float32 = "float32",
        /// IEEE 754, 64 bits.
        Float64 = "float64",
        /// 1 is true, 2 is false.
        Boolean = "boolean",
        /// An address of 6 octets.
        MacAddress = "macAddress",
        /// UTF-8.
        String = "string",
        /// Seconds since 1970, 32 bits.
        DateTimeSeconds = "dateTimeSeconds",
        /// Milliseconds since 1970, 64 bits.
        DateTimeMilliseconds = "dateTimeMilliseconds",
        /// An NTP timestamp, of which the last 11 bits mean nothing.
        DateTimeMicroseconds = "dateTimeMicroseconds",
        /// An NTP timestamp.
        DateTimeNanoseconds = "dateTimeNanoseconds",
        /// An IPv4 address.
        Ipv4Address = "ipv4Address",
        /// An IPv6 address.
        Ipv6Address = "ipv6Address",
        /// Values of one element.
        BasicList = "basicList",
        /// Records of one template.
        SubTemplateList = "subTemplateList",
        /// Records of several templates.
        SubTemplateMultiList = "subTemplateMultiList",
        /// An integer of at most 256 bits.
        Unsigned256 = "unsigned256",
    }
}

words! {
    /// What may be done with the numbers of an element (RFC 7012 §3.2, RFC 6313, RFC 8038).
    Semantics {
        /// Nothing is said.
        Default = "default",
        /// A measured value of the record.
        Quantity = "quantity",
        /// A counter since the metering process began.
        TotalCounter = "totalCounter",
        /// A counter since the last report.
        DeltaCounter = "deltaCounter",
        /// A name: adding it up means nothing.
        Identifier = "identifier",
        /// Bits with a meaning each.
        Flags = "flags",
        /// A structure.
        List = "list",
        /// A counter of the SNMP, which wraps.
        SnmpCounter = "snmpCounter",
        /// A gauge of the SNMP.
        SnmpGauge = "snmpGauge",
    }
}

words! {
    /// Units (RFC 7012 §6.2).
    Unit {
        /// Bits.
        Bits = "bits",
        /// Octets.
        Octets = "octets",
        /// Packets.
        Packets = "packets",
        /// Flows.
        Flows = "flows",
        /// Seconds.
        Seconds = "seconds",
        /// Milliseconds.
        Milliseconds = "milliseconds",
        /// Microseconds.
        Microseconds = "microseconds",
        /// Nanoseconds.
        Nanoseconds = "nanoseconds",
        /// Words of 4 octets.
        FourOctetWords = "4-octet words",
        /// IPFIX messages.
        Messages = "messages",
        /// Hops.
        Hops = "hops",
        /// Entries of a label stack.
        Entries = "entries",
        /// Layer 2 frames.
        Frames = "frames",
        /// Transport ports.
        Ports = "ports",
        /// The unit of the element whose limit this is.
        Inferred = "inferred",
    }
}

impl Type {
    /// Octets of a value that is not of reduced size (RFC 7011 §6.1, §6.2). `None` if values have no size of
    /// their own.
    #[must_use]
    pub const fn size(self) -> Option<u16> {
        match self {
            Self::Unsigned8 | Self::Signed8 | Self::Boolean => Some(1),
            Self::Unsigned16 | Self::Signed16 => Some(2),
            Self::Unsigned32 | Self::Signed32 | Self::Float32 | Self::DateTimeSeconds | Self::Ipv4Address => {
                Some(4)
            }
            Self::MacAddress => Some(6),
            Self::Unsigned64
            | Self::Signed64
            | Self::Float64
            | Self::DateTimeMilliseconds
            | Self::DateTimeMicroseconds
            | Self::DateTimeNanoseconds => Some(8),
            Self::Ipv6Address => Some(16),
            Self::Unsigned256 => Some(32),
            Self::OctetArray
            | Self::String
            | Self::BasicList
            | Self::SubTemplateList
            | Self::SubTemplateMultiList => None,
        }
    }
}
