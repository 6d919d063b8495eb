//! Why a question has no answer, in one sentence.

use datafusion::arrow::error::ArrowError;
use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use std::fmt;

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The question is not understood.
    Wrong,
    /// It asks for more than may be asked: anything but a question.
    Forbidden,
    /// It needs more memory, or more disk to spill to, than it may have.
    TooLarge,
    /// It took longer than it may.
    TooLong,
    /// Whoever asked wants no answer any more.
    Stopped,
    /// The store could not be read, or something else that is not the question's fault.
    Failed,
}

/// Why a question has no answer: a whole sentence, with the place where the question has one.
#[derive(Debug)]
pub struct Error {
    reason: Reason,
    sentence: String,
}

impl Error {
    pub(crate) fn new(reason: Reason, sentence: impl Into<String>) -> Self {
        Self { reason, sentence: sentence.into() }
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.reason
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl std::error::Error for Error {}

impl From<DataFusionError> for Error {
    fn from(error: DataFusionError) -> Self {
        let place = place(&error);
        match error.find_root() {
            DataFusionError::External(inner) => external(inner.as_ref()),
            DataFusionError::ResourcesExhausted(_) => Self::new(
                Reason::TooLarge,
                "the question needs more memory than it may have, or more room to spill to: narrow its time or its \
                 conditions, group by fewer columns, or allow more (--memory, or memory of [sql])",
            ),
            DataFusionError::ArrowError(inner, _) => arrow(inner, &place),
            DataFusionError::SQL(inner, _) => {
                Self::new(Reason::Wrong, format!("the SQL is not understood: {}", plain(&inner.to_string())))
            }
            DataFusionError::SchemaError(inner, _) => {
                Self::new(Reason::Wrong, format!("{place}{}", schema(inner)))
            }
            DataFusionError::Plan(text) | DataFusionError::Configuration(text) => {
                Self::new(Reason::Wrong, format!("{place}{}", plain(text)))
            }
            DataFusionError::NotImplemented(text) => {
                Self::new(Reason::Wrong, format!("{place}this is not supported: {}", plain(text)))
            }
            DataFusionError::Execution(text) => Self::new(Reason::Wrong, plain(text)),
            other => Self::new(Reason::Failed, plain(&other.strip_backtrace())),
        }
    }
}

impl From<ArrowError> for Error {
    fn from(error: ArrowError) -> Self {
        arrow(&error, "")
    }
}

/// What came from the store, through however many hands.
fn external(error: &(dyn std::error::Error + 'static)) -> Error {
    if let Some(ours) = error.downcast_ref::<Error>() {
        return Error::new(ours.reason, ours.sentence.clone());
    }
    Error::new(Reason::Failed, error.to_string())
}

fn arrow(error: &ArrowError, place: &str) -> Error {
    match error {
        ArrowError::ExternalError(inner) => match inner.downcast_ref::<DataFusionError>() {
            Some(DataFusionError::External(inner)) => external(inner.as_ref()),
            _ => external(inner.as_ref()),
        },
        ArrowError::DivideByZero => Error::new(Reason::Wrong, "the question divides by zero"),
        other => Error::new(Reason::Wrong, format!("{place}{}", plain(&other.to_string()))),
    }
}

/// `line 1, column 8: `, where the question has a place that is wrong.
fn place(error: &DataFusionError) -> String {
    let span = error.diagnostic().and_then(|diagnostic| diagnostic.span);
    span.map_or_else(String::new, |span| format!("line {}, column {}: ", span.start.line, span.start.column))
}

/// A column that is not there, with those that are.
fn schema(error: &SchemaError) -> String {
    let SchemaError::FieldNotFound { field, valid_fields } = error else { return plain(&error.to_string()) };
    if valid_fields.is_empty() {
        return format!("there is no column \"{}\" here", field.name);
    }
    let names: Vec<&str> = valid_fields.iter().map(|column| column.name.as_str()).collect();
    format!("there is no column \"{}\"; there are {}", field.name, names.join(", "))
}

/// Without the engine's own prefixes, on one line.
fn plain(text: &str) -> String {
    let mut text = text.trim();
    for prefix in [
        "Error during planning: ",
        "SQL error: ",
        "Execution error: ",
        "sql parser error: ",
        "Schema error: ",
    ] {
        text = text.strip_prefix(prefix).unwrap_or(text);
    }
    let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.starts_with("table 'weir.public.") {
        line = line.replace("table 'weir.public.", "there is no table '").replace(" not found", "");
        line.push_str("; there are flows, bins, tenants, health, counters");
    }
    line
}
