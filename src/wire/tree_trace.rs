//! The trace of a tree: what one node sends while a tree is built, pruned, broken and repaired, byte for byte.
//! `tests/vectors/tree.json` holds it.

use super::encode;
use crate::core::{
    batch::{Batch, Body},
    capability::Capability,
    config::{Config, Limits, Protocol},
    endpoint::Endpoint,
    event::Principal,
    event::record::Level,
    event::{Input, LinkId, Output, ReturnAddress},
    frame::{Announcement, Answer, Frame, Introduction, JoinPriority, StreamRanges},
    id::{Incarnation, MessageId, NodeId, StreamId},
    node::Node,
    request::{Request, RequestId},
    time::{Mono, Now, Wall},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};

const VECTOR: &str = include_str!("../../tests/vectors/tree.json");

const SECOND: u64 = 1_000_000;
/// The moment at which the trace begins, in microseconds: all links have been up for a while.
const BEGIN: u64 = 30 * SECOND;

/// The node, and what it has sent of messages and trees.
struct Traced {
    node: Node,
    links: BTreeMap<LinkId, NodeId>,
    now: u64,
    sent: Vec<Value>,
}

fn name(number: u32) -> NodeId {
    NodeId::numbered(number)
}

fn endpoint(number: u32) -> Endpoint {
    format!("10.0.0.{number}:7000").parse().expect("an address")
}

fn introduction(number: u32) -> Introduction {
    Introduction {
        node: name(number),
        endpoint: endpoint(number),
        network: "test".parse().expect("a name"),
        instance: "one".parse().expect("an instance"),
        incarnation: Incarnation(u64::from(number)),
        capabilities: Capability::ALL.iter().map(|word| word.word().to_owned()).collect(),
        payload_len_max: None,
    }
}

/// Messages of node 9, so many from a number on.
fn of_nine(sequence: u64, hops: u32) -> Frame {
    let id = MessageId { origin: name(9), incarnation: Incarnation(17), sequence };
    let payload = format!("message {sequence}");
    let body = Body::one(payload.as_bytes().into());
    Frame::Message(Batch { id, published_at: Wall(1_795_435_200_000_000_000), hops, trace: None, tree: None, body })
}

fn announced(sequence: u64) -> Frame {
    let stream = StreamId { origin: name(9), incarnation: Incarnation(17) };
    let held = StreamRanges { stream, ranges: vec![(sequence, sequence)] };
    Frame::Have(vec![Announcement { held, age: Duration::from_millis(1), was_pushed: false }])
}

/// The name of a frame that belongs to the trace.
fn kind(frame: &Frame) -> Option<&'static str> {
    Some(match frame {
        Frame::Message(_) => "MESSAGE",
        Frame::Have(_) => "IHAVE",
        Frame::Prune(_) => "PRUNE",
        Frame::Graft(_) => "GRAFT",
        Frame::Pull { .. } => "PULL",
        _ => return None,
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn shown(frame: &Frame) -> Value {
    let mut header = Vec::new();
    let body: Vec<String> = encode::frame(&mut header, frame).into_iter().map(|body| hex(body)).collect();
    json!({ "type": kind(frame).expect("a frame of the trace"), "header": hex(&header), "body": body })
}

impl Traced {
    /// Node 2 with the neighbours 1, 3 and 4, which it was told to connect to.
    fn met() -> Self {
        let config = Config {
            node: name(2),
            endpoint: endpoint(2),
            network: "test".parse().expect("a name"),
            instance: "one".parse().expect("an instance"),
            protocol: Protocol::default(),
            level: Level::Memory,
            limits: Limits::default(),
        };
        let node = Node::new(config, Incarnation(2), 0, "test", Now::default());
        let mut traced = Self { node, links: BTreeMap::new(), now: 0, sent: Vec::new() };
        let peers = [1, 3, 4].map(|number| (Some(name(number)), endpoint(number))).to_vec();
        let (principal, client) = (Principal::Unnamed, ReturnAddress([1].into()));
        let request = Request::Connect { peers };
        traced.input(Input::Requested { principal, client, id: RequestId::None, request });
        for number in [1, 3, 4] {
            let frame = Frame::Hello(introduction(number), JoinPriority::Declared);
            traced.input(Input::Arrived { from: name(number).into(), frame });
        }
        traced.until(BEGIN);
        traced.sent.clear();
        traced
    }

    fn input(&mut self, input: Input) {
        let now = Now { mono: Mono(self.now * 1000), wall: Wall(1_795_435_200_000_000_000 + self.now * 1000) };
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            self.node.handle(now, input);
            let mut outputs: Vec<_> = std::iter::from_fn(|| self.node.poll_output()).collect();
            self.node.flush(now);
            outputs.extend(std::iter::from_fn(|| self.node.poll_output()));
            outputs.into_iter().for_each(|output| self.perform(output, &mut inputs));
        }
    }

    fn perform(&mut self, output: Output, inputs: &mut Vec<Input>) {
        match output {
            Output::Connect(link, to, _) => {
                let peer = [1, 3, 4].into_iter().find(|&number| endpoint(number) == to).expect("a neighbour");
                self.links.insert(link, name(peer));
                inputs.push(Input::Writable(link));
            }
            Output::Send(links, frame) => {
                for link in links {
                    let peer = self.links[&link].clone();
                    let number = peer.to_string().parse().expect("a number");
                    match &frame {
                        Frame::Hello(..) => {
                            let answer = Answer::Welcome(introduction(number), None);
                            inputs.push(Input::Answered { link, answer });
                        }
                        Frame::Ping { token, .. } => {
                            inputs.push(Input::Answered { link, answer: Answer::Pong(*token) });
                        }
                        frame if kind(frame).is_some() => {
                            let mut sent = shown(frame);
                            sent["to"] = json!(peer.to_string());
                            sent["at"] = json!(self.now.saturating_sub(BEGIN));
                            self.sent.push(sent);
                        }
                        _ => {}
                    }
                }
            }
            Output::Append(seq, _) => inputs.push(Input::Synced(seq)),
            _ => {}
        }
    }

    /// Lets all waits up to a moment end, while the neighbours stay live.
    fn until(&mut self, moment: u64) {
        while let Some(due) = self.node.deadline().map(|due| due.0.div_ceil(1000)).filter(|&due| due <= moment) {
            self.now = self.now.max(due);
            self.input(Input::Tick);
        }
        self.now = moment;
    }

    /// A neighbour says something `at` microseconds after the beginning. Gives what was sent since the step before, and then.
    fn step(&mut self, about: &str, at: u64, from: u32, frame: &Frame) -> Value {
        self.until(BEGIN + at);
        let before = std::mem::take(&mut self.sent);
        self.input(Input::Arrived { from: name(from).into(), frame: frame.clone() });
        let said = shown(frame);
        json!({ "about": about, "at": at, "from": from.to_string(), "said": said,
            "sent_before": before, "sent": std::mem::take(&mut self.sent) })
    }

    fn trace() -> Value {
        let mut two = Self::met();
        let ms = 1000;
        let steps = vec![
            two.step("the first copy goes to all others: its sender is the parent", 0, 1, &of_nine(1, 2)),
            two.step("a second copy comes: that link becomes lazy", ms, 3, &of_nine(1, 3)),
            two.step("the next message goes along the tree; the lazy link is told", 100 * ms, 1, &of_nine(2, 2)),
            two.step("a lazy link announces what the tree has not brought", 200 * ms, 3, &announced(3)),
            two.step("it was asked for, and comes", 280 * ms, 3, &of_nine(3, 3)),
            two.step("the tree is broken: another message is announced, and not brought", 400 * ms, 3, &announced(4)),
            two.step("at the second miss the link is grafted", 480 * ms, 3, &of_nine(4, 3)),
            two.step("the tree is repaired: messages come by the grafted link", 600 * ms, 3, &of_nine(5, 3)),
        ];
        json!({
            "about": "what node 2 sends to its neighbours 1, 3 and 4, all with every capability, while they say this; times in \
                microseconds; other frames (PING, NEIGHBOURS, BEACON, WALK, DIGEST) and their answers are left out",
            "steps": steps
        })
    }
}

/// The frames that a step has sent, before it and because of it: type and receiver.
fn sent(step: &Value) -> Vec<(String, String)> {
    let all = ["sent_before", "sent"].map(|key| step[key].as_array().expect("a list").clone()).concat();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    all.iter().map(|frame| (text(&frame["type"]), text(&frame["to"]))).collect()
}

#[test]
fn a_tree_is_built_pruned_broken_and_repaired_as_the_vector_says() {
    let found = Traced::trace();
    let steps: Vec<Vec<(String, String)>> = found["steps"].as_array().expect("a list").iter().map(sent).collect();
    let has = |step: usize, kind: &str, to: &str| steps[step].contains(&(kind.to_owned(), to.to_owned()));
    assert!(has(0, "MESSAGE", "3") && has(0, "MESSAGE", "4") && !has(0, "MESSAGE", "1"), "built: {:?}", steps[0]);
    assert!(has(1, "PRUNE", "3"), "pruned: {:?}", steps[1]);
    assert!(has(2, "MESSAGE", "4") && !has(2, "MESSAGE", "3"), "along the tree: {:?}", steps[2]);
    assert!(has(3, "IHAVE", "3"), "the lazy link is told: {:?}", steps[3]);
    assert!(has(4, "PULL", "3") && !has(4, "GRAFT", "3"), "pulled first: {:?}", steps[4]);
    assert!(has(6, "PULL", "3") && has(6, "GRAFT", "3"), "grafted at the second miss: {:?}", steps[6]);
    assert!(has(7, "MESSAGE", "4"), "repaired: {:?}", steps[7]);

    let expected: Value = serde_json::from_str(VECTOR).expect("JSON");
    let text = serde_json::to_string_pretty(&found).expect("JSON");
    assert!(found == expected, "tests/vectors/tree.json differs; if the change is meant, this is it anew:\n{text}");
}
