//! The one place where a node waits.

use super::{
    error::SocketError,
    links::Links,
    raw::{Interest, PollTable},
    router::Router,
};
use crate::core::event::LinkId;
use std::{os::fd::BorrowedFd, time::Duration};

/// What a wait found. Nothing at all after a time that is over, a signal, or a look at a queue that was full.
#[derive(Debug, Default)]
pub struct Ready {
    /// The router has a message.
    pub router: bool,
    /// The descriptor can be read.
    pub signal: bool,
    /// Links over which something came back, in ascending order.
    pub readable: Vec<LinkId>,
    /// Links that take frames for the first time, or again; each told once. In ascending order.
    pub writable: Vec<LinkId>,
}

/// Waits for all sockets of a node at once. Its buffers are kept: a wait allocates nothing.
#[derive(Default)]
pub struct Poller {
    table: PollTable,
    ids: Vec<LinkId>,
    ready: Ready,
}

impl Poller {
    /// A poller with empty buffers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Waits until something is ready, but not longer than `timeout` (rounded up to ms; `None`: for ever), and
    /// less while [`Links::pressure`] or a full queue may change unseen.
    pub fn poll(
        &mut self,
        router: &mut Router,
        links: &mut Links,
        signal: Option<BorrowedFd<'_>>,
        timeout: Option<Duration>,
    ) -> Result<&Ready, SocketError> {
        let Self { table, ids, ready } = self;
        ready.router = false;
        ready.signal = false;
        ready.readable.clear();
        ready.writable.clear();
        ids.clear();
        ids.extend(links.ids());
        let timeout = match links.recheck_within() {
            Some(recheck) => Some(timeout.map_or(recheck, |timeout| timeout.min(recheck))),
            None => timeout,
        };
        let router = (&mut router.socket, Interest { readable: true, writable: false });
        let sockets = std::iter::once(router).chain(links.watched());
        if !table.poll(signal, sockets, timeout).map_err(SocketError::during("wait"))? {
            return Ok(ready);
        }
        ready.router = table.found(0).readable;
        for (index, &link) in ids.iter().enumerate() {
            let found = table.found(index + 1);
            if found.readable {
                ready.readable.push(link);
            }
            if found.writable {
                ready.writable.push(link);
                links.told_writable(link);
            }
        }
        ready.signal = signal.is_some() && table.found(ids.len() + 1).readable;
        Ok(ready)
    }
}
