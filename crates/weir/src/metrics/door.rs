//! The door of a running daemon for commands on the same machine: a socket in the store, `weir.sock`, that says how the
//! daemon is, as one JSON document, to whoever may open it (its own user and root).
//!
//! It is a socket and not a file because a file would be written every few seconds, not at all when the disk is full,
//! which is when it is wanted, and would go on speaking for a daemon that died.

use super::hub::Hub;
use super::pulse::Ear;
use super::{disk, memory, process};
use crate::clock;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::{Value as Json, json};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Its name in the store.
const NAME: &str = "weir.sock";
/// How long a client may take to read, and the daemon to answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often the thread looks whether to stop.
const EVERY_MS: u64 = 200;
/// What is read of an answer at most, bytes.
const ANSWER_MAX: u64 = 4 << 20;

/// The door, open until it is dropped.
#[derive(Debug)]
pub(crate) struct Door {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Door {
    /// Opens it. A daemon whose door does not open works all the same; why it does not is said.
    pub(crate) fn open(hub: &Arc<Hub>) -> Option<Self> {
        let opened = Self::try_open(hub);
        let told = |error| {
            tracing::warn!(
                "weir doctor will not hear from this daemon: {}: {error}",
                hub.store.join(NAME).display()
            );
        };
        opened.map_err(told).ok()
    }

    fn try_open(hub: &Arc<Hub>) -> io::Result<Self> {
        let (folder, path) = door(&hub.store)?;
        // The store is locked, so whoever left this is gone.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        listener.set_nonblocking(true)?;
        drop(folder);
        let stop = Arc::<AtomicBool>::default();
        let (told, hub) = (Arc::clone(&stop), Arc::clone(hub));
        let thread = std::thread::Builder::new().name("door".to_owned());
        let thread = thread.spawn(move || {
            while !told.load(Ordering::Relaxed) {
                serve(&listener, &hub);
            }
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that answers weir doctor ended before its time");
        }
    }
}

/// Answers one client, or finds after a while that there is none. The next one waits: nobody else does.
fn serve(listener: &UnixListener, hub: &Hub) {
    let wait = Timespec::try_from(Duration::from_millis(EVERY_MS)).ok();
    let _ = poll(&mut [PollFd::new(listener, PollFlags::IN)], wait.as_ref());
    let Ok((mut stream, _)) = listener.accept() else { return };
    let answer = document(hub, clock::now_ms()).to_string();
    // Who does not read is let go.
    let _ = stream
        .set_nonblocking(false)
        .and_then(|()| stream.set_write_timeout(Some(PATIENCE)))
        .and_then(|()| stream.write_all(answer.as_bytes()));
}

/// The socket's path by way of its folder's descriptor: however long the path is, this one fits.
fn door(store: &Path) -> io::Result<(File, std::path::PathBuf)> {
    let folder = File::open(store)?;
    let path = format!("/proc/self/fd/{}/{NAME}", folder.as_raw_fd()).into();
    Ok((folder, path))
}

/// What the daemon that has this store says of itself; `None` if there is none, or we may not ask.
pub(crate) fn ask(store: &Path) -> Option<Json> {
    let (_folder, path) = door(store).ok()?;
    let stream = UnixStream::connect(path).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let mut answer = String::new();
    stream.take(ANSWER_MAX).read_to_string(&mut answer).ok()?;
    serde_json::from_str(&answer).ok()
}

/// How the daemon is.
fn document(hub: &Hub, now_ms: i64) -> Json {
    let (status, books, process) = (hub.status(), hub.books(), process::Process::now());
    let age = |since: Option<i64>| since.map(|since| now_ms.saturating_sub(since).max(0));
    let listeners: Vec<Json> = hub
        .ears()
        .into_iter()
        .map(|(name, ear)| {
            json!({
                "listener": name,
                "datagrams": Ear::get(&ear.datagrams),
                "kernel_drops": Ear::get(&ear.drops),
                "receive_buffer_bytes": Ear::get(&ear.buffer_bytes),
                "receive_buffer_wanted_bytes": Ear::get(&ear.buffer_wanted_bytes),
                "sessions": Ear::get(&ear.sessions),
                "progress_age_ms": ear.pulse.age_ms(now_ms),
            })
        })
        .collect();
    let shares: Vec<Json> = memory::shares(hub)
        .iter()
        .map(|share| json!({"consumer": share.consumer, "bytes": share.bytes, "limit_bytes": share.limit_bytes}))
        .collect();
    let invariants: Vec<Json> = books
        .invariants()
        .map(|(invariant, off, times)| {
            json!({
                "invariant": invariant.word(), "says": invariant.sentence(), "difference": off.to_string(),
                "violations": times,
            })
        })
        .collect();
    let outlook = hub.outlook();
    let file_system = disk::Disk::of(&hub.store);
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "process": std::process::id(),
        "since_ms": hub.since_ms,
        "ails": hub.ails(now_ms),
        "not_ready": hub.not_ready(now_ms),
        "memory": {
            "resident_bytes": process.resident_bytes,
            "resident_max_bytes": process.resident_max_bytes,
            "limit_bytes": hub.memory,
            "early_seals": hub.early_seals.load(Ordering::Relaxed),
            "consumers": shares,
        },
        "queue": {"batches": hub.queued.load(Ordering::Relaxed), "capacity": hub.queue_max},
        "writer_progress_age_ms": hub.writer.age_ms(now_ms),
        "listeners": listeners,
        "store": {
            "unsealed_rows": status.journal_rows,
            "unsealed_age_ms": age(status.unsealed_since),
            "unsynced_age_ms": age(status.unsynced_since),
            "seals_waiting": status.seals_waiting,
            "segments": status.flows.files,
            "segment_bytes": status.flows.bytes,
            "account_bytes": status.bins.bytes,
            "disk_budget_bytes": hub.budget().bytes,
            "disk_free_bytes": file_system.map(|disk| disk.free_bytes),
            "disk_size_bytes": file_system.map(|disk| disk.size_bytes),
            "retired_before_ms": status.flows_before,
            "accounts_retired_before_ms": status.accounts_before,
            "retired_flows": outlook.map(|outlook| outlook.retired.rows),
            "retired_bytes": outlook.map(|outlook| outlook.retired.bytes),
            "rollups_lost": outlook.map(|outlook| outlook.retired.rollups_lost),
            "is_over_budget": outlook.map(|outlook| outlook.is_over_budget),
            "outage": hub.outage(),
        },
        "invariants": invariants,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn who_asks_is_told_and_a_dead_daemon_says_nothing() {
        let folder = tempfile::tempdir().unwrap();
        // Longer than the path of a socket may be.
        let store = folder.path().join("a".repeat(120)).join("store");
        fs::create_dir_all(&store).unwrap();
        assert_eq!(ask(&store), None);
        let hub = Arc::new(Hub::new(&Config { store: store.clone(), ..Config::default() }));
        let door = Door::open(&hub).unwrap();
        let said = ask(&store).unwrap();
        assert_eq!(said["process"], std::process::id());
        assert_eq!(said["memory"]["limit_bytes"], 2_000_000_000u64);
        assert_eq!(said["queue"]["capacity"], 64);
        assert_eq!(said["invariants"][1]["difference"], "0");
        let mode = fs::metadata(store.join(NAME)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        drop(door);
        assert_eq!(ask(&store), None);
        // The next one finds the socket of the last.
        let _door = Door::open(&hub).unwrap();
        assert!(ask(&store).is_some());
    }
}
