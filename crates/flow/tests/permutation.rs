//! Ten thousand datagrams through a network that loses, doubles and delays them, with the true answer known: rows are
//! exactly the records of the datagrams that arrived, each once; what was lost is counted to the record where the
//! exporter numbers records, to the datagram where it numbers datagrams; no reorder is a loss and nothing is a restart
//! but a restart. Sequence numbers and uptimes wrap on the way, and no flow moves.
//!
//! The datagrams are written here, octet by octet, not by the emitters.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use weir_flow::schema::Column;
use weir_flow::session::{Arrival, Sessions, Settings};
use weir_flow::{Addr, Batch};

/// When the first datagram is sent, ms since 1970.
const T0: i64 = 1_767_225_600_000;
/// Between datagrams, ms.
const STEP_MS: i64 = 100;
const DATAGRAMS: usize = 10_000;
/// So many at the beginning, and around a restart, arrive as they were sent: what an exporter counts is learned from
/// them, and what is lost at a restart itself nobody can know.
const CLEAN: usize = 20;

/// Who numbers what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exporter {
    /// Records.
    V5,
    /// Datagrams, as RFC 3954 says.
    V9,
    /// Records, as some do.
    V9ByRecord,
    /// Records.
    Ipfix,
    /// Datagrams.
    Sflow,
}

const ALL: [Exporter; 5] =
    [Exporter::V5, Exporter::V9, Exporter::V9ByRecord, Exporter::Ipfix, Exporter::Sflow];

/// splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ z >> 31) % end
    }

    fn pick(&mut self, end: u64) -> usize {
        usize::try_from(self.below(end)).unwrap()
    }
}

/// A datagram as it was sent.
struct Datagram {
    payload: Vec<u8>,
    sent_ms: i64,
    records: usize,
    /// The octets of its first record; each further one has one more. No two records have the same.
    first_octets: u32,
}

/// What happens to the exporter and to its datagrams.
#[derive(Debug, Clone, Copy)]
struct Story {
    exporter: Exporter,
    seed: u64,
    /// The first sequence number.
    sequence: u32,
    /// Its uptime at the first datagram, ms.
    uptime: u32,
    /// It is restarted before this datagram.
    restart: Option<usize>,
}

impl Story {
    fn counts_records(&self) -> bool {
        matches!(self.exporter, Exporter::V5 | Exporter::V9ByRecord | Exporter::Ipfix)
    }

    /// Everything that is sent.
    fn sent(&self) -> Vec<Datagram> {
        let mut random = Random(self.seed);
        let (mut sequence, mut octets) = (self.sequence, 100);
        let mut out = Vec::new();
        for i in 0..DATAGRAMS {
            let records = 1 + random.pick(if self.exporter == Exporter::Sflow { 7 } else { 24 });
            let ms = STEP_MS * i64::try_from(i).unwrap();
            let mut uptime = self.uptime.wrapping_add(u32::try_from(ms).unwrap());
            if let Some(restart) = self.restart.filter(|restart| i >= *restart) {
                sequence = if i == restart { 0 } else { sequence };
                uptime = 5_000 + u32::try_from((i - restart) * 100).unwrap();
            }
            let has_template = i % 500 == 0 || Some(i) == self.restart;
            let message = Message { sequence, uptime, sent_ms: T0 + ms, records, octets, has_template };
            out.push(Datagram {
                payload: message.write(self.exporter),
                sent_ms: T0 + ms,
                records,
                first_octets: octets,
            });
            octets += u32::try_from(records).unwrap();
            let step = if self.counts_records() { u32::try_from(records).unwrap() } else { 1 };
            sequence = sequence.wrapping_add(step);
        }
        out
    }

    /// The places of the datagrams that arrive, in the order they do.
    fn arrivals(&self) -> Vec<usize> {
        let mut random = Random(self.seed ^ 0xffff);
        let mut out: Vec<(usize, usize)> = Vec::new();
        for i in 0..DATAGRAMS {
            let after_restart = self.restart.is_some_and(|r| i + 2 * CLEAN >= r && i < r + CLEAN);
            if i < CLEAN || i + CLEAN >= DATAGRAMS || after_restart {
                out.push((i * 100, i));
                continue;
            }
            match random.below(100) {
                0..3 => {}
                // Up to sixteen others overtake it.
                3..9 => out.push((i * 100 + 50 + random.pick(1600), i)),
                9..11 => {
                    out.push((i * 100, i));
                    out.push((i * 100 + 50 + random.pick(1600), i));
                }
                _ => out.push((i * 100, i)),
            }
        }
        out.sort_unstable();
        out.into_iter().map(|(_, i)| i).collect()
    }
}

/// What a datagram holds.
struct Message {
    sequence: u32,
    uptime: u32,
    sent_ms: i64,
    records: usize,
    octets: u32,
    has_template: bool,
}

impl Message {
    fn write(&self, exporter: Exporter) -> Vec<u8> {
        match exporter {
            Exporter::V5 => self.v5(),
            Exporter::V9 | Exporter::V9ByRecord => self.templated(9),
            Exporter::Ipfix => self.templated(10),
            Exporter::Sflow => self.sflow(),
        }
    }

    fn seconds(&self) -> [u8; 4] {
        u32::try_from(self.sent_ms / 1000).unwrap().to_be_bytes()
    }

    /// First and last packet: 20 s and 3 s before the datagram.
    fn uptimes(&self) -> [[u8; 4]; 2] {
        [20_000, 3_000].map(|before| self.uptime.wrapping_sub(before).to_be_bytes())
    }

    fn octets(&self) -> impl Iterator<Item = u32> + use<> {
        let first = self.octets;
        (0..u32::try_from(self.records).unwrap()).map(move |i| first + i)
    }

    fn v5(&self) -> Vec<u8> {
        let nanoseconds = u32::try_from(self.sent_ms % 1000 * 1_000_000).unwrap();
        let mut out = vec![0, 5, 0, u8::try_from(self.records).unwrap()];
        out.extend([self.uptime.to_be_bytes(), self.seconds(), nanoseconds.to_be_bytes()].concat());
        out.extend(self.sequence.to_be_bytes());
        out.extend([0; 4]);
        let [first, last] = self.uptimes();
        for octets in self.octets() {
            out.extend([10, 0, 0, 1, 10, 0, 0, 2, 0, 0, 0, 0, 0, 1, 0, 2, 0, 0, 0, 1]);
            out.extend([octets.to_be_bytes(), first, last].concat());
            out.extend([0, 80, 1, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        }
        out
    }

    fn templated(&self, version: u8) -> Vec<u8> {
        let mut out = vec![0, version, 0, 1];
        if version == 9 {
            out.extend(self.uptime.to_be_bytes());
        }
        out.extend([self.seconds(), self.sequence.to_be_bytes(), [0, 0, 0, 7]].concat());
        // Addresses, octets, then the times: uptimes in version 9, milliseconds in IPFIX.
        let (set, times): (u8, [u8; 8]) = match version {
            9 => (0, [0, 22, 0, 4, 0, 21, 0, 4]),
            _ => (2, [0, 152, 0, 8, 0, 153, 0, 8]),
        };
        if self.has_template {
            out.extend([0, set, 0, 28, 1, 0, 0, 5, 0, 8, 0, 4, 0, 12, 0, 4, 0, 1, 0, 4]);
            out.extend(times);
        }
        let record_len = if version == 9 { 20 } else { 28 };
        let length = u16::try_from(4 + record_len * self.records).unwrap();
        out.extend([1, 0]);
        out.extend(length.to_be_bytes());
        for octets in self.octets() {
            out.extend([10, 0, 0, 1, 10, 0, 0, 2]);
            out.extend(octets.to_be_bytes());
            if version == 9 {
                out.extend(self.uptimes().concat());
            } else {
                out.extend([20_000, 3_000].map(|before| (self.sent_ms - before).to_be_bytes()).concat());
            }
        }
        if version == 10 {
            let length = u16::try_from(out.len()).unwrap().to_be_bytes();
            out[2..4].copy_from_slice(&length);
        }
        out
    }

    /// Samples of IPv4 headers, whose total length is too short for all the octets: the agent's own length is taken.
    fn sflow(&self) -> Vec<u8> {
        let mut out = vec![0, 0, 0, 5, 0, 0, 0, 1, 192, 0, 2, 9, 0, 0, 0, 0];
        let records = u32::try_from(self.records).unwrap();
        out.extend([self.sequence, self.uptime, records].map(u32::to_be_bytes).concat());
        for octets in self.octets() {
            // A flow sample of one record: sampled IPv4.
            out.extend(
                [1u32, 32 + 8 + 32, octets, 3, 1, 9, 0, 3, 4, 1, 3, 32].map(u32::to_be_bytes).concat(),
            );
            out.extend([octets, 17].map(u32::to_be_bytes).concat());
            out.extend([10, 0, 0, 1, 10, 0, 0, 2]);
            out.extend([80u32, 81, 0, 0].map(u32::to_be_bytes).concat());
        }
        out
    }
}

/// What is true.
#[derive(Debug, Default, PartialEq, Eq)]
struct Truth {
    records: i64,
    records_lost: i64,
    datagrams_lost: i64,
    duplicates: i64,
    reordered: i64,
    restarts: i64,
}

fn truth(sent: &[Datagram], arrivals: &[usize]) -> Truth {
    let mut truth = Truth::default();
    let mut seen = vec![false; sent.len()];
    let mut newest = 0;
    for at in arrivals {
        if std::mem::replace(&mut seen[*at], true) {
            truth.duplicates += 1;
            continue;
        }
        // A datagram is late if one that was sent after it has arrived.
        truth.reordered += i64::from(*at < newest);
        newest = newest.max(*at);
    }
    for (datagram, seen) in sent.iter().zip(seen) {
        let records = i64::try_from(datagram.records).unwrap();
        let (here, lost) = if seen { (records, 0) } else { (0, records) };
        truth.records += here;
        truth.records_lost += lost;
        truth.datagrams_lost += i64::from(lost > 0);
    }
    truth
}

/// Plays a story and checks what came of it.
fn play(story: Story) {
    let (sent, arrivals) = (story.sent(), story.arrivals());
    let mut expected = truth(&sent, &arrivals);
    expected.restarts = i64::from(story.restart.is_some());
    let mut sessions = Sessions::new(Settings::default());
    let (mut batch, mut all) = (Batch::new(), Batch::new());
    let mut clock = 0;
    for (i, at) in arrivals.iter().enumerate() {
        let datagram = &sent[*at];
        clock = clock.max(datagram.sent_ms + 5);
        let arrival =
            Arrival { received: clock, from: Addr::v4([192, 0, 2, 1]), port: 9, payload: &datagram.payload };
        assert_eq!(sessions.ingest(&arrival, &mut batch), None, "{story:?} {at}");
        // Batches leave at moments that mean nothing.
        if i % 97 == 0 {
            sessions.finish(&mut batch);
            keep(&mut all, &mut batch);
        }
    }
    sessions.conclude(&mut batch);
    sessions.finish(&mut batch);
    keep(&mut all, &mut batch);
    let count = |what: &str| all.health.iter().filter(|row| row.what == what).map(|row| row.value).sum();
    let mut found = Truth {
        records: count("records"),
        records_lost: count("records_lost"),
        datagrams_lost: count("datagrams_lost"),
        duplicates: count("duplicate_datagrams"),
        reordered: count("reordered"),
        restarts: count("restarts"),
    };
    // What is not numbered is estimated from what was usual lately: within a sixth.
    let estimate = |found: &mut i64, truth: i64| {
        assert!((*found - truth).abs() * 6 <= truth.max(6), "{story:?}: {found} estimated, {truth} true");
        *found = truth;
    };
    if story.counts_records() {
        estimate(&mut found.datagrams_lost, expected.datagrams_lost);
    } else {
        estimate(&mut found.records_lost, expected.records_lost);
    }
    assert_eq!(found, expected, "{story:?}");
    check_rows(story, &all, &sent, &arrivals);
}

fn keep(all: &mut Batch, batch: &mut Batch) {
    all.append(batch);
    batch.clear();
}

/// Every record that arrived is there once, at its time.
fn check_rows(story: Story, all: &Batch, sent: &[Datagram], arrivals: &[usize]) {
    let mut found: Vec<(u64, i64, i64)> = (0..all.len())
        .map(|row| {
            let start = all.times(Column::Start)[row];
            (all.u64s(Column::MeasuredOctets)[row], start, all.times(Column::End)[row])
        })
        .collect();
    found.sort_unstable();
    let mut arrived = arrivals.to_vec();
    arrived.sort_unstable();
    arrived.dedup();
    let mut expected = Vec::new();
    for at in arrived {
        let datagram = &sent[at];
        // Version 9 says its own time in whole seconds, sFlow not at all.
        let base = match story.exporter {
            Exporter::V5 | Exporter::Ipfix => datagram.sent_ms,
            Exporter::V9 | Exporter::V9ByRecord => datagram.sent_ms / 1000 * 1000,
            Exporter::Sflow => 0,
        };
        for i in 0..u32::try_from(datagram.records).unwrap() {
            let octets = u64::from(datagram.first_octets + i);
            expected.push((octets, base - 20_000, base - 3_000));
        }
    }
    if story.exporter == Exporter::Sflow {
        let octets = |rows: &[(u64, i64, i64)]| rows.iter().map(|row| row.0).collect::<Vec<_>>();
        assert_eq!(octets(&found), octets(&expected), "{story:?}");
    } else {
        assert_eq!(found, expected, "{story:?}");
    }
}

#[test]
fn losses_duplicates_and_reorders_have_their_true_numbers() {
    for exporter in ALL {
        for seed in 1..=6 {
            play(Story { exporter, seed, sequence: 1000, uptime: 86_400_000, restart: None });
        }
    }
}

#[test]
fn the_sequence_wraps() {
    for exporter in ALL {
        // After about 4,000 datagrams, or as many of 12 records.
        for sequence in [u32::MAX - 4_000, u32::MAX - 50_000] {
            play(Story { exporter, seed: 7, sequence, uptime: 86_400_000, restart: None });
        }
    }
}

#[test]
fn the_uptime_wraps_and_no_flow_moves() {
    for exporter in ALL {
        play(Story { exporter, seed: 8, sequence: 0, uptime: u32::MAX - 500_000, restart: None });
        // At the very first datagrams, whose flows began before the wrap.
        play(Story { exporter, seed: 9, sequence: 0, uptime: 1_000, restart: None });
    }
}

#[test]
fn a_restart_is_one_restart_and_no_loss() {
    for exporter in ALL {
        for seed in 10..=13 {
            play(Story { exporter, seed, sequence: 777, uptime: 86_400_000, restart: Some(5_000) });
        }
    }
}
