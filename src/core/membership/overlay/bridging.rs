//! Bridging: a root finds components that it cannot reach.
//!
//! It dials the members with lower names: whoever has a lower name and lives is in another component. Of those with higher
//! names it asks one after the other whether they follow it: most do, and refuse; one that follows another root is in another
//! component, and takes the link.

use super::{
    search::{PATIENCE, SearchPurpose},
    views::Views,
};
use crate::core::{
    frame::{JoinPriority, Member},
    id::NodeId,
    time::Mono,
};

/// Members with lower names that are asked in the time that the first waits before it is asked again.
const BRIDGES_PER_REDIAL: u32 = 4;
/// Most members with lower names that are sought at one time.
const BRIDGES_MAX: usize = 8;

/// A root looks for components that it cannot reach.
pub(super) fn tick(views: &mut Views, now: Mono) {
    let Some(due) = due(views) else {
        end(views);
        views.lookout_mut().renew();
        return views.abandon(|seek| seek.is_for(&SearchPurpose::Bridge));
    };
    if now < due {
        return;
    }
    let bridges = views.search().count(|seek| seek.is_for(&SearchPurpose::Bridge));
    let has_room = bridges < BRIDGES_MAX && views.search().has_room(now);
    let below = views.passive().due_below(now, views.active().me());
    let below: Vec<Member> = below.filter(|member| views.is_stranger(&member.node)).collect();
    let wait = match views.rng().pick(&below).cloned() {
        Some(member) if has_room => {
            views.seek(now, member, SearchPurpose::Bridge, JoinPriority::Needed);
            views.timing().redial_min / BRIDGES_PER_REDIAL
        }
        _ => {
            look_out(views, now);
            views.timing().beat_interval
        }
    };
    views.lookout_mut().wait_until(now + wait);
}

/// The time at which a root looks for other components next; `None` if this node is none.
pub(super) fn due(views: &Views) -> Option<Mono> {
    let since = views.election().is_root_since()?;
    Some(views.lookout().next().max(since + views.election().grace()))
}

/// Asks the next of all that are known, one at a time. When all were asked, it pauses, longer each time.
fn look_out(views: &mut Views, now: Mono) {
    if views.lookout().is_waiting(now) {
        return;
    }
    unanswered(views, now);
    if views.search().is_quiet(now) || views.lookout_mut().is_paused(now) {
        return;
    }
    let is_open = |member: &Member| views.is_stranger(&member.node) && !views.lookout().has_asked(&member.node);
    let open: Vec<Member> = views.passive().due(now).filter(is_open).collect();
    match views.rng().pick(&open).cloned() {
        Some(member) => ask(views, now, member),
        None => views.end_lookout_round(now),
    }
}

/// Asks a node which root it follows.
fn ask(views: &mut Views, now: Mono, member: Member) {
    let until = now + views.timing().redial_min * PATIENCE;
    views.lookout_mut().ask(member.node.clone(), until);
    views.actions().seek(member, JoinPriority::Bridge);
}

/// A node cannot be reached: if it is the one that was asked, no answer is waited for any more.
pub(super) fn down(views: &mut Views, now: Mono, node: &NodeId) {
    if views.lookout().asks(node) {
        unanswered(views, now);
    }
}

/// The node that was asked, if any was, does not answer.
fn unanswered(views: &mut Views, now: Mono) {
    if let Some(node) = end(views) {
        views.passive_mut().missed(now, &node);
    }
}

/// Waits for no answer any more. Gives the node that was asked.
fn end(views: &mut Views) -> Option<NodeId> {
    let node = views.lookout_mut().end()?;
    if views.is_stranger(&node) {
        views.actions().unlink(node.clone());
    }
    Some(node)
}

/// Returns true if the root of its component is taken: it is not needed where its beat arrives.
pub(super) fn admits(views: &mut Views, now: Mono, node: &NodeId) -> bool {
    if views.active().contains(node) {
        return true;
    }
    let is_apart = views.election().is_settled(now) && views.election().root() != node;
    let is_taken = is_apart && views.search().has_room(now);
    if is_taken {
        views.search_mut().begin(now, node.clone(), SearchPurpose::Wanted, JoinPriority::Needed);
    }
    is_taken
}
