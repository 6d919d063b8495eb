//! Prometheus' text format, version 0.0.4: the page that `/metrics` answers.
//!
//! Every metric has its `# HELP` and `# TYPE`, once, and all its samples behind them. Label values are escaped as the
//! format says. Values that are whole are written whole: an octet more than 2^53 stays visible to who reads integers.

use super::catalog::Metric;
use std::fmt::{self, Display, Write};

/// What the page is, for the answer's header.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The page while it is written.
#[derive(Debug, Default)]
pub(crate) struct Page {
    text: String,
    open: Option<&'static str>,
}

impl Page {
    /// One sample of a metric without labels.
    pub(crate) fn one(&mut self, metric: &'static Metric, value: impl Display) {
        self.sample(metric, &[], value);
    }

    /// One sample, if its value is known.
    pub(crate) fn known(&mut self, metric: &'static Metric, value: Option<impl Display>) {
        if let Some(value) = value {
            self.one(metric, value);
        }
    }

    /// One sample. `labels` are the values of the labels that the metric has, in their order.
    pub(crate) fn sample(&mut self, metric: &'static Metric, labels: &[&str], value: impl Display) {
        debug_assert_eq!(labels.len(), metric.labels.len(), "{}", metric.name);
        // Writing into a string does not fail.
        let _ = self.write(metric, labels, &value);
    }

    fn write(&mut self, metric: &'static Metric, labels: &[&str], value: &dyn Display) -> fmt::Result {
        let (name, text) = (metric.name, &mut self.text);
        if self.open != Some(name) {
            self.open = Some(name);
            writeln!(text, "# HELP {name} {}", metric.help.replace('\\', "\\\\").replace('\n', "\\n"))?;
            writeln!(text, "# TYPE {name} {}", metric.kind.word())?;
        }
        text.push_str(name);
        for (i, (label, value)) in metric.labels.iter().zip(labels).enumerate() {
            write!(text, "{}{label}=\"{}\"", if i == 0 { '{' } else { ',' }, escaped(value))?;
        }
        if !metric.labels.is_empty() {
            text.push('}');
        }
        writeln!(text, " {value}")
    }

    /// The page.
    pub(crate) fn finish(self) -> String {
        self.text
    }
}

/// A label's value: backslash, quote and line feed are written as escapes.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Thousandths as a decimal number: milliseconds as the seconds that Prometheus wants.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Thousandths(pub(crate) i64);

impl Display for Thousandths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, rest) = (self.0.unsigned_abs() / 1000, self.0.unsigned_abs() % 1000);
        write!(f, "{sign}{whole}.{rest:03}")
    }
}

#[cfg(test)]
mod tests {
    use super::super::catalog::Kind;
    use super::*;

    static PLAIN: Metric = Metric { name: "weir_a", kind: Kind::Gauge, labels: &[], help: "Back\\slash" };
    static LABELLED: Metric =
        Metric { name: "weir_b_total", kind: Kind::Counter, labels: &["x", "y"], help: "B" };

    #[test]
    fn a_page_as_the_format_says() {
        let mut page = Page::default();
        page.one(&PLAIN, Thousandths(-1_050));
        page.sample(&LABELLED, &["say \"hi\"\n", "c:\\"], u128::MAX);
        page.sample(&LABELLED, &["", "2"], 2);
        assert_eq!(
            page.finish(),
            "# HELP weir_a Back\\\\slash\n# TYPE weir_a gauge\nweir_a -1.050\n\
             # HELP weir_b_total B\n# TYPE weir_b_total counter\n\
             weir_b_total{x=\"say \\\"hi\\\"\\n\",y=\"c:\\\\\"} 340282366920938463463374607431768211455\n\
             weir_b_total{x=\"\",y=\"2\"} 2\n"
        );
    }
}
