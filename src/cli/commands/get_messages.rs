//! `gossip get-messages`.

use super::listing::{Choice, Document, Header, Listing, Missing, Nothing, Parts, Stamp};
use crate::{
    cli::{Context, NodeArgument, Output, error::CliError, numbers::whole},
    client::Pages,
    core::request::{Fetched, Gap, Status},
};
use chrono::Local;
use std::time::Duration;

/// Time to wait for each page unless told otherwise.
pub const TIMEOUT: Duration = Duration::from_secs(5);

/// Show the messages that a node has received, and their paths
///
/// A message is unread until this command has shown it; listing 'read' messages marks nothing. A node receives one copy of a
/// message from each neighbour (R copies with 'send-message --relays R'), and each copy has a path. Messages sent with
/// --no-trace have none. Messages that the node missed and that no neighbour keeps are listed last.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  # Get all messages received by node 8
  gossip get-messages 8

  # Get only unread messages received by node 3
  gossip get-messages 3 unread

  # Get only read messages received by node 3, along with their received times,
  # showing the shortest path taken
  gossip get-messages 3 read -p --time

  # Show the longest paths, with the time that the copy took to each node
  gossip get-messages 3 -pp -tt

  # Print the oldest unread payload, byte for byte
  gossip get-messages 3 unread --raw --limit 1 > payload")]
pub struct Args {
    /// Number or name of the node, or its address host:port
    #[arg(value_name = "NODE")]
    node: NodeArgument,
    /// Messages to show
    #[arg(value_name = "STATUS", default_value = "all")]
    status: Which,
    /// Show the shortest path(s); -pp: the longest; -ppp: the shortest and the longest
    #[arg(short = 'p', action = clap::ArgAction::Count, conflicts_with = "all_paths")]
    paths: u8,
    /// Show all paths; the default without a path flag
    #[arg(short = 'A', long)]
    all_paths: bool,
    /// Show when the node received the message; -tt: with the date; -ttt: in full, at the start of the line
    ///
    /// In the local time zone. With -tt or -ttt and a path flag, paths include the time from submission to arrival at each
    /// node; it compares the clocks of two hosts, and is only as good as these agree.
    #[arg(short, long, action = clap::ArgAction::Count)]
    time: u8,
    /// Show at most N messages, the oldest first
    #[arg(long, value_name = "N", value_parser = whole(1, u64::MAX), allow_negative_numbers = true)]
    limit: Option<u64>,
    /// Print only the payloads, byte for byte, each followed by a newline
    ///
    /// Without it, control characters and newlines in a payload are escaped, bytes that are not UTF-8 are shown as \xff, a
    /// backslash is doubled, and a terminal shows the first 1000 bytes, then '\…' and the size.
    #[arg(long, conflicts_with_all = ["json", "paths", "all_paths", "time"])]
    raw: bool,
}

/// [`Status`] as it is typed.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Which {
    /// All that the node keeps
    All,
    /// Not shown before
    Unread,
    /// Shown before
    Read,
}

impl From<Which> for Status {
    fn from(which: Which) -> Self {
        match which {
            Which::All => Self::All,
            Which::Unread => Self::Unread,
            Which::Read => Self::Read,
        }
    }
}

/// Fetches page by page and prints. What was not printed stays unread.
pub fn run(args: Args, context: &Context, out: &mut Output) -> Result<(), CliError> {
    let status = args.status.into();
    let choice = Choice::from_count(at_most_three("p", args.paths)?);
    let stamp = Stamp::from_count(at_most_three("t", args.time)?);
    let mut client = context.connect(&args.node, TIMEOUT)?;
    let pages = Pages::new(&mut client, status, args.limit.unwrap_or(u64::MAX));
    if out.is_json() {
        return print_document(pages, status, choice, out);
    }
    if args.raw {
        return print_raw(pages, out);
    }
    let has_path_flag = args.all_paths || args.paths > 0;
    let listing = Listing { choice, stamp, hop_times: has_path_flag && args.time > 1, zone: Local };
    print_text(pages, status, &listing, out)
}

/// One document, printed when it is whole: a page that does not come must not leave half of one.
fn print_document(mut pages: Pages<'_>, status: Status, choice: Choice, out: &mut Output) -> Result<(), CliError> {
    let mut parts = Parts::default();
    let mut messages: Vec<Fetched> = Vec::new();
    let mut gaps: Vec<Gap> = Vec::new();
    while let Some(mut page) = pages.next_page()? {
        gaps.append(&mut page.gaps);
        messages.extend(parts.join(page));
    }
    messages.extend(parts.finish());
    out.document(&Document::new(pages.node(), status, &messages, &gaps, choice))?;
    out.flush()?;
    Ok(pages.mark_shown()?)
}

/// Payloads and nothing else; the gaps are told beside them.
fn print_raw(mut pages: Pages<'_>, out: &mut Output) -> Result<(), CliError> {
    let mut parts = Parts::default();
    while let Some(page) = pages.next_page()? {
        page.gaps.iter().for_each(|gap| out.note(Missing(gap)));
        parts.join(page).iter().try_for_each(|message| out.raw(&message.payload))?;
        out.flush()?;
        if !parts.is_open() {
            pages.mark_shown()?;
        }
    }
    parts.finish().iter().try_for_each(|message| out.raw(&message.payload))?;
    out.flush()?;
    Ok(pages.mark_shown()?)
}

/// Text, printed as the pages come. A page whose last message goes on in the next is marked together with that one.
fn print_text(
    mut pages: Pages<'_>,
    status: Status,
    listing: &Listing<Local>,
    out: &mut Output,
) -> Result<(), CliError> {
    let mut parts = Parts::default();
    let mut is_empty = true;
    let mut gaps: Vec<Gap> = Vec::new();
    while let Some(mut page) = pages.next_page()? {
        gaps.append(&mut page.gaps);
        let whole = parts.join(page);
        if !parts.is_open() && whole.is_empty() && is_empty {
            continue;
        }
        if std::mem::take(&mut is_empty) {
            out.line(Header { node: pages.node(), status, choice: listing.choice })?;
        }
        whole.iter().try_for_each(|message| listing.print(message, out))?;
        out.flush()?;
        if !parts.is_open() {
            pages.mark_shown()?;
        }
    }
    if is_empty {
        out.line(Nothing { node: pages.node(), status })?;
    }
    parts.finish().iter().try_for_each(|message| listing.print(message, out))?;
    gaps.iter().try_for_each(|gap| out.line(Missing(gap)))?;
    out.flush()?;
    Ok(pages.mark_shown()?)
}

/// Times that a flag was given, if that means something.
fn at_most_three(flag: &str, count: u8) -> Result<u8, CliError> {
    let text = || format!("'-{flag}' was given {count} times; give -{flag}, -{flag}{flag} or -{flag}{flag}{flag}");
    if count <= 3 { Ok(count) } else { Err(CliError::Usage(text())) }
}
