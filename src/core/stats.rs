//! Counters of a node. Nothing is dropped or refused without a counter: in total, and by peer.

mod histogram;

pub use histogram::{Deliveries, HOPS_BOUNDS, Histogram, LATENCY_BOUNDS};

use super::id::NodeId;
use std::{collections::BTreeMap, time::Duration};

macro_rules! named {
    ($(#[$meta:meta])* $name:ident { $($(#[doc = $doc:literal])+ $variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $($(#[doc = $doc])+ $variant,)+ }

        impl $name {
            /// All of them, in the order of their declaration.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The name that people and other programs see.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// Meaning of the counter, as a sentence for people.
            pub const fn help(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+).trim_ascii(),)+ }
            }
        }
    };
}

named! {
    /// Something that happened to a node as a whole or at one of its peers.
    Counter {
        /// Messages submitted to this node and accepted.
        Published = "published",
        /// Messages that reached this node for the first time, its own included.
        Delivered = "delivered",
        /// Copies of messages that it had already.
        Duplicates = "duplicates",
        /// Messages sent over a link, also in frames that it then could not take.
        Sent = "sent",
        /// Announcements sent: frames, each of which may name many messages.
        Announced = "announced",
        /// Neighbours told to push an origin's messages no more.
        Pruned = "pruned",
        /// Neighbours asked to push an origin's messages.
        Grafted = "grafted",
        /// Questions for messages that were missed.
        Pulls = "pulls",
        /// Messages sent because they were asked for.
        Resent = "resent",
        /// Messages given up because no neighbour keeps them any more.
        GivenUp = "given_up",
        /// Digests sent: frames that tell what this node has seen.
        Digests = "digests",
        /// Offers of missed messages that there was no room to note; a later digest repeats them.
        OffersDropped = "offers_dropped",
        /// Neighbours sought in the place of those that are gone.
        Sought = "sought",
        /// Lives taken up because an earlier one had the same number.
        Renewed = "renewed",
        /// Traced copies beyond what the relay rule accepts from one neighbour.
        Surplus = "surplus",
        /// Traced copies that came after their message had left the inbox, or too long before its payload.
        Late = "late",
        /// Copies not passed on because their path reached `path_len_max`.
        PathLimit = "path_limit",
        /// Frames not sent because the link's queue was full.
        QueueFull = "queue_full",
        /// Batches of messages that came in pieces and were dropped before they were whole: pieces were missing, came no more, or had no
        /// room.
        ChunksDropped = "chunks_dropped",
        /// Frames not sent because the link was not connected.
        NotConnected = "not_connected",
        /// Frames that a fault to order kept from leaving.
        Disturbed = "disturbed",
        /// Replies not sent because the client does not read, or is gone.
        RepliesDropped = "replies_dropped",
        /// Messages dropped from the inbox to keep its bounds.
        Evicted = "evicted",
        /// Of those, the ones that nobody had read.
        EvictedUnread = "evicted_unread",
        /// Gaps in the ids of an origin given up before their time for want of room.
        ClosedGaps = "closed_gaps",
        /// Messages dropped as copies that may have been none: which of their range or life came is forgotten, for want of
        /// room.
        Unsure = "unsure",
        /// Requests received.
        Requests = "requests",
        /// Submissions recognised as a repeat of one that was answered.
        Repeated = "repeated",
        /// Links closed and opened again because their connection had died unseen; what it held is lost.
        Reopened = "reopened",
        /// Peers forgotten because they had been dead for longest and their place was needed.
        Forgotten = "peers_forgotten",
        /// Refusals by other nodes.
        RefusedByPeer = "refused_by_peer",
    }
}

named! {
    /// Reason why something from the network was refused. Each leaves the node as it was.
    Refusal {
        /// Not a header of this protocol: no MessagePack, truncated, another mark, a wrong type of field.
        Malformed = "malformed",
        /// A protocol version that this node does not speak.
        UnsupportedVersion = "unsupported_version",
        /// A type of frame that this node does not know.
        UnknownType = "unknown_type",
        /// More or fewer frames than the type has, or no empty frame before the header.
        Envelope = "envelope",
        /// A payload, header or frame over its limit.
        TooLarge = "too_large",
        /// A value out of its range.
        BadRequest = "bad_request",
        /// A node of a network with another name.
        OtherNetwork = "other_network",
        /// The longest payload differs.
        OtherPayloadMax = "other_payload_max",
        /// A node of another start of this network.
        OtherInstance = "other_instance",
        /// A node whose routing id is not its name.
        BadIdentity = "bad_identity",
        /// A node that uses our own name.
        NameTaken = "name_taken",
        /// A frame of a node that has not said HELLO.
        NotIntroduced = "not_introduced",
        /// No room for one more peer.
        PeersFull = "peers_full",
        /// No room for a neighbour that this node does not need.
        NoVacancy = "no_vacancy",
        /// No room to remember one more origin, or one more gap of it.
        OriginsFull = "origins_full",
        /// Queues are filling up: try again.
        Busy = "busy",
        /// The node's disk has no room for what is submitted.
        DiskFull = "disk_full",
        /// The node's log could not be written.
        LogFailed = "log_failed",
        /// A fault was ordered of a node that was started without `--chaos`.
        NotAllowed = "not_allowed",
        /// The links that a client waited for did not come up in time.
        NotReady = "not_ready",
        /// The node is leaving its network.
        Leaving = "leaving",
    }
}

impl Refusal {
    /// The reason that a code names, if this program knows it.
    pub fn named(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|refusal| refusal.name() == code)
    }

    /// Returns whether a greeting may be refused so, and would be again.
    pub const fn answers_greeting(self) -> bool {
        use Refusal::{BadRequest, Malformed, NotIntroduced, UnknownType, UnsupportedVersion};
        let is_unread = matches!(self, BadRequest | Malformed | UnsupportedVersion | UnknownType);
        is_unread || (self.denies_introduction() && !matches!(self, NotIntroduced))
    }

    /// Returns whether a node that was refused so is no peer, or no more. The others are about a single frame.
    pub const fn denies_introduction(self) -> bool {
        use Refusal::{
            BadIdentity, Leaving, NameTaken, NoVacancy, NotIntroduced, OtherInstance, OtherNetwork, OtherPayloadMax,
            PeersFull,
        };
        matches!(
            self,
            OtherNetwork
                | OtherInstance
                | OtherPayloadMax
                | BadIdentity
                | NameTaken
                | NotIntroduced
                | PeersFull
                | NoVacancy
                | Leaving
        )
    }
}

/// Counts of one node or one peer, by [`Counter`] and [`Refusal`].
#[derive(Debug, Clone, Default)]
pub struct Tallies {
    counters: [u64; Counter::ALL.len()],
    refusals: [u64; Refusal::ALL.len()],
    /// Time at which something was counted here last, as a count of touches.
    touched: u64,
}

impl Tallies {
    /// Value of `counter`.
    pub fn get(&self, counter: Counter) -> u64 {
        self.counters[counter as usize]
    }

    /// Number of refusals for this reason.
    pub fn refused(&self, refusal: Refusal) -> u64 {
        self.refusals[refusal as usize]
    }

    /// All that is not zero, by name; refusals as `refused_…`.
    pub fn named(&self) -> BTreeMap<String, u64> {
        let counters = Counter::ALL.iter().map(|&c| (c.name().to_owned(), self.get(c)));
        let refusals = Refusal::ALL.iter().map(|&r| (format!("refused_{}", r.name()), self.refused(r)));
        counters.chain(refusals).filter(|&(_, count)| count > 0).collect()
    }
}

/// All counts of a node: in total, and by peer for the `peers_max` peers of which something was counted last.
#[derive(Debug, Clone)]
pub struct Stats {
    total: Tallies,
    by_peer: BTreeMap<NodeId, Tallies>,
    deliveries: Deliveries,
    peers_max: usize,
    /// Number of times that something was counted at a peer.
    touches: u64,
}

impl Stats {
    /// All zero. One peer more than `peers_max` takes the line of the one of which nothing was counted for longest: it stays
    /// in the total.
    pub fn new(peers_max: usize) -> Self {
        let (total, deliveries) = (Tallies::default(), Deliveries::default());
        Self { total, by_peer: BTreeMap::new(), deliveries, peers_max, touches: 0 }
    }

    /// Counts messages that came from another node together, by the time that they took and the links that they crossed.
    pub fn delivered(&mut self, latency: Duration, hops: u32, times: u64) {
        self.deliveries.add(latency, hops, times);
    }

    /// The messages that came from other nodes.
    pub fn deliveries(&self) -> &Deliveries {
        &self.deliveries
    }

    /// Counts once, and once more for `peer` if there is one.
    pub fn count(&mut self, counter: Counter, peer: Option<&NodeId>) {
        self.add(counter, peer, 1);
    }

    /// Counts `times`, as far as there are numbers: how much was given up is what neighbours say.
    pub fn add(&mut self, counter: Counter, peer: Option<&NodeId>, times: u64) {
        // Most messages close no gap and evict nothing: they need not look for the peer's line.
        if times == 0 {
            return;
        }
        let count = |counts: &mut u64| *counts = counts.saturating_add(times);
        count(&mut self.total.counters[counter as usize]);
        if let Some(tallies) = peer.and_then(|peer| self.peer_mut(peer)) {
            count(&mut tallies.counters[counter as usize]);
        }
    }

    /// Counts a refusal, and once more for `peer` if there is one.
    pub fn refuse(&mut self, refusal: Refusal, peer: Option<&NodeId>) {
        self.total.refusals[refusal as usize] += 1;
        if let Some(tallies) = peer.and_then(|peer| self.peer_mut(peer)) {
            tallies.refusals[refusal as usize] += 1;
        }
    }

    /// The counts of the node as a whole.
    pub fn total(&self) -> &Tallies {
        &self.total
    }

    /// The counts of each peer, by name.
    pub fn by_peer(&self) -> &BTreeMap<NodeId, Tallies> {
        &self.by_peer
    }

    fn peer_mut(&mut self, peer: &NodeId) -> Option<&mut Tallies> {
        if self.by_peer.len() >= self.peers_max && !self.by_peer.contains_key(peer) {
            let idle = self.by_peer.iter().min_by_key(|(_, tallies)| tallies.touched);
            let idle = idle.map(|(idle, _)| idle.clone())?;
            self.by_peer.remove(&idle);
        }
        self.touches += 1;
        let tallies = self.by_peer.entry(peer.clone()).or_default();
        tallies.touched = self.touches;
        Some(tallies)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_end_at_the_highest_number() {
        let (mut stats, peer) = (Stats::new(1), NodeId::numbered(1));
        for _ in 0..2 {
            stats.add(Counter::GivenUp, Some(&peer), u64::MAX - 1);
        }
        assert_eq!([stats.total(), &stats.by_peer()[&peer]].map(|counts| counts.get(Counter::GivenUp)), [u64::MAX; 2]);
    }

    #[test]
    fn counts_stand_in_total_and_by_peer_within_the_bound() {
        let mut stats = Stats::new(1);
        let [a, b] = [1, 2].map(NodeId::numbered);
        stats.count(Counter::Duplicates, Some(&a));
        stats.count(Counter::Duplicates, Some(&b));
        stats.refuse(Refusal::Malformed, None);
        assert_eq!(stats.total().get(Counter::Duplicates), 2);
        assert_eq!(stats.by_peer().len(), 1);
        assert_eq!(stats.by_peer()[&b].get(Counter::Duplicates), 1, "one that was here long ago keeps no line");
        let named = stats.total().named();
        assert_eq!(named.into_iter().collect::<Vec<_>>(), [("duplicates".into(), 2), ("refused_malformed".into(), 1)]);
    }
}
