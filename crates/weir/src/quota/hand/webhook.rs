//! A call over HTTP or HTTPS: one POST with a JSON document. Anything but 2xx is a failure; redirects are not followed,
//! for where one leads is not what the operator wrote.

use serde_json::Value as Json;
use std::sync::Arc;
use std::time::Duration;
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// All of it: name, connection, handshake, answer.
const WITHIN: Duration = Duration::from_secs(10);

/// Calls.
///
/// # Errors
/// A sentence: it could not be reached, or did not answer with 2xx.
pub(super) fn post(url: &str, body: &Json) -> Result<(), String> {
    let agent: Agent = Agent::config_builder()
        .timeout_global(Some(WITHIN))
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .user_agent(concat!("weir/", env!("CARGO_PKG_VERSION")))
        .tls_config(tls(url))
        .build()
        .into();
    let sent = agent.post(url).header("Content-Type", "application/json").send(body.to_string());
    match sent {
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(answer) => Err(format!("{url} answers {}", answer.status())),
        Err(error) => Err(format!("{url} cannot be called: {error}")),
    }
}

/// Whom the machine trusts is asked only where it matters: that reads many files.
fn tls(url: &str) -> TlsConfig {
    let builder = TlsConfig::builder()
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()));
    if !url.starts_with("https:") {
        return builder.build();
    }
    let found = rustls_native_certs::load_native_certs();
    let certificates: Vec<Certificate<'static>> =
        found.certs.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect();
    builder.root_certs(RootCerts::new_with_certs(&certificates)).build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    /// A server that answers once; what it was asked.
    fn server(answer: &'static str) -> (String, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/quota", listener.local_addr().unwrap());
        let thread = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut asked, mut buffer) = (Vec::new(), [0; 4096]);
            // The body is the end of what is sent.
            while !asked.ends_with(b"}") {
                let n = stream.read(&mut buffer).unwrap();
                assert_ne!(n, 0, "{}", String::from_utf8_lossy(&asked));
                asked.extend_from_slice(&buffer[..n]);
            }
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(asked).unwrap()
        });
        (url, thread)
    }

    #[test]
    fn the_document_is_posted() {
        let (url, asked) = server("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
        post(&url, &json!({"tenant": "acme"})).unwrap();
        let asked = asked.join().unwrap();
        assert!(asked.starts_with("POST /quota HTTP/1.1\r\n"), "{asked}");
        assert!(asked.to_ascii_lowercase().contains("content-type: application/json\r\n"), "{asked}");
        assert!(asked.ends_with("\r\n\r\n{\"tenant\":\"acme\"}"), "{asked}");
    }

    #[test]
    fn anything_but_success_is_said() {
        let (url, asked) = server(
            "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        );
        assert_eq!(post(&url, &json!({})).unwrap_err(), format!("{url} answers 302 Found"));
        asked.join().unwrap();
        let nobody = "http://127.0.0.1:1/".to_owned();
        let said = post(&nobody, &json!({})).unwrap_err();
        assert!(said.starts_with("http://127.0.0.1:1/ cannot be called: "), "{said}");
    }
}
