//! The life of a node process: bind, begin a new incarnation, serve turn by turn, end within a bounded time.

use super::{
    error::DaemonError,
    metrics::MetricsPort,
    report::{self, rooms},
    settings::Settings,
    signals::Signals,
    turn::Turn,
};
use crate::{
    clock::{self, Clock},
    core::{
        config::Config,
        endpoint::Endpoint,
        event::record::Level,
        frame::frame_len_max,
        id::{Incarnation, Instance},
        node::Node,
        request::Request,
        time::Now,
    },
    store::{
        Log, MemoryLog, StoreError,
        incarnation::Life,
        segment::{Options, Retention, SegmentLog},
    },
    transport::{Context, LinkLimits, Links, Poller, Router, RouterLimits, context::raise_descriptor_limit},
    wire::Decoder,
};
use std::{net::SocketAddr, time::Duration};

/// Sockets of a node: one for each peer and a few more.
const SOCKETS_BESIDE_LINKS: usize = 8;

/// Time that frames may take to leave when a signal ends the node.
const SIGNAL_LINGER: Duration = Duration::from_millis(200);

/// A node that listens, with its identity fixed, ready to serve.
pub struct NodeProcess {
    turn: Turn,
    poller: Poller,
    signals: Signals,
    endpoint: Endpoint,
    metrics: Option<SocketAddr>,
}

impl NodeProcess {
    /// Binds the port, begins a new incarnation and opens the links to the peers. Nothing is sent before that
    /// incarnation is stored for good.
    pub fn start(settings: Settings) -> Result<Self, DaemonError> {
        let system = |action| move |source| DaemonError::System { action, source };
        raise_descriptor_limit().map_err(system("raise the limit of descriptors"))?;
        let signals = Signals::listen().map_err(system("listen to signals"))?;
        let Settings { node, host, port, advertise, network, instance, peers, contacts, .. } = settings;
        let Settings { folder, is_durable, protocol, limits, version, metrics, .. } = settings;

        let sockets = limits.peers_max.saturating_add(SOCKETS_BESIDE_LINKS);
        let context = Context::new(u16::try_from(sockets).unwrap_or(u16::MAX))?;
        let (router_limits, link_limits) = transport_limits(limits.payload_len_max);
        let router = Router::bind(&context, &Endpoint::from_ip(host, port), router_limits)?;
        let bound = router.endpoint().clone();
        let endpoint = match advertise {
            Some(advertised) => advertised,
            None if bound.is_unspecified() => return Err(DaemonError::Unspecified(bound)),
            None => bound,
        };

        let listen = |address| MetricsPort::listen(address).map_err(|source| DaemonError::Metrics { address, source });
        let port = metrics.map(listen).transpose()?;
        let metrics = port.as_ref().map(MetricsPort::address);

        let clock = Clock::new();
        let now = clock.now();
        let life = Life::begin(&folder, &node, now.wall, clock::seed())?;
        let instance = if instance.is_empty() { life.instance(&network)? } else { instance };
        let links = Links::new(&context, node.clone(), link_limits);
        let decoder = Decoder::new(limits.path_len_max);
        let level = if is_durable { Level::Disk } else { Level::Memory };
        let enough = limits.retained_messages_max as u64;
        let config = Config { node, endpoint: endpoint.clone(), network, instance, protocol, level, limits };
        let (core, log): (_, Box<dyn Log>) = if is_durable {
            // What memory has no room for cannot be read: the log need not keep it either.
            let retention = Retention { messages: Some(enough), ..Retention::default() };
            let mut log = SegmentLog::open(folder.join("log"), Options { retention, ..Options::default() })?;
            let core = recover(&mut log, config, life.incarnation(), version, now)?;
            // What was found and may not be safe is written again before anything builds upon it.
            log.sync()?;
            report::recovered(&core.gauge(), log.findings(), clock.mono().since(now.mono));
            (core, Box::new(log))
        } else {
            let mut log = MemoryLog::default();
            (recover(&mut log, config, life.incarnation(), version, now)?, Box::new(log))
        };
        let mut turn = Turn::new(core, clock, router, links, decoder, log, life);
        if let Some(port) = port {
            turn.serve_metrics(port);
        }
        let sought: Vec<_> = peers.iter().map(|(_, endpoint)| endpoint).chain(&contacts).cloned().collect();
        turn.expect(&sought);
        turn.ask(Request::Connect { peers })?;
        if !contacts.is_empty() {
            let contacts = contacts.into_iter().map(|contact| (None, contact)).collect();
            turn.ask(Request::Join { contacts })?;
        }
        Ok(Self { turn, poller: Poller::new(), signals, endpoint, metrics })
    }

    /// The address at which other nodes reach this one.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The address at which it serves its metrics, if it does.
    pub fn metrics(&self) -> Option<SocketAddr> {
        self.metrics
    }

    /// The start of its network that it belongs to; empty: it does not know yet.
    pub fn instance(&self) -> &Instance {
        self.turn.instance()
    }

    /// Its life.
    pub fn incarnation(&self) -> Incarnation {
        self.turn.incarnation()
    }

    /// Serves until a signal comes or a request ends it, then gives what was sent a bounded time to leave.
    pub fn serve(mut self) -> Result<(), DaemonError> {
        use std::os::fd::AsFd;
        let linger = loop {
            let signal = self.signals.as_fd();
            if self.turn.wait_and_run(&mut self.poller, signal)? {
                tracing::info!(target: rooms::NODE, event = "ends", why = "signal", "stopping on a signal");
                break SIGNAL_LINGER;
            }
            if let Some(linger) = self.turn.exit() {
                tracing::info!(target: rooms::NODE, event = "ends", why = "request", "stopping on request");
                break linger;
            }
        };
        self.turn.close(linger);
        Ok(())
    }
}

/// The node that a log tells of, at the beginning of the life `incarnation`.
pub(super) fn recover(
    log: &mut dyn Log,
    config: Config,
    incarnation: Incarnation,
    version: &'static str,
    now: Now,
) -> Result<Node, StoreError> {
    let mut unread = None;
    let records = log.records()?.map_while(|record| record.map_err(|error| unread = Some(error)).ok());
    let node = Node::recover(config, incarnation, clock::seed(), version, now, records);
    unread.map_or(Ok(node), Err)
}

/// Queues hold what they hold by default, or a few of the largest frames where these are larger.
fn transport_limits(payload_len_max: usize) -> (RouterLimits, LinkLimits) {
    let frame = frame_len_max(payload_len_max);
    let frame_len_max = i64::try_from(frame).unwrap_or(i64::MAX);
    let (router, link) = (RouterLimits::default(), LinkLimits::default());
    let client_bytes_max = router.client_bytes_max.max(frame.saturating_mul(2));
    let clients_bytes_max = router.clients_bytes_max.max(client_bytes_max.saturating_mul(4));
    let bytes_max = link.bytes_max.max(frame.saturating_mul(2));
    (
        RouterLimits { frame_len_max, client_bytes_max, clients_bytes_max, ..router },
        LinkLimits { frame_len_max, bytes_max, ..link },
    )
}
