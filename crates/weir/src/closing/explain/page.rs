//! How what is behind a statement looks.

use super::{Brought, Explained, Records, Sampled, Way};
use crate::closing::basis;
use crate::closing::figure::{WAYS, number, sums};
use crate::closing::page::change;
use crate::report::bill;
use crate::report::number::{grouped, things};
use crate::report::table::{Align, Columns};
use serde_json::{Value as Json, json};
use std::fmt::Write;
use weir_flow::Addr;
use weir_store::Holds;

/// So many files are named one by one for people; programs get all.
const FILES_SHOWN: usize = 20;

impl Explained {
    /// For programs.
    pub(crate) fn document(&self, exporter: &dyn Fn(Addr) -> String) -> Json {
        let closing = &self.again.closed.closing;
        let zone = &self.again.span.zone;
        json!({
            "statement": self.kept.number,
            "tenant": self.kept.tenant,
            "period": {
                "name": closing.period, "from": zone.rfc3339(closing.from_ms), "to": zone.rfc3339(closing.to_ms),
                "zone": closing.zone,
            },
            "closed_at": zone.rfc3339(closing.at_ms),
            "lines": self.ways.iter().map(|way| way.document(exporter)).collect::<Vec<_>>(),
            "bill": self.bill.as_ref().map(|(_, json)| json),
            "adjustments": self.brought.iter().map(Brought::document).collect::<Vec<_>>(),
            "to_pay": self.to_pay,
            "files": basis::files(&self.files),
            "records_in_journal": self.journaled,
            "made_from": self.again.made_from,
            "completeness": self.completeness,
        })
    }

    /// For people.
    pub(crate) fn text(&self, exporter: &dyn Fn(Addr) -> String) -> String {
        let closing = &self.again.closed.closing;
        let zone = &self.again.span.zone;
        let mut out = format!(
            "statement {} of {}, {}: {} to {} ({}), closed {}\n",
            self.kept.number,
            self.kept.tenant,
            closing.period,
            zone.rfc3339(closing.from_ms),
            zone.rfc3339(closing.to_ms),
            closing.zone,
            zone.rfc3339(closing.at_ms)
        );
        for way in &self.ways {
            way.text(&mut out, exporter);
        }
        if let Some((text, _)) = &self.bill {
            let _ = write!(out, "\nwhat it costs, rule by rule, by the tariff it was closed with\n{text}");
        }
        if !self.brought.is_empty() {
            out.push_str("\nadjustments of earlier periods on it\n");
            self.brought.iter().for_each(|brought| brought.text(&mut out));
            let to_pay = self.to_pay.as_deref().unwrap_or("–");
            let _ = writeln!(out, "to pay, with these: {to_pay}");
        }
        self.files(&mut out);
        if let Some(percent) = self.completeness.get("percent").and_then(Json::as_str) {
            let _ = write!(out, "\ncompleteness of the period: {percent}; the statement says why\n");
        }
        out
    }

    fn files(&self, out: &mut String) {
        let records = self.files.iter().filter_map(|file| match file.holds {
            Holds::Records(totals) => Some((file, totals)),
            Holds::Accounts(_) | Holds::Counts(_) => None,
        });
        let records: Vec<_> = records.collect();
        // Writing into a string does not fail.
        let _ = write!(
            out,
            "\nthe period's records are in {}, and {} in the journal\n",
            things(records.len() as u64, "file"),
            things(self.journaled, "record")
        );
        for (file, totals) in records.iter().take(FILES_SHOWN) {
            let _ = writeln!(
                out,
                "  {} ({}, CRC-32C {:08x})",
                file.name,
                things(totals.rows, "record"),
                file.crc32c
            );
        }
        if let Some(more) = records.len().checked_sub(FILES_SHOWN).filter(|more| *more > 0) {
            let _ = writeln!(out, "  and {more} more: -o json names all");
        }
        let then = self.again.made_from.get("files").and_then(Json::as_array).map_or(0, Vec::len);
        let _ = writeln!(
            out,
            "it was closed from {}, accounts among them: -o json names them",
            things(then as u64, "file")
        );
    }
}

impl Brought {
    fn document(&self) -> Json {
        let mut members = self.figures.members();
        members.insert("statement".to_owned(), json!(self.statement));
        members.insert("period".to_owned(), json!(self.period));
        Json::Object(members)
    }

    fn text(&self, out: &mut String) {
        let Self { period, statement, figures } = self;
        let (which, cure) = match statement {
            Some(number) => {
                (format!("statement {number}"), format!("`weir explain {number}` shows what is behind it"))
            }
            None => ("no statement".to_owned(), "there was none then".to_owned()),
        };
        let _ = writeln!(out, "  {period}, {which}: {}; {cure}", change(figures));
    }
}

impl Way {
    fn document(&self, exporter: &dyn Fn(Addr) -> String) -> Json {
        let accounts = &self.accounts;
        let mut way = json!({
            "line": WAYS.get(self.at),
            "closed": sums(self.closed),
            "adjusted": sums(self.stands),
            "accounts": {
                "rows": accounts.rows, "bins": accounts.bins.len(), "hosts": accounts.hosts.len(),
                "exporters": accounts.exporters.len(), "sums": sums(accounts.sums),
            },
            "records": self.records.as_ref().map(|records| records.document(exporter)),
        });
        if let (Some(object), Some(class)) = (way.as_object_mut(), &self.class) {
            object.insert("class".to_owned(), json!(class));
        }
        if let (Some(object), Some(hours)) = (way.as_object_mut(), &self.hours) {
            object.insert("hours".to_owned(), bill::hours(hours));
        }
        if let (Some(object), false) = (way.as_object_mut(), accounts.shares.is_empty()) {
            let shares = accounts.shares.iter().map(
                |(shared, [own, whole])| json!({"shared": shared, "sums": sums(*own), "whole": sums(*whole)}),
            );
            object.insert("shares".to_owned(), shares.collect());
        }
        way
    }

    fn text(&self, out: &mut String, exporter: &dyn Fn(Addr) -> String) {
        let way = WAYS.get(self.at).copied().unwrap_or_default().replace('_', " ");
        let name = match &self.class {
            None => way,
            Some(class) => format!("{way}, class {class}"),
        };
        // Writing into a string does not fail.
        let _ = match self.hours {
            None => write!(out, "\n{name}: {} as closed\n", counted(self.closed)),
            Some(_) => write!(
                out,
                "\n{name}, in the hours of the rule; in all hours {} as closed\n",
                counted(self.closed)
            ),
        };
        if self.stands != self.closed {
            let _ = writeln!(out, "  with adjustments since: {}", counted(self.stands));
        }
        let accounts = &self.accounts;
        let same = match self.hours {
            Some(_) => "what the rule is about",
            None if accounts.sums == self.stands => "the same",
            None => "NOT THE SAME: run `weir verify`",
        };
        let _ = writeln!(
            out,
            "  accounts: {} ({} of five minutes, {}, {}) of {}: {same}",
            grouped(accounts.rows),
            grouped(accounts.bins.len() as u64),
            things(accounts.hosts.len() as u64, "host"),
            things(accounts.exporters.len() as u64, "exporter"),
            counted(accounts.sums)
        );
        for (shared, [own, whole]) in &accounts.shares {
            let _ = writeln!(
                out,
                "  of these its share of {shared}: {} of {}, whose records are of the tenant {shared}",
                counted(*own),
                counted(*whole)
            );
        }
        match &self.records {
            None => out.push_str("  records: given up, at least in part; the accounts were made from them\n"),
            Some(records) if records.matched > 0 => {
                if self.hours.is_some() {
                    out.push_str("  (records of all hours: one may reach over several)\n");
                }
                records.text(out, exporter);
            }
            Some(_) => {}
        }
    }
}

impl Records {
    fn document(&self, exporter: &dyn Fn(Addr) -> String) -> Json {
        let wide = |n: u128| number(i128::try_from(n).unwrap_or(i128::MAX));
        let one = |one: &Sampled| {
            json!({
                "exporter": one.exporter.map(|address| address.to_string()),
                "name": one.exporter.map(exporter),
                "sampling_interval": one.interval,
                "sampling_source": one.source,
                "octets": wide(one.octets),
                "packets": wide(one.packets),
                "flows": wide(one.flows),
                "measured_octets": wide(one.measured_octets),
            })
        };
        json!({ "records": self.matched, "by": self.sources.iter().map(one).collect::<Vec<_>>() })
    }

    fn text(&self, out: &mut String, exporter: &dyn Fn(Addr) -> String) {
        let _ = writeln!(out, "  records: {} with a share in it", grouped(self.matched));
        let right = Align::Right;
        let mut table = Columns::new([
            ("    exporter", Align::Left),
            ("sampling", Align::Left),
            ("as said by", Align::Left),
            ("octets measured", right),
            ("octets", right),
            ("packets", right),
            ("flows", right),
        ]);
        for one in &self.sources {
            table.row([
                format!("    {}", one.exporter.map_or_else(|| "–".to_owned(), exporter)),
                one.interval.map_or_else(|| "unknown".to_owned(), |n| format!("1 in {}", grouped(n))),
                one.source.clone().unwrap_or_else(|| "nobody".to_owned()),
                grouped(one.measured_octets),
                grouped(one.octets),
                grouped(one.packets),
                grouped(one.flows),
            ]);
        }
        out.push_str(&table.render());
    }
}

fn counted([octets, packets, flows]: [i128; 3]) -> String {
    let n =
        |n: i128, thing: &str| format!("{}{}", if n < 0 { "−" } else { "" }, things(n.unsigned_abs(), thing));
    format!("{}, {}, {}", n(octets, "octet"), n(packets, "packet"), n(flows, "flow"))
}
