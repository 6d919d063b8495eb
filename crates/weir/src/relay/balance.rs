//! Which target an exporter's datagrams go to.
//!
//! Rendezvous hashing: every pair of exporter and target has a weight, the heaviest target wins. So an exporter
//! always meets the same target, whichever relay it comes through; all get their share; and if a target is
//! taken out, only its own exporters move.

use std::net::SocketAddr;
use weir_flow::Addr;

/// The place in `targets` of an exporter's target; 0 if there are none.
pub(super) fn target(exporter: Addr, targets: &[SocketAddr]) -> usize {
    let weight = |target: &SocketAddr| weight(exporter, *target);
    let heaviest = targets.iter().enumerate().max_by_key(|(_, target)| weight(target));
    heaviest.map_or(0, |(at, _)| at)
}

/// A number that looks random and never changes: other versions and other machines must agree on it.
fn weight(exporter: Addr, target: SocketAddr) -> u64 {
    let there = Addr::from(target.ip()).bits();
    let words = [halves(exporter.bits()), halves(there), [target.port().into(), 0]];
    words.as_flattened().iter().fold(0, |state, word| mix(state ^ word))
}

pub(super) fn halves(bits: u128) -> [u64; 2] {
    let bytes = bits.to_be_bytes();
    let (high, low) = bytes.split_at(8);
    [high, low].map(|half| half.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)))
}

/// The step of SplitMix64 (Steele, Lea and Flood 2014), which spreads every bit over all.
pub(super) fn mix(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(n: u16) -> Vec<SocketAddr> {
        (0..n).map(|i| SocketAddr::from(([192, 0, 2, 9], 2055 + i))).collect()
    }

    fn exporters() -> impl Iterator<Item = Addr> {
        (0..10_000u32).map(|i| Addr::v4((0x0a00_0000 + i).to_be_bytes()))
    }

    #[test]
    fn every_target_has_its_share() {
        let targets = targets(4);
        let mut shares = [0u32; 4];
        exporters().for_each(|exporter| shares[target(exporter, &targets)] += 1);
        // 2500 each, with a standard deviation of 43.
        assert!(shares.iter().all(|share| (2300..2700).contains(share)), "{shares:?}");
    }

    #[test]
    fn only_the_exporters_of_a_target_that_goes_move() {
        let (four, three) = (targets(4), targets(3));
        for exporter in exporters() {
            let before = target(exporter, &four);
            assert!(before == 3 || target(exporter, &three) == before);
        }
    }

    #[test]
    fn the_first_number_of_the_published_generator() {
        // SplitMix64 seeded with 0.
        assert_eq!(mix(0), 0xe220_a839_7b1d_cdaf);
    }
}
