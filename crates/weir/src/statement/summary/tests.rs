//! Whoever is in which group: the parts sum to the whole, in traffic and in money.

use super::*;
use proptest::prelude::*;
use weir_account::Sums;
use weir_account::usage::Used;

const CURRENCIES: [&str; 3] = ["EUR", "USD", "JPY"];

fn sums() -> impl Strategy<Value = Sums> {
    (0..u64::MAX / 64, 0..u64::MAX / 64, 0..u64::MAX / 64)
        .prop_map(|(octets, packets, flows)| Sums::new(octets, packets, flows))
}

/// A tenant of any group or of none, that pays in one of three currencies, or nothing, or cannot be charged.
fn line() -> impl Strategy<Value = Line> {
    let path = prop::collection::vec(prop::sample::select(vec!["a", "b", "a b"]), 0..4);
    let used = (sums(), sums(), sums(), sums());
    let money = (0usize..5, -1_000_000i128..1_000_000, -1_000_000i128..1_000_000);
    (path, used, money).prop_map(|(path, (r#in, out, local_in, local_out), (currency, net, gross))| {
        let classes = [("free".into(), Used { r#in, ..Used::default() })].into();
        let usage =
            TenantUsage { used: Used { r#in, out, local_in, local_out }, classes, ..TenantUsage::default() };
        let amounts = |code: &&str| Amounts {
            tariff: "t".to_owned(),
            currency: Currency::by_code(code).unwrap(),
            net: Money { minor: net },
            gross: Money { minor: gross },
        };
        let paid = CURRENCIES.get(currency).map(amounts);
        let cost = match (paid, currency) {
            (Some(amounts), _) => {
                let adjusted = Money { minor: gross % 977 };
                Some(Ok(Cost { amounts, adjusted, document: Json::Null }))
            }
            (None, 3) => Some(Err("no".to_owned())),
            (None, _) => None,
        };
        let group = (!path.is_empty()).then(|| path.join("/").parse().unwrap());
        Line { tenant: String::new(), group, usage, cost, calendar: None }
    })
}

/// What parts come to, added up plainly: traffic, then net and gross of each currency.
fn added<'a>(parts: impl Iterator<Item = &'a Part>) -> (TenantUsage, BTreeMap<String, [i128; 3]>) {
    let (mut usage, mut money) = (TenantUsage::default(), BTreeMap::<String, [i128; 3]>::new());
    for part in parts {
        usage.join(&part.usage).unwrap();
        for (code, coins) in part.purse.iter() {
            let coins = coins.unwrap();
            let sum = money.entry(code.to_owned()).or_default();
            let to_pay = coins.to_pay().unwrap().minor;
            *sum = [sum[0] + coins.net.minor, sum[1] + coins.gross.minor, sum[2] + to_pay];
        }
    }
    (usage, money)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(weir_testkit::cases(64)))]
    #[test]
    fn parts_sum_to_the_whole(lines in prop::collection::vec(line(), 0..12)) {
        let subtotals = Summary::add_up(&lines).unwrap();
        let whole = added([&subtotals.whole().sum].into_iter());
        let outermost = subtotals.groups().filter(|(group, _)| group.level() == 1).map(|(_, one)| &one.sum);
        let parts = outermost.chain(subtotals.rest().map(|rest| &rest.sum));
        prop_assert_eq!(&added(parts), &whole);
        // Every group is its own tenants and the groups right inside it; and all of it is what the lines say.
        let alone = |lines: Vec<&Line>| {
            let mut part = Part::default();
            lines.into_iter().for_each(|line| part.add(line).unwrap());
            part
        };
        for (group, one) in subtotals.groups() {
            let own = alone(lines.iter().filter(|line| line.group.as_ref() == Some(group)).collect());
            let is_right_inside = |inner: &Group| group.encloses(inner) && inner.level() == group.level() + 1;
            let inside = subtotals.groups().filter(|(inner, _)| is_right_inside(inner)).map(|(_, one)| &one.sum);
            prop_assert_eq!(added([&own].into_iter().chain(inside)), added([&one.sum].into_iter()));
        }
        prop_assert_eq!(added([&alone(lines.iter().collect())].into_iter()), whole);
    }
}
