//! Tenants that move: networks go from one to another within the period, at any instant, or are nobody's for a while. Whose
//! a flow is, is decided here by a plain loop over who had the network when the flow began.

use super::*;
use weir_account::attribution::own_networks_default;
use weir_account::span::{Span, fixed};
use weir_account::{Attribution, Count, Network, Tenant, Tenants};
use weir_flow::batch::{RowBuilder, Value};
use weir_flow::{Batch, Column};

/// Tells nothing that counts.
pub(super) const SECOND_SIGHT: Addr = Addr::v4([192, 0, 2, 9]);
const OUTSIDE: Addr = Addr::v4([203, 0, 113, 1]);

/// Who has a network, each from an instant on; the first since ever.
pub(super) type Story = Vec<(i64, Option<usize>)>;

pub(super) fn story(from_ms: i64, to_ms: i64) -> impl Strategy<Value = Story> {
    let bins = (to_ms - from_ms) / 300_000;
    let instant = prop_oneof![
        3 => from_ms..to_ms,
        2 => (0..bins).prop_map(move |bin| from_ms + bin * 300_000),
        1 => Just(from_ms),
        1 => Just(to_ms),
    ];
    let owner = || prop::option::weighted(0.8, 0..TENANTS.len());
    (owner(), prop::collection::vec((instant, owner()), 0..5)).prop_map(|(first, mut moves)| {
        moves.sort_unstable();
        moves.dedup_by_key(|(at_ms, _)| *at_ms);
        std::iter::once((i64::MIN, first)).chain(moves).collect()
    })
}

/// Who has it at an instant.
pub(super) fn owner(story: &Story, at_ms: i64) -> Option<usize> {
    story.iter().rev().find(|(since_ms, _)| *since_ms <= at_ms).unwrap().1
}

/// The tenants as an operator writes them down: an entry for each stretch that a network is theirs.
fn tenants(stories: &[Story]) -> Tenants {
    let list = TENANTS.iter().enumerate().map(|(tenant, name)| {
        let mut networks = Vec::new();
        for (block, story) in stories.iter().enumerate() {
            let ends = story.iter().skip(1).map(|(at_ms, _)| Some(*at_ms)).chain([None]);
            for ((since_ms, _), to_ms) in
                story.iter().zip(ends).filter(|((_, owner), _)| *owner == Some(tenant))
            {
                let from_ms = (*since_ms != i64::MIN).then_some(*since_ms);
                let prefix = format!("10.{block}.0.0/24").parse().unwrap();
                networks.push(Network { prefix, time: Span { from_ms, to_ms }, ports: None });
            }
        }
        Tenant { name: (*name).to_owned(), networks, ..Tenant::default() }
    });
    Tenants::new(list.collect()).unwrap()
}

/// The address of an end. `End::Ours` says the block and the host here.
fn address(end: End) -> Addr {
    match end {
        End::Ours(block, number) => host(block, number),
        End::Nobody => Addr::v4([172, 16, 0, 1]),
        End::Outside => OUTSIDE,
    }
}

/// The flow with tenants in the place of blocks, by who had them when it began.
fn resolved(flow: &Flow, stories: &[Story]) -> Flow {
    let resolve = |end: End| match end {
        End::Ours(block, number) => match owner(&stories[block], flow.start) {
            Some(tenant) => End::Ours(tenant, u8::try_from(block).unwrap() * 64 + number),
            None => End::Nobody,
        },
        other => other,
    };
    Flow { from: resolve(flow.from), to: resolve(flow.to), ..*flow }
}

/// Direction, tenant and peer tenant as attribution writes them.
pub(super) fn expected(flow: &Flow) -> (&'static str, Option<&'static str>, Option<&'static str>) {
    if flow.is_duplicate {
        return ("duplicate", None, None);
    }
    match (flow.from, flow.to) {
        (End::Ours(a, _), End::Ours(b, _)) => ("local", Some(TENANTS[a]), Some(TENANTS[b])),
        (End::Ours(a, _), _) => ("out", Some(TENANTS[a]), None),
        (_, End::Ours(b, _)) => ("in", Some(TENANTS[b]), None),
        (End::Outside, End::Outside) => ("transit", None, None),
        _ => ("unmatched", None, None),
    }
}

/// Attributes the flows and compares, row by row.
fn check_rows(flows: &[Flow], stories: &[Story]) {
    let mut batch = Batch::new();
    for flow in flows {
        let exporter = if flow.is_duplicate { SECOND_SIGHT } else { EXPORTERS[flow.exporter] };
        RowBuilder::new()
            .time(Column::Start, flow.start)
            .time(Column::End, flow.end)
            .addr(Column::Exporter, exporter)
            .addr(Column::SrcAddr, address(flow.from))
            .addr(Column::DstAddr, address(flow.to))
            .traffic(flow.octets, flow.packets)
            .push(&mut batch);
    }
    let rules = [(SECOND_SIGHT, Count::None)];
    Attribution::new(&tenants(stories), &own_networks_default(), rules).attribute(&mut batch, 0);
    for (row, flow) in flows.iter().enumerate() {
        let text = |column| match batch.get(row, column) {
            Some(Value::Word(text) | Value::Name(text)) => Some(text.to_owned()),
            _ => None,
        };
        let found = (text(Column::Direction).unwrap(), text(Column::Tenant), text(Column::PeerTenant));
        let (direction, tenant, peer) = expected(&resolved(flow, stories));
        let expected = (direction.to_owned(), tenant.map(str::to_owned), peer.map(str::to_owned));
        assert_eq!(found, expected, "{flow:?}");
    }
}

fn month_flows_and_stories() -> impl Strategy<Value = ((&'static str, &'static str), Vec<Flow>, Vec<Story>)> {
    (0..MONTHS.len()).prop_flat_map(|at| {
        let (zone, month) = MONTHS[at];
        let period = Period::parse(month, &Zone::parse(zone).unwrap(), 1).unwrap();
        let edges = (period.from_ms(), period.to_ms());
        let flows = prop::collection::vec(flow(edges.0, edges.1), 0..80);
        (Just(MONTHS[at]), flows, prop::collection::vec(story(edges.0, edges.1), TENANTS.len()))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(weir_testkit::cases(48)))]

    #[test]
    fn parts_sum_to_the_whole_though_tenants_move((month, flows, stories) in month_flows_and_stories()) {
        // And flows that begin just before a move, and with it.
        let mut all = flows.clone();
        let instants = stories.iter().flat_map(|story| story.iter().skip(1).map(|(at_ms, _)| *at_ms));
        for (flow, at_ms) in flows.iter().zip(instants) {
            let length = flow.end - flow.start;
            all.extend([at_ms - 1, at_ms].map(|start| Flow { start, end: start + length, ..*flow }));
        }
        check_rows(&all, &stories);
        let moved: Vec<Flow> = all.iter().map(|flow| resolved(flow, &stories)).collect();
        check_month(month, &moved);
    }
}

/// 10.0.1.0/24 goes from "a" to "b" at half past two on the day of 25 hours, which it is twice: at the first, 00:30Z.
#[test]
fn a_move_on_the_day_of_25_hours() {
    let berlin = Zone::parse("Europe/Berlin").unwrap();
    let period = Period::parse("2026-10", &berlin, 1).unwrap();
    let turn = fixed("2026-10-25T02:30", &berlin).unwrap();
    assert_eq!(berlin.rfc3339(turn), "2026-10-25T02:30:00+02:00");
    let stories = [vec![(i64::MIN, None)], vec![(i64::MIN, Some(0)), (turn, Some(1))]];
    let flow = |start: i64, length_ms: i64, octets, packets| Flow {
        start,
        end: start + length_ms,
        octets,
        packets,
        exporter: 0,
        is_duplicate: false,
        from: End::Outside,
        to: End::Ours(1, 5),
    };
    let hour = 3_600_000;
    let flows = [
        // The last instant of the 24th, 22:00Z.
        flow(turn - 2 * hour - hour / 2 - 1, 0, 11, 1),
        // The last before the move, and ten minutes over it: all of it is a's.
        flow(turn - 1, 600_000, 1_200, 12),
        flow(turn, 0, 700, 7),
        // Half past two again.
        flow(turn + hour, 0, 50, 1),
    ];
    check_rows(&flows, &stories);
    let moved: Vec<Flow> = flows.iter().map(|flow| resolved(flow, &stories)).collect();
    check_month(("Europe/Berlin", "2026-10"), &moved);
    let mut books = Books::new(period.clone());
    moved.iter().for_each(|flow| books.add(flow));
    let came = |tenant: &str| books.usage.tenant(tenant).unwrap().used.r#in;
    assert_eq!([came("a"), came("b")], [Sums::new(1_211, 13, 2), Sums::new(750, 8, 2)]);
    let day = |tenant: &str, date: &str| {
        let at_ms = Period::parse(date, &berlin, 1).unwrap().from_ms();
        let mut octets = 0;
        for flow in moved.iter().filter(|flow| flow.to == End::Ours(usize::from(tenant == "b"), 69)) {
            let (from_ms, to_ms) = (at_ms, at_ms + if date == "2026-10-25" { 25 } else { 24 } * hour);
            spread(flow.start, flow.end, flow.octets, flow.packets, |part| {
                octets += if (from_ms..to_ms).contains(&part.bin) { part.octets } else { 0 };
            });
        }
        octets
    };
    let days = ["2026-10-24", "2026-10-25", "2026-10-26"];
    assert_eq!(days.map(|date| (day("a", date), day("b", date))), [(11, 0), (1_200, 750), (0, 0)]);

    // 31.00 a month by the day, and 1.00 for 100 octets. The day of the move has begun for both: 25 + 7 days of 31.
    let tenants = tenants(&stories);
    let decimal = |text: &str| Decimal::parse(text).unwrap();
    let rule = |name: &str, charge| Rule { name: name.into(), charge };
    let flat = Charge::Flat { amount: decimal("31.00"), proration: Proration::Days };
    let of = Selection { direction: Direction::In, ..Selection::default() };
    let price = Price::Each(decimal("1.00"));
    let tariff = Tariff {
        rules: vec![
            rule("line", flat),
            rule("came", Charge::Volume { of, unit: 100, is_whole: false, price }),
        ],
        taxes: Vec::new(),
        ..tariff()
    };
    let bill = |tenant: usize| {
        let there = tenants.presence(TENANTS[tenant]).range();
        let meter = books.meters[tenant].clone().active(there.start, there.end);
        tariff.rate(&meter).unwrap().lines.iter().map(|line| line.amount.minor).collect::<Vec<_>>()
    };
    assert_eq!([bill(0), bill(1)], [vec![2500, 1211], vec![700, 750]]);
}
