//! Load: untraced messages, submitted to nodes that take them at an even pace by a few threads.

use super::judge::Receipt;
use crate::{
    client::{Client, Clients},
    clock::{Clock, Deadline},
    core::{endpoint::Endpoint, id::NodeId, message::Payload},
};
use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// Threads that submit: a node that answers late holds up only one of them.
pub(super) const THREADS: u64 = 16;
/// Time that a node may take for a receipt. Shorter than the wait before a client would ask again: a node that was killed
/// and started anew in between would take the message twice.
const PATIENCE: Duration = Duration::from_millis(900);
/// Time that a thread may fall behind its pace before it lets messages go: what cannot be submitted is not caught up with.
const BEHIND_MAX: Duration = Duration::from_millis(500);
/// Connections that a thread keeps; beyond, it begins anew.
const CONNECTIONS_MAX: usize = 64;
/// Time to wait where nobody takes messages.
const IDLE: Duration = Duration::from_millis(5);

/// Messages that are submitted, and the nodes that take them.
#[derive(Debug)]
pub struct Load {
    /// Messages a second; 0: none.
    pub rate: u64,
    /// Names the run in the messages.
    pub seed: u64,
    /// Nodes that take messages now.
    takers: Mutex<Vec<(NodeId, Endpoint)>>,
    sent: AtomicU64,
    receipts: Mutex<Vec<Receipt>>,
    is_over: AtomicBool,
}

impl Load {
    /// Messages at this rate, none yet.
    pub fn new(rate: u64, seed: u64) -> Self {
        let (takers, receipts) = (Mutex::default(), Mutex::default());
        Self { rate, seed, takers, sent: AtomicU64::new(0), receipts, is_over: AtomicBool::new(false) }
    }

    /// From now on these take messages.
    pub fn set_takers(&self, takers: Vec<(NodeId, Endpoint)>) {
        *self.takers.lock().unwrap_or_else(PoisonError::into_inner) = takers;
    }

    /// No more messages.
    pub fn end(&self) {
        self.is_over.store(true, Relaxed);
    }

    /// Number of messages that were submitted.
    pub fn sent(&self) -> u64 {
        self.sent.load(Relaxed)
    }

    /// Receipts that have come since this was asked last.
    pub fn take_receipts(&self) -> Vec<Receipt> {
        std::mem::take(&mut *self.receipts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Submits the share of one thread until [`end`](Self::end), each message to the next node in turn. `clock`: of the run.
    pub(super) fn submit(&self, thread: u64, clock: &Clock) {
        let Ok(clients) = Clients::new() else { return };
        let mut known: BTreeMap<NodeId, Client> = BTreeMap::new();
        let begin = clock.now().mono;
        for round in (thread..).step_by(THREADS as usize) {
            let due = Duration::from_nanos(round.saturating_mul(1_000_000_000) / self.rate.max(1));
            let now = clock.now().mono.since(begin);
            Deadline::after(due.saturating_sub(now)).pause(Duration::MAX);
            if self.is_over.load(Relaxed) || self.rate == 0 {
                return;
            }
            if now.saturating_sub(due) > BEHIND_MAX {
                continue;
            }
            let taker = {
                let takers = self.takers.lock().unwrap_or_else(PoisonError::into_inner);
                (!takers.is_empty()).then(|| takers[(round % takers.len() as u64) as usize].clone())
            };
            let Some((node, endpoint)) = taker else {
                Deadline::after(IDLE).pause(IDLE);
                continue;
            };
            self.submit_one(round, &node, &endpoint, &clients, &mut known, clock);
        }
    }

    fn submit_one(
        &self,
        round: u64,
        node: &NodeId,
        endpoint: &Endpoint,
        clients: &Clients,
        known: &mut BTreeMap<NodeId, Client>,
        clock: &Clock,
    ) {
        let client = match known.remove(node) {
            Some(client) => Ok(client),
            None => clients.connect(endpoint, PATIENCE),
        };
        let Ok(mut client) = client else { return };
        self.sent.fetch_add(1, Relaxed);
        let sent = clock.now().mono;
        let text = format!("chaos {} {round}", self.seed);
        // Whoever says nothing may have taken it: what survivors hold of it must be everywhere, too.
        if let Ok(receipt) = client.publish(Payload::from(text.as_bytes()), None) {
            let receipt = Receipt { id: receipt.id, sent, at: clock.now().mono };
            self.receipts.lock().unwrap_or_else(PoisonError::into_inner).push(receipt);
            if known.len() >= CONNECTIONS_MAX {
                known.clear();
            }
            known.insert(node.clone(), client);
        }
    }
}
