//! One link as the core knows it: whose it is, and what was asked and suspected over its connection.

use crate::core::{
    endpoint::Endpoint,
    event::{Frame, Introduction, LinkId, Output, Wish},
    id::NodeId,
    request::PeerInfo,
    time::Mono,
};
use std::time::Duration;

/// How many greetings a connection may leave unanswered before it is made anew: the far end may have given our name to
/// another connection.
pub(super) const GREETINGS_MAX: u32 = 5;

/// One outgoing connection.
#[derive(Debug)]
pub(super) struct Link {
    /// Where it was dialled.
    pub(super) endpoint: Endpoint,
    /// Where its far end says that it can be dialled: another spelling of the same, as a rule.
    pub(super) advertised: Option<Endpoint>,
    /// The name at its far end: as declared, or as it introduced itself.
    pub(super) node: Option<NodeId>,
    pub(super) up: bool,
    /// When to greet (link down) or to probe (link up) next.
    pub(super) next_probe: Mono,
    /// Greetings since the last answer.
    pub(super) greetings: u32,
    /// The probe that waits for its answer.
    pub(super) pinged: Option<Mono>,
    /// Since when there is reason to think that the connection has died unseen.
    pub(super) doubted: Option<Mono>,
    /// Since when another node wants the name at its far end.
    pub(super) contested: Option<Mono>,
    pub(super) round_trip: Option<Duration>,
}

impl Link {
    pub(super) fn new(node: Option<NodeId>, endpoint: Endpoint, next_probe: Mono) -> Self {
        let (pinged, doubted, contested, round_trip) = (None, None, None, None);
        let (advertised, up, greetings) = (None, false, 0);
        Self { endpoint, advertised, node, up, next_probe, greetings, pinged, doubted, contested, round_trip }
    }

    /// Whether its far end is at `endpoint`, as dialled or as advertised.
    pub(super) fn leads_to(&self, endpoint: &Endpoint) -> bool {
        self.endpoint == *endpoint || self.advertised.as_ref() == Some(endpoint)
    }

    pub(super) fn is_to(&self, node: &NodeId) -> bool {
        self.node.as_ref() == Some(node)
    }

    /// What the node tells about it.
    pub(super) fn describe(&self) -> PeerInfo {
        let Self { node, endpoint, up, round_trip, .. } = self;
        PeerInfo { node: node.clone(), endpoint: endpoint.clone(), up: *up, round_trip: *round_trip }
    }

    /// Forgets what was asked and suspected over a connection that is another one by now.
    pub(super) fn begin_anew(&mut self) {
        (self.pinged, self.doubted, self.contested, self.greetings) = (None, None, None, 0);
    }

    /// Asks the far end whether it is there.
    pub(super) fn ping(&mut self, id: LinkId, now: Mono) -> Output {
        self.pinged = Some(now);
        Output::Send(vec![id], Frame::Ping { token: now.0, digest: None })
    }

    pub(super) fn greet(&mut self, id: LinkId, me: &Introduction) -> Output {
        self.greetings += 1;
        Output::Send(vec![id], Frame::Hello(me.clone(), Wish::Declared))
    }
}
