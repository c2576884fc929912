//! Errors that keep a node from starting, or stop it.

use crate::{
    store::StoreError,
    transport::{BindError, SocketError},
};
use std::{io, net::SocketAddr};

/// The reason why a node does not start, or stops by itself: one line.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// It cannot listen where it should.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// Nobody could dial it.
    #[error("other nodes cannot dial {0}: give a reachable address with --advertise HOST:PORT")]
    Unspecified(crate::core::endpoint::Endpoint),
    /// Its log or its incarnation cannot be stored.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// libzmq gives it no socket, or fails on one.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// It cannot serve its metrics where it should.
    #[error("cannot serve metrics on {address}: {source}")]
    Metrics {
        /// The address.
        address: SocketAddr,
        /// The system's word for it.
        source: io::Error,
    },
    /// The system does not let it listen to signals, or use the descriptors that it may have.
    #[error("cannot {action}: {source}")]
    System {
        /// The step that failed.
        action: &'static str,
        /// The system's word for it.
        source: io::Error,
    },
}
