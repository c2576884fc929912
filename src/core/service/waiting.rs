//! Clients that wait for all links to be up, each with a deadline; bounded.

use super::caller::Caller;
use crate::core::time::Mono;
use std::time::Duration;

/// The clients that wait, each with a deadline; at most `waiting_max`, and of one connection `per_client_max`.
#[derive(Debug)]
pub(super) struct Waiting {
    clients: Vec<(Mono, Caller)>,
    waiting_max: usize,
    per_client_max: usize,
    timeout: Duration,
}

impl Waiting {
    /// Nobody yet.
    pub(super) fn new(waiting_max: usize, per_client_max: usize, timeout: Duration) -> Self {
        Self { clients: Vec::new(), waiting_max, per_client_max, timeout }
    }

    /// Lets a client wait, or gives it back if too many do. One that asks again under a unique id waits once.
    pub(super) fn push(&mut self, now: Mono, caller: Caller) -> Result<(), Caller> {
        if let Some((_, same)) = self.clients.iter_mut().find(|(_, other)| caller.repeats(other)) {
            *same = caller;
            return Ok(());
        }
        let own = self.clients.iter().filter(|(_, other)| other.connection() == caller.connection()).count();
        if self.clients.len() >= self.waiting_max || own >= self.per_client_max {
            return Err(caller);
        }
        self.clients.push((now + self.timeout, caller));
        Ok(())
    }

    /// Says whether nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    /// Takes all who wait, in the order in which they came.
    pub(super) fn take(&mut self) -> impl Iterator<Item = Caller> {
        self.clients.drain(..).map(|(_, caller)| caller)
    }

    /// Takes one whose deadline has passed.
    pub(super) fn take_expired(&mut self, now: Mono) -> Option<Caller> {
        let index = self.clients.iter().position(|&(deadline, _)| deadline <= now)?;
        Some(self.clients.remove(index).1)
    }

    /// The time at which the first of them has waited long enough.
    pub(super) fn deadline(&self) -> Option<Mono> {
        self.clients.iter().map(|&(deadline, _)| deadline).min()
    }
}
