//! Reads a segment: only the columns asked for, and only the pages that the rows asked for lie in.

use super::bound::{self, PageBounds};
use super::far::FarEnds;
use super::fetch::{Fetch, wanted_pages};
use super::known::Known;
use super::networks::Blocks;
use super::opened::Opened;
use super::page::{self, Names, Target};
use super::runs::Runs;
use super::write::key;
use crate::manifest::SegmentFile;
use crate::{Error, Totals};
use bytes::Bytes;
use parquet::column::page::Page;
use parquet::errors::ParquetError;
use parquet::file::metadata::{
    ColumnChunkMetaData, PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData,
};
use parquet::file::page_index::index_reader::{decode_column_index, decode_offset_index};
use parquet::file::statistics::Statistics;
use std::fmt::Display;
use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use weir_flow::schema::{COLUMNS, COUNT, Column, Kind};
use weir_flow::{Addr, Batch, Spare, Values};

/// A part of a segment whose rows start within a span of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowGroup {
    /// How many rows.
    pub rows: usize,
    /// Earliest start, ms since 1970.
    pub start_min: i64,
    /// Latest start.
    pub start_max: i64,
    /// Earliest end.
    pub end_min: i64,
    /// Latest end.
    pub end_max: i64,
}

/// An open segment. Several threads may read from one at once.
#[derive(Debug)]
pub struct Reader {
    file: Opened,
    /// The page index and the footer, and where they begin in the file.
    tail: Bytes,
    tail_at: u64,
    metadata: ParquetMetaData,
    groups: Vec<RowGroup>,
    /// Where each of our columns lies in the file.
    places: [Option<usize>; COUNT],
    /// Where the lists of runs lie, by row group; none in a file that has none.
    runs: Vec<Place>,
    /// Where the blocks of networks lie, by row group; none in a file that has none.
    networks: Vec<Place>,
    /// Where the lists of far ends lie, by row group; none in a file that has none.
    far: Vec<Place>,
    /// Where the checksums of each column's pages stand in what the footer says of them, by row group.
    page_crcs: Option<Vec<Vec<Range<usize>>>>,
    totals: Totals,
    dictionaries: Known,
}

/// A column of addresses, as places in a list of them.
#[derive(Debug)]
pub struct Places {
    /// Where in the list the address of each row is; it means nothing where a row has none.
    places: Vec<u32>,
    /// The addresses. One may be there more than once, and one that no row has.
    list: Arc<Values>,
}

impl Places {
    /// Where in the list the address of each row is; it means nothing where a row has none.
    #[must_use]
    pub fn places(&self) -> &[u32] {
        &self.places
    }

    /// The addresses. One may be there more than once, and one that no row has.
    #[must_use]
    pub fn list(&self) -> &[Addr] {
        match &*self.list {
            Values::Addr(list) => list,
            _ => &[],
        }
    }

    /// The address of each row; unspecified where it has none.
    #[must_use]
    pub fn values(&self) -> Values {
        let list = self.list();
        let addr = |place: &u32| list.get(*place as usize).copied().unwrap_or_default();
        Values::Addr(self.places.iter().map(addr).collect())
    }
}

/// What a column chunk has of the wanted rows, before it is decoded.
struct Chunk<P> {
    /// Where the column lies in the file.
    place: usize,
    /// Whether rows may have no value.
    nullable: bool,
    pages: P,
    /// How many rows each of the pages has, and which are wanted.
    wanted: Vec<(usize, Vec<Range<usize>>)>,
    /// The dictionary, if it is known.
    known: Option<Arc<Values>>,
    /// Whether it is to be kept for who reads other rows.
    keeps: bool,
}

const OTHER_ROWS: &str = "it has another number of rows";

/// Bytes of the file with a checksum of their own.
#[derive(Clone, Copy, Debug)]
struct Place {
    at: u64,
    len: u64,
    crc: u32,
}

/// The last bytes of every Parquet file: the footer's length and a mark.
const FOOTER_END: u64 = 8;

impl Reader {
    /// Opens a segment by its path. What the footer says is believed; a [`SegmentEntry`](crate::SegmentEntry)
    /// opened from a snapshot is checked against the manifest first.
    ///
    /// # Errors
    /// The file cannot be read, or is not a segment.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let file = Opened::new(path, None)?;
        let len = file.len();
        let end = file.read(len.saturating_sub(FOOTER_END), FOOTER_END.min(len))?;
        let footer = end.first_chunk::<4>().map_or(0, |l| u64::from(u32::from_le_bytes(*l)));
        let at =
            len.checked_sub(FOOTER_END + footer).ok_or_else(|| file.damaged("its footer is cut short"))?;
        let footer = file.read(at, len - at)?;
        let metadata = parse(path, &footer, at)?;
        // The page index lies between the last chunk and the footer.
        let chunks = metadata.row_groups().iter().flat_map(RowGroupMetaData::columns);
        let indexes = chunks.flat_map(|c| [c.column_index_range(), c.offset_index_range()]).flatten();
        let tail_at = indexes.map(|r| r.start).min().unwrap_or(at).min(at);
        let tail = file.read(tail_at, len - tail_at)?;
        Self::new(file, tail, tail_at, metadata)
    }

    /// Opens a segment that the manifest names, or takes it as it is open already, and checks its length and the
    /// checksum of its tail.
    pub(crate) fn open_checked(
        path: &Path,
        open: Option<Arc<File>>,
        entry: &SegmentFile,
    ) -> Result<Self, Error> {
        let file = Opened::new(path, open)?;
        let len = file.len();
        if len != entry.bytes {
            return Err(file.damaged(format!("it has {len} bytes and the manifest says {}", entry.bytes)));
        }
        let at = len.checked_sub(entry.tail_bytes).ok_or_else(|| file.damaged("its footer is cut short"))?;
        let tail = file.read(at, entry.tail_bytes)?;
        if crc32c::crc32c(&tail) != entry.tail_crc32c.0 {
            return Err(file.damaged("the checksum of its footer is wrong"));
        }
        let metadata = parse(path, &tail, at)?;
        Self::new(file, tail, at, metadata)
    }

    fn new(file: Opened, tail: Bytes, tail_at: u64, metadata: ParquetMetaData) -> Result<Self, Error> {
        let descriptor = metadata.file_metadata().schema_descr();
        let mut places = [None; COUNT];
        for (place, column) in descriptor.columns().iter().enumerate() {
            if let Some(ours) = Column::by_name(column.name())
                && let Some(slot) = places.get_mut(ours.index())
                && matches(column, ours)
            {
                *slot = Some(place);
            }
        }
        let value = |key: &str| value(&metadata, key);
        let places_of = |key: &str| match value(key).map(parse_places) {
            Some(None) => Err(file.damaged("the places of its networks cannot be read")),
            other => Ok(other.flatten().unwrap_or_default()),
        };
        let runs = places_of(key::RUNS)?;
        let networks = places_of(if runs.is_empty() { key::NETWORKS } else { key::OTHERS })?;
        let far = places_of(key::FAR)?;
        let page_crcs = value(key::PAGE_CRCS).map(parse_page_crcs);
        let totals = value(key::TOTALS).and_then(|t| serde_json::from_str(t).ok()).unwrap_or_default();
        let groups = row_groups(&metadata, &places).ok_or_else(|| file.damaged("its rows have no times"))?;
        let dictionaries = Known::default();
        Ok(Self {
            file,
            tail,
            tail_at,
            groups,
            places,
            runs,
            networks,
            far,
            page_crcs,
            totals,
            metadata,
            dictionaries,
        })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Its row groups, in the order of time.
    #[must_use]
    pub fn row_groups(&self) -> &[RowGroup] {
        &self.groups
    }

    /// The sums that its writer noted in it.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// The pages of a column with their bounds; `None` if the file has no index for it (then every row may hold
    /// any value), or not the column.
    #[must_use]
    pub fn page_ranges(&self, row_group: usize, column: Column) -> Option<Vec<PageBounds>> {
        let rows = self.groups.get(row_group)?.rows;
        let chunk = self.chunk(row_group, column)?;
        let offsets = decode_offset_index(self.tail_bytes(chunk.offset_index_range()?)?).ok()?;
        let columns =
            decode_column_index(self.tail_bytes(chunk.column_index_range()?)?, chunk.column_type()).ok()?;
        bound::pages(column.kind(), rows, &offsets, &columns)
    }

    /// Which networks occur in which rows of a row group, other than the addresses of its runs; `None` if the file does not
    /// say.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub fn networks(&self, row_group: usize) -> Result<Option<Blocks>, Error> {
        self.said(&self.networks, row_group, Blocks::parse)
    }

    /// Where the rows of each host are in a row group; `None` if the file does not say, and then its networks are of all
    /// addresses.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub fn runs(&self, row_group: usize) -> Result<Option<Runs>, Error> {
        self.said(&self.runs, row_group, Runs::parse)
    }

    /// In which rows of a row group hosts are the far end; `None` if the file does not say.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub fn far_ends(&self, row_group: usize) -> Result<Option<FarEnds>, Error> {
        self.said(&self.far, row_group, FarEnds::parse)
    }

    /// What the file says of a row group in a place of its own.
    fn said<T>(
        &self,
        places: &[Place],
        row_group: usize,
        parse: impl Fn(&Bytes, usize) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        let Some(Place { at, len, crc }) = places.get(row_group).copied() else { return Ok(None) };
        let bytes = self.file.read(at, len)?;
        if crc32c::crc32c(&bytes) != crc {
            return Err(self.file.damaged("the checksum of its networks is wrong"));
        }
        let rows = self.groups.get(row_group).map_or(0, |group| group.rows);
        let said = parse(&bytes, rows);
        said.map(Some).ok_or_else(|| self.file.damaged("its networks make no sense"))
    }

    /// Reads the columns whose bits are set, of these rows of a row group (ascending, not overlapping; what lies
    /// beyond the last row is left out). The batch has exactly these rows, in this order. A column that the
    /// file does not have is loaded with no value in any row.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub fn read(&self, row_group: usize, columns: u64, rows: &[Range<usize>]) -> Result<Batch, Error> {
        self.read_into(row_group, columns, rows, &mut Spare::default())
    }

    /// The same, into memory that another batch had.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_into(
        &self,
        row_group: usize,
        columns: u64,
        rows: &[Range<usize>],
        spare: &mut Spare,
    ) -> Result<Batch, Error> {
        let rows = self.clipped(row_group, rows);
        let mut present = spare.present(rows.iter().map(Range::len).sum());
        let mut names = Names::default();
        let mut loaded = Vec::new();
        for column in COLUMNS.iter().map(|d| d.column).filter(|c| columns & c.bit() != 0) {
            let mut values = spare.values(column, present.len());
            self.read_column(row_group, column, &rows, &mut values, &mut present, &mut names)?;
            loaded.push((column, values));
        }
        Ok(Batch::from_columns(present, loaded, names.list.into()))
    }

    /// Reads the columns whose bits are set, of all rows of a row group.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub fn read_all(&self, row_group: usize, columns: u64) -> Result<Batch, Error> {
        let rows = 0..self.groups.get(row_group).map_or(0, |g| g.rows);
        self.read(row_group, columns, std::slice::from_ref(&rows))
    }

    /// Reads a column of addresses of these rows (as [`Self::read`] has them) as places in a list, which tells rows of one
    /// address from those of others without their addresses being looked at. `present` gets the column's bit in each
    /// row that has an address. `None` if the file has no such column.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub fn read_places(
        &self,
        row_group: usize,
        column: Column,
        rows: &[Range<usize>],
        present: &mut [u64],
    ) -> Result<Option<Places>, Error> {
        if column.kind() != Kind::Addr {
            return Ok(None);
        }
        let rows = self.clipped(row_group, rows);
        let mut places = Vec::with_capacity(present.len());
        let Some(chunk) = self.chunk_of(row_group, column, &rows)? else { return Ok(None) };
        let target = page::Places {
            nullable: chunk.nullable,
            places: &mut places,
            present: &mut *present,
            bit: column.bit(),
            dictionary: chunk.known.clone(),
        };
        let done = page::decode_places(chunk.pages, &chunk.wanted, target);
        let (list, decoded) = done.map_err(|how| self.damaged(column, how))?;
        if chunk.keeps && decoded > 0 && decoded == list.len() {
            self.dictionaries.put(row_group, chunk.place, Arc::clone(&list));
        }
        if places.len() != present.len() {
            return Err(self.damaged(column, OTHER_ROWS));
        }
        Ok(Some(Places { places, list }))
    }

    fn read_column(
        &self,
        row_group: usize,
        column: Column,
        rows: &[Range<usize>],
        values: &mut Values,
        present: &mut [u64],
        names: &mut Names,
    ) -> Result<(), Error> {
        let Some(chunk) = self.chunk_of(row_group, column, rows)? else {
            absent(values, present.len());
            return Ok(());
        };
        let target = Target {
            nullable: chunk.nullable,
            values: &mut *values,
            bit: column.bit(),
            present: &mut *present,
            names,
            dictionary: chunk.known.as_deref(),
        };
        let dictionary = page::decode(column.kind(), chunk.pages, &chunk.wanted, target);
        let dictionary = dictionary.map_err(|how| self.damaged(column, how))?;
        if chunk.keeps && !dictionary.is_empty() {
            self.dictionaries.put(row_group, chunk.place, Arc::new(dictionary));
        }
        if values.len() != present.len() {
            return Err(self.damaged(column, OTHER_ROWS));
        }
        Ok(())
    }

    /// What a column has of these rows of a row group, to be decoded; `None` if the file does not have the column.
    fn chunk_of(
        &self,
        row_group: usize,
        column: Column,
        rows: &[Range<usize>],
    ) -> Result<Option<Chunk<impl Iterator<Item = Result<Page, String>> + use<>>>, Error> {
        let (Some(place), Some(chunk)) = (self.place(column), self.chunk(row_group, column)) else {
            return Ok(None);
        };
        let damaged = |how: String| self.damaged(column, how);
        let index = chunk.offset_index_range().and_then(|r| self.tail_bytes(r));
        let index = index.ok_or_else(|| self.damaged(column, "it has no page index"))?;
        let offsets = decode_offset_index(index).map_err(|e| self.damaged(column, e))?;
        let count = self.groups.get(row_group).map_or(0, |g| g.rows);
        let wanted = wanted_pages(offsets.page_locations(), count, rows)
            .ok_or_else(|| self.damaged(column, "its page index is out of order"))?;
        // Who reads all of it at once needs its dictionary once.
        let is_part = rows.iter().map(Range::len).sum::<usize>() < count && page::is_lasting(column.kind());
        let known = if is_part { self.dictionaries.get(row_group, place) } else { None };
        let fetch = Fetch {
            file: &self.file,
            chunk,
            crcs: self.page_crcs(row_group, column),
            locations: offsets.page_locations(),
            is_dictionary_known: known.is_some(),
        };
        let pages = fetch.pages(&wanted, &damaged)?;
        let nullable = chunk.column_descr().max_def_level() > 0;
        let wanted = wanted.into_iter().map(|w| (w.rows, w.ranges)).collect();
        Ok(Some(Chunk { place, nullable, pages, wanted, keeps: is_part && known.is_none(), known }))
    }

    /// The error that says what is wrong with a column.
    fn damaged(&self, column: Column, how: impl Display) -> Error {
        self.file.damaged(format!("column {}: {how}", column.name()))
    }

    /// The rows that the row group has of these.
    fn clipped(&self, row_group: usize, rows: &[Range<usize>]) -> Vec<Range<usize>> {
        let count = self.groups.get(row_group).map_or(0, |g| g.rows);
        let inside = rows.iter().map(|r| r.start.min(count)..r.end.min(count));
        inside.filter(|r| !r.is_empty()).collect()
    }

    /// Where a column lies among those of the file.
    fn place(&self, column: Column) -> Option<usize> {
        *self.places.get(column.index())?
    }

    fn chunk(&self, row_group: usize, column: Column) -> Option<&ColumnChunkMetaData> {
        let place = self.place(column)?;
        self.metadata.row_groups().get(row_group)?.columns().get(place)
    }

    /// The checksums of a column's pages, as they are written; `None` in a file that does not say any.
    fn page_crcs(&self, row_group: usize, column: Column) -> Option<&str> {
        let groups = self.page_crcs.as_ref()?;
        let column = || groups.get(row_group)?.get(self.place(column)?);
        let text = value(&self.metadata, key::PAGE_CRCS).zip(column());
        Some(text.and_then(|(text, at)| text.get(at.clone())).unwrap_or_default())
    }

    /// A part of the file's tail by its place in the file.
    fn tail_bytes(&self, range: Range<u64>) -> Option<&[u8]> {
        let start = usize::try_from(range.start.checked_sub(self.tail_at)?).ok()?;
        let end = usize::try_from(range.end.checked_sub(self.tail_at)?).ok()?;
        self.tail.get(start..end)
    }
}

/// Zeros.
fn absent(values: &mut Values, rows: usize) {
    match values {
        Values::U8(v) => v.resize(rows, 0),
        Values::U16(v) => v.resize(rows, 0),
        Values::U32(v) => v.resize(rows, 0),
        Values::U64(v) => v.resize(rows, 0),
        Values::Time(v) => v.resize(rows, 0),
        Values::Addr(v) => v.resize(rows, weir_flow::Addr::default()),
        Values::Bytes(v) => v.pad(rows),
    }
}

/// Parses the footer, which ends the bytes; `at` is their place in the file.
fn parse(path: &Path, tail: &Bytes, at: u64) -> Result<ParquetMetaData, Error> {
    let size = at + tail.len() as u64;
    // The Parquet crate may panic over a footer that is not what was written; for us that is a damaged file.
    let parsed = std::panic::catch_unwind(|| {
        let mut reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Skip);
        reader.try_parse_sized(tail, size)?;
        let metadata = reader.finish()?;
        // Asks what it would panic over later.
        let chunks = metadata.row_groups().iter().flat_map(RowGroupMetaData::columns);
        let outside =
            chunks.map(ColumnChunkMetaData::byte_range).any(|(start, len)| start.saturating_add(len) > size);
        if outside {
            Err(ParquetError::General("its footer names bytes outside of it".to_owned()))
        } else {
            Ok(metadata)
        }
    });
    let parsed =
        parsed.unwrap_or_else(|_| Err(ParquetError::General("its footer makes no sense".to_owned())));
    parsed.map_err(|error| Error::damaged(path, error))
}

/// Whether a column of a file can be read as ours.
fn matches(theirs: &parquet::schema::types::ColumnDescPtr, ours: Column) -> bool {
    let same = super::schema::column(theirs.name(), ours.kind(), false);
    same.is_ok_and(|same| same.get_physical_type() == theirs.physical_type())
        && theirs.max_rep_level() == 0
        && theirs.max_def_level() <= 1
}

/// What the footer says under this key.
fn value<'a>(metadata: &'a ParquetMetaData, key: &str) -> Option<&'a str> {
    let pairs = metadata.file_metadata().key_value_metadata();
    pairs?.iter().find(|pair| pair.key == key)?.value.as_deref()
}

/// Where the checksums of each column's pages stand, by row group.
fn parse_page_crcs(text: &str) -> Vec<Vec<Range<usize>>> {
    let mut at = 0;
    let mut column = |crcs: &str| {
        let start = at;
        at += crcs.len() + 1;
        start..start + crcs.len()
    };
    text.split(';').map(|group| group.split(',').map(&mut column).collect()).collect()
}

fn parse_places(text: &str) -> Option<Vec<Place>> {
    let place = |text: &str| {
        let mut parts = text.split(',');
        let (at, len) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        Some(Place { at, len, crc: u32::from_str_radix(parts.next()?, 16).ok()? })
    };
    text.split(';').filter(|text| !text.is_empty()).map(place).collect()
}

fn row_groups(metadata: &ParquetMetaData, places: &[Option<usize>; COUNT]) -> Option<Vec<RowGroup>> {
    let span = |group: usize, column: Column| {
        let place = (*places.get(column.index())?)?;
        match metadata.row_groups().get(group)?.columns().get(place)?.statistics()? {
            Statistics::Int64(s) => Some((*s.min_opt()?, *s.max_opt()?)),
            _ => None,
        }
    };
    let group = |at: usize| {
        let rows = usize::try_from(metadata.row_groups().get(at)?.num_rows()).ok()?;
        let (start, end) = (span(at, Column::Start)?, span(at, Column::End)?);
        Some(RowGroup { rows, start_min: start.0, start_max: start.1, end_min: end.0, end_max: end.1 })
    };
    (0..metadata.num_row_groups()).map(group).collect()
}
