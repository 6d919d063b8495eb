//! How exporters are: a line each, and under it what is wrong and what cures it.

mod daemon;
mod session;

use super::number::{count, duration, grouped};
use super::table::{Align, Columns};
use super::{Form, csv_line, is_terminal, outlook, value};
use crate::advice::cure::{Cure, Kinds, cures, likely};
use crate::advice::finding::{Finding, Severity};
use crate::doctor::Checkup;
use crate::doctor::patient::{Patient, Spread};
use serde_json::{Value as Json, json};
use weir_account::{Unit, Zone};
use weir_flow::Addr;
use weir_flow::health::Counter;
use weir_flow::names::SamplingSource;
use weir_store::{Forecast, Holder};

/// A checkup, to be shown.
pub(crate) struct Report<'a> {
    pub(crate) checkup: &'a Checkup,
    /// Who writes to the store.
    pub(crate) holder: Option<Holder>,
    /// What the daemon that has it says of itself.
    pub(crate) daemon: Option<Json>,
    /// How long the store lasts.
    pub(crate) forecast: Forecast,
    pub(crate) zone: &'a Zone,
    /// Whose cures are shown.
    pub(crate) kinds: &'a Kinds,
    pub(crate) exporter: &'a dyn Fn(Addr) -> String,
}

impl Report<'_> {
    pub(crate) fn render(&self, form: Form) -> String {
        match form {
            Form::Json => format!("{:#}\n", self.document()),
            Form::Ndjson => self.exporters().map(|exporter| format!("{exporter}\n")).collect(),
            Form::Csv => self.csv(),
            Form::Table | Form::Parquet | Form::Arrow => self.text(),
        }
    }

    fn cures(&self, patient: Option<&Patient>, finding: &Finding) -> Vec<Cure> {
        let address = patient.map_or_else(|| "192.0.2.1".to_owned(), |p| p.address.to_string());
        let empty = Patient::default();
        // What concerns several exporters is cured on what most of them are.
        let patient = patient.or(self.checkup.exporters.first().map(|(p, _)| p)).unwrap_or(&empty);
        cures(finding, &address, self.kinds, &likely(&patient.versions, &patient.enterprises))
    }

    fn document(&self) -> Json {
        let checkup = self.checkup;
        let overlap = &checkup.overlap;
        json!({
            "from": (checkup.range.start > i64::MIN).then(|| self.zone.rfc3339(checkup.range.start)),
            "to": (checkup.range.end < i64::MAX).then(|| self.zone.rfc3339(checkup.range.end)),
            "as_of": self.zone.rfc3339(checkup.now),
            "newest": checkup.newest.map(|ms| self.zone.rfc3339(ms)),
            "newest_age_ms": checkup.newest.map(|ms| checkup.now.saturating_sub(ms).max(0)),
            "store_is_open": self.holder.is_some(),
            "store_open_in_process": self.holder.and_then(|h| h.pid),
            "daemon": self.daemon,
            "disk": outlook::document(&self.forecast),
            "findings": checkup.collector.iter().map(|f| self.finding(None, f)).collect::<Vec<_>>(),
            "exporters": self.exporters().collect::<Vec<_>>(),
            "counting_once": {
                "records": checkup.sampled.records,
                "is_cut": checkup.sampled.is_cut,
                "judged_octets": whole(overlap.judged),
                "repeated_octets": whole(overlap.repeated),
                "excess_octets": whole(overlap.excess),
                "transfers": overlap.transfers,
            },
        })
    }

    fn exporters(&self) -> impl Iterator<Item = Json> {
        self.checkup.exporters.iter().map(|(p, findings)| {
            let of = |counter| p.tally.of(counter);
            json!({
                "exporter": p.address.to_string(),
                "name": (self.exporter)(p.address),
                "domains": p.domains,
                "protocol_versions": p.versions.iter().map(|v| v.word()).collect::<Vec<_>>(),
                "first": p.first.map(|ms| self.zone.rfc3339(ms)),
                "last": p.last.map(|ms| self.zone.rfc3339(ms)),
                "datagrams": of(Counter::Datagrams),
                "records": of(Counter::Records),
                "octets": of(Counter::Octets),
                "templates": of(Counter::Templates),
                "options_records": of(Counter::OptionsRecords),
                "records_lost": of(Counter::RecordsLost),
                "datagrams_lost": of(Counter::DatagramsLost),
                "duplicate_datagrams": of(Counter::DuplicateDatagrams),
                "reordered": of(Counter::Reordered),
                "awaiting_template": of(Counter::Awaiting),
                "sampling": p.sampling.iter().map(|s| json!({
                    "interval": s.interval,
                    "source": s.source.map(SamplingSource::word),
                    "records": s.records,
                })).collect::<Vec<_>>(),
                "metered_octets": {
                    "ingress": whole(p.ways.ingress), "egress": whole(p.ways.egress), "unsaid": whole(p.ways.unsaid),
                },
                "longest_flow_ms": p.pace.map(|pace| pace.longest_ms),
                "lag_ms": p.lag.map(spread),
                "offset_ms": p.offset.map(spread),
                "started": p.sessions.iter().filter_map(|s| s.started).max().map(|ms| self.zone.rfc3339(ms)),
                "uptime_wraps": p.wraps,
                "restarts": of(Counter::Restarts),
                "enterprises": p.enterprises,
                "likely_kinds": likely(&p.versions, &p.enterprises).iter().map(|d| d.name).collect::<Vec<_>>(),
                "records_not_sent": of(Counter::NotSentRecords),
                "octets_not_sent": of(Counter::NotSentOctets),
                "refused": of(Counter::Refused),
                "connections": of(Counter::Connections),
                "connection_errors": of(Counter::ConnectionErrors),
                "relayed": of(Counter::Relayed),
                "relayed_records": of(Counter::RelayedRecords),
                "sessions": p.sessions.iter().map(|s| session::document(s, self.zone)).collect::<Vec<_>>(),
                "findings": findings.iter().map(|f| self.finding(Some(p), f)).collect::<Vec<_>>(),
            })
        })
    }

    fn finding(&self, patient: Option<&Patient>, finding: &Finding) -> Json {
        let cures = self.cures(patient, finding);
        json!({
            "finding": finding.name(),
            "severity": finding.severity().word(),
            "says": finding.meaning(),
            "figures": finding.figures(),
            "cures": cures.iter().map(|c| json!({
                "on": c.on, "lines": c.lines.lines().collect::<Vec<_>>(),
            })).collect::<Vec<_>>(),
        })
    }

    /// One line a finding.
    fn csv(&self) -> String {
        let mut out = csv_line(["exporter", "finding", "severity", "says"]);
        let nobody = self.checkup.collector.iter().map(|f| (String::new(), f));
        let somebody = self.checkup.exporters.iter();
        let somebody = somebody.flat_map(|(p, findings)| findings.iter().map(|f| (p.address.to_string(), f)));
        for (exporter, finding) in nobody.chain(somebody) {
            let says = finding.meaning();
            out += &csv_line([exporter.as_str(), finding.name(), finding.severity().word(), &says]);
        }
        out
    }

    fn text(&self) -> String {
        let mut out = String::new();
        for finding in &self.checkup.collector {
            self.lines(None, finding, &mut out);
        }
        let rows = self.rows();
        let mut lines = rows.lines();
        out.extend(lines.next().map(|head| format!("{head}\n")));
        for (line, (patient, findings)) in lines.zip(&self.checkup.exporters) {
            out.push_str(&format!("{line}\n"));
            for finding in findings {
                self.lines(Some(patient), finding, &mut out);
            }
        }
        out.push_str(&self.foot());
        out.push_str(&format!("{}\n", outlook::sentence(&self.forecast, Unit::default())));
        if let Some(said) = &self.daemon {
            out.push_str(&daemon::text(said, self.checkup.now));
        }
        out
    }

    /// The table of exporters, without what is wrong with them.
    fn rows(&self) -> String {
        let (left, right) = (Align::Left, Align::Right);
        let mut table = Columns::new([
            ("exporter", left),
            ("speaks", left),
            ("datagrams", right),
            ("records", right),
            ("lost", right),
            ("waiting", right),
            ("templates", left),
            ("sampling", left),
            ("longest", right),
            ("clock", right),
            ("last heard", left),
        ]);
        for (p, _) in &self.checkup.exporters {
            let versions: Vec<&str> = p.versions.iter().map(|v| v.word()).collect();
            table.row([
                (self.exporter)(p.address),
                if versions.is_empty() { "–".to_owned() } else { versions.join(", ") },
                count(p.tally.of(Counter::Datagrams)),
                count(p.tally.of(Counter::Records)),
                count(p.tally.of(Counter::RecordsLost)),
                count(p.tally.of(Counter::Awaiting)),
                session::templates(p),
                sampling(p),
                p.pace.map_or_else(|| "–".to_owned(), |pace| duration(pace.longest_ms)),
                clock(p),
                p.last.map_or_else(
                    || "–".to_owned(),
                    |ms| value::time(ms, self.zone).get(..16).unwrap_or_default().to_owned(),
                ),
            ]);
        }
        table.render()
    }

    /// A finding and its cures.
    fn lines(&self, patient: Option<&Patient>, finding: &Finding, out: &mut String) {
        let (mark, colour) = match finding.severity() {
            Severity::Bill => ("✗", "\x1b[31m"),
            Severity::Watch => ("!", "\x1b[33m"),
            Severity::Note => ("·", ""),
        };
        let (begin, end) = if is_terminal() && !colour.is_empty() { (colour, "\x1b[0m") } else { ("", "") };
        out.push_str(&format!("  {begin}{mark} {}{end}\n", finding.meaning()));
        for cure in self.cures(patient, finding) {
            for (i, line) in cure.lines.lines().enumerate() {
                let on = if i == 0 { format!("{}:", cure.on) } else { String::new() };
                out.push_str(&format!("      {on:<20} {line}\n"));
            }
        }
    }

    fn foot(&self) -> String {
        let checkup = self.checkup;
        let grave = checkup.grave();
        let cut = if checkup.sampled.is_cut { ", the newest of many" } else { "" };
        let verdict = match grave {
            0 => "nothing found that touches a bill".to_owned(),
            1 => "1 finding touches the bill (✗)".to_owned(),
            n => format!("{n} findings touch the bill (✗)"),
        };
        let since = match checkup.range.start {
            i64::MIN => "the beginning".to_owned(),
            start => value::time(start, self.zone).get(..16).unwrap_or_default().to_owned(),
        };
        format!(
            "{verdict}; counters since {since}, {} records of the last hour looked at one by one{cut}\n{}",
            grouped(checkup.sampled.records),
            self.freshness()
        )
    }

    /// Who writes to the store, and how old the newest of what is shown is.
    fn freshness(&self) -> String {
        let who = match self.holder {
            Some(Holder { pid: Some(pid) }) => format!("process {pid} has the store open"),
            Some(Holder { pid: None }) => "a process has the store open".to_owned(),
            None => "no collector has the store open: this is how it was left".to_owned(),
        };
        let age = |newest: i64| duration(self.checkup.now.saturating_sub(newest).max(0).unsigned_abs());
        let newest = self.checkup.newest.map_or_else(String::new, |ms| {
            format!(
                "; the newest datagram came {} ago, templates and clocks are written down once a minute",
                age(ms)
            )
        });
        format!("{who}{newest}\n")
    }
}

/// A sum as JSON: an integer where it fits.
fn whole(n: u128) -> Json {
    u64::try_from(n).map_or_else(|_| json!(n.to_string()), |n| json!(n))
}

fn spread(s: Spread) -> Json {
    json!({ "least": s.least, "median": s.median, "greatest": s.greatest })
}

/// `1 in 100 (options)`, the interval of most records first.
fn sampling(patient: &Patient) -> String {
    let mut sampled = patient.sampling.clone();
    sampled.sort_by_key(|s| (std::cmp::Reverse(s.records), s.interval));
    let words: Vec<String> = sampled
        .iter()
        .take(2)
        .map(|s| match (s.interval, s.source) {
            (None, _) => "not said".to_owned(),
            (Some(1), Some(source)) => format!("every packet ({})", source.word()),
            (Some(n), Some(source)) => format!("1 in {} ({})", grouped(n), source.word()),
            (Some(n), None) => format!("1 in {}", grouped(n)),
        })
        .collect();
    match (words.is_empty(), sampled.len() > 2) {
        (true, _) => "–".to_owned(),
        (false, true) => format!("{}, …", words.join(", ")),
        (false, false) => words.join(", "),
    }
}

/// What is known of its clock: `+2 h 00 m` is ahead.
fn clock(patient: &Patient) -> String {
    let wrong = |ms: i64| {
        let sign = if ms < 0 { "−" } else { "+" };
        format!("{sign}{}", duration(ms.unsigned_abs()))
    };
    match (patient.offset, patient.lag) {
        (Some(offset), _) => wrong(-offset.median),
        (None, Some(lag)) if crate::doctor::judge::is_right(lag) => "good".to_owned(),
        (None, Some(lag)) => wrong(-lag.least),
        (None, None) => "–".to_owned(),
    }
}
