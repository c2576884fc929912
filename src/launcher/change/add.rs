//! A node more: chosen a place, started, linked, and seen to be up before the command returns.

use super::site::LockedNetwork;
use crate::{
    core::{
        endpoint::Endpoint,
        id::{NetworkName, NodeId},
    },
    launcher::{
        error::LaunchError,
        folders::{Networks, stored::StoredNetwork},
        introduction::{connect_to, node_arguments},
        manifest::{ChangeKind, Manifest, NodeRecord, Pair, pair},
        ports::{require_free_for, taken_ports},
        resolve::Target,
        spawn::{SpawnSettings, Spawner},
    },
    topology::{
        Shape,
        change::{link_to_split, places, places_by_degree},
        shape::NODES_MAX,
    },
};
use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
    time::Duration,
};

/// Neighbours of a new node where the topology names no number: those of a powerlaw graph, or of none.
const DEGREE: usize = 3;

/// A node to be added.
#[derive(Debug, Clone)]
pub struct Addition {
    /// Its name; `None`: the lowest number that is free.
    pub node: Option<NodeId>,
    /// Its peers; `None`: chosen by the topology.
    pub peers: Option<Vec<Target>>,
    /// The program whose `node` command is one node.
    pub executable: PathBuf,
    /// Time that all of it may take.
    pub timeout: Duration,
}

/// A node that was added.
#[derive(Debug, Clone)]
pub struct Added {
    /// Its record.
    pub record: NodeRecord,
    /// Peers between which it was put: they are peers no more.
    pub split: Option<Pair>,
}

/// Adds a node to a network and returns when the links to its peers are up. On an error it is not left running, and the
/// record is as it was.
pub fn add(
    networks: &Networks,
    network: &NetworkName,
    addition: &Addition,
    interrupted: &AtomicBool,
) -> Result<Added, LaunchError> {
    let mut site = LockedNetwork::open(networks, network, addition.timeout, Some(interrupted))?;
    let live = site.live()?;
    if site.manifest.nodes.len() >= NODES_MAX as usize {
        return Err(LaunchError::Full { network: network.clone(), most: NODES_MAX });
    }
    site.adopt()?;
    let (node, endpoint) = address(&site, addition.node.as_ref())?;
    let place = match &addition.peers {
        Some(targets) => chosen(&site, &node, targets)?,
        None => Place::find(&site, &node, &live),
    };
    let record = NodeRecord { node: node.clone(), endpoint, process: None, peers: Vec::new(), lost: Vec::new() };
    require_free_for(networks, &record, &site.deadline, interrupted)?;
    let before = site.manifest.clone();
    site.manifest.nodes.push(record);
    for peer in &place.peers {
        site.manifest.link(&node, peer);
    }
    let gone = place.clear(&mut site.manifest, &node);
    let raised = site.carry_out(ChangeKind::Add, vec![node.clone()], before, |site| {
        let raised = raise(site, &node, &addition.executable, interrupted)?;
        place.make_way(site, &gone)?;
        Ok(raised)
    })?;
    drop(raised.release());
    let record = site.manifest.node(&node).cloned().ok_or(LaunchError::Ended { node })?;
    Ok(Added { record, split: place.split })
}

/// Starts the process of a node that is in the record, tells it its peers, and waits until the links to those that live are
/// up. Unless it is released, it ends with what is returned.
pub(super) fn raise<'s>(
    site: &mut LockedNetwork<'s>,
    node: &NodeId,
    executable: &Path,
    interrupted: &'s AtomicBool,
) -> Result<Raised, LaunchError> {
    let folder = site.folder.clone();
    let (executable, arguments) = (executable.to_owned(), node_arguments(&site.manifest, &folder));
    let data = StoredNetwork::of(&site.manifest);
    let mut spawner = Spawner::new(SpawnSettings { executable, arguments, folder: &folder, data, interrupted });
    let Some(record) = site.manifest.node_mut(node) else { return Err(LaunchError::Ended { node: node.clone() }) };
    record.process = Some(spawner.spawn(node, &record.endpoint)?);
    let peers = record.peers.clone();
    spawner.await_lines(&site.deadline, site.patience)?;
    site.tell(vec![(node.clone(), connect_to(&site.manifest, &peers))])?;
    let live = peers.iter().filter(|peer| site.is_alive(peer));
    let links = live.map(|peer| pair(node, peer)).collect();
    site.await_links(&links, &BTreeSet::new(), || spawner.check())?;
    Ok(Raised::new(spawner.release()))
}

/// The children of a change that may still fail: they end with this value unless it is released.
#[derive(Debug)]
pub(in super::super) struct Raised(Vec<std::process::Child>);

impl Raised {
    pub(in super::super) fn new(children: Vec<std::process::Child>) -> Self {
        Self(children)
    }

    pub(in super::super) fn release(mut self) -> Vec<std::process::Child> {
        std::mem::take(&mut self.0)
    }
}

impl Drop for Raised {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // It has ended already, then.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The name of a new node and where it is to listen: a number on the port base plus that, a name on the first free port.
fn address(site: &LockedNetwork<'_>, name: Option<&NodeId>) -> Result<(NodeId, Endpoint), LaunchError> {
    let manifest = &site.manifest;
    let is_used = |port: u32| manifest.nodes.iter().any(|record| u32::from(record.endpoint.port()) == port);
    let is_free = |number: &u32| {
        manifest.node(&NodeId::numbered(*number)).is_none() && !is_used(manifest.port_base.saturating_add(*number))
    };
    let node = match name {
        Some(node) => node.clone(),
        None => NodeId::numbered((1..).find(is_free).unwrap_or(u32::MAX)),
    };
    if manifest.node(&node).is_some() {
        return Err(LaunchError::NodeExists { network: manifest.network.clone(), node });
    }
    let host = IpAddr::from(Ipv4Addr::LOCALHOST);
    let number = node.as_str().parse::<u32>().ok().filter(|&number| number > 0 && NodeId::numbered(number) == node);
    if let Some(number) = number {
        let port = manifest.port_base.saturating_add(number);
        let Ok(port) = u16::try_from(port) else { return Err(LaunchError::NodePort { node, port }) };
        if is_used(port.into()) {
            return Err(LaunchError::PortTaken { node, port, by: Some(manifest.network.to_string()) });
        }
        return Ok((node, Endpoint::from_ip(host, port)));
    }
    let first = u16::try_from(manifest.port_base.saturating_add(1)).unwrap_or(u16::MAX);
    for port in (first..=u16::MAX).filter(|&port| !is_used(port.into())) {
        let record = NodeRecord {
            node: node.clone(),
            endpoint: Endpoint::from_ip(host, port),
            process: None,
            peers: Vec::new(),
            lost: Vec::new(),
        };
        if matches!(taken_ports(std::slice::from_ref(&record)), Ok(taken) if taken.is_empty()) {
            return Ok((node, record.endpoint));
        }
    }
    Err(LaunchError::PortTaken { node, port: first, by: None })
}

/// Place of a new node.
pub(super) struct Place {
    pub(super) peers: Vec<NodeId>,
    split: Option<Pair>,
}

/// Peers that were asked for: live ones, each once.
fn chosen(site: &LockedNetwork<'_>, node: &NodeId, targets: &[Target]) -> Result<Place, LaunchError> {
    let mut peers: Vec<NodeId> = Vec::new();
    for target in targets {
        if target.node.as_ref() == Some(node) {
            return Err(LaunchError::SameNode { node: node.clone() });
        }
        let peer = site.live_node(target)?;
        if peers.contains(&peer) {
            return Err(LaunchError::SameNode { node: peer });
        }
        peers.push(peer);
    }
    Ok(Place { peers, split: None })
}

impl Place {
    /// Between two neighbours of a ring; elsewhere with as many peers as the topology says, which have least. What is left to
    /// chance follows from the network's seed and the node's name.
    pub(super) fn find(site: &LockedNetwork<'_>, node: &NodeId, live: &[NodeId]) -> Self {
        let live: Vec<NodeId> = live.iter().filter(|other| *other != node).cloned().collect();
        let graph = site.graph(&live);
        let seed = node
            .as_str()
            .bytes()
            .fold(site.manifest.seed, |seed, byte| (seed ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
        let named = |indexes: Vec<usize>| indexes.into_iter().map(|index| live[index].clone()).collect::<Vec<_>>();
        match shape(&site.manifest.topology) {
            Some(Shape::Circular) => {
                let is_ring = live.len() > 2 && (0..live.len()).all(|index| graph.degree(index) == 2);
                let split = link_to_split(&graph, seed).filter(|_| is_ring);
                let ends = split.map_or_else(|| places(&graph, 2, seed), |(a, b)| vec![a, b]);
                let peers = named(ends);
                // Where the ring is open, healing may close it at the same time.
                let split = match &peers[..] {
                    [a, b] if live.len() > 2 => Some(pair(a, b)),
                    _ => None,
                };
                Self { peers, split }
            }
            Some(Shape::Powerlaw) => Self { peers: named(places_by_degree(&graph, DEGREE, seed)), split: None },
            Some(Shape::Random { degree }) => Self { peers: named(places(&graph, degree as usize, seed)), split: None },
            None => {
                let mean = (2 * graph.edge_count()).checked_div(live.len()).unwrap_or(DEGREE);
                Self { peers: named(places(&graph, mean.max(2), seed)), split: None }
            }
        }
    }

    /// Clears the place of the new node: the link that it is put into goes, and the places of nodes that were removed, which it
    /// takes. The record knows of them no more.
    pub(super) fn clear(&self, manifest: &mut Manifest, node: &NodeId) -> BTreeSet<Pair> {
        let mut gone: BTreeSet<Pair> = self.split.iter().cloned().collect();
        for peer in &self.peers {
            let Some(record) = manifest.node_mut(peer) else { continue };
            if let Some(own) = record.lost.iter().position(|lost| lost == node) {
                // It has the name of the node that was removed, and so its place already.
                record.lost.remove(own);
            } else {
                gone.extend(record.lost.pop().map(|lost| pair(peer, &lost)));
            }
        }
        if let Some((a, b)) = &self.split {
            manifest.unlink(a, b);
        }
        gone
    }

    /// Has it go.
    pub(super) fn make_way(&self, site: &mut LockedNetwork<'_>, gone: &BTreeSet<Pair>) -> Result<(), LaunchError> {
        if gone.is_empty() {
            return Ok(());
        }
        site.undeclare(gone)?;
        site.await_links(&BTreeSet::new(), &self.split.iter().cloned().collect(), || Ok(()))
    }
}

/// The topology of a record, if it is one that has a name.
fn shape(topology: &str) -> Option<Shape> {
    let mut words = topology.split_whitespace();
    let (word, degree) = (words.next()?, words.next().map(str::parse));
    Shape::parse(word, degree.transpose().ok()?, NODES_MAX).ok()
}
