//! Errors of frames that were not understood.

use crate::core::{request::RequestId, stats::Refusal};

/// Fault of frames from the network. Every variant leaves the node unchanged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not a header of this protocol.
    #[error("malformed header: {0}")]
    Malformed(String),
    /// A version of the protocol that this program does not speak.
    #[error("protocol version {found} is not supported, only {version}", version = super::types::VERSION)]
    UnsupportedVersion {
        /// The version that the header names.
        found: u64,
    },
    /// A type that this program does not know.
    #[error("unknown header type {found}")]
    UnknownType {
        /// The type that the header names.
        found: u64,
    },
    /// No empty frame before the header, or no header.
    #[error("no empty frame and header in a message of {parts} frames: send [empty][header][payload]")]
    Envelope {
        /// Number of frames.
        parts: usize,
    },
    /// More or fewer payload frames than the type has.
    #[error("header type {kind} has {expected} payload frames, not {found}")]
    Body {
        /// The type that the header names.
        kind: u64,
        /// Number of payload frames that the type has.
        expected: usize,
        /// Number that came.
        found: usize,
    },
    /// A path over its limit.
    #[error("a path of more than {max} hops")]
    PathTooLong {
        /// The limit.
        max: usize,
    },
    /// A list over its limit.
    #[error("more than {max} {what}")]
    TooMany {
        /// Kind of the list.
        what: &'static str,
        /// The limit.
        max: usize,
    },
    /// A value out of its range.
    #[error("{field}: {problem}")]
    Value {
        /// The field, as the spec names it.
        field: &'static str,
        /// Problem of the value.
        problem: String,
    },
}

impl DecodeError {
    /// The code that the spec has for it.
    pub fn refusal(&self) -> Refusal {
        match self {
            Self::Malformed(_) => Refusal::Malformed,
            Self::UnsupportedVersion { .. } => Refusal::UnsupportedVersion,
            Self::UnknownType { .. } => Refusal::UnknownType,
            Self::Envelope { .. } | Self::Body { .. } => Refusal::Envelope,
            Self::PathTooLong { .. } | Self::TooMany { .. } => Refusal::TooLarge,
            Self::Value { .. } => Refusal::BadRequest,
        }
    }
}

/// A header that was not understood, and how far it was: the sender can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The request that it may have been.
    pub request: RequestId,
    /// Its type, if that could be read.
    pub kind: Option<u64>,
    /// Fault.
    pub error: DecodeError,
}
