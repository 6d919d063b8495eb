//! What a person types: the commands and their options, and one function a command.

mod ask;
mod close;
mod doctor;
mod evidence;
mod explain;
mod exporter_config;
mod flows;
mod mail;
mod manage;
mod memory;
mod name;
mod plot;
mod quota;
mod rate;
mod reattribute;
mod rebuild;
mod rollup;
mod split;
mod sql;
mod statement;
mod top;
mod usage;

pub(crate) use ask::snapshot;
pub(crate) use usage::{print_period, usage_of};

use crate::config::{self, Config};
use crate::exit::{Failure, Outcome};
use crate::report::Form;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use weir_account::Zone;

/// Network traffic accounting from the wire to the bill.
#[derive(Parser)]
#[command(name = "weir", version, propagate_version = true, arg_required_else_help = true)]
#[command(after_help = "Try it: weir demo\nEvery command has examples: weir help COMMAND")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Makes a month of an office's traffic in a store of its own and accounts it
    Demo(crate::demo::Arguments),
    /// The daemon: hears NetFlow, IPFIX and sFlow, stores and accounts
    Run(manage::RunArguments),
    /// Takes in captures of export datagrams, the same way as live ones
    Import(manage::ImportArguments),
    /// Lists flow records, oldest first
    Flows(flows::Arguments),
    /// Groups flows and shows the largest
    Top(top::Arguments),
    /// Draws traffic over time, as SVG
    Plot(plot::Arguments),
    /// Octets, packets and flows in and out, by tenant, with the trial balance
    Usage(usage::Arguments),
    /// Any question at all, in SQL
    Sql(sql::Arguments),
    /// A tenant's statement of a period: text, HTML, PDF, CSV, JSON; of all tenants; the manager's page
    Statement(statement::Arguments),
    /// Sends each tenant's statement of a period by mail, once, and the manager a summary
    Mail(mail::Arguments),
    /// What a period's traffic costs, by the tenants' tariffs or by another one
    Rate(rate::Arguments),
    /// What providers charge for their uplinks, shared out among those who used them
    Split(split::Arguments),
    /// Makes the statements of a period stand for ever: numbered, chained, with what they were made from
    Close(close::Arguments),
    /// Computes everything again, closed periods too, and names the first thing that is not as it was
    Verify(close::VerifyArguments),
    /// From a figure on a closed statement to the records, sampling intervals, sources and rules behind it
    Explain(explain::Arguments),
    /// Puts a tenant's flow records, accounts and statement of a period into a folder, for a dispute
    Evidence(evidence::Arguments),
    /// How far quotas are used, who is blocked, and blocks taken back
    Quota(quota::Arguments),
    /// Plays the datagrams of a capture to a collector
    Send(manage::SendArguments),
    /// Reads the configuration and says every mistake
    Check(manage::CheckArguments),
    /// Decides again whose the records of an open period are, after a correction of the configuration
    Reattribute(reattribute::Arguments),
    /// Computes the accounts again from the records, or checks every file of the store
    Rebuild(rebuild::Arguments),
    /// Builds the roll-ups of the configuration that are missing, and says how far they are
    Rollup(rollup::Arguments),
    /// Asks how every exporter is: templates, sampling, clocks, loss, double counting; each with its cure
    Doctor(doctor::Arguments),
    /// Says what is known of addresses: names, countries, networks
    Name(name::Arguments),
    /// Prints how a router or probe is told to export to weir
    ExporterConfig(exporter_config::Arguments),
}

/// The priority of questions, in the steps of nice(2): the lowest there is.
const NICE: i32 = 19;

impl Command {
    /// Whether it reads much of what is stored, and nobody waits for it but who asked. `usage` does not: it takes
    /// milliseconds, which behind a busy daemon, and behind the other questions, were seconds now and then.
    fn is_question(&self) -> bool {
        matches!(
            self,
            Self::Flows(_)
                | Self::Top(_)
                | Self::Plot(_)
                | Self::Sql(_)
                | Self::Statement(_)
                | Self::Rate(_)
                | Self::Split(_)
                | Self::Verify(_)
                | Self::Rollup(_)
                | Self::Explain(_)
                | Self::Evidence(_)
        )
    }

    /// Whether it runs until it is told to end.
    fn stays(&self) -> bool {
        matches!(self, Self::Run(_) | Self::Demo(_))
    }
}

/// Options of every command that reads a configuration.
#[derive(Args, Debug, Clone)]
pub(crate) struct Common {
    /// The configuration; else ./weir.toml or /etc/weir/weir.toml, where there is one
    #[arg(short = 'c', long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// The store, instead of the configuration's
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// The time zone for dates and periods, as Europe/Berlin, instead of the configuration's
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
    /// The form of the answer
    #[arg(short = 'o', long = "output", value_name = "FORM", value_enum, default_value_t = Form::Table)]
    form: Form,
}

impl Common {
    /// The configuration with what the command line puts in its place.
    fn config(&self) -> Outcome<Config> {
        let (mut config, _) = config::load(self.config.as_deref())?;
        if let Some(store) = &self.store {
            config.store.clone_from(store);
        } else if self.config.is_none()
            && config.store.is_relative()
            && std::env::var_os("WEIR_STORE").is_some()
        {
            config.store = std::env::var_os("WEIR_STORE").map(PathBuf::from).unwrap_or_default();
        }
        // Absolute from here on: a message that names it can be understood from anywhere.
        config.store = std::path::absolute(&config.store).unwrap_or(config.store);
        if let Some(zone) = &self.zone {
            config.zone = parse_zone(zone)?;
        }
        Ok(config)
    }
}

fn parse_zone(text: &str) -> Outcome<Zone> {
    Zone::parse(text).map_err(|unknown| {
        let cure = config::zone_meant(text, unknown.suggestion)
            .map_or_else(String::new, |near| format!("; did you mean {near}?"));
        Failure::usage(format!("there is no time zone \"{text}\"{cure}"))
    })
}

/// Reads the command line and does what it says.
///
/// # Errors
/// What could not be done, in one sentence. Wrong usage does not come back: clap prints it and ends with 2.
pub(crate) fn run() -> Outcome {
    let command = Cli::parse().command;
    if command.is_question() {
        // However many ask: what is not heard is lost, and an answer only comes later. Refused, it is as before.
        let _ = rustix::process::nice(NICE);
    }
    if !command.stays() {
        crate::allocator::keep_what_is_freed();
    }
    match command {
        Command::Demo(arguments) => crate::demo::run(&arguments),
        Command::Run(arguments) => manage::run(&arguments),
        Command::Import(arguments) => manage::import(&arguments),
        Command::Flows(arguments) => flows::run(&arguments),
        Command::Top(arguments) => top::run(&arguments),
        Command::Plot(arguments) => plot::run(&arguments),
        Command::Usage(arguments) => usage::run(&arguments),
        Command::Sql(arguments) => sql::run(&arguments),
        Command::Statement(arguments) => statement::run(&arguments),
        Command::Mail(arguments) => mail::run(&arguments),
        Command::Rate(arguments) => rate::run(&arguments),
        Command::Split(arguments) => split::run(&arguments),
        Command::Close(arguments) => close::run(&arguments),
        Command::Verify(arguments) => close::verify(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Evidence(arguments) => evidence::run(&arguments),
        Command::Quota(arguments) => quota::run(&arguments),
        Command::Send(arguments) => manage::send(&arguments),
        Command::Check(arguments) => manage::check(&arguments),
        Command::Reattribute(arguments) => reattribute::run(&arguments),
        Command::Rebuild(arguments) => rebuild::run(&arguments),
        Command::Rollup(arguments) => rollup::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Name(arguments) => name::run(&arguments),
        Command::ExporterConfig(arguments) => exporter_config::run(&arguments),
    }
}
