//! Promises of a node: what it has delivered is delivered once, and not given up after that.

use gossip::core::{
    event::record::{LogSeq, Record},
    id::MessageId,
    request::Reply,
};
use std::collections::BTreeSet;

/// Promises of a node so far.
#[derive(Default)]
pub(crate) struct Ledger {
    /// Messages that were delivered.
    pub(crate) delivered: BTreeSet<MessageId>,
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
                for id in (first..=last).map(|sequence| stream.message(sequence)) {
                    assert!(self.delivered.insert(id.clone()), "{id} is delivered twice");
                }
            }
            &Record::GivenUp { ref stream, first, last } => {
                assert!(1 <= first && first <= last, "a gap from {first} to {last}");
                let is_here = |id: &&MessageId| id.stream() == *stream && (first..=last).contains(&id.sequence);
                let delivered = self.delivered.iter().find(is_here);
                assert_eq!(delivered, None, "what was delivered is given up");
            }
            Record::Receipt { message, .. } => {
                assert!(self.delivered.contains(message), "{message} has a receipt before it is kept");
            }
            Record::Path { id, .. } => assert!(self.delivered.contains(id), "a path of {id} before it is kept"),
            Record::Marked { first, last } => assert!(first <= last, "marked from {first} to {last}"),
            Record::Had { .. } | Record::Forgotten { .. } | Record::Positions { .. } => {
                panic!("a part of a checkpoint: {record:?}")
            }
        }
    }
}
