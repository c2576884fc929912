//! Errors of surveys.

use crate::{client::ClientError, topology::GraphError};

/// Reason why a network could not be asked how it is. That a node does not answer is no error, but part of what is found.
#[derive(Debug, thiserror::Error)]
pub enum SurveyError {
    /// This machine could not ask.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Statements of nodes that make no graph.
    #[error(transparent)]
    Graph(#[from] GraphError),
}
