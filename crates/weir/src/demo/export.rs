//! The exporters: when their datagrams leave, in which order, and which of them get lost.
//!
//! A record waits until a datagram is full or half a minute has passed. Templates are repeated every ten minutes
//! whether there is traffic or not. What an exporter sends is counted in its sequence numbers in its protocol's
//! own unit, also in the one outage, when datagrams are sent and do not arrive.

use super::flow::{Flow, Meter};
use super::format::{self, Format, Moment};
use super::truth::{Lost, Sent, Truth};
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use weir_wire::Error;

/// A record waits no longer than this for others to travel with.
const WAIT_MS: i64 = 30_000;
/// Templates are sent again after this.
const TEMPLATES_MS: i64 = 600_000;

/// What arrives at a collector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Datagram {
    /// When it arrives, ms since 1970.
    pub(crate) at_ms: i64,
    /// From whom.
    pub(crate) from: IpAddr,
    /// From which port.
    pub(crate) port: u16,
    /// The export message.
    pub(crate) payload: Vec<u8>,
}

/// An exporter as the configuration knows it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plate {
    pub(super) name: &'static str,
    pub(super) what: &'static str,
    pub(super) address: IpAddr,
    port: u16,
    format: Format,
    domain: u32,
    /// How long a datagram is on its way.
    travel_ms: i64,
}

const fn mgmt(number: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(192, 168, 255, number))
}

/// The exporters, in the order of [`Meter`].
pub(super) static PLATES: [Plate; 3] = [
    Plate {
        name: "core",
        what: "the router: NetFlow v9, address translation, two providers",
        address: mgmt(1),
        port: 50_101,
        format: Format::V9,
        domain: 0,
        travel_ms: 2,
    },
    Plate {
        name: "dmz",
        what: "the firewall: IPFIX, the servers, and traffic from tenant to tenant",
        address: mgmt(2),
        port: 4_739,
        format: Format::Ipfix,
        domain: 1,
        travel_ms: 4,
    },
    Plate {
        name: "switch1",
        what: "an old switch on the first floor: NetFlow v5",
        address: mgmt(11),
        port: 1_035,
        format: Format::V5,
        domain: 0,
        travel_ms: 7,
    },
];

/// When things happen to the exporters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fate {
    /// When each started, ms since 1970.
    pub(super) boot_ms: [i64; 3],
    /// From when on datagrams of the firewall get lost, and how many.
    pub(super) outage_ms: i64,
    pub(super) outage_datagrams: u64,
}

/// One exporter at work.
#[derive(Debug)]
struct Line {
    plate: Plate,
    boot_ms: i64,
    /// In the protocol's own unit.
    sequence: u32,
    waiting: Vec<Flow>,
    /// When the records that wait must leave.
    flush_ms: Option<i64>,
    templates_ms: Option<i64>,
    outage: Option<(i64, u64)>,
    sent: Sent,
}

/// All exporters, and the way from them to the collector.
#[derive(Debug)]
pub(super) struct Export {
    lines: [Line; 3],
    /// Datagrams that were not yet handed out.
    pub(super) ready: VecDeque<Datagram>,
    /// The last datagram's arrival.
    arrived_ms: i64,
    pub(super) truth: Truth,
}

impl Export {
    /// Exporters that begin at `from_ms`, with their templates.
    pub(super) fn new(from_ms: i64, fate: &Fate) -> Self {
        let lines = std::array::from_fn(|at| Line::new(at, from_ms, fate));
        Self { lines, ready: VecDeque::new(), arrived_ms: from_ms, truth: Truth::new() }
    }

    /// Takes a record that leaves its exporter's cache. They must come in the order of their export.
    pub(super) fn take(&mut self, flow: Flow) -> Result<(), Error> {
        self.advance(flow.export_ms)?;
        let line = match flow.meter {
            Meter::Core => 0,
            Meter::Dmz => 1,
            Meter::Switch => 2,
        };
        if !self.lines[line].has_room(&flow) {
            self.send(line, flow.export_ms)?;
        }
        let line = &mut self.lines[line];
        line.flush_ms.get_or_insert(flow.export_ms + WAIT_MS);
        line.waiting.push(flow);
        Ok(())
    }

    /// Lets happen what is due before or at `now_ms`.
    pub(super) fn advance(&mut self, now_ms: i64) -> Result<(), Error> {
        loop {
            let due = |line: &Line| line.templates_ms.into_iter().chain(line.flush_ms).min();
            let next = (0..self.lines.len()).filter_map(|at| Some((due(&self.lines[at])?, at))).min();
            match next {
                Some((at_ms, line)) if at_ms <= now_ms => {
                    if self.lines[line].templates_ms == Some(at_ms) {
                        self.send_templates(line, at_ms)?;
                    } else {
                        self.send(line, at_ms)?;
                    }
                }
                _ => return Ok(()),
            }
        }
    }

    /// Sends what still waits, at the end of all.
    pub(super) fn finish(&mut self, now_ms: i64) -> Result<(), Error> {
        self.advance(now_ms)?;
        for line in 0..self.lines.len() {
            self.send(line, now_ms)?;
            self.lines[line].templates_ms = None;
            self.truth.sent.push(self.lines[line].sent.clone());
        }
        Ok(())
    }

    fn send_templates(&mut self, at: usize, now_ms: i64) -> Result<(), Error> {
        let line = &mut self.lines[at];
        line.templates_ms = Some(now_ms + TEMPLATES_MS);
        let Some(payload) = format::templates(line.plate.format, &line.moment(now_ms))? else {
            return Ok(());
        };
        line.count(format::OPTIONS_RECORDS);
        if line.is_lost(now_ms) {
            self.lose(at, now_ms, format::OPTIONS_RECORDS);
            return Ok(());
        }
        line.sent.templates += format::TEMPLATES;
        line.sent.options_records += u64::from(format::OPTIONS_RECORDS);
        self.hand_out(at, now_ms, payload);
        Ok(())
    }

    /// Sends the records that wait, if there are any.
    fn send(&mut self, at: usize, now_ms: i64) -> Result<(), Error> {
        let line = &mut self.lines[at];
        line.flush_ms = None;
        if line.waiting.is_empty() {
            return Ok(());
        }
        let payload = format::records(line.plate.format, &line.moment(now_ms), &line.waiting)?;
        let flows = std::mem::take(&mut line.waiting);
        let records = u32::try_from(flows.len()).unwrap_or(u32::MAX);
        line.count(records);
        if line.is_lost(now_ms) {
            self.lose(at, now_ms, records);
            for flow in &flows {
                self.truth.lost.flows += flow.figures();
            }
            return Ok(());
        }
        for flow in &flows {
            line.sent.flows += flow.figures();
            self.truth.count(flow);
        }
        self.hand_out(at, now_ms, payload);
        Ok(())
    }

    fn hand_out(&mut self, at: usize, now_ms: i64, payload: Vec<u8>) {
        let line = &mut self.lines[at];
        line.sent.datagrams += 1;
        let Plate { address: from, port, travel_ms, .. } = line.plate;
        // Exporters that send in the same second do not overtake each other.
        self.arrived_ms = self.arrived_ms.max(now_ms + travel_ms);
        self.ready.push_back(Datagram { at_ms: self.arrived_ms, from, port, payload });
    }

    fn lose(&mut self, at: usize, now_ms: i64, records: u32) {
        let lost = &mut self.truth.lost;
        if lost.datagrams == 0 {
            *lost = Lost { exporter: self.lines[at].plate.name, first_ms: now_ms, ..Lost::default() };
        }
        lost.last_ms = now_ms;
        lost.datagrams += 1;
        lost.records += u64::from(records);
    }
}

impl Line {
    fn new(at: usize, from_ms: i64, fate: &Fate) -> Self {
        let plate = PLATES[at];
        let sent = Sent {
            exporter: plate.name,
            address: plate.address,
            datagrams: 0,
            templates: 0,
            options_records: 0,
            flows: super::truth::Figures::default(),
        };
        Self {
            plate,
            boot_ms: fate.boot_ms[at],
            // They have been at it for a while.
            sequence: 1_000_000 * (1 + u32::try_from(at).unwrap_or_default()),
            waiting: Vec::new(),
            flush_ms: None,
            templates_ms: (plate.format != Format::V5).then_some(from_ms),
            outage: (plate.format == Format::Ipfix).then_some((fate.outage_ms, fate.outage_datagrams)),
            sent,
        }
    }

    fn has_room(&self, flow: &Flow) -> bool {
        self.plate.format.has_room(&self.waiting, flow)
    }

    fn moment(&self, now_ms: i64) -> Moment {
        let Self { boot_ms, sequence, .. } = *self;
        Moment { now_ms, boot_ms, sequence, domain: self.plate.domain }
    }

    /// Counts a datagram with so many data records as sent: v9 counts datagrams, v5 and IPFIX records.
    fn count(&mut self, records: u32) {
        let units = if self.plate.format == Format::V9 { 1 } else { records };
        self.sequence = self.sequence.wrapping_add(units);
    }

    /// Whether a datagram sent now gets lost.
    fn is_lost(&mut self, now_ms: i64) -> bool {
        match &mut self.outage {
            Some((from_ms, left)) if now_ms >= *from_ms && *left > 0 => {
                *left -= 1;
                true
            }
            _ => false,
        }
    }
}
