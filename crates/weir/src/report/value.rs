//! Single values of flow records: as JSON, as plain text, and as people read them.

use serde_json::{Value as Json, json};
use weir_account::Zone;
use weir_flow::batch::Value;
use weir_flow::schema::Column;

/// As JSON: numbers and times are integers, unknown is null.
pub(crate) fn json(value: Option<Value<'_>>) -> Json {
    match value {
        None => Json::Null,
        Some(Value::Time(ms)) => json!(ms),
        Some(Value::Unsigned(n)) => json!(n),
        Some(Value::Addr(addr)) => json!(addr.to_string()),
        Some(Value::Mac(mac)) => json!(mac.to_string()),
        Some(Value::Word(word)) => json!(word),
        Some(Value::Name(text) | Value::Text(text)) => json!(text),
        Some(Value::Elements(run)) => super::other::members(run),
    }
}

/// Text that came from the network, for a terminal: what would command it is spelt out.
pub(crate) fn printable(text: &str) -> String {
    text.chars().fold(String::new(), |mut out, c| {
        if c.is_control() {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
        out
    })
}

/// As plain text, for CSV: unknown is empty.
pub(crate) fn plain(value: Option<Value<'_>>) -> String {
    match json(value) {
        Json::Null => String::new(),
        Json::String(text) => text,
        other => other.to_string(),
    }
}

/// As people read it: times in their zone, protocols by name, unknown as a dash.
pub(crate) fn readable(column: Column, value: Option<Value<'_>>, zone: &Zone) -> String {
    match (column, value) {
        (_, None) => "–".to_owned(),
        (Column::Proto, Some(Value::Unsigned(proto))) => protocol(proto),
        (_, Some(Value::Time(ms))) => time(ms, zone),
        (_, Some(Value::Text(text))) => printable(text),
        (_, value) => plain(value),
    }
}

/// A moment in a zone: `2026-10-05 14:00:00.123`.
pub(crate) fn time(ms: i64, zone: &Zone) -> String {
    let text = zone.rfc3339(ms);
    let (seconds, _) = text.split_at_checked(19).unwrap_or((&text, ""));
    format!("{}.{:03}", seconds.replace('T', " "), ms.rem_euclid(1000))
}

/// The usual protocols by name, others by number.
pub(crate) fn protocol(proto: u64) -> String {
    let name = match proto {
        1 => "icmp",
        2 => "igmp",
        6 => "tcp",
        17 => "udp",
        41 => "ipv6",
        47 => "gre",
        50 => "esp",
        51 => "ah",
        58 => "icmp6",
        89 => "ospf",
        112 => "vrrp",
        132 => "sctp",
        other => return other.to_string(),
    };
    name.to_owned()
}
