//! The relay rule of traced messages, the seed's: each accepted copy, at most R from one neighbour, goes on to every peer
//! but the one it came from, at most R times to each; the origin sends each peer one copy. On a graph without leaves that
//! makes 2E·R frames. Spec: section 7.2.

use crate::core::{event::LinkId, id::NodeId, message::Relays};

/// What became of a traced copy.
#[derive(Debug, PartialEq, Eq)]
pub enum RelayDecision {
    /// Noted; it goes on so.
    Noted(Vec<Given>),
    /// Its sender has sent as many as the relay rule accepts.
    Surplus,
    /// Its message is not kept any more, or was not traced.
    Unknown,
}

/// What one traced message has taken from and given to each neighbour so far.
///
/// Bounds: one entry a neighbour, counts up to [`Relays::MAX`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RelayLedger(Vec<Share>);

/// A copy that goes over a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Given {
    /// The link.
    pub link: LinkId,
    /// Whether its peer may not have the payload yet: it is the first copy either way.
    pub may_lack: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Share {
    node: NodeId,
    accepted: u8,
    sent: u8,
}

impl RelayLedger {
    /// Bytes of memory that one neighbour takes.
    pub const COST: usize = size_of::<Share>();

    /// Takes a copy from `node`, unless it has given `relays` already.
    pub fn accept(&mut self, node: &NodeId, relays: Relays) -> bool {
        let share = self.share(node);
        let accepted = share.accepted < relays.get();
        share.accepted += u8::from(accepted);
        accepted
    }

    /// Links over which a copy from `from` goes on, and notes that it did.
    pub fn spread<'a>(
        &mut self,
        neighbours: impl Iterator<Item = (&'a NodeId, LinkId)>,
        from: Option<&NodeId>,
        relays: Relays,
    ) -> Vec<Given> {
        let others = neighbours.filter(|&(node, _)| Some(node) != from);
        others.filter_map(|(node, link)| self.give(node, link, relays)).collect()
    }

    /// How many neighbours have an entry.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no copy was taken or given yet.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn give(&mut self, node: &NodeId, link: LinkId, relays: Relays) -> Option<Given> {
        let share = self.share(node);
        if share.sent >= relays.get() {
            return None;
        }
        share.sent += 1;
        Some(Given { link, may_lack: share.sent == 1 && share.accepted == 0 })
    }

    fn share(&mut self, node: &NodeId) -> &mut Share {
        let index = self.0.iter().position(|share| share.node == *node).unwrap_or_else(|| {
            self.0.push(Share { node: node.clone(), accepted: 0, sent: 0 });
            self.0.len() - 1
        });
        &mut self.0[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn neighbours(nodes: &[NodeId]) -> impl Iterator<Item = (&NodeId, LinkId)> {
        nodes.iter().zip((0..).map(LinkId))
    }

    #[test]
    fn a_copy_never_returns_where_it_came_from() {
        let nodes = [1, 2, 3].map(NodeId::numbered);
        let mut shares = RelayLedger::default();
        let given = shares.spread(neighbours(&nodes), Some(&nodes[0]), Relays::ONE);
        assert_eq!(given.iter().map(|given| given.link).collect::<Vec<_>>(), [LinkId(1), LinkId(2)]);
    }

    #[test]
    fn each_neighbour_gives_and_gets_at_most_the_relays() {
        let nodes = [1, 2].map(NodeId::numbered);
        let two = Relays::try_from(2).unwrap();
        let mut shares = RelayLedger::default();
        assert_eq!([(); 3].map(|()| shares.accept(&nodes[0], two)), [true, true, false]);
        let spread: Vec<_> = (0..3).map(|_| shares.spread(neighbours(&nodes), Some(&nodes[0]), two).len()).collect();
        assert_eq!(spread, [1, 1, 0]);
        assert_eq!(shares.len(), 2);
    }
}
