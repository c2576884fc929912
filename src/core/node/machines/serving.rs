//! Answers to clients: the node tells the service what they wait for, and sends what it says. Spec: `docs/spec/gossip-bus.md`,
//! *Requests* and *Watching*.

use super::Machines;
use crate::core::{
    batch::Batch,
    event::record::LogSeq,
    event::{Event, Output},
    id::NodeId,
    request::Reply,
    service::{self, Caller},
    stats::Refusal,
    time::Now,
};
use std::time::Duration;

impl Machines {
    /// Answers a client at once.
    pub(in crate::core::node) fn reply(&mut self, now: Now, caller: Caller, reply: Reply) {
        self.reply_after(now, LogSeq::NONE, caller, reply);
    }

    /// Answers a client as soon as a record is safe.
    pub(in crate::core::node) fn reply_after(&mut self, now: Now, record: LogSeq, caller: Caller, reply: Reply) {
        self.service.handle(now, service::Input::Answered { caller, reply, record });
    }

    /// Refuses what a client asks, and counts it.
    pub(in crate::core::node) fn refuse_client(&mut self, now: Now, caller: Caller, refusal: Refusal, text: String) {
        self.stats.refuse(refusal, None);
        self.reply(now, caller, Reply::Refused { refusal, text });
    }

    /// Tells of an event whoever watches: in the log of the process, and in the journal.
    pub(super) fn notify(&mut self, now: Now, event: Event) {
        self.service.handle(now, service::Input::Happened(&event));
        self.ask(Output::Notify(event));
    }

    /// Counts messages that are new here, and notes them for those who watch.
    pub(super) fn note_delivery(&mut self, now: Now, from: Option<&NodeId>, batch: &Batch, (first, last): (u64, u64)) {
        let latency = Duration::from_micros(now.wall.micros_since(batch.published_at));
        let count = last - first + 1;
        if from.is_some() {
            self.stats.delivered(latency, batch.hops, count);
        }
        self.service.handle(now, service::Input::Arrived { batch, first, count, from, latency });
    }

    /// Ends a turn: whoever waited for what it has brought is answered.
    pub(super) fn settle_service(&mut self, now: Now) {
        if self.service.awaits_links() && self.membership.waiting_for().next().is_none() {
            self.service.handle(now, service::Input::LinksUp);
        }
        self.service.handle(now, service::Input::Settled);
        self.follow_service(now);
    }

    /// Answers all who wait still, before the node ends.
    pub(super) fn end_service(&mut self, now: Now) {
        self.service.handle(now, service::Input::Ended);
        self.follow_service(now);
    }

    /// Does what the service asks for.
    pub(super) fn follow_service(&mut self, now: Now) {
        while let Some(output) = self.service.poll_output() {
            match output {
                service::Output::Reply(Caller { address, id }, reply) => {
                    self.ask(Output::Reply(address, id, reply));
                }
                service::Output::Refuse(caller, refusal, text) => {
                    self.refuse_client(now, caller, refusal, text.to_owned());
                }
                service::Output::Unready(caller) => {
                    let missing: Vec<_> = self.membership.waiting_for().map(ToString::to_string).collect();
                    let text = format!("no answer from {}", missing.join(", "));
                    self.refuse_client(now, caller, Refusal::NotReady, text);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::node::Node;
    use crate::core::{
        batch::Body,
        config::{Config, Limits, Protocol},
        event::record::Level,
        event::{Input, Principal, ReturnAddress},
        id::Incarnation,
        message::Payload,
        request::{
            Request, RequestId, WATCH_WAIT_MAX,
            happening::{Detail, Happening, WatchPage},
        },
        time::{Mono, Wall},
    };

    const SECOND: u64 = 1_000_000_000;

    fn at(nanos: u64) -> Now {
        Now { mono: Mono(nanos), wall: Wall(50 * SECOND + nanos) }
    }

    fn node(limits: Limits) -> Node {
        let (name, network) = (NodeId::numbered(1), "test".parse().unwrap());
        let endpoint = "10.0.0.1:7001".parse().unwrap();
        let (instance, protocol) = (Default::default(), Protocol::default());
        let config = Config { node: name, endpoint, network, instance, protocol, level: Level::Memory, limits };
        Node::new(config, Incarnation(17), 0, "test", at(0))
    }

    /// The replies to a request, and to those before it that wait no longer.
    fn ask(node: &mut Node, now: Now, id: u64, request: Request) -> Vec<(RequestId, Reply)> {
        let client = ReturnAddress([9].into());
        replies(
            node,
            now,
            Input::Requested { principal: Principal::Unnamed, client, id: RequestId::Number(id), request },
        )
    }

    fn replies(node: &mut Node, now: Now, input: Input) -> Vec<(RequestId, Reply)> {
        let (mut replies, mut inputs) = (Vec::new(), vec![input]);
        while let Some(input) = inputs.pop() {
            node.handle(now, input);
            let mut outputs: Vec<_> = std::iter::from_fn(|| node.poll_output()).collect();
            node.flush(now);
            outputs.extend(std::iter::from_fn(|| node.poll_output()));
            for output in outputs {
                match output {
                    Output::Append(upto, _) => inputs.push(Input::Synced(upto)),
                    Output::Reply(_, id, reply) => replies.push((id, reply)),
                    _ => {}
                }
            }
        }
        replies
    }

    fn watch(from: Option<u64>, wait: u64) -> Request {
        Request::Watch { from, wait: Duration::from_nanos(wait) }
    }

    fn publish(node: &mut Node, now: Now) -> Vec<(RequestId, Reply)> {
        ask(node, now, 0, Request::Publish { trace: None, body: Body::one(Payload::from(&b"x"[..])) })
    }

    fn told(replies: &[(RequestId, Reply)], id: u64) -> &WatchPage {
        let found = replies.iter().find(|(other, _)| *other == RequestId::Number(id));
        let Some((_, Reply::Events { told, incarnation: Incarnation(17) })) = found else { panic!("{replies:?}") };
        told
    }

    #[test]
    fn a_watcher_is_told_of_an_arrival_as_it_happens() {
        let mut node = node(Limits::default());
        assert_eq!(publish(&mut node, at(0)).len(), 1, "nobody watches yet");
        assert_eq!(ask(&mut node, at(1), 7, watch(None, SECOND)), [], "it waits");
        let replies = publish(&mut node, at(2));
        let WatchPage { next: 2, missed: 0, happenings } = told(&replies, 7) else { panic!("{replies:?}") };
        assert_eq!((&*happenings[0].kind, happenings[0].at), (Happening::ARRIVED, at(2).wall));
        assert_eq!(happenings[0].details["id"], Detail::Text("1-17-2".into()));
        let again = ask(&mut node, at(3), 8, watch(Some(1), SECOND));
        assert_eq!(told(&again, 8).happenings.len(), 1, "what is there is told at once");
        assert_eq!(node.gauge().journal, 1);
    }

    #[test]
    fn a_watcher_waits_no_longer_than_it_wants_to() {
        let mut node = node(Limits { waiting_max: 2, ..Limits::default() });
        let before = node.deadline();
        assert_eq!(told(&ask(&mut node, at(1), 7, watch(None, 0)), 7).next, 1, "not at all");
        assert_eq!(node.deadline(), before, "that arrivals are noted keeps nobody awake");
        ask(&mut node, at(1), 8, watch(None, SECOND));
        ask(&mut node, at(1), 9, watch(Some(1), u64::MAX));
        let busy = ask(&mut node, at(1), 10, watch(None, SECOND));
        assert!(matches!(busy[..], [(_, Reply::Refused { refusal: Refusal::Busy, .. })]), "{busy:?}");
        assert_eq!(node.machines.service.deadline(), Some(Mono(SECOND + 1)));
        assert!(node.deadline() <= node.machines.service.deadline());
        let replies = replies(&mut node, at(SECOND + 1), Input::Tick);
        assert_eq!((replies.len(), told(&replies, 8)), (1, &WatchPage { next: 1, ..WatchPage::default() }));
        assert_eq!(node.gauge().watchers, 1, "the other one waits for as long as a node bears");
        assert_eq!(node.machines.service.deadline(), Some(Mono(1) + WATCH_WAIT_MAX));
    }

    #[test]
    fn an_end_answers_all_who_wait() {
        for request in [Request::Stop, Request::Remove] {
            let mut node = node(Limits::default());
            ask(&mut node, at(1), 7, watch(None, SECOND));
            let last = ask(&mut node, at(2), 8, request.clone());
            let kinds: Vec<_> = told(&last, 7).happenings.iter().map(|told| told.kind.to_string()).collect();
            let expected: &[&str] = if request == Request::Remove { &["leaving"] } else { &[] };
            assert_eq!(kinds, expected, "{request:?}");
            let late = ask(&mut node, at(3), 9, watch(None, SECOND));
            assert_eq!(told(&late, 9).happenings, [], "it ends, and lets nobody wait");
        }
    }
}
