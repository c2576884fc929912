//! Names that shells complete: those of networks and of the nodes in the record of one.

use super::candidate::Candidate;
use crate::{
    chaos::Kind,
    core::id::NetworkName,
    launcher::{Manifest, Networks},
};

/// Names of networks that begin so.
pub(super) fn networks(begun: &str) -> Vec<Candidate> {
    let recorded = Networks::from_environment().map(|networks| networks.recorded()).unwrap_or_default();
    let named = recorded.into_iter().filter(|folder| folder.network().as_str().starts_with(begun));
    let told = |record: Manifest| format!("{}, {} nodes", record.topology, record.nodes.len());
    named
        .map(|folder| {
            let help = folder.read_record().ok().flatten().map(told);
            Candidate::new(folder.network().as_str(), help.unwrap_or_default())
        })
        .collect()
}

/// Names of nodes that begin so, behind those of a list that stand there already: `1,2,`.
pub(super) fn nodes(begun: &str, words: &[String]) -> Vec<Candidate> {
    let (before, begun) = begun.split_at(begun.rfind(',').map_or(0, |comma| comma + 1));
    let nodes = record(words).map(|record| record.nodes).unwrap_or_default();
    let named = nodes.iter().filter(|node| node.node.as_str().starts_with(begun));
    named.map(|node| Candidate::new(&format!("{before}{}", node.node), node.endpoint.authority())).collect()
}

/// Kinds of faults, the last of a list.
pub(super) fn faults(begun: &str) -> Vec<Candidate> {
    let (before, begun) = begun.split_at(begun.rfind(',').map_or(0, |comma| comma + 1));
    let named = Kind::ALL.map(Kind::name).into_iter().filter(|name| name.starts_with(begun));
    named.map(|name| Candidate::new(&format!("{before}{name}"), String::new())).collect()
}

/// The record of the network that the line is about.
fn record(words: &[String]) -> Option<Manifest> {
    let network = network(words, std::env::var("GOSSIP_NETWORK").ok())?;
    Networks::from_environment().ok()?.folder(&network).read_record().ok().flatten()
}

/// The network that is typed last, or that the environment names.
fn network(words: &[String], variable: Option<String>) -> Option<NetworkName> {
    let parts: Vec<&str> = words.iter().flat_map(|word| word.splitn(2, '=')).filter(|part| !part.is_empty()).collect();
    let typed = parts.windows(2).rfind(|pair| pair[0] == "--network").map(|pair| pair[1].to_owned());
    typed.or(variable).unwrap_or_else(|| "default".to_owned()).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_those_of_the_network_that_is_typed() {
        for (line, variable, name) in [
            ("send-message", None, "default"),
            ("send-message", Some("env"), "env"),
            ("--network a send-message", Some("env"), "a"),
            ("send-message --network=b", None, "b"),
            ("send-message --network = c", None, "c"),
        ] {
            let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
            assert_eq!(network(&words, variable.map(str::to_owned)).unwrap().as_str(), name, "{line}");
        }
    }
}
