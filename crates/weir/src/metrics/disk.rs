//! The file system that the store is on.

use std::path::Path;

/// Its room, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Disk {
    /// Free for us.
    pub(crate) free_bytes: u64,
    /// All of it.
    pub(crate) size_bytes: u64,
}

impl Disk {
    /// Of the file system that holds this path.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let said = rustix::fs::statvfs(path).ok()?;
        Some(Self {
            free_bytes: said.f_bavail.saturating_mul(said.f_frsize),
            size_bytes: said.f_blocks.saturating_mul(said.f_frsize),
        })
    }
}
