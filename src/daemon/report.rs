//! What an operator would act on, as lines of the log: a bounded number of them, whatever is thrown at the node.

use crate::{
    core::{endpoint::Endpoint, event::Event, id::NodeId, stats::Refusal, time::Mono},
    transport::SocketError,
};
use std::time::Duration;

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

impl Reporter {
    /// One line for an event.
    pub(super) fn report(&mut self, now: Mono, event: &Event) {
        if !self.admits(now) {
            return;
        }
        match event {
            Event::LinkUp { node, endpoint } => tracing::info!(peer = %node, %endpoint, "link is up"),
            Event::LinkDown { node, endpoint } => {
                let peer = node.as_ref().map_or("unknown", NodeId::as_str);
                tracing::warn!(peer, %endpoint, "link is down: it has no connection");
            }
            Event::PeerSuspected(node) => tracing::warn!(peer = %node, "peer is silent"),
            Event::PeerDown(node) => tracing::warn!(peer = %node, "peer is taken for dead"),
            Event::PeerBack(node) => tracing::info!(peer = %node, "peer is back"),
            Event::PeerLeft(node) => tracing::info!(peer = %node, "peer left and is forgotten"),
            Event::RefusedBy { endpoint, code, text } if code == Refusal::NameTaken.name() => {
                tracing::error!(%endpoint, text, "refused: give this node another name, or stop the other one first");
            }
            Event::RefusedBy { endpoint, code, .. } if code == Refusal::NoVacancy.name() => {
                tracing::info!(%endpoint, "a node has neighbours enough");
            }
            Event::Refused { node, refusal: Refusal::NoVacancy } => {
                tracing::info!(peer = %node, "has neighbours enough: refused one more");
            }
            Event::Refused { node, refusal } => tracing::warn!(peer = %node, why = refusal.name(), "refused a node"),
            Event::RefusedBy { endpoint, code, text } => tracing::warn!(%endpoint, code, text, "refused by a node"),
            Event::InboxFull { oldest } => tracing::warn!(%oldest, "inbox is full: the oldest messages are dropped"),
            Event::Gap { stream, first, last } => {
                tracing::warn!(%stream, first, last, "messages are gone for good: no neighbour keeps them any more");
            }
            Event::Seeking(node) => tracing::info!(peer = %node, "seeks a neighbour"),
            Event::Renewed(life) => {
                tracing::warn!(incarnation = life.0, "an earlier life had the number of this one: takes another");
            }
            Event::Leaving => tracing::info!("leaves the network"),
        }
    }

    /// One line for a link that could not be opened.
    pub(super) fn no_link(&mut self, now: Mono, endpoint: &Endpoint, error: &SocketError) {
        if self.admits(now) {
            tracing::warn!(%endpoint, %error, "no link for now");
        }
    }

    fn admits(&mut self, now: Mono) -> bool {
        if now.since(self.began) >= WINDOW {
            if self.left_out > 0 {
                tracing::warn!(lines = self.left_out, "left out of the log: too many at once");
            }
            *self = Self { began: now, lines: 0, left_out: 0 };
        }
        let admitted = self.lines < LINES_MAX;
        self.lines += u32::from(admitted);
        self.left_out = self.left_out.saturating_add(u32::from(!admitted));
        admitted
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
