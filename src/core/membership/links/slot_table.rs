//! Which link has which slot, which are up, and what has changed of that since somebody looked.

use crate::core::{
    capability::{Capabilities, Capability},
    event::LinkId,
    id::NodeId,
    slots::{Slot, Slots},
};
use std::collections::BTreeMap;

/// Links by slot and by name. Bounds: those of the links.
#[derive(Debug, Default)]
pub(super) struct SlotTable {
    links: Vec<Option<LinkId>>,
    names: BTreeMap<NodeId, LinkId>,
    up: Slots,
    /// Those of them whose peers have a word, by [`Capability`].
    able: [Slots; Capability::ALL.len()],
    freed: Slots,
    fallen: Slots,
    risen: Slots,
}

impl SlotTable {
    /// Gives a link the lowest free slot.
    pub(super) fn enter(&mut self, link: LinkId) -> Slot {
        let index = self.links.iter().position(Option::is_none).unwrap_or(self.links.len());
        self.links.resize(self.links.len().max(index + 1), None);
        self.links[index] = Some(link);
        Slot(u16::try_from(index).expect("fewer links than slots"))
    }

    /// Frees a slot.
    pub(super) fn leave(&mut self, slot: Slot) {
        self.set_down(slot);
        self.fallen.remove(slot);
        self.risen.remove(slot);
        self.freed.insert(slot);
        self.links[usize::from(slot.0)] = None;
    }

    pub(super) fn name(&mut self, node: NodeId, link: LinkId) {
        self.names.insert(node, link);
    }

    /// Forgets a name, if it is still that link's.
    pub(super) fn unname(&mut self, node: &NodeId, link: LinkId) {
        if self.names.get(node) == Some(&link) {
            self.names.remove(node);
        }
    }

    pub(super) fn link_to(&self, node: &NodeId) -> Option<LinkId> {
        self.names.get(node).copied()
    }

    pub(super) fn link_of(&self, slot: Slot) -> Option<LinkId> {
        self.links.get(usize::from(slot.0)).copied().flatten()
    }

    /// A link is up, or its peer says anew what it can.
    pub(super) fn rise(&mut self, slot: Slot, words: Capabilities) {
        if self.up.insert(slot) {
            self.risen.insert(slot);
        }
        for (able, word) in self.able.iter_mut().zip(Capability::ALL) {
            if words.has(word) {
                able.insert(slot)
            } else {
                able.remove(slot)
            };
        }
    }

    /// A link is up no more. Whoever was not told that it rose need not hear that it fell.
    pub(super) fn fall(&mut self, slot: Slot) {
        self.set_down(slot);
        if !self.risen.remove(slot) {
            self.fallen.insert(slot);
        }
    }

    fn set_down(&mut self, slot: Slot) {
        self.up.remove(slot);
        for able in &mut self.able {
            able.remove(slot);
        }
    }

    pub(super) fn up(&self) -> &Slots {
        &self.up
    }

    pub(super) fn able(&self, capability: Capability) -> &Slots {
        &self.able[capability as usize]
    }

    pub(super) fn take_freed(&mut self) -> Slots {
        std::mem::take(&mut self.freed)
    }

    pub(super) fn take_fallen(&mut self) -> Slots {
        std::mem::take(&mut self.fallen)
    }

    pub(super) fn take_risen(&mut self) -> Slots {
        std::mem::take(&mut self.risen)
    }
}
