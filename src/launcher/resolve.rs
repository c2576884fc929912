//! Resolution of a NODE argument: a node's number or name in the network's record, or an address.

use super::{error::LaunchError, folders::Networks, intent::require_record, ranges::ranges};
use crate::core::{
    endpoint::Endpoint,
    id::{NetworkName, NodeId},
};

/// Beginning of a node's name as people see it; what they copy is understood, too.
const SHOWN_PREFIX: &str = "Gossip-Node-";

/// A node to talk to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its name; `None` if only its address was given.
    pub node: Option<NodeId>,
    /// Address that it listens on.
    pub endpoint: Endpoint,
    /// True if its process, as far as it is recorded, is known to have ended.
    pub has_ended: bool,
}

/// Looks a node up in the record of `network`: `4`, or as people see it, `Gossip-Node-4`.
pub fn find(networks: &Networks, network: &NetworkName, node: &NodeId) -> Result<Target, LaunchError> {
    let manifest = require_record(&networks.folder(network), networks)?;
    let short = node.as_str().strip_prefix(SHOWN_PREFIX).and_then(|rest| NodeId::new(rest).ok());
    let record = manifest.node(node).or_else(|| manifest.node(short.as_ref()?));
    match record {
        Some(record) => {
            let has_ended = record.process.is_some() && !manifest.alive().any(|alive| alive.node == record.node);
            Ok(Target { node: Some(record.node.clone()), endpoint: record.endpoint.clone(), has_ended })
        }
        None => Err(LaunchError::NoNode {
            network: network.clone(),
            node: node.clone(),
            known: ranges(manifest.nodes.iter().map(|record| &record.node)),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::launcher::{error::Kind, manifest::tests::sample};

    #[test]
    fn names_are_looked_up_in_the_record() {
        let root = tempfile::tempdir().unwrap();
        let (networks, network) = (Networks::at(root.path()), "net".parse().unwrap());
        let look_up = |network: &NetworkName, name: &str| find(&networks, network, &name.parse().unwrap());
        let error = look_up(&network, "2").unwrap_err();
        assert_eq!((error.kind(), error.to_string().contains("network 'net' is not running")), (Kind::Refused, true));

        let folder = networks.folder(&network);
        folder.create().unwrap();
        folder.write_record(&sample()).unwrap();
        for text in ["2", "Gossip-Node-2"] {
            let target = look_up(&network, text).unwrap();
            assert_eq!((target.node.unwrap().as_str(), target.endpoint.port(), target.has_ended), ("2", 7002, true));
        }
        assert!(!look_up(&network, "3").unwrap().has_ended, "of this one no process is known");
        let error = look_up(&network, "17").unwrap_err();
        assert_eq!(error.to_string(), "network 'net' has no node '17'; its nodes are 1-3");
        let other = look_up(&"b".parse().unwrap(), "1").unwrap_err();
        assert!(other.to_string().ends_with("running: net (choose with --network)"), "{other}");
    }
}
