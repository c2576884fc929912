//! Changes of networks that were started by hand: no record has their nodes, so each is asked at its address.

use crate::{
    cli::{Context, NodeArgument, error::CliError, health::survey},
    client::{Client, ask_all},
    clock::Deadline,
    core::{
        endpoint::Endpoint,
        id::NodeId,
        neighbours::LinkRole,
        request::{NodeStatus, Request},
    },
    launcher::{LaunchError, ranges::ranges, require_record},
    quantity::Time,
    survey::{Home, Overlay, Survey, Target},
    topology::change::is_only_way,
};
use std::time::Duration;

/// Interval at which the two ends of a link are looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Both ends of a link by their addresses, if no record has them.
pub fn ends<'a>(context: &Context, nodes: [&'a NodeArgument; 2]) -> Result<Option<[&'a Endpoint; 2]>, CliError> {
    let [NodeArgument::Address(a), NodeArgument::Address(b)] = nodes else { return Ok(None) };
    Ok((!is_recorded(context, a)? && !is_recorded(context, b)?).then_some([a, b]))
}

/// Returns whether the record of the network has a node at this address.
pub fn is_recorded(context: &Context, endpoint: &Endpoint) -> Result<bool, CliError> {
    let record = context.networks()?.folder(context.network()).read_record()?;
    Ok(record.is_some_and(|manifest| manifest.nodes.iter().any(|node| node.endpoint == *endpoint)))
}

/// Reason why a node that no record has is not restarted from here, and its remedy: only whoever runs on its machine can.
/// `None`: nobody answers there, and the network of the command has a record that says more.
pub fn no_restart(context: &Context, endpoint: &Endpoint, timeout: Duration) -> Option<CliError> {
    let address = endpoint.authority();
    let Ok(state) = Client::connect(endpoint, timeout).and_then(|mut client| client.status()) else {
        let networks = context.networks().ok()?;
        if require_record(&networks.folder(context.network()), &networks).is_ok() {
            return None;
        }
        let text = format!(
            "no node answers at {address}, and none was started there with 'gossip start-network': start it on its \
             machine with 'gossip node --name NAME --bind {address} --join HOST:PORT', with its name and the address of \
             a live node"
        );
        return Some(CliError::Unreachable(text));
    };
    if let Err(error) = context.check_network(&state) {
        return Some(error);
    }
    let NodeStatus { node, network, peers, .. } = &state;
    let join = peers.iter().find(|peer| peer.up).map(|peer| format!(" --join {}", peer.endpoint.authority()));
    let text = format!(
        "node {node} at {address} was not started with 'gossip start-network': stop it with 'gossip remove-node \
         {address}', then start it on its machine with 'gossip node --name {node} --bind {address} --network \
         {network}{}'",
        join.unwrap_or_default()
    );
    Some(CliError::Refused { code: "refused", text })
}

/// Asks all nodes of the network of the node at `via` to stop, and returns when those that answered do so no more.
pub fn stop(context: &Context, via: &Endpoint, timeout: Duration) -> Result<Survey, CliError> {
    let deadline = Deadline::after(timeout);
    let survey = survey::take(&[NodeArgument::Address(via.clone())], context, survey::TIMEOUT.min(timeout / 2))?;
    if survey.said().next().is_none() {
        return Err(CliError::Unreachable(format!("no node answers at {}", via.authority())));
    }
    let questions: Vec<_> = survey.said().map(|state| (state.endpoint.clone(), Request::Stop)).collect();
    ask_all(&questions, deadline.remaining())?.into_iter().try_for_each(|answer| answer.map(drop))?;
    loop {
        let target = |state: &NodeStatus| Target::strange(Some(state.node.clone()), state.endpoint.clone());
        let left = Survey::of(survey.said().map(target).collect(), &deadline.at_most(LOOK))?;
        if left.said().next().is_none() {
            return Ok(survey);
        }
        if !deadline.pause(LOOK) {
            let nodes = ranges(left.said().map(|state| &state.node));
            return Err(CliError::TimedOut(format!("nodes {nodes} still run after {}", Time(timeout))));
        }
    }
}

/// Two nodes of one network, and how long they may take.
struct Ends {
    clients: [Client; 2],
    states: [NodeStatus; 2],
    deadline: Deadline,
    timeout: Duration,
}

impl Ends {
    fn meet(context: &Context, endpoints: [&Endpoint; 2], timeout: Duration) -> Result<Self, CliError> {
        let deadline = Deadline::after(timeout);
        let [a, b] = endpoints.map(|endpoint| Client::connect(endpoint, deadline.remaining()));
        let mut clients = [a?, b?];
        let [a, b] = clients.each_mut().map(Client::status);
        let states = [a?, b?];
        for state in &states {
            context.check_network(state)?;
        }
        let [a, b] = &states;
        if a.node == b.node {
            return Err(LaunchError::SameNode { node: a.node.clone() }.into());
        }
        if !Home::of(a).admits(&Home::of(b)) {
            return Err(survey::apart(a, b));
        }
        Ok(Self { clients, states, deadline, timeout })
    }

    fn names(&self) -> (NodeId, NodeId) {
        let [a, b] = &self.states;
        (a.node.clone(), b.node.clone())
    }

    /// Tells each end something about the other.
    fn tell(&mut self, request: impl Fn(&NodeStatus) -> Request) -> Result<(), CliError> {
        let [a, b] = &self.states;
        let requests = [request(b), request(a)];
        for (client, request) in self.clients.iter_mut().zip(requests) {
            client.tell(&request)?;
        }
        Ok(())
    }

    /// Waits until each end has, or has not, a link to the other.
    fn wait(&mut self, is_linked: bool) -> Result<(), CliError> {
        loop {
            let [a, b] = self.clients.each_mut().map(Client::status);
            self.states = [a?, b?];
            let [a, b] = &self.states;
            let is_so = |one, other| match is_linked {
                true => has_link(one, other, |up, _| up),
                false => !has_link(one, other, |_, _| true),
            };
            if is_so(a, b) && is_so(b, a) {
                return Ok(());
            }
            if !self.deadline.pause(LOOK) {
                let (verb, after) = (if is_linked { "linked" } else { "disconnected" }, self.timeout);
                let reasons: Vec<_> =
                    [(a, b), (b, a)].into_iter().filter_map(|(one, other)| refusals(one, other)).collect();
                let reasons = if reasons.is_empty() { String::new() } else { format!(": {}", reasons.join("; ")) };
                return Err(CliError::TimedOut(format!(
                    "nodes {} and {} are not {verb} after {}{reasons}",
                    a.node,
                    b.node,
                    Time(after)
                )));
            }
        }
    }
}

/// For what reasons a node has refused another.
fn refusals(one: &NodeStatus, other: &NodeStatus) -> Option<String> {
    let counters = one.peer_counters.get(other.node.as_str())?.keys();
    let codes = counters.filter(|name| *name != "refused_by_peer").filter_map(|name| name.strip_prefix("refused_"));
    let codes: Vec<_> = codes.collect();
    (!codes.is_empty()).then(|| format!("node {} has refused node {}: {}", one.node, other.node, codes.join(", ")))
}

/// Returns whether a node has such a link to another; `which` is asked whether it is up, and why it is there.
fn has_link(one: &NodeStatus, other: &NodeStatus, which: impl Fn(bool, LinkRole) -> bool) -> bool {
    one.peers.iter().any(|peer| peer.node.as_ref() == Some(&other.node) && which(peer.up, peer.role))
}

/// Makes two nodes declared peers, and returns when the link is up at both ends.
pub fn connect(context: &Context, endpoints: [&Endpoint; 2], timeout: Duration) -> Result<(NodeId, NodeId), CliError> {
    let mut ends = Ends::meet(context, endpoints, timeout)?;
    let (a, b) = ends.names();
    let is_declared = |up: bool, kind| up && kind == LinkRole::Declared;
    let [one, other] = &ends.states;
    if has_link(one, other, is_declared) && has_link(other, one, is_declared) {
        return Err(LaunchError::Connected { a, b }.into());
    }
    let peer = |other: &NodeStatus| (Some(other.node.clone()), other.endpoint.clone());
    let made = ends.tell(|other| Request::Connect { peers: vec![peer(other)] }).and_then(|()| ends.wait(true));
    if let Err(error) = made {
        // What went wrong first is told.
        let _ = ends.tell(|other| Request::Disconnect { nodes: vec![other.node.clone()] });
        return Err(error);
    }
    Ok((a, b))
}

/// Takes the link between two nodes away, and returns when neither has it. Not if the network would fall apart.
pub fn disconnect(
    context: &Context,
    endpoints: [&Endpoint; 2],
    timeout: Duration,
) -> Result<(NodeId, NodeId), CliError> {
    let mut ends = Ends::meet(context, endpoints, timeout)?;
    let (a, b) = ends.names();
    let [one, other] = &ends.states;
    if !has_link(one, other, |_, _| true) && !has_link(other, one, |_, _| true) {
        let peers = ranges(one.peers.iter().filter_map(|peer| peer.node.as_ref()));
        return Err(LaunchError::NotConnected { a, b, peers }.into());
    }
    let address = NodeArgument::Address(endpoints[0].clone());
    let graph = Overlay::of(&survey::take(&[address], context, ends.deadline.remaining())?)?.graph;
    if let (Some(from), Some(to)) = (graph.index_of(&a), graph.index_of(&b))
        && is_only_way(&graph, from, to)
    {
        return Err(LaunchError::OnlyLink { a, b }.into());
    }
    ends.tell(|other| Request::Disconnect { nodes: vec![other.node.clone()] })?;
    ends.wait(false)?;
    Ok((a, b))
}

/// Removes a node that others of its network are asked about at the address `via`. A dead one is forgotten by its
/// neighbours, which are linked to each other in its place, if that is wanted by `force`.
pub fn remove(
    context: &Context,
    node: &NodeArgument,
    via: &Endpoint,
    force: bool,
    timeout: Duration,
) -> Result<(NodeId, Endpoint), CliError> {
    let deadline = Deadline::after(timeout);
    let survey = survey::take(&[NodeArgument::Address(via.clone())], context, deadline.remaining() / 2)?;
    let states: Vec<&NodeStatus> = survey.said().collect();
    if states.is_empty() {
        return Err(CliError::Unreachable(format!("no node answers at {}", via.authority())));
    }
    let is_meant = |name: Option<&NodeId>, endpoint: &Endpoint| match node {
        NodeArgument::Name(meant) => name == Some(meant),
        NodeArgument::Address(meant) => endpoint == meant,
    };
    if let Some(state) = states.iter().find(|state| is_meant(Some(&state.node), &state.endpoint)) {
        let name = Client::connect(&state.endpoint, deadline.remaining())?.tell(&Request::Remove)?;
        return Ok((name, state.endpoint.clone()));
    }
    let known = states.iter().flat_map(|state| &state.peers).find(|peer| is_meant(peer.node.as_ref(), &peer.endpoint));
    let Some((name, endpoint)) = known.and_then(|peer| Some((peer.node.clone()?, peer.endpoint.clone()))) else {
        let text = format!("no node reachable from {} knows node {node}", via.authority());
        return Err(CliError::Refused { code: "refused", text });
    };
    if !force {
        let text = format!(
            "node {name} does not answer; remove it with 'gossip remove-node {name} --via {} --force'",
            via.authority()
        );
        return Err(CliError::Unreachable(text));
    }
    let knows = |state: &&&NodeStatus| state.peers.iter().any(|peer| peer.node.as_ref() == Some(&name));
    let orphans: Vec<&NodeStatus> = states.iter().filter(knows).copied().collect();
    let mut questions = Vec::new();
    for pair in orphans.chunks_exact(2).filter(|pair| !has_link(pair[0], pair[1], |_, kind| kind == LinkRole::Declared))
    {
        for (one, other) in [(pair[0], pair[1]), (pair[1], pair[0])] {
            let peers = vec![(Some(other.node.clone()), other.endpoint.clone())];
            questions.push((one.endpoint.clone(), Request::Connect { peers }));
        }
    }
    let forget = |state: &&NodeStatus| (state.endpoint.clone(), Request::Disconnect { nodes: vec![name.clone()] });
    for questions in [questions, orphans.iter().map(forget).collect()] {
        for answer in ask_all(&questions, deadline.remaining())? {
            answer?;
        }
    }
    Ok((name, endpoint))
}
