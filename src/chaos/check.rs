//! Looks at a whole network at once: how each node is, in how many parts it is, and whether all have seen the same.

use crate::{
    clock::Deadline,
    core::{endpoint::Endpoint, id::NodeId},
    survey::{Health, Heard, Judgement, Overlay, State, Survey, SurveyError, Target},
};
use std::{collections::BTreeSet, time::Duration};

/// A network at a moment.
#[derive(Debug, Clone)]
pub struct NetworkCheck {
    /// States of the nodes, as every command judges them.
    pub judgement: Judgement,
    /// Nodes that answered, and where.
    pub live: Vec<(NodeId, Endpoint)>,
    /// Parts of the network: nodes with a chain of links that are up at both ends.
    pub parts: Vec<Vec<NodeId>>,
    /// Links that are disturbed by order: who speaks, and who does not hear as usual.
    pub disturbed: BTreeSet<(NodeId, NodeId)>,
    /// True if all that answered have seen the same messages.
    pub is_equal: bool,
}

impl NetworkCheck {
    /// Nodes that run, as far as is known, and did not answer.
    pub fn silent(&self) -> Vec<NodeId> {
        self.judgement.names(State::Silent)
    }

    /// Nodes that answer, and that a live neighbour does not hear.
    pub fn suspect(&self) -> Vec<NodeId> {
        self.judgement.names(State::Suspect)
    }

    /// Returns whether all that run can reach each other.
    pub fn is_one(&self) -> bool {
        self.judgement.health != Health::Split && self.silent().is_empty()
    }
}

/// Asks these nodes for their state, all at once, and those that they have for peers.
pub fn look(nodes: Vec<Target>, timeout: Duration) -> Result<NetworkCheck, SurveyError> {
    let deadline = Deadline::after(timeout);
    let mut survey = Survey::of(nodes, &deadline)?;
    survey.widen(false, &deadline)?;
    let overlay = Overlay::of(&survey)?;
    let pairs = survey.said().flat_map(|status| status.disturbed.iter().map(|other| (&status.node, other)));
    let answered = |heard: &Heard| Some((heard.status()?.node.clone(), heard.endpoint.clone()));
    Ok(NetworkCheck {
        judgement: Judgement::of(&survey, &overlay),
        live: survey.nodes.iter().filter_map(answered).collect(),
        parts: overlay.parts().into_iter().map(|part| part.into_iter().cloned().collect()).collect(),
        disturbed: pairs.map(|(from, to)| (from.clone(), to.clone())).collect(),
        is_equal: survey.is_equal() == Some(true),
    })
}
