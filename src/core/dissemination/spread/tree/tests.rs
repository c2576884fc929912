//! Trees of many nodes on links of fixed delay: pushes and prunes alone, as they cross.

use super::*;
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use std::{cmp::Reverse, collections::BinaryHeap};

const TIMING: Timing = Timing { pull_delay_min: Duration::from_millis(100), ..Timing::LAN };

fn name(node: usize) -> NodeId {
    NodeId::numbered(node as u32 + 1)
}

fn at(millis: u64) -> Mono {
    Mono(millis * 1_000_000)
}

fn slots(numbers: &[u16]) -> Slots {
    numbers.iter().map(|&number| Slot(number)).collect()
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Frame {
    Push { message: usize, origin: usize, model: Option<usize> },
    Prune { origin: usize },
    Graft { origin: usize },
}

/// Time, order, from, to, what.
type Queued = (u64, u64, usize, usize, Frame);

/// The time when a message came and from whom.
type Came = Option<(u64, Option<Slot>)>;

/// Nodes whose slots are the places in their lists of neighbours.
struct Net {
    neighbours: Vec<Vec<(usize, u64)>>,
    trees: Vec<Trees>,
    queue: BinaryHeap<Reverse<Queued>>,
    sent: u64,
    clock: u64,
    /// By message and node: when it came and from whom.
    came: Vec<Vec<Came>>,
    pushes: u64,
}

impl Net {
    /// A ring with chords, so that it is connected.
    fn random(nodes: usize, chords: usize, seed: u64) -> Self {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let mut neighbours = vec![Vec::new(); nodes];
        let ring = (0..nodes).map(|node| (node, (node + 1) % nodes)).collect::<Vec<_>>();
        let chords = (0..chords)
            .map(|_| (random.random_range(0..nodes as u32) as usize, random.random_range(0..nodes as u32) as usize));
        for (a, b) in ring.into_iter().chain(chords.collect::<Vec<_>>()) {
            let is_new = a != b && neighbours[a].iter().all(|&(other, _)| other != b);
            if is_new {
                let delay = u64::from(random.random_range(10..50_u32));
                neighbours[a].push((b, delay));
                neighbours[b].push((a, delay));
            }
        }
        let trees = (0..nodes).map(|node| Trees::new(name(node), 64, &TIMING)).collect();
        Self { neighbours, trees, queue: BinaryHeap::new(), sent: 0, clock: 0, came: Vec::new(), pushes: 0 }
    }

    fn all(&self, node: usize) -> Slots {
        (0..self.neighbours[node].len() as u16).map(Slot).collect()
    }

    fn slot(&self, node: usize, of: usize) -> Slot {
        Slot(self.neighbours[node].iter().position(|&(other, _)| other == of).unwrap() as u16)
    }

    fn send(&mut self, from: usize, slot: Slot, frame: Frame) {
        let (to, delay) = self.neighbours[from][usize::from(slot.0)];
        self.pushes += u64::from(matches!(frame, Frame::Push { .. }));
        self.sent += 1;
        self.queue.push(Reverse((self.clock + delay, self.sent, from, to, frame)));
    }

    fn spread(
        &mut self,
        node: usize,
        source: Source,
        from: Option<Slot>,
        message: usize,
        origin: usize,
        model: Option<usize>,
    ) {
        self.came[message][node] = Some((self.clock, from));
        let (links, named) = (self.all(node), model.map(name));
        let targets = self.trees[node].spread(at(self.clock), &name(origin), source, named.as_ref(), &links);
        for slot in targets.iter() {
            self.send(node, slot, Frame::Push { message, origin, model });
        }
    }

    fn publish(&mut self, origin: usize) -> usize {
        let message = self.came.len();
        self.came.push(vec![None; self.neighbours.len()]);
        let model = self.trees[origin].model_for_own(at(self.clock));
        let model = model.map(|model| model.as_str().parse::<usize>().unwrap() - 1);
        self.spread(origin, Source::Here, None, message, origin, model);
        message
    }

    /// Lets everything arrive, then waits until trees have settled.
    fn run(&mut self) {
        while let Some(Reverse((time, _, from, to, frame))) = self.queue.pop() {
            self.clock = time;
            let slot = self.slot(to, from);
            match frame {
                Frame::Push { message, origin, model } => match self.came[message][to] {
                    None => self.spread(to, Source::Pushed(slot), Some(slot), message, origin, model),
                    Some((_, first)) => {
                        if let Some(pruned) = self.trees[to].duplicate(at(time), &name(origin), slot, first) {
                            self.send(to, pruned, Frame::Prune { origin });
                        }
                    }
                },
                Frame::Prune { origin } => self.trees[to].on_prune(at(time), &name(origin), slot),
                Frame::Graft { origin } => {
                    let links = self.all(to);
                    self.trees[to].on_graft(at(time), &name(origin), slot, &links);
                }
            }
        }
        self.clock += 1_000;
    }

    /// Announcements as they would come, with their age: who would have been quicker than the parent.
    fn compare(&mut self, message: usize, origin: usize) {
        for node in 0..self.neighbours.len() {
            let Some((time, _)) = self.came[message][node] else { continue };
            for (index, (other, delay)) in self.neighbours[node].clone().into_iter().enumerate() {
                let would = self.came[message][other].unwrap().0 + delay;
                let lead = (time > would).then(|| Duration::from_millis(time - would));
                let slot = Slot(index as u16);
                let least = Duration::from_millis(1);
                if let Some(swap) = self.trees[node].announced(at(self.clock), &name(origin), slot, lead, least) {
                    self.send(node, swap.graft, Frame::Graft { origin });
                    if let Some(old) = swap.prune {
                        self.send(node, old, Frame::Prune { origin });
                    }
                }
            }
        }
        self.run();
    }

    fn reached(&self, message: usize) -> usize {
        self.came[message].iter().flatten().count()
    }

    fn last(&self, message: usize) -> u64 {
        self.came[message].iter().flatten().map(|&(time, _)| time).max().unwrap()
    }

    /// Both ends of each link agree whether it is in the tree.
    fn is_agreed(&self, origin: usize) -> bool {
        (0..self.neighbours.len()).all(|node| {
            self.neighbours[node].iter().all(|&(other, _)| {
                let eager = |a: usize, b| self.trees[a].eager(&name(origin)).unwrap().contains(self.slot(a, b));
                eager(node, other) == eager(other, node)
            })
        })
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn after_its_first_message_a_tree_takes_one_push_a_node(nodes in 3usize..40, chords in 0usize..60, seed: u64) {
        let mut net = Net::random(nodes, chords, seed);
        let flood = net.publish(0);
        let began = net.clock;
        net.run();
        let quickest = net.last(flood) - began;
        for _ in 0..3 {
            let (before, began) = (net.pushes, net.clock);
            let message = net.publish(0);
            net.run();
            prop_assert_eq!((net.reached(message), net.pushes - before), (nodes, nodes as u64 - 1));
            prop_assert_eq!(net.last(message) - began, quickest, "as quick as the flood");
            prop_assert!(net.is_agreed(0));
        }
    }

    #[test]
    fn a_new_origin_takes_one_push_a_node_from_its_first_message_on(nodes in 3usize..40, chords in 0usize..60, seed: u64) {
        let mut net = Net::random(nodes, chords, seed);
        net.publish(0);
        net.run();
        for origin in 1..nodes.min(6) {
            let before = net.pushes;
            let message = net.publish(origin);
            net.run();
            prop_assert_eq!((net.reached(message), net.pushes - before), (nodes, nodes as u64 - 1));
            prop_assert!(net.is_agreed(origin));
        }
    }

    #[test]
    fn announcements_make_a_copied_tree_as_quick_as_the_flood(nodes in 3usize..30, chords in 0usize..60, seed: u64) {
        let mut net = Net::random(nodes, chords, seed);
        let mut flooded = Net::random(nodes, chords, seed);
        let quickest = flooded.publish(1);
        flooded.run();
        net.publish(0);
        net.run();
        let mut last = 0;
        for _ in 0..3 * nodes {
            let began = net.clock;
            let message = net.publish(1);
            net.run();
            prop_assert_eq!(net.reached(message), nodes);
            last = net.last(message) - began;
            net.compare(message, 1);
        }
        let flood = flooded.last(quickest);
        prop_assert!(last <= flood + nodes as u64, "{} ms and not {} ms", last, flood);
        prop_assert!(net.is_agreed(1));
    }
}

#[test]
fn the_parent_stays_when_another_wins_a_race_and_goes_when_it_wins_again_and_again() {
    let mut trees = Trees::new(name(999), 4, &TIMING);
    let (origin, links) = (name(0), slots(&[0, 1, 2]));
    let push =
        |trees: &mut Trees, millis, from| trees.spread(at(millis), &origin, Source::Pushed(Slot(from)), None, &links);
    assert_eq!(push(&mut trees, 0, 0), slots(&[1, 2]));
    assert_eq!(push(&mut trees, 10, 1), slots(&[2]), "the parent has it, too");
    assert_eq!(trees.duplicate(at(11), &name(0), Slot(0), Some(Slot(1))), Some(Slot(1)), "its copy was the second");
    push(&mut trees, 20, 1);
    push(&mut trees, 30, 1);
    assert_eq!(trees.duplicate(at(31), &name(0), Slot(0), Some(Slot(1))), Some(Slot(0)), "now it is the other's turn");
}

#[test]
fn a_prune_is_repeated_only_if_it_seems_lost() {
    let mut trees = Trees::new(name(999), 4, &TIMING);
    let (origin, links) = (name(0), slots(&[0, 1]));
    trees.spread(at(0), &origin, Source::Pushed(Slot(0)), None, &links);
    assert_eq!(trees.duplicate(at(1), &origin, Slot(1), Some(Slot(0))), Some(Slot(1)));
    assert_eq!(trees.duplicate(at(50), &origin, Slot(1), Some(Slot(0))), None, "it was under way already");
    assert_eq!(trees.duplicate(at(150), &origin, Slot(1), Some(Slot(0))), Some(Slot(1)));
}

#[test]
fn whoever_loses_its_parent_adopts_the_next_that_announces() {
    let mut trees = Trees::new(name(999), 4, &TIMING);
    let (origin, links) = (name(0), slots(&[0, 1, 2]));
    assert!(trees.is_orphan(&origin), "it knows no tree at all");
    trees.spread(at(0), &origin, Source::Pushed(Slot(0)), None, &links);
    assert!(!trees.is_orphan(&origin) && !trees.is_orphan(&name(9)));
    trees.forget(Slot(0));
    assert!(trees.is_orphan(&origin));
    assert_eq!(trees.adopt(at(9), &origin, Slot(7), &links), None, "one that knows no trees cannot be grafted");
    assert_eq!(trees.adopt(at(9), &origin, Slot(2), &links), Some(Swap { graft: Slot(2), prune: None }));
    assert!(!trees.is_orphan(&origin));
    trees.on_prune(at(10), &origin, Slot(2));
    assert!(trees.is_orphan(&origin), "who pushes to us does so no more");
}

#[test]
fn the_wait_follows_what_was_measured() {
    let mut trees = Trees::new(name(999), 4, &TIMING);
    let (origin, links, round_trip) = (name(0), slots(&[0]), Duration::from_millis(150));
    assert_eq!(trees.pull_delay(at(0), &origin, round_trip), 7 * round_trip);
    trees.note_loss(at(0));
    assert_eq!(
        [9_999, 10_000].map(|millis| trees.pull_delay(at(millis), &origin, round_trip)),
        [1, 7].map(|times| times * round_trip)
    );
    for _ in 0..3 {
        trees.spread(at(0), &origin, Source::Pushed(Slot(0)), None, &links);
    }
    let wait = |trees: &Trees, round_trip| trees.pull_delay(at(20_000), &origin, round_trip);
    assert_eq!(wait(&trees, round_trip), round_trip);
    trees.learn(&origin, Duration::from_millis(400));
    assert_eq!(wait(&trees, round_trip), Duration::from_millis(600));
    (0..40).for_each(|_| trees.learn(&origin, Duration::ZERO));
    assert_eq!(wait(&trees, round_trip), round_trip);
    assert_eq!(wait(&trees, Duration::from_millis(1)), TIMING.pull_delay_min);
    trees.learn(&origin, Duration::from_secs(9));
    assert_eq!(wait(&trees, round_trip), TIMING.pull_delay_max);
}

#[test]
fn young_trees_to_copy_are_taken_by_name_and_others_by_use() {
    let mut trees = Trees::new(name(999), 9, &TIMING);
    let links = slots(&[0, 1]);
    let came =
        |trees: &mut Trees, origin| _ = trees.spread(at(0), &name(origin), Source::Pushed(Slot(0)), None, &links);
    [2, 1, 3].into_iter().for_each(|origin| came(&mut trees, origin));
    assert_eq!(
        trees.model_for_own(at(1000)),
        Some(&name(1)),
        "nodes that heard of them in another order take the same"
    );
    [2, 2, 3, 3, 2].into_iter().for_each(|origin| came(&mut trees, origin));
    assert_eq!(trees.model_for_own(at(1000)), Some(&name(2)));
}

#[test]
fn there_are_at_most_so_many_trees() {
    let mut trees = Trees::new(name(999), 3, &TIMING);
    let links = slots(&[0, 1]);
    for origin in 0..10 {
        trees.spread(at(0), &name(origin), Source::Pushed(Slot(0)), None, &links);
        trees.spread(at(0), &name(0), Source::Pushed(Slot(0)), None, &links);
    }
    assert_eq!(trees.len(), 3);
    assert!(trees.eager(&name(0)).is_some() && trees.eager(&name(9)).is_some() && trees.eager(&name(7)).is_none());
}

#[test]
fn a_new_tree_is_a_copy_of_the_one_that_is_named_or_else_of_the_last_that_has_settled() {
    let mut trees = Trees::new(name(999), 9, &TIMING);
    let links = slots(&[0, 1, 2, 3]);
    let spread = |trees: &mut Trees, millis, origin, model: Option<&NodeId>| {
        trees.spread(at(millis), &name(origin), Source::Pushed(Slot(0)), model, &links)
    };
    for (origin, pruned, millis) in [(1, 1, 0), (2, 2, 1), (3, 3, 1_000)] {
        (0..3).for_each(|_| _ = spread(&mut trees, millis, origin, Some(&name(origin))));
        trees.on_prune(at(millis), &name(origin), Slot(pruned));
    }
    assert_eq!(spread(&mut trees, 1_001, 4, None), slots(&[1, 3]), "that of 3 changes still");
    assert_eq!(spread(&mut trees, 1_002, 5, Some(&name(1))), slots(&[2, 3]));
    assert_eq!(spread(&mut trees, 1_003, 6, Some(&name(6))), slots(&[1, 2, 3]), "there is none to copy");
}
