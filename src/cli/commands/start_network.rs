//! `gossip start-network`.

use super::{
    plot::Plot,
    stop_network,
    stored_network::{self, Asked, Found},
};
use crate::{
    cli::{
        Context, Output,
        behaviour::Behaviour,
        bounds::Bounds,
        context::own_program,
        error::CliError,
        log::Logging,
        numbers::{checked_later, whole},
        simulate::replay::Typed,
        text,
    },
    clock,
    launcher::{
        LaunchError, Manifest, Networks, NodeRecord, Plan, Started, StoredNetwork, attend, resume, start, stop,
    },
    topology::{
        Shape, generate,
        shape::{self, NODES_MAX, NODES_MIN},
    },
};
use serde::Serialize;
use std::{
    ffi::OsString,
    fmt,
    path::{self, Path, PathBuf},
    process::ExitStatus,
    sync::atomic::AtomicBool,
    time::Duration,
};

/// Longest time that all nodes may take together unless told otherwise.
pub const TIMEOUT: Duration = Duration::from_secs(30);
/// Highest port base, that of the smallest network: ports end at 65535.
const PORT_BASE_MAX: u32 = 65_535 - NODES_MIN;
/// Most nodes whose peers are listed in the text; JSON and 'list-peers' have them in any case.
const LISTED_MAX: usize = 32;

/// Start a network of nodes on this machine
///
/// Starts the nodes in the background, node N on port base + N, and returns once each of them answers and all links are up.
/// To run several networks side by side, give each its own --network and --port-base.
#[derive(Debug, clap::Args)]
#[command(mut_arg("timing", |timing| timing.default_value("local")))]
#[command(after_long_help = "\
Examples:
  # Start the default random network, and plot its topology
  gossip start-network --plot

  # Start a random network where all nodes have 5 neighboring connections
  gossip start-network random 5

  # Start a circularly connected network with 32 nodes
  gossip start-network circular --num-nodes=32

  # Start a second network beside the first
  gossip start-network powerlaw --network two --port-base 8000

  # Start a network that keeps its messages on disk; started again, it goes on
  gossip start-network --network orders --durable")]
pub struct Args {
    /// Topology: random (each node has DEGREE neighbours), circular (a ring) or powerlaw (few nodes have many links)
    #[arg(value_name = "TOPOLOGY", default_value = "random")]
    topology: String,
    /// Neighbours of each node in a random network [default: 3, or 4 for an odd number of nodes]
    #[arg(value_name = "DEGREE", value_parser = checked_later(1, NODES_MAX - 1), allow_negative_numbers = true)]
    degree: Option<u32>,
    /// Number of nodes, 2 to 1024
    #[arg(short, long, value_name = "N", default_value_t = 16, value_parser = checked_later(NODES_MIN, NODES_MAX))]
    #[arg(allow_negative_numbers = true)]
    num_nodes: u32,
    /// Draw the topology, to files in the network's state folder and on a terminal
    #[arg(short = 'P', long)]
    plot: bool,
    /// Seed of the random choices; the same seed gives the same topology [default: random]
    #[arg(long, value_name = "S", value_parser = whole(0, u64::MAX), allow_negative_numbers = true)]
    seed: Option<u64>,
    /// Port base: node N listens on port P + N
    #[arg(long, value_name = "P", default_value_t = 7000, value_parser = checked_later(0, PORT_BASE_MAX))]
    #[arg(allow_negative_numbers = true)]
    port_base: u32,
    /// Serve OpenMetrics: node N at http://127.0.0.1:PORT+N/metrics
    #[arg(long, value_name = "PORT", value_parser = checked_later(0, PORT_BASE_MAX), allow_negative_numbers = true)]
    metrics_base: Option<u32>,
    /// Keep messages on disk, in the network's state folder, so that they survive a stop
    ///
    /// A network that left data is started again with its nodes, links and instance. Arguments may be left out then; those that are
    /// given must agree.
    #[arg(long)]
    durable: bool,
    /// The same in another folder
    #[arg(long, value_name = "DIR", conflicts_with = "durable")]
    data: Option<PathBuf>,
    /// Set the data of an earlier run aside, under another name beside it
    #[arg(long)]
    fresh: bool,
    /// Stay attached, and stop the network on Ctrl-C
    #[arg(long)]
    foreground: bool,
    #[command(flatten)]
    behaviour: Behaviour,
    #[command(flatten)]
    bounds: Bounds,
    #[command(flatten)]
    logging: Logging,
}

/// Report on a network that was started.
#[derive(Serialize)]
struct Report<'a> {
    network: &'a str,
    topology: String,
    /// The same for people.
    #[serde(skip)]
    described: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    degree: Option<u32>,
    /// Reason why it is not the usual one, for people.
    #[serde(skip)]
    adapted: Option<String>,
    seed: u64,
    instance: &'a str,
    port_base: u32,
    nodes: Vec<Node<'a>>,
    plot: Vec<PathBuf>,
    /// Drawn for the terminal, in place of the list of peers.
    #[serde(skip)]
    drawing: Option<String>,
    #[serde(skip)]
    has_hint: bool,
}

#[derive(Serialize)]
struct Node<'a> {
    node: &'a str,
    endpoint: String,
    pid: Option<u32>,
    peers: Vec<&'a str>,
}

/// Starts the network; stays with it if that was asked for.
pub fn run(typed: &Typed<Args>, context: &Context, out: &mut Output) -> Result<(), CliError> {
    let (args, networks) = (&typed.args, context.networks()?);
    let folder = networks.folder(context.network());
    let asked = match &args.data {
        Some(path) => Some(StoredNetwork::at(absolute(path)?)),
        None => args.durable.then(|| folder.data()),
    };
    let data = asked.clone().unwrap_or_else(|| folder.data());
    if args.fresh
        && let Some(aside) = stored_network::set_aside(&folder, &data)?
    {
        out.note(format_args!("the data of an earlier run are in {} now", aside.display()));
    }
    let (interrupted, timeout) = (context.catch_interrupts()?, context.timeout_or(TIMEOUT));
    let usage = |error: shape::ShapeError| CliError::Usage(error.to_string());
    let shape = Shape::parse(&args.topology, args.degree, args.num_nodes).map_err(usage)?;
    let settings = arguments(args, context)?;
    let wanted = Asked {
        network: context.network(),
        typed: typed.ids().collect(),
        topology: words(shape),
        nodes: args.num_nodes,
        seed: args.seed,
        port_base: args.port_base,
        settings: settings.iter().map(|word| word.to_string_lossy().into_owned()).collect(),
        is_durable: asked.is_some(),
    };
    let (started, shape, graph) = match stored_network::find(&wanted, &data)? {
        Some(Found { stored, shape, graph }) => {
            let resumption = stored_network::resumption(stored, timeout)?;
            (resume(&networks, &resumption, &interrupted)?, shape, graph)
        }
        None => {
            // 32 bits are seeds enough, and short enough to be typed.
            let seed = args.seed.unwrap_or_else(|| clock::seed() >> 32);
            let plan = Plan {
                network: context.network().clone(),
                topology: words(shape),
                seed,
                graph: generate(shape, args.num_nodes, seed).map_err(usage)?,
                port_base: args.port_base,
                executable: own_program()?,
                node_arguments: settings,
                data: asked,
                timeout,
            };
            (start(&networks, &plan, &interrupted)?, shape, plan.graph)
        }
    };
    let Started { manifest, children } = started;
    let plot = if args.plot { Plot::draw(&folder, &graph, &described(shape), out) } else { Ok(Plot::default()) };
    let (plot, failure) = match plot {
        Ok(plot) => (plot, None),
        Err(error) => (Plot::default(), Some(error)),
    };
    let has_hint = out.is_terminal() && !args.foreground && !out.is_quiet();
    let report = Report { adapted: adapted(shape, args), ..Report::new(&manifest, shape, plot, has_hint) };
    let told = out.print(&report).and_then(|()| out.flush());
    if args.foreground {
        if let Some(error) = failure {
            out.note(format_args!("cannot draw its picture: {error}"));
        }
        return stay(&networks, &manifest, told.map(|()| children), &interrupted, out);
    }
    told?;
    let missing =
        |error| CliError::Failed(format!("the network is running, but its picture could not be drawn: {error}"));
    failure.map_or(Ok(()), |error| Err(missing(error)))
}

/// Arguments of each node beside its name, address, network, instance and folder.
fn arguments(args: &Args, context: &Context) -> Result<Vec<OsString>, CliError> {
    let (behaviour, bounds) = (args.behaviour.arguments(), args.bounds.arguments());
    let logging = args.logging.arguments(context.verbosity());
    Ok([behaviour, bounds, logging, metrics_arguments(args)?].concat())
}

/// A folder as nodes find it, which run elsewhere.
fn absolute(path: &Path) -> Result<PathBuf, CliError> {
    path::absolute(path).map_err(|error| CliError::Usage(format!("'{}' is no folder: {error}", path.display())))
}

/// Reason why a network has another degree than usual although none was asked for.
fn adapted(shape: Shape, args: &Args) -> Option<String> {
    let (nodes, usual) = (args.num_nodes, shape::DEGREE_DEFAULT);
    match shape {
        Shape::Random { degree } if args.degree.is_none() && degree != usual => {
            let needs =
                if nodes <= usual { format!("at least {} nodes", usual + 1) } else { "an even number of nodes".into() };
            Some(format!("Using degree {degree}: degree {usual} needs {needs}"))
        }
        _ => None,
    }
}

/// Arguments with which each node serves its metrics: the distance of their ports, which also nodes that are added later can use.
fn metrics_arguments(args: &Args) -> Result<Vec<OsString>, CliError> {
    let Some(base) = args.metrics_base else { return Ok(Vec::new()) };
    let (ports, nodes) = (args.port_base, args.num_nodes);
    if base + nodes > 65_535 {
        return Err(CliError::Usage(format!(
            "the metrics ports of {nodes} nodes from {base} on exceed 65535; choose a lower --metrics"
        )));
    }
    if base.abs_diff(ports) < nodes {
        let text = format!("metrics ports from {base} on overlap node ports from {ports} on; choose another --metrics");
        return Err(CliError::Usage(text));
    }
    Ok(vec!["--metrics-offset".into(), (i64::from(base) - i64::from(ports)).to_string().into()])
}

/// Waits for Ctrl-C and stops the network, or for its end by other hands. Without `children` to stay with, stops it
/// at once: whoever wanted it attached does not look for it in the background.
fn stay(
    networks: &Networks,
    manifest: &Manifest,
    children: Result<Vec<std::process::Child>, CliError>,
    interrupted: &AtomicBool,
    out: &mut Output,
) -> Result<(), CliError> {
    let network = &manifest.network;
    let folder = networks.folder(network);
    // A node that was asked to end says so by its exit code, and is nothing to speak of.
    let on_end = |pid, status: ExitStatus| {
        let is_it = |record: &&NodeRecord| record.process.is_some_and(|process| process.pid == pid);
        if let Some(record) = manifest.nodes.iter().find(is_it).filter(|_| !status.success()) {
            let log = folder.log(&record.node);
            out.note(format_args!("note: node {} has exited ({status}); see its log {}", record.node, log.display()));
        }
    };
    let has_ended = children.and_then(|children| Ok(attend(children, interrupted, on_end)?));
    let mut told = String::new();
    // Another start may have taken the place of ours by now.
    let stopped = stop(networks, network, Some(&manifest.instance), TIMEOUT);
    match (has_ended, stopped) {
        (Err(error), Ok(_) | Err(LaunchError::NoNetwork { .. })) => return Err(error),
        (_, Err(LaunchError::NoNetwork { .. })) => {}
        (Ok(false), Ok(stopped)) => told = stop_network::told(&stopped),
        (_, Err(error)) => return Err(error.into()),
        (Ok(true), Ok(_)) => {
            let logs = folder.nodes();
            let text = format!("all nodes of network '{network}' have exited");
            return Err(CliError::Failed(format!("{text}; see their logs in {}", logs.display())));
        }
    }
    if out.is_json() { Ok(()) } else { out.line(format_args!("Gossip network stopped{told}")) }
}

/// As a user types it.
fn words(shape: Shape) -> String {
    match shape {
        Shape::Random { degree } => format!("random {degree}"),
        Shape::Circular | Shape::Powerlaw => shape.to_string(),
    }
}

/// As people read it.
fn described(shape: Shape) -> String {
    match shape {
        Shape::Random { degree } => format!("random (degree {degree})"),
        Shape::Circular | Shape::Powerlaw => shape.to_string(),
    }
}

impl<'a> Report<'a> {
    fn new(manifest: &'a Manifest, shape: Shape, plot: Plot, has_hint: bool) -> Self {
        let node = |record: &'a NodeRecord| Node {
            node: record.node.as_str(),
            endpoint: record.endpoint.to_string(),
            pid: record.process.map(|process| process.pid),
            peers: record.peers.iter().map(crate::core::id::NodeId::as_str).collect(),
        };
        let degree = if let Shape::Random { degree } = shape { Some(degree) } else { None };
        Self {
            network: manifest.network.as_str(),
            topology: shape.to_string(),
            described: described(shape),
            degree,
            adapted: None,
            seed: manifest.seed,
            instance: manifest.instance.as_str(),
            port_base: manifest.port_base,
            nodes: manifest.nodes.iter().map(node).collect(),
            plot: plot.files,
            drawing: plot.drawing,
            has_hint,
        }
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { network, nodes, described, seed, port_base, .. } = self;
        let (count, first, last) = (nodes.len(), port_base + 1, *port_base as usize + nodes.len());
        write!(f, "Gossip network '{network}' started: {count} nodes, {described}, seed {seed}, ")?;
        write!(f, "on 127.0.0.1:{first}-{last}")?;
        self.adapted.iter().try_for_each(|why| write!(f, "\n{why}"))?;
        if let Some(drawing) = &self.drawing {
            write!(f, "\n\n{}", drawing.trim_end_matches('\n'))?;
        } else if count <= LISTED_MAX {
            let row = |node: &Node<'_>| vec![format!("Gossip-Node-{}", node.node), node.peers.join(", ")];
            let title = vec!["node".to_owned(), "peers".to_owned()];
            let rows: Vec<_> = std::iter::once(title).chain(nodes.iter().map(row)).collect();
            write!(f, "\n\n{}", text::columns("  ", &rows))?;
        }
        if !self.plot.is_empty() {
            f.write_str("\n")?;
        }
        for file in &self.plot {
            write!(f, "\nPicture: {}", file.display())?;
        }
        if self.has_hint {
            let (some, other) = (nodes.first(), nodes.last());
            let [some, other] = [some, other].map(|node| node.map_or("1", |node| node.node));
            write!(f, "\n\nTry 'gossip send-message {some} apple', then 'gossip get-messages {other}'.")?;
        }
        Ok(())
    }
}
