//! What neighbours say, and what becomes of them: each frame finds the part of the node that it is for, and each part hears
//! which neighbours have come and gone. Spec: sections 5 and 6.

use super::Node;
use crate::core::{
    capability::Capability,
    dissemination::chunks::outgoing::Outgoing,
    event::{Event, LinkId, Output},
    frame::{Answer, DisconnectReason, Frame, Hashes, Introduction, JoinPriority, Member, Walk},
    id::NodeId,
    membership::links::{
        detector::MemberState,
        handshake::Greeting,
        link::Kind,
        peers::{Failure, Judgement},
    },
    membership::overlay::action::Action,
    slots::Slot,
    stats::{Counter, Refusal},
    time::{Mono, Now},
};

impl Node {
    /// Another node says something over its link to us.
    pub(super) fn on_frame(&mut self, now: Now, from: NodeId, frame: Frame) {
        let is_introduced = self.peers.is_introduced(&from);
        let is_heard = is_introduced && !matches!(frame, Frame::Hello(..));
        let slot = if is_heard { self.peers.heard(now.mono, &from, &mut self.outbox) } else { None };
        match frame {
            Frame::Hello(..) if self.is_leaving() => {
                self.refuse_node(&from, Refusal::Leaving, "this node is leaving its network".into());
            }
            Frame::Hello(hello, priority) => self.on_hello(now.mono, &from, hello, priority),
            _ if !is_introduced => {
                self.refuse_node(&from, Refusal::NotIntroduced, "say HELLO first".into());
            }
            Frame::Message(message) => self.on_message(now, from, message),
            Frame::Path(copy) => self.on_path(now, from, copy),
            Frame::Chunk(chunk) => self.on_chunk(now, from, slot, chunk),
            Frame::Leave => {
                self.peers.on_leave(&from, &mut self.outbox);
                self.overlay.left(now.mono, &from);
            }
            Frame::Part(reason) => {
                self.peers.on_part(now.mono, &from, reason, &mut self.outbox);
                self.overlay.on_frame(now.mono, &from, frame);
            }
            Frame::Ping { token, digest } => self.on_ping(now, from, slot, token, digest),
            frame => {
                // What is told over a link that goes one way alone cannot be answered.
                if let Some(slot) = slot {
                    self.on_word(now, from, slot, frame);
                }
            }
        }
    }

    /// A frame of a neighbour that we have a link to.
    fn on_word(&mut self, now: Now, from: NodeId, slot: Slot, frame: Frame) {
        match frame {
            Frame::Have(announcements) => self.on_have(now, slot, announcements),
            Frame::Prune(origin) => self.trees.on_prune(now.mono, &origin, slot),
            Frame::Graft(origin) => {
                let links = self.peers.neighbours().slots_with(Capability::Tree);
                self.trees.on_graft(now.mono, &origin, slot, links);
            }
            Frame::Digest { streams, given_up } => self.on_digest(now, slot, streams, &given_up),
            Frame::Pull(streams) => self.on_pull(now.mono, &from, slot, &streams),
            frame => {
                match &frame {
                    Frame::Neighbours(members) => self.look_for_namesakes(now.mono, members, true),
                    Frame::Walk(Walk { members, .. }) => self.look_for_namesakes(now.mono, members, false),
                    _ => {}
                }
                self.overlay.on_frame(now.mono, &from, frame);
            }
        }
    }

    fn on_hello(&mut self, now: Mono, from: &NodeId, hello: Introduction, priority: JoinPriority) {
        if self.meets_itself(now, from, &hello) {
            return;
        }
        let member = Member { node: from.clone(), endpoint: hello.endpoint.clone() };
        let is_sound = self.peers.me().check(from, &hello).is_ok();
        let vacancy = is_sound && self.overlay.admits(now, &member, priority);
        let seen = self.seen.latest_life(from);
        let greeting = Greeting { hello, priority, vacancy, seen };
        self.peers.on_hello(now, from, greeting, &mut self.stats, &mut self.outbox);
        if self.peers.is_introduced(from) {
            // One that knows no wishes declares nothing by its greeting.
            let is_kept = priority != JoinPriority::Declared || self.peers.is_declared(from);
            let priority = if is_kept { priority } else { JoinPriority::Neighbour };
            self.overlay.greeted(now, member, priority);
        }
    }

    fn on_ping(&mut self, now: Now, from: NodeId, slot: Option<Slot>, token: u64, hashes: Option<Hashes>) {
        if let (Some(theirs), Some(slot)) = (hashes, slot) {
            let ours = self.seen.hashes();
            if self.digests.on_ping_digest(now.mono, slot, theirs, ours) {
                self.peers.probe_soon(now.mono, slot);
            }
        }
        self.outbox.push_back(Output::Answer(from, Answer::Pong(token)));
    }

    /// Somebody wants a node to be a peer no more.
    pub(super) fn undeclare(&mut self, now: Mono, node: &NodeId) {
        self.overlay.sever(now, node);
        self.peers.part(now, node, DisconnectReason::Undeclared, &mut self.outbox);
    }

    /// Something comes back over a link of ours.
    pub(super) fn on_answer(&mut self, now: Now, link: LinkId, answer: Answer) {
        match answer {
            Answer::Welcome(welcome, seen) => {
                let seen = self.peers.on_welcome(now.mono, link, welcome, seen, &mut self.stats, &mut self.outbox);
                if let Some(seen) = seen {
                    self.learn_life(now, seen);
                }
            }
            Answer::Pong(token) if Outgoing::is_token(token) => self.on_acknowledged(now.mono, link, token),
            Answer::Pong(token) => {
                self.note_answered(now.mono, link, token);
                self.peers.on_pong(now.mono, link, token, &mut self.stats, &mut self.outbox);
            }
            Answer::Farewell => self.on_farewell(now, link),
            Answer::Lost(streams) => {
                if let Some(slot) = self.peers.neighbours().slot_of_link(link) {
                    self.on_lost(now, slot, streams);
                }
            }
            Answer::Refuse { code, .. } if self.peers.is_answer_of_follower(link, &code) => {
                let node = self.peers.neighbours().name_of(link).cloned();
                node.into_iter().for_each(|node| self.overlay.refused(now.mono, &node));
            }
            Answer::Refuse { code, text } => {
                self.stats.count(Counter::RefusedByPeer, self.peers.neighbours().name_of(link));
                if self.is_leaving() {
                    return self.on_farewell(now, link);
                }
                if code == Refusal::NameTaken.name() {
                    self.on_name_taken(now.mono, link, &text);
                }
                self.peers.on_refuse(now.mono, link, code, text, &mut self.outbox);
            }
        }
        // Who refuses to be a peer is none, whatever was there before: the link is not up any more.
        self.peers.answered(now.mono, link, &mut self.outbox);
    }

    /// A connection that is made while the node leaves tells one more neighbour.
    pub(super) fn on_writable(&mut self, now: Now, link: LinkId) {
        if self.is_leaving() {
            return self.outbox.push_back(Output::Send(vec![link], Frame::Leave));
        }
        self.peers.on_writable(now.mono, link, &mut self.outbox);
    }

    /// Tells the parts of the node which neighbours have come and gone.
    pub(super) fn note_changes(&mut self, now: Now) {
        self.peers.dial_queued(now.mono, &mut self.outbox);
        let freed = self.peers.take_freed();
        for slot in freed.iter() {
            self.recent.forget(slot);
            self.allowances.forget(slot);
            self.forget(now.mono, slot);
        }
        if !freed.is_empty() {
            self.forget_links(now.mono);
        }
        for slot in self.peers.take_fallen().iter() {
            self.forget(now.mono, slot);
            let node = self.peers.peer(slot).and_then(|peer| peer.node);
            node.into_iter().for_each(|node| self.overlay.fell(node));
        }
        for slot in self.peers.take_risen().iter() {
            if self.peers.neighbours().slots_with(Capability::Repair).contains(slot) {
                self.digests.rose(now.mono, slot);
            }
            self.note_neighbour(now.mono, slot);
        }
        self.seeds.note(now.mono, !self.peers.neighbours().up_slots().is_empty());
        for Judgement { node, verdict } in self.peers.take_judgements() {
            match verdict {
                MemberState::Up => self
                    .peers
                    .neighbours()
                    .slot_of(&node)
                    .into_iter()
                    .for_each(|slot| self.note_neighbour(now.mono, slot)),
                MemberState::Suspect => self.overlay.suspected(&node),
                MemberState::Down => self.overlay.down(now.mono, &node),
            }
        }
        for (node, failure) in self.peers.take_failures() {
            match failure {
                Failure::Refused(_) => self.overlay.refused(now.mono, &node),
                Failure::Silent | Failure::Stranger => self.overlay.down(now.mono, &node),
            }
        }
    }

    /// Links were closed: whom the overlay takes for a neighbour, or keeps a link to, has one.
    fn forget_links(&mut self, now: Mono) {
        let has_link = |node: &NodeId| self.peers.neighbours().slot_of(node).is_some();
        let active = self.overlay.active();
        let gone: Vec<NodeId> = active.neighbours().map(|member| member.node).filter(|node| !has_link(node)).collect();
        let undeclared: Vec<NodeId> = active.declared().filter(|node| !has_link(node)).cloned().collect();
        undeclared.iter().for_each(|node| self.overlay.undeclare(node));
        gone.iter().for_each(|node| self.overlay.down(now, node));
    }

    /// A neighbour is there, or there again.
    fn note_neighbour(&mut self, now: Mono, slot: Slot) {
        let Some(peer) = self.peers.peer(slot).filter(|peer| peer.up) else { return };
        let Some(member) = peer.member() else { return };
        if peer.kind == Kind::Declared && !self.overlay.is_declared(&member.node) {
            self.overlay.declare(now, member.clone());
        }
        self.overlay.rose(now, member);
    }

    /// Does what the overlay asks for, until it asks for nothing more.
    pub(super) fn follow_overlay(&mut self, now: Mono) {
        while let Some(action) = self.overlay.poll_action() {
            match action {
                _ if self.is_leaving() => {}
                Action::Send { to, frame } => {
                    let slot = self.peers.neighbours().slot_of(&to);
                    if let Some(slot) =
                        slot.filter(|&slot| self.peers.neighbours().slots_with(Capability::Overlay).contains(slot))
                    {
                        self.send_to(slot, frame);
                    }
                }
                Action::SendAll { except, frame } => {
                    let except = except.and_then(|node| self.peers.neighbours().slot_of(&node));
                    let slots = self
                        .peers
                        .neighbours()
                        .slots_with(Capability::Overlay)
                        .iter()
                        .filter(|&slot| Some(slot) != except);
                    self.send(self.peers.neighbours().links_of(slots), frame);
                }
                Action::Seek { member, priority } => self.seek(now, &member, priority),
                Action::Adopt { node } => self.peers.adopt(&node, &mut self.outbox),
                Action::Part { node, reason } => self.peers.part(now, &node, reason, &mut self.outbox),
                Action::Close { node } => self.peers.drop_link(&node, &mut self.outbox),
            }
        }
    }

    /// Greets a contact, if it is time: the node has no neighbour.
    pub(super) fn try_contact(&mut self, now: Mono) {
        if let Some(endpoint) = self.seeds.on_tick(now).filter(|_| !self.is_leaving()) {
            self.peers.join(now, endpoint, &mut self.stats, &mut self.outbox);
        }
    }

    /// Opens a link that nobody declared.
    fn seek(&mut self, now: Mono, member: &Member, priority: JoinPriority) {
        let is_sought = self.peers.seek(now, member, priority, Kind::Healing, &mut self.stats, &mut self.outbox);
        if is_sought && priority != JoinPriority::Bridge {
            self.stats.count(Counter::Sought, None);
            self.outbox.push_back(Output::Notify(Event::Seeking(member.node.clone())));
        }
    }

    fn forget(&mut self, now: Mono, slot: Slot) {
        self.trees.forget(slot);
        self.missing.forget(now, slot);
        self.digests.forget(slot);
        self.dropped.forget(slot);
        self.forget_chunks(slot);
    }
}
