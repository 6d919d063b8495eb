//! How much memory a question may have for its groups.

use std::path::Path;

/// The least that is taken unasked, bytes.
const LEAST: u64 = 256 << 20;

/// `512M`, `4G`, `1000000`: bytes, in binary units.
///
/// # Errors
/// How it is written.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(split).unwrap_or((text, ""));
    let scale = match unit.trim().trim_end_matches(['B', 'b', 'i']) {
        "" => 1u64,
        "k" | "K" => 1 << 10,
        "m" | "M" => 1 << 20,
        "g" | "G" => 1 << 30,
        "t" | "T" => 1 << 40,
        _ => return Err("write bytes, or 512M, or 4G".to_owned()),
    };
    let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(scale));
    bytes.ok_or_else(|| "write bytes, or 512M, or 4G".to_owned())
}

/// What is taken unless it is said: a quarter of what the machine, or the container, has left, so that several may ask at
/// once and the daemon keeps its own.
pub(super) fn unasked() -> u64 {
    let read = |path: &str| std::fs::read_to_string(Path::new(path)).unwrap_or_default();
    share(&read("/proc/meminfo"), &read("/sys/fs/cgroup/memory.max"))
}

/// A quarter of the smaller of the two: `/proc/meminfo`'s `MemAvailable`, and a limit in bytes (`max` is none).
fn share(meminfo: &str, limit: &str) -> u64 {
    let available = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let available = available.and_then(|rest| rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    let available = available.and_then(|kib| kib.checked_mul(1024));
    let left = [available, limit.trim().parse().ok()].into_iter().flatten().min();
    (left.unwrap_or(0) / 4).max(LEAST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_of_what_is_left() {
        let meminfo = "MemTotal:       24684132 kB\nMemFree:        1000 kB\nMemAvailable:   16777216 kB\n";
        assert_eq!(share(meminfo, "max\n"), 4 << 30);
        assert_eq!(share(meminfo, "4294967296\n"), 1 << 30);
        assert_eq!(share("MemAvailable: 1024 kB\n", ""), LEAST);
        assert_eq!(share("", ""), LEAST);
    }

    #[test]
    fn sizes_are_binary() {
        let sizes = ["1000000", "512M", "4G", "2 GiB", "64k"].map(|text| bytes(text).unwrap());
        assert_eq!(sizes, [1_000_000, 512 << 20, 4 << 30, 2 << 30, 64 << 10]);
        assert!(bytes("4P").is_err() && bytes("M").is_err() && bytes("99999999999G").is_err());
    }
}
