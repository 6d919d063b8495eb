//! Bits that flip in a store at rest. Each must be found by `verify`, and the file named; who reads the store sees what
//! was there before, or an error that names the file; a writer that opens it loses nothing of other files.

use crate::chance::Dice;
use crate::check::{self, segment_rows};
use crate::row::Row;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use weir_flow::memory::Memory;
use weir_store::{Error, Options, Snapshot, What, Writer, verify};

/// So many bits are flipped in a copy of a store, one after the other.
const FLIPS: u64 = 4;
/// What is looked at apart from rows, as text that can be compared.
type Texts = Vec<String>;

/// All that a reader can see; an error names its file.
#[derive(Debug)]
struct View {
    segments: BTreeMap<PathBuf, Result<Vec<Row>, PathBuf>>,
    /// Rows of the journal.
    tail: Vec<Row>,
    bins: Result<Texts, PathBuf>,
    health: Result<Texts, PathBuf>,
    memory: Result<Memory, PathBuf>,
    /// Files of the journal that are damaged.
    damage: Vec<PathBuf>,
}

/// An error of a damaged file: its path. Others are complaints.
fn named<T>(result: Result<T, Error>) -> Result<Result<T, PathBuf>, String> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(error) if matches!(error.what, What::Damaged(_) | What::TooNew(_)) => Ok(Err(error.path)),
        Err(error) => Err(format!("rot: {error}")),
    }
}

impl View {
    /// Looks at a store; an error is that of what all else hangs on.
    fn of(store: &Path) -> Result<Result<Self, PathBuf>, String> {
        let snapshot = match named(Snapshot::open(store))? {
            Ok(snapshot) => snapshot,
            Err(path) => return Ok(Err(path)),
        };
        let mut segments = BTreeMap::new();
        for segment in &snapshot.segments {
            segments.insert(segment.path.clone(), named(segment_rows(segment))?);
        }
        let (mut tail, mut unread) = (Vec::new(), Vec::new());
        for entry in &snapshot.tail {
            match named(entry.read(u64::MAX))? {
                Ok(batch) => tail.extend(Row::all(&batch)),
                Err(path) => unread.push(path),
            }
        }
        tail.sort_unstable();
        let ever = i64::MIN..i64::MAX;
        let mut bins = Vec::new();
        let read = snapshot.bins(ever.clone(), |row| bins.push(format!("{row:?}")));
        let bins = named(read)?.map(|()| sorted(bins));
        let mut health = Vec::new();
        let read = snapshot.health(ever, |row| health.push(format!("{row:?}")));
        let health = named(read)?.map(|()| sorted(health));
        let memory = named(snapshot.memory())?;
        let damage = snapshot.damage().iter().map(|damage| damage.path.clone()).chain(unread).collect();
        Ok(Ok(Self { segments, tail, bins, health, memory, damage }))
    }

    /// Compares what is seen with what was seen before this file rotted.
    fn compare(&self, sound: &Self, file: &Path) -> Result<(), String> {
        let is_journal = file.extension().is_some_and(|extension| extension == "wal");
        let is_told = is_journal || file.ends_with("manifest");
        if self.damage.iter().any(|path| path != file) || self.damage.is_empty() == is_told {
            return Err(format!("the damaged files that are read around are said to be {:?}", self.damage));
        }
        for (path, rows) in &self.segments {
            same("rows", rows, sound.segments.get(path).unwrap_or(&Err(PathBuf::new())), file)?;
        }
        let (missing, extra) = check::differences(sound.tail.iter(), self.tail.iter());
        if !extra.is_empty() || (!missing.is_empty() && !is_journal) {
            return Err(format!("{} rows of the journal are lost, {} are new", missing.len(), extra.len()));
        }
        if !is_journal {
            same("bins", &self.bins, &sound.bins, file)?;
            same("health", &self.health, &sound.health, file)?;
            same("memory", &self.memory, &sound.memory, file)?;
        }
        Ok(())
    }
}

fn sorted(mut texts: Texts) -> Texts {
    texts.sort_unstable();
    texts
}

/// What is seen is what it was, or an error that names the file.
fn same<T: PartialEq>(
    what: &str,
    seen: &Result<T, PathBuf>,
    sound: &Result<T, PathBuf>,
    file: &Path,
) -> Result<(), String> {
    match (seen, sound) {
        (Ok(seen), Ok(sound)) if seen == sound => Ok(()),
        (Ok(_), _) => Err(format!("{what} are not what they were, and nobody says so")),
        (Err(named), _) if named == file => Ok(()),
        (Err(named), _) => Err(format!("{what}: {} is blamed", named.display())),
    }
}

/// Flips bits in a copy of a store; how many.
///
/// # Errors
/// One was not found, another file was blamed, or something else changed.
pub(crate) fn try_out(store: &Path, dice: &mut Dice) -> Result<u64, String> {
    let folder = tempfile::tempdir_in(store.parent().unwrap_or(store)).map_err(text)?;
    let copy = folder.path().join("rotten");
    copy_folder(store, &copy).map_err(text)?;
    let sound = View::of(&copy)?.map_err(|path| format!("rot: {} was damaged before", path.display()))?;
    let files = stored(&copy).map_err(text)?;
    let mut flips = 0;
    for number in 0..FLIPS {
        let file = &files[dice.between::<usize>(0, files.len() as u64 - 1)];
        let mut bytes = fs::read(file).map_err(text)?;
        if bytes.is_empty() {
            continue;
        }
        let (at, bit) = (dice.between::<usize>(0, bytes.len() as u64 - 1), dice.between::<u32>(0, 7));
        let complain = |how: String| {
            let name = file.strip_prefix(&copy).unwrap_or(file).display();
            format!("rot: bit {bit} of byte {at} of {name} was flipped: {how}")
        };
        bytes[at] ^= 1 << bit;
        fs::write(file, &bytes).map_err(text)?;
        flips += 1;
        judge(&copy, &sound, file).map_err(complain)?;
        if number + 1 == FLIPS {
            // The last one stays: a writer finds it.
            open(&copy, &sound, file).map_err(complain)?;
        } else {
            bytes[at] ^= 1 << bit;
            fs::write(file, &bytes).map_err(text)?;
        }
    }
    Ok(flips)
}

/// Looks at the store with this file rotten.
fn judge(store: &Path, sound: &View, file: &Path) -> Result<(), String> {
    match View::of(store)? {
        Err(path) if path == file => {}
        Err(path) => return Err(format!("{} is blamed", path.display())),
        Ok(view) => view.compare(sound, file)?,
    }
    match verify(store) {
        Err(error) if error.path == file => Ok(()),
        Err(error) => Err(format!("verify: {error}")),
        Ok(report) => {
            let problems = report.problems.iter().map(|problem| &problem.path);
            let blamed: Vec<_> = problems.chain(report.damage.iter().map(|damage| &damage.path)).collect();
            if blamed.is_empty() || blamed.iter().any(|path| *path != file) {
                return Err(format!("verify blames {blamed:?}"));
            }
            Ok(())
        }
    }
}

/// Opens the store with this file rotten for writing, seals, and looks again: what other files held is there.
fn open(store: &Path, sound: &View, file: &Path) -> Result<(), String> {
    let (writer, recovery) = match named(Writer::open(store, Options::default()))? {
        Ok(opened) => opened,
        Err(path) if path == file => return Ok(()),
        Err(path) => return Err(format!("{} is blamed by a writer", path.display())),
    };
    if recovery.damage.iter().any(|damage| damage.path != file) {
        return Err(format!("a writer blames {:?}", recovery.damage));
    }
    writer.close(i64::MAX / 2).map_err(text)?;
    let view = View::of(store)?.map_err(|path| format!("{} is blamed afterwards", path.display()))?;
    let is_segment = sound.segments.contains_key(file);
    let mut want: Vec<&Row> = sound.tail.iter().collect();
    want.extend(sound.segments.iter().filter(|(path, _)| *path != file).flat_map(|(_, rows)| rows).flatten());
    let mut have: Vec<&Row> = view.tail.iter().collect();
    have.extend(view.segments.values().flatten().flatten());
    want.sort_unstable();
    have.sort_unstable();
    let (missing, extra) = check::differences(want.into_iter(), have.into_iter());
    // A bit that no row rests on (of Parquet's mark at the beginning) may go unnoticed, and its file's rows be written anew.
    let mut own: Vec<&Row> = sound.segments.get(file).into_iter().flatten().flatten().collect();
    own.sort_unstable();
    let (extra, _) = check::differences(extra.into_iter(), own.into_iter());
    let is_journal = file.extension().is_some_and(|extension| extension == "wal");
    if !extra.is_empty() || (!missing.is_empty() && !is_journal) {
        return Err(format!(
            "a writer lost {} rows and made {} ({})",
            missing.len(),
            extra.len(),
            if is_segment { "a segment" } else { "no segment" }
        ));
    }
    Ok(())
}

fn text(error: impl std::fmt::Display) -> String {
    format!("rot: {error}")
}

fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// The files that are the store, sorted.
fn stored(store: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = vec![store.join("manifest")];
    collect(&store.join("journal"), &mut files)?;
    // What was damaged before and is kept is no part of it.
    files.retain(|file| file.extension().is_none_or(|extension| extension != "damaged"));
    let manifest = fs::read_to_string(store.join("manifest"))?;
    for top in ["flows", "bins", "health", "counters", "memory"] {
        let mut found = Vec::new();
        collect(&store.join(top), &mut found)?;
        files.extend(found.into_iter().filter(|file| is_named(&manifest, store, file)));
    }
    files.sort();
    Ok(files)
}

/// Whether the manifest's text names this file, and nowhere says that it is given up.
fn is_named(manifest: &str, store: &Path, file: &Path) -> bool {
    let name = file.strip_prefix(store).unwrap_or(file).display();
    let (quoted, given) = (format!("\"{name}\""), format!("\"name\":\"{name}\""));
    if name.to_string().starts_with("memory") {
        // The last one counts.
        let last = manifest.rfind("\"memory\":{\"name\":").and_then(|at| manifest.get(at..));
        return last.is_some_and(|text| text.starts_with(&format!("\"memory\":{{{given}")));
    }
    manifest.matches(&given).count() == 1 && manifest.matches(&quoted).count() == 1
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { collect(&path, files)? } else { files.push(path) }
    }
    Ok(())
}
