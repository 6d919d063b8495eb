//! TLS for connections: who we are, and whom we believe (RFC 7011 §11.3: both sides show certificates).

use crate::config::Identity;
use crate::exit::{Failure, Outcome};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The server's side: our certificate, and with `client_ca` the demand for the exporter's.
///
/// # Errors
/// A file cannot be read, or holds something else.
pub(crate) fn server(identity: &Identity) -> Outcome<Arc<ServerConfig>> {
    let (chain, key) = own(&identity.certificate, &identity.key)?;
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::new(format!("cannot set up TLS: {error}")))?;
    let builder = match &identity.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(path)?), provider)
                .build()
                .map_err(|error| unusable("client_ca", path, &error.to_string()))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let config = builder
        .with_single_cert(chain, key)
        .map_err(|error| unusable("certificate and key", &identity.certificate, &error.to_string()))?;
    Ok(Arc::new(config))
}

/// Who an exporter says it is, and whom it believes.
#[derive(Debug, Default)]
pub(crate) struct Exporter {
    /// The authority of the collector's certificate.
    pub(crate) ca: PathBuf,
    /// Our certificate and its key.
    pub(crate) own: Option<(PathBuf, PathBuf)>,
}

/// The client's side, to a collector of this name.
///
/// # Errors
/// A file cannot be read, or holds something else; the name is none.
pub(crate) fn client(exporter: &Exporter, name: &str) -> Outcome<ClientConnection> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::new(format!("cannot set up TLS: {error}")))?
        .with_root_certificates(roots(&exporter.ca)?);
    let config = match &exporter.own {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let (chain, key) = own(certificate, key)?;
            let refused = |error: rustls::Error| unusable("certificate", certificate, &error.to_string());
            builder.with_client_auth_cert(chain, key).map_err(refused)?
        }
    };
    let name = ServerName::try_from(name.to_owned())
        .map_err(|_| Failure::usage(format!("\"{name}\" is no name of a host")))?;
    ClientConnection::new(Arc::new(config), name)
        .map_err(|error| Failure::new(format!("cannot set up TLS: {error}")))
}

fn own(certificate: &Path, key: &Path) -> Outcome<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let chain = certificates("certificate", certificate)?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable("key", key, &reason(&error)))?;
    Ok((chain, key))
}

fn roots(path: &Path) -> Outcome<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("client_ca", path)? {
        roots.add(certificate).map_err(|error| unusable("authority", path, &error.to_string()))?;
    }
    Ok(roots)
}

fn certificates(what: &str, path: &Path) -> Outcome<Vec<CertificateDer<'static>>> {
    let refused = |error: &rustls::pki_types::pem::Error| unusable(what, path, &reason(error));
    let found = CertificateDer::pem_file_iter(path).map_err(|error| refused(&error))?;
    let list = found.collect::<Result<Vec<_>, _>>().map_err(|error| refused(&error))?;
    if list.is_empty() {
        return Err(unusable(what, path, "it holds no certificate in PEM form"));
    }
    Ok(list)
}

fn reason(error: &rustls::pki_types::pem::Error) -> String {
    use rustls::pki_types::pem::Error;
    match error {
        Error::Io(error) => error.to_string(),
        Error::NoItemsFound => "it holds none in PEM form".to_owned(),
        error => error.to_string(),
    }
}

fn unusable(what: &str, path: &Path, why: &str) -> Failure {
    Failure::new(format!("cannot use the {what} {}: {why}", path.display()))
}
