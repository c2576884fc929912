//! Why a node does not start, or stops by itself.

use crate::{
    store::StoreError,
    transport::{BindError, SocketError},
};
use std::{io, net::SocketAddr};

/// Why a node does not start, or stops by itself: one line.
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
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The system does not let it listen to signals, or use the descriptors that it may have.
    #[error("cannot {action}: {source}")]
    System {
        /// What was tried.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
}
