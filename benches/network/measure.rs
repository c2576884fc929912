//! The measurements. Each starts a network of its own, and gives figures only if every node got every message once.

use crate::{
    Failure, machine,
    network::{Network, counter, delivered},
    publisher::{Publisher, number},
    report::{Figure, Goal},
};
use gossip::{
    client::Client,
    clock::{Clock, Deadline},
    core::{message::Payload, request::NodeStatus, time::Wall},
};
use std::{path::Path, time::Duration};

/// Longest wait for a load to reach all nodes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
/// How often nodes are asked whether they have all: seldom enough to leave the measured machine alone. When they
/// had it is told by their own time stamps.
pub(crate) const STEP: Duration = Duration::from_millis(100);
/// Between two messages of a network that is otherwise idle.
const GAP: Duration = Duration::from_millis(5);
pub(crate) const MEBI: f64 = (1 << 20) as f64;

/// How much of everything.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    /// Messages of a load.
    pub(crate) flood: u64,
    /// Messages of a latency.
    pub(crate) paced: u64,
    /// Runs of each command.
    pub(crate) commands: usize,
    /// How long an idle network is watched.
    pub(crate) idle: Duration,
}

/// One run of one measurement.
pub(crate) struct Run<'p> {
    pub(crate) program: &'p Path,
    /// What the topology is drawn from.
    pub(crate) seed: usize,
    pub(crate) extent: Extent,
}

impl Run<'_> {
    /// How long `start-network` takes, and how long until the first message is everywhere.
    pub(crate) fn start(&self, nodes: usize, goal: f64) -> Result<Vec<Figure>, Failure> {
        let clock = Clock::new();
        let typed = clock.now().wall;
        let network = Network::start(self.program, nodes, self.seed)?;
        let mut client = Client::connect(&network.nodes[0].endpoint, PATIENCE)?;
        client.publish(Payload::from(&b"first"[..]), None)?;
        network.await_delivered(1, STEP / 10, PATIENCE)?;
        let last = network.at(1, |_| true)?.iter().map(|message| message.received_at.0).max().unwrap_or_default();
        check(&[], &network.statuses()?, 1)?;
        let name = |what: &str| format!("start -n {nodes}: {what}");
        Ok(vec![
            Figure::new(name("typed to returned"), "s", network.took.as_secs_f64()).goal(Goal::AtMost(goal)),
            Figure::new(name("typed to first message on all"), "s", seconds(typed, last)),
        ])
    }

    /// How long a command takes on a running network, and what the network takes while nothing happens.
    pub(crate) fn at_rest(&self, nodes: usize) -> Result<Vec<Figure>, Failure> {
        let network = Network::start(self.program, nodes, self.seed)?;
        let memory = machine::pss_bytes(network.pids())? as f64 / nodes as f64;
        let (cpu, clock) = (machine::cpu_nanos(network.pids())?, Clock::new());
        Deadline::after(self.extent.idle).pause(self.extent.idle);
        let (cpu, wall) = (machine::cpu_nanos(network.pids())? - cpu, clock.now().mono.0);
        let mut figures = vec![
            Figure::new(format!("idle -n {nodes}: memory (PSS) of a node"), "MiB", memory / MEBI)
                .goal(Goal::AtMost(1.5)),
            Figure::new(format!("idle -n {nodes}: CPU of all nodes"), "% of a core", 100.0 * cpu as f64 / wall as f64)
                .goal(Goal::AtMost(1.0)),
        ];
        for command in [&["send-message", "1", "apple"][..], &["get-messages", "2"], &["list-peers", "3"], &["status"]]
        {
            let runs = (0..self.extent.commands).map(|_| Ok(network.run(command)?.0.as_secs_f64()));
            let mut times = runs.collect::<Result<Vec<f64>, Failure>>()?;
            let figure = Figure::new(format!("command {}", command[0]), "ms p50", percentile(&mut times, 0.5) * 1e3);
            figures.push(figure.goal(Goal::AtMost(20.0)));
        }
        let sent = self.extent.commands as u64;
        network.await_delivered(sent, STEP / 10, PATIENCE)?;
        check(&[], &network.statuses()?, sent)?;
        Ok(figures)
    }

    /// A flood of messages of `size` bytes, after messages one by one.
    pub(crate) fn load(&self, nodes: usize, size: usize) -> Result<Vec<Figure>, Failure> {
        let Extent { flood, paced, .. } = self.extent;
        let network = Network::start(self.program, nodes, self.seed)?;
        let mut publisher = Publisher::connect(&network.nodes[0].endpoint, size)?;
        let mut figures = self.latency(&network, &mut publisher, size, paced)?;
        let before = network.statuses()?;
        let (cpu, wire) = (machine::cpu_nanos(network.pids())?, machine::loopback_bytes()?);
        let began = publisher.flood(flood)?;
        network.await_delivered(paced + flood, STEP, PATIENCE)?;
        let (cpu, wire) = (machine::cpu_nanos(network.pids())? - cpu, machine::loopback_bytes()? - wire);
        let last =
            network.at(paced + flood, |_| true)?.iter().map(|message| message.received_at.0).max().unwrap_or_default();
        let after = network.statuses()?;
        check(&before, &after, flood)?;
        for node in [0, nodes - 1] {
            check_numbers(&network, node, paced + 1, flood)?;
        }
        let deliveries = (flood * nodes as u64) as f64;
        let name = |what: &str| format!("W({nodes}, {size} B): {what}");
        let copies = (sum(&after, "duplicates") - sum(&before, "duplicates")) as f64 / flood as f64;
        figures.extend([
            Figure::new(name("throughput"), "msg/s", flood as f64 / seconds(began, last)),
            Figure::new(name("CPU per delivery"), "us", cpu as f64 / 1e3 / deliveries),
            Figure::new(name("wire per delivery"), "B", wire as f64 / deliveries),
            Figure::new(name("copies beyond the first, per node"), "", copies / nodes as f64),
        ]);
        Ok(figures)
    }

    fn latency(
        &self,
        network: &Network<'_>,
        publisher: &mut Publisher,
        size: usize,
        count: u64,
    ) -> Result<Vec<Figure>, Failure> {
        let before = network.statuses()?;
        let submitted = publisher.pace(count, GAP)?;
        network.await_delivered(count, STEP, PATIENCE)?;
        check(&before, &network.statuses()?, count)?;
        let mut last = vec![0; submitted.len()];
        for node in 0..network.nodes.len() {
            for message in network.since(node, 1)? {
                let slot = number(&message.payload).and_then(|number| last.get_mut(usize::try_from(number).ok()?));
                let slot = slot.ok_or_else(|| Failure::new("a message that nobody sent"))?;
                *slot = message.received_at.0.max(*slot);
            }
            check_numbers(network, node, 1, count)?;
        }
        let mut times: Vec<_> = submitted.iter().zip(&last).map(|(&sent, &last)| seconds(sent, last)).collect();
        let name = |what: &str| format!("W({nodes}, {size} B): idle latency {what}", nodes = network.nodes.len());
        let [p50, p99] = [0.5, 0.99].map(|share| percentile(&mut times, share) * 1e3);
        Ok(vec![Figure::new(name("p50"), "ms", p50), Figure::new(name("p99"), "ms", p99)])
    }
}

fn sum(statuses: &[NodeStatus], name: &str) -> u64 {
    statuses.iter().map(|status| counter(status, name)).sum()
}

pub(crate) fn seconds(from: Wall, to: u64) -> f64 {
    to.saturating_sub(from.0) as f64 / 1e9
}

/// The value that this share of the values does not exceed. The slice is sorted by it.
fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let index = ((values.len() as f64 * share).ceil() as usize).clamp(1, values.len().max(1)) - 1;
    values.get(index).copied().unwrap_or(f64::NAN)
}

/// Counters that a sound run may raise; any other tells of something lost, refused or left out.
#[rustfmt::skip]
const SOUND: &[&str] = &[
    "published", "delivered", "duplicates", "sent", "surplus", "requests", "refused_busy",
    "announced", "pruned", "grafted", "pulls", "resent", "digests",
];

/// Whether `count` messages were published since `before` (empty: since the start), and each node got and keeps each
/// of them, and nothing else happened.
fn check(before: &[NodeStatus], after: &[NodeStatus], count: u64) -> Result<(), Failure> {
    let published = sum(after, "published") - sum(before, "published");
    if published != count {
        return Err(Failure::new(format!("{published} messages were published instead of {count}")));
    }
    for (index, after) in after.iter().enumerate() {
        let before = before.get(index);
        let gained = delivered(after) - before.map_or(0, delivered);
        let kept = after.retained_messages - before.map_or(0, |before| before.retained_messages);
        if (gained, kept) != (count, count) {
            let text = format!("node {} got {gained} and keeps {kept} messages of {count}", after.node);
            return Err(Failure::new(text));
        }
        for (name, &value) in &after.counters {
            let value = value - before.map_or(0, |before| counter(before, name));
            if value > 0 && !SOUND.contains(&&**name) {
                return Err(Failure::new(format!("node {} counted {value} {name}", after.node)));
            }
        }
    }
    Ok(())
}

/// Whether a node received the numbers `0..count`, each once, from its `position`th message on.
pub(crate) fn check_numbers(network: &Network<'_>, node: usize, position: u64, count: u64) -> Result<(), Failure> {
    let messages = network.since(node, position)?;
    let mut numbers: Vec<_> = messages.iter().filter_map(|message| number(&message.payload)).collect();
    numbers.sort_unstable();
    if messages.len() as u64 == count && numbers.into_iter().eq(0..count) {
        return Ok(());
    }
    Err(Failure::new(format!("node {} does not hold each message once", node + 1)))
}
