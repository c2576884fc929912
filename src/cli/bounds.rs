//! The bounds of a node that can be set from the command line: for one node, or for all of a network.

use super::numbers::{size, whole};
use crate::{core::config::Limits, quantity::Size};
use std::ffi::OsString;

/// Bytes that a bound may be set to at most: 1 GiB.
const BYTES_MAX: u64 = 1 << 30;

/// Bounds of what a node may take and keep.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Limits of a node")]
pub struct Bounds {
    /// Largest payload accepted, 1 B to 1 GiB
    #[arg(long, value_name = "SIZE", default_value_t = Size(1 << 20), value_parser = size(1, BYTES_MAX))]
    #[arg(allow_negative_numbers = true)]
    payload_max: Size,
    /// Messages kept for reading; the oldest are dropped first
    #[arg(long, value_name = "COUNT", default_value_t = 100_000, value_parser = whole(1, u64::MAX))]
    #[arg(allow_negative_numbers = true)]
    retain_messages: u64,
    /// Memory for messages kept for reading, including the paths of traced ones
    #[arg(long, value_name = "SIZE", default_value_t = Size(64 << 20), value_parser = size(1, u64::MAX))]
    #[arg(allow_negative_numbers = true)]
    retain_bytes: Size,
}

impl Bounds {
    /// As the core takes them.
    pub fn limits(&self) -> Limits {
        let in_memory = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        Limits {
            payload_len_max: in_memory(self.payload_max.0),
            retained_messages_max: in_memory(self.retain_messages),
            retained_bytes_max: in_memory(self.retain_bytes.0),
            ..Limits::default()
        }
    }

    /// As `gossip node` takes them.
    pub fn arguments(&self) -> Vec<OsString> {
        let Self { payload_max, retain_messages, retain_bytes } = self;
        let pairs = [
            ("--payload-max", payload_max.0),
            ("--retain-messages", *retain_messages),
            ("--retain-bytes", retain_bytes.0),
        ];
        pairs.iter().flat_map(|(option, value)| [OsString::from(option), value.to_string().into()]).collect()
    }
}
