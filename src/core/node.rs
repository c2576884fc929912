//! One gossip node as a deterministic state machine: equal inputs at equal times give equal outputs. It wires the
//! nouns of this room together; sockets, clocks and disks belong to whoever drives it.

use super::{
    config::Config,
    event::{Answer, Event, Frame, Input, LinkId, LogSeq, Output, Record, ReturnAddress, Sender},
    id::{Incarnation, NodeId},
    inbox::{Copy, Evicted, Inbox},
    message::{Hop, Message, Path, Trace, extend_path},
    origin::Origin,
    overlay::{meeting::Greeting, peers::Peers},
    request::{Reply, RequestId},
    seen::{Seen, Sighting},
    spread::shares,
    stats::{Counter, Refusal, Stats},
    time::{Mono, Now},
    waiting::{Departure, Unsynced, Waiting},
};
use std::{collections::VecDeque, time::Duration};

mod requests;

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
    peers: Peers,
    seen: Seen,
    inbox: Inbox,
    stats: Stats,
    origin: Origin,
    appended: LogSeq,
    unsynced: Unsynced,
    waiting: Waiting,
    departure: Option<Departure>,
    /// Whether the node has said that it ends.
    ended: bool,
    pressed: bool,
    outbox: VecDeque<Output>,
}

impl Node {
    /// A node at the beginning of the life `incarnation`, which must be stored for good and never have been
    /// used by this name. `version` is what it says of the program in its status.
    pub fn new(config: Config, incarnation: Incarnation, version: &'static str, now: Now) -> Self {
        let limits = &config.limits;
        Self {
            peers: Peers::new(&config, incarnation),
            seen: Seen::new((config.node.clone(), incarnation), limits.streams_max, limits.intervals_max),
            inbox: Inbox::new(limits.retained_messages_max, limits.retained_bytes_max),
            stats: Stats::new(limits.peers_max),
            origin: Origin::new(config.node.clone(), incarnation, limits.receipts_max),
            waiting: Waiting::new(limits.waiting_max, limits.ready_timeout),
            config,
            version,
            started: now.mono,
            appended: LogSeq::default(),
            unsynced: Unsynced::default(),
            departure: None,
            ended: false,
            pressed: false,
            outbox: VecDeque::new(),
        }
    }

    /// Applies one input; then drain [`poll_output`](Self::poll_output) to `None`.
    /// Never blocks and never fails: stale or hostile input becomes a counter in [`Stats`] and, where somebody
    /// waits for it, a refusal.
    pub fn handle(&mut self, now: Now, input: Input) {
        debug_assert!(self.outbox.is_empty(), "outputs of the last turn were not drained");
        match input {
            Input::Arrived { from, frame } => self.on_frame(now, from, frame),
            Input::Answered { link, answer } => self.on_answer(now, link, answer),
            Input::Requested { client, id, request } => self.on_request(now, client, id, request),
            Input::Undecodable { sender, refusal, text } => self.on_undecodable(sender, refusal, text),
            Input::Writable(link) => self.on_writable(now, link),
            Input::Unsent { link, why } => {
                self.peers.on_unsent(now.mono, link, why, &mut self.stats, &mut self.outbox);
            }
            Input::Disconnected(link) => self.peers.on_disconnected(now.mono, link, &mut self.outbox),
            Input::Unreplied => self.stats.count(Counter::RepliesDropped, None),
            Input::Pressure(pressed) => self.pressed = pressed,
            Input::Synced(upto) => self.unsynced.advance(upto),
            Input::Tick => self.on_tick(now),
        }
        self.note_changes();
        self.answer_waiting();
        self.answer_synced();
    }

    /// The next thing to do, in order.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outbox.pop_front()
    }

    /// When the node wants a [`Input::Tick`], if nothing else happens before.
    pub fn deadline(&self) -> Option<Mono> {
        let peers = self.peers.deadline().filter(|_| !self.is_leaving());
        let departure = self.departure.as_ref().map(Departure::deadline);
        [peers, self.waiting.deadline(), departure].into_iter().flatten().min()
    }

    /// Its name.
    pub fn name(&self) -> &NodeId {
        &self.config.node
    }

    fn on_frame(&mut self, now: Now, from: NodeId, frame: Frame) {
        if !matches!(frame, Frame::Hello(..)) && self.peers.is_introduced(&from) {
            self.peers.heard(now.mono, &from, &mut self.outbox);
        }
        match frame {
            Frame::Hello(..) if self.is_leaving() => {
                self.refuse_node(&from, Refusal::Leaving, "this node is leaving its network".into());
            }
            Frame::Hello(hello, wish) => {
                let greeting = Greeting { hello, wish, vacancy: true, seen: None };
                self.peers.on_hello(now.mono, &from, greeting, &mut self.stats, &mut self.outbox);
            }
            _ if !self.peers.is_introduced(&from) => {
                self.refuse_node(&from, Refusal::NotIntroduced, "say HELLO first".into());
            }
            Frame::Message(message) => self.on_message(now, &from, message),
            Frame::Leave => self.peers.on_leave(&from, &mut self.outbox),
            Frame::Part(parting) => self.peers.on_part(now.mono, &from, parting, &mut self.outbox),
            Frame::Ping { token, .. } => self.outbox.push_back(Output::Answer(from, Answer::Pong(token))),
            _ => todo!("the frames of trees, repair and overlay"),
        }
    }

    fn on_answer(&mut self, now: Now, link: LinkId, answer: Answer) {
        self.peers.heard_on(now.mono, link, &mut self.outbox);
        match answer {
            Answer::Welcome(welcome, seen) => {
                self.peers.on_welcome(now.mono, link, welcome, seen, &mut self.stats, &mut self.outbox);
            }
            Answer::Pong(token) => self.peers.on_pong(now.mono, link, token, &mut self.stats, &mut self.outbox),
            Answer::Farewell => self.on_farewell(now, link),
            Answer::Lost(_) => todo!(),
            Answer::Refuse { code, text } => {
                self.stats.count(Counter::RefusedByPeer, self.peers.name_of(link));
                if self.is_leaving() {
                    return self.on_farewell(now, link);
                }
                self.peers.on_refuse(now.mono, link, code, text, &mut self.outbox);
            }
        }
    }

    /// A connection that is made while the node leaves tells one more neighbour.
    fn on_writable(&mut self, now: Now, link: LinkId) {
        if self.is_leaving() {
            return self.outbox.push_back(Output::Send(vec![link], Frame::Leave));
        }
        self.peers.on_writable(now.mono, link, &mut self.outbox);
    }

    fn on_message(&mut self, now: Now, from: &NodeId, message: Message) {
        if let Err((refusal, text)) = message.check(from, self.config.limits.payload_len_max) {
            return self.refuse_node(from, refusal, text);
        }
        if self.origin.disowns(&message.id) {
            return self.refuse_node(from, Refusal::BadRequest, format!("{} was never published here", message.id));
        }
        let sighting = self.seen.insert(&message.id);
        self.stats.add(Counter::ClosedGaps, Some(from), self.seen.take_closed_gaps());
        match sighting {
            Sighting::First => self.deliver(now, Some(from), message),
            Sighting::Again => self.on_copy(now, from, message),
            Sighting::Full => {
                let text = format!("no room to remember {}", message.id);
                self.refuse_node(from, Refusal::OriginsFull, text);
            }
        }
    }

    /// Files and passes on a message that is new here: from a peer, or (`None`) submitted to this node.
    fn deliver(&mut self, now: Now, from: Option<&NodeId>, message: Message) {
        self.stats.count(Counter::Delivered, from);
        self.peers.count_absent(from, &mut self.stats);
        let record = Record::Received { message: message.clone(), at: now.wall };
        self.append(record);
        let arrival = message.trace.as_ref().map(|trace| self.arrival(now, &message, trace));
        let evicted = self.inbox.file(&message, arrival.clone(), now.wall);
        self.count_evicted(evicted);
        if arrival.is_some() {
            // By the relay rule a first copy goes where a flood takes it; how often it did is noted for the next.
            self.inbox.spread(&message.id, from, self.peers.neighbours());
            let evicted = self.inbox.trim();
            self.count_evicted(evicted);
        }
        let links = shares::flood(self.peers.neighbours(), from).collect();
        self.pass_on(links, message, arrival);
    }

    /// Notes one more copy of a message and, if it is traced, passes it on by the relay rule.
    fn on_copy(&mut self, now: Now, from: &NodeId, message: Message) {
        let Some(trace) = &message.trace else { return self.stats.count(Counter::Duplicates, Some(from)) };
        let path = self.arrival(now, &message, trace);
        match self.inbox.spread(&message.id, Some(from), self.peers.neighbours()) {
            Copy::Noted(links) => {
                self.stats.count(Counter::Duplicates, Some(from));
                let evicted = self.inbox.note_path(&message.id, path.clone());
                self.count_evicted(evicted);
                self.pass_on(links, message, Some(path));
            }
            Copy::Surplus => self.stats.count(Counter::Surplus, Some(from)),
            Copy::Unknown => self.stats.count(Counter::Late, Some(from)),
        }
    }

    /// Sends a message over `links`, with the path of its arrival here if it is traced.
    fn pass_on(&mut self, links: Vec<LinkId>, message: Message, path: Option<Path>) {
        if path.as_ref().is_some_and(|path| path.len() > self.config.limits.path_len_max) {
            return self.stats.count(Counter::PathLimit, None);
        }
        // The neighbours of a leaving node have been told to forget it.
        if links.is_empty() || self.is_leaving() {
            return;
        }
        for &link in &links {
            self.stats.count(Counter::Sent, self.peers.name_of(link));
        }
        let trace = message.trace.zip(path).map(|(trace, path)| Trace { path, ..trace });
        let message = Message { hops: message.hops.saturating_add(1), trace, ..message };
        self.outbox.push_back(Output::Send(links, Frame::Message(message)));
    }

    /// The path by which a copy came, this node included.
    fn arrival(&self, now: Now, message: &Message, trace: &Trace) -> Path {
        let micros = now.wall.micros_since(message.published_at);
        extend_path(&trace.path, Hop { node: self.config.node.clone(), micros })
    }

    /// Replies behind those that wait for the log, so that replies come in the order of their requests.
    fn reply(&mut self, client: ReturnAddress, id: RequestId, reply: Reply) {
        self.unsynced.push(self.appended, client, id, reply);
    }

    /// Says a last word and ends.
    fn end(&mut self, clients: impl IntoIterator<Item = (ReturnAddress, RequestId)>) {
        self.ended = true;
        let done = |(client, id)| Output::Reply(client, id, Reply::Done);
        self.outbox.extend(clients.into_iter().map(done));
        self.outbox.push_back(Output::Exit { linger: EXIT_LINGER });
    }

    fn is_leaving(&self) -> bool {
        self.departure.is_some() || self.ended
    }

    /// Tells the parts of the node which neighbours have come and gone.
    fn note_changes(&mut self) {
        for slots in [self.peers.take_freed(), self.peers.take_fallen(), self.peers.take_risen()] {
            drop(slots);
        }
        drop(self.peers.take_judgements());
        drop(self.peers.take_failures());
    }

    /// Tells those who wait for the links that they are up.
    fn answer_waiting(&mut self) {
        if !self.waiting.is_empty() && self.peers.waiting_for().next().is_none() {
            self.outbox.extend(self.waiting.take().map(|(client, id)| Output::Reply(client, id, Reply::Done)));
        }
    }

    fn on_farewell(&mut self, now: Now, link: LinkId) {
        if let Some(departure) = &mut self.departure {
            departure.on_farewell(link);
        }
        self.finish_departure(now);
    }

    fn finish_departure(&mut self, now: Now) {
        if let Some(departure) = self.departure.take_if(|departure| departure.is_over(now.mono)) {
            self.end(departure.into_clients());
        }
    }

    fn on_undecodable(&mut self, sender: Sender, refusal: Refusal, text: String) {
        match sender {
            Sender::Router { node: Some(node), is_frame, .. } if is_frame || self.peers.is_introduced(&node) => {
                self.refuse_node(&node, refusal, text);
            }
            Sender::Router { client, id, .. } => self.refuse_client(client, id, refusal, text),
            Sender::Link(link) => self.stats.refuse(refusal, self.peers.name_of(link)),
            Sender::Unknown => self.stats.refuse(refusal, None),
        }
    }

    fn answer_synced(&mut self) {
        while let Some((client, id, reply)) = self.unsynced.take() {
            self.outbox.push_back(Output::Reply(client, id, reply));
        }
    }

    fn on_tick(&mut self, now: Now) {
        self.finish_departure(now);
        if !self.is_leaving() {
            self.peers.on_tick(now.mono, None, &mut self.stats, &mut self.outbox);
        }
        while let Some((client, id)) = self.waiting.take_expired(now.mono) {
            let missing: Vec<_> = self.peers.waiting_for().map(ToString::to_string).collect();
            self.refuse_client(client, id, Refusal::NotReady, format!("no answer from {}", missing.join(", ")));
        }
    }

    fn append(&mut self, record: Record) {
        self.appended.0 += 1;
        self.outbox.push_back(Output::Append(self.appended, record));
    }

    fn count_evicted(&mut self, evicted: Evicted) {
        if evicted.messages == 0 {
            return;
        }
        if self.stats.total().get(Counter::Evicted) == 0
            && let Some(oldest) = self.inbox.oldest()
        {
            self.outbox.push_back(Output::Notify(Event::InboxFull { oldest: oldest.clone() }));
        }
        self.stats.add(Counter::Evicted, None, evicted.messages);
        self.stats.add(Counter::EvictedUnread, None, evicted.unread);
    }

    fn refuse_node(&mut self, node: &NodeId, refusal: Refusal, text: String) {
        self.peers.refuse(node, refusal, text, &mut self.stats, &mut self.outbox);
    }

    fn refuse_client(&mut self, client: ReturnAddress, id: RequestId, refusal: Refusal, text: String) {
        self.stats.refuse(refusal, None);
        self.reply(client, id, Reply::Refused { refusal, text });
    }
}

mod gauge;
pub use gauge::Gauge;

#[cfg(test)]
#[path = "node/tests.rs"]
mod tests;
