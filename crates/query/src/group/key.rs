//! Keys packed into words.
//!
//! The keys of a row become a few 64-bit words of fixed places: an address takes two words, a number the bits of
//! its type, and small ones share a word, so that source port, destination port and protocol are one word and
//! one comparison. Packing goes column by column over many rows. Rows where a key is unknown are packed with one
//! word more, which says which keys are known; they are grouped apart from the others, so that the usual case
//! pays nothing for them.

use crate::name::Numbers;
use crate::query::Key;
use crate::rows::Rows;
use crate::table::Cell;
use std::cmp::Ordering;
use std::sync::Arc;
use weir_flow::schema::Kind;
use weir_flow::{Addr, Batch, Column, Mac, Values};

/// Where one key lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Field {
    column: Column,
    word: usize,
    shift: u32,
    bits: u32,
}

/// Where all keys lie, in the order asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Layout {
    fields: Vec<Field>,
    words: usize,
    bits: u32,
    mask: u64,
}

/// The width of a column's values in a key.
fn width(kind: Kind) -> u32 {
    match kind {
        Kind::Addr => 128,
        Kind::Time => 64,
        Kind::Mac => 48,
        Kind::Name | Kind::Text => 32,
        // Nobody groups by them: `Key::by_name` does not know their column.
        Kind::Elements => 0,
        Kind::Word(_) => 8,
        Kind::Unsigned(bits) => u32::from(bits),
    }
}

impl Layout {
    /// Places the keys: the widest first, each in the first word that has room for it.
    pub(crate) fn new(keys: &[Key]) -> Self {
        let mut free: Vec<u32> = Vec::new();
        let mut order: Vec<usize> = (0..keys.len()).collect();
        let bits_of = |at: usize| keys.get(at).map_or(0, |key| width(key.column().kind()));
        order.sort_by_key(|at| std::cmp::Reverse(bits_of(*at)));
        let mut placed: Vec<(usize, Field)> = Vec::new();
        for at in order {
            let Some(key) = keys.get(at) else { continue };
            let (column, bits) = (key.column(), bits_of(at));
            // A key that is asked for twice is packed once.
            if let Some((_, field)) = placed.iter().find(|(_, field)| field.column == column) {
                placed.push((at, *field));
                continue;
            }
            let (word, shift) = if bits > 64 {
                free.extend([0, 0]); // both words are full
                (free.len() - 2, 0)
            } else {
                let word = free.iter().position(|free| *free >= bits).unwrap_or_else(|| {
                    free.push(64);
                    free.len() - 1
                });
                let shift = 64 - free[word];
                free[word] -= bits;
                (word, shift)
            };
            placed.push((at, Field { column, word, shift, bits }));
        }
        placed.sort_by_key(|(at, _)| *at);
        let fields: Vec<Field> = placed.into_iter().map(|(_, field)| field).collect();
        let bits = free.iter().map(|free| 64 - free).sum();
        let mask = fields.iter().fold(0, |mask, field| mask | field.column.bit());
        Self { fields, words: free.len(), bits, mask }
    }

    /// How many keys there are.
    pub(crate) fn keys(&self) -> usize {
        self.fields.len()
    }

    /// How many words a key takes where all of it is known.
    pub(crate) fn words(&self) -> usize {
        self.words
    }

    /// How many bits of them are used.
    pub(crate) fn bits(&self) -> u32 {
        self.bits
    }

    /// The presence bits of the keys' columns.
    pub(crate) fn mask(&self) -> u64 {
        self.mask
    }

    /// Whether any key is a name, which batches number each for themselves.
    pub(crate) fn has_names(&self) -> bool {
        self.fields.iter().any(|field| field.column.kind() == Kind::Name)
    }

    /// The columns of text among the keys, whose values are numbered row by row.
    pub(crate) fn texts(&self) -> impl Iterator<Item = Column> {
        self.fields.iter().map(|field| field.column).filter(|column| column.kind() == Kind::Text)
    }

    /// Packs the keys of these rows. `numbers` has those of the batch's names and text. If `N` is one more than
    /// [`Layout::words`] (or still more), the word after the keys says which of them are known; else all are.
    pub(crate) fn pack<const N: usize>(
        &self,
        batch: &Batch,
        rows: Rows<'_>,
        numbers: &Numbers,
        out: &mut Vec<[u64; N]>,
    ) {
        out.clear();
        out.resize(rows.len(), [0; N]);
        for field in &self.fields {
            field.pack(batch, rows, numbers, out);
        }
        if N > self.words {
            rows.each(batch.present(), |i, present| out[i][self.words] = present & self.mask);
            for field in &self.fields {
                field.clear_unknown(self.words, out);
            }
        }
    }

    /// Each key of a packed row.
    pub(crate) fn cells(&self, words: &[u64], names: &[Arc<str>]) -> impl Iterator<Item = Option<Cell>> {
        self.fields.iter().map(move |field| self.cell(*field, words, names))
    }

    fn cell(&self, field: Field, words: &[u64], names: &[Arc<str>]) -> Option<Cell> {
        let bits = self.known(field, words)?;
        let low = low_word(bits);
        Some(match field.column.kind() {
            Kind::Addr => Cell::Addr(Addr::from_bits(bits)),
            Kind::Time => Cell::Time((low ^ SIGN).cast_signed()),
            Kind::Mac => Cell::Mac(Mac(low)),
            Kind::Unsigned(_) => Cell::Unsigned(low),
            Kind::Word(list) => Cell::Word(list.get(usize::try_from(low).ok()?)?),
            Kind::Name => Cell::Name(Arc::clone(names.get(usize::try_from(low).ok()?)?)),
            Kind::Text => Cell::Text(Arc::clone(names.get(usize::try_from(low).ok()?)?)),
            Kind::Elements => return None,
        })
    }

    /// The order of two packed rows: as their cells compare, key after key.
    pub(crate) fn compare(&self, a: &[u64], b: &[u64], names: &[Arc<str>]) -> Ordering {
        let one = |field: &Field| match field.column.kind() {
            Kind::Word(_) | Kind::Name | Kind::Text => {
                self.cell(*field, a, names).cmp(&self.cell(*field, b, names))
            }
            _ => self.known(*field, a).cmp(&self.known(*field, b)),
        };
        self.fields.iter().map(one).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    }

    /// The bits of a key, unless it is unknown.
    fn known(&self, field: Field, words: &[u64]) -> Option<u128> {
        if words.get(self.words).is_some_and(|known| known & field.column.bit() == 0) {
            return None;
        }
        let word = *words.get(field.word)?;
        if field.bits > 64 {
            return Some(u128::from(word) << 64 | u128::from(*words.get(field.word + 1)?));
        }
        Some(u128::from((word >> field.shift) & ones(field.bits)))
    }
}

/// The bit that makes numbers of times sort as the times do, also before 1970.
const SIGN: u64 = 1 << 63;

/// So many low bits set; 1 to 64.
const fn ones(bits: u32) -> u64 {
    u64::MAX >> (64 - bits)
}

/// The low 64 bits.
#[expect(clippy::cast_possible_truncation, reason = "it is the purpose")]
const fn low_word(bits: u128) -> u64 {
    bits as u64
}

impl Field {
    /// Sets this key's bits in every row.
    fn pack<const N: usize>(self, batch: &Batch, rows: Rows<'_>, numbers: &Numbers, out: &mut [[u64; N]]) {
        let Self { column, word, shift, bits } = self;
        match batch.values(column) {
            Values::Addr(v) => rows.each(v, |i, addr| {
                let bits = addr.bits();
                out[i][word] = low_word(bits >> 64);
                out[i][word + 1] = low_word(bits);
            }),
            Values::Time(v) => rows.each(v, |i, ms| out[i][word] = ms.cast_unsigned() ^ SIGN),
            Values::U64(v) => rows.each(v, |i, x| out[i][word] |= (x & ones(bits)) << shift),
            Values::U32(v) if column.kind() == Kind::Name => rows.each(v, |i, x| {
                let name = numbers.names.get(x as usize).copied().unwrap_or(u32::MAX);
                out[i][word] |= u64::from(name) << shift;
            }),
            Values::U32(v) => rows.each(v, |i, x| out[i][word] |= u64::from(x) << shift),
            Values::U16(v) => rows.each(v, |i, x| out[i][word] |= u64::from(x) << shift),
            Values::U8(v) => rows.each(v, |i, x| out[i][word] |= u64::from(x) << shift),
            Values::Bytes(_) => {
                rows.each(numbers.of(column), |i, x| out[i][word] |= u64::from(x) << shift);
            }
        }
    }

    /// Clears this key's bits where it is unknown, so that what an absent value happens to be makes no groups.
    fn clear_unknown<const N: usize>(self, known_word: usize, out: &mut [[u64; N]]) {
        for key in out.iter_mut().filter(|key| key[known_word] & self.column.bit() == 0) {
            if self.bits > 64 {
                (key[self.word], key[self.word + 1]) = (0, 0);
            } else {
                key[self.word] &= !(ones(self.bits) << self.shift);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_flow::batch::RowBuilder;
    use weir_flow::schema::COLUMNS;

    fn keys(names: &str) -> Vec<Key> {
        names.split(',').map(|name| Key::by_name(name).unwrap()).collect()
    }

    #[test]
    fn small_keys_share_a_word_and_wide_ones_come_first() {
        let size = |names: &str| {
            let layout = Layout::new(&keys(names));
            (layout.words(), layout.bits())
        };
        assert_eq!(size("proto"), (1, 8));
        assert_eq!(size("src_port,dst_port,proto"), (1, 40));
        assert_eq!(size("dst_addr"), (2, 128));
        assert_eq!(size("src_addr,dst_addr,src_port,dst_port,proto"), (5, 296));
        assert_eq!(size("proto,start,src_mac,tos,octets"), (3, 8 + 64 + 48 + 8 + 64));
        assert_eq!(size("proto,proto"), (1, 8));
        assert_eq!(size("src_addr,dst_addr,src_addr"), (4, 256));
        assert_eq!(Layout::new(&[]).words(), 0);
        let all: Vec<Key> = COLUMNS.iter().filter_map(|definition| Key::by_name(definition.name)).collect();
        assert_eq!(all.len(), COLUMNS.len() - 1, "all but other");
        assert!(Layout::new(&all).words() < 40, "the widest groups have 40 words");
    }

    #[test]
    fn what_is_packed_comes_out_again_in_the_order_asked_for() {
        let mut batch = Batch::new();
        batch.set_names(["x".into(), "y".into()].into());
        let row = RowBuilder::new()
            .unsigned(Column::Proto, 17)
            .time(Column::Start, -5)
            .unsigned(Column::SrcMac, 0x0200_5e00_01fe)
            .addr(Column::Host, "2001:db8::1".parse().unwrap())
            .unsigned(Column::Tenant, 1)
            .unsigned(Column::Direction, 2)
            .unsigned(Column::DstPort, 443)
            .unsigned(Column::Octets, u64::MAX);
        row.push(&mut batch);
        let layout = Layout::new(&keys("proto,start,src_mac,host,tenant,direction,dst_port,octets"));
        assert_eq!(layout.words(), 6);
        let mut packed: Vec<[u64; 6]> = Vec::new();
        let numbers = Numbers { names: vec![7, 1], ..Numbers::default() };
        layout.pack(&batch, Rows::Span(0, 1), &numbers, &mut packed);
        let names: Vec<Arc<str>> = vec!["a".into(), "tenant".into()];
        let cells: Vec<_> = layout.cells(&packed[0], &names).map(Option::unwrap).collect();
        assert_eq!(
            cells,
            [
                Cell::Unsigned(17),
                Cell::Time(-5),
                Cell::Mac("02:00:5e:00:01:fe".parse().unwrap()),
                Cell::Addr("2001:db8::1".parse().unwrap()),
                Cell::Name("tenant".into()),
                Cell::Word("local"),
                Cell::Unsigned(443),
                Cell::Unsigned(u64::MAX),
            ]
        );
    }

    #[test]
    fn unknown_is_no_value_and_comes_first() {
        let mut batch = Batch::new();
        RowBuilder::new().unsigned(Column::SrcPort, 9).push(&mut batch);
        RowBuilder::new().unsigned(Column::SrcPort, 0).push(&mut batch);
        RowBuilder::new().unsigned(Column::Proto, 6).push(&mut batch);
        batch.u16s_mut(Column::SrcPort)[2] = 77; // means nothing: the bit is clear
        let layout = Layout::new(&keys("src_port"));
        let mut packed: Vec<[u64; 2]> = Vec::new();
        layout.pack(&batch, Rows::Span(0, 3), &Numbers::default(), &mut packed);
        assert_eq!(packed[2], [0, 0]);
        let cells: Vec<_> = packed.iter().map(|words| layout.cells(words, &[]).next().unwrap()).collect();
        assert_eq!(cells, [Some(Cell::Unsigned(9)), Some(Cell::Unsigned(0)), None]);
        assert_eq!(layout.compare(&packed[2], &packed[1], &[]), Ordering::Less);
        assert_eq!(layout.compare(&packed[1], &packed[0], &[]), Ordering::Less);
        assert_eq!(layout.compare(&packed[0], &packed[0], &[]), Ordering::Equal);
    }
}
