//! The overlay of a node: whom it knows, who its neighbours are and are to be. Wires the view, the root's beat, healing
//! and the walks together; links, greetings and probes belong to whoever drives it. Spec: `docs/spec/gossip-bus.md`,
//! *Overlay*.

use super::{
    action::Action,
    active_view::ActiveView,
    beacon::Election,
    neighbour::{Means, Neighbour},
    passive_view::PassiveView,
    walk,
};
use crate::core::{
    config::{Limits, Protocol},
    frame::{Beacon, DisconnectReason, Frame, JoinPriority, MEMBERS_MAX, Member, Walk, WalkKind},
    id::{Incarnation, NodeId},
    rng::Rng,
    time::{Mono, memo::Memo},
};
use std::{collections::VecDeque, time::Duration};

/// How long a change of the neighbours waits for others before the neighbours are told.
const TELL_DELAY: Duration = Duration::from_millis(50);

/// How much an overlay holds: numbers of members or names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sizes {
    /// Known beside the neighbours. At most 16 more than `view_max`.
    pub passive: usize,
    /// Neighbours.
    pub neighbours: usize,
    /// Declared, up or not, or gone and not replaced.
    pub declared: usize,
    /// Told by neighbours: at most 256 for each, and for 128 that fell.
    pub listed: usize,
    /// Sought, asked or having asked.
    pub sought: usize,
}

/// The overlay as one node sees it.
///
/// Tell it what happens to links and what neighbours say, call [`tick`](Self::tick) when [`deadline`](Self::deadline) has
/// passed, and drain [`poll_action`](Self::poll_action) after each of these. With `heal` off it answers and remembers what
/// was declared, and does nothing of itself.
#[derive(Debug)]
pub struct Overlay {
    pub(super) me: Member,
    heals: bool,
    pub(super) passive: PassiveView,
    pub(super) election: Election,
    pub(super) active: ActiveView,
    pub(super) rng: Rng,
    todo: VecDeque<Action>,
    /// When the neighbours are told of each other.
    tell_at: Option<Mono>,
    /// Members that are new here and fit into the view, and when the neighbours are told of them.
    pub(super) news: Vec<Member>,
    news_at: Option<Mono>,
    next_shuffle: Mono,
    shuffle_interval: Duration,
    /// Shuffle intervals since neighbours changed or somebody became known.
    pub(super) calm: u32,
    pub(super) degree: usize,
    /// What [`deadline`](Self::deadline) says; cleared by [`with`](Self::with) and by all that settles.
    deadline: Memo<Option<Mono>>,
}

impl Overlay {
    /// No neighbours yet. `seed` is the only source of chance.
    pub fn new(
        me: Member,
        incarnation: Incarnation,
        protocol: &Protocol,
        limits: &Limits,
        seed: u64,
        now: Mono,
    ) -> Self {
        let Protocol { timing, heal, degree, .. } = *protocol;
        let mut rng = Rng::new(seed);
        // Not all at once.
        let next_shuffle = now + timing.shuffle_interval.mul_f64(rng.below(1 << 16) as f64 / f64::from(1 << 16));
        Self {
            passive: PassiveView::new(me.node.clone(), limits.view_max, &timing),
            election: Election::new(me.node.clone(), incarnation, timing.beat_interval, now),
            active: ActiveView::new(me.node.clone(), *protocol),
            me,
            heals: heal,
            rng,
            todo: VecDeque::new(),
            tell_at: None,
            news: Vec::new(),
            news_at: None,
            next_shuffle,
            shuffle_interval: timing.shuffle_interval,
            calm: 0,
            degree,
            deadline: Memo::default(),
        }
    }

    /// The next thing to do, in order.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.todo.pop_front()
    }

    /// When the overlay wants a [`tick`](Self::tick), if nothing else happens before.
    pub fn deadline(&self) -> Option<Mono> {
        if !self.heals {
            return None;
        }
        self.deadline.get(|| {
            let shuffle = (!self.active.neighbours.is_empty()).then_some(self.next_shuffle);
            let beat = Some(self.election.deadline());
            let active = self.active.deadline(&self.election);
            Mono::earliest([beat, active, self.tell_at, self.news_at, shuffle])
        })
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Mono) {
        if !self.heals {
            return;
        }
        if let Some(beat) = self.election.on_tick(now) {
            self.beat(beat, None);
        }
        if self.next_shuffle <= now {
            self.next_shuffle = now + self.shuffle_interval;
            if self.is_sample_due() {
                self.shuffle();
            }
            self.tell_root();
            self.with(|active, means| active.ask_missed(now, means));
        }
        self.settle(now);
    }

    /// The node is to join a network by greeting somebody with [`JoinPriority::Join`], which the driver does: from now on it has
    /// the neighbours it finds.
    pub fn join(&mut self) {
        self.active.join();
        self.deadline.clear();
    }

    /// A neighbour is declared: by this node's operator, or by the neighbour's greeting.
    pub fn declare(&mut self, now: Mono, member: Member) {
        self.with(|active, means| active.declare(now, member, means));
        self.settle(now);
    }

    /// Whether a node that greets may be a neighbour. If so it is expected to be up soon: the driver greets it back, with
    /// [`priority`](Self::priority), and calls [`greeted`](Self::greeted). If not, it is refused for want of vacancy.
    pub fn admits(&mut self, now: Mono, member: &Member, priority: JoinPriority) -> bool {
        if !self.heals {
            return !matches!(priority, JoinPriority::Neighbour | JoinPriority::Bridge)
                || self.active.is_declared(&member.node);
        }
        self.with(|active, means| active.admits(now, member, priority, means))
    }

    /// A node that was admitted has greeted us.
    pub fn greeted(&mut self, now: Mono, member: Member, priority: JoinPriority) {
        match priority {
            JoinPriority::Declared => self.declare(now, member),
            JoinPriority::Join if self.heals => self.introduce(&member),
            JoinPriority::Join | JoinPriority::Neighbour | JoinPriority::Needed | JoinPriority::Bridge => {}
        }
    }

    /// What a greeting of that node says.
    pub fn priority(&self, node: &NodeId) -> JoinPriority {
        if self.heals { self.active.priority(node) } else { JoinPriority::Declared }
    }

    /// A link is up, or one that was suspected is sound again.
    pub fn rose(&mut self, now: Mono, member: Member) {
        let node = member.node.clone();
        let has_missed = self.active.take_missed(&node);
        let is_new = has_missed || !self.active.is_neighbour(&node);
        self.active.resume(now, &node);
        self.with(|active, means| active.rose(now, member, means));
        if let Some(beacon) =
            self.election.current().filter(|_| is_new && self.heals && self.active.is_neighbour(&node))
        {
            self.todo.push_back(Action::Send { to: node.clone(), frame: Frame::Beacon(beacon) });
        }
        if is_new && self.heals && !self.active.roams() {
            self.tell_view(&node);
        }
        if has_missed && self.heals {
            let frame = self.list();
            self.todo.push_back(Action::Send { to: node, frame });
        }
        self.settle(now);
    }

    /// The link to a neighbour is not up at the moment, whether or not the neighbour is down: it may begin another life in
    /// which it knows nothing of what it was told, so it is told all of that again when the link is up.
    pub fn fell(&mut self, node: &NodeId) {
        self.active.fell(node);
    }

    /// A neighbour may be down.
    pub fn suspected(&mut self, node: &NodeId) {
        self.active.suspected(node);
    }

    /// A neighbour is down, or a node that was sought cannot be reached.
    pub fn down(&mut self, now: Mono, node: &NodeId) {
        self.with(|active, means| active.down(now, node, means));
        self.settle(now);
    }

    /// A node left, or was removed: it is forgotten.
    pub fn left(&mut self, now: Mono, node: &NodeId) {
        self.with(|active, means| active.left(now, node, means));
        self.settle(now);
    }

    /// No link is kept for a node any more, although it did not leave: another has its address, or its name.
    pub fn undeclare(&mut self, node: &NodeId) {
        self.active.undeclare(node);
        self.deadline.clear();
    }

    /// A declared neighbour is to be one no more, or any other: nobody takes its place.
    pub fn sever(&mut self, now: Mono, node: &NodeId) {
        self.with(|active, means| active.sever(node, means));
        self.settle(now);
    }

    /// A node that was greeted refuses us.
    pub fn refused(&mut self, now: Mono, node: &NodeId) {
        self.with(|active, means| active.refused(now, node, means));
        self.settle(now);
    }

    /// A peer says something of the overlay; frames of other kinds are not for it.
    pub fn on_frame(&mut self, now: Mono, from: &NodeId, frame: Frame) {
        match frame {
            Frame::Part(DisconnectReason::Undeclared) => self.with(|active, means| active.sever(from, means)),
            Frame::Part(reason) => self.with(|active, means| active.parted(now, from, reason, means)),
            _ if !self.heals || !self.active.is_neighbour(from) => return,
            Frame::Neighbours(list) => {
                if self.with(|active, means| active.listed(from, list, means)) {
                    let frame = self.list();
                    self.todo.push_back(Action::Send { to: from.clone(), frame });
                    if !self.active.roams() {
                        self.tell_view(from);
                    }
                }
            }
            Frame::Beacon(beacon) => {
                if let Some(beat) = self.election.on_beat(now, from, &beacon) {
                    self.beat(beat, Some(from));
                }
            }
            Frame::Walk(walk) => self.on_walk(now, from, walk),
            _ => return,
        }
        self.settle(now);
    }

    /// Whether a link to that node is kept until it leaves.
    pub fn is_declared(&self, node: &NodeId) -> bool {
        self.active.is_declared(node)
    }

    /// The lowest name that is known to be reachable.
    pub fn root(&self) -> &NodeId {
        self.election.root()
    }

    /// Whom this node knows beside its neighbours.
    pub fn passive(&self) -> &PassiveView {
        &self.passive
    }

    /// Who its neighbours are and are to be.
    pub fn active(&self) -> &ActiveView {
        &self.active
    }

    /// How much it holds, for whoever checks bounds.
    pub fn sizes(&self) -> Sizes {
        let ActiveView { neighbours, declared, places, fallen, seeks, round, lookout, .. } = &self.active;
        let lists = neighbours.values().map(|Neighbour { list, .. }| list).chain(fallen.values());
        Sizes {
            passive: self.passive.len(),
            neighbours: neighbours.len(),
            declared: declared.len() + places.len(),
            listed: lists.map(Vec::len).sum(),
            sought: seeks.len() + round.len() + lookout.len(),
        }
    }

    /// After everything that happens: seeks whom it needs, and has the neighbours told of what changed.
    fn settle(&mut self, now: Mono) {
        self.deadline.clear();
        if !self.heals {
            self.active.take_changed();
            return;
        }
        self.with(|active, means| active.tick(now, means));
        if self.active.take_changed() {
            self.calm = 0;
            self.tell_at.get_or_insert(now + TELL_DELAY);
        }
        if self.tell_at.take_if(|at| *at <= now).is_some() {
            let frame = self.list();
            self.todo.push_back(Action::SendAll { except: None, frame });
        }
        if !self.news.is_empty() {
            self.news_at.get_or_insert(now + TELL_DELAY);
        }
        if self.news_at.take_if(|at| *at <= now).is_some() {
            for members in std::mem::take(&mut self.news).chunks(MEMBERS_MAX) {
                let frame = Frame::Walk(walk::news(members.to_vec()));
                self.todo.push_back(Action::SendAll { except: None, frame });
            }
        }
    }

    fn list(&self) -> Frame {
        Frame::Neighbours(self.active.neighbours().take(MEMBERS_MAX).collect())
    }

    pub(super) fn with<T>(&mut self, act: impl FnOnce(&mut ActiveView, &mut Means<'_>) -> T) -> T {
        self.deadline.clear();
        let Self { passive, election, rng, todo, news, .. } = self;
        act(&mut self.active, &mut Means { passive, election, rng, todo, news })
    }

    /// Sends a beat to all neighbours but the one it came from and the one that is left out.
    fn beat(&mut self, beacon: Beacon, except: Option<&NodeId>) {
        let frame = Frame::Beacon(beacon);
        let Some(tried) = self.election.tried() else {
            return self.todo.push_back(Action::SendAll { except: except.cloned(), frame });
        };
        let others = self.active.neighbours().map(|member| member.node);
        let others = others.filter(|node| Some(node) != except && node != tried);
        self.todo.extend(others.map(|to| Action::Send { to, frame: frame.clone() }));
    }

    pub(super) fn send(&mut self, to: NodeId, walk: Walk) {
        debug_assert!(walk.kind == WalkKind::Reply || !walk.members.is_empty(), "a walk of nobody");
        self.todo.push_back(Action::Send { to, frame: Frame::Walk(walk) });
    }

    /// Tells all neighbours that the whole network is being stopped.
    pub fn stop(&mut self) {
        if self.heals {
            let frame = Frame::Part(DisconnectReason::Stopping);
            self.todo.push_back(Action::SendAll { except: None, frame });
        }
    }
}
