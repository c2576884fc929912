//! The neighbours of a node, as all its machines may read them: which link leads to whom, which links are up, what their
//! far ends can do, and how far away these are.
//!
//! `membership` owns the one table of a node and changes it; all others are handed a `&NeighbourTable`.

use super::{
    capability::{Capabilities, Capability},
    id::NodeId,
    slots::{LinkId, Slot, Slots},
    time::memo::Memo,
};
use std::{collections::BTreeMap, time::Duration};

/// The round trip of a link where none was measured yet.
const ROUND_TRIP: Duration = Duration::from_millis(50);

/// The state of a neighbour that was met, as this node judges it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MemberState {
    /// It was heard not long ago.
    Up,
    /// It is silent, or the connection to it is lost: it has a while to show that it lives.
    Suspect,
    /// It did not.
    Down,
}

impl MemberState {
    /// The word in replies.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Suspect => "suspect",
            Self::Down => "down",
        }
    }

    /// The state that a word names.
    pub fn named(word: &str) -> Option<Self> {
        [Self::Up, Self::Suspect, Self::Down].into_iter().find(|state| state.name() == word)
    }
}

/// The role of a link: why it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LinkRole {
    /// Somebody declared it, here or at its far end: it is kept until one of the two leaves.
    #[default]
    Declared,
    /// One of the two joined the network by it.
    Joined,
    /// It replaces another, or fills up what neighbours a node should have.
    Healing,
}

impl LinkRole {
    /// The word in replies.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Declared => "declared",
            Self::Joined => "joined",
            Self::Healing => "healing",
        }
    }

    /// The role that a word names.
    pub fn named(word: &str) -> Option<Self> {
        [Self::Declared, Self::Joined, Self::Healing].into_iter().find(|role| role.name() == word)
    }
}

/// All links of a node by slot, by number and by name. Bounds: those of the links, `peers_max` at most.
#[derive(Debug, Default)]
pub struct NeighbourTable {
    entries: Vec<Option<Entry>>,
    /// The links in the order in which they were opened, which is that of their numbers, and their slots.
    links: Vec<(LinkId, Slot)>,
    names: BTreeMap<NodeId, Slot>,
    up: Slots,
    /// Those of them whose peers have a capability, by [`Capability`].
    able: [Slots; Capability::ALL.len()],
    /// Slots of links that have a connection, or are getting one.
    open: Slots,
    mean_round_trip: Memo<Duration>,
}

/// One link.
#[derive(Debug)]
struct Entry {
    link: LinkId,
    /// The name at its far end, as far as it is known.
    node: Option<NodeId>,
    /// Smoothed.
    round_trip: Option<Duration>,
}

/// To be read by every machine.
impl NeighbourTable {
    /// Neighbours whose link is up, in the order in which the links were opened: where messages go.
    pub fn iter(&self) -> impl Iterator<Item = (&NodeId, LinkId)> {
        let up = self.links.iter().filter(|(_, slot)| self.up.contains(*slot));
        up.filter_map(|&(link, slot)| Some((self.name_of_slot(slot)?, link)))
    }

    /// Number of links, up or not.
    pub fn len(&self) -> usize {
        self.links.len()
    }

    /// True if there is no link.
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// The slots of the links that are up.
    pub fn up_slots(&self) -> &Slots {
        &self.up
    }

    /// Of those, the ones whose peers can do something.
    pub fn slots_with(&self, capability: Capability) -> &Slots {
        &self.able[capability as usize]
    }

    /// The slot of the link to a node.
    pub fn slot_of(&self, node: &NodeId) -> Option<Slot> {
        self.names.get(node).copied()
    }

    /// The slot of a link.
    pub fn slot_of_link(&self, link: LinkId) -> Option<Slot> {
        self.place(link).ok().map(|place| self.links[place].1)
    }

    /// The link that has a slot.
    pub fn link_of(&self, slot: Slot) -> Option<LinkId> {
        self.entry(slot).map(|entry| entry.link)
    }

    /// The links that have these slots and can be sent over: one that rests until it is dialled again cannot.
    pub fn links_of(&self, slots: impl IntoIterator<Item = Slot>) -> Vec<LinkId> {
        let open = slots.into_iter().filter(|&slot| self.open.contains(slot));
        open.filter_map(|slot| self.link_of(slot)).collect()
    }

    /// The name at the far end of a link, as far as it is known.
    pub fn name_of(&self, link: LinkId) -> Option<&NodeId> {
        self.name_of_slot(self.slot_of_link(link)?)
    }

    /// The name at the far end of the link that has a slot, as far as it is known.
    pub fn name_of_slot(&self, slot: Slot) -> Option<&NodeId> {
        self.entry(slot)?.node.as_ref()
    }

    /// The time that a peer takes to answer: smoothed, and a guess as long as none was measured.
    pub fn round_trip(&self, slot: Slot) -> Duration {
        self.measured_round_trip(slot).unwrap_or(ROUND_TRIP)
    }

    /// The same if it was measured.
    pub fn measured_round_trip(&self, slot: Slot) -> Option<Duration> {
        self.entry(slot)?.round_trip
    }

    /// The mean round trip of the links that are up: the time that a hop of the network takes, as far as this node can tell.
    pub fn mean_round_trip(&self) -> Duration {
        self.mean_round_trip.get(|| {
            let sum: Duration = self.up.iter().map(|slot| self.round_trip(slot)).sum();
            u32::try_from(self.up.len()).ok().and_then(|count| sum.checked_div(count)).unwrap_or(ROUND_TRIP)
        })
    }

    fn entry(&self, slot: Slot) -> Option<&Entry> {
        self.entries.get(usize::from(slot.0))?.as_ref()
    }

    fn entry_mut(&mut self, slot: Slot) -> Option<&mut Entry> {
        self.entries.get_mut(usize::from(slot.0))?.as_mut()
    }

    /// The place of a link among all, or the one that it would have.
    fn place(&self, link: LinkId) -> Result<usize, usize> {
        self.links.binary_search_by_key(&link, |&(link, _)| link)
    }
}

/// To be changed by its owner.
impl NeighbourTable {
    /// Gives a link the lowest free slot.
    pub fn enter(&mut self, link: LinkId) -> Slot {
        let index = self.entries.iter().position(Option::is_none).unwrap_or(self.entries.len());
        let slot = Slot(u16::try_from(index).expect("fewer links than slots"));
        let entry = Some(Entry { link, node: None, round_trip: None });
        if index == self.entries.len() {
            self.entries.push(entry);
        } else {
            self.entries[index] = entry;
        }
        if let Err(place) = self.place(link) {
            self.links.insert(place, (link, slot));
        }
        slot
    }

    /// Frees the slot of a link, and forgets all of it.
    pub fn leave(&mut self, slot: Slot) {
        let Some(entry) = self.entries.get_mut(usize::from(slot.0)).and_then(Option::take) else { return };
        self.fall(slot);
        self.open.remove(slot);
        self.unname(entry.node, slot);
        if let Ok(place) = self.place(entry.link) {
            self.links.remove(place);
        }
    }

    /// Notes the name at the far end of a link. A link that had that name before has it no more.
    pub fn name(&mut self, slot: Slot, node: NodeId) {
        let Some(entry) = self.entry_mut(slot) else { return };
        let former = entry.node.replace(node.clone());
        self.unname(former, slot);
        let other = self.names.insert(node, slot).filter(|other| *other != slot);
        if let Some(entry) = other.and_then(|other| self.entry_mut(other)) {
            entry.node = None;
        }
    }

    fn unname(&mut self, node: Option<NodeId>, slot: Slot) {
        if let Some(node) = node.filter(|node| self.names.get(node) == Some(&slot)) {
            self.names.remove(&node);
        }
    }

    /// A link is up, or its peer says anew what it can. Says whether it was not up.
    pub fn rise(&mut self, slot: Slot, capabilities: Capabilities) -> bool {
        self.mean_round_trip.clear();
        for (able, capability) in self.able.iter_mut().zip(Capability::ALL) {
            if capabilities.has(capability) {
                able.insert(slot)
            } else {
                able.remove(slot)
            };
        }
        self.up.insert(slot)
    }

    /// A link is up no more. Says whether it was.
    pub fn fall(&mut self, slot: Slot) -> bool {
        self.mean_round_trip.clear();
        for able in &mut self.able {
            able.remove(slot);
        }
        self.up.remove(slot)
    }

    /// A link gets a connection, or has none for a while.
    pub fn set_open(&mut self, slot: Slot, is_open: bool) {
        if is_open {
            self.open.insert(slot)
        } else {
            self.open.remove(slot)
        };
    }

    /// Notes one more round trip, as TCP does (RFC 6298).
    pub fn measure(&mut self, slot: Slot, sample: Duration) {
        self.mean_round_trip.clear();
        if let Some(entry) = self.entry_mut(slot) {
            entry.round_trip = Some(entry.round_trip.map_or(sample, |smoothed| (smoothed * 7 + sample) / 8));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The state of one link in a model that is looked through from end to end.
    #[derive(Debug, Clone, Default)]
    struct Model {
        slot: Slot,
        node: Option<NodeId>,
        up: Option<bool>,
        is_open: bool,
        round_trip: Option<Duration>,
    }

    fn capabilities(has_trees: bool) -> Capabilities {
        let words: &[&str] = if has_trees { &["tree", "repair"] } else { &["repair"] };
        Capabilities::read(&words.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    proptest! {
        #[test]
        fn all_ways_to_look_at_a_link_show_the_same(steps in prop::collection::vec((0u8..7, 0usize..8, 0u32..8, any::<bool>()), 0..80)) {
            let (mut table, mut model, mut next) = (NeighbourTable::default(), BTreeMap::<u32, Model>::new(), 0);
            for (step, which, number, flag) in steps {
                let chosen = model.keys().nth(which).copied();
                match (step, chosen.and_then(|link| model.get_mut(&link))) {
                    (0, _) => {
                        let slot = table.enter(LinkId(next));
                        let free = (0..).map(Slot).find(|slot| model.values().all(|link| link.slot != *slot));
                        prop_assert_eq!(Some(slot), free);
                        model.insert(next, Model { slot, ..Model::default() });
                        next += 1;
                    }
                    (1, Some(link)) => {
                        table.leave(link.slot);
                        model.remove(&chosen.unwrap());
                    }
                    (2, Some(link)) => {
                        let (slot, node) = (link.slot, NodeId::numbered(number));
                        table.name(slot, node.clone());
                        model.values_mut().filter(|link| link.node.as_ref() == Some(&node)).for_each(|link| link.node = None);
                        model.get_mut(&chosen.unwrap()).unwrap().node = Some(node);
                    }
                    (3, Some(link)) => {
                        prop_assert_eq!(table.rise(link.slot, capabilities(flag)), link.up.is_none());
                        link.up = Some(flag);
                    }
                    (4, Some(link)) => prop_assert_eq!(table.fall(link.slot), link.up.take().is_some()),
                    (5, Some(link)) => {
                        table.set_open(link.slot, flag);
                        link.is_open = flag;
                    }
                    (6, Some(link)) => {
                        let sample = Duration::from_millis(number.into());
                        table.measure(link.slot, sample);
                        link.round_trip = Some(link.round_trip.map_or(sample, |smoothed| (smoothed * 7 + sample) / 8));
                    }
                    _ => {}
                }
                agree(&table, &model)?;
            }
        }
    }

    fn agree(table: &NeighbourTable, model: &BTreeMap<u32, Model>) -> Result<(), TestCaseError> {
        prop_assert_eq!((table.len(), table.is_empty()), (model.len(), model.is_empty()));
        for (&number, link) in model {
            let (id, slot, node) = (LinkId(number), link.slot, link.node.as_ref());
            prop_assert_eq!((table.slot_of_link(id), table.link_of(slot)), (Some(slot), Some(id)));
            prop_assert_eq!((table.name_of(id), table.name_of_slot(slot)), (node, node));
            prop_assert_eq!(node.and_then(|node| table.slot_of(node)), node.map(|_| slot));
            prop_assert_eq!(table.up_slots().contains(slot), link.up.is_some());
            prop_assert_eq!(table.slots_with(Capability::Tree).contains(slot), link.up == Some(true));
            prop_assert_eq!(table.slots_with(Capability::Repair).contains(slot), link.up.is_some());
            prop_assert_eq!(table.links_of([slot]), if link.is_open { vec![id] } else { vec![] });
            prop_assert_eq!(table.measured_round_trip(slot), link.round_trip);
            prop_assert_eq!(table.round_trip(slot), link.round_trip.unwrap_or(ROUND_TRIP));
        }
        let up = || model.iter().filter(|(_, link)| link.up.is_some());
        prop_assert_eq!(table.up_slots().len(), up().count());
        prop_assert!(table.iter().eq(up().filter_map(|(&id, link)| Some((link.node.as_ref()?, LinkId(id))))));
        let sum: Duration = up().map(|(_, link)| link.round_trip.unwrap_or(ROUND_TRIP)).sum();
        let mean = sum.checked_div(up().count() as u32).unwrap_or(ROUND_TRIP);
        prop_assert_eq!(table.mean_round_trip(), mean);
        for number in (0..8).map(NodeId::numbered) {
            let link = model.values().find(|link| link.node.as_ref() == Some(&number));
            prop_assert_eq!(table.slot_of(&number), link.map(|link| link.slot));
        }
        Ok(())
    }
}
