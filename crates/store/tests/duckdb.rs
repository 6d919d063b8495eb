//! Another engine reads the store's files and adds up to the same sums.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use weir_flow::batch::RowBuilder;
use weir_flow::counter::{Sample, Side};
use weir_flow::names::Direction;
use weir_flow::{Addr, Batch, Column};
use weir_store::{Options, Snapshot, Writer};

const START: i64 = 1_780_056_000_000;

/// 30,000 flows of three tenants, both families, some without octets.
fn batch() -> Batch {
    let mut batch = Batch::new();
    batch.set_names(["acme".into(), "b\u{fc}ro".into(), "zeta".into()].into());
    for i in 0..30_000u64 {
        let at = START + i64::try_from(i).unwrap() * 100;
        let host = if i % 5 == 0 {
            Addr::v6([0x20; 16])
        } else {
            Addr::v4([10, 0, 0, u8::try_from(i % 250).unwrap()])
        };
        let mut row = RowBuilder::new()
            .time(Column::Start, at)
            .time(Column::End, at + 700_000)
            .time(Column::Received, at + 700_100)
            .unsigned(Column::TimeSource, 0)
            .addr(Column::Exporter, Addr::v4([192, 0, 2, 1]))
            .unsigned(Column::Domain, u64::from(u32::MAX))
            .unsigned(Column::ProtocolVersion, 3)
            .unsigned(Column::SrcMac, 0x0200_5e00_01fe)
            .addr(Column::Host, host)
            .unsigned(Column::Tenant, i % 3)
            .direction(Direction::Out);
        if i % 2 == 0 {
            row = row.octets(Column::Application, format!("b\u{fc}ro {}", i % 4).as_bytes());
        }
        // What has no column differs in every row.
        row = row.octets(Column::Other, &[&[0, 0, 192, 8], &i.to_be_bytes()[..]].concat());
        if i % 7 != 0 {
            row = row.traffic(u64::MAX / 40_000 - i, i % 11);
        }
        row.push(&mut batch);
    }
    batch.counters.push(Sample {
        received: START,
        exporter: Addr::v4([192, 0, 2, 1]),
        interface: 3,
        speed: Some(10_000_000_000),
        ingress: Side { octets: Some(u64::MAX), ..Side::default() },
        ..Sample::default()
    });
    batch
}

/// Runs SQL that gives one column of texts.
fn ask(python: &Path, sql: &str) -> Vec<String> {
    let script = "import duckdb, sys\nfor row in duckdb.sql(sys.argv[1]).fetchall():\n    print(*row)";
    let output = Command::new(python).args(["-c", script, sql]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn duckdb_reads_segments_and_bins_and_its_sums_equal_ours() {
    let Some(python) = weir_testkit::duckdb_python() else {
        return weir_testkit::skip(
            "duckdb_reads_segments_and_bins_and_its_sums_equal_ours",
            "WEIR_DUCKDB_PYTHON names no Python that has duckdb",
        );
    };
    let folder = tempfile::tempdir().unwrap();
    let (mut writer, _) = Writer::open(folder.path(), Options::default()).unwrap();
    let batch = batch();
    writer.append(&batch, START).unwrap();
    writer.close(START).unwrap();
    let snapshot = Snapshot::open(folder.path()).unwrap();
    let flows = format!("'{}/flows/*/*.parquet'", folder.path().display());

    let totals = snapshot.totals();
    let sql = format!("select count(*), sum(octets), sum(packets), count(octets) from {flows}");
    let known = batch.present().iter().filter(|mask| *mask & Column::Octets.bit() != 0).count();
    assert_eq!(ask(&python, &sql), [format!("{} {} {} {known}", totals.rows, totals.octets, totals.packets)]);

    let mut tenants: BTreeMap<&str, u128> = BTreeMap::new();
    for row in 0..batch.len() {
        let tenant = &batch.names()[batch.u32s(Column::Tenant)[row] as usize];
        *tenants.entry(tenant).or_default() += u128::from(batch.u64s(Column::Octets)[row]);
    }
    let sql = format!("select tenant, sum(octets) from {flows} group by 1 order by 1");
    let want: Vec<String> = tenants.iter().map(|(tenant, octets)| format!("{tenant} {octets}")).collect();
    assert_eq!(ask(&python, &sql), want);

    let sql = format!(
        "select count(*) from {flows} where host = '\\x0A\\x00\\x00\\x07'::BLOB and exporter = '\\xC0\\x00\\x02\\x01'::BLOB
         and direction = 'out' and domain = 4294967295 and hex(src_mac) = '02005E0001FE'"
    );
    let want = batch.addrs(Column::Host).iter().filter(|a| **a == Addr::v4([10, 0, 0, 7])).count();
    assert_eq!(ask(&python, &sql), [want.to_string()]);

    let sql = format!("select epoch_ms(min(start)), epoch_ms(max(\"end\")), count(src_addr) from {flows}");
    assert_eq!(ask(&python, &sql), [format!("{START} {} 0", START + 2_999_900 + 700_000)]);

    let sql = format!("select application, count(*) from {flows} group by 1 order by 1 nulls last");
    assert_eq!(ask(&python, &sql), ["b\u{fc}ro 0 7500", "b\u{fc}ro 2 7500", "None 15000"]);
    let sql = format!("select count(distinct other), min(octet_length(other)), max(hex(other)) from {flows}");
    assert_eq!(ask(&python, &sql), ["30000 12 0000C008000000000000752F"]);
    let sql = format!(
        "select epoch_ms(received), hex(exporter), domain, interface, kind, speed, in_octets, out_octets
         from '{}/counters/*/*.parquet'",
        folder.path().display()
    );
    let all = "18446744073709551615";
    assert_eq!(ask(&python, &sql), [format!("{START} C0000201 0 3 None 10000000000 {all} None")]);

    let mut kinds: BTreeMap<&str, (u128, u64)> = BTreeMap::new();
    snapshot
        .bins(i64::MIN..i64::MAX, |row| {
            let sum = kinds.entry(row.kind.word()).or_default();
            *sum = (sum.0 + u128::from(row.counts.octets), sum.1 + row.counts.flows);
        })
        .unwrap();
    let bins = format!("'{}/bins/*/*.parquet'", folder.path().display());
    let sql = format!("select kind, sum(octets), sum(flows) from {bins} group by 1 order by 1");
    let want: Vec<String> =
        kinds.iter().map(|(kind, (octets, flows))| format!("{kind} {octets} {flows}")).collect();
    assert_eq!(ask(&python, &sql), want);
    assert_eq!(kinds.keys().copied().collect::<Vec<_>>(), ["decoded", "out"]);
    assert_eq!(kinds["out"], (totals.octets, totals.rows));
}
