//! A network while it is changed: its record under the lock, its nodes that live, and the links that they have.

use crate::{
    client::ask_all,
    clock::Deadline,
    core::{
        id::{NetworkName, NodeId},
        request::{Reply, Request},
    },
    launcher::{
        error::LaunchError,
        folders::{Folder, Lock, Networks},
        intent::{self, HalfRestarted, require_record},
        introduction::{ask_until_done, connect_to},
        manifest::{Change, ChangeKind, Manifest, NodeRecord, Pair, by_end, pair},
        ranges::{nodes_are, ranges},
        resolve::Target,
        spawn::descriptor_limit,
    },
    topology::Graph,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

/// Interval at which nodes are asked for their links while these come up: at first, and at last.
const FIRST_LOOK: Duration = Duration::from_millis(10);
const LAST_LOOK: Duration = Duration::from_millis(250);
/// Time that a node may take to tell its peers before it is asked again.
const ANSWER: Duration = Duration::from_secs(1);
/// Time that those may take that need not answer.
pub(in super::super) const GLANCE: Duration = Duration::from_millis(300);

/// A network whose lock this command has.
pub(in super::super) struct LockedNetwork<'a> {
    pub(in super::super) folder: Folder,
    pub(in super::super) manifest: Manifest,
    pub(in super::super) deadline: Deadline,
    pub(in super::super) patience: Duration,
    interrupted: Option<&'a AtomicBool>,
    _lock: Lock,
}

impl<'a> LockedNetwork<'a> {
    /// Takes the lock of a network that has a record. All further waits end with `patience`, or when `interrupted` is set.
    pub(in super::super) fn open(
        networks: &Networks,
        network: &NetworkName,
        patience: Duration,
        interrupted: Option<&'a AtomicBool>,
    ) -> Result<Self, LaunchError> {
        let deadline = Deadline::after(patience);
        let folder = networks.folder(network);
        if !folder.path().exists() {
            require_record(&folder, networks)?;
        }
        let lock = folder.lock(&deadline, interrupted)?;
        intent::settle(&folder, &lock, HalfRestarted::Start)?;
        let manifest = require_record(&folder, networks)?;
        // Many sockets at once: as many as the system allows.
        descriptor_limit();
        Ok(Self { folder, manifest, deadline, patience, interrupted, _lock: lock })
    }

    /// Makes a change: what the record says by now is written as what is to be, then it is `act`ed upon, then it holds. If
    /// that cannot be written, nothing is done; if `act` fails, what it did is undone and the record is as it was `before`.
    pub(in super::super) fn carry_out<T>(
        &mut self,
        kind: ChangeKind,
        nodes: Vec<NodeId>,
        before: Manifest,
        act: impl FnOnce(&mut Self) -> Result<T, LaunchError>,
    ) -> Result<T, LaunchError> {
        self.manifest.change = Some(Change { kind, nodes });
        let intended = self.manifest.clone();
        if let Err(error) = self.folder.write_next(&intended) {
            self.manifest = before;
            return Err(error);
        }
        // What was made ends with `made` if it cannot be committed, so before it is undone.
        match act(self).and_then(|made| self.folder.commit().map(|()| made)) {
            Ok(made) => {
                if self.manifest != intended {
                    // Without room for it the processes are found again by their arguments.
                    let _ = self.folder.write_record(&self.manifest);
                }
                Ok(made)
            }
            Err(error) => {
                // What goes wrong now is met again by the next command, which finds what was to be.
                let _ = intent::undo(&self.folder, &before, &self.manifest);
                self.manifest = before;
                Err(error)
            }
        }
    }

    /// Refuses to go on if the user wants to end it.
    pub(in super::super) fn check(&self) -> Result<(), LaunchError> {
        let is_over = self.interrupted.is_some_and(|flag| flag.load(Ordering::Relaxed));
        if is_over { Err(LaunchError::Interrupted) } else { Ok(()) }
    }

    /// The node that is meant: by its name, or as one of the network by its address.
    pub(in super::super) fn node(&self, target: &Target) -> Result<&NodeRecord, LaunchError> {
        let is_it = |record: &&NodeRecord| match &target.node {
            Some(name) => record.node == *name,
            None => record.endpoint == target.endpoint,
        };
        self.manifest.nodes.iter().find(is_it).ok_or_else(|| {
            let (network, known) = (self.manifest.network.clone(), ranges(self.manifest.nodes.iter().map(|r| &r.node)));
            match &target.node {
                Some(node) => LaunchError::NoNode { network, node: node.clone(), known },
                None => LaunchError::Stranger { network, endpoint: target.endpoint.clone(), known },
            }
        })
    }

    /// The node that is meant, which must live.
    pub(in super::super) fn live_node(&self, target: &Target) -> Result<NodeId, LaunchError> {
        let node = self.node(target)?.node.clone();
        if self.is_alive(&node) { Ok(node) } else { Err(LaunchError::Ended { node }) }
    }

    pub(in super::super) fn is_alive(&self, node: &NodeId) -> bool {
        self.manifest.alive().any(|record| record.node == *node)
    }

    /// Those that live, in natural order; at least one.
    pub(in super::super) fn live(&self) -> Result<Vec<NodeId>, LaunchError> {
        let mut live: Vec<NodeId> = self.manifest.alive().map(|record| record.node.clone()).collect();
        live.sort_by(|a, b| a.natural_key().cmp(&b.natural_key()));
        if live.is_empty() {
            return Err(LaunchError::NoneRuns { network: self.manifest.network.clone() });
        }
        Ok(live)
    }

    /// The declared links between these nodes.
    pub(in super::super) fn graph(&self, nodes: &[NodeId]) -> Graph {
        self.manifest.graph(nodes)
    }

    /// Tells each node something, until all have taken it.
    pub(in super::super) fn tell(&self, words: Vec<(NodeId, Request)>) -> Result<(), LaunchError> {
        let record = |(node, request): (NodeId, Request)| Some((self.manifest.node(&node)?, request));
        let questions = words.into_iter().filter_map(record).collect();
        let silent = ask_until_done(questions, &self.deadline, || self.check())?;
        if silent.is_empty() { Ok(()) } else { Err(self.late(silent.into_iter().map(|record| &record.node))) }
    }

    /// Makes all of these links: both ends of each declare it.
    pub(in super::super) fn declare(&self, pairs: &BTreeSet<Pair>) -> Result<(), LaunchError> {
        let words = by_end(pairs).into_iter();
        self.tell(words.map(|(node, peers)| (node, connect_to(&self.manifest, &peers))).collect())
    }

    /// Takes all of these links away, at those of their ends that live.
    pub(in super::super) fn undeclare(&self, pairs: &BTreeSet<Pair>) -> Result<(), LaunchError> {
        let words = by_end(pairs).into_iter().filter(|(node, _)| self.is_alive(node));
        self.tell(words.map(|(node, nodes)| (node, Request::Disconnect { nodes })).collect())
    }

    /// Which of these nodes have a link to each other that is up at both ends; and those that do not answer within `wait`.
    pub(in super::super) fn look(&self, nodes: &[NodeId], wait: Duration) -> Result<(Links, Vec<NodeId>), LaunchError> {
        let endpoint = |node: &NodeId| self.manifest.node(node).map(|record| (record.endpoint.clone(), Request::Peers));
        let targets: Vec<_> = nodes.iter().filter_map(endpoint).collect();
        let (mut links, mut silent) = (Links::default(), Vec::new());
        for (node, answer) in nodes.iter().zip(ask_all(&targets, self.deadline.at_most(wait).remaining())?) {
            let Ok(Reply::Peers(peers)) = answer.map(|response| response.reply) else {
                silent.push(node.clone());
                continue;
            };
            for peer in peers {
                // Before it has answered, a link that was declared by address alone has no name.
                let by_address = || self.manifest.nodes.iter().find(|record| record.endpoint == peer.endpoint);
                let Some(other) = peer.node.or_else(|| by_address().map(|record| record.node.clone())) else {
                    continue;
                };
                links.ends.insert((node.clone(), other), peer.up);
            }
        }
        Ok((links, silent))
    }

    /// The links between these nodes as they are; all must answer.
    pub(in super::super) fn links(&self, nodes: &[NodeId]) -> Result<BTreeSet<Pair>, LaunchError> {
        loop {
            let (links, silent) = self.look(nodes, ANSWER)?;
            if silent.is_empty() {
                return Ok(links.whole());
            }
            self.check()?;
            if self.deadline.is_over() {
                return Err(self.late(&silent));
            }
        }
    }

    /// Waits until some links are up at both ends, and others gone from both. `check` is called on the way.
    pub(in super::super) fn await_links(
        &self,
        present: &BTreeSet<Pair>,
        absent: &BTreeSet<Pair>,
        mut check: impl FnMut() -> Result<(), LaunchError>,
    ) -> Result<(), LaunchError> {
        let ends: BTreeSet<&NodeId> = present.iter().chain(absent).flat_map(|(a, b)| [a, b]).collect();
        let nodes: Vec<NodeId> = ends.into_iter().cloned().collect();
        let mut look = FIRST_LOOK;
        loop {
            let (links, silent) = self.look(&nodes, ANSWER)?;
            let late: Vec<&Pair> = present.iter().filter(|pair| !links.is_whole(pair)).collect();
            let stays = absent.iter().any(|pair| links.is_begun(pair));
            if silent.is_empty() && late.is_empty() && !stays {
                return Ok(());
            }
            self.check()?;
            check()?;
            if !self.deadline.pause(look) {
                let nodes = late.iter().flat_map(|(a, b)| [a, b]).chain(&silent);
                return Err(self.late(nodes.collect::<BTreeSet<_>>()));
            }
            look = LAST_LOOK.min(look * 2);
        }
    }

    /// Takes links into the record that healing made for good, in the places of nodes that were removed.
    pub(in super::super) fn adopt(&mut self) -> Result<(), LaunchError> {
        let orphans: Vec<NodeId> =
            self.manifest.alive().filter(|record| !record.lost.is_empty()).map(|record| record.node.clone()).collect();
        if orphans.len() < 2 {
            return Ok(());
        }
        let (links, _) = self.look(&orphans, GLANCE)?;
        let (mut adopted, before) = (BTreeSet::new(), self.manifest.clone());
        for (a, b) in links.whole() {
            let has_lost = |node: &NodeId| self.manifest.node(node).is_some_and(|record| !record.lost.is_empty());
            if has_lost(&a) && has_lost(&b) && self.manifest.link(&a, &b) {
                for node in [&a, &b] {
                    self.manifest.node_mut(node).map(|record| record.lost.pop());
                }
                adopted.insert((a, b));
            }
        }
        if adopted.is_empty() {
            return Ok(());
        }
        // They may be about to do so themselves; but whoever is started now may bear the name of the one that was removed.
        self.carry_out(ChangeKind::Links, Vec::new(), before, |site| site.declare(&adopted))
    }

    fn late<'n>(&self, nodes: impl IntoIterator<Item = &'n NodeId>) -> LaunchError {
        LaunchError::NotReady { nodes: nodes_are(nodes), after: self.patience, logs: self.folder.nodes() }
    }
}

/// Links as nodes tell them: from whom to whom, and whether each is up.
#[derive(Default)]
pub(in super::super) struct Links {
    ends: BTreeMap<(NodeId, NodeId), bool>,
}

impl Links {
    fn is_up(&self, from: &NodeId, to: &NodeId) -> bool {
        self.ends.get(&(from.clone(), to.clone())) == Some(&true)
    }

    fn is_whole(&self, (a, b): &Pair) -> bool {
        self.is_up(a, b) && self.is_up(b, a)
    }

    /// Returns whether one of the two has a link to the other, up or not.
    fn is_begun(&self, (a, b): &Pair) -> bool {
        self.ends.contains_key(&(a.clone(), b.clone())) || self.ends.contains_key(&(b.clone(), a.clone()))
    }

    pub(in super::super) fn whole(&self) -> BTreeSet<Pair> {
        self.ends.keys().map(|(a, b)| pair(a, b)).filter(|pair| self.is_whole(pair)).collect()
    }
}
