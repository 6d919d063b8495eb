//! `[web]`: where the daemon says how it is, over HTTP.

use super::read::{Reader, Table};
use std::fmt::{self, Write};
use std::net::SocketAddr;

/// Where the daemon is asked over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Web {
    /// The address and port.
    pub(crate) listen: SocketAddr,
}

impl Web {
    pub(super) fn write(self, out: &mut String) -> fmt::Result {
        writeln!(out, "\n[web]\nlisten = \"{}\"", self.listen)
    }
}

impl Reader {
    pub(super) fn web(&mut self, table: Table<'_>) -> Option<Web> {
        self.keys(table, "[web]", &["listen"]);
        let Some((text, place)) = self.string(table, "listen") else {
            if !table.contains_key("listen") {
                let cure = "write listen = \"127.0.0.1:9559\", or take [web] out";
                self.note(0..0, "[web] does not say where", cure);
            }
            return None;
        };
        match text.parse() {
            Ok(listen) => Some(Web { listen }),
            Err(_) => {
                let cure = "write an address and a port, as \"127.0.0.1:9559\"";
                self.note(place, format!("\"{text}\" is no address to listen on"), cure);
                None
            }
        }
    }
}
