//! Lives of nodes: how they begin, which ids they give, and how they end.

use super::Cluster;
use crate::{
    core::{
        batch::Batch,
        config::{Config, Protocol},
        event::record::{Level, LogSeq, Record},
        id::Incarnation,
        node::Node,
        request::Request,
    },
    sim::{
        host::{endpoint, index_of},
        observation::{Observation, Publication},
        scenario::{Contact, Disk, Join},
    },
};
use rand::RngExt;

impl Cluster {
    /// A node begins a life: with an incarnation that its disk or its clock gives, what its log tells, and its neighbours
    /// declared or one address to begin with.
    pub(in crate::sim) fn begin_life(&mut self, host: usize, disk: Disk, records: Vec<Record>) {
        let now = self.clock(host);
        let place = &mut self.hosts[host];
        let last = place.stored.filter(|_| disk == Disk::Kept).map(Incarnation);
        let chance = self.lives.random();
        let incarnation = Incarnation::next(last, now.wall, chance).expect("no clock is off by centuries").0;
        place.renew(incarnation);
        let config = Config {
            node: self.name(host).clone(),
            endpoint: endpoint(host),
            network: "simulated".parse().expect("a name of letters"),
            instance: "one".parse().expect("a word of letters"),
            protocol: Protocol { batch: !self.scenario.is_single(self.wires.named(host)), ..self.scenario.protocol() },
            level: Level::Memory,
            limits: self.limits.clone(),
        };
        let seed = self.seed ^ incarnation ^ (host as u64) << 40;
        let place = &mut self.hosts[host];
        for record in &records {
            let Record::Received { batch, first, last, .. } = record else { continue };
            for id in (*first..=*last).map(|sequence| batch.id.stream().message(sequence)) {
                self.timeline.observe(host, Observation::Remembered { life: place.life, id });
            }
        }
        self.timeline.observe(host, Observation::Began { life: place.life });
        if self.keeps_records {
            place.log.restore(&records);
        }
        let records = (1..).map(LogSeq).zip(records);
        place.node = Some(Node::recover(config, Incarnation(incarnation), seed, "simulated", now, records));
        let request = match self.scenario.join {
            Some(join) => {
                let contact = self.contact(host, join).into_iter();
                Request::Join { contacts: contact.map(|contact| (None, endpoint(contact))).collect() }
            }
            None => {
                let named = |&peer: &usize| (Some(self.graph.nodes()[peer].clone()), endpoint(peer));
                Request::Connect { peers: self.graph.neighbours(self.wires.named(host)).iter().map(named).collect() }
            }
        };
        self.tell(host, request);
    }

    /// Whom a node knows that joins; nobody, if it is the first.
    fn contact(&mut self, host: usize, join: Join) -> Option<usize> {
        let lowest = self.lots.random_range(0..host.max(1) as u32) as usize;
        let contact = if join.contact == Contact::First { 0 } else { lowest };
        let others = self.nodes().filter(|&other| other != host);
        // Whoever comes back may find its contact gone: it is told of another one.
        let other = [contact].into_iter().chain(others).find(|&other| other != host && self.lives(other));
        other.or_else(|| Some(contact).filter(|&contact| contact != host))
    }

    /// A node has given an id to a message that was handed to it.
    pub(super) fn mint(&mut self, host: usize, message: &Batch) {
        let place = &mut self.hosts[host];
        // Nothing is waiting: it will be found that it was never published.
        let Some((number, payload)) = place.submitted.pop_front() else { return };
        let (life, has_met, message) = (place.life, place.has_met, message.clone());
        let neighbours = self.hosts[host].node.iter().flat_map(|node| node.neighbours());
        let witnesses = neighbours.filter_map(index_of).map(|peer| (peer, self.hosts[peer].life)).collect();
        let publication = Publication { number, payload, message, life, witnesses, has_met };
        self.timeline.observe(host, Observation::Published(publication));
    }

    /// A node ends. Its neighbours' connections break once they hear of it: soon, or (`silent`) when their keep-alive
    /// gives up.
    pub(in crate::sim) fn end_life(&mut self, host: usize, silent: bool) {
        self.hosts[host].end();
        self.wires.end(&mut self.timeline, host, silent);
        self.timeline.observe(host, Observation::Ended);
    }

    /// A node comes back, unless it has already.
    pub(in crate::sim) fn rise(&mut self, host: usize, life: u32) {
        if self.hosts[host].life == life && self.is_down(host) {
            self.begin_life(host, Disk::Kept, Vec::new());
        }
    }

    /// Returns whether a node has ended, and not left for good.
    pub(in crate::sim) fn is_down(&self, host: usize) -> bool {
        let place = &self.hosts[host];
        place.node.is_none() && !place.has_left
    }
}
