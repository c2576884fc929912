//! A random schedule of faults: a pure function of a seed, the nodes and the time, so that what went wrong once can be
//! ordered again.

use super::{
    active_faults::ActiveFaults,
    order::{Kind, Order},
};
use crate::core::{id::NodeId, rng::Rng};
use std::{collections::BTreeMap, time::Duration};

/// From one fault to the next, in milliseconds.
const GAP_MS: (usize, usize) = (200, 1_200);
/// Range of the time that faults last, in milliseconds; never more than a third of the whole time.
const LASTS_MS: (usize, usize) = (300, 5_000);
/// Of how many nodes one is killed at once, at most.
const KILLED_AT_ONCE: usize = 8;

/// A node, and those it is linked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its name.
    pub node: NodeId,
    /// Its declared peers.
    pub peers: Vec<NodeId>,
}

/// An order, and when it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduledOrder {
    /// From the beginning.
    pub at: Duration,
    /// Order that is due.
    pub order: Order,
}

/// Draws faults of these kinds for so long. All that is broken is mended at the end, at the latest. At any time at
/// least half of the nodes run. The same arguments give the same schedule, on every machine.
pub fn draw(seed: u64, places: &[Place], span: Duration, kinds: &[Kind]) -> Vec<ScheduledOrder> {
    let mut drawing = Drawing {
        rng: Rng::new(seed ^ 0x6472_696c_6c00_0000),
        places,
        longest: millis(span / 3).clamp(1, LASTS_MS.1),
        active_faults: ActiveFaults::default(),
        ends: BTreeMap::new(),
        steps: Vec::new(),
    };
    let mut at = Duration::ZERO;
    loop {
        at += drawing.between(GAP_MS);
        drawing.end_until(at.min(span));
        if at >= span || kinds.is_empty() || places.len() < 2 {
            break;
        }
        let kind = kinds[drawing.rng.below(kinds.len())];
        if let Some(order) = drawing.fault(kind) {
            drawing.begin(at, order);
        }
    }
    drawing.mend_all(span);
    drawing.steps
}

fn millis(time: Duration) -> usize {
    usize::try_from(time.as_millis()).unwrap_or(usize::MAX)
}

struct Drawing<'a> {
    rng: Rng,
    places: &'a [Place],
    /// Milliseconds.
    longest: usize,
    active_faults: ActiveFaults,
    /// Ends of the faults that last, by the time at which each is due and the order in which they began.
    ends: BTreeMap<(Duration, usize), Order>,
    steps: Vec<ScheduledOrder>,
}

impl Drawing<'_> {
    fn between(&mut self, (least, most): (usize, usize)) -> Duration {
        Duration::from_millis((least + self.rng.below(most - least + 1)) as u64)
    }

    fn give(&mut self, at: Duration, order: Order) {
        self.active_faults.apply(&order);
        self.steps.push(ScheduledOrder { at, order });
    }

    /// Mends what is due.
    fn end_until(&mut self, now: Duration) {
        while let Some(entry) = self.ends.first_entry().filter(|entry| entry.key().0 <= now) {
            let ((at, _), order) = entry.remove_entry();
            if order == Order::Heal {
                // It mends more than the partition that it was meant for.
                self.ends.retain(|_, end| matches!(end, Order::Restart(_)));
            }
            self.give(at, order);
        }
    }

    fn begin(&mut self, at: Duration, order: Order) {
        let end = match &order {
            Order::Kill(nodes) => Some(Order::Restart(nodes.clone())),
            Order::Pause(nodes) => Some(Order::Resume(nodes.clone())),
            Order::Partition(_) => Some(Order::Heal),
            Order::Cut { from: a, to: b, .. } | Order::Delay { a, b, .. } | Order::Drop { a, b, .. } => {
                // The later fault of a link replaces the earlier one, and has its own end.
                let mend = [Order::Mend { a: a.clone(), b: b.clone() }, Order::Mend { a: b.clone(), b: a.clone() }];
                self.ends.retain(|_, end| !mend.contains(end));
                mend.into_iter().next()
            }
            _ => None,
        };
        if let Some(end) = end {
            let lasts = self.between((LASTS_MS.0.min(self.longest), self.longest));
            self.ends.insert((at + lasts, self.steps.len()), end);
        }
        self.give(at, order);
    }

    /// A fault that is possible now, of this kind.
    fn fault(&mut self, kind: Kind) -> Option<Order> {
        let count = self.places.len();
        let running: Vec<_> =
            self.places.iter().map(|place| &place.node).filter(|node| self.active_faults.runs(node)).collect();
        // Half of the nodes go on, and one in any case.
        let spare = running.len().saturating_sub(count.div_ceil(2).max(1));
        match kind {
            Kind::Kill => {
                let wanted = 1 + self.rng.below((count / KILLED_AT_ONCE).max(1));
                let mut nodes: Vec<NodeId> = self.rng.sample(running, wanted.min(spare)).into_iter().cloned().collect();
                nodes.sort_by(|a, b| a.natural_key().cmp(&b.natural_key()));
                (!nodes.is_empty()).then_some(Order::Kill(nodes))
            }
            Kind::Pause if spare > 0 => Some(Order::Pause(vec![(*self.rng.pick(&running)?).clone()])),
            Kind::Restart if spare > 0 => Some(Order::Restart(vec![(*self.rng.pick(&running)?).clone()])),
            Kind::Pause | Kind::Restart => None,
            Kind::Cut => {
                let (from, to) = self.link()?;
                Some(Order::Cut { from, to, one_way: self.rng.below(4) == 0 })
            }
            Kind::Delay => {
                let ((a, b), by) = (self.link()?, self.between((1, 300)));
                Some(Order::Delay { a, b, by })
            }
            Kind::Drop => {
                let (a, b) = self.link()?;
                let ppm = 10_000 * u32::try_from(1 + self.rng.below(30)).unwrap_or(1);
                Some(Order::Drop { a, b, ppm })
            }
            Kind::Partition if self.active_faults.apart.is_empty() => {
                let wanted = 1 + self.rng.below(count / 2);
                let names = self.places.iter().map(|place| place.node.clone());
                let mut nodes = self.rng.sample(names, wanted);
                nodes.sort_by(|a, b| a.natural_key().cmp(&b.natural_key()));
                Some(Order::Partition(nodes))
            }
            Kind::Partition => None,
        }
    }

    /// A declared link, or any two nodes where a node has none.
    fn link(&mut self) -> Option<(NodeId, NodeId)> {
        let place = self.rng.pick(self.places)?;
        let others = || self.places.iter().map(|other| &other.node).filter(|&other| *other != place.node);
        let known: Vec<_> = others().filter(|other| place.peers.contains(other)).collect();
        let ends = if known.is_empty() { others().collect() } else { known };
        Some((place.node.clone(), (*self.rng.pick(&ends)?).clone()))
    }

    fn mend_all(&mut self, at: Duration) {
        if self.active_faults.has_disturbances() || !self.active_faults.paused.is_empty() {
            self.give(at, Order::Heal);
        }
        let mut down: Vec<_> = self.active_faults.down.iter().cloned().collect();
        down.sort_by(|a, b| a.natural_key().cmp(&b.natural_key()));
        if !down.is_empty() {
            self.give(at, Order::Restart(down));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn places(count: u32) -> Vec<Place> {
        let peers = |number: u32| [number % count + 1, (number + count - 2) % count + 1].map(NodeId::numbered);
        (1..=count).map(|number| Place { node: NodeId::numbered(number), peers: peers(number).into() }).collect()
    }

    proptest! {
        #[test]
        fn a_schedule_follows_from_its_seed_and_leaves_nothing_broken(
            seed: u64, count in 2u32..40, seconds in 1u64..90, mask in 1u8..128,
        ) {
            let kinds: Vec<_> = Kind::ALL.into_iter().enumerate().filter(|(at, _)| mask >> at & 1 == 1).map(|(_, kind)| kind).collect();
            let (places, span) = (places(count), Duration::from_secs(seconds));
            let steps = draw(seed, &places, span, &kinds);
            prop_assert_eq!(&steps, &draw(seed, &places, span, &kinds));
            prop_assert!(steps.iter().all(|step| step.at <= span) && steps.is_sorted_by_key(|step| step.at));
            let words: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
            let mut active_faults = ActiveFaults::default();
            for ScheduledOrder { order, .. } in &steps {
                for node in order.nodes() {
                    prop_assert!(places.iter().any(|place| place.node == *node), "{} is nobody", node);
                }
                match order {
                    Order::Kill(nodes) | Order::Pause(nodes) => {
                        prop_assert!(nodes.iter().all(|node| active_faults.runs(node)), "{}", order);
                    }
                    Order::Resume(nodes) => prop_assert!(nodes.iter().all(|node| active_faults.paused.contains(node)), "{}", order),
                    Order::Cut { from: a, to: b, .. } | Order::Delay { a, b, .. } | Order::Drop { a, b, .. } => {
                        prop_assert!(a != b);
                    }
                    _ => {}
                }
                // What was killed is restarted in the end.
                let mends = matches!(order, Order::Restart(nodes) if nodes.iter().all(|node| active_faults.down.contains(node)));
                prop_assert!(!order.is_fault() || mends || words.contains(&order.name()), "{}", order);
                active_faults.apply(order);
                let running = places.iter().filter(|place| active_faults.runs(&place.node)).count();
                prop_assert!(running >= places.len().div_ceil(2), "{} of {} run after {}", running, count, order);
            }
            prop_assert_eq!(active_faults, ActiveFaults::default());
        }
    }

    #[test]
    fn every_kind_comes_up_and_seeds_differ() {
        let (places, span) = (places(16), Duration::from_secs(60));
        let steps = draw(7, &places, span, &Kind::ALL);
        for kind in Kind::ALL {
            assert!(steps.iter().any(|step| step.order.name() == kind.name()), "{kind:?}");
        }
        assert_ne!(steps, draw(8, &places, span, &Kind::ALL));
        assert_eq!(draw(7, &places, span, &[]), []);
        assert_eq!(draw(7, &places[..1], span, &Kind::ALL), []);
    }
}
