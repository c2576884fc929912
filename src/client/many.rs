//! Many nodes at once, from one thread, with one deadline.

use super::{
    connection::{SOCKETS_MAX, understand, unique_id},
    error::ClientError,
};
use crate::{
    core::{endpoint::Endpoint, request::Request},
    transport::{Context, Fan},
    wire::{Decoder, Response, encode},
};
use std::{collections::BTreeSet, time::Duration};

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
    fan.collect(&mut waiting, timeout, |target, parts| {
        results[target] = understand(&mut decoder, &targets[target].0, parts, &id);
        true
    })?;
    Ok(results)
}
