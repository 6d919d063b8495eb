//! The store at one instant, for any number of readers, without a lock.
//!
//! The journal is read first and the manifest after it. A frame that is sealed in between is then in the
//! manifest's files, and is left out of what the journal gave; one that is appended later is in neither. So every
//! row is seen exactly once.

use crate::bins::{self, Accumulator, BinRow, SumRow, Sums};
use crate::error::What;
use crate::heir::Rolled;
use crate::journal::{self, Accounts, Damage, Outline, totals};
use crate::manifest::{BinsFile, Files, Manifest, MemoryFile, PartFile, SegmentFile};
use crate::segment::Reader;
use crate::source::{Open, Source};
use crate::unit::Late;
use crate::{Error, Totals, counter, health, memory, rescale};
use std::fs::File;
use std::num::NonZero;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use weir_flow::Batch;
use weir_flow::counter::Sample;
use weir_flow::memory::Memory;
use weir_flow::time::bin;

/// How often a snapshot is tried again when files vanish while it is taken.
const TRIES: usize = 5;

/// To add up fewer files of accounts no thread is begun.
const FILES_A_THREAD: usize = 2;

/// The store at one instant.
#[derive(Debug)]
pub struct Snapshot {
    root: PathBuf,
    /// The segments, in the order they were committed.
    pub segments: Vec<SegmentEntry>,
    /// What is journaled and not yet sealed, in the order it was appended.
    pub tail: Vec<TailEntry>,
    /// Segments that were given up, of which there are roll-ups, in the order that they were.
    pub rolled: Vec<Rolled>,
    parts: Vec<PartFile>,
    files: Files,
    open: Open,
    memory: Option<MemoryFile>,
    imports: Vec<Imported>,
    flows_before: Option<i64>,
    accounts_before: Option<i64>,
    damage: Vec<Damage>,
}

/// A segment of a snapshot, with what must be known to leave it closed.
#[derive(Clone, Debug)]
pub struct SegmentEntry {
    /// The file.
    pub path: PathBuf,
    /// Length of the file in bytes.
    pub bytes: u64,
    /// Rows and sums.
    pub totals: Totals,
    /// How many rows.
    pub rows: u64,
    /// Earliest start, ms since 1970.
    pub start_min: i64,
    /// Latest start.
    pub start_max: i64,
    /// Earliest end.
    pub end_min: i64,
    /// Latest end.
    pub end_max: i64,
    entry: SegmentFile,
    open: Option<Arc<File>>,
}

impl SegmentEntry {
    pub(crate) fn new(root: &Path, entry: &SegmentFile) -> Self {
        Self {
            path: root.join(&entry.name),
            bytes: entry.bytes,
            totals: entry.totals,
            rows: entry.totals.rows,
            start_min: entry.start.0,
            start_max: entry.start.1,
            end_min: entry.end.0,
            end_max: entry.end.1,
            entry: entry.clone(),
            open: None,
        }
    }

    /// Opens it, and checks its footer against the manifest.
    ///
    /// # Errors
    /// It cannot be read, is damaged, or has been retired meanwhile ([`Error::is_vanished`]).
    pub fn open(&self) -> Result<Reader, Error> {
        Reader::open_checked(&self.path, self.open.clone(), &self.entry)
    }

    /// Everything that the manifest says of its bytes: two segments of which it is the same hold the same rows.
    #[must_use]
    pub fn identity(&self) -> String {
        let SegmentFile { name, bytes, crc32c, tail_bytes, tail_crc32c, totals, start, end, received } =
            &self.entry;
        let Totals { rows, octets, packets } = totals;
        format!(
            "{name} {bytes} {:08x} {tail_bytes} {:08x} {rows} {octets} {packets} {start:?} {end:?} {received:?}",
            crc32c.0, tail_crc32c.0
        )
    }

    /// The last arrival of a row, ms since 1970, as far as the manifest says it.
    #[must_use]
    pub fn received_max(&self) -> Option<i64> {
        Some(self.entry.received.1).filter(|_| self.entry.received.0 != i64::MIN)
    }

    pub(crate) fn entry(&self) -> &SegmentFile {
        &self.entry
    }
}

/// Rows that are journaled and not yet sealed. They stay in the journal's file, which is kept open: columns are read
/// when they are asked for, whatever has become of the file's name.
#[derive(Clone, Debug)]
pub struct TailEntry {
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
    frame: Outline,
    /// The columns that late sampling intervals changed, and what that counts.
    scaled: Option<Arc<(Batch, Vec<weir_flow::health::Row>)>>,
}

impl TailEntry {
    /// Only rows that a late sampling interval may be for are read now.
    fn new(frame: Outline, late: &[Late]) -> Result<Self, Error> {
        let rescales = rescale::concerning(frame.sequence, &frame.summary, late);
        let scaled = if rescales.is_empty() { None } else { rescale::scaled(&*frame.frame()?, &rescales) };
        let bounds = frame.summary.bounds;
        Ok(Self {
            rows: frame.summary.rows(),
            start_min: bounds.start.0,
            start_max: bounds.start.1,
            end_min: bounds.end.0,
            end_max: bounds.end.1,
            scaled: scaled.map(Arc::new),
            frame,
        })
    }

    /// The sequence under which it was appended.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.frame.sequence
    }

    /// The rows, with the columns whose bits are set. Columns that no row has are loaded with no value.
    ///
    /// # Errors
    /// They cannot be read, or are not what was written ([`What::Damaged`]).
    pub fn read(&self, columns: u64) -> Result<Batch, Error> {
        let mut batch = self.frame.frame()?.batch(columns);
        if let Some(scaled) = &self.scaled {
            rescale::overlay(&mut batch, &scaled.0);
        }
        Ok(batch)
    }

    fn health(&self) -> Vec<weir_flow::health::Row> {
        let mut rows = self.frame.summary.health();
        rows.extend(self.scaled.iter().flat_map(|scaled| scaled.1.iter().cloned()));
        rows
    }

    /// The accounts that the frame carries, unless its rows were scaled since.
    fn carried(&self) -> Option<Accounts<'_>> {
        self.frame.summary.accounts().filter(|_| self.scaled.is_none())
    }

    /// The same without hosts; frames of older stores carry none.
    fn folded(&self) -> Option<Accounts<'_>> {
        self.frame.summary.folded().filter(|_| self.scaled.is_none())
    }

    fn totals(&self) -> Totals {
        match &self.scaled {
            Some(scaled) => totals(&scaled.0),
            None => self.frame.summary.totals,
        }
    }
}

/// An import that is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// What the user called it.
    pub label: String,
    /// Digest of what was imported, in hexadecimal.
    pub digest: String,
    /// How many bytes it had.
    pub size: u64,
    /// When it was committed, ms since 1970.
    pub at: i64,
}

impl Snapshot {
    /// Takes a snapshot of the store in this folder.
    ///
    /// # Errors
    /// There is no store ([`What::Missing`]), or its manifest cannot be read.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let (mut last, mut bytes) = Self::take(path)?;
        for _ in 1..TRIES {
            // Files go only after a line of the manifest said so. Where it has none more since, all are there, and
            // thousands of names need not be looked up.
            if std::fs::metadata(path.join(crate::manifest::NAME)).is_ok_and(|now| now.len() == bytes) {
                break;
            }
            let memory = last.memory.iter().map(|file| file.name.as_str());
            let parts = last.parts.iter().map(|part| part.name.as_str());
            let is_there = last.files.names().chain(memory).chain(parts).all(|name| path.join(name).exists());
            if is_there {
                break;
            }
            (last, bytes) = Self::take(path)?;
        }
        Ok(last)
    }

    /// Takes a snapshot and opens what it has of this span (ms since 1970), so that it can be read however long that
    /// takes: of a store that is written meanwhile, files of another snapshot may be replaced or given up at any time.
    ///
    /// # Errors
    /// As [`Snapshot::open`]; or files vanish faster than they can be opened ([`Error::is_vanished`]).
    pub fn open_span(path: &Path, range: &Range<i64>) -> Result<Self, Error> {
        Self::open_files(path, range, usize::MAX)
    }

    /// As [`Snapshot::open_span`], but keeps no more than so many files open: for a process that needs its descriptors for
    /// other things as well. The rest can still be read by name, if it is there then.
    ///
    /// # Errors
    /// As [`Snapshot::open_span`].
    pub fn open_files(path: &Path, range: &Range<i64>, files_max: usize) -> Result<Self, Error> {
        let mut taken = Self::open(path)?;
        for _ in 1..TRIES {
            match taken.keep(range, files_max) {
                Err(error) if error.is_vanished() => taken = Self::open(path)?,
                done => return done.map(|()| taken),
            }
        }
        taken.keep(range, files_max).map(|()| taken)
    }

    /// Opens the files that have anything of this span, so many at most.
    fn keep(&mut self, range: &Range<i64>, files_max: usize) -> Result<(), Error> {
        let is_in = |s: &&SegmentFile| s.start.0 < range.end && s.end.1.max(s.start.1) >= range.start;
        let segments = self.files.segments.iter().filter(is_in).map(|file| file.name.as_str());
        let bins = self.files.bins.iter().filter(|file| file.overlaps(range));
        let tables = self.files.health.iter().chain(&self.files.counters).filter(|file| file.overlaps(range));
        let tables = bins.flat_map(BinsFile::each).chain(tables);
        let memory = self.memory.iter().map(|file| file.name.as_str());
        // What is replaced most often comes first.
        let names = memory.chain(tables.map(|file| file.name.as_str())).chain(segments);
        self.open = Open::new(&self.root, names.take(files_max))?;
        for segment in &mut self.segments {
            segment.open = self.open.get(&segment.entry.name);
        }
        Ok(())
    }

    /// A file of the store.
    fn source(&self, name: &str) -> Source {
        self.open.source(&self.root, name)
    }

    /// It, and how long the manifest is that it was taken from.
    fn take(root: &Path) -> Result<(Self, u64), Error> {
        let mut frames = Vec::new();
        let mut damage = Vec::new();
        for (_, path) in journal::files(root)? {
            match journal::outline(&path) {
                Ok(outlines) => {
                    frames.extend(outlines.frames);
                    damage.extend(outlines.damage);
                }
                // Sealed and removed since it was listed: the manifest, read later, has it.
                Err(error) if error.is_vanished() => {}
                Err(error) => return Err(error),
            }
        }
        let manifest = Manifest::read(root)?;
        damage.extend(manifest.mended.map(|at| Damage::of_manifest(root, at)));
        frames.retain(|f| f.sequence > manifest.sealed);
        frames.sort_by_key(|f| f.sequence);
        frames.dedup_by_key(|f| f.sequence);
        // Intervals that are sealed but not yet everywhere (those of an import are for frames before it too), and
        // those of the journal.
        let mut late = manifest.pending.clone();
        frames.iter().for_each(|frame| late.extend(Late::of_frame(frame.sequence, &frame.summary)));
        late.sort_by_key(|late| late.place);
        let (files, bytes) = (manifest.files(), manifest.len + manifest.torn);
        let mut tail = Vec::with_capacity(frames.len());
        for frame in frames {
            match TailEntry::new(frame, &late) {
                Ok(entry) => tail.push(entry),
                Err(Error { path, what: What::Damaged(how) }) => {
                    damage.push(Damage { path, bytes: 0..0, how });
                }
                Err(error) => return Err(error),
            }
        }
        let snapshot = Self {
            root: root.to_path_buf(),
            segments: files.segments.iter().map(|s| SegmentEntry::new(root, s)).collect(),
            tail,
            rolled: manifest.remains.iter().map(|remains| Rolled::new(root, remains)).collect(),
            parts: manifest.parts().cloned().collect(),
            imports: manifest.imports.iter().map(Imported::new).collect(),
            flows_before: manifest.flows_before,
            accounts_before: manifest.accounts_before,
            memory: manifest.memory,
            files,
            open: Open::default(),
            damage,
        };
        Ok((snapshot, bytes))
    }

    /// All files that the manifest names.
    pub(crate) fn files(&self) -> &Files {
        &self.files
    }

    /// The roll-ups of what was given up.
    pub(crate) fn parts(&self) -> &[PartFile] {
        &self.parts
    }

    /// The store's folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The imports, in the order they were committed.
    #[must_use]
    pub fn imports(&self) -> &[Imported] {
        &self.imports
    }

    /// Rows of flows that ended before this, ms since 1970, may have been given up; `None` if none ever were.
    #[must_use]
    pub fn flows_before(&self) -> Option<i64> {
        self.flows_before
    }

    /// From here on, ms since 1970, both rows and accounts are all there.
    #[must_use]
    pub fn whole_from(&self) -> i64 {
        self.flows_before.max(self.accounts_before).unwrap_or(i64::MIN)
    }

    /// Accounts and counts of bins that ended before this, ms since 1970, may have been given up; `None` if none ever were.
    #[must_use]
    pub fn accounts_before(&self) -> Option<i64> {
        self.accounts_before
    }

    /// Parts of the journal that cannot be read and were passed over.
    #[must_use]
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }

    /// The files that writers put aside because they are damaged, with their lengths. What could be read of them is in the
    /// store; nothing reads them any more.
    ///
    /// # Errors
    /// A folder cannot be listed.
    pub fn put_aside(&self) -> Result<Vec<(PathBuf, u64)>, Error> {
        let mut aside = Vec::new();
        for folder in [crate::journal::FOLDER, crate::memory::FOLDER] {
            let entries = crate::recovery::list(&self.root.join(folder))?;
            aside.extend(entries.into_iter().filter(|path| path.extension().is_some_and(|e| e == "damaged")));
        }
        aside.sort();
        // One that is taken away meanwhile is no matter any more.
        let sized = |path: PathBuf| std::fs::metadata(&path).ok().map(|data| (path, data.len()));
        Ok(aside.into_iter().filter_map(sized).collect())
    }

    /// From the first to behind the last bin, or arrival of a counter, that is sealed: for who reads piece by piece.
    #[must_use]
    pub fn sealed_span(&self) -> Option<Range<i64>> {
        let files = self.files.bins.iter().chain(&self.files.health).chain(&self.files.counters);
        let spans = files.filter(|file| file.rows > 0).map(|file| file.bin.0..file.bin.1.saturating_add(1));
        spans.reduce(|all, one| all.start.min(one.start)..all.end.max(one.end))
    }

    /// Calls `f` with every account whose bin begins in the range (ms since 1970), sealed or not. Accounts of the
    /// same key may come several times; they add up.
    ///
    /// # Errors
    /// A file of bins cannot be read, or is damaged.
    pub fn bins(&self, range: Range<i64>, f: impl FnMut(&BinRow<'_>)) -> Result<(), Error> {
        self.bins_that(&range, None, f)
    }

    /// As [`Snapshot::bins`], but only the accounts of these tenants: those of others are not decoded.
    ///
    /// # Errors
    /// A file of bins cannot be read, or is damaged.
    pub fn bins_of(
        &self,
        range: Range<i64>,
        tenants: &[&str],
        f: impl FnMut(&BinRow<'_>),
    ) -> Result<(), Error> {
        self.bins_that(&range, Some(tenants), f)
    }

    fn bins_that(
        &self,
        range: &Range<i64>,
        tenants: Option<&[&str]>,
        mut f: impl FnMut(&BinRow<'_>),
    ) -> Result<(), Error> {
        for file in self.files.bins.iter().filter(|file| file.overlaps(range)) {
            let source = self.source(&file.name);
            match tenants {
                None => bins::read(&source, file, range, &mut f)?,
                Some(tenants) => bins::read_of(&source, file, range, tenants, &mut f)?,
            }
        }
        let is_asked =
            |name: Option<&str>| tenants.is_none_or(|all| name.is_some_and(|one| all.contains(&one)));
        let mut inside = |row: &BinRow<'_>| {
            if range.contains(&row.bin) && is_asked(row.tenant) {
                f(row);
            }
        };
        // Frames one after the other have the same accounts, mostly: who asks is told of each once.
        let (mut carried, mut computed) = (Accumulator::new(), Accumulator::new());
        for entry in self.touched(range) {
            let summary = entry.frame.whole_summary()?;
            match summary.accounts().filter(|_| entry.scaled.is_none()) {
                Some(accounts) => carried.merge(accounts),
                None => computed.add(&entry.read(bins::COLUMNS)?),
            }
        }
        carried.for_each_carried(&mut inside);
        computed.for_each(inside);
        Ok(())
    }

    /// As [`Snapshot::bins`], added up over hosts: no account has one. This reads a small part of what that reads.
    ///
    /// # Errors
    /// A file of accounts cannot be read, or is damaged.
    pub fn tenants(&self, range: Range<i64>, mut f: impl FnMut(&BinRow<'_>)) -> Result<(), Error> {
        for file in self.files.bins.iter().filter(|file| file.overlaps(&range)) {
            bins::read_tenants(|name| self.source(name), file, &range, &mut f)?;
        }
        self.journaled_tenants(&range, f)
    }

    /// As [`Snapshot::tenants`], but only the accounts of these tenants: those of others are not decoded.
    ///
    /// # Errors
    /// As [`Snapshot::tenants`].
    pub fn tenants_of(
        &self,
        range: Range<i64>,
        tenants: &[&str],
        mut f: impl FnMut(&BinRow<'_>),
    ) -> Result<(), Error> {
        for file in self.files.bins.iter().filter(|file| file.overlaps(&range)) {
            bins::read_tenants_of(|name| self.source(name), file, &range, tenants, &mut f)?;
        }
        self.journaled_tenants(&range, |row| {
            if row.tenant.is_some_and(|name| tenants.contains(&name)) {
                f(row);
            }
        })
    }

    /// The accounts of tenants that are not sealed.
    fn journaled_tenants(&self, range: &Range<i64>, mut f: impl FnMut(&BinRow<'_>)) -> Result<(), Error> {
        let mut inside = |row: &BinRow<'_>| {
            if range.contains(&row.bin) {
                f(&BinRow { host: None, ..*row });
            }
        };
        let (mut carried, mut computed) = (Accumulator::new(), Accumulator::new());
        for entry in self.touched(range) {
            match (entry.folded(), entry.carried()) {
                (Some(accounts), _) | (None, Some(accounts)) => carried.merge(accounts),
                (None, None) => computed.add(&entry.read(bins::COLUMNS)?),
            }
        }
        carried.for_each_carried(&mut inside);
        computed.for_each(inside);
        Ok(())
    }

    /// As [`Snapshot::tenants`], added up over bins as well: each account of the range once, in no order. Of files that lie
    /// in the range wholly, this reads a small part of what that reads.
    ///
    /// # Errors
    /// A file of accounts cannot be read, or is damaged.
    pub fn sums(&self, range: Range<i64>, f: impl FnMut(&SumRow<'_>)) -> Result<(), Error> {
        let mut sums =
            self.each_file(&range, |sums, file| sums.add_file(|name| self.source(name), file, &range))?;
        self.journaled_tenants(&range, |row| sums.add(&row.into()))?;
        sums.for_each(f);
        Ok(())
    }

    /// As [`Snapshot::sums`], but only the accounts of these tenants are told apart. What those of all others come to is given
    /// by exporter and kind, without a tenant and a class. Accounts of nothing at all are given as well.
    ///
    /// # Errors
    /// As [`Snapshot::sums`].
    pub fn sums_of(
        &self,
        range: Range<i64>,
        tenants: &[&str],
        f: impl FnMut(&SumRow<'_>),
    ) -> Result<(), Error> {
        let mut sums = self.each_file(&range, |sums, file| {
            sums.add_file_of(|name| self.source(name), file, &range, tenants)
        })?;
        self.journaled_tenants(&range, |row| {
            let row = SumRow::from(row);
            let is_asked = row.tenant.is_some_and(|name| tenants.contains(&name));
            sums.add(&if is_asked { row } else { SumRow { tenant: None, class: None, ..row } });
        })?;
        sums.for_all(f);
        Ok(())
    }

    /// The sums of all files of accounts that overlap a range, each added by `add`: of several by as many threads as there are
    /// processors, each with sums of its own.
    fn each_file(
        &self,
        range: &Range<i64>,
        add: impl Fn(&mut Sums, &BinsFile) -> Result<(), Error> + Sync,
    ) -> Result<Sums, Error> {
        let files: Vec<&BinsFile> = self.files.bins.iter().filter(|file| file.overlaps(range)).collect();
        let next = AtomicUsize::new(0);
        let work = || -> Result<Sums, Error> {
            let mut sums = Sums::default();
            while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                add(&mut sums, file)?;
            }
            Ok(sums)
        };
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        let others = processors.min(files.len() / FILES_A_THREAD).saturating_sub(1);
        std::thread::scope(|scope| {
            let others: Vec<_> = (0..others).map(|_| scope.spawn(work)).collect();
            let mut sums = work()?;
            for other in others {
                // A panic in there is a panic here.
                let other = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
                sums.absorb(&other);
            }
            Ok(sums)
        })
    }

    /// What is journaled that may have accounts in the range.
    fn touched(&self, range: &Range<i64>) -> impl Iterator<Item = &TailEntry> {
        let (from, to) = (range.start, range.end);
        let touches = move |e: &&TailEntry| bin(e.start_min) < to && e.end_max.max(e.start_max) >= from;
        self.tail.iter().filter(touches)
    }

    /// Calls `f` with every count whose bin begins in the range (ms since 1970), sealed or not. Counts of the
    /// same thing may come several times; they add up.
    ///
    /// # Errors
    /// A file of counts cannot be read, or is damaged.
    pub fn health(&self, range: Range<i64>, mut f: impl FnMut(&weir_flow::health::Row)) -> Result<(), Error> {
        for file in self.files.health.iter().filter(|file| file.overlaps(&range)) {
            health::read(&self.source(&file.name), file, &range, &mut f)?;
        }
        for row in health::sum(self.tail.iter().flat_map(TailEntry::health)) {
            if range.contains(&row.bin) {
                f(&row);
            }
        }
        Ok(())
    }

    /// What interfaces counted and what arrived in the range (ms since 1970), sealed or not, by interface and then
    /// by time.
    ///
    /// # Errors
    /// A file of counters cannot be read, or is damaged.
    pub fn counters(&self, range: Range<i64>) -> Result<Vec<Sample>, Error> {
        let mut samples = Vec::new();
        for file in self.files.counters.iter().filter(|file| file.overlaps(&range)) {
            counter::read(&self.source(&file.name), file, &range, &mut |sample| samples.push(sample))?;
        }
        let tail = self.tail.iter().flat_map(|e| e.frame.summary.counters());
        samples.extend(tail.filter(|sample| range.contains(&sample.received)));
        samples.sort_by_key(counter::order);
        Ok(samples)
    }

    /// What sessions remember.
    ///
    /// # Errors
    /// Its file cannot be read, is damaged, or has been replaced meanwhile ([`Error::is_vanished`]).
    pub fn memory(&self) -> Result<Memory, Error> {
        let file = self.memory.as_ref();
        let read = |file: &MemoryFile| memory::read(&self.source(&file.name), file);
        let mut memory = file.map(read).transpose()?.unwrap_or_default();
        let known = file.map_or(0, |file| file.sequence);
        for entry in self.tail.iter().filter(|entry| entry.frame.sequence > known) {
            memory::apply(&mut memory, &entry.frame.summary.memory());
        }
        Ok(memory)
    }

    /// Rows, octets and packets of everything, sealed or not.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for segment in &self.segments {
            totals += segment.totals;
        }
        for entry in &self.tail {
            totals += entry.totals();
        }
        totals
    }

    /// First start and last end of all rows, ms since 1970; `None` if there are no rows.
    #[must_use]
    pub fn span(&self) -> Option<(i64, i64)> {
        let segments =
            self.segments.iter().filter(|s| s.rows > 0).map(|s| (s.start_min, s.end_max.max(s.start_max)));
        let tail = self.tail.iter().filter(|t| t.rows > 0).map(|t| (t.start_min, t.end_max.max(t.start_max)));
        segments.chain(tail).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }

    /// The accounts computed again from the rows: what [`Snapshot::bins`] must add up to.
    ///
    /// # Errors
    /// A segment cannot be read, or is damaged.
    pub fn recompute_bins(&self, range: Range<i64>) -> Result<Accumulator, Error> {
        let touches =
            |s: &&SegmentEntry| bin(s.start_min) < range.end && s.end_max.max(s.start_max) >= range.start;
        let mut accumulator = Accumulator::new();
        for segment in self.segments.iter().filter(touches) {
            let reader = segment.open()?;
            for group in 0..reader.row_groups().len() {
                accumulator.add(&reader.read_all(group, bins::COLUMNS)?);
            }
        }
        for entry in &self.tail {
            accumulator.add(&entry.read(bins::COLUMNS)?);
        }
        accumulator.retain(&range);
        Ok(accumulator)
    }

    pub(crate) fn memory_file(&self) -> Option<&MemoryFile> {
        self.memory.as_ref()
    }
}

/// Whether there is a store in this folder.
#[must_use]
pub fn exists(path: &Path) -> bool {
    !matches!(Manifest::read(path), Err(Error { what: What::Missing, .. }))
}
