//! The neighbour table as the links write it, and what has changed in it since somebody looked.

use crate::core::{
    capability::Capabilities,
    event::LinkId,
    id::NodeId,
    neighbours::NeighbourTable,
    slots::{Slot, Slots},
};
use std::time::Duration;

/// The one table of the neighbours, and its changes. Bounds: those of the links.
#[derive(Debug, Default)]
pub(super) struct SlotTable {
    table: NeighbourTable,
    changes: SlotChanges,
}

/// Changes of slots, to be looked at in this order.
#[derive(Debug, Default)]
pub(crate) struct SlotChanges {
    /// Slots whose links were closed: whatever is kept of them is void, also where a new link has one of them by now.
    pub freed: Slots,
    /// Slots of links that were up, and have not been since for all the time.
    pub fallen: Slots,
    /// Slots of links that came up.
    pub risen: Slots,
}

impl SlotTable {
    /// The table, to be read.
    pub(super) fn table(&self) -> &NeighbourTable {
        &self.table
    }

    /// Gives a link the lowest free slot.
    pub(super) fn enter(&mut self, link: LinkId) -> Slot {
        self.table.enter(link)
    }

    /// Frees a slot.
    pub(super) fn leave(&mut self, slot: Slot) {
        self.table.leave(slot);
        self.changes.fallen.remove(slot);
        self.changes.risen.remove(slot);
        self.changes.freed.insert(slot);
    }

    /// Frees the slot of a link whose far end is another one by now, and gives it one that says nothing of the former.
    pub(super) fn change(&mut self, former: Slot, link: LinkId, is_open: bool) -> Slot {
        self.leave(former);
        let slot = self.enter(link);
        self.set_open(slot, is_open);
        slot
    }

    pub(super) fn name(&mut self, slot: Slot, node: NodeId) {
        self.table.name(slot, node);
    }

    pub(super) fn link_to(&self, node: &NodeId) -> Option<LinkId> {
        self.table.link_of(self.table.slot_of(node)?)
    }

    /// A link is up, or its peer says anew what it can.
    pub(super) fn rise(&mut self, slot: Slot, capabilities: Capabilities) {
        if self.table.rise(slot, capabilities) {
            self.changes.risen.insert(slot);
        }
    }

    /// A link is up no more. Whoever was not told that it rose need not hear that it fell.
    pub(super) fn fall(&mut self, slot: Slot) {
        self.table.fall(slot);
        if !self.changes.risen.remove(slot) {
            self.changes.fallen.insert(slot);
        }
    }

    pub(super) fn set_open(&mut self, slot: Slot, is_open: bool) {
        self.table.set_open(slot, is_open);
    }

    pub(super) fn measure(&mut self, slot: Slot, sample: Duration) {
        self.table.measure(slot, sample);
    }

    /// The changes since they were taken last.
    pub(super) fn take_changes(&mut self) -> SlotChanges {
        std::mem::take(&mut self.changes)
    }
}
