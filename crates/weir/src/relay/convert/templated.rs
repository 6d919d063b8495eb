//! NetFlow v9 and IPFIX: what both have of templates, sets and messages.

use super::layout::{Layout, template_id};
use super::row::Row;
use super::{Moment, Sink, Stream, TEMPLATES_EVERY_MS};
use weir_flow::Batch;
use weir_wire::netflow::v9;
use weir_wire::{Error, Reason, ipfix};

/// A message that is being written.
enum Message<'a> {
    V9(v9::Writer<'a>),
    Ipfix(ipfix::Writer<'a>),
}

macro_rules! either {
    ($message:expr, $writer:ident => $body:expr) => {
        match $message {
            Message::V9($writer) => $body,
            Message::Ipfix($writer) => $body,
        }
    };
}

impl<'a> Message<'a> {
    fn new(is_v9: bool, stream: &Stream, moment: Moment, room: &'a mut [u8]) -> Result<Self, Error> {
        let (export_s, sequence) = (moment.export_s(), stream.sequence);
        if is_v9 {
            let (uptime_ms, source_id) = (moment.uptime_ms(), stream.id);
            let header = v9::Header { count: 0, uptime_ms, export_s, sequence, source_id };
            return v9::Writer::new(room, header).map(Self::V9);
        }
        let header = ipfix::Header { length: 0, export_s, sequence, domain: stream.id };
        ipfix::Writer::new(room, header).map(Self::Ipfix)
    }
}

/// What goes into messages, in this order; the numbers are places of layouts and rows.
#[derive(Debug, Clone, Copy)]
enum Part {
    Template(usize),
    Record { layout: usize, row: usize },
}

/// Sends rows of one stream.
pub(super) fn write(
    stream: &mut Stream,
    (batch, rows): (&Batch, &[usize]),
    moment: Moment,
    is_v9: bool,
    room: &mut [u8],
    sink: &mut dyn Sink,
) {
    let parts = parts(stream, batch, rows, moment, is_v9, sink);
    let mut record = Vec::new();
    let mut rest = parts.as_slice();
    while !rest.is_empty() {
        let Ok(mut message) = Message::new(is_v9, stream, moment, room) else { return };
        let mut written = 0;
        let mut records = 0;
        for part in rest {
            match put(&mut message, *part, stream, batch, moment, &mut record) {
                Ok(()) => written += 1,
                Err(error) if error.reason == Reason::NoSpace && written > 0 => break,
                // Not even alone: the least room for a message rules it out.
                Err(_) => break,
            }
            records += usize::from(matches!(part, Part::Record { .. }));
        }
        let finished = either!(message, writer => writer.finish());
        if let Ok(len) = finished
            && written > 0
        {
            sink.datagram(stream.exporter, room.get(..len).unwrap_or_default(), records);
            let counted = if is_v9 { 1 } else { u32::try_from(records).unwrap_or(u32::MAX) };
            stream.sequence = stream.sequence.wrapping_add(counted);
        }
        rest = rest.get(written.max(1)..).unwrap_or_default();
    }
}

/// The rows as parts: records of one layout behind each other, every layout's template before its first record,
/// and all templates again when it is time.
fn parts(
    stream: &mut Stream,
    batch: &Batch,
    rows: &[usize],
    moment: Moment,
    is_v9: bool,
    sink: &mut dyn Sink,
) -> Vec<Part> {
    let mut records = Vec::with_capacity(rows.len());
    for row in rows {
        match stream.layout(Layout::of(Row::new(batch, *row), moment, is_v9)) {
            Ok(layout) => records.push((layout, *row)),
            Err(skip) => sink.skipped(stream.exporter, skip),
        }
    }
    records.sort_unstable();
    if moment.now.abs_diff(stream.templates_ms) >= TEMPLATES_EVERY_MS.unsigned_abs() {
        stream.announced = 0;
        stream.templates_ms = moment.now;
    }
    let unannounced = stream.announced..stream.layouts.len();
    stream.announced = stream.layouts.len();
    let records = records.into_iter().map(|(layout, row)| Part::Record { layout, row });
    unannounced.map(Part::Template).chain(records).collect()
}

fn put(
    message: &mut Message<'_>,
    part: Part,
    stream: &Stream,
    batch: &Batch,
    moment: Moment,
    record: &mut Vec<u8>,
) -> Result<(), Error> {
    let (Part::Template(at) | Part::Record { layout: at, .. }) = part;
    let layout = stream.layouts.get(at).copied().ok_or(Error::new(Reason::BadTemplateId, 0))?;
    let id = template_id(at);
    let Part::Record { row, .. } = part else {
        let fields = layout.template();
        return either!(message, writer => writer.template(id, &fields));
    };
    layout.put(Row::new(batch, row), moment, record);
    either!(message, writer => {
        writer.begin_data(id)?;
        writer.record(record)
    })
}
