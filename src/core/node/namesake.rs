//! Another node that goes by this one's name: how that is noticed, which of the two gives way, and which life this one
//! goes on as when somebody knows of its life what it does not. Spec: sections 6.1 and 7.

use super::Node;
use crate::core::{
    capability::Capability,
    endpoint::Endpoint,
    event::{Event, LinkId, Output},
    frame::{Frame, Introduction, LifeSeen, Member, StreamRanges, Walk, WalkKind},
    id::{Incarnation, MessageId, NodeId, StreamId},
    stats::{Counter, Refusal},
    time::{Mono, Now},
};
use std::time::Duration;

/// Shortest time between two greetings at addresses where others say that this node is.
const ASK_INTERVAL: Duration = Duration::from_secs(10);
/// So many lives a node takes up when neighbours ask it to, and one more in each [`RENEWAL_INTERVAL`]: each is stored for
/// good, and whoever invents them must not keep it busy.
const RENEWALS_MAX: u64 = 16;
/// See [`RENEWALS_MAX`].
const RENEWAL_INTERVAL: Duration = Duration::from_secs(60);

/// What a node knows of another one of its name. By default, there is none.
#[derive(Debug, Default)]
pub(super) struct Namesake {
    /// Why this node takes no messages, for people, and who said so.
    taken: Option<(String, Option<Endpoint>)>,
    /// Where a namesake lives that has greeted, and its life.
    other: Option<(Endpoint, Incarnation)>,
    /// When the node's own greeting came back to it: the answer to it is its own, too.
    echo: Option<Mono>,
    /// When it greeted an address last where its name is said to be used.
    asked: Option<Mono>,
}

impl Namesake {
    /// Why the node takes no messages, if it does not.
    pub(super) fn taken(&self) -> Option<&str> {
        self.taken.as_ref().map(|(why, _)| why.as_str())
    }
}

impl Node {
    /// A greeting under this node's own name: from itself, by another spelling of its address, or from a namesake. Says
    /// whether it was one.
    pub(super) fn meets_itself(&mut self, now: Mono, from: &NodeId, hello: &Introduction) -> bool {
        let me = self.peers.me();
        let Err((Refusal::NameTaken, text)) = me.check(from, hello) else { return false };
        if (me.incarnation, &me.endpoint) == (hello.incarnation, &hello.endpoint) {
            self.namesake.echo = Some(now);
        } else {
            self.meet_namesake(hello.endpoint.clone(), hello.incarnation);
        }
        self.refuse_node(from, Refusal::NameTaken, text);
        true
    }

    fn meet_namesake(&mut self, endpoint: Endpoint, life: Incarnation) {
        if self.namesake.other.as_ref().is_none_or(|(known, _)| *known != endpoint) {
            self.outbox.push_back(Output::Notify(Event::Namesake(endpoint.clone())));
        }
        // The two have refused each other: this one was there first.
        let came_later = life > self.origin.incarnation();
        self.namesake.taken.take_if(|(_, at)| came_later && at.as_ref() == Some(&endpoint));
        self.namesake.other = Some((endpoint, life));
    }

    /// A node that was greeted says that the name is taken. This one gives way, unless that is a namesake that came later.
    pub(super) fn on_name_taken(&mut self, now: Mono, link: LinkId, text: &str) {
        let is_own = |at: Mono| now.since(at) < self.config.protocol.timing.hello_interval;
        if self.namesake.echo.take().is_some_and(is_own) {
            return;
        }
        let (at, me) = (self.peers.endpoint_of(link).cloned(), self.peers.me().endpoint.to_string());
        let other = self.namesake.other.as_ref().filter(|(endpoint, _)| Some(endpoint) == at.as_ref());
        let came_first = other.is_some_and(|(_, life)| *life > self.origin.incarnation());
        if !came_first && self.namesake.taken.is_none() {
            let text = if text.contains(&me) { text.to_owned() } else { format!("{text}, not by {me}") };
            self.outbox.push_back(Output::Notify(Event::NameTaken(text.clone())));
            self.namesake.taken = Some((text, at));
        }
    }

    /// A neighbour names members. One of this node's own name elsewhere may be a namesake, or long gone: it is greeted. One
    /// of another neighbour's name elsewhere is told to that neighbour, if `is_first_hand`: the sender has a link to it.
    pub(super) fn look_for_namesakes(&mut self, now: Mono, members: &[Member], is_first_hand: bool) {
        let me = self.peers.me();
        let is_mine = |member: &&Member| member.node == me.node && member.endpoint != me.endpoint;
        let elsewhere = members.iter().find(is_mine).map(|member| member.endpoint.clone());
        let is_due = self.namesake.asked.is_none_or(|asked| now.since(asked) >= ASK_INTERVAL);
        if let Some(endpoint) = elsewhere.filter(|_| is_due && !self.is_leaving()) {
            self.namesake.asked = Some(now);
            self.peers.ask_at(now, endpoint, &mut self.stats, &mut self.outbox);
        }
        for member in members.iter().filter(|_| is_first_hand) {
            let Some(slot) = self.peers.neighbours().slot_of(&member.node) else { continue };
            let is_elsewhere = self.peers.peer(slot).is_some_and(|peer| peer.up && *peer.endpoint != member.endpoint);
            if is_elsewhere && self.peers.neighbours().slots_with(Capability::Overlay).contains(slot) {
                let members = vec![member.clone()];
                let news = Walk { kind: WalkKind::News, steps: 0, path: Vec::new(), members };
                self.send_to(slot, Frame::Walk(news));
            }
        }
    }

    /// Whether a message, or what is said of it, may go on: one that claims to be of this node's life and is not shows that
    /// somebody else uses that life. This node takes up another, so that the message is as good as all others.
    pub(super) fn bears(&mut self, now: Now, from: &NodeId, id: &MessageId) -> bool {
        if !self.origin.disowns(id) {
            return true;
        }
        let is_renewed = self.learn_life(now, LifeSeen { incarnation: id.incarnation, sequence: id.sequence });
        if !is_renewed {
            self.refuse_node(from, Refusal::BadRequest, format!("{id} was never published here"));
        }
        is_renewed
    }

    /// A neighbour has seen these messages. If they are of this node's `life`, and it never published them, somebody else uses
    /// that life: this node takes up another. `life` is that at the beginning of the frame, which may name many: one frame
    /// must not cost more than one of them.
    pub(super) fn compare_life(&mut self, now: Now, life: Incarnation, held: &StreamRanges) {
        let is_own = held.stream.origin == self.config.node && held.stream.incarnation == life;
        if let Some(&(_, last)) = held.ranges.last().filter(|_| is_own) {
            self.learn_life(now, LifeSeen { incarnation: life, sequence: last });
        }
    }

    /// A neighbour has seen this of our lives. If it is more than there was of this one, an earlier life was forgotten, or
    /// another node uses this one: the node goes on as a life above all. Says whether it does: not beyond the greatest life
    /// that there is, and not for ever.
    pub(super) fn learn_life(&mut self, now: Now, seen: LifeSeen) -> bool {
        if seen <= self.origin.latest() || self.is_leaving() {
            return false;
        }
        let lived = now.mono.since(self.started).as_secs() / RENEWAL_INTERVAL.as_secs();
        if self.stats.total().get(Counter::Renewed) >= RENEWALS_MAX.saturating_add(lived) {
            return false;
        }
        let last = Some(seen.incarnation);
        let Some(incarnation) = Incarnation::next(last, now.wall, self.rng.bits()) else { return false };
        self.stats.count(Counter::Renewed, None);
        self.outbox.push_back(Output::Renew(incarnation));
        self.outbox.push_back(Output::Notify(Event::Renewed(incarnation)));
        self.origin.renew(incarnation);
        self.seen.renew(StreamId { origin: self.config.node.clone(), incarnation });
        self.peers.renew(incarnation, &mut self.outbox);
        true
    }
}
