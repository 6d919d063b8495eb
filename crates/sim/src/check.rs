//! The checkers: each compares one thing that weir says with what the ledger knows, and complains with both.

use crate::ledger::account::{Amounts, Key, accounts};
use crate::ledger::{Counts, Expected, Ledger};
use crate::row::Row;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::ops::Range;
use std::path::Path;
use weir_account::usage::{Kind as UsageKind, Used};
use weir_account::{Balance, Completeness, Sums, Usage};
use weir_flow::{Addr, Batch, Column, health};
use weir_query::{Key as QueryKey, Measure, Query};
use weir_store::bins::BinRow;
use weir_store::{SegmentEntry, Snapshot};

/// All of time.
const EVER: Range<i64> = i64::MIN..i64::MAX;
/// What a complaint shows of what is missing or too much.
const SHOWN_MAX: usize = 3;

/// A complaint, or none.
pub(crate) type Verdict = Result<(), String>;

fn complain(checker: &str, what: impl Display) -> Verdict {
    Err(format!("{checker}: {what}"))
}

/// A batch as it is taken: its rows in their order, its counts.
pub(crate) fn batch(expected: &Expected, actual: &Batch, unsure: &Unsure<'_>) -> Verdict {
    let rows: Vec<Row> = Row::all(actual).collect();
    for (at, (want, have)) in expected.rows.iter().zip(&rows).enumerate() {
        if want != have {
            return complain("batch", format!("row {at}\n  should be {want}\n  and is    {have}"));
        }
    }
    if rows.len() != expected.rows.len() {
        return complain("batch", format!("{} rows should be {}", rows.len(), expected.rows.len()));
    }
    counts("batch counts", &expected.counts, expected.malformed, &actual.health, unsure)
}

/// Everything that is stored, whatever was sealed, imported or is still in the journal.
pub(crate) fn store(ledger: &Ledger, snapshot: &Snapshot, unsure: &Unsure<'_>) -> Verdict {
    if !snapshot.damage().is_empty() {
        return complain("damage", format!("{:?}", snapshot.damage()));
    }
    rows(ledger, snapshot)?;
    totals(ledger, snapshot)?;
    bins(ledger, snapshot, &EVER)?;
    recomputed(snapshot)?;
    usage(ledger, snapshot)?;
    stored_counts(ledger, snapshot, unsure)
}

/// The rows, while sampling intervals that came late are on their way to some of them: but for what these change.
pub(crate) fn unsettled(ledger: &Ledger, snapshot: &Snapshot) -> Verdict {
    if !snapshot.damage().is_empty() {
        return complain("damage", format!("{:?}", snapshot.damage()));
    }
    let plain = |mut rows: Vec<Row>| {
        rows.iter_mut().for_each(Row::forget_sampling);
        rows.sort_unstable();
        rows
    };
    same_rows(&plain(ledger.rows().cloned().collect()), &plain(stored_rows(snapshot)?))
}

/// The rows of a snapshot, in no order.
pub(crate) fn stored_rows(snapshot: &Snapshot) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for segment in &snapshot.segments {
        rows.extend(segment_rows(segment).map_err(|error| format!("rows: {error}"))?);
    }
    for entry in &snapshot.tail {
        let batch = entry.read(u64::MAX).map_err(|error| format!("rows: {error}"))?;
        rows.extend(Row::all(&batch));
    }
    Ok(rows)
}

/// The rows of a segment.
pub(crate) fn segment_rows(segment: &SegmentEntry) -> Result<Vec<Row>, weir_store::Error> {
    let reader = segment.open()?;
    let mut rows = Vec::new();
    for (group, info) in reader.row_groups().iter().enumerate() {
        let all = std::iter::once(0..info.rows).collect::<Vec<_>>();
        rows.extend(Row::all(&reader.read(group, u64::MAX, &all)?));
    }
    Ok(rows)
}

/// Every stored row is there exactly once, and no other.
pub(crate) fn rows(ledger: &Ledger, snapshot: &Snapshot) -> Verdict {
    let mut want: Vec<Row> = ledger.rows().cloned().collect();
    want.sort_unstable();
    let mut have = stored_rows(snapshot)?;
    have.sort_unstable();
    same_rows(&want, &have)
}

/// The rows that were given up when everything that ended before this was: all of them are old.
pub(crate) fn retired(ledger: &Ledger, snapshot: &Snapshot, before: i64) -> Result<Vec<Row>, String> {
    let mut want: Vec<Row> = ledger.rows().cloned().collect();
    want.sort_unstable();
    let mut have = stored_rows(snapshot)?;
    have.sort_unstable();
    let (missing, extra) = differences(want.iter(), have.iter());
    let is_old = |row: &&&Row| row.moment(Column::End).max(row.moment(Column::Start)) < before;
    let young: Vec<&Row> = missing.iter().filter(|row| !is_old(row)).copied().collect();
    if young.is_empty() && extra.is_empty() {
        return Ok(missing.into_iter().cloned().collect());
    }
    Err(format!("retired: before {before}{}{}", shown("missing", &young), shown("too many", &extra)))
}

fn same_rows(want: &[Row], have: &[Row]) -> Verdict {
    let (missing, extra) = differences(want.iter(), have.iter());
    if missing.is_empty() && extra.is_empty() {
        return Ok(());
    }
    complain(
        "rows",
        format!(
            "{} are missing, {} too many{}{}",
            missing.len(),
            extra.len(),
            shown("missing", &missing),
            shown("too many", &extra)
        ),
    )
}

/// What two sorted lists do not share: of the first, of the second.
pub(crate) fn differences<'a, T: Ord>(
    a: impl Iterator<Item = &'a T>,
    b: impl Iterator<Item = &'a T>,
) -> (Vec<&'a T>, Vec<&'a T>) {
    let (mut a, mut b) = (a.peekable(), b.peekable());
    let (mut only_a, mut only_b) = (Vec::new(), Vec::new());
    loop {
        match (a.peek(), b.peek()) {
            (Some(x), Some(y)) if x == y => {
                a.next();
                b.next();
            }
            (Some(x), Some(y)) if x < y => only_a.extend(a.next()),
            (_, Some(_)) => only_b.extend(b.next()),
            (Some(_), None) => only_a.extend(a.next()),
            (None, None) => return (only_a, only_b),
        }
    }
}

fn shown(what: &str, rows: &[&Row]) -> String {
    rows.iter().take(SHOWN_MAX).map(|row| format!("\n  {what}: {row}")).collect()
}

/// The sums that the manifest states.
pub(crate) fn totals(ledger: &Ledger, snapshot: &Snapshot) -> Verdict {
    let sum = |column| ledger.rows().map(|row| u128::from(row.amount(column))).sum::<u128>();
    let want = (ledger.rows().count() as u64, sum(Column::Octets), sum(Column::Packets));
    let totals = snapshot.totals();
    let have = (totals.rows, totals.octets, totals.packets);
    if want == have { Ok(()) } else { complain("totals", format!("should be {want:?} and are {have:?}")) }
}

fn amounts(row: &BinRow<'_>) -> Amounts {
    let counts = row.counts;
    [counts.octets, counts.packets, counts.flows, counts.measured_octets, counts.measured_packets]
}

fn add(sums: &mut BTreeMap<Key, Amounts>, row: &BinRow<'_>) {
    let key = (row.bin, row.exporter, row.kind, row.tenant.unwrap_or_default().into(), row.host);
    for (sum, amount) in sums.entry(key).or_default().iter_mut().zip(amounts(row)) {
        *sum += amount;
    }
}

/// The bins of a span are those that the true rows make.
pub(crate) fn bins(ledger: &Ledger, snapshot: &Snapshot, range: &Range<i64>) -> Verdict {
    let mut want = accounts(ledger.accounted());
    want.retain(|key, _| range.contains(&key.0));
    let mut have = BTreeMap::new();
    snapshot.bins(range.clone(), |row| add(&mut have, row)).map_err(|error| format!("bins: {error}"))?;
    same_accounts("bins", &want, &have)
}

/// The bins written are those that the stored rows make.
fn recomputed(snapshot: &Snapshot) -> Verdict {
    let mut written = BTreeMap::new();
    // Accounts from before that have outlived their rows.
    let range = snapshot.whole_from()..i64::MAX;
    let read = snapshot.bins(range.clone(), |row| add(&mut written, row));
    read.map_err(|error| format!("bins again: {error}"))?;
    let mut again = BTreeMap::new();
    let accumulator = snapshot.recompute_bins(range).map_err(|error| format!("bins again: {error}"))?;
    accumulator.for_each(|row| add(&mut again, row));
    same_accounts("bins again", &again, &written)
}

fn same_accounts(checker: &str, want: &BTreeMap<Key, Amounts>, have: &BTreeMap<Key, Amounts>) -> Verdict {
    for (key, want) in want {
        let have = have.get(key).copied().unwrap_or_default();
        if *want != have {
            return complain(checker, format!("{key:?} should be {want:?} and is {have:?}"));
        }
    }
    match have.iter().find(|(key, amounts)| !want.contains_key(*key) && **amounts != Amounts::default()) {
        Some((key, have)) => complain(checker, format!("{key:?} should not be there and is {have:?}")),
        None => Ok(()),
    }
}

/// The balance closes, in total and by exporter, and tenants used what the ledger says.
pub(crate) fn usage(ledger: &Ledger, snapshot: &Snapshot) -> Verdict {
    let mut usage = Usage::new(ledger.town().names());
    let mut refused = None;
    let read = snapshot.bins(EVER, |row| {
        let sums = Sums::new(row.counts.octets, row.counts.packets, row.counts.flows);
        let Some(kind) = UsageKind::by_name(row.kind.word()) else { return };
        if let Err(error) = usage.add(kind, row.tenant, row.host, row.exporter, sums) {
            refused = Some(error.to_string());
        }
    });
    read.map_err(|error| format!("usage: {error}"))?;
    if let Some(refused) = refused {
        return complain("usage", refused);
    }
    let balance = Balance::of(&usage);
    if !balance.is_closed() {
        return complain("balance", format!("it does not close: {balance:?}"));
    }
    let mut tenants: BTreeMap<&str, Used> =
        ledger.town().names().map(|name| (name, Used::default())).collect();
    let mut exporters: BTreeMap<Addr, Sums> = BTreeMap::new();
    for row in ledger.accounted() {
        tally(row, &mut tenants, &mut exporters).map_err(|error| format!("usage: {error}"))?;
    }
    for (name, want) in &tenants {
        let have = usage.tenant(name).map(|tenant| tenant.used).unwrap_or_default();
        if *want != have {
            return complain("usage", format!("tenant {name} should have used {want:?} and did {have:?}"));
        }
    }
    for (exporter, want) in &exporters {
        let lines = balance.exporters.iter().find(|(address, _)| address == exporter);
        let have = lines.map(|(_, lines)| lines.decoded).unwrap_or_default();
        if *want != have {
            return complain(
                "balance",
                format!("exporter {exporter} should have told {want:?} and did {have:?}"),
            );
        }
    }
    Ok(())
}

/// Adds a row to its tenants and its exporter.
fn tally<'a>(
    row: &'a Row,
    tenants: &mut BTreeMap<&'a str, Used>,
    exporters: &mut BTreeMap<Addr, Sums>,
) -> Result<(), weir_account::sums::Overflow> {
    let sums = Sums::new(row.amount(Column::Octets), row.amount(Column::Packets), 1);
    if let Some(exporter) = row.address(Column::Exporter) {
        exporters.entry(exporter).or_default().add(sums)?;
    }
    let (tenant, peer) = (row.text(Column::Tenant), row.text(Column::PeerTenant));
    match row.text(Column::Direction) {
        "in" => tenants.entry(tenant).or_default().r#in.add(sums),
        "out" => tenants.entry(tenant).or_default().out.add(sums),
        "local" => {
            tenants.entry(tenant).or_default().local_out.add(sums)?;
            tenants.entry(peer).or_default().local_in.add(sums)
        }
        _ => Ok(()),
    }
}

/// What was counted beside the rows.
fn stored_counts(ledger: &Ledger, snapshot: &Snapshot, unsure: &Unsure<'_>) -> Verdict {
    let mut want = Counts::new();
    let mut malformed = (0, 0);
    for batch in ledger.stored() {
        for (key, value) in &batch.counts {
            *want.entry(*key).or_default() += value;
        }
        malformed = (malformed.0 + batch.malformed.0, malformed.1 + batch.malformed.1);
    }
    let mut have = Vec::new();
    let mut builder = Completeness::builder();
    let mut overflow = false;
    let read = snapshot.health(EVER, |row| {
        overflow |= builder.add(row).is_err();
        have.push(row.clone());
    });
    read.map_err(|error| format!("counts: {error}"))?;
    counts("counts", &want, malformed, &have, unsure)?;
    decoded(ledger, &have)?;
    fates(&want, &have)?;
    let sum = |what: &str| want.iter().filter(|(key, _)| key.3 == what).map(|(_, value)| *value).sum::<i64>();
    let total = builder.finish(0).total;
    for (what, have) in [
        ("datagrams", total.datagrams_received),
        ("undecodable", total.datagrams_undecodable),
        ("records", total.records),
        ("duplicate_datagrams", total.duplicate_datagrams),
        ("awaiting_template", total.records_awaiting_template),
        ("socket_drops", total.socket_drops),
        ("clock_doubts", total.clock_doubts),
    ] {
        if overflow || i64::try_from(have) != Ok(sum(what)) {
            return complain("completeness", format!("{what} should be {} and is {have}", sum(what)));
        }
    }
    Ok(())
}

/// Every datagram of an exporter is decoded, held or refused; those are refused that were not understood, and copies.
fn fates(want: &Counts, have: &[health::Row]) -> Verdict {
    let mut sums: BTreeMap<Addr, (i64, i64)> = BTreeMap::new();
    for ((_, exporter, _, what), value) in want {
        match *what {
            "datagrams" => sums.entry(*exporter).or_default().0 += value,
            "undecodable" | "duplicate_datagrams" => sums.entry(*exporter).or_default().1 += value,
            _ => {}
        }
    }
    for row in have {
        let (all, refused) = sums.entry(row.exporter).or_default();
        match row.what.split(':').next() {
            Some("datagrams_decoded" | "datagrams_held") => *all -= row.value,
            Some("datagrams_refused") => (*all, *refused) = (*all - row.value, *refused - row.value),
            _ => {}
        }
    }
    match sums.iter().find(|(_, sums)| **sums != (0, 0)) {
        Some((exporter, (all, refused))) => complain(
            "fates",
            format!("of {exporter}, {all} datagrams have none, and {refused} should be refused besides"),
        ),
        None => Ok(()),
    }
}

/// What was decoded is stored or discarded.
fn decoded(ledger: &Ledger, counts: &[health::Row]) -> Verdict {
    let sum = |name: &str| -> i128 {
        let named = counts.iter().filter(|row| row.what.split(':').next() == Some(name));
        named.map(|row| i128::from(row.value)).sum()
    };
    let stored = |column| ledger.accounted().map(|row| i128::from(row.amount(column))).sum::<i128>();
    for (what, stored) in [
        ("flows", ledger.accounted().count() as i128),
        ("octets", stored(Column::Octets)),
        ("packets", stored(Column::Packets)),
    ] {
        let (decoded, discarded) = (sum(what), sum(&format!("discarded_{what}")));
        if decoded != stored + discarded {
            let text = format!("{what}: {decoded} decoded, {stored} stored, {discarded} discarded");
            return complain("decoded", text);
        }
    }
    Ok(())
}

/// Of what nobody can say what it must be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unsure<'a> {
    /// Exporters that number datagrams: what that is in records is an estimate, and the other way round.
    pub by_datagram: &'a BTreeSet<Addr>,
    /// See [`Ledger::murky`].
    pub murky: &'a BTreeSet<(Addr, u32)>,
}

impl Unsure<'_> {
    fn is(&self, what: &str, exporter: Addr, domain: u32) -> bool {
        let by_datagram = self.by_datagram.contains(&exporter);
        let murky = self.murky.contains(&(exporter, domain));
        match what {
            "octets_lost_estimate" | "malformed" => true,
            // Compared as sums: see `fates`.
            "datagrams_decoded" | "datagrams_held" | "datagrams_refused" => true,
            "records_lost" => by_datagram || murky,
            "datagrams_lost" => !by_datagram || murky,
            "reordered" | "restarts" => murky,
            _ => false,
        }
    }
}

fn counts(
    checker: &str,
    want: &Counts,
    malformed: (i64, i64),
    rows: &[health::Row],
    unsure: &Unsure<'_>,
) -> Verdict {
    let mut have: BTreeMap<(i64, Addr, u32, &str), i64> = BTreeMap::new();
    let mut problems = 0;
    for row in rows {
        let what = row.what.split(':').next().unwrap_or_default();
        if what == "malformed" {
            problems += row.value;
        }
        if !unsure.is(what, row.exporter, row.domain) {
            *have.entry((row.bin, row.exporter, row.domain, what)).or_default() += row.value;
        }
    }
    for (key, value) in want.iter().filter(|(key, value)| **value != 0 && !unsure.is(key.3, key.1, key.2)) {
        let found = have.remove(&(key.0, key.1, key.2, key.3)).unwrap_or(0);
        if found != *value {
            let (bin, exporter, domain, what) = key;
            return complain(
                checker,
                format!("{what} of {exporter} domain {domain} in bin {bin} should be {value} and is {found}"),
            );
        }
    }
    if let Some(((bin, exporter, domain, what), value)) = have.into_iter().find(|(_, value)| *value != 0) {
        return complain(
            checker,
            format!("{what} of {exporter} domain {domain} in bin {bin} should be 0 and is {value}"),
        );
    }
    if problems < malformed.0 || problems > malformed.1 {
        return complain(
            checker,
            format!("malformed should be {} to {} and is {problems}", malformed.0, malformed.1),
        );
    }
    Ok(())
}

/// What the store says when it is asked to look at itself.
pub(crate) fn verified(store: &Path) -> Verdict {
    let report = weir_store::verify(store).map_err(|error| format!("verify: {error}"))?;
    if report.problems.is_empty() && report.damage.is_empty() {
        return Ok(());
    }
    complain("verify", format!("{:?} {:?}", report.problems, report.damage))
}

/// A question about tenants and directions, answered by scanning the rows.
pub(crate) fn question(ledger: &Ledger, snapshot: &Snapshot) -> Verdict {
    let keys = [Column::Tenant, Column::Direction, Column::Exporter];
    let query = Query { limit: None, ..Query::top(keys.map(QueryKey::Column).to_vec(), 0) };
    let options = weir_query::Options { threads: 1, accounts: false, ..weir_query::Options::default() };
    let table = weir_query::run(snapshot, &query, &options).map_err(|error| format!("question: {error}"))?;
    let mut want: BTreeMap<String, [u128; 3]> = BTreeMap::new();
    for row in ledger.rows() {
        let exporter = row.address(Column::Exporter).unwrap_or_default();
        let key = format!("{}|{}|{exporter}", row.text(Column::Tenant), row.text(Column::Direction));
        let sums = want.entry(key).or_default();
        for (sum, amount) in sums.iter_mut().zip([row.amount(Column::Octets), row.amount(Column::Packets), 1])
        {
            *sum += u128::from(amount);
        }
    }
    let measures = [Measure::Octets, Measure::Packets, Measure::Flows];
    let mut have = BTreeMap::new();
    for row in table.rows() {
        let texts: Vec<String> =
            row.keys.iter().map(|cell| cell.as_ref().map(ToString::to_string).unwrap_or_default()).collect();
        let sums = measures.map(|measure| {
            let at = table.measures.iter().position(|m| *m == measure);
            at.and_then(|at| row.sums.get(at)).copied().unwrap_or_default()
        });
        have.insert(texts.join("|"), sums);
    }
    if want == have { Ok(()) } else { complain("question", format!("should be {want:?} and is {have:?}")) }
}
