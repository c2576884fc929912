//! A word that completes what was begun.

/// A completion, and what it means.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) value: String,
    pub(super) help: String,
}

impl Candidate {
    pub(super) fn new(value: &str, help: String) -> Self {
        Self { value: value.to_owned(), help }
    }
}
