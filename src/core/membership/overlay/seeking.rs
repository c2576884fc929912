//! Seeking: which nodes are asked to be neighbours, and which are taken.
//!
//! Two nodes that lack a neighbour find each other without a coordinator: each asks those that should lack one too;
//! a place for which somebody was asked just now is taken, unless a lower name asks for it. Whoever
//! still lacks one when all it knows were asked asks for need, and gets one from a node that has enough: so no place stays
//! free for longer than it takes to ask, and nobody need know who else has one.

use super::{bridging, passive_view::Rank, search::SearchPurpose, views::Views};
use crate::core::{
    frame::{JoinPriority, Member},
    id::NodeId,
    time::Mono,
};

/// Rounds in which another that lacks a neighbour, too, is to be found, which may notice later; then whoever is asked is to
/// take this node.
const ROUNDS_IN_HOPE: u32 = 6;

/// Returns true if a node that greets is taken; if so, it counts as a neighbour-to-be.
pub(super) fn admits(views: &mut Views, now: Mono, member: &Member, priority: JoinPriority) -> bool {
    let node = &member.node;
    if priority == JoinPriority::Bridge {
        return bridging::admits(views, now, node);
    }
    let is_ours = views.active().contains(node) || views.search().contains(node);
    if is_ours || priority != JoinPriority::Neighbour {
        return true;
    }
    let has_room = views.search().holding() < views.active().wanting() || make_way(views, node);
    if has_room && views.search().has_room(now) {
        views.search_mut().begin(now, node.clone(), SearchPurpose::Accepted, priority);
        return true;
    }
    // Maybe it is of another part, and nobody here has heard of it.
    views.learn([member.clone()]);
    false
}

/// Gives up a node that was asked for the sake of one that lost the same neighbour, or else has a lower name, so that
/// not all wait for each other.
fn make_way(views: &mut Views, asker: &NodeId) -> bool {
    let active = views.active();
    if active.wanting() == 0 {
        return false;
    }
    let rank = |node: &NodeId| {
        let is_orphan = active.orphans().any(|orphan| orphan.node == *node);
        (u8::from(!is_orphan), Rank::from(node))
    };
    let Some((highest, given_up)) = views.search().asked().map(|node| (rank(node), node)).max() else { return false };
    let asking = rank(asker);
    let gives_way = asking.0 < highest.0 || asking.0 == highest.0 && asking.1 < Rank::from(active.me());
    if gives_way {
        let node = given_up.clone();
        views.search_mut().end(&node);
        views.actions().unlink(node);
    }
    gives_way
}

/// A walk has brought a node that is to be a neighbour.
pub(super) fn take(views: &mut Views, now: Mono, member: Member) {
    let node = &member.node;
    let is_ours = views.active().is_neighbour(node) || views.search().contains(node) || node == views.active().me();
    // A walk may name one that nobody reaches, again and again.
    if !is_ours && views.passive().may_try(now, node) && views.search().has_room(now) {
        views.note(member.clone());
        views.seek(now, member, SearchPurpose::Wanted, JoinPriority::Needed);
    }
}

/// Asks one of those that were not there whether it is back: it may have forgotten all who knew it, and all who knew
/// it may be gone but this node. If it has no room for a neighbour, each side has still heard of the other.
pub(super) fn ask_missed(views: &mut Views, now: Mono) {
    if !views.search().has_room(now) {
        return;
    }
    let missed = views.passive().missed_due(now).filter(|member| views.is_stranger(&member.node));
    let missed: Vec<Member> = missed.collect();
    if let Some(member) = views.rng().pick(&missed).cloned() {
        views.seek(now, member, SearchPurpose::Missed, JoinPriority::Neighbour);
    }
}

/// Seeks whom the node needs.
pub(super) fn fill(views: &mut Views, now: Mono) {
    let round = views.round_mut();
    let is_paused = round.is_paused(now);
    if is_paused && !round.take_news() {
        return;
    }
    loop {
        let (wanting, holding) = (views.active().wanting(), views.search().holding());
        if wanting <= holding || !views.search().may_fill() {
            return;
        }
        let Some((member, purpose)) = candidate(views, now) else {
            if holding == 0 && !is_paused {
                views.end_round(now);
            }
            return;
        };
        let in_need = views.active().is_empty() || views.round().number() >= ROUNDS_IN_HOPE;
        let asks_for_need = in_need && !views.search().is_in_need();
        let priority = if asks_for_need { JoinPriority::Needed } else { JoinPriority::Neighbour };
        views.seek(now, member, purpose, priority);
    }
}

/// The node to ask next, and for what.
fn candidate(views: &mut Views, now: Mono) -> Option<(Member, SearchPurpose)> {
    if views.round().is_full() {
        return None;
    }
    let vacant = views.active().vacant(views.search());
    for lost in &vacant {
        if let Some(orphan) = views.active().orphan_of(lost, |node| is_candidate(views, node)) {
            return Some((orphan, SearchPurpose::Replacement(lost.clone())));
        }
    }
    let purpose = vacant.into_iter().next().map_or(SearchPurpose::Vacancy, SearchPurpose::Replacement);
    acquaintance(views, now).map(|member| (member, purpose))
}

/// One of all that this node has heard of.
fn acquaintance(views: &mut Views, now: Mono) -> Option<Member> {
    let open = |members: &mut dyn Iterator<Item = &Member>| -> Vec<Member> {
        members.filter(|member| is_candidate(views, &member.node)).cloned().collect()
    };
    let known: Vec<Member> = views.passive().due(now).filter(|member| is_candidate(views, &member.node)).collect();
    let near = open(&mut views.active().second_degree());
    if !views.active().roams() {
        return [near, known].iter().find_map(|members| views.rng().pick(members).cloned());
    }
    // Neighbours of neighbours would make clusters: walks and samples of views come from farther away, if later.
    let near = if views.round().number() >= ROUNDS_IN_HOPE { near } else { Vec::new() };
    let orphans = open(&mut views.active().orphans());
    [orphans, known, near].iter().find_map(|members| views.rng().pick(members).cloned())
}

fn is_candidate(views: &Views, node: &NodeId) -> bool {
    let is_likely = views.active().is_empty() || !views.active().is_fallen(node);
    is_likely && views.is_stranger(node) && !views.round().excludes(node)
}
