//! The four machines of a node, and the wires between them: each says what it asks for, and it goes to the next one, or out.

use crate::core::{
    config::Config,
    dissemination::{self, Dissemination},
    event::record::{LogSeq, Record},
    event::{Event, LinkId, Output, Principal, Sender},
    frame::Frame,
    id::{Incarnation, NodeId},
    mailbox::Mailbox,
    membership::{self, Membership},
    request::RequestId,
    rng::Rng,
    service::{self, Caller, Service},
    stats::{Counter, Refusal, Stats},
    time::{Mono, Now},
};
use departure::Departure;
use std::{collections::VecDeque, sync::Arc, time::Duration};

mod departure;
mod disseminating;
mod lives;
mod neighbours;
mod serving;

/// Time that an exiting node gives its last frames to leave.
const EXIT_LINGER: Duration = Duration::from_millis(500);
/// Longest time that farewells are given beside their own because links are slow.
const DELAY_MAX: Duration = Duration::from_secs(2);

/// The machines, what they share, and what they have asked for.
#[derive(Debug)]
pub(super) struct Machines {
    pub(super) config: Config,
    started: Mono,
    pub(super) membership: Membership,
    pub(super) dissemination: Dissemination,
    pub(super) mailbox: Mailbox,
    pub(super) stats: Stats,
    appended: LogSeq,
    pub(super) service: Service,
    departure: Option<Departure>,
    /// Set once the node has said that it ends.
    ended: bool,
    rng: Rng,
    outbox: VecDeque<Output>,
}

impl Machines {
    /// The machines at the beginning of a life. All that they leave to chance follows from `seed`.
    pub(super) fn new(config: Config, incarnation: Incarnation, seed: u64, now: Now) -> Self {
        let limits = &config.limits;
        Self {
            membership: Membership::new(&config, incarnation, seed, now),
            dissemination: Dissemination::new(&config, incarnation),
            mailbox: Mailbox::new(limits.retained_messages_max, limits.retained_bytes_max),
            stats: Stats::new(limits.peers_max),
            appended: LogSeq::NONE,
            service: Service::new(limits, incarnation, config.level),
            departure: None,
            ended: false,
            rng: Rng::new(seed ^ 0x6c69_7665_7300_0000),
            outbox: VecDeque::new(),
            started: now.mono,
            config,
        }
    }

    /// Begins an input: nothing that they asked for may be left.
    pub(super) fn begin(&self) {
        debug_assert!(self.outbox.is_empty(), "outputs of the last input were not drained");
    }

    /// Asks for something to be done outside.
    pub(super) fn ask(&mut self, output: Output) {
        self.outbox.push_back(output);
    }

    /// The next thing to be done outside, in order.
    pub(super) fn poll_output(&mut self) -> Option<Output> {
        self.outbox.pop_front()
    }

    /// Time since the life began.
    pub(super) fn uptime(&self, now: Mono) -> Duration {
        now.since(self.started)
    }

    /// Ends an input: what it has brought is told to each machine, and what they ask for is done.
    pub(super) fn settle(&mut self, now: Now) {
        self.settle_membership(now);
        self.settle_service(now);
    }

    /// Ends a turn: what was submitted in it becomes a batch, and is answered when that is safe; what goes in pieces goes.
    pub(super) fn flush(&mut self, now: Now) {
        self.disseminate(now, dissemination::Input::Flush);
        while let Some((Caller { address, id }, message, count)) = self.service.take_submitted() {
            // One that is repeated in its turn is recorded once.
            let is_open = self.service.receipt(&id).is_some_and(|receipt| receipt.record == LogSeq::OPEN);
            if let RequestId::Unique(unique) = &id
                && is_open
            {
                let (client, request) = (address.connection().into(), Arc::clone(unique));
                self.append(Record::Receipt { client, request, message: message.clone(), count });
            }
            let (caller, record) = (Caller { address, id }, self.appended);
            self.service.handle(now, service::Input::Published { caller, message, count, record });
        }
        self.settle(now);
    }

    /// The time at which one of them wants to be told of the time.
    pub(super) fn deadline(&self) -> Option<Mono> {
        let (dissemination, service) = (self.dissemination.deadline(), self.service.deadline());
        if self.is_leaving() {
            return Mono::earliest([dissemination, service, self.departure.as_ref().map(Departure::deadline)]);
        }
        Mono::earliest([dissemination, service, self.membership.deadline()])
    }

    /// Takes in what a log holds. What of it is safe, the log says as ever: not all that can be read has to be.
    pub(super) fn recover(&mut self, now: Now, records: impl IntoIterator<Item = (LogSeq, Record)>) {
        for (place, record) in records {
            self.appended = place;
            self.dissemination.recover(&record);
            match record {
                Record::Received { batch, first, last, position, at } => {
                    self.mailbox.skip_to(position);
                    self.mailbox.file(&batch, (first, last), at);
                    self.mailbox.trim();
                }
                Record::Path { id, path } => {
                    self.mailbox.note_path(&id, path);
                    self.mailbox.trim();
                }
                Record::GivenUp { .. } | Record::Had { .. } | Record::Forgotten { .. } => {}
                Record::Positions { next } => self.mailbox.skip_to(next),
                Record::Receipt { client, request, message, count } => {
                    let recovered = service::Input::Recovered { client, request, message, count, record: place };
                    self.service.handle(now, recovered);
                }
                Record::Marked { first, last } => drop(self.mailbox.mark(first, last)),
            }
        }
        self.dissemination.resume(now.mono);
    }

    /// The deadline of one of them may have passed.
    pub(super) fn on_tick(&mut self, now: Now) {
        self.finish_departure(now);
        if !self.is_leaving() {
            self.excuse_silence(now);
        }
        let hashes = self.dissemination.quiet_hashes(now.mono);
        self.on_membership(now, membership::Input::Tick(hashes));
        self.disseminate(now, dissemination::Input::Tick);
        self.service.handle(now, service::Input::Tick);
        self.follow_service(now);
    }

    /// Refuses what could not be read, to whoever sent it.
    pub(super) fn on_undecodable(&mut self, now: Now, sender: Sender, refusal: Refusal, text: String) {
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

    /// Says a last word and ends.
    pub(super) fn end(&mut self, now: Now) {
        self.ended = true;
        self.disseminate(now, dissemination::Input::Leaving);
        self.on_membership(now, membership::Input::Leaving);
        self.end_service(now);
        self.ask(Output::Exit { linger: EXIT_LINGER });
    }

    pub(super) fn is_leaving(&self) -> bool {
        self.departure.is_some() || self.ended
    }

    /// The node leaves: its neighbours are told, and it ends when they know, or after a while.
    pub(super) fn depart(&mut self, now: Now) {
        let links: Vec<_> = self.membership.neighbours().iter().map(|(_, link)| link).collect();
        // What is under way goes first, and its links may be slow.
        let delay = (self.dissemination.delay() * 2).min(DELAY_MAX);
        let deadline = now.mono + self.config.limits.leave_timeout + delay;
        self.on_membership(now, membership::Input::Leaving);
        self.departure = Some(Departure::new(links.iter().copied().collect(), deadline));
        self.disseminate(now, dissemination::Input::Leaving);
        self.notify(now, Event::Leaving);
        if !links.is_empty() {
            self.ask(Output::Send(links, Frame::Leave));
        }
        self.finish_departure(now);
    }

    pub(super) fn on_farewell(&mut self, now: Now, link: LinkId) {
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

    /// Has a record kept, and gives its place in the log.
    pub(super) fn append(&mut self, record: Record) -> LogSeq {
        self.appended.0 += 1;
        self.ask(Output::Append(self.appended, record));
        self.appended
    }

    /// Drops what the mailbox has no room for, and counts it.
    pub(super) fn trim_mailbox(&mut self, now: Now) {
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

    pub(super) fn refuse_node(&mut self, now: Now, node: &NodeId, refusal: Refusal, text: String) {
        self.membership.refuse(node, refusal, text);
        self.follow_membership(now);
    }
}
