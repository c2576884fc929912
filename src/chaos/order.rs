//! Orders: faults of processes and of links, and what mends them. Each shows as the words that order it.

use crate::{
    core::{id::NodeId, request::Disturbance},
    quantity::{Share, Time},
};
use std::{fmt, time::Duration};

/// A fault, or what mends one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// SIGKILL: what these nodes hold in memory is gone.
    Kill(Vec<NodeId>),
    /// SIGSTOP: they stand still, with all they hold.
    Pause(Vec<NodeId>),
    /// SIGCONT.
    Resume(Vec<NodeId>),
    /// Killed if they run, then started anew with nothing in memory.
    Restart(Vec<NodeId>),
    /// Nothing that `from` says reaches `to`; nor the other way round, unless `one_way`.
    Cut {
        /// Node that is not heard.
        from: NodeId,
        /// Node that does not hear.
        to: NodeId,
        /// True if the other direction goes on.
        one_way: bool,
    },
    /// All between two nodes comes later.
    Delay {
        /// One end.
        a: NodeId,
        /// The other.
        b: NodeId,
        /// By so much in each direction, at most [`Disturbance::DELAY_MAX`].
        by: Duration,
    },
    /// Frames between two nodes are lost by chance.
    Drop {
        /// One end.
        a: NodeId,
        /// The other.
        b: NodeId,
        /// So many of a million messages.
        ppm: u32,
    },
    /// All is as usual between two nodes.
    Mend {
        /// One end.
        a: NodeId,
        /// The other.
        b: NodeId,
    },
    /// Nothing goes between these nodes and all others.
    Partition(Vec<NodeId>),
    /// All links are as usual, and who is paused goes on. The dead stay dead.
    Heal,
}

/// Faults as a schedule mixes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Killed, and started anew some time later.
    Kill,
    /// Halted, and resumed some time later.
    Pause,
    /// Killed and started anew at once.
    Restart,
    /// A link cut, one way or both.
    Cut,
    /// A slow link.
    Delay,
    /// A lossy link.
    Drop,
    /// Some nodes against all others.
    Partition,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Kill, Self::Pause, Self::Restart, Self::Cut, Self::Delay, Self::Drop, Self::Partition];

    /// Returns whether nodes must be asked for it.
    pub const fn is_of_links(self) -> bool {
        matches!(self, Self::Cut | Self::Delay | Self::Drop | Self::Partition)
    }

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Pause => "pause",
            Self::Restart => "restart",
            Self::Cut => "cut",
            Self::Delay => "delay",
            Self::Drop => "drop",
            Self::Partition => "partition",
        }
    }
}

impl Order {
    /// The first of its words.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Kill(_) => "kill",
            Self::Pause(_) => "pause",
            Self::Resume(_) => "resume",
            Self::Restart(_) => "restart",
            Self::Cut { .. } => "cut",
            Self::Delay { .. } => "delay",
            Self::Drop { .. } => "drop",
            Self::Mend { .. } => "mend",
            Self::Partition(_) => "partition",
            Self::Heal => "heal",
        }
    }

    /// Returns whether it breaks something, and does not mend it.
    pub const fn is_fault(&self) -> bool {
        !matches!(self, Self::Resume(_) | Self::Mend { .. } | Self::Heal)
    }

    /// Returns whether nodes must be asked for it, which they refuse unless they were started to be.
    pub const fn is_of_links(&self) -> bool {
        matches!(
            self,
            Self::Cut { .. } | Self::Delay { .. } | Self::Drop { .. } | Self::Mend { .. } | Self::Partition(_)
        )
    }

    /// The nodes that it names.
    pub fn nodes(&self) -> Vec<&NodeId> {
        match self {
            Self::Kill(nodes)
            | Self::Pause(nodes)
            | Self::Resume(nodes)
            | Self::Restart(nodes)
            | Self::Partition(nodes) => nodes.iter().collect(),
            Self::Cut { from: a, to: b, .. }
            | Self::Delay { a, b, .. }
            | Self::Drop { a, b, .. }
            | Self::Mend { a, b } => vec![a, b],
            Self::Heal => Vec::new(),
        }
    }

    /// Disturbance of one link, for orders that are about one.
    pub(super) fn disturbance(&self) -> Disturbance {
        match *self {
            Self::Cut { .. } => Disturbance { cut: true, ..Disturbance::default() },
            Self::Delay { by, .. } => Disturbance { delay: by, ..Disturbance::default() },
            Self::Drop { ppm, .. } => Disturbance { drop_ppm: ppm, ..Disturbance::default() },
            _ => Disturbance::default(),
        }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        let nodes = self.nodes();
        let separator = if matches!(self, Self::Partition(_)) { "," } else { " " };
        let words: Vec<_> = nodes.iter().map(|node| node.as_str()).collect();
        if !words.is_empty() {
            write!(f, " {}", words.join(separator))?;
        }
        match self {
            Self::Cut { one_way: true, .. } => f.write_str(" --one-way"),
            Self::Delay { by, .. } => write!(f, " {}", Time(*by)),
            Self::Drop { ppm, .. } => write!(f, " {}", Share::millionths(*ppm)),
            _ => Ok(()),
        }
    }
}
