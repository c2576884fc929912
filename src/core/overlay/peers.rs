//! The peer table and how nodes meet: each opens a link of its own to the other and greets over it; a link is up
//! once the greeting was answered. Spec: `docs/spec/gossip-bus.md`, *Meeting*.

use crate::core::{
    config::{Config, Timing},
    endpoint::Endpoint,
    event::{Answer, Event, Introduction, LinkId, Output},
    id::{Incarnation, NodeId},
    request::PeerInfo,
    stats::{Counter, Refusal, Stats},
    time::Mono,
};
use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use super::link::{GREETINGS_MAX, Link};

/// The peers of a node: links that it opened, and nodes that introduced themselves over theirs.
///
/// Bounds: `peers_max` links and as many introductions.
#[derive(Debug)]
pub struct Peers {
    me: Introduction,
    links: BTreeMap<LinkId, Link>,
    introduced: BTreeMap<NodeId, Incarnation>,
    /// Where another node has our name: not dialled again.
    parted: Option<Endpoint>,
    next_link: u32,
    peers_max: usize,
    hello_interval: Duration,
    ping_interval: Duration,
}

/// What this program can do beyond what every node must: it follows the relay rule of traced messages.
const CAPABILITIES: &[&str] = &["trace"];

impl Peers {
    /// No peers yet.
    pub fn new(config: &Config, incarnation: Incarnation) -> Self {
        let me = Introduction {
            node: config.node.clone(),
            endpoint: config.endpoint.clone(),
            network: config.network.clone(),
            instance: config.instance.clone(),
            incarnation,
            capabilities: CAPABILITIES.iter().map(|&word| word.to_owned()).collect(),
        };
        let (peers_max, Timing { hello_interval, ping_interval, .. }) =
            (config.limits.peers_max, config.protocol.timing);
        let (links, introduced) = (BTreeMap::new(), BTreeMap::new());
        Self { me, links, introduced, parted: None, next_link: 0, peers_max, hello_interval, ping_interval }
    }

    /// How this node introduces itself.
    pub fn me(&self) -> &Introduction {
        &self.me
    }

    /// Neighbours whose link is up, by ascending link: where messages go.
    pub fn neighbours(&self) -> impl Iterator<Item = (&NodeId, LinkId)> {
        let up = self.links.iter().filter(|(_, link)| link.up);
        up.filter_map(|(&id, link)| link.node.as_ref().map(|node| (node, id)))
    }

    /// Counts, for each peer but `except` whose link is down, that what goes to the neighbours does not reach it this way.
    pub fn count_absent(&self, except: Option<&NodeId>, stats: &mut Stats) {
        for link in self.links.values().filter(|link| !link.up && (link.node.is_none() || link.node.as_ref() != except))
        {
            stats.count(Counter::NotConnected, link.node.as_ref());
        }
    }

    /// How many links there are, up or not.
    pub fn len(&self) -> usize {
        self.links.len()
    }

    /// Whether there is no link.
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// Whether `node` has said HELLO.
    pub fn is_introduced(&self, node: &NodeId) -> bool {
        self.introduced.contains_key(node)
    }

    /// Addresses of the links that are not up, and of the one where our name is another's.
    pub fn waiting_for(&self) -> impl Iterator<Item = &Endpoint> {
        self.links.values().filter(|link| !link.up).map(|link| &link.endpoint).chain(&self.parted)
    }

    /// The name at the far end of a link, as far as it is known.
    pub fn name_of(&self, link: LinkId) -> Option<&NodeId> {
        self.links.get(&link)?.node.as_ref()
    }

    /// What the node tells about its peers, in the order in which it met them.
    pub fn describe(&self) -> Vec<PeerInfo> {
        self.links.values().map(Link::describe).collect()
    }

    /// Opens links to all of `peers`, or to none if they are too many.
    pub fn declare(
        &mut self,
        now: Mono,
        peers: Vec<(Option<NodeId>, Endpoint)>,
        stats: &mut Stats,
        outbox: &mut VecDeque<Output>,
    ) -> Result<(), (Refusal, String)> {
        let new = peers.iter().filter(|(node, endpoint)| !self.knows(node.as_ref(), endpoint)).count();
        if !self.has_room_for(new) {
            stats.refuse(Refusal::PeersFull, None);
            return Err((Refusal::PeersFull, format!("a node has at most {} peers", self.peers_max)));
        }
        for (node, endpoint) in peers {
            self.connect(now, node, endpoint, outbox);
        }
        Ok(())
    }

    /// Whether there is a link to that address or that name, or it is our own.
    fn knows(&self, node: Option<&NodeId>, endpoint: &Endpoint) -> bool {
        let is_me = *endpoint == self.me.endpoint || node == Some(&self.me.node);
        is_me || self.links.values().any(|link| link.leads_to(endpoint) || node.is_some_and(|node| link.is_to(node)))
    }

    /// Whether `count` further links fit.
    fn has_room_for(&self, count: usize) -> bool {
        self.links.len() + count <= self.peers_max
    }

    /// Opens a link to `endpoint`, unless there is one to that address or that name, or it is our own.
    fn connect(&mut self, now: Mono, node: Option<NodeId>, endpoint: Endpoint, outbox: &mut VecDeque<Output>) {
        if self.knows(node.as_ref(), &endpoint) {
            return;
        }
        let id = LinkId(self.next_link);
        self.next_link += 1;
        outbox.push_back(Output::Connect(id, endpoint.clone()));
        let next_probe = now + self.hello_interval;
        self.links.insert(id, Link::new(node, endpoint, next_probe));
    }

    /// A link can take frames: after its connection was made, or made anew, or because its queue has room again. Whoever
    /// is there is greeted, unless the link is up all the time.
    pub fn on_writable(&mut self, now: Mono, id: LinkId, outbox: &mut VecDeque<Output>) {
        if let Some(link) = self.links.get_mut(&id).filter(|link| !link.up) {
            link.begin_anew();
            link.next_probe = now + self.hello_interval;
            outbox.push_back(link.greet(id, &self.me));
        }
    }

    /// A node greets us: check it, answer, and make sure that we have a link to it.
    pub fn on_hello(
        &mut self,
        now: Mono,
        from: &NodeId,
        hello: Introduction,
        stats: &mut Stats,
        outbox: &mut VecDeque<Output>,
    ) {
        if let Err((refusal, text)) = self.me.check(from, &hello) {
            return self.refuse(from, refusal, text, stats, outbox);
        }
        if self.contest(now, from, &hello.endpoint, outbox) {
            return;
        }
        self.close_all(|link| link.is_to(from) && !link.leads_to(&hello.endpoint), outbox);
        let is_linked = self.links.values().any(|link| link.is_to(from) || link.leads_to(&hello.endpoint));
        let has_room = self.has_room_for(usize::from(!is_linked))
            && (self.introduced.contains_key(from) || self.introduced.len() < self.peers_max);
        if !has_room {
            let text = format!("this node has its {} peers already", self.peers_max);
            return self.refuse(from, Refusal::PeersFull, text, stats, outbox);
        }
        self.adopt_instance(&hello);
        outbox.push_back(Output::Answer(from.clone(), Answer::Welcome(self.me.clone(), None)));
        let former_life = self.introduced.insert(from.clone(), hello.incarnation);
        self.connect(now, Some(from.clone()), hello.endpoint, outbox);
        match former_life {
            Some(life) if life != hello.incarnation => self.greet_again(now, from, outbox),
            Some(_) => self.doubt(now, from, outbox),
            None => {}
        }
    }

    /// Whether `from` is, as far as we know, a node elsewhere. It is asked: if it still answers, the newcomer is
    /// refused; if it does not before the newcomer says HELLO again, it has moved or is gone.
    fn contest(&mut self, now: Mono, from: &NodeId, endpoint: &Endpoint, outbox: &mut VecDeque<Output>) -> bool {
        let is_rival = |link: &Link| link.up && link.is_to(from) && !link.leads_to(endpoint);
        let Some((&id, link)) = self.links.iter_mut().find(|(_, link)| is_rival(link)) else { return false };
        match link.contested {
            Some(asked) => now.since(asked) < self.hello_interval,
            None => {
                link.contested = Some(now);
                outbox.push_back(link.ping(id, now));
                true
            }
        }
    }

    /// A peer greets that has greeted before. Maybe it was connected anew; maybe another node took its name for a
    /// while, and with it, at the peer's ROUTER, our connection: it then looks alive and leads nowhere.
    fn doubt(&mut self, now: Mono, node: &NodeId, outbox: &mut VecDeque<Output>) {
        let is_fine = |link: &Link| link.up && link.doubted.is_none() && link.is_to(node);
        for (&id, link) in self.links.iter_mut().filter(|(_, link)| is_fine(link)) {
            link.doubted = Some(now);
            link.next_probe = now + self.ping_interval;
            outbox.push_back(link.ping(id, now));
        }
    }

    /// A frame could not be handed to a link. One without a connection is down: it is greeted again when it has one.
    pub fn on_unsent(&mut self, now: Mono, id: LinkId, why: Counter, stats: &mut Stats, outbox: &mut VecDeque<Output>) {
        let Some(link) = self.links.get_mut(&id) else { return };
        // What goes over a link that is down already are greetings alone.
        if link.up || why != Counter::NotConnected {
            stats.count(why, link.node.as_ref());
        }
        if why == Counter::NotConnected {
            link.begin_anew();
        }
        if why == Counter::NotConnected && std::mem::replace(&mut link.up, false) {
            link.next_probe = now + self.hello_interval;
            let (node, endpoint) = (link.node.clone(), link.endpoint.clone());
            outbox.push_back(Output::Notify(Event::LinkDown { node, endpoint }));
        }
    }

    /// Our greeting was answered: the link is up.
    pub fn on_welcome(
        &mut self,
        now: Mono,
        id: LinkId,
        welcome: Introduction,
        stats: &mut Stats,
        outbox: &mut VecDeque<Output>,
    ) {
        if !self.links.contains_key(&id) {
            return;
        }
        if let Err((refusal, _)) = self.me.check(&welcome.node, &welcome) {
            stats.refuse(refusal, Some(&welcome.node));
            outbox.push_back(Output::Notify(Event::Refused { node: welcome.node.clone(), refusal }));
            if refusal == Refusal::NameTaken {
                self.close(id, outbox);
            }
            return;
        }
        self.adopt_instance(&welcome);
        let is_double = self.links.iter().any(|(&other, link)| other != id && link.is_to(&welcome.node));
        if is_double {
            // Two connections under our one name: the far end has dropped one of them, and it may be either.
            self.close(id, outbox);
            self.close_all(|link| link.is_to(&welcome.node) || link.leads_to(&welcome.endpoint), outbox);
            return self.connect(now, Some(welcome.node), welcome.endpoint, outbox);
        }
        if let Some(link) = self.links.get_mut(&id) {
            link.begin_anew();
            link.next_probe = now + self.ping_interval;
            link.node = Some(welcome.node.clone());
            link.advertised = Some(welcome.endpoint);
            if !std::mem::replace(&mut link.up, true) {
                let (node, endpoint) = (welcome.node, link.endpoint.clone());
                outbox.push_back(Output::Notify(Event::LinkUp { node, endpoint }));
            }
        }
    }

    /// Our greeting, or a frame after it, was refused. Whoever does not know us is greeted again.
    pub fn on_refuse(&mut self, now: Mono, id: LinkId, code: String, text: String, outbox: &mut VecDeque<Output>) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let refusal = Refusal::named(&code);
        link.greetings = 0;
        if refusal.is_some_and(Refusal::denies_introduction) && std::mem::replace(&mut link.up, false) {
            link.next_probe = now + self.hello_interval;
            if refusal == Some(Refusal::NotIntroduced) {
                return outbox.push_back(link.greet(id, &self.me));
            }
        }
        let endpoint = link.endpoint.clone();
        if refusal == Some(Refusal::NameTaken) {
            // Each connection of ours under that name would cut off the node that has it.
            self.close(id, outbox);
            self.parted = Some(endpoint.clone());
        }
        outbox.push_back(Output::Notify(Event::RefusedBy { endpoint, code, text }));
    }

    /// A probe was answered.
    pub fn on_pong(&mut self, now: Mono, id: LinkId, token: u64, stats: &mut Stats, outbox: &mut VecDeque<Output>) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let Some(sent) = link.pinged.filter(|sent| sent.0 == token) else { return };
        (link.pinged, link.doubted) = (None, None);
        link.round_trip = Some(now.since(sent));
        let is_contested = link.contested.take().is_some_and(|asked| now.since(asked) < self.hello_interval);
        if let Some(node) = link.node.clone().filter(|_| is_contested) {
            let text = format!("the name '{node}' is taken by {}", link.endpoint);
            refuse(&node, Refusal::NameTaken, text, true, stats, outbox);
            // The newcomer has cut off its connection to us. It finds that out when we greet.
            outbox.push_back(link.greet(id, &self.me));
        }
    }

    /// A peer leaves: it is forgotten.
    pub fn on_leave(&mut self, from: &NodeId, outbox: &mut VecDeque<Output>) {
        outbox.push_back(Output::Answer(from.clone(), Answer::Farewell));
        self.introduced.remove(from);
        self.close_all(|link| link.is_to(from), outbox);
        outbox.push_back(Output::Notify(Event::PeerLeft(from.clone())));
    }

    /// Greets where a link is not up, probes where it is, opens anew where it was doubted for too long; each when its
    /// time has come.
    pub fn on_tick(&mut self, now: Mono, stats: &mut Stats, outbox: &mut VecDeque<Output>) {
        for (&id, link) in self.links.iter_mut().filter(|(_, link)| link.next_probe <= now) {
            let is_dead = link.doubted.is_some_and(|since| now.since(since) >= self.ping_interval);
            if is_dead || link.greetings >= GREETINGS_MAX {
                stats.count(Counter::Reopened, link.node.as_ref());
                *link = Link::new(link.node.take(), link.endpoint.clone(), now + self.hello_interval);
                outbox.extend([Output::Disconnect(id), Output::Connect(id, link.endpoint.clone())]);
            } else if link.up {
                link.next_probe = now + self.ping_interval;
                outbox.push_back(link.ping(id, now));
            } else {
                link.next_probe = now + self.hello_interval;
                outbox.push_back(link.greet(id, &self.me));
            }
        }
    }

    /// When the next greeting or probe is due.
    pub fn deadline(&self) -> Option<Mono> {
        self.links.values().map(|link| link.next_probe).min()
    }

    fn adopt_instance(&mut self, them: &Introduction) {
        if self.me.instance.as_str().is_empty() {
            self.me.instance = them.instance.clone();
        }
    }

    fn greet_again(&mut self, now: Mono, node: &NodeId, outbox: &mut VecDeque<Output>) {
        for (&id, link) in self.links.iter_mut().filter(|(_, link)| link.is_to(node)) {
            link.up = false;
            link.begin_anew();
            link.next_probe = now + self.hello_interval;
            outbox.push_back(link.greet(id, &self.me));
        }
    }

    /// Refuses a node; strangers count in the total alone, so that they crowd nobody out of the table of peers.
    pub fn refuse(
        &self,
        node: &NodeId,
        refusal: Refusal,
        text: String,
        stats: &mut Stats,
        outbox: &mut VecDeque<Output>,
    ) {
        refuse(node, refusal, text, self.is_introduced(node), stats, outbox);
    }

    fn close_all(&mut self, is_meant: impl Fn(&Link) -> bool, outbox: &mut VecDeque<Output>) {
        let meant: Vec<_> = self.links.iter().filter(|(_, link)| is_meant(link)).map(|(&id, _)| id).collect();
        for id in meant {
            self.close(id, outbox);
        }
    }

    fn close(&mut self, id: LinkId, outbox: &mut VecDeque<Output>) {
        self.links.remove(&id);
        outbox.push_back(Output::Disconnect(id));
    }
}

/// Refuses a node: on the wire, in the counters, and to whoever watches.
fn refuse(
    node: &NodeId,
    refusal: Refusal,
    text: String,
    is_known: bool,
    stats: &mut Stats,
    outbox: &mut VecDeque<Output>,
) {
    stats.refuse(refusal, Some(node).filter(|_| is_known));
    outbox.push_back(Output::Answer(node.clone(), Answer::Refuse { code: refusal.name().to_owned(), text }));
    outbox.push_back(Output::Notify(Event::Refused { node: node.clone(), refusal }));
}
