//! SQL over PostgreSQL's protocol, beside the daemon: `[sql]`.

use super::lookup::Known;
use crate::collect::stream::tls;
use crate::config::{Config, Identity, Sql};
use crate::exit::{self, Failure, Outcome};
use crate::metrics::process::Process;
use std::net::TcpListener;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use weir_sql::server::{Server, Settings, TlsAcceptor, User};
use weir_sql::{Limits, Lookup, Source};
use weir_store::Snapshot;

/// What clients that begin with TLS at once say they want to speak.
const ALPN: &[u8] = b"postgresql";

/// Starts it where the configuration says, if it says so. `config` gives the configuration as it is now; connections that
/// are turned away are added to `refused`.
///
/// # Errors
/// The address cannot be had, a password or a certificate not be read, or threads not be started.
pub(crate) fn start(
    config: impl Fn() -> Arc<Config> + Send + Sync + 'static,
    refused: &Arc<AtomicU64>,
) -> Outcome<Option<Server>> {
    let begun = config();
    let Some(sql) = &begun.sql else { return Ok(None) };
    let settings = settings(sql, Arc::clone(refused))?;
    let (tls, connections) = (settings.tls.is_some(), settings.connections_max);
    let listener = TcpListener::bind(sql.listen).map_err(|error| {
        let cure = "another program has the port, or the address is not ours: see [sql]";
        Failure::new(format!("cannot answer SQL on {}: {error}; {cure}", sql.listen))
    })?;
    let store = Store { path: begun.store.clone(), config: Box::new(config) };
    let server = Server::start(listener, settings, Arc::new(store))?;
    let how = if tls { "over TLS" } else { "without TLS" };
    tracing::info!(
        "answering SQL on {} {how}, as PostgreSQL does; {connections} connections at most",
        sql.listen
    );
    Ok(Some(server))
}

fn settings(sql: &Sql, refused: Arc<AtomicU64>) -> Outcome<Settings> {
    let users: Outcome<Vec<User>> = sql
        .users
        .iter()
        .map(|(name, file)| Ok(User { name: name.clone(), password: password(file)? }))
        .collect();
    Ok(Settings {
        users: users?,
        connections_max: sql.connections,
        refused,
        time_max: Duration::from_secs(sql.seconds),
        limits: Limits {
            memory_bytes: usize::try_from(sql.memory_bytes).unwrap_or(usize::MAX),
            spill_bytes: sql.spill_bytes,
            ..Limits::default()
        },
        tls: sql.tls.as_ref().map(acceptor).transpose()?,
    })
}

fn acceptor(identity: &Identity) -> Outcome<TlsAcceptor> {
    let mut config = (*tls::server(identity)?).clone();
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// What a file holds, but for the end of its last line.
///
/// # Errors
/// It cannot be read, or holds nothing.
pub(crate) fn password(file: &PathBuf) -> Outcome<String> {
    let text =
        std::fs::read_to_string(file).map_err(|error| exit::io("cannot read the password", file, &error))?;
    let password = text.trim_end_matches(['\n', '\r']).to_owned();
    if password.is_empty() {
        return Err(Failure::new(format!("there is no password in {}: see users of [sql]", file.display())));
    }
    Ok(password)
}

/// The daemon's own store, read as anybody would: without a lock.
struct Store {
    path: PathBuf,
    config: Box<dyn Fn() -> Arc<Config> + Send + Sync>,
}

impl Source for Store {
    fn snapshot(&self, span: &Range<i64>) -> Result<Snapshot, weir_store::Error> {
        Snapshot::open_files(&self.path, span, files_max())
    }

    fn zone(&self) -> String {
        (self.config)().zone.name().to_owned()
    }

    fn lookup(&self) -> Arc<dyn Lookup> {
        Arc::new(Known::new(&self.path, (self.config)()))
    }
}

/// How many more files may be open for questions. Half of all descriptors are not for them: whoever receives and stores
/// must never be without.
fn files_max() -> usize {
    let Process { fds, fds_max, .. } = Process::now();
    let left = (fds_max.unwrap_or(u64::MAX) / 2).saturating_sub(fds.unwrap_or(u64::MAX));
    usize::try_from(left).unwrap_or(usize::MAX)
}
