//! Faults in force in a network at a moment, as far as they were ordered: pure, so that a schedule can be drawn with
//! it, a node told anew what it forgot, and the checker told who could hear whom.

use super::order::Order;
use crate::core::{id::NodeId, request::Disturbance};
use std::collections::{BTreeMap, BTreeSet};

/// Setting that a node is told: whom to disturb, or `None` for all, and how.
pub type Setting = (Option<Vec<NodeId>>, Disturbance);

/// Faults that are in force.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ActiveFaults {
    /// Nodes whose process has ended.
    pub down: BTreeSet<NodeId>,
    /// Nodes that are halted.
    pub paused: BTreeSet<NodeId>,
    /// One side of a partition; empty if there is none.
    pub apart: BTreeSet<NodeId>,
    /// Links of which something was ordered, by who speaks and who hears.
    links: BTreeMap<(NodeId, NodeId), Disturbance>,
}

impl ActiveFaults {
    /// Takes an order as done. A restarted node runs; what it forgot of disturbances it is told again.
    pub fn apply(&mut self, order: &Order) {
        match order {
            Order::Kill(nodes) => {
                self.paused.retain(|node| !nodes.contains(node));
                self.down.extend(nodes.iter().cloned());
            }
            Order::Restart(nodes) => {
                self.down.retain(|node| !nodes.contains(node));
                self.paused.retain(|node| !nodes.contains(node));
            }
            Order::Pause(nodes) => self.paused.extend(nodes.iter().cloned()),
            Order::Resume(nodes) => self.paused.retain(|node| !nodes.contains(node)),
            Order::Partition(nodes) => self.apart = nodes.iter().cloned().collect(),
            Order::Heal => {
                self.paused.clear();
                self.apart.clear();
                self.links.clear();
            }
            Order::Cut { from: a, to: b, .. }
            | Order::Delay { a, b, .. }
            | Order::Drop { a, b, .. }
            | Order::Mend { a, b } => {
                self.set(a, b, order.disturbance());
                if !matches!(order, Order::Cut { one_way: true, .. }) {
                    self.set(b, a, order.disturbance());
                }
            }
        }
    }

    fn set(&mut self, from: &NodeId, to: &NodeId, disturbance: Disturbance) {
        let link = (from.clone(), to.clone());
        if disturbance.is_none() {
            self.links.remove(&link);
        } else {
            self.links.insert(link, disturbance);
        }
    }

    /// Disturbance of what `from` says to `to`.
    pub fn between(&self, from: &NodeId, to: &NodeId) -> Disturbance {
        let link = self.links.get(&(from.clone(), to.clone())).copied().unwrap_or_default();
        Disturbance { cut: link.cut || self.is_across(from, to), ..link }
    }

    /// Returns whether a partition is between two nodes.
    fn is_across(&self, a: &NodeId, b: &NodeId) -> bool {
        self.apart.contains(a) != self.apart.contains(b)
    }

    /// Returns whether any link is disturbed.
    pub fn has_disturbances(&self) -> bool {
        !self.links.is_empty() || !self.apart.is_empty()
    }

    /// Returns whether a node runs and is not halted.
    pub fn runs(&self, node: &NodeId) -> bool {
        !self.down.contains(node) && !self.paused.contains(node)
    }

    /// All that `from` must be told so that it disturbs what it should, whatever it was told before: first about all
    /// peers, then about those that differ, each disturbance once.
    pub fn settings<'a>(&self, from: &NodeId, nodes: impl IntoIterator<Item = &'a NodeId>) -> Vec<Setting> {
        let others: Vec<_> = nodes.into_iter().filter(|&node| node != from).collect();
        let across = others.iter().filter(|node| self.is_across(from, node)).count();
        let usual = Disturbance { cut: across * 2 > others.len(), ..Disturbance::default() };
        let mut settings: Vec<Setting> = vec![(None, usual)];
        for to in others {
            let disturbance = self.between(from, to);
            match settings.iter_mut().find(|(_, known)| *known == disturbance) {
                Some((nodes, _)) => nodes.iter_mut().for_each(|nodes| nodes.push(to.clone())),
                None => settings.push((Some(vec![to.clone()]), disturbance)),
            }
        }
        settings
    }

    /// The links whose disturbance an order about single links changes: who is told, about whom.
    pub fn changed_by(order: &Order) -> Vec<(&NodeId, &NodeId)> {
        match order {
            Order::Cut { from, to, one_way: true } => vec![(from, to)],
            Order::Cut { from: a, to: b, .. }
            | Order::Delay { a, b, .. }
            | Order::Drop { a, b, .. }
            | Order::Mend { a, b } => vec![(a, b), (b, a)],
            _ => Vec::new(),
        }
    }

    /// Nodes that what is said at `origin` reaches over links that are as usual, itself included; none if it does not
    /// run. `peers`: who is linked to whom.
    pub fn company(&self, origin: &NodeId, peers: &BTreeMap<NodeId, Vec<NodeId>>) -> BTreeSet<NodeId> {
        let mut reached = BTreeSet::new();
        let mut waiting = Vec::from_iter(self.runs(origin).then_some(origin));
        while let Some(node) = waiting.pop() {
            if !reached.insert(node.clone()) {
                continue;
            }
            let is_open = |peer: &&NodeId| {
                let ways = [self.between(node, peer), self.between(peer, node)];
                self.runs(peer) && ways.iter().all(Disturbance::is_none)
            };
            waiting.extend(peers.get(node).into_iter().flatten().filter(is_open));
        }
        reached
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn node(number: u32) -> NodeId {
        NodeId::numbered(number)
    }

    fn nodes(numbers: impl IntoIterator<Item = u32>) -> Vec<NodeId> {
        numbers.into_iter().map(node).collect()
    }

    /// Disturbance that a node makes of its settings.
    fn heard(settings: &[Setting], to: &NodeId) -> Disturbance {
        let own = settings.iter().find(|(peers, _)| peers.as_ref().is_some_and(|peers| peers.contains(to)));
        own.unwrap_or(&settings[0]).1
    }

    #[test]
    fn a_partition_and_single_links_are_told_in_few_words() {
        let all = nodes(1..=20);
        let mut active_faults = ActiveFaults::default();
        active_faults.apply(&Order::Delay { a: node(1), b: node(2), by: Duration::from_millis(5) });
        active_faults.apply(&Order::Cut { from: node(3), to: node(9), one_way: true });
        active_faults.apply(&Order::Partition(nodes(1..=3)));
        for from in &all {
            let settings = active_faults.settings(from, &all);
            assert!(settings.len() <= 4, "{from}: {settings:?}");
            assert_eq!(settings[0].0, None);
            for to in all.iter().filter(|&to| to != from) {
                assert_eq!(heard(&settings, to), active_faults.between(from, to), "{from} to {to}");
            }
        }
        active_faults.apply(&Order::Mend { a: node(1), b: node(2) });
        assert!(active_faults.between(&node(1), &node(2)).is_none() && active_faults.between(&node(1), &node(4)).cut);
        active_faults.apply(&Order::Heal);
        assert!(!active_faults.has_disturbances() && active_faults.between(&node(3), &node(9)).is_none());
    }

    #[test]
    fn company_ends_at_the_dead_the_halted_and_the_cut_off() {
        let all: Vec<_> = nodes(1..=8);
        let ring: BTreeMap<_, _> = all
            .iter()
            .enumerate()
            .map(|(at, node)| (node.clone(), vec![all[(at + 1) % 8].clone(), all[(at + 7) % 8].clone()]))
            .collect();
        let mut active_faults = ActiveFaults::default();
        assert_eq!(active_faults.company(&node(1), &ring).len(), 8);
        active_faults.apply(&Order::Kill(nodes([3])));
        active_faults.apply(&Order::Pause(nodes([7])));
        assert_eq!(active_faults.company(&node(1), &ring), nodes([8, 1, 2]).into_iter().collect());
        active_faults.apply(&Order::Cut { from: node(2), to: node(1), one_way: true });
        assert_eq!(active_faults.company(&node(1), &ring), nodes([8, 1]).into_iter().collect());
        active_faults.apply(&Order::Restart(nodes([3])));
        assert_eq!(active_faults.company(&node(2), &ring), nodes([2, 3, 4, 5, 6]).into_iter().collect());
        assert!(active_faults.company(&node(7), &ring).is_empty());
    }
}
