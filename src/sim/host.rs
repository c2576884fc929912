//! Hosts of a cluster, the events of a simulation, and the work that waits for a node.

use super::links::{Direction, Transit};
use crate::{
    core::{
        endpoint::Endpoint,
        event::Input,
        event::record::{LogSeq, Record},
        id::NodeId,
        message::Payload,
        node::{Gauge, Node},
        time::Mono,
    },
    store::{Log, MemoryLog},
};
use std::{
    collections::VecDeque,
    net::{IpAddr, Ipv4Addr},
};

/// Port of every node.
const PORT: u16 = 7000;
/// No tick is scheduled.
pub(super) const NEVER: Mono = Mono(u64::MAX);

/// Event of a simulation.
#[derive(Debug)]
pub(super) enum Event {
    Arrive {
        connection: u32,
        epoch: u32,
        way: Direction,
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
    /// Messages from this number on are handed in.
    Publish {
        number: u32,
        count: u32,
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
    /// A node starts that was told one address.
    Join {
        host: u32,
    },
    /// Namesakes end whose time is over.
    Withdraw,
    /// It is time to see whether all have come to rest.
    Look,
}

/// Work that waits for a node that is paused or slow.
#[derive(Debug)]
pub(super) enum Work {
    Arrival { connection: u32, epoch: u32, way: Direction, transit: Transit },
    Input(Input),
    Publish { number: u32, count: u32 },
}

/// Log of a node.
#[derive(Debug, Default)]
pub(super) struct Disklog {
    pub(super) memory: MemoryLog,
    /// All that it wrote, where somebody will read it.
    pub(super) records: Vec<Record>,
}

impl Disklog {
    /// It holds what an earlier life wrote, all of it safe.
    pub(super) fn restore(&mut self, records: &[Record]) {
        self.records = records.to_vec();
        if let Some(last) = records.last() {
            self.memory.append(LogSeq(records.len() as u64), last).expect("memory does not fail");
        }
    }
}

/// A place where a node lives, one life after another.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) node: Option<Node>,
    /// Amount that the node held when its last turn was over.
    pub(super) gauge: Gauge,
    /// Counts from 1.
    pub(super) life: u32,
    /// Removed for good.
    pub(super) has_left: bool,
    pub(super) is_paused: bool,
    /// Nanoseconds that a frame takes.
    pub(super) service: u64,
    pub(super) busy_until: Mono,
    pub(super) waiting: VecDeque<Work>,
    pub(super) has_work_scheduled: bool,
    /// Offset of its wall clock in nanoseconds.
    pub(super) wall_offset: i64,
    /// The incarnation on its disk.
    pub(super) stored: Option<u64>,
    /// Frames sent since the messages began.
    pub(super) frames: u64,
    /// True if it said in this life that its name is another's.
    pub(super) gave_way: bool,
    /// True if it had a neighbour in this life.
    pub(super) has_met: bool,
    /// True if it has asked for a message: what comes of that goes no further by itself.
    pub(super) has_asked: bool,
    /// Messages handed in that it has not minted yet: number and payload.
    pub(super) submitted: VecDeque<(u32, Payload)>,
    pub(super) log: Disklog,
    pub(super) synced: LogSeq,
    pub(super) tick_at: Mono,
}

impl Host {
    /// Nobody lives there yet.
    pub(super) fn new() -> Self {
        Self {
            node: None,
            gauge: Gauge::default(),
            life: 0,
            has_left: false,
            is_paused: false,
            service: 0,
            busy_until: Mono(0),
            waiting: VecDeque::new(),
            has_work_scheduled: false,
            wall_offset: 0,
            stored: None,
            frames: 0,
            gave_way: false,
            has_met: false,
            has_asked: false,
            submitted: VecDeque::new(),
            log: Disklog::default(),
            synced: LogSeq::default(),
            tick_at: NEVER,
        }
    }

    /// True if it takes what comes, and at once.
    pub(super) fn is_mended(&self) -> bool {
        !self.is_paused && self.service == 0
    }

    /// Begins a new life at a place; `stored`: the incarnation on its disk.
    pub(super) fn renew(&mut self, stored: u64) {
        let old = std::mem::replace(self, Self::new());
        let Self { life, service, wall_offset, frames, .. } = old;
        *self = Self { life: life + 1, service, wall_offset, frames, stored: Some(stored), ..Self::new() };
    }

    /// The life that lives there ends.
    pub(super) fn end(&mut self) {
        self.node = None;
        self.waiting.clear();
        self.submitted.clear();
        self.is_paused = false;
        self.has_work_scheduled = false;
    }
}

/// Address of a node: its number as an address.
pub(super) fn endpoint(host: usize) -> Endpoint {
    let [_, b, c, d] = (host as u32 + 1).to_be_bytes();
    Endpoint::from_ip(IpAddr::V4(Ipv4Addr::new(10, b, c, d)), PORT)
}

/// The node that listens there.
pub(super) fn host_at(endpoint: &Endpoint) -> Option<usize> {
    let [10, b, c, d] = endpoint.host().parse::<Ipv4Addr>().ok()?.octets() else { return None };
    (u32::from_be_bytes([0, b, c, d]) as usize).checked_sub(1)
}

/// The index of a node by its name, which is its number.
pub(super) fn index_of(node: &NodeId) -> Option<usize> {
    let (number, _) = node.natural_key();
    usize::try_from(number).ok().filter(|_| number < u64::MAX)?.checked_sub(1)
}
