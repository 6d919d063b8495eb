//! What groups of tenants used in a span, level by level, with the balance and the completeness under it.

use super::number::{count, octets, share};
use super::sheet::{Head, Kind, Sheet, Value};
use super::table::{Align, Columns};
use super::usage::{self, Span, class, total, used};
use super::{Form, balance, completeness};
use serde_json::{Map, Value as Json, json};
use weir_account::group::{Subtotal, Subtotals};
use weir_account::statement::Unit;
use weir_account::usage::TenantUsage;
use weir_account::{Balance, Completeness, Group, Zone};
use weir_flow::Addr;

/// Everything the report shows.
pub(crate) struct Groups<'a> {
    pub(crate) span: Span,
    pub(crate) zone: &'a Zone,
    pub(crate) unit: Unit,
    pub(crate) subtotals: &'a Subtotals<TenantUsage>,
    pub(crate) balance: &'a Balance,
    pub(crate) completeness: &'a Completeness,
    pub(crate) exporter: &'a dyn Fn(Addr) -> String,
}

/// A group, or the tenants in none; the whole is the sum of those of level 1.
type Line<'a> = (Option<&'a Group>, &'a Subtotal<TenantUsage>);

impl Groups<'_> {
    /// The report in a form.
    pub(crate) fn render(&self, form: Form) -> String {
        match form {
            Form::Json => format!("{:#}\n", self.document()),
            Form::Ndjson => self.lines().map(|line| format!("{}\n", object(line))).collect(),
            Form::Csv => self.sheet().csv(),
            Form::Table | Form::Parquet | Form::Arrow => self.text(),
        }
    }

    /// Each group before what is in it, at the end the tenants in none.
    fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        let groups = self.subtotals.groups().map(|(group, subtotal)| (Some(group), subtotal));
        groups.chain(self.subtotals.rest().map(|rest| (None, rest)))
    }

    fn document(&self) -> Json {
        let whole = self.subtotals.whole();
        json!({
            "period": {
                "name": self.span.name,
                "from": self.span.from,
                "to": self.span.to,
                "zone": self.zone.name(),
            },
            "groups": self.lines().map(object).collect::<Vec<_>>(),
            "whole": Json::Object(figures(whole)),
            "balance": balance::document(self.balance, self.exporter),
            "completeness": completeness::document(self.completeness, self.zone),
        })
    }

    /// As plain columns: those of level 1 sum to the whole.
    pub(crate) fn sheet(&self) -> Sheet {
        let mut heads = vec![
            Head::new("group", Kind::Text),
            Head::new("level", Kind::Unsigned),
            Head::new("tenants", Kind::Unsigned),
        ];
        heads.extend(usage::heads());
        let rows = self.lines().map(|(group, subtotal)| {
            let first = [
                group.map_or(Value::Null, |group| Value::Text(group.path().to_owned())),
                Value::Unsigned(level(group) as u128),
                Value::Unsigned(subtotal.tenants.into()),
            ];
            first.into_iter().chain(usage::figures(&subtotal.sum.used)).collect()
        });
        Sheet { rows: rows.collect(), heads }
    }

    fn text(&self) -> String {
        let mut out = format!("usage {} by group, {}\n\n", self.span.name, self.zone.name());
        out.push_str(&self.table());
        out.push('\n');
        out.push_str(&balance::table(self.balance));
        out.push('\n');
        out.push_str(&completeness::lines(self.completeness, self.zone, self.unit, self.exporter));
        out
    }

    fn table(&self) -> String {
        if !self.subtotals.has_groups() {
            return "no groups: put tenants into some in weir.toml, group = \"campus/north\" in [[tenant]]\n"
                .to_owned();
        }
        let right = Align::Right;
        let mut out = Columns::new([
            ("group", Align::Left),
            ("tenants", right),
            ("in", right),
            ("out", right),
            ("local in", right),
            ("local out", right),
            ("flows", right),
            ("share", right),
        ]);
        for (group, subtotal) in self.lines() {
            let name = group.map_or_else(
                || "(in no group)".to_owned(),
                |group| format!("{}{}", "  ".repeat(group.level().saturating_sub(1)), group.name()),
            );
            out.row(self.cells(name, subtotal));
        }
        out.rule();
        out.row(self.cells("all".to_owned(), self.subtotals.whole()));
        out.render()
    }

    fn cells(&self, name: String, subtotal: &Subtotal<TenantUsage>) -> [String; 8] {
        let size = |n: u64| octets(n, self.unit);
        let used = &subtotal.sum.used;
        [
            name,
            count(subtotal.tenants),
            size(used.r#in.octets),
            size(used.out.octets),
            size(used.local_in.octets),
            size(used.local_out.octets),
            count(usage::flows(used)),
            share(total(used), total(&self.subtotals.whole().sum.used)),
        ]
    }
}

fn level(group: Option<&Group>) -> usize {
    group.map_or(1, Group::level)
}

fn object((group, subtotal): Line<'_>) -> Json {
    let mut object = Map::from_iter([
        ("group".to_owned(), json!(group.map(Group::path))),
        ("level".to_owned(), json!(level(group))),
    ]);
    object.extend(figures(subtotal));
    Json::Object(object)
}

fn figures(subtotal: &Subtotal<TenantUsage>) -> Map<String, Json> {
    let mut object = Map::from_iter([("tenants".to_owned(), json!(subtotal.tenants))]);
    object.extend(used(&subtotal.sum.used));
    if !subtotal.sum.classes.is_empty() {
        let classes = subtotal.sum.classes.iter().map(|(name, of_class)| class(name, of_class));
        object.insert("classes".to_owned(), classes.collect());
    }
    object
}
