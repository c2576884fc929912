//! The map of STATE, both ways. Spec section 8.3.

use super::{
    array::{List, Scope, Scoped, WithScope, missing},
    fields::PeerFields,
    values::PeerList,
};
use crate::core::{
    event::record::Level,
    id::{Incarnation, NodeId},
    request::NodeStatus,
};
use serde::{
    Serialize, Serializer,
    de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor},
};
use std::{fmt, time::Duration};

/// A node's account of itself, to be encoded.
pub(super) struct State<'a>(pub(super) &'a NodeStatus);

impl Serialize for State<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let status = self.0;
        // Entries that say nothing are left out, as nodes did that did not know them.
        let numbers = [
            ("health", status.health),
            ("seen_messages", status.seen_messages),
            ("digest", status.digest),
            ("missing", Some(status.missing).filter(|&count| count > 0)),
            ("given_up", Some(status.given_up).filter(|&count| count > 0)),
            ("unproven", Some(status.unproven).filter(|&count| count > 0)),
        ];
        let said = numbers.iter().filter(|(_, number)| number.is_some()).count();
        let level = Some(status.level.name()).filter(|_| status.level != Level::Memory);
        let texts = [&status.name_taken, &status.instance_unstored, &status.log_trouble].into_iter().flatten().count()
            + usize::from(level.is_some());
        let told = texts + usize::from(status.root.is_some()) + usize::from(!status.disturbed.is_empty()) + said;
        let mut map = serializer.serialize_map(Some(14 + told))?;
        map.serialize_entry("node", status.node.as_str())?;
        map.serialize_entry("endpoint", &status.endpoint.to_string())?;
        map.serialize_entry("network", status.network.as_str())?;
        map.serialize_entry("instance", status.instance.as_str())?;
        map.serialize_entry("incarnation", &status.incarnation.0)?;
        map.serialize_entry("version", &status.version)?;
        map.serialize_entry("uptime_ms", &u64::try_from(status.uptime.as_millis()).unwrap_or(u64::MAX))?;
        map.serialize_entry("payload_len_max", &status.payload_len_max)?;
        map.serialize_entry("retained_messages", &status.retained_messages)?;
        map.serialize_entry("retained_bytes", &status.retained_bytes)?;
        map.serialize_entry("unread", &status.unread)?;
        map.serialize_entry("peers", &PeerList(&status.peers))?;
        map.serialize_entry("counters", &status.counters)?;
        map.serialize_entry("peer_counters", &status.peer_counters)?;
        if let Some(root) = &status.root {
            map.serialize_entry("root", root.as_str())?;
        }
        for (name, number) in numbers {
            if let Some(number) = number {
                map.serialize_entry(name, &number)?;
            }
        }
        if !status.disturbed.is_empty() {
            let names: Vec<&str> = status.disturbed.iter().map(NodeId::as_str).collect();
            map.serialize_entry("disturbed", &names)?;
        }
        if let Some(why) = &status.name_taken {
            map.serialize_entry("name_taken", why)?;
        }
        if let Some(why) = &status.instance_unstored {
            map.serialize_entry("instance_unstored", why)?;
        }
        if let Some(level) = level {
            map.serialize_entry("level", level)?;
        }
        if let Some(why) = &status.log_trouble {
            map.serialize_entry("log_trouble", why)?;
        }
        map.end()
    }
}

/// The map of STATE.
pub(super) struct StateMap;

impl<'de> Scoped<'de> for StateMap {
    type Value = NodeStatus;

    fn decode<D: Deserializer<'de>>(self, scope: &mut Scope<'_>, deserializer: D) -> Result<NodeStatus, D::Error> {
        deserializer.deserialize_map(WithScope { scope, seed: self })
    }
}

/// Reads the entry of a map that `$slot` waits for.
macro_rules! entry {
    ($map:ident, $slot:ident) => {
        $slot = Some($map.next_value()?)
    };
}

/// The value of a map's entry, which must have come.
macro_rules! entered {
    ($slot:ident) => {
        $slot.ok_or_else(|| missing(stringify!($slot)))?
    };
}

impl<'de> Visitor<'de> for WithScope<'_, '_, StateMap> {
    type Value = NodeStatus;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<NodeStatus, M::Error> {
        let (mut node, mut endpoint, mut network, mut instance, mut version) = (None, None, None, None, None);
        let (mut incarnation, mut uptime_ms, mut payload_len_max) = (None, None, None);
        let (mut retained_messages, mut retained_bytes, mut unread) = (None, None, None);
        let (mut peers, mut counters, mut peer_counters) = (None, None, None);
        let (mut root, mut health, mut seen_messages, mut digest) = (None::<&str>, None, None, None);
        let (mut missing_streams, mut given_up, mut unproven) = (0, 0, 0);
        let (mut disturbed, mut name_taken, mut instance_unstored) = (Vec::<&str>::new(), None, None);
        let (mut level, mut log_trouble) = (None::<&str>, None);
        while let Some(key) = map.next_key::<&str>()? {
            match key {
                "node" => node = Some(map.next_value::<&str>()?),
                "endpoint" => endpoint = Some(map.next_value::<&str>()?),
                "network" => network = Some(map.next_value::<&str>()?),
                "instance" => instance = Some(map.next_value::<&str>()?),
                "version" => entry!(map, version),
                "incarnation" => entry!(map, incarnation),
                "uptime_ms" => entry!(map, uptime_ms),
                "payload_len_max" => entry!(map, payload_len_max),
                "retained_messages" => entry!(map, retained_messages),
                "retained_bytes" => entry!(map, retained_bytes),
                "unread" => entry!(map, unread),
                "counters" => entry!(map, counters),
                "peer_counters" => entry!(map, peer_counters),
                "root" => entry!(map, root),
                "health" => entry!(map, health),
                "seen_messages" => entry!(map, seen_messages),
                "digest" => entry!(map, digest),
                "missing" => missing_streams = map.next_value()?,
                "given_up" => given_up = map.next_value()?,
                "unproven" => unproven = map.next_value()?,
                "disturbed" => disturbed = map.next_value()?,
                "name_taken" => entry!(map, name_taken),
                "instance_unstored" => entry!(map, instance_unstored),
                "level" => entry!(map, level),
                "log_trouble" => entry!(map, log_trouble),
                "peers" => {
                    let seed = List::<PeerFields>::up_to(usize::MAX);
                    peers = Some(map.next_value_seed(WithScope { scope: &mut *self.scope, seed })?);
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        let (node, endpoint, network): (&str, &str, &str) = (entered!(node), entered!(endpoint), entered!(network));
        let instance: &str = entered!(instance);
        Ok(NodeStatus {
            node: node.parse().map_err(M::Error::custom)?,
            endpoint: endpoint.parse().map_err(M::Error::custom)?,
            network: network.parse().map_err(M::Error::custom)?,
            instance: instance.parse().map_err(M::Error::custom)?,
            incarnation: Incarnation(entered!(incarnation)),
            version: entered!(version),
            uptime: Duration::from_millis(entered!(uptime_ms)),
            peers: entered!(peers),
            payload_len_max: entered!(payload_len_max),
            retained_messages: entered!(retained_messages),
            retained_bytes: entered!(retained_bytes),
            unread: entered!(unread),
            counters: entered!(counters),
            peer_counters: entered!(peer_counters),
            root: root.map(str::parse).transpose().map_err(M::Error::custom)?,
            health,
            seen_messages,
            digest,
            missing: missing_streams,
            given_up,
            unproven,
            disturbed: disturbed.into_iter().map(str::parse).collect::<Result<_, _>>().map_err(M::Error::custom)?,
            name_taken,
            instance_unstored,
            level: level.and_then(Level::named).unwrap_or(Level::Memory),
            log_trouble,
        })
    }
}
