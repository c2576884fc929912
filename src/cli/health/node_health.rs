//! Account of one node: as text for people, as a document for programs.

use super::wording;
use crate::{
    cli::{
        error::ErrorBody,
        text::{self, Shown, count},
    },
    core::{
        id::{NodeId, natural_key},
        neighbours::MemberState,
        request::{NodeStatus, PeerInfo},
    },
    quantity::Time,
    survey::{Heard, Judgement, Outcome, Overlay, State, Survey},
};
use serde::Serialize;
use std::{collections::BTreeMap, fmt};

/// Account of one node, or the reason why there is none.
#[derive(Debug, Serialize)]
pub struct NodeHealth {
    /// Its name, or the address that was asked.
    pub node: String,
    endpoint: String,
    /// True if it answered, or is heard by its neighbours and serves no requests.
    pub up: bool,
    /// State of the node.
    pub state: State,
    /// Live neighbours that suspect it or take it for down.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub suspected_by: Vec<String>,
    /// Ids that another node has seen and this one has not; null if that cannot be told.
    pub lag: Option<u64>,
    /// Details that it tells.
    #[serde(flatten)]
    pub details: Option<Box<Details>>,
    /// Error, if it says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorBody>,
}

/// [`NodeStatus`] as programs read it.
#[derive(Debug, Serialize)]
pub struct Details {
    network: String,
    instance: String,
    incarnation: u64,
    version: String,
    uptime_ms: u64,
    payload_len_max: u64,
    /// Messages kept.
    pub retained_messages: u64,
    /// Bytes kept.
    pub retained_bytes: u64,
    /// Messages not read yet.
    pub unread: u64,
    root: Option<String>,
    health: Option<u64>,
    /// Ids seen.
    pub seen_messages: Option<u64>,
    /// In hexadecimal: not every reader of JSON holds 64 bits.
    pub digest: Option<String>,
    /// Streams of which something is missing.
    pub missing: u64,
    /// Messages given up.
    pub given_up: u64,
    /// Messages given up of which others have only said that they exist.
    unproven: u64,
    /// Another node has its name: it takes no messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_taken: Option<String>,
    /// It could not store its instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_unstored: Option<String>,
    /// The safety that its receipts stand for.
    level: &'static str,
    /// Its log cannot keep what is submitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_trouble: Option<String>,
    /// Its peers.
    pub peers: Vec<Peer>,
    /// All counts that are not zero.
    pub counters: Counters,
    /// The same by peer.
    pub peer_counters: BTreeMap<String, Counters>,
}

/// Counts by name.
pub type Counters = BTreeMap<String, u64>;

/// One peer as programs read it.
#[derive(Debug, Serialize)]
pub struct Peer {
    node: Option<String>,
    endpoint: String,
    /// True if the link to it is up.
    pub up: bool,
    /// Its round trip.
    pub round_trip_us: Option<u64>,
    state: Option<&'static str>,
    role: &'static str,
}

impl NodeHealth {
    /// Account of a node of which this was heard, beside the others of its survey, in this overlay, judged so.
    pub fn new(heard: &Heard, survey: &Survey, overlay: &Overlay, judgement: &Judgement) -> Self {
        let name = NodeId::new(&heard.name).ok();
        let suspected_by = name.and_then(|name| overlay.suspects.get(&name));
        let suspected_by: Vec<_> = suspected_by.into_iter().flatten().map(NodeId::to_string).collect();
        let status = heard.status();
        Self {
            node: heard.name.clone(),
            endpoint: heard.endpoint.to_string(),
            up: matches!(heard.outcome, Outcome::Said(_) | Outcome::Deaf),
            state: judgement.state_of(&heard.name),
            suspected_by,
            lag: status.and_then(|status| survey.lag(status)),
            details: status.map(|status| Box::new(Details::from(status.clone()))),
            error: wording::error(heard),
        }
    }

    /// Remark on what is out of the ordinary.
    pub fn remark(&self) -> String {
        let mut remarks = Vec::new();
        if !self.suspected_by.is_empty() && self.state == State::Suspect {
            remarks.push(format!("not heard by {}", text::escape(&self.suspected_by.join(", "))));
        }
        if let Some(details) = &self.details {
            if let Some(why) = &details.name_taken {
                remarks.push(format!("takes no messages: {}", text::escape(why)));
            }
            if let Some(why) = &details.log_trouble {
                remarks.push(format!("takes no messages: {}", text::escape(why)));
            }
            if let Some(why) = &details.instance_unstored {
                remarks.push(format!("could not store its instance: {}", text::escape(why)));
            }
            if details.given_up > 0 {
                remarks.push(format!("{} given up", details.given_up));
            }
            if details.unproven > 0 {
                remarks.push(format!("{} only heard of", details.unproven));
            }
            if details.missing > 0 {
                remarks.push(format!("fetching missed messages of {}", count(details.missing, "stream")));
            }
            if details.health.is_some_and(|health| health > 0) {
                remarks.push("overloaded: its timers run late".to_owned());
            }
        }
        remarks.extend(self.error.as_ref().map(|error| error.message.clone()));
        remarks.join("; ")
    }
}

impl From<NodeStatus> for Details {
    fn from(status: NodeStatus) -> Self {
        Self {
            network: status.network.to_string(),
            instance: status.instance.as_str().to_owned(),
            incarnation: status.incarnation.0,
            version: status.version,
            uptime_ms: u64::try_from(status.uptime.as_millis()).unwrap_or(u64::MAX),
            payload_len_max: status.payload_len_max,
            retained_messages: status.retained_messages,
            retained_bytes: status.retained_bytes,
            unread: status.unread,
            root: status.root.as_ref().map(NodeId::to_string),
            health: status.health,
            seen_messages: status.seen_messages,
            digest: status.digest.map(|digest| format!("{digest:016x}")),
            missing: status.missing,
            given_up: status.given_up,
            unproven: status.unproven,
            name_taken: status.name_taken,
            instance_unstored: status.instance_unstored,
            level: status.level.name(),
            log_trouble: status.log_trouble,
            peers: status.peers.into_iter().map(Peer::from).collect(),
            counters: status.counters,
            peer_counters: status.peer_counters,
        }
    }
}

impl From<PeerInfo> for Peer {
    fn from(peer: PeerInfo) -> Self {
        Self {
            node: peer.node.as_ref().map(NodeId::to_string),
            endpoint: peer.endpoint.to_string(),
            up: peer.up,
            round_trip_us: peer.round_trip.and_then(|time| u64::try_from(time.as_micros()).ok()),
            state: peer.state.map(MemberState::name),
            role: peer.role.name(),
        }
    }
}

impl Details {
    /// Links that are up, and all.
    pub fn links(&self) -> (usize, usize) {
        (self.peers.iter().filter(|peer| peer.up).count(), self.peers.len())
    }

    /// The round trip in the middle, of links that are up.
    pub fn round_trip_us(&self) -> Option<u64> {
        let mut times: Vec<_> =
            self.peers.iter().filter(|peer| peer.up).filter_map(|peer| peer.round_trip_us).collect();
        times.sort_unstable();
        times.get(times.len() / 2).copied()
    }

    /// A line on each peer with what was counted there, behind one with what was counted in all.
    pub fn show_counters(&self, f: &mut fmt::Formatter<'_>, node: &str) -> fmt::Result {
        write!(f, "\n{}: {}", name(node), Counts(&self.counters))?;
        let mut peers: Vec<_> =
            self.peers.iter().filter_map(|peer| Some((peer.node.as_deref()?, Some(peer)))).collect();
        let gone = self.peer_counters.keys().filter(|counted| !peers.iter().any(|(peer, _)| peer == counted));
        let gone: Vec<_> = gone.map(|node| (node.as_str(), None)).collect();
        peers.extend(gone);
        peers.sort_by_key(|(peer, _)| natural_key(peer));
        for (node, peer) in peers {
            let counters = self.peer_counters.get(node).filter(|counters| !counters.is_empty());
            if peer.is_none() && counters.is_none() {
                continue;
            }
            let how = peer.map_or_else(|| "former peer".to_owned(), Peer::told);
            write!(f, "\n  {} ({how})", name(node))?;
            counters.map_or(Ok(()), |counters| write!(f, ": {}", Counts(counters)))?;
        }
        Ok(())
    }
}

impl Peer {
    /// `up, healing, 180us`.
    fn told(&self) -> String {
        let state = match (self.up, self.state) {
            (true, Some(state)) => state,
            (true, None) => "up",
            (false, Some("down")) => "down",
            // It is heard over its own link.
            (false, Some("up")) => "half-open",
            (false, _) => "not connected",
        };
        let role = Some(self.role).filter(|&role| role != "declared").map(str::to_owned);
        let parts = [Some(state.to_owned()), role, self.round_trip_us.map(micros)];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// Microseconds as people read them: `180us`, `1.23ms`.
pub fn micros(micros: u64) -> String {
    Time::micros(micros).rounded().to_string()
}

/// The node as people see it; an address as it is.
pub fn name(node: &str) -> String {
    let shown = match NodeId::new(node) {
        Ok(id) if !node.contains(':') => Shown(&id).to_string(),
        _ => node.to_owned(),
    };
    text::escape(&shown).into_owned()
}

/// Counters on one line.
pub struct Counts<'a>(pub &'a Counters);

impl fmt::Display for Counts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<_> = self.0.iter().map(|(name, count)| format!("{} {count}", text::escape(name))).collect();
        f.write_str(&texts.join(", "))
    }
}
