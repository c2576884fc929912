//! Another node that goes by this one's name: it is noticed, and one of the two gives way. Spec: sections 6.1 and 7.

use super::links::peers::Peers;
use crate::core::{
    capability::Capability,
    endpoint::Endpoint,
    event::{Event, LinkId},
    frame::{Introduction, Member},
    id::{Incarnation, NodeId},
    slots::Slot,
    stats::Refusal,
    time::Mono,
};
use std::time::Duration;

/// Shortest time between two greetings at addresses where others say that this node is.
const ASK_INTERVAL: Duration = Duration::from_secs(10);

/// The knowledge of another node of this one's name. By default, there is none.
#[derive(Debug, Default)]
pub(super) struct Namesake {
    /// The reason why this node takes no messages, for people, and the address of the node that said so.
    taken: Option<(String, Option<Endpoint>)>,
    /// The address of a namesake that has greeted, and its life.
    other: Option<(Endpoint, Incarnation)>,
    /// The time at which the node's own greeting came back to it: the answer to it is its own, too.
    echo: Option<Mono>,
    /// The time at which it greeted an address last where its name is said to be used.
    asked: Option<Mono>,
}

impl Namesake {
    /// The reason why the node takes no messages, if it does not.
    pub(super) fn taken(&self) -> Option<&str> {
        self.taken.as_ref().map(|(why, _)| why.as_str())
    }

    /// A greeting under this node's own name: from itself, by another spelling of its address, or from a namesake. Says
    /// whether it was one.
    pub(super) fn meets_itself(&mut self, now: Mono, from: &NodeId, hello: &Introduction, peers: &mut Peers) -> bool {
        let me = peers.me();
        let Err((Refusal::NameTaken, text)) = me.check(from, hello) else { return false };
        if (me.incarnation, &me.endpoint) == (hello.incarnation, &hello.endpoint) {
            self.echo = Some(now);
        } else {
            self.meet(hello.endpoint.clone(), hello.incarnation, peers);
        }
        peers.refuse(from, Refusal::NameTaken, text);
        true
    }

    fn meet(&mut self, endpoint: Endpoint, life: Incarnation, peers: &mut Peers) {
        if self.other.as_ref().is_none_or(|(known, _)| *known != endpoint) {
            peers.out().notify(Event::Namesake(endpoint.clone()));
        }
        // The two have refused each other: this one was there first.
        let came_later = life > peers.me().incarnation;
        self.taken.take_if(|(_, at)| came_later && at.as_ref() == Some(&endpoint));
        self.other = Some((endpoint, life));
    }

    /// A node that was greeted says that the name is taken. This one gives way, unless that is a namesake that came later.
    pub(super) fn on_name_taken(&mut self, now: Mono, link: LinkId, text: &str, peers: &mut Peers) {
        let is_own = |at: Mono| now.since(at) < peers.hello_interval();
        if self.echo.take().is_some_and(is_own) {
            return;
        }
        let (at, me) = (peers.endpoint_of(link).cloned(), peers.me().endpoint.to_string());
        let other = self.other.as_ref().filter(|(endpoint, _)| Some(endpoint) == at.as_ref());
        let came_first = other.is_some_and(|(_, life)| *life > peers.me().incarnation);
        if !came_first && self.taken.is_none() {
            let text = if text.contains(&me) { text.to_owned() } else { format!("{text}, not by {me}") };
            peers.out().notify(Event::NameTaken(text.clone()));
            self.taken = Some((text, at));
        }
    }

    /// A neighbour names members. One of this node's own name elsewhere may be a namesake, or long gone: it is greeted.
    pub(super) fn look_for(&mut self, now: Mono, members: &[Member], peers: &mut Peers) {
        let me = peers.me();
        let is_mine = |member: &&Member| member.node == me.node && member.endpoint != me.endpoint;
        let elsewhere = members.iter().find(is_mine).map(|member| member.endpoint.clone());
        let is_due = self.asked.is_none_or(|asked| now.since(asked) >= ASK_INTERVAL);
        if let Some(endpoint) = elsewhere.filter(|_| is_due) {
            self.asked = Some(now);
            peers.ask_at(now, endpoint);
        }
    }
}

/// The members that bear a neighbour's name and live elsewhere, and the slots of these neighbours, who are to know.
pub(super) fn namesakes_of_neighbours(members: &[Member], peers: &Peers) -> Vec<(Slot, Member)> {
    let namesake = |member: &Member| {
        let slot = peers.neighbours().slot_of(&member.node)?;
        let is_elsewhere = peers.peer(slot).is_some_and(|peer| peer.up && *peer.endpoint != member.endpoint);
        let is_able = peers.neighbours().slots_with(Capability::Overlay).contains(slot);
        (is_elsewhere && is_able).then(|| (slot, member.clone()))
    };
    members.iter().filter_map(namesake).collect()
}
