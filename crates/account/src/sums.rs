//! The three figures of every account, added with care.

use std::fmt;

/// Octets, packets and flow records: the figures of every line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Sums {
    /// IP octets, sampling undone.
    pub octets: u64,
    /// Packets, sampling undone.
    pub packets: u64,
    /// Flow records; not scaled by sampling.
    pub flows: u64,
}

/// A sum that does not fit 64 bits (18 exa-octets): the data is damaged, and no figure is better than a wrong
/// one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow;

impl fmt::Display for Overflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a sum of octets, packets or flows exceeds 64 bits: the stored figures must be damaged, run `weir verify`"
        )
    }
}

impl std::error::Error for Overflow {}

impl Sums {
    /// Nothing.
    pub const ZERO: Self = Self { octets: 0, packets: 0, flows: 0 };

    /// From its figures.
    #[must_use]
    pub const fn new(octets: u64, packets: u64, flows: u64) -> Self {
        Self { octets, packets, flows }
    }

    /// Whether all three are 0.
    #[must_use]
    pub const fn is_zero(&self) -> bool {
        self.octets == 0 && self.packets == 0 && self.flows == 0
    }

    /// The sum of both.
    ///
    /// # Errors
    /// [`Overflow`] if one of the figures does not fit 64 bits.
    pub const fn plus(self, other: Self) -> Result<Self, Overflow> {
        match (
            self.octets.checked_add(other.octets),
            self.packets.checked_add(other.packets),
            self.flows.checked_add(other.flows),
        ) {
            (Some(octets), Some(packets), Some(flows)) => Ok(Self { octets, packets, flows }),
            _ => Err(Overflow),
        }
    }

    /// This less the other; `None` if a figure of the other is greater.
    #[must_use]
    pub fn minus(self, other: Self) -> Option<Self> {
        Some(Self {
            octets: self.octets.checked_sub(other.octets)?,
            packets: self.packets.checked_sub(other.packets)?,
            flows: self.flows.checked_sub(other.flows)?,
        })
    }

    /// Adds in place; nothing is added on error.
    ///
    /// # Errors
    /// [`Overflow`] if one of the figures does not fit 64 bits.
    pub fn add(&mut self, other: Self) -> Result<(), Overflow> {
        *self = self.plus(other)?;
        Ok(())
    }

    /// The sum of many.
    ///
    /// # Errors
    /// [`Overflow`] if one of the figures does not fit 64 bits.
    pub fn sum(many: impl IntoIterator<Item = Self>) -> Result<Self, Overflow> {
        many.into_iter().try_fold(Self::ZERO, Self::plus)
    }
}

/// What is left of one sum after another is taken away: signed, and wide enough for any two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Difference {
    /// Octets.
    pub octets: i128,
    /// Packets.
    pub packets: i128,
    /// Flow records.
    pub flows: i128,
}

impl Difference {
    /// `whole` less all `parts`, which cannot overflow for fewer than 2^62 parts.
    #[must_use]
    pub fn between(whole: Sums, parts: &[Sums]) -> Self {
        let start =
            Self { octets: whole.octets.into(), packets: whole.packets.into(), flows: whole.flows.into() };
        parts.iter().fold(start, |left, part| Self {
            octets: left.octets.saturating_sub(part.octets.into()),
            packets: left.packets.saturating_sub(part.packets.into()),
            flows: left.flows.saturating_sub(part.flows.into()),
        })
    }

    /// Whether the parts are the whole.
    #[must_use]
    pub const fn is_zero(&self) -> bool {
        self.octets == 0 && self.packets == 0 && self.flows == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_that_does_not_fit_is_an_error_and_adds_nothing() {
        let mut sums = Sums::new(u64::MAX - 1, 5, 1);
        assert_eq!(sums.add(Sums::new(1, 1, 1)), Ok(()));
        assert_eq!(sums, Sums::new(u64::MAX, 6, 2));
        assert_eq!(sums.add(Sums::new(1, 1, 1)), Err(Overflow));
        assert_eq!(sums, Sums::new(u64::MAX, 6, 2));
        assert_eq!(Sums::sum([Sums::new(1, 2, 3), Sums::new(10, 20, 30)]), Ok(Sums::new(11, 22, 33)));
    }

    #[test]
    fn differences_are_signed() {
        let whole = Sums::new(10, 1, 0);
        assert_eq!(
            Difference::between(whole, &[Sums::new(u64::MAX, 0, 0), Sums::new(u64::MAX, 1, 2)]),
            Difference { octets: 10 - 2 * i128::from(u64::MAX), packets: 0, flows: -2 }
        );
        assert!(Difference::between(whole, &[whole]).is_zero());
    }
}
