//! The whole topology is exchanged: what is new is linked first, and what is gone is parted only when that is up, so that the
//! network is one at all times.

use super::site::LockedNetwork;
use crate::{
    clock,
    core::id::NetworkName,
    launcher::{
        error::LaunchError,
        folders::Networks,
        manifest::{ChangeKind, Manifest, Pair, pair},
    },
    topology::{DegreeBounds, Graph, Metrics, Shape, change::within, generate},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Topology that a network is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// This shape.
    Shape(Shape),
    /// A random graph, of the degree that suits so many nodes as live.
    Random,
    /// As it is, but with all degrees within bounds; either may be left open.
    Within {
        /// The fewest neighbours of a node.
        min: Option<usize>,
        /// The most neighbours of a node.
        max: Option<usize>,
    },
}

/// A network to be restructured.
#[derive(Debug, Clone)]
pub struct Restructuring {
    /// Topology that it is to have.
    pub wanted: Wanted,
    /// The same as a user types it: `random 3`, `degrees 2-5`. Of a random graph the degree is added that it got.
    pub topology: String,
    /// Seed of the graph; `None`: chosen anew.
    pub seed: Option<u64>,
    /// Time that all of it may take.
    pub timeout: Duration,
}

/// A network that was restructured.
#[derive(Debug, Clone)]
pub struct Restructured {
    /// Its record.
    pub manifest: Manifest,
    /// Links that were made.
    pub made: BTreeSet<Pair>,
    /// Links that were taken away, those with nodes that are dead or removed aside.
    pub dropped: BTreeSet<Pair>,
    /// Links between live nodes now.
    pub links: usize,
    /// Degree to number of live nodes that have it, ascending.
    pub degrees: BTreeMap<usize, usize>,
}

/// Gives the live nodes of a network another topology, and returns when its links are up and the others gone. If that fails
/// half-way, all is as it was.
pub fn restructure(
    networks: &Networks,
    network: &NetworkName,
    restructuring: &Restructuring,
) -> Result<Restructured, LaunchError> {
    let mut site = LockedNetwork::open(networks, network, restructuring.timeout, None)?;
    let live = site.live()?;
    // 32 bits are seeds enough, and short enough to be typed.
    let seed = restructuring.seed.unwrap_or_else(|| clock::seed() >> 32);
    site.adopt()?;
    let current = site.links(&live)?;
    let graph = wanted(&site.graph(&live), restructuring.wanted, seed)?;
    let name = |index: usize| &live[index];
    let target: BTreeSet<Pair> = graph.edges().map(|(a, b)| pair(name(a), name(b))).collect();
    let is_declared = |(a, b): &Pair| site.manifest.are_peers(a, b);
    let made: BTreeSet<Pair> = target.iter().filter(|pair| !is_declared(pair)).cloned().collect();
    let recorded = site.manifest.links();
    let dropped: BTreeSet<Pair> = recorded.union(&current).filter(|pair| !target.contains(*pair)).cloned().collect();

    let before = site.manifest.clone();
    let lost: BTreeSet<Pair> =
        before.nodes.iter().flat_map(|one| one.lost.iter().map(|lost| pair(&one.node, lost))).collect();
    for (a, b) in &made {
        site.manifest.link(a, b);
    }
    for (a, b) in &dropped {
        site.manifest.unlink(a, b);
    }
    site.manifest.nodes.iter_mut().for_each(|record| record.lost.clear());
    site.manifest.seed = seed;
    site.manifest.topology = match restructuring.wanted {
        Wanted::Random => format!("{} {}", restructuring.topology, graph.degree(0)),
        _ => restructuring.topology.clone(),
    };
    let is_live = |(a, b): &&Pair| live.contains(a) && live.contains(b);
    let parted: BTreeSet<Pair> = dropped.iter().filter(is_live).cloned().collect();
    site.carry_out(ChangeKind::Links, Vec::new(), before, |site| {
        site.declare(&made)?;
        site.await_links(&made, &BTreeSet::new(), || Ok(()))?;
        site.undeclare(&dropped.union(&lost).cloned().collect())?;
        site.await_links(&BTreeSet::new(), &parted, || Ok(()))
    })?;
    let dropped = parted;
    let Metrics { edges, degrees, .. } = Metrics::of(&graph);
    Ok(Restructured { manifest: site.manifest, made, dropped, links: edges, degrees })
}

fn wanted(current: &Graph, wanted: Wanted, seed: u64) -> Result<Graph, LaunchError> {
    let nodes = current.node_count();
    let count = u32::try_from(nodes).unwrap_or(u32::MAX);
    match wanted {
        Wanted::Shape(shape) => Ok(generate(shape, count, seed)?),
        Wanted::Random => Ok(generate(Shape::random(count), count, seed)?),
        Wanted::Within { min, max } => {
            let max = max.unwrap_or_else(|| nodes.saturating_sub(1).max(min.unwrap_or(1)));
            Ok(within(current, DegreeBounds { min: min.unwrap_or(1), max }, seed)?)
        }
    }
}
