//! All that membership asks of the node that it is a part of, and the queue in which it waits.

use crate::core::{
    endpoint::Endpoint,
    event::{Dial, Event, LinkId},
    frame::{Answer, Frame, LifeSeen},
    id::{Instance, NodeId},
    slots::Slot,
    stats::{Counter, Refusal},
};
use std::collections::VecDeque;

/// One thing to be done or to be known, in the order in which it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Keep this as the instance of the network that the node belongs to.
    Adopt(Instance),
    /// Open a link.
    Connect(LinkId, Endpoint, Dial),
    /// Close a link. What waits in it is lost.
    Disconnect(LinkId),
    /// Send one frame over some links.
    Send(Vec<LinkId>, Frame),
    /// Answer a node over the link it opened.
    Answer(NodeId, Answer),
    /// Tell whoever watches.
    Notify(Event),
    /// Count something, at a peer if it is one's.
    Count(Counter, Option<NodeId>),
    /// Count a refusal, at a peer if it is one's.
    CountRefusal(Refusal, Option<NodeId>),
    /// A neighbour has seen this of the node's own lives.
    LifeSeen(LifeSeen),
    /// The far end of a link knows that the node leaves.
    Farewell(LinkId),
    /// The link that had a slot was closed: all that is kept of the slot is void, also where another link has it by now.
    Freed(Slot),
    /// The link that has a slot is not up any more, or was not for all the time.
    Fallen(Slot),
    /// The link that has a slot is up.
    Risen(Slot),
}

/// The queue of outputs. It is drained after each input.
#[derive(Debug, Default)]
pub(super) struct Outputs(VecDeque<Output>);

impl Outputs {
    pub(super) fn push(&mut self, output: Output) {
        self.0.push_back(output);
    }

    pub(super) fn extend(&mut self, outputs: impl IntoIterator<Item = Output>) {
        self.0.extend(outputs);
    }

    pub(super) fn pop(&mut self) -> Option<Output> {
        self.0.pop_front()
    }

    pub(super) fn notify(&mut self, event: Event) {
        self.push(Output::Notify(event));
    }

    pub(super) fn count(&mut self, counter: Counter, peer: Option<&NodeId>) {
        self.push(Output::Count(counter, peer.cloned()));
    }

    pub(super) fn count_refusal(&mut self, refusal: Refusal, peer: Option<&NodeId>) {
        self.push(Output::CountRefusal(refusal, peer.cloned()));
    }

    /// Refuses a node: on the wire, in the counters, and to whoever watches. Strangers count in the total alone, so that they
    /// crowd nobody out of the table of peers.
    pub(super) fn refuse(&mut self, node: &NodeId, refusal: Refusal, text: String, is_known: bool) {
        self.count_refusal(refusal, Some(node).filter(|_| is_known));
        let code = refusal.name().to_owned();
        self.push(Output::Answer(node.clone(), Answer::Refuse { code, text: text.clone() }));
        self.notify(Event::Refused { node: node.clone(), refusal, text });
    }
}
