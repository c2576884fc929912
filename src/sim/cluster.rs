//! Nodes in one process: each turn of a node is what a turn of a daemon is. An input goes in, all that it asks for is
//! done in order, the log is synced once.

use super::{
    checker::{Cause, Checker, Delivery, Violation, Wrong, index_of},
    host::{Event, Host, NEVER, endpoint},
    links::{Connection, frame_len},
    network::Network,
    queue::Queue,
    scenario::Scenario,
};
use crate::{
    core::{
        config::{Config, Limits, Protocol},
        event::{Answer, Frame, Input, LogSeq, Output, Record, ReturnAddress},
        id::{Incarnation, MessageId, NodeId},
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
/// The incarnation before a node's first life.
const INCARNATION: u64 = 1_780_000_000;

/// Stands between a node and the world, and may do otherwise than the node asked: so a test shows that the checker
/// notices.
pub type Tamper = Box<dyn FnMut(&NodeId, Output) -> Vec<Output> + Send>;

/// What is counted of the traffic since the load began.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Traffic {
    pub(super) control: u64,
    pub(super) duplicates: u64,
    pub(super) refused: u64,
}

/// What the turn under way has to do with.
#[derive(Debug, Default)]
struct Context {
    publishing: Option<u32>,
    arriving: Option<(usize, MessageId)>,
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
    pub(super) network: Network,
    pub(super) checker: Checker,
    pub(super) traffic: Traffic,
    /// Whom faults happen to, and who publishes: apart, so that a fault changes nothing else.
    pub(super) chance: Pcg64Mcg,
    pub(super) lots: Pcg64Mcg,
    /// Message frames that will arrive.
    pub(super) under_way: u64,
    pub(super) cuts: u32,
    pub(super) tamper: Option<Tamper>,
    /// Nodes that wait for their links still.
    pub(super) unready: usize,
    pub(super) replies: Vec<Reply>,
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
            traffic: Traffic::default(),
            chance: Pcg64Mcg::seed_from_u64(seed ^ 0x6368_616e_6365_0000),
            lots: Pcg64Mcg::seed_from_u64(seed ^ 0x6c6f_7473_0000_0000),
            under_way: 0,
            cuts: 0,
            tamper: None,
            unready: 0,
            replies: Vec::new(),
            limits,
            after: VecDeque::new(),
            context: Context::default(),
            scenario,
        }
    }

    /// A node begins a life: with an incarnation that it never had, an empty memory, and its neighbours declared.
    pub(super) fn begin_life(&mut self, host: usize) -> Result<(), Violation> {
        let place = &mut self.hosts[host];
        let life = place.life + 1;
        let began = self.now;
        *place = Host { life, began, service: place.service, wall_offset: place.wall_offset, ..Host::new() };
        let config = Config {
            node: self.graph.nodes()[host].clone(),
            endpoint: endpoint(host),
            network: "simulated".parse().expect("a name of letters"),
            instance: "one".parse().expect("a word of letters"),
            protocol: Protocol::default(),
            limits: self.limits.clone(),
        };
        let incarnation = Incarnation(INCARNATION + u64::from(life));
        let now = self.clock(host);
        self.hosts[host].node = Some(Node::new(config, incarnation, "simulated", now));
        let peers = self.graph.neighbours(host).iter();
        let peers = peers.map(|&peer| (Some(self.graph.nodes()[peer].clone()), endpoint(peer))).collect();
        self.ask(host, NOBODY, Request::Connect { peers })
    }

    /// A node will say when its links are up.
    pub(super) fn await_links(&mut self, host: usize) -> Result<(), Violation> {
        self.unready += 1;
        self.ask(host, READY, Request::Ready)
    }

    /// A message is handed to a node.
    pub(super) fn publish(&mut self, host: usize, number: u32, request: Request) -> Result<(), Violation> {
        self.context.publishing = Some(number);
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
        self.turn(host, Input::Requested { client, id: RequestId::None, request })
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
        if let Input::Arrived { from, frame: Frame::Message(message) } = &input {
            self.context.arriving = index_of(from).map(|from| (from, message.id.clone()));
        }
        let now = self.clock(host);
        self.after.push_back(input);
        loop {
            while let Some(input) = self.after.pop_front() {
                self.handle(host, now, input)?;
            }
            let place = &mut self.hosts[host];
            let synced = place.log.sync().expect("memory does not fail");
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
        if let Some(delivery) = context.delivery {
            let up = |to: usize| node.neighbours().any(|name| *name == self.graph.nodes()[to]);
            let relayed = self.checker.relayed(&self.graph, host, &delivery, &context.targets, up);
            relayed.map_err(|wrong| self.violation(host, wrong))?;
        } else if context.arriving.is_some() {
            self.traffic.duplicates += 1;
        }
        let gauge = node.gauge();
        if !gauge.is_within(&self.limits) {
            return Err(self.violation(host, Wrong::Bound { gauge: format!("{gauge:?}") }));
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
            Output::Renew(_) => todo!(),
            Output::Append(seq, record) => return self.append(host, seq, &record),
            Output::Connect(link, endpoint) => self.connect(host, link, &endpoint),
            Output::Disconnect(link) => self.disconnect(host, link),
            Output::Send(links, frame) => {
                if let Frame::Message(message) = &frame {
                    let bytes = frame_len(&frame);
                    let sent = self.checker.sent(&self.graph, host, message, links.len(), bytes);
                    sent.map_err(|wrong| self.violation(host, wrong))?;
                } else {
                    self.traffic.control += links.len() as u64;
                }
                for link in links {
                    let sent = self.send(host, link, &frame);
                    self.context.targets.extend(sent.target);
                    self.after.extend(sent.unsent.map(|why| Input::Unsent { link, why }));
                }
            }
            Output::Answer(to, answer) => {
                self.traffic.control += 1;
                if let (Answer::Refuse { .. }, Some((from, id))) = (&answer, &self.context.arriving) {
                    self.checker.excuse(id, *from, host, Cause::Unreachable);
                }
                if !self.answer(host, &to, answer) {
                    self.after.push_back(Input::Unreplied);
                }
            }
            Output::Reply(client, _, reply) => return self.reply(host, &client, reply),
            Output::Exit { .. } => self.context.leaves = true,
            Output::Notify(_) => {}
        }
        Ok(())
    }

    fn append(&mut self, host: usize, seq: LogSeq, record: &Record) -> Result<(), Violation> {
        let place = &mut self.hosts[host];
        place.log.append(seq, record).expect("memory does not fail");
        let Record::Received { message, .. } = record else { return Ok(()) };
        let (life, now) = (place.life, self.now);
        if let Some(number) = self.context.publishing.take() {
            self.checker.published(number, host, now, message);
        }
        let delivered = self.checker.delivered(host, life, now, message);
        let place = delivered.map_err(|wrong| self.violation(host, wrong))?;
        let from = self.context.arriving.as_ref().map(|&(from, _)| from);
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
            (_, _) => self.traffic.refused += 1,
        }
        Ok(())
    }
}
