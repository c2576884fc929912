//! Errors of files.

use crate::core::id::NodeId;
use std::{io, path::PathBuf};

/// A file could not be read or written, or holds what does not belong there. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// The step that failed.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's word for it.
        source: io::Error,
    },
    /// Another process runs that node.
    #[error(
        "node '{node}' is already running with the folder {}: stop it first, or use another --name or --state",
        folder.display()
    )]
    InUse {
        /// The node.
        node: NodeId,
        /// Its folder.
        folder: PathBuf,
    },
    /// The file was written by a later version of the program.
    #[error("{} has version {version} of the log's format, and this program reads up to {known}: use a later one", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
        /// The latest version that is read.
        known: u32,
    },
    /// The file holds something else than a number.
    #[error("{} contains {found:?} instead of a number: restore or remove it", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Its beginning.
        found: String,
    },
}

impl StoreError {
    pub(super) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}
