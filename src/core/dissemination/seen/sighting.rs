//! Outcome of ids that are noted: which are new, which had been given up, and which are copies.

/// Outcome of consecutive ids of one stream that were offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sighting {
    /// None of them was ever had or given up before, and now all are remembered.
    First,
    /// All of them were had before.
    Again,
    /// All of them were maybe had before: their life is forgotten, or they were in a range of gaps that became one. They
    /// count as had.
    Unsure,
    /// Not all of one kind, or some of them had been given up.
    Mixed(Box<Mixed>),
    /// Never seen, but there is no room to remember them: nothing changed, and the messages must be refused.
    Full,
}

/// Ids of which some are new, some had been given up, or some are copies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mixed {
    /// Ranges never had before, and now remembered; ascending.
    pub new: Vec<(u64, u64)>,
    /// The part of these that had been given up, and was known to exist.
    pub filled: Vec<(u64, u64)>,
    /// Number of the others that were maybe had before.
    pub unsure: u64,
}
