//! The store's files, read by DuckDB: what it adds up is what weir says.

use crate::dice::Dice;
use crate::run::{Place, named, number};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use weir_flow::filter::{protocol_of, service_of};

/// Answers a line of SQL with a line of JSON: its rows. Addresses come as text.
const SCRIPT: &str = "
import duckdb, ipaddress, json, sys
def plain(value):
    if isinstance(value, dict):
        first = bytes.fromhex(value['hex']).ljust(value['size'], b'\\0')
        return f\"{ipaddress.ip_address(first)}/{value['bits']}\"
    return str(ipaddress.ip_address(value)) if isinstance(value, bytes) else value
for line in sys.stdin:
    rows = duckdb.sql(line).fetchall()
    print(json.dumps([[plain(value) for value in row] for row in rows]))
";

/// Columns to group by, from few values to many, with and without unknown ones; and keys that are none.
const KEYS: [&str; 23] = [
    "src_addr/24",
    "host/24/64",
    "remote",
    "remote/16",
    "service",
    "tenant",
    "peer_tenant",
    "direction",
    "proto",
    "src_addr",
    "dst_addr",
    "src_port",
    "dst_port",
    "host",
    "exporter",
    "protocol_version",
    "ingress_if",
    "egress_if",
    "tcp_flags",
    "icmp_type",
    "nat_src_addr",
    "flow_direction",
    "sampling_interval",
];

/// A key in SQL, that of a column being its name.
fn key_sql(key: &str) -> String {
    const REMOTE: &str = "case direction when 'in' then src_addr when 'out' then dst_addr \
        when 'local' then coalesce(nat_dst_addr, dst_addr) end";
    let net = |addr: &str, v4: (u8, u8), v6: (u8, u8)| {
        let part = |size: u8, (bits, digits): (u8, u8)| {
            format!("{{'hex': left(hex({addr}), {digits}), 'size': {size}, 'bits': {bits}}}")
        };
        format!(
            "case when ({addr}) is null then null when octet_length({addr}) = 4 then {} else {} end",
            part(4, v4),
            part(16, v6)
        )
    };
    match key {
        "src_addr/24" => net("src_addr", (24, 6), (48, 12)),
        "remote" => REMOTE.to_owned(),
        "remote/16" => net(&format!("({REMOTE})"), (16, 4), (48, 12)),
        "host/24/64" => net("host", (24, 6), (64, 16)),
        "service" => {
            let known: Vec<String> =
                (0..=u16::MAX).filter(|p| service_of(*p).is_some()).map(|p| p.to_string()).collect();
            let known = known.join(", ");
            let names: String =
                (0..=u8::MAX).filter_map(|n| Some(format!("when {n} then '{}' ", protocol_of(n)?))).collect();
            format!(
                "(case proto {names} else proto::varchar end) || coalesce('/' || (case \
                 when proto not in (6, 17, 33, 132, 136) then null \
                 when src_port is null or dst_port is null then coalesce(src_port, dst_port) \
                 when src_port in ({known}) and dst_port not in ({known}) then src_port \
                 when dst_port in ({known}) and src_port not in ({known}) then dst_port \
                 else least(src_port, dst_port) end)::varchar, '')"
            )
        }
        column => column.to_owned(),
    }
}

/// Filters of weir, and the same in SQL.
const FILTERS: [(&str, &str); 20] = [
    ("", "true"),
    ("proto tcp", "proto = 6"),
    ("not proto tcp", "not (proto = 6)"),
    ("dst port 443", "dst_port = 443"),
    ("port 53", "src_port = 53 or dst_port = 53"),
    ("not port 53", "not coalesce(src_port = 53 or dst_port = 53, false)"),
    ("src net 192.168.31.0/24", "octet_length(src_addr) = 4 and hex(src_addr) like 'C0A81F%'"),
    (
        "net 2001:db8:34::/64",
        "hex(src_addr) like '20010DB800340000%' or hex(dst_addr) like '20010DB800340000%' \
      or hex(nat_src_addr) like '20010DB800340000%' or hex(nat_dst_addr) like '20010DB800340000%'",
    ),
    ("src_addr = 192.168.34.12", "hex(src_addr) = 'C0A8220C'"),
    ("ipv6", "octet_length(src_addr) = 16"),
    ("octets > 10M", "octets > 10000000"),
    ("octets 1000-5000 and packets < 10", "octets between 1000 and 5000 and packets < 10"),
    (
        "tenant mori-travel",
        "coalesce(tenant = 'mori-travel', false) or coalesce(peer_tenant = 'mori-travel', false)",
    ),
    ("own tenant okafor and direction local", "tenant = 'okafor' and direction = 'local'"),
    ("exporter dmz", "hex(exporter) = 'C0A8FF02'"),
    ("in if 2 or out if 2", "ingress_if = 2 or egress_if = 2"),
    (
        "flags S and not flags A",
        "coalesce(tcp_flags & 2 = 2, false) and not coalesce(tcp_flags & 16 = 16, false)",
    ),
    ("duration > 60s", "epoch_ms(\"end\") - epoch_ms(start) > 60000"),
    ("icmp type 8", "icmp_type = 8 and proto = 1"),
    (
        "dst_port >= 1024 and not dst_port in [3389, 8000..9000]",
        "dst_port >= 1024 and not (dst_port = 3389 or dst_port between 8000 and 9000)",
    ),
];

/// A month of the office, a capture beside it, and questions to DuckDB about it. `None` where it is not installed.
pub(crate) struct Lake {
    pub(crate) place: Place,
    python: PathBuf,
}

impl Lake {
    pub(crate) fn new(test: &str) -> Option<Self> {
        let Some(python) = weir_testkit::duckdb_python() else {
            weir_testkit::skip(test, "WEIR_DUCKDB_PYTHON names no Python with DuckDB");
            return None;
        };
        let place = Place::new();
        place.done("demo --dir . --period 2026-10 --scale 25");
        for capture in ["softflowd-v9", "pmacctd-v10-sampled", "ovs-sflow"] {
            let folder = weir_testkit::repository().join("testdata/captures").join(capture);
            place.bring(&folder.join("export.pcap"), "export.pcap");
            place.done("import export.pcap");
        }
        Some(Self { place, python })
    }

    /// The rows that DuckDB answers each question with; `flows` and `bins` stand for the files.
    pub(crate) fn ask(&self, questions: &[String]) -> Vec<Vec<Vec<Value>>> {
        let mut child = Command::new(&self.python)
            .args(["-c", SCRIPT])
            .current_dir(self.place.path("."))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines: Vec<String> = questions.iter().map(|sql| files(sql) + "\n").collect();
        let mut pipe = child.stdin.take().unwrap();
        let asking = std::thread::spawn(move || pipe.write_all(lines.concat().as_bytes()).unwrap());
        let output = child.wait_with_output().unwrap();
        asking.join().unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn files(sql: &str) -> String {
    let sql = sql.replace("from flows", "from 'store/flows/**/*.parquet'");
    sql.replace("from bins", "from 'store/bins/**/*.parquet'")
}

const SUMS: &str = "coalesce(sum(octets), 0), coalesce(sum(packets), 0), count(*)";

#[test]
fn tenants_have_in_the_files_what_usage_says() {
    let Some(lake) = Lake::new("tenants_have_in_the_files_what_usage_says") else { return };
    let usage = lake.place.json("usage -o json");
    let answers = lake.ask(&[
        format!("select tenant, direction, {SUMS} from flows where direction in ('in', 'out') group by all"),
        format!("select tenant, 'local_out', {SUMS} from flows where direction = 'local' group by all"),
        format!("select peer_tenant, 'local_in', {SUMS} from flows where direction = 'local' group by all"),
        "select tenant, kind, sum(octets), sum(packets), sum(flows) from bins where tenant is not null group by all"
            .to_owned(),
        format!("select null, 'decoded', {SUMS} from flows"),
        "select null, kind, sum(octets), sum(packets), sum(flows) from bins where kind in \
         ('decoded', 'transit', 'unmatched', 'local_out') group by all"
            .to_owned(),
    ]);
    let mut compared = 0;
    for row in answers.iter().flatten() {
        let (tenant, kind) = (row[0].as_str(), row[1].as_str().unwrap());
        let said = match (tenant, kind) {
            (Some(tenant), way) => &named(&usage["tenants"], "tenant", tenant)[way],
            (None, "local_out") => &usage["balance"]["local"],
            (None, line) => &usage["balance"][line],
        };
        let files = json!({"octets": row[2], "packets": row[3], "flows": row[4]});
        assert_eq!(*said, files, "{tenant:?} {kind}");
        compared += 1;
    }
    // Seven tenants, four ways, from flows and from bins; and the lines of the balance.
    assert_eq!(compared, 7 * 4 * 2 + 5);
}

#[test]
fn a_thousand_questions_to_top_are_answered_as_by_duckdb() {
    let Some(lake) = Lake::new("a_thousand_questions_to_top_are_answered_as_by_duckdb") else { return };
    let mut dice = Dice::new(2026);
    let questions: Vec<Question> =
        (0..1000).map(|i| Question::roll(&mut dice, FILTERS[i % FILTERS.len()])).collect();
    let answers = lake.ask(&questions.iter().map(Question::sql).collect::<Vec<_>>());
    assert_eq!(answers.len(), questions.len());
    let mut groups = 0;
    for (question, rows) in questions.iter().zip(&answers) {
        groups += rows.len();
        question.compare(&lake.place.json(&question.line()), rows);
    }
    assert!(groups > 100_000, "only {groups} groups");
}

/// A question to `weir top`.
struct Question {
    keys: Vec<&'static str>,
    filter: (&'static str, &'static str),
    by: &'static str,
    limit: usize,
    /// From and to, hours of October 2026, UTC.
    span: Option<(usize, usize)>,
}

impl Question {
    fn roll(dice: &mut Dice, filter: (&'static str, &'static str)) -> Self {
        let mut keys: Vec<&str> = (0..=dice.below(3)).map(|_| *dice.one(&KEYS)).collect();
        keys.sort_unstable();
        keys.dedup();
        let from = dice.below(500);
        let span = (dice.below(3) == 0).then(|| (from, from + 1 + dice.below(200)));
        let by = *dice.one(&["octets", "packets", "flows"]);
        Self { keys, filter, by, limit: *dice.one(&[1, 5, 20, 1000]), span }
    }

    fn line(&self) -> String {
        let Self { keys, filter, by, limit, span } = self;
        let time = |hour: usize| format!("2026-10-{:02}T{:02}:00:00Z", 1 + hour / 24, hour % 24);
        let span =
            span.map_or_else(String::new, |(from, to)| format!("--from {} --to {}", time(from), time(to)));
        format!("top {} '{}' --by {by} -n {limit} {span} -o json", keys.join(","), filter.0)
    }

    fn sql(&self) -> String {
        const OCTOBER_MS: usize = 1_790_812_800_000;
        let span = self.span.map_or_else(String::new, |(from, to)| {
            let at = |hour: usize| OCTOBER_MS + hour * 3_600_000;
            // Flows that overlap the span, as `weir_query` states.
            format!("and epoch_ms(start) < {} and epoch_ms(\"end\") >= {}", at(to), at(from))
        });
        let keys = self.keys.iter().map(|key| key_sql(key)).collect::<Vec<_>>().join(", ");
        format!("select {keys}, {SUMS} from flows where ({}) {span} group by all", self.filter.1)
    }

    /// The answer is the largest of all groups; where several are equally large, any of them.
    fn compare(&self, top: &Value, groups: &[Vec<Value>]) {
        let line = self.line();
        let n = self.keys.len();
        assert_eq!(number(top, "groups"), u64::try_from(groups.len()).unwrap(), "{line}");
        let sums: HashMap<String, &[Value]> =
            groups.iter().map(|row| (json!(row[..n]).to_string(), &row[n..])).collect();
        let measures = ["octets", "packets", "flows"];
        let rows = top["rows"].as_array().unwrap();
        for row in rows {
            let key: Vec<&Value> = self.keys.iter().map(|key| &row[*key]).collect();
            let expected =
                sums.get(&json!(key).to_string()).unwrap_or_else(|| panic!("{line}: no group {key:?}"));
            assert_eq!(
                measures.map(|measure| &row[measure]).as_slice(),
                expected.iter().collect::<Vec<_>>(),
                "{line}"
            );
        }
        let at = measures.iter().position(|measure| *measure == self.by).unwrap();
        let mut largest: Vec<u64> = groups.iter().map(|row| row[n + at].as_u64().unwrap()).collect();
        largest.sort_unstable_by(|a, b| b.cmp(a));
        largest.truncate(self.limit);
        let shown: Vec<u64> = rows.iter().map(|row| number(row, self.by)).collect();
        assert_eq!(shown, largest, "{line}");
        for (i, measure) in measures.iter().enumerate() {
            let sum: u64 = groups.iter().map(|row| row[n + i].as_u64().unwrap()).sum();
            assert_eq!(number(&top["total"], measure), sum, "{line}");
        }
    }
}

/// Groups with times are in the files of accounts, which other code wrote: with the clocks changing on the 25th.
#[test]
fn buckets_of_time_are_what_duckdb_adds_up_of_the_accounts() {
    let Some(lake) = Lake::new("buckets_of_time_are_what_duckdb_adds_up_of_the_accounts") else { return };
    const OFFSET: &str = "(case when epoch_ms(bin) < 1792890000000 then 7200000 else 3600000 end)";
    let local = |step: u64| format!("(epoch_ms(bin) + {OFFSET}) // {step} * {step} - {OFFSET}");
    let part = "kind in ('in', 'out', 'local_out', 'transit', 'unmatched', 'duplicate')";
    let sums = "sum(octets), sum(packets), sum(flows)";
    let october = "epoch_ms(bin) >= 1790812800000 and epoch_ms(bin) < 1793491200000";
    let cases = [
        ("hour,tenant", format!("{}, tenant", local(3_600_000))),
        ("time/15m", local(900_000)),
        ("tenant,host,hour_of_day", format!("tenant, host, (epoch_ms(bin) + {OFFSET}) // 3600000 % 24")),
        ("time/5m,exporter", "epoch_ms(bin), exporter".to_owned()),
    ];
    let sql = cases
        .iter()
        .map(|(_, keys)| format!("select {keys}, {sums} from bins where {part} and {october} group by all"));
    let answers = lake.ask(&sql.collect::<Vec<_>>());
    for ((keys, _), rows) in cases.iter().zip(&answers) {
        for more in ["", "'octets >= 0 or not octets >= 0'"] {
            // From accounts, and with a filter that they know nothing of, from records.
            let line = format!(
                "top {keys} {more} -n 0 --zone Europe/Berlin --from 2026-10-01T00:00:00Z --to 2026-11-01T00:00:00Z -o json"
            );
            let top = lake.place.json(&line);
            assert_eq!(top["read_from"], if more.is_empty() { "accounts" } else { "records" }, "{line}");
            let names: Vec<&str> = keys.split(',').collect();
            let mut said: Vec<String> = top["rows"]
                .as_array()
                .unwrap()
                .iter()
                .map(|row| {
                    let cells = names.iter().copied().chain(["octets", "packets", "flows"]);
                    json!(cells.map(|name| &row[name]).collect::<Vec<_>>()).to_string()
                })
                .collect();
            // Rows of nothing (a flow's bins where it had no packets) are rows in both.
            let mut files: Vec<String> = rows.iter().map(|row| json!(row).to_string()).collect();
            said.sort();
            files.sort();
            assert_eq!(said.len(), files.len(), "{line}");
            assert!(said == files, "{line}");
        }
    }
}
