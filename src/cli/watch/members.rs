//! Members that are watched: all nodes of a network, as its record and the nodes themselves name them, or those that were named.

use super::lookout::Sight;
use crate::{
    cli::{Context, NodeArgument, error::CliError, health::survey},
    client::Follower,
    core::{endpoint::Endpoint, id::NodeId},
    launcher::{
        Folder, NodeRecord,
        process::{Life, Process},
        require_record, resolve,
    },
    survey::{Home, State, Target},
};
use std::{collections::BTreeMap, time::Duration};

/// One node that is watched.
pub(super) struct Member {
    pub(super) name: String,
    endpoint: Endpoint,
    process: Option<Process>,
    /// Addresses are watched whatever a record says.
    is_recorded: bool,
    is_member: bool,
}

impl Member {
    /// Returns whether it is watched where a record says that it is.
    fn is_at(&self, record: &NodeRecord) -> bool {
        self.is_member && record.process == self.process && record.endpoint == self.endpoint
    }

    fn has_ended(&self) -> bool {
        self.process.is_some_and(|process| process.life() != Life::Running)
    }
}

/// Change that a look at the record, or at the network, brought.
pub(super) enum Change {
    Added(String),
    Removed(String),
    /// It is there, and cannot be followed: these are too many.
    TooMany(String),
}

/// All that are or were watched, in the order of their numbers at the follower.
pub(super) struct Members {
    all: Vec<Member>,
    /// The record, if it decides who is watched.
    folder: Option<Folder>,
    /// Those that were named; nobody: all nodes.
    named: Vec<NodeId>,
    /// True if all nodes of the network are watched, those as well that come later.
    is_all: bool,
    /// The network, as far as it is known.
    home: Option<Home>,
}

impl Members {
    /// Begins to follow all nodes of the network, or those that were named. `timeout`: how long an address may take to answer.
    pub(super) fn begin(
        arguments: &[NodeArgument],
        context: &Context,
        timeout: Duration,
        follower: &mut Follower,
    ) -> Result<Self, CliError> {
        let mut members =
            Self { all: Vec::new(), folder: None, named: Vec::new(), is_all: arguments.is_empty(), home: None };
        let is_address = |argument: &&NodeArgument| matches!(argument, NodeArgument::Address(_));
        let addresses: Vec<_> = arguments.iter().filter(is_address).cloned().collect();
        // Beside names an address is one node, and not a way to others.
        if addresses.len() == arguments.len() && !addresses.is_empty() {
            members.is_all = true;
            let survey = survey::take(&addresses, context, timeout)?;
            members.home = survey.said().next().map(Home::of);
            // Where somebody else answers the node is not: it is followed once it is seen elsewhere.
            for heard in survey.nodes.into_iter().filter(|heard| !heard.is_elsewhere()) {
                members.add(heard.name, &heard.endpoint, false, follower)?;
            }
        } else {
            for argument in &addresses {
                let NodeArgument::Address(endpoint) = argument else { continue };
                context.check_address(argument, timeout)?;
                members.add(argument.to_string(), endpoint, false, follower)?;
            }
        }
        for name in arguments.iter().filter_map(NodeArgument::name) {
            let found = resolve::find(&context.networks()?, context.network(), name)?;
            members.named.push(found.node.unwrap_or_else(|| name.clone()));
        }
        if arguments.is_empty() || !members.named.is_empty() {
            let networks = context.networks()?;
            let folder = networks.folder(context.network());
            let manifest = require_record(&folder, &networks)?;
            members.folder = Some(folder);
            members.home = Some(survey::home(&manifest));
            members.compare(&manifest.nodes, follower, false)?;
        }
        Ok(members)
    }

    /// Follows one that is in no record.
    fn add(
        &mut self,
        name: String,
        endpoint: &Endpoint,
        from_begin: bool,
        follower: &mut Follower,
    ) -> Result<(), CliError> {
        follower.follow(endpoint, from_begin)?;
        let endpoint = endpoint.clone();
        self.all.push(Member { name, endpoint, process: None, is_recorded: false, is_member: true });
        Ok(())
    }

    /// Looks at the record again, follows who is new in it and forgets who is not in it any more. A record that cannot be read
    /// now says nothing: it will be looked at again.
    pub(super) fn look(&mut self, follower: &mut Follower) -> Result<Vec<Change>, CliError> {
        let Some(folder) = &self.folder else { return Ok(Vec::new()) };
        let nodes = match folder.read_record() {
            Ok(Some(manifest)) => {
                self.home = Some(survey::home(&manifest));
                manifest.nodes
            }
            Ok(None) => Vec::new(),
            Err(_) => return Ok(Vec::new()),
        };
        self.compare(&nodes, follower, true)
    }

    fn compare(
        &mut self,
        records: &[NodeRecord],
        follower: &mut Follower,
        is_later: bool,
    ) -> Result<Vec<Change>, CliError> {
        let wanted = |record: &&NodeRecord| self.named.is_empty() || self.named.contains(&record.node);
        let mut wanted: BTreeMap<_, _> =
            records.iter().filter(wanted).map(|record| (record.node.as_str(), record)).collect();
        let mut changes = Vec::new();
        // Who was found through its peers may be entered in the record later.
        for member in self.all.iter_mut().filter(|member| member.is_member && !member.is_recorded && self.is_all) {
            if let Some(record) = wanted.get(member.name.as_str()).filter(|record| record.endpoint == member.endpoint) {
                (member.is_recorded, member.process) = (true, record.process);
            }
        }
        for (number, member) in self.all.iter_mut().enumerate().filter(|(_, member)| member.is_recorded) {
            match wanted.remove(member.name.as_str()) {
                Some(record) if member.is_at(record) => {}
                Some(record) if member.is_member => {
                    (member.process, member.endpoint) = (record.process, record.endpoint.clone());
                    follower.redial(number, &record.endpoint)?;
                }
                // A name that comes back is a node like any other.
                Some(record) => drop(wanted.insert(record.node.as_str(), record)),
                None if member.is_member => {
                    member.is_member = false;
                    follower.forget(number);
                    changes.push(Change::Removed(member.name.clone()));
                }
                None => {}
            }
        }
        let mut added: Vec<_> = wanted.into_values().collect();
        added.sort_by_key(|record| record.node.natural_key());
        for record in added {
            if !follower.has_room() {
                changes.push(Change::TooMany(record.node.to_string()));
                continue;
            }
            follower.follow(&record.endpoint, is_later)?;
            let name = record.node.to_string();
            if is_later {
                changes.push(Change::Added(name.clone()));
            }
            let (endpoint, process) = (record.endpoint.clone(), record.process);
            self.all.push(Member { name, endpoint, process, is_recorded: true, is_member: true });
        }
        Ok(changes)
    }

    /// The name of a node by its number.
    pub(super) fn name(&self, number: usize) -> &str {
        self.all.get(number).map_or("", |member| &member.name)
    }

    /// Returns whether all nodes of the network are watched.
    pub(super) fn is_all(&self) -> bool {
        self.is_all
    }

    /// Returns whether somebody is to be watched whom a watched node names, and is not.
    pub(super) fn lacks(&self, node: &NodeId) -> bool {
        self.is_all && !self.all.iter().any(|member| member.name == node.as_str())
    }

    /// Whom to ask how the network is.
    pub(super) fn targets(&self) -> Vec<Target> {
        let target = |member: &Member| Target {
            node: NodeId::new(&member.name).ok().filter(|_| member.name != member.endpoint.authority()),
            home: self.home.clone().filter(|_| self.is_all || member.is_recorded),
            endpoint: member.endpoint.clone(),
            is_ours: member.is_recorded,
            has_ended: member.has_ended(),
        };
        self.all.iter().filter(|member| member.is_member).map(target).collect()
    }

    /// Follows those that were seen and are not watched yet, from their beginning on.
    pub(super) fn find(&mut self, sight: &Sight, follower: &mut Follower) -> Result<Vec<Change>, CliError> {
        let mut changes = Vec::new();
        for (node, endpoint) in sight.answered() {
            if !self.lacks(node) || self.all.iter().any(|member| member.is_member && member.endpoint == *endpoint) {
                continue;
            }
            let name = node.to_string();
            if follower.has_room() {
                self.add(name.clone(), endpoint, true, follower)?;
                changes.push(Change::Added(name));
            } else {
                changes.push(Change::TooMany(name));
            }
        }
        Ok(changes)
    }

    /// State of a node that fell silent: as it was seen, if it was.
    pub(super) fn state_of_silent(&self, number: usize, sight: Option<&Sight>) -> State {
        let Some(member) = self.all.get(number) else { return State::Silent };
        let seen = sight.and_then(|sight| sight.state_of(&member.name, &member.endpoint));
        seen.unwrap_or_else(|| if member.has_ended() { State::Down } else { State::Silent })
    }

    /// Number of nodes that are watched now.
    pub(super) fn count(&self) -> usize {
        self.all.iter().filter(|member| member.is_member).count()
    }

    /// Number of those that are watched and have answered.
    pub(super) fn answered(&self, follower: &Follower) -> usize {
        let members = self.all.iter().enumerate().filter(|(_, member)| member.is_member);
        members.filter(|(number, _)| follower.has_answered(*number)).count()
    }

    /// Returns whether nobody can be watched, because each refuses it.
    pub(super) fn all_refuse(&self, follower: &Follower) -> bool {
        let mut members = self.all.iter().enumerate().filter(|(_, member)| member.is_member);
        members.all(|(number, _)| follower.is_refused(number))
    }

    /// Columns that the longest name takes.
    pub(super) fn width(&self) -> usize {
        self.all.iter().map(|member| member.name.chars().count()).max().unwrap_or(0)
    }
}
