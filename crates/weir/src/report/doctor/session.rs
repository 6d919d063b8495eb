//! What was written down of an exporter's sessions.

use crate::doctor::patient::Patient;
use crate::report::number::duration;
use serde_json::{Value as Json, json};
use weir_account::Zone;
use weir_flow::session::record::Exporter as Session;

/// As JSON: times are RFC 3339, ages those at the newest datagram.
pub(super) fn document(session: &Session, zone: &Zone) -> Json {
    let time = |ms: i64| zone.rfc3339(ms);
    let (sets, octets) = session.awaiting;
    json!({
        "port": session.port,
        "protocol": session.protocol,
        "domain": session.domain,
        "first": time(session.first),
        "last": time(session.last),
        "datagrams": session.datagrams,
        "sequence_counts": session.counts,
        "started": session.started.map(time),
        "uptime_wraps": session.wraps,
        "restarts": session.restarts,
        "offset_ms": session.offset_ms.map(|(least, greatest, last)| {
            json!({ "least": least, "greatest": greatest, "last": last })
        }),
        "awaiting": { "sets": sets, "octets": octets },
        "enterprises": session.enterprises,
        "sampling": session.sampling.iter().map(|s| json!({
            "of": s.of, "number": s.number, "interval": s.interval,
        })).collect::<Vec<_>>(),
        "unknown_sampling_since": session.unknown_sampling_since.map(time),
        "templates_known": session.templates_known,
        "templates": session.templates.iter().map(|t| json!({
            "id": t.id,
            "is_options": t.options,
            "fields": t.fields,
            "defined": time(t.defined),
            "refreshed": time(t.refreshed),
            "age_ms": session.last.saturating_sub(t.refreshed).max(0),
            "records": t.records,
        })).collect::<Vec<_>>(),
    })
}

/// How many there are, and how old the youngest was when the newest datagram came: `4, 12.0 s old`.
pub(super) fn templates(patient: &Patient) -> String {
    let known: usize = patient.sessions.iter().map(|s| s.templates_known).sum();
    match (known, patient.stale_templates_ms()) {
        (0, _) => "–".to_owned(),
        (known, None) => known.to_string(),
        (known, Some(age)) => format!("{known}, {} old", duration(age)),
    }
}
