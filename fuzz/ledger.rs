//! Promises of a node: what it has delivered is delivered once, and what it has given up is not delivered.

use gossip::core::{
    event::{LogSeq, Record},
    id::{MessageId, StreamId},
    request::Reply,
};
use std::collections::{BTreeMap, BTreeSet};

/// Promises of a node so far.
#[derive(Default)]
pub(crate) struct Ledger {
    /// Messages that were delivered.
    pub(crate) delivered: BTreeSet<MessageId>,
    /// Ranges that were given up, by stream.
    given_up: BTreeMap<StreamId, Vec<(u64, u64)>>,
    pub(crate) synced: LogSeq,
    /// The last reply to a client.
    pub(crate) reply: Option<Reply>,
}

impl Ledger {
    pub(crate) fn note(&mut self, record: &Record) {
        match record {
            &Record::Received { ref batch, first, last, .. } => {
                let (begin, end) = batch.range();
                assert!(
                    begin <= first && first <= last && last <= end,
                    "{first} to {last} of a batch {begin} to {end}"
                );
                let stream = batch.id.stream();
                let given_up = self.given_up.get(&stream).map_or(&[][..], Vec::as_slice);
                for id in (first..=last).map(|sequence| stream.message(sequence)) {
                    let is_gap = |&(first, last): &(u64, u64)| (first..=last).contains(&id.sequence);
                    assert!(!given_up.iter().any(is_gap), "{id} is delivered after it was given up");
                    assert!(self.delivered.insert(id.clone()), "{id} is delivered twice");
                }
            }
            &Record::GivenUp { ref stream, first, last } => {
                assert!(1 <= first && first <= last, "a gap from {first} to {last}");
                let is_here = |id: &&MessageId| id.stream() == *stream && (first..=last).contains(&id.sequence);
                let delivered = self.delivered.iter().find(is_here);
                assert_eq!(delivered, None, "what was delivered is given up");
                self.given_up.entry(stream.clone()).or_default().push((first, last));
            }
            Record::Receipt { message, .. } => {
                assert!(self.delivered.contains(message), "{message} has a receipt before it is kept");
            }
            Record::Marked { first, last } => assert!(first <= last, "marked from {first} to {last}"),
        }
    }
}
