//! One thing that happened at a node, as watchers are told: a word for its kind, the node it is about, and details by name.
//! Spec: `docs/spec/gossip-bus.md`, *Watching*.

use crate::core::{id::NodeId, time::Wall};
use std::{borrow::Cow, collections::BTreeMap};

/// Something that happened at a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happening {
    /// The time, by that node's clock.
    pub at: Wall,
    /// Its kind: a word such as `arrived` or `link_up`.
    pub kind: Cow<'static, str>,
    /// The node that it is about, where it is about one.
    pub node: Option<NodeId>,
    /// The rest, by name.
    pub details: BTreeMap<Cow<'static, str>, Detail>,
}

/// The value of a detail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Detail {
    /// Text.
    Text(String),
    /// A number.
    Number(u64),
}

/// Most happenings that are told at once.
pub const TOLD_MAX: usize = 1024;

/// The answer to a watcher.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WatchPage {
    /// The position behind the last one that is told, for the next question.
    pub next: u64,
    /// Happenings before it that are not kept any more.
    pub missed: u64,
    /// The happenings, in the order of their positions.
    pub happenings: Vec<Happening>,
}

impl Happening {
    /// The arrival of a message.
    pub const ARRIVED: &'static str = "arrived";
}

impl From<u64> for Detail {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}
