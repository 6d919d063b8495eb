//! `weir demo`: a month of an office's traffic, made here, accounted here, with nothing to install or configure.
//!
//! `office` says who rents and what they have, `traffic` and `month` what they do, `export` how the routers
//! report it; all of it follows from a seed. What the exporters send goes the way of any import; `truth` is
//! kept apart, by the model itself, and compared with what weir accounts.

mod app;
mod config;
mod dice;
mod export;
mod flow;
mod format;
mod internet;
mod month;
mod name;
mod office;
mod session;
mod traffic;
mod truth;

use crate::collect::Decoder;
use crate::config::Config;
use crate::exit::{self, Failure, Outcome};
use crate::progress::Progress;
use crate::report::number::{grouped, octets};
use crate::{cli, clock, hosts, report};
use clap::Args;
use month::Office;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use weir_account::Period;
use weir_flow::session::Arrival;
use weir_flow::session::memory::Realm;
use weir_store::{Options, Writer};

/// The zone the office lies in.
const ZONE: &str = "Europe/Berlin";

#[derive(Args)]
#[command(after_help = "Examples:\n  weir demo\n  weir demo --period 2026-03 --dir ./office")]
pub(crate) struct Arguments {
    /// Where the store and its configuration go; a new temporary directory if not said
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The month; the last whole one if not said
    #[arg(long, value_name = "YYYY-MM")]
    period: Option<String>,
    /// The same seed makes the same month
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How busy the office is, in percent
    #[arg(long, default_value_t = 100, value_name = "PERCENT")]
    scale: u32,
}

/// Makes the month, accounts it, and says what to try next.
///
/// # Errors
/// The directory cannot be written, or the accounts are not what the model knows to be true.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let directory = directory(arguments.dir.as_deref())?;
    let path = directory.join("weir.toml");
    let store = directory.join("store");
    let text = config::config_toml(&store.to_string_lossy(), ZONE);
    fs::write(&path, &text).map_err(|error| exit::io("cannot write", &path, &error))?;
    let config = crate::config::load(Some(&path))?.0;
    let period = period(arguments, &config)?;
    aside!("weir: making {} of an office with {} tenants …", period.name(), config.tenants.len());
    let (truth, datagrams) = play(arguments, &config, &period)?;
    let names = store.join(hosts::FILE);
    fs::write(&names, name::hosts_file()).map_err(|error| exit::io("cannot write", &names, &error))?;
    aside!("weir: {} datagrams of three routers, {} flows\n", grouped(datagrams), grouped(truth.total.flows));
    cli::print_period(&config, &period)?;
    verdict(&config, &period, &truth)?;
    report::print(&next(&directory, &period))
}

fn directory(asked: Option<&Path>) -> Outcome<PathBuf> {
    let cannot = |error: std::io::Error| {
        Failure::new(format!("cannot make a directory for the demonstration: {error}"))
    };
    match asked {
        Some(path) => {
            if path.join("store").exists() {
                let path = path.display();
                return Err(Failure::new(format!(
                    "{path} has a store already: remove it or name another --dir"
                )));
            }
            fs::create_dir_all(path).map_err(cannot)?;
            path.canonicalize().map_err(cannot)
        }
        None => Ok(tempfile::Builder::new().prefix("weir-demo-").tempdir().map_err(cannot)?.keep()),
    }
}

fn period(arguments: &Arguments, config: &Config) -> Outcome<Period> {
    let wrong = |error: weir_account::period::PeriodError| Failure::usage(error.to_string());
    match &arguments.period {
        Some(text) => Period::parse(text, &config.zone, 1).map_err(wrong),
        None => Period::month_of(clock::now_ms(), &config.zone, 1).and_then(|p| p.previous()).map_err(wrong),
    }
}

/// Plays the office's routers into the store, on the path of any import.
fn play(arguments: &Arguments, config: &Config, period: &Period) -> Outcome<(truth::Truth, u64)> {
    let (mut writer, _) = Writer::open(&config.store, Options::default())?;
    let mut import = writer.import("weir demo", false)?;
    let mut decoder = Decoder::new(config, Realm::Import, Arc::default());
    let mut digest = Sha256::new();
    let (mut datagrams, mut size) = (0u64, 0u64);
    let days = u64::try_from(period.days().len()).unwrap_or(31);
    let progress = Progress::steps(days, "day");
    let office = Office::month(
        arguments.seed,
        period.from_ms()..period.to_ms(),
        |ms| config.zone.offset_ms(ms),
        arguments.scale,
    );
    let mut play = office.play();
    for datagram in play.by_ref() {
        let datagram = datagram
            .map_err(|error| Failure::new(format!("the demonstration's exporter failed: {error}")))?;
        progress.set(datagram.at_ms.abs_diff(period.from_ms()) / 86_400_000);
        digest.update(&datagram.payload);
        datagrams += 1;
        size += datagram.payload.len() as u64;
        let (received, from, port) = (datagram.at_ms, datagram.from.into(), datagram.port);
        decoder.ingest(&Arrival { received, from, port, payload: &datagram.payload });
        if decoder.is_full() {
            import.append(&decoder.take())?;
        }
    }
    import.append(&decoder.conclude())?;
    import.commit(&digest.finalize().into(), size, clock::now_ms())?;
    writer.close(clock::now_ms())?;
    progress.finish();
    Ok((play.truth(), datagrams))
}

/// Compares the accounts with what the model kept itself.
fn verdict(config: &Config, period: &Period, truth: &truth::Truth) -> Outcome {
    let usage = cli::usage_of(config, period)?;
    let figures = |s: weir_account::Sums| (s.octets, s.packets, s.flows);
    for (name, share) in &truth.tenants {
        let used = usage.tenant(name).map(|t| t.used).unwrap_or_default();
        let pairs = [
            ("in", used.r#in, share.inward),
            ("out", used.out, share.outward),
            ("local in", used.local_in, share.local_in),
            ("local out", used.local_out, share.local_out),
        ];
        for (what, accounted, true_figures) in pairs {
            if figures(accounted) != (true_figures.octets, true_figures.packets, true_figures.flows) {
                return Err(Failure::new(format!(
                    "the accounts of {name} ({what}) are {accounted:?}, but the office's own are {true_figures:?}: \
                     this is a defect of weir, please report it"
                )));
            }
        }
    }
    let lost = &truth.lost;
    report::print(&format!(
        "\nThe office kept its own figures: every tenant's in, out and local are the same, to the octet.\n\
         On purpose, {} datagrams of {} with {} flows ({}) were lost on the way; the completeness line\n\
         above tells of it from their sequence numbers alone.\n",
        lost.datagrams,
        lost.exporter,
        lost.flows.flows,
        octets(lost.flows.octets, config.unit),
    ))
}

fn next(directory: &Path, period: &Period) -> String {
    let c = format!("-c {}", directory.join("weir.toml").display());
    let offender = office::offender();
    let tenant = offender.owner().name;
    let (month, host) = (period.name(), offender.v4());
    format!(
        "\nSomebody at {tenant} used far too much. Who, when, what?\n\
         \x20 weir usage {tenant} --period {month} --hosts {c}\n\
         \x20 weir statement {tenant} --period {month} {c}\n\
         \x20 weir top dst_port host {host} {c}\n\
         \x20 weir flows 'host {host} and octets > 100M' {c}\n\
         With your own routers: send NetFlow, IPFIX or sFlow here and start\n\
         \x20 weir run --listen '[::]:2055' --store DIR\n\
         (\"weir\" is target/release/weir if you started this with cargo. The store is {}; remove it when done.)\n",
        directory.display()
    )
}
