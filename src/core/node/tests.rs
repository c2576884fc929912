//! Whole nodes on links in memory: meeting, spreading, the relay rule, refusals, leaving, bounds.

use super::*;
use crate::{
    core::{
        batch::{Batch, Body},
        config::{Limits, Protocol},
        endpoint::Endpoint,
        event::record::Level,
        event::{Event, ReturnAddress},
        frame::{
            Announcement, Answer, Chunk, DisconnectReason, Frame, Hashes, Introduction, JoinPriority, LifeSeen, Member,
            PathCopy, STREAMS_MAX, StreamRanges, Walk, WalkKind,
        },
        id::{Instance, MessageId, StreamId},
        message::{Hop, Relays, Trace},
        request::{Cursor, Disturbance, Fetch, Fetched, Page, Reply, Request, RequestId, Status},
        time::Wall,
    },
    topology::{Graph, Shape, generate},
};
use proptest::prelude::*;
use rand_pcg::{
    Pcg64Mcg,
    rand_core::{Rng, SeedableRng},
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

/// Nodes joined by links that keep their order and lose nothing; which link moves next is up to a seed.
struct Net {
    nodes: Vec<Node>,
    /// Messages under way, by (sender, link): answers travel the same link back.
    wires: BTreeMap<(usize, LinkId), (usize, VecDeque<Input>)>,
    replies: Vec<(usize, RequestId, Reply)>,
    exits: Vec<usize>,
    message_frames: u64,
    log: Vec<LogSeq>,
    sync: bool,
    clock: u64,
    random: Pcg64Mcg,
}

fn endpoint(index: usize) -> Endpoint {
    format!("10.0.0.1:{}", 7001 + index).parse().unwrap()
}

fn name(index: usize) -> NodeId {
    NodeId::numbered(index as u32 + 1)
}

fn config(index: usize, limits: Limits) -> Config {
    Config {
        node: name(index),
        endpoint: endpoint(index),
        network: "test".parse().unwrap(),
        instance: "one".parse().unwrap(),
        protocol: Protocol::default(),
        level: Level::Memory,
        limits,
    }
}

impl Net {
    fn of(count: usize, seed: u64, limits: &Limits) -> Self {
        let node = |index| Node::new(config(index, limits.clone()), Incarnation(7), 0, "test", Now::default());
        Self {
            nodes: (0..count).map(node).collect(),
            wires: BTreeMap::new(),
            replies: Vec::new(),
            exits: Vec::new(),
            message_frames: 0,
            log: vec![LogSeq::default(); count],
            sync: true,
            clock: 0,
            random: Pcg64Mcg::seed_from_u64(seed),
        }
    }

    /// A network of this shape whose links are all up.
    fn joined(graph: &Graph, seed: u64, limits: &Limits) -> Self {
        let mut net = Self::of(graph.node_count(), seed, limits);
        for index in 0..graph.node_count() {
            let peers = graph.neighbours(index).iter().map(|&peer| (Some(name(peer)), endpoint(peer))).collect();
            net.ask(index, Request::Connect { peers });
        }
        net.run();
        net
    }

    fn now(&mut self) -> Now {
        self.clock += 1_000;
        Now { mono: Mono(self.clock), wall: Wall(1_000_000_000 + self.clock) }
    }

    fn input(&mut self, index: usize, input: Input) {
        let now = self.now();
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            for output in turn(&mut self.nodes[index], now, input) {
                self.perform(index, output, &mut inputs);
            }
            if self.sync {
                inputs.extend((self.log[index] > LogSeq::default()).then_some(Input::Synced(self.log[index])));
                self.log[index] = LogSeq::default();
            }
        }
    }

    fn perform(&mut self, index: usize, output: Output, inputs: &mut VecDeque<Input>) {
        match output {
            Output::Append(seq, _) => self.log[index] = seq,
            Output::Renew(_) | Output::Adopt(_) => {}
            Output::Connect(link, to, _) => {
                // Elsewhere nobody answers.
                if let Some(target) = (0..self.nodes.len()).find(|&other| endpoint(other).port() == to.port()) {
                    self.wires.insert((index, link), (target, VecDeque::new()));
                    inputs.push_back(Input::Writable(link));
                }
            }
            Output::Disconnect(link) => drop(self.wires.remove(&(index, link))),
            Output::Send(links, frame) => {
                self.message_frames += if matches!(frame, Frame::Message(_)) { links.len() as u64 } else { 0 };
                for link in links {
                    let arrived =
                        Input::Arrived { from: self.nodes[index].name().clone().into(), frame: frame.clone() };
                    if let Some((_, queue)) = self.wires.get_mut(&(index, link)) {
                        queue.push_back(arrived);
                    }
                }
            }
            Output::Answer(to, answer) => {
                let nodes = &self.nodes;
                let is_meant = |from: usize, target: usize| *nodes[from].name() == to && target == index;
                // A ROUTER hands a name over to whoever connected under it last.
                let wire = self.wires.iter_mut().rfind(|((from, _), (target, _))| is_meant(*from, *target));
                if let Some(((_, link), (_, queue))) = wire {
                    queue.push_back(Input::Answered { link: *link, answer });
                }
            }
            Output::Reply(_, id, reply) => self.replies.push((index, id, reply)),
            Output::Exit { .. } => self.exits.push(index),
            Output::Notify(_) | Output::Disturb(..) | Output::Reopen => {}
        }
    }

    /// Lets everything that is under way arrive, and all waits of the next `time` end.
    fn settle(&mut self, time: Duration) {
        let end = Mono(self.clock) + time;
        self.run();
        while let Some((at, index)) = (0..self.nodes.len()).filter_map(|n| Some((self.nodes[n].deadline()?, n))).min()
            && at <= end
        {
            self.clock = self.clock.max(at.0);
            self.input(index, Input::Tick);
            self.run();
        }
    }

    /// Lets everything that is under way arrive.
    fn run(&mut self) {
        loop {
            let busy: Vec<_> = self.wires.iter().filter(|(_, (_, queue))| !queue.is_empty()).map(|(&k, _)| k).collect();
            if busy.is_empty() {
                return;
            }
            let (from, link) = busy[self.random.next_u64() as usize % busy.len()];
            let (target, queue) = self.wires.get_mut(&(from, link)).unwrap();
            let (target, input) = (*target, queue.pop_front().unwrap());
            let receiver = if matches!(input, Input::Answered { .. }) { from } else { target };
            self.input(receiver, input);
        }
    }

    fn ask(&mut self, index: usize, request: Request) {
        let client = ReturnAddress([1].into());
        self.input(index, Input::Requested { principal: Principal::Unnamed, client, id: RequestId::None, request });
    }

    /// The reply to a request that is answered at once.
    fn reply(&mut self, index: usize, request: Request) -> Reply {
        self.ask(index, request);
        self.replies.pop().unwrap().2
    }

    fn publish(&mut self, index: usize, relays: Option<u64>, payload: &[u8]) -> MessageId {
        let trace = relays.map(|relays| Relays::try_from(relays).unwrap());
        match self.reply(index, Request::Publish { trace, body: Body::one(payload.into()) }) {
            Reply::Receipt { id, .. } => id,
            other => panic!("no receipt but {other:?}"),
        }
    }

    fn inbox(&mut self, index: usize) -> Page {
        let fetch = Fetch { status: Status::All, from: Cursor::default(), through: None, limit: u64::MAX, mark: false };
        match self.reply(index, Request::Fetch(fetch)) {
            Reply::Page(page) => page,
            other => panic!("no page but {other:?}"),
        }
    }

    fn count(&self, index: usize, counter: Counter) -> u64 {
        self.nodes[index].machines.stats.total().get(counter)
    }

    fn refused(&self, index: usize, refusal: Refusal) -> u64 {
        self.nodes[index].machines.stats.total().refused(refusal)
    }
}

fn drained(node: &mut Node) -> Vec<Output> {
    std::iter::from_fn(|| node.poll_output()).collect()
}

/// All that a node does in a turn of one input.
fn turn(node: &mut Node, now: Now, input: Input) -> Vec<Output> {
    node.handle(now, input);
    let mut outputs = drained(node);
    node.flush(now);
    outputs.extend(drained(node));
    outputs
}

/// A message by itself, as it crosses a link.
fn single(id: MessageId, payload: &[u8]) -> Batch {
    Batch { id, published_at: Wall(0), hops: 1, trace: None, tree: None, body: Body::one(payload.into()) }
}

/// The record of a batch that is new as a whole.
fn received(batch: Batch) -> Record {
    let (first, last) = batch.range();
    Record::Received { batch, first, last, position: 0, at: Wall(0) }
}

/// Records at the first places of a log.
fn numbered(records: impl IntoIterator<Item = Record>) -> impl Iterator<Item = (LogSeq, Record)> {
    (1..).map(LogSeq).zip(records)
}

fn graphs() -> Vec<Graph> {
    let random = Shape::Random { degree: 3 };
    let all = [(Shape::Circular, 2), (Shape::Circular, 5), (random, 16), (Shape::Powerlaw, 16), (random, 64)];
    all.map(|(shape, nodes)| generate(shape, nodes, 11).unwrap()).into()
}

#[test]
fn neighbours_meet_and_whoever_waits_is_told() {
    for graph in graphs() {
        let mut net = Net::of(graph.node_count(), 1, &Limits::default());
        let peers = |index: usize| graph.neighbours(index).iter().map(|&p| (Some(name(p)), endpoint(p))).collect();
        net.ask(0, Request::Connect { peers: peers(0) });
        net.ask(0, Request::Ready);
        assert_eq!(net.replies.len(), 1, "told before the links were up");
        for index in 1..graph.node_count() {
            net.ask(index, Request::Connect { peers: peers(index) });
        }
        net.run();
        assert!(net.replies.iter().all(|(_, _, reply)| *reply == Reply::Done));
        assert_eq!(net.replies.len(), graph.node_count() + 1);
        for index in 0..graph.node_count() {
            let mut names: Vec<_> =
                net.nodes[index].machines.membership.neighbours().iter().map(|(node, _)| node.clone()).collect();
            names.sort_by(|a, b| a.natural_key().cmp(&b.natural_key()));
            assert_eq!(names, graph.neighbours(index).iter().map(|&peer| name(peer)).collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_traced_message_follows_the_relay_rule_on_every_graph() {
    // A ring of two is a pair of leaves, where the counts of the rule do not hold.
    let all = || graphs().into_iter().skip(1);
    for (graph, relays) in all().zip([3, 2, 3, 1]).chain(all().zip([1, 16, 1, 2])) {
        let (limits, origin) = (Limits { page_len_max: usize::MAX, ..Limits::default() }, 1);
        let mut net = Net::joined(&graph, relays, &limits);
        let id = net.publish(origin, Some(relays), b"apple");
        net.run();
        assert_eq!(net.message_frames, 2 * graph.edge_count() as u64 * relays, "{relays} relays");
        for index in 0..graph.node_count() {
            let page = net.inbox(index);
            assert_eq!(page.messages.len(), 1, "each message once");
            let message = &page.messages[0];
            assert_eq!((&message.id, &*message.payload), (&id, &b"apple"[..]));
            let mut heard = BTreeMap::new();
            for path in &message.paths {
                assert_eq!((&path[0].node, &path[path.len() - 1].node), (&name(origin), &name(index)));
                for step in path.windows(2) {
                    let [a, b] = [&step[0].node, &step[1].node].map(|node| graph.index_of(node).unwrap());
                    assert!(graph.has_edge(a, b), "a path took a link that is not there");
                    assert!(step[0].micros <= step[1].micros);
                }
                if path.len() > 1 {
                    *heard.entry(path[path.len() - 2].node.clone()).or_insert(0) += 1;
                }
            }
            let expected: BTreeMap<_, _> = graph.neighbours(index).iter().map(|&peer| (name(peer), relays)).collect();
            assert_eq!(heard, expected, "each neighbour is heard R times");
            let own = usize::from(index == origin);
            assert_eq!(message.paths.len(), graph.degree(index) * relays as usize + own);
        }
    }
}

/// Strangers that make up copies of one message cannot make more of it than its relays allow on each link.
#[test]
fn forged_copies_go_no_further_than_the_relay_rule_lets_them() {
    let ring = generate(Shape::Circular, 4, 1).unwrap();
    let mut net = Net::joined(&ring, 3, &Limits::default());
    net.message_frames = 0;
    let id = MessageId { origin: name(50), incarnation: Incarnation(1), sequence: 1 };
    for stranger in (60..70).map(name) {
        let port = 7001 + stranger.to_string().parse::<u16>().unwrap();
        let hello = hello(|hello| {
            hello.node = stranger.clone();
            hello.endpoint = format!("10.0.0.9:{port}").parse().unwrap();
        });
        net.input(
            0,
            Input::Arrived { from: stranger.clone().into(), frame: Frame::Hello(hello, JoinPriority::Declared) },
        );
        for relays in (1..=16).rev() {
            let hops = [&id.origin, &stranger].map(|node| Hop { node: node.clone(), micros: 0 });
            let trace = Some(Trace { relays: Relays::try_from(relays).unwrap(), path: hops.into() });
            let message = Batch { hops: 2, trace, ..single(id.clone(), b"forged") };
            net.input(0, Input::Arrived { from: stranger.clone().into(), frame: Frame::Message(message) });
            net.run();
        }
    }
    assert_eq!(net.inbox(2).messages.len(), 1);
    let bound = 2 * ring.edge_count() as u64 * u64::from(Relays::MAX.get());
    assert!(net.message_frames <= bound, "{} copies of one message", net.message_frames);
}

#[test]
fn a_leaf_hears_once_and_has_nobody_to_tell() {
    let mut net = Net::joined(&graphs()[0], 0, &Limits::default());
    net.publish(0, Some(3), b"apple");
    net.run();
    assert_eq!(net.message_frames, 1);
    assert_eq!((net.inbox(0).messages[0].paths.len(), net.inbox(1).messages[0].paths.len()), (1, 1));
}

#[test]
fn an_untraced_message_crosses_each_link_at_most_once_each_way() {
    for graph in graphs() {
        let mut net = Net::joined(&graph, 3, &Limits::default());
        for sender in 0..graph.node_count() {
            net.publish(sender, None, b"x");
        }
        net.run();
        let nodes = graph.node_count() as u64;
        for index in 0..graph.node_count() {
            let page = net.inbox(index);
            assert_eq!(page.messages.len() as u64, nodes);
            assert!(page.messages.iter().all(|message| message.paths.is_empty()));
            assert_eq!(net.count(index, Counter::Delivered), nodes);
        }
        let least = nodes * (2 * graph.edge_count() as u64 - (nodes - 1));
        assert_eq!(net.message_frames, least, "no copy goes back to its sender");
    }
}

#[test]
fn a_path_at_its_limit_is_noted_counted_and_not_relayed() {
    let ring = generate(Shape::Circular, 8, 0).unwrap();
    let mut net = Net::joined(&ring, 0, &Limits { path_len_max: 3, ..Limits::default() });
    net.publish(0, Some(1), b"far");
    net.run();
    let held: Vec<_> = (0..8).map(|index| net.inbox(index).messages.len()).collect();
    assert_eq!(held, [1, 1, 1, 1, 0, 1, 1, 1], "three hops each way, and one node beyond that notes it");
    assert_eq!(net.inbox(3).messages[0].paths[0].len(), 4);
    assert_eq!(net.count(3, Counter::PathLimit) + net.count(5, Counter::PathLimit), 2);
}

#[test]
fn whoever_is_beyond_the_longest_path_gets_the_message_without_it() {
    let ring = generate(Shape::Circular, 8, 0).unwrap();
    let mut net = Net::joined(&ring, 0, &Limits { path_len_max: 3, ..Limits::default() });
    net.publish(0, Some(1), b"far");
    net.settle(Duration::from_secs(20));
    let messages = net.inbox(4).messages;
    assert_eq!(messages.len(), 1, "it is repaired");
    assert!(messages[0].paths.is_empty() && &messages[0].payload[..] == b"far");
    assert!(net.count(3, Counter::Resent) + net.count(5, Counter::Resent) > 0);
}

#[test]
fn the_inbox_keeps_its_bounds_and_counts_what_it_drops() {
    let pair = generate(Shape::Circular, 2, 0).unwrap();
    let mut net = Net::joined(&pair, 0, &Limits { retained_messages_max: 10, ..Limits::default() });
    for number in 0..25_u8 {
        net.publish(0, Some(1), &[number]);
    }
    net.run();
    for index in 0..2 {
        let page = net.inbox(index);
        assert_eq!(page.messages.iter().map(|m| m.payload[0]).collect::<Vec<_>>(), (15..25).collect::<Vec<_>>());
        assert_eq!(net.count(index, Counter::Evicted), 15);
        assert_eq!(net.count(index, Counter::EvictedUnread), 15);
    }
}

#[test]
fn what_a_node_cannot_take_is_refused_with_its_reason() {
    let mut net = Net::of(1, 0, &Limits { payload_len_max: 4, ..Limits::default() });
    let publish = || Request::Publish { trace: None, body: Body::one(b"large"[..].into()) };
    let Reply::Refused { refusal: Refusal::TooLarge, text } = net.reply(0, publish()) else { panic!("taken") };
    assert_eq!(text, "payload of 5 bytes is over the limit of 4 bytes; --payload-max sets it");
    net.input(0, Input::Pressure(true));
    let small = || Request::Publish { trace: None, body: Body::one(b"ok"[..].into()) };
    assert!(matches!(net.reply(0, small()), Reply::Refused { refusal: Refusal::Busy, .. }));
    net.input(0, Input::Pressure(false));
    assert!(matches!(net.reply(0, small()), Reply::Receipt { .. }));
}

fn hello(change: impl FnOnce(&mut Introduction)) -> Introduction {
    let mut hello = Introduction {
        node: name(1),
        endpoint: endpoint(1),
        network: "test".parse().unwrap(),
        instance: Instance::default(),
        incarnation: Incarnation(1),
        capabilities: Vec::new(),
        payload_len_max: None,
    };
    change(&mut hello);
    hello
}

#[test]
fn strangers_are_refused_and_counted() {
    type Change = fn(&mut Introduction);
    let cases: [(Refusal, Change); 5] = [
        (Refusal::OtherNetwork, |hello| hello.network = "other".parse().unwrap()),
        (Refusal::OtherInstance, |hello| hello.instance = "two".parse().unwrap()),
        (Refusal::OtherPayloadMax, |hello| hello.payload_len_max = Some(1)),
        (Refusal::BadIdentity, |hello| hello.node = name(2)),
        (Refusal::NameTaken, |hello| (hello.node, hello.incarnation) = (name(0), Incarnation(8))),
    ];
    for (refusal, change) in cases {
        let mut net = Net::of(2, 0, &Limits::default());
        let from = if refusal == Refusal::NameTaken { name(0) } else { name(1) };
        net.input(0, Input::Arrived { from: from.into(), frame: Frame::Hello(hello(change), JoinPriority::Declared) });
        assert_eq!(net.refused(0, refusal), 1, "{refusal:?}");
        assert!(!net.nodes[0].machines.membership.is_introduced(&name(1)));
        assert_eq!(net.wires.len(), 0, "no link to a stranger");
    }
}

/// All that a node does in a turn of one input.
fn outputs(node: &mut Node, at: Duration, input: Input) -> Vec<Output> {
    turn(node, Now { mono: Mono(0) + at, wall: Wall(0) }, input)
}

fn arrived(frame: Frame) -> Input {
    Input::Arrived { from: name(1).into(), frame }
}

/// A node whose link 0 to node 2 at its usual address is up.
fn with_peer() -> Node {
    met(Node::new(config(0, Limits::default()), Incarnation(7), 0, "test", Now::default()))
}

/// The node, and a link to a neighbour.
fn met(mut node: Node) -> Node {
    outputs(&mut node, Duration::ZERO, arrived(Frame::Hello(hello(|_| {}), JoinPriority::Declared)));
    let welcome = Answer::Welcome(hello(|_| {}), None);
    outputs(&mut node, Duration::ZERO, Input::Answered { link: LinkId(0), answer: welcome });
    assert_eq!(node.machines.membership.neighbours().iter().count(), 1);
    node
}

#[test]
fn whoever_has_seen_something_else_is_told_all_and_told_so() {
    let mut node = Node::new(config(0, Limits::default()), Incarnation(7), 0, "test", Now::default());
    let mends = || hello(|hello| hello.capabilities = vec!["repair".into()]);
    outputs(&mut node, Duration::ZERO, arrived(Frame::Hello(mends(), JoinPriority::Declared)));
    outputs(&mut node, Duration::ZERO, Input::Answered { link: LinkId(0), answer: Answer::Welcome(mends(), None) });
    let publish = Request::Publish { trace: None, body: Body::one(b"x"[..].into()) };
    let client = ReturnAddress([1].into());
    outputs(
        &mut node,
        Duration::ZERO,
        Input::Requested { principal: Principal::Unnamed, client, id: RequestId::None, request: publish },
    );
    outputs(&mut node, Duration::from_secs(1), Input::Tick);
    let own = node.machines.dissemination.seen().hashes();
    let other = Hashes { seen: own.seen ^ 1, ..own };
    let mut ping = |millis, digest| {
        let at = Duration::from_millis(millis);
        outputs(&mut node, at, arrived(Frame::Ping { token: 9, digest: Some(digest) }));
        let told = [at, at + Duration::from_millis(600)].map(|at| outputs(&mut node, at, Input::Tick));
        let is_digest = |output: &Output| matches!(output, Output::Send(_, Frame::Digest { .. }));
        let is_ping =
            |output: &Output| matches!(output, Output::Send(_, Frame::Ping { digest, .. }) if *digest == Some(own));
        (told[0].iter().any(is_digest), told.iter().flatten().any(is_ping))
    };
    assert_eq!(ping(3000, own), (false, false), "the same");
    assert_eq!(ping(4000, other), (true, true), "it may lack nothing, and we something");
    assert!(!ping(5000, other).0, "not at once again");
}

fn digest(streams: Vec<StreamRanges>) -> Frame {
    Frame::Digest { streams, given_up: Vec::new(), spans: Vec::new() }
}

fn ping_in(outputs: &[Output]) -> u64 {
    let [Output::Send(links, Frame::Ping { token, .. })] = outputs else { panic!("no ping but {outputs:?}") };
    assert_eq!(links[..], [LinkId(0)]);
    *token
}

#[test]
fn a_name_stays_with_the_node_that_answers_to_it() {
    let mut node = with_peer();
    let impostor = || arrived(Frame::Hello(hello(|hello| hello.endpoint = endpoint(5)), JoinPriority::Declared));
    let at = Duration::from_millis;
    let token = ping_in(&outputs(&mut node, at(100), impostor()));
    assert_eq!(outputs(&mut node, at(110), impostor()), [], "who asks again at once waits, too");
    let pong = Input::Answered { link: LinkId(0), answer: Answer::Pong(token) };
    let told = outputs(&mut node, at(120), pong);
    assert!(
        matches!(&told[0], Output::Answer(to, Answer::Refuse { code, .. }) if *to == name(1) && code == "name_taken")
    );
    assert!(matches!(&told[2..], [Output::Send(_, Frame::Hello(..))]), "the first one is told: {told:?}");
    assert_eq!(node.machines.stats.total().refused(Refusal::NameTaken), 1);
    assert_eq!(node.machines.membership.describe()[0].endpoint, endpoint(1));
}

#[test]
fn a_node_that_moved_gets_its_name_when_its_former_address_is_silent() {
    let mut node = with_peer();
    let moved = || {
        arrived(Frame::Hello(
            hello(|hello| (hello.endpoint, hello.incarnation) = (endpoint(5), Incarnation(2))),
            JoinPriority::Declared,
        ))
    };
    ping_in(&outputs(&mut node, Duration::from_millis(100), moved()));
    let told = outputs(&mut node, Duration::from_millis(1100), moved());
    assert!(told.iter().any(|output| matches!(output, Output::Answer(_, Answer::Welcome(..)))), "{told:?}");
    let peers = node.machines.membership.describe();
    assert_eq!((peers.len(), &peers[0].endpoint), (1, &endpoint(5)));
}

#[test]
fn who_is_told_that_its_name_is_taken_lets_go() {
    let mut node = with_peer();
    let answer = Answer::Refuse { code: "name_taken".into(), text: "by another".into() };
    let told = outputs(&mut node, Duration::ZERO, Input::Answered { link: LinkId(0), answer });
    let [Output::Notify(Event::NameTaken(why)), rest @ ..] = &told[..] else { panic!("{told:?}") };
    assert!(why.starts_with("by another, not by"), "{why}");
    assert!(matches!(rest, [Output::Disconnect(LinkId(0)), Output::Notify(Event::RefusedBy { .. })]), "{told:?}");
}

#[test]
fn a_link_that_is_silent_while_its_peer_greets_is_opened_anew() {
    for answers in [true, false] {
        let mut node = with_peer();
        let at = Duration::from_millis;
        let told = outputs(&mut node, at(100), arrived(Frame::Hello(hello(|_| {}), JoinPriority::Declared)));
        let token = ping_in(&told[1..]);
        if answers {
            outputs(&mut node, at(110), Input::Answered { link: LinkId(0), answer: Answer::Pong(token) });
        }
        let mut told = Vec::new();
        while let Some(Mono(due)) = node.deadline().filter(|&due| due.0 < 1_500_000_000) {
            told = outputs(&mut node, Duration::from_nanos(due), Input::Tick);
        }
        let is_reopened = matches!(&told[..], [.., Output::Disconnect(LinkId(0)), Output::Connect(LinkId(0), ..)]);
        assert_eq!(is_reopened, !answers, "{told:?}");
        assert_eq!(node.machines.stats.total().get(Counter::Reopened), u64::from(!answers));
        assert_eq!(node.machines.membership.neighbours().iter().count(), usize::from(answers));
    }
}

#[test]
fn frames_before_hello_are_refused_and_a_restarted_neighbour_is_met_again() {
    let pair = generate(Shape::Circular, 2, 0).unwrap();
    let mut net = Net::joined(&pair, 0, &Limits::default());
    // Node 2 dies and comes back, knowing nobody; node 1 goes on as if nothing had happened.
    net.nodes[1] = Node::new(config(1, Limits::default()), Incarnation(8), 0, "test", Now::default());
    net.wires.retain(|&(from, _), _| from != 1);
    net.publish(0, None, b"missed");
    net.run();
    assert_eq!(net.refused(1, Refusal::NotIntroduced), 1);
    assert_eq!(net.count(0, Counter::RefusedByPeer), 1);
    net.publish(0, None, b"heard");
    net.publish(1, None, b"both ways");
    net.settle(Duration::from_secs(1));
    assert_eq!(net.inbox(1).messages.len(), 3, "also what it was not there for");
    assert_eq!(net.inbox(0).messages.len(), 3);
}

#[test]
fn a_leaving_node_is_forgotten_before_it_says_so() {
    let graph = generate(Shape::Random { degree: 3 }, 16, 2).unwrap();
    let mut net = Net::joined(&graph, 5, &Limits::default());
    net.replies.clear();
    net.ask(4, Request::Remove);
    net.ask(4, Request::Remove);
    assert!(net.exits.is_empty() && net.replies.is_empty(), "it waits for its neighbours");
    net.run();
    assert_eq!(net.exits, [4]);
    assert_eq!(net.replies.len(), 2, "who asks again is told, too");
    assert!(net.replies.iter().all(|(node, _, reply)| (*node, reply) == (4, &Reply::Done)));
    let late = Request::Publish { trace: None, body: Body::one(b"late"[..].into()) };
    assert!(matches!(net.reply(4, late), Reply::Refused { refusal: Refusal::Leaving, .. }), "nobody would hear it");
    for &peer in graph.neighbours(4) {
        assert!(net.nodes[peer].machines.membership.neighbours().iter().all(|(node, _)| *node != name(4)));
        assert!(!net.nodes[peer].machines.membership.is_introduced(&name(4)));
    }
}

/// Returns whether two nodes have a link to each other, and take it for declared; `None` if they do not agree.
fn are_peers(net: &Net, a: usize, b: usize) -> Option<bool> {
    let sees = |node: usize, other: usize| {
        let node = &net.nodes[node];
        let declared = node.machines.membership.is_declared(&name(other));
        let linked = node.machines.membership.neighbours().iter().any(|(peer, _)| *peer == name(other));
        (declared == linked && linked == node.machines.membership.is_introduced(&name(other))).then_some(linked)
    };
    sees(a, b).filter(|_| sees(a, b) == sees(b, a))
}

#[test]
fn peers_that_are_to_be_none_part_in_any_order_and_lose_no_message() {
    for (seed, (told, publishes)) in (0..).zip([(1, true), (2, true), (3, true), (3, false), (1, false), (2, false)]) {
        let graph = generate(Shape::Random { degree: 3 }, 8, seed).unwrap();
        let mut net = Net::joined(&graph, seed, &Limits::default());
        net.settle(Duration::from_secs(1));
        let (a, b) = graph.edges().next().unwrap();
        assert_eq!(are_peers(&net, a, b), Some(true));
        let mut sent = 0;
        let mut publish = |net: &mut Net| {
            for node in 0..8 {
                net.publish(node, None, b"m");
                sent += 1;
            }
        };
        publish(&mut net);
        for (end, other, bit) in [(a, b, 1), (b, a, 2)] {
            if told & bit != 0 {
                net.ask(end, Request::Disconnect { nodes: vec![name(other), name(40), name(end)] });
            }
            if publishes {
                publish(&mut net);
            }
        }
        net.settle(Duration::from_secs(20));
        assert_eq!(are_peers(&net, a, b), Some(false), "told {told}");
        for node in 0..8 {
            assert_eq!(net.inbox(node).messages.len(), sent, "at {node}, told {told}");
        }
        for (end, other) in [(a, b), (b, a)] {
            net.ask(end, Request::Connect { peers: vec![(Some(name(other)), endpoint(other))] });
        }
        net.settle(Duration::from_secs(2));
        assert_eq!(are_peers(&net, a, b), Some(true), "made again");
    }
}

#[test]
fn a_link_without_connection_is_down_until_it_is_greeted_again() {
    let pair = generate(Shape::Circular, 2, 0).unwrap();
    let mut net = Net::joined(&pair, 0, &Limits::default());
    net.input(0, Input::Unsent { link: LinkId(0), why: Counter::QueueFull });
    assert_eq!(net.nodes[0].machines.membership.neighbours().iter().count(), 1, "a full queue is no lost connection");
    net.input(0, Input::Unsent { link: LinkId(0), why: Counter::NotConnected });
    assert_eq!(net.nodes[0].machines.membership.neighbours().iter().count(), 0);
    net.publish(0, None, b"missed");
    assert_eq!((net.message_frames, net.inbox(1).messages.len()), (0, 0));
    net.input(0, Input::Writable(LinkId(0)));
    net.settle(Duration::from_secs(1));
    assert_eq!(
        (net.nodes[0].machines.membership.neighbours().iter().count(), net.inbox(1).messages.len()),
        (1, 1),
        "fetched"
    );
}

#[test]
fn a_leaving_node_waits_for_each_neighbour_and_meets_nobody() {
    let graph = generate(Shape::Random { degree: 3 }, 4, 2).unwrap();
    let mut net = Net::joined(&graph, 5, &Limits::default());
    net.replies.clear();
    net.ask(0, Request::Remove);
    for _ in 0..5 {
        net.input(0, Input::Answered { link: LinkId(0), answer: Answer::Farewell });
    }
    assert!(net.exits.is_empty(), "one neighbour cannot speak for the others");
    net.input(
        0,
        Input::Arrived {
            from: name(7).into(),
            frame: Frame::Hello(hello(|hello| hello.node = name(7)), JoinPriority::Declared),
        },
    );
    assert_eq!(net.refused(0, Refusal::Leaving), 1);
    net.run();
    assert_eq!(net.exits, [0]);
}

#[test]
fn a_peer_that_was_dialled_by_another_spelling_is_the_same_peer() {
    for seed in 0..20 {
        let mut net = Net::of(2, seed, &Limits::default());
        net.ask(1, Request::Connect { peers: vec![(None, "alias.example:7001".parse().unwrap())] });
        net.run();
        net.ask(1, Request::Connect { peers: vec![(None, "other.example:7001".parse().unwrap())] });
        net.run();
        for index in 0..2 {
            assert_eq!(net.refused(index, Refusal::NameTaken), 0, "nobody took its name");
            assert_eq!(net.nodes[index].machines.membership.neighbours().iter().count(), 1, "one link each way");
        }
        net.publish(0, None, b"there");
        net.publish(1, None, b"and back");
        net.run();
        assert_eq!((net.inbox(0).messages.len(), net.inbox(1).messages.len()), (2, 2));
    }
}

#[test]
fn refusing_one_message_leaves_the_link_up() {
    let pair = generate(Shape::Circular, 2, 0).unwrap();
    let mut net = Net::joined(&pair, 0, &Limits::default());
    let answer = Answer::Refuse { code: "too_large".into(), text: "no".into() };
    net.input(0, Input::Answered { link: LinkId(0), answer });
    assert_eq!(net.nodes[0].machines.membership.neighbours().iter().count(), 1);
}

#[test]
fn a_connection_that_answers_no_greeting_is_made_anew() {
    let mut node = Node::new(config(0, Limits::default()), Incarnation(7), 0, "test", Now::default());
    let connect = Request::Connect { peers: vec![(None, endpoint(1))] };
    let (client, id) = (ReturnAddress([1].into()), RequestId::None);
    outputs(
        &mut node,
        Duration::ZERO,
        Input::Requested { principal: Principal::Unnamed, client, id, request: connect },
    );
    outputs(&mut node, Duration::ZERO, Input::Writable(LinkId(0)));
    let reopened = (1..10).find(|&second| {
        let told = outputs(&mut node, Duration::from_secs(second), Input::Tick);
        matches!(&told[..], [Output::Disconnect(LinkId(0)), Output::Connect(LinkId(0), ..)])
    });
    assert_eq!(reopened, Some(5));
}

#[test]
fn a_traced_message_larger_than_the_inbox_is_passed_on() {
    let ring = generate(Shape::Circular, 4, 0).unwrap();
    let mut net = Net::joined(&ring, 0, &Limits { retained_bytes_max: 100, ..Limits::default() });
    net.publish(0, Some(1), &[7; 200]);
    net.run();
    let delivered: Vec<_> = (0..4).map(|index| net.count(index, Counter::Delivered)).collect();
    assert_eq!(delivered, [1; 4]);
}

#[test]
fn silent_neighbours_keep_nobody_from_leaving() {
    let pair = generate(Shape::Circular, 2, 0).unwrap();
    let mut net = Net::joined(&pair, 0, &Limits::default());
    net.ask(0, Request::Remove);
    net.wires.clear();
    net.run();
    assert!(net.exits.is_empty());
    net.clock += Limits::default().leave_timeout.as_nanos() as u64;
    net.input(0, Input::Tick);
    assert_eq!(net.exits, [0]);
}

#[test]
fn waiting_for_links_has_an_end() {
    let mut net = Net::of(2, 0, &Limits::default());
    net.ask(0, Request::Connect { peers: vec![(None, endpoint(1))] });
    net.wires.clear();
    net.ask(0, Request::Ready);
    net.clock += Limits::default().ready_timeout.as_nanos() as u64;
    net.input(0, Input::Tick);
    let Some((_, _, Reply::Refused { refusal: Refusal::NotReady, text })) = net.replies.last() else {
        panic!("{:?}", net.replies)
    };
    assert_eq!(text, "no answer from tcp://10.0.0.1:7002");
}

#[test]
fn who_waits_for_links_hears_that_the_node_ends() {
    let mut net = Net::of(2, 0, &Limits::default());
    net.ask(0, Request::Connect { peers: vec![(None, endpoint(1))] });
    net.wires.clear();
    net.replies.clear();
    net.ask(0, Request::Ready);
    assert_eq!(net.replies, [], "its link is not up");
    net.ask(0, Request::Remove);
    net.run();
    net.ask(0, Request::Ready);
    let is_refused = |(_, _, reply): &&(_, _, Reply)| matches!(reply, Reply::Refused { refusal: Refusal::Leaving, .. });
    assert_eq!((net.exits.as_slice(), net.replies.len()), (&[0][..], 3), "{:?}", net.replies);
    assert_eq!(net.replies.iter().filter(is_refused).count(), 2, "before the end and after it");
}

#[test]
fn a_node_without_instance_takes_the_one_it_meets_and_keeps_it() {
    let mut net = Net::of(3, 0, &Limits::default());
    let mut alone = config(2, Limits::default());
    alone.instance = Instance::default();
    net.nodes[2] = Node::new(alone, Incarnation(1), 0, "test", Now::default());
    net.ask(2, Request::Connect { peers: vec![(None, endpoint(0))] });
    net.run();
    assert_eq!(net.nodes[2].machines.membership.me().instance.as_str(), "one");
    assert_eq!(net.nodes[2].machines.membership.neighbours().iter().count(), 1);
    let other = hello(|hello| hello.instance = "two".parse().unwrap());
    net.input(2, Input::Arrived { from: name(1).into(), frame: Frame::Hello(other, JoinPriority::Declared) });
    assert_eq!(net.refused(2, Refusal::OtherInstance), 1);
}

#[test]
fn probes_measure_the_round_trip() {
    let pair = generate(Shape::Circular, 2, 0).unwrap();
    let mut net = Net::joined(&pair, 0, &Limits::default());
    net.clock += Protocol::default().timing.ping_interval.as_nanos() as u64;
    net.input(0, Input::Tick);
    net.run();
    let Reply::Peers(peers) = net.reply(0, Request::Peers) else { panic!("no peers") };
    assert!(peers[0].up && peers[0].round_trip.is_some());
}

#[test]
fn a_path_that_does_not_lead_from_origin_to_sender_is_refused() {
    let pair = generate(Shape::Circular, 2, 0).unwrap();
    let mut net = Net::joined(&pair, 0, &Limits::default());
    let id = MessageId { origin: name(5), incarnation: Incarnation(1), sequence: 1 };
    let hop = |index| Hop { node: name(index), micros: 0 };
    for path in [vec![], vec![hop(1)], vec![hop(5), hop(3)]] {
        let trace = Some(Trace { relays: Relays::ONE, path: path.into() });
        let message = Batch { trace, ..single(id.clone(), b"x") };
        net.input(0, Input::Arrived { from: name(1).into(), frame: Frame::Message(message) });
    }
    assert_eq!(net.refused(0, Refusal::BadRequest), 3);
    assert!(net.inbox(0).messages.is_empty());
}

#[test]
fn one_frame_begins_one_life_at_most() {
    let pair = generate(Shape::Circular, 2, 0).unwrap();
    let mut net = Net::joined(&pair, 0, &Limits::default());
    let told = |life| StreamRanges {
        stream: StreamId { origin: name(0), incarnation: Incarnation(life) },
        ranges: vec![(1, 9)],
    };
    let announced = |life| Announcement { held: told(life), age: Duration::ZERO, was_pushed: false };
    net.input(0, Input::Arrived { from: name(1).into(), frame: digest((7..100).map(told).collect()) });
    assert_eq!(net.count(0, Counter::Renewed), 1);
    let life = net.nodes[0].machines.dissemination.latest().incarnation.0;
    let lives = (life..life + 100).map(announced).collect();
    net.input(0, Input::Arrived { from: name(1).into(), frame: Frame::Have(lives) });
    assert_eq!(net.count(0, Counter::Renewed), 2);
}

/// A message of a node's present life that it never published.
fn forged(net: &Net, index: usize, sequence: u64) -> Batch {
    let id = MessageId {
        origin: name(index),
        incarnation: net.nodes[index].machines.dissemination.latest().incarnation,
        sequence,
    };
    Batch { hops: 2, ..single(id, b"theirs") }
}

#[test]
fn a_life_that_another_uses_is_left_to_it_wherever_that_is_seen() {
    let pair = generate(Shape::Circular, 2, 0).unwrap();
    let held = |message: &Batch| StreamRanges { stream: message.id.stream(), ranges: vec![(1, 9)] };
    let hop = Hop { node: name(0), micros: 0 };
    let trace = Trace { relays: Relays::ONE, path: [hop, Hop { node: name(1), micros: 0 }].into() };
    let seen: [&dyn Fn(Batch) -> Frame; 4] = [
        &|message| Frame::Message(message),
        &|message| digest(vec![held(&message)]),
        &|message| Frame::Have(vec![Announcement { held: held(&message), age: Duration::ZERO, was_pushed: false }]),
        &|Batch { id, published_at, hops, .. }| Frame::Path(PathCopy { id, published_at, hops, trace: trace.clone() }),
    ];
    for frame in seen {
        let mut net = Net::joined(&pair, 0, &Limits::default());
        let theirs = forged(&net, 0, 9);
        net.input(0, Input::Arrived { from: name(1).into(), frame: frame(theirs.clone()) });
        assert!(
            net.nodes[0].machines.dissemination.latest().incarnation > theirs.id.incarnation,
            "{:?}",
            frame(theirs)
        );
        net.input(0, Input::Arrived { from: name(1).into(), frame: Frame::Message(theirs.clone()) });
        net.ask(0, Request::Publish { trace: None, body: Body::one(b"ours"[..].into()) });
        net.settle(Duration::from_secs(2));
        let kept = |index: usize, net: &mut Net| -> Vec<MessageId> {
            net.inbox(index).messages.into_iter().map(|fetched| fetched.id).collect()
        };
        assert_eq!(kept(0, &mut net).len(), 2, "{:?}", frame(theirs));
        assert!(kept(1, &mut net).contains(&theirs.id) || kept(0, &mut net).contains(&theirs.id));
    }
}

#[test]
fn whoever_invents_lives_is_heard_a_bounded_number_of_times() {
    let pair = generate(Shape::Circular, 2, 0).unwrap();
    let mut net = Net::joined(&pair, 0, &Limits::default());
    for _ in 0..100 {
        let message = forged(&net, 0, 9);
        net.input(0, Input::Arrived { from: name(1).into(), frame: Frame::Message(message) });
    }
    assert_eq!(net.count(0, Counter::Renewed), 16);
    assert_eq!(net.refused(0, Refusal::BadRequest), 84);
}

#[test]
fn a_life_beyond_the_greatest_makes_no_other() {
    let pair = generate(Shape::Circular, 2, 0).unwrap();
    for life in [1 << 53, 1 << 62, u64::MAX] {
        let mut net = Net::joined(&pair, 0, &Limits::default());
        let life = Incarnation(life);
        let welcome = net.nodes[1].machines.membership.me().clone();
        let (&(_, link), _) = net.wires.iter().find(|((from, _), _)| *from == 0).unwrap();
        let answer = Answer::Welcome(welcome, Some(LifeSeen { incarnation: life, sequence: 1 }));
        net.input(0, Input::Answered { link, answer });
        let held = StreamRanges { stream: StreamId { origin: name(0), incarnation: life }, ranges: vec![(1, 9)] };
        net.input(0, Input::Arrived { from: name(1).into(), frame: digest(vec![held]) });
        assert_eq!(net.count(0, Counter::Renewed), 0);
        assert!(net.nodes[0].machines.dissemination.latest().incarnation <= Incarnation::MAX);
    }
}

/// A HELLO of another node that goes by the name of the first one.
fn namesake(net: &Net, life: u64, port: u16) -> Introduction {
    let endpoint = endpoint(0).with_port(port);
    Introduction { endpoint, incarnation: Incarnation(life), ..net.nodes[0].machines.membership.me().clone() }
}

fn refusals(net: &mut Net, hello: Introduction) -> Vec<String> {
    let now = net.now();
    let node = &mut net.nodes[0];
    node.handle(
        now,
        Input::Arrived { from: hello.node.clone().into(), frame: Frame::Hello(hello, JoinPriority::Declared) },
    );
    let code = |output| match output {
        Output::Answer(_, Answer::Refuse { code, .. }) => Some(code),
        _ => None,
    };
    std::iter::from_fn(|| node.poll_output()).filter_map(code).collect()
}

fn publishes(net: &mut Net) -> bool {
    net.replies.clear();
    net.ask(0, Request::Publish { trace: None, body: Body::one(b"x"[..].into()) });
    matches!(net.replies[..], [(0, _, Reply::Receipt { .. })])
}

#[test]
fn of_two_namesakes_that_refuse_each_other_the_earlier_one_takes_messages() {
    let pair = generate(Shape::Circular, 2, 0).unwrap();
    let mut net = Net::joined(&pair, 0, &Limits::default());
    let (&(_, link), _) = net.wires.iter().find(|((from, _), _)| *from == 0).unwrap();
    let taken = || Answer::Refuse { code: "name_taken".into(), text: "it is taken".into() };
    let at_link = net.nodes[0].machines.membership.describe()[0].endpoint.port();
    let later = namesake(&net, 8, at_link);
    assert_eq!(refusals(&mut net, later.clone()), ["name_taken"]);
    // The answer of the one that came later comes back over a link to it.
    net.input(0, Input::Answered { link, answer: taken() });
    assert!(publishes(&mut net), "it was there first");

    let mut net = Net::joined(&pair, 0, &Limits::default());
    net.input(0, Input::Answered { link, answer: taken() });
    assert!(!publishes(&mut net), "refused by a node of which it knows nothing");
    let now = net.now();
    let told = "it is taken, not by tcp://10.0.0.1:7001";
    assert_eq!(net.nodes[0].status(now).name_taken.as_deref(), Some(told));
    assert_eq!(refusals(&mut net, later), ["name_taken"]);
    assert!(publishes(&mut net), "it was a namesake, which came later");

    let mut net = Net::joined(&pair, 0, &Limits::default());
    let earlier = namesake(&net, 6, at_link);
    assert_eq!(refusals(&mut net, earlier), ["name_taken"]);
    assert!(publishes(&mut net), "a greeting proves nothing");
    net.input(0, Input::Answered { link, answer: taken() });
    assert!(!publishes(&mut net));
}

/// Two nodes that are neighbours, and at each of them one of two that go by one name, in whatever order things happen.
#[test]
fn two_live_nodes_of_one_name_lose_no_message_and_one_of_them_stops_taking_them() {
    for seed in 0..20 {
        let mut net = Net::of(4, seed, &Limits::default());
        let twin = Config { node: name(2), ..config(3, Limits::default()) };
        net.nodes[3] = Node::new(twin, Incarnation(8), seed, "test", Now::default());
        for (from, to) in [(0, 1), (2, 0), (3, 1)] {
            net.ask(from, Request::Connect { peers: vec![(None, endpoint(to))] });
        }
        let mut acknowledged = Vec::new();
        for round in 0..60 {
            for index in [2, 3] {
                net.replies.clear();
                net.ask(index, Request::Publish { trace: None, body: Body::one(b"x"[..].into()) });
                let receipt = net.replies.drain(..).find_map(|(_, _, reply)| match reply {
                    Reply::Receipt { id, .. } => Some(id),
                    _ => None,
                });
                assert!(round < 50 || receipt.is_some() == (index == 2), "seed {seed}: the later one gives way");
                acknowledged.extend(receipt);
            }
            net.settle(Duration::from_millis(500));
        }
        net.settle(Duration::from_secs(10));
        for index in 0..4 {
            let has: BTreeSet<_> = net.inbox(index).messages.into_iter().map(|fetched| fetched.id).collect();
            let lost: Vec<_> = acknowledged.iter().filter(|id| !has.contains(id)).collect();
            assert!(lost.is_empty(), "seed {seed}, node {index}: {lost:?}");
        }
    }
}

#[test]
fn a_node_that_greets_itself_is_no_namesake() {
    let pair = generate(Shape::Circular, 2, 0).unwrap();
    let mut net = Net::joined(&pair, 0, &Limits::default());
    let (&(_, link), _) = net.wires.iter().find(|((from, _), _)| *from == 0).unwrap();
    let itself = net.nodes[0].machines.membership.me().clone();
    assert_eq!(refusals(&mut net, itself), ["name_taken"]);
    let answer = Answer::Refuse { code: "name_taken".into(), text: "it is taken".into() };
    net.input(0, Input::Answered { link, answer });
    assert!(publishes(&mut net));
}

#[test]
fn a_node_hears_from_neighbours_where_its_name_is_used_and_asks_there() {
    let pair = generate(Shape::Circular, 2, 0).unwrap();
    let mut net = Net::joined(&pair, 0, &Limits::default());
    let elsewhere = Member { node: name(1), endpoint: endpoint(8) };
    let now = net.now();
    // A third node counts a namesake of the second among its neighbours: the first one tells the second.
    let named = |frame| membership::Input::Told { from: name(2), frame };
    net.nodes[0].machines.on_membership(now, named(Frame::Neighbours(vec![elsewhere.clone(), elsewhere.clone()])));
    let told =
        |output: &Output| matches!(output, Output::Send(_, Frame::Walk(walk)) if walk.members == [elsewhere.clone()]);
    assert!(std::iter::from_fn(|| net.nodes[0].poll_output()).any(|output| told(&output)));
    // The second asks there, once in a while.
    for (millis, asks) in [(0, 1), (9_000, 0), (10_000, 1)] {
        let now = Now { mono: now.mono + Duration::from_millis(millis), ..now };
        let news = Walk { kind: WalkKind::News, steps: 0, path: Vec::new(), members: vec![elsewhere.clone()] };
        net.nodes[1].machines.on_membership(now, named(Frame::Walk(news)));
        let outputs: Vec<_> = std::iter::from_fn(|| net.nodes[1].poll_output()).collect();
        let asked = outputs.iter().filter_map(|output| match output {
            Output::Connect(link, to, _) => Some((*link, to.clone())),
            _ => None,
        });
        let asked: Vec<_> = asked.collect();
        assert_eq!(asked.len(), asks, "{outputs:?}");
        for (link, to) in asked {
            assert_eq!(to, endpoint(8));
            // Nobody is there any more.
            let (code, text) = ("leaving".into(), String::new());
            net.nodes[1]
                .handle(Now { wall: Wall(0), ..now }, Input::Answered { link, answer: Answer::Refuse { code, text } });
            while net.nodes[1].poll_output().is_some() {}
        }
    }
}

#[test]
fn the_path_of_a_message_that_cannot_be_is_refused() {
    let pair = generate(Shape::Circular, 2, 0).unwrap();
    let mut net = Net::joined(&pair, 0, &Limits::default());
    let id = MessageId { origin: name(1), incarnation: Incarnation(1), sequence: 0 };
    let trace = Trace { relays: Relays::ONE, path: [Hop { node: name(1), micros: 0 }].into() };
    let copy = PathCopy { id, published_at: Wall(0), hops: 1, trace };
    net.input(0, Input::Arrived { from: name(1).into(), frame: Frame::Path(copy) });
    net.settle(Duration::from_secs(5));
    assert_eq!((net.refused(0, Refusal::BadRequest), net.count(0, Counter::Pulls)), (1, 0));
}

fn any_message() -> impl Strategy<Value = Frame> {
    let path = prop::collection::vec((0..4_usize, any::<u64>()), 0..6);
    let trace = prop::option::of((1..=16_u64, path));
    (0..4_usize, 0..3_u64, 0..7_u64, trace, 0..40_usize).prop_map(|(origin, life, sequence, trace, len)| {
        let hop = |(node, micros)| Hop { node: name(node), micros };
        let trace = trace.map(|(relays, path)| Trace {
            relays: Relays::try_from(relays).unwrap(),
            path: path.into_iter().map(hop).collect(),
        });
        let id = MessageId { origin: name(origin), incarnation: Incarnation(life), sequence };
        let body = Body::one(vec![0; len].as_slice().into());
        Frame::Message(Batch { id, published_at: Wall(sequence), hops: u32::MAX, trace, tree: None, body })
    })
}

fn any_input() -> impl Strategy<Value = Input> {
    let link = (0..4_u32).prop_map(LinkId);
    let node = (0..4_usize).prop_map(name);
    let introduction = (0..4_usize, any::<u64>(), any::<bool>()).prop_map(|(index, life, same)| {
        hello(|hello| {
            (hello.node, hello.endpoint, hello.incarnation) = (name(index), endpoint(index), Incarnation(life));
            hello.instance = if same { "one" } else { "two" }.parse().unwrap();
        })
    });
    let frame = prop_oneof![
        1 => introduction.clone().prop_map(|hello| Frame::Hello(hello, JoinPriority::Declared)),
        4 => any_message(),
        1 => Just(Frame::Leave),
        1 => Just(Frame::Part(DisconnectReason::Undeclared)),
        1 => any::<u64>().prop_map(|token| Frame::Ping { token, digest: None }),
    ];
    let answer = prop_oneof![
        introduction.prop_map(|welcome| Answer::Welcome(welcome, None)),
        Just(Answer::Farewell),
        any::<u64>().prop_map(Answer::Pong),
        Just(Answer::Refuse { code: "not_introduced".into(), text: String::new() }),
        Just(Answer::Refuse { code: "name_taken".into(), text: String::new() }),
        Just(Answer::Refuse { code: "too_large".into(), text: String::new() }),
        Just(Answer::Refuse { code: "future".into(), text: String::new() }),
    ];
    let request = prop_oneof![
        Just(Request::Publish { trace: Some(Relays::MAX), body: Body::one(b"p"[..].into()) }),
        (any::<u64>(), any::<u64>(), any::<bool>()).prop_map(|(position, paths, mark)| {
            let from = Cursor { position, paths };
            Request::Fetch(Fetch { status: Status::Unread, from, through: None, limit: 3, mark })
        }),
        (any::<u64>(), any::<u64>()).prop_map(|(first, last)| Request::Mark { first, last }),
        (0..4_usize).prop_map(|index| Request::Connect { peers: vec![(None, endpoint(index))] }),
        (0..4_usize).prop_map(|index| Request::Disconnect { nodes: vec![name(index)] }),
        Just(Request::Ready),
        Just(Request::Remove),
        Just(Request::Status),
        (0..4_u32).prop_map(|number| {
            let stream = StreamId { origin: NodeId::numbered(number), incarnation: Incarnation(1) };
            Request::Seen { after: (number > 0).then_some(stream), of: Vec::new() }
        }),
    ];
    let requested = |request| {
        let (client, id) = (ReturnAddress([1].into()), RequestId::Number(1));
        Input::Requested { principal: Principal::Unnamed, client, id, request }
    };
    prop_oneof![
        4 => (node, frame).prop_map(|(from, frame)| Input::Arrived { from: from.into(), frame }),
        1 => (link.clone(), answer).prop_map(|(link, answer)| Input::Answered { link, answer }),
        1 => request.prop_map(requested),
        1 => link.clone().prop_map(Input::Writable),
        1 => (link, any::<bool>()).prop_map(|(link, full)| {
            Input::Unsent { link, why: if full { Counter::QueueFull } else { Counter::NotConnected } }
        }),
        1 => any::<u64>().prop_map(|seq| Input::Synced(LogSeq(seq))),
        1 => Just(Input::Tick),
        1 => any::<bool>().prop_map(Input::Pressure),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever comes: no panic, each id delivered once, and all bounds kept.
    #[test]
    fn any_inputs_keep_the_bounds(inputs in prop::collection::vec(any_input(), 1..200)) {
        let limits = Limits {
            retained_messages_max: 8,
            retained_bytes_max: 4096,
            peers_max: 3,
            streams_max: 4,
            intervals_max: 4,
            payload_len_max: 32,
            waiting_max: 2,
            ..Limits::default()
        };
        let mut node = Node::new(config(0, limits), Incarnation(1), 0, "test", Now::default());
        let mut received = std::collections::BTreeSet::new();
        for (step, input) in (0_u64..).zip(inputs) {
            for output in turn(&mut node, Now { mono: Mono(step * 300_000_000), wall: Wall(step) }, input) {
                if let Output::Append(_, Record::Received { batch, first, last, .. }) = output {
                    for id in (first..=last).map(|sequence| batch.id.stream().message(sequence)) {
                        prop_assert!(received.insert(id), "delivered twice");
                    }
                }
            }
            prop_assert!(node.machines.mailbox.len() <= 8 && node.machines.mailbox.bytes() <= 4096);
            prop_assert!(node.machines.dissemination.seen().streams() <= 4);
            prop_assert!(node.machines.membership.describe().len() <= 3);
        }
    }
}

#[test]
fn faults_are_ordered_only_where_that_was_allowed() {
    let disturbance = Disturbance { cut: true, ..Disturbance::default() };
    let request = Request::Disturb { nodes: Some(vec![name(1)]), disturbance };
    let mut net = Net::of(1, 0, &Limits::default());
    assert!(matches!(net.reply(0, request.clone()), Reply::Refused { refusal: Refusal::NotAllowed, .. }));
    net.nodes[0].machines.config.protocol.chaos = true;
    let input = Input::Requested {
        principal: Principal::Unnamed,
        client: ReturnAddress([1].into()),
        id: RequestId::None,
        request,
    };
    let now = net.now();
    net.nodes[0].handle(now, input);
    let outputs: Vec<_> = std::iter::from_fn(|| net.nodes[0].poll_output()).collect();
    assert_eq!(outputs[0], Output::Disturb(Some(vec![name(1)]), disturbance));
    assert!(matches!(outputs[1], Output::Reply(_, _, Reply::Done)));
}

#[test]
fn what_was_seen_is_told_page_by_page_and_without_a_break() {
    let streams = 2 * STREAMS_MAX as u32 + 10;
    let record = |number: u32| {
        let sequence = if number == 3 { 5 } else { 1 };
        let id = MessageId { origin: NodeId::numbered(number), incarnation: Incarnation(1), sequence };
        received(single(id, b"x"))
    };
    let stream = StreamId { origin: NodeId::numbered(3), incarnation: Incarnation(1) };
    let given_up = Record::GivenUp { stream: stream.clone(), first: 2, last: 4 };
    let records = (1..=streams).map(record).chain([given_up]);
    let mut net = Net::of(1, 0, &Limits::default());
    net.nodes[0] =
        Node::recover(config(0, Limits::default()), Incarnation(7), 0, "test", Now::default(), numbered(records));
    let (mut after, mut pages, mut told) = (None, Vec::new(), Vec::new());
    loop {
        let Reply::Vector(page) = net.reply(0, Request::Seen { after: after.take(), of: Vec::new() }) else {
            panic!("no vector")
        };
        pages.push((page.streams.len(), page.gaps.len()));
        told.extend(page.streams.iter().map(|held| held.stream.clone()));
        after = page.streams.last().map(|held| held.stream.clone());
        if page.streams.iter().any(|held| held.stream == stream) {
            let held = page.streams.iter().find(|held| held.stream == stream).unwrap();
            assert_eq!(held.ranges, [(2, 5)], "what was had or given up");
        }
        if !page.more {
            break;
        }
    }
    assert_eq!(pages, [(STREAMS_MAX, 1), (STREAMS_MAX, 0), (10, 0)]);
    assert!(told.is_sorted() && told.len() == streams as usize);
    let Reply::Status(status) = net.reply(0, Request::Status) else { panic!("no status") };
    assert_eq!((status.seen_messages, status.given_up), (Some(u64::from(streams) + 3), 3));
}

#[test]
fn nodes_that_have_seen_the_same_say_the_same() {
    let pair = generate(Shape::Circular, 2, 0).unwrap();
    let mut net = Net::joined(&pair, 0, &Limits::default());
    (0..3).for_each(|_| drop(net.publish(0, None, b"apple")));
    net.settle(Duration::from_secs(3));
    let status = |net: &mut Net, index| match net.reply(index, Request::Status) {
        Reply::Status(status) => *status,
        other => panic!("no status but {other:?}"),
    };
    let [one, two] = [0, 1].map(|index| status(&mut net, index));
    assert_eq!((one.seen_messages, one.digest), (Some(3), two.digest));
    assert_eq!((two.seen_messages, two.missing, two.health), (Some(3), 0, Some(0)));
    assert_eq!((one.root, two.root), (Some(name(0)), Some(name(0))), "the lowest name is the root of both");
    let [vector, other] = [0, 1].map(|index| net.reply(index, Request::Seen { after: None, of: Vec::new() }));
    assert_eq!(vector, other);
}

#[path = "tests/batches.rs"]
mod batches;
#[path = "tests/checkpoint.rs"]
mod checkpoint;
#[path = "tests/clients.rs"]
mod clients;
#[path = "tests/gaps.rs"]
mod gaps;

/// The first piece of a message of so many bytes.
fn first_piece(id: MessageId, length: u64) -> Frame {
    let head = Some(Box::new(Frame::Message(single(id, b""))));
    Frame::Chunk(Chunk { number: 1, offset: 0, length, head, bytes: b"half"[..].into() })
}

#[test]
fn what_comes_in_pieces_is_held_to_what_a_message_is_and_nobody_else_is_asked_for_it() {
    let mut node = with_peer();
    let id = |origin, sequence| MessageId { origin: name(origin), incarnation: Incarnation(7), sequence };
    let refused = |node: &mut Node, frame| {
        let told = outputs(node, Duration::ZERO, arrived(frame));
        told.iter().any(|output| matches!(output, Output::Answer(_, Answer::Refuse { .. })))
    };
    assert!(refused(&mut node, first_piece(id(5, 0), 8)), "there is no message 0");
    assert!(refused(&mut node, first_piece(id(5, 1), 2 << 20)), "over the limit");
    assert!(!refused(&mut node, first_piece(id(5, 1), 8)));
    let held = StreamRanges { stream: id(5, 1).stream(), ranges: vec![(1, 1)] };
    let announced = Frame::Have(vec![Announcement { held, age: Duration::ZERO, was_pushed: false }]);
    let pulls =
        |told: &[Output]| told.iter().filter(|output| matches!(output, Output::Send(_, Frame::Pull { .. }))).count();
    let mut asked = pulls(&outputs(&mut node, Duration::ZERO, arrived(announced)));
    let standstill = node.machines.config.protocol.timing.standstill();
    let mut step = Duration::ZERO;
    while step < standstill - Duration::from_millis(10) {
        step += Duration::from_millis(10);
        asked += pulls(&outputs(&mut node, step, Input::Tick));
    }
    assert_eq!((asked, node.machines.dissemination.partial_bytes() > 0), (0, true), "it is under way");
    for _ in 0..100 {
        step += Duration::from_millis(10);
        asked += pulls(&outputs(&mut node, step, Input::Tick));
    }
    assert_eq!((asked, node.machines.dissemination.partial_bytes()), (1, 0), "it came no more");
    assert_eq!(node.machines.stats.total().get(Counter::ChunksDropped), 1);
}

#[test]
fn numbers_without_end_are_asked_for_and_told_of_for_a_while_and_no_longer() {
    const LAST: u64 = u64::MAX;
    let mut node = Node::new(config(0, Limits::default()), Incarnation(7), 0, "test", Now::default());
    let all = || hello(|hello| hello.capabilities = ["tree", "repair"].map(str::to_owned).to_vec());
    outputs(&mut node, Duration::ZERO, arrived(Frame::Hello(all(), JoinPriority::Declared)));
    outputs(&mut node, Duration::ZERO, Input::Answered { link: LinkId(0), answer: Answer::Welcome(all(), None) });
    let id = |origin, life, sequence| MessageId { origin: name(origin), incarnation: Incarnation(life), sequence };
    let message = |id| single(id, b"x");
    let held = |id: MessageId, ranges: &[_]| StreamRanges { stream: id.stream(), ranges: ranges.to_vec() };
    let announced = held(id(3, LAST - 1, 1), &[(1, LAST)]);
    let claimed = [held(id(0, LAST, 1), &[(1, LAST)]), held(id(4, 1 << 53, 1), &[(1, 1), (3, LAST)])].to_vec();
    for frame in [
        Frame::Message(message(id(2, LAST, LAST))),
        Frame::Message(message(id(2, 1 << 53, LAST - 1))),
        Frame::Have(vec![Announcement { held: announced.clone(), age: Duration::MAX, was_pushed: false }]),
        Frame::Digest { streams: claimed, given_up: vec![held(id(4, 1 << 53, 1), &[(3, LAST)])], spans: Vec::new() },
        Frame::Pull { streams: vec![announced], spans: Vec::new() },
    ] {
        outputs(&mut node, Duration::ZERO, arrived(frame));
    }
    let (mut step, mut pulls, mut digests) = (Duration::ZERO, Vec::new(), Vec::new());
    while step < Duration::from_secs(120) {
        step += Duration::from_millis(50);
        let mut told = outputs(&mut node, step, Input::Tick);
        told.extend(outputs(&mut node, step, arrived(Frame::Ping { token: 1, digest: None })));
        for output in told {
            match output {
                Output::Send(links, Frame::Ping { token, .. }) if links == [LinkId(0)] => {
                    drop(outputs(&mut node, step, Input::Answered { link: LinkId(0), answer: Answer::Pong(token) }));
                }
                Output::Send(_, Frame::Pull { .. }) => pulls.push(step),
                Output::Send(_, Frame::Digest { .. }) => digests.push(step),
                _ => {}
            }
        }
    }
    let half = Duration::from_secs(60);
    assert!(!pulls.is_empty() && pulls.iter().chain(&digests).all(|at| *at < half), "{pulls:?} {digests:?}");
    assert_eq!(
        (node.machines.dissemination.missing_len(), node.machines.dissemination.latest().incarnation),
        (0, Incarnation(7))
    );
    assert_eq!(
        node.machines.dissemination.seen().given_up(),
        LAST,
        "all below the two that came, as far as anybody can count"
    );
    for number in [5, 7] {
        outputs(&mut node, step, arrived(Frame::Message(message(id(2, LAST, number)))));
    }
    assert_eq!(
        (node.machines.dissemination.missing_len(), node.machines.stats.total().get(Counter::Delivered)),
        (0, 4),
        "what is late comes all the same"
    );
}

#[test]
fn whoever_knows_no_trees_gets_what_was_missed_too_and_is_in_none() {
    let mut node = Node::new(config(0, Limits::default()), Incarnation(7), 0, "test", Now::default());
    let said = |index, words: &[&str]| {
        let capabilities = words.iter().map(|&word| word.to_owned()).collect();
        hello(|hello| (hello.node, hello.endpoint, hello.capabilities) = (name(index), endpoint(index), capabilities))
    };
    let from = |index, frame| Input::Arrived { from: name(index).into(), frame };
    for (link, index, words) in [(0, 1, &["tree", "repair"][..]), (1, 2, &[]), (2, 3, &["repair"])] {
        outputs(&mut node, Duration::ZERO, from(index, Frame::Hello(said(index, words), JoinPriority::Declared)));
        let welcome = Answer::Welcome(said(index, words), None);
        outputs(&mut node, Duration::ZERO, Input::Answered { link: LinkId(link), answer: welcome });
    }
    let id = |sequence| MessageId { origin: name(4), incarnation: Incarnation(7), sequence };
    let traced = |sequence, by| {
        let path = [4, by].map(|index| Hop { node: name(index), micros: 0 }).into();
        let trace = Some(Trace { relays: Relays::try_from(1).unwrap(), path });
        Frame::Message(Batch { trace, ..single(id(sequence), &[b'x'; 1000]) })
    };
    let held = StreamRanges { stream: id(1).stream(), ranges: vec![(1, 1)] };
    outputs(
        &mut node,
        Duration::ZERO,
        from(1, Frame::Digest { streams: vec![held.clone()], given_up: Vec::new(), spans: Vec::new() }),
    );
    let second = Duration::from_secs(1);
    let asked = outputs(&mut node, second, Input::Tick);
    assert!(asked.iter().any(|output| matches!(output, Output::Send(_, Frame::Pull { .. }))), "{asked:?}");
    let told = outputs(&mut node, second, from(1, traced(1, 1)));
    let sent = told.iter().filter_map(|output| match output {
        Output::Send(links, Frame::Message(_)) => Some(links.clone()),
        _ => None,
    });
    assert_eq!(sent.flatten().collect::<Vec<_>>(), [LinkId(1), LinkId(2)]);

    // Two copies of each, one by a neighbour without trees; and one that announces all the same, and is quicker.
    let mut told = Vec::new();
    for sequence in 2..20 {
        told.extend(outputs(
            &mut node,
            second,
            from(1 + sequence as usize % 2, traced(sequence, 1 + sequence as usize % 2)),
        ));
        told.extend(outputs(
            &mut node,
            second,
            from(2 - sequence as usize % 2, traced(sequence, 2 - sequence as usize % 2)),
        ));
        let held = StreamRanges { stream: id(1).stream(), ranges: vec![(sequence, sequence)] };
        let frame = Frame::Have(vec![Announcement { held, age: Duration::from_millis(500), was_pushed: false }]);
        told.extend(outputs(&mut node, second, from(3, frame)));
    }
    let shapes = told.iter().filter_map(|output| match output {
        Output::Send(links, Frame::Prune(_) | Frame::Graft(_)) => Some(links.clone()),
        _ => None,
    });
    assert!(shapes.flatten().all(|link| link == LinkId(0)), "{told:?}");
}
