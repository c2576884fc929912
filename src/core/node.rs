//! One gossip node as a deterministic state machine: equal inputs at equal times give equal outputs. It takes
//! what happens to the machine that it is for, and answers clients; sockets, clocks and disks belong to whoever drives it.

use super::{
    config::Config,
    event::record::{Condition, LogSeq, Record},
    event::{Input, LinkId, Output, Principal},
    id::{Incarnation, Instance, NetworkName, NodeId},
    membership,
    service::{self, Caller},
    stats::{Counter, Refusal},
    time::{Mono, Now},
};
use disturbed::Disturbed;
use machines::Machines;

mod account;
mod disturbed;
mod machines;
mod requests;

/// A gossip node.
///
/// A turn is one input or several that come together: call [`handle`](Self::handle) for each, with [`Input::Tick`] when
/// [`deadline`](Self::deadline) has passed, and [`flush`](Self::flush) at the end; after each of these calls drain
/// [`poll_output`](Self::poll_output).
#[derive(Debug)]
pub struct Node {
    machines: Machines,
    version: &'static str,
    /// The ability of the log to keep what is submitted.
    log: Condition,
    disturbed: Disturbed,
    pressed: bool,
    instance_unstored: Option<String>,
}

impl Node {
    /// A node at the beginning of the life `incarnation`, which must be stored for good and never have been
    /// used by this name. All that it leaves to chance follows from `seed`. `version` is what it says of the program in its
    /// status.
    pub fn new(config: Config, incarnation: Incarnation, seed: u64, version: &'static str, now: Now) -> Self {
        Self {
            machines: Machines::new(config, incarnation, seed, now),
            version,
            log: Condition::Well,
            disturbed: Disturbed::default(),
            pressed: false,
            instance_unstored: None,
        }
    }

    /// Says whether no link is up.
    pub fn is_alone(&self) -> bool {
        self.machines.membership.neighbours().up_slots().is_empty()
    }

    /// Applies one input; then drain [`poll_output`](Self::poll_output) to `None`.
    /// Never blocks and never fails: stale or hostile input becomes a counter and, where somebody waits for it, a refusal.
    pub fn handle(&mut self, now: Now, input: Input) {
        self.machines.begin();
        match input {
            Input::Arrived { from: Principal::Node(from), frame } => self.machines.on_frame(now, from, frame),
            Input::Arrived { .. } => self.machines.stats.refuse(Refusal::BadIdentity, None),
            Input::Answered { link, answer } => self.machines.on_answer(now, link, answer),
            Input::Requested { client: address, id, request, .. } => {
                self.on_request(now, Caller { address, id }, request);
            }
            Input::Undecodable { sender, refusal, text } => self.machines.on_undecodable(now, sender, refusal, text),
            Input::Writable(link) => self.machines.on_membership(now, membership::Input::Writable(link)),
            Input::Unsent { link, why } => self.machines.on_membership(now, membership::Input::Unsent { link, why }),
            Input::Disconnected(link) => self.machines.on_membership(now, membership::Input::Disconnected(link)),
            Input::Unreplied => self.machines.stats.count(Counter::RepliesDropped, None),
            Input::Pressure(pressed) => self.pressed = pressed,
            Input::Log(condition) => self.log = condition,
            Input::Synced(upto) => self.machines.service.handle(now, service::Input::Synced(upto)),
            Input::Adopted { unstored } => self.instance_unstored = unstored,
            Input::Tick => self.machines.on_tick(now),
        }
        self.machines.settle(now);
    }

    /// Ends a turn: what was submitted in it leaves, and is answered. Then drain [`poll_output`](Self::poll_output) to `None`.
    pub fn flush(&mut self, now: Now) {
        self.machines.begin();
        self.machines.flush(now);
    }

    /// The next thing to do, in order.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.machines.poll_output()
    }

    /// The time at which the node wants a [`Input::Tick`], if nothing else happens before.
    pub fn deadline(&self) -> Option<Mono> {
        self.machines.deadline()
    }

    /// The node that its log tells of, at the beginning of another life. An empty log tells of a new node. Receipts wait until
    /// [`Input::Synced`] says that their records are safe.
    pub fn recover(
        config: Config,
        incarnation: Incarnation,
        seed: u64,
        version: &'static str,
        now: Now,
        records: impl IntoIterator<Item = (LogSeq, Record)>,
    ) -> Self {
        let mut node = Self::new(config, incarnation, seed, version, now);
        node.machines.recover(now, records);
        node
    }

    /// The node that a link leads to, as far as that is known.
    pub fn peer_of(&self, link: LinkId) -> Option<&NodeId> {
        self.machines.membership.neighbours().name_of(link)
    }

    /// Its network.
    pub fn network(&self) -> &NetworkName {
        &self.machines.config.network
    }

    /// The start of it; empty as long as it belongs to none.
    pub fn instance(&self) -> &Instance {
        &self.machines.membership.me().instance
    }

    /// Its name.
    pub fn name(&self) -> &NodeId {
        &self.machines.config.node
    }
}

mod checkpoint;
mod gauge;
mod snapshot;
pub use gauge::Gauge;
pub use snapshot::Snapshot;

#[cfg(test)]
#[path = "node/tests.rs"]
mod tests;
