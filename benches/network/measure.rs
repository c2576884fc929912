//! The measurements of the program itself. Each starts a network of its own, and gives figures only if every node got every
//! message once.

use crate::{
    failure::Failure,
    network::Network,
    report::{Figure, Goal},
};
use gossip::{
    client::Client,
    clock::{Clock, Deadline},
    core::{message::Payload, time::Wall},
    workload::{
        self, Latency, Nodes, Outcome, Plan,
        check::{Anomalies, check_counters},
        latency::{percentile, seconds},
        machine,
        payload::body,
    },
};
use std::{path::Path, time::Duration};

/// Longest wait for a load to reach all nodes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
/// Submissions without a receipt.
pub(crate) const WINDOW: usize = 1_000;
pub(crate) const MEBI: f64 = (1 << 20) as f64;
/// Between two messages of a network that is otherwise idle; longer for more nodes than this, which would not be idle.
const GAP: Duration = Duration::from_millis(5);
const GAP_NODES: u32 = 64;
/// Bytes of a payload up to which a load has as many messages as it can; half as many of longer ones.
const SHORT: usize = 256;

/// Extent of the measurements.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    /// Deliveries of a load.
    pub(crate) deliveries: u64,
    /// Messages of a latency.
    pub(crate) paced: u64,
    /// Runs of each command.
    pub(crate) commands: usize,
    /// Time for which an idle network is watched.
    pub(crate) idle: Duration,
}

impl Extent {
    /// The load of so many nodes. Measurement a node has to keep of it is less than it keeps.
    pub(crate) fn plan(&self, nodes: usize, size: usize) -> Plan {
        let flood = self.deliveries / nodes as u64 / if size > SHORT { 2 } else { 1 };
        let gap = GAP * (nodes as u32).div_ceil(GAP_NODES);
        Plan { size, paced: self.paced, gap, flood, window: WINDOW, is_single: false, patience: PATIENCE }
    }
}

/// One run of one measurement.
pub(crate) struct Run<'p> {
    pub(crate) program: &'p Path,
    /// Seed of the topology.
    pub(crate) seed: usize,
    pub(crate) extent: Extent,
}

/// Measures of W, whoever carried it.
pub(crate) struct Measured {
    /// Seconds from the first command to the first message at all nodes.
    pub(crate) start: f64,
    /// Bytes of memory of all nodes, before the load.
    pub(crate) memory: u64,
    pub(crate) latency: Latency,
    pub(crate) rate: f64,
    pub(crate) cpu_micros: f64,
    pub(crate) wire_bytes: f64,
}

impl Measured {
    /// The figures of W(nodes, size).
    pub(crate) fn figures(&self, nodes: usize, size: usize) -> Vec<Figure> {
        let Self { start, memory, latency: Latency { p50, p99, p999 }, rate, cpu_micros, wire_bytes } = *self;
        let figure = |what: &str, unit, value| Figure::new(format!("W({nodes}, {size} B): {what}"), unit, value);
        vec![
            figure("typed to first message on all", "s", start),
            figure("memory (PSS) of a node", "MiB", memory as f64 / nodes as f64 / MEBI),
            figure("idle latency p50", "ms", p50),
            figure("idle latency p99", "ms", p99),
            figure("idle latency p99.9", "ms", p999),
            figure("throughput", "msg/s", rate),
            figure("CPU per delivery", "us", cpu_micros),
            figure("wire per delivery", "B", wire_bytes),
        ]
    }
}

impl<'p> Run<'p> {
    /// A network, connected to, and how long it took from the command until all nodes had a first message of `size` bytes.
    fn started(&self, nodes: usize, size: usize) -> Result<(Network<'p>, Nodes, f64), Failure> {
        let typed = Clock::new().now().wall;
        let network = Network::start(self.program, nodes, self.seed, &[])?;
        let mut client = Client::connect(&network.entry().endpoint, PATIENCE)?;
        client.publish(Payload::from(&body(0, size)[..]), None)?;
        let mut all = network.all()?;
        all.await_delivered(&[], 1, PATIENCE)?;
        let last = all.received_by_all(&vec![0; nodes], 1, size)?.into_iter().max().unwrap_or(Wall(0));
        must_be_usual(&check_counters(&[], &all.statuses()?, 1)?)?;
        Ok((network, all, seconds(typed, last)))
    }

    /// Measures the time that `start-network` takes, and the time until the first message is everywhere.
    pub(crate) fn start(&self, nodes: usize, goal: f64) -> Result<Vec<Figure>, Failure> {
        let (network, _, first) = self.started(nodes, 8)?;
        let name = |what: &str| format!("start -n {nodes}: {what}");
        Ok(vec![
            Figure::new(name("typed to returned"), "s", network.took.as_secs_f64()).goal(Goal::AtMost(goal)),
            Figure::new(name("typed to first message on all"), "s", first),
        ])
    }

    /// Measures the time that a command takes on a running network, and what the network takes while nothing happens.
    pub(crate) fn at_rest(&self, nodes: usize) -> Result<Vec<Figure>, Failure> {
        let network = Network::start(self.program, nodes, self.seed, &[])?;
        let pids = || network.members.iter().filter_map(|member| member.pid);
        let memory = machine::pss_bytes(pids())? as f64 / nodes as f64;
        let (meter, clock) = (machine::Meter::start(pids())?, Clock::new());
        Deadline::after(self.extent.idle).pause(self.extent.idle);
        let (cpu, wall) = (meter.stop()?.cpu_nanos, clock.now().mono.0);
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
        let (sent, mut all) = (self.extent.commands as u64, network.all()?);
        all.await_delivered(&[], sent, PATIENCE)?;
        must_be_usual(&check_counters(&[], &all.statuses()?, sent)?)?;
        Ok(figures)
    }

    /// W: messages of `size` bytes one by one, then a flood of them.
    pub(crate) fn load(&self, nodes: usize, size: usize) -> Result<Vec<Figure>, Failure> {
        let (_network, mut all, start) = self.started(nodes, size)?;
        let memory = machine::pss_bytes(all.pids())?;
        let Outcome { latency, rate, cpu_micros, wire_bytes, copies, odd } =
            workload::run(&mut all, &self.extent.plan(nodes, size))?;
        must_be_usual(&odd)?;
        let mut figures = Measured { start, memory, latency, rate, cpu_micros, wire_bytes }.figures(nodes, size);
        figures.push(Figure::new(format!("W({nodes}, {size} B): copies beyond the first, per node"), "", copies));
        Ok(figures)
    }
}

/// A run is sound only if nothing had to be made up for.
fn must_be_usual(odd: &Anomalies) -> Result<(), Failure> {
    match odd.iter().next() {
        Some((name, count)) => Err(Failure::new(format!("the nodes counted {count} {name}"))),
        None => Ok(()),
    }
}
