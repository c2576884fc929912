//! Stories about real processes: each test is a sentence of what the program promises, told through the binary.
#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod adding;
mod alone;
mod audit;
mod bench;
mod by_hand;
mod chaos;
mod connecting;
mod durable;
mod foreground;
mod half_made;
mod half_way;
mod identities;
mod joining;
mod json;
mod lines;
mod list_peers;
mod logs;
mod messages;
mod metrics;
mod misuse;
mod names;
mod namespaces;
mod readme;
mod remove_node;
mod restarting;
mod restructuring;
mod slow_links;
mod start_stop;
mod terminal;
mod testnet;
mod traffic;
mod verdict;
mod watch;
mod watching;
