//! `weir run`: listeners, decoders, and the one writer of the store.
//!
//! Each listener has a thread with a decoder of its own, so that an exporter always meets the same sessions
//! and nothing is locked. Full batches, and every batch on the tick, go through one bounded channel to the
//! writer. If the writer is behind, the listeners wait for it: connections are then read more slowly, which
//! their exporters feel, the buffers of UDP sockets fill, and what the kernel then drops is counted. Loss is
//! always a number with a reason.

use super::deliver;
use super::stream::Streams;
use super::udp;
use super::worker::Worker;
use crate::config::{Config, Listen, Transport};
use crate::exit::{Failure, Outcome};
use crate::metrics::{Ear, Hub};
use crate::relay::Relays;
use crate::web::Web;
use signal_hook::consts::{SIGINT, SIGTERM};
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread;
use weir_flow::session::memory::{Attic, Realm};
use weir_store::Writer;

/// A listener that has its address, and waits for its thread.
enum Bound {
    Datagrams(UdpSocket),
    Connections(Streams),
}

/// Runs the daemon until SIGTERM or SIGINT.
///
/// # Errors
/// The store cannot be opened or written, a port not be bound, a certificate not be read, a relay not be set up.
pub(crate) fn run(config: &Config) -> Outcome {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop))
            .map_err(|error| Failure::new(format!("cannot listen for signals: {error}")))?;
    }
    raise_descriptors();
    let hub = Arc::new(Hub::new(config));
    // Before the store: opening it may take a while, and who asks is told so.
    let web = Web::start(config, &hub)?;
    let (writer, recovery) = Writer::open(&config.store, config.memory.store_options())?;
    let listeners = config.listen.iter().map(|l| Ok((l, bind(l)?))).collect::<Outcome<Vec<_>>>()?;
    let relays = Relays::open(config)?;
    announce_recovery(config, &recovery);
    let attic = Arc::new(Attic::new(writer.memory(), Realm::Live));
    let (sender, receiver) = sync_channel(config.memory.queue_batches());
    thread::scope(|scope| {
        for (listen, bound) in listeners {
            let ear = hub.ear(listen.to_string());
            if let Bound::Datagrams(socket) = &bound {
                note_buffer(&ear, socket);
            }
            let known = (Arc::clone(&hub), ear);
            let worker = Worker::new(
                config,
                Arc::clone(&attic),
                relays.feeds(),
                sender.clone(),
                Arc::clone(&stop),
                known,
            );
            tracing::info!("listening on {listen}");
            scope.spawn(move || match bound {
                Bound::Datagrams(socket) => udp::hear(&socket, worker),
                Bound::Connections(streams) => streams.hear(worker),
            });
        }
        drop(sender);
        hub.is_up();
        let result = deliver::write(writer, &receiver, relays, &hub);
        // If the store failed, the listeners must not wait for it for ever.
        stop.store(true, Ordering::Relaxed);
        drop(receiver);
        drop(web);
        result
    })
}

/// Leaves the size of a socket's buffer where it is asked for. The kernel counts its own overhead: it reports twice
/// what it was asked for.
fn note_buffer(ear: &Ear, socket: &UdpSocket) {
    let wide = |len: usize| u64::try_from(len).unwrap_or(u64::MAX);
    let granted = socket2::SockRef::from(socket).recv_buffer_size().unwrap_or_default() / 2;
    Ear::set(&ear.buffer_bytes, wide(granted));
    Ear::set(&ear.buffer_wanted_bytes, wide(udp::RECEIVE_BUFFER_BYTES));
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

fn bind(listen: &Listen) -> Outcome<Bound> {
    Ok(match listen.transport {
        Transport::Udp => Bound::Datagrams(udp::bind(listen.address)?),
        Transport::Tcp | Transport::Tls(_) | Transport::Sctp => Bound::Connections(Streams::bind(listen)?),
    })
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
    for damage in &recovery.damage {
        tracing::error!("the journal {} is damaged: {}", damage.path.display(), damage.how);
    }
}
