//! An undirected simple graph over node names, in an order that never depends on chance.

use std::collections::BTreeMap;

use crate::core::id::NodeId;

/// Nodes and the links between them: no link from a node to itself, no link twice.
///
/// Nodes are known by index (from 0, in the order given) and by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Graph {
    nodes: Vec<NodeId>,
    by_name: BTreeMap<NodeId, usize>,
    /// Per node the indexes of its neighbours, ascending.
    neighbours: Vec<Vec<usize>>,
    edge_count: usize,
}

/// Reason why nodes and links make no graph.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// Two nodes have the same name.
    #[error("two nodes are named '{0}'")]
    Name(NodeId),
    /// A link names a node that is not there.
    #[error("a link ends at node index {index}, there are only {nodes} nodes")]
    Index {
        /// The index found.
        index: usize,
        /// Number of nodes.
        nodes: usize,
    },
    /// A link joins a node to itself.
    #[error("node '{0}' is linked to itself")]
    Loop(NodeId),
}

impl Graph {
    /// A graph of `nodes`, joined by `edges` (pairs of indexes into `nodes`). A link that is named twice,
    /// in either direction, is one link.
    pub fn new(nodes: Vec<NodeId>, edges: impl IntoIterator<Item = (usize, usize)>) -> Result<Self, GraphError> {
        let mut by_name = BTreeMap::new();
        for (index, node) in nodes.iter().enumerate() {
            if by_name.insert(node.clone(), index).is_some() {
                return Err(GraphError::Name(node.clone()));
            }
        }
        let mut neighbours = vec![Vec::new(); nodes.len()];
        for (a, b) in edges {
            if let Some(&index) = [a, b].iter().find(|&&index| index >= nodes.len()) {
                return Err(GraphError::Index { index, nodes: nodes.len() });
            }
            if a == b {
                return Err(GraphError::Loop(nodes[a].clone()));
            }
            neighbours[a].push(b);
            neighbours[b].push(a);
        }
        for list in &mut neighbours {
            list.sort_unstable();
            list.dedup();
        }
        let edge_count = neighbours.iter().map(Vec::len).sum::<usize>() / 2;
        Ok(Self { nodes, by_name, neighbours, edge_count })
    }

    /// Number of nodes.
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// Number of links.
    pub fn edge_count(&self) -> usize {
        self.edge_count
    }

    /// All nodes, by index.
    pub fn nodes(&self) -> &[NodeId] {
        &self.nodes
    }

    /// The index of the node of this name.
    pub fn index_of(&self, name: &NodeId) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// The neighbours of a node by index, ascending. Panics if there is no node `index`.
    pub fn neighbours(&self, index: usize) -> &[usize] {
        &self.neighbours[index]
    }

    /// Number of neighbours of a node. Panics if there is no node `index`.
    pub fn degree(&self, index: usize) -> usize {
        self.neighbours[index].len()
    }

    /// Returns whether two nodes are linked. Panics if there is no node `a`.
    pub fn has_edge(&self, a: usize, b: usize) -> bool {
        self.neighbours[a].binary_search(&b).is_ok()
    }

    /// All links as pairs of indexes `(a, b)` with `a < b`, ascending.
    pub fn edges(&self) -> impl Iterator<Item = (usize, usize)> {
        self.neighbours.iter().enumerate().flat_map(|(a, list)| {
            let first_above = list.partition_point(|&b| b < a);
            list[first_above..].iter().map(move |&b| (a, b))
        })
    }

    /// Returns whether every node can reach every other. A graph without nodes is connected.
    pub fn is_connected(&self) -> bool {
        self.components().len() <= 1
    }

    /// The parts that cannot reach each other: each ascending, ordered by their first node.
    pub fn components(&self) -> Vec<Vec<usize>> {
        let mut seen = vec![false; self.nodes.len()];
        let mut parts = Vec::new();
        for start in 0..self.nodes.len() {
            if seen[start] {
                continue;
            }
            seen[start] = true;
            let mut part = vec![start];
            let mut next = 0;
            while let Some(&node) = part.get(next) {
                next += 1;
                for &neighbour in &self.neighbours[node] {
                    if !std::mem::replace(&mut seen[neighbour], true) {
                        part.push(neighbour);
                    }
                }
            }
            part.sort_unstable();
            parts.push(part);
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(count: u32) -> Vec<NodeId> {
        (1..=count).map(NodeId::numbered).collect()
    }

    #[test]
    fn a_link_named_twice_is_one_link() {
        let graph = Graph::new(named(3), [(1, 0), (0, 1), (2, 1)]).unwrap();
        assert_eq!(graph.edges().collect::<Vec<_>>(), [(0, 1), (1, 2)]);
        assert_eq!((graph.edge_count(), graph.degree(1)), (2, 2));
        assert!(graph.has_edge(1, 2) && !graph.has_edge(0, 2));
    }

    #[test]
    fn parts_that_cannot_meet_are_told_apart() {
        let graph = Graph::new(named(5), [(0, 3), (1, 4)]).unwrap();
        assert_eq!(graph.components(), [vec![0, 3], vec![1, 4], vec![2]]);
        assert!(!graph.is_connected());
        assert!(Graph::new(Vec::new(), []).unwrap().is_connected());
    }

    #[test]
    fn what_is_no_simple_graph_is_refused() {
        assert_eq!(Graph::new(named(2), [(0, 2)]), Err(GraphError::Index { index: 2, nodes: 2 }));
        assert_eq!(Graph::new(named(2), [(1, 1)]), Err(GraphError::Loop(NodeId::numbered(2))));
        let twice = vec![NodeId::numbered(7), NodeId::numbered(7)];
        assert_eq!(Graph::new(twice, []), Err(GraphError::Name(NodeId::numbered(7))));
    }
}
