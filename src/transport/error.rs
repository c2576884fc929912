//! Errors of sockets. libzmq reports numbers of its own beside the system's, and some that its
//! Rust binding panics on, so numbers are kept as they come ([`Errno`]).

use crate::{
    core::{endpoint::Endpoint, stats::Counter},
    quantity::Time,
};
use std::{io, time::Duration};

pub use super::raw::Errno;

/// A socket call failed for a reason that the protocol knows nothing of: out of descriptors or memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cannot {action}: {errno}")]
pub struct SocketError {
    /// Action that failed.
    pub action: &'static str,
    /// Error of libzmq.
    pub errno: Errno,
}

impl SocketError {
    /// For `map_err`: names the action that failed.
    pub(super) fn during<E: Into<Errno>>(action: &'static str) -> impl FnOnce(E) -> Self {
        move |errno| Self { action, errno: errno.into() }
    }
}

/// Reason why a node cannot listen. Nothing is left bound.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BindError {
    /// Another process listens there.
    #[error("cannot listen on {0}: the port is in use; stop what listens there or choose another port")]
    AddressInUse(Endpoint),
    /// The host is no address of this machine.
    #[error("cannot listen on {0}: not an address of this machine; use one of its own, or 0.0.0.0 for all")]
    AddressNotAvailable(Endpoint),
    /// The system does not let this user listen there.
    #[error("cannot listen on {0}: permission denied; choose a port above 1023")]
    PermissionDenied(Endpoint),
    /// Anything else.
    #[error("cannot listen on {endpoint}: {errno}")]
    Other {
        /// Address to listen on.
        endpoint: Endpoint,
        /// Error of libzmq.
        errno: Errno,
    },
}

/// Reason why a reply was not sent. The client's queue is as before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The client does not read: its queue, or all queues together, hold as much as they may.
    #[error("the client does not read its replies")]
    QueueFull,
    /// The client is not connected.
    #[error("the client is gone")]
    Unreachable,
}

/// Reason why frames were not handed to a link. The link's queue is as before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsent {
    /// The link holds as many bytes or messages as it may.
    #[error("the link's queue is full")]
    QueueFull,
    /// There is no such link, or its connection is not up.
    #[error("the link is not connected")]
    NotConnected,
}

impl From<Unsent> for Counter {
    fn from(unsent: Unsent) -> Self {
        match unsent {
            Unsent::QueueFull => Self::QueueFull,
            Unsent::NotConnected => Self::NotConnected,
        }
    }
}

/// Reason why a request got no reply.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// Nobody listens there.
    #[error("nothing listens on {0}")]
    Refused(Endpoint),
    /// The host name has no address.
    #[error("cannot resolve host '{host}': {why}")]
    Unresolved {
        /// The name.
        host: String,
        /// Error of the system.
        why: String,
    },
    /// There is no way to it.
    #[error("cannot reach {endpoint}: {source}")]
    Unreachable {
        /// Address that was asked.
        endpoint: Endpoint,
        /// Error of the system.
        source: io::Error,
    },
    /// No reply in time. Whether the request was carried out is unknown.
    #[error("no reply from {endpoint} within {}", Time(*waited).rounded())]
    TimedOut {
        /// Address that was asked.
        endpoint: Endpoint,
        /// Time waited.
        waited: Duration,
    },
    /// A socket call failed.
    #[error(transparent)]
    Socket(#[from] SocketError),
}
