//! Networks of processes on this machine: started, found again, stopped. The record of a network lies in its
//! state folder; whoever holds the record can end the network, also after its starter was killed.

pub mod attend;
pub mod change;
mod ending;
pub mod error;
pub mod folders;
mod intent;
mod introduction;
pub mod manifest;
mod ports;
pub mod process;
pub mod ranges;
pub mod resolve;
pub mod revive;
pub mod spawn;
pub mod start;
pub mod stop;

pub use attend::attend;
pub use ending::Ended;
pub use error::{Kind, LaunchError};
pub use folders::{Folder, Networks, stored::StoredNetwork};
pub use intent::require_record;
pub use manifest::{Manifest, NodeRecord};
pub use resolve::Target;
pub use revive::{Revival, kill, revive};
pub use start::{Plan, Resumption, Started, resume, start};
pub use stop::{Stopped, StoppedNode, stop};
