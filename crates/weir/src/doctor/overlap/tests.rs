//! Traffic that is made up, so that it is known what was told how often.

use super::*;

/// A small generator of numbers (SplitMix64), so that a run can be repeated.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn from(&mut self, least: u64, most: u64) -> u64 {
        least + self.next() % (most - least + 1)
    }
}

const CORE: Addr = Addr::v4([192, 0, 2, 1]);
const EDGE: Addr = Addr::v4([192, 0, 2, 2]);
const HOUR: i64 = 1_795_312_800_000;

fn point(exporter: Addr, interface: u32, way: FlowDirection) -> Point {
    Point { exporter, domain: 0, interface: Some(interface), way: Some(way) }
}

fn wan_in() -> Point {
    point(CORE, 1, FlowDirection::Ingress)
}

fn vlan31_out() -> Point {
    point(CORE, 31, FlowDirection::Egress)
}

/// A transfer from outside to a tenant: so many packets, of some length, some time within an hour.
fn transfer(dice: &mut Dice, number: u32) -> Sighting {
    let [.., a, b, c] = number.to_be_bytes();
    let packets = dice.from(1, 2000);
    let start = HOUR + i64::try_from(dice.from(0, 3_000_000)).unwrap();
    Sighting {
        tuple: Tuple {
            src: Addr::v4([203, 0, 113, a]),
            dst: Addr::v4([192, 168, b, c]),
            src_port: Some(443),
            dst_port: Some(u16::try_from(dice.from(1024, 65_535)).unwrap()),
            proto: 6,
        },
        point: wan_in(),
        start,
        end: start + i64::try_from(dice.from(0, 60_000)).unwrap(),
        octets: packets * dice.from(60, 1400),
        packets,
        interval: 1,
    }
}

fn transfers(count: u32) -> Vec<Sighting> {
    let mut dice = Dice(7);
    (0..count).map(|number| transfer(&mut dice, number)).collect()
}

fn octets(sightings: &[Sighting]) -> u128 {
    sightings.iter().map(|s| u128::from(s.octets)).sum()
}

#[test]
fn seen_once_is_counted_once() {
    let mut sightings = transfers(1000);
    let all = octets(&sightings);
    let overlap = find(&mut sightings);
    assert_eq!(overlap, Overlap { judged: all, ..Overlap::default() });
}

#[test]
fn seen_at_two_places_is_half_too_much() {
    let mut sightings = transfers(1000);
    let once = octets(&sightings);
    sightings.extend(sightings.clone().iter().map(|s| Sighting { point: vlan31_out(), ..*s }));
    let overlap = find(&mut sightings);
    assert_eq!((overlap.judged, overlap.repeated, overlap.excess), (2 * once, 2 * once, once));
    assert_eq!((overlap.transfers, overlap.places), (1000, 2));
    let [pair] = overlap.pairs.as_slice() else { panic!("{:?}", overlap.pairs) };
    assert_eq!(pair.octets, once);
    let mut points = [pair.one, pair.other];
    points.sort_unstable();
    let mut expected = [wan_in(), vlan31_out()];
    expected.sort_unstable();
    assert_eq!(points, expected);
}

#[test]
fn seen_at_four_places_is_three_quarters_too_much() {
    let mut sightings = transfers(500);
    let once = octets(&sightings);
    let places =
        [vlan31_out(), point(EDGE, 5, FlowDirection::Ingress), point(EDGE, 6, FlowDirection::Egress)];
    // Each router stamps by its own clock, and one of them adds a tag of four octets to each packet.
    for (i, place) in places.into_iter().enumerate() {
        let late = i64::try_from(i).unwrap() * 7000;
        let more: Vec<Sighting> = sightings[..500]
            .iter()
            .map(|s| Sighting { point: place, start: s.start + late, end: s.end + late, ..*s })
            .collect();
        sightings.extend(more);
    }
    for s in sightings.iter_mut().filter(|s| s.point.interface == Some(6)) {
        s.octets += 4 * s.packets;
    }
    let all = octets(&sightings);
    let overlap = find(&mut sightings);
    assert_eq!((overlap.judged, overlap.repeated), (all, all));
    assert_eq!((overlap.transfers, overlap.places, overlap.pairs.len()), (500, 4, 3));
    // What one place told is left: the one that told most, or any of equals.
    assert!(overlap.excess >= 3 * once - 1 && overlap.excess <= all - once, "{overlap:?}");
}

/// "41 % of the octets look counted twice: core vlan31 out / core wan in."
#[test]
fn the_share_is_that_of_the_octets() {
    let mut sightings = transfers(2000);
    let twice: Vec<Sighting> =
        sightings.iter().take(500).map(|s| Sighting { point: vlan31_out(), ..*s }).collect();
    let (all, again) = (octets(&sightings) + octets(&twice), octets(&twice));
    sightings.extend(twice);
    let overlap = find(&mut sightings);
    assert_eq!((overlap.judged, overlap.repeated, overlap.excess), (all, 2 * again, again));
    assert_eq!(overlap.transfers, 500);
}

/// Echo request and reply: the same packets, the same octets, the same time, the other way.
#[test]
fn a_request_and_its_response_are_two_transfers() {
    let mut sightings = transfers(500);
    let replies: Vec<Sighting> = sightings
        .iter()
        .map(|s| Sighting {
            tuple: Tuple {
                src: s.tuple.dst,
                dst: s.tuple.src,
                src_port: s.tuple.dst_port,
                dst_port: s.tuple.src_port,
                ..s.tuple
            },
            point: point(CORE, 31, FlowDirection::Ingress),
            ..*s
        })
        .collect();
    sightings.extend(replies);
    assert_eq!(find(&mut sightings).transfers, 0);
}

#[test]
fn records_told_again_and_long_flows_in_slices_are_of_one_place() {
    let mut dice = Dice(3);
    let mut sightings = Vec::new();
    for number in 0..200 {
        let whole = transfer(&mut dice, number);
        for slice in 0..10 {
            let start = HOUR + slice * 60_000;
            // Every slice has the same sums, as of a stream.
            let record = Sighting { start, end: start + 60_000, ..whole };
            sightings.extend([record, record]);
        }
    }
    let told_once = octets(&sightings) / 2;
    let overlap = find(&mut sightings);
    assert_eq!((overlap.transfers, overlap.judged), (0, told_once));
}

/// One router tells every minute, the other when the flow ends.
#[test]
fn slices_of_two_routers_are_compared_as_sums() {
    let mut sightings = Vec::new();
    for mut whole in transfers(300) {
        let packets = whole.packets;
        (whole.start, whole.end) = (HOUR, HOUR + 600_000);
        (whole.packets, whole.octets) = (packets * 10, packets * 10 * 1000);
        sightings.push(Sighting { point: point(EDGE, 5, FlowDirection::Ingress), ..whole });
        for slice in 0..10 {
            let start = HOUR + slice * 60_000;
            sightings.push(Sighting { start, end: start + 60_000, packets, octets: packets * 1000, ..whole });
        }
    }
    let overlap = find(&mut sightings);
    assert_eq!((overlap.transfers, overlap.repeated), (300, overlap.judged));
    assert_eq!(overlap.excess * 2, overlap.judged);
}

#[test]
fn a_flow_that_moved_is_not_counted_twice() {
    let mut sightings = Vec::new();
    for whole in transfers(300) {
        let half = 1_200_000;
        sightings.push(Sighting { start: HOUR, end: HOUR + half, ..whole });
        let elsewhere = point(EDGE, 5, FlowDirection::Ingress);
        sightings.push(Sighting { point: elsewhere, start: HOUR + half, end: HOUR + 2 * half, ..whole });
    }
    assert_eq!(find(&mut sightings).transfers, 0);
}

#[test]
fn a_flow_shared_between_two_paths_is_not_counted_twice() {
    let mut sightings = Vec::new();
    for whole in transfers(300) {
        let packets = whole.packets + 100;
        let share = |of: u64| Sighting { packets: packets * of, octets: packets * of * 500, ..whole };
        sightings.extend([share(1), Sighting { point: point(EDGE, 5, FlowDirection::Ingress), ..share(2) }]);
    }
    assert_eq!(find(&mut sightings).transfers, 0);
}

#[test]
fn multicast_and_link_local_are_everywhere() {
    for dst in ["239.1.1.1", "255.255.255.255", "ff02::fb", "fe80::1", "169.254.1.1"] {
        let mut sightings: Vec<Sighting> = transfers(50)
            .into_iter()
            .flat_map(|mut s| {
                s.tuple.dst = dst.parse().unwrap();
                [s, Sighting { point: vlan31_out(), ..s }]
            })
            .collect();
        assert_eq!(find(&mut sightings), Overlap::default(), "{dst}");
    }
}

/// 1 packet in 100 measured at both places, each for itself: sums differ by chance, and are still the same traffic.
#[test]
fn sampled_places_agree_within_chance() {
    let mut dice = Dice(11);
    let sampled = |s: &Sighting, point: Point, dice: &mut Dice| {
        let taken = (0..s.packets).filter(|_| dice.from(1, 100) == 1).count();
        let packets = u64::try_from(taken).unwrap() * 100;
        let octets = packets * s.octets / s.packets;
        Sighting { point, packets, octets, interval: 100, ..*s }
    };
    let mut sightings = Vec::new();
    let (mut twice, mut once) = (0u128, 0u128);
    for number in 0..400 {
        let mut whole = transfer(&mut dice, number);
        whole.packets = dice.from(5_000, 50_000);
        whole.octets = whole.packets * 800;
        let places: &[Point] = if number % 4 == 0 { &[wan_in(), vlan31_out()] } else { &[wan_in()] };
        for place in places {
            let seen = sampled(&whole, *place, &mut dice);
            *(if places.len() == 2 { &mut twice } else { &mut once }) += u128::from(seen.octets);
            sightings.push(seen);
        }
    }
    let overlap = find(&mut sightings);
    assert_eq!(overlap.judged, twice + once);
    // Four deviations: all but one in some ten thousand.
    assert!(overlap.transfers >= 99 && overlap.transfers <= 100, "{overlap:?}");
    assert!(overlap.repeated * 100 >= twice * 98 && overlap.repeated <= twice, "{overlap:?}");
}

/// Mice that sampling may well miss at the other place say nothing, and are not judged.
#[test]
fn what_sampling_may_miss_is_not_judged() {
    let mut sightings: Vec<Sighting> = transfers(100)
        .into_iter()
        .map(|s| Sighting { interval: 1000, packets: 1000, octets: 100_000, ..s })
        .collect();
    assert_eq!(find(&mut sightings), Overlap::default());
}
