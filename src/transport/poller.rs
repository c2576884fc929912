//! The one place where a node waits.
//!
//! A socket of libzmq tells by a descriptor that it has news, and only then what they are: the news must be taken before
//! the descriptor is waited at again. So all sockets that were used since the last wait are looked at first, and after it
//! those whose descriptors woke us. That the connection of a link is gone is among the news.

use super::{error::SocketError, links::Links, ready::Ready, router::Router, wait::WaitTable};
use std::{
    os::fd::{AsFd, BorrowedFd},
    time::Duration,
};

/// Waits for all sockets of a node at once. Its buffers are kept: a wait allocates nothing.
#[derive(Default)]
pub struct Poller {
    table: WaitTable,
    ready: Ready,
}

impl Poller {
    /// A poller with empty buffers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Waits until something is ready, but not longer than `timeout` (`None`: for ever), and less while
    /// [`Links::pressure`] or a full queue may change unseen.
    pub fn poll(
        &mut self,
        router: &mut Router,
        links: &mut Links,
        others: &[BorrowedFd<'_>],
        timeout: Option<Duration>,
    ) -> Result<&Ready, SocketError> {
        let Self { table, ready } = self;
        if router.socket.stale().readable {
            router.socket.look().map_err(SocketError::during("look at the router"))?;
        }
        let has_news = links.refresh()? || router.socket.found().readable;
        let timeout = match links.recheck_within() {
            _ if has_news => Some(Duration::ZERO),
            Some(recheck) => Some(timeout.map_or(recheck, |timeout| timeout.min(recheck))),
            None => timeout,
        };
        let sockets = std::iter::once(&router.socket).chain(links.sockets()).map(AsFd::as_fd);
        let descriptors = sockets.chain(others.iter().copied()).chain(links.lookups());
        table.wait(descriptors, timeout).map_err(SocketError::during("wait"))?;
        if table.woke(0) {
            router.socket.look().map_err(SocketError::during("look at the router"))?;
        }
        ready.router = router.socket.found().readable;
        ready.disconnected.clear();
        ready.readable.clear();
        ready.writable.clear();
        let count = links.tell(ready, |index| table.woke(index + 1))?;
        ready.others.clear();
        ready.others.extend((0..others.len()).map(|index| table.woke(count + 1 + index)));
        Ok(ready)
    }
}
