//! Where a node lives in a cluster, what can happen to it, and what waits for it.

use super::links::{Direction, Transit};
use crate::{
    core::{
        endpoint::Endpoint,
        event::{Input, LogSeq, Record},
        message::Payload,
        node::Node,
        time::Mono,
    },
    store::MemoryLog,
};
use std::{
    collections::VecDeque,
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
    /// A node starts that was told one address.
    Join {
        host: u32,
    },
    /// It is time to see whether all have come to rest.
    Look,
}

/// What waits for a node that is paused or slow.
#[derive(Debug)]
pub(super) enum Work {
    Arrival { connection: u32, epoch: u32, way: Direction, transit: Transit },
    Input(Input),
    Publish(u32),
}

/// What a node writes down.
#[derive(Debug, Default)]
pub(super) struct Disklog {
    pub(super) memory: MemoryLog,
    /// All that it wrote, where somebody will read it.
    pub(super) records: Vec<Record>,
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
    /// The incarnation on its disk.
    pub(super) stored: Option<u64>,
    /// Frames sent since the messages began.
    pub(super) frames: u64,
    /// When its lives ended that are over.
    ended: Vec<Mono>,
    /// Whether it had a neighbour in this life.
    pub(super) has_met: bool,
    /// Whether it has asked for a message: what comes of that goes no further by itself.
    pub(super) has_asked: bool,
    /// Messages handed in that it has not minted yet: number and payload.
    pub(super) submitted: VecDeque<(u32, Payload)>,
    /// Connections that it opened, by link.
    pub(super) links: Vec<Option<u32>>,
    /// Connections at its ROUTER that get its answers: the node that opened it, and its number; ascending.
    inbound: Vec<(u32, u32)>,
    /// Connections of others to it that are up.
    pub(super) incoming: Vec<u32>,
    pub(super) log: Disklog,
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
            stored: None,
            frames: 0,
            ended: Vec::new(),
            has_met: false,
            has_asked: false,
            submitted: VecDeque::new(),
            links: Vec::new(),
            inbound: Vec::new(),
            incoming: Vec::new(),
            log: Disklog::default(),
            synced: LogSeq::default(),
            tick_at: NEVER,
        }
    }

    /// What is left of a place when a new life begins there.
    pub(super) fn renew(&mut self, now: Mono, stored: u64) {
        let old = std::mem::replace(self, Self::new());
        let Self { life, service, wall_offset, frames, ended, incoming, .. } = old;
        *self = Self {
            life: life + 1,
            began: now,
            service,
            wall_offset,
            frames,
            ended,
            stored: Some(stored),
            incoming,
            ..Self::new()
        };
    }

    /// The life that lives there ends.
    pub(super) fn end(&mut self, now: Mono) {
        self.node = None;
        self.ended.push(now);
        self.waiting.clear();
        self.submitted.clear();
        self.inbound.clear();
        self.is_paused = false;
        self.has_work_scheduled = false;
    }

    /// When a life ended; now, if it has not.
    pub(super) fn lived_until(&self, life: u32, now: Mono) -> Mono {
        self.ended.get(life as usize - 1).copied().unwrap_or(now)
    }

    /// The connection over which answers go to a node.
    pub(super) fn inbound(&self, from: usize) -> Option<u32> {
        let index = self.inbound.binary_search_by_key(&(from as u32), |&(dialer, _)| dialer).ok()?;
        Some(self.inbound[index].1)
    }

    /// A node has connected; as ROUTER's handover has it, a name belongs to whoever connected under it last.
    pub(super) fn admit(&mut self, from: usize, connection: u32) {
        let entry = (from as u32, connection);
        match self.inbound.binary_search_by_key(&entry.0, |&(dialer, _)| dialer) {
            Ok(index) => self.inbound[index] = entry,
            Err(index) => self.inbound.insert(index, entry),
        }
        self.incoming.push(connection);
    }

    /// A connection to it is gone.
    pub(super) fn dismiss(&mut self, from: usize, connection: u32) {
        if let Ok(index) = self.inbound.binary_search(&(from as u32, connection)) {
            self.inbound.remove(index);
        }
        if let Some(index) = self.incoming.iter().position(|&number| number == connection) {
            self.incoming.swap_remove(index);
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
