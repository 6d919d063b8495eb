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
