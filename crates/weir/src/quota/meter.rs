//! What everybody used in the cycle of each quota, how fast of late, and how much more there may be that no exporter has
//! told yet. From committed accounts, in one pass over the bins of the longest cycle; the same data and the same instant
//! give the same figures.

use super::whose::Whose;
use crate::config::quota::{Cycle, Each, Quota};
use crate::config::{Calendar, Config};
use crate::exit::{Failure, Outcome};
use crate::statement::given_up;
use std::collections::HashMap;
use std::ops::Range;
use weir_account::class::OTHER;
use weir_account::quota::{Lately, Seen};
use weir_account::shared::Part;
use weir_account::tariff::Direction;
use weir_account::usage::Kind;
use weir_account::{Overflow, Period, Pool, Tenants};
use weir_flow::Addr;
use weir_flow::time::bin;
use weir_store::Snapshot;
use weir_store::bins::BinRow;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// An exporter that says nothing for so long beyond its lag is said to be silent.
const SILENT_MS: i64 = 10 * MINUTE_MS;
/// Whom nothing was heard of for so long is no exporter any more.
const FORGOTTEN_MS: i64 = DAY_MS;

/// All that is known at one instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) now_ms: i64,
    /// Quota by quota in the order of the configuration; who used most first.
    pub(crate) metered: Vec<Metered>,
    /// Exporters that were heard within the last day and are not any more, and since when (ms since 1970).
    pub(crate) silent: Vec<(Addr, i64)>,
    /// From when on exporters may not have told all yet, ms since 1970.
    pub(crate) untold_ms: i64,
    /// Accounts of before this, ms since 1970, were given up, and a cycle begins before it: of that, used says less.
    pub(crate) given_up_before: Option<i64>,
}

/// One subject of one quota.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Metered {
    /// The quota's place in the configuration.
    pub(crate) quota: usize,
    pub(crate) whose: Whose,
    /// The cycle's name, as 2026-10.
    pub(crate) cycle: String,
    pub(crate) seen: Seen,
    /// Octets that are likely to be told yet: an estimate that decides nothing. `None` if an exporter is silent, or
    /// nothing was heard.
    pub(crate) more: Option<u64>,
}

/// Octets in and out.
#[derive(Debug, Clone, Copy, Default)]
struct Ways {
    came: u64,
    went: u64,
}

impl Ways {
    fn add(&mut self, kind: Kind, octets: u64) -> Result<(), Overflow> {
        let way = match kind {
            Kind::In => &mut self.came,
            Kind::Out => &mut self.went,
            _ => return Ok(()),
        };
        *way = way.checked_add(octets).ok_or(Overflow)?;
        Ok(())
    }

    fn plus(self, other: Self) -> Result<Self, Overflow> {
        let plus = |a: u64, b: u64| a.checked_add(b).ok_or(Overflow);
        Ok(Self { came: plus(self.came, other.came)?, went: plus(self.went, other.went)? })
    }

    fn by(self, direction: Direction) -> Result<u64, Overflow> {
        u64::try_from(direction.of((self.came, self.went))).map_err(|_| Overflow)
    }
}

/// What somebody used, as seen through a lens.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    /// In the cycle,
    cycle: Ways,
    /// and of late in it.
    lately: Ways,
    /// In the time in which exporters may not have told all,
    untold: Ways,
    /// and in the hour before that.
    before: Ways,
}

impl Sum {
    fn plus(self, other: Self) -> Result<Self, Overflow> {
        Ok(Self {
            cycle: self.cycle.plus(other.cycle)?,
            lately: self.lately.plus(other.lately)?,
            untold: self.untold.plus(other.untold)?,
            before: self.before.plus(other.before)?,
        })
    }
}

/// What somebody used through each lens, by its place.
type Sums = Vec<Sum>;

/// One cycle on one calendar with the time that its pace is judged by, and the classes of traffic that are looked at.
#[derive(Debug)]
struct Lens<'a> {
    calendar: Calendar<'a>,
    cycle: Cycle,
    /// All, if none is named.
    classes: Vec<String>,
    name: String,
    range: Range<i64>,
    since_ms: i64,
    /// Whether there has been enough of the cycle for a pace.
    has_pace: bool,
}

impl<'a> Lens<'a> {
    fn new(calendar: Calendar<'a>, cycle: Cycle, classes: &[String], now_ms: i64) -> Outcome<Self> {
        let period = period(calendar, cycle, now_ms)?;
        let window_ms = match cycle {
            Cycle::Month => DAY_MS,
            Cycle::Week => 6 * HOUR_MS,
            Cycle::Day => HOUR_MS,
        };
        let since_ms = bin(now_ms.saturating_sub(window_ms)).max(period.from_ms());
        let has_pace = now_ms.saturating_sub(since_ms) >= window_ms / 4;
        let range = period.from_ms()..period.to_ms();
        Ok(Self {
            calendar,
            cycle,
            classes: classes.to_vec(),
            name: period.name(),
            range,
            since_ms,
            has_pace,
        })
    }

    /// Whether it looks at a class; records from before there were classes are of no other.
    fn takes(&self, class: Option<&str>) -> bool {
        let class = class.unwrap_or(OTHER);
        self.classes.is_empty() || self.classes.iter().any(|known| known == class)
    }

    fn is_of(&self, quota: &Quota, calendar: Calendar<'_>) -> bool {
        self.calendar == calendar && self.cycle == quota.cycle && self.classes == quota.classes
    }
}

/// The cycle that an instant lies in.
fn period(calendar: Calendar<'_>, cycle: Cycle, now_ms: i64) -> Outcome<Period> {
    let Calendar { zone, day } = calendar;
    let period = match cycle {
        Cycle::Month => Period::month_of(now_ms, zone, day),
        Cycle::Week => Period::named("this-week", zone, day, now_ms),
        Cycle::Day => Period::day_of(now_ms, zone),
    };
    period.map_err(|error| Failure::new(error.to_string()))
}

/// What somebody used in five minutes.
struct Used<'a> {
    tenant: &'a str,
    /// None of a share: nobody knows whose host it was.
    host: Option<Addr>,
    kind: Kind,
    class: Option<&'a str>,
    bin: i64,
    octets: u64,
}

/// Adds up what the store says.
struct Meter<'a> {
    lenses: Vec<Lens<'a>>,
    untold: Range<i64>,
    before: Range<i64>,
    tenants: HashMap<Box<str>, (Sums, HashMap<Addr, Sums>)>,
    /// What is shared out when all is there: no host's, as nobody knows whose.
    pool: Pool,
}

impl<'a> Meter<'a> {
    /// For the cycles of all quotas, with nothing read yet.
    fn new(config: &'a Config, now_ms: i64) -> Outcome<Self> {
        let mut kinds: Vec<(Cycle, &[String])> =
            config.quotas.list.iter().map(|quota| (quota.cycle, &quota.classes[..])).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let calendars = config.calendars();
        let each = kinds.into_iter().flat_map(|kind| calendars.iter().map(move |calendar| (*calendar, kind)));
        let lenses = each.map(|(calendar, (cycle, classes))| Lens::new(calendar, cycle, classes, now_ms));
        let lenses = lenses.collect::<Outcome<Vec<_>>>()?;
        let untold_ms = bin(now_ms.saturating_sub(config.quotas.lag_ms));
        let (untold, before) = (untold_ms..i64::MAX, untold_ms.saturating_sub(HOUR_MS)..untold_ms);
        Ok(Self { lenses, untold, before, tenants: HashMap::new(), pool: Pool::new(&config.tenants) })
    }

    /// What of the accounts is needed.
    fn span(&self, now_ms: i64) -> Range<i64> {
        let first = self.lenses.iter().map(|lens| lens.range.start).fold(self.before.start, i64::min);
        first..self.lenses.iter().map(|lens| lens.range.end).fold(now_ms, i64::max)
    }

    fn add(&mut self, row: &BinRow<'_>) -> Result<(), Overflow> {
        let (Some(kind), Some(tenant)) = (Kind::by_name(row.kind.word()), row.tenant) else { return Ok(()) };
        let sums = weir_account::Sums { octets: row.counts.octets, ..weir_account::Sums::ZERO };
        if kind.has_tenant() && self.pool.take(tenant, kind, row.class, row.bin, sums)? {
            return Ok(());
        }
        self.put(&Used { tenant, host: row.host, kind, class: row.class, bin: row.bin, octets: sums.octets })
    }

    /// Gives the members of shared addresses their parts.
    fn share_out(&mut self) -> Result<(), Overflow> {
        let pool = std::mem::take(&mut self.pool);
        pool.share_out(|part| {
            let Part { tenant, kind, class, start_ms: bin, sums, .. } = part;
            self.put(&Used { tenant, host: None, kind, class, bin, octets: sums.octets })
        })
    }

    fn put(&mut self, used: &Used<'_>) -> Result<(), Overflow> {
        let Used { tenant, host, kind, class, bin, octets } = *used;
        if !self.tenants.contains_key(tenant) {
            self.tenants.insert(tenant.into(), Default::default());
        }
        let Some((whole, hosts)) = self.tenants.get_mut(tenant) else { return Ok(()) };
        let host = host.map(|host| hosts.entry(host).or_default());
        for sums in [Some(whole), host].into_iter().flatten() {
            sums.resize(self.lenses.len(), Sum::default());
            for (lens, sum) in self.lenses.iter().zip(sums).filter(|(lens, _)| lens.takes(class)) {
                if lens.range.contains(&bin) {
                    sum.cycle.add(kind, octets)?;
                    if bin >= lens.since_ms {
                        sum.lately.add(kind, octets)?;
                    }
                }
                if self.untold.contains(&bin) {
                    sum.untold.add(kind, octets)?;
                } else if self.before.contains(&bin) {
                    sum.before.add(kind, octets)?;
                }
            }
        }
        Ok(())
    }

    /// What somebody used through the lens at this place; a group as much as all its tenants.
    fn sum(&self, whose: &Whose, lens: usize, tenants: &Tenants) -> Result<Sum, Overflow> {
        let through = |sums: &Sums| sums.get(lens).copied();
        let of = |tenant: &str| self.tenants.get(tenant);
        let found = match whose {
            Whose::Tenant(tenant) => of(tenant).and_then(|(whole, _)| through(whole)),
            Whose::Host(tenant, host) => of(tenant).and_then(|(_, hosts)| through(hosts.get(host)?)),
            Whose::Group(group) => {
                let mut all = tenants.in_group(group).filter_map(|tenant| through(&of(&tenant.name)?.0));
                Some(all.try_fold(Sum::default(), Sum::plus)?)
            }
        };
        Ok(found.unwrap_or_default())
    }

    /// Whom a quota is looked at for: tenants and groups always, hosts that used anything.
    fn subjects(&self, config: &Config, quota: &Quota) -> Vec<Whose> {
        if quota.each == Each::Group {
            return quota.groups.iter().cloned().map(Whose::Group).collect();
        }
        let mut subjects = Vec::new();
        for tenant in config.payers().filter(|tenant| quota.is_of(&tenant.name)) {
            let name = &tenant.name;
            if quota.each == Each::Tenant {
                subjects.push(Whose::Tenant(name.clone()));
                continue;
            }
            let hosts = self.tenants.get(name.as_str()).into_iter().flat_map(|(_, hosts)| hosts.keys());
            subjects.extend(hosts.map(|host| Whose::Host(name.clone(), *host)));
        }
        subjects
    }

    /// What is known of one subject under one quota.
    fn metered(
        &self,
        quota: (usize, &Quota),
        whose: Whose,
        config: &Config,
        now_ms: i64,
    ) -> Outcome<Metered> {
        let (place, quota) = quota;
        let calendar = whose.calendar(config);
        let at = self.lenses.iter().position(|lens| lens.is_of(quota, calendar)).unwrap_or_default();
        let Some(lens) = self.lenses.get(at) else { return Err(Failure::new("a quota without a cycle")) };
        let sum = self.sum(&whose, at, &config.tenants)?;
        let octets = sum.lately.by(quota.direction)?;
        let lately = lens.has_pace.then_some(Lately { since_ms: lens.since_ms, octets });
        let seen = Seen { cycle: lens.range.clone(), now_ms, used: sum.cycle.by(quota.direction)?, lately };
        // As much as in the hour before, less what was told already.
        let (hour, told) = (sum.before.by(quota.direction)?, sum.untold.by(quota.direction)?);
        let span = u128::try_from(now_ms.saturating_sub(self.untold.start)).unwrap_or_default();
        let expected = u128::from(hour).saturating_mul(span) / HOUR_MS.unsigned_abs() as u128;
        let more = u64::try_from(expected.saturating_sub(told.into())).ok();
        let cycle = lens.name.clone();
        Ok(Metered { quota: place, whose, cycle, seen, more })
    }
}

/// What of the store [`read`] reads, ms since 1970: every cycle, and the day in which exporters were heard.
///
/// # Errors
/// There is no calendar for such an instant.
pub(crate) fn span(config: &Config, now_ms: i64) -> Outcome<Range<i64>> {
    let span = Meter::new(config, now_ms)?.span(now_ms);
    Ok(span.start.min(bin(now_ms.saturating_sub(FORGOTTEN_MS)))..span.end)
}

/// Reads it all: of the tenants, and of their hosts where a quota is each host's.
///
/// # Errors
/// The store cannot be read, or a sum does not fit.
pub(crate) fn read(config: &Config, snapshot: &Snapshot, now_ms: i64) -> Outcome<Reading> {
    let quotas = &config.quotas.list;
    let mut meter = Meter::new(config, now_ms)?;
    let (Range { start: first, end: last }, untold_ms) = (meter.span(now_ms), meter.untold.start);
    let mut result = Ok(());
    let add = |row: &BinRow<'_>| {
        if result.is_ok() {
            result = meter.add(row);
        }
    };
    if quotas.iter().any(|quota| quota.each == Each::Host) {
        snapshot.bins(first..last, add)?;
    } else {
        snapshot.tenants(first..last, add)?;
    }
    result?;
    meter.share_out()?;
    let (silent, is_heard) = silent(snapshot, config.quotas.lag_ms, now_ms)?;
    let mut metered = Vec::new();
    for quota in quotas.iter().enumerate() {
        let mut of_quota = Vec::new();
        for whose in meter.subjects(config, quota.1) {
            let mut one = meter.metered(quota, whose, config, now_ms)?;
            one.more = one.more.filter(|_| is_heard && silent.is_empty());
            of_quota.push(one);
        }
        of_quota.sort_by(|a, b| b.seen.used.cmp(&a.seen.used).then_with(|| a.whose.cmp(&b.whose)));
        metered.extend(of_quota);
    }
    let given_up_before = given_up(snapshot, &(first..last));
    Ok(Reading { now_ms, metered, silent, untold_ms, given_up_before })
}

/// Nothing was used by a subject that no bin names any more.
pub(super) fn nothing(
    config: &Config,
    place: usize,
    quota: &Quota,
    whose: Whose,
    now_ms: i64,
) -> Outcome<Metered> {
    let lenses = vec![Lens::new(whose.calendar(config), quota.cycle, &quota.classes, now_ms)?];
    let (untold, before) = (now_ms..now_ms, now_ms..now_ms);
    let meter = Meter { lenses, untold, before, tenants: HashMap::new(), pool: Pool::default() };
    meter.metered((place, quota), whose, config, now_ms)
}

/// Exporters that fell silent, with the end of the bin in which they were heard last; and whether any was heard.
fn silent(snapshot: &Snapshot, lag_ms: i64, now_ms: i64) -> Outcome<(Vec<(Addr, i64)>, bool)> {
    let mut heard: HashMap<Addr, i64> = HashMap::new();
    snapshot.health(bin(now_ms.saturating_sub(FORGOTTEN_MS))..now_ms, |row| {
        if row.is_heard() {
            let last = heard.entry(row.exporter).or_insert(row.bin);
            *last = row.bin.max(*last);
        }
    })?;
    let end = |bin: i64| bin.saturating_add(weir_flow::time::BIN_MS);
    let is_silent = |last: i64| end(last).saturating_add(lag_ms).saturating_add(SILENT_MS) < now_ms;
    let is_heard = !heard.is_empty();
    let mut silent: Vec<(Addr, i64)> = heard
        .into_iter()
        .filter(|(_, last)| is_silent(*last))
        .map(|(address, last)| (address, end(last)))
        .collect();
    silent.sort_unstable();
    Ok((silent, is_heard))
}

#[cfg(test)]
mod tests;
