//! Proof of the wire format from other languages: Python, JavaScript, and Rust without libzmq, written from
//! `docs/spec/gossip-bus.md`, against node processes that run.
//!
//! What each story shows stands in its language: `python/check.py`, `javascript/check.js`, `rust/check.rs`.
//! `make test` sets up what they need.

mod judged;
mod nodes;
mod programs;

use nodes::Network;
use programs::{Program, javascript, python, rust};

/// The stories of a client, each as a test of its own, in one language.
macro_rules! client {
    ($language:ident, $check:expr, $example:expr) => {
        mod $language {
            use super::*;

            #[test]
            fn reads_and_writes_the_test_vectors() {
                $check.run("codec", &[]);
            }

            #[test]
            fn uses_every_command() {
                let mut network = Network::ring(5);
                $check.run("commands", &network.endpoints());
                network.node(5).ends_well();
                network.node(3).ends_well();
            }

            #[test]
            fn uses_every_kind_of_socket() {
                $check.run("sockets", &Network::ring(1).endpoints());
            }

            #[test]
            fn sends_10_000_messages_without_waiting() {
                $check.run("pipeline", &Network::ring(4).endpoints());
            }

            #[test]
            fn sends_1000_messages_in_one_request() {
                $check.run("batch", &Network::ring(4).endpoints());
            }

            #[test]
            fn gets_errors_and_breaks_nothing() {
                $check.run("errors", &Network::ring(1).endpoints());
            }

            #[test]
            fn is_refused_as_a_node_of_elsewhere() {
                $check.run("strangers", &Network::ring(1).endpoints());
            }

            #[test]
            fn has_an_example_that_works() {
                let network = Network::ring(3);
                let printed = $example.run(&network.endpoints()[0], &["apple".into()]);
                for expected in ["sent", "apple", "peer", "payload_len_max"] {
                    assert!(printed.contains(expected), "the example prints no '{expected}': {printed}");
                }
            }
        }
    };
}

client!(python_client, python("tests/interop/python/check.py"), python("clients/python/client.py"));
client!(javascript_client, javascript("tests/interop/javascript/check.js"), javascript("clients/javascript/client.js"));
client!(rust_client, rust("examples/check"), rust("gossip-client-example"));

/// A line of two nodes with a node in another language between them.
fn passes_on_what_it_does_not_know(foreign: &Program) {
    let network = [Network::named(&["1"]), Network::named(&["2"])];
    let mut arguments: Vec<String> = network.iter().flat_map(Network::endpoints).collect();
    arguments.extend(foreign.command_line());
    python("tests/interop/python/check.py").run("fields_of_the_future", &arguments);
}

/// A line of a node, one in another language, and two nodes, and 5,000 messages that come all at once.
fn takes_part_in_a_flood(foreign: &Program) {
    let network = [Network::named(&["1"]), Network::named(&["2", "3"])];
    let mut arguments: Vec<String> = network.iter().flat_map(Network::endpoints).collect();
    arguments.push(env!("CARGO_BIN_EXE_gossip").into());
    arguments.extend(foreign.command_line());
    python("tests/interop/python/check.py").run("flood", &arguments);
}

/// Two lines of two nodes, and a node in another language that is to join them.
fn joins_two_halves(foreign: &Program) {
    let (left, right) = (Network::ring(2), Network::named(&["3", "4"]));
    let mut arguments = vec![left.endpoints().remove(1), right.endpoints().remove(0)];
    arguments.extend(foreign.command_line());
    let check = python("tests/interop/python/check.py");
    check.run("member", &arguments);
}

#[test]
fn a_node_in_python_is_a_full_member() {
    joins_two_halves(&python("clients/python/node.py"));
}

#[test]
fn a_node_in_javascript_is_a_full_member() {
    joins_two_halves(&javascript("clients/javascript/node.js"));
}

#[test]
fn nodes_in_other_languages_pass_on_what_they_do_not_know() {
    passes_on_what_it_does_not_know(&python("clients/python/node.py"));
    passes_on_what_it_does_not_know(&javascript("clients/javascript/node.js"));
}

#[test]
fn nodes_in_other_languages_take_part_in_a_flood() {
    takes_part_in_a_flood(&python("clients/python/node.py"));
    takes_part_in_a_flood(&javascript("clients/javascript/node.js"));
}

#[test]
fn a_node_that_serves_no_requests_is_judged_by_its_neighbours() {
    judged::by_its_neighbours(&python("clients/python/node.py"));
}
