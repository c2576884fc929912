//! Errors of faults that could not be ordered, or their end not be judged: each one line, with what to do.

use crate::{client::ClientError, core::id::NetworkName, launcher::LaunchError, survey::SurveyError};

/// Reason why an order was not carried out. What was broken before stays so unless a variant says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum ChaosError {
    /// The nodes take no orders for faults of links; nothing was disturbed.
    #[error(
        "network '{network}' does not accept link faults: stop it, and start it with 'gossip start-network --chaos'"
    )]
    NotAllowed {
        /// The network.
        network: NetworkName,
    },
    /// No node of the network runs.
    #[error("no node of network '{network}' is running; start nodes with 'gossip chaos restart'")]
    NobodyRuns {
        /// The network.
        network: NetworkName,
    },
    /// All nodes stand on one side of a partition.
    #[error("a partition needs nodes on both sides; leave out at least one node of network '{network}'")]
    OneSided {
        /// The network.
        network: NetworkName,
    },
    /// A process could not be found, signalled or started.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// A node could not be asked.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The network could not be looked at.
    #[error(transparent)]
    Survey(#[from] SurveyError),
    /// The user ended it. What was broken by a schedule has been mended.
    #[error("interrupted; all faults are removed")]
    Interrupted,
}
