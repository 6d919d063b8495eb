//! Traffic classes: what the other end of a tenant's traffic makes of it.
//!
//! A class is decided by the *remote* side, the address that is not the accounted host's. [`Classes`] is a list of
//! [`Class`]es, tried in the order written; of the first one all of whose conditions hold the record is. So an
//! exception stands above what it is an exception of, and the lengths of prefixes do not matter. Several of one
//! name are alternatives. What none is about is [`OTHER`].
//!
//! Only traffic with the outside has a class: of records that came in or went out. It is decided once, when a
//! record is attributed, and stored with it, so that a class that is defined otherwise later changes nothing of
//! what was. A record is of one class, whole: hours are those in which it began.
//!
//! # How it is decided
//! All prefixes of all classes are in one table, which gives for an address the classes that can hold of it at all,
//! in their order and up to the first that holds of it in any case. Of these the conditions beyond prefixes are
//! looked at, one class after the other. Mostly there is one class left, without another condition.

use crate::lookup::Lookup;
use crate::prefix::Prefix;
use crate::tariff::Hours;
use crate::zone::Zone;
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;
use weir_flow::names::Direction;
use weir_flow::{Addr, Batch, Column};

/// The class of traffic with the outside that no other class is about.
pub const OTHER: &str = "other";

/// How many classes there may be at most.
pub const CLASSES_MAX: usize = 1000;

/// How many of them may have hours that differ.
pub const HOURS_MAX: usize = 64;

/// A class: all conditions that are given must hold. Without any it is of everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Class {
    /// Its name; several of one name are alternatives.
    pub name: String,
    /// The remote address lies in one of these; in any, if there are none.
    pub networks: Vec<Prefix>,
    /// So it does in one of those of this file, which were read from it.
    pub listed: Option<List>,
    /// The remote autonomous system, as the record names it, is one of these; any, if there are none.
    pub systems: BTreeSet<u32>,
    /// The interface at the remote side (where what came in entered, and what went out left) is one of these of this
    /// exporter.
    pub interfaces: Option<(Addr, BTreeSet<u32>)>,
    /// The record begins in these hours.
    pub hours: Option<Hours>,
    /// It came in, or went out.
    pub direction: Option<Way>,
}

/// Prefixes that were read from a file. They may be many, and are shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// Where they were read from.
    pub path: String,
    /// The prefixes.
    pub networks: Arc<[Prefix]>,
}

/// A way that traffic with the outside goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To a tenant.
    In,
    /// From a tenant.
    Out,
}

impl Way {
    /// Its word in the configuration.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
        }
    }
}

impl Class {
    /// All prefixes, if it has a condition on addresses.
    fn prefixes(&self) -> impl Iterator<Item = Prefix> + '_ {
        let listed = self.listed.iter().flat_map(|list| list.networks.iter());
        self.networks.iter().chain(listed).copied()
    }

    /// Whether it has a condition on addresses. A file without a prefix is one: of no address.
    fn is_of_networks(&self) -> bool {
        !self.networks.is_empty() || self.listed.is_some()
    }

    /// Whether nothing but the address decides.
    fn is_by_address(&self) -> bool {
        self.systems.is_empty()
            && self.interfaces.is_none()
            && self.hours.is_none()
            && self.direction.is_none()
    }
}

/// Why classes cannot be told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooMany {
    /// More than [`CLASSES_MAX`].
    Classes,
    /// More than [`HOURS_MAX`].
    Hours,
}

impl fmt::Display for TooMany {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Classes => write!(f, "there are more than {CLASSES_MAX} classes"),
            Self::Hours => write!(f, "there are more than {HOURS_MAX} classes with hours that differ"),
        }
    }
}

impl std::error::Error for TooMany {}

/// Classes in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Classes {
    list: Vec<Class>,
}

impl Classes {
    /// These, in this order.
    ///
    /// # Errors
    /// [`TooMany`]
    pub fn new(list: Vec<Class>) -> Result<Self, TooMany> {
        if list.len() > CLASSES_MAX {
            return Err(TooMany::Classes);
        }
        if distinct_hours(&list).len() > HOURS_MAX {
            return Err(TooMany::Hours);
        }
        Ok(Self { list })
    }

    /// Whether there are none: then no record has a class.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Class> {
        self.list.iter()
    }

    /// Each name once, in order, [`OTHER`] last; none if there are no classes.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        let other = (!self.list.is_empty()).then_some(OTHER);
        for name in
            self.list.iter().map(|class| class.name.as_str()).filter(|name| *name != OTHER).chain(other)
        {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

/// All hours that classes have, each once.
fn distinct_hours(list: &[Class]) -> Vec<Hours> {
    let mut all: Vec<Hours> = Vec::new();
    for hours in list.iter().filter_map(|class| class.hours) {
        if !all.contains(&hours) {
            all.push(hours);
        }
    }
    all
}

/// Classes made ready to be asked for every record. `places` in the names of batches come from whoever has these.
#[derive(Clone, Debug)]
pub(crate) struct Classifier {
    /// For an address, the place in `candidates` of the classes that can hold of it.
    networks: Lookup<u32>,
    candidates: Vec<Box<[u32]>>,
    classes: Vec<Conditions>,
    hours: Vec<Hours>,
    zone: Zone,
    /// The place of [`OTHER`] in the names of batches.
    other: u32,
}

/// What of a class is asked beyond the address.
#[derive(Clone, Debug)]
struct Conditions {
    /// The place of its name in the names of batches.
    name: u32,
    systems: BTreeSet<u32>,
    interfaces: Option<(Addr, BTreeSet<u32>)>,
    /// A bit of those that [`Clock`] gives.
    hours: Option<u64>,
    direction: Option<Way>,
}

impl Classifier {
    /// Makes classes ready; `place` gives the place of a name in the names of batches. `None` if there are none. Hours are those of
    /// this zone.
    pub(crate) fn new(classes: &Classes, zone: &Zone, mut place: impl FnMut(&str) -> u32) -> Option<Self> {
        if classes.is_empty() {
            return None;
        }
        let hours = distinct_hours(&classes.list);
        let bit =
            |one: Hours| hours.iter().position(|known| *known == one).map(|at| 1u64.wrapping_shl(low(at)));
        let conditions = classes.list.iter().map(|class| Conditions {
            name: place(&class.name),
            systems: class.systems.clone(),
            interfaces: class.interfaces.clone(),
            hours: class.hours.and_then(bit),
            direction: class.direction,
        });
        let conditions = conditions.collect();
        let (networks, candidates) = candidates(&classes.list);
        let zone = zone.clone();
        Some(Self { networks, candidates, classes: conditions, hours, zone, other: place(OTHER) })
    }

    /// Sets the class of the rows from `from` on, of which the direction is known: of those that came in or went out. No other row
    /// of them has one afterwards.
    pub(crate) fn classify(&self, batch: &mut Batch, from: usize) {
        let rows = batch.len();
        let mut written = std::mem::take(batch.u32s_mut(Column::Class));
        written.resize(from, 0);
        let view = View::of(batch);
        let mut clock = Clock::new(&self.hours, &self.zone);
        for row in from..rows {
            let class = view.way(row).map_or(NONE, |way| self.class(&view, row, way, &mut clock));
            written.push(class);
        }
        let present = batch.present_mut().get_mut(from..).unwrap_or_default();
        for (mask, class) in present.iter_mut().zip(written.iter_mut().skip(from)) {
            *mask &= !Column::Class.bit();
            if *class == NONE {
                *class = 0;
            } else {
                *mask |= Column::Class.bit();
            }
        }
        *batch.u32s_mut(Column::Class) = written;
    }

    /// The class of a row that went this way, by the place of its name.
    #[inline]
    fn class(&self, view: &View<'_>, row: usize, way: Way, clock: &mut Clock<'_>) -> u32 {
        // The first set is that of no prefix.
        let at = view.remote(row, way).map_or(0, |addr| self.networks.get(addr));
        let candidates = self.candidates.get(at as usize).map(AsRef::as_ref).unwrap_or_default();
        let classes = candidates.iter().filter_map(|at| self.classes.get(*at as usize));
        let mut holding = classes.filter(|class| class.holds(view, row, way, clock));
        holding.next().map_or(self.other, |class| class.name)
    }
}

/// The place of no class.
const NONE: u32 = u32::MAX;

fn low(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

impl Conditions {
    /// Whether all that is asked beyond the address holds.
    #[inline]
    fn holds(&self, view: &View<'_>, row: usize, way: Way, clock: &mut Clock<'_>) -> bool {
        self.direction.is_none_or(|direction| direction == way)
            && (self.systems.is_empty()
                || view.system(row, way).is_some_and(|system| self.systems.contains(&system)))
            && self.interfaces.as_ref().is_none_or(|(exporter, interfaces)| {
                view.exporters.get(row) == Some(exporter)
                    && view.interface(row, way).is_some_and(|interface| interfaces.contains(&interface))
            })
            && self.hours.is_none_or(|bit| view.starts.get(row).is_some_and(|ms| clock.at(*ms) & bit != 0))
    }
}

/// The table of all prefixes, and the classes that can hold of the addresses of each.
///
/// Prefixes lie inside each other or apart. So the classes of an address are those of the longest prefix around it
/// and of all around that one: what a prefix stands for is worked out from the one that encloses it.
fn candidates(list: &[Class]) -> (Lookup<u32>, Vec<Box<[u32]>>) {
    let mut sets = Sets::default();
    // Classes that ask for no address can hold of any. The set of no prefix is the first: the table's default.
    let anywhere: Vec<u32> =
        (0u32..).zip(list).filter(|(_, class)| !class.is_of_networks()).map(|(at, _)| at).collect();
    sets.place(list, anywhere.clone());
    let mut own: HashMap<Prefix, Vec<u32>> = HashMap::new();
    for (at, class) in (0u32..).zip(list) {
        for prefix in class.prefixes() {
            own.entry(prefix).or_default().push(at);
        }
    }
    let mut prefixes: Vec<(Prefix, Vec<u32>)> = own.into_iter().collect();
    // An enclosing prefix comes before what it encloses; of IPv4 none lies in one of IPv6, where its addresses are mapped.
    prefixes.sort_unstable_by_key(|(prefix, _)| (prefix.is_v4(), *prefix));
    let mut around: Vec<(Prefix, Vec<u32>)> = Vec::new();
    let mut networks = Vec::with_capacity(prefixes.len());
    for (prefix, own) in prefixes {
        while around.last().is_some_and(|(outer, _)| !outer.encloses(&prefix)) {
            around.pop();
        }
        let outer = around.last().map_or(&anywhere, |(_, classes)| classes);
        let mut classes: Vec<u32> = outer.iter().chain(&own).copied().collect();
        classes.sort_unstable();
        classes.dedup();
        networks.push((prefix, sets.place(list, classes.clone())));
        around.push((prefix, classes));
    }
    (Lookup::new(&networks, |network, _| network), sets.sets)
}

/// Sets of classes, each once.
#[derive(Default)]
struct Sets {
    sets: Vec<Box<[u32]>>,
    places: HashMap<Box<[u32]>, u32>,
}

impl Sets {
    /// The place of a set, of which what follows a class that holds in any case is left out.
    fn place(&mut self, list: &[Class], mut classes: Vec<u32>) -> u32 {
        let sure = |at: &u32| list.get(*at as usize).is_some_and(Class::is_by_address);
        if let Some(last) = classes.iter().position(sure) {
            classes.truncate(last.saturating_add(1));
        }
        let next = low(self.sets.len());
        *self.places.entry(classes.into_boxed_slice()).or_insert_with_key(|classes| {
            self.sets.push(classes.clone());
            next
        })
    }
}

/// Which hours it is at an instant, a bit for each: mostly asked for minutes that were asked for shortly before.
struct Clock<'a> {
    hours: &'a [Hours],
    zone: &'a Zone,
    /// Minutes since 1970 and what was found, by the low bits of the minute.
    known: [(i64, u64); KNOWN],
}

const KNOWN: usize = 16;
const MINUTE_MS: i64 = 60_000;

impl<'a> Clock<'a> {
    fn new(hours: &'a [Hours], zone: &'a Zone) -> Self {
        Self { hours, zone, known: [(i64::MIN, 0); KNOWN] }
    }

    fn at(&mut self, ms: i64) -> u64 {
        let minute = ms.div_euclid(MINUTE_MS);
        let place = usize::try_from(minute.rem_euclid(16)).unwrap_or_default();
        if let Some((known, bits)) = self.known.get(place)
            && *known == minute
        {
            return *bits;
        }
        let is_in = |hours: &Hours| u64::from(hours.contains(ms, self.zone));
        let bits = (0u32..).zip(self.hours).fold(0, |bits, (at, hours)| bits | is_in(hours).wrapping_shl(at));
        if let Some(slot) = self.known.get_mut(place) {
            *slot = (minute, bits);
        }
        bits
    }
}

/// The columns that classes are decided by. They may be shorter than the batch where nobody wrote them.
struct View<'a> {
    present: &'a [u64],
    directions: &'a [u8],
    starts: &'a [i64],
    exporters: &'a [Addr],
    /// Of the source and of the destination.
    addrs: [&'a [Addr]; 2],
    nat_addrs: [&'a [Addr]; 2],
    systems: [&'a [u32]; 2],
    /// Ingress and egress.
    interfaces: [&'a [u32]; 2],
}

const ADDRS: [Column; 2] = [Column::SrcAddr, Column::DstAddr];
const NAT_ADDRS: [Column; 2] = [Column::NatSrcAddr, Column::NatDstAddr];
const SYSTEMS: [Column; 2] = [Column::SrcAs, Column::DstAs];
const INTERFACES: [Column; 2] = [Column::IngressIf, Column::EgressIf];

impl<'a> View<'a> {
    fn of(batch: &'a Batch) -> Self {
        Self {
            present: batch.present(),
            directions: batch.u8s(Column::Direction),
            starts: batch.times(Column::Start),
            exporters: batch.addrs(Column::Exporter),
            addrs: ADDRS.map(|column| batch.addrs(column)),
            nat_addrs: NAT_ADDRS.map(|column| batch.addrs(column)),
            systems: SYSTEMS.map(|column| batch.u32s(column)),
            interfaces: INTERFACES.map(|column| batch.u32s(column)),
        }
    }

    /// Which way a row goes, if it is traffic with the outside.
    #[inline]
    fn way(&self, row: usize) -> Option<Way> {
        let code = value(self.present, Column::Direction, self.directions, row)?;
        match Direction::from_code(code)? {
            Direction::In => Some(Way::In),
            Direction::Out => Some(Way::Out),
            _ => None,
        }
    }

    /// The remote address: as the record names it, or what it was translated to if it names none.
    #[inline]
    fn remote(&self, row: usize, way: Way) -> Option<Addr> {
        let is_known = |addr: &Addr| !addr.is_unspecified();
        let addr = self.at(ADDRS, self.addrs, row, way).filter(is_known);
        addr.or_else(|| self.at(NAT_ADDRS, self.nat_addrs, row, way).filter(is_known))
    }

    fn system(&self, row: usize, way: Way) -> Option<u32> {
        self.at(SYSTEMS, self.systems, row, way)
    }

    fn interface(&self, row: usize, way: Way) -> Option<u32> {
        self.at(INTERFACES, self.interfaces, row, way)
    }

    /// What a row has at its remote side: the source's of what came in, the destination's of what went out.
    #[inline]
    fn at<T: Copy>(&self, columns: [Column; 2], values: [&[T]; 2], row: usize, way: Way) -> Option<T> {
        let ([source, destination], [of_source, of_destination]) = (columns, values);
        match way {
            Way::In => value(self.present, source, of_source, row),
            Way::Out => value(self.present, destination, of_destination, row),
        }
    }
}

/// A row's value in a column, if it has one.
#[inline]
fn value<T: Copy>(present: &[u64], column: Column, values: &[T], row: usize) -> Option<T> {
    if present.get(row)? & column.bit() == 0 {
        return None;
    }
    values.get(row).copied()
}
