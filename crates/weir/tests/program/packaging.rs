//! What is shipped beside the program: the units as systemd reads them, the configuration as the program reads it.

use crate::run::Place;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// The units in a folder of their own, with this program in them.
fn units(place: &Place) -> [PathBuf; 2] {
    ["weir.service", "weir.socket"].map(|name| {
        let text =
            fs::read_to_string(weir_testkit::repository().join("packaging/systemd").join(name)).unwrap();
        place.write(name, text.replace("/usr/bin/weir", env!("CARGO_BIN_EXE_weir")));
        place.path(name)
    })
}

#[test]
fn systemd_finds_nothing_wrong_with_the_units_and_little_exposed() {
    const NAME: &str = "systemd_finds_nothing_wrong_with_the_units_and_little_exposed";
    let Some(analyze) = weir_testkit::program("systemd-analyze") else {
        return weir_testkit::skip(NAME, "systemd-analyze is not installed");
    };
    let place = Place::new();
    let units = units(&place);
    let said = Command::new(&analyze).args(["verify", "--man=no"]).args(&units).output().unwrap();
    let text = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.status.success() && !text.contains("weir.s"), "{text}");
    // In tenths, of 100: what docs/packaging.md says, and not more.
    let mut command = Command::new(&analyze);
    command.args(["security", "--offline=true", "--threshold=15", "--no-pager"]).arg(&units[0]);
    let said = command.output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stdout));
}

#[test]
fn the_shipped_configuration_has_no_mistake() {
    let place = Place::new();
    let shipped = weir_testkit::repository().join("packaging/weir.toml");
    place.bring(&shipped, "shipped.toml");
    let said = place.done("check -c shipped.toml");
    assert!(said.contains("[web]") || !said.is_empty(), "{said}");
    // And with every example in it.
    let text = fs::read_to_string(shipped).unwrap();
    let all: Vec<&str> = text
        .lines()
        .map(|line| line.strip_prefix('#').filter(|l| !l.starts_with(' ')).unwrap_or(line))
        .collect();
    place.write("all.toml", all.join("\n"));
    if cfg!(feature = "sql") {
        place.done("check -c all.toml");
        return;
    }
    assert!(place.fails("check -c all.toml", 1).contains("this weir was built without SQL: take [sql] out"));
    let of_sql = ["[sql]", "listen = \"127.0.0.1:5432\"", "users = "];
    let is_others = |line: &&&str| !of_sql.iter().any(|of| line.starts_with(of));
    let others: Vec<&str> = all.iter().filter(is_others).copied().collect();
    assert_eq!(others.len() + 3, all.len());
    place.write("all.toml", others.join("\n"));
    let said = place.done("check -c all.toml");
    assert!(said.contains("note: /run/credentials/weir.service/mail.password is there only while"), "{said}");
}
