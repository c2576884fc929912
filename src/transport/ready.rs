//! News that a wait for sockets brings.

use crate::core::event::LinkId;

/// News of the sockets after a wait. Nothing at all after a time that is over, news that need no doing, or a look at a queue
/// that was full.
#[derive(Debug, Default)]
pub struct Ready {
    /// The router has a message.
    pub router: bool,
    /// Of each other descriptor, whether it can be read.
    pub others: Vec<bool>,
    /// Links whose connection is gone; each told once. In ascending order. One of them may be writable again already.
    pub disconnected: Vec<LinkId>,
    /// Links over which something came back, in ascending order.
    pub readable: Vec<LinkId>,
    /// Links that take frames for the first time, or again; each told once. In ascending order.
    pub writable: Vec<LinkId>,
}

/// Readiness to wait for at a socket, or that was found there.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Interest {
    pub(super) readable: bool,
    pub(super) writable: bool,
}

impl Interest {
    /// Both of them.
    pub(super) const BOTH: Self = Self { readable: true, writable: true };
}
