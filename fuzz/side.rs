//! One honest node, and what surrounds it.

use crate::ledger::Ledger;
use gossip::core::{
    config::{Broadcast, Config, Limits, Protocol, Timing},
    endpoint::Endpoint,
    event::record::{Level, LogSeq, Record},
    event::{Input, LinkId},
    id::{Incarnation, NodeId},
    node::Node,
    time::Now,
};
use std::{
    collections::{BTreeMap, VecDeque},
    net::{IpAddr, Ipv4Addr},
};

/// One honest node and what surrounds it.
pub(crate) struct Side {
    pub(crate) node: Node,
    pub(crate) config: Config,
    pub(crate) incarnation: Incarnation,
    /// Open connections.
    pub(crate) links: BTreeMap<LinkId, Endpoint>,
    /// The last probe over each link.
    pub(crate) pings: BTreeMap<LinkId, u64>,
    pub(crate) log: Vec<Record>,
    pub(crate) appended: LogSeq,
    pub(crate) ledger: Ledger,
    /// Inputs from the other side, and from the node's driver.
    pub(crate) queue: VecDeque<Input>,
    /// True if the connections to the other side carry anything.
    pub(crate) is_connected: bool,
    /// True if the node was asked to end, or to part from the other one, or lied about so that it may not be reached.
    pub(crate) is_lost: bool,
    pub(crate) has_exited: bool,
}

pub(crate) fn name(number: u32) -> NodeId {
    NodeId::numbered(number)
}

pub(crate) fn endpoint(number: u32) -> Endpoint {
    Endpoint::from_ip(IpAddr::V4(Ipv4Addr::new(10, 0, 0, number as u8)), 7000)
}

fn config(number: u32, mode: u8) -> Config {
    let floods = mode & number as u8 != 0;
    let timing = [Timing::LOCAL, Timing::LAN, Timing::WAN][usize::from(mode >> 4 & 3) % 3];
    let dissemination = if floods { Broadcast::Flood } else { Broadcast::Tree };
    let limits = match mode >> 2 & 3 {
        0 => Limits::default(),
        1 => tiny(),
        _ => small(),
    };
    Config {
        node: name(number),
        endpoint: endpoint(number),
        network: "default".parse().expect("a network's name"),
        instance: "7f3a".parse().expect("an instance"),
        protocol: Protocol { dissemination, timing, ..Protocol::default() },
        level: Level::Memory,
        limits,
    }
}

/// Limits that are met soon, and leave room for what the honest nodes need.
fn small() -> Limits {
    Limits {
        payload_len_max: 512,
        retained_messages_max: 24,
        retained_bytes_max: 16 << 10,
        path_len_max: 8,
        peers_max: 6,
        streams_max: 12,
        intervals_max: 6,
        receipts_max: 3,
        page_len_max: 600,
        waiting_max: 3,
        small_payload_max: 32,
        trees_max: 6,
        lives_max: 3,
        missing_max: 16,
        pull_max: 8,
        view_max: 4,
        gaps_max: 4,
        ..Limits::default()
    }
}

/// Limits that hardly leave room for anything.
fn tiny() -> Limits {
    Limits {
        retained_messages_max: 3,
        retained_bytes_max: 1500,
        path_len_max: 3,
        peers_max: 2,
        streams_max: 3,
        intervals_max: 1,
        trees_max: 1,
        lives_max: 1,
        missing_max: 1,
        pull_max: 1,
        gaps_max: 2,
        receipts_max: 1,
        waiting_max: 1,
        ..small()
    }
}

impl Side {
    pub(crate) fn new(number: u32, mode: u8, now: Now) -> Self {
        let (config, incarnation) = (config(number, mode), Incarnation(7));
        Self {
            node: Node::new(config.clone(), incarnation, 0, "fuzz", now),
            config,
            incarnation,
            links: BTreeMap::new(),
            pings: BTreeMap::new(),
            log: Vec::new(),
            appended: LogSeq::default(),
            ledger: Ledger::default(),
            queue: VecDeque::new(),
            is_connected: true,
            is_lost: false,
            has_exited: false,
        }
    }

    /// The link opened last to an address.
    pub(crate) fn link_to(&self, endpoint: &Endpoint) -> Option<LinkId> {
        self.links.iter().rev().find(|(_, to)| *to == endpoint).map(|(&link, _)| link)
    }
}
