//! The knobs of a node. Every queue, cache and wait of the core takes its bound from here.

use super::{
    endpoint::Endpoint,
    id::{Instance, NetworkName, NodeId},
};
use std::time::Duration;

/// Who a node is and what it may spend.
#[derive(Debug, Clone)]
pub struct Config {
    /// The node's name, unique in its network.
    pub node: NodeId,
    /// Where other nodes reach it.
    pub endpoint: Endpoint,
    /// The network it belongs to; nodes of another one are refused.
    pub network: NetworkName,
    /// Which start of that network.
    pub instance: Instance,
    /// Bounds and waits.
    pub limits: Limits,
}

/// Bounds and waits of a node.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Largest payload in bytes. Default 1 MiB. Smaller: more is refused at submission. Larger: one message
    /// may take that much of every queue it waits in. All nodes of a network should agree.
    pub payload_len_max: usize,
    /// Most messages kept for reading. Default 100,000. The oldest goes first, and is counted.
    pub retained_messages_max: usize,
    /// Most bytes kept for reading: payloads, recorded paths and the records around them. Default 64 MiB.
    pub retained_bytes_max: usize,
    /// Longest path in hops that is passed on. Default 4096. A copy with a longer one is noted, counted and
    /// goes no further.
    pub path_len_max: usize,
    /// Most peers, declared or met. Default 1024. More are refused.
    pub peers_max: usize,
    /// Most lives of origins whose ids are remembered. Default 65,536. Messages of more are refused.
    pub streams_max: usize,
    /// Most intervals of ids remembered for one life of an origin. Default 4096 (64 KiB). Beyond it the oldest gap
    /// is given up, and counted.
    pub intervals_max: usize,
    /// How many receipts are kept for a repeated request. Default 16,384. A retry later than that many
    /// further submissions publishes a second message.
    pub receipts_max: usize,
    /// Most bytes in one page of a fetch; a single message that is larger comes alone. Default 1 MiB.
    pub page_len_max: usize,
    /// Most clients that may wait for the links at one time. Default 64.
    pub waiting_max: usize,
    /// How often a link that is not up is greeted again. Default 1 s.
    pub hello_interval: Duration,
    /// How often a link that is up is probed. Default 5 s.
    pub ping_interval: Duration,
    /// How long a leaving node waits for its neighbours' farewells, and a waiting client for the links.
    /// Default 0.5 s, less than the second after which a client asks again, and 60 s.
    pub leave_timeout: Duration,
    /// See [`leave_timeout`](Self::leave_timeout).
    pub ready_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            payload_len_max: 1 << 20,
            retained_messages_max: 100_000,
            retained_bytes_max: 64 << 20,
            path_len_max: 4096,
            peers_max: 1024,
            streams_max: 65_536,
            intervals_max: 4096,
            receipts_max: 16_384,
            page_len_max: 1 << 20,
            waiting_max: 64,
            hello_interval: Duration::from_secs(1),
            ping_interval: Duration::from_secs(5),
            leave_timeout: Duration::from_millis(500),
            ready_timeout: Duration::from_secs(60),
        }
    }
}
