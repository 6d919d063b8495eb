//! What a template has, and what of it has found its use.

use super::super::clock::Form;
use super::super::gather::Place;
use super::element::{ELEMENTS, Feed, OCTETS, PACKETS, RESPONDER_OCTETS, RESPONDER_PACKETS, TEXTS, Width};
use super::layout::{Layout, Use};
use super::rest::Rest;
use super::{At, Move, Plan, Side, Text};
use crate::schema::Column;
use weir_wire::template::Field;

/// The enterprise number of reverse elements (RFC 5103 §6.1).
const REVERSE: u32 = 29_305;

/// Where the elements of a template are found; of an element that is there twice, the first.
pub(super) struct Found {
    entries: Vec<Entry>,
    /// Octets of a record, or of what is copied together of one.
    stride: usize,
    is_variable: bool,
    /// How many lists of strings there are.
    strings: usize,
}

/// A field of the template.
struct Entry {
    enterprise: u32,
    element: u16,
    /// Where it lies, if it has octets and, in records of variable length, could be a number or an address.
    place: Option<Place>,
    taken: Taken,
    /// Whether its value is looked at without being taken.
    is_read: bool,
}

/// What a field has been used for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Taken {
    No,
    Number,
    Strings(usize),
}

impl Found {
    pub(super) fn new(fields: &[Field], is_variable: bool) -> Self {
        let mut found =
            Self { entries: Vec::with_capacity(fields.len()), stride: 0, is_variable, strings: 0 };
        for field in fields {
            let (enterprise, element) = (field.enterprise, field.element);
            // Numbers have at most 8 octets; longer values of variable length are strings.
            let width = if field.is_variable() { 8 } else { usize::from(field.length) };
            let holds = if is_variable { (1..=16).contains(&width) } else { width > 0 };
            let place = holds.then_some(Place { offset: found.stride, width });
            found.stride = found.stride.saturating_add(if place.is_some() { width } else { 0 });
            found.entries.push(Entry { enterprise, element, place, taken: Taken::No, is_read: false });
        }
        found
    }

    fn entry(&mut self, enterprise: u32, element: u16) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|e| (e.enterprise, e.element) == (enterprise, element))
    }

    fn of_width(&mut self, enterprise: u32, element: u16, width: Width) -> Option<Place> {
        let place = self.entry(enterprise, element)?.place?;
        u16::try_from(place.width).is_ok_and(|w| width.accepts(w)).then_some(place)
    }

    /// The place of a field whose value goes elsewhere as well.
    pub(super) fn peek(&mut self, element: u16) -> Option<Place> {
        let place = self.of_width(0, element, Width::Number)?;
        if let Some(entry) = self.entry(0, element) {
            entry.is_read = true;
        }
        Some(place)
    }

    fn take(&mut self, enterprise: u32, element: u16, width: Width) -> Option<Place> {
        let place = self.of_width(enterprise, element, width)?;
        if let Some(entry) = self.entry(enterprise, element) {
            entry.taken = Taken::Number;
        }
        Some(place)
    }

    pub(super) fn number(&mut self, element: u16) -> Option<Place> {
        self.take(0, element, Width::Number)
    }

    pub(super) fn time(&mut self, forms: &[(u16, Form)]) -> Option<(Form, Place)> {
        forms.iter().find_map(|(element, form)| Some((*form, self.number(*element)?)))
    }

    /// A field whose octets are wanted as they are.
    pub(super) fn string(&mut self, enterprise: u32, element: u16) -> Option<At> {
        let (is_variable, next) = (self.is_variable, self.strings);
        let entry = self.entry(enterprise, element)?;
        if !is_variable {
            entry.taken = Taken::Number;
            return entry.place.map(At::Place);
        }
        entry.taken = Taken::Strings(next);
        self.strings = next.saturating_add(1);
        Some(At::Strings(next))
    }

    /// The columns of text, each from the best element that there is.
    pub(super) fn texts(&mut self) -> Vec<Text> {
        let mut texts: Vec<Text> = Vec::new();
        for (enterprise, element, column) in TEXTS {
            if !texts.iter().any(|text| text.column == *column)
                && let Some(at) = self.string(*enterprise, *element)
            {
                texts.push(Text { column: *column, at });
            }
        }
        texts
    }

    /// The plain moves.
    pub(super) fn side(&mut self) -> Side {
        let mut side = Side::default();
        for Feed(element, column, width) in ELEMENTS {
            let is_first = side.mask & column.bit() == 0;
            if !is_first && !matches!(width, Width::V6) {
                continue;
            }
            let Some(place) = self.take(0, *element, *width) else { continue };
            let shift = if *width == Width::Label && place.width == 3 { 4 } else { 0 };
            let mv = Move { column: *column, place, shift };
            if is_first {
                side.mask |= column.bit();
                side.moves.push(mv);
            } else {
                side.overlays.push(mv);
            }
        }
        side
    }

    /// Which counters of a side are the flow's totals.
    pub(super) fn is_total(&mut self, side: &Side) -> [bool; 2] {
        let is = |place: Option<Place>, total: Option<Place>| place.is_some() && place == total;
        [is(side.octets, self.peek(85)), is(side.packets, self.peek(86))]
    }

    /// The way back, if the template counts it: the same flow with its ends exchanged.
    pub(super) fn reverse_side(&mut self, forward: &Side) -> Option<Side> {
        let mut reverse =
            |elements: &[u16]| elements.iter().find_map(|e| self.take(REVERSE, *e, Width::Number));
        let (octets, packets) = (reverse(OCTETS), reverse(PACKETS));
        let is_initiator = forward.octets.is_some() && forward.octets == self.peek(231);
        let mut responder = |element| if is_initiator { self.number(element) } else { None };
        let octets = octets.or_else(|| responder(RESPONDER_OCTETS));
        let packets = packets.or_else(|| responder(RESPONDER_PACKETS));
        if octets.is_none() && packets.is_none() {
            return None;
        }
        let exchange = |mv: &Move| Move { column: exchanged(mv.column), ..*mv };
        let mut side = Side {
            mask: 0,
            moves: forward.moves.iter().map(exchange).collect(),
            overlays: forward.overlays.iter().map(exchange).collect(),
            octets,
            packets,
            is_total: [(octets, 85), (packets, 86)].map(|(place, total)| {
                place.is_some() && place == self.of_width(REVERSE, total, Width::Number)
            }),
        };
        // The direction of observation is the forward one's; flags and service have elements of their own.
        side.moves.retain(|mv| !matches!(mv.column, Column::FlowDirection | Column::TcpFlags | Column::Tos));
        for (element, column) in [(6, Column::TcpFlags), (5, Column::Tos)] {
            if let Some(place) = self.take(REVERSE, element, Width::Number) {
                side.moves.push(Move { column, place, shift: 0 });
            }
        }
        side.mask = side.moves.iter().fold(0, |mask, mv| mask | mv.column.bit());
        Some(side)
    }

    /// What tells one flow from another in reports that come again: its number, or its ends and its start.
    pub(super) fn identity(&mut self, plan: &Plan) -> Vec<Place> {
        if let Some(number) = self.peek(148) {
            return vec![number];
        }
        const KEYS: u64 = Column::SrcAddr.bit()
            | Column::DstAddr.bit()
            | Column::SrcPort.bit()
            | Column::DstPort.bit()
            | Column::Proto.bit()
            | Column::IngressIf.bit()
            | Column::SrcVlan.bit()
            | Column::Tos.bit();
        let moves = plan.forward.moves.iter().chain(&plan.forward.overlays);
        let keys = moves.filter(|mv| KEYS & mv.column.bit() != 0).map(|mv| mv.place);
        keys.chain(plan.start.map(|start| start.1)).collect()
    }

    /// How records are to be read, and what has no column.
    pub(super) fn finish(self, fields: &[Field]) -> (Layout, Rest) {
        let mut rest = Rest::default();
        if !self.is_variable {
            for (entry, field) in self.entries.iter().zip(fields).filter(|(e, _)| e.taken == Taken::No) {
                if let Some(place) = entry.place {
                    rest.add(field, place);
                }
            }
            let layout = if self.stride == 0 { Layout::Empty } else { Layout::Fixed(self.stride) };
            return (layout, rest);
        }
        let fields = self.entries.iter().zip(fields).map(|(entry, field)| {
            let usage = match (entry.taken, entry.place) {
                (Taken::Number, Some(place)) => Use::Number(place, *field),
                (Taken::No, Some(place)) if entry.is_read => Use::Both(place, *field),
                (Taken::Strings(list), _) => Use::Strings(list),
                _ => Use::Other(*field),
            };
            (field.length, usage)
        });
        let fields = fields.collect();
        (Layout::Variable { fields, stride: self.stride.max(1), strings: self.strings }, rest)
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
        (C::IngressVrf, C::EgressVrf),
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
