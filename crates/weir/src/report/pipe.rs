//! Standard output that its reader may close in the middle (`| head -c 4`).

use std::io::{ErrorKind, Stdout, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Standard output for files of columns. Once its reader is gone, what is written goes nowhere: as with text, that is no failure.
pub(crate) struct Pipe {
    out: Stdout,
    closed: Closed,
}

/// Whether the reader is gone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Closed(Arc<AtomicBool>);

impl Closed {
    pub(crate) fn is(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Pipe {
    pub(super) fn new(out: Stdout) -> Self {
        Self { out, closed: Closed::default() }
    }

    /// Says it, whoever has the pipe itself by then.
    pub(crate) fn closed(&self) -> Closed {
        self.closed.clone()
    }

    fn unless_closed<T>(&self, done: std::io::Result<T>, instead: T) -> std::io::Result<T> {
        match done {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.closed.0.store(true, Ordering::Relaxed);
                Ok(instead)
            }
            done => done,
        }
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let done = if self.closed.is() { Ok(bytes.len()) } else { self.out.write(bytes) };
        self.unless_closed(done, bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let done = if self.closed.is() { Ok(()) } else { self.out.flush() };
        self.unless_closed(done, ())
    }
}
