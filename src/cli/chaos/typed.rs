//! Orders as they are typed, by hand and in a script, and what they mean in a network.

use crate::{
    chaos::Order,
    cli::{NodeArgument, numbers},
    core::{id::NodeId, request::Disturbance},
    quantity::Share,
};
use clap::Subcommand;
use std::{str::FromStr, time::Duration};

/// Most nodes of one range.
const RANGE_MAX: u32 = 1024;

/// Order as it is typed behind `gossip chaos`.
#[derive(Debug, Clone, Subcommand)]
pub enum Typed {
    /// Kill nodes with SIGKILL: what they hold in memory is lost
    #[command(after_long_help = "Examples:
  # Kill nodes 3 and 4
  gossip chaos kill 3 4")]
    Kill {
        /// Numbers, names or addresses of nodes; ranges such as 1-4
        #[arg(value_name = "NODE", required = true)]
        nodes: Vec<Nodes>,
    },
    /// Pause nodes with SIGSTOP
    #[command(after_long_help = "Examples:
  # Pause node 5 for two seconds
  gossip chaos pause 5 --for 2s")]
    Pause {
        /// Numbers, names or addresses of nodes; ranges such as 1-4
        #[arg(value_name = "NODE", required = true)]
        nodes: Vec<Nodes>,
        /// Resume them after this time, such as 5s, and wait until then
        #[arg(long = "for", value_name = "TIME", value_parser = numbers::lasting())]
        lasting: Option<Duration>,
    },
    /// Resume paused nodes
    #[command(after_long_help = "Examples:
  # Resume nodes 5 to 8
  gossip chaos resume 5-8")]
    Resume {
        /// Numbers, names or addresses of nodes; ranges such as 1-4
        #[arg(value_name = "NODE", required = true)]
        nodes: Vec<Nodes>,
    },
    /// Restart nodes with empty memory; running nodes are killed first
    #[command(after_long_help = "Examples:
  # Bring nodes 3 and 4 back, empty
  gossip chaos restart 3 4")]
    Restart {
        /// Numbers, names or addresses of nodes; ranges such as 1-4
        #[arg(value_name = "NODE", required = true)]
        nodes: Vec<Nodes>,
    },
    /// Drop everything between two nodes
    #[command(after_long_help = "Examples:
  # Drop what node 1 sends to node 2
  gossip chaos cut 1 2 --one-way")]
    Cut {
        /// First node
        #[arg(value_name = "A")]
        a: NodeArgument,
        /// Second node
        #[arg(value_name = "B")]
        b: NodeArgument,
        /// Drop only what A sends to B
        #[arg(long)]
        one_way: bool,
    },
    /// Delay everything between two nodes
    #[command(after_long_help = "Examples:
  # Delay both directions by 50 ms
  gossip chaos delay 1 2 50ms")]
    Delay {
        /// First node
        #[arg(value_name = "A")]
        a: NodeArgument,
        /// Second node
        #[arg(value_name = "B")]
        b: NodeArgument,
        /// Delay in each direction, such as 50ms; at most 60s
        #[arg(value_name = "TIME", value_parser = numbers::time(Duration::ZERO, Disturbance::DELAY_MAX))]
        by: Duration,
    },
    /// Drop a share of the messages between two nodes
    #[command(after_long_help = "Examples:
  # Drop one message in twenty
  gossip chaos drop 1 2 5%")]
    Drop {
        /// First node
        #[arg(value_name = "A")]
        a: NodeArgument,
        /// Second node
        #[arg(value_name = "B")]
        b: NodeArgument,
        /// Share of messages, such as 5% or 0.05
        #[arg(value_name = "SHARE", value_parser = numbers::share(Share::ALL))]
        share: Share,
    },
    /// Clear all faults between two nodes
    #[command(after_long_help = "Examples:
  # Clear the faults between nodes 1 and 2
  gossip chaos mend 1 2")]
    Mend {
        /// First node
        #[arg(value_name = "A")]
        a: NodeArgument,
        /// Second node
        #[arg(value_name = "B")]
        b: NodeArgument,
    },
    /// Drop everything between these nodes and all others
    #[command(after_long_help = "Examples:
  # Separate nodes 6 to 8 from the others
  gossip chaos partition 6-8")]
    Partition {
        /// The nodes on one side, such as 1,2,3 or 1-8
        #[arg(value_name = "NODE", required = true)]
        nodes: Vec<Nodes>,
    },
    /// End all link faults and resume paused nodes; dead nodes stay dead
    #[command(after_long_help = "Examples:
  # End all faults
  gossip chaos heal")]
    Heal,
    /// Check, without changing anything, that all live nodes have the same messages, each once, and that no node is paused
    /// and no link disturbed
    #[command(after_long_help = "Examples:
  # Check that nothing was lost
  gossip chaos check")]
    Check,
}

/// Several nodes: `4`, `1-4`, `1,2,7`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nodes(Vec<NodeArgument>);

impl FromStr for Nodes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut nodes = Vec::new();
        for part in text.split(',') {
            let range = part
                .split_once('-')
                .and_then(|(first, last)| Some((first.parse::<u32>().ok()?, last.parse::<u32>().ok()?)));
            match range {
                Some((first, last)) if first > last || last - first >= RANGE_MAX => {
                    return Err(format!("{part} is not a range; write the lower number first, such as 1-4"));
                }
                Some((first, last)) => {
                    nodes.extend((first..=last).map(|number| NodeArgument::Name(NodeId::numbered(number))))
                }
                None => nodes.push(
                    part.parse().map_err(|error: crate::cli::node_argument::NodeArgumentError| error.to_string())?,
                ),
            }
        }
        Ok(Self(nodes))
    }
}

/// An order, and what follows it by itself.
pub struct Meant {
    /// Order that is given.
    pub order: Order,
    /// After how long a pause ends.
    pub lasting: Option<Duration>,
}

impl Typed {
    /// Order in which `find` has found the nodes; `None`: to break nothing.
    pub fn meant<E>(&self, find: impl Fn(&NodeArgument) -> Result<NodeId, E>) -> Result<Option<Meant>, E> {
        let all = |nodes: &[Nodes]| -> Result<Vec<NodeId>, E> {
            let mut found: Vec<NodeId> = Vec::new();
            for argument in nodes.iter().flat_map(|nodes| &nodes.0) {
                let node = find(argument)?;
                if !found.contains(&node) {
                    found.push(node);
                }
            }
            Ok(found)
        };
        let order = match self {
            Self::Kill { nodes } => Order::Kill(all(nodes)?),
            Self::Pause { nodes, .. } => Order::Pause(all(nodes)?),
            Self::Resume { nodes } => Order::Resume(all(nodes)?),
            Self::Restart { nodes } => Order::Restart(all(nodes)?),
            Self::Cut { a, b, one_way } => Order::Cut { from: find(a)?, to: find(b)?, one_way: *one_way },
            Self::Delay { a, b, by } => Order::Delay { a: find(a)?, b: find(b)?, by: *by },
            Self::Drop { a, b, share } => Order::Drop { a: find(a)?, b: find(b)?, ppm: share.to_millionths() },
            Self::Mend { a, b } => Order::Mend { a: find(a)?, b: find(b)? },
            Self::Partition { nodes } => Order::Partition(all(nodes)?),
            Self::Heal => Order::Heal,
            Self::Check => return Ok(None),
        };
        let lasting = if let Self::Pause { lasting, .. } = self { *lasting } else { None };
        Ok(Some(Meant { order, lasting }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_typed_one_by_one_as_lists_and_as_ranges() {
        let names =
            |text: &str| text.parse::<Nodes>().map(|nodes| nodes.0.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(names("1-4").unwrap(), ["1", "2", "3", "4"]);
        assert_eq!(names("7,db-3,2-3,[::1]:7004").unwrap(), ["7", "db-3", "2", "3", "[::1]:7004"]);
        assert_eq!(names("Gossip-Node-4").unwrap(), ["Gossip-Node-4"]);
        for wrong in ["4-1", "1-2000", "1,,2", ""] {
            assert!(names(wrong).is_err(), "{wrong}");
        }
    }
}
