//! The Parquet crate's own reader and writer against ours: each reads what the other wrote.

use super::schema;
use super::tests::{alike, all, large, segment};
use super::{Reader, write::key};
use crate::sample;
use parquet::basic::{Compression, ZstdLevel};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::file::metadata::{KeyValue, RowGroupMetaData};
use parquet::file::properties::{WriterProperties, WriterVersion};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use parquet::record::Field;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use weir_flow::batch::Value;
use weir_flow::schema::COLUMNS;
use weir_flow::{Addr, Batch};

/// A value as the Parquet crate's record reader shows it.
fn shown(value: Option<Value<'_>>) -> String {
    match value {
        None => "null".to_owned(),
        Some(Value::Time(ms)) => format!("time {ms}"),
        Some(Value::Addr(addr)) => format!("bytes {:?}", addr.natural()),
        Some(Value::Mac(mac)) => format!("bytes {:?}", mac.octets()),
        Some(Value::Unsigned(number)) => number.to_string(),
        Some(Value::Word(text)) => text.to_owned(),
        Some(Value::Name(text) | Value::Text(text)) => text.to_owned(),
        Some(Value::Elements(octets)) => format!("bytes {octets:?}"),
    }
}

fn theirs(field: &Field) -> String {
    match field {
        Field::Null => "null".to_owned(),
        Field::TimestampMillis(ms) => format!("time {ms}"),
        Field::Bytes(bytes) => format!("bytes {:?}", bytes.data()),
        Field::UByte(number) => number.to_string(),
        Field::UShort(number) => number.to_string(),
        Field::UInt(number) => number.to_string(),
        Field::ULong(number) => number.to_string(),
        Field::Str(text) => text.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_parquet_crate_reads_what_we_write() {
    is_read_by_the_parquet_crate(&[large(30_000), sample::tiny(7, 5)]);
    is_read_by_the_parquet_crate(&[alike(25_000)]);
    is_read_by_the_parquet_crate(&[alike(1)]);
}

fn is_read_by_the_parquet_crate(batches: &[Batch]) {
    let folder = TempDir::new().unwrap();
    let (path, file) = segment(&folder, batches);
    let ours = all(&Reader::open_checked(&path, None, &file).unwrap(), u64::MAX);
    let reader = SerializedFileReader::new(File::open(&path).unwrap()).unwrap();
    let mut rows = 0;
    let mut places = ours.iter().flat_map(|group| (0..group.len()).map(move |row| (group, row)));
    for record in reader.get_row_iter(None).unwrap() {
        let (record, (group, row)) = (record.unwrap(), places.next().unwrap());
        for ((name, field), definition) in record.get_column_iter().zip(&COLUMNS) {
            assert_eq!(name, definition.name);
            assert_eq!(theirs(field), shown(group.get(row, definition.column)), "row {rows}, {name}");
        }
        rows += 1;
    }
    assert_eq!(rows, batches.iter().map(Batch::len).sum::<usize>());
}

/// The Parquet crate's view of where the chunks of these columns lie, in each row group.
fn chunks(path: &Path, names: [&str; 2]) -> Vec<[(u64, u64); 2]> {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let groups = reader.metadata().row_groups().iter();
    let chunk = |group: &RowGroupMetaData, name: &str| {
        let chunk = group.columns().iter().find(|chunk| chunk.column_path().string() == name);
        chunk.unwrap().byte_range()
    };
    groups.map(|group| names.map(|name| chunk(group, name))).collect()
}

#[test]
fn columns_that_hold_the_same_are_written_once() {
    let folder = TempDir::new().unwrap();
    for names in [["octets", "measured_octets"], ["packets", "measured_packets"]] {
        let (path, _) = segment(&folder, &[alike(25_000)]);
        assert!(chunks(&path, names).iter().all(|[one, other]| one == other), "{names:?}");
        let (path, _) = segment(&folder, &[large(25_000)]);
        assert!(chunks(&path, names).iter().all(|[one, other]| one.0 + one.1 <= other.0), "{names:?}");
    }
}

/// Writes a batch with the Parquet crate's writer.
fn write_theirs(path: &Path, batch: &Batch, properties: WriterProperties) {
    let descriptor = schema::descriptor().unwrap();
    let file = File::create(path).unwrap();
    let mut writer =
        SerializedFileWriter::new(file, descriptor.root_schema_ptr(), Arc::new(properties)).unwrap();
    let mut group = writer.next_row_group().unwrap();
    for definition in &COLUMNS {
        let values: Vec<Option<Value<'_>>> =
            (0..batch.len()).map(|row| batch.get(row, definition.column)).collect();
        let levels: Vec<i16> = values.iter().map(|v| i16::from(v.is_some())).collect();
        let there = || values.iter().flatten();
        let number = |value: &Value<'_>| match value {
            Value::Unsigned(number) => number.cast_signed(),
            Value::Time(ms) => *ms,
            other => panic!("{other:?}"),
        };
        let bytes = |value: &Value<'_>| match value {
            Value::Addr(addr) => ByteArray::from(addr.natural()),
            Value::Mac(mac) => ByteArray::from(&mac.octets()[..]),
            Value::Word(text) => ByteArray::from(*text),
            Value::Name(text) | Value::Text(text) => ByteArray::from(*text),
            Value::Elements(octets) => ByteArray::from(*octets),
            other => panic!("{other:?}"),
        };
        let mut column = group.next_column().unwrap().unwrap();
        #[expect(clippy::cast_possible_truncation, reason = "such columns hold at most 32 bits")]
        let written = match column.untyped() {
            ColumnWriter::Int32ColumnWriter(w) => {
                w.write_batch(&there().map(|v| number(v) as i32).collect::<Vec<_>>(), Some(&levels), None)
            }
            ColumnWriter::Int64ColumnWriter(w) => {
                w.write_batch(&there().map(number).collect::<Vec<_>>(), Some(&levels), None)
            }
            ColumnWriter::ByteArrayColumnWriter(w) => {
                w.write_batch(&there().map(bytes).collect::<Vec<_>>(), Some(&levels), None)
            }
            _ => panic!("no such columns"),
        };
        assert_eq!(written.unwrap(), there().count());
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.append_key_value_metadata(KeyValue::new(key::FORMAT.to_owned(), "1".to_owned()));
    writer.close().unwrap();
}

#[test]
fn we_read_what_the_parquet_crate_writes() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("theirs.parquet");
    let batch = large(20_000);
    let zstd = Compression::ZSTD(ZstdLevel::try_new(3).unwrap());
    let builder = || WriterProperties::builder().set_data_page_row_count_limit(3_000);
    let cases = [
        builder().build(),
        builder().set_compression(zstd).build(),
        // Dictionaries that overflow in the middle of a chunk, pages after them PLAIN.
        builder().set_compression(zstd).set_dictionary_page_size_limit(2_000).build(),
        builder().set_dictionary_enabled(false).build(),
        // Pages of version 2, and the encodings that come with them where weir reads them.
        builder().set_writer_version(WriterVersion::PARQUET_2_0).set_compression(zstd).build(),
    ];
    for (case, properties) in cases.into_iter().enumerate() {
        write_theirs(&path, &batch, properties);
        let reader = Reader::open(&path).unwrap();
        let got = reader.read_all(0, u64::MAX).unwrap();
        assert_eq!(sample::rows(&got), sample::rows(&batch), "case {case}");
        let part = [5_000..5_010, 17_999..18_001];
        let rows: Vec<u32> = (5_000..5_010).chain(17_999..18_001).collect();
        assert_eq!(
            sample::rows(&reader.read(0, u64::MAX, &part).unwrap()),
            sample::rows(&batch.gather(&rows))
        );
        let addrs: Vec<Addr> = got.addrs(weir_flow::Column::DstAddr).to_vec();
        assert_eq!(addrs, batch.addrs(weir_flow::Column::DstAddr));
    }
}

#[test]
fn an_encoding_that_we_do_not_read_is_named() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("theirs.parquet");
    let properties = WriterProperties::builder()
        .set_dictionary_enabled(false)
        .set_column_encoding("octets".into(), parquet::basic::Encoding::DELTA_BINARY_PACKED)
        .build();
    write_theirs(&path, &large(100), properties);
    let error = Reader::open(&path).unwrap().read_all(0, weir_flow::Column::Octets.bit()).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("theirs.parquet is damaged: column octets") && text.contains("DELTA_BINARY_PACKED"),
        "{text}"
    );
}
