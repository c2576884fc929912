//! Following the journals of many nodes from one thread: what happens at each of them, that one falls silent, that it answers
//! again or has begun another life. Nodes come and go while it goes on.

use super::{
    connection::{SOCKETS_MAX, understand, unique_id},
    error::ClientError,
};
use crate::{
    clock::{Clock, Deadline},
    core::{
        endpoint::Endpoint,
        id::Incarnation,
        request::{
            Reply, Request, RequestId,
            happening::{Happening, TOLD_MAX, WatchPage},
        },
        time::Mono,
    },
    transport::{Context, Fan, Part},
    wire::{Decoder, Response, encode},
};
use std::{collections::BTreeSet, time::Duration};

/// Longest time that a question waits at a node: a sign of life comes at least that often.
const WAIT: Duration = Duration::from_secs(1);
/// Pause of a node after an answer: what happens meanwhile comes together, and a storm of messages costs the
/// node 50 answers a second at most.
const PACE: Duration = Duration::from_millis(20);
/// Pause of a node that refused to be watched.
const REFUSED: Duration = Duration::from_secs(1);
/// Interval at which a silent node is dialled anew.
const REDIAL: Duration = Duration::from_secs(2);

/// Most nodes that are followed, those that were forgotten included.
const FOLLOWED_MAX: usize = 2000;

/// News of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// It answers for the first time, in this life.
    Follows(Incarnation),
    /// Something happened at it.
    Happened(Happening),
    /// So many happenings were not kept until they were asked for.
    Missed(u64),
    /// It has not answered for so long.
    Silent(Duration),
    /// It answers again, after so long.
    Answers(Duration),
    /// It has begun another life, and is followed from its beginning on.
    Restarted(Incarnation),
    /// It does not let itself be watched, for this reason; it is asked again.
    Refused(String),
}

/// Follows the journals of nodes, as long as there is [room](Self::has_room).
pub struct Follower {
    fan: Fan,
    decoder: Decoder,
    header: Vec<u8>,
    clock: Clock,
    nodes: Vec<Followed>,
    silent_after: Duration,
    wait: Duration,
}

struct Followed {
    endpoint: Endpoint,
    is_forgotten: bool,
    /// Position that is asked for next; `None`: events from now on.
    position: Option<u64>,
    life: Option<Incarnation>,
    /// The question under way, and when it was asked.
    asked: Option<(RequestId, Mono)>,
    /// Not before this.
    next_ask: Mono,
    heard: Mono,
    is_silent: bool,
    is_refused: bool,
}

impl Follower {
    /// Follows nobody yet. A node is silent that has not answered for `silent_after`.
    pub fn new(silent_after: Duration) -> Result<Self, ClientError> {
        let fan = Fan::new(&Context::new(SOCKETS_MAX)?);
        let (decoder, wait) = (Decoder::new(usize::MAX), WAIT.min(silent_after / 2));
        Ok(Self { fan, decoder, header: Vec::new(), clock: Clock::new(), nodes: Vec::new(), silent_after, wait })
    }

    /// Returns whether one more node can be followed.
    pub fn has_room(&self) -> bool {
        self.nodes.len() < FOLLOWED_MAX
    }

    /// Follows one more node, from now on or, for `from_begin`, from the beginning of its life. Returns the number by which it is
    /// told.
    pub fn follow(&mut self, endpoint: &Endpoint, from_begin: bool) -> Result<usize, ClientError> {
        let now = self.clock.now().mono;
        self.nodes.push(Followed {
            endpoint: endpoint.clone(),
            is_forgotten: false,
            position: from_begin.then_some(1),
            life: None,
            asked: None,
            next_ask: now,
            heard: now,
            is_silent: false,
            is_refused: false,
        });
        Ok(self.fan.connect(endpoint)?)
    }

    /// Follows a node no more.
    pub fn forget(&mut self, node: usize) {
        self.fan.close(node);
        self.nodes[node].is_forgotten = true;
    }

    /// Dials a node anew, which may be elsewhere by now: its process is known to be another one.
    pub fn redial(&mut self, node: usize, endpoint: &Endpoint) -> Result<(), ClientError> {
        self.nodes[node].endpoint = endpoint.clone();
        self.ask(node, self.clock.now().mono, true)
    }

    /// Returns whether a node has ever answered.
    pub fn has_answered(&self, node: usize) -> bool {
        self.nodes[node].life.is_some()
    }

    /// Returns whether a node does not let itself be watched now.
    pub fn is_refused(&self, node: usize) -> bool {
        self.nodes[node].is_refused
    }

    /// Asks whom it is time to ask, waits for what comes within `step`, and tells it by `on_news`.
    pub fn poll(&mut self, step: Duration, mut on_news: impl FnMut(usize, News)) -> Result<(), ClientError> {
        let now = self.clock.now().mono;
        for node in 0..self.nodes.len() {
            let followed = &mut self.nodes[node];
            if followed.is_forgotten {
                continue;
            }
            let silence = now.since(followed.heard);
            if !followed.is_silent && silence >= self.silent_after {
                followed.is_silent = true;
                on_news(node, News::Silent(silence));
            }
            let patience = if followed.is_silent { REDIAL } else { self.wait + self.silent_after / 4 };
            match followed.asked {
                Some((_, at)) if now.since(at) < patience => {}
                Some(_) => self.ask(node, now, true)?,
                None if followed.next_ask <= now => self.ask(node, now, false)?,
                None => {}
            }
        }
        let mut waiting: BTreeSet<_> = (0..self.nodes.len()).filter(|&node| self.nodes[node].asked.is_some()).collect();
        let deadline = Deadline::after(step);
        if waiting.is_empty() {
            deadline.pause(step);
        }
        let Self { fan, decoder, nodes, clock, .. } = self;
        fan.collect(&mut waiting, &deadline, |node, parts| {
            // Whoever has answered is asked again at the next turn.
            nodes[node].take(decoder, parts, clock.now().mono, |news| on_news(node, news))
        })?;
        if waiting.is_empty() {
            deadline.pause(PACE.min(deadline.remaining()));
        }
        Ok(())
    }

    /// Asks a node what happens there; over a new connection, so that an answer to an earlier question cannot come.
    fn ask(&mut self, node: usize, now: Mono, anew: bool) -> Result<(), ClientError> {
        let followed = &mut self.nodes[node];
        if anew {
            self.fan.reconnect(node, &followed.endpoint)?;
        }
        // The first answer says where the journal is: it need not wait for anything to happen. Nor may the first sign of life
        // after a silence.
        let is_urgent = followed.life.is_none() || anew;
        let wait = if is_urgent { Duration::ZERO } else { self.wait };
        let id = unique_id();
        self.header.clear();
        encode::request(&mut self.header, &id, &Request::Watch { from: followed.position, wait });
        followed.asked = Some((id, now));
        Ok(self.fan.send(node, &[&self.header[..]])?)
    }
}

impl Followed {
    /// Takes what came from the node. Says whether it answers the question under way.
    fn take(&mut self, decoder: &mut Decoder, parts: &[Part], now: Mono, mut on_news: impl FnMut(News)) -> bool {
        let Some((id, _)) = &self.asked else { return false };
        let answer = understand(decoder, &self.endpoint, parts, id);
        // What answers nothing that is asked proves no life.
        let told = match answer {
            Ok(Response { reply: Reply::Events { told, incarnation }, .. }) => Ok((told, incarnation)),
            Err(ClientError::Refused { text, .. }) => Err(text),
            Ok(_) | Err(_) => return false,
        };
        self.asked = None;
        if std::mem::take(&mut self.is_silent) {
            on_news(News::Answers(now.since(self.heard)));
        }
        self.heard = now;
        match told {
            Ok((told, life)) => {
                self.is_refused = false;
                self.next_ask = if told.happenings.len() >= TOLD_MAX { now } else { now + PACE };
                self.read(told, life, on_news);
            }
            Err(text) => {
                self.next_ask = now + REFUSED;
                if !std::mem::replace(&mut self.is_refused, true) {
                    on_news(News::Refused(text));
                }
            }
        }
        true
    }

    fn read(&mut self, told: WatchPage, life: Incarnation, mut on_news: impl FnMut(News)) {
        match self.life.replace(life) {
            Some(known) if known != life => {
                // Its positions count anew: what was told here may begin anywhere.
                on_news(News::Restarted(life));
                self.position = Some(1);
                return;
            }
            Some(_) => {}
            None => on_news(News::Follows(life)),
        }
        if told.missed > 0 {
            on_news(News::Missed(told.missed));
        }
        told.happenings.into_iter().for_each(|happening| on_news(News::Happened(happening)));
        self.position = Some(told.next);
    }
}
