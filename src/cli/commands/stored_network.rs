//! A network that left data: whether what was typed agrees with it, and how it is started again.

use crate::{
    cli::{context::own_program, error::CliError},
    core::id::NetworkName,
    launcher::{LaunchError, Manifest, Resumption, StoredNetwork, folders::Folder},
    topology::{Graph, Shape},
};
use std::{path::PathBuf, time::Duration};

/// Arguments that do not say what network it is to be.
const AROUND: [&str; 5] = ["plot", "foreground", "durable", "data", "fresh"];
/// Arguments that say what its graph is to be.
const SHAPE: [&str; 5] = ["topology", "degree", "num_nodes", "seed", "port_base"];

/// A network as it was asked for.
pub(super) struct Asked<'a> {
    pub(super) network: &'a NetworkName,
    /// The ids of the arguments that were typed.
    pub(super) typed: Vec<&'a str>,
    pub(super) topology: String,
    pub(super) nodes: u32,
    pub(super) seed: Option<u64>,
    pub(super) port_base: u32,
    /// Arguments of its nodes.
    pub(super) settings: Vec<String>,
    pub(super) is_durable: bool,
}

/// Data that were found, and what they tell of.
pub(super) struct Found {
    pub(super) stored: Manifest,
    /// The shape that its nodes were started in.
    pub(super) shape: Shape,
    /// The links that were declared last.
    pub(super) graph: Graph,
}

/// Sets the data of a network that does not run aside; gives where they are then, if there were any.
pub(super) fn set_aside(folder: &Folder, data: &StoredNetwork) -> Result<Option<PathBuf>, CliError> {
    // A spoilt record tells of no process.
    let alive = data.read().ok().flatten().map_or(0, |stored| stored.alive().count());
    if alive > 0 {
        let nodes = data.read()?.map_or(0, |stored| stored.nodes.len());
        return Err(LaunchError::RunsAlready { network: folder.network().clone(), alive, nodes }.into());
    }
    Ok(data.set_aside()?)
}

/// The network that left the data, if one did; an error if what was typed tells of another one.
pub(super) fn find(asked: &Asked<'_>, data: &StoredNetwork) -> Result<Option<Found>, CliError> {
    let Some(stored) = data.read()? else { return Ok(None) };
    let nodes = u32::try_from(stored.nodes.len()).unwrap_or(u32::MAX);
    let Manifest { network, topology, seed, port_base, arguments, .. } = &stored;
    let refuse = |why: String| {
        let is = format!("'{network}': {nodes} nodes, {topology}, seed {seed}, port base {port_base}");
        let text = format!("{} has the data of network {is}; {why}", data.path().display());
        Err(CliError::Refused { code: "refused", text: format!("{text}, or set the data aside with --fresh") })
    };
    if network != asked.network {
        return refuse(format!("this is network '{}': give it another folder", asked.network));
    }
    let means = |ids: &[&str]| asked.typed.iter().any(|typed| ids.contains(typed));
    let is_plain = asked.typed.iter().all(|typed| AROUND.contains(typed));
    if !asked.is_durable && !is_plain {
        return refuse("without --durable a network keeps its messages in memory: add --durable".into());
    }
    let other = [
        (means(&["topology", "degree"]) && asked.topology != *topology).then(|| asked.topology.clone()),
        (means(&["num_nodes"]) && asked.nodes != nodes).then(|| format!("{} nodes", asked.nodes)),
        asked.seed.filter(|asked| asked != seed).map(|asked| format!("seed {asked}")),
        (means(&["port_base"]) && asked.port_base != *port_base).then(|| format!("port base {}", asked.port_base)),
    ];
    if let Some(asked) = other.into_iter().flatten().next() {
        return refuse(format!("{asked} was asked for: leave that out"));
    }
    let has_settings = asked.typed.iter().any(|typed| !AROUND.contains(typed) && !SHAPE.contains(typed));
    if has_settings && asked.settings != *arguments {
        return refuse(format!("its nodes were started with '{}': leave others out", arguments.join(" ")));
    }
    let names: Vec<_> = stored.nodes.iter().map(|record| record.node.clone()).collect();
    let (shape, graph) = (shape_of(topology, nodes)?, stored.graph(&names));
    Ok(Some(Found { stored, shape, graph }))
}

/// The start of it.
pub(super) fn resumption(stored: Manifest, timeout: Duration) -> Result<Resumption, CliError> {
    Ok(Resumption { stored, executable: own_program()?, timeout })
}

/// The shape that a record names.
fn shape_of(topology: &str, nodes: u32) -> Result<Shape, CliError> {
    let (word, degree) =
        topology.split_once(' ').map_or((topology, None), |(word, degree)| (word, degree.parse().ok()));
    Shape::parse(word, degree, nodes).map_err(|error| CliError::Failed(error.to_string()))
}
