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
    // Of each half two directions.
    let halves: Vec<&[RowGroup]> = groups.chunks(2).collect();
    let rows = |half: &[RowGroup]| half.iter().map(|group| group.rows).sum::<usize>();
    assert_eq!(halves.iter().map(|half| rows(half)).collect::<Vec<_>>(), [150_000, 150_000]);
    let last = halves[0].iter().map(|group| group.start_max).max();
    let first = halves[1].iter().map(|group| group.start_min).min();
    assert!(groups.len() == 4 && last <= first);
    let starts =
        groups.iter().map(|group| group.start_min).min().zip(groups.iter().map(|g| g.start_max).max());
    assert_eq!(starts, Some(file.start));
    for (i, group) in groups.iter().enumerate() {
        let batch = reader.read_all(i, u64::MAX).unwrap();
        let direction = u64::try_from(i % 2).unwrap();
        assert!((0..group.rows).all(|row| u64::from(batch.u8s(Column::Direction)[row]) == direction));
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

#[test]
fn directions_with_few_rows_share_a_row_group() {
    let folder = TempDir::new().unwrap();
    let rows_of = |counts: [usize; 4]| {
        let mut batch = large(counts.iter().sum());
        let directions =
            (0u8..).zip(counts).flat_map(|(direction, count)| std::iter::repeat_n(direction, count));
        batch.u8s_mut(Column::Direction).copy_from_slice(&directions.collect::<Vec<_>>());
        let (path, file) = segment(&folder, std::slice::from_ref(&batch));
        let reader = Reader::open_checked(&path, None, &file).unwrap();
        assert_eq!(sample::sorted(&all(&reader, u64::MAX)), sample::sorted([&batch]));
        reader.row_groups().iter().map(|group| group.rows).collect::<Vec<_>>()
    };
    assert_eq!(rows_of([100, 10, 200, 5]), [100, 215]);
    assert_eq!(rows_of([5, 100, 0, 64]), [105, 64]);
    assert_eq!(rows_of([63, 1, 63, 0]), [127]);
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
    assert_eq!(reader.row_groups().iter().map(|group| group.rows).sum::<usize>(), 50_000);
    (0..reader.row_groups().len()).for_each(|group| page_bounds_of(&reader, group));
}

fn page_bounds_of(reader: &Reader, group: usize) {
    let batch = reader.read_all(group, u64::MAX).unwrap();
    for definition in &COLUMNS {
        let column = definition.column;
        if column == Column::Other {
            assert_eq!(reader.page_ranges(group, column), None);
            continue;
        }
        let pages = reader.page_ranges(group, column).unwrap();
        // A column whose rows are all alike is one page.
        let alike = pages.len() == 1 && pages[0].min == pages[0].max;
        assert!(
            alike
                || pages.len() == batch.len().div_ceil(8_192) && pages.iter().all(|p| p.rows.len() <= 8_192),
            "{}",
            definition.name
        );
        assert_eq!(pages.iter().map(|p| p.rows.len()).sum::<usize>(), batch.len());
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
            .and_then(|r| r.networks(0).and(r.runs(0)).and(r.far_ends(0)).and(r.read_all(0, u64::MAX)))
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

/// What a segment says of an address in a column is true of every row: where it may be, and where it is in all rows.
fn check_places(reader: &Reader, asked: &[Addr]) -> (usize, usize) {
    let (mut held, mut certain) = (0, 0);
    for group in 0..reader.row_groups().len() {
        let (runs, others) = (reader.runs(group).unwrap().unwrap(), reader.networks(group).unwrap().unwrap());
        let far = reader.far_ends(group).unwrap().unwrap();
        let rows = reader.read_all(group, NETWORK_COLUMNS).unwrap();
        for column in COLUMNS.iter().map(|d| d.column).filter(|c| NETWORK_COLUMNS & c.bit() != 0) {
            for addr in asked {
                let found = runs.rows(column, *addr, *addr).unwrap();
                let blocks = others.rows(*addr, *addr);
                let ends = far.rows(column, *addr, *addr);
                let has = |row| rows.is_present(row, column) && rows.addrs(column)[row] == *addr;
                for row in 0..rows.len() {
                    let in_run = found.iter().find(|(run, _)| run.contains(&row));
                    if in_run.is_some_and(|(_, in_all)| *in_all) {
                        assert!(has(row), "{addr} is not in {} of row {row}", column.name());
                        certain += 1;
                    }
                    if let Some(ends) = &ends {
                        let is_end = ends.contains(&row);
                        assert!(has(row) || !is_end, "{addr} is not in {} of row {row}", column.name());
                        assert!(
                            !has(row) || is_end || in_run.is_some(),
                            "{addr} in {} of row {row}",
                            column.name()
                        );
                    }
                    if has(row) {
                        let in_block = blocks.as_ref().is_none_or(|b| b.iter().any(|b| b.contains(&row)));
                        assert!(in_run.is_some() || in_block, "{addr} in {} of row {row}", column.name());
                        held += 1;
                    }
                }
            }
        }
    }
    (held, certain)
}

#[test]
fn every_address_is_where_the_runs_and_the_networks_say() {
    let folder = TempDir::new().unwrap();
    let batch = large(70_000);
    let (path, file) = segment(&folder, std::slice::from_ref(&batch));
    let reader = Reader::open_checked(&path, None, &file).unwrap();
    let mut asked = batch.addrs(Column::SrcAddr).to_vec();
    asked.sort_unstable();
    asked.dedup();
    asked.truncate(5);
    let (held, _) = check_places(&reader, &asked);
    assert!(held > 1_000, "{held}");
}

/// A row of one host and one other end, in or out.
fn between(host: Addr, other: Addr, is_in: bool, tenant: Option<u64>) -> sample::RowBuilder {
    let (src, dst) = if is_in { (other, host) } else { (host, other) };
    let row = sample::RowBuilder::new().addr(Column::SrcAddr, src).addr(Column::DstAddr, dst);
    match tenant {
        Some(tenant) => row
            .addr(Column::Host, host)
            .unsigned(Column::Tenant, tenant)
            .unsigned(Column::Direction, u64::from(is_in)),
        None => row,
    }
}

#[test]
fn rows_of_hosts_are_known_and_others_are_looked_for_in_blocks() {
    let v4 = |a: u8, d: u16| Addr::v4([a, 0, d.to_be_bytes()[0], d.to_be_bytes()[1]]);
    let mut batch = Batch::new();
    batch.set_names(["a".into(), "b".into()].into());
    for i in 0..40_000u16 {
        let (host, other) = (v4(10, i % 100), v4(80, i));
        // Of host 7 there is an address behind NAT in some rows, and now and then it speaks with its neighbour.
        let other = if i % 1_000 == 7 { v4(10, 8) } else { other };
        let tenant = (i % 10 != 9).then_some(u64::from(i % 2));
        let mut row = between(host, other, i % 3 == 0, tenant);
        if i % 700 == 7 {
            row = row.addr(Column::NatSrcAddr, host);
        }
        row.push(&mut batch);
    }
    let folder = TempDir::new().unwrap();
    let (path, file) = segment(&folder, std::slice::from_ref(&batch));
    let reader = Reader::open_checked(&path, None, &file).unwrap();
    let asked: Vec<Addr> = [v4(10, 7), v4(10, 8), v4(10, 9), v4(80, 77), v4(11, 1)].into();
    let (held, certain) = check_places(&reader, &asked);
    // Nearly all rows of the hosts are known to be theirs: 7 and 8 have a tenant, 9 has not.
    assert!(held > 1_200 && certain * 10 > held * 8, "{held} {certain}");
    // A host's rows are in few places, and its network in no block but those of the rows where it is the other end.
    let runs = reader.runs(0).unwrap().unwrap();
    assert!(runs.rows(Column::SrcAddr, v4(10, 7), v4(10, 7)).unwrap().len() <= 2);
    let blocks = reader.networks(0).unwrap().unwrap().rows(v4(10, 7), v4(10, 7)).unwrap();
    assert!(blocks.iter().map(Range::len).sum::<usize>() < 40_000, "{blocks:?}");
    // Of those rows each is known: 7 speaks with 8 in forty, of which some are in and some out.
    let fars: Vec<_> =
        (0..reader.row_groups().len()).map(|group| reader.far_ends(group).unwrap().unwrap()).collect();
    let of = |column| {
        fars.iter()
            .map(|far| far.rows(column, v4(10, 8), v4(10, 8)).map_or(0, |rows| rows.len()))
            .sum::<usize>()
    };
    assert_eq!(of(Column::SrcAddr) + of(Column::DstAddr), 40);
    assert_eq!(
        fars[0].rows(Column::SrcAddr, v4(80, 77), v4(80, 77)),
        None,
        "an outside address is not listed"
    );
}

proptest! {
    #[test]
    fn runs_and_networks_are_true_of_any_rows(batches in prop::collection::vec(sample::batch(60), 1..4)) {
        let folder = TempDir::new().unwrap();
        let (path, file) = segment(&folder, &batches);
        let reader = Reader::open_checked(&path, None, &file).unwrap();
        let mut asked: Vec<Addr> = (0u8..4).map(|d| Addr::v4([10, 0, 0, d])).collect();
        for batch in &batches {
            asked.extend(batch.addrs(Column::SrcAddr).iter().take(4));
        }
        check_places(&reader, &asked);
    }

    #[test]
    fn runs_that_were_not_written_so_are_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..60), rows in 0usize..100) {
        // As they are, and as the one sheet of a list.
        let packed = zstd::bulk::compress(&bytes, 1).unwrap();
        let (plain, taken) = (u8::try_from(bytes.len()).unwrap(), u8::try_from(packed.len()).unwrap());
        let contents = [1, plain, taken, 0, 1, 0, 0, 0, 0, 255, 255, 255, 255];
        for bytes in [bytes, [&contents[..], &packed].concat()] {
            if let Some(runs) = Runs::parse(&bytes.into(), rows) {
                let all = runs.rows(Column::SrcAddr, Addr::from_bits(0), Addr::from_bits(u128::MAX));
                prop_assert!(all.unwrap_or_default().iter().map(|(run, _)| run.end).max().unwrap_or(0) <= rows);
            }
        }
    }
}
