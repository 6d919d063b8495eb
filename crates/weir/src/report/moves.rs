//! What went from whom to whom when records were attributed again, as text, JSON and CSV.

use super::number::{grouped, octets, things};
use super::table::{Align, Columns};
use super::{Form, csv_line};
use serde_json::{Value as Json, json};
use std::ops::Range;
use weir_account::{Unit, Zone};
use weir_store::{Account, Move, Reattributed};

/// What is told.
pub(crate) struct Report<'a> {
    /// What the time is called.
    pub(crate) name: &'a str,
    pub(crate) range: &'a Range<i64>,
    pub(crate) zone: &'a Zone,
    pub(crate) unit: Unit,
    /// Whether it was not done.
    pub(crate) is_dry: bool,
    pub(crate) done: &'a Reattributed,
}

/// An account as people read it: `avtotrade in`, `avtotrade in, national`, `avtotrade to bureau`, `unmatched`.
pub(crate) fn account(account: &Account) -> String {
    let class = account.class.as_ref().map_or_else(String::new, |class| format!(", {class}"));
    match (account.direction, &account.tenant, &account.peer) {
        (_, Some(tenant), Some(peer)) => format!("{tenant} to {peer}"),
        (direction, Some(tenant), None) => format!("{tenant} {}{class}", direction.unwrap_or("–")),
        (direction, None, _) => direction.unwrap_or("nobody").to_owned(),
    }
}

/// What was left because it reaches into a closed period, as the end of a sentence.
pub(crate) fn left(done: &Reattributed) -> String {
    match done.left {
        (0, _) => String::new(),
        (records, octets) => {
            let (records, octets) = (things(records, "record"), things(octets, "octet"));
            format!("; {records} of {octets} left as they are, because they reach into a closed period")
        }
    }
}

impl Report<'_> {
    /// It in a form.
    pub(crate) fn render(&self, form: Form) -> String {
        match form {
            Form::Json => format!("{:#}\n", self.document()),
            Form::Ndjson => format!("{}\n", self.document()),
            Form::Csv => self.csv(),
            Form::Table | Form::Parquet | Form::Arrow => self.text(),
        }
    }

    fn document(&self) -> Json {
        let done = self.done;
        let edge = |ms: i64| (ms != i64::MIN && ms != i64::MAX).then(|| self.zone.rfc3339(ms));
        let one = |one: &Move| {
            // Where there are no classes, nothing is said of them.
            let has_classes = [&one.from, &one.to].iter().any(|account| account.class.is_some());
            json!({
                "from": whose(&one.from, has_classes), "to": whose(&one.to, has_classes),
                "octets": number(one.octets), "packets": number(one.packets), "flows": one.flows,
            })
        };
        json!({
            "span": {
                "name": self.name, "from": edge(self.range.start), "to": edge(self.range.end),
                "zone": self.zone.name(),
            },
            "dry_run": self.is_dry,
            "records": done.rows,
            "changed": done.changed,
            "left_for_closed": { "records": done.left.0, "octets": number(done.left.1) },
            "moves": done.moves.iter().map(one).collect::<Vec<_>>(),
            "files_written": done.files,
        })
    }

    fn csv(&self) -> String {
        let heads = ["direction", "tenant", "peer_tenant", "class"];
        let heads = ["from", "to"].iter().flat_map(|side| heads.map(|head| format!("{side}_{head}")));
        let mut out = csv_line(heads.chain(["octets", "packets", "flows"].map(str::to_owned)));
        for one in &self.done.moves {
            let whose = [&one.from, &one.to].into_iter().flat_map(|account| {
                let name = |name: &Option<String>| name.clone().unwrap_or_default();
                let direction = account.direction.unwrap_or_default().to_owned();
                [direction, name(&account.tenant), name(&account.peer), name(&account.class)]
            });
            let sums = [one.octets.to_string(), one.packets.to_string(), one.flows.to_string()];
            out.push_str(&csv_line(whose.chain(sums)));
        }
        out
    }

    fn text(&self) -> String {
        let done = self.done;
        let would = if self.is_dry { "would change" } else { "changed" };
        let rows = things(done.rows, "record");
        let mut out = format!("{}: {} of {rows} {would}{}\n", self.name, grouped(done.changed), left(done));
        if !done.moves.is_empty() {
            let right = Align::Right;
            let mut table = Columns::new([
                ("from", Align::Left),
                ("to", Align::Left),
                ("octets", right),
                ("", right),
                ("packets", right),
                ("flows", right),
            ]);
            for one in &done.moves {
                table.row([
                    account(&one.from),
                    account(&one.to),
                    grouped(one.octets),
                    octets(one.octets, self.unit),
                    grouped(one.packets),
                    grouped(one.flows),
                ]);
            }
            out.push('\n');
            out.push_str(&table.render());
        }
        out
    }
}

fn whose(account: &Account, has_classes: bool) -> Json {
    let Account { direction, tenant, peer, class } = account;
    let mut whose = json!({"direction": direction, "tenant": tenant, "peer_tenant": peer});
    if let (true, Some(object)) = (has_classes, whose.as_object_mut()) {
        object.insert("class".to_owned(), json!(class));
    }
    whose
}

/// An integer of 128 bits as JSON: a number where it fits 64 bits, which all but damaged figures do.
fn number(n: u128) -> Json {
    u64::try_from(n).map_or_else(|_| json!(n.to_string()), |n| json!(n))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(direction: &'static str, tenant: Option<&str>, peer: Option<&str>) -> Account {
        let owned = |name: Option<&str>| name.map(str::to_owned);
        Account { direction: Some(direction), tenant: owned(tenant), peer: owned(peer), class: None }
    }

    #[test]
    fn a_class_is_told_by_name() {
        let with =
            |class: Option<&str>| Account { class: class.map(str::to_owned), ..of("in", Some("acme"), None) };
        assert_eq!(account(&with(Some("national"))), "acme in, national");
        let one = Move { from: with(None), to: with(Some("free")), octets: 5, packets: 1, flows: 1 };
        let done = Reattributed { rows: 1, changed: 1, moves: vec![one], ..Reattributed::default() };
        let (range, zone) = (0..i64::MAX, Zone::utc());
        let (name, unit, is_dry) = ("2026-10", Unit::Decimal, false);
        let report = Report { name, range: &range, zone: &zone, unit, is_dry, done: &done };
        let json = report.document();
        assert_eq!(
            (&json["moves"][0]["from"]["class"], &json["moves"][0]["to"]["class"]),
            (&Json::Null, &json!("free"))
        );
        assert_eq!(report.csv().lines().nth(1), Some("in,acme,,,in,acme,,free,5,1,1"));
        assert!(report.text().contains("acme in, free"));
    }

    #[test]
    fn the_same_figures_in_every_form() {
        let one = |from, to, octets| Move { from, to, octets, packets: 12, flows: 3 };
        let done = Reattributed {
            rows: 40,
            changed: 7,
            left: (1, 9000),
            moves: vec![
                one(of("in", Some("a"), None), of("in", Some("b, c"), None), 1_234_567),
                one(of("unmatched", None, None), of("local", Some("a"), Some("b, c")), 10),
            ],
            files: 6,
            ..Reattributed::default()
        };
        let (range, zone) = (0..i64::MAX, Zone::utc());
        let report = Report {
            name: "2026-10",
            range: &range,
            zone: &zone,
            unit: Unit::Decimal,
            is_dry: true,
            done: &done,
        };
        let text = report.text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[0],
            "2026-10: 7 of 40 records would change; 1 record of 9,000 octets left as they are, because they reach into a \
             closed period"
        );
        assert!(
            lines[3].starts_with("a in ") && lines[3].contains("b, c in") && lines[3].contains("1,234,567")
        );
        assert!(lines[4].starts_with("unmatched ") && lines[4].contains("a to b, c"), "{text}");
        assert_eq!(
            report.csv().lines().collect::<Vec<_>>(),
            [
                "from_direction,from_tenant,from_peer_tenant,from_class,to_direction,to_tenant,to_peer_tenant,to_class,octets,\
                 packets,flows",
                "in,a,,,in,\"b, c\",,,1234567,12,3",
                "unmatched,,,,local,a,\"b, c\",,10,12,3",
            ]
        );
        let json = report.document();
        assert_eq!((&json["moves"][0]["octets"], &json["span"]["to"]), (&json!(1_234_567), &Json::Null));
        assert_eq!(
            json["moves"][1]["to"],
            json!({"direction": "local", "tenant": "a", "peer_tenant": "b, c"})
        );
        assert_eq!(json["dry_run"], json!(true));
    }
}
