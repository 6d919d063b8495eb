//! What is wrong, and where: every failure of this crate is a [`Reason`] and an offset.
//!
//! A reason is a word that becomes the label of a counter (`discarded{reason="set_overrun"}`), so its spelling
//! is part of the interface and never changes. The offset lets a person find the octet in a capture.

use core::fmt;

/// A refusal: why, and at which octet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Error {
    /// Why.
    pub reason: Reason,
    /// Octets from the start of the datagram (of the file, for capture files; of the output, when emitting)
    /// to the field that is wrong, or, when something is missing, to where it should begin.
    pub offset: usize,
}

impl Error {
    /// An error with this reason at this offset.
    #[must_use]
    pub const fn new(reason: Reason, offset: usize) -> Self {
        Self { reason, offset }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at octet {}: {}", self.reason.as_str(), self.offset, self.reason.explanation())
    }
}

impl core::error::Error for Error {}

/// One list from which the enum, the names and the explanations come, so that they cannot drift apart.
macro_rules! reasons {
    ($($variant:ident $name:literal $explanation:literal;)+) => {
        /// Why something on the wire was refused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Reason {
            $(#[doc = $explanation] $variant,)+
        }

        impl Reason {
            /// Every reason, in the order of its declaration: the set of counters to make.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name under which this is counted: `snake_case`, stable.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// One sentence for a person.
            #[must_use]
            pub const fn explanation(self) -> &'static str {
                match self { $(Self::$variant => $explanation,)+ }
            }
        }
    };
}

reasons! {
    // Any format.
    Truncated "truncated" "the bytes end before what the format promises";
    BadVersion "bad_version" "the version is not the one of this format";
    BadLength "bad_length" "a length is smaller than what it must hold, or disagrees with its contents";
    CountMismatch "count_mismatch" "the count in the header cannot be true for the bytes present";
    LimitExceeded "limit_exceeded" "a stated maximum of this program is exceeded";
    Unsupported "unsupported" "a known form that is not read";
    // NetFlow v9 and IPFIX.
    BadSetLength "bad_set_length" "a set's length is shorter than its own header";
    SetOverrun "set_overrun" "a set's length runs past the end of the message";
    BadTemplateId "bad_template_id" "a template's id is below 256";
    BadTemplate "bad_template" "a template or options template is inconsistent";
    TooManyFields "too_many_fields" "a template has more fields than are accepted";
    BadScope "bad_scope" "an options template has a scope that its fields cannot hold";
    EmptyRecord "empty_record" "a template describes records of no octets";
    FieldOverrun "field_overrun" "a variable-length field runs past the end of its set";
    // sFlow.
    BadAddress "bad_address" "an address is of a type that does not exist";
    SampleOverrun "sample_overrun" "a sample's length runs past the end of the datagram";
    // Metered packets.
    BadHeaderLength "bad_header_length" "a header gives itself a length that it cannot have";
    BadChecksum "bad_checksum" "a checksum does not match";
    UnknownLink "unknown_link" "the link type is not one that is read";
    // Capture files.
    BadMagic "bad_magic" "the file does not begin as any known format does";
    BadBlock "bad_block" "a block of the file contradicts itself";
    // Emitting.
    NoSpace "no_space" "the output has no room for it";
    BadOrder "bad_order" "the parts of a message were written in an order that the format does not have";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn names_are_stable_words() {
        for (at, reason) in Reason::ALL.iter().enumerate() {
            let name = reason.as_str();
            assert!(!name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
            assert!(Reason::ALL[..at].iter().all(|other| other.as_str() != name), "{name} twice");
        }
    }

    #[test]
    fn display_names_reason_and_place() {
        let text = Error::new(Reason::SetOverrun, 82).to_string();
        assert_eq!(text, "set_overrun at octet 82: a set's length runs past the end of the message");
    }
}
