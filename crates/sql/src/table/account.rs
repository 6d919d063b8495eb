//! `bins`, `tenants`, `health` and `counters`: what the store adds up and counts, sealed or not.

use super::flow::plan;
use super::{BATCH_ROWS, Feed, span, store};
use crate::column::{ADDR, addrs, time, times};
use crate::source::{ALWAYS, Shelf};
use async_trait::async_trait;
use datafusion::arrow::array::{
    ArrayRef, Int64Array, RecordBatch, StringViewArray, UInt32Array, UInt64Array,
};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use weir_flow::counter::{Sample, Side};
use weir_flow::{Addr, health};
use weir_store::Snapshot;
use weir_store::bins::BinRow;

/// Which of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Accounts of five minutes, by tenant and host.
    Bins,
    /// The same added up over hosts.
    Tenants,
    /// Counts of what was decoded, lost and doubted.
    Health,
    /// What interfaces counted themselves.
    Counters,
}

impl Content {
    pub(crate) const ALL: [Self; 4] = [Self::Bins, Self::Tenants, Self::Health, Self::Counters];

    /// The table's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bins => "bins",
            Self::Tenants => "tenants",
            Self::Health => "health",
            Self::Counters => "counters",
        }
    }

    /// The column of time.
    fn clock(self) -> &'static str {
        if self == Self::Counters { "received" } else { "bin" }
    }

    /// Its columns, as `FORMAT.md` lists them.
    fn schema(self, zone: &Arc<str>) -> SchemaRef {
        let must = |name: &str, data_type| Field::new(name, data_type, false);
        let may = |name: &str, data_type| Field::new(name, data_type, true);
        let mut fields = vec![must(self.clock(), time(zone)), must("exporter", ADDR)];
        match self {
            Self::Bins | Self::Tenants => {
                fields.push(must("kind", DataType::Utf8View));
                fields.extend(["tenant", "class"].map(|name| may(name, DataType::Utf8View)));
                fields.extend((self == Self::Bins).then(|| may("host", ADDR)));
                let counts = ["octets", "packets", "flows", "measured_octets", "measured_packets"];
                fields.extend(counts.map(|name| must(name, DataType::UInt64)));
            }
            Self::Health => {
                fields.push(must("domain", DataType::UInt32));
                fields.push(must("what", DataType::Utf8View));
                fields.push(must("value", DataType::Int64));
            }
            Self::Counters => {
                fields.push(must("domain", DataType::UInt32));
                fields.push(must("interface", DataType::UInt32));
                fields.extend(["kind", "status"].map(|name| may(name, DataType::UInt32)));
                fields.push(may("speed", DataType::UInt64));
                for way in ["in", "out"] {
                    let counts = ["octets", "unicast", "multicast", "broadcast", "discards", "errors"];
                    fields.extend(counts.map(|what| may(&format!("{way}_{what}"), DataType::UInt64)));
                }
            }
        }
        Arc::new(Schema::new(fields))
    }
}

/// One of the tables.
#[derive(Debug)]
pub(crate) struct Account {
    content: Content,
    shelf: Arc<Shelf>,
    schema: SchemaRef,
}

impl Account {
    pub(crate) fn new(content: Content, shelf: Arc<Shelf>, zone: &Arc<str>) -> Self {
        Self { content, shelf, schema: content.schema(zone) }
    }

    /// Rows that meet these conditions are of this span of time.
    pub(super) fn span(&self, filters: &[Expr]) -> Range<i64> {
        span::of(filters, self.content.clock())
    }
}

#[async_trait]
impl TableProvider for Account {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let places: Vec<usize> =
            projection.cloned().unwrap_or_else(|| (0..self.schema.fields().len()).collect());
        let projected: SchemaRef = Arc::new(self.schema.project(&places)?);
        let snapshot = self.shelf.take(&ALWAYS).map_err(store)?;
        let (content, whole, range) = (self.content, Arc::clone(&self.schema), self.span(filters));
        let feed = Feed::stream(Arc::clone(&projected), move |sink| {
            let mut sink = |batch: RecordBatch| match batch.project(&places) {
                Ok(batch) => Ok(sink(batch)),
                Err(error) => Err(error),
            };
            read(content, &snapshot, range.clone(), &whole, &mut sink)
        });
        plan(&projected, vec![feed], limit)
    }
}

type Projecting<'a> = dyn FnMut(RecordBatch) -> Result<ControlFlow<()>, ArrowError> + 'a;

fn read(
    content: Content,
    snapshot: &Snapshot,
    range: Range<i64>,
    schema: &SchemaRef,
    sink: &mut Projecting<'_>,
) -> Result<()> {
    let days = span::days(&range, snapshot.sealed_span());
    match content {
        Content::Bins | Content::Tenants => {
            let rows = Pile::new(sink, |rows: &[Bin]| bins(rows, content, schema));
            rows.of_each(days, |rows, day| {
                let each = |row: &BinRow<'_>| rows.push(Bin::of(row));
                if content == Content::Bins { snapshot.bins(day, each) } else { snapshot.tenants(day, each) }
            })
        }
        Content::Health => {
            let rows = Pile::new(sink, |rows: &[health::Row]| counts(rows, schema));
            rows.of_each(days, |rows, day| snapshot.health(day, |row| rows.push(row.clone())))
        }
        Content::Counters => {
            let rows = Pile::new(sink, |rows: &[Sample]| samples(rows, schema));
            rows.of_each(days, |rows, day| {
                snapshot.counters(day)?.into_iter().for_each(|sample| rows.push(sample));
                Ok(())
            })
        }
    }
}

/// Rows that are handed on when there are [`BATCH_ROWS`] of them.
struct Pile<'a, 's, T, F> {
    rows: Vec<T>,
    batch: F,
    sink: &'a mut Projecting<'s>,
    /// How it ended, if it did: an error, or nobody wants more.
    ended: Option<Result<(), ArrowError>>,
}

impl<'a, 's, T, F: Fn(&[T]) -> Result<RecordBatch, ArrowError>> Pile<'a, 's, T, F> {
    fn new(sink: &'a mut Projecting<'s>, batch: F) -> Self {
        Self { rows: Vec::new(), batch, sink, ended: None }
    }

    /// The rows of each day, one after the other, until nobody wants more.
    fn of_each(
        mut self,
        days: impl Iterator<Item = Range<i64>>,
        mut read: impl FnMut(&mut Self, Range<i64>) -> Result<(), weir_store::Error>,
    ) -> Result<()> {
        for day in days {
            read(&mut self, day).map_err(store)?;
            if self.ended.is_some() {
                break;
            }
        }
        self.finish()
    }

    fn push(&mut self, row: T) {
        if self.ended.is_none() {
            self.rows.push(row);
            if self.rows.len() == BATCH_ROWS {
                self.flush();
            }
        }
    }

    fn flush(&mut self) {
        match (self.batch)(&self.rows).and_then(|batch| (self.sink)(batch)) {
            Ok(ControlFlow::Continue(())) => {}
            Ok(ControlFlow::Break(())) => self.ended = Some(Ok(())),
            Err(error) => self.ended = Some(Err(error)),
        }
        self.rows.clear();
    }

    fn finish(mut self) -> Result<()> {
        if self.ended.is_none() && !self.rows.is_empty() {
            self.flush();
        }
        Ok(self.ended.unwrap_or(Ok(()))?)
    }
}

/// An account that owns the names of its tenant and class.
struct Bin {
    row: BinRow<'static>,
    tenant: Option<Box<str>>,
    class: Option<Box<str>>,
}

impl Bin {
    fn of(row: &BinRow<'_>) -> Self {
        let [tenant, class] = [row.tenant, row.class].map(|name| name.map(Box::from));
        Self { tenant, class, row: BinRow { tenant: None, class: None, ..*row } }
    }
}

fn bins(rows: &[Bin], content: Content, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let number = |of: fn(&BinRow<'_>) -> u64| -> ArrayRef {
        Arc::new(UInt64Array::from_iter_values(rows.iter().map(|bin| of(&bin.row))))
    };
    let words: StringViewArray = rows.iter().map(|bin| Some(bin.row.kind.word())).collect();
    let tenants: StringViewArray = rows.iter().map(|bin| bin.tenant.as_deref()).collect();
    let classes: StringViewArray = rows.iter().map(|bin| bin.class.as_deref()).collect();
    let mut columns = vec![
        times(rows.iter().map(|bin| bin.row.bin).collect(), None, schema.field(0).data_type()),
        addrs(rows.iter().map(|bin| &bin.row.exporter), None)?,
        Arc::new(words),
        Arc::new(tenants),
        Arc::new(classes),
    ];
    if content == Content::Bins {
        let hosts: Vec<Addr> = rows.iter().map(|bin| bin.row.host.unwrap_or_default()).collect();
        let known: NullBuffer = rows.iter().map(|bin| bin.row.host.is_some()).collect::<Vec<_>>().into();
        columns.push(addrs(hosts.iter(), Some(known))?);
    }
    columns.extend([
        number(|row| row.counts.octets),
        number(|row| row.counts.packets),
        number(|row| row.counts.flows),
        number(|row| row.counts.measured_octets),
        number(|row| row.counts.measured_packets),
    ]);
    RecordBatch::try_new(Arc::clone(schema), columns)
}

fn counts(rows: &[health::Row], schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let what: StringViewArray = rows.iter().map(|row| Some(&*row.what)).collect();
    let columns: Vec<ArrayRef> = vec![
        times(rows.iter().map(|row| row.bin).collect(), None, schema.field(0).data_type()),
        addrs(rows.iter().map(|row| &row.exporter), None)?,
        Arc::new(UInt32Array::from_iter_values(rows.iter().map(|row| row.domain))),
        Arc::new(what),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.value))),
    ];
    RecordBatch::try_new(Arc::clone(schema), columns)
}

fn samples(rows: &[Sample], schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let small = |of: fn(&Sample) -> Option<u32>| -> ArrayRef {
        Arc::new(rows.iter().map(of).collect::<UInt32Array>())
    };
    let large = |of: &dyn Fn(&Sample) -> Option<u64>| -> ArrayRef {
        Arc::new(rows.iter().map(of).collect::<UInt64Array>())
    };
    let mut columns = vec![
        times(rows.iter().map(|row| row.received).collect(), None, schema.field(0).data_type()),
        addrs(rows.iter().map(|row| &row.exporter), None)?,
        small(|row| Some(row.domain)),
        small(|row| Some(row.interface)),
        small(|row| row.kind),
        small(|row| row.status),
        large(&|row| row.speed),
    ];
    let sides: [fn(&Sample) -> &Side; 2] = [|sample| &sample.ingress, |sample| &sample.egress];
    let counts: [fn(&Side) -> Option<u64>; 6] = [
        |side| side.octets,
        |side| side.unicast,
        |side| side.multicast,
        |side| side.broadcast,
        |side| side.discards,
        |side| side.errors,
    ];
    for side in sides {
        columns.extend(counts.iter().map(|count| large(&|row| count(side(row)))));
    }
    RecordBatch::try_new(Arc::clone(schema), columns)
}
