//! Chance, seeded: the same seed throws the same numbers on every machine.
//!
//! Only integers: a logarithm or a power of a float may differ in its last bit between two C libraries, and
//! then two machines would make two different months. The generator is splitmix64.

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

/// The step of splitmix64: 2^64 divided by the golden ratio.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl Dice {
    /// The stream that belongs to these numbers (a seed, a host, an hour): others give an unrelated one.
    pub(super) fn of(parts: &[u64]) -> Self {
        let mut dice = Self(STEP);
        for part in parts {
            dice.0 ^= *part;
            dice.0 = dice.draw();
        }
        dice
    }

    /// Any number of 64 bits.
    pub(super) fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number less than `end`; 0 if `end` is 0.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.draw() % end.max(1)
    }

    /// A number of the range, both ends included.
    pub(super) fn between(&mut self, (low, high): (u64, u64)) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// A number less than `end`, of which small ones are much likelier: as few sites have most visitors.
    pub(super) fn popular(&mut self, end: u64) -> u64 {
        self.below(end).min(self.below(end)).min(self.below(end))
    }

    /// True in so many of a thousand cases.
    pub(super) fn permille(&mut self, chance: u64) -> bool {
        self.below(1000) < chance
    }

    /// A size from `low` to `high` with a heavy tail: the octave is drawn first, small ones likelier, then the
    /// place in it.
    pub(super) fn size(&mut self, (low, high): (u64, u64)) -> u64 {
        let octaves = u64::from((high / low.max(1)).max(1).ilog2()) + 1;
        let base = low << self.below(octaves).min(self.below(octaves));
        (base + self.below(base)).min(high)
    }

    /// How often something happens that happens `mean_permille` times in a thousand on average; between half
    /// and one and a half times that.
    pub(super) fn times(&mut self, mean_permille: u64) -> u64 {
        let wanted = mean_permille * self.between((500, 1500)) / 1000;
        wanted / 1000 + u64::from(self.permille(wanted % 1000))
    }

    /// One of a list that is not empty; small places are much likelier.
    pub(super) fn choose<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let at = self.popular(u64::try_from(from.len()).unwrap_or(u64::MAX));
        from.get(usize::try_from(at).unwrap_or(usize::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_values_of_splitmix64() {
        // From the published generator, seeded with 1234567.
        let mut dice = Dice(1_234_567);
        assert_eq!(dice.draw(), 6_457_827_717_110_365_317);
        assert_eq!(dice.draw(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn ranges_and_means_hold() {
        let mut dice = Dice::of(&[1, 2]);
        let mut sum = 0;
        for _ in 0..100_000 {
            assert!((5..=9).contains(&dice.between((5, 9))));
            assert!((1000..=64_000).contains(&dice.size((1000, 64_000))));
            sum += dice.times(2300);
        }
        assert!((225_000..235_000).contains(&sum), "{sum}");
        assert_eq!((dice.below(0), dice.choose::<u8>(&[])), (0, None));
        assert_ne!(Dice::of(&[1, 2]).draw(), Dice::of(&[2, 1]).draw());
    }
}
