//! weir: network traffic accounting from the wire to the bill.
//!
//! This crate is the program: all input and output, threads, clocks and text. What bytes say is `weir-wire`'s,
//! what they mean `weir-flow`'s, keeping and asking `weir-store`'s and `weir-query`'s, accounts
//! `weir-account`'s.
//!
//! `cli` reads what a person typed and calls one function a command; `collect` gets datagrams in (and out),
//! `relay` sends them onward, `config` understands the file, `top` puts tables of the query engine together, `preflight` looks whether the machine has what it asks for, `report` is
//! the one place that formats answers and `plot` draws them,
//! `statement` is what each tenant is told of a period, `books` is where what must stay is opened, `closing` makes it stand and proves it, `mail` sends it and `schedule` does so by itself, `quota` acts when
//! somebody used too much, `advice` knows exporters and their cures, `allocator` says how freed memory is treated, `name` what has names, `doctor` looks how they are, `metrics` and `web` say how the daemon
//! is, `demo` is an office to try it all on. With the feature `sql`, `sql` answers questions in SQL.

/// Says something beside the answer, on standard error. Whoever does not read that (`2>&1 | head`) has the answer all the
/// same: where it cannot be said, it is not.
macro_rules! aside {
    ($($said:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr().lock(), $($said)*);
    }};
}

mod advice;
mod allocator;
mod books;
mod cli;
mod clock;
mod closing;
mod collect;
mod config;
mod demo;
mod doctor;
mod exit;
mod hosts;
mod log;
mod mail;
mod metrics;
mod name;
mod plot;
mod preflight;
mod progress;
mod quota;
mod relay;
mod report;
mod rollup;
mod schedule;
#[cfg(feature = "sql")]
mod sql;
mod statement;
mod top;
mod web;

use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            aside!("weir: {failure}");
            failure.code()
        }
    }
}
