//! Standard input, read without waiting for longer than it takes to look around.

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};
use std::{
    fs::File,
    io::{self, IsTerminal, Read},
    os::fd::AsFd,
    time::Duration,
};

/// An input that can say whether there is something to read.
pub trait Input: Read {
    /// Waits until a read gives something, or the end, at once; says whether it does.
    fn is_ready(&mut self, wait: Duration) -> io::Result<bool>;
}

/// Standard input without a buffer: what is not read yet can be waited for.
pub struct Stdin(File);

impl Stdin {
    /// That of this process.
    pub fn open() -> io::Result<Self> {
        Ok(Self(File::from(io::stdin().as_fd().try_clone_to_owned()?)))
    }

    /// Number of bytes that it has, where that is known: in a file.
    pub fn file_len(&self) -> Option<u64> {
        self.0.metadata().ok().filter(|metadata| metadata.is_file()).map(|metadata| metadata.len())
    }

    /// Says whether somebody types it.
    pub fn is_typed(&self) -> bool {
        self.0.is_terminal()
    }
}

impl Read for Stdin {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Input for Stdin {
    fn is_ready(&mut self, wait: Duration) -> io::Result<bool> {
        let wait = Timespec::try_from(wait).ok();
        match poll(&mut [PollFd::new(&self.0, PollFlags::IN)], wait.as_ref()) {
            Ok(count) => Ok(count > 0),
            Err(Errno::INTR) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }
}
