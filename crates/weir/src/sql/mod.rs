//! SQL: on the command line (a question, its answer in every form, and Ctrl-C), and in the daemon (`serve`).

mod lookup;
mod print;
mod rows;
mod serve;

use crate::config::Config;
use crate::exit::{self, Failure, Outcome};
use crate::report::{Form, binary_output};
use lookup::Known;
pub(crate) use serve::{password, start};
use signal_hook::consts::SIGINT;
use signal_hook::iterator::Signals;
use std::io::{BufWriter, Write};
use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::sync::Arc;
use weir_sql::{Limits, Lookup, Reason, Source, Stop};
use weir_store::Snapshot;

/// How a store is opened for a span of time.
type Open = fn(&Path, &Range<i64>) -> Result<Snapshot, weir_store::Error>;

/// The store that a configuration names.
struct Store {
    config: Arc<Config>,
    open: Open,
}

impl Source for Store {
    fn snapshot(&self, span: &Range<i64>) -> Result<Snapshot, weir_store::Error> {
        (self.open)(&self.config.store, span)
    }

    fn zone(&self) -> String {
        self.config.zone.name().to_owned()
    }

    fn lookup(&self) -> Arc<dyn Lookup> {
        Arc::new(Known::new(&self.config.store, Arc::clone(&self.config)))
    }
}

/// Answers a question over the configuration's store onto standard output.
///
/// # Errors
/// It is not understood or not allowed (usage), or cannot be answered.
pub(crate) fn answer(question: &str, config: Config, open: Open, limits: Limits, form: Form) -> Outcome {
    let stop = stopped_by_signal()?;
    let store = Arc::new(Store { config: Arc::new(config), open });
    if form == Form::Arrow {
        return encoded(question, store, limits, &stop);
    }
    if form == Form::Parquet {
        let mut rows = rows::Rows::default();
        let reading = weir_sql::run(question, store, limits, &stop, &mut rows)?;
        return rows.finish().and_then(|()| reading.map(drop).ok_or_else(|| Failure::new(STOPPED)));
    }
    let mut printer = print::Printer::new(form);
    let Some(reading) = weir_sql::run(question, store, limits, &stop, &mut printer)? else {
        return Err(Failure::new(STOPPED));
    };
    printer.finish(reading)
}

const STOPPED: &str = "stopped";

/// The same as Arrow's stream.
fn encoded(question: &str, store: Arc<Store>, limits: Limits, stop: &Stop) -> Outcome {
    let pipe = binary_output(Form::Arrow)?;
    let closed = pipe.closed();
    let mut out = BufWriter::new(pipe);
    let mut failed = None;
    let mut write = |bytes: &[u8]| match out.write_all(bytes) {
        Ok(()) if closed.is() => ControlFlow::Break(()),
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => {
            failed = Some(error);
            ControlFlow::Break(())
        }
    };
    let reading = weir_sql::run_encoded(question, store, limits, stop, &mut write)?;
    if let Some(error) = failed {
        return exit::output(&error);
    }
    if reading.is_none() {
        return Err(Failure::new(STOPPED));
    }
    out.flush().or_else(|error| exit::output(&error))
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
