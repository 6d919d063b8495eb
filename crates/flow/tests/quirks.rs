//! `docs/quirks.md` is the table of quirks, and what it names is there. To write it again:
//! `WEIR_WRITE_DOCS=1 cargo test -p weir-flow --test quirks`

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that reads and writes a page")]

use std::fmt::Write;
use weir_flow::quirk::QUIRKS;

fn page() -> String {
    let mut out = String::from(
        "# Quirks\n\n\
         What exporters do that no standard says, and what weir makes of it. Nothing is chosen by a vendor's name: it is\n\
         recognised by what is sent. Recordings without an ending are in `testdata/captures`.\n\n\
         | who | what they do | what weir does | recording | where |\n|---|---|---|---|---|\n",
    );
    for quirk in QUIRKS {
        let place = format!("[`{}`](../{})", quirk.place.rsplit('/').next().unwrap_or_default(), quirk.place);
        writeln!(out, "| {} | {} | {} | {} | {place} |", quirk.who, quirk.does, quirk.we, quirk.capture)
            .unwrap();
    }
    out
}

#[test]
fn the_page_says_what_the_table_says() {
    let path = weir_testkit::repository().join("docs/quirks.md");
    if std::env::var_os("WEIR_WRITE_DOCS").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page(),
        "docs/quirks.md is not what the table says: write it again, see the top of this file"
    );
}

#[test]
fn what_the_table_names_is_there() {
    let repository = weir_testkit::repository();
    for quirk in QUIRKS {
        assert!(repository.join(quirk.place).is_file(), "{}", quirk.place);
        let is_ours = repository.join("testdata/captures").join(quirk.capture).exists();
        if let Some(shared) = weir_testkit::shared() {
            let known = is_ours || shared.join("captures").join(quirk.capture).exists();
            assert!(known || quirk.capture.starts_with("none"), "{}", quirk.capture);
        }
    }
}
