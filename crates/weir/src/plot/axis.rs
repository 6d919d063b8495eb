//! Where ticks stand: round values up the side, civil time along the bottom.

use super::Plot;
use weir_account::Zone;
use weir_query::civil::WIDTHS_MS;
use weir_query::{Bucket, Civil};

/// Round values from 0 to the first that is not less than the largest: 4 to 6 of them.
pub(super) fn values(largest: u128) -> Vec<u128> {
    let largest = largest.max(1);
    let mut scale = 1u128;
    let step = loop {
        if let Some(step) =
            [1, 2, 5].map(|n| n * scale).into_iter().find(|step| step.saturating_mul(5) >= largest)
        {
            break step;
        }
        scale = scale.saturating_mul(10);
    };
    (0..=largest.div_ceil(step)).map(|n| n * step).collect()
}

/// A value in decimal units: `2.5 Mbit/s`.
pub(super) fn label(value: u128, unit: &str) -> String {
    let (mut scale, mut prefix) = (1u128, "");
    for next in ["k", "M", "G", "T", "P", "E"] {
        if value < scale * 1000 {
            break;
        }
        (scale, prefix) = (scale * 1000, next);
    }
    let tenths = (value * 10 + scale / 2) / scale;
    match (tenths / 10, tenths % 10) {
        (whole, 0) => format!("{whole} {prefix}{unit}"),
        (whole, tenth) => format!("{whole}.{tenth} {prefix}{unit}"),
    }
}

/// A place on the axis of time, and what stands there.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tick {
    pub(super) at: i64,
    pub(super) label: String,
}

/// As many ticks as fit: where the clocks show a full hour, day or whatever there is room for.
pub(super) fn times(plot: &Plot<'_>, room: i64) -> Vec<Tick> {
    let length = plot.span.end.saturating_sub(plot.span.start);
    let width = WIDTHS_MS.iter().find(|width| length / **width <= room).map(|width| Bucket::Width(*width));
    let bucket = width.unwrap_or(if length / (7 * DAY_MS) <= room { Bucket::Week } else { Bucket::Month });
    let mut ticks = Vec::new();
    let mut at = bucket.start(plot.span.start, plot.civil);
    while at < plot.span.end {
        if at >= plot.span.start {
            ticks.push(Tick { at, label: time(at, bucket, plot.zone, plot.civil) });
        }
        at = bucket.end(at, plot.civil).max(at.saturating_add(1));
    }
    ticks
}

const DAY_MS: i64 = 86_400_000;

/// The date where a day begins, else the time.
fn time(at: i64, bucket: Bucket, zone: &Zone, civil: &Civil) -> String {
    let text = zone.rfc3339(at);
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    match bucket {
        Bucket::Month => part(0, 7).to_owned(),
        _ if Bucket::Width(DAY_MS).start(at, civil) == at => part(0, 10).to_owned(),
        Bucket::Width(width) if width < 60_000 => part(11, 19).to_owned(),
        _ => part(11, 16).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Shape;
    use super::*;

    #[test]
    fn values_are_round_and_reach_the_largest() {
        assert_eq!(values(0), [0, 1]);
        assert_eq!(values(7), [0, 2, 4, 6, 8]);
        assert_eq!(values(1_000_000), [0, 200_000, 400_000, 600_000, 800_000, 1_000_000]);
        assert_eq!(values(1_000_001).last(), Some(&1_500_000));
        assert_eq!(
            [0, 999, 1500, 200_000, 2_000_000_000].map(|n| label(n, "bit/s")),
            ["0 bit/s", "999 bit/s", "1.5 kbit/s", "200 kbit/s", "2 Gbit/s"]
        );
    }

    #[test]
    fn ticks_stand_where_the_clocks_are_round_also_when_they_change() {
        // Berlin, 24 to 26 October 2026: the 25th has 25 hours.
        let zone = Zone::parse("Europe/Berlin").unwrap();
        let civil = Civil::new(7_200_000, [(1_792_890_000_000, 3_600_000)]);
        let span = 1_792_792_800_000..1_792_969_200_000; // 24th 00:00 to 26th 00:00, 49 hours
        let plot = Plot {
            title: String::new(),
            unit: "bit/s",
            shape: Shape::Area,
            zone: &zone,
            civil: &civil,
            span,
            steps: Vec::new(),
            layers: Vec::new(),
        };
        let ticks = times(&plot, 10);
        let labels: Vec<&str> = ticks.iter().map(|tick| tick.label.as_str()).collect();
        assert_eq!(
            labels,
            ["2026-10-24", "06:00", "12:00", "18:00", "2026-10-25", "06:00", "12:00", "18:00"]
        );
        let hours: Vec<i64> = ticks.windows(2).map(|pair| (pair[1].at - pair[0].at) / 3_600_000).collect();
        assert_eq!(hours, [6, 6, 6, 6, 7, 6, 6]);
    }
}
