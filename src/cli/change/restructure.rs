//! `gossip restructure`.

use crate::{
    cli::{
        Context, Output,
        error::CliError,
        numbers::{checked_later, whole},
    },
    launcher::change::{Pair, Restructured, Restructuring, Wanted, restructure},
    topology::{Shape, shape::NODES_MAX},
};
use serde::Serialize;
use std::{collections::BTreeMap, fmt, time::Duration};

/// Longest time that all links may take together unless told otherwise.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// Change the topology of a running network
///
/// New links come up before old ones are dropped, so no message is lost. Dead nodes are left out.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  # Turn the default network into a ring
  gossip restructure circular

  # Link each node to 4 others at random
  gossip restructure random 4

  # Change as few links as possible to give every node 3 to 5 peers
  gossip restructure --min-degree 3 --max-degree 5")]
pub struct Args {
    /// Topology: random (each node has DEGREE neighbours), circular (a ring) or powerlaw (few nodes have many links)
    #[arg(value_name = "TOPOLOGY", required_unless_present_any = ["min_degree", "max_degree"])]
    topology: Option<String>,
    /// Neighbours of each node in a random network [default: 3, or 4 for an odd number of nodes]
    #[arg(value_name = "DEGREE", value_parser = checked_later(1, NODES_MAX - 1), allow_negative_numbers = true)]
    degree: Option<u32>,
    /// Add random links until each node has this many peers
    #[arg(long, value_name = "D", value_parser = whole(1, NODES_MAX - 1), allow_negative_numbers = true)]
    #[arg(conflicts_with_all = ["topology", "degree"])]
    min_degree: Option<u32>,
    /// Remove links from nodes that have more peers
    #[arg(long, value_name = "D", value_parser = whole(1, NODES_MAX - 1), allow_negative_numbers = true)]
    #[arg(conflicts_with_all = ["topology", "degree"])]
    max_degree: Option<u32>,
    /// Seed of the random choices; the same seed gives the same topology [default: random]
    #[arg(long, value_name = "S", value_parser = whole(0, u64::MAX), allow_negative_numbers = true)]
    seed: Option<u64>,
}

/// Report on a network that was restructured.
#[derive(Serialize)]
struct Report {
    network: String,
    topology: String,
    seed: u64,
    links: usize,
    made: Vec<(String, String)>,
    dropped: Vec<(String, String)>,
    /// Degree to number of nodes.
    degrees: BTreeMap<usize, usize>,
}

/// Restructures the network.
pub fn run(args: &Args, context: &Context, out: &mut Output) -> Result<(), CliError> {
    let (wanted, topology) = args.wanted()?;
    let (seed, timeout) = (args.seed, context.timeout_or(TIMEOUT));
    let what = Restructuring { wanted, topology, seed, timeout };
    let remedy = "change links of nodes started by hand with 'gossip connect' and 'gossip disconnect'";
    let Restructured { manifest, made, dropped, links, degrees } =
        restructure(&context.recorded(remedy)?, context.network(), &what)?;
    let names = |pairs: std::collections::BTreeSet<Pair>| {
        let mut pairs: Vec<_> = pairs.into_iter().collect();
        pairs.sort_by(|x, y| (x.0.natural_key(), x.1.natural_key()).cmp(&(y.0.natural_key(), y.1.natural_key())));
        pairs.into_iter().map(|(a, b)| (a.to_string(), b.to_string())).collect()
    };
    out.print(&Report {
        network: manifest.network.to_string(),
        topology: manifest.topology,
        seed: manifest.seed,
        links,
        made: names(made),
        dropped: names(dropped),
        degrees,
    })
}

impl Args {
    /// Topology that the network is to have, and the same as it is typed.
    fn wanted(&self) -> Result<(Wanted, String), CliError> {
        let Some(word) = &self.topology else {
            let size = |degree: Option<u32>| degree.map(|degree| degree as usize);
            let wanted = Wanted::Within { min: size(self.min_degree), max: size(self.max_degree) };
            let topology = match (self.min_degree, self.max_degree) {
                (Some(min), Some(max)) => format!("degrees {min}-{max}"),
                (Some(min), None) => format!("degrees {min}-"),
                (None, max) => format!("degrees 1-{}", max.unwrap_or(1)),
            };
            return Ok((wanted, topology));
        };
        let shape = Shape::parse(word, self.degree, NODES_MAX).map_err(|error| CliError::Usage(error.to_string()))?;
        Ok(match (shape, self.degree) {
            (Shape::Random { .. }, None) => (Wanted::Random, shape.to_string()),
            (Shape::Random { degree }, Some(_)) => (Wanted::Shape(shape), format!("random {degree}")),
            (Shape::Circular | Shape::Powerlaw, _) => (Wanted::Shape(shape), shape.to_string()),
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { network, topology, seed, links, made, dropped, degrees } = self;
        let count = |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
        write!(f, "Gossip network '{network}' restructured: {topology}, seed {seed}\n\n")?;
        write!(f, "  {}: {} made, {} dropped", count(*links, "link"), made.len(), dropped.len())?;
        for (degree, nodes) in degrees {
            let noun = if *degree == 1 { "peer" } else { "peers" };
            write!(f, "\n  {} with {degree} {noun}", count(*nodes, "node"))?;
        }
        Ok(())
    }
}
