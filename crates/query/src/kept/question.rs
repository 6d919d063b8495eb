//! Everything that groups of a whole segment follow from, as a digest.
//!
//! What is asked for: the keys in their order, the sums, the filter with all that it took from outside (names, files of
//! networks, hosts, the clocks of a zone), and the clocks that keys of time are read from. Not the span, which a whole
//! segment lies in; nor order and limit, which are about all groups together. And the segment, by all that the manifest
//! says of its bytes.

use crate::key::Key;
use crate::query::{Measure, Query};
use sha2::{Digest as _, Sha256};
use std::fmt::{self, Write};
use weir_store::SegmentEntry;

/// How the groups of a question are found, and their bytes: raised when the same question comes to mean other groups.
const VERSION: u32 = 1;

/// Of a question and a segment. Two that agree are the same, as far as anybody can tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Digest(pub(crate) [u8; 32]);

impl Digest {
    /// The name of its file.
    pub(crate) fn name(&self) -> String {
        let mut name = String::with_capacity(40);
        for byte in self.0.iter().take(16) {
            // Writing into a string does not fail.
            let _ = write!(name, "{byte:02x}");
        }
        name.push_str(".part");
        name
    }
}

/// What is asked of every segment.
#[derive(Clone, Debug)]
pub(crate) struct Question(Sha256);

impl Question {
    /// What this query asks of a segment that lies wholly in its span.
    pub(crate) fn new(query: &Query) -> Self {
        // A service is told by names that come with the program, and a filter means what the program says.
        Self::of_program(query, env!("CARGO_PKG_VERSION"))
    }

    /// The same of a query by columns and networks, without a filter: it means the same to every program.
    pub(crate) fn lasting(query: &Query) -> Self {
        Self::of_program(query, "")
    }

    fn of_program(query: &Query, program: &str) -> Self {
        let mut text = Text(Sha256::new());
        let _ = write!(text, "weir {VERSION} {program}\nkeys");
        for key in &query.keys {
            let _ = write!(text, " {key}");
        }
        let _ = write!(text, "\nsums");
        for measure in query.summed() {
            let _ = write!(text, " {}", Measure::name(measure));
        }
        if query.keys.iter().any(|key| key.is_of_time()) {
            let _ = write!(text, "\nclocks {:?}", query.civil);
        }
        if query.keys.iter().any(|key| matches!(key, Key::Group(_))) {
            let _ = write!(text, "\ngroups {:?}", query.membership.sorted());
        }
        // The tree itself: times of day in it have their zone with them.
        let _ = write!(text, "\nfilter {:?}\n", query.filter);
        Self(text.0)
    }

    /// The digest of it and this segment.
    pub(crate) fn of(&self, segment: &SegmentEntry) -> Digest {
        let mut text = Text(self.0.clone());
        let _ = write!(text, "segment {}", segment.identity());
        Digest(text.0.finalize().into())
    }
}

/// Text on its way into a digest.
struct Text(Sha256);

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::civil::Civil;
    use crate::membership::Membership;
    use crate::query::{Count, Order};
    use weir_flow::filter::{Filter, Names};

    fn digest(query: &Query) -> [u8; 32] {
        Question::new(query).0.finalize().into()
    }

    fn query(keys: &str, filter: &str, zone: &Civil) -> Query {
        let names = Names { zone: zone.clone(), ..Names::default() };
        let keys = keys.split(',').map(|name| Key::by_name(name).unwrap()).collect();
        Query { filter: Some(Filter::parse_with(filter, &names).unwrap()), ..Query::top(keys, 5) }
    }

    #[test]
    fn what_changes_the_groups_of_a_segment_changes_the_digest_and_nothing_else_does() {
        let (utc, ahead) = (Civil::default(), Civil::new(3_600_000, []));
        let one = query("src,dst", "dst port 80", &utc);
        let others = [
            query("dst,src", "dst port 80", &utc),
            query("src/24,dst", "dst port 80", &utc),
            query("src/24/56,dst", "dst port 80", &utc),
            query("src,dst", "dst port 81", &utc),
            query("src,dst", "not dst port 80", &utc),
            query("src,dst", "time 08:00-18:00", &utc),
            query("src,dst", "time 08:00-18:00", &ahead),
            query("src,hour", "", &utc),
            Query { civil: ahead.clone(), ..query("src,hour", "", &utc) },
            query("group", "", &utc),
            Query { membership: Membership::new([("acme", "north")]), ..query("group", "", &utc) },
            Query { membership: Membership::new([("acme", "south")]), ..query("group", "", &utc) },
            Query { filter: None, ..one.clone() },
            Query { measures: vec![Measure::Octets], ..one.clone() },
            Query { order: Order::Largest(Measure::MeasuredOctets), ..one.clone() },
        ];
        let mut digests: Vec<[u8; 32]> = others.iter().map(digest).collect();
        digests.push(digest(&one));
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), others.len() + 1);
        let same = [
            Query { range: Some(0..9), count: Count::Inside, limit: None, ..one.clone() },
            Query { order: Order::Key, ..one.clone() },
            Query { membership: Membership::new([("acme", "north")]), ..one.clone() },
            Query { order: Order::Largest(Measure::Flows), civil: ahead, ..one.clone() },
        ];
        assert_eq!(same.map(|query| digest(&query)), [digest(&one); 4]);
    }
}
