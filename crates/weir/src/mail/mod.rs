//! Statements as mail: written, kept in the outbox of the books, and handed over, once each.
//!
//! [`order`] sees who is to be written to about a period and queues a [`letter`] for each; [`postman`] takes from the outbox
//! what is due and hands it to the [`carrier`]: a mail server ([`smtp`]) or a program ([`sendmail`]). What is asked for
//! twice is sent once, because the outbox knows who was written to about what. A failure that may pass is tried again after
//! growing waits, one that will not pass is kept with the server's words.
//!
//! **At least once, and by one name.** Between the server's taking a letter and our noting it the program may end. Then
//! the letter is sent a second time, the same to the octet, with the same Message-ID: mail programs and servers that look
//! at it drop the second. Nothing can do better over SMTP (RFC 5321 §4.5.3.2.6 says the same of its own window).
//!
//! A [`notice`] is a letter that is no statement, and goes the same way. A [`bounce`] says that one came back.
//!
//! Nothing here reads a clock: who calls says what time it is.

pub(crate) mod bounce;
mod carrier;
pub(crate) mod letter;
pub(crate) mod notice;
pub(crate) mod order;
pub(crate) mod postman;
mod sendmail;
mod smtp;
mod wait;

use crate::config::{Config, Mail, Server};
use crate::exit::{Failure, Outcome};
use std::path::Path;

/// How mail is sent by the configuration.
///
/// # Errors
/// It does not say.
pub(crate) fn settings(config: &Config) -> Outcome<&Mail> {
    config.mail.as_ref().ok_or_else(|| {
        let cure = "add [mail] with from = \"accounts@example.org\" and server = \"smtp.example.org:587\" (docs/mail.md)";
        Failure::new(format!("the configuration does not say how mail is sent: {cure}"))
    })
}

/// Whether what a server's certificate is judged by can be used.
///
/// # Errors
/// Why not, a sentence.
pub(crate) fn authority(server: &Server) -> Result<(), String> {
    smtp::parameters(server).map(drop)
}

/// Whether a file holds a password that is used.
///
/// # Errors
/// Why not, a sentence.
pub(crate) fn password(file: &Path) -> Result<(), String> {
    smtp::password(file).map(drop)
}
