//! Random walks that bring members to where they are needed (HyParView, DSN 2007): a joining node to neighbours all over
//! the overlay, and samples of views to other nodes. Stateless: all that a walk knows travels in its frame.

use crate::core::{
    frame::{Member, WALK_PATH_LEN_MAX, Walk, WalkKind},
    id::NodeId,
    rng::Rng,
};

/// Steps of a walk (ARWL).
pub(crate) const STEPS: u8 = 6;
/// Steps left when a joining node is noted in a view (PRWL).
pub(crate) const NOTING_STEPS: u8 = 3;
/// Neighbours in a shuffle (ka).
pub(crate) const SHUFFLED_NEIGHBOURS: usize = 3;
/// Members of the view in a shuffle (kp).
pub(crate) const SHUFFLED_VIEW: usize = 4;

/// One thing that a walk asks of the node that it has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WalkAction {
    /// Pass it on.
    Forward {
        /// The neighbour.
        to: NodeId,
        /// The walk as it goes on.
        walk: Walk,
    },
    /// Take this member as a neighbour.
    Take(Member),
    /// Note these members in the view.
    Note(Vec<Member>),
    /// Note its members in the view and send as many back.
    Answer {
        /// The neighbour.
        to: NodeId,
        /// An empty reply with the path that it has to take.
        reply: Walk,
    },
}

/// A walk that brings `member` to a neighbour-to-be.
pub(crate) fn join(member: Member) -> Walk {
    Walk { kind: WalkKind::Join, steps: STEPS, path: Vec::new(), members: vec![member] }
}

/// A walk of a sample of what `me` knows.
pub(crate) fn shuffle(me: Member, known: impl IntoIterator<Item = Member>) -> Walk {
    let path = vec![me.node.clone()];
    Walk { kind: WalkKind::Shuffle, steps: STEPS, path, members: std::iter::once(me).chain(known).collect() }
}

/// Members that a neighbour may not know.
pub(crate) fn news(members: Vec<Member>) -> Walk {
    Walk { kind: WalkKind::News, steps: 0, path: Vec::new(), members }
}

/// All that is to be done with a walk that `from` has passed on to `me`, whose `neighbours` are these.
/// More than [`STEPS`] steps are not gone, whatever the frame says.
pub(crate) fn advance(me: &NodeId, from: &NodeId, walk: Walk, neighbours: &[NodeId], rng: &mut Rng) -> Vec<WalkAction> {
    if walk.members.is_empty() {
        return Vec::new();
    }
    match walk.kind {
        WalkKind::Join => advance_join(me, from, walk, neighbours, rng),
        WalkKind::Shuffle => advance_shuffle(me, from, walk, neighbours, rng).into_iter().collect(),
        WalkKind::Reply => advance_reply(me, walk, neighbours).into_iter().collect(),
        WalkKind::News => Vec::new(),
    }
}

fn advance_join(me: &NodeId, from: &NodeId, walk: Walk, neighbours: &[NodeId], rng: &mut Rng) -> Vec<WalkAction> {
    let Walk { steps, members, path, .. } = walk;
    let Some(member) = members.into_iter().next() else { return Vec::new() };
    let steps = steps.min(STEPS);
    let is_known = member.node == *me || neighbours.contains(&member.node);
    let others: Vec<&NodeId> = neighbours.iter().filter(|&node| node != from && *node != member.node).collect();
    let next = if steps == 0 { None } else { rng.pick(&others) };
    let mut todo = Vec::new();
    if steps == NOTING_STEPS && !is_known {
        todo.push(WalkAction::Note(vec![member.clone()]));
    }
    match next {
        Some(&to) => {
            let walk = Walk { kind: WalkKind::Join, steps: steps - 1, path, members: vec![member] };
            todo.push(WalkAction::Forward { to: to.clone(), walk });
        }
        None if !is_known => todo.push(WalkAction::Take(member)),
        None => {}
    }
    todo
}

fn advance_shuffle(
    me: &NodeId,
    from: &NodeId,
    mut walk: Walk,
    neighbours: &[NodeId],
    rng: &mut Rng,
) -> Option<WalkAction> {
    if walk.path.first() == Some(me) {
        return None;
    }
    walk.steps = walk.steps.min(STEPS).saturating_sub(1);
    let others: Vec<&NodeId> = neighbours.iter().filter(|&node| node != from && !walk.path.contains(node)).collect();
    let goes_on = walk.steps > 0 && walk.path.len() < WALK_PATH_LEN_MAX;
    let next = if goes_on { rng.pick(&others) } else { None };
    if let Some(&to) = next {
        walk.path.push(me.clone());
        return Some(WalkAction::Forward { to: to.clone(), walk });
    }
    let Walk { mut path, members, .. } = walk;
    let to = path.pop()?;
    if !neighbours.contains(&to) {
        return Some(WalkAction::Note(members));
    }
    Some(WalkAction::Answer { to, reply: Walk { kind: WalkKind::Reply, steps: 0, path, members } })
}

fn advance_reply(me: &NodeId, mut walk: Walk, neighbours: &[NodeId]) -> Option<WalkAction> {
    match walk.path.pop() {
        None => Some(WalkAction::Note(walk.members)),
        Some(to) if to != *me && neighbours.contains(&to) => Some(WalkAction::Forward { to, walk }),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::membership::overlay::tests::member;
    use crate::core::rng::Rng;
    use proptest::prelude::*;

    fn names(count: u32) -> Vec<NodeId> {
        (0..count).map(NodeId::numbered).collect()
    }

    /// Lets a walk go through a full mesh of `count` nodes and says what was asked on the way, by whom.
    fn go(count: u32, mut walk: Walk, first: u32, rng: &mut Rng) -> Vec<(NodeId, WalkAction)> {
        let all = names(count);
        let (mut from, mut at) = (all[0].clone(), all[first as usize].clone());
        let mut seen = Vec::new();
        for _ in 0..20 {
            let neighbours: Vec<_> = all.iter().filter(|&node| *node != at).cloned().collect();
            let mut forward = None;
            for step in advance(&at, &from, walk.clone(), &neighbours, rng) {
                match step {
                    WalkAction::Forward { to, walk } => forward = Some((to, walk)),
                    step => seen.push((at.clone(), step)),
                }
            }
            let Some((to, next)) = forward else { return seen };
            (from, at, walk) = (at, to, next);
        }
        panic!("a walk without end")
    }

    proptest! {
        #[test]
        fn a_join_is_noted_on_the_way_and_taken_at_the_end(seed: u64, count in 5u32..30) {
            let seen = go(count, join(member(99)), 1, &mut Rng::new(seed));
            prop_assert_eq!(&seen[0].1, &WalkAction::Note(vec![member(99)]));
            prop_assert_eq!(&seen[1].1, &WalkAction::Take(member(99)));
        }

        #[test]
        fn a_reply_takes_the_way_back(seed: u64, count in 2u32..30) {
            let mut rng = Rng::new(seed);
            let seen = go(count, shuffle(member(0), [member(70), member(71)]), 1, &mut rng);
            let [(at, WalkAction::Answer { to, reply })] = &seen[..] else { panic!("{seen:?}") };
            prop_assert!(reply.path.len() < usize::from(STEPS) && *at != NodeId::numbered(0));
            prop_assert_eq!(&reply.members, &vec![member(0), member(70), member(71)]);
            let (mut here, mut walk, mut hops) = (to.clone(), reply.clone(), 1);
            loop {
                let steps = advance(&here, at, walk, &names(count), &mut rng);
                match &steps[..] {
                    [WalkAction::Forward { to, walk: next }] => (here, walk, hops) = (to.clone(), next.clone(), hops + 1),
                    [WalkAction::Note(members)] => break prop_assert_eq!(members.len(), 3),
                    other => panic!("{other:?}"),
                }
            }
            prop_assert_eq!(here, NodeId::numbered(0));
            prop_assert!(hops <= u32::from(STEPS));
        }

        #[test]
        fn whatever_comes_is_passed_on_to_a_neighbour_once(
            seed: u64, kind in 0usize..3, steps: u8, path in prop::collection::vec(0u32..12, 0..16),
            members in prop::collection::vec(0u32..12, 0..10), neighbours in 0u32..6,
        ) {
            let kind = [WalkKind::Join, WalkKind::Shuffle, WalkKind::Reply][kind];
            let path: Vec<_> = path.into_iter().map(NodeId::numbered).collect();
            let walk = Walk { kind, steps, path, members: members.into_iter().map(member).collect() };
            let neighbours = names(neighbours);
            let me = NodeId::numbered(11);
            let steps = advance(&me, &NodeId::numbered(0), walk.clone(), &neighbours, &mut Rng::new(seed));
            let sent: Vec<_> = steps.iter().filter_map(|step| match step {
                WalkAction::Forward { to, walk } | WalkAction::Answer { to, reply: walk } => Some((to, walk)),
                WalkAction::Take(_) | WalkAction::Note(_) => None,
            }).collect();
            prop_assert!(sent.len() <= 1);
            for (to, next) in sent {
                prop_assert!(neighbours.contains(to) && *to != me);
                prop_assert!(next.path.len() <= 16 && !next.members.is_empty());
                prop_assert!(next.steps < walk.steps.max(1) || next.path.len() < walk.path.len());
            }
        }
    }
}
