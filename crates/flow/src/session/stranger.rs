//! Sessions that have given nothing yet: no template, no record. Whoever forges source addresses makes such sessions,
//! as many as there is room for; so they are the first to go when room is needed, and only some of them have health
//! rows of their own. Of all others the rows are summed under [`Addr::UNSPECIFIED`](crate::Addr::UNSPECIFIED): nothing
//! is left uncounted, and forgers can neither fill the store with rows nor push out who has something to say.

use crate::time;

/// Strangers that have health rows of their own, at a time and of those that came within a bin. More than there are
/// exporters in most networks, and each of those becomes known with its first template.
pub(super) const NAMED_MAX: usize = 4096;

/// What is known of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Standing {
    /// It has given a template or a record, now or before a restart.
    #[default]
    Known,
    /// It has not, and is counted by its own name.
    Named,
    /// It has not, and is counted with others.
    Nameless,
}

/// How many strangers have names.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    bin: i64,
    came: usize,
    there: usize,
}

impl Strangers {
    /// A stranger comes at `received`, ms since 1970.
    pub(super) fn admit(&mut self, received: i64) -> Standing {
        let bin = time::bin(received);
        if self.bin != bin {
            (self.bin, self.came) = (bin, 0);
        }
        if self.came >= NAMED_MAX || self.there >= NAMED_MAX {
            return Standing::Nameless;
        }
        self.came += 1;
        self.there += 1;
        Standing::Named
    }

    /// A session of this standing is a stranger no more, or is gone.
    pub(super) fn leave(&mut self, standing: Standing) {
        if standing == Standing::Named {
            self.there = self.there.saturating_sub(1);
        }
    }
}
