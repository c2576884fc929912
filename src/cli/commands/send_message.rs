//! `gossip send-message`.

use crate::{
    cli::{Context, NodeArgument, Output, error::CliError, numbers::is_whole, submit, text::Shown},
    client::{Client, Receipt},
    core::{
        message::{Payload, Relays},
        stats::Refusal,
    },
    quantity::Size,
};
use serde::Serialize;
use std::{
    ffi::OsString,
    fmt,
    io::{self, Read},
    os::unix::ffi::OsStringExt,
    path::PathBuf,
    time::Duration,
};

/// Time to wait for the receipt unless told otherwise.
pub const TIMEOUT: Duration = Duration::from_secs(5);

/// Up to this size a message is sent without asking for the node's limit first: it is the limit of every node that
/// was not configured otherwise, and a node with a smaller one refuses by itself.
const UNASKED_LEN: usize = 1 << 20;

/// Submit a message to a node, which spreads it to all others
///
/// Returns once the node has accepted the message and started forwarding it. The paths of the copies are recorded for
/// 'get-messages', unless --no-trace is given. With --lines, each line of stdin is a message.
#[derive(Debug, clap::Args)]
#[command(override_usage = "gossip send-message [OPTIONS] <NODE> <MESSAGE | --lines>")]
#[command(after_long_help = "\
Examples:
  # Send the message \"apple\" to node 4
  gossip send-message 4 apple

  # Send the message \"banana\" to node 8, where each node broadcasts the message
  # 3× to its neighbors
  gossip send-message 8 banana --relays=3

  # Send a file, byte for byte
  gossip send-message 4 - < picture.png

  # Send each line of a file, and be able to go on where it was interrupted
  gossip send-message 4 --lines < events.txt
  gossip send-message 4 --lines --resume events.progress < events.txt

  # Send a message that starts with a dash
  gossip send-message 4 -- -apple")]
pub struct Args {
    /// Number or name of the node, or its address host:port
    #[arg(value_name = "NODE")]
    node: NodeArgument,
    /// The message, up to 1 MiB unless the node has another --payload-max; '-' reads it from stdin, byte for byte
    #[arg(value_name = "MESSAGE", required_unless_present_any = ["lines", "resume"])]
    message: Option<OsString>,
    /// Number of times each node forwards it to each neighbour, 1 to 16 [default: 1]
    #[arg(short, long, value_name = "R", value_parser = relays, allow_negative_numbers = true)]
    relays: Option<Relays>,
    /// Do not record paths (reduces traffic)
    #[arg(long)]
    no_trace: bool,
    /// Submit each line of stdin as a message, many in one request and without paths
    ///
    /// A line ends at a line feed, which is not sent; all other bytes are, as they are. An empty line is an empty message. What has
    /// come is sent while the rest is awaited. A line that cannot be sent ends the command with an error that names it and
    /// says how many were sent before.
    #[arg(long)]
    lines: bool,
    /// Keep in FILE what was taken, so that the same command with the same lines goes on where it was ended and sends none twice
    ///
    /// The request that was under way is repeated, and the node answers as it did before. It remembers its last 16,384
    /// requests, and none once it is started anew: what was under way then is refused, not sent twice. FILE belongs to one
    /// network, and to the lines that were sent.
    #[arg(long, value_name = "FILE")]
    resume: Option<PathBuf>,
}

/// Report on a receipt.
#[derive(Serialize)]
struct Sent {
    id: String,
    node: String,
    level: &'static str,
    #[serde(skip)]
    text: String,
}

/// Sends the message and prints the receipt.
pub fn run(args: Args, context: &Context, out: &mut Output) -> Result<(), CliError> {
    check(&args)?;
    let Some(message) = args.message else {
        let timeout = context.timeout_or(TIMEOUT);
        return submit::command::run(&args.node, args.resume.as_deref(), timeout, context, out);
    };
    let mut client = context.connect(&args.node, TIMEOUT)?;
    let payload = payload_of(message, &mut client)?;
    let trace = (!args.no_trace).then(|| args.relays.unwrap_or(Relays::ONE));
    let receipt = client.publish(Payload::from(&payload[..]), trace)?;
    out.print(&Sent::from(receipt))
}

/// Refuses what does not go together, with the way to what may be meant.
fn check(args: &Args) -> Result<(), CliError> {
    let text = match args {
        Args { lines: true, message: Some(_), .. } => {
            "--lines reads the messages from stdin: leave MESSAGE out, or leave --lines out to send that one"
        }
        Args { lines: true, relays: Some(_), .. } => {
            "lines are sent without paths, so --relays has no meaning for them: leave out --relays or --lines"
        }
        Args { lines: false, resume: Some(_), .. } => {
            "--resume is for lines of stdin: put --lines in the place of MESSAGE, or leave --resume out"
        }
        Args { no_trace: true, relays: Some(_), .. } => {
            "--relays says how often a message with paths is forwarded: leave out --relays or --no-trace"
        }
        _ => return Ok(()),
    };
    Err(CliError::Usage(format!("{text}; see 'gossip send-message --help'")))
}

/// The bytes to send. From stdin never more are read than the node takes, and one.
fn payload_of(message: OsString, client: &mut Client) -> Result<Vec<u8>, CliError> {
    let from_stdin = message == "-";
    if !from_stdin && message.len() <= UNASKED_LEN {
        return Ok(message.into_vec());
    }
    let status = client.status()?;
    let limit = status.payload_len_max;
    let payload = if from_stdin { read_stdin(limit.saturating_add(1))? } else { message.into_vec() };
    if payload.len() as u64 <= limit {
        return Ok(payload);
    }
    // Of what comes from stdin no more was read than tells that it is too long.
    let size = if from_stdin {
        "payload on stdin".to_owned()
    } else {
        format!("payload of {}", Size(payload.len() as u64).exact())
    };
    let limit = Size(limit).exact();
    let remedy = "send less, or start nodes with a larger --payload-max";
    let text = format!("node {} refused: {size} is over the limit of {limit}; {remedy}", status.node);
    Err(CliError::Refused { code: Refusal::TooLarge.name(), text })
}

fn read_stdin(len_max: u64) -> Result<Vec<u8>, CliError> {
    let mut payload = Vec::new();
    let read = io::stdin().lock().take(len_max).read_to_end(&mut payload);
    read.map_err(|error| CliError::Failed(format!("cannot read the message from stdin: {error}")))?;
    Ok(payload)
}

fn relays(text: &str) -> Result<Relays, String> {
    let wrong = || match is_whole(text) {
        true => format!("relays must be 1 to 16, not {text}"),
        false => "relays must be a number from 1 to 16".to_owned(),
    };
    let count: u64 = text.parse().map_err(|_| wrong())?;
    Relays::try_from(count).map_err(|error| error.to_string())
}

impl From<Receipt> for Sent {
    fn from(receipt: Receipt) -> Self {
        let text = format!("Message sent to {}", Shown(&receipt.node));
        Self { id: receipt.id.to_string(), node: receipt.node.to_string(), level: receipt.level.name(), text }
    }
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
