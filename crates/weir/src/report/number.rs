//! Numbers for people, without floats: what is shown is rounded half up in one place, and never up to a unit
//! that was not reached.

use weir_account::statement::Unit;

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(n: impl Into<u128>) -> String {
    let digits = n.into().to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// So many things: `1 file`, `1,234 files`.
pub(crate) fn things(n: impl Into<u128>, thing: &str) -> String {
    let n = n.into();
    format!("{} {thing}{}", grouped(n), if n == 1 { "" } else { "s" })
}

/// Octets in the largest unit of which there is at least one, with three digits after the point:
/// `67.673 GB`, `64.453 GiB`, `512 B`.
pub(crate) fn octets(n: impl Into<u128>, unit: Unit) -> String {
    let n = n.into();
    let names = match unit {
        Unit::Decimal => ["B", "kB", "MB", "GB", "TB", "PB", "EB"],
        Unit::Binary => ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"],
    };
    scaled(n, unit.factor().into(), &names)
}

/// A count in thousands and more: `1.235 M`, `999`.
pub(crate) fn count(n: impl Into<u128>) -> String {
    let text = scaled(n.into(), 1000, &["", "k", "M", "G", "T", "P", "E"]);
    text.trim_end().to_owned()
}

/// A number in the largest unit of which there is at least one: rounded, never up to a unit that was not reached.
pub(crate) fn scaled(n: u128, factor: u128, names: &[&str]) -> String {
    let mut scale = 1u128;
    let mut name = names.first().copied().unwrap_or_default();
    for next in names.iter().skip(1) {
        let larger = scale * factor;
        // Not `1000.000 kB`: what rounds up to the next unit is shown in it.
        if n < larger - larger / factor / 2000 {
            break;
        }
        scale = larger;
        name = next;
    }
    if scale == 1 {
        return format!("{n} {name}");
    }
    let thousandths = (n * 1000 + scale / 2) / scale;
    format!("{}.{:03} {name}", thousandths / 1000, thousandths % 1000)
}

/// The share of a part in tenths of a percent: `41.2 %`; of nothing, nothing.
pub(crate) fn share(part: u128, whole: u128) -> String {
    if whole == 0 {
        return "–".to_owned();
    }
    let tenths = (part * 1000 + whole / 2) / whole;
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// By how much more or less than before, in tenths of a percent: `+12.5 %`; of nothing, nothing.
pub(crate) fn change(now: u128, before: u128) -> String {
    if before == 0 {
        return "–".to_owned();
    }
    let tenths = (now.abs_diff(before) * 1000 + before / 2) / before;
    let sign = if now < before { "−" } else { "+" };
    format!("{sign}{}.{} %", grouped(tenths / 10), tenths % 10)
}

/// A bar that is `width` characters wide where the part is the whole, in eighths of a character.
pub(crate) fn bar(part: u128, whole: u128, width: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    if whole == 0 {
        return String::new();
    }
    let full = width as u128 * 8;
    let eighths = part.min(whole).saturating_mul(full).saturating_add(whole / 2) / whole;
    // What is there is seen.
    let eighths = usize::try_from(eighths).unwrap_or_default().max(usize::from(part > 0));
    "█".repeat(eighths / 8) + EIGHTHS.get(eighths % 8).copied().unwrap_or_default()
}

/// A line of bars, the tallest for the largest; nothing at all is a dot.
pub(crate) fn spark(values: &[u128]) -> String {
    const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let largest = values.iter().copied().max().unwrap_or_default();
    let height = |value: u128| match value {
        0 => '·',
        _ => {
            let at = value.saturating_mul(8).saturating_sub(1) / largest.max(1);
            HEIGHTS.get(usize::try_from(at).unwrap_or(7)).copied().unwrap_or('█')
        }
    };
    values.iter().map(|value| height(*value)).collect()
}

/// A duration in ms as people say it: `850 ms`, `12.3 s`, `4 m 05 s`, `3 h 12 m`.
pub(crate) fn duration(ms: u64) -> String {
    match ms {
        0..1000 => format!("{ms} ms"),
        1000..60_000 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        60_000..3_600_000 => format!("{} m {:02} s", ms / 60_000, ms % 60_000 / 1000),
        _ => format!("{} h {:02} m", ms / 3_600_000, ms % 3_600_000 / 60_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_in_units() {
        assert_eq!(octets(0u64, Unit::Decimal), "0 B");
        assert_eq!(octets(999u64, Unit::Decimal), "999 B");
        assert_eq!(octets(67_673_187_000u64, Unit::Decimal), "67.673 GB");
        assert_eq!(octets(999_999_999u64, Unit::Decimal), "1.000 GB");
        assert_eq!(octets(999_999u64, Unit::Decimal), "999.999 kB");
        assert_eq!(octets(999_999_499u64, Unit::Decimal), "999.999 MB");
        assert_eq!(octets(1u64 << 40, Unit::Binary), "1.000 TiB");
        assert_eq!(octets(u64::MAX, Unit::Decimal), "18.447 EB");
    }

    #[test]
    fn bars_and_changes() {
        assert_eq!([0u128, 1, 50, 100].map(|part| bar(part, 100, 4)), ["", "▏", "██", "████"]);
        assert_eq!(bar(1, 0, 4), "");
        assert_eq!(spark(&[0, 1, 8, 4]), "·▁█▄");
        assert_eq!(spark(&[0, 0]), "··");
        assert_eq!(
            [(150, 100), (1, 3), (5, 5), (5, 0)].map(|(n, b)| change(n, b)),
            ["+50.0 %", "−66.7 %", "+0.0 %", "–"]
        );
    }

    #[test]
    fn groups_and_shares() {
        assert_eq!(grouped(1_234_567u64), "1,234,567");
        assert_eq!(grouped(12u64), "12");
        assert_eq!(grouped(123u64), "123");
        assert_eq!(things(1u64, "file"), "1 file");
        assert_eq!(things(1234u64, "file"), "1,234 files");
        assert_eq!(share(412, 1000), "41.2 %");
        assert_eq!(share(1, 0), "–");
        assert_eq!(count(1_234_567u64), "1.235 M");
        assert_eq!(count(17u64), "17");
        assert_eq!(duration(245_000), "4 m 05 s");
    }
}
