//! A template compiled once into column moves, so that a data set costs one loop a column.
//!
//! [`element`] says which information element feeds which column. What is not a plain move is kept apart:
//! times (several forms of one thing), octets and packets (several counters, of which one counts), sampling, text,
//! and events. A template with reverse elements (RFC 5103) or with a responder's counters describes two flows: it
//! compiles to two [`Side`]s, read from the same octets. Whatever no column holds goes into `other` ([`rest`]).

mod element;
mod found;
mod layout;
mod rest;

use super::clock::Form;
use super::gather::Place;
use super::list::is_list;
use crate::schema::Column;
use element::{APPLICATION, ENDS, FIREWALL_EVENTS, OCTETS, PACKETS, STARTS};
use found::Found;
pub(super) use layout::Dense;
use layout::Layout;
pub(super) use rest::Rest;
use weir_wire::template::{Field, Template};

/// A column fed by a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Move {
    pub(super) column: Column,
    pub(super) place: Place,
    /// Bits at the low end that are not the value's.
    pub(super) shift: u32,
}

/// Where a field that is not a number lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    /// In each record.
    Place(Place),
    /// In this list of [`Dense::strings`], where records have variable length.
    Strings(usize),
}

/// A column of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) column: Column,
    pub(super) at: At,
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
    /// Whether octets and packets are totals of the flow's life (85, 86), reported again as it goes on.
    pub(super) is_total: [bool; 2],
}

/// What a session needs to know of a template to read its data sets.
#[derive(Debug, Clone, Default)]
pub(super) struct Plan {
    layout: Layout,
    pub(super) forward: Side,
    pub(super) reverse: Option<Side>,
    pub(super) texts: Vec<Text>,
    /// The application by number (95), where the record does not name it.
    pub(super) application: Option<At>,
    pub(super) rest: Rest,
    /// Whether there are lists among what has no column.
    pub(super) has_lists: bool,
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
    /// A firewall's (233, 40005) or a translator's (230) event: not a measurement of traffic as such.
    pub(super) event: Option<Event>,
    /// The connection (148) that a firewall's event speaks of.
    pub(super) connection: Option<Place>,
    /// The flow by number (148), or what tells it from others.
    pub(super) identity: Vec<Place>,
    /// Why the flow was reported (136).
    pub(super) end_reason: Option<Place>,
    /// ICMP type and code in one number (32, 139).
    pub(super) icmp: Option<Place>,
}

/// Which registry's events a record reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// Element 233, or 40005.
    Firewall(Place),
    /// Element 230.
    Translator(Place),
}

impl Plan {
    /// Compiles a template.
    pub(super) fn compile(template: &Template<'_>) -> Self {
        let fields: Vec<Field> = template.fields().collect();
        let mut found = Found::new(&fields, template.is_variable);
        let mut plan = Self { forward: found.side(), ..Self::default() };
        plan.forward.octets = OCTETS.iter().find_map(|e| found.number(*e));
        plan.forward.packets = PACKETS.iter().find_map(|e| found.number(*e));
        plan.forward.is_total = found.is_total(&plan.forward);
        plan.reverse = found.reverse_side(&plan.forward);
        plan.start = found.time(STARTS);
        plan.end = found.time(ENDS);
        // What says nothing new stays an element of its own.
        plan.duration = if plan.start.is_some() == plan.end.is_some() { None } else { found.number(161) };
        plan.interval = found.number(34).or_else(|| found.number(50));
        if plan.interval.is_none() {
            plan.interval = found.number(305);
            plan.space = plan.interval.and_then(|_| found.number(306));
        }
        plan.sampler = found.number(302).or_else(|| found.number(48));
        let is_uptime = |time: &Option<(Form, Place)>| matches!(time, Some((Form::Uptime, _)));
        if is_uptime(&plan.start) || is_uptime(&plan.end) {
            plan.init = found.number(160);
        }
        if plan.forward.mask & Column::IcmpType.bit() == 0 {
            plan.icmp = found.number(32).or_else(|| found.number(139));
        }
        plan.texts = found.texts();
        if !plan.texts.iter().any(|text| text.column == Column::Application) {
            plan.application = found.string(0, APPLICATION);
        }
        let firewall = FIREWALL_EVENTS.iter().find_map(|element| found.peek(*element));
        plan.event = firewall.map(Event::Firewall).or_else(|| found.peek(230).map(Event::Translator));
        plan.connection = firewall.and_then(|_| found.peek(148));
        plan.end_reason = found.peek(136);
        plan.identity = found.identity(&plan);
        plan.has_lists = fields.iter().any(|field| is_list(field.enterprise, field.element));
        (plan.layout, plan.rest) = found.finish(&fields);
        plan
    }
}
