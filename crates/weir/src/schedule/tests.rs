use super::*;
use std::cell::Cell;
use std::os::unix::fs::PermissionsExt;

/// 2026-10-15T00:00:00Z.
const OCTOBER_MS: i64 = 1_792_022_400_000;
const DAY_MS: i64 = 86_400_000;

/// A store of an empty network whose mail goes to a script that counts.
fn place(lines: &str) -> (tempfile::TempDir, Config) {
    let folder = tempfile::tempdir().unwrap();
    let (sendmail, took) = (folder.path().join("sendmail"), folder.path().join("took"));
    std::fs::write(&sendmail, format!("#!/bin/sh\ngrep '^Subject:' >> '{}'\n", took.display())).unwrap();
    std::fs::set_permissions(&sendmail, std::fs::Permissions::from_mode(0o755)).unwrap();
    let text = format!(
        "[mail]\nfrom = \"weir@example.org\"\nsendmail = \"{}\"\nhtml = false\n\
         [[tenant]]\nname = \"acme\"\nnetworks = [\"192.0.2.0/24\"]\nmail = [\"a@example.com\"]\n\
         [[schedule]]\ndo = \"mail\"\n{lines}\n",
        sendmail.display()
    );
    let mut config = crate::config::read(&text).unwrap();
    config.store = folder.path().join("store");
    let (writer, _) = weir_store::Writer::open(&config.store, weir_store::Options::default()).unwrap();
    drop(writer);
    (folder, config)
}

fn begun() -> Work {
    Work::new(Arc::new(Hub::new(&Config::default())), Arc::default())
}

fn took(folder: &tempfile::TempDir) -> usize {
    std::fs::read_to_string(folder.path().join("took")).unwrap_or_default().lines().count()
}

#[test]
fn what_was_missed_is_caught_up_once() {
    let (folder, config) = place("period = \"last\"\non = \"1st 06:00\"");
    let now = Cell::new(OCTOBER_MS);
    let mut work = begun();
    // What would have been due before it was asked for is not done.
    work.go_round(&config, &|| now.get());
    assert_eq!(took(&folder), 0);
    // The daemon is down from here; two months go by.
    let mut work = begun();
    now.set(OCTOBER_MS + 50 * DAY_MS);
    work.go_round(&config, &|| now.get());
    assert_eq!(took(&folder), 2, "October and November");
    assert_eq!(work.hub.post.jobs(), [("done", 2), ("failed", 0)]);
    assert_eq!(work.hub.post.letters()[0], ("sent", 2));
    // Started anew at the same moment, and again: nothing is done twice.
    for _ in 0..3 {
        let mut work = begun();
        now.set(now.get() + DAY_MS);
        work.go_round(&config, &|| now.get());
        assert_eq!(work.hub.post.jobs()[0], ("done", 0));
    }
    assert_eq!(took(&folder), 2);
}

#[test]
fn a_job_that_fails_is_tried_again_after_a_while() {
    let (folder, config) = place("period = \"last\"\non = \"1st 06:00\"");
    let now = Cell::new(OCTOBER_MS);
    begun().go_round(&config, &|| now.get());
    // No store, no statements.
    let hidden = Config { store: folder.path().join("elsewhere"), ..config.clone() };
    std::fs::create_dir(&hidden.store).unwrap();
    std::fs::copy(config.store.join(weir_books::FILE), hidden.store.join(weir_books::FILE)).unwrap();
    let mut work = begun();
    now.set(OCTOBER_MS + 30 * DAY_MS);
    work.go_round(&hidden, &|| now.get());
    work.go_round(&hidden, &|| now.get() + 59_999);
    assert_eq!(work.hub.post.jobs(), [("done", 0), ("failed", 1)]);
    work.go_round(&hidden, &|| now.get() + 60_000);
    work.go_round(&hidden, &|| now.get() + 60_000 + 299_999);
    assert_eq!(work.hub.post.jobs(), [("done", 0), ("failed", 2)]);
}

/// Two tenants, one of whom has this tariff.
fn with_tariff(config: &Config, tariff: &str, rules: &str) -> Config {
    let mail = config.mail.as_ref().unwrap();
    let crate::config::Way::Sendmail(sendmail) = &mail.way else { panic!("sendmail") };
    let text = format!(
        "[mail]\nfrom = \"weir@example.org\"\nsendmail = \"{}\"\nhtml = false\n\
         [[tenant]]\nname = \"acme\"\nnetworks = [\"192.0.2.0/24\"]\nmail = [\"a@example.com\"]\n{tariff}\n\
         [[tenant]]\nname = \"bolt\"\nnetworks = [\"198.51.100.0/24\"]\nmail = [\"b@example.com\"]\n\
         [[schedule]]\ndo = \"mail\"\nperiod = \"last\"\non = \"1st 06:00\"\n{rules}\n",
        sendmail.display()
    );
    let mut with = crate::config::read(&text).unwrap();
    with.store = config.store.clone();
    with
}

/// A tariff that cannot be applied to a month without data.
const REFUSES: &str = "[[tariff]]\nname = \"gold\"\ncurrency = \"EUR\"\n\
    [[tariff.rule]]\nname = \"line\"\npercentile = \"95\"\nper = \"Mbit/s\"\nprice = \"2.00\"\nmissing = \"refuse\"\n";
const FLAT: &str = "[[tariff]]\nname = \"gold\"\ncurrency = \"EUR\"\n\
    [[tariff.rule]]\nname = \"line\"\nflat = \"24.00\"\n";

#[test]
fn one_letter_that_cannot_be_written_is_owed_and_holds_up_nobody() {
    let (folder, config) = place("period = \"last\"\non = \"1st 06:00\"");
    let broken = with_tariff(&config, "tariff = \"gold\"", REFUSES);
    let now = Cell::new(OCTOBER_MS);
    begun().go_round(&broken, &|| now.get());
    let mut work = begun();
    now.set(OCTOBER_MS + 30 * DAY_MS);
    work.go_round(&broken, &|| now.get());
    assert_eq!(took(&folder), 1, "bolt has its letter");
    assert_eq!(work.hub.post.jobs(), [("done", 1), ("failed", 1)]);
    let name = broken.schedules[0].to_string();
    let owed = Books::open(&config.store).unwrap().owed(&name).unwrap();
    assert_eq!((owed.len(), owed[0].about.as_str(), owed[0].period.as_str()), (1, "acme", "2026-10"));
    // Another month: it is due for itself, and October for acme alone.
    let mut work = begun();
    now.set(OCTOBER_MS + 60 * DAY_MS);
    work.go_round(&broken, &|| now.get());
    work.go_round(&broken, &|| now.get() + 59_999);
    assert_eq!(took(&folder), 2);
    assert_eq!(work.hub.post.jobs(), [("done", 1), ("failed", 2)]);
    // What was wrong is put right.
    let mended = with_tariff(&config, "", "");
    work.go_round(&mended, &|| now.get() + 60_000);
    let subjects = std::fs::read_to_string(folder.path().join("took")).unwrap();
    let expected = ["bolt, 2026-10", "bolt, 2026-11", "acme, 2026-10", "acme, 2026-11"];
    assert_eq!(subjects.lines().count(), expected.len(), "{subjects}");
    for (line, of) in subjects.lines().zip(expected) {
        assert!(line.starts_with(&format!("Subject: Traffic of {of}")), "{line} is not about {of}");
    }
    let mut books = Books::open(&config.store).unwrap();
    assert_eq!(books.owed(&name).unwrap(), []);
    assert!(
        books
            .audit()
            .unwrap()
            .iter()
            .any(|entry| entry.subject.ends_with("the statement of acme for 2026-10"))
    );
    assert!(books.take_due(i64::MAX).unwrap().is_none());
}

#[test]
fn what_is_closed_is_sent_whatever_the_tariff_says_now() {
    let (folder, config) = place("period = \"last\"\non = \"1st 06:00\"");
    // The clock of closing is the machine's: the last month is over.
    let whole = with_tariff(&config, "tariff = \"gold\"", FLAT);
    let period = whole.calendar().period("last", clock::now_ms()).unwrap();
    closing::close(&whole, &closing::Order { period: &period, is_early: false, without_pdf: true }).unwrap();
    let broken = with_tariff(&config, "tariff = \"gold\"", REFUSES);
    let mut books = Books::open(&config.store).unwrap();
    let order = Order { period: &period, tenants: &[], groups: &[], to: &[], again: false };
    let queued = order::queue(&broken, &mut books, &order, 1000).unwrap();
    assert_eq!((queued.deliveries, queued.failed), (2, Vec::new()));
    let acme = books.take_due(1000).unwrap().unwrap();
    assert_eq!(acme.delivery.about, "acme");
    assert!(String::from_utf8_lossy(&acme.message).contains("24.00"), "as it was closed");
    drop(folder);
}

/// Each calendar has its own times, its own letters, and a summary of its own.
#[test]
fn jobs_are_done_on_each_calendar_at_its_own_time() {
    let (folder, config) = place("period = \"last\"\nafter = \"0m\"");
    let mail = config.mail.as_ref().unwrap();
    let crate::config::Way::Sendmail(sendmail) = &mail.way else { panic!("sendmail") };
    let text = format!(
        "[mail]\nfrom = \"weir@example.org\"\nsendmail = \"{}\"\nhtml = false\nmanager = [\"m@example.com\"]\n\
         [[tenant]]\nname = \"acme\"\nnetworks = [\"192.0.2.0/24\"]\nmail = [\"a@example.com\"]\n\
         [[tenant]]\nname = \"bolt\"\nnetworks = [\"198.51.100.0/24\"]\nmail = [\"b@example.com\"]\nzone = \"Asia/Kolkata\"\n\
         [[tenant]]\nname = \"coil\"\nnetworks = [\"203.0.113.0/24\"]\nmail = [\"c@example.com\"]\nday = 15\n\
         [[schedule]]\ndo = \"mail\"\nperiod = \"last\"\nafter = \"0m\"\n",
        sendmail.display()
    );
    let mut with = crate::config::read(&text).unwrap();
    with.store = config.store.clone();
    // 2026-10-20T00:00:00Z
    let now = Cell::new(OCTOBER_MS + 5 * DAY_MS);
    let mut work = begun();
    work.go_round(&with, &|| now.get());
    let mut known = 0;
    let mut new_subjects = |at: &str, work: &mut Work| -> Vec<String> {
        now.set(weir_account::span::fixed(at, &weir_account::Zone::utc()).unwrap());
        work.go_round(&with, &|| now.get());
        let all = std::fs::read_to_string(folder.path().join("took")).unwrap_or_default();
        let new =
            all.lines().skip(known).map(|line| line.trim_start_matches("Subject: ").to_owned()).collect();
        known = all.lines().count();
        new
    };
    assert_eq!(new_subjects("2026-10-31T18:29", &mut work), [""; 0]);
    assert_eq!(
        new_subjects("2026-10-31T18:30", &mut work),
        [
            "Traffic of bolt, 2026-10 (no traffic, data is missing)",
            "Traffic of all tenants, 2026-10 (Asia/Kolkata)"
        ],
        "November has begun in Kolkata"
    );
    assert_eq!(
        new_subjects("2026-11-01T00:00", &mut work),
        ["Traffic of acme, 2026-10 (no traffic, data is missing)", "Traffic of all tenants, 2026-10 (UTC)"]
    );
    assert_eq!(
        new_subjects("2026-11-15T00:00", &mut work),
        [
            "Traffic of coil, 2026-10 (no traffic, data is missing)",
            "Traffic of all tenants, 2026-10 (UTC, day 15)"
        ]
    );
    let mut work = begun();
    assert_eq!(new_subjects("2026-11-15T12:00", &mut work), [""; 0], "once");
}
