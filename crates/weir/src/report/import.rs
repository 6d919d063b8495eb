//! What an import came to.

use super::Form;
use super::number::{count, duration, grouped, octets, things};
use crate::collect::file::Contents;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;
use std::path::Path;
use weir_account::statement::Unit;
use weir_flow::health::{Counter, Row};
use weir_flow::session::archive::Tally;

/// What was read, by counter.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    pub(crate) files: u64,
    /// Files that had been imported before and were passed over.
    pub(crate) known: Vec<String>,
    /// Frames of captures that hold no UDP datagram.
    pub(crate) other_frames: u64,
    /// Files that end in the middle of something.
    pub(crate) cut: Vec<String>,
    /// Archives that whoever writes them has not closed.
    pub(crate) open: Vec<String>,
    /// Archives in which there is something else than they say: what was read, and what they say.
    pub(crate) differs: Vec<(String, Tally, Tally)>,
    counts: BTreeMap<&'static str, i64>,
    reasons: BTreeMap<String, i64>,
    pub(crate) elapsed_ms: u64,
}

impl Summary {
    /// Adds what a batch counted.
    pub(crate) fn add(&mut self, rows: &[Row]) {
        for row in rows {
            match row.counter() {
                (Some(counter), None) => *self.counts.entry(counter.name()).or_default() += row.value,
                _ => *self.reasons.entry(row.what.to_string()).or_default() += row.value,
            }
        }
    }

    /// Adds what was found of a file as a whole.
    pub(crate) fn file(&mut self, path: &Path, contents: &Contents) {
        let label = path.display().to_string();
        self.files += 1;
        self.other_frames += contents.other_frames;
        if let Some((read, said)) = contents.differs {
            self.differs.push((label.clone(), read, said));
        }
        if contents.is_cut {
            self.cut.push(label);
        } else if contents.is_open {
            self.open.push(label);
        }
    }

    /// Adds what another summary counted.
    pub(crate) fn merge(&mut self, other: Self) {
        for (name, n) in other.counts {
            *self.counts.entry(name).or_default() += n;
        }
        for (what, n) in other.reasons {
            *self.reasons.entry(what).or_default() += n;
        }
    }

    pub(crate) fn get(&self, counter: Counter) -> i64 {
        self.counts.get(counter.name()).copied().unwrap_or_default()
    }

    fn reasons(&self, counter: Counter) -> Map<String, Json> {
        let prefix = format!("{}:", counter.name());
        let of = |(what, n): (&String, &i64)| Some((what.strip_prefix(&prefix)?.to_owned(), json!(n)));
        self.reasons.iter().filter_map(of).collect()
    }

    /// The summary in a form.
    pub(crate) fn render(&self, form: Form, unit: Unit) -> String {
        match form {
            Form::Json => format!("{:#}\n", self.document()),
            Form::Ndjson => format!("{}\n", self.document()),
            Form::Csv => self.csv(),
            Form::Table | Form::Parquet | Form::Arrow => self.text(unit),
        }
    }

    fn document(&self) -> Json {
        use Counter as C;
        json!({
            "files": self.files,
            "datagrams": self.get(C::Datagrams),
            "templates": self.get(C::Templates),
            "options_templates": self.get(C::OptionsTemplates),
            "options_records": self.get(C::OptionsRecords),
            "records": self.get(C::Records),
            "flows": self.get(C::Flows),
            "octets": self.get(C::Octets),
            "packets": self.get(C::Packets),
            "measured_octets": self.get(C::MeasuredOctets),
            "measured_packets": self.get(C::MeasuredPackets),
            "undecodable": self.reasons(C::Undecodable),
            "malformed": self.reasons(C::Malformed),
            "records_awaiting_template": self.get(C::Awaiting),
            "records_lost": self.get(C::RecordsLost),
            "datagrams_lost": self.get(C::DatagramsLost),
            "duplicate_datagrams": self.get(C::DuplicateDatagrams),
            "duplicate_records": self.get(C::DuplicateRecords),
            "reordered": self.get(C::Reordered),
            "restarts": self.get(C::Restarts),
            "unknown_sampling_records": self.get(C::UnknownSamplingRecords),
            "clock_doubts": self.get(C::ClockDoubts),
            "events": self.get(C::Events),
            "counter_samples": self.get(C::CounterSamples),
            "not_ip": self.get(C::NotIp),
            "other_frames": self.other_frames,
            "already_imported": self.known,
            "sequence_gaps": self.get(C::SequenceGaps),
            "cut_short": self.cut,
            "not_closed": self.open,
            "not_as_they_say": self.differs.iter().map(|(name, ..)| name).collect::<Vec<_>>(),
            "elapsed_s": self.elapsed(),
        })
    }

    /// Seconds with milliseconds; the one number here that is no integer.
    fn elapsed(&self) -> Json {
        let text = format!("{}.{:03}", self.elapsed_ms / 1000, self.elapsed_ms % 1000);
        text.parse::<f64>().map_or(Json::Null, |s| json!(s))
    }

    fn csv(&self) -> String {
        let document = self.document();
        let Some(object) = document.as_object() else { return String::new() };
        let flat = object.iter().filter(|(_, v)| v.is_number());
        let (names, values): (Vec<String>, Vec<String>) =
            flat.map(|(k, v)| (k.clone(), v.to_string())).unzip();
        super::csv_line(names) + &super::csv_line(values)
    }

    fn text(&self, unit: Unit) -> String {
        use Counter as C;
        let n = |counter| u64::try_from(self.get(counter)).unwrap_or_default();
        let flows = n(C::Flows);
        let pace = (flows * 1000).checked_div(self.elapsed_ms).unwrap_or_default();
        let mut out = format!(
            "{}: {}, {}, {}, {} in {} packets\n",
            things(self.files, "file"),
            things(n(C::Datagrams), "datagram"),
            things(n(C::Templates), "template"),
            things(n(C::Records), "record"),
            octets(n(C::Octets), unit),
            count(n(C::Packets)),
        );
        out.push_str(&format!("{} at {} flows a second\n", duration(self.elapsed_ms), count(pace)));
        self.remarks("imported").iter().for_each(|remark| out.push_str(&format!("  {remark}\n")));
        if self.other_frames > 0 {
            out.push_str(&format!("  {} frames that hold no UDP datagram\n", grouped(self.other_frames)));
        }
        for name in &self.known {
            out.push_str(&format!("  {name} was imported before and is not counted again (--again does)\n"));
        }
        out
    }

    /// What is to be known of the files beside what is in them: a sentence each. `done` is what was done with what is whole.
    pub(crate) fn remarks(&self, done: &str) -> Vec<String> {
        use Counter as C;
        let n = |counter| u64::try_from(self.get(counter)).unwrap_or_default();
        let mut out = Vec::new();
        let remarks = [
            (C::RecordsLost, "records lost, by the exporters' sequence numbers"),
            (
                C::SequenceGaps,
                "gaps in the exporters' sequences, by archives that do not say how wide they are",
            ),
            (C::DuplicateDatagrams, "datagrams that were there twice and counted once"),
            (C::Awaiting, "data sets whose template is not in these files"),
            (C::UnknownSamplingRecords, "records whose sampling interval is unknown, counted as they are"),
            (C::ClockDoubts, "records with times that cannot be, counted at export or arrival"),
        ];
        for (counter, what) in remarks {
            if n(counter) > 0 {
                out.push(format!("{} {what}", grouped(n(counter))));
            }
        }
        for (what, n) in &self.reasons {
            out.push(format!("{n} {}", what.replace(':', ": ")));
        }
        for name in &self.cut {
            out.push(format!(
                "{name} ends in the middle of something, or is damaged: what was whole is {done}"
            ));
        }
        for name in &self.open {
            let again = match done {
                "imported" => "; once it is closed it is another file, and would be counted again",
                _ => "",
            };
            out.push(format!("{name} was not closed by whoever writes it: {done} as far as it is{again}"));
        }
        for (name, read, said) in &self.differs {
            out.push(format!(
                "{name} says that it holds {} flows of {} octets, and {} of {} are in it",
                grouped(said.flows),
                grouped(said.octets),
                grouped(read.flows),
                grouped(read.octets),
            ));
        }
        out
    }
}
