//! What is missing, and why: the line under every sum.

use super::number::{grouped, octets};
use serde_json::{Map, Value as Json, json};
use weir_account::Zone;
use weir_account::completeness::{Completeness, Counts};
use weir_account::statement::Unit;

/// So many times without data are listed, of everybody and of single exporters; of the others, how many.
const STRETCHES_MAX: usize = 5;

/// The completeness as JSON: the contract's fields first.
pub(crate) fn document(completeness: &Completeness, zone: &Zone) -> Json {
    let mut document = counts(&completeness.total);
    if let Some(map) = document.as_object_mut() {
        map.insert("percent".to_owned(), json!(completeness.percent.map(|p| p.to_string())));
        if let Some(before) = completeness.given_up_before {
            map.insert("accounts_given_up_before".to_owned(), json!(zone.rfc3339(before)));
        }
        let reasons = completeness.reasons.iter().map(|(reason, n)| (reason.clone(), json!(n)));
        map.insert("reasons".to_owned(), Json::Object(reasons.collect::<Map<_, _>>()));
        let sources = completeness.sources.iter().map(|source| {
            let mut one = counts(&source.counts);
            if let Some(map) = one.as_object_mut() {
                map.shift_insert(0, "exporter".to_owned(), json!(source.exporter.to_string()));
                map.shift_insert(1, "domain".to_owned(), json!(source.domain));
            }
            one
        });
        map.insert("exporters".to_owned(), sources.collect());
        if let Some(silences) = &completeness.silences {
            let silences = silences
                .iter()
                .map(|s| json!({"from": zone.rfc3339(s.from_ms), "to": zone.rfc3339(s.to_ms)}));
            map.insert("hours_without_data".to_owned(), silences.collect());
            map.insert("silent_hours".to_owned(), json!(completeness.silent_hours()));
            map.insert("hours".to_owned(), json!(completeness.hours));
            let absences = completeness.absences.iter().map(|(exporter, s)| {
                let (from, to) = (zone.rfc3339(s.from_ms), zone.rfc3339(s.to_ms));
                json!({"exporter": exporter.to_string(), "from": from, "to": to})
            });
            map.insert("exporters_silent".to_owned(), absences.collect());
        }
    }
    document
}

fn counts(c: &Counts) -> Json {
    json!({
        "datagrams_received": c.datagrams_received,
        "datagrams_undecodable": c.datagrams_undecodable,
        "records_awaiting_template": c.records_awaiting_template,
        "records_lost": c.records_lost,
        "octets_lost_estimate": c.octets_lost_estimate,
        "socket_drops": c.socket_drops,
        "discarded_flows": c.discarded_flows,
        "discarded_octets": c.discarded_octets,
        "sampled_octets": c.sampled_octets,
        "unknown_sampling_records": c.unknown_sampling_records,
        "datagrams_lost": c.datagrams_lost,
        "records_not_sent": c.records_not_sent,
        "octets_not_sent": c.octets_not_sent,
        "sequence_gaps": c.sequence_gaps,
        "duplicate_datagrams": c.duplicate_datagrams,
        "duplicate_records": c.duplicate_records,
        "reordered": c.reordered,
        "restarts": c.restarts,
        "malformed": c.malformed,
        "held_dropped": c.held_dropped,
        "clock_doubts": c.clock_doubts,
        "events": c.events,
        "saturated": c.saturated,
        "not_ip": c.not_ip,
    })
}

/// That accounts were given up, for people.
pub(crate) fn given_up(before_ms: i64, zone: &Zone) -> String {
    let before = zone.rfc3339(before_ms);
    format!("accounts before {before} were given up to make room: what is here is from then on")
}

/// The line for people: how complete, then only what is not as it should be, a line each.
pub(crate) fn lines(
    completeness: &Completeness,
    zone: &Zone,
    unit: Unit,
    exporter: &dyn Fn(weir_flow::Addr) -> String,
) -> String {
    let c = &completeness.total;
    let percent = match (completeness.percent, completeness.given_up_before) {
        (Some(percent), _) => format!("{percent} complete"),
        (None, Some(_)) => "not known".to_owned(),
        (None, None) => "nothing decoded".to_owned(),
    };
    let mut out = format!("completeness: {percent}, from {} datagrams\n", grouped(c.datagrams_received));
    if let Some(before) = completeness.given_up_before {
        out.push_str(&format!("  {}\n", given_up(before, zone)));
    }
    let mut line = |n: u64, text: &str| {
        if n > 0 {
            out.push_str(&format!("  {} {text}\n", grouped(n)));
        }
    };
    line(c.records_lost, "records lost on the way, by the exporters' sequence numbers");
    line(c.datagrams_lost, "datagrams they were in, or about so many");
    line(c.sequence_gaps, "gaps in exporters' sequences, by archives that do not say how wide they are");
    line(c.datagrams_undecodable, "datagrams of which nothing could be read");
    line(c.malformed, "parts of datagrams that could not be read");
    line(c.records_not_sent, "records that exporters say they could not send");
    line(c.socket_drops, "datagrams dropped by the kernel before they could be read");
    line(c.discarded_flows, "flows that were decoded and not kept: see the balance");
    line(c.records_awaiting_template, "data sets still waiting for their template");
    line(c.held_dropped, "data sets given up while waiting");
    line(c.duplicate_datagrams, "datagrams that came twice and were counted once");
    line(c.unknown_sampling_records, "records whose sampling interval is unknown, counted as they are");
    line(c.clock_doubts, "records with times that cannot be, counted at export or arrival");
    line(c.not_ip, "samples without an IP packet");
    line(c.saturated, "counters that stand at their maximum: at least so much");
    if c.octets_lost_estimate > 0 {
        out.push_str(&format!("  about {} in what was lost\n", octets(c.octets_lost_estimate, unit)));
    }
    if c.octets_not_sent > 0 {
        out.push_str(&format!(
            "  {} in what exporters say they could not send\n",
            octets(c.octets_not_sent, unit)
        ));
    }
    for source in completeness.sources.iter().filter(|s| s.counts.datagrams_lost > 0) {
        out.push_str(&format!(
            "  lost from {}, domain {}: {} records in about {} datagrams\n",
            exporter(source.exporter),
            source.domain,
            grouped(source.counts.records_lost),
            grouped(source.counts.datagrams_lost),
        ));
    }
    silences(completeness, zone, exporter, &mut out);
    out
}

/// When nothing was heard, and whom nobody heard while others were.
fn silences(
    completeness: &Completeness,
    zone: &Zone,
    exporter: &dyn Fn(weir_flow::Addr) -> String,
    out: &mut String,
) {
    let silent = completeness.silent_hours();
    if silent > 0 {
        let (silent, hours) = (grouped(silent), grouped(completeness.hours));
        out.push_str(&format!("  {silent} of {hours} hours without data\n"));
    }
    let mut more = 0u64;
    let mut stretch = |whose: &str, from_ms: i64, to_ms: i64, at: usize| {
        if at < STRETCHES_MAX {
            let (from, to) = (zone.rfc3339(from_ms), zone.rfc3339(to_ms));
            out.push_str(&format!("  no data{whose} from {from} to {to}\n"));
        } else {
            more += 1;
        }
    };
    for (at, silence) in completeness.silences.iter().flatten().enumerate() {
        stretch("", silence.from_ms, silence.to_ms, at);
    }
    for (at, (who, silence)) in completeness.absences.iter().enumerate() {
        stretch(&format!(" of {}", exporter(*who)), silence.from_ms, silence.to_ms, at);
    }
    if more > 0 {
        out.push_str(&format!("  and {} more such times\n", grouped(more)));
    }
}
