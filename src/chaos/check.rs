//! Looks at a whole network at once: who answers, in how many parts it is, and whether all have seen the same.

use crate::{
    client::{ClientError, ask_all},
    core::{
        endpoint::Endpoint,
        id::NodeId,
        request::{NodeStatus, Reply, Request},
    },
    topology::Graph,
};
use std::{collections::BTreeSet, time::Duration};

/// A network at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glance {
    /// Nodes that answered.
    pub live: Vec<NodeId>,
    /// Nodes that were asked and did not.
    pub silent: Vec<NodeId>,
    /// Parts of the network: nodes with a chain of links that are up at both ends.
    pub parts: Vec<Vec<NodeId>>,
    /// Links that are disturbed by order: who speaks, and who does not hear as usual.
    pub disturbed: BTreeSet<(NodeId, NodeId)>,
    /// Whether all that answered have seen the same messages.
    pub is_equal: bool,
}

/// Asks these nodes for their state, all at once.
pub fn look(nodes: &[(NodeId, Endpoint)], timeout: Duration) -> Result<Glance, ClientError> {
    let questions: Vec<_> = nodes.iter().map(|(_, endpoint)| (endpoint.clone(), Request::Status)).collect();
    let (mut states, mut silent) = (Vec::new(), Vec::new());
    for ((node, _), answer) in nodes.iter().zip(ask_all(&questions, timeout)?) {
        match answer.map(|response| response.reply) {
            // Somebody else may have taken the port of a node that has ended.
            Ok(Reply::Status(status)) if status.node == *node => states.push(*status),
            _ => silent.push(node.clone()),
        }
    }
    let parts = parts(&states);
    let seen: BTreeSet<_> = states.iter().map(|state| state.digest).collect();
    let pairs = |state: &NodeStatus| {
        let others = state.disturbed.iter().map(|other| (state.node.clone(), other.clone()));
        others.collect::<Vec<_>>()
    };
    let disturbed = states.iter().flat_map(pairs).collect();
    let live = states.into_iter().map(|state| state.node).collect();
    Ok(Glance { live, silent, parts, disturbed, is_equal: seen.len() <= 1 })
}

fn parts(states: &[NodeStatus]) -> Vec<Vec<NodeId>> {
    let names: Vec<_> = states.iter().map(|state| state.node.clone()).collect();
    let ups: Vec<BTreeSet<&NodeId>> = states
        .iter()
        .map(|state| state.peers.iter().filter(|peer| peer.up).filter_map(|peer| peer.node.as_ref()).collect())
        .collect();
    let mut edges = Vec::new();
    for (a, peers) in ups.iter().enumerate() {
        let others = (a + 1..names.len()).filter(|&b| peers.contains(&names[b]) && ups[b].contains(&names[a]));
        edges.extend(others.map(|b| (a, b)));
    }
    let Ok(graph) = Graph::new(names.clone(), edges) else { return vec![names] };
    graph.components().into_iter().map(|part| part.into_iter().map(|index| names[index].clone()).collect()).collect()
}
