//! The network between exporters and collector: it loses, doubles, delays, cuts and damages, by chance, and always
//! so that what the collector can make of it is known.
//!
//! * The first datagram of a session that arrives is not overtaken: of one that comes before the first nobody
//!   could say whether it was late or the exporter had begun anew.
//! * A message that carries no unit of its own number (an IPFIX message of templates only) is not doubled: the
//!   copy would bear the number that is expected.
//! * A datagram is doubled or damaged, not both.
//! * sFlow is cut only between samples or in the fixed part of one; a bit is flipped only in the first octet,
//!   where no protocol has a bit set.

use crate::chance::Dice;
use crate::message::{Delivery, Message, Sense, SessionId};
use std::collections::HashSet;
use std::rc::Rc;
use weir_flow::Addr;
use weir_wire::Protocol;

/// What a network does, in cases of a thousand.
#[derive(Debug, Clone, Copy)]
struct Habits {
    loss: u64,
    doubling: u64,
    delay: u64,
    cut: u64,
    flip: u64,
    delay_ms_max: u64,
}

/// The network, and what is on its way.
#[derive(Debug)]
pub(crate) struct Network {
    habits: Habits,
    on_its_way: Vec<Parcel>,
    sent: u64,
    /// Sessions (of one life of their exporter) of which something usable has been let through.
    begun: HashSet<(SessionId, u32)>,
}

#[derive(Debug)]
struct Parcel {
    due_ms: i64,
    /// Of parcels due at the same time the one sent first goes first.
    place: u64,
    delivery: Delivery,
}

/// What becomes of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Care {
    /// Whatever the network does.
    Usual,
    /// It arrives whole, now, once.
    Registered,
}

impl Network {
    pub(crate) fn new(dice: &mut Dice) -> Self {
        // Some networks are good.
        let bad = dice.pick([0, 1, 1, 2, 4]);
        let habits = Habits {
            loss: bad * dice.between::<u64>(0, 30),
            doubling: bad * dice.between::<u64>(0, 20),
            delay: bad * dice.between::<u64>(0, 60),
            cut: bad * dice.between::<u64>(0, 8),
            flip: bad * dice.between::<u64>(0, 4),
            delay_ms_max: dice.between(10, 20_000),
        };
        Self { habits, on_its_way: Vec::new(), sent: 0, begun: HashSet::new() }
    }

    /// Takes a datagram.
    pub(crate) fn send(&mut self, now_ms: i64, message: &Rc<Message>, care: Care, dice: &mut Dice) {
        let habits = self.habits;
        if care == Care::Registered {
            self.begin(message);
            return self.post(now_ms, message.whole());
        }
        if dice.permille(habits.loss) {
            return;
        }
        if let Some(damaged) = self.damage(message, dice) {
            let is_message = matches!(damaged.sense, Sense::Message(..));
            let first = is_message && self.begin(message);
            let due = if first { now_ms } else { now_ms + self.delay(dice) };
            return self.post(due, damaged);
        }
        let due = if self.begin(message) { now_ms } else { now_ms + self.delay(dice) };
        self.post(due, message.whole());
        if message.number.is_none_or(|number| number.units > 0) {
            let mut copy = due;
            while dice.permille(habits.doubling) {
                copy += dice.between::<i64>(0, self.habits.delay_ms_max);
                self.post(copy, message.whole());
            }
        }
    }

    /// Puts something on its way that no exporter sent.
    pub(crate) fn post(&mut self, due_ms: i64, delivery: Delivery) {
        self.sent += 1;
        self.on_its_way.push(Parcel { due_ms, place: self.sent, delivery });
    }

    /// What arrives up to now, in order.
    pub(crate) fn arrivals(&mut self, now_ms: i64) -> Vec<Delivery> {
        self.take(|parcel| parcel.due_ms <= now_ms)
    }

    /// What is on its way from one exporter arrives now.
    pub(crate) fn drain(&mut self, from: Addr) -> Vec<Delivery> {
        self.take(|parcel| parcel.delivery.from == from)
    }

    /// Nobody listens: what is on its way is lost, and sessions begin again.
    pub(crate) fn lose_all(&mut self) {
        self.on_its_way.clear();
        self.begun.clear();
    }

    fn take(&mut self, wanted: impl Fn(&Parcel) -> bool) -> Vec<Delivery> {
        let (mut taken, left): (Vec<_>, Vec<_>) = self.on_its_way.drain(..).partition(wanted);
        self.on_its_way = left;
        taken.sort_by_key(|parcel| (parcel.due_ms, parcel.place));
        taken.into_iter().map(|parcel| parcel.delivery).collect()
    }

    /// Notes that something of a session is let through; whether it is the first.
    fn begin(&mut self, message: &Message) -> bool {
        self.begun.insert((message.session, message.number.map_or(0, |number| number.life)))
    }

    fn delay(&self, dice: &mut Dice) -> i64 {
        if dice.permille(self.habits.delay) { dice.between(0, self.habits.delay_ms_max) } else { 0 }
    }

    /// The datagram cut or with a flipped bit, if that is its fate.
    fn damage(&self, message: &Rc<Message>, dice: &mut Dice) -> Option<Delivery> {
        let mut delivery = message.whole();
        if dice.permille(self.habits.flip) {
            *delivery.bytes.first_mut()? ^= 1 << dice.between::<u32>(0, 7);
            delivery.sense = Sense::None;
            return Some(delivery);
        }
        if !dice.permille(self.habits.cut) {
            return None;
        }
        let at = cut_at(message, dice);
        delivery.bytes.truncate(at);
        delivery.sense =
            if at < message.indivisible { Sense::None } else { Sense::Message(Rc::clone(message), Some(at)) };
        Some(delivery)
    }
}

/// An octet at which the message may be cut.
fn cut_at(message: &Message, dice: &mut Dice) -> usize {
    let last = message.bytes.len() as u64 - 1;
    if message.session.protocol != Protocol::SflowV5 {
        return dice.between(0, last);
    }
    let samples = message.sets.len() as u64;
    let sample = message.sets.get(dice.between::<usize>(0, samples - 1)).map_or(0, |set| set.at);
    if dice.percent(20) {
        dice.between(0, message.indivisible as u64 - 1)
    } else {
        sample - dice.between::<usize>(1, 40)
    }
}
