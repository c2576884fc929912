//! Why a network could not be asked how it is.

use crate::{client::ClientError, topology::GraphError};

/// Why a network could not be asked how it is. That a node does not answer is no error, but part of what is found.
#[derive(Debug, thiserror::Error)]
pub enum SurveyError {
    /// This machine could not ask.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// What the nodes say makes no graph.
    #[error(transparent)]
    Graph(#[from] GraphError),
}
