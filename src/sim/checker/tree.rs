//! The rules of trees, as far as they go beyond those of every message: how many frames cross the links when nothing
//! goes wrong.

use super::{steps::Checker, tracked::Tracked, wrong::Wrong};
use crate::{sim::network::Model, topology::Graph};
use std::time::Duration;

/// Time after its last delivery in which a message may still change its origin's tree, beyond four latencies: announcements
/// wait for others, and a node that sees that another link is quicker says so once.
const AFTERMATH: Duration = Duration::from_millis(100);

impl Checker {
    /// Checks that a message crossed as many links as it must if nothing goes wrong and an earlier message of its origin has
    /// left a tree. Traced: 2E·R in all. With its payload: N−1, if not every frame carries the payload.
    pub(in crate::sim) fn check_tree(
        &self,
        graph: &Graph,
        model: &Model,
        small_payload_max: usize,
        place: usize,
    ) -> Result<(), Wrong> {
        let told = &self.messages[place];
        let check = |what, found, expected| {
            let wrong = Wrong::Frames { id: told.id.clone(), what, found, expected };
            if found == expected { Ok(()) } else { Err(wrong) }
        };
        let is_warmed = self.is_warmed(told, model);
        let is_small = told.payload.len() <= small_payload_max;
        if self.load.trace {
            let found = told.frames + told.paths;
            match self.flood_frames(graph) {
                Some(expected) if is_warmed || is_small => check("traced", found, expected)?,
                // Along a tree that is another origin's a payload may come so late that it is asked for.
                Some(expected) if !(expected..expected + self.names.len() as u64).contains(&found) => {
                    check("traced", found, expected)?;
                }
                _ => {}
            }
            if is_small {
                return check("path", told.paths, 0);
            }
        }
        // Where both ways round take about as long, a payload may be asked for that is on its way already.
        let least = self.names.len() as u64 - 1;
        let is_tree = (least..=least + told.asked).contains(&told.frames);
        if is_warmed && !is_tree { check("payload", told.frames, least) } else { Ok(()) }
    }

    /// Returns whether the origin's message before this one was everywhere, and had stopped to change the tree, when this one was
    /// published.
    fn is_warmed(&self, told: &Tracked, model: &Model) -> bool {
        // A message that came along another origin's tree may have been asked for, and the next one mends the tree.
        let Some(before) = told.id.sequence.checked_sub(1).filter(|&before| before > 1) else { return false };
        let id = told.id.stream().message(before);
        let Some(before) = self.find(&id).map(|place| &self.messages[place]) else { return false };
        let is_everywhere = before.delivered.iter().all(|(life, _)| *life > 0);
        let last = before.delivered.iter().map(|(_, at)| *at).max().unwrap_or_default();
        is_everywhere && last + 4 * model.latency.most.0 + AFTERMATH <= told.published_at
    }
}
