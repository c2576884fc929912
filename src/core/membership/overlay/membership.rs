//! The overlay of a node: whom it knows, who its neighbours are and are to be. Wires the views, the root's beat, healing
//! and the walks together; links, greetings and probes belong to whoever drives it. Spec: `docs/spec/gossip-bus.md`,
//! *Overlay*.

use super::{
    action::Action,
    bridging,
    neighbour::Neighbour,
    passive_view::PassiveView,
    sampling::{self, Sampling},
    seeking,
    trials::Trials,
    views::Views,
    walk,
};
use crate::core::{
    config::{Limits, Protocol},
    frame::{Beacon, DisconnectReason, Frame, JoinPriority, MEMBERS_MAX, Member},
    id::{Incarnation, NodeId},
    neighbours::NeighbourTable,
    rng::Rng,
    time::{Mono, memo::Memo},
};
use std::time::Duration;

/// Time that a change of the neighbours waits for others before the neighbours are told.
const TELL_DELAY: Duration = Duration::from_millis(50);

/// The overlay as one node sees it.
///
/// Tell it what happens to links and what neighbours say, call [`tick`](Self::tick) when [`deadline`](Self::deadline) has
/// passed, and drain [`poll_action`](Self::poll_action) after each of these. With `heal` off it answers and remembers what
/// was declared, and does nothing of itself.
#[derive(Debug)]
pub(crate) struct Overlay {
    heals: bool,
    views: Views,
    trials: Trials,
    sampling: Sampling,
    /// The time at which the neighbours are told of each other.
    tell_at: Option<Mono>,
    /// The time at which they are told of members that are new here.
    news_at: Option<Mono>,
    /// The value of [`deadline`](Self::deadline); cleared by all that changes the views.
    deadline: Memo<Option<Mono>>,
}

impl Overlay {
    /// No neighbours yet. `seed` is the only source of chance.
    pub(crate) fn new(
        me: Member,
        incarnation: Incarnation,
        protocol: &Protocol,
        limits: &Limits,
        seed: u64,
        now: Mono,
    ) -> Self {
        let mut rng = Rng::new(seed);
        let sampling = Sampling::new(me.clone(), protocol, now, &mut rng);
        Self {
            heals: protocol.heal,
            views: Views::new(me.node, incarnation, protocol, limits, rng, now),
            trials: Trials::default(),
            sampling,
            tell_at: None,
            news_at: None,
            deadline: Memo::default(),
        }
    }

    /// The next thing to do, in order.
    pub(crate) fn poll_action(&mut self) -> Option<Action> {
        self.views.actions().poll()
    }

    /// The time of the next [`tick`](Self::tick), if nothing else happens before.
    pub(crate) fn deadline(&self) -> Option<Mono> {
        if !self.heals {
            return None;
        }
        self.deadline.get(|| {
            let beat = self.views.election().deadline();
            let shuffle = (!self.views.active().is_empty()).then(|| self.sampling.deadline());
            let fill = self.views.round().pause().filter(|_| self.views.active().wanting() > 0);
            let quiet_until = self.views.search().quiet_until();
            let asks = [self.trials.deadline(), fill, bridging::due(&self.views)];
            let asks = Mono::earliest(asks).map(|at| at.max(quiet_until));
            let awaited = self.views.active().awaited().min();
            let search = self.views.search().deadline();
            Mono::earliest([Some(beat), shuffle, asks, awaited, search, self.tell_at, self.news_at])
        })
    }

    /// Time has passed.
    pub(crate) fn tick(&mut self, now: Mono) {
        if !self.heals {
            return;
        }
        if let Some(beat) = self.views.election_mut().on_tick(now) {
            self.beat(beat, None);
        }
        if self.sampling.tick(&mut self.views, now) {
            seeking::ask_missed(&mut self.views, now);
        }
        self.settle(now);
    }

    /// The node is to join a network by greeting somebody with [`JoinPriority::Join`], which the driver does: from now on it has
    /// the neighbours it finds.
    pub(crate) fn join(&mut self) {
        self.views.active_mut().join();
        self.deadline.clear();
    }

    /// A neighbour is declared: by this node's operator, or by the neighbour's greeting.
    pub(crate) fn declare(&mut self, now: Mono, member: Member) {
        self.views.declare(now, member);
        self.settle(now);
    }

    /// Returns true if a node that greets may be a neighbour. Then it is expected to be up soon: the driver greets it back,
    /// and calls [`greeted`](Self::greeted). If not, it is refused for want of vacancy.
    pub(crate) fn admits(&mut self, now: Mono, member: &Member, priority: JoinPriority) -> bool {
        if !self.heals {
            return !matches!(priority, JoinPriority::Neighbour | JoinPriority::Bridge)
                || self.is_declared(&member.node);
        }
        self.deadline.clear();
        seeking::admits(&mut self.views, now, member, priority)
    }

    /// A node that was admitted has greeted us.
    pub(crate) fn greeted(&mut self, now: Mono, member: Member, priority: JoinPriority) {
        match priority {
            JoinPriority::Declared => self.declare(now, member),
            JoinPriority::Join if self.heals => self.sampling.introduce(&mut self.views, &member),
            JoinPriority::Join | JoinPriority::Neighbour | JoinPriority::Needed | JoinPriority::Bridge => {}
        }
    }

    /// The priority that a greeting of that node says.
    #[cfg(test)]
    pub(crate) fn priority(&self, node: &NodeId) -> JoinPriority {
        match self.views.search().get(node) {
            _ if !self.heals || self.is_declared(node) => JoinPriority::Declared,
            Some(seek) => seek.priority(),
            None => JoinPriority::Neighbour,
        }
    }

    /// A link is up, or one that was suspected is sound again.
    pub(crate) fn rose(&mut self, now: Mono, member: Member) {
        let node = member.node.clone();
        let active = self.views.active_mut();
        let has_missed = active.get_mut(&node).is_some_and(Neighbour::take_missed);
        let is_new = has_missed || !active.is_neighbour(&node);
        if active.is_lost(&node) {
            self.views.search_mut().resume(now);
        }
        self.views.rose(now, member);
        if is_new && self.heals {
            self.tell_root(&node);
        }
        if has_missed && self.heals {
            self.tell_list(node);
        }
        self.settle(now);
    }

    /// The link to a neighbour is not up at the moment, whether or not the neighbour is down: it may begin another life in
    /// which it knows nothing of what it was told, so it is told all of that again when the link is up.
    pub(crate) fn fell(&mut self, node: &NodeId) {
        self.views.active_mut().get_mut(node).into_iter().for_each(Neighbour::fall);
    }

    /// A neighbour may be down.
    pub(crate) fn suspected(&mut self, node: &NodeId) {
        self.views.active_mut().get_mut(node).into_iter().for_each(Neighbour::suspect);
    }

    /// A neighbour is down, or a node that was sought cannot be reached.
    pub(crate) fn down(&mut self, now: Mono, node: &NodeId) {
        bridging::down(&mut self.views, now, node);
        self.views.down(now, node);
        self.settle(now);
    }

    /// A node left, or was removed: it is forgotten.
    pub(crate) fn left(&mut self, now: Mono, node: &NodeId) {
        self.views.left(node);
        self.settle(now);
    }

    /// Links were closed. A node to which there is none any more is down; it is not declared, even if it did not leave: another
    /// has its address, or its name.
    pub(crate) fn follow_links(&mut self, now: Mono, table: &NeighbourTable) {
        for node in self.views.active_mut().follow_links(table) {
            self.down(now, &node);
        }
        self.deadline.clear();
    }

    /// A declared neighbour is to be one no more, or any other: nobody takes its place.
    pub(crate) fn sever(&mut self, now: Mono, node: &NodeId) {
        self.views.sever(node);
        self.settle(now);
    }

    /// A node that was greeted refuses us.
    pub(crate) fn refused(&mut self, now: Mono, node: &NodeId) {
        self.views.refused(now, node);
        self.settle(now);
    }

    /// A peer says something of the overlay; frames of other kinds are not for it.
    pub(crate) fn on_frame(&mut self, now: Mono, from: &NodeId, frame: Frame) {
        match frame {
            Frame::Part(DisconnectReason::Undeclared) => self.views.sever(from),
            Frame::Part(reason) => self.views.parted(now, from, reason),
            _ if !self.heals || !self.views.active().is_neighbour(from) => return,
            Frame::Neighbours(list) => {
                if self.views.listed(from, list) {
                    self.tell_list(from.clone());
                    sampling::tell_view(&mut self.views, from);
                }
            }
            Frame::Beacon(beacon) => {
                if let Some(beat) = self.views.election_mut().on_beat(now, from, &beacon) {
                    self.beat(beat, Some(from));
                }
            }
            Frame::Walk(walk) => self.sampling.on_walk(&mut self.views, now, from, walk),
            _ => return,
        }
        self.settle(now);
    }

    /// Returns true if a link to that node is kept until it leaves.
    pub(crate) fn is_declared(&self, node: &NodeId) -> bool {
        self.views.active().is_declared(node)
    }

    /// The lowest name that is known to be reachable.
    pub(crate) fn root(&self) -> &NodeId {
        self.views.election().root()
    }

    /// The members known beside the neighbours.
    pub(crate) fn passive(&self) -> &PassiveView {
        self.views.passive()
    }

    /// The neighbours, and those that are to be.
    #[cfg(test)]
    pub(super) fn active(&self) -> &super::active_view::ActiveView {
        self.views.active()
    }

    /// After everything that happens: seeks whom it needs, and has the neighbours told of what changed.
    fn settle(&mut self, now: Mono) {
        self.deadline.clear();
        if !self.heals {
            self.views.active_mut().take_changed();
            return;
        }
        self.views.tick(now);
        if !self.views.search().is_quiet(now) {
            seeking::fill(&mut self.views, now);
            bridging::tick(&mut self.views, now);
            self.trials.tick(&mut self.views, now);
        }
        if self.views.active_mut().take_changed() {
            self.sampling.stir();
            self.tell_at.get_or_insert(now + TELL_DELAY);
        }
        if self.tell_at.take_if(|at| *at <= now).is_some() {
            let list = self.list();
            self.views.actions().send_all(None, list);
        }
        if self.views.has_news() {
            self.news_at.get_or_insert(now + TELL_DELAY);
        }
        if self.news_at.take_if(|at| *at <= now).is_some() {
            for members in self.views.take_news().chunks(MEMBERS_MAX) {
                self.views.actions().send_all(None, Frame::Walk(walk::news(members.to_vec())));
            }
        }
    }

    /// Tells a new neighbour of the root, and whom this node knows.
    fn tell_root(&mut self, node: &NodeId) {
        let beacon = self.views.election().current().filter(|_| self.views.active().is_neighbour(node));
        if let Some(beacon) = beacon {
            self.views.actions().send(node.clone(), Frame::Beacon(beacon));
        }
        sampling::tell_view(&mut self.views, node);
    }

    /// Tells a neighbour who the others are.
    fn tell_list(&mut self, to: NodeId) {
        let list = self.list();
        self.views.actions().send(to, list);
    }

    fn list(&self) -> Frame {
        Frame::Neighbours(self.views.active().neighbours().take(MEMBERS_MAX).collect())
    }

    /// Sends a beat to all neighbours but the one it came from and the one that is left out.
    fn beat(&mut self, beacon: Beacon, except: Option<&NodeId>) {
        let frame = Frame::Beacon(beacon);
        let Some(tried) = self.views.election().tried() else {
            return self.views.actions().send_all(except.cloned(), frame);
        };
        let others = self.views.active().neighbours().map(|member| member.node);
        let others: Vec<NodeId> = others.filter(|node| Some(node) != except && node != tried).collect();
        others.into_iter().for_each(|to| self.views.actions().send(to, frame.clone()));
    }

    /// Tells all neighbours that the whole network is being stopped.
    pub(crate) fn stop(&mut self) {
        if self.heals {
            self.views.actions().send_all(None, Frame::Part(DisconnectReason::Stopping));
        }
    }
}
