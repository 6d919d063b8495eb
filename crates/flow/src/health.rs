//! What moved and what was lost, counted where it happens.
//!
//! Counters travel with the rows they speak of: a [`Batch`](crate::Batch) carries the [`Row`]s that were
//! counted since the last one, the journal writes both in one frame, and so after a crash the counters and
//! the records agree. Values are signed, because a datagram that arrives late takes its loss back.

use crate::Addr;

macro_rules! counters {
    ($($(#[$doc:meta])* $variant:ident = $name:literal),+ $(,)?) => {
        /// What is counted.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        pub enum Counter { $($(#[$doc])* $variant),+ }

        impl Counter {
            /// Every counter, in the order of the codes.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            const NAMES: &'static [&'static str] = &[$($name),+];

            /// The stable name: in the store's `health` files, in JSON, in metrics.
            #[must_use]
            pub fn name(self) -> &'static str {
                Self::NAMES.get(self as usize).copied().unwrap_or_default()
            }

            /// The counter of this name.
            #[must_use]
            pub fn by_name(name: &str) -> Option<Self> {
                let at = Self::NAMES.iter().position(|n| *n == name)?;
                Self::ALL.get(at).copied()
            }
        }
    };
}

counters! {
    /// Datagrams that arrived, whatever became of them.
    Datagrams = "datagrams",
    /// Templates defined or refreshed.
    Templates = "templates",
    /// Options templates defined or refreshed.
    OptionsTemplates = "options_templates",
    /// Options data records.
    OptionsRecords = "options_records",
    /// Flow records decoded, before anything else became of them.
    Records = "records",
    /// Rows that the records became: a biflow record becomes two.
    Flows = "flows",
    /// Octets of those rows, sampling undone.
    Octets = "octets",
    /// Packets of those rows, sampling undone.
    Packets = "packets",
    /// Octets of those rows as measured.
    MeasuredOctets = "measured_octets",
    /// Packets of those rows as measured.
    MeasuredPackets = "measured_packets",
    /// Datagrams of which nothing could be used.
    Undecodable = "undecodable",
    /// Parts (sets, samples, templates, records) that could not be used within otherwise good datagrams.
    Malformed = "malformed",
    /// Data sets that wait for their template (less those since decoded).
    Awaiting = "awaiting_template",
    /// Data sets that waited and were decoded when their template came.
    Released = "released",
    /// Data sets given up: the room for waiting sets was full, or their template came and did not fit.
    HeldDropped = "held_dropped",
    /// Records that the exporter sent and that did not arrive, by its sequence numbers.
    RecordsLost = "records_lost",
    /// Datagrams that the exporter sent and that did not arrive.
    DatagramsLost = "datagrams_lost",
    /// Octets of the lost records, estimated by the exporter's recent mean.
    OctetsLostEstimate = "octets_lost_estimate",
    /// Datagrams that arrived late, in another order than sent.
    Reordered = "reordered",
    /// Datagrams that arrived again and were not counted again.
    DuplicateDatagrams = "duplicate_datagrams",
    /// Records within those.
    DuplicateRecords = "duplicate_records",
    /// Times the exporter began its sequence anew.
    Restarts = "restarts",
    /// Records whose sampling interval is unknown.
    UnknownSamplingRecords = "unknown_sampling_records",
    /// Octets that stand for sampled ones: octets of rows whose interval is above 1.
    SampledOctets = "sampled_octets",
    /// Records whose times were absent or absurd and were replaced.
    ClockDoubts = "clock_doubts",
    /// Records that report an event (NAT, firewall) and carry no traffic.
    Events = "events",
    /// Datagrams dropped by the kernel because this socket's queue was full.
    SocketDrops = "socket_drops",
    /// Sessions or templates forgotten because a limit was reached.
    Evictions = "evictions",
    /// Counter samples (sFlow); those of interfaces are kept.
    CounterSamples = "counter_samples",
    /// 32-bit counters that stand at their maximum: at least so much.
    Saturated = "saturated",
    /// Samples that hold no packet weir can account (no IP header in them).
    NotIp = "not_ip",
    /// Flow records that the exporter says it could not send.
    NotSentRecords = "not_sent_records",
    /// Packets of those.
    NotSentPackets = "not_sent_packets",
    /// Octets of those.
    NotSentOctets = "not_sent_octets",
    /// Datagrams and connections turned away before decoding, by reason: `not_allowed`, `exporter_limit`.
    Refused = "refused",
    /// Signs that an exporter's address is not its own (a bridge, a proxy, NAT), by sign.
    RewrittenSource = "rewritten_source",
    /// Connections that were opened (TCP, TLS, SCTP).
    Connections = "connections",
    /// Connections that were ended for a reason other than that the exporter closed them, by reason.
    ConnectionErrors = "connection_errors",
    /// Datagrams sent onward untouched, by target.
    Relayed = "relayed",
    /// Records sent onward in another format, by target.
    RelayedRecords = "relayed_records",
    /// Datagrams and converted records that were to go onward and did not, by target, by reason.
    RelayDropped = "relay_dropped",
    /// Records that the other format cannot carry, by reason.
    RelayUnconvertible = "relay_unconvertible",
    /// Values that the other format cannot carry whole, in records that went onward all the same, by reason.
    RelayNarrowed = "relay_narrowed",
    /// Datagrams that were read. With the two below they are `datagrams`: see `session::fate`.
    DatagramsDecoded = "datagrams_decoded",
    /// Datagrams that wait, for a template or for it to come out whether they are duplicates (less those since
    /// decoded or refused).
    DatagramsHeld = "datagrams_held",
    /// Datagrams of which nothing is in the rows, by reason.
    DatagramsRefused = "datagrams_refused",
    /// Rows that were decoded and could not be stored, or not be read again, by reason: `disk_full`, `disk_error`, `journal_damaged`.
    DiscardedFlows = "discarded_flows",
    /// Octets of those rows, sampling undone.
    DiscardedOctets = "discarded_octets",
    /// Packets of those rows, sampling undone.
    DiscardedPackets = "discarded_packets",
    /// Samples of interface counters that could not be stored, by reason.
    DiscardedSamples = "discarded_counter_samples",
    /// Sampling intervals that came late and could not be stored, by reason: rows before them stay unscaled.
    DiscardedIntervals = "discarded_intervals",
    /// Gaps in exporters' sequences that another collector saw, whose archive was imported: how much was missing in them
    /// it did not write down.
    SequenceGaps = "sequence_gaps",
}

/// One count, to be added up by whoever asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Start of the 5-minute bin of arrival, ms since 1970.
    pub bin: i64,
    /// Who sent it.
    pub exporter: Addr,
    /// The observation domain.
    pub domain: u32,
    /// What was counted: a [`Counter`]'s name, with `:reason` after it where there are reasons.
    pub what: std::borrow::Cow<'static, str>,
    /// How many; negative takes back.
    pub value: i64,
}

impl Row {
    /// The counter, and the reason where `what` names one.
    #[must_use]
    pub fn counter(&self) -> (Option<Counter>, Option<&str>) {
        match self.what.split_once(':') {
            Some((name, reason)) => (Counter::by_name(name), Some(reason)),
            None => (Counter::by_name(&self.what), None),
        }
    }

    /// Whether it shows that the exporter was heard in this bin: by a datagram of it, or by a record that another
    /// collector kept, whose archive was imported. Where neither is, nobody knows what there was.
    #[must_use]
    pub fn is_heard(&self) -> bool {
        self.value > 0 && matches!(self.counter().0, Some(Counter::Datagrams | Counter::Records))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_counters() {
        for counter in Counter::ALL {
            assert_eq!(Counter::by_name(counter.name()), Some(*counter));
        }
        let row = Row {
            bin: 0,
            exporter: Addr::UNSPECIFIED,
            domain: 0,
            what: "undecodable:truncated".into(),
            value: 1,
        };
        assert_eq!(row.counter(), (Some(Counter::Undecodable), Some("truncated")));
    }

    #[test]
    fn datagrams_and_records_of_archives_show_that_an_exporter_was_heard() {
        let is_heard = |what: &'static str, value| {
            Row { bin: 0, exporter: Addr::UNSPECIFIED, domain: 0, what: what.into(), value }.is_heard()
        };
        assert!(is_heard("datagrams", 1) && is_heard("records", 1));
        assert!(!is_heard("datagrams", -1) && !is_heard("records", 0));
        assert!(
            !is_heard("socket_drops", 1) && !is_heard("records_lost", 1) && !is_heard("from_the_future", 1)
        );
    }
}
