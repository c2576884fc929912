//! `gossip bench`.

use crate::{
    cli::{
        Context, Output,
        error::CliError,
        numbers::{size, whole},
        text,
    },
    core::request::NodeStatus,
    launcher::{NodeRecord, require_record},
    quantity::{Size, Time},
    workload::{self, Latency, Member, Nodes, Outcome, Plan, check::Anomalies},
};
use serde::Serialize;
use std::{fmt, time::Duration};

/// Longest time that all nodes may take to have all unless told otherwise.
pub const TIMEOUT: Duration = Duration::from_secs(30);
/// From one of the messages one by one to the next.
const GAP: Duration = Duration::from_millis(5);
/// Most messages of each kind.
const MESSAGES_MAX: u64 = 1_000_000;
/// Most submissions without a receipt: what waits for them is bounded here, too.
const WINDOW_MAX: usize = 2_000;

/// Measure a running network under load
///
/// Submits messages to the network's first node, first one by one, 5 ms apart, then as fast as receipts come, and prints how
/// long they took to reach the last node, the throughput, and what a delivery (one message at one node) cost. There are
/// figures only if every node received every message exactly once; they must be few enough for nodes to keep
/// (--retain-messages, --retain-bytes of start-network).
///
/// What is submitted stays until newer messages push it out, and may push out others. So the network must be empty, unless
/// --evict is given.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  # Measure a new network of 32 nodes
  gossip start-network -n 32 --network trial --port-base 8000
  gossip bench --network trial

  # Measure it again, with fewer and longer messages
  gossip bench --network trial --evict --messages 5000 --size 1KiB")]
pub struct Args {
    /// Messages submitted as fast as receipts come
    #[arg(short, long, value_name = "COUNT", default_value_t = 20_000, value_parser = whole(1, MESSAGES_MAX))]
    #[arg(allow_negative_numbers = true)]
    messages: u64,
    /// Messages submitted one by one before
    #[arg(long, value_name = "COUNT", default_value_t = 500, value_parser = whole(1, MESSAGES_MAX))]
    #[arg(allow_negative_numbers = true)]
    paced: u64,
    /// Size of each message
    #[arg(long, value_name = "SIZE", default_value = "100", value_parser = size(8, 1 << 20))]
    #[arg(allow_negative_numbers = true)]
    size: Size,
    /// Messages that may wait for their receipt at a time
    #[arg(long, value_name = "COUNT", default_value_t = 1_000, value_parser = whole(1, WINDOW_MAX))]
    #[arg(allow_negative_numbers = true)]
    window: usize,
    /// Submit each message in a request of its own, not many in one
    #[arg(long)]
    single: bool,
    /// Also measure a network that holds messages: they may be pushed out
    #[arg(long)]
    evict: bool,
}

/// Report that is printed.
#[derive(Serialize)]
struct Report {
    network: String,
    nodes: usize,
    node: String,
    messages: u64,
    paced: u64,
    size: u64,
    window: usize,
    single: bool,
    latency_p50_ms: f64,
    latency_p99_ms: f64,
    latency_p999_ms: f64,
    messages_per_second: f64,
    cpu_us: f64,
    wire_bytes: f64,
    duplicates: f64,
    counted: Anomalies,
}

/// Runs the load and prints the figures.
pub fn run(args: &Args, context: &Context, out: &mut Output) -> Result<(), CliError> {
    let networks = context.recorded("only a network that 'gossip start-network' started can be measured")?;
    let network = context.network();
    let manifest = require_record(&networks.folder(network), &networks)?;
    let alive: Vec<_> = manifest.alive().map(|record| &record.node).collect();
    if let Some(record) = manifest.nodes.iter().find(|record| !alive.contains(&&record.node)) {
        let text = format!("node {0} is down; restart it with 'gossip restart-node {0}'", record.node);
        return Err(CliError::Refused { code: "refused", text });
    }
    let patience = context.timeout_or(TIMEOUT);
    let mut nodes = Nodes::connect(manifest.nodes.iter().map(member).collect(), patience)?;
    let statuses = nodes.statuses()?;
    let holder = statuses.iter().find(|status| status.retained_messages > 0);
    if let Some(NodeStatus { node, retained_messages: count, .. }) = holder.filter(|_| !args.evict) {
        let held = if *count == 1 { "a message".to_owned() } else { format!("{count} messages") };
        let text = format!("network '{network}' is not empty: node {node} holds {held}");
        let remedy = "start another network, or say with --evict that messages may be pushed out";
        return Err(CliError::Refused { code: "refused", text: format!("{text}; {remedy}") });
    }
    let Args { messages, paced, size: Size(bytes), window, single: is_single, .. } = *args;
    let plan = Plan { size: bytes as usize, paced, gap: GAP, flood: messages, window, is_single, patience };
    let entry = &nodes.members()[0];
    context.detail(format_args!("submitting to node {}, about {} one by one", entry.name, Time(GAP * paced as u32)));
    let Outcome { latency, rate, cpu_micros, wire_bytes, copies, odd } = workload::run(&mut nodes, &plan)?;
    let Latency { p50, p99, p999 } = latency;
    out.print(&Report {
        network: network.to_string(),
        nodes: statuses.len(),
        node: statuses.first().map_or_else(String::new, |status| status.node.to_string()),
        messages,
        paced,
        size: bytes,
        window,
        single: is_single,
        latency_p50_ms: p50,
        latency_p99_ms: p99,
        latency_p999_ms: p999,
        messages_per_second: rate,
        cpu_us: cpu_micros,
        wire_bytes,
        duplicates: copies,
        counted: odd,
    })
}

fn member(record: &NodeRecord) -> Member {
    Member {
        name: record.node.clone(),
        endpoint: record.endpoint.clone(),
        pid: record.process.map(|process| process.pid),
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { network, nodes, node, messages, paced, size, .. } = self;
        let (p50, p99, p999) = (self.latency_p50_ms, self.latency_p99_ms, self.latency_p999_ms);
        let size = Size(*size);
        writeln!(
            f,
            "Network '{network}', {nodes} nodes: {paced} + {messages} messages of {size}, submitted to node {node}{}",
            if self.single { ", each by itself" } else { "" }
        )?;
        writeln!(f, "Every node received every message, once\n")?;
        let row = |name: &str, value: String| vec![name.to_owned(), value];
        let mut rows = vec![
            row("latency to the last node", format!("p50 {p50:.2} ms, p99 {p99:.2} ms, p99.9 {p999:.2} ms")),
            row("throughput", format!("{:.0} messages/s to all nodes", self.messages_per_second)),
            row("CPU per delivery", format!("{:.2} us", self.cpu_us)),
            row("loopback traffic per delivery", format!("{:.0} B", self.wire_bytes)),
            row("copies beyond the first", format!("{:.2} per delivery", self.duplicates)),
        ];
        if !self.counted.is_empty() {
            let counted: Vec<_> = self.counted.iter().map(|(name, count)| format!("{count} {name}")).collect();
            rows.push(row("also counted", counted.join(", ")));
        }
        f.write_str(&text::columns("  ", &rows))
    }
}
