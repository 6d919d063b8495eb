//! What is written about the metrics elsewhere, held against the catalog.

use super::catalog::{ALL, Kind, Metric};
use super::hub::{Hub, Outlook};
use super::page::page;
use crate::config::Config;
use crate::web::Served;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use weir_flow::health::{Counter, Row};
use weir_flow::{Addr, Batch};
use weir_store::{Forecast, Retired, Space};

fn read(path: &str) -> String {
    std::fs::read_to_string(weir_testkit::repository().join(path)).unwrap()
}

/// A page with something in every metric that needs something to have happened.
fn full_page() -> String {
    let config = crate::config::read("[store]\npath = \"/\"\ndisk = \"1 GB\"\n").unwrap();
    let hub = Hub::new(&config);
    let ear = hub.ear("udp [::]:2055".to_owned());
    ear.pulse.beat(1);
    hub.writer.beat(1);
    let mut batch = Batch::new();
    let mut count = |what: String, value| {
        let exporter = Addr::v4([192, 0, 2, 1]);
        batch.health.push(Row { bin: 0, exporter, domain: 0, what: what.into(), value });
    };
    for counter in Counter::ALL {
        count(counter.name().to_owned(), 3);
        count(counter.name().to_owned(), -1);
    }
    for reason in ["duplicate", "truncated"] {
        count(format!("datagrams_refused:{reason}"), 1);
    }
    hub.note(&batch, weir_store::Taken::Held, None, 1);
    hub.set_outlook(outlook());
    hub.quota.looked(1);
    let served = Served::default();
    served.count("/metrics", hyper::StatusCode::OK);
    page(&hub, &served, &|_| "a \"core\" \\ router\n".to_owned(), 2)
}

/// Of a store that takes 100 bytes.
fn outlook() -> Outlook {
    let space = Space { segments: 60, accounts: 20, journal: 15, other: 5 };
    let forecast = Forecast {
        space,
        limit: 1000,
        segments_per_day: Some(10),
        accounts_per_day: None,
        detail_ms: Some(43_500),
        accounts_ms: None,
    };
    Outlook {
        forecast,
        retired: Retired { files: 1, bytes: 7000, rows: 12, rollups_lost: 1 },
        is_over_budget: true,
    }
}

#[test]
fn how_long_the_store_lasts_is_told_where_it_is_known() {
    let page = full_page();
    for line in [
        "weir_store_space_bytes{part=\"flows\"} 60",
        "weir_store_space_bytes{part=\"journal\"} 15",
        "weir_store_limit_bytes 1000",
        "weir_store_lasts_seconds{part=\"detail\"} 43.500",
        "weir_store_is_over_budget 1",
        "weir_store_retired_flows_total 12",
        "weir_store_retired_bytes_total 7000",
    ] {
        assert!(page.lines().any(|found| found == line), "{line} in\n{page}");
    }
    assert!(!page.contains("weir_store_lasts_seconds{part=\"accounts\"}"));
}

/// Names of samples on a page.
fn samples(page: &str) -> BTreeSet<&str> {
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split(['{', ' ']).next()).collect()
}

#[test]
fn every_metric_is_on_the_page_and_nothing_else_is() {
    let page = full_page();
    let known: BTreeSet<&str> = ALL.iter().map(|metric| metric.name).collect();
    let on_page = samples(&page);
    let strangers: Vec<_> = on_page.difference(&known).collect();
    assert!(strangers.is_empty(), "{strangers:?}");
    // Only there when something was retired.
    let missing: Vec<_> = known.difference(&on_page).copied().collect();
    assert_eq!(
        missing,
        [
            "weir_store_accounts_retired_before_timestamp_seconds",
            "weir_store_retired_before_timestamp_seconds"
        ]
    );
}

#[test]
fn names_are_as_prometheus_wants_them() {
    for Metric { name, kind, labels, help } in ALL {
        assert_eq!(*kind == Kind::Counter, name.ends_with("_total"), "{name}");
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
        assert!(name.starts_with("weir_") || name.starts_with("process_"), "{name}");
        assert!(labels.iter().all(|label| label.bytes().all(|b| b.is_ascii_lowercase())), "{name}");
        assert!(help.ends_with('.') && help.len() > 10, "{name}: {help}");
    }
}

#[test]
fn promtool_finds_nothing_wrong_with_the_page() {
    let Some(promtool) = weir_testkit::program("promtool") else {
        return weir_testkit::skip("promtool_finds_nothing_wrong_with_the_page", "promtool is not installed");
    };
    let mut command = Command::new(promtool);
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(full_page().as_bytes()).unwrap();
    let said = child.wait_with_output().unwrap();
    let text = [said.stdout, said.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(said.status.success() && text.is_empty(), "{text}");
}

/// `docs/metrics.md` holds this table. After a change of the catalog: `WEIR_WRITE_DOCS=1 cargo test -p weir metrics`.
fn table() -> String {
    let mut out = "| metric | type | labels | what |\n|---|---|---|---|\n".to_owned();
    for Metric { name, kind, labels, help } in ALL {
        let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        let _ = writeln!(out, "| `{name}` | {} | {} | {help} |", kind.word(), labels.join(", "));
    }
    out
}

#[test]
fn the_page_for_people_says_the_same() {
    const BEGIN: &str = "<!-- written by a test: begin -->\n";
    const END: &str = "<!-- written by a test: end -->\n";
    let text = read("docs/metrics.md");
    let (head, rest) = text.split_once(BEGIN).unwrap();
    let (_, tail) = rest.split_once(END).unwrap();
    let right = [head, BEGIN, &table(), END, tail].concat();
    if std::env::var_os("WEIR_WRITE_DOCS").is_some() {
        std::fs::write(weir_testkit::repository().join("docs/metrics.md"), &right).unwrap();
    }
    assert_eq!(read("docs/metrics.md"), right, "see `table` in metrics/tests.rs");
}

/// Words of a text that look like metrics of ours.
fn asked(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("weir_") || word.starts_with("process_")).collect()
}

#[test]
fn the_dashboard_and_the_rules_ask_for_metrics_that_exist() {
    let known: BTreeSet<&str> = ALL.iter().map(|metric| metric.name).collect();
    let dashboard: serde_json::Value = serde_json::from_str(&read("packaging/grafana/weir.json")).unwrap();
    let mut expressions = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            expressions.push(target["expr"].as_str().unwrap().to_owned());
        }
    }
    assert!(expressions.len() > 30, "only {} expressions", expressions.len());
    let rules = read("packaging/prometheus/weir.rules.yml");
    for text in expressions.iter().chain([&rules]) {
        // Alerts are called WeirSomething; nothing else begins like a metric.
        let strangers: Vec<&str> = asked(text).difference(&known).copied().collect();
        assert!(strangers.is_empty(), "{strangers:?} in {text}");
    }
}

#[test]
fn promtool_takes_the_rules() {
    let Some(promtool) = weir_testkit::program("promtool") else {
        return weir_testkit::skip("promtool_takes_the_rules", "promtool is not installed");
    };
    let folder: PathBuf = weir_testkit::repository().join("packaging/prometheus");
    for arguments in [["check", "rules", "weir.rules.yml"], ["test", "rules", "weir.rules.test.yml"]] {
        let said = Command::new(&promtool).args(arguments).current_dir(&folder).output().unwrap();
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stdout));
    }
}

#[test]
fn the_default_configuration_has_no_page() {
    assert_eq!(Config::default().web, None);
}
