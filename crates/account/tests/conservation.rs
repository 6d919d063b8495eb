//! Nothing is lost and nothing is counted twice, from flows to money: hosts sum to the tenant, tenants and the others to
//! the balance, days to the period, periods to the time, charges to the total; for random flows, spread over random bins,
//! in zones whose days are of any length. The truth is added up beside it, flow by flow, with nothing of this crate.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

#[path = "conservation/moves.rs"]
mod moves;
#[path = "conservation/ports.rs"]
mod ports;
#[path = "conservation/shared.rs"]
mod shared;

use proptest::prelude::*;
use std::collections::BTreeMap;
use weir_account::completeness::Completeness;
use weir_account::money::{Currency, Decimal, Money, Rounding};
use weir_account::statement::{Basis, DailyByTenant};
use weir_account::tariff::{
    Charge, Detail, Direction, Meter, Price, Proration, Rule, Selection, Tariff, Tax, Tier, Volume,
};
use weir_account::usage::{Kind, Usage, Used};
use weir_account::{Balance, Period, Statement, Sums, Zone};
use weir_flow::Addr;
use weir_flow::time::spread;

/// Months in which a day has 23 or 25 hours, begins on a half hour, or is not there at all.
const MONTHS: [(&str, &str); 8] = [
    ("UTC", "2026-02"),
    ("Europe/Berlin", "2026-03"),
    ("Europe/Berlin", "2026-10"),
    ("America/St_Johns", "2026-03"),
    ("America/St_Johns", "2026-11"),
    ("Asia/Kolkata", "2026-10"),
    // On the other side of the date line from one day to the next: the 30th was no day.
    ("Pacific/Apia", "2011-12"),
    ("Australia/Lord_Howe", "2026-04"),
];
const TENANTS: [&str; 3] = ["a", "b", "c"];
const EXPORTERS: [Addr; 2] = [Addr::v4([192, 0, 2, 1]), Addr::v4([192, 0, 2, 2])];

/// One end of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// A tenant's host, by their numbers.
    Ours(usize, u8),
    /// Ours, and no tenant's.
    Nobody,
    Outside,
}

#[derive(Clone, Copy, Debug)]
struct Flow {
    start: i64,
    end: i64,
    octets: u64,
    packets: u64,
    exporter: usize,
    is_duplicate: bool,
    from: End,
    to: End,
}

fn host(tenant: usize, host: u8) -> Addr {
    Addr::v4([10, u8::try_from(tenant).unwrap(), 0, host])
}

impl Flow {
    /// Where it is accounted: by the definition in docs, not by the crate's attribution.
    fn places(&self) -> Vec<(Kind, Option<(usize, Addr)>)> {
        if self.is_duplicate {
            return vec![(Kind::Duplicate, None)];
        }
        match (self.from, self.to) {
            (End::Ours(a, x), End::Ours(b, y)) => {
                vec![(Kind::LocalOut, Some((a, host(a, x)))), (Kind::LocalIn, Some((b, host(b, y))))]
            }
            (End::Ours(a, x), _) => vec![(Kind::Out, Some((a, host(a, x))))],
            (_, End::Ours(b, y)) => vec![(Kind::In, Some((b, host(b, y))))],
            (End::Outside, End::Outside) => vec![(Kind::Transit, None)],
            _ => vec![(Kind::Unmatched, None)],
        }
    }
}

/// What the flows of a period add up to, in every way that is asked.
struct Books {
    period: Period,
    usage: Usage,
    days: DailyByTenant,
    meters: Vec<Meter>,
}

impl Books {
    fn new(period: Period) -> Self {
        let meter = Meter::new(period.zone(), period.from_ms(), period.to_ms());
        Self {
            usage: Usage::new(TENANTS),
            days: DailyByTenant::new(&period),
            meters: vec![meter; TENANTS.len()],
            period,
        }
    }

    /// Adds what of a flow lies in the period.
    fn add(&mut self, flow: &Flow) {
        spread(flow.start, flow.end, flow.octets, flow.packets, |part| {
            if !self.period.contains(part.bin) {
                return;
            }
            let (sums, exporter) =
                (Sums::new(part.octets, part.packets, part.flows), EXPORTERS[flow.exporter]);
            self.usage.add(Kind::Decoded, None, None, exporter, sums).unwrap();
            for (kind, whose) in flow.places() {
                let tenant = whose.map(|(tenant, _)| TENANTS[tenant]);
                self.usage.add(kind, tenant, whose.map(|(_, host)| host), exporter, sums).unwrap();
                let Some((tenant, _)) = whose else { continue };
                self.days.add(TENANTS[tenant], part.bin, kind, sums).unwrap();
                self.meter(tenant, kind, part.bin, part.octets);
            }
        });
    }

    /// Adds to what is charged.
    fn meter(&mut self, tenant: usize, kind: Kind, bin: i64, octets: u64) {
        let volume = match kind {
            Kind::In => Volume { came: octets, went: 0 },
            Kind::Out => Volume { came: 0, went: octets },
            _ => return,
        };
        self.meters[tenant].add("all", bin, volume).unwrap();
    }

    /// Everything that must sum to something does. Returns all tenants' sums by direction.
    fn check(&self) -> Used {
        let balance = Balance::of(&self.usage);
        assert!(balance.is_closed(), "{balance:?}");
        let mut all = Used::default();
        for (at, tenant) in TENANTS.iter().enumerate() {
            let usage = self.usage.tenant(tenant).unwrap();
            let statement = Statement::new(
                tenant,
                self.days.of(tenant),
                usage,
                balance.clone(),
                Completeness::default(),
                Basis::default(),
            )
            .unwrap();
            let shares = statement.shares.iter().map(|line| line.share.used);
            let hosts = plus(statement.hosts.iter().map(|line| line.used).chain(shares));
            let days = plus(statement.days.iter().map(|line| line.used));
            assert_eq!((hosts, days), (usage.used, usage.used), "{tenant}");
            self.check_charges(at, &usage.used);
            all = all.plus(usage.used).unwrap();
        }
        let total = &balance.total;
        assert_eq!((all.r#in, all.out), (total.tenant_in, total.tenant_out));
        assert_eq!((all.local_in, all.local_out), (total.local, total.local));
        let places =
            [total.tenant_in, total.tenant_out, total.local, total.transit, total.unmatched, total.duplicate];
        assert_eq!(Sums::sum(places), Ok(total.decoded));
        all
    }

    fn check_charges(&self, tenant: usize, used: &Used) {
        let tariff = tariff();
        let bill = tariff.rate(&self.meters[tenant]).unwrap();
        let sum =
            |lines: &[weir_account::tariff::Line]| Money::sum(lines.iter().map(|line| line.amount)).unwrap();
        assert_eq!(sum(&bill.lines), bill.net);
        assert_eq!(bill.net.plus(sum(&bill.taxes)), Some(bill.gross));
        // Tiers are of all octets that came, and what went is charged, too: no octet is in two lines or in none.
        let billed = |rule: &str| -> u128 {
            let lines = bill.lines.iter().filter(|line| line.rule == rule);
            lines.map(|line| if let Detail::Volume { billed, .. } = line.detail { billed } else { 0 }).sum()
        };
        assert_eq!(billed("came"), u128::from(used.r#in.octets));
        assert_eq!(billed("went"), u128::from(used.out.octets));
        assert!(bill.unrated.is_empty());
    }
}

fn plus(parts: impl Iterator<Item = Used>) -> Used {
    parts.fold(Used::default(), |sum, part| sum.plus(part).unwrap())
}

/// A flat amount, tiers of what came in, a price for what went out, a minimum, two taxes.
fn tariff() -> Tariff {
    let decimal = |text: &str| Decimal::parse(text).unwrap();
    let tier = |up_to, price| Tier { up_to, price: decimal(price) };
    let tiers =
        vec![tier(Some(1_000_000), "0.0123"), tier(Some(77_777_777), "0.0077"), tier(None, "0.00031")];
    let volume = |name: &str, direction, price| Rule {
        name: name.into(),
        charge: Charge::Volume {
            of: Selection { direction, ..Selection::default() },
            unit: 1_000_000,
            is_whole: false,
            price,
        },
    };
    let flat = Charge::Flat { amount: decimal("9.99"), proration: Proration::Days };
    Tariff {
        name: "t".into(),
        currency: Currency::by_code("EUR").unwrap(),
        rounding: Rounding::HalfEven,
        overhead: 0,
        rules: vec![
            Rule { name: "line".into(), charge: flat },
            volume("came", Direction::In, Price::Graduated(tiers)),
            volume("went", Direction::Out, Price::Each(decimal("0.00123"))),
        ],
        minimum: None,
        taxes: vec![
            Tax { name: "one".into(), percent: decimal("19") },
            Tax { name: "two".into(), percent: decimal("2.5") },
        ],
    }
}

/// A month, the days that it has, and the same books kept for each of those alone.
fn check_month((zone, month): (&str, &str), flows: &[Flow]) {
    let zone = Zone::parse(zone).unwrap();
    let period = Period::parse(month, &zone, 1).unwrap();
    let mut whole = Books::new(period.clone());
    flows.iter().for_each(|flow| whole.add(flow));
    let all = whole.check();
    // Bins and flows lie on any edge there is: what is in the month is all that is in its days.
    let mut by_day = Used::default();
    let mut next = period.from_ms();
    for day in period.days() {
        assert_eq!(day.from_ms, next, "{month} in {}: days meet", zone.name());
        next = day.to_ms;
        let mut books = Books::new(Period::day_of(day.from_ms, &zone).unwrap());
        assert_eq!((books.period.from_ms(), books.period.to_ms()), (day.from_ms, day.to_ms));
        flows.iter().for_each(|flow| books.add(flow));
        by_day = by_day.plus(books.check()).unwrap();
    }
    assert_eq!((next, by_day), (period.to_ms(), all), "{month} in {}", zone.name());
    // And the month before, this one and the one after have all octets that were sent, each once.
    let neighbours = [period.previous().unwrap(), period.next().unwrap()].map(|period| {
        let mut books = Books::new(period);
        flows.iter().for_each(|flow| books.add(flow));
        books.check();
        books.usage.total().decoded
    });
    let decoded = Sums::sum([whole.usage.total().decoded, neighbours[0], neighbours[1]]).unwrap();
    let sent = |of: &dyn Fn(&Flow) -> u64| flows.iter().map(of).sum::<u64>();
    assert_eq!(decoded, Sums::new(sent(&|f| f.octets), sent(&|f| f.packets), sent(&|_| 1)));
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![
        4 => (0..TENANTS.len(), 0u8..4).prop_map(|(tenant, host)| End::Ours(tenant, host)),
        1 => Just(End::Nobody),
        3 => Just(End::Outside),
    ]
}

/// A flow that begins somewhere in a month of so many ms, or on an edge of a bin, or just beside the month.
fn flow(from_ms: i64, to_ms: i64) -> impl Strategy<Value = Flow> {
    let bins = (to_ms - from_ms) / 300_000;
    let start = prop_oneof![
        5 => from_ms - 3_600_000..to_ms + 3_600_000,
        2 => (0..bins).prop_map(move |bin| from_ms + bin * 300_000),
        1 => Just(from_ms),
        1 => Just(to_ms - 1),
    ];
    let length =
        prop_oneof![3 => 0i64..400_000, 1 => 0i64..7_200_000, 1 => Just(300_000i64), 1 => Just(0i64)];
    let octets =
        prop_oneof![3 => 0u64..100_000_000, 1 => Just(1u64), 1 => Just(15_001u64), 1 => 0u64..1 << 40];
    let what = (octets, 0u64..100_000, 0..EXPORTERS.len(), prop::bool::weighted(0.1), end(), end());
    (start, length, what).prop_map(|(start, length, (octets, packets, exporter, is_duplicate, from, to))| {
        Flow { start, end: start + length, octets, packets, exporter, is_duplicate, from, to }
    })
}

fn month_and_flows() -> impl Strategy<Value = ((&'static str, &'static str), Vec<Flow>)> {
    (0..MONTHS.len()).prop_flat_map(|at| {
        let (zone, month) = MONTHS[at];
        let period = Period::parse(month, &Zone::parse(zone).unwrap(), 1).unwrap();
        (Just(MONTHS[at]), prop::collection::vec(flow(period.from_ms(), period.to_ms()), 0..120))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(weir_testkit::cases(48)))]

    #[test]
    fn parts_sum_to_the_whole((month, flows) in month_and_flows()) {
        check_month(month, &flows);
    }
}

#[test]
fn months_have_the_days_they_have() {
    let hours = |(zone, month): (&str, &str)| -> BTreeMap<String, i64> {
        let period = Period::parse(month, &Zone::parse(zone).unwrap(), 1).unwrap();
        let odd = period.days().into_iter().map(|day| (day.date, (day.to_ms - day.from_ms) / 1_800_000));
        odd.filter(|(_, halves)| *halves != 48).collect()
    };
    let one = |date: &str, halves| BTreeMap::from([(date.to_owned(), halves)]);
    let expected = [
        BTreeMap::new(),
        one("2026-03-29", 46),
        one("2026-10-25", 50),
        one("2026-03-08", 46),
        one("2026-11-01", 50),
        BTreeMap::new(),
        BTreeMap::new(),
        // Half an hour.
        one("2026-04-05", 49),
    ];
    assert_eq!(MONTHS.map(hours), expected);
    let apia = Period::parse("2011-12", &Zone::parse("Pacific/Apia").unwrap(), 1).unwrap();
    let dates: Vec<String> = apia.days().into_iter().map(|day| day.date).collect();
    assert_eq!((dates.len(), dates[28].as_str(), dates[29].as_str()), (30, "2011-12-29", "2011-12-31"));
}

/// A million flows over all of these months, in one pass each.
#[test]
fn a_million_flows_are_all_there() {
    let mut dice: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut roll = |below: u64| {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        dice % below
    };
    for (zone, month) in MONTHS {
        let period = Period::parse(month, &Zone::parse(zone).unwrap(), 1).unwrap();
        let length = u64::try_from(period.to_ms() - period.from_ms()).unwrap();
        let mut books = Books::new(period.clone());
        let mut sent = Sums::ZERO;
        for _ in 0..1_000_000 / MONTHS.len() {
            let start = period.from_ms() + i64::try_from(roll(length)).unwrap();
            let end = (start + i64::try_from(roll(600_000)).unwrap()).min(period.to_ms());
            let mut party = || match roll(8) {
                0..4 => End::Ours(usize::try_from(roll(3)).unwrap(), u8::try_from(roll(40)).unwrap()),
                4 => End::Nobody,
                _ => End::Outside,
            };
            let (from, to) = (party(), party());
            let (octets, packets) = (roll(10_000_000), roll(10_000));
            let (exporter, is_duplicate) = (usize::try_from(roll(2)).unwrap(), roll(10) == 0);
            books.add(&Flow { start, end, octets, packets, exporter, is_duplicate, from, to });
            sent.add(Sums::new(octets, packets, 1)).unwrap();
        }
        books.check();
        assert_eq!(books.usage.total().decoded, sent, "{month} in {zone}");
    }
}
