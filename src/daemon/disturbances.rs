//! Faults to order: what a node sends to a peer is lost, late, or lost by chance. In the shell and not in the core: the
//! core under test is the one that is shipped, and knows nothing of them. Spec: section 8.6.

use crate::{
    core::{event::LinkId, id::NodeId, request::Disturbance, rng::Rng, time::Mono},
    transport::SharedFrame,
};
use std::collections::{BTreeMap, VecDeque};

/// Most peers with a disturbance of their own; one more replaces none.
const PEERS_MAX: usize = 1024;
/// Most bytes that wait because they are to come late. What goes beyond is lost, as in a router whose queue is full.
const WAITING_BYTES_MAX: usize = 64 << 20;
/// Parts in a million.
const PPM: usize = 1_000_000;

/// To whom something goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Destination {
    /// Over a link of this node.
    Link(LinkId),
    /// Back over the link of another.
    Back(NodeId),
}

/// The parts of one message, and when they leave.
type Delayed = (Mono, Vec<SharedFrame>);

/// Faults that were ordered, and messages that wait because of them. Without any disturbance it costs a look at a flag.
#[derive(Debug)]
pub(super) struct Disturbances {
    /// Of single peers; they stand for themselves.
    by_peer: BTreeMap<NodeId, Disturbance>,
    /// Of all others.
    of_all: Disturbance,
    rng: Rng,
    waiting: BTreeMap<Destination, VecDeque<Delayed>>,
    bytes: usize,
}

impl Disturbances {
    /// None. Which messages are lost by chance follows from `seed`.
    pub(super) fn new(seed: u64) -> Self {
        let (by_peer, of_all, waiting) = (BTreeMap::new(), Disturbance::default(), BTreeMap::new());
        Self { by_peer, of_all, rng: Rng::new(seed), waiting, bytes: 0 }
    }

    /// From now on this is what becomes of what is sent to `nodes`, or to all.
    pub(super) fn set(&mut self, nodes: Option<Vec<NodeId>>, disturbance: Disturbance) {
        let Some(nodes) = nodes else {
            self.by_peer.clear();
            self.of_all = disturbance;
            return;
        };
        for node in nodes {
            if disturbance == self.of_all {
                self.by_peer.remove(&node);
            } else if self.by_peer.len() < PEERS_MAX || self.by_peer.contains_key(&node) {
                self.by_peer.insert(node, disturbance);
            }
        }
    }

    /// Says whether everything goes its way.
    pub(super) fn is_idle(&self) -> bool {
        self.by_peer.is_empty() && self.of_all.is_none() && self.waiting.is_empty()
    }

    /// Says whether a message to `peer` goes now; otherwise it is lost, or waits here, and is none of the caller's business.
    pub(super) fn lets_go(
        &mut self,
        now: Mono,
        way: Destination,
        peer: Option<&NodeId>,
        parts: &[SharedFrame],
    ) -> Fate {
        let Disturbance { cut, delay, drop_ppm } =
            *peer.and_then(|peer| self.by_peer.get(peer)).unwrap_or(&self.of_all);
        if cut || self.rng.below(PPM) < drop_ppm as usize {
            return Fate::Lost;
        }
        // What was sent before goes before, also when it is sent at once from now on.
        let behind = self.waiting.get(&way).and_then(|queue| queue.back()).map(|&(due, _)| due);
        if delay.is_zero() && behind.is_none() {
            return Fate::Goes;
        }
        let bytes = length(parts);
        if self.bytes + bytes > WAITING_BYTES_MAX {
            return Fate::Lost;
        }
        self.bytes += bytes;
        let due = behind.map_or(now + delay, |behind| behind.max(now + delay));
        self.waiting.entry(way).or_default().push_back((due, parts.to_vec()));
        Fate::Waits
    }

    /// The next message that has waited for long enough.
    pub(super) fn next_due(&mut self, now: Mono) -> Option<(Destination, Vec<SharedFrame>)> {
        let is_due =
            |(_, queue): &(&Destination, &mut VecDeque<Delayed>)| queue.front().is_some_and(|&(due, _)| due <= now);
        let (way, queue) = self.waiting.iter_mut().find(is_due)?;
        let (way, (_, parts)) = (way.clone(), queue.pop_front()?);
        if queue.is_empty() {
            self.waiting.remove(&way);
        }
        self.bytes -= length(&parts);
        Some((way, parts))
    }

    /// The time of that.
    pub(super) fn deadline(&self) -> Option<Mono> {
        self.waiting.values().filter_map(|queue| queue.front()).map(|&(due, _)| due).min()
    }
}

/// The fate of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is to be sent now.
    Goes,
    /// It is kept, and comes with [`Disturbances::next_due`].
    Waits,
    /// It never arrives.
    Lost,
}

fn length(parts: &[SharedFrame]) -> usize {
    parts.iter().map(|part| part.as_ref().len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const CUT: Disturbance = Disturbance { cut: true, delay: Duration::ZERO, drop_ppm: 0 };

    fn late(millis: u64) -> Disturbance {
        Disturbance { delay: Duration::from_millis(millis), ..Disturbance::default() }
    }

    fn at(millis: u64) -> Mono {
        Mono(millis * 1_000_000)
    }

    fn parts(text: &str) -> Vec<SharedFrame> {
        vec![text.as_bytes().into()]
    }

    fn send(to: &mut Disturbances, now: u64, peer: u32, text: &str) -> Fate {
        to.lets_go(at(now), Destination::Link(LinkId(peer)), Some(&NodeId::numbered(peer)), &parts(text))
    }

    #[test]
    fn a_peer_can_be_cut_off_and_the_others_not() {
        let mut disturbances = Disturbances::new(1);
        assert!(disturbances.is_idle());
        disturbances.set(Some(vec![NodeId::numbered(2)]), CUT);
        assert_eq!([1, 2, 3].map(|peer| send(&mut disturbances, 0, peer, "x")), [Fate::Goes, Fate::Lost, Fate::Goes]);
        disturbances.set(None, CUT);
        disturbances.set(Some(vec![NodeId::numbered(1)]), Disturbance::default());
        assert_eq!([1, 2, 3].map(|peer| send(&mut disturbances, 0, peer, "x")), [Fate::Goes, Fate::Lost, Fate::Lost]);
        disturbances.set(None, Disturbance::default());
        assert!(disturbances.is_idle());
    }

    #[test]
    fn what_comes_late_keeps_its_order() {
        let mut disturbances = Disturbances::new(1);
        disturbances.set(None, late(50));
        assert_eq!(send(&mut disturbances, 0, 1, "first"), Fate::Waits);
        disturbances.set(None, Disturbance::default());
        assert_eq!(send(&mut disturbances, 10, 1, "second"), Fate::Waits, "it must not overtake");
        assert_eq!(send(&mut disturbances, 10, 2, "other"), Fate::Goes);
        assert_eq!((disturbances.deadline(), disturbances.next_due(at(49))), (Some(at(50)), None));
        let due: Vec<_> = std::iter::from_fn(|| disturbances.next_due(at(50))).map(|(_, parts)| parts).collect();
        assert_eq!(due, [parts("first"), parts("second")]);
        assert!(disturbances.is_idle() && disturbances.deadline().is_none());
    }

    #[test]
    fn a_share_is_lost_and_what_waits_is_bounded() {
        let mut disturbances = Disturbances::new(7);
        disturbances.set(None, Disturbance { drop_ppm: 250_000, ..Disturbance::default() });
        let lost = (0..10_000).filter(|_| send(&mut disturbances, 0, 1, "x") == Fate::Lost).count();
        assert!((2_200..2_800).contains(&lost), "{lost}");
        disturbances.set(None, late(1_000));
        let large = "x".repeat(WAITING_BYTES_MAX / 2);
        let fates = [1, 2, 3].map(|peer| send(&mut disturbances, 0, peer, &large));
        assert_eq!(fates, [Fate::Waits, Fate::Waits, Fate::Lost]);
    }
}
