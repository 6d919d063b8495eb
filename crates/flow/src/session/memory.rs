//! What sessions remember across a restart, and where in the store's memory it lies.
//!
//! A key is: one octet for the [`Realm`]; the session (address, port, protocol, domain); one octet for what is
//! remembered; the rest tells several of a kind apart.
//!
//! | kind | rest | value |
//! |---|---|---|
//! | `t` template | id | 1 if it is for options, when it came, the template as it was sent |
//! | `h` held set | number | template id, the clock of its message, the set's body |
//! | `s` sampling | which sampler or interface | the interval |
//! | `u` unknown sampling | | since when, by sampler |
//! | `n` name | what, number | its versions ([`crate::label`]) |
//! | `x` exporter | | what was seen of it ([`super::record`]), as JSON |
//! | `p` position | | where its sequence numbers stand, with each batch ([`super::record::Position`]) |

use super::Key;
use crate::memory::{Change, Memory};
use crate::{Addr, Batch};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use weir_wire::Protocol;

/// Whose memory it is. What an old capture says of a router must not be taken for what the router says now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Realm {
    /// What arrives.
    #[default]
    Live,
    /// What is read from files.
    Import,
}

/// The beginning of all keys of one session.
pub(super) type Prefix = [u8; 24];

pub(super) const TEMPLATE: u8 = b't';
pub(super) const HELD: u8 = b'h';
pub(super) const SAMPLING: u8 = b's';
pub(super) const UNKNOWN: u8 = b'u';
pub(super) const NAME: u8 = b'n';
pub(super) const RECORD: u8 = b'x';
pub(super) const POSITION: u8 = b'p';

const fn realm_octet(realm: Realm) -> u8 {
    match realm {
        Realm::Live => b'l',
        Realm::Import => b'i',
    }
}

/// Stays the same from version to version, unlike the order of an enum.
const fn protocol_octet(protocol: Protocol) -> u8 {
    match protocol {
        Protocol::NetflowV1 => 1,
        Protocol::NetflowV5 => 5,
        Protocol::NetflowV6 => 6,
        Protocol::NetflowV7 => 7,
        Protocol::NetflowV8 => 8,
        Protocol::NetflowV9 => 9,
        Protocol::Ipfix => 10,
        Protocol::SflowV2 => 102,
        Protocol::SflowV4 => 104,
        Protocol::SflowV5 => 105,
    }
}

/// Where a session's keys begin.
pub(super) fn prefix(realm: Realm, key: &Key) -> Prefix {
    let mut prefix = [0; 24];
    let parts: [&[u8]; 5] = [
        &[realm_octet(realm)],
        key.from.octets(),
        &key.port.to_be_bytes(),
        &[protocol_octet(key.protocol)],
        &key.domain.to_be_bytes(),
    ];
    for (slot, octet) in prefix.iter_mut().zip(parts.into_iter().flatten()) {
        *slot = *octet;
    }
    prefix
}

/// The exporter, what is remembered, and the rest of a key.
pub(crate) fn split(key: &[u8]) -> Option<(Addr, u8, &[u8])> {
    let (session, rest) = key.split_first_chunk::<24>()?;
    let exporter = Addr::from_slice(session.get(1..17)?)?;
    let (kind, rest) = rest.split_first()?;
    Some((exporter, *kind, rest))
}

fn key(prefix: &Prefix, kind: u8, rest: &[u8]) -> Box<[u8]> {
    [prefix, &[kind][..], rest].concat().into()
}

/// From now on this is remembered.
pub(super) fn put(batch: &mut Batch, prefix: &Prefix, kind: u8, rest: &[u8], value: impl Into<Box<[u8]>>) {
    batch.memory.push(Change::Put { key: key(prefix, kind, rest), value: value.into() });
}

/// From now on this is forgotten; without `rest`, all of the kind.
pub(super) fn forget(batch: &mut Batch, prefix: &Prefix, kind: u8, rest: &[u8]) {
    batch.memory.push(Change::Forget { prefix: key(prefix, kind, rest) });
}

/// Everything of the session is forgotten.
pub(super) fn forget_all(batch: &mut Batch, prefix: &Prefix) {
    batch.memory.push(Change::Forget { prefix: (*prefix).into() });
}

/// What sessions remembered when the program stopped, until each comes to fetch its own.
///
/// It is shared by all workers: whichever meets an exporter first takes what there is of it, and nobody else does.
#[derive(Debug, Default)]
pub struct Attic {
    sessions: HashMap<Prefix, Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    taken: AtomicBool,
    entries: Vec<Entry>,
}

/// One thing remembered of a session.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) kind: u8,
    pub(super) rest: Box<[u8]>,
    pub(super) value: Box<[u8]>,
}

impl Attic {
    /// All that is remembered of this realm.
    #[must_use]
    pub fn new(memory: &Memory, realm: Realm) -> Self {
        let mut attic = Self::default();
        for (key, value) in memory.with_prefix(&[realm_octet(realm)]) {
            let Some((session, rest)) = key.split_first_chunk::<24>() else { continue };
            let Some((kind, rest)) = rest.split_first() else { continue };
            let entry = Entry { kind: *kind, rest: rest.into(), value: value.into() };
            attic.sessions.entry(*session).or_default().entries.push(entry);
        }
        attic
    }

    /// Whether there is anything of a session.
    pub(super) fn knows(&self, prefix: &Prefix) -> bool {
        self.sessions.contains_key(prefix)
    }

    /// What there is of a session, to the first who asks.
    pub(super) fn take(&self, prefix: &Prefix) -> &[Entry] {
        match self.sessions.get(prefix) {
            Some(kept) if !kept.taken.swap(true, Ordering::Relaxed) => &kept.entries,
            _ => &[],
        }
    }
}
