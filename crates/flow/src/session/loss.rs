//! What a loss comes to: an exporter numbers records or datagrams, and of the other it is estimated how many are
//! missing, by what was usual lately.
//!
//! A datagram that comes late takes back exactly what its loss was put at. To keep that true for what is estimated,
//! sums are kept in fractions, and only whole numbers are told: of a hundred datagrams that overtake each other
//! nothing is left, whatever their sizes.

/// Parts of one, in which estimates are kept.
const ONE: u64 = 1 << 16;

/// What one exporter sent lately, for estimating what a loss was worth.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Sent {
    pub(super) datagrams: u64,
    pub(super) records: u64,
    pub(super) octets: u64,
}

/// What a sequence number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Records,
    Datagrams,
}

/// What one missing unit is estimated at, from what the exporter sent lately. Kept with the gap, so that a late
/// datagram takes back what its loss was put at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Worth {
    /// Records and datagrams in 1/65,536.
    records: u64,
    datagrams: u64,
    pub(super) octets: u64,
}

impl Sent {
    pub(super) fn add(&mut self, records: usize, octets: u64) {
        // Datagrams of templates only say nothing about what is usually in one.
        self.datagrams += u64::from(records > 0);
        self.records = self.records.saturating_add(u64::try_from(records).unwrap_or_default());
        self.octets = self.octets.saturating_add(octets);
        // Lately, not ever: half of the past is forgotten every thousand datagrams.
        if self.datagrams >= 2000 {
            *self =
                Self { datagrams: self.datagrams / 2, records: self.records / 2, octets: self.octets / 2 };
        }
    }

    /// What one unit is worth, by the mean. While nothing is known, a missing record is a datagram.
    pub(super) fn worth(&self, unit: Unit) -> Worth {
        let mean = |sum: u64, n: u64| sum.saturating_add(n / 2).checked_div(n);
        match unit {
            Unit::Records => Worth {
                records: ONE,
                datagrams: mean(self.datagrams.saturating_mul(ONE), self.records).unwrap_or(ONE),
                octets: mean(self.octets, self.records).unwrap_or_default(),
            },
            Unit::Datagrams => Worth {
                records: mean(self.records.saturating_mul(ONE), self.datagrams).unwrap_or_default(),
                datagrams: ONE,
                octets: mean(self.octets, self.datagrams).unwrap_or_default(),
            },
        }
    }
}

/// What is missing of one session, all in all.
#[derive(Debug, Default)]
pub(super) struct Loss {
    records: Sum,
    datagrams: Sum,
}

/// A sum in 1/65,536, and what of it was told.
#[derive(Debug, Default)]
struct Sum {
    parts: i64,
    told: i64,
}

impl Loss {
    /// Takes in that so many units are missing, or were (negative); what that adds to the records and datagrams that
    /// were told to be missing.
    pub(super) fn add(&mut self, units: i64, worth: Worth) -> (i64, i64) {
        let records = self.records.add(units, worth.records, 0);
        // As long as anything is missing, a datagram is.
        (records, self.datagrams.add(units, worth.datagrams, 1))
    }
}

impl Sum {
    fn add(&mut self, units: i64, parts: u64, least: i64) -> i64 {
        let parts = i64::try_from(parts).unwrap_or(i64::MAX).saturating_mul(units);
        self.parts = self.parts.saturating_add(parts);
        let rounded = self.parts.saturating_add(1 << 15) >> 16;
        let now = if self.parts > 0 { rounded.max(least) } else { rounded };
        now - std::mem::replace(&mut self.told, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_late_takes_back_what_its_loss_was_put_at() {
        let mut sent = Sent::default();
        for records in [30, 1, 1, 1] {
            sent.add(records, 100);
        }
        // 33 records in 4 datagrams.
        let (mut loss, worth) = (Loss::default(), sent.worth(Unit::Records));
        assert_eq!(loss.add(30, worth), (30, 4));
        assert_eq!(loss.add(3, worth), (3, 0));
        // Meanwhile datagrams have become larger.
        sent.add(300, 100);
        assert_eq!(loss.add(-30, worth), (-30, -3));
        assert_eq!(loss.add(-2, worth), (-2, 0));
        assert_eq!(loss.add(-1, worth), (-1, -1));
    }

    #[test]
    fn small_means_are_not_rounded_away() {
        let mut sent = Sent::default();
        for records in [1, 2, 1, 1, 2] {
            sent.add(records, 100);
        }
        let (mut loss, worth) = (Loss::default(), sent.worth(Unit::Datagrams));
        let lost = (0..100).map(|_| loss.add(1, worth)).fold((0, 0), |sum, (r, d)| (sum.0 + r, sum.1 + d));
        assert_eq!(lost, (140, 100));
    }
}
