//! One gossip node as a deterministic state machine: equal inputs at equal times give equal outputs. It wires the
//! nouns of this room together; sockets, clocks and disks belong to whoever drives it.

use super::{
    config::Config,
    dissemination::{self, machine::Dissemination},
    event::{Event, Input, LinkId, LogSeq, Output, Principal, Record, Sender},
    id::{Incarnation, Instance, NetworkName, NodeId},
    mailbox::Mailbox,
    membership::machine::{self, Membership},
    rng::Rng,
    service::{self, Caller, Service},
    stats::{Counter, Refusal, Stats},
    time::{Mono, Now},
};
use departure::Departure;
use std::{collections::VecDeque, time::Duration};

mod departure;
mod disseminating;
mod disturbed;
mod lives;
mod neighbours;
mod requests;
mod serving;

/// How long an exiting node lets its last frames leave.
const EXIT_LINGER: Duration = Duration::from_millis(500);

/// A gossip node.
///
/// Call [`handle`](Self::handle) for each input and drain [`poll_output`](Self::poll_output) after it; call
/// `handle` with [`Input::Tick`] when [`deadline`](Self::deadline) has passed.
#[derive(Debug)]
pub struct Node {
    config: Config,
    version: &'static str,
    started: Mono,
    membership: Membership,
    dissemination: Dissemination,
    mailbox: Mailbox,
    stats: Stats,
    appended: LogSeq,
    /// The record of the last mark.
    marked: LogSeq,
    service: Service,
    disturbed: disturbed::Disturbed,
    departure: Option<Departure>,
    /// Whether the node has said that it ends.
    ended: bool,
    pressed: bool,
    instance_unstored: Option<String>,
    rng: Rng,
    outbox: VecDeque<Output>,
}

impl Node {
    /// A node at the beginning of the life `incarnation`, which must be stored for good and never have been
    /// used by this name. All that it leaves to chance follows from `seed`. `version` is what it says of the program in its
    /// status.
    pub fn new(config: Config, incarnation: Incarnation, seed: u64, version: &'static str, now: Now) -> Self {
        let limits = &config.limits;
        Self {
            membership: Membership::new(&config, incarnation, seed, now),
            dissemination: Dissemination::new(&config, incarnation),
            mailbox: Mailbox::new(limits.retained_messages_max, limits.retained_bytes_max),
            stats: Stats::new(limits.peers_max),
            service: Service::new(limits, incarnation),
            config,
            version,
            started: now.mono,
            appended: LogSeq::NONE,
            marked: LogSeq::NONE,
            disturbed: disturbed::Disturbed::default(),
            departure: None,
            ended: false,
            pressed: false,
            instance_unstored: None,
            rng: Rng::new(seed ^ 0x6c69_7665_7300_0000),
            outbox: VecDeque::new(),
        }
    }

    /// Whether no link is up.
    pub fn is_alone(&self) -> bool {
        self.membership.neighbours().up_slots().is_empty()
    }

    /// Applies one input; then drain [`poll_output`](Self::poll_output) to `None`.
    /// Never blocks and never fails: stale or hostile input becomes a counter in [`Stats`] and, where somebody
    /// waits for it, a refusal.
    pub fn handle(&mut self, now: Now, input: Input) {
        debug_assert!(self.outbox.is_empty(), "outputs of the last turn were not drained");
        match input {
            Input::Arrived { from: Principal::Node(from), frame } => self.on_frame(now, from, frame),
            Input::Arrived { .. } => self.stats.refuse(Refusal::BadIdentity, None),
            Input::Answered { link, answer } => self.on_answer(now, link, answer),
            Input::Requested { client: address, id, request, .. } => {
                self.on_request(now, Caller { address, id }, request);
            }
            Input::Undecodable { sender, refusal, text } => self.on_undecodable(now, sender, refusal, text),
            Input::Writable(link) => self.on_membership(now, machine::Input::Writable(link)),
            Input::Unsent { link, why } => self.on_membership(now, machine::Input::Unsent { link, why }),
            Input::Disconnected(link) => self.on_membership(now, machine::Input::Disconnected(link)),
            Input::Unreplied => self.stats.count(Counter::RepliesDropped, None),
            Input::Pressure(pressed) => self.pressed = pressed,
            Input::Synced(upto) => self.service.handle(now, service::Input::Synced(upto)),
            Input::Adopted { unstored } => self.instance_unstored = unstored,
            Input::Tick => self.on_tick(now),
        }
        self.settle_membership(now);
        self.disseminate(now, dissemination::event::Input::Flush);
        self.settle_service(now);
    }

    /// The next thing to do, in order.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outbox.pop_front()
    }

    /// When the node wants a [`Input::Tick`], if nothing else happens before.
    pub fn deadline(&self) -> Option<Mono> {
        let (dissemination, service) = (self.dissemination.deadline(), self.service.deadline());
        if self.is_leaving() {
            return Mono::earliest([dissemination, service, self.departure.as_ref().map(Departure::deadline)]);
        }
        Mono::earliest([dissemination, service, self.membership.deadline()])
    }

    /// The node that its log tells of, at the beginning of another life. An empty log tells of a new node.
    pub fn recover(
        config: Config,
        incarnation: Incarnation,
        seed: u64,
        version: &'static str,
        now: Now,
        records: impl IntoIterator<Item = (LogSeq, Record)>,
    ) -> Self {
        let mut node = Self::new(config, incarnation, seed, version, now);
        for (place, record) in records {
            node.appended = place;
            node.dissemination.recover(&record);
            match record {
                Record::Received { message, at } => {
                    node.mailbox.file(&message, at);
                    node.mailbox.trim();
                }
                Record::GivenUp { .. } => {}
                Record::Receipt { client, request, message } => {
                    node.service.handle(now, service::Input::Recovered { client, request, message });
                }
                Record::Marked { first, last } => drop(node.mailbox.mark(first, last)),
            }
        }
        node.service.handle(now, service::Input::Synced(node.appended));
        node.dissemination.resume(now.mono);
        node
    }

    /// To whom a link leads, as far as that is known.
    pub fn peer_of(&self, link: LinkId) -> Option<&NodeId> {
        self.membership.neighbours().name_of(link)
    }

    /// Its network.
    pub fn network(&self) -> &NetworkName {
        &self.config.network
    }

    /// Which start of it; empty as long as it belongs to none.
    pub fn instance(&self) -> &Instance {
        &self.membership.me().instance
    }

    /// Its name.
    pub fn name(&self) -> &NodeId {
        &self.config.node
    }

    /// Says a last word and ends.
    fn end(&mut self, now: Now) {
        self.ended = true;
        self.disseminate(now, dissemination::event::Input::Leaving);
        self.on_membership(now, machine::Input::Leaving);
        self.end_service(now);
        self.outbox.push_back(Output::Exit { linger: EXIT_LINGER });
    }

    fn is_leaving(&self) -> bool {
        self.departure.is_some() || self.ended
    }

    fn on_farewell(&mut self, now: Now, link: LinkId) {
        if let Some(departure) = &mut self.departure {
            departure.on_farewell(link);
        }
        self.finish_departure(now);
    }

    fn finish_departure(&mut self, now: Now) {
        if self.departure.take_if(|departure| departure.is_over(now.mono)).is_some() {
            self.end(now);
        }
    }

    fn on_undecodable(&mut self, now: Now, sender: Sender, refusal: Refusal, text: String) {
        match sender {
            Sender::Router { principal: Principal::Node(node), is_frame, .. }
                if is_frame || self.membership.is_introduced(&node) =>
            {
                self.refuse_node(now, &node, refusal, text);
            }
            Sender::Router { client: address, id, .. } => {
                self.refuse_client(now, Caller { address, id }, refusal, text);
            }
            Sender::Link(link) => self.stats.refuse(refusal, self.membership.neighbours().name_of(link)),
            Sender::Unknown => self.stats.refuse(refusal, None),
        }
    }

    fn on_tick(&mut self, now: Now) {
        self.finish_departure(now);
        if !self.is_leaving() {
            self.excuse_silence(now);
        }
        let hashes = self.dissemination.quiet_hashes(now.mono);
        self.on_membership(now, machine::Input::Tick(hashes));
        self.disseminate(now, dissemination::event::Input::Tick);
        self.service.handle(now, service::Input::Tick);
        self.follow_service(now);
    }

    /// Has a record kept, and gives its place in the log.
    fn append(&mut self, record: Record) -> LogSeq {
        self.appended.0 += 1;
        self.outbox.push_back(Output::Append(self.appended, record));
        self.appended
    }

    /// Drops what the mailbox has no room for, and counts it.
    fn trim_mailbox(&mut self, now: Now) {
        let evicted = self.mailbox.trim();
        if evicted.messages == 0 {
            return;
        }
        if self.stats.total().get(Counter::Evicted) == 0
            && let Some(oldest) = self.mailbox.oldest()
        {
            self.notify(now, Event::InboxFull { oldest });
        }
        self.stats.add(Counter::Evicted, None, evicted.messages);
        self.stats.add(Counter::EvictedUnread, None, evicted.unread);
    }

    fn refuse_node(&mut self, now: Now, node: &NodeId, refusal: Refusal, text: String) {
        self.membership.refuse(node, refusal, text);
        self.follow_membership(now);
    }
}

mod gauge;
mod snapshot;
pub use gauge::Gauge;
pub use snapshot::Snapshot;

#[cfg(test)]
#[path = "node/tests.rs"]
mod tests;
