//! `gossip list-networks`.

use crate::{
    cli::{Context, Output, error::CliError, text},
    core::time::Wall,
    launcher::{Folder, Manifest},
};
use chrono::DateTime;
use serde::Serialize;
use std::{collections::BTreeMap, fmt, path::PathBuf};

/// List the networks of this user on this machine, running and stopped
///
/// Reads the records and looks for the processes; no node is asked. To ask the nodes of a network, run 'gossip status
/// --network NAME'. Nodes started with 'gossip node' are in no record, and their processes are counted.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  # Show all networks
  gossip list-networks

  # Print the names of running networks, for a script
  gossip list-networks --json | jq -r '.networks[] | select(.state == \"running\") | .network'")]
pub struct Args {}

/// State of a network, as far as its record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// At least one of its processes runs.
    Running,
    /// It has a record, and none does.
    Down,
    /// It has no record, and a folder with logs, pictures or data.
    Stopped,
    /// Its record cannot be read.
    Damaged,
}

impl State {
    const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Down => "down",
            Self::Stopped => "stopped",
            Self::Damaged => "damaged",
        }
    }
}

#[derive(Serialize)]
struct Report {
    networks: Vec<Network>,
}

#[derive(Serialize)]
struct Network {
    network: String,
    state: State,
    /// Nodes in its record, null without one; and how many processes of nodes run.
    nodes: Option<usize>,
    alive: Option<usize>,
    topology: Option<String>,
    port_base: Option<u32>,
    started_at: Option<String>,
    folder: PathBuf,
}

/// Reads all records and prints what they say.
pub fn run(_: &Args, context: &Context, out: &mut Output) -> Result<(), CliError> {
    let networks = context.networks()?;
    context.detail(format_args!("reading the records in {}", networks.root().display()));
    let counts = networks.count_nodes();
    let mut folders: BTreeMap<_, _> =
        networks.all().into_iter().map(|folder| (folder.network().clone(), folder)).collect();
    for network in counts.keys() {
        folders.entry(network.clone()).or_insert_with(|| networks.folder(network));
    }
    let runs = |folder: &Folder| counts.get(folder.network()).copied().unwrap_or(0);
    // A start that failed before it had anything to keep has left nothing.
    let shown = folders.into_values().filter(|folder| runs(folder) > 0 || !folder.is_bare());
    out.print(&Report { networks: shown.map(|folder| Network::of(&folder, runs(&folder))).collect() })
}

impl Network {
    /// `runs`: how many of its nodes run, in a record or not.
    fn of(folder: &Folder, runs: usize) -> Self {
        let record = folder.read_record();
        let alive = |record: &Manifest| record.alive().count();
        let state = match &record {
            Err(_) => State::Damaged,
            Ok(None) if runs > 0 => State::Running,
            Ok(None) => State::Stopped,
            Ok(Some(record)) if alive(record) > 0 => State::Running,
            Ok(Some(_)) => State::Down,
        };
        let record = record.ok().flatten();
        Self {
            network: folder.network().to_string(),
            state,
            nodes: record.as_ref().map(|record| record.nodes.len()),
            alive: record.as_ref().map(alive).or_else(|| (runs > 0).then_some(runs)),
            topology: record.as_ref().map(|record| record.topology.clone()),
            port_base: record.as_ref().map(|record| record.port_base),
            started_at: record.map(|record| record.started_at),
            folder: folder.path().to_owned(),
        }
    }

    fn row(&self) -> Vec<String> {
        let told = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        let nodes = self.alive.map(|alive| match self.nodes {
            None => format!("{alive} by hand"),
            Some(nodes) if nodes == alive => nodes.to_string(),
            Some(nodes) => format!("{alive} of {nodes}"),
        });
        let ports =
            self.port_base.zip(self.nodes).map(|(base, nodes)| format!("{}-{}", base + 1, base as usize + nodes));
        let started = self.started_at.as_deref().and_then(|time| DateTime::parse_from_rfc3339(time).ok());
        let started = started.and_then(|time| u64::try_from(time.timestamp_nanos_opt()?).ok());
        vec![
            self.network.clone(),
            self.state.name().to_owned(),
            told(nodes),
            text::escape(&told(self.topology.clone())).into_owned(),
            told(ports),
            told(started.map(|at| text::local(Wall(at)))),
            text::escape(&self.folder.display().to_string()).into_owned(),
        ]
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.networks.is_empty() {
            return f.write_str("No networks; start one with 'gossip start-network'");
        }
        let head = ["network", "state", "nodes", "topology", "ports", "started", "folder"].map(str::to_owned).to_vec();
        let rows: Vec<_> = std::iter::once(head).chain(self.networks.iter().map(Network::row)).collect();
        f.write_str(&text::columns("", &rows))
    }
}
