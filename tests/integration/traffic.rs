//! Messages that are sent all the while something else happens, and the proof that none was lost and none came twice.

use crate::testnet::{PATIENCE, TestNet, wait_until};
use gossip::{client::Client, clock::Deadline, core::message::Payload};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// Time that a sender waits between two messages: some hundred messages a second in all.
const PAUSE: Duration = Duration::from_millis(5);

/// Threads that send, one for each node that was named.
pub(crate) struct Traffic {
    ends: Arc<AtomicBool>,
    sent: Arc<Mutex<Vec<String>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Traffic {
    /// Begins to send to these nodes, by number, which must stay alive.
    pub(crate) fn start(net: &TestNet, nodes: &[u16]) -> Self {
        let (ends, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let begin = |&node: &u16| {
            let endpoint = net.address(node).parse().unwrap();
            let (ends, sent) = (Arc::clone(&ends), Arc::clone(&sent));
            thread::spawn(move || {
                let mut client = Client::connect(&endpoint, PATIENCE).unwrap();
                for number in 0.. {
                    if ends.load(Ordering::SeqCst) {
                        return;
                    }
                    let text = format!("{node}-{number}");
                    client.publish(Payload::from(text.as_bytes()), None).unwrap();
                    sent.lock().unwrap().push(text);
                    // A rate, not a wait for something.
                    Deadline::after(Duration::MAX).pause(PAUSE);
                }
            })
        };
        Self { threads: nodes.iter().map(begin).collect(), ends, sent }
    }

    /// Number of messages that were taken so far.
    pub(crate) fn count(&self) -> usize {
        self.sent.lock().unwrap().len()
    }

    /// Waits until some more messages were taken.
    pub(crate) fn go_on(&self, more: usize) {
        let goal = self.count() + more;
        wait_until("messages are taken", || self.count() >= goal);
    }

    /// Ends it; gives all that was sent.
    pub(crate) fn end(self) -> Vec<String> {
        self.ends.store(true, Ordering::SeqCst);
        self.threads.into_iter().for_each(|thread| thread.join().unwrap());
        std::mem::take(&mut *self.sent.lock().unwrap())
    }
}

/// Number of times that a node holds each text.
fn held(net: &TestNet, node: &str) -> BTreeMap<String, usize> {
    let told = net.json(&["get-messages", node, "all"]);
    let mut held = BTreeMap::new();
    for message in told["messages"].as_array().unwrap() {
        *held.entry(message["text"].as_str().unwrap().to_owned()).or_insert(0) += 1;
    }
    held
}

/// Insists that these nodes come to hold each of these texts, and each once.
pub(crate) fn assert_all_hold(net: &TestNet, nodes: impl IntoIterator<Item = String>, texts: &[String]) {
    for node in nodes {
        wait_until(&format!("node {node} has all {} messages", texts.len()), || {
            let held = held(net, &node);
            texts.iter().all(|text| held.contains_key(text))
        });
        let twice: Vec<_> = held(net, &node).into_iter().filter(|(_, count)| *count > 1).collect();
        assert!(twice.is_empty(), "node {node} has messages twice: {twice:?}");
    }
}
