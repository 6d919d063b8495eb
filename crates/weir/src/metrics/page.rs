//! The page of `/metrics`, written anew for everyone who asks.

use super::books::{Books, Exporter, Sum};
use super::catalog as m;
use super::hub::{Hub, Outlook};
use super::memory;
use super::process::Process;
use super::pulse::Ear;
use super::text::{Page, Thousandths};
use crate::quota::figure::{ACTIONS, Figures, Result};
use crate::web::Served;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use weir_flow::Addr;
use weir_flow::health::Counter;
use weir_store::Files;

/// Counters that have a metric of their own, or are part of one.
const NAMED: [Counter; 12] = [
    Counter::Datagrams,
    Counter::DatagramsDecoded,
    Counter::DatagramsHeld,
    Counter::DatagramsRefused,
    Counter::SocketDrops,
    Counter::Records,
    Counter::Flows,
    Counter::Octets,
    Counter::Packets,
    Counter::RecordsLost,
    Counter::DatagramsLost,
    Counter::OctetsLostEstimate,
];

/// Everything that is known at `now_ms`. `name`: what the operator calls an exporter.
pub(crate) fn page(hub: &Hub, served: &Served, name: &dyn Fn(Addr) -> String, now_ms: i64) -> String {
    let books = hub.books();
    let mut page = Page::default();
    page.sample(&m::BUILD_INFO, &[env!("CARGO_PKG_VERSION")], 1);
    for (invariant, _, times) in books.invariants() {
        page.sample(&m::INVARIANT_VIOLATIONS, &[invariant.word()], times);
    }
    for (invariant, off, _) in books.invariants() {
        page.sample(&m::INVARIANT_DIFFERENCE, &[invariant.word()], off);
    }
    datagrams(&books, &mut page);
    traffic(&books, &mut page);
    losses(&books, &mut page);
    exporters(&books, name, &mut page);
    listeners(hub, now_ms, &mut page);
    page.known(&m::WRITER_AGE, hub.writer.age_ms(now_ms).map(Thousandths));
    page.one(&m::QUEUE_BATCHES, hub.queued.load(Ordering::Relaxed));
    page.one(&m::QUEUE_CAPACITY, hub.queue_max);
    page.one(&m::BATCHES, books.batches);
    store(hub, now_ms, &mut page);
    for share in memory::shares(hub) {
        page.sample(&m::MEMORY, &[share.consumer], share.bytes);
    }
    page.one(&m::MEMORY_LIMIT, hub.memory);
    page.one(&m::MEMORY_PRESSURE, hub.early_seals.load(Ordering::Relaxed));
    page.one(&m::MEMORY_REFUSED, hub.status().memory_refused);
    for (outcome, times) in hub.post.jobs() {
        page.sample(&m::SCHEDULE_JOBS, &[outcome], times);
    }
    for (outcome, times) in hub.post.letters() {
        page.sample(&m::MAIL_LETTERS, &[outcome], times);
    }
    page.one(&m::MAIL_WAITING, hub.post.waiting());
    quota(&hub.quota, now_ms, &mut page);
    for ((path, code), times) in served.counts() {
        page.sample(&m::HTTP_REQUESTS, &[path, code.as_str()], times);
    }
    page.one(&m::HTTP_REFUSED, hub.http_refused.load(Ordering::Relaxed));
    page.one(&m::SQL_REFUSED, hub.sql_refused.load(Ordering::Relaxed));
    process(hub, &mut page);
    page.finish()
}

fn datagrams(books: &Books, page: &mut Page) {
    let of = |counter| books.total.of(counter);
    page.one(&m::DATAGRAMS, of(Counter::Datagrams).up);
    page.one(&m::DATAGRAMS_DECODED, of(Counter::DatagramsDecoded).up);
    page.one(&m::DATAGRAMS_HELD, of(Counter::DatagramsHeld).up);
    page.one(&m::DATAGRAMS_HELD_SETTLED, of(Counter::DatagramsHeld).down);
    for ((counter, reason), sum) in &books.reasons {
        if *counter == Counter::DatagramsRefused {
            page.sample(&m::DATAGRAMS_REFUSED, &[reason], sum.up);
        }
    }
    page.one(&m::KERNEL_DROPS, of(Counter::SocketDrops).up);
}

fn traffic(books: &Books, page: &mut Page) {
    let of = |counter| books.total.of(counter);
    page.one(&m::RECORDS, of(Counter::Records).up);
    page.one(&m::FLOWS, of(Counter::Flows).net());
    page.one(&m::OCTETS, of(Counter::Octets).up);
    page.one(&m::PACKETS, of(Counter::Packets).up);
    for (class, place) in books.places() {
        page.sample(&m::CLASS_FLOWS, &[class.word()], place.flows);
    }
    for (class, place) in books.places() {
        page.sample(&m::CLASS_OCTETS, &[class.word()], place.octets);
    }
    for (reason, place) in &books.discarded {
        page.sample(&m::DISCARDED_FLOWS, &[reason], place.flows);
    }
    for (reason, place) in &books.discarded {
        page.sample(&m::DISCARDED_OCTETS, &[reason], place.octets);
    }
}

fn losses(books: &Books, page: &mut Page) {
    for (counter, lost, found) in [
        (Counter::RecordsLost, &m::RECORDS_LOST, &m::RECORDS_LOST_FOUND),
        (Counter::DatagramsLost, &m::DATAGRAMS_LOST, &m::DATAGRAMS_LOST_FOUND),
        (Counter::OctetsLostEstimate, &m::OCTETS_LOST, &m::OCTETS_LOST_FOUND),
    ] {
        page.one(lost, books.total.of(counter).up);
        page.one(found, books.total.of(counter).down);
    }
    let others = Counter::ALL.iter().filter(|counter| !NAMED.contains(counter));
    let plain = others.clone().map(|counter| ((*counter, ""), books.total.of(*counter)));
    let mut sums: BTreeMap<(Counter, &str), Sum> = plain.collect();
    for ((counter, reason), sum) in &books.reasons {
        if NAMED.contains(counter) {
            continue;
        }
        // What has reasons is told by them.
        sums.remove(&(*counter, ""));
        sums.insert((*counter, reason), *sum);
    }
    for ((counter, reason), sum) in &sums {
        page.sample(&m::EVENTS, &[counter.name(), reason], sum.up);
    }
    for ((counter, reason), sum) in sums.iter().filter(|(_, sum)| sum.down > 0) {
        page.sample(&m::EVENTS_BACK, &[counter.name(), reason], sum.down);
    }
}

fn exporters(books: &Books, name: &dyn Fn(Addr) -> String, page: &mut Page) {
    page.one(&m::EXPORTERS, books.exporters_len());
    let known = books.exporters().map(|(address, exporter)| (address.to_string(), name(address), exporter));
    let others = books.others.iter().map(|others| ("other".to_owned(), "other".to_owned(), others));
    let mut all: Vec<(String, String, &Exporter)> = known.chain(others).collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    type Figure = fn(&Exporter) -> u128;
    let figures: [(&m::Metric, Figure); 6] = [
        (&m::EXPORTER_DATAGRAMS, |e| e.tally.of(Counter::Datagrams).up),
        (&m::EXPORTER_REFUSED, |e| e.tally.of(Counter::DatagramsRefused).up),
        (&m::EXPORTER_RECORDS, |e| e.tally.of(Counter::Records).up),
        (&m::EXPORTER_OCTETS, |e| e.tally.of(Counter::Octets).up),
        (&m::EXPORTER_LOST, |e| e.tally.of(Counter::RecordsLost).up),
        (&m::EXPORTER_LOST_FOUND, |e| e.tally.of(Counter::RecordsLost).down),
    ];
    for (metric, figure) in figures {
        for (address, name, exporter) in &all {
            page.sample(metric, &[address, name], figure(exporter));
        }
    }
    for (address, name, exporter) in &all {
        page.sample(&m::EXPORTER_LAST, &[address, name], Thousandths(exporter.last_ms));
    }
}

fn listeners(hub: &Hub, now_ms: i64, page: &mut Page) {
    // A listener may have several threads: they count together, and the slowest says how it gets on.
    let mut ears: BTreeMap<String, Vec<Arc<Ear>>> = BTreeMap::new();
    for (name, ear) in hub.ears() {
        ears.entry(name).or_default().push(ear);
    }
    type Figure = fn(&Ear) -> u64;
    let figures: [(&m::Metric, Figure); 5] = [
        (&m::LISTENER_DATAGRAMS, |e| Ear::get(&e.datagrams)),
        (&m::LISTENER_DROPS, |e| Ear::get(&e.drops)),
        (&m::LISTENER_BUFFER, |e| Ear::get(&e.buffer_bytes)),
        (&m::LISTENER_BUFFER_WANTED, |e| Ear::get(&e.buffer_wanted_bytes)),
        (&m::LISTENER_SESSIONS, |e| Ear::get(&e.sessions)),
    ];
    for (metric, figure) in figures {
        for (name, ears) in &ears {
            page.sample(metric, &[name], ears.iter().map(|ear| figure(ear)).sum::<u64>());
        }
    }
    for (name, ears) in &ears {
        if let Some(age) = ears.iter().filter_map(|ear| ear.pulse.age_ms(now_ms)).max() {
            page.sample(&m::LISTENER_AGE, &[name], Thousandths(age));
        }
    }
}

fn store(hub: &Hub, now_ms: i64, page: &mut Page) {
    let status = hub.status();
    let age = |since: Option<i64>| Thousandths(since.map_or(0, |since| now_ms.saturating_sub(since).max(0)));
    page.one(&m::STORE_JOURNAL_BYTES, status.journal_bytes);
    page.one(&m::STORE_JOURNAL_ROWS, status.journal_rows);
    page.one(&m::STORE_UNSYNCED_AGE, age(status.unsynced_since));
    page.one(&m::STORE_UNSEALED_AGE, age(status.unsealed_since));
    page.one(&m::STORE_SEALS, status.seals_waiting);
    let kinds = [
        ("flows", status.flows),
        ("bins", status.bins),
        ("health", status.health),
        ("counters", status.counters),
    ];
    type Figure = fn(&Files) -> u64;
    let figures: [(&m::Metric, Figure); 3] = [
        (&m::STORE_FILES, |kind| kind.files),
        (&m::STORE_BYTES, |kind| kind.bytes),
        (&m::STORE_ROWS, |kind| kind.rows),
    ];
    for (metric, figure) in figures {
        for (word, kind) in &kinds {
            page.sample(metric, &[word], figure(kind));
        }
    }
    page.known(&m::STORE_BUDGET, hub.budget().bytes);
    let disk = super::disk::Disk::of(&hub.store);
    page.known(&m::STORE_FREE, disk.map(|disk| disk.free_bytes));
    page.known(&m::STORE_SIZE, disk.map(|disk| disk.size_bytes));
    if let Some(outlook) = hub.outlook() {
        room(&outlook, page);
    }
    page.known(&m::STORE_RETIRED, status.flows_before.map(Thousandths));
    page.known(&m::STORE_ACCOUNTS_RETIRED, status.accounts_before.map(Thousandths));
    page.one(&m::STORE_WRITING, u8::from(hub.outage().is_none()));
}

fn room(outlook: &Outlook, page: &mut Page) {
    let Outlook { forecast, retired, is_over_budget } = outlook;
    let space = forecast.space;
    let parts = [
        ("flows", space.segments),
        ("accounts", space.accounts),
        ("journal", space.journal),
        ("other", space.other),
    ];
    for (part, bytes) in parts {
        page.sample(&m::STORE_SPACE, &[part], bytes);
    }
    page.one(&m::STORE_LIMIT, forecast.limit);
    for (part, lasts_ms) in [("detail", forecast.detail_ms), ("accounts", forecast.accounts_ms)] {
        if let Some(ms) = lasts_ms {
            page.sample(&m::STORE_LASTS, &[part], Thousandths(ms));
        }
    }
    page.one(&m::STORE_OVER, u8::from(*is_over_budget));
    page.one(&m::STORE_RETIRED_FLOWS, retired.rows);
    page.one(&m::STORE_RETIRED_BYTES, retired.bytes);
    page.one(&m::STORE_ROLLUPS_LOST, retired.rollups_lost);
}

fn quota(figures: &Figures, now_ms: i64, page: &mut Page) {
    page.known(&m::QUOTA_AGE, figures.age_ms(now_ms).map(Thousandths));
    page.one(&m::QUOTA_BLOCKED, figures.blocked.load(Ordering::Relaxed));
    page.one(&m::QUOTA_FAILING, figures.failing.load(Ordering::Relaxed));
    page.one(&m::QUOTA_UNWATCHED, figures.unwatched.load(Ordering::Relaxed));
    for action in ACTIONS {
        for result in Result::ALL {
            page.sample(&m::QUOTA_ACTIONS, &[action, result.word()], figures.times(action, result));
        }
    }
}

fn process(hub: &Hub, page: &mut Page) {
    let process = Process::now();
    page.known(&m::PROCESS_RESIDENT, process.resident_bytes);
    let cpu = process.cpu_centiseconds.and_then(|cs| i64::try_from(cs).ok()?.checked_mul(10));
    page.known(&m::PROCESS_CPU, cpu.map(Thousandths));
    page.known(&m::PROCESS_THREADS, process.threads);
    page.known(&m::PROCESS_FDS, process.fds);
    page.known(&m::PROCESS_FDS_MAX, process.fds_max);
    page.one(&m::PROCESS_START, Thousandths(hub.since_ms));
}
