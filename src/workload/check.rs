//! Soundness of a run, by what the nodes counted and what they keep.

use super::error::WorkloadError;
use crate::core::request::{Fetched, NodeStatus};
use std::collections::BTreeMap;

/// Counters that every run may raise. What was evicted was there before: a run's own messages are all found in the inboxes.
#[rustfmt::skip]
const USUAL: &[&str] = &[
    "published", "delivered", "duplicates", "sent", "surplus", "requests", "refused_busy",
    "evicted", "evicted_unread", "announced", "pruned", "grafted", "pulls", "resent", "digests",
];

/// One of a node's counters; those that are zero are not in its status.
pub fn counter(status: &NodeStatus, name: &str) -> u64 {
    status.counters.get(name).copied().unwrap_or_default()
}

/// A counter of all nodes together.
pub fn sum(statuses: &[NodeStatus], name: &str) -> u64 {
    statuses.iter().map(|status| counter(status, name)).sum()
}

/// Counters of all nodes by name that a run without trouble does not raise: something dropped, refused, given up or sought
/// meanwhile, and made up for.
pub type Anomalies = BTreeMap<String, u64>;

/// Checks that `count` messages were published since `before` (empty: since the start), and that each node got as many. What
/// else they counted, if it is not usual.
pub fn check_counters(before: &[NodeStatus], after: &[NodeStatus], count: u64) -> Result<Anomalies, WorkloadError> {
    let published = sum(after, "published").saturating_sub(sum(before, "published"));
    if published != count {
        return Err(WorkloadError::Wrong(format!("{published} messages were published instead of {count}")));
    }
    let mut odd = Anomalies::new();
    for (index, after) in after.iter().enumerate() {
        let gained = |name: &str| {
            counter(after, name).saturating_sub(before.get(index).map_or(0, |before| counter(before, name)))
        };
        if gained("delivered") != count {
            let text = format!("node {} received {} messages instead of {count}", after.node, gained("delivered"));
            return Err(WorkloadError::Wrong(text));
        }
        for name in after.counters.keys().filter(|name| gained(name) > 0 && !USUAL.contains(&&***name)) {
            *odd.entry(name.clone()).or_default() += gained(name);
        }
    }
    Ok(odd)
}

/// Checks that every node keeps the `count` messages of the load, or they cannot be looked at.
pub fn check_kept(after: &[NodeStatus], count: u64) -> Result<(), WorkloadError> {
    let Some(few) = after.iter().find(|status| status.retained_messages < count) else { return Ok(()) };
    let NodeStatus { node, retained_messages: kept, .. } = few;
    let text = format!("node {node} keeps {kept} of {count} messages, so they cannot be checked");
    Err(WorkloadError::Wrong(format!(
        "{text}; send fewer or shorter ones, or start nodes that keep more (--retain-messages, --retain-bytes)"
    )))
}

/// The messages of a run that a node holds, by their numbers.
pub struct ReceivedNumbers {
    size: usize,
    received: Vec<Option<u64>>,
}

impl ReceivedNumbers {
    /// Of messages `0..count` of `size` bytes, none yet.
    pub fn new(count: u64, size: usize) -> Self {
        Self { size, received: vec![None; usize::try_from(count).unwrap_or(usize::MAX)] }
    }

    /// Notes one; what is wrong with it, if it is none of them or was noted before.
    pub fn note(&mut self, message: &Fetched) -> Result<(), String> {
        let number = super::payload::number(&message.payload, self.size);
        let slot = number.and_then(|number| self.received.get_mut(usize::try_from(number).ok()?));
        match slot {
            None => Err("holds a message that this run did not send".into()),
            Some(Some(_)) => Err(format!("holds message {} twice", number.unwrap_or_default())),
            Some(slot) => {
                *slot = Some(message.received_at.0);
                Ok(())
            }
        }
    }

    /// Times of receipt of all messages; an error if any is missing.
    pub fn finish(self) -> Result<Vec<u64>, String> {
        let missing = self.received.iter().filter(|slot| slot.is_none()).count();
        let all = self.received.into_iter().collect::<Option<Vec<_>>>();
        all.ok_or_else(|| format!("does not hold {missing} messages of this run"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        core::{
            id::{Incarnation, MessageId},
            message::Payload,
            time::Wall,
        },
        workload::payload::body,
    };

    fn message(number: u64) -> Fetched {
        let id = MessageId { origin: "1".parse().unwrap(), incarnation: Incarnation(1), sequence: number };
        Fetched {
            position: 1,
            id,
            published_at: Wall(0),
            received_at: Wall(10 + number),
            unread: true,
            continued: false,
            paths: Vec::new(),
            payload: Payload::from(&body(number, 100)[..]),
        }
    }

    #[test]
    fn a_record_is_complete_with_each_message_once() {
        let mut received = ReceivedNumbers::new(3, 100);
        for number in [2, 0, 1] {
            received.note(&message(number)).unwrap();
        }
        assert!(received.note(&message(1)).is_err() && received.note(&message(3)).is_err());
        assert_eq!(received.finish().unwrap(), [10, 11, 12]);
    }

    #[test]
    fn a_record_misses_what_is_not_there_or_is_not_as_it_was_sent() {
        let mut received = ReceivedNumbers::new(2, 100);
        received.note(&message(0)).unwrap();
        let mut payload = body(1, 100);
        payload[50] = 0;
        assert!(received.note(&Fetched { payload: Payload::from(&payload[..]), ..message(1) }).is_err());
        assert_eq!(received.finish().unwrap_err(), "does not hold 1 messages of this run");
    }
}
