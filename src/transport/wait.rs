//! Waiting at descriptors: the system's `poll` in a table that is kept between calls. `zmq_poll` would do for one socket;
//! but it asks each socket anew in each call, and cannot be told to return when a link loses its connection.

use super::raw::Errno;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::{os::fd::BorrowedFd, time::Duration};

/// Descriptors to wait at, and which of them woke the last wait.
#[derive(Default)]
pub(super) struct WaitTable {
    /// Empty between two waits: only its room is kept.
    table: Vec<PollFd<'static>>,
    woke: Vec<bool>,
}

impl WaitTable {
    /// Waits until one of the descriptors can be read, a signal comes or the time is over (`None`: never).
    pub(super) fn wait<'a>(
        &mut self,
        descriptors: impl Iterator<Item = BorrowedFd<'a>>,
        timeout: Option<Duration>,
    ) -> Result<(), Errno> {
        let mut table = emptied(std::mem::take(&mut self.table));
        table.extend(descriptors.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        // A time that the system has no number for never ends.
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        let outcome = match poll(&mut table, timeout.as_ref()) {
            Err(rustix::io::Errno::INTR) => Ok(0),
            outcome => outcome.map_err(|errno| Errno(errno.raw_os_error())),
        };
        self.woke.clear();
        self.woke.extend(table.iter().map(|entry| matches!(outcome, Ok(1..)) && !entry.revents().is_empty()));
        self.table = emptied(table);
        outcome.map(drop)
    }

    /// Returns whether the descriptor at this place woke the last [`wait`](Self::wait).
    pub(super) fn woke(&self, index: usize) -> bool {
        self.woke.get(index).is_some_and(|&woke| woke)
    }
}

/// The same room for descriptors that live longer or shorter: collecting the items of a `Vec` as items of the same size
/// keeps its allocation.
fn emptied<'b>(mut table: Vec<PollFd<'_>>) -> Vec<PollFd<'b>> {
    table.clear();
    table.into_iter().map(|_| unreachable!("it was emptied")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{io::Write, os::fd::AsFd, os::unix::net::UnixStream};

    #[test]
    fn what_woke_is_told_and_the_room_is_kept() {
        let mut table = WaitTable::default();
        let (mut far, near) = UnixStream::pair().unwrap();
        let (_silent_far, silent) = UnixStream::pair().unwrap();
        let mut wait = |timeout| {
            table.wait([silent.as_fd(), near.as_fd()].into_iter(), Some(timeout)).unwrap();
            ([0, 1, 2].map(|index| table.woke(index)), table.table.capacity())
        };
        let (woke, room) = wait(Duration::from_nanos(1));
        assert_eq!(woke, [false; 3]);
        far.write_all(b"!").unwrap();
        assert_eq!(wait(Duration::MAX), ([false, true, false], room));
        assert!(room >= 2);
    }
}
