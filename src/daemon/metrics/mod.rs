//! Counters of a node, over HTTP for monitoring systems: OpenMetrics 1.0, on a port and a thread of its own.

mod connection;
pub mod openmetrics;
mod port;
mod server;

pub(super) use port::MetricsPort;
