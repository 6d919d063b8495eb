//! SQL: on the command line (a question, its answer in every form, and Ctrl-C), and in the daemon (`serve`).

mod lookup;
mod print;
mod serve;

use crate::config::Config;
use crate::exit::{Failure, Outcome};
use crate::report::Form;
use lookup::Known;
pub(crate) use serve::start;
use signal_hook::consts::SIGINT;
use signal_hook::iterator::Signals;
use std::sync::Arc;
use weir_sql::{Limits, Lookup, Reason, Stop};
use weir_store::Snapshot;

/// Answers a question over a snapshot onto standard output.
///
/// # Errors
/// It is not understood or not allowed (usage), or cannot be answered.
pub(crate) fn answer(
    question: &str,
    config: &Config,
    snapshot: Snapshot,
    limits: Limits,
    form: Form,
) -> Outcome {
    if form == Form::Parquet {
        return Err(Failure::usage("sql answers in table, json, ndjson and csv: use -o with one of them"));
    }
    let mut printer = print::Printer::new(form);
    let stop = stopped_by_signal()?;
    let lookup: Arc<dyn Lookup> = Arc::new(Known::new(config));
    let Some(reading) = weir_sql::run(question, snapshot, &lookup, limits, &stop, &mut printer)? else {
        return Err(Failure::new("stopped"));
    };
    printer.finish(reading)
}

/// Ctrl-C ends the question, so that what was spilled is removed.
fn stopped_by_signal() -> Outcome<Stop> {
    let stop = Stop::default();
    let failed = |error| Failure::new(format!("cannot listen for signals: {error}"));
    let mut signals = Signals::new([SIGINT]).map_err(failed)?;
    let stopping = stop.clone();
    let thread = std::thread::Builder::new().name("signals".to_owned());
    thread
        .spawn(move || {
            if signals.forever().next().is_some() {
                stopping.stop();
            }
        })
        .map_err(failed)?;
    Ok(stop)
}

impl From<weir_sql::Error> for Failure {
    fn from(error: weir_sql::Error) -> Self {
        match error.reason() {
            Reason::Wrong | Reason::Forbidden => Self::usage(error.to_string()),
            _ => Self::new(error.to_string()),
        }
    }
}
