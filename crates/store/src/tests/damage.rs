//! A bit flipped in any file, a journal cut at any byte: an error or damage that names the file, everything else
//! answers, and nothing wrong is taken for right.

use super::mortal::immortal;
use super::{End, NOON, SMALL, assert_holds, batches, die_at_every_step, files, rows, sums};
use crate::{Error, Snapshot, Writer, sample, verify};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use weir_flow::counter::Sample;
use weir_flow::memory::Change;
use weir_flow::{Addr, Batch};

/// Two sealed units and a journal, with everything that a store can hold; returns the rows.
fn everything(path: &Path) -> Vec<Batch> {
    let mut all = batches(9);
    for (i, batch) in all.iter_mut().enumerate() {
        let key = format!("key {i}").into_bytes().into();
        batch.memory.push(Change::Put { key, value: Box::from(&b"value"[..]) });
        let exporter = Addr::v4([192, 0, 2, 1]);
        batch.counters.push(Sample { received: NOON + i as i64, exporter, ..Sample::default() });
    }
    let (mut writer, _) = Writer::open_on(immortal(path), SMALL).unwrap();
    for (i, batch) in all.iter().enumerate() {
        writer.append(batch, NOON).unwrap();
        if i == 3 || i == 7 {
            writer.seal(NOON).unwrap();
        }
    }
    all
}

/// Everything that a reader can ask, each an answer or an error.
fn answers(path: &Path) -> Vec<Result<String, Error>> {
    let snapshot = match Snapshot::open(path) {
        Ok(snapshot) => snapshot,
        Err(error) => return vec![Err(error)],
    };
    let mut answers = Vec::new();
    for segment in &snapshot.segments {
        let read = || {
            let reader = segment.open()?;
            let batches = (0..reader.row_groups().len()).map(|group| reader.read_all(group, u64::MAX));
            Ok(sample::sorted(&batches.collect::<Result<Vec<_>, Error>>()?).join("\n"))
        };
        answers.push(read());
    }
    let tail: Vec<Batch> = snapshot.tail.iter().filter_map(|entry| entry.read(u64::MAX).ok()).collect();
    answers.push(Ok(sample::sorted(&tail).join("\n")));
    let always = || i64::MIN..i64::MAX;
    let mut text = String::new();
    answers.push(snapshot.bins(always(), |row| text += &format!("{row:?}")).map(|()| text));
    let mut text = String::new();
    answers.push(snapshot.tenants(always(), |row| text += &format!("{row:?}")).map(|()| text));
    let mut sums = Vec::new();
    answers.push(snapshot.sums(always(), |row| sums.push(format!("{row:?}"))).map(|()| {
        // They come in no order.
        sums.sort();
        sums.join("\n")
    }));
    let mut text = String::new();
    answers.push(snapshot.health(always(), |row| text += &format!("{row:?}")).map(|()| text));
    answers.push(snapshot.counters(always()).map(|samples| format!("{samples:?}")));
    answers.push(snapshot.memory().map(|memory| format!("{memory:?}")));
    answers
}

#[test]
fn a_bit_flipped_in_any_file_is_never_another_answer() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    everything(path);
    let right: Vec<String> = answers(path).into_iter().map(Result::unwrap).collect();
    assert_eq!(right.len(), 9);
    for name in files(path).iter().map(PathBuf::from).filter(|p| !p.ends_with("lock")) {
        let good = fs::read(&name).unwrap();
        let is_journal = name.extension().is_some_and(|e| e == "wal");
        let step = (good.len() / 60).max(1);
        for at in (0..good.len()).step_by(step).chain(good.len().saturating_sub(12)..good.len()) {
            let mut flipped = good.clone();
            flipped[at] ^= 1 << (at % 8);
            fs::write(&name, &flipped).unwrap();
            let found = answers(path);
            let place = format!("{} byte {at}", name.display());
            if name.ends_with("manifest") {
                // One bit is put right, and told.
                let found: Vec<String> = found.into_iter().map(Result::unwrap).collect();
                assert!(found == right, "{place}");
                let told = verify(path).unwrap();
                assert!(told.problems.is_empty() && told.damage.len() == 1, "{place}: {told:?}");
                assert_eq!(told.damage[0].path, name);
                continue;
            }
            let mut wrong = 0;
            for (found, right) in found.iter().zip(&right) {
                match found {
                    Ok(found) if found == right => {}
                    // Of a journal that is damaged, what is whole is used, and the damage is told.
                    Ok(found) => {
                        assert!(is_journal, "{place}: {found}");
                        wrong += 1;
                    }
                    Err(error) => {
                        assert_eq!(error.path, name, "{place}");
                        wrong += 1;
                    }
                }
            }
            if is_journal {
                let damage = Snapshot::open(path).unwrap().damage().to_vec();
                assert!(damage.iter().any(|damage| damage.path == name), "{place}: {damage:?}");
            } else {
                // The page that a flipped bit is in may be one that nobody asked for; a full check finds it.
                // Accounts of tenants stand for their sums, where these are not far fewer.
                let is_tenants = name.strip_prefix(path).unwrap().starts_with("tenants");
                assert!(wrong <= 1 + usize::from(is_tenants), "{place}: {wrong} answers are gone");
                let report = verify(path).unwrap();
                assert!(report.problems.iter().any(|problem| problem.path == name), "{place}: {report:?}");
            }
        }
        fs::write(&name, &good).unwrap();
    }
}

/// Every bit of a manifest, one by one: what it says is the same, and the next writer writes it anew.
#[test]
fn a_manifest_with_one_bit_wrong_says_the_same() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    everything(path);
    let name = path.join("manifest");
    let good = fs::read(&name).unwrap();
    let right = format!("{:?}", crate::manifest::Manifest::read(path).unwrap());
    let lines = good.iter().filter(|byte| **byte == b'\n').count();
    assert!(lines > 2, "{lines}");
    for bit in 0..good.len() * 8 {
        let mut flipped = good.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        fs::write(&name, &flipped).unwrap();
        let found =
            crate::manifest::Manifest::read(path).unwrap_or_else(|error| panic!("bit {bit}: {error}"));
        assert_eq!(found.mended, Some(bit as u64 / 8), "bit {bit}");
        assert_eq!(format!("{:?}", crate::manifest::Manifest { mended: None, ..found }), right, "bit {bit}");
    }
    // Who writes next leaves none.
    let (writer, _) = Writer::open_on(immortal(path), SMALL).unwrap();
    drop(writer);
    let anew = crate::manifest::Manifest::read(path).unwrap();
    assert_eq!(anew.mended, None);
    let files = |manifest: &crate::manifest::Manifest| {
        manifest.files().names().map(str::to_owned).collect::<Vec<_>>()
    };
    fs::write(&name, &good).unwrap();
    assert_eq!(files(&anew), files(&crate::manifest::Manifest::read(path).unwrap()));
    // Two wrong bits are not guessed at.
    for at in [3, good.len() / 3, good.len() / 2, good.len() - 20] {
        let mut flipped = good.clone();
        flipped[at] ^= 1;
        flipped[at + 7] ^= 4;
        fs::write(&name, &flipped).unwrap();
        let error = crate::manifest::Manifest::read(path).unwrap_err();
        assert!(error.is_damaged() && error.path == name, "{at}: {error}");
    }
}

#[test]
fn a_journal_cut_at_any_byte_has_what_was_whole() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store");
    let all = batches(4);
    let (mut writer, _) = Writer::open_on(immortal(&path), SMALL).unwrap();
    let journal = path.join("journal/00000001.wal");
    let mut ends = Vec::new();
    for batch in &all[..3] {
        writer.append(batch, NOON).unwrap();
        ends.push(fs::metadata(&journal).unwrap().len());
    }
    drop(writer);
    let whole = fs::read(&journal).unwrap();
    let manifest = fs::read(path.join("manifest")).unwrap();
    for cut in 0..whole.len() {
        fs::remove_dir_all(&path).unwrap();
        fs::create_dir_all(path.join("journal")).unwrap();
        fs::write(path.join("manifest"), &manifest).unwrap();
        fs::write(&journal, &whole[..cut]).unwrap();
        let count = ends.iter().filter(|end| **end <= cut as u64).count();
        assert_eq!(rows(&path), sample::sorted(&all[..count]), "cut at {cut}");
        if cut % 7 > 0 && ends.iter().all(|end| end.abs_diff(cut as u64) > 2) {
            continue;
        }
        let (mut writer, recovery) = Writer::open_on(immortal(&path).single_threaded(), SMALL).unwrap();
        assert_eq!((recovery.rows, recovery.damage.len()), (count as u64, 0), "cut at {cut}");
        // What is written next is read next.
        writer.append(&all[3], NOON).unwrap();
        drop(writer);
        let now: Vec<Batch> = all[..count].iter().chain(&all[3..]).cloned().collect();
        assert_eq!(rows(&path), sample::sorted(&now), "cut at {cut}");
    }
}

#[test]
fn rows_that_a_damaged_journal_costs_are_counted_as_discarded() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store");
    let mut all = batches(5);
    for (i, batch) in (1..).zip(&mut all) {
        let row = batch.health[0].clone();
        for (what, value) in [("flows", 1), ("octets", i), ("packets", 1)] {
            batch.health.push(weir_flow::health::Row { what: what.into(), value, ..row.clone() });
        }
        let key = format!("key {i}").into_bytes().into();
        batch.memory.push(Change::Put { key, value: Box::from(&b"value"[..]) });
    }
    let (mut writer, _) = Writer::open_on(immortal(&path), SMALL).unwrap();
    let journal = path.join("journal/00000001.wal");
    let mut ends = Vec::new();
    for batch in &all {
        writer.append(batch, NOON).unwrap();
        ends.push(usize::try_from(fs::metadata(&journal).unwrap().len()).unwrap());
    }
    drop(writer);
    // In the last octet of the rows of the third.
    let mut bytes = fs::read(&journal).unwrap();
    bytes[ends[2] - 1] ^= 16;
    fs::write(&journal, &bytes).unwrap();
    let (mut writer, recovery) = Writer::open_on(immortal(&path), SMALL).unwrap();
    assert_eq!((recovery.frames, recovery.rows, recovery.damage.len()), (5, 4, 1));
    assert_eq!(writer.memory().len(), 5, "what it remembered is whole");
    writer.seal(NOON).unwrap();
    writer.close(NOON).unwrap();
    let left: Vec<Batch> = all[..2].iter().chain(&all[3..]).cloned().collect();
    assert_eq!(rows(&path), sample::sorted(&left));
    let sums = sums(&path);
    let is = |what: &str| sums.get(what).copied().unwrap_or_default();
    assert_eq!([is("flows"), is("octets"), is("packets"), is("records")], [5, 15, 5, 5], "{sums:?}");
    let discarded =
        ["flows", "octets", "packets"].map(|what| is(&format!("discarded_{what}:journal_damaged")));
    assert_eq!(discarded, [1, 3, 1], "{sums:?}");
    assert_eq!(is("decoded"), 15 - 3);
    assert!(path.join("journal/00000001.wal.damaged").exists());
    assert_eq!(verify(&path).unwrap().problems.len(), 0);
}

#[test]
fn what_sessions_remembered_is_put_aside_if_it_cannot_be_read() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    let all = everything(path);
    let named = Snapshot::open(path).unwrap().memory_file().unwrap().name.clone();
    let mut bytes = fs::read(path.join(&named)).unwrap();
    bytes[30] ^= 4;
    fs::write(path.join(&named), &bytes).unwrap();
    let (mut writer, recovery) = Writer::open_on(immortal(path), SMALL).unwrap();
    assert_eq!(recovery.damage.len(), 1);
    assert_eq!(recovery.damage[0].path, path.join(&named));
    assert_eq!(writer.memory().len(), 1, "what the journal has is remembered");
    assert!(path.join(format!("{named}.damaged")).exists());
    writer.append(&batches(1)[0], NOON).unwrap();
    writer.close(NOON).unwrap();
    let (writer, recovery) = Writer::open(path, SMALL).unwrap();
    assert_eq!((recovery.damage.len(), writer.memory().len()), (0, 1));
    assert!(path.join(format!("{named}.damaged")).exists(), "it is kept");
    assert_eq!(rows(path).len(), all.len() + 1);
    assert_eq!(verify(path).unwrap().problems.len(), 0);
}

#[test]
fn accounts_that_are_damaged_or_wrong_are_computed_again() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    let all = everything(path);
    let before = sums(path);
    let bins = Snapshot::open(path).unwrap().files().bins[0].name.clone();
    fs::write(path.join(&bins), b"PAR1 and nothing more").unwrap();
    let error = Snapshot::open(path).unwrap().bins(0..i64::MAX, |_| {}).unwrap_err();
    assert_eq!(error.path, path.join(&bins));
    assert_eq!(rows(path), sample::sorted(&all), "records are listed all the same");
    let (mut writer, _) = Writer::open(path, SMALL).unwrap();
    let rebuilt = writer.rebuild(&(i64::MIN..i64::MAX), NOON).unwrap();
    assert_eq!((rebuilt.files, rebuilt.damage.len(), rebuilt.partial), (1, 1, 0));
    assert!(rebuilt.differing > 0 && rebuilt.rows == 9, "{rebuilt:?}");
    assert_eq!(sums(path), before);
    let again = writer.rebuild(&(i64::MIN..i64::MAX), NOON).unwrap();
    assert_eq!((again.files, again.differing, again.damage.len()), (0, 0, 0));
    writer.close(NOON).unwrap();
    assert_eq!(verify(path).unwrap().problems.len(), 0);
}

#[test]
fn a_crash_while_accounts_are_computed_again_leaves_the_old_or_the_new() {
    let all = batches(8);
    die_at_every_step(
        End::Power,
        |path| {
            let (mut writer, _) = Writer::open_on(immortal(path), SMALL).unwrap();
            for batch in &all {
                writer.append(batch, NOON).unwrap();
                writer.seal(NOON).unwrap();
            }
            writer.close(NOON).unwrap();
            for file in &files(&path.join("bins")) {
                fs::write(file, b"PAR1").unwrap();
            }
        },
        |disk| {
            let run = || -> Result<(), Error> {
                let (mut writer, _) = Writer::open_on(disk, SMALL)?;
                assert_eq!(writer.rebuild(&(i64::MIN..i64::MAX), NOON)?.files, 8);
                writer.close(NOON)
            };
            ((), run())
        },
        |path, ()| {
            let (mut writer, _) = Writer::open_on(immortal(path), SMALL).unwrap();
            writer.rebuild(&(i64::MIN..i64::MAX), NOON).unwrap();
            writer.close(NOON).unwrap();
            assert_holds(path, &all);
            assert_eq!(verify(path).unwrap().problems.len(), 0);
        },
    );
}

#[test]
fn a_manifest_cut_short_has_its_whole_lines() {
    let folder = TempDir::new().unwrap();
    let (mut writer, _) = Writer::open_on(immortal(folder.path()), SMALL).unwrap();
    for batch in batches(2) {
        writer.append(&batch, NOON).unwrap();
        writer.seal(NOON).unwrap();
    }
    drop(writer);
    let path = folder.path().join("manifest");
    let bytes = fs::read(&path).unwrap();
    let third = bytes.iter().enumerate().filter(|b| *b.1 == b'\n').nth(1).unwrap().0 + 1;
    // Its last line was never committed: what lines are whole count.
    for len in third..bytes.len() {
        fs::write(&path, &bytes[..len]).unwrap();
        assert_eq!(Snapshot::open(folder.path()).unwrap().segments.len(), 1, "cut to {len}");
    }
}
