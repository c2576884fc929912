//! Settings of a node process.

use crate::core::{
    config::{Limits, Protocol},
    endpoint::Endpoint,
    id::{Instance, NetworkName, NodeId},
};
use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

/// Settings that a node process starts with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its name.
    pub node: NodeId,
    /// The interface that it listens on.
    pub host: IpAddr,
    /// The port; 0 lets the system choose.
    pub port: u16,
    /// The address at which other nodes reach it, if that is elsewhere.
    pub advertise: Option<Endpoint>,
    /// Its network.
    pub network: NetworkName,
    /// The start of it.
    pub instance: Instance,
    /// Peers to connect to: name, where known, and address.
    pub peers: Vec<(Option<NodeId>, Endpoint)>,
    /// Nodes of the network that it joins; any one that lives will do.
    pub contacts: Vec<Endpoint>,
    /// The folder for its incarnation, and for its log if that is on disk.
    pub folder: PathBuf,
    /// True if its log is on disk.
    pub is_durable: bool,
    /// The protocol's settings.
    pub protocol: Protocol,
    /// Bounds and waits.
    pub limits: Limits,
    /// The address at which it serves its metrics, if it does.
    pub metrics: Option<SocketAddr>,
    /// The program's version, as STATE has it.
    pub version: &'static str,
}
