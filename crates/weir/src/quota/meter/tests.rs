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

fn meter(config: &Config, now_ms: i64) -> Meter<'_> {
    Meter::new(config, now_ms).unwrap()
}

fn acme() -> Whose {
    Whose::Tenant("acme".to_owned())
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
    let day = meter.metered((0, &quotas[0]), acme(), &config, NOON_MS).unwrap();
    // In 1240, out 700: the greater; of it 1240 in the last hour.
    assert_eq!((day.cycle.as_str(), day.seen.used), ("2026-11-22", 1240));
    assert_eq!(day.seen.lately, Some(Lately { since_ms: NOON_MS - HOUR_MS, octets: 1240 }));
    assert_eq!(day.seen.cycle, NOON_MS - 12 * HOUR_MS..NOON_MS + 12 * HOUR_MS);
    // 1200 in an hour are 100 in five minutes, of which 40 are told.
    assert_eq!(day.more, Some(60));
    let host = Whose::Host("acme".to_owned(), Addr::v4([10, 0, 1, 7]));
    let host = meter.metered((1, &quotas[1]), host, &config, NOON_MS).unwrap();
    assert_eq!((host.cycle.as_str(), host.seen.used), ("2026-11", 6540));
    assert_eq!(host.seen.lately.map(|lately| lately.octets), Some(6240));
    // Who is in no bin used nothing.
    let other = Whose::Tenant("other".to_owned());
    let other = meter.metered((0, &quotas[0]), other, &config, NOON_MS).unwrap();
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
        let tenant = tenant.to_owned();
        let whose =
            host.map_or_else(|| Whose::Tenant(tenant.clone()), |host| Whose::Host(tenant.clone(), host));
        meter.metered((0, &config.quotas.list[0]), whose, &config, NOON_MS).unwrap().seen.used
    };
    assert_eq!((used("acme", None), used("zeta", None), used("nat", None)), (50 + 667 + 1, 334 + 1, 0));
    assert_eq!(used("acme", Some(Addr::v4([10, 0, 1, 7]))), 50);
}

#[test]
fn there_is_no_pace_before_there_is_time_for_one() {
    let config = config();
    let midnight_ms = NOON_MS - 12 * HOUR_MS;
    let lens = |ms, cycle| Lens::new(config.calendar(), cycle, &[], ms).unwrap();
    assert!(!lens(midnight_ms + 15 * MINUTE_MS - 1, Cycle::Day).has_pace);
    let day = lens(midnight_ms + 15 * MINUTE_MS, Cycle::Day);
    assert_eq!((day.has_pace, day.since_ms), (true, midnight_ms));
    assert_eq!(lens(NOON_MS, Cycle::Month).since_ms, NOON_MS - DAY_MS);
    assert_eq!(lens(NOON_MS, Cycle::Week).name, "2026-W47");
}

/// Two tenants of a group and one beside it, and traffic of two classes and of none, by hand:
///
/// | | in, free | in, transit | in, before there were classes | out, transit |
/// |---|--:|--:|--:|--:|
/// | acme (campus/north) | 100 | 1000 | 30 | 7 |
/// | bolt (campus) | | 2000 | | |
/// | other (none) | | 4000 | | |
#[test]
fn a_group_used_what_its_tenants_did_and_a_class_is_of_its_own() {
    let quota = |name: &str, more: &str| {
        format!("[[quota]]\nname = \"{name}\"\ncycle = \"day\"\ndirection = \"in\"\nlimit = \"1\"\n{more}\n")
    };
    let tenant = |name: &str, net: u8, group: &str| {
        format!("[[tenant]]\nname = \"{name}\"\nnetworks = [\"10.0.{net}.0/24\"]\n{group}\n")
    };
    let text = [
        tenant("acme", 1, "group = \"campus/north\""),
        tenant("bolt", 2, "group = \"campus\""),
        tenant("other", 3, ""),
        "[[class]]\nname = \"free\"\nas = [1]\n[[class]]\nname = \"transit\"\nas = [2]\n".to_owned(),
        quota("campus", "groups = [\"campus\"]"),
        quota("north", "groups = [\"campus/north\"]\nclasses = [\"transit\"]"),
        quota("campus transit", "groups = [\"campus\"]\nclasses = [\"transit\"]\neach = \"group\""),
        quota("each", "groups = [\"campus\"]\neach = \"tenant\"\nclasses = [\"free\", \"other\"]"),
        quota("out", "groups = [\"campus\"]\nclasses = [\"transit\"]").replace("\"in\"", "\"out\""),
    ]
    .concat();
    let config = crate::config::read(&text).unwrap();
    let mut meter = meter(&config, NOON_MS);
    for (tenant, class, kind, octets) in [
        ("acme", Some("free"), bins::Kind::In, 100),
        ("acme", Some("transit"), bins::Kind::In, 1000),
        ("acme", None, bins::Kind::In, 30),
        ("acme", Some("transit"), bins::Kind::Out, 7),
        ("acme", None, bins::Kind::LocalIn, 999_999),
        ("bolt", Some("transit"), bins::Kind::In, 2000),
        ("other", Some("transit"), bins::Kind::In, 4000),
    ] {
        meter.add(&BinRow { tenant: Some(tenant), class, ..row(20 * MINUTE_MS, kind, octets) }).unwrap();
    }
    let used = |at: usize| -> Vec<(String, u64)> {
        let quota = &config.quotas.list[at];
        let all = meter.subjects(&config, quota).into_iter();
        let all = all.map(|whose| meter.metered((at, quota), whose, &config, NOON_MS).unwrap());
        all.map(|one| (one.whose.to_string(), one.seen.used)).collect()
    };
    let group = |name: &str, octets| vec![(format!("group {name}"), octets)];
    assert_eq!(used(0), group("campus", 3130));
    assert_eq!(used(1), group("campus/north", 1000));
    assert_eq!(used(2), group("campus", 3000));
    assert_eq!(used(3), [("acme".to_owned(), 130), ("bolt".to_owned(), 0)]);
    assert_eq!(used(4), group("campus", 7));
    // 3000 in the hour before are 250 in five minutes, of which none is told: an estimate as of tenants.
    let quota = (2, &config.quotas.list[2]);
    let campus = Whose::Group("campus".parse().unwrap());
    let campus = meter.metered(quota, campus, &config, NOON_MS).unwrap();
    assert_eq!((campus.more, campus.seen.lately.map(|lately| lately.octets)), (Some(250), Some(3000)));
}

/// What a class of the night has: 600 octets in the first night, 500 in the second and in the third, and by day much that is not
/// of it. The limit of 1000 is passed in the second night and stays so; the books are opened anew at every look.
#[test]
fn a_class_of_hours_passes_once_however_often_the_hours_come() {
    let text = "[[tenant]]\nname = \"acme\"\nnetworks = [\"10.0.1.0/24\"]\n[[class]]\nname = \"night\"\nhours = \"22:00-06:00\"\n\
                [[quota]]\nname = \"night\"\nlimit = \"1000\"\nclasses = [\"night\"]\nthresholds = [50, 100]\n";
    let config = crate::config::read(text).unwrap();
    let folder = tempfile::tempdir().unwrap();
    // 2026-11-02T00:00Z.
    let begin_ms = 1_793_577_600_000;
    let (mut rows, mut told) = (Vec::new(), Vec::new());
    for (hour, class, octets) in [
        (1, "night", 600),
        (12, "other", 90_000),
        (25, "night", 500),
        (36, "other", 90_000),
        (49, "night", 500),
        (60, "other", 1),
    ] {
        let bin = begin_ms + hour * HOUR_MS;
        rows.push(BinRow { bin, class: Some(class), ..row(0, bins::Kind::In, octets) });
        let now_ms = bin + HOUR_MS;
        let mut meter = meter(&config, now_ms);
        rows.iter().for_each(|row| meter.add(row).unwrap());
        let one = meter.metered((0, &config.quotas.list[0]), acme(), &config, now_ms).unwrap();
        let used = one.seen.used;
        let reading = Reading {
            now_ms,
            metered: vec![one],
            silent: Vec::new(),
            untold_ms: now_ms,
            given_up_before: None,
        };
        let mut books = weir_books::Books::open(folder.path()).unwrap();
        let figures = crate::quota::figure::Figures::default();
        let changes = crate::quota::look::look(&config, &books, &reading, &figures).unwrap();
        books.enact(&changes).unwrap();
        told.push((used, changes.entries.len()));
    }
    assert_eq!(told, [(600, 1), (600, 0), (1100, 1), (1100, 0), (1600, 0), (1600, 0)]);
}

/// 2026-11-30T20:00:00Z: November in UTC, December in Kolkata, and from the 15th still the month called November.
#[test]
fn a_cycle_is_of_the_tenants_own_calendar() {
    const NOW_MS: i64 = 1_796_068_800_000;
    let tenant = |name: &str, net: u8, more: &str| {
        format!("[[tenant]]\nname = \"{name}\"\nnetworks = [\"10.0.{net}.0/24\"]\n{more}\n")
    };
    let text = [
        tenant("acme", 1, ""),
        tenant("bolt", 2, "zone = \"Asia/Kolkata\""),
        tenant("coil", 3, "day = 15"),
        "[[quota]]\nname = \"fair\"\ncycle = \"month\"\nlimit = \"1 GB\"\n".to_owned(),
    ];
    let config = crate::config::read(&text.concat()).unwrap();
    let mut meter = meter(&config, NOW_MS);
    for (ago_ms, octets) in [(HOUR_MS, 5), (2 * HOUR_MS, 70), (20 * 24 * HOUR_MS, 900)] {
        for tenant in ["acme", "bolt", "coil"] {
            let counts = Counts { octets, packets: 1, flows: 1, ..Counts::default() };
            let (exporter, bin, kind) = (CORE, NOW_MS - ago_ms, bins::Kind::In);
            meter
                .add(&BinRow { bin, exporter, kind, tenant: Some(tenant), host: None, class: None, counts })
                .unwrap();
        }
    }
    let used = |tenant: &str| {
        let whose = Whose::Tenant(tenant.to_owned());
        let one = meter.metered((0, &config.quotas.list[0]), whose, &config, NOW_MS).unwrap();
        (one.cycle, one.seen.used)
    };
    assert_eq!(used("acme"), ("2026-11".to_owned(), 975));
    // Since 18:30Z.
    assert_eq!(used("bolt"), ("2026-12".to_owned(), 5));
    assert_eq!(used("coil"), ("2026-11".to_owned(), 75));
}
