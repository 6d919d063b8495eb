//! `docs/columns.md` is written from the schema. After a change there: `WEIR_WRITE_DOCS=1 cargo test -p weir-flow
//! --test columns`.

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that reads and writes a page")]

use std::fmt::Write;
use weir_flow::batch::ALWAYS;
use weir_flow::schema::{COLUMNS, Kind};

/// How a kind is held in Parquet, and how it looks in JSON.
fn types(kind: Kind) -> (String, &'static str) {
    match kind {
        Kind::Time => ("INT64, TIMESTAMP(MILLIS, UTC)".into(), "integer, ms since 1970 UTC"),
        Kind::Addr => ("BYTE_ARRAY, 4 or 16 octets in network order".into(), "text"),
        Kind::Mac => ("BYTE_ARRAY, 6 octets".into(), "text"),
        Kind::Unsigned(64) => ("INT64, UINT_64".into(), "integer"),
        Kind::Unsigned(bits) => (format!("INT32, UINT_{bits}"), "integer"),
        Kind::Word(_) | Kind::Name | Kind::Text => ("BYTE_ARRAY, UTF8".into(), "text"),
        Kind::Elements => ("BYTE_ARRAY".into(), "with `--all`, each by its name"),
    }
}

fn page() -> String {
    let mut out = String::from(
        "# Columns\n\n\
         A flow record has these columns, under these names, in the store's Parquet files, in JSON, CSV and filters, and as\n\
         keys of `weir top`. Unknown is null, never 0. Columns without an element are weir's own.\n\n\
         | column | Parquet | JSON | unit | element | always | what |\n|---|---|---|---|---|---|---|\n",
    );
    for d in &COLUMNS {
        let (parquet, json) = types(d.kind);
        let element = d.element.map_or_else(String::new, |e| e.to_string());
        let always = if ALWAYS & d.column.bit() != 0 { "yes" } else { "" };
        writeln!(
            out,
            "| `{}` | {parquet} | {json} | {} | {element} | {always} | {} |",
            d.name, d.unit, d.doc
        )
        .unwrap();
    }
    out.push_str("\nWords, where a column holds one of a closed list:\n\n");
    for d in &COLUMNS {
        if let Kind::Word(words) = d.kind {
            writeln!(out, "* `{}`: {}", d.name, words.join(", ")).unwrap();
        }
    }
    out
}

#[test]
fn the_page_says_what_the_schema_says() {
    let path = weir_testkit::repository().join("docs/columns.md");
    if std::env::var_os("WEIR_WRITE_DOCS").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap();
    assert!(
        written == page(),
        "docs/columns.md is not what the schema says: write it again, see the top of this file"
    );
}
