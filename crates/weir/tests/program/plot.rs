//! `weir plot`: the values read back from the picture are those that `top` says.

use crate::run::{Place, number};
use serde_json::Value;

/// The attribute of an element.
fn attribute<'a>(text: &'a str, name: &str) -> &'a str {
    let (_, rest) = text.split_once(&format!("{name}=\"")).unwrap();
    rest.split_once('"').unwrap().0
}

#[test]
fn the_points_of_a_picture_are_the_figures() {
    let place = Place::new();
    place.done("demo --dir . --period 2026-10 --scale 25");
    let span = "--from 2026-10-24 --to 2026-10-27 --zone Europe/Berlin";
    place.done(&format!("plot 'direction in' {span} --step hour -o in.svg"));
    let svg = std::fs::read_to_string(place.path("in.svg")).unwrap();
    let top: f64 = attribute(&svg, "data-top").parse().unwrap();
    // Three days, one of them with 25 hours.
    let hours = place.json(&format!("top hour 'direction in' {span} -o json"));
    let (from, to): (u64, u64) =
        (attribute(&svg, "data-from").parse().unwrap(), attribute(&svg, "data-to").parse().unwrap());
    assert_eq!(to - from, 73 * 3_600_000);
    let layer = svg.split_once("class=\"layer\"").unwrap().1;
    let mut values: Vec<(f64, f64)> = Vec::new();
    for path in layer.split("<path ").skip(1) {
        let points = attribute(path, "d").trim_end_matches('Z').trim();
        let points: Vec<(f64, f64)> = points
            .split_whitespace()
            .map(|point| {
                let (x, y) = point[1..].split_once(',').unwrap();
                (x.parse().unwrap(), y.parse().unwrap())
            })
            .collect();
        // The first half goes along the tops, two corners a step.
        values.extend(points[..points.len() / 2].chunks(2).map(|corners| corners[0]));
    }
    let rows: Vec<&Value> = hours["rows"].as_array().unwrap().iter().collect();
    let mut compared = 0;
    for row in rows {
        let ms = number(row, "hour");
        let x = 84.0 + 852.0 * (ms - from) as f64 / (to - from) as f64;
        let (_, y) = values.iter().find(|(at, _)| (at - x).abs() < 0.02).unwrap();
        let bps = (number(row, "octets") * 8) as f64 / 3600.0;
        let shown = (344.0 - y) / 300.0 * top;
        assert!((shown - bps).abs() <= top / 20_000.0 + 1.0, "{row}: {shown} for {bps}");
        compared += 1;
    }
    assert!(compared > 48, "{compared}");
    assert!(svg.contains(">2026-10-25<") && svg.contains(">Europe/Berlin<"));

    let layers = place.done(&format!("plot --by tenant -n 3 {span}"));
    let names: Vec<&str> =
        layers.split("<g class=\"layer\"").skip(1).map(|layer| attribute(layer, "data-name")).collect();
    assert_eq!((names.len(), names.last()), (4, Some(&"others")));
}
