//! Rows come back from segments as they were; ranges and pages agree with whole reads; a flipped bit is an error.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::single_range_in_vec_init,
    reason = "numbers here are small, and single ranges are meant"
)]

use super::*;
use crate::disk::Disk;
use crate::journal::Maker;
use crate::manifest::SegmentFile;
use crate::sample;
use proptest::prelude::*;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use tempfile::TempDir;
use weir_flow::schema::{COLUMNS, Column};
use weir_flow::{Addr, Batch, Spare};

/// Writes batches as a segment.
pub(super) fn segment(folder: &TempDir, batches: &[Batch]) -> (PathBuf, SegmentFile) {
    let frames = batches.iter().map(|b| Maker::new().frame(0, b).unwrap());
    let disk = Disk::new(folder.path());
    let file = write(&disk, "flows/day/1-0.parquet", &Rows::new(frames.collect())).unwrap();
    (disk.path(&file.name), file)
}

pub(super) fn all(reader: &Reader, columns: u64) -> Vec<Batch> {
    (0..reader.row_groups().len()).map(|group| reader.read_all(group, columns).unwrap()).collect()
}

/// Many rows of few and of many distinct values, with gaps, so that there are several pages and row groups.
pub(super) fn large(rows: usize) -> Batch {
    let mut batch = Batch::new();
    batch.set_names((0..50).map(|i| format!("tenant{i:02}").into()).collect());
    let mut state = 1u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    let mask = !Column::NextHop.bit() & !Column::SrcMac.bit();
    batch.extend_rows(rows, mask);
    for i in 0..rows {
        let wide = random();
        for definition in &COLUMNS {
            let number = match definition.column {
                Column::Octets | Column::SrcPort | Column::DstMac => random(),
                Column::Tenant | Column::PeerTenant => random() % 50,
                Column::TimeSource | Column::SamplingSource | Column::Direction | Column::FlowDirection => {
                    random() % 2
                }
                Column::ProtocolVersion => 3,
                _ => random() % 4,
            };
            match batch.values_mut(definition.column) {
                weir_flow::Values::U8(v) => v.push(number as u8),
                weir_flow::Values::U16(v) => v.push(number as u16),
                weir_flow::Values::U32(v) => v.push(number as u32),
                weir_flow::Values::U64(v) => v.push(number),
                weir_flow::Values::Time(v) => {
                    v.push(1_780_000_000_000 + i as i64 * 7 + (number as i64 & 1023));
                }
                weir_flow::Values::Addr(v) if number == 3 => v.push(Addr::from_bits(u128::from(wide) << 90)),
                weir_flow::Values::Addr(v) => v.push(Addr::v4([10, 0, (wide >> 8) as u8 & 3, wide as u8])),
                // Applications are few, users are many, what else there is differs in every row.
                weir_flow::Values::Bytes(v) => {
                    let text = match definition.column {
                        Column::Application => format!("application {number}"),
                        Column::User => format!("user {wide}"),
                        _ => format!("{wide} {number}"),
                    };
                    assert!(v.push(text.as_bytes()));
                }
            }
        }
        if random() % 3 == 0 {
            batch.present_mut()[i] &=
                !(Column::Octets.bit() | Column::Tenant.bit() | Column::Host.bit() | Column::DstPort.bit());
        }
    }
    batch.seal();
    batch
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(weir_testkit::cases(48)))]
    #[test]
    fn rows_come_back_as_they_were(batches in prop::collection::vec(sample::batch(30), 1..4)) {
        let folder = TempDir::new().unwrap();
        let (path, file) = segment(&folder, &batches);
        let reader = Reader::open_checked(&path, None, &file).unwrap();
        prop_assert_eq!(sample::sorted(&all(&reader, u64::MAX)), sample::sorted(&batches));
        let rows: u64 = batches.iter().map(|b| b.len() as u64).sum();
        let sum = |column: Column| batches.iter().flat_map(|b| (0..b.len()).filter_map(move |r| b.get(r, column))).map(|v| match v {
            weir_flow::batch::Value::Unsigned(v) => u128::from(v),
            _ => 0,
        }).sum::<u128>();
        let totals = crate::Totals { rows, octets: sum(Column::Octets), packets: sum(Column::Packets) };
        prop_assert_eq!(file.totals, totals);
        prop_assert_eq!(reader.totals(), totals);
        // Opened without the manifest it is the same.
        let reader = Reader::open(&path).unwrap();
        prop_assert_eq!(sample::sorted(&all(&reader, u64::MAX)), sample::sorted(&batches));
    }
}

#[test]
fn row_groups_are_cut_by_time_and_sorted_by_direction_tenant_and_host() {
    let folder = TempDir::new().unwrap();
    let batch = large(300_000);
    let (path, file) = segment(&folder, std::slice::from_ref(&batch));
    let reader = Reader::open_checked(&path, None, &file).unwrap();
    let groups = reader.row_groups();
    assert_eq!(groups.iter().map(|g| g.rows).collect::<Vec<_>>(), [150_000, 150_000]);
    assert!(groups[0].start_max <= groups[1].start_min);
    assert_eq!((groups[0].start_min, groups[1].start_max), file.start);
    for (i, group) in groups.iter().enumerate() {
        let batch = reader.read_all(i, u64::MAX).unwrap();
        let key = |row: usize| {
            let tenant = match batch.get(row, Column::Tenant) {
                Some(weir_flow::batch::Value::Name(name)) => (false, name.to_owned()),
                _ => (true, String::new()),
            };
            let by = if tenant.0 { Column::SrcAddr } else { Column::Host };
            let addr = batch.is_present(row, by).then(|| batch.addrs(by)[row]);
            let direction = batch.get(row, Column::Direction).map(|_| batch.u8s(Column::Direction)[row]);
            (direction.is_none(), direction, tenant, addr, batch.times(Column::Start)[row])
        };
        assert!((1..group.rows).all(|row| key(row - 1) <= key(row)));
    }
    assert_eq!(sample::sorted(&all(&reader, u64::MAX)), sample::sorted([&batch]));
}

/// Rows of which measured octets and packets are those scaled, of which one word and one address are the same in
/// all rows that have them, and of which octets are too wild to be compressed.
pub(super) fn alike(rows: usize) -> Batch {
    let mut batch = large(rows);
    for (column, from) in
        [(Column::MeasuredOctets, Column::Octets), (Column::MeasuredPackets, Column::Packets)]
    {
        let numbers = batch.u64s(from).to_vec();
        *batch.u64s_mut(column) = numbers;
        for mask in batch.present_mut() {
            *mask = if *mask & from.bit() != 0 { *mask | column.bit() } else { *mask & !column.bit() };
        }
    }
    batch.u8s_mut(Column::FlowDirection).fill(1);
    batch.addrs_mut(Column::NextHop).fill(Addr::v4([10, 9, 8, 7]));
    batch.u16s_mut(Column::SrcVlan).fill(7);
    for (row, mask) in batch.present_mut().iter_mut().enumerate() {
        *mask |= Column::SrcVlan.bit() | if row % 3 == 0 { Column::NextHop.bit() } else { 0 };
    }
    batch
}

#[test]
fn columns_that_are_the_same_and_columns_of_one_value_come_back() {
    let folder = TempDir::new().unwrap();
    // No row, one, a page's, and one more.
    for rows in [0, 1, 7, 8_192, 8_193] {
        let batch = alike(rows);
        let (path, file) = segment(&folder, std::slice::from_ref(&batch));
        let reader = Reader::open_checked(&path, None, &file).unwrap();
        assert_eq!(sample::sorted(&all(&reader, u64::MAX)), sample::sorted([&batch]), "{rows} rows");
        let sum = |column: Column| {
            let there = (0..rows).filter(|row| batch.is_present(*row, column));
            there.map(|row| u128::from(batch.u64s(column)[row])).sum::<u128>()
        };
        assert_eq!((file.totals.octets, file.totals.packets), (sum(Column::Octets), sum(Column::Packets)));
    }
}

#[test]
fn any_ranges_read_what_a_whole_read_has_there() {
    let folder = TempDir::new().unwrap();
    let (path, file) = segment(&folder, &[large(50_000)]);
    let reader = Reader::open_checked(&path, None, &file).unwrap();
    let whole = reader.read_all(0, u64::MAX).unwrap();
    let cases: &[&[Range<usize>]] = &[
        &[],
        &[0..1],
        &[49_999..50_000],
        &[20_479..20_481],
        &[5..5, 7..9, 8_192..8_192, 30_000..30_001],
        &[0..8_192, 16_384..50_000],
        &[100..200, 200..300, 45_000..99_999],
        &[60_000..70_000],
    ];
    // Each into the memory of the one before, by the dictionaries that the one before met.
    let mut spare = Spare::default();
    for ranges in cases {
        let part = reader.read_into(0, u64::MAX, ranges, &mut spare).unwrap();
        let rows: Vec<u32> =
            ranges.iter().flat_map(|r| r.start.min(50_000) as u32..r.end.min(50_000) as u32).collect();
        assert_eq!(sample::rows(&part), sample::rows(&whole.gather(&rows)), "{ranges:?}");
        spare.put(part);
    }
    let some = Column::DstAddr.bit() | Column::Octets.bit();
    let part = reader.read(0, some, &[30_000..30_010]).unwrap();
    assert!(part.is_loaded(Column::Octets) && !part.is_loaded(Column::SrcAddr));
    for row in 0..10 {
        assert_eq!(part.get(row, Column::Octets), whole.get(30_000 + row, Column::Octets));
        assert_eq!(part.get(row, Column::DstAddr), whole.get(30_000 + row, Column::DstAddr));
        assert_eq!(part.get(row, Column::SrcAddr), None);
    }
}

#[test]
fn page_bounds_hold_every_value_and_are_tight() {
    let folder = TempDir::new().unwrap();
    let (path, file) = segment(&folder, &[large(50_000)]);
    let reader = Reader::open_checked(&path, None, &file).unwrap();
    let batch = reader.read_all(0, u64::MAX).unwrap();
    for definition in &COLUMNS {
        let column = definition.column;
        if column == Column::Other {
            assert_eq!(reader.page_ranges(0, column), None);
            continue;
        }
        let pages = reader.page_ranges(0, column).unwrap();
        // A column whose rows are all alike is one page.
        let alike = pages.len() == 1 && pages[0].min == pages[0].max;
        assert!(
            alike || pages.len() == 7 && pages.iter().all(|p| p.rows.len() <= 8_192),
            "{}",
            definition.name
        );
        assert_eq!(pages.iter().map(|p| p.rows.len()).sum::<usize>(), 50_000);
        for page in &pages {
            let values: Vec<Bound> =
                page.rows.clone().filter_map(|row| batch.get(row, column)).map(bound).collect();
            assert_eq!(page.nulls, Some(page.rows.len() - values.len()), "{}", definition.name);
            assert_eq!(page.all_null, values.is_empty());
            let (min, max) = (values.iter().min(), values.iter().max());
            let mixed = matches!(min, Some(Bound::Addr(a)) if a.is_v4())
                && matches!(max, Some(Bound::Addr(a)) if !a.is_v4());
            if mixed {
                assert!(page.min.as_ref() <= min && page.max.as_ref() >= max, "{}", definition.name);
            } else {
                assert_eq!((page.min.as_ref(), page.max.as_ref()), (min, max), "{}", definition.name);
            }
        }
    }
}

#[test]
fn long_strings_are_cut_into_small_pages_and_come_back() {
    let folder = TempDir::new().unwrap();
    let mut batch = Batch::new();
    // Few long ones that differ, many that repeat, gaps, and a run of short ones.
    for i in 0..4_000u32 {
        let mut row = weir_flow::batch::RowBuilder::new();
        for definition in COLUMNS.iter().filter(|d| weir_flow::batch::ALWAYS & d.column.bit() != 0) {
            row = match definition.kind {
                weir_flow::schema::Kind::Time => row.time(definition.column, i.into()),
                weir_flow::schema::Kind::Addr => row.addr(definition.column, Addr::v4([192, 0, 2, 1])),
                _ => row.unsigned(definition.column, 0),
            };
        }
        if i % 3 != 0 {
            let octets = [&i.to_be_bytes()[..], &vec![7; if i % 100 == 1 { 60_000 } else { 50 }]].concat();
            row = row.octets(Column::Other, &octets);
        }
        let text = "x".repeat(if i % 2 == 0 { 60_000 } else { 3 });
        if i < 200 {
            row = row.octets(Column::Application, text.as_bytes());
        }
        row.push(&mut batch);
    }
    let (path, file) = segment(&folder, std::slice::from_ref(&batch));
    let reader = Reader::open_checked(&path, None, &file).unwrap();
    assert_eq!(sample::sorted(&all(&reader, u64::MAX)), sample::sorted([&batch]));
    let some = [150..160, 2_900..2_950];
    let rows: Vec<u32> = (150..160).chain(2_900..2_950).collect();
    let whole = reader.read_all(0, u64::MAX).unwrap();
    assert_eq!(sample::rows(&reader.read(0, u64::MAX, &some).unwrap()), sample::rows(&whole.gather(&rows)));
    // Bounds of text are short and hold the text.
    let pages = reader.page_ranges(0, Column::Application).unwrap();
    let Some(Bound::Text(min)) = &pages[0].min else { panic!("{pages:?}") };
    let Some(Bound::Text(max)) = &pages[0].max else { panic!("{pages:?}") };
    assert_eq!((&**min, &**max), ("xxx", format!("{}y", "x".repeat(63)).as_str()));
    // By the Parquet crate: no page is much larger than 1 MiB.
    use parquet::file::reader::FileReader;
    let theirs =
        parquet::file::reader::SerializedFileReader::new(std::fs::File::open(&path).unwrap()).unwrap();
    let group = theirs.get_row_group(0).unwrap();
    let mut pages = group.get_column_page_reader(Column::Other.index()).unwrap();
    let mut sizes = Vec::new();
    while let Some(page) = pages.get_next_page().unwrap() {
        sizes.push(page.buffer().len());
    }
    assert!(sizes.len() == 2 && sizes.iter().all(|len| *len <= (1 << 20) + 1_000), "{sizes:?}");
}

fn bound(value: weir_flow::batch::Value<'_>) -> Bound {
    use weir_flow::batch::Value;
    match value {
        Value::Time(ms) => Bound::Time(ms),
        Value::Addr(addr) => Bound::Addr(addr),
        Value::Mac(mac) => Bound::Unsigned(mac.0),
        Value::Unsigned(v) => Bound::Unsigned(v),
        Value::Word(word) => Bound::Text(word.into()),
        Value::Name(text) | Value::Text(text) => Bound::Text(text.into()),
        Value::Elements(_) => panic!("elements have no bounds"),
    }
}

#[test]
fn a_flipped_bit_anywhere_is_an_error_or_changes_nothing() {
    let folder = TempDir::new().unwrap();
    let (path, file) = segment(&folder, &[sample::tiny(1, 5), sample::tiny(2, 6)]);
    let bytes = std::fs::read(&path).unwrap();
    let truth = all(&Reader::open_checked(&path, None, &file).unwrap(), u64::MAX);
    let mut seen = 0;
    let on_disk = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    for (at, byte) in bytes.iter().enumerate() {
        on_disk.write_all_at(&[byte ^ 1 << (at % 8)], at as u64).unwrap();
        match Reader::open_checked(&path, None, &file)
            .and_then(|r| r.networks(0).and_then(|_| r.read_all(0, u64::MAX)))
        {
            // Only the mark at the file's beginning is never read.
            Ok(batch) => assert!(at < 4 && sample::rows(&batch) == sample::rows(&truth[0]), "byte {at}"),
            Err(error) => {
                assert_eq!(error.path, path);
                assert!(matches!(error.what, crate::What::Damaged(_)), "byte {at}: {error}");
                seen += 1;
            }
        }
        on_disk.write_all_at(&[*byte], at as u64).unwrap();
    }
    assert_eq!(seen, bytes.len() - 4);
    for len in (0..bytes.len()).rev() {
        on_disk.set_len(len as u64).unwrap();
        assert!(Reader::open_checked(&path, None, &file).is_err());
        assert!(Reader::open(&path).is_err(), "cut to {len}");
    }
}

#[test]
fn a_footer_with_any_byte_changed_is_no_panic_without_the_manifest_either() {
    let folder = TempDir::new().unwrap();
    let (path, file) = segment(&folder, &[sample::tiny(1, 5)]);
    let bytes = std::fs::read(&path).unwrap();
    let tail = usize::try_from(file.bytes - file.tail_bytes).unwrap();
    for at in (tail..bytes.len()).step_by(3) {
        let mut changed = bytes.clone();
        changed[at] ^= 0xff;
        std::fs::write(&path, &changed).unwrap();
        if let Ok(reader) = Reader::open(&path) {
            let _ = reader.read_all(0, u64::MAX);
            COLUMNS.iter().for_each(|d| drop(reader.page_ranges(0, d.column)));
        }
    }
}

#[test]
fn every_address_is_in_the_rows_that_the_networks_say() {
    let folder = TempDir::new().unwrap();
    let batch = large(70_000);
    let (path, file) = segment(&folder, std::slice::from_ref(&batch));
    let reader = Reader::open_checked(&path, None, &file).unwrap();
    let (blocks, rows) = (reader.networks(0).unwrap().unwrap(), reader.read_all(0, u64::MAX).unwrap());
    let columns = [Column::SrcAddr, Column::DstAddr, Column::NatSrcAddr, Column::NatDstAddr, Column::Host];
    assert_eq!(columns.iter().fold(0, |mask, column| mask | column.bit()), crate::segment::NETWORK_COLUMNS);
    let mut held = 0;
    for row in (0..rows.len()).step_by(101) {
        for column in columns.into_iter().filter(|column| rows.is_present(row, *column)) {
            let addr = rows.addrs(column)[row];
            let spans = blocks.rows(addr, addr).unwrap();
            assert!(spans.iter().any(|span| span.contains(&row)), "{addr} of {} in {spans:?}", column.name());
            held += 1;
        }
    }
    assert!(held > 1_000);
}
