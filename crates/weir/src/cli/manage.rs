//! Commands that change something or check it: `run`, `import`, `send`, `check`.

use super::Common;
use crate::collect::send::{Pace, Sent, Way};
use crate::collect::stream::tls;
use crate::collect::{file, import, run as daemon, send as player};
use crate::exit::{Failure, Outcome};
use crate::report::number::{grouped, things};
use crate::report::{self, Form};
use crate::{clock, config, log, preflight, rollup};
use clap::Args;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

#[derive(Args)]
#[command(
    after_help = "Examples:\n  weir run -c weir.toml\n  weir run --listen 0.0.0.0:2055 --store /var/lib/weir"
)]
pub(super) struct RunArguments {
    /// Listen here, instead of where the configuration says
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Vec<SocketAddr>,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(arguments: &RunArguments) -> Outcome {
    log::start();
    let read = || -> Outcome<config::Config> {
        let mut config = arguments.common.config()?;
        if !arguments.listen.is_empty() {
            config.listen = arguments.listen.iter().copied().map(config::Listen::udp).collect();
            config.listens_by_default = false;
        }
        let found = preflight::look(&config);
        found.admit()?;
        found.broken.iter().for_each(|one| tracing::warn!("{one}"));
        Ok(config)
    };
    daemon::run(read()?, &read)
}

#[derive(Args)]
#[command(
    after_help = "Examples:\n  weir import exports.pcap\n  weir import -o json *.pcapng --store /var/lib/weir\n  \
        weir import /var/cache/nfdump/2019/*/*/nfcapd.*\n  weir import ft-v05.2014-*.gz --kind flow-tools\n\n\
        Archives of nfcapd (nfdump 1.6, 1.7) and flow-tools keep what another collector made of its exporters: see\n\
        docs/archives.md for what they have lost. A file is imported whole or not at all, and only once."
)]
pub(super) struct ImportArguments {
    /// Captures (pcap, pcapng), archives (nfcapd, flow-tools), bare datagrams; also as .gz, .bz2, .zst
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// What they are, where their contents do not tell
    #[arg(long, value_enum)]
    kind: Option<file::Kind>,
    /// Count files again that were imported before
    #[arg(long)]
    again: bool,
    #[command(flatten)]
    common: Common,
}

pub(super) fn import(arguments: &ImportArguments) -> Outcome {
    log::start();
    let form = arguments.common.form.text("import")?;
    let config = arguments.common.config()?;
    let order = import::Order { files: &arguments.files, kind: arguments.kind, again: arguments.again };
    let summary = import::import(&config, &order)?;
    report::print(&summary.render(form, config.unit))
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    weir send exports.pcap --to 127.0.0.1:2055\n  \
    weir send exports.pcap --to 127.0.0.1:2055 --pps 10000\n  \
    weir send exports.pcap --to 127.0.0.1:2055 --speed 60\n  \
    weir send ipfix.pcap --to collector.example:4739 --tcp\n  \
    weir send ipfix.pcap --to collector.example:4740 --tls --ca ca.pem --cert me.pem --key me.key")]
pub(super) struct SendArguments {
    /// A capture of export datagrams, or a file of bare ones
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The collector
    #[arg(long, value_name = "HOST:PORT")]
    to: String,
    /// Over TCP; only IPFIX goes over connections
    #[arg(long, conflicts_with = "tls")]
    tcp: bool,
    /// Over TLS; only IPFIX goes over connections
    #[arg(long, requires = "ca")]
    tls: bool,
    /// The authority of the collector's certificate, PEM
    #[arg(long, value_name = "FILE", requires = "tls")]
    ca: Option<PathBuf>,
    /// Our certificate, PEM, where the collector asks for one
    #[arg(long, value_name = "FILE", requires = "tls", requires = "key")]
    cert: Option<PathBuf>,
    /// Its private key, PEM
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// So many datagrams a second
    #[arg(long, value_name = "N", conflicts_with = "speed")]
    pps: Option<u64>,
    /// So many times as fast as captured; without this and --pps as fast as the socket takes them
    #[arg(long, value_name = "FACTOR")]
    speed: Option<f64>,
    /// What the file is, where its contents do not tell
    #[arg(long, value_enum)]
    kind: Option<file::Kind>,
    /// The form of the answer
    #[arg(short = 'o', long = "output", value_name = "FORM", value_enum, default_value_t = Form::Table)]
    form: Form,
}

pub(super) fn send(arguments: &SendArguments) -> Outcome {
    let to =
        arguments.to.to_socket_addrs().ok().and_then(|mut found| found.next()).ok_or_else(|| {
            Failure::usage(format!("\"{}\" is no HOST:PORT, as 127.0.0.1:2055", arguments.to))
        })?;
    arguments.form.text("send")?;
    let sent = player::send(&arguments.file, to, &way(arguments), pace(arguments)?, arguments.kind)?;
    match arguments.form {
        Form::Json => report::print_json(&sent.document()),
        Form::Ndjson => report::print(&format!("{}\n", sent.document())),
        Form::Csv => {
            report::print(&format!("datagrams,payload_bytes\n{},{}\n", sent.datagrams, sent.payload_bytes))
        }
        Form::Table | Form::Parquet | Form::Arrow => report::print(&sentence(&sent, to)),
    }
}

fn way(arguments: &SendArguments) -> Way {
    let Some(ca) = arguments.ca.clone().filter(|_| arguments.tls) else {
        return if arguments.tcp { Way::Tcp } else { Way::Udp };
    };
    let own = arguments.cert.clone().zip(arguments.key.clone());
    let host = arguments.to.rsplit_once(':').map_or(arguments.to.as_str(), |(host, _)| host);
    let name = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    Way::Tls(tls::Exporter { ca, own }, name)
}

fn pace(arguments: &SendArguments) -> Outcome<Pace> {
    match (arguments.pps, arguments.speed) {
        (Some(0), _) => {
            Err(Failure::usage("--pps 0 would never send anything: leave it out to send unpaced"))
        }
        (Some(n), _) => Ok(Pace::PerSecond(n)),
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the range was just checked"
        )]
        (_, Some(factor)) if (0.01..=1e9).contains(&factor) => {
            Ok(Pace::Captured((factor * 100.0).round() as u64))
        }
        (_, Some(factor)) => Err(Failure::usage(format!("--speed {factor} is not from 0.01 to 1000000000"))),
        (None, None) => Ok(Pace::Unpaced),
    }
}

fn sentence(sent: &Sent, to: SocketAddr) -> String {
    let mut versions: Vec<_> =
        sent.by_version.iter().map(|(v, n)| format!("{} of version {v}", grouped(*n))).collect();
    versions.sort();
    let skipped = match sent.not_ipfix {
        0 => String::new(),
        n => format!("; {} not sent: only IPFIX goes over connections", things(n, "datagram")),
    };
    format!(
        "sent {} ({}), {} of payload, from {} to {to}{skipped}\n",
        things(sent.datagrams, "datagram"),
        versions.join(", "),
        things(sent.payload_bytes, "octet"),
        things(sent.sources as u64, "port"),
    )
}

#[derive(Args)]
#[command(after_help = "Examples:\n  weir check -c weir.toml\n  weir check --dump")]
pub(super) struct CheckArguments {
    /// The configuration; else ./weir.toml or /etc/weir/weir.toml
    #[arg(short = 'c', long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the configuration as understood
    #[arg(long)]
    dump: bool,
}

pub(super) fn check(arguments: &CheckArguments) -> Outcome {
    let (config, path) = config::load(arguments.config.as_deref())?;
    if arguments.dump {
        return report::print(&config.dump());
    }
    let found = preflight::look(&config);
    found.approve()?;
    is_readable(&config)?;
    let Some(path) = path else {
        return report::print(
            "no configuration: there is no weir.toml here and no /etc/weir/weir.toml; defaults are used\n",
        );
    };
    let relays = match config.relays.len() {
        0 => String::new(),
        n => format!("{}, ", things(n as u64, "relay")),
    };
    let uplinks = match config.uplinks.len() {
        0 => String::new(),
        n => format!("{}, ", things(n as u64, "uplink")),
    };
    let notes = config.notes(clock::now_ms()).into_iter().chain(rollup_notes(&config)).chain(found.notes);
    let notes: Vec<String> = notes.map(|note| format!("note: {note}\n")).collect();
    report::print(&format!(
        "{}: good; {}, {}, {}, {relays}{uplinks}store {}\n{}",
        path.display(),
        tenants(&config),
        things(config.exporters.len() as u64, "exporter"),
        things(config.listen.len() as u64, "listener"),
        config.store.display(),
        notes.concat()
    ))
}

/// How many tenants there are, and addresses that they share.
fn tenants(config: &config::Config) -> String {
    let payers = config.payers().count();
    let tenants = things(payers as u64, "tenant");
    match config.tenants.len().saturating_sub(payers) {
        0 => tenants,
        1 => format!("{tenants}, 1 shared address"),
        shared => format!("{tenants}, {} shared addresses", grouped(shared as u64)),
    }
}

/// Which roll-ups are not built yet, or do not fit the zone's days and hours.
fn rollup_notes(config: &config::Config) -> Vec<String> {
    let mut notes = Vec::new();
    let offset_ms = config.zone.offset_ms(clock::now_ms());
    for rollup in config.rollups.iter().filter(|rollup| offset_ms % rollup.width_ms() != 0) {
        notes.push(format!(
            "roll-up \"{}\" has buckets of UTC, in which days and hours of {} begin: questions by those read records; \
             a smaller width would do",
            rollup.name(),
            config.zone.name()
        ));
    }
    if config.rollups.is_empty() || !weir_store::exists(&config.store) {
        return notes;
    }
    // A store that cannot be read is for others to say.
    let Ok(snapshot) = weir_store::Snapshot::open(&config.store) else { return notes };
    for one in rollup::look(config, &snapshot).iter().filter(|one| one.missing() > 0) {
        notes.push(format!(
            "roll-up \"{}\" is not built yet of {} of {}: the daemon does that by and by, `weir rollup` at once",
            one.name,
            grouped(one.missing()),
            things(one.segments, "segment")
        ));
    }
    notes
}

/// A store that is there must be one that this weir writes: `run` opens it, and says the same.
fn is_readable(config: &config::Config) -> Outcome {
    if !weir_store::exists(&config.store) {
        return Ok(());
    }
    match weir_store::Snapshot::open_span(&config.store, &(0..0)) {
        Err(error) if matches!(error.what, weir_store::What::TooNew(_)) => Err(error.into()),
        // What is damaged, or not ours to read, is for others to say.
        _ => Ok(()),
    }
}
