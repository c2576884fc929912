//! Ids of the messages that are submitted to a node: one sequence in each of its lives; and the batch that those of a turn share.

use crate::core::{
    batch::{Batch, Body, Packer},
    frame::LifeSeen,
    id::{Incarnation, MessageId, NodeId},
    message::{Payload, Relays, Trace},
    stats::Refusal,
    time::Wall,
};

/// Longest body in bytes of a batch that this node makes of several messages: it crosses each link in one piece.
const OWN_LEN_MAX: usize = 64 << 10;

/// One life of a node as the origin of messages.
#[derive(Debug)]
pub(super) struct Origin {
    node: NodeId,
    incarnation: Incarnation,
    /// The number of the next message that is in no batch yet, or in the open one.
    next_sequence: u64,
    open: Packer,
    /// The number of the first message of the open batch, or of the next one.
    opened: u64,
}

impl Origin {
    /// The beginning of a life.
    pub(super) fn new(node: NodeId, incarnation: Incarnation) -> Self {
        Self { node, incarnation, next_sequence: 1, open: Packer::default(), opened: 1 }
    }

    /// The node's name.
    pub(super) fn node(&self) -> &NodeId {
        &self.node
    }

    /// Checks that messages from `id` to the number `last`, if they claim to be of this life, have left it; if not, why they are
    /// refused: they were never submitted, or are in the open batch.
    #[inline]
    pub(super) fn check(&self, id: &MessageId, last: u64) -> Result<(), (Refusal, String)> {
        if last >= self.opened && id.is_of(&self.node, self.incarnation) {
            return Err((Refusal::BadRequest, format!("{} was never published here", self.id(last))));
        }
        Ok(())
    }

    /// A new life begins: numbers count from 1 again. What was not closed is lost: [`close`](Self::close) before.
    pub(super) fn renew(&mut self, incarnation: Incarnation) {
        *self = Self::new(self.node.clone(), incarnation);
    }

    /// The latest that this node has published.
    #[inline]
    pub(super) fn latest(&self) -> LifeSeen {
        LifeSeen { incarnation: self.incarnation, sequence: self.next_sequence - 1 }
    }

    /// The id of the next message.
    fn next(&self) -> MessageId {
        self.id(self.next_sequence)
    }

    /// Takes messages that are submitted here. Gives the id that the first of them has from now on, and the batches that are full
    /// or go by themselves: those of several messages, and the traced ones.
    pub(super) fn submit(&mut self, at: Wall, relays: Option<Relays>, body: Body) -> (MessageId, Vec<Batch>) {
        let id = self.next();
        if relays.is_none() && body.count() == 1 {
            return (id, self.append(at, body.bytes()).into_iter().collect());
        }
        let open = self.close(at);
        let minted = body.split(OWN_LEN_MAX).into_iter().map(|part| self.mint(at, relays, part));
        (id, open.into_iter().chain(minted).collect())
    }

    /// Gives a body the next ids, and so makes it a batch of its own. [`close`](Self::close) before.
    fn mint(&mut self, at: Wall, relays: Option<Relays>, body: Body) -> Batch {
        let id = self.next();
        self.next_sequence += u64::from(body.count());
        self.opened = self.next_sequence;
        let trace = relays.map(|relays| Trace { relays, path: [].into() });
        Batch { id, published_at: at, hops: 0, trace, tree: None, body }
    }

    /// Gives a payload the next id, as a part of the open batch. Gives that batch if there is no room for one more in it; the
    /// payload is in the next one then.
    fn append(&mut self, at: Wall, payload: &Payload) -> Option<Batch> {
        let full = if self.open.is_full_for(payload.len(), OWN_LEN_MAX) { self.close(at) } else { None };
        self.open.push_shared(payload);
        self.next_sequence += 1;
        full
    }

    /// Ends the open batch, if there is one.
    pub(super) fn close(&mut self, at: Wall) -> Option<Batch> {
        let body = self.open.take()?;
        let id = self.id(self.opened);
        self.opened = self.next_sequence;
        Some(Batch { id, published_at: at, hops: 0, trace: None, tree: None, body })
    }

    fn id(&self, sequence: u64) -> MessageId {
        MessageId { origin: self.node.clone(), incarnation: self.incarnation, sequence }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(len: usize) -> Payload {
        Payload::from(&vec![7; len][..])
    }

    fn ids(batch: &Batch) -> (String, u64) {
        (batch.id.to_string(), batch.last())
    }

    #[test]
    fn ids_count_from_one_without_gaps() {
        let mut origin = Origin::new(NodeId::numbered(4), Incarnation(9));
        let mut mint = || origin.mint(Wall(1), None, Body::one(payload(0))).id.to_string();
        assert_eq!([mint(), mint()], ["4-9-1", "4-9-2"]);
        assert_eq!(origin.close(Wall(2)), None);
        for number in 3..6 {
            assert_eq!(origin.next().sequence, number);
            assert_eq!(origin.append(Wall(2), &payload(3)), None);
        }
        let batch = origin.close(Wall(2)).unwrap();
        assert_eq!((ids(&batch), batch.body.count(), origin.close(Wall(2))), (("4-9-3".into(), 5), 3, None));
        assert_eq!(origin.next().sequence, 6);
    }

    #[test]
    fn a_full_batch_is_closed_by_the_next_message() {
        let mut origin = Origin::new(NodeId::numbered(4), Incarnation(9));
        let mut full = Vec::new();
        (0..10_000).for_each(|_| full.extend(origin.append(Wall(1), &payload(0)).as_ref().map(ids)));
        assert_eq!(full, [("4-9-1".into(), 4096), ("4-9-4097".into(), 8192)]);
        assert_eq!(origin.append(Wall(1), &payload(OWN_LEN_MAX)).as_ref().map(ids), Some(("4-9-8193".into(), 10_000)));
        assert_eq!(origin.append(Wall(1), &payload(1)).as_ref().map(ids), Some(("4-9-10001".into(), 10_001)));
        let is_ours = |origin: &Origin, last| origin.check(&origin.id(1), last).is_ok();
        assert_eq!([10_001, 10_002].map(|last| is_ours(&origin, last)), [true, false]);
        origin.close(Wall(1));
        assert_eq!([10_002, 10_003].map(|last| is_ours(&origin, last)), [true, false]);
    }
}
