//! Names that a session has learned of its exporter, and applications by theirs.

use super::memory::{self, NAME, Prefix};
use super::options::{Named, application_id};
use crate::label::{Kind, Versions};
use crate::{Batch, Bytes};
use hashbrown::HashMap;
use std::io::Write;

/// Names remembered per session: a large chassis has some thousands of interfaces, a catalogue of applications
/// some thousands of entries.
const NAMES_MAX: usize = 32_768;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Names {
    names: HashMap<(Kind, u64), Versions, foldhash::fast::RandomState>,
}

impl Names {
    /// Takes in a name said at `now`; false if there was no room to remember it.
    pub(super) fn learn(&mut self, named: Named<'_>, now: i64, prefix: &Prefix, batch: &mut Batch) -> bool {
        let key = (named.kind, named.number);
        if self.names.len() >= NAMES_MAX && !self.names.contains_key(&key) {
            return false;
        }
        let versions = self.names.entry(key).or_default();
        if versions.say(named.name, named.description, now) {
            let number = named.number.to_be_bytes();
            memory::put(batch, prefix, NAME, &[&[named.kind as u8][..], &number].concat(), versions.encode());
        }
        true
    }

    /// Takes back what is remembered; false if it is none.
    pub(super) fn restore(&mut self, rest: &[u8], value: &[u8]) -> bool {
        let Some((kind, number)) = key(rest) else { return false };
        let Some(versions) = Versions::decode(value) else { return false };
        self.names.insert((kind, number), versions);
        true
    }
}

/// What a key's rest says.
pub(super) fn key(rest: &[u8]) -> Option<(Kind, u64)> {
    let (kind, number) = rest.split_first()?;
    Some((Kind::from_code(*kind)?, u64::from_be_bytes(number.try_into().ok()?)))
}

/// Appends an application's name, or `engine:selector` while it has none. An id of zeros is none.
pub(super) fn push_application(names: &Names, octets: &[u8], column: &mut Bytes) {
    let id = application_id(octets).filter(|id| *id != 0);
    column.push_parts(|data| {
        let Some(id) = id else { return };
        let name = names.names.get(&(Kind::Application, id)).and_then(|v| v.all().last());
        match name {
            Some(version) => data.extend_from_slice(version.name.as_bytes()),
            // Writing to a vector cannot fail.
            None => write!(data, "{}:{}", id >> 56, id & (u64::MAX >> 8)).unwrap_or_default(),
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_application_is_called_by_its_name_once_it_is_known() {
        let (mut names, mut batch, mut column) = (Names::default(), Batch::new(), Bytes::new());
        push_application(&names, &[13, 0, 1, 0xa5], &mut column);
        let number = application_id(&[13, 0, 1, 0xa5]).unwrap();
        let named = Named { kind: Kind::Application, number, name: b"netflix\0\0", description: b"" };
        assert!(names.learn(named, 5, &[0; 24], &mut batch));
        assert!(names.learn(named, 6, &[0; 24], &mut batch));
        assert_eq!(batch.memory.len(), 1);
        push_application(&names, &[13, 1, 0xa5], &mut column);
        push_application(&names, &[0, 0, 0, 0], &mut column);
        assert_eq!(column.iter().collect::<Vec<_>>(), [&b"13:421"[..], b"netflix", b""]);
    }
}
