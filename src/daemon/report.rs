//! Lines of the log: what an operator would act on, each from a room whose level can be set, and a bounded number of them,
//! whatever is thrown at the node.

use super::repetition::{Again, Repetition, Topic};
use crate::{
    core::{
        endpoint::Endpoint,
        event::record::{Condition, Record},
        event::{Event, Input, Output},
        id::{Instance, NodeId},
        node::Gauge,
        request::Reply,
        stats::Refusal,
        time::Mono,
    },
    store::segment::{Finding, recovery::Damage},
    transport::SocketError,
};
use std::{io, time::Duration};

/// Rooms that lines of the log come from. Their levels are set apart.
pub mod rooms {
    /// Links to peers, and whether these live.
    pub const LINKS: &str = "links";
    /// Neighbours that are sought in the place of others.
    pub const OVERLAY: &str = "overlay";
    /// Messages that were missed.
    pub const REPAIR: &str = "repair";
    /// Messages kept for reading.
    pub const INBOX: &str = "inbox";
    /// The node itself.
    pub const NODE: &str = "node";
    /// Frames that make no sense.
    pub const WIRE: &str = "wire";
    /// Requests of clients.
    pub const REQUESTS: &str = "requests";
    /// Messages, each of them.
    pub const MESSAGES: &str = "messages";
    /// All of them.
    pub const ALL: [&str; 8] = [LINKS, OVERLAY, REPAIR, INBOX, NODE, WIRE, REQUESTS, MESSAGES];
}

/// Most lines in one [`WINDOW`]; what goes beyond is counted and left out. The counters of the node have it all.
const LINES_MAX: u32 = 200;
/// Length of a window: 200 lines in ten seconds are about 250 MB in a day under attack.
const WINDOW: Duration = Duration::from_secs(10);

/// Most holes of a log that are named.
const HOLES_SHOWN_MAX: usize = 20;

/// Something that may be told.
#[derive(Debug)]
enum News {
    Event(Event),
    NoLink(Endpoint, String),
    NobodyAnswers(String),
    UnknownHost(String, String),
    LeftOut(u32),
}

/// Says what a log on disk has given back, and what it has lost.
pub(super) fn recovered(gauge: &Gauge, findings: &[Finding], took: Duration) {
    let (messages, took_ms) = (gauge.messages, took.as_millis());
    tracing::info!(target: rooms::NODE, event = "recovered", messages, took_ms, "has its messages from the log");
    let (holes, torn): (Vec<_>, Vec<_>) = findings.iter().partition(|finding| finding.damage == Damage::Hole);
    for hole in holes.iter().take(HOLES_SHOWN_MAX) {
        tracing::error!(target: rooms::NODE, event = "hole", %hole, "the disk has lost a part of the log: neighbours are asked");
    }
    if holes.len() > HOLES_SHOWN_MAX {
        tracing::error!(target: rooms::NODE, event = "hole", more = holes.len() - HOLES_SHOWN_MAX, "and more holes");
    }
    if !torn.is_empty() {
        tracing::info!(target: rooms::NODE, event = "torn", parts = torn.len(), "the log ends in what was not safe yet");
    }
}

/// Writes the log.
#[derive(Debug, Default)]
pub(super) struct Reporter {
    began: Mono,
    lines: u32,
    left_out: u32,
    told: Repetition<News>,
}

/// Writes a line of the log, if it is wanted: level, room, the word for what happened, then fields and text as `tracing` takes
/// them.
macro_rules! line {
    ($level:ident, $room:ident, $kind:expr, $($rest:tt)+) => {
        tracing::event!(target: rooms::$room, tracing::Level::$level, event = $kind, $($rest)+)
    };
}

impl Reporter {
    /// One line for an event, if it is news.
    pub(super) fn report(&mut self, now: Mono, event: &Event) {
        // Below the levels that are shown unless they are asked for.
        if is_detail(event) {
            return if tracing::enabled!(tracing::Level::DEBUG) && self.admits(now) {
                write_detail(event)
            };
        }
        self.tell(now, News::Event(event.clone()));
    }

    /// Nobody was found where the node was told to look.
    pub(super) fn nobody_answers(&mut self, now: Mono, addresses: &str) {
        self.tell(now, News::NobodyAnswers(addresses.to_owned()));
    }

    /// One line for a request of this process that the node refused.
    pub(super) fn replied(&mut self, now: Mono, reply: &Reply) {
        if let Reply::Refused { refusal, text } = reply
            && self.admits(now)
        {
            line!(WARN, NODE, "refused_own", why = refusal.name(), text, "refuses what it was started with");
        }
    }

    /// One line for the instance that the node has from now on. If it could not be stored, the node adopts one anew when it
    /// is started again.
    pub(super) fn adopted(&mut self, now: Mono, instance: &Instance, error: Option<&str>) {
        if !self.admits(now) {
            return;
        }
        let instance = instance.as_str();
        match error {
            None => line!(INFO, NODE, "instance", instance, "belongs to this instance of its network"),
            Some(error) => {
                line!(ERROR, NODE, "instance", instance, error, "cannot store its instance: goes on without")
            }
        }
    }

    /// One line for a link that could not be opened, if it is news.
    pub(super) fn no_link(&mut self, now: Mono, endpoint: &Endpoint, error: &SocketError) {
        self.tell(now, News::NoLink(endpoint.clone(), error.to_string()));
    }

    /// One line for a host name without an address. It is looked up again at growing distances.
    pub(super) fn unknown_host(&mut self, now: Mono, host: &str, error: &io::Error) {
        self.tell(now, News::UnknownHost(host.to_string(), error.to_string()));
    }

    /// One line when the queues fill up, and one when they have room again: under load that may be often.
    pub(super) fn pressure(&mut self, now: Mono, pressed: bool) {
        let text = if pressed { "queues are filling up: submissions are refused" } else { "queues have room again" };
        if tracing::enabled!(tracing::Level::DEBUG) && self.admits(now) {
            line!(DEBUG, NODE, "pressure", pressed, "{text}");
        }
    }

    /// One line when the log cannot keep what it is given, and one when it can again.
    pub(super) fn log_condition(&mut self, now: Mono, condition: &Condition) {
        if !self.admits(now) {
            return;
        }
        match condition {
            Condition::Well => line!(INFO, NODE, "log", "the log keeps all again"),
            Condition::Busy => line!(DEBUG, NODE, "log", "the disk is behind: submissions are refused"),
            Condition::Full(why) => {
                line!(ERROR, NODE, "log", why, "the disk is full: submissions are refused until there is room")
            }
            Condition::Failed(why) => {
                line!(ERROR, NODE, "log", why, "cannot write the log: submissions are refused until it is reopened")
            }
        }
    }

    /// Tells what was held back for long enough.
    pub(super) fn catch_up(&mut self, now: Mono) {
        while let Some((news, again)) = self.told.next_due(now) {
            self.write(now, &news, again);
        }
    }

    /// The time at which that is due.
    pub(super) fn deadline(&self) -> Option<Mono> {
        self.told.deadline()
    }

    fn tell(&mut self, now: Mono, news: News) {
        let (topic, subject) = subject(&news);
        if let Some((news, again)) = self.told.note(now, topic, subject, news) {
            self.write(now, &news, again);
        }
    }

    fn write(&mut self, now: Mono, news: &News, again: Again) {
        match news {
            News::LeftOut(lines) => {
                line!(WARN, NODE, "left_out", lines, "log lines left out: too many at once{again}");
            }
            _ if !self.admits(now) => {}
            News::NoLink(endpoint, error) => {
                line!(WARN, LINKS, "no_link", %endpoint, error, "cannot open a link now: will retry{again}");
            }
            News::UnknownHost(host, error) => {
                line!(WARN, LINKS, "unknown_host", host, error, "cannot resolve a host name: will retry{again}");
            }
            News::NobodyAnswers(addresses) => {
                let text = "no node has answered yet: still trying";
                line!(WARN, LINKS, "nobody_answers", addresses, "{text}{again}");
            }
            News::Event(event) => write_event(event, again),
        }
    }

    fn admits(&mut self, now: Mono) -> bool {
        if now.since(self.began) >= WINDOW {
            if self.left_out > 0 {
                self.tell(now, News::LeftOut(self.left_out));
            }
            (self.began, self.lines, self.left_out) = (now, 0, 0);
        }
        let admitted = self.lines < LINES_MAX;
        self.lines += u32::from(admitted);
        self.left_out = self.left_out.saturating_add(u32::from(!admitted));
        admitted
    }
}

/// The subject of an event: lines of one subject are told apart from those of another.
fn subject(news: &News) -> (Topic, String) {
    const PEER: Topic = Topic { word: "peer", free: 16, subjects_max: 1024 };
    const REFUSED: Topic = Topic { word: "refused", free: 3, subjects_max: 32 };
    const REFUSED_BY: Topic = Topic { word: "refused_by", ..REFUSED };
    const GAP: Topic = Topic { word: "gap", free: 8, subjects_max: 32 };
    const GAP_FILLED: Topic = Topic { word: "gap_filled", ..GAP };
    const NO_LINK: Topic = Topic { word: "no_link", ..REFUSED };
    const NODE: Topic = Topic { word: "node", ..REFUSED };
    const STRANGER: Topic = Topic { word: "stranger", ..REFUSED };
    const NAMESAKE: Topic = Topic { word: "namesake", ..REFUSED };
    match news {
        News::Event(Event::LinkUp { node, .. } | Event::LinkDown { node: Some(node), .. }) => (PEER, node.to_string()),
        News::Event(
            Event::PeerSuspected(node) | Event::PeerDown(node) | Event::PeerBack(node) | Event::PeerLeft(node),
        ) => (PEER, node.to_string()),
        News::Event(Event::LinkDown { node: None, endpoint }) => (PEER, endpoint.to_string()),
        News::Event(Event::Refused { node, refusal, .. }) => (REFUSED, format!("{node} {}", refusal.name())),
        News::Event(Event::RefusedBy { endpoint, code, .. }) => (REFUSED_BY, format!("{endpoint} {code}")),
        // Neither may silence the other: that a gap was filled is of use only beside the gap.
        News::Event(Event::Gap { stream, .. }) => (GAP, stream.origin.to_string()),
        News::Event(Event::GapFilled { stream, .. }) => (GAP_FILLED, stream.origin.to_string()),
        News::Event(Event::Stranger { node, endpoint, .. }) => (STRANGER, format!("{endpoint} {node}")),
        News::Event(Event::Namesake(endpoint)) => (NAMESAKE, endpoint.to_string()),
        News::Event(event) => (NODE, event.kind().to_owned()),
        News::NoLink(endpoint, _) => (NO_LINK, endpoint.to_string()),
        News::UnknownHost(host, _) => (NO_LINK, host.clone()),
        News::NobodyAnswers(_) => (NODE, "nobody_answers".to_owned()),
        News::LeftOut(_) => (NODE, "left_out".to_owned()),
    }
}

/// Refusals that belong to what goes on all the time. `NotReady`: both ends wait for the network that they were told to join.
const DETAILS: [Refusal; 3] = [Refusal::NoVacancy, Refusal::NotIntroduced, Refusal::NotReady];

/// Says whether an event is told only to those who look for a fault: it is a part of what goes on all the time.
fn is_detail(event: &Event) -> bool {
    match event {
        Event::Seeking(_) => true,
        Event::Refused { refusal, .. } => DETAILS.contains(refusal),
        Event::RefusedBy { code, .. } => DETAILS.iter().any(|refusal| refusal.name() == code),
        _ => false,
    }
}

fn write_detail(event: &Event) {
    let kind = event.kind();
    match event {
        Event::Seeking(node) => line!(DEBUG, OVERLAY, kind, peer = %node, "looking for a neighbour"),
        Event::RefusedBy { endpoint, code, .. } if code == Refusal::NoVacancy.name() => {
            line!(DEBUG, OVERLAY, kind, %endpoint, "a node has enough neighbours");
        }
        Event::Refused { node, refusal: Refusal::NoVacancy, .. } => {
            line!(DEBUG, OVERLAY, kind, peer = %node, "has enough neighbours: refused another");
        }
        Event::RefusedBy { endpoint, code, .. } if code == Refusal::NotReady.name() => {
            line!(DEBUG, LINKS, kind, %endpoint, "a node has no instance yet: waiting");
        }
        Event::Refused { node, refusal: Refusal::NotReady, .. } => {
            line!(DEBUG, LINKS, kind, peer = %node, "refused for now: this node has no instance yet");
        }
        // One for each frame that was under way to a node that does not know its sender yet, or no more.
        Event::Refused { node, .. } => line!(DEBUG, LINKS, kind, peer = %node, "sent a frame before HELLO"),
        Event::RefusedBy { endpoint, .. } => {
            line!(DEBUG, LINKS, kind, %endpoint, "a node does not know this one: sending HELLO");
        }
        _ => {}
    }
}

fn write_event(event: &Event, again: Again) {
    let kind = event.kind();
    match event {
        Event::LinkUp { node, endpoint } => line!(INFO, LINKS, kind, peer = %node, %endpoint, "link is up{again}"),
        Event::LinkDown { node, endpoint } => {
            let peer = node.as_ref().map_or("unknown", NodeId::as_str);
            line!(WARN, LINKS, kind, peer, %endpoint, "link is down: it has no connection{again}");
        }
        Event::PeerSuspected(node) => line!(WARN, LINKS, kind, peer = %node, "peer is suspected: no answer{again}"),
        Event::PeerDown(node) => line!(WARN, LINKS, kind, peer = %node, "peer is declared dead{again}"),
        Event::PeerBack(node) => line!(INFO, LINKS, kind, peer = %node, "peer is back{again}"),
        Event::PeerLeft(node) => line!(INFO, LINKS, kind, peer = %node, "peer left and is forgotten{again}"),
        Event::Refused { node, refusal, text } => {
            line!(WARN, LINKS, kind, peer = %node, why = refusal.name(), text, "refused a node{again}");
        }
        Event::RefusedBy { endpoint, code, text } if code == Refusal::NameTaken.name() => {
            let remedy = "refused: give this node another name, or stop the other one first";
            line!(ERROR, LINKS, kind, %endpoint, text, "{remedy}{again}");
        }
        Event::RefusedBy { endpoint, code, text } => {
            line!(WARN, LINKS, kind, %endpoint, code, text, "refused by a node{again}");
        }
        Event::InboxFull { oldest } => {
            line!(WARN, INBOX, kind, %oldest, "inbox is full: the oldest messages are dropped{again}");
        }
        Event::Gap { stream, first, last } => {
            let text = "messages are given up: no neighbour keeps them";
            line!(WARN, REPAIR, kind, %stream, first, last, "{text}{again}");
        }
        Event::GapFilled { stream, first, last } => {
            let text = "messages that were given up have arrived";
            line!(INFO, REPAIR, kind, %stream, first, last, "{text}{again}");
        }
        Event::Renewed(life) => {
            let text = "neighbours know messages of this node that it does not: taking another incarnation";
            line!(WARN, NODE, kind, incarnation = life.0, "{text}{again}");
        }
        Event::Stranger { node, expected, endpoint } => {
            let text = "another node answers there than expected: not linked";
            line!(ERROR, LINKS, kind, peer = %node, %expected, %endpoint, "{text}{again}");
        }
        Event::Namesake(endpoint) => {
            line!(ERROR, NODE, kind, %endpoint, "another node has the same name: rename or stop it{again}");
        }
        Event::NameTaken(text) => {
            let remedy = "name taken, refusing messages: rename or stop one of the two nodes, then restart this one";
            line!(ERROR, NODE, kind, text, "{remedy}{again}");
        }
        Event::Leaving => line!(INFO, NODE, kind, "leaving the network{again}"),
        Event::Seeking(_) => {}
    }
}

/// Traces inputs for those who look for a fault: frames that were refused, and requests. Below the levels that are shown unless
/// they are asked for, and so not limited.
pub(super) fn trace_input(input: &Input) {
    match input {
        Input::Undecodable { refusal, text, .. } => {
            tracing::debug!(target: rooms::WIRE, event = "undecodable", why = refusal.name(), "{text}");
        }
        Input::Requested { principal, request, .. } => {
            let name = request.name();
            tracing::debug!(target: rooms::REQUESTS, event = "request", request = name, "request from {principal}");
        }
        _ => {}
    }
}

/// Traces outputs for those who look for a fault: links that are dialled and closed; and, at the lowest level, each message.
pub(super) fn trace_output(output: &Output) {
    match output {
        Output::Connect(link, endpoint, _) => {
            tracing::debug!(target: rooms::LINKS, event = "dial", link = link.0, %endpoint, "opening a link");
        }
        Output::Disconnect(link) => {
            tracing::debug!(target: rooms::LINKS, event = "hang_up", link = link.0, "closing a link");
        }
        Output::Append(_, Record::Received { batch, first, last, .. }) => {
            let (id, hops, bytes, count) = (&batch.id, batch.hops, batch.body.bytes().len(), last - first + 1);
            tracing::trace!(target: rooms::MESSAGES, event = "arrived", %id, count, hops, bytes, "messages arrived");
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::id::{Incarnation, NodeId, StreamId};

    #[test]
    fn lines_are_bounded_in_each_window() {
        let mut reporter = Reporter::default();
        let now = Mono(5);
        let admitted = (0..10_000).filter(|_| reporter.admits(now)).count();
        assert_eq!((admitted, reporter.left_out), (LINES_MAX as usize, 10_000 - LINES_MAX));
        assert!(reporter.admits(now + WINDOW), "a new window");
        assert_eq!(reporter.left_out, 0);
    }

    #[test]
    fn gaps_and_their_filling_do_not_silence_each_other() {
        let stream = StreamId { origin: NodeId::numbered(4), incarnation: Incarnation(1) };
        let gap = || News::Event(Event::Gap { stream: stream.clone(), first: 1, last: 2 });
        let filled = || News::Event(Event::GapFilled { stream: stream.clone(), first: 1, last: 2 });
        let orders: [[&dyn Fn() -> News; 2]; 2] = [[&gap, &filled], [&filled, &gap]];
        for [often, once] in orders {
            let mut told = Repetition::default();
            let mut note = |news: News| {
                let (topic, subject) = subject(&news);
                told.note(Mono(5), topic, subject, news).is_some()
            };
            let lines = (0..100).filter(|_| note(often())).count();
            assert!(lines < 100 && note(once()), "{lines}");
        }
    }
}
