//! `gossip node`: one node in the foreground. What `start-network` starts, and what a person can start by hand.

use crate::{
    cli::{
        Context, Output, behaviour::Behaviour, bounds::Bounds, error::CliError, log::Logging, node_argument::new_name,
    },
    core::{
        endpoint::{Endpoint, undialable},
        id::{Incarnation, Instance, NetworkName, NodeId},
    },
    daemon::{DaemonError, NodeProcess, Settings},
    launcher::Networks,
};
use serde::Serialize;
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    process,
    str::FromStr,
};

/// Run one node in the foreground
///
/// Prints its address, then serves until Ctrl-C, SIGTERM or a stop request. 'start-network' starts its nodes the same way.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:\n  \
    gossip node --name a --bind 127.0.0.1:7101\n  \
    gossip node --name b --bind 127.0.0.1:7102 --peer 127.0.0.1:7101\n  \
    gossip node --name c --bind 127.0.0.1:7103 --join 127.0.0.1:7101\n  \
    gossip node --name d --bind 0.0.0.0:7104 --advertise db3.example.org:7104 --peer a@10.0.0.7:7101")]
pub struct Args {
    /// Name of the node, unique in its network
    #[arg(long, value_name = "NAME", value_parser = new_name)]
    name: NodeId,
    /// Address and port to listen on; port 0 picks a free one
    #[arg(long, value_name = "IP:PORT")]
    bind: Bind,
    /// Address other nodes use to reach it, if different from --bind
    #[arg(long, value_name = "HOST:PORT")]
    advertise: Option<Endpoint>,
    /// Node to connect to; repeatable
    ///
    /// With NAME, only a node of that name is linked; if another one answers, that is logged, and the address is retried with
    /// growing delays.
    #[arg(long = "peer", value_name = "[NAME@]HOST:PORT")]
    peers: Vec<Peer>,
    /// Any live node of the network to join; neighbours are found automatically; repeatable
    #[arg(long = "join", value_name = "HOST:PORT", conflicts_with = "no_heal")]
    contacts: Vec<Endpoint>,
    /// Identifies one run of the network; nodes of different instances never link
    ///
    /// Without it, a node keeps the instance stored in its state folder; the first time, it takes that of the first node that
    /// answers at a --peer or --join address, or, without these, generates one when the first node connects to it.
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    instance: Instance,
    /// Folder for state that must survive a restart [default: the network's state folder]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Keep messages on disk in this folder, so that they survive a restart; one folder for each node
    #[arg(long, value_name = "DIR", conflicts_with = "state")]
    data: Option<PathBuf>,
    /// Serve OpenMetrics at http://IP:PORT/metrics; port 0 picks a free one
    #[arg(long, value_name = "IP:PORT")]
    metrics: Option<Bind>,
    /// The same on the port that the node listens on plus this, on 127.0.0.1: what 'start-network' says to all its nodes
    #[arg(long, value_name = "PORTS", hide = true, conflicts_with = "metrics", allow_negative_numbers = true)]
    metrics_offset: Option<i32>,
    #[command(flatten)]
    behaviour: Behaviour,
    #[command(flatten)]
    bounds: Bounds,
    #[command(flatten)]
    logging: Logging,
}

/// Address to listen on: an IP address and a port, which may be 0.
#[derive(Debug, Clone)]
struct Bind {
    host: IpAddr,
    port: u16,
}

impl FromStr for Bind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let authority = text.strip_prefix("tcp://").unwrap_or(text);
        let address = authority.parse::<SocketAddr>();
        // What stands behind '%' is an interface, by a name that only the system knows.
        let scoped = || authority.strip_prefix('[')?.split_once('%')?.0.parse().ok();
        let Some(host) = address.as_ref().ok().map(SocketAddr::ip).or_else(scoped) else {
            return Err("give an IP address and a port from 0 to 65535, such as 127.0.0.1:7001".to_owned());
        };
        match (undialable(host), address) {
            (Some(why), _) if !host.is_unspecified() => Err(format!("'{host}' is not a dialable address: {why}")),
            (_, Ok(address)) => Ok(Self { host, port: address.port() }),
            _ => Err(format!("'{text}' names an interface, and {host} needs none")),
        }
    }
}

/// A node to connect to: its address, and its name where it is known.
#[derive(Debug, Clone)]
struct Peer {
    node: Option<NodeId>,
    endpoint: Endpoint,
}

impl FromStr for Peer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, address) = match text.rsplit_once('@') {
            Some((name, address)) => (Some(name), address),
            None => (None, text),
        };
        let node = name.map(str::parse).transpose().map_err(|error: crate::core::id::NodeIdError| error.to_string())?;
        let endpoint = address.parse().map_err(|error: crate::core::endpoint::EndpointError| error.to_string())?;
        Ok(Self { node, endpoint })
    }
}

/// Line that a node prints once it listens.
#[derive(Debug, Serialize)]
struct ReadyLine<'a> {
    node: &'a str,
    endpoint: String,
    pid: u32,
    network: &'a str,
    instance: &'a str,
    incarnation: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics: Option<String>,
}

impl fmt::Display for ReadyLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gossip-Node-{} of network '{}' listens on {}", self.node, self.network, self.endpoint)?;
        self.metrics.iter().try_for_each(|url| write!(f, ", metrics at {url}"))
    }
}

/// Runs a node until a signal or a request ends it.
pub fn run(args: Args, context: &Context, out: &mut Output) -> Result<(), CliError> {
    // The node takes over the signals itself, as something that it can wait for.
    context.release_interrupts();
    args.logging.begin(context.verbosity());
    let network = context.network();
    let name = args.name.clone();
    let node = NodeProcess::start(args.into_settings(network)?).map_err(failed)?;
    let Incarnation(incarnation) = node.incarnation();
    out.print(&ReadyLine {
        node: name.as_str(),
        endpoint: node.endpoint().to_string(),
        pid: process::id(),
        network: network.as_str(),
        instance: node.instance().as_str(),
        incarnation,
        metrics: node.metrics().map(|address| format!("http://{address}/metrics")),
    })?;
    out.flush()?;
    node.serve().map_err(failed)
}

impl Args {
    fn into_settings(self, network: &NetworkName) -> Result<Settings, CliError> {
        let is_durable = self.data.is_some();
        let folder = match self.state.or(self.data) {
            Some(folder) => folder,
            None => Networks::from_environment()?.folder(network).nodes(),
        };
        let metrics = match (self.metrics, self.metrics_offset) {
            (Some(bind), _) => Some(SocketAddr::new(bind.host, bind.port)),
            (None, Some(offset)) => {
                let port = u16::try_from(i32::from(self.bind.port).saturating_add(offset));
                let port =
                    port.map_err(|_| CliError::Usage(format!("no port is {offset} beyond {}", self.bind.port)))?;
                Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
            }
            (None, None) => None,
        };
        Ok(Settings {
            node: self.name,
            host: self.bind.host,
            port: self.bind.port,
            advertise: self.advertise,
            network: network.clone(),
            instance: self.instance,
            peers: self.peers.into_iter().map(|peer| (peer.node, peer.endpoint)).collect(),
            contacts: self.contacts,
            folder,
            is_durable,
            metrics,
            protocol: self.behaviour.protocol(),
            limits: self.bounds.limits(),
            version: env!("CARGO_PKG_VERSION"),
        })
    }
}

fn failed(error: DaemonError) -> CliError {
    match error {
        // Whatever else is true, an address of all interfaces can be dialled by nobody.
        DaemonError::Unspecified(_) => CliError::Usage(error.to_string()),
        _ => CliError::Failed(error.to_string()),
    }
}
