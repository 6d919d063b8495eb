//! Flow records that another collector decoded and kept: what nfcapd and flow-tools wrote.
//!
//! There is no datagram and no session: templates, sequence numbers and duplicates were that collector's business, and
//! of what it lost it left at most a number. So an [`Archive`] remembers nothing of exporters but its counts, and
//! shares nothing with the [`Sessions`](super::Sessions) of those who still send. From the row on everything is as
//! for a record off the wire: the same columns, the same doubts about times, the same rules for zeros, the operator's
//! sampling intervals, and counters per exporter and observation domain.
//!
//! What is particular to a format is in `nfcapd` and in `flowtools`; each fills a `Row` per record.

use super::clock::Clock;
use super::count::Counts;
use super::firewall::Connections;
use super::name::{self, Names};
use super::rows::STAMPED;
use super::sampling::Interval;
use super::{FINGERPRINT, Settings, text};
use crate::health::Counter;
use crate::names::{Event, SamplingSource, TimeSource, Version};
use crate::schema::Column;
use crate::{Addr, Batch, Values};
use hashbrown::HashMap;
use std::hash::BuildHasher;
use weir_wire::Error;

pub use super::{flowtools::Book as FlowTools, flowtools::Records as FlowToolsRecords};
pub use super::{nfcapd::Book as Nfcapd, nfcapd::Records as NfcapdRecords};

/// Exporters and domains that are counted apart; those beyond are counted together, as nobody's.
const SOURCES_MAX: usize = 65_536;

/// What archives need from file to file.
#[derive(Debug)]
pub struct Archive {
    settings: Settings,
    sources: Vec<Counts>,
    places: HashMap<(Addr, u32), usize, foldhash::fast::RandomState>,
    /// Whose record was the last, which mostly is whose the next is.
    last: Option<((Addr, u32), usize)>,
    firewall: Connections,
}

/// A part of a file that is there to be read.
pub trait Piece {
    /// Appends rows until the batch has `rows_max` or there are no more. True if there are more.
    fn read(&mut self, archive: &mut Archive, rows_max: usize, batch: &mut Batch) -> bool;
}

/// What was read of a file, and what the file says of itself.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Flow records.
    pub flows: u64,
    /// Their octets, as they stand in the file.
    pub octets: u64,
    /// Their packets, as they stand in the file.
    pub packets: u64,
}

/// By what the counters of a record are to be multiplied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    /// They are as the exporter measured them; what the record says of the interval, if anything.
    Measured(Interval),
    /// The collector multiplied them by an interval that is not in the file.
    Done,
}

/// What a record says, in the terms of the schema. `None` is unknown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) exporter: Addr,
    pub(super) domain: u32,
    pub(super) version: Option<Version>,
    pub(super) received: i64,
    /// When the exporter sent it.
    pub(super) export: Option<i64>,
    pub(super) times: (Option<i64>, Option<i64>),
    pub(super) octets: u64,
    pub(super) packets: u64,
    pub(super) scale: Scale,
    /// What a firewall reports: event and connection.
    pub(super) connection: Option<(u64, u64)>,
    pub(super) event: Option<Event>,
    pub(super) is_event: bool,
    /// The second row of a record that has two.
    pub(super) is_back: bool,
    pub(super) src_addr: Option<Addr>,
    pub(super) dst_addr: Option<Addr>,
    pub(super) src_port: Option<u16>,
    pub(super) dst_port: Option<u16>,
    pub(super) proto: Option<u8>,
    pub(super) tcp_flags: Option<u16>,
    pub(super) tos: Option<u8>,
    pub(super) ingress_if: Option<u32>,
    pub(super) egress_if: Option<u32>,
    pub(super) flow_direction: Option<u8>,
    pub(super) src_as: Option<u32>,
    pub(super) dst_as: Option<u32>,
    pub(super) src_mask: Option<u8>,
    pub(super) dst_mask: Option<u8>,
    pub(super) next_hop: Option<Addr>,
    pub(super) bgp_next_hop: Option<Addr>,
    pub(super) src_vlan: Option<u16>,
    pub(super) dst_vlan: Option<u16>,
    pub(super) src_mac: Option<u64>,
    pub(super) dst_mac: Option<u64>,
    pub(super) ingress_vrf: Option<u32>,
    pub(super) egress_vrf: Option<u32>,
    pub(super) mpls_label: Option<u32>,
    pub(super) min_ttl: Option<u8>,
    pub(super) max_ttl: Option<u8>,
    pub(super) forwarding_status: Option<u8>,
    pub(super) application: Option<&'a [u8]>,
    pub(super) user: Option<&'a [u8]>,
    pub(super) nat_src_addr: Option<Addr>,
    pub(super) nat_dst_addr: Option<Addr>,
    pub(super) nat_src_port: Option<u16>,
    pub(super) nat_dst_port: Option<u16>,
    pub(super) sampler: Option<u64>,
}

impl Row<'_> {
    /// A row of which only the source is known.
    pub(super) const fn new(exporter: Addr, domain: u32, received: i64) -> Self {
        Self {
            exporter,
            domain,
            version: None,
            received,
            export: None,
            times: (None, None),
            octets: 0,
            packets: 0,
            scale: Scale::Measured(None),
            connection: None,
            event: None,
            is_event: false,
            is_back: false,
            src_addr: None,
            dst_addr: None,
            src_port: None,
            dst_port: None,
            proto: None,
            tcp_flags: None,
            tos: None,
            ingress_if: None,
            egress_if: None,
            flow_direction: None,
            src_as: None,
            dst_as: None,
            src_mask: None,
            dst_mask: None,
            next_hop: None,
            bgp_next_hop: None,
            src_vlan: None,
            dst_vlan: None,
            src_mac: None,
            dst_mac: None,
            ingress_vrf: None,
            egress_vrf: None,
            mpls_label: None,
            min_ttl: None,
            max_ttl: None,
            forwarding_status: None,
            application: None,
            user: None,
            nat_src_addr: None,
            nat_dst_addr: None,
            nat_src_port: None,
            nat_dst_port: None,
            sampler: None,
        }
    }
}

impl Archive {
    /// With what the operator says about exporters; memory and templates are nothing to archives.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            sources: Vec::new(),
            places: HashMap::default(),
            last: None,
            firewall: Connections::default(),
        }
    }

    /// Hands over what was counted since the last batch: before the batch is finished.
    pub fn finish(&mut self, batch: &mut Batch) {
        for counts in &mut self.sources {
            counts.hand_over(batch);
        }
    }

    /// Counts a part of a file that could not be read.
    pub fn malformed(&mut self, at_ms: i64, error: Error, batch: &mut Batch) {
        let counts = self.counts((Addr::UNSPECIFIED, 0), at_ms, batch);
        counts.add_reason(Counter::Malformed, error.reason.as_str());
    }

    /// Counts something of an exporter.
    pub(super) fn count(
        &mut self,
        source: (Addr, u32),
        at_ms: i64,
        counter: Counter,
        value: u64,
        batch: &mut Batch,
    ) {
        if value > 0 {
            self.counts(source, at_ms, batch).add(counter, i64::try_from(value).unwrap_or(i64::MAX));
        }
    }

    /// The same for what is counted by reason.
    pub(super) fn count_reason(
        &mut self,
        source: (Addr, u32),
        at_ms: i64,
        counted: (Counter, &'static str),
        value: u64,
        batch: &mut Batch,
    ) {
        if value > 0 {
            let value = i64::try_from(value).unwrap_or(i64::MAX);
            self.counts(source, at_ms, batch).add_reason_value(counted.0, counted.1, value);
        }
    }

    fn counts(&mut self, source: (Addr, u32), at_ms: i64, batch: &mut Batch) -> &mut Counts {
        let place = match self.last {
            Some((last, place)) if last == source => place,
            _ => self.place(source),
        };
        self.last = Some((source, place));
        let counts = &mut self.sources[place];
        counts.at(at_ms, batch);
        counts
    }

    fn place(&mut self, source: (Addr, u32)) -> usize {
        let next = self.places.len();
        let nobody = (Addr::UNSPECIFIED, 0);
        let source = if next < SOURCES_MAX || self.places.contains_key(&source) { source } else { nobody };
        *self.places.entry(source).or_insert_with(|| {
            self.sources.push(Counts::new(source.0, source.1));
            next
        })
    }

    /// The operator's interval for an exporter, above all others and in want of any.
    pub(super) fn interval(&self, exporter: Addr, said: Interval) -> Interval {
        let overriding = self.settings.sampling.get(&exporter).map(|n| (*n, SamplingSource::Override));
        overriding.or(said).or(self.settings.sampling_default.map(|n| (n, SamplingSource::Default)))
    }

    /// Appends a record.
    pub(super) fn append(&mut self, row: &Row<'_>, batch: &mut Batch) {
        let base = batch.extend_rows(1, STAMPED);
        batch.put_time(Column::Received, row.received);
        batch.put_addr(Column::Exporter, row.exporter);
        batch.put_u32(Column::Domain, row.domain);
        batch.put_u8(Column::ProtocolVersion, row.version.map_or(0, Version::code));
        put(row, batch);
        put_texts(row, base, batch);
        let doubt = put_times(row, batch);
        let (octets, packets) = self.once(row, base, batch);
        let interval = match row.scale {
            Scale::Measured(said) => Some(self.interval(row.exporter, said)),
            Scale::Done => None,
        };
        let counts = self.counts((row.exporter, row.domain), row.received, batch);
        counts.add(Counter::Records, (!row.is_back).into());
        counts.add(Counter::ClockDoubts, doubt.into());
        counts.add(Counter::Events, row.is_event.into());
        scale(octets, packets, interval, counts, batch);
        if row.version.is_none()
            && let Some(mask) = batch.present_mut().last_mut()
        {
            *mask &= !Column::ProtocolVersion.bit();
        }
    }

    /// What a record counts: of a firewall's totals only what its updates did not say before.
    fn once(&mut self, row: &Row<'_>, base: usize, batch: &mut Batch) -> (u64, u64) {
        let Some((event, connection)) = row.connection else { return (row.octets, row.packets) };
        let owner = FINGERPRINT.hash_one((row.exporter, row.domain)) & !1 | u64::from(row.is_back);
        batch.put_u64(Column::MeasuredOctets, row.octets);
        batch.put_u64(Column::MeasuredPackets, row.packets);
        let forgotten = self.firewall.settle(&[event], &[connection], owner, base, batch);
        let counted = |column| batch.u64s(column).last().copied().unwrap_or_default();
        let both = (counted(Column::MeasuredOctets), counted(Column::MeasuredPackets));
        if forgotten > 0 {
            let forgotten = u64::try_from(forgotten).unwrap_or(u64::MAX);
            let counted = (Counter::Evictions, "connection");
            self.count_reason((row.exporter, row.domain), row.received, counted, forgotten, batch);
        }
        both
    }
}

/// Fills what a record says of its flow.
fn put(row: &Row<'_>, batch: &mut Batch) {
    macro_rules! put {
        ($($put:ident $column:ident = $field:ident;)+) => {
            $(if let Some(value) = row.$field {
                batch.$put(Column::$column, value);
            })+
        };
    }
    put! {
        put_addr SrcAddr = src_addr;
        put_addr DstAddr = dst_addr;
        put_u16 SrcPort = src_port;
        put_u16 DstPort = dst_port;
        put_u8 Proto = proto;
        put_u16 TcpFlags = tcp_flags;
        put_u8 Tos = tos;
        put_u32 IngressIf = ingress_if;
        put_u32 EgressIf = egress_if;
        put_u8 FlowDirection = flow_direction;
        put_u32 SrcAs = src_as;
        put_u32 DstAs = dst_as;
        put_u8 SrcMask = src_mask;
        put_u8 DstMask = dst_mask;
        put_addr NextHop = next_hop;
        put_addr BgpNextHop = bgp_next_hop;
        put_u16 SrcVlan = src_vlan;
        put_u16 DstVlan = dst_vlan;
        put_u64 SrcMac = src_mac;
        put_u64 DstMac = dst_mac;
        put_u32 IngressVrf = ingress_vrf;
        put_u32 EgressVrf = egress_vrf;
        put_u32 MplsLabel = mpls_label;
        put_u8 MinTtl = min_ttl;
        put_u8 MaxTtl = max_ttl;
        put_u8 ForwardingStatus = forwarding_status;
        put_addr NatSrcAddr = nat_src_addr;
        put_addr NatDstAddr = nat_dst_addr;
        put_u16 NatSrcPort = nat_src_port;
        put_u16 NatDstPort = nat_dst_port;
        put_u64 Sampler = sampler;
    }
    if let Some(event) = row.event {
        batch.put_u8(Column::Event, event.code());
    }
}

fn put_texts(row: &Row<'_>, base: usize, batch: &mut Batch) {
    if let Some(user) = row.user {
        if let Values::Bytes(column) = batch.open(Column::User, base) {
            text::push(column, user);
        }
        text::mark(batch, Column::User, base);
    }
    if let Some(id) = row.application {
        if let Values::Bytes(column) = batch.open(Column::Application, base) {
            name::push_application(&Names::default(), id, column);
        }
        text::mark(batch, Column::Application, base);
    }
}

/// Fills start, end and what they rest on; whether there was reason to doubt what the record said.
fn put_times(row: &Row<'_>, batch: &mut Batch) -> bool {
    let clock = Clock { received: row.received, export: row.export, uptime: None, init: None };
    let (start, end, source, doubt) = clock.judge(row.times.0, row.times.1);
    batch.put_time(Column::Start, start);
    batch.put_time(Column::End, end);
    batch.put_u8(Column::TimeSource, TimeSource::code(source));
    doubt
}

/// Fills octets and packets, as measured and as they stand for, and counts them. Without `interval` the collector
/// scaled them, and what was measured is not known any more.
fn scale(octets: u64, packets: u64, interval: Option<Interval>, counts: &mut Counts, batch: &mut Batch) {
    counts.add(Counter::Flows, 1);
    let Some(interval) = interval else {
        batch.put_u64(Column::Octets, octets);
        batch.put_u64(Column::Packets, packets);
        counts.add_amount(Counter::Octets, octets.into());
        counts.add_amount(Counter::Packets, packets.into());
        counts.add_amount(Counter::SampledOctets, octets.into());
        return;
    };
    let factor = interval.map_or(1, |(factor, _)| factor);
    let columns = [
        (octets, Column::MeasuredOctets, Column::Octets, Counter::MeasuredOctets, Counter::Octets),
        (packets, Column::MeasuredPackets, Column::Packets, Counter::MeasuredPackets, Counter::Packets),
    ];
    for (measured, column, estimate_column, counter, estimate_counter) in columns {
        let estimate = measured.checked_mul(factor.into()).unwrap_or_else(|| {
            counts.add(Counter::Saturated, 1);
            u64::MAX
        });
        put_again(batch, column, measured);
        batch.put_u64(estimate_column, estimate);
        counts.add_amount(counter, measured.into());
        counts.add_amount(estimate_counter, estimate.into());
        if factor != 1 && counter == Counter::MeasuredOctets {
            counts.add_amount(Counter::SampledOctets, estimate.into());
        }
    }
    match interval {
        // An operator's 0 is a factor, and no interval.
        Some((factor, source)) => {
            if factor > 0 {
                batch.put_u32(Column::SamplingInterval, factor);
            }
            batch.put_u8(Column::SamplingSource, source.code());
        }
        None => counts.add(Counter::UnknownSamplingRecords, 1),
    }
}

/// Writes a value into the last row, which may have one there.
fn put_again(batch: &mut Batch, column: Column, value: u64) {
    let row = batch.len().saturating_sub(1);
    batch.u64s_from(column, row);
    batch.put_u64(column, value);
}
