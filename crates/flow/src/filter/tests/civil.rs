//! Times of day and days of the week, on the days when clocks change.

use super::super::{Filter, Names};
use super::eval;
use crate::Batch;
use crate::batch::RowBuilder;
use crate::civil::Civil;
use crate::schema::Column;

/// Berlin's clocks of 2026 (`zdump -v Europe/Berlin`).
fn berlin() -> Names {
    let hour = 3_600_000;
    let zone = Civil::new(hour, [(1_774_746_000_000, 2 * hour), (1_792_890_000_000, hour)]);
    Names { zone, ..Names::default() }
}

/// A flow of half an hour from each of these instants, s since 1970; the last one has no times.
fn flows() -> Batch {
    let mut batch = Batch::new();
    for start in STARTS {
        let start = start * 1000;
        RowBuilder::new().time(Column::Start, start).time(Column::End, start + 1_800_000).push(&mut batch);
    }
    RowBuilder::new().push(&mut batch);
    batch
}

/// `TZ=Europe/Berlin date -d @S`, from `date` itself.
const STARTS: [i64; 6] = [
    1_790_807_400, // Thu 2026-10-01 00:30 CEST
    1_790_834_400, // Thu 2026-10-01 08:00 CEST
    1_792_888_200, // Sun 2026-10-25 02:30 CEST, the first time
    1_792_891_800, // Sun 2026-10-25 02:30 CET, the second time
    1_774_745_400, // Sun 2026-03-29 01:50 CET, ten minutes before there is no 02:00
    1_792_968_000, // Sun 2026-10-25 23:40 CET
];

fn found(text: &str, names: &Names) -> Vec<usize> {
    let filter = Filter::parse_with(text, names).unwrap_or_else(|m| panic!("{}", m.render(text)));
    let written = filter.to_string();
    assert_eq!(Filter::parse_with(&written, names).as_ref(), Ok(&filter), "{written}");
    assert!(filter.conjuncts().is_empty());
    let rows = eval(&filter, &flows());
    rows.iter().enumerate().filter(|(_, found)| **found).map(|(row, _)| row).collect()
}

#[test]
fn clocks_are_those_of_the_zone() {
    let berlin = berlin();
    let found = |text: &str| found(text, &berlin);
    assert_eq!(found("time 08:00-18:00"), [1]);
    assert_eq!(found("time 08:00"), [1]);
    assert_eq!(found("time < 08:00"), [0, 2, 3, 4]);
    // Both hours of that name, and none where it was left out.
    assert_eq!(found("time 02:00-03:00"), [2, 3]);
    // Half an hour after 02:30 it is 02:00 again, the first time; after 01:50 it is 03:20 where there is no 02:00.
    assert_eq!(found("end time 02:00-03:00"), [2]);
    assert_eq!(found("end time 03:00-04:00"), [3, 4]);
    assert_eq!(found("end time 03:20"), [4]);
    assert_eq!(found("time 22:00-01:00"), [0, 5]);
    assert_eq!(found("end time 00:00-00:30"), [5]);
    assert_eq!(found("weekday thu"), [0, 1]);
    assert_eq!(found("weekday sat-mon"), [2, 3, 4, 5]);
    assert_eq!(found("end weekday mon"), [5]);
    assert_eq!(found("weekday in [thursday, mon]"), [0, 1]);
    assert_eq!(found("weekday mon-fri and not time 08:00-18:00"), [0]);
    assert_eq!(found("start weekday thu and start time 08:00-09:00"), [1]);
    // A flow without times has no time of day; what is left by `not` has it in.
    assert_eq!(found("not weekday thu"), [2, 3, 4, 5, 6]);
    assert_eq!(found("weekday != thu"), [2, 3, 4, 5]);
    assert_eq!(found("time not in [08:00-18:00, 00:00-01:00]"), [2, 3, 4, 5]);
}

#[test]
fn without_a_zone_it_is_utc() {
    let utc = Names::default();
    // 22:30 and 06:00 of UTC, the days before.
    assert_eq!(found("weekday wed", &utc), [0]);
    assert_eq!(found("time 06:00-07:00", &utc), [1]);
}

#[test]
fn they_are_written_as_people_would() {
    for (text, written) in [
        ("time 8:00-18:00", "time 08:00-18:00"),
        ("time 22:00-06:00", "time in [00:00-06:00, 22:00-24:00]"),
        ("time >= 18:00", "time 18:00-24:00"),
        ("time 08:00", "time 08:00-08:01"),
        ("end weekday fri-mon", "end weekday in [mon, fri-sun]"),
        ("weekday mon or weekday tue", "weekday mon-tue"),
    ] {
        assert_eq!(Filter::parse(text).unwrap().to_string(), written, "{text}");
    }
    // The same words in two zones are two filters.
    let here = Filter::parse_with("time 08:00", &berlin()).unwrap();
    assert_ne!(here, Filter::parse("time 08:00").unwrap());
}
