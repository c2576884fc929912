//! A network of overlays: greetings, frames and failures under virtual time. Links are as the node makes them: each side
//! opens its own, and what is sent over one arrives in order or, if nobody is there, not at all.

use super::member;
use crate::core::{
    config::{Limits, Protocol, Timing},
    frame::{DisconnectReason, Frame, JoinPriority, Walk, WalkKind},
    id::{Incarnation, NodeId},
    membership::overlay::{action::Action, membership::Overlay},
    rng::Rng,
    time::Mono,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

type Pair = (u32, u32);

/// One thing that arrives at a node, or happens to it.
#[derive(Debug, Clone)]
enum Happening {
    Hello {
        from: u32,
        priority: JoinPriority,
    },
    Welcome {
        from: u32,
    },
    Refuse {
        from: u32,
    },
    Frame {
        from: u32,
        frame: Frame,
    },
    Leave {
        from: u32,
    },
    /// It is noticed that a neighbour is silent, if it still is.
    Silence {
        of: u32,
    },
    Redial,
    Tick,
}

fn number(name: &NodeId) -> u32 {
    name.as_str().parse().unwrap()
}

pub(super) struct Net {
    pub(super) now: Mono,
    pub(super) overlays: BTreeMap<u32, Overlay>,
    pub(super) protocol: Protocol,
    pub(super) limits: Limits,
    queue: BTreeMap<(Mono, u64), (u32, Happening)>,
    events: u64,
    rng: Rng,
    /// Links that their first node has opened to the second.
    open: BTreeSet<Pair>,
    /// Those of them that are up.
    up: BTreeSet<Pair>,
    last: BTreeMap<Pair, Mono>,
    ticks: BTreeMap<u32, Mono>,
    latency: (u64, u64),
    detection: (u64, u64),
    /// The side of each node while there is a cut.
    sides: BTreeMap<u32, u32>,
    lives: u64,
    /// Frames and greetings sent, by kind.
    pub(super) sent: BTreeMap<&'static str, usize>,
}

impl Net {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            now: Mono(0),
            overlays: BTreeMap::new(),
            protocol: Protocol { timing: Timing::LOCAL, ..Protocol::default() },
            limits: Limits::default(),
            queue: BTreeMap::new(),
            events: 0,
            rng: Rng::new(seed),
            open: BTreeSet::new(),
            up: BTreeSet::new(),
            last: BTreeMap::new(),
            ticks: BTreeMap::new(),
            latency: (1, 20),
            detection: (2000, 4000),
            sides: BTreeMap::new(),
            lives: 0,
            sent: BTreeMap::new(),
        }
    }

    /// A network with these declared links, all of them up and each node knowing all others.
    pub(super) fn of(seed: u64, edges: &[Pair]) -> Self {
        let mut net = Self::new(seed);
        net.declare(edges);
        net.run(3_000);
        net.tell_all();
        net
    }

    pub(super) fn declare(&mut self, edges: &[Pair]) {
        for &(a, b) in edges {
            for (a, b) in [(a, b), (b, a)] {
                self.start(a);
                self.act(a, |overlay, now| overlay.declare(now, member(b)));
            }
        }
    }

    /// Puts all live nodes into all views.
    pub(super) fn tell_all(&mut self) {
        let all: Vec<u32> = self.overlays.keys().copied().collect();
        for &node in &all {
            let Some(&(_, from)) = self.up.range((node, 0)..).next().filter(|pair| pair.0 == node) else { continue };
            for some in all.chunks(8) {
                let members = some.iter().map(|&number| member(number)).collect();
                let walk = Walk { kind: WalkKind::Reply, steps: 0, path: Vec::new(), members };
                self.act(node, |overlay, now| overlay.on_frame(now, &NodeId::numbered(from), Frame::Walk(walk)));
            }
        }
    }

    pub(super) fn start(&mut self, node: u32) {
        if self.overlays.contains_key(&node) {
            return;
        }
        self.lives += 1;
        let (life, seed) = (Incarnation(self.lives), self.lives ^ u64::from(node) << 32);
        let seed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ self.rng.below(1 << 30) as u64;
        let overlay = Overlay::new(member(node), life, &self.protocol, &self.limits, seed, self.now);
        self.overlays.insert(node, overlay);
        self.ticks.remove(&node);
        let wait = self.rng.below(1000) as u64;
        self.queue_at(self.now + Duration::from_millis(wait), node, Happening::Redial);
        self.wake(node);
    }

    /// A node without declared neighbours asks `contact` to be taken in.
    pub(super) fn join(&mut self, node: u32, contact: u32) {
        self.start(node);
        self.act(node, |overlay, _| overlay.join());
        self.greet(node, contact, JoinPriority::Join);
    }

    /// A node dies; its neighbours notice one after the other.
    pub(super) fn kill(&mut self, node: u32) {
        self.overlays.remove(&node);
        self.open.retain(|&(a, _)| a != node);
        self.up.retain(|&(a, _)| a != node);
        self.queue.retain(|_, (at, _)| *at != node);
        let left: Vec<Pair> = self.up.iter().copied().filter(|&(_, b)| b == node).collect();
        left.into_iter().for_each(|pair| self.silence(pair));
    }

    /// A node tells its neighbours that it leaves, and is gone.
    pub(super) fn leave(&mut self, node: u32) {
        let neighbours: Vec<u32> = self.up.range((node, 0)..).take_while(|pair| pair.0 == node).map(|p| p.1).collect();
        neighbours.into_iter().for_each(|to| self.post(node, to, Happening::Leave { from: node }));
        self.run(200);
        self.overlays.remove(&node);
        self.open.retain(|&(a, b)| a != node && b != node);
        self.up.retain(|&(a, b)| a != node && b != node);
        self.queue.retain(|_, (at, _)| *at != node);
    }

    /// A node ends at once. Each neighbour that `told` gives a time for gets its last word so many milliseconds later,
    /// maybe long after it has noticed the silence; the others only notice.
    pub(super) fn remove(&mut self, node: u32, told: impl Fn(u32) -> Option<u64>) {
        let neighbours: Vec<u32> = self.up.iter().filter(|pair| pair.1 == node).map(|pair| pair.0).collect();
        self.kill(node);
        for to in neighbours {
            if let Some(wait) = told(to) {
                self.queue_at(self.now + Duration::from_millis(wait), to, Happening::Leave { from: node });
            }
        }
    }

    /// A node is told that another is to be its peer no more.
    pub(super) fn sever(&mut self, node: u32, other: u32) {
        self.act(node, |overlay, now| overlay.sever(now, &NodeId::numbered(other)));
        self.send(node, other, Frame::Part(DisconnectReason::Undeclared));
        self.close(node, other);
    }

    /// The whole network is told to stop, of which `node` has done so.
    pub(super) fn stop(&mut self, node: u32) {
        self.act(node, |overlay, _| overlay.stop());
        self.run(200);
        self.kill(node);
        self.up.retain(|&(_, b)| b != node);
    }

    /// Cuts the network between the nodes for which `side` differs.
    pub(super) fn cut(&mut self, side: impl Fn(u32) -> u32) {
        self.sides = self.overlays.keys().map(|&node| (node, side(node))).collect();
        let across: Vec<Pair> = self.up.iter().copied().filter(|&(a, b)| !self.reaches(a, b)).collect();
        across.into_iter().for_each(|pair| self.silence(pair));
    }

    pub(super) fn mend(&mut self) {
        self.sides.clear();
    }

    fn silence(&mut self, (a, b): Pair) {
        let (least, most) = self.detection;
        let wait = Duration::from_millis(least + self.rng.below((most - least) as usize) as u64);
        self.queue_at(self.now + wait, a, Happening::Silence { of: b });
    }

    fn reaches(&self, a: u32, b: u32) -> bool {
        self.overlays.contains_key(&b) && self.sides.get(&a) == self.sides.get(&b)
    }

    fn queue_at(&mut self, at: Mono, node: u32, happening: Happening) {
        self.events += 1;
        self.queue.insert((at, self.events), (node, happening));
    }

    /// Sends something from one node to another, after all that was sent before.
    fn post(&mut self, from: u32, to: u32, happening: Happening) {
        if !self.reaches(from, to) {
            return;
        }
        let (least, most) = self.latency;
        let wait = Duration::from_micros(least * 1000 + self.rng.below(1000 * (most - least) as usize) as u64);
        let last = self.last.entry((from, to)).or_default();
        *last = (self.now + wait).max(*last);
        let at = *last;
        self.queue_at(at, to, happening);
    }

    fn greet(&mut self, from: u32, to: u32, priority: JoinPriority) {
        *self.sent.entry("HELLO").or_default() += 1;
        self.open.insert((from, to));
        self.post(from, to, Happening::Hello { from, priority });
    }

    fn close(&mut self, from: u32, to: u32) {
        self.open.remove(&(from, to));
        self.up.remove(&(from, to));
    }

    pub(super) fn run(&mut self, millis: u64) {
        let end = self.now + Duration::from_millis(millis);
        while let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= end) {
            self.now = entry.key().0;
            let (node, happening) = entry.remove();
            if self.overlays.contains_key(&node) {
                self.happen(node, happening);
            }
        }
        self.now = end;
    }

    fn happen(&mut self, node: u32, happening: Happening) {
        match happening {
            Happening::Hello { from, priority } => self.on_hello(node, from, priority),
            Happening::Welcome { from } => {
                if self.open.contains(&(node, from)) {
                    self.up.insert((node, from));
                    self.act(node, |overlay, now| overlay.rose(now, member(from)));
                }
            }
            Happening::Refuse { from } => {
                self.close(node, from);
                self.act(node, |overlay, now| overlay.refused(now, &NodeId::numbered(from)));
            }
            Happening::Frame { from, frame } => self.on_frame(node, from, frame),
            Happening::Leave { from } => {
                self.close(node, from);
                self.act(node, |overlay, now| overlay.left(now, &NodeId::numbered(from)));
            }
            Happening::Silence { of } => {
                if !self.reaches(node, of) && self.up.contains(&(node, of)) {
                    self.close(node, of);
                    self.act(node, |overlay, now| overlay.down(now, &NodeId::numbered(of)));
                }
            }
            Happening::Redial => {
                let declared = self.overlays[&node].active().declared().map(number);
                let down: Vec<u32> = declared.filter(|&other| !self.up.contains(&(node, other))).collect();
                down.into_iter().for_each(|other| self.greet(node, other, JoinPriority::Declared));
                self.queue_at(self.now + Duration::from_secs(1), node, Happening::Redial);
            }
            Happening::Tick => {
                if self.ticks.get(&node).is_some_and(|&at| at <= self.now) {
                    self.ticks.remove(&node);
                    self.act(node, |overlay, now| overlay.tick(now));
                }
            }
        }
    }

    fn on_hello(&mut self, node: u32, from: u32, priority: JoinPriority) {
        let mut is_admitted = false;
        self.act(node, |overlay, now| is_admitted = overlay.admits(now, &member(from), priority));
        if !is_admitted {
            return self.post(node, from, Happening::Refuse { from: node });
        }
        self.act(node, |overlay, now| overlay.greeted(now, member(from), priority));
        self.post(node, from, Happening::Welcome { from: node });
        if !self.open.contains(&(node, from)) {
            let priority = self.overlays[&node].priority(&NodeId::numbered(from));
            self.greet(node, from, priority);
        }
    }

    fn on_frame(&mut self, node: u32, from: u32, frame: Frame) {
        let is_parting = frame == Frame::Part(DisconnectReason::Unlinked);
        let is_end = frame == Frame::Part(DisconnectReason::Undeclared);
        self.act(node, |overlay, now| overlay.on_frame(now, &NodeId::numbered(from), frame));
        if is_end {
            return self.close(node, from);
        }
        let is_declared = self.overlays[&node].is_declared(&NodeId::numbered(from));
        if is_parting && is_declared {
            self.greet(node, from, JoinPriority::Declared);
        }
    }

    /// Lets one overlay do something, and does what it asks for.
    pub(super) fn act(&mut self, node: u32, act: impl FnOnce(&mut Overlay, Mono)) {
        let now = self.now;
        act(self.overlays.get_mut(&node).unwrap(), now);
        while let Some(action) = self.overlays.get_mut(&node).and_then(Overlay::poll_action) {
            self.obey(node, action);
        }
        self.wake(node);
    }

    fn obey(&mut self, node: u32, action: Action) {
        match action {
            Action::Send { to, frame } => self.send(node, number(&to), frame),
            Action::SendAll { except, frame } => {
                let except = except.as_ref().map(number);
                let to: Vec<u32> = self.up.range((node, 0)..).take_while(|p| p.0 == node).map(|p| p.1).collect();
                to.into_iter().filter(|&to| Some(to) != except).for_each(|to| self.send(node, to, frame.clone()));
            }
            Action::Seek { member, priority } => {
                let to = number(&member.node);
                assert!(to != node && !self.up.contains(&(node, to)), "{node} seeks {to}, which is there");
                self.greet(node, to, priority);
            }
            Action::Adopt { node: to } => {
                let to = number(&to);
                assert!(self.up.contains(&(node, to)), "{node} declares a link to {to}, which it has not");
                self.greet(node, to, JoinPriority::Declared);
            }
            Action::Part { node: to, reason } => {
                let to = number(&to);
                assert!(!self.overlays[&node].is_declared(&NodeId::numbered(to)), "{node} parts from declared {to}");
                self.send(node, to, Frame::Part(reason));
                self.close(node, to);
            }
            Action::Close { node: to } => self.close(node, number(&to)),
        }
    }

    fn send(&mut self, node: u32, to: u32, frame: Frame) {
        let kind = match &frame {
            Frame::Neighbours(_) => "NEIGHBOURS",
            Frame::Part(DisconnectReason::Unlinked) => "PART",
            Frame::Part(DisconnectReason::Stopping) => "STOPPING",
            Frame::Part(DisconnectReason::Undeclared) => "UNDECLARED",
            Frame::Beacon(_) => "BEACON",
            Frame::Walk(_) => "WALK",
            other => panic!("{other:?} is no frame of the overlay"),
        };
        if self.open.contains(&(node, to)) {
            *self.sent.entry(kind).or_default() += 1;
            self.post(node, to, Happening::Frame { from: node, frame });
        }
    }

    fn wake(&mut self, node: u32) {
        let Some(deadline) = self.overlays.get(&node).and_then(Overlay::deadline) else { return };
        let deadline = deadline.max(self.now);
        if self.ticks.get(&node).is_none_or(|&at| deadline < at) {
            self.ticks.insert(node, deadline);
            self.queue_at(deadline, node, Happening::Tick);
        }
    }

    /// The links that both sides hold. Panics if one holds what the other does not.
    pub(super) fn links(&self) -> BTreeSet<Pair> {
        let both = |&(a, b): &Pair| self.up.contains(&(b, a));
        let halves: Vec<&Pair> = self.up.iter().filter(|pair| !both(pair)).collect();
        assert!(halves.is_empty(), "half links {halves:?} at {:?}", self.now);
        for (&node, overlay) in &self.overlays {
            let held: BTreeSet<u32> = overlay.active().neighbours().map(|member| number(&member.node)).collect();
            let up: BTreeSet<u32> = self.up.range((node, 0)..).take_while(|p| p.0 == node).map(|p| p.1).collect();
            assert_eq!(held, up, "what {node} thinks of its links at {:?}", self.now);
        }
        self.up.iter().copied().filter(|(a, b)| a < b).collect()
    }

    pub(super) fn degrees(&self) -> BTreeMap<u32, usize> {
        let mut degrees: BTreeMap<u32, usize> = self.overlays.keys().map(|&node| (node, 0)).collect();
        self.links().iter().flat_map(|&(a, b)| [a, b]).for_each(|node| *degrees.get_mut(&node).unwrap() += 1);
        degrees
    }

    pub(super) fn components(&self) -> usize {
        let mut leader: BTreeMap<u32, u32> = self.overlays.keys().map(|&node| (node, node)).collect();
        fn find(leader: &BTreeMap<u32, u32>, mut node: u32) -> u32 {
            while leader[&node] != node {
                node = leader[&node];
            }
            node
        }
        for (a, b) in self.links() {
            let (a, b) = (find(&leader, a), find(&leader, b));
            leader.insert(a.max(b), a.min(b));
        }
        leader.iter().filter(|(node, leader)| node == leader).count()
    }
}
