//! Chance, seeded: the same seed throws the same numbers on every machine. The generator is splitmix64.

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

/// The step of splitmix64: 2^64 divided by the golden ratio.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl Dice {
    /// The stream that belongs to these numbers; others give an unrelated one.
    pub(crate) fn of(parts: &[u64]) -> Self {
        let mut dice = Self(STEP);
        for part in parts {
            dice.0 ^= *part;
            dice.0 = dice.draw();
        }
        dice
    }

    /// Any number of 64 bits.
    pub(crate) fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number less than `end`; 0 if `end` is 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.draw() % end.max(1)
    }

    /// A number of the range, both ends included, in whatever type it is wanted.
    pub(crate) fn between<T: TryFrom<u64> + Default>(&mut self, low: u64, high: u64) -> T {
        let number = low + self.below(high.saturating_sub(low).saturating_add(1));
        T::try_from(number).unwrap_or_default()
    }

    /// True in so many of a hundred cases.
    pub(crate) fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    /// True in so many of a thousand cases.
    pub(crate) fn permille(&mut self, chance: u64) -> bool {
        self.below(1000) < chance
    }

    /// One of these.
    pub(crate) fn pick<T: Copy, const N: usize>(&mut self, from: [T; N]) -> T {
        from[self.between::<usize>(0, N as u64 - 1)]
    }

    /// A size with a heavy tail: the octave is drawn first, small ones likelier, then the place in it.
    pub(crate) fn size(&mut self, low: u64, high: u64) -> u64 {
        let octaves = u64::from((high / low.max(1)).max(1).ilog2()) + 1;
        let base = low << self.below(octaves).min(self.below(octaves));
        (base + self.below(base)).min(high)
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
    fn ranges_hold_and_streams_differ() {
        let mut dice = Dice::of(&[7]);
        for _ in 0..10_000 {
            assert!((3..=9).contains(&dice.between::<u32>(3, 9)));
            assert!((40..=64_000).contains(&dice.size(40, 64_000)));
            assert!([1, 5].contains(&dice.pick([1, 5])));
        }
        assert_ne!(Dice::of(&[1, 2]).draw(), Dice::of(&[2, 1]).draw());
    }
}
