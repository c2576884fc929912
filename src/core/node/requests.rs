//! Requests of clients, and what a node does about them. Spec: `docs/spec/gossip-bus.md`, *Requests*.

use super::{Node, departure::Departure};
use crate::core::{
    dissemination,
    event::{Event, LogSeq, Output, Record},
    frame::{Frame, STREAMS_MAX, StreamRanges},
    id::{NodeId, StreamId},
    membership::machine,
    message::{Payload, Relays},
    request::{Disturbance, Fetch, Level, NodeStatus, Reply, Request, RequestId, Status, Vector},
    service::{self, Caller, Receipt},
    stats::{Counter, Refusal},
    time::{Mono, Now},
};
use std::{sync::Arc, time::Duration};

/// Longest time that farewells are given beside their own because links are slow.
const DELAY_MAX: Duration = Duration::from_secs(2);

/// Gaps on a page of the inbox, at most: all of them are in the pages of the vector.
const GAPS_LISTED_MAX: usize = 1024;
/// Ranges and gaps on a page of the vector, at most: so that no page is longer than a frame may be.
const VECTOR_RANGES_MAX: usize = 8192;

impl Node {
    pub(super) fn on_request(&mut self, now: Now, caller: Caller, request: Request) {
        self.stats.count(Counter::Requests, None);
        if promises(&request) && self.service.is_behind() {
            return self.refuse_client(now, caller, Refusal::Busy, "the log is behind: try again in a moment".into());
        }
        let reply = match request {
            Request::Publish { trace, payload } => return self.publish(now, caller, trace, payload),
            Request::Ready => return self.service.handle(now, service::Input::Ready(caller)),
            Request::Remove => return self.leave(now, caller),
            Request::Watch { from, wait } => {
                return self.service.handle(now, service::Input::Watch { caller, from, wait });
            }
            Request::Fetch(fetch) => return self.fetch(now, caller, &fetch),
            Request::Mark { first, last } => {
                self.mark(first, last);
                return self.reply_after(now, self.marked, caller, Reply::Done);
            }
            Request::Peers => Reply::Peers(self.membership.describe()),
            Request::Status => Reply::Status(Box::new(self.status(now))),
            Request::Seen { after, of } => Reply::Vector(self.vector(after.as_ref(), &of)),
            Request::Connect { peers } => {
                let declared = self.membership.declare(now.mono, peers);
                self.follow_membership(now);
                declared.map_or_else(|(refusal, text)| Reply::Refused { refusal, text }, |()| Reply::Done)
            }
            Request::Disconnect { nodes } => {
                self.on_membership(now, machine::Input::Disconnect(nodes));
                Reply::Done
            }
            Request::Join { contacts } => {
                let contacts = contacts.into_iter().map(|(_, endpoint)| endpoint).collect();
                self.on_membership(now, machine::Input::Join(contacts));
                Reply::Done
            }
            Request::Disturb { nodes, disturbance } => match self.disturb(nodes, disturbance) {
                Ok(()) => Reply::Done,
                Err((refusal, text)) => return self.refuse_client(now, caller, refusal, text),
            },
            Request::Stop => {
                self.membership.handle(now.mono, machine::Input::Stopping);
                self.membership.follow_overlay(now.mono);
                self.follow_membership(now);
                self.service.handle(now, service::Input::Leave(caller));
                return self.end(now);
            }
        };
        self.reply(now, caller, reply);
    }

    fn disturb(&mut self, nodes: Option<Vec<NodeId>>, disturbance: Disturbance) -> Result<(), (Refusal, String)> {
        if !self.config.protocol.chaos {
            let text = "this node does not accept faults: start it with --chaos".to_owned();
            return Err((Refusal::NotAllowed, text));
        }
        self.disturbed.note(nodes.as_deref(), &disturbance);
        self.outbox.push_back(Output::Disturb(nodes, disturbance));
        Ok(())
    }

    fn publish(&mut self, now: Now, caller: Caller, relays: Option<Relays>, payload: Payload) {
        if let Some(Receipt { message, record }) = self.service.receipt(&caller.id).cloned() {
            self.stats.count(Counter::Repeated, None);
            let receipt = Reply::Receipt { id: message, level: Level::Memory };
            return self.reply_after(now, record, caller, receipt);
        }
        if let Err((refusal, text)) = self.admit(now.mono, &payload) {
            return self.refuse_client(now, caller, refusal, text);
        }
        self.on_membership(now, machine::Input::Published);
        self.stats.count(Counter::Published, None);
        let id = self.dissemination.publish(now, relays, payload, self.membership.neighbours());
        self.follow_dissemination(now);
        if let RequestId::Unique(unique) = &caller.id {
            let (client, request) = (caller.connection().into(), Arc::clone(unique));
            self.append(Record::Receipt { client, request, message: id.clone() });
        }
        self.service.handle(now, service::Input::Published { caller, message: id, record: self.appended });
    }

    /// Says why a submission cannot be taken in now, if so.
    fn admit(&mut self, now: Mono, payload: &Payload) -> Result<(), (Refusal, String)> {
        if self.is_leaving() {
            return Err((Refusal::Leaving, "the node is leaving its network: submit to another".into()));
        }
        if let Some(why) = self.membership.name_taken() {
            return Err((Refusal::NameTaken, format!("{why}: this node takes no messages; submit to another")));
        }
        if self.pressed || self.dissemination.is_pressed(now) {
            return Err((Refusal::Busy, "the node's queues are filling up: try again in a moment".into()));
        }
        payload.check(self.config.limits.payload_len_max)
    }

    fn fetch(&mut self, now: Now, caller: Caller, fetch: &Fetch) {
        let mut page = self.mailbox.fetch(fetch, self.config.limits.page_len_max);
        if fetch.from.position == 0 {
            page.gaps = self.dissemination.seen().gaps().take(GAPS_LISTED_MAX).collect();
        }
        let mut record = LogSeq::NONE;
        if fetch.mark
            && fetch.status != Status::Read
            && let Some((first, last)) = page.span()
        {
            self.mark(first, last);
            record = self.marked;
        }
        self.reply_after(now, record, caller, Reply::Page(page));
    }

    fn mark(&mut self, first: u64, last: u64) {
        if self.mailbox.mark(first, last) > 0 {
            self.marked = self.append(Record::Marked { first, last });
        }
    }

    pub(super) fn status(&self, now: Now) -> NodeStatus {
        let me = self.membership.me();
        let by_peer = self.stats.by_peer().iter();
        let peers = self.membership.describe();
        let disturbed = self.disturbed.among(peers.iter().filter_map(|peer| peer.node.as_ref()));
        NodeStatus {
            node: me.node.clone(),
            endpoint: me.endpoint.clone(),
            network: me.network.clone(),
            instance: me.instance.clone(),
            incarnation: self.dissemination.latest().incarnation,
            version: self.version.to_owned(),
            uptime: now.mono.since(self.started),
            peers,
            payload_len_max: self.config.limits.payload_len_max as u64,
            retained_messages: self.mailbox.len() as u64,
            retained_bytes: self.mailbox.bytes() as u64,
            unread: self.mailbox.unread(),
            root: Some(self.membership.root().clone()),
            health: Some(u64::from(self.membership.health().score())),
            seen_messages: Some(self.dissemination.seen().messages()),
            digest: Some(self.dissemination.seen().digest()),
            missing: self.dissemination.missing_len() as u64,
            given_up: self.dissemination.seen().given_up(),
            unproven: self.dissemination.seen().claimed(),
            disturbed,
            name_taken: self.membership.name_taken().map(str::to_owned),
            instance_unstored: self.instance_unstored.clone(),
            counters: self.stats.total().named(),
            peer_counters: by_peer.map(|(node, tallies)| (node.to_string(), tallies.named())).collect(),
        }
    }

    /// A page of the version vector. No stream has more ranges than a page, so that none is cut (`Limits::intervals_max`).
    fn vector(&self, after: Option<&StreamId>, of: &[StreamRanges]) -> Vector {
        let streams = self.dissemination.seen().changed_since(0, after, STREAMS_MAX, VECTOR_RANGES_MAX).streams;
        let last = streams.last().map(|held| &held.stream);
        let more =
            last.is_some_and(|last| !self.dissemination.seen().changed_since(0, Some(last), 1, 1).streams.is_empty());
        let gaps = streams
            .iter()
            .flat_map(|held| self.dissemination.seen().gaps_of(&held.stream))
            .take(VECTOR_RANGES_MAX)
            .collect();
        let unproven =
            streams.iter().flat_map(|held| self.dissemination.seen().claims_of(&held.stream)).take(GAPS_LISTED_MAX);
        let unproven = unproven.collect();
        Vector { streams, more, gaps, unproven, kept: self.kept(of) }
    }

    /// The part of these messages that is kept, as much as a frame holds.
    fn kept(&self, of: &[StreamRanges]) -> Vec<StreamRanges> {
        let mut room = VECTOR_RANGES_MAX;
        let kept = of.iter().map(|StreamRanges { stream, ranges }| {
            let ranges = self.mailbox.kept(stream, ranges, room);
            room -= ranges.len();
            StreamRanges { stream: stream.clone(), ranges }
        });
        kept.filter(|kept| !kept.ranges.is_empty()).collect()
    }

    fn leave(&mut self, now: Now, caller: Caller) {
        self.service.handle(now, service::Input::Leave(caller));
        if self.is_leaving() {
            return;
        }
        let links: Vec<_> = self.membership.neighbours().iter().map(|(_, link)| link).collect();
        // What is under way goes first, and its links may be slow.
        let deadline = now.mono + self.config.limits.leave_timeout + (self.dissemination.delay() * 2).min(DELAY_MAX);
        self.on_membership(now, machine::Input::Leaving);
        self.departure = Some(Departure::new(links.iter().copied().collect(), deadline));
        self.disseminate(now, dissemination::event::Input::Leaving);
        self.notify(now, Event::Leaving);
        if !links.is_empty() {
            self.outbox.push_back(Output::Send(links, Frame::Leave));
        }
        self.finish_departure(now);
    }
}

/// Says whether what comes of a request must be safe before its reply.
fn promises(request: &Request) -> bool {
    matches!(request, Request::Publish { .. } | Request::Mark { .. } | Request::Fetch(Fetch { mark: true, .. }))
}
