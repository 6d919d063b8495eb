//! A tenant's network, and the time that it is the tenant's.
//!
//! Networks move: a room is let to somebody else in the middle of a month. So an entry of a tenant's list may say
//! from when and until when it holds. Spans are half-open, so that the instant of a move belongs to the new tenant
//! only, and two entries that meet leave no gap. And where several share an address, an entry may say which ports of it are
//! the tenant's ([`crate::block`]).

use crate::block::Block;
use crate::prefix::{Prefix, PrefixError};
use crate::span::Span;
use crate::zone::Zone;
use std::str::FromStr;

/// A network and the time that it is somebody's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// Which addresses.
    pub prefix: Prefix,
    /// When: half-open, an edge that is not given is open.
    pub time: Span,
    /// Which ports of these addresses, where others have the rest: all, and what has no port, if none are named.
    pub ports: Option<Block>,
}

impl Network {
    /// Whether it has all ports of another, and what has no port where that does.
    pub(crate) fn has_ports_of(&self, other: Option<Block>) -> bool {
        match (self.ports, other) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(own), Some(other)) => own.encloses(other),
        }
    }

    /// Whether it holds at this instant, ms since 1970.
    #[must_use]
    pub fn holds(&self, at_ms: i64) -> bool {
        self.time.contains(at_ms)
    }

    /// As a person reads it: `10.0.1.0/24`, with ports and dates where it has some: `203.0.113.7/32 ports 1024-2047 from
    /// 2026-10-14`.
    #[must_use]
    pub fn text(&self, zone: &Zone) -> String {
        let ports = self.ports.map_or_else(String::new, |ports| format!(" ports {ports}"));
        format!("{}{ports}{}", self.prefix, self.time.text(zone))
    }
}

impl From<Prefix> for Network {
    /// Always.
    fn from(prefix: Prefix) -> Self {
        Self { prefix, time: Span::default(), ports: None }
    }
}

impl FromStr for Network {
    type Err = PrefixError;

    /// A network that always holds.
    fn from_str(text: &str) -> Result<Self, PrefixError> {
        text.parse::<Prefix>().map(Self::from)
    }
}

/// The time of a span that these spans leave over: in order, and none of them empty.
pub(crate) fn left_over(of: Span, without: &[Span]) -> Vec<Span> {
    let mut left = vec![of];
    for hole in without {
        left = left.iter().flat_map(|part| cut(*part, *hole)).collect();
    }
    left
}

/// What of a span lies before and after a hole.
fn cut(of: Span, hole: Span) -> impl Iterator<Item = Span> {
    let Some(inside) = of.intersection(hole) else { return [Some(of), None].into_iter().flatten() };
    let before =
        (inside.from_ms != of.from_ms).then_some(Span { from_ms: of.from_ms, to_ms: inside.from_ms });
    let after = (inside.to_ms != of.to_ms).then_some(Span { from_ms: inside.to_ms, to_ms: of.to_ms });
    [before, after].into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(from_ms: impl Into<Option<i64>>, to_ms: impl Into<Option<i64>>) -> Span {
        Span { from_ms: from_ms.into(), to_ms: to_ms.into() }
    }

    #[test]
    fn what_is_left_over_of_a_span() {
        let always = Span::default();
        assert_eq!(left_over(always, &[]), [always]);
        assert_eq!(left_over(always, &[always]), []);
        assert_eq!(left_over(span(0, 10), &[span(10, 20), span(-5, 0)]), [span(0, 10)]);
        assert_eq!(left_over(span(0, 10), &[span(2, 4), span(4, 6)]), [span(0, 2), span(6, 10)]);
        assert_eq!(left_over(always, &[span(2, 4)]), [span(None, 2), span(4, None)]);
        assert_eq!(left_over(always, &[span(None, 4)]), [span(4, None)]);
        assert_eq!(left_over(span(3, None), &[span(None, 4), span(7, None)]), [span(4, 7)]);
    }

    #[test]
    fn dates_are_said_where_there_are_some() {
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        let prefix: Prefix = "10.0.1.0/24".parse().unwrap();
        let text = |from, to| Network { time: span(from, to), ..prefix.into() }.text(&berlin);
        assert_eq!(text(None, None), "10.0.1.0/24");
        // 2026-10-14T00:00 and 2026-11-01T12:00 in Berlin.
        let (from, to) = (1_791_928_800_000, 1_793_530_800_000);
        assert_eq!(text(Some(from), None), "10.0.1.0/24 from 2026-10-14");
        let ports = Network { ports: "1024-2047".parse().ok(), ..prefix.into() };
        assert_eq!(ports.text(&berlin), "10.0.1.0/24 ports 1024-2047");
        assert_eq!(text(Some(from), Some(to)), "10.0.1.0/24 from 2026-10-14 until 2026-11-01T12:00:00+01:00");
    }
}
