//! How nodes come to live, what ids they give, and how they end.

use super::{Cluster, NOBODY};
use crate::{
    core::{
        config::Config,
        event::{LogSeq, Record},
        id::Incarnation,
        message::Message,
        node::Node,
        request::Request,
    },
    sim::{
        checker::{Publication, Survivor, Violation, index_of},
        host::{Event, Host, endpoint},
        scenario::{Contact, Disk, Join},
    },
};
use rand::RngExt;
use std::time::Duration;

impl Cluster {
    /// A node begins a life: with an incarnation that its disk or its clock gives, what its log tells, and its neighbours
    /// declared or one address to begin with.
    pub(in crate::sim) fn begin_life(
        &mut self,
        host: usize,
        disk: Disk,
        records: Vec<Record>,
    ) -> Result<(), Violation> {
        let now = self.clock(host);
        let place = &mut self.hosts[host];
        let last = place.stored.filter(|_| disk == Disk::Kept).map(Incarnation);
        let chance = self.lives.random();
        let incarnation = Incarnation::next(last, now.wall, chance).expect("no clock is off by centuries").0;
        place.renew(self.now, incarnation);
        let config = Config {
            node: self.graph.nodes()[host].clone(),
            endpoint: endpoint(host),
            network: "simulated".parse().expect("a name of letters"),
            instance: "one".parse().expect("a word of letters"),
            protocol: self.scenario.protocol(),
            limits: self.limits.clone(),
        };
        let seed = self.seed ^ incarnation ^ (host as u64) << 40;
        let place = &mut self.hosts[host];
        for record in &records {
            if let Record::Received { message, .. } = record {
                self.checker.remembered(host, place.life, &message.id);
            }
        }
        if self.keeps_records {
            place.log.records.clone_from(&records);
        }
        place.node = Some(Node::recover(
            config,
            Incarnation(incarnation),
            seed,
            "simulated",
            now,
            (1..).map(LogSeq).zip(records),
        ));
        self.come_and_go();
        let request = match self.scenario.join {
            Some(join) => {
                let contact = self.contact(host, join).into_iter();
                Request::Join { contacts: contact.map(|contact| (None, endpoint(contact))).collect() }
            }
            None => {
                let named = |&peer: &usize| (Some(self.graph.nodes()[peer].clone()), endpoint(peer));
                Request::Connect { peers: self.graph.neighbours(host).iter().map(named).collect() }
            }
        };
        self.ask(host, NOBODY, request)
    }

    /// Whom a node knows that joins; nobody, if it is the first.
    fn contact(&mut self, host: usize, join: Join) -> Option<usize> {
        let lowest = self.lots.random_range(0..host.max(1) as u32) as usize;
        let contact = if join.contact == Contact::First { 0 } else { lowest };
        let others = (0..self.hosts.len()).filter(|&other| other != host);
        // Whoever comes back may find its contact gone: it is told of another one.
        let other = [contact].into_iter().chain(others).find(|&other| other != host && self.lives(other));
        other.or_else(|| Some(contact).filter(|&contact| contact != host))
    }

    /// A node has given an id to a message that was handed to it.
    pub(super) fn mint(&mut self, host: usize, message: &Message) -> Result<(), Violation> {
        let place = &mut self.hosts[host];
        // Nothing is waiting: the checker will find that it was never published.
        let Some((number, payload)) = place.submitted.pop_front() else { return Ok(()) };
        let (life, has_met) = (place.life, place.has_met);
        if std::mem::take(&mut self.is_presence_stale) {
            self.presence.push(self.hosts.iter().map(|place| place.node.is_some()).collect());
        }
        let neighbours = self.hosts[host].node.iter().flat_map(|node| node.neighbours());
        let witnesses = neighbours.filter_map(index_of).map(|peer| (peer, self.hosts[peer].life)).collect();
        let (at, presence) = (self.now, self.presence.len() - 1);
        let publication = Publication { number, origin: host, life, at, presence, payload, witnesses, has_met };
        let published = self.checker.published(publication, message);
        published.map_err(|wrong| self.violation(host, wrong))
    }

    /// A node ends. Its neighbours' connections break once they hear of it: soon, or (`silent`) when their keep-alive
    /// gives up.
    pub(in crate::sim) fn end_life(&mut self, host: usize, silent: bool) {
        let place = &mut self.hosts[host];
        place.end(self.now);
        let links = std::mem::take(&mut place.links);
        for number in links.into_iter().flatten() {
            self.close(number);
        }
        for &number in &self.hosts[host].incoming {
            let connection = &self.connections[number as usize];
            if connection.is_up && !connection.is_closed {
                let keep_alive = self.network.model.break_after.0;
                let notice = if silent { keep_alive } else { Duration::from_nanos(connection.latency) };
                let event = Event::Break { connection: number, epoch: connection.epoch };
                self.queue.push(self.now + notice, event);
            }
        }
        self.come_and_go();
    }

    /// A life has begun or ended.
    pub(in crate::sim) fn come_and_go(&mut self) {
        self.is_presence_stale = true;
        let hosts = &self.hosts;
        self.checker.recount(self.now, || survivors(hosts));
    }

    /// The nodes that live, each with its life.
    pub(in crate::sim) fn survivors(&self) -> Vec<Option<Survivor>> {
        survivors(&self.hosts)
    }
}

fn survivors(hosts: &[Host]) -> Vec<Option<Survivor>> {
    let survivor = |place: &Host| place.node.as_ref().map(|_| Survivor { life: place.life, began: place.began });
    hosts.iter().map(survivor).collect()
}
