//! Which nodes are asked how they are: those in the record of the network, or those that were named.

use crate::{
    cli::{Context, NodeArgument, error::CliError, text::count},
    clock::Deadline,
    core::{
        id::{NetworkName, NodeId},
        request::NodeStatus,
        stats::Refusal,
    },
    launcher::{Manifest, NodeRecord, require_record, resolve},
    quantity::Time,
    survey::{Home, Survey, Target},
};
use std::{collections::BTreeSet, time::Duration};

/// Time to wait for all nodes together unless told otherwise.
pub const TIMEOUT: Duration = Duration::from_secs(2);

/// Asks the nodes named, or all of the network if none is. Nodes that are named by their addresses alone stand for the
/// network that they belong to: the others are found through their peers. A node that does not answer keeps the others
/// waiting until `timeout`, and no longer.
pub fn take(nodes: &[NodeArgument], context: &Context, timeout: Duration) -> Result<Survey, CliError> {
    let deadline = Deadline::after(timeout);
    let by_address = !nodes.is_empty() && nodes.iter().all(|node| matches!(node, NodeArgument::Address(_)));
    let is_all = nodes.is_empty();
    let targets = if is_all { recorded(&record(context)?) } else { named(nodes, context)? };
    context.detail(format_args!(
        "asking {} at once, waiting up to {}",
        count(targets.len() as u64, "node"),
        Time(timeout)
    ));
    let mut survey = Survey::of(targets, &deadline)?;
    if !is_all {
        survey.said().try_for_each(|status| context.check_network(status))?;
    }
    if by_address {
        check_one(&survey)?;
    }
    if is_all || by_address && survey.said().next().is_some() {
        // Who joined by hand is in no record, but somebody's peer.
        survey.widen(by_address, &deadline)?;
    }
    Ok(survey)
}

/// Refuses addresses of several networks: there is no verdict on them together.
fn check_one(survey: &Survey) -> Result<(), CliError> {
    let Some(first) = survey.said().next() else { return Ok(()) };
    let Some(other) = survey.said().find(|status| !Home::of(first).admits(&Home::of(status))) else { return Ok(()) };
    Err(apart(first, other))
}

/// That two nodes belong to different networks, or to different instances of one name.
pub fn apart(a: &NodeStatus, b: &NodeStatus) -> CliError {
    let (refusal, kind) = match a.network == b.network {
        true => (Refusal::OtherInstance, "instance"),
        false => (Refusal::OtherNetwork, "network"),
    };
    let of = |status: &NodeStatus| match a.network == b.network {
        true => format!("{} of network '{}'", status.instance.as_str(), status.network),
        false => format!("'{}'", status.network),
    };
    let text = format!("node {} belongs to {kind} {}, and node {} to {kind} {}", a.node, of(a), b.node, of(b));
    CliError::Refused { code: refusal.name(), text }
}

/// The network that the nodes belong to.
pub fn network<'a>(survey: &'a Survey, context: &'a Context) -> &'a NetworkName {
    survey.said().next().map_or_else(|| context.network(), |status| &status.network)
}

/// The nodes in the record of a network.
fn recorded(manifest: &Manifest) -> Vec<Target> {
    let alive: BTreeSet<&NodeId> = manifest.alive().map(|node| &node.node).collect();
    let target = |node: &NodeRecord| Target {
        node: Some(node.node.clone()),
        home: Some(home(manifest)),
        endpoint: node.endpoint.clone(),
        is_ours: true,
        has_ended: !alive.contains(&node.node),
    };
    manifest.nodes.iter().map(target).collect()
}

/// Home of the nodes of a record.
pub fn home(manifest: &Manifest) -> Home {
    Home { network: manifest.network.clone(), instance: manifest.instance.clone() }
}

/// The record of the network that commands are about.
pub fn record(context: &Context) -> Result<Manifest, CliError> {
    let networks = context.networks()?;
    let folder = networks.folder(context.network());
    context.detail(format_args!("reading {}", folder.record().display()));
    Ok(require_record(&folder, &networks)?)
}

fn named(arguments: &[NodeArgument], context: &Context) -> Result<Vec<Target>, CliError> {
    let find = |argument: &NodeArgument| match argument {
        NodeArgument::Address(endpoint) => Ok(Target::strange(None, endpoint.clone())),
        NodeArgument::Name(name) => {
            let resolve::Target { node, endpoint, has_ended } =
                resolve::find(&context.networks()?, context.network(), name)?;
            let node = Some(node.unwrap_or_else(|| name.clone()));
            let home = context.networks()?.folder(context.network()).read_record()?.as_ref().map(home);
            Ok(Target { node, home, endpoint, is_ours: true, has_ended })
        }
    };
    arguments.iter().map(find).collect()
}
