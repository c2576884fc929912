//! Nodes in one process: each turn of a node is what a turn of a daemon is. An input goes in, all that it asks for is
//! done in order, the log is synced once. What they do is [observed](Observation), and judged by others.

mod lives;
pub(super) mod namesakes;
mod sent;
mod work;

use super::{
    host::{Event, Host, NEVER, index_of},
    observation::{Observation, Relay},
    scenario::{Fault, Scenario},
    timeline::Timeline,
    traffic::{Kind, Traffic},
    wires::Wires,
};
use crate::{
    core::{
        batch::Body,
        config::Limits,
        event::record::{LogSeq, Record},
        event::{self, Input, Output, Principal, ReturnAddress},
        frame::Frame,
        id::{MessageId, NodeId},
        message::{Payload, Relays},
        node::Node,
        request::{Reply, Request, RequestId},
        time::{Mono, Now, Wall},
    },
    store::Log,
    topology::Graph,
};
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use std::{collections::VecDeque, ops::Range};

/// The wall clock when a run begins: some day in 2026.
const EPOCH: u64 = 1_780_000_000_000_000_000;

/// Stands between a node and the world, and may do otherwise than the node asked: so a test shows that the checker
/// notices.
pub type Tamper = Box<dyn FnMut(&NodeId, Output) -> Vec<Output> + Send>;

/// Counts since the messages began.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    /// All that was sent until everything had come to rest, and after that.
    pub(super) traffic: [Traffic; 2],
    /// Copies of messages beyond the first, by the number of nodes.
    pub(super) duplicates: u64,
    /// Messages that nobody accepted.
    pub(super) refused: u64,
}

/// The turn under way.
#[derive(Debug, Default)]
struct Turn {
    /// The sender of what arrives.
    from: Option<usize>,
    /// True if it is a message.
    has_message: bool,
    delivery: Option<Delivery>,
    targets: Vec<usize>,
    leaves: bool,
}

/// A message that a turn has delivered.
#[derive(Debug)]
struct Delivery {
    id: MessageId,
    /// Hops of the path by which it came, this node included.
    path_len: usize,
}

/// All nodes, the connections between them, and the time.
pub(super) struct Cluster {
    pub(super) scenario: Scenario,
    pub(super) graph: Graph,
    pub(super) seed: u64,
    pub(super) timeline: Timeline,
    pub(super) wires: Wires,
    /// By node, then by namesake.
    pub(super) hosts: Vec<Host>,
    /// The time when each namesake ends, until it has.
    namesakes: Vec<Option<Mono>>,
    pub(super) counts: Counts,
    /// True if everything has come to rest.
    pub(super) is_idle: bool,
    /// Time, sender and kind of the last frame about messages.
    pub(super) last_news: Option<(Mono, usize, Kind)>,
    /// Chooses who publishes, and whom a node knows that joins.
    pub(super) lots: Pcg64Mcg,
    /// Chance that nodes begin their lives with.
    lives: Pcg64Mcg,
    /// Slow nodes that will have time for what waits.
    scheduled_work: u64,
    pub(super) tamper: Option<Tamper>,
    /// Nodes that wait for their links still.
    pub(super) unready: usize,
    replies: Vec<Reply>,
    /// True if a node will remember what it wrote down.
    keeps_records: bool,
    /// See [`Scenario::is_relayed`].
    relays_at_once: bool,
    limits: Limits,
    after: VecDeque<Input>,
    current: Turn,
}

/// Whom a reply is for.
const NOBODY: &[u8] = b"";
const READY: &[u8] = b"ready";
/// Asked at the end, of all that a node holds.
const INSPECTOR: &[u8] = b"inspector";

impl Cluster {
    /// Nodes that have not begun to live.
    pub(super) fn new(scenario: Scenario, graph: Graph, seed: u64) -> Self {
        let (nodes, limits) = (graph.node_count(), scenario.node_limits());
        Self {
            wires: Wires::new(scenario.network.clone(), nodes, seed),
            graph,
            seed,
            timeline: Timeline::new(nodes),
            hosts: (0..nodes).map(|_| Host::new()).collect(),
            namesakes: Vec::new(),
            counts: Counts::default(),
            is_idle: false,
            last_news: None,
            lots: Pcg64Mcg::seed_from_u64(seed ^ 0x6c6f_7473_0000_0000),
            lives: Pcg64Mcg::seed_from_u64(seed ^ 0x6c69_7665_7300_0000),
            scheduled_work: 0,
            tamper: None,
            unready: 0,
            replies: Vec::new(),
            keeps_records: scenario.faults.iter().any(|fault| matches!(fault, Fault::Restart { memory: true, .. })),
            relays_at_once: scenario.is_relayed(),
            limits,
            after: VecDeque::new(),
            current: Turn::default(),
            scenario,
        }
    }

    /// Returns whether nothing stands in the way of any frame.
    pub(super) fn is_mended(&self) -> bool {
        self.wires.is_mended() && self.hosts.iter().all(Host::is_mended)
    }

    /// The nodes, without namesakes.
    pub(super) fn nodes(&self) -> Range<usize> {
        0..self.graph.node_count()
    }

    /// The name of a host.
    fn name(&self, host: usize) -> &NodeId {
        &self.graph.nodes()[self.wires.named(host)]
    }

    /// Returns whether no frame about messages is under way, and no node has work to do.
    pub(super) fn is_still(&self) -> bool {
        self.wires.under_way + self.scheduled_work == 0
    }

    /// A node will say when its links are up.
    pub(super) fn await_links(&mut self, host: usize) {
        self.unready += 1;
        self.ask(host, READY, Request::Ready);
    }

    /// Messages are handed to a node, in one turn.
    fn publish(&mut self, host: usize, messages: impl Iterator<Item = (u32, Payload)>, trace: Option<Relays>) {
        let mut inputs = Vec::new();
        for (number, payload) in messages {
            self.hosts[host].submitted.push_back((number, payload.clone()));
            inputs.push(requested(&number.to_be_bytes(), Request::Publish { trace, body: Body::one(payload) }));
        }
        self.turn_of(host, inputs);
    }

    /// A question that is answered at once, after all is over.
    pub(super) fn inspect(&mut self, host: usize, request: Request) -> Option<Reply> {
        self.ask(host, INSPECTOR, request);
        self.replies.pop()
    }

    /// A request that needs no reply.
    pub(super) fn tell(&mut self, host: usize, request: Request) {
        self.ask(host, NOBODY, request);
    }

    fn ask(&mut self, host: usize, client: &[u8], request: Request) {
        self.turn(host, requested(client, request));
    }

    /// Returns whether a node lives.
    pub(super) fn lives(&self, host: usize) -> bool {
        self.hosts[host].node.is_some()
    }

    fn clock(&self, host: usize) -> Now {
        let mono = self.timeline.now;
        let wall = (EPOCH + mono.0).saturating_add_signed(self.hosts[host].wall_offset);
        Now { mono, wall: Wall(wall) }
    }

    /// One turn: an input, all that comes of it, one sync.
    fn turn(&mut self, host: usize, input: Input) {
        if !self.lives(host) {
            return;
        }
        if let Input::Arrived { from, frame } = &input {
            self.current.from = from.node().and_then(index_of);
            self.current.has_message = matches!(frame, Frame::Message(_));
        }
        self.turn_of(host, [input]);
    }

    /// The same with inputs that come together.
    fn turn_of(&mut self, host: usize, inputs: impl IntoIterator<Item = Input>) {
        if !self.lives(host) {
            return;
        }
        let now = self.clock(host);
        for input in inputs {
            self.handle(host, now, input);
        }
        self.flush(host, now);
        loop {
            while let Some(input) = self.after.pop_front() {
                self.handle(host, now, input);
            }
            let place = &mut self.hosts[host];
            let synced = place.log.memory.sync().expect("memory does not fail");
            if synced <= place.synced {
                break;
            }
            place.synced = synced;
            self.after.push_back(Input::Synced(synced));
        }
        self.end_turn(host);
    }

    fn handle(&mut self, host: usize, now: Now, input: Input) {
        let Some(node) = &mut self.hosts[host].node else { return };
        node.handle(now, input);
        self.drain(host);
    }

    fn flush(&mut self, host: usize, now: Now) {
        let Some(node) = &mut self.hosts[host].node else { return };
        node.flush(now);
        self.drain(host);
    }

    /// Does all that a node asks for.
    fn drain(&mut self, host: usize) {
        while let Some(output) = self.hosts[host].node.as_mut().and_then(Node::poll_output) {
            match &mut self.tamper {
                None => self.perform(host, output),
                Some(tamper) => {
                    let outputs = tamper(&self.graph.nodes()[self.wires.named(host)], output);
                    outputs.into_iter().for_each(|output| self.perform(host, output));
                }
            }
        }
    }

    fn end_turn(&mut self, host: usize) {
        let mut turn = std::mem::take(&mut self.current);
        let place = &mut self.hosts[host];
        let Some(node) = &place.node else { return };
        let has_met = place.has_met || node.neighbours().next().is_some();
        match turn.delivery.take() {
            Some(Delivery { id, path_len }) if self.relays_at_once && !place.has_asked => {
                let up = node.neighbours().filter_map(index_of).collect();
                let relay = Relay { id, from: turn.from, path_len, targets: turn.targets.clone(), up };
                self.timeline.observe(host, Observation::Relayed(relay));
            }
            None if turn.has_message => self.counts.duplicates += 1,
            _ => {}
        }
        let gauge = node.gauge();
        if std::mem::replace(&mut place.gauge, gauge) != gauge {
            self.timeline.observe(host, Observation::Holds(gauge));
        }
        place.has_met = has_met;
        if turn.leaves {
            place.has_left = true;
            self.end_life(host, false);
        }
        // The buffer is used again.
        turn.targets.clear();
        self.current.targets = turn.targets;
        self.schedule_tick(host);
    }

    fn schedule_tick(&mut self, host: usize) {
        let place = &mut self.hosts[host];
        let Some(deadline) = place.node.as_ref().and_then(Node::deadline) else { return };
        if deadline < place.tick_at {
            place.tick_at = deadline;
            let life = place.life;
            self.timeline.schedule(deadline.max(self.timeline.now), Event::Tick { host: host as u32, life });
        }
    }

    /// A node's timer has run out, if no earlier one was set meanwhile.
    pub(super) fn on_tick(&mut self, host: usize, life: u32) {
        let (place, now) = (&mut self.hosts[host], self.timeline.now);
        if place.life != life || place.tick_at > now || place.is_paused {
            return;
        }
        place.tick_at = NEVER;
        match place.node.as_ref().and_then(Node::deadline) {
            Some(deadline) if deadline <= now => self.turn(host, Input::Tick),
            _ => self.schedule_tick(host),
        }
    }

    /// Does what a node asks for.
    fn perform(&mut self, host: usize, output: Output) {
        let timeline = &mut self.timeline;
        match output {
            Output::Renew(incarnation) => self.hosts[host].stored = Some(incarnation.0),
            Output::Append(seq, record) => self.append(host, seq, &record),
            Output::Connect(link, endpoint, dial) => self.wires.connect(timeline, host, link, &endpoint, dial),
            Output::Disconnect(link) => self.wires.disconnect(timeline, host, link),
            Output::Send(links, frame) => self.send(host, links, frame),
            Output::Answer(to, answer) => {
                if !self.answer(host, &to, answer) {
                    self.after.push_back(Input::Unreplied);
                }
            }
            Output::Reply(client, _, reply) => self.reply(host, &client, reply),
            Output::Exit { .. } => self.current.leaves = true,
            Output::Notify(event) => self.hosts[host].gave_way |= matches!(event, event::Event::NameTaken(_)),
            // Nobody orders faults here: the simulator has its own. Each node is told its instance.
            Output::Disturb(..) | Output::Adopt(_) | Output::Reopen => {}
        }
    }

    fn append(&mut self, host: usize, seq: LogSeq, record: &Record) {
        let place = &mut self.hosts[host];
        place.log.memory.append(seq, record).expect("memory does not fail");
        if self.keeps_records {
            place.log.records.push(record.clone());
        }
        let Record::Received { batch, first, last, .. } = record else { return };
        for message in batch.singles().filter(|message| (*first..=*last).contains(&message.id.sequence)) {
            if self.current.from.is_none() && index_of(&message.id.origin) == Some(host) {
                self.mint(host, &message);
            }
            let path_len = message.trace.as_ref().map_or(0, |trace| trace.path.len() + 1);
            self.current.delivery = Some(Delivery { id: message.id.clone(), path_len });
            self.timeline.observe(host, Observation::Delivered(message));
        }
    }

    fn reply(&mut self, host: usize, client: &ReturnAddress, reply: Reply) {
        match (&*client.0, reply) {
            (NOBODY, _) => {}
            (READY, _) => self.unready = self.unready.saturating_sub(1),
            (INSPECTOR, reply) => self.replies.push(reply),
            (number, reply) => {
                let number = number.try_into().map(u32::from_be_bytes).unwrap_or(u32::MAX);
                if let Reply::Receipt { id, .. } = reply {
                    self.timeline.observe(host, Observation::Acknowledged { number, id });
                } else {
                    self.hosts[host].submitted.retain(|(submitted, _)| *submitted != number);
                    self.counts.refused += 1;
                }
            }
        }
    }
}

fn requested(client: &[u8], request: Request) -> Input {
    let client = ReturnAddress(client.into());
    Input::Requested { principal: Principal::Unnamed, client, id: RequestId::None, request }
}
