//! HTTP: `/metrics`, `/healthz`, `/readyz`.
//!
//! One thread serves everybody, on an executor of its own, and waits for nobody: it has nothing to do with receiving and
//! storing but that it reads what is left in the [`Hub`]. Every client is bounded: connections at a time
//! ([`CONNECTIONS_MAX`]), octets of a request's head ([`HEAD_BYTES_MAX`]), the time until the head is whole
//! ([`HEAD_WITHIN`]) and until the connection is over ([`OVER_WITHIN`]). No body is read.
//!
//! The page is public to whoever reaches the address: it says who sends how much. So it is off unless `[web]` says
//! where, and belongs on the loopback or an address of the operator's own.

mod answer;

use crate::config::Config;
use crate::exit::{Failure, Outcome};
use crate::metrics::Hub;
pub(crate) use answer::Served;
use answer::Site;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{Notify, Semaphore};

/// Connections at a time; more are closed at once, and counted.
const CONNECTIONS_MAX: usize = 64;
/// Octets of a request's line and headers.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// So long may the head take to arrive.
const HEAD_WITHIN: Duration = Duration::from_secs(5);
/// So long may a connection take in all; a scraper opens another.
const OVER_WITHIN: Duration = Duration::from_secs(60);
/// After an accept that failed (no descriptors left) the next is tried so much later.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// The server, running until it is dropped.
#[derive(Debug)]
pub(crate) struct Web {
    stop: Arc<Notify>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Web {
    /// Starts it where the configuration says, if it says so.
    ///
    /// # Errors
    /// The address cannot be had.
    pub(crate) fn start(config: &Config, hub: &Arc<Hub>) -> Outcome<Option<Self>> {
        let Some(web) = config.web else { return Ok(None) };
        let cannot = |error: std::io::Error| {
            let cure = "another program has the port, or the address is not ours: see [web]";
            Failure::new(format!("cannot answer HTTP on {}: {error}; {cure}", web.listen))
        };
        let listener = TcpListener::bind(web.listen).map_err(cannot)?;
        listener.set_nonblocking(true).map_err(cannot)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .map_err(cannot)?;
        let stop = Arc::new(Notify::new());
        let site = Arc::new(Site::new(Arc::clone(hub)));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name("web".to_owned());
        let thread = thread
            .spawn(move || {
                runtime.block_on(async move {
                    let server = tokio::spawn(serve(listener, site));
                    stopped.notified().await;
                    server.abort();
                });
            })
            .map_err(cannot)?;
        tracing::info!("answering http://{}/metrics, /healthz and /readyz", web.listen);
        Ok(Some(Self { stop, thread: Some(thread) }))
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.stop.notify_one();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that answers HTTP ended before its time");
        }
    }
}

async fn serve(listener: TcpListener, site: Arc<Site>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!("HTTP is not answered: {error}"),
    };
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(_) => {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            site.hub.http_refused.fetch_add(1, Ordering::Relaxed);
            continue;
        };
        let site = Arc::clone(&site);
        tokio::spawn(async move {
            // A client that is too slow, or speaks no HTTP, is let go without a word.
            let _ = tokio::time::timeout(OVER_WITHIN, converse(stream, site)).await;
            drop(place);
        });
    }
}

async fn converse(stream: TcpStream, site: Arc<Site>) {
    let answer = service_fn(move |request| {
        let answer = site.answer(&request);
        async move { Ok::<_, std::convert::Infallible>(answer) }
    });
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), answer)
        .await;
}
