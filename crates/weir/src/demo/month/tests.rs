//! The datagrams are decoded once more here, by the plainest means, and must say what the truth says.

use super::super::config::config_toml;
use super::super::office::offender;
use super::super::truth::{Figures, Share};
use super::*;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::OnceLock;
use weir_wire::netflow::{v5, v9};
use weir_wire::template::{Field, Set, SetKind};
use weir_wire::{Protocol, ipfix, value};

/// October 2026 in Berlin, where the clocks change on the 25th.
const FROM_MS: i64 = 1_790_805_600_000;
const TO_MS: i64 = 1_793_487_600_000;
const CHANGE_MS: i64 = 1_792_890_000_000;

fn berlin(at_ms: i64) -> i64 {
    if at_ms < CHANGE_MS { 2 * HOUR_MS } else { HOUR_MS }
}

fn october(seed: u64, scale_percent: u32) -> Office {
    Office::month(seed, FROM_MS..TO_MS, berlin, scale_percent)
}

fn play(office: &Office) -> (Vec<Datagram>, Truth) {
    let mut play = office.play();
    let datagrams = play.by_ref().map(Result::unwrap).collect();
    (datagrams, play.truth())
}

/// A month at a quarter of its size, made once for all tests.
fn quarter() -> &'static (Vec<Datagram>, Truth) {
    static QUARTER: OnceLock<(Vec<Datagram>, Truth)> = OnceLock::new();
    QUARTER.get_or_init(|| play(&october(1, 25)))
}

/// FNV-1a over everything that arrives.
fn hash(datagrams: &[Datagram]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut take = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for datagram in datagrams {
        take(&datagram.at_ms.to_be_bytes());
        take(datagram.from.to_string().as_bytes());
        take(&datagram.port.to_be_bytes());
        take(&datagram.payload);
    }
    hash
}

/// A flow record as this file reads it.
#[derive(Debug, Clone, Copy)]
struct Seen {
    src: IpAddr,
    dst: IpAddr,
    nat_dst: Option<IpAddr>,
    octets: u64,
    packets: u64,
    start_ms: i64,
    end_ms: i64,
}

/// What is known of one exporter.
#[derive(Debug, Default)]
struct Exporter {
    templates: HashMap<u16, Vec<Field>>,
    options: HashMap<u16, Vec<Field>>,
    next: Option<u32>,
    /// Units that the sequence skipped.
    lost: u64,
    uptimes: Vec<u32>,
    datagrams: u64,
    template_count: u64,
    options_records: u64,
    /// The sampling interval it told.
    interval: Option<u64>,
}

impl Exporter {
    fn follow(&mut self, sequence: u32, units: u32) {
        if let Some(next) = self.next {
            self.lost += u64::from(sequence.wrapping_sub(next));
        }
        self.next = Some(sequence.wrapping_add(units));
    }

    /// Reads a set; returns its data records, options included.
    fn set(&mut self, set: &Set<'_>, time: impl Fn(u64) -> i64, seen: &mut Vec<Seen>) -> u32 {
        match set.kind() {
            SetKind::Template | SetKind::OptionsTemplate => {
                for template in set.templates() {
                    let template = template.unwrap();
                    self.template_count += 1;
                    let known = if template.is_options { &mut self.options } else { &mut self.templates };
                    known.insert(template.id, template.fields().collect());
                }
                0
            }
            SetKind::Data(id) => {
                let is_options = self.options.contains_key(&id);
                let fields = self.options.get(&id).or(self.templates.get(&id)).expect("templates come first");
                let records: Vec<_> = records(fields, set.body).collect();
                for record in &records {
                    if is_options {
                        self.options_records += 1;
                        self.interval = record.get(&34).or(record.get(&305)).and_then(|v| value::unsigned(v));
                    } else {
                        seen.push(flow(record, &time));
                    }
                }
                u32::try_from(records.len()).unwrap()
            }
            SetKind::Reserved(id) => panic!("set {id}"),
        }
    }
}

fn records<'a>(fields: &'a [Field], body: &'a [u8]) -> impl Iterator<Item = HashMap<u16, &'a [u8]>> {
    let stride: usize = fields.iter().map(|field| usize::from(field.length)).sum();
    body.chunks_exact(stride).map(move |mut record| {
        fields
            .iter()
            .map(|field| {
                let (value, rest) = record.split_at(field.length.into());
                record = rest;
                (field.element, value)
            })
            .collect()
    })
}

fn flow(record: &HashMap<u16, &[u8]>, time: impl Fn(u64) -> i64) -> Seen {
    let number = |element: u16| record.get(&element).and_then(|v| value::unsigned(v));
    let address = |element: u16| match record.get(&element)?.len() {
        4 => Some(IpAddr::from(<[u8; 4]>::try_from(*record.get(&element)?).unwrap())),
        _ => Some(IpAddr::from(<[u8; 16]>::try_from(*record.get(&element)?).unwrap())),
    };
    Seen {
        src: address(8).or(address(27)).unwrap(),
        dst: address(12).or(address(28)).unwrap(),
        nat_dst: address(226),
        octets: number(1).unwrap(),
        packets: number(2).unwrap(),
        start_ms: time(number(22).or(number(152)).unwrap()),
        end_ms: time(number(21).or(number(153)).unwrap()),
    }
}

/// A moment that a header's clock gives for an uptime, modulo 2^32 ms.
fn by_uptime(export_s: u32, uptime_ms: u32) -> impl Fn(u64) -> i64 + Copy {
    move |then| {
        let age = uptime_ms.wrapping_sub(u32::try_from(then).unwrap());
        i64::from(export_s) * 1000 - i64::from(age)
    }
}

/// Reads a datagram; its flow records.
fn decode(datagram: &Datagram, exporters: &mut BTreeMap<IpAddr, Exporter>) -> Vec<Seen> {
    let exporter = exporters.entry(datagram.from).or_default();
    let mut seen = Vec::new();
    exporter.datagrams += 1;
    match weir_wire::detect(&datagram.payload).unwrap() {
        Protocol::NetflowV9 => {
            let message = v9::Message::new_checked(&datagram.payload).unwrap();
            let header = message.header();
            exporter.follow(header.sequence, 1);
            exporter.uptimes.push(header.uptime_ms);
            let time = by_uptime(header.export_s, header.uptime_ms);
            let templates = exporter.template_count;
            let records: u32 = message.sets().map(|set| exporter.set(&set.unwrap(), time, &mut seen)).sum();
            let parts = u64::from(records) + exporter.template_count - templates;
            assert_eq!(u64::from(header.count), parts);
        }
        Protocol::Ipfix => {
            let message = ipfix::Message::new_checked(&datagram.payload).unwrap();
            assert_eq!(message.len(), datagram.payload.len());
            let time = |ms: u64| i64::try_from(ms).unwrap();
            let records = message.sets().map(|set| exporter.set(&set.unwrap(), time, &mut seen)).sum();
            exporter.follow(message.header().sequence, records);
        }
        Protocol::NetflowV5 => {
            let message = v5::Datagram::new_checked(&datagram.payload).unwrap();
            let header = message.header();
            exporter.follow(header.sequence, u32::try_from(message.records().len()).unwrap());
            exporter.uptimes.push(header.uptime_ms);
            exporter.interval = header.sampling.one_in().map(|n| u64::from(n.get()));
            let time = by_uptime(header.export_s, header.uptime_ms);
            seen.extend(message.records().map(|r| Seen {
                src: r.src_addr.into(),
                dst: r.dst_addr.into(),
                nat_dst: None,
                octets: r.octets.into(),
                packets: r.packets.into(),
                start_ms: time(r.first_ms.into()),
                end_ms: time(r.last_ms.into()),
            }));
        }
        other => panic!("{other:?}"),
    }
    seen
}

/// Everything read, with what is known of the exporters.
fn decode_all(datagrams: &[Datagram]) -> (Vec<Seen>, BTreeMap<IpAddr, Exporter>) {
    let mut exporters = BTreeMap::new();
    let seen = datagrams.iter().flat_map(|datagram| decode(datagram, &mut exporters)).collect();
    (seen, exporters)
}

/// Whose an address is, read off the plan of the building.
fn tenant(address: IpAddr) -> Option<usize> {
    let vlan = match address {
        IpAddr::V4(address) => match address.octets() {
            [192, 168, vlan, _] => vlan,
            _ => return None,
        },
        IpAddr::V6(address) => match address.segments() {
            [0x2001, 0xdb8, net, 0, ..] => u8::try_from(net / 16 * 10 + net % 16).ok()?,
            _ => return None,
        },
    };
    (31..=37).contains(&vlan).then(|| usize::from(vlan - 31))
}

fn is_private(address: IpAddr) -> bool {
    matches!(address, IpAddr::V4(address) if address.is_private())
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let two_days = |seed| Office::month(seed, FROM_MS..FROM_MS + 2 * DAY_MS, berlin, 20);
    let (first, truth) = play(&two_days(1));
    // On any machine. A change to the model changes it, and then changes what people saw before.
    assert_eq!((first.len(), hash(&first)), (3_292, 6_969_547_067_868_262_977));
    assert_eq!((first.len(), hash(&first), truth), {
        let (again, truth) = play(&two_days(1));
        (again.len(), hash(&again), truth)
    });
    assert_ne!(hash(&first), hash(&play(&two_days(2)).0));
}

#[test]
fn what_is_decoded_is_the_truth() {
    let (datagrams, truth) = quarter();
    let (seen, exporters) = decode_all(datagrams);
    let mut total = Figures::default();
    let (mut local, mut unmatched, mut transit) = (total, total, total);
    let mut tenants = vec![Share::default(); 7];
    let mut hosts: BTreeMap<IpAddr, Share> = BTreeMap::new();
    for Seen { src, dst, nat_dst, octets, packets, .. } in seen {
        let figures = Figures { octets, packets, flows: 1 };
        total += figures;
        // The inside host, where the firewall wrote the public address.
        let dst = nat_dst.filter(|nat| tenant(*nat).is_some()).unwrap_or(dst);
        match (tenant(src), tenant(dst)) {
            (Some(from), Some(to)) => {
                local += figures;
                tenants[from].local_out += figures;
                tenants[to].local_in += figures;
                hosts.entry(src).or_default().local_out += figures;
                hosts.entry(dst).or_default().local_in += figures;
            }
            (Some(from), None) => {
                tenants[from].outward += figures;
                hosts.entry(src).or_default().outward += figures;
            }
            (None, Some(to)) => {
                tenants[to].inward += figures;
                hosts.entry(dst).or_default().inward += figures;
            }
            (None, None) if is_private(src) || is_private(dst) => unmatched += figures,
            (None, None) => transit += figures,
        }
    }
    assert_eq!(
        (total, local, unmatched, transit),
        (truth.total, truth.local, truth.unmatched, truth.transit)
    );
    assert_eq!(tenants, truth.tenants.iter().map(|(_, share)| *share).collect::<Vec<_>>());
    assert_eq!(hosts, truth.hosts);
    assert_eq!(exporters.len(), truth.sent.len());
    for sent in &truth.sent {
        let exporter = &exporters[&sent.address];
        assert_eq!(exporter.datagrams, sent.datagrams);
        assert_eq!(exporter.template_count, sent.templates);
        assert_eq!(exporter.options_records, sent.options_records);
        assert_eq!(exporter.interval, Some(1), "{}", sent.exporter);
    }
}

#[test]
fn the_truth_adds_up() {
    let (_, truth) = quarter();
    let mut sum = Figures::default();
    for (_, share) in &truth.tenants {
        sum += share.inward;
        sum += share.outward;
    }
    for part in [truth.local, truth.unmatched, truth.transit] {
        assert!(part.octets > 0 && part.flows > 0);
        sum += part;
    }
    assert_eq!(sum, truth.total);
    let both = |pick: fn(&Share) -> Figures| {
        let mut sum = Figures::default();
        truth.tenants.iter().for_each(|(_, share)| sum += pick(share));
        sum
    };
    assert_eq!(both(|share| share.local_in), truth.local);
    assert_eq!(both(|share| share.local_out), truth.local);
    let mut sent = Figures::default();
    truth.sent.iter().for_each(|by| sent += by.flows);
    assert_eq!(sent, truth.total);
}

#[test]
fn sequence_numbers_tell_the_outage_and_no_other_loss() {
    let (datagrams, truth) = quarter();
    let (_, exporters) = decode_all(datagrams);
    for sent in &truth.sent {
        let lost = if sent.exporter == truth.lost.exporter { truth.lost.records } else { 0 };
        assert_eq!(exporters[&sent.address].lost, lost, "{}", sent.exporter);
    }
    let lost = &truth.lost;
    assert_eq!((lost.exporter, lost.datagrams), ("dmz", LOST_DATAGRAMS));
    assert!(lost.records >= lost.datagrams && lost.flows.octets > 0);
    // Monday the 19th of October at ten, the first workday after the middle of the month.
    assert!((1_792_396_800_000..1_792_396_800_000 + HOUR_MS).contains(&lost.first_ms));
    assert!((lost.first_ms..=lost.first_ms + HOUR_MS).contains(&lost.last_ms));
}

#[test]
fn clocks_are_right_also_where_the_uptime_wraps() {
    let (datagrams, truth) = quarter();
    let (seen, exporters) = decode_all(datagrams);
    let wraps = |at: usize| {
        let uptimes = &exporters[&truth.sent[at].address].uptimes;
        uptimes.windows(2).filter(|pair| pair[1] < pair[0]).count()
    };
    assert_eq!((truth.sent[0].exporter, wraps(0)), ("core", 1));
    assert_eq!((truth.sent[2].exporter, wraps(2)), ("switch1", 0));
    for flow in seen {
        assert!(flow.start_ms >= FROM_MS && flow.start_ms <= flow.end_ms && flow.end_ms < TO_MS, "{flow:?}");
        // Nobody reports later than the active timeout and a bit.
        assert!(flow.end_ms - flow.start_ms <= 300_000);
        assert!(flow.packets > 0 && (40..=1500).contains(&(flow.octets / flow.packets)), "{flow:?}");
    }
}

#[test]
fn datagrams_come_in_order_and_fit_into_a_frame() {
    let (datagrams, _) = quarter();
    assert!(datagrams.is_sorted_by_key(|datagram| datagram.at_ms));
    assert!(datagrams.first().unwrap().at_ms >= FROM_MS && datagrams.last().unwrap().at_ms < TO_MS);
    // The old switch fills 30 records of 48 octets, as all of its kind.
    assert!(datagrams.iter().all(|datagram| datagram.payload.len() <= 1_464));
    let mut exporters = BTreeMap::new();
    for datagram in datagrams {
        // No record is older than half an hour when it is told.
        for flow in decode(datagram, &mut exporters) {
            assert!((0..HOUR_MS / 2).contains(&(datagram.at_ms - flow.end_ms)), "{flow:?}");
        }
    }
}

#[test]
fn people_work_by_day_on_weekdays_and_one_uses_too_much_at_night() {
    let office = october(3, 100);
    let mut play = office.play();
    let (mut exporters, mut by_day, mut by_hour) = (BTreeMap::new(), [0_u64; 31], [0_u64; 24]);
    let (mut nights, one) = ([0_u64; 31], offender().v4());
    for datagram in play.by_ref() {
        for flow in decode(&datagram.unwrap(), &mut exporters) {
            let hour =
                usize::try_from((flow.start_ms + berlin(flow.start_ms) - FROM_MS - 2 * HOUR_MS) / HOUR_MS);
            let hour = hour.unwrap();
            if flow.src == one || flow.dst == one {
                nights[(hour.saturating_sub(6)) / 24] += flow.octets;
            } else {
                by_day[hour / 24] += 1;
                by_hour[hour % 24] += 1;
            }
        }
    }
    // The first of October 2026 is a Thursday.
    let mean = |wanted: &dyn Fn(usize) -> bool| {
        let days: Vec<u64> = (0..31).filter(|day| wanted(*day)).map(|day| by_day[day]).collect();
        days.iter().sum::<u64>() / days.len() as u64
    };
    let (work, sunday) = (mean(&|day| !matches!((day + 4) % 7, 0 | 6)), mean(&|day| (day + 4) % 7 == 0));
    assert!(work > 3 * sunday, "{work} flows on workdays, {sunday} on Sundays");
    assert!(by_hour[11] > 5 * by_hour[3] && by_hour[15] > 2 * by_hour[20], "{by_hour:?}");
    let loud = nights.iter().filter(|octets| **octets > 20_000_000_000).count();
    assert_eq!(loud, 10, "{nights:?}");

    let truth = play.truth();
    assert!((400_000..550_000).contains(&truth.total.flows), "{:?}", truth.total);
    assert!((1_500_000_000_000..3_500_000_000_000).contains(&truth.total.octets), "{:?}", truth.total);
    let used = truth.hosts[&one];
    let percent = (used.inward.octets + used.outward.octets) * 100 / truth.total.octets;
    assert!((33..47).contains(&percent), "the offender has {percent} %");
}

#[test]
fn any_span_will_do() {
    for ms in [0, 1, 999, 30_000, HOUR_MS - 1, HOUR_MS, 25 * HOUR_MS + 7] {
        let (datagrams, truth) = play(&Office::month(9, FROM_MS + 3..FROM_MS + 3 + ms, |_| 0, 100));
        let (seen, _) = decode_all(&datagrams);
        assert_eq!(seen.len() as u64, truth.total.flows);
        assert!(datagrams.iter().all(|d| (FROM_MS + 3..FROM_MS + 3 + ms).contains(&d.at_ms)), "{ms} ms");
    }
    let (_, truth) = play(&Office::month(9, FROM_MS..FROM_MS + DAY_MS, |_| 0, 0));
    assert_eq!(truth.total, Figures::default());
}

#[test]
fn the_configuration_names_who_is_there() {
    let (_, truth) = quarter();
    let config: toml::Table = config_toml("/var/tmp/office", "Europe/Berlin").parse().unwrap();
    let list = |table: &str, key: &str| -> Vec<String> {
        let tables = config[table].as_array().unwrap();
        tables.iter().map(|entry| entry[key].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(list("tenant", "name"), truth.tenants.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    assert_eq!(list("exporter", "name"), truth.sent.iter().map(|sent| sent.exporter).collect::<Vec<_>>());
    let addresses: Vec<IpAddr> = list("exporter", "address").iter().map(|a| a.parse().unwrap()).collect();
    assert_eq!(addresses, truth.sent.iter().map(|sent| sent.address).collect::<Vec<_>>());
}
