//! Nodes in one process: each turn of a node is what a turn of a daemon is. An input goes in, all that it asks for is
//! done in order, the log is synced once.

mod lives;

use super::{
    checker::{Checker, Delivery, Violation, Wrong, index_of},
    host::{Event, Host, NEVER},
    links::{Connection, Direction, lengths::frame_len},
    network::Network,
    queue::Queue,
    scenario::{Fault, Scenario},
    traffic::{Kind, Traffic},
};
use crate::{
    core::{
        config::Limits,
        event::{Input, LinkId, LogSeq, Output, Principal, Record, ReturnAddress},
        frame::{Chunk, Frame},
        id::NodeId,
        node::Node,
        request::{Reply, Request, RequestId},
        time::{Mono, Now, Wall},
    },
    store::Log,
    topology::Graph,
};
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use std::collections::VecDeque;

/// The wall clock when a run begins: some day in 2026.
const EPOCH: u64 = 1_780_000_000_000_000_000;

/// Stands between a node and the world, and may do otherwise than the node asked: so a test shows that the checker
/// notices.
pub type Tamper = Box<dyn FnMut(&NodeId, Output) -> Vec<Output> + Send>;

/// What is counted since the messages began.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    /// All that was sent until everything had come to rest, and after that.
    pub(super) traffic: [Traffic; 2],
    /// Copies of messages beyond the first, by the number of nodes.
    pub(super) duplicates: u64,
    /// Messages that nobody accepted.
    pub(super) refused: u64,
}

/// What the turn under way has to do with.
#[derive(Debug, Default)]
struct Context {
    /// Who sends what arrives.
    from: Option<usize>,
    /// Whether it is a message.
    has_message: bool,
    delivery: Option<Delivery>,
    targets: Vec<usize>,
    leaves: bool,
}

/// All nodes, the links between them, and the time.
pub(super) struct Cluster {
    pub(super) scenario: Scenario,
    pub(super) graph: Graph,
    pub(super) seed: u64,
    pub(super) now: Mono,
    pub(super) queue: Queue<Event>,
    pub(super) hosts: Vec<Host>,
    pub(super) connections: Vec<Connection>,
    /// Places in `connections` that can be used again.
    pub(super) free: Vec<u32>,
    /// Pipes in which a cut may hold something back.
    pub(super) stopped: Vec<(u32, Direction)>,
    pub(super) network: Network,
    pub(super) checker: Checker,
    pub(super) counts: Counts,
    /// Whether everything has come to rest.
    pub(super) is_idle: bool,
    /// When, by whom and how messages were spoken of last.
    pub(super) last_news: Option<(Mono, usize, Kind)>,
    /// Who was there when messages were published; a new entry whenever that has changed.
    pub(super) presence: Vec<Box<[bool]>>,
    pub(super) is_presence_stale: bool,
    /// Whom faults happen to, and who publishes: apart, so that a fault changes nothing else.
    pub(super) chance: Pcg64Mcg,
    pub(super) lots: Pcg64Mcg,
    /// What nodes begin their lives with.
    lives: Pcg64Mcg,
    /// Frames about messages that will arrive.
    pub(super) under_way: u64,
    pub(super) cuts: u32,
    pub(super) tamper: Option<Tamper>,
    /// Nodes that wait for their links still.
    pub(super) unready: usize,
    pub(super) replies: Vec<Reply>,
    /// Whether a node will remember what it wrote down.
    keeps_records: bool,
    /// See [`Scenario::is_relayed`].
    relays_at_once: bool,
    limits: Limits,
    after: VecDeque<Input>,
    context: Context,
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
            network: Network::new(scenario.network.clone(), nodes, seed),
            checker: Checker::new(scenario.load.clone(), nodes, limits.path_len_max),
            graph,
            seed,
            now: Mono(0),
            queue: Queue::new(),
            hosts: (0..nodes).map(|_| Host::new()).collect(),
            connections: Vec::new(),
            free: Vec::new(),
            stopped: Vec::new(),
            counts: Counts::default(),
            is_idle: false,
            last_news: None,
            presence: Vec::new(),
            is_presence_stale: true,
            chance: Pcg64Mcg::seed_from_u64(seed ^ 0x6368_616e_6365_0000),
            lots: Pcg64Mcg::seed_from_u64(seed ^ 0x6c6f_7473_0000_0000),
            lives: Pcg64Mcg::seed_from_u64(seed ^ 0x6c69_7665_7300_0000),
            under_way: 0,
            cuts: 0,
            tamper: None,
            unready: 0,
            replies: Vec::new(),
            keeps_records: scenario.faults.iter().any(|fault| matches!(fault, Fault::Restart { memory: true, .. })),
            relays_at_once: scenario.is_relayed(),
            limits,
            after: VecDeque::new(),
            context: Context::default(),
            scenario,
        }
    }

    /// A node will say when its links are up.
    pub(super) fn await_links(&mut self, host: usize) -> Result<(), Violation> {
        self.unready += 1;
        self.ask(host, READY, Request::Ready)
    }

    /// A message is handed to a node.
    pub(super) fn publish(&mut self, host: usize, number: u32, request: Request) -> Result<(), Violation> {
        if let Request::Publish { payload, .. } = &request {
            self.hosts[host].submitted.push_back((number, payload.clone()));
        }
        self.ask(host, &number.to_be_bytes(), request)
    }

    /// A question that is answered at once, after all is over.
    pub(super) fn inspect(&mut self, host: usize, request: Request) -> Result<Option<Reply>, Violation> {
        self.ask(host, INSPECTOR, request)?;
        Ok(self.replies.pop())
    }

    /// A request that needs no reply.
    pub(super) fn tell(&mut self, host: usize, request: Request) -> Result<(), Violation> {
        self.ask(host, NOBODY, request)
    }

    fn ask(&mut self, host: usize, client: &[u8], request: Request) -> Result<(), Violation> {
        let client = ReturnAddress(client.into());
        self.turn(host, Input::Requested { principal: Principal::Unnamed, client, id: RequestId::None, request })
    }

    /// Whether a node lives.
    pub(super) fn lives(&self, host: usize) -> bool {
        self.hosts[host].node.is_some()
    }

    fn clock(&self, host: usize) -> Now {
        let wall = (EPOCH + self.now.0).saturating_add_signed(self.hosts[host].wall_offset);
        Now { mono: self.now, wall: Wall(wall) }
    }

    /// One turn: an input, all that comes of it, one sync; then the rules are checked.
    pub(super) fn turn(&mut self, host: usize, input: Input) -> Result<(), Violation> {
        if !self.lives(host) {
            return Ok(());
        }
        if let Input::Arrived { from, frame } = &input {
            self.context.from = from.node().and_then(index_of);
            self.context.has_message = matches!(frame, Frame::Message(_));
        }
        let now = self.clock(host);
        self.handle(host, now, input)?;
        loop {
            while let Some(input) = self.after.pop_front() {
                self.handle(host, now, input)?;
            }
            let place = &mut self.hosts[host];
            let synced = place.log.memory.sync().expect("memory does not fail");
            if synced <= place.synced {
                break;
            }
            place.synced = synced;
            self.after.push_back(Input::Synced(synced));
        }
        self.end_turn(host)
    }

    fn handle(&mut self, host: usize, now: Now, input: Input) -> Result<(), Violation> {
        let Some(node) = &mut self.hosts[host].node else { return Ok(()) };
        node.handle(now, input);
        while let Some(output) = self.hosts[host].node.as_mut().and_then(Node::poll_output) {
            match &mut self.tamper {
                None => self.perform(host, output)?,
                Some(tamper) => {
                    let outputs = tamper(&self.graph.nodes()[host], output);
                    outputs.into_iter().try_for_each(|output| self.perform(host, output))?;
                }
            }
        }
        Ok(())
    }

    fn end_turn(&mut self, host: usize) -> Result<(), Violation> {
        let mut context = std::mem::take(&mut self.context);
        let Some(node) = &self.hosts[host].node else { return Ok(()) };
        let has_met = self.hosts[host].has_met || node.neighbours().next().is_some();
        match context.delivery {
            Some(delivery) if self.relays_at_once && !self.hosts[host].has_asked => {
                let relayed = self.checker.relayed(&delivery, &context.targets, node.neighbours());
                relayed.map_err(|wrong| self.violation(host, wrong))?;
            }
            None if context.has_message => self.counts.duplicates += 1,
            _ => {}
        }
        let gauge = node.gauge();
        self.hosts[host].has_met = has_met;
        if let Some((what, size)) = gauge.excess(&self.limits) {
            return Err(self.violation(host, Wrong::Bound { what, size }));
        }
        if context.leaves {
            self.hosts[host].has_left = true;
            self.end_life(host, false);
        }
        // The buffer is used again.
        context.targets.clear();
        self.context.targets = context.targets;
        self.schedule_tick(host);
        Ok(())
    }

    pub(super) fn schedule_tick(&mut self, host: usize) {
        let place = &mut self.hosts[host];
        let Some(deadline) = place.node.as_ref().and_then(Node::deadline) else { return };
        if deadline < place.tick_at {
            place.tick_at = deadline;
            let life = place.life;
            self.queue.push(deadline.max(self.now), Event::Tick { host: host as u32, life });
        }
    }

    pub(super) fn on_tick(&mut self, host: usize, life: u32) -> Result<(), Violation> {
        let place = &mut self.hosts[host];
        // A tick that was scheduled before an earlier one was.
        if place.life != life || place.tick_at > self.now || place.is_paused {
            return Ok(());
        }
        place.tick_at = NEVER;
        match place.node.as_ref().and_then(Node::deadline) {
            Some(deadline) if deadline <= self.now => self.turn(host, Input::Tick),
            _ => {
                self.schedule_tick(host);
                Ok(())
            }
        }
    }

    pub(super) fn violation(&self, host: usize, wrong: Wrong) -> Violation {
        Violation { seed: self.seed, at: self.now, node: self.graph.nodes()[host].clone(), wrong }
    }

    /// Does what a node asks for.
    fn perform(&mut self, host: usize, output: Output) -> Result<(), Violation> {
        match output {
            Output::Renew(incarnation) => self.hosts[host].stored = Some(incarnation.0),
            Output::Append(seq, record) => return self.append(host, seq, &record),
            Output::Connect(link, endpoint, dial) => self.connect(host, link, &endpoint, dial),
            Output::Disconnect(link) => self.disconnect(host, link),
            Output::Send(links, frame) => return self.send_all(host, links, frame),
            Output::Answer(to, answer) => {
                if !self.answer(host, &to, answer) {
                    self.after.push_back(Input::Unreplied);
                }
            }
            Output::Reply(client, _, reply) => return self.reply(host, &client, reply),
            Output::Exit { .. } => self.context.leaves = true,
            // Nobody orders faults here: the simulator has its own. Each node is told its instance.
            Output::Notify(_) | Output::Disturb(..) | Output::Adopt(_) => {}
        }
        Ok(())
    }

    fn send_all(&mut self, host: usize, links: Vec<LinkId>, frame: Frame) -> Result<(), Violation> {
        let (kind, bytes) = (Kind::of(&frame), frame_len(&frame));
        self.count(host, kind, links.len(), bytes);
        let sent = match &frame {
            Frame::Message(message) => self.checker.sent(host, message, links.len(), bytes),
            Frame::Chunk(Chunk { head: Some(head), length, .. }) => match &**head {
                Frame::Message(message) => self.checker.sent(host, message, links.len(), bytes + *length as usize),
                _ => Ok(()),
            },
            Frame::Pull(streams) => {
                self.hosts[host].has_asked = true;
                self.checker.asked(streams);
                Ok(())
            }
            Frame::Path(copy) => self.checker.sent_path(host, &copy.id, &copy.trace.path, links.len(), bytes),
            _ => Ok(()),
        };
        sent.map_err(|wrong| self.violation(host, wrong))?;
        let Some((&last, others)) = links.split_last() else { return Ok(()) };
        for &link in others {
            self.send_one(host, link, frame.clone(), kind, bytes);
        }
        self.send_one(host, last, frame, kind, bytes);
        Ok(())
    }

    fn send_one(&mut self, host: usize, link: LinkId, frame: Frame, kind: Kind, bytes: usize) {
        let sent = self.send(host, link, frame, kind, bytes);
        if self.relays_at_once {
            self.context.targets.extend(sent.target);
        }
        self.after.extend(sent.unsent.map(|why| Input::Unsent { link, why }));
    }

    /// Counts frames that are sent.
    pub(super) fn count(&mut self, host: usize, kind: Kind, frames: usize, bytes: usize) {
        self.counts.traffic[usize::from(self.is_idle)].add(kind, frames, bytes);
        self.hosts[host].frames += frames as u64;
        if kind.is_news() && frames > 0 {
            self.last_news = Some((self.now, host, kind));
            if kind != Kind::Payload {
                self.checker.mending.told(frames * bytes);
            }
        }
    }

    fn append(&mut self, host: usize, seq: LogSeq, record: &Record) -> Result<(), Violation> {
        let place = &mut self.hosts[host];
        place.log.memory.append(seq, record).expect("memory does not fail");
        if self.keeps_records {
            place.log.records.push(record.clone());
        }
        let Record::Received { message, .. } = record else { return Ok(()) };
        let (life, now) = (place.life, self.now);
        if self.context.from.is_none() && index_of(&message.id.origin) == Some(host) {
            self.mint(host, message)?;
        }
        let delivered = self.checker.delivered(host, life, now, message);
        let place = delivered.map_err(|wrong| self.violation(host, wrong))?;
        let from = self.context.from;
        let path_len = message.trace.as_ref().map_or(0, |trace| trace.path.len() + 1);
        self.context.delivery = Some(Delivery { place, from, path_len });
        Ok(())
    }

    fn reply(&mut self, host: usize, client: &ReturnAddress, reply: Reply) -> Result<(), Violation> {
        match (&*client.0, reply) {
            (NOBODY, _) => {}
            (READY, _) => self.unready = self.unready.saturating_sub(1),
            (INSPECTOR, reply) => self.replies.push(reply),
            (number, Reply::Receipt { id, .. }) => {
                let number = number.try_into().map(u32::from_be_bytes).unwrap_or(u32::MAX);
                let acknowledged = self.checker.acknowledged(number, &id);
                return acknowledged.map_err(|wrong| self.violation(host, wrong));
            }
            (number, _) => {
                let number = number.try_into().map(u32::from_be_bytes).unwrap_or(u32::MAX);
                self.hosts[host].submitted.retain(|(submitted, _)| *submitted != number);
                self.counts.refused += 1;
            }
        }
        Ok(())
    }
}
