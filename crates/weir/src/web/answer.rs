//! What is answered, and how often it was.

use crate::clock;
use crate::metrics::{Hub, page, text};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use weir_flow::Addr;

/// How often each path was answered with each code. Paths that are none of ours are counted as `other`.
#[derive(Debug, Default)]
pub(crate) struct Served(Mutex<BTreeMap<(&'static str, StatusCode), u64>>);

impl Served {
    /// Counts an answer.
    pub(crate) fn count(&self, path: &'static str, code: StatusCode) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((path, code)).or_default() += 1;
    }

    /// All counts.
    pub(crate) fn counts(&self) -> BTreeMap<(&'static str, StatusCode), u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What the answers are made of.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) hub: Arc<Hub>,
    served: Served,
}

/// An answer before it is sent.
struct Answer {
    path: &'static str,
    code: StatusCode,
    kind: &'static str,
    body: String,
}

impl Answer {
    fn text(path: &'static str, code: StatusCode, body: String) -> Self {
        Self { path, code, kind: "text/plain; charset=utf-8", body }
    }
}

impl Site {
    pub(super) fn new(hub: Arc<Hub>) -> Self {
        Self { hub, served: Served::default() }
    }

    /// Answers a request.
    pub(super) fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        self.respond(request.method(), request.uri().path())
    }

    fn respond(&self, method: &Method, path: &str) -> Response<Full<Bytes>> {
        let answer = if matches!(*method, Method::GET | Method::HEAD) {
            self.find(path)
        } else {
            let sentence = "ask with GET or HEAD\n".to_owned();
            Answer::text("other", StatusCode::METHOD_NOT_ALLOWED, sentence)
        };
        self.served.count(answer.path, answer.code);
        let mut response = Response::new(Full::new(Bytes::from(answer.body)));
        *response.status_mut() = answer.code;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(answer.kind));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if answer.code == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        }
        response
    }

    fn find(&self, path: &str) -> Answer {
        let now_ms = clock::now_ms();
        match path {
            "/metrics" => {
                let names = self.hub.names();
                let name = |address: Addr| names.get(&address).cloned().unwrap_or_default();
                let body = page::page(&self.hub, &self.served, &name, now_ms);
                Answer { path: "/metrics", code: StatusCode::OK, kind: text::CONTENT_TYPE, body }
            }
            "/healthz" => {
                let ails = self.hub.ails(now_ms);
                let code = if ails.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
                let body = if ails.is_empty() { "ok\n".to_owned() } else { ails.join("\n") + "\n" };
                Answer::text("/healthz", code, body)
            }
            "/readyz" => match self.hub.not_ready(now_ms) {
                None => Answer::text("/readyz", StatusCode::OK, "ok\n".to_owned()),
                Some(why) => Answer::text("/readyz", StatusCode::SERVICE_UNAVAILABLE, why + "\n"),
            },
            _ => {
                let sentence = "nothing is here: /metrics, /healthz, /readyz\n".to_owned();
                Answer::text("other", StatusCode::NOT_FOUND, sentence)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use http_body_util::BodyExt;

    fn site() -> Site {
        Site::new(Arc::new(Hub::new(&Config::default())))
    }

    fn ask(site: &Site, method: &Method, path: &str) -> (u16, String) {
        let response = site.respond(method, path);
        let code = response.status().as_u16();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let body = runtime.block_on(response.into_body().collect()).unwrap().to_bytes();
        (code, String::from_utf8(body.to_vec()).unwrap())
    }

    #[test]
    fn ready_when_up_and_not_when_nothing_is_stored() {
        let site = site();
        let (code, body) = ask(&site, &Method::GET, "/readyz");
        assert_eq!((code, body.starts_with("weir is starting")), (503, true));
        site.hub.is_up();
        assert_eq!(ask(&site, &Method::GET, "/readyz"), (200, "ok\n".to_owned()));
        site.hub.set_outage(Some("no space left on device".to_owned()));
        let (code, body) = ask(&site, &Method::GET, "/readyz");
        assert_eq!((code, body.as_str()), (503, "nothing is stored: no space left on device\n"));
        assert_eq!(ask(&site, &Method::GET, "/healthz").0, 200);
        site.hub.set_outage(None);
        site.hub.is_going();
        assert_eq!(ask(&site, &Method::GET, "/readyz").1, "weir is stopping\n");
    }

    #[test]
    fn a_thread_that_does_not_get_on_is_unhealthy() {
        let site = site();
        site.hub.is_up();
        let ear = site.hub.ear("udp [::]:2055".to_owned());
        ear.pulse.beat(clock::now_ms());
        assert_eq!(ask(&site, &Method::GET, "/healthz").0, 200);
        ear.pulse.beat(clock::now_ms() - 60_000);
        let (code, body) = ask(&site, &Method::GET, "/healthz");
        assert_eq!(code, 503);
        assert!(body.starts_with("the listener udp [::]:2055 has not got on for 6"), "{body}");
        assert_eq!(ask(&site, &Method::GET, "/readyz").0, 503);
    }

    #[test]
    fn books_that_do_not_add_up_are_unhealthy() {
        let site = site();
        let mut batch = weir_flow::Batch::new();
        batch.health.push(weir_flow::health::Row {
            bin: 0,
            exporter: Addr::v4([192, 0, 2, 1]),
            domain: 0,
            what: "datagrams".into(),
            value: 3,
        });
        site.hub.note(&batch, weir_store::Taken::Stored(1), None, 1);
        let (code, body) = ask(&site, &Method::GET, "/healthz");
        assert_eq!(code, 503);
        assert_eq!(body, "the books do not add up by 3: datagrams = decoded + held + refused\n");
        let metrics = ask(&site, &Method::GET, "/metrics").1;
        assert!(
            metrics.contains("weir_invariant_violations_total{invariant=\"datagrams\"} 1\n"),
            "{metrics}"
        );
        assert!(
            metrics.contains("weir_http_requests_total{path=\"/healthz\",code=\"503\"} 1\n"),
            "{metrics}"
        );
    }

    #[test]
    fn other_requests_are_turned_away() {
        let site = site();
        assert_eq!(ask(&site, &Method::POST, "/metrics").0, 405);
        assert_eq!(ask(&site, &Method::GET, "/").0, 404);
        assert_eq!(ask(&site, &Method::HEAD, "/healthz").0, 200);
    }
}
