//! From a stream of octets to IPFIX messages: each says its length (RFC 7011 §3.1), and nothing is between them
//! (§10.4.3).

use std::fmt;
use weir_wire::ipfix::{HEADER_LEN, VERSION};

/// The octets of a message that has not come whole.
#[derive(Debug, Default)]
pub(super) struct Framing {
    rest: Vec<u8>,
    /// Octets of the stream before `rest`.
    before: u64,
}

/// What is no message. The stream has no way on from here: where the next one begins is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    /// Octets of the stream before it.
    pub(super) at: u64,
    /// The version, if that is what is wrong; else the length is shorter than a header.
    version: Option<u16>,
    length: u16,
}

impl Fault {
    /// The reason under which it is counted.
    pub(super) fn word(self) -> &'static str {
        if self.version.is_some() { "bad_version" } else { "bad_length" }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, version, length } = self;
        match version {
            Some(version) => write!(
                f,
                "octet {at} of the stream begins no IPFIX message: the version is {version}, not {VERSION}; only IPFIX \
                 goes over connections"
            ),
            None => write!(
                f,
                "octet {at} of the stream begins a message that says it has {length} octets, less than its header"
            ),
        }
    }
}

impl Framing {
    /// Octets of an unfinished message.
    pub(super) fn unfinished(&self) -> usize {
        self.rest.len()
    }

    /// Takes in what was read, and hands over every message that is whole with it.
    pub(super) fn feed(&mut self, octets: &[u8], mut each: impl FnMut(&[u8])) -> Result<(), Fault> {
        if self.rest.is_empty() {
            // The usual case copies nothing but the unfinished end.
            let taken = self.take(octets, &mut each)?;
            self.rest.extend_from_slice(octets.get(taken..).unwrap_or_default());
            return Ok(());
        }
        let mut rest = std::mem::take(&mut self.rest);
        rest.extend_from_slice(octets);
        let taken = self.take(&rest, &mut each)?;
        rest.drain(..taken);
        self.rest = rest;
        Ok(())
    }

    /// Hands over the messages at the front; how many octets they were.
    fn take(&mut self, octets: &[u8], each: &mut impl FnMut(&[u8])) -> Result<usize, Fault> {
        let mut taken = 0;
        loop {
            let here = octets.get(taken..).unwrap_or_default();
            let Some(len) = self.message_len(here)? else { return Ok(taken) };
            let Some(message) = here.get(..len) else { return Ok(taken) };
            each(message);
            taken += len;
            self.before += len as u64;
        }
    }

    /// The length of the message that begins here, once enough of it is there.
    fn message_len(&self, octets: &[u8]) -> Result<Option<usize>, Fault> {
        let fault = |version, length| Err(Fault { at: self.before, version, length });
        let Some((version, after)) = octets.split_first_chunk() else { return Ok(None) };
        let version = u16::from_be_bytes(*version);
        if version != VERSION {
            return fault(Some(version), 0);
        }
        let Some(length) = after.first_chunk() else { return Ok(None) };
        let length = u16::from_be_bytes(*length);
        if usize::from(length) < HEADER_LEN {
            return fault(None, length);
        }
        Ok(Some(length.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(len: u16, fill: u8) -> Vec<u8> {
        let mut out = [0, 10].to_vec();
        out.extend(len.to_be_bytes());
        out.resize(len.into(), fill);
        out
    }

    fn fed(parts: &[&[u8]]) -> (Vec<Vec<u8>>, Result<(), Fault>, usize) {
        let mut framing = Framing::default();
        let mut messages = Vec::new();
        let result = parts.iter().try_for_each(|part| framing.feed(part, |m| messages.push(m.to_vec())));
        (messages, result, framing.unfinished())
    }

    #[test]
    fn two_in_one_read_and_one_octet_by_octet() {
        let (one, two) = (message(16, 1), message(20, 2));
        let both = [one.clone(), two.clone()].concat();
        assert_eq!(fed(&[&both]), (vec![one.clone(), two.clone()], Ok(()), 0));
        let octets: Vec<&[u8]> = both.chunks(1).collect();
        assert_eq!(fed(&octets), (vec![one.clone(), two], Ok(()), 0));
        assert_eq!(fed(&[&both[..30]]), (vec![one], Ok(()), 14));
    }

    #[test]
    fn what_is_no_message_is_said_with_its_place() {
        let good = message(20, 7);
        let wrong = |tail: &[u8]| fed(&[&good, tail]).1.unwrap_err();
        let version = wrong(&[0, 9]);
        assert_eq!((version.at, version.word()), (20, "bad_version"));
        assert!(
            version
                .to_string()
                .starts_with("octet 20 of the stream begins no IPFIX message: the version is 9")
        );
        let length = wrong(&[0, 10, 0, 15]);
        assert_eq!((length.at, length.word()), (20, "bad_length"));
        assert!(length.to_string().contains("says it has 15 octets"));
        // Not enough to judge is no fault.
        assert_eq!(fed(&[&good, &[0]]).1, Ok(()));
        assert_eq!(fed(&[&good, &[0, 10, 0]]).2, 3);
    }

    proptest! {
        #[test]
        fn however_it_is_cut_the_messages_are_the_same(
            lens in proptest::collection::vec(16u16..3000, 0..12),
            cuts in proptest::collection::vec(1usize..4000, 1..40),
        ) {
            let messages: Vec<_> = lens.iter().zip(0u8..).map(|(len, i)| message(*len, i)).collect();
            let stream = messages.concat();
            let mut parts = Vec::new();
            let mut rest = &stream[..];
            for cut in cuts.iter().cycle() {
                if rest.is_empty() { break }
                let (part, after) = rest.split_at((*cut).min(rest.len()));
                parts.push(part);
                rest = after;
            }
            prop_assert_eq!(fed(&parts), (messages, Ok(()), 0));
        }
    }
}
