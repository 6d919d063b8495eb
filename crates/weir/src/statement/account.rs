//! The accounts of a span, read once: what was used, what a tariff asks for, and day by day, all from the same rows.
//!
//! Files of accounts are in the order of kind, tenant, host and bin. So rows of the same host come one after the other,
//! and are added up here as a [`Run`] before anything is looked up by name: ten thousand tenants' month is many millions of
//! rows and few runs.

use super::{Blank, Charged, unclassed};
use crate::cli::snapshot;
use crate::clock;
use crate::config::Config;
use crate::exit::Outcome;
use std::collections::BTreeMap;
use std::ops::Range;
use weir_account::shared::Part;
use weir_account::statement::{Daily, DailyByTenant};
use weir_account::tariff::{Meter, Tariff, Volume};
use weir_account::usage::{Kind, Usage};
use weir_account::{Balance, Completeness, Period, Pool, Sums, Tenants, Zone};
use weir_flow::Addr;
use weir_flow::health::{Counter, Row};
use weir_store::Snapshot;
use weir_store::bins::{self, BinRow, Counts, SumRow};

/// How far accounts are broken down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// By tenant: a small part of what there is of hosts.
    Tenants,
    /// By tenant and host.
    Hosts,
}

/// What is read of the accounts.
pub(crate) struct Wanted<'a> {
    /// Which time, ms since 1970.
    pub(crate) range: Range<i64>,
    pub(crate) level: Level,
    /// The period whose days are told apart, if they are.
    pub(crate) days: Option<&'a Period>,
    /// Who is charged by which tariff, and the zone of its hours.
    pub(crate) charged: Charged<'a>,
    pub(crate) zone: &'a Zone,
    /// Whose accounts are told apart, if not everybody's: of all others only what the balance needs is read.
    pub(crate) of: Option<&'a [&'a str]>,
}

/// Everything that the accounts say of a span.
pub(crate) struct Account {
    pub(crate) usage: Usage,
    pub(crate) balance: Balance,
    pub(crate) completeness: Completeness,
    days: Option<DailyByTenant>,
    meters: BTreeMap<String, Meter>,
}

impl Account {
    /// Reads what is wanted.
    ///
    /// # Errors
    /// There is no store, it is damaged, or a sum does not fit.
    pub(crate) fn read(config: &Config, wanted: &Wanted<'_>) -> Outcome<Self> {
        Self::read_of(&snapshot(config, Some(&wanted.range))?, config, wanted, |_| Ok(()))
    }

    /// The same of a snapshot; each account goes to `each` as well, as it is stored: what shared addresses had is not shared out.
    ///
    /// # Errors
    /// It is damaged, a sum does not fit, or what `each` says.
    pub(crate) fn read_of(
        snapshot: &Snapshot,
        config: &Config,
        wanted: &Wanted<'_>,
        mut each: impl FnMut(&BinRow<'_>) -> Outcome,
    ) -> Outcome<Self> {
        let asked = Asked::of(config, wanted.of);
        let mut usage = asked.usage(config, &wanted.range);
        let names = asked.names();
        if let Some(names) = &names {
            let mut result = Ok(());
            snapshot.sums_of(wanted.range.clone(), names, |row| {
                if result.is_ok() && row.tenant.is_none() {
                    result = usage.add_others(kind(row.kind), row.exporter, counted(&row.counts));
                }
            })?;
            result?;
        }
        let mut sum = Sum {
            usage,
            days: wanted.days.map(DailyByTenant::new),
            meters: meters(&config.tenants, snapshot, wanted)?,
            unclassed: unclassed(config),
            run: Run::default(),
            pool: asked.pool.clone(),
        };
        let mut result = Ok(());
        let add = |row: &BinRow<'_>| {
            if result.is_ok() {
                result = each(row).and_then(|()| sum.add(row));
            }
        };
        let range = wanted.range.clone();
        match (wanted.level, &names) {
            (Level::Tenants, None) => snapshot.tenants(range, add)?,
            (Level::Tenants, Some(names)) => snapshot.tenants_of(range, names, add)?,
            (Level::Hosts, None) => snapshot.bins(range, add)?,
            (Level::Hosts, Some(names)) => snapshot.bins_of(range, names, add)?,
        }
        result?;
        sum.put()?;
        sum.share_out(&asked)?;
        let meters = sum.meters.into_iter().map(|(name, metered)| (name.to_owned(), metered.meter)).collect();
        Ok(Self { days: sum.days, meters, ..Self::complete(snapshot, &wanted.range, sum.usage)? })
    }

    /// Reads what was used in a span (ms since 1970) as a whole, by everybody or by one tenant; and by which hosts of that one,
    /// if that is wanted. Nothing is told apart by time, so of most files only what they add up to is read.
    ///
    /// # Errors
    /// As [`Account::read`].
    pub(crate) fn of_span(
        config: &Config,
        range: &Range<i64>,
        tenant: Option<&str>,
        with_hosts: bool,
    ) -> Outcome<Self> {
        let snapshot = snapshot(config, Some(range))?;
        let mut asked = Asked::of(config, tenant.as_slice().get(..1));
        let mut usage = asked.usage(config, range);
        let mut result = Ok(());
        let mut add = |row: &SumRow<'_>| {
            if result.is_ok() {
                result = add_sum(&mut usage, row, &asked);
            }
        };
        match &asked.names() {
            None => snapshot.sums(range.clone(), add)?,
            Some(names) => snapshot.sums_of(range.clone(), names, |row| {
                // As of everybody: who has nothing but accounts of nothing is not there.
                if row.counts != Counts::default() {
                    add(row);
                }
            })?,
        }
        result?;
        share_out(&snapshot, range, &mut usage, &mut asked)?;
        if let Some(tenant) = tenant.filter(|name| with_hosts && !asked.pool.has(name)) {
            let mut result = Ok(());
            snapshot.bins_of(range.clone(), &[tenant], |row| {
                if let (Ok(()), Some(host)) = (&result, row.host) {
                    result = usage.add_host(kind(row.kind), tenant, host, counted(&row.counts));
                }
            })?;
            result?;
        }
        Self::complete(&snapshot, range, usage)
    }

    /// With what no account says, once all are added up.
    fn complete(snapshot: &Snapshot, range: &Range<i64>, mut usage: Usage) -> Outcome<Self> {
        usage.complete_classes()?;
        let completeness = completeness(snapshot, range, &mut usage)?;
        let balance = Balance::of(&usage);
        Ok(Self { usage, balance, completeness, days: None, meters: BTreeMap::new() })
    }

    /// A tenant's days; without usage if none were wanted or no account names it.
    pub(crate) fn days_of(&self, tenant: &str, period: &Period) -> Daily {
        self.days.as_ref().map_or_else(|| Daily::new(period), |days| days.of(tenant))
    }

    /// What a tariff asks for, of a tenant that is charged by one.
    pub(crate) fn meter(&self, tenant: &str) -> Option<&Meter> {
        self.meters.get(tenant)
    }
}

/// Everything while it is added up.
struct Sum<'a> {
    usage: Usage,
    days: Option<DailyByTenant>,
    meters: BTreeMap<&'a str, Metered<'a>>,
    /// What meters call traffic without a class.
    unclassed: &'static str,
    run: Run,
    /// What is shared out when all is there.
    pool: Pool,
}

/// What a tariff asks for.
struct Metered<'a> {
    meter: Meter,
    tariff: &'a Tariff,
    /// Whether it matters in which five minutes there was what.
    is_by_slot: bool,
}

/// Rows of one kind, tenant, host, class and day, that came one after the other.
#[derive(Default)]
struct Run {
    kind: Option<Kind>,
    tenant: Option<String>,
    host: Option<Addr>,
    class: Option<String>,
    /// The day, or all time where days are not told apart.
    day: Range<i64>,
    /// Few: mostly one.
    exporters: Vec<(Addr, Sums)>,
    /// Bins with what there was in each.
    slots: Vec<(i64, Sums)>,
}

impl Run {
    fn takes(&self, kind: Kind, row: &BinRow<'_>) -> bool {
        self.kind == Some(kind)
            && self.day.contains(&row.bin)
            && self.host == row.host
            && self.tenant.as_deref() == row.tenant
            && self.class.as_deref() == row.class
    }

    fn add(&mut self, exporter: Addr, sums: Sums) -> Outcome {
        match self.exporters.iter_mut().find(|(known, _)| *known == exporter) {
            Some((_, sum)) => Ok(sum.add(sums)?),
            None => {
                self.exporters.push((exporter, sums));
                Ok(())
            }
        }
    }
}

impl Sum<'_> {
    fn add(&mut self, row: &BinRow<'_>) -> Outcome {
        let kind = kind(row.kind);
        if !self.run.takes(kind, row) {
            self.put()?;
            self.run.kind = Some(kind);
            self.run.tenant = row.tenant.map(str::to_owned);
            self.run.host = row.host;
            self.run.class = row.class.map(str::to_owned);
            self.run.day = self.day_of(row.bin);
        }
        let sums = counted(&row.counts);
        self.run.add(row.exporter, sums)?;
        self.run.slots.push((row.bin, sums));
        Ok(())
    }

    fn day_of(&self, bin: i64) -> Range<i64> {
        let Some(days) = &self.days else { return i64::MIN..i64::MAX };
        days.day_of(bin).map_or(bin..bin.saturating_add(1), |day| day.from_ms..day.to_ms)
    }

    /// Puts what the run adds up to where it belongs, and begins another.
    fn put(&mut self) -> Outcome {
        let Some(kind) = self.run.kind.take() else { return Ok(()) };
        let (tenant, class) = (self.run.tenant.take(), self.run.class.take());
        if let Some(shared) = tenant.as_deref().filter(|name| self.pool.has(name)) {
            for (exporter, sums) in self.run.exporters.drain(..) {
                self.usage.add_shared(kind, shared, exporter, sums)?;
            }
            for (bin, sums) in self.run.slots.drain(..) {
                self.pool.take(shared, kind, class.as_deref(), bin, sums)?;
            }
            return Ok(());
        }
        for (exporter, sums) in self.run.exporters.drain(..) {
            self.usage.add(kind, tenant.as_deref(), self.run.host, exporter, sums)?;
            if let (Some(days), Some(tenant)) = (&mut self.days, &tenant) {
                days.add(tenant, self.run.day.start, kind, sums)?;
            }
            if let (Some(tenant), Some(class)) = (&tenant, &class) {
                self.usage.add_class(tenant, class, kind, sums)?;
            }
        }
        if let Some(metered) = tenant.as_deref().and_then(|tenant| self.meters.get_mut(tenant)) {
            metered.add(kind, class.as_deref().unwrap_or(self.unclassed), &self.run.slots)?;
        }
        self.run.slots.clear();
        Ok(())
    }

    /// Gives the members of shared addresses their parts.
    fn share_out(&mut self, asked: &Asked<'_>) -> Outcome {
        let Self { usage, days, meters, unclassed, pool, .. } = self;
        pool.share_out(|part| {
            let Part { tenant, kind, class, start_ms, sums, .. } = part;
            if !asked.is_about(tenant) {
                return Ok(());
            }
            usage.add_part(part)?;
            if let Some(days) = days {
                days.add(tenant, start_ms, kind, sums)?;
            }
            match meters.get_mut(tenant) {
                Some(metered) => metered.add(kind, class.unwrap_or(*unclassed), &[(start_ms, sums)]),
                None => Ok(()),
            }
        })
    }
}

impl Metered<'_> {
    fn add(&mut self, kind: Kind, class: &str, slots: &[(i64, Sums)]) -> Outcome {
        let volume = |octets| match kind {
            Kind::In => Some(Volume { came: octets, went: 0 }),
            Kind::Out => Some(Volume { came: 0, went: octets }),
            _ => None,
        };
        let mut add = |bin, sums: Sums| match volume(self.tariff.octets(sums.octets, sums.packets)?) {
            Some(volume) => Ok(self.meter.add(class, bin, volume)?),
            None => Ok(()),
        };
        if self.is_by_slot {
            return slots.iter().try_for_each(|(bin, sums)| add(*bin, *sums));
        }
        let Some((first, _)) = slots.first() else { return Ok(()) };
        add(*first, Sums::sum(slots.iter().map(|(_, sums)| *sums))?)
    }
}

/// Who had a network in that time. Who had none is there only if there is traffic of theirs.
fn there<'a>(config: &'a Config, range: &Range<i64>) -> impl Iterator<Item = &'a str> {
    let there = config.tenants.iter().filter(|tenant| tenant.is_present(range));
    there.map(|tenant| tenant.name.as_str())
}

/// Who is asked about, and the shared addresses that they are behind.
struct Asked<'a> {
    /// `None` is everybody.
    tenants: Option<&'a [&'a str]>,
    /// These, and the shared addresses: whose accounts are read.
    names: Option<Vec<String>>,
    pool: Pool,
}

impl<'a> Asked<'a> {
    fn of(config: &Config, tenants: Option<&'a [&'a str]>) -> Self {
        let Some(names) = tenants else {
            return Self { tenants, names: None, pool: Pool::new(&config.tenants) };
        };
        let pool = Pool::behind(&config.tenants, names);
        let mut names: Vec<String> = names.iter().copied().chain(pool.names()).map(str::to_owned).collect();
        names.sort();
        names.dedup();
        Self { tenants, names: Some(names), pool }
    }

    /// Whose accounts are read, if not everybody's.
    fn names(&self) -> Option<Vec<&str>> {
        self.names.as_ref().map(|names| names.iter().map(String::as_str).collect())
    }

    fn is_about(&self, tenant: &str) -> bool {
        self.tenants.is_none_or(|tenants| tenants.contains(&tenant))
    }

    /// Nothing yet, of them.
    fn usage(&self, config: &Config, range: &Range<i64>) -> Usage {
        Usage::new(there(config, range).filter(|tenant| self.is_about(tenant)))
    }
}

/// Gives the members of shared addresses their parts, for which the slots of those are read.
fn share_out(snapshot: &Snapshot, range: &Range<i64>, usage: &mut Usage, asked: &mut Asked<'_>) -> Outcome {
    let shared: Vec<String> = asked.pool.names().map(str::to_owned).collect();
    if shared.is_empty() {
        return Ok(());
    }
    let shared: Vec<&str> = shared.iter().map(String::as_str).collect();
    let mut result = Ok(true);
    snapshot.tenants_of(range.clone(), &shared, |row| {
        if let (Ok(_), Some(name)) = (&result, row.tenant) {
            result = asked.pool.take(name, kind(row.kind), row.class, row.bin, counted(&row.counts));
        }
    })?;
    result?;
    asked.pool.share_out(|part| if asked.is_about(part.tenant) { Ok(usage.add_part(part)?) } else { Ok(()) })
}

/// Adds an account of the whole span; of a shared address, to what is shared out.
fn add_sum(usage: &mut Usage, row: &SumRow<'_>, asked: &Asked<'_>) -> Outcome {
    let (kind, sums) = (kind(row.kind), counted(&row.counts));
    if asked.names.is_some() && row.tenant.is_none() {
        return Ok(usage.add_others(kind, row.exporter, sums)?);
    }
    if let Some(shared) = row.tenant.filter(|name| asked.pool.has(name)) {
        return Ok(usage.add_shared(kind, shared, row.exporter, sums)?);
    }
    usage.add(kind, row.tenant, None, row.exporter, sums)?;
    if let (Some(tenant), Some(class)) = (row.tenant, row.class) {
        usage.add_class(tenant, class, kind, sums)?;
    }
    Ok(())
}

/// What an account counts, sampling undone.
pub(super) fn counted(counts: &Counts) -> Sums {
    Sums::new(counts.octets, counts.packets, counts.flows)
}

/// The store's word as the accounts have it.
pub(super) fn kind(kind: bins::Kind) -> Kind {
    match kind {
        bins::Kind::In => Kind::In,
        bins::Kind::Out => Kind::Out,
        bins::Kind::LocalIn => Kind::LocalIn,
        bins::Kind::LocalOut => Kind::LocalOut,
        bins::Kind::Transit => Kind::Transit,
        bins::Kind::Unmatched => Kind::Unmatched,
        bins::Kind::Duplicate => Kind::Duplicate,
        bins::Kind::Decoded => Kind::Decoded,
    }
}

/// A meter for everybody who is charged.
fn meters<'a>(
    tenants: &Tenants,
    snapshot: &Snapshot,
    wanted: &Wanted<'a>,
) -> Outcome<BTreeMap<&'a str, Metered<'a>>> {
    let blank = Blank::of(tenants, snapshot, &wanted.range, wanted.zone, &wanted.charged)?;
    let metered = wanted.charged.iter().map(|(tenant, tariff)| {
        let meter = blank.meter(tenant, tariff);
        (*tenant, Metered { meter, tariff, is_by_slot: tariff.is_by_slot() })
    });
    Ok(metered.collect())
}

/// Reads the counts of a span once: adds what was decoded and could not be stored (no bin holds it, it is counted when it
/// arrived) to the usage, and gives how complete it is.
fn completeness(snapshot: &Snapshot, range: &Range<i64>, usage: &mut Usage) -> Outcome<Completeness> {
    let mut builder = Completeness::builder();
    let mut result: Outcome = Ok(());
    let mut first: Option<i64> = None;
    snapshot.health(range.clone(), |row| {
        first = Some(first.map_or(row.bin, |first| first.min(row.bin)));
        if result.is_ok() {
            result = add_discarded(usage, row).and_then(|()| Ok(builder.add(row)?));
        }
    })?;
    result?;
    if let Some(looked) = looked_at(range, first, clock::now_ms()) {
        builder = builder.with_silences(looked.start, looked.end);
    }
    if let Some(before) = given_up(snapshot, range) {
        builder = builder.given_up(before);
    }
    Ok(builder.finish(usage.total().decoded.octets))
}

/// Where in a span silence is looked for, of which the first that was heard was then. A span that is over has all of its hours to
/// be heard in, whenever weir first was there; one that runs, those from the first until now.
fn looked_at(range: &Range<i64>, first: Option<i64>, now_ms: i64) -> Option<Range<i64>> {
    if range.start == i64::MIN || range.end == i64::MAX {
        return None;
    }
    let from = if range.end <= now_ms { range.start } else { first?.max(range.start) };
    Some(from..range.end.min(now_ms))
}

/// Before when accounts were given up, ms since 1970, if any of the span may be among them.
pub(crate) fn given_up(snapshot: &Snapshot, range: &Range<i64>) -> Option<i64> {
    snapshot.accounts_before().filter(|before| range.start < *before)
}

fn add_discarded(usage: &mut Usage, row: &Row) -> Outcome {
    let (Some(counter), Some(reason)) = row.counter() else { return Ok(()) };
    let value = u64::try_from(row.value).unwrap_or_default();
    let sums = match counter {
        Counter::DiscardedOctets => Sums { octets: value, ..Sums::default() },
        Counter::DiscardedPackets => Sums { packets: value, ..Sums::default() },
        Counter::DiscardedFlows => Sums { flows: value, ..Sums::default() },
        _ => return Ok(()),
    };
    Ok(usage.add_discarded(reason, row.exporter, sums)?)
}
