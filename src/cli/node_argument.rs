//! A node as it is typed, and the name of one that is started here.

use super::text::is_obeyed;
use crate::core::{
    endpoint::{Endpoint, EndpointError},
    id::{NodeId, NodeIdError},
};
use std::{fmt, str::FromStr};

/// A node as typed: its number or name in the network, or its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeArgument {
    /// Looked up in the record of the network.
    Name(NodeId),
    /// Dialled as it is: `host:port`, with or without `tcp://`.
    Address(Endpoint),
}

/// A text that can be no node.
#[derive(Debug, thiserror::Error)]
pub enum NodeArgumentError {
    /// It has a colon, and is no address.
    #[error("{0}")]
    Address(#[from] EndpointError),
    /// It has none, and is no name.
    #[error("{0}; a NODE is a number, a name, or host:port")]
    Name(#[from] NodeIdError),
}

impl NodeArgument {
    /// The name, if it is one.
    pub fn name(&self) -> Option<&NodeId> {
        match self {
            Self::Name(name) => Some(name),
            Self::Address(_) => None,
        }
    }
}

impl FromStr for NodeArgument {
    type Err = NodeArgumentError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.contains(':') { Ok(Self::Address(text.parse()?)) } else { Ok(Self::Name(text.parse()?)) }
    }
}

impl fmt::Display for NodeArgument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => fmt::Display::fmt(name, f),
            Self::Address(endpoint) => f.pad(&endpoint.authority()),
        }
    }
}

/// Parses the name of a node that is started here: one that commands can tell from addresses, lists and ranges of nodes, and
/// that people can see. Other programs may call their nodes as they like.
pub fn new_name(text: &str) -> Result<NodeId, String> {
    let node: NodeId = text.parse().map_err(|error: NodeIdError| error.to_string())?;
    let is_range = || {
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        text.split_once('-').is_some_and(|(first, last)| is_number(first) && is_number(last))
    };
    if let Some(unseen) = text.chars().find(|&c| is_obeyed(c)) {
        return Err(format!("a node name must not contain {unseen:?}, which cannot be seen"));
    }
    if text.starts_with('.') {
        return Err("a node name must not start with '.'".into());
    }
    if let Some(mark) = text.chars().find(|c| matches!(c, ':' | ',' | '@')) {
        return Err(format!("a node name must not contain '{mark}', which separates addresses and nodes of a list"));
    }
    if is_range() { Err("it stands for a range of nodes; choose another name".into()) } else { Ok(node) }
}
