//! Units: files that were made together from the same rows, and the order of everything in a store.
//!
//! A seal makes one unit: its segments, their accounts and their counts. An import makes one for each of its
//! tasks. Several are put together where they are small (`compact`). A unit's accounts are those of its rows, unless
//! segments of it were given up: then it is partial, and is never written anew from its rows.
//!
//! A sampling interval that came late is for the rows that came before it and no others. So units and such
//! intervals have a [`Place`] in one order: journal frames by their sequence, an import after the last frame that
//! was appended before it was committed.

use crate::journal::Summary;
use crate::manifest::Files;
use serde::{Deserialize, Serialize};
use weir_flow::names::SamplingSource;
use weir_flow::{Addr, Rescale};

/// A place in the order in which things came into a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Place {
    /// The journal frame; of an import, the last one before it.
    pub sequence: u64,
    /// The import's number, from 1; 0 is the frame itself.
    pub import: u64,
    /// The import's task.
    pub task: u64,
}

/// Files that were made together, or were put together since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Unit {
    /// Where its last row stands.
    pub place: Place,
    /// Its files' names began so when it was first written.
    pub prefix: String,
    /// Whether segments were given up whose accounts are here still: then these are not those of its rows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_partial: bool,
    #[serde(flatten)]
    pub files: Files,
}

impl Unit {
    /// Of a seal up to this frame.
    pub(crate) fn of_seal(to: u64, files: Files) -> Self {
        Self {
            place: Place { sequence: to, ..Place::default() },
            prefix: to.to_string(),
            is_partial: false,
            files,
        }
    }

    /// Both as one, which stands where the later stood.
    pub(crate) fn join(mut self, other: Self) -> Self {
        self.files.extend(&other.files);
        let (place, prefix) = match self.place > other.place {
            true => (self.place, self.prefix),
            false => (other.place, other.prefix),
        };
        Self { place, prefix, is_partial: self.is_partial || other.is_partial, files: self.files }
    }

    /// Of an import, by the names of its files.
    pub(crate) fn of_import(after: u64, number: u64, files: &Files) -> Vec<Self> {
        let mut units: Vec<Self> = Vec::new();
        let mut take = |name: &str, file: Files| {
            let prefix = prefix(name);
            if let Some(unit) = units.iter_mut().find(|unit| unit.prefix == prefix) {
                return unit.files.extend(&file);
            }
            let task = prefix.rsplit('-').next().and_then(|task| task.parse().ok()).unwrap_or(0);
            let place = Place { sequence: after, import: number, task };
            units.push(Self { place, prefix: prefix.to_owned(), is_partial: false, files: file });
        };
        for file in &files.segments {
            take(&file.name, Files { segments: vec![file.clone()], ..Files::default() });
        }
        for file in &files.bins {
            take(&file.name, Files { bins: vec![file.clone()], ..Files::default() });
        }
        for file in &files.health {
            take(&file.name, Files { health: vec![file.clone()], ..Files::default() });
        }
        for file in &files.counters {
            take(&file.name, Files { counters: vec![file.clone()], ..Files::default() });
        }
        units
    }
}

/// What a file's name has in common with those of its unit: of `flows/2026-05-29/i3-0-1.parquet`, `i3-0`.
fn prefix(name: &str) -> &str {
    let stem = name.rsplit('/').next().unwrap_or(name).trim_end_matches(".parquet");
    stem.rsplit_once('-').map_or(stem, |(prefix, _)| prefix)
}

/// A sampling interval that came late, and the place it came at: it is for rows of units before that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Text", into = "Text")]
pub(crate) struct Late {
    pub place: Place,
    pub rescale: Rescale,
}

impl Late {
    /// Those of a frame.
    pub(crate) fn of_frame(sequence: u64, summary: &Summary) -> impl Iterator<Item = Self> + use<> {
        let place = Place { sequence, ..Place::default() };
        summary.rescales().into_iter().map(move |rescale| Self { place, rescale })
    }

    /// Whether it may be for rows of this unit, by what the manifest says.
    pub(crate) fn is_for(&self, unit: &Unit) -> bool {
        let overlaps = |(first, last)| self.rescale.overlaps(first, last);
        // Its accounts could not be computed again: what is left of it stays as it was counted.
        !unit.is_partial
            && unit.place < self.place
            && unit.files.segments.iter().any(|s| overlaps(s.received))
    }
}

/// It as JSON.
#[derive(Clone, Serialize, Deserialize)]
struct Text {
    #[serde(flatten)]
    place: Place,
    exporter: String,
    domain: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sampler: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ingress_if: Option<u32>,
    received: (i64, i64),
    interval: u32,
    source: String,
}

impl From<Late> for Text {
    fn from(late: Late) -> Self {
        let Late { place, rescale: r } = late;
        Self {
            place,
            exporter: r.exporter.to_string(),
            domain: r.domain,
            sampler: r.sampler,
            ingress_if: r.ingress_if,
            received: (r.from, r.until),
            interval: r.interval,
            source: r.source.word().to_owned(),
        }
    }
}

impl TryFrom<Text> for Late {
    type Error = String;
    fn try_from(text: Text) -> Result<Self, String> {
        let exporter: Addr =
            text.exporter.parse().map_err(|_| format!("`{}` is no address", text.exporter))?;
        let source = SamplingSource::ALL.iter().find(|source| source.word() == text.source);
        let rescale = Rescale {
            exporter,
            domain: text.domain,
            sampler: text.sampler,
            ingress_if: text.ingress_if,
            from: text.received.0,
            until: text.received.1,
            interval: text.interval,
            source: *source.ok_or_else(|| format!("`{}` is no source of an interval", text.source))?,
        };
        Ok(Self { place: text.place, rescale })
    }
}
