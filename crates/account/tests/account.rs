//! From attributed rows to a statement: the balance closes, and hosts and days sum to the whole.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use proptest::prelude::*;
use std::collections::BTreeMap;
use weir_account::statement::{Basis, Daily, DailyByTenant, StatementError, Unit};
use weir_account::sums::Difference;
use weir_account::usage::{Kind, TenantUsage, Used};
use weir_account::{Balance, Completeness, Period, Statement, Sums, Usage, Zone};
use weir_flow::Addr;

fn october() -> Period {
    Period::parse("2026-10", &Zone::parse("Europe/Berlin").unwrap(), 1).unwrap()
}

const HOUR: i64 = 3_600_000;
const CORE: Addr = Addr::v4([192, 0, 2, 1]);

fn host(last: u8) -> Addr {
    Addr::v4([192, 168, 31, last])
}

fn state(daily: Daily, usage: &TenantUsage) -> Result<Statement, StatementError> {
    let completeness = Completeness::builder().finish(0);
    Statement::new("avtotrade", daily, usage, Balance::default(), completeness, Basis::default())
}

#[test]
fn a_statement_has_hosts_and_days() {
    let period = october();
    let mut usage = Usage::new(["avtotrade", "quiet"]);
    let mut daily = DailyByTenant::new(&period);
    let mut add = |bin, kind, host, octets| {
        let sums = Sums::new(octets, 1, 1);
        usage.add(kind, Some("avtotrade"), host, CORE, sums).unwrap();
        daily.add("avtotrade", bin, kind, sums).unwrap();
    };
    add(period.from_ms(), Kind::In, Some(host(2)), 500);
    // The hour that the 25th has twice, both times.
    add(period.from_ms() + (24 * 24 + 2) * HOUR, Kind::In, Some(host(3)), 4_000);
    add(period.from_ms() + (24 * 24 + 3) * HOUR, Kind::Out, Some(host(3)), 30);
    // The last bin of the month, with no host known.
    add(period.to_ms() - 300_000, Kind::LocalOut, None, 7);
    add(period.from_ms(), Kind::In, Some(host(1)), 500);

    let avtotrade = usage.tenant("avtotrade").unwrap();
    let statement = state(daily.of("avtotrade"), avtotrade).unwrap();
    assert_eq!(statement.used.r#in, Sums::new(5_000, 3, 3));
    assert_eq!(statement.used.out, Sums::new(30, 1, 1));
    let hosts: Vec<_> =
        statement.hosts.iter().map(|line| (line.address, line.used.total().unwrap().octets)).collect();
    assert_eq!(hosts, [(Some(host(3)), 4_030), (Some(host(1)), 500), (Some(host(2)), 500), (None, 7)]);
    assert_eq!(statement.days.len(), 31);
    let busy: Vec<_> = statement
        .days
        .iter()
        .filter(|line| line.used != Used::default())
        .map(|line| (line.day.date.as_str(), line.used.total().unwrap().octets))
        .collect();
    assert_eq!(busy, [("2026-10-01", 1_000), ("2026-10-25", 4_030), ("2026-10-31", 7)]);
    assert_eq!(statement.is_empty(), Ok(false));

    let quiet = state(daily.of("quiet"), usage.tenant("quiet").unwrap()).unwrap();
    assert_eq!((quiet.is_empty(), quiet.days.len(), quiet.hosts.len()), (Ok(true), 31, 0));
}

#[test]
fn parts_that_are_not_the_whole_are_refused() {
    let period = october();
    let mut daily = Daily::new(&period);
    daily.add(period.from_ms(), Kind::In, Sums::new(10, 1, 1)).unwrap();
    // Outside of the period, and of no tenant: passed over.
    daily.add(period.from_ms() - 300_000, Kind::In, Sums::new(10, 1, 1)).unwrap();
    daily.add(period.to_ms(), Kind::In, Sums::new(10, 1, 1)).unwrap();
    daily.add(period.from_ms(), Kind::Decoded, Sums::new(10, 1, 1)).unwrap();

    let ten = Used { r#in: Sums::new(10, 1, 1), ..Used::default() };
    let eleven = Used { r#in: Sums::new(11, 1, 1), ..Used::default() };
    let usage = |used, of_host| TenantUsage {
        used,
        hosts: BTreeMap::from([(host(1), of_host)]),
        ..TenantUsage::default()
    };
    assert!(state(daily.clone(), &usage(ten, ten)).is_ok());
    assert_eq!(state(daily.clone(), &usage(eleven, ten)).unwrap_err(), StatementError::Days);
    assert_eq!(state(daily, &usage(ten, eleven)).unwrap_err(), StatementError::Hosts);
}

#[test]
fn units_are_1000_or_1024() {
    assert_eq!(Unit::from_factor(1000), Some(Unit::Decimal));
    assert_eq!(Unit::from_factor(1024).map(Unit::factor), Some(1024));
    assert_eq!(Unit::from_factor(1023), None);
}

proptest! {
    /// Whatever lies where, the balance closes if every record was counted as decoded once, and the difference
    /// is exactly what one missing record leaves.
    #[test]
    fn the_balance_closes(rows in prop::collection::vec((0usize..6, 0u8..3, 0u8..4, 0u64..1 << 40), 1..80)) {
        let mut usage = Usage::new(["t0", "t1", "t2"]);
        let mut whole = Sums::ZERO;
        for (place, tenant, exporter, octets) in &rows {
            let exporter = Addr::v4([192, 0, 2, *exporter]);
            let sums = Sums::new(*octets, octets / 100, 1);
            let name = format!("t{tenant}");
            let (name, host) = (Some(name.as_str()), Some(host(*tenant)));
            match place {
                0 => usage.add(Kind::In, name, host, exporter, sums).unwrap(),
                1 => usage.add(Kind::Out, name, host, exporter, sums).unwrap(),
                2 => {
                    usage.add(Kind::LocalOut, name, host, exporter, sums).unwrap();
                    usage.add(Kind::LocalIn, Some("t0"), host, exporter, sums).unwrap();
                }
                3 => usage.add(Kind::Transit, None, None, exporter, sums).unwrap(),
                4 => usage.add(Kind::Unmatched, None, None, exporter, sums).unwrap(),
                _ => usage.add(Kind::Duplicate, None, None, exporter, sums).unwrap(),
            }
            usage.add(Kind::Decoded, None, None, exporter, sums).unwrap();
            whole.add(sums).unwrap();
        }
        let balance = Balance::of(&usage);
        prop_assert!(balance.is_closed());
        prop_assert_eq!(balance.total.decoded, whole);
        let by_exporter = balance.exporters.iter().map(|(_, lines)| lines.decoded);
        prop_assert_eq!(Sums::sum(by_exporter).unwrap(), whole);
        // Tenants' figures are the balance's.
        let of_tenants = |pick: fn(&Used) -> Sums| Sums::sum(usage.tenants().map(|(_, t)| pick(&t.used))).unwrap();
        prop_assert_eq!(of_tenants(|used| used.r#in), balance.total.tenant_in);
        prop_assert_eq!(of_tenants(|used| used.out), balance.total.tenant_out);
        prop_assert_eq!(of_tenants(|used| used.local_out), balance.total.local);
        prop_assert_eq!(of_tenants(|used| used.local_in), balance.total.local);

        usage.add(Kind::Unmatched, None, None, CORE, Sums::new(3, 2, 1)).unwrap();
        prop_assert_eq!(Balance::of(&usage).total.difference, Difference { octets: -3, packets: -2, flows: -1 });
    }
}
