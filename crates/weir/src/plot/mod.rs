//! Pictures of traffic over time, as SVG: stacked areas or lines in steps, with axes in civil time.
//!
//! What is drawn is the mean over each step, so that the area under it is what was counted. A step of which nothing
//! at all is stored is a gap, not zero. Coordinates are worked out in integers, in hundredths of a unit.
//!
//! There is no PNG: what draws one well (fonts, antialiasing) is a larger build than all of weir, and every browser
//! and `rsvg-convert` make one of this.

mod axis;
mod svg;

pub(crate) use svg::{escaped, render};

use std::ops::Range;
use weir_account::Zone;
use weir_query::Civil;

/// A group over time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layer {
    pub(crate) name: String,
    /// Per second, step by step; `None` where nothing is stored.
    pub(crate) values: Vec<Option<u128>>,
}

/// How layers are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Shape {
    /// One on the other, so that the top is the sum.
    Area,
    /// Each by itself.
    Line,
}

/// What is drawn.
#[derive(Debug)]
pub(crate) struct Plot<'a> {
    pub(crate) title: String,
    /// What values are, in units of the decimal system: `bit/s`.
    pub(crate) unit: &'static str,
    pub(crate) shape: Shape,
    pub(crate) zone: &'a Zone,
    pub(crate) civil: &'a Civil,
    pub(crate) span: Range<i64>,
    /// When each step begins; the last ends with the span.
    pub(crate) steps: Vec<i64>,
    /// The largest first, all of as many values as there are steps.
    pub(crate) layers: Vec<Layer>,
}

impl Plot<'_> {
    /// Where a layer stands in each step: from what value to what value.
    fn extents(&self, layer: usize) -> Vec<Option<(u128, u128)>> {
        let value = |layer: &Layer, step: usize| layer.values.get(step).copied().flatten();
        let below = |step: usize| match self.shape {
            Shape::Area => self.layers.iter().take(layer).filter_map(|layer| value(layer, step)).sum(),
            Shape::Line => 0,
        };
        let mine = |step| value(self.layers.get(layer)?, step);
        (0..self.steps.len()).map(|step| mine(step).map(|value| (below(step), below(step) + value))).collect()
    }

    /// The largest value that is drawn.
    fn largest(&self) -> u128 {
        let tops = (0..self.layers.len()).flat_map(|layer| self.extents(layer)).flatten().map(|(_, top)| top);
        tops.max().unwrap_or_default()
    }

    /// When a step ends.
    fn end(&self, step: usize) -> i64 {
        self.steps.get(step + 1).copied().unwrap_or(self.span.end)
    }
}
