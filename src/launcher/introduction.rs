//! Introduction of nodes that are started: their arguments, and the questions that are asked until all have
//! answered.

use super::{
    error::LaunchError,
    folders::Folder,
    manifest::{Manifest, NodeRecord},
};
use crate::{
    client::{ClientError, ask_all},
    clock::Deadline,
    core::{id::NodeId, request::Request, stats::Refusal},
};
use std::{ffi::OsString, time::Duration};

/// Time to wait for the links before looking after the processes, and whether the user wants to end it all.
/// Doubled each time up to the last, so that the questions that wait in a node stay few.
const FIRST_LOOK: Duration = Duration::from_millis(500);
const LAST_LOOK: Duration = Duration::from_secs(1);

/// Arguments of each node of a network, beside its name and address.
pub(super) fn node_arguments(manifest: &Manifest, folder: &Folder) -> Vec<OsString> {
    let words = ["--network", manifest.network.as_str(), "--instance", manifest.instance.as_str()];
    let state = ["--state".into(), folder.nodes().into()].into_iter().filter(|_| manifest.data.is_none());
    let words = words.map(OsString::from).into_iter().chain(state);
    words.chain(manifest.arguments.iter().map(OsString::from)).collect()
}

/// A request to take these nodes for declared peers.
pub(super) fn connect_to<'n>(manifest: &Manifest, peers: impl IntoIterator<Item = &'n NodeId>) -> Request {
    let address = |peer: &NodeId| manifest.node(peer).map(|record| (Some(peer.clone()), record.endpoint.clone()));
    Request::Connect { peers: peers.into_iter().filter_map(address).collect() }
}

/// Asks every node its question, and those again that have not answered, until all have or time is up: gives those that
/// have not. `check` is called on the way. What is asked must be harmless when it is asked twice.
pub(super) fn ask_until_done<'r>(
    questions: Vec<(&'r NodeRecord, Request)>,
    deadline: &Deadline,
    mut check: impl FnMut() -> Result<(), LaunchError>,
) -> Result<Vec<&'r NodeRecord>, LaunchError> {
    let mut waiting = questions;
    let mut look = FIRST_LOOK;
    loop {
        let targets: Vec<_> =
            waiting.iter().map(|(record, question)| (record.endpoint.clone(), question.clone())).collect();
        let answers = ask_all(&targets, deadline.at_most(look).remaining())?;
        let mut silent = Vec::new();
        for ((record, question), answer) in waiting.into_iter().zip(answers) {
            match answer {
                Ok(_) => {}
                Err(ClientError::TimedOut { .. } | ClientError::Unreachable { .. })
                | Err(ClientError::Refused { refusal: Refusal::NotReady | Refusal::Busy, .. }) => {
                    silent.push((record, question));
                }
                Err(source) => return Err(LaunchError::Node { node: record.node.to_string(), source }),
            }
        }
        check()?;
        if silent.is_empty() || deadline.is_over() {
            return Ok(silent.into_iter().map(|(record, _)| record).collect());
        }
        (waiting, look) = (silent, LAST_LOOK.min(look * 2));
    }
}
