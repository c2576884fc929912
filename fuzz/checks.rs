//! Checks of a node: they hold whatever it is told.

use crate::{side::Side, wire::encode};
use gossip::{
    core::{
        event::{Input, Output, Principal, ReturnAddress},
        frame::{Answer, Chunk, Frame},
        id::NodeId,
        node::Gauge,
        request::{Reply, Request, RequestId},
        stats::Refusal,
        time::{Mono, Now},
    },
    wire::{Decoder, Incoming},
};
use std::collections::BTreeSet;

/// The refusal that shows that an input was refused. Others may come of it for whoever has waited.
enum Refused {
    /// None is needed.
    Always,
    /// An answer to that node.
    Node(NodeId),
    /// A reply to that request of that client.
    Request(ReturnAddress, RequestId),
    /// The same, but for one that whoever waits gets because the node ends.
    End(ReturnAddress, RequestId),
    /// It cannot be refused, or is not by itself.
    Never,
}

impl Refused {
    fn of(inputs: &[Input]) -> Self {
        match inputs {
            [Input::Undecodable { .. }] => Self::Always,
            [Input::Arrived { from: Principal::Node(from), .. }] => Self::Node(from.clone()),
            [Input::Requested { client, id, request: Request::Stop | Request::Remove, .. }] => {
                Self::End(client.clone(), id.clone())
            }
            [Input::Requested { client, id, .. }] => Self::Request(client.clone(), id.clone()),
            _ => Self::Never,
        }
    }

    fn is_shown_by(&self, output: &Output) -> bool {
        match (self, output) {
            (Self::Node(from), Output::Answer(to, Answer::Refuse { .. })) => to == from,
            (Self::Request(from, of), Output::Reply(to, id, Reply::Refused { .. })) => (to, id) == (from, of),
            (Self::End(from, of), Output::Reply(to, id, Reply::Refused { refusal, .. })) => {
                (to, id) == (from, of) && *refusal != Refusal::Leaving
            }
            _ => false,
        }
    }
}

/// State of a node before a turn.
pub(crate) struct Before {
    is_tick: bool,
    /// Number of outputs that there may be.
    outputs_max: usize,
    refused: Refused,
    deadline: Option<Mono>,
    /// All that a refused input must leave alone: the state besides links and counters.
    state: Option<String>,
}

impl Before {
    /// The state is written down for one input of some: it is long.
    pub(crate) fn of(side: &Side, inputs: &[Input], number: usize) -> Self {
        let refused = Refused::of(inputs);
        // The last piece of a batch may show that it is none: then all that had come of it is let go.
        let is_last_piece = |input: &Input| match input {
            Input::Arrived { frame: Frame::Chunk(Chunk { offset, length, bytes, .. }), .. } => {
                offset.saturating_add(bytes.len() as u64) >= *length
            }
            _ => false,
        };
        let is_watched =
            !matches!(refused, Refused::Never) && number.is_multiple_of(8) && !inputs.iter().any(is_last_piece);
        Self {
            is_tick: matches!(inputs, [Input::Tick]),
            outputs_max: inputs.iter().map(|input| outputs_max(side, input)).sum(),
            refused,
            deadline: side.node.deadline(),
            state: is_watched.then(|| state(side)),
        }
    }

    /// Checks the outputs of the turn, before any of them is done.
    pub(crate) fn check(self, side: &mut Side, now: Now, outputs: &[Output]) {
        let gauge = side.node.gauge();
        assert_eq!(gauge.excess(&side.config.limits), None, "bounds are not kept: {gauge:?}");
        let count = outputs.len();
        assert!(count <= self.outputs_max, "{count} outputs where {} are the limit: {outputs:?}", self.outputs_max);
        if self.is_tick {
            let is_due = self.deadline.is_some_and(|due| due <= now.mono);
            let stays = side.node.deadline() == self.deadline;
            assert!(!is_due || !stays || count > 0, "a tick does nothing at {now:?}: due {:?}", self.deadline);
        }
        let is_refused =
            matches!(self.refused, Refused::Always) || outputs.iter().any(|output| self.refused.is_shown_by(output));
        let is_about_links = outputs.iter().any(|output| matches!(output, Output::Disconnect(_) | Output::Connect(..)));
        if let Some(before) = self.state.filter(|_| is_refused && !is_about_links) {
            let after = state(side);
            let same = before.bytes().zip(after.bytes()).take_while(|(before, after)| before == after).count();
            let part = |state: &str| {
                String::from_utf8_lossy(&state.as_bytes()[same.saturating_sub(80)..])
                    .chars()
                    .take(300)
                    .collect::<String>()
            };
            assert!(before == after, "what was refused has changed {}\nto {}", part(&before), part(&after));
        }
        let mut links: BTreeSet<_> = side.links.keys().copied().collect();
        for output in outputs {
            match output {
                Output::Append(seq, record) => {
                    side.appended.0 += 1;
                    assert_eq!(*seq, side.appended, "the log's numbers have a gap");
                    side.ledger.note(record);
                }
                Output::Connect(link, ..) => assert!(links.insert(*link), "{link:?} is opened twice"),
                Output::Disconnect(link) => assert!(links.remove(link), "{link:?} is closed and was not open"),
                Output::Send(to, frame) => {
                    assert!(to.iter().all(|link| links.contains(link)), "{frame:?} goes to {to:?}, open are {links:?}");
                    understood(side, &Incoming::Frame(frame.clone()));
                }
                Output::Answer(_, Answer::Refuse { code, text }) => {
                    assert!(text.len() < 4096, "a long word for {code}: {} bytes", text.len());
                }
                Output::Answer(_, answer) => understood(side, &Incoming::Answer(answer.clone())),
                Output::Renew(life) => assert!(*life > side.incarnation, "a life that is not newer: {life:?}"),
                _ => {}
            }
        }
        let most = 2 * side.config.limits.peers_max;
        assert!(links.len() <= most, "{} connections are open where {most} are the limit", links.len());
    }
}

/// Number of outputs of one input: links, neighbours, what waits; for each stream that a frame names a few words more.
fn outputs_max(side: &Side, input: &Input) -> usize {
    let limits = &side.config.limits;
    let named = match input {
        Input::Arrived { frame: Frame::Have(announcements), .. } => announcements.len(),
        Input::Arrived { frame: Frame::Digest { streams, .. } | Frame::Pull { streams, .. }, .. } => streams.len(),
        Input::Requested { request: Request::Connect { peers }, .. } => peers.len(),
        // Gaps: at most 256 intervals of each stream, each a record and a word.
        Input::Tick => 2 * 256 * limits.missing_max.min(64) + limits.trees_max.min(64),
        // Copies that waited for their payload, and messages by themselves for neighbours that know no batches.
        Input::Arrived { frame: frame @ (Frame::Message(_) | Frame::Chunk(_)), .. } => {
            2 * 64 + frame.messages() as usize
        }
        _ => 0,
    };
    // Links of the default limits are as many as the hostile peers.
    let peers = limits.peers_max.min(16);
    24 + 6 * peers + limits.pull_max as usize + limits.waiting_max + 2 * named
}

/// State of a node besides its links and its counters.
fn state(side: &Side) -> String {
    let text = format!("{:?}", side.node);
    let cut = |from: &str, upto: &str| {
        let rest = text.split_once(from).expect("the node has such a field").1;
        rest.split_once(upto).expect("the node has such a field").0.to_owned()
    };
    let kept = cut(", dissemination: Dissemination {", ", stats: Stats {");
    // What was looked up last is no state.
    let (begin, rest) = kept.split_once(", recent: ").expect("the seen set keeps its last stream");
    // Nor are gaps that were closed before and are counted with the next message.
    let rest = rest.split_once(", version: ").expect("the seen set has a version").1;
    let receipts = cut(", appended: ", ", promised: ");
    // A node that is refused for want of room is known from then on, and whoever watches is told, and waits no longer.
    let gauge = Gauge { view: 0, journal: 0, watchers: 0, ..side.node.gauge() };
    format!("{begin} {rest} {receipts} {gauge:?}")
}

/// Checks that what a node says is understood by one of its kind.
fn understood(side: &Side, said: &Incoming) {
    let bytes = encode(said);
    let understood = Decoder::new(side.config.limits.path_len_max).decode(&bytes.0, &bytes.1);
    match understood {
        // Times are cut to microseconds.
        Ok(understood) => assert_eq!(encode(&understood), bytes, "{said:?} is understood as {understood:?}"),
        Err(rejected) => panic!("{said:?} is not understood: {rejected:?}"),
    }
}
