//! Honest nodes and their link, whatever was said to them: each keeps it, and at the end of a script they get each other's
//! messages.

use crate::{side::endpoint, world::World};
use gossip::core::{
    batch::Body,
    event::Input,
    event::record::Condition,
    neighbours::LinkRole,
    request::{Reply, Request},
    stats::Counter,
};
use std::time::Duration;

/// Checks that neither honest node has forgotten the other: a declared link is kept, whether it is up, dialled or rests.
pub(crate) fn keep(world: &mut World) {
    for side in 0..2 {
        let there = endpoint(2 - side as u32);
        let Some(Reply::Peers(peers)) = world.ask(side, Request::Peers) else {
            panic!("a node does not tell its peers")
        };
        let is_kept = peers.iter().any(|peer| peer.endpoint == there && peer.role == LinkRole::Declared);
        assert!(is_kept, "a declared link is not kept: {peers:?}");
    }
}

/// Honest nodes whose links may have been cut find each other again, and get each other's messages.
pub(crate) fn exchange(world: &mut World) {
    let link_of = |world: &World, side: usize| {
        let there = endpoint(2 - side as u32);
        world.sides[side].link_to(&there)
    };
    world.sides.iter_mut().for_each(|side| side.is_connected = true);
    if (0..2).any(|side| link_of(world, side).is_none()) {
        // A link that an operator asked for is dialled anew when it has rested: for one and a half times the longest wait at most.
        let redial_max = world.sides[0].config.protocol.timing.redial_max;
        world.settle(redial_max + redial_max / 2);
    }
    for side in 0..2 {
        world.input(side, Input::Pressure(false));
        world.input(side, Input::Log(Condition::Well));
        let link = link_of(world, side).expect("a declared link is dialled again");
        world.input(side, Input::Writable(link));
        world.run();
    }
    world.settle(Duration::from_secs(15));
    for side in 0..2 {
        let body = Body::new(b"\xc4\x04last\xc4\x03two"[..].into(), 2, None);
        let Some(Reply::Receipt { id, count: 2, .. }) = world.ask(side, Request::Publish { trace: None, body }) else {
            panic!("an honest node refuses two messages");
        };
        world.settle(Duration::from_secs(10));
        let delivered = &world.sides[1 - side].ledger.delivered;
        let has = [0, 1].iter().all(|more| delivered.contains(&id.stream().message(id.sequence + more)));
        // Who offers more than there is room to want keeps a node from asking others.
        let is_starved = world.count(1 - side, Counter::OffersDropped) > 0;
        assert!(has || is_starved, "{id} does not get from one honest node to the other");
    }
}
