//! Errors of clients.

use crate::{
    core::{endpoint::Endpoint, id::NodeId, stats::Refusal},
    quantity::{Size, Time},
    transport::{RequestError, SocketError},
    wire::DecodeError,
};
use std::time::Duration;

/// Reason why a request was not done, in one line.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody answers at that address. Nothing was done.
    #[error("{why}")]
    Unreachable {
        /// Address that was asked.
        endpoint: Endpoint,
        /// Error of the system.
        why: String,
    },
    /// No reply in time. Whether the request was carried out is unknown.
    #[error("no reply from {endpoint} within {}: try again, or raise --timeout", Time(*after).rounded())]
    TimedOut {
        /// Address that was asked.
        endpoint: Endpoint,
        /// Time waited.
        after: Duration,
    },
    /// The node said no. Nothing was done.
    #[error("node {node} refused: {text}")]
    Refused {
        /// Node that refused.
        node: NodeId,
        /// Reason for programs.
        refusal: Refusal,
        /// Reason for people.
        text: String,
    },
    /// Submission that the node would not read: it was not sent.
    #[error(
        "a submission of {} is over the limit of {} that {endpoint} reads at once: submit fewer payloads at a time, or start \
         nodes with a larger --payload-max",
        Size(*len as u64).exact(), Size(*limit as u64).exact()
    )]
    TooLong {
        /// Address that it was for.
        endpoint: Endpoint,
        /// Its length in bytes.
        len: usize,
        /// Bytes that the node reads at most.
        limit: usize,
    },
    /// Reply that is not of this protocol, or not to what was asked.
    #[error("{endpoint} does not answer like a gossip node: {text}")]
    Protocol {
        /// Address that was asked.
        endpoint: Endpoint,
        /// Problem of the reply.
        text: String,
    },
    /// Somebody else answers at the address of a node.
    #[error("{who} answers at {endpoint}")]
    Stranger {
        /// Address that was asked.
        endpoint: Endpoint,
        /// Node that answers.
        who: String,
    },
    /// This machine gives no socket: out of descriptors or memory.
    #[error(transparent)]
    Setup(#[from] SocketError),
}

impl ClientError {
    pub(super) fn protocol(endpoint: &Endpoint, error: &DecodeError) -> Self {
        Self::Protocol { endpoint: endpoint.clone(), text: error.to_string() }
    }

    pub(super) fn from_request(endpoint: &Endpoint, error: RequestError) -> Self {
        let endpoint = endpoint.clone();
        match error {
            RequestError::TimedOut { waited, .. } => Self::TimedOut { endpoint, after: waited },
            RequestError::Socket(error) => Self::Setup(error),
            error @ RequestError::Unresolved { .. } => Self::Unreachable { endpoint, why: error.to_string() },
            error @ (RequestError::Refused(_) | RequestError::Unreachable { .. }) => {
                Self::Unreachable { endpoint, why: format!("{error}: is the node running?") }
            }
        }
    }
}
