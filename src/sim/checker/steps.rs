//! Rules of every step: that nothing is delivered twice, altered or made up, that paths are ways that could be gone, and that
//! no id is used again.

use super::{
    mending::Mending,
    tracked::{Survivor, Tracked},
    wrong::{Violation, Wrong},
};
use crate::{
    core::{
        batch::Batch,
        config::Limits,
        frame::StreamRanges,
        id::{MessageId, NodeId},
        message::Hop,
        time::Mono,
    },
    sim::{
        host::index_of,
        observation::{Observation, Publication},
        scenario::Load,
    },
};
use std::collections::BTreeMap;

/// The ids of one incarnation of a node.
#[derive(Debug)]
struct Stream {
    incarnation: u64,
    /// The life, counted from 1, that published last.
    life: u32,
    /// Places in [`Checker::messages`] by sequence number, from 1; `NOWHERE` if it was never published.
    places: Vec<u32>,
}

const NOWHERE: u32 = u32::MAX;

/// Which messages went where, and what excuses there are: all of it from [observations](Observation).
#[derive(Debug)]
pub(in crate::sim) struct Checker {
    seed: u64,
    pub(super) load: Load,
    pub(super) limits: Limits,
    pub(super) names: Vec<NodeId>,
    pub(in crate::sim) messages: Vec<Tracked>,
    /// By the number of a message: its place in `messages`.
    by_number: BTreeMap<u32, usize>,
    /// By origin.
    streams: Vec<Vec<Stream>>,
    /// By node: whom it was ever connected to over a connection of its own, ascending.
    met: Vec<Vec<u32>>,
    /// By node: who was ever connected to it, so.
    heard: Vec<u32>,
    /// By node: the life that it lives.
    pub(in crate::sim) survivors: Vec<Option<Survivor>>,
    /// By node: when its lives ended that are over.
    ended: Vec<Vec<Mono>>,
    /// Which nodes lived when messages were published; a new entry whenever that has changed.
    pub(in crate::sim) presence: Vec<Box<[bool]>>,
    is_presence_stale: bool,
    /// True if a frame about messages did not arrive, or could not be sent; and if any frame could not for want of room.
    has_losses: bool,
    pub(super) has_full_queues: bool,
    /// True if a path reached its limit, which ends the spread that the rule speaks of.
    pub(super) is_clipped: bool,
    pub(in crate::sim) mending: Mending,
}

impl Checker {
    /// A checker of nodes of these names that has seen nothing yet.
    pub(in crate::sim) fn new(seed: u64, load: Load, limits: Limits, names: Vec<NodeId>) -> Self {
        let nodes = names.len();
        Self {
            seed,
            load,
            limits,
            names,
            messages: Vec::new(),
            by_number: BTreeMap::new(),
            streams: (0..nodes).map(|_| Vec::new()).collect(),
            met: vec![Vec::new(); nodes],
            heard: vec![0; nodes],
            survivors: vec![None; nodes],
            ended: vec![Vec::new(); nodes],
            presence: Vec::new(),
            is_presence_stale: true,
            has_losses: false,
            has_full_queues: false,
            is_clipped: false,
            mending: Mending::default(),
        }
    }

    /// A rule that was broken at a node.
    pub(in crate::sim) fn violation(&self, at: Mono, host: usize, wrong: Wrong) -> Violation {
        Violation { seed: self.seed, at, node: self.names[host].clone(), wrong }
    }

    /// Takes in what a node did at a time, unless that is against the rules.
    pub(in crate::sim) fn observe(&mut self, at: Mono, host: usize, observation: Observation) -> Result<(), Violation> {
        let judged = match observation {
            Observation::Published(publication) => self.published(host, at, publication),
            Observation::Acknowledged { number, id } => self.acknowledged(number, &id),
            Observation::Delivered(message) => self.delivered(host, at, &message),
            Observation::Relayed(relay) => self.relayed(&relay),
            Observation::Sent { id, path, has_payload, links, bytes } => {
                self.sent(&id, has_payload, links, bytes);
                path.map_or(Ok(()), |path| self.went(&id, &path, host))
            }
            Observation::Holds(gauge) => match gauge.excess(&self.limits) {
                Some((what, size)) => Err(Wrong::Bound { what, size }),
                None => Ok(()),
            },
            harmless => {
                self.note(at, host, harmless);
                Ok(())
            }
        };
        judged.map_err(|wrong| self.violation(at, host, wrong))
    }

    /// Takes in what can break no rule.
    fn note(&mut self, at: Mono, host: usize, observation: Observation) {
        match observation {
            Observation::Began { life } => {
                self.survivors[host] = Some(Survivor { life, began: at });
                self.come_and_go(at);
            }
            Observation::Ended => {
                self.survivors[host] = None;
                self.ended[host].push(at);
                self.come_and_go(at);
            }
            Observation::Remembered { life, id } => {
                if let Some(place) = self.find(&id) {
                    self.messages[place].delivered[host].0 = life;
                }
            }
            Observation::Asked(streams) => self.asked(&streams),
            Observation::Told { bytes } => self.mending.told(bytes),
            Observation::Connected { to } => self.connected(host, to),
            Observation::Lost { is_news, is_full } => {
                self.has_losses |= is_news;
                self.has_full_queues |= is_full;
            }
            Observation::Mended => self.mending.begin(at, &self.messages, &self.survivors),
            _ => {}
        }
    }

    /// A life has begun or ended.
    fn come_and_go(&mut self, at: Mono) {
        self.is_presence_stale = true;
        self.mending.recount(at, &self.messages, &self.survivors);
    }

    /// A node has accepted a message.
    fn published(&mut self, origin: usize, at: Mono, publication: Publication) -> Result<(), Wrong> {
        if std::mem::take(&mut self.is_presence_stale) {
            self.presence.push(self.survivors.iter().map(Option::is_some).collect());
        }
        let Publication { number, payload, message, life, witnesses, has_met } = publication;
        let id = || message.id.clone();
        if *message.body.bytes() != payload {
            return Err(Wrong::Altered { id: id() });
        }
        if let Some(place) = self.find(&message.id) {
            // Selection has lost its disk and knows nobody cannot know its former life.
            if has_met {
                return Err(Wrong::Repeated { id: id() });
            }
            self.messages[place].double = Some(payload);
            self.by_number.insert(number, place);
            return Ok(());
        }
        let place = self.messages.len();
        self.enter(origin, life, &message.id, place as u32)?;
        self.by_number.insert(number, place);
        self.messages.push(Tracked {
            number,
            origin,
            life,
            id: message.id.clone(),
            published_at: at,
            presence: self.presence.len() - 1,
            payload,
            double: None,
            is_acknowledged: false,
            witnesses,
            frames: 0,
            asked: 0,
            paths: 0,
            bytes: 0,
            delivered: vec![(0, Mono(0)); self.names.len()],
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

    /// The place of a message in [`messages`](Self::messages).
    pub(in crate::sim) fn find(&self, id: &MessageId) -> Option<usize> {
        let streams = self.streams.get(index_of(&id.origin)?)?;
        let stream = streams.iter().rev().find(|stream| stream.incarnation == id.incarnation.0)?;
        let place = *stream.places.get(usize::try_from(id.sequence.checked_sub(1)?).ok()?)?;
        (place != NOWHERE).then_some(place as usize)
    }

    /// A node's client got a receipt.
    fn acknowledged(&mut self, number: u32, found: &MessageId) -> Result<(), Wrong> {
        let place = self.by_number.get(&number).copied();
        match place.map(|place| &mut self.messages[place]) {
            Some(told) if told.id == *found => {
                told.is_acknowledged = true;
                Ok(())
            }
            Some(told) => Err(Wrong::Receipt { number, found: found.clone(), id: told.id.clone() }),
            None => Err(Wrong::Unpublished { id: found.clone() }),
        }
    }

    /// A node keeps a message that is new to it.
    fn delivered(&mut self, node: usize, at: Mono, message: &Batch) -> Result<(), Wrong> {
        let id = || message.id.clone();
        let place = self.find(&message.id).ok_or_else(|| Wrong::Unpublished { id: id() })?;
        let life = self.survivors[node].map_or(0, |survivor| survivor.life);
        let told = &mut self.messages[place];
        let payload = message.body.bytes();
        if told.payload != *payload && told.double.as_ref() != Some(payload) {
            return Err(Wrong::Altered { id: id() });
        }
        if std::mem::replace(&mut told.delivered[node], (life, at)).0 == life {
            return Err(Wrong::Twice { id: id() });
        }
        told.hops = told.hops.max(message.hops);
        if !told.is_doubtful() {
            self.mending.delivered(place, at);
        }
        Ok(())
    }

    /// A copy goes out over `links` links.
    fn sent(&mut self, id: &MessageId, has_payload: bool, links: usize, bytes: usize) {
        let Some(place) = self.find(id) else { return };
        let told = &mut self.messages[place];
        told.bytes += (links * bytes) as u64;
        if has_payload {
            told.frames += links as u64;
            self.mending.sent(place, links * bytes);
        } else {
            told.paths += links as u64;
        }
    }

    /// A node asks for messages.
    fn asked(&mut self, streams: &[StreamRanges]) {
        for StreamRanges { stream, ranges } in streams {
            for number in ranges.iter().flat_map(|&(first, last)| first..=last) {
                if let Some(place) = self.find(&stream.message(number)) {
                    self.messages[place].asked += 1;
                }
            }
        }
    }

    fn went(&mut self, id: &MessageId, path: &[Hop], from: usize) -> Result<(), Wrong> {
        self.is_clipped |= path.len() >= self.limits.path_len_max;
        self.check_path(id, path, from)
    }

    /// One node has a connection of its own to another.
    fn connected(&mut self, from: usize, to: usize) {
        let met = &mut self.met[from];
        if let Err(index) = met.binary_search(&(to as u32)) {
            met.insert(index, to as u32);
            self.heard[to] += 1;
        }
    }

    /// End of a life of a node; now, if it goes on.
    pub(super) fn lived_until(&self, host: usize, life: u32, now: Mono) -> Mono {
        self.ended[host].get(life as usize - 1).copied().unwrap_or(now)
    }

    /// Returns whether anything did not arrive that was sent, or would have been.
    pub(in crate::sim) fn has_losses(&self) -> bool {
        self.has_losses
    }

    /// A node's own record of a traced message.
    pub(in crate::sim) fn recorded(
        &self,
        node: usize,
        id: &MessageId,
        paths: &[impl AsRef<[Hop]>],
    ) -> Result<(), Wrong> {
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
            let Some(node) = index_of(&hop.node).filter(|&node| node < self.names.len()) else {
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
