//! What a question may keep and make at once: it is answered within that, or refused in a sentence.

use super::{office, rows};
use crate::run::Place;
use serde_json::{Value, json};
use std::process::Stdio;
use std::time::Duration;

#[test]
fn little_memory_spills_or_is_refused_in_a_sentence() {
    let place = office();
    let distinct = "SELECT src_addr, dst_addr, src_port, dst_port, start, octets FROM flows ORDER BY octets, start, src_port";
    let all = rows(&place, distinct);
    let output = place.command("sql -o ndjson --memory 16").arg(distinct).output().unwrap();
    if output.status.success() {
        let count = output.stdout.iter().filter(|octet| **octet == b'\n').count();
        assert_eq!(count, all.len());
    } else {
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && err.contains("needs more memory"), "{err}");
    }
}

/// What a question with 64 MiB says, whether it is answered, and how much memory the program had at most, in MiB.
fn within(place: &Place, sql: &str) -> (String, bool, u64) {
    let mut command = place.command("sql --memory 64 -o csv");
    let mut child = command.arg(sql).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak_kib = 0;
    // What is printed is a line: no pipe fills up.
    while child.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let most = text
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        peak_kib = peak_kib.max(most.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(2));
    }
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (said, output.status.success(), peak_kib >> 10)
}

/// The program itself takes about 90 MiB with its debug information, and what spilled stays with it until it ends.
const PEAK_MIB_MAX: u64 = 320;

#[test]
fn window_functions_keep_what_they_may() {
    let place = office();
    // About 5 million rows: of a frame that is the whole partition all are kept, twice.
    let whole = "SELECT max(s) FROM (SELECT sum(octets) OVER (PARTITION BY proto ORDER BY start \
                 ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS s FROM flows, generate_series(1, 40)) x";
    let (said, answered, peak) = within(&place, whole);
    assert!(!answered && said.contains("needs more memory"), "{said}");
    assert!(peak < PEAK_MIB_MAX, "{peak} MiB");
    let of_all =
        rows(&place, "SELECT max(s) FROM (SELECT 40 * sum(octets) AS s FROM flows GROUP BY proto) x");
    assert_eq!(rows(&place, whole), of_all);
    // Frames that pass are let go of.
    let numbered =
        "SELECT max(n) FROM (SELECT row_number() OVER () AS n FROM flows, generate_series(1, 40)) x";
    let (said, answered, peak) = within(&place, numbered);
    let count = rows(&place, "SELECT 40 * count(*) FROM flows")[0][0].as_u64().unwrap();
    assert!(answered && said.lines().nth(1) == Some(count.to_string().as_str()), "{said}");
    assert!(peak < PEAK_MIB_MAX, "{peak} MiB");
}

#[test]
fn functions_make_what_they_may_at_once() {
    let place = office();
    let long = "x".repeat(4000);
    let doubled = |inner: &str, times: usize| {
        (0..times).fold(inner.to_owned(), |inner, _| format!("SELECT a || a AS a FROM ({inner}) q"))
    };
    for (sql, says) in [
        (
            format!("SELECT max(length(replace(ip(src_addr), '.', '{long}'))) FROM flows"),
            "replace could make",
        ),
        (format!("SELECT max(length(ip(src_addr) || '{long}')) FROM flows"), "|| could make"),
        (
            format!("SELECT max(length(concat_ws('{long}', proto, src_port, dst_port))) FROM flows"),
            "concat_ws could make",
        ),
        (doubled("SELECT ip(src_addr) AS a FROM flows", 20), "|| could make"),
        (doubled("SELECT 'weir' AS a", 20), "|| could make"),
        (
            "SELECT length(string_agg(ip(src_addr), ',')) FROM flows, generate_series(1, 200)".into(),
            "needs more memory",
        ),
        ("SELECT repeat('x', 1000000000)".into(), "repeat"),
    ] {
        let (said, answered, peak) = within(&place, &sql);
        assert!(!answered && said.contains(says), "{sql}: {said}");
        assert!(peak < PEAK_MIB_MAX, "{sql}: {peak} MiB");
    }
    let small = "SELECT 'a' || 1 || '-' || src_port || ip('10.0.0.1'), 'x' || NULL, concat('x', NULL, 'y'), \
                 concat_ws('-', 'a', 'b'), replace('a.b', '.', '::') FROM flows ORDER BY src_port LIMIT 1";
    let port = rows(&place, "SELECT min(src_port) FROM flows")[0][0].clone();
    let joined = format!("a1-{port}10.0.0.1");
    let expected = [json!(joined), Value::Null, json!("xy"), json!("a-b"), json!("a::b")];
    assert_eq!(rows(&place, small), [expected]);
}
