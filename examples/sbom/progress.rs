//! How far a large file is read, for a person who waits.

use std::io::{self, IsTerminal, Read, Write};

/// Smaller files are read before anybody looks.
const LARGE: u64 = 16 << 20;
/// The bar is drawn again after as much.
const STEP: u64 = 4 << 20;
const WIDTH: u64 = 40;

/// A reader that draws a bar on standard error, if that is a terminal.
pub(crate) struct Progress<R> {
    inner: R,
    read: u64,
    drawn: u64,
    /// The length, if it is known.
    len: Option<u64>,
    is_shown: bool,
}

impl<R> Progress<R> {
    pub(crate) fn new(inner: R, len: Option<u64>) -> Self {
        let is_shown = io::stderr().is_terminal() && len.is_none_or(|len| len >= LARGE);
        Self { inner, read: 0, drawn: 0, len, is_shown }
    }

    fn draw(&mut self) {
        self.drawn = self.read;
        let mib = self.read >> 20;
        let bar = match self.len {
            Some(len) => {
                let filled = usize::try_from(self.read.min(len) * WIDTH / len.max(1)).unwrap_or_default();
                format!("[{:<width$}] {mib} of {} MiB", "#".repeat(filled), len >> 20, width = WIDTH as usize)
            }
            None => format!("{mib} MiB"),
        };
        // Whoever does not see the bar loses nothing.
        let _ = write!(io::stderr(), "\r{bar}");
    }
}

impl<R: Read> Read for Progress<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.read += count as u64;
        if self.is_shown && self.read >= LARGE && (self.read - self.drawn >= STEP) {
            self.draw();
        }
        Ok(count)
    }
}

impl<R> Drop for Progress<R> {
    /// Takes the bar away.
    fn drop(&mut self) {
        if self.drawn > 0 {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
