//! A process that will die: a fate for tests.

use crate::disk::Disk;
use crate::{Fate, Kind, Step, Verdict};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

/// How many more steps it lives, and how much of each file it has flushed.
#[derive(Debug, Default)]
pub(super) struct Mortal {
    pub(super) steps: AtomicI64,
    pub(super) synced: Mutex<BTreeMap<PathBuf, u64>>,
}

impl Mortal {
    /// Dies before the step after so many.
    pub(super) fn after(steps: i64) -> Arc<Self> {
        Arc::new(Self { steps: AtomicI64::new(steps), ..Self::default() })
    }

    /// Whether it has died.
    pub(super) fn is_dead(&self) -> bool {
        self.steps.load(Ordering::SeqCst) < 0
    }

    /// What appended files lose when the power fails.
    pub(super) fn lose_what_was_not_flushed(&self, path: &Path) {
        let synced = self.synced.lock().unwrap();
        let journal = std::fs::read_dir(path.join("journal")).into_iter().flatten();
        let journal = journal.map(|entry| entry.unwrap().path());
        for file in journal.chain([path.join("manifest")]).filter(|f| f.exists()) {
            let len = synced.get(&file).copied().unwrap_or(0);
            std::fs::OpenOptions::new().write(true).open(&file).unwrap().set_len(len).unwrap();
        }
    }
}

impl Fate for Mortal {
    fn judge(&self, step: &Step<'_>) -> Verdict {
        let left = self.steps.fetch_sub(1, Ordering::SeqCst);
        if left <= 0 {
            let error = io::Error::other("the process died");
            // The step it dies in may be half done.
            let is_writing = left == 0 && step.kind == Kind::Append;
            return if is_writing { Verdict::Half(step.bytes / 2, error) } else { Verdict::Fail(error) };
        }
        match step.kind {
            // Waiting for a real disk would take minutes: of files it is noted how much is flushed.
            Kind::Sync => {
                // What was sealed meanwhile is gone.
                let len = std::fs::metadata(step.path).map_or(0, |metadata| metadata.len());
                self.synced.lock().unwrap().insert(step.path.to_path_buf(), len);
                Verdict::Noted
            }
            Kind::SyncFolder => Verdict::Noted,
            Kind::Remove => {
                // A file of the same name that is made later has nothing flushed yet.
                self.synced.lock().unwrap().remove(step.path);
                Verdict::Pass
            }
            Kind::Rename => {
                let mut synced = self.synced.lock().unwrap();
                if let (Some(len), Some(to)) = (synced.remove(step.path), step.to) {
                    synced.insert(to.to_path_buf(), len);
                }
                Verdict::Pass
            }
            _ => Verdict::Pass,
        }
    }
}

/// A disk that waits for no real one.
pub(super) fn immortal(path: &Path) -> Disk {
    Disk::new(path).with_fate(Mortal::after(i64::MAX))
}
