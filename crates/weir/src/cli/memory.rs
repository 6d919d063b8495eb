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
    let of_group = |file: &str| read(&format!("/sys/fs/cgroup/{file}"));
    let group = ControlGroup {
        limit: &of_group("memory.max"),
        used: &of_group("memory.current"),
        kinds: &of_group("memory.stat"),
    };
    share(&read("/proc/meminfo"), &group)
}

/// What a control group (version 2) says of its memory: the texts of `memory.max`, `memory.current` and `memory.stat`. In a
/// container it is the one at the root.
#[derive(Debug, Default)]
struct ControlGroup<'a> {
    limit: &'a str,
    used: &'a str,
    kinds: &'a str,
}

impl ControlGroup<'_> {
    /// Bytes that may be taken yet: the limit less what is in use. Of that, pages of files that nobody reads any more are
    /// given up when somebody asks. `None` without a limit, or where one of the three is not said.
    fn left(&self) -> Option<u64> {
        let limit = self.limit.trim().parse::<u64>().ok()?;
        let used = self.used.trim().parse::<u64>().ok()?;
        let inactive = self.kinds.lines().find_map(|line| line.strip_prefix("inactive_file "));
        let inactive = inactive?.trim().parse::<u64>().ok()?;
        Some(limit.saturating_sub(used.saturating_sub(inactive)))
    }
}

/// A quarter of the smaller of the two: `/proc/meminfo`'s `MemAvailable`, and what the control group has left.
fn share(meminfo: &str, group: &ControlGroup<'_>) -> u64 {
    let available = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let available = available.and_then(|rest| rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    let available = available.and_then(|kib| kib.checked_mul(1024));
    let left = [available, group.left()].into_iter().flatten().min();
    (left.unwrap_or(0) / 4).max(LEAST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_of_what_is_left() {
        let meminfo = "MemTotal:       24684132 kB\nMemFree:        1000 kB\nMemAvailable:   16777216 kB\n";
        let kinds = "anon 3221225472\nfile 1610612736\ninactive_file 1073741824\nactive_file 536870912\n";
        let group = |limit, used, kinds| ControlGroup { limit, used, kinds };
        assert_eq!(share(meminfo, &group("max\n", "1\n", kinds)), 4 << 30);
        // 8 GiB may be used, 5 GiB are, 1 GiB of them given up on demand: 4 GiB are left.
        assert_eq!(share(meminfo, &group("8589934592\n", "5368709120\n", kinds)), 1 << 30);
        // All is used, and more.
        assert_eq!(share(meminfo, &group("4294967296\n", "6442450944\n", kinds)), LEAST);
        // What is not said is not taken for nothing: then the machine's own figure stands.
        for (used, kinds) in [("", kinds), ("5368709120\n", ""), ("5368709120\n", "anon 1\n")] {
            assert_eq!(share(meminfo, &group("8589934592\n", used, kinds)), 4 << 30);
        }
        let none = ControlGroup::default();
        assert_eq!(share("MemAvailable: 1024 kB\n", &none), LEAST);
        assert_eq!(share("", &none), LEAST);
    }

    #[test]
    fn sizes_are_binary() {
        let sizes = ["1000000", "512M", "4G", "2 GiB", "64k"].map(|text| bytes(text).unwrap());
        assert_eq!(sizes, [1_000_000, 512 << 20, 4 << 30, 2 << 30, 64 << 10]);
        assert!(bytes("4P").is_err() && bytes("M").is_err() && bytes("99999999999G").is_err());
    }
}
