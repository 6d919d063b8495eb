//! Decodes the pages of a column chunk straight into the vectors of a batch.
//!
//! We read what our own writer (and any other sensible one) writes: pages of version 1 or 2, definition levels
//! by the hybrid, values plain, by a dictionary, or (times) by their differences. Anything else is an error that
//! says so, not a guess.

use super::delta;
use super::hybrid::{self, Piece, Validity};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use parquet::basic::Encoding;
use parquet::column::page::Page;
use std::ops::Range;
use std::sync::Arc;
use weir_flow::schema::Kind;
use weir_flow::{Addr, Bytes, Mac, Values};

/// What is wrong with a page.
pub(crate) type How = String;

/// A column being read: values for the wanted rows, and which of them are there.
pub(crate) struct Target<'a> {
    /// Whether rows may have no value.
    pub nullable: bool,
    /// One value a wanted row is appended; zero where there is none.
    pub values: &'a mut Values,
    /// Gets `bit` where there is a value.
    pub present: &'a mut [u64],
    pub bit: u64,
    /// The names met so far, which values of name columns point into.
    pub names: &'a mut Names,
    /// The dictionary, if it was decoded before: then there is no page of it.
    pub dictionary: Option<&'a Values>,
}

/// A column of addresses being read, as places in a list of them.
pub(crate) struct Places<'a> {
    /// Whether rows may have no value.
    pub nullable: bool,
    /// One place a wanted row is appended; it means nothing where there is none.
    pub places: &'a mut Vec<u32>,
    /// Gets `bit` where there is a value.
    pub present: &'a mut [u64],
    pub bit: u64,
    /// The dictionary, if it was decoded before: then there is no page of it.
    pub dictionary: Option<Arc<Values>>,
}

/// Names, each once.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub list: Vec<Box<str>>,
    places: HashMap<Box<str>, u32, RandomState>,
    /// While it is given, only the first so many names are told apart: all others have the place [`OTHERS`].
    pub asked: Option<usize>,
}

/// The place of names that are not told apart: no list is so long.
pub(crate) const OTHERS: u32 = u32::MAX;

impl Names {
    /// The place of a name, which is new if it was not met before.
    pub(crate) fn place(&mut self, name: &str) -> Option<u32> {
        let known = self.places.get(name).copied();
        if let Some(asked) = self.asked {
            return Some(known.filter(|place| (*place as usize) < asked).unwrap_or(OTHERS));
        }
        if known.is_some() {
            return known;
        }
        let place = u32::try_from(self.list.len()).ok()?;
        self.list.push(name.into());
        self.places.insert(name.into(), place);
        Some(place)
    }
}

/// Decodes PLAIN values: so many from these bytes, appended. `None` if they are not such values.
type Plain<'a, T> = &'a mut dyn FnMut(&[u8], usize, &mut Vec<T>) -> Option<()>;

/// Decodes pages into the target. `pages` gives the dictionary page, if any, and then for each of `wanted` its
/// page; `wanted` says how many rows each page has, and which of them (counted in the page) are wanted. Returns the
/// dictionary that was decoded.
pub(crate) fn decode(
    kind: Kind,
    pages: impl Iterator<Item = Result<Page, How>>,
    wanted: &[(usize, Vec<Range<usize>>)],
    target: Target<'_>,
) -> Result<Values, How> {
    let Target { nullable, values, present, bit, names, dictionary } = target;
    macro_rules! known {
        ($variant:ident) => {
            match dictionary {
                Some(Values::$variant(known)) => Some(known.as_slice()),
                _ => None,
            }
        };
    }
    let mut rows = Rows { nullable, present, bit, at: 0, pages: wanted.iter() };
    Ok(match (values, kind) {
        (Values::U8(out), Kind::Word(words)) => {
            let code = |text: &[u8]| {
                let place = words.iter().position(|w| w.as_bytes() == text)?;
                u8::try_from(place).ok()
            };
            let plain: Plain<'_, u8> = &mut |b, n, out| slices(b, n, out, code);
            Values::U8(rows.decode(pages, out, known!(U8), plain, &mut none)?)
        }
        (Values::U8(out), _) => {
            let plain: Plain<'_, u8> = &mut |b, n, out| narrow(b, n, out, |v| u8::try_from(v).ok());
            Values::U8(rows.decode(pages, out, known!(U8), plain, &mut none)?)
        }
        (Values::U16(out), _) => {
            let plain: Plain<'_, u16> = &mut |b, n, out| narrow(b, n, out, |v| u16::try_from(v).ok());
            Values::U16(rows.decode(pages, out, known!(U16), plain, &mut none)?)
        }
        (Values::U32(out), Kind::Name) => {
            let mut place = |text: &[u8]| names.place(std::str::from_utf8(text).ok()?);
            let plain: Plain<'_, u32> = &mut |b, n, out| slices(b, n, out, &mut place);
            Values::U32(rows.decode(pages, out, None, plain, &mut none)?)
        }
        (Values::U32(out), _) => {
            let plain: Plain<'_, u32> = &mut |b, n, out| fixed(b, n, out, u32::from_le_bytes);
            Values::U32(rows.decode(pages, out, known!(U32), plain, &mut none)?)
        }
        (Values::U64(out), Kind::Mac) => {
            let mac = |octets: &[u8]| Some(Mac::from_octets(octets.try_into().ok()?).0);
            let plain: Plain<'_, u64> = &mut |b, n, out| slices(b, n, out, mac);
            Values::U64(rows.decode(pages, out, known!(U64), plain, &mut none)?)
        }
        (Values::U64(out), _) => {
            let plain: Plain<'_, u64> = &mut |b, n, out| fixed(b, n, out, u64::from_le_bytes);
            Values::U64(rows.decode(pages, out, known!(U64), plain, &mut none)?)
        }
        (Values::Time(out), _) => {
            let plain: Plain<'_, i64> = &mut |b, n, out| fixed(b, n, out, i64::from_le_bytes);
            Values::Time(rows.decode(pages, out, known!(Time), plain, &mut delta::decode)?)
        }
        (Values::Addr(out), _) => {
            let plain: Plain<'_, Addr> = &mut |b, n, out| slices(b, n, out, Addr::from_slice);
            Values::Addr(rows.decode(pages, out, known!(Addr), plain, &mut none)?)
        }
        (Values::Bytes(out), kind) => {
            let mut strings = Strings::new(kind);
            let mut places = Vec::new();
            let plain: Plain<'_, u32> = &mut |b, n, out| slices(b, n, out, |s| strings.place(s));
            rows.decode(pages, &mut places, None, plain, &mut none)?;
            *out = strings.in_order(&places).ok_or("it has more than 4 GiB of strings")?;
            Values::Bytes(Bytes::new())
        }
    })
}

/// Decodes pages of addresses, as [`decode`] does, but says of each row only where in a list its address is. The list is
/// the dictionary, and behind it what pages hold that make no use of it. Returns the list, and how much of it is the
/// dictionary, if that was decoded here.
pub(crate) fn decode_places(
    pages: impl Iterator<Item = Result<Page, How>>,
    wanted: &[(usize, Vec<Range<usize>>)],
    target: Places<'_>,
) -> Result<(Arc<Values>, usize), How> {
    let Places { nullable, places, present, bit, dictionary } = target;
    let known = dictionary.as_ref().map_or(0, |known| known.len());
    let mut met: Vec<Addr> = Vec::new();
    let mut place = |octets: &[u8]| {
        met.push(Addr::from_slice(octets)?);
        u32::try_from(known + met.len() - 1).ok()
    };
    let plain: Plain<'_, u32> = &mut |b, n, out| slices(b, n, out, &mut place);
    // A place of the dictionary stands for itself.
    let itself: Option<Vec<u32>> = dictionary.as_ref().map(|_| (0..).take(known).collect());
    let mut rows = Rows { nullable, present, bit, at: 0, pages: wanted.iter() };
    let decoded = rows.decode(pages, places, itself.as_deref(), plain, &mut none)?;
    let list = match dictionary {
        Some(known) if met.is_empty() => known,
        Some(known) => {
            let mut all = Arc::unwrap_or_clone(known);
            if let Values::Addr(all) = &mut all {
                all.append(&mut met);
            }
            Arc::new(all)
        }
        None => Arc::new(Values::Addr(met)),
    };
    Ok((list, decoded.len()))
}

/// Whether a dictionary of such values means the same in another batch: not if its values are places among what this one
/// met.
pub(crate) fn is_lasting(kind: Kind) -> bool {
    !matches!(kind, Kind::Name | Kind::Text | Kind::Elements)
}

/// Strings of a column chunk as they are decoded: the empty one, which stands where there is none, and those of the
/// dictionary and the pages.
struct Strings {
    met: Bytes,
    is_text: bool,
}

impl Strings {
    fn new(kind: Kind) -> Self {
        let mut met = Bytes::new();
        met.push(&[]);
        Self { met, is_text: kind == Kind::Text }
    }

    /// The place of the next string; `None` if it is not what the column holds.
    fn place(&mut self, string: &[u8]) -> Option<u32> {
        let place = u32::try_from(self.met.len()).ok()?;
        let is_good = !self.is_text || str::from_utf8(string).is_ok();
        (is_good && self.met.push(string)).then_some(place)
    }

    /// The strings at these places.
    fn in_order(self, places: &[u32]) -> Option<Bytes> {
        let is_all = places.len() + 1 == self.met.len() && (1..).zip(places).all(|(at, place)| at == *place);
        if is_all {
            let (mut ends, data) = self.met.into_parts();
            ends.remove(0);
            return Bytes::from_parts(ends, data);
        }
        let mut out = Bytes::new();
        out.reserve(places.len());
        places.iter().all(|place| out.push(self.met.get(*place as usize).unwrap_or_default())).then_some(out)
    }
}

/// For types that DELTA_BINARY_PACKED is not read for.
fn none<T>(_: &[u8], _: usize, _: &mut Vec<T>) -> Option<()> {
    None
}

/// Values of a fixed width.
fn fixed<T, const N: usize>(
    bytes: &[u8],
    count: usize,
    out: &mut Vec<T>,
    value: impl Fn([u8; N]) -> T,
) -> Option<()> {
    let (chunks, _) = bytes.as_chunks::<N>();
    out.extend(chunks.get(..count)?.iter().map(|c| value(*c)));
    Some(())
}

/// 32-bit values of which only the small ones are right.
fn narrow<T>(bytes: &[u8], count: usize, out: &mut Vec<T>, value: impl Fn(u32) -> Option<T>) -> Option<()> {
    let (chunks, _) = bytes.as_chunks::<4>();
    for chunk in chunks.get(..count)? {
        out.push(value(u32::from_le_bytes(*chunk))?);
    }
    Some(())
}

/// Values with their length before them.
fn slices<T>(
    mut bytes: &[u8],
    count: usize,
    out: &mut Vec<T>,
    mut value: impl FnMut(&[u8]) -> Option<T>,
) -> Option<()> {
    for _ in 0..count {
        let (len, rest) = bytes.split_first_chunk::<4>()?;
        let (text, rest) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*len)).ok()?)?;
        out.push(value(text)?);
        bytes = rest;
    }
    Some(())
}

/// Where values go.
struct Rows<'a> {
    nullable: bool,
    present: &'a mut [u64],
    bit: u64,
    /// How many of the wanted rows are done.
    at: usize,
    pages: std::slice::Iter<'a, (usize, Vec<Range<usize>>)>,
}

/// A data page taken apart.
struct Data<'a> {
    validity: Validity,
    encoding: Encoding,
    values: &'a [u8],
}

impl Rows<'_> {
    fn decode<T: Copy + Default>(
        &mut self,
        pages: impl Iterator<Item = Result<Page, How>>,
        out: &mut Vec<T>,
        known: Option<&[T]>,
        plain: Plain<'_, T>,
        delta: Plain<'_, T>,
    ) -> Result<Vec<T>, How> {
        let mut decoded: Vec<T> = Vec::new();
        // Of a page of which not all is wanted, or that has gaps, the values are decoded here first.
        let (mut dense, mut spread) = (Vec::new(), Vec::new());
        for page in pages {
            let page = page?;
            if let Page::DictionaryPage { buf, num_values, encoding, .. } = &page {
                if !matches!(encoding, Encoding::PLAIN | Encoding::PLAIN_DICTIONARY) {
                    return Err(format!("its dictionary has the encoding {encoding}"));
                }
                plain(buf, *num_values as usize, &mut decoded).ok_or("its dictionary ends too early")?;
                continue;
            }
            let dictionary = known.unwrap_or(&decoded);
            let (rows, wanted) = self.pages.next().ok_or("it has more pages than its index names")?;
            let data = take_apart(&page, *rows, self.nullable)?;
            let whole = matches!(wanted.as_slice(), [all] if *all == (0..*rows));
            if whole && data.validity == Validity::All {
                decode_values(&data, *rows, dictionary, out, plain, delta)?;
                self.mark(*rows, |_| true);
                continue;
            }
            dense.clear();
            spread.clear();
            let source = match &data.validity {
                Validity::All => {
                    decode_values(&data, *rows, dictionary, &mut dense, plain, delta)?;
                    &dense
                }
                Validity::None => {
                    spread.resize(*rows, T::default());
                    &spread
                }
                Validity::Some(each, valid) => {
                    decode_values(&data, *valid, dictionary, &mut dense, plain, delta)?;
                    let mut values = dense.iter();
                    let next =
                        |here: &bool| if *here { values.next().copied() } else { None }.unwrap_or_default();
                    spread.extend(each.iter().map(next));
                    &spread
                }
            };
            for range in wanted {
                out.extend_from_slice(
                    source.get(range.clone()).ok_or("a page has fewer rows than its index says")?,
                );
                match &data.validity {
                    Validity::All => self.mark(range.len(), |_| true),
                    Validity::None => self.mark(range.len(), |_| false),
                    Validity::Some(each, _) => {
                        self.mark(range.len(), |i| each.get(range.start + i).copied().unwrap_or(false));
                    }
                }
            }
        }
        if self.pages.next().is_some() {
            Err("it has fewer pages than its index names".to_owned())
        } else {
            Ok(decoded)
        }
    }

    /// The next rows have a value where `here` says so.
    fn mark(&mut self, rows: usize, here: impl Fn(usize) -> bool) {
        let masks = self.present.get_mut(self.at..self.at + rows).unwrap_or_default();
        for (i, mask) in masks.iter_mut().enumerate() {
            *mask |= if here(i) { self.bit } else { 0 };
        }
        self.at += rows;
    }
}

/// Levels and values of a data page.
fn take_apart(page: &Page, rows: usize, nullable: bool) -> Result<Data<'_>, How> {
    const LEVELS: &str = "the levels of a page are cut short";
    if page.num_values() as usize != rows {
        return Err(format!("a page has {} rows and its index says {rows}", page.num_values()));
    }
    let validity = |levels: &[u8]| Validity::decode(levels, rows).ok_or(LEVELS);
    let (validity, encoding, values) = match page {
        Page::DataPage { buf, encoding, .. } if !nullable => (Validity::All, encoding, &buf[..]),
        Page::DataPage { buf, encoding, def_level_encoding, .. } => {
            if *def_level_encoding != Encoding::RLE {
                return Err(format!("the levels of a page have the encoding {def_level_encoding}"));
            }
            let (len, rest) = buf.split_first_chunk::<4>().ok_or(LEVELS)?;
            let len = usize::try_from(u32::from_le_bytes(*len)).map_err(|_| LEVELS)?;
            let (levels, values) = rest.split_at_checked(len).ok_or(LEVELS)?;
            (validity(levels)?, encoding, values)
        }
        Page::DataPageV2 { buf, encoding, def_levels_byte_len, rep_levels_byte_len: 0, .. } => {
            let (levels, values) = buf.split_at_checked(*def_levels_byte_len as usize).ok_or(LEVELS)?;
            (if nullable { validity(levels)? } else { Validity::All }, encoding, values)
        }
        _ => return Err("it has a page of a kind that weir does not read".to_owned()),
    };
    Ok(Data { validity, encoding: *encoding, values })
}

/// Appends the `count` values of a page.
fn decode_values<T: Copy>(
    data: &Data<'_>,
    count: usize,
    dictionary: &[T],
    out: &mut Vec<T>,
    plain: Plain<'_, T>,
    delta: Plain<'_, T>,
) -> Result<(), How> {
    out.reserve(count);
    let done = match data.encoding {
        Encoding::PLAIN => plain(data.values, count, out),
        Encoding::DELTA_BINARY_PACKED => delta(data.values, count, out),
        Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY => look_up(data.values, count, dictionary, out),
        other => {
            return Err(format!("a page has the encoding {other}, which weir does not read for this column"));
        }
    };
    done.ok_or_else(|| {
        format!("the {} values of a page are cut short or not in its dictionary", data.encoding)
    })
}

/// Dictionary indexes (a byte with their width, then the hybrid) become values.
fn look_up<T: Copy>(bytes: &[u8], count: usize, dictionary: &[T], out: &mut Vec<T>) -> Option<()> {
    let (width, indexes) = bytes.split_first()?;
    hybrid::decode(indexes, *width, count, |piece| {
        match piece {
            Piece::Run(index, run) => out.resize(out.len() + run, *dictionary.get(index as usize)?),
            Piece::Values(indexes) => {
                // All are held against the dictionary's end at once, so that none need be when it is looked up.
                let last = indexes.iter().fold(0, |last, index| last.max(*index));
                let first = *dictionary.first()?;
                dictionary.get(last as usize)?;
                out.extend(indexes.iter().map(|i| dictionary.get(*i as usize).copied().unwrap_or(first)));
            }
        }
        Some(())
    })
}
