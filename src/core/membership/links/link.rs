//! One link as the core knows it: its far end, its purpose, and what was asked and suspected over its connection.

use super::{
    dialling::{Dialling, Reopening, TRIES},
    liveness::Signs,
    purpose::Purpose,
    slot_table::SlotTable,
};
use crate::core::{
    capability::Capabilities,
    config::Timing,
    endpoint::Endpoint,
    event::{Event, LinkId},
    frame::{Frame, Hashes, Introduction},
    id::NodeId,
    membership::output::Output,
    request::PeerInfo,
    rng::Rng,
    slots::Slot,
    time::Mono,
};
use std::time::Duration;

/// Number of greetings that a connection may leave unanswered before it is made anew: the far end may have given our name to
/// another connection.
const GREETINGS_MAX: u32 = 5;

/// One outgoing connection.
#[derive(Debug)]
pub(super) struct Link {
    slot: Slot,
    purpose: Purpose,
    dialling: Dialling,
    /// The address at which it is dialled.
    endpoint: Endpoint,
    /// The address at which its far end says that it can be dialled: another spelling of the same, as a rule.
    advertised: Option<Endpoint>,
    /// The name that the operator of this node gave with the address: nobody else is to answer there.
    expected: Option<NodeId>,
    /// While this node has no instance: the time at which its far end greeted it without one, too, and whether that has the
    /// lower name.
    caller: Option<(Mono, bool)>,
    /// The time of its first answer that it waits for an instance itself.
    unready: Option<Mono>,
    /// The name at its far end: as declared, or as it introduced itself.
    node: Option<NodeId>,
    /// The capabilities of its far end.
    capabilities: Capabilities,
    up: bool,
    /// The time of the next greeting, unless it is up.
    next_greeting: Mono,
    /// The time at which it is closed if it is not up by then; a declared link never is.
    expires: Option<Mono>,
    /// Greetings since the last answer.
    greetings: u32,
    reopening: Reopening,
    /// Since when another node wants the name at its far end, and the link by whose answer it does, if not by a greeting.
    contested: Option<(Mono, Option<LinkId>)>,
    /// The time at which its far end was told last that somebody else came under its name.
    warned: Option<Mono>,
    signs: Signs,
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
            reopening: Reopening::default(),
            contested: None,
            warned: None,
            signs: Signs::new(now, timing),
        }
    }

    pub(super) fn slot(&self) -> Slot {
        self.slot
    }

    pub(super) fn purpose(&self) -> Purpose {
        self.purpose
    }

    pub(super) fn is_declared(&self) -> bool {
        self.purpose.is_declared()
    }

    pub(super) fn dialling(&self) -> &Dialling {
        &self.dialling
    }

    pub(super) fn dialling_mut(&mut self) -> &mut Dialling {
        &mut self.dialling
    }

    /// The address at which it is dialled.
    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The address at which others can dial its far end.
    pub(super) fn advertised(&self) -> &Endpoint {
        self.advertised.as_ref().unwrap_or(&self.endpoint)
    }

    /// The node that an operator of this one named for the address.
    pub(super) fn expected(&self) -> Option<&NodeId> {
        self.expected.as_ref()
    }

    pub(super) fn node(&self) -> Option<&NodeId> {
        self.node.as_ref()
    }

    pub(super) fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    pub(super) fn is_up(&self) -> bool {
        self.up
    }

    /// The signs of life of its far end.
    pub(super) fn signs(&self) -> &Signs {
        &self.signs
    }

    pub(super) fn signs_mut(&mut self) -> &mut Signs {
        &mut self.signs
    }

    /// True if its far end is at `endpoint`, as dialled or as advertised.
    pub(super) fn leads_to(&self, endpoint: &Endpoint) -> bool {
        self.endpoint == *endpoint || self.advertised.as_ref() == Some(endpoint)
    }

    pub(super) fn is_to(&self, node: &NodeId) -> bool {
        self.node.as_ref() == Some(node)
    }

    /// True if it was to come up by now, and is not.
    pub(super) fn is_expired(&self, now: Mono) -> bool {
        self.expires.is_some_and(|end| end <= now)
    }

    /// An account of it.
    pub(super) fn describe(&self, round_trip: Option<Duration>) -> PeerInfo {
        let (node, endpoint) = (self.node.clone(), self.endpoint.clone());
        PeerInfo { node, endpoint, up: self.up, round_trip, state: self.signs.state(), role: self.purpose.role() }
    }

    /// The report that it is down.
    pub(super) fn down(&self) -> Output {
        Output::Notify(Event::LinkDown { node: self.node.clone(), endpoint: self.endpoint.clone() })
    }

    /// Somebody declared it.
    pub(super) fn declare(&mut self) {
        (self.purpose, self.expires) = (self.purpose.as_declared(), None);
    }

    /// An operator asks for it by this address.
    pub(super) fn name(&mut self, endpoint: &Endpoint) {
        self.purpose = self.purpose.as_named();
        if self.endpoint == *endpoint {
            self.dialling.trust();
        }
    }

    /// Nobody else than `node` is to answer over it.
    pub(super) fn expect(&mut self, node: NodeId) {
        self.expected = Some(node);
    }

    /// Its far end has introduced itself by an answer.
    pub(super) fn introduce(&mut self, node: NodeId, advertised: Endpoint, capabilities: Capabilities) {
        self.begin_anew();
        (self.node, self.advertised, self.capabilities) = (Some(node), Some(advertised), capabilities);
    }

    pub(super) fn set_capabilities(&mut self, capabilities: Capabilities) {
        self.capabilities = capabilities;
    }

    /// Its far end is another node from now on: what others keep of its slot is about the former one.
    pub(super) fn change_node(&mut self, id: LinkId, slots: &mut SlotTable) {
        self.slot = slots.change(self.slot, id, self.dialling.is_open());
        self.up = false;
        self.signs.forget();
    }

    /// Another node than was named has answered, which can be dialled at `advertised`: the connection ends after `linger`.
    pub(super) fn turn_away(&mut self, now: Mono, advertised: Endpoint, linger: Duration) {
        self.begin_anew();
        self.advertised = Some(advertised);
        self.dialling.end_at(now + linger);
        self.next_greeting = now + linger * 2;
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
            self.signs.note_fall(now);
            self.dialling.go_on(now, timing);
            // The detector closes it as a rule. It does not if the far end is heard over its own link all the time.
            let wait = timing.hello_interval * TRIES + timing.suspicion * 8;
            self.expires = (!self.is_declared()).then(|| now + wait);
        }
        was_up
    }

    /// It is up: its greeting was answered. Says whether it was not.
    pub(super) fn rise(&mut self, now: Mono, timing: &Timing, slots: &mut SlotTable) -> bool {
        slots.rise(self.slot, self.capabilities);
        self.expires = None;
        self.signs.prove_anew(now, timing);
        self.dialling.answered();
        !std::mem::replace(&mut self.up, true)
    }

    /// Gives it a connection.
    pub(super) fn dial(&mut self, id: LinkId, now: Mono, timing: &Timing) -> Output {
        self.begin_anew();
        self.next_greeting = now + timing.hello_interval;
        let end = self.expires.unwrap_or(now + timing.hello_interval * TRIES);
        self.expires = (!self.is_declared()).then_some(end);
        self.dialling.open(now, timing);
        self.connect(id)
    }

    /// Gives it another connection, and is dialled no longer for that.
    pub(super) fn redial(&mut self, id: LinkId, now: Mono, timing: &Timing) -> [Output; 2] {
        self.begin_anew();
        self.next_greeting = now + timing.hello_interval;
        self.dialling.connect(now);
        [Output::Disconnect(id), self.connect(id)]
    }

    fn connect(&self, id: LinkId) -> Output {
        Output::Connect(id, self.endpoint.clone(), self.dialling.asked())
    }

    /// It has no connection for a while, longer each time.
    pub(super) fn rest(&mut self, now: Mono, timing: &Timing, rng: &mut Rng) {
        self.begin_anew();
        let wait = self.dialling.next_rest(self.purpose.is_named(), timing);
        self.dialling.rest_until(now + rng.about(wait));
    }

    /// It leads nowhere. Says whether it is to be opened anew: its connection is old enough.
    pub(super) fn reopens(&mut self, now: Mono, timing: &Timing) -> bool {
        // It has had its probes in place of greetings.
        self.greetings = GREETINGS_MAX;
        let is_due = self.is_to_reopen(now, timing);
        if is_due {
            self.reopening.note(now, timing);
        }
        is_due
    }

    /// True if it is to be opened anew: it has left too many greetings unanswered, and was not opened a moment ago.
    pub(super) fn is_to_reopen(&self, now: Mono, timing: &Timing) -> bool {
        !self.up && self.greetings >= GREETINGS_MAX && self.reopening.is_due(now, timing)
    }

    /// Says HELLO, unless it has no connection.
    pub(super) fn greet(&mut self, id: LinkId, me: &Introduction) -> Option<Output> {
        self.greetings += 1;
        self.dialling.is_open().then(|| Output::Send(vec![id], Frame::Hello(me.clone(), self.purpose.priority())))
    }

    /// The next greeting is due then.
    pub(super) fn greet_at(&mut self, at: Mono) {
        self.next_greeting = at;
    }

    /// The time at which it was greeted last, if it is down and that is the one greeting that an answer can belong to.
    pub(super) fn greeted(&self, timing: &Timing) -> Option<Mono> {
        let wait = u64::try_from(timing.hello_interval.as_nanos()).unwrap_or(u64::MAX);
        (!self.up && self.greetings == 1).then(|| Mono(self.next_greeting.0.saturating_sub(wait)))
    }

    /// True if it is greeted now and then: it has a connection, or may have one, and is not up.
    pub(super) fn is_greeted(&self) -> bool {
        !self.up && self.dialling.is_open()
    }

    pub(super) fn is_greeting_due(&self, now: Mono) -> bool {
        self.is_greeted() && self.next_greeting <= now
    }

    /// Something it was sent was refused: somebody is there.
    pub(super) fn was_refused(&mut self) {
        self.greetings = 0;
    }

    /// Its far end waits for an instance itself.
    pub(super) fn note_unready(&mut self, now: Mono, timing: &Timing) {
        self.unready.get_or_insert(now);
        self.dialling.go_on(now, timing);
    }

    /// The time of its first answer that it waits for an instance itself.
    pub(super) fn unready(&self) -> Option<Mono> {
        self.unready
    }

    /// Its far end greets while this node has no instance.
    pub(super) fn note_caller(&mut self, now: Mono, is_lower: bool) {
        self.caller = Some((now, is_lower));
    }

    /// True if its far end has the lower name; `None`: it has not greeted within that time.
    pub(super) fn caller(&self, now: Mono, within: Duration) -> Option<bool> {
        let (at, is_lower) = self.caller?;
        (now.since(at) < within).then_some(is_lower)
    }

    /// Since when another node wants the name at its far end.
    pub(super) fn contested(&self) -> Option<Mono> {
        self.contested.map(|(asked, _)| asked)
    }

    /// Another node wants the name at its far end, by its answer over the link `by`, or by a greeting.
    pub(super) fn contest(&mut self, now: Mono, by: Option<LinkId>) {
        self.contested = Some((now, by));
    }

    /// A probe was answered that was sent at `sent`: whoever wanted the name does not get it. Gives the link of that node, if
    /// it did not greet.
    pub(super) fn settle_contest(&mut self, now: Mono, sent: Mono, timing: &Timing) -> Option<Option<LinkId>> {
        let (asked, by) = self.contested.take_if(|(asked, _)| *asked <= sent)?;
        (now.since(asked) < timing.hello_interval).then_some(by)
    }

    /// Says whether its far end is to be warned that somebody else came under its name, and notes that it was.
    pub(super) fn warns(&mut self, now: Mono, timing: &Timing) -> bool {
        let is_due = self.up && self.warned.is_none_or(|at| now.since(at) >= timing.hello_interval);
        self.warned = if is_due { Some(now) } else { self.warned };
        is_due
    }

    /// The time at which something is due.
    pub(super) fn deadline(&self) -> Option<Mono> {
        let greeting = self.is_greeted().then_some(self.next_greeting);
        let is_timed = !self.up && (self.is_declared() || !self.dialling.is_open());
        let dialling = self.dialling.deadline().filter(|_| is_timed);
        Mono::earliest([greeting, dialling, self.expires, self.patience()])
    }

    /// The time at which silence has lasted long enough for the next step.
    pub(super) fn patience(&self) -> Option<Mono> {
        self.signs.deadline(self.up)
    }

    /// Asks the far end whether it is there.
    pub(super) fn ping(&mut self, id: LinkId, now: Mono, digest: Option<Hashes>, timing: &Timing) -> Output {
        self.signs.probed(now, timing);
        Output::Send(vec![id], Frame::Ping { token: now.0, digest })
    }

    /// Its far end has said something, over either link. Says whether a suspicion ends.
    pub(super) fn heard(&mut self, now: Mono, timing: &Timing) -> bool {
        self.signs.heard(now, self.up, timing)
    }
}
