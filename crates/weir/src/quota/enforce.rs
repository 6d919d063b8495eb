//! Blocks as the books say, made so in the sets of nftables: put there, looked for, and taken away when they are to end.
//!
//! One [`pass`] brings what is there to what the books say, whatever state either is in, so it is also what happens
//! after a stop in the middle, after a set was emptied, and after a correction by hand. It marks in the books whose an
//! element is *before* it touches the set; so an element that somebody else had put there is never taken away.

use super::figure::{Figures, Result as Became};
use super::hand::{Hands, Listing, range};
use crate::config::Mail;
use crate::exit::Outcome;
use std::collections::BTreeMap;
use weir_account::Prefix;
use weir_books::Books;
use weir_books::quota::{Block, BlockState};

/// The same failure is said again after so long.
const AGAIN_MS: i64 = 3_600_000;

/// A block and the network it is of.
struct Row {
    block: Block,
    network: Prefix,
    /// Something failed in this pass.
    is_failed: bool,
    /// Somebody else has changed it in the books meanwhile: the next pass sees how it is.
    is_stale: bool,
}

impl Row {
    fn is_wanted(&self) -> bool {
        matches!(self.block.state, BlockState::Wanted | BlockState::Held)
    }

    fn is_ours(&self) -> bool {
        self.block.is_ours == Some(true)
    }

    fn encloses(&self, other: Prefix) -> bool {
        self.network.encloses(&other)
    }
}

/// The books, the world and the figures that a pass works on.
pub(super) struct Site<'a> {
    pub(super) books: &'a mut Books,
    pub(super) hands: &'a mut dyn Hands,
    pub(super) figures: &'a Figures,
    /// How mail is sent.
    pub(super) mail: Option<&'a Mail>,
    pub(super) now_ms: i64,
}

/// Makes every set hold what it is to hold. What fails stays in the books with its reason and is tried again.
///
/// # Errors
/// The books cannot be read or written.
pub(super) fn pass(site: &mut Site<'_>) -> Outcome {
    let mut sets: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for block in site.books.blocks()?.into_iter().filter(|block| block.state != BlockState::Refused) {
        match block.element.parse() {
            Ok(network) => sets.entry(block.place.clone()).or_default().push(Row {
                block,
                network,
                is_failed: false,
                is_stale: false,
            }),
            Err(_) => tracing::error!(
                "the books block \"{}\", which is no network: it is left alone",
                block.element
            ),
        }
    }
    for (set, mut rows) in sets {
        site.set(&set, &mut rows)?;
    }
    site.tally()
}

impl Site<'_> {
    /// One set.
    fn set(&mut self, set: &str, rows: &mut Vec<Row>) -> Outcome {
        let listing = match self.hands.list(set) {
            Ok(listing) => listing,
            Err(why) => return self.all_fail(rows, &why),
        };
        self.own(rows, &listing)?;
        let is_changed = self.take_away(set, rows, &listing)?;
        let listing = match if is_changed { self.hands.list(set) } else { Ok(listing) } {
            Ok(listing) => listing,
            Err(why) => return self.all_fail(rows, &why),
        };
        let is_changed = self.put_there(set, rows, &listing)?;
        if is_changed {
            match self.hands.list(set) {
                Ok(listing) => self.verify(rows, &listing),
                Err(why) => self.all_fail(rows, &why),
            }
        } else {
            self.verify(rows, &listing)
        }
    }

    /// Marks whose each element is, before anything is done with it.
    fn own(&mut self, rows: &mut Vec<Row>, listing: &Listing) -> Outcome {
        for i in 0..rows.len() {
            let Some(row) = rows.get(i).filter(|row| row.is_wanted() && !row.is_ours()) else { continue };
            let network = row.network;
            let is_there = listing.covers(network);
            let by_us = rows.iter().any(|other| other.is_ours() && other.encloses(network));
            let is_ours = Some(!is_there || by_us);
            if let Some(row) = rows.get_mut(i).filter(|row| row.block.is_ours != is_ours) {
                row.block.is_ours = is_ours;
                row.is_stale = !self.books.mark_block(row.block.state, &row.block)?;
            }
        }
        rows.retain(|row| !row.is_stale);
        Ok(())
    }

    /// Takes away what is leaving. True if the set changed.
    fn take_away(&mut self, set: &str, rows: &mut [Row], listing: &Listing) -> Outcome<bool> {
        let mut taken: Vec<Prefix> = Vec::new();
        for i in 0..rows.len() {
            let Some(row) = rows.get(i).filter(|row| row.block.state == BlockState::Leaving) else {
                continue;
            };
            let network = row.network;
            if !is_to_go(rows, row, listing) || taken.contains(&network) {
                continue;
            }
            match self.hands.remove(set, network) {
                Ok(()) => taken.push(network),
                Err(why) => self.fails(rows.get_mut(i), &why)?,
            }
        }
        Ok(!taken.is_empty())
    }

    /// Puts there what is wanted and is not. True if the set changed.
    fn put_there(&mut self, set: &str, rows: &mut [Row], listing: &Listing) -> Outcome<bool> {
        let mut is_changed = false;
        for i in 0..rows.len() {
            let Some(row) = rows.get(i).filter(|row| row.is_wanted() && !listing.covers(row.network)) else {
                continue;
            };
            let (network, was_held) = (row.network, row.block.state == BlockState::Held);
            let refusal = if listing.is_merging {
                Some(format!(
                    "{set} merges its elements (auto-merge), and what was merged cannot be taken out again: make it without"
                ))
            } else {
                stranger(rows, listing, network).map(|stranger| {
                    format!(
                        "{set} already holds {stranger}, a part of it, which weir did not put there: take that out, or \
                         give weir a set of its own"
                    )
                })
            };
            if let Some(why) = refusal {
                self.fails(rows.get_mut(i), &why)?;
                continue;
            }
            if was_held {
                tracing::warn!(
                    "{network} is gone from {set}, and the block of it is still in force: added again"
                );
            }
            is_changed = true;
            let made_room = self.make_room(set, rows, listing, network);
            if let Err(why) = made_room.and_then(|()| self.hands.add(set, network)) {
                self.fails(rows.get_mut(i), &why)?;
            }
        }
        Ok(is_changed)
    }

    /// Intervals of a set that does not merge them may not overlap: ours that lie inside a wider one make room for it.
    fn make_room(
        &mut self,
        set: &str,
        rows: &[Row],
        listing: &Listing,
        network: Prefix,
    ) -> Result<(), String> {
        let inside = |row: &&Row| row.is_ours() && row.network != network && network.encloses(&row.network);
        for row in rows.iter().filter(inside).filter(|row| listing.has(row.network)) {
            self.hands.remove(set, row.network)?;
        }
        Ok(())
    }

    /// Looks whether all is as it is to be, and marks it.
    fn verify(&mut self, rows: &mut [Row], listing: &Listing) -> Outcome {
        for i in 0..rows.len() {
            let Some(row) = rows.get(i) else { continue };
            let network = row.network;
            if row.is_wanted() {
                if listing.covers(network) {
                    if row.block.state == BlockState::Wanted && is_merged(rows, row, listing) {
                        let set = &row.block.place;
                        tracing::error!(
                            "{set} has merged {network} with what stands beside it (auto-merge): nft may be unable to take it \
                             out again"
                        );
                    }
                    self.held(rows.get_mut(i))?;
                } else if !row.is_failed {
                    self.fails(rows.get_mut(i), "nft added it, and it is not there")?;
                }
                continue;
            }
            if is_to_go(rows, row, listing) {
                if !row.is_failed {
                    self.fails(rows.get_mut(i), "nft took it away, and it is still there")?;
                }
            } else {
                let stays = rows.iter().any(|other| other.is_wanted() && other.encloses(network));
                self.gone(row, stays)?;
            }
        }
        Ok(())
    }

    fn held(&mut self, row: Option<&mut Row>) -> Outcome {
        let Some(row) = row else { return Ok(()) };
        let block = &mut row.block;
        let before = block.state;
        if before == BlockState::Held && block.said.is_empty() {
            return Ok(());
        }
        block.state = BlockState::Held;
        block.said.clear();
        block.failed_ms = None;
        if self.books.mark_block(before, block)? && before == BlockState::Wanted {
            self.figures.count("block", Became::Done);
            tracing::warn!("{}: {} is blocked ({})", block.subject.name(), block.element, block.place);
        }
        Ok(())
    }

    fn gone(&mut self, row: &Row, stays: bool) -> Outcome {
        let Block { id, subject, element, place, why, .. } = &row.block;
        if !self.books.drop_block(*id)? {
            return Ok(());
        }
        self.figures.count("unblock", Became::Done);
        let name = subject.name();
        if stays {
            tracing::info!("{name}: the block of {element} ended ({why}); another one keeps it in {place}");
        } else if row.is_ours() {
            tracing::info!("{name}: {element} is no longer blocked ({place}): {why}");
        } else {
            tracing::info!(
                "{name}: the block of {element} ended ({why}); weir put nothing into {place} for it"
            );
        }
        Ok(())
    }

    /// Something failed: the reason is kept, and said unless it was lately.
    fn fails(&mut self, row: Option<&mut Row>, why: &str) -> Outcome {
        let Some(row) = row else { return Ok(()) };
        row.is_failed = true;
        let is_wanted = row.is_wanted();
        let block = &mut row.block;
        let is_new = block.said != why
            || block.failed_ms.is_none_or(|failed_ms| self.now_ms.saturating_sub(failed_ms) >= AGAIN_MS);
        if is_new {
            block.said = why.to_owned();
            block.failed_ms = Some(self.now_ms);
            self.books.mark_block(block.state, block)?;
            let doing = if is_wanted { "blocked" } else { "unblocked" };
            tracing::error!(
                "{}: {} cannot be {doing} ({}): {why}; it is tried again",
                block.subject.name(),
                block.element,
                block.place
            );
        }
        self.figures.count(if is_wanted { "block" } else { "unblock" }, Became::Failed);
        Ok(())
    }

    fn all_fail(&mut self, rows: &mut [Row], why: &str) -> Outcome {
        for row in rows.iter_mut() {
            self.fails(Some(row), why)?;
        }
        Ok(())
    }

    /// How things are now, for the metrics.
    fn tally(&self) -> Outcome {
        let blocks = self.books.blocks()?;
        let held = blocks.iter().filter(|block| block.state == BlockState::Held);
        let subjects: std::collections::BTreeSet<_> = held.map(|block| &block.subject).collect();
        let failing = blocks.iter().filter(|block| !block.said.is_empty()).count();
        let relaxed = std::sync::atomic::Ordering::Relaxed;
        self.figures.blocked.store(subjects.len() as u64, relaxed);
        self.figures.failing.store(failing as u64, relaxed);
        Ok(())
    }
}

/// Whether what is leaving is ours, is in the set, and no other block of ours is why.
fn is_to_go(rows: &[Row], row: &Row, listing: &Listing) -> bool {
    let is_reason = |other: &Row| {
        other.block.id != row.block.id
            && other.encloses(row.network)
            && (other.is_wanted() || (other.is_ours() && other.network != row.network))
    };
    row.is_ours() && listing.covers(row.network) && !rows.iter().any(is_reason)
}

/// Whether what we put into the set is no element of its own there, nor a part of another of ours.
fn is_merged(rows: &[Row], row: &Row, listing: &Listing) -> bool {
    let is_inside = |other: &Row| other.block.id != row.block.id && other.encloses(row.network);
    row.is_ours() && !listing.has(row.network) && !rows.iter().any(is_inside)
}

/// What of a network the set holds that no block of ours has put there before.
fn stranger(rows: &[Row], listing: &Listing, network: Prefix) -> Option<String> {
    let is_ours = |(first, last): (u128, u128)| {
        let put = rows.iter().filter(|row| row.is_ours() && row.block.state != BlockState::Wanted);
        put.map(|row| range(row.network)).any(|(from, to)| from <= first && to >= last)
    };
    let (first, _) = listing.touching(network).find(|found| !is_ours(*found))?;
    Some(weir_flow::Addr::from_bits(first).to_string())
}
