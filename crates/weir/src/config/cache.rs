//! `[cache]`: how much of what questions found is kept for the next time.

use super::Config;
use super::read::{Reader, Table};
use super::store::bytes;
use std::fmt::{self, Write};

/// What may be kept where nothing is said.
pub(super) const BYTES: u64 = 256_000_000;

impl Reader {
    pub(super) fn cache(&mut self, table: Table<'_>, config: &mut Config) {
        self.keys(table, "[cache]", &["size"]);
        let Some((text, place)) = self.string(table, "size") else { return };
        match bytes(text) {
            Some(bytes) => config.cache_bytes = bytes,
            None => {
                let cure = "write size = \"256 MB\", or \"0\" to keep nothing";
                self.note(place, format!("\"{text}\" is no amount of disk"), cure);
            }
        }
    }
}

/// The section as TOML.
pub(super) fn write(config: &Config, out: &mut String) -> fmt::Result {
    writeln!(out, "\n[cache]\nsize = \"{}\"", config.cache_bytes)
}
