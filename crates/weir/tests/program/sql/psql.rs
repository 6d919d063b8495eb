//! psql against a running daemon.

use crate::daemon::{Daemon, until, usage_when};
use crate::health;
use crate::netflow::{self, Flow};
use crate::run::{Place, number};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

/// A daemon that answers SQL and has 90 flows, some of them in its journal.
pub(super) struct Base {
    pub(super) place: Place,
    pub(super) daemon: Daemon,
    pub(super) sql: SocketAddr,
}

impl Base {
    pub(super) fn new(more: &str) -> Self {
        Self::with(more, |_| {})
    }

    /// `prepare` writes what `more` names.
    fn with(more: &str, prepare: impl Fn(&Place)) -> Self {
        let sql = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let place = Place::with(&format!(
            "[sql]\nlisten = \"{sql}\"\nusers = {{ grafana = \"grafana.password\" }}\n{more}\n\
             [[tenant]]\nname = \"ours\"\nnetworks = [\"192.0.2.0/24\"]\n"
        ));
        place.write("grafana.password", "pencil\n");
        prepare(&place);
        let daemon = Daemon::start(&place);
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let flow = |last: u8, port: u16, octets: u32| {
            let (src, dst) = ([192, 0, 2, last], [198, 51, 100, 9]);
            Flow { src, dst, src_port: 40_000, dst_port: port, octets, packets: 2 }
        };
        for number in 0..30u8 {
            let flows = [flow(number, 443, 1000), flow(number, 53, 77), flow(3, 443, 1)];
            socket.send_to(&netflow::v5(u32::from(number) * 3, &flows), daemon.to).unwrap();
        }
        usage_when(&place, "90 flows", |usage| number(usage, "balance.decoded.flows") == 90);
        Self { place, daemon, sql }
    }

    fn command(&self, psql: &PathBuf, password: &str) -> Command {
        let mut command = Command::new(psql);
        command.args([
            "-X",
            "-w",
            "-h",
            "127.0.0.1",
            "-U",
            "grafana",
            "-p",
            &self.sql.port().to_string(),
            "weir",
        ]);
        command.env("PGPASSWORD", password).env("PGCONNECT_TIMEOUT", "20").env("LC_ALL", "C");
        command
    }

    fn psql(&self, psql: &PathBuf, line: &str) -> Output {
        self.command(psql, "pencil").args(["-A", "-t", "-c", line]).output().unwrap()
    }
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn psql(test: &str) -> Option<PathBuf> {
    let program = weir_testkit::program("psql");
    if program.is_none() {
        weir_testkit::skip(test, "psql is not installed");
    }
    program
}

#[test]
fn psql_asks_and_is_answered() {
    let Some(psql) = psql("psql_asks_and_is_answered") else { return };
    let base = Base::new("");
    let ask = |line: &str| said(&base.psql(&psql, line));
    assert_eq!(
        ask("SELECT dst_port, sum(octets), count(*) FROM flows GROUP BY 1 ORDER BY 1"),
        "53|2310|30\n443|30030|60\n"
    );
    assert_eq!(ask("SELECT count(*) FROM flows WHERE in_net(src_addr, '192.0.2.0/28')"), "62\n");
    assert_eq!(ask("SELECT DISTINCT dst_addr FROM flows"), "198.51.100.9\n");
    assert_eq!(ask("SELECT 1 = 1, NULL, 1.5::float8, 'a'"), "t||1.5|a\n");
    assert_eq!(ask("BEGIN; SELECT 1; COMMIT"), "BEGIN\n1\nCOMMIT\n");
    assert_eq!(ask("SHOW server_version"), "16.6\n");
    assert!(ask("SELECT version()").starts_with("PostgreSQL 16"));
    assert_eq!(ask("SELECT current_user, current_database(), current_schema()"), "grafana|weir|public\n");
    let tables = ask("\\dt");
    for table in ["bins", "counters", "flows", "health", "tenants"] {
        assert!(tables.contains(&format!("public|{table}|table|")), "{tables}");
    }
    let flows = ask("\\d flows");
    for line in [
        "start|timestamp with time zone||not null|",
        "src_addr|text|||",
        "octets|bigint|||",
        "dst_port|integer|||",
    ] {
        assert!(flows.contains(line), "no {line} in\n{flows}");
    }
    assert!(ask("\\l").contains("weir|"));
    assert!(ask("\\dn").contains("public|"));
}

/// What clients look around with, as DBeaver, Metabase and PostgreSQL's driver for Java write it: a line each.
const CLIENTS: &str = include_str!("clients.sql");

#[test]
fn clients_look_around_as_in_a_database() {
    let Some(psql) = psql("clients_look_around_as_in_a_database") else { return };
    let base = Base::new("");
    let ask = |line: &str| said(&base.psql(&psql, line));
    for question in CLIENTS.lines() {
        assert!(!ask(question).contains("ERROR"), "{question}");
    }
    let lines = |part: &str| {
        let question = CLIENTS.lines().find(|line| line.contains(part)).unwrap_or_else(|| panic!("{part}"));
        ask(question).lines().count()
    };
    // Tables, and the columns of flows, which is what they draw.
    let columns = weir_flow::schema::COLUMNS.len();
    assert_eq!((lines("AS TABLE_CAT, n.nspname"), lines("row_number() OVER")), (5, columns));
    assert_eq!((lines("c.relname,a.*"), lines("AS \"schema\", \"c\"")), (columns, 5));
    assert!(lines("AS \"database-type\"") > columns);
    // psql's own, with everything that it shows of a table.
    for command in [
        "\\d+ flows",
        "\\d+",
        "\\du+",
        "\\dp",
        "\\dt+",
        "\\drds",
        "\\dF",
        "\\dc",
        "\\dD",
        "\\dconfig",
        "\\df",
    ] {
        let output = base.psql(&psql, command);
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !err.contains("ERROR"), "{command}: {err}");
    }
    assert!(ask("\\dt+").contains("public|flows|table|grafana|permanent|heap|0 bytes|"));
    // Names that stand twice come twice, as they are.
    let twice = base
        .command(&psql, "pencil")
        .args([
            "-A",
            "-c",
            "SELECT octets AS x, packets AS x, count(*), count(*) FROM flows GROUP BY 1, 2 ORDER BY 1",
        ])
        .output()
        .unwrap();
    assert!(said(&twice).starts_with("x|x|count(*)|count(*)\n1|2|30|30\n"), "{twice:?}");
}

#[test]
fn times_are_of_the_zone_that_is_set() {
    let Some(psql) = psql("times_are_of_the_zone_that_is_set") else { return };
    let base = Base::new("[billing]\nzone = \"Asia/Kolkata\"\n");
    let ask = |line: &str| said(&base.psql(&psql, line));
    assert_eq!(ask("SHOW timezone"), "Asia/Kolkata\n");
    let moment = "SELECT timestamptz '2026-10-24T22:30:00Z'";
    assert_eq!(ask(moment), "2026-10-25 04:00:00.000+05:30\n");
    for (set, is) in [
        ("SET timezone = 'Europe/Berlin'", "2026-10-25 00:30:00.000+02"),
        ("SET TIME ZONE 'America/St_Johns'", "2026-10-24 20:00:00.000-02:30"),
        ("SET SESSION timezone TO 'UTC'", "2026-10-24 22:30:00.000+00"),
        ("SET timezone = 'UTC'; RESET timezone", "2026-10-25 04:00:00.000+05:30"),
    ] {
        assert_eq!(ask(&format!("{set}; {moment}")).lines().last(), Some(is), "{set}");
    }
    assert_eq!(ask("SET timezone = 'UTC'; SELECT current_setting('TimeZone')").lines().last(), Some("UTC"));
    let wrong = base.psql(&psql, "SET timezone = 'Mars/Olympus'");
    assert!(
        String::from_utf8_lossy(&wrong.stderr).contains("there is no time zone \"Mars/Olympus\""),
        "{wrong:?}"
    );
    // A client may come with one.
    let output = base
        .command(&psql, "pencil")
        .env("PGTZ", "Pacific/Apia")
        .args(["-At", "-c", "SHOW timezone"])
        .output();
    assert_eq!(said(&output.unwrap()), "Pacific/Apia\n");
    assert_eq!(
        ask("SELECT to_char(timestamptz '2026-10-24T22:30:00Z', 'FMDay, FMDDth HH24:MI OF')"),
        "Sunday, 25th 04:00 +05:30\n"
    );
    let day = "SELECT count(DISTINCT date_trunc('day', start)), max(date_trunc('day', start)) <= max(start) FROM flows";
    assert!(["1|t\n", "2|t\n"].contains(&ask(day).as_str()), "{}", ask(day));
    assert_eq!(ask("SELECT -octets, -(packets - octets) FROM flows ORDER BY octets LIMIT 1"), "-1|-1\n");
}

#[test]
fn who_may_not_ask_is_not_answered_and_nothing_is_changed() {
    let Some(psql) = psql("who_may_not_ask_is_not_answered_and_nothing_is_changed") else { return };
    let base = Base::new("");
    let wrong = base.command(&psql, "pen").args(["-c", "SELECT 1"]).output().unwrap();
    assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");
    let mut stranger = base.command(&psql, "pencil");
    stranger.args(["-U", "nobody", "-c", "SELECT 1"]);
    assert_eq!(stranger.output().unwrap().status.code(), Some(2));
    for sql in [
        "DELETE FROM flows",
        "DROP TABLE flows",
        "CREATE TABLE a (b int)",
        "COPY flows TO '/x.csv'",
        "INSERT INTO flows (octets) VALUES (1)",
    ] {
        let output = base.psql(&psql, sql);
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && err.contains("is refused: the store is only read"),
            "{sql}: {err}"
        );
    }
    let bad = base.psql(&psql, "SELECT octetts FROM flows");
    assert!(String::from_utf8_lossy(&bad.stderr).contains("no column \"octetts\""), "{bad:?}");
    // The next question on the same connection is answered.
    let output = base
        .command(&psql, "pencil")
        .args(["-A", "-t", "-c", "SELECT x", "-c", "SELECT 7"])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "7\n");
    base.daemon.stop();
}

/// `tenant()` says whose an address is by the configuration as it is now, the column whose it was.
#[test]
fn tenants_are_known_as_they_are_now() {
    let Some(psql) = psql("tenants_are_known_as_they_are_now") else { return };
    let base = Base::new("");
    let ask = || said(&base.psql(&psql, "SELECT DISTINCT tenant, tenant(src_addr) FROM flows"));
    assert_eq!(ask(), "ours|ours\n");
    let text = std::fs::read_to_string(base.place.path("weir.toml")).unwrap();
    base.place.write("weir.toml", text.replace("\"ours\"", "\"theirs\""));
    base.daemon.signal("HUP");
    until("the new name", || ask() == "ours|theirs\n");
}

/// Questions that would take for ever: of very many rows, that are counted; sent, as fast as they are taken; joined with
/// each other; and compared with each other, where none is ever found.
const LONG: [&str; 4] = [
    "SELECT count(*) FROM generate_series(1, 1000000000000)",
    "SELECT * FROM generate_series(1, 1000000000000)",
    "SELECT count(a.value + b.value) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b",
    "SELECT count(*) FROM generate_series(1, 1000000) a JOIN generate_series(1, 1000000) b ON a.value + b.value < 0",
];

#[test]
fn a_question_stops_when_its_time_is_over() {
    let Some(psql) = psql("a_question_stops_when_its_time_is_over") else { return };
    let base = Base::new("seconds = 2\nconnections = 2\n");
    for question in LONG {
        let begun = Instant::now();
        let mut child = base.command(&psql, "pencil");
        // Not to be taken into memory: it is endless.
        child.args(["-A", "-t", "-c", question]).stdout(std::process::Stdio::null());
        let output = child.output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(err.contains("took longer than 2 s"), "{question}\n{err}");
        assert!(begun.elapsed() >= Duration::from_secs(2));
    }
    // What they held is free again.
    let sorted = "SELECT count(*) FROM (SELECT DISTINCT value FROM generate_series(1, 100000))";
    until("what they held", || base.psql(&psql, sorted).stdout == b"100000\n");
}

#[test]
fn a_question_stops_when_its_client_says_so() {
    let Some(psql) = psql("a_question_stops_when_its_client_says_so") else { return };
    let base = Base::new("");
    for question in LONG {
        // Ctrl-C in psql is a request to cancel on another connection.
        let mut child = base
            .command(&psql, "pencil")
            .args(["-A", "-t", "-c", question])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        // A signal that comes before its question is on the way is forgotten by psql.
        until("psql to be told", || {
            std::thread::sleep(Duration::from_secs(1));
            let is_over = child.try_wait().unwrap().is_some();
            if !is_over {
                interrupt(&child);
            }
            is_over
        });
        let output = child.wait_with_output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(err.contains("stopped, as its client asked"), "{question}\n{err}");
    }
    assert_eq!(said(&base.psql(&psql, "SELECT 7")), "7\n");
}

fn interrupt(child: &Child) {
    let told = Command::new("sh").arg("-c").arg(format!("kill -INT {}", child.id())).status().unwrap();
    assert!(told.success());
}

#[test]
fn ctrl_c_stops_a_question_on_the_command_line() {
    let place = super::office();
    for question in LONG {
        let mut child = place
            .command("sql -o csv")
            .arg(question)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_secs(2));
        interrupt(&child);
        until("it to stop", || child.try_wait().unwrap().is_some());
        let output = child.wait_with_output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), err.as_str()), (Some(1), "weir: stopped\n"), "{question}");
    }
}

/// A question as deep as may be is answered, and one that is deeper is refused: nothing ends the daemon.
#[test]
fn deep_questions_are_answered_or_refused() {
    let Some(psql) = psql("deep_questions_are_answered_or_refused") else { return };
    let base = Base::new("seconds = 3600\n");
    let sum = |terms: usize| format!("SELECT 1{}", " + 1".repeat(terms));
    assert_eq!(said(&base.psql(&psql, &sum(990))), "991\n");
    let any = vec!["dst_port = 443"; 400].join(" OR ");
    assert_eq!(said(&base.psql(&psql, &format!("SELECT count(*) FROM flows WHERE {any}"))), "60\n");
    let all = vec!["SELECT 1"; 300].join(" UNION ALL ");
    assert_eq!(said(&base.psql(&psql, &format!("SELECT count(*) FROM ({all})"))), "300\n");
    let deep = base.psql(&psql, &sum(20_000));
    assert!(String::from_utf8_lossy(&deep.stderr).contains("more than 1000 operators"), "{deep:?}");
    for (open, close) in
        [("(", ")"), ("abs(", ")"), ("CASE WHEN true THEN ", " END"), ("-", ""), ("NOT ", "")]
    {
        let nested = format!("SELECT {}1{}", open.repeat(5000), close.repeat(5000));
        assert!(!base.psql(&psql, &nested).status.success(), "{open}");
    }
    assert_eq!(said(&base.psql(&psql, "SELECT 7")), "7\n");
}

const CERTIFICATE: &str = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -keyout sql.key \
    -out sql.crt -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 2>/dev/null";

#[test]
fn with_a_certificate_only_tls_is_spoken() {
    const TEST: &str = "with_a_certificate_only_tls_is_spoken";
    let Some(psql) = psql(TEST) else { return };
    if weir_testkit::program("openssl").is_none() {
        return weir_testkit::skip(TEST, "openssl is not installed");
    }
    let base = Base::with("certificate = \"sql.crt\"\nkey = \"sql.key\"\n", |place| {
        let made =
            Command::new("sh").arg("-c").arg(CERTIFICATE).current_dir(place.path(".")).status().unwrap();
        assert!(made.success());
    });
    let ask = |mode: &str| {
        let mut command = base.command(&psql, "pencil");
        command.env("PGSSLMODE", mode).env("PGSSLROOTCERT", base.place.path("sql.crt"));
        command.args(["-A", "-t", "-c", "SELECT sum(octets) FROM flows"]).output().unwrap()
    };
    // The whole way: the certificate is the one it should be, and of this address.
    assert_eq!(said(&ask("verify-full")), "32340\n");
    assert_eq!(said(&ask("prefer")), "32340\n");
    let clear = ask("disable");
    assert_eq!(clear.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&clear.stderr).contains("this server speaks TLS only"), "{clear:?}");
}

#[test]
fn more_connections_than_allowed_are_closed() {
    let Some(psql) = psql("more_connections_than_allowed_are_closed") else { return };
    let web = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let base = Base::new(&format!("connections = 1\n\n[web]\nlisten = \"{web}\"\n"));
    let held = std::net::TcpStream::connect(base.sql).unwrap();
    let refused = base.psql(&psql, "SELECT 1");
    assert!(!refused.status.success());
    let (_, metrics) = health::get(web, "/metrics");
    let refused = metrics.lines().find_map(|line| line.strip_prefix("weir_sql_connections_refused_total "));
    // A client may try twice: with TLS and without.
    assert!(refused.is_some_and(|count| ["1", "2"].contains(&count)), "{refused:?}");
    drop(held);
    until("a place", || base.psql(&psql, "SELECT 1").status.success());
    let _ = &base.place;
}
