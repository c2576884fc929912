//! Nodes that declare nobody and find their neighbours (HyParView).

use super::{member, net::Net};
use crate::core::{
    config::{Limits, Protocol},
    frame::{Frame, JoinPriority, Walk, WalkKind},
    id::{Incarnation, NodeId},
    membership::overlay::{action::Action, membership::Overlay},
    neighbours::NeighbourTable,
    slots::LinkId,
    time::Mono,
};
use std::time::Duration;

fn roaming(seed: u64) -> Net {
    let mut net = Net::new(seed);
    net.protocol.timing.shuffle_interval = Duration::from_secs(1);
    net.limits.view_max = 30;
    net
}

/// `count` nodes that join through the first, so many milliseconds one after the other.
fn joined(seed: u64, count: u32, gap: u64) -> Net {
    let mut net = roaming(seed);
    net.start(0);
    for node in 1..count {
        net.join(node, 0);
        net.run(gap);
    }
    net
}

fn assert_sound(net: &Net) {
    assert_eq!(net.components(), 1);
    let degrees = net.degrees();
    let thin: Vec<_> = degrees.iter().filter(|&(_, &degree)| degree < 4).collect();
    assert!(thin.is_empty(), "{thin:?}");
    let thick: Vec<_> = degrees.iter().filter(|&(_, &degree)| degree > 6).collect();
    assert!(thick.is_empty(), "{thick:?}");
}

#[test]
fn joining_one_by_one_makes_a_hyparview_overlay() {
    let mut net = joined(1, 500, 50);
    net.run(30_000);
    assert_sound(&net);
    let views: Vec<usize> = net.overlays.values().map(|overlay| overlay.passive().len()).collect();
    assert!(views.iter().all(|&len| len >= 30), "{views:?}");
    let sum: usize = net.degrees().values().sum();
    assert!((5 * 500..6 * 500).contains(&sum), "a mean degree of {}", sum as f64 / 500.0);
}

#[test]
fn joining_at_once_leaves_no_island() {
    for seed in 0..4 {
        let mut net = joined(seed, 120, 0);
        net.run(30_000);
        assert_sound(&net);
    }
}

#[test]
fn who_crashed_is_replaced() {
    let mut net = joined(5, 100, 100);
    net.run(20_000);
    (0..50).for_each(|node| net.kill(2 * node));
    net.run(60_000);
    assert_sound(&net);
    assert_eq!(net.overlays.len(), 50);
}

/// The share of the pairs with a common neighbour that are neighbours (Watts and Strogatz).
fn clustering(net: &Net) -> f64 {
    let links = net.links();
    let are_linked = |a: u32, b: u32| links.contains(&(a.min(b), a.max(b)));
    let (mut pairs, mut linked) = (0, 0);
    for node in net.overlays.keys() {
        let near: Vec<u32> = net.overlays.keys().copied().filter(|&other| are_linked(*node, other)).collect();
        for (place, &a) in near.iter().enumerate() {
            pairs += near.len() - place - 1;
            linked += near[place + 1..].iter().filter(|&&b| are_linked(a, b)).count();
        }
    }
    linked as f64 / pairs as f64
}

#[test]
fn a_crowd_that_joins_through_one_node_finds_neighbours_everywhere() {
    let mut net = joined(3, 600, 2);
    net.run(30_000);
    assert_sound(&net);
    let clustering = clustering(&net);
    // A random graph of that degree has 0.009.
    assert!(clustering < 0.014, "{clustering}");
}

#[test]
fn who_has_nobody_asks_whoever_refuses_for_need() {
    let (now, protocol) = (Mono::default(), Protocol::default());
    let mut overlay = Overlay::new(member(0), Incarnation(1), &protocol, &Limits::default(), 1, now);
    overlay.rose(now, member(1));
    let members = (2..8).map(member).collect();
    let reply = Walk { kind: WalkKind::Reply, steps: 0, path: Vec::new(), members };
    overlay.on_frame(now, &NodeId::numbered(1), Frame::Walk(reply));
    overlay.down(now, &NodeId::numbered(1));
    let sought = |overlay: &mut Overlay| -> Vec<(NodeId, JoinPriority)> {
        std::iter::from_fn(|| overlay.poll_action())
            .filter_map(|action| match action {
                Action::Seek { member, priority } => Some((member.node, priority)),
                _ => None,
            })
            .collect()
    };
    let asked = sought(&mut overlay);
    let (node, _) = asked
        .iter()
        .rfind(|(_, priority)| *priority == JoinPriority::Neighbour)
        .expect("more than one is asked")
        .clone();
    overlay.refused(now, &node);
    let again = sought(&mut overlay);
    assert!(again.contains(&(node.clone(), JoinPriority::Needed)), "{again:?}");
    overlay.refused(now, &node);
    let again = sought(&mut overlay);
    assert!(again.iter().all(|(other, _)| *other != node), "{again:?}");
}

#[test]
fn who_has_no_link_any_more_is_waited_for_no_longer() {
    let (begin, protocol) = (Mono::default(), Protocol::default());
    let grace = 4 * protocol.timing.beat_interval;
    let mut overlay = Overlay::new(member(0), Incarnation(1), &protocol, &Limits::default(), 3, begin);
    overlay.rose(begin, member(1));
    overlay.declare(begin + grace / 5, member(2));
    overlay.tick(begin + grace);
    let awaited = begin + grace / 5 + grace;
    assert_eq!(overlay.deadline(), Some(awaited));
    let mut table = NeighbourTable::default();
    let slot = table.enter(LinkId(1));
    table.name(slot, NodeId::numbered(1));
    overlay.follow_links(begin + grace, &table);
    assert!(overlay.deadline() > Some(awaited));
    assert!(overlay.active().is_neighbour(&NodeId::numbered(1)));
    table.leave(slot);
    overlay.follow_links(begin + grace, &table);
    assert!(!overlay.active().is_neighbour(&NodeId::numbered(1)));
}
