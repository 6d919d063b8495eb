//! The third tenant is no tenant but an address that the others share, in proportions that change. What is shared out is compared,
//! slot by slot, with parts worked out here by plain division; and everything still sums to the whole.

use super::*;
use weir_account::shared::{Member, Part};
use weir_account::{Pool, Span, Tenant, Tenants};

/// The place of the shared address among the tenants.
const SHARED: usize = 2;

/// Shares of `a` and `b`, each since an instant; 0 is none.
type Story = Vec<(i64, [u32; 2])>;

fn story(from_ms: i64, to_ms: i64) -> impl Strategy<Value = Story> {
    let share = || prop_oneof![1 => Just(0u32), 2 => 1u32..4, 1 => 1u32..100_000];
    let shares = || (share(), share()).prop_map(|(a, b)| [a, b]);
    let bins = (to_ms - from_ms) / 300_000;
    let instant = prop_oneof![from_ms..to_ms, (0..bins).prop_map(move |bin| from_ms + bin * 300_000)];
    (shares(), prop::collection::vec((instant, shares()), 0..4)).prop_map(|(first, mut changes)| {
        changes.sort_unstable_by_key(|(at_ms, _)| *at_ms);
        changes.dedup_by_key(|(at_ms, _)| *at_ms);
        std::iter::once((i64::MIN, first)).chain(changes).collect()
    })
}

fn shares(story: &Story, at_ms: i64) -> [u32; 2] {
    story.iter().rev().find(|(since_ms, _)| *since_ms <= at_ms).unwrap().1
}

/// As an operator writes it down.
fn tenants(story: &Story) -> Tenants {
    let ends = story.iter().skip(1).map(|(at_ms, _)| Some(*at_ms)).chain([None]);
    let mut among = Vec::new();
    for ((since_ms, shares), to_ms) in story.iter().zip(ends) {
        let from_ms = (*since_ms != i64::MIN).then_some(*since_ms);
        for (tenant, share) in TENANTS.iter().zip(shares).filter(|(_, share)| **share > 0) {
            among.push(Member { tenant: (*tenant).to_owned(), share: *share, time: Span { from_ms, to_ms } });
        }
    }
    let one = |name: &&str| Tenant { name: (*name).to_owned(), ..Tenant::default() };
    let mut list: Vec<Tenant> = TENANTS.iter().map(one).collect();
    list[SHARED] = Tenant { is_shared: true, among, ..list[SHARED].clone() };
    Tenants::new(list).unwrap()
}

/// By hand: each rounded down, and the units that are left to the greatest remainders, `a` before `b`.
fn divided(sum: u64, shares: [u32; 2]) -> [u64; 2] {
    let all = u128::from(shares[0]) + u128::from(shares[1]);
    let due = shares.map(|share| u128::from(sum) * u128::from(share));
    let [mut a, mut b] = due.map(|due| u64::try_from(due / all).unwrap());
    if a + b < sum {
        if due[0] % all >= due[1] % all { a += 1 } else { b += 1 }
    }
    assert_eq!(a + b, sum);
    [a, b]
}

fn month_flows_and_story() -> impl Strategy<Value = ((&'static str, &'static str), Vec<Flow>, Story)> {
    (0..MONTHS.len()).prop_flat_map(|at| {
        let (zone, month) = MONTHS[at];
        let period = Period::parse(month, &Zone::parse(zone).unwrap(), 1).unwrap();
        let edges = (period.from_ms(), period.to_ms());
        (Just(MONTHS[at]), prop::collection::vec(flow(edges.0, edges.1), 0..120), story(edges.0, edges.1))
    })
}

/// The books of a month in which the third tenant is shared; and what it had, slot by slot.
fn books(period: &Period, flows: &[Flow], pool: &mut Pool) -> (Books, BTreeMap<(Kind, i64), Sums>) {
    let mut books = Books::new(period.clone());
    let mut slots: BTreeMap<(Kind, i64), Sums> = BTreeMap::new();
    for flow in flows {
        spread(flow.start, flow.end, flow.octets, flow.packets, |part| {
            if !period.contains(part.bin) {
                return;
            }
            let (sums, exporter) =
                (Sums::new(part.octets, part.packets, part.flows), EXPORTERS[flow.exporter]);
            books.usage.add(Kind::Decoded, None, None, exporter, sums).unwrap();
            for (kind, whose) in flow.places() {
                match whose {
                    Some((SHARED, _)) => {
                        let name = TENANTS[SHARED];
                        books.usage.add_shared(kind, name, exporter, sums).unwrap();
                        assert!(pool.take(name, kind, None, part.bin, sums).unwrap());
                        slots.entry((kind, part.bin)).or_default().add(sums).unwrap();
                    }
                    Some((tenant, host)) => {
                        let name = TENANTS[tenant];
                        assert!(!pool.take(name, kind, None, part.bin, sums).unwrap());
                        books.usage.add(kind, Some(name), Some(host), exporter, sums).unwrap();
                        books.days.add(name, part.bin, kind, sums).unwrap();
                        books.meter(tenant, kind, part.bin, part.octets);
                    }
                    None => books.usage.add(kind, None, None, exporter, sums).unwrap(),
                }
            }
        });
    }
    (books, slots)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(weir_testkit::cases(48)))]

    #[test]
    fn shares_sum_to_what_was_shared((month, flows, story) in month_flows_and_story()) {
        let period = Period::parse(month.1, &Zone::parse(month.0).unwrap(), 1).unwrap();
        let mut pool = Pool::new(&tenants(&story));
        let (mut books, slots) = books(&period, &flows, &mut pool);
        let mut parts: BTreeMap<(Kind, i64, String), Sums> = BTreeMap::new();
        pool.share_out(|part| {
            let Part { shared, tenant, kind, start_ms, sums, whole, .. } = part;
            assert_eq!((shared, whole), (TENANTS[SHARED], slots[&(kind, start_ms)]));
            assert!(parts.insert((kind, start_ms, tenant.to_owned()), sums).is_none(), "each once");
            books.days.add(tenant, start_ms, kind, sums)?;
            let at = TENANTS.iter().position(|name| *name == tenant).unwrap();
            books.meter(at, kind, start_ms, sums.octets);
            books.usage.add_part(part)
        }).unwrap();
        // Each slot by hand.
        let mut expected: BTreeMap<(Kind, i64, String), Sums> = BTreeMap::new();
        for ((kind, bin), sums) in &slots {
            let rule = shares(&story, *bin);
            if rule == [0, 0] {
                expected.insert((*kind, *bin, TENANTS[SHARED].to_owned()), *sums);
                continue;
            }
            let [octets, packets, flows] = [sums.octets, sums.packets, sums.flows].map(|sum| divided(sum, rule));
            for at in (0..2).filter(|at| rule[*at] > 0) {
                let part = Sums::new(octets[at], packets[at], flows[at]);
                expected.insert((*kind, *bin, TENANTS[at].to_owned()), part);
            }
        }
        prop_assert_eq!(&parts, &expected);
        // Statements are made only where hosts, shares and the rest, and days, sum to the whole; and all of them are the balance.
        let all = books.check();
        let total = books.usage.total();
        prop_assert_eq!(all, total.used);
        let shared = books.usage.tenant(TENANTS[SHARED]).unwrap();
        let mut whole = Used::default();
        for ((kind, _), sums) in &slots {
            whole.add(*kind, *sums).unwrap();
        }
        let out = shared.shared_out.unwrap_or_default();
        prop_assert_eq!(out.plus(shared.used).unwrap(), whole);
        let mut given = Used::default();
        for tenant in &TENANTS[..SHARED] {
            let usage = books.usage.tenant(tenant).unwrap();
            for share in usage.shares.values() {
                given = given.plus(share.used).unwrap();
            }
        }
        prop_assert_eq!(given, out);
    }
}
