//! Errors of starting, finding and stopping networks: each one line, with the value found and the way out.

use crate::{
    client::ClientError,
    core::{
        endpoint::Endpoint,
        id::{NetworkName, NodeId},
    },
    topology::{BoundsError, ShapeError},
};
use std::{io, path::PathBuf, time::Duration};

/// Meaning of an error to whoever called: it decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Can never work: the words of the command are wrong.
    Usage,
    /// Can't work now, and nothing was done.
    Refused,
    /// Was tried and failed.
    Failed,
    /// Somebody does not answer because nothing is there.
    Unreachable,
    /// Somebody did not answer in time.
    TimedOut,
    /// The user ended it.
    Interrupted,
}

/// Error of the launcher. Unless a variant says otherwise, nothing was left running or changed.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The last port would lie beyond the highest that TCP has, or the first at 0.
    #[error(
        "{nodes} nodes from port base {port_base} need ports {} to {}, and ports end at 65535; choose --port-base {} or less",
        u64::from(*port_base) + 1, u64::from(*port_base) + u64::from(*nodes), 65_535_u32.saturating_sub(*nodes)
    )]
    PortRange {
        /// Node N listens on this plus N.
        port_base: u32,
        /// Number of nodes.
        nodes: u32,
    },
    /// The environment does not say where state may lie.
    #[error("neither XDG_STATE_HOME nor HOME names an absolute folder; set one of them")]
    NoHome,
    /// There is no record of such a network.
    #[error("network '{network}' is not running; {}", remedy(others))]
    NoNetwork {
        /// The network asked for.
        network: NetworkName,
        /// Networks that have a record.
        others: Vec<String>,
    },
    /// The network has no such node.
    #[error("network '{network}' has no node '{node}'; {}", has(known, network))]
    NoNode {
        /// The network.
        network: NetworkName,
        /// The node asked for.
        node: NodeId,
        /// The nodes that it has, in short; empty if none is left.
        known: String,
    },
    /// No node of the network has that address.
    #[error("no node of network '{network}' listens on {}; {}", endpoint.authority(), has(known, network))]
    Stranger {
        /// The network.
        network: NetworkName,
        /// The address asked for.
        endpoint: Endpoint,
        /// The nodes that it has, in short; empty if none is left.
        known: String,
    },
    /// There is nobody to be linked to.
    #[error("no node of network '{network}' is running; start one with 'gossip restart-node'")]
    NoneRuns {
        /// The network.
        network: NetworkName,
    },
    /// The name of a new node is not new.
    #[error("network '{network}' already has a node '{node}'; choose another NAME, or leave it out")]
    NodeExists {
        /// The network.
        network: NetworkName,
        /// The name asked for.
        node: NodeId,
    },
    /// One machine has as many nodes as it may have.
    #[error("network '{network}' already has {most} nodes, the maximum")]
    Full {
        /// The network.
        network: NetworkName,
        /// Number that it may have.
        most: u32,
    },
    /// The port of a node with that number is none.
    #[error("node {node} would listen on port {port}, and ports end at 65535; choose a lower number, or a name")]
    NodePort {
        /// The node.
        node: NodeId,
        /// The port base plus its number.
        port: u32,
    },
    /// Somebody else listens where a node belongs.
    #[error("node {node} cannot start: port {port} is in use{}; stop what listens there first", by.as_ref().map_or_else(String::new, |by| format!(" by network '{by}'")))]
    PortTaken {
        /// The node.
        node: NodeId,
        /// Its port.
        port: u16,
        /// The network that uses it, if it is one of ours.
        by: Option<String>,
    },
    /// A node is named twice where it takes two.
    #[error("node {node} is named twice; give different nodes")]
    SameNode {
        /// The node.
        node: NodeId,
    },
    /// There is nothing to connect.
    #[error("nodes {a} and {b} are already connected")]
    Connected {
        /// One of them.
        a: NodeId,
        /// The other.
        b: NodeId,
    },
    /// There is nothing to disconnect.
    #[error("nodes {a} and {b} are not connected; {}", if peers.is_empty() { format!("node {a} has no peers") } else { format!("the peers of node {a} are {peers}") })]
    NotConnected {
        /// One of them.
        a: NodeId,
        /// The other.
        b: NodeId,
        /// Peers of the first, in short.
        peers: String,
    },
    /// Without that link the network would be in two parts.
    #[error(
        "the link between nodes {a} and {b} alone holds the network together; connect the two parts by another link first"
    )]
    OnlyLink {
        /// One end.
        a: NodeId,
        /// The other.
        b: NodeId,
    },
    /// The live nodes cannot have such a shape.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// The live nodes cannot have such degrees.
    #[error(transparent)]
    Bounds(#[from] BoundsError),
    /// Its process is known, and no more: its port may be somebody else's by now.
    #[error("node {node} is down: its process has ended")]
    Ended {
        /// The node.
        node: NodeId,
    },
    /// Some of its processes are alive.
    #[error(
        "network '{network}' is already running ({alive} of {nodes} nodes); stop it first, or choose another with --network"
    )]
    RunsAlready {
        /// The network.
        network: NetworkName,
        /// Number of its processes that are alive.
        alive: usize,
        /// Number of its nodes.
        nodes: usize,
    },
    /// The record beside the data of a durable network makes no sense.
    #[error("{} is no record of a network ({why}); restore it, or set the data aside with --fresh", path.display())]
    StoredRecord {
        /// The file.
        path: PathBuf,
        /// The reason.
        why: String,
    },
    /// Somebody else listens there.
    #[error("{ports} in use{}; choose others with --port-base", by.as_ref().map_or_else(String::new, |by| format!(" by network '{by}'")))]
    PortsTaken {
        /// `port 7003 is` or `ports 7001-7016 are`.
        ports: String,
        /// The network that uses them, if it is one of ours.
        by: Option<String>,
    },
    /// A connection of this machine to another one has them.
    #[error("{ports} in use by an outgoing connection; wait a minute, or choose a --port-base outside of {range}")]
    PortsOutgoing {
        /// `port 40003 is` or `ports 40003-40004 are`.
        ports: String,
        /// The ports that the system gives to such connections: `32768-60999`.
        range: String,
    },
    /// The system does not let us listen there.
    #[error("cannot listen on {host}:{port}: {source}; choose other ports with --port-base")]
    PortForbidden {
        /// The address.
        host: std::net::IpAddr,
        /// The port.
        port: u16,
        /// Error of the system.
        source: io::Error,
    },
    /// The hard limit on open descriptors is too low.
    #[error(
        "{who} needs {need} file descriptors, the limit is {limit}; raise the hard limit (ulimit -Hn), or start fewer nodes"
    )]
    Descriptors {
        /// The launcher, or the node with most peers.
        who: String,
        /// Number that is needed.
        need: u64,
        /// The hard limit.
        limit: u64,
    },
    /// Another command holds the lock.
    #[error(
        "network '{network}' is being started, changed or stopped by another command (waited {after:?}); try again"
    )]
    Busy {
        /// The network.
        network: NetworkName,
        /// Time waited.
        after: Duration,
    },
    /// The record cannot be understood.
    #[error("the record {} is damaged ({why}); stop the processes 'gossip node --network {network}' by hand, then remove the file", path.display())]
    Record {
        /// The network.
        network: NetworkName,
        /// The file.
        path: PathBuf,
        /// Place where it stops making sense.
        why: String,
    },
    /// A file or folder could not be used.
    #[error("cannot {verb} {}: {source}", path.display())]
    File {
        /// `read`, `write`, `create`, `remove`, `lock`.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// Error of the system.
        source: io::Error,
    },
    /// The system does not start a process.
    #[error("cannot start {} for node {node}: {source}", executable.display())]
    Spawn {
        /// The node.
        node: NodeId,
        /// The program.
        executable: PathBuf,
        /// Error of the system.
        source: io::Error,
    },
    /// A node ended before the network was up.
    #[error("node {node} did not start: {why}; see its log {}", log.display())]
    NodeFailed {
        /// The node.
        node: NodeId,
        /// Its last words.
        why: String,
        /// All of its words.
        log: PathBuf,
    },
    /// Not all nodes were ready in time.
    #[error("{nodes} not ready after {after:?}; see the logs in {}, or raise --timeout", logs.display())]
    NotReady {
        /// `node 4 is` or `nodes 1-3, 7 are`.
        nodes: String,
        /// The time they had.
        after: Duration,
        /// The folder of logs.
        logs: PathBuf,
    },
    /// A node refused what the launcher asked of it, or its answer is none.
    #[error("node {node}: {source}")]
    Node {
        /// The node.
        node: String,
        /// Error of the client.
        source: ClientError,
    },
    /// No client could be made.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Processes survive all signals; the record is kept.
    #[error("{nodes} still running after SIGKILL; the record is kept, try again")]
    Survivors {
        /// `node 4 is` or `nodes 1-3, 7 are`.
        nodes: String,
    },
    /// A removed node's process goes on; the record is as it was.
    #[error("node {node} (process {pid}) was asked to leave and is still running after {after:?}")]
    Lingers {
        /// The node.
        node: NodeId,
        /// Its process.
        pid: u32,
        /// The time it had.
        after: Duration,
    },
    /// The system does not let us watch or signal processes.
    #[error("cannot watch processes: {0}")]
    Watch(io::Error),
    /// The user ended the start; nothing was left running.
    #[error("interrupted; nothing is left running")]
    Interrupted,
    /// The user ended the restart of a node, whose former process has ended.
    #[error("interrupted; node '{node}' is down now, start it with 'gossip restart-node {node}'")]
    LeftDown {
        /// The node.
        node: NodeId,
    },
}

impl LaunchError {
    /// Kind of the error.
    pub fn kind(&self) -> Kind {
        match self {
            Self::PortRange { .. }
            | Self::NodePort { .. }
            | Self::SameNode { .. }
            | Self::Shape(_)
            | Self::Bounds(_) => Kind::Usage,
            Self::NoHome
            | Self::NoNetwork { .. }
            | Self::NoNode { .. }
            | Self::RunsAlready { .. }
            | Self::StoredRecord { .. }
            | Self::PortsTaken { .. }
            | Self::PortsOutgoing { .. }
            | Self::PortForbidden { .. }
            | Self::Stranger { .. }
            | Self::NoneRuns { .. }
            | Self::NodeExists { .. }
            | Self::Full { .. }
            | Self::PortTaken { .. }
            | Self::Connected { .. }
            | Self::NotConnected { .. }
            | Self::OnlyLink { .. }
            | Self::Descriptors { .. }
            | Self::Busy { .. } => Kind::Refused,
            Self::Node { source, .. } | Self::Client(source) => client_kind(source),
            Self::Ended { .. } => Kind::Unreachable,
            Self::Lingers { .. } | Self::NotReady { .. } => Kind::TimedOut,
            Self::Record { .. }
            | Self::File { .. }
            | Self::Spawn { .. }
            | Self::NodeFailed { .. }
            | Self::Survivors { .. }
            | Self::Watch(_) => Kind::Failed,
            Self::Interrupted | Self::LeftDown { .. } => Kind::Interrupted,
        }
    }

    /// The failed use of a file.
    pub(super) fn file(verb: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { verb, path, source }
    }
}

fn client_kind(error: &ClientError) -> Kind {
    match error {
        ClientError::Unreachable { .. } | ClientError::Stranger { .. } => Kind::Unreachable,
        ClientError::TimedOut { .. } => Kind::TimedOut,
        ClientError::Refused { .. } | ClientError::TooLong { .. } => Kind::Refused,
        ClientError::Protocol { .. } | ClientError::Setup { .. } => Kind::Failed,
    }
}

fn remedy(others: &[String]) -> String {
    if others.is_empty() {
        "start it with 'gossip start-network', or give the address HOST:PORT of a node started by hand".into()
    } else {
        format!("running: {} (choose with --network)", others.join(", "))
    }
}

fn has(known: &str, network: &NetworkName) -> String {
    if known.is_empty() { no_node_left(network) } else { format!("its nodes are {known}") }
}

/// Advice about a network whose nodes were all removed.
pub fn no_node_left(network: &NetworkName) -> String {
    format!("it has no nodes left; stop it with 'gossip stop-network --network {network}'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_names_the_way_out() {
        let error = LaunchError::PortRange { port_base: 65_530, nodes: 16 };
        let text = "16 nodes from port base 65530 need ports 65531 to 65546, and ports end at 65535; choose --port-base 65519 or less";
        assert_eq!((error.to_string().as_str(), error.kind()), (text, Kind::Usage));
    }
}
