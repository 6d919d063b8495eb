//! What was appended comes back, and what a crash or a flipped bit did to a file is seen.

use super::account::Origin;
use super::header::{HEADER, file_header, schema_crc};
use super::*;
use crate::bins::{Accumulator, BinRow, Gather};
use crate::sample::{self, Account, Sums, collect};
use proptest::prelude::*;
use std::collections::BTreeMap;
use tempfile::TempDir;

fn encode_frame(sequence: u64, schema: u32, batch: &Batch, out: &mut Vec<u8>) -> Result<(), String> {
    maker::encode_frame(sequence, schema, batch, &mut Gather::default(), out).map(drop)
}

/// A frame of these bytes, its header not asked.
fn parse(sequence: u64, summary: &[u8], rows: &[u8]) -> Result<Frame, String> {
    let schema: Vec<Column> = weir_flow::schema::COLUMNS.iter().map(|d| d.column).collect();
    let summary = Summary::parse(bytes::Bytes::copy_from_slice(summary), Origin::File)?;
    Frame::parse(sequence, summary, bytes::Bytes::copy_from_slice(rows), &schema)
}

/// A journal file of these batches, and where each frame ends.
fn write(folder: &TempDir, batches: &[Batch]) -> (PathBuf, Vec<u8>, Vec<usize>) {
    let mut bytes = file_header();
    let mut ends = vec![bytes.len()];
    for (sequence, batch) in (1..).zip(batches) {
        encode_frame(sequence, schema_crc(), batch, &mut bytes).unwrap();
        ends.push(bytes.len());
    }
    let path = folder.path().join("00000001.wal");
    fs::write(&path, &bytes).unwrap();
    (path, bytes, ends)
}

fn small() -> Vec<Batch> {
    (1..=3).map(|i| sample::tiny(i * 100, 1_780_000_000_000)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(weir_testkit::cases(64)))]
    #[test]
    fn batches_come_back_as_they_were(batches in prop::collection::vec(sample::batch(20), 0..5)) {
        let folder = TempDir::new().unwrap();
        let (path, _, _) = write(&folder, &batches);
        let contents = read(&path).unwrap();
        prop_assert_eq!(contents.damage.len(), 0);
        prop_assert_eq!(contents.torn, 0);
        prop_assert_eq!(contents.frames.len(), batches.len());
        for (frame, batch) in contents.frames.iter().zip(&batches) {
            prop_assert_eq!(sample::rows(&frame.batch(u64::MAX)), sample::rows(batch));
            prop_assert_eq!(&frame.summary.health(), &batch.health);
            prop_assert_eq!(&frame.summary.memory(), &batch.memory);
            prop_assert_eq!(&frame.summary.counters(), &batch.counters);
            prop_assert_eq!(&frame.summary.rescales(), &batch.rescales);
            // A part of the columns is that part of the whole.
            let some = Column::Octets.bit() | Column::Tenant.bit() | Column::Host.bit();
            let part = frame.batch(some);
            for row in 0..batch.len() {
                prop_assert_eq!(part.get(row, Column::Tenant), batch.get(row, Column::Tenant));
                prop_assert_eq!(part.get(row, Column::Octets), batch.get(row, Column::Octets));
                prop_assert_eq!(part.get(row, Column::SrcAddr), None);
            }
        }
    }
}

#[test]
fn a_file_torn_anywhere_gives_exactly_the_whole_frames_before_the_tear() {
    let folder = TempDir::new().unwrap();
    let batches = small();
    let (path, bytes, ends) = write(&folder, &batches);
    for cut in 0..=bytes.len() {
        fs::write(&path, &bytes[..cut]).unwrap();
        let contents = read(&path).unwrap();
        let whole = ends.iter().filter(|end| **end <= cut).count().saturating_sub(1);
        let got: Vec<_> = contents.frames.iter().map(|f| f.batch(u64::MAX)).collect();
        assert_eq!(sample::sorted(&got), sample::sorted(&batches[..whole]), "torn at {cut}");
        assert_eq!(contents.damage, [], "torn at {cut}");
        let good = if cut < ends[0] { 0 } else { ends[whole] };
        assert_eq!((contents.good, contents.torn), (good as u64, (cut - good) as u64), "torn at {cut}");
        // A power failure may also leave the length without the data.
        let mut zeros = bytes[..cut].to_vec();
        zeros.resize(bytes.len(), 0);
        fs::write(&path, &zeros).unwrap();
        let contents = read(&path).unwrap();
        // A frame that ends in zeros is whole if only those are missing.
        let whole = ends.iter().filter(|end| zeros[..**end] == bytes[..**end]).count().saturating_sub(1);
        assert_eq!(contents.frames.len(), whole, "zeros from {cut}");
    }
}

#[test]
fn a_flipped_bit_anywhere_is_seen_and_costs_at_most_its_own_frame() {
    let folder = TempDir::new().unwrap();
    let batches = small();
    let (path, bytes, ends) = write(&folder, &batches);
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        fs::write(&path, &flipped).unwrap();
        let contents = read(&path).unwrap();
        // In the file's header no frame is hit; else one is.
        let hit = ends.iter().position(|end| at < *end).unwrap();
        let left: Vec<Batch> =
            batches.iter().enumerate().filter(|(i, _)| i + 1 != hit).map(|(_, b)| b.clone()).collect();
        let got: Vec<_> = contents.frames.iter().map(|f| f.batch(u64::MAX)).collect();
        assert_eq!(sample::sorted(&got), sample::sorted(&left), "flipped in byte {at}");
        // A flip in the length of the last frame looks as if the file were cut short in it: that is seen as well,
        // because the header has a checksum of its own.
        let [damage] = &contents.damage[..] else { panic!("byte {at}: {:?}", contents.damage) };
        assert_eq!(damage.path, path);
        assert!(damage.bytes.contains(&(at as u64)), "byte {at}: {damage:?}");
    }
}

#[test]
fn a_frame_with_columns_of_another_schema_is_refused() {
    let folder = TempDir::new().unwrap();
    let mut bytes = file_header();
    encode_frame(1, schema_crc() ^ 1, &small()[0], &mut bytes).unwrap();
    let path = folder.path().join("00000001.wal");
    fs::write(&path, &bytes).unwrap();
    let contents = read(&path).unwrap();
    assert_eq!(contents.frames.len(), 0);
    assert_eq!(contents.damage[0].how, "frame 1 has columns that the file's header does not name");
}

#[test]
fn codes_that_stand_for_nothing_are_not_taken() {
    let mut batch = sample::tiny(1, 0);
    batch.u32s_mut(Column::Tenant)[0] = 2;
    let mut out = vec![7];
    let error = encode_frame(1, schema_crc(), &batch, &mut out).unwrap_err();
    assert_eq!(error, "column tenant holds a code that stands for nothing");
    assert_eq!(out, [7]);
}

#[test]
fn text_that_is_not_utf_8_has_its_wrong_octets_replaced_and_costs_nothing_else() {
    let mut batch = Batch::new();
    for name in [&b"caf\xe9"[..], b"dns", b"\xff"] {
        weir_flow::batch::RowBuilder::new().octets(Column::Application, name).push(&mut batch);
    }
    // Where no value is, anything may stand.
    batch.present_mut()[2] = 0;
    let (_, bytes) = Maker::new().journal_frame(1, 0, &batch).unwrap();
    let split = HEADER + u32::from_le_bytes(bytes[20..24].try_into().unwrap()) as usize;
    let (summary, mut payload) = (&bytes[HEADER..split], bytes[split..].to_vec());
    let read = parse(1, summary, &payload).unwrap().batch(u64::MAX);
    let text = |row| read.get(row, Column::Application);
    assert_eq!(text(0), Some(weir_flow::batch::Value::Text("caf\u{fffd}")));
    assert_eq!((text(1), text(2)), (Some(weir_flow::batch::Value::Text("dns")), None));
    // A payload that says otherwise is not ours.
    let at = payload.windows(3).position(|w| w == b"dns").unwrap();
    payload[at] = 0xff;
    assert_eq!(parse(1, summary, &payload).unwrap_err(), "column application: text in it is not UTF-8");
}

proptest! {
    #[test]
    fn no_payload_makes_it_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..300), rows in 0u32..5) {
        let mut own = Vec::new();
        encode_frame(1, schema_crc(), &small()[0], &mut own).unwrap();
        let split = HEADER + u32::from_le_bytes(own[20..24].try_into().unwrap()) as usize;
        let all = |bytes: &[u8]| {
            let _ = parse(1, bytes, &own[split..]);
            let _ = parse(1, &own[HEADER..split], bytes);
            let schema: Vec<Column> = weir_flow::schema::COLUMNS.iter().map(|d| d.column).collect();
            let _ = Frame::parse_v2(1, bytes::Bytes::copy_from_slice(bytes), &schema);
        };
        all(&bytes);
        if let Some(start) = bytes.get_mut(..4) {
            start.copy_from_slice(&rows.to_le_bytes());
        }
        all(&bytes);
    }
}

#[test]
fn a_real_frame_with_any_byte_changed_does_not_panic() {
    let mut bytes = Vec::new();
    encode_frame(1, schema_crc(), &small()[0], &mut bytes).unwrap();
    let split = HEADER + u32::from_le_bytes(bytes[20..24].try_into().unwrap()) as usize;
    for at in HEADER..bytes.len() {
        for value in [0, 1, 0x7f, 0xff] {
            let mut changed = bytes.clone();
            changed[at] = value;
            if let Ok(frame) = parse(1, &changed[HEADER..split], &changed[split..]) {
                let _ = (sample::rows(&frame.batch(u64::MAX)), frame.summary.health());
                for accounts in [frame.summary.accounts(), frame.summary.folded()].into_iter().flatten() {
                    accounts.for_each(|_| {});
                }
            }
        }
    }
}

/// A flow between these two, of so many octets.
fn between(src: weir_flow::Addr, dst: weir_flow::Addr, at: i64, octets: u64) -> sample::RowBuilder {
    sample::RowBuilder::new()
        .time(Column::Start, at)
        .time(Column::End, at + 5)
        .addr(Column::SrcAddr, src)
        .addr(Column::DstAddr, dst)
        .unsigned(Column::SrcPort, at.unsigned_abs() % 3)
        .traffic(octets, octets / 100)
}

#[test]
fn columns_take_the_narrowest_form_and_say_the_same_as_before() {
    let v4 = |last| weir_flow::Addr::v4([10, 0, 0, last]);
    let v6 = |last| weir_flow::Addr::v6([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
    let mut batch = Batch::new();
    for i in 0..200u8 {
        let src = if i % 8 == 1 { v6(i) } else { v4(i) };
        let dst = if i % 8 == 1 { v6(9) } else { v4(9) };
        let row = between(src, dst, 1_780_000_000_000 - i64::from(i) * 1000, u64::from(i) * 1_000_000);
        match i % 3 {
            0 => row.addr(Column::Host, src).push(&mut batch),
            1 => row.addr(Column::Host, dst).push(&mut batch),
            _ => row.push(&mut batch),
        }
    }
    let mut rows = Vec::new();
    encode::encode(&batch, &mut rows).unwrap();
    let mut frame = Vec::new();
    encode_frame(1, schema_crc(), &batch, &mut frame).unwrap();
    let split = HEADER + u32::from_le_bytes(frame[20..24].try_into().unwrap()) as usize;
    let read = parse(1, &frame[HEADER..split], &rows).unwrap();
    assert_eq!(sample::rows(&read.batch(u64::MAX)), sample::rows(&batch));
    let form = |column| match read.raw(column) {
        Raw::None => "none",
        Raw::Constant(_) => "constant",
        Raw::Plain(_) => "plain",
        Raw::V4(_) => "v4",
        Raw::Near(_) => "near",
        Raw::Mixed(_) => "mixed",
        Raw::Sides(_) => "sides",
    };
    let columns = [Column::Start, Column::SrcAddr, Column::DstAddr, Column::Host, Column::Octets];
    assert_eq!(columns.map(form), ["near", "mixed", "mixed", "sides", "near"]);
    assert!(read.are_equal(Column::Octets, Column::MeasuredOctets));
    // A mask 1 a row, for they alternate here; start and end 4 each (200 s in ms); an address 4, of every eighth
    // row 20 more; a side, a port: 1 each; octets 4, packets 4, and measured ones not again.
    assert!(rows.len() < 200 * (1 + 8 + 14 + 2 + 8) + 400, "{}", rows.len());
    // A host that is neither is written out.
    between(v4(1), v4(2), 0, 100).addr(Column::Host, v4(3)).push(&mut batch);
    let mut frame = Vec::new();
    encode_frame(1, schema_crc(), &batch, &mut frame).unwrap();
    let split = HEADER + u32::from_le_bytes(frame[20..24].try_into().unwrap()) as usize;
    let read = parse(1, &frame[HEADER..split], &frame[split..]).unwrap();
    assert!(matches!(read.raw(Column::Host), Raw::Mixed(_)));
    assert_eq!(sample::rows(&read.batch(u64::MAX)), sample::rows(&batch));
}

proptest! {
    #[test]
    fn numbers_of_any_span_come_back(
        start in prop::collection::vec(prop_oneof![any::<i64>(), 0i64..300, -70_000i64..70_000], 1..20),
        octets in prop::collection::vec(prop_oneof![any::<u64>(), 0u64..300, 0u64..70_000, (u64::MAX - 300)..=u64::MAX], 1..20),
        near: bool,
    ) {
        let mut batch = Batch::new();
        for (start, octets) in start.iter().zip(&octets) {
            let (start, octets) = if near { (start & 0xff, octets | !0xffff) } else { (*start, *octets) };
            let addr = weir_flow::Addr::v6(*u128::from(octets).to_be_bytes().first_chunk().unwrap());
            between(addr, addr, start.min(i64::MAX - 5), octets).push(&mut batch);
        }
        let folder = TempDir::new().unwrap();
        let (path, _, _) = write(&folder, std::slice::from_ref(&batch));
        let contents = read(&path).unwrap();
        prop_assert_eq!(sample::rows(&contents.frames[0].batch(u64::MAX)), sample::rows(&batch));
    }
}

#[test]
fn a_file_of_version_3_is_read() {
    let folder = TempDir::new().unwrap();
    let (path, mut bytes, _) = write(&folder, &small());
    let header = file_header().len();
    bytes[7] = 3;
    let crc = crc32c::crc32c(&bytes[..header - 4]);
    bytes[header - 4..header].copy_from_slice(&crc.to_le_bytes());
    fs::write(&path, &bytes).unwrap();
    let contents = read(&path).unwrap();
    assert_eq!((contents.frames.len(), contents.damage.len()), (3, 0));
    assert_eq!(outline(&path).unwrap().frames.len(), 3);
}

/// The same frame as version 2 had it: the rows, and then what the summary ends with.
fn frame_v2(sequence: u64, batch: &Batch) -> Vec<u8> {
    let mut v3 = Vec::new();
    encode_frame(sequence, schema_crc(), batch, &mut v3).unwrap();
    let split = HEADER + u32::from_le_bytes(v3[20..24].try_into().unwrap()) as usize;
    let mut payload = v3[split..].to_vec();
    item::put_list(&batch.health, &mut payload).unwrap();
    item::put_list(&batch.memory, &mut payload).unwrap();
    item::put_list(&batch.counters, &mut payload).unwrap();
    item::put_list(&batch.rescales, &mut payload).unwrap();
    let len = u32::try_from(payload.len()).unwrap();
    let mut out =
        [&b"\xf5wf\n"[..], &len.to_le_bytes(), &sequence.to_le_bytes(), &schema_crc().to_le_bytes()].concat();
    out.extend_from_slice(&crc32c::crc32c(&payload).to_le_bytes());
    out.extend_from_slice(&crc32c::crc32c(&out).to_le_bytes());
    out.extend_from_slice(&payload);
    out
}

fn file_v2(folder: &TempDir, batches: &[Batch]) -> (PathBuf, Vec<u8>) {
    let mut bytes = file_header();
    bytes[7] = 2;
    let end = bytes.len() - 4;
    let crc = crc32c::crc32c(&bytes[..end]);
    bytes[end..].copy_from_slice(&crc.to_le_bytes());
    for (sequence, batch) in (1..).zip(batches) {
        bytes.extend(frame_v2(sequence, batch));
    }
    let path = folder.path().join("00000002.wal");
    fs::write(&path, &bytes).unwrap();
    (path, bytes)
}

/// Accounts of frames without hosts, however they have them, added up.
fn accounts(frames: &[Outline]) -> BTreeMap<Account, Sums> {
    let mut sum = Accumulator::new();
    for frame in frames {
        assert!(frame.whole_summary().unwrap().accounts().is_none());
        match frame.summary.folded() {
            Some(carried) => sum.merge(carried),
            None => sum.add(&frame.frame().unwrap().batch(crate::bins::COLUMNS)),
        }
    }
    without_hosts(&sum)
}

fn without_hosts(accounts: &Accumulator) -> BTreeMap<Account, Sums> {
    let mut all = BTreeMap::new();
    accounts.for_each(|row| collect(&mut all, &BinRow { host: None, ..*row }));
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(weir_testkit::cases(64)))]
    #[test]
    fn a_file_of_version_2_says_the_same(batches in prop::collection::vec(sample::batch(20), 0..4)) {
        let folder = TempDir::new().unwrap();
        let (new, _, _) = write(&folder, &batches);
        let (old, _) = file_v2(&folder, &batches);
        let (new, old) = (outline(&new).unwrap(), outline(&old).unwrap());
        prop_assert_eq!((&new.damage, &old.damage), (&vec![], &vec![]));
        prop_assert_eq!(accounts(&new.frames), accounts(&old.frames));
        for ((new, old), batch) in new.frames.iter().zip(&old.frames).zip(&batches) {
            prop_assert_eq!(new.sequence, old.sequence);
            prop_assert_eq!((new.summary.bounds, new.summary.totals), (old.summary.bounds, old.summary.totals));
            prop_assert_eq!(sample::rows(&old.frame().unwrap().batch(u64::MAX)), sample::rows(batch));
            prop_assert_eq!(&old.summary.health(), &batch.health);
        }
        prop_assert_eq!((new.frames.len(), old.frames.len()), (batches.len(), batches.len()));
    }

    #[test]
    fn the_accounts_of_frames_are_those_of_their_rows(batches in prop::collection::vec(sample::batch(40), 0..4)) {
        let folder = TempDir::new().unwrap();
        let (path, _, _) = write(&folder, &batches);
        let frames = outline(&path).unwrap().frames;
        let mut again = Accumulator::new();
        batches.iter().for_each(|batch| again.add(batch));
        prop_assert_eq!(accounts(&frames), without_hosts(&again));
        for (frame, batch) in frames.iter().zip(&batches) {
            let times = |column| batch.times(column).iter().copied();
            let span = |column| (times(column).min().unwrap_or(0), times(column).max().unwrap_or(0));
            let bounds = frame.summary.bounds;
            prop_assert_eq!(
                (bounds.start, bounds.end, bounds.received),
                (span(Column::Start), span(Column::End), span(Column::Received))
            );
            let octets = (0..batch.len()).filter_map(|row| match batch.get(row, Column::Octets) {
                Some(weir_flow::batch::Value::Unsigned(octets)) => Some(u128::from(octets)),
                _ => None,
            });
            prop_assert_eq!(frame.summary.totals.octets, octets.sum::<u128>());
        }
    }
}

#[test]
fn a_batch_of_too_many_accounts_carries_none_and_they_are_computed_from_its_rows() {
    let folder = TempDir::new().unwrap();
    let mut batch = Batch::new();
    // 49 days of one flow are 14,112 bins; the limit of these tests is 512 accounts.
    sample::RowBuilder::new()
        .time(Column::Start, 0)
        .time(Column::End, 49 * 86_400_000)
        .addr(Column::Exporter, weir_flow::Addr::v4([192, 0, 2, 1]))
        .traffic(14_112_000, 14_112)
        .push(&mut batch);
    batch.seal();
    let (path, bytes, _) = write(&folder, std::slice::from_ref(&batch));
    let frames = outline(&path).unwrap().frames;
    assert!(frames[0].summary.folded().is_none());
    assert!(bytes.len() < 10_000, "{}", bytes.len());
    let all = accounts(&frames);
    // Each bin as unmatched and as decoded.
    assert_eq!(all.len(), 2 * 14_112);
    assert!(all.values().all(|[octets, packets, ..]| (*octets, *packets) == (1000, 1)), "{all:?}");
}

#[test]
fn rows_are_read_when_asked_for_and_a_file_removed_meanwhile_still_has_them() {
    let folder = TempDir::new().unwrap();
    let batches = small();
    let (path, bytes, ends) = write(&folder, &batches);
    let kept = outline(&path).unwrap().frames;
    fs::remove_file(&path).unwrap();
    let got: Vec<_> = kept.iter().map(|frame| frame.frame().unwrap().batch(u64::MAX)).collect();
    assert_eq!(sample::sorted(&got), sample::sorted(&batches));
    // A bit of the rows of a frame that is not the last: accounts do not need them, and who does is told.
    let mut flipped = bytes.clone();
    flipped[ends[1] - 1] ^= 1;
    fs::write(&path, &flipped).unwrap();
    let found = outline(&path).unwrap();
    assert_eq!((found.frames.len(), found.damage), (3, vec![]));
    let error = found.frames[0].frame().unwrap_err().to_string();
    assert!(error.contains("00000001.wal") && error.contains("rows of frame 1"), "{error}");
    assert_eq!(found.frames[1].frame().unwrap().rows(), 1);
    // Of the last, as a power failure leaves it, it is seen at once.
    let mut flipped = bytes;
    let last = ends[3] - 1;
    flipped[last] ^= 1;
    fs::write(&path, &flipped).unwrap();
    let found = outline(&path).unwrap();
    assert_eq!((found.frames.len(), found.damage.len()), (2, 1));
}
