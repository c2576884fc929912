//! Errors of loads that gave no figures, in one line.

use crate::{client::ClientError, transport::SocketError};
use std::io;

/// Reason why there are no figures. What was submitted until then stays.
#[derive(Debug, thiserror::Error)]
pub enum WorkloadError {
    /// A node could not be asked.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// This machine gives no socket.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The kernel does not say what a process or an interface did.
    #[error("cannot measure: {0}")]
    Machine(#[from] io::Error),
    /// Something was lost, refused or doubled: no figure would mean anything.
    #[error("{0}")]
    Wrong(String),
    /// Something took longer than it may.
    #[error("{0}")]
    TimedOut(String),
}
