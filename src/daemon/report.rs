//! What an operator would act on, as lines of the log, each from a room whose level can be set: a bounded number of them, whatever is thrown at the node.

use crate::{
    core::{
        endpoint::Endpoint,
        event::{Event, Input, Output, Record},
        id::NodeId,
        stats::Refusal,
        time::Mono,
    },
    transport::SocketError,
};
use std::{io, time::Duration};

/// Where lines of the log come from. Their levels are set apart.
pub mod rooms {
    /// Links to peers, and whether these live.
    pub const LINKS: &str = "links";
    /// Neighbours that are sought in the place of others.
    pub const OVERLAY: &str = "overlay";
    /// What was missed.
    pub const REPAIR: &str = "repair";
    /// What is kept for reading.
    pub const INBOX: &str = "inbox";
    /// The node itself.
    pub const NODE: &str = "node";
    /// Frames that make no sense.
    pub const WIRE: &str = "wire";
    /// What clients ask.
    pub const REQUESTS: &str = "requests";
    /// Messages, each of them.
    pub const MESSAGES: &str = "messages";
    /// All of them.
    pub const ALL: [&str; 8] = [LINKS, OVERLAY, REPAIR, INBOX, NODE, WIRE, REQUESTS, MESSAGES];
}

/// Most lines in one [`WINDOW`]; what goes beyond is counted and left out. The counters of the node have it all.
const LINES_MAX: u32 = 200;
/// How long a window lasts: 200 lines in ten seconds are about 250 MB in a day under attack.
const WINDOW: Duration = Duration::from_secs(10);

/// Writes the log.
#[derive(Debug, Default)]
pub(super) struct Reporter {
    began: Mono,
    lines: u32,
    left_out: u32,
}

/// Writes a line of the log, if it is wanted and admitted: level, room, the word for what happened, then fields and text as
/// `tracing` takes them.
macro_rules! line {
    ($self:ident, $now:expr, $level:ident, $room:ident, $kind:expr, $($rest:tt)+) => {
        if tracing::enabled!(target: rooms::$room, tracing::Level::$level) && $self.admits($now) {
            tracing::event!(target: rooms::$room, tracing::Level::$level, event = $kind, $($rest)+);
        }
    };
}

impl Reporter {
    /// One line for an event.
    pub(super) fn report(&mut self, now: Mono, event: &Event) {
        let kind = event.kind();
        match event {
            Event::LinkUp { node, endpoint } => {
                line!(self, now, INFO, LINKS, kind, peer = %node, %endpoint, "link is up");
            }
            Event::LinkDown { node, endpoint } => {
                let peer = node.as_ref().map_or("unknown", NodeId::as_str);
                line!(self, now, WARN, LINKS, kind, peer, %endpoint, "link is down: it has no connection");
            }
            Event::PeerSuspected(node) => line!(self, now, WARN, LINKS, kind, peer = %node, "peer is silent"),
            Event::PeerDown(node) => line!(self, now, WARN, LINKS, kind, peer = %node, "peer is taken for dead"),
            Event::PeerBack(node) => line!(self, now, INFO, LINKS, kind, peer = %node, "peer is back"),
            Event::PeerLeft(node) => line!(self, now, INFO, LINKS, kind, peer = %node, "peer left and is forgotten"),
            Event::Refused { .. } | Event::RefusedBy { .. } => self.report_refusal(now, event),
            Event::InboxFull { oldest } => {
                line!(self, now, WARN, INBOX, kind, %oldest, "inbox is full: the oldest messages are dropped");
            }
            Event::Gap { stream, first, last } => {
                let text = "messages are gone for good: no neighbour keeps them any more";
                line!(self, now, WARN, REPAIR, kind, %stream, first, last, "{text}");
            }
            Event::Seeking(node) => line!(self, now, DEBUG, OVERLAY, kind, peer = %node, "seeks a neighbour"),
            Event::Renewed(life) => {
                let text = "an earlier life had the number of this one: takes another";
                line!(self, now, WARN, NODE, kind, incarnation = life.0, "{text}");
            }
            Event::Leaving => line!(self, now, INFO, NODE, kind, "leaves the network"),
        }
    }

    /// Nobody was found where the node was told to look.
    pub(super) fn nobody_answers(&mut self, now: Mono, addresses: &str) {
        let text = "no node has answered yet: goes on trying";
        line!(self, now, WARN, LINKS, "nobody_answers", addresses, "{text}");
    }

    fn report_refusal(&mut self, now: Mono, event: &Event) {
        let kind = event.kind();
        match event {
            Event::RefusedBy { endpoint, code, text } if code == Refusal::NameTaken.name() => {
                let remedy = "refused: give this node another name, or stop the other one first";
                line!(self, now, ERROR, LINKS, kind, %endpoint, text, "{remedy}");
            }
            Event::RefusedBy { endpoint, code, .. } if code == Refusal::NoVacancy.name() => {
                line!(self, now, DEBUG, OVERLAY, kind, %endpoint, "a node has neighbours enough");
            }
            Event::Refused { node, refusal: Refusal::NoVacancy } => {
                line!(self, now, DEBUG, OVERLAY, kind, peer = %node, "has neighbours enough: refused one more");
            }
            // One for each frame that was under way to a node that does not know its sender yet, or no more.
            Event::Refused { node, refusal: Refusal::NotIntroduced } => {
                line!(self, now, DEBUG, LINKS, kind, peer = %node, "said something before HELLO");
            }
            Event::RefusedBy { endpoint, code, .. } if code == Refusal::NotIntroduced.name() => {
                line!(self, now, DEBUG, LINKS, kind, %endpoint, "a node does not know this one: greets it");
            }
            Event::Refused { node, refusal } => {
                line!(self, now, WARN, LINKS, kind, peer = %node, why = refusal.name(), "refused a node");
            }
            Event::RefusedBy { endpoint, code, text } => {
                line!(self, now, WARN, LINKS, kind, %endpoint, code, text, "refused by a node");
            }
            _ => {}
        }
    }

    /// One line for a link that could not be opened.
    pub(super) fn no_link(&mut self, now: Mono, endpoint: &Endpoint, error: &SocketError) {
        line!(self, now, WARN, LINKS, "no_link", %endpoint, %error, "no link for now");
    }

    /// One line for a host name without an address. It is looked up again at growing distances.
    pub(super) fn unknown_host(&mut self, now: Mono, host: &str, error: &io::Error) {
        line!(self, now, WARN, LINKS, "unknown_host", host, %error, "no address for a host name");
    }

    /// One line when the queues fill up, and one when they have room again: under load that may be often.
    pub(super) fn pressure(&mut self, now: Mono, pressed: bool) {
        let text = if pressed { "queues are filling up: submissions are refused" } else { "queues have room again" };
        line!(self, now, DEBUG, NODE, "pressure", pressed, "{text}");
    }

    fn admits(&mut self, now: Mono) -> bool {
        if now.since(self.began) >= WINDOW {
            if self.left_out > 0 {
                let lines = self.left_out;
                tracing::warn!(target: rooms::NODE, event = "left_out", lines, "left out of the log: too many at once");
            }
            *self = Self { began: now, lines: 0, left_out: 0 };
        }
        let admitted = self.lines < LINES_MAX;
        self.lines += u32::from(admitted);
        self.left_out = self.left_out.saturating_add(u32::from(!admitted));
        admitted
    }
}

/// What comes in, for who looks for a fault: frames that were refused, and requests. Below the levels that are shown unless they
/// are asked for, and so not limited.
pub(super) fn trace_input(input: &Input) {
    match input {
        Input::Undecodable { refusal, text, .. } => {
            tracing::debug!(target: rooms::WIRE, event = "undecodable", why = refusal.name(), "{text}");
        }
        Input::Requested { request, .. } => {
            tracing::debug!(target: rooms::REQUESTS, event = "request", request = request.name(), "a client asks");
        }
        _ => {}
    }
}

/// What is done, for who looks for a fault: links that are dialled and closed; and, at the lowest level, each message.
pub(super) fn trace_output(output: &Output) {
    match output {
        Output::Connect(link, endpoint) => {
            tracing::debug!(target: rooms::LINKS, event = "dial", link = link.0, %endpoint, "opens a link");
        }
        Output::Disconnect(link) => {
            tracing::debug!(target: rooms::LINKS, event = "hang_up", link = link.0, "closes a link");
        }
        Output::Append(_, Record::Received { message, .. }) => {
            let (hops, bytes) = (message.hops, message.payload.len());
            tracing::trace!(target: rooms::MESSAGES, event = "arrived", id = %message.id, hops, bytes, "a message");
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_bounded_in_each_window() {
        let mut reporter = Reporter::default();
        let now = Mono(5);
        let admitted = (0..10_000).filter(|_| reporter.admits(now)).count();
        assert_eq!((admitted, reporter.left_out), (LINES_MAX as usize, 10_000 - LINES_MAX));
        assert!(reporter.admits(now + WINDOW), "a new window");
        assert_eq!(reporter.left_out, 0);
    }
}
