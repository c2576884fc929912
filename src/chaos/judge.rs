//! The checker: every message that a survivor holds, and every one that was acknowledged by a node that lived on for long
//! enough, is on all live nodes exactly once. Pure: from what nodes hold and what is known of the past to a verdict.

use super::{holdings::Holdings, timeline::Timeline};
use crate::core::{
    id::{MessageId, NodeId},
    time::Mono,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// A message that a node acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Its id; the origin is the node that took it.
    pub id: MessageId,
    /// Time of the submission.
    pub sent: Mono,
    /// Time of the receipt.
    pub at: Mono,
}

/// Facts beside what the nodes hold.
pub struct Evidence<'a> {
    /// Receipts that came.
    pub receipts: &'a [Receipt],
    /// Faults in force at each time, and nodes that died.
    pub timeline: &'a Timeline,
    /// Time that a node must have lived on for its word to count.
    pub keep: Duration,
    /// Declared peers.
    pub peers: &'a BTreeMap<NodeId, Vec<NodeId>>,
}

/// Verdict of the checker.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Messages that at least one live node has.
    pub held: u64,
    /// Of these, those that all live nodes have exactly once.
    pub everywhere: u64,
    /// Messages by node that it lacks and others have.
    pub missing: BTreeMap<NodeId, Vec<MessageId>>,
    /// Messages by node that it has more than once.
    pub duplicates: BTreeMap<NodeId, Vec<MessageId>>,
    /// Acknowledged, and nobody has it, although the node that took it lived on for long enough.
    pub lost: Vec<MessageId>,
    /// Acknowledged, and nobody has it: it died in memory with the only nodes that had it.
    pub died: Vec<MessageId>,
}

impl Verdict {
    /// Returns whether nothing is missing, twice or lost.
    pub fn is_clean(&self) -> bool {
        self.missing.is_empty() && self.duplicates.is_empty() && self.lost.is_empty()
    }
}

/// Judges what nodes hold.
pub fn judge(holdings: &Holdings, evidence: &Evidence<'_>) -> Verdict {
    let mut verdict = Verdict::default();
    for (id, counts) in holdings.messages() {
        verdict.held += 1;
        let mut is_everywhere = true;
        for (node, count) in counts {
            let complaint = match count {
                1 => continue,
                0 => &mut verdict.missing,
                _ => &mut verdict.duplicates,
            };
            is_everywhere = false;
            complaint.entry(node.clone()).or_default().push(id.clone());
        }
        verdict.everywhere += u64::from(is_everywhere);
    }
    let mut known = BTreeSet::new();
    for receipt @ Receipt { id, .. } in evidence.receipts {
        // A node that was asked twice has acknowledged once.
        if holdings.is_held(id) || !known.insert(id) {
            continue;
        }
        let complaint = if must_survive(evidence, receipt) { &mut verdict.lost } else { &mut verdict.died };
        complaint.push(id.clone());
    }
    verdict
}

/// Returns whether somebody must have a message, as things went: its origin lives with its memory, or lived on for long enough and
/// somebody who was within its reach lives on.
fn must_survive(evidence: &Evidence<'_>, Receipt { id, sent, at }: &Receipt) -> bool {
    let Some(death) = evidence.timeline.death_after(&id.origin, *sent) else { return true };
    let company = evidence.timeline.company(&id.origin, *at, evidence.keep, evidence.peers);
    death.begin >= *at + evidence.keep
        && company.iter().any(|node| evidence.timeline.death_after(node, *sent).is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        chaos::{active_faults::ActiveFaults, order::Order, timeline::Death},
        core::id::Incarnation,
    };

    fn node(number: u32) -> NodeId {
        NodeId::numbered(number)
    }

    fn id(origin: u32, sequence: u64) -> MessageId {
        MessageId { origin: node(origin), incarnation: Incarnation(1), sequence }
    }

    fn at(seconds: u64) -> Mono {
        Mono(seconds * 1_000_000_000)
    }

    /// A ring of four in which things happen, and then one of them holds nothing.
    fn verdict(happened: &[(u64, Order)], receipts: &[Receipt], held: &[(u32, MessageId)]) -> Verdict {
        let peers: BTreeMap<_, _> =
            (1..=4).map(|number| (node(number), vec![node(number % 4 + 1), node((number + 2) % 4 + 1)])).collect();
        let (mut timeline, mut active_faults) = (Timeline::default(), ActiveFaults::default());
        timeline.add(at(0), &active_faults);
        for (seconds, order) in happened {
            if let Order::Kill(nodes) = order {
                timeline.note_deaths(Death { begin: at(*seconds), end: at(*seconds) }, nodes);
            }
            active_faults.apply(order);
            timeline.add(at(*seconds), &active_faults);
        }
        let mut holdings = Holdings::new((1..=4).map(node));
        held.iter().for_each(|(at, id)| holdings.add(&node(*at), id));
        judge(&holdings, &Evidence { receipts, timeline: &timeline, keep: Duration::from_secs(1), peers: &peers })
    }

    fn receipt(seconds: u64) -> Receipt {
        Receipt { id: id(1, 1), sent: at(seconds), at: at(seconds) }
    }

    #[test]
    fn what_all_have_once_is_fine() {
        let held: Vec<_> = (1..=4).map(|node| (node, id(1, 1))).collect();
        let fine = verdict(&[], &[receipt(5)], &held);
        assert!(fine.is_clean() && (fine.held, fine.everywhere) == (1, 1), "{fine:?}");
    }

    #[test]
    fn who_lacks_what_others_have_and_who_has_it_twice_is_named() {
        let verdict = verdict(&[], &[], &[(1, id(2, 7)), (2, id(2, 7)), (2, id(2, 7)), (4, id(2, 7))]);
        assert_eq!(verdict.missing, BTreeMap::from([(node(3), vec![id(2, 7)])]));
        assert_eq!(verdict.duplicates, BTreeMap::from([(node(2), vec![id(2, 7)])]));
        assert!(!verdict.is_clean() && (verdict.held, verdict.everywhere) == (1, 0));
    }

    #[test]
    fn a_message_that_is_nowhere_is_lost_if_its_origin_lived_on() {
        let kill = |seconds| (seconds, Order::Kill(vec![node(1)]));
        for (happened, is_lost) in [
            (vec![], true),
            (vec![kill(4)], true),
            // Its neighbours had it.
            (vec![kill(12)], true),
            (vec![kill(10)], false),
        ] {
            let verdict = verdict(&happened, &[receipt(10), receipt(10)], &[]);
            assert_eq!((verdict.lost.len(), verdict.died.len()), if is_lost { (1, 0) } else { (0, 1) }, "{happened:?}");
        }
    }

    #[test]
    fn what_nobody_alive_could_have_heard_has_died() {
        let apart = (5, Order::Partition(vec![node(1), node(2)]));
        let kill = |seconds, number| (seconds, Order::Kill(vec![node(number)]));
        let both = verdict(&[apart.clone(), kill(12, 1), kill(13, 2)], &[receipt(10)], &[]);
        assert_eq!((both.lost.len(), both.died.len()), (0, 1), "both that had it died");
        let one = verdict(&[apart.clone(), kill(12, 1)], &[receipt(10)], &[]);
        assert_eq!(one.lost.len(), 1, "its neighbour lives on");
        let healed = verdict(&[apart, (8, Order::Heal), kill(12, 1), kill(13, 2)], &[receipt(10)], &[]);
        assert_eq!(healed.lost.len(), 0, "links were not up for long enough");
    }
}
