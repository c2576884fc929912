//! Random walks that bring members to where they are needed (HyParView, DSN 2007): a joining node to neighbours all over
//! the overlay, and samples of views to other nodes. Stateless: all that a walk knows travels in its frame.

use super::chance::Chance;
use crate::core::{
    frame::{Member, WALK_PATH_LEN_MAX, Walk, WalkKind},
    id::NodeId,
};

/// How far a walk goes (ARWL).
pub const STEPS: u8 = 6;
/// With how many steps left a joining node is noted in a view (PRWL).
pub const NOTING_STEPS: u8 = 3;
/// Neighbours in a shuffle (ka).
pub const SHUFFLED_NEIGHBOURS: usize = 3;
/// Members of the view in a shuffle (kp).
pub const SHUFFLED_VIEW: usize = 4;

/// What a walk asks of the node that it has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Pass it on.
    Forward {
        /// To which neighbour.
        to: NodeId,
        /// As what.
        walk: Walk,
    },
    /// Take this member as a neighbour.
    Take(Member),
    /// Note these members in the view.
    Note(Vec<Member>),
    /// Note its members in the view and send as many back.
    Answer {
        /// To which neighbour.
        to: NodeId,
        /// An empty reply with the path that it has to take.
        reply: Walk,
    },
}

/// A walk that brings `member` to a neighbour-to-be.
pub fn join(member: Member) -> Walk {
    Walk { kind: WalkKind::Join, steps: STEPS, path: Vec::new(), members: vec![member] }
}

/// A walk of a sample of what `me` knows.
pub fn shuffle(me: Member, known: impl IntoIterator<Item = Member>) -> Walk {
    let path = vec![me.node.clone()];
    Walk { kind: WalkKind::Shuffle, steps: STEPS, path, members: std::iter::once(me).chain(known).collect() }
}

/// Members that a neighbour may not know.
pub fn news(members: Vec<Member>) -> Walk {
    Walk { kind: WalkKind::News, steps: 0, path: Vec::new(), members }
}

/// What is to be done with a walk that `from` has passed on to `me`, whose `neighbours` are these.
/// More than [`STEPS`] steps are not gone, whatever the frame says.
pub fn advance(me: &NodeId, from: &NodeId, walk: Walk, neighbours: &[NodeId], chance: &mut Chance) -> Vec<Step> {
    match walk.kind {
        WalkKind::Join => advance_join(me, from, walk, neighbours, chance),
        WalkKind::Shuffle => advance_shuffle(me, from, walk, neighbours, chance).into_iter().collect(),
        WalkKind::Reply => advance_reply(me, walk, neighbours).into_iter().collect(),
        WalkKind::News => Vec::new(),
    }
}

fn advance_join(me: &NodeId, from: &NodeId, walk: Walk, neighbours: &[NodeId], chance: &mut Chance) -> Vec<Step> {
    let Walk { steps, mut members, path, .. } = walk;
    let Some(member) = (!members.is_empty()).then(|| members.swap_remove(0)) else { return Vec::new() };
    let steps = steps.min(STEPS);
    let is_known = member.node == *me || neighbours.contains(&member.node);
    let others: Vec<&NodeId> = neighbours.iter().filter(|&node| node != from && *node != member.node).collect();
    let next = if steps == 0 { None } else { chance.pick(&others) };
    let mut todo = Vec::new();
    if steps == NOTING_STEPS && !is_known {
        todo.push(Step::Note(vec![member.clone()]));
    }
    match next {
        Some(&to) => {
            let walk = Walk { kind: WalkKind::Join, steps: steps - 1, path, members: vec![member] };
            todo.push(Step::Forward { to: to.clone(), walk });
        }
        None if !is_known => todo.push(Step::Take(member)),
        None => {}
    }
    todo
}

fn advance_shuffle(
    me: &NodeId,
    from: &NodeId,
    mut walk: Walk,
    neighbours: &[NodeId],
    chance: &mut Chance,
) -> Option<Step> {
    if walk.path.first() == Some(me) {
        return None;
    }
    walk.steps = walk.steps.min(STEPS).saturating_sub(1);
    let others: Vec<&NodeId> = neighbours.iter().filter(|&node| node != from && !walk.path.contains(node)).collect();
    let goes_on = walk.steps > 0 && walk.path.len() < WALK_PATH_LEN_MAX;
    let next = if goes_on { chance.pick(&others) } else { None };
    if let Some(&to) = next {
        walk.path.push(me.clone());
        return Some(Step::Forward { to: to.clone(), walk });
    }
    let Walk { mut path, members, .. } = walk;
    let to = path.pop()?;
    if !neighbours.contains(&to) {
        return Some(Step::Note(members));
    }
    Some(Step::Answer { to, reply: Walk { kind: WalkKind::Reply, steps: 0, path, members } })
}

fn advance_reply(me: &NodeId, mut walk: Walk, neighbours: &[NodeId]) -> Option<Step> {
    match walk.path.pop() {
        None => Some(Step::Note(walk.members)),
        Some(to) if to != *me && neighbours.contains(&to) => Some(Step::Forward { to, walk }),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::overlay::tests::member;
    use proptest::prelude::*;

    fn names(count: u32) -> Vec<NodeId> {
        (0..count).map(NodeId::numbered).collect()
    }

    /// Lets a walk go through a full mesh of `count` nodes and says what was asked on the way, by whom.
    fn go(count: u32, mut walk: Walk, first: u32, chance: &mut Chance) -> Vec<(NodeId, Step)> {
        let all = names(count);
        let (mut from, mut at) = (all[0].clone(), all[first as usize].clone());
        let mut seen = Vec::new();
        for _ in 0..20 {
            let neighbours: Vec<_> = all.iter().filter(|&node| *node != at).cloned().collect();
            let mut forward = None;
            for step in advance(&at, &from, walk.clone(), &neighbours, chance) {
                match step {
                    Step::Forward { to, walk } => forward = Some((to, walk)),
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
            let seen = go(count, join(member(99)), 1, &mut Chance::new(seed));
            prop_assert_eq!(&seen[0].1, &Step::Note(vec![member(99)]));
            prop_assert_eq!(&seen[1].1, &Step::Take(member(99)));
        }

        #[test]
        fn a_reply_takes_the_way_back(seed: u64, count in 2u32..30) {
            let mut chance = Chance::new(seed);
            let seen = go(count, shuffle(member(0), [member(70), member(71)]), 1, &mut chance);
            let [(at, Step::Answer { to, reply })] = &seen[..] else { panic!("{seen:?}") };
            prop_assert!(reply.path.len() < usize::from(STEPS) && *at != NodeId::numbered(0));
            prop_assert_eq!(&reply.members, &vec![member(0), member(70), member(71)]);
            let (mut here, mut walk, mut hops) = (to.clone(), reply.clone(), 1);
            loop {
                let steps = advance(&here, at, walk, &names(count), &mut chance);
                match &steps[..] {
                    [Step::Forward { to, walk: next }] => (here, walk, hops) = (to.clone(), next.clone(), hops + 1),
                    [Step::Note(members)] => break prop_assert_eq!(members.len(), 3),
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
            let steps = advance(&me, &NodeId::numbered(0), walk.clone(), &neighbours, &mut Chance::new(seed));
            let sent: Vec<_> = steps.iter().filter_map(|step| match step {
                Step::Forward { to, walk } | Step::Answer { to, reply: walk } => Some((to, walk)),
                Step::Take(_) | Step::Note(_) => None,
            }).collect();
            prop_assert!(sent.len() <= 1);
            for (to, next) in sent {
                prop_assert!(neighbours.contains(to) && *to != me);
                prop_assert!(next.path.len() <= 16);
                prop_assert!(next.steps < walk.steps.max(1) || next.path.len() < walk.path.len());
            }
        }
    }
}
