//! Replies that promise something: each waits for the record that it depends on, and for nothing else.

use super::caller::Caller;
use crate::core::{event::record::LogSeq, request::Reply};
use std::collections::VecDeque;

/// The replies that wait for the log: those of one turn, as a rule, and more if the log is behind. Bound: receipts, as many as
/// [`Limits::receipts_waiting_max`](crate::core::config::Limits::receipts_waiting_max).
#[derive(Debug)]
pub(super) struct Promised {
    /// In the order of their records, and of their requests where these depend on the same one.
    replies: VecDeque<(LogSeq, Caller, Reply)>,
    receipts_max: usize,
    safe: LogSeq,
}

impl Promised {
    /// None yet; `receipts_max` may wait before whoever asks for more is refused.
    pub(super) fn new(receipts_max: usize) -> Self {
        Self { replies: VecDeque::new(), receipts_max, safe: LogSeq::NONE }
    }

    /// Lets a reply wait for `record`, which may be safe already.
    pub(super) fn push(&mut self, record: LogSeq, caller: Caller, reply: Reply) {
        let index = self.replies.partition_point(|(other, ..)| *other <= record);
        self.replies.insert(index, (record, caller, reply));
    }

    /// Says whether so many wait that nobody else should.
    pub(super) fn is_full(&self) -> bool {
        self.replies.len() >= self.receipts_max
    }

    /// All records up to this one are safe.
    pub(super) fn advance(&mut self, safe: LogSeq) {
        self.safe = self.safe.max(safe);
    }

    /// Takes the next reply that waits for nothing any more.
    pub(super) fn take(&mut self) -> Option<(Caller, Reply)> {
        let (_, caller, reply) = self.replies.pop_front_if(|(record, ..)| *record <= self.safe)?;
        Some((caller, reply))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{event::ReturnAddress, request::RequestId};

    fn taken(promised: &mut Promised) -> Vec<RequestId> {
        std::iter::from_fn(|| promised.take()).map(|(caller, _)| caller.id).collect()
    }

    #[test]
    fn each_reply_waits_for_its_own_record_alone() {
        let mut promised = Promised::new(9);
        for (number, record) in [3, 1, 0, 3, 2].into_iter().enumerate() {
            let caller = Caller { address: ReturnAddress([1].into()), id: RequestId::Number(number as u64) };
            promised.push(LogSeq(record), caller, Reply::Done);
        }
        assert_eq!(taken(&mut promised), [RequestId::Number(2)], "it depends on nothing");
        promised.advance(LogSeq(2));
        promised.advance(LogSeq(1));
        assert_eq!(taken(&mut promised), [1, 4].map(RequestId::Number));
        promised.advance(LogSeq(9));
        assert_eq!(taken(&mut promised), [0, 3].map(RequestId::Number), "in the order of their requests");
    }
}
