//! What Grafana's PostgreSQL data source, pandas and other clients in Python ask.

use super::psql::Base;
use crate::daemon::Daemon;
use crate::run::number;
use serde_json::{Value, json};
use std::net::TcpListener;
use std::process::Command;

/// Asks each statement of a file of JSON as libpq does (`psycopg2`), and prints the answers. `connect` is the first argument.
const SCRIPT: &str = r#"
import decimal, datetime, json, sys
import psycopg2
def plain(value):
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    return value
connection = psycopg2.connect(sys.argv[1])
connection.autocommit = True
cursor = connection.cursor()
answers = []
for one in json.load(open(sys.argv[2])):
    cursor.execute(one["sql"])
    answers.append([[plain(value) for value in row] for row in cursor.fetchall()])
print(json.dumps(answers))
"#;

/// Sums by pandas, of what it read over the protocol.
const PANDAS: &str = r#"
import sys, warnings
warnings.simplefilter("ignore")
import pandas, psycopg2
frame = pandas.read_sql("SELECT start, dst_port, octets FROM flows", psycopg2.connect(sys.argv[1]))
print(frame["octets"].sum(), frame["dst_port"].nunique(), len(frame), frame["start"].dt.tz)
"#;

/// Asks as clients with prepared statements do (psycopg 3: parameters apart from the text, values in binary), and the same
/// in text.
const PREPARED: &str = r#"
import json, sys
import psycopg
from decimal import Decimal
asked = []
def plain(value):
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
with psycopg.connect(sys.argv[1], autocommit=True) as connection:
    for binary in (False, True):
        cursor = connection.cursor(binary=binary)
        def ask(sql, *values):
            cursor.execute(sql, values, prepare=True)
            return [[plain(value) for value in row] for row in cursor.fetchall()]
        asked.append([
            ask("SELECT sum(octets), sum(octets) / 4, count(*), max(octets), min(src_addr) FROM flows"),
            ask("SELECT dst_port, sum(octets) FROM flows WHERE dst_port = %s GROUP BY 1", 443),
            ask("SELECT count(*) FROM flows WHERE src_addr = %s AND octets > %s", "192.0.2.3", 10),
            ask("SELECT sum(octets) OVER (), octets * 1.5, NULL, true, start IS NULL, tenant FROM flows "
                "WHERE octets = 77 LIMIT 1"),
            ask("SELECT octets - %s, octets * %s FROM flows WHERE octets = 77 LIMIT 1", 100, -2),
            ask("SELECT kind, sum(octets) * 8 / 300 FROM tenants WHERE kind = %s GROUP BY 1", "decoded"),
        ])
print(json.dumps(asked))
"#;

#[test]
fn prepared_statements_are_answered_in_text_and_in_binary() {
    let Some(python) = python("prepared_statements_are_answered_in_text_and_in_binary", "psycopg") else {
        return;
    };
    let base = Base::new("");
    let output = Command::new(python).args(["-c", PREPARED, &connect(&base)]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answers: Value = serde_json::from_slice(&output.stdout).unwrap();
    let expected = json!([
        [["32340", 8085.0, 90, 1000, "192.0.2.0"]],
        [[443, "30030"]],
        [[2]],
        [["2310", 115.5, null, true, false, "ours"]],
        [["-23", "-154"]],
        [["decoded", 32_340.0 * 8.0 / 300.0]],
    ]);
    assert_eq!(answers[0], expected, "in text");
    assert_eq!(answers[1], expected, "in binary");
}

/// Takes rows in pieces, as cursors do: so many, then the next; and more at once than there could be memory for.
const PIECES: &str = r#"
import asyncio, sys
import asyncpg
async def main():
    connection = await asyncpg.connect(sys.argv[1])
    async with connection.transaction():
        total = 0
        async for row in connection.cursor("SELECT value FROM generate_series(1, 90000) WHERE value <= $1", 20000, prefetch=1000):
            total += row["value"]
        cursor = await connection.cursor("SELECT octets FROM flows ORDER BY octets")
        first, rest, after = await cursor.fetch(10), await cursor.fetch(2147483647), await cursor.fetch(1)
    print(total, len(first), len(rest), len(after), sum(row["octets"] for row in first + rest))
    await connection.close()
asyncio.run(main())
"#;

#[test]
fn rows_are_taken_in_pieces() {
    let Some(python) = python("rows_are_taken_in_pieces", "asyncpg") else { return };
    let base = Base::new("");
    let url = format!("postgresql://grafana:pencil@127.0.0.1:{}/weir", base.sql.port());
    let output = Command::new(python).args(["-c", PIECES, &url]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "200010000 10 80 0 32340");
}

/// Takes the first rows of a question, removes all files of flows, and takes the other rows.
const KEPT: &str = r#"
import asyncio, shutil, sys
import asyncpg
async def main():
    connection = await asyncpg.connect(sys.argv[1])
    async with connection.transaction():
        cursor = await connection.cursor("SELECT octets FROM flows")
        rows = await cursor.fetch(10)
        shutil.rmtree(sys.argv[2])
        rows += await cursor.fetch(2147483647)
    print(len(rows), sum(row["octets"] for row in rows))
    await connection.close()
asyncio.run(main())
"#;

/// A daemon replaces files and gives them up while a question is answered: what it began with is read to its end.
#[test]
fn a_question_keeps_its_files_open() {
    let Some(python) = python("a_question_keeps_its_files_open", "asyncpg") else { return };
    let place = super::office();
    // Another segment, which is not opened before most of the first is taken.
    place
        .bring(&weir_testkit::repository().join("testdata/captures/softflowd-v9/export.pcap"), "export.pcap");
    place.done("import export.pcap");
    let sql = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let text = std::fs::read_to_string(place.path("weir.toml")).unwrap();
    let user = "users = { grafana = \"grafana.password\" }";
    place.write("weir.toml", format!("{text}\n[sql]\nlisten = \"{sql}\"\n{user}\n"));
    place.write("grafana.password", "pencil\n");
    let usage = place.json("usage -o json");
    let of = |what: &str| number(&usage, &format!("balance.decoded.{what}"));
    let days = std::fs::read_dir(place.path("store/flows")).unwrap().count();
    assert!(days > 1, "{days} days");
    let _daemon = Daemon::start(&place);
    let url = format!("postgresql://grafana:pencil@127.0.0.1:{}/weir", sql.port());
    let output =
        Command::new(python).args(["-c", KEPT, &url]).arg(place.path("store/flows")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), format!("{} {}", of("flows"), of("octets")));
}

pub(super) fn python(test: &str, module: &str) -> Option<std::path::PathBuf> {
    let python = weir_testkit::duckdb_python();
    let has = |python: &std::path::PathBuf| {
        Command::new(python)
            .args(["-c", &format!("import {module}")])
            .output()
            .is_ok_and(|done| done.status.success())
    };
    let found = python.filter(has);
    if found.is_none() {
        weir_testkit::skip(test, &format!("WEIR_DUCKDB_PYTHON names no Python with {module}"));
    }
    found
}

fn connect(base: &Base) -> String {
    format!("host=127.0.0.1 port={} user=grafana password=pencil dbname=weir", base.sql.port())
}

/// `testdata/sql/grafana.json`: the statements of Grafana's PostgreSQL data source, in the order in which it sends them when it is
/// set up, when somebody builds a query, and when a panel is drawn; and what PostgreSQL would answer.
#[test]
fn grafana_is_answered_as_by_postgresql() {
    let Some(python) = python("grafana_is_answered_as_by_postgresql", "psycopg2") else { return };
    let base = Base::new("");
    let exchange = weir_testkit::repository().join("testdata/sql/grafana.json");
    let text = std::fs::read_to_string(&exchange).unwrap();
    let expected: Vec<Value> = serde_json::from_str(&text).unwrap();
    let output = Command::new(python).args(["-c", SCRIPT, &connect(&base)]).arg(&exchange).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answers: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answers.len(), expected.len());
    for (one, answer) in expected.iter().zip(&answers) {
        if let Some(sums) = one["sums"].as_array() {
            let sum =
                |at: usize| answer.as_array().unwrap().iter().filter_map(|row| row[at].as_i64()).sum::<i64>();
            let is_as = |(at, wanted): (usize, &Value)| wanted == "*" || json!(sum(at)) == *wanted;
            assert!(sums.iter().enumerate().all(is_as), "{}\n{answer}", one["sql"]);
            continue;
        }
        match one.get("rows") {
            Some(rows) => assert!(is_as(answer, rows), "{}\n{answer}", one["sql"]),
            None => {
                let includes = one["includes"].as_array().unwrap();
                let answer = answer.as_array().unwrap();
                assert!(includes.iter().all(|row| answer.contains(row)), "{}\n{}", one["sql"], json!(answer));
            }
        }
    }
}

/// Whether a value is as expected, where `"*"` expects anything.
fn is_as(value: &Value, expected: &Value) -> bool {
    match (value, expected) {
        (_, Value::String(any)) if any == "*" => true,
        (Value::Array(values), Value::Array(expected)) => {
            values.len() == expected.len()
                && values.iter().zip(expected).all(|(value, one)| is_as(value, one))
        }
        _ => value == expected,
    }
}

#[test]
fn pandas_reads_over_the_protocol() {
    let Some(python) = python("pandas_reads_over_the_protocol", "psycopg2, pandas") else { return };
    let base = Base::new("");
    let output = Command::new(python).args(["-c", PANDAS, &connect(&base)]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "32340 2 90 UTC");
}
