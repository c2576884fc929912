//! Knobs of a node: the waits that follow from how far apart nodes are, and the bounds of what a node keeps for others.
//!
//! Numbers that no network needs to set stand as constants beside the mechanism that they belong to: windows, pauses and tries
//! of `dissemination` (pieces, announcements, questions, digests), the tables and intervals of `membership` (probes, greetings,
//! beats of the root, bridges, places), times to end and to watch of `service` and `node`, the length of a batch in `batch`, and,
//! in `frame`, what one frame may hold.

use super::{
    endpoint::Endpoint,
    event::record::Level,
    id::{Instance, NetworkName, NodeId},
};
use std::time::Duration;

/// Identity of a node, its behaviour, and its bounds.
#[derive(Debug, Clone)]
pub struct Config {
    /// The node's name, unique in its network.
    pub node: NodeId,
    /// Address where other nodes reach it.
    pub endpoint: Endpoint,
    /// The network it belongs to; nodes of another one are refused.
    pub network: NetworkName,
    /// Instance: the start of that network.
    pub instance: Instance,
    /// Protocol of the network.
    pub protocol: Protocol,
    /// The safety of what the node's log holds once it is synced.
    pub level: Level,
    /// Bounds and waits.
    pub limits: Limits,
}

/// Behaviour of a node that may differ from one network to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Protocol {
    /// Dissemination of untraced messages.
    pub dissemination: Broadcast,
    /// True if neighbours that are gone are replaced.
    pub heal: bool,
    /// Neighbours that a node seeks when none are declared. Default 5 (HyParView's active view). Fewer: the overlay falls
    /// apart earlier when nodes die. More: more announcements and probes.
    pub degree: usize,
    /// Timing: how soon things are noticed.
    pub timing: Timing,
    /// True if clients may order faults. Default false: whoever reaches the port could cut the node off.
    pub chaos: bool,
    /// True if several messages may come in one (`batch`). Default true; false for study: as the least member has it.
    pub batch: bool,
}

impl Default for Protocol {
    fn default() -> Self {
        Self { dissemination: Broadcast::Tree, heal: true, degree: 5, timing: Timing::LAN, chaos: false, batch: true }
    }
}

/// Ways in which untraced messages spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Broadcast {
    /// Along one tree for each origin (Plumtree, SRDS 2007), with announcements over the other links.
    #[default]
    Tree,
    /// Over every link: for study.
    Flood,
}

/// Waits that depend on how far apart nodes are. Presets: [`LOCAL`](Self::LOCAL), [`LAN`](Self::LAN), [`WAN`](Self::WAN).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Time that a link may be silent before it is probed, and interval of the probes then. Too short: probes cost more
    /// than messages. Too long: a hung peer is noticed late.
    pub ping_interval: Duration,
    /// Probes in a row that must stay unanswered before a peer is suspected.
    pub pings_missed_max: u32,
    /// Time that a suspected peer has to show that it lives before it is taken for dead; up to eight times as long if
    /// this node is itself late (Lifeguard).
    pub suspicion: Duration,
    /// Interval at which a link that is not up is greeted again.
    pub hello_interval: Duration,
    /// Time that announcements wait for more of them; four times as long in a steady stream. Too short: frames. Too long:
    /// repair begins later.
    pub announce_delay: Duration,
    /// Shortest time between the first announcement of a message and asking for it; from there it follows what is measured.
    /// Too short: payloads are sent twice. Too long: what was lost comes late.
    pub pull_delay_min: Duration,
    /// Longest such time. Too short: payloads are sent twice where links are slow. Too long: what was lost comes late there.
    pub pull_delay_max: Duration,
    /// Interval at which neighbours are told what this node has seen, if that has changed.
    pub digest_interval: Duration,
    /// Time for which what nobody keeps any more is sought before it is given up.
    pub lost_after: Duration,
    /// Interval of the root's beats.
    pub beat_interval: Duration,
    /// Interval at which a sample of the view is exchanged.
    pub shuffle_interval: Duration,
    /// First wait between two attempts to reach a member that is not a neighbour; each further one is twice as long. Too
    /// short: the dead cost greetings. Too long: who is back is found late.
    pub redial_min: Duration,
    /// Longest such wait.
    pub redial_max: Duration,
}

impl Timing {
    /// Time that a neighbour that has begun to send something may send nothing of it, and be taken to be at it still: as
    /// long as one may be silent before it is suspected.
    pub fn standstill(&self) -> Duration {
        self.ping_interval * (self.pings_missed_max + 1)
    }

    /// All nodes on one machine.
    pub const LOCAL: Self = Self {
        // Longer than a beat: where beats come nothing is probed.
        ping_interval: Duration::from_millis(1500),
        pings_missed_max: 1,
        suspicion: Duration::from_secs(1),
        hello_interval: Duration::from_millis(500),
        announce_delay: Duration::from_millis(5),
        pull_delay_min: Duration::from_millis(60),
        pull_delay_max: Duration::from_secs(2),
        digest_interval: Duration::from_millis(500),
        lost_after: Duration::from_secs(2),
        beat_interval: Duration::from_secs(1),
        shuffle_interval: Duration::from_secs(10),
        redial_min: Duration::from_millis(250),
        redial_max: Duration::from_secs(8),
    };
    /// Hosts in one place: round trips of up to some ten milliseconds.
    pub const LAN: Self = Self {
        ping_interval: Duration::from_secs(1),
        pings_missed_max: 3,
        suspicion: Duration::from_secs(2),
        hello_interval: Duration::from_secs(1),
        digest_interval: Duration::from_secs(1),
        lost_after: Duration::from_secs(5),
        redial_min: Duration::from_millis(500),
        redial_max: Duration::from_secs(15),
        ..Self::LOCAL
    };
    /// Hosts on several continents.
    pub const WAN: Self = Self {
        ping_interval: Duration::from_secs(3),
        suspicion: Duration::from_secs(6),
        hello_interval: Duration::from_secs(2),
        announce_delay: Duration::from_millis(20),
        pull_delay_min: Duration::from_millis(200),
        pull_delay_max: Duration::from_secs(5),
        digest_interval: Duration::from_secs(3),
        lost_after: Duration::from_secs(15),
        beat_interval: Duration::from_secs(3),
        redial_min: Duration::from_secs(1),
        redial_max: Duration::from_secs(60),
        ..Self::LAN
    };
}

/// Bounds and waits of a node.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Largest payload in bytes. Default 1 MiB. Smaller: more is refused at submission. Larger: one message
    /// may take that much of every queue it waits in. Nodes that say different ones refuse each other.
    pub payload_len_max: usize,
    /// Most messages kept for reading. Default 100,000. The oldest goes first, and is counted.
    pub retained_messages_max: usize,
    /// Most bytes kept for reading: payloads, recorded paths and the records around them. Default 64 MiB.
    pub retained_bytes_max: usize,
    /// Longest path in hops that is passed on. Default 4096. A copy with a longer one is noted, counted and
    /// goes no further.
    pub path_len_max: usize,
    /// Most peers, declared or met. Default 1024. More are refused.
    pub peers_max: usize,
    /// Most lives of origins whose ids are remembered. Default 65,536. A new one takes the place of the oldest life of the origin that
    /// has most, if these are more than `lives_max`, or else of an older life of its own origin; what is missing of that is
    /// given up. Where neither is there, its messages are refused.
    pub streams_max: usize,
    /// Most intervals of ids remembered for one life of an origin. Default 4096 (64 KiB). Beyond it the oldest gap
    /// is given up, and counted.
    pub intervals_max: usize,
    /// Number of receipts that are kept for a repeated request. Default 16,384. A retry later than that many
    /// further submissions publishes a second message.
    pub receipts_max: usize,
    /// Most bytes in one page of a fetch; a single message that is larger comes alone. Default 1 MiB.
    pub page_len_max: usize,
    /// Most clients that may wait for the links at one time, and most that may watch. Default 64.
    pub waiting_max: usize,
    /// Of those, the ones of one connection. Default 16.
    pub waiting_per_client_max: usize,
    /// Receipts that wait until their messages are safe. Default 262,144. Fewer: clients that send much at once are refused; more:
    /// memory while the disk stalls, some 200 bytes each.
    pub receipts_waiting_max: usize,
    /// Largest payload of a traced message that rides on every frame, so that each copy can be read by itself.
    /// Default 256 bytes. Larger payloads cross each link of the tree once.
    pub small_payload_max: usize,
    /// Most trees, one for each origin. Default 4096. The one that was not used longest is forgotten; its origin's next
    /// message is spread as a new one's.
    pub trees_max: usize,
    /// Lives of each origin that never give way to those of other origins. Default 64.
    pub lives_max: usize,
    /// Most streams of which something is known to be missing at one time. Default 4096.
    pub missing_max: usize,
    /// Most batches that one neighbour is asked for at one time, of the size of those that it has sent lately. They never have more
    /// than 4096 messages together. Default 512.
    pub pull_max: u64,
    /// Most bytes of large bodies that wait for one link. Default 64 MiB. More are dropped, counted, and fetched later.
    pub chunks_waiting_bytes_max: usize,
    /// Most bytes of large bodies that have come in part, of all neighbours together. Default 64 MiB. More are dropped,
    /// counted, and fetched later.
    pub chunks_partial_bytes_max: usize,
    /// Most members in the view beside the neighbours. Default 128.
    pub view_max: usize,
    /// Most ranges of messages given up that are told apart. Default 131,072. Beyond it the lowest of the stream that has most
    /// become one, and what is in it counts as had.
    pub gaps_max: usize,
    /// Most happenings of either kind, events and arrivals, that are kept for those who watch. Default 4096. The oldest go
    /// first; a watcher is told how many it missed.
    pub journal_max: usize,
    /// Time that a leaving node waits for its neighbours' farewells, and a waiting client for the links.
    /// Default 0.5 s, less than the second after which a client asks again, and 60 s.
    pub leave_timeout: Duration,
    /// See [`leave_timeout`](Self::leave_timeout).
    pub ready_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            payload_len_max: 1 << 20,
            retained_messages_max: 100_000,
            retained_bytes_max: 64 << 20,
            path_len_max: 4096,
            peers_max: 1024,
            streams_max: 65_536,
            intervals_max: 4096,
            receipts_max: 16_384,
            page_len_max: 1 << 20,
            waiting_max: 64,
            waiting_per_client_max: 16,
            receipts_waiting_max: 1 << 18,
            small_payload_max: 256,
            trees_max: 4096,
            lives_max: 64,
            missing_max: 4096,
            pull_max: 512,
            chunks_waiting_bytes_max: 64 << 20,
            chunks_partial_bytes_max: 64 << 20,
            view_max: 128,
            gaps_max: 131_072,
            journal_max: 4096,
            leave_timeout: Duration::from_millis(500),
            ready_timeout: Duration::from_secs(60),
        }
    }
}
