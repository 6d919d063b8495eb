//! Names beside numbers: what the operator calls an interface, else what the exporter said.

use crate::config::Config;
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use weir_flow::batch::Value;
use weir_flow::label::{Kind, Labels};
use weir_flow::schema::Column;
use weir_flow::{Addr, Batch};

/// The columns whose numbers may have a name, and what the name is called in JSON and CSV.
pub(crate) const NAMED: &[(Column, &str, Kind)] = &[
    (Column::IngressIf, "ingress_if_name", Kind::Interface),
    (Column::EgressIf, "egress_if_name", Kind::Interface),
    (Column::Sampler, "sampler_name", Kind::Sampler),
    (Column::IngressVrf, "ingress_vrf_name", Kind::Vrf),
    (Column::EgressVrf, "egress_vrf_name", Kind::Vrf),
];

/// Of a column: its name's name, and what has it.
pub(crate) fn named(column: Column) -> Option<(&'static str, Kind)> {
    NAMED.iter().find(|(c, ..)| *c == column).map(|(_, name, kind)| (*name, *kind))
}

/// All names.
#[derive(Debug, Default)]
pub(crate) struct Names {
    labels: Labels,
    /// Interfaces as the configuration calls them.
    own: HashMap<(Addr, u64), String>,
}

impl Names {
    /// The operator's names come before the exporters' own.
    pub(crate) fn new(labels: Labels, config: &Config) -> Self {
        let own = config.exporters.iter().flat_map(|e| {
            e.interfaces.iter().map(|(name, index)| ((e.address, u64::from(*index)), name.clone()))
        });
        Self { labels, own: own.collect() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.own.is_empty()
    }

    fn own(&self, exporter: Addr, kind: Kind, number: u64) -> Option<&str> {
        self.own.get(&(exporter, number)).filter(|_| kind == Kind::Interface).map(String::as_str)
    }

    /// The name beside a number of a row, as it was when the row came.
    pub(crate) fn of(&self, batch: &Batch, row: usize, column: Column) -> Option<&str> {
        let (_, kind) = named(column)?;
        let Some(Value::Unsigned(number)) = batch.get(row, column) else { return None };
        let Some(Value::Addr(exporter)) = batch.get(row, Column::Exporter) else { return None };
        let Some(Value::Time(received)) = batch.get(row, Column::Received) else { return None };
        let said = || Some(&*self.labels.at(exporter, kind, number, received)?.name);
        self.own(exporter, kind, number).or_else(said).filter(|name| !name.is_empty())
    }

    /// The one name that a number had throughout a span at all of these exporters.
    pub(crate) fn shared(
        &self,
        exporters: &BTreeSet<Addr>,
        column: Column,
        number: u64,
        span: &Range<i64>,
    ) -> Option<&str> {
        let (_, kind) = named(column)?;
        let name = |exporter: &Addr| {
            self.own(*exporter, kind, number).or_else(|| self.labels.over(*exporter, kind, number, span))
        };
        let first = name(exporters.first()?)?;
        (!first.is_empty() && exporters.iter().all(|e| name(e) == Some(first))).then_some(first)
    }
}
