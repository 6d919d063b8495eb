use super::*;
use Threshold::{Forecast, Pace, Percent};
use proptest::prelude::*;

const HOUR_MS: i64 = 3_600_000;

fn quota() -> Quota {
    Quota::new(1000, vec![Percent(50), Percent(80), Percent(100)], 5).unwrap()
}

/// A cycle of a day; which one, and what was used in it.
fn seen(day: i64, used: u64) -> Seen {
    let cycle = day * 24 * HOUR_MS..(day + 1) * 24 * HOUR_MS;
    Seen { now_ms: cycle.start + 1, cycle, used, lately: None }
}

/// So many hours into the first day; `lately` in the last of them.
fn paced(hours: i64, used: u64, lately: u64) -> Seen {
    let now_ms = hours * HOUR_MS;
    let lately = Some(Lately { since_ms: now_ms - HOUR_MS, octets: lately });
    Seen { cycle: 0..24 * HOUR_MS, now_ms, used, lately }
}

fn edges(changes: &[Change]) -> Vec<(Threshold, Edge)> {
    changes.iter().map(|change| (change.threshold, change.what)).collect()
}

#[test]
fn each_threshold_is_told_once() {
    let (quota, mut watch) = (quota(), Watch::default());
    let mut look = |day, used| edges(&watch.look(&quota, &seen(day, used)));
    assert_eq!(look(1, 499), []);
    assert_eq!(look(1, 500), [(Percent(50), Edge::Passed)]);
    assert_eq!(look(1, 799), []);
    assert_eq!(look(1, 1000), [(Percent(80), Edge::Passed), (Percent(100), Edge::Passed)]);
    assert_eq!(look(1, 5000), []);
    // Corrected by a little: within the hysteresis. By more: below 95 %.
    assert_eq!(look(1, 950), []);
    assert_eq!(look(1, 949), [(Percent(100), Edge::Fell)]);
    assert_eq!(look(1, 1000), [(Percent(100), Edge::Passed)]);
    // The cycle turns; what was used in it already counts at once.
    assert_eq!(
        look(2, 600),
        [
            (Percent(100), Edge::Turned),
            (Percent(80), Edge::Turned),
            (Percent(50), Edge::Turned),
            (Percent(50), Edge::Passed)
        ]
    );
    // A clock that was set back.
    assert_eq!(look(1, 5000), []);
}

#[test]
fn what_is_kept_goes_on() {
    let (quota, mut watch) = (quota(), Watch::default());
    watch.look(&quota, &seen(7, 850));
    let (cycle, passed) = watch.kept().unwrap();
    assert_eq!((cycle, &passed[..]), (7 * 24 * HOUR_MS, &[(Percent(50), 850), (Percent(80), 850)][..]));
    let mut again = Watch::restored(cycle, passed);
    assert_eq!(again.look(&quota, &seen(7, 860)), []);
    assert_eq!(again, watch);
}

#[test]
fn a_threshold_that_is_no_longer_asked_for_is_taken_back() {
    let mut watch = Watch::default();
    watch.look(&quota(), &seen(1, 850));
    let fewer = Quota::new(1000, vec![Percent(80), Percent(100)], 5).unwrap();
    assert_eq!(edges(&watch.look(&fewer, &seen(1, 850))), [(Percent(50), Edge::Fell)]);
    // A limit that was raised takes back what is well below it.
    let raised = Quota::new(2000, vec![Percent(80), Percent(100)], 5).unwrap();
    assert_eq!(edges(&watch.look(&raised, &seen(1, 850))), [(Percent(80), Edge::Fell)]);
    assert!(watch.is_empty());
}

/// 2400 octets in a day are 100 in an hour.
#[test]
fn the_pace_is_against_even_use() {
    let quota = Quota::new(2400, vec![Pace(200)], 10).unwrap();
    let mut watch = Watch::default();
    let mut look = |seen: &Seen| edges(&watch.look(&quota, seen));
    assert_eq!(look(&paced(2, 300, 199)), []);
    assert_eq!(look(&paced(2, 300, 200)), [(Pace(200), Edge::Passed)]);
    // 10 % less than 200 is 180: not yet.
    assert_eq!(look(&paced(3, 480, 180)), []);
    // Nothing known changes nothing.
    assert_eq!(look(&Seen { lately: None, ..paced(4, 480, 0) }), []);
    assert_eq!(look(&paced(4, 659, 179)), [(Pace(200), Edge::Fell)]);
    assert_eq!(quota.pace_hundredths(&paced(2, 300, 150)), Some(150));
    assert_eq!(quota.pace_hundredths(&Seen { lately: None, ..paced(2, 300, 150) }), None);
}

#[test]
fn the_forecast_is_passed_when_the_end_of_the_cycle_is_over_the_limit() {
    let quota = Quota::new(1000, vec![Percent(100), Forecast], 5).unwrap();
    let mut watch = Watch::default();
    let mut look = |seen: &Seen| edges(&watch.look(&quota, seen));
    // At 14 o'clock ten hours are left: 500 and ten times 49, ten times 50.
    assert_eq!(look(&paced(14, 500, 49)), []);
    assert_eq!(look(&paced(14, 500, 50)), [(Forecast, Edge::Passed)]);
    // 500 and nine times 50 are 950: on the edge of the hysteresis. One less an hour is below.
    assert_eq!(look(&paced(15, 500, 50)), []);
    assert_eq!(look(&paced(15, 500, 49)), [(Forecast, Edge::Fell)]);
    // What has happened is no forecast.
    assert_eq!(look(&paced(16, 1000, 500)), [(Percent(100), Edge::Passed)]);
    assert_eq!(paced(14, 500, 50).foretold(), Some(1000));
}

#[test]
fn the_pace_says_when() {
    let quota = quota();
    let lately = |octets| Some(Lately { since_ms: 0, octets });
    let seen = |used, octets| Seen { cycle: 0..100_000, now_ms: 10_000, used, lately: lately(octets) };
    // 400 left, 100 in 10 s: in 40 s.
    assert_eq!(quota.forecast_ms(&seen(600, 100)), Some(50_000));
    assert_eq!(quota.forecast_ms(&seen(600, 300)), Some(10_000 + 13_334));
    assert_eq!(quota.forecast_ms(&seen(600, 0)), None);
    assert_eq!(quota.forecast_ms(&seen(1000, 5)), None);
    assert_eq!(quota.forecast_ms(&Seen { lately: None, ..seen(600, 5) }), None);
}

#[test]
fn a_quota_that_cannot_be_is_refused() {
    assert_eq!(Quota::new(0, vec![Percent(100)], 0), Err(QuotaError::Limit));
    for thresholds in [
        vec![],
        vec![Percent(0), Percent(50)],
        vec![Percent(80), Percent(50)],
        vec![Percent(50), Percent(50)],
        vec![Pace(0)],
        vec![Forecast, Percent(50)],
    ] {
        assert_eq!(Quota::new(1, thresholds, 0), Err(QuotaError::Thresholds));
    }
    assert_eq!(Quota::new(1, vec![Percent(50)], 50), Err(QuotaError::Hysteresis));
    assert_eq!(Quota::new(1, vec![Forecast], 100), Err(QuotaError::Hysteresis));
}

#[test]
fn thresholds_have_words() {
    for (threshold, word) in [
        (Percent(80), "80 %"),
        (Pace(200), "pace 2"),
        (Pace(150), "pace 1.5"),
        (Pace(125), "pace 1.25"),
        (Pace(105), "pace 1.05"),
        (Forecast, "forecast"),
    ] {
        assert_eq!((threshold.to_string().as_str(), word.parse()), (word, Ok(threshold)));
    }
    assert_eq!(["", ".5", "1.", "1.234", "-1", "700", "1e2"].map(hundredths), [None; 7]);
    assert!("80".parse::<Threshold>().is_err() && "pace x".parse::<Threshold>().is_err());
}

proptest! {
    /// Passed and taken back alternate, whatever comes, and it makes no difference when it is kept and restored.
    #[test]
    fn edges_alternate(
        story in prop::collection::vec((0i64..4, 0u64..2000, prop::option::of(0u64..500), any::<bool>()), 1..60),
    ) {
        let quota = Quota::new(1000, vec![Percent(50), Percent(80), Percent(100), Pace(200), Forecast], 5).unwrap();
        let mut watch = Watch::default();
        let mut is_up: BTreeMap<Threshold, bool> = BTreeMap::new();
        let mut day = 0;
        for (turns, used, lately, restart) in story {
            day += i64::from(turns == 0);
            let mut seen = seen(day, used);
            seen.now_ms += 2 * HOUR_MS;
            seen.lately = lately.map(|octets| Lately { since_ms: seen.now_ms - HOUR_MS, octets });
            for change in watch.look(&quota, &seen) {
                let before = is_up.insert(change.threshold, change.what == Edge::Passed).unwrap_or(false);
                prop_assert_eq!(before, change.what != Edge::Passed);
            }
            for percent in [50u64, 80, 100] {
                let is_reached = used * 100 >= 1000 * percent;
                let threshold = Percent(u16::try_from(percent).unwrap());
                prop_assert!(!is_reached || is_up.get(&threshold) == Some(&true));
            }
            if restart && let Some((cycle, passed)) = watch.kept() {
                watch = Watch::restored(cycle, passed);
            }
        }
    }
}
