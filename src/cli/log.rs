//! The log of a node on stderr. Whoever started it may have gone, or may not read: a line that cannot be written at
//! once is left out, and never makes the node wait or ends it.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, Write};

/// Longest line in bytes: what a pipe that takes anything takes at once (`PIPE_BUF`).
const LINE_LEN_MAX: usize = 4096;

/// Sends all log lines of this process to stderr.
pub(super) fn begin() {
    tracing_subscriber::fmt().with_ansi(false).with_target(false).with_writer(|| Stderr).init();
}

struct Stderr;

impl Write for Stderr {
    /// Takes one line; always says that it was written.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let stderr = io::stderr();
        let mut waits = [PollFd::new(&stderr, PollFlags::OUT)];
        let is_free = poll(&mut waits, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok_and(|ready| ready > 0);
        if is_free {
            // Nobody is left to tell if this fails.
            let _ = stderr.lock().write_all(&line[..line.len().min(LINE_LEN_MAX)]);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
