//! Closing, and that nothing that is closed can be changed unseen.

use crate::{Adjustment, Begun, Books, Closed, Closing, Draft, Entry, FILE, Statement, Term, digest};
use proptest::prelude::*;
use rusqlite::Connection;
use rusqlite::types::Value;
use std::path::Path;

const DAY_MS: i64 = 86_400_000;

fn entry(what: &str) -> Entry {
    let text = |text: &str| text.to_owned();
    Entry {
        at_ms: 7,
        who: text("anna"),
        what: text(what),
        subject: text("2026-10"),
        why: text("a month is over"),
    }
}

fn closing(number: i64) -> Closing {
    Closing {
        period: format!("2026-{number:02}"),
        zone: "Europe/Berlin".to_owned(),
        from_ms: number * DAY_MS,
        to_ms: (number + 1) * DAY_MS,
        at_ms: (number + 2) * DAY_MS,
        is_early: number == 2,
        version: "weir 0.1.0".to_owned(),
        configuration: "[billing]\nzone = \"Europe/Berlin\"\n".to_owned(),
        made_from: "{\"files\":[]}".to_owned(),
    }
}

fn statement(tenant: &str, octets: u64) -> Statement {
    Statement {
        tenant: tenant.to_owned(),
        document: format!("{{\"tenant\":\"{tenant}\",\"octets\":{octets}}}").into_bytes(),
        figures: format!("{{\"octets\":{octets}}}"),
        renderings: vec![
            ("text".to_owned(), format!("{tenant} {octets}\n").into_bytes()),
            ("csv".to_owned(), format!("tenant,octets\n{tenant},{octets}\n").into_bytes()),
        ],
    }
}

fn term(closing: &Closing) -> Term<'_> {
    let Closing { period, zone, from_ms, to_ms, .. } = closing;
    Term { period, zone, from_ms: *from_ms, to_ms: *to_ms }
}

fn draft<'a>(books: &'a mut Books, closing: &Closing) -> Box<Draft<'a>> {
    let end = books.end().unwrap();
    match books.draft(&term(closing), &["acme"], &end).unwrap() {
        Begun::Draft(draft) => draft,
        other => panic!("{other:?}"),
    }
}

/// Closes a period with statements of these tenants.
fn close(books: &mut Books, number: i64, tenants: &[&str]) -> Closed {
    let closing = closing(number);
    let mut draft = draft(books, &closing);
    if number > 1 {
        let adjustment = Adjustment {
            adjusts: number - 1,
            statement: Some(1),
            tenant: "acme".to_owned(),
            figures: "{\"octets\":5}".to_owned(),
            amount: "0.40".to_owned(),
            currency: "EUR".to_owned(),
        };
        draft.adjust(&adjustment).unwrap();
        draft.adjust(&Adjustment { statement: None, tenant: "zeta".to_owned(), ..adjustment }).unwrap();
    }
    for (at, tenant) in (0..).zip(tenants) {
        draft.state(&statement(tenant, 1000 * at + number.unsigned_abs())).unwrap();
    }
    draft.finish(&closing, |closed| Entry { why: digest::hex(&closed.digest), ..entry("close") }).unwrap()
}

/// Books with three closings, six statements, four adjustments, and five entries.
fn books(folder: &Path) -> Books {
    let mut books = Books::open(folder).unwrap();
    books.record(&entry("send")).unwrap();
    close(&mut books, 1, &["acme", "bolt"]);
    close(&mut books, 2, &["acme", "bolt", "zeta"]);
    close(&mut books, 3, &["acme"]);
    books.record(&entry("block")).unwrap();
    books
}

#[test]
fn what_is_closed_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut books = books(folder.path());
    let checked = books.check().unwrap();
    assert_eq!(checked.flaws, []);
    let counts = (checked.entries, checked.closings, checked.statements, checked.adjustments);
    assert_eq!(counts, (5, 3, 6, 4));
    let closings = books.closings().unwrap();
    assert_eq!(
        closings.iter().map(|c| (c.place, c.first, c.statements)).collect::<Vec<_>>(),
        [(1, 1, 2), (2, 3, 3), (3, 6, 1)]
    );
    assert_eq!(closings[1].closing, closing(2));
    let kept = books.statement_of(2, "bolt").unwrap().unwrap();
    assert_eq!((kept.number, kept.document), (4, statement("bolt", 1002).document));
    assert_eq!(books.rendering(4, "text").unwrap().unwrap(), b"bolt 1002\n");
    assert_eq!(books.rendering(4, "pdf").unwrap(), None);
    assert_eq!(books.adjustments(3).unwrap(), books.adjustments_to(2).unwrap());
    assert_eq!(books.audit().unwrap()[2].why, digest::hex(&closings[1].digest));
    // A second reader sees the same, and a part of a closed span is closed.
    let other = Books::read(folder.path()).unwrap().unwrap();
    assert_eq!(other.closings().unwrap(), closings);
    let places = |from_ms, to_ms| {
        let closed = other.overlapping(from_ms, to_ms).unwrap();
        closed.into_iter().map(|closed| closed.place).collect::<Vec<_>>()
    };
    assert_eq!((places(0, DAY_MS + 1), places(0, DAY_MS)), (vec![1], vec![]));
    assert_eq!(other.closed(&term(&closing(2))).unwrap().map(|closed| closed.place), Some(2));
    let later = Closing { from_ms: 9 * DAY_MS, to_ms: 10 * DAY_MS, ..closing(9) };
    assert_eq!(other.closed(&term(&later)).unwrap(), None);
    assert!(matches!(books.draft(&term(&later), &[], &[1; 32]).unwrap(), Begun::Moved));
}

/// No tenant has two statements of one time; those of others are not in the way.
#[test]
fn a_period_on_another_calendar_is_closed_beside_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let mut books = books(folder.path());
    let first = closing(1);
    let shifted = Closing {
        zone: "Asia/Kolkata".to_owned(),
        from_ms: first.from_ms - 5,
        to_ms: first.to_ms - 5,
        ..first
    };
    let clash = |books: &Books, tenants: &[&str]| {
        books.clash(&term(&shifted), tenants).unwrap().map(|closed| closed.place)
    };
    assert_eq!(clash(&books, &["acme"]), Some(1));
    // Who had no statement then may have one.
    assert_eq!(clash(&books, &["zeta", "new"]), None);
    assert_eq!(books.closed(&term(&shifted)).unwrap(), None);
    let end = books.end().unwrap();
    match books.draft(&term(&shifted), &["new", "bolt"], &end).unwrap() {
        Begun::Overlaps(closed) => assert_eq!(closed.place, 1),
        other => panic!("{other:?}"),
    }
    match books.draft(&term(&shifted), &["new"], &end).unwrap() {
        Begun::Draft(mut draft) => {
            draft.state(&statement("new", 1)).unwrap();
            draft.finish(&shifted, |_| entry("close")).unwrap();
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(books.closed(&term(&shifted)).unwrap().map(|closed| closed.place), Some(4));
    assert_eq!(clash(&books, &[]), Some(4), "itself");
    assert_eq!(books.check().unwrap().flaws, []);
}

/// The digests by hand: lengths before texts, the digest before first.
#[test]
fn a_digest_is_what_the_documentation_says() {
    let folder = tempfile::tempdir().unwrap();
    let mut books = Books::open(folder.path()).unwrap();
    books.record(&entry("send")).unwrap();
    let mut bytes = Vec::new();
    let text = |bytes: &mut Vec<u8>, text: &[u8]| {
        bytes.extend((text.len() as u64).to_be_bytes());
        bytes.extend(text);
    };
    text(&mut bytes, &[0; 32]);
    text(&mut bytes, b"audit");
    bytes.extend(1i64.to_be_bytes());
    bytes.extend(7i64.to_be_bytes());
    for field in ["anna", "send", "2026-10", "a month is over"] {
        text(&mut bytes, field.as_bytes());
    }
    let db = Connection::open(folder.path().join(FILE)).unwrap();
    let kept: Vec<u8> = db.query_row("select digest from audit", [], |row| row.get(0)).unwrap();
    assert_eq!(digest::hex(&kept), digest::hex(&digest::of(&bytes)));
}

#[test]
fn a_draft_that_is_dropped_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut books = Books::open(folder.path()).unwrap();
    let mut begun = draft(&mut books, &closing(1));
    assert_eq!(begun.state(&statement("acme", 1)).unwrap(), 1);
    assert!(begun.state(&statement("acme", 1)).is_err(), "two statements of one tenant");
    drop(begun);
    assert_eq!((books.closings().unwrap().len(), books.audit().unwrap().len()), (0, 0));
    assert_eq!(close(&mut books, 1, &["acme"]).first, 1);
    assert_eq!(books.check().unwrap().flaws, []);
}

#[test]
fn books_that_were_never_begun_are_none_and_old_ones_are_completed() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Books::read(folder.path()).unwrap().is_none());
    std::fs::write(folder.path().join(FILE), b"").unwrap();
    assert!(Books::read(folder.path()).unwrap().is_none());
    drop(books(folder.path()));
    let db = Connection::open(folder.path().join(FILE)).unwrap();
    db.execute_batch("drop table adjustment; pragma user_version = 1").unwrap();
    drop(db);
    let completed = Books::read(folder.path()).unwrap().unwrap();
    assert_eq!(completed.adjustments(2).unwrap(), []);
}

const TABLES: [&str; 6] = ["audit", "head", "closing", "statement", "rendering", "adjustment"];

/// The file of such books, as bytes.
fn file() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    // The last one to close it leaves no log behind.
    drop(books(folder.path()));
    std::fs::read(folder.path().join(FILE)).unwrap()
}

/// Whether the check finds what was done to books of these bytes.
fn is_found(file: &[u8], tamper: impl FnOnce(&Connection)) -> bool {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(FILE), file).unwrap();
    let db = Connection::open(folder.path().join(FILE)).unwrap();
    tamper(&db);
    drop(db);
    let books = Books::read(folder.path()).unwrap().unwrap();
    // What cannot be read is found as well.
    !books.check().is_ok_and(|checked| checked.flaws.is_empty())
}

fn key(table: &str) -> &'static str {
    match table {
        "head" => "chain",
        "rendering" => "number, form",
        _ => "rowid",
    }
}

fn count(db: &Connection, table: &str) -> usize {
    let rows: i64 = db.query_row(&format!("select count(*) from {table}"), [], |row| row.get(0)).unwrap();
    usize::try_from(rows).unwrap()
}

/// Any one row of any table, taken out, is missed: the last one too.
#[test]
fn a_row_that_is_taken_out_is_missed() {
    let file = file();
    assert!(!is_found(&file, |_| ()));
    for (table, rows) in TABLES.into_iter().zip([5, 2, 3, 6, 12, 4]) {
        for at in 0..rows {
            let key = key(table);
            let delete = format!(
                "delete from {table} where ({key}) in (select {key} from {table} order by {key} limit 1 offset {at})"
            );
            let found = is_found(&file, |db| {
                assert_eq!(count(db, table), rows);
                assert_eq!(db.execute(&delete, []).unwrap(), 1);
            });
            assert!(found, "row {at} of {table}");
        }
    }
}

#[test]
fn what_was_changed_is_named() {
    for (change, table, row) in [
        (
            "update statement set figures = '{\"octets\":9}' where number = 4",
            "statement",
            "number 4 of bolt, 2026-02,",
        ),
        (
            "update rendering set bytes = x'00' where number = 3 and form = 'csv'",
            "statement",
            "number 3 of acme",
        ),
        ("update audit set why = 'nothing' where place = 3", "audit", "entry 3 (close 2026-10 by anna)"),
        ("update closing set at_ms = at_ms + 1 where place = 2", "closing", "number 2 (2026-02)"),
        ("update adjustment set amount = '0.04' where place = 3", "adjustment", "number 3 of acme"),
        ("delete from statement where number = 1", "statement", "number 1"),
        ("delete from audit where place = 5", "audit", "4 rows"),
        ("delete from closing where place = 3", "closing", ""),
    ] {
        let folder = tempfile::tempdir().unwrap();
        drop(books(folder.path()));
        let db = Connection::open(folder.path().join(FILE)).unwrap();
        assert_eq!(db.execute(change, []).unwrap(), 1, "{change}");
        let flaws = Books::read(folder.path()).unwrap().unwrap().check().unwrap().flaws;
        let named = flaws.iter().any(|flaw| flaw.table == table && flaw.row.starts_with(row));
        assert!(named, "{change}: {flaws:?}");
        // And such a statement is not read.
        let read = Books::read(folder.path()).unwrap().unwrap();
        for number in (2..=4).filter(|_| change.starts_with("update")) {
            let is_wrong = table == "statement" && row.starts_with(&format!("number {number}"));
            assert_eq!(read.statement(number).is_err(), is_wrong, "{change}: {number}");
        }
        // One wrong row is one flaw, where it is still there.
        assert!(!change.starts_with("update") || flaws.len() == 1, "{change}: {flaws:?}");
    }
}

/// All values of a table's row, with the names of their columns.
fn values(db: &Connection, table: &str, at: usize) -> Vec<(String, Value)> {
    let mut select =
        db.prepare(&format!("select * from {table} order by {} limit 1 offset {at}", key(table))).unwrap();
    let names: Vec<String> = select.column_names().map(str::to_owned).collect();
    select
        .query_row([], |row| names.iter().enumerate().map(|(i, n)| Ok((n.clone(), row.get(i)?))).collect())
        .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Any one bit of any value of any row: it is found.
    #[test]
    fn a_byte_that_is_changed_is_found(
        table in 0..TABLES.len(),
        row in any::<prop::sample::Index>(),
        column in any::<prop::sample::Index>(),
        byte in any::<prop::sample::Index>(),
        bit in 0u32..8,
    ) {
        static BOOKS: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
        let file = BOOKS.get_or_init(file);
        let table = TABLES[table];
        let mut changed = None;
        let found = is_found(file, |db| {
            let at = row.index(count(db, table));
            let values = values(db, table, at);
            let (name, value) = values[column.index(values.len())].clone();
            let key = key(table);
            let this = format!("({key}) in (select {key} from {table} order by {key} limit 1 offset {at})");
            let flip = |bytes: &mut Vec<u8>| {
                let at = byte.index(bytes.len().max(1));
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << bit;
                }
            };
            let (set, value) = match value {
                Value::Integer(number) => {
                    let mut bytes = number.to_be_bytes().to_vec();
                    flip(&mut bytes);
                    ("?1", Value::Integer(i64::from_be_bytes(bytes.try_into().unwrap())))
                }
                Value::Text(text) => {
                    let mut bytes = text.into_bytes();
                    flip(&mut bytes);
                    ("cast(?1 as text)", Value::Blob(bytes))
                }
                Value::Blob(mut bytes) => {
                    flip(&mut bytes);
                    ("?1", Value::Blob(bytes))
                }
                // There was nothing: now there is.
                _ => ("?1", Value::Integer(0)),
            };
            // A number that another row has is refused.
            changed = db.execute(&format!("update {table} set {name} = {set} where {this}"), [value]).ok();
        });
        prop_assert!(found || changed != Some(1), "{table}");
    }
}
