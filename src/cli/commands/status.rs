//! `gossip status`.

use super::account::{Account, Report};
use crate::{
    cli::{Context, NodeArgument, Output, error::CliError},
    client::ask_all,
    core::{
        endpoint::Endpoint,
        request::{NodeStatus, Reply, Request},
    },
    launcher::{Manifest, NodeRecord, error::ranges, resolve},
};
use std::time::Duration;

/// How long to wait for all nodes together unless told otherwise.
pub const TIMEOUT: Duration = Duration::from_secs(2);

/// Show what nodes hold and what they counted
///
/// All nodes of the network, or those named: whether they answer, how many of their links are up, what they keep for
/// reading, and every counter that is not zero. Nothing is dropped or refused without a counter. Exit code 3 if a
/// node does not answer.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  # All nodes of the network
  gossip status

  # Nodes 3 and 4, with what they counted at each peer
  gossip status 3 4 --peers

  # A node of a network that was not started here
  gossip status 10.0.0.7:7004")]
pub struct Args {
    /// Numbers or names of nodes, or addresses host:port [default: all nodes of the network]
    #[arg(value_name = "NODE")]
    nodes: Vec<NodeArgument>,
    /// Show the counters of each peer, too
    #[arg(long)]
    peers: bool,
}

/// A node to ask.
struct Target {
    name: String,
    endpoint: Endpoint,
    /// Whether its process runs, as far as is known: one that ended needs no waiting for.
    is_alive: bool,
    /// Whether it was started here, so that there is a log of it.
    is_ours: bool,
}

/// Asks all at once and prints what they say; then complains of those that said nothing.
pub fn run(args: Args, context: &Context, out: &mut Output) -> Result<(), CliError> {
    let targets = if args.nodes.is_empty() { all_nodes(context)? } else { named_nodes(&args.nodes, context)? };
    let nodes = ask(&targets, context.timeout_or(TIMEOUT))?;
    let report = Report::new(context.network(), nodes, args.peers);
    out.print(&report)?;
    let silent = report.silent();
    if silent.is_empty() {
        return Ok(());
    }
    let (count, all, names) = (silent.len(), targets.len(), ranges(&silent));
    let has_log = targets.iter().any(|target| target.is_ours && silent.iter().any(|node| node.as_str() == target.name));
    let logs = context.networks().ok().filter(|_| has_log).map(|networks| networks.folder(context.network()).nodes());
    let hint = logs.map_or_else(String::new, |logs| format!("; the logs in {} may say why", logs.display()));
    Err(CliError::Unreachable(format!("{count} of {all} nodes did not answer: {names}{hint}")))
}

fn all_nodes(context: &Context) -> Result<Vec<Target>, CliError> {
    let manifest = record(context)?;
    let alive: Vec<_> = manifest.alive().collect();
    Ok(manifest.nodes.iter().map(|node| target(node, &alive)).collect())
}

fn named_nodes(arguments: &[NodeArgument], context: &Context) -> Result<Vec<Target>, CliError> {
    let find = |argument: &NodeArgument| match argument {
        NodeArgument::Address(endpoint) => {
            Ok(Target { name: argument.to_string(), endpoint: endpoint.clone(), is_alive: true, is_ours: false })
        }
        NodeArgument::Name(name) => {
            let found = resolve::find(&context.networks()?, context.network(), name)?;
            let name = found.node.as_ref().unwrap_or(name);
            Ok(Target { name: name.to_string(), endpoint: found.endpoint, is_alive: !found.has_ended, is_ours: true })
        }
    };
    arguments.iter().map(find).collect()
}

fn record(context: &Context) -> Result<Manifest, CliError> {
    let networks = context.networks()?;
    Ok(networks.folder(context.network()).require_record(&networks)?)
}

fn target(node: &NodeRecord, alive: &[&NodeRecord]) -> Target {
    let is_alive = alive.contains(&node);
    Target { name: node.node.to_string(), endpoint: node.endpoint.clone(), is_alive, is_ours: true }
}

fn ask(targets: &[Target], timeout: Duration) -> Result<Vec<Account>, CliError> {
    let alive = targets.iter().filter(|target| target.is_alive);
    let questions: Vec<_> = alive.map(|target| (target.endpoint.clone(), Request::Status)).collect();
    let mut answers = ask_all(&questions, timeout)?.into_iter();
    let account = |target: &Target| {
        let answer = if target.is_alive { answers.next() } else { None };
        let outcome = match answer.map(|answer| answer.map(|response| response.reply)) {
            Some(Ok(Reply::Status(status))) => Ok::<NodeStatus, _>(*status),
            Some(Ok(_)) => Err(CliError::Failed("it does not answer as a gossip node does".into())),
            Some(Err(error)) => Err(error.into()),
            None => Err(CliError::Unreachable("its process has ended".into())),
        };
        Account::new(&target.name, &target.endpoint, outcome)
    };
    Ok(targets.iter().map(account).collect())
}
