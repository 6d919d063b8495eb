//! Keys packed into words.
//!
//! The keys of a row become a few 64-bit words of fixed places: an address takes two words, a number the bits of
//! its type, and small ones share a word, so that source port, destination port and protocol are one word and
//! one comparison. Packing goes column by column over many rows. Rows where a key is unknown are packed with one
//! word more, which says which keys are known; they are grouped apart from the others, so that the usual case
//! pays nothing for them.

use super::worked::{self, Beside};
use crate::key::{Address, Key, Lengths};
use crate::rows::Rows;
use crate::table::Cell;
use std::cmp::Ordering;
use std::sync::Arc;
use weir_flow::schema::Kind;
use weir_flow::{Addr, Batch, Column, Mac, Values};

/// Where one key lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Field {
    key: Key,
    source: Source,
    word: usize,
    shift: u32,
    bits: u32,
    /// Its presence in a row's mask.
    bit: u64,
}

/// Where the values of a key are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Source {
    /// In the batch.
    Column(Column),
    /// Beside it, at this place.
    Worked(usize),
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

/// The width of a key.
fn width_of(key: Key) -> u32 {
    match key {
        Key::Column(column) => width(column.kind()),
        Key::Net(..) | Key::Remote => 128,
        Key::Time(_) => 64,
        Key::Service | Key::Group(_) => 32,
        Key::HourOfDay | Key::Weekday => 8,
    }
}

/// The keys that are worked out, each once.
pub(crate) fn worked_out(keys: &[Key]) -> Vec<Key> {
    let mut worked: Vec<Key> = Vec::new();
    for key in keys {
        if !key.is_read() && !worked.contains(key) {
            worked.push(*key);
        }
    }
    worked
}

impl Layout {
    /// Places the keys: the widest first, each in the first word that has room for it.
    pub(crate) fn new(keys: &[Key]) -> Self {
        let mut free: Vec<u32> = Vec::new();
        let mut order: Vec<usize> = (0..keys.len()).collect();
        let bits_of = |at: usize| keys.get(at).map_or(0, |key| width_of(*key));
        let worked = worked_out(keys);
        order.sort_by_key(|at| std::cmp::Reverse(bits_of(*at)));
        let mut placed: Vec<(usize, Field)> = Vec::new();
        for at in order {
            let Some(key) = keys.get(at) else { continue };
            let bits = bits_of(at);
            // A key that is asked for twice is packed once.
            if let Some((_, field)) = placed.iter().find(|(_, field)| field.key == *key) {
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
            let (source, bit) = match key {
                Key::Column(column) | Key::Net(Address::Column(column), _) => {
                    (Source::Column(*column), column.bit())
                }
                _ => {
                    let at = worked.iter().position(|other| other == key).unwrap_or_default();
                    (Source::Worked(at), worked::bit(at))
                }
            };
            placed.push((at, Field { key: *key, source, word, shift, bits, bit }));
        }
        placed.sort_by_key(|(at, _)| *at);
        let fields: Vec<Field> = placed.into_iter().map(|(_, field)| field).collect();
        let bits = free.iter().map(|free| 64 - free).sum();
        let mask = fields.iter().fold(0, |mask, field| mask | field.bit);
        Self { fields, words: free.len(), bits, mask }
    }

    /// How many words a key takes where all of it is known.
    pub(crate) fn words(&self) -> usize {
        self.words
    }

    /// The words of a key in groups of both kinds: whose keys are all known, and the others. Code is made for some widths only,
    /// and what is narrower is filled up.
    pub(crate) fn widths(&self) -> [usize; 2] {
        [0, 1].map(|more| match self.words + more {
            words @ 0..=6 => words,
            7..=8 => 8,
            9..=12 => 12,
            13..=20 => 20,
            _ => 40,
        })
    }

    /// The bits of the key at this place, unless it is unknown; of a name or text its number.
    pub(crate) fn bits_of(&self, at: usize, words: &[u64]) -> Option<u128> {
        self.known(*self.fields.get(at)?, words)
    }

    /// How many bits of them are used.
    pub(crate) fn bits(&self) -> u32 {
        self.bits
    }

    /// The presence bits of the keys.
    pub(crate) fn mask(&self) -> u64 {
        self.mask
    }

    /// Whether any key is a name, which batches number each for themselves, or stands for one.
    pub(crate) fn has_names(&self) -> bool {
        let is_name = |field: &Field| field.kind() == Some(Kind::Name) || field.is_group();
        self.fields.iter().any(is_name)
    }

    /// The columns of text among the keys, whose values are numbered row by row.
    pub(crate) fn texts(&self) -> impl Iterator<Item = Column> {
        self.fields.iter().filter_map(|field| field.key.column()).filter(|column| column.kind() == Kind::Text)
    }

    /// Gives the names and the text in a packed key other numbers, once each; `None` where one of them has none.
    pub(crate) fn renumber(
        &self,
        words: &mut [u64],
        number: &mut impl FnMut(u64) -> Option<u64>,
    ) -> Option<()> {
        for (at, field) in self.fields.iter().enumerate() {
            let is_name = matches!(field.kind(), Some(Kind::Name | Kind::Text)) || field.is_group();
            // A key that is asked for twice lies in one place.
            let is_again = || self.fields.iter().take(at).any(|before| before.key == field.key);
            let Some(old) = self.known(*field, words).filter(|_| is_name && !is_again()) else { continue };
            let new = number(low_word(old))?;
            let word = words.get_mut(field.word)?;
            *word = *word & !(ones(field.bits) << field.shift) | (new & ones(field.bits)) << field.shift;
        }
        Some(())
    }

    /// Packs the keys of these rows. `beside` has the numbers of the batch's names and text, and what was worked out. If `N` is one more than
    /// [`Layout::words`] (or still more), the word after the keys says which of them are known; else all are.
    pub(crate) fn pack<const N: usize>(
        &self,
        batch: &Batch,
        rows: Rows<'_>,
        beside: &Beside,
        out: &mut Vec<[u64; N]>,
    ) {
        out.clear();
        out.resize(rows.len(), [0; N]);
        for field in &self.fields {
            field.pack(batch, rows, beside, out);
        }
        if N > self.words {
            rows.each(beside.present(batch), |i, present| out[i][self.words] = present & self.mask);
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
        let column = match field.key {
            Key::Column(column) => column,
            Key::Group(_) => return Some(Cell::Name(Arc::clone(names.get(usize::try_from(low).ok()?)?))),
            other => return Some(worked_cell(other, bits)),
        };
        Some(match column.kind() {
            Kind::Addr => Cell::Addr(Addr::from_bits(bits)),
            Kind::Time => Cell::Time(unordered(low)),
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
        let one = |field: &Field| match field.kind() {
            Some(Kind::Word(_) | Kind::Name | Kind::Text) => {
                self.cell(*field, a, names).cmp(&self.cell(*field, b, names))
            }
            _ if field.is_group() => self.cell(*field, a, names).cmp(&self.cell(*field, b, names)),
            _ => self.known(*field, a).cmp(&self.known(*field, b)),
        };
        self.fields.iter().map(one).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    }

    /// The bits of a key, unless it is unknown.
    fn known(&self, field: Field, words: &[u64]) -> Option<u128> {
        if words.get(self.words).is_some_and(|known| known & field.bit == 0) {
            return None;
        }
        let word = *words.get(field.word)?;
        if field.bits > 64 {
            return Some(u128::from(word) << 64 | u128::from(*words.get(field.word + 1)?));
        }
        Some(u128::from((word >> field.shift) & ones(field.bits)))
    }
}

/// The time that [`worked::ordered`] made a number of.
pub(crate) const fn unordered(number: u64) -> i64 {
    (number ^ (1 << 63)).cast_signed()
}

/// The value of a key that is no column.
fn worked_cell(key: Key, bits: u128) -> Cell {
    let low = low_word(bits);
    let number = |bits: u64| u8::try_from(bits & 0xff).unwrap_or_default();
    match key {
        Key::Net(_, lengths) => {
            let addr = Addr::from_bits(bits);
            Cell::Net(addr, lengths.of(addr))
        }
        Key::Time(_) => Cell::Time(unordered(low)),
        Key::Service => {
            let port = u16::try_from(low & 0xffff).ok().filter(|_| low & 1 << 16 != 0);
            Cell::Service { proto: number(low >> 17), port }
        }
        Key::Weekday => Cell::Weekday(number(low)),
        Key::HourOfDay | Key::Group(_) => Cell::Unsigned(low),
        Key::Column(_) | Key::Remote => Cell::Addr(Addr::from_bits(bits)),
    }
}

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
    /// Whether it is a group of tenants, whose values are numbers of names.
    fn is_group(&self) -> bool {
        matches!(self.key, Key::Group(_))
    }

    /// What the values of the column are that the key is, where it is one.
    fn kind(&self) -> Option<Kind> {
        self.key.column().map(Column::kind)
    }

    /// Sets this key's bits in every row.
    fn pack<const N: usize>(self, batch: &Batch, rows: Rows<'_>, beside: &Beside, out: &mut [[u64; N]]) {
        let Self { word, shift, bits, .. } = self;
        let column = match self.source {
            Source::Column(column) => column,
            Source::Worked(at) => {
                return match beside.worked.get(at) {
                    Some(worked::Values::Addrs(v)) => pack_addrs(v, rows, word, out),
                    Some(worked::Values::Words(v)) => rows.each(v, |i, x| out[i][word] |= x << shift),
                    None => {}
                };
            }
        };
        if let (Key::Net(_, lengths), Values::Addr(v)) = (self.key, batch.values(column)) {
            return pack_nets(v, lengths, rows, word, out);
        }
        match batch.values(column) {
            Values::Addr(v) => pack_addrs(v, rows, word, out),
            Values::Time(v) => rows.each(v, |i, ms| out[i][word] = worked::ordered(ms)),
            Values::U64(v) => rows.each(v, |i, x| out[i][word] |= (x & ones(bits)) << shift),
            Values::U32(v) if column.kind() == Kind::Name => rows.each(v, |i, x| {
                let name = beside.numbers.names.get(x as usize).copied().unwrap_or(u32::MAX);
                out[i][word] |= u64::from(name) << shift;
            }),
            Values::U32(v) => rows.each(v, |i, x| out[i][word] |= u64::from(x) << shift),
            Values::U16(v) => rows.each(v, |i, x| out[i][word] |= u64::from(x) << shift),
            Values::U8(v) => rows.each(v, |i, x| out[i][word] |= u64::from(x) << shift),
            Values::Bytes(_) => {
                rows.each(beside.numbers.of(column), |i, x| out[i][word] |= u64::from(x) << shift);
            }
        }
    }

    /// Clears this key's bits where it is unknown, so that what an absent value happens to be makes no groups.
    fn clear_unknown<const N: usize>(self, known_word: usize, out: &mut [[u64; N]]) {
        for key in out.iter_mut().filter(|key| key[known_word] & self.bit == 0) {
            if self.bits > 64 {
                (key[self.word], key[self.word + 1]) = (0, 0);
            } else {
                key[self.word] &= !(ones(self.bits) << self.shift);
            }
        }
    }
}

/// Sets both words of an address.
fn pack_addrs<const N: usize>(addrs: &[Addr], rows: Rows<'_>, word: usize, out: &mut [[u64; N]]) {
    rows.each(addrs, |i, addr| {
        let bits = addr.bits();
        out[i][word] = low_word(bits >> 64);
        out[i][word + 1] = low_word(bits);
    });
}

/// The same of its network.
fn pack_nets<const N: usize>(
    addrs: &[Addr],
    lengths: Lengths,
    rows: Rows<'_>,
    word: usize,
    out: &mut [[u64; N]],
) {
    rows.each(addrs, |i, addr| {
        let bits = lengths.first(addr).bits();
        out[i][word] = low_word(bits >> 64);
        out[i][word + 1] = low_word(bits);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Numbers;
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
        let beside = Beside { numbers, ..Beside::default() };
        layout.pack(&batch, Rows::Span(0, 1), &beside, &mut packed);
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
        layout.pack(&batch, Rows::Span(0, 3), &Beside::default(), &mut packed);
        assert_eq!(packed[2], [0, 0]);
        let cells: Vec<_> = packed.iter().map(|words| layout.cells(words, &[]).next().unwrap()).collect();
        assert_eq!(cells, [Some(Cell::Unsigned(9)), Some(Cell::Unsigned(0)), None]);
        assert_eq!(layout.compare(&packed[2], &packed[1], &[]), Ordering::Less);
        assert_eq!(layout.compare(&packed[1], &packed[0], &[]), Ordering::Less);
        assert_eq!(layout.compare(&packed[0], &packed[0], &[]), Ordering::Equal);
    }
}
