//! Which messages which nodes hold, and how often: read from their inboxes, each message once.

use crate::{
    client::{ClientError, Clients},
    core::{
        endpoint::Endpoint,
        id::{MessageId, NodeId},
        request::{Cursor, Fetch, Reply, Request, Status},
    },
};
use std::{collections::BTreeMap, time::Duration};

/// Most messages that are asked for at once; a page ends at 1 MiB in any case.
const PAGE: u64 = 1 << 16;

/// Which messages which nodes hold, and how often.
#[derive(Debug)]
pub struct Holdings {
    nodes: Vec<NodeId>,
    /// By message, by node in the order of `nodes`; 255 stands for as many or more.
    counts: BTreeMap<MessageId, Vec<u8>>,
    /// Of each node: the position behind the last message that was read.
    next: Vec<u64>,
    /// Of each node: messages that it had and keeps no more.
    gone: Vec<u64>,
}

impl Holdings {
    /// Nothing yet, of these nodes.
    pub fn new(nodes: impl IntoIterator<Item = NodeId>) -> Self {
        let nodes: Vec<_> = nodes.into_iter().collect();
        let (next, gone) = (vec![0; nodes.len()], vec![0; nodes.len()]);
        Self { nodes, counts: BTreeMap::new(), next, gone }
    }

    /// One more copy of a message at a node.
    pub fn add(&mut self, node: &NodeId, id: &MessageId) {
        if let Some(place) = self.nodes.iter().position(|known| known == node) {
            self.count(place, id);
        }
    }

    fn count(&mut self, place: usize, id: &MessageId) {
        if !self.counts.contains_key(id) {
            self.counts.insert(id.clone(), vec![0; self.nodes.len()]);
        }
        if let Some(counts) = self.counts.get_mut(id) {
            counts[place] = counts[place].saturating_add(1);
        }
    }

    /// All messages that somebody holds, with how often each node does.
    pub fn messages(&self) -> impl Iterator<Item = (&MessageId, impl Iterator<Item = (&NodeId, u8)>)> {
        self.counts.iter().map(|(id, counts)| (id, self.nodes.iter().zip(counts.iter().copied())))
    }

    /// Returns whether somebody holds it.
    pub fn is_held(&self, id: &MessageId) -> bool {
        self.counts.contains_key(id)
    }

    /// Nodes that keep no more all that they received, and how many messages are gone: the oldest.
    pub fn incomplete(&self) -> impl Iterator<Item = (&NodeId, u64)> {
        self.nodes.iter().zip(self.gone.iter().copied()).filter(|&(_, gone)| gone > 0)
    }

    /// Reads what a node received since it was last read, and marks nothing as read. The node must not have been restarted
    /// meanwhile.
    pub fn read(
        &mut self,
        node: &NodeId,
        endpoint: &Endpoint,
        clients: &Clients,
        timeout: Duration,
    ) -> Result<(), ClientError> {
        let Some(place) = self.nodes.iter().position(|known| known == node) else { return Ok(()) };
        let mut client = clients.connect(endpoint, timeout)?;
        let mut from = Some(Cursor { position: self.next[place], paths: 0 });
        while let Some(cursor) = from {
            let fetch = Fetch { status: Status::All, from: cursor, through: None, limit: PAGE, mark: false };
            let Reply::Page(page) = client.call(&Request::Fetch(fetch))?.reply else { break };
            if let (0, Some((first, _))) = (cursor.position, page.span()) {
                self.gone[place] = first.saturating_sub(1);
            }
            for message in page.messages.iter().filter(|message| !message.continued) {
                self.count(place, &message.id);
            }
            self.next[place] = self.next[place].max(page.span().map_or(0, |(_, last)| last + 1));
            from = page.next;
        }
        Ok(())
    }
}
