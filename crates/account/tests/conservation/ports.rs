//! Tenants behind shared addresses: each address has four ranges of ports and a rest, and every one of these goes from one tenant
//! to another as it likes. Whose a flow is, is decided here by a plain look at the port of that end and at who had its range when
//! the flow began.

use super::moves::{SECOND_SIGHT, Story, expected, owner, story};
use super::*;
use weir_account::attribution::own_networks_default;
use weir_account::span::Span;
use weir_account::{Attribution, Count, Network, Tenant, Tenants};
use weir_flow::batch::{RowBuilder, Value};
use weir_flow::{Batch, Column};

/// The last range is to the end of all ports; what is below the first is in none.
const RANGES: [(u16, u16); 4] = [(1024, 2047), (2048, 2048), (4096, 8191), (60_000, 65_535)];
const ADDRESSES: usize = 3;

/// Who has the ranges of an address, and then the rest of it.
type Address = (Vec<Story>, Story);

/// The ports of both ends, and the protocol.
type Ports = (u16, u16, u8);

fn public(address: usize) -> Addr {
    Addr::v4([198, 51, 100, u8::try_from(address).unwrap()])
}

fn port() -> impl Strategy<Value = u16> {
    let edges = RANGES.into_iter().flat_map(|(first, last)| [first - 1, first, last, last.saturating_add(1)]);
    prop_oneof![
        4 => prop::sample::select(edges.collect::<Vec<_>>()),
        3 => any::<u16>(),
        1 => Just(0u16),
    ]
}

fn ports() -> impl Strategy<Value = Ports> {
    let protocol = prop::sample::select(vec![6u8, 17, 17, 33, 132, 136, 1, 47, 58]);
    (port(), port(), protocol)
}

/// The tenants as an operator writes them down: an entry for each stretch that a range is theirs.
fn tenants(addresses: &[Address]) -> Tenants {
    let list = TENANTS.iter().enumerate().map(|(tenant, name)| {
        let mut networks = Vec::new();
        for (address, (ranges, rest)) in addresses.iter().enumerate() {
            let blocks = RANGES.iter().map(|(first, last)| Some(format!("{first}-{last}").parse().unwrap()));
            for (story, ports) in ranges.iter().zip(blocks).chain([(rest, None)]) {
                let ends = story.iter().skip(1).map(|(at_ms, _)| Some(*at_ms)).chain([None]);
                for ((since_ms, _), to_ms) in
                    story.iter().zip(ends).filter(|((_, owner), _)| *owner == Some(tenant))
                {
                    let from_ms = (*since_ms != i64::MIN).then_some(*since_ms);
                    let prefix = public(address).to_string().parse().unwrap();
                    networks.push(Network { prefix, time: Span { from_ms, to_ms }, ports });
                }
            }
        }
        Tenant { name: (*name).to_owned(), networks, nested: true, ..Tenant::default() }
    });
    Tenants::new(list.collect()).unwrap()
}

/// Whose a port of an address is.
fn behind((ranges, rest): &Address, port: u16, protocol: u8, at_ms: i64) -> Option<usize> {
    let has_port = [6, 17, 33, 132, 136].contains(&protocol) && port > 0;
    let range = RANGES.iter().position(|(first, last)| *first <= port && port <= *last);
    let of_range = range.filter(|_| has_port).and_then(|range| owner(&ranges[range], at_ms));
    of_range.or_else(|| owner(rest, at_ms))
}

/// The flow with tenants in the place of addresses. An address that is nobody's is only then ours when ports of it are
/// somebody's at that time; else it is anybody's.
fn resolved(flow: &Flow, (from, to, protocol): Ports, addresses: &[Address]) -> Flow {
    let resolve = |end: End, port: u16| match end {
        End::Ours(at, _) => {
            let (address, number) = (&addresses[at], u8::try_from(at).unwrap());
            let is_shared = address.0.iter().any(|range| owner(range, flow.start).is_some());
            match behind(address, port, protocol, flow.start) {
                Some(tenant) => End::Ours(tenant, number),
                None if is_shared => End::Nobody,
                None => End::Outside,
            }
        }
        other => other,
    };
    Flow { from: resolve(flow.from, from), to: resolve(flow.to, to), ..*flow }
}

/// Attributes the flows and compares, row by row.
fn check_rows(flows: &[(Flow, Ports)], addresses: &[Address]) {
    let address = |end: End| match end {
        End::Ours(at, _) => public(at),
        End::Nobody => Addr::v4([172, 16, 0, 1]),
        End::Outside => Addr::v4([203, 0, 113, 1]),
    };
    let mut batch = Batch::new();
    for (flow, (from, to, protocol)) in flows {
        let exporter = if flow.is_duplicate { SECOND_SIGHT } else { EXPORTERS[flow.exporter] };
        RowBuilder::new()
            .time(Column::Start, flow.start)
            .time(Column::End, flow.end)
            .addr(Column::Exporter, exporter)
            .addr(Column::SrcAddr, address(flow.from))
            .addr(Column::DstAddr, address(flow.to))
            .unsigned(Column::SrcPort, (*from).into())
            .unsigned(Column::DstPort, (*to).into())
            .unsigned(Column::Proto, (*protocol).into())
            .traffic(flow.octets, flow.packets)
            .push(&mut batch);
    }
    let rules = [(SECOND_SIGHT, Count::None)];
    Attribution::new(&tenants(addresses), &own_networks_default(), rules).attribute(&mut batch, 0);
    for (row, (flow, ports)) in flows.iter().enumerate() {
        let text = |column| match batch.get(row, column) {
            Some(Value::Word(text) | Value::Name(text)) => Some(text.to_owned()),
            _ => None,
        };
        let found = (text(Column::Direction).unwrap(), text(Column::Tenant), text(Column::PeerTenant));
        let (direction, tenant, peer) = expected(&resolved(flow, *ports, addresses));
        let expected = (direction.to_owned(), tenant.map(str::to_owned), peer.map(str::to_owned));
        assert_eq!(found, expected, "{flow:?} {ports:?}");
        let host = match found.0.as_str() {
            "out" | "local" => Some(Value::Addr(address(flow.from))),
            "in" => Some(Value::Addr(address(flow.to))),
            _ => None,
        };
        assert_eq!(batch.get(row, Column::Host), host, "the host is the address");
    }
}

type Month = ((&'static str, &'static str), Vec<(Flow, Ports)>, Vec<Address>);

fn month_flows_and_addresses() -> impl Strategy<Value = Month> {
    (0..MONTHS.len()).prop_flat_map(|at| {
        let (zone, month) = MONTHS[at];
        let period = Period::parse(month, &Zone::parse(zone).unwrap(), 1).unwrap();
        let (from_ms, to_ms) = (period.from_ms(), period.to_ms());
        let ranges = prop::collection::vec(story(from_ms, to_ms), RANGES.len());
        let nobody = Just(vec![(i64::MIN, None)]);
        let rest = prop_oneof![1 => story(from_ms, to_ms).boxed(), 1 => nobody.boxed()];
        let addresses = prop::collection::vec((ranges, rest), ADDRESSES);
        (Just(MONTHS[at]), prop::collection::vec((flow(from_ms, to_ms), ports()), 0..80), addresses)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(weir_testkit::cases(48)))]

    #[test]
    fn parts_sum_to_the_whole_behind_shared_addresses((month, flows, addresses) in month_flows_and_addresses()) {
        // And flows that begin just before a move, and with it.
        let mut all = flows.clone();
        let stories = addresses.iter().flat_map(|(ranges, rest)| ranges.iter().chain([rest]));
        let instants = stories.flat_map(|story| story.iter().skip(1).map(|(at_ms, _)| *at_ms));
        for ((flow, ports), at_ms) in flows.iter().zip(instants) {
            let length = flow.end - flow.start;
            all.extend([at_ms - 1, at_ms].map(|start| (Flow { start, end: start + length, ..*flow }, *ports)));
        }
        check_rows(&all, &addresses);
        let whose: Vec<Flow> = all.iter().map(|(flow, ports)| resolved(flow, *ports, &addresses)).collect();
        check_month(month, &whose);
    }
}
