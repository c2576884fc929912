//! A step of a script.

use crate::corpus::Frames;

/// Kinds of steps.
pub(crate) const STEPS: u8 = 22;

/// One thing that happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// Its kind, of [`STEPS`].
    pub(crate) what: u8,
    /// To whom or by whom, as a rule.
    pub(crate) who: u8,
    /// Manner of the step.
    pub(crate) how: u8,
    /// Frames that come by the wire, or whatever else the step needs.
    pub(crate) frames: Frames,
}
