//! Capabilities of a node beyond what every node must do, as it says in HELLO and WELCOME. Frames of a group are sent to peers
//! with its word alone. Spec: `docs/spec/gossip-bus.md`, *Handshake*.

use crate::core::config::{Broadcast, Protocol};

/// A group of frames, or a rule, that a node follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Capability {
    /// The relay rule of traced messages.
    Trace,
    /// Announcements and trees. A peer without it gets every message whole.
    Tree,
    /// Digests, and messages on request.
    Repair,
    /// Neighbours, walks, beacons, join priorities.
    Overlay,
    /// Large bodies in pieces.
    Chunk,
    /// Several messages in one.
    Batch,
}

impl Capability {
    /// All that this program knows.
    pub const ALL: [Self; 6] = [Self::Trace, Self::Tree, Self::Repair, Self::Overlay, Self::Chunk, Self::Batch];

    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Tree => "tree",
            Self::Repair => "repair",
            Self::Overlay => "overlay",
            Self::Chunk => "chunk",
            Self::Batch => "batch",
        }
    }

    /// Capabilities of this node: all, but one that floods follows no tree, and batches may be unwanted.
    pub fn own(protocol: &Protocol) -> impl Iterator<Item = Self> {
        let (floods, batch) = (protocol.dissemination == Broadcast::Flood, protocol.batch);
        Self::ALL.into_iter().filter(move |&word| (word != Self::Tree || !floods) && (word != Self::Batch || batch))
    }
}

/// The capabilities of one peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities(u8);

impl Capabilities {
    /// Those that these words name; unknown ones are ignored. Trees need messages on request: a peer that says only `tree`
    /// has neither.
    pub fn read(words: &[String]) -> Self {
        let says = |known: Capability| words.iter().any(|word| word == known.word());
        let known = Capability::ALL.into_iter().filter(|&known| says(known));
        let known = known.filter(|&known| known != Capability::Tree || says(Capability::Repair));
        Self(known.fold(0, |bits, known| bits | 1 << known as u8))
    }

    /// Returns whether this is one of them.
    pub fn has(self, capability: Capability) -> bool {
        self.0 & (1 << capability as u8) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_specification_names_each_word_in_their_order() {
        let spec = include_str!("../../docs/spec/gossip-bus.md");
        let table = spec.split_once("| word | frames | what the node does |\n").unwrap().1;
        let words = table.lines().skip(1).map_while(|line| line.strip_prefix("| `")?.split('`').next());
        assert_eq!(words.collect::<Vec<_>>(), Capability::ALL.map(Capability::word));
    }

    #[test]
    fn trees_need_messages_on_request() {
        let has = |words: &[&str], capability| {
            let words: Vec<String> = words.iter().map(ToString::to_string).collect();
            Capabilities::read(&words).has(capability)
        };
        assert!(has(&["tree", "new", "repair"], Capability::Tree));
        assert!(!has(&["tree"], Capability::Tree) && !has(&["tree"], Capability::Repair));
        assert!(has(&["repair"], Capability::Repair));
    }
}
