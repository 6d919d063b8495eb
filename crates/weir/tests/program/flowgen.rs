//! The traffic generator of `../shared/tools/flowgen`, which knows exactly what it made.

use crate::run::Place;
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Makes `flows` records of a protocol into `export.pcap` of the place, writes the tenants it knows into
/// `weir.toml`, and gives its own totals. `None` where there is no generator; the test has said so then.
pub(crate) fn generate(test: &str, place: &Place, proto: &str, flows: u64, seed: u64) -> Option<Value> {
    let Some(program) = program() else {
        weir_testkit::skip(test, "no ../shared/tools/flowgen");
        return None;
    };
    let made = Command::new(program)
        .args(["--flows", &flows.to_string(), "--proto", proto, "--seed", &seed.to_string()])
        .arg("--pcap")
        .arg(place.path("export.pcap"))
        .output()
        .unwrap();
    assert!(made.status.success(), "flowgen: {}", String::from_utf8_lossy(&made.stderr));
    let truth: Value = serde_json::from_slice(&made.stdout).unwrap();
    place.write("weir.toml", configuration(&truth));
    Some(truth)
}

/// The generator, built once.
pub(crate) fn program() -> Option<&'static Path> {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    PROGRAM.get_or_init(build).as_deref()
}

/// Builds a copy, because the sources may lie where nothing can be written.
fn build() -> Option<PathBuf> {
    let source = weir_testkit::shared()?.join("tools/flowgen");
    if !source.join("Cargo.toml").is_file() {
        return None;
    }
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join("flowgen");
    mirror(&source.join("src"), &copy.join("src"));
    // A workspace of its own, although it lies within ours.
    let manifest = fs::read_to_string(source.join("Cargo.toml")).unwrap() + "\n[workspace]\n";
    write_if_new(&copy.join("Cargo.toml"), manifest.as_bytes());
    // Our own versions of what it depends on: they are on this machine already.
    let lock = copy.join("Cargo.lock");
    if !lock.exists() {
        fs::copy(weir_testkit::repository().join("Cargo.lock"), lock).unwrap();
    }
    let cargo = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO"));
        command.args(["build", "--release", "--quiet"]).args(more).current_dir(&copy);
        command.env("CARGO_TARGET_DIR", copy.join("target")).output().unwrap()
    };
    let mut built = cargo(&["--offline"]);
    if !built.status.success() {
        built = cargo(&[]);
    }
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    Some(copy.join("target/release/flowgen"))
}

fn mirror(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            mirror(&entry.path(), &target);
        } else {
            write_if_new(&target, &fs::read(entry.path()).unwrap());
        }
    }
}

/// Leaves a file that is so already, so that cargo has nothing to do.
fn write_if_new(path: &Path, contents: &[u8]) {
    if fs::read(path).is_ok_and(|there| there == contents) {
        return;
    }
    fs::write(path, contents).unwrap();
}

/// A configuration with the tenants of the generator.
fn configuration(truth: &Value) -> String {
    let mut text = "[store]\npath = \"store\"\n".to_owned();
    for tenant in truth["tenants"].as_array().unwrap() {
        let (name, networks) = (&tenant["name"], &tenant["prefixes"]);
        write!(text, "\n[[tenant]]\nname = {name}\nnetworks = {networks}\n").unwrap();
    }
    text
}
