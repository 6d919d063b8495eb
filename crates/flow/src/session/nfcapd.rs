//! Files of nfdump. A record holds what nfdump's collector made of an exporter's: times in ms, one form of counters.
//!
//! **Sampling.** nfdump multiplies octets and packets by the interval it knows and marks the record. Where the file has
//! the sampler, and both counters are multiples of its interval, the measured ones are got back by division, and the
//! operator's own interval can take its place. Where it has not, the product is kept as it is: it is right, and what
//! was measured is unknown. Unmarked records are as measured, and their interval is unknown.
//!
//! **Zeros.** nfdump keeps fields in groups and fills a group whose other fields were not sent with zeros. A pair of
//! zeros (interfaces, masks, routing tables) is therefore unknown; so is the direction "entering", which is zero too.
//!
//! **Counters out.** nfdump has one place for what a middlebox let out (elements 23 and 24) and for the way back. Only
//! where it is a firewall's event, or the record says which end began, is it the way back, and a row of its own.

use super::archive::{Archive, Piece, Row, Scale, Tally};
use super::sampling::Interval;
use crate::health::Counter;
use crate::names::{Event, SamplingSource, Version};
use crate::{Addr, Batch};
use hashbrown::HashMap;
use std::collections::BTreeMap;
use weir_wire::file::nfcapd::{self, Exporter, Flow, Header, Map, Record, Sampler, Totals};
use weir_wire::{Error, Reason};

/// Extensions of a map that are accepted: nfdump has 45 in all.
const EXTENSIONS_MAX: usize = 64;
/// Samplers remembered per exporter of a file.
const SAMPLERS_MAX: usize = 1024;
/// 2000-01-01 to 2100-01-01: no file of nfdump is older, and no clock of a collector so wrong.
const PLAUSIBLE_MS: std::ops::Range<i64> = 946_684_800_000..4_102_444_800_000;

/// What is known of the file at hand: nothing of it holds for the next.
#[derive(Debug)]
pub struct Book {
    /// Stands in where a record does not say when it arrived, ms since 1970.
    now: i64,
    exporters: HashMap<u16, Exporter, foldhash::fast::RandomState>,
    samplers: HashMap<u16, Vec<Sampler>, foldhash::fast::RandomState>,
    maps: HashMap<u16, Box<[u16]>, foldhash::fast::RandomState>,
    /// Sequence failures by the exporter's number.
    failures: BTreeMap<u16, u64>,
    totals: Option<Totals>,
    last_ms: Option<i64>,
    tally: Tally,
    /// Octets and packets that went out, which nfcapd adds to its totals (and `nfdump -w` does not).
    out: (u64, u64),
}

/// Records of an unpacked block.
#[derive(Debug)]
pub struct Records<'a, 'b> {
    /// Of which file.
    pub book: &'b mut Book,
    /// The records.
    pub records: nfcapd::Records<'a>,
    /// The first that could not be read.
    pub problem: Option<Error>,
}

impl Piece for Records<'_, '_> {
    fn read(&mut self, archive: &mut Archive, rows_max: usize, batch: &mut Batch) -> bool {
        while batch.len() < rows_max {
            let Some(record) = self.records.next() else { return false };
            if let Err(error) = record.and_then(|record| self.book.take(record, archive, batch)) {
                archive.malformed(self.book.last_ms.unwrap_or(self.book.now), error, batch);
                self.problem.get_or_insert(error);
            }
        }
        true
    }
}

impl Book {
    /// For a file that begins with this header. `now` stands in where nothing says a time, ms since 1970.
    #[must_use]
    pub fn new(header: &Header, now: i64) -> Self {
        Self {
            now,
            exporters: HashMap::default(),
            samplers: HashMap::default(),
            maps: HashMap::default(),
            failures: BTreeMap::new(),
            totals: header.totals,
            last_ms: None,
            tally: Tally::default(),
            out: (0, 0),
        }
    }

    /// The file is at its end: sequence failures are counted, by exporter where the file says whose they are. With what
    /// was read, and what the file says it holds, if it does.
    pub fn end(self, archive: &mut Archive, batch: &mut Batch) -> (Tally, Option<Tally>) {
        let at_ms = self.last_ms.unwrap_or(self.now);
        for (number, failures) in &self.failures {
            let exporter = self.exporters.get(number);
            let source = exporter.map_or((Addr::UNSPECIFIED, 0), |e| (e.address.into(), e.domain));
            archive.count(source, at_ms, Counter::SequenceGaps, *failures, batch);
        }
        let said = self.totals.unwrap_or_default();
        if self.failures.is_empty() {
            let source = self.only().map_or((Addr::UNSPECIFIED, 0), |e| (e.address.into(), e.domain));
            archive.count(source, at_ms, Counter::SequenceGaps, said.failures, batch);
        }
        let totals = self.totals.map(|t| Tally { flows: t.flows, octets: t.octets, packets: t.packets });
        let Tally { flows, octets, packets } = self.tally;
        let with_out = Tally {
            flows,
            octets: octets.wrapping_add(self.out.0),
            packets: packets.wrapping_add(self.out.1),
        };
        (self.tally, totals.map(|said| if said == with_out { self.tally } else { said }))
    }

    /// The one exporter of the file, if there is no other.
    fn only(&self) -> Option<&Exporter> {
        self.exporters.values().next().filter(|_| self.exporters.len() == 1)
    }

    fn take(&mut self, record: Record<'_>, archive: &mut Archive, batch: &mut Batch) -> Result<(), Error> {
        match record {
            Record::Flow(flow) => self.flow(&flow, archive, batch),
            Record::Packed(packed) => {
                let map = self.maps.get(&packed.map).ok_or(Error::new(Reason::BadBlock, 0))?;
                let flow = packed.unpack(map.iter().copied())?;
                self.flow(&flow, archive, batch);
            }
            Record::Map(map) => self.learn(map)?,
            Record::Exporter(exporter) => {
                self.exporters.insert(exporter.number, exporter);
            }
            Record::Sampler(sampler) => self.sampler(sampler),
            Record::Failures(failures) => {
                for (number, count) in failures.each() {
                    let number = u16::try_from(number).unwrap_or(u16::MAX);
                    *self.failures.entry(number).or_default() += u64::from(count);
                }
            }
            Record::Totals(totals) => self.totals = Some(totals),
            Record::Other { .. } => {}
        }
        Ok(())
    }

    fn learn(&mut self, map: Map<'_>) -> Result<(), Error> {
        let extensions: Box<[u16]> = map.extensions().take(EXTENSIONS_MAX + 1).collect();
        if extensions.len() > EXTENSIONS_MAX {
            return Err(Error::new(Reason::LimitExceeded, 0));
        }
        self.maps.insert(map.number, extensions);
        Ok(())
    }

    fn sampler(&mut self, sampler: Sampler) {
        let samplers = self.samplers.entry(sampler.exporter).or_default();
        if let Some(known) = samplers.iter_mut().find(|known| known.id == sampler.id) {
            *known = sampler;
        } else if samplers.len() < SAMPLERS_MAX {
            samplers.push(sampler);
        }
    }

    fn flow(&mut self, flow: &Flow<'_>, archive: &mut Archive, batch: &mut Batch) {
        self.tally.flows += 1;
        self.tally.octets = self.tally.octets.saturating_add(flow.octets);
        self.tally.packets = self.tally.packets.saturating_add(flow.packets);
        if let Some((_, packets, octets)) = flow.out {
            self.out = (self.out.0.wrapping_add(octets), self.out.1.wrapping_add(packets));
        }
        let exporter = self.exporters.get(&flow.exporter);
        let address = flow.router.or(exporter.map(|e| e.address)).map_or(Addr::UNSPECIFIED, Addr::from);
        let engine = u32::from(flow.engine_type) << 8 | u32::from(flow.engine_id);
        let domain = flow.domain.or(exporter.map(|e| e.domain)).unwrap_or(engine);
        let mut row = Row::new(address, domain, self.received(flow));
        self.last_ms = Some(row.received);
        row.version = version(flow.version.into()).or(exporter.and_then(|e| version(e.version)));
        row.times = times(flow);
        let unscaled = self.unscale(flow, (flow.octets, flow.packets));
        (row.octets, row.packets, row.scale) = unscaled;
        fill(flow, &mut row);
        archive.append(&row, batch);
        if let Some((octets, packets)) = way_back(flow) {
            (row.octets, row.packets, row.scale) = self.unscale(flow, (octets, packets));
            turn(&mut row);
            archive.append(&row, batch);
        }
    }

    /// When it arrived; else when it ended, which is not long before, if that can be.
    fn received(&self, flow: &Flow<'_>) -> i64 {
        let good = |ms: &i64| PLAUSIBLE_MS.contains(ms);
        let said = flow.received_ms.and_then(|ms| i64::try_from(ms).ok()).filter(good);
        let ended = || i64::try_from(flow.last_ms).ok().filter(good);
        said.or_else(ended).or(self.last_ms).unwrap_or(self.now)
    }

    /// The counters as measured, and what they are to be multiplied by.
    fn unscale(&self, flow: &Flow<'_>, (octets, packets): (u64, u64)) -> (u64, u64, Scale) {
        if !flow.is_sampled {
            return (octets, packets, Scale::Measured(None));
        }
        let Some((one_in, source)) = self.interval(flow) else { return (octets, packets, Scale::Done) };
        let divisor = u64::from(one_in);
        if octets % divisor != 0 || packets % divisor != 0 {
            // Another interval was in force when it was written.
            return (octets, packets, Scale::Done);
        }
        (octets / divisor, packets / divisor, Scale::Measured(Some((one_in, source))))
    }

    /// The interval that nfdump multiplied by, by its own order of precedence.
    fn interval(&self, flow: &Flow<'_>) -> Interval {
        let samplers = self.samplers.get(&flow.exporter)?;
        let by = |id: i64, source| {
            let sampler = samplers.iter().find(|sampler| sampler.id == id)?;
            Some((sampler.one_in()?, source))
        };
        let id = flow.sampler.and_then(|id| i64::try_from(id).ok());
        let only = || match samplers.as_slice() {
            [only] => Some((only.one_in()?, SamplingSource::Options)),
            _ => None,
        };
        by(Sampler::OVERRIDE, SamplingSource::Override)
            .or_else(|| by(id.unwrap_or_default(), SamplingSource::Sampler))
            .or_else(|| by(Sampler::GENERIC, SamplingSource::Options))
            .or_else(|| by(Sampler::DEFAULT, SamplingSource::Default))
            .or_else(only)
    }
}

/// By nfdump's numbers: of sFlow the upper bit is set in a record, and an exporter has a number of its own.
fn version(number: u32) -> Option<Version> {
    Some(match number {
        1 => Version::V1,
        5 => Version::V5,
        7 => Version::V7,
        9 => Version::V9,
        10 => Version::Ipfix,
        9999 | 0x80..=0xff => Version::Sflow,
        _ => return None,
    })
}

fn times(flow: &Flow<'_>) -> (Option<i64>, Option<i64>) {
    let ms = |ms: u64| i64::try_from(ms).ok().filter(|ms| *ms != 0);
    match (ms(flow.first_ms), ms(flow.last_ms)) {
        // An event has one time, which is kept apart.
        (None, None) => {
            let at = flow.firewall.and_then(|event| ms(event.at_ms));
            (at, at)
        }
        both => both,
    }
}

fn fill<'a>(flow: &Flow<'a>, row: &mut Row<'a>) {
    let pair = |(a, b): (u32, u32)| if (a, b) == (0, 0) { (None, None) } else { (Some(a), Some(b)) };
    let narrow = |value: u32| u16::try_from(value).ok();
    if let Some((src, dst)) = flow.addrs {
        (row.src_addr, row.dst_addr) = (Some(src.into()), Some(dst.into()));
    }
    (row.src_port, row.dst_port) = (Some(flow.src_port), Some(flow.dst_port));
    row.proto = Some(flow.proto);
    row.tcp_flags = Some(flow.tcp_flags.into());
    row.tos = Some(flow.tos);
    (row.ingress_if, row.egress_if) = pair((flow.misc.ingress_if, flow.misc.egress_if));
    if (flow.misc.src_mask, flow.misc.dst_mask) != (0, 0) {
        (row.src_mask, row.dst_mask) = (Some(flow.misc.src_mask), Some(flow.misc.dst_mask));
    }
    row.flow_direction = Some(flow.misc.direction).filter(|direction| *direction == 1);
    row.forwarding_status = Some(flow.forwarding).filter(|status| *status != 0);
    if let Some((src, dst)) = flow.vlans {
        (row.src_vlan, row.dst_vlan) = (narrow(src), narrow(dst));
    }
    if let Some((src, dst)) = flow.systems {
        (row.src_as, row.dst_as) = (Some(src), Some(dst));
    }
    row.next_hop = flow.next_hop.map(Addr::from);
    row.bgp_next_hop = flow.bgp_next_hop.map(Addr::from);
    row.mpls_label = flow.mpls.filter(|label| *label != 0).map(|label| label >> 4);
    if let Some(macs) = flow.macs {
        let first = |a: u64, b: u64| Some(if a == 0 { b } else { a });
        row.src_mac = first(macs.in_src, macs.out_src);
        row.dst_mac = first(macs.in_dst, macs.out_dst);
    }
    if let Some((ingress, egress)) = flow.vrfs {
        (row.ingress_vrf, row.egress_vrf) = pair((ingress, egress));
    }
    if let Some((min, max)) = flow.ttls.filter(|ttls| *ttls != (0, 0)) {
        (row.min_ttl, row.max_ttl) = (Some(min), Some(max));
    }
    if let Some((src, dst)) = flow.nat_addrs {
        (row.nat_src_addr, row.nat_dst_addr) = (Some(src.into()), Some(dst.into()));
    }
    if let Some((src, dst)) = flow.nat_ports {
        (row.nat_src_port, row.nat_dst_port) = (Some(src), Some(dst));
    }
    row.sampler = flow.sampler;
    row.user = flow.user;
    row.application = flow.application;
    let firewall = flow.firewall.filter(|firewall| firewall.event != 0);
    row.connection = firewall.map(|f| (f.event.into(), f.connection.into()));
    row.event = match (firewall, flow.translator) {
        (Some(firewall), _) => Event::of_firewall(firewall.event.into()),
        (None, Some(event)) => Event::of_translator(event.into()),
        (None, None) => None,
    };
    row.is_event = flow.is_event || row.event.is_some();
}

/// Octets and packets of the way back, where there is one.
fn way_back(flow: &Flow<'_>) -> Option<(u64, u64)> {
    let (_, packets, octets) = flow.out?;
    let is_back = flow.firewall.is_some_and(|f| f.event != 0) || flow.misc.biflow != 0;
    (is_back && (octets > 0 || packets > 0)).then_some((octets, packets))
}

/// The same record, seen from the other end.
fn turn(row: &mut Row<'_>) {
    macro_rules! swap {
        ($($a:ident $b:ident;)+) => {
            $(std::mem::swap(&mut row.$a, &mut row.$b);)+
        };
    }
    swap! {
        src_addr dst_addr;
        src_port dst_port;
        src_mask dst_mask;
        src_as dst_as;
        src_mac dst_mac;
        src_vlan dst_vlan;
        ingress_if egress_if;
        ingress_vrf egress_vrf;
        nat_src_addr nat_dst_addr;
        nat_src_port nat_dst_port;
    }
    (row.flow_direction, row.tcp_flags, row.tos) = (None, None, None);
    (row.next_hop, row.bgp_next_hop) = (None, None);
    (row.is_event, row.is_back) = (false, true);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Value;
    use crate::schema::Column;
    use crate::session::Settings;
    use weir_wire::file::nfcapd::{Compression, Firewall, Misc};

    const NOW: i64 = 1_767_225_600_000;
    const ROUTER: [u8; 4] = [10, 0, 0, 1];

    fn book() -> Book {
        let header = Header {
            order: weir_wire::file::Order::Little,
            layout: 2,
            compression: Compression::None,
            blocks: 1,
            is_closed: true,
            created_s: None,
            totals: None,
        };
        Book::new(&header, NOW)
    }

    fn flow() -> Flow<'static> {
        let at = u64::try_from(NOW).unwrap() - 10_000;
        Flow {
            version: 9,
            first_ms: at - 5_000,
            last_ms: at,
            received_ms: Some(at + 500),
            packets: 30,
            octets: 3_000,
            proto: 6,
            addrs: Some(([192, 0, 2, 1].into(), [198, 51, 100, 1].into())),
            router: Some(ROUTER.into()),
            ..Flow::default()
        }
    }

    fn read(book: &mut Book, archive: &mut Archive, flow: &Flow<'_>) -> Batch {
        let mut batch = Batch::new();
        book.flow(flow, archive, &mut batch);
        archive.finish(&mut batch);
        batch.seal();
        super::super::normal::normalise(&mut batch, 0);
        batch
    }

    fn counted(batch: &Batch, counter: Counter) -> i64 {
        batch.health.iter().filter(|row| row.what == counter.name()).map(|row| row.value).sum()
    }

    fn numbers(batch: &Batch, row: usize) -> [Option<u64>; 3] {
        [Column::MeasuredOctets, Column::Octets, Column::SamplingInterval].map(|column| {
            match batch.get(row, column) {
                Some(Value::Unsigned(n)) => Some(n),
                _ => None,
            }
        })
    }

    #[test]
    fn what_nfdump_multiplied_is_divided_where_it_says_by_what() {
        let (mut book, mut archive) = (book(), Archive::new(Settings::default()));
        let sampled = Flow { is_sampled: true, ..flow() };
        // Nothing is known of the interval: the product is right, and is not multiplied again.
        let batch = read(&mut book, &mut archive, &sampled);
        assert_eq!(numbers(&batch, 0), [None, Some(3_000), None]);
        assert_eq!(counted(&batch, Counter::UnknownSamplingRecords), 0);
        assert_eq!(
            (counted(&batch, Counter::SampledOctets), counted(&batch, Counter::MeasuredOctets)),
            (3_000, 0)
        );
        // As measured, with nothing said of an interval.
        let batch = read(&mut book, &mut archive, &flow());
        assert_eq!(numbers(&batch, 0), [Some(3_000), Some(3_000), None]);
        assert_eq!(counted(&batch, Counter::UnknownSamplingRecords), 1);
        // The file has the sampler.
        book.sampler(Sampler { exporter: 0, id: Sampler::GENERIC, taken: 1, space: 9 });
        let batch = read(&mut book, &mut archive, &sampled);
        assert_eq!(numbers(&batch, 0), [Some(300), Some(3_000), Some(10)]);
        // Not a multiple: it was another interval.
        let batch = read(&mut book, &mut archive, &Flow { octets: 3_001, ..sampled });
        assert_eq!(numbers(&batch, 0), [None, Some(3_001), None]);
        // nfcapd's operator had the last word.
        book.sampler(Sampler { exporter: 0, id: Sampler::OVERRIDE, taken: 1, space: 29 });
        let batch = read(&mut book, &mut archive, &sampled);
        assert_eq!(numbers(&batch, 0), [Some(100), Some(3_000), Some(30)]);
    }

    #[test]
    fn our_operator_has_the_last_word_where_what_was_measured_is_known() {
        let mut settings = Settings::default();
        settings.sampling.insert(Addr::v4(ROUTER), 100);
        let (mut book, mut archive) = (book(), Archive::new(settings));
        let batch = read(&mut book, &mut archive, &flow());
        assert_eq!(numbers(&batch, 0), [Some(3_000), Some(300_000), Some(100)]);
        let sampled = Flow { is_sampled: true, ..flow() };
        assert_eq!(numbers(&read(&mut book, &mut archive, &sampled), 0), [None, Some(3_000), None]);
        book.sampler(Sampler { exporter: 0, id: Sampler::DEFAULT, taken: 1, space: 9 });
        assert_eq!(
            numbers(&read(&mut book, &mut archive, &sampled), 0),
            [Some(300), Some(30_000), Some(100)]
        );
    }

    #[test]
    fn a_firewalls_total_counts_what_its_updates_did_not_say() {
        let (mut book, mut archive) = (book(), Archive::new(Settings::default()));
        let event = |event, octets, back| Flow {
            is_event: true,
            firewall: Some(Firewall { at_ms: 0, connection: 4711, event }),
            octets,
            packets: 0,
            out: Some((0, 0, back)),
            ..flow()
        };
        let mut sums = [0; 2];
        for (kind, octets, back) in [(1, 0, 0), (5, 600, 4_000), (2, 1_000, 9_000)] {
            let batch = read(&mut book, &mut archive, &event(kind, octets, back));
            assert_eq!(counted(&batch, Counter::Records), 1);
            assert_eq!(counted(&batch, Counter::Events), 1);
            for (row, sum) in sums.iter_mut().enumerate().take(batch.len()) {
                *sum += numbers(&batch, row)[1].unwrap_or_default();
            }
            if batch.len() == 2 {
                assert_eq!(batch.get(1, Column::SrcAddr), Some(Value::Addr(Addr::v4([198, 51, 100, 1]))));
            }
        }
        assert_eq!(sums, [1_000, 9_000]);
    }

    #[test]
    fn what_stands_for_nothing_is_unknown() {
        let (mut book, mut archive) = (book(), Archive::new(Settings::default()));
        let out = Flow { out: Some((1, 5, 500)), ..flow() };
        let batch = read(&mut book, &mut archive, &out);
        // What a middlebox let out are the same packets again.
        assert_eq!((batch.len(), counted(&batch, Counter::Octets)), (1, 3_000));
        for column in [
            Column::IngressIf,
            Column::SrcMask,
            Column::FlowDirection,
            Column::SrcAs,
            Column::ForwardingStatus,
        ] {
            assert_eq!(batch.get(0, column), None, "{column:?}");
        }
        let misc = Misc { egress_if: 7, dst_mask: 24, direction: 1, ..Misc::default() };
        let batch = read(&mut book, &mut archive, &Flow { misc, version: 0x41, ..flow() });
        let get = |column| batch.get(0, column);
        assert_eq!(
            (get(Column::IngressIf), get(Column::EgressIf)),
            (Some(Value::Unsigned(0)), Some(Value::Unsigned(7)))
        );
        assert_eq!(
            (get(Column::SrcMask), get(Column::DstMask)),
            (Some(Value::Unsigned(0)), Some(Value::Unsigned(24)))
        );
        assert_eq!(get(Column::FlowDirection), Some(Value::Word("egress")));
        // A capture of nfpcapd came in no export format.
        assert_eq!(get(Column::ProtocolVersion), None);
        assert_eq!(get(Column::Received), Some(Value::Time(NOW - 9_500)));
    }

    #[test]
    fn failures_are_counted_by_exporter_and_not_as_records() {
        let (mut book, mut archive, mut batch) = (book(), Archive::new(Settings::default()), Batch::new());
        let exporter = |number, domain| Exporter { number, version: 9, address: ROUTER.into(), domain };
        book.exporters.insert(1, exporter(1, 70));
        book.exporters.insert(2, exporter(2, 71));
        book.failures.insert(2, 3);
        book.totals = Some(Totals { flows: 2, failures: 3, ..Totals::default() });
        let (read, said) = book.end(&mut archive, &mut batch);
        archive.finish(&mut batch);
        assert_eq!((read.flows, said.map(|said| said.flows)), (0, Some(2)));
        let [row] = &batch.health[..] else { panic!("{:?}", batch.health) };
        assert_eq!((row.exporter, row.domain, row.value), (Addr::v4(ROUTER), 71, 3));
        assert_eq!(row.what, "sequence_gaps");
    }
}
