//! What was not read again: answers that are kept, and roll-ups; with the same figures as without.

use crate::cli::with_capture;
use crate::daemon::{Daemon, until};
use crate::run::{Place, number};
use serde_json::Value;
use std::fs;

const ROLLUP: &str = "\n[[rollup]]\nname = \"by-service\"\nkeys = [\"src_port\", \"dst_port\", \"proto\", \"dst_addr\"]\nwidth = \"1h\"\n";

/// What an answer says, without how it was found.
fn figures(mut answer: Value) -> Value {
    for of_reading in ["scanned_records", "cached_segments", "rolled_segments"] {
        assert!(answer.as_object_mut().unwrap().remove(of_reading).is_some(), "{of_reading} in {answer:#}");
    }
    answer
}

/// The configuration of a place, with more.
fn with_more(more: &str) -> Place {
    let place = with_capture();
    let text = fs::read_to_string(place.path("weir.toml")).unwrap();
    place.write("weir.toml", format!("{text}\n{more}"));
    place
}

#[test]
fn a_question_asked_again_reads_nothing_and_says_the_same() {
    let place = with_capture();
    place.done("import export.pcap");
    for keys in [
        "service -n 0",
        "src,dst --others",
        "proto,hour",
        "conversation --bi",
        "dst --percentile 95",
        "remote/24 --spark",
    ] {
        let line = format!("top {keys} -o json");
        let plain = place.json(&format!("{line} --no-cache"));
        assert_eq!((number(&plain, "scanned_records"), number(&plain, "cached_segments")), (192, 0));
        let first = place.json(&line);
        assert_eq!(
            (number(&first, "scanned_records"), number(&first, "cached_segments")),
            (192, 0),
            "{keys}"
        );
        let again = place.json(&line);
        assert_eq!((number(&again, "scanned_records"), number(&again, "cached_segments")), (0, 1), "{keys}");
        assert_eq!(figures(first), figures(plain.clone()));
        assert_eq!(figures(again), figures(plain));
    }
    let explained = place.weir("top service --explain").err;
    assert!(explained.contains("not read again: 1 segments"), "{explained}");
    // A file of prefixes that says something else is another question.
    let asked = |octets: &str| {
        place.write("nets.txt", octets);
        place.json("top proto 'src in @nets.txt' -o json")
    };
    let (all, again, none) = (asked("0.0.0.0/0\n"), asked("0.0.0.0/0\n"), asked("198.51.100.7\n"));
    assert_eq!(number(&again, "cached_segments"), 1);
    assert_eq!(figures(all), figures(again));
    assert_eq!((number(&none, "cached_segments"), number(&none, "total.octets")), (0, 0));
    // Nothing is kept where nothing may be.
    fs::remove_dir_all(place.path("store/cache")).unwrap();
    let text = fs::read_to_string(place.path("weir.toml")).unwrap();
    place.write("weir.toml", format!("{text}\n[cache]\nsize = \"0\"\n"));
    place.done("top service");
    assert!(!place.path("store/cache").exists());
}

#[test]
fn a_rollup_is_built_once_and_answers_what_it_covers() {
    let place = with_more(ROLLUP);
    place.done("import export.pcap");
    let check = place.done("check -c weir.toml");
    assert!(check.contains("roll-up \"by-service\" is not built yet of 1 of 1 segment"), "{check}");
    assert_eq!(place.done("rollup --check"), "by-service: 0 of 1 segment, 1 not built yet\n");
    assert_eq!(place.done("rollup"), "by-service: 1 of 1 segment, 1 built now\n");
    let again = place.json("rollup -o json");
    assert_eq!(
        (number(&again, "0.built"), number(&again, "0.built_now"), number(&again, "0.missing")),
        (1, 0, 0)
    );
    assert!(!place.done("check -c weir.toml").contains("not built yet"));
    for (keys, is_covered) in [
        ("service -n 0", true),
        ("dst/24,hour", true),
        ("day,proto", true),
        ("proto 'dst port 53'", true),
        ("src", false),
        ("proto,minute", false),
        ("proto 'octets > 1000'", false),
    ] {
        let plain = place.json(&format!("top {keys} -o json --no-cache"));
        let said = place.json(&format!("top {keys} -o json"));
        let read = (number(&said, "rolled_segments"), number(&said, "scanned_records"));
        assert_eq!(read, if is_covered { (1, 0) } else { (0, 192) }, "{keys}");
        assert_eq!(figures(said), figures(plain), "{keys}");
    }
    fs::remove_dir_all(place.path("store/cache")).unwrap();
    let explained = place.weir("top service --explain").err;
    assert!(explained.contains("from roll-ups: 1 segments, in "), "{explained}");
    // What is damaged is read, and said; and built again once it is away.
    let day = fs::read_dir(place.path("store/rollups/by-service")).unwrap().next().unwrap().unwrap().path();
    let file = fs::read_dir(day).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&file, bytes).unwrap();
    fs::remove_dir_all(place.path("store/cache")).unwrap();
    let explained = place.weir("top service --explain").err;
    assert!(
        explained.contains("damaged: 1 files") && explained.contains("read: 192 of 192 records"),
        "{explained}"
    );
    fs::remove_file(&file).unwrap();
    assert_eq!(place.done("rollup"), "by-service: 1 of 1 segment, 1 built now\n");
    assert!(with_capture().fails("rollup", 2).contains("[[rollup]]"));
}

#[test]
fn the_daemon_builds_what_is_missing_and_clears_what_is_gone() {
    let place = with_more(ROLLUP);
    place.done("import export.pcap");
    let built = || place.json("rollup --check -o json")[0]["built"] == 1;
    let daemon = Daemon::start(&place);
    until("the roll-up", built);
    daemon.stop();
    // Of a segment that is not there.
    let stray = place.path("store/rollups/by-service/2026-01-01");
    fs::create_dir_all(&stray).unwrap();
    fs::write(stray.join("7-0.part"), b"").unwrap();
    assert_eq!(
        place.done("rollup"),
        "by-service: 1 of 1 segment, 1 files of segments that are gone removed\n"
    );
    assert!(!stray.exists());
}
