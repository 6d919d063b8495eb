//! Tariffs against amounts worked by hand (docs/tariffs.md), and against conservation.

use super::*;
use crate::zone::Zone;
use proptest::prelude::*;

const GB: u64 = 1_000_000_000;
const MBIT: u64 = 1_000_000;
/// October 2026 in Berlin: 31 days, one of 25 hours.
const FROM: i64 = 1_790_805_600_000;
const TO: i64 = 1_793_487_600_000;

fn berlin() -> Zone {
    Zone::parse("Europe/Berlin").unwrap()
}

fn decimal(text: &str) -> Decimal {
    Decimal::parse(text).unwrap()
}

fn october() -> Meter {
    Meter::new(&berlin(), FROM, TO)
}

/// A month with so many octets in and out of a class, all in its first slot.
fn with(traffic: &[(&str, u64, u64)]) -> Meter {
    let mut meter = october();
    for (class, came, went) in traffic {
        meter.add(class, FROM, Volume { came: *came, went: *went }).unwrap();
    }
    meter
}

fn tariff(charges: Vec<Charge>) -> Tariff {
    let rules = charges.into_iter().enumerate().map(|(i, charge)| Rule { name: format!("r{i}"), charge });
    Tariff {
        name: "t".into(),
        currency: Currency::by_code("EUR").unwrap(),
        rounding: Rounding::HalfUp,
        overhead: 0,
        rules: rules.collect(),
        minimum: None,
        taxes: Vec::new(),
    }
}

fn volume(price: Price) -> Charge {
    Charge::Volume { of: Selection::default(), unit: GB, is_whole: false, price }
}

fn cents(bill: &Bill) -> Vec<i128> {
    bill.lines.iter().map(|line| line.amount.minor).collect()
}

#[test]
fn october_has_31_days_and_8940_slots() {
    assert_eq!(
        (berlin().rfc3339(FROM), berlin().rfc3339(TO)),
        ("2026-10-01T00:00:00+02:00".into(), "2026-11-01T00:00:00+01:00".into())
    );
    assert_eq!(october().days(), (31, 31));
    // 31 × 288, and the hour that came twice.
    assert_eq!(october().slots(&[]).unwrap().len(), 8940);
}

#[test]
fn each_unit_costs_the_same() {
    let each = |is_whole, direction| Charge::Volume {
        of: Selection { direction, ..Selection::default() },
        unit: GB,
        is_whole,
        price: Price::Each(decimal("0.08")),
    };
    let meter = with(&[("transit", 67_673_187_000, 2_118_220_000)]);
    // 67.673187 GB × 0.08 = 5.41385496; out 0.1694576; together 69.791407 × 0.08 = 5.58331256; begun units 68, 3, 70.
    let charges = [Direction::In, Direction::Out, Direction::Sum, Direction::Greater];
    let charges = charges.into_iter().flat_map(|d| [each(false, d), each(true, d)]).collect();
    let bill = tariff(charges).rate(&meter).unwrap();
    assert_eq!(cents(&bill), [541, 544, 17, 24, 558, 560, 541, 544]);
    assert_eq!(bill.net.minor, 541 + 544 + 17 + 24 + 558 + 560 + 541 + 544);
    assert_eq!(bill.unrated, []);
}

#[test]
fn an_allowance_is_free_and_what_is_above_is_not() {
    let above = |proration| volume(Price::Above { allowance: 100 * GB, proration, price: decimal("0.05") });
    let rate = |octets, meter: fn(Meter) -> Meter| {
        let bill =
            tariff(vec![above(Proration::Days)]).rate(&meter(with(&[("transit", octets, 0)]))).unwrap();
        cents(&bill)
    };
    assert_eq!(rate(100 * GB, |meter| meter), [0]);
    assert_eq!(rate(100 * GB + 100_000_000, |meter| meter), [1]);
    assert_eq!(rate(134 * GB, |meter| meter), [170]);
    // From the 17th on: 15 of 31 days, 48.387 GB are free; 85.613 × 0.05 = 4.28.
    assert_eq!(rate(134 * GB, |meter| meter.active(FROM + 16 * 86_400_000, TO)), [428]);
}

#[test]
fn tiers_are_graduated_or_whole() {
    let tiers = || {
        let tier = |up_to: Option<u64>, price| Tier { up_to: up_to.map(|gb| gb * GB), price: decimal(price) };
        vec![tier(Some(100), "0.10"), tier(Some(1000), "0.05"), tier(None, "0.02")]
    };
    let rate = |gb: u64| {
        let tariff = tariff(vec![volume(Price::Graduated(tiers())), volume(Price::Whole(tiers()))]);
        cents(&tariff.rate(&with(&[("transit", gb * GB, 0)])).unwrap())
    };
    // 1,500 GB: 100 × 0.10 + 900 × 0.05 + 500 × 0.02 = 10 + 45 + 10; as a whole 1,500 × 0.02 = 30.
    assert_eq!(rate(1500), [1000, 4500, 1000, 3000]);
    // An edge belongs to the tier below it.
    assert_eq!(rate(100), [1000, 1000]);
    assert_eq!(rate(1000), [1000, 4500, 5000]);
    assert_eq!(rate(0), [0, 0]);
}

#[test]
fn a_percentile_is_paid_above_what_is_committed() {
    let mut meter = october();
    // 8,940 slots: the 447 highest are forgiven. 448 of 3,750,000,000 octets are 100 Mbit/s; the others 10 Mbit/s.
    for slot in 0..8940i64 {
        let came = if slot < 448 { 3_750_000_000 } else { 375_000_000 };
        meter.add("transit", FROM + slot * 300_000, Volume { came, went: 1 }).unwrap();
    }
    let charge = |committed| Charge::Percentile {
        classes: Vec::new(),
        rule: percentile::Rule::default(),
        unit: MBIT,
        committed,
        price: decimal("2.00"),
        excess: decimal("2.50"),
    };
    let rate = |meter: &Meter, committed| cents(&tariff(vec![charge(committed)]).rate(meter).unwrap());
    // 50 Mbit/s × 2.00, and 50 above × 2.50.
    assert_eq!(rate(&meter, 50 * MBIT), [10_000, 12_500]);
    assert_eq!(rate(&meter, 0), [25_000]);
    assert_eq!(rate(&meter, 100 * MBIT), [20_000, 0]);
    // One slot fewer, and it is forgiven.
    let mut less = october();
    for slot in 0..8940i64 {
        let came = if slot < 447 { 3_750_000_000 } else { 375_000_000 };
        less.add("transit", FROM + slot * 300_000, Volume { came, went: 1 }).unwrap();
    }
    assert_eq!(rate(&less, 0), [2_500]);
    let bill = tariff(vec![charge(0)]).rate(&meter).unwrap();
    let Detail::Percentile { percentile, .. } = &bill.lines[0].detail else { panic!("{bill:?}") };
    assert_eq!((percentile.above, percentile.set_by[0].start_ms), (447, FROM));
}

#[test]
fn who_is_gone_pays_for_traffic_only() {
    let flat = Charge::Flat { amount: decimal("31.00"), proration: Proration::None };
    let mut tariff = tariff(vec![flat, volume(Price::Each(decimal("0.05")))]);
    tariff.minimum = Some(Minimum { amount: decimal("100"), proration: Proration::None });
    // A last flow began before the tenant left, and ended in this period.
    let gone = with(&[("transit", 10 * GB, 0)]).active(FROM - 86_400_000, FROM);
    assert!(gone.is_absent());
    let bill = tariff.rate(&gone).unwrap();
    assert_eq!((cents(&bill), bill.net.minor), (vec![50], 50));
    // A minute of a day is a day.
    let bill = tariff.rate(&with(&[]).active(FROM, FROM + 60_000)).unwrap();
    assert_eq!(cents(&bill), [3100, 0, 6900]);
}

#[test]
fn what_is_paid_for_a_part_of_a_month() {
    let flat = |proration| Charge::Flat { amount: decimal("31.00"), proration };
    let mut tariff = tariff(vec![flat(Proration::None), flat(Proration::Days)]);
    tariff.minimum = Some(Minimum { amount: decimal("100"), proration: Proration::Days });
    tariff.taxes = vec![Tax { name: "VAT".into(), percent: decimal("19") }];
    // Until the 7th, 12:00: seven days are begun. 31 + 7; the minimum is 100 × 7 / 31 = 22.58.
    let bill = tariff.rate(&october().active(FROM, FROM + 13 * 43_200_000)).unwrap();
    assert_eq!(cents(&bill), [3100, 700]);
    // 38 × 0.19 = 7.22.
    assert_eq!((bill.taxes[0].amount.minor, bill.gross.minor), (722, 4522));
    // The whole month: 62, and 38 to the minimum.
    let bill = tariff.rate(&october()).unwrap();
    assert_eq!(cents(&bill), [3100, 3100, 3800]);
    assert_eq!(bill.gross.minor, 11_900);
}

#[test]
fn hours_and_classes_choose_and_what_is_forgotten_is_said() {
    let zone = berlin();
    let mut meter = october();
    // Thursday the 1st, each hour 1 GB in of transit; peering all in one hour, and out.
    for hour in 0..24 {
        meter.add("transit", FROM + hour * 3_600_000, Volume { came: GB, went: 0 }).unwrap();
    }
    meter.add("peering", FROM, Volume { came: 7 * GB, went: 5 * GB }).unwrap();
    let hours = Hours::new([true; 7], 8 * 60, 18 * 60);
    let of = |classes: &[&str], direction, hours| Charge::Volume {
        of: Selection { direction, classes: classes.iter().map(|&c| c.into()).collect(), hours },
        unit: GB,
        is_whole: false,
        price: Price::Each(decimal("1")),
    };
    let bill = tariff(vec![
        of(&["transit"], Direction::In, hours),
        of(&["peering"], Direction::In, None),
        of(&[], Direction::In, hours),
    ]);
    let bill = bill.rate(&meter).unwrap();
    assert_eq!(cents(&bill), [1000, 700, 1000]);
    assert_eq!(zone.rfc3339(FROM), "2026-10-01T00:00:00+02:00");
    // Of transit 14 of the 24 hours are in no rule's.
    let unrated = |class: &str, came, went| Unrated { class: class.into(), volume: Volume { came, went } };
    assert_eq!(bill.unrated, [unrated("peering", 0, 5 * GB), unrated("transit", 14 * GB, 0)]);
}

#[test]
fn once_is_once() {
    let once = |amount, at_ms| Charge::Once { amount: decimal(amount), at_ms };
    let charges = vec![once("25.00", FROM), once("-5.50", TO - 1), once("99", TO), once("99", FROM - 1)];
    assert_eq!(cents(&tariff(charges.clone()).rate(&october()).unwrap()), [2500, -550]);
    // Who left before the period, and has a last statement in it, was not there for it.
    assert_eq!(cents(&tariff(charges).rate(&october().active(0, FROM)).unwrap()), [0i128; 0]);
}

#[test]
fn a_tariff_that_cannot_be_is_refused() {
    let tier = |up_to| Tier { up_to, price: decimal("1") };
    let wrong = |charge: Charge| tariff(vec![charge]).rate(&october()).unwrap_err().to_string();
    assert!(wrong(volume(Price::Whole(vec![]))).contains("no tier"));
    assert!(wrong(volume(Price::Whole(vec![tier(Some(1))]))).contains("`up_to`"));
    assert!(
        wrong(volume(Price::Graduated(vec![tier(Some(2)), tier(Some(2)), tier(None)])))
            .contains("do not rise")
    );
    assert!(wrong(volume(Price::Graduated(vec![tier(None), tier(None)]))).contains("without an end"));
    let flat = Charge::Flat { amount: decimal("0.005"), proration: Proration::None };
    assert!(wrong(flat).contains("rule \"r0\" of the tariff: an amount has more places"));
    let mut meter = october();
    meter.miss(FROM);
    let rule = percentile::Rule { missing: percentile::Missing::Refuse, ..percentile::Rule::default() };
    let (price, excess) = (Decimal::ZERO, Decimal::ZERO);
    let charge = Charge::Percentile { classes: vec![], rule, unit: MBIT, committed: 0, price, excess };
    let error = tariff(vec![charge]).rate(&meter).unwrap_err().to_string();
    assert!(error.contains("1 slots of five minutes have no data"), "{error}");
}

proptest! {
    /// Tiers sum to the whole, in octets and (with a price that a cent divides) in money.
    #[test]
    fn tiers_lose_nothing(octets in 0u64..5_000, ends in prop::collection::btree_set(1u64..4_000, 0..6)) {
        let mut tiers: Vec<Tier> = ends.iter().map(|end| Tier { up_to: Some(*end), price: decimal("0.01") }).collect();
        tiers.push(Tier { up_to: None, price: decimal("0.01") });
        let charge = Charge::Volume {
            of: Selection::default(), unit: 1, is_whole: false, price: Price::Graduated(tiers),
        };
        let bill = tariff(vec![charge]).rate(&with(&[("a", octets, 0)])).unwrap();
        let billed: u128 = bill.lines.iter().map(|line| match line.detail {
            Detail::Volume { billed, .. } => billed,
            _ => 0,
        }).sum();
        prop_assert_eq!((billed, bill.net.minor), (u128::from(octets), i128::from(octets)));
    }

    /// What is in some hours and what is in the others is what there is, in zones whose clocks change.
    #[test]
    fn hours_part_a_month(from in 0u16..1440, to in 0u16..1440, slots in prop::collection::vec((0i64..8940, 0u64..1000), 0..50)) {
        prop_assume!(from != to);
        let mut meter = october();
        for (slot, came) in &slots {
            meter.add("a", FROM + slot * 300_000, Volume { came: *came, went: 0 }).unwrap();
        }
        let octets = |hours| meter.volume(&[], Hours::new([true; 7], hours, if hours == from { to } else { from }).as_ref()).unwrap().came;
        prop_assert_eq!(octets(from) + octets(to), slots.iter().map(|slot| slot.1).sum::<u64>());
    }
}
