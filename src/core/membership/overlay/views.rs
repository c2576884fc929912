//! The views of a node (HyParView, DSN 2007): its neighbours, whom it knows beside them and whom it seeks, and how they change
//! with all that happens. `seeking`, `bridging` and `trials` act on them.

use super::{
    action::Actions,
    active_view::ActiveView,
    beacon::Election,
    lookout::Lookout,
    neighbour::{Neighbour, OverlayRole},
    passive_view::PassiveView,
    search::{Round, Search, SearchPurpose, Seeking},
};
use crate::core::{
    config::{Limits, Protocol, Timing},
    frame::{DisconnectReason, JoinPriority, MEMBERS_MAX, Member},
    id::{Incarnation, NodeId},
    rng::Rng,
    time::Mono,
};
use std::collections::BTreeSet;

/// The active and the passive view, and what changes with them.
#[derive(Debug)]
pub(super) struct Views {
    timing: Timing,
    heals: bool,
    active: ActiveView,
    passive: PassiveView,
    election: Election,
    search: Search,
    /// Questions to fill the places since the last time that one became free.
    round: Round,
    lookout: Lookout,
    rng: Rng,
    actions: Actions,
    /// Members that are new here and fit into the passive view: the neighbours are to be told of them.
    news: Vec<Member>,
}

/// To be read, and to be used.
impl Views {
    pub(super) fn new(
        me: NodeId,
        incarnation: Incarnation,
        protocol: &Protocol,
        limits: &Limits,
        rng: Rng,
        now: Mono,
    ) -> Self {
        let Protocol { timing, heal, degree, .. } = *protocol;
        Self {
            timing,
            heals: heal,
            active: ActiveView::new(me.clone(), degree),
            passive: PassiveView::new(me.clone(), limits.view_max, &timing),
            election: Election::new(me, incarnation, timing.beat_interval, now),
            search: Search::new(&timing),
            round: Round::default(),
            lookout: Lookout::default(),
            rng,
            actions: Actions::default(),
            news: Vec::new(),
        }
    }

    pub(super) fn timing(&self) -> &Timing {
        &self.timing
    }

    pub(super) fn active(&self) -> &ActiveView {
        &self.active
    }

    pub(super) fn active_mut(&mut self) -> &mut ActiveView {
        &mut self.active
    }

    pub(super) fn passive(&self) -> &PassiveView {
        &self.passive
    }

    pub(super) fn passive_mut(&mut self) -> &mut PassiveView {
        &mut self.passive
    }

    pub(super) fn election(&self) -> &Election {
        &self.election
    }

    pub(super) fn election_mut(&mut self) -> &mut Election {
        &mut self.election
    }

    pub(super) fn search(&self) -> &Search {
        &self.search
    }

    pub(super) fn search_mut(&mut self) -> &mut Search {
        &mut self.search
    }

    pub(super) fn round(&self) -> &Round {
        &self.round
    }

    pub(super) fn round_mut(&mut self) -> &mut Round {
        &mut self.round
    }

    pub(super) fn lookout(&self) -> &Lookout {
        &self.lookout
    }

    pub(super) fn lookout_mut(&mut self) -> &mut Lookout {
        &mut self.lookout
    }

    pub(super) fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }

    pub(super) fn actions(&mut self) -> &mut Actions {
        &mut self.actions
    }
}

/// Steps of which the events consist.
impl Views {
    /// Returns true if a node is not a neighbour, is not to be one, and is not sought.
    pub(super) fn is_stranger(&self, node: &NodeId) -> bool {
        !self.active.contains(node) && !self.search.contains(node) && node != self.active.me()
    }

    /// Notes a member that somebody names. Returns true if it is new and there is room for it.
    pub(super) fn note(&mut self, member: Member) -> bool {
        !self.active.is_neighbour(&member.node) && self.passive.insert(member, &mut self.rng)
    }

    /// Notes members, and keeps those that are new, to be passed on; not in an overlay of views, which are to be samples.
    /// Returns true if there were any.
    pub(super) fn learn(&mut self, members: impl IntoIterator<Item = Member>) -> bool {
        let before = self.news.len();
        if !self.active.roams() {
            for member in members {
                if self.note(member.clone()) {
                    self.news.push(member);
                }
            }
        }
        self.news.len() > before
    }

    /// Some members of the passive view.
    pub(super) fn sample(&mut self, count: usize) -> Vec<Member> {
        self.passive.sample(count, &mut self.rng)
    }

    pub(super) fn has_news(&self) -> bool {
        !self.news.is_empty()
    }

    pub(super) fn take_news(&mut self) -> Vec<Member> {
        std::mem::take(&mut self.news)
    }

    /// Asks a node to be a neighbour.
    pub(super) fn seek(&mut self, now: Mono, member: Member, purpose: SearchPurpose, priority: JoinPriority) {
        self.search.begin(now, member.node.clone(), purpose, priority);
        // Who is asked already is asked for more once it has answered.
        if !self.lookout.asks(&member.node) {
            self.actions.seek(member, priority);
        }
    }

    /// A node that was sought does not answer.
    fn in_vain(&mut self, now: Mono, node: &NodeId) {
        if let Some(seek) = self.search.end(node) {
            self.answered_no(node, &seek);
            self.passive.missed(now, node);
            if !self.active.is_declared(node) {
                self.actions.unlink(node.clone());
            }
        }
    }

    /// A node that was sought will not be a neighbour.
    fn answered_no(&mut self, node: &NodeId, seek: &Seeking) {
        if seek.fills() {
            self.round.exclude(node.clone());
        }
    }

    /// Seeks some nodes no longer.
    pub(super) fn abandon(&mut self, which: impl Fn(&Seeking) -> bool) {
        for node in self.search.end_all(which) {
            if !self.active.is_declared(&node) {
                self.actions.unlink(node);
            }
        }
    }

    /// All that could be asked were: waits before it asks again, longer each time.
    pub(super) fn end_round(&mut self, now: Mono) {
        self.round.end(now, &self.timing, &mut self.rng);
    }

    /// The same for the questions of a root.
    pub(super) fn end_lookout_round(&mut self, now: Mono) {
        self.lookout.end_round(now, &self.timing, &mut self.rng);
    }

    /// Says good-bye to a neighbour.
    pub(super) fn part(&mut self, node: &NodeId) {
        if self.lose(node).is_some() {
            self.actions.unlink(node.clone());
        }
    }

    /// Takes a node out of the neighbours; it stays known.
    fn lose(&mut self, node: &NodeId) -> Option<Neighbour> {
        let neighbour = self.active.remove(node)?;
        self.election.forget(node);
        self.passive.meet(neighbour.member(node), &mut self.rng);
        Some(neighbour)
    }

    /// Parts from neighbours that are too many, but not from the `latest`.
    fn trim(&mut self, latest: Option<&NodeId>) {
        while self.heals
            && let Some(node) = self.active.superfluous(latest, |node| self.election.is_spare(node))
        {
            self.part(&node);
        }
    }

    fn take_place(&mut self, node: &NodeId) {
        if self.active.take_place(node, &self.search) {
            self.actions.adopt(node.clone());
        }
    }
}

/// Events.
impl Views {
    /// Time passes: who does not answer or come up in time is given up.
    pub(super) fn tick(&mut self, now: Mono) {
        self.active.give_up_waiting(now);
        self.search.late(now).iter().for_each(|node| self.in_vain(now, node));
        self.search.age(now);
    }

    /// A link is up.
    pub(super) fn rose(&mut self, now: Mono, member: Member) {
        if member.node == *self.active.me() || self.active.refresh(&member) {
            return;
        }
        let node = member.node.clone();
        self.passive.remove(&node);
        let seek = self.search.end(&node);
        let is_bridge = self.lookout.ends(&node);
        let role = match seek.as_ref().map(Seeking::purpose) {
            Some(SearchPurpose::Replacement(lost)) => OverlayRole::Replacement(lost.clone()),
            Some(SearchPurpose::Bridge | SearchPurpose::Missed) => OverlayRole::Bridge,
            None if is_bridge => OverlayRole::Bridge,
            // Whom it took because it lacks one it has in place of that, as has who asked.
            Some(SearchPurpose::Vacancy | SearchPurpose::Accepted) if !self.active.roams() => {
                self.active.unreplaced().map_or(OverlayRole::Ordinary, OverlayRole::Replacement)
            }
            Some(SearchPurpose::Vacancy | SearchPurpose::Wanted | SearchPurpose::Accepted) | None => {
                OverlayRole::Ordinary
            }
        };
        self.active.enter(member, role);
        if seek.as_ref().is_some_and(|seek| seek.is_for(&SearchPurpose::Bridge)) {
            self.abandon(|seek| seek.is_for(&SearchPurpose::Bridge));
            self.lookout.wait_until(now + self.election.grace());
        }
        if self.active.wanting() == 0 {
            self.abandon(Seeking::fills);
            self.round.renew();
        }
        let is_for_need = |seek: Seeking| seek.fills() || seek.is_for(&SearchPurpose::Accepted) && !self.active.roams();
        if seek.is_some_and(is_for_need) && self.active.is_over() && !self.active.is_declared(&node) {
            self.part(&node);
        }
        self.trim(Some(&node));
    }

    /// A neighbour is down, or a node that is sought cannot be reached.
    pub(super) fn down(&mut self, now: Mono, node: &NodeId) {
        if let Some(neighbour) = self.lose(node) {
            self.passive.missed(now, node);
            self.active.remember(node, neighbour.into_list());
            return self.round.renew();
        }
        self.in_vain(now, node);
    }

    /// A node has no room for us.
    pub(super) fn refused(&mut self, now: Mono, node: &NodeId) {
        if self.active.is_declared(node) {
            return;
        }
        let was_asked = self.lookout.ends(node);
        if !was_asked && !self.search.contains(node) {
            return self.parted(now, node, DisconnectReason::Unlinked);
        }
        self.passive.reached(node);
        self.actions.close(node.clone());
        if was_asked {
            // It follows this root. If it was sought meanwhile, it has yet to be asked for that.
            if let (Some(seek), Some(member)) = (self.search.get(node), self.passive.find(node)) {
                self.actions.seek(member, seek.priority());
            }
            return;
        }
        let Some(seek) = self.search.end(node) else { return };
        let is_in_need = self.active.roams() && self.active.is_empty();
        let asks_again = is_in_need && seek.fills() && seek.priority() == JoinPriority::Neighbour;
        match self.passive.find(node).filter(|_| asks_again) {
            // Whoever has no room lives, and takes one who has nobody.
            Some(member) => self.seek(now, member, seek.purpose().clone(), JoinPriority::Needed),
            None => self.answered_no(node, &seek),
        }
    }

    /// A neighbour is one no more, and lives.
    pub(super) fn parted(&mut self, now: Mono, node: &NodeId, reason: DisconnectReason) {
        if reason == DisconnectReason::Stopping {
            self.search.rest(now);
            self.abandon(|_| true);
            if self.lose(node).is_some() {
                self.passive.missed(now, node);
            }
            return;
        }
        if self.active.is_declared(node) {
            return;
        }
        self.actions.close(node.clone());
        self.lookout.ends(node);
        if let Some(seek) = self.search.end(node) {
            self.answered_no(node, &seek);
        } else if self.lose(node).is_some() {
            self.round.renew();
            self.round.exclude(node.clone());
        }
    }

    /// A neighbour tells who its neighbours are. Returns true if this node has only now become one of them, so that what it
    /// was told before is lost.
    pub(super) fn listed(&mut self, from: &NodeId, mut list: Vec<Member>) -> bool {
        list.truncate(MEMBERS_MAX);
        let Some(is_met) = self.active.tell(from, &list) else { return false };
        self.round.note_news();
        let its_neighbours: BTreeSet<NodeId> = list.iter().map(|member| member.node.clone()).collect();
        self.learn(list);
        self.take_place(from);
        if self.active.is_declared(from) {
            self.active.give_back(from, &its_neighbours).iter().for_each(|node| self.part(node));
        }
        self.trim(None);
        is_met
    }

    /// A neighbour is declared, by this node's operator or by the neighbour.
    pub(super) fn declare(&mut self, now: Mono, member: Member) {
        if member.node == *self.active.me() {
            return;
        }
        self.active.declare(&member.node, now + self.election.grace(), &self.search);
        if !self.active.is_neighbour(&member.node) {
            self.passive.meet(member, &mut self.rng);
        }
    }

    /// A node has left, or is to be forgotten.
    pub(super) fn left(&mut self, node: &NodeId) {
        let neighbour = self.lose(node);
        neighbour.into_iter().for_each(|neighbour| self.active.remember(node, neighbour.into_list()));
        self.search.end(node);
        self.passive.forget(node);
        self.active.vacate(node);
        let neighbours: Vec<Member> = self.active.neighbours().collect();
        neighbours.iter().for_each(|neighbour| self.take_place(&neighbour.node));
        self.round.renew();
    }

    /// A node is to be no neighbour, declared or not: its place is gone, and with it what was made or is sought for its sake.
    pub(super) fn sever(&mut self, node: &NodeId) {
        self.search.end(node);
        self.lose(node);
        let made = self.active.sever(node);
        self.abandon(|seek| seek.is_for(&SearchPurpose::Replacement(node.clone())));
        made.iter().for_each(|node| self.part(node));
        // It is not asked in the place of another, as far as there are others.
        self.round.exclude(node.clone());
        self.trim(None);
    }
}
