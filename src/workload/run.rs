//! The load W: messages one by one, then a flood, and what both cost.

use super::{
    check::{Anomalies, check_counters, check_kept, sum},
    error::WorkloadError,
    latency::{Latency, seconds},
    machine,
    nodes::Nodes,
    publisher::Publisher,
};
use crate::core::{request::NodeStatus, time::Wall};
use std::time::Duration;

/// Plan of what is submitted, and of the time that all may take.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Bytes of a payload; at least 8, for its number.
    pub size: usize,
    /// Messages one by one.
    pub paced: u64,
    /// From one of them to the next.
    pub gap: Duration,
    /// Messages of the flood.
    pub flood: u64,
    /// Messages that may wait for their receipt at a time.
    pub window: usize,
    /// Has each message of the flood submitted by itself.
    pub is_single: bool,
    /// Longest wait for the next receipt, and for all nodes to have all, from the last receipt on.
    pub patience: Duration,
}

/// Outcome of the load. A delivery is one message at one node.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Of messages one by one: from the submission to the last node.
    pub latency: Latency,
    /// Messages a second: from the first submission until the last node has all.
    pub rate: f64,
    /// Microseconds that all threads of all nodes ran, a delivery.
    pub cpu_micros: f64,
    /// Bytes over the loopback interface, a delivery; also those of other programs.
    pub wire_bytes: f64,
    /// Copies of a message that a node received beyond the first.
    pub copies: f64,
    /// Counters that nodes raised besides.
    pub odd: Anomalies,
}

/// Submits the load to the first node, and looks at what all nodes received.
pub fn run(nodes: &mut Nodes, plan: &Plan) -> Result<Outcome, WorkloadError> {
    let mut publisher = Publisher::connect(&nodes.members()[0], plan.size, plan.window, plan.is_single, plan.patience)?;
    let first = nodes.statuses()?;
    let latency = pace(nodes, &first, &mut publisher, plan)?;
    let (before, positions) = (nodes.statuses()?, nodes.positions()?);
    let meter = machine::Meter::start(nodes.pids())?;
    let began = publisher.flood(plan.flood)?;
    nodes.await_delivered(&before, plan.flood, plan.patience)?;
    let machine::Used { cpu_nanos, wire_bytes } = meter.stop()?;
    let after = nodes.statuses()?;
    let odd = check_counters(&first, &after, plan.paced + plan.flood)?;
    check_kept(&after, plan.flood)?;
    let last = nodes.received_by_all(&positions, plan.flood, plan.size)?.into_iter().max().unwrap_or(Wall(0));
    let deliveries = plan.flood as f64 * positions.len() as f64;
    let copies = sum(&after, "duplicates").saturating_sub(sum(&before, "duplicates"));
    Ok(Outcome {
        latency,
        rate: plan.flood as f64 / seconds(began, last),
        cpu_micros: cpu_nanos as f64 / 1e3 / deliveries,
        wire_bytes: wire_bytes as f64 / deliveries,
        copies: copies as f64 / deliveries,
        odd,
    })
}

fn pace(
    nodes: &mut Nodes,
    before: &[NodeStatus],
    publisher: &mut Publisher,
    plan: &Plan,
) -> Result<Latency, WorkloadError> {
    let positions = nodes.positions()?;
    let submitted = publisher.pace(plan.paced, plan.gap)?;
    nodes.await_delivered(before, plan.paced, plan.patience)?;
    Ok(Latency::new(&submitted, &nodes.received_by_all(&positions, plan.paced, plan.size)?))
}
