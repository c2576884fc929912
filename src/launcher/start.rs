//! A network is started in one go or not at all: everything that can be known is refused first; then all nodes
//! start and listen, are told their peers, and answer once their links are up.

use super::{
    error::LaunchError,
    folders::{Folder, Networks, stored::StoredNetwork},
    intent::{self, HalfRestarted},
    introduction::{ask_until_done, connect_to, node_arguments},
    manifest::{Manifest, NodeRecord},
    ports::require_free,
    spawn::{SpawnSettings, Spawner, descriptor_limit, descriptors_open},
};
use crate::{
    clock::{self, Clock, Deadline},
    core::{
        endpoint::Endpoint,
        id::{Instance, NetworkName},
        request::Request,
        time::Wall,
    },
    topology::Graph,
};
use std::{
    ffi::OsString,
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
    process::Child,
    sync::atomic::AtomicBool,
    time::Duration,
};

/// Descriptors that a node needs beside its links, and for each link: its socket's, its own connection, its peer's.
const NODE_DESCRIPTORS: u64 = 32;
const LINK_DESCRIPTORS: u64 = 4;
/// Descriptors that the launcher needs beside the nodes, and for each node: a pipe, then a client's socket.
const LAUNCHER_DESCRIPTORS: u64 = 32;
const CHILD_DESCRIPTORS: u64 = 3;
/// A network to be started.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Its name.
    pub network: NetworkName,
    /// The topology as a user types it: `random 3`, `circular`.
    pub topology: String,
    /// Seed of the graph.
    pub seed: u64,
    /// Graph of the nodes and their links.
    pub graph: Graph,
    /// Node N listens on this plus N.
    pub port_base: u32,
    /// The program whose `node` command is one node.
    pub executable: PathBuf,
    /// Arguments for each node beside its name, address, network and instance.
    pub node_arguments: Vec<OsString>,
    /// The folder with the data of its nodes, if they keep any.
    pub data: Option<StoredNetwork>,
    /// Time that the whole start may take.
    pub timeout: Duration,
}

/// A durable network that goes on with its data.
#[derive(Debug, Clone)]
pub struct Resumption {
    /// Its record, as its last run left it.
    pub stored: Manifest,
    /// The program whose `node` command is one node.
    pub executable: PathBuf,
    /// Time that the whole start may take.
    pub timeout: Duration,
}

/// A network that runs.
#[derive(Debug)]
pub struct Started {
    /// Its record.
    pub manifest: Manifest,
    /// Its processes, children of this one. Dropping them lets them run.
    pub children: Vec<Child>,
}

/// Starts a network and returns when every link of it is up. On an error, and when `interrupted` is set meanwhile,
/// nothing is left running and no record is left.
pub fn start(networks: &Networks, plan: &Plan, interrupted: &AtomicBool) -> Result<Started, LaunchError> {
    let manifest = draft(plan)?;
    check_descriptors(&plan.graph)?;
    begin(networks, manifest, &plan.executable, plan.timeout, interrupted)
}

/// Starts a network with the nodes, addresses, links and the instance that its data tell of, in the same way.
pub fn resume(networks: &Networks, resumption: &Resumption, interrupted: &AtomicBool) -> Result<Started, LaunchError> {
    let Resumption { stored, executable, timeout } = resumption;
    let mut manifest = stored.clone();
    manifest.renew_boot();
    manifest.started_at = rfc3339(Clock::new().now().wall);
    manifest.change = None;
    manifest.nodes.iter_mut().for_each(|record| record.process = None);
    begin(networks, manifest, executable, *timeout, interrupted)
}

/// Starts what a record says.
fn begin(
    networks: &Networks,
    mut manifest: Manifest,
    executable: &Path,
    timeout: Duration,
    interrupted: &AtomicBool,
) -> Result<Started, LaunchError> {
    let deadline = Deadline::after(timeout);
    let folder = networks.folder(&manifest.network);
    if !folder.path().exists() {
        // Checked before the folder is made, so that a refusal leaves none; and again once it is locked.
        require_free(networks, &manifest.nodes, &deadline, interrupted)?;
    }
    folder.create()?;
    let lock = folder.lock(&deadline, Some(interrupted))?;
    intent::settle(&folder, &lock, HalfRestarted::Leave)?;
    check_not_running(&folder)?;
    require_free(networks, &manifest.nodes, &deadline, interrupted)?;
    folder.set_aside()?;
    folder.write_record(&manifest)?;
    let raised = raise(executable, timeout, &folder, &mut manifest, &deadline, interrupted);
    match raised {
        Ok(children) => Ok(Started { manifest, children }),
        Err(error) => {
            // The processes are gone; a record that cannot be removed names none that is alive.
            let _ = folder.remove_record();
            Err(error)
        }
    }
}

/// Spawns, waits for all to listen, makes them meet. The children are killed on the way out of an error.
fn raise(
    executable: &Path,
    patience: Duration,
    folder: &Folder,
    manifest: &mut Manifest,
    deadline: &Deadline,
    interrupted: &AtomicBool,
) -> Result<Vec<Child>, LaunchError> {
    let (executable, arguments) = (executable.to_owned(), node_arguments(manifest, folder));
    let data = StoredNetwork::of(manifest);
    let mut spawner = Spawner::new(SpawnSettings { executable, arguments, folder, data, interrupted });
    for record in &mut manifest.nodes {
        record.process = Some(spawner.spawn(&record.node, &record.endpoint)?);
    }
    folder.write_record(manifest)?;
    spawner.await_lines(deadline, patience)?;
    introduce(manifest, &mut spawner, deadline, patience)?;
    spawner.check()?;
    Ok(spawner.release())
}

/// Tells every node its peers, and waits until all links are up.
fn introduce(
    manifest: &Manifest,
    spawner: &mut Spawner<'_>,
    deadline: &Deadline,
    patience: Duration,
) -> Result<(), LaunchError> {
    let connect = manifest.nodes.iter().map(|record| (record, connect_to(manifest, &record.peers)));
    let ready = manifest.nodes.iter().map(|record| (record, Request::Ready));
    for questions in [connect.collect(), ready.collect()] {
        let silent = ask_until_done(questions, deadline, || spawner.check())?;
        if !silent.is_empty() {
            return Err(spawner.not_ready(silent.iter().map(|record| &record.node), patience));
        }
    }
    Ok(())
}

/// The record before anything runs.
fn draft(plan: &Plan) -> Result<Manifest, LaunchError> {
    let graph = &plan.graph;
    let nodes = u32::try_from(graph.node_count()).unwrap_or(u32::MAX);
    let last = plan.port_base.saturating_add(nodes);
    let (Ok(_), Ok(port_base)) = (u16::try_from(last), u16::try_from(plan.port_base)) else {
        return Err(LaunchError::PortRange { port_base: plan.port_base, nodes });
    };
    let mut manifest =
        Manifest::new(plan.network.clone(), new_instance(), plan.topology.clone(), plan.seed, plan.port_base);
    manifest.started_at = rfc3339(Clock::new().now().wall);
    manifest.arguments = plan.node_arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    manifest.data = plan.data.as_ref().map(|data| data.path().to_owned());
    let host = IpAddr::from(Ipv4Addr::LOCALHOST);
    let ports = (1..).map(|number| port_base + number);
    manifest.nodes = graph
        .nodes()
        .iter()
        .zip(ports)
        .enumerate()
        .map(|(index, (node, port))| NodeRecord {
            node: node.clone(),
            endpoint: Endpoint::from_ip(host, port),
            process: None,
            peers: graph.neighbours(index).iter().map(|&peer| graph.nodes()[peer].clone()).collect(),
            lost: Vec::new(),
        })
        .collect();
    Ok(manifest)
}

/// A text that no other start has: processes are told by it.
fn new_instance() -> Instance {
    // 16 hexadecimal digits are an instance.
    format!("{:016x}", clock::seed()).parse().unwrap_or_default()
}

fn rfc3339(at: Wall) -> String {
    let nanos = i64::try_from(at.0).unwrap_or(i64::MAX);
    chrono::DateTime::from_timestamp_nanos(nanos).to_rfc3339_opts(chrono::SecondsFormat::Nanos, true)
}

/// Refuses if the launcher, or the node with most links, would run out of descriptors half-way.
fn check_descriptors(graph: &Graph) -> Result<(), LaunchError> {
    let limit = descriptor_limit();
    let nodes = graph.node_count() as u64;
    let need = LAUNCHER_DESCRIPTORS + descriptors_open() + CHILD_DESCRIPTORS * nodes;
    if need > limit {
        return Err(LaunchError::Descriptors { who: format!("the start of {nodes} nodes"), need, limit });
    }
    let degree = (0..graph.node_count()).map(|index| graph.degree(index) as u64).max().unwrap_or(0);
    let need = NODE_DESCRIPTORS + LINK_DESCRIPTORS * degree;
    if need > limit {
        return Err(LaunchError::Descriptors { who: format!("a node with {degree} peers"), need, limit });
    }
    Ok(())
}

/// Refuses if some process of an earlier start is alive; a record without any is out of date, and removed.
fn check_not_running(folder: &Folder) -> Result<(), LaunchError> {
    let Some(old) = folder.read_record()? else { return Ok(()) };
    let (alive, nodes) = (old.alive().count(), old.nodes.len());
    if alive > 0 {
        return Err(LaunchError::RunsAlready { network: old.network, alive, nodes });
    }
    folder.remove_record()
}

#[cfg(test)]
mod tests;
