//! Who takes letters from us, and what it says to each.

use super::{sendmail, smtp};
use crate::config::{Mail, Way};
use lettre::Address;

/// What became of handing a letter over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It was taken; the words.
    Taken(String),
    /// Not now: a failure that may pass.
    Later(String),
    /// Not this letter to this recipient, ever.
    Refused(String),
    /// Nothing can be handed over, whatever it is: nobody answers, or we are not let in.
    Closed(String),
}

/// One who takes letters.
pub(super) enum Carrier<'a> {
    Server(Box<smtp::Client<'a>>),
    Program(sendmail::Program<'a>),
}

impl<'a> Carrier<'a> {
    /// By the configuration. Nothing is connected yet.
    pub(super) fn new(mail: &'a Mail) -> Self {
        match &mail.way {
            Way::Server(server) => Self::Server(Box::new(smtp::Client::new(server))),
            Way::Sendmail(path) => Self::Program(sendmail::Program::new(path)),
        }
    }

    /// Hands over one letter for one recipient.
    pub(super) fn carry(&mut self, from: &Address, to: &str, message: &[u8]) -> Verdict {
        let to: Address = match to.parse() {
            Ok(to) => to,
            Err(error) => return Verdict::Refused(format!("\"{to}\" is no address: {error}")),
        };
        match self {
            Self::Server(client) => client.carry(from, &to, message),
            Self::Program(program) => program.carry(from, &to, message),
        }
    }

    /// Says goodbye.
    pub(super) fn close(self) {
        if let Self::Server(client) = self {
            client.close();
        }
    }
}
