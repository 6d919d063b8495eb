//! A template compiled once into column moves, so that a data set costs one loop a column.
//!
//! [`ELEMENTS`] says which information element feeds which column. What is not a plain move is kept apart:
//! times (several forms of one thing), octets and packets (several counters, of which one counts), sampling, and
//! events. A template with reverse elements (RFC 5103) or with a responder's counters describes two flows: it
//! compiles to two [`Side`]s, read from the same octets.

use super::clock::Form;
use super::gather::Place;
use crate::schema::Column;
use weir_wire::Error;
use weir_wire::reader::Reader;
use weir_wire::template::{Field, Template, take_field};

/// The enterprise number of reverse elements (RFC 5103 §6.1).
const REVERSE: u32 = 29_305;

/// A column fed by a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Move {
    pub(super) column: Column,
    pub(super) place: Place,
}

/// One direction of the flows that a template describes.
#[derive(Debug, Clone, Default)]
pub(super) struct Side {
    /// Presence mask of the columns that `moves` fill.
    pub(super) mask: u64,
    pub(super) moves: Vec<Move>,
    /// Addresses of the other family, for records that carry both.
    pub(super) overlays: Vec<Move>,
    pub(super) octets: Option<Place>,
    pub(super) packets: Option<Place>,
}

/// What a session needs to know of a template to read its data sets.
#[derive(Debug, Clone, Default)]
pub(super) struct Plan {
    layout: Layout,
    pub(super) forward: Side,
    pub(super) reverse: Option<Side>,
    pub(super) start: Option<(Form, Place)>,
    pub(super) end: Option<(Form, Place)>,
    /// The flow's duration in ms (161), where only one end is given.
    pub(super) duration: Option<Place>,
    /// The interval in the record itself (34), or its packets (305) with the space between (306).
    pub(super) interval: Option<Place>,
    pub(super) space: Option<Place>,
    /// The sampler (48) or selector (302) that the record names.
    pub(super) sampler: Option<Place>,
    /// When the exporter started (160), from which its uptime counts.
    pub(super) init: Option<Place>,
    /// A firewall's (233) or a translator's (230) event: not a measurement of traffic as such.
    pub(super) event: Option<Place>,
    /// A firewall's event (233) and the connection that it speaks of (148).
    pub(super) firewall: Option<(Place, Place)>,
    /// ICMP type and code in one number (32, 139).
    pub(super) icmp: Option<Place>,
}

/// How records lie in a set.
#[derive(Debug, Clone, Default)]
enum Layout {
    /// One after the other, all of this length.
    #[default]
    Empty,
    /// All of this length.
    Fixed(usize),
    /// Fields say themselves how long they are: what is needed is first copied together.
    Variable { fields: Vec<(u16, Option<Place>)>, stride: usize },
}

/// An element, the column it feeds, and how many octets make sense.
struct Feed(u16, Column, Width);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Width {
    Number,
    V4,
    V6,
    Mac,
}

impl Width {
    fn accepts(self, length: u16) -> bool {
        match self {
            Self::Number => (1..=8).contains(&length),
            Self::V4 => length == 4,
            Self::V6 => length == 16,
            Self::Mac => length == 6,
        }
    }
}

/// Elements that are plain moves. Where several feed one column, the one that stands first here wins.
const ELEMENTS: &[Feed] = &[
    Feed(4, Column::Proto, Width::Number),
    Feed(5, Column::Tos, Width::Number),
    Feed(6, Column::TcpFlags, Width::Number),
    Feed(7, Column::SrcPort, Width::Number),
    Feed(180, Column::SrcPort, Width::Number),
    Feed(182, Column::SrcPort, Width::Number),
    Feed(11, Column::DstPort, Width::Number),
    Feed(181, Column::DstPort, Width::Number),
    Feed(183, Column::DstPort, Width::Number),
    Feed(8, Column::SrcAddr, Width::V4),
    Feed(27, Column::SrcAddr, Width::V6),
    Feed(12, Column::DstAddr, Width::V4),
    Feed(28, Column::DstAddr, Width::V6),
    Feed(9, Column::SrcMask, Width::Number),
    Feed(29, Column::SrcMask, Width::Number),
    Feed(13, Column::DstMask, Width::Number),
    Feed(30, Column::DstMask, Width::Number),
    Feed(10, Column::IngressIf, Width::Number),
    Feed(252, Column::IngressIf, Width::Number),
    Feed(14, Column::EgressIf, Width::Number),
    Feed(253, Column::EgressIf, Width::Number),
    Feed(15, Column::NextHop, Width::V4),
    Feed(62, Column::NextHop, Width::V6),
    Feed(16, Column::SrcAs, Width::Number),
    Feed(17, Column::DstAs, Width::Number),
    Feed(56, Column::SrcMac, Width::Mac),
    Feed(81, Column::SrcMac, Width::Mac),
    Feed(80, Column::DstMac, Width::Mac),
    Feed(57, Column::DstMac, Width::Mac),
    Feed(58, Column::SrcVlan, Width::Number),
    Feed(243, Column::SrcVlan, Width::Number),
    Feed(59, Column::DstVlan, Width::Number),
    Feed(254, Column::DstVlan, Width::Number),
    Feed(61, Column::FlowDirection, Width::Number),
    Feed(176, Column::IcmpType, Width::Number),
    Feed(178, Column::IcmpType, Width::Number),
    Feed(177, Column::IcmpCode, Width::Number),
    Feed(179, Column::IcmpCode, Width::Number),
    Feed(225, Column::NatSrcAddr, Width::V4),
    Feed(281, Column::NatSrcAddr, Width::V6),
    Feed(226, Column::NatDstAddr, Width::V4),
    Feed(282, Column::NatDstAddr, Width::V6),
    Feed(227, Column::NatSrcPort, Width::Number),
    Feed(228, Column::NatDstPort, Width::Number),
];

/// Elements that give the start, best first.
const STARTS: &[(u16, Form)] = &[
    (152, Form::Millis),
    (156, Form::Ntp),
    (154, Form::Ntp),
    (150, Form::Seconds),
    (22, Form::Uptime),
    (158, Form::DeltaMicros),
    (323, Form::Millis),
    (324, Form::Ntp),
    (325, Form::Ntp),
    (322, Form::Seconds),
];

/// Elements that give the end, best first.
const ENDS: &[(u16, Form)] = &[
    (153, Form::Millis),
    (157, Form::Ntp),
    (155, Form::Ntp),
    (151, Form::Seconds),
    (21, Form::Uptime),
    (159, Form::DeltaMicros),
    (323, Form::Millis),
    (324, Form::Ntp),
    (325, Form::Ntp),
    (322, Form::Seconds),
];

/// Counters of a flow, best first: delta, total, initiator's, what left after a middlebox.
const OCTETS: &[u16] = &[1, 85, 231, 23];
const PACKETS: &[u16] = &[2, 86, 298, 24];
/// What the responder sent, in one record with what the initiator sent.
const RESPONDER_OCTETS: u16 = 232;
const RESPONDER_PACKETS: u16 = 299;

impl Plan {
    /// Compiles a template.
    pub(super) fn compile(template: &Template<'_>) -> Self {
        let fields: Vec<Field> = template.fields().collect();
        let mut found = Found::default();
        let layout = if template.is_variable { found.variable(&fields) } else { found.fixed(&fields) };
        let mut plan = Self { layout, ..Self::default() };
        plan.forward = Side {
            octets: OCTETS.iter().find_map(|e| found.number(*e)),
            packets: PACKETS.iter().find_map(|e| found.number(*e)),
            ..found.side()
        };
        plan.reverse = found.reverse_side(&plan.forward);
        plan.start = found.time(STARTS);
        plan.end = found.time(ENDS);
        plan.duration = found.number(161);
        plan.interval = found.number(34).or(found.number(50)).or(found.number(305));
        plan.space = found.number(306);
        plan.sampler = found.number(302).or(found.number(48));
        plan.init = found.number(160);
        plan.event = found.number(233).or(found.number(230));
        plan.firewall = found.number(233).zip(found.number(148));
        plan.icmp = found.number(32).or(found.number(139));
        plan
    }

    /// Calls `read` with the records of a set's body as one run of equal length; `dense` is the room in which
    /// records of variable length are copied together.
    ///
    /// # Errors
    /// What is wrong, at its place in the body, if a record of variable length ran past the end: the records
    /// before it were read.
    pub(super) fn records<R>(
        &self,
        body: &[u8],
        dense: &mut Vec<u8>,
        read: impl FnOnce(super::gather::Records<'_>) -> R,
    ) -> (R, Option<Error>) {
        match &self.layout {
            Layout::Empty => (read(super::gather::Records::new(&[], 1)), None),
            Layout::Fixed(stride) => (read(super::gather::Records::new(body, *stride)), None),
            Layout::Variable { fields, stride } => {
                let problem = copy_together(fields, *stride, body, dense);
                (read(super::gather::Records::new(dense, *stride)), problem)
            }
        }
    }
}

/// Copies the needed fields of records of variable length together, so that all records have one length.
fn copy_together(
    fields: &[(u16, Option<Place>)],
    stride: usize,
    body: &[u8],
    dense: &mut Vec<u8>,
) -> Option<Error> {
    dense.clear();
    let shortest: usize =
        fields.iter().map(|(length, _)| if *length == u16::MAX { 1 } else { usize::from(*length) }).sum();
    let mut reader = Reader::new(body);
    while reader.len() >= shortest.max(1) {
        let base = dense.len();
        dense.resize(base.saturating_add(stride), 0);
        for (length, place) in fields {
            let field = match take_field(&mut reader, *length) {
                Ok(field) => field,
                Err(error) => {
                    dense.truncate(base);
                    return Some(error);
                }
            };
            let Some(place) = place else { continue };
            // Numbers of a length that only the record tells are set right-aligned.
            let skip = place.width.saturating_sub(field.len());
            let at = base.saturating_add(place.offset).saturating_add(skip);
            if let Some(slot) = dense.get_mut(at..at.saturating_add(field.len().min(place.width))) {
                slot.copy_from_slice(field.get(..slot.len()).unwrap_or_default());
            }
        }
    }
    None
}

/// Where the elements of a template are found; of an element that is there twice, the first.
#[derive(Default)]
struct Found {
    places: Vec<((u32, u16), Place)>,
}

impl Found {
    fn fixed(&mut self, fields: &[Field]) -> Layout {
        let mut offset = 0usize;
        for field in fields {
            let width = usize::from(field.length);
            self.note(field, Place { offset, width });
            offset = offset.saturating_add(width);
        }
        if offset == 0 { Layout::Empty } else { Layout::Fixed(offset) }
    }

    fn variable(&mut self, fields: &[Field]) -> Layout {
        let mut stride = 0usize;
        let mut layout = Vec::with_capacity(fields.len());
        for field in fields {
            // Numbers have at most 8 octets; longer values (names) feed no column.
            let width = if field.is_variable() { 8 } else { usize::from(field.length) };
            let wanted = width > 0 && width <= 16 && (field.enterprise == 0 || field.enterprise == REVERSE);
            let place = Place { offset: stride, width };
            if wanted && self.note(field, place) {
                stride = stride.saturating_add(width);
                layout.push((field.length, Some(place)));
            } else {
                layout.push((field.length, None));
            }
        }
        Layout::Variable { fields: layout, stride: stride.max(1) }
    }

    /// Notes a field unless it is there already or has no octets.
    fn note(&mut self, field: &Field, place: Place) -> bool {
        let key = (field.enterprise, field.element);
        let new = place.width > 0 && !field.is_scope() && !self.places.iter().any(|(k, _)| *k == key);
        if new {
            self.places.push((key, place));
        }
        new
    }

    fn get(&self, enterprise: u32, element: u16) -> Option<Place> {
        self.places.iter().find(|(key, _)| *key == (enterprise, element)).map(|(_, place)| *place)
    }

    fn of_width(&self, enterprise: u32, element: u16, width: Width) -> Option<Place> {
        let place = self.get(enterprise, element)?;
        u16::try_from(place.width).is_ok_and(|w| width.accepts(w)).then_some(place)
    }

    fn number(&self, element: u16) -> Option<Place> {
        self.of_width(0, element, Width::Number)
    }

    fn time(&self, forms: &[(u16, Form)]) -> Option<(Form, Place)> {
        forms.iter().find_map(|(element, form)| Some((*form, self.number(*element)?)))
    }

    /// The plain moves.
    fn side(&self) -> Side {
        let mut side = Side::default();
        for Feed(element, column, width) in ELEMENTS {
            let Some(place) = self.of_width(0, *element, *width) else { continue };
            let mv = Move { column: *column, place };
            if side.mask & column.bit() == 0 {
                side.mask |= column.bit();
                side.moves.push(mv);
            } else if matches!(width, Width::V6) {
                side.overlays.push(mv);
            }
        }
        side
    }

    /// The way back, if the template counts it: the same flow with its ends exchanged.
    fn reverse_side(&self, forward: &Side) -> Option<Side> {
        let reverse =
            |elements: &[u16]| elements.iter().find_map(|e| self.of_width(REVERSE, *e, Width::Number));
        let is_initiator = forward.octets.is_some() && forward.octets == self.number(231);
        let responder = |element| is_initiator.then(|| self.number(element)).flatten();
        let octets = reverse(OCTETS).or(responder(RESPONDER_OCTETS));
        let packets = reverse(PACKETS).or(responder(RESPONDER_PACKETS));
        if octets.is_none() && packets.is_none() {
            return None;
        }
        let exchange = |mv: &Move| Move { column: exchanged(mv.column), place: mv.place };
        let mut side = Side {
            mask: 0,
            moves: forward.moves.iter().map(exchange).collect(),
            overlays: forward.overlays.iter().map(exchange).collect(),
            octets,
            packets,
        };
        // The direction of observation is the forward one's; flags and service have elements of their own.
        side.moves.retain(|mv| !matches!(mv.column, Column::FlowDirection | Column::TcpFlags | Column::Tos));
        for (element, column) in [(6, Column::TcpFlags), (5, Column::Tos)] {
            if let Some(place) = self.of_width(REVERSE, element, Width::Number) {
                side.moves.push(Move { column, place });
            }
        }
        side.mask = side.moves.iter().fold(0, |mask, mv| mask | mv.column.bit());
        Some(side)
    }
}

/// The column that holds the same thing of the other end.
fn exchanged(column: Column) -> Column {
    use Column as C;
    const PAIRS: &[(Column, Column)] = &[
        (C::SrcAddr, C::DstAddr),
        (C::SrcPort, C::DstPort),
        (C::IngressIf, C::EgressIf),
        (C::SrcAs, C::DstAs),
        (C::SrcMask, C::DstMask),
        (C::SrcVlan, C::DstVlan),
        (C::SrcMac, C::DstMac),
        (C::NatSrcAddr, C::NatDstAddr),
        (C::NatSrcPort, C::NatDstPort),
    ];
    PAIRS
        .iter()
        .find_map(|(a, b)| match column {
            c if c == *a => Some(*b),
            c if c == *b => Some(*a),
            _ => None,
        })
        .unwrap_or(column)
}
