//! A tenant's statement, and the manager's page: what stands on the paper, in words, and how it is put there.
//!
//! [`of`] turns a [`Document`] into a [`Paper`]: a title, notices, and sections of text, tables and one chart, all in the
//! tenant's language and with its numbers written out. [`text`], [`html`] and [`pdf`] only lay a paper out, so the three
//! never differ in what they say. [`json`](mod@json) and [`csv`] are for programs: they are made from the document itself.

pub(crate) mod charge;
mod complete;
pub(crate) mod csv;
pub(crate) mod html;
pub(crate) mod json;
mod part;
pub(crate) mod pdf;
mod shared;
pub(crate) mod summary;
#[cfg(test)]
mod tests;
pub(crate) mod text;

use super::table::Align;
use crate::statement::language::fill;
use crate::statement::{Document, Language, Style};
use weir_account::Period;
use weir_account::usage::Used;

/// What stands on the paper.
#[derive(Clone, Debug)]
pub(crate) struct Paper {
    pub(crate) language: Language,
    pub(crate) title: String,
    /// What it is about in a line: the title of the file.
    pub(crate) subject: String,
    /// Who sends it, a line each.
    pub(crate) issuer: Vec<String>,
    /// The totals, each with its name: the first lines.
    pub(crate) lead: Vec<(String, String)>,
    /// Tenant, networks, period, unit: each with its name.
    pub(crate) facts: Vec<(String, String)>,
    /// What must be read before any figure.
    pub(crate) notices: Vec<String>,
    pub(crate) sections: Vec<Section>,
    /// Under every page.
    pub(crate) footer: Option<String>,
}

/// A heading and what stands under it.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    pub(crate) heading: String,
    pub(crate) parts: Vec<Part>,
}

/// What stands under a heading.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    /// A paragraph.
    Text(String),
    /// Short lines that belong together.
    List(Vec<String>),
    Table(Table),
    /// Days as bars; the same figures stand in the table, for who does not see bars.
    Chart(Chart, Table),
}

/// Rows of cells.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    /// What the table is of, for who cannot see where it stands.
    pub(crate) caption: String,
    pub(crate) heads: Vec<Head>,
    pub(crate) rows: Vec<Vec<String>>,
    /// Sums, under a rule.
    pub(crate) foot: Vec<Vec<String>>,
}

/// A column.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) text: String,
    pub(crate) align: Align,
    /// Whether its cells are sentences, which may be broken into lines.
    pub(crate) is_long: bool,
}

impl Head {
    fn left(text: &str) -> Self {
        Self { text: text.to_owned(), align: Align::Left, is_long: false }
    }

    fn right(text: &str) -> Self {
        Self { text: text.to_owned(), align: Align::Right, is_long: false }
    }

    fn long(text: &str) -> Self {
        Self { text: text.to_owned(), align: Align::Left, is_long: true }
    }
}

/// Bars of so many days have the days of the month under them; more have dates.
const MONTH_DAYS: usize = 35;

/// A bar for each day: what came in, and on top of it what went out.
#[derive(Clone, Debug)]
pub(crate) struct Chart {
    /// The same in a sentence.
    pub(crate) alt: String,
    /// What the two colours are.
    pub(crate) legend: [String; 2],
    pub(crate) bars: Vec<Bar>,
    /// The lines across, with what they stand for, from the bottom up; the last is the top.
    pub(crate) lines: Vec<(u128, String)>,
}

/// A day.
#[derive(Clone, Debug)]
pub(crate) struct Bar {
    /// The day of the month, or of the year if there are many, as the axis has it.
    pub(crate) label: String,
    /// The whole day and its figures, as who points at it is told.
    pub(crate) hint: String,
    pub(crate) values: [u128; 2],
}

impl Chart {
    /// Whether the day at this place has its label under it: all of a month, and so many of a year that they do not touch.
    fn shows(&self, at: usize) -> bool {
        let labels = if self.bars.len() > MONTH_DAYS { 12 } else { MONTH_DAYS };
        at.is_multiple_of(self.bars.len().div_ceil(labels).max(1))
    }
}

/// The paper of a tenant's statement.
pub(crate) fn of(document: &Document) -> Paper {
    let (style, statement) = (&document.style, &document.statement);
    let w = style.language.words();
    let mut sections = vec![part::traffic(document)];
    let classes = statement.classes.iter().map(|line| (line.class.as_str(), &line.used));
    sections.extend(part::classes(classes, style));
    sections.extend(shared::section(document));
    sections.extend(part::charges(document));
    sections.extend(part::adjustments(document));
    sections.extend(part::quotas(&document.quotas, style));
    if !document.is_empty() {
        sections.push(part::days(document));
    }
    sections.extend(part::hosts(document));
    sections.push(complete::section(&statement.completeness, statement.period.zone(), style));
    sections.push(complete::basis(document));
    let mut facts = vec![(w.tenant.to_owned(), statement.tenant.clone())];
    if !statement.basis.networks.is_empty() {
        facts.push((w.networks.to_owned(), statement.basis.networks.join(", ")));
    }
    facts.extend(common_facts(&statement.period, style));
    Paper {
        language: style.language,
        title: style.title.clone().unwrap_or_else(|| w.statement.to_owned()),
        subject: subject(&statement.tenant, &statement.period.name(), style.language),
        issuer: style.issuer.clone(),
        lead: lead(&statement.used, style),
        facts,
        notices: complete::notices(document),
        sections,
        footer: style.footer.clone(),
    }
}

/// The subject of a mail with a statement.
pub(crate) fn subject(tenant: &str, period: &str, language: Language) -> String {
    fill(language.words().subject, &[("tenant", tenant), ("period", period)])
}

/// The totals with the outside, in millions of octets.
fn lead(used: &Used, style: &Style) -> Vec<(String, String)> {
    let w = style.language.words();
    let million = |octets| style.language.millions(octets, style.unit);
    vec![
        (w.total_in.to_owned(), million(used.r#in.octets)),
        (w.total_out.to_owned(), million(used.out.octets)),
    ]
}

/// The period, and what a unit is.
fn common_facts(period: &Period, style: &Style) -> Vec<(String, String)> {
    let (language, w) = (style.language, style.language.words());
    let [from, to] = [period.from(), period.to()].map(|instant| language.instant(&instant));
    let values =
        [("name", period.name()), ("from", from), ("to", to), ("zone", period.zone().name().to_owned())];
    let values: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let (octets, name) = language.million(style.unit);
    let unit =
        [("unit", name), ("octets", &language.number(octets))].map(|(key, value)| (key, value.to_owned()));
    let unit: Vec<(&str, &str)> = unit.iter().map(|(key, value)| (*key, value.as_str())).collect();
    vec![(w.period.to_owned(), fill(w.period_value, &values)), (w.unit.to_owned(), fill(w.unit_value, &unit))]
}
