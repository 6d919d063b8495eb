//! Closing: statements that stand for ever, and how they are proved.
//!
//! `close` makes the statements of a period, numbers them and chains them in the books, with what they were made from
//! (`basis`). `figure` and `recount` are what can be computed again of them: from the accounts, or from the records.
//! `adjust` finds what closed statements should have said beyond what they did, once; `verify` holds everything against
//! everything. `explain` goes from a figure to what is behind it, `evidence` puts all of that into a folder for others.
//! `page` is how it looks. docs/closing.md is the whole story.

mod adjust;
mod basis;
mod close;
pub(crate) mod evidence;
pub(crate) mod explain;
mod figure;
mod kept;
pub(crate) mod page;
mod recount;
pub(crate) mod verify;

pub(crate) use close::{Order, close};
pub(crate) use figure::{Amounts, Figures};
pub(crate) use kept::{Paper, Shelf, Standing, adjusted, kept, standing};

use crate::exit::{Failure, Outcome};
use weir_account::{Period, Zone};

/// The program's name and version, as the books keep it.
pub(crate) const VERSION: &str = concat!("weir ", env!("CARGO_PKG_VERSION"));

/// A zone that was written down.
///
/// # Errors
/// It is none (any more).
pub(crate) fn zone(name: &str) -> Outcome<Zone> {
    Zone::parse(name)
        .map_err(|_| Failure::new(format!("there is no time zone \"{name}\", which a closed period is in")))
}

/// A period as the books have it.
pub(crate) struct Term {
    name: String,
    zone: String,
    range: std::ops::Range<i64>,
}

impl Term {
    pub(crate) fn new(period: &Period) -> Self {
        let range = period.from_ms()..period.to_ms();
        Self { name: period.name(), zone: period.zone().name().to_owned(), range }
    }

    pub(crate) fn books(&self) -> weir_books::Term<'_> {
        let Self { name, zone, range } = self;
        weir_books::Term { period: name, zone, from_ms: range.start, to_ms: range.end }
    }
}

/// Who runs the program, for the audit trail: a name is what the environment says, the number is what the system knows.
pub(crate) fn who() -> String {
    let number = rustix::process::getuid().as_raw();
    let name = ["SUDO_USER", "LOGNAME", "USER"].iter().find_map(|name| std::env::var(name).ok());
    match name.filter(|name| !name.is_empty()) {
        Some(name) => format!("{name} (user {number})"),
        None => format!("user {number}"),
    }
}
