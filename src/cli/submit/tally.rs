//! Ids of what was sent, as the end of the command tells them.

use crate::client::Receipt;
use serde::{Deserialize, Serialize};

/// Messages that a node took.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    count: u64,
    /// The ids of the first and the last, and the one that would follow; empty as long as there is none.
    first: String,
    last: String,
    following: String,
    /// True if ids of others, or another life of the node, are between.
    scattered: bool,
}

impl Tally {
    /// Adds the messages of a receipt.
    pub fn add(&mut self, receipt: &Receipt) {
        let (first, mut last) = (receipt.id.to_string(), receipt.last());
        self.scattered |= self.count > 0 && self.following != first;
        if self.count == 0 {
            self.first = first;
        }
        self.count += u64::from(receipt.count);
        self.last = last.to_string();
        last.sequence = last.sequence.saturating_add(1);
        self.following = last.to_string();
    }

    /// Number of messages.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The ids of the first and the last.
    pub fn ends(&self) -> Option<(&str, &str)> {
        (self.count > 0).then_some((&self.first, &self.last))
    }

    /// Says whether the ids from the first to the last are all theirs.
    pub fn is_consecutive(&self) -> bool {
        !self.scattered
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{
        event::record::Level,
        id::{Incarnation, MessageId, NodeId},
    };

    #[test]
    fn ids_are_consecutive_until_others_are_between() {
        let mut tally = Tally::default();
        let mut add = |incarnation, sequence, count| {
            let node = NodeId::numbered(4);
            let id = MessageId { origin: node.clone(), incarnation: Incarnation(incarnation), sequence };
            tally.add(&Receipt { node, id, count, level: Level::Memory });
            let (first, last) = tally.ends().unwrap();
            (format!("{first} {last}"), tally.is_consecutive())
        };
        assert_eq!(add(17, 5, 3), ("4-17-5 4-17-7".into(), true));
        assert_eq!(add(17, 8, 1), ("4-17-5 4-17-8".into(), true));
        assert_eq!(add(17, 10, 1), ("4-17-5 4-17-10".into(), false));
        assert_eq!(add(17, 11, 1), ("4-17-5 4-17-11".into(), false));
    }
}
