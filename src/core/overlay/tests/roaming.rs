//! Nodes that declare nobody and find their neighbours (HyParView).

use super::net::Net;
use std::time::Duration;

fn roaming(seed: u64) -> Net {
    let mut net = Net::new(seed);
    net.protocol.timing.shuffle_interval = Duration::from_secs(1);
    net.limits.view_max = 30;
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
    let mut net = roaming(1);
    net.start(0);
    for node in 1..500 {
        net.join(node, 0);
        net.run(50);
    }
    net.run(30_000);
    assert_sound(&net);
    let views: Vec<usize> = net.overlays.values().map(|overlay| overlay.view().len()).collect();
    assert!(views.iter().all(|&len| len >= 30), "{views:?}");
    let sum: usize = net.degrees().values().sum();
    assert!((5 * 500..6 * 500).contains(&sum), "a mean degree of {}", sum as f64 / 500.0);
}

#[test]
fn joining_at_once_leaves_no_island() {
    for seed in 0..4 {
        let mut net = roaming(seed);
        net.start(0);
        for node in 1..120 {
            net.join(node, 0);
        }
        net.run(30_000);
        assert_sound(&net);
    }
}

#[test]
fn who_crashed_is_replaced() {
    let mut net = roaming(5);
    net.start(0);
    for node in 1..100 {
        net.join(node, 0);
        net.run(100);
    }
    net.run(20_000);
    (0..50).for_each(|node| net.kill(2 * node));
    net.run(60_000);
    assert_sound(&net);
    assert_eq!(net.overlays.len(), 50);
}
