//! `weir run`: listeners, decoders, and the one writer of the store.
//!
//! Each listener has a thread (or several) with a decoder of its own, so that an exporter always meets the same sessions
//! and nothing is locked. Full batches, and every batch on the tick, go through one bounded channel to the
//! writer. If the writer is behind, the listeners wait for it: connections are then read more slowly, which
//! their exporters feel, the buffers of UDP sockets fill, and what the kernel then drops is counted. Loss is
//! always a number with a reason.
//!
//! The `supervisor` has a thread beside them: it hears signals, reads the configuration again, and tells the service
//! manager that all live. Quotas have one more, which reads what is committed, and roll-ups one that is made from it.

use super::activation::{self, Inherited};
use super::deliver;
use super::listener;
use super::share::{self, Share};
use super::supervisor::{Supervisor, signals};
use super::systemd::Systemd;
use crate::clock;
use crate::config::{Config, Listen};
use crate::exit::Outcome;
use crate::metrics::Hub;
use crate::metrics::door::Door;
use crate::quota;
use crate::relay::Relays;
use crate::rollup::{self, Builder};
use crate::schedule::Clockwork;
use crate::web::Web;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use weir_flow::memory::Memory;
use weir_flow::session::memory::{Attic, Realm};
use weir_store::Writer;

/// Runs the daemon until SIGTERM or SIGINT. `reread` gives the configuration as it is now, for SIGHUP.
///
/// # Errors
/// The store cannot be opened or written, a port not be bound, a certificate not be read, a relay not be set up.
pub(crate) fn run(config: Config, reread: &(dyn Fn() -> Outcome<Config> + Sync)) -> Outcome {
    let inherited = activation::sockets()?;
    let config = with_listeners(config, &inherited);
    let signals = signals()?;
    raise_descriptors();
    let hub = Arc::new(Hub::new(&config));
    // Before the store: opening it may take a while, and who asks is told so.
    let web = Web::start(&config, &hub)?;
    let (mut writer, recovery) = Writer::open(&config.store, config.memory.store_options())?;
    writer.set_budget(config.budget);
    writer.set_heirs(rollup::heirs(&config));
    let door = Door::open(&hub);
    let listeners = open(&config, inherited, writer.memory())?;
    let relays = Relays::open(&config)?;
    announce_recovery(&config, &recovery);
    let attic = Arc::new(Attic::new(writer.memory(), Realm::Live));
    let (outbox, inbox) = share::channel(config.memory.queue_batches(), &hub);
    let share = Arc::new(Share::new(Arc::new(config), attic, Arc::clone(&hub)));
    let current = Arc::clone(&share);
    let clockwork = Clockwork::start(move || current.config().1, &hub)?;
    let sql = answer_sql(&share)?;
    let current = Arc::clone(&share);
    let rollups = Builder::start(move || current.config().1, clock::now_ms)?;
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        let manager = Systemd::of_environment();
        let mut supervisor = Supervisor::new(scope, Arc::clone(&share), outbox, relays.tap(), manager);
        for (listen, sources) in listeners {
            supervisor.start(&listen, sources);
        }
        let is_done = &is_done;
        scope.spawn(move || supervisor.supervise(signals, reread, is_done));
        let quotas = &share;
        scope.spawn(move || quota::watch(&|| quotas.config().1, &quotas.hub, is_done));
        hub.is_up();
        let result = deliver::write(writer, &inbox, relays, &share);
        // If the store failed, the listeners must not wait for it for ever.
        share.stop();
        drop(inbox);
        drop((web, door, clockwork, sql, rollups));
        is_done.store(true, Ordering::Relaxed);
        result
    })
}

/// Answers SQL where the configuration says so.
#[cfg(feature = "sql")]
fn answer_sql(share: &Arc<Share>) -> Outcome<impl Sized + use<>> {
    let current = Arc::clone(share);
    crate::sql::start(move || current.config().1, &share.hub.sql_refused)
}

/// This program has no SQL in it, and a configuration that asks for it was refused (`preflight`).
#[cfg(not(feature = "sql"))]
fn answer_sql(_: &Arc<Share>) -> Outcome<impl Sized + use<>> {
    Ok(())
}

/// Where nobody said where to listen, we listen where we were given sockets.
fn with_listeners(mut config: Config, inherited: &[Inherited]) -> Config {
    if config.listens_by_default && !inherited.is_empty() {
        config.listen = activation::listeners(inherited);
    }
    config
}

/// All listeners, each with what its threads are to hear.
fn open(
    config: &Config,
    mut inherited: Vec<Inherited>,
    memory: &Memory,
) -> Outcome<Vec<(Listen, Vec<listener::Source>)>> {
    let own: Vec<_> = config.listen.iter().map(|listen| activation::take(&mut inherited, listen)).collect();
    activation::none_left(&inherited)?;
    let listeners = config.listen.iter().zip(own);
    listeners.map(|(listen, own)| Ok((listen.clone(), listener::open(listen, own, memory)?))).collect()
}

/// Connections and relays have sockets, more than the 1024 descriptors that a process is usually given at first; as
/// many as it may have cost nothing.
fn raise_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if limit.current != limit.maximum
        && let Err(error) = setrlimit(Resource::Nofile, raised)
    {
        tracing::warn!("cannot have more descriptors than {:?}: {error}", limit.current);
    }
}

fn announce_recovery(config: &Config, recovery: &weir_store::Recovery) {
    let listen: Vec<String> = config.listen.iter().map(|listen| listen.address.to_string()).collect();
    tracing::info!("store {}, listening on {}", config.store.display(), listen.join(", "));
    if recovery.rows > 0 || recovery.torn_bytes > 0 || recovery.orphans > 0 {
        tracing::info!(
            "after a stop without warning: {} records in {} batches came back from the journal, {} bytes of \
             unfinished writes were cut, {} unfinished files removed",
            recovery.rows,
            recovery.frames,
            recovery.torn_bytes,
            recovery.orphans
        );
    }
    if recovery.cut_frames > 0 {
        tracing::warn!(
            "power failed before {} batches ({} records) were durable, and took some that came before them: they are \
             cut off, so that the store is as it was at one moment",
            recovery.cut_frames,
            recovery.cut_rows
        );
    }
    for path in &recovery.refused {
        tracing::warn!(
            "{} was left unfinished and we may not remove it: it takes room and does no other harm; as root, `chown -R \
             --reference=STORE STORE` gives all files of a store to the owner of its folder",
            path.display()
        );
    }
    for damage in &recovery.damage {
        tracing::error!("{} is damaged: {}", damage.path.display(), damage.how);
    }
}
