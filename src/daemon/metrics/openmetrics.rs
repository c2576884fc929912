//! OpenMetrics 1.0 text (prometheus.io/docs/specs/om) of all that a node counts and holds.

use crate::core::{
    id::NodeId,
    node::Snapshot,
    request::PeerInfo,
    stats::{Counter, Histogram, Refusal, Stats, Tallies},
};
use std::fmt::{Display, Write};

/// The media type of the text.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The text of a snapshot.
pub fn render(snapshot: &Snapshot) -> String {
    let status = &snapshot.status;
    let labels = format!("node=\"{}\",network=\"{}\"", escape(status.node.as_str()), escape(status.network.as_str()));
    let mut page = Page { text: String::new(), labels };
    page.family("gossip_node", "info", "Identity of the node.");
    page.sample(
        "gossip_node_info",
        &[
            ("version", &status.version),
            ("endpoint", &status.endpoint.to_string()),
            ("instance", status.instance.as_str()),
            ("incarnation", &status.incarnation.0.to_string()),
        ],
        1,
    );
    gauges(&mut page, snapshot);
    peers(&mut page, &status.peers);
    totals(&mut page, snapshot.stats.total());
    by_peer(&mut page, &snapshot.stats);
    let deliveries = snapshot.stats.deliveries();
    let help = "Time from submission at another node to arrival here, by the clocks of both hosts.";
    page.histogram("gossip_delivery_latency_seconds", help, &deliveries.latency, seconds);
    let help = "Hops of messages from other nodes.";
    page.histogram("gossip_delivery_hops", help, &deliveries.hops, |hops| hops as f64);
    page.text.push_str("# EOF\n");
    page.text
}

/// The text as far as it is written, and the labels that all samples have.
struct Page {
    text: String,
    labels: String,
}

impl Page {
    /// A family's unit is the end of its name.
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# TYPE {name} {kind}"));
        self.line(format_args!("# HELP {name} {}", escape(help)));
        if let Some(unit) = ["seconds", "bytes"].into_iter().find(|unit| name.ends_with(unit)) {
            self.line(format_args!("# UNIT {name} {unit}"));
        }
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let more: String = labels.iter().map(|(name, value)| format!(",{name}=\"{}\"", escape(value))).collect();
        let all = format!("{}{more}", self.labels);
        self.line(format_args!("{name}{{{all}}} {value}"));
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.family(name, "gauge", help);
        self.sample(name, &[], value);
    }

    fn histogram<const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        histogram: &Histogram<N>,
        scale: impl Fn(u64) -> f64,
    ) {
        self.family(name, "histogram", help);
        let bucket = format!("{name}_bucket");
        for (bound, count) in histogram.cumulated() {
            self.sample(&bucket, &[("le", &format!("{:?}", scale(bound)))], count);
        }
        self.sample(&bucket, &[("le", "+Inf")], histogram.count());
        self.sample(&format!("{name}_count"), &[], histogram.count());
        self.sample(&format!("{name}_sum"), &[], scale(histogram.sum()));
    }

    fn line(&mut self, line: impl Display) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "{line}");
    }
}

fn gauges(page: &mut Page, snapshot: &Snapshot) {
    let status = &snapshot.status;
    page.gauge("gossip_uptime_seconds", "Time since the start of the node.", status.uptime.as_secs_f64());
    let up = status.peers.iter().filter(|peer| peer.up).count();
    page.gauge("gossip_peers", "Known peers: links that are up or being dialled.", status.peers.len());
    page.gauge("gossip_peers_up", "Peers whose links are up.", up);
    page.gauge("gossip_view_members", "Known members other than peers.", snapshot.view);
    page.gauge("gossip_retained_messages", "Messages kept for reading.", status.retained_messages);
    page.gauge("gossip_retained_bytes", "Bytes kept for reading.", status.retained_bytes);
    page.gauge("gossip_unread_messages", "Messages kept and not read yet.", status.unread);
    page.gauge("gossip_seen_messages", "Message ids seen.", status.seen_messages.unwrap_or(0));
    page.gauge("gossip_missing_streams", "Streams with messages known to be missing.", status.missing);
    page.gauge("gossip_gaps", "Listed ranges of messages that were given up.", snapshot.gaps);
    page.gauge("gossip_health", "0: timers are on time; up to 7: they run late.", status.health.unwrap_or(0));
    let is_kept = u8::from(status.log_trouble.is_none());
    page.gauge("gossip_log_ok", "0 if the log cannot keep what is submitted, so that it is refused.", is_kept);
    page.gauge("gossip_watchers", "Clients that watch events.", snapshot.watchers);
}

fn peers(page: &mut Page, peers: &[PeerInfo]) {
    page.family("gossip_peer_up", "gauge", "1 if the link to a peer is up.");
    for (name, peer) in named(peers) {
        page.sample("gossip_peer_up", &[("peer", name)], u8::from(peer.up));
    }
    page.family("gossip_peer_round_trip_seconds", "gauge", "Smoothed round-trip time to a peer.");
    for (name, peer) in named(peers) {
        if let Some(round_trip) = peer.round_trip {
            page.sample("gossip_peer_round_trip_seconds", &[("peer", name)], round_trip.as_secs_f64());
        }
    }
}

fn named(peers: &[PeerInfo]) -> impl Iterator<Item = (&str, &PeerInfo)> {
    peers.iter().filter_map(|peer| Some((peer.node.as_ref().map(NodeId::as_str)?, peer)))
}

fn totals(page: &mut Page, total: &Tallies) {
    for &counter in Counter::ALL {
        let name = format!("gossip_{}", counter.name());
        page.family(&name, "counter", counter.help());
        page.sample(&format!("{name}_total"), &[], total.get(counter));
    }
    page.family("gossip_refused", "counter", "Refusals, by reason.");
    for &refusal in Refusal::ALL {
        page.sample("gossip_refused_total", &[("reason", refusal.name())], total.refused(refusal));
    }
}

/// Leaves out zeros: most counts are zero for most peers.
fn by_peer(page: &mut Page, stats: &Stats) {
    for &counter in Counter::ALL {
        let name = format!("gossip_peer_{}", counter.name());
        page.family(&name, "counter", &format!("Per peer: {}", counter.help()));
        for (peer, tallies) in stats.by_peer() {
            if tallies.get(counter) > 0 {
                page.sample(&format!("{name}_total"), &[("peer", peer.as_str())], tallies.get(counter));
            }
        }
    }
    page.family("gossip_peer_refused", "counter", "Refusals of one peer, by reason.");
    for (peer, tallies) in stats.by_peer() {
        for &refusal in Refusal::ALL.iter().filter(|&&refusal| tallies.refused(refusal) > 0) {
            let labels = [("peer", peer.as_str()), ("reason", refusal.name())];
            page.sample("gossip_peer_refused_total", &labels, tallies.refused(refusal));
        }
    }
}

fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

/// As label values and help texts are escaped.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
