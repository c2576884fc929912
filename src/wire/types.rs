//! The numbers of the spec: mark, version, and the types of header. Spec section 4.

use crate::core::frame::{DisconnectReason, JoinPriority, WalkKind};
use std::ops::{Range, RangeInclusive};

/// First field of each header.
pub const MARK: &str = "GS";
/// Second field: the version of the protocol.
pub const VERSION: u64 = 1;

/// Types of what nodes say over their links.
pub const FRAMES: Range<u64> = 1..16;
/// Types of what a client asks, as far as they are known.
pub const REQUESTS: RangeInclusive<u64> = PUBLISH..=REOPEN;

/// Returns whether a header of this type answers something, and so must never be answered: answers and replies.
pub const fn is_answer(kind: u64) -> bool {
    matches!(kind, 16..32 | 64..96)
}

/// Deepest nesting of a header.
pub const DEPTH_MAX: usize = 16;
/// Most capabilities of a node.
pub const CAPABILITIES_MAX: usize = 32;
/// Longest capability in bytes.
pub const CAPABILITY_LEN_MAX: usize = 64;
/// Most peers in one CONNECT, JOIN or DISCONNECT.
pub const CONNECT_MAX: usize = 1024;
/// Most steps of a walk.
pub const STEPS_MAX: u8 = 16;
/// Longest code of a refusal in bytes.
pub const CODE_LEN_MAX: usize = 64;
/// Longest text of a refusal in bytes.
pub const TEXT_LEN_MAX: usize = 512;

macro_rules! types {
    ($($(#[$doc:meta])* $name:ident = $number:literal,)+) => { $($(#[$doc])* pub const $name: u64 = $number;)+ };
}

types! {
    /// Introduction of the sender.
    HELLO = 1,
    /// A copy of a message.
    MESSAGE = 2,
    /// Forget me.
    LEAVE = 3,
    /// Are you there?
    PING = 4,
    /// I have these messages.
    IHAVE = 5,
    /// A copy of a traced message without its payload.
    PATH = 6,
    /// Do not send me this origin's messages unasked.
    PRUNE = 7,
    /// Send me this origin's messages unasked.
    GRAFT = 8,
    /// I have seen these messages.
    DIGEST = 9,
    /// Send me these messages.
    PULL = 10,
    /// My neighbours.
    NEIGHBOURS = 11,
    /// We are neighbours no more.
    PART = 12,
    /// The root lives.
    BEACON = 13,
    /// Members on a random walk.
    WALK = 14,
    /// A piece of a frame with a large body.
    CHUNK = 15,
    /// Answer to HELLO.
    WELCOME = 17,
    /// Answer to LEAVE.
    FAREWELL = 19,
    /// Answer to PING.
    PONG = 20,
    /// Answer to PULL: I keep these no more.
    LOST = 26,
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
    /// Join the network of these nodes.
    JOIN = 41,
    /// Declare peers no more.
    DISCONNECT = 42,
    /// Request for what the node has seen.
    SEEN = 43,
    /// Tell what happens.
    WATCH = 44,
    /// Lose what is sent, or let it come late.
    DISTURB = 45,
    /// Try again to write the log.
    REOPEN = 46,
    /// Reply to PUBLISH.
    RECEIPT = 64,
    /// Reply to FETCH.
    PAGE = 65,
    /// Reply to PEERS.
    PEER_LIST = 67,
    /// Reply to STATUS.
    STATE = 68,
    /// Reply to SEEN.
    VECTOR = 69,
    /// Reply to WATCH.
    EVENTS = 70,
    /// Reply to a request that asks for nothing back.
    DONE = 94,
    /// Not done.
    ERROR = 95,
}

/// The number of a priority.
pub const fn priority(priority: JoinPriority) -> u64 {
    match priority {
        JoinPriority::Declared => 0,
        JoinPriority::Join => 1,
        JoinPriority::Neighbour => 2,
        JoinPriority::Needed => 3,
        JoinPriority::Bridge => 4,
    }
}

/// The priority with a number; one that is not known counts as the plainest.
pub const fn priority_of(number: u64) -> JoinPriority {
    match number {
        1 => JoinPriority::Join,
        2 => JoinPriority::Neighbour,
        3 => JoinPriority::Needed,
        4 => JoinPriority::Bridge,
        _ => JoinPriority::Declared,
    }
}

/// The number of a reason to part.
pub const fn disconnect_reason(reason: DisconnectReason) -> u64 {
    match reason {
        DisconnectReason::Unlinked => 0,
        DisconnectReason::Stopping => 1,
        DisconnectReason::Undeclared => 2,
    }
}

/// The reason with a number; one that is not known counts as the plainest.
pub const fn disconnect_reason_of(number: u64) -> DisconnectReason {
    match number {
        1 => DisconnectReason::Stopping,
        2 => DisconnectReason::Undeclared,
        _ => DisconnectReason::Unlinked,
    }
}

/// The number of a kind of walk.
pub const fn walk_kind(kind: WalkKind) -> u64 {
    match kind {
        WalkKind::Join => 0,
        WalkKind::Shuffle => 1,
        WalkKind::Reply => 2,
        WalkKind::News => 3,
    }
}

/// The kind of walk with a number, if there is one.
pub const fn walk_kind_of(number: u64) -> Option<WalkKind> {
    match number {
        0 => Some(WalkKind::Join),
        1 => Some(WalkKind::Shuffle),
        2 => Some(WalkKind::Reply),
        3 => Some(WalkKind::News),
        _ => None,
    }
}
