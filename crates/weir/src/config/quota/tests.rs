use super::*;
use crate::config::{mistake, read};
use std::path::Path;

/// The example of docs/quotas.md.
fn example() -> &'static str {
    let page = include_str!("../../../../../docs/quotas.md");
    page.split_once("```toml\n").and_then(|(_, rest)| rest.split_once("```")).unwrap().0
}

const TENANTS: &str = "[[tenant]]\nname = \"acme\"\nnetworks = [\"10.0.0.0/24\"]\n";

fn quotas(rest: &str) -> Quotas {
    read(&format!("{TENANTS}{rest}")).unwrap().quotas
}

/// What `check` says of a quota, without the file's name; its first line is the fifth.
fn mistakes(rest: &str) -> Vec<String> {
    let text = format!("{TENANTS}[[quota]]\nname = \"q\"\nlimit = \"1 GB\"\n{rest}");
    let path = Path::new("w");
    let Err(found) = read(&text) else { return Vec::new() };
    mistake::render(path, &text, &found).lines().map(str::to_owned).collect()
}

#[test]
fn the_example_is_understood_and_dumped() {
    let config = read(example()).unwrap();
    let quotas = &config.quotas;
    assert_eq!((quotas.fuse, quotas.expire_ms, quotas.lag_ms), (5, Some(24 * 3_600_000), 300_000));
    assert_eq!(quotas.allow.len(), 2);
    let north = &quotas.list[2];
    assert_eq!(
        (north.each, north.groups[0].path(), &north.classes[..]),
        (Each::Group, "campus/north", &["transit".to_owned()][..])
    );
    let fair = &quotas.list[0];
    assert_eq!((fair.rule.limit, fair.cycle, fair.is_dry), (100_000_000_000, Cycle::Month, false));
    let words: Vec<(String, &str)> = fair.actions.iter().map(|a| (a.at.to_string(), a.task.word())).collect();
    let expected = [
        ("80 %", "webhook"),
        ("100 %", "nftables"),
        ("100 %", "exec"),
        ("pace 2", "webhook"),
        ("forecast", "exec"),
    ];
    assert_eq!(words, expected.map(|(at, word)| (at.to_owned(), word)));
    let again = read(&config.dump()).unwrap();
    assert_eq!(again.quotas, config.quotas);
    assert_eq!(again.dump(), config.dump());
}

#[test]
fn a_quota_that_says_little_is_dry_and_everybodys() {
    let quotas = quotas("[[quota]]\nname = \"q\"\nlimit = \"1 GB\"\n");
    let quota = &quotas.list[0];
    assert!(quota.is_dry && quota.tenants.is_none() && quota.is_of("anybody"));
    assert_eq!((quota.each, quota.cycle, quota.direction), (Each::Tenant, Cycle::Month, Direction::Sum));
    assert_eq!(quota.rule.thresholds, [50, 80, 100].map(Threshold::Percent));
    assert_eq!((quotas.fuse, quotas.expire_ms), (5, None));
    assert_eq!(read("").unwrap().quotas, Quotas::default());
}

#[test]
fn mistakes_about_quotas() {
    for (text, said) in [
        ("tenants = [\"acne\"]\n", "w:7: there is no tenant \"acne\"; did you mean \"acme\"?"),
        ("tenants = []\n", "w:7: tenants is empty; name some, or leave it out: then it is everybody's"),
        ("cycle = \"mont\"\n", "w:7: cycle = \"mont\" is not known; did you mean \"month\"?"),
        (
            "thresholds = [80, 50]\n",
            "w:7: thresholds are percents above 0 that rise, as in [50, 80, 100]; write thresholds = [50, 80, 100]",
        ),
        (
            "hysteresis = 50\n",
            "w:7: hysteresis is less than the first threshold; write hysteresis = 5, or leave it out",
        ),
        (
            "pace = 1.234\n",
            "w:7: pace is no number of times, with two digits after the point at most; write pace = 2.0: twice as fast as would use it up evenly",
        ),
        (
            "[[quota.action]]\ndo = \"exec\"\nprogram = [\"/bin/true\"]\n",
            "w:7: [[quota.action]] has no at; add at = 100",
        ),
        (
            "[[quota.action]]\nat = 90\ndo = \"exec\"\nprogram = [\"/bin/true\"]\n",
            "w:8: at is no threshold of this quota; add it to thresholds of this quota",
        ),
        (
            "[[quota.action]]\nat = \"forecast\"\ndo = \"exec\"\nprogram = [\"/bin/true\"]\n",
            "w:8: at is no threshold of this quota; add forecast = true to this quota",
        ),
        (
            "[[quota.action]]\nat = 100\ndo = \"exec\"\nprogram = [\"true\"]\n",
            "w:10: \"true\" is no whole path; write it from the root, as \"/usr/local/bin/block\"",
        ),
        (
            "[[quota.action]]\nat = 100\ndo = \"exec\"\nprogram = [\"/bin/x\", \"{tenent}\"]\n",
            "w:10: nothing is called {tenent}; did you mean {tenant}?",
        ),
        (
            "[[quota.action]]\nat = 100\ndo = \"webhook\"\nurl = \"example.com\"\n",
            "w:10: \"example.com\" is no address to call; write url = \"https://example.com/quota\"",
        ),
        (
            "[[quota.action]]\nat = 100\ndo = \"nftables\"\nset = \"blocked\"\n",
            "w:10: \"blocked\" is no set of nftables; write family, table and set, as \"inet weir blocked\"",
        ),
        (
            "[[quota.action]]\nat = 100\ndo = \"nftables\"\nset = \"inet weir {evil}\"\n",
            "w:10: \"inet weir {evil}\" is no set of nftables; write family, table and set, as \"inet weir blocked\"",
        ),
        (
            "[[quota.action]]\nat = 100\ndo = \"nftables\"\nset = \"inet weir blocked\"\nback = true\n",
            "w:11: back of a block; take it out: a block always ends when its threshold is taken back",
        ),
        (
            "[[quota.action]]\nat = 100\ndo = \"webhook\"\nurl = \"http://h/\"\nset = \"inet a b\"\n",
            "w:11: set is nothing for \"webhook\"; take it out",
        ),
        ("[quotas]\nallow = [\"acne\"]\n", "w:8: there is no tenant \"acne\"; did you mean \"acme\"?"),
        ("[quotas]\nexpire = \"soon\"\n", "w:8: \"soon\" is no length of time; write for example \"24h\""),
    ] {
        assert_eq!(mistakes(text), [said], "{text}");
    }
}

#[test]
fn quotas_of_groups_and_of_classes_are_understood_and_dumped() {
    let text = format!(
        "{TENANTS}group = \"campus/north\"\n[[tenant]]\nname = \"bolt\"\nnetworks = [\"10.0.1.0/24\"]\ngroup = \"campus\"\n\
         [[tenant]]\nname = \"other\"\nnetworks = [\"10.0.2.0/24\"]\n[[class]]\nname = \"free\"\nas = [1]\n\
         [[quota]]\nname = \"a\"\nlimit = \"1 GB\"\ngroups = [\"campus\"]\nclasses = [\"other\"]\n\
         [[quota]]\nname = \"b\"\nlimit = \"1 GB\"\ngroups = [\"campus/north\"]\neach = \"host\"\n"
    );
    let config = read(&text).unwrap();
    let [a, b] = &config.quotas.list[..] else { panic!("two") };
    assert_eq!(
        (a.each, &a.classes[..], a.groups[0].path()),
        (Each::Group, &["other".to_owned()][..], "campus")
    );
    assert!(a.is_of("acme") && a.is_of("bolt") && !a.is_of("other"));
    assert!(b.each == Each::Host && b.is_of("acme") && !b.is_of("bolt"));
    let again = read(&config.dump()).unwrap();
    assert_eq!((&again.quotas, again.dump()), (&config.quotas, config.dump()));
}

#[test]
fn mistakes_about_groups_and_classes() {
    for (text, said) in [
        ("groups = []\n", "w:7: groups is empty; name some, or leave it out"),
        (
            "groups = [\"nroth\"]\n",
            "w:7: no tenant is in a group \"nroth\"; add group = \"nroth\" to a [[tenant]]",
        ),
        ("each = \"group\"\n", "w:7: no group is named; add groups = [\"campus/north\"]"),
        ("classes = [\"free\"]\n", "w:7: there is no class \"free\"; add [[class]] with name = \"free\""),
        (
            "classes = []\n",
            "w:7: classes names no class; name one, or leave it out for all traffic with the outside",
        ),
    ] {
        assert_eq!(mistakes(text), [said], "{text}");
    }
    let both = mistakes("groups = [\"a\"]\ntenants = [\"acme\"]\n");
    assert!(both.contains(
        &"w:7: both tenants and groups are named; take one out: a group is all tenants in it".to_owned()
    ));
}

#[test]
fn lengths_of_time() {
    assert_eq!(
        ["90 s", "5 min", "24h", "7 days"].map(span_ms),
        [90_000, 300_000, 86_400_000, 604_800_000].map(Some)
    );
    assert_eq!(["", "5", "h", "0 s", "1.5 h", "9999999999 days"].map(span_ms), [None; 6]);
}
