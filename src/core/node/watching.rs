//! What a node tells those who watch it. Spec: `docs/spec/gossip-bus.md`, *Watching*.

use super::Node;
use crate::core::{
    event::{Output, ReturnAddress},
    id::NodeId,
    message::Message,
    request::{Reply, RequestId, WATCH_WAIT_MAX},
    service::{happening::Arrival, watchers::Watcher},
    stats::Refusal,
    time::Now,
};
use std::time::Duration;

impl Node {
    /// Tells what happened from a position on: at once if there is something, or when there is, or after the wait.
    pub(super) fn watch(&mut self, now: Now, client: ReturnAddress, id: RequestId, from: Option<u64>, wait: Duration) {
        // What this turn has brought so far belongs to the past of this question.
        self.note_events(now);
        self.journal.watched(now.mono);
        let from = from.unwrap_or_else(|| self.journal.next());
        if from != self.journal.next() || wait.is_zero() || self.is_leaving() {
            let told = self.told(from);
            return self.reply(client, id, told);
        }
        let due = now.mono + wait.min(WATCH_WAIT_MAX);
        match self.watchers.push(Watcher { from, due, client, id }) {
            Ok(gives_way) => gives_way.into_iter().for_each(|watcher| self.answer_watcher(watcher)),
            Err(Watcher { client, id, .. }) => {
                self.refuse_client(client, id, Refusal::Busy, "too many clients are watching already".into());
            }
        }
    }

    /// Counts a message that is new here, and notes it for those who watch.
    pub(super) fn note_delivery(&mut self, now: Now, from: Option<&NodeId>, message: &Message) {
        let latency = Duration::from_micros(now.wall.micros_since(message.published_at));
        if from.is_some() {
            self.stats.delivered(latency, message.hops);
        }
        self.journal.arrive(now, || Arrival {
            id: message.id.clone(),
            from: from.cloned(),
            hops: message.hops,
            latency,
        });
    }

    /// Answers those for whom something has happened, or whose time is over; all of them if the node is leaving.
    pub(super) fn answer_watchers(&mut self, now: Now) {
        self.note_events(now);
        if self.watchers.is_empty() {
            return;
        }
        if self.is_leaving() {
            for watcher in self.watchers.take_all() {
                self.answer_watcher(watcher);
            }
        }
        while let Some(watcher) = self.watchers.take_ready(self.journal.next()) {
            self.answer_watcher(watcher);
        }
        while let Some(watcher) = self.watchers.take_due(now.mono) {
            self.answer_watcher(watcher);
        }
    }

    /// Puts the events among this turn's outputs into the journal.
    fn note_events(&mut self, now: Now) {
        for output in self.outbox.iter().skip(self.journaled) {
            if let Output::Notify(event) = output {
                self.journal.note(now.wall, event);
            }
        }
        self.journaled = self.outbox.len();
    }

    fn answer_watcher(&mut self, watcher: Watcher) {
        let told = self.told(watcher.from);
        self.outbox.push_back(Output::Reply(watcher.client, watcher.id, told));
    }

    fn told(&self, from: u64) -> Reply {
        Reply::Events { told: self.journal.tell(from), incarnation: self.journal.life() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{
        config::{Config, Limits, Protocol},
        event::{Input, Principal},
        id::Incarnation,
        message::Payload,
        request::Request,
        service::{happening::Happening, journal::WatchPage},
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
        let config = Config { node: name, endpoint, network, instance, protocol, limits };
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
            while let Some(output) = node.poll_output() {
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
        ask(node, now, 0, Request::Publish { trace: None, payload: Payload::from(&b"x"[..]) })
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
        assert_eq!(happenings[0].details["id"], crate::core::service::happening::Detail::Text("1-17-2".into()));
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
        assert_eq!(node.watchers.deadline(), Some(Mono(SECOND + 1)));
        assert!(node.deadline() <= node.watchers.deadline());
        let replies = replies(&mut node, at(SECOND + 1), Input::Tick);
        assert_eq!((replies.len(), told(&replies, 8)), (1, &WatchPage { next: 1, ..WatchPage::default() }));
        assert_eq!(node.gauge().watchers, 1, "the other one waits for as long as a node bears");
        assert_eq!(node.watchers.deadline(), Some(Mono(1) + WATCH_WAIT_MAX));
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
