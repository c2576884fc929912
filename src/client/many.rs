//! Many nodes at once, from one thread, with one deadline.

use super::{
    connection::{SOCKETS_MAX, understand, unique_id},
    error::ClientError,
};
use crate::{
    clock::Deadline,
    core::{endpoint::Endpoint, request::Request},
    transport::{Context, Fan, Part, RequestError, dial::probe},
    wire::{Decoder, Response, encode},
};
use std::{collections::BTreeSet, time::Duration};

/// Time to wait before looking after those that have not answered yet.
const FIRST_LOOK: Duration = Duration::from_millis(150);
/// Most of them that are looked after, and the time that may take for each: where many are silent, they are busy.
const LOOKED_AFTER_MAX: usize = 64;
const PROBE: Duration = Duration::from_millis(100);

/// Asks each target its question and waits for all replies, at most `timeout`. The results stand in the order of the
/// targets; one that does not answer does not keep the others waiting. At most 2000 targets.
pub fn ask_all(
    targets: &[(Endpoint, Request)],
    timeout: Duration,
) -> Result<Vec<Result<Response, ClientError>>, ClientError> {
    let context = Context::new(SOCKETS_MAX)?;
    let mut fan = Fan::new(&context);
    let mut decoder = Decoder::new(usize::MAX);
    let id = unique_id();
    let mut header = Vec::new();
    for (endpoint, request) in targets {
        header.clear();
        let payload = encode::request(&mut header, &id, request);
        let frames: Vec<&[u8]> = std::iter::once(&header[..]).chain(payload.map(|payload| &**payload)).collect();
        let target = fan.connect(endpoint)?;
        fan.send(target, &frames)?;
    }
    let silent =
        |(endpoint, _): &(Endpoint, Request)| Err(ClientError::TimedOut { endpoint: endpoint.clone(), after: timeout });
    let mut results: Vec<_> = targets.iter().map(silent).collect();
    let mut waiting: BTreeSet<usize> = (0..targets.len()).collect();
    let deadline = Deadline::after(timeout);
    let mut on_reply = |target: usize, parts: &[Part]| {
        results[target] = understand(&mut decoder, &targets[target].0, parts, &id);
        true
    };
    fan.collect(&mut waiting, &deadline.at_most(FIRST_LOOK), &mut on_reply)?;
    let refused =
        if waiting.len() > LOOKED_AFTER_MAX { Vec::new() } else { find_refused(targets, &waiting, &deadline) };
    for (target, _) in &refused {
        waiting.remove(target);
    }
    fan.collect(&mut waiting, &deadline, &mut on_reply)?;
    for (target, error) in refused {
        results[target] = Err(error);
    }
    Ok(results)
}

/// Those where nothing listens, or whose name has no address: libzmq would try again and again and never say so.
fn find_refused(
    targets: &[(Endpoint, Request)],
    silent: &BTreeSet<usize>,
    deadline: &Deadline,
) -> Vec<(usize, ClientError)> {
    let probe = |&target: &usize| {
        let endpoint = &targets[target].0;
        match probe(endpoint, PROBE.min(deadline.remaining())) {
            Err(
                error @ (RequestError::Refused(_) | RequestError::Unreachable { .. } | RequestError::Unresolved { .. }),
            ) => Some((target, ClientError::from_request(endpoint, error))),
            _ => None,
        }
    };
    silent.iter().take_while(|_| !deadline.is_over()).filter_map(probe).collect()
}
