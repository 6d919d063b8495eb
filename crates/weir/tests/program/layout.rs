//! The examples of `docs/parquet.md`, run: every program reads the same figures from the files.

use crate::run::Place;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

/// The examples by what runs them.
fn examples() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(weir_testkit::repository().join("docs/parquet.md")).unwrap();
    let blocks = text.split("\n```").skip(1).step_by(2);
    let block = |block: &str| {
        let (head, body) = block.split_once('\n').unwrap();
        (head.split_once(' ').map_or(head, |(_, name)| name).to_owned(), body.to_owned())
    };
    blocks.map(block).collect()
}

/// Makes a program of an example in SQL.
fn wrapped(name: &str, body: &str) -> String {
    let sql = format!("sql = r'''{body}'''\n");
    match name {
        "duckdb" | "duckdb addresses" => {
            sql + "import duckdb\nfor row in duckdb.sql(sql).fetchall(): print(*row)\n"
        }
        "clickhouse" => sql + "import chdb\nprint(str(chdb.query(sql, 'TSV')).replace('\\t', ' '), end='')\n",
        _ => body.to_owned(),
    }
}

#[test]
fn every_example_reads_what_usage_says() {
    const TEST: &str = "every_example_reads_what_usage_says";
    let Some(python) = weir_testkit::duckdb_python() else {
        return weir_testkit::skip(TEST, "WEIR_DUCKDB_PYTHON names no Python with DuckDB");
    };
    let place = Place::new();
    place.done("demo --dir . --period 2026-10 --scale 25");
    // In several files, some of them replaced.
    place
        .bring(&weir_testkit::repository().join("testdata/captures/softflowd-v9/export.pcap"), "export.pcap");
    place.done("import export.pcap");
    let usage = place.json("usage -o json");
    let mut expected: Vec<String> = usage["tenants"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|tenant| tenant["in"]["octets"] != 0)
        .map(|tenant| format!("{} {}", tenant["tenant"].as_str().unwrap(), tenant["in"]["octets"]))
        .collect();
    expected.sort_unstable();
    let examples = examples();
    assert_eq!(examples.len(), 6, "{:?}", examples.keys());
    for (name, body) in &examples {
        let needs = match name.as_str() {
            "clickhouse" => "chdb",
            "pandas" => "pandas, pyarrow",
            "pyarrow" => "pyarrow",
            _ => "duckdb",
        };
        if !has(&python, needs) {
            weir_testkit::skip(TEST, &format!("WEIR_DUCKDB_PYTHON names no Python with {needs}"));
            continue;
        }
        let run =
            Command::new(&python).arg("-c").arg(wrapped(name, body)).current_dir(place.path(".")).output();
        let run = run.unwrap();
        assert!(run.status.success(), "{name}: {}", String::from_utf8_lossy(&run.stderr));
        let said = String::from_utf8(run.stdout).unwrap();
        let mut lines: Vec<&str> = said.lines().collect();
        lines.sort_unstable();
        if name == "duckdb addresses" {
            let top = place.json("top direction -o json 'src net 192.168.0.0/16'");
            assert_eq!(lines, [top["total"]["flows"].to_string()], "{name}");
        } else {
            assert_eq!(lines, expected, "{name}");
        }
    }
}

fn has(python: &PathBuf, modules: &str) -> bool {
    Command::new(python)
        .args(["-c", &format!("import {modules}")])
        .output()
        .is_ok_and(|done| done.status.success())
}
