//! Compresses by zstd and undoes it, with one context a thread: to make one costs as much as to decompress a page.

use parquet::column::page::Page;
use std::cell::RefCell;
use std::io;
use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::CParameter;

/// The level that everything is compressed with: higher ones gain little and cost much.
const LEVEL: i32 = 1;

/// Repetitions that are shorter are not looked for. Most of what a segment holds are numbers packed by bits: what repeats there
/// by chance saves nothing, and takes time to be found and to be put back.
const REPEATED_MIN: u32 = 7;

/// What is longer was not written by a writer of segments.
const LEN_MAX: usize = 1 << 31;

thread_local! {
    static CONTEXT: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// A context that compresses pages.
pub(super) fn compressor() -> io::Result<Compressor<'static>> {
    let mut compressor = Compressor::new(LEVEL)?;
    compressor.set_parameter(CParameter::MinMatch(REPEATED_MIN))?;
    Ok(compressor)
}

/// The bytes that were compressed, which were exactly so many; `None` if these are not they.
pub(super) fn exactly(packed: &[u8], len: usize) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(len);
    append(packed, len, &mut plain).filter(|()| plain.len() == len)?;
    Some(plain)
}

/// The page decompressed, which came as it is in the file.
pub(super) fn page(page: Page) -> Option<Page> {
    Some(match page {
        Page::DictionaryPage { buf, num_values, encoding, is_sorted } => {
            Page::DictionaryPage { buf: whole(&buf, 0)?.into(), num_values, encoding, is_sorted }
        }
        Page::DataPage { buf, num_values, encoding, def_level_encoding, rep_level_encoding, statistics } => {
            let buf = whole(&buf, 0)?.into();
            Page::DataPage { buf, num_values, encoding, def_level_encoding, rep_level_encoding, statistics }
        }
        Page::DataPageV2 {
            buf,
            num_values,
            encoding,
            num_nulls,
            num_rows,
            def_levels_byte_len,
            rep_levels_byte_len,
            is_compressed: true,
            statistics,
        } => {
            // The levels are never compressed.
            let levels = usize::try_from(def_levels_byte_len.checked_add(rep_levels_byte_len)?).ok()?;
            Page::DataPageV2 {
                buf: whole(&buf, levels)?.into(),
                num_values,
                encoding,
                num_nulls,
                num_rows,
                def_levels_byte_len,
                rep_levels_byte_len,
                is_compressed: false,
                statistics,
            }
        }
        page @ Page::DataPageV2 { .. } => page,
    })
}

/// So many bytes as they are, and the rest decompressed: to the length that it says itself.
fn whole(bytes: &[u8], plain: usize) -> Option<Vec<u8>> {
    let (plain, packed) = bytes.split_at_checked(plain)?;
    if packed.is_empty() {
        return Some(plain.to_vec());
    }
    let len = zstd::zstd_safe::get_frame_content_size(packed).ok()??;
    let len = usize::try_from(len).ok().filter(|len| *len <= LEN_MAX)?;
    let mut out = Vec::with_capacity(plain.len() + len);
    out.extend(plain);
    append(packed, len, &mut out)?;
    Some(out)
}

/// Appends what was compressed, which is at most so long.
fn append(packed: &[u8], len_max: usize, out: &mut Vec<u8>) -> Option<()> {
    CONTEXT.with_borrow_mut(|context| {
        let context = match context {
            Some(context) => context,
            None => context.insert(Decompressor::new().ok()?),
        };
        out.reserve_exact(len_max);
        let start = out.len() as u64;
        let mut end = io::Cursor::new(out);
        end.set_position(start);
        context.decompress_to_buffer(packed, &mut end).ok().map(|_| ())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::basic::Encoding;

    #[test]
    fn what_was_compressed_comes_back_and_nothing_else_does() {
        let plain: Vec<u8> = (0..10_000u32).map(|n| n.to_le_bytes()[1]).collect();
        let packed = compressor().unwrap().compress(&plain).unwrap();
        assert_eq!(exactly(&packed, plain.len()), Some(plain.clone()));
        assert_eq!(exactly(&packed, plain.len() - 1), None);
        assert_eq!(exactly(&packed, plain.len() + 1), None);
        assert_eq!(exactly(&packed[1..], plain.len()), None);
        assert_eq!(exactly(&packed, plain.len()), Some(plain.clone()), "after a failure, too");
        assert_eq!(whole(&packed, 0), Some(plain));
        assert_eq!(whole(&packed[..100], 0), None);
    }

    #[test]
    fn of_a_page_of_version_two_the_levels_are_plain() {
        let packed = zstd::bulk::compress(b"values", 1).unwrap();
        let compressed = |is_compressed, buf: Vec<u8>| Page::DataPageV2 {
            buf: buf.into(),
            num_values: 2,
            encoding: Encoding::PLAIN,
            num_nulls: 0,
            num_rows: 2,
            def_levels_byte_len: 2,
            rep_levels_byte_len: 1,
            is_compressed,
            statistics: None,
        };
        let read = page(compressed(true, [&b"lev"[..], &packed].concat())).unwrap();
        assert_eq!(&read.buffer()[..], b"levvalues");
        assert_eq!(&page(compressed(false, b"levvalues".to_vec())).unwrap().buffer()[..], b"levvalues");
        assert_eq!(&page(compressed(true, b"lev".to_vec())).unwrap().buffer()[..], b"lev");
        assert!(page(compressed(true, b"le".to_vec())).is_none());
    }
}
