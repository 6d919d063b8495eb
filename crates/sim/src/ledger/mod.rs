//! The ledger: what is true, kept apart from the collector and by other means.
//!
//! It is told every datagram that arrives, with its meaning, and every batch that is taken, and answers what
//! rows and counts that batch must hold. It keeps what was stored under which sequence, takes out what a crash
//! was free to take, and adds up accounts on its own.
//!
//! | file | what it knows |
//! |---|---|
//! | `stream` | lost, late, doubled, begun anew, by the order in which datagrams were sent |
//! | `decode` | which templates and intervals a session has been told, and what waits |
//! | `late` | sampling intervals that come after their rows |
//! | `account` | bins, and sums by tenant and exporter |

pub(crate) mod account;
mod decode;
mod late;
mod stream;

use crate::message::{Delivery, Message, Sense, SessionId};
use crate::row::Row;
use crate::town::Town;
pub(crate) use decode::Memory;
use decode::{Operator, Session};
use late::Late;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use stream::{Shown, Verdict};
use weir_flow::names::Version;
use weir_flow::time::bin;
use weir_flow::{Addr, Column};
use weir_wire::Protocol;

/// What is counted, as health rows name it, without reasons.
pub(crate) type What = &'static str;
/// Counts by bin of arrival, exporter, domain and what.
pub(crate) type Counts = BTreeMap<(i64, Addr, u32, What), i64>;

/// What a batch is to hold.
#[derive(Debug, Clone, Default)]
pub(crate) struct Expected {
    pub rows: Vec<Row>,
    pub counts: Counts,
    /// Damaged parts: at least and at most so many.
    pub malformed: (i64, i64),
    /// Intervals for rows of this batch and those before it.
    pub lates: Vec<Late>,
    /// What sessions remember after it.
    pub memory: BTreeMap<SessionId, Memory>,
    /// Rows that were given up; accounts still tell of them.
    pub retired: Vec<Row>,
}

impl Expected {
    /// The rows are given up, and counted where they arrived.
    pub(crate) fn discard(&mut self) {
        for row in std::mem::take(&mut self.rows) {
            let Some(exporter) = row.address(Column::Exporter) else { continue };
            let domain = u32::try_from(row.amount(Column::Domain)).unwrap_or_default();
            let place = bin(row.moment(Column::Received));
            let amount = |column| i64::try_from(row.amount(column)).unwrap_or_default();
            for (what, value) in [
                ("discarded_flows", 1),
                ("discarded_octets", amount(Column::Octets)),
                ("discarded_packets", amount(Column::Packets)),
            ] {
                *self.counts.entry((place, exporter, domain, what)).or_default() += value;
            }
        }
    }

    /// Adds a later batch that has no rows.
    pub(crate) fn append(&mut self, later: Self) {
        for (key, value) in later.counts {
            *self.counts.entry(key).or_default() += value;
        }
        self.malformed.0 += later.malformed.0;
        self.malformed.1 += later.malformed.1;
        self.lates.extend(later.lates);
        self.memory = later.memory;
    }
}

/// Where stored rows lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Appended under this sequence.
    Journal(u64),
    Import,
}

impl Origin {
    /// The sequence; an import is there, however much of the journal is.
    fn sequence(self) -> u64 {
        if let Self::Journal(sequence) = self { sequence } else { 0 }
    }
}

/// What was kept, and what is under way.
#[derive(Debug)]
pub(crate) struct Ledger {
    town: Town,
    operators: BTreeMap<Addr, u32>,
    default: u32,
    sessions: BTreeMap<SessionId, Session>,
    open: Expected,
    /// As each batch was taken.
    taken: Vec<(Origin, Expected)>,
    /// As they are now: scaled by what was learned later, without what was given up.
    stored: Vec<(Origin, Expected)>,
    /// What was given up, and how many batches there were by then.
    retirements: Vec<(usize, Vec<Row>)>,
    /// What sessions remember that have not come back since the last death.
    memory: BTreeMap<SessionId, Memory>,
    murky: BTreeSet<(Addr, u32)>,
}

/// Where a reader of sets puts what it finds.
pub(crate) struct Scope<'a> {
    rows: &'a mut Vec<Row>,
    counts: &'a mut Counts,
    malformed: &'a mut (i64, i64),
    lates: &'a mut Vec<Late>,
    /// Bin of arrival, exporter, domain.
    place: (i64, Addr, u32),
}

impl Scope<'_> {
    /// Notes damaged parts: at least and at most so many.
    fn damage(&mut self, least: i64, most: i64) {
        self.malformed.0 += least;
        self.malformed.1 += most;
    }

    fn count(&mut self, what: What, value: i64) {
        let (bin, exporter, domain) = self.place;
        *self.counts.entry((bin, exporter, domain, what)).or_default() += value;
    }

    fn row(&mut self, row: Row) {
        let amount = |column| i64::try_from(row.amount(column)).unwrap_or_default();
        for (what, value) in [
            ("records", 1),
            ("flows", 1),
            ("octets", amount(Column::Octets)),
            ("packets", amount(Column::Packets)),
            ("measured_octets", amount(Column::MeasuredOctets)),
            ("measured_packets", amount(Column::MeasuredPackets)),
            ("sampled_octets", if amount(Column::SamplingInterval) > 1 { amount(Column::Octets) } else { 0 }),
            ("unknown_sampling_records", i64::from(row.get(Column::SamplingInterval).is_none())),
        ] {
            self.count(what, value);
        }
        self.rows.push(row);
    }
}

impl Ledger {
    /// An empty ledger of a town, and of what the operator says about sampling: by exporter, and in general.
    pub(crate) fn new(town: Town, operators: BTreeMap<Addr, u32>, default: u32) -> Self {
        Self {
            town,
            operators,
            default,
            sessions: BTreeMap::new(),
            open: Expected::default(),
            taken: Vec::new(),
            stored: Vec::new(),
            retirements: Vec::new(),
            memory: BTreeMap::new(),
            murky: BTreeSet::new(),
        }
    }

    /// Takes in a datagram that arrives.
    pub(crate) fn deliver(&mut self, received: i64, delivery: &Delivery) {
        let at = bin(received);
        match &delivery.sense {
            Sense::None => {
                for what in ["datagrams", "undecodable"] {
                    *self.open.counts.entry((at, delivery.from, 0, what)).or_default() += 1;
                }
            }
            Sense::Hollow(domain) => {
                *self.open.counts.entry((at, delivery.from, *domain, "datagrams")).or_default() += 1;
                self.open.malformed = (self.open.malformed.0 + 1, self.open.malformed.1 + 1);
            }
            Sense::Message(message, cut) => self.message(received, message, *cut),
        }
    }

    fn message(&mut self, received: i64, message: &Rc<Message>, cut: Option<usize>) {
        let id = message.session;
        let operator = Operator {
            overriding: self.operators.get(&id.from).copied().unwrap_or(0),
            default: self.default,
        };
        let memory = &mut self.memory;
        let mut remembered = || memory.remove(&id).unwrap_or_default();
        let session = self.sessions.entry(id).or_insert_with(|| Session::new(operator, remembered()));
        let mut scope = Scope {
            rows: &mut self.open.rows,
            counts: &mut self.open.counts,
            malformed: &mut self.open.malformed,
            lates: &mut self.open.lates,
            place: (bin(received), id.from, id.domain),
        };
        scope.count("datagrams", 1);
        if let Some(cut) = cut {
            let (least, most) = problems(message, cut);
            scope.damage(least, most);
        }
        let judged = message.number.map(|number| (number, session.stream.judge(&number)));
        if let Some((_, (verdict, shown))) = &judged {
            show(*shown, message, &mut scope);
            if matches!(verdict, Verdict::Again | Verdict::Open) {
                return;
            }
        }
        let extent = session.read(message, cut, received, &self.town, &mut scope);
        if let Some((number, (verdict, _))) = judged {
            if verdict == Verdict::Ahead && extent.is_some() && message.counts_records() {
                session.stream.show_numbering(&number, message.flows());
            }
            if session.stream.is_murky() {
                self.murky.insert((id.from, id.domain));
            }
            // Only IPFIX counts what must be read first.
            let extent = if message.version == Version::Ipfix { extent } else { Some(number.units) };
            let lost = -session.stream.advance(&number, verdict, extent);
            show(Shown { lost, ..Shown::default() }, message, &mut scope);
        }
    }

    /// Takes in that the kernel dropped datagrams.
    pub(crate) fn count_drops(&mut self, received: i64, drops: i64) {
        *self.open.counts.entry((bin(received), Addr::UNSPECIFIED, 0, "socket_drops")).or_default() += drops;
    }

    /// Rows of the batch that is being filled.
    pub(crate) fn open_rows(&self) -> usize {
        self.open.rows.len()
    }

    /// Whether it is open of any copy what it was. Then no batch should be taken: it would take the copy for
    /// one that was sent on purpose.
    pub(crate) fn is_open(&self) -> bool {
        self.sessions.values().any(|session| session.stream.is_open())
    }

    /// Whether all these templates are known and nothing waits for one, now and after a death that leaves no more
    /// than what is durable: batches up to this sequence.
    pub(crate) fn knows(&self, id: SessionId, templates: &[u16], synced: u64) -> bool {
        let durable = self.taken.iter().rfind(|(origin, _)| origin.sequence() <= synced);
        self.sessions.get(&id).is_some_and(|session| session.memory.knows(templates))
            && durable.and_then(|(_, batch)| batch.memory.get(&id)).is_some_and(|m| m.knows(templates))
    }

    /// What the batch taken now must hold.
    pub(crate) fn take(&mut self) -> Expected {
        let mut taken = std::mem::take(&mut self.open);
        taken.counts.retain(|_, value| *value != 0);
        taken.memory.clone_from(&self.memory);
        taken.memory.extend(self.sessions.iter().map(|(id, session)| (*id, session.remembered())));
        taken
    }

    /// The collector dies: sessions and the batch being filled are gone, and so are appended batches but these.
    /// What sessions remember is as it was after the last batch that is left.
    pub(crate) fn crash(&mut self, is_left: impl Fn(u64) -> bool) {
        self.sessions.clear();
        self.open = Expected::default();
        self.taken.retain(|(origin, _)| *origin == Origin::Import || is_left(origin.sequence()));
        self.memory = self.taken.last().map(|(_, batch)| batch.memory.clone()).unwrap_or_default();
        self.stored.clear();
        let retirements = std::mem::take(&mut self.retirements);
        let mut retirements = retirements.into_iter().peekable();
        for (at, (origin, batch)) in std::mem::take(&mut self.taken).into_iter().enumerate() {
            while let Some((_, rows)) = retirements.next_if(|(batches, _)| *batches <= at) {
                self.retire(rows);
            }
            self.store(origin, batch);
        }
        retirements.for_each(|(_, rows)| self.retire(rows));
    }

    /// Notes that a batch was stored.
    pub(crate) fn store(&mut self, origin: Origin, batch: Expected) {
        self.stored.push((origin, batch.clone()));
        for late in &batch.lates {
            self.stored.iter_mut().for_each(|(_, stored)| late.apply(stored));
        }
        self.taken.push((origin, batch));
    }

    /// Notes that these rows, which are stored, were given up.
    pub(crate) fn retire(&mut self, mut rows: Vec<Row>) {
        rows.sort_unstable();
        let mut left = rows.clone();
        for (_, batch) in &mut self.stored {
            let (gone, kept): (Vec<Row>, Vec<Row>) = batch.rows.drain(..).partition(|row| {
                left.binary_search(row).is_ok_and(|at| {
                    left.remove(at);
                    true
                })
            });
            batch.rows = kept;
            batch.retired.extend(gone);
        }
        self.retirements.push((self.stored.len(), rows));
    }

    /// All that is stored.
    pub(crate) fn stored(&self) -> impl Iterator<Item = &Expected> {
        self.stored.iter().map(|(_, batch)| batch)
    }

    /// The same, to be falsified by those who test the checkers.
    pub(crate) fn stored_mut(&mut self) -> &mut Vec<(Origin, Expected)> {
        &mut self.stored
    }

    /// All rows that are stored.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.stored().flat_map(|batch| &batch.rows)
    }

    /// The same, and those that were given up: what accounts tell of.
    pub(crate) fn accounted(&self) -> impl Iterator<Item = &Row> {
        self.stored().flat_map(|batch| batch.rows.iter().chain(&batch.retired))
    }

    /// Exporters and domains of which nobody can say what was lost or late.
    pub(crate) fn murky(&self) -> &BTreeSet<(Addr, u32)> {
        &self.murky
    }

    /// The tenants.
    pub(crate) fn town(&self) -> &Town {
        &self.town
    }
}

/// Counts what a datagram's number showed. What v9 and sFlow lost are datagrams, what the others lost are records.
fn show(shown: Shown, message: &Message, scope: &mut Scope<'_>) {
    let fixed = matches!(message.session.protocol, Protocol::NetflowV5 | Protocol::NetflowV7);
    scope.count("duplicate_datagrams", shown.duplicates.into());
    scope.count("duplicate_records", if fixed { shown.duplicate_units.into() } else { 0 });
    scope.count("reordered", shown.reordered.into());
    scope.count("restarts", shown.restarts.into());
    scope.count(if message.counts_records() { "records_lost" } else { "datagrams_lost" }, shown.lost);
}

/// How many problems a message shows that is cut at this octet: at least, at most.
fn problems(message: &Message, cut: usize) -> (i64, i64) {
    // v9 does not say how long a message is: one that ends with a set looks whole, and so does one that ends with
    // a few zeros.
    let inside = message.sets.iter().any(|set| set.at <= cut && content_end(&set.content) > cut);
    let least = i64::from(inside || message.session.protocol != Protocol::NetflowV9);
    (least, 4)
}

fn content_end(content: &crate::message::Content) -> usize {
    match content {
        crate::message::Content::Templates(definitions) => definitions.last().map_or(0, |d| d.end),
        crate::message::Content::Data(_, records) => records.last().map_or(0, |r| r.end),
    }
}
