//! Clients whose reply must wait: for the log, for the links, or for the farewells of the neighbours.

use crate::core::{
    event::{LinkId, LogSeq, ReturnAddress},
    request::{Reply, RequestId},
    time::Mono,
};
use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

/// Replies in the order of their requests, each until the log is as safe as it says.
///
/// Bounds: a turn of the node syncs once, so at most the submissions of one turn wait.
#[derive(Debug, Default)]
pub struct Unsynced {
    replies: VecDeque<(LogSeq, ReturnAddress, RequestId, Reply)>,
    synced: LogSeq,
}

impl Unsynced {
    /// Lets a reply wait for the record `until`, which may be safe already.
    pub fn push(&mut self, until: LogSeq, client: ReturnAddress, id: RequestId, reply: Reply) {
        self.replies.push_back((until, client, id, reply));
    }

    /// All records up to `upto` are safe.
    pub fn advance(&mut self, upto: LogSeq) {
        self.synced = self.synced.max(upto);
    }

    /// Takes the next reply that waits for nothing any more.
    pub fn take(&mut self) -> Option<(ReturnAddress, RequestId, Reply)> {
        let (_, client, id, reply) = self.replies.pop_front_if(|(until, ..)| *until <= self.synced)?;
        Some((client, id, reply))
    }
}

/// The clients that wait, each with a deadline; at most `waiting_max`, and of one connection `per_client_max`.
#[derive(Debug)]
pub struct Waiting {
    clients: Vec<(Mono, ReturnAddress, RequestId)>,
    waiting_max: usize,
    per_client_max: usize,
    timeout: Duration,
}

impl Waiting {
    /// Nobody.
    pub fn new(waiting_max: usize, per_client_max: usize, timeout: Duration) -> Self {
        Self { clients: Vec::new(), waiting_max, per_client_max, timeout }
    }

    /// Lets a client wait, or gives it back if too many do. One that asks again under a unique id waits once.
    pub fn push(&mut self, now: Mono, client: ReturnAddress, id: RequestId) -> Result<(), (ReturnAddress, RequestId)> {
        if let RequestId::Unique(_) = id
            && let Some(same) = self.clients.iter_mut().find(|(.., other)| *other == id)
        {
            same.1 = client;
            return Ok(());
        }
        let own = self.clients.iter().filter(|(_, other, _)| other.connection() == client.connection()).count();
        if self.clients.len() >= self.waiting_max || own >= self.per_client_max {
            return Err((client, id));
        }
        self.clients.push((now + self.timeout, client, id));
        Ok(())
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    /// Takes all who wait, in the order in which they came.
    pub fn take(&mut self) -> impl Iterator<Item = (ReturnAddress, RequestId)> {
        self.clients.drain(..).map(|(_, client, id)| (client, id))
    }

    /// Takes one whose deadline has passed.
    pub fn take_expired(&mut self, now: Mono) -> Option<(ReturnAddress, RequestId)> {
        let index = self.clients.iter().position(|&(deadline, ..)| deadline <= now)?;
        let (_, client, id) = self.clients.remove(index);
        Some((client, id))
    }

    /// When the first of them has waited long enough.
    pub fn deadline(&self) -> Option<Mono> {
        self.clients.iter().map(|&(deadline, ..)| deadline).min()
    }
}

/// A leave under way.
#[derive(Debug)]
pub struct Departure {
    clients: Vec<(ReturnAddress, RequestId)>,
    due: BTreeSet<LinkId>,
    deadline: Mono,
}

impl Departure {
    /// Begins: the neighbours at these links were told, and `client` wants to know when it is done.
    pub fn new(client: ReturnAddress, id: RequestId, due: BTreeSet<LinkId>, deadline: Mono) -> Self {
        Self { clients: vec![(client, id)], due, deadline }
    }

    /// One more client wants to know, as a rule the same that asks again; of more than a few, the latest.
    pub fn join(&mut self, client: ReturnAddress, id: RequestId) {
        self.clients.truncate(Self::CLIENTS_MAX - 1);
        self.clients.push((client, id));
    }

    /// The neighbour at this link has forgotten us.
    pub fn on_farewell(&mut self, link: LinkId) {
        self.due.remove(&link);
    }

    /// Whether nobody is left to wait for, or no time.
    pub fn is_over(&self, now: Mono) -> bool {
        self.due.is_empty() || self.deadline <= now
    }

    /// When it ends at the latest.
    pub fn deadline(&self) -> Mono {
        self.deadline
    }

    /// Who wants to know.
    pub fn into_clients(self) -> Vec<(ReturnAddress, RequestId)> {
        self.clients
    }

    const CLIENTS_MAX: usize = 8;
}
