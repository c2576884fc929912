//! Dialling of TCP, so that no connection keeps a node from its port.
//!
//! A connection takes a port of the system's outgoing range, which may be the port of a node that is down: TCP even
//! connects to itself when it draws the very port that it dials. A link dials for as long as its node is down, so it
//! shares its port (libzmq sets `SO_REUSEADDR` where it is given a source address), and the node can listen there again.
//! A probe is reset, not closed, and leaves nothing behind.

use super::{error::RequestError, resolver::resolve};
use crate::core::endpoint::Endpoint;
use rustix::net::sockopt::set_socket_linger;
use std::{
    io,
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// An address as libzmq is told to dial it for a link: from any address of this machine and any port, shared. Such a port is
/// no other connection's, so this is for the few that live long.
pub(super) fn dialled(address: &Endpoint) -> String {
    let any = if address.is_ipv6() { "[::]:0" } else { "0.0.0.0:0" };
    format!("tcp://{any};{}", address.authority())
}

/// Finds out whether something listens: the first address of the endpoint that takes a TCP connection. libzmq would try
/// again and again and never say so. The lookup of a host name, and each attempt, take `timeout` at most.
pub fn probe(endpoint: &Endpoint, timeout: Duration) -> Result<SocketAddr, RequestError> {
    let unreachable = |source| RequestError::Unreachable { endpoint: endpoint.clone(), source };
    let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
    let found = resolve(endpoint, timeout);
    let addresses = match found {
        Ok(addresses) => addresses,
        Err(error) if error.kind() == io::ErrorKind::TimedOut => {
            return Err(RequestError::TimedOut { endpoint: endpoint.clone(), waited: timeout });
        }
        Err(error) => {
            let text = error.to_string();
            let why = text.strip_prefix("failed to lookup address information: ").unwrap_or(&text).to_owned();
            return Err(RequestError::Unresolved { host: endpoint.host().to_owned(), why });
        }
    };
    for address in addresses {
        match connect(&address, timeout) {
            Ok(()) => return Ok(address),
            Err(error) => failure = error,
        }
    }
    Err(match failure.kind() {
        io::ErrorKind::ConnectionRefused => RequestError::Refused(endpoint.clone()),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
            RequestError::TimedOut { endpoint: endpoint.clone(), waited: timeout }
        }
        _ => unreachable(failure),
    })
}

/// Connects and hangs up. A connection to itself is none.
fn connect(address: &SocketAddr, timeout: Duration) -> io::Result<()> {
    let stream = TcpStream::connect_timeout(address, timeout)?;
    // Reset, not closed: a connection that is closed keeps its port for a minute.
    set_socket_linger(&stream, Some(Duration::ZERO))?;
    if stream.local_addr()? == *address { Err(io::ErrorKind::ConnectionRefused.into()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn whoever_listens_is_found_and_whoever_does_not_is_refused() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint: Endpoint = listener.local_addr().unwrap().to_string().parse().unwrap();
        assert_eq!(probe(&endpoint, Duration::from_secs(10)).unwrap(), listener.local_addr().unwrap());
        drop(listener);
        assert!(matches!(probe(&endpoint, Duration::from_secs(10)), Err(RequestError::Refused(_))));
    }

    #[test]
    fn a_name_that_nobody_has_is_unreachable_in_time() {
        let nobody: Endpoint = "nobody.invalid:7001".parse().unwrap();
        assert!(matches!(probe(&nobody, Duration::from_secs(30)), Err(RequestError::Unresolved { .. })));
    }
}
