//! Numbers in filters, and numbers with units: `10M`, `4Gi`, `60s`.

/// Why a text is not a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Why {
    /// It is not of the form.
    Form,
    /// It lacks its unit.
    Unit,
    /// It is more than any number that can be held.
    Large,
}

/// Units of amounts: of 1000, and of 1024 as IEC 80000-13 has them.
const AMOUNTS: &[(&str, u128)] = &[
    ("", 1),
    ("k", 1000),
    ("m", 1_000_000),
    ("g", 1_000_000_000),
    ("t", 1_000_000_000_000),
    ("p", 1_000_000_000_000_000),
    ("ki", 1 << 10),
    ("mi", 1 << 20),
    ("gi", 1 << 30),
    ("ti", 1 << 40),
    ("pi", 1 << 50),
];

/// Units of lengths of time, in ms.
const LENGTHS: &[(&str, u128)] =
    &[("ms", 1), ("s", 1000), ("m", 60_000), ("min", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// An amount of octets, packets or bits, in units of 1000 or 1024.
pub(super) fn read_count(text: &str) -> Result<u128, Why> {
    let (digits, unit) = split_unit(text);
    // `10MB` and `4GiB` mean octets, which is what is counted.
    let unit = if unit.len() > 1 { unit.strip_suffix('b').unwrap_or(unit) } else { unit };
    scaled(digits, unit, AMOUNTS)
}

/// A length of time, in ms.
pub(super) fn read_duration(text: &str) -> Result<u128, Why> {
    let (digits, unit) = split_unit(text);
    match (read_number(digits), unit) {
        // No time is the same in every unit.
        (Ok(0), "") => Ok(0),
        (Ok(_), "") => Err(Why::Unit),
        _ => scaled(digits, unit, LENGTHS),
    }
}

fn split_unit(text: &str) -> (&str, &str) {
    let at = text.find(|c: char| c.is_alphabetic()).unwrap_or(text.len());
    text.split_at_checked(at).unwrap_or((text, ""))
}

/// A decimal number of units, if it comes to a whole one.
fn scaled(digits: &str, unit: &str, units: &[(&str, u128)]) -> Result<u128, Why> {
    let (_, factor) = units.iter().find(|(name, _)| *name == unit).ok_or(Why::Form)?;
    let Some((whole, fraction)) = digits.split_once('.') else {
        return read_number(digits)?.checked_mul(*factor).ok_or(Why::Large);
    };
    let places =
        u32::try_from(fraction.len()).ok().filter(|places| (1..=18).contains(places)).ok_or(Why::Form)?;
    let divisor = 10u128.pow(places);
    let all = read_number(whole)?.checked_mul(divisor).ok_or(Why::Large)?;
    let scaled =
        all.checked_add(read_number(fraction)?).and_then(|n| n.checked_mul(*factor)).ok_or(Why::Large)?;
    if scaled % divisor == 0 { Ok(scaled / divisor) } else { Err(Why::Form) }
}

/// Digits, or `0x` and hexadecimal digits.
pub(super) fn read_number(text: &str) -> Result<u128, Why> {
    let (digits, radix) = text.strip_prefix("0x").map_or((text, 10), |hex| (hex, 16));
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return Err(Why::Form);
    }
    u128::from_str_radix(digits, radix).map_err(|_| Why::Large)
}

/// An amount as [`read_count`] reads it.
pub(super) fn write_count(number: u128) -> String {
    // The units' letters are written as people do: `10M`, `4Gi`.
    with_unit(number, AMOUNTS)
        .map_or_else(|| number.to_string(), |text| text.to_uppercase().replace('I', "i"))
}

/// A length of time as [`read_duration`] reads it.
pub(super) fn write_duration(ms: u128) -> String {
    with_unit(ms, LENGTHS).unwrap_or_else(|| format!("{ms}ms"))
}

/// The number in the greatest unit that it is a multiple of.
fn with_unit(number: u128, units: &[(&str, u128)]) -> Option<String> {
    let fitting =
        units.iter().filter(|(_, factor)| number != 0 && number.is_multiple_of(*factor) && *factor > 1);
    let (unit, factor) = fitting.max_by_key(|(unit, factor)| (*factor, std::cmp::Reverse(unit.len())))?;
    Some(format!("{}{unit}", number / factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_units_of_1000_and_of_1024() {
        let count = |text| read_count(text).ok();
        assert_eq!(count("10m"), Some(10_000_000));
        assert_eq!(count("10mb"), Some(10_000_000));
        assert_eq!(count("4gi"), Some(4_294_967_296));
        assert_eq!(count("1.5k"), Some(1500));
        assert_eq!(count("0.5kib"), Some(512));
        assert_eq!(count("18446744073709551615"), Some(u64::MAX.into()));
        for text in
            ["", "m", "-1", "+1", "1.", ".5", "1.5", "1,5", "1x", "10b", "1..2", "1.0000000000000000000"]
        {
            assert_eq!(count(text), None, "{text}");
        }
        assert_eq!((write_count(10_000_000), write_count(4 << 30)), ("10M".into(), "4Gi".into()));
        assert_eq!((write_count(0), write_count(1500)), ("0".into(), "1500".into()));
    }

    #[test]
    fn lengths_of_time_say_their_unit() {
        let ms = |text| read_duration(text).ok();
        let read = ["60s", "500ms", "1.5m", "2h", "1d", "0"].map(ms);
        assert_eq!(read, [60_000, 500, 90_000, 7_200_000, 86_400_000, 0].map(Some));
        assert_eq!(read_duration("60"), Err(Why::Unit));
        assert_eq!(read_duration("99999999999999999999999999999999999999s"), Err(Why::Large));
        assert_eq!((write_duration(90_000), write_duration(0)), ("90s".into(), "0ms".into()));
    }
}
