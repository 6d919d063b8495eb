//! The manifest: which files are the store.
//!
//! A text file that is only appended to. Each line is the CRC-32C of its JSON in eight hexadecimal digits, a
//! space, and the JSON. Appending one line is the commit point of whatever it names: a seal, an import, a
//! retirement. A file that no line names does not exist, whatever lies in the folders.

use crate::error::What;
use crate::unit::{Late, Unit};
use crate::{Error, Totals, mend};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fs;
use std::ops::Range;
use std::path::Path;

/// The manifest's name in the store.
pub(crate) const NAME: &str = "manifest";
/// The version of the store's format that this program reads and writes.
pub(crate) const FORMAT: u64 = 3;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Line {
    /// The first line: the version of the format.
    WeirStore(u64),
    /// Journal frames have become files.
    Seal(Seal),
    /// An import is complete.
    Import(Import),
    /// Files are no longer part of the store.
    Retire(Retire),
    /// Files have taken the place of others.
    Replace(Replace),
    /// Late sampling intervals have been brought to all rows that they are for.
    Settle(Settle),
    /// Several replacements in one step, each of files of one unit: accounts computed again from their rows.
    Rebuild(Rebuild),
    /// The second line of a manifest that was written anew: what all lines said before.
    Checkpoint(Box<Checkpoint>),
}

/// Journal frames `from..=to` are now in these files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seal {
    pub from: u64,
    pub to: u64,
    /// When, ms since 1970.
    pub at: i64,
    #[serde(flatten)]
    pub files: Files,
    /// What sessions remember after these frames, where they changed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<MemoryFile>,
    /// Sampling intervals in these frames that are for rows of earlier units too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rescales: Vec<Late>,
}

/// What was imported, and the files it is in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Import {
    /// What the user calls it: mostly a file's name.
    pub label: String,
    /// Digest of the imported bytes, in hexadecimal.
    pub digest: String,
    /// How many bytes were imported.
    pub size: u64,
    /// When, ms since 1970.
    pub at: i64,
    /// The last journal frame that came before it.
    #[serde(default)]
    pub after: u64,
    #[serde(flatten)]
    pub files: Files,
    /// What sessions remember after it, where it changed that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<MemoryFile>,
    /// Sampling intervals in it that are for rows of earlier units too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rescales: Vec<Late>,
}

/// The named files are given up, and these are there instead, in one step. They hold the same rows and sums,
/// written anew. Where the names are of several units, these become one, with all that they had left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Replace {
    /// When, ms since 1970.
    pub at: i64,
    pub names: Vec<String>,
    #[serde(flatten)]
    pub files: Files,
}

/// Replacements that are committed together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rebuild {
    /// When, ms since 1970.
    pub at: i64,
    pub parts: Vec<Replace>,
    /// What is remembered from here on, in the place of a file that cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<MemoryFile>,
}

/// What all lines together say, as a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Checkpoint {
    /// How many lines came before: names of files count on from there.
    pub lines: u64,
    pub sealed: u64,
    pub units: Vec<Unit>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<MemoryFile>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<Late>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accounts_before: Option<i64>,
    /// Under its former name it was the later of this and `accounts_before`: then more is said to be gone than is.
    #[serde(default, alias = "retired_before", skip_serializing_if = "Option::is_none")]
    pub flows_before: Option<i64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remains: Vec<Remains>,
    /// Without their files, which the units have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub imports: Vec<Import>,
}

impl Checkpoint {
    pub(crate) fn of(manifest: &Manifest) -> Self {
        Self {
            lines: manifest.lines,
            sealed: manifest.sealed,
            units: manifest.units.clone(),
            memory: manifest.memory.clone(),
            pending: manifest.pending.clone(),
            accounts_before: manifest.accounts_before,
            flows_before: manifest.flows_before,
            remains: manifest.remains.clone(),
            imports: manifest.imports.clone(),
        }
    }
}

/// So many of the sampling intervals that were to be brought to earlier units, the oldest, are done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settle {
    /// When, ms since 1970.
    pub at: i64,
    pub count: usize,
}

/// Files that were given up, by their names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Retire {
    /// When, ms since 1970.
    pub at: i64,
    /// Rows that ended before this, ms since 1970, may be missing from now on;
    pub flows_before: i64,
    /// and accounts of bins that ended before this.
    pub accounts_before: i64,
    pub names: Vec<String>,
    /// What is kept of segments among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remains: Vec<Remains>,
}

/// What is kept of a segment that was given up: roll-ups of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Remains {
    /// The segment as it was named.
    pub segment: SegmentFile,
    pub parts: Vec<PartFile>,
}

/// A roll-up of a segment, as a file that the store vouches for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PartFile {
    pub name: String,
    /// Of which roll-up.
    pub rollup: String,
    pub bytes: u64,
    pub crc32c: Hex,
}

/// The files that become visible together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Files {
    pub segments: Vec<SegmentFile>,
    pub bins: Vec<BinsFile>,
    pub health: Vec<BinsFile>,
    /// `bin` of these is the time of arrival.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counters: Vec<BinsFile>,
}

/// What sessions remember, as a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MemoryFile {
    pub name: String,
    pub bytes: u64,
    pub crc32c: Hex,
    /// The last journal frame whose changes are in it.
    pub sequence: u64,
}

/// A segment: what a reader must know to leave it closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SegmentFile {
    /// Its path inside the store.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// CRC-32C of all its bytes, in hexadecimal.
    pub crc32c: Hex,
    /// How many bytes at its end are the footer and the page index, and the CRC-32C of these.
    pub tail_bytes: u64,
    pub tail_crc32c: Hex,
    #[serde(flatten)]
    pub totals: Totals,
    /// First and last start, first and last end, ms since 1970.
    pub start: (i64, i64),
    pub end: (i64, i64),
    /// First and last arrival.
    #[serde(default = "always")]
    pub received: (i64, i64),
}

fn always() -> (i64, i64) {
    (i64::MIN, i64::MAX)
}

/// A file of bins, or of counts by bin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BinsFile {
    pub name: String,
    pub bytes: u64,
    pub crc32c: Hex,
    pub rows: u64,
    /// First and last bin, ms since 1970.
    pub bin: (i64, i64),
    /// Of accounts: the file of the same without hosts, which shares their life. Files of format 2 have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenants: Option<Box<BinsFile>>,
    /// Of accounts: the file of the same without hosts and bins, where it is much shorter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sums: Option<Box<BinsFile>>,
}

impl BinsFile {
    /// Itself and the files beside it.
    pub(crate) fn each(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(self.tenants.as_deref()).chain(self.sums.as_deref())
    }

    /// Whether any bin in the range may be in it.
    pub(crate) fn overlaps(&self, range: &Range<i64>) -> bool {
        self.rows > 0 && self.bin.0 < range.end && self.bin.1 >= range.start
    }

    /// Whether all bins in it are in the range.
    pub(crate) fn is_within(&self, range: &Range<i64>) -> bool {
        range.contains(&self.bin.0) && range.contains(&self.bin.1)
    }
}

/// A checksum as eight hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Hex(pub u32);

impl From<Hex> for String {
    fn from(hex: Hex) -> Self {
        format!("{:08x}", hex.0)
    }
}

impl TryFrom<String> for Hex {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        u32::from_str_radix(&text, 16).map(Self).map_err(|_| format!("`{text}` is not a checksum"))
    }
}

/// What all lines together say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Manifest {
    /// The files, by what they were committed as.
    pub units: Vec<Unit>,
    /// What sessions remembered when that last changed.
    pub memory: Option<MemoryFile>,
    /// Sampling intervals that have not yet been brought to all rows that they are for, in their order.
    pub pending: Vec<Late>,
    /// Accounts and counts of bins that ended before this may be missing.
    pub accounts_before: Option<i64>,
    /// The last journal frame that is in files.
    pub sealed: u64,
    pub imports: Vec<Import>,
    /// Before this, ms since 1970, rows may have been given up.
    pub flows_before: Option<i64>,
    /// What is kept of segments that were given up, in the order that they were.
    pub remains: Vec<Remains>,
    /// The version of its format.
    pub format: u64,
    /// How many lines there were ever, of all kinds,
    pub lines: u64,
    /// and how many since it was written anew.
    pub lines_here: u64,
    /// How many bytes the whole lines take; what follows is a torn tail.
    pub len: u64,
    pub torn: u64,
    /// The byte of the file in which a bit was flipped, and was put right here.
    pub mended: Option<u64>,
}

impl Manifest {
    /// Reads the manifest of a store. A torn last line was never committed, and is left out.
    pub(crate) fn read(root: &Path) -> Result<Self, Error> {
        let path = root.join(NAME);
        match fs::read(&path) {
            Ok(bytes) => Self::parse(&path, &bytes).or_else(|error| Self::mended(&path, bytes, error)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(Error::new(root, What::Missing))
            }
            Err(error) => Err(Error::io(&path, "read", error)),
        }
    }

    /// Reads it with the one bit put right that is wrong, if there is one and no more.
    fn mended(path: &Path, mut bytes: Vec<u8>, error: Error) -> Result<Self, Error> {
        let Some(found) = mend::find(&bytes) else { return Err(error) };
        if let Some(byte) = bytes.get_mut(found.at) {
            *byte = found.byte;
        }
        match Self::parse(path, &bytes) {
            Ok(manifest) => Ok(Self { mended: Some(found.at as u64), ..manifest }),
            Err(_) => Err(error),
        }
    }

    fn parse(path: &Path, bytes: &[u8]) -> Result<Self, Error> {
        let mut manifest = Self::default();
        for (number, line) in bytes.split_inclusive(|b| *b == b'\n').enumerate() {
            let at = |how: String| Error::damaged(path, format!("line {}: {how}", number + 1));
            let Some(line) = line.strip_suffix(b"\n") else {
                // A line that is whole but for its end was committed: its last byte is not what was written.
                if line.split_last().is_some_and(|(_, rest)| parse_line(rest).is_ok()) {
                    return Err(at("it does not end as it should".to_owned()));
                }
                manifest.torn = line.len() as u64;
                break;
            };
            manifest.apply(path, parse_line(line).map_err(at)?)?;
            manifest.lines += 1;
            manifest.lines_here += 1;
            manifest.len += line.len() as u64 + 1;
        }
        Ok(manifest)
    }

    /// Takes a line in.
    pub(crate) fn apply(&mut self, path: &Path, line: Line) -> Result<(), Error> {
        match line {
            Line::WeirStore(version @ 1..=FORMAT) if self.lines == 0 => self.format = version,
            Line::WeirStore(version) if self.lines == 0 => {
                return Err(Error::new(path, What::TooNew(version)));
            }
            Line::WeirStore(_) => return Err(Error::damaged(path, "it begins twice")),
            _ if self.lines == 0 => return Err(Error::damaged(path, "its first line is missing")),
            Line::Seal(seal) => {
                self.sealed = self.sealed.max(seal.to);
                self.units.push(Unit::of_seal(seal.to, seal.files));
                self.memory = seal.memory.or(self.memory.take());
                self.pending.extend(seal.rescales);
            }
            Line::Import(mut import) => {
                let number = self.imports.len() as u64 + 1;
                self.units.extend(Unit::of_import(import.after, number, &std::mem::take(&mut import.files)));
                self.memory = import.memory.take().or(self.memory.take());
                self.pending.append(&mut import.rescales);
                self.imports.push(import);
            }
            Line::Replace(replace) => self.replace(path, &replace)?,
            Line::Rebuild(rebuild) => {
                for part in rebuild.parts {
                    self.replace(path, &part)?;
                }
                self.memory = rebuild.memory.or(self.memory.take());
            }
            Line::Checkpoint(checkpoint) if self.lines == 1 => self.restore(*checkpoint),
            Line::Checkpoint(_) => {
                return Err(Error::damaged(path, "it has a checkpoint that is not its beginning"));
            }
            Line::Settle(settle) => drop(self.pending.drain(..settle.count.min(self.pending.len()))),
            Line::Retire(retire) => {
                self.retire(&retire.names);
                self.remains.extend(retire.remains);
                // Where a line gives up nothing of a kind, it says the beginning of time.
                let given_up = |before: i64| Some(before).filter(|before| *before > i64::MIN);
                self.flows_before = self.flows_before.max(given_up(retire.flows_before));
                self.accounts_before = self.accounts_before.max(given_up(retire.accounts_before));
            }
        }
        Ok(())
    }
}

impl Manifest {
    /// All files, in the order they were committed.
    pub(crate) fn files(&self) -> Files {
        let mut files = Files::default();
        self.units.iter().for_each(|unit| files.extend(&unit.files));
        files
    }

    /// The roll-ups that are kept of what was given up.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &PartFile> {
        self.remains.iter().flat_map(|remains| &remains.parts)
    }

    fn replace(&mut self, path: &Path, replace: &Replace) -> Result<(), Error> {
        let gone: HashSet<&str> = replace.names.iter().map(String::as_str).collect();
        let mut merged: Option<Unit> = None;
        let mut at = 0;
        // They become one, which stands where the last of them stood.
        let units = std::mem::take(&mut self.units);
        for mut unit in units {
            if !unit.files.names().any(|name| gone.contains(name)) {
                self.units.push(unit);
                continue;
            }
            unit.files.retire(&gone);
            at = self.units.len();
            merged = Some(match merged {
                Some(before) => before.join(unit),
                None => unit,
            });
        }
        let Some(mut unit) = merged else {
            return Err(Error::damaged(path, "it replaces files that it does not name"));
        };
        unit.files.extend(&replace.files);
        self.units.insert(at, unit);
        self.units.retain(|unit| unit.files.names().next().is_some());
        Ok(())
    }

    fn retire(&mut self, names: &[String]) {
        let gone: HashSet<&str> = names.iter().map(String::as_str).collect();
        for unit in &mut self.units {
            let segments = unit.files.segments.len();
            unit.files.retire(&gone);
            unit.is_partial |= unit.files.segments.len() < segments;
        }
        self.units.retain(|unit| unit.files.names().next().is_some());
        for remains in &mut self.remains {
            remains.parts.retain(|part| !gone.contains(part.name.as_str()));
        }
        self.remains.retain(|remains| !remains.parts.is_empty());
    }

    /// What a checkpoint says, whose line is counted by whoever reads it.
    fn restore(&mut self, checkpoint: Checkpoint) {
        self.lines = checkpoint.lines.saturating_sub(1).max(self.lines);
        self.sealed = checkpoint.sealed;
        self.units = checkpoint.units;
        self.memory = checkpoint.memory;
        self.pending = checkpoint.pending;
        self.accounts_before = checkpoint.accounts_before.filter(|before| *before > i64::MIN);
        self.flows_before = checkpoint.flows_before;
        self.remains = checkpoint.remains;
        self.imports = checkpoint.imports;
    }
}

impl Files {
    /// Adds other files.
    pub(crate) fn extend(&mut self, other: &Self) {
        self.segments.extend_from_slice(&other.segments);
        self.bins.extend_from_slice(&other.bins);
        self.health.extend_from_slice(&other.health);
        self.counters.extend_from_slice(&other.counters);
    }

    /// The names of all of them.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().map(|f| f.name.as_str()).chain(self.small().map(|f| f.name.as_str()))
    }

    /// All but the segments.
    pub(crate) fn small(&self) -> impl Iterator<Item = &BinsFile> {
        self.bins.iter().flat_map(BinsFile::each).chain(&self.health).chain(&self.counters)
    }

    /// Takes files out.
    fn retire(&mut self, gone: &HashSet<&str>) {
        self.segments.retain(|f| !gone.contains(f.name.as_str()));
        self.bins.retain(|f| !gone.contains(f.name.as_str()));
        self.health.retain(|f| !gone.contains(f.name.as_str()));
        self.counters.retain(|f| !gone.contains(f.name.as_str()));
    }
}

pub(crate) fn parse_line(line: &[u8]) -> Result<Line, String> {
    let (crc, json) = line.split_at_checked(9).ok_or("it is too short")?;
    if crc != format!("{:08x} ", crc32c::crc32c(json)).as_bytes() {
        return Err("its checksum is wrong".to_owned());
    }
    serde_json::from_slice(json).map_err(|e| e.to_string())
}

pub(crate) fn format_line(line: &Line) -> Result<Vec<u8>, String> {
    let json = serde_json::to_string(line).map_err(|e| e.to_string())?;
    Ok(format!("{:08x} {json}\n", crc32c::crc32c(json.as_bytes())).into_bytes())
}
