//! The daemon that has the store, as it says of itself.

use crate::report::number::{count, duration, grouped, things};
use serde_json::Value as Json;
use std::fmt::Write;

/// Consumers of memory that are named.
const CONSUMERS: usize = 3;

/// A few lines; nothing is missing that would have to be said loudly.
pub(super) fn text(daemon: &Json, now_ms: i64) -> String {
    let mut out = String::new();
    // Writing into a string does not fail.
    let _ = write(daemon, now_ms, &mut out);
    out
}

fn write(daemon: &Json, now_ms: i64, out: &mut String) -> std::fmt::Result {
    let number = |path: &str| daemon.pointer(path).and_then(Json::as_u64);
    let bytes = |path: &str| number(path).map_or_else(|| "?".to_owned(), size);
    let age = daemon["since_ms"]
        .as_i64()
        .map_or(0, |since| u64::try_from(now_ms.saturating_sub(since)).unwrap_or(0));
    writeln!(out, "daemon {}, for {}", number("/process").unwrap_or_default(), duration(age))?;
    for ail in daemon["ails"].as_array().into_iter().flatten().filter_map(Json::as_str) {
        writeln!(out, "  ✗ {ail}")?;
    }
    if let Some(why) = daemon["not_ready"].as_str() {
        writeln!(out, "  ✗ not ready: {why}")?;
    }
    let consumers = daemon["memory"]["consumers"].as_array().into_iter().flatten().take(CONSUMERS);
    let named = consumers.map(|c| {
        format!(
            "{} {}",
            c["consumer"].as_str().unwrap_or_default(),
            size(c["bytes"].as_u64().unwrap_or_default())
        )
    });
    let named: Vec<String> = named.collect();
    writeln!(
        out,
        "  memory    {} of {}; the most of it: {}",
        bytes("/memory/resident_bytes"),
        bytes("/memory/limit_bytes"),
        named.join(", ")
    )?;
    let (waiting, room) = (number("/queue/batches").unwrap_or(0), number("/queue/capacity").unwrap_or(0));
    writeln!(out, "  writer    {} of {} batches wait for it", grouped(waiting), grouped(room))?;
    store(daemon, out)?;
    for listener in daemon["listeners"].as_array().into_iter().flatten() {
        self::listener(listener, out)?;
    }
    let invariants = || daemon["invariants"].as_array().into_iter().flatten();
    if invariants().all(|invariant| invariant["difference"] == "0") {
        writeln!(out, "  books     every datagram has its fate and every octet its place")?;
    }
    Ok(())
}

fn store(daemon: &Json, out: &mut String) -> std::fmt::Result {
    let store = &daemon["store"];
    let number = |name: &str| store[name].as_u64();
    let rows = number("unsealed_rows").unwrap_or_default();
    let used = number("segment_bytes").unwrap_or_default() + number("account_bytes").unwrap_or_default();
    write!(
        out,
        "  store     {} records wait to be sealed; {} in {} segments and their accounts",
        grouped(rows),
        size(used),
        grouped(number("segments").unwrap_or_default())
    )?;
    match number("disk_budget_bytes") {
        Some(budget) => write!(out, ", of a budget of {}", size(budget))?,
        None => write!(out, "; no budget ([store] disk)")?,
    }
    match number("disk_free_bytes") {
        Some(free) => writeln!(out, "; {} free", size(free))?,
        None => writeln!(out)?,
    }
    let gone = number("retired_flows").filter(|flows| *flows > 0);
    if let Some(flows) = gone {
        let bytes = size(number("retired_bytes").unwrap_or_default());
        writeln!(out, "            given up since the start: {} records, {bytes}", grouped(flows))?;
    }
    if let Some(lost) = number("rollups_lost").filter(|lost| *lost > 0) {
        writeln!(
            out,
            "  ✗ {} of records that were given up could not be read and are not kept; the log names them",
            things(lost, "roll-up")
        )?;
    }
    if store["is_over_budget"] == true {
        writeln!(out, "  ✗ accounts and the journal alone take more than the budget: raise [store] disk")?;
    }
    Ok(())
}

fn listener(listener: &Json, out: &mut String) -> std::fmt::Result {
    let number = |name: &str| listener[name].as_u64().unwrap_or_default();
    let name = listener["listener"].as_str().unwrap_or_default();
    write!(
        out,
        "  {name}: {} datagrams, {} sessions",
        count(number("datagrams")),
        grouped(number("sessions"))
    )?;
    let (drops, has, wanted) =
        (number("kernel_drops"), number("receive_buffer_bytes"), number("receive_buffer_wanted_bytes"));
    match drops {
        0 => writeln!(out, ", none dropped by the kernel")?,
        drops => writeln!(out, ", {} dropped by the kernel", grouped(drops))?,
    }
    if has < wanted {
        writeln!(
            out,
            "    its buffer has {} of {}: sysctl -w net.core.rmem_max={wanted}",
            size(has),
            size(wanted)
        )?;
    }
    Ok(())
}

/// Bytes as people say them.
fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let unit = UNITS.iter().find(|(unit, _)| bytes >= *unit);
    let Some((unit, word)) = unit else { return format!("{bytes} B") };
    let tenths = u128::from(bytes) * 10 / u128::from(*unit);
    format!("{}.{} {word}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_daemon_says_in_a_few_lines() {
        let said = json!({
            "process": 77, "since_ms": 0, "ails": [], "not_ready": "nothing is stored: the disk is full",
            "memory": {
                "resident_bytes": 300u64 << 20, "limit_bytes": 2u64 << 30,
                "consumers": [{"consumer": "journal", "bytes": 150u64 << 20}, {"consumer": "program", "bytes": 999}],
            },
            "queue": {"batches": 3, "capacity": 64},
            "store": {
                "unsealed_rows": 12345, "segment_bytes": 5u64 << 30, "account_bytes": 1u64 << 30, "segments": 9,
                "disk_budget_bytes": 200u64 << 30, "disk_free_bytes": 1536,
                "retired_flows": 1_234_567, "retired_bytes": 3u64 << 20, "rollups_lost": 2, "is_over_budget": true,
            },
            "listeners": [{
                "listener": "udp [::]:2055", "datagrams": 10, "sessions": 2, "kernel_drops": 1234,
                "receive_buffer_bytes": 212_992, "receive_buffer_wanted_bytes": 67_108_864,
            }],
            "invariants": [{"difference": "0"}, {"difference": "0"}],
        });
        let text = text(&said, 3_600_000);
        for line in [
            "  ✗ not ready: nothing is stored: the disk is full\n",
            "  memory    300.0 MiB of 2.0 GiB; the most of it: journal 150.0 MiB, program 999 B\n",
            "6.0 GiB in 9 segments and their accounts, of a budget of 200.0 GiB; 1.5 KiB free\n",
            "            given up since the start: 1,234,567 records, 3.0 MiB\n",
            "  ✗ 2 roll-ups of records that were given up could not be read and are not kept; the log names them\n",
            "  ✗ accounts and the journal alone take more than the budget: raise [store] disk\n",
            "    its buffer has 208.0 KiB of 64.0 MiB: sysctl -w net.core.rmem_max=67108864\n",
            "  books     every datagram has its fate and every octet its place\n",
        ] {
            assert!(text.contains(line), "{line}\nin\n{text}");
        }
        assert!(text.starts_with("daemon 77, for 1"), "{text}");
    }
}
