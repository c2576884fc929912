//! What a NODE argument means: a node's number or name in the network's record, or an address.

use super::{
    error::{LaunchError, ranges},
    folders::Networks,
    process::Life,
};
use crate::core::{
    endpoint::Endpoint,
    id::{NetworkName, NodeId},
};

/// How people see a node; what they copy is understood, too.
const SHOWN_PREFIX: &str = "Gossip-Node-";

/// A node to talk to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its name; `None` if only its address was given.
    pub node: Option<NodeId>,
    /// Where it listens.
    pub endpoint: Endpoint,
}

/// Finds the node that `text` means: `4`, `Gossip-Node-4`, `host:port` or `tcp://host:port`. A name is looked up in
/// the record of `network`, an address needs none.
pub fn resolve(networks: &Networks, network: &NetworkName, text: &str) -> Result<Target, LaunchError> {
    if text.contains(':') {
        let wrong = |why: crate::core::endpoint::EndpointError| wrong(text, &why);
        return Ok(Target { node: None, endpoint: text.parse().map_err(wrong)? });
    }
    let node = NodeId::new(text).map_err(|why| wrong(text, &why))?;
    find(networks, network, &node)
}

/// Looks a node up in the record of `network`.
pub fn find(networks: &Networks, network: &NetworkName, node: &NodeId) -> Result<Target, LaunchError> {
    let manifest = networks.folder(network).require_record(networks)?;
    let short = node.as_str().strip_prefix(SHOWN_PREFIX).and_then(|rest| NodeId::new(rest).ok());
    let record = manifest.node(node).or_else(|| manifest.node(short.as_ref()?));
    match record {
        Some(record) => Ok(Target { node: Some(record.node.clone()), endpoint: record.endpoint.clone() }),
        None => Err(LaunchError::NoNode {
            network: network.clone(),
            node: node.clone(),
            known: ranges(manifest.nodes.iter().map(|record| &record.node)),
        }),
    }
}

/// The same, if its process runs. Of one that has ended only the port is left, where somebody else may listen by now.
pub fn find_running(networks: &Networks, network: &NetworkName, node: &NodeId) -> Result<Target, LaunchError> {
    let target = find(networks, network, node)?;
    let manifest = networks.folder(network).require_record(networks)?;
    let record = target.node.as_ref().and_then(|name| manifest.node(name));
    match record.and_then(|record| Some((record, record.process?))) {
        Some((record, process)) if !manifest.is_of_this_boot() || process.life() != Life::Running => {
            Err(LaunchError::Ended { node: record.node.clone(), pid: process.pid })
        }
        // Without a process its starter was cut off before it could note it; it may run all the same.
        _ => Ok(target),
    }
}

fn wrong(text: &str, why: &dyn std::fmt::Display) -> LaunchError {
    LaunchError::NodeArgument { text: text.to_owned(), why: why.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::launcher::{error::Kind, manifest::tests::sample};

    #[test]
    fn names_are_looked_up_and_addresses_are_not() {
        let root = tempfile::tempdir().unwrap();
        let (networks, network) = (Networks::at(root.path()), "net".parse().unwrap());
        let target = resolve(&networks, &network, "tcp://10.0.0.1:7004").unwrap();
        assert_eq!((target.node, target.endpoint.authority().as_str()), (None, "10.0.0.1:7004"));
        let error = resolve(&networks, &network, "2").unwrap_err();
        assert_eq!((error.kind(), error.to_string().contains("network 'net' is not running")), (Kind::Refused, true));

        let folder = networks.folder(&network);
        folder.create().unwrap();
        folder.write_record(&sample()).unwrap();
        for text in ["2", "Gossip-Node-2"] {
            let target = resolve(&networks, &network, text).unwrap();
            assert_eq!((target.node.unwrap().as_str(), target.endpoint.port()), ("2", 7002));
        }
        let error = resolve(&networks, &network, "17").unwrap_err();
        assert_eq!(error.to_string(), "network 'net' has no node '17'; its nodes are 1-3");
        let other = resolve(&networks, &"b".parse().unwrap(), "1").unwrap_err();
        assert!(other.to_string().ends_with("running: net (choose with --network)"), "{other}");
    }

    #[test]
    fn what_is_no_node_is_a_usage_error() {
        let networks = Networks::at("/nonexistent");
        for text in ["", "a b", "h:0", "h:99999", "ipc:///x", &"x".repeat(65)] {
            let error = resolve(&networks, &"net".parse().unwrap(), text).unwrap_err();
            assert_eq!(error.kind(), Kind::Usage, "{text:?}: {error}");
        }
    }
}
