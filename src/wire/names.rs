//! Node names that were decoded lately, so that a thousand hops of a path share sixteen allocations.

use crate::core::id::{NodeId, NodeIdError};
use std::collections::HashSet;

/// Most names kept; then all are dropped and collected anew.
const NAMES_MAX: usize = 4096;

/// A bounded table of names, each allocated once.
#[derive(Debug, Default)]
pub(super) struct Names(HashSet<Name>); // lookup only

/// A name that can be found by its text.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Name(NodeId);

impl std::borrow::Borrow<str> for Name {
    fn borrow(&self) -> &str {
        self.0.as_str()
    }
}

impl Names {
    /// The name that `text` spells.
    pub(super) fn intern(&mut self, text: &str) -> Result<NodeId, NodeIdError> {
        if let Some(Name(node)) = self.0.get(text) {
            return Ok(node.clone());
        }
        let node = NodeId::new(text)?;
        if self.0.len() >= NAMES_MAX {
            self.0.clear();
        }
        self.0.insert(Name(node.clone()));
        Ok(node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_bounded_and_finds_names() {
        let mut names = Names::default();
        for number in 0..2 * NAMES_MAX {
            assert_eq!(names.intern(&number.to_string()).unwrap().as_str(), number.to_string());
            assert!(names.0.len() <= NAMES_MAX);
        }
        assert!(names.intern("a b").is_err());
    }
}
