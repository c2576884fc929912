//! Faults that a client may order of a node.

use std::time::Duration;

/// A disturbance of what a node sends to a peer. By default there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Disturbance {
    /// Nothing arrives.
    pub cut: bool,
    /// All comes so much later; at most [`DELAY_MAX`](Self::DELAY_MAX).
    pub delay: Duration,
    /// So many of a million messages do not arrive.
    pub drop_ppm: u32,
}

impl Disturbance {
    /// The longest delay.
    pub const DELAY_MAX: Duration = Duration::from_secs(60);
    /// The highest share of messages that are lost: all.
    pub const DROP_PPM_MAX: u32 = 1_000_000;

    /// Says whether all is as usual.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}
