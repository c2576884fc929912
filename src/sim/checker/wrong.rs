//! The words of the checker: what can be wrong, and why a message may be missing.

use crate::core::{
    id::{MessageId, NodeId},
    time::Mono,
};

/// Violation of a rule, with its time and place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("seed {seed}, {time}, node {node}: {wrong}", time = seconds(*at))]
pub struct Violation {
    /// The seed of the run.
    pub seed: u64,
    /// Time in nanoseconds since the run began.
    pub at: Mono,
    /// At which node.
    pub node: NodeId,
    /// Rule that was broken.
    pub wrong: Wrong,
}

fn seconds(at: Mono) -> String {
    format!("{:.6} s", at.0 as f64 / 1e9)
}

/// Rules, each as it was broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are what the messages say")]
pub enum Wrong {
    /// A message was delivered again in the same life of a node.
    #[error("{id} was delivered twice")]
    Twice { id: MessageId },
    /// A message was delivered that nobody had published.
    #[error("{id} was delivered and never published")]
    Unpublished { id: MessageId },
    /// Its bytes are not those that were published.
    #[error("{id} was delivered with other bytes than were published")]
    Altered { id: MessageId },
    /// A path that cannot have been gone.
    #[error("{id} came by the path {path}, which {why}")]
    Path { id: MessageId, path: String, why: &'static str },
    /// A node kept a new message from a neighbour.
    #[error("{id} was not passed on to node {to}, although the link is up")]
    NotRelayed { id: MessageId, to: NodeId },
    /// A receipt names another message than the one that was published, or there is none.
    #[error("message {number} was acknowledged as {found}, not as {id}")]
    Receipt { number: u32, found: MessageId, id: MessageId },
    /// An id that is not the next one of its origin's life.
    #[error("{id} was published where {expected} is the next sequence number")]
    Sequence { id: MessageId, expected: u64 },
    /// An id that an earlier message has.
    #[error("{id} was published for the second time, although neighbours could tell of the first")]
    Repeated { id: MessageId },
    /// A bound of the configuration is not kept.
    #[error("a bound is not kept: {size} {what}")]
    Bound { what: &'static str, size: usize },
    /// A message is missing without any reason.
    #[error("{id} is missing, and no crash, cut or loss explains it")]
    Missing { id: MessageId },
    /// A message is missing although somebody in reach keeps it.
    #[error("{id} is missing, although node {holder} keeps it and could be asked for so long")]
    Withheld { id: MessageId, holder: NodeId },
    /// A message that nobody keeps any more is missing, and the node does not say so.
    #[error("{id} is missing, nobody keeps it, and the node names no gap")]
    Unsaid { id: MessageId },
    /// One node takes the other for a neighbour, and the other does not.
    #[error("node {to} is a neighbour here, and has no link back")]
    Lopsided { to: NodeId },
    /// Two nodes that were declared neighbours and are both there have no link.
    #[error("node {to} is declared a neighbour, and there is no link")]
    Unlinked { to: NodeId },
    /// The overlay does not hold together.
    #[error("no way leads to {count} live nodes, node {to} among them")]
    Apart { to: NodeId, count: usize },
    /// Two nodes lack neighbours and could be each other's.
    #[error("this node has {found} of {declared} neighbours, node {to} lacks some, too, and they have no link")]
    Unhealed { to: NodeId, found: usize, declared: usize },
    /// Frames about messages go on although there is nothing to say.
    #[error("frames about messages go on, the last one was of the kind '{kind}'")]
    Restless { kind: &'static str },
    /// A message crossed more or fewer links than the rule says.
    #[error("{id} took {found} {what} frames where the rule makes it {expected}")]
    Frames { id: MessageId, what: &'static str, found: u64, expected: u64 },
    /// More copies were noted than the rule lets neighbours send.
    #[error("{id} has {found} paths where the rule allows {most}")]
    Arrivals { id: MessageId, found: usize, most: usize },
}

/// Cause for which a message is not at a node that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// All nodes that had it went before they could pass it on.
    Crash,
    /// No way led there to the end.
    Unreachable,
    /// Nobody keeps it any more, and the node says so.
    Gap,
}

impl Cause {
    /// The word for it in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::Unreachable => "unreachable",
            Self::Gap => "gap",
        }
    }
}
