//! Looks, books and a world that stops the program between any two of its steps.

use super::element::elements;
use super::figure::{Figures, Result as Became};
use super::hand::{Hands, Listing, range};
use super::meter::{Metered, Reading};
use super::whose::Whose;
use super::*;
use proptest::prelude::*;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use weir_account::Prefix;
use weir_account::quota::Seen;
use weir_books::quota::{BlockState, DeedState};

pub(super) const DAY_MS: i64 = 86_400_000;
pub(super) const SET: &str = "inet weir blocked";

pub(super) const CONFIGURATION: &str = r#"
[[tenant]]
name = "acme"
networks = ["10.0.1.0/24"]

[[tenant]]
name = "zeta"
networks = ["10.0.2.0/24", "10.0.3.7"]

[[tenant]]
name = "safe"
networks = ["10.0.4.0/24"]

[[quota]]
name = "fair"
cycle = "day"
limit = "1000"
thresholds = [80, 100]
dry_run = false

[[quota.action]]
at = 100
do = "nftables"
set = "inet weir blocked"

[[quota.action]]
at = 100
do = "webhook"
url = "http://192.0.2.9/"

[quotas]
allow = ["safe"]
"#;

pub(super) fn config() -> Config {
    crate::config::read(CONFIGURATION).unwrap()
}

/// The same with one word in another's place.
pub(super) fn config_with(this: &str, that: &str) -> Config {
    assert!(CONFIGURATION.contains(this));
    crate::config::read(&CONFIGURATION.replace(this, that)).unwrap()
}

pub(super) fn net(text: &str) -> Prefix {
    text.parse().unwrap()
}

/// What the tenants used on a day, an hour after it began.
pub(super) fn reading(day: i64, used: &[(&str, u64)]) -> Reading {
    let cycle = day * DAY_MS..(day + 1) * DAY_MS;
    let now_ms = cycle.start + 3_600_000;
    let seen = |used| Seen { cycle: cycle.clone(), now_ms, used, lately: None };
    let metered = |(tenant, used): &(&str, u64)| Metered {
        quota: 0,
        whose: Whose::Tenant((*tenant).to_owned()),
        cycle: format!("day {day}"),
        seen: seen(*used),
        more: Some(0),
    };
    Reading {
        now_ms,
        metered: used.iter().map(metered).collect(),
        silent: Vec::new(),
        untold_ms: now_ms,
        given_up_before: None,
    }
}

/// A world of one set, that may end the program before or after its `fatal`th step.
#[derive(Default)]
pub(super) struct World {
    pub(super) set: BTreeSet<(u128, u128)>,
    /// Numbers of the documents that arrived.
    pub(super) calls: Vec<u64>,
    pub(super) runs: Vec<Vec<String>>,
    /// What nft says to whatever changes a set.
    pub(super) refusal: Option<String>,
    /// What the other side says to a call, or a program in the end.
    pub(super) failure: Option<String>,
    /// Whether the set makes one of those that touch.
    pub(super) is_merging: bool,
    pub(super) steps: u32,
    pub(super) fatal: Option<(u32, bool)>,
}

impl World {
    pub(super) fn with(networks: &[&str]) -> Self {
        Self { set: networks.iter().map(|text| range(net(text))).collect(), ..Self::default() }
    }

    pub(super) fn holds(&self) -> BTreeSet<(u128, u128)> {
        self.set.clone()
    }

    /// A step; whatever it does is done unless the program ends before it.
    fn step<T>(&mut self, effect: impl FnOnce(&mut Self) -> T) -> T {
        let fatal = self.fatal.filter(|(step, _)| *step == self.steps);
        self.steps += 1;
        assert!(!matches!(fatal, Some((_, false))), "killed before");
        let done = effect(self);
        assert!(fatal.is_none(), "killed after");
        done
    }
}

impl Hands for World {
    fn list(&mut self, set: &str) -> std::result::Result<Listing, String> {
        assert_eq!(set, SET);
        self.step(|world| {
            Ok(Listing { ranges: world.set.iter().copied().collect(), is_merging: world.is_merging })
        })
    }

    /// As the kernel has it: an interval that overlaps another is refused, one that is there already is not.
    fn add(&mut self, _: &str, element: Prefix) -> std::result::Result<(), String> {
        self.step(|world| {
            if let Some(why) = &world.refusal {
                return Err(why.clone());
            }
            let (from, to) = range(element);
            let overlaps =
                |(first, last): &(u128, u128)| *first <= to && *last >= from && (*first, *last) != (from, to);
            if world.set.iter().any(overlaps) {
                return Err("interval overlaps with an existing one".to_owned());
            }
            world.set.insert((from, to));
            Ok(())
        })
    }

    fn remove(&mut self, _: &str, element: Prefix) -> std::result::Result<(), String> {
        self.step(|world| match &world.refusal {
            Some(why) => Err(why.clone()),
            None if world.set.remove(&range(element)) => Ok(()),
            None => Err("element does not exist".to_owned()),
        })
    }

    fn call(&mut self, _: &str, body: &Json) -> std::result::Result<(), String> {
        self.step(|world| {
            world.calls.push(body["id"].as_u64().unwrap());
            world.failure.clone().map_or(Ok(()), Err)
        })
    }

    fn run(&mut self, program: &[String]) -> std::result::Result<(), String> {
        self.step(|world| {
            world.runs.push(program.to_vec());
            world.failure.clone().map_or(Ok(()), Err)
        })
    }
}

/// One look at a reading, as `step` does with what it read.
pub(super) fn turn(config: &Config, folder: &Path, reading: &Reading, world: &mut World) -> Figures {
    let figures = Figures::default();
    let mut books = Books::open(folder).unwrap();
    let changes = look::look(config, &books, reading, &figures).unwrap();
    books.enact(&changes).unwrap();
    let (mail, now_ms) = (config.mail.as_ref(), reading.now_ms);
    let site = &mut Site { books: &mut books, hands: world, figures: &figures, mail, now_ms };
    act(site, &AtomicBool::new(false)).unwrap();
    figures
}

#[test]
fn who_passes_is_blocked_once_and_unblocked_when_the_cycle_turns() {
    let (config, folder) = (config(), tempfile::tempdir().unwrap());
    let mut world = World::with(&["192.0.2.1"]);
    turn(&config, folder.path(), &reading(1, &[("acme", 999), ("zeta", 10)]), &mut world);
    assert_eq!(world.holds(), World::with(&["192.0.2.1"]).holds());
    let figures = turn(&config, folder.path(), &reading(1, &[("acme", 1000), ("zeta", 10)]), &mut world);
    assert_eq!(world.holds(), World::with(&["192.0.2.1", "10.0.1.0/24"]).holds());
    assert_eq!((figures.times("block", Became::Done), world.calls.as_slice()), (1, &[1][..]));
    assert_eq!(figures.blocked.load(Ordering::Relaxed), 1);
    // Nothing more happens, however often it is looked.
    let steps = world.steps;
    turn(&config, folder.path(), &reading(1, &[("acme", 5000), ("zeta", 10)]), &mut world);
    assert_eq!((world.steps - steps, world.calls.len()), (1, 1));
    // Somebody empties the set: the block is still in force.
    world.set.clear();
    turn(&config, folder.path(), &reading(1, &[("acme", 5000)]), &mut world);
    assert_eq!(world.holds(), World::with(&["10.0.1.0/24"]).holds());
    turn(&config, folder.path(), &reading(2, &[("acme", 0)]), &mut world);
    assert!(world.set.is_empty());
    let entries = Books::open(folder.path()).unwrap().quota_entries(20).unwrap();
    let whats: Vec<&str> = entries.iter().rev().map(|entry| entry.what.as_str()).collect();
    assert_eq!(whats, ["passed", "passed", "webhook", "block", "turned", "turned", "unblock"]);
    assert!(
        entries[3].why.starts_with("100 % passed: used 1.000 kB of 1.000 kB (100 %) in day 1"),
        "{}",
        entries[3].why
    );
}

#[test]
fn a_dry_run_changes_nothing_and_says_what_it_would() {
    let (config, folder) = (config_with("dry_run = false\n", ""), tempfile::tempdir().unwrap());
    let mut world = World::with(&["192.0.2.1"]);
    let figures = turn(&config, folder.path(), &reading(1, &[("acme", 1000)]), &mut world);
    assert_eq!(
        (world.steps, figures.times("block", Became::Dry), figures.times("webhook", Became::Dry)),
        (0, 1, 1)
    );
    let books = Books::open(folder.path()).unwrap();
    assert_eq!((books.blocks().unwrap(), books.deeds_newest(9).unwrap()), (vec![], vec![]));
    let would = books.quota_entries(1).unwrap().remove(0);
    assert_eq!(
        (would.what.as_str(), would.why.as_str()),
        ("would block", "10.0.1.0/24 in inet weir blocked")
    );
    // When it counts, what was passed already is passed.
    turn(&self::config(), folder.path(), &reading(1, &[("acme", 1000)]), &mut world);
    assert_eq!(world.holds(), World::with(&["192.0.2.1", "10.0.1.0/24"]).holds());
    // And when it is a dry run again, nobody stays blocked by it.
    turn(&config, folder.path(), &reading(1, &[("acme", 1000)]), &mut world);
    assert_eq!(world.holds(), World::with(&["192.0.2.1"]).holds());
}

#[test]
fn what_was_undone_stays_so_in_its_cycle() {
    let (config, folder) = (config(), tempfile::tempdir().unwrap());
    let mut world = World::default();
    turn(&config, folder.path(), &reading(1, &[("acme", 1000), ("zeta", 1000)]), &mut world);
    assert_eq!(world.set.len(), 3);
    let mut books = Books::open(folder.path()).unwrap();
    // An address takes back all of the block it lies in.
    let order = undo::Order { of: "10.0.3.7", who: "root".into(), why: "agreed", now_ms: 5 };
    assert_eq!(undo::undo(&mut books, &order).unwrap().len(), 2);
    assert_eq!(books.quota_entries(1).unwrap()[0].why, "agreed");
    for used in [1000, 2000] {
        turn(&config, folder.path(), &reading(1, &[("acme", 1000), ("zeta", used)]), &mut world);
        assert_eq!(world.holds(), World::with(&["10.0.1.0/24"]).holds());
    }
    let again = undo::undo(&mut books, &order).unwrap_err().to_string();
    assert_eq!(again, "\"10.0.3.7\" is not blocked; blocked are acme");
    turn(&config, folder.path(), &reading(2, &[("zeta", 1000)]), &mut world);
    assert_eq!(world.holds(), World::with(&["10.0.2.0/24", "10.0.3.7"]).holds());
}

/// The networks that a world's set holds.
fn set_of(networks: &[&str]) -> BTreeSet<(u128, u128)> {
    World::with(networks).holds()
}

#[test]
fn a_running_block_follows_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::with(&["192.0.2.1"]);
    let zeta = |networks: &str, allow: &str| {
        let text = CONFIGURATION.replace("\"10.0.2.0/24\", \"10.0.3.7\"", networks);
        crate::config::read(&text.replace("[\"safe\"]", allow)).unwrap()
    };
    let look = |config: &Config, world: &mut World| {
        turn(config, folder.path(), &reading(1, &[("acme", 1000), ("zeta", 1000)]), world);
    };
    let before = zeta("\"10.0.2.0/30\", \"10.0.3.7\"", "[\"safe\"]");
    look(&before, &mut world);
    assert_eq!(world.holds(), set_of(&["192.0.2.1", "10.0.1.0/24", "10.0.2.0/30", "10.0.3.7"]));
    // An address of a network is allowed: the rest of it stays blocked.
    look(&zeta("\"10.0.2.0/30\", \"10.0.3.7\"", "[\"safe\", \"10.0.2.1\"]"), &mut world);
    let rest = ["192.0.2.1", "10.0.1.0/24", "10.0.2.0/32", "10.0.2.2/31", "10.0.3.7"];
    assert_eq!(world.holds(), set_of(&rest));
    let entries = Books::open(folder.path()).unwrap().quota_entries(2).unwrap();
    assert_eq!((entries[1].what.as_str(), entries[0].what.as_str()), ("unblock", "block"));
    assert!(entries[1].why.ends_with(": 10.0.2.0/30 in inet weir blocked"), "{}", entries[1].why);
    let more = "the configuration blocks more of it now: 10.0.2.0/32 in inet weir blocked, 10.0.2.2/31 in inet weir blocked; 100 % passed";
    assert!(entries[0].why.starts_with(more), "{}", entries[0].why);
    // No longer allowed; a network given up, another taken.
    look(&zeta("\"10.0.2.0/30\", \"10.0.5.0/24\"", "[\"safe\"]"), &mut world);
    assert_eq!(world.holds(), set_of(&["192.0.2.1", "10.0.1.0/24", "10.0.2.0/30", "10.0.5.0/24"]));
    // A part of it is another tenant's.
    let nested = "[[tenant]]\nname = \"kiosk\"\nnested = true\nnetworks = [\"10.0.2.0/31\"]\n[quotas]";
    let text =
        CONFIGURATION.replace("\"10.0.2.0/24\", \"10.0.3.7\"", "\"10.0.2.0/30\"").replace("[quotas]", nested);
    let nested = crate::config::read(&text).unwrap();
    look(&nested, &mut world);
    assert_eq!(world.holds(), set_of(&["192.0.2.1", "10.0.1.0/24", "10.0.2.2/31"]));
    // Looked at again, and with the books opened anew, nothing more happens.
    let steps = world.steps;
    look(&nested, &mut world);
    assert_eq!(world.steps - steps, 1);
    // What was undone does not begin again because networks change.
    let order = undo::Order { of: "zeta", who: "root".into(), why: "agreed", now_ms: 5 };
    undo::undo(&mut Books::open(folder.path()).unwrap(), &order).unwrap();
    look(&before, &mut world);
    assert_eq!(world.holds(), set_of(&["192.0.2.1", "10.0.1.0/24"]));
    turn(&before, folder.path(), &reading(2, &[("acme", 0), ("zeta", 0)]), &mut world);
    assert_eq!(world.holds(), set_of(&["192.0.2.1"]));
}

#[test]
fn whom_the_fuse_refused_stays_so_with_other_networks() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::default();
    let with = |networks: &str, fuse: &str| {
        let text = CONFIGURATION.replace("\"10.0.2.0/24\", \"10.0.3.7\"", networks);
        crate::config::read(&text.replace("allow = [\"safe\"]", fuse)).unwrap()
    };
    let used = [("acme", 2000), ("zeta", 1000)];
    turn(&with("\"10.0.2.0/24\"", "fuse = 1"), folder.path(), &reading(1, &used), &mut world);
    turn(&with("\"10.0.6.0/24\"", "fuse = 1"), folder.path(), &reading(1, &used), &mut world);
    assert_eq!(world.holds(), set_of(&["10.0.1.0/24"]));
    turn(&with("\"10.0.6.0/24\"", "fuse = 2"), folder.path(), &reading(1, &used), &mut world);
    assert_eq!(world.holds(), set_of(&["10.0.1.0/24", "10.0.6.0/24"]));
}

#[test]
fn mails_go_into_the_outbox_for_each_once() {
    let text = CONFIGURATION.replace(
        "do = \"webhook\"\nurl = \"http://192.0.2.9/\"",
        "do = \"mail\"\nto = [\"a@example.org\", \"b@example.org\"]",
    );
    let mail = "[mail]\nfrom = \"weir@example.org\"\nsendmail = \"/nowhere/sendmail\"\n";
    let config = crate::config::read(&format!("{mail}{text}")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::default();
    let day = reading(1, &[("acme", 1000)]);
    turn(&config, folder.path(), &day, &mut world);
    let mut books = Books::open(folder.path()).unwrap();
    let queued = books.deliveries_since(0).unwrap();
    let to: Vec<&str> = queued.iter().map(|one| one.recipient.as_str()).collect();
    assert_eq!(to, ["a@example.org", "b@example.org"]);
    assert_eq!((queued[0].kind.as_str(), queued[0].about.as_str()), ("quota", "fair: acme"));
    assert_eq!(queued[0].subject, "fair: acme 100 % passed");
    let mut deed = books.deeds_newest(1).unwrap().remove(0);
    assert_eq!(deed.state, DeedState::Done);
    // One has it, the other is busy; then a stop before the deed was marked, as the next start finds it.
    let parcel = books.take_due(day.now_ms).unwrap().unwrap();
    books.settle(&parcel, &weir_books::Fate::Sent(String::new()), "weir", day.now_ms).unwrap();
    (deed.state, deed.ended_ms) = (DeedState::Begun, None);
    books.mark_deed(&deed).unwrap();
    turn(&config, folder.path(), &day, &mut world);
    assert_eq!(books.deeds_newest(1).unwrap()[0].state, DeedState::Done);
    assert_eq!(books.deliveries_since(0).unwrap().len(), 2);
    assert_eq!(books.take_due(day.now_ms).unwrap().unwrap().delivery.recipient, "b@example.org");
}

#[test]
fn a_tenant_is_written_to_in_its_language_and_unit() {
    let text = CONFIGURATION
        .replace("do = \"webhook\"\nurl = \"http://192.0.2.9/\"", "do = \"mail\"\nto = [\"tenant\"]")
        .replace(
            "name = \"acme\"\n",
            "name = \"acme\"\nlanguage = \"de\"\nunit = 1024\nmail = [\"a@example.org\"]\n",
        )
        .replace("limit = \"1000\"", "limit = \"2 MiB\"");
    let mail = "[mail]\nfrom = \"weir@example.org\"\nsendmail = \"/nowhere/sendmail\"\n";
    let config = crate::config::read(&format!("{mail}{text}")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let day = reading(1, &[("acme", 2 << 20)]);
    turn(&config, folder.path(), &day, &mut World::default());
    let mut books = Books::open(folder.path()).unwrap();
    assert_eq!(books.deliveries_since(0).unwrap()[0].subject, "fair: acme 100 % erreicht");
    let parcel = books.take_due(day.now_ms).unwrap().unwrap();
    let message = String::from_utf8_lossy(&parcel.message).replace("=\r\n", "");
    for part in ["100 % erreicht: verbraucht 2,000 MiB von 2,000 MiB (100 %) in ", "Kontingent: fair, von "] {
        assert!(message.contains(part), "{part}: {message}");
    }
    // What programs and the audit trail are told is the same for everybody.
    let why = &books.quota_entries(1).unwrap()[0].why;
    assert!(why.contains("100 % passed: used 2.097 MB of 2.097 MB"), "{why}");
}

#[test]
fn who_has_no_address_is_not_written_to_again_and_again() {
    let text = CONFIGURATION
        .replace("do = \"webhook\"\nurl = \"http://192.0.2.9/\"", "do = \"mail\"\nto = [\"tenant\"]");
    let mail = "[mail]\nfrom = \"weir@example.org\"\nsendmail = \"/nowhere/sendmail\"\n";
    let config = crate::config::read(&format!("{mail}{text}")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    turn(&config, folder.path(), &reading(1, &[("acme", 1000)]), &mut World::default());
    let books = Books::open(folder.path()).unwrap();
    assert_eq!(books.deliveries_since(0).unwrap(), []);
    assert_eq!(books.deeds_newest(1).unwrap()[0].state, DeedState::Done);
}

#[test]
fn the_fuse_lets_so_many_be_blocked_and_says_who_was_not() {
    let one = config_with("allow = [\"safe\"]", "fuse = 1");
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::default();
    let used = [("acme", 2000), ("zeta", 1000), ("safe", 1000)];
    let figures = turn(&one, folder.path(), &reading(1, &used), &mut world);
    assert_eq!(world.holds(), World::with(&["10.0.1.0/24"]).holds());
    assert_eq!((figures.times("block", Became::Refused), figures.times("block", Became::Done)), (2, 1));
    let books = Books::open(folder.path()).unwrap();
    let refused: Vec<_> =
        books.blocks().unwrap().into_iter().filter(|b| b.state == BlockState::Refused).collect();
    assert_eq!(refused.len(), 3);
    assert!(books.quota_entries(1).unwrap()[0].why.starts_with("NOT blocked: 1 are blocked already"));
    // Room alone lets nobody in: the figures may be wrong. Somebody who raises the fuse has looked at them.
    let order = undo::Order { of: "acme", who: "root".into(), why: "agreed", now_ms: 5 };
    undo::undo(&mut Books::open(folder.path()).unwrap(), &order).unwrap();
    turn(&one, folder.path(), &reading(1, &used), &mut world);
    assert!(world.set.is_empty());
    turn(&config_with("allow = [\"safe\"]", "fuse = 5"), folder.path(), &reading(1, &used), &mut world);
    assert_eq!(world.holds(), World::with(&["10.0.2.0/24", "10.0.3.7", "10.0.4.0/24"]).holds());
}

#[test]
fn blocks_end_when_their_time_or_their_quota_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::default();
    let short = config_with("allow = [\"safe\"]", "allow = [\"safe\"]\nexpire = \"2h\"");
    turn(&short, folder.path(), &reading(1, &[("acme", 1000)]), &mut world);
    assert_eq!(world.set.len(), 1);
    let mut later = reading(1, &[("acme", 1000)]);
    later.now_ms += 2 * 3_600_000 - 1;
    turn(&short, folder.path(), &later, &mut world);
    assert_eq!(world.set.len(), 1);
    later.now_ms += 1;
    turn(&short, folder.path(), &later, &mut world);
    assert!(world.set.is_empty());
    // It does not begin again by itself in this cycle; in the next it does, and ends with its quota.
    turn(&short, folder.path(), &reading(1, &[("acme", 1000)]), &mut world);
    assert!(world.set.is_empty());
    turn(&short, folder.path(), &reading(2, &[("acme", 1000)]), &mut world);
    assert_eq!(world.set.len(), 1);
    let gone = config_with("name = \"fair\"", "name = \"other\"");
    turn(&gone, folder.path(), &reading(2, &[("acme", 0)]), &mut world);
    assert!(world.set.is_empty());
}

#[test]
fn a_cycle_that_became_longer_is_no_clock_that_was_set_back() {
    let (day, folder) = (config(), tempfile::tempdir().unwrap());
    let mut world = World::default();
    turn(&day, folder.path(), &reading(20, &[("acme", 1000)]), &mut world);
    assert_eq!(world.set.len(), 1);
    // January 1970 now counts as a whole, and the limit with it; day 21 lies in it.
    let month = config_with("cycle = \"day\"\nlimit = \"1000\"", "cycle = \"month\"\nlimit = \"9000\"");
    let mut whole = reading(20, &[("acme", 4000)]);
    whole.metered[0].seen.cycle = 0..31 * DAY_MS;
    turn(&month, folder.path(), &whole, &mut world);
    assert!(world.set.is_empty());
    // A clock that was set back by a day changes nothing.
    turn(&day, folder.path(), &reading(20, &[("acme", 1000)]), &mut world);
    turn(&day, folder.path(), &reading(19, &[("acme", 0)]), &mut world);
    assert_eq!(world.set.len(), 1);
}

#[test]
fn somebody_elses_element_is_never_taken_away() {
    let (config, folder) = (config(), tempfile::tempdir().unwrap());
    let mut world = World::with(&["10.0.1.0/24", "10.0.2.5"]);
    let figures = turn(&config, folder.path(), &reading(1, &[("acme", 1000), ("zeta", 1000)]), &mut world);
    // Acme's was there. A part of zeta's was, so the whole cannot be put there; its other network can.
    assert_eq!(world.holds(), World::with(&["10.0.1.0/24", "10.0.2.5", "10.0.3.7"]).holds());
    assert_eq!((figures.times("block", Became::Done), figures.times("block", Became::Failed)), (2, 1));
    let blocks = Books::open(folder.path()).unwrap().blocks().unwrap();
    let failing: Vec<&str> =
        blocks.iter().map(|block| block.said.as_str()).filter(|said| !said.is_empty()).collect();
    assert!(failing[0].contains("already holds 10.0.2.5") && failing.len() == 1, "{failing:?}");
    turn(&config, folder.path(), &reading(2, &[]), &mut world);
    assert_eq!(world.holds(), World::with(&["10.0.1.0/24", "10.0.2.5"]).holds());
    assert_eq!(Books::open(folder.path()).unwrap().blocks().unwrap(), []);
}

/// What nft has merged it cannot take apart again.
#[test]
fn nothing_is_put_into_a_set_that_merges() {
    let (config, folder) = (config(), tempfile::tempdir().unwrap());
    let mut world = World { is_merging: true, ..World::default() };
    turn(&config, folder.path(), &reading(1, &[("acme", 1000)]), &mut world);
    let said = Books::open(folder.path()).unwrap().blocks().unwrap().remove(0).said;
    assert!(world.set.is_empty() && said.contains("make it without"), "{said}");
}

#[test]
fn what_fails_is_kept_with_its_reason_and_tried_again() {
    let (config, folder) = (config(), tempfile::tempdir().unwrap());
    let mut world = World { refusal: Some("Operation not permitted".to_owned()), ..World::default() };
    world.failure = Some("no route".to_owned());
    let figures = turn(&config, folder.path(), &reading(1, &[("acme", 1000)]), &mut world);
    assert_eq!((figures.times("block", Became::Failed), figures.times("webhook", Became::Failed)), (1, 1));
    assert_eq!((figures.failing.load(Ordering::Relaxed), figures.blocked.load(Ordering::Relaxed)), (1, 0));
    let books = Books::open(folder.path()).unwrap();
    let deed = books.deeds_newest(1).unwrap().remove(0);
    assert_eq!((deed.state, deed.tries, deed.said.as_str()), (DeedState::Open, 1, "no route"));
    // A minute later, and with rights.
    world.refusal = None;
    world.failure = None;
    let mut later = reading(1, &[("acme", 1000)]);
    later.now_ms += 60_000;
    turn(&config, folder.path(), &later, &mut world);
    assert_eq!(world.holds(), World::with(&["10.0.1.0/24"]).holds());
    let deed = books.deeds_newest(1).unwrap().remove(0);
    // The receiver knows by the number that it is the same.
    assert_eq!((deed.state, deed.tries, world.calls.as_slice()), (DeedState::Done, 2, &[1, 1][..]));
}

#[test]
fn a_program_that_was_cut_short_is_not_run_again() {
    let exec = "do = \"exec\"\nprogram = [\"/bin/x\", \"{tenant} {percent} {id}\"]";
    let config = config_with("do = \"webhook\"\nurl = \"http://192.0.2.9/\"", exec);
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::default();
    turn(&config, folder.path(), &reading(1, &[("acme", 1230)]), &mut world);
    assert_eq!(world.runs, [["/bin/x", "acme 123 1"]]);
    // The last step of the look is the program.
    let mut dying = World { fatal: Some((world.steps - 1, true)), ..World::default() };
    let killed = catch_unwind(AssertUnwindSafe(|| {
        turn(&config, folder.path(), &reading(2, &[("acme", 1000)]), &mut dying)
    }));
    assert!(killed.is_err() && dying.runs.len() == 1);
    turn(&config, folder.path(), &reading(2, &[("acme", 1000)]), &mut world);
    assert_eq!(world.runs.len(), 1);
    let deed = Books::open(folder.path()).unwrap().deeds_newest(1).unwrap().remove(0);
    assert_eq!(deed.state, DeedState::Unknown);
}

#[test]
fn a_network_takes_the_place_of_its_hosts_and_leaves_it_to_them() {
    let hosts = "[[quota]]\nname = \"hosts\"\neach = \"host\"\ncycle = \"day\"\nlimit = \"100\"\nthresholds = [100]\n\
                 dry_run = false\n[[quota.action]]\nat = 100\ndo = \"nftables\"\nset = \"inet weir blocked\"\n";
    let config = crate::config::read(&format!("{CONFIGURATION}{hosts}")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::default();
    let with_host = |day, used, host_used| {
        let mut reading = reading(day, &[("acme", used)]);
        let mut host = reading.metered[0].clone();
        host.quota = 1;
        host.whose = Whose::Host("acme".to_owned(), "10.0.1.9".parse().unwrap());
        host.seen.used = host_used;
        reading.metered.push(host);
        reading
    };
    turn(&config, folder.path(), &with_host(1, 500, 100), &mut world);
    assert_eq!(world.holds(), World::with(&["10.0.1.9"]).holds());
    turn(&config, folder.path(), &with_host(1, 1000, 100), &mut world);
    assert_eq!(world.holds(), World::with(&["10.0.1.0/24"]).holds());
    // The tenant's figures are corrected; the host's are as they were.
    turn(&config, folder.path(), &with_host(1, 900, 100), &mut world);
    assert_eq!(world.holds(), World::with(&["10.0.1.9"]).holds());
    turn(&config, folder.path(), &with_host(2, 0, 0), &mut world);
    assert!(world.set.is_empty());
    assert_eq!(Books::open(folder.path()).unwrap().blocks().unwrap(), []);
}

/// Acme and zeta are a group, which has the limit together.
fn grouped(more: &str) -> Config {
    let text = CONFIGURATION
        .replace("name = \"acme\"", "name = \"acme\"\ngroup = \"campus/a\"")
        .replace("name = \"zeta\"", "name = \"zeta\"\ngroup = \"campus/b\"")
        .replace("name = \"fair\"", "name = \"fair\"\ngroups = [\"campus\"]")
        .replace("dry_run = false\n", more);
    crate::config::read(&text).unwrap()
}

/// What the group used on a day.
fn group_reading(day: i64, used: u64) -> Reading {
    let mut reading = reading(day, &[("", used)]);
    reading.metered[0].whose = Whose::Group("campus".parse().unwrap());
    reading
}

#[test]
fn a_group_is_blocked_as_one_and_unblocked_as_one() {
    let (config, folder) = (grouped("dry_run = false\n"), tempfile::tempdir().unwrap());
    let all = World::with(&["10.0.1.0/24", "10.0.2.0/24", "10.0.3.7"]).holds();
    let mut world = World::default();
    turn(&config, folder.path(), &group_reading(1, 999), &mut world);
    assert!(world.set.is_empty());
    let figures = turn(&config, folder.path(), &group_reading(1, 1000), &mut world);
    assert_eq!((world.holds(), figures.blocked.load(Ordering::Relaxed)), (all.clone(), 1));
    assert_eq!(world.calls, [1]);
    let mut books = Books::open(folder.path()).unwrap();
    let task: Json = serde_json::from_str(&books.deeds_newest(1).unwrap()[0].task).unwrap();
    assert_eq!((&task["body"]["group"], &task["body"]["tenant"]), (&"campus".into(), &Json::Null));
    assert_eq!(books.quota_entries(1).unwrap()[0].subject, "quota fair: campus (group)");
    // Nothing more comes of it, however often it is looked; undone it stays so until the next day.
    turn(&config, folder.path(), &group_reading(1, 5000), &mut world);
    assert_eq!((world.holds(), world.calls.len()), (all.clone(), 1));
    let order = undo::Order { of: "campus", who: "root".into(), why: "agreed", now_ms: 5 };
    assert_eq!(undo::undo(&mut books, &order).unwrap().len(), 3);
    turn(&config, folder.path(), &group_reading(1, 6000), &mut world);
    assert!(world.set.is_empty());
    turn(&config, folder.path(), &group_reading(2, 1000), &mut world);
    assert_eq!(world.holds(), all);
    // When the quota is no longer for it, the block ends.
    turn(
        &grouped("dry_run = false\neach = \"tenant\"\n"),
        folder.path(),
        &reading(2, &[("acme", 0)]),
        &mut world,
    );
    assert!(world.set.is_empty());
}

#[test]
fn a_groups_dry_run_does_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::default();
    turn(&grouped(""), folder.path(), &group_reading(1, 1000), &mut world);
    assert_eq!(world.steps, 0);
    let would = Books::open(folder.path()).unwrap().quota_entries(1).unwrap().remove(0);
    let all = ["10.0.1.0/24", "10.0.2.0/24", "10.0.3.7/32"].map(|net| format!("{net} in {SET}")).join(", ");
    assert_eq!((would.what.as_str(), would.why), ("would block", all));
}

#[test]
fn a_kill_while_a_group_is_blocked_changes_nothing() {
    let config = grouped("dry_run = false\n");
    let all = World::with(&["10.0.1.0/24", "10.0.2.0/24", "10.0.3.7"]).holds();
    for (step, is_done) in (0..8).flat_map(|step| [(step, false), (step, true)]) {
        let folder = tempfile::tempdir().unwrap();
        let mut world = World { fatal: Some((step, is_done)), ..World::default() };
        let reading = group_reading(1, 1000);
        let _ = catch_unwind(AssertUnwindSafe(|| turn(&config, folder.path(), &reading, &mut world)));
        world.fatal = None;
        turn(&config, folder.path(), &reading, &mut world);
        assert_eq!(world.holds(), all, "killed at step {step}");
        let entries = Books::open(folder.path()).unwrap().quota_entries(100).unwrap();
        assert_eq!(entries.iter().filter(|entry| entry.what == "block").count(), 1);
        let calls: BTreeSet<u64> = world.calls.iter().copied().collect();
        assert_eq!(calls, BTreeSet::from([1]));
    }
}

/// Whether a tenant is over the limit, told a second time: up at 1000, down below 950 or with a new day.
#[derive(Default)]
struct Model {
    day: i64,
    up: BTreeMap<&'static str, bool>,
    rises: u64,
}

impl Model {
    fn look(&mut self, day: i64, used: &[(&'static str, u64)]) {
        if day > self.day {
            self.up.clear();
            self.day = day;
        }
        for (tenant, used) in used {
            let up = self.up.entry(tenant).or_default();
            let now = *used >= if *up { 950 } else { 1000 };
            self.rises += u64::from(now && !*up);
            *up = now;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(weir_testkit::cases(40)))]
    /// Whenever the program is killed, before or after whatever it did: at the next look that comes to its end exactly
    /// those are blocked who are over, what was somebody else's is there, and every rise was called out.
    #[test]
    fn a_kill_between_any_two_steps_changes_nothing(
        story in prop::collection::vec(
            (prop::bool::weighted(0.2), 800u64..1100, 800u64..1100, prop::option::of((0u32..12, any::<bool>()))),
            1..12,
        ),
    ) {
        let (config, folder) = (config(), tempfile::tempdir().unwrap());
        let mut world = World::with(&["192.0.2.1", "10.0.3.7"]);
        let mut model = Model { day: 1, ..Model::default() };
        let (mut day, mut last) = (1, None);
        for (turns, acme, zeta, fatal) in story {
            day += i64::from(turns);
            let used = [("acme", acme), ("zeta", zeta)];
            model.look(day, &used);
            let reading = reading(day, &used);
            world.steps = 0;
            world.fatal = fatal;
            // The kill is a panic in the world's hands; the books are opened anew at every look.
            let quiet = std::panic::take_hook();
            std::panic::set_hook(Box::new(|_| {}));
            let _ = catch_unwind(AssertUnwindSafe(|| turn(&config, folder.path(), &reading, &mut world)));
            std::panic::set_hook(quiet);
            last = Some(reading);
        }
        world.fatal = None;
        turn(&config, folder.path(), &last.unwrap(), &mut world);
        let over = model.up.iter().filter(|(_, up)| **up)
            .flat_map(|(tenant, _)| elements(&config, &Whose::Tenant((*tenant).to_owned()), 0));
        let mut expected = World::with(&["192.0.2.1", "10.0.3.7"]).holds();
        expected.extend(over.map(range));
        prop_assert_eq!(world.holds(), expected);
        let calls: BTreeSet<u64> = world.calls.iter().copied().collect();
        prop_assert_eq!(calls, (1..=model.rises).collect::<BTreeSet<u64>>());
        let entries = Books::open(folder.path()).unwrap().quota_entries(1000).unwrap();
        prop_assert_eq!(entries.iter().filter(|entry| entry.what == "block").count() as u64, model.rises);
    }
}
