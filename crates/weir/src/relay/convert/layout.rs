//! What a record of v9 or IPFIX looks like: the columns that it has, and no others. So unknown stays unknown.

use super::row::Row;
use super::{Moment, Skip, Stream};
use weir_flow::schema::Column;
use weir_wire::template::Field;

/// Templates of a stream. Real exporters have some dozens of kinds of records.
const LAYOUTS_MAX: usize = 1024;
/// The first id a template can have.
const FIRST_ID: usize = 256;

/// The columns that are sent, each with its element for IPv4 (or any), its element for IPv6, and its octets there.
pub(super) const COLUMNS: [(Column, u16, u16, u16); 31] = [
    (Column::Exporter, 130, 131, 4),
    (Column::SrcAddr, 8, 27, 4),
    (Column::DstAddr, 12, 28, 4),
    (Column::SrcPort, 7, 7, 2),
    (Column::DstPort, 11, 11, 2),
    (Column::Proto, 4, 4, 1),
    (Column::TcpFlags, 6, 6, 2),
    (Column::Tos, 5, 5, 1),
    (Column::IcmpType, 176, 178, 1),
    (Column::IcmpCode, 177, 179, 1),
    (Column::IngressIf, 10, 10, 4),
    (Column::EgressIf, 14, 14, 4),
    (Column::FlowDirection, 61, 61, 1),
    (Column::SrcAs, 16, 16, 4),
    (Column::DstAs, 17, 17, 4),
    (Column::SrcMask, 9, 29, 1),
    (Column::DstMask, 13, 30, 1),
    (Column::NextHop, 15, 62, 4),
    (Column::SrcVlan, 58, 58, 2),
    (Column::DstVlan, 59, 59, 2),
    (Column::SrcMac, 56, 56, 6),
    (Column::DstMac, 80, 80, 6),
    (Column::NatSrcAddr, 225, 281, 4),
    (Column::NatDstAddr, 226, 282, 4),
    (Column::NatSrcPort, 227, 227, 2),
    (Column::NatDstPort, 228, 228, 2),
    (Column::MeasuredOctets, 1, 1, 8),
    (Column::MeasuredPackets, 2, 2, 8),
    (Column::SamplingInterval, 34, 34, 4),
    (Column::Start, 152, 152, 8),
    (Column::End, 153, 153, 8),
];

/// Addresses have their own family each; what else differs between families goes by the source's.
const ADDRESSES: [Column; 6] = [
    Column::Exporter,
    Column::SrcAddr,
    Column::DstAddr,
    Column::NextHop,
    Column::NatSrcAddr,
    Column::NatDstAddr,
];

/// How a template says when a flow was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Times {
    /// Milliseconds since 1970 (elements 152, 153).
    Millis,
    /// Uptimes (22, 21), as every v9 collector reads them.
    Uptimes,
}

/// A template without its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Layout {
    /// Bits of the columns that are there.
    columns: u64,
    /// Bits of the address columns that are IPv6.
    six: u64,
    times: Times,
    /// v9's TCP flags have one octet.
    is_v9: bool,
}

impl Layout {
    /// The layout that fits a record. v9 has uptimes where they reach.
    pub(super) fn of(row: Row<'_>, moment: Moment, is_v9: bool) -> Self {
        let columns = COLUMNS.iter().fold(0, |bits, (column, ..)| bits | column.bit()) & row.present();
        let is_six = |column: &&Column| row.addr(**column).is_some_and(|addr| !addr.is_v4());
        let six = ADDRESSES.iter().filter(is_six).fold(0, |bits, column| bits | column.bit());
        let reaches = moment.reaches(row.time(Column::Start), row.time(Column::End));
        let times = if is_v9 && reaches { Times::Uptimes } else { Times::Millis };
        Self { columns, six, times, is_v9 }
    }

    /// The fields with their columns, in order.
    fn fields(self) -> impl Iterator<Item = (Column, Field)> {
        let source_is_six = self.six & Column::SrcAddr.bit() != 0;
        COLUMNS.iter().filter(move |(column, ..)| self.columns & column.bit() != 0).map(
            move |&(column, element, element_six, len)| {
                let is_address = ADDRESSES.contains(&column);
                let is_six = if is_address { self.six & column.bit() != 0 } else { source_is_six };
                let field = match (column, self.times) {
                    (Column::Start, Times::Uptimes) => Field::new(22, 4),
                    (Column::End, Times::Uptimes) => Field::new(21, 4),
                    (Column::TcpFlags, _) if self.is_v9 => Field::new(6, 1),
                    _ if is_address && is_six => Field::new(element_six, 16),
                    _ if is_six => Field::new(element_six, len),
                    _ => Field::new(element, len),
                };
                (column, field)
            },
        )
    }

    /// The fields, as a template has them.
    pub(super) fn template(self) -> Vec<Field> {
        self.fields().map(|(_, field)| field).collect()
    }

    /// Writes a record that has this layout.
    pub(super) fn put(self, row: Row<'_>, moment: Moment, out: &mut Vec<u8>) {
        out.clear();
        for (column, field) in self.fields() {
            let len = usize::from(field.length);
            if ADDRESSES.contains(&column) {
                let addr = row.addr(column).unwrap_or_default();
                let octets = addr.octets();
                out.extend_from_slice(octets.get(16 - len..).unwrap_or_default());
                continue;
            }
            let value = match (column, self.times) {
                (Column::Start | Column::End, Times::Uptimes) => moment.uptime_at(row.time(column)).into(),
                (Column::Start | Column::End, Times::Millis) => {
                    u64::try_from(row.time(column)).unwrap_or_default()
                }
                // Beyond the eight of TCP there are but reserved ones.
                (Column::TcpFlags, _) if self.is_v9 => row.number(column) & 0xff,
                _ => row.number(column),
            };
            out.extend_from_slice(value.to_be_bytes().get(8 - len..).unwrap_or_default());
        }
    }
}

impl Stream {
    /// The place of a layout among the stream's, a new one at the end.
    pub(super) fn layout(&mut self, layout: Layout) -> Result<usize, Skip> {
        if let Some(at) = self.by_layout.get(&layout) {
            return Ok(*at);
        }
        if self.layouts.len() >= LAYOUTS_MAX {
            return Err(Skip::Layouts);
        }
        self.layouts.push(layout);
        self.by_layout.insert(layout, self.layouts.len() - 1);
        Ok(self.layouts.len() - 1)
    }
}

/// The template id of a layout's place.
pub(super) fn template_id(at: usize) -> u16 {
    u16::try_from(FIRST_ID + at).unwrap_or(u16::MAX)
}
