//! What a load loses by what goes on beside it: somebody who watches all nodes, or a node that hangs.

use crate::{
    Failure, machine,
    measure::{MEBI, PATIENCE, Run, STEP, check_numbers, seconds},
    network::{Network, delivered},
    publisher::Publisher,
    report::{Figure, Goal},
};
use rustix::process::{Pid, Signal, kill_process};
use std::process::{Child, Command, Stdio};

impl Run<'_> {
    /// Three floods over one network: alone, watched, and with one node halted, which then catches up.
    pub(crate) fn beside(&self, nodes: usize, size: usize) -> Result<Vec<Figure>, Failure> {
        // Long enough that what begins and ends it does not count for much.
        let flood = 4 * self.extent.flood;
        let network = Network::start(self.program, nodes, self.seed)?;
        let mut publisher = Publisher::connect(&network.nodes[0].endpoint, size)?;
        // The first of all floods meets trees that are still to grow.
        throughput(&network, &mut publisher, flood, |_| true)?;
        let alone = throughput(&network, &mut publisher, flood, |_| true)?;
        let watcher = Watcher::start(network.command(&["watch", "--json"]))?;
        let watched = throughput(&network, &mut publisher, flood, |_| true)?;
        drop(watcher);
        let hung = nodes / 2;
        let others = || network.pids().enumerate().filter(|&(node, _)| node != hung).map(|(_, pid)| pid);
        let memory = machine::pss_bytes(others())?;
        let halted = Halted::new(network.nodes[hung].pid)?;
        let paused = throughput(&network, &mut publisher, flood, |node| node != hung)?;
        let grown = machine::pss_bytes(others())?.saturating_sub(memory) as f64 / (nodes - 1) as f64;
        drop(halted);
        network.await_delivered(4 * flood, STEP, PATIENCE)?;
        check_numbers(&network, hung, 3 * flood + 1, flood)?;
        let name = |what: &str| format!("W({nodes}, {size} B) {what}");
        Ok(vec![
            Figure::new(name("watched: throughput"), "of that alone", watched / alone),
            Figure::new(name("with a node halted: throughput"), "of that alone", paused / alone)
                .goal(Goal::AtLeast(0.95)),
            Figure::new(name("with a node halted: growth of another"), "MiB", grown / MEBI),
        ])
    }
}

/// Messages a second until the last node of those that count has all.
fn throughput(
    network: &Network<'_>,
    publisher: &mut Publisher,
    flood: u64,
    counts: impl Fn(usize) -> bool,
) -> Result<f64, Failure> {
    let had = network.answering(&counts)?.iter().map(delivered).max().unwrap_or_default();
    let began = publisher.flood(flood)?;
    network.await_delivered_at(had + flood, STEP, PATIENCE, &counts)?;
    let last = network.at(had + flood, counts)?.iter().map(|message| message.received_at.0).max();
    Ok(flood as f64 / seconds(began, last.unwrap_or_default()))
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
    fn new(pid: u32) -> Result<Self, Failure> {
        let pid = Pid::from_raw(i32::try_from(pid)?).ok_or_else(|| Failure::new("a node without pid"))?;
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
