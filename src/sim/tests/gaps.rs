//! Gaps: messages that a neighbour cannot or will not send, or makes up, among three nodes that all publish: the first and the third
//! hear each other by the second alone until their own link is there.

use super::*;
use crate::{
    core::{
        frame::StreamRanges,
        id::{MessageId, StreamId},
    },
    sim::host::host_at,
};
use std::sync::{Arc, Mutex};

const MESSAGES: u32 = 12;

/// Messages of the first node at the third one, in order.
#[derive(Debug, Default)]
struct Third {
    received: Vec<u64>,
    /// Those that it had given up before, or had taken for given up.
    given_up: Vec<(u64, u64)>,
}

/// A run in which `tamper` stands between the second node and the world.
fn by_the_second(mut tamper: impl FnMut(Output) -> Vec<Output> + Send + 'static) -> (Outcome, Third) {
    let [first, second, third] = [1, 2, 3].map(NodeId::numbered);
    let cut = |from, to| Fault::Cut {
        at: Time::millis(0),
        from: Selection::Nodes(vec![from]),
        to: Selection::Nodes(vec![to]),
    };
    let faults = vec![cut(1, 3), cut(3, 1), Fault::Heal { at: Time::millis(30_000) }];
    let load = Load { messages: MESSAGES, interval: SECOND, senders: Senders::All, ..Load::default() };
    let ring = tree(Scenario { faults, load, heal: false, ..scenario("circular", None, 3) });
    let log = Arc::new(Mutex::new(Third::default()));
    let noted = log.clone();
    let mut simulation = Simulation::new(&ring, 1).unwrap();
    simulation.tamper(Box::new(move |node, output| {
        if *node == second {
            return tamper(output);
        }
        let mut noted = noted.lock().unwrap();
        match &output {
            Output::Append(_, Record::Received { batch, first: from, last, .. })
                if *node == third && batch.id.origin == first =>
            {
                noted.received.extend(*from..=*last);
            }
            Output::Append(_, Record::GivenUp { stream, first: from, last })
                if *node == third && stream.origin == first =>
            {
                noted.given_up.push((*from, *last));
            }
            _ => {}
        }
        vec![output]
    }));
    let outcome = simulation.run().unwrap_or_else(|violation| panic!("{violation}"));
    let third = std::mem::take(&mut *log.lock().unwrap());
    (outcome, third)
}

fn lost(stream: StreamId, first: u64, last: u64) -> Output {
    Output::Answer(NodeId::numbered(3), Answer::Lost(vec![StreamRanges { stream, ranges: vec![(first, last)] }]))
}

#[test]
fn what_one_neighbour_has_lost_is_given_up_and_comes_from_a_later_one() {
    let origin = NodeId::numbered(1);
    let (outcome, mut third) = by_the_second(move |output| match output {
        Output::Send(_, Frame::Message(Batch { id: MessageId { origin: of, incarnation, sequence }, .. }))
            if of == origin && sequence % 2 == 1 =>
        {
            vec![lost(StreamId { origin: of, incarnation }, sequence, sequence)]
        }
        other => vec![other],
    });
    assert!(third.given_up.len() > 3, "{third:?}");
    let (first, _) = third.given_up[0];
    let at = third.received.iter().position(|&number| number == first);
    assert!(at > Some(4), "{first} came when it had been given up: {third:?}");
    third.received.sort_unstable();
    assert_eq!(third.received, (1..=MESSAGES.into()).collect::<Vec<u64>>(), "each once");
    assert_eq!((outcome.report.delivery_ratio(), outcome.report.missing.len()), (1.0, 0));
}

#[test]
fn numbers_that_a_neighbour_makes_up_swallow_no_message() {
    const LAST: u64 = MESSAGES as u64;
    let origin = NodeId::numbered(1);
    let (mut to_third, mut claimed) = (None, None);
    let (outcome, mut third) = by_the_second(move |output| match output {
        Output::Connect(link, ref endpoint, _) => {
            to_third = if host_at(endpoint) == Some(2) { Some(link) } else { to_third };
            vec![output]
        }
        Output::Send(mut links, Frame::Digest { mut streams, given_up, spans }) => {
            // The first is not told: it would begin another life.
            let told = links.extract_if(.., |link| Some(*link) == to_third).collect::<Vec<_>>();
            let honest = Output::Send(
                links,
                Frame::Digest { streams: streams.clone(), given_up: given_up.clone(), spans: spans.clone() },
            );
            for StreamRanges { stream, ranges } in streams.iter_mut().filter(|held| held.stream.origin == origin) {
                let last = ranges.last_mut().map(|range| std::mem::replace(&mut range.1, LAST));
                claimed = last.map(|last| (stream.clone(), last + 1)).filter(|&(_, first)| first <= LAST);
            }
            vec![honest, Output::Send(told, Frame::Digest { streams, given_up, spans })]
        }
        Output::Send(_, Frame::Ping { .. }) => {
            let excuse = claimed.clone().map(|(stream, first)| lost(stream, first, LAST));
            std::iter::once(output).chain(excuse).collect()
        }
        other => vec![other],
    });
    assert!(third.given_up.iter().any(|&(_, last)| last == LAST), "it never believed the claim: {third:?}");
    third.received.sort_unstable();
    assert_eq!(third.received, (1..=LAST).collect::<Vec<_>>(), "each once");
    assert_eq!((outcome.report.delivery_ratio(), outcome.report.missing.len()), (1.0, 0));
}
