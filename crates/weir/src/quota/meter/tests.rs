use super::*;
use weir_store::bins::{self, Counts};

const CORE: Addr = Addr::v4([192, 0, 2, 1]);

fn config() -> Config {
    let text = r#"
[[tenant]]
name = "acme"
networks = ["10.0.1.0/24"]
[[quota]]
name = "day"
cycle = "day"
direction = "max"
limit = "2400"
[[quota]]
name = "month"
each = "host"
direction = "in"
limit = "10 kB"
"#;
    crate::config::read(text).unwrap()
}

/// 2026-11-22, noon, UTC.
const NOON_MS: i64 = 1_795_348_800_000;

fn meter(config: &Config, now_ms: i64) -> Meter {
    let lenses = [Cycle::Day, Cycle::Month].map(|cycle| Lens::new(config, cycle, now_ms).unwrap()).into();
    let untold_ms = bin(now_ms - 5 * MINUTE_MS);
    Meter {
        lenses,
        untold: untold_ms..i64::MAX,
        before: untold_ms - HOUR_MS..untold_ms,
        tenants: HashMap::new(),
        pool: Pool::new(&config.tenants),
    }
}

fn row(ago_ms: i64, kind: bins::Kind, octets: u64) -> BinRow<'static> {
    let host = Some(Addr::v4([10, 0, 1, 7]));
    let counts = Counts { octets, packets: 1, flows: 1, ..Counts::default() };
    BinRow { bin: NOON_MS - ago_ms, exporter: CORE, kind, tenant: Some("acme"), host, class: None, counts }
}

#[test]
fn each_cycle_has_its_own_and_the_rest_is_estimated() {
    let config = config();
    let mut meter = meter(&config, NOON_MS);
    for row in [
        row(13 * HOUR_MS, bins::Kind::In, 5000), // yesterday, and in the last day of the month
        row(30 * HOUR_MS, bins::Kind::In, 300),
        row(3 * HOUR_MS, bins::Kind::Out, 700),
        row(50 * MINUTE_MS, bins::Kind::In, 1200), // in the hour before the last five minutes, and in the last hour
        row(5 * MINUTE_MS, bins::Kind::In, 40),
        row(5 * MINUTE_MS, bins::Kind::LocalIn, 9999),
    ] {
        meter.add(&row).unwrap();
    }
    let quotas = &config.quotas.list;
    let day = meter.metered((0, &quotas[0]), "acme", None, NOON_MS).unwrap();
    // In 1240, out 700: the greater; of it 1240 in the last hour.
    assert_eq!((day.cycle.as_str(), day.seen.used), ("2026-11-22", 1240));
    assert_eq!(day.seen.lately, Some(Lately { since_ms: NOON_MS - HOUR_MS, octets: 1240 }));
    assert_eq!(day.seen.cycle, NOON_MS - 12 * HOUR_MS..NOON_MS + 12 * HOUR_MS);
    // 1200 in an hour are 100 in five minutes, of which 40 are told.
    assert_eq!(day.more, Some(60));
    let host = meter.metered((1, &quotas[1]), "acme", Some(Addr::v4([10, 0, 1, 7])), NOON_MS).unwrap();
    assert_eq!((host.cycle.as_str(), host.seen.used), ("2026-11", 6540));
    assert_eq!(host.seen.lately.map(|lately| lately.octets), Some(6240));
    // Who is in no bin used nothing.
    let other = meter.metered((0, &quotas[0]), "other", None, NOON_MS).unwrap();
    assert_eq!((other.seen.used, other.more), (0, Some(0)));
}

/// 1001 octets in one slot and 2 in the next, of which acme has two parts of three: 667.33 and 1.33, and zeta 333.67 and 0.67.
#[test]
fn a_share_of_an_address_counts_and_is_no_hosts() {
    let text = r#"
[[tenant]]
name = "acme"
networks = ["10.0.1.0/24"]
[[tenant]]
name = "zeta"
networks = []
[[shared]]
name = "nat"
networks = ["203.0.113.7"]
among = { acme = 2, zeta = 1 }
[[quota]]
name = "day"
cycle = "day"
direction = "in"
limit = "2400"
"#;
    let config = crate::config::read(text).unwrap();
    let mut meter = meter(&config, NOON_MS);
    let shared = |ago_ms, octets| BinRow { tenant: Some("nat"), ..row(ago_ms, bins::Kind::In, octets) };
    let rows =
        [row(HOUR_MS, bins::Kind::In, 50), shared(HOUR_MS, 1000), shared(HOUR_MS, 1), shared(2 * HOUR_MS, 2)];
    rows.iter().for_each(|row| meter.add(row).unwrap());
    meter.share_out().unwrap();
    let used = |tenant: &str, host: Option<Addr>| {
        meter.metered((0, &config.quotas.list[0]), tenant, host, NOON_MS).unwrap().seen.used
    };
    assert_eq!((used("acme", None), used("zeta", None), used("nat", None)), (50 + 667 + 1, 334 + 1, 0));
    assert_eq!(used("acme", Some(Addr::v4([10, 0, 1, 7]))), 50);
}

#[test]
fn there_is_no_pace_before_there_is_time_for_one() {
    let config = config();
    let midnight_ms = NOON_MS - 12 * HOUR_MS;
    let lens = |ms, cycle| Lens::new(&config, cycle, ms).unwrap();
    assert!(!lens(midnight_ms + 15 * MINUTE_MS - 1, Cycle::Day).has_pace);
    let day = lens(midnight_ms + 15 * MINUTE_MS, Cycle::Day);
    assert_eq!((day.has_pace, day.since_ms), (true, midnight_ms));
    assert_eq!(lens(NOON_MS, Cycle::Month).since_ms, NOON_MS - DAY_MS);
    assert_eq!(lens(NOON_MS, Cycle::Week).name, "2026-W47");
}
