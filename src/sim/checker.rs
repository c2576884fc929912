//! What must hold at every step: that nothing is delivered twice, altered or made up, that paths are ways that could be
//! gone, and that no id is used again.
//!
//! What must hold at the end stands in the files below: `flood` has the rules of floods, `tree` those of trees,
//! `whole` what holds however messages spread once all is mended.

mod flood;
mod mending;
mod tree;
mod whole;
mod wrong;

pub use wrong::{Cause, Violation, Wrong};

use super::{links::Transit, scenario::Load};
use crate::core::{
    frame::StreamRanges,
    id::{MessageId, NodeId},
    message::{Hop, Message, Payload},
    time::Mono,
};
use mending::Mending;
use std::collections::BTreeMap;

/// What is known of a message: all that is needed to judge every later word of it.
#[derive(Debug)]
pub(super) struct Tracked {
    pub(super) number: u32,
    pub(super) origin: usize,
    /// Which life of the origin, counted from 1.
    pub(super) life: u32,
    pub(super) id: MessageId,
    pub(super) published_at: Mono,
    /// Who was there then: a place in the cluster's list.
    pub(super) presence: usize,
    payload: Payload,
    /// The payload of a second message of this id, where nobody could know of the first: nothing can be said of either.
    double: Option<Payload>,
    is_acknowledged: bool,
    /// The neighbours that its origin had then, each with its life.
    witnesses: Box<[(usize, u32)]>,
    /// MESSAGE frames, and PATH frames.
    pub(super) frames: u64,
    /// How often it was asked for.
    pub(super) asked: u64,
    pub(super) paths: u64,
    /// Of both.
    pub(super) bytes: u64,
    /// By node: the life in which it was delivered last (0: never), and when.
    pub(super) delivered: Vec<(u32, Mono)>,
    /// Hops to the node that took most.
    pub(super) hops: u32,
}

impl Tracked {
    /// Whether two messages have this id.
    pub(super) fn is_doubtful(&self) -> bool {
        self.double.is_some()
    }
}

/// A message that a node has accepted.
pub(super) struct Publication {
    pub(super) number: u32,
    pub(super) origin: usize,
    pub(super) life: u32,
    pub(super) at: Mono,
    pub(super) presence: usize,
    /// What was handed in.
    pub(super) payload: Payload,
    /// The origin's neighbours, each with its life.
    pub(super) witnesses: Box<[(usize, u32)]>,
    /// Whether the origin had a neighbour in this life, now or before.
    pub(super) has_met: bool,
}

/// A node at the end of a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Survivor {
    pub(super) life: u32,
    pub(super) began: Mono,
}

/// The ids of one incarnation of a node.
#[derive(Debug)]
struct Stream {
    incarnation: u64,
    /// The life, counted from 1, that published last.
    life: u32,
    /// Places in [`Checker::told`] by sequence number, from 1; `NOWHERE` if it was never published.
    places: Vec<u32>,
}

const NOWHERE: u32 = u32::MAX;

/// Which messages went where, and what excuses there are.
#[derive(Debug)]
pub(super) struct Checker {
    pub(super) load: Load,
    nodes: usize,
    path_len_max: usize,
    pub(super) told: Vec<Tracked>,
    /// By the number of a message: its place in `told`.
    by_number: BTreeMap<u32, usize>,
    /// By origin.
    streams: Vec<Vec<Stream>>,
    /// By node: whom it was ever connected to over a connection of its own, ascending.
    met: Vec<Vec<u32>>,
    /// By node: who was ever connected to it, so.
    heard: Vec<u32>,
    /// Whether anything was sent that did not arrive, or could not be sent; and whether that was for want of room.
    has_losses: bool,
    has_full_queues: bool,
    /// Whether a path reached its limit, which ends the spread that the rule speaks of.
    is_clipped: bool,
    pub(super) mending: Mending,
}

/// The index of a node by its name, which is its number.
pub(super) fn index_of(node: &NodeId) -> Option<usize> {
    let (number, _) = node.natural_key();
    usize::try_from(number).ok().filter(|_| number < u64::MAX)?.checked_sub(1)
}

impl Checker {
    /// A checker of a network of so many nodes that has seen nothing yet.
    pub(super) fn new(load: Load, nodes: usize, path_len_max: usize) -> Self {
        Self {
            load,
            nodes,
            path_len_max,
            told: Vec::new(),
            by_number: BTreeMap::new(),
            streams: (0..nodes).map(|_| Vec::new()).collect(),
            met: vec![Vec::new(); nodes],
            heard: vec![0; nodes],
            has_losses: false,
            has_full_queues: false,
            is_clipped: false,
            mending: Mending::default(),
        }
    }

    /// A node has accepted a message.
    pub(super) fn published(&mut self, publication: Publication, message: &Message) -> Result<(), Wrong> {
        let Publication { number, origin, life, at, presence, payload, witnesses, has_met } = publication;
        let id = || message.id.clone();
        if message.payload != payload {
            return Err(Wrong::Altered { id: id() });
        }
        if let Some(place) = self.find(&message.id) {
            // Who has lost its disk and knows nobody cannot know its former life.
            if has_met {
                return Err(Wrong::Repeated { id: id() });
            }
            self.told[place].double = Some(payload);
            self.by_number.insert(number, place);
            return Ok(());
        }
        let place = self.told.len();
        self.enter(origin, life, &message.id, place as u32)?;
        self.by_number.insert(number, place);
        self.told.push(Tracked {
            number,
            origin,
            life,
            id: message.id.clone(),
            published_at: at,
            presence,
            payload,
            double: None,
            is_acknowledged: false,
            witnesses,
            frames: 0,
            asked: 0,
            paths: 0,
            bytes: 0,
            delivered: vec![(0, Mono(0)); self.nodes],
            hops: 0,
        });
        Ok(())
    }

    /// Enters the place of a message that is new; its sequence number must be the next of its life.
    fn enter(&mut self, origin: usize, life: u32, id: &MessageId, place: u32) -> Result<(), Wrong> {
        let streams = &mut self.streams[origin];
        let known = streams.iter().position(|stream| stream.incarnation == id.incarnation.0);
        let index = known.unwrap_or_else(|| {
            streams.push(Stream { incarnation: id.incarnation.0, life, places: Vec::new() });
            streams.len() - 1
        });
        let stream = &mut streams[index];
        let next = stream.places.len() as u64 + 1;
        // A life that goes on in the stream of a former one may leave a gap, never in its own.
        let is_next = id.sequence == next || (id.sequence > next && stream.life != life);
        if !is_next {
            return Err(Wrong::Sequence { id: id.clone(), expected: next });
        }
        stream.life = life;
        stream.places.resize(id.sequence as usize - 1, NOWHERE);
        stream.places.push(place);
        Ok(())
    }

    /// The place of a message in [`told`](Self::told).
    pub(super) fn find(&self, id: &MessageId) -> Option<usize> {
        let streams = self.streams.get(index_of(&id.origin)?)?;
        let stream = streams.iter().rev().find(|stream| stream.incarnation == id.incarnation.0)?;
        let place = *stream.places.get(usize::try_from(id.sequence.checked_sub(1)?).ok()?)?;
        (place != NOWHERE).then_some(place as usize)
    }

    /// A node's client got a receipt.
    pub(super) fn acknowledged(&mut self, number: u32, found: &MessageId) -> Result<(), Wrong> {
        let place = self.by_number.get(&number).copied();
        match place.map(|place| &mut self.told[place]) {
            Some(told) if told.id == *found => {
                told.is_acknowledged = true;
                Ok(())
            }
            Some(told) => Err(Wrong::Receipt { number, found: found.clone(), id: told.id.clone() }),
            None => Err(Wrong::Unpublished { id: found.clone() }),
        }
    }

    /// A node in its `life` keeps a message that is new to it. Gives the message's place.
    pub(super) fn delivered(&mut self, node: usize, life: u32, at: Mono, message: &Message) -> Result<usize, Wrong> {
        let id = || message.id.clone();
        let place = self.find(&message.id).ok_or_else(|| Wrong::Unpublished { id: id() })?;
        let told = &mut self.told[place];
        if told.payload != message.payload && told.double.as_ref() != Some(&message.payload) {
            return Err(Wrong::Altered { id: id() });
        }
        if std::mem::replace(&mut told.delivered[node], (life, at)).0 == life {
            return Err(Wrong::Twice { id: id() });
        }
        told.hops = told.hops.max(message.hops);
        if !told.is_doubtful() {
            self.mending.delivered(place, at);
        }
        Ok(place)
    }

    /// A node begins another life with a message that it had before.
    pub(super) fn remembered(&mut self, node: usize, life: u32, id: &MessageId) {
        if let Some(place) = self.find(id) {
            self.told[place].delivered[node].0 = life;
        }
    }

    /// A copy with its payload goes from one node over `links` links. Gives the message's place.
    pub(super) fn sent(&mut self, from: usize, message: &Message, links: usize, bytes: usize) -> Result<(), Wrong> {
        if let Some(place) = self.find(&message.id) {
            let told = &mut self.told[place];
            told.frames += links as u64;
            told.bytes += (links * bytes) as u64;
            self.mending.sent(place, links * bytes);
        }
        let Some(trace) = &message.trace else { return Ok(()) };
        self.went(&message.id, &trace.path, from)
    }

    /// A node asks for messages.
    pub(super) fn asked(&mut self, streams: &[StreamRanges]) {
        for StreamRanges { stream, ranges } in streams {
            for number in ranges.iter().flat_map(|&(first, last)| first..=last) {
                if let Some(place) = self.find(&stream.message(number)) {
                    self.told[place].asked += 1;
                }
            }
        }
    }

    /// A copy without its payload goes from one node over `links` links.
    pub(super) fn sent_path(
        &mut self,
        from: usize,
        id: &MessageId,
        path: &[Hop],
        links: usize,
        bytes: usize,
    ) -> Result<(), Wrong> {
        if let Some(place) = self.find(id) {
            self.told[place].paths += links as u64;
            self.told[place].bytes += (links * bytes) as u64;
        }
        self.went(id, path, from)
    }

    fn went(&mut self, id: &MessageId, path: &[Hop], from: usize) -> Result<(), Wrong> {
        self.is_clipped |= path.len() >= self.path_len_max;
        self.check_path(id, path, from)
    }

    /// One node has a connection of its own to another.
    pub(super) fn connected(&mut self, from: usize, to: usize) {
        let met = &mut self.met[from];
        if let Err(index) = met.binary_search(&(to as u32)) {
            met.insert(index, to as u32);
            self.heard[to] += 1;
        }
    }

    /// Something that was sent, or would have been, does not arrive; `for_want_of_room`: the queue is full.
    pub(super) fn lost(&mut self, transit: &Transit, for_want_of_room: bool) {
        self.has_losses |= transit.kind.is_news();
        self.has_full_queues |= for_want_of_room;
    }

    /// Whether anything did not arrive that was sent, or would have been.
    pub(super) fn has_losses(&self) -> bool {
        self.has_losses
    }

    /// A node's own record of a traced message.
    pub(super) fn recorded(&self, node: usize, id: &MessageId, paths: &[impl AsRef<[Hop]>]) -> Result<(), Wrong> {
        let is_origin = index_of(&id.origin) == Some(node);
        let most = self.heard[node] as usize * self.load.relays as usize + usize::from(is_origin);
        if paths.len() > most {
            return Err(Wrong::Arrivals { id: id.clone(), found: paths.len(), most });
        }
        paths.iter().try_for_each(|path| self.check_path(id, path.as_ref(), node))
    }

    /// A path begins at the origin, ends at `end`, and each step was a connection at some time.
    fn check_path(&self, id: &MessageId, path: &[Hop], end: usize) -> Result<(), Wrong> {
        let wrong = |why| {
            let names: Vec<_> = path.iter().map(|hop| hop.node.as_str()).collect();
            Err(Wrong::Path { id: id.clone(), path: names.join(" ➜ "), why })
        };
        if path.first().map(|hop| &hop.node) != Some(&id.origin) {
            return wrong("does not begin at the origin");
        }
        let mut before = None;
        for hop in path {
            let Some(node) = index_of(&hop.node).filter(|&node| node < self.nodes) else {
                return wrong("names a node that is not there");
            };
            let is_step = |from: usize| self.met[from].binary_search(&(node as u32)).is_ok();
            if !before.is_none_or(is_step) {
                return wrong("takes a link that was never there");
            }
            before = Some(node);
        }
        if before != Some(end) {
            return wrong("does not end here");
        }
        Ok(())
    }
}

/// A message that a turn of a node has delivered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Delivery {
    /// Its place in [`Checker::told`].
    pub(super) place: usize,
    /// Who sent it; nobody if it was published here.
    pub(super) from: Option<usize>,
    /// Hops of the path by which it came, this node included.
    pub(super) path_len: usize,
}
