//! What a page holds at least and at most, read off the page index.

use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::page_index::offset_index::OffsetIndexMetaData;
use std::ops::Range;
use weir_flow::schema::Kind;
use weir_flow::{Addr, Mac};

/// A value that bounds others, in the order of its kind: numbers and times by size, addresses as
/// [`Addr`] orders them (IPv4 mapped), words and names by their UTF-8 bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bound {
    /// Milliseconds since 1970.
    Time(i64),
    /// A number, or a MAC address as one.
    Unsigned(u64),
    /// An address.
    Addr(Addr),
    /// A word, a name, or text.
    Text(Box<str>),
}

/// A page of one column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageBounds {
    /// Its rows, counted in the row group.
    pub rows: Range<usize>,
    /// How many of them have no value; `None` where the file does not say.
    pub nulls: Option<usize>,
    /// Whether no row has a value.
    pub all_null: bool,
    /// No value is smaller; `None` where there is no value.
    pub min: Option<Bound>,
    /// No value is larger; `None` where there is no value.
    pub max: Option<Bound>,
}

impl PageBounds {
    /// Whether a value between these two (both included) may be in the page.
    #[must_use]
    pub fn may_hold(&self, low: &Bound, high: &Bound) -> bool {
        match (&self.min, &self.max) {
            (Some(min), Some(max)) => min <= high && max >= low,
            _ => !self.all_null,
        }
    }

    /// Whether every row of the page is known to have a value between these two.
    #[must_use]
    pub fn must_hold(&self, low: &Bound, high: &Bound) -> bool {
        match (&self.min, &self.max) {
            (Some(min), Some(max)) => self.nulls == Some(0) && low <= min && max <= high,
            _ => false,
        }
    }
}

/// The bounds of every page of a column chunk; `None` if the indexes contradict each other.
pub(crate) fn pages(
    kind: Kind,
    rows: usize,
    offsets: &OffsetIndexMetaData,
    columns: &ColumnIndexMetaData,
) -> Option<Vec<PageBounds>> {
    let locations = offsets.page_locations();
    if columns.num_pages() != locations.len() as u64 {
        return None;
    }
    let first = |i: usize| locations.get(i).map_or(Some(rows), |l| usize::try_from(l.first_row_index).ok());
    let bytes = offsets.unencoded_byte_array_data_bytes();
    let mut pages = Vec::with_capacity(locations.len());
    for i in 0..locations.len() {
        let rows = first(i)?..first(i + 1)?;
        if rows.start > rows.end {
            return None;
        }
        let nulls = columns.null_count(i).and_then(|n| usize::try_from(n).ok());
        let all_null = columns.is_null_page(i);
        let width = bytes.and_then(|b| b.get(i)).zip(nulls).and_then(|(bytes, nulls)| {
            let values = rows.len().checked_sub(nulls)?;
            let bytes = usize::try_from(*bytes).ok()?;
            (values > 0 && bytes.is_multiple_of(values)).then(|| bytes / values)
        });
        let (min, max) = if all_null { (None, None) } else { bounds(kind, columns, i, width)? };
        pages.push(PageBounds { rows, nulls, all_null, min, max });
    }
    Some(pages)
}

type Bounds = (Option<Bound>, Option<Bound>);

/// The bounds of one page. `width` is the mean length of its values, where they are byte arrays.
fn bounds(kind: Kind, columns: &ColumnIndexMetaData, page: usize, width: Option<usize>) -> Option<Bounds> {
    let number = |v: &i32| Some(Bound::Unsigned(v.cast_unsigned().into()));
    let wide = |v: &i64| match kind {
        Kind::Time => Some(Bound::Time(*v)),
        _ => Some(Bound::Unsigned(v.cast_unsigned())),
    };
    Some(match columns {
        ColumnIndexMetaData::INT32(index) => {
            (index.min_value(page).and_then(number), index.max_value(page).and_then(number))
        }
        ColumnIndexMetaData::INT64(index) => {
            (index.min_value(page).and_then(wide), index.max_value(page).and_then(wide))
        }
        ColumnIndexMetaData::BYTE_ARRAY(index) => {
            let (Some(min), Some(max)) = (index.min_value(page), index.max_value(page)) else {
                return Some((None, None));
            };
            match kind {
                Kind::Addr => addresses(min, max, width)?,
                Kind::Mac => (mac(min), mac(max)),
                Kind::Elements => (None, None),
                _ => (text(min), text(max)),
            }
        }
        _ => (None, None),
    })
}

fn text(bytes: &[u8]) -> Option<Bound> {
    Some(Bound::Text(std::str::from_utf8(bytes).ok()?.into()))
}

fn mac(bytes: &[u8]) -> Option<Bound> {
    Some(Bound::Unsigned(Mac::from_octets(bytes.try_into().ok()?).0))
}

/// Bounds of addresses in their own order, from bounds in the order of Parquet, which compares 4 and 16 octets
/// byte by byte. Where all are of one family (their mean length says so) the two orders agree. Where both are in
/// the page, the bounds are the widest that either family allows.
fn addresses(min: &[u8], max: &[u8], width: Option<usize>) -> Option<Bounds> {
    let (low, high) = (Addr::from_slice(min)?, Addr::from_slice(max)?);
    let same = min.len() == max.len() && width == Some(min.len());
    if same {
        return Some((Some(Bound::Addr(low)), Some(Bound::Addr(high))));
    }
    // The lowest IPv6 address that is not before `min`, byte by byte, and the highest not after `max`.
    let mut least = [0u8; 16];
    let mut most = [0xffu8; 16];
    least.iter_mut().zip(min).for_each(|(slot, byte)| *slot = *byte);
    most.iter_mut().zip(max).for_each(|(slot, byte)| *slot = *byte);
    let v4 = |bytes: &[u8]| bytes.first_chunk::<4>().map(|b| Addr::v4(*b));
    let low = Addr::v6(least).min(v4(min)?);
    let high = Addr::v6(most).max(v4(max)?);
    Some((Some(Bound::Addr(low)), Some(Bound::Addr(high))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn addr() -> impl Strategy<Value = Addr> {
        prop_oneof![
            any::<[u8; 4]>().prop_map(Addr::v4),
            any::<[u8; 16]>().prop_map(Addr::v6),
            // Addresses below the mapped ones, and near other bounds.
            (0u128..3).prop_map(Addr::from_bits),
        ]
    }

    proptest! {
        #[test]
        fn address_bounds_hold_every_address(addrs in prop::collection::vec(addr(), 1..20)) {
            let min = addrs.iter().map(Addr::natural).min().unwrap();
            let max = addrs.iter().map(Addr::natural).max().unwrap();
            let bytes: usize = addrs.iter().map(|a| a.natural().len()).sum();
            let width = bytes.is_multiple_of(addrs.len()).then(|| bytes / addrs.len());
            let (low, high) = addresses(min, max, width).unwrap();
            for addr in &addrs {
                prop_assert!(low.as_ref().unwrap() <= &Bound::Addr(*addr), "{addr} below {low:?}");
                prop_assert!(high.as_ref().unwrap() >= &Bound::Addr(*addr), "{addr} above {high:?}");
            }
            if addrs.iter().all(Addr::is_v4) {
                prop_assert_eq!(low, addrs.iter().min().map(|a| Bound::Addr(*a)));
                prop_assert_eq!(high, addrs.iter().max().map(|a| Bound::Addr(*a)));
            }
        }
    }
}
