//! Values as people read them, by the data type of their element.

use core::fmt::{self, Write};
use core::net::{Ipv4Addr, Ipv6Addr};

use super::Type;
use crate::value;

/// Writes a value by its data type, on one line.
///
/// | type | text |
/// |---|---|
/// | unsigned, signed | the number, whatever its length up to 8 octets (reduced-size encoding) |
/// | float | the shortest number that is this one |
/// | boolean | `true`, `false` |
/// | addresses | `192.0.2.1`, `2001:db8::1`, `02:00:00:00:00:01` |
/// | times | `2024-01-01T00:00:00Z`, with as many decimals as the type has |
/// | string | the text; zeros behind it are padding; what is no UTF-8 or a control as `\\xff` |
/// | octets, lists | `0x` and two digits an octet |
///
/// A value whose length its type cannot have is written as octets: nothing is made up. No octets are no text.
///
/// # Errors
/// Those of `out`.
pub fn format(data_type: Type, value: &[u8], out: &mut impl Write) -> fmt::Result {
    if value.is_empty() {
        return Ok(());
    }
    let known = match data_type {
        Type::Unsigned8 | Type::Unsigned16 | Type::Unsigned32 | Type::Unsigned64 => {
            value::unsigned(value).map(|number| write!(out, "{number}"))
        }
        Type::Signed8 | Type::Signed16 | Type::Signed32 | Type::Signed64 => {
            value::signed(value).map(|number| write!(out, "{number}"))
        }
        Type::Float32 | Type::Float64 => float(value, out),
        Type::Boolean => value::boolean(value).map(|truth| write!(out, "{truth}")),
        Type::MacAddress => value.try_into().ok().map(|mac| write_mac(mac, out)),
        Type::String => Some(string(value, out)),
        Type::Ipv4Address => {
            <[u8; 4]>::try_from(value).ok().map(|octets| write!(out, "{}", Ipv4Addr::from(octets)))
        }
        Type::Ipv6Address => {
            <[u8; 16]>::try_from(value).ok().map(|octets| write!(out, "{}", Ipv6Addr::from(octets)))
        }
        Type::DateTimeSeconds => value::unsigned(value).and_then(|s| time(s, 0, 0, out)),
        Type::DateTimeMilliseconds => {
            value::unsigned(value).and_then(|ms| time(ms / 1000, ms % 1000, 3, out))
        }
        Type::DateTimeMicroseconds => value.try_into().ok().and_then(|octets| ntp(octets, 6, out)),
        Type::DateTimeNanoseconds => value.try_into().ok().and_then(|octets| ntp(octets, 9, out)),
        Type::OctetArray
        | Type::BasicList
        | Type::SubTemplateList
        | Type::SubTemplateMultiList
        | Type::Unsigned256 => None,
    };
    known.unwrap_or_else(|| octets(value, out))
}

fn octets(value: &[u8], out: &mut impl Write) -> fmt::Result {
    out.write_str("0x")?;
    value.iter().try_for_each(|octet| write!(out, "{octet:02x}"))
}

fn write_mac([a, b, c, d, e, f]: [u8; 6], out: &mut impl Write) -> fmt::Result {
    write!(out, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
}

/// The shortest digits that give the number again: of the width it was sent in. Beyond what people read as digits,
/// with an exponent.
fn float(value: &[u8], out: &mut impl Write) -> Option<fmt::Result> {
    let wide = value::float(value)?;
    let plain = wide == 0.0 || !wide.is_finite() || (1e-5..1e16).contains(&wide.abs());
    Some(match (<[u8; 4]>::try_from(value).map(f32::from_be_bytes), plain) {
        (Ok(narrow), true) => write!(out, "{narrow}"),
        (Ok(narrow), false) => write!(out, "{narrow:e}"),
        (Err(_), true) => write!(out, "{wide}"),
        (Err(_), false) => write!(out, "{wide:e}"),
    })
}

fn string(value: &[u8], out: &mut impl Write) -> fmt::Result {
    let len = value.iter().rposition(|octet| *octet != 0).map_or(0, |last| last.saturating_add(1));
    let text = value.get(..len).unwrap_or_default();
    for chunk in text.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() {
                let mut buffer = [0; 4];
                c.encode_utf8(&mut buffer).bytes().try_for_each(|octet| write!(out, "\\x{octet:02x}"))?;
            } else {
                out.write_char(c)?;
            }
        }
        chunk.invalid().iter().try_for_each(|octet| write!(out, "\\x{octet:02x}"))?;
    }
    Ok(())
}

/// Seconds since 1900 and a fraction in units of 2^-32 s (RFC 7011 §6.1.9, §6.1.10). From 2036 on the seconds have
/// wrapped: those below 1970 are in the next era.
fn ntp([a, b, c, d, e, f, g, h]: [u8; 8], digits: u8, out: &mut impl Write) -> Option<fmt::Result> {
    /// Seconds from 1900 to 1970.
    const UNIX: u64 = 2_208_988_800;
    let seconds = u64::from(u32::from_be_bytes([a, b, c, d]));
    let fraction = u64::from(u32::from_be_bytes([e, f, g, h]));
    let since_1970 = seconds.checked_sub(UNIX).or_else(|| seconds.checked_add((1 << 32) - UNIX))?;
    // The last 11 bits of microseconds mean nothing, and are below one.
    let scale = if digits == 6 { 1_000_000 } else { 1_000_000_000 };
    time(since_1970, fraction.saturating_mul(scale) >> 32, digits, out)
}

/// Seconds since 1970 as a date, with a fraction of so many digits; `None` beyond the year 9999.
fn time(seconds: u64, fraction: u64, digits: u8, out: &mut impl Write) -> Option<fmt::Result> {
    let (year, month, day) = date(seconds / 86_400)?;
    let of_day = seconds % 86_400;
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    Some(
        write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
            .and_then(|()| match digits {
                0 => Ok(()),
                digits => write!(out, ".{fraction:0digits$}", digits = usize::from(digits)),
            })
            .and_then(|()| out.write_char('Z')),
    )
}

/// The date, days since 1970-01-01, in the Gregorian calendar.
///
/// Years are taken to begin in March, so that the leap day is the last of them; 400 years have 146,097 days.
fn date(days: u64) -> Option<(u64, u64, u64)> {
    let shifted = days.checked_add(719_468).filter(|days| *days < 4_000_000)?;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let leap_days = (of_era / 1460).saturating_add(of_era / 146_096).saturating_sub(of_era / 36_524);
    let year_of_era = of_era.saturating_sub(leap_days) / 365;
    let year_start = year_of_era.saturating_mul(365).saturating_add(year_of_era / 4);
    let of_year = of_era.saturating_sub(year_start.saturating_sub(year_of_era / 100));
    let from_march = of_year.saturating_mul(5).saturating_add(2) / 153;
    let month_start = from_march.saturating_mul(153).saturating_add(2) / 5;
    let day = of_year.saturating_sub(month_start).saturating_add(1);
    let month = if from_march < 10 { from_march.saturating_add(3) } else { from_march.saturating_sub(9) };
    let year = era.saturating_mul(400).saturating_add(year_of_era).saturating_add(u64::from(month <= 2));
    (year < 10_000).then_some((year, month, day))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;

    fn text(data_type: Type, value: &[u8]) -> String {
        let mut out = String::new();
        format(data_type, value, &mut out).unwrap();
        out
    }

    #[test]
    fn numbers_of_any_length() {
        assert_eq!(text(Type::Unsigned64, &[1, 0]), "256");
        assert_eq!(text(Type::Unsigned8, &[1, 0, 0]), "65536");
        assert_eq!(text(Type::Unsigned64, &[0xff; 8]), "18446744073709551615");
        assert_eq!(text(Type::Signed32, &[0xff, 0xfe]), "-2");
        assert_eq!(text(Type::Signed64, &i64::MIN.to_be_bytes()), "-9223372036854775808");
        assert_eq!(text(Type::Unsigned32, &[1; 9]), "0x010101010101010101");
        assert_eq!(text(Type::Unsigned32, &[]), "");
        assert_eq!(text(Type::Unsigned256, &[0; 3]), "0x000000");
    }

    #[test]
    fn floats_in_their_own_width() {
        assert_eq!(text(Type::Float32, &0.1_f32.to_be_bytes()), "0.1");
        assert_eq!(text(Type::Float64, &0.1_f32.to_be_bytes()), "0.1");
        assert_eq!(text(Type::Float64, &(-2.25_f64).to_be_bytes()), "-2.25");
        assert_eq!(text(Type::Float64, &1e300_f64.to_be_bytes()), "1e300");
        assert_eq!(text(Type::Float64, &f64::NAN.to_be_bytes()), "NaN");
        assert_eq!(text(Type::Float64, &[0; 3]), "0x000000");
    }

    #[test]
    fn addresses_and_truth() {
        assert_eq!(text(Type::Ipv4Address, &[192, 0, 2, 1]), "192.0.2.1");
        let mut v6 = [0; 16];
        v6[..4].copy_from_slice(&[0x20, 1, 0xd, 0xb8]);
        v6[15] = 1;
        assert_eq!(text(Type::Ipv6Address, &v6), "2001:db8::1");
        assert_eq!(text(Type::Ipv4Address, &v6[..3]), "0x20010d");
        assert_eq!(text(Type::MacAddress, &[2, 0, 0, 0, 0, 0xab]), "02:00:00:00:00:ab");
        assert_eq!((text(Type::Boolean, &[1]), text(Type::Boolean, &[2])), ("true".into(), "false".into()));
        assert_eq!(text(Type::Boolean, &[0]), "0x00");
        assert_eq!(text(Type::OctetArray, &[0, 0xfe]), "0x00fe");
    }

    #[test]
    fn strings_are_shown_whole_and_on_one_line() {
        assert_eq!(text(Type::String, "café".as_bytes()), "café");
        assert_eq!(text(Type::String, b"eth0\0\0\0\0"), "eth0");
        assert_eq!(text(Type::String, b"a\0b\n\xff\xc3"), "a\\x00b\\x0a\\xff\\xc3");
        assert_eq!(text(Type::String, "\u{85}".as_bytes()), "\\xc2\\x85");
        assert_eq!(text(Type::String, &[0; 4]), "");
    }

    /// Dates by `date -u -d @N`, NTP by RFC 5905: 2024-01-01 is 3913056000 seconds from 1900.
    #[test]
    fn times() {
        let seconds = |s: u32| text(Type::DateTimeSeconds, &s.to_be_bytes());
        assert_eq!(seconds(0), "1970-01-01T00:00:00Z");
        assert_eq!(seconds(951_827_696), "2000-02-29T12:34:56Z");
        assert_eq!(seconds(1_704_067_200), "2024-01-01T00:00:00Z");
        assert_eq!(seconds(1_709_251_199), "2024-02-29T23:59:59Z");
        assert_eq!(seconds(u32::MAX), "2106-02-07T06:28:15Z");
        let ms = |ms: u64| text(Type::DateTimeMilliseconds, &ms.to_be_bytes());
        assert_eq!(ms(1_704_067_200_007), "2024-01-01T00:00:00.007Z");
        assert_eq!(ms(253_402_300_799_999), "9999-12-31T23:59:59.999Z");
        assert_eq!(ms(253_402_300_800_000), "0x0000e677d21fdc00");
        let ntp = |s: u32, fraction: u32| (u64::from(s) << 32 | u64::from(fraction)).to_be_bytes();
        let half = ntp(3_913_056_000, 1 << 31);
        assert_eq!(text(Type::DateTimeMicroseconds, &half), "2024-01-01T00:00:00.500000Z");
        assert_eq!(text(Type::DateTimeNanoseconds, &half), "2024-01-01T00:00:00.500000000Z");
        // Behind 2036-02-07T06:28:16Z, where the era ends.
        assert_eq!(text(Type::DateTimeNanoseconds, &ntp(0, 0)), "2036-02-07T06:28:16.000000000Z");
        assert_eq!(text(Type::DateTimeNanoseconds, &[0; 4]), "0x00000000");
    }
}
