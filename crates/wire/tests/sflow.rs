//! Real sFlow captures against what sflowtool and Wireshark say they hold: flow samples, their frames' octets,
//! those octets times the sampling interval, IP octets, counter samples.
//!
//! The captures are not part of the repository; without them the test says so and passes.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod truth;

use std::collections::BTreeSet;
use std::fmt;
use truth::Truth;
use weir_wire::packet::dissect;
use weir_wire::sflow::{Datagram, FlowRecord, FlowSample, Sample};
use weir_wire::{Reason, file};

/// Rows in which we differ from the agreed figures, with ours and who is right.
const DIFFERENCES: [(&str, &str, &str); 2] = [
    (
        "sflow5-tcpdump-malformed-segv.pcap",
        "datagrams=0 flows=0/0B scaled=0 counters=0 others=0 IPSize=0",
        "we are right: its UDP datagram has 8 octets, and the header alone needs 28; what others read behind \
         them is not the datagram's",
    ),
    (
        "sflow5-vflow.pcap",
        "datagrams=2 flows=10/13150B scaled=31596544 counters=0 others=0 IPSize=12950",
        "we are right: the total lengths of the ten IPv4 headers sum to 12950; 8606 are those of the seven \
         samples up to which sflowtool came",
    ),
];

/// What is wrong in the captures, in the order met. All others must have no problem at all.
const PROBLEMS: [(&str, &[Reason], &str); 3] = [
    (
        "sflow5-tcpdump-counters-30pdu.pcap",
        &[Reason::BadVersion; 5],
        "five datagrams that are no sFlow: they begin 00 05 00 01, as NetFlow version 5 does",
    ),
    ("sflow5-tcpdump-malformed-segv.pcap", &[Reason::Truncated], "a datagram of 8 octets"),
    (
        "sflow5-gopacket-records.pcap",
        &[
            Reason::BadLength,
            Reason::CountMismatch,
            Reason::BadLength,
            Reason::CountMismatch,
            Reason::SampleOverrun,
        ],
        "samples cut out of others by hand: two router records longer than their samples, whose ends lie behind \
         them, and a counter sample that claims 116 octets of 76",
    ),
];

/// The figures of one capture.
#[derive(Default)]
struct Figures {
    datagrams: u32,
    flows: u32,
    frame_octets: u64,
    scaled_octets: u64,
    ip_octets: u64,
    counters: u32,
    others: u32,
    intervals: BTreeSet<u32>,
    problems: Vec<Reason>,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { datagrams, flows, frame_octets, scaled_octets, counters, others, ip_octets, .. } = self;
        write!(f, "datagrams={datagrams} flows={flows}/{frame_octets}B scaled={scaled_octets} ")?;
        write!(f, "counters={counters} others={others} IPSize={ip_octets}")
    }
}

impl Figures {
    fn of(capture: &[u8]) -> Self {
        let mut figures = Self::default();
        for frame in file::frames(capture) {
            let frame = frame.unwrap();
            figures.datagram(dissect(frame.link, frame.bytes).payload);
        }
        figures
    }

    fn datagram(&mut self, payload: &[u8]) {
        let datagram = match Datagram::new_checked(payload) {
            Ok(datagram) => datagram,
            Err(error) => return self.problems.push(error.reason),
        };
        self.datagrams += 1;
        for sample in datagram.samples() {
            match sample {
                Ok(Sample::Flow(flow)) => self.flow(&flow),
                Ok(Sample::Counter(counter)) => {
                    self.counters += 1;
                    self.problems.extend(counter.records().filter_map(Result::err).map(|error| error.reason));
                }
                Ok(Sample::Other { .. }) => self.others += 1,
                Err(error) => self.problems.push(error.reason),
            }
        }
    }

    fn flow(&mut self, flow: &FlowSample<'_>) {
        self.flows += 1;
        let interval = flow.header.sampling_interval.map_or(0, std::num::NonZeroU32::get);
        self.intervals.insert(interval);
        for record in flow.records() {
            match record {
                Ok(FlowRecord::RawHeader(raw)) => {
                    self.frame_octets += u64::from(raw.frame_length);
                    self.scaled_octets += u64::from(raw.frame_length) * u64::from(interval);
                    self.ip_octets += u64::from(raw.ip_octets().unwrap_or_default());
                }
                Ok(_) => {}
                Err(error) => self.problems.push(error.reason),
            }
        }
    }
}

/// The figures of a row of the truth.
fn expected(row: &Truth) -> String {
    let note = |name: &str| {
        let cell = row.cell("other_counters").split(';').find_map(|part| part.strip_prefix(name));
        cell.unwrap_or_default().to_owned()
    };
    format!(
        "datagrams={} flows={}/{}B {} {} others={} IPSize={}",
        row.cell("datagrams"),
        row.cell("flow_records"),
        row.cell("bytes_total"),
        row.cell("packets_total"),
        row.cell("option_records"),
        note("other_samples="),
        note("IPSize="),
    )
}

#[test]
fn captures_hold_what_others_say() {
    let Some(folder) = truth::folder("captures_hold_what_others_say") else { return };
    let (mut compared, mut wrong) = (0, Vec::new());
    for row in truth::rows(&folder).iter().filter(|row| row.name().starts_with("sflow5-")) {
        let figures = Figures::of(&std::fs::read(folder.join(row.name())).unwrap());
        let (ours, theirs) = (figures.to_string(), expected(row));
        let listed = PROBLEMS.iter().find(|(name, ..)| *name == row.name());
        let (problems, why) = listed.map_or((&[][..], "none"), |(_, problems, why)| (*problems, *why));
        if figures.problems != problems {
            wrong.push(format!("{}: problems {:?}, listed: {why}", row.name(), figures.problems));
        }
        let intervals: Vec<_> = figures.intervals.iter().collect();
        if figures.datagrams > 0 && !row.cell("other_counters").contains(&format!("rates={intervals:?};")) {
            wrong.push(format!("{}: sampling intervals {intervals:?}", row.name()));
        }
        match DIFFERENCES.iter().find(|(name, ..)| *name == row.name()) {
            Some((name, listed, why)) => {
                println!("DIFFERS {name}: {ours}, others {theirs}: {why}");
                if ours != *listed {
                    wrong.push(format!("{name}: {ours}, listed as {listed}"));
                }
            }
            None if ours == theirs => compared += 1,
            None => wrong.push(format!("{}: {ours}, others {theirs}", row.name())),
        }
    }
    println!("{compared} captures agree");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert_eq!(compared, 7);
}
