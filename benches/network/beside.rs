//! Loss of a load to what goes on beside it: somebody who watches all nodes, or a node that hangs.

use crate::{
    Failure,
    measure::{MEBI, PATIENCE, Run, WINDOW},
    network::Network,
    report::{Figure, Goal},
};
use gossip::{
    core::time::Wall,
    workload::{Nodes, Publisher, check::counter, latency::seconds, machine},
};
use rustix::process::{Pid, Signal, kill_process};
use std::process::{Child, Command, Stdio};

/// Length of a flood, in those of the load.
const FLOODS: u64 = 12;
/// Options of a network that keeps a flood.
const KEEPING: [&str; 4] = ["--retain-messages", "1000000", "--retain-bytes", "256MiB"];

impl Run<'_> {
    /// Three floods over one network: alone, watched, and with one node halted, which then catches up.
    pub(crate) fn beside(&self, nodes: usize, size: usize) -> Result<Vec<Figure>, Failure> {
        // Seconds long, so that what begins and ends it does not count for much.
        let flood = FLOODS * self.extent.deliveries / nodes as u64;
        let network = Network::start(self.program, nodes, self.seed, &KEEPING)?;
        let mut publisher = Publisher::connect(network.entry(), size, WINDOW, false, PATIENCE)?;
        let mut all = network.all()?;
        // The first of all floods meets trees that are still to grow.
        throughput(&mut all, &mut publisher, flood, size)?;
        let alone = throughput(&mut all, &mut publisher, flood, size)?;
        let watcher = Watcher::start(network.command(&["watch", "--json"]))?;
        let watched = throughput(&mut all, &mut publisher, flood, size)?;
        drop(watcher);
        let hung = nodes / 2;
        let mut others = network.nodes(|node| node != hung)?;
        let memory = machine::pss_bytes(others.pids())?;
        let before = all.statuses()?;
        let halted = Halted::new(network.members[hung].pid)?;
        let paused = throughput(&mut others, &mut publisher, flood, size)?;
        let grown = machine::pss_bytes(others.pids())?.saturating_sub(memory) as f64 / (nodes - 1) as f64;
        drop(halted);
        all.await_delivered(&before, flood, PATIENCE)?;
        all.received(hung, counter(&before[hung], "delivered"), flood, size)?;
        let name = |what: &str| format!("W({nodes}, {size} B) {what}");
        Ok(vec![
            Figure::new(name("watched: throughput"), "of that alone", watched / alone),
            Figure::new(name("with a node halted: throughput"), "of that alone", paused / alone)
                .goal(Goal::AtLeast(0.95)),
            Figure::new(name("with a node halted: growth of another"), "MiB", grown / MEBI),
        ])
    }
}

/// Messages a second until the last of these nodes has all.
fn throughput(nodes: &mut Nodes, publisher: &mut Publisher, flood: u64, size: usize) -> Result<f64, Failure> {
    let (before, positions) = (nodes.statuses()?, nodes.positions()?);
    let began = publisher.flood(flood)?;
    nodes.await_delivered(&before, flood, PATIENCE)?;
    let last = nodes.received_by_all(&positions, flood, size)?.into_iter().max();
    Ok(flood as f64 / seconds(began, last.unwrap_or(Wall(0))))
}

/// A command that runs until it is dropped.
struct Watcher(Child);

impl Watcher {
    fn start(mut command: Command) -> Result<Self, Failure> {
        Ok(Self(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?))
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A node that is halted until this is dropped.
struct Halted(Pid);

impl Halted {
    fn new(pid: Option<u32>) -> Result<Self, Failure> {
        let pid = pid
            .and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?))
            .ok_or_else(|| Failure::new("a node without pid"))?;
        kill_process(pid, Signal::STOP)?;
        Ok(Self(pid))
    }
}

impl Drop for Halted {
    fn drop(&mut self) {
        // It may be gone.
        let _ = kill_process(self.0, Signal::CONT);
    }
}
