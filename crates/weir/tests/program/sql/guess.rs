//! Random questions, asked of weir and of DuckDB over the same files: the answers are equal, to the last octet.

use super::rows;
use crate::dice::Dice;
use crate::duckdb::Lake;
use serde_json::json;

/// Questions; `WEIR_SQL_QUESTIONS=100` asks fewer.
const QUESTIONS: usize = 1000;

/// What is grouped by, for weir and for DuckDB.
const KEYS: &[(&str, &str)] = &[
    ("tenant", "tenant"),
    ("peer_tenant", "peer_tenant"),
    ("direction", "direction"),
    ("proto", "proto"),
    ("src_addr", "src_addr"),
    ("dst_addr", "dst_addr"),
    ("src_port", "src_port"),
    ("dst_port", "dst_port"),
    ("host", "host"),
    ("exporter", "exporter"),
    ("protocol_version", "protocol_version"),
    ("ingress_if", "ingress_if"),
    ("tcp_flags", "tcp_flags"),
    ("sampling_interval", "sampling_interval"),
    ("CAST(start AS BIGINT) / 3600000", "epoch_ms(start) // 3600000"),
    ("src_port < dst_port", "src_port < dst_port"),
    (
        "CASE WHEN dst_port < 1024 THEN 'low' ELSE 'high' END",
        "CASE WHEN dst_port < 1024 THEN 'low' ELSE 'high' END",
    ),
    ("coalesce(tenant, 'nobody')", "coalesce(tenant, 'nobody')"),
];

/// What is computed.
const MEASURES: &[&str] = &[
    "sum(octets)",
    "sum(packets)",
    "count(*)",
    "min(octets)",
    "max(octets)",
    "min(src_port)",
    "max(dst_port)",
    "count(tenant)",
    "count(DISTINCT dst_port)",
    "count(DISTINCT src_addr)",
    "sum(measured_octets)",
    "sum(octets) FILTER (WHERE proto = 6)",
    "min(tenant)",
];

/// Conditions.
const CONDITIONS: &[(&str, &str)] = &[
    ("proto = 6", "proto = 6"),
    ("dst_port = 443", "dst_port = 443"),
    ("src_port IN (53, 443, 80)", "src_port IN (53, 443, 80)"),
    ("src_addr = '192.168.34.12'", "hex(src_addr) = 'C0A8220C'"),
    ("in_net(src_addr, '192.168.31.0/24')", "octet_length(src_addr) = 4 AND hex(src_addr) LIKE 'C0A81F%'"),
    ("in_net(dst_addr, '2001:db8:34::/64')", "hex(dst_addr) LIKE '20010DB800340000%'"),
    (
        "in_net(host, '192.168.0.0/16', '10.0.0.0/8')",
        "octet_length(host) = 4 AND (hex(host) LIKE 'C0A8%' OR hex(host) LIKE '0A%')",
    ),
    ("octets > 1000000", "octets > 1000000"),
    ("octets BETWEEN 1000 AND 5000", "octets BETWEEN 1000 AND 5000"),
    ("tenant = 'mori-travel'", "tenant = 'mori-travel'"),
    ("tenant IS NULL", "tenant IS NULL"),
    ("peer_tenant IS NOT NULL", "peer_tenant IS NOT NULL"),
    ("tenant <> 'okafor'", "tenant <> 'okafor'"),
    ("direction IN ('in', 'local')", "direction IN ('in', 'local')"),
    ("tenant LIKE 'a%'", "tenant LIKE 'a%'"),
    (
        "ip(src_addr) LIKE '192.168.3%'",
        "octet_length(src_addr) = 4 AND (hex(src_addr) LIKE 'C0A803%' OR hex(src_addr) LIKE 'C0A81E%' OR hex(src_addr) LIKE 'C0A81F%' OR hex(src_addr) LIKE 'C0A820%' OR hex(src_addr) LIKE 'C0A821%' OR hex(src_addr) LIKE 'C0A822%' OR hex(src_addr) LIKE 'C0A823%' OR hex(src_addr) LIKE 'C0A824%' OR hex(src_addr) LIKE 'C0A825%' OR hex(src_addr) LIKE 'C0A826%' OR hex(src_addr) LIKE 'C0A827%')",
    ),
    ("tcp_flags & 2 = 2", "tcp_flags & 2 = 2"),
    ("src_port = dst_port", "src_port = dst_port"),
    ("start >= '2026-10-12T00:00:00Z'", "epoch_ms(start) >= 1791763200000"),
    ("start < '2026-10-20T12:30:00Z'", "epoch_ms(start) < 1792499400000"),
    ("\"end\" - start > interval '60 seconds'", "epoch_ms(\"end\") - epoch_ms(start) > 60000"),
];

/// A condition of up to three parts.
fn condition(dice: &mut Dice) -> (String, String) {
    let (ours, theirs) = *dice.one(CONDITIONS);
    let (mut ours, mut theirs) = (format!("({ours})"), format!("({theirs})"));
    for _ in 0..dice.below(3) {
        let (more, same) = *dice.one(CONDITIONS);
        let word = *dice.one(&["AND", "OR", "AND NOT"]);
        ours = format!("({ours} {word} ({more}))");
        theirs = format!("({theirs} {word} ({same}))");
    }
    (ours, theirs)
}

/// A question, for weir and for DuckDB.
fn question(dice: &mut Dice) -> (String, String) {
    let keys: Vec<(&str, &str)> = (0..dice.below(4)).map(|_| *dice.one(KEYS)).collect();
    let measures: Vec<&str> = (0..=dice.below(3)).map(|_| *dice.one(MEASURES)).collect();
    let (ours, theirs) = if dice.below(8) == 0 { ("true".into(), "true".into()) } else { condition(dice) };
    let having = if dice.below(4) == 0 && !keys.is_empty() { " HAVING count(*) > 3" } else { "" };
    let text = |keys: Vec<&str>, condition: &str| {
        let numbered = |(at, what): (usize, &&str)| format!("{what} AS c{at}");
        let columns: Vec<String> = keys.iter().chain(&measures).enumerate().map(numbered).collect();
        let groups: Vec<String> = (1..=keys.len()).map(|at| at.to_string()).collect();
        let group =
            if groups.is_empty() { String::new() } else { format!(" GROUP BY {}", groups.join(", ")) };
        format!("SELECT {} from flows WHERE {condition}{group}{having}", columns.join(", "))
    };
    (
        text(keys.iter().map(|key| key.0).collect(), &ours),
        text(keys.iter().map(|key| key.1).collect(), &theirs),
    )
}

#[test]
fn random_questions_are_answered_as_by_duckdb() {
    let Some(lake) = Lake::new("random_questions_are_answered_as_by_duckdb") else { return };
    let asked = std::env::var("WEIR_SQL_QUESTIONS").ok().and_then(|count| count.parse().ok());
    let mut dice = Dice::new(1974);
    let questions: Vec<(String, String)> =
        (0..asked.unwrap_or(QUESTIONS)).map(|_| question(&mut dice)).collect();
    let answers = lake.ask(&questions.iter().map(|(_, theirs)| theirs.clone()).collect::<Vec<_>>());
    let mut compared = 0;
    for ((ours, theirs), answer) in questions.iter().zip(&answers) {
        let sorted = |rows: &[Vec<serde_json::Value>]| {
            let mut lines: Vec<String> = rows.iter().map(|row| json!(row).to_string()).collect();
            lines.sort_unstable();
            lines
        };
        let (found, expected) = (sorted(&rows(&lake.place, ours)), sorted(answer));
        compared += found.len();
        assert_eq!(found.len(), expected.len(), "{ours}\n{theirs}");
        if let Some((a, b)) = found.iter().zip(&expected).find(|(a, b)| a != b) {
            panic!("{ours}\n{theirs}\nweir   {a}\nDuckDB {b}");
        }
    }
    assert!(compared > questions.len(), "only {compared} rows");
}

/// A sum divided, for weir and for DuckDB: as a fraction, and as a whole number.
const DIVIDED: &[(&str, &str)] = &[
    ("sum(octets) / 7", "sum(octets) / 7"),
    ("sum(octets) / sum(packets)", "sum(octets) / sum(packets)"),
    // A small share is not 0.
    ("sum(packets) / sum(octets) / 1000000", "sum(packets) / sum(octets) / 1000000"),
    ("sum(octets) * 8 / 300", "sum(octets) * 8 / 300"),
    ("1000 / sum(octets)", "1000 / sum(octets)"),
    ("sum(octets)::bigint / 7", "sum(octets) // 7"),
    ("max(octets) / 7", "max(octets) // 7"),
    ("max(octets)::double / 7", "max(octets) / 7"),
    ("sum(octets) % 7", "sum(octets) % 7"),
    ("avg(packets)", "avg(packets)"),
];

#[test]
fn sums_are_divided_as_by_duckdb() {
    let Some(lake) = Lake::new("sums_are_divided_as_by_duckdb") else { return };
    let text = |what: &str| format!("SELECT {what} AS a from flows GROUP BY tenant ORDER BY 1");
    let answers = lake.ask(&DIVIDED.iter().map(|(_, theirs)| text(theirs)).collect::<Vec<_>>());
    for ((ours, theirs), answer) in DIVIDED.iter().zip(&answers) {
        let numbers = |rows: &[Vec<serde_json::Value>]| -> Vec<Option<f64>> {
            rows.iter().map(|row| row[0].as_f64()).collect()
        };
        let (found, expected) = (numbers(&rows(&lake.place, &text(ours))), numbers(answer));
        assert!(found.len() > 3 && found.iter().all(Option::is_some), "{ours}: {found:?}");
        assert_eq!(found, expected, "{ours}\n{theirs}");
    }
    // Of a running sum, too.
    let running = "SELECT sum(octets) OVER (ORDER BY start, octets) / 7 AS a from flows ORDER BY start, octets LIMIT 50";
    let expected = &lake.ask(&[running.to_owned()])[0];
    let values = |rows: &[Vec<serde_json::Value>]| rows.iter().map(|row| row[0].as_f64()).collect::<Vec<_>>();
    assert_eq!(values(&rows(&lake.place, running)), values(expected));
}

/// What integers without a sign come to, for weir and for DuckDB, which refuses what would be below 0.
const RECKONED: &[(&str, &str)] = &[
    ("min(src_port - dst_port)", "min(src_port::hugeint - dst_port::hugeint)"),
    ("max(src_port + dst_port)", "max(src_port::hugeint + dst_port::hugeint)"),
    ("sum(src_port - dst_port)", "sum(src_port::hugeint - dst_port::hugeint)"),
    ("max(proto * proto)", "max(proto::hugeint * proto::hugeint)"),
    ("min(packets - octets)", "min(packets::hugeint - octets::hugeint)"),
    ("sum(packets - octets)", "sum(packets::hugeint - octets::hugeint)"),
    ("min(40 - octets)", "min(40 - octets::hugeint)"),
    ("max(octets * packets)", "max(octets::hugeint * packets::hugeint)"),
    ("max(octets * 8 / 300)", "max(octets::hugeint * 8 / 300)"),
    (
        "count(*) FILTER (WHERE src_port - dst_port > 1000)",
        "count(*) FILTER (WHERE src_port::int - dst_port::int > 1000)",
    ),
];

#[test]
fn differences_of_integers_have_a_sign() {
    let Some(lake) = Lake::new("differences_of_integers_have_a_sign") else { return };
    let text = |what: &str| format!("SELECT {what} AS a from flows GROUP BY tenant ORDER BY 1");
    let mut asked: Vec<(String, String)> =
        RECKONED.iter().map(|(ours, theirs)| (text(ours), text(theirs))).collect();
    // The change since the record before.
    let change = |one: &str| {
        format!(
            "SELECT {one} - lag({one}) OVER (ORDER BY start, octets, packets) AS a from flows ORDER BY start, octets, packets LIMIT 80"
        )
    };
    asked.push((change("octets"), change("octets::hugeint")));
    let answers = lake.ask(&asked.iter().map(|(_, theirs)| theirs.clone()).collect::<Vec<_>>());
    let mut below = 0;
    for ((ours, theirs), answer) in asked.iter().zip(&answers) {
        let numbers = |rows: &[Vec<serde_json::Value>]| -> Vec<Option<f64>> {
            rows.iter().map(|row| row[0].as_f64()).collect()
        };
        let (found, expected) = (numbers(&rows(&lake.place, ours)), numbers(answer));
        below += found.iter().filter(|number| number.is_some_and(|number| number < 0.0)).count();
        assert!(found.len() > 3, "{ours}");
        assert_eq!(found, expected, "{ours}\n{theirs}");
    }
    assert!(below > 20, "{below}");
}

/// October has 31 days in Berlin, and one of 25 hours.
#[test]
fn days_and_hours_are_a_zones_as_by_duckdb() {
    let Some(lake) = Lake::new("days_and_hours_are_a_zones_as_by_duckdb") else { return };
    for zone in ["Europe/Berlin", "America/St_Johns", "Asia/Kolkata"] {
        let local = format!("timezone('{zone}', start)");
        let asked = [
            (
                "to_char(date_trunc('day', start), 'YYYY-MM-DD')",
                format!("strftime(date_trunc('day', {local}), '%Y-%m-%d')"),
            ),
            ("date_part('hour', start)::int", format!("date_part('hour', {local})::int")),
            ("to_char(start, 'FMDay HH24 IW')", format!("strftime({local}, '%A %H %V')")),
            ("start::date::text", format!("{local}::date::text")),
        ];
        let text = |what: &str| {
            format!("SELECT {what} AS a, count(*) AS b, sum(octets) AS c from flows GROUP BY 1 ORDER BY 1")
        };
        let answers = lake.ask(&asked.iter().map(|(_, theirs)| text(theirs)).collect::<Vec<_>>());
        for ((ours, theirs), answer) in asked.iter().zip(&answers) {
            let output =
                lake.place.command(&format!("sql -o ndjson --zone {zone}")).arg(text(ours)).output().unwrap();
            let found: Vec<Vec<serde_json::Value>> = String::from_utf8(output.stdout)
                .unwrap()
                .lines()
                .map(|line| {
                    serde_json::from_str::<serde_json::Map<_, _>>(line)
                        .unwrap()
                        .into_iter()
                        .map(|(_, v)| v)
                        .collect()
                })
                .collect();
            let texts = |rows: &[Vec<serde_json::Value>]| -> Vec<String> {
                rows.iter().map(|row| json!(row).to_string().replace('"', "")).collect()
            };
            assert!(found.len() > 20, "{zone}: {ours}: {found:?}");
            assert_eq!(texts(&found), texts(answer), "{zone}: {ours} / {theirs}");
        }
    }
}

#[test]
fn accounts_are_added_up_as_by_duckdb() {
    let Some(lake) = Lake::new("accounts_are_added_up_as_by_duckdb") else { return };
    let questions = [
        "SELECT kind, tenant, host, sum(octets) AS o, sum(packets) AS p, sum(flows) AS f from bins GROUP BY 1, 2, 3",
        "SELECT kind, sum(measured_octets) AS o, count(DISTINCT host) AS h from bins GROUP BY 1",
        "SELECT exporter, max(octets) AS o from bins WHERE kind = 'decoded' GROUP BY 1",
    ];
    let answers = lake.ask(&questions.map(str::to_owned));
    for (question, answer) in questions.iter().zip(&answers) {
        let sorted = |rows: &[Vec<serde_json::Value>]| {
            let mut lines: Vec<String> = rows.iter().map(|row| json!(row).to_string()).collect();
            lines.sort_unstable();
            lines
        };
        assert!(!answer.is_empty());
        assert_eq!(sorted(&rows(&lake.place, question)), sorted(answer), "{question}");
    }
}
