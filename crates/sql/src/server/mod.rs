//! PostgreSQL's protocol: psql, Grafana, Metabase, DBeaver and pandas ask the store as if it were a database.
//!
//! `pgwire` speaks the protocol; here is what is said. Who may come is decided by SCRAM-SHA-256 (`auth`). A statement
//! is read (`statement`), its PostgreSQL-only syntax translated (`dialect`), and answered over the store as it is at
//! that moment (`answer`), in PostgreSQL's formats (`value`). Clients look around first: `catalog` is what they find.
//!
//! Everything is bounded: connections at a time, the memory of all questions together (they spill, and are refused
//! beyond), the time of each until its last row is taken, and how long a client may take none of what was sent. A
//! question stops when its client says so, when its time is over, and when rows can be sent to nobody any more.
//!
//! One thread serves all connections and never computes; others compute and never wait for a client (`crate::job`).

mod answer;
mod auth;
mod cancel;
mod catalog;
mod dialect;
mod handler;
mod parameter;
mod projection;
mod statement;
mod value;

use crate::error::{Error, Reason};
use crate::job;
use crate::session::{Engine, Limits};
use crate::source::Source;
use answer::Answers;
pub use auth::User;
use auth::{Door, Users};
use cancel::{Canceller, Running};
use pgwire::api::PgWireServerHandlers;
use pgwire::api::auth::StartupHandler;
use pgwire::api::cancel::CancelHandler;
use pgwire::api::query::{ExtendedQueryHandler, SimpleQueryHandler};
use pgwire::error::{ErrorInfo, PgWireError};
pub use pgwire::tokio::TlsAcceptor;
use socket2::{SockRef, TcpKeepalive};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{Notify, Semaphore};

/// After an accept that failed (no descriptors left) the next is tried so much later.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);
/// A client that has said nothing for so long is asked whether it is still there.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// How the server behaves.
#[derive(Clone)]
pub struct Settings {
    /// Who may ask.
    pub users: Vec<User>,
    /// Connections at a time; more are closed at once, and counted here.
    pub connections_max: usize,
    /// Connections that were closed because there were too many.
    pub refused: Arc<AtomicU64>,
    /// How long a question may take, until its client has the last row.
    pub time_max: Duration,
    /// What all questions together may use.
    pub limits: Limits,
    /// TLS, which every client must then speak.
    pub tls: Option<TlsAcceptor>,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut settings = f.debug_struct("Settings");
        settings.field("users", &self.users).field("connections_max", &self.connections_max);
        settings.field("time_max", &self.time_max).field("limits", &self.limits);
        settings.field("tls", &self.tls.is_some()).finish()
    }
}

/// The server, running until it is dropped.
#[derive(Debug)]
pub struct Server {
    stop: Arc<Notify>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    /// Serves on this socket, on threads of its own.
    ///
    /// # Errors
    /// Threads cannot be had.
    pub fn start(listener: TcpListener, settings: Settings, source: Arc<dyn Source>) -> Result<Self, Error> {
        let failed =
            |error: std::io::Error| Error::new(Reason::Failed, format!("cannot answer SQL: {error}"));
        listener.set_nonblocking(true).map_err(failed)?;
        let workers = job::workers(settings.limits.threads)?;
        let running = Arc::new(Running::default());
        let site = Arc::new(Site {
            answers: Arc::new(Answers {
                engine: Engine::new(settings.limits)?,
                source,
                running: Arc::clone(&running),
                time_max: settings.time_max,
                workers: workers.handle().clone(),
            }),
            canceller: Arc::new(Canceller(running)),
            users: Arc::new(Users(settings.users)),
            tls: settings.tls,
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let stop = Arc::new(Notify::new());
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name("sql".to_owned()).stack_size(job::STACK_BYTES);
        let thread = thread
            .spawn(move || {
                runtime.block_on(async move {
                    tokio::select! {
                        () = serve(listener, site, settings.connections_max, settings.refused) => {}
                        () = stopped.notified() => {}
                    }
                });
                // Connections first: their questions end with them.
                drop(runtime);
                job::end(workers);
            })
            .map_err(failed)?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.notify_one();
        // A thread that panicked has said so.
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}

async fn serve(listener: TcpListener, site: Arc<Site>, connections_max: usize, refused: Arc<AtomicU64>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let places = Arc::new(Semaphore::new(connections_max));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            refused.fetch_add(1, Ordering::Relaxed);
            continue;
        };
        let site = Arc::clone(&site);
        watch(&stream, site.answers.time_max);
        tokio::spawn(async move {
            let tls = site.tls.clone();
            // A client that speaks something else is let go without a word.
            let _ = pgwire::tokio::process_socket(stream, tls, Handlers(site)).await;
            drop(place);
        });
    }
}

/// Lets the system end a connection whose client is gone, or takes nothing of what was sent for so long.
fn watch(stream: &TcpStream, taken_within: Duration) {
    let socket = SockRef::from(stream);
    // Where the system does not know these the connection is kept until its client ends it.
    let _ = socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE));
    let _ = socket.set_tcp_user_timeout(Some(taken_within));
}

/// What all connections share.
struct Site {
    answers: Arc<Answers>,
    canceller: Arc<Canceller>,
    users: Arc<Users>,
    tls: Option<TlsAcceptor>,
}

/// What pgwire asks of us.
struct Handlers(Arc<Site>);

impl PgWireServerHandlers for Handlers {
    fn simple_query_handler(&self) -> Arc<impl SimpleQueryHandler> {
        Arc::clone(&self.0.answers)
    }

    fn extended_query_handler(&self) -> Arc<impl ExtendedQueryHandler> {
        Arc::clone(&self.0.answers)
    }

    fn startup_handler(&self) -> Arc<impl StartupHandler> {
        let zone = self.0.answers.source.zone();
        Arc::new(Door::new(Arc::clone(&self.0.users), self.0.tls.is_some(), zone))
    }

    fn cancel_handler(&self) -> Arc<impl CancelHandler> {
        Arc::clone(&self.0.canceller)
    }
}

/// A failure with PostgreSQL's code for it.
fn problem(error: &Error) -> PgWireError {
    let code = match error.reason() {
        Reason::Wrong => "42000",
        Reason::Forbidden => "25006",
        Reason::TooLarge => "53200",
        Reason::TooLong | Reason::Stopped => "57014",
        Reason::Failed => "58000",
    };
    let info = ErrorInfo::new("ERROR".to_owned(), code.to_owned(), error.to_string());
    PgWireError::UserError(Box::new(info))
}
