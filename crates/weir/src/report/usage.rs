//! Who used how much in a span, with the balance and the completeness under it.

use super::number::{count, octets, share};
use super::sheet::{Head, Kind, Sheet, Value};
use super::table::{Align, Columns};
use super::{Form, balance, completeness};
use serde_json::{Map, Value as Json, json};
use weir_account::statement::Unit;
use weir_account::usage::{TenantUsage, Usage, Used};
use weir_account::{Balance, Completeness, Zone};
use weir_flow::Addr;

/// The span, as the report names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) name: String,
    /// RFC 3339, or `None` where the span is open.
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
}

/// Everything a usage report shows.
pub(crate) struct Report<'a> {
    pub(crate) span: Span,
    pub(crate) zone: &'a Zone,
    pub(crate) unit: Unit,
    pub(crate) usage: &'a Usage,
    pub(crate) balance: &'a Balance,
    pub(crate) completeness: &'a Completeness,
    /// Only this tenant.
    pub(crate) tenant: Option<&'a str>,
    pub(crate) hosts: bool,
    pub(crate) exporter: &'a dyn Fn(Addr) -> String,
    /// What is known of an address, to be shown beside it.
    pub(crate) host_name: &'a dyn Fn(Addr) -> Option<String>,
}

impl Report<'_> {
    /// The report in a form.
    pub(crate) fn render(&self, form: Form) -> String {
        match form {
            Form::Json => format!("{:#}\n", self.document()),
            Form::Ndjson => {
                self.tenants().map(|(name, usage)| format!("{}\n", self.tenant_object(name, usage))).collect()
            }
            Form::Csv => self.sheet().csv(),
            Form::Table | Form::Parquet | Form::Arrow => self.text(),
        }
    }

    fn tenants(&self) -> impl Iterator<Item = (&str, &TenantUsage)> {
        self.usage.tenants().filter(|(name, _)| self.tenant.is_none_or(|only| only == *name))
    }

    fn document(&self) -> Json {
        let tenants: Vec<Json> =
            self.tenants().map(|(name, usage)| self.tenant_object(name, usage)).collect();
        json!({
            "period": {
                "name": self.span.name,
                "from": self.span.from,
                "to": self.span.to,
                "zone": self.zone.name(),
            },
            "tenants": tenants,
            "balance": balance::document(self.balance, self.exporter),
            "completeness": completeness::document(self.completeness, self.zone),
        })
    }

    fn tenant_object(&self, name: &str, usage: &TenantUsage) -> Json {
        let mut object = Map::from_iter([("tenant".to_owned(), json!(name))]);
        object.extend(used(&usage.used));
        if !usage.classes.is_empty() {
            let classes = usage.classes.iter().map(|(name, of_class)| class(name, of_class));
            object.insert("classes".to_owned(), classes.collect());
        }
        if !usage.shares.is_empty() {
            let shares = usage.shares.iter().map(|(shared, share)| {
                let mut object = Map::from_iter([("shared".to_owned(), json!(shared))]);
                object.extend(used(&share.used));
                object.insert("whole".to_owned(), Json::Object(used(&share.whole).into_iter().collect()));
                Json::Object(object)
            });
            object.insert("shares".to_owned(), shares.collect());
        }
        if let Some(out) = &usage.shared_out {
            object.insert("shared_out".to_owned(), Json::Object(used(out).into_iter().collect()));
        }
        if self.hosts {
            let hosts = by_octets(usage).into_iter().map(|(address, host)| {
                let mut object = Map::from_iter([("address".to_owned(), json!(address.to_string()))]);
                if let Some(name) = (self.host_name)(address) {
                    object.insert("name".to_owned(), json!(name));
                }
                object.extend(used(host));
                Json::Object(object)
            });
            object.insert("hosts".to_owned(), hosts.collect());
        }
        Json::Object(object)
    }

    /// The tenants, and with hosts each of them, as plain columns.
    pub(crate) fn sheet(&self) -> Sheet {
        let mut heads = vec![Head::new("tenant", Kind::Text), Head::new("address", Kind::Text)];
        heads.extend(self::heads());
        let mut sheet = Sheet { heads, rows: Vec::new() };
        for (name, usage) in self.tenants() {
            sheet.rows.push(row(name, None, &usage.used));
            if self.hosts {
                for (address, host) in by_octets(usage) {
                    sheet.rows.push(row(name, Some(address), host));
                }
            }
        }
        sheet
    }

    fn text(&self) -> String {
        let mut out = format!("usage {}, {}\n\n", self.span.name, self.zone.name());
        out.push_str(&self.table());
        out.push_str(&self.shares());
        out.push('\n');
        out.push_str(&balance::table(self.balance));
        out.push('\n');
        out.push_str(&completeness::lines(self.completeness, self.zone, self.unit, self.exporter));
        out
    }

    fn table(&self) -> String {
        let right = Align::Right;
        let mut out = Columns::new([
            ("tenant", Align::Left),
            ("in", right),
            ("out", right),
            ("local in", right),
            ("local out", right),
            ("flows", right),
            ("share", right),
        ]);
        let mut tenants: Vec<_> = self.tenants().collect();
        if tenants.is_empty() {
            return "no tenants: name them in weir.toml, [[tenant]] with name and networks\n".to_owned();
        }
        tenants.sort_by(|a, b| total(&b.1.used).cmp(&total(&a.1.used)).then(a.0.cmp(b.0)));
        let whole = total(&self.usage.total().used);
        for (name, usage) in tenants {
            out.row(self.cells(name.to_owned(), &usage.used, whole));
            if self.hosts {
                for (address, host) in by_octets(usage) {
                    let name = (self.host_name)(address).map(|n| format!(" {n}")).unwrap_or_default();
                    out.row(self.cells(format!("  {address}{name}"), host, whole));
                }
            }
        }
        out.render()
    }

    /// What of the tenants' figures is a share of a shared address, and what became of those.
    fn shares(&self) -> String {
        let size = |used: &Used| {
            let local = u128::from(used.local_in.octets) + u128::from(used.local_out.octets);
            let local = match local {
                0 => String::new(),
                local => format!(", {} local", octets(local, self.unit)),
            };
            let [came, went] = [used.r#in, used.out].map(|sums| octets(sums.octets, self.unit));
            format!("{came} in, {went} out{local}")
        };
        let mut lines = String::new();
        for (name, usage) in self.tenants() {
            for (shared, share) in &usage.shares {
                let (part, whole) = (size(&share.used), size(&share.whole));
                lines.push_str(&format!("of {name}'s, its share of {shared}: {part} (of {whole})\n"));
            }
            if let Some(out) = &usage.shared_out {
                lines.push_str(&format!("{name} is shared out: {}\n", size(out)));
            }
        }
        if lines.is_empty() { lines } else { format!("\n{lines}") }
    }

    fn cells(&self, label: String, used: &Used, whole: u128) -> [String; 7] {
        let size = |n: u64| octets(n, self.unit);
        [
            label,
            size(used.r#in.octets),
            size(used.out.octets),
            size(used.local_in.octets),
            size(used.local_out.octets),
            count(flows(used)),
            share(total(used), whole),
        ]
    }
}

/// The heads of [`figures`].
pub(super) fn heads() -> impl Iterator<Item = Head> {
    let ways = ["in", "out", "local_in", "local_out"].into_iter();
    ways.flat_map(|way| ["octets", "packets", "flows"].map(|sum| format!("{way}_{sum}")))
        .map(|name| Head::new(name, Kind::Unsigned))
}

/// Octets, packets and flows of the four ways.
pub(super) fn figures(used: &Used) -> impl Iterator<Item = Value> {
    let sums = [used.r#in, used.out, used.local_in, used.local_out];
    let numbers = sums.into_iter().flat_map(|s| [s.octets, s.packets, s.flows]);
    numbers.map(|n| Value::Unsigned(n.into()))
}

/// The flows that a tenant or host had a part in; those between its own ends once.
pub(super) fn flows(used: &Used) -> u128 {
    u128::from(used.r#in.flows) + u128::from(used.out.flows) + u128::from(used.local_out.flows)
}

/// Everything a tenant or host sent and received, in octets.
pub(crate) fn total(used: &Used) -> u128 {
    [used.r#in, used.out, used.local_in, used.local_out].iter().map(|s| u128::from(s.octets)).sum()
}

/// The hosts of a tenant, those who used most first.
fn by_octets(usage: &TenantUsage) -> Vec<(Addr, &Used)> {
    let mut hosts: Vec<(Addr, &Used)> = usage.hosts.iter().map(|(address, used)| (*address, used)).collect();
    hosts.sort_by(|a, b| total(b.1).cmp(&total(a.1)).then(a.0.cmp(&b.0)));
    hosts
}

/// The four sums of a tenant or host, as JSON members.
pub(crate) fn used(used: &Used) -> [(String, Json); 4] {
    [
        ("in".to_owned(), balance::sums(used.r#in)),
        ("out".to_owned(), balance::sums(used.out)),
        ("local_in".to_owned(), balance::sums(used.local_in)),
        ("local_out".to_owned(), balance::sums(used.local_out)),
    ]
}

/// What came in and went out of a class.
pub(crate) fn class(name: &str, of_class: &Used) -> Json {
    json!({"class": name, "in": balance::sums(of_class.r#in), "out": balance::sums(of_class.out)})
}

fn row(tenant: &str, address: Option<Addr>, used: &Used) -> Vec<Value> {
    let address = address.map_or(Value::Null, |address| Value::Text(address.to_string()));
    let labels = [Value::Text(tenant.to_owned()), address];
    labels.into_iter().chain(figures(used)).collect()
}
