//! The completeness line: what is missing beside the sum, and from whom.
//!
//! The counters come from [`weir_flow::health`], where a datagram that arrives late takes its loss back with a
//! negative row. So sums are signed while they are added up; if a span holds only the taking back, the figure is
//! 0 and not less.

use crate::sums::Overflow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use weir_flow::Addr;
use weir_flow::health::{Counter, Row};

/// An hour, as hours without data are told.
const HOUR_MS: i64 = 3_600_000;
/// An exporter that was not heard for so long, while others were, is told.
const ABSENT_MS: i64 = 24 * HOUR_MS;

/// How complete, in hundredths of a percent, never rounded up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent {
    hundredths: u16,
}

impl Percent {
    /// `part` of `whole`, rounded down. `None` if there is no whole.
    fn of(part: u128, whole: u128) -> Option<Self> {
        let hundredths = part.checked_mul(10_000)?.checked_div(whole)?;
        Some(Self { hundredths: u16::try_from(hundredths).ok()? })
    }

    /// The number of hundredths of a percent: 9997 is 99.97 %.
    #[must_use]
    pub const fn hundredths(self) -> u16 {
        self.hundredths
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.hundredths.checked_div(100), self.hundredths.checked_rem(100));
        write!(f, "{}.{:02} %", whole.unwrap_or_default(), rest.unwrap_or_default())
    }
}

/// What moved and what is missing: of everything, or of one observation domain of one exporter.
///
/// The fields named as in the contract's JSON are the line itself; the others say why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Datagrams that arrived.
    pub datagrams_received: u64,
    /// Datagrams of which nothing could be used.
    pub datagrams_undecodable: u64,
    /// Parts of otherwise good datagrams that could not be used.
    pub malformed: u64,
    /// Data sets still waiting for their template.
    pub records_awaiting_template: u64,
    /// Data sets given up before their template came.
    pub held_dropped: u64,
    /// Flow records decoded.
    pub records: u64,
    /// Records that were sent and did not arrive, by the exporter's sequence numbers.
    pub records_lost: u64,
    /// Datagrams that were sent and did not arrive.
    pub datagrams_lost: u64,
    /// Octets of the lost records, estimated by the exporter's recent mean.
    pub octets_lost_estimate: u64,
    /// Records that exporters say they could not send.
    pub records_not_sent: u64,
    /// Octets of those, where exporters say so; a figure of theirs, not an estimate.
    pub octets_not_sent: u64,
    /// Datagrams dropped by the kernel because the socket's queue was full.
    pub socket_drops: u64,
    /// Flows that were decoded and could not be stored, or not be read again.
    pub discarded_flows: u64,
    /// Octets of those.
    pub discarded_octets: u64,
    /// Octets that stand for sampled ones.
    pub sampled_octets: u64,
    /// Records whose sampling interval is unknown.
    pub unknown_sampling_records: u64,
    /// Gaps in exporters' sequences of which an imported archive does not say how wide they are.
    pub sequence_gaps: u64,
    /// Datagrams that arrived again and were not counted again.
    pub duplicate_datagrams: u64,
    /// Records within those.
    pub duplicate_records: u64,
    /// Datagrams that arrived in another order than sent.
    pub reordered: u64,
    /// Times an exporter began its sequence anew.
    pub restarts: u64,
    /// Records whose times were absent or absurd and were replaced.
    pub clock_doubts: u64,
    /// 32-bit counters that stand at their maximum: at least so much.
    pub saturated: u64,
    /// Samples that hold no IP packet.
    pub not_ip: u64,
    /// Records of events, which carry no traffic.
    pub events: u64,
    /// Sessions or templates forgotten because a limit was reached.
    pub evictions: u64,
}

impl Counts {
    /// Whether something that was sent is not in the sums, as far as counters can tell.
    #[must_use]
    pub fn is_missing_any(&self) -> bool {
        [
            self.datagrams_undecodable,
            self.malformed,
            self.records_awaiting_template,
            self.held_dropped,
            self.records_lost,
            self.datagrams_lost,
            self.octets_lost_estimate,
            self.records_not_sent,
            self.octets_not_sent,
            self.socket_drops,
            self.discarded_flows,
            self.sequence_gaps,
            self.saturated,
        ]
        .into_iter()
        .any(|count| count > 0)
    }
}

/// One observation domain of one exporter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// Where the datagrams came from.
    pub exporter: Addr,
    /// The observation domain.
    pub domain: u32,
    /// What moved and what is missing.
    pub counts: Counts,
}

/// A stretch of whole hours without any datagram, or record of an archive: of anybody, or of an exporter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Silence {
    /// Start of the first silent hour, ms since 1970.
    pub from_ms: i64,
    /// End of the last, ms since 1970.
    pub to_ms: i64,
}

/// The completeness of a span.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completeness {
    /// Everything.
    pub total: Counts,
    /// By exporter and domain, in this order.
    pub sources: Vec<Source>,
    /// Counters that have reasons, by `counter:reason`, and those this version does not know. Zeros are left
    /// out; negative values are rows of the kind that take back.
    pub reasons: Vec<(String, i64)>,
    /// The octets that are in the accounts of those estimated to have been sent, or that exporters say they could not send.
    /// `None` if nothing was, or nothing is known of the span or of a part of it. Below 100.00 % whenever anything is missing.
    pub percent: Option<Percent>,
    /// Whole hours in which nothing was heard; `None` if nobody asked.
    pub silences: Option<Vec<Silence>>,
    /// How many hours were looked at for that.
    pub hours: u64,
    /// A day or more in which an exporter was not heard that was heard in the span, and others were: in the order of their
    /// addresses and of time. Shorter ones are not told: some exporters send nothing where there is no traffic.
    pub absences: Vec<(Addr, Silence)>,
    /// Accounts and counts of before this, ms since 1970, were given up, and the span begins before it: then nobody knows
    /// how complete it is, and there is no percentage.
    pub given_up_before: Option<i64>,
}

/// Adds up health rows.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    total: Signed,
    sources: BTreeMap<(Addr, u32), Signed>,
    reasons: BTreeMap<String, i64>,
    /// Hours since 1970 in which anything was heard.
    hours: BTreeSet<i64>,
    /// The same of each exporter.
    hours_of: BTreeMap<Addr, Hours>,
    silences: Option<Vec<Silence>>,
    asked: u64,
    absences: Vec<(Addr, Silence)>,
    given_up_before: Option<i64>,
}

impl Completeness {
    /// Begins to add up.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }
}

impl Builder {
    /// Adds a row.
    ///
    /// # Errors
    /// [`Overflow`]
    pub fn add(&mut self, row: &Row) -> Result<(), Overflow> {
        let (counter, reason) = row.counter();
        if reason.is_some() || counter.is_none() {
            let value = self.reasons.entry(row.what.clone().into_owned()).or_default();
            *value = value.checked_add(row.value).ok_or(Overflow)?;
        }
        let Some(counter) = counter else { return Ok(()) };
        if row.is_heard() {
            let hour = row.bin.div_euclid(HOUR_MS);
            self.hours.insert(hour);
            self.hours_of.entry(row.exporter).or_default().insert(hour);
        }
        self.total.add(counter, row.value)?;
        self.sources.entry((row.exporter, row.domain)).or_default().add(counter, row.value)
    }

    /// Says that of a part of the span, before `before_ms`, accounts and counts were given up.
    #[must_use]
    pub const fn given_up(mut self, before_ms: i64) -> Self {
        self.given_up_before = Some(before_ms);
        self
    }

    /// Looks for whole hours (UTC) within `[from_ms, to_ms)` without any datagram, and for days without any of an exporter.
    /// Call after all rows were added, with an end that is not in the future.
    #[must_use]
    pub fn with_silences(mut self, from_ms: i64, to_ms: i64) -> Self {
        let first = from_ms.saturating_add(HOUR_MS.saturating_sub(1)).div_euclid(HOUR_MS);
        let end = to_ms.div_euclid(HOUR_MS);
        let silences = silences(self.hours.range(first.min(end)..end).copied(), first, end);
        for (exporter, hours) in &self.hours_of {
            let heard = hours.iter().filter(|hour| (first..end).contains(hour));
            let long = silences_of(heard, first, end).filter(|one| !silences.contains(one));
            self.absences.extend(long.map(|one| (*exporter, one)));
        }
        self.asked = u64::try_from(end.saturating_sub(first)).unwrap_or_default();
        self.silences = Some(silences);
        self
    }

    /// The result. `octets` is what was decoded in the span, which the estimated loss is compared with.
    #[must_use]
    pub fn finish(self, octets: u64) -> Completeness {
        let total = self.total.counts();
        let is_silent = self.silences.as_ref().is_some_and(|s| !s.is_empty()) || !self.absences.is_empty();
        let is_missing_any = total.is_missing_any() || is_silent;
        let sources = self
            .sources
            .iter()
            .map(|((exporter, domain), signed)| Source {
                exporter: *exporter,
                domain: *domain,
                counts: signed.counts(),
            })
            .collect();
        Completeness {
            total,
            sources,
            reasons: self.reasons.into_iter().filter(|(_, value)| *value != 0).collect(),
            percent: percent(octets, &total, is_missing_any).filter(|_| self.given_up_before.is_none()),
            silences: self.silences,
            hours: self.asked,
            absences: self.absences,
            given_up_before: self.given_up_before,
        }
    }
}

impl Completeness {
    /// How many whole hours are without any datagram.
    #[must_use]
    pub fn silent_hours(&self) -> u64 {
        let hours = |one: &Silence| one.to_ms.saturating_sub(one.from_ms).div_euclid(HOUR_MS);
        let sum = self.silences.iter().flatten().map(hours).fold(0, i64::saturating_add);
        u64::try_from(sum).unwrap_or_default()
    }
}

/// Hours since 1970, each once: 64 of them in a word.
#[derive(Clone, Debug, Default)]
struct Hours(BTreeMap<i64, u64>);

impl Hours {
    fn insert(&mut self, hour: i64) {
        *self.0.entry(hour.div_euclid(64)).or_default() |= 1 << hour.rem_euclid(64);
    }

    /// Rising.
    fn iter(&self) -> impl Iterator<Item = i64> + '_ {
        self.0.iter().flat_map(|(at, word)| {
            (0..64)
                .filter(move |bit| word & 1 << bit != 0)
                .map(move |bit| at.saturating_mul(64).saturating_add(bit))
        })
    }
}

/// The stretches of whole hours of `first..end` between those that are busy, which rise.
fn silences(busy: impl Iterator<Item = i64>, first: i64, end: i64) -> Vec<Silence> {
    let mut silences: Vec<Silence> = Vec::new();
    let mut quiet_from = first;
    // Each hour with data ends a silence; the end of the span the last.
    for hour in busy.chain([end]) {
        if quiet_from < hour {
            silences.push(Silence {
                from_ms: quiet_from.saturating_mul(HOUR_MS),
                to_ms: hour.saturating_mul(HOUR_MS),
            });
        }
        quiet_from = hour.saturating_add(1);
    }
    silences
}

/// Those of an exporter that are a day or more.
fn silences_of(busy: impl Iterator<Item = i64>, first: i64, end: i64) -> impl Iterator<Item = Silence> {
    let is_long = |one: &Silence| one.to_ms.saturating_sub(one.from_ms) >= ABSENT_MS;
    silences(busy, first, end).into_iter().filter(is_long)
}

/// The octets that were counted of those estimated to have been there.
fn percent(octets: u64, total: &Counts, is_missing_any: bool) -> Option<Percent> {
    let missing = u128::from(total.octets_lost_estimate).saturating_add(total.octets_not_sent.into());
    let sent = u128::from(octets).saturating_add(missing);
    // What was decoded and is not stored is in no account.
    let counted = u128::from(octets).saturating_sub(total.discarded_octets.into());
    let percent = match Percent::of(counted, sent) {
        Some(percent) => percent,
        // Exporters that spoke of no traffic at all spoke completely.
        None if total.datagrams_received > 0 => Percent { hundredths: 10_000 },
        None => return None,
    };
    Some(if is_missing_any { percent.min(Percent { hundredths: 9_999 }) } else { percent })
}

/// Sums by counter, in the order of [`Counter::ALL`], while they are added up.
#[derive(Clone, Debug, Default)]
struct Signed(BTreeMap<Counter, i128>);

impl Signed {
    fn add(&mut self, counter: Counter, value: i64) -> Result<(), Overflow> {
        let sum = self.0.entry(counter).or_default();
        *sum = sum.checked_add(value.into()).ok_or(Overflow)?;
        Ok(())
    }

    fn counts(&self) -> Counts {
        let of =
            |counter| self.0.get(&counter).map_or(0, |sum| u64::try_from((*sum).max(0)).unwrap_or(u64::MAX));
        Counts {
            datagrams_received: of(Counter::Datagrams),
            datagrams_undecodable: of(Counter::Undecodable),
            malformed: of(Counter::Malformed),
            records_awaiting_template: of(Counter::Awaiting),
            held_dropped: of(Counter::HeldDropped),
            records: of(Counter::Records),
            records_lost: of(Counter::RecordsLost),
            datagrams_lost: of(Counter::DatagramsLost),
            octets_lost_estimate: of(Counter::OctetsLostEstimate),
            records_not_sent: of(Counter::NotSentRecords),
            octets_not_sent: of(Counter::NotSentOctets),
            socket_drops: of(Counter::SocketDrops),
            discarded_flows: of(Counter::DiscardedFlows),
            discarded_octets: of(Counter::DiscardedOctets),
            sampled_octets: of(Counter::SampledOctets),
            unknown_sampling_records: of(Counter::UnknownSamplingRecords),
            sequence_gaps: of(Counter::SequenceGaps),
            duplicate_datagrams: of(Counter::DuplicateDatagrams),
            duplicate_records: of(Counter::DuplicateRecords),
            reordered: of(Counter::Reordered),
            restarts: of(Counter::Restarts),
            clock_doubts: of(Counter::ClockDoubts),
            saturated: of(Counter::Saturated),
            not_ip: of(Counter::NotIp),
            events: of(Counter::Events),
            evictions: of(Counter::Evictions),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Addr = Addr::v4([192, 0, 2, 1]);
    const B: Addr = Addr::v4([192, 0, 2, 2]);

    fn row(exporter: Addr, what: &'static str, value: i64) -> Row {
        Row { bin: 0, exporter, domain: 7, what: what.into(), value }
    }

    fn finish(rows: &[Row], octets: u64) -> Completeness {
        let mut builder = Completeness::builder();
        for row in rows {
            builder.add(row).unwrap();
        }
        builder.finish(octets)
    }

    #[test]
    fn the_line_names_each_loss_and_its_source() {
        let found = finish(
            &[
                row(A, "datagrams", 100),
                row(B, "datagrams", 50),
                row(B, "undecodable:truncated", 2),
                row(B, "undecodable:version", 1),
                row(A, "records_lost", 105),
                row(A, "datagrams_lost", 5),
                row(A, "octets_lost_estimate", 300),
                row(A, "awaiting_template", 4),
                row(A, "awaiting_template", -3),
                row(A, "from_the_future", 9),
            ],
            999_700,
        );
        assert_eq!(found.total.datagrams_received, 150);
        assert_eq!(found.total.datagrams_undecodable, 3);
        assert_eq!(found.total.records_awaiting_template, 1);
        assert_eq!(found.total.records_lost, 105);
        assert_eq!(found.percent.map(|p| p.to_string()).as_deref(), Some("99.97 %"));
        assert_eq!(
            found.reasons,
            [
                ("from_the_future".to_owned(), 9),
                ("undecodable:truncated".to_owned(), 2),
                ("undecodable:version".to_owned(), 1)
            ]
        );
        let by_source: Vec<_> =
            found.sources.iter().map(|s| (s.exporter, s.domain, s.counts.records_lost)).collect();
        assert_eq!(by_source, [(A, 7, 105), (B, 7, 0)]);
    }

    #[test]
    fn what_is_taken_back_is_not_less_than_nothing() {
        let found = finish(&[row(A, "datagrams", 1), row(A, "records_lost", -21)], 10);
        assert_eq!(found.total.records_lost, 0);
        assert_eq!(found.percent.map(Percent::hundredths), Some(10_000));
    }

    #[test]
    fn a_hundred_percent_means_nothing_is_missing() {
        let percent = |rows: &[Row], octets| finish(rows, octets).percent.map(|p| p.to_string());
        let datagrams = row(A, "datagrams", 1);
        assert_eq!(percent(&[], 0), None);
        assert_eq!(percent(std::slice::from_ref(&datagrams), 0).as_deref(), Some("100.00 %"));
        assert_eq!(percent(std::slice::from_ref(&datagrams), 5).as_deref(), Some("100.00 %"));
        // One octet of very many: 99.9999… is not 100.
        let lost = |octets| [datagrams.clone(), row(A, "octets_lost_estimate", octets)];
        assert_eq!(percent(&lost(1), u64::MAX).as_deref(), Some("99.99 %"));
        assert_eq!(percent(&lost(i64::MAX), 1).as_deref(), Some("0.00 %"));
        assert_eq!(percent(&lost(1), 1).as_deref(), Some("50.00 %"));
        assert_eq!(percent(&lost(9_995), 90_005).as_deref(), Some("90.00 %"));
        // Missing, of unknown size.
        assert_eq!(percent(&[datagrams.clone(), row(A, "socket_drops", 1)], 5).as_deref(), Some("99.99 %"));
        assert_eq!(percent(&[datagrams, row(A, "undecodable:x", 1)], 5).as_deref(), Some("99.99 %"));
    }

    #[test]
    fn nobody_knows_how_complete_it_is_where_counts_were_given_up() {
        let mut builder = Completeness::builder();
        builder.add(&row(A, "datagrams", 1)).unwrap();
        assert_eq!(builder.clone().finish(5).percent.map(Percent::hundredths), Some(10_000));
        let found = builder.given_up(86_400_000).finish(5);
        assert_eq!((found.percent, found.given_up_before), (None, Some(86_400_000)));
    }

    #[test]
    fn what_exporters_could_not_send_is_missing() {
        let said = [
            row(A, "datagrams", 1),
            row(A, "not_sent_records", 4),
            row(A, "not_sent_packets", 9),
            row(A, "not_sent_octets", 600),
            row(B, "octets_lost_estimate", 400),
        ];
        let found = finish(&said, 9_000);
        assert_eq!((found.total.records_not_sent, found.total.octets_not_sent), (4, 600));
        assert_eq!(found.percent.map(|p| p.to_string()).as_deref(), Some("90.00 %"));
        assert_eq!(found.sources.first().map(|s| s.counts.octets_not_sent), Some(600));
        // Of unknown size.
        let found = finish(&[row(A, "datagrams", 1), row(A, "not_sent_records", 1)], 9_000);
        assert_eq!(found.percent.map(Percent::hundredths), Some(9_999));
    }

    #[test]
    fn silent_hours_are_joined() {
        let mut builder = Completeness::builder();
        for hour in [2, 3, 6] {
            builder.add(&Row { bin: hour * HOUR_MS + 300_000, ..row(A, "datagrams", 1) }).unwrap();
        }
        // From half past midnight, so the first whole hour is 1.
        let found = builder.clone().with_silences(HOUR_MS / 2, 9 * HOUR_MS).finish(5);
        let hours: Vec<_> =
            found.silences.iter().flatten().map(|s| (s.from_ms / HOUR_MS, s.to_ms / HOUR_MS)).collect();
        assert_eq!(hours, [(1, 2), (4, 6), (7, 9)]);
        assert_eq!(found.percent.map(|p| p.to_string()).as_deref(), Some("99.99 %"));
        assert_eq!(builder.clone().with_silences(2 * HOUR_MS, 4 * HOUR_MS).finish(5).silences, Some(vec![]));
        assert_eq!((found.hours, found.silent_hours()), (8, 5));
        assert_eq!(builder.with_silences(HOUR_MS, HOUR_MS).finish(5).silences, Some(vec![]));
    }

    #[test]
    fn an_exporter_that_is_silent_for_a_day_is_told_and_one_of_a_night_is_not() {
        let mut builder = Completeness::builder();
        let heard = |exporter, hour: i64| Row { bin: hour * HOUR_MS, ..row(exporter, "datagrams", 1) };
        for hour in 0..100 {
            builder.add(&heard(A, hour)).unwrap();
        }
        // Every evening, and at last for two days not at all.
        for hour in [3, 20, 43, 51] {
            builder.add(&heard(B, hour)).unwrap();
        }
        let found = builder.clone().with_silences(0, 100 * HOUR_MS).finish(5);
        assert_eq!(found.silences, Some(vec![]));
        let absent: Vec<_> =
            found.absences.iter().map(|(a, s)| (*a, s.from_ms / HOUR_MS, s.to_ms / HOUR_MS)).collect();
        assert_eq!(absent, [(B, 52, 100)]);
        assert_eq!(found.percent.map(Percent::hundredths), Some(9_999));
        assert_eq!(builder.with_silences(0, 60 * HOUR_MS).finish(5).absences, []);
    }

    #[test]
    fn what_could_not_be_stored_is_not_complete() {
        let rows = [
            row(A, "datagrams", 1),
            row(A, "discarded_flows:disk_full", 3),
            row(A, "discarded_octets:disk_full", 250),
        ];
        let found = finish(&rows, 1_000);
        assert_eq!((found.total.discarded_flows, found.total.discarded_octets), (3, 250));
        assert_eq!(found.percent.map(|p| p.to_string()).as_deref(), Some("75.00 %"));
        // Of no octets.
        let found = finish(&rows[..2], 1_000);
        assert_eq!(found.percent.map(Percent::hundredths), Some(9_999));
    }
}
