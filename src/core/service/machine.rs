//! The machine of whoever asks: it keeps receipts, holds replies back until they are true, and tells watchers.

use super::{
    caller::Caller,
    journal::Journal,
    promised::Promised,
    receipts::{Receipt, Receipts},
    told::Arrival,
    waiting::Waiting,
    watchers::{Watcher, Watchers},
};
use crate::core::{
    batch::Batch,
    config::Limits,
    event::Event,
    event::record::{Level, LogSeq, Record},
    id::{Incarnation, MessageId, NodeId},
    request::{Reply, RequestId, WATCH_WAIT_MAX},
    stats::Refusal,
    time::{Mono, Now},
};
use std::{collections::VecDeque, sync::Arc, time::Duration};

/// Most clients that are told the end of a departure.
const LEAVERS_MAX: usize = 8;

/// Something that the service is told.
#[derive(Debug)]
pub enum Input<'a> {
    /// A client is answered.
    Answered {
        /// The client.
        caller: Caller,
        /// The answer.
        reply: Reply,
        /// The record that it depends on; [`LogSeq::NONE`], if on none.
        record: LogSeq,
    },
    /// A client's submission became messages; [`Service::take_submitted`] at the end of the turn.
    Submitted {
        /// The client.
        caller: Caller,
        /// The first message.
        message: MessageId,
        /// Number of messages.
        count: u32,
    },
    /// The messages of a submission were recorded.
    Published {
        /// The client.
        caller: Caller,
        /// The first message.
        message: MessageId,
        /// Number of messages.
        count: u32,
        /// The record that its receipt depends on.
        record: LogSeq,
    },
    /// A submission became messages in an earlier life.
    Recovered {
        /// The connection that it came by.
        client: Box<[u8]>,
        /// The unique request id.
        request: Arc<[u8]>,
        /// The first message.
        message: MessageId,
        /// Number of messages.
        count: u32,
        /// The place of its record.
        record: LogSeq,
    },
    /// A client waits for all links to be up.
    Ready(Caller),
    /// A client waits for something to happen.
    Watch {
        /// The client.
        caller: Caller,
        /// The first position of the journal that it wants to know; `None`: the next one.
        from: Option<u64>,
        /// The longest wait.
        wait: Duration,
    },
    /// A client waits for the node to have left. From now on nobody else waits for anything.
    Leave(Caller),
    /// Something happened.
    Happened(&'a Event),
    /// Messages came for the first time.
    Arrived {
        /// The batch that they came in.
        batch: &'a Batch,
        /// The number of the first of them.
        first: u64,
        /// Number of messages.
        count: u64,
        /// The neighbour that sent them; `None`: they were submitted here.
        from: Option<&'a NodeId>,
        /// The time since they were submitted.
        latency: Duration,
    },
    /// All links are up.
    LinksUp,
    /// All records up to this one are safe.
    Synced(LogSeq),
    /// [`Service::deadline`] may have passed.
    Tick,
    /// All that belongs to this turn was told.
    Settled,
    /// The node ends: whoever waits is answered.
    Ended,
}

/// Something that the service asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// Answer a client.
    Reply(Caller, Reply),
    /// Refuse what a client asks.
    Refuse(Caller, Refusal, &'static str),
    /// Refuse a client that has waited for the links for long enough.
    Unready(Caller),
}

/// The stages of a node's life, as clients see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Serving,
    Leaving,
    Ended,
}

/// See the module.
#[derive(Debug)]
pub struct Service {
    /// The safety of what a receipt stands for.
    level: Level,
    receipts: Receipts,
    /// Submissions of this turn: as many as requests.
    submitted: VecDeque<(Caller, MessageId, u32)>,
    promised: Promised,
    waiting: Waiting,
    leavers: Vec<Caller>,
    journal: Journal,
    watchers: Watchers,
    stage: Stage,
    outbox: VecDeque<Output>,
}

impl Service {
    /// The service of a node that begins the life `incarnation`, with the safety that its log gives.
    pub fn new(limits: &Limits, incarnation: Incarnation, level: Level) -> Self {
        Self {
            level,
            receipts: Receipts::new(limits.receipts_max),
            submitted: VecDeque::new(),
            promised: Promised::new(limits.receipts_waiting_max),
            waiting: Waiting::new(limits.waiting_max, limits.waiting_per_client_max, limits.ready_timeout),
            leavers: Vec::new(),
            journal: Journal::new(incarnation, limits.journal_max),
            watchers: Watchers::new(limits.waiting_max, limits.waiting_per_client_max),
            stage: Stage::Serving,
            outbox: VecDeque::new(),
        }
    }

    /// Applies one input; then drain [`poll_output`](Self::poll_output).
    pub fn handle(&mut self, now: Now, input: Input<'_>) {
        match input {
            Input::Answered { caller, reply, record } => self.promise(record, caller, reply),
            Input::Submitted { caller, message, count } => {
                self.remember(&caller, Receipt { message: message.clone(), count, record: LogSeq::OPEN });
                self.submitted.push_back((caller, message, count));
            }
            Input::Published { caller, message, count, record } => {
                self.remember(&caller, Receipt { message: message.clone(), count, record });
                self.promise(record, caller, Reply::Receipt { id: message, count, level: self.level });
            }
            Input::Recovered { client, request, message, count, record } => {
                self.receipts.keep(&client, &request, Receipt { message, count, record });
            }
            Input::Ready(caller) => self.wait_for_links(now.mono, caller),
            Input::Watch { caller, from, wait } => self.watch(now.mono, caller, from, wait),
            Input::Leave(caller) => self.wait_for_the_end(caller),
            Input::Happened(event) => self.journal.note(now.wall, event),
            Input::Arrived { batch, first, count, from, latency } => {
                let id = || MessageId { sequence: first, ..batch.id.clone() };
                let arrival = || Arrival { id: id(), count, from: from.cloned(), hops: batch.hops, latency };
                self.journal.arrive(now, arrival);
            }
            Input::LinksUp => self.outbox.extend(self.waiting.take().map(|caller| Output::Reply(caller, Reply::Done))),
            Input::Synced(safe) => {
                self.promised.advance(safe);
                self.keep_promises();
            }
            Input::Tick => {
                while let Some(caller) = self.waiting.take_expired(now.mono) {
                    self.outbox.push_back(Output::Unready(caller));
                }
            }
            Input::Settled => self.tell_watchers(now.mono),
            Input::Ended => {
                self.stage = Stage::Ended;
                self.tell_watchers(now.mono);
                self.outbox.extend(self.leavers.drain(..).map(|caller| Output::Reply(caller, Reply::Done)));
                self.outbox.extend(self.waiting.take().map(refuse_to_wait));
            }
        }
    }

    /// The next thing to do, in order.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outbox.pop_front()
    }

    /// The time at which it wants to be told of the time.
    pub fn deadline(&self) -> Option<Mono> {
        Mono::earliest([self.waiting.deadline(), self.watchers.deadline()])
    }

    /// The receipt that a request was answered with before. Only unique request ids are remembered.
    pub fn receipt(&self, request: &RequestId) -> Option<&Receipt> {
        self.receipts.find(request)
    }

    /// The receipts of unique request ids, as records.
    pub fn recorded(&self) -> impl Iterator<Item = Record> {
        let recorded = self.receipts.iter().filter(|(.., receipt)| receipt.record != LogSeq::OPEN);
        recorded.map(|(client, request, receipt)| Record::Receipt {
            client: client.into(),
            request: Arc::clone(request),
            message: receipt.message.clone(),
            count: receipt.count,
        })
    }

    /// Takes the next submission of this turn, once its messages were recorded; then [`Input::Published`].
    pub fn take_submitted(&mut self) -> Option<(Caller, MessageId, u32)> {
        self.submitted.pop_front()
    }

    /// Says whether somebody waits for the links to be up.
    pub fn awaits_links(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Says whether the log is so far behind that nobody else should wait for it.
    pub fn is_behind(&self) -> bool {
        self.promised.is_full()
    }

    /// Happenings kept for those who watch.
    pub fn journal_len(&self) -> usize {
        self.journal.len()
    }

    /// Clients that wait for something to happen.
    pub fn watchers_len(&self) -> usize {
        self.watchers.len()
    }

    fn promise(&mut self, record: LogSeq, caller: Caller, reply: Reply) {
        self.promised.push(record, caller, reply);
        self.keep_promises();
    }

    fn keep_promises(&mut self) {
        while let Some((caller, reply)) = self.promised.take() {
            self.outbox.push_back(Output::Reply(caller, reply));
        }
    }

    fn remember(&mut self, caller: &Caller, receipt: Receipt) {
        if let RequestId::Unique(unique) = &caller.id {
            self.receipts.keep(caller.connection(), unique, receipt);
        }
    }

    fn wait_for_links(&mut self, now: Mono, caller: Caller) {
        if self.stage == Stage::Ended {
            return self.outbox.push_back(refuse_to_wait(caller));
        }
        if let Err(caller) = self.waiting.push(now, caller) {
            let text = "too many clients are waiting for the links already";
            self.outbox.push_back(Output::Refuse(caller, Refusal::Busy, text));
        }
    }

    fn wait_for_the_end(&mut self, caller: Caller) {
        if self.stage == Stage::Ended {
            return self.outbox.push_back(Output::Reply(caller, Reply::Done));
        }
        self.stage = Stage::Leaving;
        // As a rule the same client asks again: the latest of its requests is the one that it waits for.
        self.leavers.truncate(LEAVERS_MAX - 1);
        self.leavers.push(caller);
    }

    /// Tells what happened from a position on: at once if there is something, or when there is, or after the wait.
    fn watch(&mut self, now: Mono, caller: Caller, from: Option<u64>, wait: Duration) {
        self.journal.watched(now);
        let from = from.unwrap_or_else(|| self.journal.next());
        if from != self.journal.next() || wait.is_zero() || self.stage != Stage::Serving {
            return self.tell(caller, from);
        }
        let due = now + wait.min(WATCH_WAIT_MAX);
        match self.watchers.push(Watcher { from, due, caller }) {
            Ok(gives_way) => gives_way.into_iter().for_each(|Watcher { caller, from, .. }| self.tell(caller, from)),
            Err(Watcher { caller, .. }) => {
                let text = "too many clients are watching already";
                self.outbox.push_back(Output::Refuse(caller, Refusal::Busy, text));
            }
        }
    }

    /// Answers those for whom something has happened, or whose time is over; all of them if the node is leaving.
    fn tell_watchers(&mut self, now: Mono) {
        if self.watchers.is_empty() {
            return;
        }
        if self.stage != Stage::Serving {
            for Watcher { caller, from, .. } in self.watchers.take_all() {
                self.tell(caller, from);
            }
        }
        while let Some(watcher) = self.watchers.take_ready(self.journal.next()) {
            self.tell(watcher.caller, watcher.from);
        }
        while let Some(watcher) = self.watchers.take_due(now) {
            self.tell(watcher.caller, watcher.from);
        }
    }

    fn tell(&mut self, caller: Caller, from: u64) {
        let reply = Reply::Events { told: self.journal.tell(from), incarnation: self.journal.life() };
        self.outbox.push_back(Output::Reply(caller, reply));
    }
}

/// Refuses a client that waits for links which a node that has ended will not have.
fn refuse_to_wait(caller: Caller) -> Output {
    Output::Refuse(caller, Refusal::Leaving, "the node ends, and its links with it")
}
