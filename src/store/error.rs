//! What can go wrong with files.

use crate::core::id::NodeId;
use std::{io, path::PathBuf};

/// A file could not be read or written, or holds what does not belong there. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process runs that node.
    #[error(
        "node '{node}' is already running with the folder {}: stop it first, or use another --name or --state",
        folder.display()
    )]
    InUse {
        /// Which node.
        node: NodeId,
        /// Which folder.
        folder: PathBuf,
    },
    /// The file holds something else than a number.
    #[error("{} contains {found:?} instead of a number: restore or remove it", path.display())]
    Corrupt {
        /// Which file.
        path: PathBuf,
        /// How it begins.
        found: String,
    },
}

impl StoreError {
    pub(super) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}
