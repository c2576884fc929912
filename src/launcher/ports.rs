//! Ports of nodes: whether they can be had, and who has them if not.
//!
//! A port among those that the system gives to outgoing connections may be such a connection's, even a minute after its end.
//! Nobody can be told to let go of it then, so it is waited for.

use super::{error::LaunchError, folders::Networks, manifest::NodeRecord, ranges::ranges};
use crate::{clock::Deadline, core::id::NodeId};
use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr, TcpListener},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

/// Time that a process that was just killed may hold its ports: its threads end one after the other.
const LETTING_GO: Duration = Duration::from_millis(200);
/// Interval at which it is seen whether a port is free by now.
const GLANCE: Duration = Duration::from_millis(20);
/// The state of a listening socket in the system's tables.
const LISTENING: &str = "0A";

/// Refuses if a port of these nodes cannot be had. One that an outgoing connection holds is waited for until `deadline`.
pub(super) fn require_free(
    networks: &Networks,
    nodes: &[NodeRecord],
    deadline: &Deadline,
    interrupted: &AtomicBool,
) -> Result<(), LaunchError> {
    let soon = Deadline::after(LETTING_GO);
    loop {
        let taken = taken_ports(nodes)?;
        if taken.is_empty() {
            return Ok(());
        }
        if let Some(by) = owner(networks, &taken) {
            return Err(LaunchError::PortsTaken { ports: ports_are(&taken), by: Some(by) });
        }
        let is_outgoing = is_nobody_listening(&taken);
        let patience = if is_outgoing { deadline } else { &soon };
        if interrupted.load(Ordering::Relaxed) {
            return Err(LaunchError::Interrupted);
        }
        if !patience.pause(GLANCE) {
            let ports = ports_are(&taken);
            return Err(if is_outgoing {
                LaunchError::PortsOutgoing { ports, range: outgoing_range() }
            } else {
                LaunchError::PortsTaken { ports, by: None }
            });
        }
    }
}

/// The same for one node, which the error names.
pub(super) fn require_free_for(
    networks: &Networks,
    record: &NodeRecord,
    deadline: &Deadline,
    interrupted: &AtomicBool,
) -> Result<(), LaunchError> {
    require_free(networks, std::slice::from_ref(record), deadline, interrupted).map_err(|error| match error {
        LaunchError::PortsTaken { by, .. } => {
            LaunchError::PortTaken { node: record.node.clone(), port: record.endpoint.port(), by }
        }
        error => error,
    })
}

/// Those of their ports that cannot be had now.
pub(super) fn taken_ports(nodes: &[NodeRecord]) -> Result<Vec<u16>, LaunchError> {
    let mut taken = Vec::new();
    for record in nodes {
        let (host, port) = (IpAddr::from(Ipv4Addr::LOCALHOST), record.endpoint.port());
        match TcpListener::bind((host, port)) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => taken.push(port),
            Err(source) => return Err(LaunchError::PortForbidden { host, port, source }),
        }
    }
    Ok(taken)
}

/// Returns whether no socket listens on any of these ports. Where the system does not tell, somebody does.
fn is_nobody_listening(ports: &[u16]) -> bool {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(fs::read_to_string);
    let [Ok(_), _] = &tables else { return false };
    let listens = |line: &str| {
        let mut words = line.split_whitespace().skip(1);
        let port = words.next().and_then(|local| u16::from_str_radix(local.rsplit(':').next()?, 16).ok());
        port.is_some_and(|port| ports.contains(&port)) && words.nth(1) == Some(LISTENING)
    };
    !tables.iter().flatten().flat_map(|table| table.lines()).any(listens)
}

/// The ports that the system gives to outgoing connections: `32768-60999`.
fn outgoing_range() -> String {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    range.split_whitespace().collect::<Vec<_>>().join("-")
}

/// The network of ours that listens on one of `ports`, if there is one.
fn owner(networks: &Networks, ports: &[u16]) -> Option<String> {
    let manifests = networks.recorded().into_iter().filter_map(|folder| folder.read_record().ok().flatten());
    let mut owners = manifests.filter(|m| m.alive().any(|record| ports.contains(&record.endpoint.port())));
    owners.next().map(|manifest| manifest.network.to_string())
}

/// `port 7003 is` or `ports 7001-7016 are`.
fn ports_are(ports: &[u16]) -> String {
    let numbers: Vec<_> = ports.iter().map(|&port| NodeId::numbered(port.into())).collect();
    let (noun, verb) = if ports.len() == 1 { ("port", "is") } else { ("ports", "are") };
    format!("{noun} {} {verb}", ranges(&numbers))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::endpoint::Endpoint;
    use std::net::TcpStream;

    /// A connection of another program has the port, and then lets go of it without a trace.
    #[test]
    fn a_port_that_a_connection_holds_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let networks = Networks::at(folder.path());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
        let endpoint: Endpoint = stream.local_addr().unwrap().to_string().parse().unwrap();
        let node = NodeId::numbered(1);
        let record = NodeRecord { node, endpoint, process: None, peers: Vec::new(), lost: Vec::new() };
        let within = |wait| {
            let deadline = Deadline::after(wait);
            require_free_for(&networks, &record, &deadline, &AtomicBool::new(false))
        };
        let error = within(Duration::from_millis(1)).unwrap_err();
        assert!(matches!(error, LaunchError::PortsOutgoing { .. }), "{error}");
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| within(Duration::from_secs(60)));
            drop(stream);
            waiting.join().unwrap().unwrap();
        });
    }

    #[test]
    fn a_port_that_is_listened_on_is_told_from_one_that_is_not() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(!is_nobody_listening(&[port]));
        drop(listener);
        assert!(is_nobody_listening(&[port]));
    }
}
