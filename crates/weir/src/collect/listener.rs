//! Listeners: opened, and served by threads of their own.

use super::activation::Inherited;
use super::share::Orders;
use super::stream::Streams;
use super::udp::{self, Ear};
use super::worker::Worker;
use crate::config::{Listen, Transport};
use crate::exit::Outcome;
use rustix::thread::{CpuSet, sched_setaffinity};
use std::sync::Arc;
use std::thread::ScopedJoinHandle;
use weir_flow::memory::Memory;

/// What is heard by one thread.
pub(super) enum Source {
    Datagrams(Ear),
    Connections(Streams),
}

/// Opens a listener: what each of its threads is to hear. `inherited`: sockets of its address that were there before
/// us, which it takes; what the store remembers of them is in `memory`.
///
/// # Errors
/// The address is taken or not allowed, the kernel does not have SCTP, a certificate cannot be used.
pub(super) fn open(listen: &Listen, inherited: Vec<Inherited>, memory: &Memory) -> Outcome<Vec<Source>> {
    match listen.transport {
        Transport::Udp => {
            let memory = (!inherited.is_empty()).then_some(memory);
            let sockets = udp::open(listen, inherited)?;
            let name = |number: usize| match sockets.len() {
                1 => listen.to_string(),
                _ => format!("{listen} #{number}"),
            };
            let names: Vec<String> = (0..sockets.len()).map(name).collect();
            let ears = sockets.into_iter().zip(names).map(|(socket, name)| Ear::new(socket, name, memory));
            Ok(ears.map(Source::Datagrams).collect())
        }
        Transport::Tcp | Transport::Tls(_) | Transport::Sctp => {
            let streams = inherited.into_iter().map(|one| Streams::over(listen, one.socket));
            let streams = streams.collect::<Outcome<Vec<_>>>()?;
            if !streams.is_empty() {
                return Ok(streams.into_iter().map(Source::Connections).collect());
            }
            Ok(vec![Source::Connections(Streams::bind(listen)?)])
        }
    }
}

impl Source {
    /// What it listens on.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Datagrams(ear) => ear.name().to_owned(),
            Self::Connections(streams) => streams.name(),
        }
    }

    /// Leaves what its socket is like where it is asked for.
    pub(super) fn describe(&self, known: &crate::metrics::Ear) {
        if let Self::Datagrams(ear) = self {
            ear.describe(known);
        }
    }

    /// Hears it until told to stop.
    pub(super) fn hear(self, worker: Worker) {
        match self {
            Self::Datagrams(ear) => ear.hear(worker),
            Self::Connections(streams) => streams.hear(worker),
        }
    }
}

/// A listener that is served.
pub(super) struct Running<'scope> {
    pub(super) listen: Listen,
    pub(super) orders: Vec<Arc<Orders>>,
    pub(super) threads: Vec<ScopedJoinHandle<'scope, ()>>,
}

impl Running<'_> {
    /// Whether all its threads have ended.
    pub(super) fn is_over(&self) -> bool {
        self.threads.iter().all(ScopedJoinHandle::is_finished)
    }
}

/// Binds the calling thread to processors, as far as the kernel lets it.
pub(super) fn pin(listen: &Listen, number: usize) {
    if listen.cpus.is_empty() {
        return;
    }
    let mut set = CpuSet::new();
    // With as many workers as processors each has its own; else all may be on all.
    let own = listen.cpus.get(number).filter(|_| listen.cpus.len() == listen.workers);
    for cpu in own.map_or(&listen.cpus[..], std::slice::from_ref) {
        set.set(*cpu);
    }
    if let Err(error) = sched_setaffinity(None, &set) {
        tracing::warn!("{listen} cannot be bound to the processors {:?}: {error}", listen.cpus);
    }
}
