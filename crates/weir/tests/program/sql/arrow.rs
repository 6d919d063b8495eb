//! Answers as Arrow's stream, read by pyarrow: the same figures as in CSV.

use super::office;
use crate::run::csv;
use serde_json::Value;
use std::process::Command;

/// Prints a stream's rows as lines of JSON, times as milliseconds, numbers as they are.
const SCRIPT: &str = r#"
import json, sys
import pyarrow as pa
table = pa.ipc.open_stream(sys.argv[1]).read_all()
for at, field in enumerate(table.schema):
    if pa.types.is_timestamp(field.type):
        assert field.type == pa.timestamp("ms", "UTC"), field
        table = table.set_column(at, field.name, table.column(at).cast(pa.int64()))
for row in table.to_pylist():
    print(json.dumps({name: None if value is None else str(value) for name, value in row.items()}))
"#;

#[test]
fn arrow_has_the_figures_of_csv() {
    let Some(python) = super::grafana::python("arrow_has_the_figures_of_csv", "pyarrow") else { return };
    let place = office();
    let sql = "SELECT tenant, direction, sum(octets) AS octets, min(src_addr) AS low, max(src_mac) AS mac, count(*) AS n \
               FROM flows GROUP BY 1, 2 ORDER BY 1, 2";
    for line in [
        "top src/24,service,hour --others -n 5",
        "top host,direction --averages",
        "flows -n 3000",
        "usage --hosts",
        &format!("sql \"{sql}\""),
        // No rows, and still columns.
        "sql \"SELECT tenant, octets FROM flows WHERE octets < 0\"",
    ] {
        let words = |form: &str| {
            // The question has spaces and no quotes of its own.
            let (command, question) = line.split_once(" \"").map_or((line, None), |(c, q)| (c, Some(q)));
            let mut command = place.command(&format!("{command} -o {form}"));
            command.args(question.map(|question| question.trim_end_matches('"')));
            command.output().unwrap()
        };
        let text = String::from_utf8(words("csv").stdout).unwrap();
        let (heads, lines) = csv(&text);
        let output = words("arrow");
        assert!(output.status.success(), "{line}\n{}", String::from_utf8_lossy(&output.stderr));
        place.write("answer.arrows", output.stdout);
        let read =
            Command::new(&python).args(["-c", SCRIPT]).arg(place.path("answer.arrows")).output().unwrap();
        assert!(read.status.success(), "{line}\n{}", String::from_utf8_lossy(&read.stderr));
        let read = String::from_utf8(read.stdout).unwrap();
        let rows: Vec<Value> = read.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(rows.len(), lines.len(), "{line}");
        for (cells, row) in lines.iter().zip(&rows) {
            for (head, cell) in heads.iter().zip(cells) {
                assert_eq!(row[*head].as_str().unwrap_or_default(), *cell, "{line}: {head}");
            }
        }
    }
}

/// A Parquet file as DuckDB reads it: types first, then the rows, times as milliseconds.
const READ: &str = r#"
import duckdb, json
relation = duckdb.sql("SELECT * FROM 'answer.parquet'")
print(json.dumps([str(one) for one in relation.types]))
for row in duckdb.sql("SELECT epoch_ms(first) AS first, * EXCLUDE (first) FROM 'answer.parquet'").fetchall():
    print(json.dumps([value if value is None or isinstance(value, (int, float, str)) else str(value) for value in row]))
"#;

#[test]
fn sql_is_answered_in_parquet() {
    let Some(python) = weir_testkit::duckdb_python() else {
        return weir_testkit::skip("sql_is_answered_in_parquet", "there is no DuckDB");
    };
    let place = office();
    let sql = "SELECT min(start) AS first, tenant, sum(octets) AS octets, avg(packets) AS mean, count(*) AS n, \
               min(src_port) - 70000 AS low, max(src_addr) AS high, count(*) > 5 AS many FROM flows GROUP BY tenant ORDER BY 2";
    let output = place.command("sql -o parquet").arg(sql).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    place.write("answer.parquet", output.stdout);
    let read = Command::new(python).args(["-c", READ]).current_dir(place.path(".")).output().unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let read = String::from_utf8(read.stdout).unwrap();
    let mut lines = read.lines().map(|line| serde_json::from_str::<Vec<Value>>(line).unwrap());
    let types =
        ["TIMESTAMP WITH TIME ZONE", "VARCHAR", "BIGINT", "DOUBLE", "BIGINT", "BIGINT", "VARCHAR", "VARCHAR"];
    assert_eq!(lines.next().unwrap(), types);
    let told = super::rows(
        &place,
        &sql.replace("min(start) AS first", "(date_part('epoch', min(start)) * 1000)::bigint AS first"),
    );
    let found: Vec<Vec<Value>> = lines.collect();
    assert_eq!(found.len(), told.len());
    for (found, told) in found.iter().zip(&told) {
        // Yes and no are words in a file of plain columns.
        let told: Vec<Value> =
            told.iter().map(|one| one.as_bool().map_or(one.clone(), |one| one.to_string().into())).collect();
        assert_eq!(*found, told);
    }
    let none =
        place.command("sql -o parquet").arg("SELECT octets FROM flows WHERE octets < 0").output().unwrap();
    assert!(none.status.success() && none.stdout.starts_with(b"PAR1") && none.stdout.ends_with(b"PAR1"));
}
