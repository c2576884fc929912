//! Cost of submissions: a client submits messages to a node that has nobody to pass them on to, one a request or many.

use crate::{
    Failure,
    measure::{PATIENCE, Run, WINDOW},
    network::free_ports,
    report::{Figure, Goal},
};
use gossip::{
    core::time::Wall,
    workload::{Member, Nodes, Publisher, latency::seconds, machine},
};
use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

impl Run<'_> {
    /// Floods into one node over one connection: one message a request, and many.
    pub(crate) fn submit(&self, size: usize) -> Result<Vec<Figure>, Failure> {
        let mut figures = Vec::new();
        for (how, is_single, goal) in [("one", true, 400e3), ("many", false, 1e6)] {
            let (rate, cpu_micros) = self.submit_so(size, is_single)?;
            let name = |what: &str| format!("one node, {size} B {how} a request: {what}");
            figures.push(Figure::new(name("throughput"), "msg/s", rate).goal(Goal::AtLeast(goal)));
            figures.push(Figure::new(name("CPU per message"), "us", cpu_micros));
        }
        Ok(figures)
    }

    /// Two floods, of which the second counts: messages a second, and microseconds of CPU for each.
    fn submit_so(&self, size: usize, is_single: bool) -> Result<(f64, f64), Failure> {
        // As many as a node keeps by default, since all are fetched to be looked at.
        let flood = self.extent.deliveries / 16;
        let node = Lone::start(self.program)?;
        let mut publisher = Publisher::connect(&node.member, size, WINDOW, is_single, PATIENCE)?;
        let mut nodes = Nodes::connect(vec![node.member.clone()], PATIENCE)?;
        publisher.flood(flood)?;
        nodes.await_delivered(&[], flood, PATIENCE)?;
        let (before, positions) = (nodes.statuses()?, nodes.positions()?);
        let meter = machine::Meter::start(nodes.pids())?;
        let began = publisher.flood(flood)?;
        let cpu_micros = meter.stop()?.cpu_nanos as f64 / 1e3 / flood as f64;
        nodes.await_delivered(&before, flood, PATIENCE)?;
        let last = nodes.received_by_all(&positions, flood, size)?.into_iter().max().unwrap_or(Wall(0));
        Ok((flood as f64 / seconds(began, last), cpu_micros))
    }
}

/// A node that nobody is connected to; killed when dropped.
struct Lone {
    member: Member,
    child: Child,
    _state: tempfile::TempDir,
}

impl Lone {
    fn start(program: &Path) -> Result<Self, Failure> {
        let (state, address) = (tempfile::tempdir()?, format!("127.0.0.1:{}", free_ports(1)? + 1));
        let child = Command::new(program)
            .args(["node", "--name", "1", "--network", "lone", "--bind", &address])
            .env("XDG_STATE_HOME", state.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let member = Member { name: "1".parse()?, endpoint: address.parse()?, pid: Some(child.id()) };
        let mut lone = Self { member, child, _state: state };
        // It says where it listens as soon as it does.
        let said =
            lone.child.stdout.take().map_or(Ok(0), |stdout| BufReader::new(stdout).read_line(&mut String::new()))?;
        if said == 0 { Err(Failure::new("the node did not start")) } else { Ok(lone) }
    }
}

impl Drop for Lone {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
