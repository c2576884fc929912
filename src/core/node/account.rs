//! Accounts of a node: its state, its version vector, and the sizes of what it holds. Reading changes nothing, and needs no door.

use super::{Gauge, Node, Snapshot};
use crate::core::{
    event::record::Condition,
    frame::{STREAMS_MAX, StreamRanges},
    id::{NodeId, StreamId},
    request::{NodeStatus, Vector},
    time::Now,
};

/// Gaps on a page of the mailbox, at most: all of them are in the pages of the vector.
pub(super) const GAPS_LISTED_MAX: usize = 1024;
/// Ranges and gaps on a page of the vector, at most: so that no page is longer than a frame may be.
const VECTOR_RANGES_MAX: usize = 8192;

impl Node {
    /// The sizes of what it holds now. Costs next to nothing.
    pub fn gauge(&self) -> Gauge {
        let [trees, held, traced] = self.machines.dissemination.spread_lens();
        Gauge {
            messages: self.machines.mailbox.len(),
            bytes: self.machines.mailbox.bytes(),
            streams: self.machines.dissemination.seen().streams(),
            links: self.machines.membership.neighbours().len(),
            trees,
            missing: self.machines.dissemination.missing_len(),
            gaps: self.machines.dissemination.seen().gaps_len(),
            held,
            traced,
            view: self.machines.membership.acquaintances().len(),
            journal: self.machines.service.journal_len(),
            watchers: self.machines.service.watchers_len(),
        }
    }

    /// Its neighbours whose links are up, in the order in which it met them. A node that leaves has none: they were told to
    /// forget it.
    pub fn neighbours(&self) -> impl Iterator<Item = &NodeId> {
        self.machines.membership.neighbours().iter().filter(|_| !self.machines.is_leaving()).map(|(node, _)| node)
    }

    /// The members that it knows beside its neighbours, dead or alive.
    pub fn acquaintances(&self) -> impl Iterator<Item = NodeId> {
        self.machines.membership.acquaintances().cloned()
    }

    /// A copy of what it counts and holds now. It is no request, and counts as none.
    pub fn snapshot(&self, now: Now) -> Snapshot {
        let gauge = self.gauge();
        Snapshot {
            status: self.status(now),
            stats: self.machines.stats.clone(),
            gaps: gauge.gaps as u64,
            view: gauge.view as u64,
            watchers: gauge.watchers as u64,
        }
    }

    /// The state of a node, as STATE has it.
    pub(super) fn status(&self, now: Now) -> NodeStatus {
        let me = self.machines.membership.me();
        let by_peer = self.machines.stats.by_peer().iter();
        let peers = self.machines.membership.describe();
        let disturbed = self.disturbed.among(peers.iter().filter_map(|peer| peer.node.as_ref()));
        let log_trouble = match &self.log {
            Condition::Full(why) => Some(format!("the disk is full: {why}")),
            Condition::Failed(why) => Some(format!("the log cannot be written: {why}")),
            Condition::Well | Condition::Busy => None,
        };
        NodeStatus {
            level: self.machines.config.level,
            log_trouble,
            node: me.node.clone(),
            endpoint: me.endpoint.clone(),
            network: me.network.clone(),
            instance: me.instance.clone(),
            incarnation: self.machines.dissemination.latest().incarnation,
            version: self.version.to_owned(),
            uptime: self.machines.uptime(now.mono),
            peers,
            payload_len_max: self.machines.config.limits.payload_len_max as u64,
            retained_messages: self.machines.mailbox.len() as u64,
            retained_bytes: self.machines.mailbox.bytes() as u64,
            unread: self.machines.mailbox.unread(),
            root: Some(self.machines.membership.root().clone()),
            health: Some(u64::from(self.machines.membership.health().score())),
            seen_messages: Some(self.machines.dissemination.seen().messages()),
            digest: Some(self.machines.dissemination.seen().digest()),
            missing: self.machines.dissemination.missing_len() as u64,
            given_up: self.machines.dissemination.seen().given_up(),
            unproven: self.machines.dissemination.seen().claimed(),
            disturbed,
            name_taken: self.machines.membership.name_taken().map(str::to_owned),
            instance_unstored: self.instance_unstored.clone(),
            counters: self.machines.stats.total().named(),
            peer_counters: by_peer.map(|(node, tallies)| (node.to_string(), tallies.named())).collect(),
        }
    }

    /// A page of the version vector. No stream has more ranges than a page, so that none is cut (`Limits::intervals_max`).
    pub(super) fn vector(&self, after: Option<&StreamId>, of: &[StreamRanges]) -> Vector {
        let seen = self.machines.dissemination.seen();
        let streams = seen.changed_since(0, after, STREAMS_MAX, VECTOR_RANGES_MAX).streams;
        let last = streams.last().map(|held| &held.stream);
        let more = last.is_some_and(|last| !seen.changed_since(0, Some(last), 1, 1).streams.is_empty());
        let gaps = streams.iter().flat_map(|held| seen.gaps_of(&held.stream)).take(VECTOR_RANGES_MAX).collect();
        let unproven = streams.iter().flat_map(|held| seen.claims_of(&held.stream)).take(GAPS_LISTED_MAX).collect();
        Vector { streams, more, gaps, unproven, kept: self.kept(of) }
    }

    /// The part of these messages that is kept, as much as a frame holds.
    fn kept(&self, of: &[StreamRanges]) -> Vec<StreamRanges> {
        let mut room = VECTOR_RANGES_MAX;
        let kept = of.iter().map(|StreamRanges { stream, ranges }| {
            let ranges = self.machines.mailbox.kept(stream, ranges, room);
            room -= ranges.len();
            StreamRanges { stream: stream.clone(), ranges }
        });
        kept.filter(|kept| !kept.ranges.is_empty()).collect()
    }
}
