//! One node that is started again and again, and another that comes back when that is over.

use super::*;
use crate::{
    core::{frame::Span, id::Incarnation},
    quantity,
    sim::links::lengths::frame_len,
};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

/// The node that is restarted, one that is its neighbour, and one that is down meanwhile and no neighbour of either.
const RESTARTED: u32 = 1;
const NEIGHBOUR: u32 = 5;
const JOINER: u32 = 3;

/// A run, as far as lives matter.
#[derive(Debug, Default)]
struct Seen {
    /// Lives of the node that was restarted of which the joiner was given a message.
    lives: BTreeSet<Incarnation>,
    /// Lives of that node that published.
    published: BTreeSet<Incarnation>,
    /// Bytes of the longest digest with which its neighbour began.
    digest: usize,
}

/// A ring of five, in which each life of one node publishes a message and ends.
fn restarted(lives: u32, seed: u64) -> Seen {
    let period = Time::millis(25);
    let at = |life: u32, millis| Time(period.0 * life + Time::millis(millis).0);
    let who = |node| Selection::Nodes(vec![node]);
    let crash = |at, node| Fault::Crash { at, who: who(node), silent: false, spare_sender: false };
    let restart = |at, node| Fault::Restart { at, who: Some(who(node)), disk: Disk::Kept, memory: false };
    let mut faults = vec![crash(Time::millis(0), JOINER), restart(at(lives, 2_000), JOINER)];
    for life in 0..lives - 1 {
        faults.extend([crash(at(life, 3), RESTARTED), restart(at(life, 14), RESTARTED)]);
    }
    let latency = quantity::Span { least: Time::millis(1), most: Time::millis(1) };
    let load = Load { messages: lives, interval: period, senders: Senders::One, size: 8, ..Load::default() };
    let network = Model { latency, ..Model::default() };
    let ring = tree(Scenario { faults, load, network, heal: false, ..scenario("circular", None, 5) });
    let (seen, [origin, neighbour, joiner]) =
        (Arc::new(Mutex::new(Seen::default())), [RESTARTED, NEIGHBOUR, JOINER].map(NodeId::numbered));
    let noted = seen.clone();
    let mut simulation = Simulation::new(&ring, seed).unwrap();
    simulation.tamper(Box::new(move |node, output| {
        let mut noted = noted.lock().unwrap();
        match &output {
            Output::Append(_, Record::Received { batch, .. }) if batch.id.origin == origin => {
                if *node == origin {
                    noted.published.insert(batch.id.incarnation);
                } else if *node == joiner {
                    noted.lives.insert(batch.id.incarnation);
                }
            }
            Output::Send(_, frame @ Frame::Digest { streams, spans, .. })
                if *node == neighbour && streams.len() == 8 && matches!(spans[..], [Span { .. }]) =>
            {
                noted.digest = noted.digest.max(frame_len(frame));
            }
            _ => {}
        }
        vec![output]
    }));
    let outcome = simulation.run().unwrap_or_else(|violation| panic!("{violation}"));
    assert!(outcome.report.missing.is_empty());
    std::mem::take(&mut *seen.lock().unwrap())
}

#[test]
fn the_messages_of_all_lives_reach_a_late_joiner_and_digests_do_not_grow() {
    // The seed draws who publishes.
    let seed = (1..).find(|&seed| !restarted(10, seed).published.is_empty()).unwrap();
    let [few, many] = [10, 300].map(|lives| restarted(lives, seed));
    assert!(many.published.len() > 200, "{} lives published", many.published.len());
    assert_eq!(many.lives, many.published);
    assert!(few.digest > 0 && many.digest <= few.digest + 8, "{} and {} bytes", few.digest, many.digest);
}
