use super::*;
use crate::FILE;
use proptest::prelude::*;

const OCTOBER: About<'_> = About { kind: "statement", about: "acme", period: "2026-10" };

fn letter(about: About<'static>, edition: u32) -> Letter<'static> {
    Letter { about, edition, digest: [7; 32], message_id: "<a@b>", subject: "traffic", message: b"text" }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

fn states(books: &Books) -> Vec<(String, &'static str, u32)> {
    let all = books.deliveries_since(0).unwrap();
    all.into_iter().map(|one| (one.recipient, one.state.word(), one.tries)).collect()
}

#[test]
fn nobody_is_written_to_twice_about_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let mut books = Books::open(folder.path()).unwrap();
    assert_eq!(books.queue(&letter(OCTOBER, 1), &names(&["a@x", "b@x", "a@x"]), 10).unwrap(), ["a@x", "b@x"]);
    // Again, and by another process that looked before the first one wrote.
    let mut other = Books::open(folder.path()).unwrap();
    assert_eq!(other.queue(&letter(OCTOBER, 1), &names(&["a@x", "c@x"]), 11).unwrap(), ["c@x"]);
    assert_eq!(books.unwritten(&OCTOBER, &names(&["c@x", "d@x", "d@x"])).unwrap(), ["d@x"]);
    // Another period, another tenant and another kind are other letters, and so is a new edition.
    for about in [
        About { period: "2026-11", ..OCTOBER },
        About { about: "zeta", ..OCTOBER },
        About { kind: "summary", ..OCTOBER },
    ] {
        assert_eq!(books.queue(&letter(about, 1), &names(&["a@x"]), 12).unwrap(), ["a@x"]);
    }
    assert_eq!(books.queue(&letter(OCTOBER, 2), &names(&["a@x"]), 13).unwrap(), ["a@x"]);
    assert!(books.queue(&letter(OCTOBER, 2), &names(&["a@x"]), 14).unwrap().is_empty());
    let about = books.deliveries_about(&OCTOBER).unwrap();
    let editions: Vec<_> = about.iter().map(|one| (one.recipient.as_str(), one.edition)).collect();
    assert_eq!(editions, [("a@x", 1), ("b@x", 1), ("c@x", 1), ("a@x", 2)]);
    assert_eq!((about[0].digest, about[0].queued_ms, about[0].next_ms), ([7; 32], 10, Some(10)));
}

#[test]
fn a_delivery_from_queue_to_receipt() {
    let folder = tempfile::tempdir().unwrap();
    let mut books = Books::open(folder.path()).unwrap();
    books.queue(&letter(OCTOBER, 1), &names(&["a@x", "b@x"]), 10).unwrap();
    assert_eq!(books.take_due(9).unwrap(), None);
    let parcel = books.take_due(10).unwrap().unwrap();
    assert_eq!((parcel.delivery.recipient.as_str(), parcel.message.as_slice()), ("a@x", b"text".as_slice()));
    assert_eq!(parcel.delivery.state, State::Queued);
    books.settle(&parcel, &Fate::Later("451 busy".to_owned(), 70), "weir", 11).unwrap();
    // The other one is due, the first is not.
    let other = books.take_due(69).unwrap().unwrap();
    assert_eq!(other.delivery.recipient, "b@x");
    books.settle(&other, &Fate::Failed("550 nobody".to_owned()), "weir", 12).unwrap();
    assert_eq!(books.take_due(69).unwrap(), None);
    assert_eq!(books.waiting().unwrap(), (1, Some(70)));
    let again = books.take_due(70).unwrap().unwrap();
    books.settle(&again, &Fate::Sent("250 ok".to_owned()), "anna", 71).unwrap();
    assert_eq!(states(&books), [("a@x".to_owned(), "sent", 2), ("b@x".to_owned(), "failed", 1)]);
    assert_eq!(books.waiting().unwrap(), (0, None));
    let trail: Vec<(String, String, String, String)> = books
        .db
        .prepare("select who, what, subject, why from audit order by place")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .unwrap()
        .map(std::result::Result::unwrap)
        .collect();
    let entry = |who: &str, what: &str, subject: &str, why: &str| {
        (who.to_owned(), what.to_owned(), subject.to_owned(), why.to_owned())
    };
    assert_eq!(
        trail,
        [
            entry("weir", "fail to send", "statement acme 2026-10 to b@x", "550 nobody"),
            entry("anna", "send", "statement acme 2026-10 to a@x", "250 ok"),
        ]
    );
    // What failed can be tried again, with its text.
    assert_eq!(books.retry(100).unwrap(), 1);
    let last = books.take_due(100).unwrap().unwrap();
    assert_eq!((last.delivery.recipient.as_str(), last.message.as_slice()), ("b@x", b"text".as_slice()));
    assert_eq!((last.delivery.queued_ms, last.delivery.tries), (100, 0));
    books.settle(&last, &Fate::Sent("250 ok".to_owned()), "anna", 101).unwrap();
    let kept: Option<Vec<u8>> =
        books.db.query_row("select message from letter", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, None, "nobody waits for the text any more");
}

#[test]
fn a_letter_that_came_back_has_failed_for_whom_it_came_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut books = Books::open(folder.path()).unwrap();
    books.queue(&letter(OCTOBER, 1), &names(&["a@x", "b@x"]), 10).unwrap();
    for at in [11, 12] {
        let parcel = books.take_due(at).unwrap().unwrap();
        books.settle(&parcel, &Fate::Sent("250 ok".to_owned()), "weir", at).unwrap();
    }
    assert_eq!(books.come_back("<c@d>", &names(&["a@x"]), "5.1.1", "anna", 20).unwrap(), None);
    // Two had it: whose it is the address says, and one that nobody has says nothing.
    assert_eq!(books.come_back("<a@b>", &names(&["z@x"]), "5.1.1", "anna", 21).unwrap(), Some(Vec::new()));
    for at in [22, 23] {
        let back = books.come_back("<a@b>", &names(&["z@x", "B@X"]), "5.1.1", "anna", at).unwrap().unwrap();
        let one = &back[0];
        assert_eq!((back.len(), one.recipient.as_str(), one.state, one.at_ms), (1, "b@x", State::Failed, 22));
    }
    assert_eq!(states(&books), [("a@x".to_owned(), "sent", 1), ("b@x".to_owned(), "failed", 1)]);
    // The text is gone: nothing is there to be tried again.
    assert_eq!((books.retry(30).unwrap(), books.take_due(31).unwrap()), (0, None));
}

#[test]
fn what_was_in_hand_when_the_program_ended_is_taken_up_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut books = Books::open(folder.path()).unwrap();
    books.queue(&letter(OCTOBER, 1), &names(&["a@x"]), 10).unwrap();
    let lost = books.take_due(10).unwrap().unwrap();
    drop(books);
    assert!(folder.path().join(FILE).exists());
    let mut books = Books::open(folder.path()).unwrap();
    assert_eq!(states(&books), [("a@x".to_owned(), "handing", 1)]);
    // Put off is what waits, not what is in hand.
    assert_eq!(books.put_off("no server", 11, 99).unwrap(), 0);
    let found = books.take_due(11).unwrap().unwrap();
    assert_eq!((found.delivery.state, found.delivery.tries), (State::Handing, 1));
    assert_eq!((found.delivery.message_id, found.message), (lost.delivery.message_id, lost.message));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// Whatever is asked for in whatever order, and whatever the server says: each recipient is sent each edition at most
    /// once, and what is not settled waits.
    #[test]
    fn each_is_sent_once(steps in proptest::collection::vec((0..4u8, 0..3usize, 1..3u32), 1..40)) {
        let folder = tempfile::tempdir().unwrap();
        let mut books = Books::open(folder.path()).unwrap();
        let all = names(&["a@x", "b@x", "c@x"]);
        let (mut sent, mut now_ms) = (Vec::new(), 0);
        for (step, who, edition) in steps {
            now_ms += 10;
            if step == 0 {
                books.queue(&letter(OCTOBER, edition), &all[..=who], now_ms).unwrap();
                continue;
            }
            let Some(parcel) = books.take_due(now_ms).unwrap() else { continue };
            let key = (parcel.delivery.recipient.clone(), parcel.delivery.edition);
            let fate = match step {
                1 => Fate::Later("busy".to_owned(), now_ms + 15),
                2 => Fate::Failed("nobody".to_owned()),
                _ => {
                    prop_assert!(!sent.contains(&key), "{key:?} twice");
                    sent.push(key);
                    Fate::Sent("ok".to_owned())
                }
            };
            books.settle(&parcel, &fate, "weir", now_ms).unwrap();
        }
        let all = books.deliveries_since(0).unwrap();
        let waiting = all.iter().filter(|one| one.state == State::Queued).count();
        prop_assert_eq!(books.waiting().unwrap().0, waiting as u64);
        prop_assert_eq!(all.iter().filter(|one| one.state == State::Sent).count(), sent.len());
    }
}
