//! SIGTERM and SIGINT as something that can be polled beside sockets.

use signal_hook::{
    consts::signal::{SIGINT, SIGTERM},
    low_level::pipe,
};
use std::{
    io,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
};

/// Becomes readable when the process is asked to end. It is never read: one request is enough.
pub(super) struct Signals(UnixStream);

impl Signals {
    /// Begins to listen; from now on these signals do not end the process by themselves.
    pub(super) fn listen() -> io::Result<Self> {
        let (receiver, sender) = UnixStream::pair()?;
        for signal in [SIGTERM, SIGINT] {
            pipe::register(signal, sender.try_clone()?)?;
        }
        Ok(Self(receiver))
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
