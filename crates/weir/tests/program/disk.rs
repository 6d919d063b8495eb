//! A disk that is full while `weir run` stores, and has room again; and `weir rebuild`.

use crate::daemon::{Daemon, until};
use crate::flowgen::generate;
use crate::run::{Place, number};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

/// A small disk where the store of a place is, unmounted when dropped.
struct Small<'a> {
    place: &'a Place,
}

impl<'a> Small<'a> {
    fn mount(test: &str, place: &'a Place) -> Option<Self> {
        let at = place.path("store");
        fs::create_dir_all(&at).unwrap();
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=64m", "tmpfs"]).arg(&at).status();
        if !weir_testkit::is_root() || !mount.is_ok_and(|status| status.success()) {
            weir_testkit::skip(test, "only root can mount a small disk");
            return None;
        }
        Some(Self { place })
    }

    /// Somebody else takes what room there is, but for a little.
    fn fill(&self, leave: usize) {
        let path = self.place.path("store/ballast");
        let mut file = fs::File::create(&path).unwrap();
        while file.write_all(&[1; 65_536]).is_ok() {}
        let len = fs::metadata(&path).unwrap().len();
        file.set_len(len.saturating_sub(leave as u64)).unwrap();
    }

    fn empty(&self) {
        fs::remove_file(self.place.path("store/ballast")).unwrap();
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.place.path("store")).status();
    }
}

#[test]
fn a_full_disk_ends_nothing_and_what_it_cost_is_a_number() {
    let test = "a_full_disk_ends_nothing_and_what_it_cost_is_a_number";
    let place = Place::new();
    let Some(truth) = generate(test, &place, "v9", 120_000, 7) else { return };
    let Some(disk) = Small::mount(test, &place) else { return };
    let daemon = Daemon::start(&place);
    // Room for a part of what comes.
    disk.fill(2 << 20);
    let send = |daemon: &Daemon| place.done(&format!("send export.pcap --to {} --pps 4000", daemon.to));
    send(&daemon);
    until("storing to stop", || daemon.log().contains("nothing is stored"));
    // Questions are answered, and nothing in them is wrong.
    let usage = place.json("usage -o json");
    assert_eq!(usage["balance"]["difference"], 0);
    let stored = number(&usage, "balance.decoded.octets");
    assert!(stored > 0 && stored < number(&truth, "bytes"), "{stored}");
    disk.empty();
    until("storing to go on", || daemon.log().contains("stored again"));
    let log = daemon.stop();
    assert_eq!(log.matches("nothing is stored").count(), 1, "{log}");
    let usage = place.json("usage -o json");
    let balance = &usage["balance"];
    for (ours, theirs) in [("octets", "bytes"), ("packets", "packets"), ("flows", "flows")] {
        assert_eq!(balance["decoded"][ours], truth[theirs], "{usage:#}");
    }
    assert_eq!(balance["difference"], 0);
    let discarded = number(&usage, "balance.discarded.octets");
    assert!(discarded > 0);
    assert_eq!(balance["discarded_by_reason"]["disk_full"], balance["discarded"]);
    let flows = place.json("top proto -o json");
    assert_eq!(number(&flows, "total.octets") + discarded, number(&truth, "bytes"));
    assert!(place.done("rebuild --check").contains("all is as it was written"));
}

/// The files below a folder.
fn below(path: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { below(&path) } else { vec![path] }).collect()
}

#[test]
fn what_is_damaged_is_named_and_accounts_are_computed_again() {
    let place = Place::new();
    let Some(_) = generate("what_is_damaged_is_named", &place, "v5", 20_000, 8) else { return };
    place.done("import export.pcap");
    let before = place.json("usage -o json --hosts");
    assert!(place.done("rebuild").contains("0 accounts differed"));
    let by_tenant = place.json("usage -o json");
    // Accounts by host, by tenant, and added up over time lie apart: each answers without the others.
    for (folder, asks, other) in [
        ("bins", "usage --hosts", "usage"),
        ("tenants", "top tenant,time/5m", "usage"),
        ("tenants", "top tenant,time/5m", "usage --hosts"),
        ("sums", "usage", "usage --hosts"),
    ] {
        let file = below(&place.path(&format!("store/{folder}"))).remove(0);
        let mut bytes = fs::read(&file).unwrap();
        let at = bytes.len() / 3;
        bytes[at] ^= 32;
        fs::write(&file, &bytes).unwrap();
        let name = file.strip_prefix(place.path("store")).unwrap().to_str().unwrap();
        assert!(place.fails(asks, 1).contains(name), "{asks}");
        let expected = if other == "usage" { &by_tenant } else { &before };
        assert_eq!(&place.json(&format!("{other} -o json")), expected);
        assert!(place.weir("rebuild --check").out.contains(name));
        assert_eq!(place.weir("rebuild --check").code, Some(1));
        place.done("top proto");
        let answer = place.weir("rebuild");
        assert!(answer.out.contains("1 file of accounts written anew"), "{} {}", answer.out, answer.err);
        assert_eq!(place.json("usage -o json --hosts"), before);
        assert_eq!(place.json("usage -o json"), by_tenant);
        place.done("rebuild --check");
    }
    // A segment that is damaged is named by questions about it.
    let segment = below(&place.path("store/flows")).remove(0);
    let mut bytes = fs::read(&segment).unwrap();
    bytes[100] ^= 1;
    fs::write(&segment, &bytes).unwrap();
    let name = segment.file_name().unwrap().to_str().unwrap();
    assert!(place.weir("rebuild --check").out.contains(name));
    assert_eq!(place.json("usage -o json --hosts"), before, "accounts answer all the same");
    assert!(place.fails("rebuild --check --last 2h", 2).contains("--check reads the whole store"));
}
