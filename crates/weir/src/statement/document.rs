//! One tenant's statement of a period, ready to be rendered.

use super::Language;
use crate::exit::Outcome;
use crate::report::statement as paper;
use std::collections::BTreeMap;
use weir_account::money::Money;
use weir_account::shared::Proportion;
use weir_account::statement::Unit;
use weir_account::tariff::{Bill, Tariff};
use weir_account::{Statement, Sums};
use weir_flow::Addr;

/// One tenant's statement of a period.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) statement: Statement,
    /// When it was made, if the period was not over then, ms since 1970.
    pub(crate) as_of: Option<i64>,
    pub(crate) charges: Option<Charges>,
    /// What hosts are called now. Not a part of what is stated: a name may change, a closed statement must not.
    pub(crate) names: BTreeMap<Addr, String>,
    /// What exporters are called.
    pub(crate) exporters: BTreeMap<Addr, String>,
    pub(crate) style: Style,
    pub(crate) adjustments: Vec<Adjustment>,
    pub(crate) quotas: Vec<QuotaUse>,
    /// Which share it has of shared addresses, by their names, and when.
    pub(crate) rules: BTreeMap<String, Vec<Proportion>>,
}

/// What it costs, and by what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Charges {
    pub(crate) tariff: Tariff,
    pub(crate) bill: Bill,
}

/// For whom and from whom it is written, and in which words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Style {
    pub(crate) language: Language,
    pub(crate) unit: Unit,
    /// Instead of "Statement of traffic".
    pub(crate) title: Option<String>,
    /// Who sends it: name, address, numbers; a line each.
    pub(crate) issuer: Vec<String>,
    /// Under every page.
    pub(crate) footer: Option<String>,
    /// So many hosts stand by themselves, the others in one line.
    pub(crate) hosts: usize,
    /// How currencies are written, by code.
    pub(crate) currencies: BTreeMap<String, String>,
}

/// What was found of an earlier period after it was closed. More is above zero, less below.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Adjustment {
    /// The number of the closed statement; `None` if there was none.
    pub(crate) statement: Option<i64>,
    /// The name of its period.
    pub(crate) period: String,
    /// What is to pay for it in the currency that was paid in then, where that is another one now: it is told, and stands in
    /// no sum.
    pub(crate) elsewhere: Option<String>,
    /// From the outside.
    pub(crate) in_octets: i128,
    /// To the outside.
    pub(crate) out_octets: i128,
    /// Taxes included, in the currency of the tenant's tariff; `None` where nothing is charged.
    pub(crate) amount: Option<Money>,
}

/// How much of a quota was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct QuotaUse {
    pub(crate) name: String,
    pub(crate) used_octets: u64,
    pub(crate) limit_octets: u64,
}

impl Document {
    /// Whose it is.
    pub(crate) fn tenant(&self) -> &str {
        &self.statement.tenant
    }

    /// Whether nothing was used.
    pub(crate) fn is_empty(&self) -> bool {
        let used = &self.statement.used;
        [used.r#in, used.out, used.local_in, used.local_out].iter().all(Sums::is_zero)
    }

    /// Whether something is missing, or may be.
    pub(crate) fn is_incomplete(&self) -> bool {
        self.statement.completeness.percent.is_none_or(|percent| percent.hundredths() < 10_000)
    }

    /// What is to pay: the charges, with what was found of earlier periods. `None` if nothing is charged, or if it does not
    /// fit.
    pub(crate) fn to_pay(&self) -> Option<Money> {
        let adjusted = Money::sum(self.adjustments.iter().filter_map(|one| one.amount))?;
        self.charges.as_ref()?.bill.gross.plus(adjusted)
    }

    /// The same with what was found of earlier periods.
    pub(crate) fn with_adjustments(self, adjustments: Vec<Adjustment>) -> Self {
        Self { adjustments, ..self }
    }

    /// What is stated, for programs: the same figures give the same bytes. Hosts' names are not in it, nor anything
    /// else of how it looks.
    pub(crate) fn json(&self) -> serde_json::Value {
        paper::json::document(self)
    }

    /// The same with the names of hosts as they are now.
    pub(crate) fn named_json(&self) -> serde_json::Value {
        paper::json::named(self)
    }

    /// For a mail or a terminal.
    pub(crate) fn text(&self) -> String {
        paper::text::render(&paper::of(self))
    }

    /// One file without anything from elsewhere.
    pub(crate) fn html(&self) -> String {
        paper::html::render(&paper::of(self))
    }

    /// For a spreadsheet.
    pub(crate) fn csv(&self) -> String {
        paper::csv::render(self)
    }

    /// For the printer and the archive.
    ///
    /// # Errors
    /// The font that comes with the program cannot be used, which is a defect.
    pub(crate) fn pdf(&self) -> Outcome<Vec<u8>> {
        paper::pdf::render(&paper::of(self))
    }
}
