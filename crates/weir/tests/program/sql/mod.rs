//! `weir sql`, and SQL over PostgreSQL's protocol.

mod arrow;
mod grafana;
mod guess;
mod memory;
mod psql;

use crate::daemon::{Daemon, usage_when};
use crate::netflow::{self, Flow};
use crate::run::{Place, csv, number};
use serde_json::{Value, json};
use std::net::UdpSocket;

/// A month of the office.
fn office() -> Place {
    let place = Place::new();
    place.done("demo --dir . --period 2026-10 --scale 25");
    place
}

/// The rows that a question is answered with.
fn rows(place: &Place, sql: &str) -> Vec<Vec<Value>> {
    let output = place.command("sql -o ndjson").arg(sql).output().unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{sql}\n{err}");
    let object = |line: &str| serde_json::from_str::<serde_json::Map<String, Value>>(line).unwrap();
    out.lines().map(|line| object(line).into_iter().map(|(_, value)| value).collect()).collect()
}

/// What a question that is refused or wrong says, and the exit code.
fn fails(place: &Place, sql: &str) -> (i32, String) {
    let output = place.command("sql").arg(sql).output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.stdout.is_empty() && !err.contains("panicked"), "{sql}\n{err}");
    (output.status.code().unwrap(), err)
}

/// How many records were read for a question, and how many there are.
fn read(place: &Place, sql: &str) -> (u64, u64) {
    let output = place.command("sql").arg(sql).output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    let foot = out.lines().last().unwrap().rsplit("; ").next().unwrap().replace(',', "");
    let numbers: Vec<u64> = foot.split(' ').filter_map(|word| word.parse().ok()).collect();
    (numbers[0], numbers[1])
}

#[test]
fn every_form_has_the_same_figures() {
    let place = office();
    let sql = "SELECT tenant, sum(octets) AS octets, min(src_addr) AS low FROM flows \
               WHERE direction = 'in' GROUP BY tenant ORDER BY tenant";
    let ask = |form: &str| {
        let output = place.command(&format!("sql -o {form}")).arg(sql).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let usage = place.json("usage -o json");
    let document: Value = serde_json::from_str(&ask("json")).unwrap();
    let listed = document.as_array().unwrap();
    assert_eq!(listed.len(), 7);
    for row in listed {
        let tenant = row["tenant"].as_str().unwrap();
        let said = crate::run::named(&usage["tenants"], "tenant", tenant);
        assert_eq!(row["octets"], said["in"]["octets"], "{tenant}");
        row["low"].as_str().unwrap().parse::<std::net::IpAddr>().unwrap();
    }
    let lines = ask("ndjson");
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(&lines, listed);
    let text = ask("csv");
    let (heads, table) = csv(&text);
    assert_eq!(heads, ["tenant", "octets", "low"]);
    for (cells, row) in table.iter().zip(listed) {
        assert_eq!(
            json!([cells[0], cells[1].parse::<u64>().unwrap(), cells[2]]),
            json!([row["tenant"], row["octets"], row["low"]])
        );
    }
    let people = ask("table");
    assert!(people.contains(&listed[0]["octets"].to_string()) && people.contains("7 rows; "), "{people}");
}

#[test]
fn addresses_are_compared_as_addresses_and_the_rest_is_not_read() {
    let place = office();
    // An address that is there, and the networks it is in, by the filter language.
    let top = place.json("top src_addr -n 1 -o json 'src net 192.168.31.0/24'");
    let addr = top["rows"][0]["src_addr"].as_str().unwrap().to_owned();
    let flows =
        |sql: &str| rows(&place, &format!("SELECT count(*) FROM flows WHERE {sql}"))[0][0].as_u64().unwrap();
    let said =
        |filter: &str| number(&place.json(&format!("top direction -o json '{filter}'")), "total.flows");
    assert_eq!(flows(&format!("src_addr = '{addr}'")), said(&format!("src_addr = {addr}")));
    assert_eq!(flows(&format!("'{addr}' = src_addr")), said(&format!("src_addr = {addr}")));
    assert_eq!(flows(&format!("src_addr IN ('{addr}', '2001:db8::1')")), said(&format!("src_addr = {addr}")));
    assert_eq!(flows(&format!("src_addr::text LIKE '{addr}'")), said(&format!("src_addr = {addr}")));
    assert_eq!(flows("in_net(src_addr, '192.168.31.0/24')"), said("src net 192.168.31.0/24"));
    assert_eq!(flows("net(src_addr, 24) = '192.168.31.0/24'"), said("src net 192.168.31.0/24"));
    assert_eq!(
        flows("src_addr BETWEEN '192.168.31.0' AND '192.168.31.255'"),
        said("src net 192.168.31.0/24")
    );
    assert_eq!(
        flows("in_net(src_addr, '192.168.31.0/24', '2001:db8:34::/64')"),
        said("src net 192.168.31.0/24 or src net 2001:db8:34::/64")
    );
    // A network becomes a range, and pages outside of it are not read. No exporter has such an address.
    let stored = number(&place.json("usage -o json"), "balance.decoded.flows");
    assert_eq!(
        read(&place, "SELECT count(*) FROM flows WHERE in_net(exporter, '203.0.113.0/28')"),
        (0, stored)
    );
    let (of_one, _) = read(&place, "SELECT count(*) FROM flows WHERE tenant = 'okafor'");
    assert!(of_one < stored / 2, "{of_one} of {stored}");
    // Either side is anybody's, so that bounds exclude nothing; the networks of each block of rows do.
    let either = |addr: &str| format!("src_addr = '{addr}' OR dst_addr = '{addr}'");
    let nobody = "195.0.0.1";
    assert_eq!(said(&format!("src_addr = {nobody} or dst_addr = {nobody}")), 0);
    let bounds = "SELECT count(*) FROM flows WHERE min_src < '195.0.0.0' AND max_src > '195.0.0.255'";
    let bounds = bounds
        .replace("FROM flows", "FROM (SELECT min(src_addr) AS min_src, max(src_addr) AS max_src FROM flows)");
    assert_eq!(rows(&place, &bounds), [[1]]);
    assert_eq!(read(&place, &format!("SELECT count(*) FROM flows WHERE {}", either(nobody))), (0, stored));
    assert_eq!(flows(&either(&addr)), said(&format!("src_addr = {addr} or dst_addr = {addr}")));
    let by_text = read(&place, "SELECT count(*) FROM flows WHERE host::text LIKE '203.0.113.%'");
    assert_eq!(by_text, (stored, stored));
}

#[test]
fn wrong_questions_are_told_where_and_why() {
    let place = office();
    for (sql, says) in [
        ("SELECT octetts FROM flows", "no column \"octetts\""),
        ("SELECT * FROM flow", "no table 'flow'"),
        ("SELEC 1", "Line: 1, Column: 1"),
        ("SELECT count(*) FROM flows WHERE src_addr = '10.0.0'", "'10.0.0' is no IP address"),
        ("SELECT count(*) FROM flows WHERE src_addr = '10.0.0.0/8'", "in_net(src_addr, '10.0.0.0/8')"),
        ("SELECT count(*) FROM flows WHERE in_net(src_addr, '10.0.0.0/40')", "is no network"),
        ("SELECT 1; SELECT 2", "one at a time"),
        ("", "no question"),
        ("DELETE FROM flows", "DELETE is refused"),
        ("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'", "CREATE is refused"),
        ("COPY flows TO '/x.csv'", "COPY is refused"),
        ("SET datafusion.execution.batch_size = 1", "SET is refused"),
        ("EXPLAIN DELETE FROM flows", "refused"),
        ("SELECT * FROM '/etc/passwd'", "'/etc/passwd'"),
    ] {
        let (code, err) = fails(&place, sql);
        assert_eq!(code, 2, "{sql}\n{err}");
        assert!(err.contains(says) && err.trim_end().lines().count() == 1, "{sql}\n{err}");
    }
    let missing = Place::new();
    assert_eq!(fails(&missing, "SELECT 1 FROM flows").0, 1);
}

#[test]
fn sums_do_not_wrap_around() {
    let place = office();
    // Twice 2^63 is beyond 64 bits.
    let sql =
        "SELECT sum(x) FROM (SELECT CAST(9223372036854775808 AS BIGINT UNSIGNED) AS x FROM flows LIMIT 2)";
    let output = place.command("sql -o csv").arg(sql).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).ends_with("\n18446744073709551616\n"), "{output:?}");
}

#[test]
fn names_come_from_files_and_the_configuration() {
    let place = Place::with("[[tenant]]\nname = \"ours\"\nnetworks = [\"192.0.2.0/24\"]\n");
    let daemon = Daemon::start(&place);
    let flow = Flow {
        src: [192, 0, 2, 7],
        dst: [198, 51, 100, 2],
        src_port: 40_000,
        dst_port: 443,
        octets: 9,
        packets: 1,
    };
    UdpSocket::bind("127.0.0.1:0").unwrap().send_to(&netflow::v5(0, &[flow]), daemon.to).unwrap();
    usage_when(&place, "a flow", |usage| number(usage, "balance.decoded.flows") == 1);
    place.write("store/hosts", "192.0.2.7 desk-7\n");
    let sql = "SELECT host_name(src_addr), host_name(dst_addr), tenant(src_addr), tenant(dst_addr), tenant, \
               service(proto, dst_port), service(17, 9), net(dst_addr, 16), ip(src_addr) FROM flows";
    let expected = json!(["desk-7", null, "ours", null, "ours", "https", null, "198.51.0.0/16", "192.0.2.7"]);
    let mut found = rows(&place, sql).remove(0);
    // Not every system has a name for a port that nobody uses.
    found[6] = Value::Null;
    assert_eq!(json!(found), expected);
}

/// While a daemon has rows in its journal, SQL says what `top` and `usage` say; and the same when they are sealed.
#[test]
fn the_journal_is_seen() {
    let place = Place::with("[[tenant]]\nname = \"ours\"\nnetworks = [\"192.0.2.0/24\"]\n");
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
    let check = || {
        let by_port = "SELECT dst_port, sum(octets), sum(packets), count(*) FROM flows GROUP BY 1 ORDER BY 1";
        assert_eq!(json!(rows(&place, by_port)), json!([[53, 30 * 77, 60, 30], [443, 30 * 1001, 120, 60]]));
        let top = place.json("top src_addr -n 1 -o json");
        let sql = "SELECT src_addr, sum(octets), count(*) FROM flows GROUP BY 1 ORDER BY 2 DESC LIMIT 1";
        let first = &top["rows"][0];
        assert_eq!(json!(rows(&place, sql)), json!([[first["src_addr"], first["octets"], first["flows"]]]));
        let out = "SELECT sum(octets), sum(flows) FROM bins WHERE kind = 'out' AND tenant = 'ours'";
        assert_eq!(json!(rows(&place, out)), json!([[30 * 1078, 90]]));
        assert_eq!(rows(&place, &out.replace("bins", "tenants")), rows(&place, out));
        let datagrams = "SELECT sum(value) FROM health WHERE what = 'datagrams'";
        assert_eq!(json!(rows(&place, datagrams)), json!([[30]]));
    };
    check();
    daemon.stop();
    check();
}
