//! The trial balance: every octet decoded lies in exactly one place, and the sum is shown to be the whole.
//!
//! `decoded` is counted apart from its parts (straight from the records, before anybody asked whose they are),
//! so that the difference is a check and not a tautology. It must be 0; it is printed because it must be 0.

use crate::sums::{Difference, Overflow, Sums};
use crate::usage::{Tally, Usage};
use weir_flow::Addr;

/// The balance of everything in a span, or of one exporter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    /// All that was decoded.
    pub decoded: Sums,
    /// To tenants from the outside.
    pub tenant_in: Sums,
    /// From tenants to the outside.
    pub tenant_out: Sums,
    /// Between tenants or inside one, once.
    pub local: Sums,
    /// Neither end is ours.
    pub transit: Sums,
    /// An end is ours or unknown, and no tenant answers for it.
    pub unmatched: Sums,
    /// Seen where the operator does not account it.
    pub duplicate: Sums,
    /// Decoded and not kept, for all reasons together.
    pub discarded: Sums,
    /// Decoded less all lines under it: must be 0.
    pub difference: Difference,
    /// Local traffic at the source's side less the same at the destination's: must be 0.
    pub local_difference: Difference,
}

impl Lines {
    fn of(tally: &Tally) -> Self {
        let used = &tally.used;
        let parts = [
            used.r#in,
            used.out,
            used.local_out,
            tally.transit,
            tally.unmatched,
            tally.duplicate,
            tally.discarded,
        ];
        Self {
            decoded: tally.decoded,
            tenant_in: used.r#in,
            tenant_out: used.out,
            local: used.local_out,
            transit: tally.transit,
            unmatched: tally.unmatched,
            duplicate: tally.duplicate,
            discarded: tally.discarded,
            difference: Difference::between(tally.decoded, &parts),
            local_difference: Difference::between(used.local_out, &[used.local_in]),
        }
    }

    /// Whether the lines sum to what was decoded, and local traffic is the same from both sides.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.difference.is_zero() && self.local_difference.is_zero()
    }

    /// What tenants answer for: in, out and local, each octet once.
    ///
    /// # Errors
    /// [`Overflow`]
    pub fn accounted(&self) -> Result<Sums, Overflow> {
        Sums::sum([self.tenant_in, self.tenant_out, self.local])
    }
}

/// The trial balance, of the whole and exporter by exporter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// The whole.
    pub total: Lines,
    /// The line `discarded` by reason.
    pub discarded: Vec<(String, Sums)>,
    /// Each exporter's, by address.
    pub exporters: Vec<(Addr, Lines)>,
}

impl Balance {
    /// The balance of this usage.
    #[must_use]
    pub fn of(usage: &Usage) -> Self {
        Self {
            total: Lines::of(usage.total()),
            discarded: usage.discarded().map(|(reason, sums)| (reason.to_owned(), sums)).collect(),
            exporters: usage.exporters().map(|(exporter, tally)| (exporter, Lines::of(tally))).collect(),
        }
    }

    /// Whether the whole and every exporter's part close.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.total.is_closed() && self.exporters.iter().all(|(_, lines)| lines.is_closed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::Kind;

    const A: Addr = Addr::v4([192, 0, 2, 1]);
    const B: Addr = Addr::v4([192, 0, 2, 2]);

    fn usage() -> Usage {
        let mut usage = Usage::default();
        let mut add = |kind, tenant, exporter, octets| {
            usage.add(kind, tenant, None, exporter, Sums::new(octets, octets / 10, 1)).unwrap();
        };
        add(Kind::In, Some("t"), A, 1_000);
        add(Kind::Out, Some("t"), A, 200);
        add(Kind::LocalOut, Some("t"), A, 30);
        add(Kind::LocalIn, Some("u"), A, 30);
        add(Kind::Transit, None, B, 4_000);
        add(Kind::Unmatched, None, B, 500);
        add(Kind::Duplicate, None, B, 60);
        add(Kind::Decoded, None, A, 1_000);
        add(Kind::Decoded, None, A, 200);
        add(Kind::Decoded, None, A, 30);
        add(Kind::Decoded, None, B, 4_000);
        add(Kind::Decoded, None, B, 500);
        add(Kind::Decoded, None, B, 60);
        usage.add_discarded("disk_full", B, Sums::new(7, 1, 1)).unwrap();
        usage
    }

    #[test]
    fn every_octet_lies_in_one_place() {
        let balance = Balance::of(&usage());
        assert_eq!(balance.total.decoded, Sums::new(5_797, 580, 7));
        assert_eq!(balance.total.local, Sums::new(30, 3, 1));
        assert_eq!(balance.total.accounted(), Ok(Sums::new(1_230, 123, 3)));
        assert_eq!(balance.total.difference, Difference::default());
        assert_eq!(balance.discarded, [("disk_full".to_owned(), Sums::new(7, 1, 1))]);
        assert_eq!(
            balance.exporters.iter().map(|(e, l)| (*e, l.decoded.octets)).collect::<Vec<_>>(),
            [(A, 1_230), (B, 4_567)]
        );
        assert!(balance.is_closed());
    }

    #[test]
    fn a_difference_is_signed_and_found_by_exporter() {
        let mut usage = usage();
        // One octet too many at A and one too few at B: the whole closes, the parts do not.
        usage.add(Kind::Transit, None, None, A, Sums::new(1, 0, 0)).unwrap();
        usage.add(Kind::Decoded, None, None, B, Sums::new(1, 0, 0)).unwrap();
        let balance = Balance::of(&usage);
        assert!(balance.total.is_closed() && !balance.is_closed());
        let differences: Vec<_> = balance.exporters.iter().map(|(_, l)| l.difference.octets).collect();
        assert_eq!(differences, [-1, 1]);
    }

    #[test]
    fn local_traffic_has_two_sides() {
        let mut usage = usage();
        usage.add(Kind::LocalIn, Some("t"), None, A, Sums::new(5, 1, 1)).unwrap();
        let total = Balance::of(&usage).total;
        assert!(total.difference.is_zero());
        assert_eq!(total.local_difference, Difference { octets: -5, packets: -1, flows: -1 });
        assert!(!total.is_closed());
    }
}
