//! The relay rule of traced messages, the seed's: each accepted copy, at most R from one neighbour, goes on to every peer
//! but the one it came from, at most R times to each; the origin sends each peer one copy. On a graph without leaves that
//! makes 2E·R frames. Spec: section 7.2.

use crate::core::{
    event::LinkId,
    id::{MessageId, NodeId},
    message::Relays,
};
use std::collections::{BTreeMap, VecDeque};

/// Entries of all messages together: 24 MiB. As many as 100,000 messages make at nodes with ten neighbours.
const ENTRIES_MAX: usize = 1 << 20;

/// Fate of a traced copy.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum RelayDecision {
    /// Accepted; it goes on so.
    Accepted(Vec<Given>),
    /// Its sender has sent as many as the relay rule accepts.
    Surplus,
    /// Its message was not traced, or came too long ago.
    Unknown,
}

/// Copies of each traced message that each neighbour has sent and was given.
///
/// Bounds: `messages_max` messages and 1,048,576 entries, one for each message and neighbour; the oldest message goes first.
#[derive(Debug)]
pub(super) struct RelayLedger {
    accounts: BTreeMap<MessageId, Account>,
    order: VecDeque<MessageId>,
    entries: usize,
    messages_max: usize,
}

/// A copy that goes over a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Given {
    /// The link.
    pub link: LinkId,
    /// True if its peer may not have the payload yet: it is the first copy either way.
    pub may_lack: bool,
}

/// Copies of one message. Bounds: one entry a neighbour, counts up to [`Relays::MAX`].
#[derive(Debug)]
struct Account {
    relays: Relays,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    node: NodeId,
    accepted: u8,
    sent: u8,
}

impl RelayLedger {
    /// No messages yet, and at most `messages_max`.
    pub(super) fn new(messages_max: usize) -> Self {
        Self { accounts: BTreeMap::new(), order: VecDeque::new(), entries: 0, messages_max: messages_max.max(1) }
    }

    /// Begins to count the copies of a message that is new here.
    pub(super) fn open(&mut self, id: &MessageId, relays: Relays) {
        match self.accounts.insert(id.clone(), Account { relays, entries: Vec::new() }) {
            Some(former) => self.entries -= former.entries.len(),
            None => self.order.push_back(id.clone()),
        }
        self.trim();
    }

    /// Counts a copy that `from` sent in an earlier life of this node.
    pub(super) fn recover(&mut self, id: &MessageId, from: &NodeId) {
        let Some(account) = self.accounts.get_mut(id) else { return };
        let before = account.entries.len();
        account.accept(from);
        self.entries += account.entries.len() - before;
        self.trim();
    }

    /// Applies the relay rule to a copy from `from` (`None`: it was submitted here) and notes by which links it goes on.
    pub(super) fn decide<'a>(
        &mut self,
        id: &MessageId,
        from: Option<&NodeId>,
        neighbours: impl Iterator<Item = (&'a NodeId, LinkId)>,
    ) -> RelayDecision {
        let Some(account) = self.accounts.get_mut(id) else { return RelayDecision::Unknown };
        let before = account.entries.len();
        let is_accepted = from.is_none_or(|from| account.accept(from));
        let decision = match is_accepted {
            true => RelayDecision::Accepted(account.give(neighbours, from)),
            false => RelayDecision::Surplus,
        };
        self.entries += account.entries.len() - before;
        self.trim();
        decision
    }

    /// Number of messages that have an account.
    pub(super) fn len(&self) -> usize {
        self.accounts.len()
    }

    fn trim(&mut self) {
        while self.accounts.len() > self.messages_max || (self.entries > ENTRIES_MAX && self.order.len() > 1) {
            let Some(oldest) = self.order.pop_front() else { break };
            self.entries -= self.accounts.remove(&oldest).map_or(0, |account| account.entries.len());
        }
    }
}

impl Account {
    /// Takes a copy from `node`, unless it has given as many as the message has relays.
    fn accept(&mut self, node: &NodeId) -> bool {
        let relays = self.relays.get();
        let entry = self.entry(node);
        let is_accepted = entry.accepted < relays;
        entry.accepted += u8::from(is_accepted);
        is_accepted
    }

    /// Links over which a copy from `from` goes on, and notes that it did.
    fn give<'a>(
        &mut self,
        neighbours: impl Iterator<Item = (&'a NodeId, LinkId)>,
        from: Option<&NodeId>,
    ) -> Vec<Given> {
        let relays = self.relays.get();
        let others = neighbours.filter(|&(node, _)| Some(node) != from);
        let given = others.filter_map(|(node, link)| {
            let entry = self.entry(node);
            let is_given = entry.sent < relays;
            entry.sent += u8::from(is_given);
            is_given.then_some(Given { link, may_lack: entry.sent == 1 && entry.accepted == 0 })
        });
        given.collect()
    }

    fn entry(&mut self, node: &NodeId) -> &mut Entry {
        let index = self.entries.iter().position(|entry| entry.node == *node).unwrap_or_else(|| {
            self.entries.push(Entry { node: node.clone(), accepted: 0, sent: 0 });
            self.entries.len() - 1
        });
        &mut self.entries[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::id::Incarnation;

    fn id(sequence: u64) -> MessageId {
        MessageId { origin: NodeId::numbered(9), incarnation: Incarnation(1), sequence }
    }

    fn neighbours(nodes: &[NodeId]) -> impl Iterator<Item = (&NodeId, LinkId)> {
        nodes.iter().zip((0..).map(LinkId))
    }

    fn links(decision: RelayDecision) -> Vec<u32> {
        let RelayDecision::Accepted(given) = decision else { panic!("{decision:?}") };
        given.iter().map(|given| given.link.0).collect()
    }

    #[test]
    fn a_copy_never_returns_where_it_came_from() {
        let nodes = [1, 2, 3].map(NodeId::numbered);
        let mut ledger = RelayLedger::new(10);
        ledger.open(&id(1), Relays::ONE);
        assert_eq!(links(ledger.decide(&id(1), Some(&nodes[0]), neighbours(&nodes))), [1, 2]);
    }

    #[test]
    fn each_neighbour_gives_and_gets_at_most_the_relays() {
        let nodes = [1, 2].map(NodeId::numbered);
        let mut ledger = RelayLedger::new(10);
        ledger.open(&id(1), Relays::try_from(2).unwrap());
        let from = Some(&nodes[0]);
        let given: Vec<_> = (0..2).map(|_| links(ledger.decide(&id(1), from, neighbours(&nodes))).len()).collect();
        assert_eq!(given, [1, 1]);
        assert_eq!(ledger.decide(&id(1), from, neighbours(&nodes)), RelayDecision::Surplus);
        assert_eq!(links(ledger.decide(&id(1), None, neighbours(&nodes))), [0], "the other one has had its two");
        assert_eq!(ledger.entries, 2);
    }

    #[test]
    fn a_message_that_is_not_counted_or_no_more_is_unknown() {
        let node = NodeId::numbered(1);
        let mut ledger = RelayLedger::new(2);
        (1..=3).for_each(|sequence| ledger.open(&id(sequence), Relays::ONE));
        let mut decide = |sequence| ledger.decide(&id(sequence), Some(&node), std::iter::empty());
        assert_eq!([1, 4].map(&mut decide), [RelayDecision::Unknown, RelayDecision::Unknown]);
        assert_eq!(decide(2), RelayDecision::Accepted(vec![]));
        assert_eq!(ledger.len(), 2);
    }

    #[test]
    fn entries_are_bounded_and_the_oldest_message_gives_way() {
        let nodes: Vec<NodeId> = (0..1024).map(NodeId::numbered).collect();
        let mut ledger = RelayLedger::new(usize::MAX);
        for sequence in 1..=1030 {
            ledger.open(&id(sequence), Relays::ONE);
            ledger.decide(&id(sequence), None, neighbours(&nodes));
        }
        assert_eq!((ledger.len(), ledger.entries), (1024, ENTRIES_MAX));
        assert_eq!(ledger.decide(&id(6), None, neighbours(&nodes)), RelayDecision::Unknown);
        // A message that is taken in anew, for its life was forgotten, is counted from the beginning.
        ledger.open(&id(7), Relays::ONE);
        assert_eq!((ledger.len(), ledger.entries), (1024, ENTRIES_MAX - 1024));
    }
}
