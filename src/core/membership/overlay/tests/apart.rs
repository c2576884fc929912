//! Parts of a network of which one has heard of the other, and places that stay free: what nodes do about them for as long as
//! it takes, whatever got lost.

use super::{crashes::ring, member, net::Net};
use crate::core::{
    config::{Limits, Protocol, Timing},
    frame::{Beacon, DisconnectReason, Frame, JoinPriority, Walk, WalkKind},
    id::{Incarnation, NodeId},
    membership::overlay::{action::Action, membership::Overlay},
    time::Mono,
};
use std::time::Duration;

/// Two rings that know nothing of each other: of nodes below 6, and of nodes from 10 to 15.
fn two_rings(seed: u64) -> Net {
    let mut net = Net::new(seed);
    let high: Vec<(u32, u32)> = ring(6).into_iter().map(|(a, b)| (a + 10, b + 10)).collect();
    net.declare(&ring(6));
    net.declare(&high);
    net.run(10_000);
    assert_eq!(net.components(), 2);
    net
}

/// Tells one node of another as a sample of a view does, which is no news.
fn mention(net: &mut Net, to: u32, other: u32) {
    let from = net.links().into_iter().find_map(|(a, b)| (a == to).then_some(b).or_else(|| (b == to).then_some(a)));
    let walk = Walk { kind: WalkKind::Reply, steps: 0, path: Vec::new(), members: vec![member(other)] };
    let from = NodeId::numbered(from.expect("it has a neighbour"));
    net.act(to, |overlay, now| overlay.on_frame(now, &from, Frame::Walk(walk)));
}

#[test]
fn a_root_hears_of_a_lower_name_that_one_of_its_part_knows() {
    for (seed, knowing) in [(1, 13), (2, 11), (3, 15), (4, 10)] {
        let mut net = two_rings(seed);
        mention(&mut net, knowing, 4);
        net.run(30_000);
        assert_eq!(net.components(), 1);
    }
}

/// Two rings that know nothing of each other: of even names, and of odd ones.
fn interleaved_rings(seed: u64) -> Net {
    let mut net = Net::new(seed);
    for odd in [0, 1] {
        let links: Vec<(u32, u32)> = ring(6).into_iter().map(|(a, b)| (2 * a + odd, 2 * b + odd)).collect();
        net.declare(&links);
    }
    net.run(10_000);
    assert_eq!(net.components(), 2);
    net
}

#[test]
fn a_root_asks_higher_names_whether_they_follow_it() {
    // Of the two roots one has a higher name than the other, and each may be the one that has heard of the other component.
    let lowest = ring(6).into_iter().map(|(a, b)| a.min(b)).min().unwrap();
    for (seed, root, other) in [(1, 2 * lowest, 2 * lowest + 7), (2, 2 * lowest + 1, 2 * lowest + 6)] {
        let mut net = interleaved_rings(seed);
        mention(&mut net, root, other);
        net.run(30_000);
        assert_eq!(net.components(), 1, "{root} has heard of {other}");
    }
}

#[test]
fn who_follows_the_root_that_asks_goes_on_as_before() {
    let mut net = Net::of(7, &ring(12));
    net.run(60_000);
    let links = net.links();
    net.sent.clear();
    net.run(60_000);
    assert_eq!(net.links(), links);
    let greetings = net.sent.get("HELLO").copied().unwrap_or_default();
    assert!((1..=60).contains(&greetings), "{greetings} greetings in a minute");
}

fn sent(overlay: &mut Overlay) -> Vec<Action> {
    std::iter::from_fn(|| overlay.poll_action()).collect()
}

#[test]
fn who_may_have_begun_another_life_is_told_again_who_is_there() {
    let (now, protocol) = (Mono::default(), Protocol::default());
    let mut overlay = Overlay::new(member(1), Incarnation(1), &protocol, &Limits::default(), 1, now);
    for other in [2, 3] {
        overlay.declare(now, member(other));
        overlay.rose(now, member(other));
    }
    let known = Walk { kind: WalkKind::News, steps: 0, path: Vec::new(), members: vec![member(7)] };
    overlay.on_frame(now, &NodeId::numbered(2), Frame::Walk(known));
    overlay.tick(now + Duration::from_secs(1));
    let beacon = Beacon { root: NodeId::numbered(1), incarnation: Incarnation(1), beat: 1, hops: 1 };
    drop(sent(&mut overlay));
    overlay.rose(now, member(3));
    assert_eq!(sent(&mut overlay), [], "it has missed nothing");
    overlay.fell(&NodeId::numbered(3));
    overlay.rose(now, member(3));
    let to = || NodeId::numbered(3);
    let news = Walk { kind: WalkKind::News, steps: 0, path: Vec::new(), members: vec![member(7)] };
    let neighbours = Frame::Neighbours(vec![member(2), member(3)]);
    let frames = [Frame::Beacon(beacon), Frame::Walk(news.clone()), neighbours.clone()];
    assert_eq!(sent(&mut overlay), frames.map(|frame| Action::Send { to: to(), frame }));
    // What came before its own link was up was lost. It says so by its list.
    overlay.on_frame(now, &to(), Frame::Neighbours(vec![member(1)]));
    let frames = [neighbours, Frame::Walk(news)];
    assert_eq!(sent(&mut overlay), frames.map(|frame| Action::Send { to: to(), frame }));
    overlay.on_frame(now, &to(), Frame::Neighbours(vec![member(1)]));
    assert_eq!(sent(&mut overlay), []);
}

#[test]
fn who_is_refused_by_all_asks_for_need() {
    let protocol = Protocol { timing: Timing::LOCAL, ..Protocol::default() };
    let mut now = Mono::default();
    let mut overlay = Overlay::new(member(50), Incarnation(1), &protocol, &Limits::default(), 1, now);
    for other in [1, 2] {
        overlay.declare(now, member(other));
        overlay.rose(now, member(other));
    }
    overlay.on_frame(now, &NodeId::numbered(1), Frame::Neighbours((3..9).chain([50]).map(member).collect()));
    overlay.down(now, &NodeId::numbered(2));
    let mut asked = 0;
    loop {
        let sought = sent(&mut overlay).into_iter().find_map(|action| match action {
            Action::Seek { member, priority } if member.node != NodeId::numbered(2) => Some((member.node, priority)),
            _ => None,
        });
        match sought {
            Some((_, JoinPriority::Needed)) => break,
            Some((node, _)) => {
                asked += 1;
                overlay.refused(now, &node);
            }
            None => {
                now = overlay.deadline().expect("it goes on");
                overlay.tick(now);
            }
        }
    }
    assert!((2 * 6..=6 * 6).contains(&asked), "all are asked some times before: {asked}");
}

#[test]
fn who_was_taken_in_place_of_a_neighbour_gives_way_to_it() {
    let (now, protocol) = (Mono::default(), Protocol::default());
    let parted = Action::Part { node: NodeId::numbered(7), reason: DisconnectReason::Unlinked };
    for is_late in [false, true] {
        let mut overlay = Overlay::new(member(50), Incarnation(1), &protocol, &Limits::default(), 1, now);
        for other in [1, 2] {
            overlay.declare(now, member(other));
            overlay.rose(now, member(other));
        }
        overlay.down(now, &NodeId::numbered(2));
        assert!(overlay.admits(now, &member(7), JoinPriority::Neighbour), "a place is free");
        overlay.greeted(now, member(7), JoinPriority::Neighbour);
        let order = if is_late { [2, 7] } else { [7, 2] };
        for other in order {
            overlay.rose(now, member(other));
        }
        overlay.on_frame(now, &NodeId::numbered(2), Frame::Neighbours(vec![member(50)]));
        assert!(sent(&mut overlay).contains(&parted), "the place is taken");
        assert!(!overlay.active().is_neighbour(&NodeId::numbered(7)));
    }
}
