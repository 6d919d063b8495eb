//! Attribution: which tenant a flow record belongs to, and its one place in the trial balance.
//!
//! # Whose it is
//! The source host is the source address; if that is no tenant's, the source address after translation. The
//! destination host is the destination address after translation where the record carries one (behind NAT, the
//! inside one: information elements 225 to 228), and the destination address otherwise or if the translated one
//! is no tenant's. Then:
//!
//! | source | destination | direction | tenant | peer tenant | host |
//! |---|---|---|---|---|---|
//! | nobody's | a tenant's | in | destination's | | destination |
//! | a tenant's | nobody's | out | source's | | source |
//! | a tenant's | a tenant's | local | source's | destination's | source |
//! | nobody's, and an end is ours or an address is unknown | | unmatched | | | |
//! | nobody's, both foreign | | transit | | | |
//!
//! An end whose address is nobody's may still be a tenant's by where it is attached: an interface, a VLAN, a MAC address
//! ([`crate::port`]).
//!
//! "Ours" are the operator's own networks, by default the private ranges ([`own_networks_default`]): an address
//! there that no tenant answers for is a hole in the list of tenants, and shows as one.
//!
//! Of an address that several share, each with ports of its own ([`crate::block`]), the port at that end of the record decides: of the
//! translated address the translated port. An end without a port there is whose the network without ports is, if anybody's.
//!
//! Networks come and go: what an address is, is decided at the *start* of the record, by the networks that hold then.
//! So a record has one tenant, though it may lie over the instant of a move: it is not cut, as it is not when it lies over
//! the turn of a period (there its octets are spread over the bins on both sides, and each of them is this tenant's).
//!
//! # Where it counts
//! The same packet is seen on the way in and on the way out, and by several exporters. [`Count`] says, exporter
//! by exporter, where traffic is accounted; a record seen elsewhere becomes *duplicate*: it keeps its addresses
//! and can be searched, but has neither tenant nor host, so that no sum by tenant or host can take it in.

use crate::block;
use crate::class::{Classes, Classifier};
use crate::owner::{Addresses, Owner};
use crate::port::{Attached, Ports, Told};
use crate::prefix::Prefix;
use crate::tenant::{Tenant, Tenants};
use crate::zone::Zone;
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;
use weir_flow::names::{Direction, FlowDirection};
use weir_flow::{Addr, Batch, Column};

/// Which of an exporter's records are accounted.
///
/// A record is observed at its egress interface where its flow direction (element 61) is egress, and at its
/// ingress interface where that is ingress. NetFlow v5 and many others do not say: such a record counts if
/// either of its interfaces is named, and under [`Count::Ingress`] and [`Count::Egress`] it counts always, for
/// it is not known to be seen elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Count {
    /// All of them.
    #[default]
    All,
    /// Those observed at one of these interfaces (by index). Records without interfaces are not.
    ///
    /// Traffic between two tenants crosses two of these interfaces and is observed at both, if they meter both
    /// ways: it counts where it enters, and the observation at leaving is the duplicate. (An exporter that
    /// meters on leaving only needs [`Count::Egress`]; one that does not say which way it observed, no more
    /// than one of the two interfaces metered.)
    Interfaces(BTreeSet<u32>),
    /// Those not observed leaving.
    Ingress,
    /// Those not observed entering.
    Egress,
    /// None of them: the exporter is kept for searching only.
    None,
}

impl fmt::Display for Count {
    /// As statements name the rule: `all`, `interfaces 31, 32`, `ingress`, `egress`, `none`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => write!(f, "all"),
            Self::Ingress => write!(f, "ingress"),
            Self::Egress => write!(f, "egress"),
            Self::None => write!(f, "none"),
            Self::Interfaces(interfaces) => {
                write!(f, "interfaces")?;
                for (i, interface) in interfaces.iter().enumerate() {
                    write!(f, "{} {interface}", if i == 0 { "" } else { "," })?;
                }
                Ok(())
            }
        }
    }
}

/// The networks that are the operator's own where nothing else is said: RFC 1918 private, RFC 6598 shared
/// (carrier-grade NAT), RFC 4193 unique local, link-local and loopback, of both families.
#[must_use]
pub fn own_networks_default() -> Vec<Prefix> {
    let texts = [
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "127.0.0.0/8",
        "fc00::/7",
        "fe80::/10",
        "::1/128",
    ];
    texts.iter().filter_map(|text| text.parse().ok()).collect()
}

/// An immutable snapshot of everything that attribution depends on. Shared by all workers; a changed
/// configuration makes a new one.
#[derive(Clone, Debug)]
pub struct Attribution {
    names: Arc<[Box<str>]>,
    /// Whose things are in the records of all exporters that no tenant names.
    owned: Owned,
    /// And of the others, which may use the same addresses for somebody else.
    apart: HashMap<Addr, Arc<Owned>>,
    counts: HashMap<Addr, Count>,
    /// `None` if there are no classes: then no record has one.
    classes: Option<Classifier>,
}

impl Attribution {
    /// A snapshot of these tenants. `own` are the operator's own networks (see [`own_networks_default`]), and
    /// `counts` the exporters with another rule than [`Count::All`].
    #[must_use]
    pub fn new(tenants: &Tenants, own: &[Prefix], counts: impl IntoIterator<Item = (Addr, Count)>) -> Self {
        let named: BTreeSet<Addr> = tenants.iter().flat_map(|t| t.exporters.iter().copied()).collect();
        // Exporters that the same tenants name have one table.
        let mut tables: HashMap<Vec<u32>, Arc<Owned>> = HashMap::new();
        let mut apart = HashMap::new();
        for exporter in named {
            let is_of = |tenant: &Tenant| tenant.exporters.is_empty() || tenant.exporters.contains(&exporter);
            let whose =
                tenants.placed().filter(|(_, tenant)| is_of(tenant)).map(|(place, _)| place).collect();
            let table = tables.entry(whose).or_insert_with(|| Arc::new(Owned::new(tenants, own, is_of)));
            apart.insert(exporter, Arc::clone(table));
        }
        let owned = Owned::new(tenants, own, |tenant| tenant.exporters.is_empty());
        let counts = counts.into_iter().filter(|(_, count)| *count != Count::All).collect();
        // Not the tenants' own Arc: its address is what tells one snapshot's batches from another's.
        Self { names: tenants.names().iter().cloned().collect(), owned, apart, counts, classes: None }
    }

    /// The same, which also says of which class traffic with the outside is. Hours of classes are those of this zone.
    #[must_use]
    pub fn with_classes(mut self, classes: &Classes, zone: &Zone) -> Self {
        let mut names = self.names.to_vec();
        self.classes = Classifier::new(classes, zone, |name| {
            let known = names.iter().position(|one| **one == *name);
            let at = known.unwrap_or(names.len());
            if known.is_none() {
                names.push(name.into());
            }
            // There are fewer names than places.
            u32::try_from(at).unwrap_or(u32::MAX)
        });
        self.names = names.into();
        self
    }

    /// Whose this address is at an instant (ms since 1970) in the records of an exporter, if it is a tenant's. Where ports of it
    /// are several tenants', whose what has no port is.
    #[must_use]
    pub fn tenant(&self, exporter: Addr, addr: Addr, at_ms: i64) -> Option<&str> {
        match self.owned(exporter).addresses.get(addr, || at_ms, || None) {
            Owner::Tenant(place) => self.names.get(place as usize).map(AsRef::as_ref),
            Owner::Own | Owner::Foreign | Owner::Divided(_) => None,
        }
    }

    /// Whose things are in the records of an exporter.
    fn owned(&self, exporter: Addr) -> &Owned {
        self.apart.get(&exporter).map_or(&self.owned, AsRef::as_ref)
    }

    /// The rule that holds for an exporter.
    #[must_use]
    pub fn count(&self, exporter: Addr) -> &Count {
        self.counts.get(&exporter).unwrap_or(&Count::All)
    }

    /// Sets tenant, peer tenant, direction, host and class of the rows from `from_row` on, in place.
    ///
    /// A batch holds rows of one snapshot only: if its earlier rows were attributed by another, they are
    /// attributed again by this one.
    pub fn attribute(&self, batch: &mut Batch, from_row: usize) {
        let from = if Arc::ptr_eq(batch.names(), &self.names) {
            from_row
        } else {
            batch.set_names(Arc::clone(&self.names));
            0
        };
        let rows = batch.len();
        if from >= rows {
            return;
        }
        let mut written = Written::take(batch, from, rows);
        let view = View::of(batch);
        let rules = |exporter| (exporter, self.count(exporter), self.owned(exporter));
        let (mut known, mut count, mut owned) = rules(Addr::UNSPECIFIED);
        for row in from..rows {
            let mask = view.present.get(row).copied().unwrap_or_default();
            let exporter = view.exporters.get(row).copied().unwrap_or_default();
            if exporter != known {
                (known, count, owned) = rules(exporter);
            }
            let whose = Whose { owned, starts: view.starts, row };
            let place = match count.accounts(&view, mask, row) {
                Accounted::No => Place::of(Direction::Duplicate),
                Accounted::Yes => whose.place(&view, mask, row),
                Accounted::UnlessLocal => match whose.place(&view, mask, row) {
                    place if place.direction == Direction::Local => Place::of(Direction::Duplicate),
                    place => place,
                },
            };
            written.push(place);
        }
        written.give_back(batch, from);
        if let Some(classes) = &self.classes {
            classes.classify(batch, from);
        }
    }
}

/// Whose addresses and ports are.
#[derive(Clone, Debug)]
struct Owned {
    addresses: Addresses,
    ports: Ports,
    /// Whether there are any: mostly not.
    has_ports: bool,
}

impl Owned {
    /// Of the tenants that an exporter's records may be about.
    fn new(tenants: &Tenants, own: &[Prefix], is_of: impl Fn(&Tenant) -> bool) -> Self {
        let ports = Ports::new(tenants.placed().filter(|(_, tenant)| is_of(tenant)));
        Self { addresses: Addresses::new(tenants, own, is_of), has_ports: !ports.is_empty(), ports }
    }
}

/// Whose things are when a record starts.
#[derive(Clone, Copy)]
struct Whose<'a> {
    owned: &'a Owned,
    starts: &'a [i64],
    row: usize,
}

impl Whose<'_> {
    /// When that is, ms since 1970.
    fn at_ms(self) -> i64 {
        self.starts.get(self.row).copied().unwrap_or_default()
    }

    #[inline]
    fn place(self, view: &View<'_>, mask: u64, row: usize) -> Place {
        let mut source = self
            .end(view_addr(mask, Column::SrcAddr, view.src, row), || view.port(mask, Column::SrcPort, row));
        if !source.is_tenant()
            && let Some(translated) = self.translation(source, view, mask, Column::NatSrcAddr)
        {
            source = source.or_translated(translated);
        }
        let mut destination = self
            .end(view_addr(mask, Column::DstAddr, view.dst, row), || view.port(mask, Column::DstPort, row));
        if let Some(translated) = self.translation(destination, view, mask, Column::NatDstAddr) {
            destination =
                if translated.is_tenant() { translated } else { destination.or_translated(translated) };
        }
        if self.owned.has_ports {
            (source, destination) = self.attached(source, destination, view, row);
        }
        match (source.owner, destination.owner) {
            (Owner::Tenant(tenant), Owner::Tenant(peer)) => {
                Place { direction: Direction::Local, tenant, peer, host: source.addr }
            }
            (Owner::Tenant(tenant), _) => {
                Place { direction: Direction::Out, tenant, peer: 0, host: source.addr }
            }
            (_, Owner::Tenant(tenant)) => {
                Place { direction: Direction::In, tenant, peer: 0, host: destination.addr }
            }
            (Owner::Foreign, Owner::Foreign) => Place::of(Direction::Transit),
            _ => Place::of(Direction::Unmatched),
        }
    }

    /// Both ends, which may be tenants' by where they are attached.
    fn attached(self, source: End, destination: End, view: &View<'_>, row: usize) -> (End, End) {
        let told = (source.told(), destination.told());
        let (from, to) = self.owned.ports.ends(&view.attached, row, told, self.at_ms());
        let or = |end: End, tenant: Option<u32>| {
            tenant.map_or(end, |tenant| End { owner: Owner::Tenant(tenant), ..end })
        };
        (or(source, from), or(destination, to))
    }

    /// What an end was translated to, if that is anything else. Its port is the one after translation, and no other.
    #[inline]
    fn translation(self, end: End, view: &View<'_>, mask: u64, column: Column) -> Option<End> {
        let (values, port) = match column {
            Column::NatSrcAddr => (view.nat_src, Column::NatSrcPort),
            _ => (view.nat_dst, Column::NatDstPort),
        };
        let addr = view_addr(mask, column, values, self.row);
        (!addr.is_unspecified() && addr != end.addr)
            .then(|| self.end(addr, || view.port(mask, port, self.row)))
    }

    /// An end of a flow. An unknown address may be anybody's, and counts as ours.
    #[inline]
    fn end(self, addr: Addr, port: impl FnOnce() -> Option<u16>) -> End {
        let owner = match addr.is_unspecified() {
            true => Owner::Own,
            false => self.owned.addresses.get(addr, || self.at_ms(), port),
        };
        End { addr, owner }
    }
}

/// One end of a flow and whose it is.
#[derive(Clone, Copy)]
struct End {
    addr: Addr,
    owner: Owner,
}

impl End {
    #[inline]
    fn is_tenant(self) -> bool {
        matches!(self.owner, Owner::Tenant(_))
    }

    /// What its address says, to who looks where it is attached.
    fn told(self) -> Told {
        match self.owner {
            _ if self.addr.is_unspecified() => Told::Settled,
            Owner::Tenant(_) => Told::Settled,
            Owner::Own | Owner::Divided(_) => Told::Own,
            Owner::Foreign => Told::Foreign,
        }
    }

    /// This end, unless it is unknown or the translated address says more of whose it is: a tenant before own
    /// before foreign.
    #[inline]
    fn or_translated(self, translated: Self) -> Self {
        match (self.owner, translated.owner) {
            _ if self.addr.is_unspecified() => translated,
            (Owner::Tenant(_), _) => self,
            (_, Owner::Tenant(_)) | (Owner::Foreign, Owner::Own) => translated,
            _ => self,
        }
    }
}

/// What is written to one row.
#[derive(Clone, Copy)]
struct Place {
    direction: Direction,
    tenant: u32,
    peer: u32,
    host: Addr,
}

impl Place {
    /// A place without a tenant.
    fn of(direction: Direction) -> Self {
        Self { direction, tenant: 0, peer: 0, host: Addr::UNSPECIFIED }
    }
}

/// The columns that attribution reads. They may be shorter than the batch where nobody wrote them.
struct View<'a> {
    present: &'a [u64],
    starts: &'a [i64],
    exporters: &'a [Addr],
    src: &'a [Addr],
    dst: &'a [Addr],
    nat_src: &'a [Addr],
    nat_dst: &'a [Addr],
    flow_directions: &'a [u8],
    ingress: &'a [u32],
    egress: &'a [u32],
    /// What only shared addresses ask for.
    batch: &'a Batch,
    attached: Attached<'a>,
}

impl<'a> View<'a> {
    fn of(batch: &'a Batch) -> Self {
        Self {
            present: batch.present(),
            starts: batch.times(Column::Start),
            exporters: batch.addrs(Column::Exporter),
            src: batch.addrs(Column::SrcAddr),
            dst: batch.addrs(Column::DstAddr),
            nat_src: batch.addrs(Column::NatSrcAddr),
            nat_dst: batch.addrs(Column::NatDstAddr),
            flow_directions: batch.u8s(Column::FlowDirection),
            ingress: batch.u32s(Column::IngressIf),
            egress: batch.u32s(Column::EgressIf),
            batch,
            attached: Attached::of(batch),
        }
    }
}

impl View<'_> {
    /// The port that a row says in this column, if it is of a protocol that has ports.
    #[cold]
    fn port(&self, mask: u64, column: Column, row: usize) -> Option<u16> {
        let is_said = mask & column.bit() != 0 && mask & Column::Proto.bit() != 0;
        let protocol = self.batch.u8s(Column::Proto).get(row).filter(|_| is_said)?;
        block::port(*protocol, *self.batch.u16s(column).get(row)?)
    }

    /// Which way a row was observed, if the exporter said.
    #[inline]
    fn flow_direction(&self, mask: u64, row: usize) -> Option<FlowDirection> {
        if mask & Column::FlowDirection.bit() == 0 {
            return None;
        }
        FlowDirection::from_code(*self.flow_directions.get(row)?)
    }
}

/// The address of a row, or unspecified where the exporter said none.
#[inline]
fn view_addr(mask: u64, column: Column, values: &[Addr], row: usize) -> Addr {
    if mask & column.bit() == 0 { Addr::UNSPECIFIED } else { values.get(row).copied().unwrap_or_default() }
}

/// Whether a row is accounted where it was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Accounted {
    Yes,
    No,
    /// Traffic between tenants was already accounted on its way in.
    UnlessLocal,
}

impl Count {
    #[inline]
    fn accounts(&self, view: &View<'_>, mask: u64, row: usize) -> Accounted {
        match self {
            Self::All => Accounted::Yes,
            Self::None => Accounted::No,
            Self::Ingress => Accounted::when(view.flow_direction(mask, row) != Some(FlowDirection::Egress)),
            Self::Egress => Accounted::when(view.flow_direction(mask, row) != Some(FlowDirection::Ingress)),
            Self::Interfaces(named) => Self::at(named, view, mask, row),
        }
    }

    fn at(named: &BTreeSet<u32>, view: &View<'_>, mask: u64, row: usize) -> Accounted {
        let is_named = |column: Column, values: &[u32]| {
            mask & column.bit() != 0 && values.get(row).is_some_and(|interface| named.contains(interface))
        };
        let enters = is_named(Column::IngressIf, view.ingress);
        let leaves = is_named(Column::EgressIf, view.egress);
        match view.flow_direction(mask, row) {
            Some(FlowDirection::Ingress) => Accounted::when(enters),
            Some(FlowDirection::Egress) if leaves && enters => Accounted::UnlessLocal,
            Some(FlowDirection::Egress) => Accounted::when(leaves),
            None => Accounted::when(enters || leaves),
        }
    }
}

impl Accounted {
    fn when(accounted: bool) -> Self {
        if accounted { Self::Yes } else { Self::No }
    }
}

/// The columns that attribution writes, out of the batch while it is read.
struct Written {
    tenants: Vec<u32>,
    peers: Vec<u32>,
    directions: Vec<u8>,
    hosts: Vec<Addr>,
}

/// Every bit that it may set.
const OWN_BITS: u64 =
    Column::Tenant.bit() | Column::PeerTenant.bit() | Column::Direction.bit() | Column::Host.bit();

/// Every bit that attribution may set. A class is set afterwards ([`crate::class`]).
const ALL_BITS: u64 = OWN_BITS | Column::Class.bit();

impl Written {
    /// Takes the columns, with exactly `from` values in each and room for `rows`.
    fn take(batch: &mut Batch, from: usize, rows: usize) -> Self {
        let mut taken = Self {
            tenants: std::mem::take(batch.u32s_mut(Column::Tenant)),
            peers: std::mem::take(batch.u32s_mut(Column::PeerTenant)),
            directions: std::mem::take(batch.u8s_mut(Column::Direction)),
            hosts: std::mem::take(batch.addrs_mut(Column::Host)),
        };
        let more = rows.saturating_sub(from);
        fit(&mut taken.tenants, from, more);
        fit(&mut taken.peers, from, more);
        fit(&mut taken.directions, from, more);
        fit(&mut taken.hosts, from, more);
        taken
    }

    #[inline]
    fn push(&mut self, place: Place) {
        self.tenants.push(place.tenant);
        self.peers.push(place.peer);
        self.directions.push(place.direction.code());
        self.hosts.push(place.host);
    }

    /// Puts the columns back and says in each row's presence mask which of them it has.
    fn give_back(self, batch: &mut Batch, from: usize) {
        let present = batch.present_mut().get_mut(from..).unwrap_or_default();
        for (mask, direction) in present.iter_mut().zip(self.directions.iter().skip(from)) {
            *mask = (*mask & !ALL_BITS) | bits(*direction);
        }
        *batch.u32s_mut(Column::Tenant) = self.tenants;
        *batch.u32s_mut(Column::PeerTenant) = self.peers;
        *batch.u8s_mut(Column::Direction) = self.directions;
        *batch.addrs_mut(Column::Host) = self.hosts;
    }
}

fn fit<T: Clone + Default>(values: &mut Vec<T>, len: usize, more: usize) {
    values.resize(len, T::default());
    values.reserve(more);
}

/// Which of the columns a row of this direction has.
#[inline]
fn bits(direction: u8) -> u64 {
    const IN: u8 = Direction::In.code();
    const OUT: u8 = Direction::Out.code();
    const LOCAL: u8 = Direction::Local.code();
    match direction {
        IN | OUT => Column::Direction.bit() | Column::Tenant.bit() | Column::Host.bit(),
        LOCAL => OWN_BITS,
        _ => Column::Direction.bit(),
    }
}
