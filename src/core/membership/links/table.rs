//! All links of a node, in the order in which they were opened, and when the first of them wants something.

use super::link::Link;
use crate::core::{
    config::Timing,
    event::LinkId,
    slots::Slot,
    time::{Mono, memo::Memo},
};

/// Links by number. Numbers are never used twice, so the order of opening is that of the numbers.
///
/// Each frame looks at one link and at when any of them wants something, so both are kept where they are found at once;
/// whoever gets hold of a link to change it has that found anew.
#[derive(Debug, Default)]
pub(super) struct Table {
    ids: Vec<LinkId>,
    links: Vec<Link>,
    /// Of each link, as its [`Link::deadline`] has it.
    deadlines: Vec<Memo<Option<Mono>>>,
}

impl Table {
    /// Adds a link with a number above all others.
    pub(super) fn insert(&mut self, id: LinkId, link: Link) {
        debug_assert!(
            self.ids.last().is_none_or(|&last| last < id),
            "links are numbered in the order of their opening"
        );
        self.ids.push(id);
        self.links.push(link);
        self.deadlines.push(Memo::default());
    }

    pub(super) fn remove(&mut self, id: &LinkId) -> Option<Link> {
        let index = self.index(id)?;
        self.ids.remove(index);
        self.deadlines.remove(index);
        Some(self.links.remove(index))
    }

    pub(super) fn get(&self, id: &LinkId) -> Option<&Link> {
        self.index(id).map(|index| &self.links[index])
    }

    pub(super) fn get_mut(&mut self, id: &LinkId) -> Option<&mut Link> {
        let index = self.index(id)?;
        self.deadlines[index].clear();
        Some(&mut self.links[index])
    }

    /// The far end of a link has said something. Gives the link's slot, and whether a suspicion ends.
    pub(super) fn heard(&mut self, now: Mono, id: &LinkId, timing: &Timing) -> Option<(Slot, bool)> {
        let index = self.index(id)?;
        self.deadlines[index].clear();
        let link = &mut self.links[index];
        Some((link.slot(), link.heard(now, timing)))
    }

    pub(super) fn len(&self) -> usize {
        self.links.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&LinkId, &Link)> {
        self.ids.iter().zip(&self.links)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &Link> {
        self.links.iter()
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut Link> {
        self.deadlines.iter_mut().for_each(Memo::clear);
        self.links.iter_mut()
    }

    /// The links that are meant.
    pub(super) fn select(&self, is_meant: impl Fn(&Link) -> bool) -> Vec<LinkId> {
        self.iter().filter(|(_, link)| is_meant(link)).map(|(&id, _)| id).collect()
    }

    /// The time at which the first link wants something.
    pub(super) fn deadline(&self) -> Option<Mono> {
        self.deadlines().filter_map(|(_, due)| due).min()
    }

    /// The links that want something by now.
    pub(super) fn due(&self, now: Mono) -> Vec<LinkId> {
        let due = self.deadlines().filter(|(_, due)| due.is_some_and(|due| due <= now));
        due.map(|(index, _)| self.ids[index]).collect()
    }

    fn deadlines(&self) -> impl Iterator<Item = (usize, Option<Mono>)> {
        let deadline = |(index, memo): (usize, &Memo<_>)| (index, memo.get(|| self.links[index].deadline()));
        self.deadlines.iter().enumerate().map(deadline)
    }

    fn index(&self, id: &LinkId) -> Option<usize> {
        self.ids.binary_search(id).ok()
    }
}
