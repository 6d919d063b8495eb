//! A mail server, by SMTP (RFC 5321), with TLS (RFC 3207, 8314) and a password (RFC 4954).
//!
//! One connection serves a run of letters; each recipient is a transaction of its own, so that what the server says of one
//! touches no other. Everything has a limit of time. The conversation and the recipient are told apart: who does not
//! answer, or does not let us in, refuses no letter.

use super::carrier::Verdict;
use crate::config::{Login, Security, Server};
use lettre::Address;
use lettre::address::Envelope;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{Certificate, CertificateStore, SmtpConnection, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Response;
use std::error::Error as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

/// How long one answer is waited for. RFC 5321 §4.5.3.2 would have minutes; a relay of one's own answers in seconds.
const PATIENCE: Duration = Duration::from_secs(60);
/// Letters over one connection; servers end longer ones.
const LETTERS_MAX: u32 = 100;
/// What is kept of a server's words, characters.
const WORDS_MAX: usize = 500;
/// What others may not do with a password's file: read it, or write it. A group may read it: so services are let in
/// (`root:weir`, mode 640), and so systemd hands over its credentials.
const FOR_OTHERS: u32 = 0o027;
/// Answers to a letter that are about us and not about it: not now, no password, a wrong one, no encryption, a bad sequence.
const NOT_LET_IN: [u16; 7] = [421, 454, 503, 530, 534, 535, 538];

/// The client of a server.
pub(super) struct Client<'a> {
    server: &'a Server,
    connection: Option<SmtpConnection>,
    /// Letters over this connection.
    letters: u32,
}

impl<'a> Client<'a> {
    pub(super) fn new(server: &'a Server) -> Self {
        Self { server, connection: None, letters: 0 }
    }

    /// Hands over one letter.
    pub(super) fn carry(&mut self, from: &Address, to: &Address, message: &[u8]) -> Verdict {
        let envelope = match Envelope::new(Some(from.clone()), vec![to.clone()]) {
            Ok(envelope) => envelope,
            Err(error) => return Verdict::Refused(error.to_string()),
        };
        if self.letters >= LETTERS_MAX {
            self.hang_up();
        }
        let is_fresh = self.connection.is_none();
        let sent = match self.connection() {
            Ok(connection) => connection.send(&envelope, message),
            Err(why) => return Verdict::Closed(why),
        };
        self.letters = self.letters.saturating_add(1);
        match sent {
            Ok(response) => Verdict::Taken(words(&response)),
            Err(error) => {
                // lettre has hung up.
                self.connection = None;
                if !is_fresh && error.status().map(u16::from) == Some(421) {
                    // It had enough of this conversation, not of us (RFC 5321 §3.8).
                    return self.carry(from, to, message);
                }
                judge(&error)
            }
        }
    }

    /// Says goodbye.
    pub(super) fn close(mut self) {
        self.hang_up();
    }

    fn hang_up(&mut self) {
        self.letters = 0;
        if let Some(mut connection) = self.connection.take() {
            // It has all there was: what it says to this changes nothing.
            let _ = connection.quit();
        }
    }

    fn connection(&mut self) -> Result<&mut SmtpConnection, String> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                self.letters = 0;
                connect(self.server)?
            }
        };
        Ok(self.connection.insert(connection))
    }
}

/// What an answer to a letter means.
fn judge(error: &Error) -> Verdict {
    let words = reason(error);
    match error.status().map(u16::from) {
        Some(code) if NOT_LET_IN.contains(&code) => Verdict::Closed(words),
        Some(500..) => Verdict::Refused(words),
        Some(_) => Verdict::Later(words),
        // Such an address or text is not for this server.
        None if error.is_client() => Verdict::Refused(words),
        None => Verdict::Later(words),
    }
}

/// A connection that letters can be sent over.
fn connect(server: &Server) -> Result<SmtpConnection, String> {
    let Server { host, port, security, .. } = server;
    let failed = |doing: &str, error: &Error| format!("{host}:{port}: {doing}: {}", reason(error));
    let hello = ClientId::Domain(hello(server));
    let tls = match security {
        Security::None => None,
        Security::StartTls | Security::Tls => Some(parameters(server)?),
    };
    let from_the_start = tls.as_ref().filter(|_| *security == Security::Tls);
    let mut connection =
        SmtpConnection::connect((host.as_str(), *port), Some(PATIENCE), &hello, from_the_start, None)
            .map_err(|error| failed("cannot connect", &error))?;
    if let (Some(tls), Security::StartTls) = (&tls, security) {
        connection.starttls(tls, &hello).map_err(|error| failed("cannot encrypt", &error))?;
    }
    if let Some(login) = &server.login {
        let password = password(&login.password_file)?;
        let credentials = Credentials::new(login.user.clone(), password);
        let Login { user, .. } = login;
        if let Err(error) = connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials) {
            connection.abort();
            return Err(failed(&format!("cannot log in as {user}"), &error));
        }
    }
    Ok(connection)
}

/// The name we greet by: the configuration's, else the machine's; a server may insist on one that is whole.
fn hello(server: &Server) -> String {
    let of_machine = || fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = server.hello.clone().or_else(of_machine).map(|name| name.trim().to_owned());
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| "localhost".to_owned())
}

/// What is believed of the server's certificate.
pub(super) fn parameters(server: &Server) -> Result<TlsParameters, String> {
    let mut parameters = TlsParameters::builder(server.host.clone());
    if let Some(path) = &server.ca_file {
        let unusable =
            |why: &dyn std::fmt::Display| format!("cannot use the ca_file {}: {why}", path.display());
        let pem = fs::read(path).map_err(|error| unusable(&error))?;
        if !pem.windows(10).any(|part| part == b"-----BEGIN") {
            return Err(unusable(&"it holds nothing in PEM form"));
        }
        let authority = Certificate::from_pem(&pem).map_err(|error| unusable(&error))?;
        parameters = parameters.certificate_store(CertificateStore::None).add_root_certificate(authority);
    }
    parameters.build().map_err(|error| format!("{}: cannot set up TLS: {}", server.host, reason(&error)))
}

/// The password that a file holds, without the line's end. A file that others may read is not used: they may have read it.
pub(super) fn password(path: &Path) -> Result<String, String> {
    let unusable =
        |why: &dyn std::fmt::Display| format!("cannot use the password_file {}: {why}", path.display());
    let mode = fs::metadata(path).map_err(|error| unusable(&error))?.permissions().mode();
    if mode & FOR_OTHERS != 0 {
        return Err(unusable(&"others may read or write it; chmod 600 it"));
    }
    let text = fs::read_to_string(path).map_err(|error| unusable(&error))?;
    let password = text.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(unusable(&"it is empty"));
    }
    Ok(password.to_owned())
}

/// The server's words, on one line.
fn words(response: &Response) -> String {
    let said: Vec<&str> = response.message().collect();
    short(&format!("{} {}", response.code(), said.join(" ")))
}

/// Why it did not work, in the server's words where it has spoken.
fn reason(error: &Error) -> String {
    let source = error.source().map(ToString::to_string);
    short(&match (error.status(), source) {
        (Some(code), Some(said)) => format!("{code} {said}"),
        (None, Some(said)) => said,
        (_, None) => error.to_string(),
    })
}

fn short(text: &str) -> String {
    let line = text.split(char::is_control).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    line.trim().chars().take(WORDS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_password_is_kept_from_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        let said = |why: &str| Err(format!("cannot use the password_file {}: {why}", path.display()));
        assert!(password(&path).unwrap_err().contains("No such file"));
        let mut file = fs::File::create(&path).unwrap();
        let allow = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        allow(0o600);
        assert_eq!(password(&path), said("it is empty"));
        file.write_all("pass wörd \r\n".as_bytes()).unwrap();
        assert_eq!(password(&path).as_deref(), Ok("pass wörd "));
        allow(0o440);
        assert_eq!(password(&path).as_deref(), Ok("pass wörd "));
        for mode in [0o644, 0o604, 0o660] {
            allow(mode);
            assert_eq!(password(&path), said("others may read or write it; chmod 600 it"));
        }
    }

    #[test]
    fn words_of_servers_are_one_short_line() {
        assert_eq!(short("550 5.1.1 no\r\nsuch user\n"), "550 5.1.1 no such user");
        assert_eq!(short(&"x".repeat(10_000)).len(), WORDS_MAX);
    }
}
