//! Brings what is wanted of a column chunk into memory: which of its pages, their bytes, each checked and decompressed.

use super::compression;
use super::opened::Opened;
use crate::Error;
use bytes::Bytes;
use parquet::basic::Compression;
use parquet::column::page::{Page, PageReader};
use parquet::errors::ParquetError;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::page_index::offset_index::PageLocation;
use parquet::file::reader::SerializedPageReader;
use std::ops::Range;
use std::sync::Arc;

/// A page of which rows are wanted.
pub(crate) struct Wanted {
    /// Its number in the column chunk.
    page: usize,
    /// How many rows it has.
    pub(crate) rows: usize,
    /// Which of them, counted in the page.
    pub(crate) ranges: Vec<Range<usize>>,
}

/// The pages that hold the rows. `None` if the index is not in order.
pub(crate) fn wanted_pages(
    locations: &[PageLocation],
    count: usize,
    rows: &[Range<usize>],
) -> Option<Vec<Wanted>> {
    let first =
        |page: usize| locations.get(page).map_or(Some(count), |l| usize::try_from(l.first_row_index).ok());
    let mut wanted = Vec::new();
    let mut ranges = rows.iter().peekable();
    for page in 0..locations.len() {
        let (from, to) = (first(page)?, first(page + 1)?);
        if from > to || to > count {
            return None;
        }
        let mut inside = Vec::new();
        while let Some(range) = ranges.peek().filter(|r| r.start < to) {
            let part = range.start.max(from)..range.end.min(to);
            if !part.is_empty() {
                inside.push(part.start - from..part.end - from);
            }
            if range.end > to {
                break;
            }
            ranges.next();
        }
        if !inside.is_empty() {
            wanted.push(Wanted { page, rows: to - from, ranges: inside });
        }
    }
    Some(wanted)
}

/// Brings pages of a column chunk into memory.
pub(crate) struct Fetch<'a> {
    pub(crate) file: &'a Opened,
    pub(crate) chunk: &'a ColumnChunkMetaData,
    /// Eight hexadecimal digits a page.
    pub(crate) crcs: Option<&'a str>,
    pub(crate) locations: &'a [PageLocation],
    /// Whether the dictionary need not be brought.
    pub(crate) is_dictionary_known: bool,
}

impl Fetch<'_> {
    /// The dictionary page, if there is one and it is not known, and the wanted pages, decompressed one after the other.
    pub(crate) fn pages(
        &self,
        wanted: &[Wanted],
        damaged: &dyn Fn(String) -> Error,
    ) -> Result<impl Iterator<Item = Result<Page, String>> + use<>, Error> {
        let (bytes, dictionary) =
            if wanted.is_empty() { (Bytes::new(), 0) } else { self.bytes(wanted, damaged)? };
        let failed = |e: ParquetError| damaged(e.to_string());
        let meta = self.chunk.clone().into_builder();
        let len = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        let first = i64::try_from(dictionary).unwrap_or(i64::MAX);
        // Pages of zstd are undone here: the reader would make two contexts for each column chunk.
        let is_zstd = matches!(self.chunk.compression(), Compression::ZSTD(_));
        let meta = if is_zstd { meta.set_compression(Compression::UNCOMPRESSED) } else { meta };
        let meta = meta
            .set_dictionary_page_offset((dictionary > 0).then_some(0))
            .set_data_page_offset(first)
            .set_total_compressed_size(len)
            .build()
            .map_err(failed)?;
        let mut pages = SerializedPageReader::new(Arc::new(bytes), &meta, 0, None).map_err(failed)?;
        let undone = move |page| {
            if is_zstd {
                compression::page(page).ok_or("a page cannot be decompressed".to_owned())
            } else {
                Ok(page)
            }
        };
        let next = move || pages.get_next_page().map_err(|e| e.to_string()).transpose();
        Ok(std::iter::from_fn(next).map(move |page| page.and_then(&undone)))
    }

    /// The bytes of the dictionary page and of the wanted pages, one after the other, each checked; and the
    /// length of the dictionary page.
    fn bytes(&self, wanted: &[Wanted], damaged: &dyn Fn(String) -> Error) -> Result<(Bytes, usize), Error> {
        let bad = || damaged("its page index names bytes outside of it".to_owned());
        let range = |l: &PageLocation| {
            Some((u64::try_from(l.offset).ok()?, u64::try_from(l.compressed_page_size).ok()?))
        };
        let (start, _) = self.chunk.byte_range();
        let first = self.locations.first().and_then(range).ok_or_else(bad)?.0;
        let before = first.checked_sub(start).ok_or_else(bad)?;
        let dictionary = if self.is_dictionary_known { 0 } else { before };
        // (place in the file, length, number among the checksums)
        let mut parts = Vec::with_capacity(wanted.len() + 1);
        if dictionary > 0 {
            parts.push((start, dictionary, 0));
        }
        for want in wanted {
            let (at, len) = self.locations.get(want.page).and_then(range).ok_or_else(bad)?;
            parts.push((at, len, want.page + usize::from(before > 0)));
        }
        let len = usize::try_from(parts.iter().map(|part| part.1).sum::<u64>()).map_err(|_| bad())?;
        // Not more than there is: what names the lengths may be damaged.
        let mut out = vec![0; Some(len).filter(|len| *len as u64 <= self.file.len()).ok_or_else(bad)?];
        let mut rest = &mut out[..];
        for run in parts.chunk_by(|a, b| a.0 + a.1 == b.0) {
            let at = run.first().map_or(0, |p| p.0);
            let len = usize::try_from(run.iter().map(|p| p.1).sum::<u64>()).map_err(|_| bad())?;
            let (here, more) = std::mem::take(&mut rest).split_at_mut_checked(len).ok_or_else(bad)?;
            rest = more;
            self.file.fill(here, at)?;
            let mut here = &*here;
            for (_, len, number) in run {
                let (page, more) =
                    here.split_at_checked(usize::try_from(*len).map_err(|_| bad())?).ok_or_else(bad)?;
                here = more;
                let crc = self.crcs.map(|crcs| crc_of(crcs, *number));
                if crc.is_some_and(|crc| crc != Some(crc32c::crc32c(page))) {
                    return Err(damaged(format!("the checksum of page {number} is wrong")));
                }
            }
        }
        Ok((out.into(), usize::try_from(dictionary).map_err(|_| bad())?))
    }
}

/// The checksum of a page among those of its column; `None` if there is none.
fn crc_of(crcs: &str, page: usize) -> Option<u32> {
    let start = page.checked_mul(8)?;
    u32::from_str_radix(crcs.get(start..start.checked_add(8)?)?, 16).ok()
}
