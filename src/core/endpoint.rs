//! Endpoints of nodes. libzmq accepts ports beyond 65535 (they wrap) and panics our binding on some
//! paths, so nothing but a parsed [`Endpoint`] ever reaches it.

use std::{fmt, net::IpAddr, str::FromStr, sync::Arc};

/// Longest host name in bytes (RFC 1035).
const HOST_LEN_MAX: usize = 253;

/// A TCP address: host name or IP address, and port. Shown as `tcp://host:port`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    host: Arc<str>,
    port: u16,
}

/// Reason why a text is no endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Not of the form `host:port`.
    #[error("'{0}' is not of the form host:port")]
    Form(String),
    /// The port is no number from 1 to 65535.
    #[error("the port '{0}' is not a number from 1 to 65535")]
    Port(String),
    /// The host is neither an IP address nor a host name.
    #[error("'{0}' is neither an IP address nor a host name")]
    Host(String),
    /// The host is an IP address by which no other host can reach this one.
    #[error("'{host}' is not a dialable address: {why}")]
    Undialable {
        /// The address.
        host: String,
        /// Problem of the text, and what to do.
        why: &'static str,
    },
}

/// Problem of link-local addresses, and what to do.
const LINK_LOCAL: &str =
    "a link-local address needs an interface, which each host names its own way; give a global one";

/// Reason why no other host can dial an IP address, if none can.
pub fn undialable(ip: IpAddr) -> Option<&'static str> {
    let ip = ip.to_canonical();
    let is_link_local = matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
    match ip {
        _ if ip.is_unspecified() => Some("it means all interfaces; give the address of one"),
        _ if ip.is_multicast() => Some("it is a multicast address; give that of one host"),
        IpAddr::V4(ip) if ip.is_broadcast() => Some("it is the broadcast address; give that of one host"),
        _ => is_link_local.then_some(LINK_LOCAL),
    }
}

impl Endpoint {
    /// An endpoint on an IP address. Port 0 is not an endpoint that anybody can dial: the caller uses it
    /// only to let the system choose one.
    pub fn from_ip(ip: IpAddr, port: u16) -> Self {
        Self { host: ip.to_string().into(), port }
    }

    /// Host name or IP address, an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The host as an IP address; `None` for a host name.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// TCP port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The same host with another port.
    pub fn with_port(&self, port: u16) -> Self {
        Self { host: Arc::clone(&self.host), port }
    }

    /// Returns whether the host is the address that stands for "all interfaces", which nobody can dial.
    pub fn is_unspecified(&self) -> bool {
        self.ip().is_some_and(|ip| ip.is_unspecified())
    }

    /// Returns whether the host needs IPv6 sockets: an IPv6 address.
    pub fn is_ipv6(&self) -> bool {
        self.host.contains(':')
    }

    /// Number of bytes that it takes as text.
    pub fn text_len(&self) -> usize {
        let digits = self.port.checked_ilog10().map_or(1, |log| log as usize + 1);
        let brackets = if self.is_ipv6() { "[]".len() } else { 0 };
        "tcp://:".len() + self.host.len() + brackets + digits
    }

    /// `host:port`, an IPv6 host in brackets.
    pub fn authority(&self) -> String {
        if self.is_ipv6() { format!("[{}]:{}", self.host, self.port) } else { format!("{}:{}", self.host, self.port) }
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    /// Parses `host:port`, `[v6]:port`, each with or without `tcp://`; refuses what [nobody can dial](undialable).
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let authority = text.strip_prefix("tcp://").unwrap_or(text);
        let (host, port) = authority.rsplit_once(':').ok_or_else(|| EndpointError::Form(text.into()))?;
        let number: u16 = port.parse().map_err(|_| EndpointError::Port(port.into()))?;
        if number == 0 || port.starts_with('+') {
            return Err(EndpointError::Port(port.into()));
        }
        Ok(Self { host: parse_host(host)?.into(), port: number })
    }
}

fn parse_host(text: &str) -> Result<String, EndpointError> {
    let refused = || EndpointError::Host(text.into());
    let dialable = |ip: IpAddr| match undialable(ip) {
        Some(why) => Err(EndpointError::Undialable { host: text.into(), why }),
        None => Ok(ip.to_string()),
    };
    if let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        // An interface behind '%' belongs to a link-local address, and to nothing else.
        let (address, interface) = inner.split_once('%').map_or((inner, None), |(ip, scope)| (ip, Some(scope)));
        let ip: std::net::Ipv6Addr = address.parse().map_err(|_| refused())?;
        return if interface.is_some() && !ip.is_unicast_link_local() { Err(refused()) } else { dialable(ip.into()) };
    }
    // Resolvers take what ends in a number for an address, and not all forms of it for the same.
    let last = text.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    let hexadecimal = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    if hexadecimal.is_some() || last.bytes().all(|b| b.is_ascii_digit()) {
        return dialable(IpAddr::V4(text.parse().map_err(|_| refused())?));
    }
    // libzmq refuses to connect to what begins otherwise.
    let is_name = text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.len() <= HOST_LEN_MAX
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
    if is_name { Ok(text.to_ascii_lowercase()) } else { Err(refused()) }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tcp://{}", self.authority())
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_parse_and_print() {
        for (text, printed) in [
            ("127.0.0.1:7001", "tcp://127.0.0.1:7001"),
            ("tcp://Example.org:80", "tcp://example.org:80"),
            ("[::1]:7001", "tcp://[::1]:7001"),
        ] {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!((endpoint.to_string().as_str(), endpoint.text_len()), (printed, printed.len()));
        }
    }

    #[test]
    fn what_libzmq_would_swallow_is_refused() {
        for text in
            ["127.0.0.1", "127.0.0.1:0", "h:99999", "h:+7", ":7", "a b:7", "ipc:///etc/passwd", "[::1:7", "h\0:7"]
        {
            assert!(text.parse::<Endpoint>().is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn what_nobody_can_dial_is_refused() {
        for (host, says) in [
            ("0.0.0.0", "all interfaces"),
            ("[::]", "all interfaces"),
            ("[::ffff:0.0.0.0]", "all interfaces"),
            ("224.0.0.1", "multicast"),
            ("[ff02::1]", "multicast"),
            ("255.255.255.255", "broadcast"),
            ("[fe80::1]", "link-local"),
            ("[fe80::1%eth0]", "link-local"),
            ("0", "neither an IP address"),
            ("127.1", "neither an IP address"),
            ("0x7f.0.0.0x1", "neither an IP address"),
            ("[::1%eth0]", "neither an IP address"),
        ] {
            let error = format!("{host}:7001").parse::<Endpoint>().unwrap_err().to_string();
            assert!(error.contains(says) && error.contains(host), "{error}");
        }
        for host in ["169.254.1.1", "[fd00::1]", "127.0.0.1", "db-0x3", "3com.example", "1.example"] {
            format!("{host}:7001").parse::<Endpoint>().unwrap();
        }
    }
}
