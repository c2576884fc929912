//! `gossip watch`.

use super::{
    line::Line,
    lookout::{Lookout, Sight},
    members::{Change, Members},
    merge::Merge,
};
use crate::{
    cli::{Context, NodeArgument, Output, error::CliError, numbers},
    client::{Follower, News},
    clock::{Clock, Deadline},
    core::{
        request::happening::Detail,
        time::{Mono, Now},
    },
};
use std::{sync::atomic::Ordering, time::Duration};

/// Time that a node may be silent before that is said, unless told otherwise.
pub const TIMEOUT: Duration = Duration::from_secs(2);
/// Interval at which the record is read again.
const LOOK: Duration = Duration::from_secs(1);
/// Time that one turn waits for news.
const STEP: Duration = Duration::from_millis(25);

/// Print events of all nodes as they happen
///
/// Message arrivals, links that come up or go down, suspected and dead neighbours, searches for new ones, gaps and refusals,
/// at all nodes of the network or at those named: one line each, in time order, until Ctrl-C. A node that does not answer for
/// --timeout (2 s) is reported as silent, with its state as 'status' judges it, and reported again once it answers. Nodes
/// that are added, joined, restarted or removed meanwhile are picked up, at most 2000 in all.
///
/// With --json each line is an object with 'time', 'node' (reporter), 'kind', 'peer' (subject) and 'details'.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  # Watch all nodes of the network
  gossip watch

  # Watch nodes 3 and 4 for a minute, for a program
  gossip watch 3 4 --for 1min --json

  # Wait for the next event in a network that was not started here, through one of its nodes
  gossip watch 10.0.0.7:7004 --count 1")]
pub struct Args {
    /// Numbers or names of nodes; or one address host:port: all nodes of its network [default: all of the network]
    #[arg(value_name = "NODE")]
    nodes: Vec<NodeArgument>,
    /// End after this time, such as 500ms, 60s or 5min
    #[arg(long = "for", value_name = "TIME", value_parser = numbers::lasting())]
    span: Option<Duration>,
    /// End after N lines, not counting the initial 'watching' line
    #[arg(long, value_name = "N", value_parser = numbers::whole(1, u64::MAX), allow_negative_numbers = true)]
    count: Option<u64>,
}

/// Prints what happens until it is told to end.
pub fn run(args: Args, context: &Context, out: &mut Output) -> Result<(), CliError> {
    let silent_after = context.timeout_or(TIMEOUT);
    let mut follower = Follower::new(silent_after)?;
    let members = Members::begin(&args.nodes, context, silent_after, &mut follower)?;
    let interrupted = context.catch_interrupts()?;
    let deadline = args.span.map(Deadline::after);
    let clock = Clock::new();
    let now = clock.now();
    let mut stream = Stream {
        members,
        merge: Merge::default(),
        left: args.count.unwrap_or(u64::MAX),
        first_look: Some(now.mono + silent_after),
        next_look: now.mono + LOOK,
        lookout: Lookout::new(),
        silent: [Vec::new(), Vec::new()],
        is_full: false,
        refusal: None,
        out,
    };
    while stream.left > 0 && !interrupted.load(Ordering::SeqCst) && !deadline.is_some_and(|deadline| deadline.is_over())
    {
        let step = deadline.map_or(STEP, |deadline| deadline.remaining().min(STEP));
        let mut news = Vec::new();
        follower.poll(step, |node, item| news.push((node, item)))?;
        stream.turn(clock.now(), news, &mut follower)?;
    }
    stream.tell_silent(clock.now(), 0, None);
    stream.tell_silent(clock.now(), 1, None);
    let rest = stream.merge.take_all();
    stream.print(rest)?;
    match stream.refusal.filter(|_| stream.members.all_refuse(&follower) && !interrupted.load(Ordering::SeqCst)) {
        Some(text) => Err(CliError::Refused { code: "refused", text: format!("no node could be watched: {text}") }),
        None => Ok(()),
    }
}

/// Stream of lines, and what decides about it.
struct Stream<'o> {
    members: Members,
    merge: Merge,
    /// Number of lines that may still be printed.
    left: u64,
    /// Time at which to say at the latest that watching has begun; `None`: it was said.
    first_look: Option<Mono>,
    next_look: Mono,
    lookout: Lookout,
    /// Nodes that fell silent, each with the time, and are not told of yet: not looked at yet, and being looked at.
    silent: [Vec<(usize, Duration)>; 2],
    /// True if it was said that no more nodes can be followed.
    is_full: bool,
    /// Reason why a node last refused to be watched.
    refusal: Option<String>,
    out: &'o mut Output,
}

impl Stream<'_> {
    fn turn(&mut self, now: Now, news: Vec<(usize, News)>, follower: &mut Follower) -> Result<(), CliError> {
        for (node, item) in news {
            if let Some(line) = self.line(now, node, item) {
                self.merge.push(now.mono, line);
            }
        }
        if self.next_look <= now.mono {
            self.next_look = now.mono + LOOK;
            let changes = self.members.look(follower)?;
            self.change(now, changes);
        }
        if let Some(sight) = self.lookout.take() {
            if sight.is_none() {
                self.lookout.want();
            }
            let changes = sight.as_ref().map_or(Ok(Vec::new()), |sight| self.members.find(sight, follower))?;
            self.change(now, changes);
            self.tell_silent(now, 1, sight.as_ref());
        }
        if self.lookout.begin(self.members.is_all(), || self.members.targets()) {
            self.silent[1] = std::mem::take(&mut self.silent[0]);
        }
        self.announce(now, follower)?;
        let due = self.merge.take_due(now.mono);
        self.print(due)
    }

    fn change(&mut self, now: Now, changes: Vec<Change>) {
        for change in changes {
            let line = match &change {
                Change::Added(name) => Line::own(now.wall, Some(name), "added"),
                Change::Removed(name) => Line::own(now.wall, Some(name), "removed"),
                Change::TooMany(_) if std::mem::replace(&mut self.is_full, true) => continue,
                Change::TooMany(name) => {
                    let text = Detail::Text("this watch follows no more nodes: start another".to_owned());
                    Line::own(now.wall, Some(name), "unwatched").with("text", text)
                }
            };
            self.merge.push(now.mono, line);
        }
    }

    /// Tells of those that fell silent, with what was seen of them.
    fn tell_silent(&mut self, now: Now, which: usize, sight: Option<&Sight>) {
        for (node, time) in std::mem::take(&mut self.silent[which]) {
            let state = self.members.state_of_silent(node, sight).name().to_owned();
            let line = Line::own(now.wall, Some(self.members.name(node)), "silent");
            self.merge.push(now.mono, line.with("for_ms", millis(time)).with("state", Detail::Text(state)));
        }
    }

    /// Says once that all nodes are watched, or as many as answer.
    fn announce(&mut self, now: Now, follower: &Follower) -> Result<(), CliError> {
        let (count, answered) = (self.members.count(), self.members.answered(follower));
        if self.first_look.is_none_or(|latest| answered < count && now.mono < latest) {
            return Ok(());
        }
        self.first_look = None;
        // Who joined after the nodes were found and before they were watched is named by no news.
        if self.members.is_all() {
            self.lookout.want();
        }
        let line = Line::own(now.wall, None, "watching");
        let line = line.with("answer", (answered as u64).into()).with("nodes", (count as u64).into());
        self.say(&line)?;
        self.out.flush()
    }

    fn line(&mut self, now: Now, node: usize, item: News) -> Option<Line> {
        let is_reason = match &item {
            News::Silent(time) => {
                self.silent[0].push((node, *time));
                true
            }
            News::Happened(happening) => happening.node.as_ref().is_some_and(|node| self.members.lacks(node)),
            // Among them may be somebody's first word.
            News::Missed(_) => self.members.is_all(),
            _ => false,
        };
        if is_reason {
            self.lookout.want();
        }
        let name = self.members.name(node);
        let own = |kind| Line::own(now.wall, Some(name), kind);
        match item {
            News::Happened(happening) => Some(Line::told(name, happening)),
            News::Missed(count) => Some(own("missed").with("count", count.into())),
            News::Answers(time) => Some(own("answers").with("after_ms", millis(time))),
            News::Restarted(life) => Some(own("restarted").with("incarnation", life.0.into())),
            News::Refused(text) => {
                let line = own("unwatched").with("text", Detail::Text(text.clone()));
                self.refusal = Some(text);
                Some(line)
            }
            News::Silent(_) | News::Follows(_) => None,
        }
    }

    fn print(&mut self, lines: Vec<Line>) -> Result<(), CliError> {
        if lines.is_empty() {
            return Ok(());
        }
        for line in lines {
            if self.left == 0 {
                break;
            }
            self.left -= 1;
            self.say(&line)?;
        }
        self.out.flush()
    }

    fn say(&mut self, line: &Line) -> Result<(), CliError> {
        if self.out.is_json() {
            return self.out.document(line);
        }
        let text = line.text(self.members.width(), self.out.has_colour());
        self.out.line(text)
    }
}

fn millis(time: Duration) -> Detail {
    Detail::from(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}
