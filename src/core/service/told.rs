//! Events and arrivals in the words of EVENTS. Spec: `docs/spec/gossip-bus.md`, *Watching*.

use crate::core::{
    event::Event,
    id::{MessageId, NodeId},
    request::happening::{Detail, Happening},
    time::Wall,
};
use std::{borrow::Cow, time::Duration};

/// Messages that came here together for the first time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Arrival {
    /// The first message.
    pub(super) id: MessageId,
    /// Number of messages.
    pub(super) count: u64,
    /// The neighbour that they came from; `None`: they were submitted here.
    pub(super) from: Option<NodeId>,
    /// Links that they crossed.
    pub(super) hops: u32,
    /// The time since they were submitted, as far as the clocks of the two hosts agree; zero where they contradict each other.
    pub(super) latency: Duration,
}

/// Gives an event as watchers are told it.
pub(super) fn of_event(at: Wall, event: &Event) -> Happening {
    let (node, details) = told(event);
    let details = details.into_iter().map(|(name, value)| (Cow::Borrowed(name), value)).collect();
    Happening { at, kind: event.kind().into(), node, details }
}

/// Gives an arrival as watchers are told it.
pub(super) fn of_arrival(at: Wall, arrival: &Arrival) -> Happening {
    let Arrival { id, count, from, hops, latency } = arrival;
    let latency = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
    let several = (*count > 1).then(|| ("count", (*count).into()));
    let details = [("id", text(id)), ("hops", Detail::Number((*hops).into())), ("latency_us", latency.into())];
    let details = details.into_iter().chain(several).map(|(name, value)| (Cow::Borrowed(name), value)).collect();
    Happening { at, kind: Happening::ARRIVED.into(), node: from.clone(), details }
}

/// The node that an event is about, and its details.
fn told(event: &Event) -> (Option<NodeId>, Vec<(&'static str, Detail)>) {
    match event {
        Event::LinkUp { node, endpoint } => (Some(node.clone()), vec![("endpoint", text(endpoint))]),
        Event::LinkDown { node, endpoint } => (node.clone(), vec![("endpoint", text(endpoint))]),
        Event::PeerSuspected(node)
        | Event::PeerDown(node)
        | Event::PeerBack(node)
        | Event::PeerLeft(node)
        | Event::Seeking(node) => (Some(node.clone()), Vec::new()),
        Event::Refused { node, refusal, text: why } => {
            (Some(node.clone()), vec![("why", text(refusal.name())), ("text", text(why))])
        }
        Event::RefusedBy { endpoint, code, text: why } => {
            (None, vec![("endpoint", text(endpoint)), ("why", text(code)), ("text", text(why))])
        }
        Event::InboxFull { oldest } => (None, vec![("oldest", text(oldest))]),
        Event::Gap { stream, first, last } | Event::GapFilled { stream, first, last } => {
            (None, vec![("stream", text(stream)), ("first", (*first).into()), ("last", (*last).into())])
        }
        Event::Renewed(incarnation) => (None, vec![("incarnation", incarnation.0.into())]),
        Event::Stranger { node, expected, endpoint } => {
            (Some(node.clone()), vec![("expected", text(expected)), ("endpoint", text(endpoint))])
        }
        Event::Namesake(endpoint) => (None, vec![("endpoint", text(endpoint))]),
        Event::NameTaken(why) => (None, vec![("text", text(why))]),
        Event::Leaving => (None, Vec::new()),
    }
}

fn text(value: impl ToString) -> Detail {
    Detail::Text(value.to_string())
}
