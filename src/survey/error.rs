//! Errors of surveys.

use crate::{client::ClientError, core::id::MessageId, topology::GraphError};

/// Reason why a network could not be asked how it is, or what it holds. That a node does not answer is no error, but part of
/// what is found.
#[derive(Debug, thiserror::Error)]
pub enum SurveyError {
    /// This machine could not ask.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Statements of nodes that make no graph.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// A reply that is none to what was asked.
    #[error("it does not answer like a gossip node")]
    Reply,
    /// A node that does not say what it has seen.
    #[error("it does not report what it has seen: its version is too old")]
    NoDigest,
    /// The time was over before all nodes were searched for a message.
    #[error("timed out before all inboxes were searched; raise --timeout")]
    Unsearched,
    /// A message that nobody keeps.
    #[error("no node that answered keeps message {0}")]
    NotKept(MessageId),
    /// A message whose path is not known.
    #[error(
        "message {0} was sent without a trace, so its path was not recorded; send messages without --no-trace to plot them"
    )]
    Untraced(MessageId),
}
