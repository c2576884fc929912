//! The numbers of runs. Reports of several seeds merge into one whose averages are those over all their messages.

use super::{Coverage, Mean, OverlayShape};
use crate::sim::traffic::{Kind, Traffic};
use serde::Serialize;
use std::collections::BTreeMap;

/// Numbers of one run, or of several.
///
/// Counted are the nodes that were there from a message's publication to the end: a message is *due* at each of them.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Report {
    /// Number of runs, each with a seed of its own.
    pub runs: u64,
    /// Messages that nodes accepted.
    pub messages: u64,
    /// Messages that nobody accepted, because the sender was not there or said no.
    pub refused: u64,
    /// Deliveries that there were to be.
    pub due: u64,
    /// Messages that reached all nodes at which they were due.
    pub complete: u64,
    /// Pairs of a message and a node at the end without it, by reason; `crash` also where it was not due.
    pub missing: BTreeMap<&'static str, u64>,
    /// Milliseconds from publication to the last delivery.
    pub last_delivery_ms: Mean,
    /// The same for the quickest ways to the same nodes.
    pub optimum_ms: Mean,
    /// Of each message the one divided by the other.
    pub stretch: Mean,
    /// Hops to the node that took most: last delivery hop.
    pub last_hop: Mean,
    /// Relative message redundancy: message frames for each receiver, less one.
    /// Leitão, Pereira, Rodrigues, *Epidemic Broadcast Trees*, SRDS 2007.
    pub rmr: Mean,
    /// The same of the first tenth and of the last tenth of the messages of each run.
    pub rmr_first: Mean,
    /// See [`rmr_first`](Self::rmr_first).
    pub rmr_last: Mean,
    /// Milliseconds from publication to the last delivery, of the first, the second and the tenth message of each run.
    pub nth_ms: [Mean; 3],
    /// Deliveries that were due where a way of live nodes led when the message was published.
    pub reachable: u64,
    /// Of those, the ones that were made.
    pub reached: u64,
    /// Milliseconds from the last fault to the first message from which on all were everywhere, in at most 1.25 times the
    /// time that they took before the faults.
    pub recovery_ms: Mean,
    /// Runs with faults in which it never came to that.
    pub unrecovered: u64,
    /// Milliseconds from a mend until all live nodes had seen the same, of what was published before it.
    pub equal_ms: Mean,
    /// Mends after which it never came to that.
    pub unequal: u64,
    /// Bytes of the messages that were missing then, each as often as it was missing.
    pub missing_bytes: u64,
    /// Bytes of all frames about these messages that were sent until all had them.
    pub mending_bytes: u64,
    /// Frames with the payload of the messages that count.
    pub message_frames: u64,
    /// Bytes of these, and of the copies without it.
    pub message_bytes: u64,
    /// All frames from the first message until everything had come to rest.
    pub traffic: Traffic,
    /// All frames after that.
    pub idle_traffic: Traffic,
    /// Seconds of that time times links, counting each way of a link, all runs together.
    pub link_seconds: f64,
    /// The same of the time after it.
    pub idle_link_seconds: f64,
    /// Messages times nodes that lived to the end.
    pub node_messages: f64,
    /// Frames sent by the node that sent most, divided by the average.
    pub load: Mean,
    /// Copies beyond the first for each node, over a run.
    pub duplicates: Mean,
    /// Nodes alive at the end of a run.
    pub live_nodes: Mean,
    /// Bytes that a node keeps at the end: payloads, paths and the records around them.
    pub memory: Mean,
    /// The overlay at the end, where nodes choose their neighbours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overlay: Option<OverlayShape>,
    /// Of all paths that were recorded, whatever their order; clocks left out.
    pub paths_hash: u64,
    /// Things that happened.
    pub events: u64,
    /// Virtual time from the first message to the end, all runs together.
    pub virtual_nanos: u64,
    /// Deliveries over time.
    #[serde(skip)]
    pub coverage: Coverage,
    /// The same by the quickest ways.
    #[serde(skip)]
    pub optimum_coverage: Coverage,
    /// Messages by the time to their last delivery.
    #[serde(skip)]
    pub lasts: Coverage,
}

impl Report {
    /// Takes in another report.
    pub fn merge(&mut self, other: &Self) {
        self.runs += other.runs;
        self.messages += other.messages;
        self.refused += other.refused;
        self.due += other.due;
        self.complete += other.complete;
        for (cause, count) in &other.missing {
            *self.missing.entry(cause).or_default() += count;
        }
        for (mean, other) in [
            (&mut self.last_delivery_ms, &other.last_delivery_ms),
            (&mut self.optimum_ms, &other.optimum_ms),
            (&mut self.stretch, &other.stretch),
            (&mut self.last_hop, &other.last_hop),
            (&mut self.rmr, &other.rmr),
            (&mut self.rmr_first, &other.rmr_first),
            (&mut self.rmr_last, &other.rmr_last),
            (&mut self.recovery_ms, &other.recovery_ms),
            (&mut self.equal_ms, &other.equal_ms),
            (&mut self.load, &other.load),
            (&mut self.duplicates, &other.duplicates),
            (&mut self.live_nodes, &other.live_nodes),
            (&mut self.memory, &other.memory),
        ] {
            mean.merge(other);
        }
        for (mean, other) in self.nth_ms.iter_mut().zip(&other.nth_ms) {
            mean.merge(other);
        }
        for (count, other) in [
            (&mut self.reachable, other.reachable),
            (&mut self.reached, other.reached),
            (&mut self.unrecovered, other.unrecovered),
            (&mut self.unequal, other.unequal),
            (&mut self.missing_bytes, other.missing_bytes),
            (&mut self.mending_bytes, other.mending_bytes),
            (&mut self.message_frames, other.message_frames),
            (&mut self.message_bytes, other.message_bytes),
        ] {
            *count += other;
        }
        self.traffic.merge(&other.traffic);
        self.idle_traffic.merge(&other.idle_traffic);
        self.link_seconds += other.link_seconds;
        self.idle_link_seconds += other.idle_link_seconds;
        self.node_messages += other.node_messages;
        self.paths_hash = self.paths_hash.wrapping_add(other.paths_hash);
        if let Some(shape) = &other.overlay {
            self.overlay.get_or_insert_default().merge(shape);
        }
        self.lasts.merge(&other.lasts);
        self.events += other.events;
        self.virtual_nanos += other.virtual_nanos;
        self.coverage.merge(&other.coverage);
        self.optimum_coverage.merge(&other.optimum_coverage);
    }

    /// Deliveries that were made where they were due.
    pub fn delivered(&self) -> u64 {
        self.coverage.made()
    }

    /// Deliveries made divided by deliveries due; 1 if none was.
    pub fn delivery_ratio(&self) -> f64 {
        if self.due == 0 { 1.0 } else { self.delivered() as f64 / self.due as f64 }
    }

    /// Deliveries made divided by those due where a way led; 1 if none was.
    pub fn reach_ratio(&self) -> f64 {
        if self.reachable == 0 { 1.0 } else { self.reached as f64 / self.reachable as f64 }
    }

    /// All frames since the first message but those with a payload.
    pub fn control_frames(&self) -> u64 {
        let control = |traffic: &Traffic| traffic.sum(|kind| kind != Kind::Payload).frames;
        control(&self.traffic) + control(&self.idle_traffic)
    }

    /// Adds what became of one message.
    pub(in crate::sim) fn add_message(&mut self, message: &MessageOutcome) {
        let &MessageOutcome { share, frames, bytes, reached, last, quickest, is_complete } = message;
        self.messages += 1;
        self.complete += u64::from(is_complete);
        self.message_frames += frames;
        self.message_bytes += bytes;
        if let Some(rmr) = relative_message_redundancy(frames, reached) {
            self.rmr.add(rmr);
            if share < 0.1 {
                self.rmr_first.add(rmr);
            }
            if share >= 0.9 {
                self.rmr_last.add(rmr);
            }
        }
        // A message that nobody else was to get took no time.
        if last > 0 && quickest > 0 {
            self.last_delivery_ms.add(last as f64 / 1e6);
            self.optimum_ms.add(quickest as f64 / 1e6);
            self.stretch.add(last as f64 / quickest as f64);
            self.lasts.expect(1);
            self.lasts.add(last);
        }
    }
}

/// Fate of one message.
#[derive(Debug, Clone, Copy)]
pub(in crate::sim) struct MessageOutcome {
    /// Share of its run's messages that came before it.
    pub(in crate::sim) share: f64,
    /// Frames with its payload.
    pub(in crate::sim) frames: u64,
    /// Bytes of all its copies.
    pub(in crate::sim) bytes: u64,
    /// Nodes that had it, the origin included.
    pub(in crate::sim) reached: u64,
    /// Nanoseconds to the last delivery, and by the quickest ways.
    pub(in crate::sim) last: u64,
    pub(in crate::sim) quickest: u64,
    /// True if it was everywhere where it was due.
    pub(in crate::sim) is_complete: bool,
}

/// Relative message redundancy of one message: payload frames for each receiver, less one.
///
/// `frames`: message frames on all links; `reached`: nodes that have it, the origin included. 0 is a perfect tree, 1 two
/// copies for each. `None` if nobody but the origin was reached.
/// Leitão, Pereira, Rodrigues, *Epidemic Broadcast Trees*, SRDS 2007.
pub fn relative_message_redundancy(frames: u64, reached: u64) -> Option<f64> {
    (reached > 1).then(|| frames as f64 / (reached - 1) as f64 - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_has_no_redundancy() {
        assert_eq!(relative_message_redundancy(15, 16), Some(0.0));
        assert_eq!(relative_message_redundancy(33, 12), Some(2.0));
        assert_eq!(relative_message_redundancy(3, 1), None);
    }
}
