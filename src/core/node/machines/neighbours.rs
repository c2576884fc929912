//! Frames of neighbours: each finds the machine that it is for. And what membership asks for is done.
//! Spec: sections 5 and 6.

use super::Machines;
use crate::core::{
    dissemination::{self, Dissemination},
    event::{LinkId, Output},
    frame::{Answer, Frame, Hashes},
    id::NodeId,
    membership::{self, Input},
    slots::Slot,
    stats::Refusal,
    time::{Mono, Now},
};

impl Machines {
    /// Another node says something over its link to us.
    pub(in crate::core::node) fn on_frame(&mut self, now: Now, from: NodeId, frame: Frame) {
        let is_introduced = self.membership.is_introduced(&from);
        let is_heard = is_introduced && !matches!(frame, Frame::Hello(..));
        let slot = if is_heard { self.membership.heard(now.mono, &from) } else { None };
        self.follow_membership(now);
        match frame {
            Frame::Hello(hello, priority) => {
                let seen = self.dissemination.seen().latest_life(&from);
                self.on_membership(now, Input::Greeted { from, hello, priority, seen });
            }
            _ if !is_introduced => {
                self.refuse_node(now, &from, Refusal::NotIntroduced, "say HELLO first".into());
            }
            Frame::Message(_) | Frame::Path(_) | Frame::Chunk(_) => self.on_message_frame(now, from, slot, frame),
            Frame::Leave | Frame::Part(_) => self.on_membership(now, Input::Told { from, frame }),
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
            Frame::Have(_) | Frame::Prune(_) | Frame::Graft(_) | Frame::Digest { .. } | Frame::Pull { .. } => {
                self.on_message_frame(now, from, Some(slot), frame);
            }
            frame => self.on_membership(now, Input::Told { from, frame }),
        }
    }

    fn on_ping(&mut self, now: Now, from: NodeId, slot: Option<Slot>, token: u64, hashes: Option<Hashes>) {
        if let (Some(slot), Some(hashes)) = (slot, hashes) {
            self.disseminate(now, dissemination::Input::Hashes { slot, hashes });
        }
        self.ask(Output::Answer(from, Answer::Pong(token)));
    }

    /// Something comes back over a link of ours.
    pub(in crate::core::node) fn on_answer(&mut self, now: Now, link: LinkId, answer: Answer) {
        match answer {
            Answer::Pong(token) if Dissemination::is_token(token) => {
                self.on_message_answer(now, link, |slot| dissemination::Input::Acknowledged { slot, token });
            }
            Answer::Lost(streams) => {
                self.on_message_answer(now, link, |slot| dissemination::Input::Lost { slot, streams });
            }
            answer => {
                if let Answer::Pong(token) = answer {
                    // The token of a probe says when it was sent.
                    self.on_message_answer(now, link, |slot| dissemination::Input::Answered {
                        slot,
                        sent: Mono(token),
                    });
                }
                return self.on_membership(now, Input::Answered { link, answer });
            }
        }
        self.on_membership(now, Input::Proved(link));
    }

    /// Tells membership of something, and does what it asks for.
    pub(in crate::core::node) fn on_membership(&mut self, now: Now, input: Input) {
        self.membership.handle(now.mono, input);
        self.follow_membership(now);
    }

    /// Has membership tell which neighbours have come and gone, and look for others.
    pub(super) fn settle_membership(&mut self, now: Now) {
        self.membership.note_changes(now.mono);
        self.follow_membership(now);
        self.membership.follow_overlay(now.mono);
        self.follow_membership(now);
    }

    /// Does what membership asks for, until it asks for nothing more.
    pub(in crate::core::node) fn follow_membership(&mut self, now: Now) {
        use membership::Output as Asked;
        while let Some(asked) = self.membership.poll_output() {
            match asked {
                Asked::Adopt(instance) => self.ask(Output::Adopt(instance)),
                Asked::Connect(link, endpoint, dial) => self.ask(Output::Connect(link, endpoint, dial)),
                Asked::Disconnect(link) => self.ask(Output::Disconnect(link)),
                Asked::Send(links, frame) => self.ask(Output::Send(links, frame)),
                Asked::Answer(node, answer) => self.ask(Output::Answer(node, answer)),
                Asked::Notify(event) => self.notify(now, event),
                Asked::Count(counter, peer) => self.stats.count(counter, peer.as_ref()),
                Asked::CountRefusal(refusal, peer) => self.stats.refuse(refusal, peer.as_ref()),
                Asked::LifeSeen(seen) => self.learn_life(now, seen),
                Asked::Farewell(link) => self.on_farewell(now, link),
                Asked::Freed(slot) => self.disseminate(now, dissemination::Input::Freed(slot)),
                Asked::Fallen(slot) => self.disseminate(now, dissemination::Input::Fell(slot)),
                Asked::Risen(slot) => self.disseminate(now, dissemination::Input::Rose(slot)),
            }
        }
    }
}
