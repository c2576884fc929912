//! The numbers of runs. Reports of several seeds merge into one whose averages are those over all their messages.

use super::coverage::Coverage;
use serde::{Serialize, Serializer, ser::SerializeStruct};
use std::collections::BTreeMap;

/// A true average: sum and number are kept, so averages of parts merge into that of the whole.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Mean {
    count: u64,
    sum: f64,
    least: f64,
    most: f64,
}

impl Mean {
    /// Takes in a value.
    pub fn add(&mut self, value: f64) {
        self.merge(&Self { count: 1, sum: value, least: value, most: value });
    }

    /// Takes in all values of another.
    pub fn merge(&mut self, other: &Self) {
        if self.count == 0 {
            *self = *other;
        } else if other.count > 0 {
            self.count += other.count;
            self.sum += other.sum;
            self.least = self.least.min(other.least);
            self.most = self.most.max(other.most);
        }
    }

    /// The average; `None` without values.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }

    /// The largest value; `None` without values.
    pub fn most(&self) -> Option<f64> {
        (self.count > 0).then_some(self.most)
    }
}

impl Serialize for Mean {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let some = |value: f64| (self.count > 0).then_some(value);
        let mut fields = serializer.serialize_struct("Mean", 4)?;
        fields.serialize_field("mean", &self.mean())?;
        fields.serialize_field("min", &some(self.least))?;
        fields.serialize_field("max", &some(self.most))?;
        fields.serialize_field("count", &self.count)?;
        fields.end()
    }
}

/// What came of one run, or of several.
///
/// Counted are the nodes that were there from a message's publication to the end: a message is *due* at each of them.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Report {
    /// How many runs, each with a seed of its own.
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
    /// Message frames.
    pub message_frames: u64,
    /// Their bytes, as the specification encodes them, to within a few.
    pub message_bytes: u64,
    /// All other frames since the first message: greetings, probes, answers.
    pub control_frames: u64,
    /// Copies beyond the first for each node, over a run.
    pub duplicates: Mean,
    /// Nodes alive at the end of a run.
    pub live_nodes: Mean,
    /// Bytes that a node keeps at the end: payloads, paths and the records around them.
    pub memory: Mean,
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
        self.last_delivery_ms.merge(&other.last_delivery_ms);
        self.optimum_ms.merge(&other.optimum_ms);
        self.stretch.merge(&other.stretch);
        self.last_hop.merge(&other.last_hop);
        self.rmr.merge(&other.rmr);
        self.message_frames += other.message_frames;
        self.message_bytes += other.message_bytes;
        self.control_frames += other.control_frames;
        self.duplicates.merge(&other.duplicates);
        self.live_nodes.merge(&other.live_nodes);
        self.memory.merge(&other.memory);
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

    /// A message took so many frames to reach so many nodes, its origin included.
    pub(super) fn add_message(&mut self, frames: u64, bytes: u64, reached: u64, is_complete: bool) {
        self.messages += 1;
        self.complete += u64::from(is_complete);
        self.message_frames += frames;
        self.message_bytes += bytes;
        if let Some(rmr) = relative_message_redundancy(frames, reached) {
            self.rmr.add(rmr);
        }
    }

    /// A message was delivered last after so many nanoseconds, where the quickest ways take so many.
    pub(super) fn add_times(&mut self, last: u64, quickest: u64) {
        if quickest > 0 {
            self.last_delivery_ms.add(last as f64 / 1e6);
            self.optimum_ms.add(quickest as f64 / 1e6);
            self.stretch.add(last as f64 / quickest as f64);
        }
    }
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
    fn averages_of_parts_merge_into_that_of_the_whole() {
        let (mut one, mut three) = (Mean::default(), Mean::default());
        one.add(10.0);
        [1.0, 2.0, 3.0].into_iter().for_each(|value| three.add(value));
        let mut all = Mean::default();
        all.merge(&one);
        all.merge(&three);
        all.merge(&Mean::default());
        assert_eq!((all.mean(), all.most(), all.least), (Some(4.0), Some(10.0), 1.0), "not the average of averages");
        assert_eq!(
            serde_json::to_string(&Mean::default()).unwrap(),
            r#"{"mean":null,"min":null,"max":null,"count":0}"#
        );
    }

    #[test]
    fn a_tree_has_no_redundancy() {
        assert_eq!(relative_message_redundancy(15, 16), Some(0.0));
        assert_eq!(relative_message_redundancy(33, 12), Some(2.0));
        assert_eq!(relative_message_redundancy(3, 1), None);
    }
}
