//! What follows from what was used: which thresholds were crossed, what is to be done about it, who is blocked and whose
//! block ends. Nothing is done here. All of it goes into the books at once, with the reasons, and only then it is done.

use super::element::elements;
use super::errand::Errand;
use super::figure::{Figures, Result as Became};
use super::meter::{self, Metered, Reading};
use super::whose::Whose;
use super::word::{self, Crossing};
use crate::config::Config;
use crate::config::quota::{Action, Quota, Task};
use crate::exit::Outcome;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::atomic::Ordering;
use weir_account::Prefix;
use weir_account::quota::{Change, Edge, Threshold, Watch};
use weir_books::quota::{Block, BlockState, Changes, Deed, Kept, Mark, Release, Subject};
use weir_books::{Books, Entry};

/// Why a block ends whose address is allowed now, or is no longer the subject's.
const MOVED: &str = "the configuration no longer blocks that address there";
/// Elements that an entry of the audit trail names; of more it says how many.
const NAMED_MAX: usize = 20;

/// Hosts of one quota that are remembered; others that pass a threshold are counted and not acted upon.
const WATCHED_MAX: usize = 10_000;

/// What a look needs to know, and what it has decided so far.
struct Look<'a> {
    config: &'a Config,
    figures: &'a Figures,
    now_ms: i64,
    known: BTreeMap<Subject, Kept>,
    blocks: Vec<Block>,
    /// Subjects that are blocked, or will be.
    blocked: BTreeSet<Subject>,
    /// Blocks that end only because the configuration blocks other addresses of the subject now, by their numbers.
    moved: BTreeSet<i64>,
    changes: Changes,
}

/// Decides what a reading changes. The figures are told what a dry run would have done and what was refused.
///
/// # Errors
/// The books cannot be read.
pub(super) fn look(config: &Config, books: &Books, reading: &Reading, figures: &Figures) -> Outcome<Changes> {
    let blocks = books.blocks()?;
    let in_force = |block: &&Block| matches!(block.state, BlockState::Wanted | BlockState::Held);
    let mut look = Look {
        config,
        figures,
        now_ms: reading.now_ms,
        known: books.watches()?.into_iter().map(|kept| (kept.subject.clone(), kept)).collect(),
        blocked: blocks.iter().filter(in_force).map(|block| block.subject.clone()).collect(),
        blocks,
        moved: BTreeSet::new(),
        changes: Changes::default(),
    };
    // What ends makes room for what begins.
    look.end_blocks();
    look.subjects(reading)?;
    look.forget_strangers()?;
    Ok(look.changes)
}

/// How far what joins these blocks of a subject is: whom the fuse refused it refuses all of.
fn running_state(running: &[Block]) -> BlockState {
    let is_refused = running.iter().all(|block| block.state == BlockState::Refused);
    if is_refused { BlockState::Refused } else { BlockState::Wanted }
}

/// Elements with their places, for the audit trail.
fn named(blocks: &[Block]) -> String {
    let some = blocks.iter().take(NAMED_MAX).map(|block| format!("{} in {}", block.element, block.place));
    let some = some.collect::<Vec<_>>().join(", ");
    match blocks.len().checked_sub(NAMED_MAX) {
        None | Some(0) => some,
        Some(more) => format!("{some} and {more} more"),
    }
}

/// The place and the element of everything that an action blocks.
fn targets(config: &Config, task: &Task, whose: &Whose, now_ms: i64) -> Vec<(String, Prefix)> {
    let Task::Nftables { set, set6 } = task else { return Vec::new() };
    let place = |network: &Prefix| if network.is_v4() { set.clone() } else { set6.clone() };
    elements(config, whose, now_ms)
        .into_iter()
        .filter_map(|network| Some((place(&network)?, network)))
        .collect()
}

impl Look<'_> {
    /// Every subject that was read, once.
    fn subjects(&mut self, reading: &Reading) -> Outcome {
        let (mut watched, mut unwatched) = (BTreeMap::<usize, usize>::new(), 0u64);
        for metered in &reading.metered {
            let Some(quota) = self.config.quotas.list.get(metered.quota) else { continue };
            let subject = metered.whose.subject(quota);
            let kept = self.known.remove(&subject);
            if kept.is_none() {
                let count = watched.entry(metered.quota).or_default();
                let mut fresh = Watch::default();
                if fresh.look(&quota.rule, &metered.seen).is_empty() {
                    continue;
                }
                *count += 1;
                if *count > WATCHED_MAX && metered.whose.host().is_some() {
                    unwatched += 1;
                    continue;
                }
            }
            self.one(quota, metered, subject, kept);
        }
        if unwatched > 0 && self.figures.unwatched.swap(unwatched, Ordering::Relaxed) == 0 {
            tracing::error!(
                "{unwatched} hosts passed a threshold beyond the {WATCHED_MAX} of a quota that are watched: nothing is done about them"
            );
        } else {
            self.figures.unwatched.store(unwatched, Ordering::Relaxed);
        }
        Ok(())
    }

    /// One subject.
    fn one(&mut self, quota: &Quota, metered: &Metered, subject: Subject, kept: Option<Kept>) {
        let has_row = kept.is_some();
        // What a dry run passed is passed again when it counts, and the other way round.
        let kept = kept.filter(|kept| kept.is_dry == quota.is_dry);
        let had_watch = kept.is_some();
        let mut watch = kept.map_or_else(Watch::default, |kept| restored(&kept, &metered.seen.cycle));
        let changes = watch.look(&quota.rule, &metered.seen);
        if changes.is_empty() && (had_watch || !has_row) {
            return self.follow(quota, &metered.whose, &subject, &watch);
        }
        for change in &changes {
            self.crossed(quota, metered, &subject, change);
        }
        self.change_blocks(quota, metered, &subject, &watch, &changes);
        self.follow(quota, &metered.whose, &subject, &watch);
        let (cycle_ms, passed) = watch.kept().unwrap_or_default();
        let mark = |(threshold, used): (Threshold, u64)| Mark { threshold: threshold.to_string(), used };
        let marks = passed.into_iter().map(mark).collect();
        self.changes.kept.push(Kept { subject, is_dry: quota.is_dry, cycle_ms, marks });
    }

    /// A threshold was crossed: that is said, and mails, calls and programs follow.
    fn crossed(&mut self, quota: &Quota, metered: &Metered, subject: &Subject, change: &Change) {
        let crossing = Crossing {
            quota,
            metered,
            change,
            zone: metered.whose.calendar(self.config).zone,
            unit: self.config.unit,
        };
        let why = crossing.sentence();
        if change.what == Edge::Passed {
            tracing::warn!("{}: {why}", subject.name());
        } else {
            tracing::info!("{}: {why}", subject.name());
        }
        self.entry(subject, change.what.word(), why.clone());
        let is_due =
            |action: &&Action| action.at == change.threshold && (change.what == Edge::Passed || action.back);
        for action in quota.actions.iter().filter(is_due) {
            let (kind, errand) = match &action.task {
                Task::Webhook { url } => {
                    ("webhook", Errand::Call { url: url.clone(), body: crossing.document() })
                }
                Task::Exec { program } => ("exec", Errand::Run { program: crossing.fill(program) }),
                Task::Mail { to } => ("mail", crossing.mail(to, self.config)),
                // Blocks are next.
                Task::Nftables { .. } => continue,
            };
            if quota.is_dry {
                self.would(subject, kind, &errand.text());
                continue;
            }
            self.entry(subject, kind, why.clone());
            self.changes.deeds.push(Deed {
                subject: subject.clone(),
                at_ms: self.now_ms,
                threshold: change.threshold.to_string(),
                edge: change.what.word().to_owned(),
                kind: kind.to_owned(),
                task: errand.text(),
                next_ms: self.now_ms,
                ..Deed::default()
            });
        }
    }

    /// Blocks that begin with a threshold that was just passed, and those that end with one that is no longer.
    fn change_blocks(
        &mut self,
        quota: &Quota,
        metered: &Metered,
        subject: &Subject,
        watch: &Watch,
        changes: &[Change],
    ) {
        let is_block = |action: &&Action| matches!(action.task, Task::Nftables { .. });
        let passed: Vec<Threshold> = watch.passed().collect();
        let mut stays: BTreeSet<(String, String)> = BTreeSet::new();
        for action in quota.actions.iter().filter(is_block).filter(|action| passed.contains(&action.at)) {
            let targets = targets(self.config, &action.task, &metered.whose, self.now_ms);
            stays.extend(targets.iter().map(|(place, network)| (place.clone(), network.to_string())));
            let is_new = |change: &&Change| change.threshold == action.at && change.what == Edge::Passed;
            if let Some(change) = changes.iter().find(is_new) {
                let crossing = Crossing {
                    quota,
                    metered,
                    change,
                    zone: metered.whose.calendar(self.config).zone,
                    unit: self.config.unit,
                };
                let is_renewed = changes.iter().any(|change| change.what == Edge::Turned);
                let (all, known) = (targets.len(), |target: &(String, Prefix)| {
                    !is_renewed && self.is_blocked(subject, target)
                });
                let new: Vec<(String, Prefix)> =
                    targets.into_iter().filter(|target| !known(target)).collect();
                // A second threshold of the same block adds nothing to it.
                if all == 0 || !new.is_empty() {
                    self.begin(quota, subject, &new, &crossing.sentence());
                }
            }
        }
        let down = changes.iter().find(|change| change.what != Edge::Passed);
        let Some(change) = down else { return };
        let crossing = Crossing {
            quota,
            metered,
            change,
            zone: metered.whose.calendar(self.config).zone,
            unit: self.config.unit,
        };
        let why = crossing.sentence();
        let ends = |block: &&Block| {
            block.subject == *subject && !stays.contains(&(block.place.clone(), block.element.clone()))
        };
        let ending: Vec<Block> = self.blocks.iter().filter(ends).cloned().collect();
        self.end(&ending, &why);
    }

    /// Whether this is in force for the subject already, or about to be.
    fn is_blocked(&self, subject: &Subject, (place, network): &(String, Prefix)) -> bool {
        let element = network.to_string();
        let is_it =
            |block: &Block| block.subject == *subject && block.place == *place && block.element == element;
        let in_force = |block: &Block| matches!(block.state, BlockState::Wanted | BlockState::Held);
        self.blocks.iter().chain(&self.changes.blocks).any(|block| is_it(block) && in_force(block))
    }

    /// Blocks a subject, unless it is a dry run, nothing of it may be, or as many are as may be.
    fn begin(&mut self, quota: &Quota, subject: &Subject, targets: &[(String, Prefix)], why: &str) {
        if targets.is_empty() {
            let why = format!(
                "{why}; nothing of it is blocked: it is on the allow list, or has no network of the set's kind"
            );
            tracing::warn!("{}: {why}", subject.name());
            self.figures.count("block", Became::Refused);
            return self.entry(subject, "allow", why);
        }
        if quota.is_dry {
            let text: Vec<String> =
                targets.iter().map(|(place, network)| format!("{network} in {place}")).collect();
            return self.would(subject, "block", &text.join(", "));
        }
        let fuse = self.config.quotas.fuse;
        let is_refused = !self.blocked.contains(subject) && self.blocked.len() >= fuse as usize;
        let state = if is_refused { BlockState::Refused } else { BlockState::Wanted };
        if is_refused {
            let why = format!(
                "NOT blocked: {} are blocked already, and the fuse is {fuse}; see whether the figures are right, then \
                 raise fuse in [quotas]. {why}",
                self.blocked.len()
            );
            tracing::error!("{}: {why}", subject.name());
            self.figures.count("block", Became::Refused);
            self.entry(subject, "refuse", why);
        } else {
            self.blocked.insert(subject.clone());
            self.entry(subject, "block", why.to_owned());
        }
        let until_ms = self.config.quotas.expire_ms.map(|expire_ms| self.now_ms.saturating_add(expire_ms));
        for (place, network) in targets {
            self.changes.blocks.push(Block {
                subject: subject.clone(),
                place: place.clone(),
                element: network.to_string(),
                state,
                since_ms: self.now_ms,
                until_ms,
                fuse,
                why: why.to_owned(),
                ..Block::default()
            });
        }
    }

    /// Blocks that end by themselves: their time is over, or the configuration no longer has them.
    fn end_blocks(&mut self) {
        let mut ended: BTreeMap<(Subject, String), Vec<Block>> = BTreeMap::new();
        let mut refused = Vec::new();
        for block in self.blocks.iter().filter(|block| block.state != BlockState::Leaving) {
            if let Some(why) = self.why_over(block) {
                ended.entry((block.subject.clone(), why)).or_default().push(block.clone());
            } else if block.state == BlockState::Refused && block.fuse < self.config.quotas.fuse {
                refused.push(block.clone());
            }
        }
        for ((subject, why), blocks) in ended {
            let is_moved = why == MOVED;
            self.end(&blocks, &if is_moved { format!("{why}: {}", named(&blocks)) } else { why });
            let mut is_left =
                self.blocks.iter().any(|block| block.subject == subject && !blocks.contains(block));
            if is_moved {
                self.moved.extend(blocks.iter().map(|block| block.id));
                is_left |= self.has_targets(&subject);
            }
            if !is_left {
                self.blocked.remove(&subject);
            }
        }
        refused.iter().for_each(|block| self.retry(block));
    }

    /// Why a block is over, if it is.
    fn why_over(&self, block: &Block) -> Option<String> {
        if block.until_ms.is_some_and(|until_ms| self.now_ms >= until_ms) {
            return Some("it lasted as long as expire in [quotas] says".to_owned());
        }
        let Some(quota) = self.config.quotas.list.iter().find(|one| one.name == block.subject.quota) else {
            return Some("the configuration has no such quota any more".to_owned());
        };
        if quota.is_dry {
            return Some("the quota is a dry run now".to_owned());
        }
        let Some(whose) = Whose::of(&block.subject).filter(|whose| whose.is_under(quota)) else {
            return Some("the quota is no longer for it".to_owned());
        };
        let blocked = |action: &Action| targets(self.config, &action.task, &whose, self.now_ms);
        let mut targets = quota.actions.iter().flat_map(blocked);
        let is_meant =
            targets.any(|(place, network)| place == block.place && network.to_string() == block.element);
        (!is_meant).then(|| MOVED.to_owned())
    }

    /// Whether the configuration has anything to block of a subject.
    fn has_targets(&self, subject: &Subject) -> bool {
        let quota = self.config.quotas.list.iter().find(|one| one.name == subject.quota);
        quota.zip(Whose::of(subject)).is_some_and(|(quota, whose)| {
            let has = |action: &Action| !targets(self.config, &action.task, &whose, self.now_ms).is_empty();
            quota.actions.iter().any(has)
        })
    }

    /// A block that is in force is of what the configuration says now: networks that are new, or no longer allowed, are
    /// blocked as well, for as long as the others. What was undone or has expired does not begin again by this.
    fn follow(&mut self, quota: &Quota, whose: &Whose, subject: &Subject, watch: &Watch) {
        if quota.is_dry {
            return;
        }
        let ends = |block: &Block| self.changes.releases.iter().any(|release| release.id == block.id);
        let goes_on = |block: &&Block| {
            block.subject == *subject
                && block.state != BlockState::Leaving
                && (!ends(block) || self.moved.contains(&block.id))
        };
        let running: Vec<Block> = self.blocks.iter().filter(goes_on).cloned().collect();
        let Some(first) = running.first() else { return };
        let passed: Vec<Threshold> = watch.passed().collect();
        let mut new: Vec<Block> = Vec::new();
        for action in quota.actions.iter().filter(|action| passed.contains(&action.at)) {
            let Task::Nftables { set, set6 } = &action.task else { continue };
            let is_place = |place: &String| set.as_ref() == Some(place) || set6.as_ref() == Some(place);
            if !running.iter().any(|block| is_place(&block.place)) {
                continue;
            }
            for (place, network) in targets(self.config, &action.task, whose, self.now_ms) {
                let element = network.to_string();
                let is_it = |block: &Block| {
                    block.subject == *subject && block.place == place && block.element == element
                };
                let is_known = running.iter().chain(&self.changes.blocks).chain(&new).any(is_it);
                if !is_known {
                    let since_ms = self.now_ms;
                    let is_ours = None;
                    new.push(Block {
                        id: 0,
                        place,
                        element,
                        since_ms,
                        is_ours,
                        said: String::new(),
                        failed_ms: None,
                        state: running_state(&running),
                        ..first.clone()
                    });
                }
            }
        }
        if new.is_empty() {
            return;
        }
        if new.iter().any(|block| block.state != BlockState::Refused) {
            let why = format!("the configuration blocks more of it now: {}; {}", named(&new), first.why);
            tracing::warn!("{}: {why}", subject.name());
            self.entry(subject, "block", why);
        }
        self.changes.blocks.extend(new);
    }

    /// Somebody was refused by a smaller fuse.
    fn retry(&mut self, block: &Block) {
        let fuse = self.config.quotas.fuse;
        if !self.blocked.contains(&block.subject) && self.blocked.len() >= fuse as usize {
            return;
        }
        if self.blocked.insert(block.subject.clone()) {
            self.entry(&block.subject, "block", format!("the fuse was raised to {fuse}; {}", block.why));
        }
        self.changes.blocks.push(Block { state: BlockState::Wanted, fuse, ..block.clone() });
    }

    /// Ends blocks of one subject.
    fn end(&mut self, blocks: &[Block], why: &str) {
        let live = blocks.iter().filter(|block| block.state != BlockState::Leaving);
        let live: Vec<&Block> = live.collect();
        let Some(first) = live.first() else { return };
        if live.iter().any(|block| block.state != BlockState::Refused) {
            self.entry(&first.subject, "unblock", why.to_owned());
        }
        self.changes.releases.extend(live.iter().map(|block| Release { id: block.id, why: why.to_owned() }));
    }

    /// What is remembered of those whom nothing was read of: nothing was used by them, or they are none of ours.
    fn forget_strangers(&mut self) -> Outcome {
        for (subject, kept) in std::mem::take(&mut self.known) {
            let place = self.config.quotas.list.iter().position(|quota| quota.name == subject.quota);
            let quota = place.and_then(|place| Some((place, self.config.quotas.list.get(place)?)));
            let is_ours =
                |whose: &Whose| whose.tenant().is_none_or(|name| self.config.tenants.get(name).is_some());
            let whose = Whose::of(&subject).filter(is_ours);
            let known = quota.zip(whose).filter(|((_, quota), whose)| whose.is_under(quota));
            match known {
                Some(((place, quota), whose)) => {
                    let metered = meter::nothing(self.config, place, quota, whose, self.now_ms)?;
                    self.one(quota, &metered, subject, Some(kept));
                }
                None => self.changes.kept.push(Kept { marks: Vec::new(), ..kept }),
            }
        }
        Ok(())
    }

    /// What a dry run does: it says what it would do.
    fn would(&mut self, subject: &Subject, kind: &str, what: &str) {
        tracing::warn!("{}: dry run, so nothing is done; it would {kind}: {what}", subject.name());
        self.figures.count(kind, Became::Dry);
        self.entry(subject, &format!("would {kind}"), what.to_owned());
    }

    fn entry(&mut self, subject: &Subject, what: &str, why: String) {
        let (who, subject) = (word::SELF.to_owned(), subject.name());
        self.changes.entries.push(Entry { at_ms: self.now_ms, who, what: what.to_owned(), subject, why });
    }
}

/// A watch as it was kept. What is not understood was written by another weir, and is passed again if it is. A cycle that
/// began later than the present one and within it is one of another configuration, not of a clock that was set back.
fn restored(kept: &Kept, cycle: &Range<i64>) -> Watch {
    let marks = kept.marks.iter().filter_map(|mark| Some((mark.threshold.parse().ok()?, mark.used)));
    Watch::restored(if cycle.contains(&kept.cycle_ms) { cycle.start } else { kept.cycle_ms }, marks)
}
