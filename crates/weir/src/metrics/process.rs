//! The process as the kernel sees it, from `/proc/self`.

use std::fs;
use std::num::NonZero;

/// What the kernel says of this process; `None` where it does not say.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Process {
    /// Bytes of memory that are really there.
    pub(crate) resident_bytes: Option<u64>,
    /// The most there ever were.
    pub(crate) resident_max_bytes: Option<u64>,
    /// Processor time, user and system, in hundredths of a second.
    pub(crate) cpu_centiseconds: Option<u64>,
    /// Threads.
    pub(crate) threads: Option<u64>,
    /// Descriptors in use,
    pub(crate) fds: Option<u64>,
    /// and as many as it may have.
    pub(crate) fds_max: Option<u64>,
}

impl Process {
    /// Only the memory that is really there, bytes.
    pub(crate) fn resident_bytes() -> Option<u64> {
        let statm = fs::read_to_string("/proc/self/statm").ok()?;
        let pages: u64 = statm.split_ascii_whitespace().nth(1)?.parse().ok()?;
        pages.checked_mul(u64::try_from(rustix::param::page_size()).ok()?)
    }

    /// Asks the kernel.
    pub(crate) fn now() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let (status, stat) = (read("/proc/self/status"), read("/proc/self/stat"));
        let kib = |name| field(&status, name).and_then(|n| n.checked_mul(1024));
        let fds = fs::read_dir("/proc/self/fd").ok().and_then(|fds| u64::try_from(fds.count()).ok());
        Self {
            resident_bytes: kib("VmRSS:"),
            resident_max_bytes: kib("VmHWM:"),
            cpu_centiseconds: cpu(&stat, ticks_per_second()),
            threads: field(&status, "Threads:"),
            // Less the one that reads the folder.
            fds: fds.map(|fds| fds.saturating_sub(1)),
            fds_max: rustix::process::getrlimit(rustix::process::Resource::Nofile).current,
        }
    }
}

/// Ticks of the kernel's clock in a second.
fn ticks_per_second() -> Option<NonZero<u64>> {
    NonZero::new(rustix::param::clock_ticks_per_second())
}

/// The number behind this word in `/proc/self/status`.
fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

/// User and system time from `/proc/self/stat`: its fields 14 and 15. The second holds the program's name in brackets,
/// which may hold anything.
fn cpu(stat: &str, ticks: Option<NonZero<u64>>) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11).map(str::parse::<u64>);
    let (user, system) = (fields.next()?.ok()?, fields.next()?.ok()?);
    user.checked_add(system)?.checked_mul(100)?.checked_div(ticks?.get())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_words_are_read() {
        let status = "Name:\tweir\nVmHWM:\t   20480 kB\nVmRSS:\t   10240 kB\nThreads:\t7\n";
        assert_eq!(field(status, "VmRSS:"), Some(10_240));
        assert_eq!(field(status, "Threads:"), Some(7));
        assert_eq!(field(status, "VmSwap:"), None);
        let stat = "123 (we) ir) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 7 0 1 2 3";
        assert_eq!(cpu(stat, NonZero::new(100)), Some(300));
        assert_eq!(cpu(stat, NonZero::new(1000)), Some(30));
    }

    #[test]
    fn this_process_is_there() {
        let process = Process::now();
        assert!(process.resident_bytes > Some(1 << 20) && process.fds > Some(2));
        assert!(process.threads >= Some(1) && process.fds_max >= process.fds);
        assert!(process.cpu_centiseconds.is_some());
    }
}
