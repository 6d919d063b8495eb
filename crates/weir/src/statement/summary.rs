//! The manager's page: all tenants of a period in one table, whose sum is the trial balance.

use super::{Charges, Style};
use crate::exit::Outcome;
use crate::report::statement as paper;
use std::collections::BTreeMap;
use weir_account::usage::Used;
use weir_account::{Balance, Completeness, Period};
use weir_flow::Addr;

/// All tenants of a period.
#[derive(Clone, Debug)]
pub(crate) struct Summary {
    pub(crate) period: Period,
    /// In the order of names.
    pub(crate) lines: Vec<Line>,
    /// All of them together, by class of traffic; none if there are no classes.
    pub(crate) classes: BTreeMap<String, Used>,
    pub(crate) balance: Balance,
    pub(crate) completeness: Completeness,
    pub(crate) exporters: BTreeMap<Addr, String>,
    pub(crate) style: Style,
}

/// One tenant.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) tenant: String,
    pub(crate) used: Used,
    /// What it costs, or why that cannot be said.
    pub(crate) charges: Option<Result<Charges, String>>,
}

impl Summary {
    /// For programs.
    pub(crate) fn json(&self) -> serde_json::Value {
        paper::summary::json(self)
    }

    /// For a mail or a terminal.
    pub(crate) fn text(&self) -> String {
        paper::text::render(&paper::summary::of(self))
    }

    /// One file without anything from elsewhere.
    pub(crate) fn html(&self) -> String {
        paper::html::render(&paper::summary::of(self))
    }

    /// For a spreadsheet.
    pub(crate) fn csv(&self) -> String {
        paper::summary::csv(self)
    }

    /// For the printer and the archive.
    ///
    /// # Errors
    /// As [`Document::pdf`](super::Document::pdf).
    pub(crate) fn pdf(&self) -> Outcome<Vec<u8>> {
        paper::pdf::render(&paper::summary::of(self))
    }

    /// The subject of a mail.
    pub(crate) fn subject(&self) -> String {
        paper::summary::subject(self)
    }
}
