//! Whether the text that weir writes for an element's value says what tshark shows.

use super::netflow::Field;
use super::{pdml, time};
use weir_wire::element::{self, Type};

/// The elements of version 9 have no enterprise.
fn lookup(field: &Field, version: u64) -> Option<&'static element::Element> {
    let number = field.element?;
    if version == 9 { element::lookup_v9(number) } else { element::lookup(field.enterprise, number) }
}

/// # Errors
/// What both say, where they do not say the same.
pub(crate) fn agrees(field: &Field, version: u64) -> Result<(), String> {
    // Where tshark does not know the element it shows octets, and there is nothing to compare.
    if field.name.is_empty() || !field.is_whole || field.name == "cflow.enterprise_private_entry" {
        return Ok(());
    }
    let kind = lookup(field, version).map_or(Type::OctetArray, |element| element.data_type);
    let mut ours = String::new();
    element::format(kind, &field.octets, &mut ours).unwrap();
    if is_same(&ours, field, kind) {
        return Ok(());
    }
    let name = lookup(field, version).map_or("unknown", |element| element.name);
    Err(format!("{name} reads {ours:?} here, {} shows {:?}", field.name, field.show))
}

fn is_same(ours: &str, field: &Field, kind: Type) -> bool {
    let show = field.show.as_str();
    let hex: String = field.octets.iter().map(|octet| format!("{octet:02x}")).collect();
    // Of some values tshark shows a part: of an MPLS stack entry its label (RFC 3032 §2.1), of a forwarding status
    // its class. Uptimes it shows in seconds.
    let number = super::expect::unsigned(&field.octets);
    if field.name == "cflow.mpls_label" && pdml::number(show) == Some(number >> 4) {
        return true;
    }
    let number = super::expect::unsigned(&field.octets);
    if field.name == "cflow.forwarding_status" && pdml::number(show) == Some(number >> 6) {
        return true;
    }
    let digits: String = show.chars().filter(|c| *c != ':').collect();
    // What tshark knows as octets, weir may know as a number or text; a duration it shows from start to end.
    let is_span = field.name == "cflow.timedelta" || matches!(field.element, Some(158 | 159));
    if digits == hex || is_span || show == ascii(&field.octets) {
        return true;
    }
    // Octets with or without colons.
    if ours.strip_prefix("0x") == Some(&hex) {
        return pdml::number(show).is_some_and(|n| u128::from_str_radix(&hex, 16) == Ok(n.into()));
    }
    if ours == show {
        return true;
    }
    if let (Ok(number), Some(shown)) = (ours.parse::<u64>(), pdml::number(show)) {
        // Of a number that is longer than the type it knows, tshark shows the first octets.
        let first = field.octets.get(..4).map(super::expect::unsigned);
        return number == shown || first == Some(shown);
    }
    if let Some((seconds, decimals)) = show.split_once('.')
        && matches!(field.name.as_str(), "cflow.timestart" | "cflow.timeend" | "cflow.timedelta")
    {
        return format!("{seconds}{}", &decimals[..3]).parse() == Ok(number);
    }
    match kind {
        Type::Boolean => matches!((ours, show), ("true", "1") | ("false", "0")),
        Type::Float32 | Type::Float64 => {
            let (Ok(ours), Ok(show)) = (ours.parse::<f64>(), show.parse::<f64>()) else { return false };
            (ours - show).abs() <= ours.abs() * 1e-5 || (ours.is_nan() && show.is_nan())
        }
        Type::DateTimeSeconds
        | Type::DateTimeMilliseconds
        | Type::DateTimeMicroseconds
        | Type::DateTimeNanoseconds => time::absolute(show).is_some_and(|at| Some(at) == iso(ours)),
        _ => false,
    }
}

/// Text as tshark shows it of vendors' elements: up to its first zero, nothing beyond ASCII.
fn ascii(octets: &[u8]) -> String {
    let text = octets.iter().take_while(|octet| **octet != 0);
    text.map(|octet| match octet {
        b'\t' | b'\n' | b'\r' | 0x20..0x7f => char::from(*octet).to_string(),
        0..0x80 => format!("\\x{octet:x}"),
        _ => "\u{fffd}".into(),
    })
    .collect()
}

/// `2024-01-01T00:00:00.123Z` in ms since 1970, by way of tshark's form.
fn iso(text: &str) -> Option<i64> {
    let (date, clock) = text.trim_end_matches('Z').split_once('T')?;
    let mut parts = date.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?.parse::<usize>().ok()?, parts.next()?);
    let name =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][month - 1];
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    time::absolute(&format!("{name} {day}, {year} {clock}.{fraction:0<3} UTC"))
}
