//! Periods that are closed: what stands, what is adjusted, and that nothing is changed unseen.
//!
//! The traffic is made octet by octet, and what it costs is worked by hand. The tests change bytes on disk and rows of the
//! books as somebody would who has something to hide.

use crate::capture::Capture;
use crate::daemon::{Daemon, until};
use crate::netflow::{self, Flow};
use crate::run::{Place, named, number};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

pub(crate) const CONFIGURATION: &str = r#"
[[exporter]]
name = "core"
address = "192.0.2.1"

[[tenant]]
name = "acme"
networks = ["10.31.0.0/24"]
tariff = "gold"

[[tenant]]
name = "bolt"
networks = ["10.32.0.0/24"]

[[tariff]]
name = "gold"
currency = "EUR"
tax = [{ name = "VAT", percent = "19" }]

[[tariff.rule]]
name = "line"
flat = "25.00"

[[tariff.rule]]
name = "traffic"
per = "GB"
direction = "in"
tiers = [{ up_to = "1 GB", price = "0.10" }, { price = "0.05" }]

[billing]
zone = "Europe/Berlin"
"#;

/// Noon of the 10th of October and of November 2025, UTC.
const OCTOBER_S: u32 = 1_760_097_600;
const NOVEMBER_S: u32 = 1_762_776_000;
const ACME: [u8; 4] = [10, 31, 0, 5];
const BOLT: [u8; 4] = [10, 32, 0, 7];
const PEER: [u8; 4] = [203, 0, 113, 77];

pub(crate) fn flow(src: [u8; 4], dst: [u8; 4], octets: u32, packets: u32) -> Flow {
    Flow { src, dst, src_port: 443, dst_port: 50_000, octets, packets }
}

/// A capture of v9 datagrams from 192.0.2.1: when, the datagram's number, and its flows.
fn capture(datagrams: &[(u32, u32, &[Flow])]) -> Vec<u8> {
    let mut file = Capture::new();
    for (at_s, sequence, flows) in datagrams {
        let records = u16::try_from(flows.len()).unwrap() + 1;
        let sets = [netflow::templates(0), netflow::data(flows)];
        file.add(*at_s, [192, 0, 2, 1], &netflow::v9_at(*at_s, records, *sequence, &sets));
    }
    file.0
}

pub(crate) fn import(place: &Place, name: &str, datagrams: &[(u32, u32, &[Flow])]) {
    place.write(name, capture(datagrams));
    let imported = place.json(&format!("import -o json {name}"));
    assert_eq!(number(&imported, "datagrams"), datagrams.len() as u64);
    assert_eq!(number(&imported, "records_lost"), 0, "{imported:#}");
}

/// October: acme has 800,000,000 in and 100,000,000 out, bolt 5000 in, and acme sent bolt 7000. November: acme has 2000 in.
pub(crate) fn place() -> Place {
    let place = Place::with(CONFIGURATION);
    let october = [
        flow(PEER, ACME, 800_000_000, 10),
        flow(ACME, PEER, 100_000_000, 4),
        flow(PEER, BOLT, 5000, 2),
        flow(ACME, BOLT, 7000, 3),
    ];
    let november = [flow(PEER, ACME, 2000, 2)];
    import(&place, "first.pcap", &[(OCTOBER_S, 0, &october), (NOVEMBER_S, 1, &november)]);
    place
}

/// 700,000,000 octets of October more for acme.
fn late(place: &Place) {
    import(place, "late.pcap", &[(OCTOBER_S + 60, 2, &[flow(PEER, ACME, 700_000_000, 7)])]);
}

pub(crate) fn sums(octets: u64, packets: u64, flows: u64) -> Value {
    json!({"octets": octets, "packets": packets, "flows": flows})
}

fn books(place: &Place) -> Connection {
    Connection::open(place.path("store/books.sqlite")).unwrap()
}

fn sha256(bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bytes");
    fs::write(&path, bytes).unwrap();
    let said = Command::new("sha256sum").arg(&path).output().unwrap();
    String::from_utf8(said.stdout).unwrap().chars().take(64).collect()
}

#[test]
fn closing_twice_gives_the_same_bytes() {
    let place = place();
    let first = place.done("close --period 2025-10 -o json");
    let closed: Value = serde_json::from_str(&first).unwrap();
    assert_eq!(
        closed["period"],
        json!({
            "name": "2025-10", "from": "2025-10-01T00:00:00+02:00", "to": "2025-11-01T00:00:00+01:00", "zone": "Europe/Berlin",
        })
    );
    let acme = named(&closed["statements"], "tenant", "acme");
    let bolt = named(&closed["statements"], "tenant", "bolt");
    assert_eq!((&acme["number"], &bolt["number"]), (&json!(1), &json!(2)));
    assert_eq!([&acme["in"], &acme["out"]], [&sums(800_000_000, 10, 1), &sums(100_000_000, 4, 1)]);
    assert_eq!([&acme["local_out"], &bolt["local_in"]], [&sums(7000, 3, 1), &sums(7000, 3, 1)]);
    assert_eq!(bolt["in"], sums(5000, 2, 1));
    // 25.00 and 0.8 × 0.10; 19 % of 25.08 is 4.7652.
    assert_eq!(acme["bill"], json!({"tariff": "gold", "currency": "EUR", "net": "25.08", "gross": "29.85"}));
    assert_eq!(bolt.get("bill"), None);
    assert_eq!(closed["made_from"]["decoded"], json!({"octets": "900012000", "packets": "19", "flows": "4"}));
    let files = closed["made_from"]["files"].as_array().unwrap();
    assert!(files.iter().any(|file| file["holds"] == "records"));
    for file in files {
        let length = fs::metadata(place.path("store").join(file["name"].as_str().unwrap())).unwrap().len();
        assert_eq!(file["bytes"], length);
    }
    let again = place.weir("close --period 2025-10 -o json");
    assert_eq!((again.code, again.out.as_str()), (Some(0), first.as_str()));
    assert!(again.err.contains("2025-10 was closed before"), "{}", again.err);
    assert_eq!(place.done("close --period 2025-10"), place.done("close --period 2025-10"));
    // What is closed is printed as it was, whatever comes.
    let statement = place.done("statement acme --period 2025-10 -o json");
    assert_eq!(acme["document_sha256"], sha256(statement.as_bytes()));
    let forms = |place: &Place| {
        ["table", "csv", "json"].map(|form| place.done(&format!("statement acme --period 2025-10 -o {form}")))
    };
    let before = forms(&place);
    late(&place);
    place.write("weir.toml", format!("[store]\npath = \"store\"\n{}", CONFIGURATION.replace("0.10", "9.99")));
    assert_eq!(forms(&place), before);
    let said = place.weir("statement acme --period 2025-10").err;
    assert!(said.contains("statement 1 of acme, 2025-10, closed "), "{said}");
    assert_eq!(place.done("close --period 2025-10 -o json"), first);
}

#[test]
fn late_records_are_adjusted_once() {
    let place = place();
    place.done("close --period 2025-10");
    assert!(place.done("verify").contains("every closed figure stands"));
    late(&place);
    let found = place.weir("verify -o json");
    assert_eq!(found.code, Some(1));
    let problems: Value = serde_json::from_str(&found.out).unwrap();
    let first = &problems["problems"][0];
    assert_eq!(
        [
            &first["statement"],
            &first["tenant"],
            &first["period"],
            &first["field"],
            &first["closed"],
            &first["now"]
        ],
        [
            &json!(1),
            &json!("acme"),
            &json!("2025-10"),
            &json!("in.octets"),
            &json!("800000000"),
            &json!("1500000000")
        ]
    );
    assert!(
        found.err.contains("statement 1 of acme, 2025-10: in.octets is closed as 800000000"),
        "{}",
        found.err
    );

    // A GB at 0.10 and half of one at 0.05, which rounds to 0.03: 25.13, with 19 % 29.90. The late octets alone, at the first
    // tier's price, would have been 0.07.
    let november = place.json("close --period 2025-11 -o json");
    assert_eq!(
        november["adjustments"],
        json!([{
            "tenant": "acme", "adjusts_statement": 1, "of_period": "2025-10",
            "in": sums(700_000_000, 7, 1), "out": sums(0, 0, 0), "local_in": sums(0, 0, 0), "local_out": sums(0, 0, 0),
            "bill": {"tariff": "gold", "currency": "EUR", "net": "0.05", "gross": "0.05"},
        }])
    );
    assert_eq!(named(&november["statements"], "tenant", "acme")["number"], 3);
    let statement: Value = place.json("statement acme --period 2025-11 -o json");
    let told = statement["adjustments"].as_array().unwrap();
    assert_eq!(told.len(), 1, "{statement:#}");
    assert!(told[0].to_string().contains("700000000"), "{}", told[0]);
    let bolt = place.json("statement bolt --period 2025-11 -o json");
    assert!(bolt["adjustments"].as_array().is_none_or(Vec::is_empty), "{bolt:#}");
    assert!(place.done("statement acme --period 2025-11").contains("2025-10"));

    // Once: it is a part of what stands now.
    let verified = place.json("verify -o json");
    assert_eq!(
        verified["periods"][0],
        json!({
            "period": "2025-10", "starts_at": "2025-10-01T00:00:00+02:00", "zone": "Europe/Berlin",
            "statements": 2, "adjustments": 1, "computed_from": "records",
        })
    );
    assert_eq!(place.json("close --period 2025-11 -o json"), november);
    assert_eq!(place.json("close --period 2025-12 -o json")["adjustments"], json!([]));
    let said = place.weir("statement acme --period 2025-10").err;
    assert!(said.contains("adjusted since, on 1 later statement"), "{said}");
    // What is later still is adjusted by what it is more.
    import(&place, "later.pcap", &[(OCTOBER_S + 120, 3, &[flow(PEER, BOLT, 11, 1)])]);
    let january = place.json("close --period 2026-01 -o json");
    assert_eq!(january["adjustments"][0]["in"], sums(11, 1, 1));
    assert_eq!(january["adjustments"].as_array().unwrap().len(), 1);
    place.done("verify");
}

/// A percentile is of the whole: what comes late below it changes nothing, though alone it would cost.
#[test]
fn late_records_below_a_percentile_cost_nothing() {
    let (before, after) = CONFIGURATION.split_once("name = \"traffic\"").unwrap();
    let after = &after[after.find("[billing]").unwrap()..];
    let percentile = "percentile = \"100\"\nprice = \"2.00\"\nreading = \"in\"";
    let place = Place::with(&format!("{before}name = \"traffic\"\n{percentile}\n\n{after}"));
    let (october, november) = ([flow(PEER, ACME, 800_000_000, 10)], [flow(PEER, ACME, 2000, 2)]);
    import(&place, "first.pcap", &[(OCTOBER_S, 0, &october), (NOVEMBER_S, 1, &november)]);
    // 800,000,000 octets in five minutes are 21.333 Mbit/s: 42.67, with the line 67.67, and 19 % of it are 12.8573.
    let october = place.json("close --period 2025-10 -o json");
    let bill = &named(&october["statements"], "tenant", "acme")["bill"];
    assert_eq!((&bill["net"], &bill["gross"]), (&json!("67.67"), &json!("80.53")));
    // Five minutes later.
    import(&place, "late.pcap", &[(OCTOBER_S + 300, 2, &[flow(PEER, ACME, 700_000_000, 7)])]);
    let adjusted = &place.json("close --period 2025-11 -o json")["adjustments"][0];
    assert_eq!(adjusted["in"], sums(700_000_000, 7, 1));
    assert_eq!((&adjusted["bill"]["net"], &adjusted["bill"]["gross"]), (&json!("0.00"), &json!("0.00")));
    place.done("verify");
}

#[test]
fn what_cannot_be_closed_is_refused() {
    let place = place();
    assert!(place.fails("close --period this", 1).contains("is not over before"));
    assert!(!place.weir("verify").out.contains("closed period"), "nothing was closed");
    place.done("close --period 2025-10");
    for (line, says) in [
        ("close --period 2025-10-15..2025-11-14", "overlaps 2025-10, which is closed"),
        ("close --period 2025-10-01..2025-10-31", "overlaps 2025-10, which is closed"),
        ("close --period 2025", "overlaps 2025-10, which is closed"),
        ("explain 3", "there is no statement 3"),
        ("explain acme/2025-11", "2025-11 is not closed"),
        ("evidence nobody --period 2025-10 --out there", "had no statement when"),
        ("statement nobody --period 2025-10", "had no statement when"),
    ] {
        let said = place.fails(line, 1);
        assert!(said.contains(says), "{line}: {said}");
    }
    assert!(place.fails("explain 1 trafic", 2).contains("did you mean traffic?"));
    assert!(place.fails("explain one", 2).contains("TENANT/PERIOD"));
    let said = place.fails("close --period 2025-11 --zone UTC", 2);
    assert!(said.contains("in the zone of the configuration, Europe/Berlin"), "{said}");
    assert!(place.fails("close --period 2099-01 --early", 1).contains("2099-01 has not begun"));
    let early = place.json("close --period this --early -o json");
    assert_eq!((&early["before_its_end"], &early["statements"][0]["number"]), (&json!(true), &json!(3)));
    let why: String =
        books(&place).query_row("select why from audit where place = 2", [], |row| row.get(0)).unwrap();
    assert!(why.starts_with("before its end; statements 3 to 4, 0 adjustments; the chain ends in "), "{why}");
    // Where there is no store no books are made.
    let empty = Place::with(CONFIGURATION);
    assert!(empty.fails("close --period 2025-10", 1).contains("no weir store"));
    assert!(!empty.path("store").exists());
}

/// October's records and accounts are given up for their age; November's records are there.
#[test]
fn what_was_given_up_is_told_and_cannot_be_closed() {
    let place = Place::with(CONFIGURATION);
    import(&place, "october.pcap", &[(OCTOBER_S, 0, &[flow(PEER, ACME, 5000, 10)])]);
    import(&place, "november.pcap", &[(NOVEMBER_S, 1, &[flow(PEER, ACME, 2000, 2)])]);
    // Ages that lie between the two: the tests are run at any time after.
    let now_s = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let age = (now_s - u64::from(OCTOBER_S)) / 86_400 - 15;
    let with = |store: &str| {
        place.write("weir.toml", format!("[store]\npath = \"store\"\n{store}\n{CONFIGURATION}"));
        let daemon = Daemon::start(&place);
        until("October to be given up", || !daemon.log().is_empty() && given_up(&place, store));
        daemon.stop();
    };
    with(&format!("flows = \"{age} days\""));
    // Records are gone, accounts stand: a period can be closed, and questions of records say what they lack.
    for line in
        ["flows", "flows --from 2025-10-01 -o csv", "top dst_port", "plot --by proto --from 2025-10-01"]
    {
        let said = place.weir(line);
        assert!(said.err.contains("flow records before 2025-"), "{line}: {}", said.err);
    }
    for line in ["flows --from 2025-11-01", "top tenant --inside", "plot --by tenant"] {
        let said = place.weir(line);
        assert!(!said.err.contains("given up"), "{line}: {}", said.err);
    }
    with(&format!("flows = \"{age} days\"\naccounts = \"{age} days\""));
    let refused = place.fails("close --period 2025-10", 1);
    assert!(refused.contains("accounts before 2025-") && refused.contains("nothing is closed"), "{refused}");
    assert!(!place.path("store/books.sqlite").exists(), "no books are made for what is refused");
    let said = place.weir("top tenant --inside");
    assert!(said.err.contains("accounts before 2025-"), "{}", said.err);
    // November is whole.
    place.done("close --period 2025-11");
    assert!(place.done("verify").contains("1 closed period"));
}

/// Whether October is gone of what the configuration gives an age.
fn given_up(place: &Place, store: &str) -> bool {
    let is_gone = |folder: &str| {
        let days = fs::read_dir(place.path("store").join(folder)).into_iter().flatten().flatten();
        let mut october = days.filter(|day| day.file_name().to_string_lossy().starts_with("2025-10"));
        october.all(|day| fs::read_dir(day.path()).is_ok_and(|mut files| files.next().is_none()))
    };
    is_gone("flows") && (is_gone("bins") || !store.contains("accounts"))
}

/// A file of the store whose name contains this.
fn stored(place: &Place, folder: &str) -> PathBuf {
    let days = fs::read_dir(place.path("store").join(folder)).unwrap();
    let mut files: Vec<PathBuf> = days
        .flat_map(|day| fs::read_dir(day.unwrap().path()).unwrap().map(|file| file.unwrap().path()))
        .collect();
    files.sort();
    files.remove(0)
}

/// Nobody is shown, or sent, a statement that was changed.
fn is_refused(place: &Place, change: &str) {
    let changed = [("number = 1", "acme", 1), ("set figures", "bolt", 2)];
    for (_, tenant, number) in changed.iter().filter(|(mark, ..)| change.contains(mark)) {
        for asked in [format!("statement {tenant} --period 2025-10"), format!("explain {number}")] {
            let asked = place.weir(&asked);
            let refused =
                format!("statement {number} of {tenant}, 2025-10, is not what was closed: weir verify");
            assert_eq!((asked.code, asked.out.as_str()), (Some(1), ""), "{change}");
            assert!(asked.err.contains(&refused), "{change}: {}", asked.err);
        }
    }
}

#[test]
fn nothing_is_closed_without_tenants() {
    let place = place();
    place.write("empty.toml", "[store]\npath = \"store\"\n");
    let refused = place.weir("close --period 2025-10 -c empty.toml");
    let says =
        "there is no [[tenant]] in the configuration, so there is nothing to close: name its file with -c";
    assert_eq!((refused.code, refused.out.as_str()), (Some(2), ""));
    assert!(refused.err.contains(says), "{}", refused.err);
    // And so the month can still be closed.
    assert_eq!(place.json("close --period 2025-10 -o json")["statements"].as_array().unwrap().len(), 2);
}

#[test]
fn whatever_is_changed_is_found_and_named() {
    let place = place();
    place.done("close --period 2025-10");
    late(&place);
    place.done("close --period 2025-11");
    place.done("verify");
    let path = place.path("store/books.sqlite");
    let pristine = fs::read(&path).unwrap();
    for (change, says) in [
        (
            "update statement set document = cast(replace(cast(document as text), '800000000', '800000001') as blob) where number = 1",
            "table statement: number 1 of acme, 2025-10, was changed",
        ),
        (
            "update statement set figures = replace(figures, '5000', '4000') where number = 2",
            "table statement: number 2 of bolt, 2025-10, was changed",
        ),
        (
            "update statement set tenant = 'zeta' where number = 2",
            "table statement: number 2 of zeta, 2025-10, was changed",
        ),
        (
            "delete from statement where number = 4",
            "table closing: number 2 (2025-11) has 1 statements, and 2 were written",
        ),
        (
            "update rendering set bytes = cast('nothing to pay' as blob) where number = 1 and form = 'text'",
            "table statement: number 1 of acme, 2025-10, was changed",
        ),
        ("update adjustment set amount = '0.01'", "table adjustment: number 1 of acme was changed"),
        ("delete from adjustment", "table closing: number 2 (2025-11) has 0 adjustments, and 1 were written"),
        (
            "update closing set configuration = replace(configuration, '25.00', '20.00') where place = 1",
            "table closing: number 1 (2025-10) was changed",
        ),
        (
            "update audit set who = 'nobody' where place = 1",
            "table audit: entry 1 (close 2025-10 by nobody) was changed",
        ),
        ("delete from audit where place = 1", "table audit: number 1 is missing"),
        ("delete from audit where place = 2", "table audit: 1 rows are there, and 2 were written"),
        ("delete from closing where place = 2", "belong to nothing that is closed"),
    ] {
        assert_eq!(books(&place).execute(change, []).unwrap(), 1, "{change}");
        let found = place.weir("verify");
        assert_eq!(found.code, Some(1), "{change}: {}", found.out);
        assert!(found.out.contains(says), "{change}: {}", found.out);
        assert!(found.err.contains("not everything stands: "), "{}", found.err);
        if says.contains("statement:") {
            is_refused(&place, change);
        }
        fs::write(&path, &pristine).unwrap();
        for log in ["store/books.sqlite-wal", "store/books.sqlite-shm"] {
            let _ = fs::remove_file(place.path(log));
        }
    }
    place.done("verify");
    // The store's own files: the records, the accounts.
    for folder in ["flows", "bins", "tenants", "health"] {
        let path = stored(&place, folder);
        let whole = fs::read(&path).unwrap();
        let mut bytes = whole.clone();
        bytes[whole.len() / 3] ^= 0x10;
        fs::write(&path, bytes).unwrap();
        let found = place.weir("verify");
        assert_eq!(found.code, Some(1), "{folder}");
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(found.err.contains(name), "{folder}: {}", found.err);
        fs::write(&path, whole).unwrap();
    }
    place.done("verify");
}

/// Who takes a record away and leaves everything else in order is found by the closed figure.
#[test]
fn a_store_that_was_made_anew_without_a_record_does_not_pass() {
    let place = place();
    place.done("close --period 2025-10");
    let kept = fs::read(place.path("store/books.sqlite")).unwrap();
    fs::remove_dir_all(place.path("store")).unwrap();
    let october = [flow(PEER, ACME, 800_000_000, 10), flow(PEER, BOLT, 5000, 2), flow(ACME, BOLT, 7000, 3)];
    import(&place, "forged.pcap", &[(OCTOBER_S, 0, &october)]);
    fs::write(place.path("store/books.sqlite"), kept).unwrap();
    let found = place.weir("verify");
    assert_eq!(found.code, Some(1));
    let says = "statement 1 of acme, 2025-10: out.octets is closed as 100000000, and the records say 0";
    assert!(found.out.contains(says), "{}", found.out);
}

#[test]
fn a_figure_is_explained_down_to_its_records() {
    let place = place();
    place.done("close --period 2025-10");
    let explained = place.json("explain 1 -o json");
    let line = |name: &str| named(&explained["lines"], "line", name).clone();
    let came = line("in");
    assert_eq!(
        [&came["closed"], &came["adjusted"], &came["accounts"]["sums"]],
        [&sums(800_000_000, 10, 1); 3]
    );
    assert_eq!(number(&came, "accounts.bins"), 1);
    assert_eq!(number(&came, "records.records"), 1);
    let by = &came["records"]["by"][0];
    assert_eq!((&by["exporter"], &by["name"]), (&json!("192.0.2.1"), &json!("core")));
    assert_eq!(
        [number(by, "octets"), number(by, "measured_octets"), number(by, "flows")],
        [800_000_000, 800_000_000, 1]
    );
    for (name, octets) in [("out", 100_000_000), ("local_out", 7000)] {
        assert_eq!(number(&line(name), "records.by.0.octets"), octets, "{name}");
    }
    assert_eq!(line("local_in")["records"]["records"], 0);
    let local = place.json("explain bolt/2025-10 local_in -o json");
    assert_eq!(number(&local, "lines.0.records.by.0.octets"), 7000);
    assert_eq!(explained["bill"]["gross"], "29.85");
    // A rule is about its own direction only.
    let rule = place.json("explain acme/2025-10 traffic -o json");
    assert_eq!(rule["lines"].as_array().unwrap().len(), 1);
    assert_eq!(rule["lines"][0]["line"], "in");
    let text = place.done("explain 1 in");
    for part in [
        "800,000,000 octets, 10 packets, 1 flow as closed",
        "core",
        "the same",
        "800.000 MB incoming in tier 1 (to 1.000 GB) at 0.10 a GB",
        "CRC-32C",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    late(&place);
    place.done("close --period 2025-11");
    let november = place.done("explain acme/2025-11 adjustments");
    for part in [
        "2025-10, statement 1: in +700,000,000 octets, +7 packets, +1 flows; to pay 0.05 EUR; `weir explain 1`",
        "to pay, with these: 29.80 EUR",
    ] {
        assert!(november.contains(part), "{part}: {november}");
    }
    assert!(place.done("explain 1 VAT").contains("19 % of 25.13"));
    let text = place.done("explain 1 in");
    assert!(text.contains("with adjustments since: 1,500,000,000 octets, 17 packets, 2 flows"), "{text}");
}

#[test]
fn evidence_can_be_checked_without_weir() {
    let place = place();
    place.done("close --period 2025-10");
    let put = place.json("evidence acme --period 2025-10 --out pack -o json");
    assert_eq!(number(&put, "records"), 3);
    let statement = place.done("statement acme --period 2025-10 -o json");
    assert_eq!(fs::read_to_string(place.path("pack/statement.json")).unwrap(), statement);
    let checked = Command::new("sha256sum")
        .args(["-c", "SHA256SUMS"])
        .current_dir(place.path("pack"))
        .output()
        .unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    let readme = fs::read_to_string(place.path("pack/README.md")).unwrap();
    assert!(
        readme.contains("| in | 800000000 | 10 | 1 |")
            && readme.contains("statement 1 of acme")
            && readme.contains("what the closed statement says, to the octet"),
        "{readme}"
    );
    let flows = fs::read_to_string(place.path("pack/flows.csv")).unwrap();
    assert_eq!((flows.lines().count(), flows.contains("203.0.113.77")), (4, true));
    assert!(place.fails("evidence acme --period 2025-10 --out pack", 1).contains("is not empty"));

    place.done("evidence acme --period 2025-10 --out masked --mask-peers");
    let masked = fs::read_to_string(place.path("masked/flows.csv")).unwrap();
    for (address, is_there) in [
        ("203.0.113.77", false),
        ("203.0.113.0", true),
        ("10.32.0.7", false),
        ("10.32.0.0", true),
        ("10.31.0.5", true),
    ] {
        assert_eq!(masked.contains(address), is_there, "{address}: {masked}");
    }
    // Nor does anything else say who it was.
    assert!(flows.contains("bolt") && !masked.contains("bolt"), "{masked}");
    let Some(python) = weir_testkit::duckdb_python() else {
        return weir_testkit::skip("evidence_can_be_checked_without_weir", "there is no DuckDB");
    };
    // The page's own two questions, to what they are said to give.
    let script = "
import duckdb, re
page = open('README.md').read()
for sql in re.findall('```sql\\n(.*?)```', page, re.S):
    for row in sorted(duckdb.sql(sql).fetchall()):
        print('|', ' | '.join(str(value) for value in row), '|')
";
    for folder in ["pack", "masked"] {
        let said =
            Command::new(&python).args(["-c", script]).current_dir(place.path(folder)).output().unwrap();
        let said = String::from_utf8(said.stdout).unwrap() + &String::from_utf8(said.stderr).unwrap();
        let rows =
            ["| in | 800000000 | 10 | 1 |", "| local_out | 7000 | 3 | 1 |", "| out | 100000000 | 4 | 1 |"];
        assert_eq!(said.lines().collect::<Vec<_>>(), [rows, rows].concat());
    }
}

/// Killed at any moment, everything is closed or nothing; two at once close once.
#[test]
fn a_closing_that_is_killed_is_whole_or_not_there() {
    let place = place();
    let mut killed = 0;
    for pause_ms in [1, 5, 10, 20, 30, 50, 80] {
        let mut child = place
            .command("close --period 2025-10")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(pause_ms));
        let _ = child.kill();
        killed += u32::from(!child.wait().unwrap().success());
        let verified = place.json("verify -o json");
        let statements = verified["books"]["statements"].as_u64().unwrap_or_default();
        assert!(statements == 0 || statements == 2, "{verified:#}");
        assert_eq!(verified["books"]["audit_entries"].as_u64().unwrap_or_default(), statements / 2);
    }
    assert!(killed > 0);
    place.done("close --period 2025-10");
    let both: Vec<_> = (0..2)
        .map(|_| {
            place
                .command("close --period 2025-11 -o json")
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    let said: Vec<_> = both.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
    assert!(said.iter().all(|output| output.status.success()));
    assert_eq!(said[0].stdout, said[1].stdout);
    let verified = place.json("verify -o json");
    assert_eq!((number(&verified, "books.closed_periods"), number(&verified, "books.statements")), (2, 4));
}

/// What is written of all tenants of a closed period is what is in the books, whatever the configuration says since.
#[test]
fn all_statements_of_a_closed_period_are_those_in_the_books() {
    let place = place();
    place.done("close --period 2025-10");
    let kept = |tenant: &str| place.done(&format!("statement {tenant} --period 2025-10"));
    let (acme, bolt) = (kept("acme"), kept("bolt"));
    // Records come late; bolt is gone, and there is somebody else.
    late(&place);
    let text = format!("[store]\npath = \"store\"\n\n{CONFIGURATION}");
    place.write("weir.toml", text.replace("\"bolt\"", "\"nuts\""));
    let said = place.done("statement --all --period 2025-10 --out papers --forms text,json");
    assert_eq!(said, "2 statements of 2025-10: 4 files in papers\n");
    let file = |name: &str| fs::read_to_string(place.path("papers").join(name)).unwrap();
    assert_eq!((file("acme-2025-10.txt"), file("bolt-2025-10.txt")), (acme, bolt));
    let json: Value = serde_json::from_str(&file("acme-2025-10.json")).unwrap();
    assert_eq!(json["in"]["octets"], 800_000_000);
    assert!(!place.path("papers/nuts-2025-10.txt").exists());
}

/// One tenant's statement that cannot be written keeps nobody else's back, nor the manager's page; nor the other way round.
#[test]
fn a_failure_for_one_tenant_keeps_no_other_statement_back() {
    let place = place();
    let write = |in_the_way: &str| {
        let _ = fs::remove_dir_all(place.path("papers"));
        fs::create_dir_all(place.path("papers").join(in_the_way)).unwrap();
        let answer = place.weir("statement --all --summary --period 2025-10 --out papers --forms text");
        assert_eq!(answer.code, Some(1), "{}", answer.err);
        let names = ["acme-2025-10.txt", "bolt-2025-10.txt", "all-tenants-2025-10.txt"];
        let is_there = names.map(|name| place.path("papers").join(name).is_file());
        (
            answer,
            names.iter().zip(is_there).filter(|(_, there)| !there).map(|(name, _)| *name).collect::<Vec<_>>(),
        )
    };
    let (answer, missing) = write("acme-2025-10.txt");
    assert_eq!(missing, ["acme-2025-10.txt"]);
    assert_eq!(answer.out, "1 statement of 2025-10: 2 files in papers\n");
    assert!(
        answer.err.contains("not everything of 2025-10 could be written:\n  acme: cannot write papers/acme"),
        "{}",
        answer.err
    );
    let (answer, missing) = write("all-tenants-2025-10.txt");
    assert_eq!(missing, ["all-tenants-2025-10.txt"]);
    assert_eq!(answer.out, "2 statements of 2025-10: 2 files in papers\n");
    assert!(answer.err.contains("\n  the manager's page: cannot write"), "{}", answer.err);
}

/// What stands on a statement of earlier periods is to be paid with it, on every page that has an amount.
#[test]
fn what_is_to_pay_has_the_adjustments_wherever_it_stands() {
    let place = place();
    place.done("close --period 2025-10");
    late(&place);
    let november = place.json("close --period 2025-11 -o json");
    // 25.00 and 0.0000002 GB are 25.00, with 19 % 29.75; with October's 0.05 it is 29.80.
    let acme = named(&november["statements"], "tenant", "acme");
    assert_eq!(
        [&acme["bill"]["gross"], &acme["adjusted"], &acme["to_pay"]],
        [&json!("29.75"), &json!("0.05"), &json!("29.80")]
    );
    let row = |text: &str, of: &str| -> Vec<String> {
        let line = text.lines().find(|line| line.contains(of)).unwrap_or_else(|| panic!("{of} in {text}"));
        line.split_whitespace().map(str::to_owned).collect()
    };
    let amounts = ["29.75", "EUR", "0.05", "EUR", "29.80", "EUR"];
    let page = row(&place.done("close --period 2025-11"), " acme ");
    assert_eq!(page[page.len() - 7..page.len() - 1], amounts);
    assert_eq!(place.json("statement acme --period 2025-11 -o json")["to_pay"], "29.80");
    let csv = place.done("statement acme --period 2025-11 -o csv");
    assert!(csv.ends_with("adjustment,1,,,,,,,,,,,,,0.05,EUR\nto_pay,,,,,,,,,,,,,,29.80,EUR\n"), "{csv}");
    // The manager's page, in every form.
    let manager = row(&place.done("statement --summary --period 2025-11"), "acme");
    assert_eq!(manager[manager.len() - 6..], amounts);
    let document = place.json("statement --summary --period 2025-11 -o json");
    assert_eq!(document["to_pay"], json!({"EUR": "29.80"}));
    assert_eq!(named(&document["tenants"], "tenant", "acme")["to_pay"], "29.80");
    let csv = place.done("statement --summary --period 2025-11 -o csv");
    assert!(
        csv.lines().any(|line| line.starts_with("acme,") && line.ends_with(",25.00,29.75,0.05,29.80,EUR")),
        "{csv}"
    );
    // October's stands as it was closed, whatever came; what is put together for a dispute says what is in which.
    place.done("evidence acme --period 2025-10 --out pack");
    let readme = fs::read_to_string(place.path("pack/README.md")).unwrap();
    for part in ["closed with other figures", "| in | 800000000 | 10 | 1 |", "| in | 1500000000 | 17 | 2 |"] {
        assert!(readme.contains(part), "{part}: {readme}");
    }
    let october = place.json("statement --summary --period 2025-10 -o json");
    assert_eq!(october["to_pay"], json!({"EUR": "29.85"}));
}

/// bolt moved out at the end of October. What of it comes late is on a last statement, and then all is told.
#[test]
fn who_left_is_adjusted_on_a_last_statement() {
    for left in [
        CONFIGURATION
            .replace("[\"10.32.0.0/24\"]", "[{ network = \"10.32.0.0/24\", until = \"2025-11-01\" }]"),
        // Or is no longer in the configuration at all.
        CONFIGURATION.replace("[[tenant]]\nname = \"bolt\"\nnetworks = [\"10.32.0.0/24\"]\n", ""),
    ] {
        let place = place();
        place.done("close --period 2025-10");
        import(&place, "late.pcap", &[(OCTOBER_S + 60, 2, &[flow(PEER, BOLT, 900, 3)])]);
        place.write("weir.toml", format!("[store]\npath = \"store\"\n\n{left}"));
        let november = place.json("close --period 2025-11 -o json");
        assert_eq!(november["adjustments"][0]["in"], sums(900, 3, 1), "{november:#}");
        let last = place.json("statement bolt --period 2025-11 -o json");
        assert_eq!((&last["in"], &last["adjustments"][0]["in_octets"]), (&sums(0, 0, 0), &json!(900)));
        assert!(place.done("verify").contains("every closed figure stands"));
        if left.contains("bolt") {
            let address = left.replace("name = \"bolt\"\n", "name = \"bolt\"\nmail = [\"b@example.org\"]\n");
            let mail = "[mail]\nfrom = \"weir@example.org\"\nsendmail = \"/nowhere\"\n";
            place.write("weir.toml", format!("[store]\npath = \"store\"\n\n{address}\n{mail}"));
            let letters = place.weir("mail --period 2025-11 --preview=letters");
            assert!(letters.out.contains("b@example.org"), "{} {}", letters.out, letters.err);
        }
    }
}

#[test]
fn what_is_not_over_says_so() {
    let place = place();
    let month = "2025-11-01..2099-01-01";
    let text = place.done(&format!("statement acme --period {month}"));
    assert!(text.starts_with("! This period is not over: these are the figures as of "), "{text}");
    assert!(
        place.done(&format!("statement --summary --period {month}")).starts_with("! This period is not over")
    );
    assert!(place.json(&format!("statement acme --period {month} -o json"))["as_of"].is_string());
    let over = place.json("statement acme --period 2025-11 -o json");
    assert!(over.get("as_of").is_none(), "{over:#}");
    // Closed early it stays as of then.
    place.done(&format!("close --period {month} --early"));
    assert!(place.done(&format!("statement acme --period {month}")).starts_with("! This period is not over"));
}

/// The same twenty transfers, told by two routers.
#[test]
fn what_looks_counted_twice_is_not_closed_unsaid() {
    let flows: Vec<Flow> = (0..20)
        .map(|n| Flow { src_port: 1000 + n, ..flow(PEER, ACME, 100_000 + u32::from(n), 100) })
        .collect();
    let records = u16::try_from(flows.len()).unwrap() + 1;
    let mut file = Capture::new();
    for last in [1, 2] {
        let sets = [netflow::templates(0), netflow::data(&flows)];
        file.add(OCTOBER_S, [192, 0, 2, last], &netflow::v9_at(OCTOBER_S, records, 0, &sets));
    }
    let place = Place::with(CONFIGURATION);
    place.write("twice.pcap", file.0);
    place.done("import twice.pcap");
    let said = place.fails("close --period 2025-10", 1);
    for part in [
        "nothing is closed",
        "100.0 % of the octets look counted more than once",
        "reattribute --period 2025-10",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!place.weir("verify").out.contains("closed period"), "nothing was closed");
    // Mended as it says: the other router's are not counted, and what was counted is counted again.
    let none = format!("[[exporter]]\naddress = \"192.0.2.2\"\ncount = \"none\"\n{CONFIGURATION}");
    place.write("weir.toml", format!("[store]\npath = \"store\"\n\n{none}"));
    place.done("reattribute --period 2025-10");
    let closed = place.json("close --period 2025-10 -o json");
    let octets: u64 = flows.iter().map(|flow| u64::from(flow.octets)).sum();
    assert_eq!(named(&closed["statements"], "tenant", "acme")["in"], sums(octets, 2000, 20));
    // Or accepted.
    let place = Place::with(&CONFIGURATION.replace("[billing]", "[billing]\ncounted_twice = \"accept\""));
    let mut file = Capture::new();
    for last in [1, 2] {
        let sets = [netflow::templates(0), netflow::data(&flows)];
        file.add(OCTOBER_S, [192, 0, 2, last], &netflow::v9_at(OCTOBER_S, records, 0, &sets));
    }
    place.write("twice.pcap", file.0);
    place.done("import twice.pcap");
    let closed = place.json("close --period 2025-10 -o json");
    assert_eq!(named(&closed["statements"], "tenant", "acme")["in"], sums(2 * octets, 4000, 40));
}

/// A tariff that cannot be applied is one that somebody mends: who, and what, all of them.
#[test]
fn who_cannot_be_charged_is_named_with_the_cure() {
    let rule = "[[tariff.rule]]\nname = \"line\"\nflat = \"25.00\"";
    let percentile = "[[tariff.rule]]\nname = \"burst\"\nper = \"Mbit/s\"\npercentile = 95\nmissing = \"refuse\"\nprice = \"2.00\"";
    let text = CONFIGURATION
        .replace(rule, percentile)
        .replace("networks = [\"10.32.0.0/24\"]", "networks = [\"10.32.0.0/24\"]\ntariff = \"gold\"");
    let place = place();
    place.write("weir.toml", format!("[store]\npath = \"store\"\n\n{text}"));
    let said = place.fails("close --period 2025-10", 1);
    for part in [
        "nothing of 2025-10 is closed: of 2 tenants",
        "acme: rule \"burst\"",
        "bolt: rule \"burst\"",
        "mend the tariff",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

/// Whoever pays can work the figure out from the paper alone: each choice of a rule stands beside it.
#[test]
fn every_choice_of_a_rule_stands_on_the_statement() {
    let from = CONFIGURATION.find("[[tariff.rule]]\nname = \"traffic\"").unwrap();
    let until = CONFIGURATION.find("[billing]").unwrap();
    let rules = r#"
[[tariff.rule]]
name = "day"
per = "MB"
direction = "max"
hours = "08:00-18:00"
weekdays = "mon-fri"
price = "1"

[[tariff.rule]]
name = "steps"
per = "GB"
tiers = [{ up_to = "100 MB", price = "3" }, { up_to = "10 GB", price = "2" }, { price = "1" }]
tiers_are = "whole"

[[tariff.rule]]
name = "burst"
percentile = "99.5"
reading = "sum"
method = "inclusive"
missing = "zero"
committed = "1 Mbit/s"
price = "2.00"

"#;
    let mut text = CONFIGURATION.to_owned();
    text.replace_range(from..until, rules);
    let place = place();
    place.write("weir.toml", format!("[store]\npath = \"store\"\n\n{text}"));
    place.done("close --period 2025-10");
    // Behind a rule with hours are the accounts of those hours: 14:00 in Berlin on the 10th, a Friday.
    let day = place.done("explain acme/2025-10 day");
    assert!(day.contains("in, in the hours of the rule; in all hours 800,000,000 octets"), "{day}");
    assert!(day.contains("of 800,000,000 octets, 10 packets, 1 flow: what the rule is about"), "{day}");
    // The words of the statement, each rule in one cell.
    let words = place.done("rate acme --period 2025-10 -o csv");
    for part in [
        "800.000 MB in or out, whichever is more, only Mon Tue Wed Thu Fri 08:00–18:00 at 1 a MB",
        "900.000 MB in and out in tier 2 (above 100.000 MB to 10.000 GB), whose price all of it has at 2 a GB",
        "1 Mbit/s committed at 2.00 a Mbit/s",
        "percentile 99.5 of five-minute slots (between neighbours, inclusive; in and out)",
        "without data counted as 0",
    ] {
        assert!(words.contains(part), "{part}: {words}");
    }
}

/// What a missing file takes away is said; everything else is still looked at.
#[test]
fn a_file_that_is_gone_is_named_and_the_rest_is_verified() {
    let place = place();
    place.done("close --period 2025-10");
    let gone = files(&place, "flows").remove(0);
    fs::remove_file(&gone).unwrap();
    let found = place.weir("verify");
    assert_eq!(found.code, Some(1));
    let name = gone.file_name().unwrap().to_str().unwrap();
    for part in [
        name,
        "2025-10: it cannot be computed again",
        "1 closed period, 2 statements",
        "NOT computed again: what it takes cannot be read",
    ] {
        assert!(found.out.contains(part), "{part}: {} {}", found.out, found.err);
    }
    // Without books there is no closed figure that could stand.
    let place = crate::closing::place();
    place.done("close --period 2025-10");
    for file in ["books.sqlite", "books.sqlite-wal", "books.sqlite-shm"] {
        let _ = fs::remove_file(place.path("store").join(file));
    }
    let said = place.done("verify");
    assert!(said.contains("there are no books") && !said.contains("every closed figure stands"), "{said}");
}

/// The files below a folder of the store.
fn files(place: &Place, folder: &str) -> Vec<PathBuf> {
    let mut folders = vec![place.path("store").join(folder)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}
