//! What closed statements should have said beyond what they did: records came late, or were scaled late.
//!
//! The whole figures are computed again, bill and all, by the tariffs that the period was closed with; what was closed and
//! what was adjusted since is taken off. So tiers, allowances and percentiles come out right, and asking again
//! gives nothing again.

use super::basis;
use super::figure::Figures;
use super::recount::{Origin, Recount, Span};
use crate::config::Config;
use crate::exit::{Failure, Outcome};
use crate::statement::{Charged, charged};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use weir_books::{Books, Closed};
use weir_store::Snapshot;

/// A tenant's difference in a closed period.
#[derive(Clone, Debug)]
pub(crate) struct Due {
    /// The closing.
    pub(crate) closing: i64,
    pub(crate) period: String,
    /// The number of the statement; `None` if the tenant has none there.
    pub(crate) statement: Option<i64>,
    pub(crate) tenant: String,
    /// What stands: what was closed, with what was adjusted since.
    pub(crate) stands: Figures,
    pub(crate) now: Figures,
}

impl Due {
    pub(crate) fn difference(&self) -> Figures {
        self.now.minus(&self.stands)
    }
}

/// A closing, with what it takes to compute it again.
pub(crate) struct Again {
    pub(crate) closed: Closed,
    pub(crate) config: Config,
    pub(crate) span: Span,
    pub(crate) made_from: Json,
}

impl Again {
    /// # Errors
    /// What is kept of it is not understood.
    pub(crate) fn of(closed: Closed) -> Outcome<Self> {
        let closing = &closed.closing;
        let config = basis::kept_configuration(&closing.configuration, &closing.period)?;
        let zone = super::zone(&closing.zone)?;
        let range = closing.from_ms..closing.to_ms;
        // Of the tenants on its calendar, as they were then.
        let config = config.of_closed(&closing.period, &zone, &range).into_owned();
        let span = Span { zone, from_ms: closing.from_ms, to_ms: closing.to_ms };
        let made_from = serde_json::from_str(&closing.made_from).map_err(|error| {
            Failure::new(format!("what {} was made from is not understood: {error}", closing.period))
        })?;
        Ok(Self { closed, config, span, made_from })
    }

    pub(crate) fn charged(&self) -> Charged<'_> {
        charged(&self.config)
    }

    /// What stands of each tenant, by name: the number of its statement, and its figures with all adjustments.
    ///
    /// # Errors
    /// The books cannot be read, or hold what is no figures.
    pub(crate) fn stands(&self, books: &Books) -> Outcome<BTreeMap<String, (Option<i64>, Figures)>> {
        let place = self.closed.place;
        let mut stands = BTreeMap::new();
        let mut wrong = None;
        let mut take = |tenant: String, number: Option<i64>, text: &str| {
            let Some(figures) = Figures::parse(text) else {
                wrong.get_or_insert_with(|| {
                    format!("the figures of {tenant} in {}", self.closed.closing.period)
                });
                return;
            };
            let (known, sum) = stands.entry(tenant).or_insert((number, Figures::default()));
            *known = known.or(number);
            *sum = sum.plus(&figures);
        };
        books.statements(place, |kept| take(kept.tenant, Some(kept.number), &kept.figures))?;
        for adjustment in books.adjustments_to(place)? {
            take(adjustment.tenant, adjustment.statement, &adjustment.figures);
        }
        match wrong {
            Some(what) => Err(Failure::new(format!("{what} cannot be read: run `weir verify`"))),
            None => Ok(stands),
        }
    }

    /// The same of one tenant, whose closed statement has these figures.
    ///
    /// # Errors
    /// As [`Again::stands`].
    pub(crate) fn stands_of(&self, books: &Books, tenant: &str, closed: &Figures) -> Outcome<Figures> {
        let later = books.adjustments_to(self.closed.place)?.into_iter();
        let mut stands = closed.clone();
        for adjustment in later.filter(|one| one.tenant == tenant) {
            let figures = Figures::parse(&adjustment.figures).ok_or_else(|| {
                let what = format!("the figures of {tenant} in {}", self.closed.closing.period);
                Failure::new(format!("{what} cannot be read: run `weir verify`"))
            })?;
            stands = stands.plus(&figures);
        }
        Ok(stands)
    }

    /// All tenants of whom something else is computed now than what stands.
    ///
    /// # Errors
    /// The books or the store cannot be read.
    pub(crate) fn due(&self, books: &Books, snapshot: &Snapshot, origin: Origin) -> Outcome<Vec<Due>> {
        let charged = self.charged();
        let recount = Recount::of(&self.config, snapshot, &self.span, &charged, origin)?;
        let mut stands = self.stands(books)?;
        for tenant in recount.tenants().filter(|tenant| recount.has(tenant) && self.config.is_here(tenant)) {
            stands.entry(tenant.to_owned()).or_default();
        }
        let mut due = Vec::new();
        for (tenant, (statement, stands)) in stands {
            let now = recount.figures(&tenant, charged.get(tenant.as_str()).copied())?;
            let (closing, period) = (self.closed.place, self.closed.closing.period.clone());
            let one = Due { closing, period, statement, tenant, stands, now };
            if !one.difference().is_zero() {
                due.push(one);
            }
        }
        Ok(due)
    }
}

/// What there is to adjust of all periods that ended by this time. Periods whose accounts were given up stay as they
/// are: nobody knows better than what was closed.
///
/// # Errors
/// The books or the store cannot be read.
pub(crate) fn due(books: &Books, snapshot: &Snapshot, until_ms: i64) -> Outcome<Vec<Due>> {
    let mut all = Vec::new();
    for closed in books.closings()? {
        if closed.closing.to_ms > until_ms {
            continue;
        }
        let again = Again::of(closed)?;
        let is_adjusted = !books.adjustments_to(again.closed.place)?.is_empty();
        if Origin::best(snapshot, &again.span).is_none()
            || (!is_adjusted && basis::is_unchanged(snapshot, &again.span, &again.made_from))
        {
            continue;
        }
        for due in again.due(books, snapshot, Origin::Accounts)? {
            // Held against its digest: what was changed since is nothing to take a difference from.
            due.statement.map(|number| books.statement(number)).transpose()?;
            all.push(due);
        }
    }
    Ok(all)
}
