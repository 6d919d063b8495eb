//! Names that the program knows and the store does not.

use std::fmt::Debug;
use weir_flow::Addr;

/// What `host_name()`, `service()` and `tenant()` ask. Unknown is `None`.
///
/// Answers must come at once: they are asked for every row.
pub trait Lookup: Debug + Send + Sync {
    /// The name of a host.
    fn host_name(&self, addr: Addr) -> Option<String>;
    /// The name of a port of a protocol (its IP number).
    fn service(&self, proto: u8, port: u16) -> Option<String>;
    /// Whose address it is by the configuration as it is now. The column `tenant` says whose it was when it came.
    fn tenant(&self, addr: Addr) -> Option<String>;
}

/// Nothing has a name.
impl Lookup for () {
    fn host_name(&self, _: Addr) -> Option<String> {
        None
    }
    fn service(&self, _: u8, _: u16) -> Option<String> {
        None
    }
    fn tenant(&self, _: Addr) -> Option<String> {
        None
    }
}
