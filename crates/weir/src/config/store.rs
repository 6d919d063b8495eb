//! `[store]`: where, how much, and for how long.

use super::Config;
use super::read::{Reader, Table};
use std::fmt::Write;
use weir_store::Budget;

const HOUR_MS: i64 = 3_600_000;

impl Reader {
    pub(super) fn store(&mut self, table: Table<'_>, config: &mut Config) {
        self.keys(table, "[store]", &["path", "disk", "flows", "accounts"]);
        if let Some((path, _)) = self.string(table, "path") {
            config.store = path.into();
        }
        if let Some((text, place)) = self.string(table, "disk") {
            match bytes(text).filter(|bytes| *bytes > 0) {
                // "200" would be octets, and everything stored be given up at once.
                Some(_) if !text.contains(|c: char| c.is_ascii_alphabetic()) => {
                    self.note(place, format!("\"{text}\" has no unit"), "write for example \"200 GB\"");
                }
                Some(bytes) => config.budget.bytes = Some(bytes),
                None => self.note(
                    place,
                    format!("\"{text}\" is no amount of disk"),
                    "write for example \"200 GB\"",
                ),
            }
        }
        config.budget.flows_ms = self.age(table, "flows");
        config.budget.accounts_ms = self.age(table, "accounts");
    }

    pub(super) fn age(&mut self, table: Table<'_>, key: &str) -> Option<i64> {
        let (text, place) = self.string(table, key)?;
        let age = age(text);
        if age.is_none() {
            self.note(place, format!("\"{text}\" is no length of time"), "write for example \"90 days\"");
        }
        age
    }
}

/// The section as TOML.
pub(super) fn write(config: &Config, out: &mut String) -> std::fmt::Result {
    writeln!(out, "[store]\npath = {}", super::dump::quote(&config.store.to_string_lossy()))?;
    let Budget { bytes, flows_ms, accounts_ms } = config.budget;
    if let Some(disk) = bytes {
        writeln!(out, "disk = \"{disk} B\"")?;
    }
    for (key, age) in [("flows", flows_ms), ("accounts", accounts_ms)] {
        if let Some(ms) = age {
            writeln!(out, "{key} = \"{} hours\"", ms / HOUR_MS)?;
        }
    }
    Ok(())
}

/// `90 days`, `36h`, `10 years`: whole numbers of hours, days, weeks or years (of 365 days), in ms.
fn age(text: &str) -> Option<i64> {
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(split)?;
    let hours = match unit.trim() {
        "h" | "hour" | "hours" => 1,
        "d" | "day" | "days" => 24,
        "w" | "week" | "weeks" => 7 * 24,
        "y" | "year" | "years" => 365 * 24,
        _ => return None,
    };
    number.parse::<i64>().ok()?.checked_mul(hours)?.checked_mul(HOUR_MS).filter(|ms| *ms > 0)
}

/// Bytes: `200 GB`, `1.5 TiB`.
pub(super) fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(split)?;
    let factor: u64 = match unit.trim().to_ascii_lowercase().trim_end_matches('b') {
        "" => 1,
        "k" => 1000,
        "m" => 1_000_000,
        "g" => 1_000_000_000,
        "t" => 1_000_000_000_000,
        "ki" => 1 << 10,
        "mi" => 1 << 20,
        "gi" => 1 << 30,
        "ti" => 1 << 40,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let mut bytes = whole.parse::<u64>().ok()?.checked_mul(factor)?;
    if !fraction.is_empty() {
        let digits = u32::try_from(fraction.len()).ok().filter(|d| *d <= 6)?;
        let parts = fraction.parse::<u64>().ok()?.checked_mul(factor)?;
        bytes = bytes.checked_add(parts / 10u64.pow(digits))?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_of_disk() {
        assert_eq!(bytes("200 GB"), Some(200_000_000_000));
        assert_eq!(bytes("1.5TiB"), Some(3 << 39));
        assert_eq!(bytes("512"), Some(512));
        assert_eq!(bytes("much"), None);
        assert_eq!(bytes("1 XB"), None);
    }

    #[test]
    fn lengths_of_time() {
        assert_eq!(age("90 days"), Some(90 * 24 * HOUR_MS));
        assert_eq!((age("36h"), age("2 weeks")), (Some(36 * HOUR_MS), Some(14 * 24 * HOUR_MS)));
        assert_eq!(age("10 years"), Some(3650 * 24 * HOUR_MS));
        for wrong in ["", "90", "days", "0 days", "1.5 days", "-1 d", "99999999999999 years", "3 months"] {
            assert_eq!(age(wrong), None, "{wrong}");
        }
    }
}
