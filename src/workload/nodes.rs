//! The nodes under load, with a connection to each that stays: asking them must cost the measured machine little.

use super::{
    check::{ReceivedNumbers, counter},
    error::WorkloadError,
};
use crate::{
    client::{Client, ClientError, Clients},
    clock::Deadline,
    core::{
        endpoint::Endpoint,
        id::NodeId,
        request::{Cursor, Fetch, NodeStatus, Page, Reply, Request, Status},
        time::Wall,
    },
    quantity::Time,
};
use std::time::Duration;

/// Interval at which a node is asked whether it has all. When it had it is told by its own time stamps.
const STEP: Duration = Duration::from_millis(20);

/// One of the nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: NodeId,
    /// Address that it listens on.
    pub endpoint: Endpoint,
    /// Its process, if that is on this machine.
    pub pid: Option<u32>,
}

/// All nodes of a network, or those of them that count.
pub struct Nodes {
    members: Vec<Member>,
    clients: Vec<Client>,
}

impl Nodes {
    /// Connects to each; `patience`: the longest wait for a reply.
    pub fn connect(members: Vec<Member>, patience: Duration) -> Result<Self, WorkloadError> {
        let clients = Clients::new()?;
        let connections = members.iter().map(|member| clients.connect(&member.endpoint, patience));
        let clients = connections.collect::<Result<_, ClientError>>()?;
        Ok(Self { members, clients })
    }

    /// Members, in the order in which they were given.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Their processes, as far as they are on this machine.
    pub fn pids(&self) -> impl Iterator<Item = u32> {
        self.members.iter().filter_map(|member| member.pid)
    }

    /// Status of each.
    pub fn statuses(&mut self) -> Result<Vec<NodeStatus>, WorkloadError> {
        Ok(self.clients.iter_mut().map(Client::status).collect::<Result<_, _>>()?)
    }

    /// The position of the newest message of each.
    pub fn positions(&mut self) -> Result<Vec<u64>, WorkloadError> {
        let newest = |client: &mut Client| Ok(page(client, 0, 1)?.through);
        self.clients.iter_mut().map(newest).collect()
    }

    /// Waits until each has received `count` messages more than it had `before`.
    pub fn await_delivered(
        &mut self,
        before: &[NodeStatus],
        count: u64,
        patience: Duration,
    ) -> Result<(), WorkloadError> {
        let deadline = Deadline::after(patience);
        for (place, client) in self.clients.iter_mut().enumerate() {
            let had = before.get(place).map_or(0, |before| counter(before, "delivered"));
            loop {
                let status = client.status()?;
                let gained = counter(&status, "delivered").saturating_sub(had);
                if gained >= count {
                    break;
                }
                if !deadline.pause(STEP) {
                    let text =
                        format!("after {} node {} has {gained} of {count} messages", Time(patience), status.node);
                    return Err(WorkloadError::TimedOut(text));
                }
            }
        }
        Ok(())
    }

    /// Times at which the node at a place received each of the messages `0..count` of a run. They must be all that it received after
    /// a position, each once and as it was sent.
    pub fn received(&mut self, place: usize, after: u64, count: u64, size: usize) -> Result<Vec<Wall>, WorkloadError> {
        let client = &mut self.clients[place];
        let wrong = |text: String| WorkloadError::Wrong(format!("node {} {text}", self.members[place].name));
        let mut received = ReceivedNumbers::new(count, size);
        let mut next = Some(after + 1);
        while let Some(position) = next {
            let page = page(client, position, u64::MAX)?;
            page.messages.iter().try_for_each(|message| received.note(message)).map_err(wrong)?;
            next = page.next.map(|cursor| cursor.position);
        }
        Ok(received.finish().map_err(wrong)?.into_iter().map(Wall).collect())
    }

    /// Times at which the last node received each of the messages, all nodes having been looked at as [`received`](Self::received)
    /// does.
    pub fn received_by_all(&mut self, after: &[u64], count: u64, size: usize) -> Result<Vec<Wall>, WorkloadError> {
        let mut last = vec![Wall(0); usize::try_from(count).unwrap_or(usize::MAX)];
        for (place, &after) in after.iter().enumerate() {
            for (last, received) in last.iter_mut().zip(self.received(place, after, count, size)?) {
                *last = received.max(*last);
            }
        }
        Ok(last)
    }
}

fn page(client: &mut Client, position: u64, limit: u64) -> Result<Page, WorkloadError> {
    let from = Cursor { position, paths: 0 };
    match client.call(&Request::Fetch(Fetch { status: Status::All, from, through: None, limit, mark: false }))?.reply {
        Reply::Page(page) => Ok(page),
        other => Err(WorkloadError::Wrong(format!("a node did not reply with a page but {other:?}"))),
    }
}
