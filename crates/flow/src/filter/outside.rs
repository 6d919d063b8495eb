//! What a filter's words mean outside of it: names, files, the clocks of a zone. The caller hands it in; this
//! crate reads no file and asks no server.

use super::Interface;
use crate::Addr;
use crate::civil::Civil;
use std::fmt;
use std::sync::Arc;

/// What names in a filter mean, from the configuration.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Exporters by name; a name may stand for several addresses.
    pub exporters: Vec<(String, Addr)>,
    /// The tenants there are. Where any are given, an unquoted tenant that is none of them is a mistake; a quoted
    /// one is taken as it is, for tenants of the past.
    pub tenants: Vec<String>,
    /// The groups there are by their paths, each with all tenants that are in it or in a group in it.
    pub groups: Vec<(String, Vec<String>)>,
    /// The classes of traffic there are, `other` among them; as with tenants.
    pub classes: Vec<String>,
    /// Interfaces by the names that exporters said.
    pub interfaces: Vec<Interface>,
    /// Services by name, in lower case, beside those that every filter knows.
    pub services: Vec<(String, u16)>,
    /// The clocks that `time` and `weekday` are read from.
    pub zone: Civil,
    /// Who reads files and knows hosts; without, `@file` and names of hosts are mistakes.
    pub outside: Option<Arc<dyn Outside>>,
}

/// Reads files and looks hosts up, once for each time they stand in a filter.
pub trait Outside: fmt::Debug + Send + Sync {
    /// The text of the file in `@file`.
    ///
    /// # Errors
    /// Why there is none, in a few words that can stand after a colon.
    fn file(&self, path: &str) -> Result<String, String>;

    /// The addresses of a host, at least one; of several, a filter means any.
    ///
    /// # Errors
    /// Why there is none, in a few words that can stand after a colon.
    fn addresses(&self, host: &str) -> Result<Vec<Addr>, String>;
}

/// Whether a word can be the name of a host (RFC 1123), and no address or number.
pub(super) fn is_host_name(word: &str) -> bool {
    let label =
        |label: &str| (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-');
    let name = word.strip_suffix('.').unwrap_or(word);
    name.len() <= 253
        && name.chars().all(|c| c.is_alphanumeric() || "-._".contains(c))
        && name.chars().any(char::is_alphabetic)
        && !name.starts_with("0x")
        && name.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_hosts() {
        for name in [
            "www.example.org",
            "localhost",
            "desk-1",
            "a.b.",
            "3com.example",
            "münchen.example",
            "_sip.example",
        ] {
            assert!(is_host_name(name), "{name}");
        }
        for name in
            ["", ".", "10.0.0.1", "443", "a..b", "-a", "a-", "a/8", "fe80::1", "0x1f", "10.0.0.1-10.0.0.9"]
        {
            assert!(!is_host_name(name), "{name}");
        }
    }
}
