//! The numbers of the spec: mark, version, and the types of header. Spec section 4.

use std::ops::{Range, RangeInclusive};

/// First field of each header.
pub const MARK: &str = "GS";
/// Second field: the version of the protocol.
pub const VERSION: u64 = 1;

/// Types of what nodes say over their links.
pub const FRAMES: Range<u64> = 1..16;
/// Types of what a client asks, as far as they are known.
pub const REQUESTS: RangeInclusive<u64> = PUBLISH..=STOP;

/// Whether a header of this type answers something, and so must never be answered: answers and replies.
pub const fn is_answer(kind: u64) -> bool {
    matches!(kind, 16..32 | 64..96)
}

/// Deepest nesting of a header.
pub const DEPTH_MAX: usize = 16;
/// Most capabilities of a node.
pub const CAPABILITIES_MAX: usize = 32;
/// Longest capability in bytes.
pub const CAPABILITY_LEN_MAX: usize = 64;
/// Most peers in one CONNECT.
pub const CONNECT_MAX: usize = 1024;
/// Longest code of a refusal in bytes.
pub const CODE_LEN_MAX: usize = 64;
/// Longest text of a refusal in bytes.
pub const TEXT_LEN_MAX: usize = 512;

macro_rules! types {
    ($($(#[$doc:meta])* $name:ident = $number:literal,)+) => { $($(#[$doc])* pub const $name: u64 = $number;)+ };
}

types! {
    /// Who I am.
    HELLO = 1,
    /// A copy of a message.
    MESSAGE = 2,
    /// Forget me.
    LEAVE = 3,
    /// Are you there?
    PING = 4,
    /// Answer to HELLO.
    WELCOME = 17,
    /// Answer to LEAVE.
    FAREWELL = 19,
    /// Answer to PING.
    PONG = 20,
    /// Not accepted.
    REFUSE = 31,
    /// Spread a message.
    PUBLISH = 32,
    /// A page of the inbox.
    FETCH = 33,
    /// Mark as read.
    MARK_READ = 34,
    /// The peers.
    PEERS = 35,
    /// The node's account of itself.
    STATUS = 36,
    /// Connect to nodes.
    CONNECT = 37,
    /// Tell when all links are up.
    READY = 38,
    /// Leave the network.
    REMOVE = 39,
    /// Stop.
    STOP = 40,
    /// Reply to PUBLISH.
    RECEIPT = 64,
    /// Reply to FETCH.
    PAGE = 65,
    /// Reply to PEERS.
    PEER_LIST = 67,
    /// Reply to STATUS.
    STATE = 68,
    /// Reply to a request that asks for nothing back.
    DONE = 94,
    /// Not done.
    ERROR = 95,
}
