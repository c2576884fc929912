//! Faults of a scenario, and their mending, as data.

use crate::quantity::{Time, share, size};
use serde::{Deserialize, Serialize};

/// Which nodes a fault is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Selection {
    /// These, by number.
    Nodes(Vec<u32>),
    /// This share of those it can happen to, drawn when it happens: 0 to 1, rounded to whole nodes.
    Share(#[serde(deserialize_with = "share::in_file")] f64),
}

/// State of a node's disk after a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Disk {
    /// All: the next life's incarnation is above the last one's, whatever the clock says.
    #[default]
    Kept,
    /// Nothing: the next life's incarnation is what clock and chance give, maybe less than the last one's.
    Lost,
}

impl Disk {
    /// Returns whether it is as a crash leaves it as a rule; such a word is not written.
    fn is_kept(&self) -> bool {
        *self == Self::Kept
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
fn is_false(value: &bool) -> bool {
    !value
}

/// Which way a connection carries nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Silence {
    /// Neither: something on the way has forgotten it, or another socket has taken its name at the far end.
    #[default]
    Both,
    /// Frames that are sent over it.
    There,
    /// Answers that come back.
    Back,
}

/// Something that goes wrong, or is mended, at a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
#[expect(missing_docs, reason = "`at` is always the time, `who` always the nodes")]
pub enum Fault {
    /// Processes end. `silent`: so do their hosts, and nobody is told that the connections are gone.
    Crash {
        at: Time,
        who: Selection,
        #[serde(default)]
        silent: bool,
        /// Not the one node that publishes everything.
        #[serde(default, skip_serializing_if = "is_false")]
        spare_sender: bool,
    },
    /// Crashed nodes start again; without `who` all of them.
    Restart {
        at: Time,
        #[serde(default)]
        who: Option<Selection>,
        #[serde(default, skip_serializing_if = "Disk::is_kept")]
        disk: Disk,
        /// True if they have their inbox still; only with the disk.
        #[serde(default, skip_serializing_if = "is_false")]
        memory: bool,
    },
    /// These nodes reach only each other, and the others only theirs.
    Partition { at: Time, who: Selection },
    /// Frames of `from` do not reach `to`; those the other way do.
    Cut { at: Time, from: Selection, to: Selection },
    /// Connections that `from` has opened to `to` stand from then on and carry nothing; new ones do.
    Mute {
        at: Time,
        from: Selection,
        to: Selection,
        #[serde(default)]
        way: Silence,
    },
    /// Other sockets take the names of `from` at the ROUTERs of `to`: connections under these names stand from then on, and what
    /// is sent into them stays there; new ones carry.
    Take { at: Time, from: Selection, to: Selection },
    /// Connections between `from` and `to` carry so many bytes a second each way, new ones, too; as many as others, if there is
    /// no number.
    Narrow {
        at: Time,
        from: Selection,
        to: Selection,
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "size::in_file_or_none")]
        bandwidth: Option<u64>,
    },
    /// Other nodes of the same names, which know the same neighbours, live from `at` to `until`. Whoever gives way to one of them
    /// is started anew when it has ended.
    Namesake { at: Time, until: Time, who: Selection },
    /// All partitions and cuts end.
    Heal { at: Time },
    /// Processes stand still; what is sent to them waits.
    Pause { at: Time, who: Selection },
    /// Paused nodes go on; without `who` all of them.
    Resume {
        at: Time,
        #[serde(default)]
        who: Option<Selection>,
    },
    /// Each frame takes these nodes that long; 0 makes them as fast as before.
    Slow { at: Time, who: Selection, frame: Time },
    /// Each attempt of these nodes to connect takes so much longer, as names do that nobody resolves; 0: no longer than usual.
    Stall { at: Time, who: Selection, dial: Time },
    /// Nodes are removed for good, and say so.
    Leave { at: Time, who: Selection },
    /// Wall clocks jump by this many seconds.
    Clock { at: Time, who: Selection, seconds: i64 },
    /// From `at` to `until`, every `every`, one live node crashes and starts again after `down`.
    Churn { at: Time, until: Time, every: Time, down: Time },
}

impl Fault {
    /// Time at which it begins.
    pub fn at(&self) -> Time {
        match *self {
            Self::Crash { at, .. }
            | Self::Restart { at, .. }
            | Self::Partition { at, .. }
            | Self::Cut { at, .. }
            | Self::Mute { at, .. }
            | Self::Take { at, .. }
            | Self::Narrow { at, .. }
            | Self::Namesake { at, .. }
            | Self::Heal { at }
            | Self::Pause { at, .. }
            | Self::Resume { at, .. }
            | Self::Slow { at, .. }
            | Self::Stall { at, .. }
            | Self::Leave { at, .. }
            | Self::Clock { at, .. }
            | Self::Churn { at, .. } => at,
        }
    }

    /// Time at which the last of it has happened.
    pub fn end(&self) -> Time {
        match *self {
            Self::Churn { until, down, .. } => Time(until.0 + down.0),
            Self::Namesake { at, until, .. } => at.max(until),
            _ => self.at(),
        }
    }

    /// All times that it names.
    pub(super) fn times(&self) -> Vec<Time> {
        match *self {
            Self::Churn { at, until, every, down } => vec![at, until, every, down],
            Self::Slow { at, frame, .. } => vec![at, frame],
            Self::Stall { at, dial, .. } => vec![at, dial],
            Self::Namesake { at, until, .. } => vec![at, until],
            _ => vec![self.at()],
        }
    }

    /// Returns whether it changes nothing by itself: it mends what others have broken, or moves clocks.
    pub(in crate::sim) fn is_harmless(&self) -> bool {
        match self {
            Self::Clock { .. } | Self::Heal { .. } | Self::Resume { .. } | Self::Restart { .. } => true,
            Self::Slow { frame: time, .. } | Self::Stall { dial: time, .. } => time.0.is_zero(),
            Self::Narrow { bandwidth, .. } => bandwidth.is_none(),
            _ => false,
        }
    }

    /// Returns whether it breaks nothing but that it ends processes.
    pub(in crate::sim) fn ends_processes_alone(&self) -> bool {
        self.is_harmless() || matches!(self, Self::Crash { .. } | Self::Leave { .. } | Self::Churn { .. })
    }

    /// Returns whether what is missing somewhere can come there after it.
    pub fn mends(&self) -> bool {
        matches!(self, Self::Heal { .. } | Self::Resume { .. } | Self::Restart { .. })
    }

    /// All nodes that it names.
    pub(super) fn who(&self) -> Vec<&Selection> {
        match self {
            Self::Crash { who, .. }
            | Self::Partition { who, .. }
            | Self::Pause { who, .. }
            | Self::Slow { who, .. }
            | Self::Stall { who, .. }
            | Self::Namesake { who, .. }
            | Self::Leave { who, .. }
            | Self::Clock { who, .. } => vec![who],
            Self::Restart { who, .. } | Self::Resume { who, .. } => who.iter().collect(),
            Self::Cut { from, to, .. }
            | Self::Mute { from, to, .. }
            | Self::Take { from, to, .. }
            | Self::Narrow { from, to, .. } => vec![from, to],
            Self::Heal { .. } | Self::Churn { .. } => Vec::new(),
        }
    }
}
