//! The table of `docs/decoding.md` is written from [`super::differ::LINES`]. After a change there:
//! `WEIR_WRITE_DOCS=1 cargo test -p weir-flow --test tshark page`.

use super::differ::LINES;
use std::fmt::Write;

/// Where the table stands in the page.
const BEGIN: &str = "<!-- written by crates/flow/tests/tshark/page.rs -->\n";
const END: &str = "<!-- until here -->\n";

fn table() -> String {
    let mut out = String::from(
        "| capture | field | tshark | weir | what decides | right |\n|---|---|---|---|---|---|\n",
    );
    for line in LINES {
        let (capture, field) = (line.capture, line.field);
        let (tshark, weir, decides, right) = (line.tshark, line.weir, line.decides, line.right);
        writeln!(out, "| {capture} | `{field}` | {tshark} | {weir} | {decides} | {right} |").unwrap();
    }
    out
}

#[test]
fn the_page_has_every_disagreement() {
    let path = weir_testkit::repository().join("docs/decoding.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (written, after) = rest.split_once(END).unwrap();
    if std::env::var_os("WEIR_WRITE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{}{END}{after}", table())).unwrap();
        return;
    }
    assert!(written == table(), "docs/decoding.md is not what the table says: see the top of this file");
}
