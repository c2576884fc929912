//! One link as the core knows it: its far end, its purpose, and what was asked and suspected over its connection.

use super::{
    dialling::{Dialling, TRIES},
    liveness::Liveness,
    proof::Proof,
    slot_table::SlotTable,
};
use crate::core::{
    capability::Capabilities,
    config::Timing,
    endpoint::Endpoint,
    event::LinkId,
    frame::{Frame, Hashes, Introduction, JoinPriority},
    id::NodeId,
    membership::output::Output,
    neighbours::{LinkRole, MemberState},
    request::PeerInfo,
    slots::Slot,
    time::Mono,
};
use std::time::Duration;

/// Number of greetings that a connection may leave unanswered before it is made anew: the far end may have given our name to
/// another connection.
pub(super) const GREETINGS_MAX: u32 = 5;

/// The longest distance between two times at which a link is opened anew, in doublings of `hello_interval`.
const DOUBLINGS: u32 = 3;

/// The purpose of a link, which its greetings tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Purpose {
    pub(super) role: LinkRole,
    pub(super) priority: JoinPriority,
    /// True if an operator asked for it here, or named its address for this node to join by.
    pub(super) is_named: bool,
    /// True if it answers a greeting.
    pub(super) is_answer: bool,
}

impl Purpose {
    /// The purpose of the link back to a node that greets with this priority. Its own greetings ask for no more than to be accepted by a
    /// node that has a link already.
    pub(super) fn answering(priority: JoinPriority) -> Self {
        let role = match priority {
            JoinPriority::Declared => return Self { is_answer: true, ..Self::default() },
            JoinPriority::Join => LinkRole::Joined,
            JoinPriority::Neighbour | JoinPriority::Needed | JoinPriority::Bridge => LinkRole::Healing,
        };
        let priority = if priority == JoinPriority::Bridge { JoinPriority::Needed } else { JoinPriority::Neighbour };
        Self { role, priority, is_named: false, is_answer: true }
    }

    /// The purpose of a link that an operator asks for here.
    pub(super) fn named() -> Self {
        Self { is_named: true, ..Self::default() }
    }

    pub(super) fn is_declared(&self) -> bool {
        self.role == LinkRole::Declared
    }
}

/// Backoff of a link that is opened anew: the distances between two times grow.
#[derive(Debug, Default)]
pub(super) struct Reopening {
    last: Option<Mono>,
    /// Times in a row.
    count: u32,
}

impl Reopening {
    fn wait(&self, timing: &Timing) -> Duration {
        timing.hello_interval * 2_u32.pow(self.count.min(DOUBLINGS))
    }

    fn is_due(&self, now: Mono, timing: &Timing) -> bool {
        self.last.is_none_or(|last| now.since(last) >= self.wait(timing))
    }

    pub(super) fn note(&mut self, now: Mono, timing: &Timing) {
        // One that has held for longer than the longest distance is as good as new.
        let is_new =
            self.last.is_none_or(|last| now.since(last) > 2 * self.wait(timing).max(timing.hello_interval * 8));
        self.count = if is_new { 0 } else { self.count.saturating_add(1) };
        self.last = Some(now);
    }
}

/// One outgoing connection.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) slot: Slot,
    pub(super) purpose: Purpose,
    /// The times and manner in which it is dialled.
    pub(super) dialling: Dialling,
    /// The address at which it is dialled.
    pub(super) endpoint: Endpoint,
    /// The address at which its far end says that it can be dialled: another spelling of the same, as a rule.
    pub(super) advertised: Option<Endpoint>,
    /// The name that the operator of this node gave with the address: nobody else is to answer there.
    pub(super) expected: Option<NodeId>,
    /// While this node has no instance: when its far end greeted it without one, too, and whether that has the lower name.
    pub(super) caller: Option<(Mono, bool)>,
    /// The time of its first answer that it waits for an instance itself.
    pub(super) unready: Option<Mono>,
    /// The name at its far end: as declared, or as it introduced itself.
    pub(super) node: Option<NodeId>,
    /// The capabilities of its far end.
    pub(super) capabilities: Capabilities,
    pub(super) up: bool,
    /// The time of the next greeting, unless it is up.
    pub(super) next_greeting: Mono,
    /// The time at which it is closed if it is not up by then; a declared link never is.
    pub(super) expires: Option<Mono>,
    /// Greetings since the last answer.
    pub(super) greetings: u32,
    /// Proof that it leads to its far end; of no meaning while it is not up.
    pub(super) proof: Proof,
    /// Its backoff when it is opened anew.
    pub(super) reopening: Reopening,
    /// Since when another node wants the name at its far end, and the link by whose answer it does, if not by a greeting.
    pub(super) contested: Option<(Mono, Option<LinkId>)>,
    /// The time at which its far end was told last that somebody else came under its name.
    pub(super) warned: Option<Mono>,
    /// The time at which its far end was heard last, or at which it was opened.
    pub(super) heard_at: Mono,
    /// The liveness of the far end, once it was met.
    pub(super) liveness: Option<Liveness>,
}

impl Link {
    pub(super) fn new(
        slot: Slot,
        purpose: Purpose,
        node: Option<NodeId>,
        endpoint: Endpoint,
        now: Mono,
        is_trusted: bool,
        timing: &Timing,
    ) -> Self {
        Self {
            slot,
            purpose,
            dialling: Dialling::new(now, is_trusted),
            endpoint,
            advertised: None,
            expected: None,
            caller: None,
            unready: None,
            node,
            capabilities: Capabilities::default(),
            up: false,
            next_greeting: now,
            expires: None,
            greetings: 0,
            proof: Proof::new(now, timing),
            reopening: Reopening::default(),
            contested: None,
            warned: None,
            heard_at: now,
            liveness: None,
        }
    }

    /// True if its far end is at `endpoint`, as dialled or as advertised.
    pub(super) fn leads_to(&self, endpoint: &Endpoint) -> bool {
        self.endpoint == *endpoint || self.advertised.as_ref() == Some(endpoint)
    }

    pub(super) fn is_to(&self, node: &NodeId) -> bool {
        self.node.as_ref() == Some(node)
    }

    pub(super) fn state(&self) -> Option<MemberState> {
        self.liveness.as_ref().map(Liveness::state)
    }

    /// An account of it.
    pub(super) fn describe(&self, round_trip: Option<Duration>) -> PeerInfo {
        let Self { node, endpoint, up, purpose, .. } = self;
        PeerInfo {
            node: node.clone(),
            endpoint: endpoint.clone(),
            up: *up,
            round_trip,
            verdict: self.state(),
            kind: purpose.role,
        }
    }

    /// Somebody declared it.
    pub(super) fn declare(&mut self) {
        let is_named = self.purpose.is_named && self.purpose.is_declared();
        let is_answer = self.purpose.is_answer;
        (self.purpose, self.expires) = (Purpose { is_named, is_answer, ..Purpose::default() }, None);
    }

    /// Forgets what was asked and suspected over a connection that is another one by now.
    pub(super) fn begin_anew(&mut self) {
        (self.contested, self.greetings) = (None, 0);
    }

    /// It is not up, or no more: it is greeted from now on. Says whether it was up.
    pub(super) fn fall(&mut self, now: Mono, timing: &Timing, slots: &mut SlotTable) -> bool {
        let was_up = std::mem::replace(&mut self.up, false);
        if was_up {
            slots.fall(self.slot);
            self.next_greeting = now + timing.hello_interval;
            self.heard_at = now;
            self.dialling.go_on(now, timing);
            // The detector closes it as a rule. It does not if the far end is heard over its own link all the time.
            let wait = timing.hello_interval * TRIES + timing.suspicion * 8;
            self.expires = (!self.purpose.is_declared()).then(|| now + wait);
        }
        was_up
    }

    /// It is up: its greeting was answered. Says whether it was not.
    pub(super) fn rise(&mut self, now: Mono, timing: &Timing, slots: &mut SlotTable) -> bool {
        slots.rise(self.slot, self.capabilities);
        self.expires = None;
        self.proof = Proof::new(now, timing);
        self.dialling.answered();
        !std::mem::replace(&mut self.up, true)
    }

    /// True if it is to be opened anew: it has left too many greetings unanswered, and was not opened a moment ago.
    pub(super) fn is_to_reopen(&self, now: Mono, timing: &Timing) -> bool {
        !self.up && self.greetings >= GREETINGS_MAX && self.reopening.is_due(now, timing)
    }

    /// Asks the far end whether it is there.
    pub(super) fn ping(&mut self, id: LinkId, now: Mono, digest: Option<Hashes>, timing: &Timing) -> Output {
        self.proof.probed(now, timing);
        Output::Send(vec![id], Frame::Ping { token: now.0, digest })
    }

    /// Says HELLO, unless it has no connection.
    pub(super) fn greet(&mut self, id: LinkId, me: &Introduction) -> Option<Output> {
        self.greetings += 1;
        self.dialling.is_open().then(|| Output::Send(vec![id], Frame::Hello(me.clone(), self.purpose.priority)))
    }

    /// The time at which it was greeted last, if that is the one greeting that an answer can belong to.
    pub(super) fn greeted(&self, timing: &Timing) -> Option<Mono> {
        let wait = u64::try_from(timing.hello_interval.as_nanos()).unwrap_or(u64::MAX);
        (self.greetings == 1).then(|| Mono(self.next_greeting.0.saturating_sub(wait)))
    }

    /// True if it is greeted now and then: it has a connection, or may have one, and is not up.
    pub(super) fn is_greeted(&self) -> bool {
        !self.up && self.dialling.is_open()
    }

    /// The time at which something is due.
    pub(super) fn deadline(&self) -> Option<Mono> {
        let greeting = self.is_greeted().then_some(self.next_greeting);
        let is_timed = !self.up && (self.purpose.is_declared() || !self.dialling.is_open());
        let dialling = self.dialling.deadline().filter(|_| is_timed);
        Mono::earliest([greeting, dialling, self.expires, self.patience()])
    }

    /// The time at which silence has lasted long enough for the next step.
    pub(super) fn patience(&self) -> Option<Mono> {
        let life = self.liveness.as_ref().and_then(Liveness::deadline);
        Mono::earliest([self.up.then(|| self.proof.deadline()), life])
    }

    /// All silence so far proves nothing.
    pub(super) fn forgive(&mut self, now: Mono, timing: &Timing) {
        self.proof.forgive(now, timing);
        self.liveness.iter_mut().for_each(|life| life.forgive(now, timing));
    }
}
