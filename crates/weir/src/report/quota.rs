//! How far quotas are used, who is blocked, and what was done.

use super::completeness::given_up;
use super::number::octets;
use super::sheet::{Head, Kind, Sheet, Value};
use super::table::{Align, Columns};
use super::{Form, csv_line};
use crate::config::Config;
use crate::config::quota::{Each, Quota};
use crate::quota::meter::{Metered, Reading};
use crate::quota::whose::Whose;
use crate::quota::word;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use weir_account::Group;
use weir_account::quota::Threshold;
use weir_books::Entry;
use weir_books::quota::{Block, BlockState, Deed, Subject};

/// Hosts of a quota that a table for people shows, beside those with something to say of them.
const HOSTS_SHOWN: usize = 10;

/// What is shown of quotas.
pub(crate) struct Report<'a> {
    pub(crate) config: &'a Config,
    pub(crate) reading: &'a Reading,
    /// Thresholds that were passed, as the daemon keeps them.
    pub(crate) passed: &'a BTreeMap<Subject, Vec<String>>,
    pub(crate) blocks: &'a [Block],
    /// Only this tenant, or this group.
    pub(crate) only: Option<&'a str>,
}

/// One subject, ready to be shown.
struct Line<'a> {
    quota: &'a Quota,
    metered: &'a Metered,
    passed: Vec<String>,
    blocks: Vec<&'a Block>,
}

impl Report<'_> {
    /// The report in a form.
    pub(crate) fn render(&self, form: Form) -> String {
        match form {
            Form::Json => format!("{:#}\n", self.document()),
            Form::Ndjson => self.lines().map(|line| format!("{}\n", self.object(&line))).collect(),
            Form::Csv => self.sheet().csv(),
            Form::Table | Form::Parquet | Form::Arrow => self.text(),
        }
    }

    fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        let metered = self.reading.metered.iter();
        let is_it = |whose: &Whose, only: &str| {
            whose.tenant() == Some(only) || whose.group().is_some_and(|group| group.path() == only)
        };
        let asked = metered.filter(move |metered| self.only.is_none_or(|only| is_it(&metered.whose, only)));
        asked.filter_map(|metered| {
            let quota = self.config.quotas.list.get(metered.quota)?;
            let subject = metered.whose.subject(quota);
            let passed = self.passed.get(&subject).cloned().unwrap_or_default();
            let blocks = self.blocks.iter().filter(|block| block.subject == subject).collect();
            Some(Line { quota, metered, passed, blocks })
        })
    }

    fn document(&self) -> Json {
        let zone = &self.config.zone;
        let silent = self.reading.silent.iter().map(|(address, since)| {
            json!({"exporter": self.config.exporter_name(*address), "since": zone.rfc3339(*since)})
        });
        let silent: Vec<Json> = silent.collect();
        let mut document = json!({
            "time": zone.rfc3339(self.reading.now_ms),
            "reported_in_full_until": zone.rfc3339(self.reading.untold_ms),
            "silent_exporters": silent,
            "quotas": self.lines().map(|line| self.object(&line)).collect::<Vec<_>>(),
        });
        if let (Some(before), Some(map)) = (self.reading.given_up_before, document.as_object_mut()) {
            map.insert("accounts_given_up_before".to_owned(), json!(zone.rfc3339(before)));
        }
        document
    }

    fn object(&self, line: &Line<'_>) -> Json {
        let Line { quota, metered, passed, blocks } = line;
        let (zone, seen) = (metered.whose.calendar(self.config).zone, &metered.seen);
        let block = |block: &&Block| {
            json!({
                "set": block.place,
                "element": block.element,
                "state": block.state.word(),
                "since": zone.rfc3339(block.since_ms),
                "until": block.until_ms.map(|ms| zone.rfc3339(ms)),
                "why": block.why,
                "failed": (!block.said.is_empty()).then_some(&block.said),
            })
        };
        json!({
            "quota": quota.name,
            "tenant": metered.whose.tenant(),
            "host": metered.whose.host().map(|host| host.to_string()),
            "group": metered.whose.group().map(Group::path),
            "classes": quota.classes,
            "dry_run": quota.is_dry,
            "cycle": {
                "name": metered.cycle,
                "from": zone.rfc3339(seen.cycle.start),
                "to": zone.rfc3339(seen.cycle.end),
            },
            "direction": quota.direction.word(),
            "used_octets": seen.used,
            "limit_octets": quota.rule.limit,
            "percent": u64::try_from(word::percent(seen.used, quota.rule.limit)).unwrap_or(u64::MAX),
            "not_yet_reported_octets_estimate": metered.more,
            "passed": passed,
            "limit_reached": quota.rule.forecast_ms(seen).map(|ms| zone.rfc3339(ms)),
            "pace_hundredths": quota.rule.pace_hundredths(seen),
            "blocks": blocks.iter().map(block).collect::<Vec<_>>(),
        })
    }

    fn sheet(&self) -> Sheet {
        let heads = [
            ("quota", Kind::Text),
            ("tenant", Kind::Text),
            ("host", Kind::Text),
            ("cycle", Kind::Text),
            ("used_octets", Kind::Unsigned),
            ("limit_octets", Kind::Unsigned),
            ("not_yet_reported_octets_estimate", Kind::Unsigned),
            ("passed", Kind::Text),
            ("limit_reached", Kind::Time),
            ("blocked", Kind::Text),
            ("group", Kind::Text),
            ("classes", Kind::Text),
        ];
        let mut sheet =
            Sheet { heads: heads.map(|(name, kind)| Head::new(name, kind)).to_vec(), rows: Vec::new() };
        for line in self.lines() {
            let (metered, rule) = (line.metered, &line.quota.rule);
            let text = |text: &str| Value::Text(text.to_owned());
            let blocked: Vec<String> = line.blocks.iter().map(|block| block.element.clone()).collect();
            sheet.rows.push(vec![
                text(&line.quota.name),
                metered.whose.tenant().map_or(Value::Null, text),
                metered.whose.host().map_or(Value::Null, |host| Value::Text(host.to_string())),
                text(&metered.cycle),
                Value::Unsigned(metered.seen.used.into()),
                Value::Unsigned(rule.limit.into()),
                metered.more.map_or(Value::Null, |more| Value::Unsigned(more.into())),
                Value::Text(line.passed.join(" ")),
                rule.forecast_ms(&metered.seen).map_or(Value::Null, Value::Time),
                Value::Text(blocked.join(" ")),
                metered.whose.group().map_or(Value::Null, |group| text(group.path())),
                Value::Text(line.quota.classes.join(" ")),
            ]);
        }
        sheet
    }

    fn text(&self) -> String {
        if self.config.quotas.list.is_empty() {
            return "no quotas: name them in weir.toml, [[quota]] with name and limit (docs/quotas.md)\n"
                .to_owned();
        }
        let right = Align::Right;
        let mut out = Columns::new([
            ("quota", Align::Left),
            ("subject", Align::Left),
            ("cycle", Align::Left),
            ("used", right),
            ("limit", right),
            ("percent", right),
            ("unreported", right),
            ("passed", Align::Left),
            ("limit reached", Align::Left),
            ("blocked", Align::Left),
        ]);
        let (mut shown, mut left) = (BTreeMap::<usize, usize>::new(), 0u64);
        for line in self.lines() {
            let is_quiet = line.passed.is_empty() && line.blocks.is_empty() && line.quota.each == Each::Host;
            let count = shown.entry(line.metered.quota).or_default();
            *count += 1;
            if is_quiet && *count > HOSTS_SHOWN {
                left += 1;
                continue;
            }
            out.row(self.cells(&line));
        }
        let mut text = out.render();
        if left > 0 {
            text.push_str(&format!("{left} more hosts below every threshold: -o csv has them\n"));
        }
        text + &self.notes()
    }

    fn cells(&self, line: &Line<'_>) -> [String; 10] {
        let Line { quota, metered, passed, blocks } = line;
        let (seen, unit) = (&metered.seen, self.config.unit);
        let dry = if quota.is_dry { " (dry run)" } else { "" };
        let classes = match &quota.classes[..] {
            [] => String::new(),
            classes => format!(" of {}", classes.join(", ")),
        };
        let is_over = seen.used >= quota.rule.limit;
        let reached = match quota.rule.forecast_ms(seen) {
            _ if is_over => "reached".to_owned(),
            Some(ms) if ms < seen.cycle.end => metered.whose.calendar(self.config).zone.rfc3339(ms),
            Some(_) => "not in this cycle".to_owned(),
            None => "–".to_owned(),
        };
        let mut states: Vec<&str> = blocks.iter().map(|block| state(block)).collect();
        states.sort_unstable();
        states.dedup();
        [
            format!("{}{classes}{dry}", quota.name),
            metered.whose.to_string(),
            metered.cycle.clone(),
            octets(seen.used, unit),
            octets(quota.rule.limit, unit),
            format!("{} %", word::percent(seen.used, quota.rule.limit)),
            metered.more.map_or_else(|| "unknown".to_owned(), |more| format!("~{}", octets(more, unit))),
            passed.join(", "),
            reached,
            states.join(", "),
        ]
    }

    /// What the figures do not hold, and what is in the way.
    fn notes(&self) -> String {
        let zone = &self.config.zone;
        let mut text = format!(
            "\nused: what is stored at {}. unreported: an estimate of what exporters still hold since {} ([quotas] lag), \
             at the pace of the hour before; it decides nothing.\n",
            zone.rfc3339(self.reading.now_ms),
            zone.rfc3339(self.reading.untold_ms),
        );
        if let Some(before) = self.reading.given_up_before {
            text.push_str(&format!("{}\n", given_up(before, zone)));
        }
        for (address, since) in &self.reading.silent {
            let name = self.config.exporter_name(*address);
            text.push_str(&format!(
                "nothing was heard of {name} since {}: what passed it since then is not known, and not in used\n",
                zone.rfc3339(*since)
            ));
        }
        for block in self.blocks.iter().filter(|block| !block.said.is_empty()) {
            text.push_str(&format!(
                "{}: {} in {}: {}\n",
                block.subject.name(),
                block.element,
                block.place,
                block.said
            ));
        }
        text
    }
}

/// How far a block is, for people.
fn state(block: &Block) -> &'static str {
    match block.state {
        BlockState::Held => "blocked",
        BlockState::Wanted if block.said.is_empty() => "being blocked",
        BlockState::Wanted => "cannot be blocked",
        BlockState::Leaving if block.said.is_empty() => "being unblocked",
        BlockState::Leaving => "cannot be unblocked",
        BlockState::Refused => "refused by the fuse",
    }
}

/// What was done about quotas, the newest first: the audit trail, and what became of mails, calls and programs.
pub(crate) fn history(entries: &[Entry], deeds: &[Deed], config: &Config, form: Form) -> String {
    let time = |ms: i64| config.zone.rfc3339(ms);
    let entry = |entry: &Entry| json!({"time": time(entry.at_ms), "who": entry.who, "what": entry.what, "subject": entry.subject, "why": entry.why});
    let deed = |deed: &Deed| {
        json!({
            "id": deed.id,
            "time": time(deed.at_ms),
            "subject": deed.subject.name(),
            "threshold": deed.threshold,
            "event": deed.edge,
            "kind": deed.kind,
            "state": deed.state.word(),
            "tries": deed.tries,
            "ended": deed.ended_ms.map(time),
            "said": deed.said,
        })
    };
    match form {
        Form::Json => {
            let (entries, deeds): (Vec<Json>, Vec<Json>) =
                (entries.iter().map(entry).collect(), deeds.iter().map(deed).collect());
            format!("{:#}\n", json!({"audit": entries, "deeds": deeds}))
        }
        Form::Ndjson => entries.iter().map(|one| format!("{}\n", entry(one))).collect(),
        Form::Csv => {
            let head = csv_line(["time", "who", "what", "subject", "why"]);
            let line = |entry: &Entry| {
                csv_line([&time(entry.at_ms), &entry.who, &entry.what, &entry.subject, &entry.why])
            };
            head + &entries.iter().map(line).collect::<String>()
        }
        Form::Table | Form::Parquet | Form::Arrow => {
            let heads = ["time", "who", "what", "subject", "why"].map(|head| (head, Align::Left));
            let mut out = Columns::new(heads);
            for Entry { at_ms, who, what, subject, why } in entries {
                out.row([time(*at_ms), who.clone(), what.clone(), subject.clone(), why.clone()]);
            }
            let mut text = out.render();
            for deed in deeds.iter().filter(|deed| !deed.said.is_empty()) {
                let name = deed.subject.name();
                text.push_str(&format!(
                    "{name}: {} of {}: {}: {}\n",
                    deed.kind,
                    time(deed.at_ms),
                    deed.state.word(),
                    deed.said
                ));
            }
            text
        }
    }
}

/// The thresholds in the order of the configuration: what was passed reads as the file does.
pub(crate) fn in_order(mut marks: Vec<String>) -> Vec<String> {
    marks.sort_by_key(|mark| mark.parse::<Threshold>().ok());
    marks
}
