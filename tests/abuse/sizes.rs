//! Payloads and frames over their limits.

use crate::{
    dealer::Dealer,
    node::{Node, until},
};
use gossip::{
    client::ClientError,
    core::{
        batch::Body,
        request::{Reply, Request, RequestId},
        stats::Refusal,
    },
    wire::Incoming,
};

const MIB: usize = 1 << 20;

fn publish(len: usize) -> Request {
    Request::Publish { trace: None, body: Body::one(vec![7; len][..].into()) }
}

#[test]
fn the_limit_of_payloads_is_exact_and_named() {
    let node = Node::start("a", &[]);
    let since = node.last_position();
    let mut client = node.client();
    client.publish(vec![7; MIB][..].into(), None).unwrap();
    assert!(node.holds_since(since, &vec![7; MIB]), "the largest payload does not come back");
    match client.publish(vec![7; MIB + 1][..].into(), None) {
        Err(ClientError::Refused { refusal: Refusal::TooLarge, text, .. }) => {
            assert_eq!(text, "payload of 1048577 bytes is over the limit of 1048576 bytes; --payload-max sets it");
        }
        other => panic!("taken: {other:?}"),
    }
    assert_eq!((node.counter("refused_too_large"), node.last_position()), (1, since + 1));
}

#[test]
fn a_frame_over_the_cap_ends_its_connection_and_nothing_else() {
    let node = Node::start("a", &[]);
    let other = Dealer::client(&node);
    let dealer = Dealer::client(&node);
    for round in 0..5 {
        dealer.request(1, &publish(3 * MIB + 1));
        // It connects again by itself; what it sends on the connection that ends may be lost with it.
        let mut replies = 0;
        until("served again", || {
            dealer.request(2, &Request::Peers);
            while let Some(Incoming::Response(response)) = dealer.waiting() {
                assert_eq!(response.request, RequestId::Number(2));
                assert!(matches!(response.reply, Reply::Peers(_)), "{response:?}");
                replies += 1;
            }
            replies > 0
        });
        node.serves();
        other.request(round, &Request::Peers);
        assert_eq!(other.response().request, RequestId::Number(round));
    }
    assert_eq!(node.counter("refused_too_large"), 0, "it was read");
    assert_eq!(node.last_position(), 5, "what it serves to itself, and no more");
}

#[test]
fn a_flood_of_large_refusals_takes_no_memory() {
    const DEALERS: usize = 4;
    const EACH: u64 = 100;
    let node = Node::start("a", &[]);
    node.serves();
    let before = node.memory();
    let dealers: Vec<_> = (0..DEALERS).map(|_| Dealer::client(&node)).collect();
    let mut most = 0;
    for dealer in &dealers {
        (0..EACH).for_each(|id| dealer.request(id, &publish(2 * MIB)));
    }
    node.serves();
    for dealer in &dealers {
        for id in 0..EACH {
            let (request, refusal, _) = dealer.error();
            assert_eq!((request, refusal), (RequestId::Number(id), Refusal::TooLarge));
            most = most.max(node.memory());
        }
    }
    assert_eq!(node.counter("refused_too_large"), DEALERS as u64 * EACH);
    // What waits to be read is bounded by count, not by bytes; but large frames are read as fast as they come.
    assert!(most < before + 200, "{before} MiB became {most}");
}
