//! A block that somebody takes back.

use crate::exit::{Failure, Outcome};
use weir_books::quota::{Block, BlockState, Changes, Release, Subject};
use weir_books::{Books, Entry};

/// Who undoes, and why.
#[derive(Debug)]
pub(crate) struct Order<'a> {
    /// A tenant's name, a group's path, or an address or network that is blocked.
    pub(crate) of: &'a str,
    pub(crate) who: String,
    pub(crate) why: &'a str,
    pub(crate) now_ms: i64,
}

/// Ends the blocks of a tenant (its hosts' too), of a group or of an address, in the books; which they were. They do not begin again
/// before the threshold is passed anew: in the next cycle, or after a correction.
///
/// # Errors
/// There are none, or the books cannot be written.
pub(crate) fn undo(books: &mut Books, order: &Order<'_>) -> Outcome<Vec<Block>> {
    let network = order.of.parse::<weir_account::Prefix>().ok();
    let is_meant = |block: &Block| {
        let Subject { tenant, .. } = &block.subject;
        let element = block.element.parse::<weir_account::Prefix>().ok();
        *tenant == order.of
            || network.is_some_and(|network| element.is_some_and(|one| one.encloses(&network)))
    };
    let blocks = books.blocks()?;
    let live = blocks.into_iter().filter(|block| block.state != BlockState::Leaving);
    let (found, others): (Vec<Block>, Vec<Block>) = live.partition(is_meant);
    if found.is_empty() {
        let mut names: Vec<String> = others.iter().map(|block| block.subject.tenant.clone()).collect();
        names.dedup();
        let known = if names.is_empty() {
            "nobody is".to_owned()
        } else {
            format!("blocked are {}", names.join(", "))
        };
        return Err(Failure::new(format!("\"{}\" is not blocked; {known}", order.of)));
    }
    // Whoever is blocked as a whole is unblocked as a whole: half a block would be nobody's decision.
    let subjects: std::collections::BTreeSet<Subject> =
        found.iter().map(|block| block.subject.clone()).collect();
    let whole = others.into_iter().filter(|block| subjects.contains(&block.subject));
    let ended: Vec<Block> = found.into_iter().chain(whole).collect();
    let why = format!("undone by {}: {}", order.who, order.why);
    let entry = |subject: &Subject| Entry {
        at_ms: order.now_ms,
        who: order.who.clone(),
        what: "undo".to_owned(),
        subject: subject.name(),
        why: order.why.to_owned(),
    };
    let changes = Changes {
        releases: ended.iter().map(|block| Release { id: block.id, why: why.clone() }).collect(),
        entries: subjects.iter().map(entry).collect(),
        ..Changes::default()
    };
    books.enact(&changes)?;
    Ok(ended)
}
