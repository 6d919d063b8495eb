//! Exporters: routers, switches and probes of all six protocols, each with its clock, its numbers and its quirks.
//!
//! | file | what it writes |
//! |---|---|
//! | `legacy` | the fixed records of v1, v5 and v7 |
//! | `layout` | templates, and records of them |
//! | `templated` | v9 and IPFIX: templates before, with or after their data, redefined, with options |
//! | `sampled` | sFlow: the headers of sampled packets |

mod layout;
mod legacy;
mod sampled;
mod templated;

use crate::chance::Dice;
use crate::message::{Message, Number, SessionId};
use crate::town::{self, Town};
use std::rc::Rc;
use templated::Templated;
use weir_account::attribution::Count;
use weir_flow::Addr;
use weir_wire::{Error, Protocol};

/// Octets of a datagram: what fits into an Ethernet frame.
const DATAGRAM_LEN_MAX: usize = 1400;
/// Milliseconds in which a 32-bit uptime wraps.
const WRAP_MS: i64 = 1 << 32;
/// What an exporter takes for now whose clock was never set, less the time of the world: minutes after 1970.
const NEVER_SET_MS: i64 = 600_000;

/// One exporter.
#[derive(Debug)]
pub(crate) struct Exporter {
    pub(crate) address: Addr,
    pub(crate) protocol: Protocol,
    /// Which of its records are accounted.
    pub(crate) rule: Count,
    port: u16,
    /// Its clock less the world's, ms.
    skew_ms: i64,
    /// Whether its clock says nonsense.
    is_unset: bool,
    /// When it started, by its own clock.
    boot_ms: i64,
    life: u32,
    /// Whether its uptime or its numbers are about to wrap. Then it is not restarted: of a number that goes
    /// back to 0 near a wrap nobody could tell which it was.
    wraps: bool,
    lanes: Vec<Lane>,
}

/// One observation domain.
#[derive(Debug)]
struct Lane {
    domain: u32,
    /// The number of the next datagram.
    next: u32,
    order: u64,
    start: u64,
    /// The sampling interval; 0 says nothing of it.
    interval: u32,
    templated: Option<Templated>,
}

/// What an emission needs of its exporter.
#[derive(Debug, Clone, Copy)]
struct Moment<'a> {
    town: &'a Town,
    rule: &'a Count,
    /// By the exporter's clock.
    now_ms: i64,
    boot_ms: i64,
    is_unset: bool,
}

impl Moment<'_> {
    /// Milliseconds since the start, as 32 bits hold them.
    fn uptime(&self, at_ms: i64) -> u32 {
        u32::try_from((at_ms - self.boot_ms).rem_euclid(WRAP_MS)).unwrap_or_default()
    }

    fn seconds(&self) -> u32 {
        u32::try_from(self.now_ms.div_euclid(1000)).unwrap_or_default()
    }

    fn nanoseconds(&self) -> u32 {
        u32::try_from(self.now_ms.rem_euclid(1000)).unwrap_or_default() * 1_000_000
    }

    /// The start and end that are to be understood, and whether there is reason to doubt them.
    fn times(&self, flow: &crate::traffic::Flow) -> (Option<(i64, i64)>, bool) {
        if self.is_unset { (None, true) } else { (Some((flow.start_ms, flow.end_ms)), false) }
    }
}

impl Exporter {
    /// The exporter of this number, switched on some time before `now_ms`.
    pub(crate) fn new(number: u8, protocol: Protocol, now_ms: i64, dice: &mut Dice) -> Self {
        let wraps = dice.percent(30);
        let is_unset = dice.percent(8) && protocol != Protocol::SflowV5;
        // Some clocks show the time of another zone.
        let off: i64 = dice.pick([20_000, 20_000, 20_000, 36_000_000]);
        let skew_ms = if is_unset {
            NEVER_SET_MS - now_ms
        } else {
            dice.between::<i64>(0, off.unsigned_abs() * 2) - off
        };
        let uptime_ms = if wraps {
            WRAP_MS * dice.between::<i64>(1, 2) - dice.between::<i64>(0, 2_000_000)
        } else {
            dice.between(3_600_000, 100_000_000)
        };
        let numbers =
            if wraps { (u64::from(u32::MAX) - 400, u64::from(u32::MAX)) } else { (1 << 20, 1 << 30) };
        let lanes = dice.between(
            1,
            if protocol == Protocol::NetflowV1 || protocol == Protocol::NetflowV7 { 1 } else { 2 },
        );
        let lane = |domain: u32, dice: &mut Dice| Lane {
            domain: if protocol == Protocol::NetflowV1 || protocol == Protocol::NetflowV7 {
                0
            } else {
                7 + domain
            },
            next: dice.between(numbers.0, numbers.1),
            order: 0,
            start: 0,
            interval: dice.pick([0, 1, 1, 10, 100]),
            templated: Templated::of(protocol, dice),
        };
        let v6 = dice.percent(20);
        let address = if v6 {
            Addr::v6([0xfd, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, number])
        } else {
            Addr::v4([192, 0, 2, number])
        };
        Self {
            address,
            protocol,
            rule: town::rule(dice),
            port: dice.between(1024, 65_000),
            skew_ms,
            is_unset,
            boot_ms: now_ms + skew_ms - uptime_ms,
            life: 0,
            wraps,
            lanes: (0..lanes).map(|domain| lane(domain, dice)).collect(),
        }
    }

    /// Somebody who sends in this one's name, from another port: of what is accounted nobody can tell the two apart,
    /// but of what sessions know.
    pub(crate) fn forged(&self, now_ms: i64, dice: &mut Dice) -> Self {
        let forger = Self::new(0, self.protocol, now_ms, dice);
        Self { address: self.address, rule: self.rule.clone(), port: self.port + 500, ..forger }
    }

    /// Whether it is one that is restarted.
    pub(crate) fn restarts(&self) -> bool {
        !self.wraps
    }

    /// How long it has been running, ms.
    pub(crate) fn uptime_ms(&self, now_ms: i64) -> i64 {
        now_ms + self.skew_ms - self.boot_ms
    }

    /// It is switched off and on: numbers and uptime begin anew. Some come back at another port.
    pub(crate) fn restart(&mut self, now_ms: i64, dice: &mut Dice) {
        self.life += 1;
        self.boot_ms = now_ms + self.skew_ms;
        let moves = dice.percent(30);
        if moves {
            self.port = self.port.wrapping_add(1).max(1024);
        }
        for lane in &mut self.lanes {
            (lane.next, lane.order, lane.start) = (0, 0, 0);
            if let Some(templated) = &mut lane.templated {
                templated.forget_announcing(moves, dice);
            }
        }
    }

    /// The sessions with templates, and the ids that each has defined.
    pub(crate) fn templates(&self) -> impl Iterator<Item = (SessionId, Vec<u16>)> {
        self.lanes.iter().filter_map(|lane| Some((self.session(lane.domain), lane.templated.as_ref()?.ids())))
    }

    /// Gives every template another layout, and sends them at once. Nobody may be waiting for the old ones.
    pub(crate) fn redefine(
        &mut self,
        town: &Town,
        now_ms: i64,
        dice: &mut Dice,
    ) -> Result<Vec<Rc<Message>>, Error> {
        let protocol = self.protocol;
        for lane in &mut self.lanes {
            if let Some(templated) = &mut lane.templated {
                templated.redefine(protocol, dice);
            }
        }
        self.announce(town, now_ms, dice)
    }

    /// Tells its templates at once.
    ///
    /// # Errors
    /// As [`Exporter::emit`].
    pub(crate) fn announce(
        &mut self,
        town: &Town,
        now_ms: i64,
        dice: &mut Dice,
    ) -> Result<Vec<Rc<Message>>, Error> {
        for lane in &mut self.lanes {
            if let Some(templated) = &mut lane.templated {
                templated.forget_announcing(true, dice);
            }
        }
        (0..self.lanes.len()).map(|at| self.emit_from(at, town, now_ms, dice)).collect()
    }

    /// A datagram of one of its domains.
    ///
    /// # Errors
    /// It cannot be written, which is a mistake in this folder.
    pub(crate) fn emit(&mut self, town: &Town, now_ms: i64, dice: &mut Dice) -> Result<Rc<Message>, Error> {
        let at = dice.between(0, self.lanes.len() as u64 - 1);
        self.emit_from(at, town, now_ms, dice)
    }

    /// How many domains it has.
    pub(crate) fn lanes(&self) -> usize {
        self.lanes.len()
    }

    /// A datagram of this domain.
    ///
    /// # Errors
    /// As [`Exporter::emit`].
    pub(crate) fn emit_from(
        &mut self,
        at: usize,
        town: &Town,
        now_ms: i64,
        dice: &mut Dice,
    ) -> Result<Rc<Message>, Error> {
        let session = self.session(self.lanes[at].domain);
        let mut moment = Moment {
            town,
            rule: &self.rule,
            now_ms: now_ms + self.skew_ms,
            boot_ms: self.boot_ms,
            is_unset: self.is_unset,
        };
        let lane = &mut self.lanes[at];
        let protocol = self.protocol;
        if matches!(protocol, Protocol::NetflowV9 | Protocol::Ipfix) {
            // Their headers know whole seconds; one that has just started cannot have started after that.
            moment.now_ms = (moment.now_ms - moment.now_ms.rem_euclid(1000))
                .max(moment.boot_ms + (-moment.boot_ms).rem_euclid(1000));
        }
        let number =
            Number { value: lane.next, life: self.life, order: lane.order, start: lane.start, units: 0 };
        let message = match protocol {
            Protocol::NetflowV1 | Protocol::NetflowV5 | Protocol::NetflowV7 => {
                legacy::emit(session, number, lane.interval, &moment, dice)?
            }
            Protocol::NetflowV9 | Protocol::Ipfix => match &mut lane.templated {
                Some(templated) => templated.emit(session, number, lane.interval, &moment, dice)?,
                // Templated::of gives one to both protocols.
                None => return Err(Error::new(weir_wire::Reason::BadTemplate, 0)),
            },
            Protocol::SflowV5 => sampled::emit(session, number, lane.interval, &moment, dice)?,
            // No world has an exporter of these.
            Protocol::NetflowV6 | Protocol::NetflowV8 | Protocol::SflowV2 | Protocol::SflowV4 => {
                return Err(Error::new(weir_wire::Reason::Unsupported, 0));
            }
        };
        let units = message.number.map_or(0, |n| n.units);
        lane.next = lane.next.wrapping_add(units);
        lane.start += u64::from(units);
        lane.order += 1;
        Ok(Rc::new(message))
    }

    fn session(&self, domain: u32) -> SessionId {
        SessionId { from: self.address, port: self.port, protocol: self.protocol, domain }
    }
}
