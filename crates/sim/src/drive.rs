//! The disk under the store, and what befalls it: the process dies between any two steps (or halfway through
//! one), the disk is full for a while, refuses once, is slow, and loses at a power cut what was not flushed.
//!
//! What was flushed stays. Of what was appended after that, any part may be missing from the end on, or be zeros
//! where the length was noted and the data was not. Of names that were given, taken and created, the latest may
//! not have happened, as a journalling file system leaves it: in their order. A killed process leaves all of this
//! in the system's cache: that a new one found it there does not make it durable.

use crate::chance::Dice;
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use weir_store::{Fate, Kind, Step, Verdict};

/// The disk of one world.
#[derive(Debug)]
pub(crate) struct Drive(Mutex<State>);

#[derive(Debug)]
struct State {
    dice: Dice,
    /// Where files are kept that were removed, and whose removal may be undone.
    attic: PathBuf,
    /// How many were.
    kept: u64,
    taken: u64,
    /// The process dies in this step.
    dies_at: Option<u64>,
    is_dead: bool,
    is_full: bool,
    /// The next step that can be refused is, once.
    stumbles: bool,
    is_slow: bool,
    refused: u64,
    /// How much of each file is durable.
    durable: BTreeMap<PathBuf, u64>,
    /// Files of which a flush failed: from where on the kernel has given up what was not durable. Another flush
    /// says that all is well, and it is not.
    given_up: BTreeMap<PathBuf, u64>,
    /// Changes of names that are not durable, oldest first.
    names: Vec<Name>,
}

/// A change of names.
#[derive(Debug)]
enum Name {
    Folder(PathBuf),
    File(PathBuf),
    Renamed(PathBuf, PathBuf),
    /// The file, and where it is kept.
    Removed(PathBuf, PathBuf),
}

impl Name {
    /// The folder that must be flushed for it.
    fn folder(&self) -> Option<&Path> {
        match self {
            Self::Folder(path) | Self::File(path) | Self::Renamed(_, path) | Self::Removed(path, _) => {
                path.parent()
            }
        }
    }
}

/// What a loss of power did.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cut {
    /// A part of a write is zeros: the store may take that for damage, which is as good.
    pub inside: bool,
}

impl Drive {
    /// A good disk. What is removed is kept in this folder for a while.
    pub(crate) fn new(attic: &Path, dice: Dice) -> Self {
        Self(Mutex::new(State {
            dice,
            attic: attic.to_path_buf(),
            kept: 0,
            taken: 0,
            dies_at: None,
            is_dead: false,
            is_full: false,
            stumbles: false,
            is_slow: false,
            refused: 0,
            durable: BTreeMap::new(),
            given_up: BTreeMap::new(),
            names: Vec::new(),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The process dies in the step after so many.
    pub(crate) fn arm(&self, steps: u64) {
        let mut state = self.state();
        state.dies_at = Some(state.taken + steps);
    }

    /// The process is dead: no step is taken any more.
    pub(crate) fn kill(&self) {
        self.state().is_dead = true;
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.state().is_dead
    }

    /// Another process begins.
    pub(crate) fn revive(&self) {
        let mut state = self.state();
        (state.is_dead, state.dies_at) = (false, None);
    }

    pub(crate) fn set_full(&self, is_full: bool) {
        self.state().is_full = is_full;
    }

    pub(crate) fn is_full(&self) -> bool {
        self.state().is_full
    }

    pub(crate) fn set_slow(&self, is_slow: bool) {
        self.state().is_slow = is_slow;
    }

    pub(crate) fn is_slow(&self) -> bool {
        self.state().is_slow
    }

    /// The next step is refused, once.
    pub(crate) fn stumble(&self) {
        self.state().stumbles = true;
    }

    /// Steps taken, and steps refused for want of room or for an error.
    pub(crate) fn steps(&self) -> (u64, u64) {
        let state = self.state();
        (state.taken, state.refused)
    }

    /// The power goes.
    pub(crate) fn cut(&self) -> io::Result<Cut> {
        let mut state = self.state();
        let mut cut = Cut::default();
        let pending = state.names.len() as u64;
        let undone = if state.dice.percent(40) { 0 } else { state.dice.between(0, pending) };
        for _ in 0..undone {
            if let Some(name) = state.names.pop() {
                state.undo(name)?;
            }
        }
        let files: Vec<(PathBuf, u64)> = state.durable.clone().into_iter().collect();
        for (path, durable) in files {
            let Ok(len) = fs::metadata(&path).map(|data| data.len()) else { continue };
            if len > durable {
                cut.inside |= state.tear(&path, durable, len)?;
            }
        }
        state.settle(|_| true)?;
        Ok(cut)
    }
}

impl Fate for Drive {
    fn judge(&self, step: &Step<'_>) -> Verdict {
        let mut state = self.state();
        if state.is_dead {
            return Verdict::Fail(io::Error::other("the process is dead"));
        }
        state.taken += 1;
        if state.dies_at.is_some_and(|at| state.taken > at) {
            state.is_dead = true;
            return state.fail(step, || io::Error::other("the process dies"));
        }
        if state.refuses(step.kind) {
            state.refused += 1;
            let kind = if state.is_full { ErrorKind::StorageFull } else { ErrorKind::Other };
            state.stumbles = false;
            if step.kind == Kind::Sync {
                state.give_up(step.path);
            }
            return state.fail(step, || io::Error::new(kind, "the simulated disk refuses"));
        }
        match state.note(step) {
            Ok(verdict) => verdict,
            Err(error) => Verdict::Fail(error),
        }
    }

    fn is_time(&self) -> bool {
        !self.state().is_slow
    }
}

impl State {
    fn refuses(&self, kind: Kind) -> bool {
        let takes_room = matches!(kind, Kind::Append | Kind::Create | Kind::CreateFolder | Kind::Open);
        (self.is_full && takes_room) || (self.stumbles && (takes_room || kind == Kind::Sync))
    }

    /// A flush of this file fails.
    fn give_up(&mut self, path: &Path) {
        let durable = self.durable.get(path).copied().unwrap_or_default();
        self.given_up.entry(path.to_path_buf()).or_insert(durable);
    }

    /// The step fails; of what was to be appended a part may be written.
    fn fail(&mut self, step: &Step<'_>, error: impl Fn() -> io::Error) -> Verdict {
        if step.kind == Kind::Append && self.dice.percent(60) {
            return Verdict::Half(self.dice.below(step.bytes), error());
        }
        Verdict::Fail(error())
    }

    /// Notes a step that is taken.
    fn note(&mut self, step: &Step<'_>) -> io::Result<Verdict> {
        let path = step.path.to_path_buf();
        match step.kind {
            Kind::CreateFolder => {
                // All that lead to it, the outermost first.
                let missing: Vec<_> = path.ancestors().take_while(|folder| !folder.exists()).collect();
                self.names.extend(missing.into_iter().rev().map(|folder| Name::Folder(folder.to_path_buf())));
            }
            Kind::Create | Kind::Open => {
                if step.kind == Kind::Create || !path.exists() {
                    self.durable.insert(path.clone(), 0);
                    self.given_up.remove(&path);
                    self.names.push(Name::File(path));
                }
            }
            Kind::Append => {}
            Kind::Cut => {
                let durable = self.durable.entry(path.clone()).or_default();
                *durable = step.bytes.min(*durable);
                // What is written behind the cut is another thing.
                if self.given_up.get(&path).is_some_and(|from| step.bytes <= *from) {
                    self.given_up.remove(&path);
                }
            }
            Kind::Sync => {
                // A file may be gone that was open.
                let len = fs::metadata(&path).map_or(0, |data| data.len());
                let durable = self.given_up.get(&path).map_or(len, |from| *from);
                self.durable.insert(path, durable);
                return Ok(Verdict::Noted);
            }
            Kind::Rename => {
                if let Some(to) = step.to {
                    let durable = self.durable.remove(&path).unwrap_or_default();
                    self.durable.insert(to.to_path_buf(), durable);
                    self.given_up.remove(to);
                    self.names.push(Name::Renamed(path, to.to_path_buf()));
                }
            }
            Kind::Remove => {
                if path.exists() {
                    self.kept += 1;
                    fs::create_dir_all(&self.attic)?;
                    let kept = self.attic.join(self.kept.to_string());
                    fs::hard_link(&path, &kept)?;
                    self.names.push(Name::Removed(path, kept));
                }
            }
            Kind::SyncFolder => {
                self.settle(|name| name.folder() == Some(&path))?;
                return Ok(Verdict::Noted);
            }
        }
        Ok(Verdict::Pass)
    }

    /// These changes of names are durable.
    fn settle(&mut self, is_durable: impl Fn(&Name) -> bool) -> io::Result<()> {
        let (settled, left): (Vec<_>, Vec<_>) = self.names.drain(..).partition(is_durable);
        self.names = left;
        for name in settled {
            if let Name::Removed(path, kept) = name {
                fs::remove_file(kept)?;
                if !path.exists() {
                    self.durable.remove(&path);
                }
            }
        }
        Ok(())
    }

    /// A change of names has not happened.
    fn undo(&mut self, name: Name) -> io::Result<()> {
        match name {
            // What is not there any more need not be taken away.
            Name::Folder(path) => fs::remove_dir_all(path).or_else(missing),
            Name::File(path) => fs::remove_file(path).or_else(missing),
            Name::Renamed(from, to) => {
                if let Some(durable) = self.durable.remove(&to) {
                    self.durable.insert(from.clone(), durable);
                }
                fs::rename(to, from).or_else(missing)
            }
            Name::Removed(path, kept) => {
                if !path.exists()
                    && let Some(folder) = path.parent()
                {
                    fs::create_dir_all(folder)?;
                    fs::hard_link(&kept, &path)?;
                }
                fs::remove_file(kept)
            }
        }
    }

    /// What is not durable of a file is lost, or zeros; true if these begin within a write, perhaps.
    fn tear(&mut self, path: &Path, durable: u64, len: u64) -> io::Result<bool> {
        let file = OpenOptions::new().write(true).open(path)?;
        let (keep, grow, inside) = match self.dice.below(10) {
            0..7 => (self.dice.between(durable, len), false, false),
            7..9 => (durable, true, false),
            _ => (self.dice.between(durable, len), true, true),
        };
        file.set_len(keep)?;
        if grow {
            file.set_len(len)?;
        }
        self.durable.insert(path.to_path_buf(), if grow { len } else { keep });
        Ok(inside)
    }
}

/// What is not there is as good as taken away.
fn missing(error: io::Error) -> io::Result<()> {
    if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) }
}
