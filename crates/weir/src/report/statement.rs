//! A tenant's statement: what it used in a period, host by host and day by day, and how sure that is.

use super::number::{grouped, octets, share};
use super::table::{Align, Columns};
use super::usage::{total, used};
use super::{Form, balance, completeness, csv_line};
use serde_json::{Map, Value as Json, json};
use weir_account::Statement;
use weir_account::usage::Used;
use weir_flow::Addr;

/// A statement and what it takes to print it.
pub(crate) struct Sheet<'a> {
    pub(crate) statement: &'a Statement,
    pub(crate) exporter: &'a dyn Fn(Addr) -> String,
    pub(crate) host_name: &'a dyn Fn(Addr) -> Option<String>,
}

impl Sheet<'_> {
    /// The statement in a form.
    pub(crate) fn render(&self, form: Form) -> String {
        match form {
            Form::Json => format!("{:#}\n", self.document()),
            Form::Ndjson => format!("{}\n", self.document()),
            Form::Csv => self.csv(),
            Form::Table | Form::Parquet => self.text(),
        }
    }

    fn document(&self) -> Json {
        let s = self.statement;
        let mut object = Map::from_iter([
            ("tenant".to_owned(), json!(s.tenant)),
            (
                "period".to_owned(),
                json!({
                    "name": s.period.name(),
                    "from": s.period.from(),
                    "to": s.period.to(),
                    "zone": s.period.zone().name(),
                }),
            ),
        ]);
        object.extend(used(&s.used));
        object.insert(
            "hosts".to_owned(),
            s.hosts.iter().map(|line| self.host(line.address, &line.used)).collect(),
        );
        let days = s.days.iter().map(|line| {
            let mut day = Map::from_iter([("date".to_owned(), json!(line.day.date))]);
            day.extend(used(&line.used));
            Json::Object(day)
        });
        object.insert("days".to_owned(), days.collect());
        object.insert("balance".to_owned(), balance::document(&s.balance, self.exporter));
        object.insert("completeness".to_owned(), completeness::document(&s.completeness, s.period.zone()));
        let counts =
            s.basis.counts.iter().map(|(exporter, rule)| json!({"exporter": exporter, "counted": rule}));
        let basis = json!({
            "networks": s.basis.networks,
            "counting": counts.collect::<Vec<_>>(),
            "unit": s.basis.unit.factor(),
            "octets": "IP octets, headers of layer 3 and up",
        });
        object.insert("basis".to_owned(), basis);
        Json::Object(object)
    }

    fn host(&self, address: Option<Addr>, host: &Used) -> Json {
        let mut object = Map::from_iter([("address".to_owned(), json!(address.map(|a| a.to_string())))]);
        if let Some(name) = address.and_then(self.host_name) {
            object.insert("name".to_owned(), json!(name));
        }
        object.extend(used(host));
        Json::Object(object)
    }

    fn csv(&self) -> String {
        let s = self.statement;
        let measures = ["in", "out", "local_in", "local_out"];
        let heads = measures.iter().flat_map(|m| ["octets", "packets", "flows"].map(|c| format!("{m}_{c}")));
        let mut out = csv_line(["line", "key"].map(str::to_owned).into_iter().chain(heads));
        let mut line = |kind: &str, key: &str, used: &Used| {
            let sums = [used.r#in, used.out, used.local_in, used.local_out];
            let numbers = sums.iter().flat_map(|s| [s.octets, s.packets, s.flows]).map(|n| n.to_string());
            out.push_str(&csv_line([kind.to_owned(), key.to_owned()].into_iter().chain(numbers)));
        };
        line("total", &s.tenant, &s.used);
        for host in &s.hosts {
            line("host", &host.address.map(|a| a.to_string()).unwrap_or_default(), &host.used);
        }
        for day in &s.days {
            line("day", &day.day.date, &day.used);
        }
        out
    }

    fn text(&self) -> String {
        let s = self.statement;
        let unit = s.basis.unit;
        let mut out = format!(
            "STATEMENT OF TRAFFIC\n\ntenant    {}\nnetworks  {}\n",
            s.tenant,
            s.basis.networks.join(", ")
        );
        out.push_str(&format!(
            "period    {}: {} to {} ({})\n\n",
            s.period.name(),
            s.period.from(),
            s.period.to(),
            s.period.zone().name()
        ));
        let mut sums = Columns::new([
            ("", Align::Left),
            ("octets", Align::Right),
            ("", Align::Right),
            ("packets", Align::Right),
            ("flows", Align::Right),
        ]);
        let rows = [
            ("in (from outside)", s.used.r#in),
            ("out (to outside)", s.used.out),
            ("local in", s.used.local_in),
            ("local out", s.used.local_out),
        ];
        for (name, sum) in rows {
            sums.row([
                name.to_owned(),
                grouped(sum.octets),
                octets(sum.octets, unit),
                grouped(sum.packets),
                grouped(sum.flows),
            ]);
        }
        out.push_str(&sums.render());
        out.push_str(&format!("\n{}\n{}\n", self.hosts(), self.days()));
        let closes = if s.balance.is_closed() { "closes to the octet" } else { "DOES NOT CLOSE" };
        out.push_str(&format!("trial balance of the period: {closes}\n"));
        out.push_str(&completeness::lines(&s.completeness, s.period.zone(), unit, self.exporter));
        for (exporter, rule) in &s.basis.counts {
            out.push_str(&format!("counted at {exporter}: {rule}\n"));
        }
        out.push_str("octets are IP octets: headers of layer 3 and up, no link headers\n");
        out
    }

    fn hosts(&self) -> String {
        let whole: u128 = self.statement.hosts.iter().map(|line| total(&line.used)).sum();
        let mut out = self.lines("host");
        for line in &self.statement.hosts {
            let name = line.address.and_then(self.host_name).map(|n| format!(" {n}")).unwrap_or_default();
            let address = line.address.map_or_else(|| "(no address)".to_owned(), |a| a.to_string());
            out.row(self.cells(format!("{address}{name}"), &line.used, whole));
        }
        out.render()
    }

    fn days(&self) -> String {
        let whole: u128 = self.statement.days.iter().map(|line| total(&line.used)).sum();
        let mut out = self.lines("day");
        for line in &self.statement.days {
            out.row(self.cells(line.day.date.clone(), &line.used, whole));
        }
        out.render()
    }

    fn lines(&self, head: &str) -> Columns {
        let right = Align::Right;
        Columns::new([
            (head, Align::Left),
            ("in", right),
            ("out", right),
            ("local in", right),
            ("local out", right),
            ("share", right),
        ])
    }

    fn cells(&self, label: String, used: &Used, whole: u128) -> [String; 6] {
        let size = |n: u64| octets(n, self.statement.basis.unit);
        [
            label,
            size(used.r#in.octets),
            size(used.out.octets),
            size(used.local_in.octets),
            size(used.local_out.octets),
            share(total(used), whole),
        ]
    }
}
