//! Sixteen nodes on links in memory, without sockets, clocks or chance: what a node process does with a message, but for
//! libzmq. Each frame is encoded, and decoded at its far end.

use crate::allocations;
use gossip::{
    core::{
        batch::Body,
        config::{Config, Limits, Protocol, Timing},
        endpoint::Endpoint,
        event::record::{Level, LogSeq},
        event::{Input, LinkId, Output, Principal, ReturnAddress},
        frame::Frame,
        id::{Incarnation, NodeId},
        message::Payload,
        node::Node,
        request::{Request, RequestId},
        stats::Counter,
        time::{Mono, Now, Wall},
    },
    topology::{Graph, Shape, generate},
    transport::SharedFrame,
    wire::{Decoder, Frames, Incoming, encode},
};
use std::{collections::VecDeque, time::Duration};

const NODES: u32 = 16;
const DEGREE: u32 = 3;
/// Messages before the measured ones: trees are built, and what keeps the last messages is full.
const WARMUP: u64 = 2048;
const MEASURED: u64 = 2048;
/// Messages submitted before the first of them is delivered; a process takes about as many a turn.
const BURST: u64 = 64;
const PAYLOAD_LEN: usize = 100;
/// Messages that a node keeps: fewer than are sent, so that dropping the oldest is measured, too.
const RETAINED: usize = 1024;
/// Time that a frame takes: two cores deliver about so many in a flood.
const FRAME: Duration = Duration::from_nanos(1200);

/// Deliveries of the measured part.
pub(crate) const DELIVERIES: u64 = MEASURED * NODES as u64;

/// Allocations by layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Allocations {
    pub(crate) decode: u64,
    pub(crate) core: u64,
    pub(crate) encode: u64,
}

/// A frame under way, with its payload if it has one.
struct Transit {
    to: usize,
    way: Route,
    header: SharedFrame,
    body: Option<SharedFrame>,
}

/// Route of a frame.
enum Route {
    /// Over the link of another node, to the ROUTER.
    From(usize),
    /// Back over a link of the node's own.
    Back(LinkId),
}

/// A node with what a process holds beside it.
struct Member {
    node: Node,
    decoder: Decoder,
    /// Ends of its links.
    links: Vec<Option<usize>>,
    appended: LogSeq,
    synced: LogSeq,
}

/// All nodes, and the frames under way between them.
pub(crate) struct Net {
    members: Vec<Member>,
    transits: VecDeque<Transit>,
    /// Buffers that are used again.
    header: Vec<u8>,
    after: VecDeque<Input>,
    clock: Duration,
    allocations: Allocations,
}

/// Result of `work`; its allocations are added to `sum`.
fn counted<T>(sum: &mut u64, work: impl FnOnce() -> T) -> T {
    let before = allocations::calls();
    let result = work();
    *sum += allocations::calls() - before;
    result
}

fn name(index: usize) -> NodeId {
    NodeId::numbered(index as u32 + 1)
}

fn endpoint(index: usize) -> Endpoint {
    format!("127.0.0.1:{}", 7001 + index).parse().expect("an address")
}

impl Net {
    /// A network that has carried some load.
    pub(crate) fn warm() -> Self {
        let mut net = Self::joined();
        net.flood(WARMUP);
        net
    }

    /// A network whose links are up.
    fn joined() -> Self {
        let graph = generate(Shape::Random { degree: DEGREE }, NODES, 1).expect("a graph");
        let members = (0..graph.node_count()).map(Member::new).collect();
        let (transits, header, after) = (VecDeque::new(), Vec::new(), VecDeque::new());
        let (clock, allocations) = (Duration::ZERO, Allocations::default());
        let mut net = Self { members, transits, header, after, clock, allocations };
        net.connect(&graph);
        net
    }

    fn connect(&mut self, graph: &Graph) {
        for index in 0..graph.node_count() {
            let peers = graph.neighbours(index).iter().map(|&peer| (Some(name(peer)), endpoint(peer))).collect();
            self.request(index, RequestId::None, Request::Connect { peers });
        }
        // Greetings and the first digests.
        for _ in 0..3000 {
            self.clock += Duration::from_millis(1);
            self.settle();
        }
        assert!(self.members.iter().all(|member| !member.node.is_alone()), "a node has no link");
    }

    /// The part that is measured, by this name. Says how often each layer allocated.
    #[inline(never)]
    pub(crate) fn measured_part(&mut self) -> Allocations {
        self.allocations = Allocations::default();
        self.flood(MEASURED);
        self.allocations
    }

    /// Submits so many messages to one node, and has all nodes get them.
    fn flood(&mut self, messages: u64) {
        let before: Vec<u64> = self.delivered().collect();
        for number in 0..messages {
            self.publish(number);
            if number % BURST == BURST - 1 || number + 1 == messages {
                self.settle();
            }
        }
        for (index, (before, after)) in before.into_iter().zip(self.delivered()).enumerate() {
            assert_eq!(after - before, messages, "delivered at node {}", name(index));
        }
    }

    fn delivered(&self) -> impl Iterator<Item = u64> {
        let now = self.now();
        self.members.iter().map(move |member| member.node.snapshot(now).stats.total().get(Counter::Delivered))
    }

    /// A submission, as a client's socket sends it.
    fn publish(&mut self, number: u64) {
        let request = Request::Publish { trace: None, body: Body::one(Payload::from(&[b'x'; PAYLOAD_LEN][..])) };
        let mut header = Vec::new();
        encode::request(&mut header, &RequestId::Number(number), &request);
        let parts: [&[u8]; 4] = [b"client", b"", &header, &[b'x'; PAYLOAD_LEN]];
        let decoder = &mut self.members[0].decoder;
        let incoming = counted(&mut self.allocations.decode, || decode(decoder, &parts));
        match incoming {
            Incoming::Request(id, request) => self.request(0, id, request),
            other => unreachable!("{other:?}"),
        }
    }

    fn request(&mut self, index: usize, id: RequestId, request: Request) {
        let client = ReturnAddress(b"\x00\x06client".as_slice().into());
        self.handle(index, Input::Requested { principal: Principal::Unnamed, client, id, request });
    }

    /// Delivers what is under way, and does what is due.
    fn settle(&mut self) {
        loop {
            while let Some(transit) = self.transits.pop_front() {
                self.clock += FRAME;
                self.deliver(&transit);
            }
            for index in 0..self.members.len() {
                let member = &mut self.members[index];
                if member.appended > member.synced {
                    member.synced = member.appended;
                    let synced = Input::Synced(member.synced);
                    self.handle(index, synced);
                }
                let now = self.now().mono;
                if self.members[index].node.deadline().is_some_and(|deadline| deadline <= now) {
                    self.handle(index, Input::Tick);
                }
            }
            if self.transits.is_empty() {
                return;
            }
        }
    }

    fn deliver(&mut self, transit: &Transit) {
        let sender = match transit.way {
            Route::From(index) => Some(self.members[index].node.name().clone()),
            Route::Back(_) => None,
        };
        let decoder = &mut self.members[transit.to].decoder;
        let body = transit.body.as_ref().map(AsRef::as_ref).unwrap_or_default();
        let parts: &[&[u8]] = &[b"", transit.header.as_ref(), body];
        let parts = &parts[..2 + usize::from(transit.body.is_some())];
        let incoming = counted(&mut self.allocations.decode, || decode(decoder, parts));
        let input = match (incoming, sender, &transit.way) {
            (Incoming::Frame(frame), Some(sender), _) => {
                let routing_id = sender.as_str().as_bytes();
                let from = counted(&mut self.allocations.decode, || decoder.node(routing_id));
                Input::Arrived { from: from.unwrap_or(sender).into(), frame }
            }
            (Incoming::Answer(answer), None, &Route::Back(link)) => Input::Answered { link, answer },
            (other, ..) => unreachable!("{other:?}"),
        };
        self.handle(transit.to, input);
    }

    fn now(&self) -> Now {
        let nanos = u64::try_from(self.clock.as_nanos()).unwrap_or(u64::MAX);
        Now { mono: Mono(nanos), wall: Wall(1_700_000_000_000_000_000 + nanos) }
    }

    /// Hands one input to a node as a turn of its own, and does what comes of it: each message is a batch.
    fn handle(&mut self, index: usize, input: Input) {
        let now = self.now();
        let mut next = Some(input);
        let mut after = std::mem::take(&mut self.after);
        while let Some(input) = next {
            let node = &mut self.members[index].node;
            counted(&mut self.allocations.core, || node.handle(now, input));
            self.drain(index, &mut after);
            next = after.pop_front();
            if next.is_none() {
                let node = &mut self.members[index].node;
                counted(&mut self.allocations.core, || node.flush(now));
                self.drain(index, &mut after);
                next = after.pop_front();
            }
        }
        self.after = after;
    }

    fn drain(&mut self, index: usize, after: &mut VecDeque<Input>) {
        while let Some(output) = self.members[index].node.poll_output() {
            self.perform(index, output, after);
        }
    }

    fn perform(&mut self, index: usize, output: Output, after: &mut VecDeque<Input>) {
        match output {
            Output::Append(seq, _) => self.members[index].appended = seq,
            Output::Connect(link, to, _) => {
                let number = link.0 as usize;
                let links = &mut self.members[index].links;
                links.resize(links.len().max(number + 1), None);
                links[number] = (0..NODES as usize).find(|&other| endpoint(other) == to);
                after.push_back(Input::Writable(link));
            }
            Output::Disconnect(link) => self.members[index].links[link.0 as usize] = None,
            Output::Send(links, frame) => self.send(index, &links, &frame),
            Output::Answer(to, answer) => {
                let header = &mut self.header;
                let header = counted(&mut self.allocations.encode, || {
                    header.clear();
                    encode::answer(header, &answer);
                    SharedFrame::from(&header[..])
                });
                let to = self.members.iter().position(|member| *member.node.name() == to);
                let link = |to: &usize| self.members[*to].links.iter().position(|&far| far == Some(index));
                if let Some((to, link)) = to.and_then(|to| Some((to, link(&to)?))) {
                    self.transits.push_back(Transit { to, way: Route::Back(LinkId(link as u32)), header, body: None });
                }
            }
            Output::Reply(_, id, reply) => {
                let (header, node) = (&mut self.header, self.members[index].node.name());
                counted(&mut self.allocations.encode, || {
                    header.clear();
                    encode::reply(header, node, &id, &reply);
                    drop(SharedFrame::from(&header[..]));
                });
            }
            Output::Renew(_)
            | Output::Adopt(_)
            | Output::Notify(_)
            | Output::Disturb(..)
            | Output::Reopen
            | Output::Exit { .. } => {}
        }
    }

    /// Encodes a frame once, and puts it on each link.
    fn send(&mut self, index: usize, links: &[LinkId], frame: &Frame) {
        let header = &mut self.header;
        let (header, body) = counted(&mut self.allocations.encode, || {
            header.clear();
            let payload = encode::frame(header, frame).cloned();
            (SharedFrame::from(&header[..]), payload.map(SharedFrame::from))
        });
        for link in links {
            if let Some(to) = self.members[index].links[link.0 as usize] {
                let (header, body) = (header.clone(), body.clone());
                self.transits.push_back(Transit { to, way: Route::From(index), header, body });
            }
        }
    }
}

impl Member {
    fn new(index: usize) -> Self {
        let limits = Limits { retained_messages_max: RETAINED, ..Limits::default() };
        let decoder = Decoder::new(limits.path_len_max);
        let config = Config {
            node: name(index),
            endpoint: endpoint(index),
            network: "guards".parse().expect("a name"),
            instance: "one".parse().expect("an instance"),
            protocol: Protocol { timing: Timing::LOCAL, ..Protocol::default() },
            level: Level::Memory,
            limits,
        };
        let node = Node::new(config, Incarnation(7), index as u64, "guards", Now::default());
        Self { node, decoder, links: Vec::new(), appended: LogSeq::default(), synced: LogSeq::default() }
    }
}

fn decode(decoder: &mut Decoder, parts: &[&[u8]]) -> Incoming {
    let frames = Frames::split(parts).expect("an envelope");
    decoder.decode(frames.header, frames.body).expect("a header of our own")
}

#[test]
fn the_same_work_takes_the_same_allocations() {
    let run = || {
        let mut net = Net::joined();
        net.flood(BURST);
        net.allocations
    };
    let once = run();
    assert_eq!(once, run());
    assert!([once.decode, once.core, once.encode].iter().all(|&count| count > 0), "{once:?}");
}
