//! Flow records, oldest first.

use super::name::{NAMED, Names};
use super::number::{duration, grouped};
use super::sheet::{Head, Kind, Sheet, Value as Cell};
use super::table::{Align, Columns};
use super::{Form, address, csv_line, value};
use crate::name::Glossary;
use serde_json::{Map, Value as Json};
use weir_account::Zone;
use weir_flow::batch::Value;
use weir_flow::schema::{self, COLUMNS, Column};
use weir_flow::{Addr, Batch};

/// What the table for people shows; the other forms show every column.
const SHOWN: u64 = Column::Start.bit()
    | Column::End.bit()
    | Column::Proto.bit()
    | Column::SrcAddr.bit()
    | Column::DstAddr.bit()
    | Column::SrcPort.bit()
    | Column::DstPort.bit()
    | Column::IcmpType.bit()
    | Column::IcmpCode.bit()
    | Column::Octets.bit()
    | Column::Packets.bit()
    | Column::Tenant.bit()
    | Column::Direction.bit()
    | Column::Exporter.bit()
    | Column::Received.bit()
    | Column::IngressIf.bit()
    | Column::EgressIf.bit();

/// The columns of addresses beside which stands what is known of them.
const ADDRESSES: [Column; 4] = [Column::SrcAddr, Column::DstAddr, Column::NatSrcAddr, Column::NatDstAddr];

/// The addresses in these rows beside which something may stand.
pub(crate) fn addresses(batch: &Batch, rows: impl Iterator<Item = usize>) -> Vec<Addr> {
    let of_row = |row| {
        ADDRESSES.iter().filter_map(move |column| match batch.get(row, *column) {
            Some(Value::Addr(address)) => Some(address),
            _ => None,
        })
    };
    rows.flat_map(of_row).collect()
}

/// The columns a form shows, in their order: with `all`, also the elements that have no column.
fn shown(all: bool) -> impl Iterator<Item = Column> {
    COLUMNS.iter().map(|d| d.column).filter(move |column| all || *column != Column::Other)
}

/// The columns a form needs, as a presence mask.
pub(crate) fn columns(form: Form, all: bool) -> u64 {
    if form == Form::Table { SHOWN } else { shown(all).fold(0, |mask, column| mask | column.bit()) }
}

/// Writes records as they come, in one form.
pub(crate) struct Writer<'a> {
    form: Form,
    all: bool,
    zone: &'a Zone,
    exporter: &'a dyn Fn(Addr) -> String,
    names: &'a Names,
    /// What is known of addresses, where that was asked for.
    glossary: Option<Glossary>,
    table: Option<Columns>,
    rows: usize,
}

/// Rows that a table for people sets at once, with widths of their own: a longer listing is shown in pieces.
const TABLE_ROWS_MAX: usize = 10_000;

impl<'a> Writer<'a> {
    /// With `all`, elements that have no column are shown too.
    pub(crate) fn new(
        form: Form,
        all: bool,
        zone: &'a Zone,
        exporter: &'a dyn Fn(Addr) -> String,
        names: &'a Names,
    ) -> Self {
        Self { form, all, zone, exporter, names, glossary: None, table: None, rows: 0 }
    }

    /// The same with columns for what is known of addresses; [`Writer::learn`] says what that is.
    pub(crate) fn with_addresses(self) -> Self {
        Self { glossary: Some(Glossary::default()), ..self }
    }

    /// What is known of the addresses of the rows to come.
    pub(crate) fn learn(&mut self, glossary: Glossary) {
        self.glossary = Some(glossary);
    }

    /// The columns of what is known of addresses.
    fn known_heads(&self) -> Vec<Head> {
        let columns = ADDRESSES.iter().filter(|_| self.glossary.is_some());
        columns.flat_map(|column| address::heads(column.name())).collect()
    }

    /// What is known of an address of a row; nothing where that was not asked for.
    fn known(&self, batch: &Batch, row: usize, column: Column) -> Option<[Cell; 4]> {
        let glossary = self.glossary.as_ref().filter(|_| ADDRESSES.contains(&column))?;
        Some(match batch.get(row, column) {
            Some(Value::Addr(addr)) => address::values(glossary.address(addr)),
            _ => address::values(None),
        })
    }

    /// All that is known of a row's, in the order of the columns.
    fn known_values(&self, batch: &Batch, row: usize) -> impl Iterator<Item = Cell> {
        ADDRESSES.iter().filter_map(move |column| self.known(batch, row, *column)).flatten()
    }

    /// What comes before the first record.
    pub(crate) fn head(&self) -> String {
        match self.form {
            Form::Csv => csv_line(self.heads().iter().map(|head| head.name.as_str())),
            Form::Json => "[".to_owned(),
            Form::Table | Form::Ndjson | Form::Parquet | Form::Arrow => String::new(),
        }
    }

    /// One record.
    pub(crate) fn row(&mut self, batch: &Batch, row: usize) -> String {
        let first = self.rows == 0;
        self.rows += 1;
        match self.form {
            Form::Table | Form::Parquet | Form::Arrow => self.table_row(batch, row),
            Form::Csv => self.csv_row(batch, row),
            Form::Ndjson => format!("{}\n", self.object(batch, row)),
            Form::Json => format!("{}{}", if first { "\n" } else { ",\n" }, self.object(batch, row)),
        }
    }

    /// What comes after the last record.
    pub(crate) fn foot(&mut self) -> String {
        match self.form {
            Form::Json => "\n]\n".to_owned(),
            Form::Table => self.table.take().map_or_else(|| "no flows match\n".to_owned(), |t| t.render()),
            Form::Csv | Form::Ndjson | Form::Parquet | Form::Arrow => String::new(),
        }
    }

    /// The columns of a [`Writer::sheet`].
    pub(crate) fn heads(&self) -> Vec<Head> {
        let columns = shown(self.all).map(|column| Head::new(column.name(), kind(column)));
        let named = NAMED.iter().map(|(_, name, _)| Head::optional(*name));
        columns.chain(named).chain(self.known_heads()).collect()
    }

    /// Records as plain columns: the same as in CSV.
    pub(crate) fn sheet(&self, batch: &Batch) -> Sheet {
        let row = |row: usize| {
            let values = shown(self.all).map(|column| plain(batch.get(row, column)));
            let name =
                |column| self.names.of(batch, row, column).map_or(Cell::Null, |n| Cell::Text(n.to_owned()));
            let names = NAMED.iter().map(|(column, ..)| name(*column));
            values.chain(names).chain(self.known_values(batch, row)).collect()
        };
        Sheet { heads: self.heads(), rows: (0..batch.len()).map(row).collect() }
    }

    /// The columns, then the names: the same columns for all rows.
    fn csv_row(&self, batch: &Batch, row: usize) -> String {
        let values = shown(self.all).map(|column| value::plain(batch.get(row, column)));
        let names = NAMED.iter().map(|(column, ..)| self.names.of(batch, row, *column));
        let names = names.map(|name| name.unwrap_or_default().to_owned());
        csv_line(values.chain(names).chain(self.known_values(batch, row).map(|known| known.plain())))
    }

    /// The columns, a name beside its number where there is one.
    fn object(&self, batch: &Batch, row: usize) -> Json {
        let mut members = Map::new();
        for column in shown(self.all) {
            members.insert(column.name().to_owned(), value::json(batch.get(row, column)));
            if let Some((_, member, _)) = NAMED.iter().find(|(named, ..)| *named == column)
                && let Some(name) = self.names.of(batch, row, column)
            {
                members.insert((*member).to_owned(), Json::from(name));
            }
            if let Some(known) = self.known(batch, row, column) {
                let known = address::heads(column.name()).zip(known).filter(|(_, v)| *v != Cell::Null);
                members.extend(known.map(|(head, value)| (head.name, value.json())));
            }
        }
        Json::Object(members)
    }

    /// An interface and its name: `32 GigabitEthernet0/1`.
    fn interface(&self, batch: &Batch, row: usize, column: Column) -> String {
        match (batch.get(row, column), self.names.of(batch, row, column)) {
            (Some(Value::Unsigned(index)), Some(name)) => format!("{index} {}", value::printable(name)),
            (Some(Value::Unsigned(index)), None) => index.to_string(),
            _ => "–".to_owned(),
        }
    }

    /// An address with its port, and what is known of it.
    fn end(&self, batch: &Batch, row: usize, column: Column, text: String) -> String {
        let Some(Value::Addr(addr)) = batch.get(row, column) else { return text };
        let known = self.glossary.as_ref().and_then(|glossary| address::beside(glossary.address(addr)?));
        known.map_or(text.clone(), |known| format!("{text} {known}"))
    }

    fn table_row(&mut self, batch: &Batch, row: usize) -> String {
        let heads = [
            ("start", Align::Left),
            ("duration", Align::Right),
            ("proto", Align::Left),
            ("source", Align::Left),
            ("destination", Align::Left),
            ("octets", Align::Right),
            ("packets", Align::Right),
            ("direction", Align::Left),
            ("tenant", Align::Left),
            ("exporter", Align::Left),
            ("ingress", Align::Left),
            ("egress", Align::Left),
        ];
        let full = self.rows.is_multiple_of(TABLE_ROWS_MAX);
        let cells = self.cells(batch, row);
        let table = self.table.get_or_insert_with(|| Columns::new(heads));
        table.row(cells);
        if full { self.table.take().map_or_else(String::new, |t| t.render()) } else { String::new() }
    }

    fn cells(&self, batch: &Batch, row: usize) -> [String; 12] {
        let readable = |column| value::readable(column, batch.get(row, column), self.zone);
        let unsigned = |column| match batch.get(row, column) {
            Some(Value::Unsigned(n)) => grouped(n),
            _ => "–".to_owned(),
        };
        let duration = match (batch.get(row, Column::Start), batch.get(row, Column::End)) {
            (Some(Value::Time(start)), Some(Value::Time(end))) if end >= start => {
                duration(end.abs_diff(start))
            }
            _ => "–".to_owned(),
        };
        let exporter = match batch.get(row, Column::Exporter) {
            Some(Value::Addr(addr)) => (self.exporter)(addr),
            _ => "–".to_owned(),
        };
        [
            readable(Column::Start),
            duration,
            readable(Column::Proto),
            self.end(batch, row, Column::SrcAddr, end(batch, row, Column::SrcAddr, Column::SrcPort)),
            self.end(batch, row, Column::DstAddr, destination(batch, row)),
            unsigned(Column::Octets),
            unsigned(Column::Packets),
            readable(Column::Direction),
            readable(Column::Tenant),
            exporter,
            self.interface(batch, row, Column::IngressIf),
            self.interface(batch, row, Column::EgressIf),
        ]
    }
}

fn kind(column: Column) -> Kind {
    match column.kind() {
        schema::Kind::Time => Kind::Time,
        schema::Kind::Unsigned(_) => Kind::Unsigned,
        _ => Kind::Text,
    }
}

fn plain(value: Option<Value<'_>>) -> Cell {
    match value {
        None => Cell::Null,
        Some(Value::Time(ms)) => Cell::Time(ms),
        Some(Value::Unsigned(n)) => Cell::Unsigned(n.into()),
        other => Cell::Text(value::plain(other)),
    }
}

/// Address and port: `192.168.31.2:443`, `[2001:db8::1]:443`.
fn end(batch: &Batch, row: usize, addr: Column, port: Column) -> String {
    let Some(Value::Addr(address)) = batch.get(row, addr) else { return "–".to_owned() };
    match batch.get(row, port) {
        Some(Value::Unsigned(port)) if address.is_v4() => format!("{address}:{port}"),
        Some(Value::Unsigned(port)) => format!("[{address}]:{port}"),
        _ => address.to_string(),
    }
}

/// The destination; of ICMP with type and code.
fn destination(batch: &Batch, row: usize) -> String {
    let text = end(batch, row, Column::DstAddr, Column::DstPort);
    match (batch.get(row, Column::IcmpType), batch.get(row, Column::IcmpCode)) {
        (Some(Value::Unsigned(kind)), Some(Value::Unsigned(code))) => format!("{text} type {kind}.{code}"),
        _ => text,
    }
}
