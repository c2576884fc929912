//! Steps of a script, as they are played to two nodes.

use crate::{
    side::{endpoint, name},
    step::{STEPS, Step},
    world::{HOSTILE, World},
};
use gossip::{
    core::{
        batch::{Batch, Body, Packer},
        event::record::{Condition, LogSeq},
        event::{Input, LinkId, Principal, ReturnAddress, Sender},
        frame::{
            Announcement, Answer, Chunk, DisconnectReason, Frame, Hashes, Introduction, JoinPriority, LifeSeen,
            PathCopy, Span, StreamRanges,
        },
        id::{Incarnation, MessageId, NodeId, StreamId},
        message::{Hop, Payload, Relays, Trace},
        node::Node,
        request::{Cursor, Fetch, Request, RequestId, Status},
        stats::{Counter, Refusal},
        time::Wall,
    },
    wire::{Decoder, Incoming},
};
use std::time::Duration;

/// Nanoseconds that time goes on at one time.
const LEAPS: [u64; 12] = [
    1,
    1_000_000,
    5_000_000,
    20_000_000,
    100_000_000,
    251_000_000,
    500_000_000,
    1_000_000_000,
    3_000_000_000,
    61_000_000_000,
    86_400_000_000_000,
    YEAR,
];
/// The same of a year.
const YEAR: u64 = 31_557_600_000_000_000;

/// Plays one step, and lets honest nodes do what follows from it.
pub(crate) fn play(world: &mut World, step: &Step) {
    Player { world }.play(step);
}

/// A player of steps to two nodes.
struct Player<'w> {
    world: &'w mut World,
}

impl Player<'_> {
    fn play(&mut self, step: &Step) {
        let side = usize::from(step.who >> 7);
        let what = step.what % STEPS;
        self.world.features.note(("step", what));
        match what {
            0..=5 => self.wire(side, step),
            6 => self.hello(side, step),
            7 => self.welcome(side, step),
            8 => {
                for _ in 0..step.how % 32 {
                    self.world.step(gossip::core::time::Mono(u64::MAX));
                }
            }
            9 => self.leap(side, LEAPS[usize::from(step.how) % LEAPS.len()]),
            10 => self.turn_wall_clock(step),
            11 => self.connection(side, step),
            12 => self.publish(side, step),
            13 => self.pong(side, step),
            14 => self.declare(side, step),
            15 => self.message(side, step),
            16 => self.ranges(side, step),
            17 => self.tree(side, step),
            18 => self.restart(side),
            19 => self.small_talk(side, step),
            20 => self.goodbye(side, step),
            _ => self.read(side, step),
        }
        // A driver takes many inputs before it ticks.
        if step.how & 0x80 == 0 {
            self.world.tick_if_due(side);
        }
        self.world.run();
    }

    /// Somebody hostile; in a wild world, sometimes an honest node, or a name that is nobody's.
    fn somebody(&self, who: u8) -> u32 {
        let number = u32::from(who & 0x7f);
        let honest = if number >= 0x70 && self.world.is_wild { number % 2 } else { 2 };
        if honest < 2 { honest + 1 } else { HOSTILE.start + number % HOSTILE.len() as u32 }
    }

    fn origin(&self, which: u8) -> NodeId {
        name(1 + u32::from(which) % HOSTILE.end)
    }

    /// A link to somebody who is not honest, or, in a wild world, any.
    fn link(&self, side: usize, which: u8) -> LinkId {
        let honest = endpoint(2 - side as u32);
        let links: Vec<_> =
            self.world.sides[side].links.iter().filter(|(_, to)| self.world.is_wild || **to != honest).collect();
        links
            .get(usize::from(which) % links.len().max(1))
            .map_or_else(|| LinkId(u32::from(which) + 900), |(link, _)| **link)
    }

    /// Frames as they come by the wire, from somebody's link or over one of ours.
    fn wire(&mut self, side: usize, step: &Step) {
        let from = name(self.somebody(step.who));
        let link = self.link(side, step.how);
        let client = ReturnAddress([step.who].into());
        let (header, body) = step.frames.split_first().map_or((&[][..], &[][..]), |(header, body)| (&header[..], body));
        let decoded = Decoder::new(self.world.sides[side].config.limits.path_len_max).decode(header, body);
        let input = match decoded {
            Ok(Incoming::Frame(frame)) => Input::Arrived { from: from.into(), frame },
            Ok(Incoming::Answer(answer)) => Input::Answered { link, answer },
            Ok(Incoming::Request(id, request)) => {
                if !self.world.is_wild && matches!(request, Request::Stop | Request::Remove | Request::Connect { .. }) {
                    return;
                }
                Input::Requested { principal: Principal::Unnamed, client, id, request }
            }
            Ok(Incoming::Response(response)) => {
                let (refusal, text) = (Refusal::UnknownType, "misplaced".to_owned());
                let sender = Sender::Router { client, id: response.request, principal: from.into(), is_frame: false };
                Input::Undecodable { sender, refusal, text }
            }
            Err(rejected) => {
                let (refusal, text) = (rejected.error.refusal(), rejected.error.to_string());
                let is_frame = rejected.kind.is_some_and(|kind| kind < 16);
                let sender = match step.how >> 6 {
                    0 => Sender::Link(link),
                    1 => Sender::Unknown,
                    _ => Sender::Router { client, id: rejected.request, principal: from.into(), is_frame },
                };
                Input::Undecodable { sender, refusal, text }
            }
        };
        self.tell(side, input);
    }

    /// Somebody tells a node something. Who tells lies about what an honest node has published can keep that from being
    /// delivered: ids are not signed. That holds for the node that is told, too, if the lie is about lives after its present
    /// one: it passes them on, and others forget older lives for them. Nodes that are asked to part need not meet again.
    fn tell(&mut self, side: usize, input: Input) {
        let (own, other) = (name(side as u32 + 1), name(2 - side as u32));
        let life = self.world.sides[side].incarnation;
        let is_about = |origin: &NodeId, incarnation| *origin == other || *origin == own && incarnation > life;
        let is_of = |id: &MessageId| is_about(&id.origin, id.incarnation);
        let is_in = |told: &StreamRanges| is_about(&told.stream.origin, told.stream.incarnation);
        let is_lie = match &input {
            Input::Arrived { frame: Frame::Message(message), .. } => is_of(&message.id),
            Input::Arrived { frame: Frame::Path(copy), .. } => is_of(&copy.id),
            Input::Arrived { frame: Frame::Chunk(Chunk { head: Some(head), .. }), .. } => {
                matches!(&**head, Frame::Message(message) if is_of(&message.id))
            }
            Input::Arrived { frame: Frame::Have(told), .. } => told.iter().any(|told| is_in(&told.held)),
            Input::Arrived { frame: Frame::Digest { streams: told, .. }, .. }
            | Input::Answered { answer: Answer::Lost(told), .. } => told.iter().any(is_in),
            Input::Answered { answer: Answer::Welcome(welcome, _), .. } => welcome.node == other,
            Input::Requested { request: Request::Disconnect { nodes }, .. } => nodes.contains(&other),
            _ => false,
        };
        self.world.sides[side].is_lost |= is_lie;
        self.world.input(side, input);
    }

    fn introduction(&self, who: u32, how: u8) -> Introduction {
        let words = ["trace", "tree", "repair", "overlay"];
        let has = |index: usize| how & 1 << index != 0;
        Introduction {
            node: name(who),
            endpoint: endpoint(who),
            network: self.world.sides[0].config.network.clone(),
            instance: self.world.sides[0].config.instance.clone(),
            incarnation: Incarnation(7 + u64::from(how >> 6)),
            capabilities: words
                .iter()
                .enumerate()
                .filter(|&(index, _)| has(index))
                .map(|(_, w)| (*w).to_owned())
                .collect(),
            payload_len_max: None,
        }
    }

    fn hello(&mut self, side: usize, step: &Step) {
        let who = self.somebody(step.who);
        let priorities = [
            JoinPriority::Declared,
            JoinPriority::Join,
            JoinPriority::Neighbour,
            JoinPriority::Needed,
            JoinPriority::Bridge,
        ];
        let priority = priorities[usize::from(step.how >> 4) % priorities.len()];
        let frame = Frame::Hello(self.introduction(who, step.how), priority);
        self.tell(side, Input::Arrived { from: name(who).into(), frame });
    }

    fn welcome(&mut self, side: usize, step: &Step) {
        let who = self.somebody(step.who);
        let Some(link) = self.world.sides[side].link_to(&endpoint(who)) else { return };
        let seen = (step.how & 0x10 != 0)
            .then(|| LifeSeen { incarnation: Incarnation(number(step, 0)), sequence: number(step, 1) });
        let answer = Answer::Welcome(self.introduction(who, step.how), seen);
        self.tell(side, Input::Answered { link, answer });
    }

    fn leap(&mut self, side: usize, nanos: u64) {
        // Clocks end after 584 years.
        if self.world.now.mono.0 < 100 * YEAR {
            self.world.pass(Duration::from_nanos(nanos));
        }
        self.world.tick_if_due(side);
    }

    fn turn_wall_clock(&mut self, step: &Step) {
        let wall = &mut self.world.now.wall.0;
        *wall = match step.how % 5 {
            0 => wall.saturating_sub(YEAR),
            1 => wall.saturating_add(YEAR),
            2 => 0,
            3 => u64::MAX,
            _ => 1_795_435_200_000_000_000,
        };
    }

    fn connection(&mut self, side: usize, step: &Step) {
        let any = self.world.sides[side]
            .links
            .keys()
            .nth(usize::from(step.who & 0x7f) % self.world.sides[side].links.len().max(1));
        let link = any.copied().unwrap_or(LinkId(7));
        let is_honest = self.world.sides[side].links.get(&link) == Some(&endpoint(2 - side as u32));
        match step.how % 5 {
            0 => {
                self.world.sides[side].is_connected &= !is_honest;
                self.world.input(side, Input::Disconnected(link));
            }
            1 | 4 => {
                self.world.sides[side].is_connected |= is_honest;
                self.world.input(side, Input::Writable(link));
            }
            2 => self.world.input(side, Input::Unsent { link, why: Counter::QueueFull }),
            _ => self.world.input(side, Input::Unsent { link, why: Counter::NotConnected }),
        }
    }

    fn publish(&mut self, side: usize, step: &Step) {
        let trace = Relays::try_from(u64::from(step.how % 8)).ok();
        let bytes = step.frames.first().map_or(&b"news"[..], Vec::as_slice);
        let body = body(bytes, 1 + u64::from(step.how >> 3 & 7));
        let mut requests = vec![(RequestId::None, Request::Publish { trace, body })];
        // More of the same turn, each under a request id that others may have, too.
        for frame in step.frames.iter().skip(1).take(6) {
            let body = Body::one(frame.as_slice().into());
            requests.push((RequestId::Unique([frame.len() as u8; 8].into()), Request::Publish { trace: None, body }));
        }
        self.world.requests(side, requests);
    }

    fn pong(&mut self, side: usize, step: &Step) {
        let link = self.link(side, step.who);
        let Some(&token) = self.world.sides[side].pings.get(&link) else { return };
        self.tell(side, Input::Answered { link, answer: Answer::Pong(token) });
    }

    fn declare(&mut self, side: usize, step: &Step) {
        let who = self.somebody(step.who);
        let node = (step.how & 1 == 0).then(|| name(who));
        self.world.request(side, Request::Connect { peers: vec![(node, endpoint(who))] });
    }

    /// A message or its path, with a path that may be believed.
    fn message(&mut self, side: usize, step: &Step) {
        let from = name(self.somebody(step.who));
        let origin = self.origin(step.how & 0xf);
        let id =
            MessageId { origin: origin.clone(), incarnation: Incarnation(number(step, 0)), sequence: number(step, 1) };
        let hop = |node| Hop { node, micros: number(step, 2) };
        let mut path = vec![hop(origin)];
        path.extend((0..number(step, 3) % 9).map(|index| hop(name(20 + index as u32))));
        path.push(hop(from.clone()));
        let (last, len_max) = (path.len() - 1, self.world.sides[side].config.limits.path_len_max);
        path.drain(1..last.saturating_sub(len_max - 2).max(1));
        let relays = Relays::try_from(u64::from(step.how >> 4 & 3)).ok();
        let trace = relays.map(|relays| Trace { relays, path: path.into() });
        let (published_at, hops) = (Wall(number(step, 4)), number(step, 5) as u32);
        let frame = match trace {
            Some(trace) if step.how & 0x40 != 0 => Frame::Path(PathCopy { id, published_at, hops, trace }),
            trace => {
                let bytes = step.frames.get(1).map_or(&b"lies"[..], Vec::as_slice);
                let tree = step.frames.get(2).map(|bytes| self.origin(bytes.len() as u8));
                let count = match number(step, 11) {
                    few @ 0..7 => 2 + few,
                    7 => 1,
                    many => many,
                };
                Frame::Message(Batch { id, published_at, hops, trace, tree, body: body(bytes, count) })
            }
        };
        if step.how & 0x80 != 0 && frame.body().is_some() {
            return self.pieces(side, step, from, frame);
        }
        self.tell(side, Input::Arrived { from: from.into(), frame });
    }

    /// A message in two pieces, which may be all that there is of it, fit together, or not.
    fn pieces(&mut self, side: usize, step: &Step, from: NodeId, frame: Frame) {
        let body = frame.body().cloned().unwrap_or_else(|| b""[..].into());
        let (first, rest) = body.split_at(body.len() / 2);
        let odd = |index| number(step, index) % 4 == 3;
        let numbers = [number(step, 6), number(step, 6).wrapping_add(u64::from(odd(7)))];
        let length = if odd(8) { number(step, 8) } else { body.len() as u64 };
        let offset = if odd(9) { number(step, 9) } else { first.len() as u64 };
        let head = (!odd(10)).then(|| Box::new(frame.with_body(b""[..].into())));
        let pieces = [
            Chunk { number: numbers[0], offset: 0, length, head, bytes: first.into() },
            Chunk { number: numbers[1], offset, length, head: None, bytes: rest.into() },
        ];
        for piece in pieces {
            self.tell(side, Input::Arrived { from: from.clone().into(), frame: Frame::Chunk(piece) });
        }
    }

    /// Ranges that somebody has, has seen, wants or has lost.
    fn ranges(&mut self, side: usize, step: &Step) {
        let who = self.somebody(step.who);
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for pair in step.frames.first().map_or(&[][..], Vec::as_slice).chunks(2) {
            let begin = ranges.last().map_or(Some(1), |&(_, last)| last.checked_add(2));
            let Some(begin) = begin else { break };
            let first = begin.saturating_add(pair[0].into());
            let more = pair.get(1).map_or(0, |&more| if more == u8::MAX { u64::MAX } else { more.into() });
            ranges.push((first, first.saturating_add(more)));
        }
        // Lives of one origin, or of all of them.
        let is_one = number(step, 14).is_multiple_of(2);
        let stream = |index: u8| StreamId {
            origin: self.origin((step.how >> 2).wrapping_add(if is_one { 0 } else { index })),
            incarnation: Incarnation(number(step, 12).saturating_add(if is_one { index } else { index / 8 }.into())),
        };
        let count = 1 + step.frames.get(2).map_or(0, Vec::len).min(100) as u8;
        let told: Vec<_> =
            (0..count).map(|index| StreamRanges { stream: stream(index), ranges: ranges.clone() }).collect();
        let age = Duration::from_micros(number(step, 13));
        let (StreamId { origin, incarnation: from }, hash) = (stream(0), number(step, 15));
        let below = Incarnation(from.0.saturating_add(1 + hash % 64));
        let span = Span { origin, from, below, hashes: Hashes { seen: hash, given_up: hash % 3 } };
        let spans = if from < below && hash % 2 == 0 { vec![span] } else { Vec::new() };
        let frame = match step.how & 3 {
            0 => Frame::Have(
                told.into_iter().map(|held| Announcement { held, age, was_pushed: step.how & 4 > 0 }).collect(),
            ),
            1 => {
                let given_up = told.iter().skip(usize::from(step.how >> 6)).step_by(2).cloned().collect();
                Frame::Digest { streams: told, given_up, spans }
            }
            2 => Frame::Pull { streams: told, spans },
            _ => {
                let Some(link) = self.world.sides[side].link_to(&endpoint(who)) else { return };
                return self.tell(side, Input::Answered { link, answer: Answer::Lost(told) });
            }
        };
        self.tell(side, Input::Arrived { from: name(who).into(), frame });
    }

    fn tree(&mut self, side: usize, step: &Step) {
        let origin = self.origin(step.how >> 1);
        let frame = if step.how & 1 == 0 { Frame::Prune(origin) } else { Frame::Graft(origin) };
        self.tell(side, Input::Arrived { from: name(self.somebody(step.who)).into(), frame });
    }

    /// The process ends and begins again with what its log holds.
    fn restart(&mut self, side: usize) {
        let (now, this) = (self.world.now, &mut self.world.sides[side]);
        this.incarnation.0 += 1;
        let (records, kept) = (this.log.iter().cloned(), LogSeq(this.log.len() as u64));
        this.node =
            Node::recover(this.config.clone(), this.incarnation, 0, "fuzz", now, (1..).map(LogSeq).zip(records));
        (this.has_exited, this.appended, this.ledger.synced) = (false, kept, kept);
        this.links.clear();
        this.pings.clear();
        let other = 2 - side as u32;
        self.world.input(side, Input::Synced(kept));
        self.world.request(side, Request::Connect { peers: vec![(Some(name(other)), endpoint(other))] });
    }

    fn small_talk(&mut self, side: usize, step: &Step) {
        match step.how % 6 {
            0 if step.how & 0x80 != 0 => self.world.input(side, Input::Log(Condition::Full("no space".into()))),
            0 if step.how & 0x40 != 0 => self.world.input(side, Input::Log(Condition::Failed("EIO".into()))),
            0 => self.world.input(side, Input::Pressure(true)),
            1 if step.how & 0x40 != 0 => self.world.input(side, Input::Log(Condition::Well)),
            1 => self.world.input(side, Input::Pressure(false)),
            2 => self.world.input(side, Input::Unreplied),
            3 => self.world.request(side, Request::Ready),
            4 if step.how & 0x80 != 0 => self.world.request(side, Request::Seen { after: None, of: Vec::new() }),
            4 => self.world.request(side, Request::Peers),
            _ => self.world.request(side, Request::Mark { first: number(step, 0), last: number(step, 1) }),
        }
    }

    fn goodbye(&mut self, side: usize, step: &Step) {
        let frame = match step.how % 4 {
            0 => Frame::Leave,
            1 => Frame::Part(DisconnectReason::Unlinked),
            2 => Frame::Part(DisconnectReason::Undeclared),
            _ => Frame::Part(DisconnectReason::Stopping),
        };
        self.tell(side, Input::Arrived { from: name(self.somebody(step.who)).into(), frame });
    }

    fn read(&mut self, side: usize, step: &Step) {
        let status = [Status::All, Status::Unread, Status::Read][usize::from(step.how) % 3];
        let from = Cursor { position: number(step, 0), paths: number(step, 1) };
        let fetch = Fetch { status, from, through: None, limit: number(step, 2), mark: step.how & 4 != 0 };
        self.world.request(side, Request::Fetch(fetch));
    }
}

/// A body of a few payloads, cut from `bytes`; or one that says that they are many.
fn body(bytes: &[u8], count: u64) -> Body {
    match count {
        1 => Body::one(bytes.into()),
        2..=8 => {
            let (mut packer, mut pieces) = (Packer::default(), bytes.chunks(bytes.len() / count as usize + 1));
            (0..count).for_each(|_| packer.push(&Payload::from(pieces.next().unwrap_or_default())));
            packer.take().expect("several payloads")
        }
        many => Body::new(bytes.into(), many as u32, None),
    }
}

/// The `index`th number that a step carries: small as a rule, and 7 where there is none, which is a life.
fn number(step: &Step, index: usize) -> u64 {
    match step.frames.first().and_then(|frame| frame.get(index)) {
        None => 7,
        Some(&byte @ 0..=0xbf) => byte.into(),
        Some(&byte) => u64::MAX >> (byte & 0x3f),
    }
}
