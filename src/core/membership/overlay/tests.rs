//! Many overlays in memory, with links that take time: what becomes of whole networks.

use crate::core::{endpoint::Endpoint, frame::Member, id::NodeId};

mod apart;
mod crashes;
mod net;
mod roaming;
mod severed;

/// The member whose name is `number`.
pub(super) fn member(number: u32) -> Member {
    let endpoint: Endpoint = format!("tcp://127.0.0.1:{}", 10_000 + number).parse().unwrap();
    Member { node: NodeId::numbered(number), endpoint }
}
