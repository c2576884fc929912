//! Requests of clients, and what a node does about them. Spec: `docs/spec/gossip-bus.md`, *Requests*.

use super::{Node, account};
use crate::core::{
    batch::Body,
    event::Output,
    event::record::{Condition, Level, LogSeq, Record},
    id::NodeId,
    membership,
    message::Relays,
    request::{Disturbance, Fetch, Reply, Request, Status},
    service::{self, Caller, Receipt},
    stats::{Counter, Refusal},
    time::{Mono, Now},
};

/// Text of the refusal of whoever would have to wait for the log.
const LOG_BEHIND: &str = "the log is behind: try again in a moment";

impl Node {
    pub(super) fn on_request(&mut self, now: Now, caller: Caller, request: Request) {
        self.machines.stats.count(Counter::Requests, None);
        if matches!(request, Request::Publish { .. }) && self.machines.service.is_behind() {
            return self.machines.refuse_client(now, caller, Refusal::Busy, LOG_BEHIND.into());
        }
        if !matches!(request, Request::Publish { .. }) {
            // Whoever asks after it has submitted something is to see it.
            self.machines.flush(now);
        }
        let reply = match request {
            Request::Publish { trace, body } => return self.publish(now, caller, trace, body),
            Request::Ready => return self.machines.service.handle(now, service::Input::Ready(caller)),
            Request::Remove => return self.leave(now, caller),
            Request::Watch { from, wait } => {
                return self.machines.service.handle(now, service::Input::Watch { caller, from, wait });
            }
            Request::Fetch(fetch) => return self.fetch(now, caller, &fetch),
            Request::Mark { first, last } => {
                self.mark(first, last);
                Reply::Done
            }
            Request::Peers => Reply::Peers(self.machines.membership.describe()),
            Request::Status => Reply::Status(Box::new(self.status(now))),
            Request::Seen { after, of } => Reply::Vector(self.vector(after.as_ref(), &of)),
            Request::Connect { peers } => {
                let declared = self.machines.membership.declare(now.mono, peers);
                self.machines.follow_membership(now);
                declared.map_or_else(|(refusal, text)| Reply::Refused { refusal, text }, |()| Reply::Done)
            }
            Request::Disconnect { nodes } => {
                self.machines.on_membership(now, membership::Input::Disconnect(nodes));
                Reply::Done
            }
            Request::Join { contacts } => {
                let contacts = contacts.into_iter().map(|(_, endpoint)| endpoint).collect();
                self.machines.on_membership(now, membership::Input::Join(contacts));
                Reply::Done
            }
            Request::Disturb { nodes, disturbance } => match self.disturb(nodes, disturbance) {
                Ok(()) => Reply::Done,
                Err((refusal, text)) => return self.machines.refuse_client(now, caller, refusal, text),
            },
            Request::Reopen if self.machines.config.level == Level::Memory => {
                let text = "the node keeps no log on disk: nothing to reopen".to_owned();
                return self.machines.refuse_client(now, caller, Refusal::BadRequest, text);
            }
            Request::Reopen => {
                self.machines.ask(Output::Reopen);
                Reply::Done
            }
            Request::Stop => {
                self.machines.membership.handle(now.mono, membership::Input::Stopping);
                self.machines.membership.follow_overlay(now.mono);
                self.machines.follow_membership(now);
                self.machines.service.handle(now, service::Input::Leave(caller));
                return self.machines.end(now);
            }
        };
        self.machines.reply(now, caller, reply);
    }

    fn disturb(&mut self, nodes: Option<Vec<NodeId>>, disturbance: Disturbance) -> Result<(), (Refusal, String)> {
        if !self.machines.config.protocol.chaos {
            let text = "this node does not accept faults: start it with --chaos".to_owned();
            return Err((Refusal::NotAllowed, text));
        }
        self.disturbed.note(nodes.as_deref(), &disturbance);
        self.machines.ask(Output::Disturb(nodes, disturbance));
        Ok(())
    }

    fn publish(&mut self, now: Now, caller: Caller, relays: Option<Relays>, body: Body) {
        if let Some(Receipt { message, count, record }) = self.machines.service.receipt(&caller.id).cloned() {
            self.machines.stats.count(Counter::Repeated, None);
            if record == LogSeq::OPEN {
                return self.machines.service.handle(now, service::Input::Submitted { caller, message, count });
            }
            let receipt = Reply::Receipt { id: message, count, level: self.machines.config.level };
            return self.machines.reply_after(now, record, caller, receipt);
        }
        if let Err((refusal, text)) = self.admit(now.mono, relays, &body) {
            return self.machines.refuse_client(now, caller, refusal, text);
        }
        self.machines.on_membership(now, membership::Input::Published);
        let count = body.count();
        self.machines.stats.add(Counter::Published, None, count.into());
        let id = self.machines.dissemination.publish(now, relays, body, self.machines.membership.neighbours());
        self.machines.service.handle(now, service::Input::Submitted { caller, message: id, count });
        self.machines.follow_dissemination(now);
    }

    /// Says why a submission cannot be taken in now, if so.
    fn admit(&mut self, now: Mono, relays: Option<Relays>, body: &Body) -> Result<(), (Refusal, String)> {
        if self.machines.is_leaving() {
            return Err((Refusal::Leaving, "the node is leaving its network: submit to another".into()));
        }
        if let Some(why) = self.machines.membership.name_taken() {
            return Err((Refusal::NameTaken, format!("{why}: this node takes no messages; submit to another")));
        }
        match &self.log {
            Condition::Full(why) => {
                let text = format!("the node's disk is full ({why}): make room, or submit to another node");
                return Err((Refusal::DiskFull, text));
            }
            Condition::Failed(why) => {
                let me = &self.machines.config.node;
                let text =
                    format!("the node cannot write its log ({why}): mend the disk, then 'gossip log reopen {me}'");
                return Err((Refusal::LogFailed, text));
            }
            Condition::Well | Condition::Busy => {}
        }
        if self.log == Condition::Busy {
            return Err((Refusal::Busy, LOG_BEHIND.into()));
        }
        if self.pressed || self.machines.dissemination.is_pressed(now) {
            return Err((Refusal::Busy, "the node's queues are filling up: try again in a moment".into()));
        }
        if relays.is_some() && body.count() > 1 {
            return Err((Refusal::BadRequest, "a submission whose paths are recorded has one message".into()));
        }
        body.check_submission(self.machines.config.limits.payload_len_max)
    }

    fn fetch(&mut self, now: Now, caller: Caller, fetch: &Fetch) {
        let mut page = self.machines.mailbox.fetch(fetch, self.machines.config.limits.page_len_max);
        if fetch.from.position == 0 {
            page.gaps = self.machines.dissemination.seen().gaps().take(account::GAPS_LISTED_MAX).collect();
        }
        if fetch.mark
            && fetch.status != Status::Read
            && let Some((first, last)) = page.span()
        {
            self.mark(first, last);
        }
        self.machines.reply(now, caller, Reply::Page(page));
    }

    fn mark(&mut self, first: u64, last: u64) {
        if self.machines.mailbox.mark(first, last) > 0 {
            self.machines.append(Record::Marked { first, last });
        }
    }

    fn leave(&mut self, now: Now, caller: Caller) {
        self.machines.service.handle(now, service::Input::Leave(caller));
        if !self.machines.is_leaving() {
            self.machines.depart(now);
        }
    }
}
