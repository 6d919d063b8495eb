//! Writes a segment: where addresses are and all column chunks are made on two threads, then written in the order of the file.

use super::chunk::{Encoder, Input, Pick, Slice};
use super::dense::Dense;
use super::file::FileWriter;
use super::networks::{Networks, Said};
use super::pages::Chunk;
use super::present::Present;
use super::rows::{Group, Rows};
use super::schema;
use crate::disk::{Disk, Sink};
use crate::manifest::{Hex, SegmentFile};
use crate::{Error, Totals};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::statistics::Statistics;
use parquet::schema::types::SchemaDescriptor;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use weir_flow::batch::ALWAYS;
use weir_flow::schema::{COLUMNS, COUNT, Column, Kind};

/// Keys of what we say in a file's footer.
pub(crate) mod key {
    /// The version of the segment format.
    pub(crate) const FORMAT: &str = "weir.segment";
    /// Sums over the file, as JSON ([`crate::Totals`]).
    pub(crate) const TOTALS: &str = "weir.totals";
    /// CRC-32C of every page: row groups separated by `;`, columns by `,`, eight hexadecimal digits a page.
    pub(crate) const PAGE_CRCS: &str = "weir.page_crc32c";
    /// Where the lists of runs are: place, length and CRC-32C (hexadecimal), row groups separated by `;`.
    pub(crate) const RUNS: &str = "weir.host_runs";
    /// Where the blocks of networks are that runs do not tell, in the same form.
    pub(crate) const OTHERS: &str = "weir.other_networks";
    /// Where the lists of far ends are, in the same form.
    pub(crate) const FAR: &str = "weir.far_ends";
    /// Where the blocks of all networks are, in files without runs, in the same form.
    pub(crate) const NETWORKS: &str = "weir.networks";
}

/// The version of the segment format that this program writes.
pub(crate) const FORMAT: &str = "1";

/// Columns that mostly hold the same, where nothing is sampled: then they are encoded and written once.
const TWINS: [(Column, Column); 2] =
    [(Column::Octets, Column::MeasuredOctets), (Column::Packets, Column::MeasuredPackets)];

/// Columns are encoded on so many threads.
const THREADS: usize = 2;

/// Writes the rows as the segment of this name. Returns what the manifest is to say of it.
pub(crate) fn write(disk: &Disk, name: &str, rows: &Rows) -> Result<SegmentFile, Error> {
    let mut tail = (0, 0);
    let mut sums = Summary::default();
    let written = disk.create(name, |sink, path| {
        let failed = |e: ParquetError| parquet_error(path, e);
        let descriptor = schema::descriptor().map_err(failed)?;
        let encoded = encode_all(rows, &descriptor).map_err(failed)?;
        sums = encoded.summary;
        tail = write_file(sink, encoded, descriptor).map_err(failed)?;
        Ok(())
    })?;
    Ok(SegmentFile {
        name: name.to_owned(),
        bytes: written.bytes,
        crc32c: Hex(written.crc),
        tail_bytes: tail.0,
        tail_crc32c: Hex(tail.1),
        totals: sums.totals,
        start: sums.start,
        end: sums.end,
        received: sums.received,
    })
}

/// An error of the Parquet writer; one of the disk underneath stays what it is.
pub(crate) fn parquet_error(path: &Path, error: ParquetError) -> Error {
    match error {
        ParquetError::External(source) => match source.downcast::<std::io::Error>() {
            Ok(io) => Error::io(path, "write", *io),
            Err(other) => Error::damaged(path, other),
        },
        other => Error::damaged(path, other),
    }
}

/// What the manifest says of a segment.
#[derive(Clone, Copy, Debug, Default)]
struct Summary {
    totals: Totals,
    start: (i64, i64),
    end: (i64, i64),
    received: (i64, i64),
}

impl Summary {
    /// Takes in a column.
    fn add(&mut self, column: Column, chunks: &[Chunk]) {
        let sum = || chunks.iter().map(|chunk| chunk.sum).sum();
        let span = || {
            let spans = chunks.iter().filter_map(|chunk| match chunk.close.metadata.statistics()? {
                Statistics::Int64(times) => Some((*times.min_opt()?, *times.max_opt()?)),
                _ => None,
            });
            spans.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))).unwrap_or_default()
        };
        match column {
            Column::Octets => self.totals.octets = sum(),
            Column::Packets => self.totals.packets = sum(),
            Column::Start => self.start = span(),
            Column::End => self.end = span(),
            Column::Received => self.received = span(),
            _ => {}
        }
    }
}

/// Chunks by row group, then by column.
type Chunks = Vec<Vec<Option<Chunk>>>;

/// What becomes of the rows.
#[derive(Default)]
struct Encoded {
    chunks: Chunks,
    /// Where addresses are, by row group.
    networks: Vec<Said>,
    summary: Summary,
}

impl Encoded {
    fn take(&mut self, column: Column, chunks: Vec<Chunk>) {
        for (group, chunk) in self.chunks.iter_mut().zip(chunks) {
            if let Some(slot) = group.get_mut(column.index()) {
                *slot = Some(chunk);
            }
        }
    }
}

/// Encodes every column, each in all row groups, on [`THREADS`] threads.
fn encode_all(rows: &Rows, descriptor: &SchemaDescriptor) -> Result<Encoded, ParquetError> {
    let next = AtomicUsize::new(0);
    let chunks = rows.groups.iter().map(|_| (0..COUNT).map(|_| None).collect()).collect();
    let mut empty = Encoded { chunks, ..Encoded::default() };
    empty.summary.totals.rows = rows.len() as u64;
    let done: Mutex<Result<Encoded, ParquetError>> = Mutex::new(Ok(empty));
    let equal = TWINS.iter().filter(|(of, twin)| rows.are_equal(*of, *twin));
    let twins: Vec<Column> = equal.map(|(_, twin)| *twin).collect();
    let work = || {
        let mut encoder = match Encoder::new() {
            Ok(encoder) => encoder,
            Err(error) => return fail(&done, error),
        };
        let mut dense = Dense::default();
        loop {
            // Before the columns come the networks: they take longest, and nobody is to wait for them in the end.
            let Some(place) = next.fetch_add(1, Ordering::Relaxed).checked_sub(1) else {
                take_networks(rows, &done);
                continue;
            };
            let Some(definition) = COLUMNS.get(place) else { return };
            let column = definition.column;
            // A twin's chunks come with those it is the same as.
            let chunks = match twins.contains(&column) {
                true => Ok(Vec::new()),
                false => encode_one(&mut encoder, &mut dense, rows, column, descriptor),
            };
            let twin = TWINS.iter().find(|(of, twin)| *of == column && twins.contains(twin));
            let chunks = chunks.and_then(|chunks| Ok((twin_chunks(twin, &chunks, descriptor)?, chunks)));
            let (twin_chunks, chunks) = match chunks {
                Ok(chunks) => chunks,
                Err(error) => return fail(&done, error),
            };
            let Ok(mut done) = done.lock() else { return };
            let Ok(encoded) = &mut *done else { return };
            if let Some((_, twin)) = twin {
                encoded.take(*twin, twin_chunks);
            }
            encoded.summary.add(column, &chunks);
            encoded.take(column, chunks);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..THREADS {
            scope.spawn(work);
        }
        work();
    });
    done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Adds where addresses are.
fn take_networks(rows: &Rows, done: &Mutex<Result<Encoded, ParquetError>>) {
    let networks = Networks::new(rows);
    match rows.groups.iter().map(|group| networks.of(group)).collect() {
        Ok(said) => {
            if let Ok(mut done) = done.lock()
                && let Ok(encoded) = &mut *done
            {
                encoded.networks = said;
            }
        }
        Err(error) => fail(done, error),
    }
}

/// The chunks of the column that holds the same as these, if one does.
fn twin_chunks(
    twin: Option<&(Column, Column)>,
    chunks: &[Chunk],
    descriptor: &SchemaDescriptor,
) -> Result<Vec<Chunk>, ParquetError> {
    let Some((_, twin)) = twin else { return Ok(Vec::new()) };
    let descriptor = descriptor.column(twin.index());
    chunks.iter().map(|chunk| chunk.twin(&descriptor)).collect()
}

/// Encodes a column in all row groups.
pub(super) fn encode_one(
    encoder: &mut Encoder,
    dense: &mut Dense,
    rows: &Rows,
    column: Column,
    descriptor: &SchemaDescriptor,
) -> Result<Vec<Chunk>, ParquetError> {
    let descriptor = descriptor.column(column.index());
    let nullable = descriptor.max_def_level() > 0;
    let mut encode = |group: &Group, values: Slice<'_>, pick: Pick<'_>| {
        let masks = rows.present.get(group.rows.clone()).unwrap_or_default();
        let present = Present::new(masks, column.bit(), nullable, (group.any, group.all));
        let input = Input { kind: column.kind(), values, pick, present, names: &rows.names };
        encoder.encode(&input, &descriptor)
    };
    if matches!(column.kind(), Kind::Text | Kind::Elements) {
        // Of strings, one row group after the other is brought together.
        let strings =
            |group: &Group| encode(group, Slice::Bytes(&rows.strings(column, &group.rows)), Pick::Each);
        return rows.groups.iter().map(strings).collect();
    }
    let (values, constant) = dense.column(rows, column);
    let order = |group: &Group| match constant {
        true => Pick::First,
        false => Pick::Order(rows.order.get(group.rows.clone()).unwrap_or_default()),
    };
    rows.groups.iter().map(|group| encode(group, values, order(group))).collect()
}

/// Notes the first failure.
fn fail<T>(done: &Mutex<Result<T, ParquetError>>, error: ParquetError) {
    if let Ok(mut done) = done.lock()
        && done.is_ok()
    {
        *done = Err(error);
    }
}

/// Writes the chunks, where addresses are, and the footer; returns the length and checksum of what follows them.
fn write_file(
    sink: &mut Sink,
    encoded: Encoded,
    descriptor: SchemaDescriptor,
) -> Result<(u64, u32), ParquetError> {
    let mut tail = Tail { sink, counting: None };
    let mut file = FileWriter::new(&mut tail, Arc::new(descriptor))?;
    let mut crcs = Vec::new();
    for group in encoded.chunks {
        let chunks: Vec<Chunk> = group.into_iter().flatten().collect();
        let column = |chunk: &Chunk| chunk.page_crcs.iter().map(|c| format!("{c:08x}")).collect::<String>();
        crcs.push(chunks.iter().map(column).collect::<Vec<_>>().join(","));
        file.group(chunks)?;
    }
    let (mut runs, mut others, mut far) = (Vec::new(), Vec::new(), Vec::new());
    for said in &encoded.networks {
        for (bytes, places) in [(&said.runs, &mut runs), (&said.others, &mut others), (&said.far, &mut far)] {
            let place = file.append(bytes)?;
            places.push(format!("{place},{},{:08x}", bytes.len(), crc32c::crc32c(bytes)));
        }
    }
    let totals = serde_json::to_string(&encoded.summary.totals);
    let totals = totals.map_err(|e| ParquetError::General(e.to_string()))?;
    let pairs = [
        (key::FORMAT, FORMAT.to_owned()),
        (key::TOTALS, totals),
        (key::PAGE_CRCS, crcs.join(";")),
        (key::RUNS, runs.join(";")),
        (key::OTHERS, others.join(";")),
        (key::FAR, far.join(";")),
    ];
    let pairs = pairs.map(|(key, value)| KeyValue::new(key.to_owned(), value));
    file.finish(pairs.into(), |tail| tail.counting = Some((0, 0)))?;
    Ok(tail.counting.unwrap_or_default())
}

/// Passes bytes on, and counts and sums those of the file's tail.
struct Tail<'a> {
    sink: &'a mut Sink,
    counting: Option<(u64, u32)>,
}

impl Write for Tail<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.sink.write(bytes)?;
        if let Some((len, crc)) = &mut self.counting {
            let part = bytes.get(..written).unwrap_or_default();
            *len += written as u64;
            *crc = crc32c::crc32c_append(*crc, part);
        }
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.sink.flush()
    }
}

/// Whether a mask has all that every stored row has.
pub(crate) fn is_complete(mask: u64) -> bool {
    mask & ALWAYS == ALWAYS
}
