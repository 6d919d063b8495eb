//! What can be wrong with an exporter, what it means for the bill, and what kind of cure it wants.

use super::Topic;
use crate::report::number::{duration, grouped, share, things};
use serde_json::{Value as Json, json};

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    /// Octets are missing on a bill, or too many.
    Bill,
    /// It may come to that.
    Watch,
    /// Good to know.
    Note,
}

impl Severity {
    /// As in JSON.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Bill => "bill",
            Self::Watch => "watch",
            Self::Note => "note",
        }
    }
}

/// One thing that was found. Times are ms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Finding {
    /// Data came, and never a template.
    NoTemplate { sets: u64 },
    /// Some data waits for its template.
    DataAwaitsTemplate { sets: u64 },
    /// Data was given up while it waited.
    HeldDropped { sets: u64 },
    /// Templates come seldom.
    RareTemplates { every_ms: u64 },
    /// Data goes on, and no template was told for so long.
    StaleTemplates { for_ms: u64 },
    /// Records came before or without the sampling interval that others have.
    UnknownSampling { records: u64 },
    /// Nobody says whether it samples.
    SamplingNotSaid { records: u64 },
    /// Its clock is wrong; ahead if positive.
    ClockOffset { ms: i64 },
    /// Its clock shows local time; so many minutes ahead of UTC.
    ClockLocalTime { minutes: i64 },
    /// Its clock moved by so much against ours.
    ClockDrift { ms: u64 },
    /// Flows without times, or with absurd ones.
    ClockDoubts { records: u64 },
    /// Its uptime wrapped.
    UptimeWrap { wraps: u32 },
    /// Records that were sent and did not arrive.
    Loss { lost: u64, arrived: u64, datagrams: u64 },
    /// Records that it says itself it could not send.
    NotSent { records: u64, octets: u64 },
    /// Datagrams dropped by our kernel.
    SocketDrops { datagrams: u64 },
    /// Flows that were decoded and not kept.
    Discarded { flows: u64, octets: u64 },
    /// Datagrams in another order than sent.
    Reorder { datagrams: u64, of: u64 },
    /// Datagrams that came twice.
    Duplicates { datagrams: u64, of: u64 },
    /// Datagrams of which nothing could be read.
    Undecodable { reason: String, datagrams: u64, of: u64 },
    /// Parts of datagrams that could not be read.
    Malformed { reason: String, parts: u64 },
    /// Datagrams turned away.
    Refused { reason: String, datagrams: u64 },
    /// Connections that ended for another reason than that it closed them.
    ConnectionErrors { reason: String, connections: u64 },
    /// What was to go onward and did not.
    RelayDropped { reason: String, parcels: u64 },
    /// Records that the other format cannot carry.
    RelayUnconvertible { reason: String, records: u64 },
    /// Values that the other format cannot carry whole.
    RelayNarrowed { reason: String, values: u64 },
    /// Its address is not its own.
    RewrittenSource { sign: String },
    /// The same traffic from more than one place.
    CountedTwice(Box<Twice>),
    /// Flows longer than a bin.
    NoActiveTimeout { longest_ms: u64, long_octets: u128, octets: u128 },
    /// Events and no traffic.
    EventsOnly { events: u64 },
    /// Counters at their maximum.
    Saturated { counters: u64 },
    /// It began anew.
    Restarts { times: u64 },
    /// Sessions or templates forgotten.
    Evictions { times: u64 },
    /// Nothing came for so long, while others spoke.
    Silent { for_ms: u64 },
    /// Nothing came from anybody for so long.
    AllSilent { for_ms: u64 },
    /// Nobody named it.
    NewExporter,
    /// Files of the store that are damaged and were put aside, by name, and their length together.
    PutAside { files: Vec<String>, octets: u64 },
}

/// Traffic that is counted more than once, in octets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Twice {
    pub(crate) judged: u128,
    pub(crate) repeated: u128,
    pub(crate) excess: u128,
    pub(crate) places: usize,
    /// The places by name, and the octets both told of.
    pub(crate) pairs: Vec<(String, String, u128)>,
    /// Whether the places are of one exporter.
    pub(crate) is_one_exporter: bool,
    /// The exporter whose records could be left out, by address.
    pub(crate) exporter: String,
}

impl Finding {
    /// As in JSON: `data_awaits_template`.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::NoTemplate { .. } => "no_template",
            Self::DataAwaitsTemplate { .. } => "data_awaits_template",
            Self::HeldDropped { .. } => "held_dropped",
            Self::RareTemplates { .. } => "rare_templates",
            Self::StaleTemplates { .. } => "stale_templates",
            Self::UnknownSampling { .. } => "unknown_sampling",
            Self::SamplingNotSaid { .. } => "sampling_not_said",
            Self::ClockOffset { .. } => "clock_offset",
            Self::ClockLocalTime { .. } => "clock_local_time",
            Self::ClockDrift { .. } => "clock_drift",
            Self::ClockDoubts { .. } => "clock_doubts",
            Self::UptimeWrap { .. } => "uptime_wrap",
            Self::Loss { .. } => "loss",
            Self::NotSent { .. } => "not_sent",
            Self::SocketDrops { .. } => "socket_drops",
            Self::Discarded { .. } => "discarded",
            Self::Reorder { .. } => "reorder",
            Self::Duplicates { .. } => "duplicates",
            Self::Undecodable { .. } => "undecodable",
            Self::Malformed { .. } => "malformed",
            Self::Refused { .. } => "refused",
            Self::ConnectionErrors { .. } => "connection_errors",
            Self::RelayDropped { .. } => "relay_dropped",
            Self::RelayUnconvertible { .. } => "relay_unconvertible",
            Self::RelayNarrowed { .. } => "relay_narrowed",
            Self::RewrittenSource { .. } => "rewritten_source",
            Self::CountedTwice(_) => "counted_twice",
            Self::NoActiveTimeout { .. } => "no_active_timeout",
            Self::EventsOnly { .. } => "events_only",
            Self::Saturated { .. } => "saturated",
            Self::Restarts { .. } => "restarts",
            Self::Evictions { .. } => "evictions",
            Self::Silent { .. } => "silent",
            Self::AllSilent { .. } => "all_silent",
            Self::NewExporter => "new_exporter",
            Self::PutAside { .. } => "put_aside",
        }
    }

    /// How much it matters.
    pub(crate) fn severity(&self) -> Severity {
        match self {
            Self::NoTemplate { .. }
            | Self::DataAwaitsTemplate { .. }
            | Self::HeldDropped { .. }
            | Self::UnknownSampling { .. }
            | Self::ClockOffset { .. }
            | Self::ClockLocalTime { .. }
            | Self::NotSent { .. }
            | Self::SocketDrops { .. }
            | Self::Discarded { .. }
            | Self::Malformed { .. }
            | Self::CountedTwice(_)
            | Self::EventsOnly { .. }
            | Self::Saturated { .. }
            | Self::Silent { .. } => Severity::Bill,
            // One record in ten thousand is what a statement shows: 99.99 %.
            Self::Loss { lost, arrived, .. } if is_at_least(*lost, lost + arrived, 10_000) => Severity::Bill,
            Self::Undecodable { datagrams, of, .. } if is_at_least(*datagrams, *of, 100) => Severity::Bill,
            Self::RewrittenSource { sign } if sign != "agent" => Severity::Bill,
            Self::UptimeWrap { .. }
            | Self::Reorder { .. }
            | Self::NewExporter
            | Self::RewrittenSource { .. }
            | Self::RelayUnconvertible { .. }
            | Self::RelayNarrowed { .. }
            | Self::Restarts { .. } => Severity::Note,
            Self::Loss { .. }
            | Self::Undecodable { .. }
            | Self::RareTemplates { .. }
            | Self::StaleTemplates { .. }
            | Self::ConnectionErrors { .. }
            | Self::RelayDropped { .. }
            | Self::SamplingNotSaid { .. }
            | Self::ClockDrift { .. }
            | Self::ClockDoubts { .. }
            | Self::Duplicates { .. }
            | Self::Refused { .. }
            | Self::NoActiveTimeout { .. }
            | Self::Evictions { .. }
            | Self::AllSilent { .. }
            | Self::PutAside { .. } => Severity::Watch,
        }
    }

    /// What it means for the bill, in one sentence.
    pub(crate) fn meaning(&self) -> String {
        self.of_data().or_else(|| self.of_time()).unwrap_or_else(|| self.of_way())
    }

    /// Templates, sampling and what records hold.
    fn of_data(&self) -> Option<String> {
        Some(match self {
            Self::NoTemplate { sets } => format!(
                "{} came and never their template: nothing of this exporter is accounted",
                things(*sets, "data set")
            ),
            Self::DataAwaitsTemplate { sets } => format!(
                "{} wait for their template: they are accounted when it comes, and missing until then",
                things(*sets, "data set")
            ),
            Self::HeldDropped { sets } => format!(
                "{} were given up before their template came, or did not fit it: their octets are on no bill",
                things(*sets, "data set")
            ),
            Self::RareTemplates { every_ms } => format!(
                "templates come only every {}: after a restart of either side data waits as long",
                duration(*every_ms)
            ),
            Self::StaleTemplates { for_ms } => format!(
                "no template was told for {} while data went on: after a restart of either side data waits as long",
                duration(*for_ms)
            ),
            Self::UnknownSampling { records } => format!(
                "{} have no sampling interval where others of this exporter have one: their octets are counted as \
                 measured, too few by that factor",
                things(*records, "record")
            ),
            Self::SamplingNotSaid { records } => format!(
                "{} do not say whether packets were sampled: they are counted as they are, too few if they were",
                things(*records, "record")
            ),
            Self::NoActiveTimeout { longest_ms, long_octets, octets } => format!(
                "flows last up to {}, and {} of the octets are in flows longer than a bin of five minutes: they are \
                 told late and spread over bins evenly, also over the end of a period",
                duration(*longest_ms),
                share(*long_octets, *octets)
            ),
            Self::EventsOnly { events } => format!(
                "{} came and no traffic: translations and connections are told, octets are not, so there is nothing \
                 to bill",
                things(*events, "event")
            ),
            Self::Saturated { counters } => format!(
                "{} stand at their maximum: there was at least so much, and likely more",
                things(*counters, "counter")
            ),
            Self::CountedTwice(twice) => twice.meaning(),
            _ => return None,
        })
    }

    /// Clocks, starts and silence.
    fn of_time(&self) -> Option<String> {
        Some(match self {
            Self::ClockOffset { ms } => format!(
                "its clock is {} {}: flows are put into bins so much too {}",
                duration(ms.unsigned_abs()),
                if *ms > 0 { "ahead" } else { "behind" },
                if *ms > 0 { "late" } else { "early" }
            ),
            Self::ClockLocalTime { minutes } => format!(
                "its clock shows local time, UTC{}{}:{:02}, where UTC is meant: flows are put into bins so much too {}",
                if *minutes < 0 { "−" } else { "+" },
                minutes.abs() / 60,
                minutes.abs() % 60,
                if *minutes < 0 { "early" } else { "late" }
            ),
            Self::ClockDrift { ms } => format!(
                "its clock moved by {} against this machine's: flows near the end of a period may fall into the \
                 other",
                duration(*ms)
            ),
            Self::ClockDoubts { records } => format!(
                "{} had no times, or times that cannot be, and are accounted at their export or arrival",
                things(*records, "record")
            ),
            Self::UptimeWrap { wraps } => format!(
                "its uptime wrapped {} (every 49.7 days): flow times take it into account",
                times((*wraps).into())
            ),
            Self::Restarts { times: n } => {
                format!("it began its sequence anew {}: that is no loss by itself", times(*n))
            }
            Self::Silent { for_ms } => format!(
                "nothing came from it for {}, while others spoke: its traffic of that time is on no bill",
                lasting(*for_ms)
            ),
            Self::AllSilent { for_ms } => {
                format!(
                    "nothing came from anybody for {}: is weir run running, and reached?",
                    lasting(*for_ms)
                )
            }
            _ => return None,
        })
    }

    /// What became of datagrams on the way.
    fn of_way(&self) -> String {
        match self {
            Self::Loss { lost, arrived, datagrams } => format!(
                "{} in about {} did not arrive, {} of what was sent: their octets are on no bill",
                things(*lost, "record"),
                things(*datagrams, "datagram"),
                fine_share(*lost, lost + arrived)
            ),
            Self::NotSent { records, octets } => format!(
                "it says itself that it could not send {} ({}): they are on no bill",
                things(*records, "record"),
                things(*octets, "octet")
            ),
            Self::SocketDrops { datagrams } => format!(
                "{} were dropped by this machine's kernel because nobody read them in time: their octets are on no \
                 bill",
                things(*datagrams, "datagram")
            ),
            Self::Discarded { flows, octets } => not_kept(*flows, *octets),
            Self::Reorder { datagrams, of } => format!(
                "{} of {} came in another order than sent: all are counted",
                grouped(*datagrams),
                things(*of, "datagram")
            ),
            Self::Duplicates { datagrams, of } => format!(
                "{} of {} came twice and are counted once: something on the way copies them",
                grouped(*datagrams),
                things(*of, "datagram")
            ),
            Self::Undecodable { reason, datagrams, of } => format!(
                "of {} of {} nothing could be read ({}): what they told is on no bill",
                grouped(*datagrams),
                things(*of, "datagram"),
                reason.replace('_', " ")
            ),
            Self::Malformed { reason, parts } => format!(
                "{} of datagrams could not be read ({}): what they told is on no bill",
                things(*parts, "part"),
                reason.replace('_', " ")
            ),
            Self::Refused { reason, datagrams } => format!(
                "{} were turned away ({}): nothing of them is accounted",
                things(*datagrams, "datagram"),
                reason.replace('_', " ")
            ),
            Self::RewrittenSource { sign } => format!(
                "its address is not its own ({}): several exporters may be behind it, and are mixed into one",
                match sign.as_str() {
                    "start_times" => "two start times alternate",
                    "agents" => "two sFlow agents alternate",
                    "agent" => "the sFlow agent names another",
                    "gateway" => "it is this container's gateway",
                    other => other,
                }
            ),
            Self::ConnectionErrors { reason, connections } => format!(
                "{} of it ended in an error ({}): what was on the way then may be missing",
                things(*connections, "connection"),
                reason.replace('_', " ")
            ),
            Self::RelayDropped { .. }
            | Self::RelayUnconvertible { .. }
            | Self::RelayNarrowed { .. } => self.of_relay(),
            Self::PutAside { files, octets } => put_aside(files, *octets),
            Self::Evictions { times: n } => {
                format!("sessions or templates were forgotten {} because there are too many of them", times(*n))
            }
            _ => "the configuration does not name it: it is accounted all the same, and a forged datagram is money"
                .to_owned(),
        }
    }

    /// What did not go onward. Bills are made of what was stored, and do not change.
    fn of_relay(&self) -> String {
        match self {
            Self::RelayDropped { reason, parcels } => format!(
                "{} of it were not sent onward ({}): they are in this store, and missing where they were to go",
                things(*parcels, "datagram or record"),
                reason.replace('_', " ")
            ),
            Self::RelayUnconvertible { reason, records } => format!(
                "{} were not sent onward because the other format cannot carry them ({})",
                things(*records, "record"),
                reason.replace('_', " ")
            ),
            Self::RelayNarrowed { reason, values } => format!(
                "{} were sent onward cut to what the other format can carry ({})",
                things(*values, "value"),
                reason.replace('_', " ")
            ),
            _ => String::new(),
        }
    }

    /// What kind of cure it wants on the exporter.
    pub(crate) fn topic(&self) -> Option<Topic> {
        match self {
            Self::NoTemplate { .. }
            | Self::DataAwaitsTemplate { .. }
            | Self::HeldDropped { .. }
            | Self::RareTemplates { .. }
            | Self::StaleTemplates { .. } => Some(Topic::Template),
            Self::UnknownSampling { .. } | Self::SamplingNotSaid { .. } => Some(Topic::Sampling),
            Self::ClockOffset { .. }
            | Self::ClockLocalTime { .. }
            | Self::ClockDrift { .. }
            | Self::ClockDoubts { .. } => Some(Topic::Clock),
            Self::NoActiveTimeout { .. } => Some(Topic::Active),
            Self::CountedTwice(_) => Some(Topic::Ingress),
            Self::Loss { .. } | Self::NotSent { .. } => Some(Topic::Load),
            Self::EventsOnly { .. } => Some(Topic::Traffic),
            Self::RewrittenSource { .. } => Some(Topic::Source),
            _ => None,
        }
    }

    /// Its figures, as in JSON.
    pub(crate) fn figures(&self) -> Json {
        match self {
            Self::NoTemplate { sets } | Self::DataAwaitsTemplate { sets } | Self::HeldDropped { sets } => {
                json!({ "sets": sets })
            }
            Self::RareTemplates { every_ms } => json!({ "every_ms": every_ms }),
            Self::UnknownSampling { records }
            | Self::SamplingNotSaid { records }
            | Self::ClockDoubts { records } => json!({ "records": records }),
            Self::NotSent { records, octets } => json!({ "records": records, "octets": octets }),
            Self::StaleTemplates { for_ms } => json!({ "for_ms": for_ms }),
            Self::ConnectionErrors { reason, connections } => {
                json!({ "reason": reason, "connections": connections })
            }
            Self::RelayDropped { reason, parcels } => json!({ "reason": reason, "parcels": parcels }),
            Self::RelayUnconvertible { reason, records } => json!({ "reason": reason, "records": records }),
            Self::RelayNarrowed { reason, values } => json!({ "reason": reason, "values": values }),
            Self::ClockOffset { ms } => json!({ "ms": ms }),
            Self::ClockLocalTime { minutes } => json!({ "minutes": minutes }),
            Self::ClockDrift { ms } => json!({ "ms": ms }),
            Self::UptimeWrap { wraps } => json!({ "wraps": wraps }),
            Self::Loss { lost, arrived, datagrams } => {
                json!({ "records_lost": lost, "records": arrived, "datagrams_lost": datagrams })
            }
            Self::SocketDrops { datagrams } => json!({ "datagrams": datagrams }),
            Self::Discarded { flows, octets } => json!({ "flows": flows, "octets": octets }),
            Self::Reorder { datagrams, of } | Self::Duplicates { datagrams, of } => {
                json!({ "datagrams": datagrams, "of": of })
            }
            Self::Undecodable { reason, datagrams, of } => {
                json!({ "reason": reason, "datagrams": datagrams, "of": of })
            }
            Self::Malformed { reason, parts } => json!({ "reason": reason, "parts": parts }),
            Self::Refused { reason, datagrams } => json!({ "reason": reason, "datagrams": datagrams }),
            Self::RewrittenSource { sign } => json!({ "sign": sign }),
            Self::CountedTwice(twice) => twice.figures(),
            Self::NoActiveTimeout { longest_ms, long_octets, octets } => {
                json!({ "longest_ms": longest_ms, "long_octets": whole(*long_octets), "octets": whole(*octets) })
            }
            Self::EventsOnly { events } => json!({ "events": events }),
            Self::Saturated { counters } => json!({ "counters": counters }),
            Self::Restarts { times } | Self::Evictions { times } => json!({ "times": times }),
            Self::Silent { for_ms } | Self::AllSilent { for_ms } => json!({ "for_ms": for_ms }),
            Self::NewExporter => json!({}),
            Self::PutAside { files, octets } => json!({ "files": files, "octets": octets }),
        }
    }
}

impl Twice {
    fn meaning(&self) -> String {
        let pairs: Vec<String> =
            self.pairs.iter().map(|(one, other, _)| format!("{one} / {other}")).collect();
        let places =
            if self.places > 2 { format!(", some at {} places", self.places) } else { String::new() };
        format!(
            "{} of the octets look counted more than once{places}: {}; counted once there would be {} less",
            share(self.repeated, self.judged),
            pairs.join(", "),
            share(self.excess, self.judged)
        )
    }

    fn figures(&self) -> Json {
        let pairs: Vec<Json> = self
            .pairs
            .iter()
            .map(|(one, other, octets)| json!({ "one": one, "other": other, "octets": whole(*octets) }))
            .collect();
        json!({
            "judged_octets": whole(self.judged),
            "repeated_octets": whole(self.repeated),
            "excess_octets": whole(self.excess),
            "places": self.places,
            "pairs": pairs,
        })
    }
}

/// A sum as JSON: an integer where it fits.
fn whole(n: u128) -> Json {
    u64::try_from(n).map_or_else(|_| json!(n.to_string()), |n| json!(n))
}

/// Whether a part is at least 1 in so many of the whole.
fn is_at_least(part: u64, whole: u64, one_in: u64) -> bool {
    part > 0 && u128::from(part) * u128::from(one_in) >= u128::from(whole)
}

/// A share that may be small: `0.004 %`.
fn fine_share(part: u64, whole: u64) -> String {
    let thousandths = (u128::from(part) * 100_000).div_ceil(u128::from(whole.max(1)));
    format!("{}.{:03} %", thousandths / 1000, thousandths % 1000)
}

/// Hours, and days where there are many.
fn lasting(ms: u64) -> String {
    match ms / 86_400_000 {
        0 | 1 => duration(ms),
        days => things(days, "day"),
    }
}

fn times(n: u64) -> String {
    match n {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        n => format!("{} times", grouped(n)),
    }
}

fn not_kept(flows: u64, octets: u64) -> String {
    format!(
        "{} ({}) arrived and could not be kept, because the disk was full or failed, or the journal was damaged: they \
         are on no bill",
        things(flows, "flow"),
        things(octets, "octet")
    )
}

fn put_aside(files: &[String], octets: u64) -> String {
    let named = files.first().map_or("", String::as_str);
    let more = match files.len() {
        0 | 1 => String::new(),
        n => format!(" and {} more", n - 1),
    };
    let (was, them) = if files.len() == 1 { ("was", "it") } else { ("were", "them") };
    format!(
        "{named}{more} ({}) {was} damaged and put aside when weir started: what could be read of {them} is stored, and what \
         could not is on no bill",
        things(octets, "octet")
    )
}
