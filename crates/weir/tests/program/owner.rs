//! What root does in the daemon's store: the daemon, which is another user, can go on in it.
//!
//! Whose each file is, the file system says; that it suffices, a daemon run as that user.

use crate::closing;
use crate::daemon::{Daemon, until};
use crate::run::Place;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use weir_testkit::{is_root, skip};

/// A user that is there on every system and owns nothing.
const USER: u32 = 65534;

const MORE: &str = "\n[[rollup]]\nname = \"by-host\"\nkeys = [\"src_addr\"]\nwidth = \"1d\"\n\n\
                    [mail]\nfrom = \"billing@isp.example\"\nsendmail = \"/bin/true\"\nmanager = [\"boss@isp.example\"]\n";

/// A store's folder of another user, in a folder that all may pass through.
fn place() -> Place {
    let place = Place::with(&format!("{}{MORE}", closing::CONFIGURATION));
    fs::set_permissions(place.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(place.path("store")).unwrap();
    chown(place.path("store"), Some(USER), Some(USER)).unwrap();
    place
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, found);
        }
        found.push(path);
    }
}

/// Every file and folder of the store is the user's; their names.
fn all_theirs(place: &Place, after: &str) -> Vec<String> {
    let mut found = Vec::new();
    walk(&place.path("store"), &mut found);
    for path in &found {
        let there = fs::symlink_metadata(path).unwrap();
        assert_eq!((there.uid(), there.gid()), (USER, USER), "{} after weir {after}", path.display());
    }
    found.iter().map(|path| path.strip_prefix(place.path("store")).unwrap().display().to_string()).collect()
}

/// A daemon as that user.
fn daemon(place: &Place) -> Daemon {
    // The program may lie where that user cannot go.
    let program = place.path("weir");
    if !program.exists() {
        fs::copy(env!("CARGO_BIN_EXE_weir"), &program).unwrap();
    }
    let mut command = Command::new(program);
    command.args(["run", "--listen", "127.0.0.1:0"]).current_dir(place.path("")).stdin(Stdio::null());
    command.env_remove("WEIR_STORE").env_remove("RUST_LOG").env("NO_COLOR", "1").uid(USER).gid(USER);
    Daemon::start_command(place, &mut command)
}

#[test]
fn what_root_does_in_a_store_does_not_lock_its_daemon_out() {
    if !is_root() {
        return skip("what_root_does_in_a_store_does_not_lock_its_daemon_out", "not root");
    }
    let place = place();
    let october = [closing::flow([203, 0, 113, 77], [10, 31, 0, 5], 1000, 10)];
    closing::import(&place, "first.pcap", &[(1_760_097_600, 0, &october)]);
    all_theirs(&place, "import");
    let commands = [
        "close --period 2025-10",
        "mail --period 2025-10",
        "reattribute --from 2025-11-01 --to 2025-12-01",
        "rollup",
        "rebuild",
        "top src_addr",
        "verify",
    ];
    for line in commands {
        place.done(line);
        all_theirs(&place, line);
    }
    // Somebody who has the books open while root writes them.
    let reader = rusqlite::Connection::open(place.path("store/books.sqlite")).unwrap();
    let closed: u32 = reader.query_row("select count(*) from audit", [], |row| row.get(0)).unwrap();
    assert!(closed > 0);
    place.done("mail acme --period 2025-10 --to somebody@isp.example");
    let names = all_theirs(&place, "mail, with the books open");
    for name in [
        "books.sqlite",
        "books.sqlite-wal",
        "books.sqlite-shm",
        "manifest",
        "lock",
        "flows",
        "rollups/by-host",
        "cache",
    ] {
        assert!(names.iter().any(|there| there == name), "{name} is not in {names:?}");
    }
    drop(reader);
    // Where an earlier version left things root's, the next command puts them right.
    for name in ["books.sqlite", "lock", "manifest"] {
        chown(place.path("store").join(name), Some(0), Some(0)).unwrap();
    }
    place.done("close --period 2025-11");
    place.done("rebuild");
    all_theirs(&place, "rebuild");

    let daemon = daemon(&place);
    until("the daemon to listen", || daemon.log().contains("listening on udp"));
    let log = daemon.stop();
    assert!(!log.contains("denied"), "{log}");
}

#[test]
fn an_unfinished_file_that_may_not_be_removed_is_said_and_left() {
    if !is_root() {
        return skip("an_unfinished_file_that_may_not_be_removed_is_said_and_left", "not root");
    }
    let place = place();
    let (day, closed) = (place.path("store/flows/1999-01-01"), place.path("store/lost+found"));
    for folder in [&day, &closed] {
        fs::create_dir_all(folder).unwrap();
    }
    chown(place.path("store/flows"), Some(USER), Some(USER)).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(day.join("1.tmp"), "half").unwrap();

    let daemon = daemon(&place);
    until("the daemon to listen", || daemon.log().contains("listening on udp"));
    let log = daemon.stop();
    assert!(log.contains("1999-01-01/1.tmp was left unfinished and we may not remove it"), "{log}");
    assert!(day.join("1.tmp").exists());
}
