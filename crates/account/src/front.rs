//! Where among sorted IPv4 ranges the search for an address begins: a table by its leading bits.
//!
//! The first [`LEADING_BITS`] bits choose a slot. A slot that several ranges lie in is cut into equal blocks, the
//! more the more ranges it has, down to one for each /24; so after two steps mostly one or two ranges are left,
//! also where an operator's networks lie close together.

/// How many leading bits of an address choose its slot.
const LEADING_BITS: u32 = 12;
/// How many are left then.
const BACK_BITS: u32 = 32 - LEADING_BITS;
/// A slot has at most two to the power of so many blocks: one for each /24.
const BLOCK_BITS_MAX: u32 = 24 - LEADING_BITS;
/// A slot has at most so many blocks for each range in it: so the table is bounded by what was configured.
const BLOCKS_PER_RANGE: u32 = 128;

/// The table.
#[derive(Clone, Debug)]
pub(crate) struct Front {
    slots: Vec<Slot>,
    /// For each block of each slot, the range that its first address lies in; one more at the end.
    blocks: Vec<u32>,
}

/// The addresses that begin alike.
#[derive(Clone, Copy, Debug)]
struct Slot {
    /// The place of its first block.
    first: u32,
    /// How far the rest of an address is shifted to give its block.
    shift: u32,
}

impl Front {
    /// Of the first addresses of ranges, sorted, the first of them 0.
    pub(crate) fn new(starts: &[u32]) -> Self {
        let range = |addr: u32| {
            let at = starts.partition_point(|start| *start <= addr).saturating_sub(1);
            u32::try_from(at).unwrap_or(u32::MAX)
        };
        let (mut slots, mut blocks) = (Vec::new(), Vec::new());
        for leading in 0..1u32 << LEADING_BITS {
            let (low, high) = (leading << BACK_BITS, leading << BACK_BITS | ((1 << BACK_BITS) - 1));
            let ranges = range(high).saturating_sub(range(low)).saturating_add(1);
            let bits = if ranges == 1 { 0 } else { block_bits(ranges) };
            let shift = BACK_BITS.saturating_sub(bits);
            slots.push(Slot { first: u32::try_from(blocks.len()).unwrap_or(u32::MAX), shift });
            blocks.extend((0..1u32 << bits).map(|block| range(low | block << shift)));
        }
        blocks.push(range(u32::MAX));
        Self { slots, blocks }
    }

    /// The places of the first and the last range that may hold the address.
    #[inline]
    pub(crate) fn around(&self, addr: u32) -> Option<(usize, usize)> {
        let slot = self.slots.get((addr >> BACK_BITS) as usize)?;
        let rest = addr & ((1 << BACK_BITS) - 1);
        let at = slot.first.saturating_add(rest >> slot.shift) as usize;
        Some((*self.blocks.get(at)? as usize, *self.blocks.get(at.saturating_add(1))? as usize))
    }
}

/// The largest number of bits that makes no more blocks than there should be.
fn block_bits(ranges: u32) -> u32 {
    ranges.saturating_mul(BLOCKS_PER_RANGE).ilog2().min(BLOCK_BITS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_lies_in_a_range_of_its_block() {
        // Forty /24 side by side, and some elsewhere.
        let mut starts = vec![0, 0x0a00_0000, 0x0b00_0000, 0xc0a8_fff0, 0xffff_ffff];
        starts.extend((31..=71).map(|third| 0xc0a8_0000 | third << 8));
        starts.sort_unstable();
        let front = Front::new(&starts);
        let near = starts.iter().flat_map(|start| [start.saturating_sub(1), *start, start.saturating_add(1)]);
        for addr in near.chain((0..4096).map(|slot| slot << 20)).chain((0..256).map(|i| 0xc0a8_0000 | i << 7))
        {
            let want = starts.iter().rposition(|start| *start <= addr).unwrap();
            let (low, high) = front.around(addr).unwrap();
            assert!((low..=high).contains(&want), "{addr:x}: {want} is not in {low}..={high}");
        }
        // Where networks are /24, no more than two ranges are left.
        for addr in (31..71).map(|third| 0xc0a8_0001 | third << 8) {
            let (low, high) = front.around(addr).unwrap();
            assert!(high - low <= 1, "{addr:x}");
        }
        assert_eq!(block_bits(2), 8);
        assert_eq!(block_bits(1_000_000), 12);
        assert!(front.blocks.len() < 4096 + starts.len() * 128 + 4096);
    }
}
