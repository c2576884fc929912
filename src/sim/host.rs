//! Where a node lives in a cluster, what can happen to it, and what waits for it.

use super::links::{Transit, Way};
use crate::{
    core::{
        endpoint::Endpoint,
        event::{Input, LogSeq},
        node::Node,
        time::Mono,
    },
    store::MemoryLog,
};
use std::{
    collections::{BTreeMap, VecDeque},
    net::{IpAddr, Ipv4Addr},
};

/// Where nodes listen.
const PORT: u16 = 7000;
/// No tick is scheduled.
pub(super) const NEVER: Mono = Mono(u64::MAX);

/// What can happen.
#[derive(Debug)]
pub(super) enum Event {
    Arrive {
        connection: u32,
        epoch: u32,
        way: Way,
        transit: Transit,
    },
    Dial {
        connection: u32,
        epoch: u32,
    },
    Break {
        connection: u32,
        epoch: u32,
    },
    Hangup {
        connection: u32,
    },
    Writable {
        connection: u32,
        epoch: u32,
    },
    Tick {
        host: u32,
        life: u32,
    },
    /// A slow node has time for the next thing that waits.
    Work {
        host: u32,
        life: u32,
    },
    Publish {
        number: u32,
    },
    Fault {
        index: u32,
    },
    Churn {
        down: u64,
    },
    Rise {
        host: u32,
        life: u32,
    },
    /// A cut has lasted so long that connections across it break.
    Sever {
        cut: u32,
    },
}

/// What waits for a node that is paused or slow.
#[derive(Debug)]
pub(super) enum Work {
    Arrival { connection: u32, epoch: u32, way: Way, transit: Transit },
    Input(Input),
    Publish(u32),
}

/// A place where a node lives, one life after another.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) node: Option<Node>,
    /// Counts from 1.
    pub(super) life: u32,
    pub(super) began: Mono,
    /// Removed for good.
    pub(super) has_left: bool,
    pub(super) is_paused: bool,
    /// Nanoseconds that a frame takes.
    pub(super) service: u64,
    pub(super) busy_until: Mono,
    pub(super) waiting: VecDeque<Work>,
    pub(super) has_work_scheduled: bool,
    /// How far its wall clock is off, in nanoseconds.
    pub(super) wall_offset: i64,
    /// Connections that it opened, by link.
    pub(super) links: Vec<Option<u32>>,
    /// Connections at its ROUTER, by the node that opened them.
    pub(super) inbound: BTreeMap<usize, u32>,
    pub(super) log: MemoryLog,
    pub(super) synced: LogSeq,
    pub(super) tick_at: Mono,
}

impl Host {
    /// Nobody lives there yet.
    pub(super) fn new() -> Self {
        Self {
            node: None,
            life: 0,
            began: Mono(0),
            has_left: false,
            is_paused: false,
            service: 0,
            busy_until: Mono(0),
            waiting: VecDeque::new(),
            has_work_scheduled: false,
            wall_offset: 0,
            links: Vec::new(),
            inbound: BTreeMap::new(),
            log: MemoryLog::default(),
            synced: LogSeq::default(),
            tick_at: NEVER,
        }
    }
}

/// Where a node listens: its number as an address.
pub(super) fn endpoint(host: usize) -> Endpoint {
    let [_, b, c, d] = (host as u32 + 1).to_be_bytes();
    Endpoint::from_ip(IpAddr::V4(Ipv4Addr::new(10, b, c, d)), PORT)
}

/// The node that listens there.
pub(super) fn host_at(endpoint: &Endpoint) -> Option<usize> {
    let [10, b, c, d] = endpoint.host().parse::<Ipv4Addr>().ok()?.octets() else { return None };
    (u32::from_be_bytes([0, b, c, d]) as usize).checked_sub(1)
}
