//! Why a request was not done.

use crate::{
    core::{endpoint::Endpoint, id::NodeId, stats::Refusal},
    quantity::Time,
    transport::{RequestError, SocketError},
    wire::DecodeError,
};
use std::time::Duration;

/// Why a request was not done, in one line.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody answers at that address. Nothing was done.
    #[error("{why}")]
    Unreachable {
        /// What was asked for.
        endpoint: Endpoint,
        /// What the system said.
        why: String,
    },
    /// No reply in time. Whether the request was carried out is unknown.
    #[error("no reply from {endpoint} within {}: try again, or raise --timeout", Time(*after).rounded())]
    TimedOut {
        /// Who was asked.
        endpoint: Endpoint,
        /// How long.
        after: Duration,
    },
    /// The node said no. Nothing was done.
    #[error("node {node} refused: {text}")]
    Refused {
        /// Who.
        node: NodeId,
        /// Why, for programs.
        refusal: Refusal,
        /// Why, for people.
        text: String,
    },
    /// What came back is not of this protocol, or no reply to what was asked.
    #[error("{endpoint} does not answer like a gossip node: {text}")]
    Protocol {
        /// Who was asked.
        endpoint: Endpoint,
        /// What is wrong.
        text: String,
    },
    /// Somebody else answers at the address of a node.
    #[error("{who} answers at {endpoint}")]
    Stranger {
        /// What was asked for.
        endpoint: Endpoint,
        /// Who answers.
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
