//! The peers: what a user could take instead, and the limit, libzmq alone over the links of the program's network.

use crate::{
    crew::Crew,
    failure::Failure,
    measure::{Extent, Measured, PATIENCE},
    network::free_ports,
    report::Figure,
};
use gossip::{
    clock::{Clock, Deadline},
    core::time::Wall,
    topology::{Graph, Shape, generate},
    workload::{Latency, Plan, latency::seconds, machine},
};
use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// Interval at which a first message is sent until everybody has it.
const STEP: Duration = Duration::from_millis(5);

/// A peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    /// A nats-server with a client for each node.
    Nats,
    /// Zenoh peers, each connected with each.
    Zenoh,
    /// A tree of libzmq's sockets, where each message is a frame.
    Single,
    /// The same, where a node packs what waits.
    Packed,
}

impl Peer {
    pub(crate) const ALL: [Self; 4] = [Self::Nats, Self::Zenoh, Self::Single, Self::Packed];

    /// Its name in the report.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Nats => "nats",
            Self::Zenoh => "zenoh",
            Self::Single => "libzmq",
            Self::Packed => "libzmq packed",
        }
    }

    /// Most nodes that it is tried with: a full mesh of more takes longer to come up than all else together.
    pub(crate) const fn nodes_max(self) -> usize {
        match self {
            Self::Zenoh => 64,
            _ => usize::MAX,
        }
    }

    const fn program(self) -> &'static str {
        match self {
            Self::Nats => "release/peer-nats",
            Self::Zenoh => "release/peer-zenoh",
            Self::Single | Self::Packed => "release/peer-relay",
        }
    }

    /// File that it needs and that is not in the folder of peers.
    pub(crate) fn missing(self, folder: &Path) -> Option<PathBuf> {
        let server = (self == Self::Nats).then(|| folder.join(SERVER));
        [folder.join(self.program())].into_iter().chain(server).find(|file| !file.exists())
    }

    /// W over a network of its own.
    pub(crate) fn load(
        self,
        folder: &Path,
        nodes: usize,
        size: usize,
        seed: usize,
        extent: &Extent,
    ) -> Result<Vec<Figure>, Failure> {
        let plan = extent.plan(nodes, size);
        let (base, deadline, typed) = (free_ports(nodes + 1)?, Deadline::after(PATIENCE), Clock::new().now().wall);
        let mut crew = Crew::new();
        if self == Self::Nats {
            let port = base.to_string();
            crew.start(Command::new(folder.join(SERVER)).args(["--addr", "127.0.0.1", "--port", &port]), false)?;
        }
        let mut start = |role: &str, own: Vec<String>| {
            crew.start(&mut command(&folder.join(self.program()), role, &plan, own), true)
        };
        let graph = generate(Shape::Random { degree: 3 }, u32::try_from(nodes)?, seed as u64)?;
        let tree = children(&graph);
        let all = (0..nodes)
            .map(|place| start("node", self.node(base, place, &tree)))
            .collect::<Result<Vec<_>, Failure>>()?;
        let publisher = start("publisher", self.publisher(base))?;
        crew.must_say("ready", &[&all[..], &[publisher]].concat(), &deadline)?;
        loop {
            crew.order(publisher, "first")?;
            if crew.have_said("first", &all, &deadline.at_most(STEP))? {
                break;
            }
            if deadline.is_over() {
                return Err(Failure::new("the first message did not reach all"));
            }
        }
        let pids: Vec<_> = crew.pids().take(all.last().map_or(0, |last| last + 1)).collect();
        let first = crew.latest("first", &all);
        let memory = machine::pss_bytes(pids.iter().copied())?;
        crew.order(publisher, "paced")?;
        crew.must_say("paced", &[&all[..], &[publisher]].concat(), &Deadline::after(PATIENCE))?;
        let latency = Latency::new(crew.times("paced", publisher).unwrap_or_default(), &crew.latest("paced", &all));
        let meter = machine::Meter::start(pids.into_iter())?;
        crew.order(publisher, "flood")?;
        crew.must_say("flood", &[&all[..], &[publisher]].concat(), &Deadline::after(PATIENCE))?;
        let used = meter.stop()?;
        let one = |times: &[Wall]| times.first().copied().unwrap_or(Wall(0));
        let (began, last) = (crew.times("flood", publisher).map_or(Wall(0), one), one(&crew.latest("flood", &all)));
        crew.finish(&Deadline::after(PATIENCE))?;
        let deliveries = (plan.flood * nodes as u64) as f64;
        let measured = Measured {
            start: seconds(typed, one(&first)),
            memory,
            latency,
            rate: plan.flood as f64 / seconds(began, last),
            cpu_micros: used.cpu_nanos as f64 / 1e3 / deliveries,
            wire_bytes: used.wire_bytes as f64 / deliveries,
        };
        Ok(measured.figures(nodes, size))
    }

    /// The arguments of the node at a place, which listens on the port behind `base` by as much plus one.
    fn node(self, base: usize, place: usize, tree: &[Vec<usize>]) -> Vec<String> {
        let port = |place: usize| (base + 1 + place).to_string();
        match self {
            Self::Nats => vec![base.to_string()],
            Self::Zenoh if place == 0 => vec![port(0)],
            Self::Zenoh => vec![port(place), port(0)],
            Self::Single | Self::Packed => {
                [self.mode().to_owned(), port(place)].into_iter().chain(tree[place].iter().copied().map(port)).collect()
            }
        }
    }

    fn publisher(self, base: usize) -> Vec<String> {
        match self {
            Self::Nats => vec![base.to_string()],
            Self::Zenoh => vec![base.to_string(), (base + 1).to_string()],
            Self::Single | Self::Packed => vec![self.mode().to_owned(), (base + 1).to_string()],
        }
    }

    const fn mode(self) -> &'static str {
        match self {
            Self::Packed => "packed",
            _ => "single",
        }
    }
}

/// Path where the set-up step puts the server.
const SERVER: &str = "venv/bin/nats-server";

fn command(program: &Path, role: &str, plan: &Plan, own: Vec<String>) -> Command {
    let mut command = Command::new(program);
    let numbers = [plan.size as u64, plan.paced, plan.gap.as_micros() as u64, plan.flood];
    command.arg(role).args(numbers.map(|number| number.to_string())).args(own);
    command
}

/// The children of each node in the tree of shortest ways from the first node, over links of the graph.
fn children(graph: &Graph) -> Vec<Vec<usize>> {
    let mut tree = vec![Vec::new(); graph.node_count()];
    let mut is_in = vec![false; graph.node_count()];
    let mut queue = std::collections::VecDeque::from([0]);
    is_in[0] = true;
    while let Some(parent) = queue.pop_front() {
        for &node in graph.neighbours(parent) {
            if !std::mem::replace(&mut is_in[node], true) {
                tree[parent].push(node);
                queue.push_back(node);
            }
        }
    }
    tree
}
