//! Messages between the machines: what neighbours say of them goes to dissemination, and what that asks for is filed,
//! recorded, told and sent.

use super::Machines;
use crate::core::{
    batch::Batch,
    dissemination::{Input, Output as Asked},
    event::record::Record,
    event::{Event, LinkId, Output},
    frame::Frame,
    id::NodeId,
    membership,
    slots::Slot,
    stats::Counter,
    time::Now,
};

impl Machines {
    /// A neighbour says something about messages.
    pub(super) fn on_message_frame(&mut self, now: Now, from: NodeId, slot: Option<Slot>, frame: Frame) {
        if let Err((refusal, text)) = frame.check(&from, self.config.limits.payload_len_max) {
            return self.refuse_node(now, &from, refusal, text);
        }
        self.compare_life(now, &frame);
        self.disseminate(now, Input::Frame { from, slot, frame });
    }

    /// Something comes back over a link that is about messages.
    pub(super) fn on_message_answer(&mut self, now: Now, link: LinkId, input: impl FnOnce(Slot) -> Input) {
        if let Some(slot) = self.membership.neighbours().slot_of_link(link) {
            self.disseminate(now, input(slot));
        }
    }

    /// Whoever is silent because a body goes to it in one is not judged.
    pub(super) fn excuse_silence(&mut self, now: Now) {
        let excused: Vec<_> = self.dissemination.excused(now.mono).collect();
        for (slot, until) in excused {
            if let Some(link) = self.membership.neighbours().link_of(slot) {
                self.on_membership(now, membership::Input::Excused(link, until));
            }
        }
    }

    /// Tells dissemination what happened, and does what it asks for.
    pub(super) fn disseminate(&mut self, now: Now, input: Input) {
        self.dissemination.handle(now, input, self.membership.neighbours(), &self.mailbox);
        self.follow_dissemination(now);
    }

    /// Does what dissemination asks for, until it asks for nothing more.
    pub(in crate::core::node) fn follow_dissemination(&mut self, now: Now) {
        let mut is_filed = false;
        while let Some(asked) = self.dissemination.poll_output() {
            match asked {
                Asked::Deliver { batch, first, last, from } => {
                    self.deliver(now, from.as_ref(), batch, (first, last));
                    is_filed = true;
                }
                Asked::Path { id, path } => {
                    self.mailbox.note_path(&id, path.clone());
                    self.append(Record::Path { id, path });
                    is_filed = true;
                }
                Asked::Send { links, frame, counter } => {
                    if let Some(counter) = counter {
                        let (neighbours, times) = (self.membership.neighbours(), frame.messages());
                        links.iter().for_each(|&link| self.stats.add(counter, neighbours.name_of(link), times));
                    }
                    self.ask(Output::Send(links, frame));
                }
                Asked::Answer(node, answer) => self.ask(Output::Answer(node, answer)),
                Asked::GivenUp { stream, first, last } => {
                    self.append(Record::GivenUp { stream, first, last });
                }
                Asked::Gap { stream, first, last } => {
                    self.stats.add(Counter::GivenUp, None, (last - first).saturating_add(1));
                    self.notify(now, Event::Gap { stream, first, last });
                }
                Asked::GapFilled { stream, first, last } => {
                    self.notify(now, Event::GapFilled { stream, first, last });
                }
                Asked::Count { counter, node, times } => self.stats.add(counter, node.as_ref(), times),
                Asked::Refuse { node, refusal, text } => self.refuse_node(now, &node, refusal, text),
                Asked::Measured { slot, took } => {
                    if let Some(link) = self.membership.neighbours().link_of(slot) {
                        self.on_membership(now, membership::Input::Measured(link, took));
                    }
                }
                Asked::Probe(slot) => self.on_membership(now, membership::Input::ProbeSoon(slot)),
            }
        }
        // A traced message is needed until its copies have been noted.
        if is_filed {
            self.trim_mailbox(now);
        }
    }

    /// Messages of a batch are here for the first time.
    fn deliver(&mut self, now: Now, from: Option<&NodeId>, batch: Batch, (first, last): (u64, u64)) {
        self.on_membership(now, membership::Input::Used);
        self.stats.add(Counter::Delivered, from, last - first + 1);
        self.note_delivery(now, from, &batch, (first, last));
        let position = self.mailbox.file(&batch, (first, last), now.wall);
        self.append(Record::Received { batch, first, last, position, at: now.wall });
    }
}
