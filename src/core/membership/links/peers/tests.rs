//! The peer table by itself: join priorities, roles, disconnects, states; and that its indices agree whatever happens.

use super::*;
use crate::core::{
    capability::Capabilities,
    config::{Broadcast, Limits, Protocol},
    event::record::Level,
    event::{Dial, Event},
    frame::{Answer, DisconnectReason, Frame, Hashes, LifeSeen},
    id::Instance,
    membership::links::{
        detector::FailureDetector,
        dialler::UNPROVEN_MAX,
        handshake::{Greeting, Handshake},
    },
    slots::{Slot, Slots},
    stats::{Counter, Stats},
};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Hashes of all that was seen.
const HASHES: Hashes = Hashes { seen: 9, given_up: 0 };
fn name(index: u32) -> NodeId {
    NodeId::numbered(index + 1)
}

fn endpoint(index: u32) -> Endpoint {
    format!("10.0.0.1:{}", 7001 + index).parse().unwrap()
}

fn member(index: u32) -> Member {
    Member { node: name(index), endpoint: endpoint(index) }
}

fn introduction(index: u32, life: u64, words: &[&str]) -> Introduction {
    Introduction {
        node: name(index),
        endpoint: endpoint(index),
        network: "test".parse().unwrap(),
        instance: Instance::default(),
        incarnation: Incarnation(life),
        capabilities: words.iter().map(|&word| word.to_owned()).collect(),
        payload_len_max: None,
    }
}

const ALL: &[&str] = &["trace", "tree", "repair", "overlay", "future"];
const HEALING: LinkRole = LinkRole::Healing;

/// A peer table with what surrounds it.
struct Table {
    peers: Peers,
    handshake: Handshake,
    detector: FailureDetector,
    stats: Stats,
    now: Mono,
}

impl Table {
    fn new(peers_max: usize) -> Self {
        let limits = Limits { peers_max, ..Limits::default() };
        let config = Config {
            node: name(0),
            endpoint: endpoint(0),
            network: "test".parse().unwrap(),
            instance: "one".parse().unwrap(),
            protocol: Protocol::default(),
            level: Level::Memory,
            limits,
        };
        let peers = Peers::new(&config, Incarnation(1), 7);
        let (handshake, detector) =
            (Handshake::new(config.protocol.timing), FailureDetector::new(config.protocol.timing));
        Self { peers, handshake, detector, stats: Stats::new(8), now: Mono(0) }
    }

    fn after(&mut self, millis: u64) -> &mut Self {
        self.now = self.now + Duration::from_millis(millis);
        self
    }

    fn outputs(&mut self) -> Vec<Output> {
        let mut outputs = Vec::new();
        while let Some(output) = self.peers.poll_output() {
            match output {
                Output::Count(counter, peer) => self.stats.count(counter, peer.as_ref()),
                Output::CountRefusal(refusal, peer) => self.stats.refuse(refusal, peer.as_ref()),
                output => outputs.push(output),
            }
        }
        outputs
    }

    fn hello(&mut self, index: u32, priority: JoinPriority, vacancy: bool) -> Vec<Output> {
        let greeting = Greeting { hello: introduction(index, 1, ALL), priority, vacancy, seen: None };
        self.handshake.on_hello(&mut self.peers, self.now, &name(index), greeting);
        self.outputs()
    }

    fn welcome(&mut self, link: u32, index: u32) -> Vec<Output> {
        let welcome = introduction(index, 1, ALL);
        self.handshake.on_welcome(&mut self.peers, self.now, LinkId(link), welcome, None);
        self.outputs()
    }

    fn declare(&mut self, index: u32) -> Vec<Output> {
        let peers = vec![(Some(name(index)), endpoint(index))];
        self.handshake.declare(&mut self.peers, self.now, peers).unwrap();
        self.outputs()
    }

    fn part(&mut self, index: u32, reason: DisconnectReason) {
        if reason == DisconnectReason::Undeclared {
            self.handshake.note_undeclared(&self.peers, self.now, &name(index));
        }
        self.peers.disconnect(self.now, &name(index), reason);
    }

    fn seek(&mut self, index: u32, priority: JoinPriority, role: LinkRole) -> bool {
        let sought = self.peers.seek(self.now, &member(index), priority, role);
        self.outputs();
        sought
    }

    fn tick(&mut self) -> Vec<Output> {
        self.detector.on_tick(&mut self.peers, self.now, Some(HASHES));
        self.outputs()
    }

    /// Ticks at each deadline up to so many milliseconds from now.
    fn pass(&mut self, millis: u64) -> Vec<Output> {
        let (end, mut all) = (self.now + Duration::from_millis(millis), Vec::new());
        while let Some(due) = self.peers.deadline().filter(|&due| due <= end) {
            self.now = self.now.max(due);
            all.extend(self.tick());
        }
        self.now = end;
        all
    }

    fn pong(&mut self, link: u32, sent: Mono) {
        self.detector.on_pong(&mut self.peers, self.now, LinkId(link), sent.0);
        self.detector.answered(&mut self.peers, self.now, LinkId(link));
    }

    fn refuse(&mut self, link: u32, code: &str) -> Vec<Output> {
        self.handshake.on_refuse(&mut self.peers, self.now, LinkId(link), code.into(), String::new());
        self.outputs()
    }

    fn states(&mut self) -> Vec<(NodeId, MemberState)> {
        self.peers.take_state_changes().into_iter().map(|judged| (judged.node, judged.state)).collect()
    }

    fn role(&self, index: u32) -> Option<LinkRole> {
        Some(self.peers.peer(self.peers.neighbours().slot_of(&name(index))?)?.role)
    }
}

fn priorities(outputs: &[Output]) -> Vec<JoinPriority> {
    let priority = |output: &Output| match output {
        Output::Send(_, Frame::Hello(_, priority)) => Some(*priority),
        _ => None,
    };
    outputs.iter().filter_map(priority).collect()
}

fn is_refused(outputs: &[Output], why: Refusal) -> bool {
    outputs.iter().any(|output| matches!(output, Output::Answer(_, Answer::Refuse { code, .. }) if code == why.name()))
}

fn slots(slots: &Slots) -> Vec<u16> {
    slots.iter().map(|slot| slot.0).collect()
}

#[test]
fn a_sought_link_repeats_its_priority_until_it_is_up() {
    let mut table = Table::new(8);
    assert!(table.seek(1, JoinPriority::Needed, HEALING));
    assert!(
        !table.seek(1, JoinPriority::Needed, HEALING) && !table.seek(0, JoinPriority::Join, LinkRole::Joined),
        "known, and itself"
    );
    table.handshake.on_writable(&mut table.peers, table.now, LinkId(0));
    let mut told = table.outputs();
    told.extend(table.pass(2_500));
    assert_eq!(priorities(&told), [JoinPriority::Needed; 3]);
    let seen = LifeSeen { incarnation: Incarnation(4), sequence: 7 };
    let welcome = introduction(1, 1, ALL);
    let told = table.handshake.on_welcome(&mut table.peers, table.now, LinkId(0), welcome, Some(seen));
    assert_eq!(told, Some(seen));
    assert_eq!((table.role(1), slots(&table.peers.take_slot_changes().risen)), (Some(HEALING), vec![0]));
    let probes = table.pass(60_000);
    assert!(matches!(probes[1], Output::Send(_, Frame::Ping { digest: Some(HASHES), .. })), "{probes:?}");
}

#[test]
fn a_sought_link_that_does_not_come_up_is_closed_and_reported() {
    for code in ["no_vacancy", "peers_full", "leaving"] {
        let mut table = Table::new(8);
        table.seek(1, JoinPriority::Neighbour, HEALING);
        let told = table.refuse(0, code);
        assert_eq!(told[0], Output::Disconnect(LinkId(0)));
        let refusal = Refusal::named(code).unwrap();
        assert_eq!(table.peers.take_failed_dials(), [(name(1), DialError::Refused(refusal))]);
        assert_eq!((table.peers.len(), slots(&table.peers.take_slot_changes().freed)), (0, vec![0]));
    }
    let mut table = Table::new(8);
    table.seek(1, JoinPriority::Neighbour, HEALING);
    table.declare(2);
    table.refuse(0, "busy");
    assert_eq!(table.peers.len(), 2, "only the frame was refused");
    assert!(table.pass(3_000).contains(&Output::Disconnect(LinkId(0))));
    assert_eq!(table.peers.take_failed_dials(), [(name(1), DialError::TimedOut)]);
    table.pass(600_000);
    assert_eq!(table.role(2), Some(LinkRole::Declared), "what was declared is greeted for ever");
    table.seek(3, JoinPriority::Neighbour, HEALING);
    table.welcome(2, 4);
    assert_eq!(table.peers.take_failed_dials(), [(name(3), DialError::WrongNode)]);
}

#[test]
fn a_node_without_vacancy_takes_only_who_needs_it_or_is_linked() {
    let mut table = Table::new(8);
    assert!(is_refused(&table.hello(1, JoinPriority::Neighbour, false), Refusal::NoVacancy));
    assert!(!table.peers.is_introduced(&name(1)) && table.peers.is_empty());
    for (index, priority) in [(1, JoinPriority::Declared), (2, JoinPriority::Join), (3, JoinPriority::Needed)] {
        assert!(!is_refused(&table.hello(index, priority, false), Refusal::NoVacancy), "{priority:?}");
    }
    table.seek(4, JoinPriority::Neighbour, HEALING);
    assert!(!is_refused(&table.hello(4, JoinPriority::Neighbour, false), Refusal::NoVacancy), "both sought each other");
    table.hello(5, JoinPriority::Neighbour, true);
    let roles = [1, 2, 3, 4, 5].map(|index| table.role(index).unwrap());
    assert_eq!(roles, [LinkRole::Declared, LinkRole::Joined, HEALING, HEALING, HEALING]);
    table.handshake.on_writable(&mut table.peers, table.now, LinkId(1));
    assert_eq!(priorities(&table.outputs()), [JoinPriority::Neighbour], "who is joined does not join back");
}

#[test]
fn what_somebody_declares_stays_declared() {
    let mut table = Table::new(8);
    table.seek(1, JoinPriority::Neighbour, HEALING);
    table.welcome(0, 1);
    assert_eq!(priorities(&table.declare(1)), [JoinPriority::Declared], "the far end is told");
    table.seek(2, JoinPriority::Neighbour, HEALING);
    table.hello(2, JoinPriority::Declared, false);
    table.seek(3, JoinPriority::Neighbour, HEALING);
    table.peers.adopt(&name(3));
    assert_eq!(priorities(&table.outputs()), [JoinPriority::Declared], "the far end is told");
    // A node that knows no join priorities says what a declared neighbour says.
    table.seek(4, JoinPriority::Neighbour, HEALING);
    let old = introduction(4, 1, &["trace"]);
    let greeting = Greeting { hello: old, priority: JoinPriority::Declared, vacancy: false, seen: None };
    table.handshake.on_hello(&mut table.peers, table.now, &name(4), greeting);
    let declared = [1, 2, 3, 4].map(|index| table.role(index) == Some(LinkRole::Declared));
    assert_eq!(declared, [true, true, true, false]);
    // It moves, and says that it has room: it is still the declared one.
    let mut moved = introduction(2, 2, ALL);
    moved.endpoint = endpoint(9);
    let greeting = Greeting { hello: moved, priority: JoinPriority::Neighbour, vacancy: false, seen: None };
    table.handshake.on_hello(&mut table.peers, table.now, &name(2), greeting);
    let moved = table.peers.peer(table.peers.neighbours().slot_of(&name(2)).unwrap()).unwrap();
    assert_eq!((moved.role, moved.endpoint), (LinkRole::Declared, &endpoint(9)));
    table.pass(60_000);
    assert_eq!(table.peers.len(), 3);
}

#[test]
fn a_name_that_a_welcome_claims_stays_with_the_node_that_answers() {
    for answers in [true, false] {
        let mut table = Table::new(8);
        table.declare(1);
        table.welcome(0, 1);
        table.seek(2, JoinPriority::Needed, HEALING);
        // Whoever lives there says that it is node 1.
        let mut claim = introduction(1, 1, ALL);
        claim.endpoint = endpoint(2);
        let welcome = |table: &mut Table| {
            let (now, claim) = (table.now, claim.clone());
            table.handshake.on_welcome(&mut table.peers, now, LinkId(1), claim, None);
            table.outputs()
        };
        let asked = welcome(&mut table);
        let [Output::Send(links, Frame::Ping { token, .. })] = &asked[..] else { panic!("{asked:?}") };
        assert_eq!(links, &[LinkId(0)], "the node that has the name is asked");
        let slot = table.peers.neighbours().slot_of_link(LinkId(0));
        assert!(slot.is_some() && table.peers.neighbours().slot_of(&name(1)) == slot, "it has it until then");
        table.after(20);
        if answers {
            table.detector.on_pong(&mut table.peers, table.now, LinkId(0), *token);
            let told = table.outputs();
            assert!(!is_refused(&told, Refusal::NameTaken), "the honest node is not refused: {told:?}");
            assert_eq!(table.peers.take_failed_dials(), [(name(2), DialError::WrongNode)]);
            assert_eq!((table.peers.neighbours().slot_of(&name(1)), table.peers.len()), (slot, 1));
        } else {
            table.after(5_000);
            welcome(&mut table);
            assert_eq!(
                (table.peers.neighbours().slot_of_link(LinkId(0)), table.peers.len()),
                (None, 1),
                "it has moved"
            );
        }
    }
}

#[test]
fn a_link_that_is_undeclared_goes_at_both_ends_and_stays_away() {
    let mut table = Table::new(8);
    table.declare(1);
    table.welcome(0, 1);
    table.hello(1, JoinPriority::Declared, false);
    table.part(1, DisconnectReason::Undeclared);
    let told = table.outputs();
    assert!(matches!(&told[..], [Output::Send(_, Frame::Part(DisconnectReason::Undeclared))]), "{told:?}");
    assert!(table.peers.is_empty());
    // Its greeting was under way.
    assert_eq!(table.after(20).hello(1, JoinPriority::Declared, false), []);
    assert!(table.peers.is_empty());
    // One that asks for something else is heard, and so is one that declares it later, or that we declare ourselves.
    assert!(is_refused(&table.hello(1, JoinPriority::Neighbour, false), Refusal::NoVacancy));
    table.after(2_000).hello(1, JoinPriority::Declared, false);
    assert_eq!(table.role(1), Some(LinkRole::Declared));
    table.part(1, DisconnectReason::Undeclared);
    table.declare(1);
    assert_eq!(priorities(&table.hello(1, JoinPriority::Declared, false)).len(), 0);
    assert!(table.peers.is_introduced(&name(1)), "it is declared anew");

    // At the far end.
    let mut table = Table::new(8);
    table.declare(1);
    table.welcome(0, 1);
    table.hello(1, JoinPriority::Declared, false);
    table.handshake.on_part(&mut table.peers, table.now, &name(1), DisconnectReason::Undeclared);
    assert_eq!(table.outputs().last(), Some(&Output::Disconnect(LinkId(0))));
    assert!(table.peers.is_empty() && !table.peers.is_introduced(&name(1)));

    // One that knows nothing of this takes it for a farewell.
    let mut table = Table::new(8);
    table.declare(1);
    let old = introduction(1, 1, &["trace"]);
    table.handshake.on_welcome(&mut table.peers, table.now, LinkId(0), old, None);
    table.outputs();
    table.part(1, DisconnectReason::Undeclared);
    assert!(matches!(&table.outputs()[..], [Output::Send(_, Frame::Leave)]));
}

#[test]
fn a_lost_connection_is_down_and_its_peer_suspected_at_once() {
    let mut table = Table::new(8);
    table.declare(1);
    table.seek(2, JoinPriority::Neighbour, HEALING);
    table.welcome(0, 1);
    table.welcome(1, 2);
    table.peers.take_slot_changes();
    for link in [0, 1] {
        table.handshake.on_disconnected(&mut table.peers, table.now, LinkId(link));
    }
    assert_eq!(table.states(), [(name(1), MemberState::Suspect), (name(2), MemberState::Suspect)]);
    assert_eq!(
        (slots(&table.peers.take_slot_changes().fallen), table.peers.neighbours().up_slots().len()),
        (vec![0, 1], 0)
    );
    table.outputs();
    table.pass(1_999);
    assert_eq!(table.states(), []);
    assert!(table.pass(1).contains(&Output::Notify(Event::PeerDown(name(1)))));
    assert_eq!(table.states(), [(name(1), MemberState::Down), (name(2), MemberState::Down)]);
    assert_eq!((table.role(1), table.role(2)), (Some(LinkRole::Declared), None), "who is declared is awaited");
    assert_eq!(slots(&table.peers.take_slot_changes().freed), [1]);
    assert!(priorities(&table.pass(3_000)).len() >= 3);
    table.welcome(0, 1);
    assert_eq!(
        (table.states(), slots(&table.peers.take_slot_changes().risen)),
        (vec![(name(1), MemberState::Up)], vec![0])
    );
}

#[test]
fn a_silent_peer_is_suspected_then_down_and_whoever_speaks_in_time_is_back() {
    let mut table = Table::new(8);
    table.hello(1, JoinPriority::Needed, false);
    table.welcome(0, 1);
    let told = table.pass(3_500);
    assert_eq!(told.iter().filter(|output| matches!(output, Output::Send(_, Frame::Ping { .. }))).count(), 4);
    assert_eq!(table.states(), [(name(1), MemberState::Suspect)]);
    assert_eq!(table.peers.neighbours().up_slots().len(), 1, "it still gets messages");
    assert_eq!(table.detector.heard(&mut table.peers, table.now, &name(1)), Some(Slot(0)));
    assert_eq!(table.outputs(), [Output::Notify(Event::PeerBack(name(1)))]);
    assert_eq!(table.states(), [(name(1), MemberState::Up)]);
    table.pass(5_500);
    assert_eq!(table.states(), [(name(1), MemberState::Suspect), (name(1), MemberState::Down)]);
    assert!(table.peers.is_empty() && !table.peers.is_introduced(&name(1)), "it must greet again if it lives");
    assert_eq!(table.peers.deadline(), None);
}

#[test]
fn a_node_that_was_late_forgives_all_its_peers() {
    let mut table = Table::new(8);
    table.hello(1, JoinPriority::Declared, false);
    table.welcome(0, 1);
    table.after(30_000).tick();
    assert_eq!((table.states(), table.detector.health().score()), (vec![], 1));
    assert_eq!(table.pass(3_000).len(), 3);
    assert_eq!(table.states(), []);
}

#[test]
fn a_disconnect_is_said_before_the_link_is_closed() {
    let mut table = Table::new(8);
    table.seek(1, JoinPriority::Neighbour, HEALING);
    table.welcome(0, 1);
    table.part(1, DisconnectReason::Unlinked);
    assert_eq!(table.outputs(), [Output::Send(vec![LinkId(0)], Frame::Part(DisconnectReason::Unlinked))]);
    assert_eq!((table.peers.len(), slots(&table.peers.take_slot_changes().freed)), (0, vec![0]));
    assert_eq!(table.pass(1_000), [Output::Disconnect(LinkId(0))]);
    assert_eq!(table.peers.deadline(), None);
    table.seek(2, JoinPriority::Neighbour, HEALING);
    table.part(2, DisconnectReason::Unlinked);
    assert_eq!(table.outputs(), [Output::Disconnect(LinkId(1))], "nobody there to be told");
}

#[test]
fn what_was_under_way_when_a_link_was_disconnected_is_heard() {
    let mut table = Table::new(8);
    table.hello(1, JoinPriority::Needed, false);
    table.welcome(0, 1);
    table.part(1, DisconnectReason::Unlinked);
    table.pass(900);
    assert!(table.peers.is_introduced(&name(1)), "it may be sending still");
    table.pass(200);
    assert!(!table.peers.is_introduced(&name(1)));
    // One that was met again in the meantime is no stranger.
    table.hello(1, JoinPriority::Needed, false);
    table.welcome(1, 1);
    table.part(1, DisconnectReason::Unlinked);
    table.hello(1, JoinPriority::Needed, false);
    table.pass(1_100);
    assert!(table.peers.is_introduced(&name(1)) && table.peers.len() == 1);
}

#[test]
fn whoever_is_disconnected_closes_what_nobody_declared() {
    let part = |declared, reason| {
        let mut table = Table::new(8);
        table.hello(1, if declared { JoinPriority::Declared } else { JoinPriority::Needed }, false);
        table.welcome(0, 1);
        table.handshake.on_part(&mut table.peers, table.now, &name(1), reason);
        let outputs = table.outputs();
        (table, outputs)
    };
    for reason in [DisconnectReason::Unlinked, DisconnectReason::Stopping] {
        let (table, told) = part(false, reason);
        assert!(told.contains(&Output::Disconnect(LinkId(0))) && table.peers.is_empty());
        assert_eq!(table.peers.deadline(), None);
    }
    let (table, told) = part(true, DisconnectReason::Unlinked);
    assert_eq!((priorities(&told), table.peers.neighbours().up_slots().len()), (vec![JoinPriority::Declared], 1));
    let (mut table, _) = part(true, DisconnectReason::Stopping);
    assert_eq!((table.peers.neighbours().up_slots().len(), table.states()), (0, vec![]), "no suspicion");
    assert_eq!(table.peers.iter().next().unwrap().state, Some(MemberState::Down));
    assert!(!priorities(&table.pass(5_000)).is_empty(), "it is greeted until it is back");
}

#[test]
fn capabilities_follow_the_words() {
    let mut table = Table::new(8);
    assert_eq!(table.peers.me().capabilities, ["trace", "tree", "repair", "overlay", "chunk", "batch"]);
    let flood: Vec<_> = Capability::own(&Protocol { dissemination: Broadcast::Flood, ..Protocol::default() })
        .map(Capability::word)
        .collect();
    assert_eq!(flood, ["trace", "repair", "overlay", "chunk", "batch"]);
    table.hello(1, JoinPriority::Declared, false);
    assert!(table.peers.neighbours().slots_with(Capability::Tree).is_empty(), "not up");
    table.welcome(0, 1);
    assert_eq!(slots(table.peers.neighbours().slots_with(Capability::Tree)), [0]);
    // It comes back as another program.
    let hello = introduction(1, 2, &["trace"]);
    let greeting = Greeting { hello: hello.clone(), priority: JoinPriority::Declared, vacancy: false, seen: None };
    table.handshake.on_hello(&mut table.peers, table.now, &name(1), greeting);
    table.handshake.on_welcome(&mut table.peers, table.now, LinkId(0), hello, None);
    let with = |capability| slots(table.peers.neighbours().slots_with(capability));
    assert_eq!(Capability::ALL.map(with), [vec![0], vec![], vec![], vec![], vec![], vec![]]);
}

#[test]
fn the_round_trip_is_smoothed() {
    let mut table = Table::new(8);
    table.declare(1);
    table.welcome(0, 1);
    assert_eq!(table.peers.neighbours().round_trip(Slot(0)), Duration::from_millis(50));
    for (millis, expected) in [(16, 16_000), (32, 18_000), (18, 18_000)] {
        table.pass(1_000);
        let sent = table.now;
        table.after(millis);
        table.pong(0, sent);
        assert_eq!(table.peers.neighbours().round_trip(Slot(0)), Duration::from_micros(expected));
    }
}

fn dials(outputs: &[Output]) -> Vec<Dial> {
    let dial = |output: &Output| match output {
        Output::Connect(_, _, dial) => Some(*dial),
        _ => None,
    };
    outputs.iter().filter_map(dial).collect()
}

impl Table {
    /// Number of links that have a connection, or are dialled.
    fn open(&self) -> usize {
        self.peers.links().values().filter(|link| link.dialling().is_open()).count()
    }
}

#[test]
fn the_longest_dead_give_way_to_the_living_and_to_what_an_operator_asks_for() {
    let mut table = Table::new(4);
    table.declare(1);
    table.hello(2, JoinPriority::Declared, false);
    table.welcome(1, 2);
    table.hello(3, JoinPriority::Declared, false);
    table.after(1_000).hello(4, JoinPriority::Declared, false);
    assert!(is_refused(&table.hello(5, JoinPriority::Declared, false), Refusal::PeersFull), "they may come up");
    // Two falls silent; three and four never answered.
    table.pass(60_000);
    table.hello(6, JoinPriority::Declared, false);
    assert_eq!(
        [2, 3, 4, 6].map(|index| table.role(index).is_some()),
        [true, false, true, true],
        "three, not two that lived"
    );
    assert!(!table.peers.is_introduced(&name(3)));
    table.declare(7);
    assert_eq!([2, 4, 6].map(|index| table.role(index).is_some()), [true, false, true]);
    table.welcome(4, 6);
    table.hello(8, JoinPriority::Declared, false);
    assert_eq!([2, 6, 8].map(|index| table.role(index).is_some()), [false, true, true]);
    table.welcome(6, 8);
    assert!(
        is_refused(&table.hello(9, JoinPriority::Declared, false), Refusal::PeersFull),
        "none but the living and the named"
    );
    assert!(table.handshake.declare(&mut table.peers, table.now, vec![(None, endpoint(9))]).is_err());
    table.outputs();
    assert_eq!((table.role(1), table.stats.total().get(Counter::Forgotten)), (Some(LinkRole::Declared), 3));
}

#[test]
fn one_link_in_place_of_two_is_what_an_operator_asked_for_if_one_of_them_was() {
    let mut table = Table::new(2);
    table.hello(1, JoinPriority::Declared, false);
    // Another spelling of its address.
    table.handshake.declare(&mut table.peers, table.now, vec![(None, endpoint(5))]).unwrap();
    table.outputs();
    table.welcome(1, 1);
    assert_eq!(table.peers.len(), 1, "two links to one node");
    let first_hour = dials(&table.pass(3_600_000)).len();
    assert!(first_hour > 120, "it rests for as long as one that nobody asked for here: dialled {first_hour} times");
    for other in [2, 3] {
        table.hello(other, JoinPriority::Declared, false);
        table.pass(60_000);
    }
    assert_eq!([1, 2, 3].map(|index| table.role(index).is_some()), [true, false, true]);
}

#[test]
fn whoever_merely_greeted_is_dialled_once_and_seldom_until_it_answers() {
    let mut table = Table::new(8);
    assert_eq!(dials(&table.hello(1, JoinPriority::Declared, false)), [Dial::Once]);
    let first_hour = dials(&table.pass(3_600_000));
    assert!((10..40).contains(&first_hour.len()) && !first_hour.contains(&Dial::Again), "{first_hour:?}");
    let mut greeted = Vec::new();
    for _ in 0..600 {
        greeted.extend(dials(&table.after(100).hello(1, JoinPriority::Declared, false)));
        greeted.extend(dials(&table.pass(0)));
    }
    assert!(greeted.len() <= 5, "it may name whose address it likes: {} in a minute", greeted.len());
    table.pass(600_000);
    assert_eq!((table.open(), table.peers.len()), (0, 1), "it costs no connection");
}

#[test]
fn who_was_there_is_dialled_at_once_when_it_is_back() {
    let mut table = Table::new(8);
    table.hello(1, JoinPriority::Declared, false);
    table.welcome(0, 1);
    table.handshake.on_disconnected(&mut table.peers, table.now, LinkId(0));
    assert_eq!(dials(&table.outputs()), [Dial::Again], "it is there again in a moment, as a rule");
    table.pass(3_600_000);
    // It may be dialled just now.
    if table.open() > 0 {
        table.pass(5_000);
    }
    assert_eq!(table.open(), 0);
    assert_eq!(dials(&table.hello(1, JoinPriority::Declared, false)), [Dial::Once]);
    table.welcome(0, 1);
    assert_eq!(table.peers.neighbours().up_slots().len(), 1);
}

#[test]
fn who_looks_for_a_neighbour_that_rests_has_it_dialled() {
    let mut table = Table::new(8);
    table.hello(1, JoinPriority::Declared, false);
    table.welcome(0, 1);
    table.pass(3_600_000);
    if table.open() > 0 {
        table.pass(5_000);
    }
    assert!(!table.peers.seek(table.now, &member(1), JoinPriority::Needed, HEALING));
    assert_eq!(dials(&table.outputs()), [Dial::Once]);
}

#[test]
fn what_an_operator_asked_for_is_dialled_every_few_seconds_for_ever() {
    let mut table = Table::new(8);
    assert_eq!(dials(&table.declare(1)), [Dial::Again]);
    table.pass(600_000);
    for _ in 0..100 {
        let longest = table.peers.dialler.timing().redial_max * 3 / 2 + table.peers.dialler.timing().hello_interval * 3;
        assert!(!dials(&table.pass(longest.as_millis() as u64)).is_empty());
    }
    assert!(table.peers.waiting_for().eq([&endpoint(1)]));
    table.hello(2, JoinPriority::Declared, false);
    table.pass(60_000);
    assert!(table.peers.waiting_for().eq([&endpoint(1)]), "nobody waits for who merely greeted and is gone");
}

#[test]
fn few_who_merely_greeted_are_dialled_at_one_time_and_all_in_the_end() {
    let mut table = Table::new(200);
    for index in 1..=150 {
        table.hello(index, if index % 2 == 0 { JoinPriority::Declared } else { JoinPriority::Needed }, false);
        assert!(table.open() <= UNPROVEN_MAX);
    }
    assert_eq!(table.open(), UNPROVEN_MAX);
    // Who answers makes room.
    table.welcome(0, 1);
    table.peers.dial_queued(table.now);
    assert_eq!(dials(&table.outputs()), [Dial::Once]);
    let dialled = table.pass(30_000);
    let dialled: std::collections::BTreeSet<LinkId> = dialled
        .iter()
        .filter_map(|output| match output {
            Output::Connect(link, ..) => Some(*link),
            _ => None,
        })
        .collect();
    assert!((33..150).all(|link| dialled.contains(&LinkId(link))), "{}", dialled.len());
}

#[test]
fn who_refuses_for_good_is_greeted_seldom() {
    for code in [
        "other_network",
        "other_instance",
        "other_payload_max",
        "bad_identity",
        "peers_full",
        "bad_request",
        "unheard_of",
    ] {
        let mut table = Table::new(8);
        table.declare(1);
        let (mut greetings, mut dialled) = (0, 0);
        for _ in 0..6_000 {
            let told = table.pass(100);
            dialled += dials(&told).len();
            if !dials(&told).is_empty() || table.now == Mono(100_000_000) {
                table.handshake.on_writable(&mut table.peers, table.now, LinkId(0));
                greetings += priorities(&table.outputs()).len();
                table.refuse(0, code);
            }
        }
        assert!((20..80).contains(&greetings) && dialled < 80, "{code}: {greetings} in 10 min");
    }
}

/// An event that may happen to a table of peers.
#[derive(Debug, Clone)]
enum Act {
    Declare(u32, bool),
    Seek(u32, JoinPriority),
    Hello { from: u32, moved: bool, life: u64, priority: JoinPriority, vacancy: bool, words: usize },
    Welcome(u32, u32),
    Refuse(u32, Refusal),
    Pong(u32),
    Unsent(u32),
    Disconnected(u32),
    Writable(u32),
    Heard(u32),
    Leave(u32),
    Part(u32, DisconnectReason),
    OnPart(u32, DisconnectReason),
    Adopt(u32),
    Pass(u64),
    Late(u64),
}

fn any_act() -> impl Strategy<Value = Act> {
    let priority = prop::sample::select(vec![
        JoinPriority::Declared,
        JoinPriority::Join,
        JoinPriority::Neighbour,
        JoinPriority::Needed,
    ]);
    let reason = prop::sample::select(vec![
        DisconnectReason::Unlinked,
        DisconnectReason::Stopping,
        DisconnectReason::Undeclared,
    ]);
    let refusal = prop::sample::select(Refusal::ALL);
    // Mostly links and nodes that fit each other.
    let (node, link) = (0..6_u32, 0..12_u32);
    prop_oneof![
        1 => (node.clone(), any::<bool>()).prop_map(|(node, named)| Act::Declare(node, named)),
        2 => (node.clone(), priority.clone()).prop_map(|(node, priority)| Act::Seek(node, priority)),
        3 => (node.clone(), prop::bool::weighted(0.1), 0..2_u64, priority, any::<bool>(), 0..5_usize).prop_map(
            |(from, moved, life, priority, vacancy, words)| Act::Hello { from, moved, life, priority, vacancy, words }
        ),
        4 => (link.clone(), node.clone()).prop_map(|(link, node)| Act::Welcome(link, node)),
        1 => (link.clone(), refusal).prop_map(|(link, why)| Act::Refuse(link, why)),
        1 => link.clone().prop_map(Act::Pong),
        1 => link.clone().prop_map(Act::Unsent),
        1 => link.clone().prop_map(Act::Disconnected),
        1 => link.prop_map(Act::Writable),
        1 => node.clone().prop_map(Act::Heard),
        1 => node.clone().prop_map(Act::Leave),
        1 => (node.clone(), reason.clone()).prop_map(|(node, reason)| Act::Part(node, reason)),
        1 => (node.clone(), reason).prop_map(|(node, reason)| Act::OnPart(node, reason)),
        1 => node.prop_map(Act::Adopt),
        2 => (0..3_000_u64).prop_map(Act::Pass),
        1 => (0..5_000_u64).prop_map(Act::Late),
    ]
}

impl Table {
    fn act(&mut self, act: Act) -> Vec<Output> {
        let Self { peers, handshake, detector, now, .. } = self;
        let now = *now;
        match act {
            Act::Declare(node, named) => {
                let _ = handshake.declare(peers, now, vec![(named.then(|| name(node)), endpoint(node))]);
            }
            Act::Seek(node, priority) => drop(peers.seek(now, &member(node), priority, HEALING)),
            Act::Hello { from, moved, life, priority, vacancy, words } => {
                let mut hello = introduction(from, life, &ALL[..words]);
                hello.endpoint = if moved { endpoint(from + 10) } else { hello.endpoint };
                handshake.on_hello(peers, now, &name(from), Greeting { hello, priority, vacancy, seen: None });
            }
            Act::Welcome(link, node) => {
                handshake.on_welcome(peers, now, LinkId(link), introduction(node, 0, ALL), None);
            }
            Act::Refuse(link, why) => handshake.on_refuse(peers, now, LinkId(link), why.name().into(), String::new()),
            Act::Pong(link) => {
                if let Some(sent) = peers.links().get(&LinkId(link)).and_then(|link| link.signs().last_probe()) {
                    self.pong(link, sent);
                }
            }
            Act::Unsent(link) => handshake.on_unsent(peers, now, LinkId(link), Counter::NotConnected),
            Act::Disconnected(link) => handshake.on_disconnected(peers, now, LinkId(link)),
            Act::Writable(link) => handshake.on_writable(peers, now, LinkId(link)),
            Act::Heard(node) => drop(detector.heard(peers, now, &name(node))),
            Act::Leave(node) => handshake.on_leave(peers, &name(node)),
            Act::Part(node, reason) => self.part(node, reason),
            Act::OnPart(node, reason) => handshake.on_part(peers, now, &name(node), reason),
            Act::Adopt(node) => peers.adopt(&name(node)),
            Act::Pass(millis) => return self.pass(millis),
            Act::Late(millis) => return self.after(millis).tick(),
        }
        self.outputs()
    }
}

/// A reader of the reports of a table.
#[derive(Default)]
struct Follower {
    open: BTreeMap<LinkId, Endpoint>,
    /// The owner of each slot, as far as the name was known.
    owners: BTreeMap<Slot, (LinkId, Option<NodeId>)>,
    up: BTreeMap<Slot, NodeId>,
}

impl Follower {
    fn follow(&mut self, table: &mut Table, outputs: Vec<Output>) -> Result<(), TestCaseError> {
        for output in outputs {
            match output {
                Output::Connect(link, to, _) => prop_assert!(self.open.insert(link, to).is_none(), "opened twice"),
                Output::Disconnect(link) => prop_assert!(self.open.remove(&link).is_some(), "closed twice"),
                Output::Send(links, _) => {
                    prop_assert!(links.iter().all(|link| self.open.contains_key(link)), "sent over a closed link");
                }
                _ => {}
            }
        }
        let peers = &mut table.peers;
        let (_, closing) = peers.introductions.held();
        let open = peers.links().iter().filter(|(_, link)| link.dialling().is_open()).map(|(&id, _)| id);
        let held: std::collections::BTreeSet<_> = open.chain(closing).collect();
        prop_assert!(held.iter().eq(self.open.keys()), "a connection without link, or the other way round");
        let SlotChanges { freed, fallen, risen } = peers.take_slot_changes();
        for slot in freed.iter() {
            self.up.remove(&slot);
            self.owners.remove(&slot);
        }
        for slot in fallen.iter() {
            prop_assert!(self.up.remove(&slot).is_some(), "fell without having been up");
        }
        for slot in risen.iter() {
            let node = peers.neighbours().name_of_slot(slot).cloned().unwrap();
            prop_assert!(self.up.insert(slot, node).is_none(), "rose twice");
        }
        let mut owners = BTreeMap::new();
        for (&id, link) in peers.links().iter() {
            prop_assert!(owners.insert(link.slot(), (id, link.node().cloned())).is_none(), "a slot twice");
        }
        for (slot, (id, node)) in &self.owners {
            let now = owners.get(slot);
            let is_same = now.is_some_and(|now| now.0 == *id && (node.is_none() || now.1 == *node));
            prop_assert!(is_same, "{slot:?} changed hands unreported: {node:?} to {now:?}");
        }
        self.owners = owners;
        self.agree(&table.peers)
    }

    /// Checks that all ways to look at the table show the same.
    fn agree(&self, peers: &Peers) -> Result<(), TestCaseError> {
        let up: BTreeMap<_, _> =
            peers.links().values().filter(|l| l.is_up()).map(|l| (l.slot(), l.node().cloned().unwrap())).collect();
        prop_assert_eq!(&self.up, &up);
        prop_assert!(peers.neighbours().up_slots().iter().eq(up.keys().copied()));
        prop_assert_eq!(peers.neighbours().iter().count(), up.len());
        for capability in Capability::ALL {
            let able = peers.links().values().filter(|link| link.is_up() && link.capabilities().has(capability));
            let able: Slots = able.map(Link::slot).collect();
            prop_assert_eq!(peers.neighbours().slots_with(capability), &able);
        }
        for (&id, link) in peers.links().iter() {
            prop_assert_eq!(peers.neighbours().link_of(link.slot()), Some(id));
            let is_open = !peers.neighbours().links_of([link.slot()]).is_empty();
            prop_assert_eq!(is_open, link.dialling().is_open());
            prop_assert_eq!(peers.neighbours().name_of_slot(link.slot()), link.node());
            if let Some(node) = link.node() {
                prop_assert_eq!(peers.neighbours().slot_of(node), Some(link.slot()));
            }
            prop_assert!(link.is_declared() || link.is_up() || link.is_expired(Mono(u64::MAX)), "sought for ever");
            prop_assert!(!link.is_up() || link.signs().state().is_some());
            prop_assert!(!link.is_up() || link.signs().state() != Some(MemberState::Down), "messages for the dead");
        }
        for node in (0..20).map(name) {
            let is_there = peers.links().values().any(|link| link.is_to(&node));
            prop_assert_eq!(peers.neighbours().slot_of(&node).is_some(), is_there);
        }
        prop_assert!(peers.len() <= peers.peers_max && peers.introductions.held().0 <= peers.peers_max);
        prop_assert!(owned(peers).all(|slot| usize::from(slot.0) < peers.peers_max));
        Ok(())
    }
}

fn all(peers: &Peers) -> Vec<LinkId> {
    peers.links().select(|_| true)
}

fn owned(peers: &Peers) -> impl Iterator<Item = Slot> {
    peers.iter().map(|peer| peer.slot)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Whatever happens, the indices agree, everything that changes is reported, and no timer outlives its link.
    #[test]
    fn a_table_agrees_with_itself(acts in prop::collection::vec(any_act(), 1..80), peers_max in 1..6_usize) {
        let (mut table, mut follower) = (Table::new(peers_max), Follower::default());
        for act in acts {
            let free = (0..).map(Slot).find(|&slot| owned(&table.peers).all(|owned| owned != slot)).unwrap();
            let has_room = table.peers.len() < peers_max;
            let (former, is_opening) = (all(&table.peers), has_room && matches!(act, Act::Seek(..)));
            let outputs = table.act(act);
            if let Some((_, link)) = table.peers.links().iter().find(|(id, _)| is_opening && !former.contains(id)) {
                prop_assert_eq!(link.slot(), free, "not the lowest free slot");
            }
            follower.follow(&mut table, outputs)?;
            for StateChange { node, state } in table.peers.take_state_changes() {
                let left = table.peers.neighbours().slot_of(&node).and_then(|slot| table.peers.peer(slot));
                let is_declared = left.is_none_or(|peer| peer.role == LinkRole::Declared);
                prop_assert!(state != MemberState::Down || is_declared, "kept a link that nobody declared");
            }
            table.peers.take_failed_dials();
        }
        table.pass(0);
        prop_assert!(table.peers.deadline().is_none_or(|due| due > table.now), "a timer that is always due");
        // All fall silent: what was declared remains, to be greeted.
        let declared: Vec<_> = table.peers.iter().filter(|p| p.role == LinkRole::Declared).map(|p| p.slot).collect();
        let outputs = table.pass(60_000);
        follower.follow(&mut table, outputs)?;
        prop_assert_eq!(owned(&table.peers).collect::<Vec<_>>(), declared);
        prop_assert!(table.peers.neighbours().up_slots().is_empty());
        prop_assert!(table.peers.iter().all(|peer| peer.state.is_none_or(|state| state == MemberState::Down)));
        all(&table.peers).into_iter().for_each(|link| table.peers.dialler.close(link));
        prop_assert_eq!(table.peers.deadline(), None);
    }
}

#[test]
fn words_are_read_by_name() {
    let read = Capabilities::read(&["overlay".into(), "future".into(), "trace".into()]);
    assert_eq!(Capability::ALL.map(|word| read.has(word)), [true, false, false, true, false, false]);
}

/// A table of a node that has no instance.
fn table_without_instance() -> Table {
    let mut table = Table::new(8);
    table.peers.me.instance = Instance::default();
    table
}

fn code(outputs: &[Output]) -> Option<&str> {
    outputs.iter().find_map(|output| match output {
        Output::Answer(_, Answer::Refuse { code, .. }) => Some(code.as_str()),
        _ => None,
    })
}

fn of(instance: &str, index: u32) -> Introduction {
    Introduction { instance: instance.parse().unwrap(), ..introduction(index, 1, ALL) }
}

impl Table {
    fn greeted(&mut self, hello: Introduction) -> Vec<Output> {
        let (from, priority) = (hello.node.clone(), JoinPriority::Declared);
        let greeting = Greeting { hello, priority, vacancy: true, seen: None };
        self.handshake.on_hello(&mut self.peers, self.now, &from, greeting);
        self.outputs()
    }

    fn welcomed(&mut self, link: u32, welcome: Introduction) -> Vec<Output> {
        self.handshake.on_welcome(&mut self.peers, self.now, LinkId(link), welcome, None);
        self.outputs()
    }

    fn instance(&self) -> &str {
        self.peers.me.instance.as_str()
    }
}

#[test]
fn an_instance_is_taken_from_an_answer_at_a_named_address_alone() {
    let mut table = table_without_instance();
    assert_eq!(code(&table.greeted(of("theirs", 1))), Some("other_instance"));
    assert_eq!(table.instance(), "");
    table.declare(2);
    assert_eq!(code(&table.greeted(of("theirs", 1))), Some("not_ready"), "it waits for the one that was named");
    assert!(table.seek(3, JoinPriority::Needed, HEALING));
    table.welcomed(1, of("a stranger's".replace([' ', '\''], "_").as_str(), 3));
    assert_eq!(table.instance(), "", "nobody named that address");
    let outputs = table.welcomed(0, of("ours", 2));
    assert!(outputs.contains(&Output::Adopt("ours".parse().unwrap())), "{outputs:?}");
    assert_eq!(code(&table.greeted(of("theirs", 1))), Some("other_instance"));
    assert_eq!(code(&table.greeted(of("ours", 1))), None);
    table.declare(4);
    table.welcomed(3, of("theirs", 4));
    assert_eq!(
        (table.instance(), table.peers.neighbours().iter().count()),
        ("ours", 1),
        "two instances never become one"
    );
}

#[test]
fn a_node_that_waits_for_nobody_makes_an_instance_up() {
    let mut table = table_without_instance();
    let outputs = table.greeted(of("", 1));
    let made = table.instance().to_owned();
    assert!(made.len() == 16 && outputs.contains(&Output::Adopt(made.parse().unwrap())), "{outputs:?}");
    let welcome =
        |output: &Output| matches!(output, Output::Answer(_, Answer::Welcome(me, _)) if me.instance.as_str() == made);
    assert!(outputs.iter().any(welcome), "{outputs:?}");
    let mut other = table_without_instance();
    other.handshake.begin_network(&mut other.peers, other.now);
    assert_eq!(other.instance(), made, "it follows from its name and life");
    other.peers.me.incarnation = Incarnation(2);
    other.peers.me.instance = Instance::default();
    other.handshake.begin_network(&mut other.peers, other.now);
    assert_ne!(other.instance(), made);
}

#[test]
fn of_nodes_that_wait_for_each_other_one_goes_first() {
    // The node has the name 1: lower than those of the two that it was told of.
    let mut table = table_without_instance();
    table.declare(1);
    table.declare(2);
    assert_eq!(code(&table.greeted(of("", 5))), Some("not_ready"), "both may be about to answer");
    assert_eq!(code(&table.greeted(of("", 1))), None, "whoever waits for this one, with a higher name");
    assert_ne!(table.instance(), "");

    let mut table = table_without_instance();
    table.peers.me.node = NodeId::new("9").unwrap();
    table.declare(1);
    for _ in 0..3 {
        assert_eq!(code(&table.greeted(of("", 1))), Some("not_ready"), "the lower name goes first");
        table.after(1000);
    }

    // A longer circle: the one that it waits for waits, too, and does not wait for it.
    let mut table = table_without_instance();
    table.declare(1);
    table.refuse(0, "not_ready");
    assert_eq!(code(&table.greeted(of("", 3))), Some("not_ready"));
    table.after(1000);
    assert_eq!(code(&table.greeted(of("", 3))), None);
}

#[test]
fn another_node_than_was_named_is_no_peer() {
    let mut table = Table::new(8);
    let named = vec![(Some(name(1)), endpoint(2))];
    table.handshake.declare(&mut table.peers, table.now, named).unwrap();
    table.outputs();
    let longest = table.peers.dialler.timing().redial_max;
    let is_dial = |output: &Output| matches!(output, Output::Connect(..));
    let mut waits = Vec::new();
    for _ in 0..10 {
        let outputs = table.welcome(0, 2);
        let event = Event::Stranger { node: name(2), expected: name(1), endpoint: endpoint(2) };
        let [Output::Send(_, Frame::Part(DisconnectReason::Undeclared)), Output::Notify(told)] = &outputs[..] else {
            panic!("{outputs:?}")
        };
        assert_eq!(*told, event);
        assert_eq!(table.peers.neighbours().iter().count(), 0);
        assert_eq!(code(&table.hello(2, JoinPriority::Declared, true)), Some("bad_identity"));
        assert_eq!(priorities(&table.pass(999)), [], "what was said last leaves by the connection");
        let before = table.now;
        while !table.pass(100).iter().any(is_dial) {}
        waits.push(table.now.since(before));
    }
    assert!(waits[0] < Duration::from_secs(1) && *waits.last().unwrap() >= longest, "{waits:?}");
    assert!(waits.iter().all(|wait| *wait <= longest * 3 / 2 + Duration::from_millis(200)), "{waits:?}");
    assert_eq!(table.peers.describe()[0].node, Some(name(1)));
    assert_eq!(table.stats.by_peer()[&name(1)].refused(Refusal::BadIdentity), 10);
    table.welcome(0, 1);
    assert_eq!(table.peers.neighbours().iter().map(|(node, _)| node.clone()).collect::<Vec<_>>(), [name(1)]);
}

#[test]
fn a_node_that_was_named_and_has_moved_is_still_the_only_one_that_is_meant() {
    let mut table = Table::new(8);
    table.declare(1);
    table.welcome(0, 1);
    table.after(10);
    table.handshake.on_disconnected(&mut table.peers, table.now, LinkId(0));
    let elsewhere = Introduction { endpoint: endpoint(5), ..introduction(1, 2, ALL) };
    assert_eq!(code(&table.greeted(elsewhere)), None);
    let stranger = Introduction { endpoint: endpoint(5), ..introduction(3, 1, ALL) };
    let outputs = table.welcomed(1, stranger);
    let told = Event::Stranger { node: name(3), expected: name(1), endpoint: endpoint(5) };
    assert!(outputs.contains(&Output::Notify(told)), "{outputs:?}");
}

#[test]
fn one_link_in_place_of_two_is_meant_for_whoever_one_of_them_was() {
    let mut table = Table::new(8);
    table.declare(1);
    table.handshake.declare(&mut table.peers, table.now, vec![(None, endpoint(5))]).unwrap();
    let at = |index| Introduction { endpoint: endpoint(5), ..introduction(index, 1, ALL) };
    table.welcomed(1, at(1));
    assert_eq!(table.peers.len(), 1, "two links to one node");
    let outputs = table.welcomed(2, at(3));
    let told = Event::Stranger { node: name(3), expected: name(1), endpoint: endpoint(5) };
    assert!(outputs.contains(&Output::Notify(told)), "{outputs:?}");
}

#[test]
fn a_greeting_that_has_to_wait_moves_no_link() {
    let mut table = table_without_instance();
    table.declare(1);
    let elsewhere = Introduction { endpoint: endpoint(5), ..of("theirs", 1) };
    assert_eq!(code(&table.greeted(elsewhere)), Some("not_ready"));
    table.welcomed(0, of("ours", 1));
    assert_eq!(table.instance(), "ours");
}

#[test]
fn who_is_not_ready_is_greeted_each_second() {
    let mut table = table_without_instance();
    table.declare(1);
    for _ in 0..200 {
        assert_eq!(priorities(&table.pass(1000)).len(), 1, "after {:?}", table.now);
        table.refuse(0, "not_ready");
    }
}

#[test]
fn a_node_that_joins_waits_unless_whom_it_joined_has_no_instance_either() {
    let mut table = table_without_instance();
    table.handshake.join(&mut table.peers, table.now, endpoint(0));
    table.handshake.join(&mut table.peers, table.now, endpoint(1));
    table.outputs();
    assert_eq!(code(&table.greeted(of("", 5))), Some("not_ready"));
    assert_eq!(table.peers.waiting_for().count(), 0, "clients do not wait for a contact");
    table.welcomed(0, of("", 1));
    assert_eq!(code(&table.greeted(of("", 1))), None);
    assert_ne!(table.instance(), "");

    let mut alone = table_without_instance();
    alone.handshake.join(&mut alone.peers, alone.now, endpoint(0));
    assert_eq!(code(&alone.greeted(of("", 5))), None, "it was told of nobody but itself");
}

#[test]
fn a_name_for_an_address_where_another_node_lives_is_refused() {
    let mut table = Table::new(8);
    table.declare(1);
    table.welcome(0, 1);
    let named = vec![(None, endpoint(3)), (Some(name(2)), endpoint(1))];
    let refused = table.handshake.declare(&mut table.peers, table.now, named).unwrap_err();
    assert_eq!(refused, (Refusal::BadIdentity, "'2' lives at tcp://10.0.0.1:7002, not '3'".to_owned()));
    assert_eq!((table.outputs().len(), table.peers.len()), (0, 1), "all of them or none");
}
